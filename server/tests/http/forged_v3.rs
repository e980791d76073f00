//! Notices of API v3 that WeChat did not sign, or not for this merchant (scenarios 1 and 2): none is believed, and nothing is
//! written for the order that they name.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use wxpay::v3::sign::SigningKey;

use super::{
    common::{Site, on_both, paid as paid_by_v2, signed as signed_by_v2},
    signed_v3::{APIV3_KEY, Message, WECHATS_ID, beside, ours, placed_by_v3, wechats},
    wechat_v3::{envelope, now_s, paid},
};

type Forged = Vec<(&'static str, Message)>;

const NOT_BELIEVED: (u16, &str) = (401, r#"{"code":"FAIL","message":"签名失败"}"#);
const NOT_TAKEN: (u16, &str) = (500, r#"{"code":"FAIL","message":"失败"}"#);

/// Posts what is forged for an order that waits for its payment. The genuine notice after it is credited, so it was a notice
/// for this order, and only what is wrong with it kept it out. `counted` are the words of the counter.
async fn all_are_refused(wanted: (u16, &str), counted: &[&str], forged: impl Fn(&str) -> Forged) {
    on_both(async |site| {
        let (server, running) = beside(&site).await;
        let number = placed_by_v3(&site, "lin").await;
        // A signed one that cannot be read has WeChat asked about the order; nothing else is written.
        let events = site.count("events WHERE kind <> 'queried'").await;
        for (name, message) in forged(&number) {
            for path in ["/wxpay/v3/notify", "/wxpay/v3/refund-notify"] {
                let (status, body) = message.send(&site, &format!("{server}{path}")).await;
                assert_eq!((status.as_u16(), body.as_str()), wanted, "{name} at {path}");
            }
        }
        assert_eq!((site.count(&of(&number, "pending")).await, site.count("ledger").await), (1, 0));
        assert_eq!(site.count("exceptions").await, 0);
        assert_eq!(site.count("events WHERE kind <> 'queried'").await, events);
        let metrics = site.http.get(format!("{server}/metrics")).send().await.unwrap().text().await.unwrap();
        for word in counted {
            let line = format!("saoma_notices_total{{protocol=\"v3\",verdict=\"{word}\"}}");
            assert!(metrics.contains(&line), "{word}: {metrics}");
        }
        credited(&site, &server, &number).await;
        running.stop().await;
    })
    .await;
}

/// The order's row in this state; the site's own server may know it only some seconds later.
fn of(number: &str, state: &str) -> String {
    format!("orders WHERE out_trade_no = '{number}' AND state = '{state}'")
}

async fn credited(site: &Site, server: &str, number: &str) {
    let answer = Message::paid(&paid(number)).send(site, &format!("{server}/wxpay/v3/notify")).await;
    assert_eq!(answer, (StatusCode::NO_CONTENT, String::new()));
    assert_eq!((site.count(&of(number, "paid")).await, site.count("ledger").await), (1, 1));
}

fn genuine(number: &str) -> Message {
    Message::paid(&paid(number))
}

fn body_of(number: &str) -> Vec<u8> {
    genuine(number).body
}

#[tokio::test]
async fn a_wrong_signature_is_not_believed_and_counted() {
    all_are_refused(NOT_BELIEVED, &["mismatch", "not_base64", "probe"], |number| {
        let (good, body) = (genuine(number), body_of(number));
        let signature = good.header("wechatpay-signature");
        let other_digit = if signature.starts_with('A') { "B" } else { "A" };
        let with = |text: String| good.clone().with("wechatpay-signature", text);
        vec![
            ("one character off", with(format!("{other_digit}{}", &signature[1..]))),
            ("cut", with(signature[..340].to_owned())),
            ("doubled", with(format!("{signature}{signature}"))),
            ("not base64", with("*".repeat(344))),
            ("base64url", with(signature.replace('+', "-").replace('/', "_") + "_")),
            ("WeChat's own probe", with(format!("WECHATPAY/SIGNTEST/{signature}"))),
            ("with our own key", Message::signed(&body, &ours(), WECHATS_ID, now_s())),
            (
                "over another order",
                Message { body: body_of("SM20260315100000AAAAAAAAAAAAAAAA"), ..good.clone() },
            ),
            ("body with a space", Message { body: [b" ", &body[..]].concat(), ..good.clone() }),
            ("another nonce", good.clone().with("wechatpay-nonce", "other")),
            ("a minute later", good.clone().with("wechatpay-timestamp", (now_s() + 60).to_string())),
        ]
    })
    .await;
}

#[tokio::test]
async fn a_missing_doubled_or_unreadable_header_is_not_believed() {
    let words = ["no_headers", "duplicate_header", "bad_timestamp", "other_algorithm"];
    all_are_refused(NOT_BELIEVED, &words, |number| {
        let good = genuine(number);
        let names = ["wechatpay-timestamp", "wechatpay-nonce", "wechatpay-serial", "wechatpay-signature"];
        let missing = names.map(|name| ("missing", good.clone().without(name)));
        let doubled = names.map(|name| ("doubled", good.clone().and(name, good.header(name))));
        let at = |text: &str| good.clone().with("wechatpay-timestamp", text);
        let mut forged = Vec::from(missing);
        forged.extend(doubled);
        forged.extend([
            ("a signed timestamp", at(&format!("+{}", now_s()))),
            ("milliseconds", at(&format!("{}000", now_s()))),
            ("no number", at("now")),
            ("SM2", good.clone().with("wechatpay-signature-type", "WECHATPAY2-SM2-WITH-SM3")),
            ("an empty signature", good.clone().with("wechatpay-signature", "")),
        ]);
        forged
    })
    .await;
}

#[tokio::test]
async fn a_notice_301_s_old_or_ahead_is_refused() {
    all_are_refused(NOT_BELIEVED, &["stale"], |number| {
        let body = body_of(number);
        // A second more than the edge, because the clock goes on meanwhile.
        let at = |off| Message::signed(&body, &wechats(), WECHATS_ID, now_s() + off);
        vec![("old", at(-301)), ("ahead", at(303)), ("a day old", at(-86_400))]
    })
    .await;
}

#[tokio::test]
async fn a_serial_that_is_not_wechats_is_not_believed() {
    all_are_refused(NOT_BELIEVED, &["unknown_serial"], |number| {
        let body = body_of(number);
        let by = |key: &SigningKey, serial: &str| Message::signed(&body, key, serial, now_s());
        vec![
            ("our own certificate's", by(&ours(), "5157F09EFDC096DE15EBE81A47057A7232F1B8E1")),
            ("a stranger's", by(&ours(), "6157F09EFDC096DE15EBE81A47057A7232F1B8E2")),
            ("another id", by(&wechats(), "PUB_KEY_ID_0119000098512026031500000000000002")),
            ("the id without its prefix", by(&wechats(), "0119000098512026031500000000000001")),
            ("in small letters", by(&wechats(), &WECHATS_ID.to_lowercase())),
        ]
    })
    .await;
}

#[tokio::test]
async fn a_signed_notice_that_cannot_be_opened_or_read_is_not_taken() {
    all_are_refused(NOT_TAKEN, &["seal", "bad_field", "malformed"], |number| {
        let plain = paid(number).to_string();
        let sealed = |key: &str| envelope(plain.as_bytes(), key, "transaction");
        let mut other_aad = sealed(APIV3_KEY);
        other_aad["resource"]["associated_data"] = json!("refund");
        let mut other_nonce = sealed(APIV3_KEY);
        other_nonce["resource"]["nonce"] = json!("t9Xk2LmQ4vW");
        let mut other_event = sealed(APIV3_KEY);
        other_event["event_type"] = json!("TRANSACTION.CLOSED");
        let text = |text: &[u8]| Message::genuine(&envelope(text, APIV3_KEY, "transaction"));
        let not_json = |body: &[u8]| Message::signed(body, &wechats(), WECHATS_ID, now_s());
        let doubled = plain.replacen('{', "{\"mchid\":\"10000100\",", 1);
        vec![
            ("another APIv3 key", Message::genuine(&sealed("ABCDEFGHIJabcdefghij012345678901"))),
            ("other associated data", Message::genuine(&other_aad)),
            ("a shorter nonce", Message::genuine(&other_nonce)),
            ("an event that is not inside", Message::genuine(&other_event)),
            ("not JSON inside", text(b"paid")),
            ("a name twice inside", text(doubled.as_bytes())),
            ("an amount with an exponent", text(plain.replace("\"total\":1000", "\"total\":1e3").as_bytes())),
            ("not JSON", not_json(b"paid")),
            ("a list", not_json(b"[]")),
            ("a message of v2", not_json(signed_by_v2(paid_by_v2(number, "1000")).as_bytes())),
        ]
    })
    .await;
}

#[tokio::test]
async fn a_signed_notice_that_cannot_be_read_has_wechat_asked_at_once() {
    on_both(async |site| {
        let (server, running) = beside(&site).await;
        let number = placed_by_v3(&site, "lin").await;
        let (later, waits) = (
            "UPDATE orders SET next_query_at = created_at + 1800000",
            "orders WHERE next_query_at = created_at + 1800000",
        );
        site.set(later).await;
        assert_eq!(site.count(waits).await, 1);
        let plain = paid(&number).to_string().replace("\"total\":1000", "\"total\":1e3");
        let message = Message::genuine(&envelope(plain.as_bytes(), APIV3_KEY, "transaction"));
        let (status, body) = message.send(&site, &format!("{server}/wxpay/v3/notify")).await;
        assert_eq!((status.as_u16(), body.as_str()), NOT_TAKEN);
        for _ in 0..100 {
            if site.count(waits).await == 0 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        assert_eq!(site.count(waits).await, 0, "WeChat is asked in half an hour");
        running.stop().await;
    })
    .await;
}

#[tokio::test]
async fn another_merchants_notice_is_not_taken_though_it_is_signed_and_sealed_for_us() {
    all_are_refused(NOT_TAKEN, &["other_merchant"], |number| {
        let with = |name: &str, value: &str| {
            let mut message: Value = paid(number);
            message[name] = json!(value);
            Message::paid(&message)
        };
        vec![
            ("another mchid", with("mchid", "1900009851")),
            ("a sub-merchant", with("sub_mchid", "1900009851")),
            ("a service provider", with("sp_mchid", "1900009851")),
        ]
    })
    .await;
}

#[tokio::test]
async fn a_message_of_v2_and_an_unsigned_one_are_not_believed_by_v3() {
    all_are_refused(NOT_BELIEVED, &["no_headers"], |number| {
        let plain = |body: String| Message { headers: Vec::new(), body: body.into_bytes() };
        vec![
            ("v2", plain(signed_by_v2(paid_by_v2(number, "1000")))),
            ("unsigned", plain(paid(number).to_string())),
            ("empty", plain(String::new())),
        ]
    })
    .await;
}

#[tokio::test]
async fn a_large_notice_is_not_read_and_another_method_is_refused() {
    on_both(async |site| {
        let (server, running) = beside(&site).await;
        for path in ["/wxpay/v3/notify", "/wxpay/v3/refund-notify"] {
            let address = format!("{server}{path}");
            let large = Message::signed(&[b' '; 16 * 1024 + 1], &wechats(), WECHATS_ID, now_s());
            assert_eq!(large.send(&site, &address).await.0, StatusCode::PAYLOAD_TOO_LARGE);
            let read = site.http.request(Method::GET, &address).send().await.unwrap();
            assert_eq!(read.status(), StatusCode::METHOD_NOT_ALLOWED);
        }
        running.stop().await;
    })
    .await;
}

#[tokio::test]
async fn without_credentials_for_v3_nothing_is_believed() {
    on_both(async |site| {
        let (first, running) = super::instances::beside(&site, wxpay::Merchant::sandbox()).await;
        let number = placed_by_v3(&site, "lin").await;
        let (status, body) = genuine(&number).send(&site, &format!("{first}/wxpay/v3/notify")).await;
        assert_eq!((status.as_u16(), body.as_str()), NOT_TAKEN);
        assert_eq!(site.status("lin", &number).await["state"], "pending");
        running.stop().await;
    })
    .await;
}
