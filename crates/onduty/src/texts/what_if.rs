//! What a plan of another team would mean, in words: the rows of the comparison and what is good to know beside them.

use super::{Telling, and, count};
use onduty_core::plan::what_if::{Answer, Days, Figures, Heavy, Pace, Question, Who};

/// One figure of the comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What it is.
    pub label: String,
    /// For the team as it is.
    pub now: String,
    /// As it would be; `None` where nothing would change.
    pub after: Option<String>,
}

/// The comparison, row by row.
pub fn rows(answer: &Answer, question: &Question, pace: Pace) -> Vec<Row> {
    let row = |label: String, cell: &dyn Fn(&Figures) -> String| Row {
        now: cell(&answer.now),
        after: answer.after.as_ref().map(cell),
        label,
    };
    let weeks = question.horizon_weeks;
    let mut rows = vec![
        row("Engineers".to_owned(), &engineers),
        row("Days between turns, median".to_owned(), &|of| days(of.median)),
        row("… in nine of ten cases at most".to_owned(), &|of| days(of.p90)),
        row(format!("Turns each in {weeks} weeks: fewest, median, most"), &|of| {
            format!("{}, {}, {}", of.turns.min, of.turns.median, of.turns.max)
        }),
        row(format!("Cold turns, after more than {} days", question.cold_days), &|of| cold(of.cold)),
        row("Process changes unseen at a turn".to_owned(), &|of| unseen(of.exposure, pace)),
        row("Person-days a year".to_owned(), &|of| format!("{:.0}", of.cost.shifts + of.cost.shadows)),
        row("… of the team's working days".to_owned(), &|of| share(of.cost.share)),
        row("Days that nobody can serve".to_owned(), &|of| format!("{} of {}", of.uncovered, of.slots)),
    ];
    if answer.now.seen > 0 {
        rows.push(row("Days people have seen that move".to_owned(), &|of| format!("{} of {}", of.moved, of.seen)));
    }
    rows
}

/// `140`, or that it is more than can be seen.
pub fn days(days: Option<Days>) -> String {
    match days {
        Some(Days::Exactly(days)) => days.to_string(),
        Some(Days::MoreThan(days)) => format!("more than {days}"),
        None => "not known".to_owned(),
    }
}

/// A share of turns.
pub fn cold(share: Option<f64>) -> String {
    share.map_or_else(|| "not seen in this time".to_owned(), super::percent)
}

/// Process changes that somebody has not seen after so long.
fn unseen(exposure: Option<Days>, pace: Pace) -> String {
    let Some(exposure) = exposure else { return "not known".to_owned() };
    let Some(changes) = pace.unseen(exposure.least()) else { return "not known yet".to_owned() };
    let more = if matches!(exposure, Days::MoreThan(_)) { "more than " } else { "" };
    if changes < 10.0 { format!("{more}{changes:.1}") } else { format!("{more}{changes:.0}") }
}

fn share(share: f64) -> String {
    format!("{:.1}\u{a0}%", share * 100.0)
}

fn engineers(of: &Figures) -> String {
    let all: usize = of.pools.iter().sum();
    let parts: Vec<String> = of.pools.iter().map(usize::to_string).collect();
    match of.pools.as_slice() {
        [_] => all.to_string(),
        pools => format!("{all} in {} duties: {}", pools.len(), and(&parts)),
    }
}

/// An engineer, or somebody who would be like one.
pub fn who(who: &Who, tell: &Telling<'_>) -> String {
    let name = tell.name(&who.engineer);
    if who.copy.is_some() { format!("one like {name}") } else { name }
}

/// `5 turns, 0.6 of a day more than the share`
pub fn heavy(heavy: &Heavy) -> String {
    let tenths = (heavy.over_milli + heavy.over_milli.signum() * 200) / 400;
    let over = match tenths {
        0 => "as much as their share".to_owned(),
        more if more > 0 => format!("{}.{} days more than their share", more / 10, more % 10),
        less => format!("{}.{} days less than their share", -less / 10, -less % 10),
    };
    format!("{}, {over}", count(heavy.turns, "turn"))
}

/// How it was found, and what is good to know.
pub fn notes(answer: &Answer, question: &Question, pace: Pace, tell: &Telling<'_>) -> Vec<String> {
    let mut said = vec![
        "Each column is a plan that the planner of onduty made, with the team's leave, holidays and past turns; nothing is published. \
         A stretch whose next turn comes after the end counts for as long as it was seen."
            .to_owned(),
    ];
    let after = answer.after.as_ref();
    if !answer.gone.is_empty() {
        let names: Vec<String> = answer.gone.iter().take(6).map(|id| tell.name(id)).collect();
        let more = answer.gone.len() - names.len();
        let names = if more == 0 { and(&names) } else { format!("{} and {more} more", names.join(", ")) };
        let fewest =
            if answer.gone.len() > question.without.len() { ": those with the fewest turns go first" } else { "" };
        said.push(format!("Without {names}{fewest}."));
    }
    let all = |of: &Figures| of.pools.iter().sum::<usize>();
    if let Some(added) =
        after.and_then(|after| (all(after) + answer.gone.len()).checked_sub(all(&answer.now)).filter(|n| *n > 0))
    {
        let (are, each) = if added == 1 { ("is", "They work") } else { ("are", "Each works") };
        said.push(format!(
            "{} {are} added. {each} the days of one member, {} away when another member is, and knows the duty already.",
            count(added, "engineer"),
            if added == 1 { "are" } else { "is" },
        ));
    }
    if question.split > 1 {
        said.push(format!(
            "{} duties instead of one: each has people of its own, and {} engineers are on duty on the same day.",
            question.split, question.split
        ));
    }
    if question.shadow_minutes > 0 {
        let length = super::duration(jiff::SignedDuration::from_mins(
            i64::try_from(question.shadow_minutes).unwrap_or_default(),
        ));
        said.push(format!(
            "Whoever serves next is there for the last {length} of the day before, if they are at work then: they have seen the process of \
             that day. Eight hours count as a person-day."
        ));
    }
    said.push(match pace.unseen(1) {
        Some(_) => format!("The process changed {} in {}.", count(pace.changes, "time"), count(pace.days, "day")),
        None => "How often the process changes is known when it is two weeks old.".to_owned(),
    });
    let then = after.map_or_else(String::new, |after| format!(", {:.0} then", after.arithmetic_days));
    said.push(format!(
        "For comparison, engineers times days by turns: {:.0} days between turns now{then}, if nobody were ever away.",
        answer.now.arithmetic_days
    ));
    said
}

/// The answer in one sentence.
pub fn headline(answer: &Answer) -> String {
    let apart = |of: &Figures| days(of.median);
    match &answer.after {
        _ if answer.now.median.is_none() => "Nobody takes a turn in this time".to_owned(),
        Some(after) if apart(after) == apart(&answer.now) => format!("Turns stay {} days apart", apart(after)),
        Some(after) => format!("Turns would be {} days apart instead of {}", apart(after), apart(&answer.now)),
        None => format!("Turns are {} days apart", apart(&answer.now)),
    }
}
