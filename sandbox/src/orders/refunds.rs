//! Refunds as WeChat keeps them, and their rules. Pure: no IO, `now` is a parameter.
//! Source: WeChat Pay v2, native.php?chapter=9_4.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wxpay::{Fen, UnixMillis};

use super::{Order, RefundRefusal, Refusal, Signing};
use crate::clock::Now;

/// Most refunds of one payment. Source: WeChat Pay v2, native.php?chapter=9_4 (注意).
const MOST: usize = 50;

/// One refund that was accepted. It is kept with its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// WeChat's number.
    pub refund_id: String,
    /// The merchant's number.
    pub out_refund_no: String,
    /// The payment.
    pub transaction_id: String,
    /// What goes back.
    pub refund_fee: Fen,
    /// The parameters of the first call, which every repeat must match.
    pub asked: BTreeMap<String, String>,
    /// How the first call was signed. Absent in what earlier versions kept.
    #[serde(flatten)]
    pub signing: Signing,
    /// When it was accepted.
    pub accepted_at: UnixMillis,
    /// How it ends; `Processing` never does.
    pub result: RefundStatus,
    /// When it ends, on the clock's wall scale.
    pub ends_at: UnixMillis,
    /// The same on the inner scale, which decides.
    pub ends_inner: UnixMillis,
}

/// The state that a refund query reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefundStatus {
    /// Accepted, not done.
    #[serde(rename = "PROCESSING")]
    Processing,
    /// The payer has the money.
    #[serde(rename = "SUCCESS")]
    Success,
    /// Ended without money moving.
    #[serde(rename = "REFUNDCLOSE")]
    Closed,
    /// The payer's bank refused it.
    #[serde(rename = "CHANGE")]
    Change,
}

impl RefundStatus {
    /// WeChat's word.
    pub fn as_str(self) -> &'static str {
        match self {
            RefundStatus::Processing => "PROCESSING",
            RefundStatus::Success => "SUCCESS",
            RefundStatus::Closed => "REFUNDCLOSE",
            RefundStatus::Change => "CHANGE",
        }
    }
}

impl Refund {
    /// Where it stands.
    pub fn status(&self, now: Now) -> RefundStatus {
        if now.inner < self.ends_inner { RefundStatus::Processing } else { self.result }
    }

    /// Where the result is posted, if anywhere.
    pub fn notify_url(&self) -> Option<&str> {
        self.asked.get("notify_url").map(String::as_str)
    }
}

/// Random values and times of a new refund; made outside, so that the rules stay pure.
#[derive(Debug, Clone)]
pub struct FreshRefund {
    pub signing: Signing,
    pub refund_id: String,
    pub ends_at: UnixMillis,
    pub ends_inner: UnixMillis,
}

impl Order {
    /// Accepts a refund, which ends as `result`. No order has its number yet.
    /// # Errors
    /// Not paid, amounts that do not fit, or `refuse`.
    pub fn refund(
        &mut self,
        asked: BTreeMap<String, String>,
        fresh: FreshRefund,
        (result, refuse): (RefundStatus, Option<RefundRefusal>),
        now: Now,
    ) -> Result<&Refund, Refusal> {
        let get = |name: &str| asked.get(name).map(String::as_str).unwrap_or_default();
        let payment = match asked.get("transaction_id") {
            Some(id) => self.payments.iter().find(|payment| payment.transaction_id == *id),
            None => self.payments.first(),
        };
        let payment = payment.ok_or(Refusal::OrderNotExist)?;
        if get("out_trade_no") != self.out_trade_no && asked.contains_key("out_trade_no") {
            return Err(Refusal::InvalidRequest("transaction_id与out_trade_no不匹配"));
        }
        if get("total_fee").parse() != Ok(self.total_fee.get()) {
            return Err(Refusal::InvalidRequest("订单金额或退款金额与之前请求不一致，请核实后再试"));
        }
        if let Some(code) = refuse {
            return Err(Refusal::Refund(code));
        }
        let of_payment = || self.refunds.iter().filter(|r| r.transaction_id == payment.transaction_id);
        let gone = of_payment().filter(|r| r.status(now) != RefundStatus::Closed).map(|r| r.refund_fee.get());
        let refund_fee = get("refund_fee").parse::<i64>().unwrap_or(i64::MAX);
        if refund_fee > self.total_fee.get() - gone.sum::<i64>() {
            return Err(Refusal::BusinessError("累计退款金额大于支付金额"));
        }
        if of_payment().count() >= MOST {
            return Err(Refusal::InvalidRequest("退款次数超过限制"));
        }
        let refund = Refund {
            refund_id: fresh.refund_id,
            out_refund_no: get("out_refund_no").to_owned(),
            transaction_id: payment.transaction_id.clone(),
            refund_fee: Fen::new(refund_fee),
            asked,
            signing: fresh.signing,
            accepted_at: now.wall,
            result,
            ends_at: fresh.ends_at,
            ends_inner: fresh.ends_inner,
        };
        self.refunds.push(refund);
        self.refunds.last().ok_or(Refusal::SystemError("系统超时"))
    }
}
