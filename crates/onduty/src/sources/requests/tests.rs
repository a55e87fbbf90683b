use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::tz::TimeZone;
use onduty_core::perf::{Lengths, Rollout};
use std::io::Write;

const ROLLOUT_MS: i64 = 1_772_460_000_000; // 2026-03-02T14:00:00Z
const AFTER_MS: i64 = ROLLOUT_MS + 15 * 60 * 1000;

fn windows() -> Windows {
    let at = jiff::Timestamp::from_millisecond(ROLLOUT_MS).unwrap();
    Windows::around(Rollout { start: at, end: at }, Lengths::default(), &TimeZone::UTC).unwrap()
}

/// Reads a file with these bytes: endpoints with their requests, and what was said.
fn read_bytes(bytes: &[u8]) -> Result<(Vec<(String, u64)>, Reading), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("requests.csv");
    std::fs::write(&path, bytes).unwrap();
    let (mut table, mut reading) = (Table::new(100), Reading::default());
    let logs = Logs::of(std::slice::from_ref(&path), None);
    read(&path, &logs, &windows(), &mut table, &mut reading)
        .map_err(|error| error.to_string().replace(path.to_str().unwrap(), "requests.csv"))?;
    let endpoints = table.finish().0.into_iter().map(|(name, endpoint)| (name, endpoint.requests)).collect();
    Ok((endpoints, reading))
}

fn named(name: &str, requests: u64) -> (String, u64) {
    (name.to_owned(), requests)
}

#[test]
fn requests_with_and_without_a_status() {
    let text = format!("timestamp_ms,endpoint,duration_ms,status\n{AFTER_MS},a,12.5,200\n{AFTER_MS},b,3,-\n");
    let (endpoints, reading) = read_bytes(text.as_bytes()).unwrap();
    assert_eq!(endpoints, [named("a", 1), named("b", 1)]);
    assert_eq!((reading.rows, reading.within, reading.after), (2, 2, 2));
}

#[test]
fn columns_come_in_any_order_and_may_be_strange() {
    let text =
        format!("\u{feff}host,Endpoint,\"duration_ms\",timestamp\r\nweb1,\"GET \"\"/a,b\"\"\",2.5,{AFTER_MS}\r\n");
    assert_eq!(read_bytes(text.as_bytes()).unwrap().0, [named("GET \"/a,b\"", 1)]);
}

#[test]
fn summaries_count_their_requests() {
    let text = format!("timestamp_ms,endpoint,count,p50_ms,mean_ms\n{AFTER_MS},a,20,,3020.7\n{AFTER_MS},a,5.0,10,\n");
    assert_eq!(read_bytes(text.as_bytes()).unwrap().0, [named("a", 25)]);
}

#[test]
fn compressed_is_the_same_even_in_several_members() {
    let mut bytes = Vec::new();
    for part in
        ["timestamp_ms,endpoint,duration_ms\n".to_owned(), format!("{AFTER_MS},a,1\n"), format!("{AFTER_MS},a,1")]
    {
        let mut encoder = GzEncoder::new(&mut bytes, Compression::fast());
        encoder.write_all(part.as_bytes()).unwrap();
        encoder.finish().unwrap();
    }
    assert_eq!(read_bytes(&bytes).unwrap().0, [named("a", 2)]);
    let cut = read_bytes(&bytes[..bytes.len() - 9]).unwrap_err();
    assert!(cut.starts_with("requests.csv, after line 2: cannot be read"), "{cut}");
}

#[test]
fn what_cannot_be_read_is_left_out_and_said() {
    let long = "x".repeat(300_000);
    let text = format!(
        "timestamp_ms,endpoint,duration_ms\n{AFTER_MS},a,1\n{AFTER_MS},a,NaN\n{AFTER_MS},a,-1\nsoon,a,1\n\n{AFTER_MS},a\n\
         {AFTER_MS},{long},1\n{AFTER_MS},a,-7\n{AFTER_MS},a,1,1\n{AFTER_MS},b,2\n{long}"
    );
    let (endpoints, reading) = read_bytes(text.as_bytes()).unwrap();
    assert_eq!(endpoints, [named("a", 1), named("b", 1)]);
    let said: Vec<String> = reading
        .left_out
        .iter()
        .map(|(words, left)| format!("{} {words}, first in line {}", left.lines, left.first.1))
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    2 longer than 64 KB, first in line 8
    1 with a duration that is NaN or infinite, first in line 3
    2 with a negative duration, first in line 4
    1 with a time that is neither milliseconds since 1970 nor RFC 3339, first in line 5
    2 with more or fewer fields than the header, first in line 7
    ");
}

#[test]
fn a_header_that_says_too_little_is_refused() {
    let error = |text: &str| read_bytes(text.as_bytes()).unwrap_err();
    let why = |text: &str| error(text).split(';').next().unwrap().to_owned();
    assert_eq!(
        why("timestamp_ms,endpoint\n"),
        "requests.csv, line 1: there is neither a column `duration_ms` nor `count`"
    );
    assert_eq!(why(""), "requests.csv, line 1: there is no column `timestamp_ms`");
    assert_eq!(
        why("timestamp_ms,endpoint,duration_ms,count"),
        "requests.csv, line 1: there are both a column `duration_ms` and `count`"
    );
    assert_eq!(
        why("timestamp_ms,endpoint,endpoint,duration_ms"),
        "requests.csv, line 1: the column `endpoint` is there twice"
    );
    assert_eq!(
        why("timestamp_ms,endpoint,count,p99_ms"),
        "requests.csv, line 1: there is neither a column `p50_ms` nor `mean_ms`"
    );
}

