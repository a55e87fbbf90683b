//! A service that becomes slower while real servers scrape it: its process begins anew with the rollout, a minute is a
//! window, and earlier days were there before. Takes a minute and a half, so a full run only does it.
//!
//! The service answers as one that is instrumented with both kinds of histograms: text with `_bucket`, and Prometheus' own
//! protobuf with native buckets, which is the only form that has them.

use crate::prometheus::Server;
use crate::tools::{Said, eventually, has, is_full, not_there, onduty};
use axum::http::{HeaderMap, HeaderValue, Response, header};
use axum::{Router, body::Body, routing::get};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

const ROUTES: [&str; 6] = ["/slower", "/a", "/b", "/c", "/d", "/e"];
const BOUNDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Buckets of an octave are 2 to this power.
const SCHEMA: i32 = 3;
/// How long a window is, in seconds.
const WINDOW: u64 = 24;
const WARM_UP: u64 = 3;
/// Requests of a route in a tenth of a second.
const BUSY: usize = 20;

#[derive(Debug, Clone, Default)]
struct Counter {
    up_to: [u64; BOUNDS.len()],
    native: BTreeMap<i32, u64>,
    count: u64,
    sum: f64,
}

impl Counter {
    fn request(&mut self, seconds: f64) {
        self.up_to.iter_mut().zip(BOUNDS).filter(|(_, bound)| seconds <= *bound).for_each(|(count, _)| *count += 1);
        *self.native.entry((seconds.log2() * f64::from(1 << SCHEMA)).ceil() as i32).or_default() += 1;
        self.count += 1;
        self.sum += seconds;
    }

    fn text(&self, route: &str, more: &str, into: &mut String) {
        for (bound, count) in BOUNDS.iter().map(f64::to_string).zip(self.up_to).chain([("+Inf".to_owned(), self.count)])
        {
            writeln!(into, "h_bucket{{service=\"shop\",route=\"{route}\",le=\"{bound}\"}} {count}{more}").unwrap();
        }
        writeln!(into, "h_count{{service=\"shop\",route=\"{route}\"}} {}{more}", self.count).unwrap();
        writeln!(into, "h_sum{{service=\"shop\",route=\"{route}\"}} {}{more}", self.sum).unwrap();
    }
}

/// Requests that look like those of people: log-normal around a median for each route.
struct People(u64);

impl People {
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn seconds(&mut self, route: usize, slower: f64) -> f64 {
        let normal = (-2.0 * self.share().max(1e-12).ln()).sqrt() * (std::f64::consts::TAU * self.share()).cos();
        0.02 * (1.5 + route as f64) * slower * (0.4 * normal).exp()
    }
}

/// The service, as its counters tell.
#[derive(Debug, Default)]
struct Service {
    counters: Vec<Counter>,
    slower: f64,
}

impl Service {
    fn begins(slower: f64) -> Service {
        Service { counters: vec![Counter::default(); ROUTES.len()], slower }
    }

    fn text(&self) -> String {
        let mut text = "# TYPE h histogram\n".to_owned();
        ROUTES.iter().zip(&self.counters).for_each(|(route, counter)| counter.text(route, "", &mut text));
        text
    }

    /// `io.prometheus.client.MetricFamily`, each with its length before it.
    fn protobuf(&self) -> Vec<u8> {
        let mut family = Vec::new();
        bytes(1, b"n", &mut family);
        number(3, 4, &mut family);
        for (route, counter) in ROUTES.iter().zip(&self.counters) {
            let mut metric = Vec::new();
            for (name, value) in [("service", "shop"), ("route", *route)] {
                let mut label = Vec::new();
                bytes(1, name.as_bytes(), &mut label);
                bytes(2, value.as_bytes(), &mut label);
                bytes(1, &label, &mut metric);
            }
            bytes(7, &counter.protobuf(), &mut metric);
            bytes(4, &metric, &mut family);
        }
        let mut all = Vec::new();
        varint(family.len() as u64, &mut all);
        all.extend(family);
        all
    }
}

