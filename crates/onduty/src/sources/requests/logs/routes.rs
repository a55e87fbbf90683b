//! From the path that somebody asked for to the route that answers: `/cart/{id}/lines`.
//!
//! What looks like an id becomes `{id}`. Names of things (`/products/blue-shoe`) do not look like ids; where more different
//! ones than an application has routes stand at the same place, the rare ones become `{any}`. Which places these are is
//! learned from the beginnings of all files together, so that each file has the same names. What was not found has no
//! route: scanners ask for thousands of paths.

use std::collections::{HashMap, HashSet};

/// Longer names are cut.
const LONGEST_NAME: usize = 300;
/// Longer parts of a path are ids.
const LONGEST_PART: usize = 64;
/// More different parts at the same place are names of things.
const MANY: usize = 200;
/// A part with this share of the requests of its place is a route, however many others there are.
const ROUTE_SHARE: f64 = 0.01;
/// Parts of paths that are looked at while learning; strangers may ask for any.
const MOST_LEARNED: usize = 200_000;
const ID: &str = "{id}";
const ANY: &str = "{any}";
const NOT_FOUND: &str = "{not found}";

/// What is known about the paths of some logs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routes {
    /// By the route up to there: the parts that are routes; all others are `{any}`.
    places: HashMap<String, HashSet<String>>,
}

/// What was seen while learning.
#[derive(Debug, Default)]
pub struct Seen {
    places: HashMap<String, HashMap<String, u64>>,
    parts: usize,
}

impl Routes {
    /// The endpoint of a request that was answered with `status`.
    pub fn endpoint(&self, method: &str, path: &[u8], status: Option<u16>) -> String {
        let mut name = String::with_capacity(64);
        name.push_str(method);
        name.push(' ');
        if status == Some(404) {
            name.push_str(NOT_FOUND);
            return name;
        }
        let start = name.len();
        self.walk(path, |_, part| {
            name.push('/');
            name.push_str(part);
        });
        if name.len() == start {
            name.push('/');
        }
        if name.len() > LONGEST_NAME {
            name.truncate(name.floor_char_boundary(LONGEST_NAME));
        }
        name
    }

    /// Each part of a path, with the route before it.
    fn walk(&self, path: &[u8], mut visit: impl FnMut(&str, &str)) {
        let text = String::from_utf8_lossy(path);
        let text = text.split(['?', '#', ';']).next().unwrap_or_default();
        // The host of a request to a proxy is no part of the path.
        let text = text.split_once("://").map_or(text, |(_, rest)| rest.find('/').map_or("", |slash| &rest[slash..]));
        let mut before = String::new();
        for part in text.split('/').filter(|part| !part.is_empty()) {
            let normal = normal(part);
            let part = match self.places.get(&before) {
                Some(routes) if normal == part && !routes.contains(part) => ANY,
                _ => normal.as_str(),
            };
            visit(&before, part);
            before.push('/');
            before.push_str(part);
            if before.len() > LONGEST_NAME {
                break;
            }
        }
    }

    /// Looks at a path.
    pub fn look(&self, path: &[u8], seen: &mut Seen) {
        self.walk(path, |before, part| {
            if let Some(count) = seen.places.get_mut(before).and_then(|parts| parts.get_mut(part)) {
                *count += 1;
            } else if seen.parts < MOST_LEARNED {
                seen.parts += 1;
                seen.places.entry(before.to_owned()).or_default().insert(part.to_owned(), 1);
            }
        });
    }

    /// Learns from what was seen; whether that was anything new.
    pub fn learn(&mut self, seen: Seen) -> bool {
        let known = self.places.len();
        for (before, parts) in seen.places.into_iter().filter(|(_, parts)| parts.len() > MANY) {
            let all: u64 = parts.values().sum();
            let is_route = |count: u64| count as f64 >= ROUTE_SHARE * all as f64;
            let routes = parts.into_iter().filter(|(_, count)| is_route(*count)).map(|(part, _)| part);
            self.places.entry(before).or_insert_with(|| routes.collect());
        }
        self.places.len() > known
    }
}

/// A part of a path, in which ids are replaced.
fn normal(part: &str) -> String {
    if is_id(part) {
        return ID.to_owned();
    }
    let shown = |part: &str| part.replace(char::is_control, "\u{fffd}");
    // `17.json`, and files with a fingerprint in their name.
    match part.split_once('.') {
        Some(_) => part
            .split('.')
            .map(|piece| if is_id(piece) { ID.to_owned() } else { shown(piece) })
            .collect::<Vec<_>>()
            .join("."),
        None => shown(part),
    }
}

