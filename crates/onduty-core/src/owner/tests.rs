//! Whom evidence names, and whom it never names.

use super::*;
use crate::item::{self, OwnerReason};
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
  ida: {name: Ida Moe, emails: [ida@acme.example], left: 2026-01-31, successor: kai, team: checkout}
  kai: {name: Kai Roth, emails: [kai@acme.example], left: 2026-02-20, successor: eva}
  pia: {name: Pia Wolf, emails: [pia@acme.example], left: 2026-02-20, team: checkout}
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
            let touch = place::Touch { person, commit: index as u32, at: commit.committed_at, files: 1 };
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
    assert!(reasons.iter().any(|r| matches!(r, OwnerReason::SinceGreen { title, of: 2, .. } if title == "Break it")));
}

mod rules;
mod suspects;

#[test]
fn what_people_decided_before_beats_everything() {
    let evidence =
        Evidence { decided: vec![("omar".into(), AT.parse().unwrap())], ..place(&[("a.rs", &["lena 1", "lena 2"])]) };
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

#[test]
fn what_the_repository_cannot_say_is_told_beside_the_names() {
    let mut known = place(&[("a.rs", &["lena 1"])]);
    known.place.gaps.push(place::Gap::Shallow);
    let shallow = "the copy of the repository is shallow: its oldest commits seem to have written all before";
    check_note(known.clone(), Some(shallow));
    known.trouble = Some("trouble".to_owned());
    check_note(known, Some("trouble"));
    let mut unknown = Evidence::default();
    unknown.place.gaps.push(place::Gap::Shallow);
    let nobody = "neither a file of the team's code nor a commit since green is known for this";
    check_note(unknown, Some(&format!("{nobody}; {shallow}")));
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

#[test]
fn what_speaks_for_who_left_speaks_for_whoever_took_over() {
    check(place(&[("a.rs", &["ida 40"])]), &[], "eva");
    check(Evidence { decided: vec![("ida".into(), AT.parse().unwrap())], ..Evidence::default() }, &[], "eva");
    check(Evidence::default(), &["kai 11"], "eva");
    let both = suggested(&place(&[("a.rs", &["ida 40", "eva 300"])]));
    let from: Vec<&EngineerId> = both.people[0].reasons.iter().filter_map(left).collect();
    assert!(from.iter().all(|from| from.as_str() == "ida") && !from.is_empty(), "{both:?}");
    assert!(both.people[0].reasons.iter().any(|reason| left(reason).is_none()), "{both:?}");
    // Two people's knowledge is not twice the knowledge.
    let (one, two) = (place(&[("a.rs", &["ida 40"])]), place(&[("a.rs", &["ida 40", "kai 40"])]));
    let sure = |evidence: &Evidence| suggested(evidence).people[0].confidence.unwrap();
    assert!(sure(&two) < sure(&one) + 0.05, "{} {}", sure(&one), sure(&two));
}

fn left(reason: &OwnerReason) -> Option<&EngineerId> {
    match reason {
        OwnerReason::TookOver { from, .. } => Some(from),
        _ => None,
    }
}

#[test]
fn the_team_of_who_left_is_named_where_nobody_is_sure() {
    let gone = suggested(&place(&[("a.rs", &["pia 11", "pia 12", "pia 20"])]));
    assert_eq!(gone.people, []);
    let team = gone.team.unwrap();
    assert!(team.name == "checkout" && team.confidence > 0.5, "{team:?}");
    // Somebody is sure.
    assert_eq!(suggested(&place(&[("a.rs", &["lena 1", "pia 300"])])).team, None);
    // Nobody is, but no team is likelier.
    assert_eq!(suggested(&place(&[("a.rs", &["zoe 1"])])).team, None);
}

#[test]
fn who_is_away_or_owns_much_is_not_proposed() {
    let proposed = |evidence: Evidence| suggested(&evidence).proposed().unwrap().engineer.to_string();
    let known = || place(&[("a.rs", &["lena 1", "eva 2000"])]);
    let owning = |owned: &[(&str, u32)]| {
        let owned = owned.iter().map(|(engineer, items)| (EngineerId::from(*engineer), *items)).collect();
        Evidence { owned, ..known() }
    };
    assert_eq!(proposed(known()), "lena");
    assert_eq!(proposed(owning(&[("lena", item::MANY_ITEMS - 1)])), "lena");
    assert_eq!(proposed(owning(&[("lena", item::MANY_ITEMS)])), "eva");
    assert_eq!(proposed(owning(&[("lena", item::MANY_ITEMS), ("eva", item::MANY_ITEMS)])), "lena");
    assert_eq!(proposed(place(&[("a.rs", &["omar 1"])])), "omar");
    assert_eq!(proposed(place(&[("a.rs", &["omar 1", "eva 2000"])])), "eva");
    // As good as each other: whoever owns less.
    let close = |lena, eva| {
        let owned = BTreeMap::from([("lena".into(), lena), ("eva".into(), eva)]);
        Evidence { owned, ..place(&[("a.rs", &["lena 1", "eva 1"]), ("b.rs", &["lena 1", "eva 1"])]) }
    };
    assert_eq!((proposed(close(1, 0)), proposed(close(0, 1))), ("eva".to_owned(), "lena".to_owned()));
}

#[test]
fn whoever_asks_why_not_me_is_answered() {
    let (roster, today) = (team(), "2026-03-02".parse().unwrap());
    let found = suggested(&place(&[("a.rs", &["lena 1", "eva 2000", "omar 2001"])]));
    let answer = |engineer: &str| why_not(&found, &engineer.into(), &roster, today);
    assert!(matches!(answer("lena"), Some(WhyNot::Proposed { .. })));
    assert!(
        matches!(answer("omar"), Some(WhyNot::Ranked { place: 3, of: 3, proposed, .. }) if proposed.engineer.as_str() == "lena")
    );
    assert_eq!(answer("tom"), Some(WhyNot::Left { heir: None }));
    assert_eq!(answer("ida"), Some(WhyNot::Left { heir: Some(&"eva".into()) }));
    assert_eq!(answer("zoe"), None);
    let alone = suggested(&place(&[("a.rs", &["lena 1"])]));
    assert_eq!(why_not(&alone, &"eva".into(), &roster, today), Some(WhyNot::NothingSpeaks));
}

#[test]
fn twenty_people_are_kept_and_five_are_named() {
    let names: Vec<String> = (0..30).map(|number| format!("p{number:02}")).collect();
    let people: String = names.iter().map(|name| format!("  {name}: {{emails: [{name}@acme.example]}}\n")).collect();
    let text = format!("engineers:\n{people}duties:\n  developers: {{members: all, zone: UTC}}\n");
    let roster = roster::parse("roster.yml", &text).unwrap();
    let today = "2026-03-02".parse().unwrap();
    let since_green = names.iter().map(|name| commit(&format!("{name} 1"))).collect();
    let found = suggest(&Evidence { since_green, ..Evidence::default() }, &roster, today, AT.parse().unwrap());
    assert_eq!((found.people.len(), found.others.len()), (5, 15));
    assert_eq!(why_not(&found, &"p29".into(), &roster, today), Some(WhyNot::After { people: 20 }));
}
