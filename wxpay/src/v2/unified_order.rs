//! `/pay/unifiedorder`: what is asked for, and the code that comes back. Source: protocol A4.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::merchant::Merchant;
use super::xml::Fields;
use crate::types::{CodeUrl, Fen, InvalidValue, OutTradeNo, UnixMillis};
use crate::verified::Verified;

/// How the payer gets to the payment. Source: protocol A4.2.
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
    pub fn as_str(self) -> &'static str {
        match self {
            TradeType::Native => "NATIVE",
            TradeType::Jsapi => "JSAPI",
            TradeType::App => "APP",
            TradeType::Mweb => "MWEB",
        }
    }

    /// # Errors
    /// [`InvalidValue`] for anything but the four exact words.
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

/// One order as it is sent. Repeating it must repeat every field: WeChat refuses the same `out_trade_no` with other
/// parameters, and answers the same ones with a fresh code. So keep all of this before the first call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnifiedOrder {
    /// What the payer reads, at most 127 bytes; "shop name-goods" is the recommended form.
    pub body: String,
    /// Comes back unchanged in queries, notices and bills; at most 127 bytes. Nothing from a stranger: the string to
    /// sign is ambiguous where a value has `&` and `=`.
    pub attach: Option<String>,
    pub out_trade_no: OutTradeNo,
    pub total_fee: Fen,
    /// The payer's address, or the server's own (Native takes both).
    pub spbill_create_ip: IpAddr,
    pub time_start: UnixMillis,
    /// WeChat takes no payment after it; its pages demand at least 5 minutes after `time_start`.
    pub time_expire: UnixMillis,
    /// Absolute `http(s)` address without a query string; at most 256 bytes.
    pub notify_url: String,
    /// Required for Native; at most 32 bytes.
    pub product_id: String,
    pub trade_type: TradeType,
    /// The payer, required for JSAPI.
    pub openid: Option<String>,
}

impl UnifiedOrder {
    /// # Errors
    /// [`InvalidValue`] for what WeChat would refuse anyway, or what would not come back as it was sent.
    pub fn check(&self) -> Result<(), InvalidValue> {
        let openid = self.openid.as_deref();
        let native = self.trade_type == TradeType::Native;
        let rules = [
            (is_text(&self.body, 1, 127), "body", "1 to 127 bytes without control characters"),
            (
                self.attach.as_deref().is_none_or(|attach| is_text(attach, 1, 127)),
                "attach",
                "1 to 127 bytes without control characters, or absent",
            ),
            (self.total_fee >= Fen::new(1), "total_fee", "at least 1 fen"),
            (self.time_expire > self.time_start, "time_expire", "after time_start"),
            (
                is_notify_url(&self.notify_url),
                "notify_url",
                "an http(s) address of at most 256 bytes, without a query",
            ),
            (
                is_text(&self.product_id, usize::from(native), 32),
                "product_id",
                "1 to 32 bytes without control characters",
            ),
            (
                openid.map_or(self.trade_type != TradeType::Jsapi, |openid| is_text(openid, 1, 128)),
                "openid",
                "1 to 128 bytes, and present for JSAPI",
            ),
        ];
        match rules.into_iter().find(|(ok, ..)| !ok) {
            None => Ok(()),
            Some((_, what, must_be)) => Err(InvalidValue { what, must_be }),
        }
    }

    /// All fields but `nonce_str` and `sign`.
    pub fn to_fields(&self, merchant: &Merchant) -> Fields {
        let mut fields = merchant.fields();
        fields.set("body", &*self.body);
        fields.set("out_trade_no", self.out_trade_no.as_str());
        fields.set("fee_type", "CNY");
        fields.set("total_fee", self.total_fee.get().to_string());
        fields.set("spbill_create_ip", self.spbill_create_ip.to_string());
        fields.set("time_start", self.time_start.to_beijing());
        fields.set("time_expire", self.time_expire.to_beijing());
        fields.set("notify_url", &*self.notify_url);
        fields.set("trade_type", self.trade_type.as_str());
        let optional = [
            ("attach", self.attach.as_deref()),
            ("product_id", Some(self.product_id.as_str()).filter(|id| !id.is_empty())),
            ("openid", self.openid.as_deref()),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                fields.set(name, value);
            }
        }
        fields
    }
}

pub(super) fn is_text(text: &str, min: usize, max: usize) -> bool {
    (min..=max).contains(&text.len()) && !text.contains(char::is_control)
}

pub(super) fn is_notify_url(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        && url.len() <= 256
        && url.bytes().all(|b| b.is_ascii_graphic() && b != b'?' && b != b'#')
}

/// WeChat's answer to a Native order. Both live two hours, whatever `time_expire` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepay {
    pub prepay_id: String,
    pub code_url: CodeUrl,
}

impl Prepay {
    /// # Errors
    /// [`InvalidValue`] that names what is missing or wrong.
    pub fn read(fields: &Verified<Fields>) -> Result<Self, InvalidValue> {
        Ok(Prepay {
            prepay_id: fields.required("prepay_id")?.to_owned(),
            code_url: CodeUrl::parse(fields.required("code_url")?)?,
        })
    }
}
