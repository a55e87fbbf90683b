//! All files of a team together: `onduty.yml`, `roster.yml`, the processes, and what must fit between them.

use super::{Broken, Config, FILE_NAME, LoadError, read, read_text};
use onduty_core::files::{self, Node, Place, Problem, Problems, Value, closest};
use onduty_core::ids::DutyId;
use onduty_core::process::{self, Process, StepKind};
use onduty_core::roster::holidays::{self, HolidayFiles};
use onduty_core::roster::{self, Roster};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Most process files that are looked at.
const MAX_PROCESSES: usize = 200;

/// What a team wrote, checked.
#[derive(Debug)]
pub struct Files {
    /// The file that was named, or `onduty.yml` in the folder that was.
    pub path: PathBuf,
    /// The instance.
    pub config: Config,
    /// `onduty.yml` as it is, to tell whether it changed.
    pub config_text: String,
    /// The engineers and duties.
    pub roster: Roster,
    /// `roster.yml` as it is, for the journal.
    pub roster_text: String,
    /// What the calendar files say that it names, for the journal as well.
    pub holidays: HolidayFiles,
    /// One process for each duty of the roster.
    pub processes: BTreeMap<DutyId, ProcessFile>,
    /// What is allowed but may not be meant: the gate will not watch something that a step would block on.
    pub notes: Vec<Problem>,
}

/// The process of a duty and its file.
#[derive(Debug)]
pub struct ProcessFile {
    /// Where it is.
    pub path: PathBuf,
    /// As it is, for the journal.
    pub text: String,
    /// What it says.
    pub process: Process,
}

impl Files {
    /// Reads and checks everything. `path` is a folder with an `onduty.yml`, or such a file.
    ///
    /// # Errors
    /// [`LoadError::Unreadable`] when there is no instance's file at all; otherwise [`LoadError::Broken`] with every
    /// problem of all files.
    pub fn load(path: &Path) -> Result<Files, LoadError> {
        let path = if path.is_dir() { path.join(FILE_NAME) } else { path.to_owned() };
        let base = path.parent().unwrap_or(Path::new("")).to_owned();
        let mut check = Check { base, problems: Vec::new(), notes: Vec::new(), texts: BTreeMap::new() };
        let file = check.name_of(&path);
        let text = match read_text(&path) {
            Ok(text) => text,
            Err(LoadError::Unreadable { path, error }) => return Err(LoadError::Unreadable { path, error }),
            Err(LoadError::Broken(broken)) => return Err(LoadError::Broken(broken)),
        };
        let (config, problems) = read::config(&file, &text, &check.base);
        check.problems.extend(problems);
        check.texts.insert(file.clone(), text.clone());

        let roster_file = check.name_of(&config.roster);
        let roster_text = check.read(&config.roster, &file, "roster");
        let holidays = check.holidays(&config.roster, &roster_file, roster_text.as_deref().unwrap_or_default());
        let roster =
            roster_text.as_ref().and_then(|text| check.keep(roster::parse_with(&roster_file, text, &holidays)));
        let processes = check.processes(&config, &file);
        let processes = match &roster {
            Some(roster) => {
                check.calendars(&config, roster, &file);
                check.fit(&config, roster, &roster_file, processes)
            }
            None => BTreeMap::new(),
        };
        let rank = |name: &str| (name != file, name != roster_file);
        check.problems.sort_by_cached_key(|found| (rank(&found.file), found.file.clone(), found.place));
        match (roster, roster_text) {
            (Some(roster), Some(roster_text)) if check.problems.is_empty() => {
                let notes = check.notes;
                Ok(Files { path, config, config_text: text, roster, roster_text, holidays, processes, notes })
            }
            _ => Err(LoadError::Broken(Broken { problems: check.problems, texts: check.texts })),
        }
    }
}

/// Everything found so far.
struct Check {
    base: PathBuf,
    problems: Vec<Problem>,
    notes: Vec<Problem>,
    texts: BTreeMap<String, String>,
}

/// A process file that could be read.
struct Found {
    stem: String,
    file: String,
    path: PathBuf,
    text: String,
    /// `None` when it has problems.
    process: Option<Process>,
}

impl Check {
    /// `path` as people see it: without a leading `./`.
    fn name_of(&self, path: &Path) -> String {
        path.strip_prefix(".").unwrap_or(path).display().to_string()
    }

