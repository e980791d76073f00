//! What a batch decides, without a database.

use wxpay::{Fen, OutRefundNo, RefundId, RefundStatus, Ticket, TradeType};

use super::*;
use crate::audit::{Acting, AuditEntry};
use crate::command::{
    CreditPayment, NotPlaced, PlaceOrder, RecordExternalRefunds, RefundReply, RequestRefund, StoreTicket,
    UpdateRefund,
};
use crate::fixtures::{order, payment, rules};
use crate::form_version;
use crate::refund::{RefundRefusal, RefundRequest, RefundUpdate};

fn pending() -> Order {
    let ticket = Ticket::parse(TradeType::Native, "weixin://wxpay/bizpayurl?pr=one").unwrap();
    order().prepaid(ticket, order().created_at).unwrap()
}

/// The same order under another number, of another or the same user.
fn another(number: &str, user: &str) -> Order {
    let mut other = pending();
    other.out_trade_no = OutTradeNo::parse(number).unwrap();
    other.user.id = user.to_owned();
    other
}

fn credit(payment: Payment) -> CreditPayment {
    let now = order().created_at.plus_ms(61_000);
    let source = Source::Notice { from: "203.0.113.41".to_owned() };
    CreditPayment { payment, source, now }
}

fn payment_of(number: &str, transaction: &str) -> Payment {
    Payment {
        out_trade_no: OutTradeNo::parse(number).unwrap(),
        transaction_id: TransactionId::parse(transaction).unwrap(),
        ..payment()
    }
}

#[test]
fn a_second_notice_in_the_same_batch_is_decided_on_the_first_ones_result() {
    let rules = rules();
    let mut batch = Batch::new(&rules, vec![pending()]);
    let replies: Vec<_> = (0..3).map(|_| credit(payment()).apply(&mut batch)).collect();
    assert_eq!(replies[0], Outcome::Credited { late: false });
    assert_eq!(replies[1], Outcome::AlreadyPaid);
    assert_eq!(replies[2], Outcome::AlreadyPaid);
    assert_eq!(batch.ledger.len(), 1);
    assert_eq!(batch.accounts["u_1"].amount, Fen::new(2090));
    let kinds: Vec<_> = batch.events.iter().map(|event| event.kind().name()).collect();
    assert_eq!(kinds, ["notice", "credited", "repeated"]);
}

#[test]
fn two_credits_of_one_account_are_summed_before_they_are_written() {
    let rules = rules();
    let read = vec![another("SMaaaaaa", "u_1"), another("SMbbbbbb", "u_1"), another("SMcccccc", "u_2")];
    let mut batch = Batch::new(&rules, read);
    for (number, transaction) in [("SMaaaaaa", "1"), ("SMbbbbbb", "2"), ("SMcccccc", "3")] {
        credit(payment_of(number, transaction)).apply(&mut batch);
    }
    assert_eq!(batch.ledger.len(), 3);
    assert_eq!(batch.accounts["u_1"].amount, Fen::new(2 * 2090));
    assert_eq!(batch.accounts["u_2"].amount, Fen::new(2090));
    let day = batch.days["20260315"];
    assert_eq!((day.paid, day.paid_fen, day.by_query), (3, 3 * 1990, 0));
}

#[test]
fn a_second_transaction_in_the_same_batch_is_an_exception() {
    let rules = rules();
    let mut batch = Batch::new(&rules, vec![pending()]);
    credit(payment()).apply(&mut batch);
    let second = payment_of(order().out_trade_no.as_str(), "4200009999");
    let Outcome::Exception { id, .. } = credit(second).apply(&mut batch) else {
        panic!("it does not fit");
    };
    assert_eq!(id.kind, ExceptionKind::Duplicate);
    assert_eq!(batch.ledger.len(), 1);
    assert_eq!(batch.exceptions.len(), 1);
}

#[test]
fn a_payment_of_an_unknown_number_is_kept_and_grows_no_time_line() {
    let rules = rules();
    let mut batch = Batch::new(&rules, Vec::new());
    credit(payment()).apply(&mut batch);
    credit(payment()).apply(&mut batch);
    assert_eq!(batch.exceptions.len(), 1);
    assert!(batch.events.is_empty() && batch.ledger.is_empty());
    assert!(batch.writes());
}

