//! CODEOWNERS: who answers for a path, as GitHub or as GitLab reads the file.
//!
//! Called for the paths of an error or a commit. Each answer names the line that gave it, so that a reason can cite it.
//! Whether an owner exists, and who of the roster that is, is not known here.
//!
//! Sources: <https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners>,
//! <https://docs.gitlab.com/user/project/codeowners/reference/>,
//! <https://docs.gitlab.com/user/project/codeowners/advanced/>.

mod glob;
mod lines;
mod patterns;
mod problem;
#[cfg(test)]
mod tests;

pub use problem::{Problem, ProblemKind};

use glob::{Spent, Steps};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

/// Where GitHub looks, the first one found is the one that counts.
pub const GITHUB_PLACES: [&str; 3] = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"];
/// Where GitLab looks, the first one found is the one that counts.
pub const GITLAB_PLACES: [&str; 3] = ["CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"];
/// A file has to be smaller. GitHub says 3 MB and does not load a larger one; for GitLab it is onduty's own limit.
pub const MAX_BYTES: usize = 3 * 1024 * 1024;
/// Most rules of a file. Of more none is read: the later ones are those that win.
pub const MAX_RULES: usize = 100_000;
/// Most bytes of one pattern.
pub const MAX_PATTERN: usize = 1000;
/// Most bytes of a path that is asked for; what Linux can open.
pub const MAX_PATH: usize = 4096;
/// Most characters that are compared for one path; well under a second.
const MAX_STEPS: u64 = 50_000_000;

/// Who reads the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// One list; the last rule that matches is the answer, also when it names nobody.
    GitHub,
    /// Sections, each with an answer of its own.
    GitLab,
}

impl Dialect {
    /// Where the file may lie, in the order in which the forge looks.
    pub fn places(self) -> [&'static str; 3] {
        match self {
            Dialect::GitHub => GITHUB_PLACES,
            Dialect::GitLab => GITLAB_PLACES,
        }
    }
}

/// Somebody who is named in the file; [`fmt::Display`] writes them as the file does.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Owner {
    /// `@name`, `@org/team` or `@group/subgroup`, without the `@`. At GitLab `@name` may be a group as well.
    Name(String),
    /// An address of somebody's account.
    Email(String),
    /// GitLab: every direct member of the project with this role.
    Role(Role),
}

/// The roles that GitLab lets own code; none includes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// `@@developer`
    Developer,
    /// `@@maintainer`
    Maintainer,
    /// `@@owner`
    Owner,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Owner::Name(name) => write!(f, "@{name}"),
            Owner::Email(email) => f.write_str(email),
            Owner::Role(Role::Developer) => f.write_str("@@developer"),
            Owner::Role(Role::Maintainer) => f.write_str("@@maintainer"),
            Owner::Role(Role::Owner) => f.write_str("@@owner"),
        }
    }
}

/// The rule that answers for a path, in one section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule<'a> {
    /// The section's name as it is first written; `None` outside sections, and always at GitHub.
    pub section: Option<&'a str>,
    /// Where the rule stands; the first line is 1.
    pub line: usize,
    /// As it is written.
    pub pattern: &'a str,
    /// In the order of the file; a section's default owners where the rule names none. Empty where nobody owns the
    /// path any more: GitHub takes ownership away so, GitLab calls it an error and approves by itself.
    pub owners: &'a [Owner],
    /// How many of the owners have to approve; 0 in an optional section.
    pub approvals: u32,
}

/// The path cannot be answered within [`MAX_STEPS`], because the patterns are made to take long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the patterns of CODEOWNERS take too long to compare with this path; use fewer wildcards")]
pub struct TooCostly;

/// The rules of one file.
#[derive(Debug, Clone)]
pub struct Codeowners {
    dialect: Dialect,
    /// The first one is what stands outside sections.
    sections: Vec<Section>,
    rules: Vec<Stored>,
    /// Rules that can only match a path with this very folder or file in it.
    by_name: HashMap<Box<str>, Vec<u32>>,
    /// All other rules.
    anywhere: Vec<u32>,
}

#[derive(Debug, Clone)]
struct Section {
    name: Box<str>,
    /// Whether every heading of it is optional.
    optional: bool,
}

#[derive(Debug, Clone)]
struct Stored {
    section: u32,
    line: usize,
    written: Box<str>,
    /// What [`glob`] matches.
    pattern: Box<str>,
    /// Shared by the rules that take the owners of their section: many rules times many owners would fill the memory.
    owners: Arc<[Owner]>,
    approvals: u32,
    exclusion: bool,
}

