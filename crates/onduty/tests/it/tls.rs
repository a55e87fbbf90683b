//! Over TLS, and behind a proxy: names, cookies, headers, a certificate that is renewed, and a server that refuses to be
//! reached without any of it.

use crate::day::{Day, Setting};
use crate::doctor::listen_where_it_does;
use crate::person::{Person, client};
use crate::served::Served;
use crate::tools::{Said, eventually, has, onduty, write_private};
use reqwest::{Method, StatusCode};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const NAME: &str = "onduty.acme.example";

/// A certificate for [`NAME`] that vouches for itself.
fn make_certificate(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let (key, certificate) = (folder.join("key.new"), folder.join("cert.new"));
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=onduty test", "-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-addext", &format!("subjectAltName=DNS:{NAME}"), "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .expect("openssl can be started");
    assert!(made.status.success(), "{:?}", Said::of(&made));
    write_private(&folder.join("key.pem"), &std::fs::read_to_string(&key).unwrap());
    std::fs::rename(certificate, folder.join("cert.pem")).unwrap();
}

/// An instance with TLS.
pub fn instance_over_tls() -> Served {
    let served = Served::with_script("#!/bin/sh\n");
    make_certificate(&served.files().join("tls"));
    let server = format!(
        "server: {{public_url: \"https://{NAME}\", tls: {{certificate: tls/cert.pem, key: tls/key.pem}}}}\nsources:\n"
    );
    rewrite(&served, "sources:\n", &server);
    served
}

fn rewrite(served: &Served, old: &str, new: &str) {
    let path = served.files().join("onduty.yml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(old), "{text}");
    std::fs::write(path, text.replace(old, new)).unwrap();
}

/// A browser that knows where the name stands and trusts this certificate alone.
#[expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "who asks the server is not the server")]
fn browser(address: SocketAddr, certificate: &Path) -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let pem = std::fs::read(certificate).unwrap();
    reqwest::Client::builder()
        .timeout(Duration::from_secs(20))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .resolve(NAME, address)
        .tls_certs_only([reqwest::Certificate::from_pem(&pem).unwrap()])
        .pool_max_idle_per_host(0)
        .build()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tls_cookies_and_browsers_stay_on_it() {
    if !has("openssl", "TLS of the server") {
        return;
    }
    let mut served = instance_over_tls();
    served.start().await;
    let address: SocketAddr = served.url.strip_prefix("https://").expect("it says so").parse().unwrap();
    let base = format!("https://{NAME}:{}", address.port());
    let certificate = served.files().join("tls/cert.pem");
    let first = browser(address, &certificate);

    // The link is the one that people can open.
    let link = served.printed.iter().find_map(|line| line.trim().strip_prefix(&format!("https://{NAME}/"))).unwrap();
    let form = first.post(format!("{base}/{link}")).header("content-type", "application/x-www-form-urlencoded");
    let refused = form.try_clone().unwrap().header("origin", format!("http://{NAME}:{}", address.port()));
    assert_eq!(refused.body("engineer=lena").send().await.unwrap().status(), StatusCode::FORBIDDEN);
    let own = form.header("origin", &base).body(lena()).send().await.unwrap();
    assert_eq!(own.status(), StatusCode::SEE_OTHER);
    assert_eq!(own.headers()["strict-transport-security"], "max-age=31536000");
    let cookie = own.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.starts_with("__Host-onduty_session="), "{cookie}");
    for part in ["Path=/", "HttpOnly", "SameSite=Lax", "Secure"] {
        assert!(cookie.split("; ").any(|known| known == part), "{part} in {cookie}");
    }
    assert!(!cookie.contains("Domain="), "{cookie}");
    let pair = cookie.split(';').next().unwrap();
    for (sent, status) in [(pair, 200), (pair.trim_start_matches("__Host-"), 401)] {
        let page = first.get(&base).header("cookie", sent).send().await.unwrap();
        assert_eq!(page.status().as_u16(), status, "{sent}");
    }
    let elsewhere = first.get(&base).header("host", "evil.example").send().await.unwrap();
    assert_eq!(elsewhere.status(), StatusCode::MISDIRECTED_REQUEST);
    let plain = client(Duration::from_secs(20)).get(format!("http://{address}/healthz")).send().await;
    assert!(plain.is_err(), "nothing is said without TLS: {plain:?}");

    // A renewed certificate is taken up while the server runs, once both files are there.
    std::fs::write(&certificate, "half of a file").unwrap();
    assert!(first.get(format!("{base}/healthz")).send().await.is_ok(), "the certificate before stays in use");
    make_certificate(&served.files().join("tls"));
    let second = browser(address, &certificate);
    eventually("the new certificate is shown", async || second.get(format!("{base}/healthz")).send().await.ok()).await;
    assert!(first.get(format!("{base}/healthz")).send().await.is_err(), "whoever trusts the old one alone notices");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_listens_unprotected() {
    if !has("openssl", "refusals of bad certificates") {
        return;
    }
    let served = instance_over_tls();
    let refusals: [(&str, &str, &str); 5] = [
        ("listen: 127.0.0.1:0", "listen: 0.0.0.0:0", ""),
        (
            "tls: {certificate: tls/cert.pem, key: tls/key.pem}",
            "connections: 100",
            "everybody between could read along",
        ),
        ("connections: 100", "proxy: [192.0.2.1]", ""),
        (&format!("public_url: \"https://{NAME}\", "), "", "nothing says by which name"),
        ("proxy: [192.0.2.1]", &format!("public_url: \"http://{NAME}\", proxy: [192.0.2.1]"), "can be read on the way"),
    ];
    for (old, new, refusal) in refusals {
        rewrite(&served, old, new);
        if !refusal.is_empty() {
            let said = onduty(&served.files(), &[], &["serve"]).await;
            assert_eq!(said.code, 2, "{said:?}");
            assert!(said.err.contains(refusal), "{refusal}: {said:?}");
        }
    }

    let served = instance_over_tls();
    let key = served.files().join("tls/key.pem");
    let refused = async |why: &str| {
        let said = onduty(&served.files(), &[], &["serve"]).await;
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.err.contains(why), "{why}: {said:?}");
    };
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    refused("can be read by everybody").await;
    let other = served.files().join("other");
    make_certificate(&other);
    std::fs::rename(other.join("key.pem"), &key).unwrap();
    refused("cannot be used together").await;
    write_private(&key, "no key");
    refused("holds no private key").await;
    std::fs::remove_file(&key).unwrap();
    refused("cannot read").await;
}

