//! Backends that do not hand out distributions: for each endpoint and some minutes they tell a number, a mean and
//! percentiles.
//!
//! The folders of such providers have a [`Summing`] each; which windows are asked about, in how many questions and what is
//! done with too many endpoints is the same for all of them and stands here. Knows no provider's fields.

use super::SourceError;
use super::response_times::{ALIVE, Failed, ResponseTimes};
use async_trait::async_trait;
use jiff::Timestamp;
use onduty_core::ids::SourceName;
use onduty_core::perf::{AFTER, BEFORE, BLOCKS, Doubt, Grain, Named, Role, Slot, Summary, Table, Traffic, Windows};
use std::collections::{BTreeSet, HashSet};

/// Requests of an endpoint in some time, as a backend sums them up.
#[derive(Debug, Clone, PartialEq)]
pub struct Summed {
    /// The endpoint.
    pub endpoint: String,
    /// When this begins, in milliseconds since 1970.
    pub from_ms: i64,
    /// When it ends.
    pub to_ms: i64,
    /// Those that were answered well.
    pub answered: Option<Summary>,
    /// Those that the client got wrong.
    pub refused: u64,
    /// Those that the server failed.
    pub failed: u64,
}

/// The busiest endpoints of some time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Busiest {
    /// Their names and requests.
    pub endpoints: Vec<(String, u64)>,
    /// Requests of all endpoints, and the time that they took in milliseconds.
    pub all: Traffic,
    /// Requests of them that say how they were answered.
    pub with_status: u64,
}

/// A backend that sums up.
#[async_trait]
pub trait Summing: Send + Sync {
    /// Its name.
    fn name(&self) -> &'static str;

    /// Endpoints that one answer about a window can have without leaving any out that is among the busiest half of them.
    fn most(&self) -> usize;

    /// Endpoints that it names when it is asked for the busiest; fewer means that there are no more.
    fn named(&self) -> usize;

    /// What says how a request was answered.
    fn status(&self) -> &str;

    /// Whether anything of these is asked for, in words: `transactions of these applications`.
    fn subject(&self) -> String;

    /// The busiest endpoints from `from_ms` to `to_ms`.
    async fn busiest(&self, from_ms: i64, to_ms: i64, most: usize) -> Result<Busiest, Failed>;

    /// What is known of the time from `from_ms` to `to_ms`, cut into pieces of about `piece_ms`.
    async fn sums(&self, from_ms: i64, to_ms: i64, piece_ms: i64) -> Result<Vec<Summed>, Failed>;
}

#[async_trait]
impl<T: Summing> ResponseTimes for T {
    async fn fill(&self, windows: &Windows, table: &mut Table) -> Result<Vec<Doubt>, SourceError> {
        fill(self, windows, table).await
    }

    async fn is_alive(&self, now: Timestamp) -> Result<bool, SourceError> {
        let now_ms = now.as_millisecond();
        let busiest = self.busiest(now_ms - ALIVE.as_millis() as i64, now_ms, 1).await?;
        Ok(busiest.endpoints.iter().any(|(_, requests)| *requests > 0))
    }
}

async fn fill(backend: &dyn Summing, windows: &Windows, table: &mut Table) -> Result<Vec<Doubt>, SourceError> {
    let mut doubts = Vec::new();
    let kept = keep_busiest(backend, windows, table, &mut doubts).await?;
    let mut reading = Reading { backend, windows, kept, at_once: BLOCKS, coarse: BTreeSet::new() };
    let mut known = vec![[false; BLOCKS]; windows.all().len()];
    for window in [BEFORE, AFTER] {
        known[window] = reading.window(window, table).await?;
    }
    if !known[AFTER].contains(&true) {
        // Not that all of them are gone: nothing is known yet, or not any more.
        let what = format!("{} in the window after the rollout", backend.subject());
        return Err(SourceError::Missing { source_name: SourceName::from(backend.name()), what });
    }
    let is_day = |role: Role| matches!(role, Role::BeforeOn(_) | Role::AfterOn(_));
    let numbered = |is: fn(Role) -> bool| {
        let all = windows.all().iter().enumerate();
        all.filter(move |(_, window)| is(window.role)).map(|(at, _)| at).collect::<Vec<_>>()
    };
    for window in numbered(is_day) {
        known[window] = reading.window(window, table).await?;
    }
    let has_days = known.iter().skip(AFTER + 1).any(|known| known.contains(&true));
    if !has_days {
        for window in numbered(|role| role == Role::Earlier) {
            known[window] = reading.window(window, table).await?;
        }
    }
    reading.coarse.iter().for_each(|name| table.mark(name.as_bytes(), Grain::Coarse));
    doubts.extend(Named::of(reading.coarse.iter().map(String::as_str)).map(Doubt::CoarseBounds));
    doubts.extend(Doubt::gaps(&known));
    Ok(doubts)
}

