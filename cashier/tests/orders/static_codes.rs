//! Codes that do not expire: made, scanned by several payers, stopped.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use cashier::Scanned;
use recharge::User;
use recharge::static_code::StaticCode;
use sandbox::{AnswerFault, Faults, Pay, Person};
use sqlx::Row;
use sqlx::any::AnyRow;
use wxpay::v2::mode_one::{self, Scan};
use wxpay::v2::{Fields, REPLY_LIMIT, sign};
use wxpay::{Fen, Merchant, ProductId, SignType, Verified};

use crate::common::{Harness, by, on_both};

const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

async fn made(harness: &Harness, fen: i64) -> StaticCode {
    let (user, fee, bonus) = (User::new("u_1", "小林").unwrap(), Fen::new(fen), Fen::new(fen / 10));
    harness.cashier.make_static_code(user, fee, bonus, false, by()).await.unwrap()
}

/// What WeChat posts when this person scans the code.
fn scan(product_id: &ProductId, person: Person) -> Verified<Scan> {
    scan_by(product_id, person.openid(Merchant::sandbox().appid.as_str()))
}

fn scan_by(product_id: &ProductId, openid: &str) -> Verified<Scan> {
    let us = Merchant::sandbox();
    let fields = Fields::new()
        .with("appid", us.appid.as_str())
        .with("mch_id", us.mch_id.as_str())
        .with("openid", openid)
        .with("is_subscribe", "N")
        .with("product_id", product_id.as_str())
        .with("nonce_str", "n");
    let signed = sign::sign(&fields, &us.key, SignType::Md5);
    mode_one::read(fields.with("sign", signed).to_xml().as_bytes(), &us).unwrap()
}

/// Scans, and reads the signed answer: what it led to, and the prepay session or the text for the payer.
async fn scanned(harness: &Harness, product_id: &ProductId, person: Person) -> (Scanned, String) {
    let (scanned, answer) = harness.cashier.answer_scan(scan(product_id, person), SERVER).await.unwrap();
    let fields = Fields::read(answer.as_bytes(), REPLY_LIMIT).unwrap();
    sign::verify(&fields, &Merchant::sandbox().key).unwrap();
    assert_eq!(fields.get("return_code"), Some("SUCCESS"));
    let name = match scanned {
        Scanned::Placed => "prepay_id",
        Scanned::NotSold | Scanned::Late => "err_code_des",
    };
    assert_eq!(fields.get("result_code") == Some("SUCCESS"), scanned == Scanned::Placed);
    (scanned, fields.get(name).unwrap().to_owned())
}

