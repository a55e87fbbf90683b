//! Who may do what: the one function that every route asks.
//!
//! Pure: a subject, what they want and about which duty in, a decision out. Deny by default.

use onduty_core::ids::{DutyId, EngineerId};
use std::collections::{BTreeMap, BTreeSet};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Nobody signed in.
    Nobody,
    /// A person, by session or token.
    Person(Person),
    /// A wall screen: reads one duty and nothing else.
    Wall {
        /// Which.
        duty: DutyId,
    },
}

/// A signed-in person, or a script that speaks for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The account.
    pub account: String,
    /// Which engineer this is; an operator may be none.
    pub engineer: Option<EngineerId>,
    /// Instance-wide.
    pub admin: bool,
    /// Granted per duty.
    pub roles: BTreeMap<DutyId, Role>,
    /// The duties whose shift this engineer serves at this moment.
    pub serving: BTreeSet<DutyId>,
    /// What a token may do; `None` for a session, which may do all that the person may.
    pub scopes: Option<BTreeSet<Scope>>,
}

impl Person {
    /// The name under which this person acts in the log book.
    pub fn acts_as(&self) -> EngineerId {
        self.engineer.clone().unwrap_or_else(|| EngineerId::new(self.account.clone()))
    }
}

/// What a person is in a duty; each may do what the one before may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Looks, and asks.
    Viewer,
    /// Works on items; presses the button on their own shift.
    Engineer,
    /// Looks after the process and the wall screens.
    ProcessOwner,
}

/// What a token may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Look.
    Read,
    /// Work on items, ask, write.
    Write,
    /// Press the button.
    Rollout,
}

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    /// What everybody may see: health, assets, the door.
    Enter,
    /// Deliver a signal; its signature is the proof, see `web::hooks`.
    Deliver,
    /// Look at a duty.
    Look,
    /// Look at a duty's wall screen.
    LookAtWall,
    /// Ask the one on duty.
    Ask,
    /// Take, conclude, snooze, decide, write a note.
    Work,
    /// Press the button, or say how a lost rollout ended.
    RollOut,
    /// Make and revoke wall screens of a duty.
    ManageWalls,
    /// Make sign-in links.
    ManagePeople,
    /// Run the demo's clock.
    RunDemo,
}

/// What the policy says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Go on.
    Allowed,
    /// Somebody has to sign in first.
    SignIn,
    /// Not for this subject, which may know that it exists.
    Refused(&'static str),
}

/// May `subject` do `wish` about `duty`?
pub fn decide(subject: &Subject, wish: Wish, duty: Option<&DutyId>) -> Decision {
    match (wish, subject) {
        (Wish::Enter | Wish::Deliver, _) => Decision::Allowed,
        (Wish::LookAtWall, Subject::Wall { duty: own }) if duty.is_none_or(|duty| duty == own) => Decision::Allowed,
        (_, Subject::Wall { .. }) => Decision::Refused("a wall screen can only look at its own duty"),
        (_, Subject::Nobody) => Decision::SignIn,
        (wish, Subject::Person(person)) => decide_person(person, wish, duty),
    }
}

fn decide_person(person: &Person, wish: Wish, duty: Option<&DutyId>) -> Decision {
    if let Some(scopes) = &person.scopes
        && !scopes.contains(&scope_for(wish))
    {
        return Decision::Refused("this token was not made for that; ask for one with the right scope");
    }
    let role = duty.and_then(|duty| person.roles.get(duty)).copied().unwrap_or(Role::Viewer);
    let serving = duty.is_some_and(|duty| person.serving.contains(duty));
    let allowed = match wish {
        Wish::Look | Wish::Ask | Wish::LookAtWall | Wish::Enter | Wish::Deliver | Wish::RunDemo => true,
        Wish::Work => role >= Role::Engineer,
        Wish::RollOut => serving,
        Wish::ManageWalls => role >= Role::ProcessOwner,
        Wish::ManagePeople => false,
    };
    if allowed || person.admin {
        return Decision::Allowed;
    }
    Decision::Refused(match wish {
        Wish::RollOut => "only the engineer on duty, or an administrator, can roll out",
        Wish::ManageWalls => "only a process owner or an administrator can make wall screens",
        Wish::ManagePeople => "only an administrator can make sign-in links",
        _ => "only engineers of this duty can do that; you can look and ask",
    })
}

fn scope_for(wish: Wish) -> Scope {
    match wish {
        Wish::Enter | Wish::Deliver | Wish::Look | Wish::LookAtWall => Scope::Read,
        Wish::RollOut => Scope::Rollout,
        Wish::Ask | Wish::Work | Wish::ManageWalls | Wish::ManagePeople | Wish::RunDemo => Scope::Write,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(role: Option<Role>, admin: bool) -> Person {
        let duty = DutyId::from("developers");
        Person {
            account: "a1".to_owned(),
            engineer: Some(EngineerId::from("lena")),
            admin,
            roles: role.map(|role| (duty, role)).into_iter().collect(),
            serving: BTreeSet::new(),
            scopes: None,
        }
    }

    fn allowed(subject: &Subject) -> String {
        use Wish::*;
        let duty = DutyId::from("developers");
        let wishes = [Enter, Deliver, Look, LookAtWall, Ask, Work, RollOut, ManageWalls, ManagePeople];
        let letters =
            wishes.map(|wish| if decide(subject, wish, Some(&duty)) == Decision::Allowed { 'y' } else { '-' });
        letters.iter().collect()
    }

    #[test]
    fn every_subject_and_every_wish() {
        let serving = Person { serving: [DutyId::from("developers")].into(), ..person(Some(Role::Engineer), false) };
        let elsewhere = Person { serving: [DutyId::from("devops")].into(), ..person(Some(Role::Engineer), false) };
        let reading = Person { scopes: Some([Scope::Read].into()), ..person(None, true) };
        let writing = Person { scopes: Some([Scope::Read, Scope::Write].into()), ..person(None, true) };
        let table = [
            ("nobody", Subject::Nobody, "yy-------"),
            ("own wall", Subject::Wall { duty: DutyId::from("developers") }, "yy-y-----"),
            ("other wall", Subject::Wall { duty: DutyId::from("devops") }, "yy-------"),
            ("stranger", Subject::Person(person(None, false)), "yyyyy----"),
            ("viewer", Subject::Person(person(Some(Role::Viewer), false)), "yyyyy----"),
            ("engineer", Subject::Person(person(Some(Role::Engineer), false)), "yyyyyy---"),
            ("on duty", Subject::Person(serving), "yyyyyyy--"),
            ("on another duty", Subject::Person(elsewhere), "yyyyyy---"),
            ("process owner", Subject::Person(person(Some(Role::ProcessOwner), false)), "yyyyyy-y-"),
            ("admin", Subject::Person(person(None, true)), "yyyyyyyyy"),
            ("admin's reading token", Subject::Person(reading), "yyyy-----"),
            ("admin's writing token", Subject::Person(writing), "yyyyyy-yy"),
        ];
        for (who, subject, expected) in table {
            assert_eq!(allowed(&subject), expected, "{who}");
        }
    }
}
