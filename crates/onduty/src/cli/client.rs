//! Asking a running server.

use super::way::Way;
use super::{BAD_INPUT, FINDING, OK, UNAVAILABLE};
use crate::app::operator::TOKEN_FILE;
use crate::config::{Config, FILE_NAME};
use crate::egress::{Limits, Method, Request, StatusCode, header};
use crate::texts;
use clap::Args;
use secrecy::SecretString;
use serde_json::Value;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// How long the server may take to answer, and how much of it is read.
/// A plan of many people takes its seconds, and more of them beside other programs.
const LIMITS: Limits = Limits { total: Duration::from_secs(60), body: 16 * 1024 * 1024 };

/// Where the server is, and who asks. Global, so that people may write them at the end of `onduty item show ID`.
#[derive(Debug, Clone, Args)]
pub struct ServerArgs {
    /// The server's address; where onduty.yml says that it listens unless given
    #[arg(long, global = true, env = "ONDUTY_URL", value_name = "URL")]
    server: Option<String>,
    /// The onduty.yml that says where the server listens, and whose data folder holds the operator's token
    #[arg(long, global = true, value_name = "FILE", default_value = FILE_NAME)]
    config: PathBuf,
    /// The duty; the first one of the roster unless given
    #[arg(long, global = true, env = "ONDUTY_DUTY", value_name = "DUTY")]
    duty: Option<String>,
    /// Speak for this engineer (with the operator's own token)
    #[arg(long = "as", global = true, env = "ONDUTY_AS", value_name = "ENGINEER")]
    speaks_for: Option<String>,
    /// Print the server's answer as JSON
    #[arg(long, global = true)]
    pub json: bool,
}

/// Why a command did not do it.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// Exit code 3.
    #[error("{0}")]
    Unavailable(String),
    /// Exit code 2.
    #[error("{0}")]
    BadInput(String),
    /// Exit code 1.
    #[error("{0}")]
    Refused(String),
}

/// The exit code of a command; what went wrong goes to standard error.
pub fn exit(result: Result<u8, CommandError>) -> ExitCode {
    let code = match &result {
        Ok(code) => *code,
        Err(CommandError::Unavailable(_)) => UNAVAILABLE,
        Err(CommandError::BadInput(_)) => BAD_INPUT,
        Err(CommandError::Refused(_)) => FINDING,
    };
    if let Err(error) = result {
        eprintln!("{error}");
    }
    ExitCode::from(code)
}

/// A server, and the token for it.
pub struct Client {
    way: Way,
    token: Option<String>,
    speaks_for: Option<String>,
    duty: Option<String>,
}

impl Client {
    /// Finds the server and the token.
    pub fn new(args: &ServerArgs) -> Result<Client, CommandError> {
        // A file that is wrong says nothing: the server goes on with the one before, and is asked where it usually is.
        let config = Config::load(&args.config).ok();
        let way = Way::find(args.server.as_deref(), config.as_ref())?;
        let token = match std::env::var("ONDUTY_TOKEN") {
            Ok(token) if !token.trim().is_empty() => Some(token.trim().to_owned()),
            _ => config.and_then(|config| token_beside(&config)),
        };
        Ok(Client { way, token, speaks_for: args.speaks_for.clone(), duty: args.duty.clone() })
    }

    /// `GET path`
    pub async fn get(&self, path: &str) -> Result<Value, CommandError> {
        self.send(Method::GET, path, None).await
    }

    /// `POST path` with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, CommandError> {
        self.send(Method::POST, path, Some(body)).await
    }

    /// The path of the duty in question, with `rest` behind it.
    pub async fn duty_path(&self, rest: &str) -> Result<String, CommandError> {
        let duty = match &self.duty {
            Some(duty) => duty.clone(),
            None => {
                let duties = self.get("/api/v1/duties").await?;
                let first = duties.get(0).and_then(|duty| duty["id"].as_str()).map(str::to_owned);
                first.ok_or_else(|| CommandError::Refused("the roster has no duty yet".to_owned()))?
            }
        };
        Ok(format!("/api/v1/duties/{}{rest}", segment(&duty)))
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, CommandError> {
        let mut request =
            Request::new(method, self.way.url(path)?).within(LIMITS).header(header::ACCEPT, "application/json");
        if let Some(token) = &self.token {
            request = request.bearer(&SecretString::from(token.as_str()));
        }
        if let Some(engineer) = &self.speaks_for {
            request = request.header(header::HeaderName::from_static(crate::web::auth::SPEAKS_FOR), engineer);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = self.way.send(request).await?;
        let (status, bytes) = (answer.status, answer.body);
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(answer);
        }
        Err(self.refusal(status, &answer))
    }

    fn refusal(&self, status: StatusCode, answer: &Value) -> CommandError {
        if status == StatusCode::UNAUTHORIZED {
            let token = if self.token.is_some() { "refuses this token" } else { "wants a token" };
            return CommandError::BadInput(format!(
                "the server at {} {token}; run this where onduty.yml is, name it with --config, or set ONDUTY_TOKEN",
                self.way.base()
            ));
        }
        let text = |key: &str| answer[key].as_str().filter(|text| !text.is_empty());
        let mut message = text("error").map_or_else(|| format!("the server answered {status}"), texts::visible);
        for blocker in answer["blockers"].as_array().into_iter().flatten() {
            message.push_str(&format!("\n  - {}", texts::visible(blocker["text"].as_str().unwrap_or_default())));
        }
        match status {
            status if status.is_server_error() => CommandError::Unavailable(message),
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY => {
                CommandError::BadInput(message)
            }
            _ => CommandError::Refused(message),
        }
    }
}

/// The operator's token in the data folder of an instance.
fn token_beside(config: &Config) -> Option<String> {
    let token = std::fs::read_to_string(config.data.join(TOKEN_FILE)).ok()?;
    Some(token.trim().to_owned())
}

/// A part of a path, so that what a person typed stays one part.
pub fn segment(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Prints JSON as people and scripts can read it.
pub fn print_json(value: &Value) -> u8 {
    println!("{value:#}");
    OK
}

/// A text of the server's, safe for a terminal; empty when it is not there.
pub fn shown(value: &Value) -> String {
    texts::visible(value.as_str().unwrap_or_default())
}

/// A time of the server's as `14:05` in `zone`, with the day when it is not `today`.
pub fn time(value: &Value, zone: Option<&str>, today: Option<jiff::civil::Date>) -> String {
    let Some(at) = value.as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok()) else { return String::new() };
    let zone = zone.and_then(|name| jiff::tz::TimeZone::get(name).ok()).unwrap_or(jiff::tz::TimeZone::UTC);
    let local = at.to_zoned(zone);
    let format = if today.is_none_or(|today| today == local.date()) { "%H:%M" } else { "%a %-d %b %H:%M" };
    local.strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::segment;

    #[test]
    fn what_people_type_stays_one_part_of_a_path() {
        assert_eq!(segment("developers"), "developers");
        assert_eq!(segment("../x?y#z"), "..%2Fx%3Fy%23z");
    }
}
