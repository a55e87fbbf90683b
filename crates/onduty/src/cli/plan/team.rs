//! `onduty plan show`, `cover` and `end-cover`: who serves which day of the configured team.

use super::super::OK;
use super::super::client::{Client, CommandError, ServerArgs, print_json, segment, shown};
use clap::Args;
use jiff::civil::Date;
use serde_json::{Value, json};

/// What to show.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// How many shifts
    #[arg(long, default_value_t = 15)]
    count: usize,
    #[command(flatten)]
    server: ServerArgs,
}

/// Which day, and who serves it.
#[derive(Debug, Args)]
pub struct CoverArgs {
    /// The day, such as 2026-03-02
    day: Date,
    /// Who serves it; you unless given
    engineer: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

/// Which day.
#[derive(Debug, Args)]
pub struct EndCoverArgs {
    /// The day, such as 2026-03-02
    day: Date,
    #[command(flatten)]
    server: ServerArgs,
}

/// Prints the coming shifts.
pub async fn show(args: ShowArgs) -> Result<u8, CommandError> {
    let client = Client::new(&args.server)?;
    let shifts = client.get(&client.duty_path("/team").await?).await?;
    if !args.server.json {
        let plan = client.get(&client.duty_path("/plan").await?).await?;
        for moved in plan["moves"].as_array().into_iter().flatten() {
            eprintln!("{}", news(moved));
        }
    }
    Ok(print(&shifts, args.count, args.server.json))
}

/// `your turns have changed: 2026-03-03 lena serves instead of omar`
fn news(moved: &Value) -> String {
    let who = |value: &Value| if value.is_null() { "nobody".to_owned() } else { shown(value) };
    format!(
        "your turns have changed: {} {} serves instead of {}",
        shown(&moved["day"]),
        who(&moved["is"]),
        who(&moved["was"])
    )
}

/// Says who serves a day instead, and prints the coming shifts.
pub async fn cover(args: CoverArgs) -> Result<u8, CommandError> {
    change(&args.server, args.day, "cover", json!({"engineer": args.engineer})).await
}

/// Takes that back.
pub async fn end_cover(args: EndCoverArgs) -> Result<u8, CommandError> {
    change(&args.server, args.day, "end-cover", json!({})).await
}

pub(super) async fn change(server: &ServerArgs, day: Date, verb: &str, body: Value) -> Result<u8, CommandError> {
    let client = Client::new(server)?;
    let path = format!("/shifts/{}/{verb}", segment(&day.to_string()));
    let shifts = client.post(&client.duty_path(&path).await?, &body).await?;
    let mine: Value =
        shifts.as_array().into_iter().flatten().filter(|shift| shift["day"] == json!(day)).cloned().collect();
    Ok(print(&mine, 1, server.json))
}

pub(super) fn print(shifts: &Value, count: usize, as_json: bool) -> u8 {
    if as_json {
        return print_json(shifts);
    }
    for shift in shifts.as_array().into_iter().flatten().take(count) {
        println!("{}", line(shift));
    }
    OK
}

/// `2026-03-03 Tue  Omar Haddad, agreed, instead of Lena Vogt`
fn line(shift: &Value) -> String {
    let day: Option<Date> = shift["day"].as_str().and_then(|day| day.parse().ok());
    let day = day.map_or_else(String::new, |day| day.strftime("%Y-%m-%d %a").to_string());
    let who = if shift["engineer"].is_null() { "nobody".to_owned() } else { shown(&shift["engineer"]["name"]) };
    let other = || shown(&shift["instead_of"]["name"]);
    let has_other = !shift["instead_of"].is_null();
    let why = match shift["origin"].as_str().unwrap_or_default() {
        "published" => {
            let beside = |key: &str, before: &str, after: &str| match shift[key].is_null() {
                true => String::new(),
                false => format!(", {before}{}{after}", shown(&shift[key]["name"])),
            };
            beside("buddy", "with ", " beside them") + &beside("shadow", "", " watches")
        }
        "covered" if has_other => format!(", agreed, instead of {}", other()),
        "covered" => ", agreed".to_owned(),
        "override" if has_other => format!(", the roster says so, instead of {}", other()),
        "exchanged" => format!(", exchanged this week with {}", other()),
        _ => String::new(),
    };
    format!("{day}  {who}{why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_say_who_and_why() {
        let person = |name: &str| json!({"id": "x", "name": name});
        let shift = |who: Value, origin: &str, instead: Value| {
            line(&json!({"day": "2026-03-03", "engineer": who, "origin": origin, "instead_of": instead}))
        };
        let lena = || person("Lena\u{1b}[31m");
        assert_eq!(shift(lena(), "scheduled", Value::Null), "2026-03-03 Tue  Lena␛[31m");
        assert_eq!(shift(person("Omar"), "covered", person("Lena")), "2026-03-03 Tue  Omar, agreed, instead of Lena");
        assert_eq!(shift(Value::Null, "nobody", Value::Null), "2026-03-03 Tue  nobody");
    }
}
