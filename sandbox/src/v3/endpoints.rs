//! `/v3/*`: from HTTP to the rules and back, with the faults that the switches ask for.

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use serde_json::Value;

use crate::Sandbox;
use crate::faults::{AnswerFault, Faults};
use crate::h5;
use crate::misbehaving::answered;
use crate::v3::answers::{Answer, Answering};
use crate::v3::calls::Call;
use crate::v3::deciding::Asked;
use crate::v3::faults::Certificates;
use crate::v3::fields;
use crate::v3::head::{self, Received};
use crate::v3::keys::pairs::Owner;
use crate::v3::refused::Refused;

/// The longest body that is read, in bytes.
const BODY_LIMIT: usize = 64 * 1024;

pub fn router(sandbox: &Sandbox) -> Router {
    let answer = |State(sandbox), request| answer(sandbox, request);
    Router::new().route("/v3/{*path}", any(answer)).with_state(sandbox.clone())
}

async fn answer(sandbox: Sandbox, request: Request) -> Response {
    match Call::of(request.method().as_str(), request.uri().path()) {
        Ok(call) => {
            let faults = sandbox.faults();
            answered(&faults, sandbox.v3(&call, request, &faults)).await
        }
        Err(no_call) => StatusCode::from_u16(no_call as u16).unwrap_or(StatusCode::NOT_FOUND).into_response(),
    }
}

impl Sandbox {
    async fn v3(&self, call: &Call, request: Request, faults: &Faults) -> Response {
        let own_address = h5::own_address(&request);
        let (parts, body) = request.into_parts();
        let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
            return StatusCode::PAYLOAD_TOO_LARGE.into_response();
        };
        let url = parts.uri.path_and_query().map_or("/", |url| url.as_str());
        let received = Received { method: parts.method.as_str(), url, headers: &parts.headers, body: &body };
        let (answer, signer) = self.answer_v3(call, &received, faults, own_address).await;
        if let Answer::Refused(refused) = &answer {
            tracing::info!("{} {}: {} {}", received.method, url, refused.code, refused.message);
        }
        let now = self.0.clock.now();
        let mut state = self.state();
        let crate::State { keys, random, .. } = &mut *state;
        Answering { keys, signer, faults, random, now }.response(&answer)
    }

    /// What is answered, and the key that is to sign it.
    async fn answer_v3(
        &self,
        call: &Call,
        received: &Received<'_>,
        faults: &Faults,
        own_address: String,
    ) -> (Answer, (Owner, String)) {
        let now = self.0.clock.read();
        let keys = self.state().keys.clone();
        let (owner, serial) = match faults.v3.certificates {
            Some(Certificates::None) => keys.by_public_key(),
            _ => keys.by_certificate(),
        };
        let by_default = (owner, serial.to_owned());
        if let Err(refused) = head::check(received, self.merchant().mch_id.as_str(), &keys, now.wall) {
            return (Answer::Refused(refused), by_default);
        }
        let signer = match head::named_key(received.headers, &keys) {
            Ok(named) => named.unwrap_or(by_default),
            Err(refused) => return (Answer::Refused(refused), by_default),
        };
        let switched = self.switched(call, faults);
        if let Some(refused) = switched.clone().filter(|_| !faults.v3.after_effect) {
            return (Answer::Refused(refused), signer);
        }
        let asked = match asked(call, received, own_address, signer.0 == Owner::WeChat) {
            Ok(asked) => asked,
            Err(refused) => return (Answer::Refused(refused), signer),
        };
        let (answer, kept) = self.decide_v3(call, &asked, now);
        if !kept.on_disk().await {
            return (Answer::Refused(Refused::system_error()), signer);
        }
        let answer = match switched {
            Some(refused) => Answer::Refused(refused),
            None => answer.unwrap_or_else(Answer::Refused),
        };
        (answer, signer)
    }

    /// The refusal that a switch wants for this call.
    fn switched(&self, call: &Call, faults: &Faults) -> Option<Refused> {
        let v3 = &faults.v3;
        if v3.status.is_some() || v3.code.is_some() {
            return Some(Refused::by_switch(v3.code.as_deref().unwrap_or("SYSTEM_ERROR"), v3.status));
        }
        if let Some(code) = faults.refuse.get(call.name()) {
            return Some(Refused::by_switch(code, None));
        }
        (faults.answer == AnswerFault::SystemError).then(Refused::system_error)
    }
}

/// Reads query and body.
fn asked(
    call: &Call,
    received: &Received<'_>,
    own_address: String,
    public_key: bool,
) -> Result<Asked, Refused> {
    let body = match call {
        Call::Place(_) | Call::Close(_) | Call::Refund => read(received.headers, received.body)?,
        _ => Value::Null,
    };
    let query = fields::query(received.url.split_once('?').map(|(_, query)| query))?;
    Ok(Asked { body, query, own_address, public_key })
}

fn read(headers: &HeaderMap, body: &[u8]) -> Result<Value, Refused> {
    let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.trim().to_ascii_lowercase().starts_with("application/json") {
        return Err(Refused::header("Http头Content-Type不支持，应为application/json"));
    }
    serde_json::from_slice(body).map_err(|_| Refused::unreadable("请求的Body不是合法的JSON"))
}
