//! How the sample repository came to be: which lines of which file were written when, and by whom.
//!
//! Called by `repository`. Works backwards from the finished text: every line is born in one commit, so that blame,
//! recent committers and stack frames agree with each other.

use super::shop::{SourceFile, capital};
use super::team::{Person, person, team};
use crate::random::Random;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// How many days the history goes back.
const DAYS: i64 = 60;
/// Working days have commits between these minutes of the day.
const MINUTES: (i64, i64) = (8 * 60 + 35, 18 * 60 + 25);
/// What is born this late, of all that is not written by hand, is still to come on the sample day.
const TO_COME: f64 = 0.9;

/// One change to one file: lines that are born.
#[derive(Debug, Clone)]
pub(crate) struct Birth {
    pub file: usize,
    pub lines: Vec<usize>,
    pub title: String,
    pub author: &'static Person,
    pub creates: bool,
    order: f64,
}

/// What was committed so far, with the time of each commit, and what is still to come.
pub(crate) struct History {
    pub past: Vec<(Timestamp, Birth)>,
    pub to_come: Vec<Birth>,
}

/// The history of `files` until the evening before `day`.
pub(crate) fn plan(files: &[SourceFile], day: Date, zone: &TimeZone, random: &mut Random) -> History {
    let mut births: Vec<Birth> =
        files.iter().enumerate().flat_map(|(file, source)| births_of(file, source, random)).collect();
    births.sort_by(|a, b| a.order.total_cmp(&b.order));
    let (to_come, mut past): (Vec<Birth>, Vec<Birth>) =
        births.into_iter().partition(|birth| birth.order > TO_COME && !files[birth.file].by_hand && !birth.creates);
    everybody_writes(&mut past, files);
    let times = times(past.len(), day, zone, random);
    History { past: times.into_iter().zip(past).collect(), to_come }
}

fn births_of(file: usize, source: &SourceFile, random: &mut Random) -> Vec<Birth> {
    let thing = thing(&source.path);
    let authors = Authors::of(source, random);
    let lines: Vec<&str> = source.text.lines().collect();
    let mut blocks = blocks(&lines);
    // The first version is the head and the end of the file: it closes what it opens.
    let mut first = blocks.remove(0);
    let last = if blocks.len() > 1 { blocks.pop() } else { None };
    first.extend(last.into_iter().flatten());

    let start = unit(random).powi(2) * 0.6;
    let mut later: Vec<f64> = Vec::new();
    let mut steps: Vec<(Vec<usize>, String)> = Vec::new();
    for mut block in blocks {
        let about = subject(block.iter().filter_map(|line| lines.get(*line).copied()));
        let late: Vec<usize> = block.iter().copied().filter(|line| may_come_later(lines[*line])).collect();
        let refined: Vec<usize> = late.into_iter().filter(|_| random.chance(35)).take(1).collect();
        block.retain(|line| !refined.contains(line));
        steps.push((block, title_of_block(&thing, about, random)));
        refined.into_iter().for_each(|line| steps.push((vec![line], title_of_line(&thing, random))));
    }
    steps.iter().for_each(|_| later.push(start + (1.0 - start) * unit(random)));
    later.sort_by(f64::total_cmp);
    let creation = Birth {
        file,
        lines: first,
        title: numbered(format!("Add {thing}"), random),
        author: authors.pick(random),
        creates: true,
        order: start,
    };
    let rest = steps.into_iter().zip(later).map(|((lines, title), order)| Birth {
        file,
        lines,
        title: numbered(title, random),
        author: authors.pick(random),
        creates: false,
        order,
    });
    let rest: Vec<Birth> = rest.collect();
    std::iter::once(creation).chain(rest).collect()
}

/// Runs of lines up to the next empty one, which belongs to what follows it.
fn blocks(lines: &[&str]) -> Vec<Vec<usize>> {
    let mut blocks: Vec<Vec<usize>> = vec![Vec::new()];
    for (number, line) in lines.iter().enumerate() {
        if line.trim().is_empty() {
            blocks.push(Vec::new());
        }
        if let Some(block) = blocks.last_mut() {
            block.push(number);
        }
    }
    blocks
}

/// Whether a version without this line still makes sense: it stands inside something and opens or closes nothing.
fn may_come_later(line: &str) -> bool {
    let text = line.trim();
    let inside = line.len() - line.trim_start().len() >= 4;
    let opens = ["do", "{", "(", "[", "|", "begin", "else"].iter().any(|end| text.ends_with(end));
    let structure =
        ["end", "}", ")", "]", "if ", "unless ", "else", "rescue", "begin", ".", "let ", "def ", "fn ", "pub "];
    inside && !opens && !structure.iter().any(|start| text.starts_with(start)) && !text.contains(" = ")
}

