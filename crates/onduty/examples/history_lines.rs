//! What the index of a history answers, for `benches/history/run` to hold against git.
//!
//! `cargo run --release -p onduty --example history_lines -- CLONE INDEX REVISION` makes the index, or brings it up to
//! date, and prints what that took as a JSON object. Then it reads `LINE PATH` from each line of its input and prints
//! the full id of the commit that wrote that line at REVISION, or `-` and why nobody knows.

use anyhow::{Context, anyhow};
use onduty::sources::git::Git;
use onduty::sources::git::history::History;
use std::io::BufRead;
use std::path::Path;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [clone, index, revision] = arguments.as_slice() else {
        anyhow::bail!("usage: history_lines CLONE INDEX REVISION")
    };
    // How long names and lines took is in the log of the reading itself.
    tracing_subscriber::fmt().json().with_writer(std::io::stdout).init();
    let history =
        History::open(&Git::inside(Path::new(clone)), Path::new(index), std::slice::from_ref(revision)).await?;
    let at = history.at(revision).ok_or_else(|| anyhow!("there is no commit {revision}"))?;
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
