//! Accounts of a day: sessions, tokens and wall screens, made as the server makes them.

use crate::day::Day;
use crate::person::Person;
use jiff::SignedDuration;
use onduty::clock::real_now;
use onduty::store::access::{self, AccountId, Beginning, NewAccount};
use onduty_core::ids::{DutyId, EngineerId};

impl Day {
    /// An account, with a role in each of these duties.
    pub async fn account(&self, engineer: &str, admin: bool, roles: &[(&str, &str)]) -> AccountId {
        let mut tx = self.app.store.begin().await.expect("the store can be written");
        let account = NewAccount { name: engineer.to_owned(), engineer: Some(EngineerId::from(engineer)), admin };
        let account = access::add(&mut tx, &account, real_now()).await.expect("an account");
        for (duty, role) in roles {
            access::set_role(&mut tx, &account, &DutyId::from(*duty), Some(role)).await.expect("a role");
        }
        tx.commit().await.expect("the store can be written");
        account
    }

    /// A new session of an account.
    pub async fn session_of(&self, account: &AccountId) -> Person {
        let mut tx = self.app.store.begin().await.expect("the store can be written");
        let (secret, _) = access::start(&mut tx, account, Beginning::link(), real_now()).await.expect("a session");
        tx.commit().await.expect("the store can be written");
        Person::with_session(&self.url, secret.expose()).await
    }

    /// A session of an account whose person proved who they are longer ago than counts.
    pub async fn old_session_of(&self, account: &AccountId) -> Person {
        let mut tx = self.app.store.begin().await.expect("the store can be written");
        let then = real_now() - SignedDuration::from_mins(20);
        let (secret, _) = access::start(&mut tx, account, Beginning::link(), then).await.expect("a session");
        tx.commit().await.expect("the store can be written");
        Person::with_session(&self.url, secret.expose()).await
    }

    /// The session of an engineer who administers the instance, or not.
    pub async fn session(&self, engineer: &str, admin: bool) -> Person {
        self.session_of(&self.account(engineer, admin, &[]).await).await
    }

    /// A script with a token of an account.
    pub async fn script_of(&self, account: &AccountId, scopes: &[&str]) -> Person {
        Person::script(&self.url, &self.token_of(account, scopes).await)
    }

    /// A new token of an account.
    pub async fn token_of(&self, account: &AccountId, scopes: &[&str]) -> String {
        let mut tx = self.app.store.begin().await.expect("the store can be written");
        let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let expires = real_now() + SignedDuration::from_hours(1);
        let made = access::add_api_token(&mut tx, account, "test", &scopes, real_now(), expires).await;
        tx.commit().await.expect("the store can be written");
        made.expect("a token").0.expose().to_owned()
    }

    /// The secret of a new calendar feed of a duty.
    pub async fn calendar_feed(&self, duty: &str) -> String {
        let mut tx = self.app.store.begin().await.expect("the store can be written");
        let of = access::FeedOf::Duty(DutyId::from(duty));
        let made = access::add_calendar_feed(&mut tx, &of, "the team's calendar", real_now()).await;
        tx.commit().await.expect("the store can be written");
        made.expect("a secret").0.expose().to_owned()
    }

    /// The token of a new wall screen.
    pub async fn wall(&self, duty: &str) -> String {
        let mut tx = self.app.store.begin().await.expect("the store can be written");
        let made = access::add_wall_token(&mut tx, &DutyId::from(duty), "kitchen", real_now()).await;
        tx.commit().await.expect("the store can be written");
        made.expect("a token").0.expose().to_owned()
    }
}
