//! Two that want the same at one moment: one of them has read, and before it writes the other one has done it all.

use std::time::Duration;

use cashier::Clock;
use cashier::db::{Fate, Turnstile};

use super::world::{ATTEMPTS, Answer, DELIVERED, Process, Receiver, T0, WAITING, on_both};

/// Lets a process read until it is about to write: the number of that step.
async fn about_to_write(turnstile: &Turnstile) -> usize {
    loop {
        let waiting = turnstile.waiting();
        if let Some(step) = waiting.iter().find(|step| step.writes) {
            return step.number;
        }
        waiting.iter().for_each(|step| turnstile.let_in(step.number, Fate::Done));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Lets it write, and do whatever follows from that until after its next look.
async fn goes_on(turnstile: &Turnstile) {
    for _ in 0..300 {
        turnstile.waiting().iter().for_each(|step| turnstile.let_in(step.number, Fate::Done));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_two_processes_put_down_is_delivered_once() {
    on_both(async |url| {
        let (clock, gate) = (Clock::manual(T0), Turnstile::closed());
        let mut one = Process::at_rest(&url, &clock).await;
        let receiver = Receiver::start(|_| Answer::Status(200)).await;
        one.endpoint(&receiver.url()).await;
        one.events(&["recharge/A"]).await;
        // The position is as it was read before the other one moved it.
        let _slow = Process::behind(&url, &clock, &gate).await;
        about_to_write(&gate).await;
        one.deliver();
        one.until(DELIVERED, 1).await;
        goes_on(&gate).await;
        assert_eq!((receiver.count(), one.count(ATTEMPTS).await, one.count(DELIVERED).await), (1, 1, 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_is_ill_is_probed_by_one_process_at_a_time() {
    on_both(async |url| {
        let (clock, gate) = (Clock::manual(T0), Turnstile::closed());
        let mut one = Process::at_rest(&url, &clock).await;
        let receiver = Receiver::start(|_| Answer::Status(503)).await;
        one.endpoint(&receiver.url()).await;
        let ill = "UPDATE webhook_endpoints SET failures = 5, failing_since = $1, probe_at = $2";
        let (since, due) = (T0.get(), T0.plus_ms(10_000).get());
        sqlx::query(ill).bind(since).bind(due).execute(one.db.pool()).await.unwrap();
        one.events(&["recharge/A", "recharge/B"]).await;
        one.deliver();
        one.until(WAITING, 2).await;
        one.kill().await;
        clock.advance(10_000);
        let _slow = Process::behind(&url, &clock, &gate).await;
        about_to_write(&gate).await;
        let other = Process::start(&url, &clock).await;
        other.until(ATTEMPTS, 1).await;
        goes_on(&gate).await;
        assert_eq!(receiver.count(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_try_whose_lease_ran_out_changes_nothing_of_the_one_after_it() {
    on_both(async |url| {
        let one = Process::start(&url, &Clock::manual(T0)).await;
        let mut tries = 0;
        let receiver = Receiver::start(move |_| {
            tries += 1;
            if tries == 1 {
                Answer::Late(Duration::from_millis(1_000), 500)
            } else {
                Answer::Late(Duration::from_millis(3_000), 200)
            }
        })
        .await;
        one.endpoint(&receiver.url()).await;
        one.events(&["recharge/A"]).await;
        let sent = async |wanted| {
            while receiver.count() < wanted {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        sent(1).await;
        one.later(30_000);
        sent(2).await;
        one.until(ATTEMPTS, 1).await;
        let until = T0.plus_ms(60_000).get();
        let of_the_second = format!("webhook_deliveries WHERE sent = 2 AND tries = 0 AND due_at = {until}");
        assert_eq!(one.count(&of_the_second).await, 1, "it is the second try's until its lease ends");
        one.until(DELIVERED, 1).await;
        assert_eq!(receiver.count(), 2);
    })
    .await;
}
