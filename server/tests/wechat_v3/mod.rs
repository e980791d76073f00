//! WeChat's side of API v3: what it says of a payment, sealed for the merchant and signed.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde_json::{Value, json};
use wxpay::{Merchant, UnixMillis, v3::sign::SigningKey};

/// What WeChat seals for a payment of this order.
pub fn paid(number: &str) -> Value {
    let merchant = Merchant::sandbox();
    json!({"mchid": merchant.mch_id.as_str(), "appid": merchant.appid.as_str(), "out_trade_no": number,
        "transaction_id": "4200001234202603151234567890", "trade_type": "NATIVE", "trade_state": "SUCCESS",
        "trade_state_desc": "支付成功", "bank_type": "OTHERS", "success_time": UnixMillis::now().to_beijing_rfc3339(),
        "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
        "amount": {"total": 1000, "payer_total": 1000, "currency": "CNY", "payer_currency": "CNY"}})
}

/// The envelope around a payment, sealed with `key` for `aad`.
pub fn envelope(message: &[u8], key: &str, aad: &str) -> Value {
    let nonce = *b"t9Xk2LmQ4vWz";
    let mut sealed = message.to_vec();
    let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_bytes()).unwrap());
    let nonce_value = Nonce::assume_unique_for_key(nonce);
    cipher.seal_in_place_append_tag(nonce_value, Aad::from(aad.as_bytes()), &mut sealed).unwrap();
    json!({"id": "6d0b6a1e-7c4f-5e0a-9a55-0f2a6e2b9c01", "create_time": "2026-03-15T10:05:12+08:00",
        "resource_type": "encrypt-resource", "event_type": "TRANSACTION.SUCCESS", "summary": "支付成功",
        "resource": {"original_type": "transaction", "algorithm": "AEAD_AES_256_GCM",
            "ciphertext": base64::Engine::encode(&base64::engine::general_purpose::STANDARD, sealed),
            "associated_data": aad, "nonce": std::str::from_utf8(&nonce).unwrap()}})
}

/// The headers of a message as WeChat signs it at `at_s` with this key under this name.
pub fn headers(body: &[u8], key: &SigningKey, serial: &str, at_s: i64) -> Vec<(&'static str, String)> {
    let (at, nonce) = (at_s.to_string(), "notifynonce000000000000000000001");
    let text = [at.as_bytes(), b"\n", nonce.as_bytes(), b"\n", body, b"\n"].concat();
    vec![
        ("wechatpay-timestamp", at),
        ("wechatpay-nonce", nonce.to_owned()),
        ("wechatpay-serial", serial.to_owned()),
        ("wechatpay-signature-type", "WECHATPAY2-SHA256-RSA2048".to_owned()),
        ("wechatpay-signature", key.sign(&text)),
    ]
}

/// The key of WeChat's that the sandbox publishes, and signs with under its public key's id.
pub fn sandboxs() -> SigningKey {
    SigningKey::from_pem(include_bytes!("../../../sandbox/src/v3/keys/test_keys/wechat.pem")).unwrap()
}

pub fn now_s() -> i64 {
    UnixMillis::now().get() / 1000
}
