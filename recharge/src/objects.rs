//! What the site's programs see of orders, refunds, exceptions, balances, debits and holds: one form for the answers of `/api/v1`
//! and for events. Amounts are fen, times RFC 3339 in Beijing time. Never an openid, a key or a message of WeChat's.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use wxpay::{Fen, UnixMillis};

use crate::exception::{Exception, ExceptionKind, ResolutionKind};
use crate::order::{Order, OrderState};
use crate::refund::{Refund, RefundState, Refundable};
use crate::spend::Account;
use crate::webhook::{DisabledWhy, Endpoint, Health};

mod spent;

pub use spent::{DebitObject, GrantObject, HoldObject, ReversalObject};

/// A recharge: an order and what became of its payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RechargeObject {
    /// Our number of it.
    pub out_trade_no: String,
    /// Rises with every change: one with a lower version is older.
    pub version: i64,
    /// The site's own name of it, if it gave one.
    pub reference: Option<String>,
    /// Whose balance it raises.
    pub user: String,
    /// `created`, `pending`, `closed` or `paid`.
    pub state: &'static str,
    /// WeChat's word for the way to pay: `NATIVE`, `JSAPI`, `MWEB` or `APP`.
    #[serde(rename = "type")]
    pub trade_type: &'static str,
    /// What the payer pays.
    #[schema(value_type = i64)]
    pub total_fee: Fen,
    /// What is added when it is credited.
    #[schema(value_type = i64)]
    pub bonus: Fen,
    /// What the balance rose by; 0 until it is credited.
    #[schema(value_type = i64)]
    pub credited: Fen,
    /// What of `total_fee` the payer has again.
    #[schema(value_type = i64)]
    pub refunded: Fen,
    /// What of `total_fee` is on its way back to the payer.
    #[schema(value_type = i64)]
    pub refunding: Fen,
    /// Whether it was paid after it was closed or had expired.
    pub late: bool,
    /// The site's own fields.
    #[schema(value_type = Object)]
    pub metadata: Value,
    /// When it was placed.
    pub created_at: String,
    /// Until when it can be paid.
    pub expires_at: String,
    /// From when on it is not offered any more, because the site took it back; it can still be paid until it is closed.
    pub cancelled_at: Option<String>,
    /// When it was closed without a payment; a payment may still have come.
    pub closed_at: Option<String>,
    /// When the payer paid, as WeChat states it.
    pub paid_at: Option<String>,
    /// When the balance rose.
    pub credited_at: Option<String>,
    /// WeChat's number of the payment.
    pub transaction_id: Option<String>,
}

impl RechargeObject {
    /// The order with its refunds; those of another payment than its own do not count.
    pub fn new<'r>(order: &Order, refunds: impl Iterator<Item = &'r Refund>) -> RechargeObject {
        let payment = Refundable::of_order(order, refunds);
        let (paid, closed_at) = match &order.state {
            OrderState::Created | OrderState::Pending(_) => (None, None),
            OrderState::Closed { closed_at } => (None, Some(*closed_at)),
            OrderState::Paid(paid) => (Some(paid), paid.closed_at),
        };
        RechargeObject {
            out_trade_no: order.out_trade_no.to_string(),
            version: order.version,
            reference: order.reference().map(ToString::to_string),
            user: order.user.id.clone(),
            state: order.state.name(),
            trade_type: order.trade_type.as_str(),
            total_fee: order.total_fee,
            bonus: order.bonus,
            credited: payment.map_or(Fen::ZERO, |payment| payment.credit),
            refunded: payment.map_or(Fen::ZERO, |payment| payment.arrived),
            refunding: payment.map_or(Fen::ZERO, |payment| payment.under_way()),
            late: paid.is_some_and(|paid| paid.late),
            metadata: order.by_key.as_ref().map_or_else(
                || Value::Object(serde_json::Map::new()),
                |by_key| serde_json::from_str(by_key.metadata.as_json()).unwrap_or_default(),
            ),
            created_at: order.created_at.to_beijing_rfc3339(),
            expires_at: order.time_expire.to_beijing_rfc3339(),
            cancelled_at: time(order.cancelled_at),
            closed_at: time(closed_at),
            paid_at: time(paid.map(|paid| paid.paid_at)),
            credited_at: time(paid.and_then(|paid| paid.credited_at)),
            transaction_id: paid.map(|paid| paid.transaction_id.to_string()),
        }
    }
}

/// A refund of a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RefundObject {
    /// Our number of it, or the merchant platform's.
    pub out_refund_no: String,
    /// The site's own name of it, if it asked for it.
    pub reference: Option<String>,
    /// The order whose payment goes back.
    pub out_trade_no: String,
    /// The payment that goes back; an order that was paid twice has two.
    pub transaction_id: String,
    /// How far it is.
    pub state: RefundState,
    /// What goes back to the payer.
    #[schema(value_type = i64)]
    pub amount: Fen,
    /// What it took from the balance, bonus included.
    #[schema(value_type = i64)]
    pub taken: Fen,
    /// Whose balance; `null` where nothing was taken.
    pub user: Option<String>,
    /// As the payer reads it.
    pub reason: String,
    /// Who asked for it.
    pub made_by: String,
    /// When it was asked for, or became known.
    pub requested_at: String,
    /// When the payer had the money, or it ended without.
    pub ended_at: Option<String>,
}

