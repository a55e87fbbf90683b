//! The rules of the engine as tables: one test for each thing that the engine promises.

mod covers;
mod day;
mod gate;
mod handshake;
mod items;
mod order;
mod performance;
mod shifts;
mod steps;

use day::Day;
