//! The fields of a payment, which notices and query answers have alike.

use super::json::Object;
use crate::UnixMillis;
use crate::channel::Signed;
use crate::payment::Payment;
use crate::types::{AppId, InvalidValue, OutTradeNo, TransactionId};
use crate::verified::Verified;

/// What a verified message says of a payment.
/// # Errors
/// [`InvalidValue`] that names the field that is missing or wrong.
/// Source: WeChat Pay, 支付成功回调通知 (APIv3) and 商户订单号查询订单.
pub fn read(message: &Verified<Object>) -> Result<Verified<Payment>, InvalidValue> {
    Ok(Verified::vouch(Payment {
        appid: AppId::parse(message.required("appid")?)?,
        out_trade_no: OutTradeNo::parse(message.required("out_trade_no")?)?,
        transaction_id: TransactionId::parse(message.required("transaction_id")?)?,
        // What was ordered. `payer_total` is less by coupons.
        total_fee: message.fen("amount.total")?,
        fee_type: message.present("amount.currency")?.unwrap_or("CNY").to_owned(),
        time_end: time("success_time", message.required("success_time")?)?,
        trade_type: message.present("trade_type")?.map(str::to_owned),
        bank_type: message.present("bank_type")?.map(str::to_owned),
        signed: Signed::Rsa,
        evidence: message.evidence(),
    }))
}

/// A moment as v3 writes them.
pub(super) fn time(what: &'static str, text: &str) -> Result<UnixMillis, InvalidValue> {
    UnixMillis::from_rfc3339(text)
        .ok_or(InvalidValue { what, must_be: "a time such as 2026-03-15T10:05:12+08:00" })
}
