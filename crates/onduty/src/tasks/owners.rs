//! Looks at the evidence for items whose step wants an owner, and records who might be the one.
//!
//! Reads git, which is slow: never inside a pass. What comes out is an action of the machine, so it replays without git.

use super::places::Places;
use super::suspects;
use crate::app::{App, Change, DayError, Look};
use jiff::SignedDuration;
use onduty_core::calendar;
use onduty_core::compared::Succession;
use onduty_core::engine::Action;
use onduty_core::ids::{DutyId, EngineerId};
use onduty_core::item::{Item, ItemId, OwnerReason, Suggestion, Why};
use onduty_core::owner::{self, Evidence};
use onduty_core::performance::Scope;
use onduty_core::process::OwnerMode;
use onduty_core::signal::{Build, Fact};
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};
use tokio::sync::broadcast::error::RecvError;

/// Nobody was known for an item, or not its commits: how long until it is looked at again. A build may be told before the
/// commit that it built, and a repository may not be reached for a while.
const AGAIN: Duration = Duration::from_secs(5);

/// When items were last looked at again.
type Tried = HashMap<ItemId, Instant>;

pub async fn run(app: App) {
    let mut changes = app.bus.listen();
    let (mut places, mut tried) = (Places::default(), Tried::new());
    loop {
        for duty in app.instance().duties_with_a_process() {
            if let Err(error) = suggest_for(&app, &duty, &mut places, &mut tried).await {
                tracing::error!(error = format!("{error:#}"), "owners could not be suggested");
            }
        }
        tried.retain(|_, at| at.elapsed() < 2 * AGAIN);
        loop {
            match tokio::time::timeout(AGAIN, changes.recv()).await {
                Ok(Ok(Change::Day(_)) | Err(RecvError::Lagged(_))) => break,
                Ok(Ok(_)) => {}
                Ok(Err(RecvError::Closed)) => return,
                Err(_) if tried.is_empty() => {}
                Err(_) => break,
            }
        }
    }
}

