use super::*;
use std::collections::BTreeSet;

fn now() -> Timestamp {
    "2026-03-02T08:00:00Z".parse().unwrap()
}

fn lines(repository: &SampleRepository, arguments: &[&str]) -> Vec<String> {
    let text = git::run(&repository.path, arguments, b"").unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_repository_with_sixty_days_of_forty_people_is_made_quickly() {
    let dir = tempfile::tempdir().unwrap();
    let started = std::time::Instant::now();
    let repository = make_repository(&dir.path().join("shop.git"), 7, now()).unwrap();
    let took = started.elapsed();
    assert!(took.as_secs_f64() < 2.0, "took {took:?}");

    let commits = lines(&repository, &["log", "--format=%aE|%ct|%s", "main"]);
    assert_eq!(commits.len(), repository.commits());
    assert!((220..=300).contains(&commits.len()), "{} commits", commits.len());
    let authors: BTreeSet<&str> = commits.iter().filter_map(|line| line.split('|').next()).collect();
    let expected: BTreeSet<String> = team().iter().map(Person::email).collect();
    assert_eq!(authors, expected.iter().map(String::as_str).collect(), "everybody, after .mailmap");
    assert!(lines(&repository, &["log", "--format=%ae", "main"]).iter().any(|email| email.ends_with("@home.example")));

    let times: Vec<i64> = commits.iter().map(|line| line.split('|').nth(1).unwrap().parse().unwrap()).collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "newest first");
    let midnight = "2026-03-01T23:00:00Z".parse::<Timestamp>().unwrap().as_second();
    assert!(times[0] < midnight && *times.last().unwrap() > midnight - 62 * 86_400);

    let files = lines(&repository, &["ls-tree", "-r", "--name-only", "main"]);
    assert!((38..=50).contains(&files.len()), "{} files", files.len());
    lines(&repository, &["fsck", "--strict"]);
}

#[test]
fn what_errors_point_to_is_complete_and_written_by_those_who_look_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let repository = make_repository(dir.path(), 7, now()).unwrap();
    for source in shop::sources().into_iter().filter(|source| source.by_hand) {
        assert_eq!(repository.text(&source.path), Some(source.text.as_str()), "{}", source.path);
    }
    let shown = git::run(dir.path(), &["show", "main:app/models/booking.rb"], b"").unwrap();
    assert_eq!(Some(shown.as_str()), repository.text("app/models/booking.rb").map(str::trim_end));
    let checkout: BTreeSet<String> = team().iter().filter(|one| one.team == "checkout").map(Person::email).collect();
    let authors = lines(&repository, &["log", "--format=%aE", "main", "--", "app/models/booking.rb"]);
    let ours = authors.iter().filter(|email| checkout.contains(*email)).count();
    assert!(ours * 10 >= authors.len() * 8, "{authors:?}");
    assert!(authors.len() >= 8, "{authors:?}");
}

#[test]
fn the_same_seed_gives_the_same_revisions_also_later_in_the_day() {
    let make = |seed| {
        let dir = tempfile::tempdir().unwrap();
        let mut repository = make_repository(dir.path(), seed, now()).unwrap();
        repository.append_routine(2, now()).unwrap();
        repository.head().revision.clone()
    };
    assert_eq!(make(7), make(7));
    assert_ne!(make(7), make(8));
}

#[test]
fn commits_can_be_appended() {
    let dir = tempfile::tempdir().unwrap();
    let mut repository = make_repository(dir.path(), 7, now()).unwrap();
    let before = repository.commits();
    let routine = repository.append_routine(60, now()).unwrap();
    assert_eq!(routine.len(), 60, "more than was planned");
    let edit = |find: &str, replace: &str| Edit {
        path: "app/models/price.rb".into(),
        find: find.into(),
        replace: replace.into(),
    };
    let commits = [
        NewCommit {
            author: "lucia".into(),
            title: "One".into(),
            edits: vec![edit("10.0", "5.0"), edit("* 10", "* 5")],
        },
        NewCommit { author: "zofia".into(), title: "Two".into(), edits: vec![edit("round * 5", "floor * 5")] },
    ];
    let made = repository.append(&commits, now()).unwrap();
    assert_eq!(lines(&repository, &["rev-parse", "main"]), [made[1].revision.clone()]);
    assert_eq!(
        lines(&repository, &["log", "-2", "--format=%an %s"]),
        ["Zofia Wiśniewska Two", "Lucía Fernández Ibáñez One"]
    );
    assert_eq!(lines(&repository, &["rev-list", "--count", "main"]), [(before + 62).to_string()]);
    assert_eq!((&made[1].modified, &made[1].added), (&vec!["app/models/price.rb".to_owned()], &vec![]));
    assert!(
        lines(&repository, &["show", "main:app/models/price.rb"])
            .iter()
            .any(|line| line.contains("(cents / 5.0).floor * 5"))
    );
    let stranger = NewCommit { author: "nobody".into(), title: "Three".into(), edits: Vec::new() };
    assert!(matches!(repository.append(&[stranger], now()), Err(RepositoryError::NoSuchPerson { .. })));
    assert_eq!(lines(&repository, &["rev-list", "--count", "main"]), [(before + 62).to_string()]);
}
