//! The direction of dependencies, read from the sources: an arrow upwards fails here, with file and line.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Rooms of `onduty`, lowest level first; a room may use every level below its own.
const LEVELS: [&[&str]; 6] = [
    &["metrics"],
    &["egress", "clock", "server"],
    &["store", "sources", "actions", "oidc", "texts", "config"],
    &["app"],
    &["web", "tasks"],
    &["cli"],
];

/// Arrows between siblings that stay, with the reason.
const EXCEPTIONS: [(&str, &str, &str); 1] =
    [("actions", "sources", "what leaves is signed by the same few lines that check what arrives")];

/// Rooms of `onduty-core`: each may use those to its left.
const CORE: [&str; 22] = [
    "files",
    "icalendar",
    "ids",
    "flaky",
    "perf",
    "performance",
    "signal",
    "compared",
    "signal_feeds",
    "roster",
    "leave_calendar",
    "calendar",
    "schedule",
    "plan",
    "item",
    "handshake",
    "gate",
    "logbook",
    "owner",
    "expr",
    "process",
    "engine",
];

/// One `.rs` file without its comments and its tests.
struct Source {
    /// Below `src`.
    path: PathBuf,
    text: String,
}

impl Source {
    fn room(&self) -> &str {
        let first = self.path.components().next().map(|part| part.as_os_str().to_str().unwrap_or_default());
        first.unwrap_or_default().trim_end_matches(".rs")
    }

    fn is(&self, path: &str) -> bool {
        self.path == Path::new(path)
    }

    fn is_below(&self, folder: &str) -> bool {
        self.path.starts_with(folder)
    }

    /// How deep the file's module is: `app/day.rs` is `crate::app::day`, two deep.
    fn depth(&self) -> usize {
        let all = self.path.components().count();
        if self.path.ends_with("mod.rs") || self.is("lib.rs") || self.is("main.rs") { all - 1 } else { all }
    }

    /// Paths from the crate's root: `store::items`, with the line they stand on.
    fn uses(&self) -> Vec<(usize, String)> {
        let roots = ["crate::".to_owned(), "super::".repeat(self.depth())];
        let mut found = Vec::new();
        for root in roots.iter().filter(|root| !root.is_empty()) {
            for (at, _) in self.text.match_indices(root.as_str()) {
                let before = self.text[..at].chars().next_back();
                if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':' || c == '$') {
                    continue;
                }
                let line = self.text[..at].matches('\n').count() + 1;
                found.extend(paths(&self.text[at + root.len()..]).into_iter().map(|path| (line, path)));
            }
        }
        found
    }

    fn lines_with<'a>(&'a self, word: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
        self.text.lines().enumerate().filter(move |(_, line)| line.contains(word)).map(|(n, line)| (n + 1, line))
    }
}

/// The first two parts of a path, or of each branch of `{a::b, c}`.
fn paths(rest: &str) -> Vec<String> {
    let Some(inner) = rest.strip_prefix('{') else {
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(rest.len());
        let parts: Vec<&str> = rest[..end].split("::").filter(|part| !part.is_empty()).take(2).collect();
        return vec![parts.join("::")];
    };
    let mut depth = 0;
    let mut branches = vec![String::new()];
    for c in inner.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => branches.push(String::new()),
            _ => {}
        }
        if depth == 0 && c != ',' && !c.is_whitespace() {
            branches.last_mut().expect("there is always one").push(c);
        }
    }
    branches.iter().filter(|branch| !branch.is_empty()).flat_map(|branch| paths(branch)).collect()
}

fn sources(package: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(package).join("src");
    let mut all = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                // Tests may look wherever they like.
                if name != "tests" {
                    folders.push(path);
                }
            } else if name.ends_with(".rs")
                && !matches!(name.as_str(), "tests.rs" | "bad_files.rs")
                && !name.ends_with("_tests.rs")
            {
                let text = without_tests_and_comments(&std::fs::read_to_string(&path).unwrap());
                all.push(Source { path: path.strip_prefix(&root).unwrap().to_owned(), text });
            }
        }
    }
    assert!(all.len() > 10, "{} files found in {package}", all.len());
    all
}

