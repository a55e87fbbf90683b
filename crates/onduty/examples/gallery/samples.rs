//! Days to look at: nothing yet, a normal one, a terrible one. Used by the gallery and by the tests of the views.

#[path = "handshake.rs"]
mod handshake;
#[path = "people.rs"]
mod people;
#[path = "performance.rs"]
mod performance;
#[path = "plan.rs"]
mod plan;
#[path = "refresher.rs"]
mod refresher;
#[path = "what_if.rs"]
mod what_if;

pub use handshake::{handshake_page, with_devops};
pub use people::{access_log_page, account_page, feed, people_page, person_page, prove, sign_in};
pub use performance::{endpoint_page, performance_page};
pub use plan::{plan_page, plan_proposal};
pub use refresher::refresher_page;
pub use what_if::what_if_page;

use jiff::civil::{Date, date, time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use onduty::texts::{LogLine, Telling};
use onduty::web::views::door::{ErrorView, PasswordField, WelcomeView};
use onduty::web::views::gate::{CandidateView, GatePhase, GateView, OutputView, UnresolvedView};
use onduty::web::views::item::ItemPageView;
use onduty::web::views::items::ItemView;
use onduty::web::views::layout::{DemoBarView, Here, LayoutView, NextShift, OnDutyView};
use onduty::web::views::log::{LogPageView, LogShown};
use onduty::web::views::process::{ActiveProcess, OpensView, ProcessPageView, ProcessStepView, VersionView};
use onduty::web::views::rollout::{RolloutPageView, RolloutView};
use onduty::web::views::suggestions::SuggestionsView;
use onduty::web::views::team::{MemberView, TeamAdminView, TeamView, WallLinkView};
use onduty::web::views::today::{StepBody, StepView, TodayView};
use onduty::web::views::wall::{TileView, WallView};
use onduty::web::views::{Reader, StateView};
use onduty_core::files::{Place, Problem};
use onduty_core::flaky::Flaky;
use onduty_core::gate::Blocker;
use onduty_core::ids::{DutyId, EngineerId, Environment, StepId, Subject};
use onduty_core::item::{
    Candidate, CheckLine, Closing, Conclusion, Item, ItemId, ItemState, Owner, OwnerReason, SeenValue, SnoozeUntil,
    Suggestion, Taken, Why, WriteBack,
};
use onduty_core::logbook::{Author, Event};
use onduty_core::owner::accuracy::{Accuracy, Counts, Known, Voice};
use onduty_core::process::{Check, List, Occasion, OwnerMode, Period, Times, Work};
use onduty_core::roster::{Engineer, Leave, Roster};
use onduty_core::schedule::{Shift, ShiftOrigin};
use onduty_core::signal::{
    Build, BuildState, Commit, ErrorGroup, ErrorStatus, Fact, Frame, Kind, RolloutState, UnknownReason,
};
use std::collections::BTreeMap;

/// What kind of day it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    /// Nothing configured, nothing happened.
    Empty,
    /// Nothing needs anybody; the gate waits for 16:00.
    Calm,
    /// Red main, two errors, a question.
    Normal,
    /// 60 items, long names, right-to-left text, a 300-character error, hostile titles.
    Terrible,
}

/// The people, the zone and the time of a day.
#[derive(Debug)]
pub struct Stage {
    roster: Roster,
    zone: TimeZone,
    now: Timestamp,
    duty: DutyId,
    me: EngineerId,
}

/// A title that tries everything.
pub const HOSTILE: &str = "<script>alert(1)</script> \u{202e}gpj.exe \u{1b}[31m & \"quoted\" 'single'";
/// A name as long as names get.
pub const LONG_NAME: &str = "Maximiliana Hochstetter-Kowalczyk von und zu Liechtenfeld-Oberammergau";
/// A right-to-left title.
pub const ARABIC: &str = "انتهت مهلة الطلب في خدمة الحجز (booking#create)";

impl Stage {
    /// The people of `day`, at 14:04 in Paris.
    pub fn of(day: Day) -> Stage {
        let mut people = vec![
            ("lena", "Lena Vogt"),
            ("omar", "Omar Haddad"),
            ("priya", "Priya Nair"),
            ("sam", "Sam Okafor"),
            ("noor", "Noor El-Amin"),
            ("ines", "Inês Carvalho"),
            ("jakub", "Jakub Wójcik"),
            ("mei", "Mei Tanaka"),
            ("diego", "Diego Fuentes"),
        ];
        if day == Day::Terrible {
            people.extend([("max", LONG_NAME), ("layla", "ليلى حداد"), ("evil", HOSTILE)]);
        }
        let engineer = |(id, name): (&str, &str)| {
            let id = EngineerId::from(id);
            let engineer = Engineer {
                id: id.clone(),
                name: name.to_owned(),
                emails: vec![],
                logins: vec![],
                team: None,
                joined: None,
                left: None,
                successor: None,
                working_days: None,
                leave: vec![],
                holidays: Default::default(),
                skills: Default::default(),
                share: 100,
                avoid: Default::default(),
            };
            (id, engineer)
        };
        Stage {
            roster: Roster { engineers: people.into_iter().map(engineer).collect(), duties: vec![] },
            zone: TimeZone::get("Europe/Paris").expect("the zone is bundled"),
            now: at("14:04"),
            duty: DutyId::from("developers"),
            me: EngineerId::from("lena"),
        }
    }

