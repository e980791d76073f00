//! H5 payment (MWEB): the address that an order is answered with. Source: WeChat Pay v2, H5支付 (统一下单).

use axum::extract::{ConnectInfo, Request};
use axum::http::header;

use crate::orders::Order;
use crate::tls::Shown;

/// Where the payer's browser is sent.
pub const PATH: &str = "/cgi-bin/mmpayweb-bin/checkmweb";
/// WeChat's own mark in the address; it must come back unchanged.
const PACKAGE: &str = "1405458241";

/// The sandbox's address as the caller named it, so that its pages can be reached the same way.
pub fn own_address(request: &Request) -> String {
    let is_tls = request.extensions().get::<ConnectInfo<Shown>>().is_some();
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    format!("{}://{}", if is_tls { "https" } else { "http" }, host.unwrap_or("127.0.0.1:3080"))
}

/// The `mweb_url` of an order: valid for five minutes, whatever the life of the order is.
pub fn pay_page(own_address: &str, order: &Order) -> String {
    format!("{own_address}{PATH}?prepay_id={}&package={PACKAGE}", order.prepay_id())
}
