//! What pages are made of: one function draws a thing wherever it appears, page or live fragment.
//!
//! Called by the handlers of `web` with plain `…View` data that they have loaded. Never loads, decides or changes
//! anything. Escaping is the template's; everything from outside also goes through `texts::visible`. Nothing here
//! writes a `style` attribute or inline script, which the content policy forbids.

pub mod access;
pub mod account;
pub mod charts;
pub mod door;
pub mod fairness;
pub mod gate;
pub mod handshake;
pub mod icons;
pub mod item;
pub mod items;
pub mod layout;
pub mod leave_calendars;
pub mod log;
pub mod parts;
pub mod people;
pub mod performance;
pub mod plan;
pub mod process;
pub mod proposal;
pub mod refresher;
pub mod rollout;
pub mod suggestions;
pub mod team;
pub mod today;
pub mod wall;
pub mod what_if;

// The same sample days that `examples/gallery` draws.
#[cfg(test)]
#[path = "../../../examples/gallery/samples.rs"]
mod samples;
#[cfg(test)]
mod tests;

use crate::texts::Telling;
use onduty_core::ids::{DutyId, EngineerId};

/// Who looks at a page, and what its forms carry.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// How things are told.
    pub tell: Telling<'a>,
    /// The duty that the page is about.
    pub duty: &'a DutyId,
    /// Who is signed in; nobody on the wall screen.
    pub me: Option<&'a EngineerId>,
    /// The hidden `csrf` field of every form.
    pub csrf: &'a str,
    /// The page's own path, the hidden `back` field of every form. Only a path: handlers check that again.
    pub back: &'a str,
    /// Whether forms are drawn at all; the policy decides, and decides again when a form arrives.
    pub may_act: bool,
    /// Whether links to accounts and the access log are drawn.
    pub administers: bool,
}

/// State of a step, for people: a shape, a word and a colour, in that order of trust. The most pressing is the
/// greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StateView {
    /// `– not watched`
    Off,
    /// `✓ fine`
    Fine,
    /// `◌ waiting`: for a time, for somebody else, for a snooze to end.
    Waiting,
    /// `■ blocked`: the closed gate.
    Blocked,
    /// `? unknown`
    Unknown,
    /// `! needs you`
    NeedsYou,
}

impl StateView {
    /// The word beside the shape.
    pub fn word(self) -> &'static str {
        match self {
            StateView::Fine => "fine",
            StateView::Off => "not watched",
            StateView::Waiting => "waiting",
            StateView::Blocked => "blocked",
            StateView::Unknown => "unknown",
            StateView::NeedsYou => "needs you",
        }
    }

    /// The name of its class in the stylesheet.
    pub fn class(self) -> &'static str {
        match self {
            StateView::Fine => "fine",
            StateView::Off => "off",
            StateView::Waiting => "waiting",
            StateView::Blocked => "blocked",
            StateView::Unknown => "unknown",
            StateView::NeedsYou => "needs",
        }
    }
}
