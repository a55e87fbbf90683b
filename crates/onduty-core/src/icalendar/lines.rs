//! Lines of a calendar: unfolded, each with its name, its parameters and its value.

use std::borrow::Cow;

/// A line as it was before it was folded.
pub struct Line<'a> {
    /// Where it begins in the file, from 1.
    pub number: u32,
    text: Cow<'a, str>,
}

/// What a line says.
pub struct Content<'a> {
    /// In capitals.
    pub name: String,
    parameters: &'a str,
    /// As it stands, without blanks around it.
    pub value: &'a str,
}

/// The lines of `text`, without those that are empty.
pub fn of(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut physical = text.trim_start_matches('\u{feff}').split('\n').zip(1..).peekable();
    std::iter::from_fn(move || {
        loop {
            let (first, number) = physical.next()?;
            let mut text = Cow::Borrowed(first.strip_suffix('\r').unwrap_or(first));
            while let Some((next, _)) = physical.next_if(|(next, _)| next.starts_with([' ', '\t'])) {
                // The blank that folds is one byte.
                text.to_mut().push_str(next[1..].strip_suffix('\r').unwrap_or(&next[1..]));
            }
            if !text.trim().is_empty() {
                return Some(Line { number, text });
            }
        }
    })
}

impl Line<'_> {
    /// `None` where there is no value behind a name.
    pub fn content(&self) -> Option<Content<'_>> {
        let mut quoted = false;
        let (mut name, mut value) = (None, None);
        for (at, letter) in self.text.char_indices() {
            match letter {
                '"' => quoted = !quoted,
                ';' if !quoted && name.is_none() => name = Some(at),
                ':' if !quoted => {
                    value = Some(at);
                    break;
                }
                _ => {}
            }
        }
        let value = value?;
        let name = name.unwrap_or(value);
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let text = &*self.text;
        (name > 0 && text[..name].chars().all(is_word)).then(|| Content {
            name: text[..name].to_ascii_uppercase(),
            parameters: &text[name..value],
            value: text[value + 1..].trim(),
        })
    }
}

impl Content<'_> {
    /// The value of a parameter, without quotes.
    pub fn parameter(&self, wanted: &str) -> Option<&str> {
        let mut quoted = false;
        let parts = self.parameters.split(|c: char| {
            quoted ^= c == '"';
            c == ';' && !quoted
        });
        let pairs = parts.filter_map(|part| part.split_once('='));
        pairs.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim_matches('"'))
    }

    /// The value as text of people (3.3.11).
    pub fn text(&self) -> String {
        let mut out = String::with_capacity(self.value.len());
        let mut letters = self.value.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => match letters.next() {
                    Some('n' | 'N') => out.push('\n'),
                    Some(other) => out.push(other),
                    None => {}
                },
                letter => out.push(letter),
            }
        }
        out
    }
}
