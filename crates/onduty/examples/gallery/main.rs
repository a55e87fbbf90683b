//! Draws every page on an empty, a calm, a normal and a terrible day, light and dark, into files to look at.
//!
//! `cargo run -p onduty --example gallery -- DIRECTORY`, then open the files in a browser. Contacts nothing.

mod samples;

use maud::Markup;

use onduty::web::assets;
use onduty::web::views::layout::{self, Here};
use onduty::web::views::{
    access, account, door, handshake, item, log, people, performance, plan, process, proposal, refresher, rollout,
    suggestions, team, today, wall, what_if,
};
use samples::{Day, Stage};
use std::path::Path;
use std::{fs, io};

fn main() -> io::Result<()> {
    let directory = std::env::args().nth(1).unwrap_or_else(|| "target/gallery".to_owned());
    let directory = Path::new(&directory);
    fs::create_dir_all(directory)?;
    for name in ["app.css", "app.js", "favicon.svg"] {
        let asset = assets::find(assets::url(name)).expect("it was just named");
        fs::write(directory.join(name), asset.bytes)?;
    }
    for (name, day) in
        [("empty", Day::Empty), ("calm", Day::Calm), ("normal", Day::Normal), ("terrible", Day::Terrible)]
    {
        for (page, document) in pages(day) {
            write(directory, &format!("{page}-{name}"), &document)?;
        }
    }
    Ok(())
}

/// Every page of one day, by the name of its file.
fn pages(day: Day) -> Vec<(&'static str, Markup)> {
    let stage = Stage::of(day);
    let reader = stage.reader();
    let framed = |title: &str, here, body| layout::page(&samples::layout(day, title, here), &reader, body);
    let gate = match day {
        Day::Empty => None,
        Day::Calm => Some(samples::open_gate()),
        Day::Normal => Some(samples::running_gate()),
        Day::Terrible => Some(samples::closed_gate()),
    };
    let mut pages = vec![
        ("today", framed("Today", Here::Today, today::page(&samples::today_view(day), &reader))),
        ("log", framed("Log book", Here::Log, log::page(&samples::log_page(day), &reader))),
        ("process", framed("Process", Here::Process, process::page(&samples::process_page(day), &reader))),
        (
            "suggestions",
            framed(
                "How often suggestions were right",
                Here::Elsewhere,
                suggestions::page(&samples::suggestions_page(day), &reader),
            ),
        ),
        (
            "performance",
            framed("Performance", Here::Performance, performance::page(&samples::performance_page(day), &reader)),
        ),
        (
            "endpoint",
            framed("An endpoint", Here::Performance, performance::endpoint_page(&samples::endpoint_page(day), &reader)),
        ),
        ("plan", framed("Plan", Here::Plan, plan::page(&samples::plan_page(day), &reader))),
        ("proposal", framed("A new plan", Here::Plan, proposal::page(&samples::plan_proposal(day), &reader))),
        (
            "refresher",
            framed("Since your last turn", Here::Plan, refresher::page(&samples::refresher_page(day), &reader)),
        ),
        ("what-if", framed("What if", Here::Plan, what_if::page(&samples::what_if_page(day), &reader))),
        ("handshake", framed("Handshake", Here::Elsewhere, handshake::page(&samples::handshake_page(day), &reader))),
        ("team", framed("Team", Here::Team, team::page(&samples::team_page(day), &reader))),
        ("rollout", framed("Rollout", Here::Rollout, rollout::page(&samples::rollout_page(gate), &reader))),
        ("wall", wall::page(&samples::wall(day, &reader.tell), &reader)),
        ("account", framed("Your account", Here::Elsewhere, account::page(&samples::account_page(day), &reader))),
        ("people", framed("People", Here::Elsewhere, people::list(&samples::people_page(day), &reader))),
        ("person", framed("Lena Vogt", Here::Elsewhere, people::person(&samples::person_page(day), &reader))),
        ("access-log", framed("Access log", Here::Elsewhere, access::page(&samples::access_log_page(day), &reader))),
        ("welcome", framed("Welcome", Here::Door, door::welcome(&samples::welcome(day), &reader))),
    ];
    if matches!(day, Day::Normal | Day::Terrible) {
        pages.push(("item", framed("Item", Here::Elsewhere, item::page(&samples::item_page(day), &reader))));
        pages.push(("search", framed("Log book", Here::Log, log::page(&samples::log_search(), &reader))));
        pages.push(("error", framed("Error", Here::Elsewhere, door::error(&samples::refused()))));
        pages.push(("sign-in", framed("Sign in", Here::Door, door::sign_in(&samples::sign_in(day)))));
        let proved = day == Day::Terrible;
        pages.push(("prove", framed("Is it still you?", Here::Door, door::prove(&samples::prove(proved), &reader))));
    }
    pages
}

fn write(directory: &Path, name: &str, document: &Markup) -> io::Result<()> {
    let mut text = document.0.clone();
    for asset in ["app.css", "app.js", "favicon.svg"] {
        text = text.replace(assets::url(asset), asset);
    }
    // From a file, a module script is refused and nothing answers the stream.
    let text = text.replace("type=\"module\" ", "").replace("data-stream=", "data-no-stream=");
    fs::write(directory.join(format!("{name}.html")), &text)?;
    let dark =
        text.replace("<html lang=\"en\"", "<html data-theme=\"dark\" lang=\"en\"").replace("data-theme=\"light\"", "");
    fs::write(directory.join(format!("{name}-dark.html")), dark)
}