    /// Lena, who is on duty and may act.
    pub fn reader(&self) -> Reader<'_> {
        Reader {
            tell: Telling { now: self.now, zone: &self.zone, roster: &self.roster, process: None },
            duty: &self.duty,
            me: Some(&self.me),
            csrf: "csrf-token",
            back: "/?duty=developers",
            may_act: true,
            administers: true,
        }
    }
}

fn today() -> Date {
    date(2026, 3, 2)
}

fn at(clock: &str) -> Timestamp {
    format!("2026-03-02T{clock}:00+01:00").parse().expect("samples write clocks as 14:05")
}

fn days_ago(days: i64) -> Timestamp {
    at("11:20") - SignedDuration::from_hours(24 * days)
}

const REVISION: &str = "8f3c2ab91d0e4c5f6a7b8c9d0e1f2a3b4c5d6e7f";
const DEPLOYED: &str = "1b7d04e2c3a4f5968778695a4b3c2d1e0f9e8d7c";

/// The frame of a page.
pub fn layout(day: Day, title: &str, here: Here) -> LayoutView {
    LayoutView {
        title: title.to_owned(),
        here,
        duties: match day {
            Day::Empty => vec![(DutyId::from("developers"), "developers".to_owned())],
            _ => vec![
                (DutyId::from("developers"), "developers".to_owned()),
                (DutyId::from("devops"), "devops".to_owned()),
            ],
        },
        on_duty: Some(on_duty(day)),
        process_version: Some(6),
        demo: (day == Day::Normal).then(|| DemoBarView { at: at("14:04"), rate: 10 }),
    }
}

fn on_duty(day: Day) -> OnDutyView {
    let next = |engineer: Option<&str>| {
        Some(NextShift {
            engineer: engineer.map(EngineerId::from),
            day: date(2026, 3, 3),
            starts: "2026-03-03T09:00:00+01:00".parse().expect("an instant"),
        })
    };
    match day {
        Day::Empty => OnDutyView { now: None, next: None, mine: None },
        Day::Calm | Day::Normal => OnDutyView {
            now: Some((EngineerId::from("lena"), at("19:00"))),
            next: next(Some("omar")),
            mine: Some(date(2026, 3, 16)),
        },
        Day::Terrible => OnDutyView {
            now: Some((EngineerId::from("max"), at("19:00"))),
            next: next(None),
            mine: Some(date(2026, 3, 16)),
        },
    }
}

fn build(name: &str, url: &str) -> Fact {
    Fact::Build(Build {
        repository: "acme/shop".to_owned(),
        branch: Some("main".to_owned()),
        revision: REVISION.to_owned(),
        name: name.to_owned(),
        state: BuildState::Failed,
        attempt: 1,
        started_at: at("13:41"),
        finished_at: Some(at("13:52")),
        url: Some(url.to_owned()),
        detail: Some("BookingTest#test_create_twice: expected 1, got 2".to_owned()),
        frames: Vec::new(),
        unproven_branch: false,
    })
}

fn error(title: &str, environment: &str, count: u64, first_seen: Timestamp) -> ErrorGroup {
    ErrorGroup {
        id: "4711".to_owned(),
        project: "shop".to_owned(),
        environment: Environment::from(environment),
        title: title.to_owned(),
        culprit: Some("app/booking/create.rb".to_owned()),
        level: Some("error".to_owned()),
        status: ErrorStatus::Unresolved,
        first_seen,
        last_seen: at("14:02"),
        regressed_at: None,
        count,
        assignee: None,
        release: Some(REVISION.to_owned()),
        frames: vec![
            frame("vendor/gems/rack/lib/rack.rb", 88, "call", false),
            frame("app/controllers/bookings_controller.rb", 31, "create", true),
            frame("app/booking/create.rb", 143, "reserve_seat", true),
        ],
        url: Some("https://errors.example/shop/4711".to_owned()),
    }
}

fn frame(file: &str, line: u32, function: &str, in_app: bool) -> Frame {
    Frame { file: file.to_owned(), line: Some(line), function: Some(function.to_owned()), in_app }
}

fn item(step: &str, subject: &str, why: Why, opened_at: Timestamp) -> Item {
    let (duty, step, subject) = (DutyId::from("developers"), StepId::from(step), Subject::from(subject));
    Item {
        id: ItemId::derive(&duty, &step, &subject, 1),
        duty,
        step,
        subject,
        occurrence: 1,
        why,
        opened_at,
        shift: today(),
        state: ItemState::Open,
        taken: None,
        suggestion: None,
        owner: None,
        checklist: vec![],
        conclusion: None,
        mended: None,
        escalated: false,
        handed_over: None,
    }
}

