//! What the commands share that work on a store without asking a server: where it is, and words for what went wrong.

use crate::app;
use crate::config::{Config, FILE_NAME, LoadError};
use crate::store::Location;
use std::error::Error;
use std::path::Path;

/// Where the instance with the file `config`, or in that folder, has its store; otherwise what to mend.
pub fn located(config: &Path) -> Result<Location, String> {
    app::location(&configured(config)?).map_err(|missing| missing.to_string())
}

/// The file `config`, or the one in that folder; otherwise what to mend.
pub fn configured(config: &Path) -> Result<Config, String> {
    let file = if config.is_dir() { config.join(FILE_NAME) } else { config.to_owned() };
    Config::load(&file).map_err(|error| match error {
        LoadError::Broken(_) => format!("{} has problems; `onduty check` names them", file.display()),
        error => error.to_string(),
    })
}

/// The same place in words, without a password.
pub fn shown(location: &Location) -> String {
    match location {
        Location::Sqlite(path) => path.display().to_string(),
        Location::Postgres(_) => "the PostgreSQL database".to_owned(),
    }
}

/// An error and what it comes from: what the database said is what helps.
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let words = next.to_string();
        // A transparent error says the same as its cause.
        if !said.ends_with(&words) {
            said = format!("{said}: {words}");
        }
        cause = next.source();
    }
    said
}
