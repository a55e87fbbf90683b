//! From authors of commits to people: one person has one id, whatever addresses they commit with.

use jiff::Timestamp;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Most addresses that are kept of one person.
const MAX_EMAILS: usize = 8;
/// Most owners that are listed.
const MAX_OWNERS: usize = 60;
/// Names of machines that commit, in lower case.
const BOTS: [&str; 22] = [
    "actions-user",
    "allcontributors",
    "bors",
    "codecov",
    "copilot",
    "dependabot",
    "dependabot-preview",
    "depfu",
    "github",
    "github action",
    "github actions",
    "github-actions",
    "gitlab",
    "greenkeeper",
    "imgbot",
    "jenkins",
    "mergify",
    "pre-commit-ci",
    "pyup-bot",
    "renovate",
    "snyk-bot",
    "weblate",
];

/// A commit, as far as it tells about its author.
#[derive(Debug, Clone)]
pub struct Authored {
    /// After `.mailmap`.
    pub name: String,
    /// After `.mailmap`.
    pub email: String,
    /// When it was committed.
    pub at: Timestamp,
    /// When it was written, by the author's clock.
    pub written: Timestamp,
    /// The author's offset from UTC, in seconds.
    pub offset: Option<i32>,
}

impl Authored {
    /// From name, address, two times in seconds and an offset such as `+0100`.
    pub fn read([name, email, committed, written, offset]: [Cow<'_, str>; 5]) -> Authored {
        let time = |text: &str| {
            text.parse().ok().and_then(|second| Timestamp::from_second(second).ok()).unwrap_or(Timestamp::UNIX_EPOCH)
        };
        let number = offset.parse::<i32>().ok().filter(|_| offset.len() == 5 && !offset.starts_with("-0000"));
        Authored {
            name: one_line(&name),
            email: email.trim().to_owned(),
            at: time(&committed),
            written: time(&written),
            offset: number.map(|number| (number / 100) * 3600 + (number % 100) * 60),
        }
    }
}

/// Somebody who takes turns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Short name, unique.
    pub id: String,
    /// As they write it.
    pub name: String,
    /// Most used first, addresses that reach nobody last.
    pub emails: Vec<String>,
    /// Logins that addresses give away.
    pub logins: Vec<String>,
    /// Commits that were looked at.
    pub commits: usize,
}

impl Person {
    /// Whether CODEOWNERS means this person by `owner`.
    pub fn is(&self, owner: &str) -> bool {
        let names = self.logins.iter().chain(&self.emails).chain([&self.id]);
        names.into_iter().any(|name| name.eq_ignore_ascii_case(owner.trim_start_matches('@')))
    }
}

/// Whether a machine committed this.
pub fn is_bot(name: &str, email: &str) -> bool {
    let (name, email) = (name.to_lowercase(), email.to_lowercase());
    let user = email.split('@').next().unwrap_or_default();
    let bare = name.trim_end_matches("[bot]").trim();
    name.ends_with("[bot]")
        || user.ends_with("[bot]")
        || BOTS.contains(&bare)
        || ["-bot", " bot", "_bot"].iter().any(|end| name.ends_with(end) || user.ends_with(end))
        || ["noreply", "no-reply", "bot", "actions"].contains(&user)
}

/// The people behind commits, most active first. The same address, login or name is the same person.
pub fn merge(commits: &[Authored]) -> Vec<Person> {
    let mut groups: Vec<Option<Vec<&Authored>>> = Vec::new();
    let mut group_of: HashMap<String, usize> = HashMap::new();
    for commit in commits {
        let mut keys =
            vec![format!("name {}", commit.name.to_lowercase()), format!("mail {}", commit.email.to_lowercase())];
        keys.extend(login(&commit.email).map(|login| format!("login {}", login.to_lowercase())));
        keys.retain(|key| !key.ends_with(' '));
        let mut known: Vec<usize> = keys.iter().filter_map(|key| group_of.get(key).copied()).collect();
        known.sort_unstable();
        known.dedup();
        let home = known.first().copied().unwrap_or_else(|| {
            groups.push(Some(Vec::new()));
            groups.len() - 1
        });
        for other in known.iter().skip(1) {
            // A commit joins two people who looked different so far.
            let moved = groups[*other].take().unwrap_or_default();
            groups[home].get_or_insert_default().extend(moved);
            group_of.values_mut().filter(|group| *group == other).for_each(|group| *group = home);
        }
        groups[home].get_or_insert_default().push(commit);
        group_of.extend(keys.into_iter().map(|key| (key, home)));
    }
    let mut groups: Vec<Vec<&Authored>> = groups.into_iter().flatten().filter(|group| !group.is_empty()).collect();
    groups.sort_by_key(|group| (std::cmp::Reverse(group.len()), most_used(group.iter().map(|commit| &commit.name))));
    let mut taken = BTreeSet::from(["all".to_owned()]); // a word of the roster
    groups.into_iter().map(|group| person(&group, &mut taken)).collect()
}

