//! Many signed senders at once, and what has to be true of a store after its server ended in whatever way.

use crate::served::{GITHUB_SECRET, SECRET, Served};
use onduty::clock::real_now;
use onduty::store::{Location, Store, journal, log_book};
use onduty_core::engine::Record;
use onduty_core::signal::{Fact, Observation};
use onduty_fakes::sign;
use serde_json::json;
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Numbers that look random and are the same again for the same seed (splitmix64).
pub struct Dice(u64);

impl Dice {
    /// From `ONDUTY_SEED`, or another seed each time; says which, so that a failure can be played again.
    pub fn for_test(what: &str) -> Dice {
        let given = std::env::var("ONDUTY_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| real_now().as_microsecond().unsigned_abs());
        eprintln!("{what}: ONDUTY_SEED={seed} plays it again");
        Dice(seed)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }

    /// A time between `from` and `to` milliseconds.
    pub fn milliseconds(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_micros(from * 1_000 + self.below((to - from) * 1_000))
    }
}

/// What all senders know together.
#[derive(Default)]
struct Shared {
    url: RwLock<String>,
    stop: AtomicBool,
    acknowledged: Mutex<BTreeMap<String, u64>>,
    refused: AtomicUsize,
    broken: AtomicUsize,
    longest: Mutex<Duration>,
}

/// Senders that send as real ones do: the same again, with the same id, until it is answered well.
pub struct Load {
    shared: Arc<Shared>,
    senders: Vec<JoinHandle<()>>,
}

/// How a sender signs.
#[derive(Clone, Copy, PartialEq)]
enum Signs {
    Standard,
    Github,
}

impl Load {
    /// Starts `senders`, every fourth of them signing as GitHub does; each rests for `rest` after an answer.
    pub fn start(url: &str, senders: usize, rest: Duration) -> Load {
        let shared = Arc::new(Shared { url: RwLock::new(url.to_owned()), ..Shared::default() });
        let sender = |number: usize| {
            let signs = if number % 4 == 3 { Signs::Github } else { Signs::Standard };
            tokio::spawn(send_for_ever(Arc::clone(&shared), number, signs, rest))
        };
        let senders = (0..senders).map(sender).collect();
        Load { shared, senders }
    }

    /// The server has another address now.
    pub fn goes_to(&self, url: &str) {
        url.clone_into(&mut self.shared.url.write().unwrap());
    }

    /// What was acknowledged, and when by [`monotonic`].
    pub fn acknowledged(&self) -> BTreeMap<String, u64> {
        self.shared.acknowledged.lock().unwrap().clone()
    }

    /// How much was acknowledged.
    pub fn count(&self) -> usize {
        self.shared.acknowledged.lock().unwrap().len()
    }

    /// How often a sender was asked to come again.
    pub fn refused(&self) -> usize {
        self.shared.refused.load(Ordering::Relaxed)
    }

    /// How often a sender got no answer at all.
    pub fn broken(&self) -> usize {
        self.shared.broken.load(Ordering::Relaxed)
    }

    /// The longest that a sender waited for an answer of either kind since the last time.
    pub fn longest_wait(&self) -> Duration {
        std::mem::take(&mut *self.shared.longest.lock().unwrap())
    }

