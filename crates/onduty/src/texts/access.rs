//! One line for each thing that can happen to people and what they may do.

use super::{and, count, visible};
use onduty_core::logbook::AccessEvent;

/// What happened, without who: fits after "Lena: ".
pub fn access(event: &AccessEvent) -> String {
    match event {
        AccessEvent::SignedIn { how } => format!("signed in {}", by(how)),
        AccessEvent::SignedOut => "signed out".to_owned(),
        AccessEvent::Proved { how } => format!("proved again who they are {}", by(how)),
        AccessEvent::SignInFailed { login, why } => {
            format!("somebody could not sign in as “{}”: {}", visible(login), visible(why))
        }
        AccessEvent::FailuresNotListed => "more sign-ins fail than are listed here within an hour".to_owned(),
        AccessEvent::AccountAdded { whom } => format!("added the account of {}", visible(whom)),
        AccessEvent::AccountClosed { whom } => format!("closed the account of {}", visible(whom)),
        AccessEvent::AccountOpened { whom } => format!("opened the account of {} again", visible(whom)),
        AccessEvent::LinkMade { whom } => format!("made a sign-in link for {}", visible(whom)),
        AccessEvent::PasswordSet { whom } => format!("set the password of {}", visible(whom)),
        AccessEvent::IdentityLinked { whom, issuer } => {
            format!("linked {} to an identity of {}", visible(whom), visible(issuer))
        }
        AccessEvent::IdentitiesUnlinked { whom } => format!("unlinked {} from single sign-on", visible(whom)),
        AccessEvent::RoleSet { whom, duty, role: Some(role) } => {
            format!("made {} {} of {}", visible(whom), role_with_article(role), visible(duty.as_str()))
        }
        AccessEvent::RoleSet { whom, duty, role: None } => {
            format!("took the role of {} in {} away", visible(whom), visible(duty.as_str()))
        }
        AccessEvent::AdministratorSet { whom, admin: true } => format!("made {} an administrator", visible(whom)),
        AccessEvent::AdministratorSet { whom, admin: false } => {
            format!("took the rights of an administrator from {}", visible(whom))
        }
        AccessEvent::SessionsEnded { whom, sessions } => {
            format!("ended {} of {}", count(usize::try_from(*sessions).unwrap_or(usize::MAX), "session"), visible(whom))
        }
        AccessEvent::TokenMade { whom, name, scopes } => {
            let scopes: Vec<String> = scopes.iter().map(|scope| visible(scope)).collect();
            format!("made the token “{}” for {}, which may {}", visible(name), visible(whom), and(&scopes))
        }
        AccessEvent::TokenRevoked { whom, name } => {
            format!("revoked the token “{}” of {}", visible(name), visible(whom))
        }
        AccessEvent::WallMade { duty, name } => {
            format!("made a wall screen of {} for “{}”", visible(duty.as_str()), visible(name))
        }
        AccessEvent::WallRevoked { duty, name } => {
            format!("revoked the wall screen of {} in “{}”", visible(duty.as_str()), visible(name))
        }
        AccessEvent::CalendarFeedMade { whom, name } => {
            format!("made the calendar feed “{}” with the turns of {}", visible(name), visible(whom))
        }
        AccessEvent::CalendarFeedRevoked { whom, name } => {
            format!("revoked the calendar feed “{}” of {}", visible(name), visible(whom))
        }
        AccessEvent::DutyFeedMade { duty, name } => {
            format!("made the calendar feed “{}” with the shifts of {}", visible(name), visible(duty.as_str()))
        }
        AccessEvent::DutyFeedRevoked { duty, name } => {
            format!("revoked the calendar feed “{}” of {}", visible(name), visible(duty.as_str()))
        }
        AccessEvent::SettingsChanged { file, hash, changes } => {
            let short: String = hash.chars().take(12).collect();
            let changes: Vec<String> = changes.iter().map(|change| visible(change)).collect();
            let what =
                if changes.is_empty() { "it changed while no server ran".to_owned() } else { changes.join(", ") };
            format!("{} is in force as it is now ({short}): {what}", visible(file))
        }
    }
}

/// `by a password`.
fn by(how: &str) -> String {
    match how {
        "link" => "by a link".to_owned(),
        "password" => "by a password".to_owned(),
        "single_sign_on" => "by single sign-on".to_owned(),
        other => format!("by {}", visible(other)),
    }
}

/// `a process owner`.
fn role_with_article(role: &str) -> String {
    let name = role_name(role);
    if name.starts_with(['a', 'e', 'i', 'o', 'u']) { format!("an {name}") } else { format!("a {name}") }
}

/// A role as people say it: `process owner`.
pub fn role_name(role: &str) -> String {
    visible(&role.replace('-', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences() {
        let role = |role: Option<&str>| AccessEvent::RoleSet {
            whom: "Omar Haddad".into(),
            duty: "developers".into(),
            role: role.map(str::to_owned),
        };
        let token = AccessEvent::TokenMade {
            whom: "Lena".into(),
            name: "ci".into(),
            scopes: vec!["read".into(), "write".into(), "rollout".into()],
        };
        let settings = |changes: &[&str]| AccessEvent::SettingsChanged {
            file: "roster.yml".into(),
            hash: "abcdefabcdef0123".into(),
            changes: changes.iter().map(|change| (*change).to_owned()).collect(),
        };
        let failed = AccessEvent::SignInFailed { login: "le\u{202e}na".into(), why: "wrong password".into() };
        for (event, expected) in [
            (AccessEvent::SignedIn { how: "single_sign_on".into() }, "signed in by single sign-on"),
            (role(Some("engineer")), "made Omar Haddad an engineer of developers"),
            (role(Some("process-owner")), "made Omar Haddad a process owner of developers"),
            (role(None), "took the role of Omar Haddad in developers away"),
            (token, "made the token “ci” for Lena, which may read, write and rollout"),
            (
                AccessEvent::CalendarFeedMade { whom: "Lena".into(), name: "my phone".into() },
                "made the calendar feed “my phone” with the turns of Lena",
            ),
            (
                AccessEvent::DutyFeedRevoked { duty: "developers".into(), name: "the team's".into() },
                "revoked the calendar feed “the team's” of developers",
            ),
            (AccessEvent::SessionsEnded { whom: "Lena".into(), sessions: 1 }, "ended 1 session of Lena"),
            (settings(&[]), "roster.yml is in force as it is now (abcdefabcdef): it changed while no server ran"),
            (
                settings(&["engineer mira added", "duty developers changed"]),
                "roster.yml is in force as it is now (abcdefabcdef): engineer mira added, duty developers changed",
            ),
        ] {
            assert_eq!(access(&event), expected);
        }
        assert!(!access(&failed).contains('\u{202e}'), "{}", access(&failed));
    }
}
