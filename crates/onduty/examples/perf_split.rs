//! Reads a file and splits it into lines and fields, and does nothing with them: what `benches/perf/run` holds against
//! `onduty perf compare`.
//!
//! `cargo run --release -p onduty --example perf_split -- FILE` prints how many fields there are.

use anyhow::Context;
use memchr::memchr_iter;
use std::fs::File;
use std::io::Read;

fn main() -> anyhow::Result<()> {
    let path = std::env::args().nth(1).context("usage: perf_split FILE")?;
    let mut file = File::open(&path).with_context(|| path.clone())?;
    let mut buffer = vec![0; 1 << 18];
    let (mut held, mut fields) = (0, 0_u64);
    loop {
        let more = file.read(&mut buffer[held..])?;
        let end = held + more;
        let mut start = 0;
        for line_end in memchr_iter(b'\n', &buffer[..end]) {
            fields += fields_of(&buffer[start..line_end]);
            start = line_end + 1;
        }
        if more == 0 {
            anyhow::ensure!(start > 0 || end < buffer.len(), "a line does not fit");
            fields += if start < end { fields_of(&buffer[start..end]) } else { 0 };
            break;
        }
        buffer.copy_within(start..end, 0);
        held = end - start;
    }
    println!("{fields}");
    Ok(())
}

/// The fields of a line; their lengths keep the compiler from leaving the work out.
fn fields_of(line: &[u8]) -> u64 {
    let mut fields = 0;
    let mut start = 0;
    for end in memchr_iter(b',', line).chain([line.len()]) {
        fields += u64::from(!std::hint::black_box(&line[start..end]).is_empty());
        start = end + 1;
    }
    fields
}