#[test]
fn two_presses_in_the_same_batch_meet_in_one_order() {
    let rules = rules();
    let mut batch = Batch::new(&rules, Vec::new());
    let (first, mut second) = (order(), order());
    second.out_trade_no = OutTradeNo::parse("SMsecond").unwrap();
    PlaceOrder::plain(first.clone()).apply(&mut batch).unwrap();
    let OrderReply { order, changed } = PlaceOrder::plain(second).apply(&mut batch).unwrap();
    assert_eq!((order.out_trade_no, changed), (first.out_trade_no, false));
    assert_eq!(batch.orders.len(), 1);
}

#[test]
fn an_order_that_is_nearly_over_makes_room_for_a_new_one() {
    let rules = rules();
    let old = pending();
    let mut batch = Batch::new(&rules, vec![old.clone()]);
    let mut new = order();
    new.out_trade_no = OutTradeNo::parse("SMsecond").unwrap();
    new.created_at = old.time_expire.plus_ms(-10_000);
    new.time_expire = new.created_at.plus_ms(600_000);
    let OrderReply { order, changed } = PlaceOrder::plain(new).apply(&mut batch).unwrap();
    assert!(changed);
    assert_eq!(order.out_trade_no.as_str(), "SMsecond");
    assert_eq!(batch.orders[&old.out_trade_no].order.open_key(), None);
    assert!(batch.orders[&old.out_trade_no].order.is_open());
}

#[test]
fn a_user_places_no_more_orders_than_may_be_open_also_within_one_batch() {
    let rules = Rules { max_open_orders: 3, ..rules() };
    let place = |number: &str, user: &str, fen: i64, now: UnixMillis| {
        let mut new = order();
        new.out_trade_no = OutTradeNo::parse(number).unwrap();
        new.user.id = user.to_owned();
        new.total_fee = Fen::new(fen);
        (new.created_at, new.time_expire) = (now, now.plus_ms(600_000));
        PlaceOrder::plain(new)
    };
    let now = order().created_at.plus_ms(1);
    let mut batch = Batch::new(&rules, vec![pending()]);
    assert!(place("SMsecond", "u_1", 1, now).apply(&mut batch).unwrap().changed);
    assert!(place("SMthird", "u_1", 2, now).apply(&mut batch).unwrap().changed);
    assert_eq!(place("SMfourth", "u_1", 3, now).apply(&mut batch), Err(NotPlaced::TooManyOpen));
    assert_eq!((batch.orders.len(), batch.days.values().map(|day| day.orders).sum::<i64>()), (3, 2));
    assert!(place("SMother", "u_2", 3, now).apply(&mut batch).unwrap().changed);
    // The same amount again is the same order, and one that was paid or has expired leaves its place.
    assert!(!place("SMagain", "u_1", 2, now).apply(&mut batch).unwrap().changed);
    credit(payment()).apply(&mut batch);
    assert!(place("SMfifth", "u_1", 4, now).apply(&mut batch).unwrap().changed);
    assert_eq!(place("SMsixth", "u_1", 5, now).apply(&mut batch), Err(NotPlaced::TooManyOpen));
    assert!(place("SMseventh", "u_1", 5, now.plus_ms(600_000)).apply(&mut batch).unwrap().changed);
}

#[test]
fn a_payment_before_the_code_is_stored_ends_as_in_the_natural_order() {
    let rules = rules();
    let ticket = Ticket::parse(TradeType::Native, "weixin://wxpay/bizpayurl?pr=one").unwrap();
    let mut batch = Batch::new(&rules, vec![order()]);
    credit(payment()).apply(&mut batch);
    let now = order().created_at.plus_ms(62_000);
    let number = order().out_trade_no;
    let stored = StoreTicket { out_trade_no: number.clone(), ticket, now }.apply(&mut batch);
    let OrderReply { order, changed } = stored.unwrap();
    assert_eq!((order.state.name(), changed), ("paid", false));
    assert_eq!(batch.ledger.len(), 1);
}

