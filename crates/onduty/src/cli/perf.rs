//! `onduty perf compare`: which endpoints got slower with a rollout, from files of requests or from the backend that the
//! instance's file names. Needs no server of onduty.

use super::stores::with_causes;
use super::{BAD_INPUT, FINDING, OK, UNAVAILABLE};
use crate::config::{Backend, Config, FILE_NAME};
use crate::egress::Egress;
use crate::sources::SourceError;
use crate::sources::requests::{Logs, Reading, Unit, read};
use crate::tasks::response_times::backend;
use crate::texts::performance as words;
use crate::texts::performance::{
    added_seconds, change, comparison, doubt, interval, shared_shift, sides, verdict, why,
};
use crate::texts::{count, human_number, visible};
use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use onduty_core::perf::{
    Comparison, Doubt, Judged, Lengths, Outcome, Rollout, Settings, Table, Verdict, Windows, compare,
};
use std::cmp::Reverse;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

/// Response times around a rollout.
#[derive(Debug, Args)]
pub struct PerfArgs {
    #[command(subcommand)]
    command: PerfCommand,
}

#[derive(Debug, Subcommand)]
enum PerfCommand {
    /// Which endpoints got slower, how sure that is and what it costs users
    ///
    /// FILE has `timestamp_ms,endpoint,duration_ms[,status]` (one request a line) or
    /// `timestamp_ms,endpoint,count,p50_ms,p90_ms,p95_ms,p99_ms,mean_ms` (many requests a line); the names in its first
    /// line decide, further columns are not read, and it may be compressed with gzip. Requests with a status from 400 on
    /// are left out. Earlier days in the same files show what these hours are usually like.
    ///
    /// FILE may also be an access log (common or combined, with the time that each request took behind it) or a log with a
    /// JSON object in each line; ids in paths become `{id}`, and the rare ones of too many names at a place `{any}`.
    ///
    /// With `--source` the backend that `onduty.yml` names is asked instead, for the same hours of two weeks.
    ///
    /// Exits with 0 when nothing got slower or fails more often and at least 80 % of requests and of their time are judged
    /// (with `--source` the share that `performance: covered` in `onduty.yml` says), 1 when something did or too little is
    /// judged, 2 when it cannot be compared, 3 when the source does not answer.
    Compare(CompareArgs),
}

#[derive(Debug, Args)]
struct CompareArgs {
    /// Requests before and after the rollout, and on earlier days
    #[arg(required_unless_present = "source", conflicts_with = "source", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Ask this source of `onduty.yml` instead of reading files
    #[arg(long)]
    source: Option<SourceArg>,
    /// The instance's file that names the source
    #[arg(long, value_name = "FILE", default_value = FILE_NAME)]
    config: PathBuf,
    /// The unit of durations in logs that do not say it
    #[arg(long, value_name = "UNIT")]
    duration_unit: Option<UnitArg>,
    /// When it began and ended: RFC 3339 or milliseconds since 1970
    #[arg(long, value_name = "START[..END]")]
    rollout: RolloutArg,
    /// Not looked at after the rollout, while caches fill
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    warm_up: SignedDuration,
    /// How long before and after is compared
    #[arg(long, value_name = "DURATION", default_value = "60m")]
    window: SignedDuration,
    /// The zone in which earlier days have the same hours, such as Europe/Paris
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = zone)]
    zone: TimeZone,
    /// How many endpoints are told apart; the quietest beyond that count as one and are not judged
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    endpoints: u32,
    /// Print all endpoints as JSON
    #[arg(long)]
    json: bool,
}

/// A unit of durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum UnitArg {
    /// Seconds.
    S,
    /// Milliseconds.
    Ms,
    /// Microseconds, as Apache's `%D`.
    Us,
    /// Nanoseconds.
    Ns,
}

impl From<UnitArg> for Unit {
    fn from(unit: UnitArg) -> Unit {
        match unit {
            UnitArg::S => Unit::Seconds,
            UnitArg::Ms => Unit::Millis,
            UnitArg::Us => Unit::Micros,
            UnitArg::Ns => Unit::Nanos,
        }
    }
}

