//! Reads one JSON object field by field, so that every refusal names the field and an example. Called by `wire`.

use crate::sources::{SourceError, one_line, web_address};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

/// How far ahead of us a sender's times may be. A time further in the future would win over all that follows.
const MAX_AHEAD: SignedDuration = SignedDuration::from_hours(1);

/// An object of the body, and where in the body it is.
pub struct Fields<'a> {
    object: &'a Map<String, Value>,
    at: String,
    received: Timestamp,
}

impl<'a> Fields<'a> {
    /// The fields of `value`, which is at `at`: empty, or a path such as `items[3]`.
    pub fn of(value: &'a Value, at: &str, received: Timestamp) -> Result<Fields<'a>, SourceError> {
        let here = if at.is_empty() { "body" } else { at };
        let object = value.as_object().ok_or_else(|| malformed(here, "a JSON object"))?;
        Ok(Fields { object, at: at.to_owned(), received })
    }

    /// The field's path from the body.
    pub fn path(&self, field: &str) -> String {
        if self.at.is_empty() { field.to_owned() } else { format!("{}.{field}", self.at) }
    }

    /// That `field` is not what was `expected`.
    pub fn bad(&self, field: &str, expected: &str) -> SourceError {
        malformed(&self.path(field), expected)
    }

    /// The value, if it is there; null is as good as missing.
    pub fn value(&self, field: &str) -> Option<&'a Value> {
        self.object.get(field).filter(|value| !value.is_null())
    }

    /// One line of text; a number counts as text.
    pub fn line(&self, field: &str, max: usize) -> Result<Option<String>, SourceError> {
        let text = match self.value(field) {
            None => return Ok(None),
            Some(Value::String(text)) => one_line(text, max),
            Some(Value::Number(number)) => number.to_string(),
            Some(_) => return Err(self.bad(field, "a text")),
        };
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// Text of any number of lines.
    pub fn text(&self, field: &str) -> Result<Option<&'a str>, SourceError> {
        let text = |value: &'a Value| value.as_str().ok_or_else(|| self.bad(field, "a text"));
        self.value(field).map(text).transpose()
    }

    /// One line of text that must be there.
    pub fn need_line(&self, field: &str, max: usize, example: &str) -> Result<String, SourceError> {
        self.line(field, max)?.ok_or_else(|| self.bad(field, example))
    }

    /// A name without spaces, which may not look like an option of a command.
    pub fn word(&self, field: &str, example: &str) -> Result<Option<String>, SourceError> {
        let Some(text) = self.line(field, 300)? else { return Ok(None) };
        let plain = !text.starts_with('-') && !text.chars().any(char::is_whitespace);
        plain.then_some(Some(text)).ok_or_else(|| self.bad(field, &format!("{example}, without spaces")))
    }

    /// A name without spaces that must be there.
    pub fn need_word(&self, field: &str, example: &str) -> Result<String, SourceError> {
        self.word(field, example)?.ok_or_else(|| self.bad(field, example))
    }

    /// One of `words`.
    pub fn choice<T: Copy>(&self, field: &str, words: &[(&str, T)]) -> Result<Option<T>, SourceError> {
        let Some(word) = self.line(field, 60)? else { return Ok(None) };
        let found = words.iter().find(|(known, _)| *known == word).map(|(_, meaning)| *meaning);
        found.map(Some).ok_or_else(|| self.bad(field, &one_of(words)))
    }

    /// One of `words` that must be there.
    pub fn need_choice<T: Copy>(&self, field: &str, words: &[(&str, T)]) -> Result<T, SourceError> {
        self.choice(field, words)?.ok_or_else(|| self.bad(field, &one_of(words)))
    }

    /// A time: text with an offset, or seconds since 1970.
    pub fn time(&self, field: &str) -> Result<Option<Timestamp>, SourceError> {
        let time = match self.value(field) {
            None => return Ok(None),
            Some(Value::String(text)) => text.parse().ok(),
            Some(Value::Number(seconds)) => seconds.as_i64().and_then(|s| Timestamp::from_second(s).ok()),
            Some(_) => None,
        };
        let time =
            time.ok_or_else(|| self.bad(field, "a time such as 2026-03-02T09:00:00+01:00, or seconds since 1970"))?;
        match time.duration_since(self.received) <= MAX_AHEAD {
            true => Ok(Some(time)),
            false => Err(self.bad(field, "a time that is not in the future")),
        }
    }

    /// A whole number from `min`.
    pub fn count(&self, field: &str, min: u64) -> Result<Option<u64>, SourceError> {
        let Some(value) = self.value(field) else { return Ok(None) };
        let number = value.as_u64().filter(|number| (min..=i64::MAX as u64).contains(number));
        number.map(Some).ok_or_else(|| self.bad(field, &format!("a whole number from {min}")))
    }

    /// Any number.
    pub fn number(&self, field: &str) -> Result<Option<f64>, SourceError> {
        let Some(value) = self.value(field) else { return Ok(None) };
        value.as_f64().map(Some).ok_or_else(|| self.bad(field, "a number"))
    }

    /// True or false.
    pub fn flag(&self, field: &str) -> Result<Option<bool>, SourceError> {
        let Some(value) = self.value(field) else { return Ok(None) };
        value.as_bool().map(Some).ok_or_else(|| self.bad(field, "true or false"))
    }

    /// An address that a page may link to.
    pub fn url(&self, field: &str) -> Result<Option<String>, SourceError> {
        let Some(text) = self.line(field, 2001)? else { return Ok(None) };
        web_address(&text).map(Some).ok_or_else(|| self.bad(field, "an address that starts with https:// or http://"))
    }

    /// A list of at most `max`; a missing one is empty.
    pub fn list(&self, field: &str, max: usize) -> Result<&'a [Value], SourceError> {
        match self.value(field) {
            None => Ok(&[]),
            Some(Value::Array(items)) if items.len() <= max => Ok(items),
            Some(_) => Err(self.bad(field, &format!("a list of at most {max}"))),
        }
    }

    /// A list of texts.
    pub fn lines(&self, field: &str, max: usize) -> Result<Vec<String>, SourceError> {
        let texts = self.list(field, max)?.iter().map(|value| value.as_str().map(|text| one_line(text, 400)));
        texts.collect::<Option<Vec<_>>>().ok_or_else(|| self.bad(field, "a list of texts"))
    }

    /// When onduty received all this.
    pub fn received(&self) -> Timestamp {
        self.received
    }
}

/// That `field` is not what was `expected`.
pub fn malformed(field: &str, expected: &str) -> SourceError {
    SourceError::Malformed {
        source_name: super::NAME.into(),
        field: field.to_owned(),
        expected: expected.to_owned().into(),
    }
}

fn one_of<T>(words: &[(&str, T)]) -> String {
    format!("one of {}", words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", "))
}
