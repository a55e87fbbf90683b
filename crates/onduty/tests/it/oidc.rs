//! People who come in by a provider of OpenID Connect: who does, who does not, what they see and what is written down.

use crate::day::{Day, Setting};
use crate::person::{Answer, Person, session_of};
use axum::Router;
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use onduty::clock::real_now;
use onduty::store::access::AccountId;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A provider in this process: signs in whomever the test says.
struct Provider {
    issuer: String,
    /// Claims of the next token, besides those of the exchange itself.
    claims: Arc<Mutex<Value>>,
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

impl Provider {
    async fn start() -> Provider {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pair.as_ref(), &random).unwrap();
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        let key = json!({"kty": "EC", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)});
        let at = |path: &str| format!("{issuer}{path}");
        let described = json!({"issuer": issuer, "authorization_endpoint": at("/auth"), "token_endpoint": at("/token"), "jwks_uri": at("/keys")});
        let claims: Arc<Mutex<Value>> = Arc::default();
        let (said, own) = (claims.clone(), issuer.clone());
        let pair = Arc::new(pair);
        let token = move || {
            let now = real_now().as_second();
            let mut claims = json!({"iss": own, "aud": "onduty", "iat": now, "exp": now + 60});
            claims.as_object_mut().unwrap().extend(said.lock().unwrap().as_object().unwrap().clone());
            let message = format!("{}.{}", part(&json!({"alg": "ES256"})), part(&claims));
            let signature = pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
            let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()));
            async move { axum::Json(json!({"id_token": token})) }
        };
        let app = Router::new()
            .route("/.well-known/openid-configuration", get(move || async move { axum::Json(described) }))
            .route("/keys", get(move || async move { axum::Json(json!({"keys": [key]})) }))
            .route("/token", post(token));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Provider { issuer, claims }
    }

    async fn day(&self, more: &str) -> Day {
        let issuer = &self.issuer;
        let access = format!(
            "access: {{oidc: {{issuer: '{issuer}', client_id: onduty, secret_file: secrets/github, label: Acme ID{more}}}}}\n"
        );
        let replaced = vec![("name: Acme\n".to_owned(), format!("name: Acme\n{access}"))];
        Day::set(Setting { begins: "16:05", tasks: false, replaced, ..Setting::default() }).await
    }

    /// From the button to the answer, as `person`'s browser goes, signed in there as `who`.
    async fn through(&self, person: &Person, path: &str, who: &Value) -> Answer {
        let begun = person.get(path).await.expect(303);
        let url = reqwest::Url::parse(begun.header("location")).unwrap();
        assert!(url.as_str().starts_with(&format!("{}/auth?", self.issuer)), "{url}");
        let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        let mut claims = who.clone();
        claims["nonce"] = json!(query["nonce"]);
        *self.claims.lock().unwrap() = claims;
        let cookie = begun.header("set-cookie").split(';').next().unwrap().to_owned();
        let cookies = [person.cookie().to_owned(), cookie].into_iter().filter(|c| !c.is_empty()).collect::<Vec<_>>();
        let back = reqwest::Url::parse(&query["redirect_uri"]).unwrap();
        let path = format!("{}?code=c&state={}", back.path(), query["state"]);
        let request = Person::nobody(&format!("http://{}", back.authority())).with("cookie", &cookies.join("; "));
        request.get(&path).await
    }

    async fn sign_in(&self, day: &Day, who: &Value) -> Answer {
        self.through(&Person::nobody(&day.url), "/sign-in/single?back=/log", who).await
    }
}

fn lena(subject: &str) -> Value {
    json!({"sub": subject, "email": "lena@acme.example", "email_verified": true, "name": "Lena V."})
}

