//! `/v3/refund/domestic/refunds`: money that goes back to the payer, and where it stands.
//! Source: WeChat Pay, 申请退款 and 查询单笔退款 (APIv3).

use percent_encoding::utf8_percent_encode;
use serde_json::{Value, json};

use super::json::Object;
use super::payment::time;
use super::refund::status;
use crate::percent::UNRESERVED;
use crate::refunding::{Refund, RefundAccepted, RefundState, Refunds};
use crate::types::{InvalidValue, OutRefundNo, OutTradeNo, RefundId, TransactionId};
use crate::verified::Verified;

/// Where a refund is asked for.
pub const TARGET: &str = "/v3/refund/domestic/refunds";
/// The path at which one is queried.
pub const BY_NUMBER: &str = "/v3/refund/domestic/refunds/{out_refund_no}";

/// The body. Without a `notify_url` the result may be told to the platform's address as v2 tells it, so name one.
pub fn request(refund: &Refund) -> String {
    let mut body = json!({
        "transaction_id": refund.transaction_id.as_str(),
        "out_refund_no": refund.out_refund_no.as_str(),
        "amount": {
            "refund": refund.refund_fee.get(),
            "total": refund.total_fee.get(),
            "currency": "CNY",
        },
    });
    for (name, value) in [("reason", &refund.refund_desc), ("notify_url", &refund.notify_url)] {
        if let Some(value) = value {
            body[name] = Value::from(value.as_str());
        }
    }
    body.to_string()
}

/// Where a refund is queried.
pub fn target(out_refund_no: &OutRefundNo) -> String {
    format!("{TARGET}/{}", utf8_percent_encode(out_refund_no.as_str(), UNRESERVED))
}

/// The answer to a request.
/// # Errors
/// [`InvalidValue`] that names what is missing or wrong.
pub fn read(answer: &Verified<Object>) -> Result<RefundAccepted, InvalidValue> {
    Ok(RefundAccepted {
        refund_id: RefundId::parse(answer.required("refund_id")?)?,
        out_refund_no: OutRefundNo::parse(answer.required("out_refund_no")?)?,
        out_trade_no: OutTradeNo::parse(answer.required("out_trade_no")?)?,
        transaction_id: TransactionId::parse(answer.required("transaction_id")?)?,
        total_fee: answer.fen("amount.total")?,
        refund_fee: answer.fen("amount.refund")?,
        evidence: answer.evidence(),
    })
}

/// The answer to a query: the same object, read as the one refund of its payment that was asked about.
/// # Errors
/// [`InvalidValue`] that names what is missing or wrong.
pub fn read_state(answer: &Verified<Object>) -> Result<Refunds, InvalidValue> {
    let RefundAccepted {
        refund_id,
        out_refund_no,
        out_trade_no,
        transaction_id,
        total_fee,
        refund_fee,
        evidence,
    } = read(answer)?;
    let state = RefundState {
        out_refund_no: Some(out_refund_no),
        refund_id,
        refund_fee,
        status: status(answer.required("status")?),
        channel: answer.present("channel")?.map(str::to_owned),
        recv_account: answer.present("user_received_account")?.map(str::to_owned),
        success_time: answer.present("success_time")?.and_then(|text| time("success_time", text).ok()),
    };
    Ok(Refunds {
        out_trade_no,
        transaction_id,
        total_fee,
        total_refund_count: None,
        refunds: vec![state],
        evidence,
    })
}
