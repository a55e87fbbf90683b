//! How often somebody may try to sign in: so often for a name from one address, for a name from anywhere, and from one
//! address for any name. Names that nobody has are counted like others, so that refusals tell nothing.
//!
//! In memory: a restart forgives, and each replica counts for itself.

use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// A bucket that fills with attempts and leaks.
#[derive(Debug, Clone, Copy)]
struct Rule {
    /// How many at once.
    burst: f64,
    /// Then one in so many seconds.
    every: f64,
}

/// A person who forgot what the password was.
const NAME_FROM_ADDRESS: Rule = Rule { burst: 5.0, every: 60.0 };
/// Many machines that try one name. Wide, because whoever fills it locks the person out.
const NAME: Rule = Rule { burst: 30.0, every: 30.0 };
/// One machine that tries many names. Wide, because a whole office may come from one address.
const ADDRESS: Rule = Rule { burst: 60.0, every: 5.0 };

/// How many names and addresses are remembered.
const MOST: usize = 20_000;
/// How many failures an hour are written down; what comes faster says nothing new.
const LISTED_AN_HOUR: u32 = 60;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    NameFrom(String, String),
    Name(String),
    Address(String),
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    level: f64,
    at: Timestamp,
    every: f64,
}

impl Bucket {
    fn level_at(&self, now: Timestamp) -> f64 {
        let leaked = now.duration_since(self.at).as_secs_f64().max(0.0) / self.every;
        (self.level - leaked).max(0.0)
    }
}

/// Whether a failure is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// Yes.
    Listed,
    /// This one is not, nor are those that follow within the hour; that is what is written.
    Last,
    /// No.
    Not,
}

/// Who tried how often.
#[derive(Debug, Default)]
pub struct Attempts {
    buckets: Mutex<HashMap<Key, Bucket>>,
    listed: Mutex<Option<(Timestamp, u32)>>,
}

impl Attempts {
    /// Counts an attempt before it is looked at, so that many at once are many.
    ///
    /// # Errors
    /// How long to wait, when there were too many.
    pub fn begin(&self, name: &str, address: &str, real_now: Timestamp) -> Result<(), SignedDuration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = keys(name, address);
        let wait = keys.iter().filter_map(|(key, rule)| {
            let level = buckets.get(key).map_or(0.0, |bucket| bucket.level_at(real_now));
            let over = level + 1.0 - rule.burst;
            (over > 0.0).then_some(over * rule.every)
        });
        // Whole seconds, upwards: who waits as long as this says is let in.
        if let Some(seconds) = wait.reduce(f64::max) {
            return Err(SignedDuration::from_secs(seconds.ceil() as i64));
        }
        make_room(&mut buckets, real_now);
        for (key, rule) in keys {
            let level = buckets.get(&key).map_or(0.0, |bucket| bucket.level_at(real_now)) + 1.0;
            buckets.insert(key, Bucket { level, at: real_now, every: rule.every });
        }
        Ok(())
    }

    /// Forgives a name what was tried from this address: its person was right.
    pub fn succeeded(&self, name: &str, address: &str) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, _) in keys(name, address) {
            match &key {
                Key::NameFrom(..) => drop(buckets.remove(&key)),
                // Not all of it: somebody else may be trying at the same time.
                Key::Name(_) | Key::Address(_) => {
                    if let Some(bucket) = buckets.get_mut(&key) {
                        bucket.level = (bucket.level - 1.0).max(0.0);
                    }
                }
            }
        }
    }

    /// Whether a failure at this moment is written down.
    pub fn list_failure(&self, real_now: Timestamp) -> Listing {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        let hour = SignedDuration::from_hours(1);
        let (since, count) =
            listed.filter(|(since, _)| real_now.duration_since(*since) < hour).unwrap_or((real_now, 0));
        *listed = Some((since, count.saturating_add(1)));
        match count {
            _ if count < LISTED_AN_HOUR => Listing::Listed,
            LISTED_AN_HOUR => Listing::Last,
            _ => Listing::Not,
        }
    }
}

