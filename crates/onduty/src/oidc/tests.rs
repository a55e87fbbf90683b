//! A whole sign-in with a provider that behaves, and with ones that do not.

use super::fixtures::{Key, NOW};
use super::*;
use crate::egress::Policy;
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// How a provider misbehaves, and what it was asked.
#[derive(Default)]
struct World {
    /// Fields of its description that are other ones.
    described: Value,
    /// Claims of its token that are other ones.
    claims: Value,
    trouble: Option<&'static str>,
    keys: Vec<Value>,
    nonce: String,
    asked: Vec<String>,
    form: BTreeMap<String, String>,
    authorization: String,
}

type Shared = Arc<Mutex<World>>;

struct Place {
    issuer: String,
    world: Shared,
    egress: Egress,
    provider: Provider,
    key: Arc<Key>,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(NOW + second).unwrap()
}

async fn place() -> Place {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let key = Arc::new(Key::p256("one"));
    let world: Shared = Arc::new(Mutex::new(World { keys: vec![key.public()], ..World::default() }));
    let app = Router::new()
        .route(
            "/.well-known/openid-configuration",
            get({
                let (w, i) = (world.clone(), issuer.clone());
                move || describe(w, i)
            }),
        )
        .route(
            "/keys",
            get({
                let w = world.clone();
                move || keys(w)
            }),
        )
        .route(
            "/token",
            post({
                let (w, i, k) = (world.clone(), issuer.clone(), key.clone());
                move |h: HeaderMap, b: String| token(w, i, k, h, b)
            }),
        );
    tokio::spawn(async move { axum::serve(listener, app).await });
    let egress = Egress::new(Policy::default().naming(&Url::parse(&issuer).unwrap())).unwrap();
    let limits = Limits { total: Duration::from_millis(1_500), ..LIMITS };
    let provider = Provider { limits, ..Provider::default() };
    Place { issuer, world, egress, provider, key }
}

fn merged(mut value: Value, changes: &Value) -> Value {
    for (name, change) in changes.as_object().into_iter().flatten() {
        match change {
            Value::Null => value.as_object_mut().unwrap().remove(name),
            change => value.as_object_mut().unwrap().insert(name.clone(), change.clone()),
        };
    }
    value
}

async fn describe(world: Shared, issuer: String) -> Response {
    let mut world = world.lock().unwrap();
    world.asked.push("description".to_owned());
    match world.trouble {
        Some("moved") => return Redirect::to("/keys").into_response(),
        Some("broken") => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Some("no json") => return "<html>hello</html>".into_response(),
        _ => {}
    }
    let at = |path: &str| format!("{issuer}{path}");
    let said = json!({
        "issuer": issuer, "authorization_endpoint": at("/auth?tenant=a%26b"), "token_endpoint": at("/token"),
        "jwks_uri": at("/keys"), "response_types_supported": ["code"], "code_challenge_methods_supported": ["S256"],
    });
    axum::Json(merged(said, &world.described)).into_response()
}

async fn keys(world: Shared) -> Response {
    let mut world = world.lock().unwrap();
    world.asked.push("keys".to_owned());
    match world.trouble {
        Some("giant keys") => vec![b' '; LIMITS.body + 1].into_response(),
        Some("many keys") => axum::Json(json!({"keys": vec![world.keys[0].clone(); 65]})).into_response(),
        Some("odd keys") => {
            let odd = [json!(7), json!({"kty": "new"}), json!({"kty": "EC"}), world.keys[0].clone()];
            axum::Json(json!({"keys": odd})).into_response()
        }
        Some("no keys") => axum::Json(json!({})).into_response(),
        _ => axum::Json(json!({"keys": world.keys})).into_response(),
    }
}

async fn token(world: Shared, issuer: String, key: Arc<Key>, headers: HeaderMap, body: String) -> Response {
    if world.lock().unwrap().trouble == Some("hangs") {
        std::future::pending::<()>().await;
    }
    let mut world = world.lock().unwrap();
    world.asked.push("token".to_owned());
    world.form = serde_urlencoded::from_str(&body).unwrap();
    world.authorization = headers.get("authorization").map_or("", |value| value.to_str().unwrap()).to_owned();
    let refusal = json!({"error": "invalid_grant", "error_description": "<script>alert(1)</script>"});
    match world.trouble {
        Some("refuses") => return (StatusCode::BAD_REQUEST, axum::Json(refusal)).into_response(),
        Some("refuses oddly") => return (StatusCode::BAD_REQUEST, axum::Json(json!({"error": "<b>"}))).into_response(),
        Some("no token") => return axum::Json(json!({"access_token": "x"})).into_response(),
        _ => {}
    }
    let claims =
        json!({"iss": issuer, "sub": "s1", "aud": "on duty", "exp": NOW + 300, "iat": NOW, "nonce": world.nonce});
    axum::Json(json!({"id_token": key.sign(&merged(claims, &world.claims)), "access_token": "x"})).into_response()
}

