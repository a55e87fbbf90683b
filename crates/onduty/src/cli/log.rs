//! `onduty log`: a day, a search, or a note.

use super::OK;
use super::client::{Client, CommandError, ServerArgs, print_json, segment, shown, time};
use super::now::zone_of;
use clap::Args;
use serde_json::{Value, json};

/// What to read or write.
#[derive(Debug, Args)]
pub struct LogArgs {
    /// A day such as 2026-03-02; the current shift unless given
    #[arg(long, value_name = "DAY")]
    day: Option<String>,
    /// Entries with these words, newest first
    #[arg(long, value_name = "WORDS", conflicts_with = "day")]
    search: Option<String>,
    /// Write a note
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["day", "search"])]
    note: Option<String>,
    /// The number of the entry that the note corrects
    #[arg(long, value_name = "NUMBER", requires = "note")]
    corrects: Option<i64>,
    #[command(flatten)]
    server: ServerArgs,
}

/// Prints entries, one a line.
pub async fn run(args: LogArgs) -> Result<u8, CommandError> {
    let client = Client::new(&args.server)?;
    if let Some(text) = &args.note {
        let path = client.duty_path("/notes").await?;
        let entry = client.post(&path, &json!({"text": text, "corrects": args.corrects})).await?;
        if args.server.json {
            return Ok(print_json(&entry));
        }
        println!("noted as entry {}", entry["seq"]);
        return Ok(OK);
    }
    let query = match (&args.day, &args.search) {
        (Some(day), _) => format!("?day={}", segment(day)),
        (None, Some(words)) => format!("?q={}", segment(words)),
        (None, None) => String::new(),
    };
    let entries = client.get(&client.duty_path(&format!("/log{query}")).await?).await?;
    if args.server.json {
        return Ok(print_json(&entries));
    }
    let now = client.get(&client.duty_path("").await?).await?;
    let zone = zone_of(&client, &now).await?;
    for entry in entries.as_array().into_iter().flatten() {
        println!("{}", line(entry, zone.as_deref(), args.search.is_some()));
    }
    if entries.as_array().is_none_or(Vec::is_empty) {
        println!("nothing found");
    }
    Ok(OK)
}

fn line(entry: &Value, zone: Option<&str>, with_day: bool) -> String {
    let day = if with_day { format!("{} ", shown(&entry["shift"])) } else { String::new() };
    let text = entry["text"].as_str().map_or_else(|| "(redacted)".to_owned(), crate::texts::visible);
    let about = entry["about"].as_str().map(|title| format!(" ({})", crate::texts::visible(title))).unwrap_or_default();
    format!("{day}{} {}: {text}{about}", time(&entry["at"], zone, None), shown(&entry["author_text"]))
}
