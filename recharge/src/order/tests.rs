//! Every state against every event.

use proptest::prelude::*;

use wxpay::{AppId, Payment};

use super::*;
use crate::fixtures::{new_order, order, payment, rules};

const PLACED: UnixMillis = UnixMillis::new(1_773_540_000_000); // 2026-03-15 10:00:00 in Beijing
const TEN_MINUTES: i64 = 600_000;

fn ticket(end: &str) -> Ticket {
    Ticket::parse(TradeType::Native, &format!("weixin://wxpay/bizpayurl?pr={end}")).unwrap()
}

fn now() -> UnixMillis {
    PLACED.plus_ms(61_000)
}

/// The states an order can be in, by name.
fn states() -> Vec<(&'static str, Order)> {
    let created = order();
    let pending = created.prepaid(ticket("one"), PLACED).unwrap();
    let closed = pending.closed(PLACED.plus_ms(TEN_MINUTES)).unwrap();
    let Verdict::Credit(paid) = pending.judge(&payment(), Proof::Notice, &rules(), now()) else {
        panic!("the payment fits");
    };
    let paid = pending.paid(paid).unwrap();
    let Verdict::Credit(late) = closed.judge(&payment(), Proof::Query, &rules(), now()) else {
        panic!("the payment fits, late");
    };
    let late = closed.paid(late).unwrap();
    vec![("created", created), ("pending", pending), ("closed", closed), ("paid", paid), ("late", late)]
}

/// One word for what a proof leads to.
fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Credit(paid) if paid.late => "late credit",
        Verdict::Credit(_) => "credit",
        Verdict::KeepForRefund(_) => "keep for refund",
        Verdict::AlreadyPaid => "already paid",
        Verdict::AskWeChat => "ask",
        Verdict::Exception(kind) => kind.name(),
    }
}

#[test]
fn every_state_meets_every_proof() {
    let in_time = payment();
    let after_expiry = Payment { time_end: PLACED.plus_ms(TEN_MINUTES + 1000), ..payment() };
    let at_expiry = Payment { time_end: PLACED.plus_ms(TEN_MINUTES), ..payment() };
    let one_less = Payment { total_fee: Fen::new(1989), ..payment() };
    let one_more = Payment { total_fee: Fen::new(1991), ..payment() };
    let dollars = Payment { fee_type: "USD".to_owned(), ..payment() };
    let other_app = Payment { appid: AppId::parse("wx0000000000000000").unwrap(), ..payment() };
    let second = Payment { transaction_id: TransactionId::parse("4200009999").unwrap(), ..payment() };
    let expected: [(&str, &Payment, [&str; 5]); 8] = [
        // proof, in the states created, pending, closed, paid, late
        ("in time", &in_time, ["credit", "credit", "late credit", "already paid", "already paid"]),
        (
            "in the last second",
            &at_expiry,
            ["credit", "credit", "late credit", "already paid", "already paid"],
        ),
        (
            "after expiry",
            &after_expiry,
            ["late credit", "late credit", "late credit", "already paid", "already paid"],
        ),
        (
            "one fen less",
            &one_less,
            ["amount_mismatch", "amount_mismatch", "amount_mismatch", "already paid", "already paid"],
        ),
        (
            "one fen more",
            &one_more,
            ["amount_mismatch", "amount_mismatch", "amount_mismatch", "already paid", "already paid"],
        ),
        (
            "dollars",
            &dollars,
            ["currency_mismatch", "currency_mismatch", "currency_mismatch", "already paid", "already paid"],
        ),
        ("another app", &other_app, ["other_app"; 5]),
        ("second transaction", &second, ["credit", "credit", "late credit", "duplicate", "duplicate"]),
    ];
    for (proof, payment, verdicts) in expected {
        for ((state, order), expected) in states().into_iter().zip(verdicts) {
            let verdict = order.judge(payment, Proof::Notice, &rules(), now());
            assert_eq!(word(&verdict), expected, "{proof} in {state}");
        }
    }
}

#[test]
fn every_state_meets_every_other_event() {
    // event, the name of the state it leads to from created, pending, closed, paid, late; "-" where nothing moves
    type Event = fn(&Order) -> Option<Order>;
    let events: [(&str, Event, [&str; 5]); 5] = [
        ("prepaid", |o| o.prepaid(ticket("two"), now()), ["pending", "pending", "-", "-", "-"]),
        ("closed", |o| o.closed(now()), ["closed", "closed", "-", "-", "-"]),
        ("ordering", |o| o.ordering(now()), ["created", "pending", "-", "-", "-"]),
        ("not ordering", Order::not_ordering, ["created", "-", "-", "-", "-"]),
        ("superseded", Order::superseded, ["created", "pending", "-", "-", "-"]),
    ];
    for (event, step, expected) in events {
        for ((state, before), expected) in states().into_iter().zip(expected) {
            let after = step(&before);
            let name = after.as_ref().map_or("-", |order| order.state.name());
            assert_eq!(name, expected, "{event} in {state}");
            if let Some(after) = after {
                assert_eq!(after.version, before.version + 1, "{event} in {state}");
            }
        }
    }
}

