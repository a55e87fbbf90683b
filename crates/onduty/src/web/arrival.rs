//! How a request arrived: by which name, encrypted or not, from where. Outermost of all layers, so that nothing behind it
//! ever believes a header that a stranger wrote.

use crate::config::{PublicUrl, ServerRules};
use crate::server::Peer;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// Written by proxies; from anybody else they are lies.
const FORWARDED: [&str; 5] = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"];
/// Browsers take a cookie of such a name only over TLS, from this very host, for all of it: no other host of the same
/// domain can plant one.
const PREFIX: &str = "__Host-";
/// Browsers come back by TLS alone for a year.
const STRICT_TRANSPORT: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// What is known of a request before anything in it is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Who asks: the client itself, wherever proxies of ours stand between.
    pub client: IpAddr,
    /// Whether it came encrypted, as far as the client can tell.
    pub https: bool,
}

impl Arrival {
    /// Reads what the connection and trusted proxies say.
    fn of(request: &Request, rules: &ServerRules) -> Arrival {
        // Without a server loop there is no connection: a test calls the router.
        let here = Peer { address: IpAddr::V4(Ipv4Addr::LOCALHOST), tls: false };
        let peer = request.extensions().get::<Peer>().copied().unwrap_or(here);
        if !rules.is_proxy(peer.address) {
            return Arrival { client: peer.address, https: peer.tls };
        }
        let headers = request.headers();
        let last_proto = list(headers, "x-forwarded-proto").last().map(|proto| proto.eq_ignore_ascii_case("https"));
        Arrival { client: client_behind(peer.address, headers, rules), https: last_proto.unwrap_or(peer.tls) }
    }
}

/// The last address that no proxy of ours has: what stands before it, the client could have written itself.
fn client_behind(proxy: IpAddr, headers: &HeaderMap, rules: &ServerRules) -> IpAddr {
    let mut client = proxy;
    for hop in list(headers, "x-forwarded-for").rev() {
        let Some(address) = address_of(hop) else { break };
        client = address;
        if !rules.is_proxy(address) {
            break;
        }
    }
    client
}

/// An address as proxies write it: `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]:4711`.
fn address_of(text: &str) -> Option<IpAddr> {
    let socket = || text.parse().ok().map(|address: SocketAddr| address.ip());
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(socket).map(|address: IpAddr| address.to_canonical())
}

fn list<'a>(headers: &'a HeaderMap, name: &str) -> impl DoubleEndedIterator<Item = &'a str> {
    let values: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    values.into_iter().flat_map(|value| value.split(',')).map(str::trim)
}

/// Lets in what arrived in good order.
pub async fn receive(State(rules): State<Arc<ServerRules>>, mut request: Request, next: Next) -> Response {
    let arrival = Arrival::of(&request, &rules);
    if let Err(refusal) = judge(&request, arrival, rules.public_url.as_ref()) {
        return refusal.into_response();
    }
    for name in FORWARDED {
        request.headers_mut().remove(name);
    }
    if arrival.https {
        take_off_prefix(request.headers_mut());
    }
    tracing::debug!(client = %arrival.client, https = arrival.https, "arrived");
    request.extensions_mut().insert(arrival);
    let mut response = next.run(request).await;
    if arrival.https {
        put_on_prefix(response.headers_mut());
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT);
    }
    response
}

type Refusal = (StatusCode, String);

