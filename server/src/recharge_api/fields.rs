//! What a body of `POST /wxpay/recharge` says, read strictly and without any IO. `fuzz/` compiles this file alone.

use std::{fmt, net::IpAddr};

use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};
use wxpay::{OpenId, TradeType};

/// What an integrator asks for, with the parts checked that need no settings.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RechargeRequest {
    pub u: String,
    /// Whole units.
    pub quantity: u32,
    pub kind: Kind,
}

/// How the payer is to get to the payment, with what only that way needs.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Native,
    Jsapi {
        /// Who pays, as the site's own account knows him.
        openid: OpenId,
    },
    Mweb {
        /// The payer's own address, as WeChat will see it.
        client_ip: IpAddr,
    },
    App,
}

impl Kind {
    pub(super) fn trade_type(&self) -> TradeType {
        match self {
            Kind::Native => TradeType::Native,
            Kind::Jsapi { .. } => TradeType::Jsapi,
            Kind::Mweb { .. } => TradeType::Mweb,
            Kind::App => TradeType::App,
        }
    }
}

/// Why a body is no wish; in words for the integrator.
#[derive(Debug)]
pub(super) enum BadRequest {
    /// Not a form or JSON of these fields, each once.
    Unreadable(String),
    /// A quantity that cannot be sold.
    Quantity(&'static str),
    /// A way to pay that there is not, or without what it needs.
    Way { what: WayField, message: &'static str },
    /// There is no user token.
    NoToken,
}

/// The field that a way to pay is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WayField {
    Type,
    OpenId,
    ClientIp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    u: Option<String>,
    quantity: Option<Scalar>,
    openid: Option<String>,
    client_ip: Option<String>,
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
/// [`BadRequest`], for the first thing that is wrong.
pub(super) fn read(is_json: bool, body: &[u8]) -> Result<RechargeRequest, BadRequest> {
    let fields = if is_json {
        serde_json::from_slice(body).map_err(|error| BadRequest::Unreadable(error.to_string()))
    } else {
        serde_urlencoded::from_bytes(body).map_err(|error| BadRequest::Unreadable(error.to_string()))
    };
    check(fields?)
}

fn check(fields: Fields) -> Result<RechargeRequest, BadRequest> {
    let kind = kind(&fields)?;
    let quantity = fields.quantity.ok_or(BadRequest::Quantity("quantity is missing"))?;
    let quantity =
        whole(&quantity.0).ok_or(BadRequest::Quantity("quantity must be a whole number of units"))?;
    let u = fields.u.filter(|u| !u.is_empty()).ok_or(BadRequest::NoToken)?;
    Ok(RechargeRequest { u, quantity, kind })
}

fn kind(fields: &Fields) -> Result<Kind, BadRequest> {
    let bad = |what, message| BadRequest::Way { what, message };
    let trade_type = match fields.kind.as_deref() {
        None => TradeType::Native,
        // WeChat calls it by both names.
        Some("H5") => TradeType::Mweb,
        Some(word) => TradeType::parse(word)
            .map_err(|_| bad(WayField::Type, "type must be NATIVE, JSAPI, MWEB (or H5) or APP"))?,
    };
    if fields.openid.is_some() && trade_type != TradeType::Jsapi {
        return Err(bad(WayField::OpenId, "openid goes with type JSAPI only"));
    }
    if fields.client_ip.is_some() && trade_type != TradeType::Mweb {
        return Err(bad(WayField::ClientIp, "client_ip goes with type MWEB only"));
    }
    match trade_type {
        TradeType::Native => Ok(Kind::Native),
        TradeType::App => Ok(Kind::App),
        TradeType::Jsapi => {
            let must = "type JSAPI needs openid: who pays, as the account of SAOMA_WECHAT_APPID knows him";
            let openid = fields.openid.as_deref().map(OpenId::parse).and_then(Result::ok);
            Ok(Kind::Jsapi { openid: openid.ok_or_else(|| bad(WayField::OpenId, must))? })
        }
        TradeType::Mweb => {
            let must = "type MWEB needs client_ip: the payer's own IPv4 or IPv6 address";
            let client_ip = fields.client_ip.as_deref().and_then(|ip| ip.parse().ok());
            Ok(Kind::Mweb { client_ip: client_ip.ok_or_else(|| bad(WayField::ClientIp, must))? })
        }
    }
}

/// ASCII digits only: no sign, no point, no separators, no full-width digits.
fn whole(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.len() <= 10 && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> Result<RechargeRequest, BadRequest> {
        read(false, text.as_bytes())
    }

    #[test]
    fn each_way_needs_its_own_fields_and_no_others() {
        for (text, what) in [
            ("&type=FOO", WayField::Type),
            ("&type=native", WayField::Type),
            ("&type=", WayField::Type),
            ("&type=JSAPI", WayField::OpenId),
            ("&type=JSAPI&openid=", WayField::OpenId),
            ("&type=JSAPI&openid=o%0A1", WayField::OpenId),
            ("&openid=o1", WayField::OpenId),
            ("&type=APP&openid=o1", WayField::OpenId),
            ("&type=MWEB", WayField::ClientIp),
            ("&type=MWEB&client_ip=localhost", WayField::ClientIp),
            ("&type=MWEB&client_ip=203.0.113.7%3A80", WayField::ClientIp),
            ("&client_ip=203.0.113.7", WayField::ClientIp),
        ] {
            match form(&format!("u=a.b.c&quantity=50{text}")) {
                Err(BadRequest::Way { what: found, .. }) => assert_eq!(found, what, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}
