//! `access:` how people prove who they are.

use super::values::{duration_of, has_credentials, line};
use super::{AccessRules, OidcRules, secrets};
use crate::egress::{self, Url};
use onduty_core::files::{Fields, Node, Place, Problems};
use std::path::Path;
use std::time::Duration;

/// Shortest and longest time for which a proof counts.
const PROOF: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(7 * 86_400));
/// What is asked for, unless said otherwise: an address is needed once, to find the person on the roster.
const SCOPES: [&str; 3] = ["openid", "email", "profile"];

/// Reads the node under `access`.
pub fn read(node: &Node, base: &Path, problems: &mut Problems) -> AccessRules {
    let mut rules = AccessRules::default();
    let Some(mut fields) = Fields::of(node, "`access`", problems) else { return rules };
    if let Some((text, place)) = fields.text("prove_again", problems)
        && let Some(after) = duration_of(&text, place, PROOF, problems)
    {
        rules.prove_again = after;
    }
    rules.oidc = fields.node("oidc").and_then(|node| oidc(node, base, problems));
    fields.finish(problems);
    rules
}

fn oidc(node: &Node, base: &Path, problems: &mut Problems) -> Option<OidcRules> {
    let mut fields = Fields::of(node, "`oidc`", problems)?;
    let mend = "write it exactly as the provider does: the field `issuer` of its /.well-known/openid-configuration";
    let issuer = fields.required_text("issuer", mend, problems);
    let issuer = issuer.and_then(|(text, place)| issuer_of(&text, place, problems));
    let client_id = fields.required_text("client_id", "write what the provider calls onduty", problems);
    let client_id = client_id.and_then(|(text, place)| line(&text, place, "the name of a client", problems));
    let secret = secrets::read(&mut fields, "`oidc`", base, problems);
    let label = fields.text("label", problems);
    let label = label.map(|(text, place)| line(&text, place, "a name for a button", problems));
    let mut scopes: Vec<String> = Vec::new();
    for (text, place) in fields.texts("scopes", problems) {
        match is_scope(&text) {
            true => scopes.push(text),
            false => problems.add(
                place,
                format!("`{text}` is not a scope"),
                "write words without spaces, such as `scopes: [openid, email, profile]`",
            ),
        }
    }
    if scopes.is_empty() {
        scopes = SCOPES.map(str::to_owned).to_vec();
    }
    let mut domains = Vec::new();
    for (text, place) in fields.texts("domains", problems) {
        match is_domain(&text) {
            true => domains.push(text.to_lowercase()),
            false => problems.add(
                place,
                format!("`{text}` is not the domain of an address"),
                "write what stands behind the `@`, such as `domains: [acme.example]`",
            ),
        }
    }
    fields.finish(problems);
    let label = label.unwrap_or_else(|| Some("single sign-on".to_owned()))?;
    Some(OidcRules { issuer: issuer?, client_id: client_id?, secret: secret?, scopes, label, domains })
}

/// It is compared letter by letter, and everything else is found below it.
fn issuer_of(text: &str, place: Place, problems: &mut Problems) -> Option<String> {
    let Some(url) = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "https" | "http")) else {
        problems.add(place, "this is not a web address", "write an address such as https://id.acme.example");
        return None;
    };
    if has_credentials(&url) {
        problems.add(
            place,
            "the address holds a name or password",
            "take it out; `client_id` and the secret are the proof",
        );
        return None;
    }
    if url.scheme() == "http" && !egress::is_this_machine(&url) {
        problems.add(place, "`http` to another machine can be read on the way", "use https");
        return None;
    }
    if url.query().is_some() || url.fragment().is_some() {
        problems.add(place, "an issuer has no `?` and no `#`", "write it exactly as the provider does");
        return None;
    }
    if url.path().ends_with("/.well-known/openid-configuration") {
        problems.add(
            place,
            "this is where the provider describes itself, not its issuer",
            "leave out `/.well-known/openid-configuration`",
        );
        return None;
    }
    Some(text.to_owned())
}

/// RFC 6749, section 3.3.
fn is_scope(text: &str) -> bool {
    (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'))
}

fn is_domain(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && !text.starts_with('.')
        && !text.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '@' | '*' | '/' | ':'))
}
