//! What the rules about payments that do not fit write, without a database.

use wxpay::{Fen, TransactionId};

use super::*;
use crate::batch::{Apply, Context};
use crate::command::{Command as _, CreditPayment, Reads};
use crate::exception::Exception;
use crate::fixtures::{NOW, order, paid, payment, rules};
use crate::order::{Abnormal, AbnormalPayments, Order, Rules, Source};
use crate::refund::{Refund, RefundState};

fn refunding() -> Rules {
    let abnormal = AbnormalPayments { duplicate: Abnormal::Refund, mismatched: Abnormal::Refund };
    Rules { abnormal, ..rules() }
}

fn second() -> Payment {
    Payment { transaction_id: TransactionId::parse("4200009999202603151234567890").unwrap(), ..payment() }
}

fn wrong() -> Payment {
    Payment { total_fee: Fen::new(1), ..payment() }
}

fn notice(payment: Payment) -> CreditPayment {
    CreditPayment { payment, source: Source::Notice { from: "203.0.113.1".to_owned() }, now: NOW }
}

fn queried(payment: Payment) -> CreditPayment {
    CreditPayment { payment, source: Source::Query { by: Actor::Schedule }, now: NOW }
}

/// The batch after these commands, with what was read for it and these exceptions and refunds in the database.
fn after<'r>(
    rules: &'r Rules,
    order: Order,
    commands: &[CreditPayment],
    known: (Vec<Refund>, Vec<Exception>),
) -> Batch<'r> {
    let mut reads = Reads::default();
    commands.iter().for_each(|command| command.reads(&mut reads));
    reads.look_for_abnormal(std::slice::from_ref(&order), rules);
    let context = Context::new(known.0, known.1).with_looked_for(reads.abnormal);
    let mut batch = Batch::new(rules, vec![order]).with_context(context);
    for command in commands {
        let _ = command.apply(&mut batch);
    }
    batch
}

fn refunds(batch: &Batch) -> Vec<(String, i64, RefundState, Actor)> {
    let all = batch.context.refunds.values().map(|slot| &slot.refund);
    all.map(|one| (one.out_refund_no.to_string(), one.amount.get(), one.state, one.by.clone())).collect()
}

#[test]
fn a_second_payment_goes_back_once_and_its_order_moves_on_with_it() {
    let rules = refunding();
    let batch = after(&rules, paid(false), &[notice(second()), queried(second())], Default::default());
    let wanted =
        ("RF-DUP-4200009999202603151234567890".to_owned(), 1990, RefundState::Requested, Actor::Rule);
    assert_eq!(refunds(&batch), [wanted]);
    let id = batch.exceptions.keys().next().unwrap().clone();
    let settled = &batch.context.resolved_by_rule[&id];
    assert_eq!(
        (id.kind, settled.how, &settled.by),
        (ExceptionKind::Duplicate, ResolutionKind::Refund, &Actor::Rule)
    );
    assert!(
        batch.orders.values().all(|slot| slot.changed),
        "its version is the guard against another instance"
    );
    assert!(batch.ledger.is_empty() && batch.accounts.is_empty(), "no balance has anything to do with it");
    let kinds: Vec<_> = batch.events.iter().map(|event| event.kind().name()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "settled").count(), 1, "{kinds:?}");
}

#[test]
fn of_two_payments_in_one_batch_the_second_goes_back() {
    let rules = refunding();
    let batch = after(&rules, order(), &[notice(payment()), notice(second())], Default::default());
    assert_eq!(refunds(&batch).len(), 1);
    assert_eq!((batch.ledger.len(), batch.accounts["u_1"].amount.get()), (1, 2090));
}

#[test]
fn without_the_rule_a_person_is_asked_and_nothing_more_is_read() {
    let rules = rules();
    let commands = [notice(second()), queried(wrong())];
    let mut reads = Reads::default();
    commands.iter().for_each(|command| command.reads(&mut reads));
    reads.look_for_abnormal(&[paid(false)], &rules);
    assert!(reads.refunds_of.is_empty() && reads.abnormal.is_empty());
    let batch = after(&rules, paid(false), &commands, Default::default());
    assert!(refunds(&batch).is_empty() && batch.context.resolved_by_rule.is_empty());
    assert!(!batch.exceptions.is_empty());
}

#[test]
fn a_payment_that_fits_reads_nothing_more_under_the_rule() {
    let mut reads = Reads::default();
    let fits = notice(payment());
    fits.reads(&mut reads);
    reads.look_for_abnormal(&[order()], &refunding());
    assert!(reads.refunds_of.is_empty() && reads.abnormal.is_empty());
}

#[test]
fn another_amount_goes_back_when_a_query_states_it_and_not_on_a_notices_word() {
    let rules = refunding();
    let batch = after(&rules, order(), &[notice(wrong())], Default::default());
    assert!(refunds(&batch).is_empty() && batch.exceptions.len() == 1);
    // A query that states the right amount still credits the order.
    let batch = after(&rules, order(), &[notice(wrong()), queried(payment())], Default::default());
    assert!(refunds(&batch).is_empty() && batch.ledger.len() == 1);
    let batch = after(&rules, order(), &[notice(wrong()), queried(wrong())], Default::default());
    assert_eq!(refunds(&batch)[0].1, 1);
    let slot = batch.orders.values().next().unwrap();
    assert_eq!(slot.order.by_hand, Some(wrong().transaction_id), "a later proof of it credits nothing");
    let batch = after(&rules, slot.order.clone(), &[queried(payment())], Default::default());
    assert!(batch.ledger.is_empty());
}

#[test]
fn what_was_asked_for_before_or_decided_by_a_person_is_left_alone() {
    let rules = refunding();
    let first = after(&rules, paid(false), &[notice(second())], Default::default());
    let (id, kept) = first.exceptions.iter().next().map(|(id, kept)| (id.clone(), kept.clone())).unwrap();
    let slot = first.orders.values().next().unwrap();
    // Its refund ended without money and the exception is open again.
    let asked = first.context.refunds.values().next().map(|slot| slot.refund.clone()).unwrap();
    let closed = Refund { state: RefundState::Closed, ended_at: Some(NOW), due_at: None, ..asked };
    let again = after(&rules, slot.order.clone(), &[notice(second())], (vec![closed], vec![kept.clone()]));
    assert!(again.context.resolved_by_rule.is_empty());
    let dismissed = Resolution {
        at: NOW,
        by: Actor::Operator("lin".to_owned()),
        how: ResolutionKind::Dismiss,
        reason: "x".to_owned(),
    };
    let kept = Exception { resolution: Some(dismissed), ..kept };
    let again = after(&rules, paid(false), &[notice(second())], (Vec::new(), vec![kept]));
    assert!(refunds(&again).is_empty() && !again.context.resolved_by_rule.contains_key(&id));
}

#[test]
fn what_was_not_looked_for_is_left_to_a_person() {
    let rules = refunding();
    let mut batch = Batch::new(&rules, vec![paid(false)]);
    let _ = notice(second()).apply(&mut batch);
    assert!(refunds(&batch).is_empty() && batch.exceptions.len() == 1);
}

#[test]
fn other_kinds_stay_for_a_person() {
    let rules = refunding();
    let foreign = Payment { fee_type: "USD".to_owned(), ..payment() };
    let other_way = Payment { trade_type: Some("MICROPAY".to_owned()), ..payment() };
    for odd in [foreign, other_way] {
        let batch = after(&rules, order(), &[queried(odd)], Default::default());
        assert!(refunds(&batch).is_empty() && batch.exceptions.len() == 1);
    }
}
