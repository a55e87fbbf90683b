//! What the index of a history answers, for `benches/history/run` to hold against git.
//!
//! `cargo run --release -p onduty --example history_lines -- CLONE INDEX REVISION...` makes the index for the first
//! revision, or reads it, and brings it up to date for each of the others, as a server does after a push; each prints
//! `{"commits": …, "ms": …}`, from the question to the history that answers. Then it reads `LINE PATH` from each line of
//! its input and prints the full id of the commit that wrote that line at the last revision, or `-` and why nobody knows.

use anyhow::{Context, anyhow};
use onduty::sources::git::Git;
use onduty::sources::git::history::History;
use std::io::BufRead;
use std::path::Path;
use std::time::Instant;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [clone, index, revisions @ ..] = arguments.as_slice() else {
        anyhow::bail!("usage: history_lines CLONE INDEX REVISION...")
    };
    let last = revisions.last().context("usage: history_lines CLONE INDEX REVISION...")?;
    // How long names and lines took is in the log of the reading itself.
    tracing_subscriber::fmt().json().with_writer(std::io::stdout).init();
    let (git, index) = (Git::inside(Path::new(clone)), Path::new(index));
    let mut history: Option<History> = None;
    for revision in revisions {
        let (started, tips) = (Instant::now(), std::slice::from_ref(revision));
        let newer = match &history {
            Some(known) => known.update(&git, index, tips).await?,
            None => History::open(&git, index, tips).await?,
        };
        let ms = started.elapsed().as_secs_f64() * 1e3;
        println!("{}", serde_json::json!({"commits": newer.len(), "ms": ms}));
        history = Some(newer);
    }
    let history = history.context("there is no history")?;
    let at = history.at(last).ok_or_else(|| anyhow!("there is no commit {last}"))?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (number, path) = line.split_once(' ').context("expected LINE PATH")?;
        let number: u32 = number.parse()?;
        match at.blame(path, number..number + 1) {
            Ok(found) if found.len() == 1 => println!("{}", history.commit(found[0].1).id),
            Ok(_) => println!("- no such line"),
            Err(error) => println!("- {error}"),
        }
    }
    Ok(())
}
