//! Resolution of an exception by an operator: which kinds are allowed, and what each does.

use wxpay::{Fen, OutRefundNo, TransactionId, UnixMillis};

use crate::audit::Actor;
pub use crate::exception::ResolutionKind;
use crate::exception::{Exception, ExceptionKind, Resolution};
use crate::order::{Order, OrderState};
use crate::price::MOST_FEE;
use crate::refund::{self, Refund, RefundRefusal, RefundState, Refundable};
use crate::user::User;

/// What an operator decides. Each has a reason, which is on the time line, in the audit and in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Credit what WeChat states (a late payment: what its order would have brought). `user` only where no order names one;
    /// `new_account` is the operator's word that this user exists although no account has this id yet.
    Credit {
        /// Whose balance.
        user: Option<User>,
        /// Whether an account may be opened for it.
        new_account: bool,
        /// Why.
        reason: String,
    },
    /// Give this very payment back. The number is made once for the form ([`refund::number`]); the payer reads the reason.
    Refund {
        /// Its number.
        out_refund_no: OutRefundNo,
        /// Why.
        reason: String,
    },
    /// Take from the balance what was refunded in the merchant platform.
    TakeBack {
        /// Go on although the balance is too low.
        even_if_balance_low: bool,
        /// Why.
        reason: String,
    },
    /// Nothing more is to be done.
    Dismiss {
        /// Why.
        reason: String,
    },
}

impl Decision {
    /// The same without its details.
    pub fn kind(&self) -> ResolutionKind {
        match self {
            Decision::Credit { .. } => ResolutionKind::Credit,
            Decision::Refund { .. } => ResolutionKind::Refund,
            Decision::TakeBack { .. } => ResolutionKind::TakeBack,
            Decision::Dismiss { .. } => ResolutionKind::Dismiss,
        }
    }

    /// Why.
    pub fn reason(&self) -> &str {
        match self {
            Decision::Credit { reason, .. }
            | Decision::Refund { reason, .. }
            | Decision::TakeBack { reason, .. }
            | Decision::Dismiss { reason } => reason,
        }
    }
}

/// What a decision does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// The order's own credit, bonus included.
    CreditOrder,
    /// A credit of its own, keyed by the payment.
    CreditPayment {
        /// Whose balance.
        user: User,
        /// In fen.
        amount: Fen,
        /// The payment.
        transaction_id: TransactionId,
    },
    /// All that is left of this payment.
    Refund {
        /// What of it can be refunded.
        payment: Refundable,
        /// The payment.
        transaction_id: TransactionId,
    },
    /// What belongs to these refunds that were made outside.
    TakeBack {
        /// Their numbers.
        refunds: Vec<OutRefundNo>,
    },
    /// Nothing moves.
    Dismiss,
}

/// Why an exception is not resolved so. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolutionRefusal {
    /// No exception of this id.
    #[error("there is no such exception")]
    NotFound,
    /// It was resolved before, in this way.
    #[error("{} has settled it already ({})", .0.by, .0.how.name())]
    AlreadyResolved(Resolution),
    /// Not a reason that is kept; see [`is_reason`].
    #[error("the reason must be 1 to 200 bytes without control characters; for a refund at most 80")]
    Reason,
    /// The kind of resolution does not fit the kind of exception.
    #[error("{0} is not how such an exception is settled")]
    NotThisWay(&'static str),
    /// Another currency than CNY, in which no balance is kept.
    #[error(
        "the payment is in {0}, which is neither credited nor refunded from here: see to it in WeChat's merchant platform, then dismiss it"
    )]
    Currency(String),
    /// The operator has to name the user.
    #[error("no order names the user: say whose balance it is")]
    UserNeeded,
    /// No account of this user id, and no word that a new one is meant.
    #[error("no account has this user id: confirm that a new one is meant")]
    UnknownUser,
    /// What the page showed has changed since.
    #[error("the page is out of date: the order has changed since")]
    Stale,
    /// The unknown order is there now.
    #[error("its order has turned up: ask WeChat about the order, which credits it")]
    OrderTurnedUp,
    /// No order was paid by this payment.
    #[error("there is no order with this payment")]
    NoOrder,
    /// The payment is on a balance already.
    #[error("this payment is credited already")]
    AlreadyCredited,
    /// This refund of the payment is not closed.
    #[error("a refund of this payment is under way or done: {0}")]
    RefundUnderWay(OutRefundNo),
    /// Without a `transaction_id` nothing can be credited or refunded.
    #[error("WeChat did not name the payment, so it can only be dismissed")]
    NoTransaction,
    /// More than [`MOST_FEE`].
    #[error("the amount is more than one credit may be")]
    TooMuch,
    /// No share of these refunds is on a balance.
    #[error("there is nothing to take back: it was not credited, or was taken back already")]
    NothingToTakeBack,
    /// Its refund cannot be taken on.
    #[error(transparent)]
    Refund(#[from] RefundRefusal),
}

