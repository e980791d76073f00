//! The interface of 易支付: `/epay/submit.php`, to which a site sends the payer, and `/epay/mapi.php`, which answers a code. Both are
//! signed, and there is neither before a merchant was made. There is no `api.php`: its key stands in addresses.

use app::{
    access::{Caller, Limit, Routes, Stranger},
    links,
};
use axum::{
    Extension, Json,
    extract::{Query, Request, State},
    response::{IntoResponse, Redirect, Response},
};
use cashier::{DbError, PlaceError, epay::EpayError, error_chain::error_chain};
use http::{Method, StatusCode, header};
use recharge::{
    Order, OrderState,
    epay::{EpayRefusal, Params},
};
use serde::Deserialize;
use serde_json::json;
use wxpay::TradeType;

use crate::{
    client_addr::ClientAddr, create_limit::TooOften, middleware::FORM_BYTES, misses::Asker, state::Server,
};

const SUBMIT: &str = "/epay/submit.php";
const MAPI: &str = "/epay/mapi.php";
/// Where our pages lead the payer back to the site.
const BACK: &str = "/epay/return";
const SITE: Caller = Caller::Stranger(Stranger::Program);

pub(crate) fn routes() -> Routes<Server> {
    Routes::new()
        .get(SUBMIT, SITE, Limit::Merchant, submit)
        .post(SUBMIT, SITE, Limit::Merchant, submit)
        .get(MAPI, SITE, Limit::Merchant, mapi)
        .post(MAPI, SITE, Limit::Merchant, mapi)
        .get(BACK, SITE, Limit::Misses, back)
}

/// Why a request was not taken.
enum Refused {
    /// There is no merchant, so there is no such interface.
    Off,
    TooOften(TooOften),
    TooLarge,
    /// The settings do not offer codes to scan.
    NoCodes,
    Said(EpayError),
}

impl From<EpayError> for Refused {
    fn from(error: EpayError) -> Self {
        Refused::Said(error)
    }
}

impl From<EpayRefusal> for Refused {
    fn from(refusal: EpayRefusal) -> Self {
        Refused::Said(refusal.into())
    }
}

impl From<DbError> for Refused {
    fn from(error: DbError) -> Self {
        Refused::Said(error.into())
    }
}

/// A browser comes with a site's form, and goes on to the order's page.
async fn submit(
    State(server): State<Server>,
    Extension(from): Extension<ClientAddr>,
    request: Request,
) -> Response {
    match placed(&server, from, request).await {
        Ok(order) => Redirect::to(&page_of(&server, &order)).into_response(),
        Err(refused) => said(SUBMIT, refused),
    }
}

/// A site's server asks for a code.
async fn mapi(
    State(server): State<Server>,
    Extension(from): Extension<ClientAddr>,
    request: Request,
) -> Response {
    let order = match placed(&server, from, request).await {
        Ok(order) if matches!(order.state, OrderState::Closed { .. }) => {
            return said(MAPI, EpayRefusal::Closed.into());
        }
        Ok(order) => order,
        Err(refused) => return said(MAPI, refused),
    };
    let code = order.code_url().map(ToString::to_string).unwrap_or_default();
    Json(json!({
        "code": 1,
        "msg": "success",
        "trade_no": order.out_trade_no.as_str(),
        "payurl": page_of(&server, &order),
        "qrcode": code,
    }))
    .into_response()
}

/// The order that a signed request asks for.
async fn placed(server: &Server, from: ClientAddr, request: Request) -> Result<Order, Refused> {
    if !server.epay.is_on().await? {
        return Err(Refused::Off);
    }
    let params = params(request).await?;
    let merchant = server.epay.signer(&params).await?;
    // Only what the merchant signed counts against it.
    server.create_limit.merchant(merchant.pid, server.now()).map_err(Refused::TooOften)?;
    if !server.channels.offers(TradeType::Native) {
        return Err(Refused::NoCodes);
    }
    Ok(server.epay.place(&server.cashier, &merchant, &params, from.0).await?)
}

