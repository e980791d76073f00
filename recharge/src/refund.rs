//! A refund and the rules of it: what can be refunded, and what share of the credit goes back with it.

use sha2::{Digest as _, Sha256};
use wxpay::{Fen, OutRefundNo, OutTradeNo, Protocol, RefundId, RefundStatus, TransactionId, UnixMillis};

use crate::audit::Actor;
use crate::base32::base32;
use crate::exception::{Exception, ExceptionId, ExceptionKind};
use crate::ledger::LedgerKey;
use crate::names::names;
use crate::order::{Order, OrderState};
use crate::spend::Reference;
use crate::user::User;

mod new;
mod problem;
pub mod retry;
mod update;

pub use new::NewRefund;
pub use problem::{Blocked, Problem};
pub use update::RefundUpdate;

/// Maximum number of refunds of one payment, closed ones included. Source: WeChat Pay, native.php?chapter=9_4
pub const MOST: usize = 50;

/// How far a refund has come. It only moves to the right; `Abnormal` is finished by a person at WeChat and can still
/// end either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefundState {
    /// Written, and the balance taken; WeChat is not known to have it.
    Requested,
    /// WeChat has taken it on.
    Submitted,
    /// The payer's bank refused it: a person must finish it in the merchant platform.
    Abnormal,
    /// The payer has the money.
    Succeeded,
    /// Ended without money; the balance gets back what was taken.
    Closed,
}

names!(RefundState {
    Requested = "requested",
    Submitted = "submitted",
    Abnormal = "abnormal",
    Succeeded = "succeeded",
    Closed = "closed",
});

impl RefundState {
    /// Nothing leaves these two.
    pub fn is_over(self) -> bool {
        matches!(self, RefundState::Succeeded | RefundState::Closed)
    }
}

/// One refund. What is sent to WeChat is stored, so that a repeat sends the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// Our number of it; the same number sent again never refunds twice.
    pub out_refund_no: OutRefundNo,
    /// The order whose payment goes back.
    pub out_trade_no: OutTradeNo,
    /// The payment that goes back: an order that was paid twice has two.
    pub transaction_id: TransactionId,
    /// What that payment was for, in full.
    pub total_fee: Fen,
    /// What goes back to the payer.
    pub amount: Fen,
    /// What of the credit, bonus included, belongs to `amount`; zero where the payment was not credited. Of one that was made
    /// outside it is fixed when it is taken back: until then a refund of ours may be under way that cannot succeed.
    pub share: Fen,
    /// What was taken from the balance: `share`, or zero for a refund made outside that was not taken back.
    pub taken: Fen,
    /// Whose balance it is taken from; `None` where the payment has no user.
    pub user: Option<User>,
    /// Why, as the payer reads it in WeChat.
    pub reason: String,
    /// The name that the site's program gave it, of which its number is made.
    pub reference: Option<Reference>,
    /// By which protocol it is asked for; chosen when it is made, and never changed.
    pub protocol: Protocol,
    /// Where WeChat posts how it ended.
    pub notify_url: Option<String>,
    /// Who asked for it; [`Actor::WeChat`] if it was made in the merchant platform.
    pub by: Actor,
    /// The operator went on although the balance was too low.
    pub overdrawn: bool,
    /// The exception that asked for it; open again if this refund ends closed.
    pub exception: Option<ExceptionId>,
    /// When it was asked for, or became known.
    pub requested_at: UnixMillis,
    /// How far it is.
    pub state: RefundState,
    /// WeChat's number, once it has taken the refund on.
    pub refund_id: Option<RefundId>,
    /// When it succeeded or closed.
    pub ended_at: Option<UnixMillis>,
    /// Why it does not move, if it does not.
    pub blocked: Option<Blocked>,
    /// When WeChat is asked next; `None` once it is over.
    pub due_at: Option<UnixMillis>,
    /// How often WeChat was asked.
    pub tries: i64,
    /// When WeChat was asked last.
    pub tried_at: UnixMillis,
    /// Optimistic concurrency: rises with every change, and a change is written only over the version that was read.
    pub version: i64,
}

impl Refund {
    /// Whether it was made in the merchant platform and not by us.
    pub fn is_external(&self) -> bool {
        self.by == Actor::WeChat
    }

    /// Whether it waits for a person, and not for WeChat or the next try.
    pub fn needs_person(&self) -> bool {
        let waits = |problem| matches!(problem, Problem::Unclear | Problem::Limited);
        !self.state.is_over()
            && (self.state == RefundState::Abnormal
                || self.blocked.as_ref().is_some_and(|blocked| !waits(blocked.problem)))
    }

    /// Its key in the ledger for what it took.
    pub fn ledger_key(&self) -> LedgerKey {
        LedgerKey::Refund(self.out_refund_no.clone())
    }

    /// Its key in the ledger for what the balance gets back when it ends closed.
    pub fn returned_key(&self) -> LedgerKey {
        LedgerKey::RefundReturned(self.out_refund_no.clone())
    }
}