#[test]
fn elsewhere_in_time_is_not_counted() {
    let text = format!("timestamp_ms,endpoint,duration_ms\n{ROLLOUT_MS},a,1\n1,a,1\n{AFTER_MS},a,1\n");
    let reading = read_bytes(text.as_bytes()).unwrap().1;
    assert_eq!((reading.rows, reading.within, reading.after), (3, 1, 1));
    assert_eq!(reading.times_ms, Some((1, AFTER_MS)));
}

/// `GET PATH` five minutes after the warm-up, as nginx writes it.
fn line(path: &str, more: &str) -> String {
    format!("10.0.0.1 - - [02/Mar/2026:14:15:00 +0000] \"GET {path} HTTP/1.1\" 200 512 \"-\" \"x\"{more}\n")
}

#[test]
fn access_logs_are_read_with_routes_for_names() {
    let mut text = String::new();
    for at in 0..300 {
        text += &line(&format!("/orders/{at}?x=1"), " 0.250");
        text += &line(&format!("/products/{}-shoe", "x".repeat(at % 50) + "y".repeat(at / 50 + 1).as_str()), " 0.1");
    }
    text += "2026/03/02 14:15:00 [error] 7#7: *1 open() failed\n10.0.0.1 - - [02/Mar/2026:14:15:00 +0000] \"-\" 400 0 \"-\" \"-\" 0.0\n";
    let (endpoints, reading) = read_bytes(text.as_bytes()).unwrap();
    assert_eq!(endpoints, [named("GET /orders/{id}", 300), named("GET /products/{any}", 300)]);
    assert_eq!((reading.rows, reading.after), (600, 600));
    let said: Vec<String> = reading
        .left_out
        .iter()
        .map(|(words, left)| format!("{} {words} in line {}", left.lines, left.first.1))
        .collect();
    assert_eq!(
        said,
        ["1 that are no lines of an access log in line 601", "1 with a request that cannot be read in line 602"]
    );
}

#[test]
fn json_logs_may_tell_of_other_things() {
    let request = r#"{"time":"2026-03-02T14:15:00Z","method":"GET","path":"/a/7","status":200,"duration_ms":12}"#;
    let other = r#"{"time":"2026-03-02T14:15:00Z","msg":"started"}"#;
    let long = format!("{{\"msg\":\"{}\"}}", "x".repeat(300_000));
    let text = [other, other, request, other, &long, request].join("\n");
    let (endpoints, reading) = read_bytes(text.as_bytes()).unwrap();
    assert_eq!(endpoints, [named("GET /a/{id}", 2)]);
    let said: Vec<(&str, u64, u64)> =
        reading.left_out.iter().map(|(words, left)| (*words, left.lines, left.first.1)).collect();
    assert_eq!(said, [("longer than 64 KB", 1, 5), ("that tell of no request", 3, 1)]);
    // Of what tells of something else nothing is missing.
    let calm = [&[request; 30][..], &[other; 60]].concat().join("\n");
    assert!(!read_bytes(calm.as_bytes()).unwrap().1.is_patchy());
    let broken = [&[request; 30][..], &["{"; 3]].concat().join("\n");
    assert!(read_bytes(broken.as_bytes()).unwrap().1.is_patchy());
}

#[test]
fn logs_that_tell_too_little_are_refused_with_a_mend() {
    let error = |text: &str| read_bytes(text.as_bytes()).unwrap_err();
    insta::assert_snapshot!(
        [
            error(&line("/a", "")),
            error(&line("/a", " 1500")),
            error(&line("/a", "").repeat(2_000)),
            error("{\"time\":\"2026-03-02T14:15:00Z\",\"path\":\"/a\",\"took\":7}\n"),
            error("{\"a\":1}\n{\"b\":1}\n"),
            error("{broken\n"),
            error("GET /a 12ms\n"),
        ]
        .join("\n"),
        @r"
    requests.csv, line 1: there is no time that the request took; add $request_time (nginx) or %D (Apache) to the log's format, or a field such as `duration_ms`
    requests.csv, line 1: nothing says the unit of `1500`; give --duration-unit s, ms, us (Apache's %D) or ns
    requests.csv, line 1000: there is no time that the request took; add $request_time (nginx) or %D (Apache) to the log's format, or a field such as `duration_ms`
    requests.csv, line 1: nothing says the unit of `took`; give --duration-unit s, ms, us (Apache's %D) or ns
    requests.csv, line 1: there is no time; expected a field such as `timestamp`, `time` or `ts`
    requests.csv, line 1: this is no JSON object
    requests.csv, line 1: there is no column `timestamp_ms`; expected a header such as `timestamp_ms,endpoint,duration_ms,status` (one request a line) or `timestamp_ms,endpoint,count,p50_ms,p90_ms,p95_ms,p99_ms,mean_ms` (many requests a line), an access log, or JSON in each line
    "
    );
}

#[test]
fn scanners_make_no_endpoints_and_hide_none() {
    let text: String = (0..300)
        .map(|at| {
            let scanned = line(&format!("/wp-{}", "x".repeat(at + 1)), " 0.001").replace("\" 200 ", "\" 404 ");
            let refused = line(&format!("/admin-{}", "x".repeat(at % 60) + &"y".repeat(at / 60)), " 0.001");
            let rare = if at < 3 { line("/rare", " 0.1") } else { String::new() };
            scanned + &refused.replace("\" 200 ", "\" 403 ") + &rare + &line("/cart", " 0.1")
        })
        .collect();
    let endpoints = read_bytes(text.as_bytes()).unwrap().0;
    assert!(endpoints.contains(&named("GET {not found}", 300)), "{endpoints:?}");
    assert!(endpoints.contains(&named("GET /rare", 3)), "{endpoints:?}");
}
