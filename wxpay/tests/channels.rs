//! JSAPI, APP and H5 orders and printed codes in API v2, with the signatures as they are published.

use crate::published::documents::{UNIFIED_ORDER_APP, UNIFIED_ORDER_JSAPI, UNIFIED_ORDER_MWEB};
use crate::published::mode_one::*;
use wxpay::invoke::{AppParams, JsapiParams};
use wxpay::v2::mode_one::{self, ScanError};
use wxpay::v2::sign::{self, SignError};
use wxpay::v2::{Fields, reply, short_url, unified_order};
use wxpay::{
    Channel, CodeUrl, Fen, H5Kind, H5Scene, Merchant, OpenId, OutTradeNo, Placing, PrepayId, ProductId,
    Protocol, SignType, TradeType, UnixMillis,
};

const NONCE: &str = "5K8264ILTKCH16CQ2502SI8ZNMTM67VS";
/// 2026-03-15 10:00:03 +08:00
const NOW: UnixMillis = UnixMillis::new(1_773_540_003_000);

fn fields(document: &str) -> Fields {
    Fields::read(document.as_bytes(), 64 * 1024).unwrap()
}

fn prepay_id() -> PrepayId {
    PrepayId::parse("wx20260315100003123456789abcdef01234").unwrap()
}

fn order(trade_type: TradeType, number: &str, ip: &str) -> Placing {
    Placing {
        channel: Channel { protocol: Protocol::V2, trade_type },
        appid: Merchant::sandbox().appid,
        description: "示例书店-图书".into(),
        attach: None,
        out_trade_no: OutTradeNo::parse(number).unwrap(),
        total_fee: Fen::new(1990),
        payer_ip: ip.parse().unwrap(),
        time_start: NOW,
        time_expire: NOW.plus_ms(600_000),
        notify_url: "https://shop.example.com/wechat/v2/notify".into(),
        product_id: None,
        openid: None,
        scene: None,
    }
}

#[test]
fn jsapi_app_and_h5_orders_are_built_and_signed_as_published() {
    let openid = OpenId::parse("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").ok();
    // On an iPhone, whose word v2 keeps for apps.
    let scene = H5Scene {
        kind: H5Kind::Ios,
        wap_url: "https://m.shop.example.com".into(),
        wap_name: "示例书店".into(),
    };
    let orders = [
        (
            UNIFIED_ORDER_JSAPI,
            SignType::HmacSha256,
            Placing { openid, ..order(TradeType::Jsapi, "BK20260315000002", "203.0.113.7") },
        ),
        (UNIFIED_ORDER_APP, SignType::Md5, order(TradeType::App, "BK20260315000003", "203.0.113.7")),
        (
            UNIFIED_ORDER_MWEB,
            SignType::Md5,
            Placing { scene: Some(scene), ..order(TradeType::Mweb, "BK20260315000004", "198.51.100.23") },
        ),
    ];
    for (document, sign_type, order) in orders {
        order.check().unwrap();
        let published = fields(document);
        let mut ours = unified_order::request(&order, &Merchant { sign_type, ..Merchant::sandbox() });
        // The published ones leave out what is optional.
        for name in ["fee_type", "time_start", "time_expire"] {
            assert!(ours.remove(name).is_some());
        }
        if sign_type == SignType::Md5 {
            ours.remove("sign_type");
        }
        ours.set("nonce_str", published.get("nonce_str").unwrap());
        ours.set("sign", sign::sign(&ours, &Merchant::sandbox().key, sign_type));
        assert_eq!(ours, published);
    }
}

#[test]
fn the_longest_scene_fits_the_field() {
    let long = |max: usize, text: &str| text.repeat(max / text.len());
    let of_site = |wap_name: String| Placing {
        scene: Some(H5Scene { kind: H5Kind::Wap, wap_url: format!("https://{}", long(120, "a")), wap_name }),
        ..order(TradeType::Mweb, "BK20260315000004", "198.51.100.23")
    };
    let longest = of_site(long(64, "书"));
    longest.check().unwrap();
    let request = unified_order::request(&longest, &Merchant::sandbox());
    let scene_info = request.get("scene_info").unwrap();
    assert!(scene_info.len() <= 256, "{}", scene_info.len());
    assert!(serde_json::from_str::<serde_json::Value>(scene_info).is_ok());
    // A quotation mark takes two bytes in JSON.
    assert_eq!(of_site(long(64, "\"")).check().unwrap_err().what, "wap_name");
}

#[test]
fn the_parameters_of_a_page_in_wechat_are_signed_as_published() {
    let params = |sign_type| JsapiParams::v2(&Merchant::sandbox(), sign_type, &prepay_id(), NOW, NONCE);
    assert_eq!(params(SignType::Md5).pay_sign, "244413ADDBFDE615C17572DF910314D2");
    let hmac = "5D754D86A2F27B7D1643539A323029A950AA3C0157F30C6B3AB7339B0DBD9D5A";
    let json = format!(
        r#"{{"appId":"wxd930ea5d5a258f4f","timeStamp":"1773540003","nonceStr":"{NONCE}","package":"prepay_id=wx20260315100003123456789abcdef01234","signType":"HMAC-SHA256","paySign":"{hmac}"}}"#
    );
    assert_eq!(serde_json::to_string(&params(SignType::HmacSha256)).unwrap(), json);
}

