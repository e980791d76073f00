//! What waits for a person, of every kind, and who sees to it.

use recharge::exception::Exception;
use recharge::reconciliation::Difference;
use recharge::refund::{Refund, Refundable};
use recharge::refund_wish::RefundWish;
use wxpay::bill::BillDate;
use wxpay::v3::keys::Entry;
use wxpay::{Fen, UnixMillis};

use crate::core::Cashier;
use crate::db::work_owners::{self, Owner, WorkKind};
use crate::db::{DbError, differences, exceptions, refunds};

/// The most of each kind that are read, the oldest.
pub const MOST: i64 = 500;

/// A refund that nobody has to see to waits by itself; after this long it is worth a look.
const WAITS_LONG_MS: i64 = 24 * 60 * 60 * 1000;

/// A certificate of WeChat's is worth a look so long before its end: its successor comes some days before it.
const WECHATS_ENDS_SOON_MS: i64 = 14 * 24 * 60 * 60 * 1000;

/// The merchant's is, so long before its end: somebody has to ask for the next one.
const MERCHANTS_ENDS_SOON_MS: i64 = 30 * 24 * 60 * 60 * 1000;

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
    /// A payer asks for a refund.
    Wish(Box<RefundWish>),
    /// It ends soon and there is no newer one, or it has ended.
    Certificate {
        of: CertificateOf,
        ends: UnixMillis,
    },
}

/// Whose certificate it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateOf {
    /// WeChat's platform certificate, by which its signatures are checked.
    WeChat,
    /// The merchant's, which refunds and API v3 need.
    Merchant,
}

/// How much of one kind waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    pub kind: WorkKind,
    /// At most [`MOST`] are counted.
    pub count: usize,
    /// Since when the oldest waits.
    pub since: UnixMillis,
}

/// The kinds of which something waits.
pub fn by_kind(work: &[Work]) -> Vec<Waiting> {
    let of = |kind| {
        let ages = work.iter().filter(|work| work.kind() == kind).map(|work| work.since);
        Some(Waiting { kind, count: ages.clone().count(), since: ages.min()? })
    };
    WorkKind::ALL.into_iter().filter_map(of).collect()
}

impl Work {
    pub fn kind(&self) -> WorkKind {
        match self.of {
            Of::Exception(_) => WorkKind::Exception,
            Of::Refund(_) => WorkKind::Refund,
            Of::Difference(..) => WorkKind::Difference,
            Of::Wish(_) => WorkKind::Wish,
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
        work.extend(self.wished().await?);
        work.extend(self.ending(now));
        let mut owners = work_owners::all(db).await?;
        for one in &mut work {
            one.owner = owners.remove(&(one.kind(), one.key.clone()));
        }
        work.sort_by(|a, b| {
            a.since.cmp(&b.since).then(b.amount.cmp(&a.amount)).then_with(|| a.key.cmp(&b.key))
        });
        Ok(work)
    }

    /// What payers ask to have back; the money is what is left of their payments.
    async fn wished(&self) -> Result<Vec<Work>, DbError> {
        let wishes = self.open_refund_wishes(MOST).await?;
        let numbers: Vec<_> = wishes.iter().map(|(wish, _)| wish.out_trade_no.as_str()).collect();
        let known = self.refunds_of(&numbers).await?;
        let work = wishes.into_iter().map(|(wish, order)| {
            let of_order = known.iter().filter(|refund| refund.out_trade_no == order.out_trade_no);
            let left = Refundable::of_order(&order, of_order).map_or(Fen::ZERO, |payment| payment.left());
            Work::new(wish.id(), wish.asked_at, left, Of::Wish(Box::new(wish)))
        });
        Ok(work.collect())
    }

    /// Certificates that end soon, as this process knows them.
    fn ending(&self, now: UnixMillis) -> impl Iterator<Item = Work> + use<> {
        let work = move |key: String, of, ends: UnixMillis, soon_ms: i64| {
            let since = ends.plus_ms(-soon_ms);
            (since <= now).then(|| Work::new(key, since, Fen::ZERO, Of::Certificate { of, ends }))
        };
        let keys = self.inner.wechat.v3_credentials().map(|v3| v3.keys.list()).unwrap_or_default();
        // With a public key WeChat signs by that, and no certificate has to follow.
        let has_public_key = keys.iter().any(|(_, entry)| matches!(entry, Entry::PublicKey(_)));
        let ends = keys.iter().filter_map(|(serial, entry)| Some((entry.not_after()?, serial)));
        let last = ends.max().filter(|_| !has_public_key);
        let wechats = last.and_then(|(ends, serial)| {
            work(serial.to_string(), CertificateOf::WeChat, ends, WECHATS_ENDS_SOON_MS)
        });
        let merchants = self.merchant_certificate_ends().and_then(|ends| {
            // Another certificate is another piece of work.
            work(format!("merchant {}", ends.get()), CertificateOf::Merchant, ends, MERCHANTS_ENDS_SOON_MS)
        });
        wechats.into_iter().chain(merchants)
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
