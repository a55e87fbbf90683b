//! *Your account*: the password, the sessions, the tokens and the calendar feeds of the person who looks.

use super::door::{PasswordField, new_password};
use super::{Reader, parts};
use crate::texts;
use jiff::Timestamp;
use maud::{Markup, html};

/// What an account is signed in with, its sessions and its tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct KeysView {
    /// What it signs in as, if it ever came in.
    pub login: Option<String>,
    /// Since when it has its password, if it has one.
    pub password_since: Option<Timestamp>,
    /// Other systems that know it: the system, what it is called there, when it was last used.
    pub identities: Vec<(String, String, Timestamp)>,
    /// Where it is signed in.
    pub sessions: Vec<SessionView>,
    /// Its tokens in force, newest first.
    pub tokens: Vec<TokenView>,
    /// Its calendar feeds, newest first.
    pub feeds: Vec<FeedView>,
}

/// A calendar feed, never the secret in its address.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedView {
    /// Its id.
    pub id: String,
    /// Which calendar reads it.
    pub name: String,
    /// When it was made.
    pub made: Timestamp,
    /// When it was last read.
    pub last_read: Option<Timestamp>,
}

/// A session, never what opens it.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionView {
    /// Its id.
    pub id: String,
    /// What the browser says that it is.
    pub browser: String,
    /// From where.
    pub address: Option<String>,
    /// `link`, `password` or `single_sign_on`.
    pub how: String,
    /// Since when.
    pub since: Timestamp,
    /// When it was last used, to a few minutes.
    pub last_seen: Timestamp,
    /// Whether it is the one that looks.
    pub this_one: bool,
}

/// A token, never the token itself.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenView {
    /// Its id.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it was made.
    pub made: Timestamp,
    /// Until when it works.
    pub expires: Timestamp,
    /// When it was last used.
    pub last_used: Option<Timestamp>,
}

/// The page of one's own account.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountView {
    /// As people write it.
    pub name: String,
    /// What it may do, duty by duty, in words.
    pub rights: Vec<String>,
    /// What opens it.
    pub keys: KeysView,
    /// A token that was just made; it is shown once.
    pub new_token: Option<String>,
    /// Whether it is an engineer of the roster, who has turns.
    pub has_turns: bool,
    /// The address of a calendar feed that was just made; it is shown once.
    pub new_feed: Option<String>,
    /// What a token can be made for: word and meaning.
    pub scopes: Vec<(&'static str, &'static str)>,
}

/// The whole page.
pub fn page(view: &AccountView, reader: &Reader<'_>) -> Markup {
    html! {
        header class="summary" {
            h1 { (parts::text(&view.name)) }
            @for right in &view.rights { p class="dim" { (parts::text(right)) } }
        }
        div class="columns even" {
            div class="main-column" {
                section aria-labelledby="sessions-title" {
                    h2 id="sessions-title" { "Where you are signed in" }
                    (sessions(&view.keys.sessions, reader, &|id| format!("/account/sessions/{id}/end"), &[]))
                }
                section aria-labelledby="feeds-title" {
                    h2 id="feeds-title" { "Your turns in your calendar" }
                    (own_feeds(view, reader))
                }
                section aria-labelledby="tokens-title" {
                    h2 id="tokens-title" { "Tokens for scripts" }
                    @if let Some(token) = &view.new_token { (shown_once("Copy the token now. It is shown once, and kept as a hash only.", token)) }
                    (tokens(&view.keys.tokens, reader, &|id| format!("/account/tokens/{id}/revoke"), &[]))
                    (make_token(view, reader))
                }
            }
            aside class="side-column" aria-labelledby="password-title" {
                section {
                    h2 id="password-title" { "Password" }
                    (password(&view.keys, reader))
                }
                @if !view.keys.identities.is_empty() { section { h2 { "Single sign-on" } (identities(&view.keys, reader)) } }
            }
        }
    }
}

fn password(keys: &KeysView, reader: &Reader<'_>) -> Markup {
    html! {
        @match (&keys.login, keys.password_since) {
            (Some(login), Some(since)) => {
                p { "You sign in as " strong { (parts::text(login)) } ", with a password from " (parts::time(since, &reader.tell)) "." }
                details id="change-password" {
                    summary { "Change it" }
                    form method="post" action="/account/password" data-plain {
                        input type="hidden" name="csrf" value=(reader.csrf);
                        input type="text" name="login" class="unseen" autocomplete="username" value=(login) readonly tabindex="-1" aria-hidden="true";
                        div class="fields" {
                            label for="old-password" { "The password of now" }
                            input id="old-password" type="password" name="old" autocomplete="current-password" maxlength="500" required;
                        }
                        (new_password(PasswordField::Required))
                        p class="dim" { "You are signed out everywhere else." }
                        button type="submit" class="button" { "Change the password" }
                    }
                }
            }
            _ => p { "You have none. An administrator can make a link with which you choose one." },
        }
    }
}

/// The other systems that know an account.
pub(super) fn identities(keys: &KeysView, reader: &Reader<'_>) -> Markup {
    html! {
        ul { @for (issuer, name, used) in &keys.identities { li { (parts::text(name)) " at " (parts::text(issuer)) span class="dim" { ", last used " (parts::time(*used, &reader.tell)) } } } }
    }
}

