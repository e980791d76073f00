//! Refunds in API v3.

use sandbox::{Faults, RefundFaults, RefundRefusal, RefundStatus};
use serde_json::{Value, json};

use crate::common::{NUMBER, World, base, world};
use crate::v3::merchant::{Merchant, Reply};

const NO: &str = "RF20260316000001";

async fn query(merchant: &Merchant<'_>, number: &str) -> Reply {
    merchant.get(&format!("/v3/refund/domestic/refunds/{number}")).await
}

fn ends_as(world: &World, result: RefundStatus) {
    let refund = RefundFaults { result, ..RefundFaults::default() };
    world.sandbox.set_faults(Faults { refund, ..Faults::default() });
}

#[tokio::test]
async fn a_refund_is_processing_and_then_what_it_ends_as_in_the_words_of_v3() {
    for (result, word) in [
        (RefundStatus::Success, "SUCCESS"),
        (RefundStatus::Closed, "CLOSED"),
        (RefundStatus::Change, "ABNORMAL"),
        (RefundStatus::Processing, "PROCESSING"),
    ] {
        let world = world().await;
        let merchant = Merchant::new(&world);
        let transaction_id = merchant.place_and_pay().await;
        ends_as(&world, result);
        let taken = merchant.refund(&merchant.refund_body()).await.ok();
        assert_eq!((taken["status"].as_str(), taken["success_time"].as_str()), (Some("PROCESSING"), None));
        assert_eq!(taken["transaction_id"], transaction_id.as_str());
        assert_eq!(
            (taken["out_trade_no"].as_str(), taken["out_refund_no"].as_str()),
            (Some(NUMBER), Some(NO))
        );
        let amount = &taken["amount"];
        assert_eq!((amount["total"].as_i64(), amount["refund"].as_i64()), (Some(1990), Some(500)));
        assert_eq!(amount["currency"], "CNY");
        for field in ["refund_id", "channel", "user_received_account", "create_time", "funds_account"] {
            assert!(taken[field].is_string(), "{field}");
        }
        world.clock.advance(3_000);
        let ended = query(&merchant, NO).await.ok();
        assert_eq!(
            (ended["status"].as_str(), ended["refund_id"].as_str()),
            (Some(word), taken["refund_id"].as_str())
        );
        assert_eq!(ended["success_time"].is_string(), word == "SUCCESS");
        assert_eq!(merchant.query().await.ok()["trade_state"], "REFUND");
    }
}

#[tokio::test]
async fn the_same_refund_again_is_the_same_and_another_amount_is_refused() {
    let world = world().await;
    let merchant = Merchant::new(&world);
    merchant.place_and_pay().await;
    let body = merchant.refund_body();
    let first = merchant.refund(&body).await.ok();
    assert_eq!(merchant.refund(&body).await.ok()["refund_id"], first["refund_id"]);
    let mut other = body.clone();
    other["amount"]["refund"] = json!(501);
    assert_eq!(merchant.refund(&other).await.refusal(), (400, "INVALID_REQUEST".into()));
    assert_eq!(world.sandbox.order(NUMBER).unwrap().refunds.len(), 1);
}

#[tokio::test]
async fn no_more_than_was_paid_goes_back() {
    let world = world().await;
    let merchant = Merchant::new(&world);
    merchant.place_and_pay().await;
    let part = |number: &str, fen: i64| {
        let mut body = merchant.refund_body();
        body["out_refund_no"] = number.into();
        body["amount"]["refund"] = fen.into();
        body
    };
    merchant.refund(&part("RF1", 1490)).await.ok();
    assert_eq!(merchant.refund(&part("RF2", 501)).await.refusal(), (400, "INVALID_REQUEST".into()));
    merchant.refund(&part("RF3", 500)).await.ok();
}

#[tokio::test]
async fn a_refund_of_what_is_unknown_or_unpaid_is_a_404() {
    let world = world().await;
    let merchant = Merchant::new(&world);
    let body = merchant.refund_body();
    assert_eq!(merchant.refund(&body).await.refusal(), (404, "RESOURCE_NOT_EXISTS".into()));
    merchant.place().await;
    assert_eq!(merchant.refund(&body).await.refusal(), (404, "RESOURCE_NOT_EXISTS".into()));
    assert_eq!(query(&merchant, NO).await.refusal(), (404, "RESOURCE_NOT_EXISTS".into()));
}

#[tokio::test]
async fn a_parameter_of_a_refund_that_is_wrong_is_pointed_to() {
    let world = world().await;
    let merchant = Merchant::new(&world);
    merchant.place_and_pay().await;
    for (pointer, value) in [
        ("/out_refund_no", Value::Null),
        ("/out_refund_no", json!("RF#1")),
        ("/amount/refund", json!(0)),
        ("/amount/refund", json!("500")),
        ("/amount/total", Value::Null),
        ("/amount/currency", Value::Null),
        ("/reason", json!("长".repeat(81))),
        ("/notify_url", json!("ftp://shop.example.com")),
    ] {
        let mut body = merchant.refund_body();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        parent.insert(name.to_owned(), value.clone());
        if value.is_null() {
            parent.remove(name);
        }
        let reply = merchant.refund(&body).await;
        assert_eq!(reply.refusal(), (400, "PARAM_ERROR".into()), "{pointer} {value}");
        assert_eq!(reply.json()["detail"]["field"], pointer);
    }
    let mut neither = merchant.refund_body();
    neither.as_object_mut().unwrap().remove("out_trade_no");
    assert_eq!(merchant.refund(&neither).await.refusal(), (400, "PARAM_ERROR".into()));
}

#[tokio::test]
async fn the_switches_refusals_have_the_words_and_the_status_of_v3() {
    for (refuse, status, code) in [
        (RefundRefusal::NotEnough, 403, "NOT_ENOUGH"),
        (RefundRefusal::UserAccountAbnormal, 403, "USER_ACCOUNT_ABNORMAL"),
        (RefundRefusal::FrequencyLimited, 429, "FREQUENCY_LIMITED"),
        (RefundRefusal::Error, 500, "ERROR"),
    ] {
        let world = world().await;
        let merchant = Merchant::new(&world);
        merchant.place_and_pay().await;
        let refund = RefundFaults { refuse: Some(refuse), ..RefundFaults::default() };
        world.sandbox.set_faults(Faults { refund, ..Faults::default() });
        assert_eq!(merchant.refund(&merchant.refund_body()).await.refusal(), (status, code.into()));
    }
}

#[tokio::test]
async fn a_refund_of_one_protocol_is_queried_by_the_other() {
    let world = world().await;
    let merchant = Merchant::new(&world);
    merchant.place_and_pay().await;
    merchant.refund(&merchant.refund_body()).await.ok();
    let by_v2 = world.post("/pay/refundquery", base().with("out_refund_no", NO)).await;
    assert_eq!((by_v2.get("refund_fee_0"), by_v2.get("refund_status_0")), (Some("500"), Some("PROCESSING")));
    let refund = base().with("out_trade_no", NUMBER).with("out_refund_no", "RF2").with("total_fee", "1990");
    world.post("/secapi/pay/refund", refund.with("refund_fee", "90")).await;
    assert_eq!(query(&merchant, "RF2").await.ok()["amount"]["refund"], 90);
}
