//! Which tables a store has, in an order in which they can be filled.

use crate::store::db::on_db;
use crate::store::{Reader, StoreError};
use std::collections::{BTreeMap, BTreeSet};

/// Tables that say something about this very store and its database, not about the instance.
pub(super) const ITS_OWN: [&str; 3] = ["_sqlx_migrations", "last_commit", "restored"];

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Integer,
    Text,
    Bytes,
}

/// A column that a backup has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Whether rows are read in its order.
    is_key: bool,
}

/// A table that a backup has. Names come from the database itself, never from a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
}

impl Table {
    /// Every row, in the order of its key.
    pub(super) fn select(&self) -> String {
        let columns = self.names().join(", ");
        let keys: Vec<&str> =
            self.columns.iter().filter(|column| column.is_key).map(|column| column.name.as_str()).collect();
        let order = if keys.is_empty() { String::new() } else { format!(" order by {}", keys.join(", ")) };
        format!("select {columns} from {}{order}", self.name)
    }

    /// The names of its columns.
    pub(super) fn names(&self) -> Vec<&str> {
        self.columns.iter().map(|column| column.name.as_str()).collect()
    }
}

/// Every table of the store, those that others refer to first.
pub(super) async fn tables(db: &mut Reader) -> Result<Vec<Table>, StoreError> {
    const IN_SQLITE: &str =
        "select t.name, c.name, c.type, c.pk > 0 from pragma_table_list t, pragma_table_info(t.name) c
        where t.schema = 'main' and t.type = 'table' and t.name not like 'sqlite_%' order by t.name, c.cid";
    // The words of the log book are made anew from its texts.
    const IN_POSTGRES: &str = "select c.table_name::text, c.column_name::text, c.data_type::text,
        (exists (select 1 from information_schema.table_constraints k
            join information_schema.key_column_usage u using (constraint_schema, constraint_name)
            where k.constraint_type = 'PRIMARY KEY' and k.table_schema = c.table_schema and k.table_name = c.table_name
            and u.column_name = c.column_name))::int::bigint
        from information_schema.columns c where c.table_schema = current_schema() and c.data_type <> 'tsvector'
        order by c.table_name, c.ordinal_position";
    let sql = if db.is_postgres() { IN_POSTGRES } else { IN_SQLITE };
    let rows: Vec<(String, String, String, i64)> =
        on_db!(db, connection => sqlx::query_as(sql).fetch_all(connection).await)?;
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    for (table, name, column_type, key) in rows {
        if ITS_OWN.contains(&table.as_str()) {
            continue;
        }
        let kind = match column_type.as_str() {
            "INTEGER" | "bigint" => Kind::Integer,
            "TEXT" | "text" => Kind::Text,
            "BLOB" | "bytea" => Kind::Bytes,
            other => {
                let what = format!("{table}.{name} is {other}, which no backup can hold");
                return Err(StoreError::unreadable("schema")(what.into()));
            }
        };
        let known = tables.entry(table.clone()).or_insert(Table { name: table, columns: Vec::new() });
        known.columns.push(Column { name, kind, is_key: key == 1 });
    }
    Ok(in_order(tables, &references(db).await?))
}

/// Which tables refer to which.
async fn references(db: &mut Reader) -> Result<Vec<(String, String)>, StoreError> {
    const IN_SQLITE: &str = "select t.name, f.\"table\" from pragma_table_list t, pragma_foreign_key_list(t.name) f
        where t.schema = 'main' and t.type = 'table'";
    const IN_POSTGRES: &str = "select a.relname::text, b.relname::text from pg_constraint c
        join pg_class a on a.oid = c.conrelid join pg_class b on b.oid = c.confrelid
        where c.contype = 'f' and c.connamespace = current_schema()::regnamespace";
    let sql = if db.is_postgres() { IN_POSTGRES } else { IN_SQLITE };
    Ok(on_db!(db, connection => sqlx::query_as(sql).fetch_all(connection).await)?)
}

/// Those first that all others of theirs are before; by name where it does not matter.
fn in_order(mut tables: BTreeMap<String, Table>, references: &[(String, String)]) -> Vec<Table> {
    let mut ordered = Vec::new();
    while !tables.is_empty() {
        let waits = |name: &str| {
            references.iter().any(|(from, to)| from == name && to != name && tables.contains_key(to.as_str()))
        };
        let ready: BTreeSet<String> = tables.keys().filter(|name| !waits(name)).cloned().collect();
        // A circle cannot be filled in any order; the database then says which row it misses.
        let next = if ready.is_empty() { tables.keys().cloned().collect() } else { ready };
        ordered.extend(next.iter().filter_map(|name| tables.remove(name)));
    }
    ordered
}
