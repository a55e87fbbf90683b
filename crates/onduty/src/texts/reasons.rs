//! Why an item is here, why the gate is closed, why nothing is known, who could help: data in, sentences out.

use super::{Telling, and, compared, count, human_number, short_revision, visible};
use onduty_core::gate::Blocker;
use onduty_core::item::{Closing, Item, SeenValue, SnoozeUntil, Why, WriteBack};
use onduty_core::signal::{Build, BuildState, CustomState, ErrorGroup, Fact, Kind, RolloutState, UnknownReason};

/// A kind of signal as people say it.
pub fn feed_name(kind: &Kind) -> String {
    visible(kind.as_str())
}

/// What an item is called in lists: the check, the error's message, the question. `goal` is its step's.
pub fn item_title(item: &Item, goal: &str) -> String {
    match &item.why {
        Why::Due => visible(goal),
        why => headline(why),
    }
}

/// What an item is about, without its goal.
pub(super) fn headline(why: &Why) -> String {
    match why {
        Why::Condition { expression, builds, .. } => match failing(builds).as_slice() {
            [] => format!("{} holds", visible(expression)),
            [one] => build_line(one),
            [first, rest @ ..] => format!(
                "{} and {} failed on {}",
                visible(&first.name),
                count(rest.len(), "more check"),
                visible(first.branch.as_deref().unwrap_or("an unnamed branch")),
            ),
        },
        Why::Subject { fact, .. } => fact_line(fact),
        Why::Due => "it is due".to_owned(),
        Why::Asked { text, .. } | Why::Paired { text, .. } | Why::HandedOver { title: text, .. } => visible(text),
        Why::More { count: more } => format!("{} more", human_number(*more as u64)),
        Why::Baseline { count: left } => {
            format!("{} that were there before onduty was connected", human_number(*left as u64))
        }
    }
}

fn failing(builds: &[Fact]) -> Vec<&Build> {
    let mut found = Vec::new();
    for fact in builds {
        if let Fact::Build(build) = fact {
            found.push(build);
        }
    }
    found
}

fn build_line(build: &Build) -> String {
    let state = match build.state {
        BuildState::Queued => "is queued",
        BuildState::Running => "is running",
        BuildState::Skipped => "was skipped",
        BuildState::Cancelled => "was cancelled",
        BuildState::Passed => "passed",
        BuildState::Failed => "failed",
    };
    match &build.branch {
        Some(branch) => format!("{} {state} on {}", visible(&build.name), visible(branch)),
        None => format!("{} {state}", visible(&build.name)),
    }
}

fn fact_line(fact: &Fact) -> String {
    match fact {
        Fact::Build(build) => build_line(build),
        Fact::Error(group) => visible(&group.title),
        Fact::Rollout(rollout) => format!(
            "{} to {} {}",
            short_revision(&rollout.revision),
            visible(rollout.environment.as_str()),
            rollout_state(rollout.state)
        ),
        Fact::Head(head) => format!("{} is at {}", visible(&head.branch), short_revision(&head.revision)),
        Fact::Custom(signal) => {
            let state = match signal.state {
                CustomState::Failing => "is failing",
                CustomState::Ok => "is fine",
            };
            let name = visible(&signal.name);
            match signal.message.as_deref().map(visible) {
                Some(message) if message.contains(&name) => message,
                Some(message) => format!("{name}: {message}"),
                None => format!("{} {name} {state}", visible(&signal.kind)),
            }
        }
        Fact::Endpoint(fact) => compared::headline(fact),
        Fact::Compared(fact) => compared::compared_line(fact),
        Fact::Contact(_) => "a sign of life".to_owned(),
    }
}

