//! A mergeable sketch of durations: counts in logarithmic buckets, with the exact number and sum.
//!
//! The buckets are those of HdrHistogram and of the "bit trick" variants of DDSketch (Masson, Rim, Lee, "DDSketch", VLDB
//! 2019): each octave of microseconds is cut into 32 equal parts, so that the exponent and the first five bits of the
//! mantissa of a float *are* the number of its bucket. A bucket is at most 3.1 % wide; a quantile is at most 1.6 % off.

use super::verdict::Side;
use smallvec::SmallVec;

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
    Low(Row<u8>),
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

impl Row<u8> {
    fn widen(&self) -> Row<u32> {
        Row { first: self.first, counts: self.counts.iter().map(|count| u32::from(*count)).collect() }
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
            Cells::Low(row) => row.each(visit),
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
            Cells::Low(row) => *self = Cells::Many(row.widen()),
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
            Cells::Low(row) => {
                let cell = row.reach(bucket);
                match u8::try_from(more((*cell).into(), count)) {
                    Ok(sum) => *cell = sum,
                    Err(_) => {
                        *self = Cells::Many(row.widen());
                        self.add(bucket, count);
                    }
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
        *self = Cells::Low(Row { first, counts: Vec::new() });
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
            Cells::Low(row) => row.touch(),
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
            self.each_bucket(|bucket, count| (first, last, most) = (first.min(bucket), bucket, most.max(count)));
            // To the end of an octave: sums over whole octaves are quicker.
            let end = first + (last + 1 - first).next_multiple_of(SUBS);
            let (counts, first) = (&self.counts[first..end], first as u16);
            let cells = if most <= u8::MAX.into() {
                Cells::Low(Row { first, counts: counts.iter().map(|count| *count as u8).collect() })
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

/// The logarithm and the middle of each bucket, and of those of one more octave, which are as good as any for counts of
/// nothing.
#[derive(Debug)]
pub struct Scale {
    ln: Vec<f64>,
    /// The squares of the logarithms.
    squares: Vec<f64>,
    middle: Vec<f64>,
}

impl Default for Scale {
    fn default() -> Self {
        let middle: Vec<f64> = (0..(BUCKETS + SUBS) as u16).map(middle_of).collect();
        let ln: Vec<f64> = middle.iter().map(|ms| ms.ln()).collect();
        Scale { squares: ln.iter().map(|ln| ln * ln).collect(), ln, middle }
    }
}

impl Scale {
    /// Natural logarithm of a bucket's middle, in milliseconds.
    pub fn ln(&self, bucket: u16) -> f64 {
        self.ln[usize::from(bucket)]
    }
}

/// Sums over the requests of a sketch.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Moments {
    /// Of the logarithms.
    pub ln: f64,
    /// Of the durations, in milliseconds.
    pub ms: f64,
}

impl Sketch {
    /// The sums in which durations beyond `cap` count as much as those in that bucket. The sum of the durations themselves
    /// is made only where it is wanted, `WITH_MS`.
    pub fn moments<const WITH_MS: bool>(&self, scale: &Scale, cap: u16) -> Moments {
        match &self.cells {
            Cells::Few(pairs) => {
                let mut sums = Moments::default();
                for pair in pairs {
                    let (bucket, count) = (usize::from(pair.bucket().min(cap)), f64::from(pair.count()));
                    sums.ln += count * scale.ln[bucket];
                    if WITH_MS {
                        sums.ms += count * scale.middle[bucket];
                    }
                }
                sums
            }
            Cells::Low(row) => row.moments::<WITH_MS>(scale, cap, weighted_ln),
            Cells::Many(row) => row.moments::<WITH_MS>(scale, cap, weighted),
        }
    }
}

impl<T: Copy + Into<u32>> Row<T> {
    /// The sums; `weighted_ln` makes that of the logarithms.
    #[inline]
    fn moments<const WITH_MS: bool>(
        &self,
        scale: &Scale,
        cap: u16,
        weighted_ln: impl Fn(&[T], &[f64]) -> f64,
    ) -> Moments {
        let (first, cap) = (usize::from(self.first), usize::from(cap));
        let ln = weighted_ln(&self.counts, &scale.ln[first..]);
        let ms = if WITH_MS { weighted(&self.counts, &scale.middle[first..]) } else { 0.0 };
        // Mostly none are beyond, and never many; they are put back.
        let from = (cap + 1).saturating_sub(first).min(self.counts.len());
        let beyond = &self.counts[from..];
        let number = beyond.iter().map(|count| u64::from((*count).into())).sum::<u64>() as f64;
        if number == 0.0 {
            return Moments { ln, ms };
        }
        let put_back = |of: &[f64]| number * of[cap] - weighted(beyond, &of[first + from..]);
        Moments { ln: ln + put_back(&scale.ln), ms: if WITH_MS { ms + put_back(&scale.middle) } else { 0.0 } }
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

/// The same of logarithms, for small counts. From octave to octave a logarithm grows by that of two, so that the counts of
/// all octaves are added up as whole numbers first, and each part of an octave is multiplied once.
#[inline]
fn weighted_ln(counts: &[u8], ln: &[f64]) -> f64 {
    let sum = |counts: &[u8]| counts.iter().map(|count| u32::from(*count)).sum::<u32>();
    // The counts of all octaves fit.
    let mut parts = [0_u16; SUBS];
    let mut octaves = 0;
    let (whole, rest) = counts.as_chunks::<SUBS>();
    for (octave, counts) in whole.iter().enumerate() {
        parts.iter_mut().zip(counts).for_each(|(part, count)| *part += u16::from(*count));
        octaves += octave as u32 * sum(counts);
    }
    if !rest.is_empty() {
        parts.iter_mut().zip(rest).for_each(|(part, count)| *part += u16::from(*count));
        octaves += whole.len() as u32 * sum(rest);
    }
    weighted(&parts, ln) + f64::from(octaves) * std::f64::consts::LN_2
}
const _: () = assert!(OCTAVES * (u8::MAX as usize) < u16::MAX as usize);

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
            Cells::Low(row) => self.add_row(row),
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

    /// The sum of the squared logarithms; durations beyond `cap` count as much as those in that bucket.
    pub fn squares(&self, scale: &Scale, cap: u16) -> f64 {
        let cap = usize::from(cap);
        let mut sum = 0.0;
        for (octave, counts) in self.counts.as_chunks::<SUBS>().0.iter().enumerate() {
            let start = octave * SUBS;
            if counts.iter().all(|count| *count == 0) {
                continue;
            }
            let (below, beyond) = counts.split_at(cap.saturating_sub(start).min(SUBS));
            sum += if self.n <= MOST.into() {
                weighted(below, &scale.squares[start..])
            } else {
                below.iter().zip(&scale.squares[start..]).map(|(count, square)| f64::from(*count) * square).sum()
            };
            sum += beyond.iter().map(|count| u64::from(*count)).sum::<u64>() as f64 * scale.squares[cap];
        }
        sum
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
            let (sketch, scale) = (of(&durations), Scale::default());
            let found = sketch.moments::<true>(&scale, cap);
            let (mut slow, mut squares) = (Moments::default(), 0.0);
            for ms in &durations {
                let bucket = bucket_of(*ms).min(cap);
                slow.ln += scale.ln(bucket);
                squares += scale.ln(bucket).powi(2);
                slow.ms += middle_of(bucket);
            }
            prop_assert_eq!(sketch.moments::<false>(&scale, cap), Moments { ms: 0.0, ..found });
            let mut spread = Spread::default();
            spread.add(&sketch);
            for (found, slow) in [(found.ln, slow.ln), (spread.squares(&scale, cap), squares), (found.ms, slow.ms)] {
                prop_assert!((found - slow).abs() <= 1e-9 * (1.0 + slow.abs()), "{found} instead of {slow}");
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
