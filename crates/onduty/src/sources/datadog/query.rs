//! The questions: queries of a distribution.

/// The number of the query for requests that were answered well.
pub const ANSWERED: usize = 0;
/// Their mean.
pub const MEAN: usize = 1;
/// The first of their four percentiles.
pub const PERCENTILES: usize = 2;
/// Those that the client got wrong.
pub const REFUSED: usize = 6;
/// Those that the server failed.
pub const FAILED: usize = 7;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The distribution.
    pub metric: &'a str,
    /// Tags that make an endpoint.
    pub tags: &'a [String],
    /// The tag with the status of the answer.
    pub status: &'a str,
    /// Tags that have to have these values.
    pub filter: &'a [(String, String)],
}

impl Subject<'_> {
    /// Which points count: all that the filter lets in, and what `status` says.
    fn scope(&self, status: &[String]) -> String {
        let filter = self.filter.iter().map(|(tag, value)| format!("{tag}:{value}"));
        filter.chain(status.iter().cloned()).collect::<Vec<_>>().join(" AND ")
    }

    fn well(&self) -> String {
        self.scope(&['4', '5'].map(|class| format!("NOT {}:{class}*", self.status)))
    }

    fn ill(&self, class: char) -> String {
        self.scope(&[format!("{}:{class}*", self.status)])
    }

    fn by(&self) -> String {
        self.tags.join(",")
    }

    /// A query of `what` by endpoint.
    fn of_each(&self, what: &str, scope: &str) -> String {
        format!("{what}:{}{{{scope}}} by {{{}}}", self.metric, self.by())
    }

    /// The requests of each endpoint.
    pub fn requests(&self) -> String {
        self.of_each("count", &self.well()) + ".as_count()"
    }

    /// Requests of all endpoints, how long they took together, and how many have a status.
    pub fn everything(&self) -> [String; 3] {
        let well = self.well();
        let with_status = format!("{well} AND {}:*", self.status);
        [("count", &well), ("sum", &well), ("count", &with_status)]
            .map(|(what, scope)| format!("{what}:{}{{{scope}}}.as_count()", self.metric))
    }

    /// What is known of each endpoint, in the order of the numbers above.
    pub fn sums(&self) -> Vec<String> {
        let well = self.well();
        let mut queries = vec![self.requests(), self.of_each("avg", &well)];
        queries.extend(["p50", "p90", "p95", "p99"].map(|percentile| self.of_each(percentile, &well)));
        queries.extend(['4', '5'].map(|class| self.of_each("count", &self.ill(class)) + ".as_count()"));
        queries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions() {
        let tags = ["service".to_owned(), "resource_name".to_owned()];
        let filter = [("env".to_owned(), "production".to_owned())];
        let subject =
            Subject { metric: "trace.http.request", tags: &tags, status: "http.status_code", filter: &filter };
        let sums = subject.sums();
        let told = [&subject.everything()[..], &sums, &Subject { filter: &[], ..subject }.everything()];
        insta::assert_snapshot!(told.concat().join("\n"), @"
        count:trace.http.request{env:production AND NOT http.status_code:4* AND NOT http.status_code:5*}.as_count()
        sum:trace.http.request{env:production AND NOT http.status_code:4* AND NOT http.status_code:5*}.as_count()
        count:trace.http.request{env:production AND NOT http.status_code:4* AND NOT http.status_code:5* AND http.status_code:*}.as_count()
        count:trace.http.request{env:production AND NOT http.status_code:4* AND NOT http.status_code:5*} by {service,resource_name}.as_count()
        avg:trace.http.request{env:production AND NOT http.status_code:4* AND NOT http.status_code:5*} by {service,resource_name}
        p50:trace.http.request{env:production AND NOT http.status_code:4* AND NOT http.status_code:5*} by {service,resource_name}
        p90:trace.http.request{env:production AND NOT http.status_code:4* AND NOT http.status_code:5*} by {service,resource_name}
        p95:trace.http.request{env:production AND NOT http.status_code:4* AND NOT http.status_code:5*} by {service,resource_name}
        p99:trace.http.request{env:production AND NOT http.status_code:4* AND NOT http.status_code:5*} by {service,resource_name}
        count:trace.http.request{env:production AND http.status_code:4*} by {service,resource_name}.as_count()
        count:trace.http.request{env:production AND http.status_code:5*} by {service,resource_name}.as_count()
        count:trace.http.request{NOT http.status_code:4* AND NOT http.status_code:5*}.as_count()
        sum:trace.http.request{NOT http.status_code:4* AND NOT http.status_code:5*}.as_count()
        count:trace.http.request{NOT http.status_code:4* AND NOT http.status_code:5* AND http.status_code:*}.as_count()
        ");
        for (number, begin) in [(ANSWERED, "count:"), (MEAN, "avg:"), (PERCENTILES, "p50:"), (PERCENTILES + 3, "p99:")]
        {
            assert!(sums[number].starts_with(begin) && sums[number].contains("NOT http.status_code:4*"), "{sums:?}");
        }
        for (number, class) in [(REFUSED, "AND http.status_code:4*"), (FAILED, "AND http.status_code:5*")] {
            assert!(sums[number].contains(class), "{sums:?}");
        }
    }
}
