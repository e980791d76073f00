//! Operators' accounts, as the console changes them.

use cashier::db::{
    Db,
    operators::{self, Removal},
};
use recharge::audit::{AuditEntry, RESERVED_NAMES};
use wxpay::UnixMillis;

use super::{OperatorError, passwords::hashed};

/// Adds an operator from the console.
///
/// # Errors
/// [`OperatorError`].
pub async fn add(db: &Db, name: &str, password: &str, now: UnixMillis) -> Result<(), OperatorError> {
    check_form(name)?;
    if RESERVED_NAMES.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
        return Err(OperatorError::Reserved(name.to_owned()));
    }
    let entry = AuditEntry::new(now, name, "operator_added", name, "console");
    match operators::add(db, name, &hashed(password)?, entry).await? {
        true => Ok(()),
        false => Err(OperatorError::Exists(name.to_owned())),
    }
}

/// Sets a password from the console and ends the operator's sessions.
///
/// # Errors
/// [`OperatorError`].
pub async fn set_password(db: &Db, name: &str, password: &str, now: UnixMillis) -> Result<(), OperatorError> {
    check_form(name)?;
    let entry = AuditEntry::new(now, name, "password", name, "console");
    match operators::set_password(db, name, &hashed(password)?, entry).await? {
        true => Ok(()),
        false => Err(OperatorError::Unknown(name.to_owned())),
    }
}

/// Removes an operator from the console and ends all sessions; the last operator only if it is forced.
///
/// # Errors
/// [`OperatorError`].
pub async fn remove(db: &Db, name: &str, force: bool, now: UnixMillis) -> Result<(), OperatorError> {
    check_form(name)?;
    let entry = AuditEntry::new(now, name, "operator_removed", name, "console");
    match operators::remove(db, name, force, entry).await? {
        Removal::Removed => Ok(()),
        Removal::Unknown => Err(OperatorError::Unknown(name.to_owned())),
        Removal::Last => Err(OperatorError::Last(name.to_owned())),
    }
}

/// # Errors
/// [`OperatorError::Name`] for what cannot be the name of an operator.
pub fn check_form(name: &str) -> Result<(), OperatorError> {
    let ok = (1..=32).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if ok { Ok(()) } else { Err(OperatorError::Name) }
}
