//! Response times from a real Prometheus and a real VictoriaMetrics, on loopback, filled with days that are over.
//!
//! Both have the same counters; the same requests have to come out of both, to the last one.

use crate::tools::{Said, eventually, has, onduty, write_private};
use onduty::egress::{Egress, Method, Policy, Request, Url};
use onduty_fakes::prometheus::{Oddity, Prometheus};
use onduty_fakes::trouble::Trouble;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Wednesday, 4 March 2026, 16:00 UTC.
pub const ROLLOUT: i64 = 1_772_640_000;
const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;
/// The same hours of five earlier working days, and today.
const DAYS: [i64; 6] = [7, 6, 5, 2, 1, 0];
/// The label that says how requests were answered.
const STATUS: &str = ", status_label: code";
/// Between two scrapes.
const SCRAPE: i64 = 30;
/// Requests of the quietest endpoint between two scrapes; each further one has one more.
const BUSY: u64 = 12;
const BOUNDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// What `onduty` is told.
const ENDPOINTS: [&str; 8] = ["/slower", "/calm", "/a", "/b", "/c", "/d", "/e\"} or vector(1)", "/late"];

/// One counter at one moment: the end of its name, its labels, value, seconds since 1970.
pub type Sample = (&'static str, String, f64, i64);

struct Counters {
    up_to: [u64; BOUNDS.len()],
    count: u64,
    sum: f64,
    failed: u64,
}

impl Counters {
    fn new() -> Counters {
        Counters { up_to: [0; BOUNDS.len()], count: 0, sum: 0.0, failed: 0 }
    }

    fn request(&mut self, seconds: f64) {
        self.up_to.iter_mut().zip(BOUNDS).filter(|(_, bound)| seconds <= *bound).for_each(|(count, _)| *count += 1);
        self.count += 1;
        self.sum += seconds;
    }

    fn samples(&self, endpoint: &str, at: i64, into: &mut Vec<Sample>) {
        let route = endpoint.replace('"', "\\\"");
        let labels = |code: &str, more: &str| format!("service=\"shop\",route=\"{route}\",code=\"{code}\"{more}");
        for (bound, count) in BOUNDS.iter().map(f64::to_string).zip(self.up_to).chain([("+Inf".to_owned(), self.count)])
        {
            into.push(("_bucket", labels("200", &format!(",le=\"{bound}\"")), count as f64, at));
        }
        into.push(("_count", labels("200", ""), self.count as f64, at));
        into.push(("_sum", labels("200", ""), self.sum, at));
        into.push(("_bucket", labels("503", ",le=\"+Inf\""), self.failed as f64, at));
        into.push(("_count", labels("503", ""), self.failed as f64, at));
        into.push(("_sum", labels("503", ""), 0.0, at));
    }
}

/// Six days of eight endpoints. `/slower` is 40 % slower after the rollout; all processes begin anew half an hour before
/// it and with it; half an hour of an earlier day is missing.
pub fn week() -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut noise = 7_u64;
    let mut random = || {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (noise >> 40) as f64 / f64::from(1_u32 << 24)
    };
    for (number, endpoint) in ENDPOINTS.into_iter().enumerate() {
        for day in DAYS {
            let mut counters = Counters::new();
            for step in -80 * MINUTE / SCRAPE..=80 * MINUTE / SCRAPE {
                let at = ROLLOUT - day * DAY + step * SCRAPE;
                if day == 0 && (step == -30 * MINUTE / SCRAPE + 4 || step == 1) {
                    counters = Counters::new();
                }
                for _ in 0..BUSY + number as u64 {
                    // The sum of three is normal enough.
                    let normal = (random() + random() + random() - 1.5) * 2.0;
                    let slower = if endpoint == "/slower" && day == 0 && step > 0 { 1.4 } else { 1.0 };
                    counters.request(0.02 * (1.5 + number as f64) * slower * (0.4 * normal).exp());
                }
                counters.failed += 1;
                let is_gap = day == 2 && (-50 * MINUTE..-20 * MINUTE).contains(&(step * SCRAPE));
                if !is_gap {
                    counters.samples(endpoint, at, &mut samples);
                }
            }
        }
    }
    // The format wants the samples of a series together.
    samples.sort_by(|left, right| (left.0, &left.1, left.3).cmp(&(right.0, &right.1, right.3)));
    samples
}

