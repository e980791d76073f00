//! How an operator settles an exception: what is allowed, and what follows from it. Pure.

use wxpay::{Fen, OutRefundNo, TransactionId, UnixMillis};

use crate::exception::{Exception, ExceptionKind, Settled};
use crate::order::{MOST_FEE, Order, OrderState};
use crate::refund::{self, Refund, RefundRefusal, RefundState, Refundable};
use crate::user::User;

/// What an operator decides. Each has a reason, which stands on the time line, in the audit and in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// Credit what WeChat states (a late payment: what its order would have brought). `user` only where no order names one;
    /// `new_account` is the operator's word that this user exists although no account has this id yet.
    Credit { user: Option<User>, new_account: bool, reason: String },
    /// Give this very payment back. The number is made once for the form ([`refund::number`]); the payer reads the reason.
    Refund { out_refund_no: OutRefundNo, reason: String },
    /// Take from the balance what was given back at WeChat's own desk.
    TakeBack { even_if_balance_low: bool, reason: String },
    /// Nothing more is to be done.
    Dismiss { reason: String },
}

/// The same without its details, for what a page offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    Credit,
    Refund,
    TakeBack,
    Dismiss,
}

impl Settlement {
    pub fn way(&self) -> Way {
        match self {
            Settlement::Credit { .. } => Way::Credit,
            Settlement::Refund { .. } => Way::Refund,
            Settlement::TakeBack { .. } => Way::TakeBack,
            Settlement::Dismiss { .. } => Way::Dismiss,
        }
    }

    pub fn reason(&self) -> &str {
        match self {
            Settlement::Credit { reason, .. }
            | Settlement::Refund { reason, .. }
            | Settlement::TakeBack { reason, .. }
            | Settlement::Dismiss { reason } => reason,
        }
    }
}

impl Way {
    pub const ALL: [Way; 4] = [Way::Credit, Way::Refund, Way::TakeBack, Way::Dismiss];

    /// The name in the database, as [`Settled::how`].
    pub fn name(self) -> &'static str {
        match self {
            Way::Credit => "credited",
            Way::Refund => "refund",
            Way::TakeBack => "taken_back",
            Way::Dismiss => "dismissed",
        }
    }
}

/// What a settlement does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// The order's own credit, bonus included.
    CreditOrder,
    /// A credit of its own, keyed by the payment.
    CreditPayment {
        user: User,
        amount: Fen,
        transaction_id: TransactionId,
    },
    /// All that is left of this payment.
    Refund {
        payment: Refundable,
        transaction_id: TransactionId,
    },
    /// What belongs to these refunds that were made outside.
    TakeBack {
        refunds: Vec<OutRefundNo>,
    },
    Dismiss,
}

/// Why an exception is not settled so. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettleRefusal {
    #[error("there is no such exception")]
    NotFound,
    #[error("{} has settled it already ({})", .0.by, .0.how)]
    AlreadySettled(Settled),
    #[error("the reason must be 1 to 200 bytes without control characters; for a refund at most 80")]
    Reason,
    #[error("{0} is not how such an exception is settled")]
    NotThisWay(&'static str),
    #[error(
        "the payment is in {0}, which is neither credited nor refunded from here: see to it in WeChat's merchant platform, then dismiss it"
    )]
    Currency(String),
    #[error("no order names the user: say whose balance it is")]
    UserNeeded,
    #[error("no account has this user id: confirm that a new one is meant")]
    UnknownUser,
    #[error("the page is out of date: the order has changed since")]
    Stale,
    #[error("its order has turned up: ask WeChat about the order, which credits it")]
    OrderTurnedUp,
    #[error("there is no order with this payment")]
    NoOrder,
    #[error("this payment is credited already")]
    AlreadyCredited,
    #[error("a refund of this payment is under way or done: {0}")]
    RefundUnderWay(OutRefundNo),
    #[error("WeChat did not name the payment, so it can only be dismissed")]
    NoTransaction,
    #[error("the amount is more than one credit may be")]
    TooMuch,
    #[error("there is nothing to take back: it was not credited, or was taken back already")]
    NothingToTakeBack,
    #[error(transparent)]
    Refund(#[from] RefundRefusal),
}

/// What is on record besides an exception.
#[derive(Debug, Clone, Copy)]
pub struct Known<'k> {
    /// The order of its number.
    pub order: Option<&'k Order>,
    /// All refunds of its number, of whichever payment.
    pub refunds: &'k [&'k Refund],
    /// Whether an operator has credited its payment, in settling another exception of the same payment.
    pub is_credited: bool,
}

/// The ways that are open for an exception.
pub fn ways(exception: &Exception, known: Known) -> Vec<Way> {
    if exception.settled.is_some() {
        return Vec::new();
    }
    let nobody = || Some(User { id: "?".to_owned(), name: String::new() });
    let is_open = |way: &Way| plan(*way, nobody(), exception, known).is_ok();
    Way::ALL.into_iter().filter(is_open).collect()
}

