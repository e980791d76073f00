//! Numbers: given after the commit by the instance that has the claim, without a gap.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cashier::Cashier;
use cashier::db::outbox::LEASE_MS;
use recharge::audit::Acting;
use recharge::outbox::StoredEvent;
use recharge::spend::{Amount, Reason, ReversalRequest};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::*;
use crate::common::{debit, on_both, site, until, wish};

const ROUNDS: usize = 60;

/// A debit by one instance, and its two reversals by the two others, one after another.
async fn three_states(cashiers: [Cashier; 3], user: &'static str, n: usize) {
    // One request, whose repeat is the same debit: an answer may be lost.
    let request = debit(user, 10);
    let id = loop {
        // Others spend of the same account: asked again where that was too often.
        if let Ok(reply) = cashiers[n % 3].debit(request.clone(), site()).await {
            break reply.debit.id;
        }
    };
    for part in 1..3 {
        let request = ReversalRequest {
            debit_id: id.clone(),
            amount: Some(Amount::new(4).unwrap()),
            reference: reference(&format!("{id}-{part}")),
            reason: Reason::parse("not delivered").unwrap(),
        };
        while cashiers[(n + part) % 3]
            .reverse_debit(request.clone(), Acting { actor: site(), address: String::new() })
            .await
            .is_err()
        {}
    }
}

/// Whatever a reader gets until the writers have ended and nothing more comes.
async fn read_until(cashier: Cashier, ended: Arc<AtomicBool>) -> Vec<StoredEvent> {
    let (mut cursor, mut read) = (None, Vec::new());
    loop {
        let was_over = ended.load(Ordering::SeqCst);
        let page = cashier.events(cursor.as_ref(), &[], 7).await.unwrap();
        let is_empty = page.events.is_empty();
        read.extend(page.events);
        cursor = Some(page.next);
        if is_empty && was_over {
            return read;
        }
        if is_empty {
            sleep(Duration::from_millis(1)).await;
        }
    }
}

