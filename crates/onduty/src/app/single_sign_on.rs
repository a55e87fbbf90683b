//! Signing in, and proving again who one is, by OpenID Connect. The provider says who somebody is; whether they come in is
//! decided here: by its own name for them, once it is linked, and never again by an address.

use super::{App, Origin, acts_as};
use crate::clock::real_now;
use crate::config::OidcRules;
use crate::egress::Url;
use crate::oidc::{Begun, Brought, Client, OidcError, Purpose, Subject};
use crate::store::access::{self, Account, AccountId, Secret};
use crate::store::{StoreError, Tx};
use onduty_core::ids::EngineerId;
use onduty_core::logbook::AccessEvent;
use onduty_core::roster::Roster;

/// How sessions and the access log call this way in.
const HOW: &str = "single_sign_on";

/// Why nobody came in.
#[derive(Debug, thiserror::Error)]
pub enum SingleSignOnError {
    /// The file names no provider, or did not when the server was started.
    #[error("no other system signs people in here")]
    NotSetUp,
    /// The provider, or the way there and back.
    #[error(transparent)]
    Provider(#[from] OidcError),
    /// The provider knows who this is; onduty does not let them in.
    #[error("{0}")]
    NotIn(#[from] NotIn),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a person whom the provider knows does not come in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotIn {
    /// The first time, and there is nothing to find them by.
    #[error("the provider names no address of yours that it has verified, and onduty does not know you yet")]
    NoVerifiedEmail,
    /// The first time, from elsewhere.
    #[error("only addresses of some domains may come in by it, and yours is not one of them")]
    OtherDomain,
    /// The first time, and nobody has this address.
    #[error("nobody on the roster has your address")]
    NotOnRoster,
    /// The first time, and more than one has it.
    #[error("more than one person on the roster has your address")]
    Ambiguous,
    /// The account belongs to somebody else there.
    #[error("the account with your address is linked to another identity; an administrator can unlink it")]
    OtherIdentity,
    /// It was closed.
    #[error("the account is closed")]
    Closed,
    /// They left the team.
    #[error("you are not on the roster any more")]
    LeftRoster,
    /// It is still a person, but another one.
    #[error("the provider knows somebody else than the person of this session")]
    SomebodyElse,
}

/// What came of it.
#[derive(Debug)]
pub struct CameIn {
    /// The session's secret, a new one in any case.
    pub secret: Secret,
    /// Where to go: a path of this server.
    pub back: String,
    /// Whether a session was begun, and not only proved again.
    pub is_new: bool,
}

impl App {
    /// The rules and the client of the provider, where the file names one and its secret is there.
    fn oidc_client(&self) -> Option<(OidcRules, Client)> {
        let rules = self.instance().config.access.oidc.clone()?;
        let secret = self.secrets.oidc.first()?.clone();
        let client =
            Client { issuer: rules.issuer.clone(), id: rules.client_id.clone(), secret, scopes: rules.scopes.clone() };
        Some((rules, client))
    }

    /// What the other system that signs people in is called, where there is one.
    pub fn single_sign_on_name(&self) -> Option<String> {
        self.oidc_client().map(|(rules, _)| rules.label)
    }

    /// Where to send a browser, and what it has to show when it comes back to `redirect_uri`.
    ///
    /// # Errors
    /// See [`SingleSignOnError`].
    pub async fn begin_single_sign_on(
        &self,
        purpose: Purpose,
        redirect_uri: String,
        origin: &Origin,
    ) -> Result<(Url, String), SingleSignOnError> {
        let (_, client) = self.oidc_client().ok_or(SingleSignOnError::NotSetUp)?;
        let from = origin.address.clone().unwrap_or_default();
        let begun = self.oidc.begin(&self.egress, &client, (purpose, redirect_uri, from), real_now()).await;
        if let Err(error) = &begun {
            self.write_failure("single sign-on", &error.to_string(), origin).await?;
        }
        Ok(begun?)
    }

    /// Lets the person in who comes back with `brought`, or takes it as their proof. `own` is the account and the session
    /// of the browser, where it has one.
    ///
    /// # Errors
    /// See [`SingleSignOnError`]; each is written into the access log.
    pub async fn end_single_sign_on(
        &self,
        brought: Brought,
        browser: Option<&str>,
        own: Option<(&AccountId, &str)>,
        origin: &Origin,
    ) -> Result<CameIn, SingleSignOnError> {
        let (rules, client) = self.oidc_client().ok_or(SingleSignOnError::NotSetUp)?;
        let mut login = "single sign-on".to_owned();
        let done = self.come_back(&rules, &client, (brought, browser), own, origin, &mut login).await;
        if let Err(error @ (SingleSignOnError::Provider(_) | SingleSignOnError::NotIn(_))) = &done {
            self.write_failure(&login, &error.to_string(), origin).await?;
        }
        done
    }

    async fn come_back(
        &self,
        rules: &OidcRules,
        client: &Client,
        (brought, browser): (Brought, Option<&str>),
        own: Option<(&AccountId, &str)>,
        origin: &Origin,
        login: &mut String,
    ) -> Result<CameIn, SingleSignOnError> {
        let begun: Begun = self.oidc.take(&brought, browser, real_now())?;
        let subject = self.oidc.end(&self.egress, client, (&begun, &brought), real_now()).await?;
        *login = subject.verified_email.clone().unwrap_or_else(|| subject.subject.clone());
        match begun.purpose {
            Purpose::SignIn { back } => {
                let mut tx = self.store.begin().await?;
                let account = self.account_of_subject(&mut tx, rules, &subject).await?;
                access::use_identity(&mut tx, (&subject.issuer, &subject.subject), real_now()).await?;
                let secret = self.begin_session(&mut tx, &account, HOW, origin).await?;
                tx.commit().await?;
                Ok(CameIn { secret, back, is_new: true })
            }
            Purpose::Prove { session } => {
                let (account, _) = own.filter(|(_, own)| *own == session).ok_or(NotIn::SomebodyElse)?;
                let mut tx = self.store.begin().await?;
                let known = access::identity_of(&mut tx, (&subject.issuer, &subject.subject)).await?;
                if known.is_none_or(|(identity, known)| identity.account != *account || known.disabled_at.is_some()) {
                    return Err(NotIn::SomebodyElse.into());
                }
                access::use_identity(&mut tx, (&subject.issuer, &subject.subject), real_now()).await?;
                let secret = self.prove(&mut tx, account, &session, HOW).await?;
                tx.commit().await?;
                Ok(CameIn { secret, back: "/prove".to_owned(), is_new: false })
            }
        }
    }

    /// Whose account it is: the one that the provider's own name is linked to, else, once, the engineer's with its address.
    async fn account_of_subject(
        &self,
        tx: &mut Tx,
        rules: &OidcRules,
        subject: &Subject,
    ) -> Result<Account, SingleSignOnError> {
        let instance = self.instance();
        let key = (subject.issuer.as_str(), subject.subject.as_str());
        let account = match access::identity_of(tx, key).await? {
            Some((_, account)) => account,
            None => {
                let (engineer, name) = engineer_of(&instance.roster, &rules.domains, subject)?;
                let account = self.account_of(tx, &engineer, &name).await?;
                if account.disabled_at.is_some() {
                    return Err(NotIn::Closed.into());
                }
                if !access::identities_of(tx, &account.id).await?.is_empty() {
                    return Err(NotIn::OtherIdentity.into());
                }
                self.give_login(tx, &account).await?;
                access::link_identity(tx, &account.id, key, &subject.name, real_now()).await?;
                let linked = AccessEvent::IdentityLinked { whom: account.name.clone(), issuer: subject.issuer.clone() };
                self.audit(tx, Some(&acts_as(&account)), linked).await?;
                account
            }
        };
        if account.disabled_at.is_some() {
            return Err(NotIn::Closed.into());
        }
        let on_roster = account.engineer.as_ref().is_some_and(|id| instance.roster.engineers.contains_key(id));
        if on_roster { Ok(account) } else { Err(NotIn::LeftRoster.into()) }
    }
}

/// The one engineer with the subject's verified address. Only plain letters are the same in both cases: the sign of the
/// kelvin (`K`) becomes a `k` as well, and is somebody else's mailbox.
fn engineer_of(roster: &Roster, domains: &[String], subject: &Subject) -> Result<(EngineerId, String), NotIn> {
    let email = subject.verified_email.as_deref().ok_or(NotIn::NoVerifiedEmail)?;
    let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain);
    if !domains.is_empty() && !domains.iter().any(|allowed| allowed.eq_ignore_ascii_case(domain)) {
        return Err(NotIn::OtherDomain);
    }
    let has_it = |own: &String| own.eq_ignore_ascii_case(email);
    let mut found = roster.engineers.values().filter(|known| known.emails.iter().any(has_it));
    match (found.next(), found.next()) {
        (Some(engineer), None) => Ok((engineer.id.clone(), engineer.name.clone())),
        (None, _) => Err(NotIn::NotOnRoster),
        (Some(_), Some(_)) => Err(NotIn::Ambiguous),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::sample;

    /// Whom `email` finds among people with these addresses.
    fn found(people: &[(&str, &str)], domains: &[&str], email: Option<&str>) -> Result<String, NotIn> {
        let mut roster = sample::roster();
        for (id, email) in people {
            let engineer = roster.engineers.get_mut(&EngineerId::from(*id)).expect("one of the sample");
            engineer.emails.push((*email).to_owned());
        }
        let domains: Vec<String> = domains.iter().map(|domain| (*domain).to_owned()).collect();
        let verified_email = email.map(str::to_owned);
        let subject = Subject { issuer: String::new(), subject: String::new(), name: String::new(), verified_email };
        engineer_of(&roster, &domains, &subject).map(|(id, _)| id.to_string())
    }

    #[test]
    fn an_address_finds_exactly_one_or_nobody() {
        let one = [("lena", "Lena.K@acme.example"), ("omar", "omar@acme.example"), ("omar", "omar@home.example")];
        let shared = [("lena", "Lena.K@acme.example"), ("omar", "lena.k@acme.example")];
        for (people, domains, email, expected) in [
            (&one[..], &[][..], Some("lena.k@ACME.example"), Ok("lena")),
            (&one, &[], Some("omar@home.example"), Ok("omar")),
            // Whatever a roster file refuses today: what two have is nobody's.
            (&shared, &[], Some("lena.k@acme.example"), Err(NotIn::Ambiguous)),
            (&one, &[], None, Err(NotIn::NoVerifiedEmail)),
            (&one, &[], Some(""), Err(NotIn::NotOnRoster)),
            (&one, &[], Some("lena.k@acme.example."), Err(NotIn::NotOnRoster)),
            (&one, &[], Some(" lena.k@acme.example"), Err(NotIn::NotOnRoster)),
            // Looks like hers, and lower case would make it hers.
            (&one, &[], Some("lena.\u{212a}@acme.example"), Err(NotIn::NotOnRoster)),
            (&one, &["acme.example"], Some("omar@Acme.Example"), Ok("omar")),
            (&one, &["acme.example"], Some("omar@home.example"), Err(NotIn::OtherDomain)),
            (&one, &["acme.example"], Some("omar@evil.acme.example"), Err(NotIn::OtherDomain)),
            (&one, &["acme.example"], Some("omar@acme.example@evil.example"), Err(NotIn::OtherDomain)),
            (&one, &["kilo.example"], Some("omar@\u{212a}ilo.example"), Err(NotIn::OtherDomain)),
        ] {
            assert_eq!(found(people, domains, email), expected.map(str::to_owned), "{email:?} of {people:?}");
        }
    }
}
