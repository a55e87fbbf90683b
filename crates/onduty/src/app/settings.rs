//! What is different between the files that were in force and those that are now, part by part and without their values:
//! an address or a path is nobody's business who may read the access log, and a secret may have slipped into one.

use crate::config::{Config, Files};
use onduty_core::roster::Roster;
use std::path::Path;

/// Most changes that are told one by one.
const MOST: usize = 20;

/// What changed in `onduty.yml`, by its keys.
pub(super) fn of_config(before: &Config, after: &Config) -> Vec<String> {
    // Taken apart, so that a new part cannot be forgotten here.
    let Config {
        name,
        listen,
        data,
        database,
        roster,
        processes,
        sources,
        write_back_errors,
        rollouts,
        leave_calendars,
        egress,
        server,
        access,
        performance,
    } = before;
    let parts = [
        ("name", *name != after.name),
        ("listen", *listen != after.listen),
        ("data", *data != after.data),
        ("database", *database != after.database),
        ("roster", *roster != after.roster),
        ("processes", *processes != after.processes),
        ("sources", *sources != after.sources),
        ("write_back", *write_back_errors != after.write_back_errors),
        ("rollouts", *rollouts != after.rollouts),
        ("leave_calendars", *leave_calendars != after.leave_calendars),
        ("egress", *egress != after.egress),
        ("server", *server != after.server),
        ("access", *access != after.access),
        ("performance", *performance != after.performance),
    ];
    changed(parts.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| format!("{key} changed")))
}

/// Who came, left or changed in the roster.
pub(super) fn of_roster(before: &Roster, after: &Roster) -> Vec<String> {
    let left = before.engineers.keys().filter(|id| !after.engineers.contains_key(*id));
    let engineers = after.engineers.iter().filter_map(|(id, now)| match before.engineers.get(id) {
        None => Some(format!("engineer {id} added")),
        Some(then) => (then != now).then(|| format!("engineer {id} changed")),
    });
    let ended = before.duties.iter().filter(|duty| after.duty(&duty.id).is_none());
    let duties = after.duties.iter().filter_map(|now| match before.duty(&now.id) {
        None => Some(format!("duty {} added", now.id)),
        Some(then) => (then != now).then(|| format!("duty {} changed", now.id)),
    });
    let engineers = left.map(|id| format!("engineer {id} taken out")).chain(engineers);
    changed(engineers.chain(ended.map(|duty| format!("duty {} taken out", duty.id))).chain(duties))
}

/// At most [`MOST`], and how many more.
pub(super) fn changed(all: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = all.collect();
    if all.is_empty() {
        // A remark, or the order of lines.
        all.push("nothing that counts".to_owned());
    }
    let more = all.len().saturating_sub(MOST);
    all.truncate(MOST);
    all.extend((more > 0).then(|| format!("{more} more")));
    all
}

/// A file as people of the instance know it: below the folder of `onduty.yml`.
pub(super) fn name_of(files: &Path, path: &Path) -> String {
    let folder = files.parent().unwrap_or(Path::new(""));
    path.strip_prefix(folder).unwrap_or(path).display().to_string()
}

/// `roster.yml` below the folder of `files`.
pub(super) fn name_of_roster(files: &Files) -> String {
    name_of(&files.path, &files.config.roster)
}

#[cfg(test)]
mod tests {
    use super::*;
    use onduty_core::roster;

    #[test]
    fn parts_are_named_and_values_are_not() {
        let parse = |text: &str| Config::parse("onduty.yml", text, Path::new("")).unwrap();
        let before = parse("name: Acme\nsources:\n  git: {repository: 'https://a.example/hush'}\n");
        assert_eq!(of_config(&before, &before), ["nothing that counts"]);
        let after = parse("name: Bcme\nlisten: 127.0.0.1:7008\nsources: {}\n");
        assert_eq!(of_config(&before, &after), ["name changed", "listen changed", "sources changed"]);
    }

    #[test]
    fn people_and_duties_come_and_go() {
        let roster = |engineers: &str, zone: &str| {
            let text = format!(
                "engineers:\n{engineers}duties:\n  developers: {{name: Developers, members: [lena], zone: {zone}, \
                 hours: \"09:00-17:00\"}}\n"
            );
            roster::parse("roster.yml", &text).unwrap()
        };
        let lena = "  lena: {name: Lena Vogt, emails: [lena@acme.example]}\n";
        let before = roster(&format!("{lena}  omar: {{name: Omar Haddad}}\n"), "Europe/Paris");
        let after = roster(&format!("{lena}  mira: {{name: Mira}}\n").replace("Vogt", "Voigt"), "Europe/Rome");
        assert_eq!(
            of_roster(&before, &after),
            ["engineer omar taken out", "engineer lena changed", "engineer mira added", "duty developers changed"]
        );
        let many = changed((0..25).map(|n| n.to_string()));
        assert_eq!((many.len(), many[20].as_str()), (21, "5 more"));
    }
}