fn suggestion(people: Vec<Candidate>, note: Option<&str>) -> Option<Suggestion> {
    Some(Suggestion {
        people,
        others: Vec::new(),
        team: None,
        flaky: None,
        green_is_gone: false,
        at: at("13:53"),
        note: note.map(str::to_owned),
    })
}

fn knows(engineer: &str, available: bool, theirs: u32) -> Candidate {
    let reason =
        OwnerReason::RecentCommits { file: "app/booking/create.rb".to_owned(), theirs, of: 9, newest: days_ago(3) };
    Candidate {
        engineer: EngineerId::from(engineer),
        available,
        confidence: Some(0.21),
        owned: 0,
        reasons: vec![reason],
    }
}

fn since_green(engineer: &str) -> Candidate {
    let reason = OwnerReason::SinceGreen {
        revision: REVISION.to_owned(),
        title: "Refuse a second booking of the same seat".to_owned(),
        of: 3,
        changed: Some("spec/booking_spec.rb".to_owned()),
    };
    Candidate {
        engineer: EngineerId::from(engineer),
        available: true,
        confidence: Some(0.62),
        owned: 0,
        reasons: vec![reason],
    }
}

fn taken(engineer: &str, clock: &str) -> Option<Taken> {
    Some(Taken { by: EngineerId::from(engineer), at: at(clock) })
}

fn check_lines(ticked: usize) -> Vec<CheckLine> {
    let lines = [
        "Rerun the failed job once; is it a flake?",
        "Read the first error of the log, not the last",
        "Find the commit that turned it red; ask its author",
        "If nobody can mend it in 20 minutes, revert",
    ];
    let line = |(index, text): (usize, &&str)| CheckLine {
        text: (*text).to_owned(),
        ticked: (index < ticked).then(|| taken("lena", "13:58")).flatten(),
    };
    lines.iter().enumerate().map(line).collect()
}

/// The item of a red main branch.
pub fn red_main() -> ItemView {
    let why = Why::Condition {
        expression: "ci.branch(\"main\") == \"failing\"".to_owned(),
        values: vec![SeenValue { name: "ci.branch(\"main\")".to_owned(), value: "\"failing\"".to_owned() }],
        builds: vec![build("unit tests", "https://ci.example/runs/981")],
    };
    let item = Item {
        taken: taken("lena", "13:55"),
        suggestion: suggestion(vec![since_green("priya"), knows("sam", true, 4)], None).map(|suggestion| Suggestion {
            flaky: Some(Flaky { failed: 3, passed: 1, passed_here: false }),
            ..suggestion
        }),
        checklist: check_lines(1),
        ..item("main-green", "main", why, at("13:52"))
    };
    ItemView { item, goal: "Keep main green".to_owned(), owner: OwnerMode::Suggest, resolves: false }
}

fn error_item(step: &str, goal: &str, group: ErrorGroup, suggested: Option<Suggestion>, owner: OwnerMode) -> ItemView {
    let opened_at = group.first_seen;
    let why = Why::Subject {
        expression: "error.environment == \"production\" && !error.assigned".to_owned(),
        values: vec![
            SeenValue { name: "error.environment".to_owned(), value: "\"production\"".to_owned() },
            SeenValue { name: "error.assigned".to_owned(), value: "false".to_owned() },
        ],
        fact: Fact::Error(group.clone()),
    };
    let item = Item { suggestion: suggested, checklist: check_lines(0), ..item(step, &group.title, why, opened_at) };
    ItemView { item, goal: goal.to_owned(), owner, resolves: true }
}

/// The item of an error in production that nobody has.
pub fn production_error() -> ItemView {
    let group = error("Timeout in booking#create", "production", 41, at("13:40"));
    let people = suggestion(vec![knows("sam", true, 4), knows("ines", false, 2)], None);
    error_item("production-errors", "Every error in production has an owner", group, people, OwnerMode::WriteBack)
}

fn asked() -> ItemView {
    let why = Why::Asked {
        by: EngineerId::from("noor"),
        text: "Can you look at the log rotation with us? The disk of staging is nearly full.".to_owned(),
    };
    ItemView {
        item: item("asked", "q1", why, at("13:59")),
        goal: "Asked by the team".to_owned(),
        owner: OwnerMode::None,
        resolves: false,
    }
}

fn step(id: &str, goal: &str, state: StateView, note: Option<&str>, items: Vec<ItemView>) -> StepView {
    StepView {
        id: StepId::from(id),
        goal: goal.to_owned(),
        state,
        note: note.map(str::to_owned),
        unknown: None,
        items,
        hidden: 0,
        body: StepBody::Items,
    }
}

fn gate_step(gate: GateView) -> StepView {
    let state = gate.state();
    StepView {
        body: StepBody::Rollout(Box::new(gate)),
        ..step("rollout", "Give customers more happiness", state, None, vec![])
    }
}

