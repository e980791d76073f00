//! What a batch that was committed did with money, counted for the metrics.

use std::sync::LazyLock;

use observe::{Histogram, IntCounter};
use recharge::batch::Batch;
use recharge::order::{OrderState, Proof};
use wxpay::UnixMillis;

struct Counters {
    orders: IntCounter,
    by_notice: IntCounter,
    by_query: IntCounter,
    paid_fen: IntCounter,
    refunds: IntCounter,
    refunded_fen: IntCounter,
    debited_fen: IntCounter,
    reversed_fen: IntCounter,
    seconds_by_notice: Histogram,
    seconds_by_query: Histogram,
}

static COUNTERS: LazyLock<Counters> = LazyLock::new(|| Counters {
    orders: observe::ORDERS.of([]),
    by_notice: observe::PAYMENTS.of(["notice"]),
    by_query: observe::PAYMENTS.of(["query"]),
    paid_fen: observe::PAID_FEN.of([]),
    refunds: observe::REFUNDS.of([]),
    refunded_fen: observe::REFUNDED_FEN.of([]),
    debited_fen: observe::DEBITED_FEN.of([]),
    reversed_fen: observe::REVERSED_FEN.of([]),
    seconds_by_notice: observe::CREDIT_SECONDS.of(["notice"]),
    seconds_by_query: observe::CREDIT_SECONDS.of(["query"]),
});

/// The sums that the batch added to its days say all of it, but for the time from payment to credit.
pub(super) fn count(batch: &Batch<'_>, now: UnixMillis) {
    let counters = &*COUNTERS;
    for sums in batch.days.values() {
        add(&counters.orders, sums.orders);
        add(&counters.by_notice, sums.paid - sums.by_query);
        add(&counters.by_query, sums.by_query);
        add(&counters.paid_fen, sums.paid_fen);
        add(&counters.refunds, sums.refunds);
        add(&counters.refunded_fen, sums.refunded_fen);
        add(&counters.debited_fen, sums.debited_fen);
        add(&counters.reversed_fen, sums.reversed_fen);
    }
    for (number, _, _) in &batch.credited {
        let Some(OrderState::Paid(paid)) = batch.orders.get(number).map(|slot| &slot.order.state) else {
            continue;
        };
        let seconds = match paid.proof {
            Proof::Notice => &counters.seconds_by_notice,
            Proof::Query => &counters.seconds_by_query,
        };
        // WeChat states whole seconds, by its own clock.
        let ms = u32::try_from(now.minus(paid.paid_at).max(0)).unwrap_or(u32::MAX);
        seconds.observe(std::time::Duration::from_millis(ms.into()).as_secs_f64());
    }
}

fn add(counter: &IntCounter, count: i64) {
    counter.inc_by(u64::try_from(count).unwrap_or(0));
}
