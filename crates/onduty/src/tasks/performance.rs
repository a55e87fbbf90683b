//! Compares response times before and after each rollout, at the end of its first window and then window by window until
//! the next one, and tells what came out.
//!
//! What is due is read off the store, so that it goes on after a restart. The comparison itself is `onduty_core::perf`'s,
//! what is told of it `onduty_core::compared`'s.

use crate::app::{App, Change};
use crate::config::PerformanceRules;
use crate::sources::SourceError;
use crate::store::performance::{EndpointReport, Report, RunLine};
use crate::store::{self, StoreError};
use crate::tasks::response_times::{self, Configured};
use crate::texts;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use onduty_core::compared::{self, Run, Succession, which};
use onduty_core::ids::{Environment, SourceName, Subject};
use onduty_core::perf::{
    AFTER, BEFORE, Comparison, Doubt, Judged, Lengths, Rollout, Settings, Table, Verdict, Windows, compare, picture,
};
use onduty_core::performance::{ComparedRollout, EndpointFact};
use onduty_core::process::{Check, List, Process, StepKind, Work};
use onduty_core::signal::{Contact, Fact, Kind, Observation, RolloutFact, Snapshot};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio::sync::broadcast::error::RecvError;

/// Shortest and longest real time between two looks.
const LOOKS: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));
/// Rest after the source failed, in real time.
const PAUSE: Duration = Duration::from_secs(30);
/// What was measured at the end of a window arrives this much later.
const LATE: SignedDuration = SignedDuration::from_mins(2);
/// A rollout that was not compared for so long is not compared any more.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(72);
/// How often the source's sign of life is asked for.
const ALIVE_EVERY: SignedDuration = SignedDuration::from_mins(5);
/// Endpoints of a report that are kept: all about which there is something to say, and the busiest.
const KEPT: usize = 1_000;
/// How long reports are kept.
const REPORTS_KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Windows after a rollout that are looked through for the next one: three days of the shortest.
const MOST_WINDOWS: i64 = 72 * 12;

/// Where rollouts are compared, and whose days its hours are.
#[derive(Debug, Clone, PartialEq)]
struct Place {
    environment: Environment,
    zone: TimeZone,
}

/// What was asked before.
#[derive(Debug, Default)]
pub struct Asked {
    /// When the source was asked for a sign of life, in duty time.
    alive: Option<Timestamp>,
    /// When it failed last, in real time.
    failed: Option<Instant>,
}

/// Why a rollout was not compared.
enum Failed {
    /// The source cannot be read.
    Source(SourceError),
    /// Something of our own.
    Here(anyhow::Error),
}