/// A refund as WeChat names it, ours or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalRefund {
    /// The merchant's number of it; made by WeChat for one of the merchant platform.
    pub out_refund_no: OutRefundNo,
    /// WeChat's number of it.
    pub refund_id: RefundId,
    /// The payment that goes back.
    pub transaction_id: TransactionId,
    /// What the payment was for.
    pub total_fee: Fen,
    /// What goes back, in fen.
    pub amount: Fen,
    /// How far it is.
    pub status: RefundStatus,
}

/// What an operator asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRequest {
    /// The order.
    pub out_trade_no: OutTradeNo,
    /// Made once for a form ([`number`]), so that a second press of it is the same refund.
    pub out_refund_no: OutRefundNo,
    /// In fen.
    pub amount: Fen,
    /// As the payer reads it, 1 to 80 bytes.
    pub reason: String,
    /// The name that the site's program gave it; its number is then [`number_of_reference`].
    pub reference: Option<Reference>,
    /// Go on although the balance is too low, which is written down.
    pub even_if_balance_low: bool,
    /// The exception whose payment an operator credited, where it is that one that goes back and not the order's own.
    pub exception: Option<ExceptionId>,
    /// The version ([`form_version::of`](crate::form_version::of)) of what the operator's page showed; `None` where no page
    /// was read.
    pub seen_version: Option<i64>,
}

/// What an operator credited of a payment that did not fit its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManualCredit {
    /// The order number of the exception.
    pub out_trade_no: OutTradeNo,
    /// The payment.
    pub transaction_id: TransactionId,
    /// Whose balance it is on.
    pub user: User,
    /// What was credited, in fen.
    pub amount: Fen,
}

/// Why a refund is not taken on. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefundRefusal {
    /// No order of that number.
    #[error("there is no such order")]
    NoOrder,
    /// The order has no payment.
    #[error("the order is not paid")]
    NotPaid,
    /// No operator credited it as a payment of its own.
    #[error("the payment of this exception was not credited")]
    NotCredited,
    /// An amount of zero or less.
    #[error("a refund is at least 1 fen")]
    Nothing,
    /// More than is left of this payment.
    #[error("{left} yuan are left to refund, not {asked}")]
    OverRest {
        /// What is left, in fen.
        left: Fen,
        /// What was asked for, in fen.
        asked: Fen,
    },
    /// [`MOST`] refunds of this payment exist.
    #[error("WeChat takes at most {MOST} refunds of one payment")]
    TooMany,
    /// An operator may go on all the same.
    #[error("{available} yuan of the balance are available and {taken} would be taken back")]
    BalanceLow {
        /// What is there and not held, in fen.
        available: Fen,
        /// What would be taken, in fen.
        taken: Fen,
    },
    /// Another refund has this number.
    #[error("this out_refund_no stands for another refund already")]
    NumberTaken,
    /// Not a reason that WeChat takes; see [`is_reason`].
    #[error("the reason must be 1 to 80 bytes without control characters")]
    Reason,
    /// The order or one of its refunds has changed since the page was made.
    #[error("the page is out of date: the order has changed since")]
    Stale,
}

/// A payment that can be refunded, and what of it has been refunded. Closed refunds do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refundable {
    /// What was paid, in fen.
    pub total_fee: Fen,
    /// What it raised the balance by, bonus included; zero where it was not credited.
    pub credit: Fen,
    /// What its refunds give back, in fen.
    pub refunded: Fen,
    /// What of `refunded` the payer has; the rest is under way, and may still come to nothing.
    pub arrived: Fen,
    /// What of the credit belongs to `refunded`.
    pub shared: Fen,
    /// How many refunds there are, closed ones included.
    pub count: usize,
}