/// Whether something stands for one thing of many: numbers, dates, UUIDs, hashes, tokens, addresses of people.
fn is_id(part: &str) -> bool {
    let bytes = part.as_bytes();
    let digits = bytes.iter().filter(|c| c.is_ascii_digit()).count();
    let is_all = |is: fn(&u8) -> bool| bytes.iter().all(is);
    let ends_in_number = || {
        let stem = part.trim_end_matches(|c: char| c.is_ascii_digit());
        part.len() - stem.len() >= 3 && stem.ends_with(['-', '_', '~', ':'])
    };
    part.len() > LONGEST_PART
        || part.contains('@')
        || part.contains("%40")
        || (digits > 0 && is_all(|c| c.is_ascii_digit() || b"-_:.,".contains(c)))
        || (digits > 0 && bytes.len() >= 8 && is_all(|c| c.is_ascii_hexdigit() || *c == b'-'))
        || (digits >= 2 && bytes.len() >= 16 && is_all(|c| c.is_ascii_alphanumeric() || b"-_=~".contains(c)))
        || ends_in_number()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_no_routes() {
        for (path, expected) in [
            ("/", "/"),
            ("*", "/*"),
            ("", "/"),
            ("/cart/", "/cart"),
            ("//cart//7", "/cart/{id}"),
            ("/api/v1/orders/8137?full=1", "/api/v1/orders/{id}"),
            ("/users/3f0c1e52-7f1a-4f6e-9d3b-0a1b2c3d4e5f/keys", "/users/{id}/keys"),
            ("/commits/deadbeef00/diff", "/commits/{id}/diff"),
            ("/facade/decade", "/facade/decade"),
            ("/reset/eyJhbGciOiJIUzI1NiJ9", "/reset/{id}"),
            ("/people/anna@example.org", "/people/{id}"),
            ("/people/anna%40example.org", "/people/{id}"),
            ("/report/2026-03-04", "/report/{id}"),
            ("/order-12345", "/{id}"),
            ("/page-2", "/page-2"),
            ("/orders/17.json", "/orders/{id}.json"),
            ("/static/app.3f2a9c1b.js", "/static/app.{id}.js"),
            ("/oauth2/authorize", "/oauth2/authorize"),
            ("/cart;jsessionid=1234", "/cart"),
            ("http://shop.example/cart/7", "/cart/{id}"),
            ("http://shop.example", "/"),
            ("/a\u{1b}[31m", "/a\u{fffd}[31m"),
        ] {
            assert_eq!(
                Routes::default().endpoint("GET", path.as_bytes(), Some(200)),
                format!("GET {expected}"),
                "{path}"
            );
        }
        let long = format!("/{}", "ab/".repeat(1_000));
        assert!(Routes::default().endpoint("GET", long.as_bytes(), None).len() <= LONGEST_NAME);
    }

    #[test]
    fn names_of_things_are_learned_and_routes_beside_them_stay() {
        let word = |at: usize| format!("{}{}", ["red", "blue", "tiny", "old"][at % 4], "x".repeat(at / 4 + 1));
        let mut routes = Routes::default();
        for _ in 0..3 {
            let mut seen = Seen::default();
            for at in 0..240 {
                routes.look(format!("/products/{}", word(at)).as_bytes(), &mut seen);
                routes.look(format!("/products/{}/reviews/{}", word(at), word(at + 7)).as_bytes(), &mut seen);
                routes.look(b"/products/search", &mut seen);
                routes.look(format!("/pages/{}", word(at % 90)).as_bytes(), &mut seen);
            }
            routes.learn(seen);
        }
        for (path, expected) in [
            ("/products/bluexx", "/products/{any}"),
            ("/products/never-seen", "/products/{any}"),
            ("/products/search", "/products/search"),
            ("/products/17", "/products/{id}"),
            ("/products/redx/reviews/oldxx", "/products/{any}/reviews/{any}"),
            ("/pages/redx", "/pages/redx"),
        ] {
            assert_eq!(routes.endpoint("GET", path.as_bytes(), Some(200)), format!("GET {expected}"), "{path}");
        }
    }

    #[test]
    fn what_is_learned_is_bounded() {
        let (routes, mut seen) = (Routes::default(), Seen::default());
        for at in 0..MOST_LEARNED + 100 {
            routes.look(format!("/a/b{}z", "y".repeat(at % 60) + &at.to_string()).as_bytes(), &mut seen);
        }
        assert!(seen.parts <= MOST_LEARNED && seen.places.values().map(HashMap::len).sum::<usize>() <= MOST_LEARNED);
    }
}
