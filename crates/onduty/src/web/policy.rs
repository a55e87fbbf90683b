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
    /// A calendar that reads turns by a secret address, and nothing else.
    CalendarFeed,
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
    /// Whether this is shown to be the person, not only their browser, recently enough for what cannot be undone. A
    /// token is its own proof: it says what it may do.
    pub proved: bool,
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

impl Role {
    /// Every role, least first.
    pub const ALL: [Role; 3] = [Role::Viewer, Role::Engineer, Role::ProcessOwner];

    /// As the store keeps it.
    pub fn word(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Engineer => "engineer",
            Role::ProcessOwner => "process-owner",
        }
    }

    /// The role of a word.
    pub fn of(word: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.word() == word)
    }
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
    /// Look after accounts, roles and tokens, and read who did so.
    People,
    /// Send what services tell of themselves.
    Telemetry,
}

impl Scope {
    /// Every scope, and what it lets a token do, for people.
    pub const ALL: [(Scope, &'static str); 5] = [
        (Scope::Read, "look at everything that its owner sees"),
        (Scope::Write, "ask, work on items, write notes, make wall screens and calendar feeds"),
        (Scope::Rollout, "press the button, whenever its owner may"),
        (Scope::People, "look after sessions and tokens; of an administrator, also after accounts and roles"),
        (Scope::Telemetry, "send traces and metrics of services (OpenTelemetry)"),
    ];

    /// As the store keeps it.
    pub fn word(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Write => "write",
            Scope::Rollout => "rollout",
            Scope::People => "people",
            Scope::Telemetry => "telemetry",
        }
    }

    /// The scope of a word.
    pub fn of(word: &str) -> Option<Scope> {
        Scope::ALL.into_iter().map(|(scope, _)| scope).find(|scope| scope.word() == word)
    }
}

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    /// What everybody may see: health, assets, the door.
    Enter,
    /// Deliver a signal; its signature is the proof, see `web::hooks`.
    Deliver,
    /// Send what services tell of themselves.
    SendTelemetry,
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
    /// See what a new plan would change.
    SeeProposal,
    /// Let a plan count.
    PublishPlan,
    /// Read turns as a calendar.
    ReadCalendar,
    /// Make and revoke wall screens and calendar feeds of a duty.
    ManageWalls,
    /// See the wall screens and calendar feeds of a duty that there are.
    SeeWalls,
    /// Look after accounts, roles, links and everybody's sessions and tokens.
    ManagePeople,
    /// See accounts, and who came in and changed what anybody may do.
    SeePeople,
    /// See one's own sessions, tokens and calendar feeds.
    SeeSelf,
    /// End one's own sessions, revoke one's own tokens and calendar feeds, change one's own password.
    ManageSelf,
    /// Make a token of one's own.
    MakeToken,
    /// Make a calendar feed of one's own turns.
    MakeCalendarFeed,
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
    /// The person may, and has to prove first that it is them.
    Prove,
    /// Not for this subject, which may not even know that it exists.
    NotThere,
    /// Not for this subject, which may know that it exists.
    Refused(&'static str),
}

/// May `subject` do `wish` about `duty`?
pub fn decide(subject: &Subject, wish: Wish, duty: Option<&DutyId>) -> Decision {
    match (wish, subject) {
        (Wish::Enter | Wish::Deliver, _) => Decision::Allowed,
        (Wish::LookAtWall, Subject::Wall { duty: own }) if duty.is_none_or(|duty| duty == own) => Decision::Allowed,
        // A calendar cannot sign in, and whoever guesses learns nothing.
        (Wish::ReadCalendar, subject) if *subject != Subject::CalendarFeed => Decision::NotThere,
        (Wish::ReadCalendar, _) => Decision::Allowed,
        (_, Subject::CalendarFeed) => Decision::Refused("a calendar feed can only be read"),
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
        Wish::SeeSelf | Wish::ManageSelf | Wish::MakeToken | Wish::MakeCalendarFeed => true,
        Wish::Work => role >= Role::Engineer,
        Wish::RollOut => serving,
        Wish::SeeWalls | Wish::ManageWalls | Wish::SeeProposal | Wish::PublishPlan => role >= Role::ProcessOwner,
        Wish::SeePeople | Wish::ManagePeople | Wish::ReadCalendar => false,
        // People do not send telemetry, their services do.
        Wish::SendTelemetry => person.scopes.is_some(),
    };
    if allowed || person.admin && wish != Wish::SendTelemetry {
        return if person.proved || !cannot_be_undone(wish) { Decision::Allowed } else { Decision::Prove };
    }
    Decision::Refused(match wish {
        Wish::SendTelemetry => "services send with a token; make one with the scope telemetry",
        Wish::RollOut => "only the engineer on duty, or an administrator, can roll out",
        Wish::SeeWalls | Wish::ManageWalls => {
            "only a process owner or an administrator looks after wall screens and calendar feeds of a duty"
        }
        Wish::SeeProposal | Wish::PublishPlan => "only a process owner or an administrator makes plans for a duty",
        Wish::SeePeople | Wish::ManagePeople => "only an administrator looks after accounts, roles and links",
        _ => "only engineers of this duty can do that; you can look and ask",
    })
}

