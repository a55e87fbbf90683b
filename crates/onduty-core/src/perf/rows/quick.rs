//! The usual line, read in one go: digits, a name without quotes, a plain decimal number, a status.
//!
//! Eight bytes are looked at at once. Whatever is not quite as usual is left to [`super::row`], which also says what is
//! wrong; where both can read a line they read the same.

use super::LONGEST_LINE;
use super::columns::{Column, Columns};

/// A byte repeated.
const EACH: u64 = 0x0101_0101_0101_0101;
/// Powers of ten up to a word of digits.
const TENS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
/// The same as floats, all of them exact.
const FLOAT_TENS: [f64; 9] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8];

/// One request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quick<'a> {
    pub at_ms: i64,
    pub endpoint: &'a [u8],
    pub ms: f64,
    pub status: Option<u16>,
}

impl<'a> Quick<'a> {
    /// The line that `text` begins with and its length with its end; `None` where it is not whole or not of this kind.
    #[inline]
    pub fn of(text: &'a [u8], columns: &Columns) -> Option<(Quick<'a>, usize)> {
        if columns.is_summary {
            return None;
        }
        let usual = if columns.is_usual { Quick::usual(text) } else { None };
        usual.or_else(|| Quick::in_any_order(text, columns))
    }

    /// The line that most files are made of: [`super::columns::USUAL`], with a time of this century and a status.
    ///
    /// Lengths that are expected and not measured let the processor begin with the next field before it knows this one.
    #[inline]
    fn usual(text: &'a [u8]) -> Option<(Quick<'a>, usize)> {
        const NAME: usize = 14;
        let ((high, eight), (low, five)) = (digits(word(text, 0)?), digits(word(text, 8)?));
        let name_ends = end_of_field(text, NAME)?;
        let (ms, ms_ends) = decimal(text, name_ends + 1)?;
        let (status, three) = digits(word(text, ms_ends + 1)?);
        let length = ms_ends + 5;
        let is_usual = eight == 8 && five == 5 && three == 3 && length <= LONGEST_LINE;
        let ends = [text[NAME - 1], text[name_ends], text[ms_ends], text[length - 1]];
        (is_usual && ends == *b",,,\n").then(|| {
            let at_ms = (high * TENS[5] + low) as i64;
            (Quick { at_ms, endpoint: &text[NAME..name_ends], ms, status: Some(status as u16) }, length)
        })
    }

    #[inline(never)]
    fn in_any_order(text: &'a [u8], columns: &Columns) -> Option<(Quick<'a>, usize)> {
        let mut row = Quick { at_ms: 0, endpoint: &[], ms: 0.0, status: None };
        let mut at = 0;
        let last = columns.all.len() - 1;
        for (number, column) in columns.all.iter().enumerate() {
            let end = match column {
                Column::Timestamp => {
                    let (ms, end) = whole(text, at)?;
                    row.at_ms = ms as i64;
                    end
                }
                Column::Duration => {
                    let (ms, end) = decimal(text, at)?;
                    row.ms = ms;
                    end
                }
                Column::Status => {
                    let (status, digits) = digits(word(text, at)?);
                    // Without a number it is not known, and what is there instead is none of ours.
                    row.status = if digits > 0 { u16::try_from(status).ok() } else { return None };
                    at + digits
                }
                Column::Endpoint => {
                    let end = end_of_field(text, at)?;
                    row.endpoint = &text[at..end];
                    end
                }
                Column::Ignored => end_of_field(text, at)?,
                Column::Count | Column::Percentile(_) | Column::Mean => return None,
            };
            let is_end = number == last;
            match text.get(end)? {
                b',' if !is_end => at = end + 1,
                b'\n' if is_end => at = end + 1,
                b'\r' if is_end && text.get(end + 1) == Some(&b'\n') => at = end + 2,
                _ => return None,
            }
        }
        (at <= LONGEST_LINE).then_some((row, at))
    }
}

