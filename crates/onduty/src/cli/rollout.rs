//! `onduty rollout`: the button.

use super::client::{Client, CommandError, ServerArgs, print_json, segment, shown};
use super::now::gate_text;
use super::{FINDING, OK};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::time::Duration;

/// What about it.
#[derive(Debug, Args)]
pub struct RolloutArgs {
    #[command(subcommand)]
    verb: Verb,
    /// The environment; the first one of the process unless given
    #[arg(long, value_name = "ENVIRONMENT", global = true)]
    environment: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// May we roll out, and why not; exits with 1 while the gate is closed
    Status,
    /// Press the button
    Go {
        /// The revision that you mean, at least 7 characters; what would go out must start with it
        #[arg(long, value_name = "REVISION")]
        revision: String,
        /// Wait for the end and print the output
        #[arg(long)]
        watch: bool,
    },
    /// Follow a rollout to its end
    Watch {
        /// Its id; the one under way unless given
        id: Option<String>,
    },
    /// Say how a rollout ended whose outcome nobody knows
    Resolve {
        /// Its id
        id: String,
        /// `succeeded` or `failed`
        state: String,
    },
    /// Rollouts, newest first
    History,
}

/// Does it.
pub async fn run(args: RolloutArgs) -> Result<u8, CommandError> {
    let client = Client::new(&args.server)?;
    match &args.verb {
        Verb::Status => {
            let gate = gate(&client, args.environment.as_deref()).await?;
            let code = if gate["open"] == true { OK } else { FINDING };
            if args.server.json {
                print_json(&gate);
            } else {
                print!("{}", gate_text(&gate).trim_start());
            }
            Ok(code)
        }
        Verb::Go { revision, watch } => go(&client, &args, revision, *watch).await,
        Verb::Watch { id } => {
            let id = match id {
                Some(id) => id.clone(),
                None => under_way(&client, args.environment.as_deref()).await?,
            };
            follow(&client, &id, args.server.json).await
        }
        Verb::Resolve { id, state } => {
            let path = client.duty_path(&format!("/rollouts/{}/resolve", segment(id))).await?;
            let rollout = client.post(&path, &json!({"state": state})).await?;
            if args.server.json {
                return Ok(print_json(&rollout));
            }
            println!("noted: this rollout {}", shown(&rollout["state"]));
            Ok(OK)
        }
        Verb::History => {
            let rollouts = client.get(&client.duty_path("/rollouts").await?).await?;
            if args.server.json {
                return Ok(print_json(&rollouts));
            }
            for rollout in rollouts.as_array().into_iter().flatten() {
                let how = if rollout["pressed"] == true { "pressed" } else { "observed" };
                println!(
                    "{} {} {} {} ({how})",
                    shown(&rollout["started_at"]),
                    shown(&rollout["environment"]),
                    crate::texts::short_revision(rollout["revision"].as_str().unwrap_or_default()),
                    shown(&rollout["state"]),
                );
            }
            Ok(OK)
        }
    }
}

async fn gate(client: &Client, environment: Option<&str>) -> Result<Value, CommandError> {
    let gates = client.get(&client.duty_path("/gate").await?).await?;
    let mut gates = gates.as_array().cloned().unwrap_or_default().into_iter();
    let found = gates.find(|gate| environment.is_none_or(|name| gate["environment"] == name));
    found.ok_or_else(|| CommandError::BadInput("the process has no such rollout step".to_owned()))
}

async fn go(client: &Client, args: &RolloutArgs, revision: &str, watch: bool) -> Result<u8, CommandError> {
    let gate = gate(client, args.environment.as_deref()).await?;
    if gate["open"] != true {
        return Err(CommandError::Refused(gate_text(&gate).trim().to_owned()));
    }
    let would = gate["revision"].as_str().unwrap_or_default();
    if revision.len() < 7 || !would.starts_with(revision) {
        let short = crate::texts::short_revision(would);
        return Err(CommandError::BadInput(format!(
            "what would go out is {short}, not {revision}; look again, then name it"
        )));
    }
    let body = json!({"environment": gate["environment"], "revision": would, "diff_hash": gate["diff_hash"]});
    let pressed = client.post(&client.duty_path("/rollouts").await?, &body).await?;
    let id = pressed["id"].as_str().unwrap_or_default();
    if watch {
        return follow(client, id, args.server.json).await;
    }
    if args.server.json {
        return Ok(print_json(&pressed));
    }
    println!(
        "{} goes out to {}: onduty rollout watch {id}",
        crate::texts::short_revision(would),
        shown(&gate["environment"])
    );
    Ok(OK)
}

async fn under_way(client: &Client, environment: Option<&str>) -> Result<String, CommandError> {
    let gate = gate(client, environment).await?;
    let id = gate["rollout"]["id"].as_str().map(str::to_owned);
    id.ok_or_else(|| CommandError::Refused("nothing goes out at the moment".to_owned()))
}

/// Prints output as it comes; the exit code tells how it ended.
async fn follow(client: &Client, id: &str, json: bool) -> Result<u8, CommandError> {
    let mut after = 0;
    loop {
        let path = client.duty_path(&format!("/rollouts/{}?after={after}", segment(id))).await?;
        let rollout = client.get(&path).await?;
        let lines = rollout["output"].as_array().cloned().unwrap_or_default();
        for line in &lines {
            after = line["n"].as_i64().unwrap_or(after);
            if !json {
                println!("{}", shown(&line["text"]));
            }
        }
        let state = rollout["state"].as_str().unwrap_or_default();
        if matches!(state, "requested" | "running") || !lines.is_empty() {
            tokio::time::sleep(Duration::from_millis(300)).await;
            continue;
        }
        if json {
            print_json(&rollout);
        } else {
            let reason = rollout["reason"].as_str().map(|text| format!(": {}", crate::texts::visible(text)));
            println!("{state}{}", reason.unwrap_or_default());
        }
        return Ok(if state == "succeeded" { OK } else { FINDING });
    }
}
