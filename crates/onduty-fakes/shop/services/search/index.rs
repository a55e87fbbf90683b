//! The index of events: built at night, read all day.
use crate::query::Query;
use std::collections::HashMap;

pub struct Index {
    postings: HashMap<String, Vec<u32>>,
    titles: Vec<String>,
}

impl Index {
    pub fn build(events: &[(u32, String)]) -> Index {
        let mut postings: HashMap<String, Vec<u32>> = HashMap::new();
        for (id, title) in events {
            for word in words(title) {
                postings.entry(word).or_default().push(*id);
            }
        }
        let titles = events.iter().map(|(_, title)| title.clone()).collect();
        Index { postings, titles }
    }

    pub fn find(&self, query: &Query) -> Vec<u32> {
        let lists: Vec<&Vec<u32>> = query.words.iter().filter_map(|word| self.postings.get(word)).collect();
        let Some(shortest) = lists.iter().min_by_key(|list| list.len()) else { return Vec::new() };
        shortest.iter().copied().filter(|id| lists.iter().all(|list| list.binary_search(id).is_ok())).collect()
    }

    pub fn title(&self, id: u32) -> &str {
        &self.titles[id as usize]
    }
}

fn words(title: &str) -> impl Iterator<Item = String> + '_ {
    title.split(|letter: char| !letter.is_alphanumeric()).filter(|word| word.len() > 1).map(str::to_lowercase)
}
