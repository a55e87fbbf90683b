//! A real Bugsink, fed by the real sentry-sdk: its errors are worked off, and the seed's whole day is played with it on
//! a real PostgreSQL. Without one that is said; a full run fails.

use crate::day::{Day, Setting, instant};
use crate::errors::Errors;
use crate::real_bugsink::Project;
use crate::seed_day::plays_the_day;
use crate::tools::{eventually, missing};
use onduty_fakes::tracker::{ErrorGroup, Frame};

/// A day whose errors come from `project`.
fn with(project: &Project) -> Setting {
    let source = format!("sources:\n{}", project.source());
    Setting { replaced: vec![("sources:\n".to_owned(), source)], errors_elsewhere: true, ..Setting::default() }
}

/// An error at the checkout of the shop.
fn at_checkout(environment: &str, says: &str) -> ErrorGroup {
    let (file, function) = ("shop/checkout.py".to_owned(), "checkout".to_owned());
    ErrorGroup {
        release: Some("shop@1.42.0".to_owned()),
        frames: vec![Frame { file, line: 12, function, in_app: true }],
        ..ErrorGroup::new("shop", "1", environment, &format!("ValueError: {says}"), instant("09:00"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_seeds_day_on_real_systems() {
    let what = "the seed's day with errors from a real Bugsink, kept in a real PostgreSQL";
    let Some(project) = Project::called("shop of the day", what).await else { return };
    let mut setting = with(&project);
    match onduty_fakes::postgres::shared() {
        Some(server) => setting.database = Some(server.database().url().to_owned()),
        None => missing("PostgreSQL", "the day of real systems on PostgreSQL; it is played on SQLite"),
    }
    plays_the_day(setting, &Errors::Bugsink(project)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_of_a_real_bugsink_are_worked_off() {
    let Some(project) = Project::called("shop", "errors of a real Bugsink").await else { return };
    project.happens(&at_checkout("production", "known for years")).await;
    project.digested(1).await;
    let day = Day::set(with(&project)).await;
    eventually("the first poll is recorded", async || day.app.was_heard("bugsink").await.unwrap().then_some(())).await;

    project.happens(&at_checkout("staging", "on staging")).await;
    project.happens(&at_checkout("production", "in production")).await;
    let item = async |step: &str, title: &str| {
        eventually(&format!("{title} in {step}"), async || {
            day.items(step).await.into_iter().find(|item| item["title"] == title)
        })
        .await
    };
    let staging = item("staging-errors", "ValueError: on staging").await;
    let production = item("production-errors", "ValueError: in production").await;
    let known = day.app.known_errors("bugsink").await.expect("the store can be read");
    assert_eq!(known.len(), 3, "{known:?}");
    let group = known.iter().find(|group| group.title.ends_with("in production")).expect("it is known");
    let frame = group.frames.last().expect("the SDK sent a stack");
    assert_eq!(
        (frame.file.as_str(), frame.line, frame.function.as_deref()),
        ("shop/checkout.py", Some(12), Some("checkout"))
    );
    assert_eq!(group.release.as_ref().map(ToString::to_string).as_deref(), Some("shop@1.42.0"));
    let others = day.items("production-errors").await;
    assert!(
        !others.iter().any(|item| item["title"].as_str().unwrap_or_default().contains("known for years")),
        "{others:?}"
    );

    // Bugsink knows no owners: onduty keeps them, and says so.
    let lena = day.administrator("lena").await;
    let id = production["id"].as_str().expect("an id");
    lena.form(&format!("/items/{id}/owner"), &[("engineer", "lena")]).await.expect(303);
    eventually("the log says that Bugsink knows no owners", async || {
        day.log().await.into_iter().find(|line| line.contains("Bugsink knows no owners"))
    })
    .await;
    assert_eq!(day.item_called(id).await["owner"]["engineer"], "lena");

    // Somebody concludes one and resolves it there with it.
    let id = staging["id"].as_str().expect("an id");
    lena.form(&format!("/items/{id}/conclude"), &[("text", "mended"), ("resolve", "true")]).await.expect(303);
    eventually("the tracker shows it as resolved", async || project.is_resolved("on staging").await.then_some(()))
        .await;
    eventually("and onduty has read that", async || {
        (day.item_called(id).await["conclusion"]["resolve"] == "done").then_some(())
    })
    .await;

    // Somebody resolves the others there.
    project.resolve_all().await;
    let closed = day.closed(production["id"].as_str().expect("an id")).await;
    assert_eq!(closed["state"]["how"]["how"], "resolved_at_source", "{closed}");
    day.end().await;
}
