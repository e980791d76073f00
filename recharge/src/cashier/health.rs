//! How it goes with WeChat: whether new orders are stopped, and whether notices arrive.

use std::sync::{Mutex, PoisonError};

use wxpay::UnixMillis;

use crate::order::Proof;

/// While new orders are stopped, one in this time is tried all the same, to see whether the cause is gone.
const PROBE_EVERY_MS: i64 = 30_000;

/// So many payments known by notice in a row, and notices count as arriving.
const ARRIVING: u32 = 5;

/// Why no new orders are taken: WeChat names a mistake of ours, such as a wrong key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// WeChat's own words.
    pub reason: String,
    pub since: UnixMillis,
}

/// What the operator's page shows of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    pub stopped: Option<Stopped>,
    /// How many payments in a row were known first by a notice.
    pub by_notice_in_a_row: u32,
    /// What the last self-check found; `None` before the first one.
    pub violations: Option<u64>,
    probed_at: UnixMillis,
}

#[derive(Debug, Default)]
pub(super) struct HealthWatch(Mutex<Health>);

impl HealthWatch {
    fn with<T>(&self, change: impl FnOnce(&mut Health) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn get(&self) -> Health {
        self.with(|health| health.clone())
    }

    /// WeChat does not understand us. The first reason stands until it does again.
    pub(super) fn stop(&self, reason: &str, now: UnixMillis) {
        self.with(|health| {
            if health.stopped.is_none() {
                tracing::error!("WeChat refuses our requests ({reason}); new orders stop until it takes one");
                health.stopped = Some(Stopped { reason: reason.to_owned(), since: now });
                health.probed_at = now;
            }
        });
    }

    /// WeChat signed an answer for us, so key and merchant are right.
    pub(super) fn understood(&self) {
        self.with(|health| {
            if health.stopped.take().is_some() {
                tracing::info!("WeChat takes our requests again; new orders go on");
            }
        });
    }

    /// Why a new order must not be tried now; `None` when all is well or it is time for a probe.
    pub(super) fn refuses(&self, now: UnixMillis) -> Option<Stopped> {
        self.with(|health| {
            let stopped = health.stopped.clone()?;
            if now.minus(health.probed_at) >= PROBE_EVERY_MS {
                health.probed_at = now;
                return None;
            }
            Some(stopped)
        })
    }

    /// The self-check has looked at everything.
    pub(super) fn checked(&self, violations: u64) {
        self.with(|health| health.violations = Some(violations));
    }

    /// A payment became known.
    pub(super) fn paid(&self, proof: Proof) {
        self.with(|health| {
            health.by_notice_in_a_row = match proof {
                Proof::Notice => health.by_notice_in_a_row.saturating_add(1),
                Proof::Query => 0,
            };
        });
    }

    /// Whether notices arrive normally, so that watched orders need fewer queries.
    pub(super) fn notices_arrive(&self) -> bool {
        self.with(|health| health.by_notice_in_a_row >= ARRIVING)
    }
}
