use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use wxpay::bill::{BillDate, BillEntry, BillRow, BillSummary};
use wxpay::{AppId, Fen, MchId, RefundId, TransactionId, UnixMillis};

use super::*;
use crate::apps::App;
use crate::fixtures::order;
use crate::order::{Paid, Proof};
use crate::refund::RefundState;

const OURS: &str = "wxd930ea5d5a258f4f";

fn date() -> BillDate {
    BillDate::parse("20260315").unwrap()
}

fn row(line: u64, appid: &str, number: &str, transaction: &str, entry: BillEntry) -> BillRow {
    BillRow {
        line,
        time: date().start(),
        appid: AppId::parse(appid).unwrap(),
        mch_id: MchId::parse("10000100").unwrap(),
        transaction_id: TransactionId::parse(transaction).unwrap(),
        out_trade_no: number.to_owned(),
        trade_type: "NATIVE".to_owned(),
        fee_type: "CNY".to_owned(),
        entry,
    }
}

fn payment(fen: i64) -> BillEntry {
    BillEntry::Payment { total_fee: Fen::new(fen) }
}

fn refund_entry(fen: i64) -> BillEntry {
    BillEntry::Refund {
        refund_id: RefundId::parse("50300001").unwrap(),
        out_refund_no: "RF1".to_owned(),
        refund_fee: Fen::new(fen),
        status: "SUCCESS".to_owned(),
    }
}

fn paid(number: u8, transaction: u8, fen: i64) -> Order {
    let paid = Paid {
        transaction_id: TransactionId::parse(format!("4200{transaction}")).unwrap(),
        paid_at: date().start(),
        credited_at: Some(date().start()),
        closed_at: None,
        late: false,
        proof: Proof::Notice,
    };
    let out_trade_no = wxpay::OutTradeNo::parse(format!("SM0000{number}")).unwrap();
    Order { out_trade_no, total_fee: Fen::new(fen), state: OrderState::Paid(paid), ..order() }
}

fn unpaid(number: u8, fen: i64) -> Order {
    let out_trade_no = wxpay::OutTradeNo::parse(format!("SM0000{number}")).unwrap();
    Order { out_trade_no, total_fee: Fen::new(fen), ..order() }
}

fn apps() -> Apps {
    Apps::only(AppId::parse(OURS).unwrap())
}

fn payment_class(line: &Line, order: Option<&Order>, kept: &[Exception], apps: &Apps) -> Class {
    classify(line, Records { order, kept, refund: None }, apps)
}

#[test]
fn a_days_bill_is_there_from_ten_of_the_next_day_for_three_months() {
    let next = date().next().start();
    assert_eq!(made_at(date()).to_beijing_text(), "2026-03-16 10:00:00");
    assert!(has_passed(date(), next) && !has_passed(date(), next.plus_ms(-1)));
    assert!(!is_too_old(date(), date().start().plus_ms(92 * 24 * HOUR_MS)));
    assert!(is_too_old(date(), date().start().plus_ms(92 * 24 * HOUR_MS + 1)));
}

#[test]
fn only_what_was_paid_near_midnight_has_a_neighbouring_day() {
    let (start, end) = (date().start(), date().next().start());
    for (at, day) in [
        (start, Some(date().previous())),
        (start.plus_ms(599_999), Some(date().previous())),
        (start.plus_ms(600_000), None),
        (end.plus_ms(-600_001), None),
        (end.plus_ms(-600_000), Some(date().next())),
        (end.plus_ms(-1), Some(date().next())),
    ] {
        assert_eq!(neighbour(at, date()), day, "{}", at.to_beijing_text());
    }
}

