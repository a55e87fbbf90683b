//! A mergeable sketch of durations: counts in logarithmic buckets, with the exact number and sum.
//!
//! The buckets are those of HdrHistogram and of the "bit trick" variants of DDSketch (Masson, Rim, Lee, "DDSketch", VLDB
//! 2019): each octave of microseconds is cut into 32 equal parts, so that the exponent and the first five bits of the
//! mantissa of a float *are* the number of its bucket. A bucket is at most 3.1 % wide; a quantile is at most 1.6 % off.

use super::verdict::Side;
use smallvec::SmallVec;
use std::sync::LazyLock;

/// Bits of the mantissa that tell buckets of one octave apart.
const SUB_BITS: u32 = 5;
/// Buckets of one octave.
const SUBS: usize = 1 << SUB_BITS;
/// Octaves from one microsecond up to 38 hours.
const OCTAVES: usize = 37;
/// Buckets of a sketch: the first also holds what is shorter, the last what is longer.
pub const BUCKETS: usize = SUBS * OCTAVES;
/// Bits of a float in front of the exponent and the used part of its mantissa.
const SHIFT: u32 = f64::MANTISSA_DIGITS - 1 - SUB_BITS;
/// What a float of one (microsecond) has there.
const ONE: u64 = 1.0_f64.to_bits() >> SHIFT;
/// Most requests of a bucket that are counted: a signed number for the processor.
const MOST: u32 = i32::MAX as u32;
/// Buckets that are kept as a list before they become a row of counts.
const FEW: usize = 24;

/// The bucket of `ms` milliseconds.
///
/// Anything that is no number above zero is in the first; callers that care look first.
#[inline]
pub fn bucket_of(ms: f64) -> u16 {
    let us = ms * 1000.0;
    // Also where it is NaN; without a branch.
    let us = if us > 1.0 { us } else { 1.0 };
    let bucket = (us.to_bits() >> SHIFT) - ONE;
    bucket.min(BUCKETS as u64 - 1) as u16
}

/// The middle of a bucket, in milliseconds.
pub fn middle_of(bucket: u16) -> f64 {
    (lower_end_of(bucket) + lower_end_of(bucket + 1)) / 2.0
}

/// Where a bucket begins, in milliseconds.
fn lower_end_of(bucket: u16) -> f64 {
    f64::from_bits((u64::from(bucket) + ONE) << SHIFT) / 1000.0
}

/// Durations of requests, in milliseconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sketch {
    n: u64,
    sum_ms: f64,
    cells: Cells,
}

/// What is in the buckets.
#[derive(Debug, Clone)]
enum Cells {
    /// Bucket and count of each in one number, in no order: quiet endpoints. Millions of these lie about in memory, and
    /// fetching them is most of the work of a comparison.
    Few(SmallVec<[Pair; INLINE]>),
    /// Small counts without a gap: a block of a usual endpoint. Four times as many fit into a cache.
    Low(Low),
    /// Counts without a gap: busy endpoints.
    Many(Row<u32>),
}

/// Counts from one bucket on.
#[derive(Debug, Clone, Default)]
struct Row<T> {
    first: u16,
    counts: Vec<T>,
}

impl<T: Copy + Default> Row<T> {
    /// The count of a bucket, where the row has it.
    #[inline]
    fn get_mut(&mut self, bucket: u16) -> Option<&mut T> {
        self.counts.get_mut(usize::from(bucket.wrapping_sub(self.first)))
    }

    /// The count of any bucket; the row grows to it.
    fn reach(&mut self, bucket: u16) -> &mut T {
        if bucket < self.first {
            // A little more than asked for, so that a row that grows downwards does not move each time.
            let least = bucket.saturating_sub(SUBS as u16 / 2);
            let mut grown = vec![T::default(); usize::from(self.first - least)];
            grown.append(&mut self.counts);
            (self.first, self.counts) = (least, grown);
        }
        let at = usize::from(bucket - self.first);
        if self.counts.len() <= at {
            self.counts.resize(at + 1, T::default());
        }
        &mut self.counts[at]
    }
}

/// Small counts, and sums over them: whoever compares hundreds of blocks need not fetch their counts from far away.
#[derive(Debug, Clone, Default)]
struct Low {
    row: Row<u8>,
    sums: Moments,
}