impl From<SourceError> for Failed {
    fn from(error: SourceError) -> Failed {
        Failed::Source(error)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Failed {
        Failed::Here(error.into())
    }
}

impl From<jiff::Error> for Failed {
    fn from(error: jiff::Error) -> Failed {
        Failed::Here(error.into())
    }
}

/// Runs for as long as the server does.
pub async fn run(app: App) {
    let mut changes = app.bus.listen();
    let mut asked = Asked::default();
    loop {
        if let Err(error) = look(&app, &mut asked).await {
            tracing::error!(error = format!("{error:#}"), "a rollout could not be compared; trying again");
        }
        tokio::time::sleep(LOOKS.0).await;
        let changed = tokio::time::timeout(LOOKS.1, async {
            loop {
                match changes.recv().await {
                    Ok(Change::Day(_) | Change::Everything) | Err(RecvError::Lagged(_)) => return true,
                    Ok(_) => {}
                    Err(RecvError::Closed) => return false,
                }
            }
        });
        if let Ok(false) = changed.await {
            return;
        }
    }
}

/// Tells a sign of life, and compares what is due.
///
/// # Errors
/// When the store cannot be read or written. What the source does wrong is told as its trouble.
pub async fn look(app: &App, asked: &mut Asked) -> anyhow::Result<()> {
    let places = places(app);
    let instance = app.instance();
    let Some(source) = response_times::configured(app, &instance.config).filter(|_| !places.is_empty()) else {
        return Ok(());
    };
    if asked.failed.is_some_and(|failed| failed.elapsed() < PAUSE) {
        return Ok(());
    }
    let now = app.clock.duty_now();
    match look_at(app, &source, &places, asked, now).await {
        Ok(()) => Ok(()),
        Err(Failed::Source(error)) => {
            let trouble = error.without_name();
            tracing::warn!(source = source.name, trouble, "response times cannot be read");
            *asked = Asked { alive: None, failed: Some(Instant::now()) };
            Ok(app.observed(vec![contact(source.name, Some(trouble), now)]).await?)
        }
        Err(Failed::Here(error)) => Err(error),
    }
}

async fn look_at(
    app: &App,
    source: &Configured<'_>,
    places: &[Place],
    asked: &mut Asked,
    now: Timestamp,
) -> Result<(), Failed> {
    let is_due = asked.alive.is_none_or(|alive| now.duration_since(alive).abs() >= ALIVE_EVERY);
    let is_alive = is_due && source.backend.is_alive(now).await?;
    let snapshot = app.snapshot().await?;
    let mut failed = None;
    for place in places {
        // What goes wrong for one says nothing about the others.
        if let Err(error) = follow(app, source, &snapshot, place, doubt_of(places), now).await {
            failed = failed.or(Some(error));
        }
    }
    if let Some(failed) = failed {
        return Err(failed);
    }
    if is_due {
        // Only what could be asked for everything is well.
        if is_alive {
            app.observed(vec![contact(source.name, None, now)]).await?;
        }
        *asked = Asked { alive: is_alive.then_some(now), failed: None };
    }
    Ok(())
}

fn contact(source: &str, trouble: Option<String>, now: Timestamp) -> Observation {
    let fact = Fact::Contact(Contact { kinds: vec![Kind::Performance], trouble });
    seen(source, Subject::new(source), fact, now)
}

fn seen(source: &str, subject: Subject, fact: Fact, now: Timestamp) -> Observation {
    Observation { source: SourceName::new(source), subject, fact, source_time: now, baseline: false }
}

/// The environments whose rollouts some process wants compared.
fn places(app: &App) -> Vec<Place> {
    let instance = app.instance();
    let mut places: Vec<Place> = Vec::new();
    for duty in &instance.roster.duties {
        let Some(active) = instance.process(&duty.id).filter(|active| wants(&active.process)) else { continue };
        let environment = active.process.compared_environment(duty);
        if places.iter().all(|known| known.environment != environment) {
            places.push(Place { environment, zone: duty.zone.clone() });
        }
    }
    places
}

/// What there is to doubt about a source that tells of all `places`.
fn doubt_of(places: &[Place]) -> Option<Doubt> {
    let environments: Vec<String> = places.iter().map(|place| place.environment.to_string()).collect();
    (environments.len() > 1).then_some(Doubt::SeveralEnvironments { environments })
}

fn wants(process: &Process) -> bool {
    process.steps.iter().any(|step| {
        matches!(step.work, Work::Check(Check::Performance))
            || matches!(step.kind, StepKind::Each { list: List::Endpoints, .. })
    })
}

/// Compares the newest rollout to a place once more, if it is time.
async fn follow(
    app: &App,
    source: &Configured<'_>,
    snapshot: &Snapshot,
    place: &Place,
    doubt: Option<Doubt>,
    now: Timestamp,
) -> Result<(), Failed> {
    let Some((rollout, at)) = compared::newest_rollout(snapshot, &place.environment) else { return Ok(()) };
    // What is under way is neither before nor after.
    let here = |other: &RolloutFact| other.environment == place.environment && other.state.is_active();
    if snapshot.rollouts().into_iter().any(here) || now.duration_since(at) > FORGOTTEN {
        return Ok(());
    }
    let rules = app.instance().config.performance;
    let known = store::performance::report(&mut app.store.read().await?, &place.environment, &rollout.id).await?;
    let known = known.filter(|report| report.compared.is_of(which(rollout)));
    let last = known.as_ref().and_then(|report| report.runs.last()).map(|run| run.until);
    let together = Succession::of(rollout, snapshot, length(rules.window));
    let Some(from) = next_window(together.begins, at, last, &rules, &place.zone) else { return Ok(()) };
    let until = from.checked_add(length(rules.window))?;
    let due = until.checked_add(LATE)?;
    if now >= due {
        return Due { place, doubt, rollout, together, at, from, until, rules, known }
            .compare(app, source, snapshot, now)
            .await;
    }
    let told = compared::newest_compared(snapshot, &place.environment);
    if known.is_none() && told.is_none_or(|told| !told.is_of(which(rollout))) {
        let awaited = compared::awaited(rollout, at, due);
        app.observed(vec![seen(source.name, awaited.subject(), Fact::Compared(awaited), now)]).await?;
    }
    Ok(())
}

fn length(window: Duration) -> SignedDuration {
    SignedDuration::try_from(window).unwrap_or(SignedDuration::MAX)
}

/// When the window begins that follows the one which ended at `last`, or the first one; `None` when there is nothing left
/// to learn.
///
/// Windows follow each other through the day of the rollout, and through the next working day until the hours before the
/// rollout come round again: what a day later is different has many causes. None goes past midnight, where the next day is
/// not like the one before.
fn next_window(
    started_at: Timestamp,
    at: Timestamp,
    last: Option<Timestamp>,
    rules: &PerformanceRules,
    zone: &TimeZone,
) -> Option<Timestamp> {
    let window = length(rules.window);
    let Some(last) = last else { return at.checked_add(length(rules.warm_up)).ok() };
    let local = |at: Timestamp| at.to_zoned(zone.clone());
    let day = local(at).date();
    let next_day = next_working_day(day)?;
    let ends = {
        let before = local(started_at.checked_sub(window).ok()?).time();
        next_day.to_zoned(zone.clone()).ok()?.with().time(before).build().ok()?.timestamp()
    };
    (0..MOST_WINDOWS)
        .filter_map(|number| last.checked_add(window.checked_mul(number as i32)?).ok())
        .filter_map(|from| Some((from, from.checked_add(window).ok()?)))
        .take_while(|(_, until)| *until <= ends)
        .find(|(from, until)| {
            let days = (local(*from).date(), local(*until).date());
            days == (day, day) || days == (next_day, next_day)
        })
        .map(|(from, _)| from)
}

/// The day after `day` on which people work again; after a Saturday that is a Sunday, because weekends are compared with
/// weekends.
fn next_working_day(day: Date) -> Option<Date> {
    let is_weekend = |day: Date| matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    day.series(jiff::Span::new().days(1)).skip(1).take(7).find(|next| is_weekend(*next) == is_weekend(day))
}

/// A comparison whose time has come.
struct Due<'a> {
    place: &'a Place,
    /// Whatever the source says.
    doubt: Option<Doubt>,
    rollout: &'a RolloutFact,
    together: Succession,
    at: Timestamp,
    from: Timestamp,
    until: Timestamp,
    rules: PerformanceRules,
    known: Option<Report>,
}

