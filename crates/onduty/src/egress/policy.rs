//! Where onduty may go. The rule, in full:
//!
//! 1. A host is asked only if a web address in the configuration names it (with that port), or `egress: {allow: …}`
//!    does (with any port).
//! 2. An address of the internet may be connected to. An address inside (private, loopback, link-local, shared,
//!    reserved) only where the administrator said so: its range or the host's name stands in `egress: {allow: …}`, or
//!    a web address in the configuration is written with this very address, or with `localhost`.
//! 3. Unspecified, multicast, broadcast and the metadata services of clouds: never.
//!
//! The second and third are asked about the address that is connected to, after the name was resolved for that very
//! connection. `config` fills it, `Egress` asks it, for its own connections and for those of git.

use super::address::{Class, Network, class_of};
use reqwest::Url;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Where onduty may go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Hosts and ports of configured web addresses.
    named: BTreeSet<(String, u16)>,
    /// Hosts that may be asked on any port and may be inside.
    trusted: BTreeSet<String>,
    /// Ranges that may be connected to.
    networks: BTreeSet<Network>,
    /// Whatever address the named hosts have, short of the ones that are never reached: a person typed the address.
    typed: bool,
}

/// Why something may not be reached. Says what to write where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody named this host.
    #[error("no address in onduty.yml names it; name it there, or in `egress: {{allow: […]}}`")]
    NotNamed,
    /// It has no address that may be connected to.
    #[error(
        "its address is not a public one; if it should be reached, add the host or its range to `egress: {{allow: […]}}`"
    )]
    Inside,
    /// Nobody may go there.
    #[error("no source can be at such an address")]
    Never,
}

impl Policy {
    /// Only the host of `url`, at whatever address it has: for a command whose address a person typed.
    pub fn typed(url: &Url) -> Policy {
        Policy { typed: true, ..Policy::default() }.naming(url)
    }

    /// May also go to the host and port of `url`.
    #[must_use]
    pub fn naming(mut self, url: &Url) -> Policy {
        if let (Some(host), Some(port)) = (host_of(url), url.port_or_known_default()) {
            self.named.insert((host, port));
        }
        self
    }

    /// May also go to `host`, on any port, wherever it is.
    #[must_use]
    pub fn trusting(mut self, host: &str) -> Policy {
        self.trusted.insert(plain(host));
        self
    }

    /// May also connect to addresses in `network`.
    #[must_use]
    pub fn within(mut self, network: Network) -> Policy {
        self.networks.insert(network);
        self
    }

    /// Whether `host` may be asked at `port`, before any address is known.
    ///
    /// # Errors
    /// [`Refusal::NotNamed`], or what [`Policy::address`] says of a literal address.
    pub fn host(&self, host: &str, port: u16) -> Result<(), Refusal> {
        let host = plain(host);
        if !self.trusted.contains(&host) && !self.named.contains(&(host.clone(), port)) {
            return Err(Refusal::NotNamed);
        }
        match host.parse() {
            Ok(ip) => self.address(&host, ip),
            Err(_) => Ok(()),
        }
    }

    /// Whether a connection for `host` may go to `ip`.
    ///
    /// # Errors
    /// [`Refusal::Inside`] or [`Refusal::Never`].
    pub fn address(&self, host: &str, ip: IpAddr) -> Result<(), Refusal> {
        let host = plain(host);
        match class_of(ip) {
            Class::Public => Ok(()),
            Class::Never => Err(Refusal::Never),
            Class::Inside => {
                let written_out = host.parse() == Ok(ip) || host == "localhost" && ip.to_canonical().is_loopback();
                let allowed = self.typed || written_out || self.trusts(&host);
                match allowed || self.networks.iter().any(|network| network.contains(ip)) {
                    true => Ok(()),
                    false => Err(Refusal::Inside),
                }
            }
        }
    }

    /// Those of `found`, the addresses of `host`, to which a connection may go.
    ///
    /// # Errors
    /// Why there is none, where there were some.
    pub fn let_through(&self, host: &str, found: Vec<IpAddr>) -> Result<Vec<IpAddr>, Refusal> {
        let mut refused = None;
        let judge = |ip: &IpAddr| self.address(host, *ip).map_err(|why| refused = Some(why)).is_ok();
        let allowed: Vec<IpAddr> = found.into_iter().filter(judge).collect();
        refused.filter(|_| allowed.is_empty()).map_or(Ok(allowed), Err)
    }

