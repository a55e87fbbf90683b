//! Single sign-on from the terminal: taking a link away, and what the doctor says of the provider.

use super::provider::Provider;
use super::{account_of, lena, log};
use crate::person::{Person, session_of};
use crate::tools::{Said, onduty};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unlink_from_the_terminal_ends_sessions_and_frees_the_account() {
    let provider = Provider::start().await;
    let day = provider.day("").await;
    let came_in = provider.sign_in(&day, &lena("s1")).await.expect(303);
    let person = Person::with_session(&day.url, &session_of(&came_in).unwrap()).await;
    let url = [("ONDUTY_URL", day.url.as_str())];
    let unlinked = async || log(&day).await.iter().filter(|text| text.contains("unlinked")).count();

    // An engineer may not, not even her own link.
    let id = account_of(&day, "lena").await;
    person.form(&format!("/people/{id}/unlink"), &[]).await.expect(403);
    person.get("/account").await.expect(200);

    let said = onduty(&day.files(), &url, &["people", "unlink", "lena"]).await;
    assert!(said.code == 0 && said.out.contains("Lena Vogt"), "{said:?}");
    person.get("/account").await.expect(401);
    let entries = log(&day).await;
    assert!(entries.iter().any(|text| text.contains("unlinked Lena Vogt from single sign-on")), "{entries:?}");
    // Another name there may be hers now, and the former one is nobody's.
    provider.sign_in(&day, &lena("s2")).await.expect(303);
    provider.sign_in(&day, &lena("s1")).await.expect(403);

    // Whoever is linked to nothing stays so, and nothing is written; whoever does not exist is said not to.
    let omar = day.session("omar", false).await;
    assert_eq!(onduty(&day.files(), &url, &["people", "unlink", "omar"]).await.code, 0);
    omar.get("/account").await.expect(200);
    assert_eq!(unlinked().await, 1);
    let said = onduty(&day.files(), &url, &["people", "unlink", "sven"]).await;
    assert!(said.code == 2 && said.err.contains("there is no such account"), "{said:?}");
    day.end().await;
}

/// What the doctor says of the way in, as verdict and text.
fn sign_in_of(said: &Said) -> (String, String) {
    let all = said.json();
    let check = all.as_array().expect("a list").iter().find(|check| check["name"] == "sign-in");
    let check = check.unwrap_or_else(|| panic!("no check of the provider: {said:?}"));
    let text = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
    (text("verdict"), text("what"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_looks_at_the_provider() {
    let provider = Provider::start().await;
    let day = provider.day("").await;
    let ask = async |day: &crate::day::Day| onduty(&day.files(), &[], &["doctor", "--json", "--online"]).await;
    let well = sign_in_of(&ask(&day).await);
    assert_eq!(well, ("well".to_owned(), format!("{} describes itself well, and has 1 key", provider.issuer)));
    for (described, hides_keys, expected) in [
        (json!({"issuer": "https://evil.example"}), false, "it calls itself otherwise than `issuer:`"),
        (json!({"token_endpoint": "http://evil.example/token"}), false, "an address in it is not https"),
        (json!({"jwks_uri": "https://evil.example/keys"}), false, "onduty does not go to evil.example"),
        (json!({}), true, "publishes no key that can be read"),
    ] {
        provider.set(|says| (says.described, says.hides_keys) = (described.clone(), hides_keys));
        let said = ask(&day).await;
        let (verdict, what) = sign_in_of(&said);
        assert!(verdict == "wrong" && what.contains(expected), "{described}: {what}");
        assert_eq!(said.code, 1, "{said:?}");
    }
    // Without `--online` it asks nobody.
    let said = onduty(&day.files(), &[], &["doctor", "--json"]).await;
    assert!(said.json().as_array().unwrap().iter().all(|check| check["name"] != "sign-in"), "{said:?}");
    day.end().await;

    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let day = Provider::nowhere(format!("http://{gone}")).day("").await;
    let (verdict, what) = sign_in_of(&ask(&day).await);
    assert!(verdict == "wrong" && what.contains("no answer from 127.0.0.1"), "{what}");
    day.end().await;
}