/// What `settlement` does to `exception`.
///
/// # Errors
/// [`SettleRefusal`], which says what would do instead.
pub fn judge(settlement: &Settlement, exception: &Exception, known: Known) -> Result<Plan, SettleRefusal> {
    if let Some(settled) = &exception.settled {
        return Err(SettleRefusal::AlreadySettled(settled.clone()));
    }
    let reason = settlement.reason();
    if !is_reason(reason) || (settlement.way() == Way::Refund && !refund::is_reason(reason)) {
        return Err(SettleRefusal::Reason);
    }
    let user = match settlement {
        Settlement::Credit { user, .. } => user.clone(),
        _ => None,
    };
    plan(settlement.way(), user, exception, known)
}

/// Whether this is kept as the reason of a decision.
pub fn is_reason(text: &str) -> bool {
    (1..=200).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn plan(
    way: Way,
    user: Option<User>,
    exception: &Exception,
    Known { order, refunds, is_credited }: Known,
) -> Result<Plan, SettleRefusal> {
    if way == Way::Dismiss {
        return Ok(Plan::Dismiss);
    }
    let wrong = Err(SettleRefusal::NotThisWay(way.name()));
    let transaction_id = exception.transaction_id.clone().ok_or(SettleRefusal::NoTransaction)?;
    let of_payment = || refunds.iter().copied().filter(|refund| refund.transaction_id == transaction_id);
    if way == Way::TakeBack {
        if exception.kind != ExceptionKind::RefundedOutside {
            return wrong;
        }
        let live = || of_payment().filter(|refund| refund.state != RefundState::Closed);
        let amount = live().try_fold(Fen::ZERO, |sum, refund| sum.checked_add(refund.amount));
        // One of ours cannot come true, and only when it is known which one it is known what belongs to whom.
        if let Some(ours) = live().find(|refund| !refund.is_outside() && !refund.state.is_over())
            && amount.is_none_or(|amount| amount > ours.total_fee)
        {
            return Err(SettleRefusal::RefundUnderWay(ours.out_refund_no.clone()));
        }
        let untaken = untaken(&transaction_id, refunds.iter().copied());
        let refunds: Vec<_> = untaken.map(|refund| refund.out_refund_no.clone()).collect();
        return match refunds.is_empty() {
            true => Err(SettleRefusal::NothingToTakeBack),
            false => Ok(Plan::TakeBack { refunds }),
        };
    }
    if exception.fee_type != "CNY" {
        return Err(SettleRefusal::Currency(exception.fee_type.clone()));
    }
    // Its refund has to take the credit back, which one of money that nobody has would not.
    if is_credited {
        return Err(SettleRefusal::AlreadyCredited);
    }
    match exception.kind {
        ExceptionKind::RefundedOutside => return wrong,
        ExceptionKind::CurrencyMismatch => {
            return Err(SettleRefusal::Currency(exception.fee_type.clone()));
        }
        ExceptionKind::UnknownOrder if order.is_some() => return Err(SettleRefusal::OrderTurnedUp),
        ExceptionKind::Late => {
            let Some(OrderState::Paid(paid)) = order.map(|order| &order.state) else {
                return Err(SettleRefusal::NoOrder);
            };
            if paid.transaction_id != transaction_id {
                return Err(SettleRefusal::NoOrder);
            }
            if paid.credited_at.is_some() {
                return Err(SettleRefusal::AlreadyCredited);
            }
        }
        _ => {}
    }
    if let Some(refund) = of_payment().find(|refund| refund.state != RefundState::Closed) {
        return Err(SettleRefusal::RefundUnderWay(refund.out_refund_no.clone()));
    }
    if way == Way::Refund {
        let payment = Refundable::new(exception.total_fee, Fen::ZERO, of_payment());
        payment.check(payment.left())?;
        return Ok(Plan::Refund { payment, transaction_id });
    }
    if exception.kind == ExceptionKind::Late {
        return Ok(Plan::CreditOrder);
    }
    let user = match (exception.kind, order) {
        (ExceptionKind::UnknownOrder | ExceptionKind::OtherApp, _) => {
            user.ok_or(SettleRefusal::UserNeeded)?
        }
        (_, Some(order)) => order.user.clone(),
        (_, None) => return Err(SettleRefusal::NoOrder),
    };
    if exception.total_fee > MOST_FEE {
        return Err(SettleRefusal::TooMuch);
    }
    Ok(Plan::CreditPayment { user, amount: exception.total_fee, transaction_id })
}

/// The payment of an exception that was settled by crediting it.
pub fn credited(exception: &Exception) -> Option<&TransactionId> {
    let settled = exception.settled.as_ref()?;
    exception.transaction_id.as_ref().filter(|_| settled.how == Way::Credit.name())
}

/// The refunds of a payment that were made outside and have a share of a credit that is still on the balance.
pub fn untaken<'r>(
    payment: &TransactionId,
    refunds: impl Iterator<Item = &'r Refund>,
) -> impl Iterator<Item = &'r Refund> {
    refunds.filter(move |refund| {
        refund.transaction_id == *payment
            && refund.is_outside()
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

/// What is written on the exception.
pub fn settled(settlement: &Settlement, operator: &str, at: UnixMillis) -> Settled {
    let (how, reason) = (settlement.way().name().to_owned(), settlement.reason().to_owned());
    Settled { at, by: operator.to_owned(), how, reason }
}

#[cfg(test)]
mod tests;
