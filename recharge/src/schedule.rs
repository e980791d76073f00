//! When WeChat is asked about an order. Pure.

use wxpay::UnixMillis;

use crate::order::{CLOSE_NOT_BEFORE_MS, Order};

/// An order that somebody looks at is asked about this often.
pub const WATCHED_EVERY_MS: i64 = 7_000;

/// After `time_expire` WeChat gets a moment to count the payment that came in the last second.
const GRACE_MS: i64 = 3_000;

/// Nobody looks, no notice came: first within 50 s of ordering.
pub fn first_query(created_at: UnixMillis) -> UnixMillis {
    created_at.plus_ms(45_000)
}

/// When to ask again after asking at `now`: by the order's age, and at its expiry in any case.
pub fn next_query(order: &Order, now: UnixMillis) -> UnixMillis {
    let age = now.minus(order.created_at);
    let by_age = now.plus_ms(match age {
        ..120_000 => 45_000,
        120_000..600_000 => 90_000,
        600_000..3_600_000 => 300_000,
        _ => 1_800_000,
    });
    let expiry = order.time_expire.plus_ms(GRACE_MS);
    if now < expiry { by_age.min(expiry) } else { retry_after_expiry(order, now) }
}

/// Past its expiry an order is asked about and closed, as soon as WeChat allows closing; then ever more seldom.
fn retry_after_expiry(order: &Order, now: UnixMillis) -> UnixMillis {
    let closable = order.created_at.plus_ms(CLOSE_NOT_BEFORE_MS + 1_000);
    let soon = now.plus_ms(match now.minus(order.time_expire) {
        ..600_000 => 30_000,
        600_000..3_600_000 => 300_000,
        _ => 1_800_000,
    });
    if closable > now { soon.min(closable) } else { soon }
}

/// Whether it is time to close an order that WeChat says nobody has paid.
pub fn is_past_expiry(order: &Order, now: UnixMillis) -> bool {
    now >= order.time_expire.plus_ms(GRACE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::tests::order;

    #[test]
    fn the_first_query_comes_within_fifty_seconds_of_ordering() {
        let created = UnixMillis::new(1_000_000);
        assert!(first_query(created).minus(created) <= 50_000);
    }

    #[test]
    fn queries_thin_out_with_age_and_never_pass_over_the_expiry() {
        let order = order();
        let mut now = first_query(order.created_at);
        let mut at = Vec::new();
        while now < order.time_expire.plus_ms(GRACE_MS) {
            at.push(now.minus(order.created_at) / 1000);
            now = next_query(&order, now);
        }
        assert_eq!(at, [45, 90, 135, 225, 315, 405, 495, 585]);
        assert_eq!(now, order.time_expire.plus_ms(GRACE_MS));
        assert!(is_past_expiry(&order, now));
    }

    #[test]
    fn an_order_shorter_than_five_minutes_is_asked_again_when_it_may_be_closed() {
        let mut order = order();
        order.time_expire = order.created_at.plus_ms(280_000);
        let now = order.time_expire.plus_ms(GRACE_MS);
        assert_eq!(next_query(&order, now), order.created_at.plus_ms(301_000));
    }
}
