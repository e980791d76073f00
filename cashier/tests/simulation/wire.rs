//! What goes over the network between a process and WeChat, as the model reads it: what a call is about, and what an answer
//! says.

use axum::http::{HeaderMap, Method, StatusCode};
use serde_json::Value;
use wxpay::v2::Fields;

/// Where API v3 lists WeChat's certificates.
pub const CERTIFICATES: &str = "/v3/certificates";

const TRANSACTIONS: &str = "/v3/pay/transactions/";
const BY_NUMBER: &str = "/v3/pay/transactions/out-trade-no/";
const REFUNDS: &str = "/v3/refund/domestic/refunds/";

/// Which call of which protocol, and the order, refund or day that it is about.
#[derive(Debug, Clone)]
pub struct Call {
    pub path: String,
    pub number: String,
}

impl Call {
    pub fn read(method: &Method, path: &str, query: &str, body: &[u8]) -> Call {
        let number = match path.starts_with("/v3/") {
            false => {
                let fields = Fields::read(body, usize::MAX).unwrap();
                let about = fields.get("out_refund_no").or_else(|| fields.get("out_trade_no"));
                about.or_else(|| fields.get("bill_date")).unwrap_or_default().to_owned()
            }
            true => number_of_v3(method, path, query, body),
        };
        Call { path: path.to_owned(), number }
    }

    pub fn is_v3(&self) -> bool {
        self.path.starts_with("/v3/")
    }

    /// Whether it asks WeChat for an order.
    pub fn places(&self) -> bool {
        self.path == "/pay/unifiedorder"
            || self.path.strip_prefix(TRANSACTIONS).is_some_and(|rest| !rest.contains('/'))
    }
}

fn number_of_v3(method: &Method, path: &str, query: &str, body: &[u8]) -> String {
    if let Some(rest) = path.strip_prefix(BY_NUMBER).or_else(|| path.strip_prefix(REFUNDS)) {
        return rest.split('/').next().unwrap_or_default().to_owned();
    }
    if *method == Method::GET {
        let day = query.split('&').find_map(|pair| pair.strip_prefix("bill_date="));
        return day.unwrap_or_default().to_owned();
    }
    let message: Value = serde_json::from_slice(body).unwrap();
    let about = message.get("out_refund_no").or_else(|| message.get("out_trade_no"));
    about.and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// WeChat's answer, before anything happens to it on its way.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub body: Vec<u8>,
    /// A process that gets it whole may believe it.
    pub is_believable: bool,
}

impl Answer {
    /// `is_spoilt`: WeChat signs it wrongly.
    pub fn new(
        call: &Call,
        status: StatusCode,
        headers: &HeaderMap,
        body: Vec<u8>,
        is_spoilt: bool,
    ) -> Answer {
        let is_believable = match call.is_v3() {
            false => String::from_utf8_lossy(&body).contains("<sign>"),
            // WeChat does not promise that it signs errors: one without a signature is believed too.
            true => {
                let is_signed = headers.contains_key("wechatpay-signature");
                !is_spoilt && (is_signed || status.is_client_error())
            }
        };
        Answer { status, body, is_believable }
    }
}

/// What WeChat says in an answer that is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// This order was paid by this transaction.
    Paid(String, String),
    /// This order cannot be paid any more.
    Ended(String),
    /// WeChat never heard of it.
    Unheard(String),
}

pub fn said(call: &Call, answer: &Answer) -> Vec<Said> {
    match call.is_v3() {
        false => said_by_v2(call, &answer.body),
        true => said_by_v3(call, answer),
    }
}

fn said_by_v2(Call { path, number }: &Call, body: &[u8]) -> Vec<Said> {
    let text = String::from_utf8_lossy(body);
    let field = |name: &str| {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let from = text.find(&open)? + open.len();
        let value = &text[from..from + text[from..].find(&close)?];
        let value =
            value.strip_prefix("<![CDATA[").and_then(|value| value.strip_suffix("]]>")).unwrap_or(value);
        Some(value.to_owned())
    };
    let [result, state, code] =
        ["result_code", "trade_state", "err_code"].map(|name| field(name).unwrap_or_default());
    let mut all = Vec::new();
    if path == "/pay/orderquery" && result == "SUCCESS" && state == "SUCCESS" {
        // It may have been asked about by WeChat's own number.
        let [number, transaction] =
            ["out_trade_no", "transaction_id"].map(|name| field(name).unwrap_or_default());
        all.push(Said::Paid(number, transaction));
    }
    let closes = path == "/pay/closeorder" && result == "SUCCESS";
    if closes || code == "ORDERCLOSED" || ["CLOSED", "REFUND"].contains(&state.as_str()) {
        all.push(Said::Ended(number.clone()));
    }
    // Somebody gave money back at the merchant platform, perhaps before the payment was heard of here.
    if path == "/pay/refundquery" && result == "SUCCESS" {
        all.extend(field("out_trade_no").map(Said::Ended));
    }
    if code == "ORDERNOTEXIST" {
        all.push(Said::Unheard(number.clone()));
    }
    all
}

fn said_by_v3(Call { path, number }: &Call, answer: &Answer) -> Vec<Said> {
    let message: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let field = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let [state, code, of] = ["trade_state", "code", "out_trade_no"].map(field);
    let mut all = Vec::new();
    if answer.status == StatusCode::OK && state == "SUCCESS" {
        all.push(Said::Paid(of.clone(), field("transaction_id")));
    }
    let closes = answer.status == StatusCode::NO_CONTENT && path.ends_with("/close");
    if closes || code == "ORDER_CLOSED" || ["CLOSED", "REFUND"].contains(&state.as_str()) {
        all.push(Said::Ended(number.clone()));
    }
    // As in v2.
    if answer.status == StatusCode::OK && path.starts_with(REFUNDS) {
        all.push(Said::Ended(of));
    }
    if code == "ORDER_NOT_EXIST" {
        all.push(Said::Unheard(number.clone()));
    }
    all
}
