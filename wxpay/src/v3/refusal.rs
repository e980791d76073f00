//! What an answer with another status than 200 and 204 says. Only some of them are signed.
//! Source: WeChat Pay, 错误码和错误提示 (APIv3).

use super::ANSWER_LIMIT;
use super::json::Object;
use crate::error::{ErrClass, ErrCode, Error};
use crate::printable::printable;

/// What was asked for, where one word of WeChat's means two things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A refund: a resource that does not exist is the order.
    Refund,
    /// The state of a refund: a resource that does not exist is the refund.
    RefundState,
    /// Anything else.
    Other,
}

#[cfg(feature = "client")]
impl crate::transport::Reply<Vec<u8>> {
    /// The error that this answer is.
    pub(crate) fn refusal(&self, asked: Asked) -> Error {
        let request_id = self.headers.get("request-id").and_then(|value| value.to_str().ok());
        read(asked, self.status.as_u16(), &self.body, request_id)
    }
}

/// The error that an answer is: `status` is its HTTP status, `body` its raw bytes, `request_id` its `Request-ID`, which is
/// kept in the text, because WeChat's support asks for it. A 4xx with signature headers must have been verified before.
pub fn read(asked: Asked, status: u16, body: &[u8], request_id: Option<&str>) -> Error {
    let message = Object::read(body, ANSWER_LIMIT).ok();
    let text = |name| message.as_ref().and_then(|message| message.present(name).ok().flatten());
    let mut said = printable(text("message").unwrap_or_default(), 128);
    if let Some(id) = request_id {
        said.push_str(&format!(" (Request-ID {})", printable(id, 64)));
    }
    match (status, text("code")) {
        (202, _) => Error::NotFinished,
        // The signature of the request, or who it is from: our mistake, or a clock that is wrong.
        (401, code) => {
            let code = code.map(|code| printable(code, 64)).unwrap_or_default();
            Error::NotUnderstood { return_msg: format!("HTTP 401 {code} {said}") }
        }
        (400..=599, Some(word)) => {
            let code = meaning(asked, status, &printable(word, 64));
            Error::Refused { code, err_code_des: said }
        }
        // Not WeChat's application: an address that it does not know, or something on the way.
        (429, None) => Error::Refused { code: ErrCode::FrequencyLimited, err_code_des: said },
        (400..=499, None) => Error::NotUnderstood { return_msg: format!("HTTP {status} {said}") },
        (status, _) => Error::Status(status),
    }
}

fn meaning(asked: Asked, status: u16, word: &str) -> ErrCode {
    let code = match (asked, word.replace('_', "").as_str()) {
        (Asked::RefundState, "RESOURCENOTEXISTS" | "REFUNDNOTEXISTS") => ErrCode::RefundNotExist,
        (Asked::Refund, "RESOURCENOTEXISTS") => ErrCode::OrderNotExist,
        _ => ErrCode::parse(word),
    };
    // What the table does not have is told by the status.
    match (status, code.class()) {
        (429, class) if class != ErrClass::Wait => ErrCode::FrequencyLimited,
        (500..=599, _) if matches!(code, ErrCode::Other(_)) => ErrCode::SystemError,
        _ => code,
    }
}
