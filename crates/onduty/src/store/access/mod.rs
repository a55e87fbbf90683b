//! Who may come in: accounts, sessions, links that sign in once, tokens for scripts and for wall screens, addresses of
//! calendar feeds.
//!
//! Secrets leave [`Secret::new`] once, to be shown or sent, and are stored as hashes only. All times here are real. What
//! an account may do is for the policy to say: roles and scopes are its words.

mod accounts;
mod calendar_feeds;
mod logins;
mod sessions;
mod tokens;

pub use accounts::{Account, AccountId, NewAccount, add, all, by_engineer, disable, enable, get, set_admin, set_role};
pub use calendar_feeds::{
    CalendarFeed, FeedOf, Told, ToldEvent, add_calendar_feed, calendar_feed_of, calendar_feeds, revoke_calendar_feed,
    tell_calendar_feed, told_by, touch_calendar_feed,
};
pub use logins::{
    Identity, Login, identities_of, identity_of, link_identity, login_called, login_of, set_login, set_password,
    unlink_identities, use_identity,
};
pub use sessions::{
    ABSOLUTE, Beginning, IDLE, Session, TOUCH_EVERY, add_link, end, end_all_of, peek_link, prove, prune, rotate,
    session_of, sessions_of, start, touch, use_link,
};
pub use tokens::{
    ApiToken, WallToken, add_api_token, add_wall_token, api_token_of, api_tokens_of, revoke_api_token,
    revoke_wall_token, touch_api_token, wall_token_of, wall_tokens,
};

use super::StoreError;
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;

/// 256 random bits as text. Whoever shows it is signed in.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// A new one.
    ///
    /// # Errors
    /// [`StoreError::NoRandomness`]
    pub fn new() -> Result<Secret, StoreError> {
        Ok(Secret(super::hex(&super::random::<32>()?)))
    }

    /// One that somebody showed; whether it opens anything is for the store to say.
    pub fn from_text(text: &str) -> Secret {
        Secret(text.to_owned())
    }

    /// As text, to be shown to its owner once.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `text` is this secret, in a time that does not tell how much of it is right.
    pub fn is(&self, text: &str) -> bool {
        self.0.as_bytes().ct_eq(text.as_bytes()).into()
    }

    /// What is stored. A plain hash is enough: nobody guesses 256 bits.
    fn hash(&self) -> String {
        super::hex(&Sha256::digest(self.0.as_bytes()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{Folder, at, execute};

    #[test]
    fn secrets_do_not_show_themselves() {
        let (one, other) = (Secret::new().unwrap(), Secret::new().unwrap());
        assert_ne!(one.expose(), other.expose());
        assert_eq!(one.expose().len(), 64);
        assert_eq!(format!("{one:?}"), "Secret(..)");
        assert_eq!(one.hash(), Secret::from_text(one.expose()).hash());
    }

    #[tokio::test]
    async fn no_secret_reaches_the_file() {
        let folder = Folder::new();
        let store = folder.store().await;
        let now = at("2026-03-02T16:00:00Z");
        let mut tx = store.begin().await.unwrap();
        let account =
            add(&mut tx, &NewAccount { name: "Lena".into(), engineer: None, admin: false }, now).await.unwrap();
        let secrets = [
            start(&mut tx, &account, Beginning::link(), now).await.unwrap().0,
            add_link(&mut tx, &account, now, now + ABSOLUTE).await.unwrap(),
            add_api_token(&mut tx, &account, "ci", &["gate:read".into()], now, now + ABSOLUTE).await.unwrap().0,
            add_wall_token(&mut tx, &"developers".into(), "kitchen", now).await.unwrap().0,
            add_calendar_feed(&mut tx, &FeedOf::Account(account.clone()), "phone", now).await.unwrap().0,
        ];
        tx.commit().await.unwrap();
        execute(&store, "pragma wal_checkpoint(truncate)").await.unwrap();
        let bytes = std::fs::read(folder.file()).unwrap();
        let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        for secret in secrets {
            assert!(holds(&secret.hash()), "the test does not look at the right file");
            assert!(!holds(secret.expose()));
        }
    }
}