fn ask_step(items: Vec<ItemView>) -> StepView {
    let state = if items.is_empty() { StateView::Fine } else { StateView::NeedsYou };
    StepView { body: StepBody::Ask, ..step("asked", "Asked by the team", state, None, items) }
}

/// *Today* of `day`.
pub fn today_view(day: Day) -> TodayView {
    let steps = match day {
        Day::Empty => vec![],
        Day::Calm => vec![
            step("main-green", "Keep main green", StateView::Fine, Some("passed 13:31 (8f3c2ab)"), vec![]),
            step("staging-errors", "No critical error is released", StateView::Fine, Some("2 looked at today"), vec![]),
            step("production-errors", "Every error in production has an owner", StateView::Fine, None, vec![]),
            step(
                "performance",
                "The last rollout did not degrade performance",
                StateView::Off,
                Some("declared absent"),
                vec![],
            ),
            ask_step(vec![]),
            gate_step(early_gate()),
        ],
        Day::Normal => normal_steps(),
        Day::Terrible => terrible_steps(),
    };
    TodayView {
        mine: true,
        steps,
        latest: if day == Day::Empty { vec![] } else { log_lines(day).into_iter().rev().take(5).collect() },
        process_version: (day != Day::Empty).then_some(7),
        problems: if day == Day::Terrible { problems() } else { vec![] },
        observe_only: false,
        findings: Vec::new(),
        handshakes: if day == Day::Empty { vec![] } else { vec![with_devops(day)] },
    }
}

fn normal_steps() -> Vec<StepView> {
    let second = error_item(
        "production-errors",
        "Every error in production has an owner",
        ErrorGroup {
            release: None,
            ..error("NoMethodError: undefined method `format' for nil in sms/format", "production", 3, days_ago(3))
        },
        suggestion(vec![], Some("the file has no commits by anybody on the roster")),
        OwnerMode::WriteBack,
    );
    vec![
        step("main-green", "Keep main green", StateView::NeedsYou, None, vec![red_main()]),
        step("staging-errors", "No critical error is released", StateView::Fine, Some("2 looked at today"), vec![]),
        step(
            "production-errors",
            "Every error in production has an owner",
            StateView::NeedsYou,
            Some("1 looked at today"),
            vec![production_error(), second],
        ),
        step(
            "performance",
            "The last rollout did not degrade performance",
            StateView::Off,
            Some("performance: none"),
            vec![],
        ),
        ask_step(vec![asked()]),
        gate_step(closed_gate()),
    ]
}

fn terrible_steps() -> Vec<StepView> {
    let goal = "Every error in production has an owner";
    let long = format!(
        "PG::UniqueViolation: ERROR: duplicate key value violates unique constraint {}",
        "\"index_bookings_on_seat_and_departure_and_operator\" ".repeat(5)
    );
    let titles = [
        HOSTILE,
        ARABIC,
        &long,
        "AVeryLongExceptionNameWithoutAnySpaceThatGoesOnAndOn::AndOnAndOnAndOnAndOnAndOnAndOnAndOnAndOnAndOnAndOnAndOnAndOn",
    ];
    let mut errors: Vec<ItemView> = (0..60)
        .map(|index| {
            let title = titles
                .get(index)
                .map_or_else(|| format!("Timeout number {index} in booking#create"), |title| (*title).to_owned());
            let people = if index % 3 == 0 {
                vec![knows("max", index % 2 == 0, 7), knows("layla", true, 2)]
            } else {
                vec![knows("sam", true, 4)]
            };
            error_item(
                "production-errors",
                goal,
                error(&title, "production", 41 * index as u64, at("13:40")),
                suggestion(people, None),
                OwnerMode::WriteBack,
            )
        })
        .collect();
    let snoozed = &mut errors[4].item;
    snoozed.state =
        ItemState::Snoozed { until: SnoozeUntil::NextRollout, by: EngineerId::from("max"), since: at("12:00") };
    let owned = &mut errors[5].item;
    owned.owner = Some(Owner {
        engineer: EngineerId::from("layla"),
        decided_by: EngineerId::from("max"),
        at: at("12:00"),
        write_back: WriteBack::Failed,
    });
    owned.conclusion = Some(Conclusion {
        by: EngineerId::from("max"),
        at: at("12:40"),
        text: "Only on one machine; its disk is full.".to_owned(),
        resolve: WriteBack::Done,
    });
    let unknown = StepView {
        unknown: Some(UnknownReason::Stale { kind: Kind::Builds, last: at("13:50") }),
        ..step("main-green", "Keep main green", StateView::Unknown, Some("builds last heard of 14 min ago"), vec![])
    };
    let trouble = StepView {
        unknown: Some(UnknownReason::Trouble { source_name: "sentry".into(), trouble: HOSTILE.to_owned() }),
        ..step(
            "staging-errors",
            "No critical error is released to anybody at all, in whichever of our forty countries they happen to travel today",
            StateView::Unknown,
            None,
            vec![],
        )
    };
    let gate = GateView {
        phase: GatePhase::Closed {
            blockers: vec![
                Blocker::StepUnknown {
                    step: "main-green".into(),
                    goal: "Keep main green".to_owned(),
                    reason: UnknownReason::Stale { kind: Kind::Builds, last: at("13:50") },
                },
                Blocker::StepOpen { step: "production-errors".into(), goal: goal.to_owned(), items: 60 },
                Blocker::OutcomeUnknown { revision: DEPLOYED.to_owned(), since: at("11:00") },
                Blocker::NoTarget { environment: "production".into() },
            ],
            unresolved: Some(UnresolvedView { id: "r9".to_owned(), revision: DEPLOYED.to_owned() }),
        },
        warnings: vec![
            "Version 7 removed `staging-errors`, which held the rollout; approved by Omar Haddad.".to_owned(),
        ],
        ..closed_gate()
    };
    vec![
        unknown,
        trouble,
        StepView { hidden: 12, ..step("production-errors", goal, StateView::NeedsYou, None, errors) },
        ask_step(vec![]),
        gate_step(gate),
    ]
}

