//! Notices of API v3: sealed, signed anew for each attempt, and sent until they are acknowledged.

use sandbox::{Faults, NotifyFaults, RefundFaults, RefundStatus};
use serde_json::{Value, json};

use crate::common::{NUMBER, PLACED, World, base, world};
use crate::v3::merchant::{Merchant, open, signed_by};

const KEY: &str = "TestOnlyApiV3Key0123456789abcdef";

/// The deliveries: who signed each, its envelope, and what is sealed in it.
async fn delivered(world: &World) -> Vec<(Option<String>, Value, Value)> {
    let key = world.sandbox.identity().apiv3_key;
    let read = |record: sandbox::NoticeRecord| {
        let header = |name: &str| record.headers.get(name).cloned().unwrap_or_default();
        let signer = signed_by(world, &header, record.body.as_bytes());
        let envelope: Value = serde_json::from_str(&record.body).unwrap();
        let inside = open(&envelope["resource"], &key);
        assert_eq!(inside, record.plaintext);
        (signer, envelope, serde_json::from_str(&inside.unwrap()).unwrap())
    };
    world.notices().await.into_iter().map(read).collect()
}

#[tokio::test]
async fn a_payment_is_told_sealed_and_signed_and_once_when_it_is_acknowledged() {
    let world = world().await;
    world.shop.answers(204, "");
    let merchant = Merchant::new(&world);
    let transaction_id = merchant.place_and_pay().await;
    world.step().await;
    assert_eq!((world.sandbox.next_due(), world.shop.got().len()), (None, 1));
    let (signer, envelope, paid) = delivered(&world).await.remove(0);
    assert_eq!(signer, world.sandbox.identity().platform_serials.last().cloned());
    assert_eq!(envelope["event_type"], "TRANSACTION.SUCCESS");
    assert_eq!(envelope["resource_type"], "encrypt-resource");
    assert_eq!(envelope["create_time"], "2026-03-15T10:00:00+08:00");
    assert_eq!(envelope["id"].as_str().unwrap().len(), 36);
    assert_eq!(envelope["resource"]["original_type"], "transaction");
    assert_eq!(envelope["resource"]["associated_data"], "transaction");
    assert_eq!(
        paid,
        json!({
            "appid": "wxd930ea5d5a258f4f",
            "mchid": "10000100",
            "out_trade_no": NUMBER,
            "transaction_id": transaction_id,
            "trade_type": "NATIVE",
            "trade_state": "SUCCESS",
            "trade_state_desc": "支付成功",
            "bank_type": "OTHERS",
            "attach": "cart=42",
            "success_time": "2026-03-15T10:00:00+08:00",
            "payer": { "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" },
            "amount": { "total": 1990, "payer_total": 1990, "currency": "CNY", "payer_currency": "CNY" },
        })
    );
    let record = &world.notices().await[0];
    assert_eq!(record.headers["Content-Type"], "application/json");
    assert_eq!(record.status, Some(204));
}

#[tokio::test]
async fn who_asked_for_the_public_key_is_told_by_it() {
    let world = world().await;
    world.shop.answers(204, "");
    let merchant = Merchant::with_public_key(&world);
    merchant.place_and_pay().await;
    merchant.refund(&merchant.refund_body()).await.ok();
    world.clock.advance(3_000);
    world.step().await;
    let signers: Vec<_> = delivered(&world).await.into_iter().map(|(signer, ..)| signer).collect();
    assert_eq!(
        signers,
        [Some(world.sandbox.identity().public_key_id), Some(world.sandbox.identity().public_key_id)]
    );
}

#[tokio::test]
async fn each_attempt_is_signed_anew_and_has_the_same_id() {
    let world = world().await;
    world.shop.answers(500, "{\"code\":\"FAIL\",\"message\":\"失败\"}");
    Merchant::new(&world).place_and_pay().await;
    world.step().await;
    world.clock.set(world.sandbox.next_due().unwrap());
    assert_eq!(world.clock.now(), PLACED.plus_ms(15_000));
    world.step().await;
    let told = delivered(&world).await;
    assert!(told.iter().all(|(signer, ..)| signer.is_some()));
    assert_eq!((&told[0].1["id"], &told[0].2), (&told[1].1["id"], &told[1].2));
    let records = world.notices().await;
    for name in ["Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Signature"] {
        assert_ne!(records[0].headers[name], records[1].headers[name], "{name}");
    }
}

