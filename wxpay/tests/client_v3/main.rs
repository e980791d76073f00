//! API v3 over real sockets: what is sent, which answers are believed, and what is made of the others.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is how a test fails, also in what the tests share"
)]

mod answers;
mod bills;
mod certificates;
mod ended;
mod invoke;
mod requests;
mod wechat;

use wxpay::client::Client;
use wxpay::{
    AppId, Channel, Error, Fen, OutRefundNo, OutTradeNo, Placing, Prepay, Protocol, Refund, Trade, TradeType,
    TransactionId, UnixMillis,
};

const NUMBER: &str = "BK20260315000001";
const PAID: &str = r#"{"mchid":"1900007291","appid":"wxd678efh567hg6787","out_trade_no":"BK20260315000001","transaction_id":"4200001234202603151234567890","trade_type":"NATIVE","trade_state":"SUCCESS","trade_state_desc":"支付成功","bank_type":"OTHERS","success_time":"2026-03-15T10:05:12+08:00","payer":{"openid":"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},"amount":{"total":1990,"payer_total":1790,"currency":"CNY","payer_currency":"CNY"}}"#;
const NOT_PAID: &str = r#"{"mchid":"1900007291","appid":"wxd678efh567hg6787","out_trade_no":"BK20260315000001","trade_state":"NOTPAY","trade_state_desc":"未支付"}"#;
const REFUND: &str = r#"{"refund_id":"50300001232026031612345678901","out_refund_no":"RF20260316000001","transaction_id":"4200001234202603151234567890","out_trade_no":"BK20260315000001","channel":"ORIGINAL","user_received_account":"支付用户零钱","success_time":"2026-03-16T09:30:15+08:00","create_time":"2026-03-16T09:30:00+08:00","status":"SUCCESS","funds_account":"AVAILABLE","amount":{"total":1990,"refund":500,"payer_total":1790,"payer_refund":450,"settlement_refund":500,"settlement_total":1990,"discount_refund":50,"currency":"CNY"}}"#;

fn number() -> OutTradeNo {
    OutTradeNo::parse(NUMBER).unwrap()
}

fn order(trade_type: TradeType) -> Placing {
    Placing {
        channel: Channel { protocol: Protocol::V3, trade_type },
        appid: AppId::parse("wxd678efh567hg6787").unwrap(),
        description: "示例书店-图书".into(),
        attach: None,
        out_trade_no: number(),
        total_fee: Fen::new(1990),
        payer_ip: "203.0.113.7".parse().unwrap(),
        time_start: UnixMillis::from_beijing("20260315100000").unwrap(),
        time_expire: UnixMillis::from_beijing("20260315120000").unwrap(),
        notify_url: "https://shop.example.com/wechat/v3/notify".into(),
        product_id: Some("SKU-1001".into()),
        openid: None,
        scene: None,
    }
}

fn refund() -> Refund {
    Refund {
        transaction_id: TransactionId::parse("4200001234202603151234567890").unwrap(),
        out_trade_no: number(),
        out_refund_no: OutRefundNo::parse("RF20260316000001").unwrap(),
        total_fee: Fen::new(1990),
        refund_fee: Fen::new(500),
        refund_desc: Some("商品已售完".into()),
        notify_url: Some("https://shop.example.com/wechat/v3/refund-notify".into()),
    }
}

async fn place(client: &Client) -> Result<Prepay, Error> {
    client.place(&order(TradeType::Native)).await
}

async fn query(client: &Client) -> Result<Trade, Error> {
    client.query(Protocol::V3, &number()).await
}
