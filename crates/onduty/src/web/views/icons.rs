//! The few drawings: state shapes and the signs of the header. Inline SVG, coloured by the text around it.

use super::StateView;
use maud::{Markup, PreEscaped, html};

/// The shape of a state; a word always stands beside it, so it is hidden from screen readers.
pub fn state(state: StateView) -> Markup {
    let inside = match state {
        StateView::Fine => {
            r#"<path d="M4.5 10.5l3.8 3.8 7.4-8.4" fill="none" stroke="currentColor" stroke-width="2.2" stroke-linecap="square"/>"#
        }
        StateView::NeedsYou => {
            r#"<circle cx="10" cy="10" r="9" fill="currentColor"/><path class="on" d="M10 4.8v6.4M10 13.6v2" fill="none" stroke-width="2.4"/>"#
        }
        StateView::Waiting => {
            r#"<circle cx="10" cy="10" r="7" fill="none" stroke="currentColor" stroke-width="2" stroke-dasharray="2.6 2.9"/>"#
        }
        StateView::Unknown => {
            r#"<path d="M10 1l9 9-9 9-9-9z" fill="none" stroke="currentColor" stroke-width="1.8"/><path d="M7.6 8.1c0-1.5 1-2.4 2.4-2.4s2.4.9 2.4 2.2c0 1.9-2.4 1.9-2.4 3.8M10 13.2v1.6" fill="none" stroke="currentColor" stroke-width="1.8"/>"#
        }
        StateView::Blocked => r#"<path d="M3 3h14v14H3z" fill="currentColor"/>"#,
        StateView::Off => r#"<path d="M5 10h10" fill="none" stroke="currentColor" stroke-width="2"/>"#,
    };
    svg("shape", inside)
}

/// Half dark, half light: the theme.
pub fn theme() -> Markup {
    svg(
        "sign",
        r#"<circle cx="10" cy="10" r="6.5" fill="none" stroke="currentColor" stroke-width="1.6"/><path d="M10 3.5a6.5 6.5 0 010 13z" fill="currentColor"/>"#,
    )
}

/// A looking glass: search.
pub fn search() -> Markup {
    svg(
        "sign",
        r#"<circle cx="8.5" cy="8.5" r="5" fill="none" stroke="currentColor" stroke-width="1.6"/><path d="M12.5 12.5l4.5 4.5" stroke="currentColor" stroke-width="1.6"/>"#,
    )
}

/// The lamp of the brand: lit while somebody is on duty.
pub fn lamp() -> Markup {
    svg(
        "lamp",
        r#"<circle cx="10" cy="10" r="7.5" fill="none" stroke="currentColor" stroke-width="2.4"/><circle class="lit" cx="10" cy="10" r="3.4"/>"#,
    )
}

/// A box of a checklist, empty or ticked.
pub fn tick_box(ticked: bool) -> Markup {
    svg(
        "shape",
        if ticked {
            r#"<path d="M2.5 2.5h15v15h-15z" fill="none" stroke="currentColor" stroke-width="1.6"/><path d="M5.5 10.3l3 3 6-6.8" fill="none" stroke="currentColor" stroke-width="2"/>"#
        } else {
            r#"<path d="M2.5 2.5h15v15h-15z" fill="none" stroke="currentColor" stroke-width="1.6"/>"#
        },
    )
}

fn svg(class: &str, inside: &'static str) -> Markup {
    html! {
        svg class=(class) viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" focusable="false" {
            (PreEscaped(inside))
        }
    }
}