fn early_gate() -> GateView {
    let phase = GatePhase::Closed { blockers: vec![Blocker::TooEarly { opens: at("16:00") }], unresolved: None };
    GateView { phase, ..closed_gate() }
}

/// A gate with two reasons.
pub fn closed_gate() -> GateView {
    GateView {
        environment: "production".into(),
        phase: GatePhase::Closed {
            blockers: vec![
                Blocker::StepOpen { step: "main-green".into(), goal: "Keep main green".to_owned(), items: 1 },
                Blocker::TooEarly { opens: at("16:00") },
            ],
            unresolved: None,
        },
        candidate: Some(candidate()),
        not_watched: vec![Kind::Performance],
        warnings: vec![],
        not_allowed: None,
    }
}

/// A gate that Lena may pass.
pub fn open_gate() -> GateView {
    GateView { phase: GatePhase::Open { diff_hash: "c0ffee".to_owned() }, ..closed_gate() }
}

/// A rollout under way.
pub fn running_gate() -> GateView {
    GateView { phase: GatePhase::Running(output()), ..closed_gate() }
}

fn output() -> OutputView {
    OutputView {
        id: "r10".to_owned(),
        revision: REVISION.to_owned(),
        since: at("14:02"),
        by: "Lena Vogt".to_owned(),
        output: "14:02:11 fetching 8f3c2ab\n14:02:14 building image\n14:03:20 pushing image (212 MB)\n14:03:58 web-1 ok\n14:04:01 web-2 ok\n\u{1b}[32m14:04:02 waiting for web-3\n".to_owned(),
        live: true,
    }
}

fn candidate() -> CandidateView {
    let people = [
        "Priya Nair",
        "Sam Okafor",
        "Inês Carvalho",
        "Mei Tanaka",
        "Diego Fuentes",
        "Jakub Wójcik",
        "Noor El-Amin",
        "Omar Haddad",
        "Lena Vogt",
    ];
    let titles = [
        "Refuse a second booking of the same seat",
        "Show the operator's name on the ticket",
        "Round fares as the law of each country wants",
        "Remove the old SMS gateway",
        "Speed up the search of return trips",
    ];
    let commit = |index: usize| Commit {
        revision: format!("{:07x}c0ffee", 0x8f3c2ab_usize + index * 77_777),
        author_name: people[index % people.len()].to_owned(),
        author_email: "someone@example.com".to_owned(),
        title: titles[index % titles.len()].to_owned(),
        committed_at: at("13:40") - SignedDuration::from_mins(23 * index as i64),
        files: vec![],
    };
    CandidateView {
        revision: REVISION.to_owned(),
        deployed: Some(DEPLOYED.to_owned()),
        commits: Some((0..14).map(commit).collect()),
    }
}

