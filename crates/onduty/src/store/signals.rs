//! What the outside was last seen doing: the winner of each subject's observations, and the sources' signs of life.
//!
//! The intake and the engine's own observations come in through [`record`]; every pass and page reads [`snapshot`].
//! How observations fold and what a snapshot must have is for `onduty_core` to say.

use super::db::{from_json, micros, on_db, pieces, placeholders, text, timestamp, to_json};
use super::{Reader, StoreError, Tx};
use jiff::Timestamp;
use onduty_core::engine::Declarations;
use onduty_core::ids::{SourceName, Subject};
use onduty_core::signal::{Kind, Observation, SignalState, Snapshot, fold};
use onduty_core::signal_feeds::{self as rules, ContactState};
use sqlx::AssertSqlSafe;
use std::collections::{BTreeMap, BTreeSet};

type Key = (Kind, Subject);
type ContactKey = (SourceName, Kind);

/// Folds observations into what is known, in their order, each with the duty time at which it was received.
///
/// The journal is the caller's business: what is not there is lost in a replay.
///
/// # Errors
/// When the store cannot be written.
pub async fn record(tx: &mut Tx, seen: &[(&Observation, Timestamp)]) -> Result<(), StoreError> {
    let keys: BTreeSet<Key> =
        seen.iter().filter_map(|(one, _)| Some((one.fact.kind()?, one.subject.clone()))).collect();
    let mut known = load(tx, &keys.into_iter().collect::<Vec<_>>()).await?;
    let mut changed: BTreeSet<Key> = BTreeSet::new();
    for (one, received_at) in seen {
        let Some(kind) = one.fact.kind() else { continue };
        let key = (kind, one.subject.clone());
        if let Some(next) = fold(known.get(&key), one, *received_at) {
            known.insert(key.clone(), next);
            changed.insert(key);
        }
    }
    known.retain(|key, _| changed.contains(key));
    save(tx, &known.iter().collect::<Vec<_>>()).await?;
    record_contacts(tx, seen).await
}

async fn load(db: &mut Reader, keys: &[Key]) -> Result<BTreeMap<Key, SignalState>, StoreError> {
    let mut known = BTreeMap::new();
    for piece in pieces(keys) {
        let sql = format!(
            "select kind, subject, state from signal where (kind, subject) in (values {})",
            placeholders(piece.len(), 2)
        );
        let rows: Vec<(String, String, String)> = on_db!(db, connection => {
            let mut query = sqlx::query_as(AssertSqlSafe(sql));
            for (kind, subject) in piece {
                query = query.bind(kind.as_str()).bind(subject.as_str());
            }
            query.fetch_all(connection).await
        })?;
        for (kind, subject, state) in rows {
            known.insert((Kind::from_word(&kind), Subject::new(subject)), from_json("signal", &state)?);
        }
    }
    Ok(known)
}

async fn save(tx: &mut Tx, states: &[(&Key, &SignalState)]) -> Result<(), StoreError> {
    for piece in pieces(states) {
        let sql = format!(
            "insert into signal (kind, subject, source, branch, lasting, source_time, received_at, state) values {}
            on conflict (kind, subject) do update set source = excluded.source, branch = excluded.branch,
            lasting = excluded.lasting, source_time = excluded.source_time, received_at = excluded.received_at,
            state = excluded.state",
            placeholders(piece.len(), 8)
        );
        on_db!(tx, connection => {
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for ((kind, subject), state) in piece {
                query = query
                    .bind(kind.as_str())
                    .bind(subject.as_str())
                    .bind(state.source.as_str())
                    .bind(rules::branch_of(&state.fact).map(text))
                    .bind(i64::from(rules::is_lasting(&state.fact)))
                    .bind(micros(state.source_time))
                    .bind(micros(state.received_at))
                    .bind(to_json(state));
            }
            query.execute(connection).await.map(drop)
        })?;
    }
    Ok(())
}

async fn record_contacts(tx: &mut Tx, seen: &[(&Observation, Timestamp)]) -> Result<(), StoreError> {
    let touched =
        || seen.iter().flat_map(|(one, at)| rules::kinds_of(one).into_iter().map(move |kind| (*one, *at, kind)));
    let keys: BTreeSet<ContactKey> = touched().map(|(one, _, kind)| (one.source.clone(), kind)).collect();
    let mut known: BTreeMap<ContactKey, ContactState> = BTreeMap::new();
    for piece in pieces(&keys.into_iter().collect::<Vec<_>>()) {
        let sql = format!(
            "select source, kind, last_at, trouble from contact where (source, kind) in (values {})",
            placeholders(piece.len(), 2)
        );
        let rows: Vec<ContactRow> = on_db!(tx, connection => {
            let mut query = sqlx::query_as(AssertSqlSafe(sql));
            for (source, kind) in piece {
                query = query.bind(source.as_str()).bind(kind.as_str());
            }
            query.fetch_all(connection).await
        })?;
        for row in rows {
            let contact = contact(row)?;
            known.insert((contact.source.clone(), contact.kind.clone()), contact);
        }
    }
    let before = known.clone();
    for (one, received_at, kind) in touched() {
        let key = (one.source.clone(), kind);
        let next = rules::fold_contact(known.get(&key), one, &key.1, received_at);
        known.insert(key, next);
    }
    known.retain(|key, next| before.get(key) != Some(next));
    for piece in pieces(&known.values().collect::<Vec<_>>()) {
        let sql = format!(
            "insert into contact (source, kind, last_at, trouble) values {}
            on conflict (source, kind) do update set last_at = excluded.last_at, trouble = excluded.trouble",
            placeholders(piece.len(), 4)
        );
        on_db!(tx, connection => {
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for contact in piece {
                query = query
                    .bind(contact.source.as_str())
                    .bind(contact.kind.as_str())
                    .bind(contact.last.map(micros))
                    .bind(contact.trouble.as_deref().map(text));
            }
            query.execute(connection).await.map(drop)
        })?;
    }
    Ok(())
}

