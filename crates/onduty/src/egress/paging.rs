//! Lists that come in pages: followed to their end, or refused. Never a short list that looks whole.
//!
//! Pure: a source reads a page, [`Pages::take`] says which cursor to ask for next. Cursors only, never addresses, so
//! that no server can send a token elsewhere by naming another host as its next page.

use reqwest::header::{HeaderMap, LINK};
use std::collections::{BTreeMap, BTreeSet};

/// How much of a list is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageCap {
    /// Pages.
    pub pages: usize,
    /// Things in all pages.
    pub items: usize,
}

impl PageCap {
    /// More open errors than that are not worked through by people; the poll says so instead of keeping quiet.
    pub const DEFAULT: PageCap = PageCap { pages: 200, items: 20_000 };
}

/// One page.
#[derive(Debug)]
pub struct Page<T> {
    /// Things with the key by which the same thing is known on another page.
    pub items: Vec<(String, T)>,
    /// What to ask for next; `None` at the end.
    pub next: Option<String>,
}

/// Why a list is not whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PagingError {
    /// Longer than onduty reads.
    #[error("the list is longer than onduty reads: {items} in {pages} pages, and there is more")]
    TooLong {
        /// Pages that were read.
        pages: usize,
        /// Things on them.
        items: usize,
    },
    /// The next page is one that was read already.
    #[error("page {pages} leads back to an earlier page")]
    Loop {
        /// Pages that were read.
        pages: usize,
    },
    /// A page says what an earlier one said.
    #[error("page {pages} repeats an earlier page")]
    Repeated {
        /// Pages that were read.
        pages: usize,
    },
}

/// The pages of one list so far.
#[derive(Debug)]
pub struct Pages<T> {
    cap: PageCap,
    pages: usize,
    cursors: BTreeSet<String>,
    lists: BTreeSet<Vec<String>>,
    items: BTreeMap<String, (usize, T)>,
}

impl<T> Pages<T> {
    /// No page yet.
    pub fn new(cap: PageCap) -> Pages<T> {
        Pages { cap, pages: 0, cursors: BTreeSet::new(), lists: BTreeSet::new(), items: BTreeMap::new() }
    }

    /// Takes a page and tells the cursor of the next one; `None` at the end. A thing that is on two pages, because the
    /// list moved while it was read, is kept as it was read last.
    ///
    /// # Errors
    /// See [`PagingError`]; what was read so far is worth nothing then.
    pub fn take(&mut self, page: Page<T>) -> Result<Option<String>, PagingError> {
        self.pages += 1;
        let pages = self.pages;
        let keys: Vec<String> = page.items.iter().map(|(key, _)| key.clone()).collect();
        let nothing_new = keys.iter().all(|key| self.items.contains_key(key));
        if !keys.is_empty() && (!self.lists.insert(keys) || nothing_new && page.next.is_some()) {
            return Err(PagingError::Repeated { pages });
        }
        for (key, item) in page.items {
            let place = self.items.len();
            let place = self.items.get(&key).map_or(place, |(place, _)| *place);
            self.items.insert(key, (place, item));
        }
        let Some(next) = page.next else { return Ok(None) };
        if !self.cursors.insert(next.clone()) {
            return Err(PagingError::Loop { pages });
        }
        if pages >= self.cap.pages || self.items.len() > self.cap.items {
            return Err(PagingError::TooLong { pages, items: self.items.len() });
        }
        Ok(Some(next))
    }

    /// Everything, in the order of the list.
    pub fn into_items(self) -> Vec<T> {
        let mut items: Vec<(usize, T)> = self.items.into_values().collect();
        items.sort_by_key(|(place, _)| *place);
        items.into_iter().map(|(_, item)| item).collect()
    }
}

/// What a `Link` header says about the next page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// There is none: the list may have ended, or the server does not say.
    Missing,
    /// The list ends here.
    End,
    /// Ask for this cursor.
    Next(String),
}

