//! `/pay/refundquery`: the state of one refund, or of all refunds of a payment.
//! Source: WeChat Pay v2, native.php?chapter=9_5.

use super::merchant::Merchant;
use super::xml::Fields;
use crate::refunding::{RefundQuery, RefundState, RefundStatus, Refunds};
use crate::types::{InvalidValue, OutRefundNo, OutTradeNo, RefundId, TransactionId};
use crate::verified::Verified;
use crate::{Fen, UnixMillis};

/// The request without `nonce_str` and `sign`.
pub fn request(query: &RefundQuery, merchant: &Merchant) -> Fields {
    let fields = merchant.fields();
    match query {
        RefundQuery::RefundId(id) => fields.with("refund_id", id.as_str()),
        RefundQuery::OutRefundNo(number) => fields.with("out_refund_no", number.as_str()),
        RefundQuery::TransactionId(id, offset) => {
            fields.with("transaction_id", id.as_str()).with("offset", offset.to_string())
        }
        RefundQuery::OutTradeNo(number, offset) => {
            fields.with("out_trade_no", number.as_str()).with("offset", offset.to_string())
        }
    }
}

/// The field by which `refunds` is about something else than was asked; `None` if it is about that.
pub fn mismatch(query: &RefundQuery, refunds: &Refunds) -> Option<&'static str> {
    let states = &refunds.refunds;
    let all_are = |is: &dyn Fn(&RefundState) -> bool| !states.is_empty() && states.iter().all(is);
    let (field, fits) = match query {
        RefundQuery::RefundId(id) => ("refund_id", all_are(&|one| one.refund_id == *id)),
        RefundQuery::OutRefundNo(number) => {
            ("out_refund_no", all_are(&|one| one.out_refund_no.as_ref() == Some(number)))
        }
        RefundQuery::TransactionId(id, _) => ("transaction_id", refunds.transaction_id == *id),
        RefundQuery::OutTradeNo(number, _) => ("out_trade_no", refunds.out_trade_no == *number),
    };
    (!fits).then_some(field)
}

/// The answer.
/// # Errors
/// [`InvalidValue`] that names what is missing or wrong, without its index.
pub fn read(fields: &Verified<Fields>) -> Result<Refunds, InvalidValue> {
    let count = count("refund_count", fields.required("refund_count")?)?;
    if count > Refunds::PAGE {
        return Err(InvalidValue { what: "refund_count", must_be: "at most 10" });
    }
    let total = fields.present("total_refund_count");
    Ok(Refunds {
        out_trade_no: OutTradeNo::parse(fields.required("out_trade_no")?)?,
        transaction_id: TransactionId::parse(fields.required("transaction_id")?)?,
        total_fee: Fen::parse_total_fee(fields.required("total_fee")?)?,
        total_refund_count: total.map(|text| self::count("total_refund_count", text)).transpose()?,
        refunds: (0..count).map(|n| state(fields, n)).collect::<Result<_, _>>()?,
        evidence: fields.clone().into_inner().into(),
    })
}

/// The refund with the index `n`. What only describes it may be absent or odd: refunds that were made by hand in the
/// merchant platform are in the list too, and one of them must not hide the others.
fn state(fields: &Fields, n: u32) -> Result<RefundState, InvalidValue> {
    let optional = |name: &'static str| fields.present(&format!("{name}_{n}"));
    let required = |name: &'static str| optional(name).ok_or(InvalidValue { what: name, must_be: "present" });
    Ok(RefundState {
        out_refund_no: optional("out_refund_no").and_then(|number| OutRefundNo::parse(number).ok()),
        refund_id: RefundId::parse(required("refund_id")?)?,
        refund_fee: Fen::parse_fee("refund_fee", required("refund_fee")?)?,
        status: RefundStatus::from(required("refund_status")?.to_owned()),
        channel: optional("refund_channel").map(str::to_owned),
        // WeChat's own spelling.
        recv_account: optional("refund_recv_accout").map(str::to_owned),
        success_time: optional("refund_success_time").and_then(UnixMillis::from_beijing_text),
    })
}

fn count(what: &'static str, text: &str) -> Result<u32, InvalidValue> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or(InvalidValue { what, must_be: "a whole number" })
}
