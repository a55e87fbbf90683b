//! The server loop: takes connections, bounds what each may cost, and stops in good order.
//!
//! Called by `cli::serve`, `cli::demo` and the tests with the router of `web`. Knows HTTP and sockets, and nothing of
//! pages, people or duties. `axum::serve` has no timer at all: a client that sends one byte of its headers now and then
//! would keep its connection for ever.

mod connections;
mod counts;
mod descriptors;
mod headers;
mod limits;
mod stalled;
mod stopping;
mod tls;

pub use counts::Counts;
pub use descriptors::make_room;
pub use headers::OF_EVERY_ANSWER;
pub use limits::Limits;
pub use stopping::Stopping;
pub use tls::{Objection, Tls, TlsError, TlsFiles, objection, shown};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, header};
use connections::Connections;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use stalled::Stalled;
use std::io::Write;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

/// Who is at the other end of a connection; every request carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its address: the client's own, or that of a proxy.
    pub address: IpAddr,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

/// What the kernel keeps of an answer for a client that is slow to read. The default grows to megabytes, and a viewer
/// that never reads would be noticed only when they are full.
const SEND_BUFFER: usize = 32 * 1024;
/// What hyper keeps of an answer before it waits for the client.
const WRITE_BUFFER: usize = 64 * 1024;
/// Longest pause after the system had no room for another connection.
const NO_ROOM: Duration = Duration::from_millis(500);

/// How often the files of the certificate are looked at.
const LOOK_AT_CERTIFICATE: Duration = Duration::from_secs(5);

/// How a server serves.
pub struct Settings {
    /// What a client may cost.
    pub limits: Limits,
    /// With this, connections are encrypted.
    pub tls: Option<Tls>,
    /// What is counted.
    pub counts: Arc<Counts>,
    /// Who may connect.
    pub standing: Box<dyn Fn(IpAddr) -> Standing + Send + Sync>,
}

/// Who connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Some client, of which each address has its share of connections.
    Client,
    /// Speaks for many: this machine, or a trusted proxy.
    Many,
    /// Has no business here: it goes round the proxy.
    Stranger,
}

/// Everything that the connections of a server share.
struct Shared {
    router: Router,
    limits: Limits,
    counts: Arc<Counts>,
    stopping: Stopping,
}

/// Serves `router` until `stopping` is told; then takes no connection, lets what is under way end within
/// [`Limits::stop_within`], and cuts off what is left.
pub async fn run(listener: TcpListener, router: Router, settings: Settings, stopping: Stopping) {
    let Settings { limits, mut tls, counts, standing } = settings;
    let connections = Connections::new(&limits, counts.clone());
    let mut looks = tokio::time::interval(LOOK_AT_CERTIFICATE);
    let shared = Arc::new(Shared { router, limits, counts, stopping: stopping.clone() });
    let mut running = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stopping.told() => break,
            Some(_) = running.join_next() => continue,
            _ = looks.tick() => {
                tls.iter_mut().for_each(Tls::renew);
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_of_the_client(&error) => continue,
            Err(error) => {
                // No descriptor is left, most likely: one that ends makes room.
                tracing::error!(error = &error as &dyn std::error::Error, "no connection can be taken");
                tokio::time::sleep(NO_ROOM).await;
                continue;
            }
        };
        let address = address.ip().to_canonical();
        let acceptor = tls.as_ref().map(Tls::acceptor);
        match connections.enter(address, standing(address)) {
            Some(seat) => {
                let shared = shared.clone();
                running.spawn(async move {
                    converse(stream, address, acceptor, &shared).await;
                    drop(seat);
                });
            }
            None => refuse(stream, address, acceptor.is_some()),
        }
    }
    drop(listener);
    let ended = async { while running.join_next().await.is_some() {} };
    if tokio::time::timeout(shared.limits.stop_within, ended).await.is_err() {
        tracing::warn!(connections = running.len(), "cut off what did not end in time");
        running.shutdown().await;
    }
}

/// One connection from its first byte to its last.
async fn converse(stream: TcpStream, address: IpAddr, acceptor: Option<TlsAcceptor>, shared: &Shared) {
    // Each event of a stream has to leave at once.
    let _ = stream.set_nodelay(true);
    let _ = rustix::net::sockopt::set_socket_send_buffer_size(&stream, SEND_BUFFER);
    let Some(acceptor) = acceptor else { return answer(stream, Peer { address, tls: false }, shared).await };
    let greeting = tokio::time::timeout(shared.limits.header_timeout, acceptor.accept(stream));
    match greeting.await {
        Ok(Ok(stream)) => answer(stream, Peer { address, tls: true }, shared).await,
        Ok(Err(error)) => {
            tracing::debug!(peer = %address, error = &error as &dyn std::error::Error, "no TLS came about");
        }
        Err(_) => tracing::debug!(peer = %address, "no TLS came about in time"),
    }
}

async fn answer(stream: impl AsyncRead + AsyncWrite + Unpin, peer: Peer, shared: &Shared) {
    let limits = &shared.limits;
    let answered = AtomicU32::new(0);
    let service = hyper::service::service_fn(|request: axum::http::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        let router = shared.router.clone();
        let is_last = answered.fetch_add(1, Ordering::Relaxed) + 1 >= limits.requests_per_connection;
        async move {
            let answer = router.oneshot(request).await;
            answer.map(|mut answer| {
                if is_last {
                    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                answer
            })
        }
    });
    let io = TokioIo::new(Stalled::new(stream, limits.write_timeout));
    let mut http = http1::Builder::new();
    // Runs as well while a kept connection waits for its next request.
    http.timer(TokioTimer::new()).header_read_timeout(limits.header_timeout);
    http.max_header_size(limits.header_bytes).max_buf_size(WRITE_BUFFER);
    let mut connection = pin!(http.serve_connection(io, service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shared.stopping.told() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    // Whoever hangs up, is slow or sends no HTTP does so every day: nobody needs to be told.
    if let Err(error) = ended {
        shared.counts.ended(&error);
        tracing::debug!(peer = %peer.address, error = &error as &dyn std::error::Error, "a connection ended");
    }
}

fn refuse(stream: TcpStream, address: IpAddr, expects_tls: bool) {
    tracing::debug!(peer = %address, "no place for another connection");
    if expects_tls {
        return;
    }
    // A fresh connection takes these few bytes at once, or not at all.
    if let Ok(mut stream) = stream.into_std() {
        let _ = stream.write_all(&headers::full());
    }
}

/// Whether the client gave up before it was taken.
fn is_of_the_client(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
