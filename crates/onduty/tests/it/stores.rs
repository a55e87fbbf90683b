//! Which database the tests of this run use: a file, or PostgreSQL where `ONDUTY_TEST_STORE=postgres`.

use crate::tools::write_private;
use onduty::config::{Config, FILE_NAME};
use onduty::store::Location;
use std::path::Path;

/// Whether this run is about PostgreSQL.
pub fn on_postgres() -> bool {
    std::env::var("ONDUTY_TEST_STORE").is_ok_and(|store| store == "postgres")
}

/// Gives the instance in the folder `files` a database where this run wants one. Its `onduty.yml` is there already.
pub fn choose(files: &Path) {
    if on_postgres() {
        let server = onduty_fakes::postgres::shared().expect("ONDUTY_TEST_STORE=postgres needs PostgreSQL");
        keep_in(files, server.database().url());
    }
}

/// Lets the instance in the folder `files` keep its store at `url`.
pub fn keep_in(files: &Path, url: &str) {
    let path = files.join(FILE_NAME);
    let text = std::fs::read_to_string(&path).expect("the instance has its file");
    std::fs::write(&path, format!("{text}\ndatabase: {{url_file: secrets/database}}\n")).expect("a file");
    std::fs::create_dir_all(files.join("secrets")).expect("a folder");
    write_private(&files.join("secrets/database"), url);
}

/// Where the instance in the folder `files` has its store.
pub fn location(files: &Path) -> Location {
    let config = Config::load(&files.join(FILE_NAME)).expect("a good file");
    onduty::app::location(&config).expect("its address is there")
}
