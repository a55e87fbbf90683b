//! What the trials read once of a whole repository, beyond what the product keeps of it.

use anyhow::Context;
use onduty::sources::git::Git;
use onduty::sources::git::history::{CommitNo, History};
use onduty_core::owner::people::is_bot;
use std::collections::{BTreeSet, HashMap, HashSet};

/// What is read once of a whole repository.
pub struct Repository {
    /// By commit, what it changed; of a merge, what it brought.
    pub changes: HashMap<CommitNo, Vec<u32>>,
    paths: Vec<String>,
    pub path_no: HashMap<String, u32>,
    /// The words of each path, by number.
    words: Vec<Vec<u32>>,
    /// How telling each word is.
    telling: Vec<f64>,
    /// By commit: who committed it, when that is neither its author nor a forge, and who reviewed it.
    pub hands: HashMap<String, Vec<(String, String)>>,
}

impl Repository {
    /// Everything that led to `tip`.
    pub async fn read(git: &Git, history: &History, tip: &str) -> anyhow::Result<Repository> {
        let mut repository = Repository {
            changes: HashMap::new(),
            paths: Vec::new(),
            path_no: HashMap::new(),
            words: Vec::new(),
            telling: Vec::new(),
            hands: hands(git).await?,
        };
        let mut word_no: HashMap<String, u32> = HashMap::new();
        let mut seen = HashSet::new();
        let mut open = vec![history.at(tip).context("the newest case has no history")?.revision()];
        let at = history.at(tip).context("the newest case has no history")?;
        while let Some(no) = open.pop() {
            if !seen.insert(no) {
                continue;
            }
            open.extend(&history.commit(no).parents);
            for path in at.files_of(no) {
                let next = repository.paths.len() as u32;
                let path_no = *repository.path_no.entry(path.clone()).or_insert_with(|| {
                    repository.words.push(words(&path, &mut word_no));
                    repository.paths.push(path);
                    next
                });
                repository.changes.entry(no).or_default().push(path_no);
            }
        }
        let mut count = vec![0.0; word_no.len()];
        repository.words.iter().flatten().for_each(|word| count[*word as usize] += 1.0);
        let all = repository.paths.len() as f64;
        repository.telling = count.into_iter().map(|count: f64| (all / count).ln().max(0.0)).collect();
        Ok(repository)
    }

    /// How much of what tells `path` and one of `files` from other paths is the same; 1 for the same file.
    pub fn alike(&self, path: u32, files: &[u32]) -> f64 {
        let weight = |words: &mut dyn Iterator<Item = &u32>| -> f64 {
            words.map(|word| self.telling[*word as usize].powi(2)).sum()
        };
        let own = &self.words[path as usize];
        let all = weight(&mut own.iter());
        let like = |file: &u32| {
            let other = &self.words[*file as usize];
            let shared = weight(&mut own.iter().filter(|word| other.contains(word)));
            shared / (all * weight(&mut other.iter())).sqrt().max(1e-9)
        };
        files.iter().map(like).fold(0.0, f64::max)
    }
}

/// The words of a path, each once; its ending is none.
fn words(path: &str, numbers: &mut HashMap<String, u32>) -> Vec<u32> {
    let path = path.rsplit_once('.').map_or(path, |(stem, _)| stem);
    let mut parts: BTreeSet<String> = BTreeSet::new();
    let mut word = String::new();
    let mut before_is_lower = false;
    for character in path.chars().chain(['/']) {
        let starts = character.is_uppercase() && before_is_lower;
        before_is_lower = character.is_lowercase();
        if (!character.is_alphanumeric() || starts) && !word.is_empty() {
            let whole = std::mem::take(&mut word).to_lowercase();
            parts.insert(whole.strip_suffix('s').filter(|stem| stem.len() > 3).unwrap_or(&whole).to_owned());
        }
        if character.is_alphanumeric() {
            word.push(character);
        }
    }
    let mut number = |part: String| {
        let next = numbers.len() as u32;
        *numbers.entry(part).or_insert(next)
    };
    parts.into_iter().map(&mut number).collect()
}

/// Committers and reviewers, which the product's index does not keep.
async fn hands(git: &Git) -> anyhow::Result<HashMap<String, Vec<(String, String)>>> {
    let trailers =
        ["Reviewed-by", "Signed-off-by", "Acked-by", "Approved-by"].map(|key| format!("key={key}")).join(",");
    let format = format!("--format=%H%x09%an <%ae>%x09%cn <%ce>%x09%(trailers:{trailers},valueonly,separator=%x09)");
    let text = git.read(&["log", &format, "HEAD"]).await?;
    let mut hands = HashMap::new();
    for line in String::from_utf8_lossy(&text).lines() {
        let mut fields = line.split('\t');
        let (Some(id), Some(author)) = (fields.next(), fields.next()) else { continue };
        let others = fields.filter(|field| *field != author).filter_map(signature);
        let others: Vec<(String, String)> = others.filter(|(name, email)| !is_bot(name, email)).collect();
        if !others.is_empty() {
            hands.insert(id.to_owned(), others);
        }
    }
    Ok(hands)
}

fn signature(field: &str) -> Option<(String, String)> {
    let (name, email) = field.trim().strip_suffix('>')?.split_once(" <")?;
    (email != "noreply@github.com").then(|| (name.to_owned(), email.to_owned()))
}
