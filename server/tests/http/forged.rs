//! Notices that WeChat did not sign, or not for this merchant (scenarios 1 and 2): FAIL for each, and nothing is read or
//! written for the order that they name.

use std::time::{Duration, Instant};

use md5::{Digest as _, Md5};
use reqwest::StatusCode;
use wxpay::{
    ApiKey, Merchant, SignType,
    v2::{Fields, sign},
};

use super::{
    common::{SUCCESS, Site, on_both, paid, signed, text},
    instances::beside,
};

type Forged = Vec<(&'static str, Vec<u8>)>;

/// Posts what is forged for an order that waits for its payment. The genuine notice after it is credited, so it was a notice
/// for this order, and only what is wrong with it kept it out.
async fn all_are_refused(forged: impl Fn(&str) -> Forged) {
    all_are_refused_with(&[], forged).await;
}

async fn all_are_refused_with(headers: &[(&str, &str)], forged: impl Fn(&str) -> Forged) {
    on_both(async |site| {
        let (number, _) = site.placed("lin", "10").await;
        // A signed one that cannot be read has WeChat asked about the order; nothing else is written.
        let events = site.count("events WHERE kind <> 'queried'").await;
        for (name, body) in forged(&number) {
            let mut request = site.http.post(format!("{}/wxpay/notify", site.url)).body(body);
            for (header, value) in headers {
                request = request.header(*header, *value);
            }
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{name}");
            let answer = response.text().await.unwrap();
            let fail = "<xml><return_code><![CDATA[FAIL]]></return_code><return_msg>";
            assert!(answer.starts_with(fail) && !answer.contains("SUCCESS"), "{name}: {answer}");
        }
        assert_eq!(site.status("lin", &number).await["state"], "pending");
        assert_eq!((site.balance("lin").await, site.count("ledger").await), (0, 0));
        assert_eq!(site.count("exceptions").await, 0);
        assert_eq!(site.count("events WHERE kind <> 'queried'").await, events);
        credited(&site, &number).await;
    })
    .await;
}

async fn credited(site: &Site, number: &str) {
    assert_eq!(site.notice(signed(paid(number, "1000"))).await, (StatusCode::OK, SUCCESS.to_owned()));
    assert_eq!(site.status("lin", number).await["state"], "paid");
}

fn genuine(number: &str) -> Fields {
    paid(number, "1000")
}

/// Signed as WeChat would, with one field other than it should be.
fn with(number: &str, name: &str, value: &str) -> Vec<u8> {
    signed(genuine(number).with(name, value)).into_bytes()
}

fn with_sign(number: &str, change: impl Fn(String) -> String) -> Vec<u8> {
    let fields = genuine(number);
    let sign = change(sign::sign(&fields, &Merchant::sandbox().key, SignType::Md5));
    fields.with("sign", sign).to_xml().into_bytes()
}

fn digit_other_than(sign: &str) -> char {
    if sign.starts_with('0') { '1' } else { '0' }
}

/// The MD5 that somebody makes who has no key, or uses `end` for it.
fn md5_with_end(number: &str, end: &str) -> Vec<u8> {
    let fields = genuine(number);
    let pairs: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let sign = Md5::digest(format!("{}{end}", pairs.join("&")));
    let sign: String = sign.iter().map(|byte| format!("{byte:02X}")).collect();
    fields.with("sign", sign).to_xml().into_bytes()
}

#[tokio::test]
async fn a_wrong_signature_is_refused_and_counted() {
    all_are_refused(|number| {
        vec![
            ("zeros", with_sign(number, |_| "0".repeat(32))),
            ("64 zeros", with_sign(number, |_| "0".repeat(64))),
            ("one digit off", with_sign(number, |sign| format!("{}{}", digit_other_than(&sign), &sign[1..]))),
            ("doubled", with_sign(number, |sign| format!("{sign}{sign}"))),
            ("cut", with_sign(number, |sign| sign[..31].to_owned())),
        ]
    })
    .await;
    on_both(async |site| {
        site.notice(with_sign("SM1", |_| "0".repeat(32))).await;
        let metrics = site.get("/metrics").send().await.unwrap().text().await.unwrap();
        assert!(
            metrics.contains("saoma_notices_total{protocol=\"v2\",verdict=\"bad_signature\"}"),
            "{metrics}"
        );
    })
    .await;
}

#[tokio::test]
async fn no_signature_is_refused() {
    all_are_refused(|number| vec![("no sign", genuine(number).to_xml().into_bytes())]).await;
}

#[tokio::test]
async fn an_empty_signature_is_refused() {
    all_are_refused(|number| {
        let open = genuine(number).to_xml().replace("</xml>", "<sign/></xml>");
        vec![("empty", with_sign(number, |_| String::new())), ("closed at once", open.into_bytes())]
    })
    .await;
}

#[tokio::test]
async fn a_signature_in_another_case_or_with_spaces_is_refused() {
    all_are_refused(|number| {
        vec![
            ("lower case", with_sign(number, |sign| sign.to_lowercase())),
            ("space before", with_sign(number, |sign| format!(" {sign}"))),
            ("space after", with_sign(number, |sign| format!("{sign} "))),
            ("line end", with_sign(number, |sign| format!("{sign}\n"))),
        ]
    })
    .await;
}

#[tokio::test]
async fn a_signature_made_without_a_key_is_refused() {
    all_are_refused(|number| {
        vec![
            ("empty key", md5_with_end(number, "&key=")),
            ("no key", md5_with_end(number, "")),
            ("32 zeros", md5_with_end(number, &format!("&key={}", "0".repeat(32)))),
        ]
    })
    .await;
}

#[tokio::test]
async fn a_signature_of_another_merchant_is_refused() {
    all_are_refused(|number| {
        let other = ApiKey::parse("0123456789abcdef0123456789ABCDEF").unwrap();
        [("MD5", SignType::Md5), ("HMAC-SHA256", SignType::HmacSha256)]
            .map(|(name, sign_type)| {
                let fields = genuine(number);
                let sign = sign::sign(&fields, &other, sign_type);
                (name, fields.with("sign", sign).to_xml().into_bytes())
            })
            .to_vec()
    })
    .await;
}

#[tokio::test]
async fn a_weaker_signature_than_ordered_with_is_refused_and_the_right_one_credited() {
    on_both(async |site| {
        let merchant = Merchant { sign_type: SignType::HmacSha256, ..Merchant::sandbox() };
        let (strong, running) = beside(&site, merchant.clone()).await;
        let form = [("u", site.token("lin")), ("quantity", "10".to_owned())];
        let placed = site.http.post(format!("{strong}/wxpay/recharge")).form(&form).send().await.unwrap();
        let number =
            placed.json::<serde_json::Value>().await.unwrap()["out_trade_no"].as_str().unwrap().to_owned();
        let notice = async |body: String| {
            let sent = site.http.post(format!("{strong}/wxpay/notify")).body(body).send().await.unwrap();
            sent.text().await.unwrap()
        };
        let answer = notice(signed(genuine(&number))).await;
        assert!(answer.contains("<![CDATA[FAIL]]>"), "{answer}");
        assert_eq!(site.count("ledger").await, 0);
        let fields = genuine(&number);
        let sign = sign::sign(&fields, &merchant.key, SignType::HmacSha256);
        assert_eq!(notice(fields.with("sign", sign).to_xml()).await, SUCCESS);
        assert_eq!(site.count("ledger").await, 1);
        running.stop().await;
    })
    .await;
}

/// Waits for a credit. Without a reason WeChat is asked about an order that nobody looks at 35 s after it was placed.
async fn asked_at_once(site: &Site) {
    let began = Instant::now();
    while site.count("ledger").await == 0 {
        assert!(began.elapsed() < Duration::from_secs(20), "WeChat was not asked");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(site.balance("lin").await, 1000);
}

#[tokio::test]
async fn a_weaker_signature_than_ordered_with_has_wechat_asked_at_once() {
    on_both(async |site| {
        let merchant = Merchant { sign_type: SignType::HmacSha256, ..Merchant::sandbox() };
        let (strong, running) = beside(&site, merchant).await;
        site.no_notices().await;
        let form = [("u", site.token("lin")), ("quantity", "10".to_owned())];
        let placed = site.http.post(format!("{strong}/wxpay/recharge")).form(&form).send().await.unwrap();
        let placed: serde_json::Value = placed.json().await.unwrap();
        site.pay(&text(&placed, "code_url"), &[]).await;
        let weak = signed(genuine(&text(&placed, "out_trade_no")));
        let sent = site.http.post(format!("{strong}/wxpay/notify")).body(weak).send().await.unwrap();
        assert!(sent.text().await.unwrap().contains("<![CDATA[FAIL]]>"));
        asked_at_once(&site).await;
        running.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_signed_notice_that_cannot_be_read_has_wechat_asked_at_once() {
    on_both(async |site| {
        site.no_notices().await;
        let (number, code_url) = site.placed("lin", "10").await;
        site.pay(&code_url, &[]).await;
        let (_, answer) = site.notice(with(&number, "total_fee", "1000.0")).await;
        assert!(answer.contains("<![CDATA[FAIL]]>"), "{answer}");
        asked_at_once(&site).await;
    })
    .await;
}

#[tokio::test]
async fn a_signature_over_other_bytes_is_refused() {
    all_are_refused(|number| {
        let whole = signed(genuine(number));
        let changed = |from: &str, to: &str| whole.replace(from, to).into_bytes();
        vec![
            ("amount", changed("[1000]", "[1001]")),
            ("one more field", changed("</xml>", "<attach>x</attach></xml>")),
            ("one field less", changed("<bank_type><![CDATA[OTHERS]]></bank_type>", "")),
            (
                "two values changed places",
                changed("<cash_fee><![CDATA[1000]]>", "<cash_fee><![CDATA[OTHERS]]>"),
            ),
            ("a name in another case", changed("openid>", "Openid>")),
        ]
    })
    .await;
}

#[tokio::test]
async fn a_return_code_or_result_code_that_is_not_one_exact_word_is_refused() {
    all_are_refused(|number| {
        let without = |name: &str| {
            let mut fields = genuine(number);
            fields.remove(name);
            signed(fields).into_bytes()
        };
        let twice = |name: &str| {
            let again = format!("<{name}>SUCCESS</{name}></xml>");
            signed(genuine(number)).replace("</xml>", &again).into_bytes()
        };
        vec![
            ("no return_code", without("return_code")),
            ("empty return_code", with(number, "return_code", "")),
            ("lower-case return_code", with(number, "return_code", "success")),
            ("return_code FAIL", with(number, "return_code", "FAIL")),
            ("return_code twice", twice("return_code")),
            ("no result_code", without("result_code")),
            ("empty result_code", with(number, "result_code", "")),
            ("lower-case result_code", with(number, "result_code", "success")),
            ("result_code twice", twice("result_code")),
        ]
    })
    .await;
}

#[tokio::test]
async fn wechats_own_probe_of_signatures_is_refused() {
    all_are_refused(|number| {
        let probe = |_| "WECHATPAY/SIGNTEST/MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA".to_owned();
        vec![("probe", with_sign(number, probe))]
    })
    .await;
}

#[tokio::test]
async fn an_address_that_somebody_claims_to_have_opens_nothing() {
    let claims = [
        ("x-forwarded-for", "127.0.0.1"),
        ("x-real-ip", "101.226.103.0"),
        ("forwarded", "for=127.0.0.1;host=api.mch.weixin.qq.com"),
        ("host", "api.mch.weixin.qq.com"),
        ("user-agent", "Mozilla/4.0"),
    ];
    all_are_refused_with(&claims, |number| vec![("unsigned", genuine(number).to_xml().into_bytes())]).await;
}

#[tokio::test]
async fn a_body_that_is_too_long_or_not_utf_8_is_refused_though_it_is_signed() {
    all_are_refused(|number| {
        let long = with(number, "attach", &"x".repeat(16 * 1024));
        // Signed over what a forgiving reader would make of it: a replacement character for the bytes that are none.
        let replaced = signed(genuine(number).with("attach", "\u{FFFD}"));
        let at = replaced.find('\u{FFFD}').unwrap();
        let mut bytes = replaced.into_bytes();
        bytes.splice(at..at + 3, [0xb3]);
        vec![("over 16 KiB", long), ("not UTF-8", bytes)]
    })
    .await;
}

#[tokio::test]
async fn what_is_no_flat_xml_is_refused_though_it_is_signed() {
    all_are_refused(|number| {
        let whole = signed(genuine(number));
        let changed = |from: &str, to: &str| whole.replace(from, to).into_bytes();
        let doctype = format!("<!DOCTYPE xml [<!ENTITY a \"NATIVE\">]>{whole}");
        vec![
            ("DTD", format!("<!DOCTYPE xml>{whole}").into_bytes()),
            ("entity of its own", doctype.replace("<![CDATA[NATIVE]]>", "&a;").into_bytes()),
            ("external entity", doctype.replace("\"NATIVE\"", "SYSTEM \"file:///etc/passwd\"").into_bytes()),
            ("processing instruction", changed("<trade_type>", "<?xml-stylesheet?><trade_type>")),
            ("attribute", changed("<trade_type>", "<trade_type a=\"1\">")),
            ("namespace", changed("<xml>", "<xml xmlns:xi=\"http://www.w3.org/2001/XInclude\">")),
            ("nested", changed("<trade_type>", "<trade_type><b/>")),
            ("the same field twice", changed("<cash_fee>", "<total_fee>1000</total_fee><cash_fee>")),
            ("something after it", format!("{whole}<xml/>").into_bytes()),
            ("empty", Vec::new()),
            ("JSON", b"{\"return_code\":\"SUCCESS\"}".to_vec()),
        ]
    })
    .await;
}

#[tokio::test]
async fn a_payment_without_a_field_that_it_needs_is_refused() {
    all_are_refused(|number| {
        vec![
            ("no time_end", with(number, "time_end", "")),
            ("no transaction_id", with(number, "transaction_id", "")),
            ("total_fee with a point", with(number, "total_fee", "1000.0")),
            ("negative total_fee", with(number, "total_fee", "-1000")),
            ("total_fee as a power", with(number, "total_fee", "1e3")),
            ("full-width total_fee", with(number, "total_fee", "１０００")),
            ("20 digits", with(number, "total_fee", "99999999999999999999")),
        ]
    })
    .await;
}

#[tokio::test]
async fn another_mch_id_is_refused_though_the_key_is_right() {
    all_are_refused(|number| vec![("mch_id", with(number, "mch_id", "1900009851"))]).await;
}

#[tokio::test]
async fn a_sub_merchants_payment_is_refused() {
    all_are_refused(|number| vec![("sub_mch_id", with(number, "sub_mch_id", "1900000109"))]).await;
}

#[tokio::test]
async fn another_appid_is_kept_as_an_exception_and_asked_for_again() {
    on_both(async |site| {
        let (number, _) = site.placed("lin", "10").await;
        let (_, answer) = site.notice(with(&number, "appid", "wx2421b1c4370ec43b")).await;
        assert!(answer.contains("<![CDATA[FAIL]]>"), "{answer}");
        assert_eq!((site.count("exceptions").await, site.count("ledger").await), (1, 0));
        assert_eq!(site.status("lin", &number).await["state"], "pending");
    })
    .await;
}

#[tokio::test]
async fn a_payment_by_another_channel_or_of_another_installation_waits_for_a_person() {
    on_both(async |site| {
        let (number, _) = site.placed("lin", "10").await;
        let (_, answer) = site.notice(with("SM20260315100000AAAAAAAAAAAAAAAA", "trade_type", "NATIVE")).await;
        assert!(answer.contains("<![CDATA[FAIL]]>"), "{answer}");
        assert_eq!((site.count("exceptions").await, site.count("ledger").await), (1, 0));
        // The order asked for a code to scan. The evidence is kept, so WeChat need not tell it again.
        assert_eq!(site.notice(with(&number, "trade_type", "JSAPI")).await.1, SUCCESS);
        assert_eq!((site.count("exceptions").await, site.count("ledger").await), (2, 0));
        // A word that nobody documents says nothing.
        assert_eq!(site.notice(with(&number, "trade_type", "PALMPAY")).await.1, SUCCESS);
        assert_eq!((site.count("exceptions").await, site.count("ledger").await), (2, 1));
    })
    .await;
}

#[tokio::test]
async fn a_message_of_api_v3_is_refused() {
    let v3 = [
        ("content-type", "application/json"),
        ("wechatpay-signature", "WECHATPAY/SIGNTEST/x"),
        ("wechatpay-serial", "5157F09EFDC096DE15EBE81A47057A7232F1B8E1"),
        ("wechatpay-timestamp", "1773540000"),
        ("wechatpay-nonce", "n"),
    ];
    let body = br#"{"id":"EV-1","event_type":"TRANSACTION.SUCCESS","resource":{"ciphertext":"x"}}"#;
    all_are_refused_with(&v3, |_| vec![("v3", body.to_vec())]).await;
}