impl Low {
    /// `count` more; `false` where they do not fit.
    fn add(&mut self, bucket: u16, count: u32) -> bool {
        let cell = self.row.reach(bucket);
        let Ok(sum) = u8::try_from(more((*cell).into(), count)) else { return false };
        *cell = sum;
        self.sums.add(&SCALE, usize::from(bucket), f64::from(count));
        true
    }

    fn widen(&self) -> Row<u32> {
        Row { first: self.row.first, counts: self.row.counts.iter().map(|count| u32::from(*count)).collect() }
    }
}

impl<T: Copy + Into<u32>> Row<T> {
    /// Something of each line of the cache that it is in.
    #[inline]
    fn touch(&self) -> u32 {
        const LINE: usize = 64;
        let each = LINE / size_of::<T>();
        self.counts.iter().step_by(each).chain(self.counts.last()).fold(0, |bits, count| bits ^ (*count).into())
    }

    #[inline]
    fn each(&self, mut visit: impl FnMut(u16, u32)) {
        for (at, &count) in self.counts.iter().enumerate() {
            let count = count.into();
            if count > 0 {
                visit(self.first + at as u16, count);
            }
        }
    }
}

/// A bucket in the upper bits, its count in the lower ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pair(u32);

/// Pairs that lie in the sketch itself: of most blocks there are no more.
const INLINE: usize = 6;
/// Bits of a count in a pair.
const COUNT_BITS: u32 = 21;

impl Pair {
    /// `None` when the count is too large.
    fn of(bucket: u16, count: u32) -> Option<Pair> {
        (count < 1 << COUNT_BITS).then_some(Pair(u32::from(bucket) << COUNT_BITS | count))
    }

    fn bucket(self) -> u16 {
        (self.0 >> COUNT_BITS) as u16
    }

    fn count(self) -> u32 {
        self.0 & ((1 << COUNT_BITS) - 1)
    }
}

impl Default for Cells {
    fn default() -> Self {
        Cells::Few(SmallVec::new())
    }
}

/// Equal is what has the same counts, however they are kept.
impl PartialEq for Cells {
    fn eq(&self, other: &Cells) -> bool {
        self.sorted() == other.sorted()
    }
}

/// A count with more of it.
#[inline]
fn more(count: u32, more: u32) -> u32 {
    count.saturating_add(more).min(MOST)
}

impl Cells {
    fn sorted(&self) -> Vec<(u16, u32)> {
        let mut all = Vec::new();
        self.each(|bucket, count| all.push((bucket, count)));
        all.sort_unstable();
        all
    }

    #[inline]
    fn each(&self, mut visit: impl FnMut(u16, u32)) {
        match self {
            Cells::Few(pairs) => pairs.iter().for_each(|pair| visit(pair.bucket(), pair.count())),
            Cells::Low(low) => low.row.each(visit),
            Cells::Many(row) => row.each(visit),
        }
    }

    #[inline]
    fn add(&mut self, bucket: u16, count: u32) {
        if let Cells::Many(row) = self
            && let Some(cell) = row.get_mut(bucket)
        {
            *cell = more(*cell, count);
            return;
        }
        self.add_new(bucket, count);
    }

    /// One more of what is counted one by one: such a row grows, and is wide from the beginning.
    #[inline(never)]
    fn add_one(&mut self, bucket: u16) {
        match self {
            Cells::Low(low) => *self = Cells::Many(low.widen()),
            Cells::Few(pairs) if pairs.len() == FEW => {
                let mut row =
                    Row { first: pairs.iter().map(|pair| pair.bucket()).min().unwrap_or(bucket), counts: Vec::new() };
                pairs.iter().for_each(|pair| *row.reach(pair.bucket()) = pair.count());
                *self = Cells::Many(row);
            }
            Cells::Few(_) | Cells::Many(_) => {}
        }
        self.add_new(bucket, 1);
    }

    fn add_new(&mut self, bucket: u16, count: u32) {
        match self {
            Cells::Few(pairs) => {
                let known = pairs.iter().position(|pair| pair.bucket() == bucket);
                let sum = more(known.map_or(0, |at| pairs[at].count()), count);
                match (known, Pair::of(bucket, sum)) {
                    (Some(at), Some(more)) => pairs[at] = more,
                    (None, Some(pair)) if pairs.len() < FEW => pairs.push(pair),
                    _ => self.become_row(bucket, count),
                }
            }
            Cells::Low(low) => {
                if !low.add(bucket, count) {
                    *self = Cells::Many(low.widen());
                    self.add(bucket, count);
                }
            }
            Cells::Many(row) => {
                let cell = row.reach(bucket);
                *cell = more(*cell, count);
            }
        }
    }

