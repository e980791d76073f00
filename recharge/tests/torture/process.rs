//! One process of the product: the real cashier and its writer on a runtime of their own. Dropping it is what a crash
//! does: nothing that was under way goes on, and what is in the database stays.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use recharge::cashier::{NoticeAnswer, PlaceError, RefundNoticeAnswer, Wish};
use recharge::refund::{By, RefundWish};
use recharge::{Cashier, Clock, Db, Order, Random, Settings, User};
use sandbox::Sandbox;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use wxpay::client::Client;
use wxpay::v2::notify::{self, Notice};
use wxpay::v2::refund_notice;
use wxpay::{Fen, Merchant, OutRefundNo, OutTradeNo};

use crate::crash::Waits;
use crate::wire::Wire;

/// No process is ever slower than its own timeouts, which run on the machine's clock.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who has not moved for so long waits for another one.
const STALLED: Duration = Duration::from_millis(100);

/// Where the payers press from.
pub const IP: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

/// What all processes of one desk have in common.
#[derive(Debug, Clone)]
pub struct Common {
    pub url: String,
    pub merchant: Merchant,
    pub settings: Settings,
    pub random: Random,
    pub sandbox: Sandbox,
    /// Where processes count how often they wait, if anybody counts.
    pub waits: Option<Arc<Waits>>,
}

/// What an activity led to.
#[derive(Debug)]
pub struct Done {
    pub text: String,
    /// What a page would show.
    pub order: Option<Order>,
}

#[derive(Debug)]
struct Activity {
    name: String,
    /// Presses with the same key wait for each other.
    key: String,
    handle: JoinHandle<Done>,
}

#[derive(Debug)]
pub struct Process {
    pub cashier: Cashier,
    pub wire: Wire,
    activities: Vec<Activity>,
    /// The keys under which one waits for another one here.
    waiting: BTreeSet<String>,
    // After what runs on it.
    pub runtime: Runtime,
}

impl Process {
    pub fn start(common: &Common, clock: Clock, instance: &str) -> Process {
        let runtime = match &common.waits {
            Some(waits) => waits.runtime(),
            None => Builder::new_current_thread().enable_all().build().unwrap(),
        };
        let wire = Wire::new(common.sandbox.clone(), common.waits.is_some());
        let client = Client::in_process(common.merchant.clone(), wire.router());
        // A call that stands still takes no time on the virtual clock.
        let client = client.with_budget(3_600_000, 3_600_000);
        let cashier = runtime.block_on(async {
            let db = Db::open(&common.url).await.unwrap();
            let (settings, random) = (common.settings.clone(), common.random.clone());
            Cashier::start(db, client, settings, clock, random, instance)
        });
        Process { cashier, wire, activities: Vec::new(), waiting: BTreeSet::new(), runtime }
    }

    /// Runs something that does not wait for WeChat to its end.
    pub fn run<T>(&self, what: impl Future<Output = T>) -> T {
        self.runtime.block_on(async { timeout(PATIENCE, what).await.unwrap() })
    }

    /// Begins something that may call WeChat. It goes on when the world lets its calls go on. Of those with the same key
    /// one may have to wait for another.
    pub fn begin(&mut self, name: String, key: &str, what: impl Future<Output = Done> + Send + 'static) {
        let wire = self.wire.clone();
        let handle = self.runtime.spawn(async move {
            let done = what.await;
            wire.changed().notify_one();
            done
        });
        self.activities.push(Activity { name, key: key.to_owned(), handle });
    }

    /// The keys of what is under way.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.activities.iter().map(|activity| activity.key.as_str())
    }

    /// A call for this wish goes on, so whoever waits for it may go on too.
    pub fn moves(&mut self, key: &str) {
        self.waiting.remove(key);
    }

    pub fn is_idle(&self) -> bool {
        self.activities.is_empty()
    }

    /// Runs until every activity has ended or stands still at WeChat. Of those with a key in `may_wait` one may wait for
    /// another one instead. Answers those that have ended.
    pub fn settle(&mut self, may_wait: BTreeSet<String>) -> Vec<(String, Done)> {
        let Process { runtime, wire, activities, waiting, .. } = self;
        // Of these the other one is on another machine.
        let here = |key: &String| activities.iter().filter(|activity| activity.key == *key).count();
        let alone: BTreeSet<_> = may_wait.iter().filter(|key| here(key) == 1).cloned().collect();
        runtime.block_on(async {
            loop {
                let mut under_way: BTreeMap<&str, usize> = BTreeMap::new();
                let unfinished = activities.iter().filter(|activity| !activity.handle.is_finished());
                unfinished.for_each(|activity| *under_way.entry(&activity.key).or_default() += 1);
                let moving = under_way.values().sum::<usize>().saturating_sub(wire.held().len());
                let elsewhere = |key: &String| may_wait.contains(key) && alone.contains(key);
                waiting.retain(|key| under_way.get(key.as_str()).is_some_and(|n| *n > 1 || elsewhere(key)));
                if moving <= waiting.len() {
                    return;
                }
                let may: Vec<_> = may_wait.iter().filter(|key| !waiting.contains(*key)).collect();
                let stalls = moving <= waiting.len() + may.len();
                if timeout(if stalls { STALLED } else { PATIENCE }, wire.changed().notified()).await.is_err()
                {
                    // Nobody can see that one has come to a lock. It stays there until the other one moves.
                    assert!(stalls, "neither ended nor at WeChat: {activities:?}");
                    let newest = activities.last().map(|newest| &newest.key).filter(|key| may.contains(key));
                    let waits = newest.or(may.first().copied()).cloned();
                    waiting.extend(waits);
                }
            }
        });
        let mut ended = Vec::new();
        for activity in std::mem::take(activities) {
            if activity.handle.is_finished() {
                ended.push((activity.name, runtime.block_on(activity.handle).unwrap()));
            } else {
                activities.push(activity);
            }
        }
        ended
    }
}

