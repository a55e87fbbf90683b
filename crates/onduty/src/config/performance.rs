//! `performance:` how it is judged what a rollout did to response times.

use super::PerformanceRules;
use super::values::duration;
use onduty_core::files::{Fields, Node, Problems};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
/// Bounds of what is not looked at.
const WARM_UPS: (Duration, Duration) = (Duration::ZERO, HOUR);
/// Bounds of what is compared: below, twelve blocks have too little in them; above, no two rollouts a day can be compared.
const WINDOWS: (Duration, Duration) = (Duration::from_secs(5 * 60), Duration::from_secs(4 * 3_600));

/// Reads the node under `performance`.
pub fn read(node: &Node, problems: &mut Problems) -> PerformanceRules {
    let mut rules = PerformanceRules::default();
    let Some(mut fields) = Fields::of(node, "`performance`", problems) else { return rules };
    rules.warm_up = duration(&mut fields, "warm_up", WARM_UPS, problems).unwrap_or(rules.warm_up);
    rules.window = duration(&mut fields, "window", WINDOWS, problems).unwrap_or(rules.window);
    if let Some(percent) = fields.number("covered", 1, 100, problems) {
        rules.covered = percent as f64 / 100.0;
    }
    fields.finish(problems);
    rules
}

impl Default for PerformanceRules {
    fn default() -> PerformanceRules {
        PerformanceRules { warm_up: 10 * MINUTE, window: HOUR, covered: 0.80 }
    }
}