/// Eight bytes from `at` on.
#[inline]
fn word(text: &[u8], at: usize) -> Option<u64> {
    text.get(at..)?.first_chunk().copied().map(u64::from_le_bytes)
}

/// The number that the digits at the beginning of a word make, and how many they are.
#[inline]
fn digits(word: u64) -> (u64, usize) {
    // `0` to `9` are 0x30 to 0x39: neither they nor what is six above leave the row of 0x30. A byte that is no digit may
    // carry into those behind it, which do not count any more.
    let strange =
        ((word & (0xF0 * EACH)) ^ (0x30 * EACH)) | ((word.wrapping_add(0x06 * EACH) & (0xF0 * EACH)) ^ (0x30 * EACH));
    let count = strange.trailing_zeros() as usize / 8;
    if count == 0 {
        return (0, 0);
    }
    // The digits to the end of the word, zeros before them; then neighbours become pairs, pairs fours, fours the number
    // (Lemire, "Quickly parsing eight digits", 2018).
    let text = word << (64 - 8 * count);
    let pairs = (text & (0x0F * EACH)).wrapping_mul(1 + (10 << 8)) >> 8;
    let fours = (pairs & 0x00FF_00FF_00FF_00FF).wrapping_mul(1 + (100 << 16)) >> 16;
    ((fours & 0x0000_FFFF_0000_FFFF).wrapping_mul(1 + (10_000 << 32)) >> 32, count)
}

/// A whole number of at most 16 digits, and where it ends.
#[inline]
fn whole(text: &[u8], at: usize) -> Option<(u64, usize)> {
    let (high, count) = digits(word(text, at)?);
    if count < 8 {
        return (count > 0).then_some((high, at + count));
    }
    let (low, count) = digits(word(text, at + 8)?);
    // Were there more digits, the byte at the end is no comma.
    Some((high * TENS[count] + low, at + 8 + count))
}

/// `123` or `123.456`, eight digits at most before the point and after it, fifteen in all, and where it ends. As in
/// [`super::row`], digits and power of ten are exact, so one division rounds as the general parser does.
#[inline(always)]
fn decimal(text: &[u8], at: usize) -> Option<(f64, usize)> {
    // There is an instruction for signed numbers.
    let float = |number: u64| number as i64 as f64;
    let (whole, count) = digits(word(text, at)?);
    let end = at + count;
    if text.get(end) != Some(&b'.') {
        return (count > 0).then_some((float(whole), end));
    }
    let (part, places) = digits(word(text, end + 1)?);
    if !(1..=15).contains(&(count + places)) {
        return None;
    }
    Some((float(whole * TENS[places] + part) / FLOAT_TENS[places], end + 1 + places))
}

/// Where the field that begins at `start` ends; `None` for one in quotes, or at the end of the text.
#[inline]
fn end_of_field(text: &[u8], start: usize) -> Option<usize> {
    let zero_bytes = |word: u64| word.wrapping_sub(EACH) & !word & (0x80 * EACH);
    // `,` or the end of a line: bytes behind the first may be taken for one by mistake.
    let ends = |word: u64| zero_bytes(word ^ (b',' as u64 * EACH)) | zero_bytes(word ^ (b'\n' as u64 * EACH));
    if text.get(start) == Some(&b'"') {
        return None;
    }
    let mut at = start;
    loop {
        // Most names end within three words, and the processor cannot guess in which of them.
        let words: &[u8; 3 * 8] = text.get(at..)?.first_chunk()?;
        let [first, second, third] = [0, 8, 16].map(|from| word(words, from).map_or(0, ends));
        let (mask, skipped) = if second != 0 { (second, 8) } else { (third, 16) };
        let (mask, skipped) = if first != 0 { (first, 0) } else { (mask, skipped) };
        if mask != 0 {
            let end = at + skipped + mask.trailing_zeros() as usize / 8;
            return Some(if end > start && text[end] == b'\n' && text[end - 1] == b'\r' { end - 1 } else { end });
        }
        at += words.len();
    }
}
