//! `onduty owner` on a repository that the test makes: who is named, why, and from what.

use crate::tools::{Said, git, onduty};
use serde_json::{Value, json};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A repository in which Lena wrote the cart, Omar rewrote a line of it, Eva works next to it, a machine is everywhere
/// and Tom left long ago.
struct Repository {
    folder: tempfile::TempDir,
    /// Before Omar changed anything.
    early: String,
    latest: String,
}

fn commit(folder: &Path, who: &str, day: &str, file: &str, text: &str) -> String {
    let path = folder.join("shop").join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    let shop = folder.join("shop");
    git(&shop, &["add", "--all"]);
    let (name, email) = who.split_once('|').unwrap();
    let date = format!("{day}T10:00:00Z");
    let output = std::process::Command::new("git")
        .args(["-c", &format!("user.name={name}"), "-c", &format!("user.email={email}")])
        .args(["-c", "commit.gpgsign=false", "commit", "--quiet", "--message", "Change the shop"])
        .env("GIT_AUTHOR_DATE", &date)
        .env("GIT_COMMITTER_DATE", &date)
        .current_dir(&shop)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    git(&shop, &["rev-parse", "HEAD"])
}

fn repository() -> Repository {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::create_dir(at.join("shop")).unwrap();
    git(&at.join("shop"), &["init", "--quiet", "--initial-branch=main"]);
    commit(at, "Tom Berg|tom@acme.example", "2023-02-01", "src/old.rs", "old\n");
    let cart = "one\ntwo\nthree\nfour\nfive\nsix\n";
    let early = commit(at, "Lena Vogt|lena@acme.example", "2026-01-10", "src/cart/pay.rs", cart);
    commit(at, "dependabot[bot]|49+dependabot[bot]@users.noreply.github.com", "2026-01-20", "src/cart/lock.rs", "x\n");
    commit(at, "Eva Lind|eva@acme.example", "2026-01-21", "src/cart/total.rs", "total\n");
    let cart = "one\ntwo\nTHREE\nfour\nfive\nsix\n";
    let latest = commit(at, "Omar \u{202e}Haddad|omar@acme.example", "2026-02-01", "src/cart/pay.rs", cart);
    Repository { folder, early, latest }
}

impl Repository {
    async fn ask(&self, arguments: &[&str]) -> Said {
        let index = self.folder.path().join("index");
        let fixed = ["owner", "--repo", "shop", "--index", index.to_str().unwrap()];
        onduty(self.folder.path(), &[], &[fixed.as_slice(), arguments].concat()).await
    }

    async fn names(&self, arguments: &[&str]) -> Vec<String> {
        let said = self.ask(&[arguments, &["--json"]].concat()).await;
        names_of(&serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}")))
    }
}

fn names_of(answer: &Value) -> Vec<String> {
    let ranked = answer["ranked"].as_array().unwrap();
    let sure: f64 = ranked.iter().map(|person| person["p"].as_f64().unwrap()).sum();
    assert!(sure <= 1.001, "{answer}");
    for person in ranked {
        let reasons = person["reasons"].as_array().unwrap();
        assert!(!reasons.is_empty() && reasons.iter().all(|reason| reason["text"].is_string()), "{answer}");
    }
    ranked.iter().map(|person| person["email"].as_str().unwrap().split('@').next().unwrap().to_owned()).collect()
}

const AT: [&str; 2] = ["--at", "2026-02-10T12:00:00Z"];

#[tokio::test]
async fn whoever_knows_the_line_is_named_with_reasons() {
    let shop = repository();
    let asked = [AT.as_slice(), &["--frame", "/srv/app/src/cart/pay.rs:3:pay::total"]].concat();
    assert_eq!(shop.names(&asked).await, ["omar", "lena", "eva", "tom"]);
    let said = shop.ask(&asked).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("wrote line 3 of src/cart/pay.rs"), "{}", said.out);
    assert!(said.out.contains("knows src/cart: "), "{}", said.out);
    assert!(!said.out.contains('\u{202e}'), "a name turns the line around: {}", said.out);
    // A line that Lena wrote, under the same evidence otherwise.
    let other = [AT.as_slice(), &["--frame", "src/cart/pay.rs:6"]].concat();
    let said = shop.ask(&other).await;
    assert!(said.out.contains("wrote line 6 of src/cart/pay.rs"), "{}", said.out);
}

#[tokio::test]
async fn only_what_led_to_the_revision_and_was_known_then_counts() {
    let shop = repository();
    let frame = ["--frame", "src/cart/pay.rs:3"];
    let early = [AT.as_slice(), &frame, &["--rev", &shop.early]].concat();
    assert_eq!(shop.names(&early).await, ["lena", "tom"]);
    // The revision has Omar's commit, but nobody had seen it on that day.
    let before = [["--at", "2026-01-15T00:00:00Z"].as_slice(), &frame].concat();
    assert_eq!(shop.names(&before).await, ["lena", "tom"]);
}

#[tokio::test]
async fn a_roster_says_who_may_be_named() {
    let shop = repository();
    let roster = "
engineers:
  lena: {name: Lena Vogt, emails: [lena@acme.example]}
  tom: {name: Tom Berg, emails: [tom@acme.example], left: 2024-01-31}
duties:
  developers: {members: all, zone: UTC}
";
    std::fs::write(shop.folder.path().join("roster.yml"), roster).unwrap();
    let asked = [AT.as_slice(), &["--frame", "src/cart/pay.rs:3", "--roster", "roster.yml"]].concat();
    assert_eq!(shop.names(&asked).await, ["lena"]);
    std::fs::write(
        shop.folder.path().join("roster.yml"),
        roster.replace("lena@acme", "vogt@acme").replace("Lena V", "L"),
    )
    .unwrap();
    let said = shop.ask(&asked).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.contains("nobody is known for this"), "{}", said.out);
}

