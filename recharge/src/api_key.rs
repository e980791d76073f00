//! Keys of the site's own programs: what each may do, and while it counts.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net};
use subtle::ConstantTimeEq as _;
use wxpay::{Fen, InvalidValue, UnixMillis};

use crate::names::names;

mod text;

pub use text::{KeyHash, KeyId, KeyMode, KeyText};

/// What a key allows. Each route of `/api/v1` names one, or takes any key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Reads recharges.
    RechargesRead,
    /// Places and cancels recharges.
    RechargesWrite,
    /// Pays money back to payers.
    RefundsWrite,
    /// Reads users, balances, ledgers and debits.
    BalancesRead,
    /// Takes from balances: debits, reversals, holds; and reads holds.
    SpendWrite,
    /// Opens sessions for the site's users.
    SessionsWrite,
    /// Reads the feed of events.
    EventsRead,
    /// Makes, changes and reads webhook endpoints and their deliveries.
    WebhooksWrite,
    /// Gets the access token of the WeChat account.
    WechatTokenRead,
    /// Makes, lists and stops static codes.
    StaticCodesWrite,
}

names! {
    Scope {
        RechargesRead = "recharges:read",
        RechargesWrite = "recharges:write",
        RefundsWrite = "refunds:write",
        BalancesRead = "balances:read",
        SpendWrite = "spend:write",
        SessionsWrite = "sessions:write",
        EventsRead = "events:read",
        WebhooksWrite = "webhooks:write",
        WechatTokenRead = "wechat_token:read",
        StaticCodesWrite = "static_codes:write",
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The longest time for which a secret still counts beside the one that took its place, in milliseconds: 7 days.
pub const KEEP_OLD_MOST_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// How long it counts unless something else is said, in milliseconds: 24 hours.
pub const KEEP_OLD_MS: i64 = 24 * 60 * 60 * 1000;
/// The largest amount of one call, in fen.
pub const MOST_A_CALL: Fen = Fen::new(100_000_000_000);

/// What a new key is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// Under which its calls stand in books and audit.
    pub name: String,
    /// At least one.
    pub scopes: BTreeSet<Scope>,
    /// From where it may be used; empty: from everywhere, and with [`Scope::WechatTokenRead`] from this machine.
    pub networks: Vec<IpNet>,
    /// The largest amount of one call, in fen.
    pub max_amount: Option<Fen>,
    /// From when on it does not count any more.
    pub expires_at: Option<UnixMillis>,
}

/// A key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// In its text, so that it is found.
    pub id: KeyId,
    /// Unique, and never given to another key.
    pub name: String,
    /// Of the present text.
    pub hash: KeyHash,
    /// The text before, while it still counts.
    pub old: Option<OldText>,
    /// What it allows.
    pub scopes: BTreeSet<Scope>,
    /// From where it may be used; empty: from everywhere.
    pub networks: Vec<IpNet>,
    /// The largest amount of one call, in fen.
    pub max_amount: Option<Fen>,
    /// From when on it does not count any more.
    pub expires_at: Option<UnixMillis>,
    /// When it was taken back.
    pub revoked_at: Option<UnixMillis>,
    /// When it was last used, to the minute.
    pub used_at: Option<UnixMillis>,
    /// Who made it.
    pub made_by: String,
    /// When.
    pub made_at: UnixMillis,
    /// Counts its changes.
    pub version: i64,
}

/// A text that was replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OldText {
    /// Of the text.
    pub hash: KeyHash,
    /// Until when it counts.
    pub until: UnixMillis,
}

/// Why a key got no new text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RotationRefusal {
    /// It was revoked, or its time is over.
    #[error("the key does not count any more")]
    Ended,
    /// With a third text the first would end at once, and with it programs that still use it.
    #[error("the text before is still in use, until {}", until.to_beijing_rfc3339())]
    Open {
        /// When it ends by itself.
        until: UnixMillis,
    },
    /// The old text would count for too long, or for less than nothing.
    #[error("the old text may count for 7 days at most")]
    TooLong,
}