    #[cold]
    fn become_row(&mut self, bucket: u16, count: u32) {
        let all = self.sorted();
        let first = all.first().map_or(bucket, |(least, _)| bucket.min(*least));
        *self = Cells::Low(Low { row: Row { first, counts: Vec::new() }, ..Low::default() });
        all.into_iter().chain([(bucket, count)]).for_each(|(bucket, count)| self.add(bucket, count));
    }
}

impl Sketch {
    /// One more request of `ms` milliseconds.
    #[inline]
    pub fn insert(&mut self, ms: f64) {
        self.n += 1;
        self.sum_ms += ms;
        let bucket = bucket_of(ms);
        if let Cells::Many(row) = &mut self.cells
            && let Some(cell) = row.get_mut(bucket)
        {
            // No count is above `MOST`, so one more fits.
            *cell = (*cell + 1).min(MOST);
        } else {
            self.cells.add_one(bucket);
        }
    }

    /// One more in each of `buckets`, whose sum comes by [`Sketch::add_sum_ms`].
    pub fn insert_all(&mut self, buckets: &[u16], counter: &mut Counter) {
        self.n += buckets.len() as u64;
        if buckets.len() <= INLINE || self.n > buckets.len() as u64 {
            buckets.iter().for_each(|bucket| self.cells.add(*bucket, 1));
        } else {
            self.cells = counter.count(buckets);
        }
    }

    /// `count` more in `bucket`, whose sum comes by [`Sketch::add_sum_ms`].
    pub fn insert_bucket(&mut self, bucket: u16, count: u32) {
        self.n += u64::from(count);
        self.cells.add(bucket, count);
    }

    /// More milliseconds, of requests that are counted already.
    pub fn add_sum_ms(&mut self, ms: f64) {
        self.sum_ms += ms;
    }

    /// What another sketch has seen, as well.
    pub fn merge(&mut self, other: &Sketch) {
        self.n += other.n;
        self.sum_ms += other.sum_ms;
        other.cells.each(|bucket, count| self.cells.add(bucket, count));
    }

    /// Number of requests.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Sum of all durations, in milliseconds; exact.
    pub fn sum_ms(&self) -> f64 {
        self.sum_ms
    }

    /// Asks the memory for the counts, which are far away: several requests at once take as long as one.
    #[inline]
    fn fetch(&self) -> u32 {
        match &self.cells {
            Cells::Few(pairs) => pairs.first().map_or(0, |pair| pair.0),
            Cells::Low(low) => low.row.touch(),
            Cells::Many(row) => row.touch(),
        }
    }

    /// Each bucket that holds something, in no order, with its count.
    #[inline]
    pub fn each(&self, visit: impl FnMut(u16, u32)) {
        self.cells.each(visit);
    }

    /// The duration, in milliseconds, that the share `q` (from 0 to 1) of all requests does not exceed, at most 1.6 % off;
    /// `None` when there were none.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let mut spread = Spread::default();
        spread.add(self);
        spread.quantile(q)
    }
}

/// Counts many requests at once, in a row for all buckets.
#[derive(Debug)]
pub struct Counter {
    counts: Box<[u32; WORDS * 64]>,
    /// A bit for each bucket that has some.
    some: [u64; WORDS],
}

/// Words with a bit for each bucket.
const WORDS: usize = BUCKETS.div_ceil(64);
const _: () = assert!(BUCKETS + SUBS - 1 <= WORDS * 64);

impl Default for Counter {
    fn default() -> Self {
        Counter { counts: Box::new([0; WORDS * 64]), some: [0; WORDS] }
    }
}

