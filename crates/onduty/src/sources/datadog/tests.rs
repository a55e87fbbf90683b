use super::*;
use serde_json::{Value, json};

fn tags() -> Vec<String> {
    vec!["service".to_owned(), "resource_name".to_owned()]
}

#[test]
fn tables_have_a_row_for_each_endpoint() {
    let table = |columns: Value| -> wire::Scalar {
        serde_json::from_value(json!({"data": {"type": "scalar_response", "attributes": {"columns": columns}}}))
            .unwrap()
    };
    let group = |name: &str, values: Value| json!({"name": name, "type": "group", "values": values});
    let number = json!({"name": "q0", "type": "number", "values": [7.0, null], "meta": {"unit": null}});
    let services = group("service", json!([["shop"], ["shop"]]));
    let rows = table(json!([services, group("resource_name", json!([["/a"], ["/b"]])), number])).rows(&tags()).unwrap();
    let named: Vec<(&str, f64)> = rows.iter().map(|(tags, number)| (tags["resource_name"].as_str(), *number)).collect();
    assert_eq!(named, [("/a", 7.0), ("/b", 0.0)]);
    assert!(table(json!([services, number])).rows(&tags()).is_none(), "a tag is missing");
    assert!(table(json!([])).rows(&tags()).unwrap().is_empty());
    assert!(table(json!([services])).rows(&tags()).is_none(), "nothing is counted");
}

#[test]
fn durations_have_the_unit_that_is_said() {
    let answer = |unit: Value| -> f64 {
        let series = json!([{"group_tags": ["service:shop", "resource_name:a:b"], "query_index": 1, "unit": unit}]);
        let attributes = json!({"series": series, "times": [60_000], "values": [[0.5]]});
        let answer: wire::Timeseries = serde_json::from_value(json!({"data": {"attributes": attributes}})).unwrap();
        let (query, unit_ms, values) = answer.series().next().unwrap().unwrap();
        assert_eq!((query.number, query.tags["resource_name"].as_str(), answer.times()), (1, "a:b", vec![60_000]));
        values[0].unwrap() * unit_ms
    };
    let unit = |family: &str, factor: f64| json!([{"family": family, "scale_factor": factor, "name": "x"}, null]);
    assert_eq!(answer(Value::Null), 500.0);
    assert_eq!(answer(json!([null, null])), 500.0);
    assert_eq!(answer(unit("time", 1.0)), 500.0);
    assert_eq!(answer(unit("time", 0.001)), 0.5);
    assert_eq!(answer(unit("percentage", 0.001)), 500.0);
    assert_eq!(answer(unit("time", 0.0)), 500.0);
}

#[test]
fn recorded_answers_can_be_read() {
    let shared = std::env::var_os("ONDUTY_SHARED").map(std::path::PathBuf::from);
    let shared = shared.unwrap_or_else(|| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let folder = shared.join("contracts/datadog/recorded");
    if !folder.exists() {
        use std::io::Write;
        let _ = writeln!(
            std::io::stderr().lock(),
            "\nNOT CHECKED: recorded answers of Datadog: {} is not there",
            folder.display()
        );
        return;
    }
    let body = |name: &str| -> Value {
        let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()[0]["response"]["body"].clone()
    };
    let series: wire::Timeseries =
        serde_json::from_value(body("timeseries_cross_product_query_returns_ok_response")).unwrap();
    let (query, _, values) = series.series().next().unwrap().unwrap();
    assert_eq!((query.number, values.len(), series.times().len()), (0, 3, 3));
    let empty: wire::Timeseries = serde_json::from_value(body(
        "timeseries_cross_product_query_with_apm_resource_stats_data_source_returns_ok_response",
    ))
    .unwrap();
    assert_eq!((empty.series().count(), empty.times().len()), (0, 0));
    let table: wire::Scalar = serde_json::from_value(body("scalar_cross_product_query_returns_ok_response")).unwrap();
    assert!(table.count(0).is_some_and(|number| (6.0..7.0).contains(&number)));
    // What the recorded question has is what is asked.
    let text = std::fs::read_to_string(folder.join("timeseries_cross_product_query_returns_ok_response.json")).unwrap();
    let asked = serde_json::from_str::<Value>(&text).unwrap()[0]["request"]["body"].clone();
    let query = "avg:datadog.estimated_usage.metrics.custom{*}".to_owned();
    let mut ours = wire::timeseries(1_711_977_601_000, 1_711_981_201_000, 5_000, &[query]);
    ours["data"]["attributes"]["queries"][0]["name"] = json!("a");
    ours["data"]["attributes"]["formulas"][0] = json!({"formula": "a", "limit": {"count": 10, "order": "desc"}});
    assert_eq!(ours, asked);
}