/// What lena sends who comes in by a link and chooses a password.
fn lena() -> String {
    let password = crate::person::PASSWORD;
    serde_urlencoded::to_string([("engineer", "lena"), ("password", password), ("again", password)]).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_proxy_its_word_counts() {
    let server = format!("server: {{public_url: \"https://{NAME}\", proxy: [127.0.0.1]}}\nsources:\n");
    let replaced = vec![("sources:\n".to_owned(), server)];
    let day = Day::set(Setting { tasks: false, replaced, ..Setting::default() }).await;
    let link = format!("/welcome/{}", day.app.first_run_token().unwrap());
    let visitor = Person::nobody(&day.url).with("host", NAME);
    // Without its word there is no TLS, and by this name nothing is said without.
    let refused = visitor.get("/healthz").await.expect(421);
    assert!(refused.text.contains("X-Forwarded-Proto"), "{}", refused.text);
    let visitor = visitor.with("x-forwarded-proto", "https").with("x-forwarded-for", "192.0.2.44");
    let origin = format!("https://{NAME}");
    let form = |origin: &str| {
        let form = visitor.request(Method::POST, &link).header("content-type", "application/x-www-form-urlencoded");
        form.header("origin", origin.to_owned()).body(lena()).send()
    };
    for other in [&format!("http://{NAME}"), "https://evil.example", &day.url] {
        assert_eq!(form(other).await.unwrap().status(), StatusCode::FORBIDDEN, "{other}");
    }
    let entered = form(&origin).await.unwrap();
    assert_eq!(entered.status(), StatusCode::SEE_OTHER);
    assert!(entered.headers().contains_key("strict-transport-security"));
    let cookie = entered.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-") && cookie.ends_with("; Secure"), "{cookie}");
    // Links that people copy have the public name.
    let own = Person::with_session(&day.url, cookie.split(['=', ';']).nth(1).unwrap()).await;
    own.form("/duty/developers/walls", &[("label", "Kitchen")]).await.expect(303);
    let team = own.get("/team?duty=developers").await.expect(200).text;
    assert!(team.contains(&format!("https://{NAME}/tv/")), "{team}");
    day.end().await;
}

/// Without `--server` a command asks where the file says that the server listens, as it speaks there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_finds_its_server() {
    if !has("openssl", "the command line over TLS") {
        return;
    }
    let now = ["now", "--json"];
    // In the clear, at a port that is not the usual one.
    let mut served = Served::with_script("#!/bin/sh\n");
    served.start().await;
    listen_where_it_does(&served);
    assert_eq!(onduty(&served.files(), &[], &now).await.code, 0);
    served.stop().await;

    let mut served = instance_over_tls();
    served.start().await;
    listen_where_it_does(&served);
    let (files, tls) = (served.files(), served.files().join("tls"));
    let said = onduty(&files, &[], &now).await;
    assert!(said.code == 0 && said.json()["duty"] == "developers", "{said:?}");
    // A certificate that nobody vouches for is believed here only because it is the one of the file.
    let said = onduty(&files, &[("ONDUTY_URL", &served.url)], &now).await;
    assert!(said.code == 3 && said.err.contains("cannot be asked"), "{said:?}");

    // Who listens there is not who the file says: the operator's token does not go to them.
    let elsewhere = instance_over_tls();
    let port = served.url.rsplit(':').next().unwrap();
    rewrite(&elsewhere, "listen: 127.0.0.1:0", &format!("listen: 127.0.0.1:{port}"));
    let said = onduty(&elsewhere.files(), &[("ONDUTY_TOKEN", "a token")], &now).await;
    assert!(said.code == 3 && said.err.contains("shows another certificate"), "{said:?}");

    // Whoever cannot read the server's files asks by its public name.
    rewrite(&served, &format!("https://{NAME}"), "https://127.0.0.1:9");
    std::fs::remove_file(tls.join("key.pem")).unwrap();
    let said = onduty(&files, &[], &now).await;
    assert!(said.code == 3 && said.err.contains("https://127.0.0.1:9 cannot be asked"), "{said:?}");
    served.stop().await;
}

