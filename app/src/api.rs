//! What a browser may ask and be told. A server function is a public endpoint: there is one only where a browser must
//! call, each with a fixed address, so that a dialog survives an upgrade of the server.

use leptos::prelude::*;
use leptos::server_fn::{Http, codec::Post};
use serde::{Deserialize, Serialize};

use crate::protocol::codec::JsonCodec;
#[cfg(feature = "ssr")]
use crate::{auth, request::PageRequest, service::Service};

/// JSON by POST, both ways.
type Calls = Http<Post<JsonCodec>, Post<JsonCodec>>;

/// An order as its payer may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusView {
    pub out_trade_no: String,
    pub state: ViewState,
    /// Fen.
    pub total_fee: i64,
    /// Fen given on top.
    pub bonus: i64,
    pub code_url: Option<String>,
    /// Rises when a new code takes the old one's place; other tabs take it over.
    pub code_version: i64,
    /// Seconds until the order can no longer be paid.
    pub expires_in_s: i64,
    /// For how long it makes sense to ask: at most 200 seconds.
    pub poll_for_s: i64,
    /// When to ask next.
    pub next_ms: Option<u32>,
    /// The order link, absolute, for another screen; gone when the order has ended.
    pub link: Option<String>,
    /// In sandbox mode: the page that stands in for a phone.
    pub sandbox_scan: Option<String>,
    /// The owner's balance in fen, once the order has ended.
    pub balance: Option<i64>,
    /// When it was placed, Beijing time, `HH:MM:SS`.
    pub placed: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ViewState {
    /// Written, no code yet.
    Created,
    Pending,
    Paid,
    /// Paid after it was closed, and credited.
    Late,
    /// Paid after it was closed, and given back.
    LateRefunded,
    Closed,
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct AppError {
    pub code: ErrorCode,
    /// For people who read logs; pages have their own texts.
    pub message: String,
    pub retry_after_s: Option<u32>,
    pub out_trade_no: Option<String>,
    /// With [`ErrorCode::TooManyOpen`]: the orders that are in the way.
    #[serde(default)]
    pub open: Vec<OpenOrder>,
}

/// An order that still waits for its payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenOrder {
    pub out_trade_no: String,
    /// Fen.
    pub total_fee: i64,
    pub closes_in_s: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    BadRequest,
    /// Nobody is signed in, or not any more.
    Session,
    /// Absent, or somebody else's: nobody is told which.
    NotFound,
    TooManyOpen,
    /// Outside what can be topped up.
    Quantity,
    TooOften,
    /// WeChat gave no clear answer or was not asked; an order that the error names is kept.
    Busy,
    /// WeChat said no.
    Refused,
    Internal,
    /// The call did not reach the server; made in the browser.
    Offline,
}

impl AppError {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> AppError {
        let message = message.into();
        AppError { code, message, retry_after_s: None, out_trade_no: None, open: Vec::new() }
    }
}

impl FromServerFnError for AppError {
    type Encoder = JsonCodec;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        let (code, message) = match &error {
            ServerFnErrorErr::Request(_) => (ErrorCode::Offline, "the server was not reached"),
            ServerFnErrorErr::Args(_)
            | ServerFnErrorErr::MissingArg(_)
            | ServerFnErrorErr::Deserialization(_) => {
                (ErrorCode::BadRequest, "the request could not be read")
            }
            _ => (ErrorCode::Internal, "something went wrong"),
        };
        #[cfg(feature = "ssr")]
        crate::service::answer_with(code, None);
        AppError::new(code, message)
    }
}

/// Places an order of `quantity` units, or gives the open one of the same user and amount again.
#[server(endpoint = "create_order", protocol = Calls)]
pub async fn create_order(quantity: u32) -> Result<StatusView, AppError> {
    let user = auth::current_user()?;
    Service::get()?.place(&user, auth::client_ip(), quantity).await
}

/// How an order stands. Asks WeChat nothing: it reads what we know. `t` is the order link's token, if that is how the
/// page was opened.
#[server(endpoint = "order_status", protocol = Calls)]
pub async fn order_status(out_trade_no: String, t: Option<String>) -> Result<StatusView, AppError> {
    Service::get()?.status(&auth::viewer(t)?, &out_trade_no).await
}

/// "I have paid, check again": has WeChat asked soon.
#[server(endpoint = "check_again", protocol = Calls)]
pub async fn check_again(out_trade_no: String) -> Result<StatusView, AppError> {
    let user = auth::current_user()?;
    Service::get()?.check_again(&user, &out_trade_no).await
}

/// "Not paid, new code": asks WeChat, and only if nothing was paid issues a fresh code under the same number.
#[server(endpoint = "new_code", protocol = Calls)]
pub async fn new_code(out_trade_no: String, seen_version: i64) -> Result<StatusView, AppError> {
    let user = auth::current_user()?;
    Service::get()?.new_code(&user, &out_trade_no, seen_version).await
}

/// The list of the payer's own recharges, as the page shows it, for after the dialog closed.
#[server(endpoint = "own_recharges", protocol = Calls)]
pub async fn own_recharges() -> Result<String, AppError> {
    let user = auth::current_user()?;
    let lang = PageRequest::now().await.lang;
    let page = Service::get()?.own_recharges(&user, None).await?;
    Ok(crate::pages::top_up::list(lang, page).to_html())
}
