//! The switches of API v3.

use sandbox::{AnswerFault, Certificates, Faults, V3Faults, WrongSerial, WrongTag};
use serde_json::{Value, json};

use crate::common::{NUMBER, PLACED, World, world};
use crate::v3::merchant::{Merchant, Reply, open, signed_by};

fn set(world: &World, v3: V3Faults) {
    world.sandbox.set_faults(Faults { v3, ..Faults::default() });
}

/// An order is placed and paid under these switches: the answer to the placing, and the records of its notice.
async fn paid(v3: V3Faults) -> (World, Reply, Vec<sandbox::NoticeRecord>) {
    let world = world().await;
    world.shop.answers(204, "");
    set(&world, v3);
    let merchant = Merchant::new(&world);
    let placed = merchant.post("/v3/pay/transactions/native", &merchant.order()).await;
    let code_url = world.sandbox.order(NUMBER).unwrap().code_url().unwrap().to_owned();
    world.pay(&code_url).await;
    world.step().await;
    let notices = world.notices().await;
    (world, placed, notices)
}

fn signer(world: &World, record: &sandbox::NoticeRecord) -> Option<String> {
    let header = |name: &str| record.headers.get(name).cloned().unwrap_or_default();
    signed_by(world, &header, record.body.as_bytes())
}

#[tokio::test]
async fn an_answer_or_a_notice_names_another_key_than_its_own() {
    for wrong in [WrongSerial::Unknown, WrongSerial::Merchant, WrongSerial::Other] {
        let v3 = V3Faults { answer_serial: Some(wrong), notice_serial: Some(wrong), ..V3Faults::default() };
        let (world, placed, notices) = paid(v3).await;
        let identity = world.sandbox.identity();
        for stated in [placed.header("Wechatpay-Serial"), &notices[0].headers["Wechatpay-Serial"]] {
            let known =
                identity.platform_serials.iter().chain([&identity.public_key_id]).any(|s| s == stated);
            assert_eq!(known, wrong == WrongSerial::Other, "{wrong:?}: {stated}");
            assert_eq!(stated == identity.serial, wrong == WrongSerial::Merchant);
        }
        assert!(placed.signed_by(&world).is_none() && signer(&world, &notices[0]).is_none());
    }
}

#[tokio::test]
async fn seals_are_wrong_in_their_tag_their_data_or_their_key() {
    for wrong in [WrongTag::Wrong, WrongTag::NoAad, WrongTag::OtherKey] {
        let v3 = V3Faults { tag: Some(wrong), ..V3Faults::default() };
        let (world, _, notices) = paid(v3).await;
        assert!(signer(&world, &notices[0]).is_some(), "the signature is right");
        let key = world.sandbox.identity().apiv3_key;
        let mut resource = serde_json::from_str::<Value>(&notices[0].body).unwrap()["resource"].clone();
        assert_eq!(open(&resource, &key), None, "{wrong:?}");
        if wrong == WrongTag::NoAad {
            resource["associated_data"] = "transaction".into();
            assert!(open(&resource, &key).is_some(), "only the data was missing");
        }
        let list = Merchant::new(&world).get("/v3/certificates").await.ok();
        assert_eq!(open(&list["data"][0]["encrypt_certificate"], &key), None, "{wrong:?}");
    }
}

#[tokio::test]
async fn answers_and_notices_are_stamped_and_signed_for_another_time() {
    let (world, placed, notices) = paid(V3Faults { timestamp_s: -301, ..V3Faults::default() }).await;
    let old = (PLACED.get() / 1000 - 301).to_string();
    assert_eq!(placed.header("Wechatpay-Timestamp"), old);
    assert_eq!(notices[0].headers["Wechatpay-Timestamp"], old);
    assert!(placed.signed_by(&world).is_some() && signer(&world, &notices[0]).is_some());
}

#[tokio::test]
async fn a_notice_is_replayed_byte_for_byte() {
    let (world, _, notices) = paid(V3Faults { replay: 3, ..V3Faults::default() }).await;
    assert_eq!((notices.len(), world.shop.got().len()), (4, 4));
    assert!(notices.iter().all(|one| (&one.headers, &one.body) == (&notices[0].headers, &notices[0].body)));
}