/// The log book of the day, oldest first.
pub fn log_lines(day: Day) -> Vec<LogLine> {
    let lena = || Author::Engineer { id: EngineerId::from("lena") };
    let about = |view: &ItemView| Some((view.item.id.clone(), view.title()));
    let red = red_main();
    let opened = Event::ItemOpened { step: "main-green".into(), why: red.item.why.clone() };
    let mut lines = vec![
        (
            "08:58",
            Author::Machine,
            Event::ProcessActivated {
                version: 7,
                reason: "errors of the last two working days only".to_owned(),
                changes: vec!["staging-errors: where changed".to_owned()],
            },
            None,
        ),
        ("09:00", Author::Machine, Event::ShiftStarted { engineer: "lena".into() }, None),
        (
            "09:12",
            lena(),
            Event::Note { text: "Handover from Omar: the SMS provider is slow, they know.".to_owned(), corrects: None },
            None,
        ),
        (
            "11:04",
            Author::Machine,
            Event::ItemOpened { step: "staging-errors".into(), why: production_error().item.why },
            None,
        ),
        (
            "11:20",
            lena(),
            Event::Concluded { text: "Only staging: the sandbox of the payment provider was restarted.".to_owned() },
            about(&production_error()),
        ),
        (
            "11:20",
            Author::Machine,
            Event::ItemClosed { step: "staging-errors".into(), how: Closing::Concluded },
            about(&production_error()),
        ),
        ("13:20", lena(), Event::Note { text: "Rerun of e2e was a flake.".to_owned(), corrects: None }, None),
        ("13:52", Author::Machine, opened, about(&red)),
        ("13:53", Author::Machine, Event::Suggested { people: vec!["priya".into(), "sam".into()] }, about(&red)),
        ("13:55", lena(), Event::Taken { from: None }, about(&red)),
        (
            "13:58",
            lena(),
            Event::Ticked { line: "Rerun the failed job once; is it a flake?".to_owned(), done: true },
            about(&red),
        ),
        (
            "13:59",
            Author::Engineer { id: "noor".into() },
            Event::Asked { text: "Can you look at the log rotation with us?".to_owned() },
            about(&asked()),
        ),
    ];
    if day == Day::Terrible {
        lines.push((
            "14:00",
            Author::Engineer { id: "max".into() },
            Event::Note { text: format!("{HOSTILE} {ARABIC} {}", "and so on and on ".repeat(30)), corrects: Some(3) },
            None,
        ));
        lines.push((
            "14:01",
            Author::Machine,
            Event::WriteBackFailed { engineer: "layla".into(), reason: "HTTP 502 ".repeat(40) },
            None,
        ));
    }
    let line = |(index, (clock, author, event, item))| LogLine {
        seq: 100 + index as i64,
        at: at(clock),
        shift: today(),
        author,
        event,
        item,
        corrected_by: (index == 2 && day == Day::Terrible).then_some(112),
    };
    lines.into_iter().enumerate().map(line).collect()
}

/// The page of an item.
pub fn item_page(day: Day) -> ItemPageView {
    let item = match day {
        Day::Terrible => {
            let group = error(
                &format!("{HOSTILE} {}", "duplicate key value violates unique constraint ".repeat(8)),
                "production",
                12_804,
                days_ago(40),
            );
            let mut view = error_item(
                "production-errors",
                "Every error in production has an owner",
                group,
                suggestion(vec![knows("max", false, 7), knows("layla", true, 2), knows("evil", true, 1)], None),
                OwnerMode::WriteBack,
            );
            view.item.conclusion = Some(Conclusion {
                by: "max".into(),
                at: at("12:00"),
                text: format!("{ARABIC}\nsecond line"),
                resolve: WriteBack::NotAsked,
            });
            view.item.occurrence = 3;
            view
        }
        _ => red_main(),
    };
    let id = item.item.id.clone();
    let history =
        log_lines(day).into_iter().filter(|line| line.item.as_ref().is_some_and(|(of, _)| *of == id)).collect();
    let mut earlier = red_main();
    earlier.item.id = ItemId::from_text("developers.main-green.aa.1");
    earlier.item.opened_at = days_ago(4);
    earlier.item.conclusion = Some(Conclusion {
        by: "lena".into(),
        at: days_ago(4),
        text: "A flake of the seat map; test mended in 41c09d2.".to_owned(),
        resolve: WriteBack::NotAsked,
    });
    ItemPageView { item, blocks: true, history, earlier: vec![earlier], asked_about: Some(EngineerId::from("sam")) }
}

/// The log book page.
pub fn log_page(day: Day) -> LogPageView {
    let busy = (0..70).map(|back: i32| today().saturating_sub(back.days()));
    let busy =
        busy.filter(|day| !matches!(day.weekday(), jiff::civil::Weekday::Saturday | jiff::civil::Weekday::Sunday));
    LogPageView {
        duty_name: "developers".to_owned(),
        shown: LogShown::Day {
            day: today(),
            engineer: (day != Day::Empty).then(|| "lena".into()),
            lines: if day == Day::Empty { vec![] } else { log_lines(day) },
        },
        days: if day == Day::Empty { BTreeMap::new() } else { busy.map(|day| (day, 12)).collect() },
        correcting: None,
    }
}

/// What a search for "flake" found.
pub fn log_search() -> LogPageView {
    let lines = log_lines(Day::Normal)
        .into_iter()
        .filter(|line| matches!(line.event, Event::Note { .. } | Event::Ticked { .. }))
        .collect();
    LogPageView { shown: LogShown::Found { query: "flake".to_owned(), lines, more: true }, ..log_page(Day::Normal) }
}

const SOURCE: &str = include_str!("developers.yml");

fn problems() -> Vec<Problem> {
    vec![
        Problem {
            file: "processes/developers.yml".to_owned(),
            place: Place { line: 12, column: 5 },
            what: "a step has no key `chekclist`".to_owned(),
            mend: "did you mean `checklist`?".to_owned(),
        },
        Problem {
            file: "processes/developers.yml".to_owned(),
            place: Place { line: 20, column: 14 },
            what: format!("there is no variable `{HOSTILE}`"),
            mend: "use one of `ci`, `errors`, `builds`".to_owned(),
        },
    ]
}