#[test]
fn totals_must_be_those_of_the_lines() {
    let mut totals = Totals::default();
    for entry in [payment(1990), payment(10), refund_entry(500)] {
        totals.add(&row(2, OURS, "SM00001", "42001", entry)).unwrap();
    }
    assert_eq!((totals.rows, totals.payments, totals.refunds), (3, 2, 1));
    let summary = |stated, paid, refunded| BillSummary {
        stated,
        rows: 3,
        total_fee: Fen::new(paid),
        refund_fee: Fen::new(refunded),
    };
    assert_eq!(totals.check(&summary(3, 2000, 500)), Ok(()));
    assert_eq!(totals.check(&summary(4, 2000, 500)).unwrap_err().what, "a number of lines");
    assert_eq!(totals.check(&summary(3, 2001, 500)).unwrap_err().what, "payments");
    assert_eq!(totals.check(&summary(3, 2000, 0)).unwrap_err().what, "refunds");
    // What an unknown state adds to which sum nobody knows; the number of lines is still the number of lines.
    totals.add(&row(5, OURS, "SM00001", "42001", BillEntry::Other { state: "X".into() })).unwrap();
    assert_eq!(totals.check(&summary(4, 1, 1)), Ok(()));
    assert_eq!(totals.check(&summary(3, 2000, 500)).unwrap_err().what, "a number of lines");
    let most = row(2, OURS, "SM00001", "42001", payment(i64::MAX));
    assert_eq!(totals.add(&most).unwrap_err().what, "amounts");
}

#[test]
fn what_an_exception_says_stands_until_its_order_turns_up() {
    let line = Line { row: row(2, OURS, "SM00001", "42001", payment(1000)), again: false };
    let kept = |kind, transaction: Option<&str>| Exception {
        kind,
        out_trade_no: unpaid(1, 1000).out_trade_no,
        transaction_id: transaction.map(|text| TransactionId::parse(text).unwrap()),
        total_fee: Fen::new(1000),
        fee_type: "CNY".to_owned(),
        expected_fee: None,
        first_seen_at: UnixMillis::new(0),
        evidence: "{}".to_owned(),
        resolution: None,
    };
    let (apps, open) = (apps(), unpaid(1, 1000));
    let unknown = [kept(ExceptionKind::UnknownOrder, Some("42001"))];
    assert_eq!(payment_class(&line, None, &unknown, &apps), Class::Kept(unknown[0].id()));
    assert_eq!(payment_class(&line, Some(&open), &unknown, &apps), Class::NotHere);
    let duplicate = [kept(ExceptionKind::Duplicate, Some("42001"))];
    assert_eq!(
        payment_class(&line, Some(&paid(1, 2, 1000)), &duplicate, &apps),
        Class::Kept(duplicate[0].id())
    );
    let other = [kept(ExceptionKind::Duplicate, Some("42002"))];
    assert_eq!(payment_class(&line, Some(&paid(1, 2, 1000)), &other, &apps), Class::NotHere);
    // Whether a late payment was credited says its order, not the mark that it was late.
    let late = [kept(ExceptionKind::Late, Some("42001"))];
    assert_eq!(payment_class(&line, Some(&paid(1, 2, 1000)), &late, &apps), Class::NotHere);
    let unnamed = [kept(ExceptionKind::RefundedOutside, None)];
    assert_eq!(payment_class(&line, Some(&open), &unnamed, &apps), Class::Kept(unnamed[0].id()));
    assert_eq!(payment_class(&line, Some(&paid(1, 1, 1000)), &unnamed, &apps), Class::Matched);
}

#[test]
fn a_row_may_stray_an_hour_from_its_day_and_no_further() {
    let (start, end) = (date().start(), date().next().start());
    let paid_at = |time| BillRow { time, ..row(2, OURS, "SM00001", "42001", payment(1000)) };
    for (time, fits) in [
        (start.plus_ms(-HOUR_MS - 1), false),
        (start.plus_ms(-HOUR_MS), true),
        (end.plus_ms(HOUR_MS - 1), true),
        (end.plus_ms(HOUR_MS), false),
    ] {
        assert_eq!(is_of_day(&paid_at(time), date()), fits, "{}", time.to_beijing_text());
    }
    let refunded = BillRow { entry: refund_entry(1), ..paid_at(end.plus_ms(HOUR_MS)) };
    assert!(is_of_day(&refunded, date()), "what time a refund's row has is not documented well");
}

