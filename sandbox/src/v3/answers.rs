//! Answers of API v3 as HTTP: status, `Request-ID`, and the headers of the signature.
//! Source: WeChat Pay, API v3 (基本规则, 签名验证).

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::Value;
use wxpay::UnixMillis;

use crate::bills;
use crate::faults::{AnswerFault, Faults};
use crate::numbers;
use crate::random::Random;
use crate::v3::bills::File;
use crate::v3::head;
use crate::v3::keys::Keys;
use crate::v3::keys::pairs::Owner;
use crate::v3::refused::Refused;
use crate::v3::signed::Signature;

/// What a call is answered with.
#[derive(Debug)]
pub enum Answer {
    Json(Value),
    /// 204.
    Nothing,
    /// A bill, which is not signed: its hash was.
    File(File),
    Refused(Refused),
}

/// What an answer is made with.
#[derive(Debug)]
pub struct Answering<'a> {
    pub keys: &'a Keys,
    pub signer: (Owner, String),
    pub faults: &'a Faults,
    pub random: &'a mut Random,
    pub now: UnixMillis,
}

impl Answering<'_> {
    /// Everything is signed but bill files and what was not proved to come from the merchant.
    pub fn response(mut self, answer: &Answer) -> Response<Body> {
        let (status, kind, body) = match answer {
            Answer::Json(reply) => (200, JSON, reply.to_string().into_bytes()),
            Answer::Nothing => (204, "", Vec::new()),
            Answer::File(file) if file.is_gzip => match bills::gzip(&file.text) {
                Some(packed) => (200, "application/x-gzip", packed),
                None => (500, "", Vec::new()),
            },
            Answer::File(file) => (200, "text/plain; charset=utf-8", file.text.clone().into_bytes()),
            Answer::Refused(refused) => (refused.status, JSON, refused.body().to_string().into_bytes()),
        };
        let number = if let Answer::Refused(refused) = answer { refused.number } else { 0 };
        let request_id = format!("08{}-{number}", self.random.letters(b"0123456789ABCDEF", 40));
        let mut headers = vec![("Request-ID".to_owned(), request_id)];
        if !kind.is_empty() {
            headers.push((header::CONTENT_TYPE.to_string(), kind.to_owned()));
        }
        if !matches!(answer, Answer::File(_)) && status != 401 && !self.is_unsigned() {
            headers.extend(self.signature(&body));
        }
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in headers.into_iter().filter(|(name, _)| !self.faults.v3.drops(name)) {
            let name = HeaderName::try_from(name);
            if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }

    fn is_unsigned(&self) -> bool {
        self.faults.v3.unsigned || self.faults.answer == AnswerFault::Unsigned
    }

    fn signature(&mut self, body: &[u8]) -> Vec<(String, String)> {
        let v3 = &self.faults.v3;
        let at = self.now.plus_ms(v3.timestamp_s.saturating_mul(1000));
        let nonce = numbers::mixed(self.random, 32);
        let mut signature = Signature::new((self.signer.0, &self.signer.1), at, nonce, body);
        signature.serial = head::stated_serial(v3.answer_serial, &self.signer.1, self.keys, self.random);
        if self.random.chance(v3.signtest) {
            signature.spoil();
        }
        signature.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }
}

const JSON: &str = "application/json; charset=utf-8";
