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

/// What the program asks the system's linker for, by `ldd`: the last stage of the container has to have it.
#[test]
fn the_program_needs_nothing_that_the_image_has_not() {
    if !has("ldd", "what the program needs of an image") {
        return;
    }
    let said = Said::of(&Command::new("ldd").arg(ONDUTY).output().expect("it was there"));
    assert_eq!(said.code, 0, "{said:?}");
    let names = said.out.lines().filter_map(|line| line.split_whitespace().next());
    // Every Debian has these, the slim one too: they belong to libc6 and libgcc-s1.
    let known =
        ["linux-vdso.so.1", "libc.so.6", "libm.so.6", "libgcc_s.so.1", "libdl.so.2", "libpthread.so.0", "librt.so.1"];
    let more: Vec<&str> = names.filter(|name| !known.contains(name) && !name.contains("/ld-linux")).collect();
    assert_eq!(more, [""; 0], "install what has them in the last stage of packaging/Containerfile");
}

/// Built here or there, the manifest and the lock have to name the same crates, and every path that cargo reads is copied.
#[test]
fn the_first_stage_copies_what_cargo_reads() {
    let container = text("Containerfile");
    let copied: Vec<&str> = container
        .lines()
        .filter_map(|line| line.strip_prefix("COPY ").filter(|line| !line.starts_with("--from")))
        .flat_map(|line| line.split(' ').rev().skip(1))
        .collect();
    let manifest = std::fs::read_to_string(packaging("../Cargo.toml")).expect("the workspace");
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = ")).expect("its members");
    assert!(members.contains("\"crates/*\"") || members.contains("\"crates/"), "{members}");
    for needed in ["Cargo.toml", "Cargo.lock", "crates"] {
        assert!(copied.contains(&needed), "{needed} is not copied: {copied:?}");
    }
    // What the sources include from beside the crates has to be copied as well.
    let mut folders = vec![packaging("../crates")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|ending| ending == "rs")
                && !entry.ends_with("tests.rs")
                && entry.components().any(|part| part.as_os_str() == "src")
            {
                let source = std::fs::read_to_string(&entry).expect("a source");
                for line in
                    source.lines().filter(|line| line.contains("include_str!(\"") || line.contains("include_bytes!(\""))
                {
                    let path = line.split_once("!(\"").and_then(|(_, rest)| rest.split_once('"')).expect("a path").0;
                    let included = entry.parent().expect("a folder").join(path);
                    let included =
                        included.canonicalize().unwrap_or_else(|error| panic!("{}: {error}", included.display()));
                    let root = packaging("..").canonicalize().expect("the repository");
                    let below = included.strip_prefix(&root).expect("in the repository").to_str().expect("plain");
                    let is_copied = copied.iter().any(|part| below == *part || below.starts_with(&format!("{part}/")));
                    assert!(is_copied, "{} includes {below}, which the container does not copy", entry.display());
                }
            }
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
