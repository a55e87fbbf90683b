//! A server whose disk is watched, and refuses when a test says so: `faults.c`, preloaded.

use crate::served::Served;
use crate::tools::Said;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// What the disk does, as `faults.c` numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Fine = 0,
    DiskFull = 1,
    WritesFail = 2,
    SyncsFail = 3,
    ReadOnly = 4,
    /// Of each write the first half arrives before the disk is full.
    HalfWrites = 5,
}

/// What happened to a file of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It was made.
    Create,
    /// Bytes were written.
    Write,
    /// It was cut or made longer.
    Truncate,
    /// It was taken out of its folder.
    Remove,
    /// The disk was asked to keep what was written.
    Sync,
}

/// The files that are watched, as places in a list.
pub const DATABASE: usize = 0;
/// The write-ahead log.
pub const WAL: usize = 1;
/// The folder that both are in.
pub const FOLDER: usize = 3;

/// One thing that happened.
#[derive(Debug)]
pub struct Record {
    pub what: What,
    /// To which file.
    pub file: usize,
    /// The disk refused.
    pub failed: bool,
    /// When it began, by [`crate::load::monotonic`].
    pub begun: u64,
    /// Where it was written.
    pub offset: usize,
    /// How much was written, or how long the file is now.
    pub length: usize,
    /// What was written.
    pub bytes: Vec<u8>,
}

/// The switch of one server's disk, and what happened to it.
pub struct Disk {
    folder: tempfile::TempDir,
    control: std::fs::File,
}

impl Disk {
    /// Puts a disk of our own under `served`; `is_recorded` if everything that happens to it is to be written down.
    pub fn under(served: Served, is_recorded: bool) -> (Served, Disk) {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("control"), [Fault::Fine as u8]).expect("a control file");
        let control = std::fs::OpenOptions::new().write(true).open(folder.path().join("control")).expect("it is there");
        let disk = Disk { folder, control };
        let text = |path: PathBuf| path.to_str().expect("a plain path").to_owned();
        // SQLite opens a file by its real name.
        let files = served.files().canonicalize().expect("the files of the instance");
        let store = files.join("data/onduty.db");
        let mut served = served
            .with("LD_PRELOAD", text(shim()))
            .with("FAULTS_STORE", text(store))
            .with("FAULTS_CONTROL", text(disk.folder.path().join("control")));
        if is_recorded {
            served = served.with("FAULTS_LOG", text(disk.log()));
        }
        (served, disk)
    }

    /// From now on the disk does this.
    pub fn does(&self, fault: Fault) {
        self.control.write_all_at(&[fault as u8], 0).expect("the control file can be written");
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Everything that happened, in its order.
    pub fn records(&self) -> Vec<Record> {
        let log = std::fs::read(self.log()).expect("the disk was recorded");
        let mut rest = log.as_slice();
        std::iter::from_fn(|| next_record(&mut rest)).collect()
    }
}

fn next_record(rest: &mut &[u8]) -> Option<Record> {
    let mut word = || {
        let (word, more) = rest.split_first_chunk::<8>()?;
        *rest = more;
        Some(u64::from_le_bytes(*word))
    };
    let (kind, begun, _ended) = (word()?, word()?, word()?);
    let (offset, length) = (usize::try_from(word()?).unwrap(), usize::try_from(word()?).unwrap());
    let what = match kind & 0xff {
        1 => What::Create,
        2 => What::Write,
        3 => What::Truncate,
        4 => What::Remove,
        5 => What::Sync,
        other => panic!("the recording has {other}, which faults.c does not write"),
    };
    let file = usize::try_from((kind >> 8) & 0xff).unwrap() - 1;
    let bytes = if what == What::Write { rest.split_off(..length).expect("the bytes of a write") } else { &[] };
    Some(Record { what, file, failed: kind >> 16 != 0, begun, offset, length, bytes: bytes.to_vec() })
}

/// `faults.c`, built once by the C compiler that Rust links with.
fn shim() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let built = folder.join("faults.so");
        let draft = folder.join(format!("faults-{}.so", std::process::id()));
        let output = Command::new("cc")
            .args(["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread", "-o"])
            .arg(&draft)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/faults.c"))
            .output()
            .expect("cc is there, or Rust could not link");
        let said = Said::of(&output);
        assert_eq!(said.code, 0, "{}", said.err);
        // Another run of the tests may have it loaded.
        std::fs::rename(&draft, &built).expect("the build folder can be written");
        built
    };
    BUILT.get_or_init(build).clone()
}
