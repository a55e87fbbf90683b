//! Which kinds of signals can be read at all, from the instance's file and the signs of life of its sources.
//!
//! The store keeps [`ContactState`]s, folds them with [`fold_contact`] and asks [`feeds`] when it makes a snapshot;
//! [`is_lasting`] and the constants say what a snapshot must not leave out. Nothing here looks at a subject's content.

use crate::ids::SourceName;
use crate::signal::{BranchHead, Build, CustomState, ErrorStatus, Fact, Feed, Kind, Observation, UnknownReason};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How long a subject that needs nobody stays in snapshots after it was last heard of: long enough for "resolved last
/// week", short enough that a pass never reads years.
pub const KEPT_AFTER_NEWS: SignedDuration = SignedDuration::from_hours(14 * 24);

/// How many rollouts a snapshot has at most, the newest ones.
pub const ROLLOUTS_KEPT: u32 = 200;

/// How many subjects that need nobody a snapshot has at most, those with the newest news.
pub const QUIET_SUBJECTS_KEPT: u32 = 5_000;

/// How many heads of branches that no duty watches a snapshot has at most; a head can carry hundreds of commits.
pub const OTHER_HEADS_KEPT: u32 = 50;

/// What the instance's file says about kinds of signals.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Declarations {
    /// `performance: none`
    pub absent: BTreeSet<Kind>,
    /// Kinds that a configured source should tell about.
    pub expected: BTreeSet<Kind>,
    /// How long a kind stays known without a sign of life; kinds not named here get [`Declarations::DEFAULT_MAX_AGE`].
    pub max_age: BTreeMap<Kind, SignedDuration>,
    /// Environments that the instance can roll out to.
    pub rollout_targets: BTreeSet<String>,
    /// Whether nothing may leave.
    pub observe_only: bool,
    /// The sources that are configured: what others once said about their own health no longer counts.
    #[serde(default)]
    pub sources: BTreeSet<SourceName>,
}

impl Declarations {
    /// One day: a webhook that was silent longer may be broken.
    pub const DEFAULT_MAX_AGE: SignedDuration = SignedDuration::from_hours(24);

    /// How long `kind` stays known without a sign of life.
    pub fn max_age_of(&self, kind: &Kind) -> SignedDuration {
        self.max_age.get(kind).copied().unwrap_or(Self::DEFAULT_MAX_AGE)
    }
}

/// What is remembered of one source's signs of life about one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactState {
    /// Who.
    pub source: SourceName,
    /// About what.
    pub kind: Kind,
    /// The last sign of life, in duty time.
    pub last: Option<Timestamp>,
    /// Why the source could not be read the last time it was asked for everything.
    pub trouble: Option<String>,
}

/// The kinds that an observation is a sign of life for.
pub fn kinds_of(seen: &Observation) -> Vec<Kind> {
    match &seen.fact {
        Fact::Contact(contact) => contact.kinds.clone(),
        // What came out of a comparison is no proof that its source still measures: a contact says that.
        Fact::Endpoint(_) | Fact::Compared(_) => Vec::new(),
        fact => fact.kind().into_iter().collect(),
    }
}

/// Folds an observation into what was known of its source's signs of life about `kind`, one of its [`kinds_of`].
///
/// A fact that arrives shows that the source lives, but only a contact without trouble says that it can be read again:
/// a webhook must not hide that the listing beside it fails.
pub fn fold_contact(
    known: Option<&ContactState>,
    seen: &Observation,
    kind: &Kind,
    received_at: Timestamp,
) -> ContactState {
    let last = known.and_then(|known| known.last);
    let alive = Some(last.map_or(received_at, |last| last.max(received_at)));
    let (last, trouble) = match &seen.fact {
        Fact::Contact(contact) if contact.trouble.is_some() => (last, contact.trouble.clone()),
        Fact::Contact(_) => (alive, None),
        _ => (alive, known.and_then(|known| known.trouble.clone())),
    };
    ContactState { source: seen.source.clone(), kind: kind.clone(), last, trouble }
}

