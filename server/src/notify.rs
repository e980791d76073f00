//! WeChat's notices of payments (`POST /wxpay/notify`) and refunds (`/wxpay/refund-notify`): verified, committed, and only
//! then acknowledged.

use std::time::{Duration, Instant};

use app::access::{Caller, Limit, Routes, Stranger};
use axum::{
    body::{Body, Bytes, HttpBody as _},
    extract::State,
    response::{IntoResponse, Response},
};
use cashier::{NoticeAnswer, RefundNoticeAnswer};
use http::{HeaderValue, StatusCode, header};
use recharge::command::Outcome;
use tokio::time::timeout;
use wxpay::{
    Protocol,
    v2::{
        NOTICE_LIMIT,
        notify::{self, Notice, NoticeError},
        refund_notice::{self, RefundNoticeError},
    },
};

use crate::{
    client_addr::ClientAddr,
    state::{Server, WRITE_WITHIN},
};

pub(crate) const WECHAT: Caller = Caller::Stranger(Stranger::Program);
pub(crate) const NOTICE: Limit = Limit::Notice;

pub(crate) fn routes() -> Routes<Server> {
    Routes::new().post("/wxpay/notify", WECHAT, NOTICE, receive).post(
        "/wxpay/refund-notify",
        WECHAT,
        NOTICE,
        receive_refund,
    )
}

async fn receive(State(server): State<Server>, from: axum::Extension<ClientAddr>, body: Body) -> Response {
    let began = Instant::now();
    let Some(body) = whole(body).await else {
        return unverifiable(&server, &NoticeError::TooLarge);
    };
    let Ok(merchant) = server.wechat.v2_merchant() else {
        return counted("no_credentials", no_credentials(&server));
    };
    let read = notify::read(&body, &merchant);
    if read.is_ok() {
        server.cashier.notice_came(Protocol::V2);
    }
    match read {
        Ok(Notice::Paid(payment)) => {
            let (from, number) = (from.0.0.to_string(), payment.out_trade_no.clone());
            let settled = timeout(WRITE_WITHIN, server.cashier.credit_payment(payment, &from)).await;
            let (verdict, response) =
                answer(settled.ok().and_then(|settled| settled.inspect_err(not_written).ok()));
            told(Protocol::V2, number.as_str(), verdict, began);
            counted(verdict, response)
        }
        Ok(Notice::NotPaid { out_trade_no, err_code, .. }) => {
            let err_code = err_code.unwrap_or_default();
            let number = out_trade_no.as_ref().map_or("", |number| number.as_str());
            let recorded = match &out_trade_no {
                Some(number) => timeout(WRITE_WITHIN, server.cashier.not_paid(number, &err_code)).await,
                None => Ok(Ok(())),
            };
            let (verdict, response) =
                match recorded.ok().and_then(|recorded| recorded.inspect_err(not_written).ok()) {
                    Some(()) => ("not_paid", success()),
                    None => ("not_written", unwritten()),
                };
            told(Protocol::V2, number, verdict, began);
            counted(verdict, response)
        }
        Err(error) => {
            // WeChat did sign it: a query decides what this one failed to say.
            if let NoticeError::BadField { out_trade_no: Some(number), .. } = &error {
                server.cashier.query_soon(number);
            }
            unverifiable(&server, &error)
        }
    }
}

/// A refund that is not ours has to be confirmed by a query first, which WeChat's five seconds leave time for.
pub(crate) const CONFIRM_WITHIN: Duration = Duration::from_secs(4);

async fn receive_refund(
    State(server): State<Server>,
    from: axum::Extension<ClientAddr>,
    body: Body,
) -> Response {
    let began = Instant::now();
    let Ok(merchant) = server.wechat.v2_merchant() else {
        return counted_refund("no_credentials", no_credentials(&server));
    };
    let read = match whole(body).await {
        Some(body) => refund_notice::read(&body, &merchant),
        None => Err(RefundNoticeError::TooLarge),
    };
    let notice = match read {
        Ok(notice) => notice,
        Err(error) => {
            refused(&server, &error);
            return counted_refund(error.kind(), failure(StatusCode::OK, error.return_msg()));
        }
    };
    server.cashier.notice_came(Protocol::V2);
    let (from, number) = (from.0.0.to_string(), notice.out_refund_no.clone());
    let taken = timeout(CONFIRM_WITHIN, server.cashier.take_refund_notice(notice, &from)).await;
    let (verdict, response) = match taken.ok().and_then(|taken| taken.inspect_err(not_written).ok()) {
        Some(RefundNoticeAnswer::Success) => ("taken", success()),
        Some(RefundNoticeAnswer::Fail) => ("unconfirmed", failure(StatusCode::OK, "退款尚未确认，请重试")),
        None => ("not_written", unwritten()),
    };
    told(Protocol::V2, number.as_str(), verdict, began);
    counted_refund(verdict, response)
}