/// One sentence: why an item is here.
pub fn why(why: &Why, tell: &Telling<'_>) -> String {
    match why {
        Why::Condition { values, builds, .. } => match (failing(builds).as_slice(), values.as_slice()) {
            ([], []) => headline(why),
            ([], [value, ..]) => format!("{} is {}", visible(&value.name), visible(&value.value)),
            ([one], _) => format!(
                "{} ({}) since {}",
                build_line(one),
                short_revision(&one.revision),
                tell.time(one.finished_at.unwrap_or(one.started_at))
            ),
            (several, _) => {
                let mut names: Vec<String> = several.iter().take(3).map(|build| visible(&build.name)).collect();
                if several.len() > 3 {
                    names.push(format!("{} more", several.len() - 3));
                }
                format!("{} failed", and(&names))
            }
        },
        Why::Subject { fact: Fact::Error(group), .. } => error_sentence(group, tell),
        Why::Subject { fact: Fact::Endpoint(fact), .. } => compared::sentence(fact, tell),
        Why::Subject { fact, .. } => match facts_of(fact, tell).as_slice() {
            [] => fact_line(fact),
            some => format!("{}: {}", fact_line(fact), some.join(", ")),
        },
        Why::Due => "it is due in this shift".to_owned(),
        Why::Asked { by, .. } => format!("{} asked", tell.name(by)),
        Why::Paired { with, by, .. } => {
            format!("agreed with {} to do together, proposed by {}", tell.duty_name(with), tell.name(by))
        }
        Why::HandedOver { from, by, .. } => format!("{} of {} handed it over", tell.name(by), tell.duty_name(from)),
        Why::More { .. } => {
            "the step shows only its first items; the rest waits and holds the gate all the same".to_owned()
        }
        Why::Baseline { .. } => {
            "they are not new, so they are kept aside until somebody opens them a few at a time".to_owned()
        }
    }
}

/// The reason alone, where the title stands above it and need not be said again.
pub fn because(reason: &Why, tell: &Telling<'_>) -> String {
    match reason {
        Why::Condition { values, builds, .. } => match failing(builds).as_slice() {
            [] if values.is_empty() => why(reason, tell),
            [] => {
                let said = |value: &SeenValue| format!("{} is {}", visible(&value.name), visible(&value.value));
                and(&values.iter().take(3).map(said).collect::<Vec<_>>())
            }
            builds => {
                let first = builds.iter().map(|build| build.finished_at.unwrap_or(build.started_at)).min();
                let since = first.map(|at| format!(" since {}", tell.time(at))).unwrap_or_default();
                let others: Vec<String> = builds.iter().skip(1).take(3).map(|build| visible(&build.name)).collect();
                let others = if others.is_empty() { others.concat() } else { format!(", also {}", and(&others)) };
                format!("red{since}{others}")
            }
        },
        Why::Subject {
            fact: Fact::Build(_) | Fact::Custom(_) | Fact::Rollout(_) | Fact::Head(_), expression, ..
        } if !expression.is_empty() => visible(expression),
        _ => why(reason, tell),
    }
}

fn error_sentence(group: &ErrorGroup, tell: &Telling<'_>) -> String {
    let back = match group.regressed_at {
        Some(at) => format!("came back {}", tell.ago(at)),
        None => format!("first seen {}", tell.ago(group.first_seen)),
    };
    format!(
        "{} on {}, {back}{}",
        if group.count == 1 {
            "happened once".to_owned()
        } else {
            format!("happened {} times", human_number(group.count))
        },
        visible(group.environment.as_str()),
        if group.assignee.is_none() { ", nobody has it" } else { "" }
    )
}

/// What tells one item from its neighbours, a few words each: `×41`, `new with 8f3c2ab`.
pub fn facts(why: &Why, tell: &Telling<'_>) -> Vec<String> {
    match why {
        Why::Condition { builds, .. } => match failing(builds).as_slice() {
            [one] => vec![short_revision(&one.revision)],
            _ => vec![],
        },
        Why::Subject { fact, .. } => facts_of(fact, tell),
        _ => vec![],
    }
}