fn person(commits: &[&Authored], taken: &mut BTreeSet<String>) -> Person {
    let names = by_use(commits.iter().map(|commit| commit.name.as_str()).filter(|name| !name.is_empty()));
    let mut emails = by_use(commits.iter().map(|commit| commit.email.as_str()).filter(|email| is_address(email)));
    let mut seen = BTreeSet::new();
    emails.retain(|email| seen.insert(email.to_lowercase()));
    emails.sort_by_key(|email| login(email).is_some() || email.to_lowercase().contains("noreply"));
    let mut logins: Vec<String> = emails.iter().filter_map(|email| login(email)).collect();
    logins.dedup_by_key(|login| login.to_lowercase());
    let user = emails.first().and_then(|email| email.split('@').next()).unwrap_or_default();
    // A full name says more than `lv`, even when it is used less often.
    let name =
        names.iter().find(|name| name.contains(' ')).or(names.first()).map_or(user.to_owned(), |name| name.to_string());
    let id = id(&name, user, taken);
    let name = if name.is_empty() { id.clone() } else { name };
    let emails = emails.into_iter().take(MAX_EMAILS).map(str::to_owned).collect();
    Person { id, name, emails, logins, commits: commits.len() }
}

/// A short name nobody has yet: first name, else the whole name, else the address, else a number behind it.
fn id(name: &str, user: &str, taken: &mut BTreeSet<String>) -> String {
    let words: Vec<String> =
        name.split(|c: char| !c.is_alphanumeric()).map(plain).filter(|word| !word.is_empty()).collect();
    let whole = words.join("-");
    let first = words.first().filter(|word| word.len() > 1).cloned().unwrap_or_default();
    let candidates =
        [first, whole, plain(user), "engineer".to_owned()].map(|text| text.chars().take(50).collect::<String>());
    let usable = |id: &String| onduty_core::ids::is_plain_id(id);
    let free = candidates.iter().find(|id| usable(id) && !taken.contains(*id)).cloned();
    let base = candidates.iter().rfind(|id| usable(id)).cloned().unwrap_or_default();
    let id = free.or_else(|| (2..).map(|number| format!("{base}-{number}")).find(|id| !taken.contains(id)));
    let id = id.unwrap_or(base);
    taken.insert(id.clone());
    id
}

/// Lower-case ASCII letters and digits; accents go where their letter is plain to see.
fn plain(text: &str) -> String {
    let fold = |c: char| match c {
        'a'..='z' | '0'..='9' => Cow::Owned(c.to_string()),
        'à' | 'á' | 'â' | 'ã' | 'å' | 'ą' | 'ă' | 'ā' => "a".into(),
        'ä' | 'æ' => "ae".into(),
        'ç' | 'ć' | 'č' => "c".into(),
        'ď' | 'đ' => "d".into(),
        'è' | 'é' | 'ê' | 'ë' | 'ę' | 'ě' | 'ē' => "e".into(),
        'ğ' => "g".into(),
        'ì' | 'í' | 'î' | 'ï' | 'ı' | 'ī' => "i".into(),
        'ł' => "l".into(),
        'ñ' | 'ń' | 'ň' => "n".into(),
        'ò' | 'ó' | 'ô' | 'õ' | 'ő' => "o".into(),
        'ö' | 'ø' | 'œ' => "oe".into(),
        'ř' => "r".into(),
        'ś' | 'š' | 'ş' | 'ș' => "s".into(),
        'ß' => "ss".into(),
        'ť' | 'ț' => "t".into(),
        'ù' | 'ú' | 'û' | 'ů' | 'ű' | 'ū' => "u".into(),
        'ü' => "ue".into(),
        'ý' | 'ÿ' => "y".into(),
        'ź' | 'ż' | 'ž' => "z".into(),
        _ => Cow::Borrowed(""),
    };
    text.to_lowercase().chars().map(fold).collect()
}

