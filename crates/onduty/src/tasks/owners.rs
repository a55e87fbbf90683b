//! Looks at the evidence for items whose step wants an owner, and records who might be the one.
//!
//! Reads git, which is slow: never inside a pass. What comes out is an action of the machine, so it replays without git.

use crate::app::{App, Change, DayError, Look};
use crate::sources::SourceError;
use crate::sources::git::history::{History, Scene, Spot};
use onduty_core::engine::Action;
use onduty_core::ids::{DutyId, EngineerId};
use onduty_core::item::{Item, Suggestion, Why};
use onduty_core::owner::{self, Evidence};
use onduty_core::process::OwnerMode;
use onduty_core::signal::{Build, Commit, ErrorGroup, Fact, RolloutState, SignalState};
use onduty_core::{calendar, signal};
use std::collections::{BTreeMap, HashMap};
use tokio::sync::broadcast::error::RecvError;

/// The histories that were read, by repository.
type Histories = HashMap<String, History>;

pub async fn run(app: App) {
    let mut changes = app.bus.listen();
    let mut histories = Histories::new();
    loop {
        for duty in app.instance().duties_with_a_process() {
            if let Err(error) = suggest_for(&app, &duty, &mut histories).await {
                tracing::error!(error = format!("{error:#}"), "owners could not be suggested");
            }
        }
        loop {
            match changes.recv().await {
                Ok(Change::Day(_)) | Err(RecvError::Lagged(_)) => break,
                Ok(_) => {}
                Err(RecvError::Closed) => return,
            }
        }
    }
}

async fn suggest_for(app: &App, duty: &DutyId, histories: &mut Histories) -> anyhow::Result<()> {
    let Some(look) = app.look(duty).await? else { return Ok(()) };
    let waiting: Vec<&Item> = look
        .memory
        .items
        .values()
        .filter(|item| item.is_open() && item.suggestion.is_none() && wants_owner(&look, item))
        .collect();
    for item in waiting {
        let suggestion = suggest(app, &look, histories, item).await;
        match app.act(duty, None, Action::Suggest { item: item.id.clone(), suggestion }).await {
            // Closed meanwhile: nobody needs to know any more.
            Ok(()) | Err(DayError::Refused(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn wants_owner(look: &Look, item: &Item) -> bool {
    let mode =
        look.instance.process(&item.duty).and_then(|active| active.process.step(&item.step)).map(|step| step.owner);
    mode.is_some_and(|mode| mode != OwnerMode::None) && matches!(item.why, Why::Condition { .. } | Why::Subject { .. })
}

async fn suggest(app: &App, look: &Look, histories: &mut Histories, item: &Item) -> Suggestion {
    let mut evidence = Evidence { decided: decided_before(look, item), owned: owned(look), ..Evidence::default() };
    match &item.why {
        Why::Subject { fact: Fact::Error(error), .. } => {
            if let Err(error) = look_around(app, look, histories, error, &mut evidence).await {
                evidence.trouble = Some(error.to_string());
            }
        }
        Why::Condition { builds, .. } => {
            let failing = builds.iter().find_map(|fact| match fact {
                Fact::Build(build) => Some(build),
                _ => None,
            });
            evidence.since_green = failing.map(|build| since_green(look, build)).unwrap_or_default();
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

/// What the repository knows about the stack of `error`, at the revision that ran.
async fn look_around(
    app: &App,
    look: &Look,
    histories: &mut Histories,
    error: &ErrorGroup,
    evidence: &mut Evidence,
) -> Result<(), SourceError> {
    let telling = owner::telling(&error.frames);
    if telling.is_empty() {
        return Ok(());
    }
    let spots: Vec<Spot> = telling.iter().map(|frame| Spot { file: frame.file.clone(), line: frame.line }).collect();
    evidence.files = spots.iter().map(|spot| spot.file.clone()).collect();
    let sources = &look.instance.config.sources.git;
    let wanted = look.duty.watches.repositories.first();
    let source = sources.iter().find(|source| wanted.is_none_or(|name| source.name.eq_ignore_ascii_case(name)));
    let Some(source) = source.or(sources.first()) else {
        evidence.trouble = Some("no git repository is configured, so nobody knows who changed these files".to_owned());
        return Ok(());
    };
    let mirror = app.mirror(source).await?;
    let head = mirror.resolve(look.duty.watches.rollout_branch()).await?;
    let history = match histories.get(&source.name) {
        Some(known) => mirror.history_after(known, &head).await?,
        None => mirror.history(&head).await?,
    };
    histories.insert(source.name.clone(), history.clone());
    let ran = ran(look, error).into_iter().find(|revision| history.at(revision).is_some()).unwrap_or(head);
    let mailmap = mirror.mailmap(&ran).await;
    let (now, roster) = (look.now, look.instance.clone());
    let scene = tokio::task::spawn_blocking(move || {
        let scene = Scene::of(&history, &ran, now, &mailmap, Some(&roster.roster))?;
        let place = scene.place(&spots);
        Some((scene, place))
    });
    match scene.await {
        Ok(Some((scene, place))) => {
            evidence.engineers = scene.people().engineers().collect();
            evidence.place = place;
        }
        looked => {
            tracing::error!(is_known = looked.is_ok(), "a place in the code could not be looked at");
            evidence.trouble =
                Some("the history of these files could not be read; the server's log says more".to_owned());
        }
    }
    Ok(())
}

/// The revisions that may have run where `error` happened, the likeliest first.
fn ran(look: &Look, error: &ErrorGroup) -> Vec<String> {
    let rollouts = look.snapshot.rollouts();
    let arrived = rollouts
        .iter()
        .rfind(|rollout| rollout.environment == error.environment && rollout.state == RolloutState::Succeeded);
    arrived.map(|rollout| rollout.revision.clone()).into_iter().chain(error.release.clone()).collect()
}

/// The commits after the last green build of the same check, up to the one that failed.
fn since_green(look: &Look, failing: &Build) -> Vec<Commit> {
    let green = look.snapshot.of_kind(&signal::Kind::Builds).find_map(|(_, state)| passed_before(state, failing));
    let Some(green) = green else { return Vec::new() };
    let head = look.snapshot.heads().find(|head| {
        Some(head.branch.as_str()) == failing.branch.as_deref()
            && head.repository.eq_ignore_ascii_case(&failing.repository)
    });
    let Some(head) = head else { return Vec::new() };
    let place = |revision: &str| head.commits.iter().position(|commit| commit.revision == revision);
    match (place(&failing.revision), place(&green)) {
        (Some(red), Some(green)) if red < green => head.commits[red..green].to_vec(),
        _ => Vec::new(),
    }
}

fn passed_before(state: &SignalState, failing: &Build) -> Option<String> {
    let build = state.concluded.as_ref()?;
    let same = build.name == failing.name && build.branch == failing.branch && build.repository == failing.repository;
    same.then(|| state.last_passed.as_ref().map(|passed| passed.revision.clone())).flatten()
}
