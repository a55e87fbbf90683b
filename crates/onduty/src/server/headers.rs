//! Headers that every answer carries, whoever gives it: `web` puts them on what it answers, the server loop on what it
//! answers by itself.

/// The content policy: everything from here, nothing inline, nothing framed.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'";

/// Name and value of each.
pub const OF_EVERY_ANSWER: [(&str, &str); 5] = [
    ("content-security-policy", CONTENT_POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// What a client hears for which there is no place; no handler sees it, so nobody else adds the headers.
pub(super) fn full() -> Vec<u8> {
    let mut answer = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\nconnection: close\r\ncontent-length: 0\r\n\
        cache-control: no-store\r\n"
        .to_owned();
    for (name, value) in OF_EVERY_ANSWER {
        answer.extend([name, ": ", value, "\r\n"]);
    }
    answer.push_str("\r\n");
    answer.into_bytes()
}
