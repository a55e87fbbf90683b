//! Passwords: what makes a good one, and the slow hash of argon2id that is kept of it.
//!
//! Hashing takes tens of milliseconds and 19 MiB on purpose. It runs beside the async threads, few at a time, and when
//! too many wait the next is told to come again: signing in must not be a way to stop the server.

use crate::store::{self, StoreError};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

/// OWASP's second recommendation for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Bytes of salt and of hash.
const SALT: usize = 16;
const HASH: usize = 32;
/// What a stored hash may ask for at most: whoever can write the store cannot make signing in eat all memory.
const MOST_MEMORY_KIB: u32 = 1024 * 1024;
const MOST_PASSES: u32 = 16;

/// How many are hashed at once.
const AT_ONCE: usize = 2;
/// How many may wait for their turn.
const WAITING: usize = 32;

/// Shortest password, in characters. Length is what makes a password hard to guess.
pub const MIN_CHARACTERS: usize = 12;
/// Longest, in bytes.
const MAX_BYTES: usize = 512;
/// Long ones that everybody tries first.
const COMMON: [&str; 12] = [
    "password1234",
    "passwordpassword",
    "password12345",
    "123456789012",
    "1234567890123",
    "qwertyuiop12",
    "qwertyuiopas",
    "qwerty123456",
    "adminadminadmin",
    "letmeinletmein",
    "iloveyou1234",
    "changemechangeme",
];

/// Why a password was not taken, or could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// It could be guessed.
    #[error("{0}")]
    Weak(String),
    /// Too many are being checked.
    #[error("too many people are signing in at this moment")]
    Busy,
    /// No randomness on this machine.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The few turns in which passwords are hashed.
#[derive(Debug)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Passwords {
        Passwords { turns: Arc::new(Semaphore::new(AT_ONCE)), places: Arc::new(Semaphore::new(AT_ONCE + WAITING)) }
    }
}

impl Passwords {
    /// What is stored of a password.
    ///
    /// # Errors
    /// [`PasswordError::Busy`], or without randomness.
    pub async fn hash(&self, password: SecretString) -> Result<String, PasswordError> {
        let salt = store::random::<SALT>()?;
        let stored = Stored { memory: MEMORY_KIB, passes: PASSES, lanes: LANES, salt: salt.to_vec(), hash: Vec::new() };
        let hash = self.computed(password, &stored).await?;
        Ok(Stored { hash, ..stored }.to_text())
    }

    /// Whether `password` is the one of which `stored` was kept. Takes as long without any `stored`, so that nobody
    /// learns by a clock who has an account.
    ///
    /// # Errors
    /// [`PasswordError::Busy`]
    pub async fn verify(&self, password: SecretString, stored: Option<&str>) -> Result<bool, PasswordError> {
        let known = stored.and_then(Stored::from_text);
        let nobody =
            Stored { memory: MEMORY_KIB, passes: PASSES, lanes: LANES, salt: vec![0; SALT], hash: vec![0; HASH] };
        let compared = known.as_ref().unwrap_or(&nobody);
        let hash = self.computed(password, compared).await?;
        let same: bool = hash.ct_eq(&compared.hash).into();
        Ok(same && known.is_some())
    }

    async fn computed(&self, password: SecretString, like: &Stored) -> Result<Vec<u8>, PasswordError> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| PasswordError::Busy)?;
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| PasswordError::Busy)?;
        let Ok(params) = Params::new(like.memory, like.passes, like.lanes, Some(HASH)) else { return Ok(Vec::new()) };
        let salt = like.salt.clone();
        let work = tokio::task::spawn_blocking(move || {
            // Held by the work, not by the request: whoever hangs up does not make room for another one.
            let _held = (place, turn);
            let mut hash = vec![0; HASH];
            let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            let done = argon.hash_password_into(password.expose_secret().as_bytes(), &salt, &mut hash);
            done.map(|()| hash)
        });
        match work.await {
            Ok(Ok(hash)) => Ok(hash),
            // A stored text that asks for the impossible is no password of anybody.
            Ok(Err(_)) => Ok(Vec::new()),
            Err(_) => Err(PasswordError::Busy),
        }
    }
}

/// Whether a stored hash was made with less than is asked for today.
pub fn is_outdated(stored: &str) -> bool {
    Stored::from_text(stored).is_none_or(|known| known.memory < MEMORY_KIB || known.passes < PASSES)
}