/// The endpoints that are asked about; `None` when all of them are.
async fn keep_busiest(
    backend: &dyn Summing,
    windows: &Windows,
    table: &mut Table,
    doubts: &mut Vec<Doubt>,
) -> Result<Option<HashSet<String>>, SourceError> {
    let (from, to) = (windows.all()[BEFORE].start_ms, windows.all()[AFTER].start_ms + windows.length_ms());
    let most = table.most().min(backend.most());
    let mut busiest = backend.busiest(from, to, backend.named()).await?;
    let is_cut = busiest.endpoints.len() >= backend.named();
    busiest.endpoints.retain(|(_, requests)| *requests > 0);
    if busiest.endpoints.is_empty() {
        let what = format!("{} around the rollout", backend.subject());
        return Err(SourceError::Missing { source_name: SourceName::from(backend.name()), what });
    }
    doubts.extend(Doubt::no_status(backend.status(), busiest.with_status as f64, busiest.all.requests as f64));
    if busiest.endpoints.len() <= most {
        return Ok(None);
    }
    busiest.endpoints.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    let others = (busiest.endpoints.len() - most) as u64;
    busiest.endpoints.truncate(most);
    let kept: u64 = busiest.endpoints.iter().map(|(_, requests)| requests).sum();
    let requests = busiest.all.requests.saturating_sub(kept);
    // What of that was after the rollout is estimated by the length of the window in the whole time.
    let share = windows.length_ms() as f64 / (to - from).max(1) as f64;
    let time_ms = busiest.all.time_ms * requests as f64 / busiest.all.requests.max(1) as f64;
    let after = Traffic { requests: (requests as f64 * share) as u64, time_ms: time_ms * share };
    table.leave_out(others, requests, after);
    doubts.push(Doubt::TooMany { endpoints: others, or_more: is_cut, requests });
    Ok(Some(busiest.endpoints.into_iter().map(|(name, _)| name).collect()))
}

/// One look at all windows.
struct Reading<'a> {
    backend: &'a dyn Summing,
    windows: &'a Windows,
    kept: Option<HashSet<String>>,
    /// Blocks that are asked for at once; fewer when the backend found it too much.
    at_once: usize,
    /// Endpoints whose durations are hardly known.
    coarse: BTreeSet<String>,
}

