//! Evidence in, ranked people with their reasons out.
//!
//! Called by the server once a source has gathered the evidence. Never looks at a repository itself, never names
//! somebody who is not on the roster, never gives a name without a reason. The weights are plain and documented below;
//! `docs/design/` of a later version may refine them.

pub mod codeowners;
pub mod mailmap;

use crate::ids::EngineerId;
use crate::item::{Candidate, OwnerReason, Suggestion};
use crate::roster::{Engineer, Roster};
use crate::signal::{Commit, Frame};
use jiff::Timestamp;
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};

/// Most people that are named.
const MAX_PEOPLE: usize = 5;
/// Most files of a stack that are worth reading.
const MAX_FILES: usize = 5;
/// Most commits after green that are given as reasons to one person.
const MAX_COMMITS_TOLD: usize = 3;
/// Days after which a commit counts half.
const HALF_LIFE_DAYS: f64 = 120.0;
/// What is left of the weight of a file that was last touched long ago.
const STALE: f64 = 0.3;
/// Weight of having written the newest commit to a file; the next person gets two thirds of it, and so on.
const NEWEST: f64 = 2.1;
/// Weight of having written most of the recent commits to a file.
const MOST: f64 = 1.0;
/// Weight of having written the newest commit since green.
const SINCE_GREEN: f64 = 3.0;
/// Factor for a commit since green that touches a file of the failing stack.
const TOUCHES_EVIDENCE: f64 = 3.0;

/// The newest commits to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileHistory {
    /// Path within the repository.
    pub file: String,
    /// Newest first; as many as were looked at.
    pub commits: Vec<Commit>,
}

/// What was found out about a cause.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// In the order of [`files_of`]: the most telling file first.
    pub files: Vec<FileHistory>,
    /// The commits after the last green build up to the first red one, newest first; empty when there is none of
    /// either.
    pub since_green: Vec<Commit>,
    /// Whom people named as owner of the same subject before, newest first.
    pub decided: Vec<(EngineerId, Timestamp)>,
    /// What could not be looked at, in words for people.
    pub trouble: Option<String>,
}

/// The files of a stack whose history is worth reading, the most telling first: the innermost line of the team's own
/// code, and outwards from there. Without a line of their own it is the innermost of all.
pub fn files_of(frames: &[Frame]) -> Vec<String> {
    let own = frames.iter().rev().filter(|frame| frame.in_app);
    let all = frames.iter().rev().filter(|_| !frames.iter().any(|frame| frame.in_app));
    let mut files: Vec<String> = Vec::new();
    for frame in own.chain(all) {
        if !frame.file.is_empty() && !files.contains(&frame.file) {
            files.push(frame.file.clone());
        }
    }
    files.truncate(MAX_FILES);
    files
}

/// Who might own the cause, best first.
///
/// Somebody who is away on `today` keeps the rank and is marked; who has left is not named. `at` is when the evidence
/// was looked at.
pub fn suggest(evidence: &Evidence, roster: &Roster, today: Date, at: Timestamp) -> Suggestion {
    let mut ranking = Ranking { roster, today, people: BTreeMap::new() };
    for (index, (engineer, decided_at)) in evidence.decided.iter().enumerate() {
        if let Some(engineer) = roster.engineers.get(engineer) {
            // What people said about the same subject beats whatever can be computed.
            ranking.add(engineer, 100.0 / (index + 1) as f64, OwnerReason::DecidedBefore { at: *decided_at });
        }
    }
    ranking.since_green(evidence);
    for (index, history) in evidence.files.iter().enumerate() {
        ranking.file(history, 1.0 / (index + 1) as f64, at);
    }
    let people = ranking.best();
    let note = match (&evidence.trouble, people.is_empty()) {
        (Some(trouble), _) => Some(trouble.clone()),
        (None, true) => Some(why_nobody(evidence).to_owned()),
        (None, false) => None,
    };
    Suggestion { people, at, note }
}

fn why_nobody(evidence: &Evidence) -> &'static str {
    let no_commits = evidence.files.iter().all(|history| history.commits.is_empty());
    match (evidence.files.is_empty(), evidence.since_green.is_empty()) {
        (true, true) => "neither a file of the team's code nor a commit since green is known for this",
        (true, false) => "nobody on the roster wrote the commits since green",
        (false, _) if no_commits => "the files of this stack have no history in the repository",
        (false, _) => "nobody on the roster committed to these files recently",
    }
}

