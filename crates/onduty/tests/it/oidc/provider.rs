//! A provider of OpenID Connect in this process: signs in whomever the test says, as well or as badly as it says.

use crate::day::{Day, Setting};
use crate::person::{Answer, Person};
use axum::Router;
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use onduty::clock::real_now;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// How the next token is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Made {
    /// Signed by the key that is published.
    #[default]
    Well,
    /// `"alg": "none"`, and no signature.
    Unsigned,
    /// Signed by a key that nobody published.
    ByAStranger,
    /// Signed well, then one claim is another one.
    Changed,
    /// No token, but this text of the provider instead.
    Words,
}

/// The provider.
pub struct Provider {
    pub issuer: String,
    says: Arc<Mutex<Says>>,
}

/// What it says next.
#[derive(Default)]
pub struct Says {
    /// Claims of the token, besides those of the exchange itself; `null` takes one away.
    pub claims: Value,
    pub made: Made,
    /// Its own description, where it is another one.
    pub described: Value,
    /// Whether it publishes its key.
    pub hides_keys: bool,
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn key() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let pair = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pair.as_ref(), &random).unwrap()
}

fn published(key: &EcdsaKeyPair) -> Value {
    let (x, y) = key.public_key().as_ref()[1..].split_at(32);
    json!({"kty": "EC", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)})
}

fn merged(mut value: Value, changes: &Value) -> Value {
    let all = value.as_object_mut().unwrap();
    for (name, change) in changes.as_object().into_iter().flatten() {
        all.insert(name.clone(), change.clone());
    }
    all.retain(|_, value| !value.is_null());
    value
}

/// The token that `says` asks for.
fn token(issuer: &str, says: &Says, own: &EcdsaKeyPair, stranger: &EcdsaKeyPair) -> String {
    let now = real_now().as_second();
    let claims = merged(json!({"iss": issuer, "aud": "onduty", "iat": now, "exp": now + 60}), &says.claims);
    let message = |algorithm: &str, claims: &Value| format!("{}.{}", part(&json!({"alg": algorithm})), part(claims));
    let signed_by = |key: &EcdsaKeyPair| {
        let signature = key.sign(&SystemRandom::new(), message("ES256", &claims).as_bytes()).unwrap();
        URL_SAFE_NO_PAD.encode(signature.as_ref())
    };
    match says.made {
        Made::Well => format!("{}.{}", message("ES256", &claims), signed_by(own)),
        Made::ByAStranger => format!("{}.{}", message("ES256", &claims), signed_by(stranger)),
        Made::Unsigned => format!("{}.", message("none", &claims)),
        Made::Changed => {
            let changed = merged(claims.clone(), &json!({"email": "omar@acme.example"}));
            format!("{}.{}", message("ES256", &changed), signed_by(own))
        }
        Made::Words => "zq-words<script>alert(1)</script>\u{202e}".to_owned(),
    }
}

impl Provider {
    pub async fn start() -> Provider {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let (own, stranger) = (Arc::new(key()), Arc::new(key()));
        let public = published(&own);
        let at = |path: &str| format!("{issuer}{path}");
        let description = json!({"issuer": issuer, "authorization_endpoint": at("/auth"), "token_endpoint": at("/token"), "jwks_uri": at("/keys")});
        let says: Arc<Mutex<Says>> = Arc::default();
        let (of_description, of_keys, of_token, issuer_said) =
            (says.clone(), says.clone(), says.clone(), issuer.clone());
        let describe = move || {
            let described = merged(description.clone(), &of_description.lock().unwrap().described);
            async move { axum::Json(described) }
        };
        let keys = move || {
            let keys = if of_keys.lock().unwrap().hides_keys { vec![] } else { vec![public.clone()] };
            async move { axum::Json(json!({"keys": keys})) }
        };
        let make = move || {
            let token = token(&issuer_said, &of_token.lock().unwrap(), &own, &stranger);
            async move { axum::Json(json!({"id_token": token})) }
        };
        let app = Router::new()
            .route("/.well-known/openid-configuration", get(describe))
            .route("/keys", get(keys))
            .route("/token", post(make));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Provider { issuer, says }
    }

    /// One that is at `issuer`, where nobody answers.
    pub fn nowhere(issuer: String) -> Provider {
        Provider { issuer, says: Arc::default() }
    }

    /// From now on it says something else.
    pub fn set(&self, change: impl FnOnce(&mut Says)) {
        change(&mut self.says.lock().unwrap());
    }

    /// A day whose people sign in here; `more` are further keys of `oidc:`.
    pub async fn day(&self, more: &str) -> Day {
        let issuer = &self.issuer;
        let access = format!(
            "access: {{oidc: {{issuer: '{issuer}', client_id: onduty, secret_file: secrets/github, label: Acme ID{more}}}}}\n"
        );
        let replaced = vec![("name: Acme\n".to_owned(), format!("name: Acme\n{access}"))];
        Day::set(Setting { begins: "16:05", tasks: false, replaced, ..Setting::default() }).await
    }

    /// From the button to the answer, as `person`'s browser goes, signed in there as `who`.
    pub async fn through(&self, person: &Person, path: &str, who: &Value) -> Answer {
        let begun = person.get(path).await.expect(303);
        let url = reqwest::Url::parse(begun.header("location")).unwrap();
        assert!(url.as_str().starts_with(&format!("{}/auth?", self.issuer)), "{url}");
        let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        self.set(|says| says.claims = merged(json!({"nonce": query["nonce"]}), who));
        let cookie = begun.header("set-cookie").split(';').next().unwrap().to_owned();
        let cookies = [person.cookie().to_owned(), cookie].into_iter().filter(|c| !c.is_empty()).collect::<Vec<_>>();
        let back = reqwest::Url::parse(&query["redirect_uri"]).unwrap();
        let path = format!("{}?code=c&state={}", back.path(), query["state"]);
        let request = Person::nobody(&format!("http://{}", back.authority())).with("cookie", &cookies.join("; "));
        request.get(&path).await
    }

    /// A new browser, signed in there as `who`.
    pub async fn sign_in(&self, day: &Day, who: &Value) -> Answer {
        self.through(&Person::nobody(&day.url), "/sign-in/single?back=/log", who).await
    }
}
