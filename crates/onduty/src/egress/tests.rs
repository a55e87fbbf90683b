//! The way out against a server that misbehaves in every way, and a resolver that changes its mind.

use super::*;
use axum::Router;
use axum::body::Body;
use axum::http::Response as Reply;
use axum::routing::get;
use secrecy::SecretString;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// Reads a request and answers these bytes, then hangs up.
async fn raw(answer: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(&answer).await;
            });
        }
    });
    address
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn egress_to(address: SocketAddr) -> Egress {
    Egress::new(Policy::default().naming(&url(&format!("http://{address}")))).unwrap()
}

fn small(url: Url) -> Request {
    Request::get(url).within(Limits { total: Duration::from_secs(5), body: 4096 })
}

#[tokio::test]
async fn answers_are_capped_and_redirects_are_not_followed() {
    let app = Router::new()
        .route("/fits", get(|| async { "x".repeat(4096) }))
        .route("/big", get(|| async { "x".repeat(4097) }))
        .route("/endless", get(|| async { endless() }))
        .route("/away", get(|| async { axum::response::Redirect::to("/fits") }));
    let address = serve(app).await;
    let egress = egress_to(address);
    let ask = |path: &str| egress.send(small(url(&format!("http://{address}{path}"))));

    assert_eq!(ask("/fits").await.unwrap().body.len(), 4096);
    let expected = "the answer from 127.0.0.1 is larger than 4096 bytes";
    assert_eq!(ask("/big").await.unwrap_err().to_string(), expected);
    assert_eq!(ask("/endless").await.unwrap_err().to_string(), expected);
    let away = ask("/away").await.unwrap();
    assert_eq!((away.status.as_u16(), away.body.len()), (303, 0));
}

fn endless() -> Body {
    Body::from_stream(futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'x'; 1024])))
}

/// `size` zeros as gzip: about a thousandth of it on the wire.
fn bomb(size: usize) -> Vec<u8> {
    use std::process::{Command, Stdio};
    let mut gzip = Command::new("gzip").arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = gzip.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        let zeros = vec![0; 1 << 20];
        (0..size / zeros.len()).for_each(|_| std::io::Write::write_all(&mut stdin, &zeros).unwrap());
    });
    let output = gzip.wait_with_output().unwrap();
    writer.join().unwrap();
    output.stdout
}

#[tokio::test]
async fn a_small_answer_that_unpacks_to_much_is_refused() {
    let packed = bomb(64 << 20);
    assert!(packed.len() < 100_000);
    let app =
        Router::new().route(
            "/",
            get(move || async move {
                Reply::builder().header("content-encoding", "gzip").body(Body::from(packed)).unwrap()
            }),
        );
    let address = serve(app).await;
    let limits = Limits { total: Duration::from_secs(20), body: 1 << 20 };
    let refused = egress_to(address).send(Request::get(url(&format!("http://{address}"))).within(limits)).await;
    assert_eq!(refused.unwrap_err().to_string(), "the answer from 127.0.0.1 is larger than 1048576 bytes");
}

#[tokio::test]
async fn a_port_says_nothing_about_itself() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let not_http = raw(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()).await;
    let hangs_up = raw(Vec::new()).await;
    for address in [silent.local_addr().unwrap(), closed, not_http, hangs_up] {
        let limits = Limits { total: Duration::from_millis(300), body: 4096 };
        let request = Request::get(url(&format!("http://{address}"))).within(limits);
        let error = egress_to(address).send(request).await.unwrap_err();
        assert_eq!(error.to_string(), "no answer from 127.0.0.1");
        assert!(std::error::Error::source(&error).is_none(), "the cause is in the log only");
    }
    let cut = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"a\":".to_vec()).await;
    let error = egress_to(cut).send(small(url(&format!("http://{cut}")))).await.unwrap_err();
    assert_eq!(error.to_string(), "the answer from 127.0.0.1 broke off");
}

/// Says `first` the first time, `then` afterwards: what an attacker's name server does.
struct Rebinding {
    asked: AtomicUsize,
    first: Vec<IpAddr>,
    then: Vec<IpAddr>,
}

impl Lookup for Rebinding {
    fn addresses(&self, _: &str) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>> {
        let first = self.asked.fetch_add(1, Ordering::SeqCst) == 0;
        let found = if first { self.first.clone() } else { self.then.clone() };
        Box::pin(async move { Ok(found) })
    }
}

fn rebinding(first: &[&str], then: &[&str]) -> Arc<Rebinding> {
    let parsed = |list: &[&str]| list.iter().map(|ip| ip.parse().unwrap()).collect();
    Arc::new(Rebinding { asked: AtomicUsize::new(0), first: parsed(first), then: parsed(then) })
}

