//! Ways to pay: how a payer gets from the page to WeChat's payment.

use serde::{Deserialize, Serialize};

/// A way to pay that pages offer. Its words stand in forms and in calls of server functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// A code on this screen that is scanned with WeChat.
    Native,
    /// WeChat's own payment window over the page, inside WeChat.
    Jsapi,
    /// A page of WeChat's, which opens the app from a phone's browser (H5).
    Mweb,
}

impl Way {
    pub const ALL: [Way; 3] = [Way::Native, Way::Jsapi, Way::Mweb];

    pub fn name(self) -> &'static str {
        match self {
            Way::Native => "native",
            Way::Jsapi => "jsapi",
            Way::Mweb => "mweb",
        }
    }

    pub fn parse(name: &str) -> Option<Way> {
        Way::ALL.into_iter().find(|way| way.name() == name)
    }
}

/// What `getBrandWCPayRequest` of WeChat's browser is called with, signed for one press.
/// Source: WeChat Pay, "JSAPI调起支付".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JsapiCall {
    pub app_id: String,
    /// Seconds; WeChat's browser takes it as a string only.
    pub time_stamp: String,
    pub nonce_str: String,
    pub package: String,
    pub sign_type: String,
    pub pay_sign: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_of_a_way_is_the_one_that_is_sent() {
        for way in Way::ALL {
            assert_eq!(serde_json::to_value(way).unwrap(), way.name());
            assert_eq!(Way::parse(way.name()), Some(way));
        }
        assert_eq!(Way::parse("NATIVE"), None);
    }
}