type ContactRow = (String, String, Option<i64>, Option<String>);

fn contact((source, kind, last, trouble): ContactRow) -> Result<ContactState, StoreError> {
    let last = last.map(|last| timestamp("contact", last)).transpose()?;
    Ok(ContactState { source: SourceName::new(source), kind: Kind::from_word(&kind), last, trouble })
}

/// Every source's signs of life.
///
/// # Errors
/// When the store cannot be read.
pub async fn contacts(db: &mut Reader) -> Result<Vec<ContactState>, StoreError> {
    const SQL: &str = "select source, kind, last_at, trouble from contact order by source, kind";
    let rows: Vec<ContactRow> = on_db!(db, connection => sqlx::query_as(SQL).fetch_all(connection).await)?;
    rows.into_iter().map(contact).collect()
}

/// Forgets the signs of life of every source but these, so that a source that was taken out of the instance's file is
/// in trouble no longer. Call it when that file takes effect.
///
/// # Errors
/// When the store cannot be written.
pub async fn keep_contacts_of(tx: &mut Tx, sources: &BTreeSet<SourceName>) -> Result<(), StoreError> {
    const SQL: &str = "delete from contact where source = $1";
    let gone: BTreeSet<SourceName> = contacts(tx).await?.into_iter().map(|contact| contact.source).collect();
    for source in gone.difference(sources) {
        on_db!(tx, connection => sqlx::query(SQL).bind(source.as_str()).execute(connection).await.map(drop))?;
    }
    Ok(())
}

/// The outside world as far as it is known. `branches` are those that any duty watches.
///
/// Has every subject that needs somebody and everything on those branches, whatever its age; of the rest only what is
/// recent, within the bounds that [`onduty_core::signal_feeds`] names, so that a pass never reads years.
///
/// # Errors
/// When the store cannot be read. Never partial: one unreadable row fails the call, because a missing one would read
/// as good news.
pub async fn snapshot(
    db: &mut Reader,
    declarations: &Declarations,
    branches: &BTreeSet<String>,
    now: Timestamp,
) -> Result<Snapshot, StoreError> {
    let feeds = rules::feeds(declarations, &contacts(db).await?, now);
    let rows: Vec<(String, String, String)> = on_db!(db, connection => {
        let mut query = sqlx::query_as(AssertSqlSafe(snapshot_sql(branches.len())))
            .bind(i64::from(rules::ROLLOUTS_KEPT))
            .bind(micros(now - rules::KEPT_AFTER_NEWS))
            .bind(i64::from(rules::QUIET_SUBJECTS_KEPT))
            .bind(i64::from(rules::OTHER_HEADS_KEPT));
        for branch in branches {
            query = query.bind(branch.as_str());
        }
        query.fetch_all(connection).await
    })?;
    let mut signals: BTreeMap<Kind, BTreeMap<Subject, SignalState>> = BTreeMap::new();
    for (kind, subject, state) in rows {
        let of_kind = signals.entry(Kind::from_word(&kind)).or_default();
        if !of_kind.contains_key(subject.as_str()) {
            of_kind.insert(Subject::new(subject), from_json("signal", &state)?);
        }
    }
    Ok(Snapshot { feeds, signals })
}

fn snapshot_sql(branches: usize) -> String {
    let mut sql = "select kind, subject, state from signal where lasting = 1
        union all select * from (select kind, subject, state from signal where kind = 'rollouts'
            order by source_time desc limit $1) as newest_rollouts
        union all select * from (select kind, subject, state from signal
            where received_at >= $2 and lasting = 0 and kind not in ('rollouts', 'commits')
            order by received_at desc limit $3) as with_news
        union all select * from (select kind, subject, state from signal where received_at >= $2 and kind = 'commits'
            order by received_at desc limit $4) as other_heads"
        .to_owned();
    if branches > 0 {
        let places: Vec<String> = (5..branches + 5).map(|n| format!("${n}")).collect();
        let on_branches =
            format!(" union all select kind, subject, state from signal where branch in ({})", places.join(","));
        sql.push_str(&on_branches);
    }
    sql
}

/// What is known of one subject, whatever its age.
///
/// # Errors
/// When the store cannot be read.
pub async fn get(db: &mut Reader, kind: &Kind, subject: &Subject) -> Result<Option<SignalState>, StoreError> {
    let key = (kind.clone(), subject.clone());
    Ok(load(db, std::slice::from_ref(&key)).await?.remove(&key))
}

#[cfg(test)]
#[path = "signals_tests.rs"]
mod tests;