#[test]
fn the_parameters_of_an_app_are_signed_as_published() {
    let params = |sign_type| AppParams::v2(&Merchant::sandbox(), sign_type, &prepay_id(), NOW, NONCE);
    let hmac = "47D4419CF15A775F4622052F30EC06634AB7D481550EBC7752D1A9358A18F0D2";
    assert_eq!(params(SignType::HmacSha256).sign, hmac);
    let json = format!(
        r#"{{"appid":"wxd930ea5d5a258f4f","partnerid":"10000100","prepayid":"wx20260315100003123456789abcdef01234","package":"Sign=WXPay","noncestr":"{NONCE}","timestamp":"1773540003","sign":"B5578296DF6B81C47CD4EE2501388F4D"}}"#
    );
    assert_eq!(serde_json::to_string(&params(SignType::Md5)).unwrap(), json);
}

#[test]
fn a_printed_code_is_the_published_one() {
    let product_id = ProductId::parse("SKU-1001").unwrap();
    let url = |nonce| mode_one::qr_url(&Merchant::sandbox(), &product_id, NOW, nonce);
    assert_eq!(
        url("modeone0001").unwrap().as_str(),
        "weixin://wxpay/bizpayurl?sign=F59EF9C5BC939966E08A77AE957026F9&appid=wxd930ea5d5a258f4f&mch_id=10000100\
         &product_id=SKU-1001&time_stamp=1773540003&nonce_str=modeone0001"
    );
    for nonce in ["", "a&b", &"n".repeat(33)] {
        assert_eq!(url(nonce).unwrap_err().what, "nonce_str");
    }
    for product in ["", "a b", "a&sign=0", "图书", &"p".repeat(33)] {
        assert!(ProductId::parse(product).is_err(), "{product}");
    }
}

#[test]
fn a_printed_codes_short_address_is_asked_for_as_published() {
    let published = fields(SHORT_URL);
    let long_url = CodeUrl::parse(published.get("long_url").unwrap()).unwrap();
    let mut ours = short_url::request(&Merchant::sandbox(), &long_url);
    assert_eq!(ours.remove("sign_type").as_deref(), Some("MD5"));
    ours.set("nonce_str", "nonceSHORT00000001");
    ours.set("sign", sign::sign(&ours, &Merchant::sandbox().key, SignType::Md5));
    assert_eq!(ours, published);
    let answer = reply::read(SHORT_URL_ANSWER.as_bytes(), &Merchant::sandbox()).unwrap();
    assert_eq!(short_url::read(&answer).unwrap().as_str(), "weixin://wxpay/s/Xy12AbQ");
}

#[test]
fn a_scan_is_read_and_answered_as_published() {
    let merchant = Merchant::sandbox();
    let scan = mode_one::read(CALLBACK.as_bytes(), &merchant).unwrap();
    assert_eq!(scan.product_id.as_str(), "SKU-1001");
    assert_eq!(scan.openid.as_str(), "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o");
    let taken = mode_one::taken(&merchant, &prepay_id(), "modeonereply00001");
    assert_eq!(fields(&taken), fields(CALLBACK_REPLY));
    let refused = mode_one::refused(&merchant, "商品已下架", "modeonereply00002");
    assert_eq!(fields(&refused), fields(CALLBACK_REFUSAL));
}

#[test]
fn a_callback_that_wechat_did_not_sign_for_this_app_is_refused() {
    let merchant = Merchant::sandbox();
    let resigned = |name: &str, value: &str| {
        let mut changed = fields(CALLBACK).with(name, value);
        changed.remove("sign");
        let sign = sign::sign(&changed, &merchant.key, SignType::Md5);
        mode_one::read(changed.with("sign", sign).to_xml().as_bytes(), &merchant).unwrap_err()
    };
    let changed = |name: &str, value: &str| {
        mode_one::read(fields(CALLBACK).with(name, value).to_xml().as_bytes(), &merchant)
    };
    for name in ["appid", "openid", "mch_id", "is_subscribe", "nonce_str", "product_id"] {
        assert_eq!(changed(name, "x").unwrap_err(), ScanError::BadSignature(SignError::Mismatch), "{name}");
    }
    assert_eq!(changed("sign", "").unwrap_err(), ScanError::BadSignature(SignError::Missing));
    assert_eq!(resigned("appid", "wx0000000000000001"), ScanError::OtherMerchant);
    assert_eq!(resigned("mch_id", "10000101"), ScanError::OtherMerchant);
    assert_eq!(resigned("sub_mch_id", "10000102"), ScanError::OtherMerchant);
    assert!(matches!(resigned("openid", ""), ScanError::BadField(invalid) if invalid.what == "openid"));
    assert!(
        matches!(resigned("product_id", "a&b"), ScanError::BadField(invalid) if invalid.what == "product_id")
    );
    // A payment's notice has all of these fields, and the same key signs it.
    assert_eq!(resigned("return_code", "SUCCESS"), ScanError::NotACallback);
    assert_eq!(mode_one::read(&[b' '; 16 * 1024 + 1], &merchant).unwrap_err(), ScanError::TooLarge);
    assert!(matches!(mode_one::read(b"{}", &merchant), Err(ScanError::Malformed(_))));
}
