//! What is written in a file, as what [`glob`] matches: segments between slashes, of which `**` is any number of folders.

use super::{MAX_PATTERN, glob};

const TOO_LONG: &str = "its pattern is longer than 1000 bytes; use wildcards";
const _: () = assert!(MAX_PATTERN == 1000);

/// As gitignore has it, but `docs/*` does not reach into folders.
pub(super) fn github_pattern(written: &str) -> Result<Box<str>, &'static str> {
    if written.starts_with('!') {
        return Err("GitHub knows no pattern with !; write a later rule without owners instead");
    }
    if written.starts_with("\\#") {
        return Err("GitHub knows no pattern that begins with an escaped #");
    }
    if unescaped_bracket(written) {
        return Err("GitHub knows no character ranges; write ? or a rule for each character");
    }
    if written.contains("***") {
        return Err("three asterisks mean nothing; write ** for folders or * within a name");
    }
    if written == "/" {
        return Err("/ never matches anything; write * for the whole repository");
    }
    if written.len() > MAX_PATTERN {
        return Err(TOO_LONG);
    }
    let (body, folder) = match written.strip_suffix('/') {
        Some(body) => (body, true),
        None => (written, false),
    };
    let anchored = match body.strip_prefix('/') {
        Some(anchored) => anchored.to_owned(),
        None if body.contains('/') => body.to_owned(),
        None => format!("**/{body}"),
    };
    let all_below = anchored == "**" || anchored.ends_with("/**");
    let direct = anchored == "*" || anchored.ends_with("/*");
    Ok(match (folder, all_below) {
        (true, true) => format!("{anchored}/*/**/*"), // below a folder that is below
        (true, false) => format!("{anchored}/**/*"),
        (false, true) => format!("{anchored}/*"),
        (false, false) if direct => anchored,
        (false, false) => format!("{anchored}/**"), // the file itself, or everything below the folder
    }
    .into())
}

fn unescaped_bracket(pattern: &str) -> bool {
    let mut escaped = false;
    pattern.chars().any(|character| {
        let found = character == '[' && !escaped;
        escaped = character == '\\' && !escaped;
        found
    })
}

/// As GitLab rewrites it for Ruby's `File.fnmatch` with `FNM_PATHNAME | FNM_DOTMATCH`.
pub(super) fn gitlab_pattern(written: &str) -> Result<Box<str>, &'static str> {
    if written.len() > MAX_PATTERN {
        return Err(TOO_LONG);
    }
    if open_range(written) {
        return Err("a [ without its ] never matches; escape it with \\ if it is part of a name");
    }
    if written == "*" {
        return Ok("**/*".into());
    }
    let pattern = written.strip_prefix("\\#").map_or_else(|| written.to_owned(), |rest| format!("#{rest}"));
    let mut pattern = match pattern.strip_prefix('/') {
        Some(anchored) => anchored.to_owned(),
        None => format!("**/{pattern}"),
    };
    if pattern.ends_with('/') || pattern.is_empty() {
        pattern.push_str("**/*");
    } else if pattern == "**" || pattern.ends_with("/**") {
        pattern.pop(); // only `**/` goes into folders
    }
    Ok(pattern.into())
}

/// Whether a character range has no end within its folder or file.
fn open_range(pattern: &str) -> bool {
    pattern.split('/').any(|segment| {
        let mut rest = segment.chars();
        while let Some(character) = rest.next() {
            match character {
                '\\' => drop(rest.next()),
                '[' => match glob::range(rest.as_str(), ' ') {
                    Some((_, after)) => rest = after.chars(),
                    None => return true,
                },
                _ => {}
            }
        }
        false
    })
}
