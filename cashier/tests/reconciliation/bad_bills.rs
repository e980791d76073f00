//! Bills that cannot be used, lines that nobody expected, and a bill of many lines.

use recharge::reconciliation::{DifferenceKind, Done};
use sqlx::AssertSqlSafe;
use wxpay::UnixMillis;

use super::bill::{HEADER, Row, bill, gzip, reading, said, stating};
use super::{HOUR, day, differences, reconcile, seen, sleep_over, state, unheard};
use crate::common::on_both;

#[tokio::test]
async fn a_bill_that_is_not_whole_and_readable_does_nothing() {
    on_both(|harness| async move {
        let (_, row) = unheard(&harness).await;
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
            let cashier = reading(&harness, bytes).await;
            let error = reconcile(&cashier).await.unwrap_err();
            assert_eq!(error.word(), word, "{text}: {error:?}");
            attempts += 1;
            let (result, _) = cashier.reconciliation(day()).await.unwrap().unwrap();
            let failure = result.failure.unwrap();
            assert!(failure.text.contains(text) && !failure.text.contains('\n'), "{}", failure.text);
            assert_eq!((failure.word.as_str(), failure.attempts, result.finished_at), (word, attempts, None));
            assert_eq!(state(&harness).await, [0; 5], "{text}");
        }
        // Packed or not is told by the bytes alone.
        for whole in [gzip(&good), good.clone().into_bytes()] {
            let result = reconcile(&reading(&harness, whole).await).await.unwrap();
            assert_eq!((result.open, result.failure), (0, None));
        }
        assert_eq!(harness.balance().await, 1000);
    })
    .await;
}

#[tokio::test]
async fn lines_that_nobody_expected_are_listed_and_cost_the_others_nothing() {
    on_both(|harness| async move {
        let (order, row) = unheard(&harness).await;
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
        let cashier = reading(&harness, bill(&rows)).await;
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
        assert_eq!(harness.balance().await, 1000);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_day_whose_bill_cannot_exist_is_refused_with_the_time_from_which_it_does() {
    on_both(|harness| async move {
        let error = reconcile(&harness.cashier).await.unwrap_err();
        let text = "the bill of 20260315 does not exist yet: WeChat has it from 2026-03-16 10:00:00 on (Beijing time)";
        assert_eq!((error.word(), error.to_string().as_str()), ("not_yet", text));
        let later = harness.cashier.reconcile(day().next(), |_| ()).await.unwrap_err();
        assert!(later.to_string().contains("2026-03-17 10:00:00"), "{later}");
        harness.advance(120 * 24 * HOUR);
        let error = reconcile(&harness.cashier).await.unwrap_err();
        assert_eq!((error.word(), harness.cashier.reconciliations(9).await.unwrap().len()), ("too_old", 0));
    })
    .await;
}

#[tokio::test]
async fn a_day_of_many_windows_is_compared_to_its_last_line() {
    on_both(|harness| async move {
        harness.place(700).await;
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
        sqlx::query(AssertSqlSafe(insert)).bind(numbers).execute(harness.cashier.db().pool()).await.unwrap();
        sleep_over(&harness);
        let cashier = reading(&harness, bill(&rows[..1233])).await;
        let steps = std::sync::Mutex::new(Vec::new());
        let result = cashier.reconcile(day(), |step| steps.lock().unwrap().push(step)).await.unwrap();
        assert_eq!((result.figures.matched, result.figures.ours.payments, result.open), (1233, 1234, 1));
        assert_eq!(differences(&cashier).await[0].out_trade_no, number(1233));
        let steps = steps.into_inner().unwrap();
        let comparing = steps.iter().rfind(|step| step.of.is_some_and(|of| of > 1)).unwrap();
        assert_eq!((comparing.done, comparing.of), (1233, Some(1233)));
        // The one that the bill lacks was asked about.
        assert!(steps.iter().any(|step| (step.done, step.of) == (1, Some(1))), "{steps:?}");
    })
    .await;
}
