//! What is looked up in the database.

use cashier::db::{DbError, figures::Waiting};
use observe::{Gauge, float};
use recharge::exception::ExceptionKind;
use wxpay::{Protocol, UnixMillis};

use super::set_time;
use crate::state::Server;

/// # Errors
/// [`DbError`]: what was not read yet stays as it was.
pub(super) async fn set(server: &Server) -> Result<(), DbError> {
    let (cashier, now) = (&server.cashier, server.now());
    // It takes writes: a standby answers questions too.
    cashier.db().ping().await?;
    let figures = cashier.figures().await?;
    for state in ["created", "pending"] {
        observe::OPEN_ORDERS.of([state]).set(count(&figures.orders, state));
    }
    for kind in ExceptionKind::ALL {
        observe::EXCEPTIONS.of([kind.name()]).set(count(&figures.exceptions, kind.name()));
    }
    let since = figures.exceptions.iter().filter_map(|(_, waiting)| waiting.since).min();
    set_age(&observe::EXCEPTIONS_AGE.of([]), since, now);
    for state in ["requested", "submitted", "abnormal"] {
        let open = figures.refunds.iter().find(|refunds| refunds.state == state);
        observe::REFUNDS_OPEN.of([state]).set(float_of(open.map_or(0, |refunds| refunds.waiting.count)));
    }
    let since = figures.refunds.iter().filter_map(|refunds| refunds.waiting.since).min();
    set_age(&observe::REFUNDS_AGE.of([]), since, now);
    observe::REFUNDS_STUCK.of([]).set(float_of(figures.refunds.iter().map(|refunds| refunds.stuck).sum()));
    set_waiting(&observe::EVENTS_WAITING.of([]), &observe::EVENTS_LAG.of([]), figures.events, now);
    set_waiting(&observe::WEBHOOKS_WAITING.of([]), &observe::WEBHOOKS_LAG.of([]), figures.deliveries, now);
    set_waiting(&observe::EPAY_WAITING.of([]), &observe::EPAY_LAG.of([]), figures.epay, now);
    for (scope, at) in figures.checked {
        set_time(&observe::CHECKED.of([&scope]), at);
    }
    if let Some(at) = figures.backup_at {
        set_time(&observe::BACKUP.of([]), at);
    }
    if let Some(ends) = figures.wechat_certificate_ends {
        set_time(&observe::CERTIFICATE_EXPIRES.of(["wechat"]), ends);
    }
    let (due, oldest) = cashier.backlog().await?;
    observe::DUE.of([]).set(float_of(due));
    set_age(&observe::DUE_LAG.of([]), oldest, now);
    let (day, open) = cashier.reconciled().await?;
    observe::DIFFERENCES.of([]).set(float_of(open));
    if let Some(day) = day {
        set_time(&observe::RECONCILED.of([]), day.start());
    }
    let (ill, disabled) = server.pages.webhooks.in_trouble().await?;
    observe::WEBHOOKS_ILL.of([]).set(float(ill));
    observe::WEBHOOKS_DISABLED.of([]).set(float(disabled));
    let last = cashier::db::last_notices::read(cashier.db()).await?;
    for (protocol, at) in [(Protocol::V2, last.v2), (Protocol::V3, last.v3)] {
        if let Some(at) = at {
            set_time(&observe::LAST_NOTICE.of([&protocol.to_string()]), at);
        }
    }
    Ok(())
}

fn count(counted: &[(String, Waiting)], word: &str) -> f64 {
    float_of(counted.iter().find(|(name, _)| name == word).map_or(0, |(_, waiting)| waiting.count))
}

fn set_waiting(counted: &Gauge, lag: &Gauge, waiting: Waiting, now: UnixMillis) {
    counted.set(float_of(waiting.count));
    set_age(lag, waiting.since, now);
}

/// How long ago it was, in seconds; 0 if there is nothing, or it is still to come.
fn set_age(gauge: &Gauge, since: Option<UnixMillis>, now: UnixMillis) {
    gauge.set(float_of(since.map_or(0, |since| now.minus(since) / 1000)));
}

fn float_of(count: i64) -> f64 {
    float(usize::try_from(count).unwrap_or(0))
}
