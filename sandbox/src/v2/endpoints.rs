//! `/pay/*` and `/secapi/*`: from HTTP to the rules and back, with the faults that the switches ask for.

use std::sync::atomic::Ordering;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::any;
use wxpay::v2::Fields;

use crate::Sandbox;
use crate::bills;
use crate::clock::Now;
use crate::faults::AnswerFault;
use crate::h5;
use crate::misbehaving::answered;
use crate::numbers;
use crate::orders::{Fresh, Refusal};
use crate::store::{Change, Kept};
use crate::tls::Shown;
use crate::v2::replies;
use crate::v2::rules::{self, BODY_LIMIT, Call, NotUnderstood};

pub fn router(sandbox: &Sandbox) -> Router {
    let on = |call| any(move |State(sandbox), request| answer(sandbox, call, request));
    Router::new()
        .route("/pay/unifiedorder", on(Call::UnifiedOrder))
        .route("/pay/orderquery", on(Call::OrderQuery))
        .route("/pay/closeorder", on(Call::CloseOrder))
        .route("/secapi/pay/refund", on(Call::Refund))
        .route("/pay/refundquery", on(Call::RefundQuery))
        .route("/pay/downloadbill", on(Call::DownloadBill))
        .route("/tools/shorturl", on(Call::ShortUrl))
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
    answered(&faults, sandbox.understand(call, request, faults.answer)).await
}

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
        let merchant = &self.merchant();
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
        // What a query finds names the app that the order was placed with; everything else echoes the call's.
        let is_found = call == Call::OrderQuery && reply.get("result_code") == Some("SUCCESS");
        for name in ["device_info", "appid"] {
            if let Some(value) = request.get(name).filter(|_| name != "appid" || !is_found) {
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
        let merchant = &self.merchant();
        if call == Call::Refund {
            let reply = |order: &_, refund: &_| replies::refund_accepted(merchant, order, refund);
            return self.accept_refund(&request.fields, request.sign_type.into(), now, reply);
        }
        let mut state = self.state();
        let crate::State { book, random, faults, registered, short_urls, .. } = &mut *state;
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
            Call::ShortUrl => {
                let long_url = request.get("long_url").unwrap_or_default();
                let short_url = short_urls.shorten(long_url, &numbers::mixed(random, 7));
                let kept = self.keep(|| vec![Change::short_code(&short_url, long_url, now.wall)]);
                let reply = replies::understood(merchant).with("result_code", "SUCCESS");
                return (Ok(reply.with("short_url", short_url)), kept);
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

    fn bill(&self, request: &rules::Request, fault: AnswerFault, now: Now) -> Response {
        if fault == AnswerFault::SystemError {
            return xml(replies::bill_failed("SYSTEMERROR", "20001"));
        }
        let (day, kind) = (request.get("bill_date"), request.get("bill_type"));
        let (day, kind) = (day.unwrap_or_default(), kind.unwrap_or("ALL"));
        match bills::bill(&self.state().book, &self.merchant(), day, kind, now) {
            Err(why) => xml(replies::no_bill(why)),
            Ok(text) if request.get("tar_type") == Some("GZIP") => match bills::gzip(&text) {
                Some(packed) => ([(header::CONTENT_TYPE, "application/x-gzip")], packed).into_response(),
                None => xml(replies::bill_failed("CompressGZip Error", "20007")),
            },
            Ok(text) => xml(text),
        }
    }
}