/// The process page.
pub fn process_page(day: Day) -> ProcessPageView {
    let each = |filter: &str| OpensView::Each {
        variable: "error".to_owned(),
        list: List::Errors,
        filter: Some(filter.to_owned()),
    };
    let base = ProcessStepView {
        id: "main-green".into(),
        goal: "Keep main green".to_owned(),
        opens: OpensView::While("ci.branch(\"main\") == \"failing\"".to_owned()),
        times: Times::default(),
        work: Work::Person,
        owner: OwnerMode::Suggest,
        checklist: Some("troubleshoot-ci".to_owned()),
        blocks: true,
        expects_minutes: Some(20),
        limit: None,
        escalates: Some((SignedDuration::from_mins(30), "lead".to_owned())),
        line: 3,
        state: StateView::NeedsYou,
        open: 1,
    };
    let steps = vec![
        base.clone(),
        ProcessStepView {
            id: "staging-errors".into(),
            goal: "No critical error is released".to_owned(),
            opens: each("error.environment == \"staging\" && error.first_seen > workdays_ago(2)"),
            checklist: Some("investigate-error".to_owned()),
            escalates: None,
            line: 9,
            state: StateView::Fine,
            open: 0,
            ..base.clone()
        },
        ProcessStepView {
            id: "production-errors".into(),
            goal: "Every error in production has an owner".to_owned(),
            opens: each("error.environment == \"production\" && !error.assigned"),
            owner: OwnerMode::WriteBack,
            checklist: Some("investigate-error".to_owned()),
            blocks: false,
            escalates: None,
            expects_minutes: None,
            line: 16,
            open: 2,
            ..base.clone()
        },
        ProcessStepView {
            id: "performance".into(),
            goal: "The last rollout did not degrade performance".to_owned(),
            opens: OpensView::Every(Occasion::Rollout),
            work: Work::Check(Check::Performance),
            checklist: None,
            blocks: false,
            escalates: None,
            expects_minutes: None,
            line: 22,
            state: StateView::Off,
            open: 0,
            ..base.clone()
        },
        ProcessStepView {
            id: "rollout".into(),
            goal: "Give customers more happiness".to_owned(),
            opens: OpensView::Once(Period::Shift),
            times: Times { after: Some(time(16, 0, 0, 0)), ..Times::default() },
            work: Work::Rollout("production".into()),
            owner: OwnerMode::None,
            checklist: Some("production-rollout".to_owned()),
            blocks: false,
            escalates: None,
            expects_minutes: None,
            line: 27,
            state: StateView::Blocked,
            open: 0,
            ..base
        },
    ];
    let checklists = vec![
        (
            "investigate-error".to_owned(),
            vec!["Does it happen to customers?".to_owned(), "Find who knows the code; agree with them".to_owned()],
        ),
        ("troubleshoot-ci".to_owned(), check_lines(0).into_iter().map(|line| line.text).collect()),
    ];
    let versions = vec![
        VersionView {
            version: 7,
            at: at("08:58"),
            by: Some("omar".into()),
            reason: "errors of the last two working days only".to_owned(),
            changes: vec!["staging-errors: where changed".to_owned()],
        },
        VersionView {
            version: 6,
            at: days_ago(12),
            by: None,
            reason: String::new(),
            changes: vec!["main-green added".to_owned(), "rollout added".to_owned()],
        },
    ];
    ProcessPageView {
        file: "processes/developers.yml".to_owned(),
        active: (day != Day::Empty).then(|| ActiveProcess { version: 7, steps, checklists, source: SOURCE.to_owned() }),
        problems: if day == Day::Terrible { problems() } else { vec![] },
        versions: if day == Day::Empty { vec![] } else { versions },
    }
}

/// How often suggestions were right.
pub fn suggestions_page(day: Day) -> SuggestionsView {
    let counts = |judged, first, first_three, same_team| Counts { judged, first, first_three, same_team };
    let mut accuracy = Accuracy::default();
    if day != Day::Empty {
        accuracy.items = 58;
        accuracy.unknown = 12;
        let step = |id: &str| StepId::from(id);
        accuracy.by_step = BTreeMap::from([
            ((step("main-green"), Known::Mended), counts(9, 7, 9, 8)),
            ((step("production-errors"), Known::Mended), counts(24, 12, 19, 20)),
            ((step("production-errors"), Known::Named), counts(13, 9, 12, 11)),
        ]);
        accuracy.by_voice = BTreeMap::from([
            ((Voice::SinceGreen, Known::Mended), counts(9, 7, 9, 8)),
            ((Voice::Lines, Known::Mended), counts(24, 12, 19, 20)),
            ((Voice::Files, Known::Named), counts(13, 9, 12, 11)),
        ]);
    }
    let goal = match day {
        Day::Terrible => HOSTILE,
        _ => "Keep main green",
    };
    let goals = vec![("main-green".to_owned(), goal.to_owned())];
    SuggestionsView { accuracy, days: 90, goals }
}