#[tokio::test]
async fn probes_begin_with_signtest_and_the_call_is_done() {
    let v3 = V3Faults { signtest: 1.0, probe_notices: 1.0, ..V3Faults::default() };
    let (world, placed, notices) = paid(v3).await;
    assert_eq!(placed.status, 200);
    for signature in [placed.header("Wechatpay-Signature"), &notices[0].headers["Wechatpay-Signature"]] {
        assert!(signature.starts_with("WECHATPAY/SIGNTEST/"), "{signature}");
    }
    assert!(placed.signed_by(&world).is_none() && signer(&world, &notices[0]).is_none());
}

#[tokio::test]
async fn a_share_of_probes_is_a_share() {
    let world = world().await;
    world.sandbox.seed(7);
    set(&world, V3Faults { signtest: 0.5, ..V3Faults::default() });
    let merchant = Merchant::new(&world);
    let mut probes = 0;
    for _ in 0..40 {
        let reply = merchant.get("/v3/certificates").await;
        probes += usize::from(reply.header("Wechatpay-Signature").starts_with("WECHATPAY/SIGNTEST/"));
    }
    assert!((8..=32).contains(&probes), "{probes} of 40");
}

#[tokio::test]
async fn headers_are_left_out_one_by_one_or_all() {
    let dropped = "wechatpay-nonce";
    let v3 = V3Faults { drop_headers: vec![dropped.into()], ..V3Faults::default() };
    let (_, placed, notices) = paid(v3).await;
    assert_eq!(placed.header("Wechatpay-Nonce"), "");
    assert!(!placed.header("Wechatpay-Signature").is_empty());
    assert!(!notices[0].headers.contains_key("Wechatpay-Nonce"));
    let (_, placed, _) = paid(V3Faults { unsigned: true, ..V3Faults::default() }).await;
    assert!(placed.headers.keys().all(|name| !name.as_str().starts_with("wechatpay-")));
    assert!(!placed.header("Request-ID").is_empty());
}

#[tokio::test]
async fn a_status_and_a_code_are_answered_before_or_after_the_effect() {
    for after_effect in [false, true] {
        let world = world().await;
        let v3 = V3Faults {
            status: Some(429),
            code: Some("FREQUENCY_LIMITED".into()),
            after_effect,
            ..V3Faults::default()
        };
        set(&world, v3);
        let merchant = Merchant::new(&world);
        let reply = merchant.post("/v3/pay/transactions/native", &merchant.order()).await;
        assert_eq!(reply.refusal(), (429, "FREQUENCY_LIMITED".into()));
        assert!(reply.signed_by(&world).is_some());
        assert_eq!(world.sandbox.order(NUMBER).is_some(), after_effect);
        set(&world, V3Faults { code: Some("SYSTEM_ERROR".into()), ..V3Faults::default() });
        assert_eq!(merchant.query().await.refusal(), (500, "SYSTEM_ERROR".into()));
    }
}

#[tokio::test]
async fn the_switches_of_v2_mean_the_same_in_v3() {
    let world = world().await;
    let merchant = Merchant::new(&world);
    merchant.place().await;
    let refuse = [("orderquery".to_owned(), "ORDERNOTEXIST".to_owned())].into();
    world.sandbox.set_faults(Faults { refuse, ..Faults::default() });
    assert_eq!(merchant.query().await.refusal(), (404, "ORDER_NOT_EXIST".into()));
    world.sandbox.set_faults(Faults { trade_state: Some("USERPAYING".into()), ..Faults::default() });
    assert_eq!(merchant.query().await.ok()["trade_state"], "USERPAYING");
    world.sandbox.set_faults(Faults { answer: AnswerFault::SystemError, ..Faults::default() });
    assert_eq!(merchant.query().await.refusal(), (500, "SYSTEM_ERROR".into()));
    for (answer, status) in [(AnswerFault::Http500, 500), (AnswerFault::Garbage, 200)] {
        world.sandbox.set_faults(Faults { answer, ..Faults::default() });
        let reply = merchant.query().await;
        assert_eq!((reply.status, reply.body[0], reply.header("Wechatpay-Signature")), (status, b'<', ""));
    }
    world.sandbox.set_faults(Faults { answer: AnswerFault::Unsigned, ..Faults::default() });
    assert_eq!(merchant.query().await.header("Wechatpay-Signature"), "");
}

