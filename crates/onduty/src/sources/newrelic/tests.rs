use super::*;
use serde_json::json;

fn row(value: serde_json::Value) -> wire::Row {
    serde_json::from_value(value).unwrap()
}

#[test]
fn rows_are_read_as_they_come() {
    let both = row(json!({"facet": ["shop", null], "percentiles": {"50.0": 0.5, "99": null}, "count": 3}));
    assert_eq!((name(&both).as_str(), both.percentile("50"), both.percentile("99")), ("shop|?", Some(0.5), None));
    let one = row(json!({"facet": "shop", "beginTimeSeconds": 60, "endTimeSeconds": 120.5, "host": "x"}));
    assert_eq!((name(&one).as_str(), one.from, one.to), ("shop", Some(60.0), Some(120.5)));
    let mut sums = HashMap::new();
    let sum = at(&mut sums, &one).unwrap();
    assert_eq!((sum.from_ms, sum.to_ms), (60_000, 120_500));
    assert!(at(&mut sums, &row(json!({"facet": "shop"}))).is_none(), "it belongs to no time");
    assert!(at(&mut sums, &row(json!({"facet": "shop", "beginTimeSeconds": 1e300, "endTimeSeconds": 1}))).is_none());
}