impl ApiKey {
    /// A new key with this text.
    ///
    /// # Errors
    /// [`InvalidValue`] for what no key can have.
    pub fn new(new: NewKey, text: &KeyText, made_by: &str, now: UnixMillis) -> Result<ApiKey, InvalidValue> {
        let NewKey { name, scopes, networks, max_amount, expires_at } = new;
        let invalid = |what, must_be| Err(InvalidValue { what, must_be });
        if !is_name(&name) {
            return invalid("the name of a key", "1 to 32 ASCII letters, digits or . _ -");
        }
        if scopes.is_empty() {
            return invalid("the scopes of a key", "one at least");
        }
        if max_amount.is_some_and(|most| most < Fen::new(1) || most > MOST_A_CALL) {
            return invalid("max_amount", "from 1 to 100000000000 fen");
        }
        if expires_at.is_some_and(|end| end <= now) {
            return invalid("the end of a key", "in the future");
        }
        // WeChat's access_token opens every interface of the account, so it leaves this machine only where somebody said so.
        let networks = match networks.is_empty() && scopes.contains(&Scope::WechatTokenRead) {
            true => this_machine(),
            false => networks,
        };
        Ok(ApiKey {
            id: text.id().clone(),
            name,
            hash: text.hash(),
            old: None,
            scopes,
            networks,
            max_amount,
            expires_at,
            revoked_at: None,
            used_at: None,
            made_by: made_by.to_owned(),
            made_at: now,
            version: 1,
        })
    }

    /// Whether this text is this key's, and counts now. How long the look takes says nothing about the text.
    pub fn opens(&self, text: &KeyText, now: UnixMillis) -> bool {
        let given = text.hash();
        let is = |hash: KeyHash| bool::from(hash.bytes().ct_eq(given.bytes()));
        let is_old = self.old.is_some_and(|old| now < old.until && is(old.hash));
        (is(self.hash) || is_old) && self.counts(now)
    }

    /// Whether it was neither revoked nor has expired.
    pub fn counts(&self, now: UnixMillis) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether it allows this.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// Whether it may be used from there. `None`: nobody knows from where it is.
    pub fn comes_from(&self, client: Option<IpAddr>) -> bool {
        let is_named = |client: &IpAddr| self.networks.iter().any(|net| net.contains(client));
        self.networks.is_empty() || client.is_some_and(|client| is_named(&client))
    }

    /// The key with a new text; the one before counts for `keep_old_ms` more. 0 ends everything that came before at once,
    /// which is for a key that has leaked.
    ///
    /// # Errors
    /// [`RotationRefusal`].
    pub fn rotated(
        &self,
        text: &KeyText,
        keep_old_ms: i64,
        now: UnixMillis,
    ) -> Result<ApiKey, RotationRefusal> {
        if !self.counts(now) {
            return Err(RotationRefusal::Ended);
        }
        if !(0..=KEEP_OLD_MOST_MS).contains(&keep_old_ms) {
            return Err(RotationRefusal::TooLong);
        }
        let open = self.old.filter(|old| now < old.until);
        if let Some(OldText { until, .. }) = open.filter(|_| keep_old_ms > 0) {
            return Err(RotationRefusal::Open { until });
        }
        let old = (keep_old_ms > 0).then(|| OldText { hash: self.hash, until: now.plus_ms(keep_old_ms) });
        Ok(ApiKey { hash: text.hash(), old, version: self.version + 1, ..self.clone() })
    }

    /// The key taken back; `None` if it was before.
    pub fn revoked(&self, now: UnixMillis) -> Option<ApiKey> {
        let revoked =
            || ApiKey { old: None, revoked_at: Some(now), version: self.version + 1, ..self.clone() };
        self.revoked_at.is_none().then(revoked)
    }
}

/// The loopback networks.
fn this_machine() -> Vec<IpNet> {
    let v4 = Ipv4Net::new_assert(Ipv4Addr::LOCALHOST, 8).trunc();
    vec![v4.into(), IpAddr::from(Ipv6Addr::LOCALHOST).into()]
}

/// Reads a network, or an address, which is a network of one.
///
/// # Errors
/// [`InvalidValue`] for what is neither.
pub fn network(text: &str) -> Result<IpNet, InvalidValue> {
    let address = || text.parse().ok().map(|ip: std::net::IpAddr| ip.into());
    let must_be = "such as 10.0.0.0/8 or 203.0.113.7";
    text.parse().ok().or_else(address).ok_or(InvalidValue { what: "a network", must_be })
}

/// As operators' names: a key is `key:NAME` in the audit.
fn is_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=32).contains(&name.len()) && name.bytes().all(is_letter)
}

#[cfg(test)]
mod tests;
