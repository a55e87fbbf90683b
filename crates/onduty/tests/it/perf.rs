//! `onduty perf compare` on files that the test writes: what is said, what is left out, what is refused.

use crate::tools::{ONDUTY, Said, is_full, onduty};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::Write as _;
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
async fn what_does_not_say_how_requests_were_answered_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("week.csv");
    week(&path);
    let text = std::fs::read_to_string(&path).unwrap().replace(",status\n", ",host\n");
    std::fs::write(&path, text).unwrap();
    let said = compare(folder.path(), &["--rollout", "2026-03-03T16:00:00Z"]).await;
    let told = "no status: week.csv has no column `status`, so that nobody knows whether more requests fail\n";
    assert!(said.code == 0 && said.err.ends_with(told), "{said:?}");
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

/// The same with at most `megabytes` of memory.
async fn compare_within(megabytes: u32, folder: &Path, more: &[&str]) -> Said {
    let limited = format!("ulimit -d {} && exec \"$0\" perf compare \"$@\"", megabytes * 1024);
    let mut command = tokio::process::Command::new("sh");
    command.args(["-c", &limited, ONDUTY]).args(more).current_dir(folder).kill_on_drop(true);
    Said::of(&command.output().await.unwrap())
}

/// Names that somebody makes up fill neither the memory nor the answer.
#[tokio::test]
async fn any_number_of_endpoints_fits() {
    let folder = tempfile::tempdir().unwrap();
    let number = if is_full() { 10_000_000 } else { 300_000 };
    let mut file = std::io::BufWriter::new(std::fs::File::create(folder.path().join("many.csv")).unwrap());
    writeln!(file, "timestamp_ms,endpoint,duration_ms,status").unwrap();
    for request in 0..number {
        let at = ROLLOUT_MS + 10 * MINUTE_MS + request * 60 * MINUTE_MS / number;
        writeln!(file, "{at},GET /made/up/{request},5,200\n{at},GET /real,{},200", 50 + request % 7).unwrap();
    }
    file.into_inner().unwrap();
    let said = compare_within(192, folder.path(), &["many.csv", "--rollout", "2026-03-04T16:00:00Z"]).await;
    assert_eq!(said.code, 1, "{said:?}");
    let beyond = said.out.lines().find(|line| line.contains("beyond the cap")).unwrap_or_else(|| panic!("{said:?}"));
    // The filter takes a few new names for dropped ones.
    let told: i64 = beyond.split(' ').next().unwrap().replace(['\u{a0}', ',', '\u{202f}'], "").parse().unwrap();
    assert!((number * 9 / 10..=number).contains(&told), "{beyond}");
    assert!(said.out.contains("0 slower"), "{}", said.out);
}

/// A file that becomes a thousand times as large takes its time, not the memory.
#[tokio::test]
async fn a_compressed_file_may_be_anything() {
    use flate2::{Compression, write::GzEncoder};
    let folder = tempfile::tempdir().unwrap();
    let rollout = ["--rollout", "2026-03-04T16:00:00Z"];
    let megabytes: u64 = if is_full() { 400 } else { 40 };
    for (name, byte) in [("line.csv.gz", b'7'), ("ends.csv.gz", b'\n')] {
        let file = std::fs::File::create(folder.path().join(name)).unwrap();
        let mut gzip = GzEncoder::new(file, Compression::fast());
        writeln!(gzip, "timestamp_ms,endpoint,duration_ms,status").unwrap();
        for _ in 0..megabytes {
            gzip.write_all(&vec![byte; 1 << 20]).unwrap();
        }
        writeln!(gzip, "\n{},GET /real,50,200", ROLLOUT_MS + 20 * MINUTE_MS).unwrap();
        gzip.finish().unwrap();
        assert!(std::fs::metadata(folder.path().join(name)).unwrap().len() < megabytes << 14);
        let said = compare_within(24, folder.path(), &[&[name], &rollout[..]].concat()).await;
        assert_eq!(said.code, 1, "{said:?}");
        assert_eq!(said.err.contains("1 line longer than 64 KB"), byte == b'7', "{}", said.err);
        assert!(said.out.contains("of 0 judged"), "{}", said.out);
    }
}

/// A clock that is wrong puts requests elsewhere; they are not counted, and where nothing is left that is said.
#[tokio::test]
async fn a_clock_that_is_wrong_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let of = |by: i64| {
        let mut text = "timestamp_ms,endpoint,duration_ms,status\n".to_owned();
        (0..200)
            .for_each(|at| writeln!(text, "{},GET /a,50,200", ROLLOUT_MS + (20 + at % 40) * MINUTE_MS + by).unwrap());
        text
    };
    for (by, expected) in [
        (-400 * DAY_MS, "no request is in the window after the rollout"),
        (30 * DAY_MS, "the files reach from 2026-04-03T16:20:00Z to 2026-04-03T16:59:00Z"),
        (i64::MAX / 2 - ROLLOUT_MS, "no request is in the window after the rollout"),
    ] {
        std::fs::write(folder.path().join("week.csv"), of(by)).unwrap();
        let said = compare(folder.path(), &["--rollout", "2026-03-04T16:00:00Z"]).await;
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.err.contains(expected), "{by}: {}", said.err);
    }
}

/// Lines in any order say the same; a line that is there twice is two requests.
#[tokio::test]
async fn lines_in_any_order_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    week(&folder.path().join("week.csv"));
    let rollout = ["--rollout", "2026-03-04T16:00:00Z", "--json"];
    let said = async || -> Vec<(String, String, u64)> {
        let said = compare(folder.path(), &rollout).await;
        let all: Value = serde_json::from_str(&said.out).unwrap();
        let row = |row: &Value| {
            let text = |key: &str| row[key].as_str().unwrap().to_owned();
            (text("endpoint"), text("verdict"), row["after"]["n"].as_u64().unwrap())
        };
        all.as_array().unwrap().iter().map(row).collect()
    };
    let in_order = said().await;
    let text = std::fs::read_to_string(folder.path().join("week.csv")).unwrap();
    let (header, rows) = text.split_once('\n').unwrap();
    // A stride that meets every line once, far from the one before.
    let lines: Vec<&str> = rows.lines().collect();
    assert_ne!(lines.len() % 7919, 0);
    let shuffled: Vec<&str> = (0..lines.len()).map(|at| lines[at * 7919 % lines.len()]).collect();
    std::fs::write(folder.path().join("week.csv"), format!("{header}\n{}\n", shuffled.join("\n"))).unwrap();
    assert_eq!(said().await, in_order);
    std::fs::write(folder.path().join("week.csv"), format!("{text}{rows}")).unwrap();
    let twice: Vec<u64> = said().await.iter().map(|(.., n)| *n).collect();
    assert_eq!(twice, in_order.iter().map(|(.., n)| n * 2).collect::<Vec<_>>());
}
