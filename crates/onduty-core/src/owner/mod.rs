//! Evidence in, ranked people with their confidence and their reasons out.
//!
//! Called by the server once a source has gathered the evidence. Never looks at a repository itself, never names
//! somebody who is not on the roster, never gives a name without a reason. [`rank`](mod@rank) weighs what a repository
//! knows; here comes what the team knows: who is there, what was decided before, what came after the last green build.

pub mod people;
pub mod place;
pub mod rank;

pub mod codeowners;
pub mod mailmap;

use crate::ids::EngineerId;
use crate::item::{Candidate, OwnerReason, Suggestion};
use crate::roster::{Engineer, Roster};
use crate::signal::{Commit, Frame};
use jiff::Timestamp;
use jiff::civil::Date;
use people::PersonNo;
use place::Place;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Most people that are named.
pub const MAX_PEOPLE: usize = 5;
/// Most commits after green that are given as reasons to one person.
const MAX_COMMITS_TOLD: usize = 3;
/// Score for having written a commit after green at all: one of them broke it, unless the check is flaky.
const SUSPECT: f64 = 5.0;
/// Score for having written the newest commit after green; the one before gets half of it, and so on.
const SINCE_GREEN: f64 = 3.0;
/// Factor for a commit since green that touches a file of the failing stack.
const TOUCHES_EVIDENCE: f64 = 3.0;
/// Score of the person whom people named last for the same subject: beats whatever can be computed.
const DECIDED: f64 = 100.0;

/// What was found out about a cause.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// The files of the stack, the most telling first.
    pub files: Vec<String>,
    /// What the repository knows about the stack.
    pub place: Place,
    /// Who the people of `place` are on the roster.
    pub engineers: HashMap<PersonNo, EngineerId>,
    /// The commits after the last green build up to the first red one, newest first; empty when there is none of
    /// either.
    pub since_green: Vec<Commit>,
    /// Whom people named as owner of the same subject before, newest first.
    pub decided: Vec<(EngineerId, Timestamp)>,
    /// What could not be looked at, in words for people.
    pub trouble: Option<String>,
}

/// The frames of a stack that are worth looking at, the most telling first: the innermost line of the team's own code,
/// and outwards from there. Without a line of their own it is the innermost of all.
pub fn telling(frames: &[Frame]) -> Vec<&Frame> {
    let has_own = frames.iter().any(|frame| frame.in_app);
    let mut telling: Vec<&Frame> = Vec::new();
    for frame in frames.iter().rev().filter(|frame| (frame.in_app || !has_own) && !frame.file.is_empty()) {
        if !telling.iter().any(|known| known.file == frame.file && known.line == frame.line) {
            telling.push(frame);
        }
    }
    telling
}

/// Who might own the cause, best first, and how sure that is.
///
/// Somebody who is away on `today` keeps the rank and is marked; who has left is not named. `at` is when the evidence
/// was looked at.
pub fn suggest(evidence: &Evidence, roster: &Roster, today: Date, at: Timestamp) -> Suggestion {
    let mut ranking = Ranking { roster, today, people: BTreeMap::new() };
    ranking.decided(evidence);
    ranking.since_green(evidence);
    ranking.place(evidence, at);
    let people = ranking.best();
    let note = match (&evidence.trouble, people.is_empty()) {
        (Some(trouble), _) => Some(trouble.clone()),
        (None, true) => Some(why_nobody(evidence).to_owned()),
        (None, false) => None,
    };
    Suggestion { people, at, note }
}

fn why_nobody(evidence: &Evidence) -> &'static str {
    match (evidence.files.is_empty(), evidence.since_green.is_empty()) {
        (true, true) => "neither a file of the team's code nor a commit since green is known for this",
        (true, false) => "nobody on the roster wrote the commits since green",
        (false, _) if evidence.place.is_unknown() => "the files of this stack have no history in the repository",
        (false, _) => "nobody on the roster committed to this repository",
    }
}

/// Whether the commit only joins branches; its author need not have written anything.
fn is_merge(commit: &Commit) -> bool {
    ["Merge branch ", "Merge pull request ", "Merge remote-tracking branch ", "Merge tag "]
        .iter()
        .any(|start| commit.title.starts_with(start))
}