#[tokio::test]
async fn many_questions_get_a_line_each() {
    let shop = repository();
    let case = |id: &str, rev: &str| json!({"id": id, "rev": rev, "at": "2026-02-10T12:00:00Z", "frames": [{"file": "src/cart/pay.rs", "line": 3}]});
    let nowhere = "ab".repeat(20);
    let lines = [case("a", &shop.latest), case("b", &shop.early), case("c", &nowhere)].map(|case| case.to_string());
    std::fs::write(shop.folder.path().join("cases.jsonl"), lines.join("\n")).unwrap();
    let said = shop.ask(&["--cases", "cases.jsonl"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    let answers: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ids: Vec<&str> = answers.iter().map(|answer| answer["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["a", "b", "c"]);
    assert_eq!(names_of(&answers[0])[0], "omar");
    assert_eq!(names_of(&answers[1])[0], "lena");
    assert_eq!(names_of(&answers[2]), [] as [&str; 0]);
    assert!(answers[2]["error"].as_str().unwrap().contains("no commit abab"), "{}", answers[2]);
    assert!(answers.iter().all(|answer| answer["elapsed_ms"].is_number()));
}

#[tokio::test]
async fn what_cannot_be_asked_is_said() {
    let shop = repository();
    std::fs::write(shop.folder.path().join("bad.jsonl"), "{\"id\": \"a\"}\n").unwrap();
    std::fs::create_dir(shop.folder.path().join("empty")).unwrap();
    for (arguments, expected) in [
        (["--frame", "src/cart/pay.rs"].as_slice(), "FILE:LINE"),
        (&["--frame", "a.rs:1", "--rev", "--upload-pack=touch canary"], "there is no revision --upload-pack"),
        (&["--frame", "a.rs:1", "--rev", "nosuch"], "there is no revision nosuch"),
        (&["--cases", "bad.jsonl"], "bad.jsonl, line 1: `at` is missing"),
        (&["--cases", "nosuch.jsonl"], "nosuch.jsonl cannot be read"),
        (&["--frame", "a.rs:1", "--roster", "bad.jsonl"], "bad.jsonl has problems"),
    ] {
        let said = shop.ask(arguments).await;
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{arguments:?}: {said:?}");
        assert!(said.err.contains(expected), "{arguments:?}: {}", said.err);
    }
    assert!(!shop.folder.path().join("shop/canary").exists());
}

#[tokio::test]
async fn a_copy_that_leaves_something_out_says_so() {
    let shop = repository();
    let frame = [AT.as_slice(), &["--frame", "src/cart/pay.rs:3"]].concat();
    let whole = shop.ask(&frame).await;
    assert!(!whole.out.contains("lines are not known") && whole.out.contains("wrote line 3"), "{}", whole.out);

    let copy = shop.folder.path().join("copy");
    let url = format!("file://{}", shop.folder.path().join("shop").display());
    git(&shop.folder.path().join("shop"), &["config", "uploadpack.allowFilter", "true"]);
    git(shop.folder.path(), &["clone", "--quiet", "--bare", "--filter=blob:none", &url, "copy"]);
    git(&copy, &["remote", "remove", "origin"]);
    let asked = ["owner", "--repo", "copy", "--index", "other"].map(str::to_owned).to_vec();
    let asked: Vec<&str> = asked.iter().map(String::as_str).chain(frame.iter().copied()).collect();
    let said = onduty(shop.folder.path(), &[], &asked).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("Haddad <omar@acme.example>") && !said.out.contains("wrote line 3"), "{}", said.out);
    assert!(said.out.contains("lines are not known: "), "{}", said.out);
    let said = onduty(shop.folder.path(), &[], &[asked.as_slice(), &["--json"]].concat()).await;
    let answer: Value = serde_json::from_str(&said.out).unwrap();
    assert!(answer["note"].as_str().unwrap().ends_with(": src/cart/pay.rs"), "{answer}");
}

/// A name that is no text can be typed in a shell, and stand in a file of questions.
#[tokio::test]
async fn a_path_that_is_no_text_is_refused_in_words() {
    let shop = repository();
    let refused = |arguments: &[&std::ffi::OsStr]| {
        let output = std::process::Command::new(crate::tools::ONDUTY)
            .args(["owner", "--repo", "shop", "--index", "index"])
            .args(arguments)
            .current_dir(shop.folder.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8(output.stderr).expect("what is said is text")
    };
    let frame = std::ffi::OsStr::from_bytes(b"src/\xff.rs:1");
    let said = refused(&["--frame".as_ref(), frame]);
    assert!(said.contains("invalid UTF-8"), "{said}");
    let case = b"{\"id\": \"1\", \"rev\": \"HEAD\", \"at\": \"2026-02-10T12:00:00Z\", \"frames\": [{\"file\": \"src/\xff.rs\"}]}";
    std::fs::write(shop.folder.path().join("cases"), case).unwrap();
    let said = refused(&["--cases".as_ref(), "cases".as_ref()]);
    assert!(said.contains("cases cannot be read") && said.contains("UTF-8"), "{said}");
}
