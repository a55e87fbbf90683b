//! The operator: who owns the process owns the instance. A token in a private file lets the command line in.

use super::App;
use crate::clock::real_now;
use crate::store::StoreError;
use crate::store::access::{self, Account, NewAccount, Secret};
use jiff::SignedDuration;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// The file beside the store that holds the token.
pub const TOKEN_FILE: &str = "cli-token";
/// The name of the operator's account, and of what the operator writes into the log book.
pub const OPERATOR: &str = "operator";
/// How long a token works; each start makes a new one.
const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(366 * 24);

impl App {
    /// Makes a token for the command line on this machine and writes it where only this user can read it.
    ///
    /// # Errors
    /// The store or the file cannot be written.
    pub async fn let_operator_in(&self) -> Result<PathBuf, StoreError> {
        let mut tx = self.store.begin().await?;
        let known = access::all(&mut tx).await?.into_iter().find(is_operator);
        let account = match known {
            Some(account) => account.id,
            None => {
                let account = NewAccount { name: OPERATOR.to_owned(), engineer: None, admin: true };
                access::add(&mut tx, &account, real_now()).await?
            }
        };
        for old in access::api_tokens_of(&mut tx, &account).await?.into_iter().filter(|old| old.revoked_at.is_none()) {
            access::revoke_api_token(&mut tx, &old.id, real_now()).await?;
        }
        let scopes = ["read", "write", "rollout", "people"].map(str::to_owned);
        let expires = real_now().checked_add(TOKEN_LIFE).unwrap_or(jiff::Timestamp::MAX);
        let (secret, _) =
            access::add_api_token(&mut tx, &account, "command line", &scopes, real_now(), expires).await?;
        tx.commit().await?;
        let path = self.data.join(TOKEN_FILE);
        write_private(&path, &secret).map_err(|cause| StoreError::File { path: path.clone(), cause })?;
        Ok(path)
    }
}

/// Whether an account is the operator's: whoever runs the server, and nobody on the roster. No page and no link makes such
/// an account, because no person can have its name.
pub fn is_operator(account: &Account) -> bool {
    account.engineer.is_none() && account.admin && account.name == OPERATOR
}

/// Replaces the file whole, so that nobody reads half a token.
fn write_private(path: &std::path::Path, secret: &Secret) -> std::io::Result<()> {
    let draft = path.with_extension("draft");
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    writeln!(file, "{}", secret.expose())?;
    std::fs::rename(&draft, path)
}
