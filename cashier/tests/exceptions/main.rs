//! Exceptions that a person settles, refunds that were made outside, and the rule that gives late payments back.

mod by_hand;
mod by_rule;
mod given_back;
mod outside;

use crate::common::{Harness, by};
use cashier::ResolveError;
use recharge::exception::resolution::ResolutionRefusal;
use recharge::{Decision, Exception, ExceptionId, ExceptionKind, Order};
use sandbox::{Faults, NotifyFaults, Pay};

fn credit() -> Decision {
    Decision::Credit { user: None, new_account: false, reason: "看过凭据".to_owned() }
}

fn give_back(harness: &Harness) -> Decision {
    let out_refund_no = harness.cashier.new_out_refund_no().unwrap();
    Decision::Refund { out_refund_no, reason: "重复付款退回".to_owned() }
}

fn take_back(even_if_balance_low: bool) -> Decision {
    Decision::TakeBack { even_if_balance_low, reason: "已在微信退款".to_owned() }
}

fn dismiss() -> Decision {
    Decision::Dismiss { reason: "已电话确认".to_owned() }
}

async fn settle(
    harness: &Harness,
    id: &ExceptionId,
    decision: Decision,
) -> Result<Exception, ResolutionRefusal> {
    match harness.cashier.resolve_exception(id, decision, None, by()).await {
        Ok((exception, _)) => Ok(exception),
        Err(ResolveError::Refused(refusal)) => Err(refusal),
        Err(other) => panic!("{other:?}"),
    }
}

async fn only_open(harness: &Harness) -> Exception {
    let mut open = harness.cashier.open_exceptions(10).await.unwrap();
    assert_eq!(open.len(), 1, "{open:?}");
    open.remove(0)
}

async fn drive(harness: &Harness, ms: i64) {
    harness.advance(ms);
    while harness.cashier.advance_refunds(20).await.unwrap() > 0 {}
}

/// A paid order whose payer paid a second time.
async fn paid_twice(harness: &Harness) -> (Order, Exception) {
    let order = harness.place(1000).await;
    harness.pay_and_notify(&order).await;
    let code = order.code_url().unwrap().as_str();
    harness.sandbox.pay(code, Pay { again: true, ..Pay::default() }).await.unwrap();
    harness.deliver().await;
    let exception = only_open(harness).await;
    assert_eq!(exception.kind, ExceptionKind::Duplicate);
    (order, exception)
}

/// An order of 1000 fen whose notices say 999.
async fn wrong_amount(harness: &Harness) -> (Order, Exception) {
    let wrong = NotifyFaults { total_fee: Some(999), ..NotifyFaults::default() };
    harness.sandbox.set_faults(Faults { notify: wrong, ..Faults::default() });
    let order = harness.place(1000).await;
    harness.pay_and_notify(&order).await;
    (order, only_open(harness).await)
}
