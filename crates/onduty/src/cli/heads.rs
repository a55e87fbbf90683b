//! Heads of the log book that somebody kept elsewhere, for `onduty verify --heads`: the file that the server writes, or
//! the log lines that it ships.

use crate::store::log_book::Head;
use onduty_core::ids::DutyId;
use serde::Deserialize;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// Where heads go in the log, whatever else is in it.
const TARGET: &str = "onduty::log_head";

/// Why a file of heads cannot be compared with.
#[derive(Debug, thiserror::Error)]
pub enum HeadsError {
    #[error("{0}")]
    File(#[from] io::Error),
    #[error("it is not a list of heads: {0}")]
    NotAList(serde_json::Error),
    /// Left out, it would hide what it is for.
    #[error(
        "line {line} speaks of a head and cannot be read; lines have to be whole, as `onduty serve --log json` writes them"
    )]
    Line { line: usize },
    #[error("a head is of entry {0}; entries are counted from 1")]
    NoEntry(i64),
    /// Compared with nothing, everything is well.
    #[error(
        "no head is in it; give the `log-heads.jsonl` of a data folder, or lines of `onduty serve --log json` with the target `{TARGET}`"
    )]
    None,
}

/// A line of the server's log.
#[derive(Deserialize)]
struct Line {
    target: String,
    #[serde(default)]
    fields: serde_json::Value,
}

/// What such a line says of a head.
#[derive(Deserialize)]
struct Fields {
    duty: String,
    seq: i64,
    hash: String,
}

/// The heads in `path`, each once: a list of them, or log lines, among any others.
///
/// # Errors
/// See [`HeadsError`].
pub fn read(path: &Path) -> Result<Vec<Head>, HeadsError> {
    let mut file = BufReader::new(File::open(path)?);
    let is_list = file.fill_buf()?.trim_ascii_start().starts_with(b"[");
    let mut heads: Vec<Head> = match is_list {
        true => serde_json::from_reader(file).map_err(HeadsError::NotAList)?,
        false => shipped(file)?,
    };
    if let Some(odd) = heads.iter().find(|head| head.seq < 1) {
        return Err(HeadsError::NoEntry(odd.seq));
    }
    // The same head is shipped every five minutes for as long as nothing is written.
    let key = |head: &Head| (head.duty.clone(), head.seq, head.hash.clone());
    heads.sort_by_key(key);
    heads.dedup();
    if heads.is_empty() { Err(HeadsError::None) } else { Ok(heads) }
}

fn shipped(mut log: impl BufRead) -> Result<Vec<Head>, HeadsError> {
    let (mut heads, mut line, mut bytes): (Vec<Head>, usize, Vec<u8>) = (Vec::new(), 0, Vec::new());
    loop {
        bytes.clear();
        if log.read_until(b'\n', &mut bytes)? == 0 {
            return Ok(heads);
        }
        line += 1;
        let text = String::from_utf8_lossy(&bytes);
        if !text.contains(TARGET) {
            continue;
        }
        match head_of(&text) {
            // The server repeats itself, and a log of years shall not fill the memory.
            Ok(Some(head)) if heads.last() != Some(&head) => heads.push(head),
            Ok(_) => {}
            Err(_) => return Err(HeadsError::Line { line }),
        }
    }
}

/// The head in a line; `None` where the line only mentions the target. Who ships logs may write something before each line.
fn head_of(text: &str) -> Result<Option<Head>, serde_json::Error> {
    let json = text.find('{').map_or(text, |start| &text[start..]);
    let line: Line = serde_json::from_str(json)?;
    if line.target != TARGET {
        return Ok(None);
    }
    let Fields { duty, seq, hash } = serde_json::from_value(line.fields)?;
    Ok(Some(Head { duty: DutyId::new(duty), seq, hash }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"timestamp":"2026-03-02T13:00:00Z","level":"INFO","fields":{"message":"head of the log book","duty":"developers","seq":7,"hash":"ab"},"target":"onduty::log_head"}"#;

    /// What a file with this text gives: duty and number of each head, or why it cannot be used.
    fn check(text: &str, expected: Result<&[(&str, i64)], &str>) {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("it can be written");
        let said = read(file.path());
        match (said, expected) {
            (Ok(heads), Ok(expected)) => {
                let heads: Vec<(&str, i64)> = heads.iter().map(|head| (head.duty.as_str(), head.seq)).collect();
                assert_eq!(heads, expected, "{text}");
            }
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error} of {text}"),
            (said, _) => panic!("{said:?} of {text}"),
        }
    }

    #[test]
    fn lists_and_log_lines_are_heads() {
        check(r#"[{"duty": "developers", "seq": 7, "hash": "ab"}]"#, Ok(&[("developers", 7)]));
        check(LINE, Ok(&[("developers", 7)]));
        let other = LINE.replace("developers", "@access").replace(":7,", ":9,");
        let noise = r#"{"level":"INFO","fields":{"message":"asked /onduty::log_head"},"target":"onduty::web"}"#;
        // Shipped by somebody who writes before each line, among others, twice, and without an end.
        let log = format!("starting\n{noise}\nNov 26 duty onduty[1]: {LINE}\n\n{LINE}\n{other}\n{LINE}");
        check(&log, Ok(&[("@access", 9), ("developers", 7)]));
        // Two hashes of one entry: both are compared, and one of them will not fit.
        check(&format!("{LINE}\n{}", LINE.replace("\"ab\"", "\"cd\"")), Ok(&[("developers", 7), ("developers", 7)]));
    }

    #[test]
    fn what_would_prove_nothing_is_refused() {
        for nothing in ["", "\n", "[]", "nothing of the kind\n", &LINE.replace("::log_head", "::web")] {
            check(nothing, Err("no head is in it; give the `log-heads.jsonl`"));
        }
        // Cut off before it says what it is: the line is the log's, not a head.
        check(&format!("{LINE}\n{}", &LINE[..100]), Ok(&[("developers", 7)]));
        check(&format!("{LINE}\n{}", &LINE[..LINE.len() - 1]), Err("line 2 speaks of a head and cannot be read"));
        check(&LINE.replace("\"seq\":7,", ""), Err("line 1 speaks"));
        check("INFO onduty::log_head: head of the log book duty=developers seq=7", Err("line 1 speaks"));
        check(&LINE.replace(":7,", ":0,"), Err("a head is of entry 0"));
        check("[7]", Err("it is not a list of heads"));
        check("[", Err("it is not a list of heads"));
    }
}
