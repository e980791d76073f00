//! A payment as WeChat states it.

use serde::Serialize;

use crate::channel::Signed;
use crate::evidence::Evidence;
use crate::types::{AppId, OutTradeNo, TransactionId};
use crate::{Fen, UnixMillis};

/// A payment as WeChat states it, by a notice or by the answer to a query, in either protocol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Payment {
    /// Not yet compared with anything: the rules of money decide what another app's payment is.
    pub appid: AppId,
    /// The merchant's number of the order that was paid.
    pub out_trade_no: OutTradeNo,
    /// WeChat's number of the payment: the same in every message about it.
    pub transaction_id: TransactionId,
    /// The order's amount in fen; what the payer's wallet paid may be less by coupons.
    pub total_fee: Fen,
    /// The currency; `CNY` when WeChat says nothing.
    pub fee_type: String,
    /// When it was paid, to the second.
    pub time_end: UnixMillis,
    /// WeChat's word for how it was paid. Not a [`crate::TradeType`]: words that are not documented occur.
    pub trade_type: Option<String>,
    /// The bank or wallet that it came from, an open list.
    pub bank_type: Option<String>,
    /// What the message was signed with; less than the order was placed with is a downgrade.
    #[serde(rename = "sign_type")]
    pub signed: Signed,
    /// The whole message.
    pub evidence: Evidence,
}