#[test]
fn a_payment_that_was_given_back_is_never_credited() {
    let rules = rules();
    let now = order().created_at.plus_ms(61_000);
    let (out_trade_no, payment_kept) = (order().out_trade_no, Some(payment()));
    for payment_named in [payment_kept, None] {
        let mut batch = Batch::new(&rules, vec![pending()]);
        let out_trade_no = out_trade_no.clone();
        let command =
            RecordExternalRefunds { out_trade_no, payment: payment_named, refunds: Vec::new(), now };
        let OrderReply { order, changed } = command.apply(&mut batch).unwrap();
        assert_eq!((order.state.name(), changed), ("closed", true));
        // WeChat goes on repeating the notice of the payment for a day.
        let Outcome::Exception { id, .. } = credit(payment()).apply(&mut batch) else {
            panic!("it is not credited");
        };
        assert_eq!(id.kind, ExceptionKind::RefundedOutside);
        assert!(batch.ledger.is_empty() && !batch.exceptions.is_empty());
    }
}

#[test]
fn a_refund_of_a_credited_order_is_kept_and_the_order_stays_paid() {
    let rules = rules();
    let mut batch = Batch::new(&rules, vec![pending()]);
    credit(payment()).apply(&mut batch);
    let now = order().created_at.plus_ms(61_000);
    let command =
        RecordExternalRefunds { out_trade_no: order().out_trade_no, payment: None, refunds: Vec::new(), now };
    let OrderReply { order, changed } = command.apply(&mut batch).unwrap();
    assert_eq!((order.state.name(), changed), ("paid", false));
    let exception = batch.exceptions.values().next().unwrap();
    assert_eq!(exception.transaction_id, Some(payment().transaction_id));
}

fn refund(number: &str, order: &str, fen: i64) -> RequestRefund {
    let request = RefundRequest {
        out_trade_no: OutTradeNo::parse(order).unwrap(),
        out_refund_no: OutRefundNo::parse(number).unwrap(),
        amount: Fen::new(fen),
        reason: "退款".to_owned(),
        even_if_balance_low: false,
        reference: None,
        exception: None,
        seen_version: None,
    };
    let by = Acting::operator("lin", "console");
    RequestRefund { request, by, now: order_placed().plus_ms(62_000) }
}

fn order_placed() -> UnixMillis {
    order().created_at
}

fn succeeded(number: &str) -> UpdateRefund {
    let refund_id = RefundId::parse("5030").unwrap();
    let update = RefundUpdate::Status { status: RefundStatus::Success, refund_id };
    let out_refund_no = OutRefundNo::parse(number).unwrap();
    UpdateRefund { out_refund_no, update, by: None, now: order_placed().plus_ms(63_000) }
}

#[test]
fn a_press_that_is_repeated_writes_nothing_and_one_for_something_else_is_refused() {
    let rules = rules();
    let mut first = Batch::new(&rules, vec![another("SMaaaaaa", "u_1")]);
    credit(payment_of("SMaaaaaa", "1")).apply(&mut first);
    let RefundReply { refund: made, changed } = refund("RF1", "SMaaaaaa", 1000).apply(&mut first).unwrap();
    assert!(changed);
    let audit: Vec<_> = first.context.audit.iter().map(|entry| entry.action).collect();
    assert_eq!((audit, first.context.refunds.len(), made.taken), (vec!["refund"], 1, Fen::new(1051)));
    let orders: Vec<_> = first.orders.into_values().map(|slot| slot.order).collect();
    let context = Context::new(vec![made], Vec::new());
    let mut again = Batch::new(&rules, orders).with_context(context);
    assert!(!refund("RF1", "SMaaaaaa", 1000).apply(&mut again).unwrap().changed);
    for other in [refund("RF1", "SMaaaaaa", 999), refund("RF1", "SMbbbbbb", 1000)] {
        assert_eq!(other.apply(&mut again), Err(RefundRefusal::NumberTaken));
    }
    assert!(!again.writes());
}

