//! Where the errors of the seed's day come from, and what is different by that: the fake world, or a real Bugsink.

use crate::day::Day;
use crate::real_bugsink::{Project, frames_of};
use crate::tools::eventually;
use onduty_fakes::sample::{ID_SMS, named_error};
use serde_json::json;

/// Who says which errors there are.
pub enum Errors {
    /// The fake world, which is also told who has one.
    World,
    /// A real Bugsink, which the real sentry-sdk feeds and which knows no owners.
    Bugsink(Project),
}

impl Errors {
    /// One of the sample's own happens for the first time.
    pub async fn happens(&self, day: &Day, id: &str) {
        let release = day.world.github().main().head();
        let group = named_error(id, day.world.now(), Some(&release)).expect("an error of the sample");
        match self {
            Errors::World => assert!(day.world.tracker().raise(group).await.accepted()),
            Errors::Bugsink(project) => project.happens(&group).await,
        }
    }

    /// After a jump of the clock: a tracker that is polled has to be asked again, and until then the gate says that
    /// nobody knows which errors there are.
    pub async fn are_asked_for(&self, day: &Day) {
        if matches!(self, Errors::World) {
            return;
        }
        eventually("the tracker is asked again", async || {
            let gate = day.gate().await;
            assert_eq!(gate["open"], false, "{gate}");
            (!gate["blockers"].to_string().contains("\"stale\"")).then_some(())
        })
        .await;
    }

    /// What somebody chooses who concludes one: where it can, the tracker is told as well.
    pub fn conclusion(&self) -> &[(&str, &str)] {
        if matches!(self, Errors::Bugsink(_)) { &[("resolve", "true")] } else { &[] }
    }

    /// Somebody has concluded the one with `title`.
    pub async fn are_told_of_a_conclusion(&self, day: &Day, id: &str, title: &str) {
        let Errors::Bugsink(project) = self else { return };
        eventually("Bugsink shows it as resolved", async || project.is_resolved(title).await.then_some(())).await;
        eventually("onduty has read that", async || {
            (day.item_called(id).await["conclusion"]["resolve"] == "done").then_some(())
        })
        .await;
    }

    /// Somebody has decided that `engineer` owns one.
    pub async fn are_told_of_an_owner(&self, day: &Day, id: &str, engineer: &str) {
        match self {
            Errors::World => the_world_knows_the_owner(day, id, engineer).await,
            Errors::Bugsink(project) => onduty_keeps_the_owner(day, project, id, engineer).await,
        }
    }

    /// What the log book has to say of it.
    pub fn events(&self) -> &[&str] {
        match self {
            Errors::World => &["written_back"],
            Errors::Bugsink(_) => &["write_back_failed", "resolved_at_source"],
        }
    }
}

async fn the_world_knows_the_owner(day: &Day, id: &str, engineer: &str) {
    let item = day.closed(id).await;
    assert_eq!(item["state"]["how"]["how"], "assigned_at_source", "{item}");
    let told = day.world.tracker().assignments();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].assignee, format!("{engineer}@acme.example"));
    assert_eq!(told[0].decided_by.as_deref(), Some("lena@acme.example"));
    eventually("the log book says that the tracker was told", async || {
        (day.item_called(id).await["owner"]["write_back"] == "done").then_some(())
    })
    .await;
}

/// The owner mends it, and then it is resolved where it was seen.
async fn onduty_keeps_the_owner(day: &Day, project: &Project, id: &str, engineer: &str) {
    eventually("the log book says who keeps the owner", async || {
        day.log().await.into_iter().find(|line| line.contains("Bugsink knows no owners"))
    })
    .await;
    let group = named_error(ID_SMS, day.world.now(), None).expect("an error of the sample");
    let known = day.app.known_errors("bugsink").await.expect("the store can be read");
    let seen = known.iter().find(|seen| seen.title == group.title).expect("it is known under its title");
    let stack = seen.frames.iter().map(|frame| (&*frame.file, frame.line.unwrap_or(0), frame.function.as_deref()));
    let stack: Vec<(&str, u32, &str)> =
        stack.map(|(file, line, function)| (file, line, function.unwrap_or(""))).collect();
    assert!(stack.ends_with(&frames_of(&group)), "the suggestion had the real stack: {stack:?}");
    assert_eq!(seen.release.as_ref().map(ToString::to_string), Some(day.world.github().main().head()));
    assert!(day.app.known_errors("signals").await.expect("the store can be read").is_empty(), "nobody else told it");

    let item = day.item_called(id).await;
    assert_eq!((&item["owner"]["engineer"], &item["owner"]["write_back"]), (&json!(engineer), &json!("failed")));
    assert_eq!(item["state"]["state"], "open", "{item}");
    project.resolve_all().await;
    let item = day.closed(id).await;
    assert_eq!(item["state"]["how"]["how"], "resolved_at_source", "{item}");
}