    /// Whether the administrator said that `host` may be inside.
    pub fn trusts(&self, host: &str) -> bool {
        self.trusted.contains(&plain(host))
    }
}

/// The host of `url` as policies compare it.
pub fn host_of(url: &Url) -> Option<String> {
    url.host_str().map(plain)
}

/// Whether `url` stays on this machine, whatever form its address is written in.
pub fn is_this_machine(url: &Url) -> bool {
    let host = host_of(url).unwrap_or_default();
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// Lower case, without the brackets of IPv6 and the dot of the root.
fn plain(host: &str) -> String {
    host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[track_caller]
    fn check(policy: &Policy, address: &str, ip: &str, expected: Result<(), Refusal>) {
        let url = url(address);
        let host = host_of(&url).unwrap();
        let said = policy
            .host(&host, url.port_or_known_default().unwrap())
            .and_then(|()| policy.address(&host, ip.parse().unwrap()));
        assert_eq!(said, expected, "{address} at {ip}");
    }

    #[test]
    fn only_what_is_named_is_reached_and_only_where_it_may_be() {
        use Refusal::{Inside, Never, NotNamed};
        let plain = Policy::default().naming(&url("https://Sentry.io./x")).naming(&url("http://127.0.0.1:9000"));
        check(&plain, "https://sentry.io/y", "93.184.216.34", Ok(()));
        check(&plain, "https://sentry.io:8443/y", "93.184.216.34", Err(NotNamed));
        check(&plain, "https://us.sentry.io/y", "93.184.216.34", Err(NotNamed));
        check(&plain, "https://sentry.io/y", "10.0.0.1", Err(Inside));
        check(&plain, "https://sentry.io/y", "127.0.0.1", Err(Inside));
        check(&plain, "https://sentry.io/y", "::ffff:192.168.0.1", Err(Inside));
        check(&plain, "https://sentry.io/y", "169.254.169.254", Err(Never));
        check(&plain, "http://127.0.0.1:9000/z", "127.0.0.1", Ok(()));
        check(&plain, "http://127.0.0.1:9001/z", "127.0.0.1", Err(NotNamed));
        // However it is spelled, it is the address that was named …
        for spelling in
            ["http://2130706433:9000/", "http://0x7f.1:9000/", "http://127.1:9000/", "http://0177.0.0.1:9000/"]
        {
            check(&plain, spelling, "127.0.0.1", Ok(()));
        }
        // … and another one is not.
        check(&plain, "http://[::ffff:127.0.0.1]:9000/", "127.0.0.1", Err(NotNamed));

        let here = Policy::default().naming(&url("http://localhost:9000"));
        check(&here, "http://localhost:9000/", "127.0.0.1", Ok(()));
        check(&here, "http://localhost:9000/", "::1", Ok(()));
        check(&here, "http://localhost:9000/", "10.0.0.1", Err(Inside));

        let ranges = plain.clone().within("10.0.0.0/8".parse().unwrap()).within("0.0.0.0/0".parse().unwrap());
        check(&ranges, "https://sentry.io/", "10.2.3.4", Ok(()));
        check(&ranges, "https://sentry.io/", "fd00::1", Err(Inside));
        check(&ranges, "https://sentry.io/", "169.254.169.254", Err(Never));
        check(&ranges, "https://sentry.io/", "0.0.0.0", Err(Never));
        check(&ranges, "https://other.example/", "10.2.3.4", Err(NotNamed));

        let trusted = Policy::default().trusting("Sentry.Internal");
        check(&trusted, "http://sentry.internal:9000/", "192.168.3.4", Ok(()));
        check(&trusted, "http://sentry.internal:9000/", "224.0.0.1", Err(Never));
        check(&trusted, "http://sentry.internal.evil.example/", "192.168.3.4", Err(NotNamed));

        let typed = Policy::typed(&url("http://devbox:7007"));
        check(&typed, "http://devbox:7007/", "192.168.3.4", Ok(()));
        check(&typed, "http://devbox:7008/", "192.168.3.4", Err(NotNamed));
        check(&typed, "http://devbox:7007/", "::", Err(Never));
    }
}
