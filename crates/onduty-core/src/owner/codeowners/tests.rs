//! What the forges document, and files made to hurt.

use super::*;
use std::time::{Duration, Instant};

fn parsed(text: &str, dialect: Dialect) -> (Codeowners, Vec<String>) {
    let (file, problems) = Codeowners::parse(text, dialect);
    (file, problems.iter().map(Problem::to_string).collect())
}

/// `section:line owners` of each answer, separated by commas.
fn answer(file: &Codeowners, path: &str) -> String {
    let told = file.owners_of(path).unwrap().into_iter().map(|rule| {
        let section = rule.section.map(|section| format!("{section}:")).unwrap_or_default();
        let owners: Vec<String> = rule.owners.iter().map(Owner::to_string).collect();
        format!("{section}{} {}", rule.line, owners.join(" ")).trim_end().to_owned()
    });
    told.collect::<Vec<_>>().join(", ")
}

fn check(text: &str, dialect: Dialect, expected: &[(&str, &str)]) {
    let (file, problems) = parsed(text, dialect);
    assert_eq!(problems, [""; 0]);
    for (path, answers) in expected {
        assert_eq!(answer(&file, path), *answers, "{path}");
    }
}

/// Whether GitHub's `pattern` matches.
fn github(pattern: &str, path: &str) -> bool {
    let (file, problems) = parsed(&format!("{pattern} @a"), Dialect::GitHub);
    assert_eq!(problems, [""; 0], "{pattern}");
    !file.owners_of(path).unwrap().is_empty()
}

fn gitlab(pattern: &str, path: &str) -> bool {
    let (file, problems) = parsed(&format!("{pattern} @a"), Dialect::GitLab);
    assert_eq!(problems, [""; 0], "{pattern}");
    !file.owners_of(path).unwrap().is_empty()
}

#[test]
fn what_github_documents() {
    let text = "# all\n* @all1 @all2\n*.js @js #inline\n*.go docs@example.com\n*.txt @octo-org/octocats\n\
        /build/logs/ @logs\ndocs/*  docs@example.com\napps/ @apps\n/docs/ @docs\n/scripts/ @a @b\n**/logs @deep\n\
        /apps/ @octocat\n/apps/github\n/apps/github/mine @doctocat\n";
    check(
        text,
        Dialect::GitHub,
        &[
            ("README.md", "2 @all1 @all2"),
            ("src/x.js", "3 @js"),
            ("a/b.go", "4 docs@example.com"),
            ("n.txt", "5 @octo-org/octocats"),
            ("build/logs/a/b", "11 @deep"),
            ("docs/a.md", "9 @docs"),
            ("x/apps/y/z", "8 @apps"),
            ("scripts/run", "10 @a @b"),
            ("deeply/nested/logs/x", "11 @deep"),
            ("apps/main.c", "12 @octocat"),
            ("apps/github/x/y", "13"),
            ("apps/github/mine", "14 @doctocat"),
            ("/apps/main.c", "12 @octocat"),
        ],
    );
}

#[test]
fn patterns_of_github() {
    for (pattern, path, expected) in [
        ("docs/*", "docs/a.md", true),
        ("docs/*", "docs/b/a.md", false),
        ("docs/*", "x/docs/a.md", false),
        ("apps/", "apps", false),
        ("apps/", "x/apps/y", true),
        ("/apps/", "x/apps/y", false),
        ("apps", "x/apps", true),
        ("a/b", "a/b/c", true),
        ("a/b", "x/a/b", false),
        ("*", ".github/x", true),
        ("/*", "a", true),
        ("/*", "a/b", false),
        ("*.js", "a.js/b", true),
        ("a/**", "a/b/c", true),
        ("a/**", "a", false),
        ("a/**/b", "a/b", true),
        ("a/**/b", "a/x/y/b/z", true),
        ("**/a", "x/a", true),
        ("**", "x/a", true),
        ("**/", "x", false),
        ("**/", "x/y", true),
        ("a**", "abc", true),
        ("a?c", "abc", true),
        ("a?c", "a/c", false),
        (r"a\ b", "a b", true),
        (r"a\*", "a*", true),
        (r"a\*", "ab", false),
        (r"a\#b", "a#b", true),
        (r"a\[b]", "a[b]", true),
        ("A", "a", false),
        ("a//b", "a/b", false),
        ("é*", "été", true),
    ] {
        assert_eq!(github(pattern, path), expected, "{pattern} {path}");
    }
}

