//! `onduty check`: every problem of a team's files, with its place and a mend.

use crate::config::{Broken, Files, LoadError};
use onduty_core::files::Problem;
use serde_json::json;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Longest part of a line that is shown, in characters.
const MAX_SHOWN: usize = 100;

/// Checks onduty.yml, roster.yml and every process of a folder.
///
/// Exits with 0 when all is well, 1 when there are problems, 2 when there is nothing to check.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// Folder with an onduty.yml, or such a file.
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// Print a list of problems as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
///
/// # Errors
/// Only when standard output cannot be written.
pub fn run(args: CheckArgs) -> anyhow::Result<ExitCode> {
    let Outcome { out, err, code } = check(&args)?;
    std::io::stdout().write_all(out.as_bytes())?;
    std::io::stderr().write_all(err.as_bytes())?;
    Ok(ExitCode::from(code))
}

/// Prints what is wrong with files that a server should have started with.
pub fn print_problems(broken: &Broken) {
    eprint!("{}", as_text(broken));
}

/// What the command prints, and how it ends.
#[derive(Debug, Default)]
struct Outcome {
    out: String,
    err: String,
    code: u8,
}

fn check(args: &CheckArgs) -> anyhow::Result<Outcome> {
    let (out, code) = match Files::load(&args.dir) {
        Err(error @ LoadError::Unreadable { .. }) => {
            return Ok(Outcome { err: format!("{}\n", printable(&error.to_string())), code: 2, ..Outcome::default() });
        }
        Err(LoadError::Broken(broken)) if args.json => (as_json(&broken.problems, &[])?, 1),
        Err(LoadError::Broken(broken)) => (as_text(&broken), 1),
        Ok(files) if args.json => (as_json(&[], &files.notes)?, 0),
        Ok(files) => (all_is_well(&files), 0),
    };
    Ok(Outcome { out, code, ..Outcome::default() })
}

fn as_json(problems: &[Problem], notes: &[Problem]) -> anyhow::Result<String> {
    let entry = |problem: &Problem, severity: &str| {
        json!({
            "severity": severity,
            "file": problem.file,
            "line": problem.place.line,
            "column": problem.place.column,
            "what": problem.what,
            "mend": problem.mend,
        })
    };
    let problems = problems.iter().map(|problem| entry(problem, "problem"));
    let list: Vec<_> = problems.chain(notes.iter().map(|note| entry(note, "note"))).collect();
    Ok(serde_json::to_string_pretty(&list)? + "\n")
}

