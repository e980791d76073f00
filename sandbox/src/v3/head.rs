//! The checks of a request before its parameters, in WeChat's order. Source: WeChat Pay, API v3 (接口规则, 签名生成).

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use wxpay::UnixMillis;

use crate::random::Random;
use crate::v3::faults::WrongSerial;
use crate::v3::keys::Keys;
use crate::v3::keys::pairs::Owner;
use crate::v3::refused::Refused;
use crate::v3::signed::{ALGORITHM, request_message};

/// How far the merchant's clock may be from WeChat's.
const WITHIN_S: i64 = 300;

/// A request as it came, in all that its signature covers.
#[derive(Debug)]
pub struct Received<'a> {
    pub method: &'a str,
    /// Path and query as on the request line.
    pub url: &'a str,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

/// Checks who asks.
/// # Errors
/// 400 for headers that every request needs, then 401 for what does not prove the merchant.
pub fn check(received: &Received<'_>, mch_id: &str, keys: &Keys, now: UnixMillis) -> Result<(), Refused> {
    let text = |name: header::HeaderName| {
        received.headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty())
    };
    let accept = text(header::ACCEPT);
    if text(header::USER_AGENT).is_none() || accept.is_none() {
        return Err(Refused::header("Http头缺少Accept或User-Agent"));
    }
    if !accept.is_some_and(accepts_json) {
        return Err(Refused::header("Http头Accept不支持，应包含application/json"));
    }
    let proof = Proof::read(received.headers)?;
    let seconds = proof.timestamp.parse::<i64>().map_err(|_| Refused::sign_error(MALFORMED))?;
    if (now.get().div_euclid(1000) - seconds).abs() > WITHIN_S {
        return Err(Refused::sign_error("Http头Authorization中的timestamp与发起请求的时间不得超过5分钟"));
    }
    if proof.mchid != mch_id {
        return Err(Refused::sign_error("商户号不存在，请检查Http头Authorization中的mchid"));
    }
    if !proof.serial_no.eq_ignore_ascii_case(&keys.merchant.serial) {
        return Err(Refused::sign_error("商户证书序列号有误。请使用签名私钥匹配的证书序列号"));
    }
    let message =
        request_message(received.method, received.url, &proof.timestamp, &proof.nonce_str, received.body);
    let signature = STANDARD.decode(&proof.signature).unwrap_or_default();
    if !Owner::Merchant.pair().verifies(&message, &signature) {
        return Err(Refused::wrong_signature(received.method, received.url, &message));
    }
    Ok(())
}

/// `application/json`, also as part of a list or within a wildcard.
fn accepts_json(accept: &str) -> bool {
    accept.split(',').filter_map(|one| one.split(';').next()).map(str::trim).any(|one| {
        ["application/json", "application/*", "*/*", "*"].iter().any(|good| one.eq_ignore_ascii_case(good))
    })
}

/// Which key of WeChat's the answer is to be signed with, if the request names one.
/// # Errors
/// 400: it names a key that WeChat does not have.
pub fn named_key(headers: &HeaderMap, keys: &Keys) -> Result<Option<(Owner, String)>, Refused> {
    let Some(serial) = headers.get("wechatpay-serial") else { return Ok(None) };
    let named = serial.to_str().ok().and_then(|serial| Some((keys.named(serial)?, serial.to_owned())));
    named.map(Some).ok_or_else(|| Refused::unreadable("平台证书序列号Wechatpay-Serial错误"))
}

/// The name of a key as a header states it: `named`, unless a switch wants another one's.
pub fn stated_serial(fault: Option<WrongSerial>, named: &str, keys: &Keys, random: &mut Random) -> String {
    match fault {
        None => named.to_owned(),
        Some(WrongSerial::Unknown) => random.letters(b"ABCDEF", 40),
        Some(WrongSerial::Merchant) => keys.merchant.serial.clone(),
        Some(WrongSerial::Other) if named == keys.public_key_id => keys.by_certificate().1.to_owned(),
        Some(WrongSerial::Other) => keys.public_key_id.clone(),
    }
}

const MALFORMED: &str = "Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》";

/// What an `Authorization` header says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Proof {
    mchid: String,
    nonce_str: String,
    signature: String,
    timestamp: String,
    serial_no: String,
}

impl Proof {
    fn read(headers: &HeaderMap) -> Result<Proof, Refused> {
        let malformed = || Refused::sign_error(MALFORMED);
        let mut all = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (all.next(), all.next()) else { return Err(malformed()) };
        let value = value.to_str().map_err(|_| malformed())?;
        let (scheme, values) = value.split_once(' ').ok_or_else(malformed)?;
        if scheme != ALGORITHM {
            return Err(Refused::sign_error("Http头Authorization认证类型不正确"));
        }
        Proof::of(values).ok_or_else(malformed)
    }

    /// `name="value"` five times, in any order, each once.
    fn of(values: &str) -> Option<Proof> {
        let mut proof = Proof::default();
        for pair in values.split(',') {
            let (name, value) = pair.trim().split_once('=')?;
            let value = value.strip_prefix('"')?.strip_suffix('"')?;
            let place = match name {
                "mchid" => &mut proof.mchid,
                "nonce_str" => &mut proof.nonce_str,
                "signature" => &mut proof.signature,
                "timestamp" => &mut proof.timestamp,
                "serial_no" => &mut proof.serial_no,
                _ => return None,
            };
            if !place.is_empty() || value.is_empty() {
                return None;
            }
            *place = value.to_owned();
        }
        let digits =
            (1..=10).contains(&proof.timestamp.len()) && proof.timestamp.bytes().all(|b| b.is_ascii_digit());
        let nonce = (1..=32).contains(&proof.nonce_str.len());
        let whole = ![&proof.mchid, &proof.signature, &proof.serial_no].iter().any(|part| part.is_empty());
        (digits && nonce && whole).then_some(proof)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        "mchid=\"10000100\",nonce_str=\"N\",signature=\"c2ln\",timestamp=\"1773540003\",serial_no=\"40\"";

    #[test]
    fn the_parts_of_a_proof_come_in_any_order() {
        let turned: Vec<&str> = GOOD.split(',').rev().collect();
        assert_eq!(Proof::of(&turned.join(",")), Proof::of(GOOD));
        assert!(Proof::of(GOOD).is_some());
    }

    #[test]
    fn a_proof_that_lacks_doubles_or_invents_a_part_is_malformed() {
        for bad in [
            "",
            &GOOD.replace("nonce_str=\"N\",", ""),
            &format!("{GOOD},mchid=\"1\""),
            &format!("{GOOD},more=\"1\""),
            &GOOD.replace("\"N\"", "N"),
            &GOOD.replace("\"N\"", "\"\""),
            &GOOD.replace("\"N\"", &format!("\"{}\"", "N".repeat(33))),
            &GOOD.replace("1773540003", "-1773540003"),
            &GOOD.replace("1773540003", "17735400030"),
        ] {
            assert_eq!(Proof::of(bad), None, "{bad}");
        }
    }

    #[test]
    fn json_is_accepted_in_lists_and_by_wildcards() {
        for good in
            ["application/json", "*/*", "application/json, text/plain, */*", "text/html,application/*;q=0.1"]
        {
            assert!(accepts_json(good), "{good}");
        }
        for bad in ["text/html", "application/xml", "json"] {
            assert!(!accepts_json(bad), "{bad}");
        }
    }
}