#[test]
fn what_github_cannot_read_is_skipped_and_told() {
    let text = "* @all\n!a @x\na[bc] @x\n\\#a @x\n***/a @x\n/ @x\na user\na docs@\na @x @@owner\na @a/b/c\nb\\ @x";
    let (file, problems) = parsed(text, Dialect::GitHub);
    let lines: Vec<&str> = problems.iter().map(|problem| problem.split(':').nth(1).unwrap()).collect();
    assert_eq!(lines, ["2", "3", "4", "5", "6", "7", "8", "9", "10"]);
    assert_eq!(
        problems[0],
        "CODEOWNERS:2: the line is skipped: GitHub knows no pattern with !; write a later rule \
        without owners instead"
    );
    assert_eq!(problems[5], "CODEOWNERS:7: \"user\" is no owner; write @name, @org/team or the address of an account");
    assert_eq!(answer(&file, "a"), "1 @all");
    assert_eq!(answer(&file, "b @x"), "11");
}

#[test]
fn what_gitlab_documents() {
    let admin = "* @admin\n\n[README Owners]\nREADME.md @user1 @user2\ninternal/README.md @user4\n\n\
        [README other owners]\nREADME.md @user3";
    check(
        admin,
        Dialect::GitLab,
        &[
            ("README.md", "1 @admin, README Owners:4 @user1 @user2, README other owners:8 @user3"),
            ("internal/README.md", "1 @admin, README Owners:5 @user4, README other owners:8 @user3"),
        ],
    );
    let defaults = "[Documentation][2] @docs-team\ndocs/\nREADME.md\n^[Database] @database-team @agarcia\nmodel/db/\n\
        config/db/database-setup.md @docs-team\n[DOCUMENTATION]\nx.md @group/with-nested/subgroup";
    check(
        defaults,
        Dialect::GitLab,
        &[
            ("docs/a", "Documentation:2 @docs-team"),
            ("model/db/README.md", "Documentation:3 @docs-team, Database:5 @database-team @agarcia"),
            ("config/db/database-setup.md", "Database:6 @docs-team"),
            ("docs/x.md", "Documentation:8 @group/with-nested/subgroup"),
        ],
    );
    let (file, _) = parsed(defaults, Dialect::GitLab);
    let approvals = |path: &str| file.owners_of(path).unwrap().iter().map(|rule| rule.approvals).collect::<Vec<_>>();
    assert_eq!((approvals("model/db/README.md"), approvals("x.md")), (vec![2, 0], vec![1]));
    // One required heading makes the section required.
    for text in ["^[Docs]\n*.md @a\n[docs]\n*.rb @b", "[Docs]\n*.rb @b\n^[docs]\n*.md @a"] {
        assert_eq!(parsed(text, Dialect::GitLab).0.owners_of("x.md").unwrap()[0].approvals, 1);
    }
    check(
        "\\#file.rb @hash\npath\\ with\\ spaces/ @space\n/config/ @@maintainer @@Developers",
        Dialect::GitLab,
        &[("a/#file.rb", "1 @hash"), ("path with spaces/x", "2 @space"), ("config/x", "3 @@maintainer @@developer")],
    );
}

#[test]
fn exclusions_are_final_in_their_section() {
    check(
        "* @all\n!*.rb\n/a.rb @late\n[Ruby]\n*.rb @ruby\n!/config/**/*.rb\n",
        Dialect::GitLab,
        &[("a.rb", "Ruby:5 @ruby"), ("config/x/b.rb", ""), ("a.c", "1 @all")],
    );
}

#[test]
fn patterns_of_gitlab() {
    for (pattern, path, expected) in [
        ("/README.md", "docs/README.md", false),
        ("README.md", "app/lib/README.md", true),
        ("internal/README.md", "docs/internal/README.md", true),
        ("/docs/", "docs/a/b", true),
        ("/docs/", "docs", false),
        ("docs", "docs/a", false),
        ("/docs/*.md", "docs/a/b.md", false),
        ("/docs/*spec*", "docs/qa_specs.rb", true),
        ("/docs/*/README.md", "docs/api/README.md", true),
        ("/docs/**/index.md", "docs/index.md", true),
        ("/docs/**/index.md", "docs/api/graphql/index.md", true),
        ("*", ".gitignore", true),
        ("/a/**", "a/b/c", false),
        ("a[0-9]", "a7", true),
        ("/", "a/b", true),
    ] {
        assert_eq!(gitlab(pattern, path), expected, "{pattern} {path}");
    }
}

#[test]
fn what_gitlab_finds_wrong_is_told() {
    let text =
        "* @group\n[Section name\ndocs/ user @docs\na\n[]\nb @b\n^[Opt][3]\nc @c\n[X][no] @x\n[Y] @y (later)\nd\ne[";
    let (file, problems) = parsed(text, Dialect::GitLab);
    let lines: Vec<&str> = problems.iter().map(|problem| problem.split(':').nth(1).unwrap()).collect();
    assert_eq!(lines, ["2", "2", "3", "4", "5", "7", "9", "10", "12"]);
    assert_eq!(answer(&file, "docs/x"), "3 @docs");
    assert_eq!(answer(&file, "a"), "4");
    assert_eq!(answer(&file, "d"), "1 @group, Y:11 @y");
    // A pattern that is repeated says something new in its old place.
    let (file, _) = parsed("*.md @a\n/x.md @b\n*.md @c", Dialect::GitLab);
    assert_eq!((answer(&file, "x.md"), answer(&file, "y.md")), ("2 @b".to_owned(), "3 @c".to_owned()));
}

