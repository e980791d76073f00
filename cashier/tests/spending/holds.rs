//! Holds, one after the other.

use recharge::spend::{
    Amount, CaptureRefusal, DebitCause, HoldId, HoldRefusal, HoldState, OnShortfall, VoidRefusal,
};
use wxpay::Fen;

use super::*;
use crate::common::{debit, on_both, site};

async fn capture(
    harness: &Harness,
    id: &HoldId,
    fen: i64,
    on_shortfall: OnShortfall,
) -> Result<recharge::command::DebitReply, SpendError<CaptureRefusal>> {
    harness.cashier.capture_hold(id.clone(), Amount::new(fen).unwrap(), on_shortfall, site()).await
}

#[tokio::test]
async fn a_hold_is_captured_once_and_its_rest_is_free() {
    on_both(|harness| async move {
        harness.paid(1000, 0).await;
        let held = hold(&harness, 700, "job-9").await;
        assert_eq!((account(&harness).await.held, available(&harness).await), (Fen::new(700), Fen::new(300)));
        assert!(harness.cashier.debit(debit("u_1", 301), site()).await.is_err());
        let low = HoldRefusal::Insufficient { available: Fen::new(300), needed: Fen::new(301) };
        let another = harness.cashier.hold(hold_request(301, reference("job-10")), site()).await;
        assert_eq!(refused(another), low);
        let again = harness.cashier.hold(hold_request(700, reference("job-9")), site()).await.unwrap();
        assert_eq!((&again.hold, again.changed), (&held, false));
        let reused = HoldRefusal::ReferenceReused { by: held.id.clone() };
        assert_eq!(refused(harness.cashier.hold(hold_request(1, reference("job-9")), site()).await), reused);

        let first = capture(&harness, &held.id, 312, OnShortfall::Refuse).await.unwrap();
        assert_eq!((first.debit.amount, first.available), (Fen::new(312), Fen::new(688)));
        assert_eq!(first.debit.cause, DebitCause::Hold(held.id.clone()));
        let again = capture(&harness, &held.id, 312, OnShortfall::Refuse).await.unwrap();
        assert_eq!((&again.debit, again.changed), (&first.debit, false));
        let voided = refused(harness.cashier.void_hold(held.id.clone()).await);
        assert_eq!(voided, VoidRefusal::Captured { by: first.debit.id.clone() });
        let found = harness.cashier.find_hold(&held.id).await.unwrap().unwrap();
        assert_eq!((found.state, found.ended_at), (HoldState::Captured, Some(harness.now())));
        assert_eq!(harness.cashier.debit_of_hold(&held.id).await.unwrap(), Some(first.debit));
        assert_eq!(harness.cashier.hold_by_reference(&reference("job-9")).await.unwrap(), Some(found));
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn more_than_was_held_comes_from_what_is_available_or_is_refused() {
    on_both(|harness| async move {
        harness.paid(1000, 0).await;
        let held = hold(&harness, 700, "job").await;
        let low = CaptureRefusal::Insufficient { available: Fen::new(300), needed: Fen::new(301) };
        assert_eq!(refused(capture(&harness, &held.id, 1001, OnShortfall::Refuse).await), low);
        assert_eq!(account(&harness).await.held, Fen::new(700), "it can be tried again");
        let reply = capture(&harness, &held.id, 1001, OnShortfall::TakeRest).await.unwrap();
        assert_eq!((reply.debit.amount, reply.debit.shortfall), (Fen::new(1000), Fen::new(1)));
        assert_eq!(harness.balance().await, 0);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_hold_is_voided_once() {
    on_both(|harness| async move {
        harness.paid(1000, 0).await;
        let held = hold(&harness, 700, "job").await;
        let reply = harness.cashier.void_hold(held.id.clone()).await.unwrap();
        assert_eq!(
            (reply.hold.state, reply.available, reply.changed),
            (HoldState::Voided, Fen::new(1000), true)
        );
        assert!(!harness.cashier.void_hold(held.id.clone()).await.unwrap().changed);
        assert_eq!(
            refused(capture(&harness, &held.id, 1, OnShortfall::Refuse).await),
            CaptureRefusal::Voided
        );
        let unknown = HoldId::new(crate::common::PLACED, [1; 10]);
        assert_eq!(refused(harness.cashier.void_hold(unknown.clone()).await), VoidRefusal::NoHold);
        assert_eq!(
            refused(capture(&harness, &unknown, 1, OnShortfall::Refuse).await),
            CaptureRefusal::NoHold
        );
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_hold_that_nobody_comes_back_for_expires_and_counts_so_before_it_is_written() {
    on_both(|harness| async move {
        harness.paid(1000, 0).await;
        let held = hold(&harness, 700, "job").await;
        harness.advance(59_999);
        assert_eq!(harness.cashier.expire_holds().await.unwrap(), 0);
        harness.advance(1);
        assert_eq!(
            refused(capture(&harness, &held.id, 1, OnShortfall::Refuse).await),
            CaptureRefusal::Expired
        );
        assert_eq!(refused(harness.cashier.void_hold(held.id.clone()).await), VoidRefusal::Expired);
        let reply = harness.cashier.debit(debit("u_1", 1000), site()).await.unwrap();
        assert_eq!(reply.available, Fen::ZERO, "its money was free");
        assert_eq!(harness.cashier.find_hold(&held.id).await.unwrap().unwrap().state, HoldState::Expired);
        assert_eq!(harness.cashier.expire_holds().await.unwrap(), 0, "somebody has written it down");
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn holds_are_ended_in_the_background() {
    on_both(|harness| async move {
        harness.paid(1000, 0).await;
        for n in 0..10 {
            hold(&harness, 100, &format!("job-{n}")).await;
        }
        assert_eq!(harness.cashier.open_holds("u_1", "", 20).await.unwrap().len(), 10);
        harness.advance(61_000);
        assert_eq!(harness.cashier.expire_holds().await.unwrap(), 10);
        assert_eq!(available(&harness).await, Fen::new(1000));
        assert_eq!(harness.cashier.open_holds("u_1", "", 20).await.unwrap(), []);
        harness.check().await;
    })
    .await;
}
