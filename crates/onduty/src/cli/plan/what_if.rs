//! `onduty plan what-if`: what another team would mean, now and then side by side.

use super::super::OK;
use super::super::client::{Client, CommandError, ServerArgs, print_json, segment, shown};
use clap::Args;
use serde_json::Value;

/// Characters of the longest bar of a curve.
const BAR: usize = 30;

/// What would be different.
#[derive(Debug, Args)]
pub struct WhatIfArgs {
    /// `key=value` between semicolons: engineers, without, split, shadow, horizon, cold; the team as it is unless given
    #[arg(value_name = "QUESTION", default_value = "")]
    question: String,
    /// Compare teams of several sizes, such as engineers=10..60
    #[arg(long, value_name = "RANGE")]
    sweep: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

/// Prints the comparison, and the curve.
pub async fn what_if(args: WhatIfArgs) -> Result<u8, CommandError> {
    let client = Client::new(&args.server)?;
    let sweep = args.sweep.map_or_else(String::new, |sweep| format!("&sweep={}", segment(&sweep)));
    let path = format!("/plan/what-if?q={}{sweep}", segment(&args.question));
    let answer = client.get(&client.duty_path(&path).await?).await?;
    if args.server.json {
        return Ok(print_json(&answer));
    }
    print!("{}", told(&answer));
    Ok(OK)
}

fn told(answer: &Value) -> String {
    let rows = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut lines = vec![[String::new(), "now".to_owned(), shown(&answer["question"])]];
    lines.extend(rows(&answer["rows"]).iter().map(|row| ["label", "now", "after"].map(|key| shown(&row[key]))));
    let mut out =
        format!("{}, from {} until {}\n", shown(&answer["headline"]), shown(&answer["from"]), shown(&answer["until"]));
    out += &table(&lines);
    for (when, key) in [("now", "now"), ("then", "after")] {
        for heavy in rows(&answer[key]["heaviest"]) {
            out += &format!("carries most {when}: {}, {}\n", shown(&heavy["name"]), shown(&heavy["words"]));
        }
    }
    for note in rows(&answer["notes"]) {
        out += &format!("{}\n", shown(&note));
    }
    let curve = rows(&answer["curve"]);
    if !curve.is_empty() {
        let least = |point: &Value| point["days_between"]["median"]["days"].as_u64().unwrap_or_default() as usize;
        let most = curve.iter().map(least).max().unwrap_or_default().max(1);
        let mut lines = vec![["engineers", "days between turns", "cold", ""].map(str::to_owned)];
        lines.extend(curve.iter().map(|point| {
            let words = &point["words"];
            let bar = "▇".repeat(least(point) * BAR / most);
            [point["engineers"].to_string(), shown(&words["median"]), shown(&words["cold"]), bar]
        }));
        out += "\n";
        out += &table(&lines);
    }
    out
}

/// Columns as wide as their widest cell.
fn table<const N: usize>(lines: &[[String; N]]) -> String {
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |line: &[String; N]| {
        let cells = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    lines.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_is_a_table_and_a_curve() {
        let point = |engineers: u32, days: u32| {
            let words = json!({"median": days.to_string(), "cold": "0 %"});
            json!({"engineers": engineers, "days_between": {"median": {"days": days}}, "words": words})
        };
        let answer = json!({
            "headline": "Turns would be 28 days apart instead of 14", "from": "2026-03-02", "until": "2026-08-30",
            "question": "engineers=20", "notes": ["Nothing is published."],
            "rows": [{"label": "Engineers", "now": "10", "after": "20"}],
            "now": {"heaviest": [{"name": "Lena\u{1b}[31m", "words": "13 turns, as much as their share"}]},
            "curve": [point(10, 14), point(20, 28)],
        });
        assert_eq!(
            told(&answer),
            "Turns would be 28 days apart instead of 14, from 2026-03-02 until 2026-08-30\n           \
             now  engineers=20\nEngineers  10   20\n\
             carries most now: Lena␛[31m, 13 turns, as much as their share\nNothing is published.\n\n\
             engineers  days between turns  cold\n\
             10         14                  0 %   ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇\n\
             20         28                  0 %   ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇\n"
        );
    }
}
