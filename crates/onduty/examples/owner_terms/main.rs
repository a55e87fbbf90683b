//! What the ranking sees: the value of every term for everybody who could be named, for labelled cases.
//!
//! `cargo run --release -p onduty --example owner_terms -- CLONE CASES INDEX`, as `benches/owner/fit` does. CASES has a
//! JSON object per line as `onduty owner --cases` reads them, with `fixer` and `member` beside. Prints a line per case:
//! who fixed it, by number, and of each term the people for whom it is not zero. The terms of the product come from the
//! product; those of [`trial`] were tried and not taken, or wait to be.

mod changes;
mod repository;
mod trial;

use anyhow::{Context, anyhow};
use jiff::Timestamp;
use onduty::sources::git::history::{History, Scene, Spot};
use onduty::sources::git::{Git, read_mailmap};
use onduty_core::owner::people::PersonNo;
use onduty_core::owner::rank::{Among, Term, spoken};
use repository::Repository;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashSet};
use std::io::Write as _;
use std::path::Path;

/// Days within which a fix stands on the fixer's own work: the newest commit gives the answer away.
const OWN_WORK_DAYS: f64 = 3.0;

#[derive(Deserialize)]
struct Case {
    id: String,
    rev: String,
    at: Timestamp,
    frames: Vec<Frame>,
    fixer: Fixer,
    member: bool,
}

#[derive(Deserialize)]
struct Frame {
    file: String,
    line: u32,
}

#[derive(Deserialize)]
struct Fixer {
    /// SHA-256 of each address, lower-cased.
    ids: HashSet<String>,
}

/// The values of one term by person; nobody else has any.
type Values = BTreeMap<PersonNo, f64>;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [clone, cases, index] = arguments.as_slice() else { anyhow::bail!("usage: owner_terms CLONE CASES INDEX") };
    let git = Git::inside(Path::new(clone));
    let text = std::fs::read_to_string(cases).with_context(|| format!("{cases} cannot be read"))?;
    let read =
        |(no, line): (usize, &str)| serde_json::from_str(line).with_context(|| format!("{cases}, line {}", no + 1));
    let cases: Vec<Case> = text.lines().enumerate().map(read).collect::<anyhow::Result<_>>()?;
    let tips: HashSet<String> = cases.iter().map(|case| case.rev.clone()).collect();
    let history = History::open(&git, Path::new(index), &Vec::from_iter(tips)).await?;
    let repository = Repository::read(&git, &history, &cases.last().context("there is no case")?.rev).await?;
    let mut out = std::io::stdout().lock();
    for case in &cases {
        let mailmap = read_mailmap(&git, &case.rev).await;
        let scene = Scene::of(&history, &case.rev, case.at, &mailmap, None)
            .ok_or_else(|| anyhow!("{}: the repository has no commit {}", case.id, case.rev))?;
        writeln!(out, "{}", told(case, &history, &repository, &scene)?)?;
    }
    Ok(())
}

fn told(case: &Case, history: &History, repository: &Repository, scene: &Scene) -> anyhow::Result<serde_json::Value> {
    let spots: Vec<Spot> =
        case.frames.iter().map(|frame| Spot { file: frame.file.clone(), line: Some(frame.line) }).collect();
    let place = scene.place(&spots);
    let mut terms: Vec<(String, Values)> = Term::ALL.iter().map(|term| (format!("{term:?}"), Values::new())).collect();
    let people = scene.people();
    let spoken = spoken(&place, case.at, Among::Everybody, |_| true);
    let candidates: Vec<PersonNo> = spoken.keys().copied().collect();
    for (person, all) in spoken {
        for (term, value) in all.into_iter().flat_map(|spoken| spoken.terms) {
            let place = Term::ALL.iter().position(|other| *other == term).context("a term that is not listed")?;
            terms[place].1.insert(person, value);
        }
    }
    terms.extend(trial::terms(&trial::Look { case, history, repository, scene, place: &place }));
    let is_right = |person: &PersonNo| case.fixer.ids.contains(&hashed(&people.person(*person).email));
    let number: BTreeMap<PersonNo, usize> = candidates.iter().copied().zip(0..).collect();
    let right: Vec<usize> = candidates.iter().filter(|person| is_right(person)).map(|person| number[person]).collect();
    let shown = |values: &Values| -> Vec<(usize, f64)> {
        let known = values.iter().filter(|(_, value)| **value != 0.0);
        known.filter_map(|(person, value)| Some((*number.get(person)?, (value * 1e5).round() / 1e5))).collect()
    };
    let terms: Vec<(&String, Vec<(usize, f64)>)> = terms.iter().map(|(name, values)| (name, shown(values))).collect();
    Ok(json!({
        "id": case.id, "member": case.member, "people": candidates.len(), "right": right,
        "own_work": is_own_work(case, history), "terms": terms,
    }))
}

fn is_own_work(case: &Case, history: &History) -> bool {
    let Some(at) = history.at(&case.rev) else { return false };
    let before = history.commit(at.revision());
    let days = (case.at.as_second() - before.committed_at.as_second()) as f64 / 86_400.0;
    days < OWN_WORK_DAYS && case.fixer.ids.contains(&hashed(&before.author.email))
}

fn hashed(email: &str) -> String {
    let digest = Sha256::digest(email.trim().to_lowercase().as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
