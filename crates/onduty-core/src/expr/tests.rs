//! What expressions say about a known world, what they refuse, and what cannot break them.

use super::*;
use crate::ids::Environment;
use crate::roster::{Duty, Watches};
use crate::signal::{
    BranchHead, Build, BuildState, Commit, CustomSignal, CustomState, ErrorGroup, ErrorStatus, Feed, Observation,
    RolloutFact, RolloutState, Snapshot, fold,
};
use jiff::civil::{date, time};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// A Tuesday, 16:05 in Paris.
const NOW: &str = "2026-03-03T15:05:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn duty() -> Duty {
    Duty {
        id: "developers".into(),
        name: "Developers".into(),
        members: Vec::new(),
        zone: jiff::tz::TimeZone::get("Europe/Paris").unwrap(),
        starts: time(9, 0, 0, 0),
        ends: time(17, 0, 0, 0),
        working_days: jiff::civil::Weekday::Monday.cycle_forward().take(5).collect(),
        holidays: [(date(2026, 3, 2), "Founders' day".to_owned())].into(),
        since: date(2026, 1, 1),
        overrides: BTreeMap::new(),
        requires: None,
        gaps: Default::default(),
        agrees_to_swaps: false,
        cold_after: 90,
        shadow_shifts: 1,
        handshakes: Vec::new(),
        watches: Watches {
            repositories: vec!["acme/shop".into()],
            branch: Some("main".into()),
            blocking_checks: Vec::new(),
            informing_checks: vec!["coverage".into()],
            projects: vec!["shop".into()],
            environments: vec!["staging".into(), "production".into()],
        },
    }
}

fn build(repository: &str, branch: Option<&str>, name: &str, state: BuildState, started_at: &str) -> Fact {
    Fact::Build(Build {
        repository: repository.into(),
        branch: branch.map(str::to_owned),
        revision: "b2".into(),
        name: name.into(),
        state,
        attempt: 1,
        started_at: at(started_at),
        finished_at: None,
        url: None,
        detail: None,
        frames: Vec::new(),
        unproven_branch: false,
    })
}

fn error(id: &str, environment: &str, assignee: Option<&str>, first_seen: &str) -> ErrorGroup {
    ErrorGroup {
        id: id.into(),
        project: "shop".into(),
        environment: environment.into(),
        title: format!("TypeError {id}\u{202e}\"<script>"),
        culprit: None,
        level: None,
        status: ErrorStatus::Unresolved,
        first_seen: at(first_seen),
        last_seen: at(NOW),
        regressed_at: None,
        count: 3,
        assignee: assignee.map(str::to_owned),
        release: (id == "1").then(|| "v7".to_owned()),
        frames: Vec::new(),
        url: None,
    }
}

fn custom(kind: &str, state: CustomState, max_age: Option<SignedDuration>) -> Fact {
    Fact::Custom(CustomSignal {
        kind: kind.into(),
        name: "quay".into(),
        state,
        message: None,
        value: (state == CustomState::Failing).then_some(93.5),
        max_age,
        frames: Vec::new(),
        since: at("2026-03-03T10:00:00Z"),
        url: None,
    })
}

/// Adds what was seen to the snapshot; its feed is known from then on.
fn see(snapshot: &mut Snapshot, subject: &str, fact: Fact, time: &str) {
    let kind = fact.kind().unwrap();
    let seen =
        Observation { source: "test".into(), subject: subject.into(), fact, source_time: at(time), baseline: false };
    snapshot.feeds.entry(kind.clone()).or_insert(Feed::Known { last_contact: at(NOW) });
    let known = snapshot.signals.entry(kind).or_default();
    if let Some(state) = fold(known.get(subject), &seen, at(time)) {
        known.insert(subject.into(), state);
    }
}

fn commit(revision: &str) -> Commit {
    Commit {
        revision: revision.into(),
        author_name: "Lena Vogt".into(),
        author_email: "lena@example.org".into(),
        title: format!("Change {revision}"),
        committed_at: at("2026-03-03T09:00:00Z"),
        files: Vec::new(),
    }
}

fn rollout(environment: &str, revision: &str, state: RolloutState, started_at: &str) -> Fact {
    Fact::Rollout(RolloutFact {
        id: format!("{environment}-{revision}"),
        environment: environment.into(),
        repository: None,
        revision: revision.into(),
        state,
        started_at: at(started_at),
        finished_at: None,
        by: None,
        pressed: false,
        url: None,
    })
}

