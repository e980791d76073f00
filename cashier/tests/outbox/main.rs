//! What programs of the site are told, on real databases: every committed event once, without a gap, each subject in the order of its
//! versions, whoever writes, numbers and reads at the same time.
#![allow(clippy::disallowed_methods, reason = "these tests run on the machine's time")]

mod numbering;
mod reading;
mod telling;

use crate::common::{Harness, by, reference};
use cashier::Cashier;
use recharge::User;
use recharge::outbox::StoredEvent;
use recharge::spend::{GrantRequest, Reason};

/// One event: a user is given something.
async fn grant(cashier: &Cashier, user: &str, fen: i64, name: &str) {
    let (user, reason) = (User::new(user, "").unwrap(), Reason::parse("a gift").unwrap());
    let request = GrantRequest::new(user, fen, reference(name), reason).unwrap();
    cashier.grant(request, by()).await.unwrap();
}

/// All numbered events, after they were numbered.
async fn numbered(harness: &Harness) -> Vec<StoredEvent> {
    harness.cashier.number_events(true).await.unwrap();
    harness.cashier.events(None, &[], 10_000).await.unwrap().events
}

fn kinds(events: &[StoredEvent]) -> Vec<&str> {
    events.iter().map(|event| event.kind.as_str()).collect()
}

/// An endpoint that asks for these types.
async fn asks_for(harness: &Harness, cashiers: &[Cashier], types: &str) {
    let sql = format!(
        "INSERT INTO webhook_endpoints (id, url, types, description, per_s, secret, position, failures, probes, made_by, \
         created_at, version) VALUES ('we_1', 'https://shop.example/hook', '{types}', '', 50, '', 0, 0, 0, 'lin', 0, 1)"
    );
    harness.execute(&sql).await;
    for cashier in cashiers {
        cashier.refresh_asked().await.unwrap();
    }
}