#[test]
fn a_payment_of_ours_with_another_figure_says_which() {
    let (apps, order) = (apps(), paid(1, 1, 1000));
    let class = |row: BillRow| payment_class(&Line { row, again: false }, Some(&order), &[], &apps);
    let good = row(2, OURS, "SM00001", "42001", payment(1000));
    assert_eq!(class(good.clone()), Class::Matched);
    assert_eq!(class(BillRow { fee_type: "USD".to_owned(), ..good.clone() }), Class::Figures("currency"));
    assert_eq!(class(BillRow { entry: payment(1001), ..good.clone() }), Class::Figures("amount"));
    let other = AppId::parse("wx0000000000000001").unwrap();
    assert_eq!(class(BillRow { appid: other, ..good }), Class::Figures("appid"));
}

#[test]
fn a_line_of_either_app_is_ours_and_fits_the_order_in_its_name_only() {
    let mobile = AppId::parse("wxmobile").unwrap();
    let app = Order { app: App::Other(mobile.clone()), ..paid(1, 1, 1000) };
    let apps = Apps { mobile: Some(mobile), ..apps() };
    for (appid, order, class) in [
        ("wxmobile", None, Class::NotHere),
        ("wxmobile", Some(&app), Class::Matched),
        (OURS, Some(&app), Class::Figures("appid")),
    ] {
        let line = Line { row: row(2, appid, "SM00001", "42001", payment(1000)), again: false };
        assert_eq!(payment_class(&line, order, &[], &apps), class, "{appid}");
    }
}

#[test]
fn a_refund_that_is_not_ours_is_kept_or_looked_for() {
    let line = Line { row: row(2, OURS, "SM00001", "42001", refund_entry(100)), again: false };
    let (order, apps) = (paid(1, 1, 1000), apps());
    let kept = [Exception {
        transaction_id: Some(TransactionId::parse("42001").unwrap()),
        ..crate::fixtures::exception(ExceptionKind::RefundedOutside)
    }];
    let class = |line: &Line, order, kept| classify(line, Records { order, kept, refund: None }, &apps);
    // Of an order of ours each refund is on record by itself.
    assert_eq!(class(&line, Some(&order), &kept), Class::NotHere);
    assert_eq!(class(&line, None, &kept), Class::Kept(kept[0].id()));
    assert_eq!(class(&line, None, &[]), Class::NotHere);
    let other = [Exception { kind: ExceptionKind::Duplicate, ..kept[0].clone() }];
    assert_eq!(class(&line, None, &other), Class::NotHere);
    let of_another = [Exception { transaction_id: TransactionId::parse("42002").ok(), ..kept[0].clone() }];
    assert_eq!(class(&line, None, &of_another), Class::NotHere);
    let mut failed = line;
    if let BillEntry::Refund { status, .. } = &mut failed.row.entry {
        "FAIL".clone_into(status);
    }
    assert_eq!(class(&failed, Some(&order), &kept), Class::NoMoney);
}

#[test]
fn what_other_shops_write_is_made_printable_and_short() {
    let long = "号\u{1}".repeat(100);
    let BillRow { out_trade_no, trade_type, fee_type, .. } = printable(BillRow {
        trade_type: long.clone(),
        fee_type: long.clone(),
        ..row(2, OURS, &long, "42001", payment(1))
    });
    for text in [out_trade_no, trade_type, fee_type] {
        assert_eq!(text, "号\u{fffd}".repeat(32));
    }
    let other = row(2, OURS, "SM00001", "42001", BillEntry::Other { state: long });
    assert_eq!(printable(other).entry, BillEntry::Other { state: "号\u{fffd}".repeat(32) });
}

/// A refund of ours, as the line of [`refund_entry`] has it.
fn refund_of_ours(state: RefundState) -> Refund {
    let id = (state != RefundState::Requested).then(|| RefundId::parse("50300001").unwrap());
    let transaction_id = TransactionId::parse("42001").unwrap();
    Refund { state, refund_id: id, transaction_id, ..crate::fixtures::refund() }
}

fn refund_class(ours: &Refund, status: &str, fen: i64, transaction: &str) -> Class {
    let mut line = Line { row: row(2, OURS, "SM00001", transaction, refund_entry(fen)), again: false };
    if let BillEntry::Refund { status: of_row, .. } = &mut line.row.entry {
        status.clone_into(of_row);
    }
    let (order, apps) = (paid(1, 1, 1000), apps());
    classify(&line, Records { order: Some(&order), kept: &[], refund: Some(ours) }, &apps)
}

