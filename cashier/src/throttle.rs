//! Outbound limits: one circuit breaker per protocol and group of WeChat's endpoints, because each of them can fail alone, and
//! the rate limit of unified orders.

use std::sync::{Mutex, MutexGuard, PoisonError};

use wxpay::client::Client;
use wxpay::{ErrCode, Error, Protocol, UnixMillis};

use crate::circuit_breaker::{Breaker, Call, Failure, Outage};
use crate::db::DbError;
use crate::db::{Db, Engine, limits};
use crate::random::Random;
use crate::rate::Rate;

/// What is asked of WeChat. Each kind fails alone, and in each protocol alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// New orders, and new tickets of open ones.
    Orders,
    /// Queries and closes of orders.
    Queries,
    /// Refunds and their queries.
    Refunds,
    /// Bills of past days.
    Bills,
}

impl CallKind {
    /// All four.
    pub const ALL: [CallKind; 4] = [CallKind::Orders, CallKind::Queries, CallKind::Refunds, CallKind::Bills];

    /// The word in the log and in the metrics.
    pub fn name(self) -> &'static str {
        match self {
            CallKind::Orders => "orders",
            CallKind::Queries => "queries",
            CallKind::Refunds => "refunds",
            CallKind::Bills => "bills",
        }
    }
}

/// The limits of one cashier.
#[derive(Debug)]
pub(crate) struct Throttle {
    v2: [CallGroup; 4],
    v3: [CallGroup; 4],
    order_rate: Rate,
    /// When this process may send its next unified order, Unix microseconds.
    next_order_us: Mutex<i64>,
}

/// A round of background calls that the breakers admit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Round {
    /// By which protocols its calls go.
    asked_by: Vec<Protocol>,
    /// The own protocol of the orders or refunds that it may take; `None` if it may take all.
    pub only: Option<Protocol>,
    pub call: Call,
    /// At most so many.
    pub limit: usize,
}

/// A call that may not be made yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait {
    /// Time until it is worth another try, in milliseconds.
    pub ms: i64,
    pub why: Why,
}

/// Why a call has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The breaker is open.
    Outage,
    /// The rate limit is used up.
    RateLimited,
}

impl Wait {
    pub(crate) fn seconds(self) -> u32 {
        whole_seconds(self.ms)
    }
}

/// A wait in whole seconds, rounded up, at least one.
pub(crate) fn whole_seconds(ms: i64) -> u32 {
    u32::try_from((ms.max(1) + 999) / 1000).unwrap_or(u32::MAX)
}

fn outage(ms: i64) -> Wait {
    Wait { ms, why: Why::Outage }
}

fn rate_limited(ms: i64) -> Wait {
    Wait { ms, why: Why::RateLimited }
}

impl Throttle {
    pub(crate) fn new(order_limit_per_s: u32) -> Throttle {
        Throttle {
            v2: CallKind::ALL.map(|kind| CallGroup::new(kind, Protocol::V2)),
            v3: CallKind::ALL.map(|kind| CallGroup::new(kind, Protocol::V3)),
            order_rate: Rate::per_second(order_limit_per_s),
            next_order_us: Mutex::default(),
        }
    }

    /// The endpoints of this kind of call in this protocol.
    pub(crate) fn group(&self, kind: CallKind, by: Protocol) -> &CallGroup {
        let groups = match by {
            Protocol::V2 => &self.v2,
            Protocol::V3 => &self.v3,
        };
        &groups[kind as usize]
    }

    /// The open breakers.
    pub(crate) fn outages(&self) -> Vec<OpenBreaker> {
        let open = |group: &CallGroup| {
            let outage = group.breaker().outage()?.clone();
            Some(OpenBreaker { calls: group.kind, by: group.by, outage })
        };
        self.v2.iter().chain(&self.v3).filter_map(open).collect()
    }

    /// The rounds of background calls that may be made now: one for all protocols whose breaker is closed, and a single probe
    /// for each whose breaker is half-open. What is due in a protocol whose breaker is open is left alone, and takes nothing of
    /// the rate that the other one's needs.
    pub(crate) fn rounds(
        &self,
        kind: CallKind,
        wechat: &Client,
        limit: usize,
        now: UnixMillis,
    ) -> Vec<Round> {
        let both = [Protocol::V2, Protocol::V3];
        let is_spoken = |by: &Protocol| both.iter().any(|own| wechat.instead(*own) == *by);
        let spoken: Vec<_> = both.into_iter().filter(is_spoken).collect();
        let round = |asked_by: Vec<Protocol>, call, limit| {
            let is_all = asked_by.len() == spoken.len();
            let only = asked_by.first().copied().filter(|_| !is_all);
            Round { asked_by, only, call, limit }
        };
        let (mut usual, mut rounds) = (Vec::new(), Vec::new());
        for by in &spoken {
            match self.group(kind, *by).admit(now) {
                Ok(Call::Usual) => usual.push(*by),
                Ok(Call::Probe) => rounds.push(round(vec![*by], Call::Probe, limit.min(1))),
                Err(_) => {}
            }
        }
        if !usual.is_empty() {
            rounds.push(round(usual, Call::Usual, limit));
        }
        rounds
    }

    /// The calls of an admitted round were not made.
    pub(crate) fn release_round(&self, kind: CallKind, round: &Round) {
        for by in &round.asked_by {
            self.group(kind, *by).release(round.call);
        }
    }

