//! What stands before the house: signing in, links, proving again who one is, and errors.

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
    /// What somebody without an engineer of the roster is called.
    pub name: Option<String>,
    /// Whether a password is chosen here.
    pub password: PasswordField,
}

/// Whether a page asks for a new password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordField {
    /// No.
    None,
    /// It may be left out.
    Optional,
    /// It has to be there.
    Required,
}

/// The first page that anybody sees.
pub fn welcome(view: &WelcomeView, reader: &Reader<'_>) -> Markup {
    let forms = Reader { may_act: true, ..*reader };
    html! {
        section class="door" {
            h1 { "Welcome to onduty" }
            p { "It runs your team's own duty algorithm and tells the engineer on duty what to do now, why, who can help, and when it is safe to roll out." }
            @if view.makes_admin { p class="notice" { "This first link makes you the administrator of this instance. It works once." } }
            @if view.engineers.is_empty() && view.name.is_none() {
                (parts::empty(
                    "Here you choose who you are.",
                    html! { p { "Nobody is on the roster yet. Write " code { (texts::visible(&view.roster_file)) } ", then open this link again. " code { "onduty init" } " proposes one from a git repository." } },
                    Some("engineers:\n  - id: lena\n    name: Lena Vogt\n    emails: [lena@example.com]"),
                ))
            } @else {
                (parts::form(&forms, &view.action, "who-are-you", html! {
                    @match &view.name {
                        Some(name) => p { "You are " strong { (parts::text(name)) } "." },
                        None => fieldset {
                            legend { "Who are you?" }
                            div class="people-choice" {
                                @for engineer in &view.engineers {
                                    label { input type="radio" name="engineer" value=(engineer) required checked[view.engineers.len() == 1]; (parts::person(engineer, &reader.tell)) }
                                }
                            }
                        }
                    }
                    @if view.password != PasswordField::None { (new_password(view.password)) }
                    button type="submit" class="button go" { "Come in" }
                }))
            }
        }
    }
}

/// Twice, because nobody sees what they type.
pub(super) fn new_password(field: PasswordField) -> Markup {
    let required = field == PasswordField::Required;
    html! {
        div class="fields" {
            label for="new-password" { "Choose a password" @if !required { span class="dim" { " (or leave it empty and use single sign-on)" } } }
            input id="new-password" type="password" name="password" autocomplete="new-password" minlength="12" maxlength="500" required[required] aria-describedby="password-help";
            p id="password-help" class="dim" { "At least 12 characters. A few words that do not belong together are good." }
            label for="again" { "The same again" }
            input id="again" type="password" name="again" autocomplete="new-password" minlength="12" maxlength="500" required[required];
        }
    }
}

/// The form of signing in.
#[derive(Debug, Clone, PartialEq)]
pub struct SignInView {
    /// Where to go then: a path of this server.
    pub back: String,
    /// The other system that signs people in, as its button says it.
    pub single_sign_on: Option<String>,
    /// Whether somebody asked for a page and is not signed in, or left.
    pub asked: bool,
}

/// For somebody without a session.
pub fn sign_in(view: &SignInView) -> Markup {
    html! {
        section class="door" {
            h1 { @if view.asked { "Sign in to see this" } @else { "Sign in" } }
            p { "Pages of onduty are for the team." }
            @if let Some(name) = &view.single_sign_on {
                p { a class="button go" href={ "/sign-in/single?back=" (query_value(&view.back)) } { "Sign in with " (parts::text(name)) } }
                h2 { "Or by password" }
            }
            form method="post" action="/sign-in" data-plain {
                input type="hidden" name="back" value=(view.back);
                div class="fields" {
                    label for="login" { "Name or e-mail address" }
                    input id="login" name="login" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="200" required;
                    label for="password" { "Password" }
                    input id="password" type="password" name="password" autocomplete="current-password" maxlength="500" required;
                }
                button type="submit" class="button go" { "Sign in" }
            }
            details {
                summary { "I have no password" }
                p { "An administrator makes a link for you on the People page; with it you choose one. On the machine itself, " code { "onduty serve" } " prints a link while there is no administrator, and " code { "onduty people link NAME" } " makes one at any time." }
            }
        }
    }
}

/// Proving again who one is.
#[derive(Debug, Clone, PartialEq)]
pub struct ProveView {
    /// What the account signs in as; `None` where it has no password.
    pub login: Option<String>,
    /// The other system that knows this account, as its button says it.
    pub single_sign_on: Option<String>,
    /// How long a proof counts, in words.
    pub counts_for: String,
    /// What waits for the proof.
    pub waiting: Option<WaitingView>,
    /// Whether the proof is there already.
    pub proved: bool,
}

/// A form that waits.
#[derive(Debug, Clone, PartialEq)]
pub struct WaitingView {
    /// Where it goes.
    pub action: String,
    /// What it carries.
    pub fields: Vec<(String, String)>,
    /// What its button says: `Roll out 8f3c2a4 to production`.
    pub label: String,
    /// What it is, in a line: `Presses the button`.
    pub summary: String,
    /// Its page.
    pub back: String,
}

/// The page between a press and its proof.
pub fn prove(view: &ProveView, reader: &Reader<'_>) -> Markup {
    let forms = Reader { may_act: true, ..*reader };
    html! {
        section class="door" {
            @match (&view.waiting, view.proved) {
                (Some(waiting), true) => {
                    h1 { "Thank you. It is still you" }
                    p { (waiting.summary) ". Nothing has happened yet: go on, or go back. If things have changed since you looked, onduty says so and does nothing." }
                    form method="post" action=(waiting.action) class="one-line" {
                        input type="hidden" name="csrf" value=(forms.csrf);
                        @for (name, value) in &waiting.fields { input type="hidden" name=(name) value=(value); }
                        button type="submit" class="button go" { (waiting.label) }
                        a class="button" href=(waiting.back) { "Go back" }
                    }
                }
                (None, true) => {
                    h1 { "You have proved who you are" }
                    p { a href="/" { "Today" } }
                }
                (waiting, false) => {
                    h1 { "Is it still you?" }
                    @if let Some(waiting) = waiting { p { (waiting.summary) ": " strong { (waiting.label) } "." } }
                    p { "You signed in more than " (view.counts_for) " ago. A browser that was left open must not do this alone." }
                    @if let Some(login) = &view.login {
                        form method="post" action="/prove" data-plain {
                            input type="hidden" name="csrf" value=(forms.csrf);
                            input type="text" name="login" class="unseen" autocomplete="username" value=(login) readonly tabindex="-1" aria-hidden="true";
                            div class="fields" {
                                label for="password" { "Your password" }
                                input id="password" type="password" name="password" autocomplete="current-password" maxlength="500" required autofocus;
                            }
                            button type="submit" class="button go" { "It is me" }
                        }
                    }
                    @if let Some(name) = &view.single_sign_on {
                        p { a class="button" href="/sign-in/single?prove=yes" { "Prove it with " (parts::text(name)) } }
                    }
                    @if view.login.is_none() && view.single_sign_on.is_none() {
                        p class="notice" { "You have no password. Ask an administrator for a new link: whoever comes in by a link has just proved who they are. On the machine itself, " code { "onduty people link NAME" } " makes one." }
                    }
                    @if let Some(waiting) = waiting { p { a href=(waiting.back) { "Go back" } } }
                }
            }
        }
    }
}

/// A path as the value of a query.
fn query_value(path: &str) -> String {
    let mut pairs = serde_urlencoded::to_string([("v", path)]).unwrap_or_default();
    pairs.drain(..2.min(pairs.len()));
    pairs
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
