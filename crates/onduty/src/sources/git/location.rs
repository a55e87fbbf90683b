//! Where a repository may be: on this disk, or behind `https://`. Called by [`super::Mirror::open`]. Whether onduty goes
//! to a host is for `egress` to say, each time.

use super::{NAME, SourceError, unreachable};
use crate::egress::{Url, is_this_machine};
use crate::sources::one_line;
use std::path::Path;

/// What git may be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Location {
    /// An absolute path, or `file://` and one.
    Disk(String),
    /// `https://`, or `http://` on this machine.
    Web(Url),
}

impl Location {
    /// As git is told.
    pub(super) fn as_str(&self) -> &str {
        match self {
            Location::Disk(path) => path,
            Location::Web(url) => url.as_str(),
        }
    }
}

/// `text` as git may be given it.
pub(super) fn allowed(text: &str) -> Result<Location, SourceError> {
    let refuse = |mend| SourceError::NotAllowed { source_name: NAME.into(), location: shown(text), mend };
    if text.is_empty() || text.starts_with('-') || text.chars().any(char::is_control) {
        return Err(refuse("give the path of a clone, file:///path or https://host/path"));
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        let plain_path = rest.starts_with('/') && !rest.starts_with("//");
        return match scheme.to_ascii_lowercase().as_str() {
            "file" if plain_path => Ok(Location::Disk(text.to_owned())),
            "file" => Err(refuse("write file:/// and an absolute path")),
            "https" | "http" => address(text).map(Location::Web).map_err(refuse),
            _ => Err(refuse("use https://, or keep a clone on this machine and give its path")),
        };
    }
    let looks_remote = text.split_once(':').is_some_and(|(before, _)| !before.contains('/'));
    if looks_remote && !Path::new(text).exists() {
        return Err(refuse("use https://, or keep a clone on this machine and give its path"));
    }
    let path = std::fs::canonicalize(text).map_err(|cause| unreachable(format!("{}: {cause}", shown(text))))?;
    let path = path.into_os_string().into_string();
    path.map(Location::Disk).map_err(|_| refuse("move it to a path that is valid UTF-8"))
}

fn address(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "write https://host/path")?;
    url.host_str().filter(|host| is_pinnable(host)).ok_or("write https://host/path")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("take the name and password out; keep a clone on this machine and give its path");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("take everything from ? or # on away");
    }
    match url.scheme() == "https" || is_this_machine(&url) {
        true => Ok(url),
        false => Err("use https://, because anybody in between can change what comes by http://"),
    }
}

/// Whether git's connections to `host` can be held to the addresses that were judged. Marks mean something else to the
/// library that git connects with, and it does not find a name with a dot at its end among the held ones.
fn is_pinnable(host: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let name = !host.starts_with('-') && !host.ends_with('.') && host.bytes().all(plain);
    name || host.starts_with('[')
}

/// For people, without a password.
fn shown(text: &str) -> String {
    let text = one_line(text, 200);
    match text.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?.1))) {
        Some((scheme, rest)) => format!("{scheme}://…@{rest}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, &str>) {
        match (allowed(text).map_err(|refused| refused.to_string()), expected) {
            (Ok(location), Ok(expected)) => assert_eq!(location.as_str(), expected),
            (Err(refused), Err(expected)) => assert!(refused.contains(expected), "{text}: {refused}"),
            (answer, _) => panic!("{text}: {answer:?}"),
        }
    }

    #[test]
    fn only_this_disk_and_https() {
        check("/", Ok("/"));
        check("file:///srv/shop.git", Ok("file:///srv/shop.git"));
        check("https://github.com/acme/shop.git", Ok("https://github.com/acme/shop.git"));
        check("http://127.0.0.1:8080/shop.git", Ok("http://127.0.0.1:8080/shop.git"));
        check("http://[::1]/shop.git", Ok("http://[::1]/shop.git"));
        check("http://localhost/shop.git", Ok("http://localhost/shop.git"));
        check("http://github.com/acme/shop.git", Err("use https://, because"));
        check("http://127.0.0.1.evil.example/x", Err("use https://, because"));
        check("https://lena:hunter2@github.com/acme/shop.git", Err("git cannot be https://…@github.com/acme/shop.git"));
        for host in ["-oProxyCommand=x", "+github.com", "*", "github.com.", "git,hub.com", "git+hub.com"] {
            check(&format!("https://{host}/shop"), Err("write https://host/path"));
        }
        check("file://server/shop.git", Err("write file:///"));
        check("/nowhere/at/all", Err("No such file"));
        for remote in
            ["git@github.com:acme/shop.git", "ssh://git@github.com/acme/shop.git", "ext::sh -c x", "git://x/y"]
        {
            check(remote, Err("use https://, or keep a clone"));
        }
        for bad in ["", "--upload-pack=touch pwned", "-x", "a\nb", "a\0b"] {
            check(bad, Err("give the path of a clone"));
        }
    }
}