fn facts_of(fact: &Fact, tell: &Telling<'_>) -> Vec<String> {
    match fact {
        Fact::Error(group) => {
            let mut said = vec![format!("×{}", human_number(group.count))];
            if group.regressed_at.is_some() {
                said.push("came back".to_owned());
            }
            if let Some(release) = &group.release {
                said.push(format!("new with {}", short_revision(release)));
            }
            said.extend(group.culprit.as_deref().map(visible));
            said
        }
        Fact::Build(build) => vec![short_revision(&build.revision)],
        Fact::Rollout(rollout) => vec![tell.time(rollout.started_at)],
        Fact::Custom(signal) => {
            let mut said = vec![visible(&signal.kind)];
            said.extend(signal.value.map(|value| value.to_string()));
            said
        }
        Fact::Endpoint(fact) => compared::facts(fact),
        Fact::Head(_) | Fact::Compared(_) | Fact::Contact(_) => vec![],
    }
}

/// Why nothing can be said; fits after a colon.
pub fn unknown(reason: &UnknownReason, tell: &Telling<'_>) -> String {
    match reason {
        UnknownReason::Undeclared { kind } => format!(
            "nothing tells onduty about {0}; connect a source, or write `{0}: none` under `sources` in onduty.yml",
            feed_name(kind)
        ),
        UnknownReason::NeverSeen { kind } => format!("nothing received about {} yet", feed_name(kind)),
        UnknownReason::Stale { kind, last } => {
            format!("{} last heard of {} ({})", feed_name(kind), tell.ago(*last), tell.time(*last))
        }
        UnknownReason::Trouble { source_name, trouble } => {
            format!("{} cannot be read: {}", visible(source_name.as_str()), visible(trouble))
        }
        UnknownReason::NotCompared { revision, at, from } => {
            let (revision, at) = (short_revision(revision), tell.time(*at));
            match from {
                Some(from) if *from > tell.now => {
                    format!("{revision} went out at {at}; what it did is known after {}", tell.time(*from))
                }
                _ => format!("{revision} went out at {at}, and is not compared yet"),
            }
        }
        UnknownReason::Uncovered { judged, quiet, requests, time } => {
            compared::uncovered(*judged, *quiet, *requests, *time)
        }
        UnknownReason::Missing { what } => visible(what),
    }
}

/// The same without what to do about it, for a line of the log book.
pub fn unknown_briefly(reason: &UnknownReason, tell: &Telling<'_>) -> String {
    match reason {
        UnknownReason::Undeclared { kind } => format!("nothing tells onduty about {}", feed_name(kind)),
        reason => unknown(reason, tell),
    }
}

/// A closed gate's reason in two halves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockerText {
    /// What holds it, a sentence without its full stop.
    pub what: String,
    /// What opens it; fits after "opens ".
    pub opens: String,
}

/// One sentence: what holds the gate and what opens it.
pub fn blocker(blocker: &Blocker, tell: &Telling<'_>) -> String {
    let BlockerText { what, opens } = blocker_parts(blocker, tell);
    format!("{what}; opens {opens}")
}

