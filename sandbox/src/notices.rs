//! The queue of notices: WeChat's schedule of redelivery, until the merchant answers SUCCESS. Pure; `sending.rs` sends.
//! Source: WeChat Pay v2, native.php?chapter=9_7.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use serde::{Deserialize, Serialize};
use wxpay::UnixMillis;
use wxpay::v2::Fields;

use crate::clock::Now;
use crate::orders::Payment;
use crate::orders::refunds::Refund;

/// Seconds between one attempt and the next; after the last it is given up.
const INTERVALS_S: [i64; 15] =
    [15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10_800, 10_800, 10_800, 21_600, 21_600];

/// Deliveries that are kept for `GET /control/notices`.
const RECORDS_KEPT: usize = 10_000;

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An order was paid.
    Payment,
    /// A refund ended.
    Refund,
}

/// What a notice tells.
#[derive(Debug, Clone, Copy)]
pub enum About<'a> {
    /// This payment was made.
    Payment(&'a Payment),
    /// This refund has ended.
    Refund(&'a Refund),
}

/// One delivery as it happened, newest last in [`crate::Sandbox::notices`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeRecord {
    /// The order.
    pub out_trade_no: String,
    /// What it is about.
    pub kind: Kind,
    /// What was posted.
    pub body: String,
    /// With which headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// What its sealed part says: API v3 only.
    #[serde(default)]
    pub plaintext: Option<String>,
    /// When.
    pub sent_at_ms: UnixMillis,
    /// The HTTP status; `None` when no answer came within 5 s or the notice was lost.
    pub status: Option<u16>,
    /// The answer's body.
    pub answer: Option<String>,
}

/// A notice that still has to be acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// WeChat's number of what happened, the `transaction_id` or the `refund_id`.
    pub id: String,
    pub kind: Kind,
    pub out_trade_no: String,
    /// The same in every attempt, since WeChat sends the same message again.
    pub nonce_str: String,
    /// How often it was sent.
    pub attempts: usize,
    pub due_inner: UnixMillis,
}

/// What became of a notice after an attempt.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    Acknowledged,
    Again(Pending),
    /// The schedule is at its end.
    GivenUp,
}

#[derive(Debug, Default)]
pub struct Queue {
    pending: HashMap<String, Pending>,
    /// Those that wait; a notice under way is in `pending` only.
    due: BTreeSet<(UnixMillis, String)>,
    records: VecDeque<NoticeRecord>,
}

impl Queue {
    pub fn insert(&mut self, notice: Pending) {
        self.due.insert((notice.due_inner, notice.id.clone()));
        self.pending.insert(notice.id.clone(), notice);
    }

    pub fn next_due(&self) -> Option<UnixMillis> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes at most `most` notices that are due; each must be reported back.
    pub fn take_due(&mut self, now: Now, most: usize) -> Vec<Pending> {
        let mut taken = Vec::new();
        while taken.len() < most && self.next_due().is_some_and(|at| at <= now.inner) {
            let Some((_, id)) = self.due.pop_first() else { break };
            taken.extend(self.pending.get(&id).cloned());
        }
        taken
    }

    /// An attempt that began at `began` has ended.
    pub fn report(&mut self, id: &str, acknowledged: bool, began: Now) -> Option<Outcome> {
        let notice = self.pending.get_mut(id)?;
        let interval = INTERVALS_S.get(notice.attempts);
        notice.attempts += 1;
        match interval {
            Some(seconds) if !acknowledged => {
                notice.due_inner = began.inner.plus_ms(seconds * 1000);
                self.due.insert((notice.due_inner, notice.id.clone()));
                Some(Outcome::Again(notice.clone()))
            }
            _ => {
                self.pending.remove(id);
                Some(if acknowledged { Outcome::Acknowledged } else { Outcome::GivenUp })
            }
        }
    }

    pub fn record(&mut self, record: NoticeRecord) {
        if self.records.len() >= RECORDS_KEPT {
            self.records.pop_front();
        }
        self.records.push_back(record);
    }

    pub fn records(&self) -> Vec<NoticeRecord> {
        self.records.iter().cloned().collect()
    }
}

/// HTTP 200 and the bare document that says SUCCESS: an XML declaration or anything around the
/// document makes WeChat send again. Source: WeChat Pay v2, native.php?chapter=9_7 (返回结果).
pub fn acknowledges(status: u16, answer: &str) -> bool {
    let bare = answer.starts_with("<xml>") && answer.ends_with("</xml>");
    let read = Fields::read(answer.as_bytes(), crate::v2::rules::BODY_LIMIT);
    status == 200 && bare && read.is_ok_and(|f| f.get("return_code") == Some("SUCCESS"))
}
