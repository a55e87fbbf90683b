//! The self-audit: compares what onduty promises with what is in the store, apart from the code that keeps the promises.
//!
//! `tasks::self_audit` calls it every half minute. It mends nothing: what it finds is for people. What a chain or a table of
//! items holds is looked at piece by piece, so that no look takes long, and from the beginning again after the end.

use super::App;
use crate::store::log_book::{self, BreakKind, Head, Reached, Walk};
use crate::store::{self, Reader, StoreError, self_audit};
use jiff::{SignedDuration, Timestamp};
use onduty_core::ids::DutyId;
use onduty_core::item::{ItemState, SnoozeUntil};
use onduty_core::process::ASKED;
use std::collections::BTreeMap;

/// How long the engine may leave a duty alone: it looks at each every minute.
pub const PASS_WITHIN: SignedDuration = SignedDuration::from_secs(90);
/// How long an effect may wait: all of its attempts take less.
const EFFECT_WITHIN: SignedDuration = SignedDuration::from_hours(2);
/// How long a rollout may take longer than its script.
const ROLLOUT_GRACE: SignedDuration = SignedDuration::from_mins(2);
/// How long an item may sleep after the time that it was snoozed until.
const WAKE_WITHIN: SignedDuration = SignedDuration::from_mins(5);
/// Entries of one log book that a look checks; a million take less than half an hour.
const ENTRIES: i64 = 20_000;
/// Items that a look checks.
const ITEMS: i64 = 2_000;
/// Findings of one kind that are named.
const NAMED: usize = 20;

/// A promise that is not kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Whose; `None` is the instance's.
    pub duty: Option<DutyId>,
    /// What it is about: the same for the same trouble.
    pub about: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub todo: String,
}

impl Finding {
    /// Whether it is about the same, perhaps in other words.
    pub fn is_same_trouble(&self, other: &Finding) -> bool {
        (&self.duty, &self.about) == (&other.duty, &other.about)
    }
}

/// An auditor, with the places where it goes on.
#[derive(Debug, Default)]
pub struct Auditor {
    walks: BTreeMap<DutyId, Walk>,
    broken: BTreeMap<DutyId, Finding>,
    last_item: String,
    items: Vec<Finding>,
    items_of_this_lap: Vec<Finding>,
    seen_before: Vec<Finding>,
}

impl Auditor {
    /// Looks once; everything that was wrong at the look before and still is: between two transactions things may look
    /// wrong that are only under way.
    ///
    /// # Errors
    /// The store cannot be read, which is worse than a finding.
    pub async fn look(&mut self, app: &App, real_now: Timestamp) -> Result<Vec<Finding>, StoreError> {
        let mut findings = passes(app, real_now);
        let mut reader = app.store.read().await?;
        findings.extend(journal(&mut reader).await?);
        findings.extend(effects(app, &mut reader, real_now).await?);
        findings.extend(rollouts(app, &mut reader).await?);
        self.chains(app, &mut reader).await?;
        self.items(app, &mut reader).await?;
        findings.extend(self.broken.values().cloned());
        findings.extend(self.items.iter().chain(&self.items_of_this_lap).cloned());
        findings.sort();
        findings.dedup();
        let before = std::mem::replace(&mut self.seen_before, findings.clone());
        findings.retain(|finding| before.iter().any(|old| old.is_same_trouble(finding)));
        Ok(findings)
    }

    /// The next piece of every chain.
    async fn chains(&mut self, app: &App, reader: &mut Reader) -> Result<(), StoreError> {
        // Heads that cannot be read compare with nothing; `heads` tells of it when it writes them.
        let kept = log_book::read_heads(&app.heads_file()).await.ok().flatten().unwrap_or_default();
        let mut duties: Vec<DutyId> = log_book::heads(reader).await?.into_iter().map(|head| head.duty).collect();
        // A log book that is gone as a whole has no head any more.
        duties.extend(kept.iter().map(|head| head.duty.clone()));
        duties.sort();
        duties.dedup();
        for duty in duties {
            self.chain(reader, duty, &kept).await?;
        }
        Ok(())
    }

    async fn chain(&mut self, reader: &mut Reader, duty: DutyId, kept: &[Head]) -> Result<(), StoreError> {
        let walk = self.walks.entry(duty.clone()).or_default();
        match walk.on(reader, &duty, kept, ENTRIES).await? {
            Ok(Reached::Entry) => {}
            Ok(Reached::End(_)) => {
                self.walks.remove(&duty);
                self.broken.remove(&duty);
            }
            Err(broken) => {
                self.walks.remove(&duty);
                let finding = Finding {
                    about: "chain".to_owned(),
                    what: format!("the log book's chain is broken at entry {}: {}", broken.seq, in_words(broken.what)),
                    todo: "Nothing in onduty does that: find out who changed the database, and compare with a backup."
                        .to_owned(),
                    duty: Some(duty.clone()),
                };
                self.broken.insert(duty, finding);
            }
        }
        Ok(())
    }

    /// The next piece of the items.
    async fn items(&mut self, app: &App, reader: &mut Reader) -> Result<(), StoreError> {
        let rows = self_audit::items_after(reader, &self.last_item, ITEMS).await?;
        let now = app.clock.duty_now();
        let wrong = rows.iter().filter_map(|row| item(app, row, now));
        self.items_of_this_lap.extend(wrong);
        self.items_of_this_lap.truncate(NAMED);
        let is_end = i64::try_from(rows.len()).is_ok_and(|found| found < ITEMS);
        self.last_item = rows.last().map(|row| row.id.to_string()).unwrap_or_default();
        if is_end {
            self.last_item.clear();
            self.items = std::mem::take(&mut self.items_of_this_lap);
        }
        Ok(())
    }
}