impl Counter {
    fn protobuf(&self) -> Vec<u8> {
        let mut all = Vec::new();
        number(1, self.count, &mut all);
        double(2, self.sum, &mut all);
        number(5, zigzag(SCHEMA.into()), &mut all);
        double(6, 1e-9, &mut all);
        number(7, 0, &mut all);
        let (Some(first), Some(last)) = (self.native.keys().next(), self.native.keys().last()) else {
            // A span of nothing says that it is a native one.
            bytes(12, &[8, 0, 16, 0], &mut all);
            return all;
        };
        let mut span = Vec::new();
        number(1, zigzag((*first).into()), &mut span);
        number(2, (last - first + 1) as u64, &mut span);
        bytes(12, &span, &mut all);
        let mut before = 0;
        for index in *first..=*last {
            let count = self.native.get(&index).copied().unwrap_or_default() as i64;
            number(13, zigzag(count - before), &mut all);
            before = count;
        }
        all
    }
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn varint(mut value: u64, into: &mut Vec<u8>) {
    while value > 127 {
        into.push(value as u8 | 128);
        value >>= 7;
    }
    into.push(value as u8);
}

fn number(field: u64, value: u64, into: &mut Vec<u8>) {
    varint(field << 3, into);
    varint(value, into);
}

fn double(field: u64, value: f64, into: &mut Vec<u8>) {
    varint(field << 3 | 1, into);
    into.extend(value.to_le_bytes());
}

fn bytes(field: u64, value: &[u8], into: &mut Vec<u8>) {
    varint(field << 3 | 2, into);
    varint(value.len() as u64, into);
    into.extend(value);
}

/// Serves what its counters say, and people who ask it.
async fn serve(service: Arc<Mutex<Service>>) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let scraped = Arc::clone(&service);
    let metrics = get(move |headers: HeaderMap| async move {
        let wants = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
        let service = scraped.lock().unwrap();
        let (kind, body) = if wants.contains("application/vnd.google.protobuf") {
            let kind = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
            (kind, Body::from(service.protobuf()))
        } else {
            ("text/plain; version=0.0.4", Body::from(service.text()))
        };
        let mut response = Response::new(body);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    });
    let router = Router::new().route("/metrics", metrics);
    tokio::spawn(async move { axum::serve(listener, router).await });
    tokio::spawn(async move {
        let mut people = People(7);
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        loop {
            tick.tick().await;
            let mut service = service.lock().unwrap();
            let slower = service.slower;
            for (number, counter) in service.counters.iter_mut().enumerate() {
                let factor = if number == 0 { slower } else { 1.0 };
                (0..BUSY).for_each(|_| counter.request(people.seconds(number, factor)));
            }
        }
    });
    port
}

