//! A site that sells and gives back, as integrators do: recharges under references, payers whose notices are all lost, refunds. Each story
//! is told until it is over, and each of its calls is repeated until it is answered.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cashier::Db;
use recharge::User;
use serde_json::{Value, json};
use server::user_token::UserTokens;
use sqlx::Row as _;
use tokio::task::JoinSet;
use tokio::time::sleep;
use wxpay::UnixMillis;

use super::super::client;
use super::super::process::SECRET;

/// What a site waits for an answer.
const PATIENCE: Duration = Duration::from_secs(8);
const AGAIN_AFTER: Duration = Duration::from_millis(250);
/// What is paid, and given back: ten units.
const FEN: i64 = 1000;

/// What was answered about one sale.
#[derive(Default, Clone)]
struct Story {
    order: Option<String>,
    is_credited: bool,
    refund: Option<String>,
    is_refunded: bool,
}

pub struct Shop {
    addr: String,
    sandbox: String,
    key: String,
    http: reqwest::Client,
    group: u32,
    stories: Mutex<Vec<Story>>,
    stopped: AtomicBool,
}

impl Shop {
    pub fn new(addr: &str, sandbox: &str, key: &str) -> Arc<Shop> {
        Arc::new(Shop {
            addr: addr.to_owned(),
            sandbox: sandbox.to_owned(),
            key: key.to_owned(),
            http: client(),
            group: rand::random(),
            stories: Mutex::default(),
            stopped: AtomicBool::new(false),
        })
    }

    /// Starts `at_once` tasks, each of which sells one thing after the other until [`Shop::stop`]; a sale that has begun goes on to its
    /// refund.
    pub fn run(self: &Arc<Shop>, at_once: usize) -> JoinSet<()> {
        let mut telling = JoinSet::new();
        for _ in 0..at_once {
            let shop = Arc::clone(self);
            telling.spawn(async move {
                // Not in step with each other: something is always due.
                sleep(Duration::from_millis(rand::random_range(0..12_000))).await;
                while !shop.stopped.load(Ordering::SeqCst) {
                    let n = {
                        let mut stories = shop.stories.lock().unwrap();
                        stories.push(Story::default());
                        stories.len() - 1
                    };
                    shop.tell(n).await;
                }
            });
        }
        telling
    }

    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    /// Stories that are over.
    pub fn over(&self) -> usize {
        self.stories.lock().unwrap().iter().filter(|story| story.is_refunded).count()
    }

    fn user(&self, n: usize) -> String {
        format!("shop-{}-{n}", self.group)
    }

    async fn tell(&self, n: usize) {
        let (user, group) = (self.user(n), self.group);
        let note = |change: &dyn Fn(&mut Story)| change(&mut self.stories.lock().unwrap()[n]);
        let wish = json!({"user": user, "quantity": 10, "reference": format!("cart-{group}-{n}")});
        let placed = self.until("/api/v1/recharges", &wish, |placed| placed["code_url"].is_string()).await;
        let number = text(&placed, "out_trade_no");
        note(&|story| story.order = Some(number.clone()));
        self.pay(&text(&placed, "code_url")).await;
        // A payer whose page is open: WeChat is asked about it every few seconds.
        let payer = User::new(user, "小林").unwrap();
        let token = UserTokens::new(SECRET.as_bytes()).issue(&payer, UnixMillis::now(), 3600).unwrap();
        loop {
            let status =
                self.http.get(format!("http://{}/wxpay/recharge/{number}", self.addr)).bearer_auth(&token);
            if self.answered(status).await.is_some_and(|order| order["state"] == "paid") {
                break;
            }
            sleep(AGAIN_AFTER).await;
        }
        note(&|story| story.is_credited = true);
        sleep(Duration::from_millis(rand::random_range(0..2_000))).await;
        let path = format!("/api/v1/recharges/{number}/refunds");
        let wish = json!({"reference": format!("back-{group}-{n}"), "amount": FEN, "reason": "退货"});
        let asked = self.until(&path, &wish, |_| true).await;
        note(&|story| story.refund = Some(text(&asked, "out_refund_no")));
        loop {
            let order = self
                .http
                .get(format!("http://{}/api/v1/recharges/{number}", self.addr))
                .bearer_auth(&self.key);
            if self.answered(order).await.is_some_and(|order| order["refunded"] == FEN) {
                break;
            }
            sleep(AGAIN_AFTER).await;
        }
        note(&|story| story.is_refunded = true);
    }