/// Those of the address or, where it has none, of the form.
async fn params(request: Request) -> Result<Params, Refused> {
    let (parts, body) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default();
    if query.len() > FORM_BYTES {
        return Err(Refused::TooLarge);
    }
    if parts.method != Method::POST || !query.is_empty() {
        return Ok(Params::parse(query.as_bytes())?);
    }
    let kind =
        parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.starts_with("multipart/") {
        let why = "须用 application/x-www-form-urlencoded";
        return Err(EpayRefusal::Unreadable(why).into());
    }
    let body = axum::body::to_bytes(body, FORM_BYTES).await.map_err(|_| Refused::TooLarge)?;
    Ok(Params::parse(&body)?)
}

fn page_of(server: &Server, order: &Order) -> String {
    links::order_link(server.public_url.as_str(), &order.out_trade_no, &order.link_token)
}

#[derive(Deserialize)]
struct WayBack {
    o: String,
}

/// The payer's browser goes back to the site, with the signed words that the order was paid once it was.
async fn back(
    State(server): State<Server>,
    Extension(from): Extension<ClientAddr>,
    Query(WayBack { o: token }): Query<WayBack>,
) -> Response {
    let (asker, now) = (Asker::new(None, Some(from)), server.now());
    if let Err(slow) = server.misses.check(&asker, now) {
        return too_often(BACK, slow);
    }
    match server.epay.way_back(&token).await {
        Ok(Some(address)) => Redirect::to(&address).into_response(),
        Ok(None) => {
            server.misses.count(&asker, now);
            (StatusCode::NOT_FOUND, "没有这个订单 (no such order)\n").into_response()
        }
        Err(error) => said(BACK, Refused::Said(error)),
    }
}

pub(crate) fn too_often(path: &str, slow: TooOften) -> Response {
    let wait = [(header::RETRY_AFTER, slow.wait_s.to_string())];
    (wait, answer(path, StatusCode::TOO_MANY_REQUESTS, "请求过于频繁，请稍后再试 (too often)"))
        .into_response()
}

fn said(path: &str, refused: Refused) -> Response {
    let error = match refused {
        Refused::Off => return (StatusCode::NOT_FOUND, "not found\n").into_response(),
        Refused::TooOften(slow) => return too_often(path, slow),
        Refused::TooLarge => return answer(path, StatusCode::PAYLOAD_TOO_LARGE, "参数过长 (too large)"),
        Refused::NoCodes => {
            let text = "收款方未开通扫码支付 (SAOMA_WECHAT_CHANNELS has no NATIVE)";
            return answer(path, StatusCode::SERVICE_UNAVAILABLE, text);
        }
        Refused::Said(error) => error,
    };
    let text = error.to_string();
    match error {
        EpayError::Refused(_) => answer(path, StatusCode::BAD_REQUEST, &text),
        EpayError::NotPlaced(error) => {
            let busy = matches!(
                error,
                PlaceError::TryAgain { .. } | PlaceError::Unavailable { .. } | PlaceError::RateLimited { .. }
            );
            // What WeChat says is for the operator.
            tracing::warn!("an order of 易支付 was not placed: {}", error_chain(&error));
            match error {
                PlaceError::ReferenceReused { .. } => {
                    answer(path, StatusCode::BAD_REQUEST, &EpayRefusal::Reused.to_string())
                }
                _ if busy => {
                    answer(path, StatusCode::SERVICE_UNAVAILABLE, "微信暂时没有应答，请稍后再试 (try again)")
                }
                _ => answer(
                    path,
                    StatusCode::SERVICE_UNAVAILABLE,
                    "暂时无法下单，请稍后再试 (cannot order now)",
                ),
            }
        }
        error => {
            tracing::error!("a request of 易支付 failed: {}", error_chain(&error));
            answer(path, StatusCode::INTERNAL_SERVER_ERROR, "服务器出错，请稍后再试 (internal error)")
        }
    }
}

/// For a browser as text. For a program as JSON, with the status 200 where the request itself was read: clients of the protocol look at
/// `code`, and show `msg` only then.
fn answer(path: &str, status: StatusCode, text: &str) -> Response {
    if path != MAPI {
        return (status, format!("{text}\n")).into_response();
    }
    let is_loud = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::PAYLOAD_TOO_LARGE);
    let status = if is_loud { status } else { StatusCode::OK };
    (status, Json(json!({ "code": -1, "msg": text }))).into_response()
}
