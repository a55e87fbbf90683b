//! Reads the calendars that tell who is away, each every so often, and has what they say take effect.

use crate::app::{App, Change, Instance};
use crate::clock::real_now;
use crate::config::LeaveCalendar;
use crate::egress::{Backoff, random};
use crate::sources::leave_calendar::{self, Fetched, Validators};
use futures_util::future::join_all;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use onduty_core::icalendar;
use onduty_core::ids::EngineerId;
use onduty_core::leave_calendar::{Read, Reading, Standing, Told};
use onduty_core::roster::Roster;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The shortest wait between two looks at the list of calendars.
const TICK: Duration = Duration::from_secs(1);
/// How soon a calendar in trouble is read again, where it is not read more often anyway.
const AGAIN: Duration = Duration::from_secs(5 * 60);
/// How long a calendar that had leave may be empty before that is believed: a system in trouble writes empty ones, and nobody's day
/// should move for that.
pub const EMPTY_FOR: SignedDuration = SignedDuration::from_hours(24);
/// Calendars that are read at one time; the rest wait, and not for the hosts' turns within their time.
const AT_ONCE: usize = 4;

/// Reads them for as long as it is polled.
pub async fn run(app: App) {
    let mut kept = Kept::default();
    loop {
        pass(&app, &mut kept).await;
        tokio::time::sleep(TICK).await;
    }
}

/// What is remembered between two passes.
#[derive(Debug, Default)]
pub struct Kept(BTreeMap<String, Memory>);

#[derive(Debug, Default)]
struct Memory {
    /// In real time; at once where there is none.
    due: Option<Timestamp>,
    validators: Validators,
    /// What else an answer depends on: with anything else of it the calendar is read whole.
    basis: Option<Basis>,
    /// Since when it has been empty, in duty time.
    empty_since: Option<Timestamp>,
}

/// What reading a calendar depends on besides its text.
#[derive(Debug, Clone, PartialEq)]
struct Basis {
    today: Date,
    reading: Reading,
    people: Vec<(EngineerId, String, Vec<String>)>,
}

impl Kept {
    /// Makes every calendar due.
    pub fn hurry(&mut self) {
        self.0.values_mut().for_each(|memory| memory.due = None);
    }
}

/// Reads every calendar that is due.
pub async fn pass(app: &App, kept: &mut Kept) {
    let instance = app.instance();
    kept.0.retain(|name, _| instance.config.leave_calendars.contains_key(name));
    let now = real_now();
    let mut due: Vec<(&String, &LeaveCalendar, Memory)> = Vec::new();
    for (name, calendar) in &instance.config.leave_calendars {
        let memory = kept.0.entry(name.clone()).or_default();
        if memory.due.is_none_or(|due| due <= now) {
            due.push((name, calendar, std::mem::take(memory)));
        }
    }
    let mut has_taken_back = false;
    let mut due = due.into_iter().peekable();
    while due.peek().is_some() {
        let looks = due.by_ref().take(AT_ONCE).map(|(name, calendar, mut memory)| {
            let instance = instance.clone();
            async move {
                let took_back = look(app, &instance, name, calendar, &mut memory).await;
                (name, memory, took_back)
            }
        });
        for (name, memory, took_back) in join_all(looks).await {
            has_taken_back |= took_back;
            kept.0.insert(name.clone(), memory);
        }
    }
    if has_taken_back {
        // Another calendar may say the same of somebody, and has to be asked for all of it.
        kept.0.values_mut().for_each(|memory| memory.validators = Validators::default());
    }
}

