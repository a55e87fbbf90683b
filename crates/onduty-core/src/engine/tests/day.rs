//! A duty day in memory: records go in, the board comes out as text.

use crate::engine::{Action, Declarations, Record, Replay, StepState};
use crate::gate;
use crate::ids::{DutyId, EngineerId, Environment, SourceName, Subject};
use crate::item::{Item, ItemState, Why};
use crate::logbook::NewEntry;
use crate::signal::{
    BranchHead, Build, BuildState, Commit, Contact, CustomSignal, CustomState, ErrorGroup, ErrorStatus, Fact, Kind,
    Observation, RolloutFact, RolloutState,
};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, civil};

pub const ROSTER: &str = "
engineers:
  lena: {name: Lena Vogt, emails: [lena@acme.example]}
  omar: {name: Omar Aziz, emails: [omar@acme.example]}
  priya: {name: Priya Nair, emails: [priya@acme.example]}
duties:
  developers:
    members: [lena, omar, priya]
    zone: Europe/Paris
    hours: \"09:00-19:00\"
    since: 2026-03-02
    watches: {repositories: [acme/shop], branch: main}
";

/// Monday.
pub const DAY: &str = "2026-03-02";

pub struct Day {
    pub replay: Replay,
    pub records: Vec<Record>,
    pub now: Timestamp,
    pub duty: DutyId,
}

/// An error group on staging that nobody has.
pub fn error(id: &str, at: Timestamp) -> ErrorGroup {
    ErrorGroup {
        id: id.to_owned(),
        project: "shop".to_owned(),
        environment: Environment::from("staging"),
        title: format!("Timeout in {id}"),
        culprit: None,
        level: None,
        status: ErrorStatus::Unresolved,
        first_seen: at,
        last_seen: at,
        regressed_at: None,
        count: 1,
        assignee: None,
        release: None,
        frames: Vec::new(),
        url: None,
    }
}

impl Day {
    /// A Monday at 10:00 with the seed's process, everything connected and fine.
    pub fn seed() -> Day {
        Day::calm(crate::process::STARTER)
    }

    /// A day on which the sources of the seed are heard and everything is fine, under `process`.
    pub fn calm(process: &str) -> Day {
        let mut day = Day::with(process);
        day.hears(&["errors", "builds", "rollouts", "commits"]);
        day.builds("unit tests", BuildState::Passed, "a1");
        day.head(&["a1", "a0"]);
        day.tick();
        day
    }

    /// A Monday at 10:00 with this process; nothing connected.
    pub fn with(process: &str) -> Day {
        let mut day = Day {
            replay: Replay::default(),
            records: Vec::new(),
            now: time("10:00"),
            duty: DutyId::from("developers"),
        };
        day.declare(|declarations| {
            declarations.absent = [Kind::Performance, Kind::Traffic].into();
            declarations.rollout_targets = ["production".to_owned()].into();
            declarations.sources = [SourceName::from("test")].into();
        });
        day.record(Record::Roster { text: ROSTER.to_owned(), holidays: Default::default() });
        day.activate(1, process);
        day
    }

    pub fn declare(&mut self, change: impl Fn(&mut Declarations)) {
        let mut declarations = self
            .records
            .iter()
            .rev()
            .find_map(|record| match record {
                Record::Instance { declarations } => Some(declarations.clone()),
                _ => None,
            })
            .unwrap_or_default();
        change(&mut declarations);
        self.record(Record::Instance { declarations });
    }

    pub fn activate(&mut self, version: u32, text: &str) {
        let by = Some(EngineerId::from("priya"));
        let (duty, text, at) = (self.duty.clone(), text.to_owned(), self.now);
        self.record(Record::Process { duty, version, text, by, reason: "we learnt".to_owned(), at });
    }

    pub fn record(&mut self, record: Record) {
        self.replay.step(&record).unwrap_or_else(|error| panic!("{record:?}: {error}"));
        self.records.push(record);
    }

    /// Moves the clock to a time of the first day, or of `date time`.
    pub fn at(&mut self, when: &str) -> &mut Day {
        self.now = time(when);
        self
    }

    pub fn tick(&mut self) -> &mut Day {
        let (duty, at) = (self.duty.clone(), self.now);
        self.record(Record::Passed { duty, at });
        self
    }

