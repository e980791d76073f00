//! Schedule of order queries: when WeChat is asked about an order.

use wxpay::UnixMillis;

use crate::order::{CLOSE_NOT_BEFORE_MS, Order, OrderState};

/// Query interval of an order whose page is open, in milliseconds.
pub const WATCHED_EVERY_MS: i64 = 7_000;

/// Backlog, in milliseconds of the query limit, above which the newest orders go first. With `EVERY_MS` and the time of an
/// answer it keeps the promise that a payment whose notice is lost is credited within a minute.
pub const LONGEST_WAIT_MS: i64 = 15_000;

/// Query interval of an open order whose page is closed, in milliseconds.
const EVERY_MS: i64 = 40_000;

/// Age of an order at its first query, in milliseconds: with a wait it is still within 50 s of placing.
const FIRST_MS: i64 = 35_000;

/// Delay after `time_expire`, in milliseconds, in which WeChat counts a payment of the last second.
const GRACE_MS: i64 = 3_000;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Ages at which a closed order is queried once more, in milliseconds since it was closed: for a payment that crossed with the
/// close, until even an order without `time_expire` would have ended, after 7 days.
/// Source: WeChat Pay, native.php?chapter=9_1 (`time_expire`)
const AFTER_CLOSE_MS: [i64; 4] = [MINUTE_MS, HOUR_MS, DAY_MS, 7 * DAY_MS];

/// The first query of a new order whose page is closed and whose notice does not come.
pub fn first_query(order: &Order) -> UnixMillis {
    order.created_at.plus_ms(FIRST_MS).min(order.time_expire.plus_ms(GRACE_MS))
}

/// When an order that was cancelled is asked about, to be closed: as soon as WeChat allows closing.
pub fn after_cancel(order: &Order) -> UnixMillis {
    let closable = order.created_at.plus_ms(CLOSE_NOT_BEFORE_MS + 1_000);
    order.ends_at().plus_ms(GRACE_MS).max(closable)
}

/// When to ask again after asking at `now`; `None` once nothing can change any more. While there is a `backlog`, orders are
/// asked about less often as they grow older.
pub fn next_query(order: &Order, now: UnixMillis, backlog: bool) -> Option<UnixMillis> {
    match &order.state {
        OrderState::Paid(_) => None,
        OrderState::Closed { closed_at } => after_close(order, *closed_at, now),
        OrderState::Created | OrderState::Pending(_) => {
            let expiry = order.ends_at().plus_ms(GRACE_MS);
            if now >= expiry {
                return Some(retry_after_expiry(order, now));
            }
            let age = now.minus(order.created_at);
            let every = if backlog { age.max(EVERY_MS) } else { EVERY_MS };
            Some(now.plus_ms(every).min(expiry))
        }
    }
}

/// When to ask about a closed order that was asked about at `now`, ever more seldom until its proof window has passed.
pub fn after_close(order: &Order, closed_at: UnixMillis, now: UnixMillis) -> Option<UnixMillis> {
    let times = AFTER_CLOSE_MS.map(|ms| closed_at.plus_ms(ms));
    times.into_iter().find(|at| *at > now && !order.refunded_outside)
}

/// Past its expiry an order is asked about and closed, as soon as WeChat allows closing. Where that does not succeed, ever
/// more seldom, but without end: unknown is not failed.
fn retry_after_expiry(order: &Order, now: UnixMillis) -> UnixMillis {
    let closable = order.created_at.plus_ms(CLOSE_NOT_BEFORE_MS + 1_000);
    let since = now.minus(order.ends_at());
    let soon = now.plus_ms(match since {
        ..600_000 => 30_000,
        600_000..HOUR_MS => 5 * MINUTE_MS,
        HOUR_MS..DAY_MS => 30 * MINUTE_MS,
        _ => 6 * HOUR_MS,
    });
    if closable > now { soon.min(closable) } else { soon }
}

/// How long to wait, in milliseconds, after a call that WeChat gave no clear answer to, about something of the time `of`:
/// short enough that it is known within half a minute of WeChat's recovery, because the circuit breaker limits how many
/// such calls there are. What fails for a day is not waiting for a recovery.
pub fn after_failure(of: UnixMillis, now: UnixMillis) -> i64 {
    if now.minus(of) < DAY_MS { 20_000 } else { 10 * MINUTE_MS }
}

