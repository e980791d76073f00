//! Receivers that are down, slow or strange.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use cashier::Clock;
use recharge::webhook::{DisabledWhy, MOST_PER_S, PER_S, Problem};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::world::{ATTEMPTS, Answer, DELIVERED, HOUR_MS, Process, Receiver, T0, WAITING, on_both};

/// How many events wait in a day of outage; `make faults` asks for 100,000.
fn waiting() -> usize {
    std::env::var("EVENTS").map_or(60, |number| number.parse().unwrap())
}

/// Each subject has so many of them.
const OF_A_SUBJECT: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_of_outage_costs_less_than_300_tries_and_is_made_up_for_after_it() {
    on_both(async |url| {
        let (count, clock) = (waiting(), Clock::manual(T0));
        let per_s = if count > 1_000 { MOST_PER_S } else { PER_S };
        let mut one = Process::start(&url, &clock).await;
        let receiver = Receiver::start(|_| Answer::Status(503)).await;
        let (endpoint, _) = one.endpoint_of(&receiver.url(), per_s).await;
        one.first_events(count, count / OF_A_SUBJECT).await;
        let (mut sent, mut restarts) = (0, 0);
        let end = T0.plus_ms(24 * HOUR_MS);
        // From one time at which something is due to the next.
        while clock.now() < end {
            let now = one.webhooks.find(endpoint.id.as_str()).await.unwrap().health;
            let next = match now.probe_at {
                Some(at) => at,
                None => clock.now().plus_ms(1_000),
            };
            let wait = next.minus(clock.now()).max(1);
            one.later(wait);
            // A busy machine may take a while for a probe. While one is under way, the endpoint says when its lease ends, and not
            // when the next one is due.
            for _ in 0..if now.is_ill() { 2_000 } else { 40 } {
                let (tried, got) = (one.count(ATTEMPTS).await, receiver.count());
                if tried > sent && usize::try_from(tried).is_ok_and(|tried| tried >= got) {
                    sent = tried;
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            if sent >= 60 * (restarts + 1) {
                // A restart changes nothing.
                restarts += 1;
                one = restarted(one, &url, &clock).await;
            }
        }
        let tried = receiver.count();
        assert!((200..=300).contains(&tried) && restarts >= 3, "{tried} tries in a day, {restarts} restarts");
        assert_eq!(one.count(WAITING).await, i64::try_from(count).unwrap());
        receiver.answers(|_| Answer::Status(200));
        // The longest wait between two probes.
        one.later(5 * 60_000 * 11 / 10);
        let until = async |wanted: usize| {
            while receiver.count() < wanted {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        until(tried + count / 10).await;
        one = restarted(one, &url, &clock).await;
        let (began, before) = (Instant::now(), receiver.count());
        until(tried + count).await;
        let (took, drained) = (began.elapsed(), receiver.count() - before);
        println!("{drained} waiting events in {took:?}, {:.0} a second", drained as f64 / took.as_secs_f64());
        // What the process that was killed had claimed came once more, or comes when its lease ends.
        one.later(30_000);
        one.until_at_last(DELIVERED, i64::try_from(count).unwrap()).await;
        assert!(!one.webhooks.find(endpoint.id.as_str()).await.unwrap().health.is_ill());
        let rate = Duration::from_secs_f64(count as f64 / per_s as f64);
        assert!(count > 1_000 || took < rate + Duration::from_secs(5 * 60), "{took:?}");
        let mut last: HashMap<String, i64> = HashMap::new();
        let mut ids = HashSet::new();
        for got in &receiver.got()[tried..] {
            ids.insert(got.id.clone());
            let before = last.insert(got.subject(), got.seq());
            assert!(before.is_none_or(|before| before <= got.seq()), "{} overtook", got.subject());
        }
        assert_eq!(ids.len(), count);
    })
    .await;
}

/// Killed, and started again when what it had claimed is free.
async fn restarted(one: Process, url: &str, clock: &Clock) -> Process {
    one.kill().await;
    clock.advance(30_000);
    Process::start(url, clock).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_for_five_days_disables_it_and_the_others_are_told() {
    on_both(async |url| {
        let one = Process::start(&url, &Clock::manual(T0)).await;
        let (broken, well) =
            (Receiver::start(|_| Answer::Status(500)).await, Receiver::start(|_| Answer::Status(200)).await);
        let (endpoint, _) = one.endpoint(&broken.url()).await;
        one.endpoint(&well.url()).await;
        one.events(&["recharge/A", "recharge/B", "recharge/C", "recharge/D", "recharge/E", "recharge/F"])
            .await;
        one.until(DELIVERED, 6).await;
        while one.webhooks.find(endpoint.id.as_str()).await.unwrap().health.failures < 5 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        one.later(5 * 24 * HOUR_MS);
        one.until("webhook_endpoints WHERE disabled_why = 'failing'", 1).await;
        let tried = broken.got().len();
        // On PostgreSQL its event gets its number from another part of the program.
        let number = "UPDATE outbox SET seq = 7 WHERE seq IS NULL";
        sqlx::query(number).execute(one.db.pool()).await.unwrap();
        one.until(DELIVERED, 7).await;
        let told = well.got().pop().unwrap();
        assert!(told.body.contains("webhook.disabled") && told.body.contains("failing"), "{}", told.body);
        one.later(24 * HOUR_MS);
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(broken.got().len(), tried, "nothing is sent to it any more");
        // Enabled again it goes on where it stood, with what waited.
        broken.answers(|_| Answer::Status(200));
        one.webhooks.set_enabled(endpoint.id.as_str(), None, true, &super::world::lin()).await.unwrap();
        one.until(&format!("{DELIVERED} AND endpoint = '{}'", endpoint.id), 6).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_answer_is_taken_as_the_documentation_says() {
    on_both(async |url| {
        let one = Process::start(&url, &Clock::manual(T0)).await;
        let inner = Receiver::start(|_| Answer::Status(200)).await;
        let to = format!("http://{}/secret", inner.addr);
        let receiver = Receiver::start(move |got| match got.subject().as_str() {
            "recharge/moved" => Answer::With(301, "location", to.clone()),
            "recharge/busy" => Answer::With(429, "retry-after", "99999".to_owned()),
            "recharge/gone" => Answer::Status(410),
            "recharge/endless" => Answer::Endless,
            _ => Answer::Status(200),
        })
        .await;
        let (endpoint, _) = one.endpoint(&receiver.url()).await;
        one.events(&["recharge/moved", "recharge/busy", "recharge/endless"]).await;
        one.until(ATTEMPTS, 3).await;
        let deliveries = one.webhooks.deliveries(&endpoint.id, None, None, 10).await.unwrap();
        let of = |subject: &str| deliveries.iter().find(|one| one.subject == subject).unwrap();
        let wait = |subject: &str| of(subject).due_at.map(|at| at.minus(T0));
        assert!(wait("recharge/moved").is_some_and(|ms| (4_500..=5_500).contains(&ms)));
        assert_eq!(wait("recharge/busy"), Some(HOUR_MS), "an hour at most");
        assert_eq!(wait("recharge/endless"), None, "64 KiB of it are enough");
        let tries = |subject: &'static str| one.webhooks.delivery(&endpoint.id, &of(subject).event_id);
        assert_eq!(tries("recharge/moved").await.unwrap().2[0].problem, Some(Problem::Redirect));
        assert_eq!(tries("recharge/endless").await.unwrap().2[0].reply.len(), 2048);
        assert_eq!(inner.got().len(), 0, "a redirect is not followed");
        one.events(&["recharge/gone"]).await;
        one.until("webhook_endpoints WHERE disabled_why = 'gone'", 1).await;
        let health = one.webhooks.find(endpoint.id.as_str()).await.unwrap().health;
        assert_eq!(health.disabled.map(|disabled| disabled.why), Some(DisabledWhy::Gone));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_receivers_are_cut_after_15_seconds_and_slow_nobody_else() {
    on_both(async |url| {
        let one = Process::start(&url, &Clock::manual(T0)).await;
        let slow = Receiver::start(|got| match got.seq() % 2 {
            0 => Answer::Late(Duration::from_secs(60), 200),
            _ => Answer::Drops,
        })
        .await;
        let quick = Receiver::start(|_| Answer::Status(200)).await;
        let (endpoint, _) = one.endpoint(&slow.url()).await;
        let (well, _) = one.endpoint(&quick.url()).await;
        let subjects: Vec<_> = (0..30).map(|n| format!("recharge/SM{n}")).collect();
        let all: Vec<_> = subjects.iter().map(String::as_str).collect();
        let began = std::time::Instant::now();
        one.events(&all).await;
        one.until(&format!("{DELIVERED} AND endpoint = '{}'", well.id), 30).await;
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        assert_eq!(slow.got().len(), 8, "at once to one endpoint");
        one.until(ATTEMPTS, 38).await;
        assert!(began.elapsed() >= Duration::from_secs(15));
        let timed_out =
            format!("webhook_attempts WHERE endpoint = '{}' AND problem = 'timeout'", endpoint.id);
        assert_eq!(one.count(&timed_out).await, 8);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_refused_reset_or_no_http_is_tried_again() {
    on_both(async |url| {
        let one = Process::start(&url, &Clock::manual(T0)).await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut some = [0; 16_384];
                let _ = stream.read(&mut some).await;
                // A head that promises more than comes.
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
            }
        });
        let closed = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap()
        };
        let mut wanted = Vec::new();
        for (url, problem) in [
            (format!("http://{addr}/"), "broken"),
            (format!("http://{closed}/"), "connect"),
            (format!("https://{addr}/"), "tls"),
            ("http://nobody.invalid/".to_owned(), "dns"),
        ] {
            wanted.push((one.endpoint(&url).await.0, problem));
        }
        one.events(&["recharge/A"]).await;
        one.until(ATTEMPTS, 4).await;
        assert_eq!(one.count(WAITING).await, 4);
        for (endpoint, problem) in wanted {
            let event = format!("evt_{:026}", 1);
            let (_, _, tries) = one.webhooks.delivery(&endpoint.id, &event).await.unwrap();
            assert_eq!(tries[0].problem.map(Problem::name), Some(problem));
        }
    })
    .await;
}
