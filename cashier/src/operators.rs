//! Operators' accounts: added, given a role or a password, removed. Signing in is the server's.

use std::sync::Arc;

use recharge::audit::{Acting, AuditEntry, RESERVED_NAMES};
use recharge::role::Role;
use serde_json::json;
use wxpay::UnixMillis;

use crate::db::audit::{self, AuditFilter, AuditRow};
use crate::db::operator_sessions::{self, SessionRow};
use crate::db::operators::{self, NewOperator, OperatorRow, Outcome};
use crate::db::{Db, DbError};
use crate::random::Random;
use crate::sealing::{Purpose, Sealer, SecretKeys};

mod common_passwords;
mod factors;
mod passwords;

pub use factors::{CODES, Factor, FactorError, code_at};
use passwords::hashed;
pub use passwords::{NOBODY, new_password, verify};

/// Why an account was not changed. Nothing was written, unless the database did not confirm it.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    #[error("the name must be 1 to 32 ASCII letters, digits or . _ -")]
    Name,
    #[error("the name {0} is reserved: the program itself acts under it")]
    Reserved(String),
    #[error("the password must have 12 to 256 characters")]
    Password,
    #[error("this password is one of the million commonest, which are tried first")]
    Common,
    #[error("there is an operator {0} already")]
    Exists(String),
    #[error("there is no operator {0}")]
    Unknown(String),
    #[error("{0} has been changed since the page was shown")]
    Changed(String),
    #[error(
        "{0} is the only owner: nobody could decide about operators any more (--force removes it all the same)"
    )]
    Last(String),
    /// The session in which a password was chosen.
    #[error("the session has ended")]
    Ended,
    #[error("database error")]
    Database(#[from] DbError),
    #[error("the password could not be hashed")]
    Hash,
}

/// A password that somebody other than its operator gives.
#[derive(Debug, Clone, Copy)]
pub enum Given<'a> {
    /// Made by the program and shown to whoever gives it, so that it must be changed before anything else is done with it.
    Made(&'a str),
    /// Kept as it is.
    Chosen(&'a str),
}

impl Given<'_> {
    fn text(&self) -> &str {
        let (Given::Made(text) | Given::Chosen(text)) = self;
        text
    }

    fn must_change(&self) -> bool {
        matches!(self, Given::Made(_))
    }
}

/// Operators' accounts, as the desk's owners and the console change them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Accounts {
    db: Db,
    sealer: Option<Arc<Sealer>>,
}

impl Accounts {
    /// Without keys nobody can set up a second factor.
    pub fn new(db: Db, keys: Option<&SecretKeys>) -> Accounts {
        Accounts { db, sealer: keys.map(|keys| Arc::new(keys.sealer(Purpose::SecondFactor))) }
    }

