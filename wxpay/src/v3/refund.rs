//! What a message says of a refund. Source: WeChat Pay, 退款结果通知 (APIv3) and 申请退款.

use super::json::Object;
use super::payment::time;
use crate::refunding::{RefundNotice, RefundStatus};
use crate::types::{InvalidValue, OutRefundNo, OutTradeNo, RefundId, TransactionId};
use crate::verified::Verified;

/// The status that v3 names: `refund_status` in a notice, `status` in an answer.
pub fn status(word: &str) -> RefundStatus {
    match word {
        "SUCCESS" => RefundStatus::Success,
        "PROCESSING" => RefundStatus::Processing,
        "CLOSED" => RefundStatus::Closed,
        "ABNORMAL" => RefundStatus::Change,
        other => RefundStatus::Other(other.to_owned()),
    }
}

/// What the notice of a refund says.
/// # Errors
/// [`InvalidValue`] that names the field that is missing or wrong.
pub fn read_notice(message: &Verified<Object>) -> Result<Verified<RefundNotice>, InvalidValue> {
    let success_time = message.present("success_time")?;
    Ok(Verified::vouch(RefundNotice {
        out_refund_no: OutRefundNo::parse(message.required("out_refund_no")?)?,
        refund_id: RefundId::parse(message.required("refund_id")?)?,
        out_trade_no: OutTradeNo::parse(message.required("out_trade_no")?)?,
        transaction_id: TransactionId::parse(message.required("transaction_id")?)?,
        total_fee: message.fen("amount.total")?,
        refund_fee: message.fen("amount.refund")?,
        status: status(message.required("refund_status")?),
        success_time: success_time.map(|text| time("success_time", text)).transpose()?,
        recv_account: message.present("user_received_account")?.map(str::to_owned),
        source: None,
        evidence: message.evidence(),
    }))
}
