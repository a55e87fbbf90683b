//! `onduty people`: who may sign in and do what. `onduty token`: tokens for scripts. `onduty access-log`: who did what.

use super::OK;
use super::client::{Client, CommandError, ServerArgs, print_json, segment, shown};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// What about whom.
#[derive(Debug, Args)]
pub struct PeopleArgs {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Every account and what it may do
    List,
    /// Add somebody who is on no roster; prints the account's id
    Add {
        /// As people write it
        name: String,
        /// What they type to sign in
        #[arg(long)]
        login: String,
    },
    /// Make a link that signs somebody in once and lets them choose a password
    Link {
        /// An engineer of the roster, or an account's id
        whom: String,
    },
    /// Grant a role for a duty: viewer, engineer or process-owner; without one, take it away
    Role {
        /// An engineer of the roster, or an account's id
        whom: String,
        /// The duty
        duty: String,
        /// The role
        role: Option<String>,
    },
    /// Make somebody an administrator (yes), or take that away (no)
    Administrator {
        /// An engineer of the roster, or an account's id
        whom: String,
        /// yes or no
        #[arg(value_parser = ["yes", "no"])]
        admin: String,
    },
    /// End every session of somebody
    EndSessions {
        /// An engineer of the roster, or an account's id
        whom: String,
    },
    /// Take away whom a provider of single sign-on knows somebody as; their sessions end
    Unlink {
        /// An engineer of the roster, or an account's id
        whom: String,
    },
    /// Close an account: nobody signs in with it
    Close {
        /// An engineer of the roster, or an account's id
        whom: String,
    },
    /// Open a closed account again
    Open {
        /// An engineer of the roster, or an account's id
        whom: String,
    },
}

/// Asks or changes.
pub async fn run(args: PeopleArgs) -> Result<u8, CommandError> {
    let client = Client::new(&args.server)?;
    let (whom, verb, body) = match &args.what {
        What::List => {
            let people = client.get("/api/v1/people").await?;
            return Ok(if args.server.json { print_json(&people) } else { print_people(&people) });
        }
        What::Add { name, login } => {
            let made = client.post("/api/v1/people", &json!({"name": name, "login": login})).await?;
            println!("{}", shown(&made["id"]));
            return Ok(OK);
        }
        What::Link { whom } => (whom, "link", json!({})),
        What::Role { whom, duty, role } => (whom, "role", json!({"duty": duty, "role": role})),
        What::Administrator { whom, admin } => (whom, "administrator", json!({"admin": admin == "yes"})),
        What::EndSessions { whom } => (whom, "end-sessions", json!({})),
        What::Unlink { whom } => (whom, "unlink", json!({})),
        What::Close { whom } => (whom, "close", json!({})),
        What::Open { whom } => (whom, "open", json!({})),
    };
    let done = client.post(&format!("/api/v1/people/{}/{verb}", segment(whom)), &body).await?;
    if args.server.json {
        return Ok(print_json(&done));
    }
    match verb {
        "link" => println!("works once, for seven days:\n  {}", shown(&done["link"])),
        _ => drop(print_people(&json!([done]))),
    }
    Ok(OK)
}

fn print_people(people: &Value) -> u8 {
    for person in people.as_array().into_iter().flatten() {
        let roles = person["roles"].as_object().into_iter().flatten();
        let mut rights: Vec<String> = roles.map(|(duty, role)| format!("{} of {duty}", shown(role))).collect();
        if person["admin"] == true {
            rights.push("administrator".to_owned());
        }
        if person["closed_at"].is_string() {
            rights.push("closed".to_owned());
        }
        let known = person["engineer"].as_str().or(person["id"].as_str()).unwrap_or_default();
        println!("{:<20} {:<28} {}", crate::texts::visible(known), shown(&person["name"]), rights.join(", "));
    }
    OK
}

/// Tokens of whoever asks; with `--as`, of that engineer.
#[derive(Debug, Args)]
pub struct TokenArgs {
    #[command(subcommand)]
    what: TokenWhat,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum TokenWhat {
    /// Tokens in force
    List,
    /// Make one; it is printed once
    Make {
        /// What it is for
        name: String,
        /// What it may do: read, write, rollout, people
        #[arg(long, required = true, value_delimiter = ',')]
        scope: Vec<String>,
        /// For how many days it works
        #[arg(long, default_value_t = 90)]
        days: i64,
    },
    /// Take one back
    Revoke {
        /// Its id, as `list` shows it
        id: String,
    },
}

/// Lists, makes or revokes.
pub async fn token(args: TokenArgs) -> Result<u8, CommandError> {
    let client = Client::new(&args.server)?;
    match &args.what {
        TokenWhat::List => {
            let account = client.get("/api/v1/account").await?;
            if args.server.json {
                return Ok(print_json(&account["tokens"]));
            }
            for token in account["tokens"].as_array().into_iter().flatten() {
                let scopes: Vec<String> = token["scopes"].as_array().into_iter().flatten().map(shown).collect();
                println!(
                    "{} {} ({}), until {}",
                    shown(&token["id"]),
                    shown(&token["name"]),
                    scopes.join(", "),
                    shown(&token["expires"])
                );
            }
        }
        TokenWhat::Make { name, scope, days } => {
            let body = json!({"name": name, "scopes": scope, "days": days});
            let made = client.post("/api/v1/account/tokens", &body).await?;
            if args.server.json {
                return Ok(print_json(&made));
            }
            println!("{}", shown(&made["token"]));
        }
        TokenWhat::Revoke { id } => {
            let done = client.post(&format!("/api/v1/account/tokens/{}/revoke", segment(id)), &json!({})).await?;
            if args.server.json {
                return Ok(print_json(&done));
            }
            println!("revoked {}", shown(&done["revoked"]));
        }
    }
    Ok(OK)
}

/// What to read of the access log.
#[derive(Debug, Args)]
pub struct AccessLogArgs {
    /// Words to look for
    words: Option<String>,
    /// Most entries
    #[arg(long, default_value_t = 50)]
    limit: u32,
    #[command(flatten)]
    server: ServerArgs,
}

/// Prints entries, newest first.
pub async fn access_log(args: AccessLogArgs) -> Result<u8, CommandError> {
    let client = Client::new(&args.server)?;
    let words = args.words.as_deref().map(|words| format!("&q={}", segment(words))).unwrap_or_default();
    let entries = client.get(&format!("/api/v1/access-log?limit={}{words}", args.limit)).await?;
    if args.server.json {
        return Ok(print_json(&entries));
    }
    for entry in entries.as_array().into_iter().flatten() {
        let text = entry["text"].as_str().map_or_else(|| "redacted".to_owned(), crate::texts::visible);
        println!("{} {text}", shown(&entry["at"]));
    }
    Ok(OK)
}
