//! How often somebody may ask about orders that are not there, or not for them: each such question reads the database and
//! may be a guess. Questions that find something are not counted.

use std::net::IpAddr;

use cashier::rate::Quota;
use wxpay::UnixMillis;

use crate::{client_addr::ClientAddr, create_limit::TooOften, keyed_limit::KeyedLimit, log_limit::LogLimit};

/// A link that was cut off, the order of another account.
const ONE: Quota = Quota { at_once: 60, each_ms: 1_000 };
/// All addresses of one IPv6 /48 together.
const SITE: Quota = Quota { at_once: 300, each_ms: 200 };

#[derive(Debug)]
pub struct Misses {
    by_user: KeyedLimit<String>,
    by_address: KeyedLimit<IpAddr>,
    by_site: KeyedLimit<IpAddr>,
    refused: LogLimit,
}

impl Default for Misses {
    fn default() -> Self {
        Misses {
            by_user: KeyedLimit::new(ONE),
            by_address: KeyedLimit::new(ONE),
            by_site: KeyedLimit::new(SITE),
            refused: LogLimit::default(),
        }
    }
}

/// Who asks. Users who are signed in are told apart: others behind their address must not hold them up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker<'a> {
    User(&'a str),
    Address(ClientAddr),
    Unknown,
}

impl<'a> Asker<'a> {
    pub fn new(user: Option<&'a str>, from: Option<ClientAddr>) -> Asker<'a> {
        let address = || from.map_or(Asker::Unknown, Asker::Address);
        user.map_or_else(address, Asker::User)
    }
}

impl Misses {
    /// Whether this one may ask now. Takes nothing.
    ///
    /// # Errors
    /// [`TooOften`].
    pub fn check(&self, asker: &Asker<'_>, now: UnixMillis) -> Result<(), TooOften> {
        let checked = match asker {
            Asker::User(id) => self.by_user.check(&(*id).to_owned(), now),
            Asker::Address(from) => {
                let site = from.site().map_or(Ok(()), |site| self.by_site.check(&site, now));
                site.and_then(|()| self.by_address.check(&from.block(), now))
            }
            Asker::Unknown => Ok(()),
        };
        checked.map_err(|wait_ms| {
            if let Some(others) = self.refused.take(now) {
                tracing::warn!(others, "too many questions about orders that are not there by {asker:?}");
            }
            TooOften::after(wait_ms)
        })
    }

    /// The question found nothing.
    pub fn count(&self, asker: &Asker<'_>, now: UnixMillis) {
        // One that was let in beside others may be beyond the limit by now; the next is refused.
        let _ = match asker {
            Asker::User(id) => self.by_user.take((*id).to_owned(), now),
            Asker::Address(from) => {
                let site = from.site().map_or(Ok(()), |site| self.by_site.take(site, now));
                site.and_then(|()| self.by_address.take(from.block(), now))
            }
            Asker::Unknown => Ok(()),
        };
    }

    /// Forgets those who may ask freely again.
    pub fn forget(&self, now: UnixMillis) {
        self.by_user.forget(now);
        self.by_address.forget(now);
        self.by_site.forget(now);
    }
}