/// Without the v2 key nothing can be verified, and the schedule asks by API v3. The address stays: WeChat posts to it for
/// orders that were placed by v2.
fn no_credentials(server: &Server) -> Response {
    refused(server, &"SAOMA_WECHAT_API_KEY is not set, and it is by API v2");
    failure(StatusCode::OK, "签名失败")
}

fn counted_refund(verdict: &'static str, response: Response) -> Response {
    count_refund(Protocol::V2, verdict);
    response
}

pub(crate) fn count_refund(protocol: Protocol, verdict: &'static str) {
    observe::REFUND_NOTICES.of([label(protocol), verdict]).inc();
}

/// The whole body, if it is not over the limit; never more than that is held.
pub(crate) async fn whole(body: Body) -> Option<Bytes> {
    if body.size_hint().lower() > NOTICE_LIMIT as u64 {
        return None;
    }
    axum::body::to_bytes(body, NOTICE_LIMIT).await.ok()
}

/// The answer to a verified payment by what became of it. `None`: the commit is not confirmed, so WeChat shall repeat it.
fn answer(settled: Option<NoticeAnswer>) -> (&'static str, Response) {
    match settled {
        Some(NoticeAnswer::Success(outcome)) => (word(&outcome), success()),
        Some(NoticeAnswer::Fail(outcome)) => {
            let reason = if outcome == Outcome::AskWeChat {
                "签名方式与下单不一致"
            } else {
                "订单不存在"
            };
            (word(&outcome), failure(StatusCode::OK, reason))
        }
        None => ("not_written", unwritten()),
    }
}

pub(crate) fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Credited { late: false } => "credited",
        Outcome::Credited { late: true } => "credited_late",
        Outcome::KeptForRefund => "kept_for_refund",
        Outcome::AlreadyPaid => "repeated",
        Outcome::Exception { id, .. } => id.kind.name(),
        Outcome::AskWeChat => "weaker_signature",
    }
}

/// The one line of a notice that is believed: whose, what became of it, and how long that took. The refund's number stands in the
/// order's place where it is about one.
pub(crate) fn told(protocol: Protocol, number: &str, verdict: &'static str, began: Instant) {
    let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(
        number,
        protocol = label(protocol),
        verdict,
        ms,
        "notice of {number}: {verdict} in {ms} ms"
    );
}

/// Counted always, logged now and then: a flood of forgeries must not fill the disk.
fn unverifiable(server: &Server, error: &NoticeError) -> Response {
    refused(server, error);
    counted(error.kind(), failure(StatusCode::OK, error.return_msg()))
}

pub(crate) fn refused(server: &Server, error: &dyn std::fmt::Display) {
    if let Some(left_out) = server.bad_notices.take(server.now()) {
        tracing::warn!(left_out, "notice refused: {error}");
    }
}

pub(crate) fn not_written(error: &cashier::db::writer::WriteError) {
    tracing::error!(
        error = error as &dyn std::error::Error,
        "a notice could not be written; WeChat will repeat it"
    );
}

fn counted(verdict: &'static str, response: Response) -> Response {
    count(Protocol::V2, verdict);
    response
}

fn label(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::V2 => "v2",
        Protocol::V3 => "v3",
    }
}

pub(crate) fn count(protocol: Protocol, verdict: &'static str) {
    observe::NOTICES.of([label(protocol), verdict]).inc();
}

fn success() -> Response {
    reply(StatusCode::OK, notify::success())
}

fn failure(status: StatusCode, reason: &str) -> Response {
    reply(status, notify::fail(reason))
}

fn unwritten() -> Response {
    failure(StatusCode::SERVICE_UNAVAILABLE, "系统繁忙，请重试")
}

pub(crate) fn reply(status: StatusCode, body: String) -> Response {
    let kind = HeaderValue::from_static("text/xml; charset=utf-8");
    (status, [(header::CONTENT_TYPE, kind)], body).into_response()
}
