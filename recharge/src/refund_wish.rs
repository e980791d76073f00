//! A payer asks for a refund of an own order; an operator decides, and both see what became of it.

use wxpay::{Fen, OutRefundNo, OutTradeNo, UnixMillis};

use crate::audit::Actor;
use crate::hidden::without_hidden;
use crate::order::{Order, OrderState};
use crate::refund::{Refund, Refundable};

/// Wishes about one order at most, those that were answered among them.
pub const MOST: usize = 3;

/// Characters of a reason and of an answer at most.
pub const CHARACTERS: usize = 200;

/// Time after the payment in which WeChat refunds it, in milliseconds: a year. Source: WeChat Pay, 申请退款.
const REFUNDABLE_MS: i64 = 365 * 24 * 60 * 60 * 1000;

/// A payer's wish to have an order's payment back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundWish {
    /// The order.
    pub out_trade_no: OutTradeNo,
    /// Counts the order's wishes from 1.
    pub n: i64,
    /// Why, in the payer's words.
    pub reason: String,
    /// When it was asked.
    pub asked_at: UnixMillis,
    /// `None` while it waits for an operator.
    pub answer: Option<Answer>,
    /// 1 while it waits, 2 once it is answered.
    pub version: i64,
}

/// What an operator, or a program of the site, decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// When.
    pub at: UnixMillis,
    /// Who.
    pub by: Actor,
    /// What.
    pub verdict: Verdict,
}

/// How a wish was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// By this refund.
    Accepted(OutRefundNo),
    /// With these words, which the payer reads.
    Declined(String),
}

/// Why a payer cannot ask for a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskRefusal {
    /// No order of this payer has this number.
    #[error("this payer has no such order")]
    NoOrder,
    /// Nothing was credited for it: it is not paid, or goes back by itself.
    #[error("nothing was credited for this order")]
    NotCredited,
    /// All of it goes back already.
    #[error("nothing is left of this payment")]
    NothingLeft,
    /// WeChat would refuse it.
    #[error("the payment is older than a year")]
    TooOld,
    /// One wish waits.
    #[error("an earlier wish waits for its answer")]
    Waiting,
    /// It was asked and answered as often as may be.
    #[error("it was asked for {MOST} times")]
    TooMany,
    /// Empty or too long.
    #[error("the reason must be 1 to {CHARACTERS} characters")]
    Reason,
}

/// Why a wish was not declined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeclineRefusal {
    /// There is none.
    #[error("there is no such wish")]
    NoWish,
    /// It was answered before.
    #[error("this wish was answered before")]
    Answered,
    /// The order moved on since the page was made.
    #[error("the page is out of date: the order has changed since")]
    Stale,
    /// Empty or too long.
    #[error("the answer must be 1 to {CHARACTERS} characters")]
    Words,
}

impl RefundWish {
    /// Names it for ever.
    pub fn id(&self) -> String {
        format!("{}-{}", self.out_trade_no, self.n)
    }

    /// Whether it waits for an operator.
    pub fn is_open(&self) -> bool {
        self.answer.is_none()
    }

    /// The same, answered. `None` if it was answered before.
    pub fn answered(&self, answer: Answer) -> Option<RefundWish> {
        self.is_open().then(|| RefundWish { answer: Some(answer), version: self.version + 1, ..self.clone() })
    }
}

/// Whether the payer may ask for a refund of this order, of which `wishes` are known; what is left of its payment.
///
/// # Errors
/// [`AskRefusal`].
pub fn may_ask<'r>(
    order: &Order,
    refunds: impl Iterator<Item = &'r Refund>,
    wishes: &[&RefundWish],
    now: UnixMillis,
) -> Result<Fen, AskRefusal> {
    let OrderState::Paid(paid) = &order.state else { return Err(AskRefusal::NotCredited) };
    if paid.credited_at.is_none() || !order.raises_balance() {
        return Err(AskRefusal::NotCredited);
    }
    let left = Refundable::of_order(order, refunds).map_or(Fen::ZERO, |payment| payment.left());
    if left <= Fen::ZERO {
        return Err(AskRefusal::NothingLeft);
    }
    if now.minus(paid.paid_at) > REFUNDABLE_MS {
        return Err(AskRefusal::TooOld);
    }
    if wishes.iter().any(|wish| wish.is_open()) {
        return Err(AskRefusal::Waiting);
    }
    if wishes.len() >= MOST {
        return Err(AskRefusal::TooMany);
    }
    Ok(left)
}

