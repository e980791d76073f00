//! A site that charges by the protocol.

use wxpay::{InvalidValue, UnixMillis};

use super::{EpayHost, Pid};
use crate::hidden::is_hidden;

/// Hosts of one merchant at most.
const MOST_HOSTS: usize = 20;

/// What is known of it. Its key is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merchant {
    /// Its number.
    pub pid: Pid,
    /// Its name, unique for ever; payers see it.
    pub name: String,
    /// The sealed [`super::EpayKey`].
    pub secret: String,
    /// To which notices may go.
    pub hosts: Vec<EpayHost>,
    /// Who made it.
    pub made_by: String,
    /// When.
    pub created_at: UnixMillis,
    /// When it was taken back: it asks for nothing any more, and is told what was paid all the same.
    pub revoked_at: Option<UnixMillis>,
    /// Rises with each change.
    pub version: i64,
}

impl Merchant {
    /// Whether a merchant may have this name.
    ///
    /// # Errors
    /// [`InvalidValue`].
    pub fn check_name(name: &str) -> Result<(), InvalidValue> {
        let is_name = (1..=64).contains(&name.len()) && !name.chars().any(is_hidden) && name.trim() == name;
        let must_be = "1 to 64 bytes without control characters or blanks at its ends";
        if is_name { Ok(()) } else { Err(InvalidValue { what: "name", must_be }) }
    }

    /// Whether a merchant may have these hosts: one at least, since notices go nowhere else.
    ///
    /// # Errors
    /// [`InvalidValue`].
    pub fn check_hosts(hosts: &[EpayHost]) -> Result<(), InvalidValue> {
        match (1..=MOST_HOSTS).contains(&hosts.len()) {
            true => Ok(()),
            false => Err(InvalidValue { what: "hosts", must_be: "1 to 20" }),
        }
    }

    /// The merchant with another sealed key. Requires: not revoked; else `None`.
    pub fn rotated(&self, secret: String) -> Option<Merchant> {
        self.changed(|merchant| merchant.secret = secret)
    }

    /// The merchant with other hosts. Requires: not revoked; else `None`.
    pub fn with_hosts(&self, hosts: Vec<EpayHost>) -> Option<Merchant> {
        self.changed(|merchant| merchant.hosts = hosts)
    }

    /// The merchant, taken back. Requires: not revoked; else `None`.
    pub fn revoked(&self, now: UnixMillis) -> Option<Merchant> {
        self.changed(|merchant| merchant.revoked_at = Some(now))
    }

    fn changed(&self, change: impl FnOnce(&mut Merchant)) -> Option<Merchant> {
        let mut changed = Merchant { version: self.version + 1, ..self.clone() };
        change(&mut changed);
        self.revoked_at.is_none().then_some(changed)
    }
}
