//! Tokens that are not to be believed, each for one reason, beside one that is.

use super::*;
use crate::oidc::fixtures::{Key, NOW, encoded};
use serde_json::{Value, json};

const ISSUER: &str = "https://id.example";
const NONCE: &str = "n-0S6";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn claims() -> Value {
    json!({"iss": ISSUER, "sub": "248289761001", "aud": "onduty", "exp": NOW + 300, "iat": NOW, "nonce": NONCE})
}

/// The claims with others in their place; `null` takes one away.
fn with(changes: Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    claims
}

fn judged(token: &str, keys: &[Value], since: Option<i64>) -> Result<Subject, Doubt> {
    let keys: JwkSet = serde_json::from_value(json!({"keys": keys})).unwrap();
    let authenticated_since = since.map(at);
    check(
        token,
        &keys,
        &Expected { issuer: ISSUER, client_id: "onduty", nonce: NONCE, now: at(NOW), authenticated_since },
    )
}

#[test]
fn a_good_token_says_who_somebody_is() {
    for key in [Key::p256("one"), Key::p384("one"), Key::ed25519("one")] {
        let token =
            key.sign(&with(json!({"email": "lena@acme.example", "email_verified": true, "name": " Lena\u{7}V. "})));
        let subject = judged(&token, &[key.public()], None).unwrap();
        let expected = Subject {
            issuer: ISSUER.to_owned(),
            subject: "248289761001".to_owned(),
            name: "LenaV.".to_owned(),
            verified_email: Some("lena@acme.example".to_owned()),
        };
        assert_eq!(subject, expected);
    }
    let key = Key::p256("one");
    for (says, verified) in [
        (json!({"email_verified": true}), true),
        (json!({"email_verified": "true"}), true),
        (json!({"email_verified": false}), false),
        (json!({"email_verified": "false"}), false),
        (json!({"email_verified": "yes"}), false),
        (json!({"email_verified": 1}), false),
        (json!({"email_verified": [true]}), false),
        (json!({}), false),
    ] {
        let mut claims = with(json!({"email": "lena@acme.example"}));
        claims.as_object_mut().unwrap().extend(says.as_object().unwrap().clone());
        let subject = judged(&key.sign(&claims), &[key.public()], None).unwrap();
        assert_eq!(subject.verified_email.is_some(), verified, "{says}");
    }
}

#[test]
fn every_hostile_claim_is_refused_for_its_reason() {
    let key = Key::p256("one");
    for (changes, doubt) in [
        (json!({"iss": "https://id.example/"}), Doubt::Issuer),
        (json!({"iss": "https://evil.example"}), Doubt::Issuer),
        (json!({"iss": null}), Doubt::Claims),
        (json!({"aud": "another"}), Doubt::Audience),
        (json!({"aud": []}), Doubt::Audience),
        (json!({"aud": ["another"], "azp": "onduty"}), Doubt::Audience),
        (json!({"aud": ["onduty", "another"]}), Doubt::Audience),
        (json!({"aud": ["onduty", "another"], "azp": "another"}), Doubt::Audience),
        (json!({"aud": "onduty", "azp": "another"}), Doubt::Audience),
        (json!({"aud": null}), Doubt::Claims),
        (json!({"exp": NOW - 61}), Doubt::Expired),
        (json!({"exp": "never"}), Doubt::Claims),
        (json!({"exp": null}), Doubt::Claims),
        (json!({"nbf": NOW + 61}), Doubt::NotYet),
        (json!({"nbf": "99999999999"}), Doubt::Claims),
        (json!({"iat": NOW + 61}), Doubt::NotFresh),
        (json!({"iat": NOW - 661}), Doubt::NotFresh),
        (json!({"iat": null}), Doubt::Claims),
        (json!({"nonce": "another"}), Doubt::Nonce),
        (json!({"nonce": ""}), Doubt::Nonce),
        (json!({"nonce": null}), Doubt::Nonce),
        (json!({"sub": ""}), Doubt::Claims),
        (json!({"sub": "a\nb"}), Doubt::Claims),
        (json!({"sub": "x".repeat(256)}), Doubt::Claims),
        (json!({"sub": null}), Doubt::Claims),
        (json!({"sub": 7}), Doubt::Claims),
    ] {
        let token = key.sign(&with(changes.clone()));
        assert_eq!(judged(&token, &[key.public()], None), Err(doubt), "{changes}");
    }
    for good in [
        json!({"aud": ["onduty"]}),
        json!({"aud": ["onduty", "another"], "azp": "onduty"}),
        json!({"exp": NOW - 59}),
        json!({"nbf": NOW + 59, "iat": NOW + 59}),
        json!({"iat": NOW - 600}),
        json!({"exp": NOW as f64 + 0.5}),
    ] {
        assert!(judged(&key.sign(&with(good.clone())), &[key.public()], None).is_ok(), "{good}");
    }
}

