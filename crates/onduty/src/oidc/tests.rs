//! A whole sign-in with a provider that behaves, and with ones that do not.

mod place;

use super::fixtures::{Key, NOW};
use super::*;
use place::{Place, at, place, signs_in};
use serde_json::json;
use std::collections::BTreeMap;

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
    let place = place::place().await;
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
