//! The 易支付 protocol: its merchants, what they ask for, and telling them that it was paid.

use std::sync::Arc;

use recharge::audit::{Acting, AuditEntry};
use recharge::epay::{EpayHost, EpayKey, EpayRefusal, Merchant, Pid};
use serde_json::json;
use wxpay::InvalidValue;

use crate::clock::Clock;
use crate::db::{Db, DbError, epay_merchants, epay_orders};
use crate::place::PlaceError;
use crate::random::Random;
use crate::sealing::{Purpose, Sealer, SecretKeys};
use crate::webhooks::Sender;

mod asking;
mod telling;

/// Why something was not done. Nothing was written, unless the database did not confirm it.
#[derive(Debug, thiserror::Error)]
pub enum EpayError {
    /// What the site sent is not right.
    #[error(transparent)]
    Refused(#[from] EpayRefusal),
    #[error(transparent)]
    NotPlaced(#[from] PlaceError),
    #[error(transparent)]
    Invalid(#[from] InvalidValue),
    #[error("there is no merchant {0}")]
    Unknown(Pid),
    #[error("the merchant {0} was revoked")]
    Revoked(Pid),
    #[error("there is a merchant of that name already, or somebody made one at the same moment: {0}")]
    Exists(String),
    #[error("the merchant {0} was changed by somebody else")]
    Changed(Pid),
    #[error("the merchant {0} has no paid order {1}")]
    NotPaid(Pid, String),
    /// `SAOMA_SECRET_KEY` is not set, or is not the one that sealed the key.
    #[error("the merchant's key could not be sealed or opened: SAOMA_SECRET_KEY is needed")]
    NoKey,
    #[error("database error")]
    Db(#[from] DbError),
}

/// Cheap to clone; all clones are the same.
#[derive(Debug, Clone)]
pub struct Epay(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    clock: Clock,
    random: Random,
    /// `None`: a merchant of WeChat's without `SAOMA_SECRET_KEY`, who has no pid then.
    sealer: Option<Sealer>,
    sender: Sender,
}

/// A merchant and its notices.
#[derive(Debug, Clone)]
pub struct MerchantSeen {
    pub merchant: Merchant,
    /// Notices that wait.
    pub waiting: i64,
    /// Notices that are not tried any more.
    pub given_up: i64,
}

impl Epay {
    /// Notices go where webhooks may go.
    pub fn new(db: Db, clock: Clock, random: Random, keys: Option<&SecretKeys>, sender: Sender) -> Epay {
        let sealer = keys.map(|keys| keys.sealer(Purpose::EpayKey));
        Epay(Arc::new(Inner { db, clock, random, sealer, sender }))
    }

    /// Whether there is a merchant that may ask for something. Until then there is no such interface.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn is_on(&self) -> Result<bool, DbError> {
        epay_merchants::any_in_use(&self.0.db).await
    }

    /// All merchants, the oldest first.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn list(&self) -> Result<Vec<MerchantSeen>, DbError> {
        let mut seen = Vec::new();
        for merchant in epay_merchants::all(&self.0.db).await? {
            let (waiting, given_up) = epay_orders::open(&self.0.db, merchant.pid).await?;
            seen.push(MerchantSeen { merchant, waiting, given_up });
        }
        Ok(seen)
    }

    /// Makes a merchant. Its key is returned here and never again.
    ///
    /// # Errors
    /// [`EpayError`].
    pub async fn make(
        &self,
        name: &str,
        hosts: Vec<EpayHost>,
        by: &Acting,
    ) -> Result<(Merchant, EpayKey), EpayError> {
        Merchant::check_name(name)?;
        Merchant::check_hosts(&hosts)?;
        let (key, now) = (EpayKey::new(self.0.random.bytes()), self.0.clock.now());
        let pid = epay_merchants::next_pid(&self.0.db).await?;
        let merchant = Merchant {
            pid,
            name: name.to_owned(),
            secret: self.sealed(pid, &key)?,
            hosts,
            made_by: by.actor.to_string(),
            created_at: now,
            revoked_at: None,
            version: 1,
        };
        let mut audit = AuditEntry::of(now, by, "epay_merchant_made", &pid.to_string());
        audit.after = said(&merchant);
        let (db, new) = (self.0.db.clone(), merchant.clone());
        let made = async move { epay_merchants::insert(&db, &new, &audit).await };
        if !self.0.db.run_to_completion(made).await? {
            return Err(EpayError::Exists(name.to_owned()));
        }
        tracing::info!("{} makes the merchant {pid} of 易支付", by.actor);
        Ok((merchant, key))
    }

    /// Gives a merchant another key, which is returned here and never again. The one before ends at once.
    ///
    /// # Errors
    /// [`EpayError`].
    pub async fn rotate(&self, pid: Pid, by: &Acting) -> Result<EpayKey, EpayError> {
        let key = EpayKey::new(self.0.random.bytes());
        let sealed = self.sealed(pid, &key)?;
        self.change(pid, by, "epay_key_rotated", |merchant| merchant.rotated(sealed)).await?;
        Ok(key)
    }

    /// Lets a merchant's notices go to these hosts and no others.
    ///
    /// # Errors
    /// [`EpayError`].
    pub async fn set_hosts(&self, pid: Pid, hosts: Vec<EpayHost>, by: &Acting) -> Result<(), EpayError> {
        Merchant::check_hosts(&hosts)?;
        self.change(pid, by, "epay_hosts_set", |merchant| merchant.with_hosts(hosts)).await
    }

    /// Takes a merchant back for good. What is paid of its open orders it is told all the same.
    ///
    /// # Errors
    /// [`EpayError`].
    pub async fn revoke(&self, pid: Pid, by: &Acting) -> Result<(), EpayError> {
        let now = self.0.clock.now();
        self.change(pid, by, "epay_merchant_revoked", |merchant| merchant.revoked(now)).await
    }

    /// Tells a merchant once more that an order was paid, also where it was told or given up.
    ///
    /// # Errors
    /// [`EpayError`].
    pub async fn tell_again(&self, pid: Pid, out_trade_no: &str, by: &Acting) -> Result<(), EpayError> {
        let now = self.0.clock.now();
        let audit = AuditEntry::of(now, by, "epay_told_again", &format!("{pid} {out_trade_no}"));
        let (db, number) = (self.0.db.clone(), out_trade_no.to_owned());
        let written = async move { epay_orders::tell_again(&db, pid, &number, now, &audit).await };
        match self.0.db.run_to_completion(written).await? {
            true => Ok(()),
            false => Err(EpayError::NotPaid(pid, out_trade_no.to_owned())),
        }
    }

    async fn change(
        &self,
        pid: Pid,
        by: &Acting,
        action: &'static str,
        change: impl FnOnce(&Merchant) -> Option<Merchant>,
    ) -> Result<(), EpayError> {
        let before = epay_merchants::find(&self.0.db, pid).await?.ok_or(EpayError::Unknown(pid))?;
        let after = change(&before).ok_or(EpayError::Revoked(pid))?;
        let mut audit = AuditEntry::of(self.0.clock.now(), by, action, &pid.to_string());
        (audit.before, audit.after) = (said(&before), said(&after));
        let db = self.0.db.clone();
        let written = async move { epay_merchants::update(&db, &after, &audit).await };
        if !self.0.db.run_to_completion(written).await? {
            return Err(EpayError::Changed(pid));
        }
        tracing::info!("{} acts on the merchant {pid} of 易支付: {action}", by.actor);
        Ok(())
    }

    fn sealed(&self, pid: Pid, key: &EpayKey) -> Result<String, EpayError> {
        let sealer = self.0.sealer.as_ref().ok_or(EpayError::NoKey)?;
        sealer.seal(&pid.maker(), key.expose()).map_err(|_| EpayError::NoKey)
    }

    fn key(&self, merchant: &Merchant) -> Result<EpayKey, EpayError> {
        let sealer = self.0.sealer.as_ref().ok_or(EpayError::NoKey)?;
        sealer.open(&merchant.pid.maker(), &merchant.secret).map(EpayKey::of).ok_or(EpayError::NoKey)
    }
}

/// A merchant in the audit, without its key.
fn said(merchant: &Merchant) -> String {
    let hosts: Vec<_> = merchant.hosts.iter().map(ToString::to_string).collect();
    json!({ "name": merchant.name, "hosts": hosts, "revoked": merchant.revoked_at.is_some() }).to_string()
}
