//! `onduty plan publish`: what a new plan would change, and letting it count.

use super::super::OK;
use super::super::client::{Client, CommandError, ServerArgs, print_json, segment, shown};
use clap::Args;
use jiff::civil::Date;
use serde_json::{Value, json};

/// Days that are printed for each duty; the others are counted.
const SHOWN: usize = 40;

/// Until when, and whether it counts.
#[derive(Debug, Args)]
pub struct PublishArgs {
    /// The last day of the plan; thirteen weeks ahead unless given
    #[arg(long, value_name = "DAY")]
    until: Option<Date>,
    /// Publish the proposal of this name, and nothing else
    #[arg(long, value_name = "DIGEST", conflicts_with = "yes")]
    digest: Option<String>,
    /// Publish whatever is proposed now
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// Prints what would change; with a digest, or `--yes`, lets it count.
pub async fn publish(args: PublishArgs) -> Result<u8, CommandError> {
    let client = Client::new(&args.server)?;
    let asked = args.until.map_or_else(String::new, |until| format!("?until={}", segment(&until.to_string())));
    let proposed = client.get(&client.duty_path(&format!("/plan/proposal{asked}")).await?).await?;
    let digest = args.digest.or_else(|| args.yes.then(|| shown(&proposed["digest"])));
    let answer = match &digest {
        Some(digest) => {
            let body = json!({"until": args.until, "digest": digest});
            client.post(&client.duty_path("/plan/publish").await?, &body).await?
        }
        None => proposed,
    };
    if args.server.json {
        return Ok(print_json(&answer));
    }
    print!("{}", told(&answer));
    match (&digest, args.until) {
        (Some(_), _) => println!("It counts from now on."),
        (None, until) => {
            let until = until.map_or_else(String::new, |until| format!(" --until {until}"));
            println!(
                "Nothing has changed. To let it count: onduty plan publish{until} --digest {}",
                shown(&answer["digest"])
            );
        }
    }
    Ok(OK)
}

fn told(proposal: &Value) -> String {
    let name = |person: &Value| if person.is_null() { "nobody".to_owned() } else { shown(&person["name"]) };
    let rows = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut out = format!("A plan from {} until {}\n", shown(&proposal["from"]), shown(&proposal["until"]));
    for duty in rows(&proposal["duties"]) {
        let (moved, uncovered) = (rows(&duty["moved"]), rows(&duty["uncovered"]));
        let (shifts, until) = (rows(&duty["shifts"]).len(), shown(&duty["relied_on_until"]));
        out += &format!(
            "{}: {shifts} days; {} move of those that people count on until {until}\n",
            shown(&duty["duty"]),
            moved.len()
        );
        for day in moved.iter().take(SHOWN) {
            out += &format!("  {}  {} instead of {}\n", shown(&day["day"]), name(&day["is"]), name(&day["was"]));
        }
        if moved.len() > SHOWN {
            out += &format!("  … and {} more\n", moved.len() - SHOWN);
        }
        for day in uncovered.iter().take(SHOWN) {
            let why: Vec<String> = day["why"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(who, code)| format!("{who} {}", shown(code)))
                .collect();
            out += &format!("  {}  nobody: {}\n", shown(&day["day"]), crate::texts::visible(&why.join(", ")));
        }
    }
    for sentence in rows(&proposal["quality"]) {
        out += &format!("{}\n", shown(&sentence));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proposal_is_told_by_duty() {
        let lena = json!({"id": "lena", "name": "Lena\u{1b}[31m"});
        let proposal = json!({
            "from": "2026-03-03", "until": "2026-06-05", "quality": ["Every day has somebody."],
            "duties": [{
                "duty": "developers", "relied_on_until": "2026-03-16", "shifts": [{}, {}],
                "moved": [{"day": "2026-03-05", "was": lena, "is": null}],
                "uncovered": [{"day": "2026-03-05", "why": {"lena": "leave"}}],
            }],
        });
        assert_eq!(
            told(&proposal),
            "A plan from 2026-03-03 until 2026-06-05\n\
             developers: 2 days; 1 move of those that people count on until 2026-03-16\n  \
             2026-03-05  nobody instead of Lena␛[31m\n  2026-03-05  nobody: lena leave\nEvery day has somebody.\n"
        );
    }
}