/// The team page.
pub fn team_page(day: Day) -> TeamView {
    let mut turn = vec!["lena", "omar", "priya", "sam", "noor", "ines", "jakub", "mei", "diego"];
    if day == Day::Terrible {
        turn.extend(["max", "layla", "evil"]);
    }
    let days: Vec<Date> = today()
        .series(1.day())
        .filter(|day| !matches!(day.weekday(), jiff::civil::Weekday::Saturday | jiff::civil::Weekday::Sunday))
        .filter(|day| *day != date(2026, 3, 11))
        .take(15)
        .collect();
    let shift = |(index, day): (usize, &Date)| Shift {
        day: *day,
        engineer: (index != 4).then(|| EngineerId::from(turn[index % turn.len()])),
        origin: match index {
            2 => ShiftOrigin::Override { instead_of: Some("omar".into()) },
            4 => ShiftOrigin::Nobody,
            _ => ShiftOrigin::Scheduled,
        },
    };
    let member = |(index, id): (usize, &&str)| MemberView {
        engineer: EngineerId::from(*id),
        team: Some(["Search", "Booking", "Platform"][index % 3].to_owned()),
        next: days.get(index).copied(),
        leave: (index == 4).then(|| Leave { from: date(2026, 3, 2), to: date(2026, 3, 6), kind: Default::default() }),
    };
    let walls = vec![WallLinkView {
        id: "w1".to_owned(),
        label: "Room Berlin".to_owned(),
        created_at: days_ago(20),
        last_seen: Some(at("14:03")),
    }];
    TeamView {
        duty_name: "developers".to_owned(),
        hours: "09:00 to 19:00, Monday to Friday".to_owned(),
        roster_file: "roster.yml".to_owned(),
        shifts: if day == Day::Empty { vec![] } else { days.iter().enumerate().map(shift).collect() },
        holidays: vec![(date(2026, 3, 11), "Founders' day".to_owned())],
        members: if day == Day::Empty { vec![] } else { turn.iter().enumerate().map(member).collect() },
        again: None,
        admin: (day == Day::Normal).then(|| TeamAdminView {
            walls,
            new_wall: Some("http://127.0.0.1:4000/tv/0f9c2d7a51".to_owned()),
            feeds: vec![feed("f3", "the team's own calendar", Some(at("13:10")))],
            new_feed: None,
            new_link: None,
        }),
    }
}

/// The rollout page around `gate`.
pub fn rollout_page(gate: Option<GateView>) -> RolloutPageView {
    let rollout = |id: &str, revision: &str, state, started_at: Timestamp, pressed: bool| RolloutView {
        is_compared: pressed,
        id: id.to_owned(),
        environment: "production".into(),
        revision: revision.to_owned(),
        state,
        started_at,
        finished_at: Some(started_at + SignedDuration::from_secs(340)),
        by: pressed.then(|| "Omar Haddad".to_owned()),
        pressed,
        url: (!pressed).then(|| "https://ci.example/deploy/12".to_owned()),
    };
    let history = vec![
        rollout("r9", DEPLOYED, RolloutState::Succeeded, days_ago(3), true),
        rollout("r8", "77aa01c2d3e4f5a6", RolloutState::Failed, days_ago(4), true),
        rollout("r7", "77aa01c2d3e4f5a6", RolloutState::Unknown, days_ago(5), false),
    ];
    RolloutPageView { history: if gate.is_some() { history } else { vec![] }, gate, output: None }
}

/// The wall screen.
pub fn wall(day: Day, tell: &Telling<'_>) -> WallView {
    WallView {
        duty_name: "developers".to_owned(),
        on_duty: on_duty(day),
        tiles: today_view(day).steps.iter().map(|step| TileView::of(step, tell)).collect(),
        last_rollout: rollout_page(Some(closed_gate())).history.into_iter().next().filter(|_| day != Day::Empty),
        latest: if day == Day::Empty { vec![] } else { log_lines(day).into_iter().rev().take(3).collect() },
        stream: "/tv/token/events".to_owned(),
        night: false,
    }
}

/// The first-run page.
pub fn welcome(day: Day) -> WelcomeView {
    let stage = Stage::of(day);
    WelcomeView {
        action: "/welcome/one-time-token".to_owned(),
        makes_admin: true,
        engineers: if day == Day::Empty { vec![] } else { stage.roster.engineers.keys().cloned().collect() },
        roster_file: "roster.yml".to_owned(),
        name: None,
        password: PasswordField::Required,
    }
}

/// A press that came too late.
pub fn refused() -> ErrorView {
    ErrorView {
        status: 409,
        what: "the gate closed before you pressed".to_owned(),
        means: "Nothing went out. The gate is looked at again at the moment of the press.".to_owned(),
        todo: "Look at the reasons, and press again when it is open.".to_owned(),
        details: vec!["“Keep main green” has 1 open item; opens when it is closed".to_owned()],
        back: Some(("/?duty=developers".to_owned(), "Back to today".to_owned())),
    }
}
