//! `egress:` where onduty may go besides the public addresses that the file names.

use super::EgressRules;
use crate::egress::{Network, NetworkError};
use onduty_core::files::{Fields, Node, Place, Problems};

const MEND: &str = "write a range such as 10.0.0.0/8, an address, or a host such as sentry.internal";

/// Reads the node under `egress`.
pub fn read(node: &Node, problems: &mut Problems) -> EgressRules {
    let mut rules = EgressRules::default();
    let Some(mut fields) = Fields::of(node, "`egress`", problems) else { return rules };
    for (text, place) in fields.texts("allow", problems) {
        match text.parse::<Network>() {
            Ok(network) => rules.networks.push(network),
            Err(NetworkError::NotANetwork) if is_host(&text) => rules.hosts.push(text.to_ascii_lowercase()),
            Err(error) => problem(&text, place, error, problems),
        }
    }
    fields.finish(problems);
    rules
}

fn problem(text: &str, place: Place, error: NetworkError, problems: &mut Problems) {
    let mend = match error {
        NetworkError::HostBits => "write the first address of the range, or a single address without the slash",
        NetworkError::TooLong | NetworkError::NotANetwork => MEND,
    };
    let what = match error {
        NetworkError::NotANetwork => format!("`{text}` is neither a range of addresses nor a host"),
        error => format!("`{text}`: {error}"),
    };
    problems.add(place, what, mend);
}

/// Whether it can be the name of a host: labels of letters, digits and hyphens, the last one not all digits.
fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= 253 && text.split('.').all(label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}