#[tokio::test]
async fn the_address_that_is_connected_to_is_the_one_that_was_judged() {
    let hits = Arc::new(AtomicUsize::new(0));
    let counted = hits.clone();
    let app = Router::new().route(
        "/",
        get(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            // Closed each time, so that each request needs a connection.
            async { ([("connection", "close")], "secret of the inside") }
        }),
    );
    let port = serve(app).await.port();
    let address = url(&format!("http://tracker.example:{port}/"));
    let ask = async |policy: Policy, lookup: &Arc<Rebinding>, times: usize| {
        let egress = Egress::with(policy, Allowance::DEFAULT, lookup.clone()).unwrap();
        let mut said = Vec::new();
        for _ in 0..times {
            let request = Request::get(address.clone());
            let limits = Limits { total: Duration::from_millis(500), body: 4096 };
            said.push(
                egress.send(request.within(limits)).await.map_or_else(|e| e.to_string(), |a| a.status.to_string()),
            );
        }
        said
    };
    let named = Policy::default().naming(&address);
    let refused = "onduty does not go to tracker.example: its address is not a public one; if it should be reached, add \
                   the host or its range to `egress: {allow: […]}`";
    // A public address for whoever checks, the inside for whoever connects. 192.0.2.1 answers nobody, and is let through
    // here as the public one.
    let public = Policy::default().naming(&address).within("192.0.2.1".parse().unwrap());
    let lookup = rebinding(&["192.0.2.1"], &["127.0.0.1"]);
    assert_eq!(ask(public, &lookup, 3).await, ["no answer from tracker.example", refused, refused]);
    assert_eq!(lookup.asked.load(Ordering::SeqCst), 3, "one look-up a connection, and no other");
    for inside in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"] {
        assert_eq!(ask(named.clone(), &rebinding(&[inside], &[inside]), 1).await, [refused], "{inside}");
    }
    let never = ask(named.clone().trusting("tracker.example"), &rebinding(&["169.254.169.254"], &[]), 1).await;
    assert_eq!(never, ["onduty does not go to tracker.example: no source can be at such an address"]);
    assert_eq!(hits.load(Ordering::SeqCst), 0, "nothing inside was reached");

    // Of several addresses only those that may be reached are tried.
    let trusted = named.clone().within("127.0.0.1".parse().unwrap());
    assert_eq!(ask(trusted, &rebinding(&["10.0.0.1", "127.0.0.1", "::1"], &[]), 1).await, ["200 OK"]);
    assert_eq!(ask(named.trusting("tracker.example"), &rebinding(&["127.0.0.1"], &[]), 1).await, ["200 OK"]);
    assert_eq!(hits.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_is_no_place_to_go_is_refused_before_any_connection() {
    let egress = Egress::new(Policy::default().naming(&url("https://tracker.example"))).unwrap();
    for (address, expected) in [
        ("ftp://tracker.example/", "this is not a web address without a password in it"),
        ("file:///etc/passwd", "this is not a web address without a password in it"),
        ("https://user:secret@tracker.example/", "this is not a web address without a password in it"),
        (
            "https://other.example/?token=secret",
            "onduty does not go to other.example: no address in onduty.yml names it; name it there, or in `egress: {allow: […]}`",
        ),
        (
            "http://[::1]/",
            "onduty does not go to ::1: no address in onduty.yml names it; name it there, or in `egress: {allow: […]}`",
        ),
    ] {
        assert_eq!(egress.send(Request::get(url(address))).await.unwrap_err().to_string(), expected);
    }
    let metadata = Egress::new(Policy::default().naming(&url("http://169.254.169.254"))).unwrap();
    let refused = metadata.send(Request::get(url("http://169.254.169.254/latest"))).await.unwrap_err();
    assert_eq!(refused.to_string(), "onduty does not go to 169.254.169.254: no source can be at such an address");
    egress.set_policy(Policy::default().trusting("other.example")).unwrap();
    assert!(matches!(
        egress.send(Request::get(url("https://tracker.example/"))).await,
        Err(EgressError::NotAllowed { why: Refusal::NotNamed, .. })
    ));
}

#[tokio::test]
async fn a_pause_that_a_host_asks_for_holds_for_everybody() {
    let app = Router::new().route(
        "/",
        get(|| async { Reply::builder().status(429).header("retry-after", "7").body(Body::empty()).unwrap() }),
    );
    let address = serve(app).await;
    let (egress, other) = (egress_to(address), egress_to(address));
    let address = url(&format!("http://{address}/"));
    assert_eq!(egress.send(small(address.clone())).await.unwrap_err().to_string(), "127.0.0.1 asks to wait 7 s");
    let clone = egress.clone();
    assert!(
        matches!(clone.send(small(address.clone())).await, Err(EgressError::Held { wait, .. }) if wait > Duration::from_secs(5))
    );
    // Too long to wait for: it is not tried again.
    let asked = AtomicUsize::new(0);
    let request = || {
        asked.fetch_add(1, Ordering::SeqCst);
        small(address.clone())
    };
    assert!(matches!(other.send_patiently(request, Backoff::POLL, || 0.0).await, Err(EgressError::Held { .. })));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn errors_of_a_server_are_tried_again_and_refusals_are_not() {
    let hits = Arc::new(AtomicUsize::new(0));
    let count = |status: &'static [u16]| {
        let hits = hits.clone();
        get(move || {
            let turn = hits.fetch_add(1, Ordering::SeqCst);
            let status = status[turn.min(status.len() - 1)];
            async move { Reply::builder().status(status).body(Body::empty()).unwrap() }
        })
    };
    let app = Router::new()
        .route("/mends", count(&[500, 502, 200]))
        .route("/broken", count(&[500]))
        .route("/refuses", count(&[403]));
    let address = serve(app).await;
    let egress = egress_to(address);
    let backoff = Backoff { tries: 3, first: Duration::from_millis(1), most: Duration::from_millis(2) };
    for (path, status, tries) in [("/mends", 200, 3), ("/broken", 500, 3), ("/refuses", 403, 1)] {
        hits.store(0, Ordering::SeqCst);
        let request = || small(url(&format!("http://{address}{path}")));
        let answer = egress.send_patiently(request, backoff, || 1.0).await.unwrap();
        assert_eq!((answer.status.as_u16(), hits.load(Ordering::SeqCst)), (status, tries), "{path}");
    }
    let random = random();
    assert!((0.0..=1.0).contains(&random), "{random}");
}

#[tokio::test]
async fn the_environment_names_no_proxy_and_a_token_stays_secret() {
    let app = Router::new().route(
        "/",
        get(|headers: axum::http::HeaderMap| async move {
            let token = headers["authorization"].to_str().unwrap().to_owned();
            (
                axum::http::StatusCode::FORBIDDEN,
                format!("bad token: {token}; {}", headers["user-agent"].to_str().unwrap()),
            )
        }),
    );
    let address = serve(app).await;
    let request = small(url(&format!("http://{address}/"))).bearer(&SecretString::from("very-secret-token"));
    let answer = egress_to(address).send(request).await.unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(answer.excerpt(), format!("bad token: Bearer [redacted]; onduty/{version}"));
}

#[tokio::test]
async fn a_way_is_judged_like_a_connection() {
    let address = url("https://git.example/acme/shop.git");
    let policy = Policy::default().naming(&address).within("127.0.0.2".parse().unwrap());
    let way = async |policy: &Policy, address: &Url, found: &[&str]| {
        let egress = Egress::with(policy.clone(), Allowance::DEFAULT, rebinding(found, &[])).unwrap();
        let way = egress.way_to(address).await;
        way.map(|way| (way.host, way.port, way.addresses)).map_err(|error| error.to_string())
    };
    let public: [IpAddr; 2] = ["93.184.216.34".parse().unwrap(), "2606:4700::1111".parse().unwrap()];
    let allowed: IpAddr = "127.0.0.2".parse().unwrap();
    let mixed = ["10.0.0.1", "93.184.216.34", "169.254.169.254", "2606:4700::1111", "127.0.0.2", "::1"];
    let host = "git.example".to_owned();
    assert_eq!(way(&policy, &address, &mixed).await, Ok((host, 443, [public.as_slice(), &[allowed]].concat())));
    let refused = |why: Refusal| Err(format!("onduty does not go to git.example: {why}"));
    assert_eq!(way(&policy, &address, &["127.0.0.1", "fd00::1"]).await, refused(Refusal::Inside));
    assert_eq!(way(&policy, &address, &["64:ff9b::a9fe:a9fe"]).await, refused(Refusal::Never));
    assert_eq!(way(&policy, &url("https://git.example:8443/"), &mixed).await, refused(Refusal::NotNamed));
    assert_eq!(way(&policy, &address, &[]).await, Err("no answer from git.example".to_owned()));
    let expected = Err("this is not a web address without a password in it".to_owned());
    assert_eq!(way(&policy, &url("https://lena:hunter2@git.example/"), &mixed).await, expected);
    assert_eq!(way(&policy, &url("ssh://git.example/"), &mixed).await, expected);
    let written = url("http://[::1]:8080/shop.git");
    let found = way(&Policy::default().naming(&written), &written, &[]).await;
    assert_eq!(found, Ok(("::1".to_owned(), 8080, vec!["::1".parse().unwrap()])), "nobody is asked about an address");
    let written = url("http://169.254.169.254/");
    let found = way(&Policy::default().naming(&written), &written, &[]).await;
    assert_eq!(found, Err("onduty does not go to 169.254.169.254: no source can be at such an address".to_owned()));
}

/// A resolver that never answers.
struct Silent;

impl Lookup for Silent {
    fn addresses(&self, _: &str) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn a_way_is_not_waited_for_without_end() {
    let address = url("https://git.example/");
    let policy = Policy::default().naming(&address);
    let egress = Egress::with(policy, Allowance::DEFAULT, Arc::new(Silent)).unwrap();
    let found = tokio::time::timeout(CONNECT_TIMEOUT * 2, egress.way_to(&address)).await.expect("an end");
    assert_eq!(found.unwrap_err().to_string(), "no answer from git.example");
}