impl Place {
    fn client(&self) -> Client {
        Client {
            issuer: self.issuer.clone(),
            id: "on duty".to_owned(),
            secret: SecretString::from("secret: +&%=/?"),
            scopes: vec!["openid".to_owned(), "email".to_owned()],
        }
    }

    async fn begin(&self, purpose: Purpose, second: i64) -> Result<(Url, String), OidcError> {
        let redirect_uri = "http://127.0.0.1:7007/sign-in/callback".to_owned();
        self.provider
            .begin(&self.egress, &self.client(), (purpose, redirect_uri, "192.0.2.1".to_owned()), at(second))
            .await
    }

    /// There and back, as a browser goes; `bring` changes what it brings.
    async fn sign_in(&self, purpose: Purpose, bring: impl Fn(&mut Brought)) -> Result<Subject, OidcError> {
        let (url, browser) = self.begin(purpose, 0).await?;
        let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        self.world.lock().unwrap().nonce = query["nonce"].clone();
        let mut brought =
            Brought { state: Some(query["state"].clone()), code: Some("c".to_owned()), ..Brought::default() };
        bring(&mut brought);
        let begun = self.provider.take(&brought, Some(&browser), at(1))?;
        assert!(self.provider.take(&brought, Some(&browser), at(1)).is_err(), "it is used up");
        self.provider.end(&self.egress, &self.client(), (&begun, &brought), at(1)).await
    }

    fn set(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.world.lock().unwrap());
    }
}

fn signs_in() -> Purpose {
    Purpose::SignIn { back: "/".to_owned() }
}

#[tokio::test]
async fn a_sign_in_goes_there_and_back() {
    let place = place().await;
    let (url, _) = place.begin(signs_in(), 0).await.unwrap();
    let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    for (name, value) in [
        ("tenant", "a&b"),
        ("response_type", "code"),
        ("client_id", "on duty"),
        ("scope", "openid email"),
        ("redirect_uri", "http://127.0.0.1:7007/sign-in/callback"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(query[name], value, "{name}");
    }
    assert!(!query.contains_key("prompt") && !url.as_str().contains("secret"));

    let subject = place.sign_in(signs_in(), |_| {}).await.unwrap();
    assert_eq!((subject.issuer.as_str(), subject.subject.as_str()), (place.issuer.as_str(), "s1"));
    {
        let world = place.world.lock().unwrap();
        use base64::Engine;
        let pair = world.authorization.strip_prefix("Basic ").expect("the secret is in a header");
        let pair = base64::engine::general_purpose::STANDARD.decode(pair).unwrap();
        assert_eq!(String::from_utf8(pair).unwrap(), "on+duty:secret%3A+%2B%26%25%3D%2F%3F");
        let names: Vec<&str> = world.form.keys().map(String::as_str).collect();
        assert_eq!(names, ["code", "code_verifier", "grant_type", "redirect_uri"]);
        assert_eq!(world.asked, ["description", "token", "keys"], "what is known is not asked again");
    }
    // The challenge is the hash of the verifier, and both are new each time.
    let (url, browser) = place.begin(signs_in(), 0).await.unwrap();
    let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    let brought = Brought { state: Some(query["state"].clone()), ..Brought::default() };
    let begun = place.provider.take(&brought, Some(&browser), at(1)).unwrap();
    use base64::Engine;
    use sha2::Digest;
    let hash = sha2::Sha256::digest(begun.verifier.as_bytes());
    assert_eq!(query["code_challenge"], base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash));
    assert_ne!(begun.verifier, place.world.lock().unwrap().form["code_verifier"]);
}

#[tokio::test]
async fn a_proof_is_asked_for_and_has_to_come() {
    let place = place().await;
    let proves = || Purpose::Prove { session: "s".to_owned() };
    let (url, _) = place.begin(proves(), 0).await.unwrap();
    let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    assert_eq!((query["prompt"].as_str(), query["max_age"].as_str()), ("login", "0"));
    let said = place.sign_in(proves(), |_| {}).await.unwrap_err().to_string();
    assert!(said.ends_with("has just proved who they are (`auth_time`)"), "{said}");
    place.set(|world| world.claims = json!({"auth_time": NOW - 3_600}));
    assert!(matches!(place.sign_in(proves(), |_| {}).await, Err(OidcError::Doubtful(Doubt::NotProved))));
    place.set(|world| world.claims = json!({"auth_time": NOW}));
    place.sign_in(proves(), |_| {}).await.unwrap();
}

