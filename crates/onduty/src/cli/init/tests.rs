//! `onduty init` on real clones, friendly and hostile; the roster it writes is read by the real reader.

use super::*;
use onduty_core::files::Problems;
use onduty_core::roster::Roster;
use std::process::Command;
use tempfile::TempDir;

const NOW: &str = "2026-03-02T08:00:00Z";

struct Clone {
    folder: TempDir,
}

impl Clone {
    fn new(branch: &str) -> Clone {
        let clone = Clone { folder: TempDir::with_prefix("my shop").unwrap() };
        clone.git(&["init", "--quiet", &format!("--initial-branch={branch}")]);
        clone
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn git(&self, args: &[&str]) {
        self.git_as("Lena Vogt", "lena@example.org", "2026-03-01T09:00:00+01:00", args);
    }

    fn git_as(&self, name: &str, email: &str, date: &str, args: &[&str]) {
        let output = Command::new("git")
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")])
            .envs([("GIT_AUTHOR_NAME", name), ("GIT_AUTHOR_EMAIL", email), ("GIT_AUTHOR_DATE", date)])
            .envs([("GIT_COMMITTER_NAME", "c"), ("GIT_COMMITTER_EMAIL", "c@d"), ("GIT_COMMITTER_DATE", date)])
            .args(args)
            .current_dir(self.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn commit(&self, name: &str, email: &str, date: &str) {
        self.git_as(name, email, date, &["commit", "--quiet", "--allow-empty", "-m", "work"]);
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "-m", file]);
    }

    async fn init(&self, force: bool) -> Result<String, InitError> {
        let args = InitArgs { repo: self.path().to_owned(), out: None, force };
        init(&args, NOW.parse().unwrap(), &TimeZone::UTC).await
    }

    fn text(&self, file: &str) -> String {
        std::fs::read_to_string(self.path().join(file)).unwrap()
    }

    fn roster(&self) -> Roster {
        onduty_core::roster::parse("roster.yml", &self.text("roster.yml")).unwrap_or_else(|problems| {
            panic!("{}\n{}", problems.iter().map(|p| format!("{p}\n")).collect::<String>(), self.text("roster.yml"))
        })
    }
}

#[tokio::test]
async fn proposes_a_team_from_its_repository() {
    let clone = Clone::new("trunk");
    clone.git(&["remote", "add", "origin", "https://lena:hunter2@github.com/acme/shop.git"]);
    clone.write(".mailmap", "Omar Haddad <omar@example.org> <oh@old.example>\n");
    clone.write(".github/workflows/ci.yml", "name: \"Build & test\"\non: push\n");
    clone.write(".github/CODEOWNERS", "* @acme/shop lena@example.org @stranger\n");
    clone.write(".gitlab-ci.yml", "x: 1\n");
    for _ in 0..9 {
        clone.commit("oh", "oh@old.example", "2026-02-20T09:00:00+01:00");
    }
    clone.commit("dependabot[bot]", "x@example.org", "2026-02-20T09:00:00+01:00");
    clone.commit("Long Gone", "gone@example.org", "2025-02-20T09:00:00+01:00");

    let said = clone.init(false).await.unwrap();
    let roster = clone.roster();
    let ids: Vec<&str> = roster.duties[0].members.iter().map(|id| id.as_str()).collect();
    assert_eq!(ids, ["omar", "lena"]);
    assert_eq!(roster.engineers["omar"].name, "Omar Haddad");
    assert_eq!(roster.duties[0].zone.iana_name(), Some("Europe/Berlin"));
    assert_eq!(roster.duties[0].since, "2026-03-02".parse().unwrap());
    assert_eq!(roster.duties[0].watches.repositories, ["acme/shop"]);
    assert_eq!(roster.duties[0].watches.branch.as_deref(), Some("trunk"));
    assert!(clone.text("roster.yml").contains("# CODEOWNERS also names \"@acme/shop\", \"@stranger\";"));

    let instance = clone.text("onduty.yml");
    let config = crate::config::Config::parse("onduty.yml", &instance, clone.path()).unwrap();
    assert_eq!(config.sources.git[0].name, "acme/shop");
    for part in
        ["repository: \".\"", "branch: \"trunk\"", "name: \"acme/shop\"", "\"Build & test\"", "GitLab CI", "# github:"]
    {
        assert!(instance.contains(part), "{part}: {instance}");
    }
    assert!(clone.text("processes/developers.yml").contains("while: ci.branch(\"trunk\") == \"failing\""));
    for text in [&said, &instance, &clone.text("roster.yml")] {
        assert!(!text.contains("hunter2"));
    }
    for part in [
        "acme/shop (github.com)",
        "Omar Haddad, Lena Vogt (authors of the last 90 days)",
        "1 bots left out",
        "onduty check '/",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[tokio::test]
async fn overwrites_nothing_unless_asked() {
    let clone = Clone::new("main");
    clone.commit("Lena", "lena@example.org", "2020-03-01T09:00:00Z");
    std::fs::write(clone.path().join("roster.yml"), "mine").unwrap();
    let error = clone.init(false).await.unwrap_err();
    assert!(matches!(&error, InitError::Exists(path) if path.ends_with("roster.yml")), "{error}");
    assert!(!clone.path().join("onduty.yml").exists(), "all or nothing");
    assert_eq!(clone.text("roster.yml"), "mine");

    let said = clone.init(true).await.unwrap();
    assert!(said.contains("authors of the last 1 commits, because nobody committed in the last 90 days"), "{said}");
    assert_eq!(clone.roster().engineers.len(), 1);
    assert!(matches!(clone.init(false).await, Err(InitError::Exists(_))));
}

#[tokio::test]
async fn hostile_names_stay_quoted_texts() {
    let clone = Clone::new("feature/\"x\"#'{y}");
    let names = [
        "\"}, evil: {name: x",
        "\u{202e}live\u{2066}",
        "a\\\" #: *&!|>%@`\u{85}b",
        "null",
        "- -",
        "'; rm -rf /",
        "no: yes",
    ];
    for (index, name) in names.iter().enumerate() {
        clone.commit(name, &format!("\"x{index}\"]@y,: #"), "2026-02-20T09:00:00+01:00");
        clone.commit(name, &format!("x{index}@example.org"), "2026-02-20T09:00:00+01:00");
    }
    clone.write(".github/workflows/evil.yml", "name: \"x\\ny: z # \u{1b}[2J\"\n");
    clone.write("CODEOWNERS", "* @a\"b @x:\u{1b}y\n");
    clone.init(false).await.unwrap();
    let roster = clone.roster();
    assert_eq!(roster.engineers.len(), names.len() + 1);
    assert_eq!(roster.engineers["evil"].emails, ["x0@example.org"], "named after the first word, and no more");
    assert!(roster.engineers.values().any(|engineer| engineer.name == "}, evil: {name: x"));
    assert_eq!(roster.duties[0].watches.branch.as_deref(), Some("feature/\"x\"#'{y}"));
    crate::config::Config::parse("onduty.yml", &clone.text("onduty.yml"), clone.path()).unwrap();
    for file in ["onduty.yml", "processes/developers.yml"] {
        let text = clone.text(file);
        let mut problems = Problems::new(file);
        onduty_core::files::parse(&text, &mut problems);
        assert!(problems.is_empty(), "{:?}\n{text}", problems.into_sorted());
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    }
}

#[tokio::test]
async fn committed_files_beyond_all_measure_count_for_nothing() {
    let clone = Clone::new("main");
    let stuffed = |first: &str| first.to_owned() + &"# stuffing\n".repeat(400_000);
    clone.write(".github/CODEOWNERS", &stuffed("* @stuffed\n"));
    clone.write("CODEOWNERS", "* @plain\n");
    clone.write(".github/workflows/ci.yml", &stuffed("name: stuffed\n"));
    clone.init(false).await.unwrap();
    assert!(clone.text("roster.yml").contains("# CODEOWNERS also names \"@plain\";"), "{}", clone.text("roster.yml"));
    assert!(!(clone.text("roster.yml") + &clone.text("onduty.yml")).contains("stuffed"));
}

#[tokio::test]
async fn says_why_a_folder_will_not_do() {
    let empty = Clone::new("main");
    let said = empty.init(false).await.unwrap_err().to_string();
    assert!(said.ends_with("there is no commit yet; commit something first"), "{said}");
    let folder = TempDir::new().unwrap();
    let args = |repo: PathBuf| InitArgs { repo, out: None, force: false };
    let now = NOW.parse().unwrap();
    let said = init(&args(folder.path().to_owned()), now, &TimeZone::UTC).await.unwrap_err().to_string();
    assert!(said.contains("not a git repository"), "{said}");
    let said = init(&args(folder.path().join("no")), now, &TimeZone::UTC).await.unwrap_err().to_string();
    assert!(said.ends_with("no such folder"), "{said}");
}

#[tokio::test]
async fn files_can_be_kept_elsewhere() {
    let clone = Clone::new("main");
    clone.commit("Lena", "lena@example.org", "2026-02-20T09:00:00+01:00");
    let out = TempDir::new().unwrap();
    let args = InitArgs { repo: clone.path().to_owned(), out: Some(out.path().join("new")), force: false };
    init(&args, NOW.parse().unwrap(), &TimeZone::UTC).await.unwrap();
    let instance = std::fs::read_to_string(out.path().join("new/onduty.yml")).unwrap();
    let real = clone.path().canonicalize().unwrap();
    assert!(instance.contains(&format!("repository: \"{}\"", real.display())), "{instance}");
    // Uncommenting what is commented must work as well.
    let all = instance
        .replace("\n  # github:\n  #   secret_env", "\n  github:\n    secret_env")
        .replace("# rollouts:\n#   production:\n#     command", "rollouts:\n  production:\n    command");
    assert_ne!(all, instance);
    crate::config::Config::parse("onduty.yml", &all, out.path()).unwrap();
}
