//! Secrets: where the file says they are, and what is found there.
//!
//! A value is never shown, logged or compared here; problems name the variable or the file.

use super::values::{is_variable, path_text};
use super::{Backend, Config};
use onduty_core::files::{Fields, Problems};
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Shortest secret, in bytes: shorter ones can be guessed.
const MIN_BYTES: usize = 16;
/// What the keys of backends are for.
const RESPONSE_TIMES: &str = "questions about response times";
/// What the addresses of calendars are for.
const LEAVE_CALENDARS: &str = "leave calendars";
/// Longest file with secrets, in bytes.
const MAX_FILE_BYTES: u64 = 16 * 1024;

/// Where a secret is. Two at most: the new one first, and the old one while it is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// Names of variables of the environment.
    Variables(Vec<String>),
    /// A file with a secret a line.
    File(PathBuf),
}

/// What was found.
#[derive(Debug, Default)]
pub struct Secrets {
    /// GitHub's webhooks may be signed with any of these.
    pub github: Vec<SecretString>,
    /// Signals may be signed with any of these.
    pub signals: Vec<SecretString>,
    /// Sentry's webhooks may be signed with any of these.
    pub sentry_hook: Vec<SecretString>,
    /// Sentry is asked with the first.
    pub sentry: Vec<SecretString>,
    /// Bugsink is asked with the first.
    pub bugsink: Vec<SecretString>,
    /// The metrics server is asked with the first.
    pub prometheus: Vec<SecretString>,
    /// New Relic is asked with the first.
    pub newrelic: Vec<SecretString>,
    /// Datadog is asked with an API key and an application key.
    pub datadog: Vec<SecretString>,
    /// Messages about owners of errors are signed with the first.
    pub write_back_errors: Vec<SecretString>,
    /// Shown to the provider that signs people in: the first.
    pub oidc: Vec<SecretString>,
    /// Where leave calendars are, by name.
    pub leave_calendars: BTreeMap<String, SecretString>,
}

/// A secret that is not there or must not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MissingSecret {
    /// The variable is not set.
    #[error("the variable {name} is not set; {used_for} need it: set it to a secret of at least {MIN_BYTES} bytes")]
    NotSet {
        /// The variable.
        name: String,
        /// Who needs it.
        used_for: &'static str,
    },
    /// It is too short, or not text.
    #[error(
        "the secret in {place} is shorter than {MIN_BYTES} bytes or not text; make one with `openssl rand -hex 32`"
    )]
    TooShort {
        /// The variable or file.
        place: String,
    },
    /// The file cannot be read.
    #[error("the secret file {} cannot be read: {why}; {used_for} need it", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
        /// Who needs it.
        used_for: &'static str,
    },
    /// The file is open to everybody on this machine.
    #[error("everybody on this machine can read the secret file {}; run `chmod o= {}`", path.display(), path.display())]
    Public {
        /// The file.
        path: PathBuf,
    },
}

/// The keys under which a secret is named.
#[derive(Debug, Clone, Copy)]
pub struct Keys {
    env: &'static str,
    file: &'static str,
    noun: &'static str,
    mend: &'static str,
}

impl Keys {
    /// What messages are signed with.
    pub const SECRET: Keys = Keys {
        env: "secret_env",
        file: "secret_file",
        noun: "secret",
        mend: "name a variable of the environment, such as `secret_env: ONDUTY_SECRET`, or a file with `secret_file`",
    };
    /// Where a database is, with its password.
    pub const ADDRESS: Keys = Keys {
        env: "url_env",
        file: "url_file",
        noun: "address",
        mend: "name a variable of the environment, such as `url_env: ONDUTY_DATABASE_URL`, or a file with `url_file`",
    };
    /// Where a calendar is: whoever knows its address reads it.
    pub const CALENDAR: Keys = Keys {
        mend: "name a variable of the environment, such as `url_env: ONDUTY_HR_CALENDAR`, or a file with `url_file`",
        ..Keys::ADDRESS
    };
    /// What onduty shows to be let in.
    pub const TOKEN: Keys = Keys {
        env: "token_env",
        file: "token_file",
        noun: "token",
        mend: "name a variable of the environment, such as `token_env: ONDUTY_TOKEN`, or a file with `token_file`",
    };
    /// What tells a service which organisation asks.
    pub const API_KEY: Keys = Keys {
        env: "api_key_env",
        file: "api_key_file",
        noun: "API key",
        mend: "name a variable of the environment, such as `api_key_env: DD_API_KEY`, or a file with `api_key_file`",
    };
    /// What tells it who of them asks.
    pub const APPLICATION_KEY: Keys = Keys {
        env: "application_key_env",
        file: "application_key_file",
        noun: "application key",
        mend: "name a variable of the environment, such as `application_key_env: DD_APP_KEY`, or a file with `application_key_file`",
    };
}

