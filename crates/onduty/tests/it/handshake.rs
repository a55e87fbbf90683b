//! The morning handshake: two duties, one transaction, both names in both log books.

use crate::day::{Day, Setting};
use crate::person::Person;
use onduty_core::ids::DutyId;
use serde_json::{Value, json};

const HERE: &str = "/api/v1/duties/developers/handshake";
const THERE: &str = "/api/v1/duties/devops/handshake";

/// Two duties that shake hands; omar serves the other one every day.
async fn two() -> Day {
    let roster = (
        "duties:\n".to_owned(),
        "duties:\n  devops: {name: DevOps, members: [omar], zone: Europe/Berlin, since: 2026-03-02, handshake: developers}\n".to_owned(),
    );
    let process = "process: devops\nsteps:\n  - {id: backups, goal: Look at the backups, once: shift}\n".to_owned();
    let files = vec![("processes/devops.yml".to_owned(), process)];
    let day = Day::set(Setting { tasks: false, roster: vec![roster], files, ..Setting::default() }).await;
    pass_there(&day).await;
    day
}

async fn pass_there(day: &Day) {
    day.app.pass(&DutyId::from("devops"), day.app.clock.duty_now()).await.expect("the store can be written");
}

/// The only proposal that waits, as one side sees it.
async fn waiting(person: &Person, side: &str) -> String {
    let seen = person.read(side).await;
    let proposals = seen[0]["proposals"].as_array().cloned().unwrap_or_default();
    assert_eq!(proposals.len(), 1, "{seen}");
    proposals[0]["id"].as_str().unwrap_or_default().to_owned()
}

