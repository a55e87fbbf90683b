//! One line of any kind: fields in quotes, times with letters, summaries; and what is wrong with a line.

use super::columns::{Column, Columns};
use crate::perf::series::Summary;
use crate::perf::table::Table;
use crate::perf::windows::Slot;
use jiff::Timestamp;
use std::borrow::Cow;

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    /// It has not as many fields as the header.
    Fields,
    /// Its time is neither milliseconds since 1970 nor RFC 3339.
    Timestamp,
    /// No number.
    Number,
    /// NaN or infinite.
    NotFinite,
    /// A negative duration.
    Negative,
    /// No whole number of requests.
    Count,
    /// A summary of nothing.
    Empty,
    /// Longer than a line may be.
    TooLong,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq)]
pub struct Row<'a> {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Where.
    pub endpoint: Cow<'a, [u8]>,
    /// How long.
    pub measured: Measured,
}

/// How long it took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measured {
    /// One request.
    Request { ms: f64, status: Option<u16> },
    /// Many.
    Summary(Summary),
}

impl<'a> Row<'a> {
    /// Reads a line.
    #[inline]
    pub fn of(line: &'a [u8], columns: &Columns) -> Result<Row<'a>, Wrong> {
        let mut row = Fields::default();
        let mut rest = Some(line);
        for column in &columns.all {
            let text = rest.ok_or(Wrong::Fields)?;
            let (field, after) = if text.first() == Some(&b'"') { quoted(text)? } else { plain(text) };
            row.set(*column, field)?;
            rest = after;
        }
        if rest.is_some() {
            return Err(Wrong::Fields);
        }
        let measured = if columns.is_summary {
            let summary = Summary { count: row.count, percentiles_ms: row.percentiles_ms, mean_ms: row.mean_ms };
            if summary.count == 0 || (summary.percentiles_ms[0].is_none() && summary.mean_ms.is_none()) {
                return Err(Wrong::Empty);
            }
            Measured::Summary(summary)
        } else {
            Measured::Request { ms: row.ms, status: row.status }
        };
        Ok(Row { at_ms: row.at_ms, endpoint: row.endpoint, measured })
    }

    /// Puts it where it belongs.
    #[inline]
    pub fn count_in(&self, table: &mut Table, slot: Slot) {
        match self.measured {
            Measured::Request { ms, status } => {
                table.request(&self.endpoint, slot, ms, status);
            }
            Measured::Summary(summary) => {
                let each_ms = summary.mean_ms.or(summary.percentiles_ms[0]).unwrap_or_default();
                if let Some(series) =
                    table.endpoint(&self.endpoint, slot, summary.count, each_ms * summary.count as f64)
                {
                    series.summary(slot, &summary);
                }
            }
        }
    }
}

#[derive(Default)]
struct Fields<'a> {
    at_ms: i64,
    endpoint: Cow<'a, [u8]>,
    ms: f64,
    status: Option<u16>,
    count: u64,
    percentiles_ms: [Option<f64>; 4],
    mean_ms: Option<f64>,
}

impl<'a> Fields<'a> {
    #[inline]
    fn set(&mut self, column: Column, field: Cow<'a, [u8]>) -> Result<(), Wrong> {
        match column {
            Column::Timestamp => self.at_ms = milliseconds(&field)?,
            Column::Endpoint => self.endpoint = field,
            Column::Duration => self.ms = duration(&field)?,
            // A status that is no number, such as `-`, is not known.
            Column::Status => self.status = whole(&field).and_then(|status| u16::try_from(status).ok()),
            Column::Count => self.count = count(&field)?,
            Column::Percentile(at) => self.percentiles_ms[at] = optional_duration(&field)?,
            Column::Mean => self.mean_ms = optional_duration(&field)?,
            Column::Ignored => {}
        }
        Ok(())
    }
}

/// A field, and what is after its comma.
type Field<'a> = (Cow<'a, [u8]>, Option<&'a [u8]>);

/// The field up to the next comma.
#[inline]
fn plain(text: &[u8]) -> Field<'_> {
    match memchr::memchr(b',', text) {
        Some(end) => (Cow::Borrowed(&text[..end]), Some(&text[end + 1..])),
        None => (Cow::Borrowed(text), None),
    }
}

/// A field in quotes, as RFC 4180 has them, on one line.
fn quoted(text: &[u8]) -> Result<Field<'_>, Wrong> {
    let mut field = Vec::new();
    let mut rest = &text[1..];
    loop {
        let end = memchr::memchr(b'"', rest).ok_or(Wrong::Fields)?;
        field.extend_from_slice(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.first() {
            Some(b'"') => {
                field.push(b'"');
                rest = &rest[1..];
            }
            Some(b',') => return Ok((Cow::Owned(field), Some(&rest[1..]))),
            None => return Ok((Cow::Owned(field), None)),
            Some(_) => return Err(Wrong::Fields),
        }
    }
}

