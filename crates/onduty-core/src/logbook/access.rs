//! What an entry about people and access can say.

use crate::ids::DutyId;
use serde::{Deserialize, Serialize};

/// What happened to people and what they may do. `whom` is always the name of an account, as people write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum AccessEvent {
    /// Somebody came in.
    SignedIn {
        /// `link`, `password` or `single_sign_on`.
        how: String,
    },
    /// Somebody went out.
    SignedOut,
    /// Somebody who was signed in proved again who they are.
    Proved {
        /// As above.
        how: String,
    },
    /// Somebody could not come in.
    SignInFailed {
        /// What was typed as a name.
        login: String,
        /// Why, for administrators.
        why: String,
    },
    /// Failures come so fast that no more of them are written down for a while.
    FailuresNotListed,
    /// An account was made.
    AccountAdded {
        /// Whose.
        whom: String,
    },
    /// An account was closed.
    AccountClosed {
        /// Whose.
        whom: String,
    },
    /// A closed account was opened again.
    AccountOpened {
        /// Whose.
        whom: String,
    },
    /// A link that signs in was made.
    LinkMade {
        /// For whom.
        whom: String,
    },
    /// A password was set.
    PasswordSet {
        /// Whose.
        whom: String,
    },
    /// Another system's name for a person was linked to an account.
    IdentityLinked {
        /// To whose.
        whom: String,
        /// The system.
        issuer: String,
    },
    /// The names that other systems have for a person were unlinked.
    IdentitiesUnlinked {
        /// Whose.
        whom: String,
    },
    /// A role was granted or taken.
    RoleSet {
        /// Whose.
        whom: String,
        /// For which duty.
        duty: DutyId,
        /// In the policy's words; `None` when it was taken.
        role: Option<String>,
    },
    /// Somebody became an administrator, or no longer is one.
    AdministratorSet {
        /// Who.
        whom: String,
        /// Whether they are now.
        admin: bool,
    },
    /// Sessions were ended by somebody.
    SessionsEnded {
        /// Whose.
        whom: String,
        /// How many.
        sessions: u64,
    },
    /// A token for scripts was made.
    TokenMade {
        /// Whose.
        whom: String,
        /// What it is called.
        name: String,
        /// What it may do.
        scopes: Vec<String>,
    },
    /// A token for scripts was taken back.
    TokenRevoked {
        /// Whose.
        whom: String,
        /// What it is called.
        name: String,
    },
    /// A wall screen was made.
    WallMade {
        /// What it shows.
        duty: DutyId,
        /// Where it hangs.
        name: String,
    },
    /// A wall screen was taken back.
    WallRevoked {
        /// What it showed.
        duty: DutyId,
        /// Where it hung.
        name: String,
    },
    /// A calendar feed of somebody's turns was made.
    CalendarFeedMade {
        /// Whose.
        whom: String,
        /// Which calendar reads it.
        name: String,
    },
    /// It was taken back.
    CalendarFeedRevoked {
        /// Whose.
        whom: String,
        /// Which calendar read it.
        name: String,
    },
    /// A calendar feed of a duty's shifts was made.
    DutyFeedMade {
        /// Of which.
        duty: DutyId,
        /// Which calendar reads it.
        name: String,
    },
    /// It was taken back.
    DutyFeedRevoked {
        /// Of which.
        duty: DutyId,
        /// Which calendar read it.
        name: String,
    },
    /// Other settings are in force.
    SettingsChanged {
        /// The file.
        file: String,
        /// The hash of its text, in the chain as proof.
        hash: String,
        /// What is different, never with a value; nothing where it changed while no server ran.
        #[serde(default)]
        changes: Vec<String>,
    },
}
