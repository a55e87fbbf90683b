//! What browsers get.

pub mod assets;
pub mod views;
