//! Repositories over HTTP: git goes to the addresses that `egress` let through, and nowhere else.

use super::*;
use crate::egress::{Allowance, Lookup, Url};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

/// A server of loopback, and how often it was asked.
struct Server {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Server {
    async fn start(address: &str, answers: Router) -> Server {
        Server::on(TcpListener::bind(address).await.unwrap(), answers)
    }

    fn on(listener: TcpListener, answers: Router) -> Server {
        let (address, asked) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let counted = asked.clone();
        let count = move |request: Request| {
            counted.fetch_add(1, Ordering::SeqCst);
            async { request }
        };
        let answers = answers.layer(axum::middleware::map_request(count));
        tokio::spawn(async move { axum::serve(listener, answers).await });
        Server { address, asked }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// Servers at two addresses of loopback with one port: one with `repository`, and one that nobody should ask.
async fn two_servers(repository: &Repository) -> (Server, Server) {
    loop {
        let here = TcpListener::bind("127.0.0.2:0").await.unwrap();
        let port = here.local_addr().unwrap().port();
        if let Ok(there) = TcpListener::bind(("127.0.0.1", port)).await {
            return (Server::on(here, smart(repository)), Server::on(there, smart(repository)));
        }
    }
}

/// What git's own server says, for `/work`.
fn smart(repository: &Repository) -> Router {
    let root = repository.path().to_owned();
    Router::new().fallback(move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
        let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        let asked = [
            ("REQUEST_METHOD", method.to_string()),
            ("PATH_INFO", uri.path().to_owned()),
            ("QUERY_STRING", uri.query().unwrap_or_default().to_owned()),
            ("CONTENT_TYPE", header("content-type")),
            ("HTTP_CONTENT_ENCODING", header("content-encoding")),
            ("GIT_PROTOCOL", header("git-protocol")),
            ("GIT_HTTP_EXPORT_ALL", "1".to_owned()),
            ("PATH", std::env::var("PATH").unwrap()),
        ];
        backend(root.clone(), asked.into(), body)
    })
}

async fn backend(root: PathBuf, asked: Vec<(&'static str, String)>, body: Bytes) -> Response {
    let mut git = tokio::process::Command::new("git");
    git.arg("http-backend").env_clear().envs(asked).env("GIT_PROJECT_ROOT", root);
    let mut git = git.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    git.stdin.take().unwrap().write_all(&body).await.unwrap();
    let said = git.wait_with_output().await.unwrap().stdout;
    let end = said.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("the end of the headers");
    let mut answer = Response::builder();
    for line in std::str::from_utf8(&said[..end]).unwrap().lines() {
        let (name, value) = line.split_once(": ").unwrap();
        answer = match name {
            "Status" => answer.status(&value[..3]),
            name => answer.header(name, value),
        };
    }
    answer.body(Body::from(said[end + 4..].to_vec())).unwrap()
}

/// The files below `folder`, as they are.
fn files(folder: PathBuf) -> Router {
    Router::new().fallback(move |uri: Uri| {
        let found = std::fs::read(folder.join(uri.path().trim_start_matches('/')));
        async move { found.map_err(|_| axum::http::StatusCode::NOT_FOUND.into_response()) }
    })
}

/// A resolver that says one thing after the other, and the last one for ever.
struct Names {
    said: Mutex<Vec<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Names {
    fn saying(answers: &[&[&str]]) -> Arc<Names> {
        let parsed = |list: &&[&str]| list.iter().map(|ip| ip.parse().unwrap()).collect();
        Arc::new(Names { said: Mutex::new(answers.iter().rev().map(parsed).collect()), asked: AtomicUsize::new(0) })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Lookup for Names {
    fn addresses(&self, _: &str) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut said = self.said.lock().unwrap();
        let next = if said.len() > 1 { said.pop() } else { said.first().cloned() };
        Box::pin(async move { Ok(next.unwrap()) })
    }
}

fn url(text: String) -> Url {
    Url::parse(&text).unwrap()
}

fn by(policy: Policy, names: &Arc<Names>) -> Egress {
    Egress::with(policy, Allowance::DEFAULT, names.clone()).unwrap()
}

/// A mirror of `/work` on `host`, which may have a name that only `names` knows; TLS is not what is tested here.
async fn mirror(repository: &Repository, url: &Url, egress: &Egress) -> Mirror {
    let location = Location::Web(url.clone());
    Mirror::at("acme/shop", location, &repository.path().join("cache"), egress).await.unwrap()
}

async fn refused(mirror: &Mirror) -> String {
    mirror.refresh().await.unwrap_err().to_string()
}

const INSIDE: &str = "git could not be reached: onduty does not go to git.example: its address is not a public one; if it \
                      should be reached, add the host or its range to `egress: {allow: […]}`";

#[tokio::test]
async fn git_goes_to_the_addresses_that_were_judged() {
    let repository = Repository::new();
    let first = repository.commit("a", "First");
    let (server, decoy) = two_servers(&repository).await;
    let port = server.address.port();

    // No resolver but this one knows the name. Of several addresses only those that were let through are tried.
    let unknown = url(format!("http://git.example:{port}/work"));
    let names = Names::saying(&[&["10.0.0.1", "127.0.0.2"]]);
    let egress = by(Policy::default().naming(&unknown).within("127.0.0.2".parse().unwrap()), &names);
    let known = mirror(&repository, &unknown, &egress).await;
    known.refresh().await.unwrap();
    assert_eq!(known.default_branch().await.unwrap(), "main");
    assert_eq!(head(&known, "main").await.revision, first);
    assert_eq!(names.asked(), 2, "one look-up an exchange, and no other");

    // The machine's own resolver, which git would ask, says something else by now.
    let second = repository.commit("a", "Second");
    let moved = format!("http://localhost:{port}/work");
    let egress = by(Policy::default().naming(&url(moved.clone())), &Names::saying(&[&["127.0.0.2"]]));
    let open = Mirror::open("acme/shop", &moved, &repository.path().join("cache"), &egress).await.unwrap();
    open.refresh().await.unwrap();
    assert_eq!(head(&open, "main").await.revision, second);
    assert!(server.asked() > 2);
    assert_eq!(decoy.asked(), 0, "git looked the name up by itself");

    // An address needs no name.
    let literal = format!("http://127.0.0.2:{port}/work");
    let egress = by(Policy::default().naming(&url(literal.clone())), &names);
    let open = Mirror::open("acme/shop", &literal, &repository.path().join("cache"), &egress).await.unwrap();
    open.refresh().await.unwrap();
    assert_eq!(head(&open, "main").await.revision, second);
    assert_eq!(names.asked(), 2);
}

#[tokio::test]
async fn git_goes_inside_only_where_that_is_allowed() {
    let repository = Repository::new();
    repository.commit("a", "First");
    let server = Server::start("127.0.0.2:0", smart(&repository)).await;
    let address = url(format!("http://git.example:{}/work", server.address.port()));
    let named = Policy::default().naming(&address);
    for inside in ["127.0.0.2", "::ffff:127.0.0.2", "64:ff9b::7f00:2", "10.0.0.1", "fd00::1", "169.254.1.1"] {
        let egress = by(named.clone(), &Names::saying(&[&[inside]]));
        let mirror = mirror(&repository, &address, &egress).await;
        assert_eq!(refused(&mirror).await, INSIDE, "{inside}");
        let asked = mirror.default_branch().await.unwrap_err().to_string();
        assert_eq!(asked, INSIDE, "{inside}");
    }
    let names = Names::saying(&[&["127.0.0.2"]]);
    let unnamed = mirror(&repository, &address, &by(Policy::default(), &names)).await;
    let expected = "git could not be reached: onduty does not go to git.example: no address in onduty.yml names it; name it \
                    there, or in `egress: {allow: […]}`";
    assert_eq!(refused(&unnamed).await, expected);
    let literal = url(format!("http://{}/work", server.address));
    let other_port = Policy::default().naming(&url("http://127.0.0.2:1/work".to_owned()));
    let literal = mirror(&repository, &literal, &by(other_port, &names)).await;
    assert!(refused(&literal).await.contains("onduty does not go to 127.0.0.2: no address"));
    assert_eq!(server.asked(), 0, "nothing inside was reached");

    for allowed in [named.clone().trusting("git.example"), named.within("127.0.0.0/8".parse().unwrap())] {
        mirror(&repository, &address, &by(allowed, &names)).await.refresh().await.unwrap();
    }
    assert!(server.asked() > 0);
}

#[tokio::test]
async fn git_never_goes_to_metadata_services() {
    let repository = Repository::new();
    let address = url("http://git.example/work".to_owned());
    let everything = ["0.0.0.0/0", "::/0"].map(|range| range.parse().unwrap());
    let trusting = everything.into_iter().fold(Policy::default().trusting("git.example"), Policy::within);
    for never in [
        "169.254.169.254",
        "169.254.170.2",
        "fd00:ec2::254",
        "::ffff:169.254.169.254",
        "64:ff9b::169.254.169.254",
        "2002:a9fe:a9fe::1",
        "0.0.0.0",
        "::",
    ] {
        let expected = "onduty does not go to git.example: no source can be at such an address";
        let named = mirror(&repository, &address, &by(trusting.clone(), &Names::saying(&[&[never]]))).await;
        assert_eq!(refused(&named).await, format!("git could not be reached: {expected}"), "{never}");

        // The same written out.
        let host = if never.contains(':') { format!("[{never}]") } else { never.to_owned() };
        let written = url(format!("https://{host}/work"));
        let egress = by(trusting.clone().naming(&written), &Names::saying(&[&["127.0.0.1"]]));
        let open =
            Mirror::open("acme/shop", written.as_str(), &repository.path().join("cache"), &egress).await.unwrap();
        assert!(refused(&open).await.ends_with(": no source can be at such an address"), "{never}");
    }
}

#[tokio::test]
async fn a_name_that_moves_is_judged_anew_for_each_exchange() {
    let (repository, other) = (Repository::new(), Repository::new());
    let (first, second) = (repository.commit("a", "First"), other.commit("a", "Somewhere else"));
    let (server, decoy) = two_servers(&repository).await;
    let port = server.address.port();
    let there = Server::start(&format!("127.0.0.3:{port}"), smart(&other)).await;
    let address = url(format!("http://git.example:{port}/work"));
    let allowed = ["127.0.0.2", "127.0.0.3"].map(|ip| ip.parse().unwrap());
    let policy = allowed.into_iter().fold(Policy::default().naming(&address), Policy::within);
    let names = Names::saying(&[&["127.0.0.2"], &["127.0.0.3"], &["127.0.0.1"]]);
    let mirror = mirror(&repository, &address, &by(policy, &names)).await;

    mirror.refresh().await.unwrap();
    assert_eq!(head(&mirror, "main").await.revision, first);
    // Several requests, and the name says something else from the second look-up on.
    assert!(server.asked() > 1);
    assert_eq!((there.asked(), names.asked()), (0, 1));
    mirror.refresh().await.unwrap();
    assert_eq!(head(&mirror, "main").await.revision, second);
    assert_eq!(refused(&mirror).await, INSIDE);
    assert_eq!(decoy.asked(), 0);
    assert_eq!(head(&mirror, "main").await.revision, second, "what was there before stays");
}

#[tokio::test]
async fn no_answer_sends_git_elsewhere() {
    let repository = Repository::new();
    let revision = repository.commit("a", "First");
    repository.git(&["update-server-info"]);
    let decoy = Server::start("127.0.0.1:0", files(repository.path().join("work"))).await;
    let elsewhere = format!("http://{}", decoy.address);

    let target = elsewhere.clone();
    let away = move |uri: Uri| {
        let place = format!("{target}{uri}");
        async move { Redirect::temporary(&place) }
    };
    let redirecting = Server::start("127.0.0.1:0", Router::new().fallback(away)).await;

    // A server of plain files, whose objects are said to be elsewhere.
    let lent = repository.path().join("lent");
    std::fs::create_dir_all(lent.join(".git/objects/info")).unwrap();
    std::fs::create_dir_all(lent.join(".git/info")).unwrap();
    for file in [".git/HEAD", ".git/info/refs"] {
        std::fs::copy(repository.path().join("work").join(file), lent.join(file)).unwrap();
    }
    for file in ["alternates", "http-alternates"] {
        let place = lent.join(".git/objects/info").join(file);
        std::fs::write(place, format!("{elsewhere}/.git/objects\n")).unwrap();
    }
    let lending = Server::start("127.0.0.1:0", files(lent)).await;

    let mirror_at = async |server: &Server| {
        let address = url(format!("http://{}/.git", server.address));
        let egress = by(Policy::default().naming(&address), &Names::saying(&[&["127.0.0.1"]]));
        mirror(&repository, &address, &egress).await
    };
    for server in [&redirecting, &lending] {
        let error = refused(&mirror_at(server).await).await;
        assert!(error.starts_with("git could not be reached: git fetch failed: "), "{error}");
        assert!(server.asked() > 0);
    }
    assert_eq!(decoy.asked(), 0, "git went where an answer sent it");
    let whole = mirror_at(&decoy).await;
    whole.refresh().await.unwrap();
    assert_eq!(head(&whole, "main").await.revision, revision, "plain files are enough where they are all there");
}

#[tokio::test]
async fn what_a_server_says_does_not_throw_the_copy_away() {
    const SAID: &str = "Unable to create 'packed-refs.lock': fatal: not a git repository";
    let repository = Repository::new();
    let revision = repository.commit("a", "First");
    let good = smart(&repository);
    let turned = Arc::new(AtomicUsize::new(0));
    let now = turned.clone();
    let answers = axum::middleware::from_fn(move |request: Request, next: axum::middleware::Next| {
        let turned = now.load(Ordering::SeqCst);
        async move {
            let lines = |text: String| format!("{:04x}{text}", text.len() + 4);
            let service = format!("{}0000", lines("# service=git-upload-pack\n".to_owned()));
            match turned {
                0 => next.run(request).await,
                1 => {
                    let kind = [("content-type", "application/x-git-upload-pack-advertisement")];
                    (kind, service + &lines(format!("ERR {SAID}"))).into_response()
                }
                _ => (axum::http::StatusCode::FORBIDDEN, format!("{SAID}\nfatal: {SAID}\n")).into_response(),
            }
        }
    });
    let server = Server::start("127.0.0.1:0", good.layer(answers)).await;
    let address = url(format!("http://{}/work", server.address));
    let egress = by(Policy::default().naming(&address), &Names::saying(&[&["127.0.0.1"]]));
    let mirror = mirror(&repository, &address, &egress).await;
    mirror.refresh().await.unwrap();
    std::fs::write(mirror.folder.join("kept"), "").unwrap();
    for (how, expected) in [(1, SAID), (2, "403")] {
        turned.store(how, Ordering::SeqCst);
        let before = server.asked();
        let error = refused(&mirror).await;
        assert!(error.contains(expected), "{error}");
        assert_eq!(server.asked(), before + 1, "it is not asked again: {error}");
        assert!(mirror.folder.join("kept").exists(), "{error}");
        assert_eq!(head(&mirror, "main").await.revision, revision);
    }
}

#[tokio::test]
async fn a_git_that_cannot_be_held_to_addresses_does_not_go_out() {
    let repository = Repository::new();
    repository.commit("a", "First");
    let server = Server::start("127.0.0.2:0", smart(&repository)).await;
    let address = format!("http://{}/work", server.address);
    let egress = by(Policy::default().naming(&url(address.clone())), &Names::saying(&[&["127.0.0.2"]]));
    let real = Mirror::open("acme/shop", &address, &repository.path().join("cache"), &egress).await.unwrap();
    let program = repository.path().join("older-git");
    for (version, goes) in [("2.36.6", false), ("1.9.0", false), ("unknown", false), ("2.37.0", true), ("10.0", true)] {
        let script = format!(
            "#!/bin/sh\nfor word; do [ \"$word\" = version ] && echo git version {version} && exit; done\nexec git \"$@\"\n"
        );
        // Written by another process: one that this process starts meanwhile would hold the file open, and it is busy.
        let write = "printf %s \"$1\" > \"$0\" && chmod 700 \"$0\"";
        let written = Command::new("sh").args(["-c", write]).arg(&program).arg(&script).status().unwrap();
        assert!(written.success());
        let mirror = Mirror { git: real.git.played_by(&program), ..real.clone() };
        let before = server.asked();
        let said = mirror.refresh().await.map_err(|error| error.to_string());
        let expected = format!(
            "git cannot be {address}: install git 2.37 or newer, which goes to the addresses that were judged and to no \
             others"
        );
        assert_eq!(said, if goes { Ok(()) } else { Err(expected) }, "{version}");
        assert_eq!(server.asked() > before, goes, "{version}");
    }
}

#[tokio::test]
async fn git_speaks_no_other_protocol_than_the_one_it_needs() {
    let repository = Repository::new();
    repository.commit("a", "First");
    let server = Server::start("127.0.0.1:0", smart(&repository)).await;
    let address = url(format!("http://{}/work", server.address));
    let egress = by(Policy::default().naming(&address), &Names::saying(&[&["127.0.0.1"]]));
    let remote = mirror(&repository, &address, &egress).await;
    let disk = repository.location();
    let way = egress.way_to(&address).await.unwrap();
    let (nowhere, here, there) = (remote.git.clone(), remote.git.reading_disk(), remote.git.pinned(&address, &way));
    for (git, place, reads) in [
        (&nowhere, disk.as_str(), false),
        (&nowhere, address.as_str(), false),
        (&here, disk.as_str(), true),
        (&here, address.as_str(), false),
        (&there, address.as_str(), true),
        (&there, disk.as_str(), false),
        (&there, "ext::echo", false),
    ] {
        let before = server.asked();
        let said = git.read(&["ls-remote", "--end-of-options", place, "HEAD"]).await.map_err(|e| e.to_string());
        assert_eq!(said.is_ok(), reads, "{place}: {said:?}");
        assert!(reads || said.unwrap_err().contains("not allowed"), "{place}");
        assert!(reads || server.asked() == before, "{place}");
    }
}

#[tokio::test]
async fn git_finds_no_proxy_password_or_setting_of_this_machine() {
    let repository = Repository::new();
    // An alias is the only way left to make git start something; it tells what whatever git starts would find.
    let git = Git::inside(&repository.path().join("work"));
    let said = git.read(&["-c", "alias.tell=!env", "tell"]).await.unwrap();
    let said = String::from_utf8(said).unwrap();
    let found: Vec<&str> = said.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    let ours = |name: &str| {
        let plain = ["PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "TMPDIR", "LC_ALL", "HOME"].contains(&name);
        let of_the_shell = ["PWD", "OLDPWD", "SHLVL", "_"].contains(&name);
        plain || of_the_shell || name.starts_with("GIT_")
    };
    assert!(std::env::vars().any(|(name, _)| !ours(&name)), "this test has something to hide");
    assert_eq!(found.iter().filter(|name| !ours(name)).collect::<Vec<_>>(), Vec::<&&str>::new());
    assert!(said.lines().any(|line| line == "HOME=/dev/null"), "no .netrc is found: {said}");
}
