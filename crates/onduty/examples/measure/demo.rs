//! The demo as a visitor meets it: how soon there is a page, how large and quick pages are, and its memory after a day.

use super::results::{Results, Times};
use super::rig::{Server, between};
use anyhow::Context;
use reqwest::header::{ACCEPT_ENCODING, COOKIE};
use std::path::Path;
use std::time::{Duration, Instant};

const PAGES: [&str; 5] = ["/", "/log", "/process", "/team", "/rollout"];

pub async fn measure(onduty: &Path, full: bool, results: &mut Results) -> anyhow::Result<()> {
    let demo = Server::spawn(onduty, &["demo", "--no-browser"])?;
    let door = demo.link.strip_prefix(&demo.address).unwrap_or_default().to_owned();
    let door = demo.until_ok(&door).await?;
    let session = demo.come_in().await?;
    let today = demo.page("/", &session).await?;
    anyhow::ensure!(today.contains("id=\"step-main-green\""), "Today shows no step");
    println!("door after {door:?}, Today with its steps after {:?}", demo.started.elapsed());
    results.at_most("demo, start to first useful page", demo.started.elapsed().as_secs_f64(), 5.0, "s")?;

    play_until(&demo, &session, "15:59").await?;
    play_until(&demo, &session, "16:00").await?;
    sizes(&demo, &session, results).await?;
    first_bytes(&demo, &session, if full { 2_000 } else { 300 }, results).await?;
    let (now, most) = demo.memory()?;
    println!("{now:.1} MB resident, {most:.1} MB at its most");
    results.at_most("resident memory of the demo after a played day", now, 80.0, "MB")
}

/// Presses the demo's own control and waits until it is that late.
async fn play_until(demo: &Server, session: &str, time: &str) -> anyhow::Result<()> {
    let page = demo.page("/", session).await?;
    let csrf = between(&page, "name=\"csrf\" value=\"", "\"").context("no form on the page")?;
    let form = format!("csrf={csrf}&jump={}", time.replace(':', "%3A"));
    let (address, pressed) = (format!("{}/demo/clock", demo.address), Instant::now());
    demo.http.post(address).header(COOKIE, session).body(form).send().await?;
    while pressed.elapsed() < Duration::from_secs(60) {
        let now = demo.api("/api/v1/duties/developers", session).await?["now"].clone();
        let now: jiff::Timestamp = now.as_str().unwrap_or_default().parse()?;
        let clock = now.to_zoned(jiff::tz::TimeZone::get("Europe/Berlin")?).strftime("%H:%M").to_string();
        if clock.as_str() >= time {
            println!("{time} after {:?}", pressed.elapsed());
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    anyhow::bail!("the demo did not arrive at {time}")
}

async fn sizes(demo: &Server, session: &str, results: &mut Results) -> anyhow::Result<()> {
    let mut largest = 0;
    for path in PAGES {
        let request = demo.http.get(format!("{}{path}", demo.address)).header(COOKIE, session);
        let packed = request.header(ACCEPT_ENCODING, "gzip").send().await?;
        anyhow::ensure!(
            packed.headers().contains_key("content-encoding"),
            "{path} is not compressed: {}",
            packed.status()
        );
        let (packed, plain) = (packed.bytes().await?.len(), demo.page(path, session).await?.len());
        println!("{path}: {packed} bytes compressed, {plain} plain");
        largest = largest.max(packed);
    }
    results.at_most("largest page of the demo, compressed", largest as f64 / 1e3, 60.0, "kB")
}

async fn first_bytes(demo: &Server, session: &str, times: usize, results: &mut Results) -> anyhow::Result<()> {
    let mut taken = Vec::new();
    for n in 0..times {
        let asked = Instant::now();
        let path = PAGES[n % PAGES.len()];
        let mut answer = demo.http.get(format!("{}{path}", demo.address)).header(COOKIE, session).send().await?;
        answer.chunk().await?;
        taken.push(asked.elapsed().as_secs_f64() * 1e3);
        while answer.chunk().await?.is_some() {}
    }
    let taken = Times::of(taken);
    println!("first byte of pages: {}", taken.summary());
    results.at_most("first byte of a page, p50", taken.at(0.5), 50.0, "ms")?;
    results.at_most("first byte of a page, p99", taken.at(0.99), 50.0, "ms")
}
