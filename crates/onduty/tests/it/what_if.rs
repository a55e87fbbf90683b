//! What if the team were another one: the page, the answer for scripts, and the command line.

use crate::day::{Day, Setting};
use crate::tools::Said;
use serde_json::json;

/// Eight engineers, so that a build that is slow plans them in no time.
fn setting() -> Setting {
    let people = ["lena", "omar", "priya", "asa", "sam", "layla", "noor", "hiroshi"];
    let roster = vec![("    members: [".to_owned(), format!("    members: [{}] # ", people.join(", ")))];
    Setting { tasks: false, roster, ..Setting::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_larger_team_is_planned_and_compared() {
    let day = Day::set(setting()).await;
    let lena = day.session("lena", false).await;
    let plan = lena.get("/plan?duty=developers").await.expect(200).text;
    assert!(plan.contains("/plan/what-if?duty=developers"), "{plan}");
    let before = lena.read("/api/v1/duties/developers/plan").await;

    // Nothing is planned before something is asked.
    let page = lena.get("/plan/what-if?duty=developers").await.expect(200).text;
    assert!(page.contains("What if the team were another one?") && !page.contains("Now and then"), "{page}");

    let path = "/api/v1/duties/developers/plan/what-if?engineers=16&shadow=1h&horizon=20&from=8&to=10";
    let answer = lena.read(path).await;
    assert_eq!(answer["question"], "engineers=16; shadow=1h; horizon=20w");
    let (now, after) = (&answer["now"], &answer["after"]);
    assert_eq!((&now["engineers"], &after["engineers"], &after["pools"]), (&json!(8), &json!(16), &json!([16])));
    let mean = |of: &serde_json::Value| of["days_between"]["mean"].as_f64().unwrap();
    assert!((mean(now) - 11.2).abs() < 1.5 && (mean(after) - 22.4).abs() < 3.0, "{answer}");
    assert_eq!(after["days_since_seen"]["days"], 1, "{after}");
    assert!(after["person_days_a_year"]["shadows"].as_f64().unwrap() > 20.0);
    assert_eq!(now["person_days_a_year"]["shadows"], 0.0);
    assert_eq!(now["uncovered"], 0);
    assert!(now["unseen_changes"].is_null() && answer["process"]["changes"] == 0, "the process is new: {answer}");
    assert_eq!(now["heaviest"].as_array().unwrap().len(), 3);
    let curve = answer["curve"].as_array().unwrap();
    assert_eq!(
        curve.iter().map(|of| of["engineers"].as_u64().unwrap()).collect::<Vec<_>>(),
        (8..=10).collect::<Vec<_>>()
    );
    assert!(mean(&curve[2]) > 1.1 * mean(&curve[0]), "{curve:?}");

    // The page says the same, as text and as a drawing with a table beside it.
    let page = lena
        .get("/plan/what-if?duty=developers&q=engineers=16%3B+shadow%3D1h%3B+horizon%3D20&sweep=engineers%3D8..10")
        .await;
    let page = page.expect(200).text;
    assert!(page.contains(answer["headline"].as_str().unwrap()), "{page}");
    for part in ["Now and then", "8 engineers are added", "role=\"img\"", "class=\"curve\"", "How this was found"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert_eq!(lena.read("/api/v1/duties/developers/plan").await, before, "asking changes nothing");

    // Names and divided duties.
    let answer = lena.read("/api/v1/duties/developers/plan/what-if?without=lena,omar&split=2&horizon=4&cold=5").await;
    assert_eq!((&answer["after"]["pools"], &answer["gone"]), (&json!([3, 3]), &json!(["lena", "omar"])));
    assert_eq!(answer["after"]["days"].as_u64().unwrap(), 2 * answer["now"]["days"].as_u64().unwrap());
    assert!(
        answer["now"]["cold_share"].as_f64().unwrap() > answer["after"]["cold_share"].as_f64().unwrap(),
        "{answer}"
    );
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_asked_is_said() {
    let day = Day::set(setting()).await;
    let lena = day.session("lena", false).await;
    for (query, said) in [
        ("enginers=3", "there is no `enginers`; did you mean `engineers`?"),
        ("engineers=3&q=engineers%3D4", "`engineers` is said twice"),
        ("engineers=301", "from 1 to 300"),
        ("without=zoe", "nobody of this name takes turns"),
        ("split=9", "each of the duties needs somebody, and there are 8 engineers"),
        ("sweep=split%3D1..3", "a range of engineers is expected"),
        ("from=9&to=3", "a range begins with the smaller number"),
        ("engineers=%3Cscript%3E%E2%80%AE", "`engineers=<script>␮`"),
    ] {
        let answer = lena.get(&format!("/api/v1/duties/developers/plan/what-if?{query}")).await.expect(400).text;
        let shown: String =
            serde_json::from_str::<serde_json::Value>(&answer).unwrap()["error"].as_str().unwrap().to_owned();
        if query.contains("script") {
            assert!(shown.contains("a number of engineers") && !shown.contains('\u{202e}'), "{shown}");
        } else {
            assert!(shown.contains(said), "{query}: {shown}");
        }
        let page = lena.get(&format!("/plan/what-if?duty=developers&{query}")).await.expect(200).text;
        assert!(page.contains("That cannot be answered") && !page.contains("<script>\u{202e}"), "{query}: {page}");
    }
    crate::person::Person::nobody(&day.url).get("/api/v1/duties/developers/plan/what-if").await.expect(401);
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_asks() {
    let day = Day::set(setting()).await;
    let ends = |said: Said, code: i32| {
        assert_eq!(said.code, code, "{said:?}");
        said
    };
    let said =
        ends(day.onduty(&["plan", "what-if", "engineers=12; horizon=4", "--sweep", "engineers=6..7"]).await, 0).out;
    for part in [
        "engineers=12; horizon=4w",
        "Days between turns, median",
        "carries most then: ",
        "days between turns  cold",
        "▇",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let answer = ends(day.onduty(&["plan", "what-if", "horizon=4", "--json"]).await, 0).json();
    assert_eq!((&answer["question"], &answer["after"]), (&json!("horizon=4w"), &json!(null)));
    let refused = ends(day.onduty(&["plan", "what-if", "enginers=12; split=0"]).await, 2).err;
    assert!(refused.contains("`enginers=12`: there is no `enginers`; did you mean `engineers`?"), "{refused}");
    assert!(refused.contains("`split=0`: a number of duties from 1 to 20"), "all of it at once: {refused}");
    ends(day.onduty(&["plan", "what-if", "--sweep", "engineers=5"]).await, 2);
    day.end().await;
}