/// A greeting that drips costs a connection no longer than headers that drip would.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_greeting_that_drips_ends() {
    if !has("openssl", "greetings of TLS that drip") {
        return;
    }
    let mut served = instance_over_tls();
    rewrite(&served, "server: {", "server: {header_timeout: 2s, ");
    served.start().await;
    let address = served.url.strip_prefix("https://").expect("it says so").to_owned();
    #[expect(clippy::disallowed_methods, reason = "who asks the server is not the server")]
    let connect = async || TcpStream::connect(&address).await.expect("it listens");
    let patience = Duration::from_secs(20);

    let mut silent = connect().await;
    let mut drips = connect().await;
    let started = Instant::now();
    // The head of a record of a handshake, 16 kB long, and a greeting in it that is as long: never wrong, never whole.
    let greeting = [0x16, 0x03, 0x01, 0x40, 0x00, 0x01, 0x00, 0x3f, 0xfc, 0x03, 0x03];
    let sent = async {
        for byte in greeting.into_iter().chain(std::iter::repeat(0)) {
            if drips.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(patience, sent).await.expect("the server ends the connection");
    assert!(started.elapsed() >= Duration::from_secs(2), "every client has its time: {:?}", started.elapsed());
    let mut said = Vec::new();
    // A reset is an end as well.
    let _ = tokio::time::timeout(patience, silent.read_to_end(&mut said)).await.expect("silence ends as well");
    assert!(said.is_empty(), "{said:?}");
    let base = format!("https://{NAME}:{}", address.rsplit(':').next().expect("a port"));
    let honest = browser(address.parse().unwrap(), &served.files().join("tls/cert.pem"));
    assert!(honest.get(format!("{base}/healthz")).send().await.is_ok(), "others never noticed");
    served.stop().await;
}
