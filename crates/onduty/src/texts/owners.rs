//! Who might own a cause, how likely, and why: words for a suggestion.

use super::{Telling, count, percent, short_revision, visible};
use onduty_core::ids::EngineerId;
use onduty_core::item::{Candidate, OwnerReason, Suggestion};
use onduty_core::owner::WhyNot;

/// Why a person may be the one to ask. Says what they know, never what they did wrong.
pub fn owner_reason(reason: &OwnerReason, tell: &Telling<'_>) -> String {
    match reason {
        OwnerReason::RecentCommits { file, theirs, of, newest } => {
            let newest = tell.ago(*newest);
            format!("knows {}: {theirs} of its {}, newest {newest}", visible(file), count(*of as usize, "commit"))
        }
        OwnerReason::WroteLine { file, line, revision, at } => {
            let (file, revision) = (visible(file), short_revision(revision));
            format!("wrote line {line} of {file} in {revision}, {}", tell.ago(*at))
        }
        OwnerReason::WroteAround { lines, of } => {
            format!("wrote {lines} of the {} around it", count(*of as usize, "line"))
        }
        OwnerReason::CommitsToFolder { folder, theirs, of, newest } => {
            let folder = if folder.is_empty() { "the root of the repository".to_owned() } else { visible(folder) };
            let newest = tell.ago(*newest);
            format!("knows {folder}: {theirs} of its {}, newest {newest}", count(*of as usize, "commit"))
        }
        OwnerReason::WorksNear { place, commits, of, newest } => {
            let (place, newest) = (visible(place), tell.ago(*newest));
            match of {
                1 => format!("works on {place}: their last commit, {newest}"),
                of => format!("works on {place}: {commits} of their last {of} commits, newest {newest}"),
            }
        }
        OwnerReason::CommitsLately { commits, days } => {
            format!("works on this repository: {} in the last {days} days", count(*commits as usize, "commit"))
        }
        OwnerReason::LastCommit { at } => format!("last committed {}", tell.ago(*at)),
        OwnerReason::SinceGreen { revision, title, of, changed } => {
            let place = if *of == 1 {
                "the only commit since green".to_owned()
            } else {
                format!("one of {of} commits since green")
            };
            let changed = changed.as_ref().map(|file| format!(", changed {}", visible(file))).unwrap_or_default();
            format!("wrote {} “{}”, {place}{changed}", short_revision(revision), visible(title))
        }
        OwnerReason::InRollout { revision, title, environment, file } => {
            let (revision, title, environment) =
                (short_revision(revision), visible(title), visible(environment.as_str()));
            format!("changed {} in {revision} “{title}”, which the last rollout took to {environment}", visible(file))
        }
        OwnerReason::NamedByRule { owner, file, written_in, line } => {
            let (owner, file, written_in) = (visible(owner), visible(file), visible(written_in));
            format!("is named for {file} as {owner} by line {line} of {written_in}")
        }
        OwnerReason::DecidedBefore { at } => format!("was the one for this before, {}", tell.time(*at)),
        OwnerReason::TookOver { from, because } => {
            format!("took over from {}, who {}", tell.name(from), owner_reason(because, tell))
        }
    }
}

/// A person and the best reason, short enough for a line: `Priya Nair (one of 3 commits since green; here)`.
pub fn candidate(candidate: &Candidate, tell: &Telling<'_>) -> String {
    let reason = candidate.reasons.first().map(|reason| match reason {
        OwnerReason::RecentCommits { file, theirs, of, .. } => {
            let file = file.rsplit('/').next().unwrap_or(file);
            format!("{theirs} of the {} to {}", count(*of as usize, "commit"), visible(file))
        }
        OwnerReason::WroteLine { file, line, .. } => {
            let file = file.rsplit('/').next().unwrap_or(file);
            format!("wrote line {line} of {}", visible(file))
        }
        OwnerReason::WroteAround { lines, of } => {
            format!("wrote {lines} of the {} around it", count(*of as usize, "line"))
        }
        OwnerReason::CommitsToFolder { folder, .. } => format!("knows {}", visible(folder)),
        OwnerReason::WorksNear { place, .. } => format!("works on {}", visible(place)),
        OwnerReason::CommitsLately { commits, days } => {
            format!("{} here in {days} days", count(*commits as usize, "commit"))
        }
        OwnerReason::LastCommit { at } => format!("last committed {}", tell.ago(*at)),
        OwnerReason::SinceGreen { of: 1, .. } => "the only commit since green".to_owned(),
        OwnerReason::SinceGreen { of, .. } => format!("one of {of} commits since green"),
        OwnerReason::InRollout { file, .. } => {
            format!("changed {} with the last rollout", visible(file.rsplit('/').next().unwrap_or(file)))
        }
        OwnerReason::NamedByRule { .. } => "named by CODEOWNERS".to_owned(),
        OwnerReason::DecidedBefore { .. } => "was the one for this before".to_owned(),
        OwnerReason::TookOver { from, .. } => format!("took over from {}", tell.name(from)),
    });
    let inside: Vec<String> = reason.into_iter().chain([presence(candidate)]).collect();
    format!("{} ({})", tell.name(&candidate.engineer), inside.join("; "))
}

