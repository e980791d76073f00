//! What a verified payment means for an order.

use wxpay::{Fen, Payment, TradeType, UnixMillis};

use super::{Order, OrderState, Paid, Proof};
use crate::apps::Apps;
use crate::exception::ExceptionKind;
use crate::protocols::Protocols;
use crate::spend::BalanceKeeper;

/// What becomes of a payment that arrives late (setting `late_payment`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LatePayment {
    /// It is credited like any other.
    Credit,
    /// It is refunded in the transaction that marks its order paid.
    Refund,
}

/// What becomes of a payment that does not fit its order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Abnormal {
    /// A person decides.
    #[default]
    Ask,
    /// Its refund is asked for in the transaction that keeps it.
    Refund,
}

/// The settings about payments that do not fit their orders.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AbnormalPayments {
    /// A second payment of a paid order (setting `duplicate_payment`).
    pub duplicate: Abnormal,
    /// A payment of another amount (setting `mismatched_payment`).
    pub mismatched: Abnormal,
}

impl AbnormalPayments {
    /// Whether the payment goes back by rule. Another amount does so only where a query states it: a notice may be wrong where WeChat's
    /// books are right, and then the order is still credited.
    pub fn gives_back(self, kind: ExceptionKind, proof: Proof) -> bool {
        match kind {
            ExceptionKind::Duplicate => self.duplicate == Abnormal::Refund,
            ExceptionKind::AmountMismatch => self.mismatched == Abnormal::Refund && proof == Proof::Query,
            _ => false,
        }
    }
}

/// What the rules need to know besides the order and the payment.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The merchant's apps; a payment in another name than its order's is never credited by itself.
    pub apps: Apps,
    /// The protocols that can be spoken.
    pub protocols: Protocols,
    /// The setting.
    pub late_payment: LatePayment,
    /// The settings.
    pub abnormal: AbnormalPayments,
    /// The setting.
    pub balance_kept_by: BalanceKeeper,
    /// The address of this site, under which WeChat posts notices, without a slash at its end.
    pub notify_base: String,
    /// The most orders that one user may have open at the same time.
    pub max_open_orders: usize,
    /// The setting, in fen: the site is told when a balance falls below it.
    pub low_balance: Option<Fen>,
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
    /// The proof is weaker than the order asked for, or came by the other protocol; a query decides.
    AskWeChat,
}

/// Words of WeChat's for how a payment was made that no order of ours has: cards and faces shown at a till.
/// Source: WeChat Pay, native.php?chapter=4_2 (交易类型)
const OTHER_TRADE_TYPES: [&str; 2] = ["MICROPAY", "FACEPAY"];

impl Order {
    /// Judges a verified payment. Does not change the order: [`Order::paid`] does.
    ///
    /// The amount is `total_fee`, never `cash_fee`, which coupons make smaller.
    /// Source: WeChat Pay, native.php?chapter=9_7
    pub fn judge(&self, payment: &Payment, proof: Proof, rules: &Rules, now: UnixMillis) -> Verdict {
        if payment.appid != *rules.apps.appid_of(&self.app) {
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
        let is_other = payment.signed.protocol() != self.signed.protocol();
        if (is_other || payment.signed < self.signed) && proof == Proof::Notice {
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
        if self.is_other_channel(payment) {
            return Verdict::Exception(ExceptionKind::ChannelMismatch);
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

    /// Whether WeChat names a way of paying that is documented and not this order's. A word that nobody documents, or none,
    /// says nothing.
    fn is_other_channel(&self, payment: &Payment) -> bool {
        payment.trade_type.as_deref().is_some_and(|word| {
            word != self.trade_type.as_str()
                && (TradeType::parse(word).is_ok() || OTHER_TRADE_TYPES.contains(&word))
        })
    }

    /// What is worth a note beside the credit of a payment: how WeChat says it was paid, where that is not the order's own
    /// word.
    pub fn odd_trade_type(&self, payment: &Payment) -> Option<String> {
        match payment.trade_type.as_deref() {
            Some(word) if word == self.trade_type.as_str() => None,
            Some(word) => Some(format!("trade_type = {word}")),
            None => Some("trade_type = -".to_owned()),
        }
    }
}
