//! What kind of address something is, whatever form it is written in: the list behind "onduty does not go there".
//!
//! `policy` asks. Forms that carry an IPv4 address (mapped, NAT64, 6to4, Teredo, ISATAP) are decoded, because the
//! network delivers to the address inside. Nothing here resolves names or knows a configuration.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// How far an address may be reached without a word from the administrator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// An ordinary address of the internet.
    Public,
    /// Private, loopback, link-local, shared or reserved: only where the configuration allows it.
    Inside,
    /// Nobody listens there who could be a source: unspecified, multicast, broadcast, metadata services of clouds.
    Never,
}

/// Metadata services hand out credentials to whoever asks; no source of duty work lives there.
const METADATA: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254)),
];

/// Never reached, whatever is configured.
const NEVER: [&str; 5] = ["0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::/128", "ff00::/8"];

/// Inside, in IPv4; in IPv6 everything beyond `2000::/3` is.
const INSIDE: [&str; 17] = [
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "2001::/23",
    "2001:db8::/32",
    "2620:4f:8000::/48",
    "3fff::/20",
    "2001:10::/28",
];

/// The class of `ip`: the worst of itself and of every IPv4 address that it carries.
pub fn class_of(ip: IpAddr) -> Class {
    let ip = ip.to_canonical();
    let within = |networks: &[&str]| networks.iter().any(|text| text.parse().is_ok_and(|n: Network| n.contains(ip)));
    if METADATA.contains(&ip) || within(&NEVER) {
        return Class::Never;
    }
    match ip {
        IpAddr::V4(_) if within(&INSIDE) => Class::Inside,
        IpAddr::V4(_) => Class::Public,
        IpAddr::V6(v6) => {
            let inner = carried(v6).into_iter().map(|v4| class_of(IpAddr::V4(v4))).max();
            let own = match v6.segments() {
                // The well-known prefix of NAT64 is as public as what it carries.
                [0x64, 0xff9b, 0, 0, 0, 0, ..] => Class::Public,
                // Teredo lies within 2001::/23, and is decided by what it carries.
                [0x2001, 0, ..] => Class::Public,
                [first, ..] if first & 0xe000 == 0x2000 && !within(&INSIDE) => Class::Public,
                _ => Class::Inside,
            };
            inner.map_or(own, |inner| own.max(inner))
        }
    }
}

/// The IPv4 addresses inside an IPv6 address.
fn carried(ip: Ipv6Addr) -> Vec<Ipv4Addr> {
    let bytes = ip.octets();
    let at = |from: usize| Ipv4Addr::new(bytes[from], bytes[from + 1], bytes[from + 2], bytes[from + 3]);
    match ip.segments() {
        // Compatible, deprecated: ::a.b.c.d; ::1 is none of them.
        [0, 0, 0, 0, 0, 0, high, _] if high > 0xff => vec![at(12)],
        // Translated: ::ffff:0:a.b.c.d
        [0, 0, 0, 0, 0xffff, 0, ..] => vec![at(12)],
        // NAT64, the well-known and the local prefix.
        [0x64, 0xff9b, ..] => vec![at(12)],
        // 6to4
        [0x2002, ..] => vec![at(2)],
        // Teredo: the server, and the client with every bit turned.
        [0x2001, 0, ..] => vec![at(4), Ipv4Addr::from(!u32::from(at(12)))],
        // ISATAP
        [.., 0 | 0x200, 0x5efe, _, _] => vec![at(12)],
        _ => Vec::new(),
    }
}

/// A range of addresses: `10.0.0.0/8`, `fd00::/8`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network {
    base: IpAddr,
    bits: u8,
}

/// Why a text is not a [`Network`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// No address, or no length after the slash.
    #[error("this is not an address range such as 10.0.0.0/8")]
    NotANetwork,
    /// More bits than the address has.
    #[error("the length after the slash is too large")]
    TooLong,
    /// `10.1.2.3/8`: does the writer mean the host or the network?
    #[error("the address has bits beyond the length after the slash")]
    HostBits,
}

impl Network {
    /// Whether `ip` lies in it. IPv4 addresses in IPv6 form (`::ffff:10.0.0.1`) are the same addresses.
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.base, ip.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(ip)) => (u32::from(base) ^ u32::from(ip)) & mask32(self.bits) == 0,
            (IpAddr::V6(base), IpAddr::V6(ip)) => (u128::from(base) ^ u128::from(ip)) & mask128(self.bits) == 0,
            _ => false,
        }
    }
}

fn mask32(bits: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0)
}

