//! How slow an endpoint was in a window, and how sure that is.

use super::numbers::median;
use super::series::{Cell, Series};
use super::sketch::{BUCKETS, Sketch, Spread, bucket_of, ln_of, middle_of};
use super::verdict::Side;
use super::windows::{AFTER, BEFORE, BLOCKS, Windows};

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
    /// All requests after the rollout.
    after: Spread,
    /// As many of the others as are enough.
    others: Spread,
    /// The windows that are known; kept for its memory, as the next one.
    blocks: Vec<(usize, [Block; BLOCKS])>,
    distances: Vec<f64>,
}

/// One block.
#[derive(Debug, Clone, Copy, Default)]
struct Block {
    n: f64,
    mean: f64,
    /// The sum of the squared logarithms.
    squares: f64,
    sum_ms: f64,
}

impl Reducer {
    /// The level in each window, `None` where fewer than two requests are known; and the percentiles before the rollout and
    /// after it, which are made on the way.
    pub fn levels(&mut self, series: &Series, windows: &Windows) -> (Vec<Option<Level>>, [Side; 2]) {
        let ([cap_after, cap], sides) = self.caps(series, windows);
        let mut blocks = std::mem::take(&mut self.blocks);
        blocks.clear();
        for at in 0..windows.all().len() {
            let Some(cells) = series.window(at) else { continue };
            blocks.push((at, Block::of_window(cells, if at == AFTER { cap_after } else { cap })));
        }
        // The squares within blocks are those of all requests, without those of the means.
        let (mut squares, mut freedom) = (0.0, 0.0);
        for (_, blocks) in &blocks {
            squares += blocks.iter().map(|block| block.squares - block.n * block.mean * block.mean).sum::<f64>();
            freedom += blocks.iter().map(|block| (block.n - 1.0).max(0.0)).sum::<f64>();
        }
        let within = if freedom > 0.0 { (squares / freedom).max(LEAST_VARIANCE) } else { LEAST_VARIANCE };
        let mut levels = vec![None; windows.all().len()];
        self.distances.clear();
        for (at, blocks) in &blocks {
            let Some(located) = Located::of(blocks) else { continue };
            let known = blocks.iter().filter(|block| block.n > 0.0);
            self.distances.extend(known.map(|block| block.n * (block.mean - located.ln_ms).powi(2)));
            let factor = if located.is_iqm { IQM_VARIANCE } else { 1.0 };
            levels[*at] = Some(Level {
                n: located.n,
                ln_ms: located.ln_ms,
                variance: within * factor / located.n,
                mean_ms: matches!(*at, BEFORE | AFTER).then_some(located.mean_ms),
            });
        }
        let dispersion = dispersion(&mut self.distances, within);
        levels.iter_mut().flatten().for_each(|level| level.variance *= dispersion);
        self.blocks = blocks;
        (levels, sides)
    }

    /// The bucket above which durations count as much as that bucket, in the window after the rollout and elsewhere; and
    /// the percentiles of both sides.
    fn caps(&mut self, series: &Series, windows: &Windows) -> ([u16; 2], [Side; 2]) {
        let (after, others) = (&mut self.after, &mut self.others);
        after.clear();
        after.add_all(series.window(AFTER));
        others.clear();
        others.add_all(series.window(BEFORE));
        let (n_before, side_before, [median_before, _]) = others.side();
        let (n_after, side_after, [median_after, _]) = after.side();
        let baseline = |spread: &Spread| spread.buckets_at([0.5, 0.75, WINSORISED_AT]);
        for at in (0..windows.all().len()).filter(|at| !matches!(*at, BEFORE | AFTER)) {
            if others.n() >= ENOUGH_TO_WINSORISE {
                break;
            }
            others.add_all(series.window(at));
        }
        let sides = [side_before, side_after];
        let found = baseline(others).filter(|_| others.n() >= FEWEST_TO_WINSORISE);
        let Some([median, quarter, cap]) = found else { return ([BUCKETS as u16 - 1; 2], sides) };
        if n_after == 0 {
            return ([cap; 2], sides);
        }
        let usual = if n_before >= FEWEST_OF_A_MEDIAN { median_before } else { median };
        let distance = ln_of(quarter) - ln_of(median);
        // What became slower as a whole, beyond the chance of a median, is not cut where it used to end.
        let chance = MEDIAN_ERRORS * distance / (n_after as f64).sqrt();
        let slower = (ln_of(median_after) - ln_of(usual) - chance).max(0.0);
        ([bucket_of(middle_of(cap) * slower.exp()), cap], sides)
    }
}

impl Block {
    fn of_window(cells: &[Cell; BLOCKS], cap: u16) -> [Block; BLOCKS] {
        std::array::from_fn(|at| Block::of(&cells[at].sketch, cap))
    }

    fn of(sketch: &Sketch, cap: u16) -> Block {
        let n = sketch.n() as f64;
        if n == 0.0 {
            return Block::default();
        }
        let sums = sketch.moments(cap);
        Block { n, mean: sums.ln / n, squares: sums.squares, sum_ms: sums.ms }
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
            means[kept..].fill(f64::INFINITY);
            sort_blocks(&mut means);
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
    let mut crowded = [false; BLOCKS];
    let (least, most) = counts.iter().fold((f64::INFINITY, 0.0_f64), |(least, most), n| (least.min(*n), most.max(*n)));
    if most <= (1.0 + CROWDED_SHARE) * least {
        return crowded;
    }
    sort_blocks(&mut counts);
    let usual = counts[BLOCKS / 3];
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

/// Sorts a number of each block: pairs are put in order without a branch (a network of 39, as in Knuth, "The Art of Computer
/// Programming" 3, 5.3.4). There is no NaN among them. Written out, because the compiler does not unroll so long a loop.
fn sort_blocks(numbers: &mut [f64; BLOCKS]) {
    macro_rules! in_order {
        ($($low:literal $high:literal),*) => {$(
            let (left, right) = (numbers[$low], numbers[$high]);
            (numbers[$low], numbers[$high]) = if left < right { (left, right) } else { (right, left) };
        )*};
    }
    in_order!(0 8, 1 7, 2 6, 3 11, 4 10, 5 9, 0 1, 2 5, 3 4, 6 9, 7 8, 10 11, 0 2);
    in_order!(1 6, 5 10, 9 11, 0 3, 1 2, 4 6, 5 7, 8 11, 9 10, 1 4, 3 5, 6 8, 7 10);
    in_order!(1 3, 2 5, 6 9, 8 10, 2 3, 4 5, 6 7, 8 9, 4 6, 5 7, 3 4, 5 6, 7 8);
}

/// How much more blocks differ than their requests would by chance: minutes have moods of their own. From the squared
/// distances of blocks from their window, each times its requests, which chance makes `within`.
fn dispersion(distances: &mut [f64], within: f64) -> f64 {
    let Some(median) = median(distances) else { return 1.0 };
    let own = median / within / MEDIAN_OF_BLOCKS;
    let k = distances.len() as f64;
    ((own * k + DISPERSION_PRIOR) / (k + DISPERSION_PRIOR)).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What sorts all zeros and ones sorts everything.
    #[test]
    fn the_network_sorts() {
        for bits in 0..1_u32 << BLOCKS {
            let mut numbers = std::array::from_fn(|at| f64::from(bits >> at & 1));
            sort_blocks(&mut numbers);
            assert!(numbers.is_sorted(), "{bits:b}: {numbers:?}");
        }
    }
}