/// Whether each kind can be read at `now`: every built-in, declared, expected or ever heard of kind is there.
///
/// Trouble of one source makes its kinds unknown even where another source is well, because nobody knows what the
/// first would have told.
pub fn feeds(declarations: &Declarations, contacts: &[ContactState], now: Timestamp) -> BTreeMap<Kind, Feed> {
    let kinds: BTreeSet<&Kind> = Kind::BUILT_IN
        .iter()
        .chain(&declarations.absent)
        .chain(&declarations.expected)
        .chain(contacts.iter().map(|contact| &contact.kind))
        .collect();
    kinds.into_iter().map(|kind| (kind.clone(), feed(kind, declarations, contacts, now))).collect()
}

fn feed(kind: &Kind, declarations: &Declarations, contacts: &[ContactState], now: Timestamp) -> Feed {
    if declarations.absent.contains(kind) {
        return Feed::Off;
    }
    let about: Vec<&ContactState> = contacts.iter().filter(|contact| contact.kind == *kind).collect();
    let troubled = about.iter().find_map(|contact| Some((&contact.source, contact.trouble.as_ref()?)));
    if let Some((source, trouble)) = troubled {
        let reason = UnknownReason::Trouble { source_name: source.clone(), trouble: trouble.clone() };
        return Feed::Unknown { reason };
    }
    let kind = kind.clone();
    match about.iter().filter_map(|contact| contact.last).max() {
        Some(last) if now.duration_since(last) > declarations.max_age_of(&kind) => {
            Feed::Unknown { reason: UnknownReason::Stale { kind, last } }
        }
        Some(last_contact) => Feed::Known { last_contact },
        None if declarations.expected.contains(&kind) => Feed::Unknown { reason: UnknownReason::NeverSeen { kind } },
        None => Feed::Unknown { reason: UnknownReason::Undeclared { kind } },
    }
}

/// Whether a subject in this state needs somebody, and therefore is in every snapshot however old its news are.
pub fn is_lasting(fact: &Fact) -> bool {
    match fact {
        Fact::Error(group) => group.status == ErrorStatus::Unresolved,
        Fact::Rollout(rollout) => !rollout.state.is_ended(),
        Fact::Custom(signal) => signal.state == CustomState::Failing,
        // One for each environment: without it a rollout would seem never to have been compared.
        Fact::Compared(_) => true,
        // It stands until a later comparison takes it back, however long that is.
        Fact::Endpoint(endpoint) => endpoint.is_degraded(),
        // What matters of these is decided by the branch: see `branch_of`.
        Fact::Build(_) | Fact::Head(_) | Fact::Contact(_) => false,
    }
}

