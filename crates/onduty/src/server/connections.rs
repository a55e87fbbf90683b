//! How many connections there are, in total and from each address.

use super::{Counts, Limits, Standing};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts connections and says when there are too many.
pub struct Connections {
    total: usize,
    per_address: usize,
    open: Arc<Mutex<Open>>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Open {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// The place of one connection, free again when it is dropped.
pub struct Seat {
    open: Arc<Mutex<Open>>,
    counts: Arc<Counts>,
    /// Whose place it is, where addresses are counted.
    address: Option<IpAddr>,
}

impl Connections {
    pub fn new(limits: &Limits, counts: Arc<Counts>) -> Connections {
        let (total, per_address) = (limits.connections, limits.connections_per_address);
        Connections { total, per_address, open: Arc::default(), counts }
    }

    /// A place for a connection from `address`, if there is one.
    pub fn enter(&self, address: IpAddr, standing: Standing) -> Option<Seat> {
        let seat = self.find(address, standing);
        if seat.is_some() {
            self.counts.came()
        } else {
            self.counts.refuse()
        }
        seat
    }

    fn find(&self, address: IpAddr, standing: Standing) -> Option<Seat> {
        let counted = match standing {
            Standing::Client => Some(network_of(address)),
            Standing::Many => None,
            Standing::Stranger => return None,
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.total >= self.total {
            return None;
        }
        if let Some(address) = counted {
            let of_address = open.by_address.entry(address).or_default();
            if *of_address >= self.per_address {
                return None;
            }
            *of_address += 1;
        }
        open.total += 1;
        Some(Seat { open: self.open.clone(), counts: self.counts.clone(), address: counted })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.counts.went();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.total -= 1;
        let Some(address) = self.address else { return };
        if let Some(of_address) = open.by_address.get_mut(&address) {
            *of_address -= 1;
            if *of_address == 0 {
                open.by_address.remove(&address);
            }
        }
    }
}

/// Who has one address of a 64 bit network usually has all of them.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_address_has_its_share_and_all_have_the_total() {
        let limits = Limits { connections: 6, connections_per_address: 2, ..Limits::default() };
        let connections = Connections::new(&limits, Arc::default());
        let mut seats: Vec<Seat> = Vec::new();
        for (address, has_a_place) in [
            ("192.0.2.1", true),
            ("192.0.2.1", true),
            ("192.0.2.1", false),
            ("2001:db8::1", true),
            ("2001:db8::2", true),
            ("2001:db8::3", false),
            ("2001:db8:0:1::1", true),
            ("192.0.2.8", true),
            ("192.0.2.9", false),
        ] {
            let seat = connections.enter(ip(address), Standing::Client);
            assert_eq!(seat.is_some(), has_a_place, "{address}");
            seats.extend(seat);
        }
        seats.remove(0);
        assert!(connections.enter(ip("192.0.2.9"), Standing::Client).is_some(), "a place is free again");
        seats.clear();
        let open = connections.open.lock().unwrap();
        assert_eq!((open.total, open.by_address.len()), (0, 0), "nothing is remembered of whoever left");
        assert_eq!((connections.counts.open(), connections.counts.refused()), (0, 3));
    }

    #[test]
    fn who_speaks_for_many_is_bound_by_the_total_alone_and_strangers_have_no_place() {
        let limits = Limits { connections: 5, connections_per_address: 1, ..Limits::default() };
        let connections = Connections::new(&limits, Arc::default());
        let seats: Vec<Option<Seat>> = (0..6).map(|_| connections.enter(ip("::1"), Standing::Many)).collect();
        assert_eq!(seats.iter().flatten().count(), 5);
        drop(seats);
        assert!(connections.enter(ip("192.0.2.9"), Standing::Stranger).is_none());
    }
}
