//! `onduty-schedule-instance/1` from JSON: all problems at once, each with its place; nothing is dropped silently.

use super::day::Day;
use super::fields::{Fields, Problem, Problems, day, list, number, short, text};
use super::instance::{Duty, Instance, Leave, LeaveKind, Person, Points, Published, Rules, Served};
use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// More people than any team that plans together.
const MOST_PEOPLE: usize = 20_000;
const MOST_DUTIES: usize = 1_000;
/// Leaves, dates, skills or past shifts of one person; ten thousand dates in a calendar are read.
const MOST_DATES: usize = 40_000;
const MOST_PUBLISHED: usize = 1_000_000;
/// Large enough for any meaning of gaps, costs and points, small enough that no sum overflows.
const MOST: i64 = 1_000_000;

/// An instance, or everything that is wrong with it.
///
/// # Errors
/// All problems, each with the place where it stands.
pub fn read(json: &Value) -> Result<Instance, Vec<Problem>> {
    let mut problems = Problems::default();
    let known = [
        "schema",
        "name",
        "seed",
        "comment",
        "as_of",
        "horizon",
        "duties",
        "rules",
        "calendars",
        "people",
        "published",
    ];
    let top = Fields::new(json, String::new(), &known, &mut problems);
    let schema = top.text("schema", &mut problems);
    if top.maybe("schema").is_some() && schema != "onduty-schedule-instance/1" {
        problems.add("schema", format!("{schema:?} is not known; onduty-schedule-instance/1 is"));
    }
    let (first, last) = horizon(&top, &mut problems);
    let calendars = calendars(&top, &mut problems);
    let duties = duties(&top, &calendars, &mut problems);
    let duty_of: HashMap<String, usize> = duties.iter().enumerate().map(|(n, duty)| (duty.id.clone(), n)).collect();
    let people = people(&top, &calendars, &duty_of, &mut problems);
    let published = published(&top, &people, &duty_of, &mut problems);
    let instance = Instance {
        name: top.maybe("name").map(|name| text(name, "name", &mut problems)).unwrap_or_default(),
        as_of: top.day("as_of", &mut problems),
        first,
        last,
        calendars,
        duties,
        people,
        published,
        settled: BTreeSet::new(),
        rules: rules(&top, &mut problems),
    };
    problems.finish(instance)
}

fn horizon(top: &Fields, problems: &mut Problems) -> (Day, Day) {
    let Some(value) = top.get("horizon", problems) else { return (Day(0), Day(0)) };
    let horizon = Fields::new(value, top.at("horizon"), &["first", "last"], problems);
    let (first, last) = (horizon.day("first", problems), horizon.day("last", problems));
    if last < first {
        problems.add("horizon", format!("ends on {last}, before it begins on {first}"));
    }
    (first, last)
}

fn calendars(top: &Fields, problems: &mut Problems) -> BTreeMap<String, BTreeSet<Day>> {
    let named = top.object("calendars", problems);
    let mut all = BTreeMap::new();
    for (at, name, value) in named {
        let dates = list(value, &at, MOST_DATES, problems);
        all.insert(name.clone(), dates.into_iter().map(|(at, value)| day(value, &at, problems)).collect());
    }
    all
}

fn duties(top: &Fields, calendars: &BTreeMap<String, BTreeSet<Day>>, problems: &mut Problems) -> Vec<Duty> {
    let known = [
        "id",
        "time_zone",
        "from",
        "to",
        "to_next_day",
        "weekdays",
        "closed",
        "requires",
        "min_gap_days",
        "want_gap_days",
    ];
    let mut all: Vec<Duty> = Vec::new();
    let mut seen = BTreeSet::new();
    for (place, value) in top.list("duties", MOST_DUTIES, problems) {
        let mut fields = Fields::new(value, place, &known, problems);
        let id = fields.text("id", problems);
        name_place(&mut fields, &id);
        if !seen.insert(id.clone()) {
            problems.add(&fields.place, format!("a duty {id:?} stands here a second time"));
        }
        let zone = fields.text("time_zone", problems);
        let zone = TimeZone::get(&zone).unwrap_or_else(|_| {
            problems.add(&fields.at("time_zone"), format!("{zone:?} is no time zone such as Europe/Paris"));
            TimeZone::UTC
        });
        let closed = fields.maybe_text("closed", problems);
        if let Some(name) = closed.as_ref().filter(|name| !calendars.contains_key(*name)) {
            problems.add(&fields.at("closed"), format!("there is no calendar {name:?}"));
        }
        let duty = Duty {
            id,
            zone,
            from: time(&fields, "from", problems),
            to: time(&fields, "to", problems),
            to_next_day: fields.flag("to_next_day", problems),
            weekdays: fields.weekdays("weekdays", problems),
            closed,
            requires: fields.maybe_text("requires", problems),
            min_gap: small(fields.number("min_gap_days", MOST, problems)),
            want_gap: small(fields.number("want_gap_days", MOST, problems)),
        };
        if !duty.to_next_day && duty.to <= duty.from {
            problems
                .add(&fields.at("to"), "is not after \"from\"; a shift that ends on the next date says to_next_day");
        }
        all.push(duty);
    }
    all.sort_by(|one, other| one.id.cmp(&other.id));
    all
}

