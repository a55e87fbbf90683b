//! `access:` how people prove who they are.

use super::AccessRules;
use super::values::duration_of;
use onduty_core::files::{Fields, Node, Problems};
use std::time::Duration;

/// Shortest and longest time for which a proof counts.
const PROOF: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(7 * 86_400));

/// Reads the node under `access`.
pub fn read(node: &Node, problems: &mut Problems) -> AccessRules {
    let mut rules = AccessRules::default();
    let Some(mut fields) = Fields::of(node, "`access`", problems) else { return rules };
    if let Some((text, place)) = fields.text("prove_again", problems)
        && let Some(after) = duration_of(&text, place, PROOF, problems)
    {
        rules.prove_again = after;
    }
    fields.finish(problems);
    rules
}
