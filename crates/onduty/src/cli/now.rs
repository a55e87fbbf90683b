//! `onduty now`: who is on duty, the open items, the gate.

use super::client::{Client, CommandError, ServerArgs, print_json, shown, time};
use super::{FINDING, OK};
use clap::Args;
use serde_json::Value;

/// What to show.
#[derive(Debug, Args)]
pub struct NowArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Exit with 1 when something needs somebody
    #[arg(long)]
    check: bool,
}

/// Prints the day in a screen.
pub async fn run(args: NowArgs) -> Result<u8, CommandError> {
    let client = Client::new(&args.server)?;
    let now = client.get(&client.duty_path("").await?).await?;
    let needs =
        now["steps"].as_array().into_iter().flatten().any(|step| step["state"] != "fine" && step["state"] != "off");
    let code = if args.check && needs { FINDING } else { OK };
    if args.server.json {
        print_json(&now);
        return Ok(code);
    }
    let zone = zone_of(&client, &now).await?;
    print!("{}", text(&now, zone.as_deref()));
    Ok(code)
}

/// The zone of the duty that an answer is about.
pub async fn zone_of(client: &Client, now: &Value) -> Result<Option<String>, CommandError> {
    let duties = client.get("/api/v1/duties").await?;
    let mine = duties.as_array().into_iter().flatten().find(|duty| duty["id"] == now["duty"]);
    Ok(mine.and_then(|duty| duty["zone"].as_str()).map(str::to_owned))
}

fn text(now: &Value, zone: Option<&str>) -> String {
    let today = local_day(&now["now"], zone);
    let at = |value: &Value| time(value, zone, today);
    let mut out = match now["on_duty"].as_object() {
        Some(on_duty) => format!("{} is on duty until {}", shown(&on_duty["engineer"]["name"]), at(&on_duty["until"])),
        None => "nobody is on duty".to_owned(),
    };
    if !now["next"].is_null() {
        out.push_str(&format!(", next {} ({})", shown(&now["next"]["engineer"]["name"]), shown(&now["next"]["day"])));
    }
    out.push_str(&format!("   {} · it is {}\n\n", shown(&now["name"]), at(&now["now"])));
    for problem in now["problems"].as_array().into_iter().flatten() {
        out.push_str(&format!("! {}\n", shown(problem)));
    }
    for step in now["steps"].as_array().into_iter().flatten() {
        let shape = match step["state"].as_str().unwrap_or_default() {
            "fine" => "✓",
            "open" => "!",
            "waiting" => "◌",
            "off" => "–",
            _ => "?",
        };
        let detail =
            step["detail"].as_str().map(|text| format!("   {}", crate::texts::visible(text))).unwrap_or_default();
        out.push_str(&format!("{shape} {} ({}){detail}\n", shown(&step["goal"]), shown(&step["state"])));
        for item in step["items"].as_array().into_iter().flatten() {
            out.push_str(&item_text(item, &at));
        }
    }
    for gate in now["gates"].as_array().into_iter().flatten() {
        out.push_str(&gate_text(gate));
    }
    out
}

fn local_day(now: &Value, zone: Option<&str>) -> Option<jiff::civil::Date> {
    let at: jiff::Timestamp = now.as_str()?.parse().ok()?;
    Some(at.to_zoned(jiff::tz::TimeZone::get(zone?).ok()?).date())
}

fn item_text(item: &Value, at: &dyn Fn(&Value) -> String) -> String {
    let taken = item["taken"]["by"].as_str().map(|by| format!(", taken by {}", crate::texts::visible(by)));
    let owner = item["owner"]["engineer"].as_str().map(|by| format!(", owner {}", crate::texts::visible(by)));
    let first = item["suggestion_text"][0].as_str().filter(|_| owner.is_none());
    let mut out = format!(
        "    {}   since {}{}{}\n      {}\n",
        shown(&item["title"]),
        at(&item["opened_at"]),
        taken.unwrap_or_default(),
        owner.unwrap_or_default(),
        shown(&item["id"]),
    );
    if let Some(first) = first {
        out.push_str(&format!("      suggested: {}\n", crate::texts::visible(first)));
    }
    out
}

/// A gate with its reasons.
pub fn gate_text(gate: &Value) -> String {
    let revision = crate::texts::short_revision(gate["revision"].as_str().unwrap_or("unknown"));
    let commits =
        gate["commits"].as_array().map(|commits| format!(", {}", crate::texts::count(commits.len(), "commit")));
    let commits = commits.unwrap_or_default();
    if gate["open"] == true {
        return format!("\nthe gate to {} is open: {revision}{commits} would go out\n", shown(&gate["environment"]));
    }
    let mut out =
        format!("\nthe gate to {} is closed ({revision}{commits} would go out)\n", shown(&gate["environment"]));
    for blocker in gate["blockers"].as_array().into_iter().flatten() {
        out.push_str(&format!("  - {}\n", shown(&blocker["text"])));
    }
    out
}