/// Where response times are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SourceArg {
    /// A server that speaks like Prometheus.
    Prometheus,
    /// New Relic.
    #[value(name = "newrelic")]
    NewRelic,
    /// Datadog.
    Datadog,
}

impl From<SourceArg> for Backend {
    fn from(source: SourceArg) -> Backend {
        match source {
            SourceArg::Prometheus => Backend::Prometheus,
            SourceArg::NewRelic => Backend::NewRelic,
            SourceArg::Datadog => Backend::Datadog,
        }
    }
}

/// A moment or a stretch of time.
#[derive(Debug, Clone, Copy)]
struct RolloutArg(Rollout);

impl FromStr for RolloutArg {
    type Err = String;

    fn from_str(text: &str) -> Result<RolloutArg, String> {
        let (start, end) = text.split_once("..").unwrap_or((text, text));
        let rollout = Rollout { start: moment(start)?, end: moment(end)? };
        if rollout.end < rollout.start {
            return Err(format!("it ends ({end}) before it begins ({start})"));
        }
        Ok(RolloutArg(rollout))
    }
}

fn moment(text: &str) -> Result<Timestamp, String> {
    let wrong = || format!("{text:?} is neither a time such as 2026-03-02T16:00:00Z nor milliseconds since 1970");
    match text.parse::<i64>() {
        Ok(ms) => Timestamp::from_millisecond(ms).map_err(|_| wrong()),
        Err(_) => text.parse().map_err(|_| wrong()),
    }
}

fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| format!("{name:?} is no time zone such as Europe/Paris"))
}

/// Compares and prints.
pub async fn run(args: &PerfArgs) -> ExitCode {
    let PerfCommand::Compare(args) = &args.command;
    match compared(args).await {
        Ok((out, is_fine)) => {
            print!("{out}");
            ExitCode::from(if is_fine { OK } else { FINDING })
        }
        Err(error) => {
            eprintln!("{}", visible(&with_causes(error.as_ref())));
            let is_away = |error: &SourceError| {
                matches!(error, SourceError::Unreachable { .. } | SourceError::Refused { status: 500.., .. })
            };
            ExitCode::from(if error.downcast_ref().is_some_and(is_away) { UNAVAILABLE } else { BAD_INPUT })
        }
    }
}

async fn compared(args: &CompareArgs) -> anyhow::Result<(String, bool)> {
    if args.window < SignedDuration::from_secs(1) {
        bail!("--window {:#} is too short: give at least 1s", args.window);
    }
    if args.warm_up.is_negative() {
        bail!("--warm-up {:#} is negative", args.warm_up);
    }
    let lengths = Lengths { warm_up: args.warm_up, window: args.window };
    let windows = Windows::around(args.rollout.0, lengths, &args.zone)
        .context("these windows are out of the calendar; look at --rollout and --window")?;
    let mut table = Table::new(args.endpoints as usize);
    let mut settings = Settings::default();
    let is_patchy = match args.source {
        Some(source) => {
            let config = Config::load(&args.config)?;
            settings.covered = config.performance.covered;
            ask(source, &config, args, &windows, &mut table).await?
        }
        None => read_files(args, &windows, &mut table)?,
    };
    let (endpoints, other) = table.finish();
    let all: Vec<_> = endpoints.iter().map(|(name, endpoint)| (name.as_str(), &endpoint.series)).collect();
    let compared = compare(&all, other, &windows, &settings);
    // The process ends soon: giving back millions of small pieces of memory would only take time.
    std::mem::forget(endpoints);
    let is_fine = compared.outcome(settings.covered) == Outcome::Fine && !is_patchy;
    let out =
        if args.json { serde_json::to_string(&compared.endpoints)? + "\n" } else { as_text(&compared, &settings) };
    Ok((out, is_fine))
}

/// Whether so much is left out that nothing can be called fine.
fn read_files(args: &CompareArgs, windows: &Windows, table: &mut Table) -> anyhow::Result<bool> {
    let mut reading = Reading::default();
    let logs = Logs::of(&args.files, args.duration_unit.map(Unit::from));
    for file in &args.files {
        read(file, &logs, windows, table, &mut reading)?;
    }
    complain(&reading);
    if reading.after == 0 {
        bail!(nothing_after(&reading, windows));
    }
    Ok(reading.is_patchy())
}

