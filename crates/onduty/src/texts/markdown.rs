//! A day of the log book as Markdown, to be kept or sent.

use super::{LogLine, Telling, author, event, visible};
use jiff::civil::Date;
use onduty_core::ids::EngineerId;

/// A day of one duty's log book.
#[derive(Debug, Clone, Copy)]
pub struct LogDay<'a> {
    /// The duty, as people write it.
    pub duty: &'a str,
    /// Which day.
    pub day: Date,
    /// Who was on duty, where anybody was.
    pub engineer: Option<&'a EngineerId>,
    /// Oldest first.
    pub lines: &'a [LogLine],
}

/// The day as a Markdown document. Nothing in it becomes markup that did not come from here.
pub fn markdown_log(day: &LogDay<'_>, tell: &Telling<'_>) -> String {
    let mut out = format!("# Log book of {}, {}\n\n", plain(day.duty), tell.long_day(day.day));
    let zone = tell.zone.iana_name().unwrap_or("the duty's own zone");
    match day.engineer {
        Some(engineer) => out.push_str(&format!("On duty: {}. ", plain(&tell.name(engineer)))),
        None => out.push_str("Nobody was on duty. "),
    }
    out.push_str(&format!("Times in {zone}.\n\n"));
    if day.lines.is_empty() {
        out.push_str("Nothing happened.\n");
    }
    for line in day.lines {
        let about = line.item.as_ref().map(|(_, title)| format!(" *{}*", plain(title))).unwrap_or_default();
        let who = plain(&author(&line.author, tell));
        let what = plain(&event(&line.event, tell));
        let corrected = line.corrected_by.map(|seq| format!(" (corrected by entry {seq})")).unwrap_or_default();
        out.push_str(&format!("- **{}** {who}: {what}{about}{corrected}\n", tell.clock(line.at)));
    }
    out
}

/// Text that Markdown shows as it is: no markup, no links, not even bare addresses.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let text = visible(text);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '!' | '#' | '|' | '~' => out.extend(['\\', letter]),
            ':' if letters.peek() == Some(&'/') => out.push_str("&#58;"),
            '.' if out.to_ascii_lowercase().ends_with("www") => out.push_str("&#46;"),
            '@' => out.push_str("&#64;"),
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::sample::{at, paris, roster};
    use super::*;
    use onduty_core::logbook::{Author, Event};

    #[test]
    fn a_day_is_a_document_and_hostile_text_stays_text() {
        let (zone, roster) = (paris(), roster());
        let tell = Telling { now: at("2026-03-02T19:00:00"), zone: &zone, roster: &roster, process: None };
        let entry = |seq, time: &str, author, event| LogLine {
            seq,
            at: at(&format!("2026-03-02T{time}:00")),
            shift: "2026-03-02".parse().unwrap(),
            author,
            event,
            item: None,
            corrected_by: None,
        };
        let lena = || Author::Engineer { id: "lena".into() };
        let lines = [
            entry(1, "09:00", Author::Machine, Event::ShiftStarted { engineer: "lena".into() }),
            entry(
                2,
                "13:20",
                lena(),
                Event::Note { text: "[x](javascript:1) <b>*hi* https://a www.b".into(), corrects: None },
            ),
        ];
        let day = LogDay {
            duty: "developers",
            day: "2026-03-02".parse().unwrap(),
            engineer: Some(&"lena".into()),
            lines: &lines,
        };
        insta::assert_snapshot!(markdown_log(&day, &tell), @r"
        # Log book of developers, Monday 2 March 2026

        On duty: Lena Vogt. Times in Europe/Paris.

        - **09:00** onduty: Lena Vogt is on duty
        - **13:20** Lena Vogt: \[x\](javascript:1) &lt;b&gt;\*hi\* https&#58;//a www&#46;b
        ");
    }
}
