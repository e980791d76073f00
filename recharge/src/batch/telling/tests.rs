//! Which events follow from what a batch does, without a database.

use serde_json::{Value, json};
use wxpay::{OutRefundNo, Payment, RefundId, RefundStatus};

use super::*;
use crate::audit::{Acting, Actor};
use crate::batch::{Apply, SpendRead, Spending};
use crate::command::{
    CloseOrder, CreditPayment, MakeDebit, MakeGrant, PlaceHold, RequestRefund, ReverseDebit, UpdateRefund,
    VoidHold,
};
use crate::exception::{ExceptionKind, Resolution, ResolutionKind};
use crate::fixtures::{PLACED, exception, order, payment, rules};
use crate::order::{LatePayment, Rules, Source};
use crate::outbox::MOST_BYTES;
use crate::refund::{RefundRequest, RefundUpdate};
use crate::spend::{
    Amount, DebitRequest, GrantId, GrantRequest, HoldId, HoldLife, HoldRequest, Metadata, OnShortfall,
    Reason, Reference, ReversalId, ReversalRequest,
};
use crate::user::User;

/// What `u_1` has before.
fn with_balance(rules: &Rules, fen: i64) -> Batch<'_> {
    let account = Account { balance: Fen::new(fen), held: Fen::ZERO, entries: 3 };
    let accounts = [("u_1".to_owned(), account)].into();
    let read = Spending::new(SpendRead { accounts, ..SpendRead::default() });
    Batch::new(rules, vec![order()]).with_spending(read)
}

/// What is told once the accounts are written; others had moved `u_1`'s balance by `meanwhile`.
fn told(batch: &mut Batch<'_>, meanwhile: i64) -> Vec<(&'static str, String, i64, Value)> {
    let mut account = batch.account("u_1");
    account.balance = Fen::new(account.balance.get() + meanwhile);
    let written = [("u_1".to_owned(), account)].into();
    batch.settle(&written).expect("it stands");
    let shown = |event: &NewEvent| {
        let body = serde_json::from_str(&event.body()).unwrap();
        (event.kind.name(), event.subject.clone(), event.version, body)
    };
    batch.outbox.iter().map(shown).collect()
}

