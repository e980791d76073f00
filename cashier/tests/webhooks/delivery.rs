//! What arrives: once, signed, in the order of each subject, from any number of processes.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use cashier::Clock;

use super::world::{
    ATTEMPTS, Answer, DELIVERED, GIVEN_UP, HOUR_MS, Process, Receiver, T0, WAITING, lin, on_both,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_deliver_each_event_once_signed_and_those_of_a_subject_in_order() {
    on_both(async |url| {
        // The machine's clock: where answers are slow, a process leaves what it claimed to the other, when its lease of 30 s ends.
        let clock = Clock::system();
        let (one, other) = (Process::start(&url, &clock).await, Process::start(&url, &clock).await);
        let mut n = 0;
        let receiver = Receiver::start(move |_| {
            n += 1;
            // Answers come out of order.
            Answer::Late(Duration::from_millis((n * 7) % 30), 200)
        })
        .await;
        let (_, secret) = one.endpoint(&receiver.url()).await;
        let subjects: Vec<_> = (0..12).map(|n| format!("recharge/SM{n}")).collect();
        for round in 0..10 {
            let told: Vec<_> = (0..20).map(|n| subjects[(n * 5 + round) % 12].as_str()).collect();
            one.events(&told).await;
            other.webhooks.poke();
        }
        one.until(DELIVERED, 200).await;
        let got = receiver.got();
        let ids: HashSet<_> = got.iter().map(|got| got.id.clone()).collect();
        assert_eq!((got.len(), ids.len()), (200, 200), "each event once");
        assert!(got.iter().all(|got| got.is_signed_by(&secret)));
        let mut last: HashMap<String, i64> = HashMap::new();
        for got in &got {
            let before = last.insert(got.subject(), got.seq());
            assert!(before.is_none_or(|before| before < got.seq()), "{} overtook", got.subject());
        }
        assert_eq!(one.count(ATTEMPTS).await, 200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_delivery_holds_up_its_own_subject_only_and_comes_again_under_the_same_id() {
    on_both(async |url| {
        let one = Process::start(&url, &Clock::manual(T0)).await;
        let receiver = Receiver::start(|got| Answer::Status(if got.seq() == 1 { 500 } else { 200 })).await;
        let (endpoint, _) = one.endpoint(&receiver.url()).await;
        one.events(&["recharge/A", "recharge/A", "recharge/B", "recharge/C", "recharge/A"]).await;
        one.until(DELIVERED, 2).await;
        one.until("webhook_deliveries WHERE tries = 1", 1).await;
        assert_eq!(one.count(WAITING).await, 3);
        receiver.answers(|_| Answer::Status(204));
        one.later(6_000);
        one.until(DELIVERED, 5).await;
        let of_a: Vec<_> = receiver.got().into_iter().filter(|got| got.subject() == "recharge/A").collect();
        let seqs: Vec<_> = of_a.iter().map(super::world::Got::seq).collect();
        assert_eq!(seqs, [1, 1, 2, 5]);
        assert!(of_a[0].id == of_a[1].id && of_a[0].stamp != of_a[1].stamp);
        let (delivery, body, tries) = one.webhooks.delivery(&endpoint.id, &of_a[0].id).await.unwrap();
        assert_eq!((delivery.sent, tries.len(), body), (2, 2, of_a[0].body.clone()));
        assert_eq!((tries[0].status, tries[1].status), (Some(204), Some(500)));
        assert!(tries[1].reply.contains(&of_a[0].id) && tries[1].address.is_some());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_always_refused_is_given_up_after_72_hours_while_others_get_through() {
    on_both(async |url| {
        let one = Process::start(&url, &Clock::manual(T0)).await;
        let receiver =
            Receiver::start(|got| Answer::Status(if got.subject() == "recharge/A" { 400 } else { 200 }))
                .await;
        let (endpoint, _) = one.endpoint(&receiver.url()).await;
        one.events(&["recharge/A", "recharge/A"]).await;
        let mut sent = 0;
        for hour in 1..=90 {
            one.later(HOUR_MS);
            one.events(&["recharge/B"]).await;
            one.until(DELIVERED, hour).await;
            sent += 1;
            if one.count(GIVEN_UP).await > 0 {
                break;
            }
        }
        assert!((71..=86).contains(&sent), "{sent} hours");
        let refused: Vec<_> = receiver.got().into_iter().filter(|got| got.seq() == 1).collect();
        assert!((8..=16).contains(&refused.len()), "{} tries", refused.len());
        // The next of its subject, which may have been refused twice by now, is sent, and the one that was given up when somebody asks.
        receiver.answers(|_| Answer::Status(200));
        one.later(3 * HOUR_MS);
        one.until("webhook_deliveries WHERE state = 'delivered' AND seq = 2", 1).await;
        one.webhooks.redeliver(endpoint.id.as_str(), &refused[0].id, &lin()).await.unwrap();
        one.until(GIVEN_UP, 0).await;
        one.until("webhook_deliveries WHERE state = 'delivered' AND seq = 1", 1).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_in_mid_delivery_leaves_it_to_another_one() {
    on_both(async |url| {
        let clock = Clock::manual(T0);
        let one = Process::start(&url, &clock).await;
        let receiver = Receiver::start(|_| Answer::Late(Duration::from_secs(5), 200)).await;
        let (_, secret) = one.endpoint(&receiver.url()).await;
        one.events(&["recharge/A"]).await;
        while receiver.got().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        one.kill().await;
        receiver.answers(|_| Answer::Status(200));
        let other = Process::start(&url, &clock).await;
        tokio::time::sleep(Duration::from_millis(1_300)).await;
        assert_eq!(receiver.got().len(), 1, "it is the dead process's until its lease ends");
        other.later(30_000);
        other.until(DELIVERED, 1).await;
        let got = receiver.got();
        assert!(got[0].id == got[1].id && got[0].stamp != got[1].stamp && got[1].is_signed_by(&secret));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_sends_everything_since_then_once_more_from_one_process() {
    on_both(async |url| {
        let clock = Clock::manual(T0);
        let (one, other) = (Process::start(&url, &clock).await, Process::start(&url, &clock).await);
        let receiver = Receiver::start(|_| Answer::Status(200)).await;
        let (endpoint, _) = one.endpoint(&receiver.url()).await;
        one.events(&["recharge/A", "recharge/B"]).await;
        one.until(DELIVERED, 2).await;
        one.later(60_000);
        one.events(&["recharge/A", "recharge/C", "recharge/A"]).await;
        one.until(DELIVERED, 5).await;
        one.webhooks.replay(endpoint.id.as_str(), T0.plus_ms(1), &lin()).await.unwrap();
        other.webhooks.poke();
        one.until(ATTEMPTS, 8).await;
        one.until(DELIVERED, 5).await;
        let again: Vec<_> = receiver.got()[5..].iter().map(super::world::Got::seq).collect();
        assert_eq!(again.iter().filter(|seq| **seq == 4).count(), 1, "{again:?}");
        assert_eq!(again.iter().copied().filter(|seq| *seq != 4).collect::<Vec<_>>(), [3, 5]);
    })
    .await;
}
