//! `onduty plan swap`: shifts that are offered and taken.

use super::super::OK;
use super::super::client::{Client, CommandError, ServerArgs, print_json, shown};
use super::team;
use clap::{Args, Subcommand};
use jiff::civil::Date;
use serde_json::{Value, json};

/// What to do with which shift.
#[derive(Debug, Args)]
pub struct SwapArgs {
    #[command(subcommand)]
    command: SwapCommand,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum SwapCommand {
    /// Which shifts are offered
    List,
    /// Offer a shift: it stays whose it is until somebody takes it
    Offer {
        /// The day, such as 2026-03-02
        day: Date,
        /// To this engineer; to everybody unless given
        #[arg(long, value_name = "ENGINEER")]
        to: Option<String>,
        /// For this day of theirs; for nothing unless given
        #[arg(long = "for", value_name = "DAY")]
        in_return: Option<Date>,
    },
    /// Take a shift that is offered
    Take {
        /// The day, such as 2026-03-02
        day: Date,
        /// Who serves it from now on; you unless given
        engineer: Option<String>,
    },
    /// Agree to a swap, where the duty wants that somebody does
    Agree {
        /// The day that was offered
        day: Date,
    },
    /// Take an offer back, or decline it
    End {
        /// The day that was offered
        day: Date,
    },
}

/// Does what the command says.
pub async fn swap(args: SwapArgs) -> Result<u8, CommandError> {
    let server = &args.server;
    match args.command {
        SwapCommand::List => list(server).await,
        SwapCommand::Offer { day, to, in_return } => {
            team::change(server, day, "offer", json!({"to": to, "in_return": in_return})).await
        }
        SwapCommand::Take { day, engineer } => team::change(server, day, "take", json!({"engineer": engineer})).await,
        SwapCommand::Agree { day } => team::change(server, day, "agree", json!({})).await,
        SwapCommand::End { day } => team::change(server, day, "end-offer", json!({})).await,
    }
}

async fn list(server: &ServerArgs) -> Result<u8, CommandError> {
    let client = Client::new(server)?;
    let plan = client.get(&client.duty_path("/plan").await?).await?;
    if server.json {
        return Ok(print_json(&plan["offers"]));
    }
    let offers = plan["offers"].as_array().cloned().unwrap_or_default();
    if offers.is_empty() {
        println!("nobody offers a shift");
    }
    for offer in &offers {
        println!("{}", line(offer));
    }
    Ok(OK)
}

/// `2026-03-03 of omar, to priya, for 2026-03-04; priya takes it, somebody else has to agree`
fn line(offer: &Value) -> String {
    let part = |key: &str, before: &str, after: &str| match offer[key].is_null() {
        true => String::new(),
        false => format!("{before}{}{after}", shown(&offer[key])),
    };
    let to = if offer["to"].is_null() { ", to everybody".to_owned() } else { part("to", ", to ", "") };
    let price: String =
        offer["price"].as_array().into_iter().flatten().map(|price| format!("; {}", shown(price))).collect();
    format!(
        "{} of {}{to}{}{}{price}",
        shown(&offer["day"]),
        shown(&offer["engineer"]),
        part("in_return", ", for ", ""),
        part("taken_by", "; ", " takes it, somebody else has to agree")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_is_one_line() {
        let mut offer =
            json!({"day": "2026-03-03", "engineer": "omar", "to": null, "in_return": null, "taken_by": null});
        assert_eq!(line(&offer), "2026-03-03 of omar, to everybody");
        offer["to"] = json!("priya");
        offer["in_return"] = json!("2026-03-04");
        offer["taken_by"] = json!("priya");
        offer["price"] = json!(["Priya Nair serves Tue 3 Mar and, near to it, Thu 5 Mar"]);
        assert_eq!(
            line(&offer),
            "2026-03-03 of omar, to priya, for 2026-03-04; priya takes it, somebody else has to agree; Priya Nair serves \
             Tue 3 Mar and, near to it, Thu 5 Mar"
        );
    }
}
