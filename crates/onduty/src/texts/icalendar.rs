//! A calendar as text (iCalendar, RFC 5545), for programs that subscribe to it.
//!
//! Called by `app::calendar_feeds`. Pure: events in, bytes out, the same bytes for the same events. Never asks for the
//! time: the times of last changes are the caller's to know.

use super::visible_lines;
use jiff::{SignedDuration, Timestamp};

/// The most bytes of a line, without its end.
const LINE_BYTES: usize = 75;
/// How often programs are asked to look again. Few heed it.
pub const READ_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// Something that happens once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarEvent {
    /// Names it for ever, everywhere.
    pub uid: String,
    /// When it starts.
    pub starts: Timestamp,
    /// When it ends.
    pub ends: Timestamp,
    /// What it is.
    pub summary: String,
    /// Whether whoever's calendar it is in has no time for anything else.
    pub is_busy: bool,
    /// Where there is more about it.
    pub url: Option<String>,
}

/// A calendar with events, each with the time at which it last became different.
pub fn calendar<'a>(name: &str, events: impl Iterator<Item = (&'a CalendarEvent, Timestamp)>) -> String {
    let mut out = Lines::default();
    let hours = format!("PT{}H", READ_EVERY.as_hours());
    out.line("BEGIN", "VCALENDAR");
    out.line("VERSION", "2.0");
    // Without a version: the same calendar is the same text, whichever onduty says it.
    out.line("PRODID", "-//onduty//onduty//EN");
    out.line("CALSCALE", "GREGORIAN");
    out.line("NAME", &escaped(name));
    out.line("X-WR-CALNAME", &escaped(name));
    out.line("REFRESH-INTERVAL;VALUE=DURATION", &hours);
    out.line("X-PUBLISHED-TTL", &hours);
    for (event, changed_at) in events {
        out.event(event, changed_at);
    }
    out.line("END", "VCALENDAR");
    out.0
}

/// One event alone, as it stands in a calendar.
pub fn event(event: &CalendarEvent, changed_at: Timestamp) -> String {
    let mut out = Lines::default();
    out.event(event, changed_at);
    out.0
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn event(&mut self, event: &CalendarEvent, changed_at: Timestamp) {
        self.line("BEGIN", "VEVENT");
        self.line("UID", &escaped(&event.uid));
        // Without METHOD both are the time of the last change (RFC 5545, 3.8.7.2).
        self.line("DTSTAMP", &utc(changed_at));
        self.line("LAST-MODIFIED", &utc(changed_at));
        self.line("DTSTART", &utc(event.starts));
        // What ends when it starts has no end (3.8.2.2): hours that a change of the clocks skips as a whole.
        if event.ends > event.starts {
            self.line("DTEND", &utc(event.ends));
        }
        self.line("SUMMARY", &escaped(&event.summary));
        self.line("TRANSP", if event.is_busy { "OPAQUE" } else { "TRANSPARENT" });
        if let Some(url) = &event.url {
            self.line("URL", url);
        }
        self.line("END", "VEVENT");
    }

    /// Adds a line, folded between letters where it is too long. `value` has no line ends.
    fn line(&mut self, name: &str, value: &str) {
        let mut room = LINE_BYTES;
        for letter in name.chars().chain([':']).chain(value.chars()) {
            if letter.len_utf8() > room {
                self.0.push_str("\r\n ");
                room = LINE_BYTES - 1;
            }
            self.0.push(letter);
            room -= letter.len_utf8();
        }
        self.0.push_str("\r\n");
    }
}

/// As text stands behind a colon (3.3.11): nothing in it ends a line or a value, and nothing is hidden.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in visible_lines(text).chars() {
        match letter {
            '\\' | ';' | ',' => out.extend(['\\', letter]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push(' '),
            _ => out.push(letter),
        }
    }
    out
}