#[test]
fn each_state_of_a_refund_meets_each_status_in_the_bill() {
    use RefundState::{Abnormal, Closed, Requested, Submitted, Succeeded};
    for (state, success, processing, fail) in [
        (Requested, true, true, true),
        (Submitted, true, true, true),
        (Abnormal, true, true, true),
        (Succeeded, true, true, false),
        (Closed, false, true, true),
    ] {
        for (status, fits) in [("SUCCESS", success), ("PROCESSING", processing), ("FAIL", fail)] {
            let class = refund_class(&refund_of_ours(state), status, 100, "42001");
            let wanted = if fits { Class::Matched } else { Class::Figures("state") };
            assert_eq!(class, wanted, "{state:?} {status}");
        }
    }
    // One that WeChat never took on, as far as we know.
    let never = Refund { refund_id: None, ..refund_of_ours(Closed) };
    for (status, fits) in [("SUCCESS", false), ("PROCESSING", false), ("FAIL", true)] {
        let wanted = if fits { Class::Matched } else { Class::Figures("state") };
        assert_eq!(refund_class(&never, status, 100, "42001"), wanted, "{status}");
    }
    let ours = refund_of_ours(Succeeded);
    assert_eq!(refund_class(&ours, "SUCCESS", 101, "42001"), Class::Figures("amount"));
    assert_eq!(refund_class(&ours, "SUCCESS", 100, "42002"), Class::Figures("transaction_id"));
    let id = ExceptionId::parse("refunded_outside:SM00001:42001").unwrap();
    let outside = Refund { by: crate::audit::Actor::WeChat, exception: Some(id.clone()), ..ours };
    assert_eq!(refund_class(&outside, "SUCCESS", 100, "42001"), Class::Kept(id));
    assert_eq!(refund_class(&outside, "FAIL", 100, "42001"), Class::Matched);
}

#[test]
fn what_the_books_lack_is_named_after_what_they_have() {
    let line = |entry| Line { row: row(2, OURS, "SM00001", "42001", entry), again: false };
    let (open, done) = (unpaid(1, 1000), paid(1, 1, 1000));
    for (entry, order, kind) in [
        (payment(1000), None, DifferenceKind::NotHere),
        (payment(1000), Some(&open), DifferenceKind::NotHere),
        (payment(1001), Some(&open), DifferenceKind::Figures),
        // A second payment of it is no other figure of the first.
        (payment(1001), Some(&done), DifferenceKind::NotHere),
        (refund_entry(1000), Some(&open), DifferenceKind::RefundNotHere),
    ] {
        assert_eq!(kind_of_lacking(&line(entry), order), kind);
    }
    let mut dollars = line(payment(1000));
    dollars.row.fee_type = "USD".to_owned();
    assert_eq!(kind_of_lacking(&dollars, Some(&open)), DifferenceKind::Figures);
    assert_eq!(kind_of_figures(&line(payment(1))), DifferenceKind::Figures);
    assert_eq!(kind_of_figures(&line(refund_entry(1))), DifferenceKind::RefundFigures);
}

#[test]
fn a_payment_and_a_refund_are_found_by_their_own_numbers_at_wechat() {
    let key = |entry| key_of(&row(2, OURS, "SM00001", "42001", entry));
    assert_eq!(key(payment(1)), "payment 42001");
    assert_eq!(key(refund_entry(1)), "refund 50300001");
    assert_eq!((payment_key("42001"), refund_key("50300001")), (key(payment(2)), key(refund_entry(2))));
}

#[test]
fn a_day_that_failed_waits_five_minutes_and_twice_as_long_each_time_up_to_an_hour() {
    let minutes: Vec<_> = (0..7).map(|attempts| pause_ms(attempts) / 60_000).collect();
    assert_eq!(minutes, [5, 10, 20, 40, 60, 60, 60]);
    assert_eq!((pause_ms(-1), pause_ms(i64::MAX)), (300_000, 3_600_000));
}