/// Sessions with a button to end each.
pub(super) fn sessions(
    sessions: &[SessionView],
    reader: &Reader<'_>,
    end: &dyn Fn(&str) -> String,
    fields: &[(&str, &str)],
) -> Markup {
    html! {
        @if sessions.is_empty() { p class="dim" { "Nowhere at this moment." } } @else {
            table {
                thead { tr { th scope="col" { "Browser" } th scope="col" { "Last used" } th scope="col" { "" span class="unseen" { "End" } } } }
                tbody {
                    @for session in sessions {
                        tr {
                            td class="grow" {
                                (parts::text(&session.browser)) @if session.this_one { " " strong { "this one" } }
                                div class="dim" { (how(&session.how)) " " (parts::time(session.since, &reader.tell)) @if let Some(address) = &session.address { " from " (parts::text(address)) } }
                            }
                            td { (parts::time(session.last_seen, &reader.tell)) }
                            td {
                                @let mut all = fields.to_vec();
                                @let () = all.push(("session", session.id.as_str()));
                                @if !session.this_one { (parts::press(reader, &end(&session.id), "End", None, "small", &all)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn how(how: &str) -> &'static str {
    match how {
        "password" => "by password",
        "single_sign_on" => "by single sign-on",
        _ => "by a link",
    }
}

/// Tokens with a button to revoke each.
pub(super) fn tokens(
    tokens: &[TokenView],
    reader: &Reader<'_>,
    revoke: &dyn Fn(&str) -> String,
    fields: &[(&str, &str)],
) -> Markup {
    html! {
        @if tokens.is_empty() { p class="dim" { "None in force." } } @else {
            table {
                thead { tr { th scope="col" { "Token" } th scope="col" { "Last used" } th scope="col" { "Until" } th scope="col" { "" span class="unseen" { "Revoke" } } } }
                tbody {
                    @for token in tokens {
                        tr {
                            td class="grow" { (parts::text(&token.name)) div class="dim" { "may " (texts::and(&token.scopes)) } }
                            td { @match token.last_used { Some(at) => (parts::time(at, &reader.tell)), None => span class="dim" { "never" } } }
                            td { (parts::time(token.expires, &reader.tell)) }
                            td {
                                @let mut all = fields.to_vec();
                                @let () = all.push(("token", token.id.as_str()));
                                (parts::press(reader, &revoke(&token.id), "Revoke", None, "small", &all))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn own_feeds(view: &AccountView, reader: &Reader<'_>) -> Markup {
    html! {
        @if let Some(address) = &view.new_feed { (new_feed(address)) }
        @if !view.keys.feeds.is_empty() {
            (feeds(&view.keys.feeds, reader, &|id| format!("/account/calendar-feeds/{id}/revoke"), &[]))
        } @else if view.has_turns {
            p class="dim" { "A calendar feed is an address at which a calendar program reads your turns, from a month back to a year ahead, and follows when they change." }
        }
        @if view.has_turns { (make_feed(reader, "/account/calendar-feeds")) } @else {
            p class="dim" { "You are on no roster, so you have no turns." }
        }
    }
}

/// The address of a calendar feed that was just made.
pub(super) fn new_feed(address: &str) -> Markup {
    shown_once(
        "Subscribe to this address in your calendar program. It is shown once; whoever has it can read the turns, so do not pass it on.",
        address,
    )
}

/// Calendar feeds with a button to revoke each.
pub(super) fn feeds(
    feeds: &[FeedView],
    reader: &Reader<'_>,
    revoke: &dyn Fn(&str) -> String,
    fields: &[(&str, &str)],
) -> Markup {
    html! {
        table {
            thead { tr { th scope="col" { "Calendar feed" } th scope="col" { "Last read" } th scope="col" { "" span class="unseen" { "Revoke" } } } }
            tbody {
                @for feed in feeds {
                    tr {
                        td class="grow" { (parts::text(&feed.name)) div class="dim" { "made " (parts::time(feed.made, &reader.tell)) } }
                        td { @match feed.last_read { Some(at) => (parts::time(at, &reader.tell)), None => span class="dim" { "never" } } }
                        td {
                            @let mut all = fields.to_vec();
                            @let () = all.push(("feed", feed.id.as_str()));
                            (parts::press(reader, &revoke(&feed.id), "Revoke", None, "small", &all))
                        }
                    }
                }
            }
        }
    }
}

/// The form that makes a calendar feed.
pub(super) fn make_feed(reader: &Reader<'_>, action: &str) -> Markup {
    parts::form(
        reader,
        action,
        "one-line",
        html! {
            label for="feed-name" class="unseen" { "Which calendar reads it?" }
            input id="feed-name" name="name" maxlength="80" required autocomplete="off" placeholder="Which calendar reads it?";
            (parts::button("Make a calendar feed", None, "small"))
        },
    )
}

fn make_token(view: &AccountView, reader: &Reader<'_>) -> Markup {
    parts::form(
        reader,
        "/account/tokens",
        "stacked",
        html! {
            div class="fields" {
                label for="token-name" { "What is it for?" }
                input id="token-name" name="name" maxlength="80" required autocomplete="off" placeholder="the pipeline of acme/shop";
                fieldset {
                    legend { "What may it do?" }
                    @for (word, meaning) in &view.scopes {
                        label class="choice" { input type="checkbox" name=(word) value="yes" checked[*word == "read"]; span { strong { (word) } ": " (meaning) } }
                    }
                }
                label for="token-days" { "For how many days?" }
                input id="token-days" name="days" type="number" min="1" max="366" value="90" required;
            }
            (parts::button("Make a token", None, "small"))
        },
    )
}

/// A secret that is shown once.
pub(super) fn shown_once(say: &str, secret: &str) -> Markup {
    html! {
        div class="notice once" role="status" { p { (say) } p { code class="address" { (texts::visible(secret)) } } }
    }
}
