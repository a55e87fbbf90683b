//! `onduty signal`: what a payload means, and telling a server something.
//!
//! `explain` reads files only and needs no server. `send` signs a body of the generic webhook and posts it. Neither
//! touches the store.

use crate::clock::real_now;
use crate::egress::{Egress, Limits, Method, Policy, Request, StatusCode, Url};
use crate::sources::{Decoded, SourceError, github, sentry, signals};
use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Largest payload that is read: GitHub sends no larger one.
const MAX_PAYLOAD: u64 = 25 * 1024 * 1024;
/// Longest wait for the server, and how much of its answer is read.
const LIMITS: Limits = Limits { total: Duration::from_secs(30), body: 64 * 1024 };

/// Explain a payload, or send a signal.
#[derive(Debug, Args)]
pub struct SignalArgs {
    #[command(subcommand)]
    command: SignalCommand,
}

#[derive(Debug, Subcommand)]
enum SignalCommand {
    /// Print what a payload means to onduty: the observations it would record, or why none
    Explain(ExplainArgs),
    /// Send a signal to a server: one of your own by its words, anything else with --data
    Send(SendArgs),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Provider {
    Github,
    Signals,
    Sentry,
}

#[derive(Debug, Args)]
struct ExplainArgs {
    /// Who sent the payload
    #[arg(long)]
    source: Provider,
    /// The event, as in X-GitHub-Event or Sentry-Hook-Resource
    #[arg(long)]
    event: Option<String>,
    /// A file with the request's headers, one `Name: value` a line; the signature is checked with the secret in
    /// ONDUTY_GITHUB_SECRET, ONDUTY_SIGNALS_SECRET or ONDUTY_SENTRY_SECRET
    #[arg(long, value_name = "FILE")]
    headers: Option<PathBuf>,
    /// The request's body; `-` reads standard input
    #[arg(value_name = "PAYLOAD.json")]
    payload: PathBuf,
}

#[derive(Debug, Args)]
struct SendArgs {
    /// A kind of your own, such as certificate; or what --data is about: builds, errors, rollouts, commits
    #[arg(required_unless_present = "data")]
    kind: Option<String>,
    /// What it is about, such as shop.example
    #[arg(required_unless_present = "data", conflicts_with = "data")]
    subject: Option<String>,
    /// Whether it needs somebody
    #[arg(long, value_parser = ["failing", "ok"], required_unless_present = "data", conflicts_with = "data")]
    state: Option<String>,
    /// One line for people
    #[arg(long, conflicts_with = "data")]
    message: Option<String>,
    /// A number, where there is one to compare
    #[arg(long, conflicts_with = "data", allow_hyphen_values = true)]
    value: Option<f64>,
    /// How long this stays true without news, such as 1h
    #[arg(long, conflicts_with = "data")]
    max_age: Option<String>,
    /// Where to look at it
    #[arg(long, conflicts_with = "data")]
    url: Option<String>,
    /// A file with the whole body, as docs/sources.md describes it; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Where the server is
    #[arg(long, env = "ONDUTY_URL", default_value = "http://127.0.0.1:7007")]
    server: String,
    /// A file with the secret on its first line; ONDUTY_SIGNALS_SECRET otherwise
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

/// Why a command failed: its exit code and what to tell the user.
#[derive(Debug)]
struct Failure {
    code: u8,
    message: String,
}

/// Bad input: the user has to change something.
fn bad(message: impl Into<String>) -> Failure {
    Failure { code: 2, message: message.into() }
}

/// The server cannot be used now.
fn unavailable(message: impl Into<String>) -> Failure {
    Failure { code: 3, message: message.into() }
}

/// Runs the command: exit code 0, 2 for bad input, 3 when the server is not available.
pub async fn run(args: SignalArgs) -> ExitCode {
    let done = match &args.command {
        SignalCommand::Explain(args) => explain(args).map(|explained| format!("{explained:#}")),
        SignalCommand::Send(args) => send(args).await,
    };
    match done {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(Failure { code, message }) => {
            eprintln!("onduty signal: {message}");
            ExitCode::from(code)
        }
    }
}

fn explain(args: &ExplainArgs) -> Result<Value, Failure> {
    let body = read(&args.payload, MAX_PAYLOAD)?;
    let headers = args.headers.as_deref().map(read_headers).transpose()?;
    let variable = |name: &str| std::env::var(name).ok().filter(|secret| !secret.trim().is_empty());
    let (source, event, decoded, signature) = match args.source {
        Provider::Github => {
            let named = headers.as_ref().and_then(|headers| headers.get(github::EVENT_HEADER)?.to_str().ok());
            let event = args.event.as_deref().or(named).ok_or_else(|| {
                bad("which event is this? Give --event, such as --event check_run, or --headers with X-GitHub-Event")
            })?;
            let signature = signature(headers.as_ref(), "ONDUTY_GITHUB_SECRET", variable, |secret, headers| {
                github::verify(&[secret], headers, &body)
            });
            (github::NAME, Some(event.to_owned()), github::decode(event, &body, real_now()), signature)
        }
        Provider::Sentry => {
            let named = headers.as_ref().and_then(|headers| headers.get(sentry::RESOURCE_HEADER)?.to_str().ok());
            let event = args.event.as_deref().or(named).ok_or_else(|| {
                bad("which event is this? Give --event, such as --event issue, or --headers with Sentry-Hook-Resource")
            })?;
            let signature = signature(headers.as_ref(), "ONDUTY_SENTRY_SECRET", variable, |secret, headers| {
                sentry::verify(&[secret], headers, &body)
            });
            (sentry::NAME, Some(event.to_owned()), sentry::decode(event, &body), signature)
        }
        Provider::Signals => {
            let signature = signature(headers.as_ref(), "ONDUTY_SIGNALS_SECRET", variable, |secret, headers| {
                // A recorded request may be old, and that is no reason to doubt who signed it.
                let sent = headers.get(signals::TIMESTAMP_HEADER).and_then(|value| value.to_str().ok()?.parse().ok());
                let sent = sent.and_then(|seconds| Timestamp::from_second(seconds).ok());
                signals::verify(&[secret], headers, &body, sent.unwrap_or(real_now()))
            });
            (signals::NAME, args.event.clone(), signals::decode(&body, real_now()), signature)
        }
    };
    let Decoded { observations, ignored } =
        decoded.map_err(|refused| bad(format!("{}: {refused}", args.payload.display())))?;
    Ok(json!({
        "source": source,
        "event": event,
        "observations": observations,
        "ignored": ignored.map(|why| why.to_string()),
        "signature": signature,
    }))
}

fn signature(
    headers: Option<&HeaderMap>,
    variable: &str,
    look_up: impl Fn(&str) -> Option<String>,
    verify: impl Fn(SecretString, &HeaderMap) -> Result<(), SourceError>,
) -> String {
    let Some(headers) = headers else { return "not checked: give --headers".to_owned() };
    let Some(secret) = look_up(variable) else { return format!("not checked: set {variable}") };
    match verify(SecretString::from(secret), headers) {
        Ok(()) => "valid".to_owned(),
        Err(refused) => format!("invalid: {refused}"),
    }
}

async fn send(args: &SendArgs) -> Result<String, Failure> {
    let body = body(args)?;
    let Decoded { observations, .. } =
        signals::decode(&body, real_now()).map_err(|refused| bad(refused.to_string()))?;
    let secret = secret(args.secret_file.as_deref())?;
    let hook = hook(&args.server)?;
    let (id, now) = (format!("msg_{}", uuid::Uuid::now_v7().simple()), real_now());
    let signature = signals::sign(&secret, &id, now, &body);

    let egress = Egress::new(Policy::typed(&hook)).map_err(|error| unavailable(error.to_string()))?;
    let request = Request::new(Method::POST, hook.clone())
        .within(LIMITS)
        .header(CONTENT_TYPE, "application/json")
        .header(HeaderName::from_static(signals::ID_HEADER), &id)
        .header(HeaderName::from_static(signals::TIMESTAMP_HEADER), &now.as_second().to_string())
        .header(HeaderName::from_static(signals::SIGNATURE_HEADER), &signature)
        .body(body);
    let answer = egress.send(request).await.map_err(|error| {
        let hint = "is `onduty serve` running there? See --server and ONDUTY_URL";
        unavailable(format!("{hook} cannot be asked: {error}; {hint}"))
    })?;
    let status = answer.status;
    match status {
        status if status.is_success() && args.json => {
            Ok(json!({ "id": id, "status": status.as_u16(), "observations": observations }).to_string())
        }
        status if status.is_success() => Ok(match observations.as_slice() {
            [one] => format!("sent: {}", one.subject),
            several => format!("sent: {} observations", several.len()),
        }),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => Err(bad(format!(
            "{hook} refused it ({status}); compare the secret with `sources: {{signals: …}}` in its onduty.yml, and the clocks"
        ))),
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            Err(unavailable(format!("{hook} cannot take it now ({status}); send it again later")))
        }
        status => Err(bad(format!("{hook} refused it ({status}): {}", answer.excerpt()))),
    }
}

/// The body that the arguments describe.
fn body(args: &SendArgs) -> Result<Vec<u8>, Failure> {
    let Some(data) = &args.data else {
        let mut body = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            value.and_then(|value| body.insert(name.to_owned(), value));
        };
        put("type", Some(json!("signal")));
        put("kind", args.kind.clone().map(Value::from));
        put("subject", args.subject.clone().map(Value::from));
        put("state", args.state.clone().map(Value::from));
        put("message", args.message.clone().map(Value::from));
        put("value", args.value.map(Value::from));
        put("max_age", args.max_age.clone().map(Value::from));
        put("url", args.url.clone().map(Value::from));
        return Ok(Value::from(body).to_string().into_bytes());
    };
    let bytes = read(data, MAX_PAYLOAD)?;
    let Some(kind) = args.kind.as_deref() else { return Ok(bytes) };
    let word = match kind {
        "builds" => "build",
        "errors" => "error",
        "rollouts" => "rollout",
        "commits" => "commits",
        _ => return Err(bad("with --data the kind is one of builds, errors, rollouts, commits, or left out")),
    };
    let value = serde_json::from_slice(&bytes).map_err(|error| bad(format!("{}: {error}", data.display())))?;
    match value {
        Value::Object(mut body) => {
            body.entry("type").or_insert_with(|| json!(word));
            Ok(Value::from(body).to_string().into_bytes())
        }
        _ => Err(bad(format!("{}: expected one JSON object", data.display()))),
    }
}