/// What our books have besides an exception.
#[derive(Debug, Clone, Copy)]
pub struct Records<'k> {
    /// The order of its number.
    pub order: Option<&'k Order>,
    /// All refunds of its number, of whichever payment.
    pub refunds: &'k [&'k Refund],
    /// Whether an operator has credited its payment, in settling another exception of the same payment.
    pub is_credited: bool,
}

/// The kinds of resolution that are open for an exception.
pub fn open_kinds(exception: &Exception, records: Records) -> Vec<ResolutionKind> {
    if exception.resolution.is_some() {
        return Vec::new();
    }
    let nobody = || Some(User { id: "?".to_owned(), name: String::new() });
    let is_open = |way: &ResolutionKind| plan(*way, nobody(), exception, records).is_ok();
    ResolutionKind::ALL.into_iter().filter(is_open).collect()
}

/// What `decision` does to `exception`.
///
/// # Errors
/// [`ResolutionRefusal`], which says what would do instead.
pub fn judge(
    decision: &Decision,
    exception: &Exception,
    records: Records,
) -> Result<Plan, ResolutionRefusal> {
    if let Some(settled) = &exception.resolution {
        return Err(ResolutionRefusal::AlreadyResolved(settled.clone()));
    }
    let reason = decision.reason();
    if !is_reason(reason) || (decision.kind() == ResolutionKind::Refund && !refund::is_reason(reason)) {
        return Err(ResolutionRefusal::Reason);
    }
    let user = match decision {
        Decision::Credit { user, .. } => user.clone(),
        _ => None,
    };
    plan(decision.kind(), user, exception, records)
}