impl Reading<'_> {
    /// Puts everything about a window into `table`; the blocks of which anything is known.
    async fn window(&mut self, window: usize, table: &mut Table) -> Result<[bool; BLOCKS], SourceError> {
        let (start, length) = (self.windows.all()[window].start_ms, self.windows.length_ms());
        let begins = |block: usize| start + length * block as i64 / BLOCKS as i64;
        let (mut seen, mut next) = ([false; BLOCKS], 0);
        while next < BLOCKS {
            let here = self.at_once.min(BLOCKS - next);
            match self.backend.sums(begins(next), begins(next + here), length / BLOCKS as i64).await {
                Ok(sums) => {
                    for sum in &sums {
                        self.put(sum, window, table, &mut seen);
                    }
                    next += here;
                }
                Err(Failed::TooMuch(_)) if here > 1 => self.at_once = here / 2,
                Err(Failed::TooMuch(error) | Failed::Other(error)) => return Err(error),
            }
        }
        Ok(seen)
    }

    fn put(&mut self, sum: &Summed, window: usize, table: &mut Table, seen: &mut [bool; BLOCKS]) {
        let answered = sum.answered.filter(|answered| answered.count > 0);
        let count = answered.map_or(0, |answered| answered.count);
        let requests = count.saturating_add(sum.refused).saturating_add(sum.failed);
        // Backends fill with zeros what they know nothing of.
        if requests == 0 {
            return;
        }
        let start = self.windows.all()[window].start_ms;
        // What reaches over the edge of a window has requests that are not in it.
        if sum.from_ms < start || sum.to_ms > start + self.windows.length_ms() || sum.to_ms <= sum.from_ms {
            return;
        }
        let middle = sum.from_ms + (sum.to_ms - sum.from_ms) / 2;
        let block = ((middle - start) * BLOCKS as i64 / self.windows.length_ms()) as usize;
        let slot = Slot { window, block: block.min(BLOCKS - 1) };
        seen[slot.block] = true;
        if self.kept.as_ref().is_some_and(|kept| !kept.contains(&sum.endpoint)) {
            return;
        }
        let time_ms = answered.and_then(|answered| Some(answered.mean_ms? * answered.count as f64)).unwrap_or(0.0);
        let Some(series) = table.endpoint(sum.endpoint.as_bytes(), slot, requests, time_ms) else { return };
        series.errors(slot, sum.refused, sum.failed);
        let Some(answered) = answered else { return };
        let is_known = series.summary(slot, &answered);
        if answered.percentiles_ms[0].is_none() {
            self.coarse.insert(sum.endpoint.clone());
        }
        if !is_known {
            // Nobody can judge them, and they are not forgotten.
            table.put_together(slot, answered.count, time_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;
    use jiff::tz::TimeZone;
    use onduty_core::perf::{Lengths, Rollout};

    /// A backend that tells of each piece what this says.
    struct Telling<F> {
        sums: F,
        /// Endpoints besides those of most tests.
        more: u64,
    }

    impl<F> Telling<F> {
        fn of(sums: F) -> Telling<F> {
            Telling { sums, more: 0 }
        }
    }

    #[async_trait]
    impl<F: Fn(i64) -> Vec<Summed> + Send + Sync> Summing for Telling<F> {
        fn name(&self) -> &'static str {
            "telling"
        }

        fn most(&self) -> usize {
            10
        }

        fn named(&self) -> usize {
            20
        }

        fn status(&self) -> &str {
            "code"
        }

        fn subject(&self) -> String {
            "requests".to_owned()
        }

        async fn busiest(&self, _: i64, _: i64, _: usize) -> Result<Busiest, Failed> {
            let mut endpoints = vec![("quiet".to_owned(), 0), ("busy".to_owned(), 9)];
            endpoints.extend((0..self.more).map(|at| (format!("more {at:02}"), 1)));
            let requests = 9 + self.more;
            Ok(Busiest { endpoints, all: Traffic { requests, time_ms: 9.0 }, with_status: requests })
        }

        async fn sums(&self, from_ms: i64, to_ms: i64, piece_ms: i64) -> Result<Vec<Summed>, Failed> {
            Ok((from_ms..to_ms).step_by(piece_ms as usize).flat_map(&self.sums).collect())
        }
    }

    const PIECE_MS: i64 = 300_000;

    fn sum(endpoint: &str, from_ms: i64, count: u64, median_ms: Option<f64>, mean_ms: Option<f64>) -> Summed {
        let percentiles_ms = [median_ms, None, None, None];
        let answered = Some(Summary { count, percentiles_ms, mean_ms });
        Summed { endpoint: endpoint.to_owned(), from_ms, to_ms: from_ms + PIECE_MS, answered, refused: 0, failed: 0 }
    }

    fn windows() -> Windows {
        let start = "2026-03-04T16:00:00Z".parse().unwrap();
        let lengths = Lengths { warm_up: SignedDuration::from_mins(10), window: SignedDuration::from_hours(1) };
        Windows::around(Rollout { start, end: start }, lengths, &TimeZone::UTC).unwrap()
    }

    #[tokio::test]
    async fn durations_that_are_hardly_known_are_said_and_unknown_ones_are_not_judged() {
        let told = |at| {
            vec![
                sum("full", at, 5, Some(20.0), Some(21.0)),
                sum("mean", at, 5, None, Some(21.0)),
                sum("blank", at, 5, None, None),
            ]
        };
        let (windows, mut table) = (windows(), Table::new(10));
        let doubts = fill(&Telling::of(told), &windows, &mut table).await.unwrap();
        let named = Named { endpoints: 2, first: vec!["blank".to_owned(), "mean".to_owned()] };
        assert_eq!(doubts, [Doubt::CoarseBounds(named)]);
        let (endpoints, other) = table.finish();
        let told: Vec<(&str, u64, Grain)> = endpoints
            .iter()
            .map(|(name, endpoint)| (name.as_str(), endpoint.series.traffic(AFTER).requests, endpoint.series.grain()))
            .collect();
        assert_eq!(told, [("blank", 0, Grain::Coarse), ("full", 60, Grain::Fine), ("mean", 60, Grain::Coarse)]);
        assert_eq!(other.after, Traffic { requests: 60, time_ms: 0.0 }, "nobody judges them, and they are counted");
    }

    #[tokio::test]
    async fn how_many_are_left_out_is_said_as_far_as_it_is_known() {
        for (more, endpoints, or_more) in [(12, 3, false), (18, 9, true)] {
            let backend = Telling { sums: |at| vec![sum("busy", at, 5, Some(20.0), None)], more };
            let doubts = fill(&backend, &windows(), &mut Table::new(100)).await.unwrap();
            assert_eq!(doubts, [Doubt::TooMany { endpoints, or_more, requests: more - 9 }], "{more}");
        }
    }

    #[tokio::test]
    async fn zeros_are_nothing_known() {
        let after = windows().all()[AFTER].start_ms;
        let backend = Telling::of(move |at| vec![sum("busy", at, if at < after { 5 } else { 0 }, Some(20.0), None)]);
        let missing = fill(&backend, &windows(), &mut Table::new(10)).await.unwrap_err();
        assert_eq!(missing.to_string(), "telling has no requests in the window after the rollout");
        let backend =
            Telling::of(move |at| vec![sum("busy", at, u64::from(at < after + 3 * PIECE_MS), Some(20.0), None)]);
        let doubts = fill(&backend, &windows(), &mut Table::new(10)).await.unwrap();
        assert_eq!(doubts, [Doubt::Gaps { before: 0, after: 9, elsewhere: 0 }]);
    }
}
