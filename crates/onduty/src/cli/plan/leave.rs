//! `onduty plan leave`: who is away, told one by one or from a file of another program.

use super::super::OK;
use super::super::client::{Client, CommandError, ServerArgs, print_json, segment, shown};
use crate::texts::{count, visible};
use clap::{Args, Subcommand, ValueEnum};
use jiff::civil::Date;
use onduty_core::icalendar::{self, When};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Bytes of a file that is imported.
const MOST_BYTES: u64 = 4 * 1024 * 1024;
/// Leave that one request carries.
const AT_ONCE: usize = 500;

/// What to do.
#[derive(Debug, Args)]
pub struct LeaveArgs {
    #[command(subcommand)]
    command: LeaveCommand,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum LeaveCommand {
    /// Leave that was told, by whom or which calendar, and how to take it back
    List,
    /// Somebody is away
    Add {
        /// First day away, such as 2026-03-02
        from: Date,
        /// Last day away; the first one unless given
        to: Option<Date>,
        /// Who; you unless given
        #[arg(long, value_name = "ENGINEER")]
        engineer: Option<String>,
        /// Why: a plan spares the days beside a planned leave
        #[arg(long, value_enum, default_value_t = Kind::Planned)]
        kind: Kind,
    },
    /// Somebody is there after all
    End {
        /// The leave, as `list` names it
        id: String,
    },
    /// Leave from a file of another program: all of it or none
    ///
    /// FILE.csv has a line of names, of which engineer (or --engineer), from, to and kind are read. FILE.ics is a calendar of one engineer: its
    /// all-day events are leave; events with times are counted and left out. What is known already changes nothing, so that a
    /// file can be imported again and again.
    Import {
        /// FILE.csv or FILE.ics
        file: PathBuf,
        /// Whose leave it is, where the file does not say so
        #[arg(long, value_name = "ENGINEER")]
        engineer: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Planned,
    Long,
    Sick,
}

/// Does what the command says.
pub async fn leave(args: LeaveArgs) -> Result<u8, CommandError> {
    let server = &args.server;
    let client = Client::new(server)?;
    let answer = match args.command {
        LeaveCommand::List => {
            let all = client.get(&client.duty_path("/leave").await?).await?;
            if server.json {
                return Ok(print_json(&all));
            }
            for known in all.as_array().into_iter().flatten() {
                println!("{}", line(known));
            }
            let calendars = client.get(&client.duty_path("/leave/calendars").await?).await?;
            for calendar in calendars.as_array().into_iter().flatten() {
                eprintln!("The calendar {} {}", shown(&calendar["name"]), shown(&calendar["says"]));
                for note in calendar["notes"].as_array().into_iter().flatten() {
                    eprintln!("    {}", shown(note));
                }
            }
            return Ok(OK);
        }
        LeaveCommand::Add { from, to, engineer, kind } => {
            let kind = kind.to_possible_value().map(|value| value.get_name().to_owned());
            let told = json!({"engineer": engineer, "from": from, "to": to.unwrap_or(from), "kind": kind});
            client.post(&client.duty_path("/leave").await?, &json!({"leave": [told]})).await?
        }
        LeaveCommand::End { id } => {
            client.post(&client.duty_path(&format!("/leave/{}/end", segment(&id))).await?, &json!({})).await?
        }
        LeaveCommand::Import { file, engineer } => {
            let read = import(&file, engineer.as_deref()).map_err(CommandError::BadInput)?;
            if read.leave.len() > AT_ONCE {
                let number = read.leave.len();
                return Err(CommandError::BadInput(format!(
                    "{} has {number} leaves, at most {AT_ONCE} are told at once; import it in parts",
                    visible(&file.display().to_string())
                )));
            }
            if read.left_out > 0 {
                eprintln!("{} with times left out: leave is whole days", count(read.left_out, "event"));
            }
            client.post(&client.duty_path("/leave").await?, &json!({"leave": read.leave})).await?
        }
    };
    if server.json {
        return Ok(print_json(&answer));
    }
    if let (Some(new), Some(known)) = (answer["new"].as_u64(), answer["known"].as_u64()) {
        println!("{new} new, {known} known already");
    }
    Ok(OK)
}

/// `0192… lena 2026-03-02..2026-03-06  by omar`
fn line(known: &Value) -> String {
    let part = |key: &str| shown(&known[key]);
    let by = match &known["calendar"] {
        Value::Null => format!("by {}", part("by")),
        _ => format!("by the calendar {}", part("calendar")),
    };
    format!("{}  {} {}..{}  {by}", part("id"), part("engineer"), part("from"), part("to"))
}

/// What a file says.
#[derive(Debug, Default, PartialEq)]
struct Imported {
    leave: Vec<Value>,
    left_out: usize,
}

fn import(file: &Path, engineer: Option<&str>) -> Result<Imported, String> {
    let name = visible(&file.display().to_string());
    let size = std::fs::metadata(file).map_err(|error| format!("{name} cannot be read: {error}"))?.len();
    if size > MOST_BYTES {
        return Err(format!("{name} is larger than {} MB", MOST_BYTES / 1024 / 1024));
    }
    let text = std::fs::read_to_string(file).map_err(|error| format!("{name} cannot be read: {error}"))?;
    let extension = file.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    match extension.as_deref() {
        Some("csv") => from_csv(&name, &text, engineer),
        Some("ics") => match engineer {
            Some(engineer) => from_calendar(&name, &text, engineer),
            None => Err(format!("{name} is a calendar of one engineer; say whose with --engineer")),
        },
        _ => Err(format!("{name} is neither a .csv nor an .ics file")),
    }
}

fn from_csv(name: &str, text: &str, engineer: Option<&str>) -> Result<Imported, String> {
    let mut rows = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(text.as_bytes());
    let bad = |error: csv::Error| format!("{name}: {}", visible(&error.to_string()));
    let header = rows.headers().map_err(bad)?.clone();
    let column = |wanted: &str| {
        header.iter().position(|title| title.trim_start_matches('\u{feff}').eq_ignore_ascii_case(wanted))
    };
    let (who, from, to, kind) = (column("engineer"), column("from"), column("to"), column("kind"));
    let from = from.ok_or_else(|| format!("{name}:1: no column is called `from`; name them engineer,from,to,kind"))?;
    if who.is_none() && engineer.is_none() {
        return Err(format!(
            "{name}:1: no column is called `engineer`; add one, or say whose leave it is with --engineer"
        ));
    }
    let mut imported = Imported::default();
    for row in rows.records() {
        let row = row.map_err(bad)?;
        let line = row.position().map_or(0, csv::Position::line);
        let cell = |column: Option<usize>| column.and_then(|column| row.get(column)).filter(|text| !text.is_empty());
        let day = |text: &str| -> Result<Date, String> {
            text.parse().map_err(|_| format!("{name}:{line}: {} is not a day such as 2026-03-02", visible(text)))
        };
        let engineer = cell(who).or(engineer).ok_or_else(|| format!("{name}:{line}: nobody is named"))?;
        let first = day(cell(Some(from)).unwrap_or_default())?;
        let last = cell(to).map_or(Ok(first), day)?;
        imported
            .leave
            .push(json!({"engineer": engineer, "from": first, "to": last, "kind": cell(kind).unwrap_or("planned")}));
    }
    Ok(imported)
}

/// All-day events. Those that repeat are refused: how far they were meant to be told is not for a file to say.
fn from_calendar(name: &str, text: &str, engineer: &str) -> Result<Imported, String> {
    let events =
        icalendar::read(text).map_err(|(line, why)| format!("{name}:{line}: {}", visible(&why.to_string())))?;
    let mut imported = Imported::default();
    for event in events.iter().filter(|event| !event.is_cancelled) {
        let title = if event.title.is_empty() { "an event without a name" } else { &event.title };
        let title = || format!("{name}:{}: {}", event.line, visible(title));
        match &event.when {
            When::Hours => imported.left_out += 1,
            When::Unreadable(why) => return Err(format!("{}: {}", title(), visible(why))),
            When::Days { .. } if event.is_repeated() => {
                return Err(format!(
                    "{} repeats; write its days one by one, as `working_days` of the roster, or let onduty read the calendar again and again (`leave_calendars`)",
                    title()
                ));
            }
            When::Days { first, last, .. } => {
                imported.leave.push(json!({"engineer": engineer, "from": first, "to": last, "kind": "planned"}));
            }
        }
    }
    Ok(imported)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(engineer: &str, from: &str, to: &str, kind: &str) -> Value {
        json!({"engineer": engineer, "from": from, "to": to, "kind": kind})
    }

    #[test]
    fn a_table_names_people_and_days() {
        let text = "\u{feff}Engineer, From, To, Kind, Note\nlena,2026-03-02,2026-03-06,,\"Rome, at last\"\nomar,2026-05-04,,sick\n";
        let read = from_csv("leave.csv", text, None).unwrap();
        let expected =
            [told("lena", "2026-03-02", "2026-03-06", "planned"), told("omar", "2026-05-04", "2026-05-04", "sick")];
        assert_eq!(read.leave, expected);
        for (text, engineer, says) in [
            ("engineer,to\n", None, "leave.csv:1: no column is called `from`; name them engineer,from,to,kind"),
            (
                "from\n2026-03-02\n",
                None,
                "leave.csv:1: no column is called `engineer`; add one, or say whose leave it is with --engineer",
            ),
            ("from\n2026-03-02\n2.3.2026\n", Some("lena"), "leave.csv:3: 2.3.2026 is not a day such as 2026-03-02"),
            ("engineer,from\n,2026-03-02\n", None, "leave.csv:2: nobody is named"),
        ] {
            assert_eq!(from_csv("leave.csv", text, engineer), Err(says.to_owned()));
        }
    }

    #[test]
    fn all_day_events_of_a_calendar_are_leave() {
        let event = |inside: &str| {
            format!("BEGIN:VEVENT\r\nUID:{}\r\nDTSTAMP:20260101T000000Z\r\n{inside}END:VEVENT\r\n", inside.len())
        };
        let calendar = |events: &[String]| {
            format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\n{}END:VCALENDAR\r\n", events.concat())
        };
        let text = calendar(&[
            event("SUMMARY:Rome\r\nDTSTART;VALUE=DATE:20260302\r\nDTEND;VALUE=DATE:20260307\r\n"),
            event("SUMMARY:A day\r\nDTSTART;VALUE=DATE:20260504\r\n"),
            event("SUMMARY:Dentist\r\nDTSTART:20260505T090000Z\r\nDTEND:20260505T100000Z\r\n"),
            event("SUMMARY:Not any more\r\nSTATUS:CANCELLED\r\nDTSTART;VALUE=DATE:20260601\r\n"),
        ]);
        let read = from_calendar("lena.ics", &text, "lena").unwrap();
        let expected =
            [told("lena", "2026-03-02", "2026-03-06", "planned"), told("lena", "2026-05-04", "2026-05-04", "planned")];
        assert_eq!((read.leave.as_slice(), read.left_out), (expected.as_slice(), 1));
        let weekly = calendar(&[event("SUMMARY:Fridays\r\nDTSTART;VALUE=DATE:20260306\r\nRRULE:FREQ=WEEKLY\r\n")]);
        let says = "lena.ics:4: Fridays repeats; write its days one by one, as `working_days` of the roster, or let onduty read the calendar again and again (`leave_calendars`)";
        assert_eq!(from_calendar("lena.ics", &weekly, "lena"), Err(says.to_owned()));
    }
}
