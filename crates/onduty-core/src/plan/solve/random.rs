//! Numbers that look random and are the same on every machine for the same seed.

/// A small generator (splitmix64).
#[derive(Debug, Clone)]
pub(super) struct Random {
    state: u64,
    /// Draws of an exponential distribution with mean one, for accepting what is worse.
    patience: Vec<f64>,
}

/// How fine the exponential distribution is drawn.
const STEPS: usize = 4096;

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        // The standard library's logarithm may differ in its last bit between machines.
        let patience = (0..STEPS).map(|step| -logarithm((step as f64 + 0.5) / STEPS as f64)).collect();
        Random { state: seed, patience }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to `end` - 1; 0 where `end` is 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    /// One of them.
    pub(super) fn one_of(&mut self, all: &[u32]) -> Option<u32> {
        let at = self.below(all.len());
        all.get(at).copied()
    }

    /// In so many of a hundred cases.
    pub(super) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// Positive, one on average.
    pub(super) fn patience(&mut self) -> f64 {
        let at = self.below(STEPS);
        self.patience[at]
    }
}

/// The natural logarithm of a number from 0 to 1, by the operations that every machine rounds alike.
fn logarithm(mut x: f64) -> f64 {
    let mut halvings = 0.0;
    while x < 0.5 {
        x *= 2.0;
        halvings += 1.0;
    }
    let ratio = (x - 1.0) / (x + 1.0);
    let (mut power, mut sum) = (ratio, 0.0);
    for odd in (1..60).step_by(2) {
        sum += power / f64::from(odd);
        power *= ratio * ratio;
    }
    2.0 * sum - halvings * std::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_is_one() {
        for x in [0.0001, 0.1, 0.25, 0.4999, 0.5, 0.77, 1.0_f64] {
            assert!((logarithm(x) - x.ln()).abs() < 1e-12, "{x}");
        }
    }

    #[test]
    fn every_number_comes_and_none_is_too_large() {
        let mut random = Random::new(7);
        let mut seen = [0; 5];
        for _ in 0..1000 {
            seen[random.below(5)] += 1;
        }
        assert!(seen.iter().all(|times| *times > 150), "{seen:?}");
        assert_eq!((random.below(1), random.below(0), random.one_of(&[])), (0, 0, None));
        let mean = (0..10_000).map(|_| random.patience()).sum::<f64>() / 10_000.0;
        assert!((mean - 1.0).abs() < 0.05, "{mean}");
    }
}
