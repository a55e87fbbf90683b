//! Small words: ages, counts, short revisions, and making hostile text harmless to look at.

use jiff::SignedDuration;

/// The text on one line, with everything that could deceive a reader made visible.
///
/// Control characters become their symbols (`␛`), bidirectional controls and invisible characters their names
/// (`<U+202E>`), line ends a `␊`. Right-to-left letters and joiners of real scripts stay as they are.
pub fn visible(text: &str) -> String {
    reveal(text, false)
}

/// Like [`visible`] for text of several lines: line ends and tabs stay.
pub fn visible_lines(text: &str) -> String {
    reveal(text, true)
}

fn reveal(text: &str, lines: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' | '\t' if lines => out.push(letter),
            '\r' if lines => {}
            '\u{0}'..='\u{1f}' => out.push(char::from_u32(0x2400 + letter as u32).unwrap_or('\u{fffd}')),
            '\u{7f}' => out.push('\u{2421}'),
            _ if deceives(letter) => out.push_str(&format!("<U+{:04X}>", letter as u32)),
            _ => out.push(letter),
        }
    }
    out
}

/// Characters that are not seen and change how others are seen.
fn deceives(letter: char) -> bool {
    matches!(
        letter,
        '\u{80}'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// The first letters of a revision: seven, as people say them; what is not a hash stays, up to twelve characters.
pub fn short_revision(revision: &str) -> String {
    let hash = revision.len() >= 7 && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
    visible(&revision.chars().take(if hash { 7 } else { 12 }).collect::<String>())
}

/// The first `most` characters, and a sign that there was more.
pub fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let start: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", start.trim_end())
}

/// `1 item`, `3 items`; `1,204 commits`. The plural is the word with an `s`.
pub fn count(number: usize, word: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {word}{plural}", human_number(number as u64))
}

/// A number with commas between thousands: `12,804`.
pub fn human_number(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `a`, `a and b`, `a, b and c`.
pub fn and(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// Two letters for a face: `LV` for `Lena Vogt`.
pub fn initials(name: &str) -> String {
    let mut words = name.split_whitespace().filter_map(|word| word.chars().find(|letter| letter.is_alphanumeric()));
    let first = words.next();
    let letters = first.into_iter().chain(words.next_back());
    let both: String = letters.flat_map(char::to_uppercase).take(2).collect();
    if both.is_empty() { "?".to_owned() } else { both }
}

/// Whether an address from outside may become a link: only `http` and `https`, with nothing hidden in it.
pub fn is_web_link(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let plain = url.chars().all(|letter| !letter.is_control() && !letter.is_whitespace() && !deceives(letter));
    plain && rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_alphanumeric() || first == '['))
}

/// A length of time in two words at most: `40 s`, `12 min`, `1 h 56 min`, `3 days`.
pub fn duration(length: SignedDuration) -> String {
    match length.as_secs() {
        seconds if seconds < 60 => format!("{} s", seconds.max(0)),
        _ => minutes_words(length.as_mins()),
    }
}

/// How long something has been so. The script's `age()` says the same; keep them alike.
pub(super) fn age_words(age: SignedDuration) -> String {
    if age.as_mins() < 1 { "less than 1 min".to_owned() } else { minutes_words(age.as_mins()) }
}

/// A share from 0 to 1: `62 %`, with a space that keeps both together.
pub fn percent(share: f64) -> String {
    format!("{:.0}\u{a0}%", share * 100.0)
}

/// How long still. Rounded up: "in 1 min" must not open half a minute early.
pub(super) fn in_words(left: SignedDuration) -> String {
    match left.as_secs() {
        seconds if seconds <= 0 => "now".to_owned(),
        seconds => format!("in {}", minutes_words((seconds + 59) / 60)),
    }
}

/// The script's `age()` says the same; keep them alike.
fn minutes_words(minutes: i64) -> String {
    let (hours, rest) = (minutes / 60, minutes % 60);
    match hours {
        0 => format!("{minutes} min"),
        1..24 if rest == 0 => format!("{hours} h"),
        1..24 => format!("{hours} h {rest} min"),
        24..48 => "1 day".to_owned(),
        _ => format!("{} days", human_number((hours / 24) as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_shows_what_it_hides() {
        for (text, expected) in [
            ("plain", "plain"),
            ("a\u{202e}gpj.exe", "a<U+202E>gpj.exe"),
            ("red\u{1b}[31m", "red␛[31m"),
            ("two\nlines\r\n", "two␊lines␍␊"),
            ("zero\u{200b}width\u{feff}", "zero<U+200B>width<U+FEFF>"),
            ("مرحبا", "مرحبا"),
            ("👩\u{200d}💻", "👩\u{200d}💻"),
            ("\u{7f}\u{9b}", "␡<U+009B>"),
        ] {
            assert_eq!(visible(text), expected);
        }
        assert_eq!(visible_lines("two\r\nlines\t\u{1b}"), "two\nlines\t␛");
    }

    #[test]
    fn only_web_addresses_become_links() {
        for (url, expected) in [
            ("https://ci.example/1", true),
            ("http://[::1]/", true),
            ("javascript:alert(1)", false),
            ("https://", false),
            ("https://a b", false),
            ("https://a\u{202e}b", false),
            (" https://a", false),
            ("data:text/html,x", false),
        ] {
            assert_eq!(is_web_link(url), expected, "{url}");
        }
    }

    #[test]
    fn small_words() {
        assert_eq!(short_revision("8f3c2ab91d00aa"), "8f3c2ab");
        assert_eq!(short_revision("v2.14.0"), "v2.14.0");
        assert_eq!(count(1, "item"), "1 item");
        assert_eq!(count(12804, "commit"), "12,804 commits");
        assert_eq!(shorten("abc", 3), "abc");
        assert_eq!(shorten("ab cd", 4), "ab…");
        assert_eq!(and(&["a".to_owned(), "b".to_owned(), "c".to_owned()]), "a, b and c");
        assert_eq!(initials("Lena Maria Vogt"), "LV");
        assert_eq!(initials("omar"), "O");
        assert_eq!(initials("  "), "?");
        for (seconds, expected) in
            [(59, "less than 1 min"), (60, "1 min"), (7200, "2 h"), (86400, "1 day"), (259200, "3 days")]
        {
            assert_eq!(age_words(SignedDuration::from_secs(seconds)), expected);
        }
        assert_eq!(in_words(SignedDuration::from_secs(6930)), "in 1 h 56 min");
        assert_eq!(duration(SignedDuration::from_secs(42)), "42 s");
    }
}