fn is_in_order(events: &[StoredEvent]) -> bool {
    let mut versions: HashMap<&str, i64> = HashMap::new();
    events.iter().all(|event| {
        let before = versions.insert(&event.subject, event.version);
        before.is_none_or(|before| before <= event.version)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reader_beside_three_writers_gets_every_event_once_without_a_gap_each_subject_in_order() {
    on_both(|harness| async move {
        let cashiers = [harness.cashier.clone(), harness.second("b").await, harness.second("c").await];
        asks_for(&harness, &cashiers, "debit.created balance.changed").await;
        for user in ["u_1", "u_2", "u_3", "u_4"] {
            grant(&harness.cashier, user, 1_000_000, user).await;
        }
        let (written, ended) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let mut loops = JoinSet::new();
        for cashier in cashiers.clone() {
            let written = Arc::clone(&written);
            loops.spawn(async move {
                while !written.load(Ordering::SeqCst) {
                    cashier.number_events(true).await.unwrap();
                    sleep(Duration::from_millis(1)).await;
                }
            });
        }
        let reader = tokio::spawn(read_until(cashiers[2].clone(), Arc::clone(&ended)));
        let mut writers = JoinSet::new();
        for n in 0..4 * ROUNDS {
            let user = ["u_1", "u_2", "u_3", "u_4"][n % 4];
            writers.spawn(three_states(cashiers.clone(), user, n));
            if n % 24 == 23 {
                writers.join_next().await.unwrap().unwrap();
            }
        }
        writers.join_all().await;
        written.store(true, Ordering::SeqCst);
        loops.join_all().await;
        // Any of them may hold the claim by which events are numbered.
        for cashier in &cashiers {
            cashier.number_events(true).await.unwrap();
        }
        ended.store(true, Ordering::SeqCst);
        let read = timeout(Duration::from_secs(30), reader).await.unwrap().unwrap();
        let all = harness.count("SELECT COUNT(*) FROM outbox").await;
        assert!(all > 12 * ROUNDS as i64, "{all}");
        let seqs: Vec<_> = read.iter().map(|event| event.seq).collect();
        assert_eq!(seqs, (1..=all).collect::<Vec<_>>(), "{} read", seqs.len());
        let ids: BTreeSet<_> = read.iter().map(|event| &event.id).collect();
        assert_eq!(ids.len(), read.len());
        assert!(is_in_order(&read));
        let debits = read.iter().filter(|event| event.subject.starts_with("debit/")).count();
        assert_eq!(debits, 12 * ROUNDS, "each debit and each reversal is told");
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn what_a_process_committed_before_it_was_killed_gets_its_number_from_another() {
    on_both(|harness| async move {
        let other = harness.second("b").await;
        // Commits, and is gone before it numbers.
        grant(&harness.cashier, "u_1", 100, "g").await;
        let is_sqlite = harness.url.starts_with("sqlite");
        let read = other.events(None, &[], 10).await.unwrap().events;
        assert_eq!(read.len(), usize::from(is_sqlite), "SQLite numbers in the transaction itself");
        other.number_events(false).await.unwrap();
        let read = other.events(None, &[], 10).await.unwrap().events;
        assert_eq!(kinds(&read), ["grant.created"]);
    })
    .await;
}

/// A number that is taken before the commit, as a sequence gives it, would be lower than one that a reader has seen.
#[tokio::test]
async fn an_event_whose_transaction_commits_late_is_not_passed_over() {
    on_both(|harness| async move {
        if harness.url.starts_with("sqlite") {
            return;
        }
        let other = harness.second("b").await;
        let (function, locked) = (
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN PERFORM pg_advisory_xact_lock(77); RETURN NULL; END $$",
            "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 77 AND NOT granted \
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        );
        harness.execute(function).await;
        harness
            .execute(
                "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON outbox DEFERRABLE INITIALLY DEFERRED \
                 FOR EACH ROW WHEN (NEW.body LIKE '%u_slow%') EXECUTE FUNCTION slow()",
            )
            .await;
        // Closing moves no money: the day's sums, which all that does share, are not locked.
        let slow = harness.cashier.place(wish("u_slow", 1000)).await.unwrap().out_trade_no;
        let quick = other.place(wish("u_quick", 1000)).await.unwrap().out_trade_no;
        harness.advance(700_000);
        let mut lock = other.db().pool().acquire().await.unwrap();
        sqlx::query("SELECT CAST(pg_advisory_lock(77) AS TEXT)").execute(&mut *lock).await.unwrap();
        let cashier = harness.cashier.clone();
        let closing = tokio::spawn(async move { cashier.close(&slow, "lin").await.unwrap() });
        // Its event is written, and its commit waits.
        until(async || harness.count(locked).await == 1).await;
        other.close(&quick, "lin").await.unwrap();
        other.number_events(true).await.unwrap();
        let first = other.events(None, &[], 10).await.unwrap();
        assert_eq!(kinds(&first.events), ["recharge.closed"]);
        sqlx::query("SELECT CAST(pg_advisory_unlock(77) AS TEXT)").execute(&mut *lock).await.unwrap();
        closing.await.unwrap();
        other.number_events(true).await.unwrap();
        let rest = other.events(Some(&first.next), &[], 10).await.unwrap().events;
        assert_eq!(kinds(&rest), ["recharge.closed"], "it has a later number than what was read");
        assert!(rest[0].body.contains("u_slow"));
    })
    .await;
}

#[tokio::test]
async fn one_of_two_instances_numbers_until_it_is_gone_for_its_lease() {
    on_both(|harness| async move {
        if harness.url.starts_with("sqlite") {
            return;
        }
        let other = harness.second("b").await;
        grant(&harness.cashier, "u_1", 100, "g1").await;
        assert_eq!(harness.cashier.number_events(true).await.unwrap(), 1);
        grant(&other, "u_1", 100, "g2").await;
        assert_eq!(other.number_events(true).await.unwrap(), 0, "the first one has the claim");
        assert_eq!(harness.cashier.number_events(false).await.unwrap(), 1);
        harness.advance(LEASE_MS - 1);
        grant(&other, "u_1", 100, "g3").await;
        assert_eq!(other.number_events(true).await.unwrap(), 0);
        harness.advance(1);
        assert_eq!(other.number_events(true).await.unwrap(), 1, "the first one is gone");
        grant(&harness.cashier, "u_1", 100, "g4").await;
        assert_eq!(harness.cashier.number_events(true).await.unwrap(), 0);
        let events = other.events(None, &[], 10).await.unwrap().events;
        assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2, 3]);
    })
    .await;
}

#[tokio::test]
async fn who_waits_for_events_hears_of_a_commit_at_once() {
    on_both(|harness| async move {
        let cashier = harness.cashier.clone();
        let mut heard = cashier.numbered();
        let numbering = cashier.clone();
        let numbering = tokio::spawn(async move {
            loop {
                numbering.events_committed().await;
                numbering.number_events(true).await.unwrap();
            }
        });
        grant(&cashier, "u_1", 100, "g").await;
        timeout(Duration::from_secs(5), heard.changed()).await.expect("nothing was heard").unwrap();
        assert_eq!(*heard.borrow(), 1);
        numbering.abort();
    })
    .await;
}
