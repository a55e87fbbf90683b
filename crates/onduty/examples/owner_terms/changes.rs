//! Trials over everything that the commits of a repository changed.

use crate::Values;
use crate::trial::{KNOWS_DAYS, Look};
use onduty_core::owner::people::PersonNo;
use std::collections::{HashMap, HashSet};

impl Look<'_> {
    /// Who changed what is called alike; who merged changes to the files; who committed or reviewed them; who changed
    /// what changes together with them.
    pub fn changes(&self) -> (Values, Values, Values, Values) {
        let (mut kin, mut merged, mut hands, mut companions) =
            (Values::new(), Values::new(), Values::new(), Values::new());
        let repository = self.repository;
        let files: Vec<u32> =
            self.place.files.names.iter().filter_map(|name| repository.path_no.get(name)).copied().collect();
        let mut near: HashMap<u32, f64> = HashMap::new();
        let mut together: HashMap<u32, f64> = HashMap::new();
        let mut open = vec![self.at().revision()];
        let mut seen = HashSet::new();
        let mut commits = Vec::new();
        while let Some(no) = open.pop() {
            if seen.insert(no) {
                open.extend(&self.history.commit(no).parents);
                commits.push(no);
            }
        }
        let by_email: HashMap<String, PersonNo> =
            self.scene.people().signatures().map(|(_, email, no)| (email.to_lowercase(), no)).collect();
        for no in &commits {
            let facts = self.history.commit(*no);
            let Some(paths) = repository.changes.get(no).filter(|_| facts.committed_at <= self.case.at) else {
                continue;
            };
            let worth = self.worth(facts.committed_at, KNOWS_DAYS);
            let touches = paths.iter().any(|path| files.contains(path));
            let person = |email: &str| by_email.get(&email.to_lowercase()).copied();
            if touches
                && facts.is_merge()
                && let Some(person) = person(&facts.author.email)
            {
                *merged.entry(person).or_default() += worth;
            }
            if facts.is_merge() {
                continue;
            }
            if touches {
                for (_, email) in repository.hands.get(&facts.id).into_iter().flatten() {
                    if let Some(person) = person(email) {
                        *hands.entry(person).or_default() += worth;
                    }
                }
                if paths.len() <= 15 {
                    paths.iter().for_each(|path| *together.entry(*path).or_default() += worth / paths.len() as f64);
                }
            }
            if worth > 0.01 {
                let like = |path: &u32| *near.entry(*path).or_insert_with(|| repository.alike(*path, &files));
                let most = paths.iter().take(50).map(like).fold(0.0, f64::max);
                for person in self.authors(*no) {
                    *kin.entry(*person).or_default() += worth * most;
                }
            }
        }
        together.retain(|path, _| !files.contains(path));
        for no in &commits {
            let facts = self.history.commit(*no);
            let Some(paths) = repository.changes.get(no).filter(|paths| !facts.is_merge() && paths.len() <= 15) else {
                continue;
            };
            let worth: f64 = paths.iter().filter_map(|path| together.get(path)).sum();
            if worth > 0.0 && facts.committed_at <= self.case.at {
                for person in self.authors(*no) {
                    *companions.entry(*person).or_default() += worth * self.worth(facts.committed_at, KNOWS_DAYS);
                }
            }
        }
        (kin, merged, hands, companions)
    }
}