/// Main is red and being mended; two errors; a rollout; certificates, one of which went silent. `traffic` is declared
/// absent, and of performance nobody says anything.
fn snapshot() -> Snapshot {
    let mut snapshot = Snapshot::empty();
    let early = "2026-03-03T08:00:00Z";
    let late = "2026-03-03T14:00:00Z";
    see(&mut snapshot, "shop main unit", build("acme/shop", Some("main"), "unit", BuildState::Failed, early), early);
    see(&mut snapshot, "shop main unit", build("acme/shop", Some("main"), "unit", BuildState::Running, late), late);
    see(&mut snapshot, "shop main lint", build("acme/shop", Some("main"), "lint", BuildState::Passed, early), early);
    see(&mut snapshot, "shop next lint", build("Acme/Shop", Some("next"), "lint", BuildState::Passed, early), early);
    see(&mut snapshot, "shop next cov", build("acme/shop", Some("next"), "coverage", BuildState::Failed, early), early);
    see(&mut snapshot, "shop new lint", build("acme/shop", Some("new"), "lint", BuildState::Cancelled, early), early);
    see(&mut snapshot, "api main lint", build("acme/api", Some("main"), "lint", BuildState::Passed, early), early);
    see(&mut snapshot, "shop pr lint", build("acme/shop", None, "lint", BuildState::Failed, early), early);
    see(&mut snapshot, "shop#1", Fact::Error(error("1", "staging", None, "2026-02-27T01:00:00Z")), early);
    see(&mut snapshot, "shop#2", Fact::Error(error("2", "production", Some("lena"), "2026-02-20T08:00:00Z")), early);
    let other = ErrorGroup { project: "blog".into(), ..error("3", "staging", None, early) };
    see(&mut snapshot, "blog#3", Fact::Error(other), early);
    let resolved = ErrorGroup { status: ErrorStatus::Resolved, ..error("4", "staging", None, early) };
    see(&mut snapshot, "shop#4", Fact::Error(resolved), early);
    see(&mut snapshot, "r1", rollout("production", "b0b0b0b0", RolloutState::Succeeded, early), early);
    see(&mut snapshot, "r2", rollout("staging", "b2", RolloutState::Running, late), late);
    let commits = ["b2", "b1", "b0b0b0b0ff", "a9"].map(commit).to_vec();
    let head = BranchHead {
        repository: "acme/shop".into(),
        branch: "main".into(),
        revision: "b2".into(),
        commits,
        complete: true,
    };
    see(&mut snapshot, "acme/shop main", Fact::Head(head), early);
    let hour = Some(SignedDuration::from_hours(1));
    see(&mut snapshot, "shop.example", custom("certificate", CustomState::Ok, None), early);
    see(&mut snapshot, "old.example", custom("certificate", CustomState::Ok, hour), early);
    see(&mut snapshot, "db1", custom("disk-space", CustomState::Failing, hour), "2026-03-03T15:00:00Z");
    snapshot.feeds.insert(Kind::Traffic, Feed::Off);
    snapshot
}

fn faults(source: &str, scope: &Scope) -> Vec<String> {
    let mut problems = Problems::new("p.yml");
    let place = Place { line: 7, column: 12 };
    let compiled = Expression::compile(source, place, false, scope, &mut problems);
    assert_eq!(compiled.is_some(), problems.is_empty(), "{source}");
    problems.into_sorted().iter().map(ToString::to_string).collect()
}

fn compiled(source: &str, scope: &Scope) -> Expression {
    let mut problems = Problems::new("p.yml");
    Expression::compile(source, Place { line: 1, column: 1 }, false, scope, &mut problems)
        .unwrap_or_else(|| panic!("{source}: {:?}", problems.into_sorted()))
}

fn says_in(world: &World<'_>, source: &str) -> String {
    match compiled(source, &Scope::Condition).holds(world, None) {
        Verdict::Yes => "yes".to_owned(),
        Verdict::No => "no".to_owned(),
        Verdict::Unknown(reason) => reason.to_string(),
    }
}

/// What a condition says about the sample world.
fn check(source: &str, expected: &str) {
    let (snapshot, duty) = (snapshot(), duty());
    assert_eq!(says_in(&World::new(&snapshot, &duty, at(NOW)), source), expected, "{source}");
}

fn filter() -> Scope {
    Scope::Filter { variable: "error".into(), kind: Kind::Errors }
}

#[test]
fn conditions_read_the_world() {
    check("ci.branch(\"main\") == \"failing\"", "yes");
    check("ci.branch('main', 'acme/api') == \"passing\"", "yes");
    check("ci.branch(\"next\") == \"passing\"", "yes");
    check("clock.time >= \"16:00\" && clock.weekday == \"tuesday\" && clock.hour == 16 && clock.minute == 5", "yes");
    check("clock.date == \"2026-03-03\" && clock.weekday in [\"tuesday\", \"friday\"]", "yes");
    check("now == timestamp(\"2026-03-03T15:05:00Z\")", "yes");
    check("size(errors) == 2 && errors.size() == 2", "yes");
    check("errors.exists(e, e.environment == \"staging\" && !e.assigned)", "yes");
    check("errors.all(e, e.count < 3)", "no");
    check("errors.exists_one(e, e.assignee == \"lena\")", "yes");
    check("\"1\" in errors.map(e, e.id)", "yes");
    check("errors.filter(e, e.assigned).size() == 1", "yes");
    check("errors[0].title.startsWith(\"TypeError\") && errors[0].title.contains(\"script\")", "yes");
    check("errors.exists(e, e.title.matches(\"^type|^Type.*2\"))", "yes");
    check("errors.exists(e, e.first_seen > now - duration(\"2h\"))", "no");
    check("rollouts.exists(r, r.environment == \"staging\" && r.state == \"running\" && r.finished_at == null)", "yes");
    check("size(rollouts) == 2 && rollouts[1].environment == \"staging\"", "yes");
    check("size(commits) == 2 && commits.all(c, c.author == \"Lena Vogt\")", "yes");
    check("builds.exists(b, b.state == \"running\" && b.concluded == \"failed\")", "yes");
    check("signals[\"disk-space\"].exists(s, s.state == \"failing\" && s.value > 90)", "yes");
    check("signals[\"disk-space\"].all(s, s.age < duration(\"10m\"))", "yes");
    check("(size(errors) > 1 ? 2 : 3) * 2 - 1 == 3", "yes");
    check("has(errors[0].release) && !has(errors[1].release)", "yes");
}