async fn titles(person: &Person, duty: &str) -> Vec<(String, String)> {
    let now = person.read(&format!("/api/v1/duties/{duty}")).await;
    let steps = now["steps"].as_array().cloned().unwrap_or_default();
    let items = steps.iter().flat_map(|step| step["items"].as_array().cloned().unwrap_or_default());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    items.map(|item| (text(&item["id"]), text(&item["title"]))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_see_each_other_shake_hands_and_pair() {
    let day = two().await;
    let (lena, omar) = (day.session("lena", true).await, day.session("omar", true).await);
    let page = lena.get("/handshake?duty=developers").await.expect(200).text;
    assert!(page.contains("No handshake with") && page.contains("Look at the backups"), "{page}");
    assert!(page.contains("DevOps") && page.contains("is on duty until"), "{page}");

    lena.form("/duty/developers/handshake/devops", &[]).await.expect(303);
    let today = omar.get("/?duty=devops").await.expect(200).text;
    assert!(today.contains("holds out a hand since") && today.contains("Shake hands"), "{today}");
    omar.form("/duty/devops/handshake/developers", &[]).await.expect(303);
    for (person, duty) in [(&lena, "developers"), (&omar, "devops")] {
        let log = person.get(&format!("/log?duty={duty}")).await.expect(200).text;
        assert!(log.contains("shook hands") && log.contains("Lena Vogt") && log.contains("Omar"), "{log}");
    }

    let text = "rotate <b>keys</b>";
    lena.form("/duty/developers/proposals", &[("to", "devops"), ("text", text)]).await.expect(303);
    let id = waiting(&omar, THERE).await;
    let refused = lena.form(&format!("/duty/developers/proposals/{id}/agree"), &[]).await.expect(409).text;
    assert!(refused.contains("The other duty has to agree"), "{refused}");
    let page = omar.get("/handshake?duty=devops").await.expect(200).text;
    assert!(page.contains("rotate &lt;b&gt;keys&lt;/b&gt;") && page.contains(">Agree"), "{page}");
    omar.form(&format!("/duty/devops/proposals/{id}/agree"), &[]).await.expect(303);
    let (ours, theirs) = (titles(&lena, "developers").await, titles(&omar, "devops").await);
    let (ours, theirs) = (ours.iter().find(|(_, title)| title == text), theirs.iter().find(|(_, title)| title == text));
    let (ours, theirs) = (ours.expect("an item here").0.clone(), theirs.expect("an item there").0.clone());
    // Concluded once, concluded twice.
    omar.form(&format!("/items/{theirs}/conclude"), &[("text", "done together")]).await.expect(303);
    let here = day.item_called(&ours).await;
    assert_eq!((&here["state"]["state"], &here["conclusion"]["text"]), (&json!("closed"), &json!("done together")));
    assert_eq!(here["conclusion"]["by"], "omar");
    // And so is what is not over after all.
    lena.form(&format!("/items/{ours}/reopen"), &[]).await.expect(303);
    let there = day.item_called(&theirs).await;
    assert_eq!((&there["state"]["state"], &there["conclusion"]), (&json!("open"), &json!(null)));
    let said = day.onduty(&["verify", "--replay"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_changes_hands_with_both_names_and_the_gate_stays() {
    let day = two().await;
    let (lena, omar) = (day.session("lena", true).await, day.session("omar", true).await);
    assert!(day.seed.main_turns_red().await.expect("a commit").accepted(), "main is red");
    day.pass().await;
    let item = day.item("main-green").await["id"].as_str().unwrap_or_default().to_owned();
    let said = day.onduty(&["handshake", "hand-over", &item, "devops", "--duty", "developers"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("to hand over: "), "{}", said.out);
    let id = waiting(&omar, THERE).await;
    omar.form(&format!("/duty/devops/proposals/{id}/agree"), &[]).await.expect(303);

    let ours = day.item_called(&item).await;
    assert_eq!((&ours["handed_over"]["engineer"], &ours["needs_somebody"]), (&json!("omar"), &json!(false)));
    let theirs = ours["handed_over"]["item"].as_str().unwrap_or_default().to_owned();
    assert_eq!(day.gate().await["open"], false);
    let log = lena.get("/log?duty=developers").await.expect(200).text;
    assert!(log.contains("took over for DevOps from Lena Vogt of"), "{log}");
    let page = omar.get(&format!("/items/{theirs}")).await.expect(200).text;
    assert!(page.contains("handed it over") && page.contains("The item there"), "{page}");
    let page = lena.get(&format!("/items/{item}")).await.expect(200).text;
    assert!(page.contains("took it over") && page.contains("Take it back"), "{page}");

    // Taken back: the other one ends at once.
    lena.form(&format!("/items/{item}/take"), &[]).await.expect(303);
    let ended = day.item_called(&theirs).await;
    assert_eq!(ended["state"]["how"]["how"], "ended_where_it_came_from", "{ended}");
    let said = day.onduty(&["verify", "--replay"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proposal_ends_with_its_item() {
    let day = two().await;
    let lena = day.session("lena", true).await;
    let asked = json!({"text": "who has the keys?"});
    let item = lena.post("/api/v1/duties/developers/questions", &asked).await.expect(200).json();
    let id = item["id"].as_str().unwrap_or_default();
    lena.form("/duty/developers/proposals", &[("to", "devops"), ("item", id)]).await.expect(303);
    waiting(&lena, THERE).await;
    lena.form(&format!("/items/{id}/conclude"), &[("text", "Omar has")]).await.expect(303);
    day.pass().await;
    pass_there(&day).await;
    for side in [HERE, THERE] {
        assert_eq!(lena.read(side).await[0]["proposals"], json!([]), "{side}");
    }
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_refused_in_words() {
    let day = two().await;
    let lena = day.session("lena", true).await;
    let refused = |answer: crate::person::Answer| answer.text;
    let nobody = lena.form("/duty/developers/handshake/nobody", &[]).await.expect(409);
    assert!(refused(nobody).contains("does not shake hands with this duty"));
    let both =
        lena.form("/duty/developers/proposals", &[("to", "devops"), ("text", "x"), ("item", "y")]).await.expect(400);
    assert!(refused(both).contains("Propose either"));
    let gone = lena.form("/duty/developers/proposals/p9/agree", &[]).await.expect(409);
    assert!(refused(gone).contains("There is no such proposal"));
    let other = lena.form("/duty/developers/proposals", &[("to", "devops"), ("item", "devops.x.1")]).await.expect(404);
    assert!(refused(other).contains("devops.x.1"));
    let said = day.onduty(&["handshake", "--duty", "developers"]).await;
    assert!(said.code == 0 && said.out.contains("DevOps (omar is on duty): no handshake yet today"), "{said:?}");
    assert_eq!(lena.read(HERE).await[0]["proposals"], json!([]));
    day.end().await;
}
