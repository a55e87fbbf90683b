//! A provider in this process, as it behaves and misbehaves, and a browser that goes there and back.

use crate::egress::Policy;
use crate::oidc::fixtures::{Key, NOW};
use crate::oidc::*;
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// How a provider misbehaves, and what it was asked.
#[derive(Default)]
pub struct World {
    /// Fields of its description that are other ones.
    pub described: Value,
    /// Claims of its token that are other ones.
    pub claims: Value,
    pub trouble: Option<&'static str>,
    pub keys: Vec<Value>,
    nonce: String,
    pub asked: Vec<String>,
    pub form: BTreeMap<String, String>,
    pub authorization: String,
}

type Shared = Arc<Mutex<World>>;

/// The provider, and onduty's end of it.
pub struct Place {
    pub issuer: String,
    pub world: Shared,
    pub egress: Egress,
    pub provider: Provider,
    pub key: Arc<Key>,
}

/// A moment, counted from [`NOW`].
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(NOW + second).unwrap()
}

/// A provider that behaves, until it is told otherwise.
pub async fn place() -> Place {
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
    pub fn client(&self) -> Client {
        Client {
            issuer: self.issuer.clone(),
            id: "on duty".to_owned(),
            secret: SecretString::from("secret: +&%=/?"),
            scopes: vec!["openid".to_owned(), "email".to_owned()],
        }
    }

    pub async fn begin(&self, purpose: Purpose, second: i64) -> Result<(Url, String), OidcError> {
        let redirect_uri = "http://127.0.0.1:7007/sign-in/callback".to_owned();
        self.provider
            .begin(&self.egress, &self.client(), (purpose, redirect_uri, "192.0.2.1".to_owned()), at(second))
            .await
    }

    /// There and back, as a browser goes; `bring` changes what it brings.
    pub async fn sign_in(&self, purpose: Purpose, bring: impl Fn(&mut Brought)) -> Result<Subject, OidcError> {
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

    pub fn set(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.world.lock().unwrap());
    }
}

pub fn signs_in() -> Purpose {
    Purpose::SignIn { back: "/".to_owned() }
}
