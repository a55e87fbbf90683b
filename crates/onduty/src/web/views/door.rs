//! What stands before the house: the first-run link, signing out, and errors.

use super::parts;
use crate::texts;
use crate::web::views::Reader;
use maud::{Markup, html};
use onduty_core::ids::EngineerId;

/// The page of a one-time link: choose who you are.
#[derive(Debug, Clone, PartialEq)]
pub struct WelcomeView {
    /// Where the form goes; it carries `engineer`.
    pub action: String,
    /// Whether this link makes the administrator.
    pub makes_admin: bool,
    /// Who is on the roster, by name; one alone when the link is for one person.
    pub engineers: Vec<EngineerId>,
    /// Where the roster is.
    pub roster_file: String,
}

/// The first page that anybody sees.
pub fn welcome(view: &WelcomeView, reader: &Reader<'_>) -> Markup {
    let forms = Reader { may_act: true, ..*reader };
    html! {
        section class="door" {
            h1 { "Welcome to onduty" }
            p { "It runs your team's own duty algorithm and tells the engineer on duty what to do now, why, who can help, and when it is safe to roll out." }
            @if view.makes_admin { p class="notice" { "This first link makes you the administrator of this instance. It works once." } }
            @if view.engineers.is_empty() {
                (parts::empty(
                    "Here you choose who you are.",
                    html! { p { "Nobody is on the roster yet. Write " code { (texts::visible(&view.roster_file)) } ", then open this link again. " code { "onduty init" } " proposes one from a git repository." } },
                    Some("engineers:\n  - id: lena\n    name: Lena Vogt\n    emails: [lena@example.com]"),
                ))
            } @else {
                (parts::form(&forms, &view.action, "who-are-you", html! {
                    fieldset {
                        legend { "Who are you?" }
                        div class="people-choice" {
                            @for engineer in &view.engineers {
                                label { input type="radio" name="engineer" value=(engineer) required checked[view.engineers.len() == 1]; (parts::person(engineer, &reader.tell)) }
                            }
                        }
                    }
                    button type="submit" class="button go" { "Come in" }
                }))
            }
        }
    }
}

/// For somebody without a session.
pub fn signed_out() -> Markup {
    html! {
        section class="door" {
            h1 { "You are signed out" }
            p { "Pages of onduty are for the team." }
            p { "Open the link that your administrator gave you, or ask for a new one: an administrator makes it on the Team page. On the machine itself, " code { "onduty serve" } " prints a link when there is no administrator yet." }
        }
    }
}

/// Something went wrong, said so that a person can go on.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorView {
    /// `404`
    pub status: u16,
    /// What happened: `there is no item x`.
    pub what: String,
    /// What it means, in one sentence; empty where `what` says it all.
    pub means: String,
    /// What to do, in one sentence.
    pub todo: String,
    /// More, line by line: the reasons of a closed gate, problems of a file.
    pub details: Vec<String>,
    /// Where to go: path and label.
    pub back: Option<(String, String)>,
}

/// The page of an error. The script shows the same markup in a dialog when a form was refused.
pub fn error(view: &ErrorView) -> Markup {
    html! {
        section class="door error" data-status=(view.status) {
            h1 dir="auto" { (parts::sentence(&texts::visible(&view.what))) }
            @if !view.means.is_empty() { p { (parts::text(&view.means)) } }
            @if !view.details.is_empty() { ul { @for line in &view.details { li { (parts::text(line)) } } } }
            p { strong { (parts::text(&view.todo)) } }
            @if let Some((path, label)) = &view.back { p { a href=(path) { (label) } } }
            p class="dim" { "Status " (view.status) }
        }
    }
}
