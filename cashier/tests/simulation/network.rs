//! The network between a process and WeChat. Every call stops twice, before WeChat reads it and before its answer is read,
//! until the world decides its fate: so any event can happen in between, in the same order for the same seed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use sandbox::{AnswerFault, Faults, Sandbox, V3Faults, WrongSerial};
use tokio::sync::oneshot;
use tower::ServiceExt;

use crate::wire::{Answer, Call};

/// What becomes of a call at one of its two stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Pass,
    /// Gone on its way; the caller learns nothing.
    Lost,
    /// WeChat is ill (at the first stop only).
    Ill(AnswerFault),
    /// WeChat does what it is asked for, and signs its answer wrongly: API v3 only (at the first stop only).
    Missigned(Missigned),
    /// Only so many bytes of the answer arrive (at the second stop only).
    Cut(usize),
    /// This byte of the answer arrives as another one.
    Twisted(usize),
}

/// How a signature is none that may be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missigned {
    /// WeChat tests whether signatures are checked.
    Probe,
    /// It is older than any clock here is wrong.
    Stale,
    /// It names another key of WeChat's than the one that made it.
    OtherKey,
}

/// Added to the timestamp of a stale answer, in seconds: an hour more than the 24 h by which a simulated clock is off at most.
const STALE_S: i64 = -25 * 3600;

impl Missigned {
    fn faults(self) -> V3Faults {
        let none = V3Faults::default();
        match self {
            Missigned::Probe => V3Faults { signtest: 1.0, ..none },
            Missigned::Stale => V3Faults { timestamp_s: STALE_S, ..none },
            Missigned::OtherKey => V3Faults { answer_serial: Some(WrongSerial::Other), ..none },
        }
    }
}

/// A call that stands still.
#[derive(Debug)]
pub struct Held {
    pub call: Call,
    /// WeChat's answer; `None` before WeChat has read the call.
    pub answer: Option<Answer>,
    go: oneshot::Sender<Fate>,
}

impl Held {
    pub fn release(self, fate: Fate) {
        // Nobody waits any more where the process has died.
        let _ = self.go.send(fate);
    }
}

/// A call and its answer, which arrived.
pub type Answered = (Call, Answer);

#[derive(Debug, Clone)]
pub struct Network {
    held: Arc<Mutex<Vec<Held>>>,
    /// Nothing stands still any more; what went through is kept here.
    open: Arc<Mutex<Option<Vec<Answered>>>>,
    /// The orders that WeChat was asked for meanwhile, whether or not its answer arrived.
    sent: Arc<Mutex<Vec<String>>>,
    /// Whether the process really has to wait, also when nothing stands still.
    slow: Arc<AtomicBool>,
    sandbox: Sandbox,
}

impl Network {
    pub fn new(sandbox: Sandbox) -> Network {
        Network {
            held: Arc::default(),
            open: Arc::default(),
            sent: Arc::default(),
            slow: Arc::default(),
            sandbox,
        }
    }

    /// What the process takes for WeChat.
    pub fn router(&self) -> Router {
        Router::new().fallback(call).with_state(self.clone())
    }

    pub fn held(&self) -> MutexGuard<'_, Vec<Held>> {
        self.held.lock().unwrap()
    }

    /// From now on every call goes through by itself.
    pub fn open(&self) {
        *self.open.lock().unwrap() = Some(Vec::new());
    }

    /// From now on each call takes a moment, or no longer.
    pub fn set_slow(&self, slow: bool) {
        self.slow.store(slow, Ordering::SeqCst);
    }

    pub fn is_open(&self) -> bool {
        self.open.lock().unwrap().is_some()
    }

    /// Calls stand still again.
    pub fn close(&self) {
        *self.open.lock().unwrap() = None;
    }

    /// What went through since this was asked last.
    pub fn passed(&self) -> Vec<Answered> {
        self.open.lock().unwrap().as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The orders that WeChat was asked for since this was asked last.
    pub fn sent(&self) -> Vec<String> {
        std::mem::take(&mut self.sent.lock().unwrap())
    }

    #[allow(clippy::disallowed_methods, reason = "cuts of crash.rs run on the machine's time")]
    async fn hold(&self, call: &Call, answer: Option<&Answer>) -> Fate {
        if self.open.lock().unwrap().is_some() {
            if self.slow.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            if answer.is_none() && call.places() {
                self.sent.lock().unwrap().push(call.number.clone());
            }
            let answer = answer.map(|answer| (call.clone(), answer.clone()));
            self.open.lock().unwrap().iter_mut().for_each(|passed| passed.extend(answer.clone()));
            return Fate::Pass;
        }
        let (go, gone) = oneshot::channel();
        let held = Held { call: call.clone(), answer: answer.cloned(), go };
        self.held().push(held);
        gone.await.unwrap_or(Fate::Lost)
    }
}

async fn call(State(network): State<Network>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    let call = Call::read(&parts.method, path, query, &body);
    let (answer, v3) = match network.hold(&call, None).await {
        Fate::Pass => (AnswerFault::Ok, None),
        Fate::Ill(fault) => (fault, None),
        Fate::Missigned(how) => (AnswerFault::Ok, Some(how)),
        _ => return nothing(),
    };
    let before = network.sandbox.faults();
    let of_v3 = v3.map_or_else(|| before.v3.clone(), Missigned::faults);
    network.sandbox.set_faults(Faults { answer, v3: of_v3, ..before.clone() });
    let request = Request::from_parts(parts, Body::from(body));
    let Ok(response) = network.sandbox.router().oneshot(request).await;
    network.sandbox.set_faults(before);
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    let answer = Answer::new(&call, parts.status, &parts.headers, body, v3.is_some());
    let fate = network.hold(&call, Some(&answer)).await;
    let mut body = answer.body;
    match fate {
        Fate::Pass => {}
        // Of an answer without a body nothing arrives.
        Fate::Cut(_) | Fate::Twisted(_) if body.is_empty() => return nothing(),
        Fate::Cut(bytes) => body.truncate(bytes % body.len()),
        Fate::Twisted(byte) => {
            let byte = byte % body.len();
            body[byte] = if body[byte] == b'7' { b'8' } else { b'7' };
        }
        _ => return nothing(),
    }
    Response::from_parts(parts, Body::from(body))
}

/// What a proxy says when the host behind it is silent.
fn nothing() -> Response {
    StatusCode::GATEWAY_TIMEOUT.into_response()
}
