//! Signing in with a provider of OpenID Connect that others wrote (`oidc-provider`, from npm): its description, its pages, its
//! codes and its tokens, over real HTTP. What providers do wrong is in `oidc.rs`.

use crate::day::{Day, GITHUB_SECRET, Setting};
use crate::oidc::{account_of, log};
use crate::person::{Answer, Person, field, session_of};
use crate::tools::not_there;
use onduty::store::access::AccountId;
use reqwest::Url;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long the provider may take to start.
const PATIENCE: Duration = Duration::from_secs(30);
/// More steps than a sign-in has.
const MOST_STEPS: usize = 20;

/// The provider; ended with the test.
struct Provider {
    issuer: String,
    people: PathBuf,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    _child: Child,
    _folder: tempfile::TempDir,
}

impl Provider {
    /// Starts `script` with Node.js.
    async fn start(script: &str) -> Provider {
        let folder = tempfile::tempdir().unwrap();
        let people = folder.path().join("people.json");
        let mut command = Command::new("node");
        command.arg(script).arg(&people).arg(GITHUB_SECRET).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().expect("Node.js can be started");
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let output = BufReader::new(output).lines();
        let (issuer, _child, _folder) = (String::new(), child, folder);
        let mut provider = Provider { issuer, people, input, output, _child, _folder };
        let line = provider.line().await;
        let port: u16 = line.strip_prefix("port ").and_then(|port| port.parse().ok()).expect("its port");
        provider.issuer = format!("http://127.0.0.1:{port}");
        provider
    }

    async fn line(&mut self) -> String {
        let line = tokio::time::timeout(PATIENCE, self.output.next_line()).await;
        line.expect("the provider starts in time").unwrap().expect("the provider runs")
    }

    /// A day whose people sign in here.
    async fn day(&mut self) -> Day {
        let issuer = &self.issuer;
        let access =
            format!("access: {{oidc: {{issuer: '{issuer}', client_id: onduty, secret_file: secrets/github}}}}\n");
        let replaced = vec![("name: Acme\n".to_owned(), format!("name: Acme\n{access}"))];
        let day = Day::set(Setting { begins: "16:05", tasks: false, replaced, ..Setting::default() }).await;
        let line = format!("{}/sign-in/callback\n", day.url);
        self.input.write_all(line.as_bytes()).await.expect("the provider reads");
        assert_eq!(self.line().await, "ready");
        day
    }

    /// What it knows of people from now on.
    fn knows(&self, people: &Value) {
        std::fs::write(&self.people, people.to_string()).unwrap();
    }
}

fn known(email: &str, verified: bool) -> Value {
    json!({"email": email, "email_verified": verified, "name": "As the provider calls them"})
}

/// A browser as the provider sees it, with the session that it may have there.
#[expect(clippy::disallowed_types, reason = "a browser is not the server")]
struct Browser {
    http: reqwest::Client,
    cookies: BTreeMap<String, String>,
    /// The pages of the provider that it saw on its last way.
    seen: Vec<String>,
}

/// What somebody does on a page of the provider.
#[derive(Clone, Copy)]
enum Does<'a> {
    SignsIn(&'a str),
    Cancels,
}

impl Browser {
    fn new() -> Browser {
        let http = crate::person::client(Duration::from_secs(10));
        Browser { http, cookies: BTreeMap::new(), seen: Vec::new() }
    }

    /// One question to the provider: the next address, or its page.
    async fn ask(&mut self, url: &Url, form: Option<String>) -> Result<Url, String> {
        let mut request = match form {
            Some(form) => self.http.post(url.clone()).body(form),
            None => self.http.get(url.clone()),
        };
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = request.header("cookie", cookies.join("; ")).send().await.expect("the provider answers");
        for cookie in answer.headers().get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let (status, next) = (answer.status().as_u16(), answer.headers().get("location").cloned());
        match next {
            Some(next) => Ok(url.join(next.to_str().unwrap()).unwrap()),
            None => {
                let page = answer.text().await.unwrap();
                assert_eq!(status, 200, "{url}: {page}");
                Err(page)
            }
        }
    }

    /// From `path` on our side, through the provider's pages, and back to the answer.
    async fn through(&mut self, day: &Day, person: &Person, path: &str, does: Does<'_>) -> Answer {
        let begun = person.get(path).await.expect(303);
        let mut url = Url::parse(begun.header("location")).unwrap();
        self.seen.clear();
        for _ in 0..MOST_STEPS {
            if url.as_str().starts_with(&day.url) {
                let own = begun.header("set-cookie").split(';').next().unwrap();
                let cookies = [person.cookie(), own].into_iter().filter(|cookie| !cookie.is_empty());
                let back = Person::nobody(&day.url).with("cookie", &cookies.collect::<Vec<_>>().join("; "));
                return back.get(url.as_str().strip_prefix(&day.url).unwrap()).await;
            }
            url = match self.ask(&url, None).await {
                Ok(next) => next,
                Err(page) => self.acts(&url, &page, does).await,
            };
        }
        panic!("the provider leads nowhere: {url}, after {:?}", self.seen);
    }

