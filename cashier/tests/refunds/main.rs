//! Refunds with a real database and the sandbox: the way there, retries, notices in every order, what is refused.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

#[path = "../common/mod.rs"]
mod common;
mod namesake;
mod outage;
mod taking;
mod wire;

use cashier::RefundError;
use common::{Desk, by, refund_wish};
use recharge::refund::{RefundRefusal, RefundRequest};
use recharge::{Order, Refund};
use sandbox::{AnswerFault, Faults};

async fn refund(desk: &Desk, order: &Order, fen: i64) -> Refund {
    desk.cashier.refund(refund_wish(desk, order, fen), by()).await.unwrap()
}

async fn refused(desk: &Desk, wish: RefundRequest) -> RefundRefusal {
    match desk.cashier.refund(wish, by()).await.unwrap_err() {
        RefundError::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

/// Sends and asks about what is due, with the clock at most so far on, until nothing is due any more.
async fn drive(desk: &Desk) {
    while desk.cashier.advance_refunds(20).await.unwrap() > 0 {}
}

async fn later(desk: &Desk, ms: i64) {
    desk.advance(ms);
    desk.deliver().await;
    drive(desk).await;
}

async fn now(desk: &Desk, refund: &Refund) -> Refund {
    let all = desk.cashier.refunds(&refund.out_trade_no).await.unwrap();
    all.into_iter().find(|one| one.out_refund_no == refund.out_refund_no).unwrap()
}

fn answer(answer: AnswerFault) -> Faults {
    Faults { answer, ..Faults::default() }
}