async fn log(day: &Day) -> Vec<String> {
    let entries = day.operator().read("/api/v1/access-log?limit=1000").await;
    entries.as_array().unwrap().iter().map(|entry| entry["text"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_linked_once_and_known_by_the_subject_from_then_on() {
    let provider = Provider::start().await;
    let day = provider.day("").await;
    let page = Person::nobody(&day.url).get("/sign-in").await.expect(200).text;
    assert!(page.contains("Sign in with <bdi>Acme ID</bdi>") && page.contains("name=\"password\""), "{page}");

    let came_in = provider.sign_in(&day, &lena("s1")).await.expect(303);
    assert_eq!(came_in.header("location"), "/log");
    let cookies: Vec<&str> = came_in.headers.get_all("set-cookie").iter().map(|c| c.to_str().unwrap()).collect();
    assert!(cookies[1].starts_with("onduty_sign_in=;") && cookies[1].contains("Max-Age=0"), "{cookies:?}");
    let person = Person::with_session(&day.url, &session_of(&came_in).unwrap()).await;
    let account = person.get("/account").await.expect(200).text;
    for text in ["by single sign-on", "Lena V.", provider.issuer.as_str()] {
        assert!(account.contains(text), "{text}");
    }
    // Another address changes nothing, and none either.
    for who in [json!({"sub": "s1", "email": "omar@acme.example", "email_verified": true}), json!({"sub": "s1"})] {
        let again = provider.sign_in(&day, &who).await.expect(303);
        let again = Person::with_session(&day.url, &session_of(&again).unwrap()).await;
        assert!(again.get("/account").await.text.contains("Lena Vogt"));
    }
    // Her address does not make somebody else her.
    let refused = provider.sign_in(&day, &lena("s2")).await.expect(403);
    assert!(
        session_of(&refused).is_none() && refused.main().contains("is linked to another identity"),
        "{}",
        refused.main()
    );
    let log = log(&day).await;
    assert!(log[0].contains("“lena@acme.example”") && log[0].contains("another identity"), "{}", log[0]);
    let linked = log.iter().filter(|text| text.contains("linked Lena Vogt to an identity of"));
    assert_eq!(linked.count(), 1, "{log:?}");
    assert_eq!(log.iter().filter(|text| text.contains("signed in by single sign-on")).count(), 3, "{log:?}");

    // An administrator takes the link away: her sessions end, and the next one may be linked.
    let admin = day.session("omar", true).await;
    let id = day.operator().read("/api/v1/people").await;
    let id = id.as_array().unwrap().iter().find(|known| known["engineer"] == "lena").unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    admin.form(&format!("/people/{id}/unlink"), &[]).await.expect(303);
    person.get("/").await.expect(401);
    provider.sign_in(&day, &lena("s2")).await.expect(303);
    provider.sign_in(&day, &lena("s1")).await.expect(403);
    // And a closed account stays closed.
    day.operator().post(&format!("/api/v1/people/{id}/close"), &json!({})).await.expect(200);
    assert!(provider.sign_in(&day, &lena("s2")).await.expect(403).main().contains("account is closed"));
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_not_surely_one_of_the_team_stays_outside() {
    let provider = Provider::start().await;
    let day = provider.day(", domains: [acme.example]").await;
    let email = |email: &str, verified: bool| json!({"sub": "s1", "email": email, "email_verified": verified});
    for (who, seen, written) in [
        (email("lena@acme.example", false), "names no address of yours that it has verified", "“s1”"),
        (json!({"sub": "s1"}), "names no address of yours that it has verified", "“s1”"),
        (email("nobody@acme.example", true), "nobody on the roster has your address", "“nobody@acme.example”"),
        (email("lena@evil.example", true), "only addresses of some domains", "“lena@evil.example”"),
        (email("x@y@acme.example", true), "nobody on the roster has your address", "“x@y@acme.example”"),
    ] {
        let answer = provider.sign_in(&day, &who).await.expect(403);
        assert!(answer.main().to_lowercase().contains(&seen.to_lowercase()), "{who}: {}", answer.main());
        assert!(session_of(&answer).is_none());
        let log = log(&day).await;
        assert!(log[0].contains(written) && log[0].contains(seen), "{who}: {}", log[0]);
    }
    // What anybody may write into an address bar: shown as words of ours, and nobody is signed in.
    let nobody = Person::nobody(&day.url);
    for path in [
        "/sign-in/callback",
        "/sign-in/callback?code=c&state=x",
        "/sign-in/callback?error=%3Cscript%3E&error_description=%3Cscript%3E&state=x",
    ] {
        let answer = nobody.get(path).await.expect(400);
        assert!(answer.main().contains("was not begun in this browser"), "{}", answer.main());
        assert!(!answer.text.contains("<script>") && session_of(&answer).is_none());
    }
    // Another browser, and the same one twice.
    let begun = nobody.get("/sign-in/single?back=//evil.example").await.expect(303);
    let state = reqwest::Url::parse(begun.header("location")).unwrap();
    let state = state.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let cookie = begun.header("set-cookie");
    for flag in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"] {
        assert!(cookie.contains(flag), "{cookie}");
    }
    let path = format!("/sign-in/callback?code=c&state={state}");
    nobody.get(&path).await.expect(400);
    nobody.with("cookie", cookie.split(';').next().unwrap()).get(&path).await.expect(400);
    // Elsewhere nobody is led.
    let came_in =
        provider.through(&nobody, "/sign-in/single?back=//evil.example", &email("lena@acme.example", true)).await;
    assert_eq!(came_in.expect(303).header("location"), "/");
    // Whoever has no session has nothing to prove.
    nobody.get("/sign-in/single?prove=yes").await.expect(401);
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_by_the_provider_opens_the_button_only_if_it_says_so() {
    let provider = Provider::start().await;
    let day = provider.day("").await;
    provider.sign_in(&day, &lena("s1")).await.expect(303);
    provider
        .sign_in(&day, &json!({"sub": "s9", "email": "omar@acme.example", "email_verified": true}))
        .await
        .expect(303);
    let people = day.operator().read("/api/v1/people").await;
    let lena_here = people.as_array().unwrap().iter().find(|known| known["engineer"] == "lena").unwrap();
    let old = day.old_session_of(&AccountId::from_text(lena_here["id"].as_str().unwrap())).await;
    assert!(old.get("/prove").await.expect(200).text.contains("Prove it with <bdi>Acme ID</bdi>"));
    let presses = async |person: &Person| {
        person.form("/duty/developers/rollout", &[("revision", "x"), ("environment", "production")]).await
    };
    assert_eq!(presses(&old).await.expect(303).header("location"), "/prove");
    let now = real_now().as_second();
    for (who, status) in [
        (lena("s1"), 502),
        (json!({"sub": "s1", "auth_time": now - 600}), 502),
        (json!({"sub": "s9", "auth_time": now}), 403),
        (json!({"sub": "s7", "auth_time": now}), 403),
    ] {
        let answer = provider.through(&old, "/sign-in/single?prove=yes", &who).await.expect(status);
        assert!(session_of(&answer).is_none(), "{who}");
        assert_eq!(presses(&old).await.expect(303).header("location"), "/prove", "{who}");
    }
    let proved =
        provider.through(&old, "/sign-in/single?prove=yes", &json!({"sub": "s1", "auth_time": now})).await.expect(303);
    assert_eq!(proved.header("location"), "/prove");
    old.get("/").await.expect(401);
    let proved = Person::with_session(&day.url, &session_of(&proved).unwrap()).await;
    assert!(proved.get("/prove").await.expect(200).text.contains("Thank you. It is still you"));
    assert_ne!(presses(&proved).await.header("location"), "/prove");
    let log = log(&day).await;
    assert!(log.iter().any(|text| text.contains("proved again who they are by single sign-on")), "{log:?}");
    assert!(log.iter().any(|text| text.contains("somebody else than the person of this session")), "{log:?}");
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_provider_the_other_ways_in_are_there() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let provider = Provider { issuer: format!("http://{gone}"), claims: Arc::default() };
    let day = provider.day("").await;
    let nobody = Person::nobody(&day.url);
    let answer = nobody.get("/sign-in/single").await.expect(502);
    assert!(
        answer.main().contains("No answer from 127.0.0.1") && answer.main().contains("password"),
        "{}",
        answer.main()
    );
    assert!(log(&day).await[0].contains("no answer from 127.0.0.1"));
    day.administrator("lena").await;
    let fields = [("login", "lena"), ("password", crate::person::PASSWORD)];
    nobody.form("/sign-in", &fields).await.expect(303);
    day.end().await;
}
