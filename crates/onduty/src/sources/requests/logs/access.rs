//! Access logs of web servers: the common and the combined format, with the time that each request took somewhere behind.

use super::routes::Routes;
use super::{Problem, Request, Unit, Wrong, duration, unit_by_name};

/// Names of fields with the time that a request took, the surest first.
const NAMES: [&[u8]; 12] = [
    b"request_time",
    b"rt",
    b"duration_ms",
    b"duration_us",
    b"duration",
    b"request_time_ms",
    b"response_time_ms",
    b"response_time",
    b"took_ms",
    b"took",
    b"latency",
    b"time",
];
/// Methods that are told apart; others are one.
const METHODS: [&str; 10] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE", "QUERY"];
const OTHER_METHOD: &str = "_OTHER";

/// How to read the lines of a log.
#[derive(Debug, Clone, PartialEq)]
pub struct AccessLog {
    took: Took,
    unit_ms: f64,
}

/// Where a line says how long its request took.
#[derive(Debug, Clone, PartialEq)]
enum Took {
    /// `rt=0.123`
    Named(Vec<u8>),
    /// The field of this number that has no name, behind the size of the answer.
    Place(usize),
}

/// A line before what it means.
struct Line<'a> {
    at_ms: i64,
    request: &'a [u8],
    status: &'a [u8],
    /// What stands behind the size of the answer.
    rest: &'a [u8],
}

/// Something behind the size of the answer.
enum Field<'a> {
    Named(&'a [u8], &'a [u8]),
    Plain(&'a [u8]),
    /// Something in quotes that is no number.
    Text,
}

impl AccessLog {
    /// Whether a line looks like one of an access log, whatever else it says.
    pub fn is_like(line: &[u8]) -> bool {
        Line::of(line).is_some()
    }

    /// How to read the lines of the log that has this one; `unit` is what the caller says of its durations.
    pub fn of(line: &[u8], unit: Option<Unit>) -> Result<AccessLog, Problem> {
        let line = Line::of(line).ok_or(Problem::NoTime)?;
        let named = NAMES.iter().find_map(|name| {
            let mut fields = Fields(line.rest);
            fields.find_map(|field| match field {
                Field::Named(key, value) if key.eq_ignore_ascii_case(name) && is_number(value) => Some((key, value)),
                _ => None,
            })
        });
        if let Some((key, value)) = named {
            let by_name = unit_by_name(key).or_else(|| value.contains(&b'.').then_some(Unit::Seconds));
            let unit = unit.or(by_name).ok_or_else(|| Problem::NoUnit(String::from_utf8_lossy(key).into_owned()))?;
            return Ok(AccessLog { took: Took::Named(key.to_owned()), unit_ms: unit.ms() });
        }
        let plain: Vec<&[u8]> = Fields(line.rest)
            .filter_map(|field| match field {
                Field::Plain(value) => Some(value),
                Field::Named(..) | Field::Text => None,
            })
            .collect();
        // With a point it is what nginx writes, in seconds; a whole number has a unit that only people know.
        let place = plain.iter().position(|value| is_number(value) && value.contains(&b'.'));
        let place = place.map(|at| (at, Some(Unit::Seconds)));
        let whole = || plain.iter().position(|value| is_number(value)).map(|at| (at, None));
        let (place, by_point) = place.or_else(whole).ok_or(Problem::NoDuration)?;
        let shown = || String::from_utf8_lossy(plain[place]).into_owned();
        let unit = unit.or(by_point).ok_or_else(|| Problem::NoUnit(shown()))?;
        Ok(AccessLog { took: Took::Place(place), unit_ms: unit.ms() })
    }

    /// Reads a line.
    pub fn request(&self, line: &[u8], routes: &Routes) -> Result<Request, Wrong> {
        let line = Line::of(line).ok_or(Wrong::NotAccess)?;
        let mut plain = 0;
        let value = Fields(line.rest).find_map(|field| match (&self.took, field) {
            (Took::Named(name), Field::Named(key, value)) if key == name => Some(value),
            (Took::Place(place), Field::Plain(value)) => {
                plain += 1;
                (plain == place + 1).then_some(value)
            }
            _ => None,
        });
        let value = value.filter(|value| *value != b"-").ok_or(Wrong::Untimed)?;
        let ms = duration(value)? * self.unit_ms;
        let (method, path) = request(line.request).ok_or(Wrong::Request)?;
        let status = status(line.status);
        Ok(Request { at_ms: line.at_ms, endpoint: routes.endpoint(method, path, status), ms, status })
    }

    /// The path that a line asked for, where it was answered well.
    pub fn path(line: &[u8]) -> Option<&[u8]> {
        let line = Line::of(line)?;
        let is_well = status(line.status).is_some_and(|status| status < 400);
        request(line.request).filter(|_| is_well).map(|(_, path)| path)
    }
}

