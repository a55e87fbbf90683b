//! What can be done to an account, as the verb of an address and what comes with it; pages and the API mean the same.

use super::error::HttpError;
use super::policy::Role;
use crate::app::people::Deed;
use onduty_core::ids::DutyId;
use serde::Deserialize;

/// What a form or a body says about a deed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    pub duty: Option<String>,
    pub role: Option<String>,
    pub admin: Option<bool>,
    pub session: Option<String>,
    pub token: Option<String>,
    pub feed: Option<String>,
}

/// The deed of a verb.
pub fn deed(verb: &str, wanted: Wanted) -> Result<Deed, HttpError> {
    let need =
        |what: Option<String>, name: &str| what.ok_or_else(|| HttpError::BadInput(format!("`{name}` is missing")));
    Ok(match verb {
        "role" => {
            let role = wanted.role.filter(|role| !role.is_empty());
            if let Some(unknown) = role.as_ref().filter(|role| Role::of(role).is_none()) {
                let known = Role::ALL.map(Role::word).join(", ");
                return Err(HttpError::BadInput(format!("there is no role {unknown}; use one of {known}")));
            }
            Deed::SetRole { duty: DutyId::new(need(wanted.duty, "duty")?), role }
        }
        "administrator" => Deed::SetAdministrator(
            wanted.admin.ok_or_else(|| HttpError::BadInput("`admin` is missing: yes or no?".to_owned()))?,
        ),
        "end-sessions" => Deed::EndSessions,
        "end-session" => Deed::EndSession(need(wanted.session, "session")?),
        "revoke-token" => Deed::RevokeToken(need(wanted.token, "token")?),
        "revoke-calendar-feed" => Deed::RevokeCalendarFeed(need(wanted.feed, "feed")?),
        "unlink" => Deed::Unlink,
        "close" => Deed::Close,
        "open" => Deed::Open,
        _ => return Err(HttpError::NotFound(format!("nothing is called {verb} here"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(verb: &str, body: &str, expected: Result<Deed, &str>) {
        let wanted = serde_json::from_str(body).expect("a body");
        match (deed(verb, wanted), expected) {
            (Ok(deed), Ok(expected)) => assert_eq!(deed, expected, "{verb} {body}"),
            (Err(HttpError::BadInput(said) | HttpError::NotFound(said)), Err(expected)) => assert_eq!(said, expected),
            (said, _) => panic!("{said:?} of {verb} {body}"),
        }
    }

    #[test]
    fn verbs_are_deeds() {
        let role = |role: Option<&str>| Deed::SetRole { duty: "developers".into(), role: role.map(str::to_owned) };
        check("role", r#"{"duty": "developers", "role": "engineer"}"#, Ok(role(Some("engineer"))));
        check("role", r#"{"duty": "developers"}"#, Ok(role(None)));
        // A page's list of roles has an empty one for none.
        check("role", r#"{"duty": "developers", "role": ""}"#, Ok(role(None)));
        check("role", r#"{"role": "engineer"}"#, Err("`duty` is missing"));
        let unknown = "there is no role king; use one of viewer, engineer, process-owner";
        check("role", r#"{"duty": "developers", "role": "king"}"#, Err(unknown));
        check("administrator", r#"{"admin": false}"#, Ok(Deed::SetAdministrator(false)));
        check("administrator", "{}", Err("`admin` is missing: yes or no?"));
        check("end-session", r#"{"session": "s1"}"#, Ok(Deed::EndSession("s1".to_owned())));
        check("revoke-token", "{}", Err("`token` is missing"));
        check("revoke-calendar-feed", r#"{"feed": "f1"}"#, Ok(Deed::RevokeCalendarFeed("f1".to_owned())));
        check("unlink", "{}", Ok(Deed::Unlink));
        check("delete", "{}", Err("nothing is called delete here"));
        assert!(serde_json::from_str::<Wanted>(r#"{"administrator": true}"#).is_err(), "a key that is not known");
    }
}