/// The same in two halves, for pages that set them apart.
pub fn blocker_parts(blocker: &Blocker, tell: &Telling<'_>) -> BlockerText {
    let at = |at: &Option<_>, otherwise: &str| match at {
        Some(at) => format!("at {} ({})", tell.time(*at), tell.until(*at)),
        None => otherwise.to_owned(),
    };
    let (what, opens) = match blocker {
        Blocker::StepOpen { goal, items, .. } => (
            format!("“{}” has {}", visible(goal), count(*items as usize, "open item")),
            if *items == 1 { "when it is closed".to_owned() } else { "when they are closed".to_owned() },
        ),
        Blocker::StepUnknown { goal, reason, .. } => (
            format!("“{}” cannot be judged: {}", visible(goal), unknown_briefly(reason, tell)),
            heard_again(reason, tell),
        ),
        Blocker::TooEarly { opens } => (format!("it is before {}", tell.time(*opens)), at(&Some(*opens), "")),
        Blocker::TooLate { closed, opens } => {
            (format!("its time was over at {}", tell.time(*closed)), at(opens, "in the next shift"))
        }
        Blocker::AlreadyRolledOut { at: when, revision, opens } => {
            (format!("{} went out at {}", short_revision(revision), tell.time(*when)), at(opens, "in the next shift"))
        }
        Blocker::InProgress { revision, since } => (
            format!("{} is going out since {}", short_revision(revision), tell.time(*since)),
            "when it has arrived".to_owned(),
        ),
        Blocker::OutcomeUnknown { revision, since } => (
            format!("nobody knows how the rollout of {} at {} ended", short_revision(revision), tell.time(*since)),
            "when somebody looks and says how it ended".to_owned(),
        ),
        Blocker::OutsideShift { opens } => {
            ("nobody is on duty now".to_owned(), at(opens, "when the next shift starts"))
        }
        Blocker::NoCandidate { reason } => {
            (format!("what would go out is not known: {}", unknown_briefly(reason, tell)), heard_again(reason, tell))
        }
        Blocker::NoRolloutStep => (
            "the process has no rollout step".to_owned(),
            "when a step says `rollout: production` in the process file".to_owned(),
        ),
        Blocker::NoTarget { environment } => (
            format!("nothing is configured to roll out to {} with", visible(environment.as_str())),
            format!("when onduty.yml has a `rollouts` target for {}", visible(environment.as_str())),
        ),
        Blocker::ObserveOnly => {
            ("onduty only observes; nothing leaves".to_owned(), "when it is started without `--observe`".to_owned())
        }
    };
    BlockerText { what, opens }
}

fn heard_again(reason: &UnknownReason, tell: &Telling<'_>) -> String {
    match reason {
        UnknownReason::Undeclared { kind } => {
            format!("when something tells about {}, or it is declared absent", feed_name(kind))
        }
        UnknownReason::NeverSeen { kind } => format!("when {} are first heard of", feed_name(kind)),
        UnknownReason::Stale { kind, .. } => format!("when {} are heard of again", feed_name(kind)),
        UnknownReason::Trouble { source_name, .. } => {
            format!("when {} can be read again", visible(source_name.as_str()))
        }
        UnknownReason::NotCompared { from: Some(from), .. } if *from > tell.now => {
            format!("when it is compared, soon after {}", tell.time(*from))
        }
        UnknownReason::NotCompared { .. } => "when it is compared".to_owned(),
        UnknownReason::Uncovered { .. } => "when a busier hour is compared, or the next rollout".to_owned(),
        UnknownReason::Missing { .. } => "when that is known".to_owned(),
    }
}

/// Until what an item is snoozed; fits after "until ".
pub fn snooze(until: &SnoozeUntil, tell: &Telling<'_>) -> String {
    match until {
        SnoozeUntil::Time { at } => format!("{} ({})", tell.time(*at), tell.until(*at)),
        SnoozeUntil::NextRollout => "the next rollout has arrived".to_owned(),
        SnoozeUntil::HappensAgain { .. } => "it happens again".to_owned(),
        SnoozeUntil::Condition { expression } => format!("{} holds", visible(expression)),
    }
}

/// How an item ended; fits after "closed: ".
pub fn closing(how: &Closing, tell: &Telling<'_>) -> String {
    match how {
        Closing::ConditionCleared => "its condition no longer holds".to_owned(),
        Closing::ResolvedAtSource => "resolved at the source".to_owned(),
        Closing::IgnoredAtSource => "ignored at the source".to_owned(),
        Closing::AssignedAtSource { to } => {
            let known = tell.roster.find(to).map(|engineer| tell.name(&engineer.id));
            format!("assigned to {} at the source", known.unwrap_or_else(|| visible(to)))
        }
        Closing::FineAtSource => "the signal is fine again".to_owned(),
        Closing::GoneAtSource => "gone from its source".to_owned(),
        Closing::Concluded => "concluded".to_owned(),
        Closing::Done => "done".to_owned(),
        Closing::PeriodEnded => "its time ended before it was done".to_owned(),
        Closing::EndedWhereItCameFrom => "ended where it came from, or taken back".to_owned(),
        Closing::Withdrawn { version } => format!("withdrawn by version {version} of the process"),
    }
}

