//! Leave that people tell: it counts at once, whoever serves instead is told, and a replay has it.

use crate::day::{Day, Setting};
use serde_json::{Value, json};

fn setting() -> Setting {
    Setting { tasks: false, ..Setting::default() }
}

const TEAM: &str = "/api/v1/duties/developers/team";
const LEAVE: &str = "/api/v1/duties/developers/leave";

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leave_counts_at_once_and_whoever_serves_instead_is_told() {
    let day = Day::set(setting()).await;
    let lena = day.session("lena", true).await;
    let said = day.onduty(&["plan", "publish", "--until", "2026-04-30", "--yes"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    let before = lena.read(TEAM).await;
    let (when, ill) = (text(&before[3]["day"]), text(&before[3]["engineer"]["id"]));
    let fields = [("engineer", ill.as_str()), ("from", when.as_str()), ("to", ""), ("kind", "sick")];
    lena.form("/duty/developers/leave", &fields).await.expect(303);

    let after = lena.read(TEAM).await;
    let taker = text(&after[3]["engineer"]["id"]);
    assert_ne!(taker, ill, "{after}");
    let other = day.session(&taker, false).await;
    let page = other.get("/plan?duty=developers").await.expect(200).text;
    assert!(page.contains("Your turns have changed") || taker == "lena", "{page}");
    assert!(page.contains("planned day") && page.contains("There after all"), "{page}");
    // Nobody else learns why.
    let log = lena.get("/log?duty=developers").await.expect(200).text;
    assert!(log.contains(" is away ") && !log.contains("sick"), "{log}");
    let seen = lena.read(LEAVE).await;
    assert_eq!((&seen[0]["engineer"], &seen[0]["kind"]), (&json!(ill), &Value::Null), "{seen}");
    let own = day.session(&ill, false).await.read(LEAVE).await;
    assert_eq!(own[0]["kind"], "sick");

    // A plan made anew mends only that day.
    let made = lena.read("/api/v1/duties/developers/plan/proposal?until=2026-04-30").await;
    assert_eq!(made["levels"]["uncovered"]["value"], 0, "{made}");
    let said = day.onduty(&["plan", "publish", "--until", "2026-04-30", "--yes"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(lena.read("/api/v1/duties/developers/plan").await["holes"], json!([]));

    // It outlives the files' next version, and a replay comes to the same board.
    let roster = day.files().join("roster.yml");
    let file = std::fs::read_to_string(&roster).unwrap();
    std::fs::write(&roster, format!("{file}# read again\n")).unwrap();
    day.app.reload().await.unwrap();
    assert_ne!(lena.read(TEAM).await[3]["engineer"]["id"], json!(ill));
    let said = day.onduty(&["verify", "--replay"]).await;
    assert_eq!(said.code, 0, "{said:?}");

    let id = text(&seen[0]["id"]);
    lena.form(&format!("/duty/developers/leave/{id}/end"), &[]).await.expect(303);
    assert_eq!(lena.read(LEAVE).await, json!([]));
    lena.form(&format!("/duty/developers/leave/{id}/end"), &[]).await.expect(404);
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leave_comes_from_files_and_scripts() {
    let day = Day::set(setting()).await;
    let table = day.path("leave.csv");
    std::fs::write(&table, "engineer,from,to,kind\nlena,2026-03-16,2026-03-20,\nomar,2026-04-01,,sick\n").unwrap();
    let table = table.to_str().unwrap();
    let said = day.onduty(&["plan", "leave", "import", table]).await;
    assert_eq!((said.code, said.out.trim()), (0, "2 new, 0 known already"), "{said:?}");
    let said = day.onduty(&["plan", "leave", "import", table]).await;
    assert_eq!((said.code, said.out.trim()), (0, "0 new, 2 known already"), "{said:?}");
    let calendar = day.path("lena.ics");
    let event = "BEGIN:VEVENT\r\nUID:1\r\nDTSTART;VALUE=DATE:20260504\r\nDTEND;VALUE=DATE:20260509\r\nEND:VEVENT\r\n";
    std::fs::write(&calendar, format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{event}END:VCALENDAR\r\n")).unwrap();
    let calendar = calendar.to_str().unwrap();
    let said = day.onduty(&["plan", "leave", "import", calendar]).await;
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("is a calendar of one engineer; say whose with --engineer"), "{}", said.err);
    let said = day.onduty(&["plan", "leave", "import", calendar, "--engineer", "lena"]).await;
    assert_eq!((said.code, said.out.trim()), (0, "1 new, 0 known already"), "{said:?}");
    let said = day.onduty(&["plan", "leave", "list"]).await;
    assert!(said.out.contains("  lena 2026-03-16..2026-03-20  by lena\n"), "{said:?}");
    assert!(said.out.contains("  lena 2026-05-04..2026-05-08  by lena\n"), "{said:?}");
    let lena = day.session("lena", false).await;
    let shifts = lena.read(TEAM).await;
    let away = shifts.as_array().unwrap().iter().filter(|shift| shift["engineer"]["id"] == "lena");
    assert!(
        away.clone().all(|shift| !("2026-03-16".."2026-03-21").contains(&shift["day"].as_str().unwrap())),
        "{shifts}"
    );

    for (told, says) in [
        (json!({"engineer": "nobody", "from": "2026-03-02"}), "leave[0].nobody is no member of this duty"),
        (json!({"from": "soon"}), "leave[0].from: soon is not a day; write it as 2026-03-02"),
        (json!({"from": "2026-03-06", "to": "2026-03-02"}), "2026-03-02 does not fit 2026-03-06"),
        (json!({"from": "2026-03-06", "to": "2036-03-02"}), "at most 800 days later"),
        (json!({"from": "2026-03-06", "kind": "moon"}), "leave[0].kind: leave is planned, long or sick"),
    ] {
        let answer = lena.post(LEAVE, &json!({"leave": [told]})).await.expect(400).text;
        assert!(answer.contains(says), "{answer}");
    }
    day.end().await;
}