/// The login in an address of the form `123+login@users.noreply.github.com`.
fn login(email: &str) -> Option<String> {
    let user =
        email.to_lowercase().strip_suffix("@users.noreply.github.com").map(|user| email[..user.len()].to_owned())?;
    let login = user.split_once('+').map_or(user.as_str(), |(_, login)| login);
    let plain = !login.is_empty() && login.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    plain.then(|| login.to_owned())
}

fn is_address(email: &str) -> bool {
    let parts = email.split_once('@');
    parts.is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'))
        && email.len() <= 200
        && !email.chars().any(|c| c.is_control() || c.is_whitespace())
}

fn by_use<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    texts.for_each(|text| *counts.entry(text).or_default() += 1);
    let mut texts: Vec<(&str, usize)> = counts.into_iter().collect();
    texts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    texts.into_iter().map(|(text, _)| text).collect()
}

fn most_used<'a>(texts: impl Iterator<Item = &'a String>) -> String {
    by_use(texts.map(String::as_str)).first().map(|text| text.to_string()).unwrap_or_default()
}

/// Owners named in a CODEOWNERS file, each once, in its order.
pub fn code_owners(text: &str) -> Vec<String> {
    let mut owners: Vec<String> = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        // A section of GitLab, `[Name] @owner`, has its name where others have a path.
        let words = line.rsplit(']').next().unwrap_or_default().split_whitespace();
        let words = words.skip(usize::from(!line.contains(']')));
        for owner in words.filter(|word| word.starts_with('@') && word.len() > 1 || is_address(word)) {
            let owner = one_line(owner);
            if owners.len() < MAX_OWNERS && !owners.contains(&owner) {
                owners.push(owner);
            }
        }
    }
    owners
}

/// One line without control characters, or characters that turn the direction of text around.
pub fn one_line(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let words: String = text.chars().map(|c| if hidden(c) { ' ' } else { c }).take(120).collect();
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(name: &str, email: &str) -> Authored {
        Authored::read([name, email, "1772442000", "1772442000", "+0100"].map(Cow::Borrowed))
    }

    #[test]
    fn one_person_has_one_id() {
        let commits = [
            commit("Lena Vogt", "lena@example.org"),
            commit("lv", "lv@home.example"),
            commit("Lena Vogt", "lv@home.example"),
            commit("Omar", "7+omar-h@users.noreply.github.com"),
            commit("omar-h", "omar-h@users.noreply.github.com"),
            commit("Omar", "omar@example.org"),
            commit("Lena Ångström", "la@example.org"),
            commit("李雷", "li.lei@example.org"),
            commit("", "\u{7}"),
            commit("Lena Vogt", "LENA@example.org"),
            commit("All", "all@example.org"),
        ];
        let people: Vec<String> = merge(&commits)
            .iter()
            .map(|p| format!("{} {:?} {} {} {}", p.id, p.name, p.emails.join(","), p.logins.join(","), p.commits))
            .collect();
        assert_eq!(
            people,
            [
                "lena \"Lena Vogt\" lv@home.example,LENA@example.org  4",
                "omar \"Omar\" omar@example.org,7+omar-h@users.noreply.github.com,omar-h@users.noreply.github.com omar-h 3",
                "engineer \"engineer\"   1",
                "engineer-2 \"All\" all@example.org  1",
                "lena-angstroem \"Lena Ångström\" la@example.org  1",
                "lilei \"李雷\" li.lei@example.org  1",
            ]
        );
    }

    #[test]
    fn machines_take_no_turns() {
        for (name, email) in [
            ("dependabot[bot]", "49699333+dependabot[bot]@users.noreply.github.com"),
            ("renovate", "x@example.org"),
            ("Renovate Bot", "x@example.org"),
            ("GitHub Actions", "x@example.org"),
            ("GitHub", "noreply@github.com"),
            ("CI", "release-bot@example.org"),
        ] {
            assert!(is_bot(name, email), "{name} {email}");
        }
        for (name, email) in [("Anna Abbot", "abbot@example.org"), ("Bo T", "7+bo@users.noreply.github.com")] {
            assert!(!is_bot(name, email), "{name} {email}");
        }
    }

    #[test]
    fn owners_of_code() {
        let text = "# all\n* @lena @acme/shop # @nobody\n/src/ omar@example.org @lena\n[Docs] @writers\n*.md\n/a@b x";
        assert_eq!(code_owners(text), ["@lena", "@acme/shop", "omar@example.org", "@writers"]);
    }
}
