//! Forty engineers of a company that does not exist.
//!
//! Names are as long, as short and in as many scripts as in a real team, because pages break on names first.

/// Where the team's working day is.
pub const ZONE: &str = "Europe/Berlin";

/// One engineer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person {
    /// Short name, unique: `lena`.
    pub id: &'static str,
    /// As people write it.
    pub name: &'static str,
    /// `checkout`, `search`, `messaging`, `platform` or `mobile`.
    pub team: &'static str,
    /// Days away around the sample day, from and to, counted from it; both ends count.
    pub away: Option<(i8, i8)>,
    /// Whether this person also commits with a private address.
    pub two_addresses: bool,
}

impl Person {
    /// `lena@acme.example`
    pub fn email(&self) -> String {
        format!("{}@acme.example", self.id)
    }

    /// The private address of somebody who has two.
    pub fn other_email(&self) -> Option<String> {
        self.two_addresses.then(|| format!("{}@home.example", self.id))
    }

    /// The login at the code host.
    pub fn login(&self) -> String {
        format!("{}-acme", self.id)
    }
}

const fn one(id: &'static str, name: &'static str, team: &'static str) -> Person {
    Person { id, name, team, away: None, two_addresses: false }
}

const fn away(person: Person, from: i8, to: i8) -> Person {
    Person { away: Some((from, to)), ..person }
}

const fn twice(person: Person) -> Person {
    Person { two_addresses: true, ..person }
}

const TEAM: [Person; 40] = [
    one("lena", "Lena Vogt", "checkout"),
    one("omar", "Omar Haddad", "platform"),
    one("priya", "Priya Raghunathan", "checkout"),
    one("asa", "Åsa Lindqvist", "search"),
    twice(one("sam", "Sam Okafor", "checkout")),
    one("layla", "ليلى الفارسي", "messaging"),
    one("noor", "Noor de Vries", "platform"),
    one("hiroshi", "Hiroshi Tanaka", "mobile"),
    away(one("mateus", "Mateus Conceição", "messaging"), -3, 9),
    one("zofia", "Zofia Wiśniewska", "checkout"),
    one("chau", "Đặng Thị Minh Châu", "search"),
    one("tevita", "Tevita Fonua", "mobile"),
    one("ines", "Inês Duarte", "platform"),
    one("maximiliana", "Maximiliana Wilhelmina Konstantinopoulou-von Hohenfels-Schwarzenberg", "platform"),
    one("kwame", "Kwame Mensah", "messaging"),
    away(one("cagla", "Çağla Yıldırım", "search"), 0, 0),
    one("jiwoo", "김지우", "mobile"),
    one("bjorn", "Björn Guðmundsson", "platform"),
    one("tomas", "Tomáš Dvořák", "search"),
    one("lucia", "Lucía Fernández Ibáñez", "checkout"),
    one("yael", "יעל בן־דוד", "mobile"),
    twice(one("chiara", "Chiara Esposito", "messaging")),
    one("oleksandr", "Oleksandr Kovalenko", "platform"),
    one("wanjiru", "Wanjiru Kamau", "search"),
    one("anais", "Anaïs Lefèvre", "mobile"),
    away(one("ravi", "Ravi Subramanian", "platform"), -1, 3),
    one("siobhan", "Siobhán Ní Dhomhnaill", "checkout"),
    one("thandiwe", "Thandiwe Nkosi", "mobile"),
    one("sven", "Sven Jørgensen", "messaging"),
    one("bo", "Bo Li", "search"),
    one("fatima", "Fatima Zahra Benali", "platform"),
    one("marek", "Marek Šťastný", "mobile"),
    one("ngozi", "Ngozi Adeyemi", "checkout"),
    twice(one("nikos", "Νίκος Παπαδόπουλος", "messaging")),
    one("misaki", "佐藤 美咲", "mobile"),
    one("padraig", "Pádraig O’Súilleabháin", "search"),
    away(one("elif", "Elif Aydın", "mobile"), 14, 18),
    one("dmitri", "Дмитрий Соколов", "platform"),
    one("isabella", "Isabella Rossi-Nakamura", "checkout"),
    one("tane", "Tāne Ngata", "messaging"),
];

/// Everybody, in the order of the first round.
pub fn team() -> &'static [Person] {
    &TEAM
}

/// The one called `id`.
pub fn person(id: &str) -> Option<&'static Person> {
    TEAM.iter().find(|person| person.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn forty_different_people_in_five_teams() {
        let count = |of: fn(&Person) -> &str| team().iter().map(of).collect::<BTreeSet<_>>().len();
        assert_eq!((count(|one| one.id), count(|one| one.name), count(|one| one.team)), (40, 40, 5));
        assert!(team().iter().all(|one| one.id.bytes().all(|byte| byte.is_ascii_lowercase())));
        assert!(team().iter().any(|one| one.name.chars().count() > 60), "one very long name");
        assert!(team().iter().any(|one| one.name.starts_with('ل')), "one name from right to left");
        let today = team().iter().filter(|one| one.away.is_some_and(|(from, to)| from <= 0 && to >= 0)).count();
        assert_eq!(today, 3, "away on the sample day");
    }
}