#[tokio::test]
async fn what_a_browser_brings_is_not_believed() {
    let place = place().await;
    let bring = async |change: fn(&mut Brought)| place.sign_in(signs_in(), change).await.unwrap_err().to_string();
    let not_begun = "this sign-in was not begun in this browser, took longer than ten minutes, or was used before";
    assert_eq!(bring(|brought| brought.state = None).await, not_begun);
    assert_eq!(bring(|brought| brought.state = Some("other".to_owned())).await, not_begun);
    let mixed_up = "the answer comes from another provider than the one that was asked";
    assert_eq!(bring(|brought| brought.iss = Some("https://evil.example".to_owned())).await, mixed_up);
    for (error, shown) in [
        ("access_denied", "access_denied"),
        ("<script>alert(1)</script>", "an error that has no name here"),
        ("", "an error that has no name here"),
    ] {
        let denied = place.sign_in(signs_in(), |brought| brought.error = Some(error.to_owned())).await.unwrap_err();
        assert_eq!(denied.to_string(), format!("the provider did not sign you in: {shown}"));
    }
    let no_code = "the answer of the provider to the sign-in cannot be used: it has no code";
    assert_eq!(bring(|brought| brought.code = None).await, no_code);
    assert_eq!(bring(|brought| brought.code = Some(String::new())).await, no_code);
    assert!(!place.world.lock().unwrap().asked.contains(&"token".to_owned()), "no code went out");

    // Where the provider says that it always tells who it is, an answer that does not is somebody else's.
    let place = self::place().await;
    place.set(|world| world.described = json!({"authorization_response_iss_parameter_supported": true}));
    assert!(matches!(place.sign_in(signs_in(), |_| {}).await, Err(OidcError::MixedUp)));
    let own = place.issuer.clone();
    place.sign_in(signs_in(), |brought| brought.iss = Some(own.clone())).await.unwrap();
}

#[tokio::test]
async fn another_browser_and_another_provider_get_nothing() {
    let place = place().await;
    let (url, browser) = place.begin(signs_in(), 0).await.unwrap();
    let state = url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let brought = Brought { state: Some(state), code: Some("c".to_owned()), ..Brought::default() };
    assert!(place.provider.take(&brought, None, at(1)).is_err());
    assert!(place.provider.take(&brought, Some(&browser), at(1)).is_err(), "a wrong browser uses it up");
    // The file names another provider while somebody is away.
    let (url, browser) = place.begin(signs_in(), 0).await.unwrap();
    let state = url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let brought = Brought { state: Some(state), code: Some("c".to_owned()), ..Brought::default() };
    let begun = place.provider.take(&brought, Some(&browser), at(1)).unwrap();
    let other = Client { issuer: "https://other.example".to_owned(), ..place.client() };
    let ended = place.provider.end(&place.egress, &other, (&begun, &brought), at(1)).await;
    assert!(matches!(ended, Err(OidcError::MixedUp)));
}

#[tokio::test]
async fn a_description_that_cannot_be_used_is_refused_with_a_reason() {
    let who = "the answer of the provider to the question who it is cannot be used";
    for (trouble, described, expected) in [
        (Some("moved"), json!({}), format!("{who}: its status is 303")),
        (Some("broken"), json!({}), format!("{who}: its status is 500")),
        (Some("no json"), json!({}), format!("{who}: it is not JSON")),
        (
            None,
            json!({"issuer": "https://evil.example"}),
            format!("{who}: it calls itself otherwise than `issuer:` in onduty.yml, letter by letter"),
        ),
        (None, json!({"token_endpoint": null}), format!("{who}: a field is missing or has another shape")),
        (
            None,
            json!({"authorization_endpoint": "javascript:alert(1)"}),
            format!("{who}: an address in it is not https"),
        ),
        (None, json!({"token_endpoint": "http://id.example/token"}), format!("{who}: an address in it is not https")),
        (None, json!({"jwks_uri": "https://a:b@id.example/keys"}), format!("{who}: an address in it is not https")),
        (
            None,
            json!({"code_challenge_methods_supported": ["plain"]}),
            format!("{who}: it does not take the authorization code flow with PKCE (S256)"),
        ),
        (
            None,
            json!({"response_types_supported": ["id_token"]}),
            format!("{who}: it does not take the authorization code flow with PKCE (S256)"),
        ),
        (
            None,
            json!({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}),
            format!("{who}: it takes no client secret (client_secret_basic or client_secret_post)"),
        ),
    ] {
        let place = place().await;
        place.set(|world| (world.trouble, world.described) = (trouble, described.clone()));
        assert_eq!(place.begin(signs_in(), 0).await.unwrap_err().to_string(), expected);
        // Whoever comes at once does not ask again, and sees why; a little later it may work.
        place.set(|world| (world.trouble, world.described) = (None, json!({})));
        assert_eq!(place.begin(signs_in(), 4).await.unwrap_err().to_string(), expected);
        assert_eq!(place.world.lock().unwrap().asked.len(), 1);
        place.begin(signs_in(), 5).await.unwrap();
    }
    let place = place().await;
    let elsewhere = Client { issuer: "https://id.example".to_owned(), ..place.client() };
    let asked = (signs_in(), String::new(), String::new());
    let refused = place.provider.begin(&place.egress, &elsewhere, asked, at(0)).await.unwrap_err().to_string();
    assert!(refused.starts_with("onduty does not go to id.example"), "{refused}");
}