/// What came out of one.
struct Done {
    comparison: Comparison,
    /// Those that a page shows, the weightiest first.
    endpoints: Vec<EndpointReport>,
}

impl Due<'_> {
    async fn compare(
        self,
        app: &App,
        source: &Configured<'_>,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<(), Failed> {
        let lengths = Lengths { warm_up: length(self.rules.warm_up), window: length(self.rules.window) };
        let rollout = Rollout { start: self.together.begins.min(self.at), end: self.at };
        let windows = Windows::later(rollout, lengths, self.from, &self.place.zone)?;
        let mut table = Table::new(source.endpoints);
        let (mut doubts, missing) = match source.backend.fill(&windows, &mut table).await {
            Ok(doubts) => (doubts, None),
            // Nothing is known of this hour, and perhaps of the next.
            Err(missing @ SourceError::Missing { .. }) => (Vec::new(), Some(missing.to_string())),
            Err(error) => return Err(error.into()),
        };
        if missing.is_some() {
            table = Table::new(source.endpoints);
        }
        doubts.extend(self.doubt.clone());
        if self.together.others > 0 {
            doubts.push(Doubt::OtherRollouts { rollouts: self.together.others });
        }
        let settings = Settings { covered: self.rules.covered, ..Settings::default() };
        // Seconds of arithmetic, during which others are served.
        let done = tokio::task::spawn_blocking(move || compared_table(table, &windows, &settings)).await;
        let done = done.map_err(|error| Failed::Here(error.into()))?;
        let is_known = missing.is_none() && !doubts.iter().any(Doubt::is_grave);
        let is_enough = is_known && done.comparison.is_covered(self.rules.covered);
        let facts: Vec<EndpointFact> = endpoint_facts(snapshot).cloned().collect();
        let run = Run {
            rollout: self.rollout,
            rolled_out_at: self.at,
            until: self.until,
            comparison: &done.comparison,
            is_enough,
            known: &facts,
            compared: self.known.as_ref().map(|report| &report.compared),
        };
        let (told, compared) = compared::after_run(&run);
        let said = missing.into_iter().chain(doubts.iter().map(texts::performance::doubt)).collect();
        let is_fuller = compared.until == self.until;
        let report = self.report(source.name, &done.comparison, compared.clone(), is_enough, said);
        let told = observations(source.name, told, compared, now);
        app.compared(&report, is_fuller.then_some(done.endpoints.as_slice()), told).await?;
        let mut tx = app.store.begin().await?;
        store::performance::prune(&mut tx, now.checked_sub(REPORTS_KEPT).unwrap_or(now)).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The report as it stands after this comparison, which is about the fullest of all.
    fn report(
        self,
        source: &str,
        comparison: &Comparison,
        compared: ComparedRollout,
        is_enough: bool,
        doubts: Vec<String>,
    ) -> Report {
        let line = RunLine {
            from: self.from,
            until: self.until,
            judged: comparison.coverage.judged as u64,
            worse: comparison.endpoints.iter().filter(|judged| judged.is_worse()).count() as u64,
            is_enough,
        };
        tracing::info!(
            environment = %self.rollout.environment,
            judged = line.judged,
            worse = line.worse,
            is_enough,
            "a rollout was compared"
        );
        let mut report = match self.known {
            Some(known) if compared.until != self.until => Report { compared, ..known },
            known => Report {
                compared,
                source: source.to_owned(),
                started_at: self.together.begins,
                from: self.from,
                endpoints: comparison.endpoints.len() as u64,
                other: comparison.other,
                shared: comparison.shared.clone(),
                doubts,
                runs: known.map(|known| known.runs).unwrap_or_default(),
            },
        };
        report.runs.push(line);
        report
    }
}