/// Asks the source of the instance's file, and says what makes its answer weaker; whether too much so to call anything fine.
async fn ask(
    source: SourceArg,
    config: &Config,
    args: &CompareArgs,
    windows: &Windows,
    table: &mut Table,
) -> anyhow::Result<bool> {
    let keys = config.backend_keys(source.into())?;
    let egress = Egress::new(config.egress_policy())?;
    let Some(backend) = backend(config, source.into(), &egress, &keys) else {
        let name = source.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        bail!("{} names no `{name}` below `sources`", args.config.display());
    };
    let doubts = backend.fill(windows, table).await?;
    doubts.iter().for_each(|said| eprintln!("{}", doubt(said)));
    Ok(doubts.iter().any(Doubt::is_grave))
}

/// Says what was left out.
fn complain(reading: &Reading) {
    for (words, left) in &reading.left_out {
        let (file, line) = &left.first;
        let number = count(left.lines as usize, "line");
        eprintln!("left out: {number} {words}; the first is {}, line {line}", visible(&file.to_string_lossy()));
    }
    if let Some(file) = &reading.without_status {
        let file = visible(&file.to_string_lossy());
        eprintln!("no status: {file} has no column `status`, so that nobody knows whether more requests fail");
    }
    if reading.is_patchy() {
        eprintln!("so much is left out that the rest is not enough to call the rollout fine");
    }
}

fn nothing_after(reading: &Reading, windows: &Windows) -> String {
    let at = |ms: i64| Timestamp::from_millisecond(ms).map_or_else(|_| format!("{ms} ms"), |at| at.to_string());
    let start = windows.all()[onduty_core::perf::AFTER].start_ms;
    let wanted =
        format!("no request is in the window after the rollout, {} to {}", at(start), at(start + windows.length_ms()));
    match reading.times_ms {
        None => format!("{wanted}: the files have no readable line at all"),
        Some((_, last)) if (1..100_000_000_000).contains(&last) => {
            format!("{wanted}: the times in the files look like seconds; milliseconds since 1970 are expected")
        }
        Some((first, last)) => {
            format!(
                "{wanted}: the files reach from {} to {}; look at --rollout, --warm-up and --window",
                at(first),
                at(last)
            )
        }
    }
}

fn as_text(compared: &Comparison, settings: &Settings) -> String {
    let mut out = comparison(compared) + "\n";
    if compared.outcome(settings.covered) == Outcome::Unknown {
        out += &(words::too_little(settings.covered) + "\n");
    }
    for shift in &compared.shared {
        out += &(shared_shift(shift) + "\n");
    }
    if compared.other.endpoints > 0 {
        let (endpoints, requests) =
            (count(compared.other.endpoints as usize, "endpoint"), human_number(compared.other.requests));
        let _ =
            writeln!(out, "{endpoints} beyond the cap with {requests} requests are not judged; --endpoints raises it");
    }
    let mut failing: Vec<_> =
        compared.endpoints.iter().filter_map(|judged| Some((&judged.endpoint, judged.failing?))).collect();
    failing.sort_by_key(|(_, failing)| Reverse(failing.after.failed));
    for (endpoint, failing) in &failing {
        out += &(words::failing(endpoint, failing) + "\n");
    }
    let shown = |judged: &&Judged| matches!(judged.verdict, Verdict::Regressed | Verdict::Improved);
    for judged in compared.endpoints.iter().filter(shown) {
        let rank = judged.rank.map_or_else(|| "-".to_owned(), |rank| rank.to_string());
        let _ = writeln!(out, "\n{rank:>3}  {} {}", verdict(judged.verdict), visible(&judged.endpoint));
        if let (Some(effect), Some(range), Some(seconds)) =
            (judged.effect, judged.interval, judged.added_seconds_per_hour)
        {
            let _ = writeln!(out, "     {} (95 %: {}), {}", change(effect), interval(range), added_seconds(seconds));
        }
        let _ = writeln!(out, "     {}", sides(&judged.before, &judged.after));
        for reason in why(judged) {
            let _ = writeln!(out, "     {reason}");
        }
    }
    out
}
