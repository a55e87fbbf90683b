//! Names of things, so that a repository is never passed where an engineer is meant.

use serde::{Deserialize, Serialize};
use std::borrow::Borrow;
use std::fmt;

/// Who decides what no person decided. No engineer is called so.
pub const MACHINE: &str = "onduty";

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(from = "String")]
        pub struct $name(String);

        impl $name {
            /// Takes the name as it is, but for NUL, which not every database can keep: it becomes U+FFFD.
            pub fn new(name: impl Into<String>) -> $name { $name(without_nul(name.into())) }
            /// The name as text.
            pub fn as_str(&self) -> &str { &self.0 }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
        impl From<&str> for $name {
            fn from(name: &str) -> $name { $name::new(name) }
        }
        impl From<String> for $name {
            fn from(name: String) -> $name { $name::new(name) }
        }
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str { &self.0 }
        }
    )+};
}

names! {
    /// An engineer, by the short name that the roster gives: `lena`.
    EngineerId,
    /// A duty: `developers`.
    DutyId,
    /// A step of a process: `main-green`.
    StepId,
    /// An adapter that observes one outside system: `github`, `git`, `signals`.
    SourceName,
    /// What an observation or item is about, unique within its kind: `acme/shop main check_run/unit tests`.
    Subject,
    /// `staging`, `production`.
    Environment,
}

fn without_nul(name: String) -> String {
    if name.contains('\0') { name.replace('\0', "\u{fffd}") } else { name }
}

/// Whether `name` may be an id in a file: lower-case letters, digits, `-` and `_`, at most 64, starting with a letter
/// or digit.
pub fn is_plain_id(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.'))
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_has_a_nul() {
        let names: Vec<Subject> = serde_json::from_str(r#"["a\u0000b", "'; drop"]"#).unwrap();
        assert_eq!(names, ["a\u{fffd}b".into(), Subject::new("'; drop")]);
        assert_eq!(Subject::from("a\0b"), names[0]);
        assert_eq!(serde_json::to_string(&names[1]).unwrap(), r#""'; drop""#);
    }
}