/// Takes a notice as the server does.
pub async fn take_notice(cashier: &Cashier, merchant: &Merchant, body: &str) -> (u16, String) {
    let answer = match notify::read(body.as_bytes(), merchant) {
        Ok(Notice::Paid(payment)) => match cashier.settle(payment, "203.0.113.41").await {
            Ok(NoticeAnswer::Success(_)) => notify::success(),
            Ok(NoticeAnswer::Fail(_)) => notify::fail("稍后再试"),
            Err(_) => return (503, notify::fail("稍后再试")),
        },
        Ok(Notice::NotPaid { .. }) => notify::success(),
        Err(error) => notify::fail(error.return_msg()),
    };
    (200, answer)
}

/// Takes a notice about a refund as the server does.
pub async fn take_refund_notice(cashier: &Cashier, merchant: &Merchant, body: &str) -> (u16, String) {
    let Ok(notice) = refund_notice::read(body.as_bytes(), merchant) else {
        return (200, notify::fail("参数格式校验错误"));
    };
    match cashier.take_refund_notice(notice, "203.0.113.41").await {
        Ok(RefundNoticeAnswer::Success) => (200, notify::success()),
        Ok(RefundNoticeAnswer::Fail) => (200, notify::fail("稍后再试")),
        Err(_) => (503, notify::fail("稍后再试")),
    }
}

pub async fn press(cashier: Cashier, wish: Wish) -> Done {
    shown(cashier.place(wish).await)
}

pub async fn new_code(cashier: Cashier, number: OutTradeNo, seen: i64) -> Done {
    shown(cashier.new_code(number, seen).await)
}

pub async fn ask(cashier: Cashier, number: OutTradeNo) -> Done {
    let asked = cashier.ask(&number, "operator").await;
    Done { text: asked.unwrap_or_else(|error| error.to_string()), order: None }
}

pub async fn close(cashier: Cashier, number: OutTradeNo) -> Done {
    match cashier.close(&number, "operator").await {
        Ok(order) => Done { text: order.state.name().to_owned(), order: Some(order) },
        Err(error) => Done { text: error.to_string(), order: None },
    }
}

/// One order at a time, so that the order in which WeChat is asked is the seed's and not that of the machine's threads.
pub async fn ask_due(cashier: Cashier) -> Done {
    Done { text: format!("asked about {}", cashier.ask_due(1).await.unwrap()), order: None }
}

/// The same for refunds.
pub async fn drive_refunds(cashier: Cashier) -> Done {
    Done { text: format!("drove {}", cashier.drive_refunds(1).await.unwrap()), order: None }
}

pub async fn withdraw(cashier: Cashier, number: OutRefundNo) -> Done {
    let withdrawn = cashier.withdraw_refund(&number, by()).await;
    let text = withdrawn.map(|refund| refund.state.name().to_owned());
    Done { text: text.unwrap_or_else(|error| error.to_string()), order: None }
}

pub fn by() -> By {
    By { operator: "lin".to_owned(), address: "203.0.113.9".to_owned() }
}

pub fn refund_wish(number: &OutTradeNo, fen: i64) -> RefundWish {
    RefundWish {
        out_trade_no: number.clone(),
        out_refund_no: OutRefundNo::parse("RF0000000001").unwrap(),
        amount: Fen::new(fen),
        reason: "商品已售完".to_owned(),
        even_if_balance_low: false,
    }
}

pub fn wish(user: &str, fee: i64) -> Wish {
    let user = User::new(user, "小林").unwrap();
    Wish { user, total_fee: Fen::new(fee), bonus: Fen::new(fee / 10), ip: IP }
}

pub fn number(text: &str) -> OutTradeNo {
    OutTradeNo::parse(text).unwrap()
}

fn shown(placed: Result<Order, PlaceError>) -> Done {
    match placed {
        Ok(order) => {
            let version = order.code().map_or(0, |code| code.version);
            let text = format!("{} {} code {version}", order.out_trade_no, order.state.name());
            Done { text, order: Some(order) }
        }
        Err(error) => Done { text: error.to_string(), order: None },
    }
}
