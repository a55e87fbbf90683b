//! People who come in by a provider of OpenID Connect: who does, who does not, what they see and what is written down.

mod hostile;
mod operations;
mod provider;

use crate::day::Day;
use crate::person::{Person, session_of};
use onduty::clock::real_now;
use onduty::store::access::AccountId;
use provider::Provider;
use serde_json::{Value, json};

fn lena(subject: &str) -> Value {
    json!({"sub": subject, "email": "lena@acme.example", "email_verified": true, "name": "Lena V."})
}

/// The account of an engineer, who has one.
pub async fn account_of(day: &Day, engineer: &str) -> String {
    let people = day.operator().read("/api/v1/people").await;
    let found = people.as_array().unwrap().iter().find(|known| known["engineer"] == engineer);
    found.expect("an account")["id"].as_str().unwrap().to_owned()
}

/// The access log, newest first.
pub async fn log(day: &Day) -> Vec<String> {
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
    let id = account_of(&day, "lena").await;
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
    let old = day.old_session_of(&AccountId::from_text(&account_of(&day, "lena").await)).await;
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
    let provider = Provider::nowhere(format!("http://{gone}"));
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