#[tokio::test]
async fn a_code_that_brings_no_good_token_signs_nobody_in() {
    for (trouble, expected) in [
        ("refuses", "the provider refused the code (invalid_grant)"),
        ("refuses oddly", "the provider refused the code (an error that has no name here)"),
        ("no token", "the answer of the provider to the code cannot be used: there is no id_token in it"),
        ("hangs", "no answer from 127.0.0.1"),
        ("giant keys", "the answer from 127.0.0.1 is larger than 262144 bytes"),
        (
            "many keys",
            "the answer of the provider to the question for its keys cannot be used: it has more than 64 keys",
        ),
        ("no keys", "the answer of the provider to the question for its keys cannot be used: it has no keys"),
    ] {
        let place = place().await;
        place.set(|world| world.trouble = Some(trouble));
        assert_eq!(place.sign_in(signs_in(), |_| {}).await.unwrap_err().to_string(), expected);
    }
    let place = place().await;
    place.set(|world| world.trouble = Some("odd keys"));
    place.sign_in(signs_in(), |_| {}).await.unwrap();
    for (claims, doubt) in [
        (json!({"iss": "https://evil.example"}), Doubt::Issuer),
        (json!({"aud": "another"}), Doubt::Audience),
        (json!({"nonce": "another"}), Doubt::Nonce),
        (json!({"exp": NOW - 100}), Doubt::Expired),
    ] {
        place.set(|world| world.claims = claims.clone());
        let refused = place.sign_in(signs_in(), |_| {}).await.unwrap_err().to_string();
        assert_eq!(refused, format!("the token of the provider is not to be believed: {doubt}"), "{claims}");
    }
}

#[tokio::test]
async fn a_secret_goes_into_the_form_where_the_provider_wants_it_there() {
    let place = place().await;
    place.set(|world| world.described = json!({"token_endpoint_auth_methods_supported": ["client_secret_post"]}));
    place.sign_in(signs_in(), |_| {}).await.unwrap();
    let world = place.world.lock().unwrap();
    assert_eq!((world.authorization.as_str(), world.form["client_secret"].as_str()), ("", "secret: +&%=/?"));
}

#[tokio::test]
async fn new_keys_are_asked_for_once_a_minute() {
    let place = place().await;
    place.sign_in(signs_in(), |_| {}).await.unwrap();
    let asked = |place: &Place| place.world.lock().unwrap().asked.iter().filter(|what| *what == "keys").count();
    assert_eq!(asked(&place), 1);
    // A token of a key that is nowhere: asked for once more only after a minute, however many come.
    let stranger = Key::p256("stranger").public();
    place.set(|world| world.keys = vec![stranger]);
    let known = &place.provider.known;
    let metadata = known.metadata(place.provider.way(&place.egress), &place.issuer, at(1)).await.unwrap();
    for second in [1, 2, 60] {
        known.newer_keys(place.provider.way(&place.egress), &metadata, at(second)).await.unwrap();
    }
    assert_eq!(asked(&place), 1);
    for second in [61, 62, 100] {
        known.newer_keys(place.provider.way(&place.egress), &metadata, at(second)).await.unwrap();
    }
    assert_eq!(asked(&place), 2);
    // Which is how a provider changes its keys.
    let refused = place.sign_in(signs_in(), |_| {}).await.unwrap_err();
    assert!(matches!(refused, OidcError::Doubtful(Doubt::UnknownKey)), "{refused}");
    place.set(|world| world.keys = vec![place.key.public()]);
    known.newer_keys(place.provider.way(&place.egress), &metadata, at(200)).await.unwrap();
    place.sign_in(signs_in(), |_| {}).await.unwrap();
    assert_eq!(look_at(&place.egress, &place.issuer, at(0)).await.unwrap(), 1);
}
