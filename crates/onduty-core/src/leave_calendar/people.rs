//! Whom an event names: exactly one engineer, or it says so.

use crate::icalendar::Event;
use crate::ids::EngineerId;
use crate::roster::Roster;
use std::collections::{BTreeMap, BTreeSet};

/// Signs that part a title: `Lena Vogt - Vacation`, `Urlaub: Vogt, Lena`, `Lena Vogt (Vacation)`. A hyphen within a word does not.
const PARTS: [&str; 12] = [" - ", " – ", " — ", ":", "(", ")", "[", "]", "|", "/", "·", "\n"];
/// What stands beside a name and is none, as whole words, in the languages of the exports that were looked at. A word that is missing here
/// makes an event unclear, never somebody else's.
const LEAVE_WORDS: [&str; 75] = [
    "absence",
    "absences",
    "absent",
    "abwesend",
    "abwesenheit",
    "annual",
    "approved",
    "at",
    "away",
    "bereavement",
    "bezahlt",
    "bezahlter",
    "care",
    "compensation",
    "conge",
    "conges",
    "congé",
    "congés",
    "day",
    "days",
    "de",
    "elternzeit",
    "ferie",
    "ferien",
    "ferier",
    "for",
    "frei",
    "from",
    "ganztägig",
    "genehmigt",
    "half",
    "holiday",
    "holidays",
    "home",
    "in",
    "is",
    "krank",
    "krankheit",
    "krankmeldung",
    "leave",
    "malade",
    "maladie",
    "maternity",
    "mutterschutz",
    "of",
    "off",
    "office",
    "on",
    "ooo",
    "out",
    "paid",
    "parental",
    "paternity",
    "payés",
    "personal",
    "pto",
    "rtt",
    "sabbatical",
    "sick",
    "sickness",
    "sonderurlaub",
    "tag",
    "tage",
    "the",
    "time",
    "to",
    "unpaid",
    "until",
    "urlaub",
    "vacaciones",
    "vacation",
    "vacations",
    "vakantie",
    "verlof",
    "von",
];
/// Longest name that is told, in letters.
const SHOWN: usize = 60;

/// Whom an event names.
pub enum Named {
    /// This one.
    One(EngineerId),
    /// More than one, or one by name and another by address; what may be the name.
    Several(Vec<EngineerId>, String),
    /// Nobody on the roster; what may be the name.
    Nobody(String),
}

/// The people of a roster, by what names them.
pub struct People {
    by_email: BTreeMap<String, EngineerId>,
    /// By the first word of a name: all of its words, and whose it is.
    by_word: BTreeMap<String, Vec<(Vec<String>, EngineerId)>>,
}

/// Words in lower case.
pub fn words(text: &str) -> Vec<String> {
    let parts = text.split(|letter: char| !letter.is_alphanumeric() && letter != '\'');
    parts.filter(|part| !part.is_empty()).map(str::to_lowercase).collect()
}

/// Whether a word says something of the leave, not of the person.
fn is_leave_word(word: &str, more: &[&str]) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit())
        || LEAVE_WORDS.contains(&word)
        || more.iter().any(|known| words(known).iter().any(|known| word.starts_with(known.as_str())))
}

impl People {
    pub fn of(roster: &Roster) -> People {
        let mut people = People { by_email: BTreeMap::new(), by_word: BTreeMap::new() };
        for engineer in roster.engineers.values() {
            for email in &engineer.emails {
                people.by_email.insert(email.to_lowercase(), engineer.id.clone());
            }
            let name = words(&engineer.name);
            let mut forms = BTreeSet::from([name.clone()]);
            // `Vogt, Lena`
            if let Some((last, first)) = name.split_last().filter(|(_, first)| !first.is_empty()) {
                forms.insert(std::iter::once(last).chain(first).cloned().collect());
            }
            for form in forms {
                let Some(first) = form.first() else { continue };
                people.by_word.entry(first.clone()).or_default().push((form, engineer.id.clone()));
            }
        }
        people
    }

    /// Whom `event` names; `more` are words beside those that are known to be none of a name.
    pub fn of_event(&self, event: &Event, more: &[&str]) -> Named {
        let parts: Vec<&str> = parts(&event.title);
        let named: BTreeSet<&EngineerId> = parts.iter().flat_map(|part| self.in_part(part, more)).collect();
        let invited: BTreeSet<&EngineerId> = event.emails.iter().filter_map(|email| self.by_email.get(email)).collect();
        let shown = || shown(&parts, more);
        let several = |all: BTreeSet<&EngineerId>| Named::Several(all.into_iter().cloned().collect(), shown());
        match (named.len(), invited.len()) {
            (1, _) if invited.is_empty() || invited.is_superset(&named) => {
                Named::One(named.into_iter().next().expect("one").clone())
            }
            // Somebody who is invited beside others need not be away.
            (0, 1) if event.emails.len() == 1 => Named::One(invited.into_iter().next().expect("one").clone()),
            (0, 0) => Named::Nobody(shown()),
            _ => several(named.union(&invited).copied().collect()),
        }
    }

    /// Whose name is all of a part, short of words about the leave: *Anna Lena Vogt* is not *Lena Vogt*.
    fn in_part(&self, part: &str, more: &[&str]) -> Vec<&EngineerId> {
        let all = words(part);
        let mut found = Vec::new();
        for (at, word) in all.iter().enumerate() {
            for (name, engineer) in self.by_word.get(word).into_iter().flatten() {
                let is_here = all[at..].starts_with(name);
                let mut beside = all[..at].iter().chain(all.iter().skip(at + name.len()));
                if is_here && beside.all(|word| is_leave_word(word, more)) {
                    found.push(engineer);
                }
            }
        }
        found
    }
}

fn parts(title: &str) -> Vec<&str> {
    PARTS.iter().fold(vec![title], |parts, sign| parts.into_iter().flat_map(|part| part.split(sign)).collect())
}

/// What may be a name: the first part that does not only say what leave it is.
fn shown(parts: &[&str], more: &[&str]) -> String {
    let is_name = |part: &&&str| words(part).iter().any(|word| !is_leave_word(word, more));
    let part = parts.iter().find(is_name).map_or("", |part| part.trim());
    let kept = part.split_whitespace().filter(|word| words(word).iter().any(|word| !is_leave_word(word, more)));
    kept.collect::<Vec<_>>().join(" ").chars().take(SHOWN).collect()
}
