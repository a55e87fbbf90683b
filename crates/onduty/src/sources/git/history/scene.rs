//! The evidence that a history has about places in its code, for the ranking of `onduty_core::owner`.

use super::{BlameError, CommitNo, History};
use jiff::Timestamp;
use onduty_core::owner::mailmap::Mailmap;
use onduty_core::owner::people::{People, PersonNo, is_bot};
use onduty_core::owner::place::{AROUND, Gap, LAST_COMMITS, LastCommit, Place, Touch, Touched, WrittenLine};
use onduty_core::roster::Roster;
use std::collections::{BTreeMap, BTreeSet};

/// Most different files and frames of one question that are looked at.
const MAX_FILES: usize = 20;
const MAX_FRAMES: usize = 50;

/// Of the last year before the newest commit; older ones would count next to nothing.
const LAST_SECONDS: i64 = 366 * 86_400;

/// A line of a stack: a path as its source gives it, and the line counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// The path.
    pub file: String,
    /// The line, where it is known.
    pub line: Option<u32>,
}

/// A history as it led to one revision and one moment, with its people told apart. Making one takes longer than asking
/// it, so whoever asks twice keeps it ([`Scene::is_of`]).
#[derive(Debug, Clone)]
pub struct Scene {
    history: History,
    revision: String,
    until: Timestamp,
    /// When the newest of all commits that led here was committed, also after `until`.
    last_change: Option<Timestamp>,
    people: People,
    /// By commit: its people that are no machines.
    authors: Vec<Vec<PersonNo>>,
    repository: Vec<Touch>,
    /// Each person's last commits, newest first.
    last: Vec<Touch>,
}

impl Scene {
    /// The history that leads to `revision` (a full id), as it was known at `until`; `None` when that commit is not in
    /// it. Signatures count as `mailmap` corrects them; whoever is on `roster` is joined with what the roster knows.
    pub fn of(
        history: &History,
        revision: &str,
        until: Timestamp,
        mailmap: &Mailmap,
        roster: Option<&Roster>,
    ) -> Option<Scene> {
        let all = history.at(revision)?;
        let last_change = all.newest();
        let commits = all.no_later_than(until).touches_under("");
        let signers = history.signers();
        // Few people make many commits: each signature is looked at once, in the order of its last commit.
        let mut newest: Vec<Option<usize>> = vec![None; signers.signatures.len()];
        let signed = |no: &CommitNo| signers.by_commit[no.0 as usize].iter().map(|signature| *signature as usize);
        for (order, signature) in commits.iter().rev().flat_map(signed).enumerate() {
            newest[signature] = Some(order);
        }
        let mut used: Vec<usize> = (0..newest.len()).filter(|signature| newest[*signature].is_some()).collect();
        used.sort_unstable_by_key(|signature| newest[*signature]);
        let canonical = |signature: usize| {
            let by = &signers.signatures[signature];
            mailmap.canonical(&by.name, &by.email)
        };
        let people = People::of(used.iter().map(|signature| canonical(*signature)), roster);
        let human = |signature: usize| {
            let (name, email) = canonical(signature);
            people.find(name, email).filter(|no| !is_bot(name, email) && !people.person(*no).is_bot)
        };
        let mut humans: Vec<Option<PersonNo>> = vec![None; newest.len()];
        used.iter().for_each(|signature| humans[*signature] = human(*signature));
        let mut authors = vec![Vec::new(); history.len()];
        for no in &commits {
            let all: BTreeSet<PersonNo> = signed(no).filter_map(|signature| humans[signature]).collect();
            authors[no.0 as usize] = all.into_iter().collect();
        }
        let mut scene = Scene {
            history: history.clone(),
            revision: revision.to_owned(),
            until,
            last_change,
            people,
            authors,
            repository: Vec::new(),
            last: Vec::new(),
        };
        scene.repository = scene.touches(&commits);
        scene.last = scene.last_of_each();
        Some(scene)
    }

    /// Whether [`Scene::of`] would make the same of `revision` at `until`, with the same people to tell apart.
    pub fn is_of(&self, history: &History, revision: &str, until: Timestamp) -> bool {
        let is_all_in = |until| self.last_change.is_none_or(|newest| newest <= until);
        let is_same_time = until == self.until || (is_all_in(until) && is_all_in(self.until));
        self.history.is(history) && self.revision == revision && is_same_time
    }

    /// Everybody who signed a commit.
    pub fn people(&self) -> &People {
        &self.people
    }

    /// The people of a commit that led here, its author and who wrote it with them; machines are left out.
    pub fn authors_of(&self, commit: CommitNo) -> &[PersonNo] {
        &self.authors[commit.0 as usize]
    }

