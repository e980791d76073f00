//! What people are told of: once for each state by however many instances, in one message after an outage, and signed.
#![allow(clippy::disallowed_methods, reason = "these tests run on the machine's time")]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use crate::common::{Harness, PLACED, on_both};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cashier::alerts::{AlertError, Alerts, Mailer, Message};
use cashier::sealing::SecretKeys;
use cashier::webhooks::{Names, Sender, WebhookSettings};
use cashier::{Clock, Db, Random};
use recharge::alert::{AlertKind, ChannelKind, Choice};
use recharge::audit::Acting;
use ring::hmac;
use serde_json::Value;
use sqlx::AssertSqlSafe;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

const MINUTE: i64 = 60_000;
const WEBHOOK_SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// What stands in for a robot: it takes messages, or answers as it is told.
#[derive(Clone, Default)]
struct Robot {
    got: Arc<Mutex<Vec<(String, Value)>>>,
    answer: Arc<Mutex<Option<(StatusCode, &'static str)>>>,
}

impl Robot {
    async fn listen(&self) -> String {
        async fn take(State(robot): State<Robot>, uri: Uri, body: Bytes) -> (StatusCode, &'static str) {
            if let Some(answer) = *robot.answer.lock().unwrap() {
                return answer;
            }
            let body = serde_json::from_slice(&body).unwrap();
            robot.got.lock().unwrap().push((uri.to_string(), body));
            (StatusCode::OK, r#"{"code":0,"errcode":0}"#)
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/robot?token=t", listener.local_addr().unwrap());
        let app = Router::new().fallback(take).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        url
    }

    fn says(&self, answer: Option<(StatusCode, &'static str)>) {
        *self.answer.lock().unwrap() = answer;
    }

    fn take(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.got.lock().unwrap())
    }
}

/// The subjects of a message, so that tests read what was told.
fn words(message: Message<'_>) -> String {
    let one =
        |alert: &&recharge::alert::Alert| format!("{} {}", alert.raised.kind.name(), alert.raised.shown);
    message.alerts.iter().map(one).collect::<Vec<_>>().join("\n")
}

async fn instance(harness: &Harness, clock: &Clock) -> Alerts {
    instance_with(harness, clock, "a secret of 32 bytes, for a test").await
}

async fn instance_with(harness: &Harness, clock: &Clock, key: &str) -> Alerts {
    made(harness, clock, key, None).await
}

async fn made(harness: &Harness, clock: &Clock, key: &str, mailer: Option<Mailer>) -> Alerts {
    let db = Db::open(&harness.url).await.unwrap();
    let settings = WebhookSettings {
        public_url: "https://pay.example.com".to_owned(),
        networks: vec!["127.0.0.0/8".parse().unwrap()],
        names: Names::system(),
    };
    let keys = SecretKeys::new(key, None);
    let sender = Sender::new(settings, clock.clone()).unwrap();
    Alerts::new(db, clock.clone(), Random::system(), Some(&keys), sender, mailer, words)
}

fn choice(kind: ChannelKind, url: &str, secret: &str) -> Choice {
    Choice {
        kind,
        name: "值班群".to_owned(),
        url: url.to_owned(),
        secret: secret.to_owned(),
        kinds: BTreeSet::new(),
        lang: "zh".to_owned(),
    }
}

fn by() -> Acting {
    Acting::operator("boss", "192.0.2.1")
}

/// Payments that match no order, from the number `from` on.
async fn strays(harness: &Harness, from: usize, count: usize) {
    for n in from..from + count {
        let sql = format!(
            "INSERT INTO exceptions (id, kind, out_trade_no, transaction_id, total_fee, fee_type, first_seen_at, evidence) \
             VALUES ('unknown_order SM{n:06} 42000000{n:06}', 'unknown_order', 'SM{n:06}', '42000000{n:06}', 100, 'CNY', {at}, '{{}}')",
            at = PLACED.get()
        );
        sqlx::query(AssertSqlSafe(sql)).execute(harness.cashier.db().pool()).await.unwrap();
    }
}

fn lines(message: &Value) -> Vec<String> {
    message["content"]["text"].as_str().unwrap().lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn the_merchants_certificate_is_told_of_a_month_before_its_end_until_there_is_another() {
    const DAY: i64 = 24 * 60 * MINUTE;
    on_both(async |harness| {
        let (robot, clock) = (Robot::default(), Clock::manual(PLACED));
        let url = robot.listen().await;
        let alerts = instance(&harness, &clock).await;
        alerts.round(&harness.cashier).await.unwrap();
        alerts.make(choice(ChannelKind::Feishu, &url, ""), &by()).await.unwrap();
        let told = async |ends: Option<i64>| {
            harness.cashier.set_merchant_certificate_ends(ends.map(|ms| PLACED.plus_ms(ms)));
            clock.advance(MINUTE);
            alerts.round(&harness.cashier).await.unwrap();
            let told: Vec<_> = robot.take().iter().flat_map(|(_, message)| lines(message)).collect();
            let work = harness.cashier.work().await.unwrap();
            (told, work.iter().map(|work| work.since).collect::<Vec<_>>())
        };
        assert_eq!(told(None).await, (vec![], vec![]));
        assert_eq!(told(Some(31 * DAY)).await, (vec![], vec![]));
        let since = vec![PLACED.plus_ms(-DAY)];
        let once = vec!["merchant_certificate 2026-04-13".to_owned()];
        assert_eq!(told(Some(29 * DAY)).await, (once, since.clone()));
        assert_eq!(told(Some(29 * DAY)).await, (vec![], since));
        // One that has ended waits as well; a new one ends it.
        assert_eq!(told(Some(-DAY)).await.0, ["merchant_certificate 2026-03-14"]);
        assert_eq!(told(Some(365 * DAY)).await, (vec![], vec![]));
    })
    .await;
}

#[tokio::test]
async fn three_instances_tell_each_thing_once() {
    on_both(async |harness| {
        let (robot, clock) = (Robot::default(), Clock::manual(PLACED));
        let url = robot.listen().await;
        let mut instances = Vec::new();
        for _ in 0..3 {
            instances.push(instance(&harness, &clock).await);
        }
        let round = async || {
            let rounds = instances.iter().map(|alerts| alerts.round(&harness.cashier));
            // One that meets another's statement may fail: its next round makes up for it.
            futures_util::future::join_all(rounds).await;
        };
        round().await;
        instances[0].make(choice(ChannelKind::Feishu, &url, ""), &by()).await.unwrap();
        strays(&harness, 1, 1).await;
        for _ in 0..3 {
            round().await;
            clock.advance(20_000);
        }
        let told = robot.take();
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(lines(&told[0].1), ["exception SM000001"]);

        strays(&harness, 2, 100).await;
        for _ in 0..6 {
            clock.advance(20_000);
            round().await;
        }
        let told = robot.take();
        assert_eq!(told.len(), 1, "a hundred come in one message: {told:?}");
        assert_eq!(lines(&told[0].1).len(), 100);
    })
    .await;
}

#[tokio::test]
async fn what_could_not_be_told_for_an_hour_is_told_afterwards_in_order_and_once() {
    on_both(async |harness| {
        let (robot, clock) = (Robot::default(), Clock::manual(PLACED));
        let (url, alerts) = (robot.listen().await, instance(&harness, &clock).await);
        alerts.make(choice(ChannelKind::WeCom, &url, ""), &by()).await.unwrap();
        robot.says(Some((StatusCode::INTERNAL_SERVER_ERROR, "")));
        let mut tried = 0;
        for n in 1..=180 {
            if n % 60 == 1 {
                strays(&harness, n, 1).await;
            }
            alerts.round(&harness.cashier).await.unwrap();
            let channel = alerts.channels().await.unwrap().remove(0);
            tried = tried.max(channel.failures);
            assert_eq!(channel.problem.as_deref(), Some("status 500"));
            clock.advance(20_000);
        }
        assert!((6..=12).contains(&tried), "an hour has few tries: {tried}");
        robot.says(Some((StatusCode::OK, r#"{"errcode":45009,"errmsg":"api freq out of limit"}"#)));
        clock.advance(10 * MINUTE);
        alerts.round(&harness.cashier).await.unwrap();
        let channel = alerts.channels().await.unwrap().remove(0);
        assert_eq!(channel.problem.as_deref(), Some("45009 api freq out of limit"), "200 alone is no yes");
        robot.says(None);
        for _ in 0..3 {
            clock.advance(10 * MINUTE);
            alerts.round(&harness.cashier).await.unwrap();
        }
        let told = robot.take();
        assert_eq!(told.len(), 1, "{told:?}");
        let text = told[0].1["text"]["content"].as_str().unwrap();
        let at = |n: usize| text.find(&format!("SM{n:06}")).unwrap();
        assert!(at(1) < at(61) && at(61) < at(121), "{text}");
        let channel = alerts.channels().await.unwrap().remove(0);
        assert_eq!((channel.failures, channel.problem), (0, None));
    })
    .await;
}

#[tokio::test]
async fn what_ends_and_begins_again_is_told_again() {
    on_both(async |harness| {
        let (robot, clock) = (Robot::default(), Clock::manual(PLACED));
        let (url, alerts) = (robot.listen().await, instance(&harness, &clock).await);
        alerts.make(choice(ChannelKind::Feishu, &url, ""), &by()).await.unwrap();
        let set = async |sql: &'static str| {
            sqlx::query(sql).execute(harness.cashier.db().pool()).await.unwrap();
        };
        let bad = "UPDATE self_checks SET violations = 2, ended_at = 1 WHERE what = 'whole'";
        let well = "UPDATE self_checks SET violations = 0 WHERE what = 'whole'";
        for (sql, minutes, told) in [(bad, 5, 1), (well, 1, 0), (bad, 2, 0), (well, 5, 0), (bad, 2, 1)] {
            set(sql).await;
            for _ in 0..3 * minutes {
                alerts.round(&harness.cashier).await.unwrap();
                clock.advance(20_000);
            }
            let got = robot.take();
            assert_eq!(got.len(), told, "{sql} {minutes}: {got:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn each_channel_is_told_what_it_wants_in_its_own_form_and_signed() {
    on_both(async |harness| {
        let clock = Clock::manual(PLACED);
        let alerts = instance(&harness, &clock).await;
        let robots = [Robot::default(), Robot::default(), Robot::default(), Robot::default()];
        let secrets = ["SECfeishu", "SECding", "", WEBHOOK_SECRET];
        let kinds = [ChannelKind::Feishu, ChannelKind::DingTalk, ChannelKind::WeCom, ChannelKind::Webhook];
        for ((kind, robot), secret) in kinds.into_iter().zip(&robots).zip(secrets) {
            let url = robot.listen().await;
            alerts.make(choice(kind, &url, secret), &by()).await.unwrap();
        }
        let url = robots[0].listen().await;
        let only = Choice { kinds: [AlertKind::Ledger].into(), ..choice(ChannelKind::Feishu, &url, "") };
        alerts.make(only, &by()).await.unwrap();
        strays(&harness, 1, 1).await;
        alerts.round(&harness.cashier).await.unwrap();
        let [feishu, dingtalk, wecom, webhook] = robots.each_ref().map(Robot::take);
        let [(_, body)] = &feishu[..] else { panic!("{feishu:?}: one channel wants no exceptions") };
        let seconds = (PLACED.get() / 1000).to_string();
        let key = hmac::Key::new(hmac::HMAC_SHA256, format!("{seconds}\nSECfeishu").as_bytes());
        assert_eq!(body["sign"], STANDARD.encode(hmac::sign(&key, b"")));
        assert_eq!(body["timestamp"], seconds);
        let [(path, body)] = &dingtalk[..] else { panic!("{dingtalk:?}") };
        assert!(path.starts_with(&format!("/robot?token=t&timestamp={}&sign=", PLACED.get())), "{path}");
        assert_eq!(
            (&body["msgtype"], &body["text"]["content"]),
            (&"text".into(), &"exception SM000001".into())
        );
        assert_eq!(wecom.len(), 1);
        let [(_, body)] = &webhook[..] else { panic!("{webhook:?}") };
        assert_eq!(body["type"], "alert.raised");
        let alert = &body["data"]["alerts"][0];
        assert_eq!((&alert["kind"], &alert["amount"]), (&"exception".into(), &100.into()));
    })
    .await;
}

#[tokio::test]
async fn the_figures_of_the_day_before_are_told_once_between_half_past_ten_and_two() {
    on_both(async |harness| {
        let (robot, clock) = (Robot::default(), Clock::manual(PLACED));
        let (url, alerts) = (robot.listen().await, instance(&harness, &clock).await);
        alerts.make(choice(ChannelKind::Feishu, &url, ""), &by()).await.unwrap();
        sqlx::query(
            "INSERT INTO days (day, orders, paid, paid_fen, by_query, refunds, refunded_fen, debited_fen, \
             reversed_fen, granted_fen) VALUES ('20260314', 3, 2, 2500, 0, 0, 0, 0, 0, 0)",
        )
        .execute(harness.cashier.db().pool())
        .await
        .unwrap();
        for _ in 0..48 {
            alerts.round(&harness.cashier).await.unwrap();
            clock.advance(30 * MINUTE);
        }
        let told = robot.take();
        assert_eq!(told.len(), 1, "{told:?}");
        let text = told[0].1["content"]["text"].as_str().unwrap();
        assert!(text.contains(r#""paid_fen":2500"#) && text.contains("20260314"), "{text}");
    })
    .await;
}

#[tokio::test]
async fn an_address_that_cannot_be_used_and_a_key_that_opens_nothing_are_said() {
    on_both(async |harness| {
        let (robot, clock) = (Robot::default(), Clock::manual(PLACED));
        let (url, alerts) = (robot.listen().await, instance(&harness, &clock).await);
        for bad in ["https://10.0.0.1/", "ftp://robot", "robot", "https://pay.example.com/x"] {
            let made = alerts.make(choice(ChannelKind::Feishu, bad, ""), &by()).await;
            assert!(matches!(made, Err(AlertError::Url(_))), "{bad} {made:?}");
        }
        let made = alerts.make(choice(ChannelKind::Webhook, &url, "short"), &by()).await;
        assert!(matches!(made, Err(AlertError::Invalid(_))), "{made:?}");
        assert!(alerts.channels().await.unwrap().is_empty());

        let channel = alerts.make(choice(ChannelKind::Feishu, &url, ""), &by()).await.unwrap();
        let kept = format!("{:?}", alerts.channels().await.unwrap());
        assert!(!kept.contains("token=t"), "{kept}");
        alerts.test(channel.id.as_str(), &by()).await.unwrap();
        assert_eq!(robot.take().len(), 1);
        let other = instance_with(&harness, &clock, "another secret of 32 bytes or so").await;
        let tested = other.test(channel.id.as_str(), &by()).await;
        assert!(matches!(tested, Err(AlertError::NoKey)), "{tested:?}");
        strays(&harness, 1, 1).await;
        other.round(&harness.cashier).await.unwrap();
        assert_eq!(alerts.channels().await.unwrap()[0].problem.as_deref(), Some("secret"));
        clock.advance(MINUTE);
        alerts.round(&harness.cashier).await.unwrap();
        assert_eq!(robot.take().len(), 1, "whoever has the key tells it");
        alerts.delete(channel.id.as_str(), &by()).await.unwrap();
        assert!(matches!(alerts.delete(channel.id.as_str(), &by()).await, Err(AlertError::Unknown)));
    })
    .await;
}

/// A server that takes mail, as far as one needs. Source: RFC 5321, 4.1.
async fn smtp() -> (String, Arc<Mutex<Vec<String>>>) {
    async fn take(stream: TcpStream, mails: Arc<Mutex<Vec<String>>>) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        stream.write_all(b"220 mail.test\r\n").await?;
        let (mut line, mut mail) = (String::new(), None::<String>);
        while stream.read_line(&mut line).await? > 0 {
            let answer = match (&mut mail, line.trim_end()) {
                (Some(text), ".") => {
                    mails.lock().unwrap().push(std::mem::take(text));
                    mail = None;
                    "250 taken\r\n"
                }
                (Some(text), _) => {
                    text.push_str(&line);
                    ""
                }
                (None, "DATA") => {
                    mail = Some(String::new());
                    "354 go on\r\n"
                }
                (None, "QUIT") => "221 bye\r\n",
                (None, _) => "250 yes\r\n",
            };
            stream.write_all(answer.as_bytes()).await?;
            line.clear();
        }
        Ok(())
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (url, mails) = (format!("smtp://{}", listener.local_addr().unwrap()), Arc::default());
    let taken = Arc::clone(&mails);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(take(stream, Arc::clone(&taken)));
        }
    });
    (url, mails)
}

#[tokio::test]
async fn a_mailbox_is_told_by_the_sites_own_server_and_waits_while_that_is_away() {
    on_both(async |harness| {
        let clock = Clock::manual(PLACED);
        let without = instance(&harness, &clock).await;
        let made_without = without.make(choice(ChannelKind::Email, "ops@example.com", ""), &by()).await;
        assert!(matches!(made_without, Err(AlertError::NoMail)), "{made_without:?}");
        let (url, mails) = smtp().await;
        let mailer = Mailer::new(&url, "Saoma <saoma@example.com>").unwrap();
        let alerts = made(&harness, &clock, "a secret of 32 bytes, for a test", Some(mailer)).await;
        let made_wrong = alerts.make(choice(ChannelKind::Email, "ops at example.com", ""), &by()).await;
        assert!(matches!(made_wrong, Err(AlertError::Invalid(_))), "{made_wrong:?}");
        alerts.make(choice(ChannelKind::Email, "ops@example.com", ""), &by()).await.unwrap();
        strays(&harness, 1, 2).await;
        without.round(&harness.cashier).await.unwrap();
        assert_eq!(alerts.channels().await.unwrap()[0].problem.as_deref(), Some("smtp_url"));
        clock.advance(MINUTE);
        alerts.round(&harness.cashier).await.unwrap();
        let told = std::mem::take(&mut *mails.lock().unwrap());
        let [mail] = &told[..] else { panic!("{told:?}") };
        for line in ["To: ops@example.com", "From: Saoma <saoma@example.com>", "Subject: exception SM000001"]
        {
            assert!(mail.contains(line), "{line}: {mail}");
        }
        assert!(mail.trim_end().ends_with("exception SM000002"), "{mail}");
        assert_eq!(alerts.channels().await.unwrap()[0].problem, None);
    })
    .await;
}
