//! The text of `onduty.yml` as a [`Config`].

use super::values::{line, path, socket};
use super::{
    AccessRules, Config, EgressRules, PerformanceRules, SecretSource, ServerRules, Sources, access, egress,
    leave_calendars, performance, rollouts, secrets, server, sources,
};
use onduty_core::files::{self, Fields, Node, Problem, Problems};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

/// Where the server listens, unless said otherwise.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7007);

/// What can be read of `text`, with the defaults for all that cannot, and every problem: so that the other files of
/// the team are looked at as well.
pub fn config(file: &str, text: &str, base: &Path) -> (Config, Vec<Problem>) {
    let mut problems = Problems::new(file);
    let mut config = Config {
        name: "onduty".to_owned(),
        listen: DEFAULT_LISTEN,
        data: base.join("onduty-data"),
        database: None,
        roster: base.join("roster.yml"),
        processes: base.join("processes"),
        sources: Sources::default(),
        write_back_errors: None,
        rollouts: BTreeMap::new(),
        leave_calendars: BTreeMap::new(),
        egress: EgressRules::default(),
        server: ServerRules::default(),
        access: AccessRules::default(),
        performance: PerformanceRules::default(),
    };
    if let Some(root) = files::parse(text, &mut problems) {
        read(&root, base, &mut config, &mut problems);
    }
    (config, problems.into_sorted())
}

fn read(root: &Node, base: &Path, config: &mut Config, problems: &mut Problems) {
    let Some(mut fields) = Fields::of(root, "the instance's file", problems) else { return };
    if let Some((text, place)) = fields.text("name", problems)
        && let Some(name) = line(&text, place, "a name", problems)
    {
        config.name = name;
    }
    // First: where the server may listen depends on it.
    config.server = fields.node("server").map(|node| server::read(node, base, problems)).unwrap_or_default();
    if let Some((text, place)) = fields.text("listen", problems)
        && let Some(address) = socket(&text, place, problems)
    {
        config.listen = address;
        server::check_listen(address, place, &config.server, problems);
    }
    config.data = path(&mut fields, "data", "onduty-data", base, problems);
    config.database = fields.node("database").and_then(|node| database(node, base, problems));
    config.roster = path(&mut fields, "roster", "roster.yml", base, problems);
    config.processes = path(&mut fields, "processes", "processes", base, problems);
    if let Some(node) = fields.node("process") {
        process(node, problems);
    }
    // First: where `http` may be spoken depends on it.
    config.egress = fields.node("egress").map(|node| egress::read(node, problems)).unwrap_or_default();
    config.access = fields.node("access").map(|node| access::read(node, base, problems)).unwrap_or_default();
    config.sources = sources::read(fields.map("sources", problems), base, &config.egress, problems);
    config.performance = fields.node("performance").map(|node| performance::read(node, problems)).unwrap_or_default();
    config.write_back_errors = fields.node("write_back").and_then(|node| rollouts::write_back(node, base, problems));
    config.leave_calendars = leave_calendars::read(fields.map("leave_calendars", problems), base, problems);
    config.rollouts = rollouts::read(fields.map("rollouts", problems), base, problems);
    fields.finish(problems);
}

/// `database: {url_env: ONDUTY_DATABASE_URL}`
fn database(node: &Node, base: &Path, problems: &mut Problems) -> Option<SecretSource> {
    let mut fields = Fields::of(node, "`database`", problems)?;
    let source = secrets::read_as(secrets::Keys::ADDRESS, &mut fields, "`database`", base, problems);
    fields.finish(problems);
    source
}

/// `process: {from: repo}`: the files are the only source of processes in this version.
fn process(node: &Node, problems: &mut Problems) {
    let Some(mut fields) = Fields::of(node, "`process`", problems) else { return };
    if let Some((from, place)) = fields.text("from", problems)
        && from != "repo"
    {
        problems.add(
            place,
            format!("processes cannot come from `{from}` yet"),
            "write `from: repo`, and edit the files",
        );
    }
    fields.finish(problems);
}
