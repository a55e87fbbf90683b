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
    let mut sums = Sums::new();
    let sum = of_time(&mut sums, &one).unwrap();
    assert_eq!((sum.from_ms, sum.to_ms), (60_000, 120_500));
    let mut is_wrong = |value| of_time(&mut sums, &row(value)).is_err();
    assert!(is_wrong(json!({"facet": "shop"})), "it belongs to no time");
    assert!(is_wrong(json!({"facet": "shop", "beginTimeSeconds": 1e300, "endTimeSeconds": 1})));
    // Names are cut; what was one name then is still two endpoints.
    let long =
        |end: &str| row(json!({"facet": ["shop", "x".repeat(400) + end], "beginTimeSeconds": 0, "endTimeSeconds": 1}));
    let mut sums = Sums::new();
    for end in ["a", "b"] {
        of_time(&mut sums, &long(end)).unwrap();
    }
    assert_eq!(sums.len(), 2);
}
