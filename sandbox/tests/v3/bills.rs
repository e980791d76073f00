//! Bills in API v3: the answer with hash and address, and the file behind it.

use std::io::Read;

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use sandbox::{Faults, V3Faults, WrongHash};
use serde_json::Value;

use crate::common::{HOUR, MINUTE, NUMBER, World, world};
use crate::v3::merchant::{Merchant, Reply};

const DAY: &str = "/v3/bill/tradebill?bill_date=2026-03-15";

/// A paid order with a refund on 15 March, seen at 10:00 on the 16th.
async fn a_day_later(world: &World) -> Merchant<'_> {
    let merchant = Merchant::new(world);
    merchant.place_and_pay().await;
    merchant.refund(&merchant.refund_body()).await.ok();
    world.clock.advance(24 * HOUR);
    merchant
}

fn sha1(bytes: &[u8]) -> String {
    digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

/// The file behind an answer, asked for as its address says.
async fn file(merchant: &Merchant<'_>, answer: &Value) -> Reply {
    let url = answer["download_url"].as_str().unwrap();
    merchant.get(url.strip_prefix(&merchant.world.base).unwrap()).await
}

#[tokio::test]
async fn a_trade_bill_is_an_unsigned_file_whose_hash_was_signed() {
    let world = world().await;
    let merchant = a_day_later(&world).await;
    let answer = merchant.get(DAY).await;
    assert!(answer.signed_by(&world).is_some());
    let answer = answer.ok();
    assert_eq!(answer["hash_type"], "SHA1");
    let file = file(&merchant, &answer).await;
    assert_eq!((file.status, file.header("Wechatpay-Signature")), (200, ""));
    assert_eq!(answer["hash_value"], sha1(&file.body).as_str());
    let text = String::from_utf8(file.body).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("交易时间,公众账号ID,商户号"));
    assert!(lines[1].contains(NUMBER) && lines[1].contains("`SUCCESS,") && lines[1].contains("`19.90,"));
    assert!(lines[2].contains("`RF20260316000001,") && lines[2].contains("`5.00,"));
    assert_eq!(lines[4], "`2,`19.90,`5.00,`0.00,`0.00000,`19.90,`5.00");
}

#[tokio::test]
async fn the_hash_of_a_packed_bill_is_over_what_is_inside() {
    let world = world().await;
    let merchant = a_day_later(&world).await;
    let answer = merchant.get(&format!("{DAY}&bill_type=ALL&tar_type=GZIP")).await.ok();
    let file = file(&merchant, &answer).await;
    let mut inside = Vec::new();
    flate2::read::GzDecoder::new(&file.body[..]).read_to_end(&mut inside).unwrap();
    assert_eq!(answer["hash_value"], sha1(&inside).as_str());
    assert_ne!(answer["hash_value"], sha1(&file.body).as_str());
}

#[tokio::test]
async fn the_money_flow_bill_has_what_came_in_and_went_out() {
    let world = world().await;
    let merchant = a_day_later(&world).await;
    let answer = merchant.get("/v3/bill/fundflowbill?bill_date=2026-03-15").await.ok();
    let text = String::from_utf8(file(&merchant, &answer).await.body).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[1].contains("`交易,`交易,`收入,`19.90,`19.90,"));
    assert!(lines[2].contains("`退款,`退款,`支出,`5.00,`14.90,"));
    assert_eq!(lines[4], "`2,`1,`19.90,`1,`5.00");
    let other = merchant.get("/v3/bill/fundflowbill?bill_date=2026-03-15&account_type=FEES").await;
    assert_eq!(other.refusal(), (400, "NO_STATEMENT_EXIST".into()));
}

#[tokio::test]
async fn a_bill_that_is_not_made_is_refused_by_what_is_wrong() {
    let world = world().await;
    let merchant = a_day_later(&world).await;
    for (query, code) in [
        ("", "PARAM_ERROR"),
        ("?bill_date=20260315", "PARAM_ERROR"),
        ("?bill_date=2026-03-15&bill_type=MINE", "PARAM_ERROR"),
        ("?bill_date=2026-03-15&tar_type=ZIP", "PARAM_ERROR"),
        ("?bill_date=2026-03-17", "INVALID_REQUEST"),
        ("?bill_date=2025-11-15", "NO_STATEMENT_EXIST"),
        ("?bill_date=2026-03-14", "NO_STATEMENT_EXIST"),
        ("?bill_date=2026-03-15&bill_type=RECHARGE_REFUND", "NO_STATEMENT_EXIST"),
        ("?bill_date=2026-03-16", "STATEMENT_CREATING"),
    ] {
        let reply = merchant.get(&format!("/v3/bill/tradebill{query}")).await;
        assert_eq!(reply.refusal(), (400, code.into()), "{query}");
    }
}

#[tokio::test]
async fn a_file_can_be_fetched_for_five_minutes_and_only_by_the_merchant() {
    let world = world().await;
    let merchant = a_day_later(&world).await;
    let answer = merchant.get(DAY).await.ok();
    let url = answer["download_url"].as_str().unwrap().strip_prefix(&world.base).unwrap();
    let unproved = merchant.send("GET", url, &[("User-Agent", "x"), ("Accept", "*/*")], "").await;
    assert_eq!(unproved.status, 401);
    world.clock.advance(5 * MINUTE - 1);
    assert_eq!(file(&merchant, &answer).await.status, 200);
    world.clock.advance(1);
    assert_eq!(file(&merchant, &answer).await.refusal(), (400, "INVALID_REQUEST".into()));
}

#[tokio::test]
async fn a_switch_answers_with_the_hash_of_another_file() {
    let world = world().await;
    let merchant = a_day_later(&world).await;
    let v3 = V3Faults { bill_hash: Some(WrongHash::Wrong), ..V3Faults::default() };
    world.sandbox.set_faults(Faults { v3, ..Faults::default() });
    let answer = merchant.get(DAY).await;
    assert!(answer.signed_by(&world).is_some());
    let answer = answer.ok();
    assert_ne!(answer["hash_value"], sha1(&file(&merchant, &answer).await.body).as_str());
}
