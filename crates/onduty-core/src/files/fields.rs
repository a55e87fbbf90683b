//! Taking typed fields out of a map, with a problem for each that is unknown, missing or of the wrong kind.

use super::{Node, Place, Problems, Value};

/// The fields of one map, read one by one; what nobody asked for is refused by [`Fields::finish`].
#[derive(Debug)]
pub struct Fields<'a> {
    entries: &'a [(String, Place, Node)],
    /// Where the map starts.
    pub place: Place,
    what: &'static str,
    asked: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// The fields of `node`, which people call `what` ("a step"); a problem and `None` when it is not a map.
    pub fn of(node: &'a Node, what: &'static str, problems: &mut Problems) -> Option<Fields<'a>> {
        match &node.value {
            Value::Map(entries) => Some(Fields { entries, place: node.place, what, asked: Vec::new() }),
            other => {
                problems.add(
                    node.place,
                    format!("{what} should be a map of keys, but is {}", other.kind()),
                    "write one `key: value` a line",
                );
                None
            }
        }
    }

    /// The node under `key`, where it is given and not null.
    pub fn node(&mut self, key: &'static str) -> Option<&'a Node> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        let (.., node) = self.entries.iter().find(|(name, ..)| name == key)?;
        (node.value != Value::Null).then_some(node)
    }

    /// Where `key` itself stands, or the map when it is missing.
    pub fn place_of(&self, key: &str) -> Place {
        self.entries.iter().find(|(name, ..)| name == key).map_or(self.place, |(_, place, _)| *place)
    }

    /// Whether `key` is written at all, even with nothing behind it.
    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(name, ..)| name == key)
    }

    /// A text; numbers and booleans are accepted as they are written.
    pub fn text(&mut self, key: &'static str, problems: &mut Problems) -> Option<(String, Place)> {
        let node = self.node(key)?;
        text_of(node, key, problems).map(|text| (text, node.place))
    }

    /// A text that must be there; `mend` says how to give one.
    pub fn required_text(&mut self, key: &'static str, mend: &str, problems: &mut Problems) -> Option<(String, Place)> {
        if self.node(key).is_none() {
            let place = self.place_of(key);
            problems.add(place, format!("{} has no `{key}`", self.what), mend);
            return None;
        }
        self.text(key, problems)
    }

    /// A whole number from `low` to `high`.
    pub fn number(&mut self, key: &'static str, low: i64, high: i64, problems: &mut Problems) -> Option<i64> {
        let node = self.node(key)?;
        match node.value {
            Value::Int(number) if (low..=high).contains(&number) => Some(number),
            _ => {
                problems.add(
                    node.place,
                    format!("`{key}` should be a whole number from {low} to {high}"),
                    format!("write for example `{key}: {low}`"),
                );
                None
            }
        }
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &'static str, problems: &mut Problems) -> Option<bool> {
        let node = self.node(key)?;
        match node.value {
            Value::Bool(value) => Some(value),
            _ => {
                problems.add(
                    node.place,
                    format!("`{key}` should be true or false, but is {}", node.value.kind()),
                    format!("write `{key}: true` or `{key}: false`"),
                );
                None
            }
        }
    }

    /// A list; one value alone is a list of one.
    pub fn list(&mut self, key: &'static str) -> &'a [Node] {
        match self.node(key) {
            None => &[],
            Some(Node { value: Value::List(items), .. }) => items,
            Some(node) => std::slice::from_ref(node),
        }
    }

    /// A list of texts; one text alone is a list of one.
    pub fn texts(&mut self, key: &'static str, problems: &mut Problems) -> Vec<(String, Place)> {
        let nodes = self.list(key);
        nodes.iter().filter_map(|node| text_of(node, key, problems).map(|text| (text, node.place))).collect()
    }

    /// The entries of a map under `key`, in the order of the file.
    pub fn map(&mut self, key: &'static str, problems: &mut Problems) -> &'a [(String, Place, Node)] {
        match self.node(key) {
            None => &[],
            Some(Node { value: Value::Map(entries), .. }) => entries,
            Some(node) => {
                problems.add(
                    node.place,
                    format!("`{key}` should be a map of keys, but is {}", node.value.kind()),
                    "write one `name: value` a line below it",
                );
                &[]
            }
        }
    }

    /// Refuses every key that nobody asked for.
    pub fn finish(self, problems: &mut Problems) {
        for (key, place, _) in self.entries {
            if !self.asked.contains(&key.as_str()) {
                problems.add(
                    *place,
                    format!("{} has no key `{key}`", self.what),
                    mend_for_unknown(key, self.asked.iter().copied()),
                );
            }
        }
    }
}

fn text_of(node: &Node, key: &str, problems: &mut Problems) -> Option<String> {
    match &node.value {
        Value::Text(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        other => {
            problems.add(
                node.place,
                format!("`{key}` should be a text, but is {}", other.kind()),
                "write it on one line, in quotes if it contains a colon",
            );
            None
        }
    }
}

/// "did you mean `x`?" when one of `known` is close to `word`, else the list of what is known.
pub fn mend_for_unknown<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match closest(word, &known) {
        Some(name) => format!("did you mean `{name}`?"),
        None if known.is_empty() => "remove it".to_owned(),
        None => format!("use one of {}", known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
    }
}

/// The known word that is at most a third of its letters away from `word`.
pub fn closest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let word: String = word.chars().take(64).collect();
    let distances = known.iter().map(|name| (edit_distance(&word, name), *name));
    let (distance, name) = distances.min()?;
    (distance <= name.chars().count().max(3) / 3).then_some(name)
}

fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_mistake_gets_the_word_that_was_meant() {
        assert_eq!(mend_for_unknown("chekclist", ["checklist", "check"]), "did you mean `checklist`?");
        assert_eq!(mend_for_unknown("xyz", ["goal", "id"]), "use one of `goal`, `id`");
    }
}