#[test]
fn working_days_are_counted_back_over_weekends_and_holidays() {
    // Today is Tuesday the 3rd; Monday is a holiday, so that Friday the 27th is one working day ago.
    check("workdays_ago(0) == timestamp(\"2026-03-02T23:00:00Z\")", "yes");
    check("workdays_ago(1) == timestamp(\"2026-02-26T23:00:00Z\")", "yes");
    check("workdays_ago(2) == timestamp(\"2026-02-25T23:00:00Z\")", "yes");
    check("errors.exists(e, e.environment == \"staging\" && e.first_seen > workdays_ago(1))", "yes");
}

#[test]
fn what_is_not_known_is_never_a_default() {
    let silent = "nothing tells onduty about performance";
    check("size(endpoints) == 0", silent);
    check("endpoints.exists(e, e.verdict == \"degraded\")", silent);
    check("!(size(endpoints) == 0)", silent);
    check("size(traffic) > 0", "onduty does not watch traffic here");
    check("signals.backup.exists(s, s.state == \"failing\")", "nothing tells onduty about backup");
    check("ci.branch(\"new\") == \"passing\"", "nothing concluded on new yet");
    check("ci.branch(\"gone\") != \"passing\"", "nothing concluded on gone yet");
    check("errors.exists(e, e.level == \"fatal\")", "nobody said what `level` is");
    check("rollouts.exists(r, r.finished_at > now)", "it works with a value that is not there (null)");
    check("rollouts.exists(r, r.finished_at != null && r.finished_at > now)", "nobody said what `finished_at` is");
    check("size(errors) / 0 == 1", "it divides by zero");
    check("errors[7].assigned", "it takes a member out of a list that is not that long");
    check("errors[0].count * 9223372036854775807 > 1", "a number or a time in it grows out of range");
}

#[test]
fn and_and_or_absorb_what_is_not_known_in_both_orders() {
    let silent = "nothing tells onduty about performance";
    let (unknown, yes, no) = ("size(endpoints) == 0", "size(errors) == 2", "size(errors) == 7");
    let both = |operator: &str, known: &str, expected: &str| {
        check(&format!("{unknown} {operator} {known}"), expected);
        check(&format!("{known} {operator} {unknown}"), expected);
    };
    both("&&", no, "no");
    both("&&", yes, silent);
    both("||", yes, "yes");
    both("||", no, silent);
    both("&&", "size(traffic) == 0 && size(errors) == 7", "no");
    check(&format!("!({unknown}) || {yes}"), "yes");
    check(&format!("({unknown}) ? {yes} : {yes}"), silent);
    check(&format!("{yes} ? {yes} : {unknown}"), "yes");
    check("ci.branch(\"new\") == \"failing\" || ci.branch(\"main\") == \"failing\"", "yes");
    check("ci.branch(\"main\") == \"passing\" && ci.branch(\"new\") == \"passing\"", "no");
}

#[test]
fn a_macro_absorbs_members_that_are_not_known() {
    // Of two certificates one is older than it may be.
    check("signals.certificate.exists(s, s.subject == \"shop.example\" && s.state == \"ok\")", "yes");
    check("signals.certificate.exists(s, s.state == \"ok\")", "yes");
    check("signals.certificate.exists(s, s.state == \"failing\")", "nobody said what `state` is");
    check("signals.certificate.all(s, s.state == \"ok\")", "nobody said what `state` is");
    check("signals.certificate.all(s, s.state == \"failing\")", "no");
    check("signals.certificate.exists_one(s, s.state == \"ok\")", "nobody said what `state` is");
    check("signals.certificate.filter(s, s.state == \"ok\").size() == 1", "nobody said what `state` is");
    check("signals.certificate.exists(s, !has(s.state))", "yes");
    check("errors.exists(e, e.release == \"v7\")", "yes");
    check("errors.exists(e, e.release == \"v8\")", "nobody said what `release` is");
}

#[test]
fn a_branch_is_what_its_blocking_checks_concluded() {
    let (snapshot, mut duty) = (snapshot(), duty());
    let mut says = |change: &dyn Fn(&mut Watches), source: &str, expected: &str| {
        change(&mut duty.watches);
        assert_eq!(says_in(&World::new(&snapshot, &duty, at(NOW)), source), expected, "{source}");
    };
    says(&|watches| watches.blocking_checks = vec!["lint".into()], "ci.branch(\"main\") == \"passing\"", "yes");
    let both = |watches: &mut Watches| watches.blocking_checks = vec!["lint".into(), "e2e".into()];
    says(&both, "ci.branch(\"main\") == \"passing\"", "e2e has not concluded on main yet");
    says(
        &|watches| watches.blocking_checks = vec!["unit".into(), "e2e".into()],
        "ci.branch(\"main\") == \"failing\"",
        "yes",
    );
    says(
        &|watches| *watches = Watches::default(),
        "ci.branch(\"main\") == \"failing\"",
        "several repositories have main (acme/api, acme/shop): name one, for example ci.branch(\"main\", \"acme/api\")",
    );
    says(&|_| {}, "ci.branch(\"main\", \"ACME/shop\") == \"failing\"", "yes");
    says(&|_| {}, "ci.branch(\"next\") == \"failing\"", "yes");
    let two = |watches: &mut Watches| watches.repositories = vec!["acme/shop".into(), "acme/web".into()];
    says(
        &two,
        "ci.branch(\"next\") == \"failing\"",
        "several repositories have next (acme/shop, acme/web): name one, for example ci.branch(\"next\", \"acme/shop\")",
    );
}