    fn add(&mut self, file: &str, place: Place, what: String, mend: impl Into<String>) {
        self.problems.push(Problem { file: file.to_owned(), place, what, mend: mend.into() });
    }

    fn keep<T>(&mut self, parsed: Result<T, Vec<Problem>>) -> Option<T> {
        parsed.map_err(|problems| self.problems.extend(problems)).ok()
    }

    /// The text of a file that `key` of `named_in` names.
    fn read(&mut self, path: &Path, named_in: &str, key: &str) -> Option<String> {
        match read_text(path) {
            Ok(text) => {
                self.texts.insert(self.name_of(path), text.clone());
                Some(text)
            }
            Err(LoadError::Unreadable { path, error }) => {
                let place = self.place(named_in, &[key]);
                let what = format!("{} cannot be read: {error}", self.name_of(&path));
                self.add(named_in, place, what, format!("create it, or name another file with `{key}`"));
                None
            }
            Err(LoadError::Broken(broken)) => {
                self.problems.extend(broken.problems);
                self.texts.extend(broken.texts);
                None
            }
        }
    }

    /// Where the entry at `keys` stands in a file that was read; its beginning when there is none.
    fn place(&self, file: &str, keys: &[&str]) -> Place {
        let start = Place { line: 1, column: 1 };
        let text = self.texts.get(file).map_or("", String::as_str);
        let root = files::parse(text, &mut Problems::new(file));
        root.and_then(|root| place_in(&root, keys)).unwrap_or(start)
    }

    /// What the calendar files say that the roster names.
    fn holidays(&mut self, roster: &Path, roster_file: &str, text: &str) -> HolidayFiles {
        let mut found = HolidayFiles::new();
        for (name, place) in roster::calendar_files(text) {
            if found.contains_key(&name) {
                continue;
            }
            let path = beside(roster, &name);
            let file = self.name_of(&path);
            match read_at_most(&path, holidays::MAX_BYTES) {
                Ok(text) => {
                    let (days, notes, problems) = holidays::read(&file, &text);
                    if !problems.is_empty() {
                        self.texts.insert(file, text);
                    }
                    self.notes.extend(notes);
                    self.problems.extend(problems);
                    found.insert(name, days);
                }
                Err(error) => {
                    let mend = "put the calendar (.ics) of a country or region there";
                    self.add(roster_file, place, format!("{file} cannot be read: {error}"), mend);
                    found.insert(name, BTreeMap::new());
                }
            }
        }
        found
    }

    fn processes(&mut self, config: &Config, file: &str) -> Vec<Found> {
        let paths = match list(&config.processes) {
            Ok(paths) => paths,
            Err(error) => {
                let place = self.place(file, &["processes"]);
                let what = format!("the folder {} cannot be read: {error}", self.name_of(&config.processes));
                self.add(file, place, what, "create it with one `<duty>.yml` for each duty");
                return Vec::new();
            }
        };
        if paths.len() > MAX_PROCESSES {
            let place = self.place(file, &["processes"]);
            let what = format!("{} has more than {MAX_PROCESSES} files", self.name_of(&config.processes));
            self.add(file, place, what, "keep only one `<duty>.yml` for each duty in it");
        }
        let mut found = Vec::new();
        for path in paths.into_iter().take(MAX_PROCESSES) {
            let name = self.name_of(&path);
            if path.extension().is_some_and(|extension| extension == "yaml") {
                self.add(
                    &name,
                    Place { line: 1, column: 1 },
                    "this file is not looked at".to_owned(),
                    "rename it to end with `.yml`",
                );
                continue;
            }
            let Some(text) = self.read(&path, file, "processes") else { continue };
            let process = self.keep(process::parse(&name, &text));
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            found.push(Found { stem, file: name, path, text, process });
        }
        found
    }

