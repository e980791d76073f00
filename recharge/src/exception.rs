//! Real money that does not fit an open order: its kinds, and what is known of each.

pub mod resolution;

use serde::{Deserialize, Serialize};
use wxpay::{Fen, OutTradeNo, TransactionId, UnixMillis};

/// For how long after it was first seen an order number that we do not know is answered with FAIL: a restored
/// database may catch up. Source: fault scenario 11.
pub const RETRY_UNKNOWN_MS: i64 = 60 * 60 * 1000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExceptionKind {
    /// Paid after the order was closed or after its `time_expire`.
    Late,
    /// A second `transaction_id` for a paid order.
    Duplicate,
    AmountMismatch,
    CurrencyMismatch,
    UnknownOrder,
    /// Another appid of the same merchant.
    OtherApp,
    /// Refunded at WeChat's own desk.
    RefundedOutside,
}

impl ExceptionKind {
    pub const ALL: [ExceptionKind; 7] = [
        ExceptionKind::Late,
        ExceptionKind::Duplicate,
        ExceptionKind::AmountMismatch,
        ExceptionKind::CurrencyMismatch,
        ExceptionKind::UnknownOrder,
        ExceptionKind::OtherApp,
        ExceptionKind::RefundedOutside,
    ];

    /// The name in the database and in the integrator's API.
    pub fn name(self) -> &'static str {
        match self {
            ExceptionKind::Late => "late",
            ExceptionKind::Duplicate => "duplicate",
            ExceptionKind::AmountMismatch => "amount_mismatch",
            ExceptionKind::CurrencyMismatch => "currency_mismatch",
            ExceptionKind::UnknownOrder => "unknown_order",
            ExceptionKind::OtherApp => "other_app",
            ExceptionKind::RefundedOutside => "refunded_outside",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether no order of ours says whose money it is.
    pub fn has_no_user(self) -> bool {
        matches!(self, ExceptionKind::UnknownOrder | ExceptionKind::OtherApp)
    }

    /// Whether WeChat is asked to repeat the notice for a while, because the order may still turn up.
    pub fn asks_for_repeat(self) -> bool {
        matches!(self, ExceptionKind::UnknownOrder | ExceptionKind::OtherApp)
    }
}

/// One exception with its evidence: what WeChat states beside what we hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    pub kind: ExceptionKind,
    pub out_trade_no: OutTradeNo,
    /// `None` where WeChat did not name it.
    pub transaction_id: Option<TransactionId>,
    /// What WeChat states, in fen (of `fee_type`).
    pub total_fee: Fen,
    pub fee_type: String,
    /// What the order asks for, in fen; `None` where there is no order.
    pub expected_fee: Option<Fen>,
    pub first_seen_at: UnixMillis,
    /// The redacted message as a JSON object.
    pub evidence: String,
    /// When and by whom it was settled; `None` while it waits for a person.
    pub settled: Option<Settled>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    pub at: UnixMillis,
    /// `rule`, or the operator's name.
    pub by: String,
    /// What was done: `credited`, `refund`, `taken_back` or `dismissed`.
    pub how: String,
    /// The operator's reason; empty where a rule decided.
    pub reason: String,
}

impl Settled {
    pub fn by_rule(how: &str, at: UnixMillis) -> Settled {
        Settled { at, by: "rule".to_owned(), how: how.to_owned(), reason: String::new() }
    }
}

impl Exception {
    /// When the payer paid, as the evidence states it; when it was first seen, where it states nothing.
    pub fn paid_at(&self) -> UnixMillis {
        let fields: serde_json::Value = serde_json::from_str(&self.evidence).unwrap_or_default();
        let time_end = fields.get("time_end").and_then(serde_json::Value::as_str);
        time_end.and_then(UnixMillis::from_beijing).unwrap_or(self.first_seen_at)
    }

    /// Whether this is money that this desk received besides the payments of its orders, so that a refund of it can be set
    /// against it. Another app's money is another desk's, unless an operator took it here.
    pub fn is_received(&self) -> bool {
        let taken =
            || self.settled.as_ref().is_some_and(|settled| matches!(&*settled.how, "credited" | "refund"));
        self.fee_type == "CNY"
            && match self.kind {
                ExceptionKind::Duplicate | ExceptionKind::UnknownOrder | ExceptionKind::AmountMismatch => {
                    true
                }
                ExceptionKind::OtherApp => taken(),
                ExceptionKind::Late | ExceptionKind::CurrencyMismatch | ExceptionKind::RefundedOutside => {
                    false
                }
            }
    }

    /// The same payment makes the same exception only once.
    pub fn id(&self) -> String {
        let transaction = self.transaction_id.as_ref().map_or("", TransactionId::as_str);
        format!("{}:{}:{transaction}", self.kind.name(), self.out_trade_no)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{NOW, exception};

    #[test]
    fn money_that_came_besides_the_orders_own_is_received_and_other_currencies_and_apps_are_not() {
        let received = ExceptionKind::ALL.into_iter().filter(|kind| exception(*kind).is_received());
        let expected = [ExceptionKind::Duplicate, ExceptionKind::AmountMismatch, ExceptionKind::UnknownOrder];
        assert_eq!(received.collect::<Vec<_>>(), expected);
        let other = exception(ExceptionKind::OtherApp);
        let settled = |how| Some(Settled { by: "lin".to_owned(), ..Settled::by_rule(how, NOW) });
        assert!(Exception { settled: settled("refund"), ..other.clone() }.is_received());
        assert!(!Exception { settled: settled("dismissed"), ..other }.is_received());
        let dollars = Exception { fee_type: "USD".to_owned(), ..exception(ExceptionKind::Duplicate) };
        assert!(!dollars.is_received());
    }

    #[test]
    fn the_evidence_says_when_it_was_paid() {
        let seen = exception(ExceptionKind::Duplicate);
        assert_eq!(seen.paid_at(), NOW);
        let stated = Exception { evidence: r#"{"time_end":"20260314235959"}"#.to_owned(), ..seen };
        assert_eq!(Some(stated.paid_at()), UnixMillis::from_beijing("20260314235959"));
    }
}
