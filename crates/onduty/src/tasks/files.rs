//! Looks whether `onduty.yml`, `roster.yml` or a process has changed, and has the app read them again.

use crate::app::App;
use crate::config::Config;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(1);

pub async fn run(app: App) {
    let mut seen = stamps(&app);
    loop {
        tokio::time::sleep(EVERY).await;
        let now = stamps(&app);
        if now == seen {
            continue;
        }
        match app.reload().await {
            Ok(()) => seen = now,
            Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "files were not put in force"),
        }
    }
}

/// When each file was last written, and how long it is.
fn stamps(app: &App) -> BTreeMap<PathBuf, (Option<SystemTime>, u64)> {
    let config: &Config = &app.instance().config;
    let mut files = vec![app.config_path.clone(), config.roster.clone()];
    if let Ok(folder) = std::fs::read_dir(&config.processes) {
        files.extend(folder.flatten().map(|entry| entry.path()));
    }
    files.into_iter().map(|path| (path.clone(), stamp(&path))).collect()
}

fn stamp(path: &Path) -> (Option<SystemTime>, u64) {
    match std::fs::metadata(path) {
        Ok(data) => (data.modified().ok(), data.len()),
        Err(_) => (None, 0),
    }
}
