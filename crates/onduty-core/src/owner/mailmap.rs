//! git's `.mailmap`: one person, one name and one address, whatever their commits say.
//!
//! Called for the authors of commits that were read without git's own mapping. Answers what
//! `git log --use-mailmap --format='%aN <%aE>'` prints for a mirror (a bare repository, whose map is the blob
//! `HEAD:.mailmap`); a test in the server package compares the two. Never looks at the roster.
//!
//! Source: <https://git-scm.com/docs/gitmailmap>, and git 2.47 itself where that page is silent.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

/// Most bytes of a `.mailmap` that are read. The Linux kernel's has 50 kB.
pub const MAX_BYTES: usize = 8 * 1024 * 1024;
/// Most entries that are kept; what is mapped twice counts twice.
pub const MAX_ENTRIES: usize = 100_000;

/// Who is who in a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mailmap {
    /// By the address in the commit, in lower case.
    people: HashMap<Box<str>, Person>,
    left_out: Option<LeftOut>,
}

/// From where on a `.mailmap` was too large to be read. People whose lines come later keep the names in their commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftOut {
    /// The first line that was not read; the first of the file is 1.
    pub line: usize,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            ".mailmap:{}: this line and all after it were not read, because onduty reads at most {} MiB and \
             {MAX_ENTRIES} entries; shorten the file",
            self.line,
            MAX_BYTES / 1024 / 1024
        )
    }
}

/// What is known of one address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Person {
    /// For every name that `by_name` does not list.
    any_name: Canonical,
    /// By the name in the commit, in lower case.
    by_name: HashMap<Box<str>, Canonical>,
}

/// What takes the place of the name and of the address; `None` leaves that of the commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Canonical {
    name: Option<Box<str>>,
    email: Option<Box<str>>,
}

impl Mailmap {
    /// Reads the text of a `.mailmap`. A line that says nothing is passed over, as git does, and so no text is wrong.
    ///
    /// Bytes that are not UTF-8 must have been replaced in the same way here and in the names that are looked up. What
    /// follows a NUL is not read, because git does not read it either. See [`Mailmap::left_out`] for absurd sizes.
    pub fn parse(text: &str) -> Mailmap {
        let text = text.split('\0').next().unwrap_or_default();
        let mut map = Mailmap::default();
        let (mut bytes, mut entries) = (0, 0);
        for (index, line) in text.split('\n').enumerate() {
            bytes += line.len() + 1;
            let entry = Entry::parse(line);
            entries += usize::from(entry.is_some());
            if (bytes > MAX_BYTES && !line.is_empty()) || entries > MAX_ENTRIES {
                map.left_out = Some(LeftOut { line: index + 1 });
                break;
            }
            if let Some(entry) = entry {
                map.add(entry);
            }
        }
        map
    }

    /// Where reading stopped, if the file is absurdly large.
    pub fn left_out(&self) -> Option<LeftOut> {
        self.left_out
    }

    /// The name and the address that the person wants to be known by; those given where the map says nothing.
    ///
    /// Both are compared without regard to the case of ASCII letters. What comes back may contain whatever the file
    /// contains, also control characters.
    pub fn canonical<'a>(&'a self, name: &'a str, email: &'a str) -> (&'a str, &'a str) {
        let Some(person) = self.people.get(&*folded(email)) else { return (name, email) };
        let listed = if person.by_name.is_empty() { None } else { person.by_name.get(&*folded(name)) };
        let found = listed.unwrap_or(&person.any_name);
        (found.name.as_deref().unwrap_or(name), found.email.as_deref().unwrap_or(email))
    }

    fn add(&mut self, entry: Entry<'_>) {
        let owned = |text: Option<&str>| text.map(Box::from);
        // With one address only the name changes: there is no other address to change it to.
        let (email, old_email) = match entry.old_email {
            Some(old_email) => (owned(Some(entry.email)), old_email),
            None => (None, entry.email),
        };
        let person = self.people.entry(folded(old_email).into()).or_default();
        let name = owned(entry.name);
        match entry.old_name {
            Some(old_name) => {
                person.by_name.insert(folded(old_name).into(), Canonical { name, email });
            }
            // A later line takes the place of an earlier one only in what it says.
            None => {
                person.any_name.name = name.or(person.any_name.name.take());
                person.any_name.email = email.or(person.any_name.email.take());
            }
        }
    }
}

/// `Name <email>`, `<email> <old email>`, `Name <email> <old email>` or `Name <email> Old name <old email>`.
struct Entry<'a> {
    name: Option<&'a str>,
    email: &'a str,
    old_name: Option<&'a str>,
    old_email: Option<&'a str>,
}