fn endpoint_facts(snapshot: &Snapshot) -> impl Iterator<Item = &EndpointFact> {
    snapshot.of_kind(&Kind::Performance).filter_map(|(_, state)| match &state.fact {
        Fact::Endpoint(fact) => Some(fact),
        _ => None,
    })
}

/// Endpoints first: whoever reads the rollout's result finds them.
fn observations(source: &str, told: Vec<EndpointFact>, compared: ComparedRollout, now: Timestamp) -> Vec<Observation> {
    let mut all: Vec<Observation> =
        told.into_iter().map(|fact| seen(source, fact.subject(), Fact::Endpoint(fact), now)).collect();
    all.push(seen(source, compared.subject(), Fact::Compared(compared), now));
    all
}

/// Compares, and keeps what a page shows: what there is something to say about, then the busiest.
fn compared_table(table: Table, windows: &Windows, settings: &Settings) -> Done {
    let (endpoints, other) = table.finish();
    let all: Vec<_> = endpoints.iter().map(|(name, endpoint)| (name.as_str(), &endpoint.series)).collect();
    let comparison = compare(&all, other, windows, settings);
    let series: HashMap<&str, _> = all.iter().copied().collect();
    let weight = |judged: &Judged| {
        let requests =
            |window| series.get(judged.endpoint.as_str()).map_or(0, |series| series.traffic(window).requests);
        let is_said = !matches!(judged.verdict, Verdict::Unchanged | Verdict::Inconclusive);
        (judged.is_worse(), judged.cost(), is_said, requests(AFTER) + requests(BEFORE))
    };
    let mut kept: Vec<&Judged> = comparison.endpoints.iter().collect();
    kept.sort_by(|left, right| weight(right).cmp(&weight(left)).then_with(|| left.endpoint.cmp(&right.endpoint)));
    let report = |judged: &Judged| EndpointReport {
        judged: judged.clone(),
        picture: series.get(judged.endpoint.as_str()).map(|series| picture(series, windows)).unwrap_or_default(),
    };
    let endpoints = kept.into_iter().take(KEPT).map(report).collect();
    Done { endpoints, comparison }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows_of(started: &str, rules: PerformanceRules) -> Vec<String> {
        let zone = TimeZone::get("Europe/Paris").unwrap();
        let started_at: Timestamp = started.parse().unwrap();
        let at = started_at.checked_add(SignedDuration::from_mins(5)).unwrap();
        let (mut all, mut last) = (Vec::new(), None);
        while let Some(from) = next_window(started_at, at, last, &rules, &zone) {
            assert!(last.is_none_or(|last| from >= last));
            all.push(from.to_zoned(zone.clone()).strftime("%a %H:%M").to_string());
            last = Some(from.checked_add(length(rules.window)).unwrap());
        }
        all
    }

    #[test]
    fn windows_follow_each_other_until_the_hours_before_come_round() {
        // A Tuesday, 16:00 in Paris.
        let all = windows_of("2026-03-03T15:00:00Z", PerformanceRules::default());
        assert_eq!(all[..3], ["Tue 16:15", "Tue 17:15", "Tue 18:15"]);
        assert!(!all.contains(&"Tue 23:15".to_owned()), "{all:?}");
        assert!(all.contains(&"Tue 22:15".to_owned()) && all.contains(&"Wed 00:15".to_owned()), "{all:?}");
        assert_eq!(all.last().unwrap(), "Wed 13:15");
    }

    #[test]
    fn a_friday_is_followed_by_monday() {
        let all = windows_of("2026-03-06T15:00:00Z", PerformanceRules::default());
        assert_eq!(all[7], "Mon 00:15");
        assert_eq!(all.last().unwrap(), "Mon 13:15");
    }

    #[test]
    fn environments_that_are_not_told_apart_are_never_fine() {
        let place = |name: &str| Place { environment: name.into(), zone: TimeZone::UTC };
        assert_eq!(doubt_of(&[place("production")]), None);
        let doubt = doubt_of(&[place("production"), place("staging")]).unwrap();
        assert!(doubt.is_grave());
        insta::assert_snapshot!(texts::performance::doubt(&doubt), @"several environments: rollouts to production and staging are compared by the same requests, because a source tells of one environment; compare those to one of them here");
    }

    #[test]
    fn the_first_window_is_always_looked_at() {
        // It goes past midnight.
        assert_eq!(windows_of("2026-03-03T22:30:00Z", PerformanceRules::default())[0], "Tue 23:45");
    }
}
