//! `onduty owner`: the most adequate person for a place in the code, from a clone of its repository. Needs no server.

use super::stores::with_causes;
use super::{BAD_INPUT, FINDING, OK};
use crate::clock::real_now;
use crate::sources::git::history::{History, Scene, Spot};
use crate::sources::git::{Git, read_mailmap};
use crate::texts::{self, Telling, visible};
use anyhow::{Context, anyhow, bail};
use clap::Args;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use onduty_core::item::OwnerReason;
use onduty_core::owner::people::PersonNo;
use onduty_core::owner::{MAX_PEOPLE, rank};
use onduty_core::roster::{self, Roster};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// Where the error is, in which repository, seen from when.
///
/// Exits with 0 when somebody is named, 1 when nobody is, 2 when it cannot be asked.
#[derive(Debug, Args)]
pub struct OwnerArgs {
    /// A clone with its whole history; nothing in it is changed
    #[arg(long, value_name = "DIR", default_value = ".")]
    repo: PathBuf,
    /// The revision that ran: a commit, a branch or a tag
    #[arg(long, value_name = "REV", default_value = "HEAD", allow_hyphen_values = true)]
    rev: String,
    /// The moment of asking; nothing later counts. Now, unless given
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// A line of the stack, the most telling first; may be repeated
    #[arg(long, value_name = "FILE:LINE[:FUNCTION]", required_unless_present = "cases")]
    frame: Vec<FrameArg>,
    /// Many questions: a JSON object per line with `id`, `rev`, `at`, `frames`; an answer per line
    #[arg(long, value_name = "FILE", conflicts_with_all = ["frame", "at", "rev"])]
    cases: Option<PathBuf>,
    /// Name only who is on this roster
    #[arg(long, value_name = "FILE")]
    roster: Option<PathBuf>,
    /// Where the index of the history is kept; it may be deleted at any time
    #[arg(long, value_name = "FILE")]
    index: Option<PathBuf>,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

/// `file:line` or `file:line:function`; the function says nothing that the line does not.
#[derive(Debug, Clone)]
struct FrameArg(Spot);

impl FromStr for FrameArg {
    type Err = String;

    fn from_str(text: &str) -> Result<FrameArg, String> {
        let wrong = || format!("{text:?} is no FILE:LINE, such as src/cart.rs:143 or src/cart.rs:143:total");
        // The file may have colons of its own; the first number that stands between two is the line.
        for (end, _) in text.match_indices(':').filter(|(end, _)| *end > 0) {
            let rest = &text[end + 1..];
            let digits = rest.split_once(':').map_or(rest, |(line, _)| line);
            if let Ok(line @ 1..) = digits.parse::<u32>() {
                return Ok(FrameArg(Spot { file: text[..end].to_owned(), line: Some(line) }));
            }
        }
        Err(wrong())
    }
}

/// Answers and prints.
pub async fn run(args: OwnerArgs) -> ExitCode {
    match answer(&args).await {
        Ok((out, is_somebody_named)) => {
            print!("{out}");
            ExitCode::from(if is_somebody_named { OK } else { FINDING })
        }
        Err(error) => {
            eprintln!("{}", visible(&with_causes(error.as_ref())));
            ExitCode::from(BAD_INPUT)
        }
    }
}

/// One question.
struct Question {
    revision: String,
    at: Timestamp,
    spots: Vec<Spot>,
}

/// A person, as this command prints them.
struct Named {
    name: String,
    email: String,
    confidence: f64,
    reasons: Vec<OwnerReason>,
}

/// Who is named, the best first, and what the repository could not say.
struct Answer {
    named: Vec<Named>,
    doubt: Option<String>,
}

async fn answer(args: &OwnerArgs) -> anyhow::Result<(String, bool)> {
    let roster = args.roster.as_deref().map(read_roster).transpose()?;
    let git = Git::inside(&args.repo);
    let index = match &args.index {
        Some(file) => file.clone(),
        None => own_index(&args.repo)?,
    };
    let Some(cases) = &args.cases else {
        let revision = resolve(&git, &args.rev).await?;
        let history = History::open(&git, &index, std::slice::from_ref(&revision)).await?;
        let spots = args.frame.iter().map(|frame| frame.0.clone()).collect();
        let question = Question { revision, at: args.at.unwrap_or_else(real_now), spots };
        let answer = Asking::new(&git, history, roster.as_ref()).answer(&question).await?.0;
        let shown =
            if args.json { as_json(&answer, question.at).to_string() + "\n" } else { as_text(&answer, &question) };
        return Ok((shown, !answer.named.is_empty()));
    };
    let text = std::fs::read_to_string(cases).with_context(|| format!("{} cannot be read", cases.display()))?;
    let numbered = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let asked: Vec<(String, Question)> = numbered
        .map(|(number, line)| case(line).with_context(|| format!("{}, line {}", cases.display(), number + 1)))
        .collect::<anyhow::Result<_>>()?;
    let mut tips = vec![resolve(&git, "HEAD").await?];
    tips.extend(missing_from(&git, &asked).await);
    let history = History::open(&git, &index, &tips).await?;
    let mut out = String::new();
    let mut asking = Asking::new(&git, history, roster.as_ref());
    for (id, question) in &asked {
        let (mut line, elapsed) = match asking.answer(question).await {
            Ok((answer, elapsed)) => (as_json(&answer, question.at), elapsed),
            Err(error) => (json!({"ranked": [], "error": format!("{error:#}")}), Duration::ZERO),
        };
        line["id"] = json!(id);
        line["elapsed_ms"] = json!((elapsed.as_secs_f64() * 1e5).round() / 100.0);
        writeln!(out, "{line}")?;
    }
    Ok((out, true))
}

/// A repository that is asked, and what the last question left behind.
struct Asking<'a> {
    git: &'a Git,
    history: History,
    roster: Option<&'a Roster>,
    scene: Option<Scene>,
}

