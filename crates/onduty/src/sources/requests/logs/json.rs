//! Logs with a JSON object in each line, whoever wrote them: the fields are known by their usual names.

use super::access::{log_time, method_of, request};
use super::routes::Routes;
use super::{Problem, Request, Unit, Wrong, unit_by_name};
use serde_json::{Map, Value};

const TIMES: [&str; 11] = [
    "timestamp_ms",
    "timestamp",
    "@timestamp",
    "time_iso8601",
    "time",
    "ts",
    "msec",
    "datetime",
    "date",
    "start_time",
    "time_local",
];
const DURATIONS: [&str; 24] = [
    "duration_ms",
    "request_time_ms",
    "response_time_ms",
    "latency_ms",
    "elapsed_ms",
    "took_ms",
    "durationMs",
    "responseTimeMs",
    "elapsedMs",
    "duration_us",
    "duration_ns",
    "duration_seconds",
    "duration_s",
    "request_time",
    "duration",
    "response_time",
    "responseTime",
    "request_duration",
    "latency",
    "elapsed",
    "took",
    "rt",
    "Duration",
    "OriginDuration",
];
/// Routes as the application calls them; not made normal.
const ROUTES: [&str; 5] = ["endpoint", "route", "http_route", "http.route", "path_template"];
const PATHS: [&str; 10] = [
    "path",
    "uri",
    "request_uri",
    "url",
    "http_path",
    "url_path",
    "request_path",
    "RequestPath",
    "request.uri",
    "request.path",
];
const METHODS: [&str; 7] =
    ["method", "request_method", "http_method", "http.method", "verb", "RequestMethod", "request.method"];
const STATUSES: [&str; 8] = [
    "status",
    "status_code",
    "http_status",
    "http.status_code",
    "response_status",
    "response.status",
    "DownstreamStatus",
    "statusCode",
];
const SERVICES: [&str; 4] = ["service", "service_name", "service.name", "app"];

/// How to read the lines of a log.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonLog {
    time: &'static str,
    took: &'static str,
    /// `None` where the value is a text with its unit: `12.5ms`.
    unit_ms: Option<f64>,
    name: Name,
    method: Option<&'static str>,
    status: Option<&'static str>,
    service: Option<&'static str>,
}

