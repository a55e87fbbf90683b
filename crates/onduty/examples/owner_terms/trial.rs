//! Terms that were tried beside those of the product: what each says of a person, from the same history.

use crate::repository::Repository;
use crate::{Case, Values};
use jiff::Timestamp;
use onduty::sources::git::history::{At, CommitNo, History, Scene};
use onduty_core::owner::people::PersonNo;
use onduty_core::owner::place::{Place, Touch};
use std::collections::{BTreeMap, BTreeSet};

/// Days after which knowledge counts half, as in the product.
pub const KNOWS_DAYS: f64 = 120.0;

/// Everything about one case.
pub struct Look<'a> {
    pub case: &'a Case,
    pub history: &'a History,
    pub repository: &'a Repository,
    pub scene: &'a Scene,
    pub place: &'a Place,
}

/// Each trial's name and its values.
pub fn terms(look: &Look<'_>) -> Vec<(String, Values)> {
    let place = look.place;
    let mut all: Vec<(String, Values)> = Vec::new();
    let mut add = |name: &str, values: Values| all.push((name.to_owned(), values));
    for days in [30.0, 120.0, 365.0, 1500.0] {
        add(&format!("file_share_{days}"), shares(look.worths(&place.files.touches, days)));
        add(&format!("folder_share_{days}"), shares(look.worths(&place.folders.touches, days)));
    }
    for days in [7.0, 14.0, 30.0, 180.0, 365.0] {
        add(&format!("busy_{days}"), logs(look.worths(&place.repository.touches, days)));
    }
    add("busy_60", logs(look.worths(&place.repository.touches, 60.0)));
    add("folder_busy_60", logs(look.worths(&place.folders.touches, 60.0)));
    add("file_busy_365", logs(look.worths(&place.files.touches, 365.0)));
    let ever = look.ages(&place.repository.touches);
    for days in [2.0, 7.0, 365.0] {
        add(&format!("active_{days}"), fresh(&ever, days));
    }
    for days in [7.0, 14.0, 30.0, 60.0] {
        add(&format!("within_{days}"), ever.iter().map(|(p, age)| (*p, f64::from(*age <= days))).collect());
    }
    let (files, folders) = (look.ages(&place.files.touches), look.ages(&place.folders.touches));
    for days in [7.0, 30.0, 365.0] {
        add(&format!("file_age_{days}"), fresh(&files, days));
        add(&format!("folder_age_{days}"), fresh(&folders, days));
    }
    add("folder_rank", by_rank(&folders));
    add("active_rank", by_rank(&ever));
    let lines: Vec<Touch> = place.lines.iter().map(|line| line.touch).collect();
    add("line_age_60", fresh(&look.ages(&lines), 60.0));
    add("line_age_365", fresh(&look.ages(&lines), 365.0));
    add("line_share", shares(look.worths(&lines, f64::INFINITY)));
    add("whole_file", look.whole_file());
    add("first_author", look.first_author());
    add("fixes_180", logs(look.worths(&look.fixes(), 180.0)));
    let first: Option<Timestamp> = place.repository.touches.last().map(|touch| touch.at);
    add("newcomer", look.newcomers(first));
    let parents = look.under(|file| parent(parent(file)));
    add("parent_age_120", fresh(&look.ages(&parents), 120.0));
    add("parent_share_120", shares(look.worths(&parents, 120.0)));
    let (kin, merged, hands, companions) = look.changes();
    add("kin_share", shares(kin.clone()));
    add("kin_log", logs(kin));
    add("merged", logs(merged));
    add("hands", logs(hands));
    add("companions", shares(companions));
    all
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn shares(worths: Values) -> Values {
    let all: f64 = worths.values().sum();
    worths.into_iter().map(|(person, worth)| (person, (50.0 * worth / all.max(1e-9)).ln_1p())).collect()
}

fn logs(worths: Values) -> Values {
    worths.into_iter().map(|(person, worth)| (person, worth.ln_1p())).collect()
}

fn fresh(ages: &Values, half: f64) -> Values {
    ages.iter().map(|(person, age)| (*person, 1.0 / (1.0 + age / half))).collect()
}

fn by_rank(ages: &Values) -> Values {
    let mut order: Vec<(PersonNo, f64)> = ages.iter().map(|(person, age)| (*person, *age)).collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    order.into_iter().enumerate().map(|(rank, (person, _))| (person, 1.0 / (rank as f64 + 2.0))).collect()
}

impl Look<'_> {
    fn days(&self, at: Timestamp) -> f64 {
        (self.case.at.as_second() - at.as_second()).max(0) as f64 / 86_400.0
    }

    pub fn worth(&self, at: Timestamp, half: f64) -> f64 {
        0.5f64.powf(self.days(at) / half)
    }

    fn worths(&self, touches: &[Touch], half: f64) -> Values {
        let mut worths = Values::new();
        touches.iter().for_each(|touch| *worths.entry(touch.person).or_default() += self.worth(touch.at, half));
        worths
    }

    fn ages(&self, touches: &[Touch]) -> Values {
        let mut ages = Values::new();
        for touch in touches {
            let age = ages.entry(touch.person).or_insert(f64::INFINITY);
            *age = age.min(self.days(touch.at));
        }
        ages
    }

    fn whole_file(&self) -> Values {
        let mut worths = Values::new();
        let at = self.at();
        for file in &self.place.files.names {
            for (_, commit) in at.blame(file, 1..100_000).unwrap_or_default() {
                for person in self.authors(commit) {
                    *worths.entry(*person).or_default() += 1.0;
                }
            }
        }
        shares(worths)
    }

    fn first_author(&self) -> Values {
        self.place.files.touches.last().map(|touch| (touch.person, 1.0)).into_iter().collect()
    }

    fn newcomers(&self, first: Option<Timestamp>) -> Values {
        let mut oldest: BTreeMap<PersonNo, Timestamp> = BTreeMap::new();
        for touch in &self.place.repository.touches {
            oldest.insert(touch.person, touch.at);
        }
        let is_new = |at: Timestamp| self.days(at) < 60.0 && Some(at) != first;
        oldest.into_iter().map(|(person, at)| (person, f64::from(is_new(at)))).collect()
    }

    fn fixes(&self) -> Vec<Touch> {
        let is_fix = |no: &CommitNo| {
            let title = self.history.commit(*no).title.to_lowercase();
            let mut words = title.split(|c: char| !c.is_alphanumeric());
            words.any(|word| ["fix", "fixes", "fixed", "bug", "bugfix"].contains(&word))
        };
        self.touches(self.at().touches_under("").into_iter().filter(is_fix))
    }

    fn under(&self, folder: impl Fn(&str) -> &str) -> Vec<Touch> {
        let at = self.at();
        let folders: BTreeSet<&str> = self.place.files.names.iter().map(|file| folder(file)).collect();
        let commits: BTreeSet<CommitNo> = folders.iter().flat_map(|folder| at.touches_under(folder)).collect();
        self.touches(commits.into_iter().rev())
    }

    fn touches(&self, commits: impl Iterator<Item = CommitNo>) -> Vec<Touch> {
        let touch = |no: CommitNo| {
            let at = self.history.commit(no).committed_at;
            self.authors(no).iter().map(move |person| Touch { person: *person, commit: 0, at, files: 0 })
        };
        commits.flat_map(touch).collect()
    }

    /// # Panics
    /// Never: the scene is of the same revision.
    pub fn at(&self) -> At<'_> {
        self.history.at(&self.case.rev).expect("it has a scene").no_later_than(self.case.at)
    }

    pub fn authors(&self, no: CommitNo) -> &[PersonNo] {
        self.scene.authors_of(no)
    }
}