fn small(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn time(fields: &Fields, key: &str, problems: &mut Problems) -> Time {
    let said = fields.text(key, problems);
    let parts = said.split_once(':').and_then(|(hour, minute)| Some((hour.parse().ok()?, minute.parse().ok()?)));
    parts.and_then(|(hour, minute)| Time::new(hour, minute, 0, 0).ok()).filter(|_| said.len() <= 5).unwrap_or_else(
        || {
            if fields.maybe(key).is_some_and(Value::is_string) {
                problems.add(&fields.at(key), format!("{said:?} is no time such as 09:30"));
            }
            Time::MIN
        },
    )
}

/// From here on problems name whom they are about.
fn name_place(fields: &mut Fields, id: &str) {
    let short: String = id.chars().take(60).collect();
    fields.place = format!("{} ({short})", fields.place);
}

fn people(
    top: &Fields,
    calendars: &BTreeMap<String, BTreeSet<Day>>,
    duties: &HashMap<String, usize>,
    problems: &mut Problems,
) -> Vec<Person> {
    let mut all: Vec<Person> = Vec::new();
    let mut seen = BTreeSet::new();
    for (place, value) in top.list("people", MOST_PEOPLE, problems) {
        let person = person(value, place.clone(), duties, problems);
        if !seen.insert(person.id.clone()) {
            problems.add(&place, format!("a person {:?} stands here a second time", person.id));
        }
        if !calendars.contains_key(&person.calendar) && value.get("calendar").is_some_and(Value::is_string) {
            problems.add(
                &format!("{place} ({}).calendar", person.id),
                format!("there is no calendar {:?}", person.calendar),
            );
        }
        all.push(person);
    }
    all
}

fn person(value: &Value, place: String, duties: &HashMap<String, usize>, problems: &mut Problems) -> Person {
    let known = [
        "id",
        "calendar",
        "employed",
        "work_days",
        "members",
        "skills",
        "leave",
        "avoid_dates",
        "avoid_weekdays",
        "history",
        "carry",
        "joiner",
        "experienced",
    ];
    let mut fields = Fields::new(value, place, &known, problems);
    let id = fields.text("id", problems);
    name_place(&mut fields, &id);
    let carried = fields.maybe("carry").is_some();
    let skills = fields.list("skills", MOST_DATES, problems);
    let avoid = fields.list("avoid_dates", MOST_DATES, problems);
    let mut history: Vec<Served> = Vec::new();
    for (at, value) in fields.list("history", MOST_DATES, problems) {
        let served = Fields::new(value, at, &["date", "duty"], problems);
        let day = served.day("date", problems);
        history.extend(duty_named(&served, duties, problems).map(|duty| Served { day, duty }));
    }
    history.sort();
    Person {
        employed: employed(&fields, problems),
        work_days: fields.weekdays("work_days", problems),
        weights: by_duty(&fields, "members", 0, duties, problems),
        skills: skills.into_iter().map(|(at, value)| text(value, &at, problems)).collect(),
        leave: leave(&fields, problems),
        avoid_dates: avoid.into_iter().map(|(at, value)| day(value, &at, problems)).collect(),
        avoid_weekdays: fields.weekdays("avoid_weekdays", problems),
        history,
        carry: if carried { by_duty(&fields, "carry", -MOST, duties, problems) } else { vec![0; duties.len()] },
        joiner: fields.flag("joiner", problems),
        experienced: fields.flag("experienced", problems),
        calendar: fields.text("calendar", problems),
        id,
    }
}

fn employed(fields: &Fields, problems: &mut Problems) -> (Day, Option<Day>) {
    let at = fields.at("employed");
    let ends = fields.list("employed", 2, problems);
    let [(from_at, from), (to_at, to)] = ends.as_slice() else {
        if fields.maybe("employed").is_some() {
            problems.add(&at, "two entries are expected: the first day, and the last day or null");
        }
        return (Day(0), None);
    };
    let from = day(from, from_at, problems);
    let to = (!to.is_null()).then(|| day(to, to_at, problems));
    if to.is_some_and(|to| to < from) {
        problems.add(&at, "ends before it begins");
    }
    (from, to)
}

fn leave(fields: &Fields, problems: &mut Problems) -> Vec<Leave> {
    let mut all = Vec::new();
    for (at, value) in fields.list("leave", MOST_DATES, problems) {
        let fields = Fields::new(value, at, &["from", "to", "kind"], problems);
        let (from, to) = (fields.day("from", problems), fields.day("to", problems));
        if to < from {
            problems.add(&fields.place, format!("this leave ends on {to}, before it begins on {from}"));
        }
        let kind = match fields.text("kind", problems).as_str() {
            "long" => LeaveKind::Long,
            "sick" => LeaveKind::Sick,
            "leave" => LeaveKind::Leave,
            other => {
                if fields.maybe("kind").is_some_and(Value::is_string) {
                    problems.add(&fields.at("kind"), format!("{other:?} is neither leave, long nor sick"));
                }
                LeaveKind::Leave
            }
        };
        all.push(Leave { from, to, kind });
    }
    all
}

fn by_duty(
    fields: &Fields,
    key: &str,
    least: i64,
    duties: &HashMap<String, usize>,
    problems: &mut Problems,
) -> Vec<i64> {
    let mut all = vec![0; duties.len()];
    for (at, name, value) in fields.object(key, problems) {
        match duties.get(name) {
            Some(duty) => all[*duty] = number(value, least, MOST, &at, problems),
            None => problems.add(&at, "there is no such duty"),
        }
    }
    all
}

fn duty_named(fields: &Fields, duties: &HashMap<String, usize>, problems: &mut Problems) -> Option<usize> {
    let name = fields.text("duty", problems);
    let found = duties.get(&name).copied();
    if found.is_none() && fields.maybe("duty").is_some_and(Value::is_string) {
        problems.add(&fields.at("duty"), format!("there is no duty {name:?}"));
    }
    found
}

fn published(
    top: &Fields,
    people: &[Person],
    duties: &HashMap<String, usize>,
    problems: &mut Problems,
) -> Vec<Published> {
    if top.maybe("published").is_none() {
        return Vec::new();
    }
    let person_of: HashMap<&str, usize> =
        people.iter().enumerate().map(|(n, person)| (person.id.as_str(), n)).collect();
    let mut all = Vec::new();
    let mut seen = BTreeSet::new();
    for (at, value) in top.list("published", MOST_PUBLISHED, problems) {
        let fields = Fields::new(value, at, &["date", "duty", "person", "buddy", "start", "end"], problems);
        let day = fields.day("date", problems);
        let duty = duty_named(&fields, duties, problems);
        let name = fields.text("person", problems);
        let person = person_of.get(name.as_str()).copied();
        if person.is_none() && fields.maybe("person").is_some_and(Value::is_string) {
            let mend = "who left stays in the list and gets a last day of employment";
            problems.add(&fields.at("person"), format!("there is no person {}; {mend}", short(&Value::String(name))));
        }
        if let (Some(duty), Some(person)) = (duty, person) {
            if !seen.insert((day, duty)) {
                problems.add(&fields.place, format!("{day} of this duty is published a second time"));
            }
            all.push(Published { day, duty, person, is_pinned: false });
        }
    }
    all
}

fn rules(top: &Fields, problems: &mut Problems) -> Rules {
    let known = [
        "points",
        "leave_guard_min_workdays",
        "joiner_deadline_workdays",
        "fair_tolerance_milli",
        "near_days",
        "change_cost_near",
        "change_cost_far",
        "freeze_until",
        "require_instants",
        "require_explanations",
    ];
    let nothing = Value::Null;
    let value = top.get("rules", problems).unwrap_or(&nothing);
    if top.maybe("rules").is_none() {
        // Said already; its fields need not be missed one by one.
        let mut quiet = Problems::default();
        return rules_of(&Fields::new(value, "rules".to_owned(), &known, &mut quiet), &mut quiet);
    }
    rules_of(&Fields::new(value, "rules".to_owned(), &known, problems), problems)
}

fn rules_of(fields: &Fields, problems: &mut Problems) -> Rules {
    let nothing = Value::Null;
    let points = fields.get("points", problems);
    let mut quiet = Problems::default();
    let heard = if points.is_some() { &mut *problems } else { &mut quiet };
    let heavy =
        Fields::new(points.unwrap_or(&nothing), fields.at("points"), &["normal", "friday", "weekend", "bridge"], heard);
    let points = Points {
        normal: heavy.number("normal", MOST, heard),
        friday: heavy.number("friday", MOST, heard),
        weekend: heavy.number("weekend", MOST, heard),
        bridge: heavy.number("bridge", MOST, heard),
    };
    Rules {
        points,
        leave_guard_min_workdays: fields.number("leave_guard_min_workdays", MOST, problems),
        joiner_deadline_workdays: fields.number("joiner_deadline_workdays", MOST, problems),
        fair_tolerance_milli: fields.number("fair_tolerance_milli", MOST * 1000, problems),
        near_days: fields.number("near_days", MOST, problems),
        change_cost_near: fields.number("change_cost_near", MOST, problems),
        change_cost_far: fields.number("change_cost_far", MOST, problems),
        freeze_until: fields
            .get("freeze_until", problems)
            .filter(|value| !value.is_null())
            .map(|value| day(value, &fields.at("freeze_until"), problems)),
        require_instants: fields.flag("require_instants", problems),
        require_explanations: fields.flag("require_explanations", problems),
    }
}
