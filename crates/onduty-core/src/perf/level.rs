//! How slow an endpoint was in a window, and how sure that is.

use super::series::{Cell, Series};
use super::sketch::{BUCKETS, Scale, Sketch, Spread, bucket_of, middle_of};
use super::windows::{AFTER, BEFORE, BLOCKS, Role, Windows};

/// Durations count up to this quantile of the baseline; what is beyond counts as much as that. One time-out must not
/// weigh as much as a thousand requests.
const WINSORISED_AT: f64 = 0.995;
/// With fewer requests in the baseline that quantile is the longest of them, and nothing is cut.
const FEWEST_TO_WINSORISE: u64 = 200;
/// With so many the quantile is known; the other windows need not be asked.
const ENOUGH_TO_WINSORISE: u64 = 4000;
/// Requests of a window before the rollout whose median is known well enough to see a change of.
const FEWEST_OF_A_MEDIAN: u64 = 20;
/// Two standard errors of a median, in distances from the median to the upper quartile of a normal distribution.
const MEDIAN_ERRORS: f64 = 2.0 * 1.2533 / 0.6745;
/// Least variance of the logarithm of durations within a block: no real endpoint is steadier, a summary may seem so.
const LEAST_VARIANCE: f64 = 0.02;
/// Requests that each block needs for the inter-quartile mean over blocks.
const FEWEST_OF_A_BLOCK: f64 = 10.0;
/// What the inter-quartile mean of twelve values varies more than their mean.
const IQM_VARIANCE: f64 = 1.2;
/// The median of what should be chi-squared with one degree of freedom, when the mean comes from the same blocks.
const MEDIAN_OF_BLOCKS: f64 = 0.41;
/// So many more requests than the median block, as a share of it, make a rush ...
const CROWDED_SHARE: f64 = 0.5;
/// ... when they are also this many standard deviations of a Poisson count more.
const CROWDED_CHANCE: f64 = 3.5;
/// Blocks of the longest rush that is told from more traffic.
const LONGEST_RUSH: usize = 4;
/// Blocks that the overdispersion is shrunk to one with.
const DISPERSION_PRIOR: f64 = 10.0;

/// The level of an endpoint in one window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// Requests that were answered well.
    pub n: f64,
    /// Mean of the natural logarithm of their milliseconds, winsorised, indifferent to a minority of blocks.
    pub ln_ms: f64,
    /// Sampling variance of `ln_ms`.
    pub variance: f64,
    /// Winsorised mean, in milliseconds; only of the windows before and after the rollout.
    pub mean_ms: Option<f64>,
}

/// Reduces the windows of one endpoint after another.
#[derive(Debug, Default)]
pub struct Reducer {
    scale: Scale,
    spread: Spread,
}

/// One block.
#[derive(Debug, Clone, Copy, Default)]
struct Block {
    n: f64,
    mean: f64,
    squares: f64,
    sum_ms: f64,
}

impl Reducer {
    /// The level in each window, `None` where fewer than two requests are known.
    pub fn levels(&mut self, series: &Series, windows: &Windows) -> Vec<Option<Level>> {
        let [cap_after, cap] = self.caps(series, windows);
        let cap_of = |window: usize| if window == AFTER { cap_after } else { cap };
        let reduced = |at: usize, cells: &[Cell; BLOCKS]| match at {
            BEFORE | AFTER => self.blocks::<true>(cells, cap_of(at)),
            _ => self.blocks::<false>(cells, cap_of(at)),
        };
        let blocks: Vec<Option<[Block; BLOCKS]>> =
            (0..windows.all().len()).map(|at| series.window(at).map(|cells| reduced(at, cells))).collect();
        let (squares, freedom) = blocks.iter().flatten().flatten().fold((0.0, 0.0), |(squares, freedom), block| {
            (squares + block.squares, freedom + (block.n - 1.0).max(0.0))
        });
        let within = if freedom > 0.0 { (squares / freedom).max(LEAST_VARIANCE) } else { LEAST_VARIANCE };
        let located: Vec<Option<Located>> = blocks.iter().map(|blocks| Located::of(blocks.as_ref()?)).collect();
        let dispersion = dispersion(&blocks, &located, within);
        located
            .into_iter()
            .enumerate()
            .map(|(at, located)| {
                let located = located?;
                let factor = if located.is_iqm { IQM_VARIANCE } else { 1.0 };
                let variance = within * dispersion * factor / located.n;
                Some(Level {
                    n: located.n,
                    ln_ms: located.ln_ms,
                    variance,
                    mean_ms: matches!(at, BEFORE | AFTER).then_some(located.mean_ms),
                })
            })
            .collect()
    }

