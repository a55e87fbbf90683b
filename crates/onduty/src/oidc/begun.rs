//! Who is on the way to the provider and back: in memory, for this one server. Several replicas would keep it in the
//! store; whoever comes back to a server that was started meanwhile signs in once more.

use super::random_text;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use subtle::ConstantTimeEq;

/// How long somebody may be away.
pub const LIFE: SignedDuration = SignedDuration::from_mins(10);
/// How many may be away at once; each takes less than a kilobyte.
const MOST: usize = 10_000;
/// How many of one address: whoever begins more loses their own first ones, not those of others.
const MOST_OF_ONE: usize = 20;

/// What for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// To sign in, and to go to this path then.
    SignIn {
        /// A path of this server.
        back: String,
    },
    /// To prove that whoever has this session is still its person.
    Prove {
        /// The session's id.
        session: String,
    },
}

/// A sign-in that was begun.
#[derive(Debug, Clone)]
pub struct Begun {
    /// What for.
    pub purpose: Purpose,
    /// With whom.
    pub issuer: String,
    /// Where the provider sends the browser back to; said again with the code.
    pub redirect_uri: String,
    /// Goes along and comes back by the browser.
    pub state: String,
    /// Goes along and comes back in the token.
    pub nonce: String,
    /// Only its hash goes along; it is shown with the code.
    pub verifier: String,
    /// What the browser shows to be the one that began.
    pub browser: String,
    /// When.
    pub at: Timestamp,
}

impl Begun {
    /// A new one, with secrets of its own.
    pub fn new(purpose: Purpose, issuer: String, redirect_uri: String, at: Timestamp) -> Begun {
        let (state, nonce, verifier, browser) = (random_text(), random_text(), random_text(), random_text());
        Begun { purpose, issuer, redirect_uri, state, nonce, verifier, browser, at }
    }
}

/// Those that are away, oldest first.
#[derive(Debug, Default)]
pub struct Waiting(Mutex<BTreeMap<(Timestamp, u64), Away>>);

#[derive(Debug)]
struct Away {
    /// The hash of the state: looking it up tells nothing by its time.
    state: [u8; 32],
    from: String,
    begun: Begun,
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

impl Waiting {
    /// Keeps `begun`, which came from the address `from`.
    pub fn put(&self, begun: Begun, from: &str, now: Timestamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, away| is_alive(&away.begun, now));
        let own: Vec<_> = all.iter().filter(|(_, away)| away.from == from).map(|(key, _)| *key).collect();
        if own.len() >= MOST_OF_ONE {
            all.remove(&own[0]);
        }
        while all.len() >= MOST {
            all.pop_first();
        }
        let number = all.last_key_value().map_or(0, |((_, number), _)| number + 1);
        all.insert((begun.at, number), Away { state: hash(&begun.state), from: from.to_owned(), begun });
    }

    /// Takes the one with this state, if `browser` has begun it. A wrong browser uses it up as well.
    pub fn take(&self, state: &str, browser: &str, now: Timestamp) -> Option<Begun> {
        let wanted = hash(state);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = *all.iter().find(|(_, away)| away.state == wanted)?.0;
        let begun = all.remove(&key)?.begun;
        let is_browser = bool::from(begun.browser.as_bytes().ct_eq(browser.as_bytes()));
        (is_browser && is_alive(&begun, now)).then_some(begun)
    }
}

fn is_alive(begun: &Begun, now: Timestamp) -> bool {
    // Not before either: a clock that was set back makes nothing live longer.
    let age = now.duration_since(begun.at);
    age <= LIFE && age >= -LIFE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_000_000 + second).unwrap()
    }

    fn begun(second: i64) -> Begun {
        Begun::new(
            Purpose::SignIn { back: "/".to_owned() },
            "https://id.example".to_owned(),
            "http://127.0.0.1/sign-in/callback".to_owned(),
            at(second),
        )
    }

    #[test]
    fn it_is_taken_once_in_time_and_by_its_browser() {
        let waiting = Waiting::default();
        let (one, other, late) = (begun(0), begun(0), begun(0));
        for begun in [&one, &other, &late] {
            waiting.put(begun.clone(), "192.0.2.1", at(0));
        }
        assert!(waiting.take("", "", at(1)).is_none());
        assert!(waiting.take(&one.nonce, &one.browser, at(1)).is_none());
        assert_eq!(waiting.take(&one.state, &one.browser, at(600)).unwrap().nonce, one.nonce);
        assert!(waiting.take(&one.state, &one.browser, at(1)).is_none(), "once");
        assert!(waiting.take(&other.state, &one.browser, at(1)).is_none(), "another browser");
        assert!(waiting.take(&other.state, &other.browser, at(1)).is_none(), "which uses it up");
        assert!(waiting.take(&late.state, &late.browser, at(601)).is_none(), "too late");
        let secrets = [&one.state, &one.nonce, &one.verifier, &one.browser, &other.state];
        assert!(secrets.iter().all(|secret| secret.len() == 43), "256 bits each");
        assert_eq!(std::collections::BTreeSet::from(secrets).len(), 5);
    }

    #[test]
    fn whoever_begins_too_often_pushes_only_themselves_out() {
        let waiting = Waiting::default();
        let mine = begun(0);
        waiting.put(mine.clone(), "192.0.2.1", at(0));
        let theirs: Vec<Begun> = (0..=MOST_OF_ONE).map(|_| begun(0)).collect();
        for begun in &theirs {
            waiting.put(begun.clone(), "192.0.2.2", at(0));
        }
        assert_eq!(waiting.0.lock().unwrap().len(), MOST_OF_ONE + 1);
        assert!(waiting.take(&theirs[0].state, &theirs[0].browser, at(1)).is_none(), "their first one");
        assert!(waiting.take(&theirs[1].state, &theirs[1].browser, at(1)).is_some());
        assert!(waiting.take(&mine.state, &mine.browser, at(1)).is_some());
        for number in 0..MOST + 5 {
            waiting.put(begun(2), &number.to_string(), at(2));
        }
        assert_eq!(waiting.0.lock().unwrap().len(), MOST);
        waiting.put(begun(5_000), "192.0.2.1", at(5_000));
        assert_eq!(waiting.0.lock().unwrap().len(), 1, "whoever does not come back is forgotten");
    }
}
