//! What the columns of a file mean, by the names in its first line.

/// The names that a file may have, for messages.
pub const EXPECTED: &str = "expected a header such as `timestamp_ms,endpoint,duration_ms,status` (one request a line) or \
    `timestamp_ms,endpoint,count,p50_ms,p90_ms,p95_ms,p99_ms,mean_ms` (many requests a line)";

/// A column that means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// When: milliseconds since 1970, or RFC 3339.
    Timestamp,
    /// Which endpoint.
    Endpoint,
    /// How long one request took.
    Duration,
    /// Its status.
    Status,
    /// How many requests the line is about.
    Count,
    /// One of four percentiles.
    Percentile(usize),
    /// Their mean.
    Mean,
    /// Something else; not read.
    Ignored,
}

const NAMES: [(&str, Column); 10] = [
    ("timestamp_ms", Column::Timestamp),
    ("endpoint", Column::Endpoint),
    ("duration_ms", Column::Duration),
    ("status", Column::Status),
    ("count", Column::Count),
    ("p50_ms", Column::Percentile(0)),
    ("p90_ms", Column::Percentile(1)),
    ("p95_ms", Column::Percentile(2)),
    ("p99_ms", Column::Percentile(3)),
    ("mean_ms", Column::Mean),
];

/// The columns that most files have, in this order.
pub const USUAL: [Column; 4] = [Column::Timestamp, Column::Endpoint, Column::Duration, Column::Status];

/// The columns of a file, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// One for each.
    pub all: Vec<Column>,
    /// Whether they are [`USUAL`].
    pub is_usual: bool,
    /// Whether a line is about many requests.
    pub is_summary: bool,
}

impl Columns {
    /// Reads the header.
    ///
    /// # Errors
    /// What is missing, in words.
    pub fn of(line: &[u8]) -> Result<Columns, String> {
        let text = String::from_utf8_lossy(line);
        let named = |name: &str| {
            let name = name.trim().trim_matches('"').to_ascii_lowercase();
            let known =
                NAMES.iter().find(|(known, _)| *known == name || name == "timestamp" && *known == "timestamp_ms");
            known.map_or(Column::Ignored, |(_, column)| *column)
        };
        // Some spreadsheets begin a file with a mark of its encoding.
        let all: Vec<Column> = text.trim_start_matches('\u{feff}').split(',').map(named).collect();
        for (at, column) in all.iter().enumerate() {
            if *column != Column::Ignored && all[..at].contains(column) {
                return Err(format!("the column `{}` is there twice", name_of(*column)));
            }
        }
        let has = |column: Column| all.contains(&column);
        for column in [Column::Timestamp, Column::Endpoint] {
            if !has(column) {
                return Err(format!("there is no column `{}`", name_of(column)));
            }
        }
        let is_usual = all == USUAL;
        let has_value = has(Column::Percentile(0)) || has(Column::Mean);
        match (has(Column::Duration), has(Column::Count)) {
            (true, false) => Ok(Columns { all, is_usual, is_summary: false }),
            (false, true) if has_value => Ok(Columns { all, is_usual, is_summary: true }),
            (false, true) => Err("there is neither a column `p50_ms` nor `mean_ms`".to_owned()),
            (true, true) => Err("there are both a column `duration_ms` and `count`; it is one or the other".to_owned()),
            (false, false) => Err("there is neither a column `duration_ms` nor `count`".to_owned()),
        }
    }
}

fn name_of(column: Column) -> &'static str {
    NAMES.iter().find(|(_, known)| *known == column).map_or("", |(name, _)| *name)
}
