//! What a verified payment means for an order.

use wxpay::{AppId, Payment, UnixMillis};

use super::{Order, OrderState, Paid, Proof};
use crate::exception::ExceptionKind;

/// What becomes of a payment that arrives late (setting `late_payment`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LatePayment {
    /// It is credited like any other.
    Credit,
    /// It is refunded in the transaction that marks its order paid.
    Refund,
}

/// What the rules need to know besides the order and the payment.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The merchant's app; a payment of another one is never credited here.
    pub appid: AppId,
    /// The setting.
    pub late_payment: LatePayment,
    /// The address of this site, under which WeChat posts notices, without a slash at its end.
    pub notify_base: String,
    /// The most orders that one user may have open at the same time.
    pub max_open_orders: usize,
}

/// What a verified payment means for an order. An exception is a verdict, not an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It fits: the order is paid and its credit due.
    Credit(Paid),
    /// It fits but came late, and the rule is to give it back: paid, not credited.
    KeepForRefund(Paid),
    /// The same payment is on record already.
    AlreadyPaid,
    /// Real money that does not fit.
    Exception(ExceptionKind),
    /// The proof is weaker than the order asked for; a query decides.
    AskWeChat,
}

impl Order {
    /// Judges a verified payment. Does not change the order: [`Order::paid`] does.
    ///
    /// The amount is `total_fee`, never `cash_fee`, which coupons make smaller.
    /// Source: WeChat Pay, native.php?chapter=9_7
    pub fn judge(&self, payment: &Payment, proof: Proof, rules: &Rules, now: UnixMillis) -> Verdict {
        if payment.appid != rules.appid {
            return Verdict::Exception(ExceptionKind::OtherApp);
        }
        if let OrderState::Paid(paid) = &self.state
            && paid.transaction_id == payment.transaction_id
        {
            return Verdict::AlreadyPaid;
        }
        if self.by_hand.as_ref() == Some(&payment.transaction_id) {
            return Verdict::AlreadyPaid;
        }
        // Only of notices: a query is signed as this process asks, whatever the order was placed with.
        let is_weaker = payment.signed < self.signed;
        if is_weaker && proof == Proof::Notice {
            return Verdict::AskWeChat;
        }
        if matches!(self.state, OrderState::Paid(_)) || self.by_hand.is_some() {
            return Verdict::Exception(ExceptionKind::Duplicate);
        }
        if self.refunded_outside {
            return Verdict::Exception(ExceptionKind::RefundedOutside);
        }
        if payment.fee_type != "CNY" {
            return Verdict::Exception(ExceptionKind::CurrencyMismatch);
        }
        if payment.total_fee != self.total_fee {
            return Verdict::Exception(ExceptionKind::AmountMismatch);
        }
        let closed_at = match self.state {
            OrderState::Closed { closed_at } => Some(closed_at),
            _ => None,
        };
        let late = closed_at.is_some() || payment.time_end > self.time_expire;
        let credited = !late || rules.late_payment == LatePayment::Credit;
        let paid = Paid {
            transaction_id: payment.transaction_id.clone(),
            paid_at: payment.time_end,
            credited_at: credited.then_some(now),
            closed_at,
            late,
            proof,
        };
        if credited { Verdict::Credit(paid) } else { Verdict::KeepForRefund(paid) }
    }
}
