//! The signed parameters with which a payer's page or app invokes a payment. The signature is made on the server, so that no
//! key leaves it; make them fresh for each press.

use serde::{Deserialize, Serialize};

use crate::UnixMillis;
use crate::types::{AppId, MchId, PrepayId};
use crate::v2::merchant::Merchant;
use crate::v2::sign::{self, SignType};
use crate::v2::xml::Fields;
use crate::v3;

/// What a page in WeChat's browser hands to `WeixinJSBridge.invoke('getBrandWCPayRequest', …)`, and a mini program, without
/// `appId`, to `wx.requestPayment`. As JSON it has the bridge's names. `wx.chooseWXPay` takes the same values, but calls
/// `timeStamp` there `timestamp`. Source: WeChat Pay v2, jsapi.php?chapter=7_7 (H5调起支付).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JsapiParams {
    /// The order's app.
    pub app_id: AppId,
    /// Seconds since 1970 as a text: some versions of WeChat fail on a number.
    pub time_stamp: String,
    /// At most 32 characters.
    pub nonce_str: String,
    /// `prepay_id=` and the prepay session.
    pub package: String,
    /// `MD5`, `HMAC-SHA256` or `RSA`, as the order was signed.
    pub sign_type: String,
    /// The signature over the others.
    pub pay_sign: String,
}

/// What an app hands to WeChat's SDK (`PayReq`). Source: WeChat Pay v2, app.php?chapter=9_12 (调起支付接口).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppParams {
    /// The order's app.
    pub appid: AppId,
    /// The merchant number.
    pub partnerid: MchId,
    /// The prepay session.
    pub prepayid: PrepayId,
    /// Always `Sign=WXPay`.
    pub package: String,
    /// At most 32 characters.
    pub noncestr: String,
    /// Seconds since 1970 as a text.
    pub timestamp: String,
    /// The signature over the others.
    pub sign: String,
}

/// The one value of an app's `package`.
const APP_PACKAGE: &str = "Sign=WXPay";

impl JsapiParams {
    /// The parameters of an order that was placed by v2 with `sign_type`, by `merchant`'s app.
    pub fn v2(
        merchant: &Merchant,
        sign_type: SignType,
        prepay_id: &PrepayId,
        now: UnixMillis,
        nonce: &str,
    ) -> Self {
        let params = JsapiParams {
            app_id: merchant.appid.clone(),
            time_stamp: seconds(now),
            nonce_str: nonce.to_owned(),
            package: format!("prepay_id={prepay_id}"),
            sign_type: sign_type.as_str().to_owned(),
            pay_sign: String::new(),
        };
        let signed = Fields::new()
            .with("appId", params.app_id.as_str())
            .with("timeStamp", &*params.time_stamp)
            .with("nonceStr", nonce)
            .with("package", &*params.package)
            .with("signType", &*params.sign_type);
        JsapiParams { pay_sign: sign::sign(&signed, &merchant.key, sign_type), ..params }
    }
}

impl JsapiParams {
    /// The parameters of an order that was placed by v3, by the app `appid`.
    /// Source: WeChat Pay, JSAPI调起支付 (APIv3).
    pub fn v3(
        merchant: &v3::Merchant,
        appid: &AppId,
        prepay_id: &PrepayId,
        now: UnixMillis,
        nonce: &str,
    ) -> Self {
        let (time_stamp, package) = (seconds(now), format!("prepay_id={prepay_id}"));
        // `signType` is not part of it.
        let pay_sign = merchant.key.sign(format!("{appid}\n{time_stamp}\n{nonce}\n{package}\n").as_bytes());
        let (app_id, nonce_str, sign_type) = (appid.clone(), nonce.to_owned(), "RSA".to_owned());
        JsapiParams { app_id, time_stamp, nonce_str, package, sign_type, pay_sign }
    }
}

impl AppParams {
    /// The parameters of an order that was placed by v3, by the app `appid`.
    /// Source: WeChat Pay, APP调起支付 (APIv3).
    pub fn v3(
        merchant: &v3::Merchant,
        appid: &AppId,
        prepay_id: &PrepayId,
        now: UnixMillis,
        nonce: &str,
    ) -> Self {
        let params = Self::unsigned(appid, &merchant.mch_id, prepay_id, now, nonce);
        // Unlike a page's text it has the bare prepay session, and nothing of `package`.
        let text = format!("{appid}\n{}\n{nonce}\n{prepay_id}\n", params.timestamp);
        AppParams { sign: merchant.key.sign(text.as_bytes()), ..params }
    }

    /// The parameters of an order that was placed by v2 with `sign_type`, by `merchant`'s app.
    pub fn v2(
        merchant: &Merchant,
        sign_type: SignType,
        prepay_id: &PrepayId,
        now: UnixMillis,
        nonce: &str,
    ) -> Self {
        let params = Self::unsigned(&merchant.appid, &merchant.mch_id, prepay_id, now, nonce);
        let signed = Fields::new()
            .with("appid", params.appid.as_str())
            .with("partnerid", params.partnerid.as_str())
            .with("prepayid", params.prepayid.as_str())
            .with("package", &*params.package)
            .with("noncestr", nonce)
            .with("timestamp", &*params.timestamp);
        AppParams { sign: sign::sign(&signed, &merchant.key, sign_type), ..params }
    }

    fn unsigned(appid: &AppId, mch_id: &MchId, prepay_id: &PrepayId, now: UnixMillis, nonce: &str) -> Self {
        AppParams {
            appid: appid.clone(),
            partnerid: mch_id.clone(),
            prepayid: prepay_id.clone(),
            package: APP_PACKAGE.to_owned(),
            noncestr: nonce.to_owned(),
            timestamp: seconds(now),
            sign: String::new(),
        }
    }
}

fn seconds(now: UnixMillis) -> String {
    now.get().div_euclid(1000).to_string()
}
