use super::*;
use onduty_core::perf::{Grain, Series as Measured, Traffic};
use serde_json::json;

const BLOCK_MS: i64 = 300_000;

fn blocks() -> Blocks {
    Blocks { first_ms: 1_000_000, block_ms: BLOCK_MS, next: 0, here: BLOCKS }
}

fn series(value: serde_json::Value) -> Vec<Series> {
    let answer: wire::Answer = serde_json::from_value(json!({"status": "success", "data": {"result": value}})).unwrap();
    answer.data.unwrap().result
}

/// Counts up to `le` in the first block.
fn bucket(route: &str, le: &str, count: &str) -> serde_json::Value {
    json!({"metric": {"route": route, "le": le}, "values": [[1000, count]]})
}

fn labels() -> Vec<String> {
    vec!["route".to_owned()]
}

fn filled(endpoints: &Endpoints<'_>, grains: &Grains) -> (Vec<(String, Measured)>, onduty_core::perf::Other) {
    let mut table = Table::new(100);
    endpoints.fill(AFTER, grains, &mut table);
    let (all, other) = table.finish();
    (all.into_iter().map(|(name, endpoint)| (name, endpoint.series)).collect(), other)
}

#[test]
fn buckets_become_requests() {
    let labels = labels();
    let mut window = Endpoints::new(&labels, 1e3);
    let all = json!([
        bucket("/a", "0.1", "3"),
        bucket("/a", "+Inf", "10"),
        bucket("/a", "0.05", "0"),
        bucket("/a", "0.25", "9.0"),
        bucket("<b>\u{1b}[31m", "+Inf", "NaN"),
        json!({"metric": {"le": "+Inf"}, "values": [[1000, "2"], [1300, "4"], [99_999, "7"]]}),
    ]);
    window.take_buckets(&blocks(), series(all)).unwrap();
    let sums = json!([{"metric": {"route": "/a"}, "values": [[1000.2, "1.5"]]}]);
    window.take_sums(&blocks(), series(sums));
    let errors = json!([
        {"metric": {"route": "/a", "code": "404"}, "values": [[1000, "5"]]},
        {"metric": {"route": "/a", "code": "5xx"}, "values": [[1000, "2"]]},
    ]);
    window.take_errors(&blocks(), series(errors), "code");
    assert_eq!(window.known().iter().filter(|known| **known).count(), 2);
    let (all, _) = filled(&window, &Grains::of(&Endpoints::new(&labels, 1e3), &Endpoints::new(&labels, 1e3)));
    let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["/a", "?"]);
    let cell = &all[0].1.window(AFTER).unwrap()[0];
    assert_eq!((cell.sketch.n(), cell.sketch.sum_ms(), cell.refused, cell.failed), (10, 1500.0, 5, 2));
    let median = cell.sketch.quantile(0.5).unwrap();
    assert!((100.0..250.0).contains(&median), "{median}");
}

#[test]
fn native_histograms_become_requests() {
    let labels = labels();
    let native = |buckets: serde_json::Value| json!([{"metric": {"route": "/a"}, "histograms": [[1000, {"count": "10.4", "sum": "0.4", "buckets": buckets}]]}]);
    let mut window = Endpoints::new(&labels, 1e3);
    let buckets = json!([[3, "-0.001", "0.001", "1"], [0, "0.0347", "0.0384", "5.2"], [0, "0.0384", "0.0419", "4.2"]]);
    window.take_native(&blocks(), series(native(buckets))).unwrap();
    let (all, _) = filled(&window, &Grains::of(&Endpoints::new(&labels, 1e3), &window));
    let cell = &all[0].1.window(AFTER).unwrap()[0];
    assert_eq!((cell.sketch.n(), cell.sketch.sum_ms()), (10, 400.0));
    assert!((cell.sketch.quantile(0.5).unwrap() / 37.0 - 1.0).abs() < 0.06);
}

