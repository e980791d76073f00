//! The answer to an order query.

use serde::{Deserialize, Serialize};

use crate::payment::Payment;
use crate::types::OutTradeNo;
use crate::verified::Verified;

/// The state of an order at WeChat. Source: WeChat Pay v2, native.php?chapter=9_2 (`trade_state`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum TradeState {
    /// Paid, nothing refunded.
    Success,
    /// Was paid, and at least one refund was accepted, perhaps of a part.
    Refund,
    /// Not paid, and still payable.
    NotPay,
    /// Closed by the merchant or expired: cannot be paid any more.
    Closed,
    /// Reversed by the merchant (micropay only).
    Revoked,
    /// The payer is entering the password (micropay only).
    UserPaying,
    /// The payment failed, such as at the bank (micropay only).
    PayError,
    /// The deduction is accepted and waits (contract payments only).
    Accept,
    /// A word that is not in the table: not final.
    Other(String),
}

impl TradeState {
    /// WeChat's word.
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

/// What WeChat knows of one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trade {
    /// The merchant's number of the order that was asked about.
    pub out_trade_no: OutTradeNo,
    /// Where it stands.
    pub state: TradeState,
    /// `trade_state_desc`, for people.
    pub desc: String,
    /// Always there for `Success`; for `Refund` if the answer has all of a payment's fields; else never.
    pub payment: Option<Verified<Payment>>,
}
