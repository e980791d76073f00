//! One order and what belongs to it, for the tests of this crate and of others (feature `fixtures`).
#![allow(clippy::unwrap_used, reason = "a fixture that cannot be made is a failed test")]

use std::net::Ipv4Addr;

use wxpay::{AppId, Evidence, Fen, OutRefundNo, Payment, Protocol, Signed, TransactionId, UnixMillis};

use crate::apps::{App, Apps};
use crate::audit::Actor;
use crate::exception::{Exception, ExceptionKind};
use crate::order::{AbnormalPayments, LatePayment, NewOrder, Order, Proof, Rules, Verdict, Way};
use crate::protocols::Protocols;
use crate::refund::{Refund, RefundState};
use crate::spend::BalanceKeeper;
use crate::user::User;

/// When [`order`] is placed: 2026-03-15 10:00:00 in Beijing.
pub const PLACED: UnixMillis = UnixMillis::new(1_773_540_000_000);
/// When [`exception`] is seen and [`paid`] is recorded.
pub const NOW: UnixMillis = UnixMillis::new(1_773_540_100_000);

/// What [`order`] is made from.
pub fn new_order() -> NewOrder {
    NewOrder {
        user: User::new("u_1", "小林").unwrap(),
        total_fee: Fen::new(1990),
        bonus: Fen::new(100),
        body: "远山云-充值".to_owned(),
        notify_base: "https://pay.example.com".to_owned(),
        spbill_create_ip: Ipv4Addr::new(203, 0, 113, 7).into(),
        signed: Signed::Md5,
        app: App::Main,
        way: Way::Native,
        life_ms: 600_000,
    }
}

/// An order of 19.90 yuan and 1 yuan bonus, with a code to scan, placed by v2 and payable for ten minutes.
pub fn order() -> Order {
    Order::new(new_order(), PLACED, [7; 26]).unwrap()
}

/// The rules of the merchant whose order this is.
pub fn rules() -> Rules {
    Rules {
        apps: Apps::only(AppId::parse("wxd930ea5d5a258f4f").unwrap()),
        protocols: Protocols { v2: true, v2_refunds: true, v3: true },
        late_payment: LatePayment::Credit,
        abnormal: AbnormalPayments::default(),
        balance_kept_by: BalanceKeeper::Saoma,
        notify_base: "https://pay.example.com".to_owned(),
        max_open_orders: 5,
        low_balance: None,
    }
}

/// The payment that fits [`order`], made a minute after it was placed.
pub fn payment() -> Payment {
    Payment {
        appid: rules().apps.main,
        out_trade_no: order().out_trade_no,
        transaction_id: TransactionId::parse("4200001234202603151234567890").unwrap(),
        total_fee: Fen::new(1990),
        fee_type: "CNY".to_owned(),
        time_end: PLACED.plus_ms(60_000),
        trade_type: Some("NATIVE".to_owned()),
        bank_type: Some("OTHERS".to_owned()),
        signed: Signed::Md5,
        evidence: Evidence::default(),
    }
}

/// A refund of 1 yuan, just requested.
pub fn refund() -> Refund {
    Refund {
        out_refund_no: OutRefundNo::parse("RF1").unwrap(),
        out_trade_no: order().out_trade_no,
        transaction_id: TransactionId::parse("4200001234202603151234567890").unwrap(),
        total_fee: Fen::new(1990),
        amount: Fen::new(100),
        share: Fen::new(106),
        taken: Fen::new(106),
        user: Some(order().user),
        reason: "商品已售完".to_owned(),
        reference: None,
        protocol: Protocol::V2,
        notify_url: None,
        by: Actor::Operator("lin".to_owned()),
        overdrawn: false,
        exception: None,
        requested_at: PLACED,
        state: RefundState::Requested,
        refund_id: None,
        ended_at: None,
        blocked: None,
        due_at: Some(PLACED),
        tries: 1,
        tried_at: PLACED,
        version: 1,
    }
}

/// An exception of the payment that fits [`order`].
pub fn exception(kind: ExceptionKind) -> Exception {
    Exception {
        kind,
        out_trade_no: order().out_trade_no,
        transaction_id: Some(payment().transaction_id),
        total_fee: Fen::new(1990),
        fee_type: "CNY".to_owned(),
        expected_fee: Some(Fen::new(1990)),
        first_seen_at: NOW,
        evidence: "{}".to_owned(),
        resolution: None,
    }
}

/// The order paid by [`payment`], credited or kept.
pub fn paid(late_and_kept: bool) -> Order {
    let late = LatePayment::Refund;
    let rules = Rules { late_payment: late, ..rules() };
    let mut payment = payment();
    if late_and_kept {
        payment.time_end = order().time_expire.plus_ms(1_000);
    }
    match order().judge(&payment, Proof::Notice, &rules, NOW) {
        Verdict::Credit(paid) | Verdict::KeepForRefund(paid) => order().paid(paid).unwrap(),
        other => panic!("{other:?}"),
    }
}