/// A line of some bill: which order, which payment, whose app, how much, and what it is about.
fn lines() -> impl Strategy<Value = Vec<BillRow>> {
    let line = (0..4u8, 0..4u8, prop::bool::weighted(0.9), 1..3i64, 0..8u8);
    prop::collection::vec(line, 0..12).prop_map(|lines| {
        let row = |(n, (number, transaction, ours, fen, what)): (usize, (u8, u8, bool, i64, u8))| {
            let entry = match what {
                0 => BillEntry::Revoked,
                1 => BillEntry::Other { state: "X".to_owned() },
                2 => refund_entry(fen),
                _ => payment(fen),
            };
            let appid = if ours { OURS } else { "wx0000000000000001" };
            row(n as u64 + 2, appid, &format!("SM0000{number}"), &format!("4200{transaction}"), entry)
        };
        lines.into_iter().enumerate().map(row).collect()
    })
}

/// Orders of the numbers 0 to 3, each unpaid, paid by the payment of its own number, or not there.
fn orders() -> impl Strategy<Value = Vec<Order>> {
    prop::collection::vec((0..3u8, 1..3i64), 4).prop_map(|orders| {
        let order = |(n, (state, fen)): (u8, (u8, i64))| match state {
            0 => None,
            1 => Some(unpaid(n, fen)),
            _ => Some(paid(n, n, fen)),
        };
        (0..4).zip(orders).filter_map(order).collect()
    })
}

proptest! {
    #[test]
    fn every_line_and_every_paid_order_ends_in_one_class(rows in lines(), orders in orders()) {
        let (appid, apps) = (AppId::parse(OURS).unwrap(), apps());
        let orders: BTreeMap<_, _> = orders.into_iter().map(|o| (o.out_trade_no.to_string(), o)).collect();
        let mut seen = BTreeSet::new();
        let (mut matched, mut figures, mut asked) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows.clone() {
            let again = !seen.insert(key_of(&row));
            let (line, order) = (Line { row: row.clone(), again }, orders.get(&row.out_trade_no));
            let class = payment_class(&line, order, &[], &apps);
            let (ours, is_payment) = (row.appid == appid, matches!(row.entry, BillEntry::Payment { .. }));
            let is_other = matches!(row.entry, BillEntry::Other { .. });
            let is_refund = matches!(row.entry, BillEntry::Refund { .. });
            // By what the line is, whatever else is so: the classes that are about money of ours are for payments.
            match class {
                Class::NoMoney => prop_assert!(matches!(row.entry, BillEntry::Revoked)),
                Class::OtherApp => prop_assert!(!ours && order.is_none()),
                Class::UnknownState => prop_assert!(is_other),
                Class::Repeated => prop_assert!(again),
                Class::Kept(_) => prop_assert!(false, "nothing was kept"),
                Class::Matched => matched.push(row.transaction_id.to_string()),
                Class::NotHere if is_refund => prop_assert!(!again),
                Class::Figures(_) => figures.push(row.transaction_id.to_string()),
                Class::NotHere => asked.push(row.transaction_id.to_string()),
            }
            if matched.len() + figures.len() + asked.len() > 0 && is_payment && !again && (ours || order.is_some()) {
                let id = row.transaction_id.to_string();
                let count = |class: &[String]| class.iter().filter(|other| **other == id).count();
                let times = count(&matched) + count(&figures) + count(&asked);
                prop_assert_eq!(times, 1, "a payment is looked at once");
            }
        }
        // What matched is in the books with just these figures.
        for id in &matched {
            let row = rows.iter().find(|row| key_of(row) == payment_key(id)).unwrap();
            let order = &orders[&row.out_trade_no];
            prop_assert_eq!(&row.entry, &BillEntry::Payment { total_fee: order.total_fee });
            prop_assert!(row.appid == appid && is_paid_by(order, &row.transaction_id));
        }
        // A payment of the books is in the bill or missing there, never both, and never asked about.
        for order in orders.values() {
            let OrderState::Paid(paid) = &order.state else { continue };
            let id = paid.transaction_id.to_string();
            let by_own_number = rows.iter().find(|row| key_of(row) == payment_key(&id));
            let agrees = by_own_number.is_some_and(|row| row.out_trade_no == order.out_trade_no.as_str());
            let found = matched.contains(&id) || figures.contains(&id);
            prop_assert_eq!(found, agrees);
            prop_assert!(!(agrees && asked.contains(&id)));
        }
    }
}
