//! `onduty handshake`: what is open on both sides of a morning, hands, and what one proposes to the other.

use super::OK;
use super::client::{Client, CommandError, ServerArgs, print_json, segment, shown};
use crate::texts::{count, visible};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// What about it; shows it unless said.
#[derive(Debug, Args)]
pub struct HandshakeArgs {
    #[command(subcommand)]
    command: Option<HandshakeCommand>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum HandshakeCommand {
    /// Hold out a hand to another duty, or take the one that is held out
    Shake {
        /// The other duty
        with: String,
    },
    /// Propose to do something together
    Pair {
        /// The other duty
        with: String,
        /// What, in your words
        text: String,
    },
    /// Propose that another duty takes an item over
    HandOver {
        /// The item, as `onduty now` prints it
        item: String,
        /// The other duty
        to: String,
    },
    /// Agree to a proposal
    Agree {
        /// The proposal, as `onduty handshake` names it
        id: String,
    },
    /// Decline a proposal, or take one of your own back
    Decline {
        /// The proposal, as `onduty handshake` names it
        id: String,
    },
}

/// Does it, and prints what is between the duties.
pub async fn run(args: HandshakeArgs) -> Result<u8, CommandError> {
    let client = Client::new(&args.server)?;
    let all = client.duty_path("/handshake").await?;
    let post = async |rest: String, body: Value| client.post(&client.duty_path(&rest).await?, &body).await;
    match args.command {
        None => {}
        Some(HandshakeCommand::Shake { with }) => {
            post(format!("/handshake/{}", segment(&with)), json!({})).await?;
        }
        Some(HandshakeCommand::Pair { with, text }) => {
            post("/proposals".to_owned(), json!({"to": with, "text": text})).await?;
        }
        Some(HandshakeCommand::HandOver { item, to }) => {
            post("/proposals".to_owned(), json!({"to": to, "item": item})).await?;
        }
        Some(HandshakeCommand::Agree { id }) => {
            post(format!("/proposals/{}/agree", segment(&id)), json!({})).await?;
        }
        Some(HandshakeCommand::Decline { id }) => {
            post(format!("/proposals/{}/decline", segment(&id)), json!({})).await?;
        }
    }
    let answer = client.get(&all).await?;
    if args.server.json {
        return Ok(print_json(&answer));
    }
    let others = answer.as_array().map(Vec::as_slice).unwrap_or_default();
    if others.is_empty() {
        println!("this duty shakes hands with nobody; `handshake` in the roster says with whom");
    }
    for other in others {
        print!("{}", told(other));
    }
    Ok(OK)
}

/// One other duty, a line each thing.
fn told(other: &Value) -> String {
    let hand = |key: &str| other[key]["by"].as_str().map(visible);
    let hands = match (hand("ours"), hand("theirs")) {
        (Some(ours), Some(theirs)) => format!("{ours} and {theirs} shook hands"),
        (Some(ours), None) => format!("{ours} holds out a hand"),
        (None, Some(theirs)) => format!("{theirs} holds out a hand to you"),
        (None, None) => "no handshake yet today".to_owned(),
    };
    let on_duty = other["on_duty"]
        .as_str()
        .map_or_else(|| "nobody is on duty".to_owned(), |id| format!("{} is on duty", visible(id)));
    let items = other["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut said = format!("{} ({on_duty}): {hands}; {}\n", shown(&other["name"]), count(items.len(), "open item"));
    let unknown = other["unknown_steps"].as_u64().unwrap_or_default();
    if unknown > 0 {
        said.push_str(&format!("  {} cannot be judged\n", count(unknown as usize, "step")));
    }
    for gate in other["gates"].as_array().into_iter().flatten() {
        let state = if gate["open"] == true { "open" } else { "closed" };
        said.push_str(&format!("  the gate to {} is {state}\n", shown(&gate["environment"])));
    }
    for item in items {
        said.push_str(&format!("  {}  {}\n", shown(&item["id"]), shown(&item["title"])));
    }
    for proposal in other["proposals"].as_array().into_iter().flatten() {
        said.push_str(&format!(
            "  proposal {}: {} ({})\n",
            shown(&proposal["id"]),
            shown(&proposal["text"]),
            shown(&proposal["by"])
        ));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_duty_is_told_in_lines() {
        let other = json!({
            "name": "DevOps", "on_duty": "omar", "unknown_steps": 2, "gates": [{"environment": "production", "open": false}], "ours": {"by": "lena"}, "theirs": null,
            "items": [{"id": "devops.x.1", "title": "disk \u{1b}[31mfull"}],
            "proposals": [{"id": "p1", "text": "developers proposed to DevOps to do together: keys", "by": "lena"}],
        });
        assert_eq!(
            told(&other),
            "DevOps (omar is on duty): lena holds out a hand; 1 open item\n  2 steps cannot be judged\n  the gate to production is closed\n  devops.x.1  disk ␛[31mfull\n  \
             proposal p1: developers proposed to DevOps to do together: keys (lena)\n"
        );
    }
}
