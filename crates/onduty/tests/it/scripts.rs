//! `scripts/test` with programs that only pretend: what its closing line says.

use crate::tools::write_script;
use std::path::Path;
use std::process::Command;

/// Passes, or fails when it is called for the first time with a file whose name says so.
const NODE: &str = r#"#!/bin/sh
for file; do :; done
case $file in
    *busy*) [ -e "$0.seen" ] || { : >"$0.seen"; printf '# pass 2\n# fail 1\n# skipped 0\n'; exit 1; } ;;
    *broken*) printf '# pass 2\n# fail 1\n# skipped 0\n'; exit 1 ;;
esac
printf '# pass 3\n# fail 0\n# skipped 0\n'
"#;

/// The last line of a run with these browser files.
fn closing_line(folder: &Path, files: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/test");
    let programs = folder.join("programs");
    let tests = ["browser", "sentry", "oidc", "bugsink", "otlp", "calendar"].map(|part| format!("tests/{part}"));
    for part in tests.iter().map(String::as_str).chain(["scripts", "programs"]) {
        std::fs::create_dir_all(folder.join(part)).unwrap();
    }
    std::fs::copy(script, folder.join("scripts/test")).expect("it is part of the repository");
    let good = "#!/bin/sh\necho 'test result: ok. 1 passed; 0 failed; 0 ignored;'\n";
    for name in ["cargo", "git", "initdb", "openssl", "python3", "npm", "chromium"] {
        write_script(&programs.join(name), good);
    }
    write_script(&programs.join("node"), NODE);
    write_script(&folder.join("tests/bugsink/with-bugsink"), good);
    write_script(&folder.join("tests/otlp/with-sdk"), good);
    write_script(&folder.join("tests/calendar/with-clients"), good);
    for file in files {
        std::fs::write(folder.join("tests/browser").join(file), "").unwrap();
    }
    let output = Command::new("bash")
        .arg(folder.join("scripts/test"))
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", programs.display()))
        .output()
        .expect("bash is installed");
    let said = String::from_utf8_lossy(&output.stdout);
    let last = said.lines().last().unwrap_or_default().to_owned();
    assert_eq!(output.status.success(), last.contains(" 0 failed"), "{said}");
    last
}

#[test]
fn the_closing_line_names_the_browser_files_that_ran_again() {
    let counts = |files: &[&str]| {
        let folder = tempfile::tempdir().expect("a folder");
        closing_line(folder.path(), files)
    };
    let clean = counts(&["a.test.mjs", "b.test.mjs"]);
    assert!(clean.starts_with("reduced: ") && clean.ends_with(", 0 failed, 0 skipped"), "{clean}");
    let busy = counts(&["a.test.mjs", "busy.test.mjs"]);
    // Only the second run counts, and is as good as the first would have been.
    assert_eq!(busy, format!("{clean}; ran twice: busy.test.mjs"));
    let broken = counts(&["broken.test.mjs", "busy.test.mjs"]);
    assert!(broken.ends_with(", 1 failed, 0 skipped; ran twice: broken.test.mjs, busy.test.mjs"), "{broken}");
}