/// What the endpoint's name comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Name {
    Route(&'static str),
    Path(&'static str),
    /// `GET /cart HTTP/1.1`
    Request(&'static str),
}

/// A field, whether its name is one key or the way through two objects.
fn field<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let nested = || name.split_once('.').and_then(|(outer, inner)| object.get(outer)?.as_object()?.get(inner));
    object.get(name).or_else(nested).filter(|value| !value.is_null())
}

impl JsonLog {
    /// How to read the lines of the log that has this one; `unit` is what the caller says of its durations.
    pub fn of(line: &[u8], unit: Option<Unit>) -> Result<JsonLog, Problem> {
        let Ok(Value::Object(object)) = serde_json::from_slice(line) else { return Err(Problem::NotJson) };
        let first = |names: &[&'static str], is: &dyn Fn(&Value) -> bool| {
            names.iter().copied().find(|name| field(&object, name).is_some_and(is))
        };
        let time = first(&TIMES, &|value| moment(value).is_some()).ok_or(Problem::NoTime)?;
        let took = first(&DURATIONS, &|value| number(value).is_some() || with_unit(value).is_some());
        let took = took.ok_or(Problem::NoDuration)?;
        let value = field(&object, took).ok_or(Problem::NoDuration)?;
        let unit_ms = if with_unit(value).is_some() {
            None
        } else {
            // nginx and Caddy write seconds.
            let of_server = matches!(took, "request_time" | "rt")
                || (took == "duration" && field(&object, "request.uri").is_some());
            let by_name = unit_by_name(took.as_bytes()).or(of_server.then_some(Unit::Seconds)).or(match took {
                "OriginDuration" | "Duration" => Some(Unit::Nanos),
                _ => None,
            });
            Some(unit.or(by_name).ok_or_else(|| Problem::NoUnit(took.to_owned()))?.ms())
        };
        let is_text: &dyn Fn(&Value) -> bool = &Value::is_string;
        let route = first(&ROUTES, is_text).map(Name::Route);
        let path = || first(&PATHS, is_text).map(Name::Path);
        let request = || {
            first(&["request"], &|value| value.as_str().is_some_and(|line| request(line.as_bytes()).is_some()))
                .map(Name::Request)
        };
        let name = route.or_else(path).or_else(request).ok_or(Problem::NoEndpoint)?;
        Ok(JsonLog {
            time,
            took,
            unit_ms,
            name,
            method: first(&METHODS, is_text),
            status: first(&STATUSES, &|value| status(value).is_some()),
            service: first(&SERVICES, is_text),
        })
    }

    /// Reads a line.
    pub fn request(&self, line: &[u8], routes: &Routes) -> Result<Request, Wrong> {
        let Ok(Value::Object(object)) = serde_json::from_slice(line) else { return Err(Wrong::NotJson) };
        let (Some(took), Some(time)) = (field(&object, self.took), field(&object, self.time)) else {
            return Err(Wrong::NoRequest);
        };
        let at_ms = moment(time).ok_or(Wrong::Timestamp)?;
        let ms = match self.unit_ms {
            Some(unit_ms) => number(took).ok_or(Wrong::Number)? * unit_ms,
            None => with_unit(took).ok_or(Wrong::Number)?,
        };
        if !ms.is_finite() {
            return Err(Wrong::NotFinite);
        }
        if ms < 0.0 {
            return Err(Wrong::Negative);
        }
        let text = |name: &str| field(&object, name).and_then(Value::as_str);
        let method = self.method.and_then(text);
        let status = self.status.and_then(|name| field(&object, name)).and_then(status);
        let endpoint = match self.name {
            Name::Route(name) => {
                let route: String = text(name).ok_or(Wrong::NoRequest)?.chars().take(200).collect();
                match method {
                    Some(method) => format!("{} {route}", method_of(method.as_bytes())),
                    None => route,
                }
            }
            Name::Path(name) => {
                let method = method.map_or("", |method| method_of(method.as_bytes()));
                let path = text(name).ok_or(Wrong::NoRequest)?;
                routes.endpoint(method, path.as_bytes(), status).trim_start().to_owned()
            }
            Name::Request(name) => {
                let (method, path) = text(name).and_then(|line| request(line.as_bytes())).ok_or(Wrong::Request)?;
                routes.endpoint(method, path, status)
            }
        };
        let endpoint = match self.service.and_then(text) {
            Some(service) => format!("{}|{endpoint}", service.chars().take(100).collect::<String>()),
            None => endpoint,
        };
        Ok(Request { at_ms, endpoint, ms, status })
    }

    /// The path that a line asked for, where it was answered well.
    pub fn path(&self, line: &[u8]) -> Option<String> {
        let Ok(Value::Object(object)) = serde_json::from_slice(line) else { return None };
        let status = self.status.and_then(|name| field(&object, name)).and_then(status);
        if status.is_some_and(|status| status >= 400) {
            return None;
        }
        match self.name {
            Name::Route(_) => None,
            Name::Path(name) => field(&object, name)?.as_str().map(str::to_owned),
            Name::Request(name) => {
                let (_, path) = request(field(&object, name)?.as_str()?.as_bytes())?;
                Some(String::from_utf8_lossy(path).into_owned())
            }
        }
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn status(value: &Value) -> Option<u16> {
    number(value).filter(|status| (100.0..1000.0).contains(status)).map(|status| status as u16)
}

/// Milliseconds of `1.5s`, `12ms`, `850µs`, `7ns`.
fn with_unit(value: &Value) -> Option<f64> {
    let text = value.as_str()?.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-')?;
    let (number, unit) = text.split_at(end);
    let unit_ms = match unit.trim() {
        "s" | "sec" | "seconds" => 1e3,
        "ms" | "msec" => 1.0,
        "us" | "µs" | "μs" => 1e-3,
        "ns" => 1e-6,
        _ => return None,
    };
    number.parse::<f64>().ok().map(|number| number * unit_ms)
}

/// Milliseconds since 1970: RFC 3339, the time of an access log, or a number whose size tells its unit.
fn moment(value: &Value) -> Option<i64> {
    if let Some(number) = number(value) {
        let ms = match number {
            number if !(1e8..1e20).contains(&number) => return None,
            number if number < 1e11 => number * 1e3,
            number if number < 1e14 => number,
            number if number < 1e17 => number / 1e3,
            number => number / 1e6,
        };
        return Some(ms as i64);
    }
    let text = value.as_str()?.trim();
    log_time(text.as_bytes()).or_else(|| text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str, unit: Option<Unit>) -> Result<(String, i64, f64, Option<u16>), Problem> {
        let log = JsonLog::of(line.as_bytes(), unit)?;
        let read = log.request(line.as_bytes(), &Routes::default()).unwrap();
        Ok((read.endpoint, read.at_ms, (read.ms * 1e6).round() / 1e6, read.status))
    }

    #[test]
    fn what_servers_and_frameworks_write() {
        const AT: i64 = 1_772_640_000_250;
        for (line, unit, expected) in [
            // nginx, as its handbook has it.
            (
                r#"{"time_iso8601":"2026-03-04T17:00:00.250+01:00","request":"GET /cart/7 HTTP/1.1","status":"200","request_time":"0.125"}"#,
                None,
                ("GET /cart/{id}", 125.0, Some(200)),
            ),
            (
                r#"{"msec":"1772640000.250","request_method":"POST","uri":"/orders","status":502,"request_time":0.5}"#,
                None,
                ("POST /orders", 500.0, Some(502)),
            ),
            // Caddy.
            (
                r#"{"level":"info","ts":1772640000.25,"request":{"method":"GET","uri":"/a/12?x"},"duration":0.002,"status":403}"#,
                None,
                ("GET /a/{id}", 2.0, Some(403)),
            ),
            // Traefik.
            (
                r#"{"time":"2026-03-04T16:00:00.25Z","RequestMethod":"GET","RequestPath":"/a","Duration":1500000,"DownstreamStatus":200}"#,
                None,
                ("GET /a", 1.5, Some(200)),
            ),
            (
                r#"{"@timestamp":"2026-03-04T16:00:00.250Z","service":"shop","method":"get","route":"/cart/:id","latency":"12.5ms"}"#,
                None,
                ("shop|GET /cart/:id", 12.5, None),
            ),
            (
                r#"{"timestamp":1772640000250,"path":"/a","responseTime":7,"statusCode":200}"#,
                Some(Unit::Millis),
                ("/a", 7.0, Some(200)),
            ),
        ] {
            let (name, ms, status) = expected;
            assert_eq!(read(line, unit), Ok((name.to_owned(), AT, ms, status)), "{line}");
        }
    }

    #[test]
    fn what_is_missing_is_said() {
        for (line, expected) in [
            ("{", Problem::NotJson),
            ("[]", Problem::NotJson),
            (r#"{"a":1}"#, Problem::NoTime),
            (r#"{"time":"yesterday","path":"/a","duration_ms":1}"#, Problem::NoTime),
            (r#"{"ts":1772640000,"path":"/a"}"#, Problem::NoDuration),
            (r#"{"ts":1772640000,"path":"/a","duration":7}"#, Problem::NoUnit("duration".to_owned())),
            (r#"{"ts":1772640000,"duration_ms":7}"#, Problem::NoEndpoint),
        ] {
            assert_eq!(JsonLog::of(line.as_bytes(), None), Err(expected), "{line}");
        }
    }

    #[test]
    fn other_lines_are_no_requests() {
        let log = JsonLog::of(br#"{"ts":1772640000,"path":"/a","duration_ms":7}"#, None).unwrap();
        for (line, expected) in [
            (r#"{"ts":1772640000,"msg":"started"}"#, Wrong::NoRequest),
            (r#"{"ts":1772640000,"path":7,"duration_ms":7}"#, Wrong::NoRequest),
            (r#"{"ts":"x","path":"/a","duration_ms":7}"#, Wrong::Timestamp),
            (r#"{"ts":1772640000,"path":"/a","duration_ms":"x"}"#, Wrong::Number),
            (r#"{"ts":1772640000,"path":"/a","duration_ms":"NaN"}"#, Wrong::NotFinite),
            (r#"{"ts":1772640000,"path":"/a","duration_ms":-1}"#, Wrong::Negative),
            (r#"{"ts":1772640000,"#, Wrong::NotJson),
        ] {
            assert_eq!(log.request(line.as_bytes(), &Routes::default()).unwrap_err(), expected, "{line}");
        }
    }
}