    /// The bucket above which durations count as much as that bucket: in the window after the rollout, and elsewhere.
    fn caps(&mut self, series: &Series, windows: &Windows) -> [u16; 2] {
        let spread = &mut self.spread;
        spread.clear();
        spread.add_all(series.window(BEFORE));
        let before = (spread.n() >= FEWEST_OF_A_MEDIAN).then(|| spread.bucket_at(0.5)).flatten();
        for (at, window) in windows.all().iter().enumerate() {
            if !matches!(window.role, Role::Before | Role::After) && spread.n() < ENOUGH_TO_WINSORISE {
                spread.add_all(series.window(at));
            }
        }
        if spread.n() < FEWEST_TO_WINSORISE {
            return [BUCKETS as u16 - 1; 2];
        }
        let [median, quarter, cap] =
            [0.5, 0.75, WINSORISED_AT].map(|share| spread.bucket_at(share).unwrap_or_default());
        let (usual, distance) = (before.unwrap_or(median), self.scale.ln(quarter) - self.scale.ln(median));
        spread.clear();
        spread.add_all(series.window(AFTER));
        let Some(after) = spread.bucket_at(0.5) else { return [cap; 2] };
        // What became slower as a whole, beyond the chance of a median, is not cut where it used to end.
        let chance = MEDIAN_ERRORS * distance / (spread.n() as f64).sqrt();
        let slower = (self.scale.ln(after) - self.scale.ln(usual) - chance).max(0.0);
        [bucket_of(middle_of(cap) * slower.exp()), cap]
    }

    fn blocks<const WITH_MS: bool>(&self, cells: &[Cell; BLOCKS], cap: u16) -> [Block; BLOCKS] {
        std::array::from_fn(|at| self.block::<WITH_MS>(&cells[at].sketch, cap))
    }

    fn block<const WITH_MS: bool>(&self, sketch: &Sketch, cap: u16) -> Block {
        let n = sketch.n() as f64;
        if n == 0.0 {
            return Block::default();
        }
        let sums = sketch.moments::<WITH_MS>(&self.scale, cap);
        let mean = sums.ln / n;
        Block { n, mean, squares: (sums.squares - n * mean * mean).max(0.0), sum_ms: sums.ms }
    }
}

/// Where a window lies.
#[derive(Debug, Clone, Copy)]
struct Located {
    n: f64,
    ln_ms: f64,
    mean_ms: f64,
    is_iqm: bool,
}

impl Located {
    fn of(blocks: &[Block; BLOCKS]) -> Option<Located> {
        let crowded = crowded(blocks);
        let mut means = [0.0; BLOCKS];
        let (mut kept, mut n, mut sum, mut sum_ms, mut is_iqm) = (0, 0.0, 0.0, 0.0, true);
        for (block, is_crowded) in blocks.iter().zip(crowded) {
            if !is_crowded {
                means[kept] = block.mean;
                kept += 1;
                n += block.n;
                sum += block.n * block.mean;
                sum_ms += block.sum_ms;
                is_iqm &= block.n >= FEWEST_OF_A_BLOCK;
            }
        }
        if n < 2.0 {
            return None;
        }
        let ln_ms = if is_iqm {
            let means = &mut means[..kept];
            means.sort_unstable_by(f64::total_cmp);
            let middle = &means[kept / 4..kept - kept / 4];
            middle.iter().sum::<f64>() / middle.len() as f64
        } else {
            sum / n
        };
        Some(Located { n, ln_ms, mean_ms: sum_ms / n, is_iqm })
    }
}

/// Blocks of a rush, with far more requests than the others: what queues then is not the rollout's doing.
///
/// A rush is looked for in up to four blocks in a row, because one block of a quiet endpoint has too few requests to tell.
fn crowded(blocks: &[Block; BLOCKS]) -> [bool; BLOCKS] {
    let mut counts = blocks.map(|block| block.n);
    counts.sort_unstable_by(f64::total_cmp);
    let usual = counts[BLOCKS / 3];
    let mut crowded = [false; BLOCKS];
    if usual <= 0.0 || counts[BLOCKS - 1] <= (1.0 + CROWDED_SHARE) * usual {
        return crowded;
    }
    for length in 1..=LONGEST_RUSH {
        let expected = usual * length as f64;
        let enough = expected + (CROWDED_SHARE * expected).max(CROWDED_CHANCE * expected.sqrt());
        for start in 0..=BLOCKS - length {
            let run = start..start + length;
            if blocks[run.clone()].iter().map(|block| block.n).sum::<f64>() > enough {
                run.for_each(|at| crowded[at] |= blocks[at].n > usual);
            }
        }
    }
    crowded
}

/// How much more blocks differ than their requests would by chance: minutes have moods of their own.
fn dispersion(blocks: &[Option<[Block; BLOCKS]>], located: &[Option<Located>], within: f64) -> f64 {
    let mut ratios: Vec<f64> = Vec::new();
    for (blocks, located) in blocks.iter().zip(located) {
        let (Some(blocks), Some(located)) = (blocks, located) else { continue };
        let known = blocks.iter().filter(|block| block.n > 0.0);
        ratios.extend(known.map(|block| block.n * (block.mean - located.ln_ms).powi(2) / within));
    }
    let Some(median) = super::numbers::median(&mut ratios) else { return 1.0 };
    let own = median / MEDIAN_OF_BLOCKS;
    let k = ratios.len() as f64;
    ((own * k + DISPERSION_PRIOR) / (k + DISPERSION_PRIOR)).max(1.0)
}
