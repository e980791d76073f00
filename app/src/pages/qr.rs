//! An order's code as a picture, for pages of other sites: whoever has the order's link may look at it, while it can be paid.

use std::fmt::Write as _;

use axum::extract::{Path, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use wxpay::OutTradeNo;

use crate::png;
use crate::qr_code::{self, Drawing};
use crate::request::PageRequest;
use crate::service::Service;

/// Pixels of a module of the PNG: 296 along a side of a usual code, quiet zone included.
const MODULE: usize = 8;

pub async fn svg(service: State<Service>, number: Path<String>, request: PageRequest) -> Response {
    let Some(code) = find(service, number, &request).await else { return absent() };
    let (size, mut text) = (code.size, String::new());
    let _ = write!(
        text,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"{}\" width=\"{1}\" height=\"{1}\" \
         shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{size}v{size}H0z\"/><path d=\"{2}\"/></svg>",
        code.view_box(),
        size * MODULE,
        code.path,
    );
    picture("image/svg+xml", text.into_bytes())
}

pub async fn png(service: State<Service>, number: Path<String>, request: PageRequest) -> Response {
    match find(service, number, &request).await {
        Some(code) => picture("image/png", png::of(&code.modules(), MODULE)),
        None => absent(),
    }
}

/// The code of the order, if the link's token opens it and it can be paid by one.
async fn find(
    State(service): State<Service>,
    Path(number): Path<String>,
    request: &PageRequest,
) -> Option<Drawing> {
    let (number, token) = (OutTradeNo::parse(number).ok()?, request.get("t")?);
    let order = service.cashier.order(&number).await.ok().flatten()?;
    let opens = order.link_opens(token, service.cashier.now());
    qr_code::draw(order.code_url().filter(|_| opens)?.as_str())
}

fn picture(kind: &'static str, bytes: Vec<u8>) -> Response {
    let everywhere = (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin");
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store"), everywhere], bytes).into_response()
}

fn absent() -> Response {
    StatusCode::NOT_FOUND.into_response()
}