    /// All operators, by name.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn list(&self, now: UnixMillis) -> Result<Vec<OperatorRow>, DbError> {
        operators::list(&self.db, now).await
    }

    /// The operator of this name.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn named(&self, name: &str, now: UnixMillis) -> Result<Option<OperatorRow>, DbError> {
        operators::named(&self.db, name, now).await
    }

    /// Adds an operator.
    ///
    /// # Errors
    /// [`OperatorError`].
    pub async fn add(
        &self,
        name: &str,
        role: Role,
        password: Given<'_>,
        by: &Acting,
        now: UnixMillis,
    ) -> Result<(), OperatorError> {
        check_form(name)?;
        if RESERVED_NAMES.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
            return Err(OperatorError::Reserved(name.to_owned()));
        }
        let after = json!({"role": role.name()}).to_string();
        let entry = AuditEntry { after, ..AuditEntry::of(now, by, "operator_added", name) };
        let new = NewOperator {
            name: name.to_owned(),
            role,
            password_hash: hashed(password.text())?,
            must_change: password.must_change(),
        };
        match operators::add(&self.db, new, entry).await? {
            true => Ok(()),
            false => Err(OperatorError::Exists(name.to_owned())),
        }
    }

    /// Sets an operator's password and ends the operator's sessions.
    ///
    /// # Errors
    /// [`OperatorError`].
    pub async fn set_password(
        &self,
        name: &str,
        password: Given<'_>,
        by: &Acting,
        now: UnixMillis,
    ) -> Result<(), OperatorError> {
        check_form(name)?;
        let entry = AuditEntry::of(now, by, "password", name);
        let hash = hashed(password.text())?;
        match operators::set_password(&self.db, hash, password.must_change(), entry).await? {
            true => Ok(()),
            false => Err(OperatorError::Unknown(name.to_owned())),
        }
    }

    /// Sets the password that an operator chose at the desk, and ends all of the operator's sessions but the one it was chosen in.
    ///
    /// # Errors
    /// [`OperatorError`].
    pub async fn choose_password(
        &self,
        password: &str,
        session: &str,
        by: &Acting,
        now: UnixMillis,
    ) -> Result<(), OperatorError> {
        let entry = AuditEntry::of(now, by, "password", by.actor.name());
        match operators::choose_password(&self.db, hashed(password)?, session.to_owned(), entry).await? {
            true => Ok(()),
            false => Err(OperatorError::Ended),
        }
    }

    /// Gives an operator another role. `seen` is the version that the page showed.
    ///
    /// # Errors
    /// [`OperatorError`].
    pub async fn set_role(
        &self,
        name: &str,
        role: Role,
        seen: i64,
        by: &Acting,
        now: UnixMillis,
    ) -> Result<(), OperatorError> {
        let before = self.named(name, now).await?.ok_or_else(|| OperatorError::Unknown(name.to_owned()))?;
        let entry = AuditEntry {
            before: json!({"role": before.role.name()}).to_string(),
            after: json!({"role": role.name()}).to_string(),
            ..AuditEntry::of(now, by, "operator_role", name)
        };
        told(name, operators::set_role(&self.db, role, seen, entry).await?)
    }

    /// Removes an operator and ends all sessions; the last owner only if it is forced. `seen` is the version that the page showed; the
    /// console has shown none.
    ///
    /// # Errors
    /// [`OperatorError`].
    pub async fn remove(
        &self,
        name: &str,
        seen: Option<i64>,
        force: bool,
        by: &Acting,
        now: UnixMillis,
    ) -> Result<(), OperatorError> {
        check_form(name)?;
        let entry = AuditEntry::of(now, by, "operator_removed", name);
        told(name, operators::remove(&self.db, seen, force, entry).await?)
    }

    /// An operator's sessions that go on, the one used last first.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn sessions(&self, name: &str, now: UnixMillis) -> Result<Vec<SessionRow>, DbError> {
        operator_sessions::of(&self.db, name, now).await
    }

    /// Ends one of the operator's own sessions, on every server.
    ///
    /// # Errors
    /// [`OperatorError::Ended`] if it has ended already.
    pub async fn end_session(&self, id: &str, by: &Acting, now: UnixMillis) -> Result<(), OperatorError> {
        let entry = AuditEntry::of(now, by, "session_ended", by.actor.name());
        match operator_sessions::end(&self.db, id, entry).await? {
            true => Ok(()),
            false => Err(OperatorError::Ended),
        }
    }

    /// Ends all of the operator's own sessions but this one.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn end_other_sessions(&self, keep: &str, by: &Acting, now: UnixMillis) -> Result<(), DbError> {
        let entry = AuditEntry::of(now, by, "sessions_ended", by.actor.name());
        operator_sessions::end_others(&self.db, keep, entry).await
    }

    /// What operators and the site's programs did, the newest first; see [`audit::read`].
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn audit(
        &self,
        filter: &AuditFilter,
        cursor: Option<(UnixMillis, &str)>,
        limit: i64,
    ) -> Result<Vec<AuditRow>, DbError> {
        audit::read(&self.db, filter, cursor, limit).await
    }

    /// A password for an operator, to be shown once.
    pub fn made_password(&self) -> String {
        new_password(&Random::system())
    }
}

fn told(name: &str, outcome: Outcome) -> Result<(), OperatorError> {
    match outcome {
        Outcome::Done => Ok(()),
        Outcome::Unknown => Err(OperatorError::Unknown(name.to_owned())),
        Outcome::Changed => Err(OperatorError::Changed(name.to_owned())),
        Outcome::Last => Err(OperatorError::Last(name.to_owned())),
    }
}

/// # Errors
/// [`OperatorError::Name`] for what cannot be the name of an operator.
pub fn check_form(name: &str) -> Result<(), OperatorError> {
    let ok = (1..=32).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if ok { Ok(()) } else { Err(OperatorError::Name) }
}
