//! Who is told of each call that ended: for measuring how WeChat does.

use std::cell::RefCell;
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
    /// Its HTTP requests, in their order: none in process, several where a host failed, the key is being changed, or WeChat's
    /// certificates had to be read first.
    pub exchanges: Vec<Exchange>,
}

/// One HTTP request of a call.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Its method.
    pub method: &'static str,
    /// The path with names in the place of numbers, such as `/v3/pay/transactions/id/{transaction_id}`.
    pub template: String,
    /// Whom it went to.
    pub host: String,
    /// On which port.
    pub port: Option<u16>,
    /// What it said in the header `traceparent`.
    pub traceparent: Option<String>,
    /// When it was sent.
    pub began: Instant,
    /// Until the head of its answer was there, or nobody waited any longer.
    pub took: Duration,
    /// The status of the answer, if one came.
    pub status: Option<u16>,
}

tokio::task_local! {
    /// Those of the call that this task makes.
    static EXCHANGES: RefCell<Vec<Exchange>>;
}

/// A request that is under way. It counts for the call of this task when it is dropped, however that comes.
#[derive(Debug)]
pub(crate) struct UnderWay(pub Exchange);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.took = self.0.began.elapsed();
        // Outside of a call that is observed nobody wants to know.
        let _ = EXCHANGES.try_with(|exchanges| exchanges.borrow_mut().push(self.0.clone()));
    }
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
        let exchanges = async { (call.await, EXCHANGES.with(RefCell::take)) };
        let (answer, exchanges) = EXCHANGES.scope(RefCell::default(), exchanges).await;
        if let Some(error) = ended(&answer) {
            let took = began.elapsed();
            told(&Ended { api, protocol, took, error, clock_ahead_s: clock_ahead_s(), exchanges });
        }
        answer
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}
