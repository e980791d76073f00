//! `/pay/*` and `/secapi/*`: from HTTP to the rules and back, with the faults that the switches ask for.

use std::io::Write;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::any;
use flate2::{Compression, write::GzEncoder};
use wxpay::v2::Fields;

use crate::Sandbox;
use crate::bills::{self, NoBill};
use crate::clock::Now;
use crate::faults::AnswerFault;
use crate::h5;
use crate::notices::{Kind, Pending};
use crate::numbers;
use crate::orders::refunds::{FreshRefund, RefundStatus};
use crate::orders::{Fresh, Refusal};
use crate::store::{Change, Kept};
use crate::tls::Shown;
use crate::v2::replies;
use crate::v2::rules::{self, BODY_LIMIT, Call, NotUnderstood};

/// How long a call without answer hangs: longer than any client waits.
const SILENCE: Duration = Duration::from_secs(30);

pub fn router(sandbox: &Sandbox) -> Router {
    let on = |call| any(move |State(sandbox), request| answer(sandbox, call, request));
    Router::new()
        .route("/pay/unifiedorder", on(Call::UnifiedOrder))
        .route("/pay/orderquery", on(Call::OrderQuery))
        .route("/pay/closeorder", on(Call::CloseOrder))
        .route("/secapi/pay/refund", on(Call::Refund))
        .route("/pay/refundquery", on(Call::RefundQuery))
        .route("/pay/downloadbill", on(Call::DownloadBill))
        .with_state(sandbox.clone())
}

async fn answer(sandbox: Sandbox, call: Call, request: Request) -> Response {
    // nginx looks at certificates before WeChat sees anything. Without TLS nobody can show one.
    if call == Call::Refund
        && let Some(ConnectInfo(shown)) = request.extensions().get::<ConnectInfo<Shown>>()
        && let Some(page) = shown.refusal()
    {
        return (StatusCode::BAD_REQUEST, Html(page)).into_response();
    }
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

/// WeChat names its XML so.
fn xml(body: String) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], body).into_response()
}

