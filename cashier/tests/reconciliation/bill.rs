//! A bill, made by hand or by the sandbox, and who reads it.

use std::io::Write;
use std::sync::Arc;

use cashier::Cashier;
use flate2::{Compression, write::GzEncoder};
use recharge::{Order, OrderState};
use wxpay::Fen;

use super::day;
use crate::common::Harness;

/// A row of a bill in the newer format. Source: WeChat Pay v2, native.php?chapter=9_6
#[derive(Clone)]
pub struct Row {
    pub time: String,
    pub appid: &'static str,
    pub mch_id: &'static str,
    pub transaction_id: String,
    pub out_trade_no: String,
    pub trade_type: &'static str,
    pub state: &'static str,
    pub fen: i64,
    /// WeChat's number, ours, and the status of a refund.
    pub refund: Option<(String, String, &'static str)>,
}

impl Row {
    pub fn new(out_trade_no: &str, transaction_id: &str, fen: i64) -> Row {
        Row {
            time: "2026-03-15 10:00:05".to_owned(),
            appid: "wxd930ea5d5a258f4f",
            mch_id: "10000100",
            transaction_id: transaction_id.to_owned(),
            out_trade_no: out_trade_no.to_owned(),
            trade_type: "NATIVE",
            state: "SUCCESS",
            fen,
            refund: None,
        }
    }

    pub fn refund(of: &Row, refund_id: &str, out_refund_no: &str, fen: i64, status: &'static str) -> Row {
        let refund = Some((refund_id.to_owned(), out_refund_no.to_owned(), status));
        Row { state: "REFUND", fen, refund, ..of.clone() }
    }

    pub fn of(order: &Order) -> Row {
        let OrderState::Paid(paid) = &order.state else { panic!("{order:?}") };
        let row = Row::new(order.out_trade_no.as_str(), paid.transaction_id.as_str(), order.total_fee.get());
        Row { time: paid.paid_at.to_beijing_text(), ..row }
    }

    pub fn text(&self) -> String {
        let Row { time, appid, mch_id, transaction_id, out_trade_no, trade_type, state, fen, refund } = self;
        let fee = Fen::new(*fen);
        let (paid, back) = if refund.is_some() { (Fen::ZERO, fee) } else { (fee, Fen::ZERO) };
        let (refund_id, out_refund_no, status) =
            refund.as_ref().map_or(("0", "0", ""), |(id, number, status)| (id, number, status));
        format!(
            "`{time},`{appid},`{mch_id},`0,`,`{transaction_id},`{out_trade_no},`o,`{trade_type},`{state},\
             `OTHERS,`CNY,`{paid},`0.00,`{refund_id},`{out_refund_no},`{back},`0.00,`,`{status},`充值,`,`0.00000,\
             `0.60%,`{paid},`{back},`\n"
        )
    }
}

pub const HEADER: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,\
    交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,\
    退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注";
pub const SUMMARY: &str =
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额";

pub fn bill(rows: &[Row]) -> String {
    let paid = rows.iter().filter(|row| row.refund.is_none());
    stating(rows, rows.len(), paid.map(|row| row.fen).sum())
}

pub fn stating(rows: &[Row], count: usize, fen: i64) -> String {
    let lines: String = rows.iter().map(Row::text).collect();
    let fee = Fen::new(fen);
    let back = Fen::new(rows.iter().filter(|row| row.refund.is_some()).map(|row| row.fen).sum());
    format!("{HEADER}\n{lines}{SUMMARY}\n`{count},`{fee},`{back},`0.00,`0.00000,`{fee},`{back}\n")
}

pub fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

pub fn said(return_msg: &str) -> String {
    format!(
        "<xml><return_code><![CDATA[FAIL]]></return_code><return_msg><![CDATA[{return_msg}]]></return_msg></xml>"
    )
}

/// A cashier of the same harness whose bills all read so.
pub async fn reading(harness: &Harness, bill: impl Into<Vec<u8>>) -> Cashier {
    let bill = Arc::new(bill.into());
    let answer = move |_| {
        let bill = Arc::clone(&bill);
        async move { bill.to_vec() }
    };
    harness.with_bills("r", answer).await
}

/// The sandbox's own bill of the day.
pub async fn whole_bill(router: axum::Router) -> Vec<u8> {
    use wxpay::bill::BillType;
    use wxpay::v2::{Fields, download_bill, sign};
    let merchant = wxpay::Merchant::sandbox();
    let mut request: Fields = download_bill::request(&merchant, day(), BillType::All, false);
    request.set("nonce_str", "5K8264ILTKCH16CQ2502SI8ZNMTM67VS");
    let sign = sign::sign(&request, &merchant.key, merchant.sign_type);
    request.set("sign", sign);
    let request = axum::http::Request::post("/pay/downloadbill")
        .body(axum::body::Body::from(request.to_xml()))
        .unwrap();
    let answer = tower::ServiceExt::oneshot(router, request).await.unwrap();
    axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap().to_vec()
}