#[test]
fn a_late_payment_under_the_refund_rule_is_paid_but_not_credited() {
    let rules = Rules { late_payment: LatePayment::Refund, ..rules() };
    let (_, closed) = states().swap_remove(2);
    let verdict = closed.judge(&payment(), Proof::Notice, &rules, now());
    let Verdict::KeepForRefund(paid) = verdict else { panic!("{verdict:?}") };
    assert_eq!((paid.credited_at, paid.late), (None, true));
    assert!(paid.closed_at.is_some());
}

#[test]
fn an_md5_notice_for_an_hmac_order_decides_nothing() {
    for (state, order) in states() {
        let order = Order { signed: Signed::HmacSha256, ..order };
        // What is on record already needs no better proof, and a query decides about the rest.
        let expected = if order.state.name() == "paid" { "already paid" } else { "ask" };
        assert_eq!(word(&order.judge(&payment(), Proof::Notice, &rules(), now())), expected, "{state}");
        assert_ne!(word(&order.judge(&payment(), Proof::Query, &rules(), now())), "ask", "{state}");
    }
}

#[test]
fn a_right_to_ask_from_before_the_clock_was_set_back_does_not_block() {
    let a_day_before = PLACED.plus_ms(-86_400_000);
    assert!(order().ordering(a_day_before).is_some());
}

#[test]
fn a_new_code_under_the_same_number_has_the_next_version() {
    let one = order().prepaid(ticket("one"), PLACED).unwrap();
    let two = one.prepaid(ticket("two"), now()).unwrap();
    assert_eq!(one.issued().unwrap().version, 1);
    assert_eq!(two.issued().unwrap().version, 2);
    assert_eq!(two.issued().unwrap().ticket, ticket("two"));
}

#[test]
fn only_one_process_at_a_time_asks_for_a_code() {
    let asking = order();
    assert_eq!(asking.ordering(PLACED.plus_ms(ORDERING_LEASE_MS - 1)), None);
    assert_eq!(asking.ordering(PLACED.plus_ms(-1_000)), None, "another instance, whose clock is behind");
    let taken = asking.ordering(PLACED.plus_ms(ORDERING_LEASE_MS)).unwrap();
    assert_eq!(taken.ordering(PLACED.plus_ms(ORDERING_LEASE_MS + 1)), None);
    assert!(taken.not_ordering().unwrap().ordering(PLACED.plus_ms(ORDERING_LEASE_MS + 1)).is_some());
}

#[test]
fn an_order_is_reused_while_there_is_time_to_pay_it() {
    let pending = order().prepaid(ticket("one"), PLACED).unwrap();
    assert!(pending.can_be_reused(PLACED.plus_ms(TEN_MINUTES - 30_001)));
    assert!(!pending.can_be_reused(PLACED.plus_ms(TEN_MINUTES - 30_000)));
    assert!(!pending.superseded().unwrap().can_be_reused(PLACED));
    assert!(!pending.closed(now()).unwrap().can_be_reused(PLACED));
}

#[test]
fn a_code_is_shown_while_wechat_still_takes_it() {
    let pending = order().prepaid(ticket("one"), PLACED).unwrap();
    assert!(pending.has_live_ticket(PLACED.plus_ms(TICKET_LIFE_MS - 1)));
    assert!(!pending.has_live_ticket(PLACED.plus_ms(TICKET_LIFE_MS)));
}

#[test]
fn a_number_is_sm_the_beijing_time_and_sixteen_letters() {
    let order = order();
    // Ten bytes of 0x07 in Crockford's base32, by hand: 00000 11100 00011 10000 01110 00001 11000 00111, twice.
    assert_eq!(order.out_trade_no.as_str(), "SM202603151000000W3GE1R70W3GE1R7");
    assert_eq!(order.link_token.len(), 26);
}

#[test]
fn the_order_link_opens_with_its_own_secret_until_ten_minutes_after_the_end() {
    let (pending, closed) = (states().swap_remove(1).1, states().swap_remove(2).1);
    let token = pending.link_token.clone();
    let end = PLACED.plus_ms(TEN_MINUTES);
    assert!(pending.link_opens(&token, end));
    assert!(closed.link_opens(&token, end.plus_ms(599_999)));
    assert!(!closed.link_opens(&token, end.plus_ms(600_000)));
    for wrong in ["", &token[1..], &token.to_lowercase(), &format!("{token}0")] {
        assert!(!pending.link_opens(wrong, PLACED), "{wrong}");
    }
}