    /// What is known around `spots`, the most telling first, and the paths within the repository that they mean.
    pub fn place(&self, spots: &[Spot]) -> Place {
        let Some(at) = self.history.at(&self.revision) else { return Place::default() };
        let at = at.no_later_than(self.until);
        let mut files: Vec<String> = Vec::new();
        let mut lines: Vec<(usize, u32)> = Vec::new();
        for spot in spots.iter().take(MAX_FRAMES) {
            let Some(path) = inside(&spot.file, |path| at.has_file(path)) else { continue };
            let known = files.iter().position(|file| *file == path);
            if known.is_none() && files.len() == MAX_FILES {
                continue;
            }
            let file = known.unwrap_or_else(|| {
                files.push(path);
                files.len() - 1
            });
            lines.extend(spot.line.map(|line| (file, line)));
        }
        let mut place = Place::default();
        if !self.history.is_complete() {
            place.gaps.push(Gap::Shallow);
        }
        self.read_lines(&at, &files, &lines, &mut place);
        let of_files: Vec<Vec<CommitNo>> = files.iter().map(|file| at.touches_of(file)).collect();
        let around = at.surroundings(
            &files.iter().map(String::as_str).zip(of_files.iter().map(Vec::as_slice)).collect::<Vec<_>>(),
        );
        let near = |touch: &Touch| {
            let (nearness, shared) = at.nearest(CommitNo(touch.commit), &around);
            LastCommit { touch: *touch, nearness, shared: shared.to_owned() }
        };
        place.last = self.last.iter().map(near).collect();
        let folders: BTreeSet<&str> = files.iter().map(|file| folder_of(file)).collect();
        let parents: BTreeSet<&str> = folders.iter().map(|folder| folder_of(folder)).collect();
        place.folders = self.under(&at, &folders);
        place.parents = self.under(&at, &parents);
        let commits: BTreeSet<CommitNo> = of_files.into_iter().flatten().collect();
        let touches = self.touches(&commits.into_iter().rev().collect::<Vec<_>>());
        place.files = Touched { names: files, touches };
        place.repository = Touched { names: vec![String::new()], touches: self.repository.clone() };
        place
    }

    fn last_of_each(&self) -> Vec<Touch> {
        let Some(newest) = self.repository.first().map(|touch| touch.at.as_second()) else { return Vec::new() };
        let is_recent = |touch: &&Touch| newest - touch.at.as_second() <= LAST_SECONDS;
        let mut counts = vec![0; self.people.len()];
        let is_last = |touch: &&Touch| {
            let count = &mut counts[touch.person.0 as usize];
            *count += 1;
            *count <= LAST_COMMITS
        };
        self.repository.iter().take_while(is_recent).filter(is_last).copied().collect()
    }

    fn under(&self, at: &super::At<'_>, folders: &BTreeSet<&str>) -> Touched {
        let commits: BTreeSet<CommitNo> = folders.iter().flat_map(|folder| at.touches_under(folder)).collect();
        Touched {
            names: folders.iter().map(|folder| (*folder).to_owned()).collect(),
            touches: self.touches(&commits.into_iter().rev().collect::<Vec<_>>()),
        }
    }

    fn read_lines(&self, at: &super::At<'_>, files: &[String], lines: &[(usize, u32)], place: &mut Place) {
        let mut around: BTreeMap<PersonNo, u32> = BTreeMap::new();
        for (file, line) in lines {
            let asked = line.saturating_sub(AROUND).max(1)..line.saturating_add(AROUND + 1);
            let written = at.blame(&files[*file], asked).unwrap_or_else(|error| {
                // A file that cannot be blamed still has its commits.
                let gap = match error {
                    BlameError::LeftOut => Gap::WithoutContents,
                    BlameError::NotReadable | BlameError::NoSuchFile => Gap::NoLines { file: files[*file].clone() },
                };
                if !place.gaps.contains(&gap) {
                    place.gaps.push(gap);
                }
                Vec::new()
            });
            for (number, commit) in written {
                let facts = self.history.commit(commit);
                for touch in self.touches_by(commit) {
                    *around.entry(touch.person).or_default() += 1;
                    if number == *line {
                        let (file, revision) = (files[*file].clone(), facts.id.clone());
                        place.lines.push(WrittenLine { file, line: number, revision, touch });
                    }
                }
            }
        }
        place.around = around.into_iter().collect();
    }

    fn touches(&self, commits: &[CommitNo]) -> Vec<Touch> {
        commits.iter().flat_map(|no| self.touches_by(*no)).collect()
    }

    fn touches_by(&self, no: CommitNo) -> impl Iterator<Item = Touch> {
        let (at, files) = (self.history.commit(no).committed_at, self.history.files_in(no));
        self.authors_of(no).iter().map(move |person| Touch { person: *person, commit: no.0, at, files })
    }
}

/// The path within the repository that a stack's path means: as it is, or without the folders of the machine that it
/// ran on. A file at the root is only meant by its bare name.
fn inside(path: &str, has_file: impl Fn(&str) -> bool) -> Option<String> {
    let path = path.replace('\\', "/");
    let mut rest = path.trim_start_matches("./").trim_start_matches('/');
    if has_file(rest) {
        return Some(rest.to_owned());
    }
    while let Some((_, shorter)) = rest.split_once('/') {
        rest = shorter;
        if rest.contains('/') && has_file(rest) {
            return Some(rest.to_owned());
        }
    }
    None
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_other_machines_are_found_inside() {
        let has = |path: &str| ["src/cart/pay.rs", "main.rs"].contains(&path);
        for (path, expected) in [
            ("src/cart/pay.rs", Some("src/cart/pay.rs")),
            ("./src/cart/pay.rs", Some("src/cart/pay.rs")),
            ("/srv/app/src/cart/pay.rs", Some("src/cart/pay.rs")),
            ("C:\\app\\src\\cart\\pay.rs", Some("src/cart/pay.rs")),
            ("main.rs", Some("main.rs")),
            // Somebody else's, most likely.
            ("/usr/lib/other/main.rs", None),
            ("cart/pay.rs", None),
            ("", None),
        ] {
            assert_eq!(inside(path, has).as_deref(), expected, "{path}");
        }
    }
}