#[test]
fn two_pages_that_showed_the_same_order_lead_to_one_refund() {
    let rules = rules();
    let mut batch = Batch::new(&rules, vec![another("SMaaaaaa", "u_1")]);
    credit(payment_of("SMaaaaaa", "1")).apply(&mut batch);
    let version = |batch: &Batch<'_>| {
        let order = batch.orders.values().next().map(|slot| &slot.order);
        form_version::of(order, batch.context.refunds.values().map(|slot| &slot.refund))
    };
    let seen = |number: &str, seen_version: i64| {
        let command = refund(number, "SMaaaaaa", 500);
        let request = RefundRequest { seen_version: Some(seen_version), ..command.request };
        RequestRefund { request, ..command }
    };
    let shown = version(&batch);
    assert!(seen("RF1", shown).apply(&mut batch).unwrap().changed);
    assert_eq!(seen("RF2", shown).apply(&mut batch), Err(RefundRefusal::Stale));
    let repeated = seen("RF1", shown).apply(&mut batch);
    assert!(repeated.is_ok_and(|reply| !reply.changed), "the same press again");
    assert_eq!((batch.context.refunds.len(), batch.context.audit.len()), (1, 1));
    let shown = version(&batch);
    assert!(seen("RF2", shown).apply(&mut batch).unwrap().changed);
}

#[test]
fn refunds_that_arrive_are_counted_to_their_day_and_only_once() {
    let rules = rules();
    let mut batch = Batch::new(&rules, vec![another("SMaaaaaa", "u_1"), another("SMbbbbbb", "u_2")]);
    for (order, transaction, number) in [("SMaaaaaa", "1", "RF1"), ("SMbbbbbb", "2", "RF2")] {
        credit(payment_of(order, transaction)).apply(&mut batch);
        refund(number, order, 1000).apply(&mut batch).unwrap();
        assert!(succeeded(number).apply(&mut batch).unwrap().changed);
        assert!(!succeeded(number).apply(&mut batch).unwrap().changed);
    }
    let day = batch.days["20260315"];
    assert_eq!((day.refunds, day.refunded_fen), (2, 2000));
}

#[test]
fn each_thing_that_a_batch_holds_is_written_though_it_is_alone() {
    let settled = Resolution {
        at: order_placed(),
        by: Actor::Operator("lin".into()),
        how: ResolutionKind::Dismiss,
        reason: "r".into(),
    };
    let id = crate::fixtures::exception(ExceptionKind::Late).id();
    let audit = AuditEntry::new(order_placed(), "lin", "refund", "SM", "console");
    let changed = |changed| {
        let slot = RefundSlot { read: Some(1), refund: crate::fixtures::refund(), changed };
        Context { refunds: BTreeMap::from([(slot.refund.out_refund_no.clone(), slot)]), ..Context::default() }
    };
    assert!(!Context::default().writes() && !changed(false).writes());
    assert!(changed(true).writes());
    assert!(Context { audit: vec![audit], ..Context::default() }.writes());
    assert!(Context { resolved: BTreeMap::from([(id.clone(), settled)]), ..Context::default() }.writes());
    assert!(Context { reopened: [id].into(), ..Context::default() }.writes());
}

#[test]
fn a_number_that_is_not_ours_is_another_apps_where_the_app_is_not_ours() {
    let rules = rules();
    let mut batch = Batch::new(&rules, Vec::new());
    let other = Payment { appid: wxpay::AppId::parse("wx0000000000000001").unwrap(), ..payment() };
    for (payment, wanted) in [(payment(), ExceptionKind::UnknownOrder), (other, ExceptionKind::OtherApp)] {
        let Outcome::Exception { id, .. } = credit(payment).apply(&mut batch) else {
            panic!("there is no such order")
        };
        assert_eq!(id.kind, wanted);
    }
    // Only of a number that we lack does WeChat have to tell again.
    let repeats = ExceptionKind::ALL.into_iter().filter(|kind| kind.asks_for_repeat());
    let lacking = [ExceptionKind::UnknownOrder, ExceptionKind::OtherApp];
    assert_eq!(repeats.collect::<Vec<_>>(), lacking);
}
