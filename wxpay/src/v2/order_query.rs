//! `/pay/orderquery`: what WeChat knows of one order. Source: WeChat Pay v2, native.php?chapter=9_2.

use super::merchant::Merchant;
use super::payment;
use super::sign::SignType;
use super::xml::Fields;
use crate::trade::{Trade, TradeState};
use crate::types::{InvalidValue, OutTradeNo, TransactionId};
use crate::verified::Verified;

/// The request without `nonce_str` and `sign`.
pub fn request(merchant: &Merchant, out_trade_no: &OutTradeNo) -> Fields {
    merchant.fields().with("out_trade_no", out_trade_no.as_str())
}

/// The same by WeChat's own number: one order may have been paid twice, and only this tells the payments apart.
pub fn request_by_transaction(merchant: &Merchant, transaction_id: &TransactionId) -> Fields {
    merchant.fields().with("transaction_id", transaction_id.as_str())
}

/// The answer.
/// # Errors
/// [`InvalidValue`] that names what is missing or wrong.
pub fn read(fields: &Verified<Fields>, sign_type: SignType) -> Result<Trade, InvalidValue> {
    let state = TradeState::from(fields.required("trade_state")?.to_owned());
    let payment = match state {
        TradeState::Success => Some(payment::read(fields.clone(), sign_type)?),
        TradeState::Refund => payment::read(fields.clone(), sign_type).ok(),
        _ => None,
    };
    Ok(Trade {
        out_trade_no: OutTradeNo::parse(fields.required("out_trade_no")?)?,
        state,
        desc: fields.get("trade_state_desc").unwrap_or_default().to_owned(),
        payment,
    })
}
