//! What WeChat says about orders, payments and refunds in API v3.
//! Source: WeChat Pay, API v3 (查询订单, 退款申请, 支付成功回调通知, 退款结果通知).

use serde_json::{Value, json};
use wxpay::{Merchant, TradeType};

use crate::clock::Now;
use crate::h5;
use crate::orders::refunds::{Refund, RefundStatus};
use crate::orders::{Order, Payment, TradeState};

const RECEIVED_BY: &str = "支付用户零钱";

/// The one thing that each trade type is answered with. `own_address` is the sandbox's, without a path.
pub fn placed(order: &Order, trade_type: TradeType, own_address: &str) -> Value {
    match trade_type {
        TradeType::Native => json!({ "code_url": order.code_url() }),
        TradeType::Jsapi | TradeType::App => json!({ "prepay_id": order.prepay_id() }),
        TradeType::Mweb => json!({ "h5_url": h5::pay_page(own_address, order) }),
    }
}

/// An order with the payment that is meant, if it is paid.
pub fn transaction(
    merchant: &Merchant,
    order: &Order,
    payment: Option<&Payment>,
    state: TradeState,
) -> Value {
    let (word, text) = match state {
        TradeState::NotPay => ("NOTPAY", "订单未支付"),
        TradeState::Closed => ("CLOSED", "订单已关闭"),
        TradeState::Success => ("SUCCESS", "支付成功"),
        TradeState::Refund => ("REFUND", "订单发生过退款，退款详情请查询退款单"),
    };
    let mut reply = json!({
        "appid": order.appid(),
        "mchid": merchant.mch_id.as_str(),
        "out_trade_no": order.out_trade_no,
        "trade_state": word,
        "trade_state_desc": text,
    });
    if let Some(attach) = order.asked("attach") {
        reply["attach"] = attach.into();
    }
    if let Some(device_id) = order.asked("device_info") {
        reply["scene_info"] = json!({ "device_id": device_id });
    }
    if let Some(payment) = payment {
        let total = order.total_fee.get();
        reply["transaction_id"] = payment.transaction_id.as_str().into();
        reply["trade_type"] = order.trade_type().into();
        reply["bank_type"] = "OTHERS".into();
        reply["success_time"] = payment.paid_at.to_beijing_rfc3339().into();
        reply["payer"] = json!({ "openid": payment.openid });
        reply["amount"] =
            json!({ "total": total, "payer_total": total, "currency": "CNY", "payer_currency": "CNY" });
    }
    reply
}

/// A refund, as asking for it and querying it are answered.
pub fn refund(order: &Order, refund: &Refund, now: Now) -> Value {
    let (total, part) = (order.total_fee.get(), refund.refund_fee.get());
    let status = refund.status(now);
    let mut reply = json!({
        "refund_id": refund.refund_id,
        "out_refund_no": refund.out_refund_no,
        "transaction_id": refund.transaction_id,
        "out_trade_no": order.out_trade_no,
        "channel": "ORIGINAL",
        "user_received_account": RECEIVED_BY,
        "create_time": refund.accepted_at.to_beijing_rfc3339(),
        "status": word(status),
        "funds_account": "UNSETTLED",
        "amount": {
            "total": total,
            "refund": part,
            "payer_total": total,
            "payer_refund": part,
            "settlement_refund": part,
            "settlement_total": total,
            "discount_refund": 0,
            "currency": "CNY",
            "refund_fee": 0,
        },
    });
    if status == RefundStatus::Success {
        reply["success_time"] = refund.ends_at.to_beijing_rfc3339().into();
    }
    reply
}

/// A refund, as a notice of its end tells it: its state has another name there.
pub fn refund_result(merchant: &Merchant, order: &Order, refund: &Refund, total: i64) -> Value {
    let part = refund.refund_fee.get();
    let mut result = json!({
        "mchid": merchant.mch_id.as_str(),
        "out_trade_no": order.out_trade_no,
        "transaction_id": refund.transaction_id,
        "out_refund_no": refund.out_refund_no,
        "refund_id": refund.refund_id,
        "refund_status": word(refund.result),
        "user_received_account": RECEIVED_BY,
        "amount": { "total": total, "refund": part, "payer_total": total, "payer_refund": part },
    });
    if refund.result == RefundStatus::Success {
        result["success_time"] = refund.ends_at.to_beijing_rfc3339().into();
    }
    result
}

/// The word of a refund's state, which is not v2's.
pub fn word(status: RefundStatus) -> &'static str {
    match status {
        RefundStatus::Processing => "PROCESSING",
        RefundStatus::Success => "SUCCESS",
        RefundStatus::Closed => "CLOSED",
        RefundStatus::Change => "ABNORMAL",
    }
}