/// A status of three digits.
fn status(text: &[u8]) -> Option<u16> {
    std::str::from_utf8(text).ok().filter(|text| text.len() == 3)?.parse().ok()
}

/// Method and path of `GET /cart?x=1 HTTP/1.1`.
pub fn request(line: &[u8]) -> Option<(&'static str, &[u8])> {
    let space = memchr::memchr(b' ', line)?;
    let (method, rest) = (&line[..space], &line[space + 1..]);
    let is_method = (1..=20).contains(&method.len()) && method.iter().all(|c| c.is_ascii_uppercase() || *c == b'-');
    let path = &rest[..memchr::memchr(b' ', rest).unwrap_or(rest.len())];
    let is_path = path.first() == Some(&b'/') || path == b"*" || path.starts_with(b"http");
    (is_method && is_path).then(|| (method_of(method), path))
}

/// The method as it stands in names.
pub fn method_of(method: &[u8]) -> &'static str {
    METHODS.into_iter().find(|known| known.as_bytes().eq_ignore_ascii_case(method)).unwrap_or(OTHER_METHOD)
}

fn is_number(text: &[u8]) -> bool {
    duration(text).is_ok()
}

impl Line<'_> {
    fn of(line: &[u8]) -> Option<Line<'_>> {
        let mut from = 0;
        // A host may have brackets as well.
        let (at_ms, rest) = loop {
            let open = from + memchr::memchr(b'[', &line[from..])?;
            let close = open + memchr::memchr(b']', &line[open..])?;
            if let Some(at_ms) = log_time(&line[open + 1..close]) {
                break (at_ms, &line[close + 1..]);
            }
            from = open + 1;
        };
        let rest = rest.trim_ascii_start().strip_prefix(b"\"")?;
        let end = closing(rest)?;
        let (request, rest) = (&rest[..end], &rest[end + 1..]);
        let (status, rest) = word(rest);
        let (_size, rest) = word(rest);
        Some(Line { at_ms, request, status, rest })
    }
}

/// Where the text ends that began in quotes; a backslash takes the next letter with it.
fn closing(text: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', text.get(from..)?)?;
        if text[at] == b'"' {
            return Some(at);
        }
        from = at + 2;
    }
}

/// The next word, and what is behind it.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii_start();
    let end = memchr::memchr(b' ', text).unwrap_or(text.len());
    (&text[..end], &text[end..])
}

struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let text = self.0.trim_ascii_start();
        if text.is_empty() {
            return None;
        }
        if let Some(quoted) = text.strip_prefix(b"\"") {
            let end = closing(quoted).unwrap_or(quoted.len());
            self.0 = quoted.get(end + 1..).unwrap_or_default();
            let value = &quoted[..end];
            return Some(if is_number(value) { Field::Plain(value) } else { Field::Text });
        }
        let (word, rest) = word(text);
        let Some(equals) = memchr::memchr(b'=', word) else {
            self.0 = rest;
            return Some(Field::Plain(word));
        };
        let key = &word[..equals];
        if word.get(equals + 1) == Some(&b'"') {
            let quoted = &text[equals + 2..];
            let end = closing(quoted).unwrap_or(quoted.len());
            self.0 = quoted.get(end + 1..).unwrap_or_default();
            return Some(Field::Named(key, &quoted[..end]));
        }
        self.0 = rest;
        Some(Field::Named(key, &word[equals + 1..]))
    }
}

