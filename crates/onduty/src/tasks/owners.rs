//! Looks at the evidence for items whose step wants an owner, and records who might be the one.
//!
//! Reads git, which is slow: never inside a pass. What comes out is an action of the machine, so it replays without git.

use crate::app::{App, Change, DayError, Look};
use onduty_core::engine::Action;
use onduty_core::ids::{DutyId, EngineerId};
use onduty_core::item::{Item, Suggestion, Why};
use onduty_core::owner::{self, Evidence, FileHistory};
use onduty_core::process::OwnerMode;
use onduty_core::signal::{Build, Commit, Fact, SignalState};
use onduty_core::{calendar, signal};
use tokio::sync::broadcast::error::RecvError;

/// Commits of a file that are looked at.
const COMMITS_PER_FILE: usize = 40;

pub async fn run(app: App) {
    let mut changes = app.bus.listen();
    loop {
        for duty in app.instance().duties_with_a_process() {
            if let Err(error) = suggest_for(&app, &duty).await {
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

async fn suggest_for(app: &App, duty: &DutyId) -> anyhow::Result<()> {
    let Some(look) = app.look(duty).await? else { return Ok(()) };
    let waiting: Vec<&Item> = look
        .memory
        .items
        .values()
        .filter(|item| item.is_open() && item.suggestion.is_none() && wants_owner(&look, item))
        .collect();
    for item in waiting {
        let suggestion = suggest(app, &look, item).await;
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

async fn suggest(app: &App, look: &Look, item: &Item) -> Suggestion {
    let mut evidence = Evidence { decided: decided_before(look, item), ..Evidence::default() };
    match &item.why {
        Why::Subject { fact: Fact::Error(error), .. } => {
            let files = owner::files_of(&error.frames);
            read_files(app, look, &files, &mut evidence).await;
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

/// Whom people named for the same subject before, newest first.
fn decided_before(look: &Look, item: &Item) -> Vec<(EngineerId, jiff::Timestamp)> {
    let same = look.memory.items.values().filter(|other| other.subject == item.subject && other.id != item.id);
    let mut decided: Vec<_> =
        same.filter_map(|other| other.owner.as_ref().map(|owner| (owner.engineer.clone(), owner.at))).collect();
    decided.sort_by_key(|(_, at)| std::cmp::Reverse(*at));
    decided
}

async fn read_files(app: &App, look: &Look, files: &[String], evidence: &mut Evidence) {
    let sources = &look.instance.config.sources.git;
    let wanted = look.duty.watches.repositories.first();
    let source = sources.iter().find(|source| wanted.is_none_or(|name| source.name.eq_ignore_ascii_case(name)));
    let Some(source) = source.or(sources.first()) else {
        evidence.trouble = Some("no git repository is configured, so nobody knows who changed these files".to_owned());
        return;
    };
    let mirror = match app.mirror(source).await {
        Ok(mirror) => mirror,
        Err(error) => {
            evidence.trouble = Some(error.to_string());
            return;
        }
    };
    for file in files {
        match mirror.recent_commits_of(file, look.duty.watches.rollout_branch(), COMMITS_PER_FILE).await {
            Ok(commits) => evidence.files.push(FileHistory { file: file.clone(), commits }),
            Err(error) => evidence.trouble = Some(error.to_string()),
        }
    }
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
