//! Outbound limits: one circuit breaker per group of WeChat's endpoints, because each group can fail alone, and the rate
//! limit of unified orders.

use std::sync::{Mutex, MutexGuard, PoisonError};

use wxpay::{ErrCode, Error, UnixMillis};

use crate::circuit_breaker::{Breaker, Call, Failure, Outage};
use crate::db::DbError;
use crate::db::{Db, Engine, limits};
use crate::random::Random;
use crate::rate::Rate;

/// The limits of one cashier.
#[derive(Debug)]
pub(crate) struct Throttle {
    pub orders: CallGroup,
    pub queries: CallGroup,
    pub refunds: CallGroup,
    pub bills: CallGroup,
    order_rate: Rate,
    /// When this process may send its next unified order, Unix microseconds.
    next_order_us: Mutex<i64>,
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
            orders: CallGroup::new("new orders"),
            queries: CallGroup::new("queries"),
            refunds: CallGroup::new("refunds"),
            bills: CallGroup::new("bills"),
            order_rate: Rate::per_second(order_limit_per_s),
            next_order_us: Mutex::default(),
        }
    }

    /// Whether a unified order could be sent now. Takes nothing and does not touch the database.
    pub(crate) fn check(&self, now: UnixMillis) -> Result<(), Wait> {
        if let Some(ms) = self.orders.wait_ms(now) {
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
    pub(crate) async fn acquire(&self, db: &Db, now: UnixMillis) -> Result<Result<Call, Wait>, DbError> {
        let call = match self.orders.admit(now) {
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
            self.orders.release(call);
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
    pub(crate) fn release(&self, call: Call) {
        self.orders.release(call);
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

    /// Tells the breaker of refunds how a call ended.
    pub(crate) fn record_refund(
        &self,
        call: Call,
        failure: Option<&Error>,
        now: UnixMillis,
        random: &Random,
    ) {
        // WeChat says FREQUENCY_LIMITED of a single refund, of an order of last month: no outage.
        // Source: WeChat Pay, native.php?chapter=9_4
        let failure = failure.filter(|error| error.code() != Some(&ErrCode::FrequencyLimited));
        self.refunds.record(call, failure, now, random);
    }
}

/// One group of WeChat's endpoints, behind one circuit breaker.
#[derive(Debug)]
pub(crate) struct CallGroup {
    name: &'static str,
    breaker: Mutex<Breaker>,
}

impl CallGroup {
    fn new(name: &'static str) -> CallGroup {
        CallGroup { name, breaker: Mutex::default() }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The outage that keeps the breaker open.
    pub(crate) fn outage(&self) -> Option<Outage> {
        self.breaker().outage().cloned()
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

    /// How many of up to `limit` calls may be made at once: only one probe while the breaker is half-open.
    pub(crate) fn admit_round(&self, limit: usize, now: UnixMillis) -> Option<(Call, usize)> {
        match self.admit(now).ok()? {
            Call::Usual => Some((Call::Usual, limit)),
            Call::Probe => Some((Call::Probe, limit.min(1))),
        }
    }

    /// A call that was admitted was not made.
    pub(crate) fn release(&self, call: Call) {
        self.breaker().release(call);
    }

    /// A call ended, with an answer or with this failure.
    pub(crate) fn record(&self, call: Call, failure: Option<&Error>, now: UnixMillis, random: &Random) {
        let name = self.name;
        let Some((error, failure)) = failure.and_then(|error| Some((error, Failure::of(error)?))) else {
            if let Some(since) = self.breaker().closed() {
                let seconds = now.minus(since) / 1000;
                tracing::info!("WeChat answers again after {seconds} s; {name} go on");
            }
            return;
        };
        let [chance] = random.bytes();
        let reason = error.to_string();
        if self.breaker().failed(call, failure, &reason, now, chance) {
            tracing::warn!("WeChat does not answer ({reason}); {name} wait, except for probes");
        }
    }
}