/// Reads one calendar; true where leave was taken back.
async fn look(app: &App, instance: &Arc<Instance>, name: &str, calendar: &LeaveCalendar, memory: &mut Memory) -> bool {
    let read = read(app, instance, name, calendar, memory).await;
    app.metrics.polls.count(["leave calendar", if read.is_ok() { "good" } else { "failed" }]);
    let wait = if read.is_ok() { calendar.every } else { calendar.every.min(AGAIN) };
    // Spread, so that those of one host do not come together for ever.
    let wait = wait.mul_f64(0.9 + 0.2 * random());
    memory.due = SignedDuration::try_from(wait).ok().and_then(|wait| real_now().checked_add(wait).ok());
    let before = app.leave_calendars.of(name);
    let (standing, took_back) = match read {
        Ok(Some((read, took_back))) => (Standing { read: Some(read), trouble: None }, took_back),
        Ok(None) => {
            let read = before.read.map(|read| Read { at: app.clock.duty_now(), ..read });
            (Standing { read, trouble: None }, false)
        }
        Err(trouble) => {
            memory.validators = Validators::default();
            (Standing { read: before.read, trouble: Some(trouble) }, false)
        }
    };
    let trouble = standing.trouble.clone();
    if app.leave_calendars.note(name, standing) {
        match trouble {
            Some(trouble) => tracing::warn!(calendar = name, trouble, "the leave calendar cannot be read"),
            None => tracing::info!(calendar = name, "the leave calendar is read"),
        }
        app.bus.tell(Change::Everything);
    }
    took_back
}

/// What the calendar said, and whether leave was taken back; `None` where it says what it did.
async fn read(
    app: &App,
    instance: &Arc<Instance>,
    name: &str,
    calendar: &LeaveCalendar,
    memory: &mut Memory,
) -> Result<Option<(Read, bool)>, String> {
    let secret = app.secrets.leave_calendars.get(name);
    let secret = secret.ok_or("its address is not known; restart onduty after adding a calendar")?;
    let url = instance.config.calendar_address(secret)?;
    let (today, now) = (app.leave_day(), app.clock.duty_now());
    let basis = Basis { today, reading: calendar.reading.clone(), people: people(instance) };
    if memory.basis.as_ref() != Some(&basis) {
        memory.validators = Validators::default();
    }
    let fetched = leave_calendar::fetch(&app.egress, &url, &memory.validators, Backoff::POLL).await;
    let (text, validators) = match fetched.map_err(|error| error.to_string())? {
        Fetched::Same => return Ok(None),
        Fetched::Text(text, validators) => (text, validators),
    };
    let told = understand(text, &calendar.reading, &instance.roster, today).await?;
    if told.events > 0 {
        memory.empty_since = None;
    } else {
        let had = app.leave_of_calendar(name, today).await.map_err(|error| error.to_string())?.len();
        let since = *memory.empty_since.get_or_insert(now);
        if had > 0 && now.duration_since(since) < EMPTY_FOR {
            return Err("it has no event at all, and had leave; that is believed when it is so for a day".to_owned());
        }
    }
    let followed = app.follow_leave(name, &told, today).await.map_err(|error| error.to_string())?;
    if followed.new + followed.ended > 0 {
        tracing::info!(calendar = name, new = followed.new, ended = followed.ended, "a calendar told of leave");
    }
    (memory.validators, memory.basis) = (validators, Some(basis));
    Ok(Some((Read::of(&told, followed.kept, now), followed.ended > 0)))
}

/// What a text says, read where it holds nobody up.
///
/// # Errors
/// It is no calendar.
pub async fn understand(text: String, reading: &Reading, roster: &Roster, today: Date) -> Result<Told, String> {
    let (reading, roster) = (reading.clone(), roster.clone());
    let done = tokio::task::spawn_blocking(move || {
        let events = icalendar::read(&text).map_err(|(line, why)| format!("{why} (line {line})"))?;
        Ok(onduty_core::leave_calendar::read(&events, &reading, &roster, today))
    });
    done.await.unwrap_or_else(|_| Err("reading it failed; please report that".to_owned()))
}

fn people(instance: &Instance) -> Vec<(EngineerId, String, Vec<String>)> {
    let all = instance.roster.engineers.values();
    all.map(|engineer| (engineer.id.clone(), engineer.name.clone(), engineer.emails.clone())).collect()
}
