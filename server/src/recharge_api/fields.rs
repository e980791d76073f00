//! What a body of `POST /wxpay/recharge` says, read strictly and without any IO. `fuzz/` compiles this file alone.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};
use wxpay::TradeType;

/// What an integrator asks for, with the parts checked that need no settings.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub u: String,
    /// Whole units.
    pub quantity: u32,
    /// How the payer is to get to the payment.
    pub trade_type: TradeType,
}

impl Asked {
    /// What an idempotency key is bound to: everything that makes it another request. `NATIVE` keeps the form of keys that
    /// are stored already.
    pub(super) fn key_text(&self) -> String {
        format!("{} {}", self.trade_type.as_str(), self.quantity)
    }
}

/// Why a body is no wish; in words for the integrator.
#[derive(Debug)]
pub(super) enum Bad {
    /// Not a form or JSON of these fields, each once.
    Unreadable(String),
    /// The value of a field.
    Field { field: &'static str, message: &'static str },
    /// There is no user token.
    NoToken,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    u: Option<String>,
    quantity: Option<Scalar>,
    openid: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// A number as it was written. A form has only text, JSON may have either.
struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct AsWritten;
        impl Visitor<'_> for AsWritten {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(text.to_owned()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }

            // 1e9 and 0.001 are numbers to JSON, and not whole numbers to us.
            fn visit_f64<E: Error>(self, _: f64) -> Result<Scalar, E> {
                Ok(Scalar(String::new()))
            }
        }
        from.deserialize_any(AsWritten)
    }
}

/// # Errors
/// [`Bad`], for the first thing that is wrong.
pub(super) fn read(is_json: bool, body: &[u8]) -> Result<Asked, Bad> {
    let fields = if is_json {
        serde_json::from_slice(body).map_err(|error| Bad::Unreadable(error.to_string()))
    } else {
        serde_urlencoded::from_bytes(body).map_err(|error| Bad::Unreadable(error.to_string()))
    };
    check(fields?)
}

fn check(fields: Fields) -> Result<Asked, Bad> {
    let bad = |field, message| Bad::Field { field, message };
    let trade_type = match fields.kind.as_deref().map(TradeType::parse) {
        None => TradeType::Native,
        Some(Ok(TradeType::Native)) => TradeType::Native,
        Some(Ok(_)) => return Err(bad("type", "this type is not offered yet: use NATIVE")),
        Some(Err(_)) => return Err(bad("type", "type must be NATIVE")),
    };
    if fields.openid.is_some() {
        return Err(bad("openid", "openid goes with type JSAPI, which is not offered yet"));
    }
    let quantity = fields.quantity.ok_or_else(|| bad("quantity", "quantity is missing"))?;
    let quantity =
        whole(&quantity.0).ok_or_else(|| bad("quantity", "quantity must be a whole number of units"))?;
    let u = fields.u.filter(|u| !u.is_empty()).ok_or(Bad::NoToken)?;
    Ok(Asked { u, quantity, trade_type })
}

/// ASCII digits only: no sign, no point, no separators, no full-width digits.
fn whole(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.len() <= 10 && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idempotency_key_is_bound_to_the_trade_type_too() {
        let asked = |trade_type| Asked { u: "token".to_owned(), quantity: 50, trade_type };
        assert_eq!(asked(TradeType::Native).key_text(), "NATIVE 50");
        assert_ne!(asked(TradeType::Jsapi).key_text(), asked(TradeType::Native).key_text());
    }
}