/// A new wish.
///
/// # Errors
/// [`AskRefusal`].
pub fn ask<'r>(
    order: &Order,
    refunds: impl Iterator<Item = &'r Refund>,
    wishes: &[&RefundWish],
    reason: &str,
    now: UnixMillis,
) -> Result<RefundWish, AskRefusal> {
    may_ask(order, refunds, wishes, now)?;
    if !is_text(reason) {
        return Err(AskRefusal::Reason);
    }
    let last = wishes.iter().map(|wish| wish.n).max().unwrap_or(0);
    let (out_trade_no, reason) = (order.out_trade_no.clone(), reason.to_owned());
    Ok(RefundWish { out_trade_no, n: last + 1, reason, asked_at: now, answer: None, version: 1 })
}

/// What somebody typed as a reason or an answer, in one line without what cannot be seen.
pub fn tidy(typed: &str) -> String {
    let lines = typed.lines().map(without_hidden);
    lines.map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Whether it can stand as a reason or an answer.
pub fn is_text(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= CHARACTERS && !text.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{self, NOW, order, refund};
    use crate::refund::RefundState;

    fn paid() -> Order {
        fixtures::paid(false)
    }

    fn wish(order: &Order) -> RefundWish {
        ask(order, [].iter(), &[], "买错了", NOW).unwrap()
    }

    fn declined(wish: &RefundWish) -> RefundWish {
        let by = Actor::Operator("lin".to_owned());
        let verdict = Verdict::Declined("已用完".to_owned());
        wish.answered(Answer { at: NOW, by, verdict }).unwrap()
    }

    #[test]
    fn only_a_credited_payment_of_which_something_is_left_can_be_asked_for() {
        let ask = |order: &Order, refunds: &[Refund]| may_ask(order, refunds.iter(), &[], NOW);
        assert_eq!(ask(&order(), &[]), Err(AskRefusal::NotCredited));
        assert_eq!(ask(&order().closed(NOW).unwrap(), &[]), Err(AskRefusal::NotCredited));
        assert_eq!(ask(&fixtures::paid(true), &[]), Err(AskRefusal::NotCredited));
        let paid = paid();
        assert_eq!(ask(&paid, &[]), Ok(paid.total_fee));
        let OrderState::Paid(of) = &paid.state else { panic!("paid") };
        let whole = Refund {
            transaction_id: of.transaction_id.clone(),
            amount: paid.total_fee,
            state: RefundState::Requested,
            ..refund()
        };
        assert_eq!(ask(&paid, std::slice::from_ref(&whole)), Err(AskRefusal::NothingLeft));
        let unpaid = Refund { state: RefundState::Closed, ..whole };
        assert_eq!(ask(&paid, &[unpaid]), Ok(paid.total_fee));
    }

    #[test]
    fn one_wish_waits_at_a_time_and_three_are_asked_in_all() {
        let paid = paid();
        let first = wish(&paid);
        assert_eq!((first.n, first.version, first.is_open()), (1, 1, true));
        assert_eq!(ask(&paid, [].iter(), &[&first], "再问", NOW), Err(AskRefusal::Waiting));
        let mut known = vec![declined(&first)];
        assert_eq!(known[0].answered(known[0].answer.clone().unwrap()), None);
        for n in [2, 3] {
            let next = ask(&paid, [].iter(), &known.iter().collect::<Vec<_>>(), "再问", NOW).unwrap();
            assert_eq!(next.n, n);
            known.push(declined(&next));
        }
        assert_eq!(
            ask(&paid, [].iter(), &known.iter().collect::<Vec<_>>(), "再问", NOW),
            Err(AskRefusal::TooMany)
        );
    }

    #[test]
    fn a_payment_of_more_than_a_year_ago_is_not_asked_for() {
        let paid = paid();
        let OrderState::Paid(of) = &paid.state else { panic!("paid") };
        let last = of.paid_at.plus_ms(REFUNDABLE_MS);
        assert!(may_ask(&paid, [].iter(), &[], last).is_ok());
        assert_eq!(may_ask(&paid, [].iter(), &[], last.plus_ms(1)), Err(AskRefusal::TooOld));
    }

    #[test]
    fn a_reason_is_one_line_of_something_that_can_be_read() {
        assert_eq!(tidy(" 买错了 \r\n\u{202e}重复了\n\n"), "买错了 重复了");
        let paid = paid();
        for reason in ["", "  ", &"字".repeat(201), "a\nb"] {
            assert_eq!(ask(&paid, [].iter(), &[], reason, NOW), Err(AskRefusal::Reason), "{reason:?}");
        }
        assert!(ask(&paid, [].iter(), &[], &"字".repeat(200), NOW).is_ok());
    }
}