#[test]
fn a_proof_says_when_it_was_given() {
    let key = Key::p256("one");
    let since = NOW - 30;
    for (auth_time, is_proof) in [
        (json!(NOW - 5), true),
        (json!(since - 60), true),
        (json!(since - 61), false),
        (json!(NOW + 61), false),
        (json!(0), false),
        (Value::Null, false),
    ] {
        let token = key.sign(&with(json!({"auth_time": auth_time})));
        let judged = judged(&token, &[key.public()], Some(since));
        assert_eq!(judged.map(drop), if is_proof { Ok(()) } else { Err(Doubt::NotProved) }, "{auth_time}");
    }
    let words = key.sign(&with(json!({"auth_time": "now"})));
    assert_eq!(judged(&words, &[key.public()], Some(since)), Err(Doubt::Claims));
}

#[test]
fn only_the_providers_own_keys_sign() {
    let (key, other, edwards) = (Key::p256("one"), Key::p256("one"), Key::ed25519("two"));
    let good = key.sign(&claims());
    let body = encoded(&claims());
    let public = key.public();
    let unsigned = |alg: &str| format!("{}.{body}.", encoded(&json!({"alg": alg, "kid": "one"})));
    // The public key as the secret of a signature that two sides share.
    let point = ["x", "y"].map(|name| public[name].as_str().unwrap().to_owned()).concat();
    let shared = |secret: &str| {
        use hmac::{KeyInit, Mac};
        let message = format!("{}.{body}", encoded(&json!({"alg": "HS256", "kid": "one"})));
        let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(message.as_bytes());
        format!("{message}.{}", crate::oidc::fixtures::base64(&mac.finalize().into_bytes()))
    };
    let octets =
        json!({"kty": "oct", "kid": "one", "k": crate::oidc::fixtures::base64(b"shared secret of 32 bytes, known")});
    let (head, signature) = (good.split('.').next().unwrap(), good.rsplit('.').next().unwrap());
    let changed = format!("{head}.{}.{signature}", encoded(&with(json!({"sub": "somebody else"}))));
    let is_for = |purpose: &str| {
        let mut key = key.public();
        key["use"] = json!(purpose);
        key
    };
    let mut of_another_algorithm = key.public();
    of_another_algorithm["alg"] = json!("ES384");
    let one = std::slice::from_ref(&public);
    for (what, token, keys, doubt) in [
        ("no signature", unsigned("none"), one.to_vec(), Doubt::Algorithm),
        ("no signature, shouted", unsigned("NONE"), one.to_vec(), Doubt::Algorithm),
        ("an empty signature", unsigned("ES256"), one.to_vec(), Doubt::Signature),
        ("the public key as a secret", shared(&point), one.to_vec(), Doubt::Algorithm),
        ("a published secret", shared("shared secret of 32 bytes, known"), vec![octets], Doubt::Algorithm),
        ("another claim", changed, one.to_vec(), Doubt::Signature),
        ("a key of the same name", other.sign(&claims()), one.to_vec(), Doubt::Signature),
        ("a key of another name", edwards.sign(&claims()), one.to_vec(), Doubt::UnknownKey),
        ("no key", good.clone(), Vec::new(), Doubt::UnknownKey),
        ("two keys of one name", good.clone(), vec![other.public(), key.public()], Doubt::UnknownKey),
        ("a key for encryption", good.clone(), vec![is_for("enc")], Doubt::UnknownKey),
        ("a key for another algorithm", good.clone(), vec![of_another_algorithm], Doubt::UnknownKey),
        (
            "a key in the token itself",
            other.sign_with(&json!({"alg": "ES256", "jwk": other.public(), "kid": "one"}), &claims()),
            one.to_vec(),
            Doubt::Signature,
        ),
        (
            "an extension",
            key.sign_with(&json!({"alg": "ES256", "kid": "one", "crit": ["exp"]}), &claims()),
            one.to_vec(),
            Doubt::NotAToken,
        ),
        ("five parts", "a.b.c.d.e".to_owned(), one.to_vec(), Doubt::NotAToken),
        ("nothing", String::new(), one.to_vec(), Doubt::NotAToken),
        ("too much", "a".repeat(MAX_BYTES + 1), one.to_vec(), Doubt::NotAToken),
        ("not an object", key.sign(&json!([1, 2])), one.to_vec(), Doubt::Claims),
    ] {
        assert_eq!(judged(&token, &keys, None), Err(doubt), "{what}");
    }
    assert!(judged(&good, &[edwards.public(), is_for("sig")], None).is_ok());
    // Without a name the only key of its kind is meant, and of two none.
    let nameless = key.sign_with(&json!({"alg": "ES256"}), &claims());
    assert!(judged(&nameless, &[edwards.public(), key.public()], None).is_ok());
    assert_eq!(judged(&nameless, &[Key::p256("two").public(), key.public()], None), Err(Doubt::UnknownKey));
}

