//! The calls of the server functions: JSON by POST, both ways.

use std::cell::RefCell;

use js_sys::Promise;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, AbortSignal, RequestInit, Response};

use super::dom::window;
use super::json::Json;
use super::messages::Message;
use crate::links;
use crate::protocol::StatusView;
use crate::protocol::error::{AppError, ErrorCode};
use crate::protocol::way::Way;

/// Places an order of `quantity` units. The request is on its way when this returns, before the answer is waited for.
pub fn create_order(quantity: u32, way: Way) -> impl Future<Output = Result<StatusView, AppError>> + use<> {
    call(links::CREATE_ORDER, [("quantity", quantity.into()), ("way", way.name().into())], None)
}

/// What WeChat's browser is called with for an order that waits to be paid there.
pub async fn pay_in_wechat(number: &str) -> Result<StatusView, AppError> {
    call(links::PAY_IN_WECHAT, of(number), None).await
}

/// The one poll of a page that may be under way. It can be ended, so that the server's place for it is free.
#[derive(Debug, Default)]
pub struct Poller(RefCell<Option<AbortController>>);

impl Poller {
    /// The status of an order, by the order link's token where the page was opened by it; the server may hold the call for
    /// `wait_s` seconds while the order has the version that was seen. `None` if the poll was ended.
    pub async fn order_status(
        &self,
        (number, token): (&str, Option<&str>),
        version: i64,
        wait_s: u32,
    ) -> Option<Result<StatusView, AppError>> {
        let controller = AbortController::new().ok()?;
        let end = controller.signal();
        self.0.replace(Some(controller));
        let [number] = of(number);
        let members = [number, ("t", token.into()), ("version", exact(version)), ("wait_s", wait_s.into())];
        let answer = call(links::ORDER_STATUS, members, Some(&end)).await;
        (!end.aborted()).then_some(answer)
    }

    /// Ends the poll that is under way.
    pub fn end(&self) {
        if let Some(controller) = self.0.take() {
            controller.abort();
        }
    }
}

/// Has the server query WeChat.
pub async fn check_again(number: &str) -> Result<StatusView, AppError> {
    call(links::CHECK_AGAIN, of(number), None).await
}

/// A fresh code under the same number.
pub async fn new_code(number: &str, seen_version: i64) -> Result<StatusView, AppError> {
    let [number] = of(number);
    call(links::NEW_CODE, [number, ("seen_version", exact(seen_version))], None).await
}

/// Takes an own order back.
pub async fn cancel_order(number: &str) -> Result<StatusView, AppError> {
    call(links::CANCEL_ORDER, of(number), None).await
}

/// The list of the payer's own recharges as markup.
pub async fn own_recharges() -> Result<String, AppError> {
    call(links::OWN_RECHARGES, [], None).await
}

fn of(number: &str) -> [(&'static str, JsValue); 1] {
    [("out_trade_no", number.into())]
}

/// Versions are far below 2^53.
fn exact(number: i64) -> JsValue {
    (number as f64).into()
}

/// The request is sent when this is called; what it answers reads the answer.
fn call<T: Message, const N: usize>(
    path: &str,
    members: [(&str, JsValue); N],
    end: Option<&AbortSignal>,
) -> impl Future<Output = Result<T, AppError>> + use<T, N> {
    let request = RequestInit::new();
    request.set_method("POST");
    request.set_headers(&Json::object([("content-type", "application/json".into())]).into_value());
    request.set_body(&Json::object(members).write().into());
    request.set_signal(end);
    answered(window().fetch_with_str_and_init(path, &request))
}

async fn answered<T: Message>(sent: Promise) -> Result<T, AppError> {
    let response = JsFuture::from(sent).await.map_err(lost)?;
    read(response.dyn_into().map_err(|_| unknown())?).await
}

/// Reads an answer of the server.
pub async fn read<T: Message>(response: Response) -> Result<T, AppError> {
    let text = JsFuture::from(response.text().map_err(lost)?).await.map_err(lost)?;
    let body = text.as_string().and_then(|text| Json::parse(&text)).ok_or_else(unknown)?;
    match response.ok() {
        true => T::from_json(&body).ok_or_else(unknown),
        false => Err(AppError::from_json(&body).unwrap_or_else(unknown)),
    }
}

fn lost(_: JsValue) -> AppError {
    AppError::new(ErrorCode::Offline, "the server was not reached")
}

/// A proxy's page is no answer of the server: nobody knows whether it did what was asked.
fn unknown() -> AppError {
    AppError::new(ErrorCode::Internal, "the answer could not be read")
}
