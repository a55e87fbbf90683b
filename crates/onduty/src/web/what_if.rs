//! *What if*: the page and the answer for scripts.

use super::Web;
use super::auth::Visit;
use super::error::HttpError;
use super::pages::{draw, me, scene};
use super::present::Scene;
use super::views::layout::Here;
use super::views::what_if::{self, AnswerView, ColumnView, WhatIfView};
use crate::app::what_if::{Answered, WhatIfError};
use crate::texts::{self, Telling, what_if as words};
use axum::Json;
use axum::extract::{Extension, Query, State};
use maud::Markup;
use onduty_core::plan::what_if::{Days, Figures, Question, Sweep};
use serde_json::{Value, json};

/// Names and values as they stand in the address; each name that is not ours is a key of the question.
pub type Pairs = Query<Vec<(String, String)>>;

impl From<WhatIfError> for HttpError {
    fn from(error: WhatIfError) -> HttpError {
        match error {
            WhatIfError::Store(error) => error.into(),
            WhatIfError::Died => HttpError::Internal,
            WhatIfError::Busy => HttpError::Conflict(error.to_string()),
            WhatIfError::NoMembers | WhatIfError::Unanswered(_) => HttpError::BadInput(error.to_string()),
        }
    }
}

/// What the address asks.
#[derive(Debug, Default)]
struct Asked {
    /// As it was typed.
    text: String,
    /// What is to be drawn as a curve.
    sweep: String,
}

impl Asked {
    fn of(pairs: &[(String, String)]) -> Asked {
        let mut asked = Asked::default();
        let mut text = Vec::new();
        let (mut from, mut to) = ("", "");
        for (key, value) in pairs.iter().filter(|(_, value)| !value.trim().is_empty()) {
            match key.as_str() {
                "duty" => {}
                "q" => text.push(value.clone()),
                "sweep" => asked.sweep.clone_from(value),
                "from" => from = value.trim(),
                "to" => to = value.trim(),
                // A semicolon in a value would begin another pair, which the address could have said itself.
                key => text.push(format!("{key}={value}")),
            }
        }
        if !(from.is_empty() && to.is_empty()) {
            asked.sweep = format!("engineers={from}..{to}");
        }
        asked.text = text.join("; ");
        asked
    }

    /// The question and the curve, or everything that is wrong with them.
    fn read(&self) -> Result<(Question, Option<Sweep>), Vec<String>> {
        let question = Question::parse(&self.text);
        let sweep = Some(self.sweep.as_str()).filter(|sweep| !sweep.is_empty()).map(Sweep::parse).transpose();
        match (question, sweep) {
            (Ok(question), Ok(sweep)) => Ok((question, sweep)),
            (question, sweep) => {
                let problems = question.err().unwrap_or_default().into_iter().chain(sweep.err());
                Err(problems.map(|problem| texts::visible(&problem.to_string())).collect())
            }
        }
    }
}

/// `GET /plan/what-if`: nothing is planned before something is asked.
pub async fn page(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Query(pairs): Pairs,
) -> Result<Markup, HttpError> {
    let scene = scene(&web, &visit).await?;
    let is_asked = pairs.iter().any(|(key, _)| key != "duty");
    let asked = Asked::of(&pairs);
    let tell = scene.telling();
    let (mut view, read) = match asked.read() {
        Ok((question, sweep)) => (WhatIfView::new(&scene.look.duty, &question, sweep), Some((question, sweep))),
        Err(problems) => {
            (WhatIfView { problems, ..WhatIfView::new(&scene.look.duty, &Question::default(), None) }, None)
        }
    };
    view.text = asked.text;
    if let Some((question, sweep)) = read.filter(|_| is_asked) {
        match web.app.what_if(&scene.look.duty.id, &question, sweep).await {
            Ok(answered) => view.answer = Some(answer_view(&answered, &question, &tell)),
            Err(WhatIfError::Store(error)) => return Err(error.into()),
            Err(error) => view.problems.push(texts::visible(&error.to_string())),
        }
    }
    let me = me(&visit);
    let back = format!("/plan/what-if?duty={}", scene.look.duty.id);
    let reader = scene.reader(&visit, me.as_ref(), &back);
    let body = what_if::page(&view, &reader);
    Ok(draw(&web, &scene, &reader, "What if", Here::Plan, body))
}

