//! State of the connection to WeChat: whether new orders are stopped, and whether notices arrive.

use std::sync::{Mutex, PoisonError};

use wxpay::{Error, Protocol, UnixMillis};

use crate::throttle::OpenBreaker;
use recharge::order::Proof;

/// While new orders are stopped, interval between two orders that are tried all the same, in milliseconds.
const PROBE_EVERY_MS: i64 = 30_000;

/// Consecutive payments first known by a notice after which notices count as arriving.
const ARRIVING: u32 = 5;

/// The kind of mistake that WeChat reports of our requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// WeChat accepts no request at all, as with a wrong key. Any signed answer ends it.
    NotUnderstood,
    /// WeChat accepts no orders of this merchant, as without the permission. Only an accepted order ends it.
    NoOrders,
    /// The clock of this machine is wrong: v3 signs the time. Any signed answer of the right time ends it.
    Clock,
    /// WeChat's platform certificates cannot be read, so that no answer of v3 can be believed. Any signed answer ends it.
    Keys,
}

impl Cause {
    /// `None` where the failure says nothing about the next request.
    fn of(error: &Error) -> Option<Cause> {
        match error {
            // WeChat says so in an unsigned answer, with the word of the header's field.
            Error::NotUnderstood { return_msg } if return_msg.to_ascii_lowercase().contains("timestamp") => {
                Some(Cause::Clock)
            }
            Error::NotUnderstood { .. } => Some(Cause::NotUnderstood),
            Error::Skewed { .. } => Some(Cause::Clock),
            Error::Certificates(_) => Some(Cause::Keys),
            _ => None,
        }
    }
}

/// Why no new orders are taken by one protocol: WeChat reports a mistake of our requests or settings, such as a wrong key. Each
/// protocol has its own credentials, so what it says of one says nothing of the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    pub by: Protocol,
    pub cause: Cause,
    /// WeChat's own text.
    pub reason: String,
    pub since: UnixMillis,
    probed_at: UnixMillis,
}

/// A copy of the state, for the operator's page and metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// The protocols by which no new orders are taken.
    pub stopped: Vec<Stopped>,
    /// The open breakers: of these calls only probes go out. What could not be sent waits.
    pub outages: Vec<OpenBreaker>,
    /// Consecutive payments that were first known by a notice.
    pub by_notice_in_a_row: u32,
    /// Violations that the last self-checks counted; `None` before the first one.
    pub violations: Option<u64>,
}

/// The shared, current [`Health`].
#[derive(Debug, Default)]
pub(crate) struct HealthWatch(Mutex<Health>);

impl HealthWatch {
    fn with<T>(&self, change: impl FnOnce(&mut Health) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn get(&self) -> Health {
        self.with(|health| health.clone())
    }

    /// Stops new orders by this protocol. The first reason stands until WeChat accepts requests again.
    pub(crate) fn stop(&self, by: Protocol, cause: Cause, reason: &str, now: UnixMillis) {
        self.with(|health| {
            if health.stopped.iter().all(|stopped| stopped.by != by) {
                tracing::error!(
                    "WeChat refuses our requests by API {by} ({reason}); new orders stop until it takes one"
                );
                health.stopped.push(Stopped {
                    by,
                    cause,
                    reason: reason.to_owned(),
                    since: now,
                    probed_at: now,
                });
            }
        });
    }

    /// Stops new orders by this protocol if this failure says that no request of it can succeed.
    pub(crate) fn doubt(&self, by: Protocol, error: &Error, now: UnixMillis) {
        if let Some(cause) = Cause::of(error) {
            self.stop(by, cause, &error.to_string(), now);
        }
    }

    /// WeChat signed an answer of this protocol for us, so key, merchant and time are right.
    pub(crate) fn understood(&self, by: Protocol) {
        self.go_on(by, |stopped| stopped.cause != Cause::NoOrders);
    }

    /// WeChat accepted an order by this protocol.
    pub(crate) fn took_order(&self, by: Protocol) {
        self.go_on(by, |_| true);
    }

    fn go_on(&self, by: Protocol, heals: impl Fn(&Stopped) -> bool) {
        self.with(|health| {
            for healed in health.stopped.extract_if(.., |stopped| stopped.by == by && heals(stopped)) {
                tracing::info!("WeChat takes our requests by API {} again; new orders go on", healed.by);
            }
        });
    }

    /// Why a new order must not be tried by this protocol now; `None` if orders are not stopped or a probe is due.
    pub(crate) fn refuses(&self, by: Protocol, now: UnixMillis) -> Option<Stopped> {
        self.with(|health| {
            let stopped = health.stopped.iter_mut().find(|stopped| stopped.by == by)?;
            if now.minus(stopped.probed_at) >= PROBE_EVERY_MS {
                stopped.probed_at = now;
                return None;
            }
            Some(stopped.clone())
        })
    }

    /// The next order of each protocol tries whether WeChat takes it.
    pub(crate) fn probe_at_once(&self) {
        self.with(|health| {
            for stopped in &mut health.stopped {
                stopped.probed_at = UnixMillis::new(0);
            }
        });
    }

    /// What the last self-checks of all instances counted.
    pub(crate) fn checked(&self, violations: Option<u64>) {
        self.with(|health| health.violations = violations);
    }

    /// A payment was credited on this proof.
    pub(crate) fn paid(&self, proof: Proof) {
        self.with(|health| {
            health.by_notice_in_a_row = match proof {
                Proof::Notice => health.by_notice_in_a_row.saturating_add(1),
                Proof::Query => 0,
            };
        });
    }

    /// Whether notices arrive normally, so that watched orders need fewer queries.
    pub(crate) fn notices_arrive(&self) -> bool {
        self.with(|health| health.by_notice_in_a_row >= ARRIVING)
    }
}

#[cfg(test)]
mod tests {
    use wxpay::InvalidValue;
    use wxpay::Protocol::{V2, V3};
    use wxpay::v3::certificates::CertificatesError;

