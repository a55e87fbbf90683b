//! What the body of a request may cost: its time, its depth, and no compression that hides its size.
//!
//! The size itself is bound where a body is read, by the limit of its route.

use super::error::HttpError;
use crate::server::Limits;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll};
use tokio::time::Sleep;

/// Holds every request to the limits.
pub async fn hold(State(limits): State<Arc<Limits>>, request: Request, next: Next) -> Response {
    let is_packed = is_encoded(request.headers());
    // What unpacks bodies itself bounds what they become.
    let is_encoded = is_packed && !request.uri().path().starts_with("/v1/");
    if request.body().is_end_stream() {
        return if is_encoded { HttpError::Encoded.into_response() } else { next.run(request).await };
    }
    if is_encoded {
        return last(HttpError::Encoded.into_response());
    }
    let verdict = Arc::new(AtomicU8::new(GOOD));
    let has_ended = Arc::new(AtomicBool::new(false));
    let depth = (is_json(&request) && !is_packed).then(|| Depth::up_to(limits.json_depth));
    let request = request.map(|body| {
        let deadline = Box::pin(tokio::time::sleep(limits.body_timeout));
        Body::new(Held { body, deadline, depth, verdict: verdict.clone(), has_ended: has_ended.clone() })
    });
    let answer = next.run(request).await;
    // Whoever read the body knows only that it broke off.
    let answer = match verdict.load(Ordering::Relaxed) {
        LATE => HttpError::TooSlow.into_response(),
        DEEP => {
            let what = format!("this cannot be read: its lists and objects stand more than {} deep", limits.json_depth);
            HttpError::BadInput(what).into_response()
        }
        _ => answer,
    };
    if has_ended.load(Ordering::Relaxed) { answer } else { last(answer) }
}

/// `answer`, saying that its connection ends with it: what is left of a body stands in the way of the next request, and
/// a client that is not told sends that one into a closed connection.
fn last(mut answer: Response) -> Response {
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// Whether the body is compressed: a few bytes could become gigabytes, and no sender of ours needs it.
fn is_encoded(headers: &HeaderMap) -> bool {
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    encodings.any(|encoding| !encoding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity"))
}

/// Deliveries are JSON whatever they say.
fn is_json(request: &Request) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE).map(|kind| kind.as_bytes()).unwrap_or_default();
    request.uri().path().starts_with("/hooks/") || kind.windows(4).any(|word| word.eq_ignore_ascii_case(b"json"))
}

const GOOD: u8 = 0;
const LATE: u8 = 1;
const DEEP: u8 = 2;

/// A body that breaks off when it is late or too deep.
struct Held {
    body: Body,
    deadline: Pin<Box<Sleep>>,
    depth: Option<Depth>,
    /// Why it broke off, for whoever answers.
    verdict: Arc<AtomicU8>,
    /// Whether all of it was read.
    has_ended: Arc<AtomicBool>,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let broken = |held: &Held, why: u8, what: &'static str| {
            held.verdict.store(why, Ordering::Relaxed);
            Poll::Ready(Some(Err(axum::Error::new(what))))
        };
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let holds = match (&mut self.depth, frame.data_ref()) {
                    (Some(depth), Some(bytes)) => depth.holds(bytes),
                    _ => true,
                };
                if !holds {
                    return broken(&self, DEEP, "the body is too deep");
                }
                self.has_ended.store(self.body.is_end_stream(), Ordering::Relaxed);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Pending if self.deadline.as_mut().poll(cx).is_ready() => broken(&self, LATE, "the body is late"),
            Poll::Ready(None) => {
                self.has_ended.store(true, Ordering::Relaxed);
                Poll::Ready(None)
            }
            other => other,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// How deep lists and objects stand in each other, counted while the bytes pass.
struct Depth {
    most: u32,
    now: u32,
    in_text: bool,
    is_escaped: bool,
}

impl Depth {
    fn up_to(most: u32) -> Depth {
        Depth { most, now: 0, in_text: false, is_escaped: false }
    }

    /// Goes on with `bytes`; false once it is too deep.
    fn holds(&mut self, bytes: &[u8]) -> bool {
        for byte in bytes {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' if self.in_text => self.is_escaped = true,
                b'"' => self.in_text = !self.in_text,
                _ if self.in_text => {}
                b'[' | b'{' => {
                    self.now += 1;
                    if self.now > self.most {
                        return false;
                    }
                }
                b']' | b'}' => self.now = self.now.saturating_sub(1),
                _ => {}
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_brackets_outside_of_texts_are_deep() {
        for (text, holds) in [
            ("[[[]]]", true),
            ("[[[[]]]]", false),
            (r#"{"a": [{"b": 1}]}"#, true),
            (r#"{"a": [{"b": []}]}"#, false),
            (r#"["[[[[[[", "\"[[[[[", "\\"]"#, true),
            (r#"["\\", [[[]]]]"#, false),
            ("[],[],[],[],[]", true),
            ("]]]]]][[[[", false),
        ] {
            assert_eq!(Depth::up_to(3).holds(text.as_bytes()), holds, "{text}");
            // In whatever pieces it arrives.
            let mut depth = Depth::up_to(3);
            assert_eq!(text.as_bytes().iter().all(|byte| depth.holds(&[*byte])), holds, "{text}");
        }
    }
}
