use super::*;
use crate::perf::windows::{Lengths, Rollout};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use row::Measured;

const AFTER_MS: i64 = 1_772_460_900_000; // a quarter of an hour after the rollout

fn windows() -> Windows {
    let at = Timestamp::from_millisecond(AFTER_MS - 900_000).unwrap();
    Windows::around(Rollout { start: at, end: at }, Lengths::default(), &TimeZone::UTC).unwrap()
}

/// What `text` says when it comes in pieces of `at_once` bytes: each endpoint with its requests, and the rest.
fn taken(header: &str, text: &[u8], at_once: usize) -> (Vec<(String, u64)>, Found) {
    let (windows, mut table) = (windows(), Table::new(100));
    let mut rows = Rows::of(header.as_bytes(), &windows).unwrap();
    let (mut held, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let (now, later) = rest.split_at(at_once.min(rest.len()));
        held.extend_from_slice(now);
        rest = later;
        let used = rows.take(&held, rest.is_empty(), &mut table);
        held.drain(..used);
    }
    assert!(held.is_empty(), "{held:?}");
    let endpoints = table.finish().0.into_iter().map(|(name, endpoint)| (name, endpoint.requests)).collect();
    (endpoints, rows.finish())
}

const HEADER: &str = "timestamp_ms,endpoint,duration_ms,status";

#[test]
fn a_line_may_come_in_pieces() {
    let text = format!(
        "{AFTER_MS},a,12.5,200\r\n{AFTER_MS},b|GET /x/{{id}}/lines,3,-\n\n{AFTER_MS},a,-1,200\n{AFTER_MS},a,1.25,500"
    );
    let whole = taken(HEADER, text.as_bytes(), text.len());
    assert_eq!(whole.0, [("a".to_owned(), 2), ("b|GET /x/{id}/lines".to_owned(), 1)]);
    assert_eq!(whole.1.left_out, BTreeMap::from([(Wrong::Negative, (1, 5))]));
    for at_once in 1..text.len() {
        assert_eq!(taken(HEADER, text.as_bytes(), at_once), whole, "{at_once} bytes at once");
    }
}

#[test]
fn a_line_is_as_long_as_it_may_be() {
    // Lines follow, so that the quick way may try it.
    let line = |length: usize| format!("{AFTER_MS},{},1.5,200\n", "x".repeat(length)) + &"\n".repeat(24);
    let fixed = line(0).trim_end().len();
    for (length, is_taken) in [(LONGEST_LINE, true), (LONGEST_LINE + 1, false)] {
        let (endpoints, found) = taken(HEADER, line(length - fixed).as_bytes(), 1 << 20);
        assert_eq!((endpoints.len(), found.left_out.len()), if is_taken { (1, 0) } else { (0, 1) }, "{length}");
    }
}

/// Fields as they are, and as they should not be.
fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[0-9]{1,20}",
        4 => "[0-9]{0,9}\\.[0-9]{0,9}",
        2 => "1[67][0-9]{11}",
        3 => "[a-zäöü|/ {}]{0,20}",
        1 => "\"[a-z,\"]{0,4}\"",
        1 => "-?[0-9.eE+-]{0,8}",
        1 => Just("NaN".to_owned()),
        1 => Just(String::new()),
        1 => "[ -~\\r]{0,12}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// What the quick way reads is what the other one reads; it may leave anything to it.
    #[test]
    fn both_ways_read_the_same(fields in proptest::collection::vec(field(), 1..6), order in Just(()).prop_perturb(|(), mut rng| rng.random_range(0..5_usize))) {
        let header = [HEADER, "timestamp_ms,endpoint,duration_ms", "endpoint,timestamp_ms,status,duration_ms", "duration_ms,host,timestamp_ms,endpoint", "timestamp_ms,duration_ms,endpoint"][order];
        let columns = Columns::of(header.as_bytes()).unwrap();
        let line = fields.join(",");
        let text = format!("{line}\n{AFTER_MS},next,1.0,200\n");
        if let Some((quick, length)) = Quick::of(text.as_bytes(), &columns) {
            prop_assert_eq!(length, line.len() + 1);
            let line = line.strip_suffix('\r').unwrap_or(&line);
            let row = Row::of(line.as_bytes(), &columns).unwrap();
            prop_assert_eq!(quick.at_ms, row.at_ms);
            prop_assert_eq!(quick.endpoint, &row.endpoint[..]);
            prop_assert_eq!(Measured::Request { ms: quick.ms, status: quick.status }, row.measured);
        }
    }

    /// Wherever in a word the end of a line falls.
    #[test]
    fn no_name_ends_with_half_a_line_end(name in "[a-z/]{1,40}") {
        let header = "timestamp_ms,duration_ms,endpoint";
        let text = format!("{AFTER_MS},1.5,{name}\r\n{AFTER_MS},1.5,{name}\r\n        ");
        let quick = Quick::of(text.as_bytes(), &Columns::of(header.as_bytes()).unwrap()).unwrap();
        prop_assert_eq!(quick.0.endpoint, name.as_bytes());
    }

    /// Lines of the usual kind do not take the long way, where another one follows.
    #[test]
    fn the_usual_line_is_read_quickly(ms in 0.0_f64..60_000.0, name in "[a-zA-Z0-9|/ {}_.-]{1,60}", status in 100_u16..600) {
        let line = format!("{AFTER_MS},{name},{ms:.3},{status}\n");
        let text = line.repeat(2);
        let quick = Quick::of(text.as_bytes(), &Columns::of(HEADER.as_bytes()).unwrap());
        let ms: f64 = format!("{ms:.3}").parse().unwrap();
        prop_assert_eq!(quick, Some((Quick { at_ms: AFTER_MS, endpoint: name.as_bytes(), ms, status: Some(status) }, line.len())));
    }
}
