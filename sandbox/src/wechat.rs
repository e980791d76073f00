//! `/pay/*`: from HTTP to the rules and back, misbehaving as the switches say.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::any;
use wxpay::v2::Fields;

use crate::Sandbox;
use crate::clock::Now;
use crate::faults::AnswerFault;
use crate::orders::{Fresh, Refusal};
use crate::replies;
use crate::rules::{self, BODY_LIMIT, Call, NotUnderstood};
use crate::store::{Change, Kept};

/// A caller that hears nothing waits at least so long, longer than any client's patience.
const SILENCE: Duration = Duration::from_secs(30);

pub fn router(sandbox: &Sandbox) -> Router {
    let on = |call| any(move |State(sandbox), request| answer(sandbox, call, request));
    Router::new()
        .route("/pay/unifiedorder", on(Call::UnifiedOrder))
        .route("/pay/orderquery", on(Call::OrderQuery))
        .route("/pay/closeorder", on(Call::CloseOrder))
        .with_state(sandbox.clone())
}

async fn answer(sandbox: Sandbox, call: Call, request: Request) -> Response {
    let faults = sandbox.faults();
    let response = match faults.answer {
        AnswerFault::Timeout => silence().await,
        AnswerFault::Http500 => (StatusCode::INTERNAL_SERVER_ERROR, Html(GARBAGE_500)).into_response(),
        AnswerFault::Garbage => Html(GARBAGE).into_response(),
        fault => {
            let response = sandbox.understand(call, request, fault).await;
            match fault {
                AnswerFault::TimeoutAfter => silence().await,
                _ => response,
            }
        }
    };
    if faults.answer_delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(faults.answer_delay_ms)).await;
    }
    response
}

async fn silence() -> Response {
    tokio::time::sleep(SILENCE).await;
    StatusCode::GATEWAY_TIMEOUT.into_response()
}

const GARBAGE: &str = "<!DOCTYPE html>\n<html><head><title>系统繁忙</title></head>\
    <body><h1>系统繁忙，请稍后再试</h1></body></html>\n";
const GARBAGE_500: &str = "<html>\r\n<head><title>500 Internal Server Error</title></head>\r\n\
    <body>\r\n<center><h1>500 Internal Server Error</h1></center>\r\n</body>\r\n</html>\r\n";

/// WeChat's answers are XML whatever this says. Source: protocol A1.
fn xml(body: String) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], body).into_response()
}

impl Sandbox {
    async fn understand(&self, call: Call, request: Request, fault: AnswerFault) -> Response {
        if request.method() != Method::POST {
            let why = NotUnderstood("请使用post方法".to_owned());
            return xml(replies::not_understood(&why));
        }
        let Ok(body) = to_bytes(request.into_body(), BODY_LIMIT).await else {
            return StatusCode::PAYLOAD_TOO_LARGE.into_response();
        };
        let merchant = &self.0.merchant;
        let request = match rules::read(&body, call, merchant) {
            Ok(request) => request,
            Err(why) => {
                tracing::info!("a request was not understood: {}", why.0);
                return xml(replies::not_understood(&why));
            }
        };
        let now = self.0.clock.read();
        let (reply, kept) = match fault {
            AnswerFault::SystemError => (Err(Refusal::SystemError("系统超时")), Kept::nothing()),
            _ => self.decide(call, &request, now),
        };
        if !kept.on_disk().await {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        let mut reply = reply.unwrap_or_else(|why| {
            let number = request.get("out_trade_no").unwrap_or_default();
            tracing::info!(out_trade_no = number, "order {number}: {}", why.err_code());
            let mut refused = replies::refused(merchant, why);
            if call == Call::CloseOrder {
                refused.set("result_msg", "FAIL");
            }
            refused
        });
        if let Some(device_info) = request.get("device_info") {
            reply.set("device_info", device_info);
        }
        match fault {
            AnswerFault::Unsigned => xml(reply.to_xml()),
            _ => xml(replies::signed(reply, merchant, request.sign_type)),
        }
    }

    /// Decides with the orders locked; what has changed is on its way to the store.
    fn decide(&self, call: Call, request: &rules::Request, now: Now) -> (Result<Fields, Refusal>, Kept) {
        let merchant = &self.0.merchant;
        let book = &mut self.state().book;
        let out_trade_no = request.get("out_trade_no");
        let done = match call {
            Call::UnifiedOrder => {
                let prepay_id = replies::prepay_id(now.wall);
                let fresh = Fresh { code_url: replies::code_url(), prepay_id };
                book.unified_order(&request.fields, request.sign_type, fresh, now)
                    .map(|order| (replies::ordered(merchant, order), Some(order)))
            }
            Call::OrderQuery => book
                .query(request.get("transaction_id"), out_trade_no)
                .map(|(order, payment)| (replies::queried(merchant, order, payment, now), None)),
            Call::CloseOrder => {
                let close_after_ms = self.0.close_after_ms.load(Ordering::Relaxed);
                book.close(out_trade_no.unwrap_or_default(), close_after_ms, now)
                    .map(|order| (replies::closed(merchant), Some(order)))
            }
        };
        match done {
            Ok((reply, Some(changed))) => {
                let kept = self.keep(|| vec![Change::order(changed)]);
                (Ok(reply), kept)
            }
            Ok((reply, None)) => (Ok(reply), Kept::nothing()),
            Err(why) => (Err(why), Kept::nothing()),
        }
    }
}