impl Counter {
    /// The counts of `buckets`, in their order.
    fn count(&mut self, buckets: &[u16]) -> Cells {
        for &bucket in buckets {
            let at = usize::from(bucket);
            self.counts[at] += 1;
            self.some[at / 64] |= 1 << (at % 64);
        }
        let different = self.some.iter().map(|word| word.count_ones() as usize).sum::<usize>();
        if different > FEW || buckets.len() >= 1 << COUNT_BITS {
            let (mut first, mut last, mut most) = (BUCKETS, 0, 0);
            let (mut sums, scale) = (Moments::default(), &*SCALE);
            self.each_bucket(|bucket, count| {
                (first, last, most) = (first.min(bucket), bucket, most.max(count));
                sums.add(scale, bucket, f64::from(count as i32));
            });
            let (counts, first) = (&self.counts[first..=last], first as u16);
            let cells = if most <= u8::MAX.into() {
                let row = Row { first, counts: counts.iter().map(|count| *count as u8).collect() };
                Cells::Low(Low { row, sums })
            } else {
                Cells::Many(Row { first, counts: counts.to_vec() })
            };
            self.clear();
            return cells;
        }
        let mut pairs = SmallVec::with_capacity(different);
        self.each_bucket(|bucket, count| pairs.push(Pair((bucket as u32) << COUNT_BITS | count)));
        self.clear();
        Cells::Few(pairs)
    }

    fn each_bucket(&self, mut visit: impl FnMut(usize, u32)) {
        for (at, word) in self.some.iter().enumerate() {
            let mut rest = *word;
            while rest != 0 {
                let bucket = at * 64 + rest.trailing_zeros() as usize;
                visit(bucket, self.counts[bucket]);
                rest &= rest - 1;
            }
        }
    }

    fn clear(&mut self) {
        for at in 0..WORDS {
            let mut rest = std::mem::take(&mut self.some[at]);
            while rest != 0 {
                self.counts[at * 64 + rest.trailing_zeros() as usize] = 0;
                rest &= rest - 1;
            }
        }
    }
}

/// The middle of each bucket, and its logarithm.
#[derive(Debug)]
struct Scale {
    ln: [f64; BUCKETS],
    /// The squares of the logarithms.
    squares: [f64; BUCKETS],
    middle: [f64; BUCKETS],
}

static SCALE: LazyLock<Scale> = LazyLock::new(|| {
    let middle = std::array::from_fn(|bucket| middle_of(bucket as u16));
    let ln = middle.map(f64::ln);
    Scale { squares: ln.map(|ln| ln * ln), ln, middle }
});

/// Natural logarithm of a bucket's middle, in milliseconds.
pub fn ln_of(bucket: u16) -> f64 {
    SCALE.ln[usize::from(bucket)]
}

/// Sums over the requests of a sketch.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Moments {
    /// Of the logarithms.
    pub ln: f64,
    /// Of their squares.
    pub squares: f64,
    /// Of the durations, in milliseconds.
    pub ms: f64,
}

impl Moments {
    #[inline]
    fn add(&mut self, scale: &Scale, bucket: usize, count: f64) {
        self.ln += count * scale.ln[bucket];
        self.squares += count * scale.squares[bucket];
        self.ms += count * scale.middle[bucket];
    }
}

impl Sketch {
    /// The sums in which durations beyond `cap` count as much as those in that bucket.
    pub fn moments(&self, cap: u16) -> Moments {
        let scale = &*SCALE;
        match &self.cells {
            Cells::Few(pairs) => {
                let mut sums = Moments::default();
                for pair in pairs {
                    sums.add(scale, pair.bucket().min(cap).into(), pair.count().into());
                }
                sums
            }
            Cells::Low(Low { row, sums }) => row.capped(scale, cap, *sums),
            Cells::Many(row) => {
                let sum = |of: &[f64; BUCKETS]| weighted(&row.counts, &of[usize::from(row.first)..]);
                let sums = Moments { ln: sum(&scale.ln), squares: sum(&scale.squares), ms: sum(&scale.middle) };
                row.capped(scale, cap, sums)
            }
        }
    }
}

impl<T: Copy + Into<u32>> Row<T> {
    /// `sums` of all that is in the row, with what is beyond `cap` put back to it: mostly none is, and never much.
    #[inline]
    fn capped(&self, scale: &Scale, cap: u16, mut sums: Moments) -> Moments {
        let (first, cap) = (usize::from(self.first), usize::from(cap));
        let from = (cap + 1).saturating_sub(first).min(self.counts.len());
        for (bucket, count) in (first + from..).zip(&self.counts[from..]) {
            let count: u32 = (*count).into();
            if count > 0 {
                sums.add(scale, bucket, -f64::from(count));
                sums.add(scale, cap, count.into());
            }
        }
        sums
    }
}

