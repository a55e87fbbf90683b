//! What a sender is told: which of what it sent does not count, in the encoding that it speaks.

use super::{Encoding, Message, Signal};
use serde_json::json;

/// More reasons are not told to a sender that does everything wrong.
const LONGEST_MESSAGE: usize = 1000;

/// What did not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// How many spans or points.
    pub rejected: u64,
    /// Why, and what else the sender should know; empty when all is well.
    pub words: String,
}

impl Answer {
    /// The answer to `message`.
    pub fn to(message: &Message, signal: Signal) -> Answer {
        let what = match signal {
            Signal::Traces => "spans",
            Signal::Metrics => "points",
        };
        let left_out = message.left_out.iter().map(|(why, number)| format!("{number} {what} {}", why.words()));
        let coarse = message.coarse.keys().map(|name| {
            format!(
                "the bounds of {name} are so far apart that nearly all requests are in one bucket: they count, but nobody \
                 can say how long they took; use exponential histograms, or bounds in the unit that is measured in"
            )
        });
        let mut words = left_out.chain(coarse).collect::<Vec<_>>().join("; ");
        words.truncate(words.floor_char_boundary(LONGEST_MESSAGE));
        Answer { rejected: message.left_out.values().sum(), words }
    }

    /// As an `Export…ServiceResponse`.
    pub fn body(&self, signal: Signal, encoding: Encoding) -> Vec<u8> {
        let is_all = self.rejected == 0 && self.words.is_empty();
        match encoding {
            Encoding::Json if is_all => b"{}".to_vec(),
            Encoding::Json => {
                let rejected = match signal {
                    Signal::Traces => "rejectedSpans",
                    Signal::Metrics => "rejectedDataPoints",
                };
                let partial = json!({rejected: self.rejected.to_string(), "errorMessage": self.words});
                json!({"partialSuccess": partial}).to_string().into_bytes()
            }
            Encoding::Protobuf if is_all => Vec::new(),
            Encoding::Protobuf => {
                let mut partial = Vec::new();
                if self.rejected > 0 {
                    partial.push(0x08);
                    push_varint(&mut partial, self.rejected);
                }
                push_text(&mut partial, 2, self.words.as_bytes());
                let mut body = Vec::new();
                push_text(&mut body, 1, &partial);
                body
            }
        }
    }
}

/// A `google.rpc.Status`, which is what a sender reads when it is refused.
pub fn refusal(code: u64, words: &str, encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Json => json!({"code": code, "message": words}).to_string().into_bytes(),
        Encoding::Protobuf => {
            let mut body = vec![0x08];
            push_varint(&mut body, code);
            push_text(&mut body, 2, words.as_bytes());
            body
        }
    }
}

fn push_text(body: &mut Vec<u8>, field: u8, text: &[u8]) {
    body.push(field << 3 | 2);
    push_varint(body, text.len() as u64);
    body.extend_from_slice(text);
}

fn push_varint(body: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        body.push(number as u8 | 0x80);
        number >>= 7;
    }
    body.push(number as u8);
}