impl<'a> Asking<'a> {
    fn new(git: &'a Git, history: History, roster: Option<&'a Roster>) -> Asking<'a> {
        Asking { git, history, roster, scene: None }
    }

    /// Who is named, and how long that took without git, which only tells who is who at a new revision.
    async fn answer(&mut self, question: &Question) -> anyhow::Result<(Answer, Duration)> {
        let known = self.scene.take().filter(|scene| scene.is_of(&self.history, &question.revision, question.at));
        let mailmap = if known.is_none() { Some(read_mailmap(self.git, &question.revision).await) } else { None };
        let started = Instant::now();
        let scene = match mailmap {
            Some(mailmap) => Scene::of(&self.history, &question.revision, question.at, &mailmap, self.roster),
            None => known,
        };
        let scene = scene.ok_or_else(|| anyhow!("the repository has no commit {}", question.revision))?;
        let answer = ask(&scene, question, self.roster);
        self.scene = Some(scene);
        Ok((answer, started.elapsed()))
    }
}

fn ask(scene: &Scene, question: &Question, roster: Option<&Roster>) -> Answer {
    let today = question.at.to_zoned(TimeZone::UTC).date();
    let place = scene.place(&question.spots);
    let people = scene.people();
    let may_be_named = |no: PersonNo| match roster {
        None => true,
        Some(roster) => is_there(people.person(no).engineer.as_ref().and_then(|id| roster.engineers.get(id)), today),
    };
    let among = if roster.is_some() { rank::Among::Roster } else { rank::Among::Everybody };
    let ranked = rank::rank(&place, question.at, among, may_be_named);
    let scores: Vec<f64> = ranked.iter().map(|ranked| ranked.score).collect();
    let named = |(ranked, confidence): (rank::Ranked, f64)| {
        let person = people.person(ranked.person);
        Named { name: person.name.clone(), email: person.email.clone(), confidence, reasons: ranked.reasons }
    };
    let named = ranked.into_iter().zip(rank::confidences(&scores)).take(MAX_PEOPLE).map(named).collect();
    Answer { named, doubt: place.doubt() }
}

fn is_there(engineer: Option<&roster::Engineer>, today: Date) -> bool {
    engineer.is_some_and(|engineer| !engineer.has_left(today))
}

fn case(line: &str) -> anyhow::Result<(String, Question)> {
    let value: Value = serde_json::from_str(line).context("no JSON")?;
    let text = |name: &str| value[name].as_str().ok_or_else(|| anyhow!("`{name}` is missing or no text"));
    let at = text("at")?.parse().context("`at` is no time, such as 2026-11-25T10:00:00Z")?;
    let frames = value["frames"].as_array().ok_or_else(|| anyhow!("`frames` is missing or no list"))?;
    let spot = |frame: &Value| {
        let file = frame["file"].as_str().ok_or_else(|| anyhow!("a frame without `file`"))?.to_owned();
        Ok(Spot { file, line: frame["line"].as_u64().and_then(|line| u32::try_from(line).ok()) })
    };
    let spots = frames.iter().map(spot).collect::<anyhow::Result<_>>()?;
    Ok((text("id")?.to_owned(), Question { revision: text("rev")?.to_owned(), at, spots }))
}

