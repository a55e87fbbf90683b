//! The team's plan: seen before it counts, published as it was seen, and told to whoever it moves; shifts that change hands.

use crate::day::{Day, Setting};
use serde_json::{Value, json};

fn setting() -> Setting {
    Setting { tasks: false, ..Setting::default() }
}

const TEAM: &str = "/api/v1/duties/developers/team";
const PLAN: &str = "/api/v1/duties/developers/plan";

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What stands in the hidden field `name` of a page.
fn hidden(page: &str, name: &str) -> String {
    let rest = page.split_once(&format!("name=\"{name}\" value=\"")).map(|(_, rest)| rest).expect(name);
    rest.split('"').next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_counts_as_it_was_seen() {
    let day = Day::set(setting()).await;
    let lena = day.session("lena", true).await;
    let before = lena.read(TEAM).await;
    let page = lena.get("/plan?duty=developers").await.expect(200).text;
    assert!(page.contains("No plan is published yet") && page.contains("See what would change"), "{page}");

    let proposal = lena.get("/plan/proposal?duty=developers&until=2026-06-05").await.expect(200).text;
    assert!(proposal.contains("Every day has somebody.") && proposal.contains("Publish it"), "{proposal}");
    assert_eq!(lena.read(TEAM).await, before, "looking changes nothing");
    let digest = hidden(&proposal, "digest");

    // What was seen is not what would count any more.
    let (tuesday, other) = (text(&before[1]["day"]), text(&before[4]["engineer"]["id"]));
    let shift = format!("/duty/developers/shifts/{tuesday}");
    lena.form(&format!("{shift}/cover"), &[("engineer", &other)]).await.expect(303);
    let wanted = [("until", "2026-06-05"), ("digest", digest.as_str())];
    let refused = lena.form("/duty/developers/plan/publish", &wanted).await.expect(409).text;
    assert!(refused.contains("has changed since you looked"), "{refused}");
    lena.form(&format!("{shift}/end-cover"), &[]).await.expect(303);
    lena.form("/duty/developers/plan/publish", &wanted).await.expect(303);

    let after = lena.read(TEAM).await;
    // The coming week stays as it was; all of it is the plan's now.
    for (was, is) in before.as_array().unwrap().iter().zip(after.as_array().unwrap()).skip(1).take(5) {
        assert_eq!((&is["engineer"], &is["origin"]), (&was["engineer"], &json!("published")), "{is}");
    }
    let page = lena.get(&format!("/plan?duty=developers&day={tuesday}")).await.expect(200).text;
    assert!(page.contains("Planned until") && page.contains("Plan 1, until"), "{page}");
    assert!(page.contains("Why ") && page.contains("their share would be"), "{page}");
    let log = lena.get("/log?duty=developers").await.expect(200).text;
    assert!(log.contains("the plan until 2026-06-05 counts: "), "{log}");

    // The same once more changes nothing for anybody.
    let again = lena.read(&format!("{PLAN}/proposal?until=2026-06-05")).await;
    assert_eq!(again["duties"][0]["moved"], json!([]), "{again}");
    assert_eq!(again["levels"]["change_cost"], json!({"value": 0, "proven": true}));
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_a_new_plan_moves_is_told_until_they_know() {
    let day = Day::set(setting()).await;
    let lena = day.session("lena", true).await;
    let said = day.onduty(&["plan", "publish", "--until", "2026-05-29", "--yes"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("It counts from now on."), "{}", said.out);
    let team = lena.read(TEAM).await;
    let (ahead, ill) = (text(&team[7]["day"]), text(&team[7]["engineer"]["id"]));

    // They call in sick for that day: only it needs somebody.
    let roster = day.files().join("roster.yml");
    let file = std::fs::read_to_string(&roster).unwrap();
    let line = file.lines().find(|line| line.trim_start().starts_with(&format!("{ill}:"))).unwrap();
    let away = line.replacen('{', &format!("{{leave: {ahead}, "), 1);
    std::fs::write(&roster, file.replace(line, &away)).unwrap();
    day.app.reload().await.unwrap();
    assert_eq!(day.app.instance().problems, []);
    let said = day.onduty(&["plan", "publish", "--until", "2026-05-29"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.out.contains("Nothing has changed. To let it count: onduty plan publish --until 2026-05-29 --digest ")
    );
    let digest = said.out.trim().rsplit(' ').next().unwrap().to_owned();
    let said = day.onduty(&["plan", "publish", "--until", "2026-05-29", "--digest", &digest, "--json"]).await;
    let counts: Value = serde_json::from_str(&said.out).unwrap();
    let moved = counts["duties"][0]["moved"].as_array().unwrap();
    assert!(moved.len() <= 2, "{moved:?}");

    let now = lena.read(TEAM).await;
    let taker = text(&now[7]["engineer"]["id"]);
    assert_ne!(taker, ill, "{now}");
    let other = day.session(&taker, false).await;
    if taker != "lena" {
        let moves = other.read(PLAN).await["moves"].clone();
        assert!(moves.as_array().unwrap().iter().any(|moved| moved["day"] == json!(ahead)), "{moves}");
        let page = other.get("/plan?duty=developers").await.expect(200).text;
        assert!(page.contains("Your turns have changed") && page.contains("you serve, instead of"), "{page}");
        other.form("/duty/developers/moves/seen", &[("until", &hidden(&page, "until"))]).await.expect(303);
        assert_eq!(other.read(PLAN).await["moves"], json!([]));
    }
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plans_are_for_those_who_look_after_the_duty() {
    let day = Day::set(setting()).await;
    let omar = day.session("omar", false).await;
    omar.get("/plan?duty=developers").await.expect(200);
    omar.get("/plan/proposal?duty=developers").await.expect(403);
    omar.form("/duty/developers/plan/publish", &[("until", "2026-06-05"), ("digest", "x")]).await.expect(403);
    let lena = day.session("lena", true).await;
    for (query, says) in [
        ("until=2026-03-01", "a plan ends between 2026-03-"),
        ("until=2029-01-01", "2029-01-01 does not"),
        ("until=soon", "soon is not a day; write it as 2026-03-02"),
    ] {
        let answer = lena.get(&format!("{PLAN}/proposal?{query}")).await.expect(400).text;
        assert!(answer.contains(says), "{answer}");
    }
    let answer = lena.get(&format!("{PLAN}?from=2026-03-01&to=2030-03-01")).await.expect(400).text;
    assert!(answer.contains("a period ends between"), "{answer}");
    let answer = lena.post(&format!("{PLAN}/publish"), &json!({"digest": "0"})).await.expect(409).text;
    assert!(answer.contains("has changed since you looked"), "{answer}");
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shift_is_offered_and_taken() {
    let day = Day::set(setting()).await;
    let lena = day.session("lena", false).await;
    let team = lena.read(TEAM).await;
    let of = |n: usize| (text(&team[n]["day"]), text(&team[n]["engineer"]["id"]));
    let ((first, giver), (second, taker)) = (of(2), of(3));
    let owner = day.session(&giver, false).await;
    let page = owner.get("/plan?duty=developers").await.expect(200).text;
    assert!(page.contains("Offer it") && page.contains("Nobody offers a shift."), "{page}");
    let fields = [("day", first.as_str()), ("to", taker.as_str()), ("in_return", second.as_str())];
    owner.form("/duty/developers/offers", &fields).await.expect(303);
    let said = day.onduty(&["plan", "swap", "list"]).await;
    assert_eq!(said.out.trim(), format!("{first} of {giver}, to {taker}, for {second}"));

    // Not theirs to take, nor their own.
    let own = json!({"engineer": giver});
    let refused = lena.post(&format!("/api/v1/duties/developers/shifts/{first}/take"), &own).await.expect(409).text;
    assert!(refused.contains(&format!("{giver} serves {first} already")), "{refused}");
    let third = text(
        &team
            .as_array()
            .unwrap()
            .iter()
            .find(|shift| {
                let id = text(&shift["engineer"]["id"]);
                id != giver && id != taker
            })
            .unwrap()["engineer"]["id"],
    );
    let path = format!("/api/v1/duties/developers/shifts/{first}/take");
    let refused = lena.post(&path, &json!({"engineer": third})).await.expect(409).text;
    assert!(refused.contains(&format!("is offered to {taker}")), "{refused}");

    let other = day.session(&taker, false).await;
    let page = other.get("/plan?duty=developers").await.expect(200).text;
    assert!(page.contains("Take it"), "{page}");
    other.form(&format!("/duty/developers/shifts/{first}/take"), &[]).await.expect(303);
    let swapped = lena.read(TEAM).await;
    assert_eq!(
        (text(&swapped[2]["engineer"]["id"]), text(&swapped[3]["engineer"]["id"])),
        (taker.clone(), giver.clone())
    );
    let moves = owner.read(PLAN).await["moves"].clone();
    assert_eq!(moves.as_array().unwrap().len(), 2, "{moves}");
    let said = day.onduty(&["plan", "swap", "list"]).await;
    assert_eq!(said.out.trim(), "nobody offers a shift");
    let said = day.onduty(&["plan", "swap", "end", &first]).await;
    assert_eq!(
        (said.code, said.err.trim()),
        (1, format!("the shift of {first} is not offered, or not any more").as_str())
    );
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_swaps_into_two_duties() {
    let roster = vec![(
        "duties:\n".to_owned(),
        "duties:\n  devops: {members: [omar], zone: Europe/Berlin, since: 2026-03-02}\n".to_owned(),
    )];
    let process = onduty_core::process::STARTER.replace("process: developers", "process: devops");
    let files = vec![("processes/devops.yml".to_owned(), process)];
    let day = Day::set(Setting { roster, files, ..setting() }).await;
    let lena = day.session("lena", true).await;
    let team = lena.read(TEAM).await;
    let shift = team.as_array().unwrap().iter().skip(1).find(|shift| shift["engineer"]["id"] != json!("omar")).unwrap();
    let path = format!("/api/v1/duties/developers/shifts/{}", text(&shift["day"]));
    lena.post(&format!("{path}/offer"), &json!({})).await.expect(200);
    let omar = day.session("omar", false).await;
    let refused = omar.post(&format!("{path}/take"), &json!({})).await.expect(409).text;
    assert!(refused.contains("omar serves devops on"), "{refused}");

    // Both duties are planned together: he never serves both.
    let made = lena.read(&format!("{PLAN}/proposal?until=2026-04-03")).await;
    let days = |duty: &str| -> Vec<String> {
        let of = made["duties"].as_array().unwrap().iter().find(|of| of["duty"] == json!(duty)).unwrap();
        let shifts = of["shifts"].as_array().unwrap().iter().filter(|shift| shift["engineer"]["id"] == json!("omar"));
        shifts.map(|shift| text(&shift["day"])).collect()
    };
    let (developers, devops) = (days("developers"), days("devops"));
    assert!(devops.len() > 10, "{devops:?}");
    assert!(developers.iter().all(|day| !devops.contains(day)), "{developers:?} {devops:?}");
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newcomer_watches_reads_and_serves_beside_somebody() {
    let roster = vec![
        ("engineers:\n".to_owned(), "engineers:\n  nia: {name: Nia Berg, joined: 2026-03-03}\n".to_owned()),
        ("members: [".to_owned(), "members: [nia, ".to_owned()),
    ];
    let day = Day::set(Setting { roster, ..setting() }).await;
    let lena = day.session("lena", true).await;
    let proposal = lena.get("/plan/proposal?duty=developers&until=2026-05-29").await.expect(200).text;
    assert!(
        proposal.contains("the first turn of Nia Berg, with ") && proposal.contains("Nia Berg watches "),
        "{proposal}"
    );
    let said = day.onduty(&["plan", "publish", "--until", "2026-05-29", "--yes"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    let team = lena.read(TEAM).await;
    let shifts = team.as_array().unwrap();
    let first = shifts.iter().position(|shift| shift["engineer"]["id"] == "nia").expect("a turn");
    let watched = shifts.iter().position(|shift| shift["shadow"]["id"] == "nia").expect("a shift to watch");
    assert!(watched < first && !shifts[first]["buddy"].is_null(), "{team}");
    let said = day.onduty(&["plan", "show"]).await;
    assert!(said.out.contains(", Nia Berg watches") && said.out.contains(" beside them"), "{}", said.out);

    let nia = day.session("nia", false).await;
    let plan = nia.get("/plan?duty=developers").await.expect(200).text;
    assert!(plan.contains("You are beside somebody"), "{plan}");
    let made = nia.post("/api/v1/account/calendar-feeds", &json!({"name": "phone"})).await.expect(200).json();
    let feed = made["address"].as_str().and_then(|address| address.strip_prefix(&day.url)).unwrap().to_owned();
    let calendar = crate::person::Person::nobody(&day.url).get(&feed).await.expect(200).text.replace("\r\n ", "");
    assert!(calendar.contains("SUMMARY:Watching ") && calendar.contains("SUMMARY:On duty: Developers"), "{calendar}");
    let turn: jiff::civil::Date = text(&shifts[first]["day"]).parse().unwrap();
    let begins = turn.saturating_sub(jiff::Span::new().days(3)).at(8, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC);
    day.app.clock.jump_to(begins.unwrap().timestamp());
    day.pass().await;
    let today = nia.get("/?duty=developers").await.expect(200).text;
    assert!(today.contains("Your first turn is ") && today.contains("Read what changed"), "{today}");
    let page = nia.get("/refresher?duty=developers").await.expect(200).text;
    assert!(page.contains("Before your first turn") && page.contains(" beside you"), "{page}");
    nia.form("/duty/developers/refresher/read", &[]).await.expect(303);
    assert!(!nia.get("/?duty=developers").await.expect(200).text.contains("Your first turn is "));
    let read = nia.read("/api/v1/duties/developers/refresher").await;
    assert_eq!((&read["last_turn"], read["read_at"].is_string()), (&Value::Null, true), "{read}");
    let log = lena.get("/log?duty=developers").await.expect(200).text;
    assert!(log.contains("read what to know before the first turn"), "{log}");
    let said = day.onduty(&["verify", "--replay"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planned_day_of_whoever_is_no_member_any_more_needs_somebody() {
    let day = Day::set(setting()).await;
    let lena = day.session("lena", true).await;
    let said = day.onduty(&["plan", "publish", "--until", "2026-04-30", "--yes"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    let team = lena.read(TEAM).await;
    let (ahead, gone) = (text(&team[12]["day"]), text(&team[12]["engineer"]["id"]));
    assert_ne!(gone, "lena", "{team}");
    let theirs: Vec<String> = team
        .as_array()
        .unwrap()
        .iter()
        .skip(1)
        .filter(|shift| shift["engineer"]["id"] == gone.as_str())
        .map(|shift| text(&shift["day"]))
        .collect();
    let roster = day.files().join("roster.yml");
    let file = std::fs::read_to_string(&roster).unwrap();
    let members = file.lines().find(|line| line.trim_start().starts_with("members: [")).unwrap();
    let others = members.replacen(&format!("{gone}, "), "", 1).replacen(&format!(", {gone}]"), "]", 1);
    std::fs::write(&roster, file.replace(members, &others)).unwrap();
    day.app.reload().await.unwrap();
    let holes = lena.read(PLAN).await["holes"].clone();
    let holes: Vec<String> = holes.as_array().unwrap().iter().map(text).collect();
    assert!(holes.contains(&ahead) && theirs.iter().all(|day| holes.contains(day)), "{holes:?} {theirs:?}");
    // What the roster fills in needs nobody.
    let file = std::fs::read_to_string(&roster).unwrap();
    let filled = file.replacen(&others, &format!("{others}\n    overrides: {{{ahead}: lena}}"), 1);
    std::fs::write(&roster, filled).unwrap();
    day.app.reload().await.unwrap();
    let holes = lena.read(PLAN).await["holes"].clone();
    assert!(!holes.as_array().unwrap().contains(&json!(ahead)), "{holes}");
    day.end().await;
}
