//! The WeChat Pay merchant protocol: messages, signatures, and a client.
//!
//! The crate's root is neutral of the protocol's version: what is ordered ([`Placing`]), paid ([`Payment`]), queried
//! ([`Trade`]), refunded ([`Refund`]), billed ([`bill`]), and the [`client::Client`] (feature `client`). [`v2`] and [`v3`]
//! turn the messages of the two APIs into bytes and back: v2's XML is signed with a key that both sides hold, v3's JSON with
//! RSA keys of each side. Neither knows the orders or the database of the shop that uses it.
//!
//! `PROTOCOL.md` beside this crate's manifest sums the protocol up, with WeChat's page for each part. Citations such as
//! "native.php?chapter=9_1" are pages below `https://pay.weixin.qq.com/wiki/doc/api/`.
//!
//! One whole round trip, with a router in the place of `api.mch.weixin.qq.com`: an order, the code for the payer, the
//! notice of the payment, and the answer that ends it.
//!
//! ```
//! # #[cfg(feature = "client")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use axum::{Router, routing::post};
//! use wxpay::client::Client;
//! use wxpay::v2::{Fields, REPLY_LIMIT, notify, sign};
//! use wxpay::{Channel, Fen, Merchant, OutTradeNo, Placing, Protocol, TradeType, UnixMillis};
//!
//! let us = Merchant::sandbox();
//! let key = us.key.clone();
//! let signed_by_wechat = move |fields: Fields| {
//!     let fields = fields
//!         .with("return_code", "SUCCESS")
//!         .with("result_code", "SUCCESS")
//!         .with("appid", "wxd930ea5d5a258f4f")
//!         .with("mch_id", "10000100");
//!     let sign = sign::sign(&fields, &key, sign::SignType::Md5);
//!     fields.with("sign", sign).to_xml()
//! };
//!
//! // WeChat's side: checks our signature and answers with a code.
//! let (key, answer) = (us.key.clone(), signed_by_wechat.clone());
//! let unified_order = async move |body: String| {
//!     let asked = Fields::read(body.as_bytes(), REPLY_LIMIT).unwrap();
//!     sign::verify(&asked, &key).unwrap();
//!     assert_eq!(asked.get("total_fee"), Some("1990"));
//!     answer(
//!         Fields::new()
//!             .with("trade_type", "NATIVE")
//!             .with("prepay_id", "wx20260315100003123456789abcdef01234")
//!             .with("code_url", "weixin://wxpay/bizpayurl?pr=Ab1Cd2Ez3"),
//!     )
//! };
//! let router = Router::new().route("/pay/unifiedorder", post(unified_order));
//!
//! // Our side. `Client::new` asks the real one instead.
//! let client = Client::in_process(us.clone(), router);
//! let order = Placing {
//!     channel: Channel { protocol: Protocol::V2, trade_type: TradeType::Native },
//!     appid: us.appid.clone(),
//!     description: "示例书店-图书".into(),
//!     attach: None,
//!     out_trade_no: OutTradeNo::parse("BK20260315000001")?,
//!     total_fee: Fen::new(1990),
//!     payer_ip: "203.0.113.7".parse()?,
//!     time_start: UnixMillis::now(),
//!     time_expire: UnixMillis::now().plus_ms(600_000),
//!     notify_url: "https://shop.example.com/wxpay/notify".into(),
//!     product_id: Some("SKU-1001".into()),
//!     openid: None,
//!     scene: None,
//! };
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! let prepay = client.place(&order).await?;
//! assert_eq!(prepay.ticket.as_str(), "weixin://wxpay/bizpayurl?pr=Ab1Cd2Ez3");
//! # Ok::<(), wxpay::Error>(())
//! # })?;
//!
//! // The payer scans and pays, and WeChat posts this to `notify_url`.
//! let body = signed_by_wechat(
//!     Fields::new()
//!         .with("out_trade_no", "BK20260315000001")
//!         .with("transaction_id", "4200001234202603151234567890")
//!         .with("total_fee", "1990")
//!         .with("time_end", "20260315100512"),
//! );
//! let notify::Notice::Paid(payment) = notify::read(body.as_bytes(), &us)? else {
//!     panic!("WeChat says that it was not paid");
//! };
//! // The signature is WeChat's. Whether this is the order's money is for its own rules to say.
//! assert_eq!((&payment.out_trade_no, payment.total_fee), (&order.out_trade_no, order.total_fee));
//! // Once the payment is on disk:
//! assert!(notify::success().starts_with("<xml><return_code><![CDATA[SUCCESS]]>"));
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "client"))]
//! # fn main() {}
//! ```

#![warn(missing_docs)]

pub mod bill;
#[cfg(feature = "client")]
mod certificate;
mod channel;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "client")]
mod clock;
mod error;
mod evidence;
mod fen;
#[cfg(feature = "client")]
pub mod host;
pub mod invoke;
#[cfg(feature = "client")]
pub mod observer;
mod payment;
mod percent;
mod placing;
mod printable;
mod refunding;
mod trade;
#[cfg(feature = "client")]
mod transport;
mod types;
mod unix_millis;
pub mod v2;
pub mod v3;
mod verified;
pub mod weixin;

pub use channel::{By, Channel, Protocol, Signed, TradeType};
pub use error::{ErrClass, ErrCode, Error};
pub use evidence::Evidence;
pub use fen::Fen;
pub use payment::Payment;
pub use placing::{H5Kind, H5Scene, Placing, Prepay, Ticket};
pub use refunding::{Refund, RefundAccepted, RefundNotice, RefundQuery, RefundState, RefundStatus, Refunds};
pub use trade::{Trade, TradeState};
pub use types::{
    AppId, CodeUrl, InvalidValue, MchId, OpenId, OutRefundNo, OutTradeNo, PayPage, PrepayId, ProductId,
    RefundId, TransactionId,
};
pub use unix_millis::UnixMillis;
pub use v2::merchant::Merchant;
pub use v2::sign::{ApiKey, SignType};
pub use verified::Verified;
