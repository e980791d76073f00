//! What WeChat's client checks before it shows the payment sheet: the parameters that a page or an app hands it. Pure.
//! Source: WeChat Pay v2, JSAPI (getBrandWCPayRequest) and APP (调起支付接口); API v3, JSAPI调起支付, APP调起支付.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use wxpay::v2::{Fields, sign};
use wxpay::{Merchant, Protocol, SignType};

use crate::clock::Now;
use crate::orders::{Order, Pay, PayError};
use crate::people::Person;
use crate::v3::keys::pairs::Owner;

/// Why there is no sheet, in the words that WeChat shows.
pub type NoSheet = String;

const BAD_SIGNATURE: &str = "支付验证签名失败";
const BAD_FORM: &str = "商家参数格式有误，请联系商家解决";

/// The parameters of one kind of call, each checked to be a text that is not empty.
#[derive(Debug, PartialEq, Eq)]
pub struct Parameters<const N: usize>([String; N]);

/// `getBrandWCPayRequest`, in this order.
pub const JSAPI: [&str; 6] = ["appId", "timeStamp", "nonceStr", "package", "signType", "paySign"];
/// A call of the app's SDK, in this order.
pub const APP: [&str; 7] = ["appid", "partnerid", "prepayid", "package", "noncestr", "timestamp", "sign"];

/// Reads the parameters `names`.
/// # Errors
/// One is missing, or not a text: `timeStamp` as a number fails on Android.
pub fn read<const N: usize>(given: &Map<String, Value>, names: [&str; N]) -> Result<Parameters<N>, NoSheet> {
    let mut texts = std::array::from_fn(|_| String::new());
    for (name, text) in names.into_iter().zip(&mut texts) {
        match given.get(name) {
            None | Some(Value::Null) => return Err(format!("调用支付缺少参数：{name}")),
            Some(Value::String(given)) if given.is_empty() => {
                return Err(format!("调用支付缺少参数：{name}"));
            }
            Some(Value::String(given)) => given.clone_into(text),
            Some(_) => return Err(format!("参数类型错误：{name}须为字符串")),
        }
    }
    Ok(Parameters(texts))
}

impl Parameters<6> {
    /// # Errors
    /// `package` is not `prepay_id=…`.
    pub fn prepay_id(&self) -> Result<&str, NoSheet> {
        self.0[3].strip_prefix("prepay_id=").filter(|id| !id.is_empty()).ok_or_else(|| BAD_FORM.to_owned())
    }

    /// Whether `person` is shown the sheet for `order`, which has this `prepay_id`.
    /// # Errors
    /// What stands against it.
    pub fn check(&self, order: &Order, merchant: &Merchant, person: Person, now: Now) -> Result<(), NoSheet> {
        let [app_id, time_stamp, nonce_str, package, sign_type, pay_sign] = &self.0;
        let lines = [app_id.as_str(), time_stamp, nonce_str, package];
        let fields = || {
            let names = ["appId", "timeStamp", "nonceStr", "package"].into_iter().zip(lines);
            let fields = names.fold(Fields::new(), |fields, (name, value)| fields.with(name, value));
            fields.with("signType", sign_type.as_str())
        };
        let is_signed = match order.signing.protocol() {
            Protocol::V2 => {
                let expected = order.signing.sign_type();
                *sign_type == word(expected) && sign::sign(&fields(), &merchant.key, expected) == *pay_sign
            }
            Protocol::V3 => sign_type == "RSA" && is_the_merchants(&lines, pay_sign),
        };
        check(order, is_signed, app_id, "JSAPI")?;
        match order.asked("openid") == Some(person.openid(app_id)) {
            true => can_pay(order, self.prepay_id()?, now),
            false => Err("下单账号与支付账号不一致，请核实后再支付".to_owned()),
        }
    }
}

impl Parameters<7> {
    pub fn prepay_id(&self) -> &str {
        &self.0[2]
    }

    /// Whether the app's user is shown the sheet for `order`, which has this `prepay_id`.
    /// # Errors
    /// What stands against it.
    pub fn check(&self, order: &Order, merchant: &Merchant, now: Now) -> Result<(), NoSheet> {
        let [appid, partnerid, prepayid, package, noncestr, timestamp, sign] = &self.0;
        if package != "Sign=WXPay" || partnerid != merchant.mch_id.as_str() {
            return Err(BAD_FORM.to_owned());
        }
        let is_signed = match order.signing.protocol() {
            Protocol::V2 => {
                let fields = APP.into_iter().zip(&self.0).take(6);
                let fields =
                    fields.fold(Fields::new(), |fields, (name, value)| fields.with(name, value.as_str()));
                sign::sign(&fields, &merchant.key, order.signing.sign_type()) == *sign
            }
            // The bare prepay_id is signed, and `package` is not.
            Protocol::V3 => is_the_merchants(&[appid.as_str(), timestamp, noncestr, prepayid], sign),
        };
        check(order, is_signed, appid, "APP")?;
        can_pay(order, prepayid, now)
    }
}

/// Whether the merchant's private key signed these lines. Source: WeChat Pay, API v3 (JSAPI调起支付, APP调起支付).
fn is_the_merchants(lines: &[&str], signature: &str) -> bool {
    let message: String = lines.iter().flat_map(|line| [*line, "\n"]).collect();
    let signature = STANDARD.decode(signature);
    signature.is_ok_and(|signature| Owner::Merchant.pair().verifies(message.as_bytes(), &signature))
}

fn word(sign_type: SignType) -> &'static str {
    match sign_type {
        SignType::Md5 => "MD5",
        SignType::HmacSha256 => "HMAC-SHA256",
    }
}

fn check(order: &Order, is_signed: bool, appid: &str, trade_type: &str) -> Result<(), NoSheet> {
    if !is_signed {
        Err(BAD_SIGNATURE.to_owned())
    } else if order.trade_type() != trade_type {
        Err("支付场景非法".to_owned())
    } else if order.appid() != appid {
        Err("appid与prepay_id不匹配".to_owned())
    } else {
        Ok(())
    }
}

fn can_pay(order: &Order, prepay_id: &str, now: Now) -> Result<(), NoSheet> {
    match order.can_pay(prepay_id, Pay::default(), now) {
        Ok(()) => Ok(()),
        Err(PayError::Paid) => Err("该订单已支付".to_owned()),
        Err(PayError::Closed) => Err("该订单已关闭".to_owned()),
        Err(_) => Err("该笔订单已失效，请重新下单".to_owned()),
    }
}