impl<'a> Entry<'a> {
    fn parse(line: &'a str) -> Option<Entry<'a>> {
        if line.starts_with('#') {
            return None; // only here: a number sign further on belongs to a name
        }
        let (name, email, rest) = name_and_email(line)?;
        if email.is_empty() {
            return None;
        }
        // The address in a commit may well be empty.
        match name_and_email(rest) {
            Some((old_name, old_email, _)) => Some(Entry { name, email, old_name, old_email: Some(old_email) }),
            None => Some(Entry { name, email, old_name: None, old_email: None }),
        }
    }
}

/// The name before `<`, what stands between that and the next `>`, and the rest of the line.
fn name_and_email(text: &str) -> Option<(Option<&str>, &str, &str)> {
    let (name, rest) = text.split_once('<')?;
    let (email, rest) = rest.split_once('>')?;
    let name = name.trim_matches([' ', '\t', '\r', '\n']); // git's own idea of white space
    Some((if name.is_empty() { None } else { Some(name) }, email, rest))
}

/// As git compares: ASCII letters without their case, everything else byte by byte.
fn folded(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `name <email>` as the map makes it of `commit`.
    fn check(map: &str, commit: &str, expected: &str) {
        let map = Mailmap::parse(map);
        let (name, email) = commit.split_once(" <").unwrap();
        let (name, email) = map.canonical(name, email.strip_suffix('>').unwrap());
        assert_eq!(format!("{name} <{email}>"), expected, "{map:?}");
    }

    #[test]
    fn each_of_the_four_forms() {
        check("Lena Vogt <lena@acme.example>", "lv <lena@acme.example>", "Lena Vogt <lena@acme.example>");
        check("<lena@acme.example> <lv@home.example>", "lv <lv@home.example>", "lv <lena@acme.example>");
        check("Lena Vogt <lena@a> <lv@h>", "lv <lv@h>", "Lena Vogt <lena@a>");
        let shared = "Lena Vogt <lena@a> lena <build@a>\nOmar Haddad <omar@a> omar <build@a>";
        check(shared, "Lena <BUILD@a>", "Lena Vogt <lena@a>");
        check(shared, "omar <build@a>", "Omar Haddad <omar@a>");
        check(shared, "eva <build@a>", "eva <build@a>");
    }

    #[test]
    fn later_lines_win_in_what_they_say() {
        let twice = "Lena <lena@a> <lv@h>\nLena Vogt <lv@h>";
        check(twice, "lv <lv@h>", "Lena Vogt <lena@a>");
        let named = "Lena <lena@a> lv <lv@h>\n<l@a> lv <lv@h>";
        check(named, "lv <lv@h>", "lv <l@a>");
        // The name decides before the order does.
        check("Lena <lena@a> lv <lv@h>\nEva <eva@a> <lv@h>", "LV <lv@h>", "Lena <lena@a>");
        check("Lena <lena@a> lv <lv@h>\nEva <eva@a> <lv@h>", "x <lv@h>", "Eva <eva@a>");
    }

    #[test]
    fn lines_that_say_nothing_or_something_odd() {
        for nothing in ["", "#Lena <a@a>", "Lena", "Lena <a@a", "Lena <>", "<a@a>", "> <", "\r", "\0Lena <a@a>"] {
            check(nothing, "x <a@a>", "x <a@a>");
        }
        check(" # Lena <a@a> # comment\r\n", "x <a@a>", "# Lena <a@a>");
        check("Lena <a@a> <>", "x <>", "Lena <a@a>");
        check("L <a@a>", "x <a@a>", "L <a@a>");
        check("Lena <a@a> x", "x <a@a>", "Lena <a@a>");
        check("Lena <a@a> x <b@a> y <c@a>", "x <b@a>", "Lena <a@a>");
        check("Lena < a@a >", "x < a@a >", "Lena < a@a >");
        check("\u{fffd}\u{b}É <é@a>", "x <é@A>", "\u{fffd}\u{b}É <é@A>");
        check("Lena <é@a>", "x <É@a>", "x <É@a>");
        check("Lena <a@a>\0\nEva <b@b>", "x <a@a>", "Lena <a@a>");
        check("Lena <a@a>\0\nEva <b@b>", "x <b@b>", "x <b@b>");
    }

    #[test]
    fn absurd_sizes_are_bounded_and_said() {
        let lines = |count: usize| (0..count).map(|n| format!("N{n} <{n}@a>\n")).collect::<String>();
        let map = Mailmap::parse(&lines(MAX_ENTRIES));
        assert_eq!((map.left_out(), map.canonical("x", "99999@A")), (None, ("N99999", "99999@A")));
        let map = Mailmap::parse(&lines(MAX_ENTRIES + 1));
        assert_eq!(map.left_out(), Some(LeftOut { line: MAX_ENTRIES + 1 }));
        assert_eq!(map.canonical("x", "100000@a"), ("x", "100000@a"));

        let long = format!("Lena <a@a>\n{} <b@b>\nEva <c@c>", "x".repeat(MAX_BYTES));
        let map = Mailmap::parse(&long);
        assert_eq!(map.left_out(), Some(LeftOut { line: 2 }));
        assert_eq!((map.canonical("x", "a@a").0, map.canonical("x", "c@c").0), ("Lena", "x"));
        assert!(map.left_out().unwrap().to_string().starts_with(".mailmap:2: this line and all after it"));
        // A file that is exactly as large as it may be ends with a line feed.
        assert_eq!(Mailmap::parse(&format!("{}\n", "x".repeat(MAX_BYTES - 1))).left_out(), None);
    }
}
