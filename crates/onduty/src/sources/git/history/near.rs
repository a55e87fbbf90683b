//! How near to some files a commit came.

use super::{At, CommitNo};
use onduty_core::owner::place::nearness;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// Some files and the folders that they are in, for [`At::nearest`].
pub(super) struct Surroundings {
    /// By commit, the first of the files that it changed, also under a former name.
    files: HashMap<CommitNo, String>,
    /// The nearest first; the root is none.
    folders: Vec<Folder>,
}

struct Folder {
    name: String,
    nearness: f64,
    /// What is in it, by place in the order of all paths.
    inside: Range<u32>,
}

impl At<'_> {
    /// What is around `files`, with the commits to each.
    pub(super) fn surroundings(&self, files: &[(&str, &[CommitNo])]) -> Surroundings {
        let split = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<String>>();
        let around: Vec<Vec<String>> = files
            .iter()
            .map(|(file, _)| {
                let mut parts = split(file);
                parts.pop();
                parts
            })
            .collect();
        let mut nearest: BTreeMap<String, f64> = BTreeMap::new();
        for folders in &around {
            for depth in 1..=folders.len() {
                let prefix = &folders[..depth];
                let shared = |other: &Vec<String>| prefix.iter().zip(other).take_while(|(a, b)| a == b).count();
                let near = |other: &Vec<String>| nearness(shared(other), other.len());
                nearest.insert(prefix.join("/"), around.iter().map(near).fold(0.0, f64::max));
            }
        }
        let folder = |(name, nearness): (String, f64)| {
            let inside = self.inner.events.places_under(format!("{name}/").as_bytes());
            Folder { name, nearness, inside }
        };
        let mut folders: Vec<Folder> = nearest.into_iter().map(folder).collect();
        // Of two that are as near, the inner one says more.
        folders.sort_by(|a, b| b.nearness.total_cmp(&a.nearness).then(b.name.len().cmp(&a.name.len())));
        let of_file = |(file, commits): &(&str, &[CommitNo])| {
            commits.iter().map(|no| (*no, (*file).to_owned())).collect::<Vec<_>>()
        };
        Surroundings { files: files.iter().rev().flat_map(of_file).collect(), folders }
    }

    /// How near `no` came, between 0 and 1, and the file or folder that it has in common with `around`.
    pub(super) fn nearest<'a>(&self, no: CommitNo, around: &'a Surroundings) -> (f64, &'a str) {
        if let Some(file) = around.files.get(&no) {
            return (1.0, file);
        }
        let places = || self.inner.events.places_of(no.0);
        let is_inside = |folder: &&Folder| places().any(|place| folder.inside.contains(&place));
        around.folders.iter().find(is_inside).map_or((0.0, ""), |folder| (folder.nearness, &folder.name))
    }
}
