//! Refunds with a real database and the sandbox: the way there, retries, notices in every order, what is refused.

mod namesake;
mod outage;
mod taking;
mod wire;
mod wishes;

use crate::common::{Harness, by, refund_wish};
use cashier::RefundError;
use recharge::refund::{RefundRefusal, RefundRequest};
use recharge::{Order, Refund};
use sandbox::{AnswerFault, Faults};

async fn refund(harness: &Harness, order: &Order, fen: i64) -> Refund {
    harness.cashier.refund(refund_wish(harness, order, fen), by()).await.unwrap()
}

async fn refused(harness: &Harness, wish: RefundRequest) -> RefundRefusal {
    match harness.cashier.refund(wish, by()).await.unwrap_err() {
        RefundError::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

/// Sends and asks about what is due, with the clock at most so far on, until nothing is due any more.
async fn drive(harness: &Harness) {
    while harness.cashier.advance_refunds(20).await.unwrap() > 0 {}
}

async fn later(harness: &Harness, ms: i64) {
    harness.advance(ms);
    harness.deliver().await;
    drive(harness).await;
}

async fn now(harness: &Harness, refund: &Refund) -> Refund {
    let all = harness.cashier.refunds(&refund.out_trade_no).await.unwrap();
    all.into_iter().find(|one| one.out_refund_no == refund.out_refund_no).unwrap()
}

fn answer(answer: AnswerFault) -> Faults {
    Faults { answer, ..Faults::default() }
}
