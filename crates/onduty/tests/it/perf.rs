//! `onduty perf compare` on files that the test writes: what is said, what is left out, what is refused.

use crate::tools::{Said, onduty};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;

/// Wednesday, 4 March 2026, 16:00 UTC.
const ROLLOUT_MS: i64 = 1_772_640_000_000;
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// A request a minute and endpoint would be too quiet; here are eight, for an hour before and 70 minutes after, on a week.
/// `slower` is 40 % slower after the rollout.
fn week(path: &Path) {
    let mut text = "timestamp_ms,endpoint,duration_ms,status\n".to_owned();
    let mut noise = 1_u64;
    for day in 0..7 {
        for minute in -60..70 {
            for endpoint in ["slower", "calm", "<b>\u{1b}[31m", "busy", "a", "b", "c", "d", "e", "f", "g", "h"] {
                for request in 0..8 {
                    noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let wide = 1.0 + (noise >> 40) as f64 / f64::from(1_u32 << 24);
                    let factor = if endpoint == "slower" && day == 0 && minute >= 0 { 1.4 } else { 1.0 };
                    let at = ROLLOUT_MS - day * DAY_MS + minute * MINUTE_MS + request * 7_000;
                    writeln!(text, "{at},{endpoint},{:.3},200", 50.0 * factor * wide).unwrap();
                }
            }
        }
    }
    writeln!(text, "{ROLLOUT_MS},calm,NaN,200\n{ROLLOUT_MS},calm,-5,200").unwrap();
    std::fs::write(path, text).unwrap();
}

async fn compare(folder: &Path, more: &[&str]) -> Said {
    onduty(folder, &[], &[&["perf", "compare", "week.csv"], more].concat()).await
}

#[tokio::test]
async fn the_slower_endpoint_is_named_with_its_reasons() {
    let folder = tempfile::tempdir().unwrap();
    week(&folder.path().join("week.csv"));
    let said = compare(folder.path(), &["--rollout", "2026-03-04T16:00:00Z", "--json"]).await;
    assert_eq!(said.code, 1, "{said:?}");
    let rows: Vec<Value> = serde_json::from_str(&said.out).unwrap();
    assert_eq!(rows.len(), 12);
    let first = &rows[0];
    assert_eq!(
        (&first["endpoint"], &first["verdict"], &first["rank"]),
        (&"slower".into(), &"regressed".into(), &1.into())
    );
    let effect = first["effect"].as_f64().unwrap();
    assert!((effect - 0.4).abs() < 0.08, "{first}");
    let [low, high] = [0, 1].map(|end| first["interval"][end].as_f64().unwrap());
    assert!(low < effect && effect < high, "{first}");
    assert!(first["q_value"].as_f64().unwrap() < 0.1 && first["added_seconds_per_hour"].as_f64().unwrap() > 0.0);
    assert_eq!((&first["before"]["n"], &first["after"]["n"]), (&480.into(), &480.into()));
    assert!(first["before"]["p95_ms"].as_f64().unwrap() > first["before"]["p50_ms"].as_f64().unwrap());
    assert_eq!(first["reasons"][0]["reason"], "earlier_days");
    assert!(rows[1..].iter().all(|row| row["rank"].is_null() && row["verdict"] != "regressed"), "{rows:?}");
}

