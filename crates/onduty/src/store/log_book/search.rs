//! Words of the log book.
//!
//! What people type is never syntax: each word is quoted, and the last one may be the beginning of a longer word. Newest
//! first, because sorting by relevance takes seconds for common words.

use super::{LogRow, words};
use crate::store::db::Connection;
use crate::store::{Reader, StoreError};
use onduty_core::ids::DutyId;
use onduty_core::logbook::Entry;

/// How much of a query is read, in characters.
const MAX_CHARACTERS: usize = 200;

/// How many words of a query are looked for.
const MAX_WORDS: usize = 10;

/// At most `limit` entries that have every word of `query`, newest first; none for a query without a word.
///
/// # Errors
/// When the store cannot be read.
pub async fn search(db: &mut Reader, duty: &DutyId, query: &str, limit: u32) -> Result<Vec<Entry>, StoreError> {
    let words = if db.is_postgres() { words::wanted(&typed(query)) } else { quoted(&typed(query)) };
    let Some(words) = words else { return Ok(Vec::new()) };
    // Full text is one of the few places where databases do not share a statement.
    let rows: Vec<LogRow> = match db.connection() {
        Connection::Sqlite(transaction) => {
            const SQL: &str = "select e.seq, e.at, e.shift_day, e.author, e.item, e.event, e.text, e.corrects, e.hash
                from log_text join log_entry e on e.id = log_text.rowid
                where log_text match $1 and e.duty = $2 order by log_text.rowid desc limit $3";
            let query = sqlx::query_as(SQL).bind(words).bind(duty.as_str()).bind(i64::from(limit));
            query.fetch_all(&mut **transaction).await?
        }
        Connection::Postgres(transaction) => {
            const SQL: &str = "select seq, at, shift_day, author, item, event, text, corrects, hash from log_entry
                where words @@ $1::text::tsquery and duty = $2 order by seq desc limit $3";
            let query = sqlx::query_as(SQL).bind(words).bind(duty.as_str()).bind(i64::from(limit));
            query.fetch_all(&mut **transaction).await?
        }
    };
    rows.into_iter().map(|row| row.entry(duty)).collect()
}

/// As much of a query as is looked for, by its words; words without a letter or digit are none.
fn typed(query: &str) -> Vec<String> {
    let query: String = query.chars().take(MAX_CHARACTERS).filter(|letter| *letter != '\0').collect();
    let words = query.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).take(MAX_WORDS);
    words.map(str::to_owned).collect()
}

/// The words of a query as FTS5 strings, the last one as a prefix; `None` when there is no word in it.
fn quoted(typed: &[String]) -> Option<String> {
    let words: Vec<String> = typed.iter().map(|word| format!("\"{}\"", word.replace('"', "\"\""))).collect();
    (!words.is_empty()).then(|| words.join(" ") + "*")
}

#[cfg(test)]
mod tests {
    use super::{quoted, typed};

    #[test]
    fn what_people_type_is_never_syntax() {
        for (query, expected) in [
            ("red main", Some(r#""red" "main"*"#)),
            ("  red\t\n", Some(r#""red"*"#)),
            ("", None),
            ("\" * - ( ) ^ : +", None),
            ("\"red\"", Some("\"\"\"red\"\"\"*")),
            ("red OR main", Some(r#""red" "OR" "main"*"#)),
            ("NEAR(red main)", Some(r#""NEAR(red" "main)"*"#)),
            ("text:red", Some(r#""text:red"*"#)),
            ("-red", Some(r#""-red"*"#)),
            ("re\0d", Some(r#""red"*"#)),
            ("1 2 3 4 5 6 7 8 9 10 11 12", Some(r#""1" "2" "3" "4" "5" "6" "7" "8" "9" "10"*"#)),
        ] {
            assert_eq!(quoted(&typed(query)).as_deref(), expected, "{query:?}");
        }
        assert_eq!(quoted(&typed(&"é".repeat(300))).map(|words| words.chars().count()), Some(203));
    }
}