#[test]
fn commits_are_those_that_would_go_out() {
    let (mut snapshot, duty) = (snapshot(), duty());
    let world = World::new(&snapshot, &duty, at(NOW));
    assert_eq!(says_in(&world, "commits.map(c, c.revision).size() == 2 && commits[0].revision == \"b2\""), "yes");
    let staging = World::new(&snapshot, &duty, at(NOW)).rolling_out_to(Environment::from("staging"));
    assert_eq!(says_in(&staging, "size(commits) == 0"), "no rollout to staging is known yet");
    see(&mut snapshot, "r3", rollout("production", "gone", RolloutState::Succeeded, NOW), NOW);
    let world = World::new(&snapshot, &duty, at(NOW));
    assert_eq!(
        says_in(&world, "size(commits) == 0"),
        "the revision that production runs is not in the known history of main"
    );
}

#[test]
fn a_filter_reads_its_subject() {
    let (snapshot, duty) = (snapshot(), duty());
    let world = World::new(&snapshot, &duty, at(NOW));
    let seed = "error.environment == \"staging\" && error.first_seen > workdays_ago(2)";
    let holds = |source: &str, scope: &Scope, kind: &Kind| -> Vec<String> {
        let expression = compiled(source, scope);
        let verdict =
            |(subject, state): (&Subject, &SignalState)| match expression.holds(&world, Some((subject, state))) {
                Verdict::Yes => format!("{subject} yes"),
                Verdict::No => format!("{subject} no"),
                Verdict::Unknown(reason) => format!("{subject}: {reason}"),
            };
        world.watched(kind).into_iter().map(verdict).collect()
    };
    assert_eq!(holds(seed, &filter(), &Kind::Errors), ["shop#1 yes", "shop#2 no", "shop#4 yes"]);
    let unowned = "error.environment == \"production\" && !error.assigned";
    assert_eq!(holds(unowned, &filter(), &Kind::Errors), ["shop#1 no", "shop#2 no", "shop#4 no"]);
    assert_eq!(
        holds("error.assignee.contains(\"len\")", &filter(), &Kind::Errors),
        [
            "shop#1: it works with a value that is not there (null)",
            "shop#2 yes",
            "shop#4: it works with a value that is not there (null)"
        ]
    );
    let certificates = Scope::Filter { variable: "cert".into(), kind: Kind::Custom("certificate".into()) };
    assert_eq!(
        holds("cert.state == \"failing\"", &certificates, &Kind::Custom("certificate".into())),
        ["old.example: certificate last heard of at 2026-03-03T08:00:00Z", "shop.example no"]
    );
    let commits = Scope::Filter { variable: "commit".into(), kind: Kind::Commits };
    let head = snapshot.of_kind(&Kind::Commits).next().unwrap().1;
    let expression = compiled("commit.title == \"Change b1\"", &commits);
    assert_eq!(expression.holds(&world, Some((&"b1".into(), head))), Verdict::Yes);
    assert_eq!(expression.holds(&world, Some((&"b2".into(), head))), Verdict::No);
    assert!(matches!(expression.holds(&world, Some((&"zz".into(), head))), Verdict::Unknown(_)));
    assert!(matches!(expression.holds(&world, None), Verdict::Unknown(_)));
}

#[test]
fn people_see_what_was_read() {
    let (snapshot, duty) = (snapshot(), duty());
    let world = World::new(&snapshot, &duty, at(NOW));
    let seen = |source: &str, scope: &Scope, subject: Option<&str>| -> Vec<String> {
        let state = subject.map(|subject| (Subject::from(subject), &snapshot.signals[&Kind::Errors][subject]));
        let values = compiled(source, scope).values(&world, state.as_ref().map(|(subject, state)| (subject, *state)));
        values.into_iter().map(|SeenValue { name, value }| format!("{name} = {value}")).collect()
    };
    assert_eq!(
        seen(
            "ci.branch(\"main\") == \"failing\" || ci.branch(\"new\") == \"failing\" || size(endpoints) > 0",
            &Scope::Condition,
            None
        ),
        [
            "ci.branch(\"main\") = \"failing\"",
            "ci.branch(\"new\") = unknown: nothing concluded on new yet",
            "endpoints = unknown: nothing tells onduty about performance",
        ]
    );
    assert_eq!(
        seen(
            "error.first_seen > workdays_ago(2) && error.title != \"\" && error.assignee == null && error.title != \"x\"",
            &filter(),
            Some("shop#1")
        ),
        [
            "error.first_seen = 2026-02-27 02:00:00 +01:00",
            "workdays_ago(2) = 2026-02-26 00:00:00 +01:00",
            "error.title = \"TypeError 1\\u{202e}\\\"<script>\"",
            "error.assignee = null",
        ]
    );
    assert_eq!(
        seen("errors.exists(e, e.count > 2) && clock.hour > 9 && size(commits) > 0", &Scope::Condition, None),
        ["errors = 2 errors", "clock.hour = 16", "commits = 2 commits"]
    );
}