    use super::*;

    #[test]
    fn a_merchant_that_may_not_order_is_not_healed_by_a_query() {
        let (health, now) = (HealthWatch::default(), UnixMillis::new(1_000_000));
        health.stop(V2, Cause::NoOrders, "NOAUTH", now);
        health.understood(V2);
        assert!(health.refuses(V2, now).is_some());
        health.took_order(V2);
        assert!(health.refuses(V2, now).is_none());
    }

    #[test]
    fn a_refused_key_is_healed_by_any_signed_answer_and_probed_every_half_minute() {
        let (health, now) = (HealthWatch::default(), UnixMillis::new(1_000_000));
        health.stop(V2, Cause::NotUnderstood, "签名错误", now);
        assert!(health.refuses(V2, now.plus_ms(29_999)).is_some());
        assert!(health.refuses(V2, now.plus_ms(30_000)).is_none(), "one probe");
        assert!(health.refuses(V2, now.plus_ms(30_001)).is_some(), "and not a second one");
        health.probe_at_once();
        assert!(health.refuses(V2, now.plus_ms(30_002)).is_none(), "one probe with the new key");
        assert!(health.refuses(V2, now.plus_ms(30_003)).is_some());
        health.understood(V2);
        assert!(health.refuses(V2, now.plus_ms(30_004)).is_none());
    }

    #[test]
    fn what_wechat_says_of_one_protocol_neither_stops_nor_heals_the_other() {
        let (health, now) = (HealthWatch::default(), UnixMillis::new(1_000_000));
        health.stop(V2, Cause::NotUnderstood, "签名错误", now);
        assert_eq!(health.refuses(V3, now), None);
        health.stop(V3, Cause::NoOrders, "NO_AUTH", now);
        health.understood(V3);
        health.took_order(V2);
        assert_eq!(health.refuses(V2, now), None);
        assert_eq!(health.refuses(V3, now).map(|stopped| stopped.reason), Some("NO_AUTH".to_owned()));
    }

    #[test]
    fn a_wrong_clock_or_unreadable_certificates_stop_new_orders_until_an_answer_is_believed() {
        let lacking = InvalidValue { what: "serial_no", must_be: "present" };
        let refused = |said: &str| Error::NotUnderstood { return_msg: said.to_owned() };
        for (error, cause) in [
            (Error::Skewed { off_s: -400 }, Cause::Clock),
            (refused("Http头Authorization值格式错误, timestamp"), Cause::Clock),
            (refused("签名错误"), Cause::NotUnderstood),
            (Error::Certificates(CertificatesError::BadField(lacking)), Cause::Keys),
        ] {
            let (health, now) = (HealthWatch::default(), UnixMillis::new(1_000_000));
            health.doubt(V2, &error, now);
            assert_eq!(health.refuses(V2, now).map(|stopped| stopped.cause), Some(cause), "{error}");
            health.understood(V2);
            assert_eq!(health.refuses(V2, now), None, "{error}");
        }
        let health = HealthWatch::default();
        health.doubt(V2, &Error::Status(502), UnixMillis::new(0));
        assert_eq!(health.refuses(V2, UnixMillis::new(0)), None, "the next one may be answered");
    }
}
