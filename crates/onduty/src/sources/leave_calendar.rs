//! A calendar at an address: whoever knows the address reads it. Asked whether it changed; never followed elsewhere.
//!
//! `tasks::leave` and the doctor ask. Neither the address nor what the server answers instead of a calendar is ever repeated:
//! servers put addresses into their pages.

use crate::egress::{Answer, Backoff, Egress, EgressError, Limits, Request, Url, header, random};
use std::time::Duration;

/// A calendar of a company over some years is far below.
const LIMITS: Limits = Limits { total: Duration::from_secs(30), body: 8 * 1024 * 1024 };
/// Longest tag that is sent back.
const LONGEST_TAG: usize = 500;

/// What a server wants to be told to say whether its calendar changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validators {
    tag: Option<String>,
    modified: Option<String>,
}

/// What a calendar is now.
#[derive(Debug)]
pub enum Fetched {
    /// What it was.
    Same,
    /// This.
    Text(String, Validators),
}

/// Why a calendar could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No whole answer.
    #[error(transparent)]
    Egress(#[from] EgressError),
    /// It is elsewhere.
    #[error("it answers {0}, that it is elsewhere, and onduty does not go there; write the address to which it leads")]
    Elsewhere(u16),
    /// Its address is not good any more.
    #[error("it answers {0}; make a new address for it where the calendar is kept")]
    Gone(u16),
    /// Anything else.
    #[error("it answers {0}")]
    Refused(u16),
}

/// Fetches the calendar at `url`, unless it is what `known` says.
///
/// # Errors
/// See [`FetchError`]; none of them has the address.
pub async fn fetch(egress: &Egress, url: &Url, known: &Validators, backoff: Backoff) -> Result<Fetched, FetchError> {
    let request = || {
        let mut request = Request::get(url.clone()).within(LIMITS).header(header::ACCEPT, "text/calendar");
        if let Some(tag) = &known.tag {
            request = request.header(header::IF_NONE_MATCH, tag);
        }
        if let Some(modified) = &known.modified {
            request = request.header(header::IF_MODIFIED_SINCE, modified);
        }
        request
    };
    let answer = egress.send_patiently(request, backoff, random).await?;
    match answer.status.as_u16() {
        200 => {
            let validators =
                Validators { tag: value(&answer, header::ETAG), modified: value(&answer, header::LAST_MODIFIED) };
            // A letter that is not UTF-8 makes a name unclear, not a calendar unreadable.
            Ok(Fetched::Text(String::from_utf8_lossy(&answer.body).into_owned(), validators))
        }
        304 if *known != Validators::default() => Ok(Fetched::Same),
        status @ 300..=399 => Err(FetchError::Elsewhere(status)),
        status @ (401 | 403 | 404 | 410) => Err(FetchError::Gone(status)),
        status => Err(FetchError::Refused(status)),
    }
}

fn value(answer: &Answer, name: header::HeaderName) -> Option<String> {
    let value = answer.headers.get(name)?.to_str().ok()?;
    (value.len() <= LONGEST_TAG).then(|| value.to_owned())
}
