//! What stands between us and WeChat: a breaker for each kind of call, because any of them can be ill alone, and the rate
//! of orders.

use std::sync::{Mutex, MutexGuard, PoisonError};

use wxpay::{ErrCode, Error, OutTradeNo, UnixMillis};

use super::circuit_breaker::{Breaker, Call, Ill, Symptom};
use super::{Inner, PlaceError, Settings};
use crate::db::{Engine, limits};
use crate::random::Random;
use crate::rate::Rate;

#[derive(Debug)]
pub(super) struct Gate {
    pub orders: Line,
    pub queries: Line,
    pub refunds: Line,
    pub bills: Line,
    order_rate: Rate,
    /// When the next order's turn is, in this process.
    next_order_us: Mutex<i64>,
}

impl Gate {
    pub(super) fn new(settings: &Settings) -> Gate {
        Gate {
            orders: Line::new("new orders"),
            queries: Line::new("queries"),
            refunds: Line::new("refunds"),
            bills: Line::new("bills"),
            order_rate: Rate::per_second(settings.order_limit_per_s),
            next_order_us: Mutex::default(),
        }
    }
}

/// One kind of call, with its breaker.
#[derive(Debug)]
pub(super) struct Line {
    what: &'static str,
    breaker: Mutex<Breaker>,
}

impl Line {
    fn new(what: &'static str) -> Line {
        Line { what, breaker: Mutex::default() }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ill(&self) -> Option<Ill> {
        self.breaker().ill().cloned()
    }

    /// How long a call has to wait, in milliseconds; `None` if it may go now.
    pub(super) fn wait_ms(&self, now: UnixMillis) -> Option<i64> {
        self.breaker().wait_ms(now)
    }

    /// # Errors
    /// How long to wait, in milliseconds.
    pub(super) fn admit(&self, now: UnixMillis) -> Result<Call, i64> {
        self.breaker().admit(now)
    }

    /// How many of up to `limit` calls may be made at once: one while WeChat is ill, and only now and then.
    pub(super) fn admit_round(&self, limit: usize, now: UnixMillis) -> Option<(Call, usize)> {
        match self.admit(now).ok()? {
            Call::Usual => Some((Call::Usual, limit)),
            Call::Probe => Some((Call::Probe, limit.min(1))),
        }
    }

    /// A call was not made after all.
    pub(super) fn unused(&self, call: Call) {
        self.breaker().unused(call);
    }

    /// A call came back, with an answer or with this failure.
    pub(super) fn heard(&self, call: Call, failure: Option<&Error>, now: UnixMillis, random: &Random) {
        let what = self.what;
        let Some((error, symptom)) = failure.and_then(|error| Some((error, Symptom::of(error)?))) else {
            if let Some(since) = self.breaker().well() {
                let seconds = now.minus(since) / 1000;
                tracing::info!("WeChat answers again after {seconds} s; {what} go on");
            }
            return;
        };
        let [chance] = random.bytes();
        let reason = error.to_string();
        if self.breaker().failed(call, symptom, &reason, now, chance) {
            tracing::warn!("WeChat is not answering ({reason}); {what} wait, but for a probe now and then");
        }
    }
}

impl Inner {
    /// A query or a close came back.
    pub(super) fn heard_of_queries<T>(&self, call: Call, answer: Result<T, Error>) -> Result<T, Error> {
        self.gate.queries.heard(call, answer.as_ref().err(), self.clock.now(), &self.random);
        answer
    }

    /// A call about refunds came back.
    pub(super) fn heard_of_refunds<T>(&self, call: Call, answer: Result<T, Error>) -> Result<T, Error> {
        // This one is about a single refund, of an order of last month. Source: protocol A7.4.
        let of_one = |error: &&Error| error.code() == Some(&ErrCode::FrequencyLimited);
        let failure = answer.as_ref().err().filter(|error| !of_one(error));
        self.gate.refunds.heard(call, failure, self.clock.now(), &self.random);
        answer
    }

    /// Whether WeChat could be asked for a code now. Takes nothing, and asks no database.
    pub(super) fn look(&self, number: Option<&OutTradeNo>) -> Result<(), PlaceError> {
        let (gate, now) = (&self.gate, self.clock.now());
        if let Some(wait) = gate.orders.wait_ms(now) {
            return Err(ill(number, wait));
        }
        let next = *gate.next_order_us.lock().unwrap_or_else(PoisonError::into_inner);
        match gate.order_rate.free(next, now) {
            0 => Err(crowded(number, gate.order_rate.wait_ms(next, now))),
            _ => Ok(()),
        }
    }

    /// Takes a turn at unified order, under the rate that all instances share.
    pub(super) async fn enter(&self, number: Option<&OutTradeNo>) -> Result<Call, PlaceError> {
        let (gate, now) = (&self.gate, self.clock.now());
        let call = gate.orders.admit(now).map_err(|wait| ill(number, wait))?;
        let taken = match self.take_order_turn(now) {
            // SQLite has one process, which has counted already.
            None if self.db.engine() == Engine::Postgres => {
                limits::take_one(&self.db, limits::ORDERS, gate.order_rate, now).await
            }
            taken => Ok(taken),
        };
        match taken {
            Ok(None) => Ok(call),
            Ok(Some(wait)) => {
                gate.orders.unused(call);
                Err(crowded(number, wait))
            }
            Err(error) => {
                gate.orders.unused(call);
                Err(error.into())
            }
        }
    }

    /// Gives a turn back: somebody else had placed this order already.
    pub(super) fn leave(&self, call: Call) {
        self.gate.orders.unused(call);
        let mut next = self.gate.next_order_us.lock().unwrap_or_else(PoisonError::into_inner);
        *next = self.gate.order_rate.give_back(*next);
    }

    /// `None` if there was one, else how long to wait, in milliseconds.
    fn take_order_turn(&self, now: UnixMillis) -> Option<i64> {
        let rate = self.gate.order_rate;
        let mut next = self.gate.next_order_us.lock().unwrap_or_else(PoisonError::into_inner);
        if rate.free(*next, now) == 0 {
            return Some(rate.wait_ms(*next, now));
        }
        *next = rate.after(*next, now, 1);
        None
    }
}

pub(super) fn ill(number: Option<&OutTradeNo>, wait_ms: i64) -> PlaceError {
    PlaceError::Ill { out_trade_no: number.cloned(), wait_s: seconds(wait_ms) }
}

fn crowded(number: Option<&OutTradeNo>, wait_ms: i64) -> PlaceError {
    PlaceError::Crowded { out_trade_no: number.cloned(), wait_s: seconds(wait_ms) }
}

fn seconds(wait_ms: i64) -> u32 {
    u32::try_from((wait_ms.max(1) + 999) / 1000).unwrap_or(u32::MAX)
}