/// Whether it is time to close an order that WeChat reports as not paid: its time is up, or it was cancelled.
pub fn is_past_expiry(order: &Order, now: UnixMillis) -> bool {
    now >= order.ends_at().plus_ms(GRACE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::order;

    /// The seconds after `from` at which an order is asked about until `end`.
    fn times(order: &Order, first: UnixMillis, from: UnixMillis, end: UnixMillis, backlog: bool) -> Vec<i64> {
        let (mut at, mut now) = (Vec::new(), Some(first));
        while let Some(time) = now.filter(|time| *time < end) {
            at.push(time.minus(from) / 1000);
            now = next_query(order, time, backlog);
        }
        at
    }

    #[test]
    fn with_its_wait_the_first_query_comes_within_fifty_seconds_of_ordering() {
        let order = order();
        assert!(first_query(&order).minus(order.created_at) + LONGEST_WAIT_MS <= 50_000);
    }

    #[test]
    fn an_open_order_is_asked_about_so_often_that_a_payment_is_known_within_a_minute() {
        let order = order();
        let end = order.time_expire.plus_ms(GRACE_MS);
        let at = times(&order, first_query(&order), order.created_at, end, false);
        assert_eq!((at[0], at.len()), (35, 15));
        for pair in at.windows(2) {
            // A round every half second, and a second for the answer.
            assert!((pair[1] - pair[0]) * 1000 + LONGEST_WAIT_MS + 1_500 < 60_000, "{pair:?}");
        }
        let last = order.created_at.plus_ms(at[14] * 1000);
        assert_eq!(next_query(&order, last, false), Some(end), "and at its expiry in any case");
        assert!(is_past_expiry(&order, end));
    }

    #[test]
    fn with_a_backlog_queries_thin_out_with_age_and_never_pass_over_the_expiry() {
        let order = order();
        let end = order.time_expire.plus_ms(GRACE_MS);
        assert_eq!(times(&order, first_query(&order), order.created_at, end, true), [35, 75, 150, 300, 600]);
        assert_eq!(next_query(&order, order.created_at.plus_ms(600_000), true), Some(end));
    }

    #[test]
    fn what_wechat_did_not_answer_is_asked_again_within_half_a_minute_for_a_day() {
        let of = order().time_expire;
        for since in [-600_000, 0, HOUR_MS, DAY_MS - 1] {
            // A call that gets no answer takes 7 s.
            assert!(after_failure(of, of.plus_ms(since)) + 7_000 < 30_000, "{since}");
        }
        assert_eq!(after_failure(of, of.plus_ms(DAY_MS)), 10 * MINUTE_MS);
    }

    #[test]
    fn an_order_that_lives_some_seconds_is_first_asked_about_at_its_expiry() {
        let mut order = order();
        order.time_expire = order.created_at.plus_ms(1_000);
        assert_eq!(first_query(&order), order.created_at.plus_ms(1_000 + GRACE_MS));
    }

    #[test]
    fn an_order_shorter_than_five_minutes_is_asked_again_when_it_may_be_closed() {
        let mut order = order();
        order.time_expire = order.created_at.plus_ms(280_000);
        let now = order.time_expire.plus_ms(GRACE_MS);
        assert_eq!(next_query(&order, now, false), Some(order.created_at.plus_ms(301_000)));
    }

    #[test]
    fn an_order_that_cannot_be_closed_is_asked_about_ever_more_seldom_and_never_given_up() {
        let order = order();
        let first = order.time_expire.plus_ms(GRACE_MS);
        let at = times(&order, first, order.time_expire, first.plus_ms(30 * DAY_MS), false);
        assert!(at.windows(3).all(|three| three[2] - three[1] >= three[1] - three[0]), "{at:?}");
        assert!((190..230).contains(&at.len()), "{}", at.len());
        assert_eq!(at.last().map(|last| (30 * 86_400 - last) / 3600), Some(5));
    }

    #[test]
    fn a_closed_order_is_asked_about_until_its_proof_window_has_passed() {
        let order = order();
        let closed = order.closed(order.time_expire).unwrap();
        let first = after_close(&closed, order.time_expire, order.time_expire).unwrap();
        let at = times(&closed, first, order.time_expire, UnixMillis::new(i64::MAX), false);
        assert_eq!(at, [60, 3_600, 86_400, 7 * 86_400]);
        let given_back = closed.refunded_outside(order.time_expire).unwrap();
        assert_eq!(next_query(&given_back, order.time_expire, false), None);
    }
}
