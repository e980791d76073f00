//! What people are told of. A state of the books or of this server that needs a person is raised once, when it begins, and each
//! channel that wants its kind gets one message of all that was raised since its last one.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use wxpay::{Fen, UnixMillis};

use crate::names::names;

mod channel;

pub use channel::{Channel, ChannelId, ChannelKind, Choice, PACE_MS, backoff_ms};

/// What happened, or what is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertKind {
    /// Money waits in an exception.
    Exception,
    /// The self-check found the books violated.
    Ledger,
    /// Yesterday is not reconciled with WeChat's bill.
    BillLate,
    /// Books and bill differ.
    Difference,
    /// By one protocol no new orders are taken.
    OrdersStopped,
    /// WeChat's certificate ends soon, and there is no newer one.
    Certificate,
    /// The merchant's certificate ends soon.
    MerchantCertificate,
    /// A refund needs a person, or waits for over a day.
    Refund,
    /// A payer asks for a refund.
    RefundWish,
    /// A payment was credited more than a minute after it was made.
    SlowCredit,
    /// An operator signed in from an address that was not seen for 30 days.
    NewAddress,
    /// There is a new operator.
    OperatorAdded,
    /// The figures of yesterday.
    Digest,
}

names! {
    AlertKind {
        Exception = "exception",
        Ledger = "ledger",
        BillLate = "bill_late",
        Difference = "difference",
        OrdersStopped = "orders_stopped",
        Certificate = "certificate",
        MerchantCertificate = "merchant_certificate",
        Refund = "refund",
        RefundWish = "refund_wish",
        SlowCredit = "slow_credit",
        NewAddress = "new_address",
        OperatorAdded = "operator_added",
        Digest = "digest",
    }
}

impl AlertKind {
    /// Whether it lasts until something ends it, and can then begin again. What only happened is told once for ever.
    pub fn lasts(self) -> bool {
        !matches!(
            self,
            AlertKind::SlowCredit | AlertKind::NewAddress | AlertKind::OperatorAdded | AlertKind::Digest
        )
    }
}

/// Something that people should know, as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raised {
    /// What it is.
    pub kind: AlertKind,
    /// What tells it from others of its kind, such as the number of an exception. Nothing of a payer.
    pub subject: String,
    /// The number or name to show.
    pub shown: String,
    /// The money that it is about.
    pub amount: Option<Fen>,
    /// When it began.
    pub at: UnixMillis,
}

impl Raised {
    /// What tells it from all others that are open.
    pub fn key(&self) -> String {
        format!("{} {}", self.kind.name(), self.subject)
    }
}

/// The same as it is kept, in the order in which it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Counts all alerts from 1.
    pub seq: i64,
    /// What was found.
    pub raised: Raised,
}

/// The figures of a day, in the `shown` of an alert of the kind [`AlertKind::Digest`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// The day, `yyyyMMdd` of Beijing.
    pub day: String,
    /// Orders that were placed.
    pub orders: i64,
    /// Orders that were paid.
    pub paid: i64,
    /// What was paid, in fen.
    pub paid_fen: i64,
    /// Refunds that were made.
    pub refunds: i64,
    /// What went back, in fen.
    pub refunded_fen: i64,
    /// What waits for a person now.
    pub open: i64,
}

/// Minutes of the Beijing day in which the figures of the day before are told: from 10:30 to 14:00, so that a server that is
/// started at night does not tell them then.
const DIGEST_MINUTES: std::ops::Range<i64> = (10 * 60 + 30)..(14 * 60);
/// Minute of the Beijing day from which on the bill of the day before is late. WeChat has it from 10:00.
const BILL_LATE_MINUTE: i64 = 12 * 60;

/// Whether the figures of the day before are due.
pub fn is_digest_due(now: UnixMillis) -> bool {
    DIGEST_MINUTES.contains(&beijing_minute(now))
}

/// Whether a bill of the day before that was not read is late.
pub fn is_bill_late(now: UnixMillis) -> bool {
    beijing_minute(now) >= BILL_LATE_MINUTE
}

fn beijing_minute(now: UnixMillis) -> i64 {
    let text = now.to_beijing();
    let part = |range: std::ops::Range<usize>| text.get(range).and_then(|text| text.parse::<i64>().ok());
    part(8..10).unwrap_or_default() * 60 + part(10..12).unwrap_or_default()
}

/// Those that a channel wants: of `kinds`, or all if that is empty.
pub fn wanted<'a>(alerts: &'a [Alert], kinds: &BTreeSet<AlertKind>) -> Vec<&'a Alert> {
    alerts.iter().filter(|alert| kinds.is_empty() || kinds.contains(&alert.raised.kind)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_before_is_told_in_the_morning_and_its_bill_is_late_at_noon() {
        let at = |text| UnixMillis::from_beijing(text).unwrap();
        for (time, digest, late) in [
            ("20261202000000", false, false),
            ("20261202102959", false, false),
            ("20261202103000", true, false),
            ("20261202115959", true, false),
            ("20261202120000", true, true),
            ("20261202140000", false, true),
            ("20261202235959", false, true),
        ] {
            assert_eq!((is_digest_due(at(time)), is_bill_late(at(time))), (digest, late), "{time}");
        }
    }

    #[test]
    fn a_channel_without_kinds_wants_all() {
        let alert = |seq: i64, kind| {
            let (subject, shown) = (seq.to_string(), String::new());
            Alert { seq, raised: Raised { kind, subject, shown, amount: None, at: UnixMillis::default() } }
        };
        let alerts = [alert(1, AlertKind::Refund), alert(2, AlertKind::Digest)];
        assert_eq!(wanted(&alerts, &BTreeSet::new()).len(), 2);
        assert_eq!(wanted(&alerts, &[AlertKind::Digest].into()), [&alerts[1]]);
    }
}