#[tokio::test]
async fn people_read_what_it_costs_and_what_was_left_out() {
    let folder = tempfile::tempdir().unwrap();
    week(&folder.path().join("week.csv"));
    let said = compare(folder.path(), &["--rollout", "1772640000000"]).await;
    assert!(
        said.out
            .starts_with("1 slower of 12 judged (100\u{a0}% of requests, 100\u{a0}% of time)\n\n  1  slower slower\n"),
        "{}",
        said.out
    );
    assert!(
        said.out.contains("users wait ") && said.out.contains("compared with the same hours of 4 earlier days"),
        "{}",
        said.out
    );
    insta::assert_snapshot!(said.err.trim_end(), @r"
    left out: 1 line with a duration that is NaN or infinite; the first is week.csv, line 87362
    left out: 1 line with a negative duration; the first is week.csv, line 87363
    ");
}

#[tokio::test]
async fn quiet_when_nothing_happened() {
    let folder = tempfile::tempdir().unwrap();
    week(&folder.path().join("week.csv"));
    let said = compare(folder.path(), &["--rollout", "2026-03-03T16:00:00Z"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.starts_with("0 slower of 12 judged"), "{}", said.out);
}

#[tokio::test]
async fn too_little_is_no_good_news() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("week.csv");
    week(&path);
    let text = std::fs::read_to_string(&path).unwrap();
    let calm = text.replace(",slower,", ",even,");
    let rollout = ["--rollout", "2026-03-03T16:00:00Z"];
    // The same without most requests of each endpoint: one a minute is judged, one in ten minutes is not.
    let quiet: Vec<&str> = calm.lines().enumerate().filter(|(at, _)| at % 40 == 0).map(|(_, line)| line).collect();
    std::fs::write(&path, quiet.join("\n")).unwrap();
    let said = compare(folder.path(), &rollout).await;
    assert_eq!(said.code, 1, "{said:?}");
    let expected =
        "too little is judged to call the rollout fine: 80\u{a0}% of requests and of their time are needed\n";
    assert!(said.out.starts_with("0 slower of 0 judged") && said.out.contains(expected), "{}", said.out);
    // One line in ten cannot be read.
    let broken: Vec<String> = calm
        .lines()
        .enumerate()
        .map(|(at, line)| if at % 10 == 9 { line.replace(",200", "") } else { line.to_owned() })
        .collect();
    std::fs::write(&path, broken.join("\n")).unwrap();
    let said = compare(folder.path(), &rollout).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.err.ends_with("so much is left out that the rest is not enough to call the rollout fine\n"),
        "{}",
        said.err
    );
    // Everything is slower: nobody's fault, and no good news.
    let slow = calm.lines().filter(|line| !line.contains(",even,")).map(|line| {
        let mut fields: Vec<String> = line.split(',').map(str::to_owned).collect();
        if fields[0].parse().is_ok_and(|at: i64| at >= ROLLOUT_MS)
            && let Ok(ms) = fields[2].parse::<f64>()
        {
            fields[2] = (ms * 1.3).to_string();
        }
        fields.join(",")
    });
    std::fs::write(&path, slow.collect::<Vec<_>>().join("\n")).unwrap();
    let said = compare(folder.path(), &["--rollout", "2026-03-04T16:00:00Z"]).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.starts_with("0 slower of 11 judged"), "{}", said.out);
    assert!(
        said.out.contains(
            "% slower (11 endpoints say so); that is not blamed on any endpoint
"
        ),
        "{}",
        said.out
    );
}

#[tokio::test]
async fn failing_more_often_is_said_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    week(&folder.path().join("week.csv"));
    let text = std::fs::read_to_string(folder.path().join("week.csv")).unwrap();
    let mut calm = 0;
    let failing: Vec<String> = text
        .lines()
        .map(|line| {
            let is_after =
                line.split(',').next().and_then(|at| at.parse().ok()).is_some_and(|at: i64| at >= ROLLOUT_MS);
            calm += usize::from(is_after && line.contains(",calm,"));
            if is_after && line.contains(",calm,") && calm % 5 == 0 {
                line.replace(",200", ",503")
            } else {
                line.to_owned()
            }
        })
        .collect();
    std::fs::write(folder.path().join("week.csv"), failing.join("\n").replace("slower", "even")).unwrap();
    let rollout = ["--rollout", "2026-03-04T16:00:00Z"];
    let said = compare(folder.path(), &rollout).await;
    assert_eq!(said.code, 1);
    assert!(
        said.out.contains("calm fails more often: 96 of 480 requests (20.0 %) after the rollout, none before\n"),
        "{}",
        said.out
    );
    let said = compare(folder.path(), &[&rollout[..], &["--json"]].concat()).await;
    let rows: Vec<Value> = serde_json::from_str(&said.out).unwrap();
    let calm = rows.iter().find(|row| row["endpoint"] == "calm").unwrap();
    assert_eq!((&calm["failing"]["after"]["failed"], &calm["verdict"]), (&96.into(), &"unchanged".into()));
}

#[tokio::test]
async fn names_from_outside_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    week(&folder.path().join("week.csv"));
    let text =
        std::fs::read_to_string(folder.path().join("week.csv")).unwrap().replace("slower", "<b>\u{1b}]0;evil\u{7}");
    std::fs::write(folder.path().join("week.csv"), text).unwrap();
    let said = compare(folder.path(), &["--rollout", "2026-03-04T16:00:00Z"]).await;
    assert!(!said.out.contains('\u{1b}') && !said.out.contains('\u{7}'), "{:?}", said.out);
}