/// Reads `Link: <…?cursor=C>; rel="next"; results="true"; cursor="C"`. `results="false"` is the end although there is a
/// next address.
pub fn next_link(headers: &HeaderMap) -> Link {
    let lines: Vec<&str> = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok()).collect();
    if lines.is_empty() {
        return Link::Missing;
    }
    let parts = lines.iter().flat_map(|line| line.split(",").map(str::trim)).filter(|part| !part.is_empty());
    for part in parts {
        let mut fields = part.split(';').map(str::trim);
        let address = fields.next().unwrap_or_default();
        let named: BTreeMap<&str, &str> = fields
            .filter_map(|field| field.split_once('='))
            .map(|(name, value)| (name.trim(), value.trim().trim_matches('"')))
            .collect();
        if named.get("rel") != Some(&"next") || named.get("results") == Some(&"false") {
            continue;
        }
        let cursor = named.get("cursor").map(|cursor| (*cursor).to_owned());
        let cursor = cursor.or_else(|| cursor_of(address.trim_matches(['<', '>'])));
        if let Some(cursor) = cursor.filter(|cursor| !cursor.is_empty()) {
            return Link::Next(cursor);
        }
    }
    Link::End
}

/// The parameter `cursor` of an address.
pub fn cursor_of(address: &str) -> Option<String> {
    let query = address.split_once('?')?.1.split('#').next()?;
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).ok()?;
    pairs.into_iter().find(|(name, _)| name == "cursor").map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Step = (&'static [&'static str], Option<&'static str>);

    #[track_caller]
    fn check(cap: PageCap, steps: &[Step], expected: Result<&[&str], PagingError>) {
        let mut pages = Pages::new(cap);
        for (index, (keys, next)) in steps.iter().enumerate() {
            let items = keys.iter().map(|key| ((*key).to_owned(), format!("{key}{index}"))).collect();
            match pages.take(Page { items, next: next.map(str::to_owned) }) {
                Ok(told) => assert_eq!(told.as_deref(), *next),
                Err(error) => return assert_eq!(Err(error), expected),
            }
        }
        assert_eq!(Ok(pages.into_items().iter().map(String::as_str).collect::<Vec<_>>().as_slice()), expected);
    }

    #[test]
    fn lists_are_whole_or_refused() {
        let cap = PageCap { pages: 3, items: 5 };
        check(cap, &[(&[], None)], Ok(&[]));
        check(cap, &[(&["a", "b"], Some("1")), (&["c"], None)], Ok(&["a0", "b0", "c1"]));
        // An empty page in the middle is odd and harmless: there is a next one.
        check(cap, &[(&["a"], Some("1")), (&[], Some("2")), (&["c"], None)], Ok(&["a0", "c2"]));
        // The list moved while it was read.
        check(cap, &[(&["a", "b"], Some("1")), (&["b", "c"], None)], Ok(&["a0", "b1", "c1"]));
        check(cap, &[(&["a", "b"], Some("1")), (&["b"], None)], Ok(&["a0", "b1"]));
        check(cap, &[(&["a", "b"], Some("1")), (&["a", "b"], None)], Err(PagingError::Repeated { pages: 2 }));
        check(cap, &[(&["a", "b"], Some("1")), (&["b"], Some("2"))], Err(PagingError::Repeated { pages: 2 }));
        check(cap, &[(&["a"], Some("1")), (&["b"], Some("1"))], Err(PagingError::Loop { pages: 2 }));
        check(
            cap,
            &[(&["a"], Some("1")), (&["b"], Some("2")), (&["c"], Some("3"))],
            Err(PagingError::TooLong { pages: 3, items: 3 }),
        );
        check(cap, &[(&["a", "b", "c", "d", "e", "f"], Some("1"))], Err(PagingError::TooLong { pages: 1, items: 6 }));
    }

    #[test]
    fn links_are_read() {
        let check = |link: Option<&str>, expected: Link| {
            let headers: HeaderMap = link.map(|link| (LINK, link.parse().unwrap())).into_iter().collect();
            assert_eq!(next_link(&headers), expected, "{link:?}");
        };
        let address = "<https://sentry.io/api/0/x/?&cursor=0:100:0>";
        let before = r#"<https://sentry.io/x?cursor=0:0:1>; rel="previous"; results="false"; cursor="0:0:1""#;
        check(None, Link::Missing);
        check(Some(""), Link::End);
        check(Some(before), Link::End);
        check(
            Some(&format!(r#"{before}, {address}; rel="next"; results="true"; cursor="0:100:0""#)),
            Link::Next("0:100:0".into()),
        );
        check(Some(&format!(r#"{before}, {address}; rel="next"; results="false"; cursor="0:100:0""#)), Link::End);
        check(Some(&format!(r#"{address}; rel="next""#)), Link::Next("0:100:0".into()));
        check(Some(r#"<https://x>; rel="next"; results="true"; cursor="""#), Link::End);
        assert_eq!(cursor_of("http://x/y?project=1&cursor=cD0x%3D"), Some("cD0x=".into()));
        assert_eq!(cursor_of("http://x/y"), None);
    }
}