/// Whether the author is a machine.
pub fn is_bot(commit: &Commit) -> bool {
    const BOTS: [&str; 8] = [
        "dependabot",
        "renovate",
        "renovate-bot",
        "github-actions",
        "github actions",
        "pre-commit-ci",
        "gitlab-bot",
        "semantic-release-bot",
    ];
    let name = commit.author_name.trim().to_ascii_lowercase();
    name.ends_with("[bot]") || commit.author_email.to_ascii_lowercase().contains("[bot]@") || BOTS.contains(&&*name)
}

/// Whether the commit only joins branches; its author need not have written anything.
fn is_merge(commit: &Commit) -> bool {
    ["Merge branch ", "Merge pull request ", "Merge remote-tracking branch ", "Merge tag "]
        .iter()
        .any(|start| commit.title.starts_with(start))
}

/// The engineer who wrote `commit`: by e-mail, by the login in GitHub's private address, by name.
pub fn author_of<'a>(commit: &Commit, roster: &'a Roster) -> Option<&'a Engineer> {
    if is_bot(commit) {
        return None;
    }
    let known = |handle: &str| if handle.trim().is_empty() { None } else { roster.find(handle) };
    let private = commit.author_email.strip_suffix("@users.noreply.github.com");
    let login = private.map(|user| user.split_once('+').map_or(user, |(_, login)| login));
    known(&commit.author_email).or_else(|| known(login?)).or_else(|| known(&commit.author_name))
}

struct Ranking<'a> {
    roster: &'a Roster,
    today: Date,
    people: BTreeMap<&'a EngineerId, Person<'a>>,
}

struct Person<'a> {
    engineer: &'a Engineer,
    score: f64,
    reasons: Vec<OwnerReason>,
}

impl<'a> Ranking<'a> {
    fn add(&mut self, engineer: &'a Engineer, score: f64, reason: OwnerReason) {
        if engineer.has_left(self.today) {
            return;
        }
        let nobody = Person { engineer, score: 0.0, reasons: Vec::new() };
        let person = self.people.entry(&engineer.id).or_insert(nobody);
        person.score += score;
        person.reasons.push(reason);
    }

    fn since_green(&mut self, evidence: &Evidence) {
        let files: BTreeSet<&str> = evidence.files.iter().map(|history| history.file.as_str()).collect();
        let suspects: Vec<&Commit> = evidence.since_green.iter().filter(|commit| !is_merge(commit)).collect();
        let mut told: BTreeMap<&str, usize> = BTreeMap::new();
        for (index, commit) in suspects.iter().enumerate() {
            let Some(engineer) = author_of(commit, self.roster) else { continue };
            let told = told.entry(engineer.id.as_str()).or_default();
            *told += 1;
            if *told > MAX_COMMITS_TOLD {
                continue;
            }
            let touches = commit.files.iter().any(|file| files.contains(file.as_str()));
            let factor = if touches { TOUCHES_EVIDENCE } else { 1.0 };
            let reason = OwnerReason::SinceGreen {
                revision: commit.revision.clone(),
                title: commit.title.clone(),
                of: suspects.len() as u32,
            };
            // A further commit of the same person adds less: many small commits are not many suspects.
            self.add(engineer, factor * SINCE_GREEN / ((index + 1) * *told) as f64, reason);
        }
    }

    fn file(&mut self, history: &FileHistory, weight: f64, at: Timestamp) {
        let commits: Vec<&Commit> = history.commits.iter().filter(|commit| !is_merge(commit)).collect();
        let mut authors: Vec<Author<'a>> = Vec::new();
        for commit in &commits {
            let Some(engineer) = author_of(commit, self.roster) else { continue };
            if engineer.has_left(self.today) {
                continue;
            }
            let worth = decayed(commit.committed_at, at);
            match authors.iter_mut().find(|author| author.engineer.id == engineer.id) {
                Some(author) => {
                    author.commits += 1;
                    author.worth += worth;
                }
                None => authors.push(Author { engineer, commits: 1, worth, newest: commit.committed_at }),
            }
        }
        let by_worth = |author: &Author<'_>| authors.iter().filter(|other| other.worth > author.worth).count();
        for (newer, author) in authors.iter().enumerate() {
            let score = NEWEST / (1.0 + newer as f64 / 2.0) + MOST / (1.0 + by_worth(author) as f64 / 2.0);
            let reason = OwnerReason::RecentCommits {
                file: history.file.clone(),
                theirs: author.commits,
                of: commits.len() as u32,
                newest: author.newest,
            };
            // Ranks alone would count a file that one person wrote years ago like one that they wrote yesterday.
            let freshness = STALE + (1.0 - STALE) * decayed(author.newest, at);
            self.add(author.engineer, weight * score * freshness, reason);
        }
    }