/// The engineer who wrote `commit`: by e-mail, by the login in GitHub's private address, by name.
pub fn author_of<'a>(commit: &Commit, roster: &'a Roster) -> Option<&'a Engineer> {
    let (name, email) = (&commit.author_name, &commit.author_email);
    if people::is_bot(name, email) { None } else { people::engineer_of(name, email, roster) }
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
    fn add(&mut self, engineer: &'a Engineer, score: f64, reasons: impl IntoIterator<Item = OwnerReason>) {
        if engineer.has_left(self.today) {
            return;
        }
        let nobody = Person { engineer, score: 0.0, reasons: Vec::new() };
        let person = self.people.entry(&engineer.id).or_insert(nobody);
        person.score += score;
        person.reasons.extend(reasons);
    }

    fn decided(&mut self, evidence: &Evidence) {
        for (index, (engineer, at)) in evidence.decided.iter().enumerate() {
            if let Some(engineer) = self.roster.engineers.get(engineer) {
                self.add(engineer, DECIDED / (index + 1) as f64, [OwnerReason::DecidedBefore { at: *at }]);
            }
        }
    }

    fn since_green(&mut self, evidence: &Evidence) {
        let files: BTreeSet<&str> = evidence.files.iter().map(String::as_str).collect();
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
            let once = if *told == 1 { SUSPECT } else { 0.0 };
            self.add(engineer, once + factor * SINCE_GREEN / ((index + 1) * *told) as f64, [reason]);
        }
    }

    fn place(&mut self, evidence: &Evidence, at: Timestamp) {
        let (roster, today) = (self.roster, self.today);
        let engineer = |person: PersonNo| {
            let engineer = roster.engineers.get(evidence.engineers.get(&person)?)?;
            Some(engineer).filter(|engineer| !engineer.has_left(today))
        };
        for ranked in rank::rank(&evidence.place, at, |person| engineer(person).is_some()) {
            if let Some(engineer) = engineer(ranked.person) {
                self.add(engineer, ranked.score, ranked.reasons);
            }
        }
    }

    fn best(self) -> Vec<Candidate> {
        // It may as well be somebody for whom nothing speaks.
        let known = |engineer: &&Engineer| !engineer.has_left(self.today) && !self.people.contains_key(&engineer.id);
        let others = self.roster.engineers.values().filter(known).count();
        let mut people: Vec<Person<'_>> = self.people.into_values().collect();
        people.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.engineer.id.cmp(&b.engineer.id)));
        let mut scores: Vec<f64> = people.iter().map(|person| person.score).collect();
        scores.resize(scores.len() + others, 0.0);
        let candidate = |(person, confidence): (Person<'_>, f64)| Candidate {
            engineer: person.engineer.id.clone(),
            available: person.engineer.is_at_work(self.today),
            confidence: Some(confidence),
            reasons: person.reasons,
        };
        people.into_iter().zip(rank::confidences(&scores)).take(MAX_PEOPLE).map(candidate).collect()
    }
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

    /// The files of a stack, the most telling first, and the commits to each, newest first.
    fn place(files: &[(&str, &[&str])]) -> Evidence {
        let roster = team();
        let mut evidence = Evidence::default();
        let mut numbers: BTreeMap<String, PersonNo> = BTreeMap::new();
        for (file, commits) in files {
            evidence.files.push((*file).to_owned());
            for (index, text) in commits.iter().enumerate() {
                let commit = commit(text);
                let next = PersonNo(numbers.len() as u32);
                let person = *numbers.entry(commit.author_email.clone()).or_insert(next);
                if let Some(engineer) = author_of(&commit, &roster) {
                    evidence.engineers.insert(person, engineer.id.clone());
                }
                let touch = place::Touch { person, commit: index as u32, at: commit.committed_at };
                evidence.place.files.touches.push(touch);
                evidence.place.repository.touches.push(touch);
            }
        }
        evidence.place.files.names = evidence.files.clone();
        evidence
    }

    fn suggested(evidence: &Evidence) -> Suggestion {
        suggest(evidence, &team(), "2026-03-02".parse().unwrap(), AT.parse().unwrap())
    }

    fn check(evidence: Evidence, since_green: &[&str], expected: &str) {
        let since_green = since_green.iter().map(|text| commit(text)).collect();
        let found = suggested(&Evidence { since_green, ..evidence });
        let names = found.people.iter().map(|person| {
            assert!(!person.reasons.is_empty(), "{person:?}");
            assert!(person.confidence.is_some_and(|p| p > 0.0 && p <= 1.0), "{person:?}");
            format!("{}{}", person.engineer, if person.available { "" } else { " (away)" })
        });
        let names: Vec<String> = names.chain(found.note.clone().map(|note| format!("-- {note}"))).collect();
        assert_eq!(names.join(", "), expected);
    }

    #[test]
    fn who_knows_the_place_best_comes_first_and_keeps_the_rank_when_away() {
        check(place(&[("a.rs", &["lena 3", "omar 100", "omar 120"])]), &[], "lena, omar (away)");
        check(place(&[("a.rs", &["omar 1", "lena 30", "lena 31", "lena 32"])]), &[], "omar (away), lena");
        check(place(&[("a.rs", &["eva 2000"]), ("b.rs", &["lena 1"])]), &[], "lena, eva");
    }

    #[test]
    fn confidence_counts_everybody_who_could_have_been_named() {
        let sure = |evidence: &Evidence| suggested(evidence).people[0].confidence.unwrap();
        let (alone, two) = (place(&[("a.rs", &["lena 1"])]), place(&[("a.rs", &["lena 1", "eva 1"])]));
        assert!(sure(&alone) > 0.8 && sure(&two) < 0.6, "{} {}", sure(&alone), sure(&two));
        let green = |commits: &[&str]| Evidence {
            since_green: commits.iter().map(|text| commit(text)).collect(),
            ..Evidence::default()
        };
        assert!(sure(&green(&["lena 1"])) > 0.95);
        assert!(sure(&green(&["lena 1", "eva 2"])) < 0.9);
    }

    #[test]
    fn machines_leavers_strangers_and_merges_are_never_named() {
        let nobody = "-- nobody on the roster committed to this repository";
        let strangers = place(&[("a.rs", &["dependabot[bot]@users.noreply.github.com 1", "tom 2", "zoe 3"])]);
        check(strangers, &[], nobody);
        check(
            Evidence::default(),
            &["lena 1 Merge pull request #7 from acme/x"],
            "-- nobody on the roster wrote the commits since green",
        );
        let unknown = "-- the files of this stack have no history in the repository";
        check(place(&[("a.rs", &[])]), &[], unknown);
        let nothing = "-- neither a file of the team's code nor a commit since green is known for this";
        check(Evidence::default(), &[], nothing);
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
        check(Evidence::default(), &["eva 1", "lena 2", "zoe 3"], "eva, lena");
        // Many commits do not make many suspects.
        check(Evidence::default(), &["eva 1", "lena 2", "lena 3", "lena 4", "lena 5"], "eva, lena");
        let evidence = Evidence {
            files: vec!["a.rs".to_owned()],
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
            decided: vec![("omar".into(), AT.parse().unwrap())],
            ..place(&[("a.rs", &["lena 1", "lena 2"])])
        };
        let found = suggested(&evidence);
        assert_eq!(found.people[0].engineer.as_str(), "omar");
        assert!(!found.people[0].available);
    }

    #[test]
    fn trouble_is_told_beside_the_names() {
        let trouble = Some("the repository cannot be read".to_owned());
        check_note(Evidence { trouble: trouble.clone(), ..Evidence::default() }, trouble.as_deref());
        let known = place(&[("a.rs", &["lena 1"])]);
        check_note(Evidence { trouble: trouble.clone(), ..known }, trouble.as_deref());
    }

    fn check_note(evidence: Evidence, expected: Option<&str>) {
        assert_eq!(suggested(&evidence).note.as_deref(), expected);
    }

    #[test]
    fn the_innermost_line_of_the_teams_own_code_is_read_first() {
        let frame = |file: &str, line, in_app| Frame { file: file.to_owned(), line, function: None, in_app };
        let lines = |frames: &[Frame]| -> Vec<String> {
            let shown = |frame: &&Frame| format!("{}:{}", frame.file, frame.line.unwrap_or_default());
            telling(frames).iter().map(shown).collect()
        };
        let stack = [
            frame("main.rs", Some(1), true),
            frame("cart.rs", Some(2), true),
            frame("main.rs", Some(9), true),
            frame("main.rs", Some(1), true),
            frame("lib.rs", Some(4), false),
        ];
        assert_eq!(lines(&stack), ["main.rs:1", "main.rs:9", "cart.rs:2"]);
        assert_eq!(lines(&[frame("a.rs", None, false), frame("b.rs", None, false)]), ["b.rs:0", "a.rs:0"]);
        assert_eq!(lines(&[frame("", Some(1), true)]), [] as [&str; 0]);
    }
}
