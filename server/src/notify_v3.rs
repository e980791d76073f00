//! WeChat's notices by API v3 (`POST /wxpay/v3/notify` for payments, `/wxpay/v3/refund-notify` for refunds): verified,
//! committed, and only then acknowledged. What a notice is says its signed text, not the address that it came to.

use std::time::{Duration, Instant};

use app::access::Routes;
use axum::{
    Extension,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use cashier::{NoticeAnswer, RefundNoticeAnswer};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::time::timeout;
use wxpay::{
    Protocol,
    v3::notice::{self, FAIL, Notice, NoticeError},
};

use crate::{
    client_addr::ClientAddr,
    notify::{CONFIRM_WITHIN, NOTICE, WECHAT, count, count_refund, not_written, refused, told, whole, word},
    state::{Server, WRITE_WITHIN},
};

pub(crate) fn routes() -> Routes<Server> {
    Routes::new().post("/wxpay/v3/notify", WECHAT, NOTICE, receive).post(
        "/wxpay/v3/refund-notify",
        WECHAT,
        NOTICE,
        receive,
    )
}

async fn receive(
    State(server): State<Server>,
    Extension(ClientAddr(from)): Extension<ClientAddr>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let began = Instant::now();
    let read = match whole(body).await {
        Some(body) => read(&server, &headers, &body).await,
        None => Err(Refusal::Notice(NoticeError::TooLarge)),
    };
    if read.is_ok() {
        server.cashier.notice_came(Protocol::V3);
    }
    let from = from.to_string();
    match read {
        Ok(Notice::Paid(payment)) => {
            let number = payment.out_trade_no.clone();
            let settled = timeout(WRITE_WITHIN, server.cashier.credit_payment(payment, &from)).await;
            let (verdict, response) =
                match settled.ok().and_then(|settled| settled.inspect_err(not_written).ok()) {
                    Some(NoticeAnswer::Success(outcome)) => (word(&outcome), taken()),
                    Some(NoticeAnswer::Fail(outcome)) => (word(&outcome), fail()),
                    None => ("not_written", fail()),
                };
            told(Protocol::V3, number.as_str(), verdict, began);
            counted(verdict, response)
        }
        Ok(Notice::NotPaid { out_trade_no, state, .. }) => {
            let recorded =
                timeout(WRITE_WITHIN, server.cashier.not_paid(&out_trade_no, state.as_str())).await;
            let (verdict, response) =
                match recorded.ok().and_then(|recorded| recorded.inspect_err(not_written).ok()) {
                    Some(()) => ("not_paid", taken()),
                    None => ("not_written", fail()),
                };
            told(Protocol::V3, out_trade_no.as_str(), verdict, began);
            counted(verdict, response)
        }
        Ok(Notice::Refund(notice)) => {
            let number = notice.out_refund_no.clone();
            let settled = server.cashier.take_signed_refund_notice(notice, &from);
            let settled = timeout(CONFIRM_WITHIN, settled).await;
            let (verdict, response) =
                match settled.ok().and_then(|settled| settled.inspect_err(not_written).ok()) {
                    Some(RefundNoticeAnswer::Success) => ("taken", taken()),
                    Some(RefundNoticeAnswer::Fail) => ("unconfirmed", fail()),
                    None => ("not_written", fail()),
                };
            told(Protocol::V3, number.as_str(), verdict, began);
            counted_refund(verdict, response)
        }
        // WeChat may send what we do not know yet; a refusal would only make it send that again.
        Ok(Notice::Other { id, event }) => {
            tracing::info!("the notice {id} of {event} is of no use here");
            counted("other_event", taken())
        }
        Err(refusal) => {
            refused(&server, &refusal);
            // WeChat did sign it: a query decides what this one failed to say.
            if let Refusal::Notice(NoticeError::BadField { out_trade_no: Some(number), .. }) = &refusal {
                server.cashier.query_soon(number);
            }
            counted(refusal.kind(), refusal.response())
        }
    }
}

/// Why a notice is not taken.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("a notice of API v3 came, and SAOMA_WECHAT_APIV3_KEY is not set")]
    NoCredentials,
    #[error("WeChat's certificates cannot be fetched: {0}")]
    NoKeys(String),
    #[error("{}", cashier::error_chain::error_chain(.0))]
    Notice(NoticeError),
}

impl Refusal {
    fn kind(&self) -> &'static str {
        match self {
            Refusal::NoCredentials => "no_credentials",
            Refusal::NoKeys(_) => "no_keys",
            Refusal::Notice(error) => error.kind(),
        }
    }

    fn response(&self) -> Response {
        match self {
            Refusal::NoCredentials | Refusal::NoKeys(_) => fail(),
            Refusal::Notice(error) => {
                let status =
                    StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                failure(status, error.body())
            }
        }
    }
}

async fn read(server: &Server, headers: &HeaderMap, body: &[u8]) -> Result<Notice, Refusal> {
    let v3 = server.wechat.v3_credentials().map_err(|_| Refusal::NoCredentials)?;
    let header = |name| headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let read = || notice::read(header, body, &v3.merchant, &v3.keys, server.now());
    let error = match read() {
        Ok(notice) => return Ok(notice),
        Err(error) => error,
    };
    // WeChat signs with a new certificate from one day to the next. It is fetched at once, and not more than once a minute.
    let NoticeError::BadSignature(signature) = &error else { return Err(Refusal::Notice(error)) };
    let Some(serial) = signature.unknown_certificate() else { return Err(Refusal::Notice(error)) };
    let problem = match timeout(LEARN_WITHIN, server.cashier.learn_wechat_key(&serial)).await {
        Ok(Ok(true)) => None,
        Ok(Ok(false)) => return Err(Refusal::Notice(error)),
        Ok(Err(error)) => Some(cashier::error_chain::error_chain(&error)),
        Err(_) => Some(format!("no answer within {} s", LEARN_WITHIN.as_secs())),
    };
    // Certificates are used from memory before they are stored: a database that is slow to store them refuses no notice.
    read().map_err(|error| match (problem, &error) {
        (Some(problem), NoticeError::BadSignature(signature))
            if signature.unknown_certificate().is_some() =>
        {
            Refusal::NoKeys(problem)
        }
        _ => Refusal::Notice(error),
    })
}

/// How long a notice waits for WeChat's new certificate. WeChat waits 5 s for the answer.
const LEARN_WITHIN: Duration = Duration::from_secs(3);

fn counted(verdict: &'static str, response: Response) -> Response {
    count(Protocol::V3, verdict);
    response
}

fn counted_refund(verdict: &'static str, response: Response) -> Response {
    count_refund(Protocol::V3, verdict);
    response
}

fn taken() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

fn fail() -> Response {
    failure(StatusCode::INTERNAL_SERVER_ERROR, FAIL)
}

fn failure(status: StatusCode, body: &'static str) -> Response {
    let kind = HeaderValue::from_static("application/json; charset=utf-8");
    (status, [(header::CONTENT_TYPE, kind)], body).into_response()
}