/// `secret_env` or `secret_file` of `fields`, whose map people call `what`.
pub fn read(fields: &mut Fields<'_>, what: &str, base: &Path, problems: &mut Problems) -> Option<SecretSource> {
    read_as(Keys::SECRET, fields, what, base, problems)
}

/// The same, where it may be left out.
pub fn read_optional(
    fields: &mut Fields<'_>,
    what: &str,
    base: &Path,
    problems: &mut Problems,
) -> Option<SecretSource> {
    read_optional_as(Keys::SECRET, fields, what, base, problems)
}

/// The same under other keys.
pub fn read_optional_as(
    keys: Keys,
    fields: &mut Fields<'_>,
    what: &str,
    base: &Path,
    problems: &mut Problems,
) -> Option<SecretSource> {
    let named = fields.node(keys.env).is_some() || fields.node(keys.file).is_some();
    named.then(|| read_as(keys, fields, what, base, problems)).flatten()
}

/// The same under other keys.
pub fn read_as(
    keys: Keys,
    fields: &mut Fields<'_>,
    what: &str,
    base: &Path,
    problems: &mut Problems,
) -> Option<SecretSource> {
    let variables = fields.texts(keys.env, problems);
    let file = fields.text(keys.file, problems);
    let mend = keys.mend;
    match (variables.is_empty(), file) {
        (true, None) => {
            problems.add(fields.place, format!("{what} has no {}", keys.noun), mend);
            None
        }
        (true, Some((path, place))) => Some(SecretSource::File(base.join(path_text(&path, place, problems)?))),
        (false, Some((_, place))) => {
            problems.add(place, format!("{what} has both `{}` and `{}`", keys.env, keys.file), "keep one of the two");
            None
        }
        (false, None) => {
            if variables.len() > 2 {
                let mend = "keep the new one, and after it the old one while it is replaced";
                problems.add(variables[2].1, "more than two secrets", mend);
            }
            for (_, place) in variables.iter().filter(|(name, _)| !is_variable(name)) {
                // Not repeated: it may be the secret itself.
                problems.add(
                    *place,
                    "this is not the name of a variable",
                    "write the variable's name, never the secret",
                );
            }
            Some(SecretSource::Variables(variables.into_iter().map(|(name, _)| name).collect()))
        }
    }
}

