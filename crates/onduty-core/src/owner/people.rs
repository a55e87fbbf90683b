//! Who is who in a history: one person signs with several names and addresses.
//!
//! The ranking asks it whom a commit belongs to. Signatures are the same person when they share an address, a login in
//! GitHub's private address, a full name, or an engineer of the roster. Words that many machines sign with join nobody.

use crate::ids::EngineerId;
use crate::roster::{Engineer, Roster};
use std::collections::HashMap;

/// A person, by number, in one [`People`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonNo(pub u32);

/// What is known of one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The newest name that they signed with.
    pub name: String,
    /// The address that goes with it.
    pub email: String,
    /// Who that is on the roster.
    pub engineer: Option<EngineerId>,
    /// It is a machine.
    pub is_bot: bool,
}

/// Everybody who signed a commit.
#[derive(Debug, Clone, Default)]
pub struct People {
    people: Vec<Person>,
    by_signature: HashMap<(String, String), PersonNo>,
}

/// Names and addresses that say nothing about who it is.
const NOBODY: [&str; 16] = [
    "",
    "root",
    "user",
    "admin",
    "ubuntu",
    "unknown",
    "none",
    "nobody",
    "developer",
    "dev",
    "test",
    "git",
    "your name",
    "root@localhost",
    "noreply@github.com",
    "you@example.com",
];

/// What machines sign with besides names that end in `[bot]` or `-bot`.
const BOTS: [&str; 18] = [
    "dependabot",
    "renovate",
    "github-actions",
    "github actions",
    "github",
    "pre-commit-ci",
    "web-flow",
    "weblate",
    "hosted weblate",
    "transifex",
    "crowdin",
    "greenkeeper",
    "bors",
    "homu",
    "jenkins",
    "travis ci",
    "circleci",
    "mergify",
];

/// Whether a machine signs like this.
pub fn is_bot(name: &str, email: &str) -> bool {
    let name = name.trim().to_lowercase();
    let is_named = ["[bot]", "-bot", " bot", "_bot", "robot"].iter().any(|end| name.ends_with(end));
    is_named || email.to_ascii_lowercase().contains("[bot]@") || BOTS.contains(&&*name)
}

/// The login in an address of GitHub's that hides the real one.
pub fn login_in(email: &str) -> Option<&str> {
    let user = email.strip_suffix("@users.noreply.github.com")?;
    Some(user.split_once('+').map_or(user, |(_, login)| login))
}

/// The engineer who signs like this: by address, by login, by name.
pub fn engineer_of<'a>(name: &str, email: &str, roster: &'a Roster) -> Option<&'a Engineer> {
    let known = |handle: &str| if handle.trim().is_empty() { None } else { roster.find(handle) };
    known(email).or_else(|| known(login_in(email)?)).or_else(|| known(name))
}

impl People {
    /// Everybody in `signatures` (names and addresses, the oldest first), and who they are on `roster`.
    pub fn of<'a>(signatures: impl Iterator<Item = (&'a str, &'a str)>, roster: Option<&Roster>) -> People {
        let mut joined = Joined::default();
        let mut signed: HashMap<(&str, &str), (u32, usize)> = HashMap::new();
        for (order, (name, email)) in signatures.enumerate() {
            let known = signed.entry((name, email)).or_insert_with(|| (joined.number_of(name, email, roster), order));
            known.1 = order;
        }
        let mut newest: Vec<(usize, (&str, &str), u32)> =
            signed.into_iter().map(|(signature, (number, order))| (order, signature, number)).collect();
        newest.sort_unstable();
        let mut all = People::default();
        let mut numbers: HashMap<u32, PersonNo> = HashMap::new();
        for (_, (name, email), number) in newest {
            let root = joined.root(number);
            let no = *numbers.entry(root).or_insert_with(|| {
                all.people.push(Person { name: String::new(), email: String::new(), engineer: None, is_bot: false });
                PersonNo(all.people.len() as u32 - 1)
            });
            let person = &mut all.people[no.0 as usize];
            (person.name, person.email) = (name.to_owned(), email.to_owned());
            person.is_bot |= is_bot(name, email);
            if let Some(engineer) = roster.and_then(|roster| engineer_of(name, email, roster)) {
                person.engineer = Some(engineer.id.clone());
            }
            all.by_signature.insert((name.to_owned(), email.to_owned()), no);
        }
        all
    }

    /// Who signs like this; `None` for somebody who was not among the signatures.
    pub fn find(&self, name: &str, email: &str) -> Option<PersonNo> {
        self.by_signature.get(&(name.to_owned(), email.to_owned())).copied()
    }

    /// What is known of a person.
    ///
    /// # Panics
    /// When `no` is of other people.
    pub fn person(&self, no: PersonNo) -> &Person {
        &self.people[no.0 as usize]
    }

    /// Every name and address that somebody signed with, and whose it is; in no order.
    pub fn signatures(&self) -> impl Iterator<Item = (&str, &str, PersonNo)> {
        self.by_signature.iter().map(|((name, email), no)| (name.as_str(), email.as_str(), *no))
    }

    /// Those who are on the roster.
    pub fn engineers(&self) -> impl Iterator<Item = (PersonNo, EngineerId)> {
        (0..).zip(&self.people).filter_map(|(no, person)| Some((PersonNo(no), person.engineer.clone()?)))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.people.len()
    }

    /// Whether nobody signed anything.
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
    }
}

