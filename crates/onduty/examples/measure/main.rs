//! Measures a release binary from outside, as people and senders meet it: a real process, real HTTP, a real disk.
//!
//! `scripts/bench` builds what is needed, calls this and prints the table; `docs/benchmarks.md` has the figures.
//! `measure --onduty FILE --results FILE [--full] [PART …]`; each part appends lines of `what, figure, wanted, verdict`
//! with tabs between them.

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "who measures the server is not the server")]

mod backup;
mod demo;
mod intake;
mod otlp;
mod pass;
mod raw;
mod results;
mod rig;
mod screen;
mod start;
mod viewers;

use anyhow::Context;
use results::Results;
use std::path::PathBuf;

const PARTS: [&str; 8] = ["start", "screen", "demo", "pass", "backup", "viewers", "otlp", "intake"];

/// What to measure and how much of it.
struct Wanted {
    onduty: PathBuf,
    results: PathBuf,
    full: bool,
    parts: Vec<String>,
}

fn wanted() -> anyhow::Result<Wanted> {
    let mut arguments = std::env::args().skip(1);
    let (mut onduty, mut results, mut full, mut parts) = (None, None, false, Vec::new());
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--onduty" => onduty = arguments.next().map(PathBuf::from),
            "--results" => results = arguments.next().map(PathBuf::from),
            "--full" => full = true,
            part if PARTS.contains(&part) => parts.push(part.to_owned()),
            other => anyhow::bail!("there is no {other} to measure; there are {}", PARTS.join(", ")),
        }
    }
    if parts.is_empty() {
        parts = PARTS.map(str::to_owned).to_vec();
    }
    let onduty = onduty.context("--onduty names the binary to measure")?.canonicalize().context("the binary")?;
    Ok(Wanted { onduty, results: results.context("--results names the file for the figures")?, full, parts })
}

fn main() -> anyhow::Result<()> {
    let wanted = wanted()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut results = Results::open(&wanted.results)?;
        for part in &wanted.parts {
            println!("\n-- {part}");
            let measured = match part.as_str() {
                "start" => start::measure(&wanted.onduty, wanted.full, &mut results).await,
                "screen" => screen::measure(&wanted.onduty, wanted.full, &mut results).await,
                "demo" => demo::measure(&wanted.onduty, wanted.full, &mut results).await,
                "viewers" => viewers::measure(&wanted.onduty, wanted.full, &mut results).await,
                "pass" => pass::measure(&wanted.onduty, wanted.full, &mut results).await,
                "otlp" => otlp::measure(&wanted.onduty, wanted.full, &mut results).await,
                "backup" => backup::measure(&wanted.onduty, wanted.full, &mut results).await,
                _ => intake::measure(&wanted.onduty, wanted.full, &mut results).await,
            };
            measured.with_context(|| format!("{part} could not be measured"))?;
        }
        Ok(())
    })
}