#[test]
fn every_slip_is_found_before_it_runs() {
    // Columns are those of the file: the condition starts at 12.
    let check = |source: &str, expected: &[&str]| {
        let expected: Vec<String> = expected.iter().map(|line| format!("p.yml:7:{line}")).collect();
        assert_eq!(faults(source, &filter()), expected, "{source}");
    };
    check("eror.assigned", &["12: there is no variable `eror`; did you mean `error`?"]);
    check(
        "error.frist_seen > now && error.asigned",
        &[
            "18: an error has no field `frist_seen`; did you mean `first_seen`?",
            "44: an error has no field `asigned`; did you mean `assigned`?",
        ],
    );
    check(
        "error.first_seen > 3",
        &[
            "29: `error.first_seen` is a point in time and `3` is a whole number: they cannot be compared; compare points in time, for example with `workdays_ago(2)` or `now - duration(\"2h\")`",
        ],
    );
    check(
        "false && error.first_seen > 3",
        &[
            "38: `error.first_seen` is a point in time and `3` is a whole number: they cannot be compared; compare points in time, for example with `workdays_ago(2)` or `now - duration(\"2h\")`",
        ],
    );
    check(
        "true || error.title",
        &[
            "17: `||` joins conditions, but `error.title` is a text; compare it with something first, for example with `==`",
        ],
    );
    check(
        "error.assigned && \"ä\" == error.titel",
        &[
            "43: an error has no field `titel`; use one of `id`, `project`, `environment`, `title`, `culprit`, `level`, `status`, `first_seen`, `last_seen`, `count`, `assigned`, `assignee`, `release`, `regressed`",
        ],
    );
    check(
        "error.title",
        &[
            "18: a condition should be true or false, but `error.title` is a text; compare it with something, for example with `==`",
        ],
    );
    check(
        "errors",
        &[
            "12: a condition should be true or false, but `errors` is a list of errors; ask about its members, for example `errors.exists(x, …)`",
        ],
    );
    check(
        "errors.title == \"x\"",
        &["19: `errors` is a list and has no `title`; ask about its members: `errors.exists(x, x.title …)`"],
    );
    check(
        "error.title.lenght() > 3",
        &[
            "24: there is no function `lenght`; use one of `ci.branch`, `workdays_ago`, `duration`, `timestamp`, `size`, `contains`, `matches`, `has`, `exists`, `startsWith`, `endsWith`, `all`, `exists_one`, `filter`, `map`",
        ],
    );
    check("workday_ago(2) < now", &["12: there is no function `workday_ago`; did you mean `workdays_ago`?"]);
    check(
        "workdays_ago(2, 3) < now",
        &["12: `workdays_ago` does not work with 2 values here; write `workdays_ago(N)`"],
    );
    check(
        "workdays_ago(-1) < now",
        &["12: `workdays_ago` takes a whole number from 0 to 250; write for example `workdays_ago(2)`"],
    );
    check(
        "workdays_ago(error.count) < now",
        &["12: `workdays_ago` takes a whole number from 0 to 250; write for example `workdays_ago(2)`"],
    );
    check(
        "ci.branch() == \"failing\"",
        &[
            "15: `ci.branch` takes a branch and perhaps a repository, not 0 values; write `ci.branch(\"main\")` or `ci.branch(\"main\", \"owner/repository\")`",
        ],
    );
    check(
        "ci.branch(3) == \"failing\"",
        &["15: `ci.branch` works on texts, but `3` is a whole number; put a text in quotes"],
    );
    check(
        "ci.brunch(\"main\") == \"failing\"",
        &["15: `ci` has no `brunch`; write `ci.branch(\"main\")` or `ci.branch(\"main\", \"owner/repository\")`"],
    );
    check("ci.main == \"failing\"", &["15: `ci` has no `main`; write `ci.branch(\"main\")`"]);
    check("ci == \"failing\"", &["12: `ci` alone says nothing; write `ci.branch(\"main\")`"]);
    check(
        "ci.branch(\"main\") == \"red\"",
        &["33: `ci.branch(\"main\")` is never \"red\"; use one of `passing`, `failing`"],
    );
    check(
        "ci.branch(\"main\") in [\"failing\", \"faling\"]",
        &["45: `ci.branch(\"main\")` is never \"faling\"; did you mean `failing`?"],
    );
    check(
        "error.status == \"open\"",
        &["28: `error.status` is never \"open\"; use one of `unresolved`, `resolved`, `ignored`"],
    );
    check(
        "clock.time > \"9:00\"",
        &["25: \"9:00\" is not a time of day; write hours and minutes with two digits each, for example \"09:30\""],
    );
    check(
        "clock.date == \"2.3.2026\"",
        &["26: \"2.3.2026\" is not a date; write year, month and day, for example \"2026-03-02\""],
    );
    check(
        "clock.hour > \"9\"",
        &[
            "23: `clock.hour` is a whole number and `\"9\"` is a text: they cannot be compared; write numbers without quotes and texts with quotes",
        ],
    );
    check(
        "error.title + \"x\" == \"y\"",
        &[
            "24: `+` does not work with a text and a text; texts are not joined here: compare them one by one, joined by `&&`",
        ],
    );
    check(
        "error.count * 1.5 > 3.0",
        &[
            "24: `*` does not work with a whole number and a number; write whole numbers with a fraction as well, for example `2.0`",
        ],
    );
    check(
        "now - 3 > error.first_seen",
        &["16: `-` does not work with a point in time and a whole number; write for example `now - duration(\"2h\")`"],
    );
    check(
        "duration(\"2d\") < duration(\"1h\")",
        &["21: \"2d\" is not a length of time; write for example `duration(\"2h\")` and a day as `duration(\"24h\")`"],
    );
    check(
        "timestamp(\"yesterday\") < now",
        &["22: \"yesterday\" is not a point in time; write for example `timestamp(\"2026-03-02T16:00:00Z\")`"],
    );
    check(
        "duration(error.title) < duration(\"1h\")",
        &[
            "12: `duration` takes a text in quotes; write for example `duration(\"2h\")` and a day as `duration(\"24h\")`",
        ],
    );
    check("error.title == null", &["24: `error.title` is never null; remove this comparison"]);
    check(
        "error.release != null",
        &[
            "26: `error.release` is never null: it is unknown when its source did not say; write `has(error.release)` or `!has(error.release)`",
        ],
    );
    check("error == null", &["18: `error` is never null; remove this comparison"]);
    check(
        "errors == errors",
        &[
            "19: `errors` is a list of errors, which cannot be compared as a whole; compare one of its fields, or its size",
        ],
    );
    check(
        "errors > 3",
        &["19: `errors` is a list of errors, which is never more or less; compare its size: `size(errors)`"],
    );
    check(
        "error.assigned == \"yes\"",
        &[
            "27: `error.assigned` is true or false and `\"yes\"` is a text: they cannot be compared; a condition needs no comparison: write it alone, or `!` before it",
        ],
    );
    check(
        "error.assigned > false",
        &["27: `error.assigned` is true or false, which is never more or less; use `==` or `!=`"],
    );
    check(
        "!error.title",
        &[
            "12: `!` turns a condition round, but `error.title` is a text; compare it with something first, for example with `==`",
        ],
    );
    check(
        "error.title in errors",
        &["24: `in` looks into a list of values, but `errors` is a list of errors; write `errors.exists(x, …)`"],
    );
    check(
        "\"x\" in error.title",
        &[
            "16: `in` looks into a list of values, but `error.title` is a text; to look into a text, write `TEXT.contains(…)`",
        ],
    );
    check(
        "3 in [\"a\"]",
        &["14: `3` is a whole number, but the list holds a text; look for a value of the sort that the list holds"],
    );
    check("error.title in [\"a\", 3]", &["33: this list holds a text and a whole number; keep to one sort in a list"]);
    check(
        "errors.exists(e, e.title) ",
        &[
            "31: this should be true or false, but `e.title` is a text; compare it with something, for example with `==`",
        ],
    );
    check(
        "errors.exists(e, errors.exists(f, f.id == e.id))",
        &[
            "36: a second `exists`, `all`, `filter` or `map`; split the condition over two steps; `each` already goes through a list",
        ],
    );
    check(
        "errors.exists(error, error.assigned)",
        &["19: `error` already means something else here; choose another name for the member, for example `x`"],
    );
    check(
        "errors.exists(e.x, true)",
        &[
            "27: the first value of `exists`, `all`, `filter` or `map` is not a plain name; write for example `errors.exists(e, e.count > 3)`",
        ],
    );
    check("errors.exists(true)", &["19: `exists` does not work with 1 value here; write `LIST.exists(X, CONDITION)`"]);
    check(
        "error.title.matches(\"(\")",
        &[
            "32: the pattern of `matches` cannot be read: unclosed group; escape signs that stand for themselves, for example `\\\\(`",
        ],
    );
    check(
        "error.title.matches(error.id)",
        &["24: the pattern of `matches` is not a text in quotes; write the pattern out, in quotes"],
    );
    check(
        "error.title.matches(\"(a{1000}){1000}\")",
        &["32: the pattern grows too large; repeat less, for example `.*` instead of `.{1000}`"],
    );
    check(
        "error.count.contains(\"x\")",
        &["24: `contains` works on texts, but `error.count` is a whole number; put a text in quotes"],
    );
    check("has(error) && true", &["16: `has` asks about a field; write for example `has(error.release)`"]);
    check("has(error.relase)", &["12: an error has no field `relase`; did you mean `release`?"]);
    check(
        "signals == signals",
        &[
            "12: `signals` needs the kind of signal behind it; write for example `signals.certificate.exists(s, s.state == \"failing\")`",
            "23: `signals` needs the kind of signal behind it; write for example `signals.certificate.exists(s, s.state == \"failing\")`",
        ],
    );
    check(
        "signals.errors.exists(e, true)",
        &["19: `errors` is not a kind of the team's own; write `errors` without `signals.`"],
    );
    check(
        "signals[\"A b\"].exists(e, true)",
        &["19: `A b` cannot be a kind of signal; use lower-case letters, digits, `-` and `_`"],
    );
    check(
        "signals.disk-space.exists(s, s.state == \"failing\")",
        &["24: a dash in the kind of a signal reads like a minus; write `signals[\"disk-space\"]`"],
    );
    check(
        "signals.disk-space > 3",
        &["24: a dash in the kind of a signal reads like a minus; write `signals[\"disk-space\"]`"],
    );
    check("{\"a\": 1}.a == 1", &["12: a map in braces is not of use here; compare single values"]);
    check("error.count == 3u", &["27: a number with `u` behind it; remove the `u`"]);
    check(
        "(error.assigned ? 1 : \"x\") == 1",
        &["28: `?` gives a whole number or a text; let both sides of `:` be of one sort"],
    );
    check("error.count > 99999999999999999999", &["26: this number is too large; write a smaller one"]);
    check("error.assigned &&", &["29: the condition stops too early; write what is missing at its end"]);
    check(
        "error.assigned error.regressed",
        &[
            "27: the condition cannot be read from \"error.regressed\" on; check for a missing operator, comma or value before it",
        ],
    );
    check(
        "error..title == \"x\"",
        &[
            "18: the condition cannot be read from \".title\" on; check for a missing operator, comma or value before it",
        ],
    );
    check(
        "errors[\"x\"].title == \"x\"",
        &[
            "18: `errors` is a list of errors: there is nothing to take out of it by a text; take members of a list by their number, from 0",
        ],
    );
    check("error[\"title\"] == \"x\"", &["17: a field in brackets; write it behind a dot, for example `error.title`"]);
    check(
        "string(error.count) == \"3\"",
        &[
            "12: there is no function `string`; use one of `ci.branch`, `workdays_ago`, `duration`, `timestamp`, `size`, `contains`, `matches`, `has`, `exists`, `startsWith`, `endsWith`, `all`, `exists_one`, `filter`, `map`",
        ],
    );
    check(
        "type(error.count) == int",
        &[
            "12: there is no function `type`; use one of `ci.branch`, `workdays_ago`, `duration`, `timestamp`, `size`, `contains`, `matches`, `has`, `exists`, `startsWith`, `endsWith`, `all`, `exists_one`, `filter`, `map`",
            "33: there is no variable `int`; use one of `error`, `ci`, `now`, `clock`, `builds`, `errors`, `rollouts`, `commits`, `endpoints`, `traffic`, `signals`",
        ],
    );
    check(
        "optional.of(3) == 3",
        &[
            "21: there is no function `of`; use one of `ci.branch`, `workdays_ago`, `duration`, `timestamp`, `size`, `contains`, `matches`, `has`, `exists`, `startsWith`, `endsWith`, `all`, `exists_one`, `filter`, `map`",
        ],
    );
    check("-error.title == \"x\"", &["12: `error.title` is a text, which has no minus; remove the minus"]);
    check("error.assigned and error.regressed", &["27: `and` is not a word of this language; write `&&`"]);
    check(
        "[1].map(x, [x]).size() == 1",
        &["16: `map` to lists is not of use here; map to one field, for example `errors.map(e, e.id)`"],
    );
    check("[[1]].size() == 1", &["12: a list of lists is not of use here; write one flat list"]);
    check("Foo{a: 1}.a == 1", &["15: a map in braces is not of use here; compare single values"]);
    check(
        "error.while == 1",
        &[
            "18: an error has no field `while`; use one of `id`, `project`, `environment`, `title`, `culprit`, `level`, `status`, `first_seen`, `last_seen`, `count`, `assigned`, `assignee`, `release`, `regressed`",
        ],
    );
    check(
        "\"ä\" == \"ö\" error",
        &["23: the condition cannot be read from \"error\" on; check for a missing operator, comma or value before it"],
    );
}

