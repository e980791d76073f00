//! What happens to one order, in all 720 orders: the money comes out the same.

use wxpay::{Fen, OutRefundNo, RefundId, RefundStatus, Ticket, TradeType};

use super::histories::{Books, FEE, number};
use super::*;
use crate::audit::Acting;
use crate::command::{CloseOrder, CreditPayment, RequestRefund, StoreTicket, UpdateRefund};
use crate::fixtures::{order, payment, rules};
use crate::order::LatePayment;
use crate::refund::{RefundRequest, RefundState, RefundUpdate};

/// All orders of `items`.
fn permutations<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for first in 0..items.len() {
        let mut rest = items.to_vec();
        let item = rest.remove(first);
        for mut tail in permutations(&rest) {
            tail.insert(0, item.clone());
            all.push(tail);
        }
    }
    all
}

fn at(ms: i64) -> UnixMillis {
    order().created_at.plus_ms(ms)
}

fn code_stored() -> Happening {
    let ticket = Ticket::parse(TradeType::Native, "weixin://wxpay/bizpayurl?pr=one").unwrap();
    Happening::Ticket(StoreTicket { out_trade_no: order().out_trade_no, ticket, now: at(1_000) })
}

fn settled(payment: Payment, proof: Proof, ms: i64) -> Happening {
    let source = match proof {
        Proof::Notice => Source::Notice { from: "203.0.113.41".to_owned() },
        Proof::Query => Source::Query { by: Actor::Schedule },
    };
    Happening::Payment(CreditPayment { payment, source, now: at(ms) })
}

fn close() -> Happening {
    let (out_trade_no, by, now) = (order().out_trade_no, Actor::Schedule, at(603_000));
    Happening::Close(CloseOrder { out_trade_no, by, now })
}

fn refund() -> Happening {
    let request = RefundRequest {
        out_trade_no: order().out_trade_no,
        out_refund_no: number(1),
        amount: Fen::new(FEE),
        reason: "退款".to_owned(),
        even_if_balance_low: false,
        reference: None,
        exception: None,
        seen_version: None,
    };
    let by = Acting::operator("lin", "console");
    Happening::Refund(RequestRefund { request, by, now: at(62_000) })
}

fn refund_done(out_refund_no: &OutRefundNo) -> Happening {
    let refund_id = RefundId::parse("5030").unwrap();
    let update = RefundUpdate::Status { status: RefundStatus::Success, refund_id };
    let out_refund_no = out_refund_no.clone();
    Happening::Update(UpdateRefund { out_refund_no, update, by: None, now: at(700_000) })
}

/// One of the commands that are permuted.
#[derive(Debug, Clone)]
enum Happening {
    Ticket(StoreTicket),
    Payment(CreditPayment),
    Close(CloseOrder),
    Refund(RequestRefund),
    Update(UpdateRefund),
}

impl Happening {
    fn commit(&self, books: &mut Books) {
        match self {
            Happening::Ticket(command) => drop(books.commit(command).unwrap()),
            Happening::Payment(command) => drop(books.commit(command).unwrap()),
            Happening::Close(command) => drop(books.commit(command).unwrap()),
            Happening::Refund(command) => drop(books.commit(command).unwrap()),
            Happening::Update(command) => drop(books.commit(command).unwrap()),
        }
        books.hold().unwrap();
    }
}

fn both_rules() -> [Rules; 2] {
    [LatePayment::Credit, LatePayment::Refund].map(|late_payment| Rules { late_payment, ..rules() })
}

#[test]
fn code_notice_query_close_refund_and_late_query_end_the_same_in_every_order() {
    let six = [
        code_stored(),
        settled(payment(), Proof::Notice, 61_000),
        settled(payment(), Proof::Query, 62_000),
        close(),
        refund(),
        settled(payment(), Proof::Query, 86_400_000),
    ];
    for rules in both_rules() {
        let orders = permutations(&six);
        assert_eq!(orders.len(), 720);
        for events in orders {
            let mut books = Books::new(rules.clone());
            // An operator who was told that it is not paid presses again.
            for event in events.iter().chain([&refund()]) {
                event.commit(&mut books);
            }
            for refund in books.refunds.clone() {
                refund_done(&refund.out_refund_no).commit(&mut books);
            }
            let refunds: Vec<_> = books.refunds.iter().map(|one| (one.amount.get(), one.state)).collect();
            let open = books.exceptions.values().filter(|kept| kept.resolution.is_none()).count();
            assert_eq!(
                (books.order.state.name(), books.balance, refunds, open),
                ("paid", 0, vec![(FEE, RefundState::Succeeded)], 0),
                "{events:?}"
            );
        }
    }
}

#[test]
fn two_payments_of_one_order_credit_one_and_keep_the_other_in_every_order() {
    let second = || Payment { transaction_id: TransactionId::parse("second").unwrap(), ..payment() };
    let six = [
        code_stored(),
        settled(payment(), Proof::Notice, 61_000),
        settled(payment(), Proof::Query, 62_000),
        settled(second(), Proof::Notice, 63_000),
        close(),
        settled(second(), Proof::Query, 86_400_000),
    ];
    for events in permutations(&six) {
        let mut books = Books::new(rules());
        for event in &events {
            event.commit(&mut books);
        }
        let open = books.exceptions.values().filter(|kept| kept.resolution.is_none());
        let open: Vec<_> = open.map(|kept| (kept.kind.name(), kept.total_fee.get())).collect();
        let money = (books.balance, open);
        assert_eq!(money, (FEE + 100, vec![("duplicate", FEE)]), "{events:?}");
    }
}