/// Milliseconds since 1970 of `04/Mar/2026:16:00:00 +0000`.
pub fn log_time(text: &[u8]) -> Option<i64> {
    const MONTHS: [&[u8; 3]; 12] =
        [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    let text: &[u8; 26] = text.try_into().ok()?;
    let separators = [(2, b'/'), (6, b'/'), (11, b':'), (14, b':'), (17, b':'), (20, b' ')];
    if separators.iter().any(|(at, c)| text[*at] != *c) {
        return None;
    }
    let number = |from: usize, to: usize| {
        text[from..to].iter().try_fold(0_i64, |sum, c| c.is_ascii_digit().then(|| sum * 10 + i64::from(c - b'0')))
    };
    let month = MONTHS.iter().position(|month| **month == text[3..6])? as i8 + 1;
    let (day, year) = (number(0, 2)?, number(7, 11)?);
    let days = jiff::civil::Date::new(year as i16, month, day as i8).ok()?;
    let days = i64::from(days.since(jiff::civil::date(1970, 1, 1)).ok()?.get_days());
    let (hour, minute, second) = (number(12, 14)?, number(15, 17)?, number(18, 20)?);
    let offset = number(22, 24)? * 60 + number(24, 26)?;
    let offset = match text[21] {
        b'+' => offset,
        b'-' => -offset,
        _ => return None,
    };
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some((((days * 24 + hour) * 60 + minute - offset) * 60 + second) * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_logs() {
        for (text, expected) in [
            ("04/Mar/2026:16:00:00 +0000", "2026-03-04T16:00:00Z"),
            ("04/Mar/2026:17:30:05 +0130", "2026-03-04T16:00:05Z"),
            ("29/Feb/2024:23:59:60 -0800", "2024-03-01T08:00:00Z"),
        ] {
            let expected: jiff::Timestamp = expected.parse().unwrap();
            assert_eq!(log_time(text.as_bytes()), Some(expected.as_millisecond()), "{text}");
        }
        for text in [
            "",
            "29/Feb/2025:10:00:00 +0000",
            "04/Mrz/2026:16:00:00 +0000",
            "04/Mar/2026:24:00:00 +0000",
            "04/Mar/2026:16:00:00 00000",
            "04/Mar/2026 16:00:00 +0000",
            "4/Mar/2026:16:00:00 +00000",
        ] {
            assert_eq!(log_time(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn requests_of_logs() {
        for (line, expected) in [
            ("GET /cart?x=1 HTTP/1.1", Some(("GET", "/cart?x=1"))),
            ("BREW /pot", Some(("_OTHER", "/pot"))),
            ("OPTIONS * HTTP/1.1", Some(("OPTIONS", "*"))),
            ("GET http://shop.example/cart HTTP/1.1", Some(("GET", "http://shop.example/cart"))),
            ("-", None),
            ("\\x16\\x03\\x01", None),
            ("get /cart", None),
            ("GET cart", None),
        ] {
            let expected = expected.map(|(method, path)| (method, path.as_bytes()));
            assert_eq!(request(line.as_bytes()), expected, "{line}");
        }
    }

    const HEAD: &str = "::1 - bob [04/Mar/2026:16:00:00 +0000] \"GET /cart HTTP/1.1\" 200 512";

    #[test]
    fn the_time_that_a_request_took_is_found() {
        for (rest, unit, expected) in [
            (" 0.123", None, Ok(123.0)),
            (" \"https://a/ \\\"x\\\"\" \"Mozilla/5.0 (X11; 1.5)\" 0.250 0.120 .", None, Ok(250.0)),
            (" \"-\" \"curl/8.0\" \"0.004\"", None, Ok(4.0)),
            (" \"-\" \"x\" rt=0.500 uct=\"0.001\" urt=\"0.400\"", None, Ok(500.0)),
            (" \"-\" \"x\" urt=\"0.400\" request_time=\"0.500\"", None, Ok(500.0)),
            (" \"-\" \"x\" 1500", Some(Unit::Micros), Ok(1.5)),
            (" \"-\" \"x\" duration_us=1500", None, Ok(1.5)),
            (" \"-\" \"x\" took=7", Some(Unit::Millis), Ok(7.0)),
            (" \"-\" \"x\" took=7", None, Err(Problem::NoUnit("took".to_owned()))),
            (" \"-\" \"x\" 1500", None, Err(Problem::NoUnit("1500".to_owned()))),
            (" \"-\" \"x\"", None, Err(Problem::NoDuration)),
            ("", None, Err(Problem::NoDuration)),
        ] {
            let line = format!("{HEAD}{rest}");
            let read = AccessLog::of(line.as_bytes(), unit).map(|log| {
                let read = log.request(line.as_bytes(), &Routes::default()).unwrap();
                let told = (read.endpoint.as_str(), read.at_ms, read.status);
                assert_eq!(told, ("GET /cart", 1_772_640_000_000, Some(200)), "{rest}");
                (read.ms * 1e6).round() / 1e6
            });
            assert_eq!(read, expected, "{rest}");
        }
    }

    #[test]
    fn lines_that_are_no_requests_are_told_apart() {
        let log = AccessLog::of(format!("{HEAD} 0.1").as_bytes(), None).unwrap();
        for (line, expected) in [
            (HEAD.to_owned(), Wrong::Untimed),
            (format!("{HEAD} -"), Wrong::Untimed),
            (format!("{HEAD} soon"), Wrong::Number),
            (format!("{HEAD} -0.1"), Wrong::Negative),
            ("::1 - - [04/Mar/2026:16:00:00 +0000] \"-\" 400 0 0.0".to_owned(), Wrong::Request),
            ("::1 - - [04/Mar/2026:16:00:00 +0000] \"GET /".to_owned(), Wrong::NotAccess),
            ("2026/03/04 16:00:00 [error] 7#7: *1 open() failed".to_owned(), Wrong::NotAccess),
        ] {
            assert_eq!(log.request(line.as_bytes(), &Routes::default()).unwrap_err(), expected, "{line}");
        }
    }
}