fn secret(file: Option<&Path>) -> Result<SecretString, Failure> {
    let text = match file {
        Some(file) => String::from_utf8(read(file, 64 * 1024)?).map_err(|_| bad("the secret is not text"))?,
        None => std::env::var("ONDUTY_SIGNALS_SECRET")
            .map_err(|_| bad("with which secret? Set ONDUTY_SIGNALS_SECRET or give --secret-file"))?,
    };
    let line = text.lines().next().unwrap_or_default().trim();
    match line.is_empty() {
        true => Err(bad("the secret is empty")),
        false => Ok(SecretString::from(line)),
    }
}

fn hook(server: &str) -> Result<Url, Failure> {
    let url = Url::parse(server).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.and_then(|mut url| {
        url.path_segments_mut().ok()?.pop_if_empty().extend(["hooks", signals::NAME]);
        Some(url)
    });
    url.ok_or_else(|| bad(format!("`{server}` is no server; write it like http://127.0.0.1:7007")))
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    let trouble = |error: std::io::Error| bad(format!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    match path == Path::new("-") {
        true => std::io::stdin().take(limit + 1).read_to_end(&mut bytes),
        false => std::fs::File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes)),
    }
    .map_err(trouble)?;
    match bytes.len() as u64 <= limit {
        true => Ok(bytes),
        false => Err(bad(format!("{}: larger than {limit} bytes", path.display()))),
    }
}

fn read_headers(path: &Path) -> Result<HeaderMap, Failure> {
    let text = read(path, 64 * 1024)?;
    let mut headers = HeaderMap::new();
    for (index, line) in String::from_utf8_lossy(&text).lines().enumerate().filter(|(_, line)| !line.trim().is_empty())
    {
        let header = line.split_once(':').and_then(|(name, value)| {
            let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
            Some((name, HeaderValue::from_str(value.trim()).ok()?))
        });
        let (name, value) =
            header.ok_or_else(|| bad(format!("{}:{}: write headers as `Name: value`", path.display(), index + 1)))?;
        headers.append(name, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests;
