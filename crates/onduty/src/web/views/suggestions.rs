//! *Suggestions*: how often those who were suggested as owners were the right ones. No table of people.

use super::{Reader, parts};
use crate::texts::{self, count};
use maud::{Markup, html};
use onduty_core::owner::accuracy::{Accuracy, Counts, Known, Voice};

/// From so many on, a share says something; below, only the counts are shown.
const ENOUGH: u32 = 20;

/// The page.
#[derive(Debug, Clone, PartialEq)]
pub struct SuggestionsView {
    /// What is known.
    pub accuracy: Accuracy,
    /// Of how many days.
    pub days: i64,
    /// The goals of steps, by id; a step that is gone keeps its id.
    pub goals: Vec<(String, String)>,
}

/// The whole page.
pub fn page(view: &SuggestionsView, reader: &Reader<'_>) -> Markup {
    let all = &view.accuracy;
    html! {
        header class="summary" {
            h1 { "How often suggestions were right" }
            p class="dim" { "The duty " (parts::text(reader.duty.as_str())) ", the last " (view.days) " days. This judges the suggestions, not people: nobody is listed or counted here." }
        }
        @if all.items == 0 {
            (parts::empty(
                "Here you see, for each step that wants an owner, how often the first one and the first three who were suggested were the right ones.",
                html! { p { "No item with a suggestion has been closed yet. On the page of a closed item, say under " strong { "Who mended it?" } " who it was." } },
                None,
            ))
        } @else {
            p {
                (count(all.items as usize, "closed item")) " had a suggestion; of " (all.items - all.unknown) " it is known who it was."
                @if all.unknown > 0 { " Say on the page of an item who mended it, and it counts here." }
            }
            @if !all.by_step.is_empty() {
                h2 class="part" { "By step" }
                (table("Step", all.by_step.iter().map(|((step, known), counts)| (goal(view, step.as_str()), *known, *counts))))
            }
            @if !all.by_voice.is_empty() {
                h2 class="part" { "By what spoke first for the first one" }
                (table("Evidence", all.by_voice.iter().map(|((voice, known), counts)| (voice_words(*voice).to_owned(), *known, *counts))))
            }
            p class="dim note" {
                "Whoever accepts a suggestion agrees with it, so “whom people named” flatters; “who mended it” does not. "
                "What onduty assigned by itself is not counted as proof of itself."
            }
        }
    }
}

fn goal(view: &SuggestionsView, step: &str) -> String {
    view.goals.iter().find(|(id, _)| id == step).map_or_else(|| step.to_owned(), |(_, goal)| goal.clone())
}

fn table(what: &str, rows: impl Iterator<Item = (String, Known, Counts)>) -> Markup {
    html! {
        table class="accuracy" {
            thead { tr {
                th scope="col" { (what) ", and how it is known" } th scope="col" { "Items" }
                th scope="col" { "First" } th scope="col" { "One of three" } th scope="col" { "Same team" }
            } }
            tbody {
                @for (name, known, counts) in rows {
                    tr {
                        th scope="row" { (parts::text(&name)) div class="dim" { (known_words(known)) } }
                        td { (counts.judged) }
                        td { (share(counts.first, counts.judged)) }
                        td { (share(counts.first_three, counts.judged)) }
                        td { (share(counts.same_team, counts.judged)) }
                    }
                }
            }
        }
    }
}

fn share(part: u32, of: u32) -> Markup {
    html! {
        (part)
        @if of >= ENOUGH { " " span class="dim" { "(" (texts::percent(f64::from(part) / f64::from(of))) ")" } }
    }
}

fn known_words(known: Known) -> &'static str {
    match known {
        Known::Mended => "who mended it",
        Known::Named => "whom people named",
    }
}

fn voice_words(voice: Voice) -> &'static str {
    match voice {
        Voice::Decision => "what people decided before",
        Voice::SinceGreen => "commits since green",
        Voice::InRollout => "commits of the last rollout",
        Voice::CodeOwners => "CODEOWNERS",
        Voice::Lines => "who wrote these lines",
        Voice::Files => "who knows these files",
        Voice::Folders => "who knows these folders",
        Voice::Activity => "who works on the repository",
    }
}