    /// Ends all senders; fails if one of them met what a sender must not meet.
    pub async fn stop(self) -> BTreeMap<String, u64> {
        self.shared.stop.store(true, Ordering::Relaxed);
        for sender in self.senders {
            sender.await.expect("no sender met an answer that it should not get");
        }
        let acknowledged = self.shared.acknowledged.lock().unwrap();
        acknowledged.clone()
    }
}

/// Nanoseconds of the clock that [`Instant`] and the recording of the disk go by.
pub fn monotonic() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

async fn send_for_ever(shared: Arc<Shared>, sender: usize, signs: Signs, rest: Duration) {
    let http = crate::person::client(Duration::from_secs(30));
    for number in 0_u64.. {
        let name = format!("load-{sender}-{number}-");
        // One in fifty becomes an item and a line of the log book.
        let (path, body) = match signs {
            Signs::Github => ("github", github_body(&name)),
            Signs::Standard if sender == 0 && number % 50 == 0 => ("signals", error_body(&name)),
            Signs::Standard => ("signals", signal_body(&name)),
        };
        loop {
            if shared.stop.load(Ordering::Relaxed) {
                return;
            }
            let url = format!("{}/hooks/{path}", shared.url.read().unwrap());
            let request = http.post(url).header("content-type", "application/json");
            let request = match signs {
                Signs::Github => request
                    .header("x-github-event", "status")
                    .header("x-github-delivery", &name)
                    .header("x-hub-signature-256", sign::github(GITHUB_SECRET, body.as_bytes())),
                Signs::Standard => {
                    let seconds = real_now().as_second();
                    request
                        .header("webhook-id", &name)
                        .header("webhook-timestamp", seconds)
                        .header("webhook-signature", sign::standard(SECRET, &name, seconds, body.as_bytes()))
                }
            };
            let asked = Instant::now();
            let answer = request.body(body.clone()).send().await;
            if answer.is_ok() {
                let mut longest = shared.longest.lock().unwrap();
                *longest = longest.max(asked.elapsed());
            }
            match answer {
                Ok(answer) if answer.status().is_success() => break,
                Ok(answer) => {
                    let status = answer.status().as_u16();
                    assert_eq!(status, 503, "a good delivery is taken, or the sender is asked to come again");
                    assert!(answer.headers().contains_key("retry-after"), "it says when to come again");
                    shared.refused.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(_) => {
                    shared.broken.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        }
        shared.acknowledged.lock().unwrap().insert(name, monotonic());
        tokio::time::sleep(rest).await;
    }
}

fn signal_body(name: &str) -> String {
    json!({"type": "signal", "kind": "load", "subject": name, "state": "ok"}).to_string()
}

fn error_body(name: &str) -> String {
    json!({"type": "error", "project": "shop", "id": name, "environment": "staging", "title": name}).to_string()
}

fn github_body(name: &str) -> String {
    json!({"repository": {"full_name": "acme/shop", "owner": {"login": "acme"}}, "context": name,
        "sha": "8f3c2a4b5d6e7f80912a3b4c5d6e7f80912a3b4c", "state": "success", "created_at": "2026-03-02T08:00:00Z",
        "branches": [{"name": "elsewhere", "commit": {"sha": "8f3c2a4b5d6e7f80912a3b4c5d6e7f80912a3b4c"}}]})
    .to_string()
}

/// Which delivery of the senders an observation came from.
fn name_of(observation: &Observation) -> Option<String> {
    let text = match &observation.fact {
        Fact::Build(build) => build.name.clone(),
        Fact::Error(_) | Fact::Custom(_) => observation.subject.to_string(),
        _ => return None,
    };
    let begin = text.find("load-")?;
    // `load-3-17-`: the last dash ends it, so that no name begins another one.
    let end = text[begin..].match_indices('-').nth(2)?.0;
    Some(text[begin..=begin + end].to_owned())
}

/// Reads the store of a server that has ended, again and again, each time only what is new.
pub struct Checker {
    folder: tempfile::TempDir,
    after: i64,
    names: BTreeSet<String>,
}

impl Checker {
    /// In a folder of its own; `in_folder` may be one in memory.
    pub fn new() -> Checker {
        let folder = Some(Path::new("/dev/shm")).filter(|memory| memory.is_dir());
        let folder = folder.map_or_else(tempfile::tempdir, tempfile::tempdir_in);
        Checker { folder: folder.expect("a temporary folder"), after: 0, names: BTreeSet::new() }
    }

    /// Checks the store of `served`, which has ended: nothing acknowledged is missing, nothing is there twice, the log
    /// book's chain is whole.
    pub async fn check(&mut self, served: &Served, acknowledged: &BTreeMap<String, u64>) {
        let checked = match crate::stores::location(&served.files()) {
            Location::Sqlite(path) => self.check_file(&self.copy_of(&path), acknowledged.keys()).await,
            // What recovers there is PostgreSQL, which runs on.
            location => self.check_at(&location, acknowledged.keys()).await,
        };
        if let Err(broken) = checked {
            panic!("{broken}");
        }
    }

    /// A copy to look at, so that the server that comes next has to recover the file at `path` by itself.
    fn copy_of(&self, path: &Path) -> PathBuf {
        let copy = self.folder.path().join("onduty.db");
        for ending in ["", "-wal", "-shm"] {
            let (from, to) = (beside(path, ending), beside(&copy, ending));
            let _ = std::fs::remove_file(&to);
            if ending != "-shm" && from.exists() {
                std::fs::copy(from, to).expect("a copy");
            }
        }
        copy
    }

    /// The same of the file at `path`, which is changed by being opened; what is wrong, if anything is.
    pub async fn check_file<'a>(
        &mut self,
        path: &Path,
        acknowledged: impl Iterator<Item = &'a String>,
    ) -> Result<(), String> {
        self.check_at(&Location::Sqlite(path.to_owned()), acknowledged).await
    }

    /// The same of the store at `location`.
    pub async fn check_at<'a>(
        &mut self,
        location: &Location,
        acknowledged: impl Iterator<Item = &'a String>,
    ) -> Result<(), String> {
        let store = Store::open_at(location).await.map_err(|error| format!("it does not open: {error:?}"))?;
        let checked = self.check_store(&store, acknowledged).await;
        store.close().await;
        checked?;
        doubles_in(location).await
    }

    async fn check_store<'a>(
        &mut self,
        store: &Store,
        acknowledged: impl Iterator<Item = &'a String>,
    ) -> Result<(), String> {
        let words = |error: onduty::store::StoreError| format!("it cannot be read: {error:?}");
        let mut reader = store.read().await.map_err(words)?;
        for (seq, record) in journal::read(&mut reader, self.after, u32::MAX).await.map_err(words)? {
            if seq != self.after + 1 {
                return Err(format!("the journal has a hole before {seq}"));
            }
            self.after = seq;
            let Record::Observed { observations, .. } = record else { continue };
            for name in observations.iter().filter_map(name_of) {
                if !self.names.insert(name.clone()) {
                    return Err(format!("{name} is in the journal twice"));
                }
            }
        }
        let lost: Vec<&String> = acknowledged.filter(|name| !self.names.contains(*name)).collect();
        if !lost.is_empty() {
            return Err(format!("{} acknowledged and lost: {lost:?}", lost.len()));
        }
        match log_book::verify(&mut reader, &crate::day::duty(), &[]).await.map_err(words)? {
            Ok(_) => Ok(()),
            Err(broken) => Err(format!("the chain is broken: {broken:?}")),
        }
    }
}

/// `onduty.db` with `ending` behind it.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// What SQLite itself says of the file, and rows that would be there twice.
async fn doubles_in(location: &Location) -> Result<(), String> {
    let words = |error: sqlx::Error| format!("it cannot be read: {error:?}");
    if let Location::Sqlite(path) = location {
        let options = SqliteConnectOptions::new().filename(path).disable_statement_logging();
        let mut connection = options.connect().await.map_err(words)?;
        let said: String =
            sqlx::query_scalar("pragma integrity_check").fetch_one(&mut connection).await.map_err(words)?;
        if said != "ok" {
            return Err(format!("integrity_check says {said}"));
        }
        sqlx::Connection::close(connection).await.map_err(words)?;
    }
    for (what, sql) in [
        (
            "an item of one subject twice",
            "select count(*) - count(distinct subject) from item where step = 'staging-errors'",
        ),
        (
            "an item opened twice in the log book",
            "select count(*) - count(distinct item) from log_entry where event like '%\"item_opened\"%'",
        ),
        (
            "an item without its line in the log book",
            "select count(*) from item where id not in (select item from log_entry where item is not null)",
        ),
        (
            "a delivery without its record",
            "select count(*) from intake where journal_seq not in (select seq from journal)",
        ),
        ("a record with two deliveries", "select count(*) - count(distinct journal_seq) from intake"),
    ] {
        let found = crate::stores::count(location, sql).await.map_err(words)?;
        if found != 0 {
            return Err(format!("{what}: {found}"));
        }
    }
    Ok(())
}

/// Times, for figures and limits.
#[derive(Default)]
pub struct Times(Vec<Duration>);

impl Times {
    pub fn add(&mut self, since: Instant) {
        self.add_time(since.elapsed());
    }

    pub fn add_time(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// The middle and the longest.
    pub fn median_and_longest(&mut self) -> (Duration, Duration) {
        self.0.sort();
        (self.0[self.0.len() / 2], self.0[self.0.len() - 1])
    }
}
