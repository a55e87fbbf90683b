//! `onduty item`: shows an item, or changes it.

use super::OK;
use super::client::{Client, CommandError, ServerArgs, print_json, segment, shown, time};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// Which item, and what about it.
#[derive(Debug, Args)]
pub struct ItemArgs {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Everything about it
    Show {
        /// Its id, as `onduty now` prints it
        id: String,
    },
    /// Drive it
    Take {
        /// Its id
        id: String,
    },
    /// Stop driving it
    Release {
        /// Its id
        id: String,
    },
    /// Tick a line of its checklist
    Tick {
        /// Its id
        id: String,
        /// The line, from 1
        line: usize,
        /// Clear it instead
        #[arg(long)]
        clear: bool,
    },
    /// Put it out of sight until something happens
    Snooze {
        /// Its id
        id: String,
        /// 1h, next-shift, next-rollout, happens-again, condition, or a time such as 2026-03-02T15:00:00Z
        until: String,
        /// For `condition`: when this becomes true
        #[arg(long, value_name = "CEL")]
        expression: Option<String>,
    },
    /// Bring it back before its time
    Wake {
        /// Its id
        id: String,
    },
    /// Say what was found out
    Conclude {
        /// Its id
        id: String,
        /// In your words
        text: String,
        /// Resolve the error at its tracker too
        #[arg(long)]
        resolve: bool,
    },
    /// Open it again
    Reopen {
        /// Its id
        id: String,
    },
    /// Say who owns the cause
    Owner {
        /// Its id
        id: String,
        /// Who; the one who is proposed unless given
        engineer: Option<String>,
    },
    /// Say who mended what it is about, so that suggestions can be judged
    Mended {
        /// Its id
        id: String,
        /// Who
        engineer: String,
    },
    /// Ask why somebody is not proposed as its owner
    WhyNot {
        /// Its id
        id: String,
        /// Who; you unless given
        engineer: Option<String>,
    },
    /// Look at subjects of a baseline as ordinary items
    Baseline {
        /// Its id
        id: String,
        /// How many
        #[arg(default_value_t = 5)]
        count: usize,
    },
}

/// Does it, and prints the item as it is then.
pub async fn run(args: ItemArgs) -> Result<u8, CommandError> {
    let client = Client::new(&args.server)?;
    let (id, call) = match &args.verb {
        Verb::Show { id } => (id, None),
        Verb::Take { id } => (id, Some(("take", json!({})))),
        Verb::Release { id } => (id, Some(("release", json!({})))),
        Verb::Tick { id, line, clear } => {
            let line = line.checked_sub(1).ok_or_else(|| CommandError::BadInput("lines count from 1".to_owned()))?;
            (id, Some(("tick", json!({"line": line, "done": !clear}))))
        }
        Verb::Snooze { id, until, expression } => {
            (id, Some(("snooze", json!({"until": until, "expression": expression}))))
        }
        Verb::Wake { id } => (id, Some(("wake", json!({})))),
        Verb::Conclude { id, text, resolve } => (id, Some(("conclude", json!({"text": text, "resolve": resolve})))),
        Verb::Reopen { id } => (id, Some(("reopen", json!({})))),
        Verb::Owner { id, engineer } => {
            let engineer = match engineer {
                Some(engineer) => engineer.clone(),
                None => proposed(&client, id).await?,
            };
            (id, Some(("owner", json!({"engineer": engineer}))))
        }
        Verb::Mended { id, engineer } => (id, Some(("mended", json!({"engineer": engineer})))),
        Verb::WhyNot { id, engineer } => return why_not(&client, id, engineer.as_deref(), args.server.json).await,
        Verb::Baseline { id, count } => (id, Some(("baseline", json!({"count": count})))),
    };
    let path = format!("/api/v1/items/{}", segment(id));
    let item = match call {
        None => client.get(&path).await?,
        Some((verb, body)) => client.post(&format!("{path}/{verb}"), &body).await?,
    };
    if args.server.json {
        return Ok(print_json(&item));
    }
    print!("{}", text(&item));
    Ok(OK)
}

async fn proposed(client: &Client, id: &str) -> Result<String, CommandError> {
    let item = client.get(&format!("/api/v1/items/{}", segment(id))).await?;
    let proposed = item["proposed"].as_str().map(str::to_owned);
    proposed.ok_or_else(|| CommandError::BadInput("nobody is suggested for this item; name the engineer".to_owned()))
}

async fn why_not(client: &Client, id: &str, engineer: Option<&str>, json: bool) -> Result<u8, CommandError> {
    let query = engineer.map(|engineer| format!("?engineer={}", segment(engineer))).unwrap_or_default();
    let answer = client.get(&format!("/api/v1/items/{}/why-not{query}", segment(id))).await?;
    if json {
        return Ok(print_json(&answer));
    }
    println!("{}", shown(&answer["text"]));
    for reason in answer["reasons"].as_array().into_iter().flatten() {
        println!("  {}", shown(reason));
    }
    Ok(OK)
}

fn text(item: &Value) -> String {
    let state = item["state"]["state"].as_str().unwrap_or_default();
    let mut out = format!("{}   {}\n{}\n", shown(&item["title"]), state, shown(&item["why_text"]));
    if let Some(by) = item["taken"]["by"].as_str() {
        out.push_str(&format!("taken by {}\n", crate::texts::visible(by)));
    }
    if let Some(owner) = item["owner"]["engineer"].as_str() {
        out.push_str(&format!("owner {}\n", crate::texts::visible(owner)));
    }
    for person in item["suggestion_text"].as_array().into_iter().flatten() {
        out.push_str(&format!("suggested: {}\n", shown(person)));
    }
    for (number, line) in item["checklist"].as_array().into_iter().flatten().enumerate() {
        let mark = if line["ticked"].is_null() { " " } else { "x" };
        out.push_str(&format!("[{mark}] {} {}\n", number + 1, shown(&line["text"])));
    }
    for entry in item["history"].as_array().into_iter().flatten() {
        let at = time(&entry["at"], Some("UTC"), None);
        out.push_str(&format!("{at} UTC {}: {}\n", shown(&entry["author_text"]), shown(&entry["text"])));
    }
    out
}
