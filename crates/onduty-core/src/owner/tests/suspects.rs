//! Commits that may have brought it: since the last green build, or with the last rollout; and whether it was any.

use super::*;
use crate::flaky::Flaky;

/// A commit of `text` that changed `file`.
fn changed(text: &str, file: &str) -> Commit {
    Commit { files: vec![file.to_owned()], ..commit(text) }
}

fn said(evidence: &Evidence, of: fn(&OwnerReason) -> Option<String>) -> Vec<String> {
    let people = suggested(evidence).people;
    people.iter().flat_map(|person| person.reasons.iter().filter_map(of).collect::<Vec<_>>()).collect()
}

#[test]
fn a_commit_that_changed_what_fails_says_which_file() {
    let evidence = Evidence {
        since_green: vec![changed("eva 1", "b.rs"), changed("lena 2 Break it", "a.rs")],
        ..place(&[("a.rs", &[])])
    };
    let which = |reason: &OwnerReason| match reason {
        OwnerReason::SinceGreen { title, changed, .. } => Some(format!("{title}: {changed:?}")),
        _ => None,
    };
    assert_eq!(said(&evidence, which), ["Break it: Some(\"a.rs\")", "Change: None"]);
}

#[test]
fn a_file_is_known_as_the_repository_has_it() {
    let mut evidence = Evidence {
        since_green: vec![commit("eva 1"), changed("lena 2", "spec/a.rs")],
        files: vec!["/home/runner/work/shop/spec/a.rs".to_owned()],
        ..Evidence::default()
    };
    assert_eq!(suggested(&evidence).people[0].engineer.as_str(), "eva");
    evidence.place.files.names = vec!["spec/a.rs".to_owned()];
    assert_eq!(suggested(&evidence).people[0].engineer.as_str(), "lena");
}

#[test]
fn a_green_commit_that_is_gone_is_said() {
    let gone = Evidence { green_is_gone: Some("41c09d2e".repeat(5)), ..Evidence::default() };
    let found = suggested(&gone);
    assert_eq!(
        found.note.as_deref(),
        Some(
            "neither a file of the team's code nor a commit since green is known for this; the last green commit \
             41c09d2e41c0 is not among the commits that are known to lead to the red one: the branch was rewritten, or \
             the green one is too long ago"
        )
    );
    assert!(found.people.is_empty() && found.green_is_gone);
    // Beside the names, and beside other trouble.
    let trouble = Some("trouble".to_owned());
    let named = suggested(&Evidence { trouble, green_is_gone: gone.green_is_gone, ..place(&[("a.rs", &["lena 1"])]) });
    assert!(!named.people.is_empty() && named.green_is_gone);
    assert!(named.note.unwrap().starts_with("trouble; the last green commit 41c09d2e41c0 is"));
}

#[test]
fn a_check_that_was_flaky_makes_everybody_less_likely() {
    let sure = |flaky| {
        let since_green = vec![commit("lena 1")];
        let found = suggested(&Evidence { since_green, flaky, ..Evidence::default() });
        assert_eq!(found.flaky, flaky);
        (found.people[0].engineer.to_string(), found.people[0].confidence.unwrap())
    };
    let (lena, real) = sure(None);
    for (passed, failed, passed_here) in [(1, 4, false), (6, 6, false), (0, 2, true)] {
        let flaky = Flaky { failed, passed, passed_here };
        let (who, confidence) = sure(Some(flaky));
        assert_eq!(who, lena);
        assert!((confidence - real * (1.0 - flaky.chance())).abs() < 1e-9, "{flaky:?}: {confidence} of {real}");
        // What may be nobody's is assigned to nobody unasked.
        assert!(!flaky.is_probable() || confidence < 0.75, "{flaky:?}");
    }
}

#[test]
fn what_the_last_rollout_changed_comes_first_and_else_that_is_said() {
    let handler = || place(&[("handler.rs", &["eva 1", "eva 20", "lena 3"])]);
    let rolled_out = |commits: Vec<Commit>| Evidence { in_rollout: Some(("production".into(), commits)), ..handler() };
    let first = |evidence: &Evidence| suggested(evidence).people[0].engineer.to_string();
    assert_eq!(first(&handler()), "eva");
    let touched = rolled_out(vec![changed("omar 2", "other.rs"), changed("lena 3 Count twice", "handler.rs")]);
    assert_eq!(first(&touched), "lena");
    let which = |reason: &OwnerReason| match reason {
        OwnerReason::InRollout { title, environment, file, .. } => Some(format!("{title}, {environment}, {file}")),
        _ => None,
    };
    assert_eq!(said(&touched, which), ["Count twice, production, handler.rs"]);
    assert_eq!(suggested(&touched).note, None);
    let untouched = rolled_out(vec![changed("omar 1", "other.rs")]);
    assert_eq!(first(&untouched), "eva");
    assert_eq!(suggested(&untouched).note.as_deref(), Some("no commit of the last rollout changed these files"));
    // The newest of several is the likelier one.
    assert_eq!(first(&rolled_out(vec![changed("lena 3", "handler.rs"), changed("eva 20", "handler.rs")])), "lena");
    let merge = changed("lena 3 Merge pull request #7 from acme/x", "handler.rs");
    assert_eq!(first(&rolled_out(vec![merge])), "eva");
}
