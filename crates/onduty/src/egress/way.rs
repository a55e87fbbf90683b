//! The way of a program of its own that connects in onduty's place, such as git: judged like the client's own
//! connections, and given as addresses, so that the program has no name left to look up.

use super::{CONNECT_TIMEOUT, Egress, EgressError, Url, allowed_host, log_cause};
use std::io::{Error, ErrorKind};
use std::net::IpAddr;

/// Where a program may connect to, and nowhere else. True now: names move, so ask again before each exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The host of the address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Where it is, as far as onduty may go there; never empty.
    pub addresses: Vec<IpAddr>,
}

impl Egress {
    /// The way to the host of `url`.
    ///
    /// # Errors
    /// As [`Egress::send`] before anything is sent: [`EgressError::NotAllowed`], [`EgressError::NotAnAddress`], or
    /// [`EgressError::NoAnswer`] for a name without an address.
    pub async fn way_to(&self, url: &Url) -> Result<Way, EgressError> {
        let policy = self.policy().0;
        let (host, port) = allowed_host(&policy, url)?;
        if let Ok(ip) = host.parse() {
            return Ok(Way { host, port, addresses: vec![ip] }); // judged with the host, as there is no name to look up
        }
        let found = tokio::time::timeout(CONNECT_TIMEOUT, self.0.lookup.addresses(&host)).await;
        let found = found.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()));
        let found = found.and_then(|found| match found.is_empty() {
            true => Err(Error::new(ErrorKind::NotFound, "the name has no address")),
            false => Ok(found),
        });
        let found = found.map_err(|error| {
            log_cause(&host, &error);
            EgressError::NoAnswer { host: host.clone() }
        })?;
        match policy.let_through(&host, found) {
            Ok(addresses) => Ok(Way { host, port, addresses }),
            Err(why) => Err(EgressError::NotAllowed { host, why }),
        }
    }
}