    async fn acts(&mut self, url: &Url, page: &str, does: Does<'_>) -> Url {
        let prompt = field(page, "prompt").expect("a page that asks something");
        self.seen.push(prompt.clone());
        let (url, form) = match does {
            Does::Cancels => (Url::parse(&format!("{url}/abort")).unwrap(), None),
            Does::SignsIn(login) => {
                let form = [("prompt", prompt.as_str()), ("login", login), ("password", "is not looked at")];
                (url.clone(), Some(serde_urlencoded::to_string(form).unwrap()))
            }
        };
        self.ask(&url, form).await.expect("the provider goes on")
    }

    async fn signs_in(&mut self, day: &Day, login: &str) -> Answer {
        self.through(day, &Person::nobody(&day.url), "/sign-in/single?back=/log", Does::SignsIn(login)).await
    }
}

async fn is_lena(day: &Day, answer: Answer) -> Person {
    assert_eq!(answer.header("location"), "/log", "{}", answer.main());
    let person = Person::with_session(&day.url, &session_of(&answer).expect("a session")).await;
    assert!(person.get("/account").await.expect(200).text.contains("Lena Vogt"));
    person
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_come_in_by_a_provider_that_others_wrote() {
    let Ok(script) = std::env::var("ONDUTY_OIDC_PROVIDER") else {
        return not_there(
            "ONDUTY_OIDC_PROVIDER names no provider (npm ci in tests/oidc)",
            "sign-in with a real provider of OpenID Connect",
        );
    };
    let mut provider = Provider::start(&script).await;
    let day = provider.day().await;
    provider.knows(&json!({
        "s1": known("lena@acme.example", true),
        "s2": known("omar@acme.example", false),
        "s3": known("lena@acme.example", true),
    }));

    // The first time by her address, which the provider has verified.
    let mut browser = Browser::new();
    let answer = browser.signs_in(&day, "s1").await.expect(303);
    let first = is_lena(&day, answer).await;
    assert_eq!(browser.seen, ["login", "consent"]);
    // Whoever has a session there is asked nothing, and is known by the subject: now she has somebody else's address.
    provider.knows(&json!({"s1": known("omar@acme.example", true), "s2": known("omar@acme.example", false), "s3": known("lena@acme.example", true)}));
    let answer = browser.signs_in(&day, "s1").await.expect(303);
    let second = is_lena(&day, answer).await;
    assert_eq!(browser.seen, [""; 0]);
    assert_eq!(log(&day).await.iter().filter(|text| text.contains("linked Lena Vogt to an identity")).count(), 1);

    // Not by an address that nobody has verified, not by one whose account has another identity, not by changing one's mind.
    for (does, status, seen) in [
        (Does::SignsIn("s2"), 403, "names no address of yours that it has verified"),
        (Does::SignsIn("s3"), 403, "is linked to another identity"),
        (Does::Cancels, 400, "access_denied"),
    ] {
        let nobody = Person::nobody(&day.url);
        let answer = Browser::new().through(&day, &nobody, "/sign-in/single", does).await.expect(status);
        assert!(session_of(&answer).is_none() && answer.main().contains(seen), "{seen}: {}", answer.main());
        let log = log(&day).await;
        assert!(log[0].contains(seen), "{seen}: {}", log[0]);
    }

    proves_before_the_button(&day, &mut browser).await;

    // Without the link nobody is in, and the next one who has her address may be linked: she herself has it no more.
    let admin = day.session("omar", true).await;
    admin.form(&format!("/people/{}/unlink", account_of(&day, "lena").await), &[]).await.expect(303);
    for person in [&first, &second] {
        person.get("/").await.expect(401);
    }
    let answer = Browser::new().signs_in(&day, "s3").await.expect(303);
    is_lena(&day, answer).await;
    day.end().await;
}

/// A session whose proof is old: the provider asks again, although the browser has a session there, and says when.
async fn proves_before_the_button(day: &Day, browser: &mut Browser) {
    const PROVE: &str = "/sign-in/single?prove=yes";
    let old = day.old_session_of(&AccountId::from_text(&account_of(day, "lena").await)).await;
    let presses = async |person: &Person| {
        let fields = [("revision", "x"), ("environment", "production")];
        person.form("/duty/developers/rollout", &fields).await.header("location").to_owned()
    };
    assert_eq!(presses(&old).await, "/prove");
    let answer = Browser::new().through(day, &old, PROVE, Does::SignsIn("s3")).await.expect(403);
    assert!(answer.main().contains("somebody else than the person of this session"), "{}", answer.main());
    assert_eq!(presses(&old).await, "/prove");
    let answer = browser.through(day, &old, PROVE, Does::SignsIn("s1")).await.expect(303);
    assert_eq!(browser.seen, ["login"]);
    assert_eq!(answer.header("location"), "/prove");
    old.get("/").await.expect(401);
    let proved = Person::with_session(&day.url, &session_of(&answer).expect("another secret")).await;
    assert_ne!(presses(&proved).await, "/prove");
    assert!(log(day).await.iter().any(|text| text.contains("proved again who they are by single sign-on")));
}
