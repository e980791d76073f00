//! What WeChat knows of refunds, and how that changes. Pure: no IO, `now` is a parameter. Source: protocol A7, A17.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wxpay::{Fen, UnixMillis};

use super::{Order, Refusal};
use crate::clock::Now;
use crate::faults::{RefundFaults, RefundResult};

/// So many refunds of one payment. Source: protocol A7.1.
const MOST: usize = 50;

/// One refund that was taken on. It is kept with its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    pub refund_id: String,
    pub out_refund_no: String,
    pub transaction_id: String,
    pub refund_fee: Fen,
    /// The parameters of the first call, which every repeat must match.
    pub asked: BTreeMap<String, String>,
    pub accepted_at: UnixMillis,
    /// How it ends, and when on the clock's two scales.
    pub result: RefundResult,
    pub ends_at: UnixMillis,
    pub ends_inner: UnixMillis,
}

/// The state that a refund query reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefundStatus {
    #[serde(rename = "PROCESSING")]
    Processing,
    #[serde(rename = "SUCCESS")]
    Success,
    #[serde(rename = "REFUNDCLOSE")]
    Closed,
    #[serde(rename = "CHANGE")]
    Change,
}

impl RefundStatus {
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
    pub fn status(&self, now: Now) -> RefundStatus {
        match self.result {
            _ if now.inner < self.ends_inner => RefundStatus::Processing,
            RefundResult::Processing => RefundStatus::Processing,
            RefundResult::Success => RefundStatus::Success,
            RefundResult::Closed => RefundStatus::Closed,
            RefundResult::Change => RefundStatus::Change,
        }
    }

    /// Where the result is posted, if anywhere.
    pub fn notify_url(&self) -> Option<&str> {
        self.asked.get("notify_url").map(String::as_str)
    }
}

/// Fresh values for a refund; made outside, so that the rules stay pure.
#[derive(Debug, Clone)]
pub struct FreshRefund {
    pub refund_id: String,
    pub ends_at: UnixMillis,
    pub ends_inner: UnixMillis,
}

impl Order {
    /// Takes a refund on. `asked` has been found new: no order has its number.
    /// # Errors
    /// Not paid, amounts that do not fit, or what the switches say.
    pub fn refund(
        &mut self,
        asked: BTreeMap<String, String>,
        fresh: FreshRefund,
        faults: &RefundFaults,
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
        if let Some(code) = faults.refuse {
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
            accepted_at: now.wall,
            result: faults.result,
            ends_at: fresh.ends_at,
            ends_inner: fresh.ends_inner,
        };
        self.refunds.push(refund);
        self.refunds.last().ok_or(Refusal::SystemError("系统超时"))
    }
}
