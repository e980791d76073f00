//! Schedule of refunds: when one is sent, and when WeChat is asked about it again.

use wxpay::UnixMillis;

use super::{Problem, Refund, RefundState};

/// Minimum distance between two refunds of one payment, in milliseconds. Source: WeChat Pay, native.php?chapter=9_4
pub const APART_MS: i64 = 60_000;

/// Length of a claim on a refund, in milliseconds: more than any call takes.
pub const LEASE_MS: i64 = 30_000;

/// Maximum distance to the next attempt, in milliseconds: a refund that is due later was written before the clock was set
/// back.
pub const FURTHEST_MS: i64 = 8 * HOUR_MS;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// When a new refund is sent, after those of the same payment before it.
pub fn first<'r>(others: impl Iterator<Item = &'r Refund>, now: UnixMillis) -> UnixMillis {
    let last = others.filter(|refund| !refund.is_external()).map(|refund| refund.requested_at).max();
    last.map_or(now, |last| last.plus_ms(APART_MS).max(now).min(now.plus_ms(APART_MS)))
}

/// When to ask again after an answer at `now`.
pub(super) fn next(refund: &Refund, now: UnixMillis) -> UnixMillis {
    let wait = match refund.blocked.as_ref().map(|blocked| blocked.problem) {
        Some(Problem::Unclear) => crate::order::query_schedule::after_failure(refund.requested_at, now)
            .min(doubled(5_000, refund.tries - 1)),
        Some(Problem::Limited) => doubled(MINUTE_MS, refund.tries).min(30 * MINUTE_MS),
        Some(Problem::NoCertificate | Problem::NotEnough) => 10 * MINUTE_MS,
        Some(_) => HOUR_MS,
        None => match (refund.state, now.minus(refund.requested_at)) {
            (RefundState::Abnormal, _) => 6 * HOUR_MS,
            (_, ..MINUTE_MS) => 5_000,
            (_, MINUTE_MS..600_000) => 30_000,
            (_, 600_000..HOUR_MS) => 5 * MINUTE_MS,
            (_, HOUR_MS..86_400_000) => 30 * MINUTE_MS,
            _ => 6 * HOUR_MS,
        },
    };
    now.plus_ms(wait + jitter(refund, wait))
}

fn doubled(first_ms: i64, tries: i64) -> i64 {
    first_ms << tries.clamp(0, 10)
}

/// Up to an eighth more, by the number: refunds that failed together are not sent again together.
fn jitter(refund: &Refund, wait: i64) -> i64 {
    let number = refund.out_refund_no.as_str().bytes();
    let spread = number.fold(0_i64, |sum, byte| (sum * 31 + i64::from(byte)) % 1_000);
    wait / 8 * spread / 1_000
}
