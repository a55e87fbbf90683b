//! YAML as a tree in which every value knows its place.

use super::{MAX_DEPTH, MAX_FILE_BYTES, Place, Problems};
use saphyr_parser::{Event, Parser, ScalarStyle, Span};

/// A value and where it starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where its first character stands (for a quoted text: the character after the quote).
    pub place: Place,
    /// Whether a text was written as a block (`|` or `>`), whose columns cannot be followed.
    pub block: bool,
}

/// A YAML value. Texts that were quoted stay texts; plain words follow the YAML 1.2 core schema.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file. Keys are texts and occur once.
    Map(Vec<(String, Place, Node)>),
}

impl Value {
    /// What people call this kind of value.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Int(_) | Value::Float(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map of keys",
        }
    }
}

/// Parses one document of YAML into a tree.
///
/// Refuses more than [`MAX_FILE_BYTES`], nesting deeper than [`MAX_DEPTH`], aliases, tags, keys that are not plain
/// words and keys that occur twice. What can still be read after such a problem is read, so that one run reports all.
/// Returns `None` when there is no tree to look at; then `problems` says why.
pub fn parse(text: &str, problems: &mut Problems) -> Option<Node> {
    let start = Place { line: 1, column: 1 };
    if text.len() > MAX_FILE_BYTES {
        problems.add(
            start,
            format!("the file has {} bytes, more than {MAX_FILE_BYTES}", text.len()),
            "split it, or move long texts elsewhere",
        );
        return None;
    }
    if let Some(index) = text.find('\0') {
        problems.add(place_of_byte(text, index), "a zero byte in the text", "save the file as plain UTF-8 text");
        return None;
    }
    Reader { text, problems, stack: Vec::new(), root: None, too_deep: false }.read()
}

fn place_of_byte(text: &str, index: usize) -> Place {
    let before = &text[..index];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Place { line: line as u32, column: column as u32 }
}

struct Reader<'a> {
    text: &'a str,
    problems: &'a mut Problems,
    stack: Vec<Open>,
    root: Option<Node>,
    too_deep: bool,
}

/// A list or map that is still being read.
struct Open {
    place: Place,
    items: Vec<Node>,
    entries: Vec<(String, Place, Node)>,
    key: Option<(String, Place)>,
    is_map: bool,
}

impl Reader<'_> {
    fn read(mut self) -> Option<Node> {
        let mut documents = 0;
        for event in Parser::new_from_str(self.text) {
            let (event, span) = match event {
                Ok(found) => found,
                Err(error) => {
                    let marker = error.marker();
                    let place = Place { line: marker.line().max(1) as u32, column: marker.col() as u32 + 1 };
                    self.problems.add(
                        place,
                        format!("this is not YAML: {}", error.info()),
                        "check indentation, quotes and brackets on this line and the one above",
                    );
                    return None;
                }
            };
            match event {
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        self.problems.add(
                            place(&span),
                            "a second document starts here",
                            "keep one document a file: remove the line `---`",
                        );
                        return None;
                    }
                }
                Event::Alias(_) => {
                    self.problems.add(
                        place(&span),
                        "an alias (`*name`) is not allowed",
                        "write the value out where it is needed",
                    );
                    self.put(Node { value: Value::Null, place: place(&span), block: false });
                }
                Event::Scalar(text, style, _, tag) => {
                    self.refuse_tag(tag.is_some(), &span);
                    self.put(scalar(&text, style, &span));
                }
                Event::SequenceStart(_, tag) => {
                    self.refuse_tag(tag.is_some(), &span);
                    self.open(&span, false)?;
                }
                Event::MappingStart(_, tag) => {
                    self.refuse_tag(tag.is_some(), &span);
                    self.open(&span, true)?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.close(),
                _ => {}
            }
        }
        if self.root.is_none() && self.problems.is_empty() {
            self.problems.add(
                Place { line: 1, column: 1 },
                "the file is empty",
                "start from the file that `onduty init` writes",
            );
        }
        self.root
    }

    fn refuse_tag(&mut self, tagged: bool, span: &Span) {
        if tagged {
            self.problems.add(place(span), "a tag (`!name`) is not allowed", "remove the tag");
        }
    }

    fn open(&mut self, span: &Span, is_map: bool) -> Option<()> {
        if self.stack.len() >= MAX_DEPTH {
            if !self.too_deep {
                self.too_deep = true;
                self.problems.add(
                    place(span),
                    format!("nested deeper than {MAX_DEPTH} levels"),
                    "flatten the lists and maps here",
                );
            }
            return None;
        }
        self.stack.push(Open { place: place(span), items: Vec::new(), entries: Vec::new(), key: None, is_map });
        Some(())
    }

    fn close(&mut self) {
        let Some(open) = self.stack.pop() else { return };
        let value = if open.is_map { Value::Map(open.entries) } else { Value::List(open.items) };
        self.put(Node { value, place: open.place, block: false });
    }

    fn put(&mut self, node: Node) {
        let Some(open) = self.stack.last_mut() else {
            self.root = Some(node);
            return;
        };
        if !open.is_map {
            open.items.push(node);
            return;
        }
        match open.key.take() {
            None => {
                let key = match &node.value {
                    Value::Text(text) => text.clone(),
                    Value::Bool(value) => value.to_string(),
                    Value::Int(value) => value.to_string(),
                    _ => {
                        self.problems.add(
                            node.place,
                            format!("{} cannot be a key", node.value.kind()),
                            "use a plain word before the colon",
                        );
                        String::new()
                    }
                };
                open.key = Some((key, node.place));
            }
            Some((key, place)) => {
                if let Some((_, first, _)) = open.entries.iter().find(|(known, ..)| *known == key) {
                    self.problems.add(
                        place,
                        format!("`{key}` is given twice, first on line {}", first.line),
                        "keep one of the two",
                    );
                } else {
                    open.entries.push((key, place, node));
                }
            }
        }
    }
}

