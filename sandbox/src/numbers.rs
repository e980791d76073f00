//! The codes and numbers that WeChat makes up, in the forms that they have in practice.

use wxpay::UnixMillis;

use crate::orders::Payment;
use crate::random::Random;

const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const MIXED: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const HEX: &[u8] = b"0123456789abcdef";
const DIGITS: &[u8] = b"0123456789";

/// `length` letters and digits: codes and tokens.
pub fn mixed(random: &mut Random, length: usize) -> String {
    random.letters(MIXED, length)
}

/// WeChat's own, never an echo of the request's.
pub fn nonce_str(random: &mut Random) -> String {
    random.letters(UPPER, 32)
}

/// A new code to scan. Source: WeChat Pay v2, native.php?chapter=9_1 (`code_url`).
pub fn code_url(random: &mut Random) -> String {
    format!("weixin://wxpay/bizpayurl?pr={}", random.letters(MIXED, 9))
}

/// `wx`, the time and 20 more characters. Source: WeChat Pay v2, native.php?chapter=9_1 (`prepay_id`).
pub fn prepay_id(random: &mut Random, now: UnixMillis) -> String {
    format!("wx{}{}", now.to_beijing(), random.letters(HEX, 20))
}

/// A payment made now by `openid`: 28 digits with the day in them, as in practice.
pub fn payment(random: &mut Random, openid: &str, now: UnixMillis) -> Payment {
    let day: String = now.to_beijing().chars().take(8).collect();
    Payment {
        transaction_id: format!("4200{}{day}{}", random.letters(DIGITS, 6), random.letters(DIGITS, 10)),
        paid_at: now,
        openid: openid.to_owned(),
    }
}

/// 29 digits with the day in them, as in practice.
pub fn refund_id(random: &mut Random, now: UnixMillis) -> String {
    let day: String = now.to_beijing().chars().take(8).collect();
    format!("5030{}{day}{}", random.letters(DIGITS, 6), random.letters(DIGITS, 11))
}