impl Codeowners {
    /// Reads a file. Lines that the forge would not understand either are told with their number; GitHub skips such a
    /// line, GitLab keeps what it can of it. A file that is too large has no rule at all, and says so.
    pub fn parse(text: &str, dialect: Dialect) -> (Codeowners, Vec<Problem>) {
        let mut parser = lines::Parser::new(dialect);
        if text.len() >= MAX_BYTES {
            let problem = Problem { line: 1, kind: ProblemKind::TooLarge { bytes: text.len() } };
            return (Codeowners::new(dialect, Vec::new(), Vec::new()), vec![problem]);
        }
        for (index, line) in text.split('\n').enumerate() {
            if !parser.line(index + 1, line) {
                let problem = Problem { line: index + 1, kind: ProblemKind::TooManyRules };
                return (Codeowners::new(dialect, Vec::new(), Vec::new()), vec![problem]);
            }
        }
        let lines::Parser { sections, rules, problems, .. } = parser;
        (Codeowners::new(dialect, sections, rules), problems.into_vec())
    }

    /// The rules that answer for `path`, in the order in which the sections begin; at GitHub at most one.
    ///
    /// `path` is relative to the root of the repository. A section without a rule for the path, or with an exclusion
    /// that matches it, has no answer. Neither has a path of more than [`MAX_PATH`] bytes.
    ///
    /// # Errors
    /// [`TooCostly`] for a file made to take long.
    pub fn owners_of(&self, path: &str) -> Result<Vec<Rule<'_>>, TooCostly> {
        if path.len() > MAX_PATH {
            return Ok(Vec::new());
        }
        let folders: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let found = self.answers(&folders).map_err(|Spent| TooCostly)?;
        Ok(found.into_values().flatten().map(|rule| self.told(rule)).collect())
    }

    /// The answer of each section; `None` where the path is excluded.
    fn answers(&self, folders: &[&str]) -> Result<BTreeMap<u32, Option<&Stored>>, Spent> {
        let mut steps = Steps(MAX_STEPS);
        let mut found: BTreeMap<u32, Option<&Stored>> = BTreeMap::new();
        for index in self.candidates(folders) {
            let rule = &self.rules[index as usize];
            // An exclusion wins over whatever comes later in its section.
            if !rule.exclusion && found.contains_key(&rule.section) {
                continue;
            }
            if glob::matches(&rule.pattern, folders, self.dialect == Dialect::GitLab, &mut steps)? {
                found.insert(rule.section, (!rule.exclusion).then_some(rule));
                if self.dialect == Dialect::GitHub {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// The rules that may match, the last one first.
    fn candidates(&self, folders: &[&str]) -> Vec<u32> {
        let names: BTreeSet<&str> = folders.iter().copied().collect();
        let named = names.into_iter().filter_map(|name| self.by_name.get(name)).flatten();
        let mut all: Vec<u32> = named.chain(&self.anywhere).copied().collect();
        all.sort_unstable_by(|a, b| b.cmp(a));
        all
    }

    fn told<'a>(&'a self, rule: &'a Stored) -> Rule<'a> {
        let section = &self.sections[rule.section as usize];
        Rule {
            section: (rule.section > 0).then_some(&*section.name),
            line: rule.line,
            pattern: &rule.written,
            owners: &rule.owners,
            approvals: if section.optional { 0 } else { rule.approvals },
        }
    }

    fn new(dialect: Dialect, sections: Vec<Section>, rules: Vec<Stored>) -> Codeowners {
        let mut common: HashMap<&str, u32> = HashMap::new();
        for name in rules.iter().flat_map(Stored::names) {
            *common.entry(name).or_default() += 1;
        }
        let mut by_name: HashMap<Box<str>, Vec<u32>> = HashMap::new();
        let mut anywhere = Vec::new();
        for (index, rule) in (0..).zip(&rules) {
            // The rarest name tells most: half of a file may begin with `/src/`.
            match rule.names().min_by_key(|name| common[name]) {
                Some(name) => by_name.entry(name.into()).or_default().push(index),
                None => anywhere.push(index),
            }
        }
        Codeowners { dialect, sections, by_name, anywhere, rules }
    }
}

impl Stored {
    /// The folders and files that every path has that matches.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.pattern.split('/').filter(|segment| !segment.contains(['*', '?', '[', '\\']))
    }
}