#[tokio::test]
async fn each_scan_that_is_paid_is_credited_to_the_codes_user() {
    on_both(async |harness| {
        let code = made(&harness, 1000).await;
        for (n, person) in [(1, Person::First), (2, Person::Second), (3, Person::First)] {
            let (placed, prepay_id) = scanned(&harness, &code.product_id, person).await;
            assert_eq!(placed, Scanned::Placed);
            harness.sandbox.pay(&prepay_id, Pay { person, ..Pay::default() }).await.unwrap();
            harness.deliver().await;
            assert_eq!(harness.balance().await, 1100 * n);
        }
        let named = "SELECT COUNT(*) FROM orders WHERE static_code IS NOT NULL AND openid IS NULL";
        assert_eq!((harness.count(named).await, harness.count("SELECT COUNT(*) FROM orders").await), (3, 3));
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn one_payer_who_scans_twice_gets_the_same_order_and_another_one_of_his_own() {
    on_both(async |harness| {
        let code = made(&harness, 1000).await;
        let first = scanned(&harness, &code.product_id, Person::First).await;
        assert_eq!(scanned(&harness, &code.product_id, Person::First).await, first);
        assert_ne!(scanned(&harness, &code.product_id, Person::Second).await, first);
        assert_eq!(harness.count("SELECT COUNT(*) FROM orders").await, 2);
        // Nor does a press of the user meet one of them: its page needs a code to show.
        assert!(harness.place(1000).await.code_url().is_some());
    })
    .await;
}

#[tokio::test]
async fn a_stopped_or_strange_code_is_not_sold_and_places_nothing() {
    on_both(async |harness| {
        let code = made(&harness, 1000).await;
        assert!(harness.cashier.stop_static_code(&code.product_id, by()).await.unwrap());
        assert!(!harness.cashier.stop_static_code(&code.product_id, by()).await.unwrap());
        let stranger = ProductId::parse("recharge-1000").unwrap();
        for product_id in [&code.product_id, &stranger] {
            let answer = scanned(&harness, product_id, Person::First).await;
            assert_eq!(answer, (Scanned::NotSold, "商品已下架".to_owned()));
        }
        assert_eq!(harness.count("SELECT COUNT(*) FROM orders").await, 0);
        let [listed] = harness.cashier.static_codes(10).await.unwrap().try_into().unwrap();
        assert_eq!((listed.stopped_at, &listed.url), (Some(harness.now()), &code.url));
    })
    .await;
}

#[tokio::test]
async fn an_order_of_a_scan_before_the_stop_is_still_paid_and_credited() {
    on_both(async |harness| {
        let code = made(&harness, 1000).await;
        let (_, prepay_id) = scanned(&harness, &code.product_id, Person::First).await;
        harness.cashier.stop_static_code(&code.product_id, by()).await.unwrap();
        harness.sandbox.pay(&prepay_id, Pay::default()).await.unwrap();
        harness.deliver().await;
        assert_eq!(harness.balance().await, 1100);
    })
    .await;
}

#[tokio::test]
async fn a_slow_wechat_is_answered_within_three_seconds_and_the_next_scan_finds_the_order() {
    on_both(async |harness| {
        let code = made(&harness, 1000).await;
        harness.sandbox.set_faults(Faults { answer: AnswerFault::Timeout, ..Faults::default() });
        let cashier = harness.patient(20_000).await;
        let began = std::time::Instant::now();
        let (late, _) = cashier.answer_scan(scan(&code.product_id, Person::First), SERVER).await.unwrap();
        assert_eq!(late, Scanned::Late);
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
        harness.sandbox.set_faults(Faults::default());
        // The lease of the first scan has ended.
        harness.advance(9_000);
        let (placed, _) = scanned(&harness, &code.product_id, Person::First).await;
        assert_eq!(placed, Scanned::Placed);
        assert_eq!(harness.count("SELECT COUNT(*) FROM orders").await, 1);
    })
    .await;
}

#[tokio::test]
async fn strangers_who_scan_a_code_do_not_keep_its_user_from_ordering() {
    on_both(async |harness| {
        let code = made(&harness, 1000).await;
        for n in 0..6 {
            let stranger = scan_by(&code.product_id, &format!("oStranger{n}"));
            let (scanned, _) = harness.cashier.answer_scan(stranger, SERVER).await.unwrap();
            assert_eq!(scanned, if n < 5 { Scanned::Placed } else { Scanned::Late }, "scan {n}");
        }
        harness.place(1000).await;
    })
    .await;
}

#[tokio::test]
async fn a_price_that_makes_no_sense_gets_no_code() {
    on_both(async |harness| {
        let user = || User::new("u_1", "小林").unwrap();
        for fen in [0, -1, 1_000_000_001] {
            let refused =
                harness.cashier.make_static_code(user(), Fen::new(fen), Fen::ZERO, false, by()).await;
            assert!(refused.is_err(), "{fen}");
        }
    })
    .await;
}

#[tokio::test]
async fn making_and_stopping_a_code_each_leave_one_row_of_the_audit_with_who_and_from_where() {
    on_both(async |harness| {
        let code = made(&harness, 1000).await;
        harness.cashier.stop_static_code(&code.product_id, by()).await.unwrap();
        // What changes nothing leaves none.
        harness.cashier.stop_static_code(&code.product_id, by()).await.unwrap();
        let stranger = ProductId::parse("recharge-1000").unwrap();
        harness.cashier.stop_static_code(&stranger, by()).await.unwrap();
        let rows = sqlx::query("SELECT action, operator, subject, address, after FROM audit ORDER BY action")
            .fetch_all(harness.cashier.db().pool())
            .await
            .unwrap();
        let text = |row: &AnyRow, name| row.get::<String, _>(name);
        let [made, stopped] = &rows[..] else { panic!("{} rows", rows.len()) };
        for (row, action) in [(made, "static_code_made"), (stopped, "static_code_stopped")] {
            assert_eq!(text(row, "action"), action);
            assert_eq!((text(row, "operator"), text(row, "address")), ("lin".into(), "203.0.113.9".into()));
            assert_eq!(text(row, "subject"), code.product_id.as_str());
        }
        let after: serde_json::Value = serde_json::from_str(&text(made, "after")).unwrap();
        assert_eq!(after, serde_json::json!({ "user": "u_1", "total_fee": 1000, "bonus": 100 }));
    })
    .await;
}
