//! Mirrors of real repositories, friendly and hostile.

mod codeowners;
mod mailmap;
mod remote;

use super::*;
use crate::egress::Policy;
use std::process::Command;
use tempfile::TempDir;

/// A repository made by the machine's own git.
struct Repository {
    folder: TempDir,
}

impl Repository {
    fn new() -> Repository {
        let repository = Repository { folder: TempDir::new().unwrap() };
        std::fs::create_dir(repository.path().join("work")).unwrap();
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn location(&self) -> String {
        self.path().join("work").to_str().unwrap().to_owned()
    }

    fn git_as(&self, (name, email): (&str, &str), args: &[&str]) -> String {
        let date = "2026-03-02T09:00:00+01:00";
        let output = Command::new("git")
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")])
            .envs([("GIT_AUTHOR_NAME", name), ("GIT_AUTHOR_EMAIL", email), ("GIT_AUTHOR_DATE", date)])
            .envs([("GIT_COMMITTER_NAME", "c"), ("GIT_COMMITTER_EMAIL", "c@example.org"), ("GIT_COMMITTER_DATE", date)])
            .args(args)
            .current_dir(self.path().join("work"))
            .output()
            .unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn git(&self, args: &[&str]) -> String {
        self.git_as(("Lena Vogt", "lena@example.org"), args)
    }

    fn commit(&self, file: &str, title: &str) -> String {
        self.commit_as(("Lena Vogt", "lena@example.org"), file, title)
    }

    fn commit_as(&self, author: (&str, &str), file: &str, title: &str) -> String {
        let path = self.path().join("work").join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, title).unwrap();
        self.git(&["add", "--all"]);
        self.git_as(author, &["commit", "--quiet", "-m", title]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Of a place on this disk; nothing is fetched yet.
    async fn mirror_of(&self, location: &str) -> Mirror {
        let nowhere = Egress::new(Policy::default()).unwrap();
        Mirror::open("acme/shop", location, &self.path().join("cache"), &nowhere).await.unwrap()
    }

    async fn mirror(&self) -> Mirror {
        let mirror = self.mirror_of(&self.location()).await;
        mirror.refresh().await.unwrap();
        mirror
    }
}

async fn head(mirror: &Mirror, branch: &str) -> BranchHead {
    let observation = mirror.head(branch, Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(observation.subject.as_str(), format!("acme/shop {branch}"));
    match observation.fact {
        Fact::Head(head) => head,
        other => panic!("{other:?}"),
    }
}

async fn refusal(mirror: &Mirror, branch: &str) -> String {
    mirror.head(branch, Timestamp::UNIX_EPOCH).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_head_lists_commits_with_mailmap_and_files() {
    let repository = Repository::new();
    repository.commit("src/a.rs", "First");
    repository.commit_as(("lv", "lv@old.example"), ".mailmap", "Lena Vogt <lena@example.org> <lv@old.example>\n");
    let newest = repository.commit("with space/é\"q\".rs", "Third");
    let mirror = repository.mirror().await;
    assert_eq!(mirror.default_branch().await.unwrap(), "main");
    let head = head(&mirror, "main").await;
    assert_eq!(head.revision, newest);
    assert!(head.complete);
    let listed: Vec<_> = head.commits.iter().map(|c| (c.author_email.as_str(), c.files.join("|"))).collect();
    let lena = "lena@example.org";
    assert_eq!(
        listed,
        [(lena, "with space/é\"q\".rs".to_owned()), (lena, ".mailmap".to_owned()), (lena, "src/a.rs".to_owned())]
    );
    assert_eq!(head.commits[2].title, "First");
    assert_eq!(head.commits[2].committed_at, "2026-03-02T08:00:00Z".parse().unwrap());
}

#[tokio::test]
async fn rewritten_and_deleted_branches_are_followed() {
    let repository = Repository::new();
    let first = repository.commit("a", "First");
    let lost = repository.commit("a", "Second");
    repository.git(&["branch", "old"]);
    let mirror = repository.mirror().await;
    assert_eq!(mirror.commits_between(&first, "main").await.unwrap().len(), 1);

    repository.git(&["branch", "-D", "old"]);
    repository.git(&["reset", "--quiet", "--hard", &first]);
    let rewritten = repository.commit("a", "Another second");
    mirror.refresh().await.unwrap();
    assert_eq!(head(&mirror, "main").await.revision, rewritten);
    assert_eq!(refusal(&mirror, "old").await, "git has no branch old; it has main");
    // What was known before stays known until git throws it away.
    assert_eq!(mirror.commits_between(&lost, &rewritten).await.unwrap().len(), 1);
    let unknown = mirror.commits_between(&"ab".repeat(20), "main").await.unwrap_err().to_string();
    assert!(unknown.starts_with("git has no commit abab"), "{unknown}");
}

#[tokio::test]
async fn empty_shallow_and_absent_repositories() {
    let repository = Repository::new();
    let mirror = repository.mirror().await;
    assert_eq!(refusal(&mirror, "main").await, "git has no commit yet");

    repository.commit("a", "First");
    repository.commit("a", "Second");
    let url = format!("file://{}", repository.location());
    repository.git(&["clone", "--quiet", "--depth=1", &url, "../shallow"]);
    let shallow = repository.path().join("shallow");
    let mirror = repository.mirror_of(shallow.to_str().unwrap()).await;
    mirror.refresh().await.unwrap();
    let head = head(&mirror, "main").await;
    assert_eq!((head.commits.len(), head.complete), (1, false), "a shallow clone is known to end early");

    std::fs::remove_dir_all(shallow).unwrap();
    let gone = mirror.refresh().await.unwrap_err().to_string();
    assert!(gone.starts_with("git could not be reached: git fetch failed:"), "{gone}");
}

#[tokio::test]
async fn commits_of_a_file_by_its_literal_name() {
    let repository = Repository::new();
    let first = repository.commit("src/*.rs", "Star");
    repository.commit("src/other.rs", "Other");
    repository.commit("--output=pwned", "Option");
    repository.commit(":(top)x", "Magic");
    let mirror = repository.mirror().await;
    let head = mirror.resolve("main").await.unwrap();
    let history = mirror.history(&head).await.unwrap();
    let at = history.at(&head).unwrap();
    let titles = |file: &str| -> Vec<&str> {
        at.touches_of(file).into_iter().map(|no| history.commit(no).title.as_str()).collect()
    };
    assert_eq!(titles("src/*.rs"), ["Star"]);
    assert_eq!(titles("src/other.rs"), ["Other"]);
    assert_eq!(titles("--output=pwned"), ["Option"]);
    assert_eq!(titles(":(top)x"), ["Magic"]);
    for outside in ["../../etc/passwd", "/etc/passwd", "", "src/../../x", "a\0b", ".", "nowhere.rs"] {
        assert_eq!(titles(outside), [""; 0], "{outside}");
    }
    assert_eq!(mirror.resolve(&first[..10]).await.unwrap(), first);
    assert!(mirror.resolve("--all").await.is_err());
}

#[tokio::test]
async fn hostile_branches_authors_and_configuration_are_harmless() {
    let repository = Repository::new();
    let revision =
        repository.commit_as(("Eve\u{1b}[2J \u{202e}evil", "eve@x>\u{7}"), "file\n\u{1b}[31m", "Title \u{1b}[2J\u{9b}");
    let hostile = "--upload-pack=touch${IFS}pwned";
    repository.git(&["update-ref", &format!("refs/heads/{hostile}"), &revision]);
    // A commit that git itself would not make: bytes that are no UTF-8, a time beyond all calendars, extra lines.
    let tree = repository.git(&["rev-parse", "HEAD^{tree}"]);
    let raw = [
        format!("tree {tree}\nparent {revision}\nauthor ").as_bytes(),
        b"\xff\xfe <\xff> 99999999999999999 +9999\ncommitter x <y> 99999999999999999 +9999\n\n\xff\xfetitle\n\nbody",
    ]
    .concat();
    std::fs::write(repository.path().join("raw"), raw).unwrap();
    let odd = repository.git(&["hash-object", "-w", "--literally", "-t", "commit", "../raw"]);
    repository.git(&["update-ref", "refs/heads/odd", &odd]);
    // The repository's own configuration and hooks want to run something.
    let pwned = repository.path().join("pwned");
    for key in ["core.fsmonitor", "core.sshCommand", "core.alternateRefsCommand", "uploadpack.packObjectsHook"] {
        repository.git(&["config", key, &format!("touch {}", pwned.display())]);
    }

    let mirror = repository.mirror().await;
    assert_eq!(head(&mirror, hostile).await.revision, revision);
    for branch in ["--upload-pack=touch pwned", "--help", "main^{/x}", "..", "", "a\0b", "*", "main\n"] {
        assert!(refusal(&mirror, branch).await.starts_with("git has no branch"), "{branch}");
    }
    let eve = &head(&mirror, "main").await.commits[0];
    assert!(!format!("{eve:?}").contains("\\u{1b}"), "{eve:?}");
    assert_eq!(eve.files.len(), 1);
    let odd = &head(&mirror, "odd").await.commits;
    assert_eq!((odd.len(), odd[0].title.as_str()), (2, "\u{fffd}\u{fffd}title"));
    assert!(!pwned.exists());
    assert!(!repository.path().join("work/pwned").exists());
}

/// A `.gitmodules` with what went wrong with them: options and commands for addresses, folders outside, modules that
/// hide. One address is where `listener` waits.
pub(super) fn hostile_modules(listener: &std::net::TcpListener, pwned: &Path) -> String {
    let (port, pwned) = (listener.local_addr().unwrap().port(), pwned.display());
    format!(
        "[submodule \"sub\"]\n\tpath = sub\n\turl = http://127.0.0.1:{port}/sub.git\n\tignore = all\n\
         \tfetchRecurseSubmodules = true\n\
         [submodule \"../../up\"]\n\tpath = ../\n\turl = --upload-pack=touch {pwned}\n\
         \turl = ext::touch {pwned}\n"
    )
}

#[tokio::test]
async fn modules_of_a_repository_are_not_fetched() {
    let repository = Repository::new();
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let pwned = repository.path().join("pwned");
    let first = repository.commit("a", "First");
    let mirror = repository.mirror().await;
    std::fs::write(repository.path().join("work/.gitmodules"), hostile_modules(&listener, &pwned)).unwrap();
    repository.git(&["add", ".gitmodules"]);
    for path in ["sub", "up"] {
        repository.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{first},{path}")]);
    }
    repository.git(&["commit", "--quiet", "-m", "Second"]);
    let second = repository.git(&["rev-parse", "HEAD"]);
    // Twice: the second time the mirror has the file itself.
    for _ in 0..2 {
        mirror.refresh().await.unwrap();
    }
    let found = head(&mirror, "main").await;
    assert_eq!(
        (found.revision.as_str(), found.commits[0].files.join("|")),
        (second.as_str(), ".gitmodules|sub|up".into())
    );
    let history = mirror.history(&second).await.unwrap();
    assert_eq!(history.at(&second).unwrap().touches_of("sub").len(), 1);
    assert!(!pwned.exists());
    assert!(!mirror.folder.join("modules").exists());
    assert!(listener.accept().is_err(), "nobody was asked for a module");
    let about = last_change(&repository.path().join("work"), "a").await.unwrap();
    assert_eq!(about.map(|commit| commit.title).as_deref(), Some("First"));
}

#[tokio::test]
async fn a_content_that_is_too_large_is_not_touched() {
    let repository = Repository::new();
    // Does not compress, so that it can be cut off behind its size.
    let mut state = 1u64;
    let mut letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'a' + u8::try_from((state >> 33) % 26).unwrap())
    };
    let text: String = (0..100_000).map(|_| letter()).collect();
    repository.commit("CODEOWNERS", &text);
    let git = Git::inside(&repository.path().join("work"));
    assert_eq!(git.content("HEAD:CODEOWNERS", text.len()).await.unwrap().unwrap(), text.as_bytes());
    assert_eq!(git.content("HEAD:CODEOWNERS", text.len() - 1).await.unwrap(), None);
    assert!(git.content("HEAD:nowhere", 1).await.is_err());

    // Whoever reads it now gets an error.
    let id = repository.git(&["rev-parse", "HEAD:CODEOWNERS"]);
    let object = repository.path().join("work/.git/objects").join(&id[..2]).join(&id[2..]);
    let whole = std::fs::read(&object).unwrap();
    std::fs::remove_file(&object).unwrap();
    std::fs::write(&object, &whole[..whole.len() / 2]).unwrap();
    assert!(git.content(&id, text.len()).await.is_err());
    assert_eq!(git.content(&id, text.len() - 1).await.unwrap(), None);
}

#[tokio::test]
async fn a_lock_left_behind_does_not_stop_it_for_ever() {
    let repository = Repository::new();
    repository.commit("a", "First");
    let mirror = repository.mirror().await;
    let second = repository.commit("a", "Second");
    std::fs::write(mirror.folder.join("refs/heads/main.lock"), "").unwrap();
    std::fs::write(mirror.folder.join("kept"), "").unwrap();
    mirror.refresh().await.unwrap();
    assert_eq!(head(&mirror, "main").await.revision, second);
    assert!(mirror.folder.join("kept").exists(), "nothing is copied again for a lock");
}

#[tokio::test]
async fn a_copy_that_is_no_repository_is_made_again() {
    let repository = Repository::new();
    let first = repository.commit("a", "First");
    let mirror = repository.mirror().await;
    std::fs::remove_dir_all(mirror.folder.join("objects")).unwrap();
    mirror.refresh().await.unwrap();
    assert_eq!(head(&mirror, "main").await.revision, first);
}

#[tokio::test]
async fn what_takes_too_long_is_ended_with_all_it_started() {
    let repository = Repository::new();
    repository.commit("a", "First");
    let pid = repository.path().join("pid");
    // An alias is the only way left to make git start something; it plays the helper that hangs.
    let alias = format!("alias.hang=!sleep 60 & echo $! > {}; wait", pid.display());
    let started = std::time::Instant::now();
    let git = Git::inside(&repository.path().join("work"));
    let error = git.run(&["-c", &alias, "hang"], Duration::from_millis(700)).await.unwrap_err();
    assert_eq!(error.to_string(), "git hang took longer than 700ms");
    assert!(started.elapsed() < Duration::from_secs(20));
    let pid = std::fs::read_to_string(pid).unwrap();
    let runs = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        !(stat.is_empty() || stat.contains(") Z "))
    };
    // The kernel may take a moment on a busy machine; the helper itself would take a minute.
    while runs() && started.elapsed() < Duration::from_secs(20) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!runs(), "the helper still runs");

    let error = git.read(&["no-such-command"]).await.unwrap_err().to_string();
    assert!(error.starts_with("git no-such-command failed: "), "{error}");
}

#[tokio::test]
async fn the_code_that_names_a_route_is_found_and_nothing_that_only_tells_of_it() {
    let repository = Repository::new();
    for file in ["web/cart.rs", "README.md", "tests/cart.rs", "web/cart_test.go", "openapi.yaml"] {
        repository.commit(file, "first\nroute(\"/cart/:id\", get(cart))\n");
    }
    let revision = repository.commit("web/strange :\n1.rs", "route(\"/cart/:id\", get(cart))\n");
    repository.commit("web/later.rs", "route(\"/cart/:id\", get(cart))\n");
    let mirror = repository.mirror().await;
    let pattern = &onduty_core::owner::handler::patterns("shop|GET /cart/{id}")[0];
    let found = mirror.places_of(&revision, pattern).await.unwrap();
    let places: Vec<_> = found.iter().map(|frame| (frame.file.as_str(), frame.line)).collect();
    assert_eq!(places, [("web/cart.rs", Some(2))]);
    assert_eq!(mirror.places_of(&revision, "no such thing").await.unwrap(), []);
    assert!(mirror.places_of(&revision, "(").await.is_err(), "git refuses it");
}
