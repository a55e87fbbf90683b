//! Whom a rule of CODEOWNERS names, among those who are on the roster.

use super::codeowners::{Codeowners, Owner};
use crate::item::OwnerReason;
use crate::roster::{Engineer, Roster};

/// The rule that answers for a file of the cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerRule {
    /// The file of the cause.
    pub file: String,
    /// The file that the rule stands in: `.github/CODEOWNERS`.
    pub written_in: String,
    /// Its line, from 1.
    pub line: u32,
    /// Whom it names, in its order.
    pub owners: Vec<Owner>,
}

/// The rules of `codeowners`, which is at `written_in`, for `files`, in their order; a file without owners has none. What
/// could not be answered is the error, in words for people.
pub fn rules_for(codeowners: &Codeowners, written_in: &str, files: &[String]) -> Result<Vec<OwnerRule>, String> {
    let mut rules = Vec::new();
    for file in files {
        let answers = codeowners.owners_of(file).map_err(|error| error.to_string())?;
        rules.extend(answers.into_iter().filter(|rule| !rule.owners.is_empty()).map(|rule| OwnerRule {
            file: file.clone(),
            written_in: written_in.to_owned(),
            line: u32::try_from(rule.line).unwrap_or(u32::MAX),
            owners: rule.owners.to_vec(),
        }));
    }
    Ok(rules)
}

impl OwnerRule {
    /// Everybody whom it names, alone or as one of a team, each once.
    pub(super) fn engineers<'a>(&self, roster: &'a Roster) -> Vec<(&'a Engineer, OwnerReason)> {
        let mut named: Vec<(&Engineer, OwnerReason)> = Vec::new();
        for owner in &self.owners {
            let members: Vec<&Engineer> = match (person(owner, roster), team(owner, roster)) {
                (Some(engineer), _) => vec![engineer],
                (None, Some(team)) => {
                    roster.engineers.values().filter(|engineer| engineer.team.as_deref() == Some(team)).collect()
                }
                (None, None) => Vec::new(),
            };
            for engineer in members {
                if !named.iter().any(|(known, _)| known.id == engineer.id) {
                    named.push((engineer, self.reason(owner)));
                }
            }
        }
        named
    }

    /// The first team of the roster that it names.
    pub(super) fn team<'a>(&self, roster: &'a Roster) -> Option<&'a str> {
        self.owners.iter().filter(|owner| person(owner, roster).is_none()).find_map(|owner| team(owner, roster))
    }

    fn reason(&self, owner: &Owner) -> OwnerReason {
        OwnerReason::NamedByRule {
            owner: owner.to_string(),
            file: self.file.clone(),
            written_in: self.written_in.clone(),
            line: self.line,
        }
    }
}

fn person<'a>(owner: &Owner, roster: &'a Roster) -> Option<&'a Engineer> {
    match owner {
        Owner::Name(name) if !name.contains('/') => roster.find(name),
        Owner::Email(email) => roster.find(email),
        Owner::Name(_) | Owner::Role(_) => None,
    }
}

/// A team as the roster writes it; a forge writes `acme/check-out` for the team *Check out*.
fn team<'a>(owner: &Owner, roster: &'a Roster) -> Option<&'a str> {
    let Owner::Name(name) = owner else { return None };
    let wanted = slug(name.rsplit('/').next().unwrap_or(name));
    let mut teams = roster.engineers.values().filter_map(|engineer| engineer.team.as_deref());
    teams.find(|team| !wanted.is_empty() && slug(team) == wanted)
}

fn slug(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
}