/// Looks up every secret of `config`; `variable` reads the environment.
pub fn look_up(config: &Config, variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Secrets, Vec<MissingSecret>> {
    let mut missing = Vec::new();
    let mut all = |source: Option<&SecretSource>, used_for| match source {
        None => Vec::new(),
        Some(SecretSource::Variables(names)) => {
            let found = names.iter().map(|name| from_variable(name, used_for, variable));
            keep(found, &mut missing)
        }
        Some(SecretSource::File(path)) => match from_file(path, used_for) {
            Ok(secrets) => secrets,
            Err(problem) => {
                missing.push(problem);
                Vec::new()
            }
        },
    };
    let datadog = config.sources.datadog.as_ref();
    let secrets = Secrets {
        github: all(config.sources.github.as_ref().map(|github| &github.secret), "GitHub's webhooks"),
        signals: all(config.sources.signals.as_ref().map(|signals| &signals.secret), "signed signals"),
        sentry_hook: all(config.sources.sentry.as_ref().and_then(|sentry| sentry.hook.as_ref()), "Sentry's webhooks"),
        sentry: all(config.sources.sentry.as_ref().map(|sentry| &sentry.token), "questions to Sentry"),
        bugsink: all(config.sources.bugsink.as_ref().map(|bugsink| &bugsink.token), "questions to Bugsink"),
        prometheus: all(config.sources.prometheus.as_ref().and_then(|server| server.token.as_ref()), RESPONSE_TIMES),
        newrelic: all(config.sources.newrelic.as_ref().map(|account| &account.key), RESPONSE_TIMES),
        // The first of each: nothing else tells them apart.
        datadog: [
            all(datadog.map(|organisation| &organisation.api_key), RESPONSE_TIMES),
            all(datadog.map(|organisation| &organisation.application_key), RESPONSE_TIMES),
        ]
        .into_iter()
        .flat_map(|keys| keys.into_iter().take(1))
        .collect(),
        write_back_errors: all(config.write_back_errors.as_ref().map(|target| &target.secret), "messages about owners"),
        oidc: all(config.access.oidc.as_ref().map(|oidc| &oidc.secret), "sign-ins by OpenID Connect"),
        leave_calendars: config
            .leave_calendars
            .iter()
            .filter_map(|(name, calendar)| {
                Some((name.clone(), all(Some(&calendar.address), LEAVE_CALENDARS).into_iter().next()?))
            })
            .collect(),
    };
    if missing.is_empty() { Ok(secrets) } else { Err(missing) }
}

/// Looks up the address of the database of `config`, where it has one.
pub fn address(
    config: &Config,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Option<SecretString>, MissingSecret> {
    first(config.database.as_ref(), "connections to the database", variable)
}

/// Looks up the address of a leave calendar.
pub fn calendar_address(
    source: &SecretSource,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Result<SecretString, MissingSecret> {
    let found = first(Some(source), LEAVE_CALENDARS, variable)?;
    found.ok_or_else(|| MissingSecret::TooShort { place: "its file".to_owned() })
}

/// Looks up what a backend of response times is shown.
pub fn backend_keys(
    config: &Config,
    backend: Backend,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Vec<SecretString>, MissingSecret> {
    let sources = &config.sources;
    let all = match backend {
        Backend::Prometheus => vec![sources.prometheus.as_ref().and_then(|server| server.token.as_ref())],
        Backend::NewRelic => vec![sources.newrelic.as_ref().map(|account| &account.key)],
        Backend::Datadog => sources
            .datadog
            .as_ref()
            .map_or(Vec::new(), |organisation| vec![Some(&organisation.api_key), Some(&organisation.application_key)]),
    };
    all.into_iter().filter_map(|source| first(source, RESPONSE_TIMES, variable).transpose()).collect()
}

/// The first one of a source: whatever uses it does not try a second one.
fn first(
    source: Option<&SecretSource>,
    used_for: &'static str,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Option<SecretString>, MissingSecret> {
    match source {
        None => Ok(None),
        Some(SecretSource::Variables(names)) => {
            names.first().map(|name| from_variable(name, used_for, variable)).transpose()
        }
        Some(SecretSource::File(path)) => Ok(from_file(path, used_for)?.into_iter().next()),
    }
}

fn keep(
    found: impl Iterator<Item = Result<SecretString, MissingSecret>>,
    missing: &mut Vec<MissingSecret>,
) -> Vec<SecretString> {
    found.filter_map(|secret| secret.map_err(|problem| missing.push(problem)).ok()).collect()
}

fn from_variable(
    name: &str,
    used_for: &'static str,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Result<SecretString, MissingSecret> {
    let value = variable(name).filter(|value| !value.is_empty());
    let value = value.ok_or_else(|| MissingSecret::NotSet { name: name.to_owned(), used_for })?;
    let too_short = || MissingSecret::TooShort { place: name.to_owned() };
    long_enough(value.into_string().map_err(|_| too_short())?).ok_or_else(too_short)
}

fn long_enough(value: String) -> Option<SecretString> {
    let secret = SecretString::from(value);
    (secret.expose_secret().len() >= MIN_BYTES).then_some(secret)
}

fn from_file(path: &Path, used_for: &'static str) -> Result<Vec<SecretString>, MissingSecret> {
    use std::io::Read;
    let unreadable =
        |error: std::io::Error| MissingSecret::Unreadable { path: path.to_owned(), why: error.to_string(), used_for };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    // Of the open file, so that nobody exchanges it in between.
    let metadata = file.metadata().map_err(unreadable)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if metadata.permissions().mode() & 0o007 != 0 {
            return Err(MissingSecret::Public { path: path.to_owned() });
        }
    }
    if !metadata.is_file() {
        return Err(unreadable(std::io::Error::other("it is not a file")));
    }
    let mut text = String::new();
    file.take(MAX_FILE_BYTES).read_to_string(&mut text).map_err(unreadable)?;
    let too_short = || MissingSecret::TooShort { place: path.display().to_string() };
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).take(2);
    let secrets: Option<Vec<SecretString>> = lines.map(|line| long_enough(line.to_owned())).collect();
    secrets.filter(|secrets| !secrets.is_empty()).ok_or_else(too_short)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = "correct horse battery staple";

    fn config(text: &str) -> Config {
        Config::parse("onduty.yml", text, Path::new("/srv/acme")).unwrap()
    }

    fn told(config: &Config, variables: &[(&str, &str)]) -> Vec<String> {
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
        let missing = look_up(config, &variable).err().unwrap_or_default();
        let told: Vec<String> = missing.iter().map(ToString::to_string).collect();
        for (_, value) in variables.iter().filter(|(_, value)| !value.is_empty()) {
            assert!(!told.iter().any(|text| text.contains(value)), "a value is shown: {told:?}");
        }
        told
    }

    #[test]
    fn every_missing_secret_is_named_at_once_and_never_shown() {
        let config = config(
            "sources:
  github: {secret_env: [NEW, OLD]}
  signals: {secret_env: SIGNALS}
write_back: {errors: {url: 'https://tracker.example/x', secret_env: BACK}}
",
        );
        assert_eq!(
            told(&config, &[("NEW", LONG), ("OLD", ""), ("SIGNALS", "hunter2hunter2"), ("BACK", LONG)]),
            [
                "the variable OLD is not set; GitHub's webhooks need it: set it to a secret of at least 16 bytes",
                "the secret in SIGNALS is shorter than 16 bytes or not text; make one with `openssl rand -hex 32`",
            ]
        );
        let all = |_: &str| Some(OsString::from(LONG));
        let secrets = look_up(&config, &all).unwrap();
        assert_eq!((secrets.github.len(), secrets.signals.len(), secrets.write_back_errors.len()), (2, 1, 1));
        assert!(!format!("{secrets:?}").contains(LONG));
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_file_must_be_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let config = config(&format!("sources: {{github: {{secret_file: {}}}}}\n", path.display()));
        let told = || told(&config, &[]).join("\n").replace(&path.display().to_string(), "FILE");
        let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();

        assert!(told().starts_with("the secret file FILE cannot be read: No such file"), "{}", told());
        std::fs::write(&path, format!("{LONG}\n{LONG} old\n")).unwrap();
        mode(0o644);
        assert_eq!(told(), "everybody on this machine can read the secret file FILE; run `chmod o= FILE`");
        mode(0o640);
        assert_eq!(told(), "");
        assert_eq!(look_up(&config, &|_| None).unwrap().github.len(), 2);
        std::fs::write(&path, "short\n").unwrap();
        assert!(told().starts_with("the secret in FILE is shorter"), "{}", told());
        std::fs::write(&path, "").unwrap();
        assert!(told().starts_with("the secret in FILE is shorter"), "{}", told());
    }
}