fn place(span: &Span) -> Place {
    Place { line: span.start.line().max(1) as u32, column: span.start.col() as u32 + 1 }
}

fn scalar(text: &str, style: ScalarStyle, span: &Span) -> Node {
    let mut place = place(span);
    let value = match style {
        ScalarStyle::Plain => plain(text),
        _ => Value::Text(text.to_owned()),
    };
    if matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted) {
        place.column += 1;
    }
    Node { value, place, block: matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) }
}

/// The YAML 1.2 core schema for words that are not quoted.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let looks_numeric = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
    if looks_numeric {
        if let Ok(number) = text.parse::<i64>() {
            return Value::Int(number);
        }
        if let Ok(number) = text.parse::<f64>()
            && number.is_finite()
        {
            return Value::Float(number);
        }
    }
    Value::Text(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems_of(text: &str) -> String {
        let mut problems = Problems::new("a.yml");
        parse(text, &mut problems);
        problems.into_sorted().iter().map(|problem| format!("{problem}\n")).collect()
    }

    #[test]
    fn every_value_knows_its_place() {
        let mut problems = Problems::new("a.yml");
        let root = parse("a: 1\nb:\n  - \"x\"\n  - y: true\n", &mut problems).unwrap();
        let Value::Map(entries) = &root.value else { panic!("{root:?}") };
        assert_eq!(entries[0].2, Node { value: Value::Int(1), place: Place { line: 1, column: 4 }, block: false });
        let Value::List(items) = &entries[1].2.value else { panic!() };
        assert_eq!(items[0].place, Place { line: 3, column: 6 });
        assert!(problems.is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let deep = "[".repeat(100);
        for (text, expected) in [
            ("", "a.yml:1:1: the file is empty"),
            ("a: 1\na: 2\n", "a.yml:2:1: `a` is given twice, first on line 1; keep one of the two"),
            ("a: &x 1\nb: *x\n", "a.yml:2:4: an alias (`*name`) is not allowed"),
            ("a: !!str 1\n", "a tag (`!name`) is not allowed"),
            ("a: [1\n", "this is not YAML"),
            ("a: 1\n---\nb: 2\n", "a second document starts here"),
            ("? [a]\n: b\n", "a list cannot be a key"),
            ("a: \u{0}", "a.yml:1:4: a zero byte in the text"),
            (&deep, "nested deeper than 64 levels"),
        ] {
            let found = problems_of(text);
            assert!(found.contains(expected), "{text:?}: {found}");
        }
        assert!(problems_of(&"x".repeat(MAX_FILE_BYTES + 1)).contains("more than 262144"));
    }
}
