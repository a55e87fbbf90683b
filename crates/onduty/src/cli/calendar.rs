//! `onduty calendar`: addresses from which calendars read turns.

use super::OK;
use super::client::{Client, CommandError, ServerArgs, print_json, segment, shown};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// Calendar feeds of whoever asks; with `--as`, of that engineer; with `--team`, of the duty.
#[derive(Debug, Args)]
pub struct CalendarArgs {
    #[command(subcommand)]
    what: What,
    /// With every shift of the duty, instead of one's own turns
    #[arg(long, global = true)]
    team: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Calendar feeds that there are
    List,
    /// Make one; its address is printed once
    Make {
        /// Which calendar reads it
        name: String,
    },
    /// Take one back
    Revoke {
        /// Its id, as `list` shows it
        id: String,
    },
}

/// Lists, makes or revokes.
pub async fn run(args: CalendarArgs) -> Result<u8, CommandError> {
    let client = Client::new(&args.server)?;
    let base = match args.team {
        true => client.duty_path("/calendar-feeds").await?,
        false => "/api/v1/account/calendar-feeds".to_owned(),
    };
    let answer = match &args.what {
        What::List if args.team => client.get(&base).await?,
        What::List => client.get("/api/v1/account").await?["calendar_feeds"].take(),
        What::Make { name } => client.post(&base, &json!({"name": name})).await?,
        What::Revoke { id } => client.post(&format!("{base}/{}/revoke", segment(id)), &json!({})).await?,
    };
    if args.server.json {
        return Ok(print_json(&answer));
    }
    match &args.what {
        What::List => print_feeds(&answer),
        What::Make { .. } => println!("{}", shown(&answer["address"])),
        What::Revoke { .. } => println!("revoked {}", shown(&answer["revoked"])),
    }
    Ok(OK)
}

fn print_feeds(feeds: &Value) {
    for feed in feeds.as_array().into_iter().flatten() {
        let read = feed["last_read"]
            .as_str()
            .map_or_else(|| "never read".to_owned(), |_| format!("last read {}", shown(&feed["last_read"])));
        println!("{} {}, {read}", shown(&feed["id"]), shown(&feed["name"]));
    }
}
