//! Somebody else serves a day: from the page, the API and the command line, never two duties at once.

use crate::day::{Day, Setting};
use serde_json::json;

fn setting() -> Setting {
    Setting { tasks: false, ..Setting::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_is_covered_after_people_saw_what_it_means() {
    let day = Day::set(setting()).await;
    let lena = day.session("lena", false).await;
    let team = lena.read("/api/v1/duties/developers/team").await;
    let (tuesday, other) = (team[1]["day"].as_str().unwrap(), team[4]["engineer"]["id"].as_str().unwrap());
    let page = lena.get(&format!("/team/cover?duty=developers&day={tuesday}&engineer={other}")).await.expect(200).text;
    let whose = team[1]["engineer"]["name"].as_str().unwrap();
    assert!(page.contains("instead of") && page.contains(whose) && page.contains(" moves from "), "{page}");
    assert_eq!(lena.read("/api/v1/duties/developers/team").await, team, "looking changes nothing");

    lena.form(&format!("/duty/developers/shifts/{tuesday}/cover"), &[("engineer", other)]).await.expect(303);
    let covered = lena.read("/api/v1/duties/developers/team").await;
    assert_eq!(covered[1]["engineer"]["id"], other, "{covered}");
    assert_eq!((&covered[1]["origin"], &covered[1]["instead_of"]["name"]), (&json!("covered"), &json!(whose)));
    let page = lena.get("/team?duty=developers").await.expect(200).text;
    assert!(page.contains("agreed, instead of") && page.contains("Take back"), "{page}");
    let log = lena.get("/log?duty=developers").await.expect(200).text;
    assert!(log.contains(&format!("instead of {whose}")), "{log}");

    lena.form(&format!("/duty/developers/shifts/{tuesday}/end-cover"), &[]).await.expect(303);
    assert_eq!(lena.read("/api/v1/duties/developers/team").await, team);

    // Nonsense and rules.
    let refused =
        lena.get(&format!("/team/cover?duty=developers&day={tuesday}&engineer=nobody")).await.expect(200).text;
    assert!(refused.contains("nobody is not on the roster"), "{refused}");
    lena.get("/team/cover?duty=developers&day=soon&engineer=lena").await.expect(400);
    lena.form("/duty/developers/shifts/2026-03-07/cover", &[]).await.expect(409);
    lena.form(&format!("/duty/developers/shifts/{tuesday}/sell"), &[]).await.expect(404);
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn today_is_taken_over_and_nobody_serves_two_duties() {
    let roster = vec![(
        "duties:\n".to_owned(),
        "duties:\n  devops: {members: [omar], zone: Europe/Berlin, since: 2026-03-02}\n".to_owned(),
    )];
    let process = onduty_core::process::STARTER.replace("process: developers", "process: devops");
    let files = vec![("processes/devops.yml".to_owned(), process)];
    let day = Day::set(Setting { roster, files, ..setting() }).await;
    let omar = day.session("omar", false).await;
    let body = json!({});
    let answer = omar.post("/api/v1/duties/developers/shifts/2026-03-03/cover", &body).await.expect(409).text;
    assert!(answer.contains("omar serves devops on 2026-03-03"), "{answer}");
    let priya = day.session("priya", false).await;
    let today = priya.read("/api/v1/duties/developers/team").await[0]["day"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/duties/developers/shifts/{today}/cover");
    let team: serde_json::Value = serde_json::from_str(&priya.post(&path, &body).await.expect(200).text).unwrap();
    assert_eq!(team[0]["engineer"]["id"], "priya");
    let now = day.now().await;
    assert_eq!(now["on_duty"]["engineer"]["id"], "priya", "{now}");
    day.end().await;
}
