//! A day of WeChat's bill against the books: what is found, what is repaired, and what a bad bill must not do.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod common;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Desk, on_both, wish};
use flate2::{Compression, write::GzEncoder};
use recharge::cashier::{Progress, ReconcileError, Step};
use recharge::reconcile::{Difference, DifferenceKind, Done, Reconciliation};
use recharge::refund::{By, RefundWish};
use recharge::{Cashier, Order, OrderState, Refund, RefundState};
use sandbox::{AnswerFault, Faults, Pay};
use sqlx::AssertSqlSafe;
use tokio::sync::Notify;
use wxpay::v2::BillDate;
use wxpay::{Fen, UnixMillis};

const HOUR: i64 = 3_600_000;

/// The day on which a desk's clocks begin.
fn day() -> BillDate {
    BillDate::parse("20260315").unwrap()
}

/// Lets the night pass: from 10:00 to 11:00 of the next day.
fn sleep_over(desk: &Desk) {
    desk.advance(25 * HOUR);
}

async fn reconcile(cashier: &Cashier) -> Result<Reconciliation, ReconcileError> {
    cashier.reconcile(day(), |_| ()).await
}

async fn differences(cashier: &Cashier) -> Vec<Difference> {
    cashier.reconciliation(day()).await.unwrap().map_or(Vec::new(), |(_, differences)| differences)
}

/// What is to be seen of a difference: kind, number, both figures, what was done and why.
fn seen(difference: &Difference) -> (DifferenceKind, &str, Option<i64>, Option<i64>, Done, &str) {
    let Difference { kind, out_trade_no, theirs, ours, done, reason, .. } = difference;
    (*kind, out_trade_no, theirs.map(Fen::get), ours.map(Fen::get), *done, reason)
}

async fn run(desk: &Desk, sql: &str) {
    sqlx::query(AssertSqlSafe(sql)).execute(desk.cashier.db().pool()).await.unwrap();
}

/// What nothing may have touched.
async fn state(desk: &Desk) -> [i64; 5] {
    [
        desk.count("SELECT COUNT(*) FROM ledger").await,
        desk.count("SELECT COUNT(*) FROM orders WHERE state = 'paid'").await,
        desk.count("SELECT COUNT(*) FROM exceptions").await,
        desk.count("SELECT COUNT(*) FROM differences").await,
        desk.count("SELECT COUNT(*) FROM bill_lines").await,
    ]
}

/// A row of a bill in the newer format. Source: protocol A10.2.
#[derive(Clone)]
struct Row {
    time: String,
    appid: &'static str,
    mch_id: &'static str,
    transaction_id: String,
    out_trade_no: String,
    trade_type: &'static str,
    state: &'static str,
    fen: i64,
    /// WeChat's number, ours, and the status of a refund.
    refund: Option<(String, String, &'static str)>,
}

impl Row {
    fn new(out_trade_no: &str, transaction_id: &str, fen: i64) -> Row {
        Row {
            time: "2026-03-15 10:00:05".to_owned(),
            appid: "wxd930ea5d5a258f4f",
            mch_id: "10000100",
            transaction_id: transaction_id.to_owned(),
            out_trade_no: out_trade_no.to_owned(),
            trade_type: "NATIVE",
            state: "SUCCESS",
            fen,
            refund: None,
        }
    }

    fn refund(of: &Row, refund_id: &str, out_refund_no: &str, fen: i64, status: &'static str) -> Row {
        let refund = Some((refund_id.to_owned(), out_refund_no.to_owned(), status));
        Row { state: "REFUND", fen, refund, ..of.clone() }
    }

    fn of(order: &Order) -> Row {
        let OrderState::Paid(paid) = &order.state else { panic!("{order:?}") };
        let row = Row::new(order.out_trade_no.as_str(), paid.transaction_id.as_str(), order.total_fee.get());
        Row { time: paid.paid_at.to_beijing_text(), ..row }
    }

