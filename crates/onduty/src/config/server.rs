//! `server:` by which name and how it is reached, and what a client may cost.

use super::values::{duration, path_text, web_address};
use super::{PublicUrl, ServerRules};
use crate::egress::{Network, Url};
use crate::server::{Limits, Standing, TlsFiles};
use onduty_core::files::{Fields, Node, Place, Problems};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

impl ServerRules {
    /// Whether `address` is a proxy whose word counts.
    pub fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(address))
    }

    /// What a connection from `address` may do.
    pub fn standing(&self, address: IpAddr) -> Standing {
        if address.is_loopback() || self.is_proxy(address) {
            Standing::Many
        } else if self.tls.is_some() {
            Standing::Client
        } else {
            // Nobody but a proxy may come without TLS.
            Standing::Stranger
        }
    }
}

const fn seconds(low: u64, high: u64) -> (Duration, Duration) {
    (Duration::from_secs(low), Duration::from_secs(high))
}

/// Reads the node under `server`.
pub fn read(node: &Node, base: &Path, problems: &mut Problems) -> ServerRules {
    let mut rules = ServerRules::default();
    let Some(mut fields) = Fields::of(node, "`server`", problems) else { return rules };
    if let Some((text, place)) = fields.text("public_url", problems) {
        rules.public_url = public_url(&text, place, problems);
    }
    rules.tls = fields.node("tls").and_then(|node| tls(node, base, problems));
    for (text, place) in fields.texts("proxy", problems) {
        match text.parse::<Network>() {
            Ok(network) => rules.proxies.push(network),
            Err(error) => problems.add(
                place,
                format!("`{text}`: {error}"),
                "write the address of the proxy, or a range such as 10.0.0.0/8",
            ),
        }
    }
    read_limits(&mut fields, &mut rules.limits, problems);
    fields.finish(problems);
    rules
}

/// Whoever listens beyond this machine says by which name, and how nobody can listen in.
pub fn check_listen(listen: SocketAddr, place: Place, rules: &ServerRules, problems: &mut Problems) {
    if listen.ip().to_canonical().is_loopback() {
        return;
    }
    if rules.tls.is_none() && rules.proxies.is_empty() {
        problems.add(
            place,
            format!("`{listen}` can be reached from other machines, and everybody between could read along"),
            "give `server: {tls: {certificate: …, key: …}}`, or `server: {proxy: […]}` with the addresses of a proxy that speaks TLS, or listen on 127.0.0.1",
        );
    } else if rules.public_url.is_none() {
        problems.add(
            place,
            format!("`{listen}` can be reached from other machines, and nothing says by which name"),
            "give `server: {public_url: https://…}`: the address that people type",
        );
    }
}

fn public_url(text: &str, place: Place, problems: &mut Problems) -> Option<PublicUrl> {
    let text = web_address(text, place, problems)?;
    let url = Url::parse(&text).ok()?;
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        problems.add(
            place,
            "onduty stands at the top of its address",
            "write it without a path: https://onduty.example",
        );
        return None;
    }
    Some(PublicUrl {
        host: url.host_str()?.to_owned(),
        https: url.scheme() == "https",
        text: text.trim_end_matches('/').to_owned(),
    })
}

fn tls(node: &Node, base: &Path, problems: &mut Problems) -> Option<TlsFiles> {
    let mut fields = Fields::of(node, "`tls`", problems)?;
    let mut file = |key| {
        let (text, place) = fields.required_text(key, "name a file in PEM format", problems)?;
        path_text(&text, place, problems).map(|text| base.join(text))
    };
    let (certificate, key) = (file("certificate"), file("key"));
    fields.finish(problems);
    Some(TlsFiles { certificate: certificate?, key: key? })
}

fn read_limits(fields: &mut Fields<'_>, limits: &mut Limits, problems: &mut Problems) {
    let mut number = |key, (low, high): (i64, i64), problems: &mut Problems| {
        fields.number(key, low, high, problems).and_then(|number| usize::try_from(number).ok())
    };
    const MEGABYTES: (i64, i64) = (1_024, 64 * 1_024 * 1_024);
    for (key, range, place) in [
        ("connections", (16, 1_000_000), &mut limits.connections),
        ("connections_per_address", (1, 1_000_000), &mut limits.connections_per_address),
        ("header_bytes", (1_024, 65_536), &mut limits.header_bytes),
        ("body_bytes", MEGABYTES, &mut limits.body_bytes),
        ("delivery_bytes", MEGABYTES, &mut limits.delivery_bytes),
    ] {
        if let Some(value) = number(key, range, problems) {
            *place = value;
        }
    }
    for (key, range, place) in [
        ("requests_per_connection", (1, 1_000_000), &mut limits.requests_per_connection),
        // Above the parser's own limit of 128 this key would promise what does not hold.
        ("json_depth", (8, 120), &mut limits.json_depth),
    ] {
        if let Some(value) = number(key, range, problems).and_then(|value| u32::try_from(value).ok()) {
            *place = value;
        }
    }
    for (key, range, place) in [
        ("header_timeout", seconds(1, 300), &mut limits.header_timeout),
        ("body_timeout", seconds(1, 3_600), &mut limits.body_timeout),
        ("write_timeout", seconds(1, 3_600), &mut limits.write_timeout),
        ("stop_within", seconds(1, 300), &mut limits.stop_within),
    ] {
        if let Some(value) = duration(fields, key, range, problems) {
            *place = value;
        }
    }
}