fn read_roster(file: &Path) -> anyhow::Result<Roster> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let name = file.display().to_string();
    roster::parse(&name, &text).map_err(|_| anyhow!("{name} has problems; onduty check shows them"))
}

async fn resolve(git: &Git, revision: &str) -> anyhow::Result<String> {
    let commit = format!("{revision}^{{commit}}");
    let answer = git.read(&["rev-parse", "--verify", "--quiet", "--end-of-options", &commit]).await;
    let answer = answer.with_context(|| format!("there is no revision {revision} here"))?;
    Ok(String::from_utf8_lossy(&answer).trim().to_owned())
}

/// The revisions that are here, but not below HEAD: of branches that were not merged.
async fn missing_from(git: &Git, asked: &[(String, Question)]) -> Vec<String> {
    let mut tips = Vec::new();
    for (_, question) in asked {
        let is_full = matches!(question.revision.len(), 40 | 64);
        let below = ["merge-base", "--is-ancestor", &question.revision, "HEAD"];
        if is_full && git.read(&below).await.is_err() && resolve(git, &question.revision).await.is_ok() {
            tips.push(question.revision.clone());
        }
    }
    tips
}

/// In the folder for what can be made again, by the place of the repository.
fn own_index(repository: &Path) -> anyhow::Result<PathBuf> {
    let place = std::fs::canonicalize(repository).with_context(|| format!("there is no {}", repository.display()))?;
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let Some(cache) = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache"))) else {
        bail!("neither HOME nor XDG_CACHE_HOME is set; say with --index where the index may be kept");
    };
    let folder = cache.join("onduty");
    std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let name: String =
        Sha256::digest(place.as_os_str().as_encoded_bytes())[..8].iter().map(|b| format!("{b:02x}")).collect();
    Ok(folder.join(format!("{name}.history")))
}

fn as_json(answer: &Answer, at: Timestamp) -> Value {
    let roster = Roster::default();
    let tell = Telling { now: at, zone: &TimeZone::UTC, roster: &roster, process: None };
    let ranked = answer.named.iter().map(|named| {
        let reasons = named.reasons.iter().map(|reason| {
            let mut value = json!(reason);
            value["text"] = json!(texts::owner_reason(reason, &tell));
            value
        });
        let reasons: Value = reasons.collect();
        let p = (named.confidence * 1e4).round() / 1e4;
        json!({"name": named.name, "email": named.email, "p": p, "reasons": reasons})
    });
    let mut value = json!({"ranked": ranked.collect::<Value>()});
    if let Some(doubt) = &answer.doubt {
        value["note"] = json!(doubt);
    }
    value
}

fn as_text(answer: &Answer, question: &Question) -> String {
    let roster = Roster::default();
    let tell = Telling { now: question.at, zone: &TimeZone::UTC, roster: &roster, process: None };
    let mut out = String::new();
    for (index, person) in answer.named.iter().enumerate() {
        let percent = (person.confidence * 100.0).round();
        let _ = writeln!(out, "{}. {} <{}>, {percent} %", index + 1, visible(&person.name), visible(&person.email));
        for reason in &person.reasons {
            let _ = writeln!(out, "   {}", texts::owner_reason(reason, &tell));
        }
    }
    if answer.named.is_empty() {
        out.push_str("nobody is known for this: no human who may be named ever committed here\n");
    }
    if let Some(doubt) = &answer.doubt {
        let _ = writeln!(out, "{}", visible(doubt));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_a_file_and_a_line() {
        for (text, file, line) in [
            ("src/a.rs:12", "src/a.rs", 12),
            ("src/a.rs:12:Cart::total", "src/a.rs", 12),
            ("C:\\a.rs:7", "C:\\a.rs", 7),
            ("--upload-pack=x:3", "--upload-pack=x", 3),
        ] {
            let spot = text.parse::<FrameArg>().unwrap().0;
            assert_eq!((spot.file.as_str(), spot.line), (file, Some(line)), "{text}");
        }
        for text in ["", "a.rs", ":3", "a.rs:0", "a.rs:x", "a.rs:99999999999"] {
            assert!(text.parse::<FrameArg>().unwrap_err().contains("FILE:LINE"), "{text}");
        }
    }
}