/// Signatures that are joined when they share something that names a person.
#[derive(Default)]
struct Joined {
    parents: Vec<u32>,
    by_key: HashMap<String, u32>,
}

impl Joined {
    fn number_of(&mut self, name: &str, email: &str, roster: Option<&Roster>) -> u32 {
        let number = self.parents.len() as u32;
        self.parents.push(number);
        let (name, email) = (name.trim().to_lowercase(), email.trim().to_lowercase());
        let engineer = roster.and_then(|roster| engineer_of(&name, &email, roster));
        let login = login_in(&email).map(|login| format!("name {login}"));
        // Two letters are initials, and not only one person's.
        let by_name = (name.chars().count() > 2).then(|| format!("name {name}"));
        let keys =
            [Some(format!("mail {email}")), by_name, login, engineer.map(|engineer| format!("is {}", engineer.id))];
        for key in keys.into_iter().flatten() {
            if key.split_once(' ').is_some_and(|(_, word)| NOBODY.contains(&word)) {
                continue;
            }
            match self.by_key.get(&key) {
                Some(&other) => self.join(number, other),
                None => drop(self.by_key.insert(key, number)),
            }
        }
        number
    }

    fn join(&mut self, one: u32, other: u32) {
        let (one, other) = (self.root(one), self.root(other));
        self.parents[one as usize] = other;
    }

    fn root(&mut self, mut number: u32) -> u32 {
        while self.parents[number as usize] != number {
            let above = self.parents[self.parents[number as usize] as usize];
            self.parents[number as usize] = above;
            number = above;
        }
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(signatures: &[(&str, &str)], roster: Option<&Roster>) -> Vec<String> {
        let people = People::of(signatures.iter().copied(), roster);
        let shown = |person: &Person| {
            let engineer = person.engineer.as_ref().map(|id| format!(" = {id}")).unwrap_or_default();
            format!("{} <{}>{engineer}{}", person.name, person.email, if person.is_bot { ", a bot" } else { "" })
        };
        let mut all: Vec<String> = people.people.iter().map(shown).collect();
        all.sort();
        all
    }

    #[test]
    fn signatures_of_one_person_are_joined_under_the_newest_name() {
        let same = [
            ("lena", "lena@home.example"),
            ("Lena Vogt", "LENA@home.example"),
            ("Lena Vogt", "lena@acme.example"),
            ("lena vogt", "12+lenav@users.noreply.github.com"),
            ("lenav", "l@other.example"),
        ];
        assert_eq!(names(&same, None), ["lenav <l@other.example>"]);
        // Whatever the order.
        let mut turned = same;
        turned.reverse();
        assert_eq!(names(&turned, None), ["lena <lena@home.example>"]);
    }

    #[test]
    fn what_many_sign_with_joins_nobody() {
        let two =
            [("root", "root@localhost"), ("root", "root@build.example"), ("ab", "x@a.example"), ("ab", "y@a.example")];
        assert_eq!(names(&two, None).len(), 4);
        assert_eq!(names(&[("", ""), ("Omar", ""), ("Eva", "")], None).len(), 3);
    }

    #[test]
    fn machines_are_known_by_their_names() {
        for (name, email, expected) in [
            ("dependabot[bot]", "49699333+dependabot[bot]@users.noreply.github.com", true),
            ("Renovate", "x@y.example", true),
            ("acme-bot", "x@y.example", true),
            ("Release Bot", "x@y.example", true),
            ("x", "1+ci[bot]@users.noreply.github.com", true),
            ("Abbot", "abbot@acme.example", false),
            ("Bo Talbot", "bo@acme.example", false),
        ] {
            assert_eq!(is_bot(name, email), expected, "{name}");
        }
    }

    #[test]
    fn the_roster_joins_what_it_knows() {
        let text = "
engineers:
  lena: {name: Lena Vogt, emails: [lena@acme.example, l.vogt@old.example], logins: [lenav]}
  omar: {name: Omar Haddad, emails: [omar@acme.example]}
duties:
  developers: {members: all, zone: UTC}
";
        let roster = crate::roster::parse("roster.yml", text).unwrap();
        let signed = [
            ("LV", "l.vogt@old.example"),
            ("Somebody", "7+LenaV@users.noreply.github.com"),
            ("L. Vogt", "lena@acme.example"),
            ("Zoe", "zoe@away.example"),
        ];
        assert_eq!(names(&signed, Some(&roster)), ["L. Vogt <lena@acme.example> = lena", "Zoe <zoe@away.example>"]);
    }
}
