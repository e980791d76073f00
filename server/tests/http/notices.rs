//! What a notice gets. Expected answers: protocol A11.4 and the table of what always holds.

use std::time::Duration;

use reqwest::StatusCode;
use wxpay::v2::Fields;

use super::common::{SUCCESS, at_once, on_both, paid, signed};

#[tokio::test]
async fn the_sandboxs_notice_credits_the_order() {
    on_both(async |site| {
        let (number, code_url) = site.placed("lin", "10").await;
        assert_eq!(site.status("lin", &number).await["state"], "pending");
        site.pay(&code_url, &[]).await;
        let order = site.until("lin", &number, "paid").await;
        assert_eq!((order["total_fee"].as_i64(), site.balance("lin").await), (Some(1000), 1000));
    })
    .await;
}

#[tokio::test]
async fn a_bonus_is_credited_with_the_payment() {
    on_both(async |site| {
        let (number, _) = site.placed("lin", "50").await;
        let answer = site.notice(signed(paid(&number, "5000"))).await;
        assert_eq!(answer, (StatusCode::OK, SUCCESS.to_owned()));
        assert_eq!(site.balance("lin").await, 5200);
    })
    .await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_it_is_read() {
    on_both(async |site| {
        // Declared, and in pieces of unknown length: both end early with FAIL.
        let (status, answer) = site.notice(vec![b'x'; 1 << 20]).await;
        assert_eq!(status, StatusCode::OK);
        assert!(answer.contains("FAIL"), "{answer}");
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = tokio::net::TcpStream::connect(site.running.addr).await.unwrap();
        let head = "POST /wxpay/notify HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let piece = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
        let mut sent = 0;
        while sent < 1000 && stream.write_all(piece.as_bytes()).await.is_ok() {
            sent += 1;
        }
        let mut answer = vec![0; 4096];
        if let Ok(n) = stream.read(&mut answer).await {
            assert!(!String::from_utf8_lossy(&answer[..n]).contains("SUCCESS"));
        }
        assert!(sent < 1000, "four megabytes were taken");
    })
    .await;
}

fn changed(number: &str, changes: &[(&str, &str)]) -> String {
    let mut fields: Fields = paid(number, "1000");
    for (name, value) in changes {
        fields.set(*name, *value);
    }
    signed(fields)
}

#[tokio::test]
async fn real_money_that_does_not_fit_is_kept_and_not_credited() {
    let table: [(&[(&str, &str)], &str); 4] = [
        (&[("total_fee", "999")], "amount_mismatch"),
        (&[("total_fee", "1001")], "amount_mismatch"),
        (&[("total_fee", "99999999999999999")], "amount_mismatch"),
        (&[("fee_type", "USD")], "currency_mismatch"),
    ];
    on_both(async |site| {
        for (index, (changes, kind)) in table.iter().enumerate() {
            let user = format!("user{index}");
            let (number, _) = site.placed(&user, "10").await;
            let answer = site.notice(changed(&number, changes)).await;
            assert_eq!(answer, (StatusCode::OK, SUCCESS.to_owned()), "{changes:?}");
            let order = site.status(&user, &number).await;
            assert_eq!(
                (&order["state"], &order["exceptions"][0]),
                (&"pending".into(), &(*kind).into()),
                "{order}"
            );
            assert_eq!(site.balance(&user).await, 0);
        }
        assert_eq!((site.count("exceptions").await, site.count("ledger").await), (4, 0));
    })
    .await;
}

#[tokio::test]
async fn a_coupon_does_not_change_what_is_credited() {
    on_both(async |site| {
        let (number, _) = site.placed("lin", "10").await;
        let answer = site
            .notice(changed(&number, &[("cash_fee", "800"), ("coupon_fee", "200"), ("coupon_count", "1")]))
            .await;
        assert_eq!((answer.1.as_str(), site.balance("lin").await), (SUCCESS, 1000));
    })
    .await;
}

#[tokio::test]
async fn a_second_payment_of_a_paid_order_is_an_exception() {
    on_both(async |site| {
        let (number, _) = site.placed("lin", "10").await;
        assert_eq!(site.notice(signed(paid(&number, "1000"))).await.1, SUCCESS);
        let second = changed(&number, &[("transaction_id", "4200009999202603151234567890")]);
        assert_eq!(site.notice(second).await.1, SUCCESS);
        let order = site.status("lin", &number).await;
        assert_eq!(order["exceptions"], serde_json::json!(["duplicate"]));
        assert_eq!(site.balance("lin").await, 1000);
    })
    .await;
}

#[tokio::test]
async fn unknown_orders_and_other_appids_are_asked_for_again_and_kept() {
    on_both(async |site| {
        let (number, _) = site.placed("lin", "10").await;
        for body in [
            signed(paid("SM20260315100000AAAAAAAAAAAAAAAA", "1000")),
            changed(&number, &[("appid", "wx2421b1c4370ec43b")]),
        ] {
            let (status, answer) = site.notice(body).await;
            assert_eq!(status, StatusCode::OK);
            assert!(answer.contains("<![CDATA[FAIL]]>"), "{answer}");
        }
        assert_eq!((site.count("exceptions").await, site.count("ledger").await), (2, 0));
        assert_eq!(site.status("lin", &number).await["state"], "pending");
    })
    .await;
}

#[tokio::test]
async fn a_notice_that_says_not_paid_is_acknowledged() {
    on_both(async |site| {
        let (number, _) = site.placed("lin", "10").await;
        let answer =
            site.notice(changed(&number, &[("result_code", "FAIL"), ("err_code", "SYSTEMERROR")])).await;
        assert_eq!(answer.1, SUCCESS);
        assert_eq!(site.status("lin", &number).await["state"], "pending");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_at_once_credit_once_and_all_get_success() {
    on_both(async |site| {
        let (number, _) = site.placed("lin", "10").await;
        let body = signed(paid(&number, "1000"));
        let address = format!("{}/wxpay/notify", site.url);
        let answers = at_once(1000, || site.http.post(&address).body(body.clone())).await;
        assert_eq!(
            answers.iter().flatten().filter(|answer| **answer == (200, SUCCESS.to_owned())).count(),
            1000
        );
        assert_eq!((site.balance("lin").await, site.count("ledger").await), (1000, 1));
    })
    .await;
}

#[tokio::test]
async fn a_notice_that_is_faster_than_the_code_ends_as_in_the_natural_order() {
    on_both(async |site| {
        site.faults(serde_json::json!({"answer_delay_ms": 1500})).await;
        let ordering = site.order("lin", "10");
        let noticing = async {
            // The order is written before WeChat is asked, so its number can be found in the meantime.
            let number = loop {
                tokio::time::sleep(Duration::from_millis(50)).await;
                if site.count("orders").await == 1 {
                    break only_number(&site.database).await;
                }
            };
            (site.notice(signed(paid(&number, "1000"))).await, number)
        };
        let (response, (answer, number)) = tokio::join!(ordering, noticing);
        assert_eq!(answer, (StatusCode::OK, SUCCESS.to_owned()));
        let order: serde_json::Value = response.json().await.unwrap();
        assert_eq!(
            (&order["out_trade_no"], &order["state"]),
            (&number.as_str().into(), &"paid".into()),
            "{order}"
        );
        assert_eq!((site.balance("lin").await, site.count("ledger").await), (1000, 1));
    })
    .await;
}

async fn only_number(database: &str) -> String {
    use sqlx::{Connection as _, Row as _};
    let mut connection = sqlx::AnyConnection::connect(database).await.unwrap();
    sqlx::query("SELECT out_trade_no FROM orders")
        .fetch_one(&mut connection)
        .await
        .unwrap()
        .get("out_trade_no")
}

#[tokio::test]
async fn a_notice_that_cannot_be_written_in_two_seconds_is_to_be_sent_again() {
    use sqlx::{Connection as _, Executor as _};
    on_both(async |site| {
        let (number, _) = site.placed("lin", "10").await;
        let body = signed(paid(&number, "1000"));
        let mut holder = sqlx::AnyConnection::connect(&site.database).await.unwrap();
        let lock: &[&str] = match site.database.starts_with("sqlite") {
            true => &["BEGIN IMMEDIATE"],
            false => &["BEGIN", "LOCK TABLE orders IN EXCLUSIVE MODE"],
        };
        for sql in lock {
            holder.execute(*sql).await.unwrap();
        }
        let began = std::time::Instant::now();
        let (status, answer) = site.notice(body.clone()).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.contains("<![CDATA[FAIL]]>"), "{answer}");
        assert!((1900..4000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
        holder.execute("ROLLBACK").await.unwrap();
        assert_eq!(site.notice(body).await, (StatusCode::OK, SUCCESS.to_owned()));
        assert_eq!((site.balance("lin").await, site.count("ledger").await), (1000, 1));
    })
    .await;
}