/// What a block is about: the name of its first function, or what its test says.
fn subject<'a>(mut lines: impl Iterator<Item = &'a str>) -> Option<Subject> {
    lines.find_map(|line| {
        let line = line.trim();
        if let Some(said) = line.strip_prefix("it \"").and_then(|rest| rest.split('"').next()) {
            return Some(Subject::Example(said.to_owned()));
        }
        let starts = ["def self.", "def ", "export async function ", "export function ", "function ", "pub fn ", "fn "];
        let named = starts.iter().find_map(|start| line.strip_prefix(start));
        // A method of a JavaScript class has no word before its name.
        let method = line.ends_with(") {").then(|| line.strip_prefix("async ").unwrap_or(line));
        let rest = named
            .or(method.filter(|text| !["if ", "for ", "while ", "constructor"].iter().any(|no| text.starts_with(no))))?;
        let name: String = rest.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
        (!name.is_empty()).then_some(Subject::Function(name))
    })
}

enum Subject {
    Function(String),
    Example(String),
}

/// `seat plan` for `app/models/seat_plan.rb`, `sms format` for `lib/sms/format.rb`.
fn thing(path: &str) -> String {
    let mut parts = path.rsplit('/');
    let stem = parts.next().unwrap_or(path).split('.').next().unwrap_or(path).replace('_', " ");
    match parts.next() {
        Some(folder @ ("sms" | "search" | "checkout")) => format!("{folder} {stem}"),
        _ => stem,
    }
}

fn title_of_block(thing: &str, about: Option<Subject>, random: &mut Random) -> String {
    let name = match about {
        Some(Subject::Function(name)) => name,
        Some(Subject::Example(said)) => return format!("{}: {said}", capital(thing)),
        None => return title_of_line(thing, random),
    };
    let forms = [
        format!("Add {name} to {thing}"),
        format!("{}: {name}", capital(thing)),
        format!("Move {name} into {thing}"),
        format!("{}: extract {name}", capital(thing)),
        format!("{}: {name} as support asked for", capital(thing)),
        format!("Rewrite {name} in {thing}"),
    ];
    random.pick(&forms).cloned().unwrap_or_default()
}

fn title_of_line(thing: &str, random: &mut Random) -> String {
    let forms = [
        format!("Mend {thing} for empty input"),
        format!("{}: do it only once", capital(thing)),
        format!("Count what {thing} does"),
        format!("Follow up on review of {thing}"),
        format!("Do not lose the last one in {thing}"),
        format!("{}: the order matters", capital(thing)),
        format!("Make {thing} quicker on large venues"),
        format!("Simplify {thing}"),
        format!("{}: what support reported on Friday", capital(thing)),
        format!("Revert the shortcut in {thing}"),
    ];
    random.pick(&forms).cloned().unwrap_or_default()
}

fn numbered(title: String, random: &mut Random) -> String {
    if random.chance(70) { format!("{title} (#{})", random.between(3_100, 4_999)) } else { title }
}

/// Who writes in one file, and how often.
struct Authors {
    owners: Vec<&'static Person>,
    team: Vec<&'static Person>,
}

impl Authors {
    fn of(source: &SourceFile, random: &mut Random) -> Authors {
        let team: Vec<&'static Person> = team().iter().filter(|one| one.team == source.team).collect();
        let mut owners: Vec<&'static Person> = source.owners.iter().filter_map(|id| person(id)).collect();
        while owners.len() < 3 {
            match random.pick(&team) {
                Some(one) if !owners.contains(one) => owners.push(one),
                Some(_) => {}
                None => break,
            }
        }
        Authors { owners, team }
    }

    fn pick(&self, random: &mut Random) -> &'static Person {
        let chosen = match random.below(100) {
            0..50 => self.owners.first().copied(),
            50..72 => self.owners.get(1).copied(),
            72..82 => self.owners.get(2).copied(),
            82..96 => random.pick(&self.team).copied(),
            _ => random.pick(team()),
        };
        chosen.unwrap_or(&team()[0])
    }
}

/// Gives everybody who wrote nothing the newest commit in a file of the own team by somebody who wrote much.
fn everybody_writes(births: &mut [Birth], files: &[SourceFile]) {
    for one in team() {
        if births.iter().any(|birth| birth.author == one) {
            continue;
        }
        let count = |births: &[Birth], who: &Person| births.iter().filter(|birth| birth.author == who).count();
        let found = births.iter().rposition(|birth| {
            let source = &files[birth.file];
            source.team == one.team && !source.by_hand && count(births, birth.author) > 4
        });
        if let Some(place) = found {
            births[place].author = one;
        }
    }
}

/// `count` times on working days before `day`, in order and all different.
fn times(count: usize, day: Date, zone: &TimeZone, random: &mut Random) -> Vec<Timestamp> {
    let days: Vec<Date> = (1..=DAYS)
        .filter_map(|back| day.checked_sub(back.days()).ok())
        .filter(|day| !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday))
        .collect();
    let mut times: Vec<Timestamp> = (0..count)
        .filter_map(|_| {
            let midnight = random.pick(&days)?.to_zoned(zone.clone()).ok()?.timestamp();
            let minute = random.between(MINUTES.0, MINUTES.1);
            Some(midnight + SignedDuration::from_secs(minute * 60 + random.between(0, 59)))
        })
        .collect();
    times.sort();
    for place in 1..times.len() {
        times[place] = times[place].max(times[place - 1] + SignedDuration::from_secs(1));
    }
    times
}

fn unit(random: &mut Random) -> f64 {
    random.below(1_000_000) as f64 / 1_000_000.0
}
