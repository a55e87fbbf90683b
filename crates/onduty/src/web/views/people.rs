//! *People*: every account, what it may do, and for administrators how to change that.

use super::account::{self, KeysView};
use super::{Reader, parts};
use crate::texts;
use jiff::Timestamp;
use maud::{Markup, html};
use onduty_core::ids::{DutyId, EngineerId};

/// The list of all accounts.
#[derive(Debug, Clone, PartialEq)]
pub struct PeopleView {
    /// Every account of a person, by name.
    pub people: Vec<PersonLine>,
    /// Engineers of the roster who never came in.
    pub without: Vec<EngineerId>,
    /// A sign-in link that was just made, and for whom; it is shown once.
    pub new_link: Option<(String, String)>,
    /// Where the roster is.
    pub roster_file: String,
}

/// An account in the list.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonLine {
    /// The account's id.
    pub id: String,
    /// As people write it.
    pub name: String,
    /// What it may do, in words.
    pub rights: Vec<String>,
    /// When one of its sessions was last used.
    pub last_seen: Option<Timestamp>,
    /// Whether it is closed.
    pub closed: bool,
    /// Whether it has a password or an identity elsewhere.
    pub can_sign_in: bool,
}

/// The page of the list.
pub fn list(view: &PeopleView, reader: &Reader<'_>) -> Markup {
    html! {
        header class="summary" {
            h1 { "People" }
            p class="dim" { "Engineers of a duty may work on its items because " code { (texts::visible(&view.roster_file)) } " names them. What is granted here comes on top." }
        }
        @if let Some((name, address)) = &view.new_link {
            (account::shown_once(&format!("Give this link to {}. It works once, within seven days, lets them choose a password, and is shown once.", texts::visible(name)), address))
        }
        table class="people-list" {
            thead { tr { th scope="col" { "Who" } th scope="col" { "May" } th scope="col" { "Last here" } } }
            tbody {
                @for person in &view.people {
                    tr {
                        th scope="row" { a href={ "/people/" (person.id) } { (parts::text(&person.name)) } @if person.closed { " " span class="dim" { "closed" } } }
                        td class="grow dim" { @for right in &person.rights { div { (parts::text(right)) } } }
                        td {
                            @match person.last_seen {
                                Some(at) => (parts::time(at, &reader.tell)),
                                None if person.can_sign_in => span class="dim" { "not signed in" },
                                None => span class="dim" { "has only a link" },
                            }
                        }
                    }
                }
            }
        }
        div class="columns even" {
            section aria-labelledby="link-title" {
                h2 class="part" id="link-title" { "Let an engineer in" }
                @if view.without.is_empty() { p class="dim" { "Every engineer of the roster has an account." } } @else {
                    p class="dim" { "The link works once; whoever opens it chooses a password." }
                    (parts::form(reader, "/links", "one-line", html! {
                        label for="link-for" class="unseen" { "For whom?" }
                        select id="link-for" name="engineer" required {
                            option value="" { "For whom?" }
                            @for engineer in &view.without { option value=(engineer) { (reader.tell.name(engineer)) } }
                        }
                        (parts::button("Make a link", None, "small"))
                    }))
                }
            }
            section aria-labelledby="add-title" {
                h2 class="part" id="add-title" { "Add somebody else" }
                p class="dim" { "For people who are on no roster: they can look and ask, and get roles like everybody." }
                (parts::form(reader, "/people", "stacked", html! {
                    div class="fields" {
                        label for="person-name" { "Name" }
                        input id="person-name" name="name" maxlength="80" required autocomplete="off";
                        label for="person-login" { "Signs in as" }
                        input id="person-login" name="login" maxlength="64" required autocomplete="off" autocapitalize="none" pattern="[a-z0-9][a-z0-9._\\-]*" title="lower-case letters, digits, - _ and .";
                    }
                    (parts::button("Add", None, "small"))
                }))
            }
        }
    }
}

/// The page of one account.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonView {
    /// The account's id.
    pub id: String,
    /// As people write it.
    pub name: String,
    /// Which engineer it is.
    pub engineer: Option<EngineerId>,
    /// Whether it administers the instance.
    pub admin: bool,
    /// Since when it is closed.
    pub closed: Option<Timestamp>,
    /// Every duty: its name, what is granted for it, and whether the roster makes the account its engineer.
    pub duties: Vec<DutyRights>,
    /// What opens it.
    pub keys: KeysView,
    /// A sign-in link that was just made; it is shown once.
    pub new_link: Option<String>,
    /// Roles that can be granted: word and name.
    pub roles: Vec<(&'static str, String)>,
}