#[test]
fn what_is_too_large_is_refused_whole() {
    for dialect in [Dialect::GitHub, Dialect::GitLab] {
        let (file, problems) = parsed(&"* @a\n".repeat(10_000_000), dialect);
        assert_eq!(
            problems,
            ["CODEOWNERS:1: the file has 50000000 bytes and is not read; make it smaller than 3145728"]
        );
        assert_eq!(answer(&file, "a"), "");
        let many: String = (0..=MAX_RULES).map(|n| format!("/{n} @a\n")).collect();
        let (file, problems) = parsed(&many, dialect);
        assert!(problems[0].starts_with("CODEOWNERS:100001: the file has more than 100000 rules"), "{problems:?}");
        assert_eq!(answer(&file, "1"), "");
        let (_, problems) = parsed(&"a @\n".repeat(5000), dialect);
        assert_eq!(
            (problems.len(), &*problems[100]),
            (101, "CODEOWNERS:101: this line and 4899 more have problems too")
        );
        let (_, problems) = parsed(&format!("{} @a", "x".repeat(MAX_PATTERN + 1)), dialect);
        assert_eq!(problems.len(), 1);
    }
    let (file, _) = parsed("* @a", Dialect::GitHub);
    assert_eq!(answer(&file, &"a".repeat(MAX_PATH + 1)), "");
}

/// Generous: this runs unoptimised, beside other tests, on a busy machine. Backtracking would take longer than a life.
const SOON: Duration = Duration::from_secs(20);

/// As many of the lines as a file may have.
fn filled(lines: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    for line in lines {
        if text.len() + line.len() >= MAX_BYTES {
            break;
        }
        text.push_str(&line);
    }
    text
}

#[test]
fn a_hundred_thousand_rules_answer_soon() {
    let kinds: [fn(usize) -> String; 4] = [
        |n| format!("/src/team{}/part{n}/ @{n}\n", n % 100),
        |n| format!("*{n}.rs @t{n}\n"),
        |n| format!("**/*a*/*{n}*/** @{n}\n"),
        |n| format!("/src/**/f{n}.rs @t{n}\n"),
    ];
    for dialect in [Dialect::GitHub, Dialect::GitLab] {
        for (index, kind) in kinds.into_iter().enumerate() {
            let (file, problems) = parsed(&filled((0..MAX_RULES).map(kind)), dialect);
            assert_eq!((problems, file.rules.len()), (Vec::new(), MAX_RULES));
            let started = Instant::now();
            let found = file.owners_of("src/team7/part7/f7.rs").unwrap();
            let took = started.elapsed();
            assert_eq!(found.iter().map(|rule| rule.line).collect::<Vec<_>>(), [8]);
            println!("{dialect:?}, kind {index}: {took:?}");
            assert!(took < SOON, "{took:?}");
        }
    }
}

#[test]
fn many_rules_share_the_many_owners_of_their_section() {
    let owners = " @owner".repeat(200_000);
    let lines = (0..=MAX_RULES).map(|n| if n == 0 { format!("[All]{owners}\n") } else { format!("/{n}\n") });
    let (file, problems) = parsed(&filled(lines), Dialect::GitLab);
    assert_eq!(problems, [""; 0]);
    // Each with a list of its own would be hundreds of gigabytes.
    assert_eq!(file.owners_of("99999").unwrap()[0].owners.len(), 200_000);
}

#[test]
fn patterns_made_to_take_long_are_refused_soon() {
    let path = vec!["a".repeat(200); 20].join("/");
    for (pattern, refused) in [
        ("**/*a*/".repeat(100), false),
        ("*a".repeat(400), false),
        (format!("**/{}", "a?".repeat(300)), false),
        // Almost there from each letter of each folder.
        (format!("**/*{}c", "a".repeat(100)), true),
        ("**/".repeat(300), false),
    ] {
        let line = format!("{pattern}*b @a\n");
        let (file, _) = parsed(&filled(std::iter::repeat(line)), Dialect::GitHub);
        let started = Instant::now();
        let answer = file.owners_of(&path);
        let took = started.elapsed();
        println!("{}: {took:?} {}", &pattern[..6], answer.is_err());
        assert!(took < SOON, "{took:?}");
        assert_eq!(answer.is_err(), refused, "{pattern:.6}");
    }
}