    /// What must fit between the files.
    fn fit(
        &mut self,
        config: &Config,
        roster: &Roster,
        roster_file: &str,
        found: Vec<Found>,
    ) -> BTreeMap<DutyId, ProcessFile> {
        let duties: Vec<&str> = roster.duties.iter().map(|duty| duty.id.as_str()).collect();
        for duty in &duties {
            if !found.iter().any(|found| found.stem == *duty) {
                let path = self.name_of(&config.processes.join(format!("{duty}.yml")));
                let place = self.place(roster_file, &["duties", duty]);
                self.add(
                    roster_file,
                    place,
                    format!("the duty `{duty}` has no process"),
                    format!("write it in {path}"),
                );
            }
        }
        let mut processes = BTreeMap::new();
        for found in found {
            if !duties.contains(&found.stem.as_str()) {
                let mend = match closest(&found.stem, &duties) {
                    Some(duty) => format!("did you mean `{duty}.yml`?"),
                    None => format!("add the duty to {roster_file}, or remove the file"),
                };
                let place = self.place(&found.file, &["process"]);
                self.add(&found.file, place, format!("there is no duty `{}` on the roster", found.stem), mend);
            }
            let Some(process) = found.process else { continue };
            if process.duty.as_str() != found.stem {
                let place = self.place(&found.file, &["process"]);
                let what = format!("the file is called `{}`, but the process `{}`", found.stem, process.duty);
                self.add(&found.file, place, what, format!("write `process: {}`, or rename the file", found.stem));
            }
            self.people(roster, roster_file, &found.file, &process);
            self.unwatched(config, &found.file, &process);
            let file = ProcessFile { path: found.path, text: found.text, process };
            processes.insert(file.process.duty.clone(), file);
        }
        processes
    }

    /// Whose calendars are read must be on the roster.
    fn calendars(&mut self, config: &Config, roster: &Roster, file: &str) {
        for (name, calendar) in &config.leave_calendars {
            let Some(engineer) = &calendar.reading.engineer else { continue };
            if !roster.engineers.contains_key(engineer) {
                let known: Vec<&str> = roster.engineers.keys().map(|id| id.as_str()).collect();
                let mend = match closest(engineer.as_str(), &known) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => "write the short name of an engineer of the roster".to_owned(),
                };
                let place = self.place(file, &["leave_calendars", name, "engineer"]);
                self.add(file, place, format!("`{engineer}` is not on the roster"), mend);
            }
        }
    }

    /// Everybody whom a process names must be on the roster: an engineer, a team or a duty.
    fn people(&mut self, roster: &Roster, roster_file: &str, file: &str, process: &Process) {
        let teams = || roster.engineers.values().filter_map(|engineer| engineer.team.as_deref());
        let is_known = |name: &str| {
            roster.find(name).is_some() || teams().any(|team| team == name) || roster.duty(&DutyId::new(name)).is_some()
        };
        let known: Vec<&str> = {
            let engineers = roster.engineers.keys().map(|id| id.as_str());
            engineers.chain(teams()).chain(roster.duties.iter().map(|duty| duty.id.as_str())).collect()
        };
        for (index, step) in process.steps.iter().enumerate() {
            let step_at = index.to_string();
            let reviewers = step.reviewers.iter().map(|name| (name, vec!["steps", &step_at, "reviewers", name]));
            let escalation =
                step.escalate.iter().map(|escalate| (&escalate.to, vec!["steps", &step_at, "escalate", "to"]));
            for (name, keys) in reviewers.chain(escalation).filter(|(name, _)| !is_known(name)) {
                let mend = match closest(name, &known) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => format!("name an engineer, team or duty of {roster_file}"),
                };
                let place = self.place(file, &keys);
                self.add(file, place, format!("`{name}` is not on the roster"), mend);
            }
        }
    }

    /// A step that would hold the rollout, on a kind that nobody watches, is off: worth a note, because it is allowed.
    fn unwatched(&mut self, config: &Config, file: &str, process: &Process) {
        for step in process.steps.iter().filter(|step| step.blocks_rollout) {
            let StepKind::Each { list, .. } = &step.kind else { continue };
            if config.sources.absent.contains(&list.kind()) {
                self.notes.push(Problem {
                    file: file.to_owned(),
                    place: step.place,
                    what: format!("the step `{}` is off and holds no rollout: `{}` is none", step.id, list.kind()),
                    mend: format!("configure a source for {}, or leave it so on purpose", list.kind()),
                });
            }
        }
    }
}

/// The calendar files that the roster at `roster` names now, whatever is wrong with them: to see when they change.
pub fn holiday_files(roster: &Path) -> Vec<PathBuf> {
    let text = read_text(roster).unwrap_or_default();
    roster::calendar_files(&text).into_iter().map(|(name, _)| beside(roster, &name)).collect()
}

fn beside(roster: &Path, name: &str) -> PathBuf {
    roster.parent().unwrap_or(Path::new("")).join(name)
}

