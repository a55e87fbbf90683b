//! Values that people write into `onduty.yml`: durations, addresses, names of variables.

use super::EgressRules;
use crate::egress;
use onduty_core::files::{Fields, Place, Problems};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A duration under `key` from `low` to `high`.
pub fn duration(
    fields: &mut Fields<'_>,
    key: &'static str,
    (low, high): (Duration, Duration),
    problems: &mut Problems,
) -> Option<Duration> {
    let (text, place) = fields.text(key, problems)?;
    duration_of(&text, place, (low, high), problems)
}

/// The duration that `text` names: `30s`, `90m`, `1h30m`, `7d`.
pub fn duration_of(
    text: &str,
    place: Place,
    (low, high): (Duration, Duration),
    problems: &mut Problems,
) -> Option<Duration> {
    let Some(duration) = parse_duration(text) else {
        problems.add(
            place,
            format!("`{text}` is not a duration"),
            "write a number and a unit, such as 30s, 5m, 24h or 7d",
        );
        return None;
    };
    if !(low..=high).contains(&duration) {
        let mend = format!("write a duration from {} to {}", shown(low), shown(high));
        problems.add(place, format!("`{text}` is too {}", if duration < low { "short" } else { "long" }), mend);
        return None;
    }
    Some(duration)
}

fn parse_duration(text: &str) -> Option<Duration> {
    let mut seconds: u64 = 0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().ok()?;
        let unit = match rest[digits..].chars().next()? {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return None,
        };
        seconds = seconds.checked_add(number.checked_mul(unit)?)?;
        rest = &rest[digits + 1..];
    }
    Some(Duration::from_secs(seconds))
}

fn shown(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        _ if seconds.is_multiple_of(86_400) => format!("{}d", seconds / 86_400),
        _ if seconds.is_multiple_of(3_600) => format!("{}h", seconds / 3_600),
        _ if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}

/// An address to listen on, and a port.
pub fn socket(text: &str, place: Place, problems: &mut Problems) -> Option<SocketAddr> {
    let address = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    let address = address.parse::<SocketAddr>();
    if address.is_err() {
        problems.add(place, format!("`{text}` is not an address and port"), "write for example 127.0.0.1:7007");
    }
    address.ok()
}

/// A path under `key`, joined to `base`.
pub fn path(
    fields: &mut Fields<'_>,
    key: &'static str,
    default: &str,
    base: &Path,
    problems: &mut Problems,
) -> PathBuf {
    let text = fields.text(key, problems).and_then(|(text, place)| path_text(&text, place, problems));
    base.join(text.as_deref().unwrap_or(default))
}

/// A path that means what it says.
pub fn path_text(text: &str, place: Place, problems: &mut Problems) -> Option<String> {
    let what = if text.trim().is_empty() {
        "this is not a path".to_owned()
    } else if text.starts_with('~') {
        format!("`{text}` starts with `~`, which only a shell understands")
    } else {
        return Some(text.to_owned());
    };
    problems.add(place, what, "write a path relative to this file, or one that starts with `/`");
    None
}

/// Whether `name` can be the name of a variable of the environment.
pub fn is_variable(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// An address to which messages may go: `https`, or `http` on this machine.
pub fn web_address(text: &str, place: Place, problems: &mut Problems) -> Option<String> {
    safe_address(text, place, "use https", problems)
}

fn safe_address(text: &str, place: Place, instead_of_http: &str, problems: &mut Problems) -> Option<String> {
    let mend = "write an address such as https://tracker.example/assignments";
    let Ok(url) = reqwest::Url::parse(text) else {
        problems.add(place, "this is not a web address", mend);
        return None;
    };
    if has_credentials(&url) {
        problems.add(place, "the address holds a name or password", "take it out: addresses are shown and logged");
        return None;
    }
    match url.scheme() {
        "https" => Some(text.to_owned()),
        "http" if egress::is_this_machine(&url) => Some(text.to_owned()),
        "http" => {
            problems.add(place, "`http` to another machine can be read on the way", instead_of_http);
            None
        }
        other => {
            problems.add(place, format!("`{other}` is not spoken here"), mend);
            None
        }
    }
}

/// The address of a tracker: as above, and `http` also to hosts that the administrator says are inside.
pub fn tracker_address(text: &str, place: Place, rules: &EgressRules, problems: &mut Problems) -> Option<String> {
    let inside = egress::Url::parse(text).ok().filter(|url| url.scheme() == "http" && !has_credentials(url));
    let host = inside.as_ref().and_then(egress::host_of);
    let allowed = host.is_some_and(|host| {
        let address = host.parse::<IpAddr>();
        rules.hosts.contains(&host) || address.is_ok_and(|ip| rules.networks.iter().any(|network| network.contains(ip)))
    });
    let mend = "use https, or name it in `egress: {allow: …}` when it is inside";
    if allowed { Some(text.to_owned()) } else { safe_address(text, place, mend, problems) }
}

/// Whether somebody wrote a name or password into the address.
pub fn has_credentials(url: &reqwest::Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// A text of one line for people; not empty.
pub fn line(text: &str, place: Place, what: &str, problems: &mut Problems) -> Option<String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 200 || text.chars().any(char::is_control) {
        problems.add(place, format!("this is not {what}"), "write one line of at most 200 characters");
        return None;
    }
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        for (text, expected) in [
            ("30s", Some(30)),
            ("5m", Some(300)),
            ("1h30m", Some(5_400)),
            ("7d", Some(604_800)),
            ("", None),
            ("30", None),
            ("h", None),
            ("3 h", None),
            ("-3h", None),
            ("1.5h", None),
            ("5ü", None),
            ("99999999999999999999d", None),
            ("999999999999999999d", None),
        ] {
            assert_eq!(parse_duration(text).map(|duration| duration.as_secs()), expected, "{text}");
        }
    }
}
