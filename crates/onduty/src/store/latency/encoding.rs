//! Sketches and batches as bytes. The first byte says how they are written.

use onduty_core::perf::{BUCKETS, Batch, SeriesPoint, Sketch, StatusClass, Tally};

/// Numbers of seven bits a byte; buckets by their distance, each with its count.
const SPARSE: u8 = 1;
/// Names, tallies, and the points as JSON.
const BATCH: u8 = 1;

/// What was read back.
#[derive(Debug, Clone, PartialEq)]
pub struct Unpacked {
    pub names: Vec<String>,
    /// The number of the name, class, minute.
    pub tallies: Vec<(usize, StatusClass, i64, Tally)>,
    pub points: Vec<SeriesPoint>,
}

pub fn pack_sketch(out: &mut Vec<u8>, sketch: &Sketch) {
    let mut buckets = Vec::new();
    sketch.each(|bucket, count| buckets.push((bucket, count)));
    buckets.sort_unstable();
    out.push(SPARSE);
    varint(out, sketch.n());
    out.extend_from_slice(&sketch.sum_ms().to_le_bytes());
    varint(out, buckets.len() as u64);
    let mut before = 0;
    for (bucket, count) in buckets {
        varint(out, u64::from(bucket - before));
        varint(out, u64::from(count));
        before = bucket;
    }
}

pub fn unpack_sketch(bytes: &mut &[u8]) -> Option<Sketch> {
    if take::<1>(bytes)? != [SPARSE] {
        return None;
    }
    let mut sketch = Sketch::default();
    let n = read_varint(bytes)?;
    let sum_ms = f64::from_le_bytes(take(bytes)?);
    let mut bucket = 0_u64;
    for _ in 0..read_varint(bytes)? {
        bucket = bucket.checked_add(read_varint(bytes)?).filter(|bucket| *bucket < BUCKETS as u64)?;
        sketch.insert_bucket(bucket as u16, u32::try_from(read_varint(bytes)?).ok()?);
    }
    sketch.add_sum_ms(sum_ms);
    (sketch.n() == n).then_some(sketch)
}

pub fn pack_batch(batch: &Batch) -> Vec<u8> {
    let mut out = vec![BATCH];
    varint(&mut out, batch.names().len() as u64);
    for name in batch.names() {
        varint(&mut out, name.len() as u64);
        out.extend_from_slice(name.as_bytes());
    }
    varint(&mut out, batch.tallies().len() as u64);
    for (place, tally) in batch.tallies() {
        varint(&mut out, u64::from(place.endpoint));
        varint(&mut out, number_of(place.class) as u64);
        varint(&mut out, u64::try_from(place.minute).unwrap_or(0));
        varint(&mut out, tally.wide);
        pack_sketch(&mut out, &tally.sketch);
    }
    if !batch.points().is_empty() {
        out.extend_from_slice(super::to_json(&batch.points()).as_bytes());
    }
    out
}

pub fn unpack_batch(mut bytes: &[u8]) -> Option<Unpacked> {
    let bytes = &mut bytes;
    if take::<1>(bytes)? != [BATCH] {
        return None;
    }
    let mut names = Vec::new();
    for _ in 0..read_varint(bytes)? {
        let length = usize::try_from(read_varint(bytes)?).ok()?;
        let (name, rest) = bytes.split_at_checked(length)?;
        *bytes = rest;
        names.push(std::str::from_utf8(name).ok()?.to_owned());
    }
    let mut tallies = Vec::new();
    for _ in 0..read_varint(bytes)? {
        let name = usize::try_from(read_varint(bytes)?).ok().filter(|name| *name < names.len())?;
        let class = class_of(i64::try_from(read_varint(bytes)?).ok()?)?;
        let minute = i64::try_from(read_varint(bytes)?).ok()?;
        let wide = read_varint(bytes)?;
        tallies.push((name, class, minute, Tally { sketch: unpack_sketch(bytes)?, wide }));
    }
    let points = if bytes.is_empty() { Vec::new() } else { serde_json::from_slice(bytes).ok()? };
    Some(Unpacked { names, tallies, points })
}

/// As the store keeps it.
pub fn number_of(class: StatusClass) -> i64 {
    match class {
        StatusClass::Ok => 0,
        StatusClass::Refused => 1,
        StatusClass::Failed => 2,
    }
}

pub fn class_of(number: i64) -> Option<StatusClass> {
    StatusClass::ALL.into_iter().find(|class| number_of(*class) == number)
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for at in 0..10 {
        let [byte] = take::<1>(bytes)?;
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use onduty_core::perf::BatchLimits;

    fn sketch(durations_ms: &[f64]) -> Sketch {
        let mut sketch = Sketch::default();
        durations_ms.iter().for_each(|ms| sketch.insert(*ms));
        sketch
    }

    fn packed(sketch: &Sketch) -> Vec<u8> {
        let mut out = Vec::new();
        pack_sketch(&mut out, sketch);
        out
    }

    #[test]
    fn a_sketch_comes_back() {
        let many: Vec<f64> = (1..2000).map(|at| f64::from(at) * 0.37).collect();
        for durations in [&[][..], &[0.0], &[3.2, 3.2, 900.0, 1e12], &many] {
            let sketch = sketch(durations);
            assert_eq!(unpack_sketch(&mut &packed(&sketch)[..]).unwrap(), sketch);
        }
        // A few dozen bytes for what a minute of a quiet endpoint has.
        assert!(packed(&sketch(&[10.0, 11.0, 12.0, 40.0, 41.0])).len() <= 24);
    }

    #[test]
    fn a_damaged_sketch_is_none() {
        let whole = packed(&sketch(&[1.0, 2.0, 3.0]));
        for at in 0..whole.len() {
            assert_eq!(unpack_sketch(&mut &whole[..at]), None, "{at}");
        }
        assert_eq!(unpack_sketch(&mut &[2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..]), None);
        // A bucket that there is not.
        assert_eq!(unpack_sketch(&mut &[1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0x7f, 1][..]), None);
    }

    #[test]
    fn a_batch_comes_back() {
        let mut batch = Batch::new(BatchLimits { endpoints: 10, places: 10 });
        for (name, class, minute, ms) in [("a", StatusClass::Ok, 5, 1.0), ("é", StatusClass::Failed, 29_540_880, 2.0)]
        {
            batch.tally(name, class, minute).unwrap().sketch.insert(ms);
        }
        let mut unpacked = unpack_batch(&pack_batch(&batch)).unwrap();
        unpacked.tallies.sort_by_key(|tally| tally.0);
        let tally = |ms| Tally { sketch: sketch(&[ms]), wide: 0 };
        let expected = vec![(0, StatusClass::Ok, 5, tally(1.0)), (1, StatusClass::Failed, 29_540_880, tally(2.0))];
        let names = vec!["a".to_owned(), "é".to_owned()];
        assert_eq!(unpacked, Unpacked { names, tallies: expected, points: Vec::new() });
        for at in 0..pack_batch(&batch).len() {
            assert_eq!(unpack_batch(&pack_batch(&batch)[..at]), None);
        }
    }
}