#[test]
fn a_filter_may_not_read_what_it_has_no_name_for() {
    assert_eq!(
        faults("error.assigned", &Scope::Condition),
        ["p.yml:7:12: there is no variable `error`; did you mean `errors`?"]
    );
    let mut problems = Problems::new("p.yml");
    let place = Place { line: 7, column: 3 };
    assert!(Expression::compile("true &&\neror", place, true, &Scope::Condition, &mut problems).is_none());
    assert_eq!(problems.into_sorted()[0].place, place, "in a block the place is where the text starts");
}

#[test]
fn nothing_that_is_written_can_break_us() {
    let chain = |part: &str, sign: &str, count: usize| vec![part; count].join(sign);
    let doubled = |count: usize| (0..count).fold("'x'".to_owned(), |text, _| format!("[{text}].map(v, v + v)[0]"));
    let check = |source: &str, expected: &str| {
        let found = faults(source, &Scope::Condition).join("\n");
        assert!(found.contains(expected), "{}: {found}", &source[..source.len().min(80)]);
    };
    check(&chain("1", "+", 20_000), "this condition has 39999 bytes, more than 2048");
    check(&chain("1", "+", 1_000), "this condition has more than 200 words and signs");
    check(&format!("{}true{}", "(".repeat(2_000), ")".repeat(2_000)), "this condition has 4004 bytes");
    check(&format!("{}true{}", "(".repeat(900), ")".repeat(900)), "brackets are nested deeper than 24");
    check(&format!("{}1{} == 1", "[".repeat(100), "]".repeat(100)), "brackets are nested deeper than 24");
    check(&format!("{}1{} == 1", "[".repeat(20), "]".repeat(20)), "a list of lists is not of use here");
    check(&doubled(28), "brackets are nested deeper than 24");
    check(&format!("['x']{}.size() == 1", ".map(v, v + v)".repeat(28)), "more than 200 words and signs");
    check(&doubled(8), "a second `exists`, `all`, `filter` or `map`");
    check("[1].map(a, [1].map(b, [1].map(c, [1].map(d, 1))))", "a second `exists`, `all`, `filter` or `map`");
    check("['x'].map(a, a + a)[0] == ''", "texts are not joined here");
    check(&format!("'{}'.matches('(a|b|ab)*c')", "ab".repeat(2_000)), "this condition has 4024 bytes");
    check(&format!("'x'.matches('{}')", "(a{50}){50}".repeat(10)), "the pattern grows too large");
    check(&"!".repeat(2_000), "more than 200 words and signs");
    check(&format!("{}true", "!".repeat(199)), "");
    check(&format!("{} > 0", chain("1", "+", 99)), "");
    check(&chain("true", " && ", 100), "");
    check(&format!("now{}", ".a".repeat(99)), "`now` is a point in time and has no `a`");
    check(&format!("{}true", "true ? true : ".repeat(16)), "");
    check(&format!("{}true{}", "(".repeat(24), ")".repeat(24)), "");
    for source in [
        "\u{0}",
        "a\u{0}b",
        "\\",
        "'\\",
        "r'",
        "@result",
        "1e999999 > 1.0",
        "'\\ud800' == ''",
        "\u{feff}true",
        "0x",
        "1.",
        ".1",
        "..",
        "?",
        "a ? b",
        "[",
        "{",
        "{}{}",
        "[?a]",
        "{?a: b}",
        "a.?b",
        "a[?0]",
        "`a`",
        "''.b",
        "\"\\400\" == \"\"",
        "in",
        "in in in",
        "true in",
        "null",
        "-9223372036854775808 < 0",
        "--9223372036854775808 < 0",
    ] {
        faults(source, &Scope::Condition);
    }
}