    /// What an admitted round claimed in the database, which is added to `total`, as is an error. The breakers get back the calls
    /// of a round that claimed nothing.
    pub(crate) fn claimed<T>(
        &self,
        kind: CallKind,
        round: &Round,
        claimed: Result<Vec<T>, DbError>,
        total: &mut Result<usize, DbError>,
    ) -> Vec<T> {
        let claimed = claimed.unwrap_or_else(|error| {
            *total = Err(error);
            Vec::new()
        });
        if claimed.is_empty() {
            self.release_round(kind, round);
        }
        if let Ok(total) = total {
            *total += claimed.len();
        }
        claimed
    }

    /// Whether a unified order could be sent now by this protocol. Takes nothing and does not touch the database.
    pub(crate) fn check(&self, by: Protocol, now: UnixMillis) -> Result<(), Wait> {
        if let Some(ms) = self.group(CallKind::Orders, by).wait_ms(now) {
            return Err(outage(ms));
        }
        let next = *self.next_order();
        match self.order_rate.free(next, now) {
            0 => Err(rate_limited(self.order_rate.wait_ms(next, now))),
            _ => Ok(()),
        }
    }

    /// Takes one unified order out of the rate that all instances share.
    ///
    /// # Errors
    /// The database's; the inner error is how long to wait.
    pub(crate) async fn acquire(
        &self,
        by: Protocol,
        db: &Db,
        now: UnixMillis,
    ) -> Result<Result<Call, Wait>, DbError> {
        let orders = self.group(CallKind::Orders, by);
        let call = match orders.admit(now) {
            Ok(call) => call,
            Err(ms) => return Ok(Err(outage(ms))),
        };
        let taken = match self.take_order(now) {
            // SQLite serves one process, which has counted already.
            None if db.engine() == Engine::Postgres => {
                limits::take_one(db, limits::ORDERS, self.order_rate, now).await
            }
            taken => Ok(taken),
        };
        if !matches!(taken, Ok(None)) {
            orders.release(call);
        }
        Ok(match taken? {
            None => Ok(call),
            Some(ms) => Err(rate_limited(ms)),
        })
    }

    /// Takes one query for a person out of the rate that background work of all instances shares.
    ///
    /// # Errors
    /// The database's; the inner error is how long to wait.
    pub(crate) async fn acquire_query(
        &self,
        db: &Db,
        rate: Rate,
        now: UnixMillis,
    ) -> Result<Result<(), Wait>, DbError> {
        let shared = db.clone();
        let taken = async move { limits::take_one(&shared, limits::QUERIES, rate, now).await };
        Ok(match db.run_to_completion(taken).await? {
            None => Ok(()),
            Some(ms) => Err(rate_limited(ms)),
        })
    }

    /// Gives back what [`Throttle::acquire`] took: the call is not made.
    pub(crate) fn release_order(&self, by: Protocol, call: Call) {
        self.group(CallKind::Orders, by).release(call);
        let mut next = self.next_order();
        *next = self.order_rate.give_back(*next);
    }

    /// `None` if this process had one left, else how long to wait, in milliseconds.
    fn take_order(&self, now: UnixMillis) -> Option<i64> {
        let (rate, mut next) = (self.order_rate, self.next_order());
        if rate.free(*next, now) == 0 {
            return Some(rate.wait_ms(*next, now));
        }
        *next = rate.after(*next, now, 1);
        None
    }

    fn next_order(&self) -> MutexGuard<'_, i64> {
        self.next_order_us.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the breaker of refunds by this protocol how a call ended.
    pub(crate) fn record_refund(
        &self,
        by: Protocol,
        call: Call,
        failure: Option<&Error>,
        now: UnixMillis,
        random: &Random,
    ) {
        // WeChat says FREQUENCY_LIMITED of a single refund, of an order of last month: no outage.
        // Source: WeChat Pay, native.php?chapter=9_4
        let failure = failure.filter(|error| error.code() != Some(&ErrCode::FrequencyLimited));
        self.group(CallKind::Refunds, by).record(call, failure, now, random);
    }
}

/// One kind of call by one protocol whose breaker is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenBreaker {
    pub calls: CallKind,
    pub by: Protocol,
    pub outage: Outage,
}

/// WeChat's endpoints for one kind of call in one protocol, behind one circuit breaker.
#[derive(Debug)]
pub(crate) struct CallGroup {
    kind: CallKind,
    by: Protocol,
    breaker: Mutex<Breaker>,
}

impl CallGroup {
    fn new(kind: CallKind, by: Protocol) -> CallGroup {
        CallGroup { kind, by, breaker: Mutex::default() }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long a call has to wait, in milliseconds; `None` if it may go now.
    pub(crate) fn wait_ms(&self, now: UnixMillis) -> Option<i64> {
        self.breaker().wait_ms(now)
    }

    /// # Errors
    /// How long to wait, in milliseconds.
    pub(crate) fn admit(&self, now: UnixMillis) -> Result<Call, i64> {
        self.breaker().admit(now)
    }

    /// A call that was admitted was not made.
    pub(crate) fn release(&self, call: Call) {
        self.breaker().release(call);
    }

    /// A call ended, with an answer or with this failure.
    pub(crate) fn record(&self, call: Call, failure: Option<&Error>, now: UnixMillis, random: &Random) {
        let (calls, by) = (self.kind.name(), self.by);
        let Some((error, failure)) = failure.and_then(|error| Some((error, Failure::of(error)?))) else {
            if let Some(since) = self.breaker().closed() {
                let seconds = now.minus(since) / 1000;
                tracing::info!("WeChat answers again after {seconds} s; {calls} by {by} go on");
            }
            return;
        };
        let [chance] = random.bytes();
        let reason = error.to_string();
        if self.breaker().failed(call, failure, &reason, now, chance) {
            tracing::warn!("WeChat does not answer ({reason}); {calls} by {by} wait, except for probes");
        }
    }
}
