//! What a person's decision writes, without a database.

use super::*;
use crate::batch::{Apply, Context, Spending};
use crate::command::ResolveException;
use crate::fixtures::{exception, paid};
use crate::fixtures::{order, payment, rules};
use crate::order::OrderState;

fn command(exception: &Exception, decision: Decision) -> ResolveException {
    ResolveException {
        id: exception.id(),
        decision,
        seen_version: None,
        by: Acting::operator("lin", "console"),
        now: order().created_at.plus_ms(700_000),
    }
}

fn credit(user: Option<User>) -> Decision {
    Decision::Credit { user, new_account: true, reason: "看过凭据".to_owned() }
}

/// The batch after `decision` of `exception`, which was accepted.
fn settled<'r>(
    rules: &'r crate::order::Rules,
    order: Order,
    exception: &Exception,
    decision: Decision,
) -> Batch<'r> {
    let context = Context::new(Vec::new(), vec![exception.clone()]);
    let mut batch = Batch::new(rules, vec![order]).with_context(context);
    assert!(!batch.writes(), "nothing was done yet");
    command(exception, decision).apply(&mut batch).unwrap();
    assert!(batch.writes() && batch.context.resolved.contains_key(&exception.id()));
    let audit: Vec<_> = batch.context.audit.iter().map(|entry| entry.action).collect();
    assert_eq!(audit, ["settle_exception"]);
    let kinds: Vec<_> = batch.events.iter().map(|event| event.kind().name()).collect();
    assert_eq!(kinds, ["settled"]);
    batch
}

#[test]
fn a_wrong_amount_that_is_credited_is_a_row_of_its_own_and_ends_its_order() {
    let (rules, wrong) = (rules(), exception(ExceptionKind::AmountMismatch));
    let batch = settled(&rules, order(), &wrong, credit(None));
    let rows: Vec<_> = batch.ledger.iter().map(|row| (row.key.to_string(), row.amount.get())).collect();
    assert_eq!(rows, [(format!("credit {}", payment().transaction_id), 1990)]);
    assert_eq!(batch.accounts["u_1"].amount, Fen::new(1990));
    let slot = batch.orders.values().next().unwrap();
    assert!(slot.changed);
    assert_eq!((slot.order.state.name(), &slot.order.by_hand), ("closed", &wrong.transaction_id));
}

#[test]
fn money_of_another_app_moves_no_order_of_ours() {
    let (rules, other) = (rules(), exception(ExceptionKind::OtherApp));
    let batch = settled(&rules, order(), &other, credit(Some(User::new("u_2", "").unwrap())));
    assert_eq!(batch.accounts["u_2"].amount, Fen::new(1990));
    assert!(batch.orders.values().all(|slot| !slot.changed));
}

#[test]
fn a_late_payment_that_was_kept_is_the_orders_own_credit() {
    let (rules, late) = (rules(), exception(ExceptionKind::Late));
    let batch = settled(&rules, paid(true), &late, credit(None));
    let rows: Vec<_> = batch.ledger.iter().map(|row| (row.key.to_string(), row.amount.get())).collect();
    assert_eq!(rows, [("credit".to_owned(), 2090)]);
    let slot = batch.orders.values().next().unwrap();
    let credited = matches!(&slot.order.state, OrderState::Paid(paid) if paid.credited_at.is_some());
    assert!(slot.changed && credited);
}

#[test]
fn a_decision_on_a_page_that_is_out_of_date_is_refused() {
    let (rules, second) = (rules(), exception(ExceptionKind::Duplicate));
    let context = Context::new(Vec::new(), vec![second.clone()]);
    let mut batch = Batch::new(&rules, vec![paid(false).touched()]).with_context(context);
    let seen = |order: Order| {
        let seen_version = Some(crate::form_version::of(Some(&order), [].iter()));
        ResolveException { seen_version, ..command(&second, credit(None)) }
    };
    assert_eq!(seen(paid(false)).apply(&mut batch), Err(ResolutionRefusal::Stale));
    assert!(!batch.writes());
    seen(paid(false).touched()).apply(&mut batch).unwrap();
}

