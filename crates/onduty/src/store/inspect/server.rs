//! What a server of PostgreSQL says of itself, asked over one connection that writes nothing.

use crate::store::StoreError;
use crate::store::db::timestamp;
use crate::store::postgres::{CONNECTIONS, OLDEST, sorts_by_bytes};
use jiff::{SignedDuration, Timestamp};
use sqlx::PgConnection;

/// The oldest version that onduty works with, in words.
pub const OLDEST_POSTGRES: &str = "14";

/// A server of PostgreSQL and the database that is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerLook {
    /// Its version, in its own words.
    pub version: String,
    /// Whether that is older than [`OLDEST_POSTGRES`].
    pub is_old: bool,
    /// The database's name.
    pub database: String,
    /// The encoding of its text.
    pub encoding: String,
    /// Its collation.
    pub collation: String,
    /// Whether text is UTF8 and sorted by its bytes, as onduty needs.
    pub sorts_well: bool,
    /// The time zone of its sessions. Times are kept as numbers, so that none is wrong.
    pub zone: String,
    /// Whether it follows another server and takes no writes.
    pub is_standby: bool,
    /// Whether transactions are read-only unless they say otherwise.
    pub is_read_only: bool,
    /// Whether it waits for the disk at all.
    pub fsync: bool,
    /// Whether a page that was half written in a power cut can be mended.
    pub full_page_writes: bool,
    /// What `synchronous_commit` is unless onduty says otherwise.
    pub synchronous_commit: String,
    /// The same as onduty's own writer has it.
    pub synchronous_commit_of_writer: String,
    /// Its clock beside this machine's.
    pub clocks: Clocks,
    /// What the user may do.
    pub rights: Rights,
    /// How many connections the user, the database and the server allow at most.
    pub connections: i64,
    /// How many onduty has.
    pub wanted_connections: i64,
}

/// A server's clock beside this machine's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    /// How far the server's is ahead.
    pub ahead: SignedDuration,
    /// How wrong that may be: the time of a question and its answer.
    pub uncertain: SignedDuration,
}

/// What the user of the address may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    /// Whose they are.
    pub user: String,
    /// Where tables are made; `None` where the search path names no schema that is there.
    pub schema: Option<String>,
    /// Whether tables may be made there.
    pub may_create: bool,
    /// Tables of onduty's that may not be read and written.
    pub missing: Vec<String>,
    /// Tables that belong to somebody else, so that a later version cannot change them.
    pub of_others: Vec<String>,
}

pub(super) async fn look(connection: &mut PgConnection, real_now: fn() -> Timestamp) -> Result<ServerLook, StoreError> {
    const SERVER: &str = "select current_setting('server_version_num')::int, current_setting('server_version'),
        current_setting('TimeZone'), pg_is_in_recovery(), current_setting('default_transaction_read_only') = 'on',
        current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on'";
    const DATABASE: &str = "select datname::text, pg_encoding_to_char(encoding), datcollate::text
        from pg_database where datname = current_database()";
    const COMMITS: &str = "select current_setting('synchronous_commit')";
    let (number, version, zone, is_standby, is_read_only, fsync, full_page_writes): (
        i32,
        String,
        String,
        bool,
        bool,
        bool,
        bool,
    ) = sqlx::query_as(SERVER).fetch_one(&mut *connection).await?;
    let (database, encoding, collation): (String, String, String) =
        sqlx::query_as(DATABASE).fetch_one(&mut *connection).await?;
    let synchronous_commit = sqlx::query_scalar(COMMITS).fetch_one(&mut *connection).await?;
    crate::store::postgres::keep_what_is_committed(connection).await?;
    Ok(ServerLook {
        version,
        is_old: number < OLDEST,
        sorts_well: sorts_by_bytes(&encoding, &collation),
        database,
        encoding,
        collation,
        zone,
        is_standby,
        is_read_only,
        fsync,
        full_page_writes,
        synchronous_commit,
        synchronous_commit_of_writer: sqlx::query_scalar(COMMITS).fetch_one(&mut *connection).await?,
        clocks: clocks(connection, real_now).await?,
        rights: rights(connection).await?,
        connections: connections(connection).await?,
        wanted_connections: CONNECTIONS,
    })
}

/// The best of a few questions: the first has to be planned, and a busy machine may answer late.
async fn clocks(connection: &mut PgConnection, real_now: fn() -> Timestamp) -> Result<Clocks, StoreError> {
    const SQL: &str = "select (extract(epoch from clock_timestamp()) * 1000000)::bigint";
    let mut best: Option<Clocks> = None;
    for _ in 0..4 {
        let asked = real_now();
        let there: i64 = sqlx::query_scalar(SQL).fetch_one(&mut *connection).await?;
        let uncertain = real_now().duration_since(asked);
        let ahead = timestamp("clock", there)?.duration_since(asked + uncertain / 2);
        if best.is_none_or(|best| uncertain < best.uncertain) {
            best = Some(Clocks { ahead, uncertain });
        }
    }
    Ok(best.expect("asked more than once"))
}

async fn rights(connection: &mut PgConnection) -> Result<Rights, StoreError> {
    const SCHEMA: &str = "select current_user::text, current_schema()::text,
        coalesce(has_schema_privilege(current_schema(), 'create'), false)";
    // A list of privileges would ask for any of them.
    const TABLES: &str = "select c.relname::text,
        has_table_privilege(c.oid, 'select') and has_table_privilege(c.oid, 'insert')
            and has_table_privilege(c.oid, 'update') and has_table_privilege(c.oid, 'delete'),
        pg_has_role(c.relowner, 'usage')
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind = 'r' and n.nspname = current_schema() and c.relname = any($1) order by c.relname";
    let (user, schema, may_create): (String, Option<String>, bool) =
        sqlx::query_as(SCHEMA).fetch_one(&mut *connection).await?;
    let tables: Vec<(String, bool, bool)> =
        sqlx::query_as(TABLES).bind(crate::store::schema::tables()).fetch_all(&mut *connection).await?;
    let named = |wanted: fn(&(String, bool, bool)) -> bool| {
        tables.iter().filter(|table| wanted(table)).map(|(name, ..)| name.clone()).collect()
    };
    let (missing, of_others) = (named(|(_, may_use, _)| !may_use), named(|(.., is_own)| !is_own));
    Ok(Rights { user, schema, may_create, missing, of_others })
}

async fn connections(connection: &mut PgConnection) -> Result<i64, StoreError> {
    // A negative limit is none.
    const SQL: &str = "select least(
        (select nullif(greatest(datconnlimit, -1), -1) from pg_database where datname = current_database()),
        (select nullif(greatest(rolconnlimit, -1), -1) from pg_roles where rolname = current_user),
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int)::bigint";
    Ok(sqlx::query_scalar(SQL).fetch_one(connection).await?)
}
