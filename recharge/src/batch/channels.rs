//! What a batch does with orders of several channels.

use wxpay::{Fen, OpenId, OutRefundNo, Payment, ProductId, Protocol, Signed, UnixMillis};

use super::{Apply, Batch};
use crate::audit::{Acting, Actor};
use crate::command::{CreditPayment, PlaceOrder, RequestRefund};
use crate::event::EventDetail;
use crate::fixtures::{PLACED, new_order, order, payment, rules};
use crate::order::{LatePayment, NewOrder, Order, Rules, Source, Way};
use crate::protocols::Protocols;
use crate::refund::{Refund, RefundRequest};
use crate::static_code::new_product_id;

const NOW: UnixMillis = PLACED.plus_ms(61_000);

/// The order of the fixtures, placed by this protocol.
fn placed_by(protocol: Protocol) -> Order {
    let signed = match protocol {
        Protocol::V2 => Signed::HmacSha256,
        Protocol::V3 => Signed::Rsa,
    };
    Order::new(NewOrder { signed, ..new_order() }, PLACED, [7; 26]).unwrap()
}

fn with(v2: bool, v2_refunds: bool, v3: bool) -> Rules {
    Rules { protocols: Protocols { v2, v2_refunds, v3 }, ..rules() }
}

fn credit(order: &Order, payment: Payment) -> CreditPayment {
    let payment = Payment { signed: order.signed, ..payment };
    CreditPayment { payment, source: Source::Notice { from: "203.0.113.41".to_owned() }, now: NOW }
}

/// The refund of 1 yuan that an operator asks for, of an order that this protocol placed.
fn refunded(protocol: Protocol, rules: &Rules) -> Refund {
    let order = placed_by(protocol);
    let mut batch = Batch::new(rules, vec![order.clone()]);
    credit(&order, payment()).apply(&mut batch);
    let request = RefundRequest {
        out_trade_no: order.out_trade_no,
        out_refund_no: OutRefundNo::parse("RF1").unwrap(),
        amount: Fen::new(100),
        reason: "商品已售完".to_owned(),
        even_if_balance_low: false,
        reference: None,
        exception: None,
        seen_version: None,
    };
    let by = Acting::operator("lin", "console");
    RequestRefund { request, by, now: NOW }.apply(&mut batch).unwrap().refund
}

#[test]
fn a_refund_is_told_its_end_at_the_address_of_the_protocol_that_it_goes_by() {
    const V2: &str = "https://pay.example.com/wxpay/refund-notify";
    const V3: &str = "https://pay.example.com/wxpay/v3/refund-notify";
    let both = with(true, true, true);
    let no_certificate = with(true, false, true);
    for (placed, rules, goes, url) in [
        (Protocol::V2, &both, Protocol::V2, V2),
        (Protocol::V3, &both, Protocol::V3, V3),
        (Protocol::V2, &no_certificate, Protocol::V3, V3),
    ] {
        let refund = refunded(placed, rules);
        assert_eq!((refund.protocol, refund.notify_url.as_deref()), (goes, Some(url)), "{placed} {rules:?}");
    }
}

#[test]
fn the_refund_of_a_late_payment_goes_by_its_orders_protocol_too() {
    let rules = Rules { late_payment: LatePayment::Refund, ..rules() };
    for protocol in [Protocol::V2, Protocol::V3] {
        let order = placed_by(protocol);
        let late = Payment { time_end: order.time_expire.plus_ms(1_000), ..payment() };
        let mut batch = Batch::new(&rules, vec![order.clone()]);
        credit(&order, late).apply(&mut batch);
        let refund = batch.context.refunds.values().next().map(|slot| slot.refund.clone()).unwrap();
        assert_eq!(refund.protocol, protocol);
        assert!(refund.notify_url.is_some());
    }
}

#[test]
fn a_press_goes_on_with_an_order_of_either_protocol_unless_its_credentials_are_gone() {
    let press = || Order::new(NewOrder { signed: Signed::Rsa, ..new_order() }, NOW, [9; 26]).unwrap();
    for (rules, reused) in [(with(true, true, true), true), (with(false, false, true), false)] {
        let (old, new) = (placed_by(Protocol::V2), press());
        let mut batch = Batch::new(&rules, vec![old.clone()]);
        let placed = PlaceOrder::plain(new.clone()).apply(&mut batch).unwrap();
        let wanted = if reused { &old } else { &new };
        assert_eq!(placed.order.out_trade_no, wanted.out_trade_no, "{rules:?}");
        // The old one can still be paid: its notice is verified, or WeChat asked by the other protocol.
        assert!(batch.orders[&old.out_trade_no].order.is_open());
        credit(&old, payment()).apply(&mut batch);
        assert_eq!(batch.orders[&old.out_trade_no].order.state.name(), "paid");
    }
}

#[test]
fn scans_of_a_printed_code_do_not_use_up_what_its_user_may_have_open() {
    let rules = Rules { max_open_orders: 2, ..rules() };
    let mut batch = Batch::new(&rules, Vec::new());
    let mut n = 0;
    let mut place = |way: Way| {
        n += 1;
        // Each press is for another price, so that none meets another one's order.
        let new = NewOrder { way, total_fee: Fen::new(1000 + n), ..new_order() };
        PlaceOrder::plain(Order::new(new, NOW, [n as u8; 26]).unwrap()).apply(&mut batch).is_ok()
    };
    let [code, other] = [[1; 16], [2; 16]].map(|random| new_product_id(random).unwrap());
    let scan = |product_id: &ProductId| Way::Static {
        product_id: product_id.clone(),
        openid: OpenId::parse("o1").unwrap(),
    };
    assert_eq!([scan(&code), scan(&code), scan(&code)].map(&mut place), [true, true, false]);
    assert_eq!(
        [scan(&other), Way::Native, Way::Native, Way::Native].map(&mut place),
        [true, true, true, false]
    );
}

#[test]
fn a_credit_whose_trade_type_nobody_documents_has_a_note_on_its_time_line() {
    let rules = rules();
    for (word, noted) in [(Some("NATIVE"), None), (Some("PALMPAY"), Some("trade_type = PALMPAY"))] {
        let mut batch = Batch::new(&rules, vec![order()]);
        let payment = Payment { trade_type: word.map(str::to_owned), ..payment() };
        credit(&order(), payment).apply(&mut batch);
        assert_eq!(batch.ledger.len(), 1);
        let note = batch.events.iter().find_map(|event| match &event.detail {
            EventDetail::Note { by: Actor::Rule, text } => Some(text.as_str()),
            _ => None,
        });
        assert_eq!(note, noted);
    }
}
