//! How a change moves lines: hunks without their text.

use std::ops::Range;

/// Lines `old` were replaced by lines `new`; both are counted from 0, and an empty range says where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hunk {
    pub old_start: u32,
    pub old_len: u32,
    pub new_start: u32,
    pub new_len: u32,
}

impl Hunk {
    fn new_end(&self) -> u32 {
        self.new_start.saturating_add(self.new_len) // a hostile header may claim anything
    }
}

/// Neighbouring lines of one file that somebody asks for: line `at + n` here is line `asked + n` of the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub at: u32,
    pub len: u32,
    pub asked: u32,
}

impl Span {
    pub fn asked(&self) -> Range<u32> {
        self.asked..self.asked + self.len
    }

    fn part(&self, from: u32, to: u32) -> Span {
        Span { at: from, len: to - from, asked: self.asked + (from - self.at) }
    }
}

/// What a change did to the lines that are asked for.
#[derive(Debug, Default)]
pub(super) struct Split {
    /// Where these lines were before.
    pub kept: Vec<Span>,
    /// These are new; positions after the change.
    pub new: Vec<Span>,
}

/// Takes `spans` apart by `hunks`, which are in order.
pub(super) fn split(spans: &[Span], hunks: &[Hunk]) -> Split {
    let mut split = Split::default();
    for span in spans {
        let end = span.at.saturating_add(span.len);
        let mut at = span.at;
        let mut next = hunks.partition_point(|hunk| hunk.new_end() <= at);
        while at < end {
            let until = hunks.get(next).map_or(end, |hunk| hunk.new_start.clamp(at, end));
            if at < until {
                let before = before(hunks, next);
                let mut kept = span.part(at, until);
                kept.at = u32::try_from(i64::from(at) + before).unwrap_or(0);
                split.kept.push(kept);
                at = until;
            }
            let Some(hunk) = hunks.get(next) else { continue };
            let until = hunk.new_end().clamp(at, end);
            if at < until {
                split.new.push(span.part(at, until));
                at = until;
            }
            next += 1;
        }
    }
    split
}

/// By how much a line between `hunks[next - 1]` and `hunks[next]` was further down before.
fn before(hunks: &[Hunk], next: usize) -> i64 {
    let Some(last) = next.checked_sub(1).map(|last| hunks[last]) else { return 0 };
    i64::from(last.old_start) + i64::from(last.old_len) - i64::from(last.new_end())
}

/// Where lines that an ignored commit wrote come from: the lines that stood there, in the same proportion. The second
/// list has those that stand where nothing was.
pub(super) fn passed_through(spans: &[Span], hunks: &[Hunk]) -> Split {
    let mut answer = Split::default();
    for span in spans {
        let hunk = hunks.iter().find(|hunk| hunk.new_start <= span.at && span.at < hunk.new_end());
        let Some(hunk) = hunk.filter(|hunk| hunk.old_len > 0) else {
            answer.new.push(*span);
            continue;
        };
        for line in 0..span.len {
            let inside = u64::from(span.at + line - hunk.new_start) * u64::from(hunk.old_len);
            let before = match hunk.old_len == hunk.new_len {
                true => span.at + line - hunk.new_start,
                false => u32::try_from(inside / u64::from(hunk.new_len)).unwrap_or(0).min(hunk.old_len - 1),
            };
            answer.kept.push(Span { at: hunk.old_start + before, len: 1, asked: span.asked + line });
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hunk(old_start: u32, old_len: u32, new_start: u32, new_len: u32) -> Hunk {
        Hunk { old_start, old_len, new_start, new_len }
    }

    /// Old line of each of the first ten new lines; `None` for a new one.
    fn check(hunks: &[Hunk], expected: [Option<u32>; 10]) {
        let whole = split(&[Span { at: 0, len: 10, asked: 0 }], hunks);
        let single: Vec<Span> = (0..10).map(|at| Span { at, len: 1, asked: at }).collect();
        for split in [whole, split(&single, hunks)] {
            let mut found = [None; 10];
            for span in &split.kept {
                span.asked().zip(span.at..).for_each(|(asked, at)| found[asked as usize] = Some(at));
            }
            assert_eq!(found, expected);
            let new: u32 = split.new.iter().map(|span| span.len).sum();
            assert_eq!(new as usize, expected.iter().filter(|line| line.is_none()).count());
        }
    }

    #[test]
    fn lines_move_by_what_was_put_in_and_taken_out_above() {
        let n = None;
        check(&[], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(Some));
        check(&[hunk(0, 0, 0, 2)], [n, n, Some(0), Some(1), Some(2), Some(3), Some(4), Some(5), Some(6), Some(7)]);
        check(&[hunk(0, 3, 0, 0)], [3, 4, 5, 6, 7, 8, 9, 10, 11, 12].map(Some));
        check(
            &[hunk(1, 1, 1, 2), hunk(4, 2, 5, 0), hunk(8, 1, 7, 1)],
            [Some(0), n, n, Some(2), Some(3), Some(6), Some(7), n, Some(9), Some(10)],
        );
    }

    #[test]
    fn an_ignored_change_hands_its_lines_to_those_that_stood_there() {
        let spans = [Span { at: 4, len: 4, asked: 0 }];
        let answer = passed_through(&spans, &[hunk(10, 2, 4, 4)]);
        assert_eq!(answer.kept.iter().map(|span| span.at).collect::<Vec<_>>(), [10, 10, 11, 11]);
        assert_eq!(passed_through(&spans, &[hunk(10, 0, 4, 4)]).new, spans, "nothing stood there");
    }
}