/// What an account is in a duty.
#[derive(Debug, Clone, PartialEq)]
pub struct DutyRights {
    /// The duty.
    pub duty: DutyId,
    /// As people write it.
    pub name: String,
    /// What was granted, as its word.
    pub granted: Option<String>,
    /// Whether the roster names its engineer as a member.
    pub member: bool,
}

/// The whole page.
pub fn person(view: &PersonView, reader: &Reader<'_>) -> Markup {
    let verb = |verb: &str| format!("/people/{}/{verb}", view.id);
    html! {
        header class="summary" {
            p class="crumb" { a href="/people" { "People" } }
            h1 { (parts::text(&view.name)) }
            @if let Some(at) = view.closed { p { "This account was closed " (parts::time(at, &reader.tell)) ". Nobody signs in with it." } }
        }
        @if let Some(address) = &view.new_link {
            (account::shown_once("Give them this link. It works once, within seven days, lets them choose a password, and is shown once.", address))
        }
        div class="columns even" {
            div class="main-column" {
                section aria-labelledby="roles-title" {
                    h2 id="roles-title" { "Roles" }
                    p class="dim" { "Whoever's rights change signs in again." }
                    @for rights in &view.duties { (role_form(rights, view, reader)) }
                    @if view.admin {
                        p { "Administrator of this instance: may do everything." }
                        (parts::press(reader, &verb("administrator"), "Take that away", None, "small", &[("admin", "no")]))
                    } @else {
                        (parts::press(reader, &verb("administrator"), "Make an administrator", None, "small", &[("admin", "yes")]))
                    }
                }
                section aria-labelledby="sessions-title" {
                    h2 id="sessions-title" { "Signed in" }
                    (account::sessions(&view.keys.sessions, reader, &|_| verb("end-session"), &[]))
                    @if view.keys.sessions.len() > 1 { (parts::press(reader, &verb("end-sessions"), "End all of them", None, "small", &[])) }
                }
                section aria-labelledby="tokens-title" {
                    h2 id="tokens-title" { "Tokens" }
                    (account::tokens(&view.keys.tokens, reader, &|_| verb("revoke-token"), &[]))
                }
                @if !view.keys.feeds.is_empty() {
                    section aria-labelledby="feeds-title" {
                        h2 id="feeds-title" { "Calendar feeds" }
                        (account::feeds(&view.keys.feeds, reader, &|_| verb("revoke-calendar-feed"), &[]))
                    }
                }
            }
            aside class="side-column" aria-labelledby="way-in-title" {
                section {
                    h2 id="way-in-title" { "Way in" }
                    p {
                        @match (&view.keys.login, view.keys.password_since) {
                            (Some(login), Some(since)) => { "Signs in as " strong { (parts::text(login)) } ", with a password from " (parts::time(since, &reader.tell)) "." }
                            (Some(login), None) => { "Signs in as " strong { (parts::text(login)) } ", without a password yet." }
                            (None, _) => "Has not been here yet.",
                        }
                    }
                    (account::identities(&view.keys, reader))
                    @if !view.keys.identities.is_empty() { (parts::press(reader, &verb("unlink"), "Unlink from single sign-on", None, "small", &[])) }
                    @if view.closed.is_none() { (parts::press(reader, &verb("link"), "Make a sign-in link", None, "small", &[])) }
                }
                section {
                    h2 { "Account" }
                    @if view.closed.is_some() { (parts::press(reader, &verb("open"), "Open it again", None, "small", &[])) } @else {
                        p class="dim" { "A closed account signs nobody in; its sessions, links, tokens and calendar feeds open nothing. What it wrote stays." }
                        (parts::press(reader, &verb("close"), "Close it", None, "small", &[]))
                    }
                }
            }
        }
    }
}

fn role_form(rights: &DutyRights, view: &PersonView, reader: &Reader<'_>) -> Markup {
    let field = format!("role-{}", rights.duty);
    let inside = html! {
        input type="hidden" name="duty" value=(rights.duty);
        label for=(field) { (parts::text(&rights.name)) }
        select id=(field) name="role" {
            option value="" selected[rights.granted.is_none()] { @if rights.member { "engineer, by the roster" } @else { "no role: looks and asks" } }
            @for (word, name) in &view.roles { option value=(word) selected[rights.granted.as_deref() == Some(word)] { (name) } }
        }
        (parts::button("Save", None, "small"))
    };
    parts::form(reader, &format!("/people/{}/role", view.id), "inline", inside)
}