fn in_words(what: BreakKind) -> &'static str {
    match what {
        BreakKind::Missing => "it is missing",
        BreakKind::BodyChanged => "its content was changed",
        BreakKind::EntryChanged => "its place, author or time was changed",
        BreakKind::HalfRedacted => "a part of its content is gone",
        BreakKind::WrongHead => "the chain ends elsewhere than it should",
        BreakKind::NotTheKnownHead => "it is not the entry that was there when the head was kept outside",
    }
}

/// Duties that the engine leaves alone.
fn passes(app: &App, real_now: Timestamp) -> Vec<Finding> {
    if app.clock.rate() == 0 {
        return Vec::new();
    }
    let late = |duty: DutyId| {
        let last = app.liveness.last_pass_of(&duty)?;
        (real_now.duration_since(last) > PASS_WITHIN).then(|| Finding {
            duty: Some(duty),
            about: "passes".to_owned(),
            what:
                "the engine has not been able to look at this duty for more than 90 seconds: what is shown may be old"
                    .to_owned(),
            todo: "The server's log says why its passes fail.".to_owned(),
        })
    };
    app.instance().duties_with_a_process().into_iter().filter_map(late).collect()
}

async fn journal(reader: &mut Reader) -> Result<Option<Finding>, StoreError> {
    let (promised, found) = self_audit::journal_ends(reader).await?;
    Ok((promised != found).then(|| Finding {
        duty: None,
        about: "journal".to_owned(),
        what: format!("the journal should end with record {promised}, and ends with {found}"),
        todo: "Records are gone: replay is not to be trusted from here. Compare with a backup.".to_owned(),
    }))
}

async fn effects(app: &App, reader: &mut Reader, real_now: Timestamp) -> Result<Vec<Finding>, StoreError> {
    // With `--observe` waiting is what they should do.
    if app.observe_only {
        return Ok(Vec::new());
    }
    let before = real_now.checked_sub(EFFECT_WITHIN).unwrap_or(Timestamp::MIN);
    let late = self_audit::late_effects(reader, before, NAMED as i64).await?;
    let finding = |late: self_audit::LateEffect| Finding {
        duty: Some(late.duty),
        about: format!("effect {}", late.key),
        what: format!(
            "the message {} waits since {} and was neither sent nor given up{}",
            late.key,
            late.since,
            late.last_error.map(|error| format!("; the last attempt met: {error}")).unwrap_or_default()
        ),
        todo: "Tell whom it was for by yourself; the server's log says what keeps the outbox.".to_owned(),
    };
    Ok(late.into_iter().map(finding).collect())
}

/// Rollouts that should have ended. One whose outcome is unknown asks people by itself and holds the gate.
async fn rollouts(app: &App, reader: &mut Reader) -> Result<Vec<Finding>, StoreError> {
    let (now, instance) = (app.clock.duty_now(), app.instance());
    let late = |attempt: store::rollouts::Attempt| {
        let press = attempt.press;
        let timeout = instance.rollout_target(&press.environment).map(|target| target.timeout).unwrap_or_default();
        let within = SignedDuration::try_from(timeout).unwrap_or(SignedDuration::MAX).saturating_add(ROLLOUT_GRACE);
        let since = attempt.started_at.unwrap_or(press.pressed_at);
        let is_late = attempt.state.is_active() && now.duration_since(since) > within;
        is_late.then(|| Finding {
            about: format!("rollout {}", press.id),
            what: format!(
                "the rollout {} to {} should have ended long ago, and nothing says how",
                press.id, press.environment
            ),
            todo: "Look at the environment, then say how it ended on the page Rollout.".to_owned(),
            duty: Some(press.duty),
        })
    };
    Ok(store::rollouts::all_active(reader).await?.into_iter().filter_map(late).collect())
}

/// What is wrong with an item, if anything is.
fn item(app: &App, row: &self_audit::ItemRow, now: Timestamp) -> Option<Finding> {
    let finding = |what: &str, todo: &str| Finding {
        duty: Some(row.duty.clone()),
        about: format!("item {}", row.id),
        what: format!("the item {} {what}", row.id),
        todo: todo.to_owned(),
    };
    let report = "Compare with a backup, and report this: onduty writes no such row.";
    let Some(item) = &row.item else {
        return Some(finding("is not what its row says it is, so pages may leave it out", report));
    };
    if !row.is_told {
        return Some(finding("is in no entry of the log book", report));
    }
    if !row.is_open {
        return None;
    }
    let instance = app.instance();
    if instance.roster.duty(&row.duty).is_none() {
        return Some(finding(
            "is open in a duty that the roster no longer has: nobody sees it",
            "Put the duty back until its items are closed.",
        ));
    }
    let Some(process) = instance.process(&row.duty) else {
        return Some(finding("is open in a duty without a process: nothing closes it", "Give the duty a process."));
    };
    let known = row.step.as_str() == ASKED || process.process.steps.iter().any(|step| step.id == row.step);
    // A step that is gone withdraws its items in the next pass, which comes at once.
    if !known {
        return Some(finding("is open under a step that the process no longer has, and no pass withdrew it", report));
    }
    match &item.state {
        ItemState::Snoozed { until: SnoozeUntil::Time { at }, .. } if now.duration_since(*at) > WAKE_WITHIN => {
            Some(finding("was snoozed until a time that is over, and no pass woke it", report))
        }
        _ => None,
    }
}