async fn suggest_for(app: &App, duty: &DutyId, places: &mut Places, tried: &mut Tried) -> anyhow::Result<()> {
    let Some(look) = app.look(duty).await? else { return Ok(()) };
    let is_due = |item: &Item| match &item.suggestion {
        None => true,
        Some(known) => {
            let rested = tried.get(&item.id).is_none_or(|at| at.elapsed() >= AGAIN);
            rested && item.owner.is_none() && (known.people.is_empty() || misses_commits(&look, item, known))
        }
    };
    let open = look.memory.items.values().filter(|item| item.is_open());
    let waiting: Vec<&Item> = open.filter(|item| is_due(item) && wants_owner(&look, item)).collect();
    for item in waiting {
        let suggestion = suggest(app, &look, places, item).await;
        if item.suggestion.is_some() || suggestion.people.is_empty() {
            tried.insert(item.id.clone(), Instant::now());
        }
        // What was told is told again only with more.
        if item.suggestion.as_ref().is_some_and(|known| !says_more(&suggestion, known)) {
            continue;
        }
        match app.act(duty, None, Action::Suggest { item: item.id.clone(), suggestion }).await {
            // Closed meanwhile: nobody needs to know any more.
            Ok(()) | Err(DayError::Refused(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Whether the commits since green, or that there are none, became known only after `known` was suggested.
fn misses_commits(look: &Look, item: &Item, known: &Suggestion) -> bool {
    let is_late = |build| match suspects::since_green(look, build) {
        Ok(commits) => !commits.is_empty(),
        Err(_) => !known.green_is_gone,
    };
    !speaks_of_commits(known) && failing(item).is_some_and(is_late)
}

fn says_more(new: &Suggestion, known: &Suggestion) -> bool {
    let is_first = known.people.is_empty() && !new.people.is_empty();
    let is_gone = new.green_is_gone && !known.green_is_gone;
    is_first || is_gone || (speaks_of_commits(new) && !speaks_of_commits(known))
}

fn speaks_of_commits(suggestion: &Suggestion) -> bool {
    let speaks = |reason: &OwnerReason| match reason {
        OwnerReason::TookOver { because, .. } => matches!(**because, OwnerReason::SinceGreen { .. }),
        reason => matches!(reason, OwnerReason::SinceGreen { .. }),
    };
    suggestion.ranked().any(|candidate| candidate.reasons.iter().any(speaks))
}

/// The build that an item is about.
fn failing(item: &Item) -> Option<&Build> {
    let Why::Condition { builds, .. } = &item.why else { return None };
    builds.iter().find_map(|fact| match fact {
        Fact::Build(build) => Some(build),
        _ => None,
    })
}

fn wants_owner(look: &Look, item: &Item) -> bool {
    let mode =
        look.instance.process(&item.duty).and_then(|active| active.process.step(&item.step)).map(|step| step.owner);
    mode.is_some_and(|mode| mode != OwnerMode::None) && matches!(item.why, Why::Condition { .. } | Why::Subject { .. })
}

async fn suggest(app: &App, look: &Look, places: &mut Places, item: &Item) -> Suggestion {
    let mut evidence = Evidence { decided: decided_before(look, item), owned: owned(look), ..Evidence::default() };
    match &item.why {
        Why::Subject { fact: Fact::Error(error), .. } => {
            let ran = suspects::ran(look, error);
            places.look_around(app, look, &error.frames, ran, &mut evidence).await;
        }
        Why::Subject { fact: Fact::Custom(signal), .. } => {
            let rollout = suspects::last_rollout(look);
            let ran = rollout.as_ref().map(|rollout| rollout.revision.clone()).into_iter().collect();
            places.look_around(app, look, &signal.frames, ran, &mut evidence).await;
            if !signal.frames.is_empty() {
                evidence.in_rollout = rollout.and_then(|rollout| {
                    let since = rollout.started_at;
                    suspects::brought(look, rollout, since)
                });
            }
        }
        Why::Subject { fact: Fact::Endpoint(endpoint), .. } => {
            let ran = [endpoint.revision.clone()];
            let frames = match endpoint.scope {
                Scope::Endpoint => places.handlers(app, look, &endpoint.name, &ran).await,
                Scope::Group | Scope::All => Vec::new(),
            };
            places.look_around(app, look, &frames, ran.to_vec(), &mut evidence).await;
            let rollout = suspects::rollout(look, &endpoint.rollout);
            if frames.is_empty() && evidence.trouble.is_none() && endpoint.scope == Scope::Endpoint {
                let trouble = "the code that handles this endpoint was not found in the repository";
                evidence.trouble = Some(trouble.to_owned());
            }
            evidence.in_rollout = rollout.filter(|_| !frames.is_empty()).and_then(|rollout| {
                let window = SignedDuration::try_from(look.instance.config.performance.window).ok()?;
                let since = Succession::of(&rollout, &look.snapshot, window).begins;
                suspects::brought(look, rollout, since)
            });
        }
        Why::Condition { .. } => {
            if let Some(build) = failing(item) {
                match suspects::since_green(look, build) {
                    Ok(commits) => evidence.since_green = commits,
                    Err(green) => evidence.green_is_gone = Some(green),
                }
                evidence.flaky = suspects::flaky(look, build);
                places.look_around(app, look, &build.frames, vec![build.revision.clone()], &mut evidence).await;
            }
        }
        _ => {}
    }
    let today = calendar::day_of(&look.duty, look.now);
    owner::suggest(&evidence, &look.instance.roster, today, look.now)
}

/// How many open items of the duty each engineer owns.
fn owned(look: &Look) -> BTreeMap<EngineerId, u32> {
    let mut owned = BTreeMap::new();
    for owner in look.memory.items.values().filter(|item| item.is_open()).filter_map(|item| item.owner.as_ref()) {
        *owned.entry(owner.engineer.clone()).or_default() += 1;
    }
    owned
}

/// Whom people named for the same subject before, newest first. What the machine decided is no evidence for itself.
fn decided_before(look: &Look, item: &Item) -> Vec<(EngineerId, jiff::Timestamp)> {
    let same = look.memory.items.values().filter(|other| other.subject == item.subject && other.id != item.id);
    let owners = same.filter_map(|other| other.owner.as_ref()).filter(|owner| owner.is_decided_by_person());
    let mut decided: Vec<_> = owners.map(|owner| (owner.engineer.clone(), owner.at)).collect();
    decided.sort_by_key(|(_, at)| std::cmp::Reverse(*at));
    decided
}
