//! Channels: over which protocol an order is placed, and how its payer gets to the payment.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::types::{AppId, InvalidValue};

/// The two generations of WeChat Pay's merchant API. An order can be queried and refunded by either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Flat XML, signed with the APIv2 key (MD5 or HMAC-SHA256).
    V2,
    /// JSON, signed with RSA keys.
    V3,
}

impl Protocol {
    /// Reads `v2` or `v3`, as it is printed; `None` for anything else.
    pub fn from_name(name: &str) -> Option<Self> {
        [Protocol::V2, Protocol::V3].into_iter().find(|protocol| protocol.to_string() == name)
    }

    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Protocol::V2 => Protocol::V3,
            Protocol::V3 => Protocol::V2,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::V2 => "v2",
            Protocol::V3 => "v3",
        })
    }
}

/// How the payer gets to the payment. Source: WeChat Pay v2, native.php?chapter=4_2 (交易类型).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TradeType {
    /// The payer scans a code with WeChat.
    Native,
    /// A page inside WeChat, or a mini program.
    Jsapi,
    /// Another app on the payer's phone.
    App,
    /// A page in the phone's own browser (H5).
    Mweb,
}

impl TradeType {
    /// The word of API v2, of bills, and of the database.
    pub fn as_str(self) -> &'static str {
        match self {
            TradeType::Native => "NATIVE",
            TradeType::Jsapi => "JSAPI",
            TradeType::App => "APP",
            TradeType::Mweb => "MWEB",
        }
    }

    /// Reads one of the four words.
    /// # Errors
    /// [`InvalidValue`] for anything else, also in other letters.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        match text {
            "NATIVE" => Ok(TradeType::Native),
            "JSAPI" => Ok(TradeType::Jsapi),
            "APP" => Ok(TradeType::App),
            "MWEB" => Ok(TradeType::Mweb),
            _ => Err(InvalidValue { what: "trade_type", must_be: "NATIVE, JSAPI, APP or MWEB" }),
        }
    }
}

/// Where an order is placed. It stays there: another channel is another order number, because a prepay session is bound
/// to the channel that it was made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Channel {
    /// Which API the order is placed, queried, closed and refunded by.
    pub protocol: Protocol,
    /// How the payer gets to it.
    pub trade_type: TradeType,
}

/// Which API a call about an order goes by, and in which app's name. The protocol alone stands for the merchant's main app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct By<'a> {
    /// Which API.
    pub protocol: Protocol,
    /// The app that the order was placed with, if it is not the main one. Only v2 sends it.
    pub appid: Option<&'a AppId>,
}

impl From<Protocol> for By<'_> {
    fn from(protocol: Protocol) -> Self {
        By { protocol, appid: None }
    }
}

/// How a message is signed. `Ord` is strength: evidence that is weaker than what an order was placed with is a downgrade,
/// and decides nothing. Source: WeChat Pay v2, native.php?chapter=4_3 (签名算法).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Signed {
    /// API v2, MD5 over the fields and the APIv2 key.
    #[serde(rename = "MD5")]
    Md5,
    /// API v2, HMAC-SHA256 with the APIv2 key.
    #[serde(rename = "HMAC-SHA256")]
    HmacSha256,
    /// API v3, SHA-256 with RSA.
    #[serde(rename = "WECHATPAY2-SHA256-RSA2048")]
    Rsa,
}

impl Signed {
    /// The protocol's word, which is also the database's: v2's `sign_type`, v3's scheme in the `Authorization` header.
    pub fn as_str(self) -> &'static str {
        match self {
            Signed::Md5 => "MD5",
            Signed::HmacSha256 => "HMAC-SHA256",
            Signed::Rsa => "WECHATPAY2-SHA256-RSA2048",
        }
    }

    /// Reads one of the three words.
    /// # Errors
    /// [`InvalidValue`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        match text {
            "MD5" => Ok(Signed::Md5),
            "HMAC-SHA256" => Ok(Signed::HmacSha256),
            "WECHATPAY2-SHA256-RSA2048" => Ok(Signed::Rsa),
            _ => Err(InvalidValue {
                what: "the signature's algorithm",
                must_be: "MD5, HMAC-SHA256 or WECHATPAY2-SHA256-RSA2048",
            }),
        }
    }

    /// The protocol whose messages are signed so.
    pub fn protocol(self) -> Protocol {
        match self {
            Signed::Md5 | Signed::HmacSha256 => Protocol::V2,
            Signed::Rsa => Protocol::V3,
        }
    }
}

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn md5_is_weaker_than_hmac_and_hmac_than_rsa() {
        assert!(Signed::Md5 < Signed::HmacSha256 && Signed::HmacSha256 < Signed::Rsa);
    }

    #[test]
    fn an_algorithm_is_one_of_three_exact_words_everywhere() {
        for signed in [Signed::Md5, Signed::HmacSha256, Signed::Rsa] {
            assert_eq!(Signed::parse(signed.as_str()), Ok(signed));
            assert_eq!(serde_json::to_value(signed).unwrap(), signed.as_str());
        }
        for text in ["md5", "HMAC_SHA256", "SHA256", ""] {
            assert!(Signed::parse(text).is_err(), "{text}");
        }
    }
}