#[test]
fn the_wrong_kind_is_said() {
    let labels = labels();
    let native = json!([{"metric": {"route": "/a"}, "histograms": [[1000, {"count": "1", "sum": "1"}]]}]);
    let summary = json!([{"metric": {"route": "/a"}, "values": [[1000, "1"]]}]);
    let mut window = Endpoints::new(&labels, 1e3);
    assert_eq!(window.take_buckets(&blocks(), series(native)), Err("le"));
    assert_eq!(window.take_buckets(&blocks(), series(summary.clone())), Err("le"));
    assert_eq!(window.take_buckets(&blocks(), series(json!([bucket("/a", "NaN", "1")]))), Err("le"));
    assert_eq!(window.take_native(&blocks(), series(summary)), Err("histograms"));
}

#[test]
fn bounds_that_tell_nothing_are_said_and_left_out() {
    let labels = labels();
    let window = |bounds: [&str; 2]| {
        let mut window = Endpoints::new(&labels, 1e3);
        let one = |route, counts: [&str; 3]| {
            let les = [bounds[0], bounds[1], "+Inf"];
            les.into_iter().zip(counts).map(|(le, count)| bucket(route, le, count)).collect::<Vec<_>>()
        };
        let all =
            [one("/beyond", ["0", "0", "50"]), one("/one", ["50", "50", "50"]), one("/mixed", ["50", "40", "60"])];
        window.take_buckets(&blocks(), series(json!(all.concat()))).unwrap();
        let sum = |route, sum| json!({"metric": {"route": route}, "values": [[1000, sum]]});
        window.take_sums(&blocks(), series(json!([sum("/beyond", "500"), sum("/one", "2.5"), sum("/mixed", "2.5")])));
        window
    };
    let (before, after) = (window(["0.1", "1"]), window(["0.1", "2"]));
    let grains = Grains::of(&before, &after);
    let told: Vec<String> = grains.doubts().iter().map(|doubt| serde_json::to_string(doubt).unwrap()).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    {"doubt":"useless_bounds","endpoints":1,"first":["/beyond"]}
    {"doubt":"coarse_bounds","endpoints":1,"first":["/one"]}
    {"doubt":"unequal_bounds","endpoints":3,"first":["/beyond","/mixed","/one"]}
    "#);
    let (all, _) = filled(&after, &grains);
    let told: Vec<(&str, Grain)> = all.iter().map(|(name, series)| (name.as_str(), series.grain())).collect();
    assert_eq!(told, [("/beyond", Grain::Blind), ("/mixed", Grain::Fine), ("/one", Grain::Coarse)]);
    assert_eq!(all[0].1.traffic(AFTER), Traffic { requests: 50, time_ms: 500_000.0 });
}

#[test]
fn the_service_stands_before_the_endpoint() {
    let metric = |pairs: &[(&str, &str)]| {
        let metric: std::collections::BTreeMap<_, _> = pairs.iter().copied().collect();
        series(json!([{"metric": metric, "values": [[1000, "1"]]}]))
    };
    for (labels, expected) in [
        (vec!["service", "method", "route"], "shop|GET /cart"),
        (vec!["method", "route"], "GET /cart"),
        (vec!["service"], "shop"),
        (vec!["service", "missing"], "shop|?"),
    ] {
        let labels: Vec<String> = labels.into_iter().map(str::to_owned).collect();
        let mut window = Endpoints::new(&labels, 1e3);
        let all = metric(&[("service", "shop"), ("method", "GET"), ("route", "/cart"), ("le", "+Inf")]);
        window.take_buckets(&blocks(), all).unwrap();
        let (all, _) = filled(&window, &Grains::of(&Endpoints::new(&labels, 1e3), &Endpoints::new(&labels, 1e3)));
        assert_eq!(all[0].0, expected);
    }
}

#[test]
fn a_moment_belongs_to_the_block_that_ends_then() {
    let blocks = Blocks { first_ms: 1_000_000, block_ms: BLOCK_MS, next: 3, here: 2 };
    for (seconds, number) in [(1000.0, Some(3)), (1000.4, Some(3)), (1300.0, Some(4)), (1600.0, None), (600.0, None)] {
        assert_eq!(blocks.number(seconds), number, "{seconds}");
    }
    assert_eq!((seconds(1_772_640_000_007), seconds(60)), ("1772640000.007".to_owned(), "0.060".to_owned()));
}