/// Lines keep their numbers.
fn without_tests_and_comments(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod tests").or_else(|| text.find("#[cfg(test)]\npub(crate) mod tests"));
    let code = &text[..end.unwrap_or(text.len())];
    let lines = code.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

fn level(room: &str) -> Option<usize> {
    LEVELS.iter().position(|rooms| rooms.contains(&room))
}

fn assert_none(broken: &[String]) {
    assert!(broken.is_empty(), "{}\nsee the first lines of src/lib.rs", broken.join("\n"));
}

#[test]
fn no_room_of_the_server_uses_one_above_or_beside_it() {
    let mut broken = Vec::new();
    let mut used = BTreeSet::new();
    for source in sources("onduty").iter().filter(|source| !source.is("lib.rs")) {
        let from = source.room();
        for (line, path) in source.uses() {
            let to = path.split("::").next().unwrap_or_default();
            let Some(below) = level(to) else { continue };
            let allowed = match level(from) {
                // `main.rs` starts the command line and does nothing else.
                None => to == "cli",
                Some(above) => from == to || above > below,
            };
            if EXCEPTIONS.iter().any(|(one, other, _)| (*one, *other) == (from, to)) {
                used.insert((from.to_owned(), to.to_owned()));
            } else if !allowed {
                broken.push(format!("src/{}:{line}: {from} uses {to}", source.path.display()));
            }
        }
    }
    assert_none(&broken);
    for (from, to, reason) in EXCEPTIONS {
        assert!(used.contains(&(from.to_owned(), to.to_owned())), "nobody needs {from} → {to} ({reason}) any more");
    }
}

#[test]
fn every_room_has_its_level() {
    let known: BTreeSet<&str> = LEVELS.concat().into_iter().collect();
    let rooms: BTreeSet<String> = sources("onduty").iter().map(|source| source.room().to_owned()).collect();
    let without: Vec<&String> = rooms
        .iter()
        .filter(|room| !matches!(room.as_str(), "lib" | "main") && !known.contains(room.as_str()))
        .collect();
    assert!(without.is_empty(), "give {without:?} a level in this test and in the first lines of src/lib.rs");
    let rooms: BTreeSet<String> = sources("onduty-core").iter().map(|source| source.room().to_owned()).collect();
    let without: Vec<&String> = rooms.iter().filter(|room| *room != "lib" && !CORE.contains(&room.as_str())).collect();
    assert!(without.is_empty(), "give {without:?} of the core a place in this test");
}

#[test]
fn no_room_of_the_core_uses_one_to_its_right() {
    let place = |room: &str| CORE.iter().position(|known| *known == room);
    let mut broken = Vec::new();
    for source in sources("onduty-core").iter().filter(|source| !source.is("lib.rs")) {
        let from = source.room();
        for (line, path) in source.uses() {
            let to = path.split("::").next().unwrap_or_default();
            if from != to && place(to).is_some_and(|to| place(from).is_none_or(|from| to > from)) {
                broken.push(format!("onduty-core/src/{}:{line}: {from} uses {to}", source.path.display()));
            }
        }
    }
    assert_none(&broken);
}

#[test]
fn providers_never_use_providers() {
    const PROVIDERS: [&str; 5] = ["github", "git", "signals", "sentry", "bugsink"];
    let mut broken = Vec::new();
    for source in sources("onduty") {
        let Some(own) = PROVIDERS.into_iter().find(|one| source.is_below(&format!("sources/{one}"))) else { continue };
        for (line, path) in source.uses() {
            let other = path.strip_prefix("sources::").is_some_and(|to| to != own && PROVIDERS.contains(&to));
            if other {
                broken.push(format!("src/{}:{line}: {own} uses {path}", source.path.display()));
            }
        }
        for other in PROVIDERS.into_iter().filter(|other| *other != own) {
            let beside = format!("{}{other}::", "super::".repeat(source.depth() - 1));
            let lines = source
                .lines_with(&beside)
                .map(|(line, _)| format!("src/{}:{line}: {own} uses {other}", source.path.display()));
            broken.extend(lines);
        }
    }
    assert_none(&broken);
}

/// A word, the only places where it may stand, and why.
const ROOMS_OF_WORDS: [(&str, &[&str], &str); 15] = [
    ("sqlx::", &["store"], "only the store speaks SQL"),
    ("Timestamp::now", &["clock.rs"], "only the clock reads the time"),
    ("Zoned::now", &["clock.rs"], "only the clock reads the time"),
    ("SystemTime::now", &["clock.rs"], "only the clock reads the time"),
    ("Client::builder", &["egress"], "there is one way out"),
    ("ClientBuilder", &["egress"], "there is one way out"),
    ("reqwest::get", &["egress"], "there is one way out"),
    ("reqwest::Client", &["egress"], "there is one way out"),
    ("TcpStream::connect", &["egress"], "there is one way out"),
    ("TcpSocket", &["egress"], "there is one way out"),
    ("UdpSocket", &["egress"], "there is one way out"),
    ("lookup_host", &["egress"], "there is one way out"),
    ("onduty_fakes", &["cli/demo.rs"], "only the demo plays the outside world"),
    ("html!", &["web/views"], "only views draw"),
    ("PreEscaped", &["web/views", "web/assets"], "what is not escaped is looked at with both eyes"),
];

#[test]
fn words_stay_in_their_rooms() {
    let all = sources("onduty");
    let mut broken = Vec::new();
    for (word, rooms, why) in ROOMS_OF_WORDS {
        for source in all.iter().filter(|source| !rooms.iter().any(|room| source.is_below(room))) {
            let lines =
                source.lines_with(word).map(|(line, _)| format!("src/{}:{line}: {word}: {why}", source.path.display()));
            broken.extend(lines);
        }
    }
    assert_none(&broken);
}

#[test]
fn only_wire_modules_spell_the_fields_of_a_provider() {
    let all = sources("onduty");
    let spelling = all.iter().filter(|source| source.is_below("sources") && source.text.contains("Deserialize"));
    let outside: Vec<_> =
        spelling.filter(|source| !source.path.ends_with("wire.rs")).map(|source| &source.path).collect();
    assert!(outside.is_empty(), "{outside:?}");
}

#[test]
fn the_core_touches_nothing() {
    let mut broken = Vec::new();
    for source in sources("onduty-core") {
        for word in [
            "std::fs",
            "std::net",
            "std::env",
            "std::process",
            "std::io",
            "Timestamp::now",
            "Zoned::now",
            "SystemTime",
            "tokio",
            "async fn",
            "println!",
        ] {
            let lines = source
                .lines_with(word)
                .map(|(line, _)| format!("onduty-core/src/{}:{line}: {word}", source.path.display()));
            broken.extend(lines);
        }
    }
    assert_none(&broken);
}

#[test]
fn the_reader_of_uses_reads_all_forms() {
    let check = |path: &str, text: &str, expected: &[&str]| {
        let source = Source { path: path.into(), text: text.to_owned() };
        let found: Vec<String> = source.uses().into_iter().map(|(_, path)| path).collect();
        assert_eq!(found, expected, "{text}");
    };
    check("app/day.rs", "use crate::store::{self, Tx};", &["store"]);
    check("app/day.rs", "use crate::store::rollouts::Attempt;", &["store::rollouts"]);
    check(
        "app/day.rs",
        "use crate::{texts, store::{items, log_book}, web::policy};",
        &["texts", "store", "web::policy"],
    );
    check("app/day.rs", "super::super::web::router(1)", &["web::router"]);
    check("app/mod.rs", "super::web::x; onduty_crate::y", &["web::x"]);
    check("clock.rs", "a(super::cli::run, $crate::z)", &["cli::run"]);
}
