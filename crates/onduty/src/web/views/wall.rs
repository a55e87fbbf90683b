//! The wall screen: who is on duty and next on one half, the steps as large tiles on the other. Nothing to press.

use super::layout::{OnDutyView, head, next_words};
use super::parts;
use super::rollout::RolloutView;
use super::today::{StepBody, StepView};
use super::{Reader, StateView, icons};
use crate::texts::{self, LogLine, Telling, short_revision, visible};
use maud::{DOCTYPE, Markup, html};

/// What hangs on the wall.
#[derive(Debug, Clone, PartialEq)]
pub struct WallView {
    /// The duty, as people write it.
    pub duty_name: String,
    /// Who serves now and next.
    pub on_duty: OnDutyView,
    /// Every step in the team's order.
    pub tiles: Vec<TileView>,
    /// The newest rollout.
    pub last_rollout: Option<RolloutView>,
    /// The newest entries, newest first; three are shown.
    pub latest: Vec<LogLine>,
    /// The address of the stream: `/tv/TOKEN/events`.
    pub stream: String,
    /// Whether the room is dark now, by the duty's clock.
    pub night: bool,
}

/// A step, large.
#[derive(Debug, Clone, PartialEq)]
pub struct TileView {
    /// What it is for.
    pub goal: String,
    /// How it stands.
    pub state: StateView,
    /// How many items are open.
    pub open: usize,
    /// One line: the first item, or what opens the gate.
    pub line: Option<String>,
    /// Whether it has the button, which the room waits for.
    pub is_button: bool,
}

impl TileView {
    /// A step of *Today*, large: its first item, what the gate says, or its note.
    pub fn of(step: &StepView, tell: &Telling<'_>) -> TileView {
        let line = match (&step.body, step.items.first()) {
            (_, Some(item)) => Some(item.title()),
            (StepBody::Rollout(gate), None) => Some(gate.word(tell)),
            (StepBody::Items | StepBody::Ask, None) => {
                step.unknown.as_ref().map(|reason| texts::unknown(reason, tell)).or_else(|| step.note.clone())
            }
        };
        TileView {
            goal: step.goal.clone(),
            state: step.state,
            open: step.items.len() + step.hidden,
            line,
            is_button: matches!(step.body, StepBody::Rollout(_)),
        }
    }
}

/// From how many characters on a name is set smaller.
const LONG: usize = 18;
/// How many tiles fit on the screen.
const TILES: usize = 5;

/// The whole document. Without script it fetches itself anew.
pub fn page(view: &WallView, reader: &Reader<'_>) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" class="wall" data-theme=(if view.night { "dark" } else { "light" }) {
            (head(&format!("{} on the wall", view.duty_name)))
            body class="wall" data-stream=(view.stream) data-zone=[reader.tell.zone.iana_name()] data-now=(reader.tell.now) {
                noscript { meta http-equiv="refresh" content="15"; }
                main class="wall-grid" {
                    (now(view, reader))
                    (tiles(view))
                    (foot(view, reader))
                }
                p id="stale" class="wall-stale" role="status" hidden {}
            }
        }
    }
}

/// The half with people; replaced by its id.
pub fn now(view: &WallView, reader: &Reader<'_>) -> Markup {
    let tell = &reader.tell;
    html! {
        section id="wall-now" class="wall-now" aria-label="On duty" {
            p class="wall-duty" { (icons::lamp()) (parts::text(&view.duty_name)) }
            div class="wall-person" { @match &view.on_duty.now {
                Some((engineer, until)) => {
                    div class="wall-face" { (parts::face(&tell.name(engineer))) }
                    @let name = tell.name(engineer);
                    h1 class=[(name.chars().count() > LONG).then_some("long")] { bdi { (name) } }
                    p class="wall-until" { "is on duty until " (parts::clock(*until, tell)) }
                }
                None => {
                    div class="wall-face nobody" { (icons::state(StateView::Waiting)) }
                    h1 { "Nobody is on duty" }
                    p class="wall-until" { "The day of " (parts::text(&view.duty_name)) " is over or has not begun" }
                }
            }
            }
            @if let Some(next) = &view.on_duty.next {
                p class="wall-next" {
                    @if let Some(engineer) = &next.engineer { (parts::face(&tell.name(engineer))) }
                    span { span class="dim" { "next " } (next_words(next, true, tell)) }
                }
            }
        }
    }
}

/// The half with steps; replaced by its id. The button and the most pressing ones stay when there are more than fit.
pub fn tiles(view: &WallView) -> Markup {
    let mut ranked: Vec<usize> = (0..view.tiles.len()).collect();
    let rank = |tile: &TileView| (!tile.is_button, std::cmp::Reverse(tile.state));
    ranked.sort_by_key(|index| (rank(&view.tiles[*index]), *index));
    let mut shown: Vec<usize> = ranked.iter().copied().take(TILES).collect();
    shown.sort_unstable();
    let rest = view.tiles.len().saturating_sub(TILES);
    html! {
        section id="wall-tiles" class="wall-tiles" aria-label="Steps" {
            @if view.tiles.is_empty() { p class="wall-empty" { "No process yet. The steps of " (parts::text(&view.duty_name)) " will stand here." } }
            ol {
                @for tile in shown.iter().map(|index| &view.tiles[*index]) {
                    li class={ "tile " (tile.state.class()) } {
                        (icons::state(tile.state))
                        div class="tile-text" {
                            h2 { bdi { (visible(&tile.goal)) } }
                            @if let Some(line) = &tile.line { p { (parts::text(line)) } }
                        }
                        p class="tile-word" { @if tile.open > 0 { strong { (tile.open) } } (tile_word(tile)) }
                    }
                }
            }
            @if rest > 0 { p class="wall-rest" { "and " (rest) " more, none more pressing" } }
        }
    }
}

/// The wall speaks to nobody in particular: not "needs you".
fn tile_word(tile: &TileView) -> &'static str {
    match tile.state {
        StateView::NeedsYou if tile.open > 0 => "open",
        StateView::NeedsYou => "needs somebody",
        state => state.word(),
    }
}

/// Clock, last rollout and the latest entries; replaced by its id.
pub fn foot(view: &WallView, reader: &Reader<'_>) -> Markup {
    let tell = &reader.tell;
    html! {
        footer id="wall-foot" class="wall-foot" {
            p class="wall-clock" { time datetime=(tell.now) data-clock { (tell.clock(tell.now)) } }
            p class="wall-rollout" {
                @if let Some(rollout) = &view.last_rollout {
                    span class="dim" { "last rollout " } span class={ "state " (rollout.shape().class()) } { (icons::state(rollout.shape())) (rollout.word()) }
                    " " code { (short_revision(&rollout.revision)) } " " span class="dim" { (tell.time(rollout.started_at)) }
                } @else { span class="dim" { "no rollout yet" } }
            }
            ul class="wall-log" {
                @for line in view.latest.iter().take(3) { li { bdi { (texts::line(line, tell)) } } }
            }
        }
    }
}