#[tokio::test]
async fn a_2xx_that_is_empty_or_says_success_acknowledges_and_nothing_else_does() {
    for (status, body, done) in [
        (200, "", true),
        (204, "", true),
        (200, "{\"code\":\"SUCCESS\",\"message\":\"成功\"}", true),
        (200, "{\"code\":\"FAIL\",\"message\":\"失败\"}", false),
        (200, crate::common::SUCCESS, false),
        (401, "", false),
        (500, "", false),
    ] {
        let world = world().await;
        world.shop.answers(status, body);
        Merchant::new(&world).place_and_pay().await;
        world.step().await;
        assert_eq!(world.sandbox.next_due().is_none(), done, "{status} {body}");
    }
}

#[tokio::test]
async fn the_end_of_a_refund_is_told_in_the_words_of_v3() {
    for (result, word) in [
        (RefundStatus::Success, "SUCCESS"),
        (RefundStatus::Closed, "CLOSED"),
        (RefundStatus::Change, "ABNORMAL"),
    ] {
        let world = world().await;
        world.shop.answers(204, "");
        let merchant = Merchant::new(&world);
        let transaction_id = merchant.place_and_pay().await;
        world.step().await;
        let refund = RefundFaults { result, ..RefundFaults::default() };
        world.sandbox.set_faults(Faults { refund, ..Faults::default() });
        let taken = merchant.refund(&merchant.refund_body()).await.ok();
        world.clock.advance(3_000);
        world.step().await;
        let (signer, envelope, told) = delivered(&world).await.remove(1);
        assert!(signer.is_some());
        assert_eq!(envelope["event_type"], format!("REFUND.{word}"));
        assert_eq!(envelope["resource"]["original_type"], "refund");
        assert_eq!((told["refund_status"].as_str(), told.get("status")), (Some(word), None));
        assert_eq!(told["success_time"].is_string(), word == "SUCCESS");
        assert_eq!((told["mchid"].as_str(), told["out_trade_no"].as_str()), (Some("10000100"), Some(NUMBER)));
        assert_eq!(
            (&told["refund_id"], told["transaction_id"].as_str()),
            (&taken["refund_id"], Some(transaction_id.as_str()))
        );
        assert_eq!(
            told["amount"],
            json!({ "total": 1990, "refund": 500, "payer_total": 1990, "payer_refund": 500 })
        );
    }
}

#[tokio::test]
async fn a_refund_is_told_in_the_protocol_that_asked_for_it() {
    let world = world().await;
    let merchant = Merchant::new(&world);
    merchant.place_and_pay().await;
    let url = world.shop.url.lock().unwrap().clone();
    let refund = base().with("out_trade_no", NUMBER).with("out_refund_no", "RF1").with("total_fee", "1990");
    let refund = refund.with("refund_fee", "500").with("notify_url", url);
    world.post("/secapi/pay/refund", refund).await;
    world.clock.advance(3_000);
    world.step().await;
    let bodies = world.shop.got();
    assert!(
        bodies.iter().any(|body| body.starts_with('{'))
            && bodies.iter().any(|body| body.contains("req_info"))
    );
}

#[tokio::test]
async fn a_forged_notice_and_one_of_another_amount_can_be_asked_for() {
    let world = world().await;
    world.shop.answers(204, "");
    let notify = NotifyFaults { forge_sign: true, total_fee: Some(1), repeat: 2, ..NotifyFaults::default() };
    world.sandbox.set_faults(Faults { notify, ..Faults::default() });
    Merchant::new(&world).place_and_pay().await;
    world.step().await;
    let told = delivered(&world).await;
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|(signer, ..)| signer.is_none()), "a stranger signed them");
    assert!(told.iter().all(|(.., paid)| paid["amount"]["total"] == 1));
    let signatures: std::collections::BTreeSet<_> = world
        .notices()
        .await
        .into_iter()
        .map(|record| record.headers["Wechatpay-Signature"].clone())
        .collect();
    assert_eq!(signatures.len(), 3, "each copy is signed for itself");
    assert_eq!(world.sandbox.identity().apiv3_key, KEY);
}
