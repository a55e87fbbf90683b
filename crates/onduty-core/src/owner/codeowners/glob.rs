//! Patterns of paths, matched without backtracking further than one wildcard: never more steps than the pattern has
//! characters times those of the path.

/// Matches any number of folders, none included.
pub(super) const ANY_FOLDERS: &str = "**";

/// How many characters may still be compared for one question.
#[derive(Debug)]
pub(super) struct Steps(pub(super) u64);

/// Nothing is left of the [`Steps`].
#[derive(Debug)]
pub(super) struct Spent;

impl Steps {
    fn take(&mut self) -> Result<(), Spent> {
        self.0 = self.0.checked_sub(1).ok_or(Spent)?;
        Ok(())
    }
}

/// Whether the folders and the file of `path` match `pattern`, whose segments are separated by `/`. Character ranges
/// have a meaning only with `ranges`.
pub(super) fn matches(pattern: &str, path: &[&str], ranges: bool, steps: &mut Steps) -> Result<bool, Spent> {
    let mut rest = pattern.split('/');
    let mut at = 0;
    // Where to go on, one folder later, when what follows the last `**` does not fit.
    let mut again = None;
    loop {
        steps.take()?;
        let mut ahead = rest.clone();
        let fits = match ahead.next() {
            Some(ANY_FOLDERS) => {
                again = Some((ahead.clone(), at));
                rest = ahead;
                continue;
            }
            Some(segment) => at < path.len() && segment_matches(segment, path[at], ranges, steps)?,
            None if at == path.len() => return Ok(true),
            None => false,
        };
        if fits {
            (rest, at) = (ahead, at + 1);
        } else {
            match &mut again {
                Some((after, from)) if *from < path.len() => {
                    *from += 1;
                    (rest, at) = (after.clone(), *from);
                }
                _ => return Ok(false),
            }
        }
    }
}

/// Whether one name matches one segment: `*`, `?`, `\` before what is meant literally, and perhaps `[a-z]`.
fn segment_matches(pattern: &str, name: &str, ranges: bool, steps: &mut Steps) -> Result<bool, Spent> {
    let (mut pattern, mut name) = (pattern, name);
    let mut again: Option<(&str, &str)> = None;
    loop {
        steps.take()?;
        if let Some(after) = pattern.strip_prefix('*') {
            if after.is_empty() {
                return Ok(true);
            }
            again = Some((after, name));
            pattern = after;
            continue;
        }
        if pattern.is_empty() && name.is_empty() {
            return Ok(true);
        }
        match one(pattern, name, ranges) {
            Some(rest) => (pattern, name) = rest,
            None => match &mut again {
                Some((after, from)) if !from.is_empty() => {
                    *from = &from[from.chars().next().map_or(0, char::len_utf8)..];
                    (pattern, name) = (*after, *from);
                }
                _ => return Ok(false),
            },
        }
    }
}

/// What is left of both once the first thing in `pattern` has matched the first character of `name`.
fn one<'a>(pattern: &'a str, name: &'a str, ranges: bool) -> Option<(&'a str, &'a str)> {
    let mut characters = name.chars();
    let character = characters.next()?;
    let mut wanted = pattern.chars();
    match wanted.next()? {
        '?' => {}
        '[' if ranges => {
            let (fits, rest) = range(wanted.as_str(), character)?;
            return fits.then_some((rest, characters.as_str()));
        }
        '\\' => match wanted.next() {
            Some(escaped) if escaped == character => {}
            _ => return None,
        },
        plain if plain == character => {}
        _ => return None,
    }
    Some((wanted.as_str(), characters.as_str()))
}

/// Whether `character` is in the set that begins after its `[`, and what follows its `]`; `None` without a `]`.
pub(super) fn range(set: &str, character: char) -> Option<(bool, &str)> {
    let inverted = set.starts_with(['^', '!']);
    let mut rest = if inverted { set[1..].chars() } else { set.chars() };
    let mut found = false;
    loop {
        let low = match rest.next()? {
            ']' => return Some((found != inverted, rest.as_str())),
            '\\' => rest.next()?,
            other => other,
        };
        let mut high = low;
        let mut ahead = rest.clone();
        if ahead.next() == Some('-') && !ahead.as_str().starts_with(']') {
            high = match ahead.next()? {
                '\\' => ahead.next()?,
                other => other,
            };
            rest = ahead;
        }
        found |= (low..=high).contains(&character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, path: &str, expected: bool) {
        let path: Vec<&str> = path.split('/').collect();
        let found = matches(pattern, &path, true, &mut Steps(10_000)).unwrap();
        assert_eq!(found, expected, "{pattern} {path:?}");
    }

    #[test]
    fn wildcards() {
        for (pattern, path, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/b/c", false),
            ("a", "b/a", false),
            ("**/a", "a", true),
            ("**/a", "x/y/a", true),
            ("**/a/**", "x/a", true),
            ("**/a/**/*", "x/a", false),
            ("**/a/**/*", "x/a/b/c", true),
            ("a/**/b/**/c", "a/b/x/b/y/c", true),
            ("a/**/b/**/c", "a/x/y/c", false),
            ("a/*/c", "a/b/c", true),
            ("a/*/c", "a/c", false),
            ("*", "a/b", false),
            ("*.rs", ".rs", true),
            ("a*b*c", "aXbXbc", true),
            ("a*b*c", "aXcXb", false),
            ("?", "é", true),
            ("??", "é", false),
            ("*é?", "aéé", true),
            (r"\*", "*", true),
            (r"\*", "a", false),
            (r"a\", "a", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[^a-c]x", "dx", true),
            (r"[\]]", "]", true),
            ("[a-]", "-", true),
            ("[]", "x", false),
            ("[a", "a", false),
            ("*[0-9]", "ab7", true),
            ("a//b", "a/b", false),
        ] {
            check(pattern, path, expected);
        }
        let plain = matches("[a]", &["[a]"], false, &mut Steps(100)).unwrap();
        assert!(plain, "without ranges a bracket is a bracket");
    }

    #[test]
    fn steps_grow_with_length_times_length() {
        let name = "a".repeat(200);
        let folders = vec!["a"; 200];
        for (pattern, path) in [
            (format!("{}b", "*a".repeat(100)), vec![name.as_str()]),
            (format!("{}b", "*".repeat(200)), vec![name.as_str()]),
            (format!("{}b", "**/a/".repeat(100)), folders.clone()),
            (format!("{}b", "**/*a*/".repeat(100)), folders.clone()),
            (format!("{}b", "**/".repeat(200)), folders),
        ] {
            let mut steps = Steps(200_000);
            assert!(!matches(&pattern, &path, true, &mut steps).unwrap(), "{pattern}");
        }
        assert!(matches("**/b", &[name.as_str()], true, &mut Steps(3)).is_err());
    }
}
