//! Reads the lines of a CODEOWNERS file into rules, in either dialect.

use super::patterns::{github_pattern, gitlab_pattern};
use super::problem::Problems;
use super::{Dialect, MAX_RULES, Owner, ProblemKind, Role, Section, Stored};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// What GitLab calls the rules outside sections; a section of that name is the same.
const OUTSIDE: &str = "codeowners";

pub(super) struct Parser {
    dialect: Dialect,
    pub(super) sections: Vec<Section>,
    pub(super) rules: Vec<Stored>,
    pub(super) problems: Problems,
    heading: Heading,
    section_by_key: HashMap<String, u32>,
    /// By section and pattern.
    rule_by_pattern: HashMap<(u32, Box<str>), usize>,
}

/// The heading under which the next rule stands.
struct Heading {
    section: u32,
    approvals: u32,
    owners: Arc<[Owner]>,
}

impl Parser {
    pub(super) fn new(dialect: Dialect) -> Parser {
        let outside = Section { name: OUTSIDE.into(), optional: false };
        Parser {
            dialect,
            sections: vec![outside],
            rules: Vec::new(),
            problems: Problems::default(),
            heading: Heading { section: 0, approvals: 1, owners: Arc::default() },
            section_by_key: HashMap::from([(OUTSIDE.to_owned(), 0)]),
            rule_by_pattern: HashMap::new(),
        }
    }

    /// Reads one line; `false` if it is one rule too many.
    pub(super) fn line(&mut self, number: usize, line: &str) -> bool {
        let line = trimmed(line);
        if line.is_empty() || line.starts_with('#') {
            return true;
        }
        match self.dialect {
            Dialect::GitHub => self.github(number, line),
            Dialect::GitLab => self.gitlab(number, line),
        }
        self.rules.len() <= MAX_RULES
    }

    fn github(&mut self, number: usize, line: &str) {
        let (written, rest) = split_pattern(line);
        let pattern = match github_pattern(written) {
            Ok(pattern) => pattern,
            Err(why) => return self.problems.add(number, ProblemKind::Pattern(why)),
        };
        let mut owners = Vec::new();
        for word in rest.split_whitespace().take_while(|word| !word.starts_with('#')) {
            match owner(word).filter(|owner| !matches!(owner, Owner::Role(_))) {
                Some(Owner::Name(name)) if name.split('/').count() > 2 => {
                    return self.problems.add(number, ProblemKind::Owner(shown(word)));
                }
                Some(owner) => owners.push(owner),
                None => return self.problems.add(number, ProblemKind::Owner(shown(word))),
            }
        }
        let (written, owners) = (written.into(), owners.into());
        self.rules.push(Stored { section: 0, line: number, written, pattern, owners, approvals: 1, exclusion: false });
    }

    fn gitlab(&mut self, number: usize, line: &str) {
        if self.gitlab_heading(number, line) {
            return;
        }
        let (written, rest) = split_pattern(line);
        let (exclusion, bare) = match written.strip_prefix('!') {
            Some(bare) => (true, bare),
            None => (false, written),
        };
        let pattern: Box<str> = match gitlab_pattern(bare) {
            Ok(pattern) => pattern,
            Err(why) => return self.problems.add(number, ProblemKind::Pattern(why)),
        };
        let owners = if exclusion { Arc::default() } else { self.gitlab_owners(number, rest) };
        let Heading { section, approvals, .. } = self.heading;
        let rule = Stored { section, line: number, written: written.into(), pattern, owners, approvals, exclusion };
        // GitLab keeps the entries of a section by their pattern: a repeated one says something new in the old place.
        match self.rule_by_pattern.entry((section, rule.pattern.clone())) {
            Entry::Occupied(old) => self.rules[*old.get()] = rule,
            Entry::Vacant(new) => {
                new.insert(self.rules.len());
                self.rules.push(rule);
            }
        }
    }

    fn gitlab_owners(&mut self, number: usize, rest: &str) -> Arc<[Owner]> {
        if trimmed(rest).is_empty() {
            if self.heading.owners.is_empty() {
                self.problems.add(number, ProblemKind::Nobody);
            }
            return self.heading.owners.clone();
        }
        let (owners, wrong) = owners_in(rest);
        if let Some(word) = wrong {
            self.problems.add(number, ProblemKind::Owner(shown(word)));
        } else if owners.is_empty() {
            self.problems.add(number, ProblemKind::Nobody);
        }
        owners.into()
    }

