//! In which time zone a team works, guessed from the offsets of its commits.

use super::people::Authored;
use jiff::tz::TimeZone;

/// Commits that are looked at.
const MAX_COMMITS: usize = 500;

/// Where teams usually are; the first of several that fit is proposed.
const USUAL: [&str; 27] = [
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Helsinki",
    "Europe/Istanbul",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Phoenix",
    "America/Halifax",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Bogota",
    "Asia/Kolkata",
    "Asia/Dubai",
    "Asia/Jerusalem",
    "Asia/Karachi",
    "Asia/Dhaka",
    "Asia/Ho_Chi_Minh",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Australia/Sydney",
    "Australia/Brisbane",
    "Australia/Adelaide",
    "Australia/Perth",
    "Pacific/Auckland",
];

/// A guess, and its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guess {
    /// `Europe/Berlin`
    pub name: String,
    /// For people.
    pub reason: String,
}

/// The zone that most of `commits`, newest first, were written in; the machine's where it fits as well.
pub fn guess(commits: &[Authored], machine: &TimeZone) -> Guess {
    let known: Vec<&Authored> = commits.iter().filter(|commit| commit.offset.is_some()).take(MAX_COMMITS).collect();
    let fits = |zone: &TimeZone| {
        known.iter().filter(|commit| commit.offset == Some(zone.to_offset(commit.written).seconds())).count()
    };
    let total = known.len();
    let machine_name = machine.iana_name().filter(|name| TimeZone::get(name).is_ok()).map(|name| match name {
        "Etc/UTC" | "Etc/UCT" | "UCT" | "Zulu" | "Etc/Zulu" | "Universal" => "UTC",
        other => other,
    });
    let machine_fits = fits(machine);
    let mut best = ("UTC", 0);
    for name in USUAL {
        let count = TimeZone::get(name).map_or(0, |zone| fits(&zone));
        if count > best.1 {
            best = (name, count);
        }
    }
    match machine_name {
        Some(name) if machine_fits >= best.1 && total > 0 => Guess {
            name: name.to_owned(),
            reason: format!("this machine's, and {machine_fits} of {total} commits fit it"),
        },
        Some(name) if total == 0 || best.1 * 2 <= total => {
            Guess { name: name.to_owned(), reason: "this machine's; the commits come from many places".to_owned() }
        }
        _ if best.1 > 0 => {
            let reason = format!("{} of {total} commits fit it, and so may other zones with the same offset", best.1);
            Guess { name: best.0.to_owned(), reason }
        }
        _ => Guess {
            name: "UTC".to_owned(),
            reason: "neither the commits nor this machine say anything else".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    const WINTER: &str = "1768470000"; // 2026-01-15
    const SUMMER: &str = "1784109600"; // 2026-07-15

    fn check(commits: &[(&str, &str)], machine: &str, name: &str, reason: &str) {
        let commits: Vec<Authored> = commits
            .iter()
            .map(|(time, offset)| Authored::read(["a", "a@b", time, time, offset].map(Cow::Borrowed)))
            .collect();
        let machine = if machine.is_empty() { TimeZone::unknown() } else { TimeZone::get(machine).unwrap() };
        let guess = guess(&commits, &machine);
        assert_eq!(guess.name, name);
        assert!(guess.reason.contains(reason), "{}", guess.reason);
    }

    #[test]
    fn guesses() {
        let paris = [(WINTER, "+0100"), (SUMMER, "+0200"), (SUMMER, "+0200"), (WINTER, "+0530")];
        check(&paris, "Europe/Paris", "Europe/Paris", "this machine's, and 3 of 4 commits fit it");
        check(&paris, "UTC", "Europe/Berlin", "3 of 4 commits fit it, and so may");
        check(&paris, "", "Europe/Berlin", "3 of 4");
        check(&[(WINTER, "-0500"), (SUMMER, "-0400")], "Etc/UTC", "America/New_York", "2 of 2");
        check(&[(WINTER, "-0330")], "UTC", "America/St_Johns", "1 of 1");
        check(&[(WINTER, "+0000"), (SUMMER, "+0000")], "Etc/UTC", "UTC", "this machine's");
        check(
            &[(WINTER, "+0100"), (WINTER, "+0900"), (WINTER, "-0800")],
            "Asia/Kolkata",
            "Asia/Kolkata",
            "many places",
        );
        check(&[], "Europe/Oslo", "Europe/Oslo", "this machine's");
        check(&[(WINTER, "nonsense")], "", "UTC", "neither");
    }
}
