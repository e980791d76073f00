//! Who is told of each call that ended: for measuring how WeChat does.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::channel::Protocol;
use crate::error::Error;

/// What WeChat was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// An order was placed.
    Place,
    /// An order or a payment was queried.
    Query,
    /// An order was closed.
    Close,
    /// A refund was asked for.
    Refund,
    /// Refunds were queried.
    QueryRefunds,
    /// A bill was opened; its rows come later.
    Bill,
    /// WeChat's platform certificates were read.
    Certificates,
    /// An address for a printed code was made shorter.
    ShortUrl,
}

impl Api {
    /// One word.
    pub fn name(self) -> &'static str {
        match self {
            Api::Place => "place",
            Api::Query => "query",
            Api::Close => "close",
            Api::Refund => "refund",
            Api::QueryRefunds => "query_refunds",
            Api::Bill => "bill",
            Api::Certificates => "certificates",
            Api::ShortUrl => "short_url",
        }
    }
}

/// A call that ended.
#[derive(Debug)]
pub struct Ended<'a> {
    /// What was asked for.
    pub api: Api,
    /// By which protocol.
    pub protocol: Protocol,
    /// How long it took, both hosts together.
    pub took: Duration,
    /// What it ended in, unless it succeeded.
    pub error: Option<&'a Error>,
    /// How far the clock of the host that answered was ahead of this machine's, in seconds, if it told the time; by whole
    /// seconds, and as of the last answer to this client.
    pub clock_ahead_s: Option<i64>,
}

type Told = dyn Fn(&Ended<'_>) + Send + Sync;

/// Is told of each call that ended. Without one nothing is measured.
#[derive(Clone, Default)]
pub(crate) struct Observer(Option<Arc<Told>>);

impl Observer {
    pub fn new(told: impl Fn(&Ended<'_>) + Send + Sync + 'static) -> Self {
        Observer(Some(Arc::new(told)))
    }

    /// Makes a call, and tells how it ended. `ended` finds the error in its result; `None` where nobody was called.
    pub async fn during<T>(
        &self,
        (api, protocol): (Api, Protocol),
        clock_ahead_s: impl Fn() -> Option<i64>,
        call: impl Future<Output = T>,
        ended: impl Fn(&T) -> Option<Option<&Error>>,
    ) -> T {
        let Some(told) = &self.0 else { return call.await };
        let began = Instant::now();
        let answer = call.await;
        if let Some(error) = ended(&answer) {
            told(&Ended { api, protocol, took: began.elapsed(), error, clock_ahead_s: clock_ahead_s() });
        }
        answer
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}