#[tokio::test]
async fn notices_change_to_the_public_key_by_percent() {
    for (percent, by_public_key) in [(0, 0), (100, 20)] {
        let v3 = V3Faults { notify_key_percent: Some(percent), ..V3Faults::default() };
        let world = world().await;
        world.shop.answers(500, "");
        set(&world, v3);
        Merchant::with_public_key(&world).place_and_pay().await;
        world.step().await;
        let notices = world.notices().await;
        let id = world.sandbox.identity().public_key_id;
        let by_it = notices.iter().filter(|one| signer(&world, one).as_ref() == Some(&id)).count();
        assert_eq!(by_it, usize::min(by_public_key, notices.len()));
    }
}

#[tokio::test]
async fn certificates_are_one_two_none_or_ended() {
    let world = world().await;
    world.sandbox.rotate(sandbox::Rotation::default()).await.unwrap();
    let merchant = Merchant::new(&world);
    for (certificates, count) in [(None, 3), (Some(Certificates::Two), 2), (Some(Certificates::One), 1)] {
        set(&world, V3Faults { certificates, ..V3Faults::default() });
        let list = merchant.get("/v3/certificates").await.ok();
        let data = list["data"].as_array().unwrap();
        assert_eq!(data.len(), count);
        let newest = world.sandbox.identity().platform_serials.pop().unwrap();
        assert_eq!(data[count - 1]["serial_no"], newest.as_str());
    }
    set(&world, V3Faults { certificates: Some(Certificates::Expired), ..V3Faults::default() });
    let list = merchant.get("/v3/certificates").await.ok();
    assert_eq!(list["data"][0]["expire_time"], "2026-03-14T10:00:00+08:00");
    set(&world, V3Faults { certificates: Some(Certificates::None), ..V3Faults::default() });
    let none = merchant.get("/v3/certificates").await;
    assert_eq!(none.refusal(), (404, "RESOURCE_NOT_EXISTS".into()));
    assert_eq!(none.signed_by(&world), Some(world.sandbox.identity().public_key_id));
}

#[tokio::test]
async fn a_switch_out_of_its_range_or_of_no_name_is_refused() {
    let world = world().await;
    for (v3, why) in [
        (json!({ "signtest": 1.1 }), "signtest"),
        (json!({ "probe_notices": -0.1 }), "probe_notices"),
        (json!({ "notify_key_percent": 101 }), "notify_key_percent"),
        (json!({ "status": 100 }), "status"),
        (json!({ "replay": 10_001 }), "replay"),
        (json!({ "tags": "wrong" }), "tags"),
        (json!({ "tag": "right" }), "right"),
    ] {
        let (status, refused) = world.control("PUT", "/control/faults", json!({ "v3": v3 })).await;
        assert_eq!(status, 400, "{refused}");
        assert!(refused["message"].as_str().unwrap().contains(why), "{refused}");
    }
    let all = json!({ "v3": {
        "answer_serial": "unknown", "tag": "no_aad", "timestamp_s": -301, "replay": 3, "signtest": 0.2,
        "probe_notices": 0.2, "unsigned": true, "drop_headers": ["Wechatpay-Nonce"], "status": 429,
        "code": "SYSTEM_ERROR", "after_effect": true, "notify_key_percent": 20, "certificates": "one",
        "bill_hash": "wrong",
    }});
    let (status, shown) = world.control("PUT", "/control/faults", all).await;
    assert_eq!((status, shown["v3"]["signtest"].as_f64()), (200, Some(0.2)));
}
