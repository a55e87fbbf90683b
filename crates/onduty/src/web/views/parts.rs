//! Small components that every page uses: times, people, revisions, forms, links, empty states.

use super::{Reader, StateView, icons};
use crate::texts::{self, Telling, initials, is_web_link, short_revision, visible, visible_lines};
use jiff::Timestamp;
use maud::{Markup, html};
use onduty_core::ids::EngineerId;

/// Text from outside, isolated so that its direction does not spill over.
pub fn text(from_outside: &str) -> Markup {
    html! { bdi { (visible(from_outside)) } }
}

/// A sentence of `texts`: what stands between backticks is set as code.
pub fn said(sentence: &str) -> Markup {
    html! {
        bdi {
            @for (index, part) in sentence.split('`').enumerate() {
                @if index % 2 == 1 { code { (visible(part)) } } @else { (visible(part)) }
            }
        }
    }
}

/// Text of several lines from outside.
pub fn lines(from_outside: &str) -> Markup {
    html! { p class="words" dir="auto" { (visible_lines(from_outside)) } }
}

/// How many characters of a long text are shown before it has to be unfolded.
const CLAMP: usize = 200;

/// A text that may be very long: its beginning, and all of it on demand.
pub fn clamped(from_outside: &str) -> Markup {
    let safe = visible_lines(from_outside);
    if safe.chars().count() <= CLAMP {
        return html! { span class="words" dir="auto" { (safe) } };
    }
    let start: String = safe.chars().take(CLAMP - 20).collect();
    html! {
        details class="clamped" {
            summary { bdi { (start) "…" } " " span class="more" { "all of it" } }
            p class="words" dir="auto" { (safe) }
        }
    }
}

/// `14:05`, the whole truth on hover.
pub fn time(at: Timestamp, tell: &Telling<'_>) -> Markup {
    html! { time datetime=(at) title=(tell.full_time(at)) { (tell.time(at)) } }
}

/// `14:05`, whatever the day; for lists that are about one day.
pub fn clock(at: Timestamp, tell: &Telling<'_>) -> Markup {
    html! { time datetime=(at) title=(tell.full_time(at)) { (tell.clock(at)) } }
}

/// `12 min`; the script keeps it ticking.
pub fn age(since: Timestamp, tell: &Telling<'_>) -> Markup {
    html! { time datetime=(since) title=(tell.full_time(since)) data-age { (tell.age(since)) } }
}

/// `in 1 h 56 min`; the script keeps it ticking.
pub fn until(at: Timestamp, tell: &Telling<'_>) -> Markup {
    html! { time datetime=(at) title=(tell.full_time(at)) data-until { (tell.until(at)) } }
}

/// A short revision, in full on hover.
pub fn revision(full: &str) -> Markup {
    html! { code class="rev" title=(visible(full)) { (short_revision(full)) } }
}

/// A state: its shape and its word.
pub fn state(of: StateView) -> Markup {
    html! { span class={ "state " (of.class()) } { (icons::state(of)) span class="word" { (of.word()) } } }
}

/// How many colours faces have; the stylesheet has a class for each.
const FACES: u32 = 8;

/// Initials on a colour from the name; the name always stands beside it or in `title`.
pub fn face(name: &str) -> Markup {
    let hash = name.bytes().fold(7u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)));
    html! {
        svg class="face" viewBox="0 0 32 32" width="24" height="24" aria-hidden="true" focusable="false" {
            rect class={ "face-" (hash % FACES) } width="32" height="32" rx="6" {}
            text x="16" y="16" dy="0.36em" text-anchor="middle" { (initials(name)) }
        }
    }
}

/// A name in a sentence; `nobody` where there is none.
pub fn somebody(engineer: Option<&EngineerId>, reader: &Reader<'_>) -> Markup {
    html! { @match engineer { Some(id) => bdi { (reader.tell.name(id)) }, None => "nobody" } }
}

/// A face and a name.
pub fn person(id: &EngineerId, tell: &Telling<'_>) -> Markup {
    let name = tell.name(id);
    html! { span class="person" { (face(&name)) bdi { (name) } } }
}

/// A link to an outside page; an address that browsers should not follow stays text.
pub fn outside_link(url: &str, label: &str) -> Markup {
    if is_web_link(url) {
        html! { a class="out" href=(url) rel="noopener noreferrer" target="_blank" { (visible(label)) } }
    } else {
        html! { span class="dim" { (visible(label)) " (" (visible(url)) ")" } }
    }
}

/// A form that works without script; nothing for readers who may not act.
pub fn form(reader: &Reader<'_>, action: &str, class: &str, inside: Markup) -> Markup {
    if !reader.may_act {
        return html! {};
    }
    html! {
        form method="post" action=(action) class=[Some(class).filter(|class| !class.is_empty())] {
            input type="hidden" name="csrf" value=(reader.csrf);
            input type="hidden" name="back" value=(reader.back);
            (inside)
        }
    }
}

/// A button with the key that presses it.
pub fn button(label: &str, key: Option<char>, class: &str) -> Markup {
    html! {
        button type="submit" class={ "button " (class) } data-key=[key] {
            (label)
            @if let Some(key) = key { " " kbd aria-hidden="true" { (key) } }
        }
    }
}

/// A form of one button, with hidden fields.
pub fn press(
    reader: &Reader<'_>,
    action: &str,
    label: &str,
    key: Option<char>,
    class: &str,
    fields: &[(&str, &str)],
) -> Markup {
    let inside = html! {
        @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
        (button(label, key, class))
    };
    form(reader, action, "press", inside)
}

/// What an empty page will show, the one thing to do now, and an example.
pub fn empty(what: &str, now: Markup, example: Option<&str>) -> Markup {
    html! {
        section class="empty" {
            p class="empty-what" { (what) }
            div class="empty-now" { (now) }
            @if let Some(example) = example { pre class="example" tabindex="0" { code { (example) } } }
        }
    }
}

/// A sentence with its first letter made large and a full stop; texts are written to fit inside sentences. Code stays
/// as it is.
pub fn sentence(text: &str) -> String {
    let stop = if text.ends_with(['.', '?', '!', '…']) { "" } else { "." };
    if text.split_whitespace().next().is_some_and(|word| word.contains(['.', '(', '_', '/', '[', '='])) {
        return format!("{text}{stop}");
    }
    let mut letters = text.chars();
    letters.next().map(|first| format!("{}{}{stop}", first.to_uppercase(), letters.as_str())).unwrap_or_default()
}

/// Today's page of a duty.
pub fn today_path(reader: &Reader<'_>) -> String {
    format!("/?duty={}", reader.duty)
}

/// The page of an item.
pub fn item_path(id: &onduty_core::item::ItemId) -> String {
    format!("/items/{id}")
}

/// One entry of the log book in a short list; with `about`, also which item it is about.
pub fn log_line(line: &texts::LogLine, about: bool, tell: &Telling<'_>) -> Markup {
    let machine = line.author == onduty_core::logbook::Author::Machine;
    html! {
        li class=[machine.then_some("machine")] {
            (time(line.at, tell)) " "
            @if !machine { bdi class="who" { (texts::author(&line.author, tell)) } " " }
            span class="said" dir="auto" { (texts::event(&line.event, tell)) }
            @if about && !texts::names_its_item(&line.event) && let Some((id, title)) = &line.item {
                " " a class="about" href=(item_path(id)) { (text(&texts::shorten(title, 60))) }
            }
        }
    }
}