    fn text(&self) -> String {
        let Row { time, appid, mch_id, transaction_id, out_trade_no, trade_type, state, fen, refund } = self;
        let fee = Fen::new(*fen);
        let (paid, back) = if refund.is_some() { (Fen::ZERO, fee) } else { (fee, Fen::ZERO) };
        let (refund_id, out_refund_no, status) =
            refund.as_ref().map_or(("0", "0", ""), |(id, number, status)| (id, number, status));
        format!(
            "`{time},`{appid},`{mch_id},`0,`,`{transaction_id},`{out_trade_no},`o,`{trade_type},`{state},\
             `OTHERS,`CNY,`{paid},`0.00,`{refund_id},`{out_refund_no},`{back},`0.00,`,`{status},`充值,`,`0.00000,\
             `0.60%,`{paid},`{back},`\n"
        )
    }
}

const HEADER: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,\
    交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,\
    退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注";
const SUMMARY: &str =
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额";

fn bill(rows: &[Row]) -> String {
    let paid = rows.iter().filter(|row| row.refund.is_none());
    stating(rows, rows.len(), paid.map(|row| row.fen).sum())
}

fn stating(rows: &[Row], count: usize, fen: i64) -> String {
    let lines: String = rows.iter().map(Row::text).collect();
    let fee = Fen::new(fen);
    let back = Fen::new(rows.iter().filter(|row| row.refund.is_some()).map(|row| row.fen).sum());
    format!("{HEADER}\n{lines}{SUMMARY}\n`{count},`{fee},`{back},`0.00,`0.00000,`{fee},`{back}\n")
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn said(return_msg: &str) -> String {
    format!(
        "<xml><return_code><![CDATA[FAIL]]></return_code><return_msg><![CDATA[{return_msg}]]></return_msg></xml>"
    )
}

/// A cashier of the same desk whose bills all read so.
async fn reading(desk: &Desk, bill: impl Into<Vec<u8>>) -> Cashier {
    let bill = Arc::new(bill.into());
    let answer = move |_| {
        let bill = Arc::clone(&bill);
        async move { bill.to_vec() }
    };
    desk.with_bills("r", answer).await
}

#[tokio::test]
async fn a_day_that_agrees_is_kept_as_agreeing() {
    on_both(|desk| async move {
        for fen in [1000, 3000, 5000] {
            let order = desk.place(fen).await;
            desk.pay_and_notify(&order).await;
        }
        desk.place(700).await;
        sleep_over(&desk);
        let result = reconcile(&desk.cashier).await.unwrap();
        let figures = result.figures;
        assert_eq!((figures.bill.payments, figures.bill.paid), (3, Fen::new(9000)));
        assert_eq!(figures.ours, figures.bill);
        assert_eq!((figures.matched, figures.credited, result.open, result.differences), (3, 0, 0, 0));
        assert_eq!(
            (result.finished_at, &result.failure, result.running_until),
            (Some(desk.now()), &None, None)
        );
        let kept = desk.cashier.reconciliations(10).await.unwrap();
        assert_eq!(kept, [result]);
        assert_eq!(desk.count("SELECT COUNT(*) FROM bill_lines").await, 0);
        assert_eq!(desk.cashier.reconciled().await.unwrap(), (Some(day()), 0));
    })
    .await;
}

#[tokio::test]
async fn a_payment_whose_notices_were_lost_is_credited_once_on_proof() {
    on_both(|desk| async move {
        desk.lose_notices();
        let (order, other) = (desk.place(1000).await, desk.place(3000).await);
        desk.pay(&order).await;
        desk.pay_and_notify(&other).await;
        sleep_over(&desk);
        let result = reconcile(&desk.cashier).await.unwrap();
        assert_eq!((result.figures.credited, result.figures.matched, result.open), (2, 0, 0));
        assert_eq!((result.figures.ours.payments, result.figures.ours.paid), (2, Fen::new(4000)));
        assert_eq!(desk.balance().await, 4000);
        let found = differences(&desk.cashier).await;
        let number = order.out_trade_no.as_str();
        let credited = (DifferenceKind::NotHere, number, Some(1000), Some(1000), Done::Credited, "");
        assert!(found.iter().any(|difference| seen(difference) == credited), "{found:?}");
        assert!(found.iter().all(|difference| !difference.is_open));
        assert_eq!(desk.line(&order).await, ["created", "prepaid", "queried", "credited"]);

        let before = state(&desk).await;
        let again = reconcile(&desk.cashier).await.unwrap();
        assert_eq!((again.figures.credited, again.figures.matched, again.open), (0, 2, 0));
        assert_eq!(state(&desk).await, before);
        assert_eq!(differences(&desk.cashier).await, found);
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_payment_of_an_order_that_we_lost_is_an_exception_until_it_is_settled() {
    on_both(|desk| async move {
        desk.lose_notices();
        let order = desk.place(1000).await;
        desk.pay(&order).await;
        run(&desk, "DELETE FROM orders").await;
        sleep_over(&desk);
        for _ in 0..2 {
            let result = reconcile(&desk.cashier).await.unwrap();
            assert_eq!((result.open, result.differences, result.figures.ours.payments), (1, 1, 0));
            let open = desk.cashier.open_exceptions(10).await.unwrap();
            assert_eq!(open.len(), 1);
            assert_eq!((open[0].kind.name(), open[0].total_fee), ("unknown_order", Fen::new(1000)));
            assert!(open[0].evidence.contains(order.out_trade_no.as_str()), "{}", open[0].evidence);
            let found = differences(&desk.cashier).await;
            assert_eq!(found[0].exception, Some(open[0].id()));
            let number = order.out_trade_no.as_str();
            assert_eq!(
                seen(&found[0]),
                (DifferenceKind::NotHere, number, Some(1000), None, Done::Exception, "")
            );
        }
        assert_eq!(desk.cashier.reconciled().await.unwrap(), (Some(day()), 1));
        run(&desk, "UPDATE exceptions SET settled_at = 1, settled_by = 'chen', settled_how = 'dismissed'")
            .await;
        assert_eq!(desk.cashier.reconciled().await.unwrap(), (Some(day()), 0));
        assert_eq!(reconcile(&desk.cashier).await.unwrap().open, 0);
        assert!(!differences(&desk.cashier).await[0].is_open);
    })
    .await;
}

#[tokio::test]
async fn a_second_payment_and_a_late_one_are_found_by_their_own_numbers() {
    on_both(|desk| async move {
        let (twice, late) = (desk.place(1000).await, desk.place(3000).await);
        desk.pay_and_notify(&twice).await;
        desk.lose_notices();
        let again = Pay { again: true, ..Pay::default() };
        desk.sandbox.pay(twice.code().unwrap().url.as_str(), again).await.unwrap();
        desk.advance(700_000);
        desk.cashier.close(&late.out_trade_no, "test").await.unwrap();
        let force = Pay { force: true, ..Pay::default() };
        desk.sandbox.pay(late.code().unwrap().url.as_str(), force).await.unwrap();
        sleep_over(&desk);
        let result = reconcile(&desk.cashier).await.unwrap();
        assert_eq!((result.figures.matched, result.figures.credited, result.open), (1, 1, 1));
        assert_eq!(desk.balance().await, 4000);
        let open = desk.cashier.open_exceptions(10).await.unwrap();
        let kinds: Vec<_> = open.iter().map(|exception| exception.kind.name()).collect();
        assert_eq!(kinds, ["duplicate"]);
        let before = state(&desk).await;
        assert_eq!(reconcile(&desk.cashier).await.unwrap().open, 1);
        assert_eq!(state(&desk).await, before);
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn another_amount_is_never_credited() {
    on_both(|desk| async move {
        desk.lose_notices();
        let (unpaid, paid) = (desk.place(1000).await, desk.place(3000).await);
        desk.pay(&unpaid).await;
        desk.pay(&paid).await;
        // The books say 9 yuan, WeChat 10.
        run(
            &desk,
            &format!("UPDATE orders SET total_fee = 900 WHERE out_trade_no = '{}'", unpaid.out_trade_no),
        )
        .await;
        sleep_over(&desk);
        desk.cashier.ask(&paid.out_trade_no, "test").await.unwrap();
        let mut rows = vec![Row { fen: 3001, ..Row::of(&desk.order(&paid).await) }];
        let whole = reconcile(&desk.cashier).await.unwrap();
        assert_eq!((whole.open, whole.figures.matched, desk.balance().await), (1, 1, 3000));
        let found = differences(&desk.cashier).await;
        let number = unpaid.out_trade_no.as_str();
        assert_eq!(
            seen(&found[0]),
            (DifferenceKind::Figures, number, Some(1000), Some(900), Done::Exception, "")
        );
        let kept = desk.cashier.exceptions(&unpaid.out_trade_no).await.unwrap();
        assert_eq!(kept[0].kind.name(), "amount_mismatch");

        rows.push(Row::new(number, found[0].transaction_id.as_str(), 1000));
        let changed = reading(&desk, bill(&rows)).await;
        let result = reconcile(&changed).await.unwrap();
        assert_eq!((result.open, result.figures.matched, desk.balance().await), (2, 0, 3000));
        let found = differences(&changed).await;
        let number = paid.out_trade_no.as_str();
        let listed = (DifferenceKind::Figures, number, Some(3001), Some(3000), Done::Listed, "amount");
        assert!(found.iter().any(|difference| seen(difference) == listed), "{found:?}");
    })
    .await;
}

#[tokio::test]
async fn what_the_bill_lacks_is_listed_and_goes_when_it_turns_up() {
    on_both(|desk| async move {
        let (one, two) = (desk.place(1000).await, desk.place(3000).await);
        desk.pay_and_notify(&one).await;
        desk.pay_and_notify(&two).await;
        sleep_over(&desk);
        let (paid, number) = (desk.order(&one).await, two.out_trade_no.as_str());
        let lacking = reading(&desk, bill(&[Row::of(&paid)])).await;
        assert_eq!(reconcile(&lacking).await.unwrap().open, 1);
        let listed = (DifferenceKind::NotThere, number, None, Some(3000), Done::Listed, "not_in_bill");
        assert_eq!(seen(&differences(&lacking).await[0]), listed);
        // A day without any bill: then everything is missing.
        let empty = reading(&desk, said("No Bill Exist")).await;
        let result = reconcile(&empty).await.unwrap();
        assert_eq!((result.open, result.figures.bill.payments, result.figures.ours.payments), (2, 0, 2));
        let result = reconcile(&desk.cashier).await.unwrap();
        assert_eq!((result.open, result.differences, result.figures.matched), (0, 2, 2));
        assert!(differences(&desk.cashier).await.iter().all(|difference| difference.done == Done::Gone));
        assert_eq!(desk.balance().await, 4000);
    })
    .await;
}

#[tokio::test]
async fn a_payment_at_midnight_may_stand_in_the_neighbouring_days_bill() {
    on_both(|desk| async move {
        desk.advance(14 * HOUR - 30_000); // 23:59:30
        let (late, early) = (desk.place(1000).await, desk.place(3000).await);
        desk.pay_and_notify(&late).await;
        desk.advance(31_000); // 00:00:01 of the 16th
        desk.pay_and_notify(&early).await;
        let next = day().next();
        let [late, early] = [desk.order(&late).await, desk.order(&early).await];
        // WeChat counts each to the other day.
        let (of_day, of_next) = (bill(&[Row::of(&early)]), bill(&[Row::of(&late)]));
        let made = Arc::new(AtomicUsize::new(0));
        let (count, creating) = (Arc::clone(&made), Arc::new(AtomicUsize::new(1)));
        let is_creating = Arc::clone(&creating);
        let cashier = desk
            .with_bills("r", move |date| {
                let bill = match date.as_str() {
                    "20260315" => of_day.clone(),
                    "20260316" if is_creating.load(Ordering::SeqCst) == 0 => of_next.clone(),
                    "20260316" => said("Bill Creating"),
                    other => panic!("nobody should ask for {other}"),
                };
                count.fetch_add(1, Ordering::SeqCst);
                async move { bill.into_bytes() }
            })
            .await;
        desk.advance(11 * HOUR);
        // On the 16th, the bill of the 16th is not there.
        let result = reconcile(&cashier).await.unwrap();
        assert_eq!((result.open, result.figures.matched, made.load(Ordering::SeqCst)), (1, 1, 1));
        assert_eq!(differences(&cashier).await[0].reason, "next_bill_not_made");
        // On the 17th both are. That of the 16th explains what the 15th lacked, and asks for the 15th itself.
        desk.advance(24 * HOUR);
        creating.store(0, Ordering::SeqCst);
        let result = cashier.reconcile(next, |_| ()).await.unwrap();
        assert_eq!((result.open, result.differences, made.load(Ordering::SeqCst)), (0, 1, 3));
        let found = differences(&cashier).await;
        assert_eq!((found[0].done, found[0].reason.as_str()), (Done::Gone, "20260316"));
        // The 15th alone finds it too.
        let result = reconcile(&cashier).await.unwrap();
        assert_eq!((result.open, result.differences, made.load(Ordering::SeqCst)), (0, 1, 5));
        // Further from midnight nobody looks there.
        run(&desk, "UPDATE orders SET paid_at = paid_at - 600000 WHERE total_fee = 1000").await;
        let result = reconcile(&cashier).await.unwrap();
        assert_eq!((result.open, made.load(Ordering::SeqCst)), (1, 6));
    })
    .await;
}

#[tokio::test]
async fn a_bill_that_is_not_whole_and_readable_does_nothing() {
    on_both(|desk| async move {
        desk.lose_notices();
        let order = desk.place(1000).await;
        let payment = desk.sandbox.pay(order.code().unwrap().url.as_str(), Pay::default()).await.unwrap();
        sleep_over(&desk);
        let row = Row::new(order.out_trade_no.as_str(), &payment.transaction_id, 1000);
        let good = bill(std::slice::from_ref(&row));
        let other_merchant = Row { mch_id: "10000101", ..row.clone() };
        let other_day = Row { time: "2026-03-14 10:00:05".to_owned(), ..row.clone() };
        let cases: [(Vec<u8>, &str, &str); 19] = [
            (Vec::new(), "bad_bill", "empty"),
            (good[..good.len() - 60].into(), "bad_bill", "cut off after line"),
            (format!("{HEADER}\n{}", row.text()).into(), "bad_bill", "cut off after line 2"),
            (gzip(&good)[..120].into(), "bad_bill", "cut off"),
            (gzip(&good).into_iter().take(gzip(&good).len() - 4).collect(), "bad_bill", "gzip"),
            (
                good.replace("`10.00,`0.00,`\n", "`ten,`0.00,`\n").into(),
                "bad_bill",
                "line 2 of the bill: 订单金额",
            ),
            (
                good.replace("2026-03-15 10", "2026-03-35 10").into(),
                "bad_bill",
                "line 2 of the bill: 交易时间",
            ),
            (stating(std::slice::from_ref(&row), 2, 1000).into(), "bad_bill", "a number of lines of 2"),
            (stating(std::slice::from_ref(&row), 1, 1001).into(), "bad_bill", "payments of 10.01"),
            (
                bill(&[row.clone(), other_merchant]).into(),
                "wrong_bill",
                "line 3 of the bill is another merchant",
            ),
            (
                bill(&[row.clone(), other_day]).into(),
                "wrong_bill",
                "line 3 of the bill is of 2026-03-14 10:00:05",
            ),
            (said("Bill Creating").into(), "creating", "Bill Creating"),
            (said("SYSTEMERROR").into(), "refused", "SYSTEMERROR"),
            (said("SIGN ERROR").into(), "refused", "SIGN ERROR"),
            (said("invalid bill_type").into(), "refused", "invalid bill_type"),
            (said("data format error").into(), "refused", "data format error"),
            (said("missing parameter").into(), "refused", "missing parameter"),
            (said("CompressGZip Error").into(), "refused", "CompressGZip Error"),
            ("<html><body>502</body></html>".into(), "bad_bill", "neither a bill nor a message"),
        ];
        let mut attempts = 0;
        for (bytes, word, text) in cases {
            let cashier = reading(&desk, bytes).await;
            let error = reconcile(&cashier).await.unwrap_err();
            assert_eq!(error.word(), word, "{text}: {error:?}");
            attempts += 1;
            let (result, _) = cashier.reconciliation(day()).await.unwrap().unwrap();
            let failure = result.failure.unwrap();
            assert!(failure.text.contains(text) && !failure.text.contains('\n'), "{}", failure.text);
            assert_eq!((failure.word.as_str(), failure.attempts, result.finished_at), (word, attempts, None));
            assert_eq!(state(&desk).await, [0; 5], "{text}");
        }
        // Packed or not is told by the bytes alone.
        for whole in [gzip(&good), good.clone().into_bytes()] {
            let result = reconcile(&reading(&desk, whole).await).await.unwrap();
            assert_eq!((result.open, result.failure), (0, None));
        }
        assert_eq!(desk.balance().await, 1000);
    })
    .await;
}

#[tokio::test]
async fn lines_that_nobody_expected_are_listed_and_cost_the_others_nothing() {
    on_both(|desk| async move {
        desk.lose_notices();
        let order = desk.place(1000).await;
        let payment = desk.sandbox.pay(order.code().unwrap().url.as_str(), Pay::default()).await.unwrap();
        sleep_over(&desk);
        let row = Row::new(order.out_trade_no.as_str(), &payment.transaction_id, 1000);
        let rows = [
            Row { state: "PARTIAL", transaction_id: "42009".into(), ..row.clone() },
            Row { trade_type: "BY_GAZE", ..row.clone() },
            row.clone(),
            Row {
                appid: "wx0000000000000001",
                transaction_id: "42001".into(),
                out_trade_no: "甲\u{1}".into(),
                ..row.clone()
            },
            Row { state: "REVOKED", transaction_id: "42002".into(), ..row.clone() },
            Row { transaction_id: "42003".into(), out_trade_no: "号码 \u{2}<b>".into(), ..row },
        ];
        let cashier = reading(&desk, bill(&rows)).await;
        let result = reconcile(&cashier).await.unwrap();
        assert_eq!((result.figures.credited, result.figures.other_app, result.open), (1, 1, 3));
        let found = differences(&cashier).await;
        let number = order.out_trade_no.as_str();
        let listed: Vec<_> = found.iter().filter(|difference| difference.is_open).map(seen).collect();
        assert_eq!(
            listed,
            [
                (
                    DifferenceKind::NotHere,
                    "号码 \u{fffd}<b>",
                    Some(1000),
                    None,
                    Done::Listed,
                    "ORDERNOTEXIST"
                ),
                (DifferenceKind::Repeated, number, Some(1000), Some(1000), Done::Listed, ""),
                (DifferenceKind::UnknownState, number, None, Some(1000), Done::Listed, "PARTIAL"),
            ]
        );
        assert_eq!(found.iter().map(|difference| difference.line).max(), Some(Some(7)));
        assert_eq!(desk.balance().await, 1000);
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn two_instances_at_once_do_it_once() {
    on_both(|desk| async move {
        desk.lose_notices();
        for n in 0..8 {
            let order = desk.cashier.place(wish(&format!("u_{n}"), 1000)).await.unwrap();
            desk.pay(&order).await;
        }
        sleep_over(&desk);
        let asked = Arc::new(AtomicUsize::new(0));
        let router = desk.sandbox.router();
        let count = Arc::clone(&asked);
        let answer = move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            let router = router.clone();
            async move { whole_bill(router).await }
        };
        let cashiers = [desk.with_bills("b", answer.clone()).await, desk.with_bills("c", answer).await];
        let mut all = tokio::task::JoinSet::new();
        for cashier in cashiers {
            all.spawn(async move { reconcile(&cashier).await });
        }
        let results = all.join_all().await;
        let busy = results.iter().filter(|result| matches!(result, Err(ReconcileError::Busy { .. }))).count();
        // The second one found it claimed, or came when it was done and found nothing more to do.
        assert_eq!(asked.load(Ordering::SeqCst) + busy, 2, "{results:?}");
        assert!(
            results.iter().any(|result| result.as_ref().is_ok_and(|result| result.figures.credited == 8))
        );
        assert_eq!(desk.count("SELECT COUNT(*) FROM ledger").await, 8);
        assert_eq!(desk.count("SELECT COUNT(*) FROM differences").await, 8);
        desk.check().await;
    })
    .await;
}

/// The sandbox's own bill of the day.
async fn whole_bill(router: axum::Router) -> Vec<u8> {
    use wxpay::v2::{BillType, Fields, bill, sign};
    let merchant = wxpay::Merchant::sandbox();
    let mut request: Fields = bill::request(&merchant, day(), BillType::All, false);
    request.set("nonce_str", "5K8264ILTKCH16CQ2502SI8ZNMTM67VS");
    let sign = sign::sign(&request, &merchant.key, merchant.sign_type);
    request.set("sign", sign);
    let request = axum::http::Request::post("/pay/downloadbill")
        .body(axum::body::Body::from(request.to_xml()))
        .unwrap();
    let answer = tower::ServiceExt::oneshot(router, request).await.unwrap();
    axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap().to_vec()
}

#[tokio::test]
async fn a_run_that_broke_off_is_taken_over_and_writes_nothing_more() {
    on_both(|desk| async move {
        desk.lose_notices();
        let order = desk.place(1000).await;
        desk.pay(&order).await;
        sleep_over(&desk);
        let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (tell, wait, router) = (Arc::clone(&begun), Arc::clone(&go_on), desk.sandbox.router());
        let slow = desk
            .with_bills("slow", move |_| {
                let (tell, wait, router) = (Arc::clone(&tell), Arc::clone(&wait), router.clone());
                async move {
                    tell.notify_one();
                    wait.notified().await;
                    whole_bill(router).await
                }
            })
            .await;
        let silent = tokio::spawn(async move { reconcile(&slow).await });
        begun.notified().await;
        // While it may be alive nobody else begins.
        let error = reconcile(&desk.cashier).await.unwrap_err();
        assert!(matches!(error, ReconcileError::Busy { wait_s: 121, .. }), "{error:?}");
        assert_eq!(desk.cashier.reconcile_due().await.unwrap(), None);
        desk.advance(120_001);
        let result = reconcile(&desk.cashier).await.unwrap();
        assert_eq!((result.figures.credited, result.open), (1, 0));
        let before = (state(&desk).await, differences(&desk.cashier).await);
        go_on.notify_one();
        let error = silent.await.unwrap().unwrap_err();
        assert!(matches!(error, ReconcileError::Lost), "{error:?}");
        assert_eq!((state(&desk).await, differences(&desk.cashier).await), before);
        let (kept, _) = desk.cashier.reconciliation(day()).await.unwrap().unwrap();
        assert_eq!(kept, result);
    })
    .await;
}

#[tokio::test]
async fn a_process_that_died_in_between_leaves_nothing_that_a_second_run_does_not_put_right() {
    on_both(|desk| async move {
        desk.lose_notices();
        for n in 0..30 {
            let order = desk.cashier.place(wish(&format!("u_{n}"), 1000)).await.unwrap();
            desk.pay(&order).await;
        }
        sleep_over(&desk);
        // The first second's twenty are settled; then the process is gone.
        let dying = desk.second("dying").await;
        let dies = |step: Progress| assert!(step.step != Step::Asking, "the process dies here");
        let died = tokio::spawn(async move { dying.reconcile(day(), dies).await }).await;
        assert!(died.unwrap_err().is_panic());
        assert_eq!(desk.count("SELECT COUNT(*) FROM bill_lines").await, 30);
        desk.advance(120_001);
        let result = reconcile(&desk.cashier).await.unwrap();
        assert_eq!((result.figures.matched, result.figures.credited, result.open), (20, 10, 0));
        assert_eq!(desk.count("SELECT COUNT(*) FROM ledger").await, 30);
        assert_eq!(desk.count("SELECT COUNT(*) FROM differences WHERE done = 'credited'").await, 30);
        assert_eq!(desk.count("SELECT COUNT(*) FROM bill_lines").await, 0);
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn an_unclear_answer_about_a_payment_is_asked_again_and_nothing_is_concluded() {
    on_both(|desk| async move {
        desk.lose_notices();
        let order = desk.place(1000).await;
        let payment = desk.sandbox.pay(order.code().unwrap().url.as_str(), Pay::default()).await.unwrap();
        sleep_over(&desk);
        let row = Row::new(order.out_trade_no.as_str(), &payment.transaction_id, 1000);
        let cashier = reading(&desk, bill(&[row])).await;
        for answer in [AnswerFault::Http500, AnswerFault::SystemError, AnswerFault::Unsigned] {
            desk.sandbox.set_faults(Faults { answer, ..Faults::default() });
            let error = reconcile(&cashier).await.unwrap_err();
            assert!(matches!(error, ReconcileError::Unclear { payments: 1 }), "{error:?}");
            let found = differences(&cashier).await;
            assert_eq!((found[0].done, found[0].reason.as_str()), (Done::Listed, "no_clear_answer"));
            assert_eq!(desk.state(&order).await, "pending");
        }
        desk.lose_notices();
        assert_eq!(desk.cashier.reconcile_due().await.unwrap(), None, "it waits for its pause");
        desk.advance(HOUR);
        let result = desk.cashier.reconcile_due().await.unwrap().unwrap();
        assert_eq!((result.figures.credited, result.open, result.failure), (1, 0, None));
        assert_eq!(desk.balance().await, 1000);
    })
    .await;
}

#[tokio::test]
async fn each_day_is_done_once_after_ten_and_missed_days_oldest_first() {
    on_both(|desk| async move {
        assert_eq!(desk.cashier.reconcile_due().await.unwrap(), None, "no order, no day");
        let order = desk.place(1000).await;
        desk.pay_and_notify(&order).await;
        desk.advance(24 * HOUR - 1);
        assert_eq!(desk.cashier.reconcile_due().await.unwrap(), None, "9:59:59.999");
        desk.advance(48 * HOUR + 1);
        for date in [day(), day().next(), day().next().next()] {
            let result = desk.cashier.reconcile_due().await.unwrap().unwrap();
            assert_eq!((result.date, result.open), (date, 0));
        }
        assert_eq!(desk.cashier.reconcile_due().await.unwrap(), None);
        desk.advance(24 * HOUR);
        let creating = reading(&desk, said("Bill Creating")).await;
        for (attempts, minutes) in [(1, 5), (2, 10), (3, 20), (4, 40), (5, 60), (6, 60)] {
            let error = creating.reconcile_due().await.unwrap_err();
            assert_eq!(error.word(), "creating");
            let result = desk.cashier.reconciliations(1).await.unwrap().pop().unwrap();
            let failure = result.failure.unwrap();
            assert_eq!((failure.attempts, failure.next_at.minus(desk.now())), (attempts, minutes * 60_000));
            desk.advance(minutes * 60_000 - 1);
            assert_eq!(creating.reconcile_due().await.unwrap(), None);
            desk.advance(1);
        }
        // Of a long pause only the last thirty days are made up for.
        desk.advance(100 * 24 * HOUR);
        let result = desk.cashier.reconcile_due().await.unwrap().unwrap();
        assert_eq!(result.date, BillDate::of(desk.now().plus_ms(-30 * 24 * HOUR)));
    })
    .await;
}

#[tokio::test]
async fn a_day_whose_bill_cannot_exist_is_refused_with_the_time_from_which_it_does() {
    on_both(|desk| async move {
        let error = reconcile(&desk.cashier).await.unwrap_err();
        let text = "the bill of 20260315 does not exist yet: WeChat has it from 2026-03-16 10:00:00 on (Beijing time)";
        assert_eq!((error.word(), error.to_string().as_str()), ("not_yet", text));
        let later = desk.cashier.reconcile(day().next(), |_| ()).await.unwrap_err();
        assert!(later.to_string().contains("2026-03-17 10:00:00"), "{later}");
        desk.advance(120 * 24 * HOUR);
        let error = reconcile(&desk.cashier).await.unwrap_err();
        assert_eq!((error.word(), desk.cashier.reconciliations(9).await.unwrap().len()), ("too_old", 0));
    })
    .await;
}

#[tokio::test]
async fn a_day_of_many_windows_is_compared_to_its_last_line() {
    on_both(|desk| async move {
        desk.place(700).await;
        // 1,234 paid orders of one second, as the books would have them, all in the bill but the last one.
        let number = |n: usize| format!("SM20260315100000{n:016}");
        let rows: Vec<_> = (0..1234).map(|n| Row::new(&number(n), &format!("4200{n:024}"), 100)).collect();
        let at = UnixMillis::from_beijing_text(&rows[0].time).unwrap().get();
        let numbers: Vec<_> = rows
            .iter()
            .map(|row| serde_json::json!({ "n": row.out_trade_no, "x": row.transaction_id }))
            .collect();
        let insert = format!(
            "INSERT INTO orders (out_trade_no, user_id, user_name, total_fee, bonus, body, product_id, \
             notify_url, spbill_create_ip, sign_type, created_at, time_expire, state, version, ordering_until, \
             link_token, reusable, transaction_id, paid_at, proof) SELECT j.value->>'n', user_id, user_name, 100, \
             0, body, product_id, notify_url, spbill_create_ip, sign_type, created_at, time_expire, 'paid', 2, 0, \
             link_token, 0, j.value->>'x', {at}, 'notice' FROM orders CROSS JOIN jsonb_each($1) AS j \
             WHERE total_fee = 700"
        );
        let numbers = serde_json::to_string(&numbers).unwrap();
        sqlx::query(AssertSqlSafe(insert)).bind(numbers).execute(desk.cashier.db().pool()).await.unwrap();
        sleep_over(&desk);
        let cashier = reading(&desk, bill(&rows[..1233])).await;
        let steps = std::sync::Mutex::new(Vec::new());
        let result = cashier.reconcile(day(), |step| steps.lock().unwrap().push(step)).await.unwrap();
        assert_eq!((result.figures.matched, result.figures.ours.payments, result.open), (1233, 1234, 1));
        assert_eq!(differences(&cashier).await[0].out_trade_no, number(1233));
        let steps = steps.into_inner().unwrap();
        let last = steps.iter().rfind(|step| step.of.is_some()).unwrap();
        assert_eq!((last.done, last.of), (1233, Some(1233)));
    })
    .await;
}

/// An operator's refund that WeChat has taken on.
async fn refunded(desk: &Desk, order: &Order, fen: i64) -> Refund {
    let wish = RefundWish {
        out_trade_no: order.out_trade_no.clone(),
        out_refund_no: desk.cashier.new_out_refund_no().unwrap(),
        amount: Fen::new(fen),
        reason: "商品已售完".to_owned(),
        even_if_balance_low: false,
    };
    let by = By { operator: "lin".to_owned(), address: "203.0.113.9".to_owned() };
    desk.cashier.refund(wish, by).await.unwrap();
    while desk.cashier.drive_refunds(20).await.unwrap() > 0 {}
    let refund = desk.cashier.refunds(&order.out_trade_no).await.unwrap().pop().unwrap();
    assert_eq!(refund.state, RefundState::Submitted);
    refund
}

/// A refund that a person makes at WeChat's own desk.
async fn refund_outside(desk: &Desk, order: &Order, number: &str, fen: i64) {
    let OrderState::Paid(paid) = &order.state else { panic!("{order:?}") };
    let client = wxpay::client::Client::in_process(desk.merchant.clone(), desk.sandbox.router());
    let refund = wxpay::v2::Refund {
        transaction_id: paid.transaction_id.clone(),
        out_trade_no: order.out_trade_no.clone(),
        out_refund_no: wxpay::OutRefundNo::parse(number).unwrap(),
        total_fee: order.total_fee,
        refund_fee: Fen::new(fen),
        refund_desc: None,
        notify_url: None,
    };
    client.refund(&refund).await.unwrap();
}

#[tokio::test]
async fn refunds_are_compared_both_ways() {
    on_both(|desk| async move {
        let order = desk.place(1000).await;
        desk.pay_and_notify(&order).await;
        let order = desk.order(&order).await;
        let refund = refunded(&desk, &order, 400).await;
        sleep_over(&desk);
        let result = reconcile(&desk.cashier).await.unwrap();
        assert_eq!((result.figures.matched, result.open, result.figures.bill), (2, 0, result.figures.ours));
        assert_eq!((result.figures.ours.refunds, result.figures.ours.refunded), (1, Fen::new(400)));

        let payment = Row::of(&order);
        let (id, number) = (refund.refund_id.as_ref().unwrap().as_str(), refund.out_refund_no.as_str());
        let lacking = reading(&desk, bill(std::slice::from_ref(&payment))).await;
        assert_eq!(reconcile(&lacking).await.unwrap().open, 1);
        let found = differences(&lacking).await;
        let listed = (
            DifferenceKind::RefundNotThere,
            order.out_trade_no.as_str(),
            None,
            Some(400),
            Done::Listed,
            "next_bill_not_made",
        );
        assert_eq!((seen(&found[0]), found[0].out_refund_no.as_str()), (listed, number));
        assert_eq!(reconcile(&desk.cashier).await.unwrap().open, 0);

        for (fen, status, why) in [(401, "SUCCESS", "amount"), (400, "FAIL", "state")] {
            run(&desk, "UPDATE refunds SET state = 'succeeded', ended_at = 1, due_at = NULL").await;
            let row = Row::refund(&payment, id, number, fen, status);
            let other = reading(&desk, bill(&[payment.clone(), row])).await;
            assert_eq!(reconcile(&other).await.unwrap().open, 1, "{why}");
            let found = differences(&other).await;
            let listed = (
                DifferenceKind::RefundFigures,
                order.out_trade_no.as_str(),
                Some(fen),
                Some(400),
                Done::Listed,
                why,
            );
            assert_eq!(seen(&found[0]), listed);
        }
        assert_eq!(desk.balance().await, 600);
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_refund_made_at_wechats_own_desk_is_an_exception_and_each_one_is_on_record() {
    on_both(|desk| async move {
        let order = desk.place(1000).await;
        desk.pay_and_notify(&order).await;
        let order = desk.order(&order).await;
        refund_outside(&desk, &order, "DESK1", 300).await;
        refund_outside(&desk, &order, "DESK2", 200).await;
        sleep_over(&desk);
        for _ in 0..2 {
            let result = reconcile(&desk.cashier).await.unwrap();
            assert_eq!((result.figures.matched, result.figures.bill.refunds, result.open), (1, 2, 2));
            let open = desk.cashier.open_exceptions(10).await.unwrap();
            assert_eq!((open.len(), open[0].kind.name()), (1, "refunded_outside"));
            for difference in differences(&desk.cashier).await {
                assert_eq!(
                    (difference.kind, difference.done),
                    (DifferenceKind::RefundNotHere, Done::Exception)
                );
                assert_eq!(difference.exception, Some(open[0].id()));
            }
            assert_eq!(desk.cashier.refunds(&order.out_trade_no).await.unwrap().len(), 2);
        }
        assert_eq!(desk.balance().await, 1000);
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_refund_that_wechat_took_on_after_midnight_stands_in_the_next_days_bill() {
    on_both(|desk| async move {
        let order = desk.place(1000).await;
        desk.pay_and_notify(&order).await;
        let order = desk.order(&order).await;
        let refund = refunded(&desk, &order, 400).await;
        let payment = Row::of(&order);
        let (id, number) = (refund.refund_id.as_ref().unwrap().as_str(), refund.out_refund_no.as_str());
        let next = Row {
            time: "2026-03-16 00:00:01".to_owned(),
            ..Row::refund(&payment, id, number, 400, "PROCESSING")
        };
        let (first, second) = (bill(&[payment]), bill(&[next]));
        let cashier = desk
            .with_bills("r", move |date| {
                let bill = if date == "20260315" { first.clone() } else { second.clone() };
                async move { bill.into_bytes() }
            })
            .await;
        sleep_over(&desk);
        assert_eq!(reconcile(&cashier).await.unwrap().open, 1);
        assert_eq!(differences(&cashier).await[0].reason, "next_bill_not_made");
        desk.advance(24 * HOUR);
        let result = cashier.reconcile(day().next(), |_| ()).await.unwrap();
        assert_eq!((result.figures.matched, result.open), (1, 0));
        let found = differences(&cashier).await;
        assert_eq!((found[0].done, found[0].reason.as_str()), (Done::Gone, "20260316"));
    })
    .await;
}