impl RefundObject {
    /// The refund.
    pub fn new(refund: &Refund) -> RefundObject {
        RefundObject {
            out_refund_no: refund.out_refund_no.to_string(),
            reference: refund.reference.as_ref().map(ToString::to_string),
            out_trade_no: refund.out_trade_no.to_string(),
            transaction_id: refund.transaction_id.to_string(),
            state: refund.state,
            amount: refund.amount,
            taken: refund.taken,
            user: refund.user.as_ref().map(|user| user.id.clone()),
            reason: refund.reason.clone(),
            made_by: refund.by.to_string(),
            requested_at: refund.requested_at.to_beijing_rfc3339(),
            ended_at: time(refund.ended_at),
        }
    }
}

/// What a user has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BalanceObject {
    /// The user's id.
    pub user: String,
    /// The sum of the ledger.
    #[schema(value_type = i64)]
    pub balance: Fen,
    /// Set aside by open holds.
    #[schema(value_type = i64)]
    pub held: Fen,
    /// What can be spent.
    #[schema(value_type = i64)]
    pub available: Fen,
    /// How many numbered rows the ledger has: one with fewer is older.
    pub entries: i64,
}

impl BalanceObject {
    /// The account of this user.
    pub fn new(user_id: &str, account: &Account) -> BalanceObject {
        BalanceObject {
            user: user_id.to_owned(),
            balance: account.balance,
            held: account.held,
            available: account.available(),
            entries: account.entries,
        }
    }
}

/// Real money that did not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExceptionObject {
    /// Names it for ever.
    pub id: String,
    /// Rises with every change.
    pub version: i64,
    /// Why it does not fit.
    pub kind: ExceptionKind,
    /// The order number that WeChat states; there may be no such recharge.
    pub out_trade_no: String,
    /// The payment, where WeChat named it.
    pub transaction_id: Option<String>,
    /// What WeChat states, in the smallest unit of `fee_type`.
    #[schema(value_type = i64)]
    pub total_fee: Fen,
    /// The currency.
    pub fee_type: String,
    /// What the order asks for; `null` where there is none.
    #[schema(value_type = Option<i64>)]
    pub expected_fee: Option<Fen>,
    /// When it was seen first.
    pub first_seen_at: String,
    /// How it was settled; `null` while it waits for a person.
    pub settled: Option<SettledObject>,
}

/// How an exception was settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SettledObject {
    /// When.
    pub at: String,
    /// A rule or an operator.
    pub by: String,
    /// What was done.
    pub how: ResolutionKind,
    /// The operator's words.
    pub reason: String,
}

impl ExceptionObject {
    /// The exception in its `version`-th state.
    pub fn new(exception: &Exception, version: i64) -> ExceptionObject {
        ExceptionObject {
            id: exception.id().to_string(),
            version,
            kind: exception.kind,
            out_trade_no: exception.out_trade_no.to_string(),
            transaction_id: exception.transaction_id.as_ref().map(ToString::to_string),
            total_fee: exception.total_fee,
            fee_type: exception.fee_type.clone(),
            expected_fee: exception.expected_fee,
            first_seen_at: exception.first_seen_at.to_beijing_rfc3339(),
            settled: exception.resolution.as_ref().map(|settled| SettledObject {
                at: settled.at.to_beijing_rfc3339(),
                by: settled.by.to_string(),
                how: settled.how,
                reason: settled.reason.clone(),
            }),
        }
    }
}

/// What an event tells of a webhook endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WebhookEndpointObject {
    /// Names it for ever.
    pub id: String,
    /// Where deliveries go.
    pub url: String,
    /// Since when it gets no more; `null` while it does.
    pub disabled_at: Option<String>,
    /// Why.
    pub disabled_why: Option<DisabledWhy>,
}

impl WebhookEndpointObject {
    /// The endpoint with this health.
    pub fn new(endpoint: &Endpoint, health: &Health) -> WebhookEndpointObject {
        WebhookEndpointObject {
            id: endpoint.id.to_string(),
            url: endpoint.url.clone(),
            disabled_at: time(health.disabled.map(|disabled| disabled.at)),
            disabled_why: health.disabled.map(|disabled| disabled.why),
        }
    }
}

fn time(at: Option<UnixMillis>) -> Option<String> {
    at.map(UnixMillis::to_beijing_rfc3339)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::{order, paid, refund};

    #[test]
    fn a_recharge_says_what_became_of_its_payment() {
        let other = wxpay::TransactionId::parse("another").unwrap();
        let refunds = [
            Refund { state: RefundState::Succeeded, amount: Fen::new(300), ..refund() },
            refund(),
            Refund { state: RefundState::Closed, ..refund() },
            Refund { transaction_id: other, ..refund() },
        ];
        let shown = serde_json::to_value(RechargeObject::new(&paid(false), refunds.iter())).unwrap();
        assert_eq!(
            shown,
            json!({
                "out_trade_no": order().out_trade_no, "version": 2, "reference": null, "user": "u_1", "state": "paid", "type": "NATIVE",
                "total_fee": 1990, "bonus": 100, "credited": 2090, "refunded": 300, "refunding": 100, "late": false, "metadata": {}, "cancelled_at": null,
                "created_at": "2026-03-15T10:00:00+08:00", "expires_at": "2026-03-15T10:10:00+08:00", "closed_at": null,
                "paid_at": "2026-03-15T10:01:00+08:00", "credited_at": "2026-03-15T10:01:40+08:00",
                "transaction_id": "4200001234202603151234567890",
            })
        );
    }

    #[test]
    fn a_late_payment_that_was_kept_is_paid_and_not_credited() {
        let shown = RechargeObject::new(&paid(true), std::iter::empty());
        assert_eq!(
            (shown.state, shown.late, shown.credited, shown.credited_at),
            ("paid", true, Fen::ZERO, None)
        );
        let open = RechargeObject::new(&order(), std::iter::empty());
        assert_eq!((open.state, open.paid_at, open.credited), ("created", None, Fen::ZERO));
    }
}