    fn best(self) -> Vec<Candidate> {
        let mut people: Vec<Person<'_>> = self.people.into_values().collect();
        people.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.engineer.id.cmp(&b.engineer.id)));
        let candidate = |person: Person<'_>| Candidate {
            engineer: person.engineer.id.clone(),
            available: person.engineer.is_at_work(self.today),
            reasons: person.reasons,
        };
        people.into_iter().take(MAX_PEOPLE).map(candidate).collect()
    }
}

/// What a commit is worth at `at`: 1 when it is new, half of that after every [`HALF_LIFE_DAYS`].
fn decayed(committed_at: Timestamp, at: Timestamp) -> f64 {
    let age_days = at.duration_since(committed_at).as_hours().max(0) as f64 / 24.0;
    0.5f64.powf(age_days / HALF_LIFE_DAYS)
}

struct Author<'a> {
    engineer: &'a Engineer,
    commits: u32,
    worth: f64,
    newest: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster;
    use jiff::ToSpan;

    const AT: &str = "2026-03-02T12:00:00Z";

    fn team() -> Roster {
        let text = "
engineers:
  lena: {name: Lena Vogt, emails: [lena@acme.example], logins: [lenav]}
  omar: {name: Omar Haddad, emails: [omar@acme.example], leave: [2026-03-02..2026-03-06]}
  eva: {name: Eva Lind, emails: [eva@acme.example]}
  tom: {name: Tom Berg, emails: [tom@acme.example], left: 2026-01-31}
duties:
  developers: {members: all, zone: UTC}
";
        roster::parse("roster.yml", text).unwrap()
    }

    /// `author days-ago title`, the author a name or an e-mail.
    fn commit(text: &str) -> Commit {
        let mut words = text.splitn(3, ' ');
        let (author, days, title) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap_or("Change"));
        let at: Timestamp = AT.parse().unwrap();
        let mail = if author.contains('@') { author.to_owned() } else { format!("{author}@acme.example") };
        Commit {
            revision: format!("{:0>40}", days),
            author_name: author.split('@').next().unwrap().to_owned(),
            author_email: mail,
            title: title.to_owned(),
            committed_at: at.checked_sub((days.parse::<i64>().unwrap() * 24).hours()).unwrap(),
            files: Vec::new(),
        }
    }

    fn file(name: &str, commits: &[&str]) -> FileHistory {
        FileHistory { file: name.to_owned(), commits: commits.iter().map(|text| commit(text)).collect() }
    }

    fn suggested(evidence: &Evidence) -> Suggestion {
        suggest(evidence, &team(), "2026-03-02".parse().unwrap(), AT.parse().unwrap())
    }

    fn check(files: &[FileHistory], since_green: &[&str], expected: &str) {
        let since_green = since_green.iter().map(|text| commit(text)).collect();
        let found = suggested(&Evidence { files: files.to_vec(), since_green, ..Evidence::default() });
        let names = found.people.iter().map(|person| {
            assert!(!person.reasons.is_empty(), "{person:?}");
            format!("{}{}", person.engineer, if person.available { "" } else { " (away)" })
        });
        let names: Vec<String> = names.chain(found.note.clone().map(|note| format!("-- {note}"))).collect();
        assert_eq!(names.join(", "), expected);
    }

    #[test]
    fn the_newest_and_most_frequent_authors_of_the_files_come_first() {
        check(&[file("a.rs", &["lena 3", "omar 10", "omar 12"])], &[], "lena, omar (away)");
        check(&[file("a.rs", &["omar 1", "lena 30", "lena 31", "lena 32"])], &[], "omar (away), lena");
        // The innermost file counts more than the one around it.
        check(&[file("in.rs", &["eva 5"]), file("out.rs", &["lena 1"])], &[], "eva, lena");
        // Who touched both files beats who touched the first one a little later.
        check(&[file("in.rs", &["eva 5", "lena 6"]), file("out.rs", &["lena 1"])], &[], "lena, eva");
        // What is years old counts less than what is fresh one file further out.
        check(&[file("in.rs", &["eva 2000"]), file("out.rs", &["lena 1"])], &[], "lena, eva");
    }

    #[test]
    fn machines_leavers_strangers_and_merges_are_never_named() {
        let nobody = "-- nobody on the roster committed to these files recently";
        check(&[file("a.rs", &["dependabot[bot]@users.noreply.github.com 1", "tom 2", "zoe 3"])], &[], nobody);
        check(&[file("a.rs", &["lena 1 Merge branch 'main' into x"])], &[], nobody);
        check(
            &[],
            &["lena 1 Merge pull request #7 from acme/x"],
            "-- nobody on the roster wrote the commits since green",
        );
        check(&[file("a.rs", &[])], &[], "-- the files of this stack have no history in the repository");
        check(&[], &[], "-- neither a file of the team's code nor a commit since green is known for this");
    }

    #[test]
    fn people_are_known_by_address_login_and_name() {
        let roster = team();
        for (name, email, expected) in [
            ("x", "LENA@acme.example", Some("lena")),
            ("x", "123+lenav@users.noreply.github.com", Some("lena")),
            ("eva lind", "eva@home.example", Some("eva")),
            ("", "", None),
            ("renovate[bot]", "lena@acme.example", None),
        ] {
            let commit = Commit { author_name: name.into(), author_email: email.into(), ..commit("zoe 1") };
            assert_eq!(author_of(&commit, &roster).map(|e| e.id.as_str()), expected, "{name} {email}");
        }
    }

    #[test]
    fn the_newest_commit_since_green_is_the_first_suspect() {
        check(&[], &["eva 1", "lena 2", "zoe 3"], "eva, lena");
        // Many commits do not make many suspects.
        check(&[], &["eva 1", "lena 2", "lena 3", "lena 4", "lena 5"], "eva, lena");
        let evidence = Evidence {
            files: vec![file("a.rs", &[])],
            since_green: vec![commit("eva 1"), Commit { files: vec!["a.rs".into()], ..commit("lena 2 Break it") }],
            ..Evidence::default()
        };
        let found = suggested(&evidence);
        assert_eq!(found.people[0].engineer.as_str(), "lena");
        let reasons: Vec<&OwnerReason> = found.people.iter().flat_map(|person| &person.reasons).collect();
        assert!(
            reasons.iter().any(|r| matches!(r, OwnerReason::SinceGreen { title, of: 2, .. } if title == "Break it"))
        );
    }

    #[test]
    fn what_people_decided_before_beats_everything() {
        let evidence = Evidence {
            files: vec![file("a.rs", &["lena 1", "lena 2"])],
            decided: vec![("omar".into(), AT.parse().unwrap())],
            ..Evidence::default()
        };
        let found = suggested(&evidence);
        assert_eq!(found.people[0].engineer.as_str(), "omar");
        assert!(!found.people[0].available);
    }

    #[test]
    fn trouble_is_told_beside_the_names() {
        let trouble = Some("the repository cannot be read".to_owned());
        check_note(Evidence { trouble: trouble.clone(), ..Evidence::default() }, trouble.as_deref());
        let files = vec![file("a.rs", &["lena 1"])];
        check_note(Evidence { files, trouble: trouble.clone(), ..Evidence::default() }, trouble.as_deref());
    }

    fn check_note(evidence: Evidence, expected: Option<&str>) {
        assert_eq!(suggested(&evidence).note.as_deref(), expected);
    }

    #[test]
    fn the_innermost_line_of_the_teams_own_code_is_read_first() {
        let frame = |file: &str, in_app| Frame { file: file.to_owned(), line: None, function: None, in_app };
        let frames = [frame("main.rs", true), frame("cart.rs", true), frame("main.rs", true), frame("lib.rs", false)];
        assert_eq!(files_of(&frames), ["main.rs", "cart.rs"]);
        assert_eq!(files_of(&[frame("a.rs", false), frame("b.rs", false)]), ["b.rs", "a.rs"]);
        assert_eq!(files_of(&[frame("", true)]), [] as [&str; 0]);
        let many: Vec<Frame> = (0..20).map(|n| frame(&format!("{n}.rs"), true)).collect();
        assert_eq!(files_of(&many), ["19.rs", "18.rs", "17.rs", "16.rs", "15.rs"]);
    }
}
