//! What a comparison of response times says, in words.

use super::words::{count, human_number, percent, visible};
use onduty_core::perf::{BLOCKS, Comparison, Doubt, Failing, Judged, Named, Reason, SharedShift, Side, Verdict};

/// `+34 %`, `−8 %`, `3.2 times`.
pub fn change(share: f64) -> String {
    if share >= 2.0 {
        return format!("{:.1} times", share + 1.0);
    }
    let hundredths = (share * 100.0).round() as i64;
    if hundredths < 0 { format!("−{} %", -hundredths) } else { format!("+{hundredths} %") }
}

/// `34 % slower`, `8 % faster`, `3.2 times as slow`.
pub fn slower(share: f64) -> String {
    let hundredths = (share.abs() * 100.0).round();
    match share {
        share if share >= 2.0 => format!("{:.1} times as slow", share + 1.0),
        share if share < 0.0 => format!("{hundredths} % faster"),
        _ => format!("{hundredths} % slower"),
    }
}

/// `0.4 ms`, `57 ms`, `1.2 s`.
pub fn milliseconds(ms: f64) -> String {
    match ms {
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 1000.0 => format!("{ms:.0} ms"),
        ms if ms < 600_000.0 => format!("{:.1} s", ms / 1000.0),
        ms => format!("{:.0} min", ms / 60_000.0),
    }
}

/// The verdict, as it stands in a table.
pub fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Regressed => "slower",
        Verdict::Improved => "faster",
        Verdict::Unchanged => "unchanged",
        Verdict::Inconclusive => "not sure",
        Verdict::New => "new",
        Verdict::Gone => "gone",
        Verdict::SharedShift => "slower like all",
    }
}

/// One line: `2 slower of 310 judged (94 % of requests, 97 % of time), 894 too quiet to say`.
pub fn comparison(comparison: &Comparison) -> String {
    let of = |verdict| comparison.endpoints.iter().filter(|judged| judged.verdict == verdict).count();
    let (requests, time) = (percent(comparison.coverage.requests), percent(comparison.coverage.time));
    let mut parts = vec![format!(
        "{} slower of {} judged ({requests} of requests, {time} of time)",
        human_number(of(Verdict::Regressed) as u64),
        human_number(comparison.coverage.judged as u64),
    )];
    for (number, words) in [
        (of(Verdict::Improved), "faster"),
        (of(Verdict::Inconclusive), "too quiet to say"),
        (of(Verdict::New), "new"),
        (of(Verdict::Gone), "gone"),
    ] {
        if number > 0 {
            parts.push(format!("{} {words}", human_number(number as u64)));
        }
    }
    parts.join(", ")
}

/// Why nothing slower is no good news yet.
pub fn too_little(covered: f64) -> String {
    format!(
        "too little is judged to call the rollout fine: {} of requests and of their time are needed",
        percent(covered)
    )
}

/// What happened to all or to a group.
pub fn shared_shift(shift: &SharedShift) -> String {
    let who =
        if shift.group.is_empty() { "Everything".to_owned() } else { format!("All of {}", visible(&shift.group)) };
    let say = if shift.endpoints == 1 { "endpoint says" } else { "endpoints say" };
    let number = human_number(shift.endpoints as u64);
    format!("{who} became {} ({number} {say} so); that is not blamed on any endpoint", slower(shift.change))
}

/// `cart|POST /lines fails more often: 40 of 1,000 requests (4.0 %) after the rollout, 0.5 % before`.
pub fn failing(endpoint: &str, failing: &Failing) -> String {
    let share = |share: f64| match share * 100.0 {
        0.0 => "none".to_owned(),
        hundredths if hundredths < 0.1 => "less than 0.1 %".to_owned(),
        hundredths => format!("{hundredths:.1} %"),
    };
    format!(
        "{} fails more often: {} of {} ({}) after the rollout, {} before",
        visible(endpoint),
        human_number(failing.after.failed),
        count(failing.after.requests as usize, "request"),
        share(failing.after.share()),
        share(failing.before.share()),
    )
}

/// `p50 120 → 165 ms`.
fn from_to(name: &str, before: Option<f64>, after: Option<f64>) -> String {
    let side = |ms: Option<f64>| ms.map_or_else(|| "?".to_owned(), milliseconds);
    let (before, after) = (side(before), side(after));
    let short = match (before.split_once(' '), after.split_once(' ')) {
        (Some((number, unit)), Some((_, other))) if unit == other => number.to_owned(),
        _ => before,
    };
    format!("{name} {short} → {after}")
}

/// `p50 120 → 165 ms, p95 300 → 420 ms, 5,200 → 5,100 requests`.
pub fn sides(before: &Side, after: &Side) -> String {
    let requests = format!("{} → {}", human_number(before.n), count(after.n as usize, "request"));
    [from_to("p50", before.p50_ms, after.p50_ms), from_to("p95", before.p95_ms, after.p95_ms), requests].join(", ")
}

/// How sure the effect is: `+21 to +48 %`.
pub fn interval([low, high]: [f64; 2]) -> String {
    format!("{} to {}", change(low).trim_end_matches(" %"), change(high))
}

/// `users wait 412 s more in an hour`.
pub fn added_seconds(seconds: f64) -> String {
    let (amount, more) = (seconds.abs(), if seconds < 0.0 { "less" } else { "more" });
    let shown = if amount < 10.0 { format!("{amount:.1}") } else { human_number(amount.round() as u64) };
    format!("users wait {shown} s {more} in an hour")
}

