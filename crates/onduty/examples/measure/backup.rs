//! A log book of many years to a file and back, on whichever databases are here.

use super::results::Results;
use super::rig::Team;
use super::start;
use anyhow::{Context, ensure};
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// The limit for a million entries, in seconds.
const LIMIT_S: f64 = 60.0;

pub async fn measure(onduty: &Path, full: bool, results: &mut Results) -> anyhow::Result<()> {
    let entries: u32 = if full { 1_000_000 } else { 50_000 };
    let limit = LIMIT_S * f64::from(entries) / 1_000_000.0;
    let team = Team::new()?;
    let filling = Instant::now();
    start::fill(&team, entries).await?;
    println!("{entries} entries were written in {:.1} s", filling.elapsed().as_secs_f64());
    let (config, backup) = (team.config(), team.folder().join("backup.gz"));
    let backed_up = run(onduty, &[OsStr::new("backup"), backup.as_ref(), "--config".as_ref(), config.as_ref()], "")?;
    println!("backed up in {backed_up:.1} s, {} MB", std::fs::metadata(&backup)?.len() / 1_000_000);

    let to = team.folder().join("restored.db");
    let restored = run(onduty, &[OsStr::new("restore"), backup.as_ref(), "--to".as_ref(), to.as_ref()], "")?;
    println!("restored into SQLite in {restored:.1} s, {} MB", std::fs::metadata(&to)?.len() / 1_000_000);
    let what = |database: &str| format!("{entries} log entries backed up and restored into {database}");
    results.at_most(&what("SQLite"), backed_up + restored, limit, "s")?;

    let Some(server) = onduty_fakes::postgres::shared() else { return Ok(()) };
    let database = server.database();
    let arguments = [OsStr::new("restore"), backup.as_ref(), "--to".as_ref(), "env:ONDUTY_MEASURED".as_ref()];
    let restored = run(onduty, &arguments, database.url())?;
    println!("restored into PostgreSQL in {restored:.1} s");
    results.at_most(&what("PostgreSQL"), backed_up + restored, limit, "s")
}

/// How long the command takes, in seconds. `address` is what the variable `ONDUTY_MEASURED` says.
fn run(onduty: &Path, arguments: &[&OsStr], address: &str) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let done = Command::new(onduty).args(arguments).env("ONDUTY_MEASURED", address).output().context("the binary")?;
    ensure!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(begun.elapsed().as_secs_f64())
}
