//! The scanner that sees an expression before `cel` does: it counts, balances and knows the usual slips.
//!
//! Called by `compile` alone. `cel` may abort the process or run for minutes on texts that this refuses; it never
//! builds a tree.

/// Longest expression, in bytes.
pub const MAX_BYTES: usize = 2 * 1024;
/// Most tokens (words, numbers, texts, operators, brackets) in an expression.
pub const MAX_TOKENS: usize = 200;
/// Deepest nesting of brackets.
pub const MAX_NESTING: usize = 24;
/// Most `? :` in an expression: they nest to the right without a bracket.
const MAX_CONDITIONALS: usize = 16;

/// What is wrong with an expression, where, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Character of the expression, from 0.
    pub at: usize,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub mend: String,
}

impl Fault {
    /// A fault at character `at`.
    pub fn new(at: usize, what: impl Into<String>, mend: impl Into<String>) -> Fault {
        Fault { at, what: what.into(), mend: mend.into() }
    }
}

/// Refuses what is too large, unbalanced, or not of this language. Reports the first fault only: behind a text
/// without an end nothing means anything.
pub fn scan(source: &str) -> Result<(), Fault> {
    if source.trim().is_empty() {
        return Err(Fault::new(
            0,
            "the condition is empty",
            "write one, for example `ci.branch(\"main\") == \"failing\"`",
        ));
    }
    if source.len() > MAX_BYTES {
        return Err(Fault::new(
            0,
            format!("this condition has {} bytes, more than {MAX_BYTES}", source.len()),
            "split it over several steps",
        ));
    }
    let chars: Vec<char> = source.chars().collect();
    let mut scanner = Scanner { chars: &chars, at: 0, tokens: 0, open: Vec::new(), conditionals: 0, after_dot: false };
    while scanner.at < chars.len() {
        scanner.token()?;
    }
    match scanner.open.last() {
        None => Ok(()),
        Some((bracket, at)) => {
            Err(Fault::new(*at, format!("`{bracket}` is never closed"), format!("add `{}`", closing(*bracket))))
        }
    }
}

struct Scanner<'a> {
    chars: &'a [char],
    at: usize,
    tokens: usize,
    open: Vec<(char, usize)>,
    conditionals: usize,
    after_dot: bool,
}