fn keys(name: &str, address: &str) -> [(Key, Rule); 3] {
    // What is typed may be long; its beginning is enough to count it.
    let name: String = name.chars().take(100).collect();
    [
        (Key::NameFrom(name.clone(), address.to_owned()), NAME_FROM_ADDRESS),
        (Key::Name(name), NAME),
        (Key::Address(address.to_owned()), ADDRESS),
    ]
}

/// Forgets what has leaked out, and then the emptiest.
fn make_room(buckets: &mut HashMap<Key, Bucket>, now: Timestamp) {
    if buckets.len() + 3 <= MOST {
        return;
    }
    buckets.retain(|_, bucket| bucket.level_at(now) > 0.0);
    if buckets.len() + 3 > MOST {
        let mut levels: Vec<f64> = buckets.values().map(|bucket| bucket.level_at(now)).collect();
        levels.sort_by(f64::total_cmp);
        let middle = levels[levels.len() / 2];
        buckets.retain(|_, bucket| bucket.level_at(now) > middle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_780_000_000 + seconds).unwrap()
    }

    #[test]
    fn a_person_gets_five_tries_and_then_one_a_minute() {
        let attempts = Attempts::default();
        for _ in 0..5 {
            attempts.begin("lena", "10.0.0.1", at(0)).unwrap();
        }
        let wait = attempts.begin("lena", "10.0.0.1", at(0)).unwrap_err();
        assert_eq!(wait.as_secs(), 60);
        assert_eq!(attempts.begin("lena", "10.0.0.1", at(59)).unwrap_err().as_secs(), 1);
        attempts.begin("lena", "10.0.0.1", at(60)).unwrap();
        assert!(attempts.begin("lena", "10.0.0.1", at(61)).is_err());
        // Neither the person on another machine nor a colleague on this one is held up.
        attempts.begin("lena", "10.0.0.2", at(61)).unwrap();
        attempts.begin("omar", "10.0.0.1", at(61)).unwrap();
        // A clock that goes back forgives nothing.
        assert!(attempts.begin("lena", "10.0.0.1", at(-3_600)).is_err());
        attempts.succeeded("lena", "10.0.0.1");
        attempts.begin("lena", "10.0.0.1", at(61)).unwrap();
    }

    #[test]
    fn many_machines_and_many_names_are_held_up_as_well() {
        let attempts = Attempts::default();
        let from_many = (0..100).filter(|n| attempts.begin("lena", &format!("10.0.1.{n}"), at(0)).is_ok()).count();
        assert_eq!(from_many, 30);
        let many_names = (0..100).filter(|n| attempts.begin(&format!("name-{n}"), "10.9.9.9", at(0)).is_ok()).count();
        assert_eq!(many_names, 60);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_busiest_stay() {
        let attempts = Attempts::default();
        for _ in 0..5 {
            attempts.begin("lena", "10.0.0.1", at(0)).unwrap();
        }
        for n in 0..30_000 {
            let _ = attempts.begin(&format!("name-{n}"), &format!("address-{n}"), at(0));
        }
        assert!(attempts.buckets.lock().unwrap().len() <= MOST);
        assert!(attempts.begin("lena", "10.0.0.1", at(0)).is_err());
    }

    #[test]
    fn failures_are_listed_up_to_a_number_an_hour() {
        let attempts = Attempts::default();
        let listed: Vec<Listing> = (0..100).map(|n| attempts.list_failure(at(n))).collect();
        assert_eq!(listed.iter().filter(|listing| **listing == Listing::Listed).count(), 60);
        assert_eq!(listed.iter().filter(|listing| **listing == Listing::Last).count(), 1);
        assert_eq!(attempts.list_failure(at(3_600)), Listing::Listed);
    }
}
