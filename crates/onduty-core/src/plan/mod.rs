//! The fair plan: who serves which day, so that nobody is overburdened and people can rely on what they have seen.
//!
//! Called by `onduty plan` and, for the configured team (`team`), by the server. Everything is read from an instance (`read`), judged by
//! hard rules and a score (`check`), and made (`solve`). Never asks for the time, never draws a number that is not in the seed.
//! `docs/design/plan.md` has the reasons; what pages show is asked of `schedule`, which has what was published.

pub mod beside;
mod check;
mod day;
mod facts;
mod fields;
mod instance;
mod read;
mod score;
mod solution;
mod solve;
pub mod team;
pub mod what_if;

pub use check::{Fault, Rule, Verdict, Violation, check};
pub use day::Day;
pub use facts::{Facts, Slot, Static, TooLarge};
pub use fields::Problem;
pub use instance::{Duty, Instance, Leave, LeaveKind, Person, Points, Published, Rules, Served};
pub use read::read;
pub use score::{LEVELS, Score};
pub use solution::{Assignment, Solution, Uncovered, read_solution};
pub use solve::{Impossible, Reasons, RunnerUp, Settings, Solved, WayOut, Why, explain, solve, usual_moves};

#[cfg(test)]
mod explain_tests;
#[cfg(test)]
mod team_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod what_if_tests;
#[cfg(test)]
mod zone_tests;