impl Refundable {
    /// A payment of `total_fee` that raised a balance by `credit`, and its refunds.
    pub fn new<'r>(total_fee: Fen, credit: Fen, refunds: impl Iterator<Item = &'r Refund>) -> Refundable {
        let [refunded, arrived, shared] = [Fen::ZERO; 3];
        let mut payment = Refundable { total_fee, credit, refunded, arrived, shared, count: 0 };
        for refund in refunds {
            payment.count += 1;
            if refund.state != RefundState::Closed {
                payment.refunded = sum(payment.refunded, refund.amount);
                payment.shared = sum(payment.shared, refund.share);
            }
            if refund.state == RefundState::Succeeded {
                payment.arrived = sum(payment.arrived, refund.amount);
            }
        }
        payment
    }

    /// The order's own payment; `None` if it is not paid. Refunds of another payment of the order do not count.
    pub fn of_order<'r>(order: &Order, refunds: impl Iterator<Item = &'r Refund>) -> Option<Refundable> {
        let OrderState::Paid(paid) = &order.state else { return None };
        let credit = paid.credited_at.and_then(|_| order.credit()).unwrap_or(Fen::ZERO);
        let of_payment = refunds.filter(|refund| refund.transaction_id == paid.transaction_id);
        Some(Refundable::new(order.total_fee, credit, of_payment))
    }

    /// A payment that an operator credited; `refunds` are those of its order number.
    pub fn by_hand<'r>(
        exception: &Exception,
        credit: &ManualCredit,
        refunds: impl Iterator<Item = &'r Refund>,
    ) -> Refundable {
        let of_payment = refunds.filter(|refund| refund.transaction_id == credit.transaction_id);
        Refundable::new(exception.total_fee, credit.amount, of_payment)
    }

    /// A payment of `order` as far as it was credited, by rule or by hand; `None` if no balance has anything of it.
    /// `refunds` are those of the order's number that count.
    pub fn credited<'r>(
        order: &Order,
        by_hand: Option<&ManualCredit>,
        payment: &TransactionId,
        total_fee: Fen,
        refunds: impl Iterator<Item = &'r Refund>,
    ) -> Option<Refundable> {
        match (&order.state, by_hand) {
            (OrderState::Paid(paid), _) if paid.transaction_id == *payment => {
                Refundable::of_order(order, refunds)
            }
            (_, Some(credit)) => {
                let of_payment = refunds.filter(|refund| refund.transaction_id == *payment);
                Some(Refundable::new(total_fee, credit.amount, of_payment))
            }
            _ => None,
        }
    }

    /// What can still be refunded, in fen.
    pub fn left(&self) -> Fen {
        self.total_fee.checked_sub(self.refunded).unwrap_or(Fen::ZERO).max(Fen::ZERO)
    }

    /// What is on its way back, and may still come to nothing.
    pub fn under_way(&self) -> Fen {
        self.refunded.checked_sub(self.arrived).unwrap_or(Fen::ZERO)
    }

    /// What of the credit belongs to a refund of `amount`: in proportion, rounded up, the last one the rest, so that all
    /// of them together are the credit.
    pub fn share(&self, amount: Fen) -> Fen {
        let rest = self.credit.checked_sub(self.shared).unwrap_or(Fen::ZERO).max(Fen::ZERO);
        if amount >= self.left() {
            return rest;
        }
        let (credit, part) = (i128::from(self.credit.get()), i128::from(amount.get()));
        let total = i128::from(self.total_fee.get()).max(1);
        let share = (credit * part + total - 1) / total;
        Fen::new(i64::try_from(share).unwrap_or(i64::MAX)).min(rest)
    }

    /// [`Refundable::share`], and counts the refund from now on.
    pub fn give(&mut self, amount: Fen) -> Fen {
        let share = self.share(amount);
        (self.refunded, self.shared) = (sum(self.refunded, amount), sum(self.shared, share));
        share
    }

    /// Whether a refund of `amount` fits.
    ///
    /// # Errors
    /// [`RefundRefusal`] if it does not.
    pub fn check(&self, amount: Fen) -> Result<(), RefundRefusal> {
        if amount < Fen::new(1) {
            return Err(RefundRefusal::Nothing);
        }
        if amount > self.left() {
            return Err(RefundRefusal::OverRest { left: self.left(), asked: amount });
        }
        if self.count >= MOST {
            return Err(RefundRefusal::TooMany);
        }
        Ok(())
    }
}

/// The sum; one that overflows counts as the maximum, so that nothing is left.
fn sum(one: Fen, other: Fen) -> Fen {
    one.checked_add(other).unwrap_or(Fen::new(i64::MAX))
}

/// A number for a new refund: `RF`, the Beijing time to the second and 16 random base32 characters.
pub fn number(now: UnixMillis, random: [u8; 10]) -> Result<OutRefundNo, wxpay::InvalidValue> {
    OutRefundNo::parse(format!("RF{}{}", now.to_beijing(), base32(&random)))
}

/// The number of the refund that the rule for late payments asks for: always the same for one order, so that it cannot
/// be asked for twice, not even after an older backup was restored.
pub fn number_of_late(out_trade_no: &OutTradeNo) -> Result<OutRefundNo, wxpay::InvalidValue> {
    OutRefundNo::parse(format!("RF-LATE-{out_trade_no}"))
}

/// The number of the refund that the rule for payments that do not fit asks for: always the same for one payment, so that it cannot be
/// asked for twice, not even after an older backup was restored.
pub fn number_by_rule(
    kind: ExceptionKind,
    transaction_id: &TransactionId,
) -> Result<OutRefundNo, wxpay::InvalidValue> {
    let word = if kind == ExceptionKind::Duplicate { "DUP" } else { "AMT" };
    OutRefundNo::parse(format!("RF-{word}-{transaction_id}"))
}

/// The number of the refund that a program asks for under this reference: always the same, so that it cannot be asked for twice,
/// not even after an older backup was restored. 160 bits of a digest, because a reference may have characters that WeChat does
/// not take.
pub fn number_of_reference(reference: &Reference) -> Result<OutRefundNo, wxpay::InvalidValue> {
    let digest = Sha256::digest(format!("refund {reference}"));
    OutRefundNo::parse(format!("RF-KEY-{}", base32(&digest[..20])))
}

/// Whether WeChat takes this as `refund_desc`: 1 to 80 bytes without control characters.
/// Source: WeChat Pay, native.php?chapter=9_4
pub fn is_reason(text: &str) -> bool {
    (1..=80).contains(&text.len()) && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests;
