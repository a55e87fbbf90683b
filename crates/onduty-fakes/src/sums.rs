//! Requests of a few endpoints, as backends that sum up tell of them: the same in each minute of each day, but for a little.

/// An endpoint that somebody asks.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The service.
    pub service: String,
    /// What is asked.
    pub name: String,
    /// Requests in a minute that are answered well.
    pub per_minute: u64,
    /// The median of what they take, in milliseconds.
    pub median_ms: f64,
}

/// All of them, and what becomes of one.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub endpoints: Vec<Asked>,
    /// Nothing is known from before this, in milliseconds since 1970.
    pub since_ms: i64,
    /// Nothing is known from then on.
    pub until_ms: Option<i64>,
    /// From when on the endpoint of this number takes this many times as long.
    pub slower: Option<(i64, usize, f64)>,
    /// When it was mended.
    pub mended_ms: Option<i64>,
    /// The number of an endpoint of which half of the requests fail from then on.
    pub failing: Option<(i64, usize)>,
}

/// Some of their requests.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sums {
    pub count: u64,
    pub mean_s: f64,
    /// Percentiles 50, 90, 95, 99.
    pub percentiles_s: [f64; 4],
    pub refused: u64,
    pub failed: u64,
}

impl Traffic {
    /// Those of the endpoint with this number between two moments.
    pub fn sums(&self, number: usize, from_ms: i64, to_ms: i64) -> Sums {
        let Some(asked) = self
            .endpoints
            .get(number)
            .filter(|_| from_ms >= self.since_ms && self.until_ms.is_none_or(|until| from_ms < until))
        else {
            return Sums::default();
        };
        let minutes = (to_ms - from_ms) as f64 / 60_000.0;
        // Spread evenly, and the same each time (Weyl's sequence).
        let share = ((from_ms / 10_000) as f64 * 0.618_033_988_7 + number as f64 * 0.377).fract();
        let is_mended = self.mended_ms.is_some_and(|mended| from_ms >= mended);
        let slower = self.slower.filter(|(at, which, _)| *which == number && from_ms >= *at && !is_mended);
        let slower = slower.map_or(1.0, |(.., by)| by);
        let median_s = asked.median_ms / 1e3 * slower * (0.97 + 0.06 * share);
        // Log-normal with a spread of one half.
        let percentiles_s = [0.0, 1.2816, 1.6449, 2.3263].map(|normal: f64| median_s * (0.5 * normal).exp());
        let count = (asked.per_minute as f64 * minutes).round() as u64;
        let is_failing = self.failing.is_some_and(|(at, which)| which == number && from_ms >= at);
        let failed = if is_failing { count / 2 } else { 0 };
        Sums { count: count - failed, mean_s: median_s * 0.125_f64.exp(), percentiles_s, refused: count / 50, failed }
    }
}