/// Digits only, at most 18 of them.
#[inline]
fn whole(field: &[u8]) -> Option<u64> {
    if field.is_empty() || field.len() > 18 {
        return None;
    }
    let (mut rest, mut number) = (field, 0);
    while let Some((eight, after)) = rest.split_first_chunk() {
        number = number * 100_000_000 + eight_digits(*eight)?;
        rest = after;
    }
    rest.iter().try_fold(number, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0')))
}

/// Eight digits at once: neighbours become pairs, pairs become fours, fours the number (Lemire, "Quickly parsing eight
/// digits", 2018).
#[inline]
fn eight_digits(digits: [u8; 8]) -> Option<u64> {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let text = u64::from_le_bytes(digits);
    // `0` to `9` are 0x30 to 0x39: neither they nor what is six above leave the row of 0x30.
    if (text & (0xF0 * EACH)) != 0x30 * EACH || (text.wrapping_add(0x06 * EACH) & (0xF0 * EACH)) != 0x30 * EACH {
        return None;
    }
    let pairs = (text & (0x0F * EACH)).wrapping_mul(1 + (10 << 8)) >> 8;
    let fours = (pairs & 0x00FF_00FF_00FF_00FF).wrapping_mul(1 + (100 << 16)) >> 16;
    Some((fours & 0x0000_FFFF_0000_FFFF).wrapping_mul(1 + (10_000 << 32)) >> 32)
}

fn count(field: &[u8]) -> Result<u64, Wrong> {
    let text = std::str::from_utf8(field.trim_ascii()).map_err(|_| Wrong::Count)?;
    // Some tools write whole numbers as `20.0`.
    let number: f64 = text.parse().map_err(|_| Wrong::Count)?;
    if number >= 0.0 && number.fract() == 0.0 && number < 1e15 { Ok(number as u64) } else { Err(Wrong::Count) }
}

/// Milliseconds since 1970, from digits or RFC 3339.
#[inline]
fn milliseconds(field: &[u8]) -> Result<i64, Wrong> {
    if let Some(ms) = whole(field) {
        return Ok(ms as i64);
    }
    let text = std::str::from_utf8(field.trim_ascii()).map_err(|_| Wrong::Timestamp)?;
    if let Ok(ms) = text.parse::<f64>() {
        return if ms.abs() < 1e15 { Ok(ms as i64) } else { Err(Wrong::Timestamp) };
    }
    text.parse::<Timestamp>().map(Timestamp::as_millisecond).map_err(|_| Wrong::Timestamp)
}

/// A number of milliseconds that is not negative.
#[inline]
fn duration(field: &[u8]) -> Result<f64, Wrong> {
    match decimal(field) {
        Some(ms) => Ok(ms),
        None => any_duration(field),
    }
}

fn optional_duration(field: &[u8]) -> Result<Option<f64>, Wrong> {
    if field.trim_ascii().is_empty() { Ok(None) } else { duration(field).map(Some) }
}

#[cold]
fn any_duration(field: &[u8]) -> Result<f64, Wrong> {
    let text = std::str::from_utf8(field.trim_ascii()).map_err(|_| Wrong::Number)?;
    let ms: f64 = text.parse().map_err(|_| Wrong::Number)?;
    match ms {
        ms if !ms.is_finite() => Err(Wrong::NotFinite),
        ms if ms < 0.0 => Err(Wrong::Negative),
        ms => Ok(ms),
    }
}

/// `123` or `123.456` with at most fifteen digits: both the digits and the power of ten are exact, so one division rounds
/// as the general parser does (Clinger, "How to read floating point numbers accurately", PLDI 1990).
#[inline]
fn decimal(field: &[u8]) -> Option<f64> {
    const TENS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
    if field.is_empty() || field.len() > 16 {
        return None;
    }
    let (mut digits, mut number, mut point) = (0_usize, 0_u64, None);
    for byte in field {
        match byte {
            b'0'..=b'9' => {
                number = number * 10 + u64::from(byte - b'0');
                digits += 1;
            }
            b'.' if point.is_none() => point = Some(digits),
            _ => return None,
        }
    }
    if digits == 0 || digits > 15 {
        return None;
    }
    Some(number as f64 / TENS[digits - point.unwrap_or(digits)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_way_reads_numbers_as_the_slow_one() {
        for text in ["0", "1", "57.51", "0.001", "123456789.012345", ".5", "7.", "3.3", "0.1", "999999999999.999"] {
            assert_eq!(decimal(text.as_bytes()), Some(text.parse::<f64>().unwrap()), "{text}");
        }
        for text in ["", ".", "1e3", "-1", "+1", "nan", "1.2.3", " 1", "1234567890123456"] {
            assert_eq!(decimal(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn whole_numbers() {
        for text in
            ["0", "12345678", "87654321", "1661140380184", "123456789012345678", "00000000000000001", "99999999"]
        {
            assert_eq!(whole(text.as_bytes()), text.parse().ok(), "{text}");
        }
        for at in 0..16 {
            for other in [b'/', b':', b'.', b'-', b' ', 0, 0xFF, b'0' + 0x80] {
                let mut text = *b"1234567890123456";
                text[at] = other;
                assert_eq!(whole(&text), None, "{at} {other}");
            }
        }
        assert_eq!(whole(b""), None);
        assert_eq!(whole(b"1234567890123456789"), None);
    }

    #[test]
    fn durations() {
        for (text, expected) in [
            ("1e3", Ok(1000.0)),
            (" 12.5 ", Ok(12.5)),
            ("1234567890.1234567", Ok(1_234_567_890.123_456_7)),
            ("NaN", Err(Wrong::NotFinite)),
            ("inf", Err(Wrong::NotFinite)),
            ("-0.1", Err(Wrong::Negative)),
            ("12 ms", Err(Wrong::Number)),
            ("", Err(Wrong::Number)),
        ] {
            assert_eq!(duration(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn times() {
        for (text, expected) in [
            ("1661140380184", Ok(1_661_140_380_184)),
            ("1661140380184.7", Ok(1_661_140_380_184)),
            ("2022-08-22T03:53:00.184Z", Ok(1_661_140_380_184)),
            ("2022-08-22T05:53:00+02:00", Ok(1_661_140_380_000)),
            ("yesterday", Err(Wrong::Timestamp)),
            ("1e300", Err(Wrong::Timestamp)),
            ("", Err(Wrong::Timestamp)),
        ] {
            assert_eq!(milliseconds(text.as_bytes()), expected, "{text}");
        }
    }
}