/// A server that ends with the test.
pub struct Server {
    process: Child,
    pub url: String,
    egress: Egress,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// Starts `program` on a free loopback port, which follows `listen`.
    pub async fn start(program: &str, listen: &str, arguments: &[String]) -> Server {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new(program)
            .args(arguments)
            .arg(format!("{listen}127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let egress = Egress::new(Policy::typed(&Url::parse(&url).unwrap())).unwrap();
        let server = Server { process, url, egress };
        let ready = Url::parse(&format!("{}/api/v1/query?query=1", server.url)).unwrap();
        eventually(program, async || {
            server.egress.send(Request::get(ready.clone())).await.ok().filter(|answer| answer.status.is_success())
        })
        .await;
        server
    }

    pub async fn prometheus(folder: &Path, samples: &[Sample]) -> Server {
        let mut text = "# TYPE h histogram\n".to_owned();
        for (end, labels, value, at) in samples {
            writeln!(text, "h{end}{{{labels}}} {value} {at}").unwrap();
        }
        std::fs::write(folder.join("week.om"), text + "# EOF\n").unwrap();
        std::fs::write(folder.join("prometheus.yml"), "global: {}\n").unwrap();
        let said = Command::new("promtool")
            .args(["tsdb", "create-blocks-from", "openmetrics", "week.om", "prometheus"])
            .current_dir(folder)
            .output()
            .unwrap();
        assert!(said.status.success(), "{:?}", Said::of(&said));
        let arguments = [
            format!("--config.file={}", folder.join("prometheus.yml").display()),
            format!("--storage.tsdb.path={}", folder.join("prometheus").display()),
            "--storage.tsdb.retention.time=100y".to_owned(),
        ];
        Server::start("prometheus", "--web.listen-address=", &arguments).await
    }

    async fn victoria_metrics(folder: &Path, samples: &[Sample]) -> Server {
        let arguments =
            [format!("-storageDataPath={}", folder.join("victoria").display()), "-retentionPeriod=100y".to_owned()];
        let server = Server::start("victoria-metrics", "-httpListenAddr=", &arguments).await;
        let mut text = String::new();
        for (end, labels, value, at) in samples {
            writeln!(text, "h{end}{{{labels}}} {value} {at}000").unwrap();
        }
        for path in ["/api/v1/import/prometheus", "/internal/force_flush"] {
            let url = Url::parse(&format!("{}{path}", server.url)).unwrap();
            let body = if path.ends_with("prometheus") { std::mem::take(&mut text) } else { String::new() };
            let answer = server.egress.send(Request::new(Method::POST, url).body(body.into_bytes())).await.unwrap();
            assert!(answer.status.is_success(), "{path}: {}", answer.status);
        }
        server
    }

    /// What is said of the rollout.
    async fn compare(&self, folder: &Path, status: &str, more: &[&str]) -> Said {
        let config = format!(
            "sources: {{prometheus: {{url: '{}', metric: h, endpoint_labels: [service, route]{status}}}}}\n",
            self.url
        );
        std::fs::write(folder.join("onduty.yml"), config).unwrap();
        let rollout = ["perf", "compare", "--source", "prometheus", "--json", "--rollout", "2026-03-04T16:00:00Z"];
        onduty(folder, &[], &[&rollout, more].concat()).await
    }
}

/// What was counted, and the verdicts.
fn rows(said: &Said) -> Vec<(String, String, u64, u64)> {
    let rows: Vec<Value> = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let n = |row: &Value, side: &str| row[side]["n"].as_u64().unwrap_or_default();
    rows.iter().map(|row| (text(row, "endpoint"), text(row, "verdict"), n(row, "before"), n(row, "after"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_slower_endpoint_is_found_in_both_dialects_with_the_same_requests() {
    let not_checked = "that response times come out of real metrics servers as they went in";
    if !has("prometheus", not_checked) || !has("promtool", not_checked) || !has("victoria-metrics", not_checked) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let samples = week();
    let prometheus = Server::prometheus(folder.path(), &samples).await;
    let of_prometheus = prometheus.compare(folder.path(), STATUS, &[]).await;
    let without_status = prometheus.compare(folder.path(), ", status_label: state", &[]).await;
    drop(prometheus);
    let victoria = Server::victoria_metrics(folder.path(), &samples).await;
    let of_victoria = victoria.compare(folder.path(), STATUS, &[]).await;
    assert_eq!(of_prometheus.out, of_victoria.out, "{of_prometheus:?} {of_victoria:?}");
    assert_eq!(of_prometheus.err, of_victoria.err);

    assert_eq!(of_prometheus.code, 1, "{of_prometheus:?}");
    let rows = rows(&of_prometheus);
    assert_eq!(rows.len(), ENDPOINTS.len(), "{rows:?}");
    for (name, verdict, before, after) in &rows {
        let number = ENDPOINTS.iter().position(|endpoint| name == &format!("shop|{endpoint}")).expect("a known name");
        let all = (BUSY + number as u64) * (60 * MINUTE / SCRAPE) as u64;
        assert_eq!((*before, *after), (all, all), "{name}");
        assert_eq!(verdict == "regressed", name == "shop|/slower", "{name} {verdict}");
    }
    insta::assert_snapshot!(of_prometheus.err, @r"
    coarse buckets: nearly all requests of 1 endpoint (shop|/c) are in one or two of them, so that only changes of their mean beyond 10 % count; give the histogram narrower ones
    counters began anew 8 times in the windows before and after; a few requests right before that may be missing
    gaps: of 12 parts of each window the source has nothing of 0 before the rollout, 0 after it, and 6 of all others
    ");

    // What has no status is answered well, as far as anybody knows, and that is said.
    let other = victoria.compare(folder.path(), ", status_label: state", &[]).await;
    for said in [&without_status, &other] {
        assert!(said.err.starts_with("no status: 100\u{a0}% of requests have no `state`"), "{said:?}");
    }
    let unasked = victoria.compare(folder.path(), "", &[]).await;
    assert!(unasked.err.starts_with("no status: onduty.yml names nothing that says"), "{unasked:?}");

    // The quietest are left to the server, and that is said.
    let few = victoria.compare(folder.path(), STATUS, &["--endpoints", "3"]).await;
    assert!(few.err.starts_with("too many endpoints: 5 quiet ones with "), "{few:?}");
    let names: Vec<String> = self::rows(&few).into_iter().map(|row| row.0).collect();
    assert_eq!(names, ["shop|/d", "shop|/e\"} or vector(1)", "shop|/late"]);

    // A rollout of which the server has nothing.
    let long_ago = ["perf", "compare", "--source", "prometheus", "--rollout", "2025-03-04T16:00:00Z"];
    let said = onduty(folder.path(), &[], &long_ago).await;
    assert_eq!((said.code, said.err.trim()), (2, "prometheus has no `h` with these labels around the rollout"));
    drop(victoria);
    let said = onduty(folder.path(), &[], &long_ago).await;
    assert_eq!(said.code, 3, "{said:?}");
}

const TOKEN: &str = "a-token-for-metrics";

/// Asks a server that is nothing but odd.
async fn ask(fake: &Prometheus, folder: &Path, more: &[&str]) -> Said {
    let config = format!(
        "sources: {{prometheus: {{url: '{}', token_file: token, metric: h, endpoint_labels: [route], status_label: code}}}}\n",
        fake.url()
    );
    std::fs::write(folder.join("onduty.yml"), config).unwrap();
    let rollout = ["perf", "compare", "--source", "prometheus", "--rollout", "2026-03-04T16:00:00Z"];
    onduty(folder, &[], &[&rollout, more].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn half_an_answer_is_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    write_private(&folder.path().join("token"), TOKEN);
    let fake = Prometheus::start(TOKEN).await.unwrap();
    let mut told = String::new();
    for trouble in Trouble::ALL {
        // The API has no pages.
        if !matches!(trouble, Trouble::Loop | Trouble::SamePage | Trouble::LaterPage) {
            fake.trouble(Some(trouble));
            let said = ask(&fake, folder.path(), &[]).await;
            assert_eq!(said.out, "", "{trouble:?} {said:?}");
            writeln!(told, "{trouble:?} {} {}", said.code, said.err.trim()).unwrap();
        }
    }
    fake.trouble(None);
    for oddity in [
        Oddity::Partial,
        Oddity::Warnings,
        Oddity::TooManySamples(0),
        Oddity::TooSlow(0),
        Oddity::BreaksOff(0),
        Oddity::BadData,
        Oddity::Summary,
        Oddity::ErrorInside,
        Oddity::Nothing,
        Oddity::NotYet,
    ] {
        fake.oddity(Some(oddity));
        let said = ask(&fake, folder.path(), &[]).await;
        assert_eq!(said.out, "", "{oddity:?} {said:?}");
        writeln!(told, "{oddity:?} {} {}", said.code, said.err.trim()).unwrap();
    }
    fake.oddity(None);
    write_private(&folder.path().join("token"), "another-token-than-that");
    let said = ask(&fake, folder.path(), &[]).await;
    writeln!(told, "token {} {}", said.code, said.err.trim()).unwrap();
    insta::assert_snapshot!(told, @r#"
    TooMany 3 prometheus could not be reached: 127.0.0.1 asks to wait 1 s
    Broken 3 prometheus refused with status 500: {"detail":"Internal Error"}
    BadGateway 3 prometheus refused with status 502: a web page
    Cut 3 prometheus could not be reached: no answer from 127.0.0.1
    Empty 2 prometheus cannot be read: the answer is missing or wrong; expected JSON of Prometheus' API
    WrongTypes 2 prometheus cannot be read: the answer is missing or wrong; expected JSON of Prometheus' API
    Endless 3 prometheus could not be reached: the answer from 127.0.0.1 is larger than 67108864 bytes
    Redirect 2 prometheus refused with status 302: null
    Refuses 2 prometheus refused with status 403: {"detail":"You do not have permission"}
    Unauthorized 2 prometheus refused with status 401: {"detail":"Invalid token"}
    HalfJson 2 prometheus cannot be read: the answer is missing or wrong; expected JSON of Prometheus' API
    WebPage 2 prometheus cannot be read: the answer is missing or wrong; expected JSON of Prometheus' API
    Partial 2 prometheus cannot be read: a part of the answer is missing or wrong; expected all of it, which the server says it is not
    Warnings 2 prometheus cannot be read: a part of the answer is missing or wrong; expected all of it, which the server says it is not: store b [31m is down
    TooManySamples(0) 2 prometheus refused with status 422: {"status":"error","errorType":"execution","error":"query processing would load too many samples into memory"}
    TooSlow(0) 3 prometheus refused with status 503: {"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"}
    BreaksOff(0) 3 prometheus could not be reached: no answer from 127.0.0.1
    BadData 2 prometheus refused with status 400: {"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": \u001b[31mparse error"}
    Summary 2 prometheus cannot be read: le is missing or wrong; expected classic histograms with `le` and counts; `kind: native` reads the other ones
    ErrorInside 2 prometheus cannot be read: status is missing or wrong; expected `success`
    Nothing 2 prometheus has no `h` with these labels around the rollout
    NotYet 2 prometheus has no `h` with these labels in the window after the rollout
    token 2 prometheus refused with status 401: {"message":"Unauthorized"}
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_is_asked_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    write_private(&folder.path().join("token"), TOKEN);
    let fake = Prometheus::start(TOKEN).await.unwrap();
    let whole = ask(&fake, folder.path(), &["--json"]).await;
    assert_eq!((whole.code, rows(&whole).len()), (0, 3), "{whole:?}");
    assert_eq!(rows(&whole)[0], ("/0".to_owned(), "unchanged".to_owned(), 12 * 110, 12 * 110));
    let ranges = |asked: Vec<String>| asked.iter().filter(|asked| asked.ends_with("query_range 12")).count();
    assert!(ranges(fake.asked()) > 12);
    for oddity in [Oddity::TooManySamples(6), Oddity::TooSlow(6), Oddity::BreaksOff(6)] {
        fake.oddity(Some(oddity));
        let parts = ask(&fake, folder.path(), &["--json"]).await;
        assert_eq!((parts.code, &parts.out), (whole.code, &whole.out), "{oddity:?} {parts:?}");
        // Once it was too much, and is not asked again like that.
        assert_eq!(ranges(fake.asked()), 1, "{oddity:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_number_is_not_known() {
    let folder = tempfile::tempdir().unwrap();
    write_private(&folder.path().join("token"), TOKEN);
    let fake = Prometheus::start(TOKEN).await.unwrap();
    fake.oddity(Some(Oddity::NotANumber));
    let said = ask(&fake, folder.path(), &["--json"]).await;
    // Without the bucket in the middle all that is left is wide.
    assert_eq!((said.code, rows(&said).len()), (0, 3), "{said:?}");
    assert_eq!(rows(&said)[0].2, 12 * 110);
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_that_cannot_be_told_apart_by_traffic_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    write_private(&folder.path().join("token"), TOKEN);
    let fake = Prometheus::start(TOKEN).await.unwrap();
    fake.endpoints(40);
    let said = ask(&fake, folder.path(), &["--endpoints", "10"]).await;
    assert_eq!((said.code, said.out.as_str()), (2, ""), "{said:?}");
    assert!(said.err.contains("40 endpoints of `h` are equally busy: their labels may hold ids"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_status_nothing_is_fine() {
    let folder = tempfile::tempdir().unwrap();
    write_private(&folder.path().join("token"), TOKEN);
    let fake = Prometheus::start(TOKEN).await.unwrap();
    fake.oddity(Some(Oddity::NoStatus));
    let said = ask(&fake, folder.path(), &["--json"]).await;
    assert_eq!((said.code, rows(&said)[0].1.as_str()), (1, "unchanged"), "{said:?}");
    assert!(said.err.starts_with("no status: 100\u{a0}% of requests have no `code`"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_window_is_never_fine() {
    let folder = tempfile::tempdir().unwrap();
    write_private(&folder.path().join("token"), TOKEN);
    let fake = Prometheus::start(TOKEN).await.unwrap();
    fake.oddity(Some(Oddity::Gaps));
    let said = ask(&fake, folder.path(), &["--json"]).await;
    assert_eq!((said.code, rows(&said)[0].1.as_str()), (1, "unchanged"), "{said:?}");
    assert!(said.err.starts_with("gaps: of 12 parts of each window the source has nothing of 7 before"), "{said:?}");
}
