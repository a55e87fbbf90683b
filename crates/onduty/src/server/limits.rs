//! What a client may cost. Every limit is a key below `server:` in `onduty.yml`.

use std::time::Duration;

/// The limits of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections at one time.
    pub connections: usize,
    /// Connections at one time from one address; a network of 64 bits counts as one address. Loopback and trusted
    /// proxies speak for many and are bound by `connections` alone.
    pub connections_per_address: usize,
    /// Requests that one connection may bring before it is closed.
    pub requests_per_connection: u32,
    /// How long the headers of a request may take, and a connection may wait for its next request.
    pub header_timeout: Duration,
    /// Size of all headers of a request.
    pub header_bytes: usize,
    /// How long the body of a request may take.
    pub body_timeout: Duration,
    /// Size of the body of a request.
    pub body_bytes: usize,
    /// Size of a delivery to `/hooks/`.
    pub delivery_bytes: usize,
    /// How deep lists and objects may stand in each other in a body.
    pub json_depth: u32,
    /// How long a client may take no byte of its answer.
    pub write_timeout: Duration,
    /// How long what is under way may take to end after a stop.
    pub stop_within: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 12_000,
            connections_per_address: 512,
            requests_per_connection: 1_000,
            header_timeout: Duration::from_secs(10),
            header_bytes: 16 * 1024,
            body_timeout: Duration::from_secs(30),
            body_bytes: 2 * 1024 * 1024,
            delivery_bytes: 5 * 1024 * 1024,
            json_depth: 64,
            write_timeout: Duration::from_secs(30),
            stop_within: Duration::from_secs(10),
        }
    }
}