#[test]
fn a_user_id_without_an_account_is_credited_only_with_the_operators_word() {
    let (rules, stray) = (rules(), exception(ExceptionKind::UnknownOrder));
    let credited = |new_account: bool, accounts: Spending| {
        let context = Context::new(Vec::new(), vec![stray.clone()]);
        let mut batch = Batch::new(&rules, Vec::new()).with_context(context).with_spending(accounts);
        let (user, reason) = (Some(User::new("lin", "").unwrap()), "用户来电".to_owned());
        let reply = command(&stray, Decision::Credit { user, new_account, reason }).apply(&mut batch);
        assert_eq!(batch.writes(), reply.is_ok());
        reply
    };
    assert_eq!(credited(false, Spending::default()), Err(ResolutionRefusal::UnknownUser));
    assert!(credited(true, Spending::default()).is_ok());
    assert!(credited(false, Spending::of([("lin", 0)])).is_ok());
}

#[test]
fn what_is_dismissed_moves_no_money_and_no_order() {
    let (rules, second) = (rules(), exception(ExceptionKind::Duplicate));
    let batch = settled(&rules, paid(false), &second, Decision::Dismiss { reason: "已电话确认".to_owned() });
    assert!(batch.ledger.is_empty() && batch.orders.values().all(|slot| !slot.changed));
}

#[test]
fn what_was_given_back_outside_is_taken_back_once_from_the_balance() {
    let rules = rules();
    let given = exception(ExceptionKind::RefundedOutside);
    let outside = Refund {
        by: crate::audit::Actor::WeChat,
        taken: Fen::ZERO,
        state: crate::RefundState::Succeeded,
        due_at: None,
        ..crate::fixtures::refund()
    };
    let context = Context::new(vec![outside], vec![given.clone()]);
    let mut batch = Batch::new(&rules, vec![paid(false)])
        .with_context(context)
        .with_spending(Spending::of([("u_1", 106)]));
    let take_back =
        Decision::TakeBack { even_if_balance_low: false, reason: "已在微信退款".to_owned() };
    command(&given, take_back.clone()).apply(&mut batch).unwrap();
    let rows: Vec<_> = batch.ledger.iter().map(|row| (row.key.to_string(), row.amount.get())).collect();
    assert_eq!(rows, [("refund RF1".to_owned(), -106)]);
    let slot = batch.context.refunds.values().next().unwrap();
    assert_eq!((slot.refund.taken, slot.refund.version, slot.changed), (Fen::new(106), 2, true));
    assert!(batch.orders.values().all(|slot| slot.changed), "the order guards its money");
    let again = command(&given, take_back).apply(&mut batch);
    assert!(matches!(again, Err(ResolutionRefusal::AlreadyResolved(_))), "{again:?}");
}

#[test]
fn what_is_taken_back_and_what_was_taken_before_are_the_credit_and_not_a_fen_more() {
    use wxpay::OutRefundNo;
    let (rules, given) = (rules(), exception(ExceptionKind::RefundedOutside));
    let (amount, share) = (Fen::new(663), Fen::new(697));
    let state = crate::RefundState::Succeeded;
    let ours = Refund { amount, share, taken: share, state, ..crate::fixtures::refund() };
    // Heard of while another one of ours was under way: this would be its share without any of ours.
    let outside = Refund {
        out_refund_no: OutRefundNo::parse("DESK1").unwrap(),
        by: crate::audit::Actor::WeChat,
        amount: Fen::new(1327),
        share: Fen::new(1394),
        taken: Fen::ZERO,
        ..ours.clone()
    };
    let context = Context::new(vec![ours, outside], vec![given.clone()]);
    let mut batch = Batch::new(&rules, vec![paid(false)])
        .with_context(context)
        .with_spending(Spending::of([("u_1", 2090 - 697)]));
    let reason = "已在微信退款".to_owned();
    command(&given, Decision::TakeBack { even_if_balance_low: false, reason }).apply(&mut batch).unwrap();
    assert_eq!(batch.accounts["u_1"].amount, Fen::new(697 - 2090));
    let refunds = batch.context.refunds.values().map(|slot| slot.refund.share.get());
    assert_eq!(refunds.sum::<i64>(), 2090);
}