fn answer_view(answered: &Answered, question: &Question, tell: &Telling<'_>) -> AnswerView {
    let answer = &answered.answer;
    let column = |of: &Figures| ColumnView {
        heaviest: of.heaviest.iter().map(|heavy| (words::who(&heavy.who, tell), words::heavy(heavy))).collect(),
    };
    AnswerView {
        days: answered.days,
        headline: words::headline(answer),
        question: question.to_string(),
        rows: words::rows(answer, question, answered.pace),
        now: column(&answer.now),
        after: answer.after.as_ref().map(column),
        notes: words::notes(answer, question, answered.pace, tell),
        cold_days: question.cold_days,
        curve: answer.curve.clone(),
    }
}

/// `GET /api/v1/duties/{duty}/plan/what-if`
pub async fn api(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Query(pairs): Pairs,
) -> Result<Json<Value>, HttpError> {
    let scene = scene(&web, &visit).await?;
    let (question, sweep) = Asked::of(&pairs).read().map_err(|problems| HttpError::BadInput(problems.join("; ")))?;
    let answered = web.app.what_if(&scene.look.duty.id, &question, sweep).await?;
    Ok(Json(as_json(&scene, &answered, &question, sweep)))
}

fn as_json(scene: &Scene, answered: &Answered, question: &Question, sweep: Option<Sweep>) -> Value {
    let (answer, pace, tell) = (&answered.answer, answered.pace, scene.telling());
    let rows = words::rows(answer, question, pace);
    let rows = rows.iter().map(|row| json!({"label": row.label, "now": row.now, "after": row.after}));
    let figures = |of: &Figures| {
        let heaviest = of.heaviest.iter().map(|heavy| {
            json!({
                "engineer": heavy.who.engineer, "copy": heavy.who.copy, "turns": heavy.turns, "points": heavy.points,
                "over_milli": heavy.over_milli, "name": words::who(&heavy.who, &tell), "words": words::heavy(heavy),
            })
        });
        json!({
            "engineers": of.pools.iter().sum::<usize>(),
            "pools": of.pools,
            "turns": {"min": of.turns.min, "median": of.turns.median, "max": of.turns.max},
            "days_between": {"mean": of.mean_days, "median": days(of.median), "p90": days(of.p90), "arithmetic": of.arithmetic_days},
            "cold_share": of.cold,
            "days_since_seen": days(of.exposure),
            "unseen_changes": of.exposure.and_then(|exposure| pace.unseen(exposure.least())),
            "person_days_a_year": {"shifts": of.cost.shifts, "shadows": of.cost.shadows},
            "share_of_working_days": of.cost.share,
            "days": of.slots, "uncovered": of.uncovered,
            "seen": of.seen, "moved": of.moved,
            "heaviest": heaviest.collect::<Vec<_>>(),
            "words": {"median": words::days(of.median), "p90": words::days(of.p90), "cold": words::cold(of.cold)},
        })
    };
    json!({
        "question": question.to_string(),
        "sweep": sweep.map(|sweep| sweep.to_string()),
        "from": answered.days.0, "until": answered.days.1, "cold_days": question.cold_days,
        "process": {"changes": pace.changes, "days": pace.days},
        "headline": words::headline(answer),
        "rows": rows.collect::<Vec<_>>(),
        "now": figures(&answer.now),
        "after": answer.after.as_ref().map(figures),
        "gone": answer.gone,
        "curve": answer.curve.iter().map(|(_, of)| figures(of)).collect::<Vec<_>>(),
        "notes": words::notes(answer, question, pace, &tell),
    })
}

/// `is_more`: the horizon ends before it is over.
fn days(days: Option<Days>) -> Option<Value> {
    days.map(|days| json!({"days": days.least(), "is_more": matches!(days, Days::MoreThan(_))}))
}

#[cfg(test)]
mod tests {
    use super::Asked;

    #[test]
    fn an_address_is_a_question() {
        let asked = |pairs: &[(&str, &str)]| {
            let pairs: Vec<_> = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            Asked::of(&pairs)
                .read()
                .map(|(question, sweep)| (question.to_string(), sweep.map(|sweep| sweep.to_string())))
        };
        let form = [("duty", "d"), ("engineers", "100"), ("without", ""), ("split", "3"), ("from", "10"), ("to", "60")];
        assert_eq!(asked(&form), Ok(("engineers=100; split=3".to_owned(), Some("engineers=10..60".to_owned()))));
        let line = [("q", "engineers=100; split=3"), ("sweep", "engineers=10..60")];
        assert_eq!(asked(&line), asked(&form));
        assert_eq!(asked(&[("duty", "d")]), Ok((String::new(), None)));
        let both = asked(&[("q", "split=2"), ("split", "3"), ("enginers", "3"), ("from", "9")]).unwrap_err();
        assert_eq!(both.len(), 3, "{both:?}");
    }
}