    /// `^[Name][2] @default`; whether the line is a heading. One without its `]` is a rule for GitLab.
    fn gitlab_heading(&mut self, number: usize, line: &str) -> bool {
        let optional = line.starts_with('^');
        let Some(inner) = line.strip_prefix('^').unwrap_or(line).strip_prefix('[') else { return false };
        let Some((name, rest)) = inner.split_once(']') else {
            self.problems.add(number, ProblemKind::Section("the heading has no ], so that GitLab reads it as a rule"));
            return false;
        };
        if trimmed(name).is_empty() {
            self.problems.add(number, ProblemKind::Section("the section has no name; write one between [ and ]"));
        }
        let (asked, rest) = required(rest);
        if asked.is_some_and(|count| count == 0 || optional) {
            let why = "only a section that is not optional asks for approvals, and for at least one";
            self.problems.add(number, ProblemKind::Section(why));
        }
        let owners = self.default_owners(number, rest);
        let section = self.section(name, optional);
        self.heading = Heading { section, approvals: asked.unwrap_or(1).max(1), owners };
        true
    }

    /// GitLab reads as far as the characters can stand in names and addresses.
    fn default_owners(&mut self, number: usize, rest: &str) -> Arc<[Owner]> {
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c.is_whitespace() || "@_.-/+".contains(c)));
        let (read, ignored) = rest.split_at(end.unwrap_or(rest.len()));
        let read = if read.starts_with(char::is_whitespace) { read } else { "" };
        let (owners, wrong) = owners_in(read);
        if let Some(word) = wrong {
            self.problems.add(number, ProblemKind::Owner(shown(word)));
        } else if !ignored.is_empty() || (read.is_empty() && !rest.is_empty()) {
            let why = "GitLab does not read the end of this heading; after ] come [approvals] and default owners";
            self.problems.add(number, ProblemKind::Section(why));
        }
        owners.into()
    }

    fn section(&mut self, name: &str, optional: bool) -> u32 {
        let key = name.to_lowercase();
        if let Some(&known) = self.section_by_key.get(&key) {
            // Once required, always required.
            self.sections[known as usize].optional &= optional;
            return known;
        }
        let index = self.sections.len() as u32;
        self.sections.push(Section { name: name.into(), optional });
        self.section_by_key.insert(key, index);
        index
    }
}

/// The number between brackets that may follow a section's name.
fn required(rest: &str) -> (Option<u32>, &str) {
    let number = rest.strip_prefix('[').and_then(|inner| inner.split_once(']'));
    match number {
        Some((digits, after)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            (Some(digits.parse().unwrap_or(0)), after)
        }
        _ => (None, rest),
    }
}

/// What both forges take for the ends of a line; a space that is escaped belongs to the pattern.
fn trimmed(line: &str) -> &str {
    let line = line.trim_start();
    let end = line.trim_end();
    let escaped = end.len() - end.trim_end_matches('\\').len();
    match line[end.len()..].chars().next() {
        Some(space) if escaped % 2 == 1 => &line[..end.len() + space.len_utf8()],
        _ => end,
    }
}

/// The pattern, which ends at the first space that is not escaped, and what follows.
fn split_pattern(line: &str) -> (&str, &str) {
    let mut escaped = false;
    for (at, character) in line.char_indices() {
        if character.is_whitespace() && !escaped {
            return line.split_at(at);
        }
        escaped = character == '\\' && !escaped;
    }
    (line, "")
}

/// The owners among the words, and the first word that is none.
fn owners_in(words: &str) -> (Vec<Owner>, Option<&str>) {
    let mut owners: Vec<Owner> = Vec::new();
    let mut wrong = None;
    for word in words.split_whitespace() {
        match owner(word) {
            Some(owner) => owners.push(owner),
            None => wrong = wrong.or(Some(word)),
        }
    }
    (owners, wrong)
}

fn owner(word: &str) -> Option<Owner> {
    if let Some(role) = word.strip_prefix("@@") {
        return Some(Owner::Role(match role.to_ascii_lowercase().as_str() {
            "developer" | "developers" => Role::Developer,
            "maintainer" | "maintainers" => Role::Maintainer,
            "owner" | "owners" => Role::Owner,
            _ => return None,
        }));
    }
    if let Some(name) = word.strip_prefix('@') {
        let part = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
        };
        return name.split('/').all(part).then(|| Owner::Name(name.to_owned()));
    }
    let (user, host) = word.split_once('@')?;
    let plain = |c: char| c.is_control() || c == '@' || c == '#' || c == '<' || c == '>' || c == ',';
    let ends = host.starts_with(char::is_alphanumeric) && host.ends_with(char::is_alphanumeric);
    let right = !user.is_empty() && ends && !user.contains(plain) && !host.contains(plain);
    right.then(|| Owner::Email(word.to_owned()))
}

/// A word for a message: not longer than a line.
fn shown(word: &str) -> String {
    word.chars().take(80).collect()
}
