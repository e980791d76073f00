//! What a page or an app invokes a payment with. RSASSA-PKCS1-v1_5 has one signature for each text, so the published ones are
//! compared for equality.

use wxpay::client::{Client, Credentials, Endpoint};
use wxpay::invoke::{AppParams, JsapiParams};
use wxpay::{AppId, Error, Merchant, PrepayId, Protocol, Signed, UnixMillis};

use crate::client_v3::wechat::credentials;
use crate::wechat_v3::documents::{APP_PAY_SIGN, JSAPI_PAY_SIGN, ORDER_PAY_SIGN};
use crate::wechat_v3::merchant;

const PRINTED_AT: UnixMillis = UnixMillis::new(1_554_208_460_000);
const NONCE: &str = "593BEC0C930BF1AFEB40B4A08C8FB242";

fn appid() -> AppId {
    AppId::parse("wx2421b1c4370ec43b").unwrap()
}

fn prepay_id() -> PrepayId {
    PrepayId::parse("wx201410272009395522657a690389285100").unwrap()
}

#[test]
fn the_parameters_of_a_page_in_wechat_are_signed_as_published() {
    let page = JsapiParams::v3(&merchant(), &appid(), &prepay_id(), PRINTED_AT, NONCE);
    let json = serde_json::json!({
        "appId": "wx2421b1c4370ec43b",
        "timeStamp": "1554208460",
        "nonceStr": NONCE,
        "package": "prepay_id=wx201410272009395522657a690389285100",
        "signType": "RSA",
        "paySign": JSAPI_PAY_SIGN,
    });
    assert_eq!(serde_json::to_value(page).unwrap(), json);

    let prepay_id = PrepayId::parse("wx20260315100003123456789abcdef01234").unwrap();
    let (now, nonce) = (UnixMillis::new(1_773_540_003_000), "5K8264ILTKCH16CQ2502SI8ZNMTM67VS");
    let ours = JsapiParams::v3(&merchant(), &merchant().appid, &prepay_id, now, nonce);
    assert_eq!(ours.pay_sign, ORDER_PAY_SIGN);
}

#[test]
fn the_parameters_of_an_app_are_signed_as_published() {
    let app = AppParams::v3(&merchant(), &appid(), &prepay_id(), PRINTED_AT, NONCE);
    let json = serde_json::json!({
        "appid": "wx2421b1c4370ec43b",
        "partnerid": "1900007291",
        "prepayid": "wx201410272009395522657a690389285100",
        "package": "Sign=WXPay",
        "noncestr": NONCE,
        "timestamp": "1554208460",
        "sign": APP_PAY_SIGN,
    });
    assert_eq!(serde_json::to_value(app).unwrap(), json);
}

#[test]
fn an_order_is_invoked_by_the_protocol_that_it_was_placed_with_and_never_twice_with_one_nonce() {
    let v2 = Merchant { mch_id: merchant().mch_id, appid: merchant().appid, ..Merchant::sandbox() };
    let both = Credentials::both(v2, credentials(), Protocol::V3).unwrap();
    let client = Client::new(both, Endpoint::wechat()).unwrap();
    let page = |signed| client.jsapi_params(signed, &appid(), &prepay_id(), PRINTED_AT).unwrap();
    for (signed, word, length) in
        [(Signed::Md5, "MD5", 32), (Signed::HmacSha256, "HMAC-SHA256", 64), (Signed::Rsa, "RSA", 344)]
    {
        let (first, second) = (page(signed), page(signed));
        assert_eq!((first.sign_type.as_str(), first.pay_sign.len()), (word, length));
        assert_eq!((&first.app_id, first.time_stamp.as_str()), (&appid(), "1554208460"));
        assert_ne!((&first.nonce_str, &first.pay_sign), (&second.nonce_str, &second.pay_sign));
        let app = client.app_params(signed, &appid(), &prepay_id(), PRINTED_AT).unwrap();
        assert_eq!((app.sign.len(), app.package.as_str()), (length, "Sign=WXPay"));
    }
    let alone = Client::new(credentials(), Endpoint::wechat()).unwrap();
    let error = alone.jsapi_params(Signed::Md5, &appid(), &prepay_id(), PRINTED_AT).unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error:?}");
}
