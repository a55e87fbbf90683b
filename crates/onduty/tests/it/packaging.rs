//! The unit of systemd and the container file: their commands exist, and the unit is as hard as it says.

use crate::tools::{ONDUTY, Said, has, onduty};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The highest exposure that systemd may find; in tenths, 100 is none of its protections.
const MAX_EXPOSURE: &str = "20";

fn packaging(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging").join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(packaging(name)).expect("it is part of the repository")
}

#[tokio::test]
async fn every_command_of_the_unit_and_the_container_is_understood() {
    let unit = text("onduty.service");
    let of_unit = unit.lines().filter_map(|line| line.strip_prefix("ExecStart").and_then(|rest| rest.split_once('=')));
    let mut commands: Vec<Vec<String>> = of_unit
        .map(|(_, command)| command.strip_prefix("/usr/local/bin/onduty ").expect("the installed program"))
        .map(|arguments| arguments.split(' ').map(str::to_owned).collect())
        .collect();
    assert_eq!(commands.len(), 2, "{commands:?}");
    let container = text("Containerfile");
    let of_container = container.lines().filter_map(|line| line.strip_prefix("CMD "));
    commands.extend(of_container.map(|list| serde_json::from_str::<Vec<String>>(list).expect("a JSON list")));
    assert_eq!(commands.len(), 3, "{commands:?}");
    let folder = tempfile::tempdir().expect("a folder");
    for command in commands {
        let mut arguments: Vec<&str> = command.iter().map(String::as_str).collect();
        arguments.push("--help");
        let said = onduty(folder.path(), &[], &arguments).await;
        assert_eq!(said.code, 0, "{arguments:?}: {said:?}");
    }
}

#[test]
fn the_container_runs_as_nobody_in_particular() {
    let container = text("Containerfile");
    let last = container.rsplit("\nFROM ").next().expect("a last stage");
    assert!(last.contains("\nUSER 10001:10001\n") && last.contains("\nHEALTHCHECK "), "{last}");
    assert!(last.contains("COPY --from=build"), "only the program is copied: {last}");
    let root = packaging("..");
    for line in
        container.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|line| !line.starts_with("--from"))
    {
        let mut parts: Vec<&str> = line.split(' ').collect();
        parts.pop();
        for part in parts {
            assert!(root.join(part).exists(), "COPY {part}");
        }
    }
}

#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    if !has("systemd-analyze", "the unit of systemd") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let unit = folder.path().join("onduty.service");
    std::fs::write(&unit, text("onduty.service").replace("/usr/local/bin/onduty", ONDUTY)).expect("a file");
    let analyze = |arguments: &[&str]| {
        let output = Command::new("systemd-analyze").args(arguments).arg(&unit).output().expect("it was there");
        Said::of(&output)
    };
    let verified = analyze(&["verify", "--man=no", "--recursive-errors=no"]);
    assert_eq!((verified.code, verified.err.as_str()), (0, ""), "{verified:?}");
    let secure = analyze(&["security", "--offline=true", &format!("--threshold={MAX_EXPOSURE}"), "--no-pager"]);
    assert_eq!(secure.code, 0, "{secure:?}");
}