fn kinds(events: &[(&'static str, String, i64, Value)]) -> Vec<&'static str> {
    events.iter().map(|(kind, ..)| *kind).collect()
}

fn pay(batch: &mut Batch<'_>, late: bool) {
    let time_end = if late { order().time_expire.plus_ms(1) } else { payment().time_end };
    let source = Source::Notice { from: "203.0.113.41".to_owned() };
    let now = order().created_at.plus_ms(700_000);
    CreditPayment { payment: Payment { time_end, ..payment() }, source, now }.apply(batch);
}

fn refund(batch: &mut Batch<'_>, number: &str, fen: i64) {
    let request = RefundRequest {
        out_trade_no: order().out_trade_no,
        out_refund_no: OutRefundNo::parse(number).unwrap(),
        amount: Fen::new(fen),
        reason: "退款".to_owned(),
        even_if_balance_low: false,
        reference: None,
        exception: None,
        seen_version: None,
    };
    RequestRefund { request, by: Acting::operator("lin", "console"), now: PLACED }.apply(batch).unwrap();
}

fn end(batch: &mut Batch<'_>, number: &str, status: RefundStatus) {
    let update = RefundUpdate::Status { status, refund_id: RefundId::parse("5030").unwrap() };
    UpdateRefund { out_refund_no: OutRefundNo::parse(number).unwrap(), update, by: None, now: PLACED }
        .apply(batch);
}

fn debit(name: &str, fen: i64) -> MakeDebit {
    let request = DebitRequest {
        user_id: "u_1".to_owned(),
        amount: Amount::new(fen).unwrap(),
        reference: Reference::parse(name).unwrap(),
        reason: Reason::parse("VIP").unwrap(),
        metadata: Metadata::default(),
        on_shortfall: OnShortfall::Refuse,
    };
    MakeDebit {
        id: DebitId::new(PLACED, [name.as_bytes()[0]; 10]),
        request,
        by: Actor::Key("forum".to_owned()),
        now: PLACED,
    }
}

#[test]
fn a_payment_is_told_once_with_the_balance_that_stands_written() {
    let rules = rules();
    let mut batch = with_balance(&rules, 500);
    pay(&mut batch, false);
    pay(&mut batch, false);
    let events = told(&mut batch, 30);
    let [(kind, subject, version, body)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((*kind, *version), ("recharge.paid", 2));
    assert_eq!(*subject, format!("recharge/{}", order().out_trade_no));
    assert_eq!((&body["recharge"]["credited"], &body["recharge"]["version"]), (&json!(2090), &json!(2)));
    let balance = json!({ "user": "u_1", "balance": 2620, "held": 0, "available": 2620, "entries": 4 });
    assert_eq!(body["balance"], balance);
}

#[test]
fn a_late_payment_is_told_before_its_refund_and_a_refund_that_fails_after_it() {
    let rules = Rules { late_payment: LatePayment::Refund, ..rules() };
    let mut batch = with_balance(&rules, 0);
    let by = Actor::Schedule;
    CloseOrder { out_trade_no: order().out_trade_no, by, now: PLACED }.apply(&mut batch);
    pay(&mut batch, true);
    end(&mut batch, &format!("RF-LATE-{}", order().out_trade_no), RefundStatus::Closed);
    let events = told(&mut batch, 0);
    let wanted =
        ["recharge.closed", "recharge.paid_late", "recharge.refund_requested", "recharge.refund_failed"];
    assert_eq!(kinds(&events), wanted);
    let versions: Vec<_> = events.iter().map(|(_, _, version, _)| *version).collect();
    assert_eq!(versions, [2, 3, 4, 5]);
    assert_eq!(events[1].3["recharge"]["credited"], 0);
    assert_eq!((&events[3].3["returned"], &events[3].3["balance"]), (&json!(0), &Value::Null));
}

#[test]
fn parts_that_are_refunded_are_told_with_what_they_took_and_their_sum() {
    let rules = rules();
    let mut batch = with_balance(&rules, 0);
    pay(&mut batch, false);
    for (number, fen) in [("RF1", 1000), ("RF2", 990)] {
        refund(&mut batch, number, fen);
        end(&mut batch, number, RefundStatus::Success);
    }
    let events = told(&mut batch, 0);
    let of = |kind: &str| {
        events.iter().filter(|(one, ..)| *one == kind).map(|(.., body)| body).collect::<Vec<_>>()
    };
    let taken: Vec<_> =
        of("recharge.refund_requested").iter().map(|body| body["refund"]["taken"].clone()).collect();
    assert_eq!(taken, [json!(1051), json!(1039)]);
    let totals: Vec<_> = of("recharge.refunded").iter().map(|body| body["refunded_total"].clone()).collect();
    assert_eq!(totals, [json!(1000), json!(1990)]);
    let versions: Vec<_> = events.iter().map(|(_, _, version, _)| *version).collect();
    assert!(versions.is_sorted_by(|one, other| one < other), "each is a version of its own: {versions:?}");
}

#[test]
fn a_balance_that_falls_low_is_told_once_a_fall_by_what_it_came_to() {
    let rules = Rules { low_balance: Some(Fen::new(1000)), ..rules() };
    for (before, taken, meanwhile, low) in [
        (1500, 501, 0, true),
        (1500, 500, 0, false),
        (1500, 501, 1, false),
        (1500, 400, -101, true),
        (999, 10, 0, false),
    ] {
        let mut batch = with_balance(&rules, before);
        debit("a", taken).apply(&mut batch).unwrap();
        // Others moved it before this batch: their own transaction told of that.
        let events = told(&mut batch, meanwhile);
        let fell = before + meanwhile >= 1000 && before + meanwhile - taken < 1000;
        assert_eq!(fell, low, "the table itself");
        assert_eq!(
            kinds(&events),
            if low { vec!["balance.low"] } else { vec![] },
            "{before} {taken} {meanwhile}"
        );
        if let Some((_, subject, version, body)) = events.first() {
            assert_eq!((subject.as_str(), *version, &body["low_balance"]), ("user/u_1", 4, &json!(1000)));
        }
    }
}

#[test]
fn what_the_caller_knows_is_told_only_where_it_is_asked_for() {
    let rules = rules();
    for (asked, wanted) in [
        (Asked::default(), vec!["debit.reversed", "grant.created"]),
        (
            Asked::of(EventType::BY_NAME),
            vec!["debit.created", "debit.reversed", "grant.created", "balance.changed"],
        ),
    ] {
        let mut batch = with_balance(&rules, 1000).with_asked(asked);
        let made = debit("a", 400).apply(&mut batch).unwrap().debit;
        let request = ReversalRequest {
            debit_id: made.id.clone(),
            amount: None,
            reference: Reference::parse("r").unwrap(),
            reason: Reason::parse("not delivered").unwrap(),
        };
        let (id, by) = (ReversalId::new(PLACED, [1; 10]), Acting::key("forum", ""));
        ReverseDebit { id, request, by, now: PLACED }.apply(&mut batch).unwrap();
        let user = User::new("u_1", "").unwrap();
        let (reference, reason) = (Reference::parse("g").unwrap(), Reason::parse("a gift").unwrap());
        let request = GrantRequest::new(user, 5, reference, reason).unwrap();
        let by = Acting::operator("lin", "console");
        MakeGrant { id: GrantId::new(PLACED, [1; 10]), request, by, now: PLACED }.apply(&mut batch).unwrap();
        let events = told(&mut batch, 7);
        assert_eq!(kinds(&events), wanted);
        let find = |kind: &str| events.iter().find(|(one, ..)| *one == kind).unwrap();
        let (_, subject, version, body) = find("debit.reversed");
        assert_eq!(
            (subject, *version),
            (&format!("debit/{}", made.id), 5),
            "the number of the reversal's row"
        );
        assert_eq!((&body["debit"]["reversed"], &body["debit"]["balance_after"]), (&json!(400), &json!(607)));
        assert_eq!(
            (find("grant.created").2, &find("grant.created").3["balance"]["balance"]),
            (6, &json!(1012))
        );
        if asked != Asked::default() {
            assert_eq!((find("debit.created").2, find("balance.changed").2), (4, 6));
        }
    }
}

#[test]
fn a_hold_that_nobody_came_back_for_is_told_and_one_that_was_voided_is_not() {
    let rules = rules();
    let mut batch = with_balance(&rules, 1000);
    let hold = |name: &str, at: UnixMillis| {
        let request = HoldRequest {
            user_id: "u_1".to_owned(),
            amount: Amount::new(400).unwrap(),
            reference: Reference::parse(name).unwrap(),
            reason: Reason::parse("job").unwrap(),
            metadata: Metadata::default(),
            life: HoldLife::seconds(60).unwrap(),
        };
        PlaceHold { id: HoldId::new(PLACED, [name.as_bytes()[0]; 10]), request, by: Actor::Rule, now: at }
    };
    let kept = hold("a", PLACED).apply(&mut batch).unwrap().hold;
    let voided = hold("b", PLACED).apply(&mut batch).unwrap().hold;
    VoidHold { hold_id: voided.id, now: PLACED }.apply(&mut batch).unwrap();
    // The first hold has expired; the command that next looks at the account writes its end.
    hold("c", PLACED.plus_ms(60_000)).apply(&mut batch).unwrap();
    let events = told(&mut batch, 0);
    assert_eq!(kinds(&events), ["hold.expired"]);
    let (_, subject, version, body) = &events[0];
    assert_eq!((subject, *version), (&format!("hold/{}", kept.id), 2));
    assert_eq!((&body["hold"]["state"], &body["balance"]["held"]), (&json!("expired"), &json!(400)));
}

#[test]
fn exceptions_are_told_as_the_database_has_them() {
    let rules = rules();
    let late = Resolution::by_rule(ResolutionKind::Credit, PLACED);
    let by_hand = Resolution { by: Actor::Operator("lin".to_owned()), ..late.clone() };
    for (version, resolution, wanted) in [
        (1, None, Some("exception.opened")),
        (1, Some(late), None),
        (2, Some(by_hand), Some("exception.settled")),
        (3, None, Some("exception.opened")),
    ] {
        let mut batch = Batch::new(&rules, vec![order()]);
        let exception = Exception { resolution, ..exception(ExceptionKind::Duplicate) };
        batch.tell_exceptions(vec![WrittenException { exception, version }]);
        assert_eq!(batch.outbox.first().map(|event| event.kind.name()), wanted);
        assert!(batch.outbox.iter().all(|event| event.version == version && event.data.recharge.is_some()));
    }
}

#[test]
fn the_largest_body_fits() {
    let rules = rules();
    let long = |n| "\u{7528}".repeat(n);
    let mut batch = with_balance(&rules, 1000).with_asked(Asked::of(EventType::BY_NAME));
    let mut map = serde_json::Map::new();
    map.insert("k".to_owned(), Value::String("\"".repeat(1000)));
    let mut made = debit("a", 400);
    made.request.metadata = Metadata::new(map).unwrap();
    made.request.reason = Reason::parse(long(66)).unwrap();
    made.apply(&mut batch).unwrap();
    batch.settle(&[("u_1".to_owned(), batch.account("u_1"))].into()).unwrap();
    let largest = batch.outbox.iter().map(|event| event.body().len()).max().unwrap();
    // A captured hold tells of the hold and of the debit, each with the metadata.
    assert!(2 * largest < MOST_BYTES, "{largest}");
}
