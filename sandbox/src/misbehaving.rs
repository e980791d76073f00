//! Answers that are none: silence and pages of a server in trouble, as the switch `answer` wants them.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use crate::faults::{AnswerFault, Faults};

/// How long a call without answer hangs: longer than any client waits.
const SILENCE: Duration = Duration::from_secs(30);

/// What a call is answered with: `answer`, which does it, or what a switch puts in its place.
pub async fn answered(faults: &Faults, answer: impl Future<Output = Response>) -> Response {
    let response = match faults.answer {
        AnswerFault::Timeout => silence().await,
        AnswerFault::Http500 => (StatusCode::INTERNAL_SERVER_ERROR, Html(GARBAGE_500)).into_response(),
        AnswerFault::Garbage => Html(GARBAGE).into_response(),
        AnswerFault::TimeoutAfter => {
            answer.await;
            silence().await
        }
        AnswerFault::Ok | AnswerFault::Unsigned | AnswerFault::SystemError => answer.await,
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
