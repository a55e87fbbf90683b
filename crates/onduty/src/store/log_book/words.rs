//! Words as PostgreSQL keeps and looks for them, cut and folded as SQLite's tokenizer does it.
//!
//! PostgreSQL's own way depends on the locale of the database and knows no accents without an extension; a search must
//! find the same on both databases.

use unicode_normalization::UnicodeNormalization;

/// A longer word is known by its beginning; PostgreSQL refuses more than 2 KB.
const MAX_WORD_BYTES: usize = 200;

/// Later words of an entry are not found; PostgreSQL counts no further than 16,383.
const MAX_WORDS: usize = 10_000;

/// The words of a text with their places, as a `tsvector`.
pub(in crate::store) fn indexed(text: &str) -> String {
    let places = words(text).take(MAX_WORDS).zip(1..);
    places.map(|(word, place)| format!("'{word}':{place}")).collect::<Vec<_>>().join(" ")
}

/// What people typed as a `tsquery`: each word, parts of a word one after the other, the last one as a beginning.
pub(super) fn wanted(typed: &[String]) -> Option<String> {
    let phrases = typed.iter().map(|typed| words(typed).map(|word| format!("'{word}'")).collect::<Vec<_>>());
    let phrases: Vec<String> = phrases.filter(|words| !words.is_empty()).map(|words| words.join(" <-> ")).collect();
    (!phrases.is_empty()).then(|| phrases.join(" & ") + ":*")
}

/// Runs of letters and digits, in small letters and without the accents of Latin, Greek and Cyrillic. So there is
/// nothing in a word that would have to be quoted.
fn words(text: &str) -> impl Iterator<Item = String> {
    let folded: String = text.nfd().filter(|letter| !('\u{300}'..='\u{36f}').contains(letter)).collect();
    let folded = folded.nfc().collect::<String>().to_lowercase();
    let words: Vec<String> =
        folded.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).map(shortened).collect();
    words.into_iter()
}

fn shortened(word: &str) -> String {
    word[..word.floor_char_boundary(MAX_WORD_BYTES)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_and_folded() {
        for (text, expected) in [
            ("Main is red: unit tests", "'main':1 'is':2 'red':3 'unit':4 'tests':5"),
            ("Café KÖNNTE cafe\u{301}", "'cafe':1 'konnte':2 'cafe':3"),
            ("部署 完成, 2 of 3", "'部署':1 '完成':2 '2':3 'of':4 '3':5"),
            ("it's \\ 'quoted':4", "'it':1 's':2 'quoted':3 '4':4"),
            ("한국어", "'한국어':1"),
            ("😀 -- !", ""),
        ] {
            assert_eq!(indexed(text), expected, "{text}");
        }
        assert_eq!(indexed(&"é".repeat(5_000)).len(), MAX_WORD_BYTES + 4);
        assert_eq!(indexed(&"a ".repeat(20_000)).split(' ').count(), MAX_WORDS);
    }

    #[test]
    fn what_people_type_is_never_syntax() {
        for (typed, expected) in [
            (vec!["red", "main"], Some("'red' & 'main':*")),
            (vec!["foo-bar"], Some("'foo' <-> 'bar':*")),
            (vec!["a|b", "!c", "<->"], Some("'a' <-> 'b' & 'c':*")),
            (vec!["'x':*"], Some("'x':*")),
            (vec!["--"], None),
            (vec![], None),
        ] {
            let typed: Vec<String> = typed.into_iter().map(str::to_owned).collect();
            assert_eq!(wanted(&typed).as_deref(), expected, "{typed:?}");
        }
    }
}