/// The sum of `numbers`, each as often as it is counted: several sums side by side, which the processor does in one go.
#[inline]
fn weighted<T: Copy + Into<u32>>(counts: &[T], numbers: &[f64]) -> f64 {
    const LANES: usize = 8;
    // There is an instruction for signed numbers; a count is at most `MOST`.
    let float = |count: T| f64::from(count.into() as i32);
    let (chunks, rest) = counts.as_chunks::<LANES>();
    let (of_chunks, of_rest) = numbers.split_at(chunks.len() * LANES);
    let mut sums = [0.0; LANES];
    for (counts, numbers) in chunks.iter().zip(of_chunks.as_chunks::<LANES>().0) {
        for lane in 0..LANES {
            sums[lane] += float(counts[lane]) * numbers[lane];
        }
    }
    let rest: f64 = rest.iter().zip(of_rest).map(|(count, number)| float(*count) * number).sum();
    sums.iter().sum::<f64>() + rest
}

/// A row of counts for all buckets: many sketches at once, for quantiles.
#[derive(Debug, Clone)]
pub struct Spread {
    n: u64,
    /// As many as a pair can name, so that adding one needs no look at the end of the row.
    counts: Box<[u32; 1 << (u32::BITS - COUNT_BITS)]>,
}

impl Default for Spread {
    fn default() -> Self {
        Spread { n: 0, counts: Box::new([0; 1 << (u32::BITS - COUNT_BITS)]) }
    }
}

impl Spread {
    /// Forgets everything.
    pub fn clear(&mut self) {
        self.n = 0;
        self.counts.fill(0);
    }

    /// What a sketch has seen, as well.
    pub fn add(&mut self, sketch: &Sketch) {
        self.n += sketch.n;
        match &sketch.cells {
            Cells::Few(pairs) => {
                for pair in pairs {
                    let sum = &mut self.counts[(pair.0 >> COUNT_BITS) as usize];
                    *sum = sum.wrapping_add(pair.count());
                }
            }
            Cells::Low(low) => self.add_row(&low.row),
            Cells::Many(row) => self.add_row(row),
        }
    }

    fn add_row<T: Copy + Into<u32>>(&mut self, row: &Row<T>) {
        for (sum, &count) in self.counts[usize::from(row.first)..].iter_mut().zip(&row.counts) {
            // Four billion requests of one endpoint in one bucket; saturating would take the row one by one.
            *sum = sum.wrapping_add(count.into());
        }
    }

    /// How many requests, their percentiles, and the buckets of these; zeros when there were none.
    pub fn side(&self) -> (u64, Side, [u16; 2]) {
        let found = self.buckets_at([0.5, 0.95]);
        let [p50_ms, p95_ms] = [0, 1].map(|at| found.map(|buckets| middle_of(buckets[at])));
        (self.n, Side { n: self.n, p50_ms, p95_ms }, found.unwrap_or_default())
    }

    /// What was answered well in the blocks of a window, as well.
    pub fn add_all(&mut self, cells: Option<&[super::series::Cell; super::windows::BLOCKS]>) {
        let Some(cells) = cells else { return };
        std::hint::black_box(cells.iter().fold(0, |bits, cell| bits ^ cell.sketch.fetch()));
        cells.iter().for_each(|cell| self.add(&cell.sketch));
    }

    /// Number of requests.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// The bucket that the share `q` of all requests does not exceed; `None` when there were none.
    pub fn bucket_at(&self, q: f64) -> Option<u16> {
        self.buckets_at([q]).map(|[bucket]| bucket)
    }

    /// The same for several shares, which rise.
    pub fn buckets_at<const N: usize>(&self, shares: [f64; N]) -> Option<[u16; N]> {
        if self.n == 0 {
            return None;
        }
        let wanted = shares.map(|q| ((q.clamp(0.0, 1.0) * self.n as f64).ceil() as u64).max(1));
        let (mut found, mut seen) = ([BUCKETS as u16 - 1; N], 0);
        let mut next = 0;
        for (octave, counts) in self.counts.as_chunks::<SUBS>().0.iter().enumerate() {
            let behind = seen + counts.iter().map(|count| u64::from(*count)).sum::<u64>();
            while next < N && wanted[next] <= behind {
                let mut sum = seen;
                let at = counts.iter().position(|count| {
                    sum += u64::from(*count);
                    sum >= wanted[next]
                });
                found[next] = (octave * SUBS + at.unwrap_or(SUBS - 1)) as u16;
                next += 1;
            }
            if next == N {
                break;
            }
            seen = behind;
        }
        Some(found)
    }

