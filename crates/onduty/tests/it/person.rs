//! Somebody who asks the server: a browser with a session, a script with a token, or nobody.

use onduty::web::auth::COOKIE;
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use std::time::Duration;

/// What people choose as their password.
pub const PASSWORD: &str = "correct horse battery staple";

/// Who asks.
#[derive(Clone)]
#[expect(clippy::disallowed_types, reason = "who asks the server is not the server")]
pub struct Person {
    base: String,
    http: reqwest::Client,
    headers: Vec<(&'static str, String)>,
    csrf: String,
}

/// What the server said.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: reqwest::header::HeaderMap,
    /// Its body.
    pub text: String,
}

impl Answer {
    pub async fn of(response: Response) -> Answer {
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, text: response.text().await.expect("a whole body") }
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text))
    }

    /// A header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// This answer, if its status is `expected`.
    #[track_caller]
    pub fn expect(self, expected: u16) -> Answer {
        assert_eq!(self.status.as_u16(), expected, "{}", self.main());
        self
    }

    /// What a page says, without what surrounds it on every page.
    pub fn main(&self) -> &str {
        let main = self.text.split_once("<main").map_or(self.text.as_str(), |(_, main)| main);
        main.split_once("</main>").map_or(main, |(main, _)| main)
    }
}

/// A client as others have it: no rule says where it may go, because it is outside. Exchanges take at most `timeout`.
#[expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "who asks the server is not the server")]
pub fn client(timeout: Duration) -> reqwest::Client {
    // An error means that a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().timeout(timeout).redirect(reqwest::redirect::Policy::none()).no_proxy();
    // The server hangs up on who is idle; a connection that it is about to close must not be used once more.
    client.pool_idle_timeout(Duration::from_secs(2)).build().expect("TLS can be set up")
}

impl Person {
    /// Nobody, asking the server at `base`.
    pub fn nobody(base: &str) -> Person {
        let http = client(Duration::from_secs(30));
        Person { base: base.to_owned(), http, headers: Vec::new(), csrf: String::new() }
    }

    /// The same with one more header.
    pub fn with(&self, name: &'static str, value: &str) -> Person {
        let mut person = self.clone();
        person.headers.push((name, value.to_owned()));
        person
    }

    /// A script with a token.
    pub fn script(base: &str, token: &str) -> Person {
        Person::nobody(base).with("authorization", &format!("Bearer {token}"))
    }

    /// A browser that has a session; reads the token of its forms from a page, as a browser does.
    pub async fn with_session(base: &str, session: &str) -> Person {
        let mut person = Person::nobody(base).with("cookie", &format!("{COOKIE}={session}"));
        let page = person.get("/").await.expect(200);
        person.csrf = field(&page.text, "csrf").expect("a page of a session has forms");
        person
    }

    /// Comes in by a link, as the engineer where the link asks.
    pub async fn by_link(base: &str, path: &str, engineer: Option<&str>) -> Person {
        let mut fields: Vec<(&str, &str)> = engineer.map(|name| ("engineer", name)).into_iter().collect();
        if Person::nobody(base).get(path).await.expect(200).text.contains("name=\"password\"") {
            fields.extend([("password", PASSWORD), ("again", PASSWORD)]);
        }
        let answer = Person::nobody(base).form(path, &fields).await.expect(303);
        let session = session_of(&answer).expect("whoever comes in gets a session");
        Person::with_session(base, &session).await
    }

    /// The cookie of this session.
    pub fn cookie(&self) -> &str {
        self.headers.iter().find(|(name, _)| *name == "cookie").map_or("", |(_, cookie)| cookie)
    }

    /// The token of this session's forms.
    pub fn csrf(&self) -> &str {
        &self.csrf
    }

    /// A request that is not sent yet.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        request
    }

    /// `GET path`
    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path).send().await.expect("the server answers")).await
    }

    /// `GET path` as JSON, which has to succeed.
    pub async fn read(&self, path: &str) -> Value {
        self.get(path).await.expect(200).json()
    }

    /// A form of a page of this session.
    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut all = vec![("csrf", self.csrf.as_str())];
        all.extend(fields);
        let body = serde_urlencoded::to_string(all).expect("texts are always a form");
        let request = self.request(Method::POST, path).header("content-type", "application/x-www-form-urlencoded");
        Answer::of(request.body(body).send().await.expect("the server answers")).await
    }

    /// A JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(body).send().await.expect("the server answers")).await
    }
}

/// The session that an answer starts.
pub fn session_of(answer: &Answer) -> Option<String> {
    let cookie = answer.header("set-cookie").strip_prefix(COOKIE)?.strip_prefix('=')?;
    cookie.split(';').next().filter(|session| !session.is_empty()).map(str::to_owned)
}

/// The value of the first field called `name` on a page.
pub fn field(page: &str, name: &str) -> Option<String> {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\""))?;
    Some(rest.split('"').next()?.to_owned())
}
