//! The messages that WeChat writes: answers to calls, and notices. All are signed but `return_code=FAIL`, what stands in
//! place of a bill, and refund notices. Source: WeChat Pay v2, native.php?chapter=9_1 to 9_7.

use wxpay::v2::{Fields, req_info, sign};
use wxpay::{ApiKey, Merchant, SignType};

use crate::bills::NoBill;
use crate::clock::Now;
use crate::h5;
use crate::numbers::nonce_str;
use crate::orders::refunds::{Refund, RefundStatus};
use crate::orders::{Order, Payment, Refusal, TradeState};
use crate::random::Random;
use crate::v2::rules::NotUnderstood;

/// `return_code=FAIL`: unsigned, and only `return_msg` means something. Source: WeChat Pay v2, native.php?chapter=4_1.
pub fn not_understood(why: &NotUnderstood) -> String {
    Fields::new().with("return_code", "FAIL").with("return_msg", why.0.as_str()).to_xml()
}

/// Signs and writes a message.
pub fn signed(mut fields: Fields, merchant: &Merchant, sign_type: SignType) -> String {
    let sign = sign::sign(&fields, &merchant.key, sign_type);
    fields.set("sign", sign);
    fields.to_xml()
}

/// The fields that every signed answer begins with.
pub fn understood(merchant: &Merchant) -> Fields {
    Fields::new()
        .with("return_code", "SUCCESS")
        .with("return_msg", "OK")
        .with("appid", merchant.appid.as_str())
        .with("mch_id", merchant.mch_id.as_str())
        .with("nonce_str", nonce_str(&mut Random::default()))
}

pub fn refused(merchant: &Merchant, why: Refusal) -> Fields {
    understood(merchant)
        .with("result_code", "FAIL")
        .with("err_code", why.err_code())
        .with("err_code_des", why.err_code_des())
}

/// A refusal that a switch asks for.
pub fn refused_as(merchant: &Merchant, err_code: &str) -> Fields {
    understood(merchant)
        .with("result_code", "FAIL")
        .with("result_msg", "FAIL")
        .with("err_code", err_code)
        .with("err_code_des", "沙盒按开关拒绝")
}

/// Names neither the order nor the amount, as WeChat does not. `own_address` is the sandbox's, without a path.
pub fn ordered(merchant: &Merchant, order: &Order, own_address: &str) -> Fields {
    let mut reply = understood(merchant).with("result_code", "SUCCESS").with("prepay_id", order.prepay_id());
    echo(&mut reply, order, &["appid", "device_info", "trade_type"]);
    match (order.trade_type(), order.code_url()) {
        ("NATIVE", Some(code_url)) => reply.set("code_url", code_url),
        ("MWEB", _) => reply.set("mweb_url", h5::pay_page(own_address, order)),
        _ => (),
    }
    reply
}

pub fn queried(merchant: &Merchant, order: &Order, payment: Option<&Payment>, now: Now) -> Fields {
    let (state, text) = match order.trade_state(now) {
        TradeState::NotPay => ("NOTPAY", "订单未支付"),
        TradeState::Closed => ("CLOSED", "订单已关闭"),
        TradeState::Success => ("SUCCESS", "支付成功"),
        TradeState::Refund => ("REFUND", "订单发生过退款，退款详情请查询退款单"),
    };
    let mut reply = understood(merchant)
        .with("result_code", "SUCCESS")
        .with("out_trade_no", order.out_trade_no.as_str())
        .with("trade_state", state)
        .with("trade_state_desc", text);
    echo(&mut reply, order, &["appid", "device_info", "attach"]);
    if let Some(payment) = payment {
        paid(&mut reply, order, payment);
        reply.set("cash_fee_type", "CNY");
    }
    reply
}

/// Accepted, not done. Source: WeChat Pay v2, native.php?chapter=9_4 (返回结果).
pub fn refund_accepted(merchant: &Merchant, order: &Order, refund: &Refund) -> Fields {
    let (total_fee, refund_fee) = (order.total_fee.get().to_string(), refund.refund_fee.get().to_string());
    understood(merchant)
        .with("result_code", "SUCCESS")
        .with("transaction_id", refund.transaction_id.as_str())
        .with("out_trade_no", order.out_trade_no.as_str())
        .with("out_refund_no", refund.out_refund_no.as_str())
        .with("refund_id", refund.refund_id.as_str())
        .with("refund_channel", "")
        .with("refund_fee", refund_fee.as_str())
        .with("coupon_refund_fee", "0")
        .with("total_fee", total_fee.as_str())
        .with("cash_fee", total_fee)
        .with("coupon_refund_count", "0")
        .with("cash_refund_fee", refund_fee)
}

