//! Identifiers that are checked once, where they enter the program, and trusted after.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A value that the protocol does not allow: the field's name, and what it must be. The value itself is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {must_be}")]
pub struct InvalidValue {
    /// The field's name, such as `total_fee`.
    pub what: &'static str,
    /// The rule that it breaks, to be read after "must be".
    pub must_be: &'static str,
}

impl InvalidValue {
    /// The first of `rules` (holds, field, what it must be) that does not hold.
    /// # Errors
    /// That rule.
    pub(crate) fn check<const N: usize>(
        rules: [(bool, &'static str, &'static str); N],
    ) -> Result<(), InvalidValue> {
        match rules.into_iter().find(|(holds, ..)| !holds) {
            None => Ok(()),
            Some((_, what, must_be)) => Err(InvalidValue { what, must_be }),
        }
    }
}

/// Whether `text` has `min` to `max` bytes and no control characters. WeChat's pages do not say whether a length counts
/// characters or bytes; bytes are the stricter reading.
pub(crate) fn is_text(text: &str, min: usize, max: usize) -> bool {
    (min..=max).contains(&text.len()) && !text.contains(char::is_control)
}

/// Whether `url` may be sent as a `notify_url`. Source: WeChat Pay v2, native.php?chapter=9_1 (`notify_url`).
pub(crate) fn is_notify_url(url: &str) -> bool {
    is_web_address(url, 256) && !url.contains(['?', '#'])
}

/// Whether `url` is an absolute `http(s)` address in ASCII, of at most `max` bytes.
pub(crate) fn is_web_address(url: &str, max: usize) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        && url.len() <= max
        && url.bytes().all(|b| b.is_ascii_graphic())
}

/// A newtype over a checked string: `parse`, `as_str`, conversions, and reading from serde with the same check.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $what:literal, $must_be:literal, $ok:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            #[doc = concat!("Reads a `", $what, "`.")]
            /// # Errors
            #[doc = concat!("[`InvalidValue`] unless it is ", $must_be, ".")]
            pub fn parse(text: impl Into<String>) -> Result<Self, InvalidValue> {
                let text = text.into();
                let ok: fn(&str) -> bool = $ok;
                if ok(&text) {
                    Ok(Self(text))
                } else {
                    Err(InvalidValue { what: $what, must_be: $must_be })
                }
            }

            /// The text as it was parsed.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidValue;
            fn try_from(text: String) -> Result<Self, InvalidValue> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.0
            }
        }
    };
}

/// `Debug` and `Display` that show the text.
macro_rules! shown {
    ($($name:ident)*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.0).finish()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

shown! { OutTradeNo TransactionId OutRefundNo RefundId CodeUrl PrepayId PayPage ProductId AppId MchId }

checked_text!(
    /// The merchant's own number of an order, unique for ever under one `mch_id`.
    /// Source: WeChat Pay v2, native.php?chapter=4_2 (商户订单号).
    OutTradeNo,
    "out_trade_no",
    "6 to 32 digits, ASCII letters or _ - | *",
    |t| (6..=32).contains(&t.len())
        && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-|*".contains(&b))
);

checked_text!(
    /// WeChat's number of a payment (微信支付订单号), in practice 28 digits.
    /// Source: WeChat Pay v2, native.php?chapter=9_7 (`transaction_id`).
    TransactionId,
    "transaction_id",
    "1 to 32 printable ASCII characters",
    |t| (1..=32).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_graphic())
);

checked_text!(
    /// The merchant's own number of a refund, unique for ever under one `mch_id`: the same one sent again never
    /// refunds twice. Source: WeChat Pay v2, native.php?chapter=9_4 (`out_refund_no`).
    OutRefundNo,
    "out_refund_no",
    "1 to 64 digits, ASCII letters or _ - | * @",
    |t| (1..=64).contains(&t.len())
        && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-|*@".contains(&b))
);

checked_text!(
    /// WeChat's number of a refund (微信退款单号). Source: WeChat Pay v2, native.php?chapter=9_4 (`refund_id`).
    RefundId,
    "refund_id",
    "1 to 32 printable ASCII characters",
    |t| (1..=32).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_graphic())
);

checked_text!(
    /// The content of a Native QR code. Opaque: encoded exactly as it came; it can be scanned for two hours. Newer
    /// answers have another path after `weixin://`. Source: WeChat Pay v2, native.php?chapter=9_1 (`code_url`).
    CodeUrl,
    "code_url",
    "a weixin:// address of at most 512 printable ASCII characters",
    |t| t.starts_with("weixin://") && t.len() <= 512 && t.bytes().all(|b| b.is_ascii_graphic())
);

checked_text!(
    /// A prepay session (预支付交易会话标识), from which JSAPI and APP payments are invoked; it lives two hours.
    /// Source: WeChat Pay v2, native.php?chapter=9_1 (`prepay_id`).
    PrepayId,
    "prepay_id",
    "1 to 128 printable ASCII characters",
    |t| (1..=128).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_graphic())
);

checked_text!(
    /// The page to which an H5 order's browser goes; it can be opened for five minutes. WeChat's is below
    /// `https://wx.tenpay.com`, a sandbox has its own. Source: WeChat Pay v2, H5.php?chapter=9_20 (`mweb_url`).
    PayPage,
    "mweb_url",
    "an http(s) address of at most 512 printable ASCII characters",
    |t| is_web_address(t, 512)
);

checked_text!(
    /// What a printed code is for (mode one). Its letters are those that an address need not encode, so that the signed
    /// text is also the sent one. Source: WeChat Pay v2, native.php?chapter=6_4 (`product_id`).
    ProductId,
    "product_id",
    "1 to 32 ASCII letters, digits, _ or -",
    |t| (1..=32).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
);

checked_text!(
    /// The id of a 公众号, mini program or mobile app, which must be bound to the merchant number.
    /// Source: WeChat Pay v2, native.php?chapter=9_1 (`appid`).
    AppId,
    "appid",
    "1 to 32 ASCII letters and digits",
    |t| (1..=32).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_alphanumeric())
);

checked_text!(
    /// The merchant number (商户号). Source: WeChat Pay v2, native.php?chapter=9_1 (`mch_id`).
    MchId,
    "mch_id",
    "1 to 32 digits",
    |t| (1..=32).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_digit())
);

checked_text!(
    /// The payer as one `appid` knows him; another `appid` knows the same person by another one. `Debug` hides it, and
    /// there is no `Display`. Source: WeChat Pay v2, jsapi.php?chapter=9_1 (`openid`).
    OpenId,
    "openid",
    "1 to 128 printable ASCII characters",
    |t| (1..=128).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_graphic())
);

impl fmt::Debug for OpenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenId(•••)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_payer() {
        assert_eq!(format!("{:?}", OpenId::parse("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").unwrap()), "OpenId(•••)");
    }
}
