//! `onduty ask "TEXT"`: asks the one on duty.

use super::OK;
use super::client::{Client, CommandError, ServerArgs, print_json, shown};
use clap::Args;
use serde_json::json;

/// What to ask.
#[derive(Debug, Args)]
pub struct AskArgs {
    /// The question, in your words
    text: String,
    #[command(flatten)]
    server: ServerArgs,
}

/// Asks, and prints the item that it became.
pub async fn run(args: AskArgs) -> Result<u8, CommandError> {
    let client = Client::new(&args.server)?;
    let path = client.duty_path("/questions").await?;
    let item = client.post(&path, &json!({"text": args.text})).await?;
    if args.server.json {
        return Ok(print_json(&item));
    }
    println!("asked: {}\n{}", shown(&item["title"]), shown(&item["id"]));
    Ok(OK)
}
