//! The file that keeps the ends of all chains outside the database, so that a shortened log book is noticed.

use super::Head;
use crate::store::db::on_db;
use crate::store::{Reader, StoreError};
use onduty_core::ids::DutyId;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The newest head of every duty.
///
/// # Errors
/// When the store cannot be read.
pub async fn heads(db: &mut Reader) -> Result<Vec<Head>, StoreError> {
    const SQL: &str = "select duty, seq, hash from log_head order by duty";
    let rows: Vec<(String, i64, String)> = on_db!(db, connection => sqlx::query_as(SQL).fetch_all(connection).await)?;
    Ok(rows.into_iter().map(|(duty, seq, hash)| Head { duty: DutyId::new(duty), seq, hash }).collect())
}

/// Every duty that has a log book, or a head of one.
///
/// # Errors
/// When the store cannot be read.
pub async fn duties(db: &mut Reader) -> Result<BTreeSet<DutyId>, StoreError> {
    const SQL: &str = "select duty from log_head union select duty from log_entry";
    let rows: Vec<(String,)> = on_db!(db, connection => sqlx::query_as(SQL).fetch_all(connection).await)?;
    Ok(rows.into_iter().map(|(duty,)| DutyId::new(duty)).collect())
}

/// Writes the newest head of every duty to `path` as JSON, all or nothing.
///
/// # Errors
/// [`StoreError::File`] when the file cannot be written; the old one is left as it was.
pub async fn write_heads(db: &mut Reader, path: &Path) -> Result<Vec<Head>, StoreError> {
    let heads = heads(db).await?;
    let mut json = serde_json::to_string_pretty(&heads).expect("plain data is always JSON");
    json.push('\n');
    in_background(path, move |path| replace(path, json.as_bytes())).await?;
    Ok(heads)
}

/// Reads such a file; `None` where there is none.
///
/// # Errors
/// [`StoreError::File`] when there is one that cannot be read or understood.
pub async fn read_heads(path: &Path) -> Result<Option<Vec<Head>>, StoreError> {
    in_background(path, |path| match fs::read(path) {
        Ok(json) => Ok(Some(serde_json::from_slice(&json)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    })
    .await
}

async fn in_background<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    let path: PathBuf = path.to_owned();
    let worked = {
        let path = path.clone();
        tokio::task::spawn_blocking(move || work(&path)).await
    };
    worked.unwrap_or_else(|panic| Err(io::Error::other(panic))).map_err(|cause| StoreError::File { path, cause })
}

/// Writes beside, then renames: whoever reads sees the old file or the new one.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let mut file = fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}