#[test]
fn signatures_of_rsa_are_checked() {
    let body = encoded(&claims());
    let key = json!({"kty": "RSA", "kid": "r1", "n": MODULUS, "e": "AQAB"});
    for (algorithm, signature) in [("RS256", BY_RS256), ("PS256", BY_PS256)] {
        let token = |algorithm: &str, body: &str| {
            format!("{}.{body}.{signature}", encoded(&json!({"alg": algorithm, "kid": "r1"})))
        };
        assert!(judged(&token(algorithm, &body), std::slice::from_ref(&key), None).is_ok(), "{algorithm}");
        let other = encoded(&with(json!({"sub": "somebody else"})));
        assert_eq!(judged(&token(algorithm, &other), std::slice::from_ref(&key), None), Err(Doubt::Signature));
        let padding = if algorithm == "RS256" { "PS256" } else { "RS256" };
        assert_eq!(judged(&token(padding, &body), std::slice::from_ref(&key), None), Err(Doubt::Signature));
        assert_eq!(judged(&token("ES256", &body), std::slice::from_ref(&key), None), Err(Doubt::UnknownKey));
    }
}

/// The modulus of a key that was made for these tests and thrown away, and its signatures of the claims above.
const MODULUS: &str = concat!(
    "r04Rip_SjW8tGj_u-KvMBh2HEly4Q_2mthmNY7jMGUmwDm7hJFrPfIKuQaRZoyM13z8gsggT3Jw2Ouka0PMlbmpenvr62qyZ6W4F",
    "e0639vH1PGmfiaOfO99aV210nYiB5BMCl-6seJpkddniAm3dgxbR62AlmcExHXCOckiMEZxMwQA-L5MJxk-lPSdQ4eGZssS4Nll7",
    "sNqRC0Dsp4MpnQ_MebWEyxIkSdy8-Murnf7QQFsvDIGxzQsxZ8WsRnsZgs3FtmRCDdA-snh6TeRs8_peQKQGM8AEKSmZJWvjOZAs",
    "dTrrftbrF3GJK3c0L_q-MjIhiAT1KfqYoWtMbV0dRQ",
);
const BY_RS256: &str = concat!(
    "QrRVj_jzF3T-6fQihrX-NFOCGp327nYkyZlSV80CYFSpOc0NPgbZ-k7mlvcG-KFxkxkDfdhgtgMkVZoBA9zyzNbmNIoIi6vofVKq",
    "SyeWCoWz2zJQfJxfg7y53BcqJxEtqSksGRsgENyymuiR35yy92xxTPe-eU7g0MvsfJlCAepaKsWWfc-IHIpjPBzUhYnL_h14YWvK",
    "LFCio-dv2vMCoTgG4V0RhrGdNojnPkwLBQL2PhbMotxx0G5JRKJavcy6vVce7ZfLduPZOfBdIVcrjWCceaOAjeZ73g-MZ_DhAteD",
    "Ybi9YxOTpUW4OwLXuIYwjgne-fmgFt_uz-Dpe4xmjQ",
);
const BY_PS256: &str = concat!(
    "SYASYyXekIkN0C7obz6dfI2BxGd7XNN4Je5A_t1JGmRjTNW7hBimQINcQWDxkmxE3jN4au4uK96lw1VDan6cxl2wY9s5Uch86vdq",
    "AVVJ-rCDdnVWN_eNpWgTgT0BY_oJZ53s_f_eW5aDlTXPXgTbtqOtAMBjlbs2iVpbzGTWpPMBHH9gAYqHSlNntM1gEFoPDoandrcQ",
    "HIl6NfPMjDks6Cjg-ezfoefh_73MdkUPJc7Fb4LSvwgZ1E_pRVkKU6F4XwZ6IiKvjH_eDiSwiU1aN5ihcUcFMHDINbAEaF7BjegE",
    "hz6LpRPunU58-iI1ymDOE2uV1hyXhyjhgNSWibU06A",
);