/// The text of a file of at most `most` bytes. A letter that is not UTF-8 is shown as such: calendars come from anywhere.
fn read_at_most(path: &Path, most: usize) -> std::io::Result<String> {
    use std::io::Read;
    let file = std::fs::File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("it is not a file"));
    }
    let mut bytes = Vec::new();
    file.take(most as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > most {
        return Err(std::io::Error::other(format!("it has more than {most} bytes")));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The process files of a folder, by name; what editors leave behind is not looked at.
fn list(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        let is_yaml = path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml");
        if !hidden && is_yaml {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Where the entry at `keys` stands: map keys, numbers of list items, or a text in a list.
fn place_in(node: &Node, keys: &[&str]) -> Option<Place> {
    let [key, rest @ ..] = keys else { return Some(node.place) };
    match &node.value {
        Value::Map(entries) => {
            let (_, place, node) = entries.iter().find(|(name, ..)| name == key)?;
            if rest.is_empty() { Some(*place) } else { place_in(node, rest) }
        }
        Value::List(items) => {
            let is_text = |item: &&Node| matches!(&item.value, Value::Text(text) if text == key);
            let item = items.iter().find(is_text).or_else(|| items.get(key.parse::<usize>().ok()?))?;
            place_in(item, rest)
        }
        // One text alone is a list of one.
        Value::Text(text) if text == key => Some(node.place),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use onduty_core::ids::StepId;
    use onduty_core::process::{Escalation, List, OwnerMode, Period, Step, Times, Work};

    const ROSTER: &str = "engineers: {lena: {team: checkout}, omar: {}}\nduties:\n  developers: {members: all, zone: UTC}\n  devops: {members: all, zone: UTC}\n";

    /// A folder with these files, and what is wrong with it.
    fn told(files: &[(&str, &str)]) -> Result<Files, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let start = format!("{}/", folder.path().display());
        Files::load(folder.path()).map_err(|error| error.to_string().replace(&start, ""))
    }

    fn check(files: &[(&str, &str)], expected: &[&str]) {
        let found = told(files).expect_err("the files should be refused");
        assert_eq!(found.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_folder_whose_files_fit_is_loaded() {
        let files = told(&[
            ("onduty.yml", "name: Acme\n"),
            ("roster.yml", ROSTER),
            ("processes/developers.yml", "process: developers\nsteps: [{id: hello, goal: Say hello, once: shift}]\n"),
            ("processes/devops.yml", "process: devops\nsteps: [{id: hello, goal: Say hello, once: shift}]\n"),
            ("processes/.#devops.yml", "what an editor leaves"),
            ("processes/notes.md", "not a process"),
        ])
        .unwrap();
        assert_eq!(files.config.name, "Acme");
        assert_eq!(files.roster.engineers.len(), 2);
        assert_eq!(files.roster_text, ROSTER);
        assert_eq!(files.processes.keys().map(DutyId::as_str).collect::<Vec<_>>(), ["developers", "devops"]);
        assert!(files.path.ends_with("onduty.yml") && files.notes.is_empty());
    }

    #[test]
    fn a_folder_without_an_instance_cannot_be_read() {
        let error = told(&[("roster.yml", ROSTER)]).unwrap_err();
        assert_eq!(
            error,
            "cannot read onduty.yml: No such file or directory (os error 2); name a folder with an onduty.yml, or write one with `onduty init`"
        );
    }

    #[test]
    fn the_problems_of_all_files_are_told_together() {
        check(
            &[
                ("onduty.yml", "nam: Acme\nlisten: 7007\n"),
                ("roster.yml", "engineers: {lena: {joined: x}}\nduties: {developers: {members: all, zone: UTC}}\n"),
                ("processes/developers.yml", "steps: [{id: hello, goal: Say hello, once: shift}]\n"),
                ("processes/devops.yaml", "process: devops\n"),
            ],
            &[
                "onduty.yml:1:1: the instance's file has no key `nam`; did you mean `name`?",
                "onduty.yml:2:9: `7007` is not an address and port; write for example 127.0.0.1:7007",
                "roster.yml:1:28: `x` is not a day; write year-month-day, such as 2026-03-02",
                "processes/developers.yml:1:1: a process file has no `process`; start with the name of the duty: `process: developers`",
                "processes/devops.yaml:1:1: this file is not looked at; rename it to end with `.yml`",
            ],
        );
    }

    #[test]
    fn files_that_are_missing_are_named_where_they_were_asked_for() {
        check(
            &[("onduty.yml", "name: Acme\nroster: people.yml\nprocesses: steps\n")],
            &[
                "onduty.yml:2:1: people.yml cannot be read: No such file or directory (os error 2); create it, or name another file with `roster`",
                "onduty.yml:3:1: the folder steps cannot be read: No such file or directory (os error 2); create it with one `<duty>.yml` for each duty",
            ],
        );
    }

    #[test]
    fn processes_and_duties_must_fit() {
        check(
            &[
                ("onduty.yml", "name: Acme\n"),
                ("roster.yml", ROSTER),
                (
                    "processes/developers.yml",
                    "# ours\nprocess: devops\nsteps: [{id: hello, goal: Say hello, once: shift}]\n",
                ),
                ("processes/developer.yml", "process: developer\nsteps: [{id: hello, goal: Say hello, once: shift}]\n"),
                ("processes/sales.yml", "process: sales\nsteps: [{id: hello, goal: Say hello, once: shift}]\n"),
            ],
            &[
                "roster.yml:4:3: the duty `devops` has no process; write it in processes/devops.yml",
                "processes/developer.yml:1:1: there is no duty `developer` on the roster; did you mean `developers.yml`?",
                "processes/developers.yml:2:1: the file is called `developers`, but the process `devops`; write `process: developers`, or rename the file",
                "processes/sales.yml:1:1: there is no duty `sales` on the roster; add the duty to roster.yml, or remove the file",
            ],
        );
    }

    #[test]
    fn a_file_that_is_not_text_or_too_long_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        std::fs::write(&path, b"name: A\nlisten: \xff\n").unwrap();
        let error = Files::load(&path).unwrap_err().to_string();
        assert!(error.ends_with("onduty.yml:2:9: this is not UTF-8 text; save the file as UTF-8"), "{error}");
        std::fs::write(&path, "#".repeat(files::MAX_FILE_BYTES * 2)).unwrap();
        let error = Files::load(&path).unwrap_err().to_string();
        assert!(error.contains("the file has 262145 bytes, more than 262144"), "{error}");
    }

    fn step(id: &str, kind: StepKind) -> Step {
        Step {
            id: StepId::from(id),
            goal: String::new(),
            kind,
            work: Work::Person,
            owner: OwnerMode::None,
            checklist: None,
            blocks_rollout: true,
            times: Times::default(),
            escalate: None,
            expects_minutes: None,
            limit: None,
            reviewers: Vec::new(),
            was: None,
            place: Place { line: 3, column: 5 },
        }
    }

    #[test]
    fn people_of_a_process_are_on_the_roster_and_what_nobody_watches_is_noted() {
        let text = "process: developers\nsteps:\n  - id: a\n    reviewers: [omar, checkout, omra2]\n    escalate: {after: 30m, to: devop}\n";
        let texts = BTreeMap::from([("p.yml".to_owned(), text.to_owned())]);
        let mut check = Check { base: PathBuf::new(), problems: Vec::new(), notes: Vec::new(), texts };
        let mut asking = step("a", StepKind::Once(Period::Shift));
        asking.reviewers = ["omar", "checkout", "omra2"].map(str::to_owned).to_vec();
        asking.escalate = Some(Escalation { after: jiff::SignedDuration::from_mins(30), to: "devop".to_owned() });
        let watching = step("b", StepKind::Each { variable: "error".to_owned(), list: List::Errors, filter: None });
        let process =
            Process { duty: DutyId::from("developers"), steps: vec![asking, watching], checklists: BTreeMap::new() };
        let roster = roster::parse("roster.yml", ROSTER).unwrap();
        check.people(&roster, "roster.yml", "p.yml", &process);
        assert_eq!(
            check.problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [
                "p.yml:4:33: `omra2` is not on the roster; name an engineer, team or duty of roster.yml",
                "p.yml:5:28: `devop` is not on the roster; did you mean `devops`?",
            ]
        );
        let config = Config::parse("onduty.yml", "sources: {errors: none}\n", Path::new("")).unwrap();
        check.unwatched(&config, "p.yml", &process);
        assert_eq!(
            check.notes.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [
                "p.yml:3:5: the step `b` is off and holds no rollout: `errors` is none; configure a source for errors, or leave it so on purpose",
            ]
        );
    }
}