impl Sandbox {
    async fn understand(&self, call: Call, request: Request, fault: AnswerFault) -> Response {
        if request.method() != Method::POST {
            let why = NotUnderstood("请使用post方法".to_owned());
            return xml(replies::not_understood(&why));
        }
        let own_address = h5::own_address(&request);
        let Ok(body) = to_bytes(request.into_body(), BODY_LIMIT).await else {
            return StatusCode::PAYLOAD_TOO_LARGE.into_response();
        };
        let merchant = &self.0.merchant;
        let request = match rules::read(&body, call, merchant) {
            Ok(request) => request,
            Err(why) => {
                tracing::info!("request not understood: {}", why.0);
                return xml(replies::not_understood(&why));
            }
        };
        let now = self.0.clock.read();
        if call == Call::DownloadBill {
            return self.bill(&request, fault, now);
        }
        let faults = self.faults();
        if let Some(err_code) = faults.refuse.get(call.name()) {
            return xml(replies::signed(
                replies::refused_as(merchant, err_code),
                merchant,
                request.sign_type,
            ));
        }
        let (reply, kept) = match fault {
            AnswerFault::SystemError => (Err(Refusal::SystemError("系统超时")), Kept::nothing()),
            _ => self.decide(call, &request, &own_address, now),
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
        if call == Call::OrderQuery {
            if let Some(state) = faults.trade_state {
                reply.set("trade_state", state);
            }
            if let Some(trade_type) = faults.trade_type.filter(|_| reply.get("trade_type").is_some()) {
                reply.set("trade_type", trade_type);
            }
        }
        for name in ["device_info", "appid"] {
            if let Some(value) = request.get(name).filter(|_| name != "appid" || call != Call::OrderQuery) {
                reply.set(name, value);
            }
        }
        match fault {
            AnswerFault::Unsigned => xml(reply.to_xml()),
            _ => xml(replies::signed(reply, merchant, request.sign_type)),
        }
    }

    /// Applies the call with the state locked, and sends what changed to the store.
    fn decide(
        &self,
        call: Call,
        request: &rules::Request,
        own_address: &str,
        now: Now,
    ) -> (Result<Fields, Refusal>, Kept) {
        let merchant = &self.0.merchant;
        if call == Call::Refund {
            return self.refund(request, now);
        }
        let mut state = self.state();
        let crate::State { book, random, faults, registered, .. } = &mut *state;
        let out_trade_no = request.get("out_trade_no");
        let done = match call {
            Call::UnifiedOrder => {
                let fresh = Fresh {
                    code_url: numbers::code_url(random),
                    prepay_id: numbers::prepay_id(random, now.wall),
                    expiry: faults.expiry.unwrap_or_default(),
                    allow_private_ip: registered.allow_private_ip,
                };
                book.unified_order(&request.fields, request.sign_type.into(), fresh, now)
                    .map(|order| (replies::ordered(merchant, order, own_address), Some(order)))
            }
            Call::OrderQuery => book
                .query(request.get("transaction_id"), out_trade_no)
                .map(|(order, payment)| (replies::queried(merchant, order, payment, now), None)),
            Call::CloseOrder => {
                let close_after_ms = self.0.close_after_ms.load(Ordering::Relaxed);
                book.close(out_trade_no.unwrap_or_default(), close_after_ms, now)
                    .map(|order| (replies::closed(merchant), Some(order)))
            }
            Call::RefundQuery => {
                let offset = request.get("offset").and_then(|text| text.parse().ok());
                book.refunds(|name| request.get(name).map(str::to_owned))
                    .map(|(order, refunds)| (replies::refunds(merchant, order, &refunds, offset, now), None))
            }
            // Answered before.
            Call::Refund | Call::DownloadBill => Err(Refusal::SystemError("系统超时")),
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

    /// Accepts a refund, and queues its notice for its end.
    fn refund(&self, request: &rules::Request, now: Now) -> (Result<Fields, Refusal>, Kept) {
        let mut state = self.state();
        let crate::State { book, queue, faults, random, .. } = &mut *state;
        let after = i64::try_from(faults.refund.after_ms).unwrap_or(i64::MAX);
        let ends_inner = now.inner.plus_ms(after);
        let ends_at = self.0.clock.wall_of(ends_inner).max(now.wall);
        let fresh = FreshRefund {
            signing: request.sign_type.into(),
            refund_id: numbers::refund_id(random, now.wall),
            ends_at,
            ends_inner,
        };
        let (order, refund, is_new) = match book.refund(&request.fields, fresh, &faults.refund, now) {
            Ok(taken) => taken,
            Err(why) => return (Err(why), Kept::nothing()),
        };
        let reply = replies::refund_accepted(&self.0.merchant, order, refund);
        if !is_new {
            return (Ok(reply), Kept::nothing());
        }
        let delay_ms = faults.notify.delay_ms.saturating_mul(faults.speed.into());
        let ends = refund.result != RefundStatus::Processing;
        let notice = refund.notify_url().filter(|_| ends).map(|_| Pending {
            id: refund.refund_id.clone(),
            kind: Kind::Refund,
            out_trade_no: order.out_trade_no.clone(),
            nonce_str: numbers::nonce_str(random),
            attempts: 0,
            due_inner: ends_inner.plus_ms(i64::try_from(delay_ms).unwrap_or(i64::MAX)),
        });
        let changes = || [Change::order(order)].into_iter().chain(notice.as_ref().map(Change::notice));
        let kept = self.keep(|| changes().collect());
        if let Some(notice) = notice {
            queue.insert(notice);
            self.0.wake.notify_one();
        }
        (Ok(reply), kept)
    }

    fn bill(&self, request: &rules::Request, fault: AnswerFault, now: Now) -> Response {
        let bill = match fault {
            AnswerFault::SystemError => Err(NoBill("SYSTEMERROR", "20001")),
            _ => bills::bill(&self.state().book, &self.0.merchant, request, now),
        };
        match bill {
            Err(why) => xml(replies::no_bill(why)),
            Ok(text) if request.get("tar_type") == Some("GZIP") => {
                let mut packed = GzEncoder::new(Vec::new(), Compression::default());
                match packed.write_all(text.as_bytes()).and_then(|()| packed.finish()) {
                    Ok(packed) => ([(header::CONTENT_TYPE, "application/x-gzip")], packed).into_response(),
                    Err(_) => xml(replies::no_bill(NoBill("CompressGZip Error", "20007"))),
                }
            }
            Ok(text) => xml(text),
        }
    }
}