/// The same hours of two weeks, before anybody looked.
fn earlier_days(rollout: u64, folder: &Path) {
    let mut people = People(11);
    let mut lines: BTreeMap<String, String> = BTreeMap::new();
    for day in 1..=14 {
        let mut service = Service::begins(1.0);
        for second in 0..3 * WINDOW + WARM_UP {
            let at = rollout - day * 86_400 - 2 * WINDOW + second;
            for (number, counter) in service.counters.iter_mut().enumerate() {
                (0..10 * BUSY).for_each(|_| counter.request(people.seconds(number, 1.0)));
                let mut text = String::new();
                counter.text(ROUTES[number], &format!(" {at}"), &mut text);
                for line in text.lines() {
                    let series = line.split(' ').next().unwrap().to_owned();
                    let all = lines.entry(series).or_default();
                    all.push_str(line);
                    all.push('\n');
                }
            }
        }
    }
    // The format wants the samples of a series together, and its days in order.
    let ordered = lines.into_values().map(|text| {
        let mut samples: Vec<&str> = text.lines().collect();
        samples.sort_by_key(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap());
        samples.join("\n") + "\n"
    });
    let text = "# TYPE h histogram\n".to_owned() + &ordered.collect::<String>() + "# EOF\n";
    std::fs::write(folder.join("days.om"), text).unwrap();
    let said = Command::new("promtool")
        .args(["tsdb", "create-blocks-from", "openmetrics", "days.om", "data"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(said.status.success(), "{:?}", Said::of(&said));
}

async fn compare(server: &Server, folder: &Path, metric: &str, kind: &str, rollout: u64) -> Said {
    let config = format!(
        "sources: {{prometheus: {{url: '{}', metric: {metric}, kind: {kind}, endpoint_labels: [service, route]}}}}\n",
        server.url
    );
    std::fs::write(folder.join("onduty.yml"), config).unwrap();
    let (rollout, window, warm_up) = (format!("{}", rollout * 1000), format!("{WINDOW}s"), format!("{WARM_UP}s"));
    let arguments = ["perf", "compare", "--source", "prometheus", "--json", "--rollout", &rollout];
    onduty(folder, &[], &[&arguments[..], &["--window", &window, "--warm-up", &warm_up]].concat()).await
}

#[expect(clippy::disallowed_methods, reason = "servers that scrape have the machine's time")]
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

async fn until(second: u64) {
    tokio::time::sleep(Duration::from_secs(second.saturating_sub(now()))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_becomes_slower_while_it_is_scraped_is_found() {
    let not_checked = "a service that becomes slower while real servers scrape it";
    if !is_full() {
        return not_there("it takes a minute and a half; ONDUTY_FULL=1 does it", not_checked);
    }
    if !has("prometheus", not_checked) || !has("promtool", not_checked) || !has("victoria-metrics", not_checked) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // Time for the servers to start, and for a window before the one before.
    let rollout = now() + 12 + 2 * WINDOW;
    earlier_days(rollout, folder);
    let service = Arc::new(Mutex::new(Service::begins(1.0)));
    let port = serve(Arc::clone(&service)).await;
    let scrapes = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs: [{{job_name: shop, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]\n"
    );
    std::fs::write(folder.join("scrapes.yml"), scrapes).unwrap();
    let file = folder.join("scrapes.yml").display().to_string();
    let storage = |name: &str| folder.join(name).display().to_string();
    let classic = [
        format!("--config.file={file}"),
        format!("--storage.tsdb.path={}", storage("data")),
        "--storage.tsdb.retention.time=100y".to_owned(),
    ];
    let classic = Server::start("prometheus", "--web.listen-address=", &classic).await;
    let native = [
        format!("--config.file={file}"),
        format!("--storage.tsdb.path={}", storage("native")),
        "--enable-feature=native-histograms".to_owned(),
    ];
    let native = Server::start("prometheus", "--web.listen-address=", &native).await;
    let victoria = [
        format!("-promscrape.config={file}"),
        format!("-storageDataPath={}", storage("victoria")),
        // Half a minute unless told otherwise.
        "-search.latencyOffset=1s".to_owned(),
    ];
    let victoria = Server::start("victoria-metrics", "-httpListenAddr=", &victoria).await;

    until(rollout).await;
    *service.lock().unwrap() = Service::begins(1.8);
    until(rollout + WARM_UP + WINDOW + 2).await;

    for (server, metric, kind, reason) in [
        (&classic, "h", "classic", "earlier_days"),
        (&native, "n", "native", "no_earlier_days"),
        (&victoria, "h", "classic", "no_earlier_days"),
    ] {
        // VictoriaMetrics shows what it was told a little later.
        let said = eventually(kind, async || {
            let said = compare(server, folder, metric, kind, rollout).await;
            let rows = serde_json::from_str::<Vec<serde_json::Value>>(&said.out).unwrap_or_default();
            let is_whole = |row: &serde_json::Value| row["after"]["n"].as_u64() > Some(180 * WINDOW);
            (!rows.is_empty() && rows.iter().all(is_whole)).then_some(said)
        })
        .await;
        assert_eq!(said.code, 1, "{said:?}");
        let rows = said.json();
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.len(), ROUTES.len(), "{said:?}");
        let slower: Vec<&str> = rows
            .iter()
            .filter(|row| row["verdict"] == "regressed")
            .map(|row| row["endpoint"].as_str().unwrap_or_default())
            .collect();
        assert_eq!(slower, ["shop|/slower"], "{kind} {said:?}");
        let effect = rows[0]["effect"].as_f64().unwrap();
        assert!((effect - 0.8).abs() < 0.1, "{kind}: {effect}");
        assert_eq!(rows[0]["reasons"][0]["reason"], reason, "{kind} {said:?}");
        // 200 requests a second.
        let requests = rows[0]["after"]["n"].as_f64().unwrap();
        assert!((requests / (200 * WINDOW) as f64 - 1.0).abs() < 0.1, "{kind}: {requests}");
    }
}
