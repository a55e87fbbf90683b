//! Tokens that lie, as the person at the door and the access log see them: why, in words of ours, and nobody is in.

use super::provider::{Made, Provider};
use super::{lena, log};
use crate::person::{Answer, Person, session_of};
use onduty::clock::real_now;
use serde_json::{Value, json};

/// What text of a token must never be on a page.
const RAW: [&str; 5] = ["<script>alert", "<img", "\u{202e}", "\u{200b}", "\u{1b}"];
const HOSTILE: &str = "\u{202e}\u{200b}<script>alert(1)</script>\"><img src=x>";

#[track_caller]
fn is_tame(answer: &Answer, what: &str) {
    for raw in RAW {
        assert!(!answer.text.contains(raw), "{what}: {raw:?} in {}", answer.main());
    }
}

fn with(changes: &Value) -> Value {
    let mut who = lena("s1");
    who.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    who
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_lies_lets_nobody_in_and_is_written_down() {
    let provider = Provider::start().await;
    let day = provider.day("").await;
    let now = real_now().as_second();
    for (made, changes, why) in [
        (Made::Unsigned, json!({}), "it is not signed by an algorithm that onduty takes"),
        (Made::ByAStranger, json!({}), "its signature is wrong"),
        (Made::Changed, json!({}), "its signature is wrong"),
        (Made::Words, json!({}), "it is not a signed token"),
        (Made::Well, json!({"iss": format!("https://{HOSTILE}.example")}), "it was made by another issuer"),
        (Made::Well, json!({"aud": HOSTILE}), "it was made for another application"),
        (Made::Well, json!({"aud": ["onduty", "another"]}), "it was made for another application"),
        (Made::Well, json!({"exp": now - 61}), "it has expired"),
        (Made::Well, json!({"nbf": now + 600}), "it is not valid yet"),
        (Made::Well, json!({"iat": now - 3_600}), "it was not made just now"),
        (Made::Well, json!({"nonce": HOSTILE}), "it belongs to another sign-in"),
        (Made::Well, json!({"nonce": null}), "it belongs to another sign-in"),
        (Made::Well, json!({"sub": format!("s1\n{HOSTILE}")}), "it cannot be read"),
    ] {
        let what = format!("{made:?} {changes}");
        provider.set(|says| says.made = made);
        let entries = log(&day).await.len();
        let answer = provider.sign_in(&day, &with(&changes)).await;
        assert_eq!(answer.status.as_u16(), 502, "{what}: {}", answer.main());
        assert!(session_of(&answer).is_none() && answer.main().contains(why), "{what}: {}", answer.main());
        is_tame(&answer, &what);
        let log = log(&day).await;
        assert_eq!(log.len(), entries + 1, "{what}: {log:?}");
        assert!(log[0].contains("could not sign in as “single sign-on”") && log[0].contains(why), "{what}: {}", log[0]);
    }
    assert!(log(&day).await.iter().all(|text| !text.contains("linked")), "nobody is linked");
    provider.set(|says| says.made = Made::Well);
    provider.sign_in(&day, &lena("s1")).await.expect(303);
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_believed_token_says_is_text_on_every_page() {
    let provider = Provider::start().await;
    let day = provider.day("").await;
    // Somebody on no roster, whose address is markup: into the access log.
    let stranger = json!({"sub": "s9", "email": format!("zq-mail{HOSTILE}@acme.example"), "email_verified": true});
    let answer = provider.sign_in(&day, &stranger).await.expect(403);
    is_tame(&answer, "the refusal");
    // Nobody's address at all: the access log calls them by the subject.
    is_tame(&provider.sign_in(&day, &json!({"sub": format!("zq-sub{HOSTILE}")})).await.expect(403), "the refusal");
    // Somebody of the team, whose name there is markup: onto the pages of the account.
    let came_in = provider.sign_in(&day, &with(&json!({"name": format!("zq-name{HOSTILE}")}))).await.expect(303);
    let person = Person::with_session(&day.url, &session_of(&came_in).unwrap()).await;
    let admin = day.session("omar", true).await;
    let id = super::account_of(&day, "lena").await;
    let mut shown = String::new();
    for (who, path) in
        [(&person, "/account"), (&admin, &format!("/people/{id}")), (&admin, "/people"), (&admin, "/access-log")]
    {
        let answer = who.get(path).await.expect(200);
        is_tame(&answer, path);
        shown.push_str(&answer.text);
    }
    for mark in ["zq-name", "zq-mail", "zq-sub"] {
        assert!(shown.contains(mark), "{mark} is on no page, so nothing was proved");
    }
    day.end().await;
}
