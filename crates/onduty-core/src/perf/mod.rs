//! Did the last rollout slow anything down? Requests around a rollout in, ranked endpoints with verdicts and reasons out.
//!
//! Called by the command line and by the pass that checks a rollout. Never looks at a clock or a backend itself, never
//! calls an endpoint fine of which it knows too little.

mod batch;
mod bins;
mod buckets;
mod compare;
mod decide;
mod doubt;
mod errors;
mod judge;
mod level;
mod numbers;
mod picture;
mod predict;
mod progress;
mod rows;
mod series;
mod shock;
mod sketch;
mod subject;
mod table;
mod variance;
mod verdict;
mod windows;

pub use batch::{Batch, BatchLimits, OTHER, Place, SeriesPoint, StatusClass, Tally};
pub use bins::{Bin, Bins, Grain};
pub use buckets::{Buckets, Histogram, Unusable, is_coarse};
pub use compare::{Settings, compare};
pub use doubt::{Doubt, Named};
pub use errors::{Failing, Outcomes};
pub use picture::{DayLevel, Picture, picture};
pub use progress::{LONGEST, Last, Point, Progress, advance};
pub use rows::{EXPECTED, Found, LONGEST_LINE, Rows, Wrong};
pub use series::{Cell, Series, Summary, Traffic};
pub use shock::group_of;
pub use sketch::{BUCKETS, Sketch, Spread, bucket_of, middle_of};
pub use table::{Endpoint, Other, Table};
pub use verdict::{Comparison, Coverage, Judged, Outcome, Reason, SharedShift, Side, Verdict};
pub use windows::{AFTER, BEFORE, BLOCKS, Lengths, Role, Rollout, Slot, Stretch, Window, Windows};

#[cfg(test)]
mod tests;
