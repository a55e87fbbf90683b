//! File descriptors: every connection takes one.

use super::Limits;
use rustix::process::{Resource, getrlimit, setrlimit};

/// For the store, its files, git, what goes out.
const SPARE: u64 = 256;

/// Raises the process's own limit as far as the connections need and the system allows; where that is not far enough,
/// takes fewer connections and says so.
pub fn make_room(limits: &mut Limits) {
    let wanted = limits.connections as u64 + SPARE;
    let mut files = getrlimit(Resource::Nofile);
    let allowed = files.maximum.unwrap_or(u64::MAX);
    if files.current.is_some_and(|current| current < wanted) {
        files.current = Some(wanted.min(allowed));
        if let Err(error) = setrlimit(Resource::Nofile, files) {
            tracing::warn!(%error, "the limit of open files stays as it is");
        }
    }
    let room = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if room < wanted {
        limits.connections = connections_within(room);
        tracing::warn!(
            allowed,
            connections = limits.connections,
            "fewer connections than configured: this process may open {room} files, {wanted} are wanted; raise LimitNOFILE or `ulimit -Hn`"
        );
    }
}

/// As many as fit beside everything else, and some at least.
fn connections_within(room: u64) -> usize {
    usize::try_from(room.saturating_sub(SPARE).max(room / 2)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::connections_within;

    #[test]
    fn some_descriptors_stay_for_all_else() {
        for (room, connections) in [(1_024, 768), (4_096, 3_840), (300, 150), (0, 0)] {
            assert_eq!(connections_within(room), connections, "{room}");
        }
    }
}