#[test]
fn the_deepest_expression_needs_half_the_stack() {
    let deepest = [
        format!("{}true{}", "(".repeat(24), ")".repeat(24)),
        format!("{}[1]{}.size() == 1", "(".repeat(23), ")".repeat(23)),
        format!("{}true", "!".repeat(198)),
        format!("{} > 0", vec!["1"; 99].join(" + ")),
        format!("{}true", "true ? true : ".repeat(16)),
        format!("{}true{}", "!(".repeat(24), ")".repeat(24)),
        format!("{}true{}", "(true ? true : ".repeat(16), ")".repeat(16)),
        vec!["size(errors) == 2"; 28].join(" && "),
        vec!["size(errors) == 7"; 28].join(" || "),
    ];
    let thread = std::thread::Builder::new().stack_size(stack::STACK_BYTES / 2);
    let handle = thread.spawn(move || {
        stack::pretend_big_stack();
        deepest.iter().for_each(|source| check(source, if source.contains("== 7") { "no" } else { "yes" }));
    });
    handle.unwrap().join().unwrap();
}

#[test]
fn the_most_expensive_pass_ends_soon() {
    let (mut snapshot, duty) = (Snapshot::empty(), duty());
    for id in 0..MAX_MEMBERS {
        let group = ErrorGroup { title: "ab".repeat(1_000), ..error(&id.to_string(), "staging", None, NOW) };
        see(&mut snapshot, &format!("shop#{id:05}"), Fact::Error(group), NOW);
    }
    let world = World::new(&snapshot, &duty, at(NOW));
    let greedy = compiled(
        "error.assigned || errors.exists(e, e.title.matches('(a|b|ab)*(b|c|bc)*(c|a|ca)*d$') && e.id == error.id)",
        &filter(),
    );
    let started = std::time::Instant::now();
    let verdicts: Vec<Verdict> = with_stack(|| {
        world.watched(&Kind::Errors).into_iter().map(|subject| greedy.holds(&world, Some(subject))).collect()
    });
    let took = started.elapsed();
    let refused = "this condition is too much work for so many signals: simplify it";
    assert!(matches!(verdicts.last(), Some(Verdict::Unknown(reason)) if reason.to_string() == refused));
    assert_eq!(verdicts[0], Verdict::No);
    assert_eq!(
        says_in(&world, "errors.exists(e, e.id == \"7\")"),
        "yes",
        "one greedy condition leaves the others alone"
    );
    assert!(took.as_secs() < 20, "it took {took:?}; under one second where nothing else runs");

    see(&mut snapshot, "one too many", Fact::Error(error("x", "staging", None, NOW)), NOW);
    let world = World::new(&snapshot, &duty, at(NOW));
    let cut = "2001 errors are more than the 2000 that an expression goes through";
    assert_eq!(says_in(&world, "size(errors) > 3"), cut);
    assert_eq!(says_in(&world, "errors.exists(e, e.id == \"7\")"), cut);
}
