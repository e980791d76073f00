//! `POST /wxpay/notify`: WeChat says that somebody paid. It is answered once what it says is on disk. Source: protocol A11.

use axum::{
    Router,
    body::{Body, Bytes, HttpBody as _},
    extract::State,
    response::{IntoResponse, Response},
    routing::post,
};
use http::{HeaderValue, StatusCode, header};
use recharge::{cashier::NoticeAnswer, command::Outcome};
use tokio::time::timeout;
use wxpay::v2::{
    NOTICE_LIMIT,
    notify::{self, Notice, NoticeError},
};

use crate::{
    client_addr::ClientAddr,
    shared::{Server, WRITE_WITHIN},
};

pub fn router(server: Server) -> Router {
    Router::new().route("/wxpay/notify", post(receive)).with_state(server)
}

async fn receive(State(server): State<Server>, from: axum::Extension<ClientAddr>, body: Body) -> Response {
    let Some(body) = whole(body).await else {
        return unverifiable(&server, &NoticeError::TooLarge);
    };
    match notify::read(&body, &server.merchant) {
        Ok(Notice::Paid(payment)) => {
            let from = from.0.0.to_string();
            let settled = timeout(WRITE_WITHIN, server.cashier.settle(payment, &from)).await;
            answer(settled.ok().and_then(|settled| settled.inspect_err(not_written).ok()))
        }
        Ok(Notice::NotPaid { out_trade_no, err_code, .. }) => {
            let err_code = err_code.unwrap_or_default();
            let recorded = match &out_trade_no {
                Some(number) => timeout(WRITE_WITHIN, server.cashier.not_paid(number, &err_code)).await,
                None => Ok(Ok(())),
            };
            match recorded {
                Ok(Ok(())) => counted("not_paid", success()),
                Ok(Err(error)) => {
                    not_written(&error);
                    counted("not_written", unwritten())
                }
                Err(_) => counted("not_written", unwritten()),
            }
        }
        Err(error) => {
            // WeChat did sign it: a query decides what this one failed to say.
            if let NoticeError::BadField { out_trade_no: Some(number), .. } = &error {
                server.cashier.ask_soon(number);
            }
            unverifiable(&server, &error)
        }
    }
}

/// The whole body, if it is not over the limit; never more than that is held.
async fn whole(body: Body) -> Option<Bytes> {
    if body.size_hint().lower() > NOTICE_LIMIT as u64 {
        return None;
    }
    axum::body::to_bytes(body, NOTICE_LIMIT).await.ok()
}

/// The answer that design §3 lists for what became of a verified payment; `None`: not known to be written.
fn answer(settled: Option<NoticeAnswer>) -> Response {
    match settled {
        Some(NoticeAnswer::Success(outcome)) => counted(word(&outcome), success()),
        Some(NoticeAnswer::Fail(outcome)) => {
            let reason = if outcome == Outcome::AskWeChat {
                "签名方式与下单不一致"
            } else {
                "订单不存在"
            };
            counted(word(&outcome), failure(StatusCode::OK, reason))
        }
        None => counted("not_written", unwritten()),
    }
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Credited { late: false } => "credited",
        Outcome::Credited { late: true } => "credited_late",
        Outcome::KeptForRefund => "kept_for_refund",
        Outcome::AlreadyPaid => "repeated",
        Outcome::Exception { kind, .. } => kind.name(),
        Outcome::AskWeChat => "weaker_signature",
    }
}

/// Counted always, logged now and then: a flood of forgeries must not fill the disk.
fn unverifiable(server: &Server, error: &NoticeError) -> Response {
    if let Some(left_out) = server.bad_notices.take(server.now()) {
        tracing::warn!(left_out, "notice refused: {error}");
    }
    counted(error.kind(), failure(StatusCode::OK, error.return_msg()))
}

fn not_written(error: &recharge::db::writer::WriteError) {
    tracing::error!(
        error = error as &dyn std::error::Error,
        "a notice could not be written; WeChat will repeat it"
    );
}

fn counted(verdict: &'static str, response: Response) -> Response {
    metrics::counter!("saoma_notices_total", "verdict" => verdict).increment(1);
    response
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

fn reply(status: StatusCode, body: String) -> Response {
    let kind = HeaderValue::from_static("text/xml; charset=utf-8");
    (status, [(header::CONTENT_TYPE, kind)], body).into_response()
}