    /// Posts until it is answered as it should be.
    async fn until(&self, path: &str, body: &Value, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let call =
                self.http.post(format!("http://{}{path}", self.addr)).bearer_auth(&self.key).json(body);
            if let Some(answer) = self.answered(call).await.filter(&is_it) {
                return answer;
            }
            sleep(AGAIN_AFTER).await;
        }
    }

    /// The answer; `None` where there is none, or one that says to come again.
    async fn answered(&self, call: reqwest::RequestBuilder) -> Option<Value> {
        let answer = call.timeout(PATIENCE).send().await.ok()?;
        let status = answer.status();
        let text = answer.text().await.ok()?;
        assert!(status.is_success() || status.is_server_error() || status == 429, "{status}: {text}");
        status.is_success().then(|| serde_json::from_str(&text).unwrap())
    }

    /// Pays with a phone. WeChat is not what is tried here: it answers.
    async fn pay(&self, code_url: &str) {
        let call =
            self.http.post(format!("{}/control/pay", self.sandbox)).json(&json!({"code_url": code_url}));
        let answer = call.send().await.unwrap();
        let status = answer.status();
        assert!(status.is_success(), "{status}: {}", answer.text().await.unwrap());
    }

    /// What must hold at every moment: whatever was answered is there, once, and nothing is there that nobody asked for.
    pub async fn hold(&self, database: &str) {
        let stories = self.stories.lock().unwrap().clone();
        let db = Db::open(database).await.unwrap();
        let like = format!("shop-{}-%", self.group);
        let count = async |sql: &'static str| -> HashMap<String, (String, i64)> {
            let rows = sqlx::query(sql).bind(&like).fetch_all(db.pool()).await.unwrap();
            rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect()
        };
        let orders = "SELECT o.user_id, MIN(o.out_trade_no), COUNT(*) FROM orders AS o WHERE o.user_id LIKE $1 GROUP BY o.user_id";
        let credits = "SELECT l.out_trade_no, MIN(l.user_id), CAST(SUM(l.amount) AS BIGINT) FROM ledger AS l \
            WHERE l.user_id LIKE $1 AND l.amount > 0 GROUP BY l.out_trade_no";
        let refunds = "SELECT r.out_trade_no, MIN(r.out_refund_no), COUNT(*) FROM refunds AS r \
            WHERE r.user_id LIKE $1 GROUP BY r.out_trade_no";
        // In the order in which a story goes: what is read first was there when the rest is read.
        let (refunds, credits, orders) = (count(refunds).await, count(credits).await, count(orders).await);
        db.pool().close().await;
        for (n, story) in stories.iter().enumerate() {
            let user = self.user(n);
            if let Some(number) = &story.order {
                assert_eq!(orders.get(&user), Some(&(number.clone(), 1)), "{user}: its order");
                let credit = credits.get(number);
                assert!(
                    credit.is_some() || !story.is_credited,
                    "{number} was shown as paid and is not credited"
                );
                assert!(credit.is_none_or(|credit| credit == &(user.clone(), FEN)), "{number}: {credit:?}");
                let refund = refunds.get(number);
                let known = story.refund.clone().map(|refund| (refund, 1));
                assert!(
                    known.is_none() || refund == known.as_ref(),
                    "{number}: {refund:?}, and {known:?} was answered"
                );
                assert!(refund.is_none_or(|refund| refund.1 == 1), "{number}: {refund:?}");
            }
        }
        assert!(
            orders.len() <= stories.len() || !self.stopped.load(Ordering::SeqCst),
            "orders that nobody asked for"
        );
    }
}

fn text(answer: &Value, name: &str) -> String {
    answer[name].as_str().unwrap_or_else(|| panic!("no {name} in {answer}")).to_owned()
}
