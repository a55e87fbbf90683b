//! Everybody's part of a duty over a period: a section of *Plan*.

use super::{Reader, parts};
use jiff::civil::Date;
use maud::{Markup, html};
use onduty_core::plan::team::Part;

/// Everybody's part over a period.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FairnessView {
    /// The period.
    pub from: Option<Date>,
    /// Its last day.
    pub to: Option<Date>,
    /// One for each member, who did most against their share first.
    pub rows: Vec<Part>,
}

/// Thousandths of points as days of an ordinary working day, with a sign.
fn in_days(milli: i64) -> String {
    let tenths = (milli + milli.signum() * 200) / 400;
    match tenths {
        0 => "even".to_owned(),
        _ => format!("{}{}.{}", if tenths < 0 { "−" } else { "+" }, tenths.abs() / 10, tenths.abs() % 10),
    }
}

/// The section.
pub fn section(view: &FairnessView, reader: &Reader<'_>) -> Markup {
    let widest = view.rows.iter().map(|row| row.over_milli.abs()).max().unwrap_or(0).max(4_000);
    html! {
        section aria-labelledby="fair-title" {
            h2 id="fair-title" { "Everybody's part" }
            form class="one-line" method="get" action="/plan" {
                input type="hidden" name="duty" value=(reader.duty);
                label for="fair-from" { "From" }
                input type="date" id="fair-from" name="from" value=[view.from];
                label for="fair-to" { "to" }
                input type="date" id="fair-to" name="to" value=[view.to];
                (parts::button("Show", None, "small quiet"))
            }
            table class="fairness" {
                thead { tr { th scope="col" { "Engineer" } th scope="col" class="number" { "Done" } th scope="col" class="number" { "Planned" } th scope="col" { "Against their share, in days" } } }
                tbody {
                    @for row in &view.rows {
                        tr class=[(Some(&row.engineer) == reader.me).then_some("mine")] {
                            th scope="row" { (parts::person(&row.engineer, &reader.tell)) }
                            td class="number" { (row.done) }
                            td class="number" { (row.planned) }
                            td { (bar(row.over_milli, widest)) span class="over" { (in_days(row.over_milli)) } }
                        }
                    }
                }
            }
            p class="dim" { "Heavy days count more: a Friday as one day and a half, weekends and days beside a holiday as two. A share is by the days on which somebody was there." }
        }
    }
}

/// A bar to the right for more than the share, to the left for less.
fn bar(over: i64, widest: i64) -> Markup {
    let width = over.abs() * 50 / widest;
    html! {
        svg class="fair-bar" viewBox="0 0 100 12" width="100" height="12" aria-hidden="true" focusable="false" {
            rect class="rail" x="0" y="5" width="100" height="2" {}
            rect class=(if over < 0 { "less" } else { "more" }) x=(if over < 0 { 50 - width } else { 50 }) y="1" width=(width.max(1)) height="10" {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::in_days;

    #[test]
    fn a_deviation_is_told_in_days() {
        for (milli, expected) in
            [(0, "even"), (100, "even"), (-199, "even"), (200, "+0.1"), (4_000, "+1.0"), (-6_200, "−1.6")]
        {
            assert_eq!(in_days(milli), expected, "{milli}");
        }
    }
}