/// What makes an answer weaker than it looks.
pub fn doubt(doubt: &Doubt) -> String {
    match doubt {
        Doubt::CoarseBounds(named) => format!(
            "coarse buckets: nearly all requests of {} are in one or two of them, so that only changes of their mean beyond 10 % count; give the histogram narrower ones",
            of(named)
        ),
        Doubt::UselessBounds(named) => format!(
            "useless buckets: those of {} say nothing about how long requests took (all are in the last one, or far below the first bound), so they are not judged; look at the bounds and their unit",
            of(named)
        ),
        Doubt::UnequalBounds(named) => format!(
            "unequal buckets: the bounds of {} are not the same everywhere, or changed with the rollout; a change may be theirs",
            of(named)
        ),
        Doubt::TooMany { endpoints, or_more, requests } => format!(
            "too many endpoints: {}{} with {} are not judged; labels that hold ids make many",
            if *or_more { "at least " } else { "" },
            count(*endpoints as usize, "quiet one"),
            count(*requests as usize, "request")
        ),
        Doubt::NoStatus { attribute: Some(attribute), share } => format!(
            "no status: {} of requests have no `{}`, which says how they were answered, so that nobody knows whether more of them fail; name what they have instead in onduty.yml",
            percent(*share),
            visible(attribute)
        ),
        Doubt::NoStatus { attribute: None, .. } => {
            "no status: onduty.yml names nothing that says how requests were answered, so that nobody knows whether more of them fail".to_owned()
        }
        Doubt::CountersBeganAnew { times } => format!(
            "counters began anew {} in the windows before and after; a few requests right before that may be missing",
            count(*times as usize, "time")
        ),
        Doubt::OtherRollouts { rollouts } => format!(
            "{} went out shortly before, and is compared together with this one",
            count(*rollouts, "more rollout")
        ),
        Doubt::SeveralEnvironments { environments } => format!(
            "several environments: rollouts to {} are compared by the same requests, because a source tells of one environment; compare those to one of them here",
            environments.iter().map(|name| visible(name)).collect::<Vec<_>>().join(" and ")
        ),
        Doubt::Gaps { before, after, elsewhere } => format!(
            "gaps: of {BLOCKS} parts of each window the source has nothing of {before} before the rollout, {after} after it, and {elsewhere} of all others"
        ),
    }
}

/// `3 endpoints (a, b, c)`
fn of(named: &Named) -> String {
    let mut names: Vec<String> = named.first.iter().map(|name| visible(name)).collect();
    if named.endpoints > names.len() {
        names.push("…".to_owned());
    }
    format!("{} ({})", count(named.endpoints, "endpoint"), names.join(", "))
}

/// Why the verdict is what it is, a sentence each.
pub fn why(judged: &Judged) -> Vec<String> {
    judged.reasons.iter().map(reason).collect()
}

fn reason(reason: &Reason) -> String {
    match reason {
        Reason::EarlierDays { days, shifted_windows: 0 } => {
            format!("compared with the same hours of {}", count(*days, "earlier day"))
        }
        Reason::EarlierDays { days, shifted_windows } => format!(
            "compared with the same hours of {}, of which {} counted less because they were unlike the others",
            count(*days, "earlier day"),
            count(*shifted_windows, "window"),
        ),
        Reason::NoEarlierDays { earlier_windows: 0 } => {
            "no earlier day and no earlier hour to compare with: a busy hour looks like a slow rollout".to_owned()
        }
        Reason::NoEarlierDays { earlier_windows } => format!(
            "no earlier day to compare with, only {} of the same day: a slow hour of the day looks like a slow rollout",
            count(*earlier_windows, "earlier window"),
        ),
        Reason::SharedShift { group, change } => {
            let who = if group.is_empty() { "everything".to_owned() } else { format!("all of {}", visible(group)) };
            format!("{who} became {}, which was taken away", slower(*change))
        }
        Reason::FewRequests { after, before, needed } => format!(
            "too few requests: {} after and {} before, where {} and {} are needed",
            human_number(*after),
            human_number(*before),
            needed[0],
            needed[1],
        ),
        Reason::WouldHaveSeen { change: seen } => {
            format!("only a change of {} or more would have been seen", change(*seen))
        }
        Reason::LevelMoved { times } => {
            format!("its level moved {} on these days; only what came after that counts", count(*times, "time"))
        }
        Reason::AtThisHour { change: usual } => {
            format!("{} at this hour is usual here, and was taken away", change(*usual))
        }
        Reason::CoarseBounds => {
            "nearly all of its requests are in one or two buckets of the histogram: only their mean tells".to_owned()
        }
        Reason::UselessBounds => {
            "the buckets of its histogram say nothing about how long requests took; look at the bounds and their unit"
                .to_owned()
        }
        Reason::Floor { change: floor } => {
            format!("less than {} slower is not looked at", change(*floor).trim_start_matches('+'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes() {
        let cases = [(0.344, "+34 %"), (-0.081, "−8 %"), (0.0, "+0 %"), (-0.001, "+0 %"), (2.24, "3.2 times")];
        for (share, words) in cases {
            assert_eq!(change(share), words);
        }
    }

    #[test]
    fn both_sides() {
        let side = |n, p50_ms| Side { n, p50_ms, p95_ms: Some(1234.0) };
        assert_eq!(
            sides(&side(5200, Some(4.24)), &side(1, Some(12.0))),
            "p50 4.2 → 12 ms, p95 1.2 → 1.2 s, 5,200 → 1 request"
        );
        assert!(sides(&side(0, None), &side(1, Some(12.0))).starts_with("p50 ? → 12 ms"));
    }
}