#[tokio::test]
async fn more_endpoints_than_fit_are_said() {
    let folder = tempfile::tempdir().unwrap();
    week(&folder.path().join("week.csv"));
    let said = compare(folder.path(), &["--rollout", "2026-03-04T16:00:00Z", "--endpoints", "5"]).await;
    assert!(said.out.contains("7 endpoints beyond the cap with "), "{}", said.out);
    assert!(said.out.contains("of 5 judged (42\u{a0}% of requests"), "{}", said.out);
}

#[tokio::test]
async fn bad_input_is_refused_with_a_mend() {
    let folder = tempfile::tempdir().unwrap();
    let file = |text: &str| std::fs::write(folder.path().join("week.csv"), text).unwrap();
    let refused = async |more: &[&str]| {
        let said = compare(folder.path(), more).await;
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{said:?}");
        said.err
    };
    let rollout = ["--rollout", "2026-03-04T16:00:00Z"];
    file("time,endpoint\n");
    assert!(
        refused(&rollout)
            .await
            .starts_with("week.csv, line 1: there is no column `timestamp_ms`; expected a header such as")
    );
    file("timestamp_ms,endpoint,duration_ms\n1772640000,a,5\n");
    assert!(
        refused(&rollout)
            .await
            .contains("the times in the files look like seconds; milliseconds since 1970 are expected")
    );
    file("timestamp_ms,endpoint,duration_ms\n1772640000000,a,5\n");
    let nothing = refused(&rollout).await;
    assert!(
        nothing.contains("no request is in the window after the rollout, 2026-03-04T16:10:00Z to 2026-03-04T17:10:00Z"),
        "{nothing}"
    );
    assert!(refused(&["--rollout", "noon"]).await.contains("neither a time such as"));
    assert!(refused(&["--rollout", "2026-03-04T16:00:00Z..2026-03-04T15:00:00Z"]).await.contains("before it begins"));
    assert!(refused(&["--rollout", "1772640000000", "--zone", "Mars"]).await.contains("no time zone such as"));
    assert!(refused(&["--rollout", "1772640000000", "--window", "0s"]).await.contains("is too short"));
    let missing = onduty(folder.path(), &[], &["perf", "compare", "none.csv", "--rollout", "1772640000000"]).await;
    assert_eq!(missing.code, 2);
    assert!(missing.err.starts_with("none.csv, after line 0: cannot be read"), "{}", missing.err);
}

#[tokio::test]
async fn access_logs_tell_which_route_got_slower() {
    let folder = tempfile::tempdir().unwrap();
    week(&folder.path().join("week.csv"));
    let rows = std::fs::read_to_string(folder.path().join("week.csv")).unwrap();
    let mut days = std::collections::BTreeMap::<String, String>::new();
    for (number, row) in rows.lines().skip(1).enumerate() {
        let fields: Vec<&str> = row.split(',').collect();
        let Ok(ms) = fields[2].parse::<f64>() else { continue };
        let at = jiff::Timestamp::from_millisecond(fields[0].parse().unwrap()).unwrap();
        let name = fields[1].trim_matches(|c: char| !c.is_ascii_alphabetic());
        let (day, time) = (at.strftime("%Y-%m-%d").to_string(), at.strftime("%d/%b/%Y:%H:%M:%S +0000"));
        let line = format!(
            "10.0.0.{} - - [{time}] \"GET /{name}/{number} HTTP/1.1\" {} 17 \"-\" \"a \\\"b\\\"\" {:.0}\n",
            number % 250,
            fields[3],
            ms.max(0.0) * 1e3
        );
        days.entry(day).or_default().push_str(&line);
    }
    let files: Vec<String> = days.keys().map(|day| format!("access.log-{day}")).collect();
    days.values().zip(&files).for_each(|(text, file)| std::fs::write(folder.path().join(file), text).unwrap());
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let compare = ["perf", "compare", "--rollout", "2026-03-04T16:00:00Z", "--json"];
    let said = onduty(folder.path(), &[], &[&compare[..], &files].concat()).await;
    assert_eq!(said.code, 2, "{said:?}");
    assert!(
        said.err.contains("line 1: nothing says the unit of `") && said.err.contains("--duration-unit"),
        "{said:?}"
    );
    let said = onduty(folder.path(), &[], &[&compare[..], &["--duration-unit", "us"], &files].concat()).await;
    assert_eq!(said.code, 1, "{said:?}");
    let rows = said.json();
    let slower: Vec<&Value> = rows
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["verdict"] == "regressed")
        .map(|row| &row["endpoint"])
        .collect();
    assert_eq!(slower, ["GET /slower/{id}"]);
    let effect = rows[0]["effect"].as_f64().unwrap();
    assert!((effect - 0.4).abs() < 0.08, "{effect}");
}