fn judge(request: &Request, arrival: Arrival, public: Option<&PublicUrl>) -> Result<(), Refusal> {
    let headers = request.headers();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let misdirected = |what: String| Err((StatusCode::MISDIRECTED_REQUEST, what));
    let is_public = public.is_some_and(|public| public.host.eq_ignore_ascii_case(name_of(host)));
    if !is_public && !is_loopback_name(name_of(host)) {
        // A page elsewhere whose name points here is nobody we know.
        let own = public.map(|public| format!("{}, ", public.host)).unwrap_or_default();
        return misdirected(format!("onduty answers to {own}localhost, 127.0.0.1 and [::1] only\n"));
    }
    if is_public && public.is_some_and(|public| public.https) && !arrival.https {
        return misdirected(
            "this came without TLS; a proxy has to say X-Forwarded-Proto: https, and to be named below `server: {proxy: …}`\n"
                .to_owned(),
        );
    }
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    // Deliveries carry no session; their signature is the proof.
    if !changes || request.uri().path().starts_with("/hooks/") {
        return Ok(());
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let scheme = if arrival.https { "https" } else { "http" };
    let own = format!("{scheme}://{host}");
    if origin.as_bytes().eq_ignore_ascii_case(own.as_bytes()) {
        return Ok(());
    }
    Err((StatusCode::FORBIDDEN, "this request came from another site\n".to_owned()))
}

/// The name in a `Host` header, without its port.
fn name_of(host: &str) -> &str {
    host.rsplit_once(':').map_or(host, |(name, port)| if port.ends_with(']') { host } else { name })
}

fn is_loopback_name(name: &str) -> bool {
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

/// Cookies wear their prefix outside and lose it inside. One without it was not set by this server over TLS.
fn take_off_prefix(headers: &mut HeaderMap) {
    let own: Vec<String> = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().strip_prefix(PREFIX).map(str::to_owned))
        .collect();
    headers.remove(header::COOKIE);
    if let Ok(value) = HeaderValue::try_from(own.join("; "))
        && !own.is_empty()
    {
        headers.insert(header::COOKIE, value);
    }
}

fn put_on_prefix(headers: &mut HeaderMap) {
    let cookies: Vec<String> = headers
        .get_all(header::SET_COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .map(|value| format!("{PREFIX}{value}; Secure"))
        .collect();
    headers.remove(header::SET_COOKIE);
    for value in cookies.into_iter().filter_map(|value| HeaderValue::try_from(value).ok()) {
        headers.append(header::SET_COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn rules() -> ServerRules {
        let public_url = Some(PublicUrl { host: "onduty.acme.example".to_owned(), https: true, text: String::new() });
        let proxies = vec!["10.0.0.0/8".parse().unwrap(), "2001:db8:1::/48".parse().unwrap()];
        ServerRules { public_url, proxies, ..ServerRules::default() }
    }

    fn request(peer: &str, tls: bool, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::post("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(Peer { address: peer.parse().unwrap(), tls });
        request
    }

    #[test]
    fn only_trusted_proxies_say_who_asks() {
        for (peer, tls, headers, client, https) in [
            ("192.0.2.7", true, &[][..], "192.0.2.7", true),
            ("192.0.2.7", false, &[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-proto", "https")], "192.0.2.7", false),
            ("10.0.0.1", false, &[("x-forwarded-for", "192.0.2.1"), ("x-forwarded-proto", "https")], "192.0.2.1", true),
            // What the client wrote itself stands before what the proxy saw.
            ("10.0.0.1", false, &[("x-forwarded-for", "127.0.0.1, 192.0.2.1")], "192.0.2.1", false),
            ("10.0.0.1", false, &[("x-forwarded-for", "192.0.2.1, 10.9.9.9")], "192.0.2.1", false),
            (
                "10.0.0.1",
                false,
                &[("x-forwarded-for", "9.9.9.9"), ("x-forwarded-for", "192.0.2.1")],
                "192.0.2.1",
                false,
            ),
            ("10.0.0.1", false, &[("x-forwarded-for", "[2001:db8::9]:443")], "2001:db8::9", false),
            ("2001:db8:1::1", false, &[("x-forwarded-for", "::ffff:192.0.2.1")], "192.0.2.1", false),
            ("10.0.0.1", false, &[("x-forwarded-for", "192.0.2.1, nonsense")], "10.0.0.1", false),
            ("10.0.0.1", false, &[("x-forwarded-proto", "https, http")], "10.0.0.1", false),
        ] {
            let arrival = Arrival::of(&request(peer, tls, headers), &rules());
            assert_eq!(arrival, Arrival { client: client.parse().unwrap(), https }, "{peer} {headers:?}");
        }
    }

    #[test]
    fn names_and_origins_are_our_own() {
        let public = rules().public_url;
        const HOST: (&str, &str) = ("host", "onduty.acme.example");
        for (https, headers, expected) in [
            (true, &[HOST][..], 200),
            (true, &[("host", "onduty.acme.example:443")], 200),
            (true, &[("host", "ONDUTY.acme.example")], 200),
            (false, &[HOST], 421),
            (false, &[("host", "localhost:7007")], 200),
            (false, &[("host", "[::1]:7007")], 200),
            (false, &[("host", "[::1]")], 200),
            (true, &[("host", "evil.example")], 421),
            (true, &[("host", "onduty.acme.example.evil.example")], 421),
            (true, &[("host", "")], 421),
            (true, &[], 421),
            (true, &[HOST, ("origin", "https://onduty.acme.example")], 200),
            (true, &[HOST, ("origin", "http://onduty.acme.example")], 403),
            (true, &[HOST, ("origin", "https://onduty.acme.example:444")], 403),
            (true, &[HOST, ("origin", "https://other.acme.example")], 403),
            (true, &[HOST, ("origin", "null")], 403),
            (false, &[("host", "localhost:7007"), ("origin", "http://localhost:7007")], 200),
            (false, &[("host", "localhost:7007"), ("origin", "http://localhost:8000")], 403),
        ] {
            let arrival = Arrival { client: "192.0.2.1".parse().unwrap(), https };
            let judged = judge(&request("192.0.2.1", https, headers), arrival, public.as_ref());
            assert_eq!(judged.err().map_or(200, |(status, _)| status.as_u16()), expected, "{https} {headers:?}");
        }
    }

    #[test]
    fn cookies_wear_the_prefix_outside_only() {
        let mut inside = HeaderMap::new();
        for cookie in ["onduty_session=planted; __Host-onduty_session=own", "__Host-b=2; a=1"] {
            inside.append(header::COOKIE, HeaderValue::from_static(cookie));
        }
        take_off_prefix(&mut inside);
        assert_eq!(inside.get_all(header::COOKIE).iter().collect::<Vec<_>>(), ["onduty_session=own; b=2"]);
        let mut planted = HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static("onduty_session=planted"))]);
        take_off_prefix(&mut planted);
        assert!(planted.is_empty());

        let mut outside = HeaderMap::new();
        for cookie in ["onduty_session=x; Path=/; HttpOnly", "b=2; Path=/"] {
            outside.append(header::SET_COOKIE, HeaderValue::from_static(cookie));
        }
        put_on_prefix(&mut outside);
        let cookies: Vec<_> = outside.get_all(header::SET_COOKIE).iter().collect();
        assert_eq!(cookies, ["__Host-onduty_session=x; Path=/; HttpOnly; Secure", "__Host-b=2; Path=/; Secure"]);
    }
}