fn utc(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn shift(summary: &str) -> CalendarEvent {
        CalendarEvent {
            uid: "developers-2026-03-02@018e".to_owned(),
            starts: at("2026-03-02T08:00:00Z"),
            ends: at("2026-03-02T18:00:00Z"),
            summary: summary.to_owned(),
            is_busy: false,
            url: Some("https://onduty.acme.example/log?duty=developers&day=2026-03-02".to_owned()),
        }
    }

    /// The lines as a reader has them: unfolded.
    fn unfolded(text: &str) -> Vec<String> {
        text.replace("\r\n ", "").split_terminator("\r\n").map(str::to_owned).collect()
    }

    #[test]
    fn a_calendar_with_a_shift() {
        let shift = shift("Developers: Lena Vogt");
        let text = calendar("Developers", [(&shift, at("2026-02-20T10:11:12.987Z"))].into_iter());
        insta::assert_snapshot!(text.replace("\r\n", "\n"), @r"
        BEGIN:VCALENDAR
        VERSION:2.0
        PRODID:-//onduty//onduty//EN
        CALSCALE:GREGORIAN
        NAME:Developers
        X-WR-CALNAME:Developers
        REFRESH-INTERVAL;VALUE=DURATION:PT1H
        X-PUBLISHED-TTL:PT1H
        BEGIN:VEVENT
        UID:developers-2026-03-02@018e
        DTSTAMP:20260220T101112Z
        LAST-MODIFIED:20260220T101112Z
        DTSTART:20260302T080000Z
        DTEND:20260302T180000Z
        SUMMARY:Developers: Lena Vogt
        TRANSP:TRANSPARENT
        URL:https://onduty.acme.example/log?duty=developers&day=2026-03-02
        END:VEVENT
        END:VCALENDAR
        ");
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count(), "every line ends alike");
    }

    #[test]
    fn lines_are_folded_between_letters_and_read_the_same() {
        // Letters of one to four bytes, shifted so that each of them stands where a line has to end.
        for letter in ["a", "é", "語", "🚀", "👩‍🚀"] {
            for shifted in 0..8 {
                let summary = format!("{}{}", "x".repeat(shifted), letter.repeat(60));
                let text = event(&shift(&summary), Timestamp::UNIX_EPOCH);
                for line in text.split_terminator("\r\n") {
                    assert!(line.len() <= LINE_BYTES, "{} bytes: {line}", line.len());
                    assert!(!line.is_empty() && line != " ", "an empty line in {text}");
                }
                assert!(unfolded(&text).contains(&format!("SUMMARY:{summary}")), "{text}");
            }
        }
        let line = |length| event(&shift(&"x".repeat(length - "SUMMARY:".len())), Timestamp::UNIX_EPOCH);
        assert!(!line(75).contains("\r\n "), "a line may have 75 bytes");
        assert!(line(76).contains("x\r\n x\r\n"), "and no more");
    }

    #[test]
    fn no_name_adds_a_line_or_a_property() {
        for (name, expected) in [
            ("Lena, Vogt; \\ the first", "Lena\\, Vogt\\; \\\\ the first"),
            ("Lena\nSUMMARY:Omar", "Lena\\nSUMMARY:Omar"),
            ("Lena\r\nEND:VEVENT\r\nBEGIN:VALARM", "Lena\\nEND:VEVENT\\nBEGIN:VALARM"),
            ("Lena\rATTACH:file", "LenaATTACH:file"),
            ("tab\there", "tab here"),
            ("\u{0}\u{7}\u{b}\u{1b}[31m\u{7f}", "␀␇␋␛[31m␡"),
            // What some readers take for ends of lines, and what turns a line around.
            ("a\u{85}b\u{2028}c\u{2029}d\u{202e}e", "a<U+0085>b<U+2028>c<U+2029>d<U+202E>e"),
            ("محمد علي", "محمد علي"),
        ] {
            let text = event(&shift(name), Timestamp::UNIX_EPOCH);
            let lines = unfolded(&text);
            assert!(lines.contains(&format!("SUMMARY:{expected}")), "{name:?}: {text}");
            assert_eq!(lines.len(), unfolded(&event(&shift("x"), Timestamp::UNIX_EPOCH)).len(), "{name:?}");
            assert!(!text.replace("\r\n", "").contains(char::is_control), "{name:?}");
        }
    }

    #[test]
    fn hours_that_do_not_happen_have_no_end() {
        let mut shift = shift("x");
        shift.ends = shift.starts;
        assert!(!event(&shift, Timestamp::UNIX_EPOCH).contains("DTEND"));
    }
}
