//! `GET /v3/pay/transactions/…`: what WeChat knows of one order, and how it is closed.
//! Source: WeChat Pay, 微信支付订单号查询订单, 商户订单号查询订单 and 关闭订单 (APIv3).

use percent_encoding::utf8_percent_encode;
use serde_json::json;

use super::json::Object;
use super::merchant::Merchant;
use super::payment;
use crate::percent::UNRESERVED;
use crate::trade::{Trade, TradeState};
use crate::types::{InvalidValue, OutTradeNo, TransactionId};
use crate::verified::Verified;

/// The path at which an order is queried by the merchant's number.
pub const BY_NUMBER: &str = "/v3/pay/transactions/out-trade-no/{out_trade_no}";
/// The path at which a payment is queried by WeChat's number.
pub const BY_TRANSACTION: &str = "/v3/pay/transactions/id/{transaction_id}";
/// The path at which an order is closed.
pub const CLOSE: &str = "/v3/pay/transactions/out-trade-no/{out_trade_no}/close";

/// Where an order is queried by the merchant's number.
pub fn target(merchant: &Merchant, out_trade_no: &OutTradeNo) -> String {
    let number = utf8_percent_encode(out_trade_no.as_str(), UNRESERVED);
    format!("/v3/pay/transactions/out-trade-no/{number}?mchid={}", merchant.mch_id)
}

/// Where a payment is queried by WeChat's number.
pub fn target_of_transaction(merchant: &Merchant, transaction_id: &TransactionId) -> String {
    let number = utf8_percent_encode(transaction_id.as_str(), UNRESERVED);
    format!("/v3/pay/transactions/id/{number}?mchid={}", merchant.mch_id)
}

/// Where an order is closed, and the body of that request. The answer is HTTP 204 without a body.
pub fn close(merchant: &Merchant, out_trade_no: &OutTradeNo) -> (String, String) {
    let number = utf8_percent_encode(out_trade_no.as_str(), UNRESERVED);
    let body = json!({ "mchid": merchant.mch_id.as_str() }).to_string();
    (format!("/v3/pay/transactions/out-trade-no/{number}/close"), body)
}

/// The answer.
/// # Errors
/// [`InvalidValue`] that names what is missing or wrong.
pub fn read(answer: &Verified<Object>) -> Result<Trade, InvalidValue> {
    let state = TradeState::from(answer.required("trade_state")?.to_owned());
    let payment = match state {
        TradeState::Success => Some(payment::read(answer)?),
        TradeState::Refund => payment::read(answer).ok(),
        _ => None,
    };
    Ok(Trade {
        out_trade_no: OutTradeNo::parse(answer.required("out_trade_no")?)?,
        state,
        desc: answer.present("trade_state_desc")?.unwrap_or_default().to_owned(),
        payment,
    })
}
