//! A PostgreSQL server for one test process, in a temporary folder, reached through a socket in it.
//!
//! Nothing of it outlives the process: a shell waits at the end of a pipe from here, stops the server and removes the
//! folder when the pipe closes, however the process ended. Durability of the machine is not tested with it (`fsync` is
//! off), crashes of the server are.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Which databases the tests have to run on: `both`, or `sqlite` to leave PostgreSQL out in silence. Otherwise they run
/// on both where PostgreSQL is installed, and say so where it is not.
pub const STORES: &str = "ONDUTY_TEST_STORES";

/// The server of this process; `None`, said aloud once, where there is none.
///
/// # Panics
/// Where there is none and [`STORES`] says `both`.
pub fn shared() -> Option<&'static Server> {
    static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
    let wanted = std::env::var(STORES).unwrap_or_default();
    if wanted == "sqlite" {
        return None;
    }
    let server = SERVER.get_or_init(|| {
        Server::start().inspect_err(|why| {
            // Past the capture of the test runner.
            let _ = writeln!(std::io::stderr().lock(), "\nNOT CHECKED: nothing runs on PostgreSQL: {why}");
        })
    });
    match server {
        Ok(server) => Some(server),
        Err(why) if wanted == "both" => panic!("{STORES}=both, but {why}"),
        Err(_) => None,
    }
}

/// A new, empty database on the server of this process.
pub fn database() -> Option<Database> {
    Some(shared()?.database())
}

/// A running server.
pub struct Server {
    programs: PathBuf,
    folder: PathBuf,
    user: Option<User>,
    made: AtomicU64,
    /// The shell that stops the server once this is dropped.
    keeper: Child,
}

/// PostgreSQL refuses to run as root.
struct User {
    uid: u32,
    gid: u32,
}

impl Server {
    /// Makes a server and waits until it answers.
    ///
    /// # Errors
    /// Why there is none: it is not installed, or it did not start.
    pub fn start() -> Result<Server, String> {
        Server::start_with("")
    }

    /// The same with settings (`-c fsync=on`) of its own.
    ///
    /// # Errors
    /// As above.
    pub fn start_with(own: &str) -> Result<Server, String> {
        let programs = programs().ok_or(
            "PostgreSQL is not installed; install the package postgresql, or set ONDUTY_TEST_STORES=sqlite to do without",
        )?;
        let user = unprivileged()?;
        let folder = make_folder(user.as_ref()).map_err(|error| format!("no folder for PostgreSQL: {error}"))?;
        // Interrupts of the terminal are for the tests; the end of the pipe is the only sign that counts.
        const KEEPER: &str = r#"trap '' INT TERM HUP
            if "$0/initdb" -D "$1/data" -U onduty -A trust -E UTF8 --locale=C --no-sync >"$1/log" 2>&1 &&
               "$0/pg_ctl" -D "$1/data" -w -t 60 -l "$1/log" -o "$2" start >/dev/null 2>&1
            then echo ready; else tail -n 3 "$1/log" | tr '\n' ' '; echo; fi
            exec >/dev/null 2>&1
            cat
            "$0/pg_ctl" -D "$1/data" -m immediate -w stop
            rm -rf "$1""#;
        let settings = format!(
            "-k {} -c listen_addresses= -c fsync=off -c full_page_writes=off -c max_connections=300 \
             -c shared_buffers=64MB -c max_wal_size=256MB -c autovacuum=off {own}",
            folder.display()
        );
        let mut keeper = Command::new("/bin/sh");
        keeper.args(["-c", KEEPER]).arg(&programs).arg(&folder).arg(settings).current_dir(&folder).env("LC_ALL", "C");
        if let Some(user) = &user {
            keeper.uid(user.uid).gid(user.gid);
        }
        let keeper = keeper.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut keeper = keeper.map_err(|error| format!("no shell: {error}"))?;
        let mut said = String::new();
        if let Some(out) = keeper.stdout.take() {
            let _ = BufReader::new(out).read_line(&mut said);
        }
        let server = Server { programs, folder, user, made: AtomicU64::new(0), keeper };
        if said.trim() == "ready" { Ok(server) } else { Err(format!("PostgreSQL did not start: {}", said.trim())) }
    }