/// Whether a person is here, and what they own already where that is not little: `here, owns 5 open items`.
pub fn presence(candidate: &Candidate) -> String {
    let here = if candidate.available { "here" } else { "away today" };
    match candidate.owned {
        0 => here.to_owned(),
        owned => format!("{here}, owns {}", count(owned as usize, "open item")),
    }
}

/// How likely it is this person: `62 % likely`; `None` where that was not known yet.
pub fn likely(confidence: Option<f64>) -> Option<String> {
    let confidence = confidence?;
    Some(if confidence < 0.01 { "under 1\u{a0}% likely".to_owned() } else { format!("{} likely", percent(confidence)) })
}

/// Why nobody of a suggestion can be counted on, where that is so: `Nobody is sure: the team is checkout (83 % likely)`.
pub fn unsure(suggestion: &Suggestion) -> Option<String> {
    let team = suggestion.team.as_ref()?;
    let why = match &team.rule {
        Some((file, line)) => Some(format!("by line {line} of {}", visible(file))),
        None => likely(Some(team.confidence)),
    };
    let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
    Some(format!("Nobody is sure: the team is {}{why}", visible(&team.name)))
}

/// That the failure may be nobody's, where the check was flaky before.
pub fn flaky(suggestion: &Suggestion) -> Option<String> {
    let flaky = suggestion.flaky.as_ref()?;
    if flaky.passed_here {
        return Some(
            "Probably flaky: it passed on this very commit as well. Run it again before you ask anybody.".to_owned(),
        );
    }
    let times = match flaky.failed {
        1 => "the last time it failed, it passed on the same commit as well".to_owned(),
        failed => format!("it passed on the same commit as well {} of the last {failed} times it failed", flaky.passed),
    };
    Some(match flaky.is_probable() {
        true => format!("Probably flaky: {times}. Run it again before you ask anybody."),
        false => format!("Perhaps flaky ({}): {times}.", percent(flaky.chance())),
    })
}

