//! Places in the code that the output of a build names.
//!
//! Test runners and compilers of every language print `path:line`; Python prints `File "path", line 12`. What is read
//! here are only guesses: whoever uses them asks the repository whether it has such a file.

use crate::signal::Frame;
use regex::Regex;
use std::sync::LazyLock;

/// Most places that are read from one output.
const MAX_PLACES: usize = 50;
/// Bytes of an output that are read, from its end: what failed is summed up there.
const MAX_OUTPUT: usize = 256 * 1024;

static PLACE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?x)
        File\ "(?<python>[^"\n]{1,500})",\ line\ (?<python_line>[1-9][0-9]{0,6})
        | (?<scheme>[a-z]+://\S*)
        | (?<file>(?:[\w@.+~-]+[/\\])*[\w@+~-][\w@.+~-]*\.[A-Za-z]\w{0,9})
          (?: : (?<line>[1-9][0-9]{0,6}) | \((?<bracket>[1-9][0-9]{0,6})[,)] )"#,
    )
    .ok()
});

/// The places that `output` names, in its order, each once; at most 50, from the last 256 KiB.
pub fn places_in(output: &str) -> Vec<Frame> {
    let Some(pattern) = PLACE.as_ref() else { return Vec::new() };
    let mut start = output.len().saturating_sub(MAX_OUTPUT);
    while !output.is_char_boundary(start) {
        start += 1;
    }
    let mut places: Vec<Frame> = Vec::new();
    for found in pattern.captures_iter(&output[start..]) {
        let Some(file) = found.name("python").or(found.name("file")) else { continue };
        let line = found.name("python_line").or(found.name("line")).or(found.name("bracket"));
        let line = line.and_then(|line| line.as_str().parse().ok());
        let file = file.as_str().replace('\\', "/");
        let file = file.trim_start_matches("./").to_owned();
        if !places.iter().any(|known| known.file == file && known.line == line) {
            places.push(Frame { file, line, function: None, in_app: true });
        }
        if places.len() == MAX_PLACES {
            break;
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(output: &str, expected: &[&str]) {
        let found: Vec<String> = places_in(output)
            .into_iter()
            .map(|place| format!("{}:{}", place.file, place.line.map_or_else(String::new, |line| line.to_string())))
            .collect();
        assert_eq!(found, expected, "{output}");
    }

    #[test]
    fn what_runners_and_compilers_print_names_places() {
        check("rspec ./spec/booking_spec.rb:14 # starts in summer time", &["spec/booking_spec.rb:14"]);
        check("     # ./app/models/slot.rb:7:in `starts_at'", &["app/models/slot.rb:7"]);
        check("tests/test_cart.py:31: AssertionError", &["tests/test_cart.py:31"]);
        check("  File \"src/my app/cart.py\", line 12, in total", &["src/my app/cart.py:12"]);
        check("thread 'main' panicked at crates/a-b/src/lib.rs:3:9:", &["crates/a-b/src/lib.rs:3"]);
        check("    at Object.<anonymous> (src/cart.test.ts:41:15)", &["src/cart.test.ts:41"]);
        check("\tat com.acme.Cart.total(Cart.java:88)", &["Cart.java:88"]);
        check("src/Cart.cs(12,5): error CS0103", &["src/Cart.cs:12"]);
        check("FAIL\tcart_test.go:9: want 3", &["cart_test.go:9"]);
        check("C:\\work\\src\\cart.c:5: error", &["work/src/cart.c:5"]);
        check("a.rs:1 b.rs:2 a.rs:1", &["a.rs:1", "b.rs:2"]);
    }

    #[test]
    fn what_is_no_place_is_left_alone() {
        for output in
            ["", "3 tests failed", "see https://ci.example:8443/x.html:12", "at 12:34:56", "v1.2:3", "a.rs", "a.rs:0"]
        {
            check(output, &[]);
        }
    }

    #[test]
    fn a_long_output_is_read_from_its_end_and_quickly() {
        let noise = "é x.y/".repeat(200_000);
        check(&format!("a.rs:1\n{noise}\nb.rs:2"), &["b.rs:2"]);
        let many: String = (1..200).map(|line| format!("a.rs:{line}\n")).collect();
        assert_eq!(places_in(&many).len(), MAX_PLACES);
    }
}