#[test]
fn amounts_that_make_no_sense_are_refused() {
    let with = |total_fee: i64, bonus: i64| {
        let new = NewOrder { total_fee: Fen::new(total_fee), bonus: Fen::new(bonus), ..new_order() };
        Order::new(new, PLACED, [0; 26])
    };
    for (total_fee, bonus) in
        [(0, 0), (-1, 0), (1, -1), (i64::MAX, 0), (i64::MAX, i64::MAX), (1_000_000_000, 1)]
    {
        assert!(with(total_fee, bonus).is_err(), "{total_fee} + {bonus}");
    }
    assert!(with(1, 0).is_ok());
    assert!(with(999_999_999, 1).is_ok());
}

#[test]
fn a_paid_order_takes_no_second_payment_whoever_judged_it_before() {
    let Verdict::Credit(paid) = order().judge(&payment(), Proof::Notice, &rules(), now()) else {
        panic!("the payment fits")
    };
    let order = order().paid(paid.clone()).unwrap();
    assert_eq!(order.paid(paid), None);
}

#[test]
fn an_order_that_was_given_back_moves_on_once() {
    let closed = order().closed(now()).unwrap();
    let marked = closed.refunded_outside(now()).unwrap();
    assert_eq!((marked.version, marked.refunded_outside), (closed.version + 1, true));
    assert_eq!(marked.refunded_outside(now()), None);
    assert_eq!(order().refunded_outside(now()).unwrap().version, order().version + 1);
}

#[test]
fn whole_seconds_are_left_and_never_less_than_none() {
    let left = |ms| order().expires_in_s(order().time_expire.plus_ms(ms));
    assert_eq!((left(-61_999), left(-999), left(0), left(5_000)), (61, 0, 0, 0));
}

#[test]
fn an_order_is_shown_again_while_a_tenth_of_its_time_or_half_a_minute_is_left() {
    let long = order();
    assert!(long.can_be_reused(long.time_expire.plus_ms(-30_001)));
    assert!(!long.can_be_reused(long.time_expire.plus_ms(-30_000)));
    let short = Order { time_expire: PLACED.plus_ms(60_000), ..order() };
    assert!(short.can_be_reused(short.time_expire.plus_ms(-6_001)));
    assert!(!short.can_be_reused(short.time_expire.plus_ms(-6_000)));
}

#[test]
fn an_order_that_has_ended_leaves_no_right_to_ask_behind() {
    let ordering = order().not_ordering().unwrap().ordering(now()).unwrap();
    assert!(ordering.ordering_until > now());
    assert_eq!(ordering.closed(now()).unwrap().ordering_until, UnixMillis::default());
    assert_eq!(ordering.prepaid(ticket("x"), now()).unwrap().ordering_until, UnixMillis::default());
}

proptest! {
    #[test]
    fn only_the_exact_amount_is_ever_credited(fen: i64) {
        let payment = Payment { total_fee: Fen::new(fen), ..payment() };
        for (state, order) in states() {
            let verdict = order.judge(&payment, Proof::Notice, &rules(), now());
            let credits = matches!(verdict, Verdict::Credit(_) | Verdict::KeepForRefund(_));
            prop_assert!(!credits || fen == 1990, "{} fen in {}", fen, state);
        }
    }

    /// Whatever happens in whatever order: paid stays paid, by the same transaction, and versions only rise.
    #[test]
    fn nothing_leaves_paid(steps in prop::collection::vec(0u8..7, 1..40)) {
        let mut order = order();
        let mut transaction = None;
        for step in steps {
            let second = Payment {
                transaction_id: TransactionId::parse("4200009999").unwrap(),
                ..payment()
            };
            let settled = |proof: &Payment| match order.judge(proof, Proof::Notice, &rules(), now()) {
                Verdict::Credit(paid) | Verdict::KeepForRefund(paid) => order.paid(paid),
                _ => None,
            };
            let next = match step {
                0 => order.prepaid(ticket("x"), now()),
                1 => order.closed(now()),
                2 => order.ordering(now()),
                3 => order.not_ordering(),
                4 => order.superseded(),
                5 => settled(&payment()),
                _ => settled(&second),
            };
            if let Some(next) = next {
                prop_assert_eq!(next.version, order.version + 1);
                order = next;
            }
            let now_paid = match &order.state {
                OrderState::Paid(paid) => Some(paid.transaction_id.clone()),
                _ => None,
            };
            prop_assert!(transaction.is_none() || transaction == now_paid);
            transaction = now_paid;
        }
    }
}
