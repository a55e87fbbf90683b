//! Starts requested rollouts, follows the running ones, and after a restart finds out what became of them.
//!
//! An attempt is started by the server that recorded the press and by no other: one found requested without a trace
//! after a restart is unknown, and a person says how it ended. Never runs an attempt twice.

use crate::actions::command::{self, Told, Traces};
use crate::actions::supervise::{AttemptFiles, ticks_of};
use crate::app::day::Outcome;
use crate::app::{App, Change};
use crate::store;
use crate::store::rollouts::{Attempt, OutputLine, Process};
use onduty_core::signal::RolloutState;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How often the traces of a running attempt are read.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long a supervisor may take to claim its attempt.
const CLAIM_WITHIN: Duration = Duration::from_secs(10);

/// What this server knows of an attempt besides its traces.
#[derive(Debug)]
struct Followed {
    /// When this server started its supervisor, or found that an earlier one had done so; `None` when nobody has.
    started: Option<Instant>,
    /// How far its output was read, in bytes.
    offset: u64,
    /// How many of the lines that are read next an earlier server has kept.
    kept_before: usize,
}

pub async fn run(app: App) {
    let mut changes = app.bus.listen();
    // What is active before this server started anything was left behind by an earlier one.
    let mut followed: BTreeMap<String, Followed> = BTreeMap::new();
    let mut first_look = true;
    loop {
        match look(&app, &mut followed, first_look).await {
            Ok(active) => {
                first_look = false;
                if active {
                    tokio::time::sleep(LOOK_EVERY).await;
                } else if changes.recv().await == Err(tokio::sync::broadcast::error::RecvError::Closed) {
                    return;
                }
            }
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "rollouts could not be followed; trying again");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// Looks at every active attempt once; whether there is any left.
async fn look(app: &App, followed: &mut BTreeMap<String, Followed>, first_look: bool) -> anyhow::Result<bool> {
    let mut active = store::rollouts::all_active(&mut app.store.read().await?).await?;
    // One whose outcome is unknown waits for a person, not for this loop.
    active.retain(|attempt| attempt.state.is_active());
    for attempt in &active {
        let id = &attempt.press.id;
        let files = AttemptFiles::of(&app.rollout_folder(), id);
        if !followed.contains_key(id) {
            let mine = !first_look && attempt.state == RolloutState::Requested;
            let started = if mine {
                start(app, attempt, &files).await?
            } else {
                // Its supervisor may have been started a moment before the server ended.
                (attempt.state == RolloutState::Running).then(Instant::now)
            };
            followed.insert(id.clone(), Followed { started, offset: 0, kept_before: kept_lines(app, id).await? });
        }
        let Some(known) = followed.get_mut(id) else { continue };
        follow(app, attempt, &files, known).await?;
    }
    followed.retain(|id, _| active.iter().any(|attempt| attempt.press.id == *id));
    Ok(!active.is_empty())
}

/// Starts the script of an attempt, if nobody else took it on.
async fn start(app: &App, attempt: &Attempt, files: &AttemptFiles) -> anyhow::Result<Option<Instant>> {
    let environment = &attempt.press.environment;
    let instance = app.instance();
    let Some(target) = instance.rollout_target(environment) else {
        let reason = format!("no rollout is configured for {environment} any more");
        end(app, attempt, RolloutState::Failed, None, Some(reason)).await?;
        return Ok(None);
    };
    if !app.take_on_rollout(attempt).await? {
        return Ok(None);
    }
    let (id, revision) = (&attempt.press.id, &attempt.press.revision);
    tracing::info!(attempt = id, environment = %environment, revision, "a rollout starts");
    let told = Told { environment: environment.as_str(), revision, rollout: id };
    match command::start(&app.supervisor, &target, files, told) {
        Ok(pid) => {
            let ticks = ticks_of(pid).map(|ticks| ticks.to_string()).unwrap_or_default();
            let mut tx = app.store.begin().await?;
            store::rollouts::set_process(&mut tx, id, &Process { pid, started: ticks }).await?;
            tx.commit().await?;
        }
        Err(error) => {
            let reason = format!("its supervisor could not be started: {error}");
            end(app, attempt, RolloutState::Failed, None, Some(reason)).await?;
        }
    }
    Ok(Some(Instant::now()))
}

async fn follow(app: &App, attempt: &Attempt, files: &AttemptFiles, known: &mut Followed) -> anyhow::Result<()> {
    let traces = command::traces(files);
    if matches!(traces, Traces::Nothing | Traces::Lost(None))
        && known.started.is_some_and(|started| started.elapsed() < CLAIM_WITHIN)
    {
        // Its supervisor is about to say who it is.
        return Ok(());
    }
    let over = matches!(traces, Traces::Ended(..) | Traces::Lost(_));
    keep_output(app, attempt, files, known, over).await?;
    match traces {
        Traces::Running(_) => {}
        Traces::Ended(_, ended) => {
            let state = match (ended.code, ended.timed_out) {
                (Some(0), _) => RolloutState::Succeeded,
                // Ended from outside in the middle of its work: what it has done, nobody knows.
                (None, true) => RolloutState::Unknown,
                _ => RolloutState::Failed,
            };
            end(app, attempt, state, ended.code, ended.trouble).await?;
        }
        Traces::Lost(_) => {
            let reason = "its process is gone and left no word; look at the environment and say how it ended";
            end(app, attempt, RolloutState::Unknown, None, Some(reason.to_owned())).await?;
        }
        Traces::Nothing => {
            let reason = "onduty stopped before it could see whether the script started; look at the environment and say how it ended";
            end(app, attempt, RolloutState::Unknown, None, Some(reason.to_owned())).await?;
        }
    }
    Ok(())
}

async fn end(
    app: &App,
    attempt: &Attempt,
    state: RolloutState,
    exit_code: Option<i32>,
    reason: Option<String>,
) -> Result<(), crate::app::DayError> {
    tracing::info!(attempt = attempt.press.id, ?state, exit_code, "a rollout ended");
    app.end_rollout(attempt, &Outcome { state, exit_code, reason }).await
}

/// How many lines of an attempt's output are kept already.
async fn kept_lines(app: &App, attempt: &str) -> Result<usize, store::StoreError> {
    let mut reader = app.store.read().await?;
    Ok(store::rollouts::output(&mut reader, attempt, 0, u32::MAX).await?.len())
}

async fn keep_output(
    app: &App,
    attempt: &Attempt,
    files: &AttemptFiles,
    known: &mut Followed,
    over: bool,
) -> anyhow::Result<()> {
    loop {
        let (lines, offset) = command::output_from(files, known.offset, over);
        if lines.is_empty() {
            return Ok(());
        }
        let at = app.clock.duty_now();
        let new = lines.iter().skip(known.kept_before);
        let new: Vec<OutputLine> =
            new.map(|text| OutputLine { at, stream: "output".to_owned(), text: text.clone() }).collect();
        let mut tx = app.store.begin().await?;
        store::rollouts::append_output(&mut tx, &attempt.press.id, &new).await?;
        tx.commit().await?;
        known.kept_before = known.kept_before.saturating_sub(lines.len());
        known.offset = offset;
        app.bus.tell(Change::Rollout { duty: attempt.press.duty.clone() });
    }
}