    /// See [`Sketch::quantile`].
    pub fn quantile(&self, q: f64) -> Option<f64> {
        self.bucket_at(q).map(middle_of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bucket_is_as_wide_as_promised() {
        for ms in [0.001, 0.0015, 0.5, 1.0, 3.3, 250.0, 59_999.0, 3_600_000.0] {
            let middle = middle_of(bucket_of(ms));
            assert!((middle / ms - 1.0).abs() <= 1.0 / 64.0 + 1e-12, "{ms} ms is in the bucket of {middle} ms");
        }
    }

    #[test]
    fn what_is_out_of_range_is_in_the_outer_buckets() {
        let last = BUCKETS as u16 - 1;
        let cases = [(0.0, 0), (-3.0, 0), (f64::NAN, 0), (1e-9, 0), (1e300, last), (f64::INFINITY, last), (1e12, last)];
        for (ms, bucket) in cases {
            assert_eq!(bucket_of(ms), bucket, "{ms}");
        }
    }

    #[test]
    fn nobody_asked_has_no_quantile() {
        assert_eq!(Sketch::default().quantile(0.5), None);
    }

    fn of(durations: &[f64]) -> Sketch {
        let mut sketch = Sketch::default();
        durations.iter().for_each(|&ms| sketch.insert(ms));
        sketch
    }

    /// The same durations one by one, all at once, and some at once into which the others come.
    fn however_kept(durations: &[f64]) -> [Sketch; 3] {
        let buckets: Vec<u16> = durations.iter().map(|ms| bucket_of(*ms)).collect();
        let (mut at_once, mut mixed, mut counter) = (Sketch::default(), Sketch::default(), Counter::default());
        at_once.insert_all(&buckets, &mut counter);
        let (first, rest) = buckets.split_at(buckets.len() / 2);
        mixed.insert_all(first, &mut counter);
        rest.iter().for_each(|bucket| mixed.insert_bucket(*bucket, 1));
        [of(durations), at_once, mixed]
    }

    #[test]
    fn counts_beyond_a_pair_are_kept() {
        let mut sketch = Sketch::default();
        for count in [(1 << COUNT_BITS) - 1, 1, u32::MAX] {
            sketch.insert_bucket(7, count);
        }
        let mut all = Vec::new();
        sketch.each(|bucket, count| all.push((bucket, count)));
        assert_eq!(all, [(7, MOST)]);
    }

    proptest! {
        #[test]
        fn moments_are_those_of_the_buckets(
            durations in proptest::collection::vec(0.01_f64..1e4, 1..400),
            cap in 0_u16..BUCKETS as u16,
        ) {
            let mut slow = Moments::default();
            for ms in &durations {
                let bucket = bucket_of(*ms).min(cap);
                slow.ln += ln_of(bucket);
                slow.squares += ln_of(bucket).powi(2);
                slow.ms += middle_of(bucket);
            }
            // What is beyond the cap is taken out of the sums of all: they set how exact that can be.
            let rough = 1e-12 * durations.iter().sum::<f64>() + 1e-9;
            for sketch in however_kept(&durations) {
                let found = sketch.moments(cap);
                for (found, slow) in [(found.ln, slow.ln), (found.squares, slow.squares), (found.ms, slow.ms)] {
                    prop_assert!((found - slow).abs() <= rough, "{found} instead of {slow}");
                }
            }
        }

        #[test]
        fn merged_is_the_same_as_inserted(
            left in proptest::collection::vec(0.0001_f64..1e7, 0..200),
            right in proptest::collection::vec(0.0001_f64..1e7, 0..200),
        ) {
            let mut merged = of(&left);
            merged.merge(&of(&right));
            let both = of(&[left, right].concat());
            prop_assert_eq!(&merged.cells, &both.cells);
            prop_assert_eq!(merged.n(), both.n());
            prop_assert!((merged.sum_ms() - both.sum_ms()).abs() <= 1e-9 * both.sum_ms());
        }

        #[test]
        fn a_quantile_is_within_a_bucket(mut durations in proptest::collection::vec(0.01_f64..1e6, 1..400), q in 0.0_f64..1.0) {
            let estimate = of(&durations).quantile(q).unwrap();
            durations.sort_by(f64::total_cmp);
            let at = ((q * durations.len() as f64).ceil() as usize).max(1) - 1;
            prop_assert!((estimate / durations[at] - 1.0).abs() <= 1.0 / 63.0, "{estimate} for {}", durations[at]);
        }
    }
}
