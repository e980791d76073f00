//! `/pay/orderquery`: what WeChat knows of one order. Source: protocol A5.

use serde::{Deserialize, Serialize};

use super::merchant::Merchant;
use super::notify::Payment;
use super::sign::SignType;
use super::xml::Fields;
use crate::types::{InvalidValue, OutTradeNo, TransactionId};
use crate::verified::Verified;

/// The state of an order at WeChat. Source: protocol A5.3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum TradeState {
    Success,
    /// Was paid, and at least one refund was accepted, perhaps of a part.
    Refund,
    NotPay,
    /// Closed by the merchant or expired: cannot be paid any more.
    Closed,
    Revoked,
    UserPaying,
    PayError,
    Accept,
    /// A word that is not in the table: not final.
    Other(String),
}

impl TradeState {
    pub fn as_str(&self) -> &str {
        match self {
            TradeState::Success => "SUCCESS",
            TradeState::Refund => "REFUND",
            TradeState::NotPay => "NOTPAY",
            TradeState::Closed => "CLOSED",
            TradeState::Revoked => "REVOKED",
            TradeState::UserPaying => "USERPAYING",
            TradeState::PayError => "PAYERROR",
            TradeState::Accept => "ACCEPT",
            TradeState::Other(word) => word,
        }
    }
}

impl From<String> for TradeState {
    fn from(word: String) -> Self {
        match word.as_str() {
            "SUCCESS" => TradeState::Success,
            "REFUND" => TradeState::Refund,
            "NOTPAY" => TradeState::NotPay,
            "CLOSED" => TradeState::Closed,
            "REVOKED" => TradeState::Revoked,
            "USERPAYING" => TradeState::UserPaying,
            "PAYERROR" => TradeState::PayError,
            "ACCEPT" => TradeState::Accept,
            _ => TradeState::Other(word),
        }
    }
}

impl From<TradeState> for String {
    fn from(state: TradeState) -> String {
        state.as_str().to_owned()
    }
}

/// A verified answer to a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trade {
    pub out_trade_no: OutTradeNo,
    pub state: TradeState,
    /// `trade_state_desc`, for people.
    pub desc: String,
    /// Always there for `Success`; for `Refund` if the answer has all of a payment's fields; else never.
    pub payment: Option<Verified<Payment>>,
}

impl Trade {
    /// # Errors
    /// [`InvalidValue`] that names what is missing or wrong.
    pub fn read(fields: &Verified<Fields>, sign_type: SignType) -> Result<Self, InvalidValue> {
        let state = TradeState::from(fields.required("trade_state")?.to_owned());
        let payment = match state {
            TradeState::Success => Some(Payment::read(fields.clone(), sign_type)?),
            TradeState::Refund => Payment::read(fields.clone(), sign_type).ok(),
            _ => None,
        };
        Ok(Trade {
            out_trade_no: OutTradeNo::parse(fields.required("out_trade_no")?)?,
            state,
            desc: fields.get("trade_state_desc").unwrap_or_default().to_owned(),
            payment,
        })
    }
}

/// The request without `nonce_str` and `sign`.
pub fn request(merchant: &Merchant, out_trade_no: &OutTradeNo) -> Fields {
    merchant.fields().with("out_trade_no", out_trade_no.as_str())
}

/// The same by WeChat's own number: one order may have been paid twice, and only this tells the payments apart.
pub fn request_by_transaction(merchant: &Merchant, transaction_id: &TransactionId) -> Fields {
    merchant.fields().with("transaction_id", transaction_id.as_str())
}
