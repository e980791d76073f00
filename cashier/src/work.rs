//! What waits for a person, of every kind, and who sees to it.

use recharge::exception::Exception;
use recharge::reconciliation::Difference;
use recharge::refund::Refund;
use wxpay::bill::BillDate;
use wxpay::{Fen, UnixMillis};

use crate::core::Cashier;
use crate::db::work_owners::{self, Owner, WorkKind};
use crate::db::{DbError, differences, exceptions, refunds, wechat_keys};

/// The most of each kind that are read, the oldest.
pub const MOST: i64 = 500;

/// A refund that nobody has to see to waits by itself; after this long it is worth a look.
const WAITS_LONG_MS: i64 = 24 * 60 * 60 * 1000;

/// A certificate is worth a look so long before its end.
const ENDS_SOON_MS: i64 = 14 * 24 * 60 * 60 * 1000;

/// Something that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// With its kind, what tells it from all others.
    pub key: String,
    pub since: UnixMillis,
    /// The money that it is about, in fen.
    pub amount: Fen,
    pub of: Of,
    pub owner: Option<Owner>,
}

/// What it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    Exception(Exception),
    Refund(Box<Refund>),
    Difference(BillDate, Difference),
    /// A certificate of WeChat's that ends soon while there is no newer one.
    Certificate {
        ends: UnixMillis,
    },
}

impl Work {
    pub fn kind(&self) -> WorkKind {
        match self.of {
            Of::Exception(_) => WorkKind::Exception,
            Of::Refund(_) => WorkKind::Refund,
            Of::Difference(..) => WorkKind::Difference,
            Of::Certificate { .. } => WorkKind::Certificate,
        }
    }

    fn new(key: String, since: UnixMillis, amount: Fen, of: Of) -> Work {
        Work { key, since, amount, of, owner: None }
    }
}

impl Cashier {
    /// All that waits for a person, the oldest first, at most [`MOST`] of each kind.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn work(&self) -> Result<Vec<Work>, DbError> {
        let (db, now) = (self.db(), self.now());
        let mut work = Vec::new();
        for found in exceptions::open(db, MOST).await? {
            let (key, since, amount) = (found.id().to_string(), found.first_seen_at, found.total_fee);
            work.push(Work::new(key, since, amount, Of::Exception(found)));
        }
        let waits =
            |refund: &Refund| refund.needs_person() || now.minus(refund.requested_at) >= WAITS_LONG_MS;
        for refund in refunds::open(db, MOST).await?.into_iter().filter(waits) {
            let (key, since, amount) = (refund.out_refund_no.to_string(), refund.requested_at, refund.amount);
            work.push(Work::new(key, since, amount, Of::Refund(Box::new(refund))));
        }
        for (day, found) in differences::listed(db, MOST).await? {
            let key = format!("{day} {} {}", found.kind.name(), found.key);
            let amount = found.theirs.or(found.ours).unwrap_or_default();
            work.push(Work::new(key, found.first_seen_at, amount, Of::Difference(day, found)));
        }
        if let Some((serial, ends)) = wechat_keys::last_to_end(db).await?
            && ends.minus(now) <= ENDS_SOON_MS
        {
            let since = ends.plus_ms(-ENDS_SOON_MS);
            work.push(Work::new(serial, since, Fen::ZERO, Of::Certificate { ends }));
        }
        let mut owners = work_owners::all(db).await?;
        for one in &mut work {
            one.owner = owners.remove(&(one.kind(), one.key.clone()));
        }
        work.sort_by(|a, b| {
            a.since.cmp(&b.since).then(b.amount.cmp(&a.amount)).then_with(|| a.key.cmp(&b.key))
        });
        Ok(work)
    }

    /// Gives something an owner; `false` if somebody was first.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn take_work(&self, kind: WorkKind, key: &str, operator: &str) -> Result<bool, DbError> {
        work_owners::take(self.db(), kind, key, operator, self.now()).await
    }

    /// Takes its owner away, if it still is the one that the page showed.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn leave_work(&self, kind: WorkKind, key: &str, owner: &str) -> Result<bool, DbError> {
        work_owners::leave(self.db(), kind, key, owner).await
    }
}
