//! Calendars that tell of leave, below *Who is away*: each with how it is, and with what is not understood of it.

use super::{StateView, icons};
use crate::texts::leave_calendars::CalendarText;
use maud::{Markup, html};

/// Every calendar; nothing where there is none.
pub fn list(calendars: &[CalendarText]) -> Markup {
    html! {
        @if !calendars.is_empty() {
            h3 { "By calendars" }
            ul class="leave-calendars" {
                @for calendar in calendars {
                    li {
                        @if calendar.state != "well" { (icons::state(StateView::Unknown)) " " }
                        @else if !calendar.notes.is_empty() { (icons::state(StateView::NeedsYou)) " " }
                        bdi { (calendar.name) } " " (calendar.says)
                        @if !calendar.notes.is_empty() {
                            ul { @for note in &calendar.notes { li { bdi { (note) } } } }
                        }
                    }
                }
            }
        }
    }
}