fn mask128(bits: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0)
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Network, NetworkError> {
        let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
        let base: IpAddr = address.trim().parse().map_err(|_| NetworkError::NotANetwork)?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        let bits = match length {
            None => most,
            Some(length) => length.trim().parse().map_err(|_| NetworkError::NotANetwork)?,
        };
        if bits > most {
            return Err(NetworkError::TooLong);
        }
        let beyond = match base {
            IpAddr::V4(base) => u32::from(base) & !mask32(bits) != 0,
            IpAddr::V6(base) => u128::from(base) & !mask128(bits) != 0,
        };
        if beyond { Err(NetworkError::HostBits) } else { Ok(Network { base, bits }) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::Class::{Inside, Never, Public};
    use super::*;

    #[test]
    fn every_form_of_an_address_is_known_for_what_it_is() {
        for (text, expected) in [
            ("93.184.216.34", Public),
            ("8.8.8.8", Public),
            ("172.15.255.255", Public),
            ("172.32.0.0", Public),
            ("100.63.255.255", Public),
            ("100.128.0.0", Public),
            ("2606:4700::1111", Public),
            ("2a00:1450:4001::200e", Public),
            ("::ffff:8.8.8.8", Public),
            ("64:ff9b::8.8.8.8", Public),
            ("2002:808:808::1", Public),
            // Teredo with server 8.8.8.8 and client 8.8.4.4.
            ("2001:0:808:808:0:0:f7f7:fbfb", Public),
            ("10.0.0.1", Inside),
            ("100.64.0.1", Inside),
            ("127.0.0.1", Inside),
            ("127.255.255.254", Inside),
            ("169.254.1.1", Inside),
            ("172.16.0.1", Inside),
            ("172.31.255.255", Inside),
            ("192.0.0.1", Inside),
            ("192.0.2.1", Inside),
            ("192.88.99.1", Inside),
            ("192.168.1.1", Inside),
            ("198.18.0.1", Inside),
            ("198.19.255.255", Inside),
            ("198.51.100.1", Inside),
            ("203.0.113.1", Inside),
            ("::1", Inside),
            ("::127.0.0.1", Inside),
            ("::ffff:127.0.0.1", Inside),
            ("::ffff:10.0.0.1", Inside),
            ("::ffff:0:10.0.0.1", Inside),
            ("64:ff9b::127.0.0.1", Inside),
            ("64:ff9b::192.168.0.1", Inside),
            ("64:ff9b:1::8.8.8.8", Inside),
            ("2002:7f00:1::", Inside),
            ("2002:a00:1::1", Inside),
            // Teredo whose client is 10.0.0.1, and whose server is 127.0.0.1.
            ("2001:0:808:808:0:0:f5ff:fffe", Inside),
            ("2001:0:7f00:1:0:0:f7f7:fbfb", Inside),
            ("2a00:1450::5efe:10.0.0.1", Inside),
            ("2001:db8::1", Inside),
            ("2001:20::1", Inside),
            ("3fff::1", Inside),
            ("100::1", Inside),
            ("5f00::1", Inside),
            ("fc00::1", Inside),
            ("fd12:3456::1", Inside),
            ("fe80::1", Inside),
            ("fec0::1", Inside),
            ("0.0.0.0", Never),
            ("0.1.2.3", Never),
            ("169.254.169.254", Never),
            ("169.254.170.2", Never),
            ("100.100.100.200", Never),
            ("192.0.0.192", Never),
            ("224.0.0.1", Never),
            ("239.255.255.255", Never),
            ("240.0.0.1", Never),
            ("255.255.255.255", Never),
            ("::", Never),
            ("::ffff:0.0.0.0", Never),
            ("::ffff:169.254.169.254", Never),
            ("::169.254.169.254", Never),
            ("64:ff9b::169.254.169.254", Never),
            ("2002:a9fe:a9fe::1", Never),
            ("2001:0:808:808:0:0:5601:5601", Never),
            ("2a00:1450::200:5efe:169.254.169.254", Never),
            ("fd00:ec2::254", Never),
            ("ff02::1", Never),
        ] {
            assert_eq!(class_of(text.parse().unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn the_lists_are_networks() {
        for text in NEVER.iter().chain(&INSIDE) {
            assert!(text.parse::<Network>().is_ok(), "{text}");
        }
    }

    #[test]
    fn networks_are_read_and_asked() {
        for (network, ip, expected) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "64:ff9b::10.0.0.1", false),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "fe80::1", true),
            ("fd00::/8", "fd12::1", true),
            ("192.168.1.7", "192.168.1.7", true),
            ("192.168.1.7", "192.168.1.8", false),
        ] {
            let network: Network = network.parse().unwrap();
            assert_eq!(network.contains(ip.parse().unwrap()), expected, "{network} {ip}");
        }
        for (text, expected) in [
            ("10.0.0.0/33", NetworkError::TooLong),
            ("::/129", NetworkError::TooLong),
            ("10.1.0.0/8", NetworkError::HostBits),
            ("fd00::1/8", NetworkError::HostBits),
            ("sentry.internal", NetworkError::NotANetwork),
            ("10.0.0.0/x", NetworkError::NotANetwork),
            ("10.0.0.0/", NetworkError::NotANetwork),
        ] {
            assert_eq!(text.parse::<Network>(), Err(expected), "{text}");
        }
    }
}
