//! What CODEOWNERS adds to the evidence.

use super::*;
use crate::owner::codeowners::{Codeowners, Dialect};

fn with_rules(text: &str, files: &[&str], evidence: Evidence) -> Evidence {
    let (codeowners, _) = Codeowners::parse(text, Dialect::GitHub);
    let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
    Evidence { rules: rules_for(&codeowners, "CODEOWNERS", &files).unwrap(), ..evidence }
}

/// `engineer: owner line` for each reason that is a rule.
fn named(evidence: &Evidence) -> Vec<String> {
    let people = suggested(evidence).people;
    let rule = |reason: &OwnerReason| match reason {
        OwnerReason::NamedByRule { owner, line, .. } => Some(format!("{owner} {line}")),
        OwnerReason::TookOver { because, .. } => match &**because {
            OwnerReason::NamedByRule { owner, line, .. } => Some(format!("took over, {owner} {line}")),
            _ => None,
        },
        _ => None,
    };
    let said = people.iter().map(|person| (person, person.reasons.iter().filter_map(rule).collect::<Vec<_>>()));
    said.filter(|(_, said)| !said.is_empty())
        .map(|(person, said)| format!("{}: {}", person.engineer, said.join(", ")))
        .collect()
}

#[test]
fn who_is_named_by_login_address_or_team_has_a_reason() {
    let check = |text: &str, expected: &[&str]| {
        assert_eq!(named(&with_rules(text, &["a.rs"], Evidence::default())), expected, "{text}");
    };
    check("*.rs @lenav", &["lena: @lenav 1"]);
    check("# ours\n*.rs EVA@acme.example", &["eva: EVA@acme.example 2"]);
    // The last rule that matches counts, and none where it names nobody.
    check("*.rs @lenav\na.rs eva@acme.example", &["eva: eva@acme.example 2"]);
    check("*.rs @lenav\na.rs", &[]);
    check("*.rs @stranger @acme/strangers", &[]);
    // Who left answers through who took over; without anybody, nobody is named.
    check("*.rs kai@acme.example", &["eva: took over, kai@acme.example 1"]);
    check("*.rs tom@acme.example", &[]);
    check("*.rs @acme/Checkout", &["eva: took over, @acme/Checkout 1"]);
}

#[test]
fn a_rule_speaks_but_does_not_shout() {
    // One rule against the newest commits to the file: the work counts more.
    let worked = || place(&[("a.rs", &["lena 1", "eva 3"])]);
    let first = |evidence: &Evidence| suggested(evidence).people[0].engineer.to_string();
    assert_eq!(first(&worked()), "lena");
    assert_eq!(first(&with_rules("*.rs eva@acme.example", &["a.rs"], worked())), "eva");
    let far = || place(&[("a.rs", &["lena 1", "eva 100"])]);
    assert_eq!(first(&with_rules("*.rs eva@acme.example", &["a.rs"], far())), "lena");
    // Shared by many it is worth little to each.
    let shared = with_rules("*.rs @lenav eva@acme.example omar@acme.example", &["a.rs"], worked());
    assert_eq!(first(&shared), "lena");
}

#[test]
fn the_most_telling_file_with_somebody_of_ours_counts() {
    let text = "a.rs @stranger\nb.rs @lenav\nc.rs eva@acme.example";
    assert_eq!(named(&with_rules(text, &["a.rs", "b.rs", "c.rs"], Evidence::default())), ["lena: @lenav 2"]);
}

#[test]
fn the_team_is_the_one_that_the_rule_names_where_nobody_is_sure() {
    let engineer = |number: u32| {
        let team = ["Check Out", "search", "search", "search"][number as usize % 4];
        format!("  e{number}: {{name: Engineer {number}, emails: [e{number}@acme.example], team: {team}}}\n")
    };
    let engineers: String = (0..12).map(engineer).collect();
    let roster = format!("engineers:\n{engineers}duties:\n  developers: {{members: all, zone: UTC}}\n");
    let roster = roster::parse("roster.yml", &roster).unwrap();
    let team = |owner: &str| {
        let evidence = with_rules(&format!("*.rs {owner}"), &["a.rs"], Evidence::default());
        suggest(&evidence, &roster, "2026-03-02".parse().unwrap(), AT.parse().unwrap()).team
    };
    let named = team("@acme/check-out").expect("a team is named");
    assert_eq!((named.name.as_str(), named.rule), ("Check Out", Some(("CODEOWNERS".to_owned(), 1))));
    assert!((0.2..SURE_OF_TEAM).contains(&named.confidence), "{}", named.confidence);
    assert_eq!(team("@acme/others"), None);
}