fn all_is_well(files: &Files) -> String {
    let mut text = String::new();
    for note in &files.notes {
        let _ = writeln!(text, "note: {}", printable(&note.to_string()));
    }
    let people = counted(files.roster.engineers.len(), "engineer", "engineers");
    let duties = counted(files.roster.duties.len(), "duty", "duties");
    let steps = files.processes.values().map(|file| file.process.steps.len()).sum();
    let _ = writeln!(text, "all files are well: {people}, {duties}, {}", counted(steps, "step", "steps"));
    text
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Each problem, the line where it is, and a caret below the place.
fn as_text(broken: &Broken) -> String {
    let mut text = String::new();
    for problem in &broken.problems {
        let _ = writeln!(text, "{}", printable(&problem.to_string()));
        let lines = broken.texts.get(&problem.file).map(|text| text.lines());
        let index = problem.place.line.saturating_sub(1) as usize;
        if let Some(line) = lines.and_then(|mut lines| lines.nth(index)) {
            let _ = write!(text, "{}", excerpt(line, problem.place.line, problem.place.column));
        }
        text.push('\n');
    }
    let _ = writeln!(text, "{}", counted(broken.problems.len(), "problem", "problems"));
    text
}

/// The part of `line` around `column`, and a caret below it.
fn excerpt(line: &str, number: u32, column: u32) -> String {
    let column = column.saturating_sub(1) as usize;
    let start = column.saturating_sub(MAX_SHOWN / 2);
    let shown: String = line.chars().skip(start).take(MAX_SHOWN).collect();
    let cut = if start > 0 { "…" } else { "" };
    let margin = " ".repeat(number.to_string().len());
    let caret = " ".repeat(column - start + cut.chars().count());
    format!(" {number} | {cut}{}\n {margin} | {caret}^\n", printable(shown.trim_end()))
}

/// `text` without characters that would move the cursor or colour the terminal; a tab is one space wide.
pub fn printable(text: &str) -> String {
    let shown = |c: char| match c {
        '\t' => ' ',
        // Controls, and the marks that turn the direction of writing.
        c if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => '\u{fffd}',
        c => c,
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    fn outcome(folder: &tempfile::TempDir, json: bool) -> Outcome {
        let start = format!("{}/", folder.path().display());
        let outcome = check(&CheckArgs { dir: folder.path().to_owned(), json }).unwrap();
        Outcome { out: outcome.out.replace(&start, ""), err: outcome.err.replace(&start, ""), ..outcome }
    }

    const ROSTER: &str = "engineers: {lena: {}}\nduties: {developers: {members: all, zone: UTC}}\n";

    #[test]
    fn each_problem_is_shown_where_it_is() {
        let folder = folder(&[
            ("onduty.yml", "name: Acme\nlisten: 0.0.0.0:7007\n"),
            ("roster.yml", &ROSTER.replace("lena: {}", "lena: {joined: \"\\e[31mx\"}")),
            ("processes/developers.yml", "process: developers\nsteps: [{id: hello, goal: Say hello, once: shift}]\n"),
        ]);
        insta::assert_snapshot!(outcome(&folder, false).out, @r#"
        onduty.yml:2:9: `0.0.0.0:7007` can be reached from other machines, and everybody between could read along; give `server: {tls: {certificate: …, key: …}}`, or `server: {proxy: […]}` with the addresses of a proxy that speaks TLS, or listen on 127.0.0.1
         2 | listen: 0.0.0.0:7007
           |         ^

        roster.yml:1:29: `\u{1b}[31mx` is not a day; write year-month-day, such as 2026-03-02
         1 | engineers: {lena: {joined: "\e[31mx"}}
           |                             ^

        2 problems
        "#);
    }

    #[test]
    fn files_that_are_well_are_counted() {
        let process =
            ("processes/developers.yml", "process: developers\nsteps: [{id: hello, goal: Say hello, once: shift}]\n");
        let folder = folder(&[("onduty.yml", "name: Acme\n"), ("roster.yml", ROSTER), process]);
        insta::assert_snapshot!(outcome(&folder, false).out, @"all files are well: 1 engineer, 1 duty, 1 step");
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let line = format!("{}x{}", "a".repeat(200), "b".repeat(200));
        let excerpt = excerpt(&line, 7, 201);
        let lines: Vec<&str> = excerpt.lines().collect();
        let caret = lines[1].chars().position(|c| c == '^').unwrap();
        assert_eq!(lines[0].chars().nth(caret), Some('x'));
        assert!(lines[0].chars().count() < 120);
    }

    #[test]
    fn the_exit_code_tells_well_from_wrong_from_nothing() {
        let process =
            ("processes/developers.yml", "process: developers\nsteps: [{id: hello, goal: Say hello, once: shift}]\n");
        let well = outcome(&folder(&[("onduty.yml", "name: Acme\n"), ("roster.yml", ROSTER), process]), true);
        assert_eq!((well.code, well.out.as_str()), (0, "[]\n"));
        let nothing = outcome(&folder(&[]), true);
        assert_eq!((nothing.code, nothing.out.as_str()), (2, ""));
        assert!(nothing.err.starts_with("cannot read onduty.yml: No such file"), "{}", nothing.err);
    }

    #[test]
    fn json_lists_every_problem() {
        let outcome = outcome(&folder(&[("onduty.yml", "nam: x\n")]), true);
        let list: serde_json::Value = serde_json::from_str(&outcome.out).unwrap();
        assert_eq!(outcome.code, 1);
        assert_eq!(list.as_array().unwrap().len(), 3);
        assert_eq!(
            list[0],
            json!({
                "severity": "problem",
                "file": "onduty.yml",
                "line": 1,
                "column": 1,
                "what": "the instance's file has no key `nam`",
                "mend": "did you mean `name`?",
            })
        );
    }
}