/// How far the source was told about an owner, where there is something to say.
pub fn write_back(state: WriteBack) -> Option<&'static str> {
    match state {
        WriteBack::NotAsked => None,
        WriteBack::Pending => Some("the tracker is being told"),
        WriteBack::Done => Some("the tracker has it"),
        WriteBack::Failed => Some("the tracker could not be told; please assign it there"),
    }
}

/// How far the source was told that an error is resolved, where there is something to say.
pub fn resolve(state: WriteBack) -> Option<&'static str> {
    match state {
        WriteBack::NotAsked => None,
        WriteBack::Pending => Some("the tracker is being told that it is resolved"),
        WriteBack::Done => Some("resolved at the tracker"),
        WriteBack::Failed => Some("the tracker could not be told; please resolve it there"),
    }
}

/// How far a rollout is; fits after a revision and an environment.
pub fn rollout_state(state: RolloutState) -> &'static str {
    match state {
        RolloutState::Requested => "was asked for",
        RolloutState::Running => "is under way",
        RolloutState::Succeeded => "arrived",
        RolloutState::Failed => "did not arrive",
        RolloutState::Unknown => "ended in a way that nobody knows",
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{at, paris, roster};
    use super::*;
    use onduty_core::signal::CustomSignal;

    #[test]
    fn a_closed_gate_says_what_opens_it() {
        let (zone, roster) = (paris(), roster());
        let tell = Telling { now: at("2026-03-02T14:04:00"), zone: &zone, roster: &roster, process: None };
        let revision = "8f3c2ab91d".to_owned();
        let stale = UnknownReason::Stale { kind: Kind::Builds, last: at("2026-03-02T13:50:00") };
        for (reason, expected) in [
            (
                Blocker::StepOpen { step: "main-green".into(), goal: "Keep main green".into(), items: 1 },
                "“Keep main green” has 1 open item; opens when it is closed",
            ),
            (
                Blocker::StepUnknown { step: "main-green".into(), goal: "Keep main green".into(), reason: stale },
                "“Keep main green” cannot be judged: builds last heard of 14 min ago (13:50); opens when builds are heard of again",
            ),
            (
                Blocker::TooEarly { opens: at("2026-03-02T16:00:00") },
                "it is before 16:00; opens at 16:00 (in 1 h 56 min)",
            ),
            (
                Blocker::AlreadyRolledOut { at: at("2026-03-02T14:00:00"), revision: revision.clone(), opens: None },
                "8f3c2ab went out at 14:00; opens in the next shift",
            ),
            (
                Blocker::OutcomeUnknown { revision, since: at("2026-03-02T14:00:00") },
                "nobody knows how the rollout of 8f3c2ab at 14:00 ended; opens when somebody looks and says how it ended",
            ),
            (
                Blocker::ObserveOnly,
                "onduty only observes; nothing leaves; opens when it is started without `--observe`",
            ),
        ] {
            assert_eq!(blocker(&reason, &tell), expected);
        }
    }

    #[test]
    fn a_signal_of_a_teams_own_kind_names_what_it_is_about() {
        let line = |message: Option<&str>| {
            fact_line(&Fact::Custom(CustomSignal {
                kind: "certificate".into(),
                name: "shop.example".into(),
                state: CustomState::Failing,
                message: message.map(str::to_owned),
                value: None,
                max_age: None,
                since: at("2026-03-02T14:00:00"),
                frames: Vec::new(),
                url: None,
            }))
        };
        assert_eq!(line(None), "certificate shop.example is failing");
        assert_eq!(line(Some("expires in 3 days")), "shop.example: expires in 3 days");
        assert_eq!(line(Some("shop.example expires in 3 days")), "shop.example expires in 3 days");
    }
}