/// Whether this is kept as the reason of a decision: 1 to 200 bytes without control characters.
pub fn is_reason(text: &str) -> bool {
    (1..=200).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn plan(
    way: ResolutionKind,
    user: Option<User>,
    exception: &Exception,
    Records { order, refunds, is_credited }: Records,
) -> Result<Plan, ResolutionRefusal> {
    if way == ResolutionKind::Dismiss {
        return Ok(Plan::Dismiss);
    }
    let wrong = Err(ResolutionRefusal::NotThisWay(way.name()));
    let transaction_id = exception.transaction_id.clone().ok_or(ResolutionRefusal::NoTransaction)?;
    let of_payment = || refunds.iter().copied().filter(|refund| refund.transaction_id == transaction_id);
    if way == ResolutionKind::TakeBack {
        if exception.kind != ExceptionKind::RefundedOutside {
            return wrong;
        }
        let live = || of_payment().filter(|refund| refund.state != RefundState::Closed);
        let amount = live().try_fold(Fen::ZERO, |sum, refund| sum.checked_add(refund.amount));
        // One of ours cannot come true, and only when it is known which one it is known what belongs to whom.
        if let Some(ours) = live().find(|refund| !refund.is_external() && !refund.state.is_over())
            && amount.is_none_or(|amount| amount > ours.total_fee)
        {
            return Err(ResolutionRefusal::RefundUnderWay(ours.out_refund_no.clone()));
        }
        let untaken = untaken(&transaction_id, refunds.iter().copied());
        let refunds: Vec<_> = untaken.map(|refund| refund.out_refund_no.clone()).collect();
        return match refunds.is_empty() {
            true => Err(ResolutionRefusal::NothingToTakeBack),
            false => Ok(Plan::TakeBack { refunds }),
        };
    }
    if exception.fee_type != "CNY" {
        return Err(ResolutionRefusal::Currency(exception.fee_type.clone()));
    }
    // A refund of a credited payment has to take the credit back, which this one would not.
    if is_credited {
        return Err(ResolutionRefusal::AlreadyCredited);
    }
    match exception.kind {
        ExceptionKind::RefundedOutside => return wrong,
        ExceptionKind::CurrencyMismatch => {
            return Err(ResolutionRefusal::Currency(exception.fee_type.clone()));
        }
        ExceptionKind::UnknownOrder if order.is_some() => return Err(ResolutionRefusal::OrderTurnedUp),
        ExceptionKind::Late => {
            let Some(OrderState::Paid(paid)) = order.map(|order| &order.state) else {
                return Err(ResolutionRefusal::NoOrder);
            };
            if paid.transaction_id != transaction_id {
                return Err(ResolutionRefusal::NoOrder);
            }
            if paid.credited_at.is_some() {
                return Err(ResolutionRefusal::AlreadyCredited);
            }
        }
        _ => {}
    }
    if let Some(refund) = of_payment().find(|refund| refund.state != RefundState::Closed) {
        return Err(ResolutionRefusal::RefundUnderWay(refund.out_refund_no.clone()));
    }
    if way == ResolutionKind::Refund {
        let payment = Refundable::new(exception.total_fee, Fen::ZERO, of_payment());
        payment.check(payment.left())?;
        return Ok(Plan::Refund { payment, transaction_id });
    }
    if exception.kind == ExceptionKind::Late {
        return Ok(Plan::CreditOrder);
    }
    let user = match (exception.kind, order) {
        (ExceptionKind::UnknownOrder | ExceptionKind::OtherApp, _) => {
            user.ok_or(ResolutionRefusal::UserNeeded)?
        }
        // Nobody has the balance of what a site sold: the payer gets it back.
        (_, Some(order)) if !order.raises_balance() => return wrong,
        (_, Some(order)) => order.user.clone(),
        (_, None) => return Err(ResolutionRefusal::NoOrder),
    };
    if exception.total_fee > MOST_FEE {
        return Err(ResolutionRefusal::TooMuch);
    }
    Ok(Plan::CreditPayment { user, amount: exception.total_fee, transaction_id })
}

/// The payment of an exception that was resolved by crediting it.
pub fn credited(exception: &Exception) -> Option<&TransactionId> {
    let settled = exception.resolution.as_ref()?;
    exception.transaction_id.as_ref().filter(|_| settled.how == ResolutionKind::Credit)
}

/// The refunds of a payment that were made outside and have a share of a credit that is still on the balance.
pub fn untaken<'r>(
    payment: &TransactionId,
    refunds: impl Iterator<Item = &'r Refund>,
) -> impl Iterator<Item = &'r Refund> {
    refunds.filter(move |refund| {
        refund.transaction_id == *payment
            && refund.is_external()
            && refund.state != RefundState::Closed
            && refund.taken == Fen::ZERO
            && refund.share > Fen::ZERO
    })
}

/// What taking these refunds back takes for each, and the sum; `payment` is what was credited of their payment, with its
/// other refunds. `None` if the sum cannot be.
pub fn shares<'r>(
    mut payment: Refundable,
    refunds: impl Iterator<Item = &'r Refund>,
) -> Option<(Vec<Fen>, Fen)> {
    let shares: Vec<_> = refunds.map(|refund| payment.give(refund.amount)).collect();
    let sum = shares.iter().try_fold(Fen::ZERO, |sum, share| sum.checked_add(*share))?;
    Some((shares, sum))
}

/// The resolution that is written on the exception.
pub fn resolve(decision: &Decision, by: Actor, at: UnixMillis) -> Resolution {
    let (how, reason) = (decision.kind(), decision.reason().to_owned());
    Resolution { at, by, how, reason }
}

#[cfg(test)]
mod tests;