    pub fn observe(&mut self, subject: &str, fact: Fact) {
        self.observe_all(vec![self.seen(subject, fact)]);
    }

    pub fn observe_all(&mut self, observations: Vec<Observation>) {
        self.record(Record::Observed { received_at: self.now, observations });
    }

    pub fn seen(&self, subject: &str, fact: Fact) -> Observation {
        let source = SourceName::from("test");
        Observation { source, subject: Subject::from(subject), fact, source_time: self.now, baseline: false }
    }

    pub fn hears(&mut self, kinds: &[&str]) {
        let kinds = kinds.iter().map(|kind| Kind::from_word(kind)).collect();
        self.observe("test", Fact::Contact(Contact { kinds, trouble: None }));
    }

    pub fn trouble(&mut self, kind: &str) {
        let kinds = vec![Kind::from_word(kind)];
        self.observe("test", Fact::Contact(Contact { kinds, trouble: Some("the token is refused".to_owned()) }));
    }

    pub fn builds(&mut self, name: &str, state: BuildState, revision: &str) {
        let fact = build(name, state, revision, self.now);
        self.observe(&format!("acme/shop main {name}"), fact);
    }

    pub fn error(&mut self, id: &str, change: impl Fn(&mut ErrorGroup)) {
        let mut group = error(id, self.now);
        change(&mut group);
        self.observe(&format!("shop/{id}"), Fact::Error(group));
    }

    pub fn custom(&mut self, kind: &str, subject: &str, state: CustomState, max_age: Option<SignedDuration>) {
        let fact = Fact::Custom(CustomSignal {
            kind: kind.to_owned(),
            name: subject.to_owned(),
            state,
            message: None,
            value: None,
            max_age,
            since: self.now,
            frames: Vec::new(),
            url: None,
        });
        self.observe(subject, fact);
    }

    pub fn head(&mut self, revisions: &[&str]) {
        let by_lena: Vec<(&str, &str)> = revisions.iter().map(|revision| (*revision, "lena")).collect();
        self.head_by(&by_lena);
    }

    /// Revisions with their authors, newest first.
    pub fn head_by(&mut self, revisions: &[(&str, &str)]) {
        let commits = revisions.iter().map(|(revision, author)| Commit {
            revision: (*revision).to_owned(),
            author_name: (*author).to_owned(),
            author_email: format!("{author}@acme.example"),
            title: format!("Change {revision}"),
            committed_at: self.now,
            files: Vec::new(),
        });
        let fact = Fact::Head(BranchHead {
            repository: "acme/shop".to_owned(),
            branch: "main".to_owned(),
            revision: revisions[0].0.to_owned(),
            commits: commits.collect(),
            complete: true,
        });
        self.observe("acme/shop main", fact);
    }

    pub fn rollout(&mut self, id: &str, state: RolloutState, revision: &str) {
        let ended = !state.is_active();
        let fact = Fact::Rollout(RolloutFact {
            id: id.to_owned(),
            environment: Environment::from("production"),
            repository: None,
            revision: revision.to_owned(),
            state,
            started_at: self.now,
            finished_at: ended.then_some(self.now),
            by: None,
            pressed: false,
            url: None,
        });
        self.observe(&format!("production/{id}"), fact);
    }

    pub fn act(&mut self, by: &str, action: Action) {
        let record = Record::Acted { duty: self.duty.clone(), at: self.now, by: Some(EngineerId::from(by)), action };
        self.record(record);
        self.tick();
    }

    /// What the machine does by itself.
    pub fn machine_acts(&mut self, action: Action) {
        self.record(Record::Acted { duty: self.duty.clone(), at: self.now, by: None, action });
        self.tick();
    }

    /// The message of an action that has to be refused.
    pub fn refused(&mut self, by: &str, action: Action) -> String {
        let record = Record::Acted { duty: self.duty.clone(), at: self.now, by: Some(EngineerId::from(by)), action };
        self.replay.step(&record).expect_err("this has to be refused").to_string()
    }

    /// The only open item of a step.
    pub fn item(&self, step: &str) -> Item {
        let mut open = self.items(step).into_iter().filter(Item::is_open);
        let item = open.next().unwrap_or_else(|| panic!("no open item under {step}\n{}", self.board()));
        assert!(open.next().is_none(), "several open items under {step}");
        item
    }