    /// A new, empty database.
    ///
    /// # Panics
    /// When the server does not make it.
    pub fn database(&self) -> Database {
        self.make(&["--template=template0"])
    }

    /// A database with this collation.
    ///
    /// # Panics
    /// When the server does not make it.
    pub fn database_sorted_by(&self, collation: &str) -> Database {
        self.make(&["--template=template0", &format!("--locale={collation}")])
    }

    /// A database whose text has this encoding.
    ///
    /// # Panics
    /// When the server does not make it.
    pub fn database_encoded(&self, encoding: &str) -> Database {
        self.make(&["--template=template0", "--locale=C", &format!("--encoding={encoding}")])
    }

    fn make(&self, how: &[&str]) -> Database {
        let name = format!("onduty_{}", self.made.fetch_add(1, Ordering::Relaxed));
        let socket = self.folder.display().to_string();
        let made = self.run("createdb", &[&["-h", &socket, "-U", "onduty"], how, &[&name]].concat());
        assert!(made.status.success(), "createdb: {}", String::from_utf8_lossy(&made.stderr));
        Database { url: format!("postgres:///{name}?host={socket}&user=onduty") }
    }

    /// Ends the server as a crash would. Connecting fails at once, because its socket is gone.
    ///
    /// # Panics
    /// When it was not running.
    pub fn crash(&self) {
        self.control(&["-m", "immediate", "-w", "stop"]);
    }

    /// The same, and leaves a socket on which nobody listens: connections are refused, as they are over TCP.
    ///
    /// # Panics
    /// When it was not running.
    pub fn crash_and_refuse(&self) {
        self.crash();
        drop(UnixListener::bind(self.folder.join(".s.PGSQL.5432")).expect("its place is free"));
    }

    /// Starts it after a crash; returns when it answers.
    ///
    /// # Panics
    /// When it does not come back.
    pub fn start_again(&self) {
        // Unlike `start`, it knows the settings that the server had.
        self.control(&["-w", "-t", "60", "restart"]);
    }

    fn control(&self, what: &[&str]) {
        let (data, log) = (self.folder.join("data"), self.folder.join("log"));
        let (data, log) = (data.display().to_string(), log.display().to_string());
        let done = self.run("pg_ctl", &[&["-D", &data, "-l", &log], what].concat());
        assert!(done.status.success(), "pg_ctl: {}", String::from_utf8_lossy(&done.stderr));
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(self.programs.join(program));
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null());
        if let Some(user) = &self.user {
            command.uid(user.uid).gid(user.gid);
        }
        command.output().expect("a program of PostgreSQL")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// A database for one test.
pub struct Database {
    url: String,
}

impl Database {
    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// The folder with `initdb` and `postgres`: on the search path, or where Debian puts them, the newest first.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("initdb"));
    let mut versions: Vec<PathBuf> =
        std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    versions.sort_by_key(|folder| folder.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()));
    let of_debian = versions.into_iter().rev().map(|folder| folder.join("bin/initdb"));
    let initdb = of_debian.chain(on_path).find_map(|path| path.canonicalize().ok())?;
    initdb.parent().map(Path::to_owned)
}

/// Somebody else where this process is root's: `postgres`, or `nobody`.
fn unprivileged() -> Result<Option<User>, String> {
    let own = std::fs::metadata("/proc/self").map_err(|error| format!("/proc is not there: {error}"))?;
    if own.uid() != 0 {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let find = |name: &str| {
        let fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[0] == name)?;
        Some(User { uid: fields.get(2)?.parse().ok()?, gid: fields.get(3)?.parse().ok()? })
    };
    let user = find("postgres").or_else(|| find("nobody"));
    user.map(Some).ok_or_else(|| "it refuses to run as root, and there is no user postgres or nobody".to_owned())
}

/// Below `/tmp` and short: the path of a socket has at most 107 bytes. Only its owner may look into it, besides root.
fn make_folder(user: Option<&User>) -> std::io::Result<PathBuf> {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let folder = PathBuf::from(format!("/tmp/onduty-postgres-{}-{number}", std::process::id()));
    // What a process with the same number left behind when the whole machine went down.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder)?;
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))?;
    if let Some(user) = user {
        chown(&folder, Some(user.uid), Some(user.gid))?;
    }
    Ok(folder)
}
