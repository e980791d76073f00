//! Mode one (模式一) of Native: a code that is printed for a product. Whoever scans it makes WeChat ask the merchant's server
//! for an order. v2 only. Source: WeChat Pay v2, native.php?chapter=6_4.
//!
//! The callback is a question that is answered at once: verify it ([`read`]), place a Native order with its `product_id`,
//! and answer with [`taken`], or with [`refused`] and a text for the payer. What cannot be believed gets
//! [`super::notify::fail`]. The payment itself comes by the usual notice.

use super::NOTICE_LIMIT;
use super::merchant::Merchant;
use super::sign::{self, SignError, SignType};
use super::xml::{Fields, XmlError};
use crate::UnixMillis;
use crate::types::{CodeUrl, InvalidValue, OpenId, PrepayId, ProductId};
use crate::verified::Verified;

/// Somebody has scanned a printed code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// What the code was printed for.
    pub product_id: ProductId,
    /// Who scanned it, as the merchant's app knows him.
    pub openid: OpenId,
}

/// Why a callback is not answered with an order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// Nothing of it was read.
    #[error("the callback is longer than {NOTICE_LIMIT} bytes")]
    TooLarge,
    /// Not a flat XML document.
    #[error("the callback is not flat XML")]
    Malformed(#[source] XmlError),
    /// A notice or reply that was sent to the wrong address: a callback has no `return_code`.
    #[error("the callback has a return_code, so it is another message")]
    NotACallback,
    /// Unsigned, or not signed with the merchant's key.
    #[error("the callback's signature is wrong")]
    BadSignature(#[source] SignError),
    /// Signed with the merchant's key, for another merchant number or app.
    #[error("the callback is for another appid or mch_id")]
    OtherMerchant,
    /// Signed by WeChat, but a field of it cannot be read.
    #[error("a field of the callback is missing or wrong")]
    BadField(#[source] InvalidValue),
}

impl ScanError {
    /// A fixed word, for the label of a counter.
    pub fn kind(&self) -> &'static str {
        match self {
            ScanError::TooLarge => "too_large",
            ScanError::Malformed(_) => "malformed",
            ScanError::NotACallback => "not_a_callback",
            ScanError::BadSignature(_) => "bad_signature",
            ScanError::OtherMerchant => "other_merchant",
            ScanError::BadField(_) => "bad_field",
        }
    }

    /// The reason for [`super::notify::fail`]: one of three fixed texts, so that a forger does not learn which check failed.
    pub fn return_msg(&self) -> &'static str {
        match self {
            ScanError::TooLarge | ScanError::Malformed(_) => "XML格式错误",
            ScanError::NotACallback | ScanError::BadField(_) => "参数格式校验错误",
            ScanError::BadSignature(_) | ScanError::OtherMerchant => "签名失败",
        }
    }
}

/// The content of the code to print; it does not expire. Always signed with MD5, the only algorithm of its page. `nonce` is
/// at most 32 letters and digits.
/// # Errors
/// [`InvalidValue`] if `nonce` is anything else.
/// Source: WeChat Pay v2, native.php?chapter=6_4 (生成二维码规则).
pub fn qr_url(
    merchant: &Merchant,
    product_id: &ProductId,
    made_at: UnixMillis,
    nonce: &str,
) -> Result<CodeUrl, InvalidValue> {
    if !(1..=32).contains(&nonce.len()) || !nonce.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(InvalidValue { what: "nonce_str", must_be: "1 to 32 ASCII letters and digits" });
    }
    let time_stamp = made_at.get().div_euclid(1000).to_string();
    let (appid, mch_id) = (&merchant.appid, &merchant.mch_id);
    let fields = Fields::new()
        .with("appid", appid.as_str())
        .with("mch_id", mch_id.as_str())
        .with("product_id", product_id.as_str())
        .with("time_stamp", &*time_stamp)
        .with("nonce_str", nonce);
    let sign = sign::sign(&fields, &merchant.key, SignType::Md5);
    // None of the values has a letter that an address would encode, so what is signed is what is sent.
    CodeUrl::parse(format!(
        "weixin://wxpay/bizpayurl?sign={sign}&appid={appid}&mch_id={mch_id}&product_id={product_id}\
         &time_stamp={time_stamp}&nonce_str={nonce}"
    ))
}

/// Reads the raw body of a callback and believes it only if one of `merchant`'s keys signed it.
/// # Errors
/// [`ScanError`]; its variants stand in the order of the checks.
/// Source: WeChat Pay v2, native.php?chapter=6_4 (回调商户支付URL).
pub fn read(body: &[u8], merchant: &Merchant) -> Result<Verified<Scan>, ScanError> {
    let fields = Fields::read(body, NOTICE_LIMIT).map_err(|error| match error {
        XmlError::TooLarge { .. } => ScanError::TooLarge,
        error => ScanError::Malformed(error),
    })?;
    // A payment's notice is signed with the same key and may have these fields too.
    if fields.get("return_code").is_some() {
        return Err(ScanError::NotACallback);
    }
    merchant.verify(&fields).map_err(ScanError::BadSignature)?;
    let ours = fields.get("mch_id") == Some(merchant.mch_id.as_str())
        && fields.get("appid") == Some(merchant.appid.as_str());
    if !ours || fields.present("sub_mch_id").is_some() {
        return Err(ScanError::OtherMerchant);
    }
    let scan = || {
        let product_id = ProductId::parse(fields.required("product_id")?)?;
        Ok(Scan { product_id, openid: OpenId::parse(fields.required("openid")?)? })
    };
    scan().map(Verified::vouch).map_err(ScanError::BadField)
}

/// The answer with an order that was just placed for the scan. Like every answer, it is signed, and `nonce` is new.
/// Source: WeChat Pay v2, native.php?chapter=6_4 (商户后台系统返回).
pub fn taken(merchant: &Merchant, prepay_id: &PrepayId, nonce: &str) -> String {
    signed(
        merchant,
        nonce,
        Fields::new().with("prepay_id", prepay_id.as_str()).with("result_code", "SUCCESS"),
    )
}

/// The answer without one. WeChat shows `err_code_des`, at most 128 bytes, to the payer.
pub fn refused(merchant: &Merchant, err_code_des: &str, nonce: &str) -> String {
    let fields =
        Fields::new().with("prepay_id", "").with("result_code", "FAIL").with("err_code_des", err_code_des);
    signed(merchant, nonce, fields)
}

fn signed(merchant: &Merchant, nonce: &str, fields: Fields) -> String {
    let fields = fields
        .with("return_code", "SUCCESS")
        .with("appid", merchant.appid.as_str())
        .with("mch_id", merchant.mch_id.as_str())
        .with("nonce_str", nonce);
    let sign = sign::sign(&fields, &merchant.key, SignType::Md5);
    fields.with("sign", sign).to_xml()
}
