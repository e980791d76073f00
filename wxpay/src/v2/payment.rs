//! The fields of a payment, which notices and query answers have alike.

use super::sign::SignType;
use super::xml::Fields;
use crate::payment::Payment;
use crate::types::{AppId, InvalidValue, OutTradeNo, TransactionId};
use crate::verified::Verified;
use crate::{Fen, UnixMillis};

/// What a verified message says of a payment.
/// # Errors
/// [`InvalidValue`] that names the field that is missing or wrong.
/// Source: WeChat Pay v2, native.php?chapter=9_7 (通知参数).
pub fn read(fields: Verified<Fields>, sign_type: SignType) -> Result<Verified<Payment>, InvalidValue> {
    let time_end = UnixMillis::from_beijing(fields.required("time_end")?);
    Ok(Verified::vouch(Payment {
        appid: AppId::parse(fields.required("appid")?)?,
        out_trade_no: OutTradeNo::parse(fields.required("out_trade_no")?)?,
        transaction_id: TransactionId::parse(fields.required("transaction_id")?)?,
        total_fee: Fen::parse_total_fee(fields.required("total_fee")?)?,
        fee_type: fields.present("fee_type").unwrap_or("CNY").to_owned(),
        time_end: time_end.ok_or(InvalidValue { what: "time_end", must_be: "a time as yyyyMMddHHmmss" })?,
        trade_type: fields.present("trade_type").map(str::to_owned),
        bank_type: fields.present("bank_type").map(str::to_owned),
        signed: sign_type.into(),
        evidence: fields.into_inner().into(),
    }))
}