    pub fn items(&self, step: &str) -> Vec<Item> {
        let mut items: Vec<Item> =
            self.replay.items().values().filter(|item| item.step.as_str() == step).cloned().collect();
        items.sort_by(|a, b| (&a.subject, a.occurrence).cmp(&(&b.subject, b.occurrence)));
        items
    }

    /// A step with its state and items, a line each.
    pub fn step(&self, step: &str) -> String {
        let memory = self.replay.memory(&self.duty).expect("the day has a process");
        let status = memory.board.steps.iter().find(|status| status.step.as_str() == step);
        let state = match status.map(|status| &status.state) {
            None => "gone".to_owned(),
            Some(StepState::Fine) => "fine".to_owned(),
            Some(StepState::Open { items }) => format!("open {items}"),
            Some(StepState::Waiting { opens: Some(opens), .. }) => format!("waiting until {}", clock(*opens)),
            Some(StepState::Waiting { items, .. }) => format!("waiting {items}"),
            Some(StepState::Unknown { reason }) => format!("unknown: {reason}"),
            Some(StepState::Off { kind }) => format!("off: {kind}"),
        };
        let items = self.items(step);
        let lines = items.iter().map(|item| {
            let state = match &item.state {
                ItemState::Open if item.conclusion.is_some() => "investigated".to_owned(),
                ItemState::Open => "open".to_owned(),
                ItemState::Snoozed { .. } => "snoozed".to_owned(),
                ItemState::Closed { how, .. } => format!("closed {how:?}"),
            };
            let count = match item.why {
                Why::More { count } | Why::Baseline { count } => format!(" ({count})"),
                _ => String::new(),
            };
            format!("\n  {} #{}{count} {state}", item.subject, item.occurrence)
        });
        format!("{state}{}", lines.collect::<String>())
    }

    pub fn board(&self) -> String {
        let memory = self.replay.memory(&self.duty).expect("the day has a process");
        memory
            .board
            .steps
            .iter()
            .map(|status| format!("{}: {}\n", status.step, self.step(status.step.as_str())))
            .collect()
    }

    /// `open REVISION`, or the kinds of blockers in order.
    pub fn gate(&self) -> String {
        let memory = self.replay.memory(&self.duty).expect("the day has a process");
        match gate::evaluate(&memory.board.gates[0]) {
            Ok(open) => format!("open {}", open.revision()),
            Err(blockers) => {
                let words = blockers.iter().map(|blocker| {
                    let json = serde_json::to_value(blocker).expect("plain data");
                    let step = json["step"].as_str().map(|step| format!(" {step}")).unwrap_or_default();
                    format!("{}{step}", json["blocker"].as_str().unwrap_or_default())
                });
                words.collect::<Vec<_>>().join(", ")
            }
        }
    }

    /// The kinds of the entries after the first `skip`.
    pub fn log(&self, skip: usize) -> Vec<String> {
        self.entries()[skip..].iter().map(word_of).collect()
    }

    pub fn entries(&self) -> &[NewEntry] {
        self.replay.entries()
    }
}

fn word_of(entry: &NewEntry) -> String {
    let json = serde_json::to_value(&entry.event).expect("plain data");
    json["event"].as_str().unwrap_or_default().to_owned()
}

pub fn build(name: &str, state: BuildState, revision: &str, at: Timestamp) -> Fact {
    Fact::Build(Build {
        repository: "acme/shop".to_owned(),
        branch: Some("main".to_owned()),
        revision: revision.to_owned(),
        name: name.to_owned(),
        state,
        attempt: 1,
        started_at: at,
        finished_at: state.is_concluded().then_some(at),
        url: None,
        detail: None,
        frames: Vec::new(),
        unproven_branch: false,
    })
}

/// `16:05` on the first day, or `2026-03-03 16:05`, in Paris.
pub fn time(when: &str) -> Timestamp {
    let when = if when.contains(' ') { when.replace(' ', "T") } else { format!("{DAY}T{when}") };
    let local: civil::DateTime = when.parse().expect("a time in a test");
    local.to_zoned(zone()).expect("an instant").timestamp()
}

fn zone() -> TimeZone {
    TimeZone::get("Europe/Paris").expect("bundled")
}

fn clock(at: Timestamp) -> String {
    at.to_zoned(zone()).strftime("%m-%d %H:%M").to_string()
}