/// What a browser that somebody left open may not do: put something into production, or give rights that last.
pub fn cannot_be_undone(wish: Wish) -> bool {
    matches!(wish, Wish::RollOut | Wish::ManagePeople | Wish::MakeToken)
}

fn scope_for(wish: Wish) -> Scope {
    match wish {
        Wish::Enter
        | Wish::Deliver
        | Wish::Look
        | Wish::LookAtWall
        | Wish::SeeWalls
        | Wish::SeeProposal
        | Wish::ReadCalendar => Scope::Read,
        Wish::RollOut => Scope::Rollout,
        Wish::SendTelemetry => Scope::Telemetry,
        Wish::Ask | Wish::Work | Wish::ManageWalls | Wish::PublishPlan | Wish::MakeCalendarFeed | Wish::RunDemo => {
            Scope::Write
        }
        Wish::ManagePeople | Wish::SeePeople | Wish::SeeSelf | Wish::ManageSelf | Wish::MakeToken => Scope::People,
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
            proved: true,
        }
    }

    fn allowed(subject: &Subject) -> String {
        use Wish::*;
        let duty = DutyId::from("developers");
        let wishes = [
            Enter,
            Deliver,
            Look,
            LookAtWall,
            Ask,
            Work,
            RollOut,
            SeeWalls,
            ManageWalls,
            SeePeople,
            ManagePeople,
            SeeSelf,
            ManageSelf,
            MakeToken,
            SendTelemetry,
            MakeCalendarFeed,
            PublishPlan,
            SeeProposal,
            ReadCalendar,
        ];
        let letters = wishes.map(|wish| match decide(subject, wish, Some(&duty)) {
            Decision::Allowed => 'y',
            Decision::Prove => 'p',
            Decision::Refused(_) | Decision::SignIn => '-',
            Decision::NotThere => ' ',
        });
        letters.iter().collect()
    }

    #[test]
    fn every_subject_and_every_wish() {
        let serving = Person { serving: [DutyId::from("developers")].into(), ..person(Some(Role::Engineer), false) };
        let elsewhere = Person { serving: [DutyId::from("devops")].into(), ..person(Some(Role::Engineer), false) };
        let reading = Person { scopes: Some([Scope::Read].into()), ..person(None, true) };
        let writing = Person { scopes: Some([Scope::Read, Scope::Write].into()), ..person(None, true) };
        let people = Person { scopes: Some([Scope::People].into()), ..person(None, true) };
        let services = Person { scopes: Some([Scope::Telemetry].into()), ..person(None, true) };
        let left_open = |person: Person| Subject::Person(Person { proved: false, ..person });
        let table = [
            ("nobody", Subject::Nobody, "yy---------------- "),
            ("own wall", Subject::Wall { duty: DutyId::from("developers") }, "yy-y-------------- "),
            ("other wall", Subject::Wall { duty: DutyId::from("devops") }, "yy---------------- "),
            ("a calendar", Subject::CalendarFeed, "yy----------------y"),
            ("stranger", Subject::Person(person(None, false)), "yyyyy------yyy-y-- "),
            ("viewer", Subject::Person(person(Some(Role::Viewer), false)), "yyyyy------yyy-y-- "),
            ("engineer", Subject::Person(person(Some(Role::Engineer), false)), "yyyyyy-----yyy-y-- "),
            ("on duty", Subject::Person(serving.clone()), "yyyyyyy----yyy-y-- "),
            ("on duty, left open", left_open(serving), "yyyyyyp----yyp-y-- "),
            ("on another duty", Subject::Person(elsewhere), "yyyyyy-----yyy-y-- "),
            ("process owner", Subject::Person(person(Some(Role::ProcessOwner), false)), "yyyyyy-yy--yyy-yyy "),
            ("admin", Subject::Person(person(None, true)), "yyyyyyyyyyyyyy-yyy "),
            ("admin, left open", left_open(person(None, true)), "yyyyyypyyypyyp-yyy "),
            ("admin's reading token", Subject::Person(reading), "yyyy---y---------y "),
            ("admin's writing token", Subject::Person(writing), "yyyyyy-yy------yyy "),
            ("admin's people token", Subject::Person(people), "yy-------yyyyy---- "),
            ("admin's token for services", Subject::Person(services), "yy------------y--- "),
        ];
        for (who, subject, expected) in table {
            assert_eq!(allowed(&subject), expected, "{who}");
        }
    }
}