/// Why somebody is not the one who is proposed.
pub fn why_not(who: &EngineerId, answer: &WhyNot<'_>, tell: &Telling<'_>) -> String {
    let name = tell.name(who);
    match answer {
        WhyNot::Proposed { .. } => format!("{name} is proposed."),
        WhyNot::Ranked { candidate, place, of, proposed } => {
            let first = tell.name(&proposed.engineer);
            let (theirs, best) = (likely(candidate.confidence), likely(proposed.confidence));
            let but = match (candidate.available, candidate.can_take()) {
                (false, _) => ", but is away today".to_owned(),
                (true, false) => format!(", but owns {} already", count(candidate.owned as usize, "open item")),
                (true, true) => String::new(),
            };
            let odds = |odds: Option<String>| odds.map(|odds| format!(", {odds}")).unwrap_or_default();
            format!("{name} is number {place} of {of}{}{but}. {first} is proposed{}.", odds(theirs), odds(best))
        }
        WhyNot::NothingSpeaks => format!("Nothing that was looked at speaks for {name}: no line, commit or decision."),
        WhyNot::After { people } => format!("More speaks for each of {people} other people than for {name}."),
        WhyNot::Left { heir: Some(heir) } => format!("{name} has left; {} took over.", tell.name(heir)),
        WhyNot::Left { heir: None } => format!("{name} has left, and the roster names no successor."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::sample::{at, paris, roster};
    use onduty_core::flaky::Flaky;
    use onduty_core::item::LikelyTeam;

    #[test]
    fn a_candidate_is_named_for_what_they_know() {
        let (zone, roster) = (paris(), roster());
        let tell = Telling { now: at("2026-03-02T14:04:00"), zone: &zone, roster: &roster, process: None };
        let reason = OwnerReason::RecentCommits {
            file: "app/booking/create.rb".into(),
            theirs: 4,
            of: 9,
            newest: at("2026-02-27T14:04:00"),
        };
        assert_eq!(owner_reason(&reason, &tell), "knows app/booking/create.rb: 4 of its 9 commits, newest 3 days ago");
        let took_over = OwnerReason::TookOver { from: "omar".into(), because: Box::new(reason.clone()) };
        assert_eq!(
            owner_reason(&took_over, &tell),
            "took over from Omar Haddad, who knows app/booking/create.rb: 4 of its 9 commits, newest 3 days ago"
        );
        let priya = of("priya", 0.62, reason);
        assert_eq!(candidate(&priya, &tell), "Priya Nair (4 of the 9 commits to create.rb; here)");
        let busy = Candidate { owned: 5, ..priya };
        assert_eq!(candidate(&busy, &tell), "Priya Nair (4 of the 9 commits to create.rb; here, owns 5 open items)");
    }

    fn of(engineer: &str, confidence: f64, reason: OwnerReason) -> Candidate {
        let engineer = EngineerId::from(engineer);
        Candidate { engineer, available: true, confidence: Some(confidence), owned: 0, reasons: vec![reason] }
    }

    #[test]
    fn whoever_asks_why_not_them_reads_a_sentence() {
        let (zone, roster) = (paris(), roster());
        let tell = Telling { now: at("2026-03-02T14:04:00"), zone: &zone, roster: &roster, process: None };
        let reason = OwnerReason::LastCommit { at: at("2026-02-27T14:04:00") };
        let (priya, omar) = (of("priya", 0.62, reason.clone()), of("omar", 0.004, reason));
        let away = Candidate { available: false, ..omar.clone() };
        let busy = Candidate { owned: 6, ..omar.clone() };
        let ranked = |candidate| WhyNot::Ranked { candidate, place: 2, of: 7, proposed: &priya };
        for (answer, expected) in [
            (WhyNot::Proposed { candidate: &omar }, "Omar Haddad is proposed."),
            (
                ranked(&omar),
                "Omar Haddad is number 2 of 7, under 1\u{a0}% likely. Priya Nair is proposed, 62\u{a0}% likely.",
            ),
            (
                ranked(&away),
                "Omar Haddad is number 2 of 7, under 1\u{a0}% likely, but is away today. Priya Nair is proposed, 62\u{a0}% likely.",
            ),
            (
                ranked(&busy),
                "Omar Haddad is number 2 of 7, under 1\u{a0}% likely, but owns 6 open items already. Priya Nair is proposed, \
                 62\u{a0}% likely.",
            ),
            (WhyNot::NothingSpeaks, "Nothing that was looked at speaks for Omar Haddad: no line, commit or decision."),
            (WhyNot::After { people: 20 }, "More speaks for each of 20 other people than for Omar Haddad."),
            (WhyNot::Left { heir: Some(&priya.engineer) }, "Omar Haddad has left; Priya Nair took over."),
            (WhyNot::Left { heir: None }, "Omar Haddad has left, and the roster names no successor."),
        ] {
            assert_eq!(why_not(&"omar".into(), &answer, &tell), expected);
        }
    }

    #[test]
    fn nobody_is_sure_names_the_team() {
        let team = |name: &str, confidence| Some(LikelyTeam { name: name.to_owned(), confidence, rule: None });
        let said = |team| {
            let (people, others, note) = (Vec::new(), Vec::new(), None);
            unsure(&Suggestion {
                people,
                others,
                team,
                flaky: None,
                green_is_gone: false,
                at: at("2026-03-02T14:04:00"),
                note,
            })
        };
        assert_eq!(said(team("checkout", 0.826)).unwrap(), "Nobody is sure: the team is checkout (83\u{a0}% likely)");
        assert_eq!(said(team("\u{202e}x", 0.5)).unwrap(), "Nobody is sure: the team is <U+202E>x (50\u{a0}% likely)");
        let by_rule =
            LikelyTeam { rule: Some((".github/CODEOWNERS".to_owned(), 12)), ..team("checkout", 0.1).unwrap() };
        assert_eq!(
            said(Some(by_rule)).unwrap(),
            "Nobody is sure: the team is checkout (by line 12 of .github/CODEOWNERS)"
        );
        assert_eq!(said(None), None);
    }

    #[test]
    fn a_flaky_check_is_no_person() {
        let said = |passed, failed, passed_here| {
            let flaky = Some(Flaky { passed, failed, passed_here });
            let (people, others, team, note) = (Vec::new(), Vec::new(), None, None);
            super::flaky(&Suggestion {
                people,
                others,
                team,
                flaky,
                green_is_gone: false,
                at: at("2026-03-02T14:04:00"),
                note,
            })
            .unwrap()
        };
        for ((passed, failed, passed_here), expected) in [
            (
                (0, 3, true),
                "Probably flaky: it passed on this very commit as well. Run it again before you ask anybody.",
            ),
            (
                (4, 5, false),
                "Probably flaky: it passed on the same commit as well 4 of the last 5 times it failed. Run it again before \
                 you ask anybody.",
            ),
            (
                (1, 1, false),
                "Perhaps flaky (33\u{a0}%): the last time it failed, it passed on the same commit as well.",
            ),
        ] {
            assert_eq!(said(passed, failed, passed_here), expected);
        }
    }
}