/// Refuses a password that could be guessed; `login` is what its owner types beside it.
///
/// # Errors
/// [`PasswordError::Weak`], which says what to do.
pub fn check(password: &SecretString, login: &str) -> Result<(), PasswordError> {
    let text = password.expose_secret();
    let lower = text.to_lowercase();
    let different: std::collections::BTreeSet<char> = lower.chars().collect();
    let weak = if text.chars().count() < MIN_CHARACTERS {
        format!("a password has at least {MIN_CHARACTERS} characters; a few words that do not belong together are good")
    } else if text.len() > MAX_BYTES {
        format!("a password has at most {MAX_BYTES} bytes")
    } else if different.len() < 5 || COMMON.contains(&lower.as_str()) {
        "this password is one of the first that somebody would try; take a few words that do not belong together"
            .to_owned()
    } else if !login.is_empty() && lower.replace(&login.to_lowercase(), "").chars().count() < MIN_CHARACTERS / 2 {
        "this password is little more than the name that you sign in with; take another one".to_owned()
    } else {
        return Ok(());
    };
    Err(PasswordError::Weak(weak))
}

/// A hash as it is stored, in the notation of argon2's own tools: `$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH`.
struct Stored {
    memory: u32,
    passes: u32,
    lanes: u32,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Stored {
    fn to_text(&self) -> String {
        let Stored { memory, passes, lanes, salt, hash } = self;
        format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${}${}", BASE64.encode(salt), BASE64.encode(hash))
    }

    fn from_text(text: &str) -> Option<Stored> {
        let mut parts = text.strip_prefix("$argon2id$v=19$")?.split('$');
        let mut costs = parts.next()?.split(',');
        let mut cost = |name: &str| costs.next()?.strip_prefix(name)?.strip_prefix('=')?.parse::<u32>().ok();
        let (memory, passes, lanes) = (cost("m")?, cost("t")?, cost("p")?);
        let (salt, hash) = (BASE64.decode(parts.next()?).ok()?, BASE64.decode(parts.next()?).ok()?);
        let sane = memory <= MOST_MEMORY_KIB && passes <= MOST_PASSES && lanes <= 16 && hash.len() == HASH;
        (sane && parts.next().is_none()).then_some(Stored { memory, passes, lanes, salt, hash })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    #[tokio::test]
    async fn only_the_password_is_right() {
        let passwords = Passwords::default();
        let stored = passwords.hash(secret("correct horse battery")).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(!stored.contains("horse") && !is_outdated(&stored));
        assert_ne!(stored, passwords.hash(secret("correct horse battery")).await.unwrap(), "salted");
        for (typed, right) in [("correct horse battery", true), ("correct horse batterY", false), ("", false)] {
            assert_eq!(passwords.verify(secret(typed), Some(&stored)).await.unwrap(), right, "{typed}");
        }
        assert!(!passwords.verify(secret("correct horse battery"), None).await.unwrap());
    }

    #[tokio::test]
    async fn hostile_or_foreign_hashes() {
        let passwords = Passwords::default();
        let weak = Stored { memory: 64, passes: 1, lanes: 1, salt: b"sixteen bytes ok".to_vec(), hash: Vec::new() };
        let hash = passwords.computed(secret("password"), &weak).await.unwrap();
        let text = Stored { hash, ..weak }.to_text();
        assert!(passwords.verify(secret("password"), Some(&text)).await.unwrap());
        assert!(is_outdated(&text), "made with less than today");
        for broken in [
            "",
            "$argon2id$",
            "$argon2i$v=19$m=64,t=1,p=1$c2l4dGVlbiBieXRlcyBvaw$AAAA",
            "$argon2id$v=19$m=4294967295,t=1,p=1$c2l4dGVlbiBieXRlcyBvaw$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=64,t=4294967295,p=1$c2l4dGVlbiBieXRlcyBvaw$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=1,t=1,p=16$c2l4dGVlbiBieXRlcyBvaw$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=64,t=1,p=1$c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            assert!(!passwords.verify(secret("password"), Some(broken)).await.unwrap(), "{broken}");
        }
    }

    #[tokio::test]
    async fn whoever_comes_when_too_many_wait_is_told_so() {
        let passwords = Passwords::default();
        let all = passwords.places.clone().acquire_many_owned((AT_ONCE + WAITING) as u32).await.unwrap();
        assert!(matches!(passwords.verify(secret("x"), None).await, Err(PasswordError::Busy)));
        drop(all);
        assert!(!passwords.verify(secret("x"), None).await.unwrap());
    }

    #[test]
    fn passwords_that_could_be_guessed_are_refused() {
        for (password, good) in [
            ("correct horse battery", true),
            ("ünï cödé wörds", true),
            ("eleven char", false),
            ("aaaaaaaaaaaaaaaa", false),
            ("abababababababab", false),
            ("Password1234", false),
            ("lena.vogt-lena.vogt", false),
            ("lena.vogt and a tall ship", true),
        ] {
            assert_eq!(check(&secret(password), "lena.vogt").is_ok(), good, "{password}");
        }
        assert!(check(&secret(&"a long one ".repeat(60)), "lena").is_err());
    }
}
