//! Looks whether `onduty.yml`, `roster.yml`, a calendar of holidays or a process has changed, and has the app read them again.

use crate::app::App;
use crate::config::{Config, holiday_files};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(1);

pub async fn run(app: App) {
    let mut calendars = Calendars::default();
    let mut seen = stamps(&app, &mut calendars);
    loop {
        tokio::time::sleep(EVERY).await;
        let now = stamps(&app, &mut calendars);
        if now == seen {
            continue;
        }
        match app.reload().await {
            Ok(()) => seen = now,
            Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "files were not put in force"),
        }
    }
}

/// The calendars that a roster names, and which roster that was; it is looked into only when it changed.
#[derive(Default)]
struct Calendars {
    of: Option<(PathBuf, Stamp)>,
    files: Vec<PathBuf>,
}

/// When a file was last written, and how long it is.
type Stamp = (Option<SystemTime>, u64);

/// The stamp of each file.
fn stamps(app: &App, calendars: &mut Calendars) -> BTreeMap<PathBuf, Stamp> {
    let config: &Config = &app.instance().config;
    let roster = Some((config.roster.clone(), stamp(&config.roster)));
    if calendars.of != roster {
        *calendars = Calendars { of: roster, files: holiday_files(&config.roster) };
    }
    let mut files = vec![app.config_path.clone(), config.roster.clone()];
    files.extend(calendars.files.iter().cloned());
    if let Ok(folder) = std::fs::read_dir(&config.processes) {
        files.extend(folder.flatten().map(|entry| entry.path()));
    }
    files.into_iter().map(|path| (path.clone(), stamp(&path))).collect()
}

fn stamp(path: &Path) -> Stamp {
    match std::fs::metadata(path) {
        Ok(data) => (data.modified().ok(), data.len()),
        Err(_) => (None, 0),
    }
}
