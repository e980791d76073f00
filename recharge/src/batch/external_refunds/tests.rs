//! What WeChat names of refunds, without a database.

use wxpay::{OutRefundNo, RefundId, TransactionId};

use super::*;
use crate::batch::{Apply, Context};
use crate::command::RecordExternalRefunds;
use crate::fixtures::paid;
use crate::fixtures::refund;
use crate::fixtures::{order, payment, rules};
use crate::order::Order;

fn seen(number: &str, transaction_id: &str, fen: i64, status: RefundStatus) -> ExternalRefund {
    ExternalRefund {
        out_refund_no: OutRefundNo::parse(number).unwrap(),
        refund_id: RefundId::parse("5030").unwrap(),
        transaction_id: TransactionId::parse(transaction_id).unwrap(),
        total_fee: Fen::new(1990),
        amount: Fen::new(fen),
        status,
    }
}

/// The batch after WeChat named these refunds of `order`, of which `known` are on record.
fn named(
    rules: &crate::order::Rules,
    order: Order,
    known: Vec<Refund>,
    refunds: Vec<ExternalRefund>,
) -> Batch<'_> {
    let now = order.created_at.plus_ms(61_000);
    let out_trade_no = order.out_trade_no.clone();
    let mut batch = Batch::new(rules, vec![order]).with_context(Context::new(known, Vec::new()));
    RecordExternalRefunds { out_trade_no, payment: None, refunds, now }.apply(&mut batch);
    batch
}

fn payment_id() -> String {
    payment().transaction_id.to_string()
}

#[test]
fn a_refund_of_ours_explains_itself_and_moves_on() {
    let rules = rules();
    // Of an order that an operator settled by hand, too, which is not paid.
    for order in [order(), paid(false)] {
        let ours = seen("RF1", &payment_id(), 100, RefundStatus::Success);
        let batch = named(&rules, order, vec![refund()], vec![ours]);
        assert!(batch.exceptions.is_empty());
        let states: Vec<_> = batch.context.refunds.values().map(|slot| slot.refund.state).collect();
        assert_eq!(states, [RefundState::Succeeded]);
    }
}

#[test]
fn an_unpaid_order_with_no_refund_of_ours_was_paid_and_given_back_without_our_knowing() {
    let rules = rules();
    for refunds in [vec![], vec![seen("DESK1", &payment_id(), 100, RefundStatus::Closed)]] {
        let batch = named(&rules, order(), Vec::new(), refunds);
        assert_eq!(batch.exceptions.len(), 1);
        let slot = batch.orders.values().next().unwrap();
        assert!(slot.order.refunded_outside && slot.order.state.name() == "closed");
    }
}

#[test]
fn one_that_ended_without_money_at_wechats_desk_is_nothing_to_a_paid_order() {
    let rules = rules();
    let closed = seen("DESK1", &payment_id(), 100, RefundStatus::Closed);
    let batch = named(&rules, paid(false), Vec::new(), vec![closed]);
    assert!(batch.exceptions.is_empty() && batch.context.refunds.is_empty());
}

#[test]
fn one_made_outside_of_the_credited_payment_has_its_share_and_of_another_payment_none() {
    let rules = rules();
    for (transaction_id, share) in [(payment_id(), 106), ("another".to_owned(), 0)] {
        let outside = seen("DESK1", &transaction_id, 100, RefundStatus::Success);
        let batch = named(&rules, paid(false), Vec::new(), vec![outside]);
        let kept = &batch.context.refunds.values().next().unwrap().refund;
        assert_eq!((kept.share, kept.taken, kept.amount), (Fen::new(share), Fen::ZERO, Fen::new(100)));
        assert_eq!((batch.exceptions.len(), batch.context.reopened.len()), (1, 1));
        assert!(batch.ledger.is_empty(), "nothing is booked by itself");
    }
}

#[test]
fn what_wechat_says_under_our_number_of_another_amount_is_not_believed() {
    let rules = rules();
    let other = seen("RF1", &payment_id(), 101, RefundStatus::Success);
    let batch = named(&rules, paid(false), vec![refund()], vec![other]);
    let kept = &batch.context.refunds.values().next().unwrap().refund;
    assert_eq!(kept.state, RefundState::Requested);
    assert_eq!(kept.blocked.as_ref().map(|blocked| blocked.problem), Some(Problem::Mismatch));
}

/// The batch after WeChat named a refund of a number that is no order of ours.
fn of_nobody(rules: &crate::order::Rules, known: Vec<Refund>, status: RefundStatus) -> Batch<'_> {
    let mut batch = Batch::new(rules, Vec::new()).with_context(Context::new(known, Vec::new()));
    let (out_trade_no, now) = (order().out_trade_no, order().created_at);
    let refunds = vec![seen("RF1", &payment_id(), 100, status)];
    RecordExternalRefunds { out_trade_no, payment: None, refunds, now }.apply(&mut batch);
    batch
}

#[test]
fn a_refund_of_no_order_of_ours_is_evidence_unless_we_made_it_or_it_came_to_nothing() {
    let rules = rules();
    let strange = of_nobody(&rules, Vec::new(), RefundStatus::Success);
    let kept = strange.exceptions.values().next().unwrap();
    assert_eq!((kept.kind, kept.total_fee), (ExceptionKind::RefundedOutside, Fen::new(1990)));
    assert!(of_nobody(&rules, vec![refund()], RefundStatus::Success).exceptions.is_empty());
    assert!(of_nobody(&rules, Vec::new(), RefundStatus::Closed).exceptions.is_empty());
}

#[test]
fn one_made_outside_that_is_known_already_is_named_again_and_not_counted_twice() {
    let rules = rules();
    let known = Refund { by: Actor::WeChat, taken: Fen::ZERO, ..refund() };
    let again = seen("RF1", &payment_id(), 100, RefundStatus::Success);
    let batch = named(&rules, paid(false), vec![known], vec![again]);
    assert_eq!((batch.exceptions.len(), batch.context.refunds.len()), (1, 1));
}