/// At most ten of them, from `offset` on if one was asked for. Source: WeChat Pay v2, native.php?chapter=9_5 (返回结果).
pub fn refunds(
    merchant: &Merchant,
    order: &Order,
    refunds: &[&Refund],
    offset: Option<usize>,
    now: Now,
) -> Fields {
    let total_fee = order.total_fee.get().to_string();
    let page: Vec<_> = refunds.iter().skip(offset.unwrap_or_default()).take(10).collect();
    let transaction_id = refunds.first().map_or("", |refund| refund.transaction_id.as_str());
    let mut reply = understood(merchant)
        .with("result_code", "SUCCESS")
        .with("transaction_id", transaction_id)
        .with("out_trade_no", order.out_trade_no.as_str())
        .with("total_fee", total_fee.as_str())
        .with("fee_type", "CNY")
        .with("cash_fee", total_fee)
        .with("refund_count", page.len().to_string());
    if offset.is_some() {
        reply.set("total_refund_count", refunds.len().to_string());
    }
    for (n, refund) in page.into_iter().enumerate() {
        let status = refund.status(now);
        let mut set = |name: &str, value: &str| reply.set(format!("{name}_{n}"), value);
        set("out_refund_no", &refund.out_refund_no);
        set("refund_id", &refund.refund_id);
        set("refund_channel", "ORIGINAL");
        set("refund_fee", &refund.refund_fee.get().to_string());
        set("refund_status", status.as_str());
        set("refund_account", "REFUND_SOURCE_UNSETTLED_FUNDS");
        set("refund_recv_accout", "支付用户零钱");
        if status == RefundStatus::Success {
            set("refund_success_time", &refund.ends_at.to_beijing_text());
        }
    }
    reply
}

/// The encrypted part of a refund notice; its root element is `<root>`. Source: WeChat Pay v2, native.php?chapter=9_16.
pub fn refund_result(order: &Order, refund: &Refund, total_fee: i64, now: Now) -> Fields {
    let (total_fee, refund_fee) = (total_fee.to_string(), refund.refund_fee.get().to_string());
    let status = refund.status(now);
    let mut result = Fields::new()
        .with("out_refund_no", refund.out_refund_no.as_str())
        .with("out_trade_no", order.out_trade_no.as_str())
        .with("refund_account", "REFUND_SOURCE_UNSETTLED_FUNDS")
        .with("refund_fee", refund_fee.as_str())
        .with("refund_id", refund.refund_id.as_str())
        .with("refund_recv_accout", "支付用户零钱")
        .with("refund_request_source", "API")
        .with("refund_status", status.as_str())
        .with("settlement_refund_fee", refund_fee)
        .with("settlement_total_fee", total_fee.as_str())
        .with("total_fee", total_fee)
        .with("transaction_id", refund.transaction_id.as_str());
    if status == RefundStatus::Success {
        result.set("success_time", refund.ends_at.to_beijing_text());
    }
    result
}

/// The refund notice around it, unsigned.
pub fn refund_notice(
    (appid, merchant): (&str, &Merchant),
    result: &Fields,
    key: &ApiKey,
    nonce_str: &str,
) -> Fields {
    let inside = result.to_xml();
    let inside = inside.strip_prefix("<xml>").and_then(|rest| rest.strip_suffix("</xml>"));
    let root = format!("<root>{}</root>", inside.unwrap_or_default());
    Fields::new()
        .with("return_code", "SUCCESS")
        .with("appid", appid)
        .with("mch_id", merchant.mch_id.as_str())
        .with("nonce_str", nonce_str)
        .with("req_info", req_info::seal(root.as_bytes(), key))
}

/// In place of a bill: unsigned. Source: WeChat Pay v2, native.php?chapter=9_6 (返回结果).
pub fn no_bill(why: NoBill) -> String {
    let (return_msg, error_code) = match why {
        NoBill::WrongDate => ("data format error", "20001"),
        NoBill::UnknownKind => ("invalid bill_type", "20003"),
        NoBill::Creating => ("Bill Creating", "20007"),
        NoBill::Empty => ("No Bill Exist", "20002"),
    };
    bill_failed(return_msg, error_code)
}

/// The same for a failure.
pub fn bill_failed(return_msg: &str, error_code: &str) -> String {
    let failed = Fields::new().with("return_code", "FAIL").with("return_msg", return_msg);
    failed.with("error_code", error_code).to_xml()
}

pub fn closed(merchant: &Merchant) -> Fields {
    understood(merchant).with("result_code", "SUCCESS").with("result_msg", "OK")
}

/// A payment notice, which has no `sign_type` even where it is signed with HMAC-SHA256. Source: WeChat Pay v2, native.php?chapter=9_7.
pub fn notice(merchant: &Merchant, order: &Order, payment: &Payment, nonce_str: &str) -> Fields {
    let mut notice = Fields::new()
        .with("return_code", "SUCCESS")
        .with("result_code", "SUCCESS")
        .with("appid", merchant.appid.as_str())
        .with("mch_id", merchant.mch_id.as_str())
        .with("nonce_str", nonce_str)
        .with("out_trade_no", order.out_trade_no.as_str());
    echo(&mut notice, order, &["appid", "device_info", "attach"]);
    paid(&mut notice, order, payment);
    notice
}

fn paid(message: &mut Fields, order: &Order, payment: &Payment) {
    echo(message, order, &["trade_type"]);
    let total_fee = order.total_fee.get().to_string();
    message.set("openid", payment.openid.as_str());
    message.set("is_subscribe", "N");
    message.set("bank_type", "OTHERS");
    message.set("total_fee", total_fee.as_str());
    message.set("fee_type", "CNY");
    message.set("cash_fee", total_fee);
    message.set("transaction_id", payment.transaction_id.as_str());
    message.set("time_end", payment.paid_at.to_beijing());
}

fn echo(message: &mut Fields, order: &Order, names: &[&str]) {
    for name in names {
        if let Some(value) = order.asked(name) {
            message.set(*name, value);
        }
    }
}