/// The branch that a fact is about. Facts about a branch that a duty watches are in every snapshot: a check that
/// failed there and was quiet for weeks must not turn into a green branch.
pub fn branch_of(fact: &Fact) -> Option<&str> {
    match fact {
        Fact::Build(Build { branch, .. }) => branch.as_deref(),
        Fact::Head(BranchHead { branch, .. }) => Some(branch),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::{Contact, CustomSignal};

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    const NOW: &str = "2026-03-02T16:00:00Z";

    fn contact(source: &str, kind: Kind, last: Option<&str>, trouble: Option<&str>) -> ContactState {
        ContactState { source: source.into(), kind, last: last.map(at), trouble: trouble.map(str::to_owned) }
    }

    fn declared() -> Declarations {
        Declarations {
            absent: [Kind::Performance].into(),
            expected: [Kind::Errors, Kind::Custom("certificate".into())].into(),
            max_age: [(Kind::Builds, SignedDuration::from_hours(2))].into(),
            ..Declarations::default()
        }
    }

    #[track_caller]
    fn check(contacts: &[ContactState], kind: Kind, expected: &str) {
        let feeds = feeds(&declared(), contacts, at(NOW));
        let shown = match feeds.get(&kind) {
            None => "not there".to_owned(),
            Some(Feed::Off) => "off".to_owned(),
            Some(Feed::Known { last_contact }) => format!("known {last_contact}"),
            Some(Feed::Unknown { reason }) => reason.to_string(),
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn what_can_be_read() {
        let two_hours_ago = Some("2026-03-02T14:00:00Z");
        let earlier = Some("2026-03-02T13:59:59Z");
        let later = Some("2026-03-02T16:00:01Z");
        let certificate = Kind::Custom("certificate".into());
        let tide = Kind::Custom("tide".into());

        check(&[], Kind::Performance, "off");
        check(&[contact("newrelic", Kind::Performance, two_hours_ago, None)], Kind::Performance, "off");
        check(&[], Kind::Builds, "nothing tells onduty about builds");
        check(&[], Kind::Errors, "nothing received about errors yet");
        check(&[], certificate.clone(), "nothing received about certificate yet");
        check(&[], tide.clone(), "not there");
        check(&[contact("signals", tide.clone(), two_hours_ago, None)], tide, "known 2026-03-02T14:00:00Z");
        check(&[contact("github", Kind::Builds, two_hours_ago, None)], Kind::Builds, "known 2026-03-02T14:00:00Z");
        check(
            &[contact("github", Kind::Builds, earlier, None)],
            Kind::Builds,
            "builds last heard of at 2026-03-02T13:59:59Z",
        );
        // Another kind keeps the default of a day.
        check(&[contact("sentry", Kind::Errors, earlier, None)], Kind::Errors, "known 2026-03-02T13:59:59Z");
        // Duty time was set back: what was heard in the future is not old.
        check(&[contact("github", Kind::Builds, later, None)], Kind::Builds, "known 2026-03-02T16:00:01Z");
        // The newest of two sources counts …
        check(
            &[contact("github", Kind::Builds, earlier, None), contact("signals", Kind::Builds, two_hours_ago, None)],
            Kind::Builds,
            "known 2026-03-02T14:00:00Z",
        );
        // … but not beside trouble.
        check(
            &[
                contact("github", Kind::Builds, two_hours_ago, Some("401")),
                contact("signals", Kind::Builds, two_hours_ago, None),
            ],
            Kind::Builds,
            "github cannot be read: 401",
        );
        check(
            &[contact("github", Kind::Builds, None, Some("refused"))],
            Kind::Builds,
            "github cannot be read: refused",
        );
        check(&[contact("github", Kind::Errors, None, None)], Kind::Errors, "nothing received about errors yet");
    }

    fn seen(fact: Fact) -> Observation {
        Observation { source: "s".into(), subject: "x".into(), fact, source_time: at(NOW), baseline: false }
    }

    fn custom() -> Fact {
        Fact::Custom(CustomSignal {
            kind: "tide".into(),
            name: "quay".into(),
            state: CustomState::Ok,
            message: None,
            value: None,
            max_age: None,
            since: at(NOW),
            frames: Vec::new(),
            url: None,
        })
    }

    #[track_caller]
    fn check_fold(known: (Option<&str>, Option<&str>), fact: Fact, expected: (Option<&str>, Option<&str>)) {
        let kind = Kind::Custom("tide".into());
        let known = contact("s", kind.clone(), known.0, known.1);
        let next = fold_contact(Some(&known), &seen(fact), &kind, at(NOW));
        assert_eq!(next, contact("s", kind, expected.0, expected.1));
    }

    #[test]
    fn signs_of_life() {
        let well = Fact::Contact(Contact { kinds: vec![Kind::Builds, Kind::Errors], trouble: None });
        let ill = Fact::Contact(Contact { kinds: vec![Kind::Builds], trouble: Some("401".into()) });
        let (before, after) = (Some("2026-03-02T15:00:00Z"), Some("2026-03-02T17:00:00Z"));

        check_fold((None, None), well.clone(), (Some(NOW), None));
        check_fold((before, Some("401")), well.clone(), (Some(NOW), None));
        check_fold((after, None), well.clone(), (after, None));
        check_fold((before, None), ill.clone(), (before, Some("401")));
        check_fold((before, Some("401")), custom(), (Some(NOW), Some("401")));
        check_fold((after, None), custom(), (after, None));

        assert_eq!(kinds_of(&seen(well)), [Kind::Builds, Kind::Errors]);
        assert_eq!(kinds_of(&seen(custom())), [Kind::Custom("tide".into())]);
        assert_eq!(fold_contact(None, &seen(ill), &Kind::Builds, at(NOW)).last, None);
    }
}
