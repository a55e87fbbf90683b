//! Passwords, proofs, roles, tokens and what the access log says of them.

use crate::day::{Day, ROLLOUTS, Setting};
use crate::person::{Answer, PASSWORD, Person, field, session_of};
use onduty::app::access_log as book;
use onduty::clock::real_now;
use onduty::store::log_book;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

async fn quiet_day() -> Day {
    Day::set(Setting { begins: "16:05", tasks: false, ..Setting::default() }).await
}

async fn type_in(day: &Day, login: &str, password: &str) -> Answer {
    Person::nobody(&day.url).form("/sign-in", &[("login", login), ("password", password), ("back", "/log")]).await
}

/// The access log, newest first, as its sentences with their authors.
async fn access_log(day: &Day, query: &str) -> Vec<String> {
    let entries = day.operator().read(&format!("/api/v1/access-log{query}")).await;
    let text = |entry: &Value| entry["text"].as_str().expect("a text").to_owned();
    entries.as_array().expect("a list").iter().map(text).collect()
}

/// The account of somebody, as the API shows it.
async fn account(day: &Day, name: &str) -> Value {
    let people = day.operator().read("/api/v1/people").await;
    let found = people.as_array().unwrap().iter().find(|person| person["engineer"] == name || person["name"] == name);
    found.unwrap_or_else(|| panic!("{name} is not in {people}")).clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_signs_in_and_nothing_tells_who_has_an_account() {
    let day = quiet_day().await;
    day.administrator("lena").await;
    for login in ["lena", " LENA ", "lena@acme.example"] {
        let came_in = type_in(&day, login, PASSWORD).await.expect(303);
        assert_eq!(came_in.header("location"), "/log", "{login}");
        let person = Person::with_session(&day.url, &session_of(&came_in).unwrap()).await;
        assert!(person.get("/account").await.expect(200).text.contains("by password"), "{login}");
    }
    // Elsewhere than to this server nobody is led.
    let led = Person::nobody(&day.url);
    let fields = [("login", "lena"), ("password", PASSWORD), ("back", "//evil.example")];
    assert_eq!(led.form("/sign-in", &fields).await.expect(303).header("location"), "/");

    // An engineer without an account, one whose account is closed, and somebody who does not exist.
    let omar = day.account("omar", false, &[]).await;
    day.operator().post(&format!("/api/v1/people/{}/close", omar.as_str()), &json!({})).await.expect(200);
    let wrong = type_in(&day, "lena", "not the password").await.expect(403);
    for login in ["priya", "omar", "nobody-at-all", "nobody@elsewhere.example", "'; drop table login; --", "le\0na", ""]
    {
        let answer = type_in(&day, login, "not the password").await.expect(403);
        assert_eq!(answer.text, wrong.text, "{login:?} is told apart");
        assert!(session_of(&answer).is_none());
    }
    // Nor does a clock tell: the shortest of five each, in turns, so that a busy machine delays both alike.
    let mut shortest = [Duration::MAX; 2];
    for _ in 0..5 {
        for (shortest, hash) in shortest.iter_mut().zip([Some(KNOWN), None]) {
            let begin = Instant::now();
            day.app.passwords.verify("wrong".into(), hash).await.unwrap();
            *shortest = (*shortest).min(begin.elapsed());
        }
    }
    assert!(shortest[0] < shortest[1] * 3 && shortest[1] < shortest[0] * 3, "{shortest:?}");
    day.end().await;
}

/// A hash with today's parameters.
const KNOWN: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guessing_is_slow_and_does_not_fill_the_log() {
    let day = quiet_day().await;
    day.administrator("lena").await;
    for name in ["lena", "nobody-at-all"] {
        let mut refused = None;
        for _ in 0..6 {
            let answer = type_in(&day, name, "not the password").await;
            if answer.status.as_u16() == 429 {
                refused = Some(answer);
                break;
            }
            answer.expect(403);
        }
        let refused = refused.unwrap_or_else(|| panic!("{name} can be tried for ever"));
        let wait: u64 = refused.header("retry-after").parse().expect("seconds");
        assert!((1..=60).contains(&wait), "{wait}");
        // Even the right password waits; otherwise the answers would tell which one is right.
        type_in(&day, name, PASSWORD).await.expect(429);
    }
    // Many names from one address: in the end the address waits.
    let mut held = 0;
    for number in 0..70 {
        let answer = type_in(&day, &format!("name-{number}"), "x").await;
        held += u32::from(answer.status.as_u16() == 429);
    }
    assert!(held >= 10, "{held}");
    let failures = access_log(&day, "?q=could%20not%20sign&limit=1000").await;
    assert!((1..=61).contains(&failures.len()), "{}", failures.len());
    // A link of an administrator lets a person in at once, whoever tries their name meanwhile.
    let link = day.operator().post("/api/v1/people/lena/link", &json!({})).await.expect(200).json();
    let path = link["link"].as_str().unwrap().strip_prefix(&day.url).unwrap().to_owned();
    Person::by_link(&day.url, &path, None).await;
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_password_signs_out_everywhere_else() {
    let day = quiet_day().await;
    let lena = day.administrator("lena").await;
    let other = Person::with_session(&day.url, &session_of(&type_in(&day, "lena", PASSWORD).await).unwrap()).await;
    let change =
        |old: &'static str, new: &'static str, again: &'static str| [("old", old), ("password", new), ("again", again)];
    const NEW: &str = "four quite other words";
    lena.form("/account/password", &change("not the password", NEW, NEW)).await.expect(403);
    lena.form("/account/password", &change(PASSWORD, NEW, "four quite other wordz")).await.expect(400);
    lena.form("/account/password", &change(PASSWORD, "short", "short")).await.expect(400);
    let changed = lena.form("/account/password", &change(PASSWORD, NEW, NEW)).await.expect(303);
    other.get("/").await.expect(401);
    lena.get("/").await.expect(401);
    Person::with_session(&day.url, &session_of(&changed).expect("another secret"))
        .await
        .get("/account")
        .await
        .expect(200);
    type_in(&day, "lena", PASSWORD).await.expect(403);
    type_in(&day, "lena", NEW).await.expect(303);
    // A link lets choose another one, and ends every session.
    let lena = Person::with_session(&day.url, &session_of(&type_in(&day, "lena", NEW).await).unwrap()).await;
    let link = day.operator().post("/api/v1/people/lena/link", &json!({})).await.expect(200).json();
    let path = link["link"].as_str().unwrap().strip_prefix(&day.url).unwrap().to_owned();
    Person::by_link(&day.url, &path, None).await;
    lena.get("/").await.expect(401);
    type_in(&day, "lena", NEW).await.expect(403);
    type_in(&day, "lena", PASSWORD).await.expect(303);
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_button_asks_whether_it_is_still_the_same_person() {
    let day = quiet_day().await;
    day.administrator("lena").await;
    let id = account(&day, "lena").await["id"].as_str().unwrap().to_owned();
    let lena = day.old_session_of(&onduty::store::access::AccountId::from_text(&id)).await;
    let gate = day.gate().await;
    assert_eq!(gate["open"], true, "{gate}");
    let (revision, hash) = (gate["revision"].as_str().unwrap(), gate["diff_hash"].as_str().unwrap());
    let short = &revision[..7];
    let press = [
        ("environment", "production"),
        ("revision", revision),
        ("diff_hash", hash),
        ("confirm", short),
        ("back", "/rollout?duty=developers"),
    ];
    // Looking and working need no proof; the page has its button.
    assert!(lena.get("/rollout").await.expect(200).text.contains("Roll out"));
    let held = lena.form("/duty/developers/rollout", &press).await.expect(303);
    assert_eq!(held.header("location"), "/prove");
    assert_eq!(
        day.operator().read(ROLLOUTS).await.as_array().unwrap().iter().filter(|r| r["pressed"] == true).count(),
        0
    );
    lena.post(ROLLOUTS, &day.press_body().await).await.expect(403);
    let page = lena.get("/prove").await.expect(200);
    assert!(page.text.contains(&format!("Roll out {short} to production")), "{}", page.main());
    assert!(!page.text.contains("/duty/developers/rollout\""), "nothing can be pressed yet");

    lena.form("/prove", &[("password", "not the password")]).await.expect(403);
    let proved = lena.form("/prove", &[("password", PASSWORD)]).await.expect(303);
    lena.get("/").await.expect(401);
    let lena = Person::with_session(&day.url, &session_of(&proved).expect("another secret")).await;
    let page = lena.get("/prove").await.expect(200).text;
    // What the person saw and typed is still there: one press is left.
    for (name, value) in press {
        assert_eq!(field(&page, name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(field(&page, "csrf").as_deref(), Some(lena.csrf()));
    let gone = lena.form("/duty/developers/rollout", &press).await.expect(303);
    assert_eq!(gone.header("location"), "/rollout?duty=developers");
    assert!(
        !lena.get("/prove").await.expect(200).text.contains("/duty/developers/rollout"),
        "it does not wait any more"
    );
    let log = access_log(&day, "").await;
    assert!(log.iter().any(|line| line.contains("proved again who they are by a password")), "{log:?}");
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_that_waits_is_checked_like_any_other() {
    let day = quiet_day().await;
    let account = day.account("lena", true, &[]).await;
    let lena = day.old_session_of(&account).await;
    let body = "csrf=wrong&environment=production".to_owned();
    let request = lena.request(Method::POST, "/duty/developers/rollout");
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
    assert_eq!(request.send().await.unwrap().status().as_u16(), 403);
    assert!(!lena.get("/prove").await.expect(200).text.contains("Roll out"));
    // Without a password there is a way out, and the page says which.
    assert!(lena.get("/prove").await.text.contains("Ask an administrator for a new link"));
    let other = day.old_session_of(&account).await;
    other.form("/people", &[("name", "Gus"), ("login", "gus")]).await.expect(303);
    assert!(other.get("/prove").await.text.contains("Adds somebody"));
    assert!(!lena.get("/prove").await.text.contains("Adds somebody"), "what waits belongs to one session");
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_are_granted_taken_and_written_down() {
    let day = quiet_day().await;
    let lena = day.administrator("lena").await;
    lena.form("/people", &[("name", "Gus Guest"), ("login", "gus")]).await.expect(303);
    for (name, login) in
        [("Gus Guest", "gus2"), ("Other", "gus"), ("lena", "x"), ("operator", "y"), ("Z", "Not plain"), ("", "z")]
    {
        let answer = lena.form("/people", &[("name", name), ("login", login)]).await;
        assert!(matches!(answer.status.as_u16(), 400 | 409), "{name} {login}: {}", answer.status);
    }
    let gus_id = account(&day, "Gus Guest").await["id"].as_str().unwrap().to_owned();
    let person = format!("/people/{gus_id}");
    lena.form(&format!("{person}/link"), &[]).await.expect(303);
    let page = lena.get(&person).await.expect(200).text;
    let link = page.split_once("/welcome/").expect("shown once").1.split('<').next().unwrap().to_owned();
    assert!(!lena.get(&person).await.text.contains(&link));
    let gus = Person::by_link(&day.url, &format!("/welcome/{link}"), None).await;
    gus.form("/duty/developers/note", &[("text", "hello")]).await.expect(403);

    lena.form(&format!("{person}/role"), &[("duty", "developers"), ("role", "king")]).await.expect(400);
    lena.form(&format!("{person}/role"), &[("duty", "nosuch"), ("role", "engineer")]).await.expect(404);
    lena.form(&format!("{person}/role"), &[("duty", "developers"), ("role", "engineer")]).await.expect(303);
    gus.get("/").await.expect(401);
    let gus = Person::with_session(&day.url, &session_of(&type_in(&day, "gus", PASSWORD).await).unwrap()).await;
    gus.form("/duty/developers/note", &[("text", "hello")]).await.expect(303);
    gus.form(&format!("{person}/administrator"), &[("admin", "yes")]).await.expect(403);
    lena.form(&format!("{person}/role"), &[("duty", "developers"), ("role", "")]).await.expect(303);
    let gus = Person::with_session(&day.url, &session_of(&type_in(&day, "gus", PASSWORD).await).unwrap()).await;
    gus.form("/duty/developers/note", &[("text", "hello")]).await.expect(403);

    // The last administrator stays, whichever way it is tried.
    let lena_id = account(&day, "lena").await["id"].as_str().unwrap().to_owned();
    let own = format!("/people/{lena_id}");
    lena.form(&format!("{own}/administrator"), &[("admin", "no")]).await.expect(409);
    lena.form(&format!("{own}/close"), &[]).await.expect(409);
    lena.form(&format!("{person}/administrator"), &[("admin", "yes")]).await.expect(303);
    lena.form(&format!("{own}/administrator"), &[("admin", "no")]).await.expect(303);
    lena.get("/people").await.expect(403);
    lena.get("/account").await.expect(200);

    let log = access_log(&day, "").await;
    for expected in [
        "Lena Vogt: added the account of Gus Guest",
        "Lena Vogt: made a sign-in link for Gus Guest",
        "Gus Guest: signed in by a link",
        "Lena Vogt: made Gus Guest an engineer of developers",
        "Lena Vogt: ended 1 session of Gus Guest",
        "Lena Vogt: took the role of Gus Guest in developers away",
        "Lena Vogt: made Gus Guest an administrator",
        "Lena Vogt: took the rights of an administrator from Lena Vogt",
    ] {
        assert!(log.iter().any(|line| line == expected), "{expected} is not in {log:#?}");
    }
    assert!(!log.iter().any(|line| line.contains("king") || line.contains(PASSWORD)), "{log:#?}");
    let found = access_log(&day, "?q=guest%20engineer").await;
    assert!(!found.is_empty() && found.iter().all(|line| line.contains("engineer")), "{found:?}");
    let first = access_log(&day, "?before=3").await;
    assert_eq!(first.len(), 2, "{first:?}");
    let mut reader = day.app.store.read().await.unwrap();
    let verified = log_book::verify(&mut reader, &book::book(), &[]).await.unwrap().expect("a whole chain");
    assert_eq!(verified.entries as usize, log.len());
    drop(reader);
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_are_listed_and_ended_by_their_owner_and_the_administrator() {
    let day = quiet_day().await;
    let lena = day.administrator("lena").await;
    let (omar_account, priya_account) = (day.account("omar", false, &[]).await, day.account("priya", false, &[]).await);
    let (omar, second) = (day.session_of(&omar_account).await, day.session_of(&omar_account).await);
    let priya = day.session_of(&priya_account).await;
    let page = omar.get("/account").await.expect(200).text;
    let end = page.split_once("/account/sessions/").expect("the other session").1.split('/').next().unwrap().to_owned();
    // Nobody ends a session of somebody else by its id.
    priya.form(&format!("/account/sessions/{end}/end"), &[]).await.expect(404);
    second.get("/").await.expect(200);
    omar.form(&format!("/account/sessions/{end}/end"), &[]).await.expect(303);
    second.get("/").await.expect(401);
    omar.get("/").await.expect(200);
    lena.form(&format!("/people/{}/end-sessions", omar_account.as_str()), &[]).await.expect(303);
    omar.get("/").await.expect(401);
    let session = account(&day, "priya").await["sessions"][0]["id"].as_str().unwrap().to_owned();
    lena.form(&format!("/people/{}/end-session", omar_account.as_str()), &[("session", &session)]).await.expect(404);
    lena.form(&format!("/people/{}/end-session", priya_account.as_str()), &[("session", &session)]).await.expect(303);
    priya.get("/").await.expect(401);
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_do_what_their_scopes_say_until_they_are_revoked() {
    let day = quiet_day().await;
    let lena = day.administrator("lena").await;
    let fields = |scope: &'static str| [("name", "ci"), ("days", "30"), (scope, "yes")];
    lena.form("/account/tokens", &[("name", "ci"), ("days", "30")]).await.expect(400);
    lena.form("/account/tokens", &[("name", ""), ("days", "30"), ("read", "yes")]).await.expect(400);
    lena.form("/account/tokens", &[("name", "ci"), ("days", "367"), ("read", "yes")]).await.expect(400);
    lena.form("/account/tokens", &fields("read")).await.expect(303);
    let page = lena.get("/account").await.expect(200).text;
    let token = page.split_once("class=\"address\">").expect("shown once").1.split('<').next().unwrap().to_owned();
    assert!(!lena.get("/account").await.text.contains(&token), "and not again");
    let script = Person::script(&day.url, &token);
    script.get("/api/v1/duties").await.expect(200);
    script.post("/api/v1/duties/developers/notes", &json!({"text": "x"})).await.expect(403);
    script.post(ROLLOUTS, &day.press_body().await).await.expect(403);
    script.get("/api/v1/access-log").await.expect(403);
    script.post("/api/v1/account/tokens", &json!({"name": "more", "scopes": ["rollout"]})).await.expect(403);
    let used = account(&day, "lena").await["tokens"][0]["last_used"].as_str().expect("it was used").to_owned();
    assert!(real_now().duration_since(used.parse().unwrap()).as_secs() < 60, "{used}");

    // A token that may look after people cannot hand on more than it has.
    let people =
        lena.post("/api/v1/account/tokens", &json!({"name": "p", "scopes": ["people", "read"], "days": 1})).await;
    let people = Person::script(&day.url, people.expect(200).json()["token"].as_str().unwrap());
    let refused =
        people.post("/api/v1/account/tokens", &json!({"name": "more", "scopes": ["rollout"]})).await.expect(409);
    assert!(refused.text.contains("cannot hand that on"), "{}", refused.text);
    people.post("/api/v1/account/tokens", &json!({"name": "x", "scopes": ["everything"]})).await.expect(400);
    people.post("/api/v1/account/tokens", &json!({"name": "less", "scopes": ["read"]})).await.expect(200);
    // One with the scope of the button needs no proof; it is one.
    let button =
        lena.post("/api/v1/account/tokens", &json!({"name": "cd", "scopes": ["read", "rollout"]})).await.expect(200);
    let button = Person::script(&day.url, button.json()["token"].as_str().unwrap());
    button.post(ROLLOUTS, &day.press_body().await).await.expect(200);

    let id =
        account(&day, "lena").await["tokens"].as_array().unwrap().iter().find(|t| t["name"] == "ci").unwrap()["id"]
            .clone();
    let id = id.as_str().unwrap();
    let omar = day.session("omar", false).await;
    omar.form(&format!("/account/tokens/{id}/revoke"), &[]).await.expect(404);
    script.get("/api/v1/duties").await.expect(200);
    lena.form(&format!("/account/tokens/{id}/revoke"), &[]).await.expect(303);
    script.get("/api/v1/duties").await.expect(401);
    // The operator speaks for lena: what it makes is hers.
    let made = day.operator().with("onduty-as", "lena");
    made.post("/api/v1/account/tokens", &json!({"name": "by the operator", "scopes": ["read"]})).await.expect(200);
    assert!(account(&day, "lena").await["tokens"].to_string().contains("by the operator"));
    let nobody = day.operator().with("onduty-as", "priya");
    nobody.post("/api/v1/account/tokens", &json!({"name": "x", "scopes": ["read"]})).await.expect(409);
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_looks_after_people() {
    let day = quiet_day().await;
    let said = day.onduty(&["people", "link", "omar"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    let path = said.out.split_once(&day.url).expect("a link").1.trim().to_owned();
    let omar = Person::by_link(&day.url, &path, None).await;
    assert_eq!(day.onduty(&["people", "role", "omar", "developers", "king"]).await.code, 2);
    assert_eq!(day.onduty(&["people", "role", "omar", "developers", "process-owner"]).await.code, 0);
    omar.get("/").await.expect(401);
    assert_eq!(day.onduty(&["people", "administrator", "omar", "yes"]).await.code, 0);
    assert_eq!(day.onduty(&["people", "administrator", "omar", "no"]).await.code, 1, "the last one");
    let listed = day.onduty(&["people", "list"]).await.out;
    assert!(
        listed.contains("Omar Haddad") && listed.contains("process-owner of developers, administrator"),
        "{listed}"
    );
    assert!(!listed.contains("operator"), "{listed}");
    let added = day.onduty(&["people", "add", "Gus Guest", "--login", "gus"]).await.out;
    let gus = added.trim();
    for verb in ["close", "open", "end-sessions"] {
        assert_eq!(day.onduty(&["people", verb, gus]).await.code, 0, "{verb}");
    }
    let lena = day.account("lena", false, &[]).await;
    let made = day.onduty(&["token", "make", "ci", "--scope", "read,write", "--days", "2"]).await;
    assert_eq!(made.code, 0, "{made:?}");
    Person::script(&day.url, made.out.trim()).get("/api/v1/duties").await.expect(200);
    let listed = day.onduty(&["token", "list"]).await.out;
    assert!(listed.contains("ci (read, write)"), "{listed}");
    let id = listed.split(' ').next().unwrap();
    assert_eq!(day.onduty(&["token", "revoke", id]).await.code, 0);
    Person::script(&day.url, made.out.trim()).get("/api/v1/duties").await.expect(401);
    let log = day.onduty(&["access-log", "token"]).await.out;
    assert!(log.contains("made the token “ci” for lena, which may read and write"), "{log}");
    drop(lena);
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wall_screens_are_made_listed_and_revoked_by_the_api() {
    let day = quiet_day().await;
    let owner = day.account("asa", false, &[("developers", "process-owner")]).await;
    let script = day.script_of(&owner, &["read", "write"]).await;
    let walls = "/api/v1/duties/developers/walls";
    script.post(walls, &json!({"name": " "})).await.expect(400);
    let made = script.post(walls, &json!({"name": "kitchen"})).await.expect(200).json();
    let path = made["address"].as_str().unwrap().strip_prefix(&day.url).unwrap().to_owned();
    Person::nobody(&day.url).get(&path).await.expect(200);
    let listed = script.read(walls).await;
    assert_eq!(listed[0]["name"], "kitchen");
    assert!(listed[0]["last_seen"].is_string() && !listed.to_string().contains(path.rsplit('/').next().unwrap()));
    let id = made["id"].as_str().unwrap();
    script.post(&format!("{walls}/{id}/revoke"), &json!({})).await.expect(200);
    script.post(&format!("{walls}/nosuch/revoke"), &json!({})).await.expect(404);
    Person::nobody(&day.url).get(&path).await.expect(401);
    let log = access_log(&day, "?q=kitchen").await;
    assert_eq!(log.len(), 2, "{log:?}");
    day.end().await;
}
