//! The questions, in NRQL.

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Only these applications; all where there are none.
    pub applications: &'a [String],
    /// The attribute with the status of the answer.
    pub status: &'a str,
}

impl Subject<'_> {
    fn of(&self) -> String {
        let mut text = "FROM Transaction WHERE transactionType = 'Web'".to_owned();
        if !self.applications.is_empty() {
            let names: Vec<String> = self.applications.iter().map(|name| quoted(name)).collect();
            text += &format!(" AND appName IN ({})", names.join(", "));
        }
        text
    }

    /// Whether the status begins like this; some agents have it as a number.
    fn status_like(&self, class: char) -> String {
        format!("string(`{}`) LIKE '{class}%'", self.status)
    }

    fn well(&self) -> String {
        let (refused, failed) = (self.status_like('4'), self.status_like('5'));
        format!("(`{}` IS NULL OR NOT ({refused} OR {failed}))", self.status)
    }

    /// The requests of each endpoint that were answered well, the busiest first, what all of them took, and how many have a
    /// status.
    pub fn busiest(&self, from_ms: i64, to_ms: i64) -> String {
        format!(
            "SELECT count(*) AS 'count', sum(duration) AS 'time', filter(count(*), WHERE `{}` IS NOT NULL) AS 'withStatus' {} AND {} FACET appName, name LIMIT MAX {}",
            self.status,
            self.of(),
            self.well(),
            between(from_ms, to_ms)
        )
    }

    /// How long requests of each endpoint took that were answered well, by time.
    pub fn answered(&self, from_ms: i64, to_ms: i64, piece_ms: i64) -> String {
        format!(
            "SELECT count(*) AS 'count', average(duration) AS 'mean', percentile(duration, 50, 90, 95, 99) AS 'percentiles' {} AND {} FACET appName, name LIMIT MAX {} {}",
            self.of(),
            self.well(),
            between(from_ms, to_ms),
            pieces(piece_ms)
        )
    }

    /// The requests of each endpoint that were not, by time.
    pub fn errors(&self, from_ms: i64, to_ms: i64, piece_ms: i64) -> String {
        let (refused, failed) = (self.status_like('4'), self.status_like('5'));
        format!(
            "SELECT filter(count(*), WHERE {refused}) AS 'refused', filter(count(*), WHERE {failed}) AS 'failed' {} AND ({refused} OR {failed}) FACET appName, name LIMIT MAX {} {}",
            self.of(),
            between(from_ms, to_ms),
            pieces(piece_ms)
        )
    }
}

fn between(from_ms: i64, to_ms: i64) -> String {
    format!("SINCE {from_ms} UNTIL {to_ms}")
}

/// Whole seconds, not longer than a block.
fn pieces(piece_ms: i64) -> String {
    let seconds = (piece_ms / 1000).max(1);
    format!("TIMESERIES {seconds} {}", if seconds == 1 { "second" } else { "seconds" })
}

/// `value` as it stands between quotes.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions() {
        let applications = ["shop".to_owned(), "o'neill\\".to_owned()];
        let subject = Subject { applications: &applications, status: "http.statusCode" };
        insta::assert_snapshot!(
            [subject.busiest(1_000, 61_000), subject.answered(1_000, 61_000, 5_400), subject.errors(1_000, 61_000, 900)].join("\n"), @r"
        SELECT count(*) AS 'count', sum(duration) AS 'time', filter(count(*), WHERE `http.statusCode` IS NOT NULL) AS 'withStatus' FROM Transaction WHERE transactionType = 'Web' AND appName IN ('shop', 'o\'neill\\') AND (`http.statusCode` IS NULL OR NOT (string(`http.statusCode`) LIKE '4%' OR string(`http.statusCode`) LIKE '5%')) FACET appName, name LIMIT MAX SINCE 1000 UNTIL 61000
        SELECT count(*) AS 'count', average(duration) AS 'mean', percentile(duration, 50, 90, 95, 99) AS 'percentiles' FROM Transaction WHERE transactionType = 'Web' AND appName IN ('shop', 'o\'neill\\') AND (`http.statusCode` IS NULL OR NOT (string(`http.statusCode`) LIKE '4%' OR string(`http.statusCode`) LIKE '5%')) FACET appName, name LIMIT MAX SINCE 1000 UNTIL 61000 TIMESERIES 5 seconds
        SELECT filter(count(*), WHERE string(`http.statusCode`) LIKE '4%') AS 'refused', filter(count(*), WHERE string(`http.statusCode`) LIKE '5%') AS 'failed' FROM Transaction WHERE transactionType = 'Web' AND appName IN ('shop', 'o\'neill\\') AND (string(`http.statusCode`) LIKE '4%' OR string(`http.statusCode`) LIKE '5%') FACET appName, name LIMIT MAX SINCE 1000 UNTIL 61000 TIMESERIES 1 second
        ");
        let all = Subject { applications: &[], status: "httpResponseCode" }.busiest(1, 2);
        assert!(all.contains("WHERE transactionType = 'Web' AND (`httpResponseCode` IS NULL"), "{all}");
    }
}