impl Scanner<'_> {
    fn peek(&self, ahead: usize) -> char {
        self.chars.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn token(&mut self) -> Result<(), Fault> {
        let first = self.peek(0);
        if matches!(first, ' ' | '\t' | '\n' | '\r') {
            self.at += 1;
            return Ok(());
        }
        self.tokens += 1;
        if self.tokens > MAX_TOKENS {
            return Err(Fault::new(
                self.at,
                format!("this condition has more than {MAX_TOKENS} words and signs"),
                "split it over several steps",
            ));
        }
        let after_dot = std::mem::take(&mut self.after_dot);
        match first {
            '"' | '\'' => self.text(false),
            'r' | 'R' if matches!(self.peek(1), '"' | '\'') => {
                self.at += 1;
                self.text(true)
            }
            'a'..='z' | 'A'..='Z' | '_' => self.word(after_dot),
            '0'..='9' => {
                while self.peek(0).is_ascii_alphanumeric() || (self.peek(0) == '.' && self.peek(1).is_ascii_digit()) {
                    self.at += 1;
                }
                Ok(())
            }
            '(' | '[' | '{' => {
                self.open.push((first, self.at));
                if self.open.len() > MAX_NESTING {
                    let what = format!("brackets are nested deeper than {MAX_NESTING}");
                    return Err(Fault::new(self.at, what, "remove the brackets that are not needed"));
                }
                self.at += 1;
                Ok(())
            }
            ')' | ']' | '}' => self.close(first),
            _ => self.sign(first),
        }
    }

    fn close(&mut self, bracket: char) -> Result<(), Fault> {
        match self.open.pop() {
            Some((open, _)) if closing(open) == bracket => {
                self.at += 1;
                Ok(())
            }
            Some((open, _)) => Err(Fault::new(
                self.at,
                format!("`{bracket}` closes nothing: the bracket that is open here is `{open}`"),
                format!("write `{}`", closing(open)),
            )),
            None => Err(Fault::new(self.at, format!("`{bracket}` closes nothing"), "remove it")),
        }
    }

    fn text(&mut self, raw: bool) -> Result<(), Fault> {
        let (start, quote) = (self.at, self.peek(0));
        if self.peek(1) == quote && self.peek(2) == quote {
            return Err(Fault::new(start, "three quotes in a row", "put the text in one pair of quotes"));
        }
        self.at += 1;
        loop {
            match self.peek(0) {
                '\0' | '\n' | '\r' => {
                    return Err(Fault::new(
                        start,
                        format!("the text that starts here has no closing {quote}"),
                        format!("add {quote} behind it"),
                    ));
                }
                '\\' if !raw => self.at += 2,
                found => {
                    self.at += 1;
                    if found == quote {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn word(&mut self, after_dot: bool) -> Result<(), Fault> {
        let start = self.at;
        while self.peek(0).is_ascii_alphanumeric() || self.peek(0) == '_' {
            self.at += 1;
        }
        let word: String = self.chars[start..self.at].iter().collect();
        if after_dot {
            return Ok(());
        }
        let sign = match word.to_ascii_lowercase().as_str() {
            "and" => "&&",
            "or" => "||",
            "not" => "!",
            "is" | "eq" => "==",
            _ if matches!(self.peek(0), '"' | '\'') => {
                let what = format!("`{word}` and a text stand side by side");
                return Err(Fault::new(start, what, "put an operator between them, for example `==`"));
            }
            _ => return Ok(()),
        };
        Err(Fault::new(start, format!("`{word}` is not a word of this language"), format!("write `{sign}`")))
    }

    fn sign(&mut self, first: char) -> Result<(), Fault> {
        let (at, second) = (self.at, self.peek(1));
        let wrong = |what: &str, mend: &str| Err(Fault::new(at, what, mend));
        self.at += match (first, second) {
            ('=', '=') if self.peek(2) == '=' => return wrong("`===` is not an operator", "write `==`"),
            ('=', '>') => return wrong("`=>` is not an operator", "write `>=`"),
            ('=', '<') => return wrong("`=<` is not an operator", "write `<=`"),
            ('<', '>') => return wrong("`<>` is not an operator", "write `!=`"),
            ('/', '/') => return wrong("a comment inside a condition", "write it beside the condition: `# …`"),
            ('&', '&') | ('|', '|') | ('=' | '!' | '<' | '>', '=') => 2,
            ('=', _) => return wrong("`=` does not compare", "write `==`"),
            ('&', _) => return wrong("`&` is not an operator", "write `&&`"),
            ('|', _) => return wrong("`|` is not an operator", "write `||`"),
            ('.', _) => {
                self.after_dot = true;
                1
            }
            ('?', _) => {
                self.conditionals += 1;
                if self.conditionals > MAX_CONDITIONALS {
                    let what = format!("more than {MAX_CONDITIONALS} choices with `?`");
                    return Err(Fault::new(at, what, "split the condition over several steps"));
                }
                1
            }
            ('<' | '>' | '!' | '+' | '-' | '*' | '/' | '%' | ':' | ',', _) => 1,
            ('“' | '”' | '„' | '‘' | '’' | '´' | '`', _) => {
                return wrong(&format!("{first} is not a quote that a condition knows"), "write \" or '");
            }
            _ => {
                let what = format!("`{}` has no meaning here", first.escape_debug());
                return wrong(&what, "remove it, or put it in quotes if it is part of a text");
            }
        };
        Ok(())
    }
}

fn closing(bracket: char) -> char {
    match bracket {
        '(' => ')',
        '[' => ']',
        _ => '}',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_this_language_passes() {
        for source in [
            "ci.branch(\"main\") == 'failing'",
            "error.title.matches(r'^\\d+\\.') && !error.assigned",
            "a.exists(b, b.c[0] >= 1.5e3) ? x : -y",
            "signals[\"disk-space\"].exists(s, s.message.contains(\"ä \\\" '\"))",
            "a.is == b.not",
        ] {
            assert_eq!(scan(source), Ok(()), "{source}");
        }
    }

    #[test]
    fn everything_else_is_refused_at_its_place() {
        let check = |source: &str, at: usize, expected: &str| {
            let fault = scan(source).unwrap_err();
            assert_eq!((fault.at, format!("{}; {}", fault.what, fault.mend).as_str()), (at, expected), "{source}");
        };
        check(" ", 0, "the condition is empty; write one, for example `ci.branch(\"main\") == \"failing\"`");
        check("a = 1", 2, "`=` does not compare; write `==`");
        check("a and b", 2, "`and` is not a word of this language; write `&&`");
        check("a & b", 2, "`&` is not an operator; write `&&`");
        check("a == “x”", 5, "“ is not a quote that a condition knows; write \" or '");
        check("(a", 0, "`(` is never closed; add `)`");
        check("a)", 1, "`)` closes nothing; remove it");
        check("(a]", 2, "`]` closes nothing: the bracket that is open here is `(`; write `)`");
        check("a == 'x", 5, "the text that starts here has no closing '; add ' behind it");
        check("a == 'x\\", 5, "the text that starts here has no closing '; add ' behind it");
        check("a == '''x'''", 5, "three quotes in a row; put the text in one pair of quotes");
        check("a // b", 2, "a comment inside a condition; write it beside the condition: `# …`");
        check("a == b\"x\"", 5, "`b` and a text stand side by side; put an operator between them, for example `==`");
        check("a @ b", 2, "`@` has no meaning here; remove it, or put it in quotes if it is part of a text");
        check(
            "a \u{202e} b",
            2,
            "`\\u{202e}` has no meaning here; remove it, or put it in quotes if it is part of a text",
        );
        check(&"(".repeat(25), 24, "brackets are nested deeper than 24; remove the brackets that are not needed");
        check(&"a+".repeat(101), 200, "this condition has more than 200 words and signs; split it over several steps");
        check(&"x".repeat(3000), 0, "this condition has 3000 bytes, more than 2048; split it over several steps");
        check(&"a?".repeat(17), 33, "more than 16 choices with `?`; split the condition over several steps");
    }
}
