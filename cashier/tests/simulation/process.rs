//! One process: the real cashier and its writer on a runtime of their own. Dropping it is a crash: work under way ends, and what
//! is in the database stays.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;

use cashier::ResolveError;
use cashier::db::{Fate, Step, Turnstile};
use cashier::sealing::SecretKeys;
use cashier::webhooks::Webhooks;
use cashier::{Cashier, Clock, Db, PlaceError, PlaceRequest, Random, Settings};
use rand::RngExt;
use rand::rngs::StdRng;
use recharge::ExceptionId;
use recharge::audit::Acting;
use recharge::exception::resolution::Decision;
use recharge::refund::RefundRequest;
use recharge::{Order, Terms, User, Way};
use sandbox::Sandbox;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use wxpay::client::Client;
use wxpay::{Fen, OutRefundNo, OutTradeNo};

use crate::hooks::Hooks;
use crate::idle::Idle;
use crate::merchant::Identity;
use crate::network::Network;
use crate::notices::Note;
use crate::receiving::{Answer, Receiver};
use crate::spending::{SpendCall, Told};

/// Where the payers press from.
pub const IP: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

/// What all processes of one installation share.
#[derive(Debug, Clone)]
pub struct Common {
    pub url: String,
    pub identity: Identity,
    pub settings: Settings,
    pub random: Random,
    /// Ids of audit rows: a sequence of its own, which no choice of the seed depends on.
    pub ids: Random,
    pub sandbox: Sandbox,
}

/// What an activity led to.
#[derive(Debug)]
pub struct Done {
    pub text: String,
    pub news: News,
}

/// What it tells the world.
#[derive(Debug)]
pub enum News {
    Nothing,
    /// A page would show this order.
    Shown(Box<Order>),
    /// A payer took this order back.
    TakenBack(Box<Order>),
    /// A wish for a refund is kept; whether its payer owns the order.
    Wished {
        id: String,
        is_own: bool,
    },
    /// A notice was answered.
    Answered(Box<Note>, Answer),
    /// The site hears what became of a call by key.
    Spent(SpendCall, Told),
    /// An operator did not settle this exception.
    NotSettled(String),
}

#[derive(Debug)]
struct Activity {
    name: String,
    handle: JoinHandle<Done>,
}

#[derive(Debug)]
pub struct Process {
    pub cashier: Cashier,
    pub webhooks: Webhooks,
    pub hooks: Hooks,
    wechat: Client,
    pub network: Network,
    /// Of a hundred steps to the database so many stand still until the world lets them go on.
    pub holds: u32,
    /// And so many of a hundred fail there, be it that they are done and nobody hears so.
    pub failures: u32,
    rng: StdRng,
    turnstile: Turnstile,
    /// The steps that stand still.
    held: BTreeSet<usize>,
    activities: Vec<Activity>,
    pub idle: Idle,
    // After what runs on it.
    pub runtime: Runtime,
}

impl Process {
    pub fn start(common: &Common, clock: Clock, instance: &str, rng: StdRng) -> Process {
        let turnstile = Turnstile::closed();
        let idle = Idle::new(turnstile.clone());
        let runtime = idle.runtime();
        let network = Network::new(common.sandbox.clone());
        let client = Client::in_process(common.identity.credentials(), network.router());
        // A call that stands still takes no time on the virtual clock.
        let wechat = client.with_budget(3_600_000, 3_600_000);
        let hooks = Hooks::default();
        let (cashier, webhooks) = runtime.block_on(async {
            let db = Db::open_behind(&common.url, turnstile.clone()).await.unwrap();
            let db = db.with_random(common.ids.clone());
            let (settings, random) = (common.settings.clone(), common.random.clone());
            let keys = SecretKeys::new("a secret of 32 bytes, for a test", None);
            let (of_hooks, ids) = (clock.clone(), common.ids.clone());
            let webhooks = Webhooks::in_process(db.clone(), of_hooks, ids, &keys, hooks.site());
            (Cashier::start(db, wechat.clone(), settings, clock, random, instance), webhooks)
        });
        let (held, activities) = (BTreeSet::new(), Vec::new());
        let (holds, failures) = (0, 0);
        let mut process = Process {
            cashier,
            webhooks,
            hooks,
            wechat,
            network,
            holds,
            failures,
            rng,
            turnstile,
            held,
            activities,
            idle,
            runtime,
        };
        if common.identity.v3.is_some() {
            let cashier = process.cashier.clone();
            process.run(cashier.load_wechat_keys()).unwrap();
        }
        process
    }

    /// Takes its notices.
    pub fn receiver(&self) -> Receiver {
        Receiver { cashier: self.cashier.clone(), wechat: self.wechat.clone() }
    }

    /// Runs something that does not wait for WeChat to its end. Other things may go on meanwhile, as far as they come.
    pub fn run<T>(&mut self, what: impl Future<Output = T>) -> T {
        let mut what = pin!(what);
        loop {
            if let Some(done) = self.idle.until_idle(&self.runtime, what.as_mut()) {
                return done;
            }
            let waiting = self.turnstile.waiting();
            let fresh = self.fresh();
            // What stands still goes on only if this cannot end without it.
            let step = match (fresh.is_empty(), waiting.is_empty()) {
                (false, _) => fresh[self.rng.random_range(0..fresh.len())],
                (true, false) => waiting[self.rng.random_range(0..waiting.len())],
                (true, true) => panic!("waits for what never comes, beside {:?}", self.activities),
            };
            self.let_in(step.number);
        }
    }

    /// Begins something that may call WeChat. It goes on when the world lets its calls go on.
    pub fn begin(&mut self, name: String, what: impl Future<Output = Done> + Send + 'static) {
        let handle = self.runtime.spawn(what);
        self.activities.push(Activity { name, handle });
    }

    pub fn is_idle(&self) -> bool {
        self.activities.is_empty()
    }

    /// How many steps to the database stand still.
    pub fn held_steps(&mut self) -> usize {
        let waiting = self.turnstile.waiting();
        self.held.retain(|held| waiting.iter().any(|step| step.number == *held));
        self.held.len()
    }

    /// Lets one of them go on.
    pub fn let_step_go(&mut self, index: usize) {
        if let Some(step) = self.held.iter().nth(index).copied() {
            self.held.remove(&step);
            self.let_in(step);
        }
    }

    fn let_in(&mut self, step: usize) {
        let fate = match self.rng.random_range(0..100) < self.failures {
            true => [Fate::Refused, Fate::Unheard][self.rng.random_range(0..2)],
            false => Fate::Done,
        };
        self.turnstile.let_in(step, fate);
    }

    /// Writes so many transactions and stands still before the next one. `false` if nothing goes on any more before that.
    pub fn stop_before_writing(&mut self, writes: &mut usize) -> bool {
        loop {
            self.step();
            let Some(step) = self.fresh().first().copied() else { return false };
            if step.writes && *writes == 0 {
                self.held.insert(step.number);
                return true;
            }
            *writes -= usize::from(step.writes);
            self.let_in(step.number);
        }
    }

    fn step(&self) {
        self.idle.until_idle(&self.runtime, std::future::pending::<()>());
    }

    /// The steps to the database of which nobody has said that they stand still.
    fn fresh(&self) -> Vec<Step> {
        let mut waiting = self.turnstile.waiting();
        waiting.retain(|step| !self.held.contains(&step.number));
        waiting
    }

    /// Runs until nothing goes on any more by itself. Answers the activities that have ended.
    pub fn take_finished(&mut self) -> Vec<(String, Done)> {
        loop {
            self.step();
            let fresh = self.fresh();
            if fresh.is_empty() {
                break;
            }
            let step = fresh[self.rng.random_range(0..fresh.len())];
            // What was read long ago matters only to one who is about to write.
            let holds = if step.writes { self.holds } else { self.holds / 4 };
            if self.rng.random_ratio(holds, 100) {
                self.held.insert(step.number);
            } else {
                self.let_in(step.number);
            }
        }
        let mut ended = Vec::new();
        for activity in std::mem::take(&mut self.activities) {
            if activity.handle.is_finished() {
                ended.push((activity.name, self.runtime.block_on(activity.handle).unwrap()));
            } else {
                self.activities.push(activity);
            }
        }
        ended
    }
}

impl Done {
    pub fn said(text: impl Into<String>) -> Done {
        Done { text: text.into(), news: News::Nothing }
    }
}

pub async fn press(cashier: Cashier, wish: PlaceRequest) -> Done {
    shown(cashier.place(wish).await)
}

pub async fn new_code(cashier: Cashier, number: OutTradeNo, seen: i64) -> Done {
    shown(cashier.new_code(number, seen).await)
}

pub async fn ask(cashier: Cashier, number: OutTradeNo) -> Done {
    let asked = cashier.query(&number, "operator").await;
    Done::said(match asked {
        Ok(Some(state)) => state.as_str().to_owned(),
        Ok(None) => "no such order".to_owned(),
        Err(error) => error.to_string(),
    })
}

pub async fn close(cashier: Cashier, number: OutTradeNo) -> Done {
    match cashier.close(&number, "operator").await {
        Ok(order) => Done { text: order.state.name().to_owned(), news: News::Shown(Box::new(order)) },
        Err(error) => Done::said(error.to_string()),
    }
}

/// A notice is taken in by and by; WeChat does not wait so long for the answer.
pub async fn slow_notice(receiver: Receiver, note: Note) -> Done {
    let answer = receiver.take(&note.posted).await;
    Done { text: String::new(), news: News::Answered(Box::new(note), answer) }
}

/// The list of WeChat's certificates is read again if that is due.
pub async fn refresh_keys(cashier: Cashier) -> Done {
    let read = cashier.refresh_wechat_keys().await;
    Done::said(read.map_or_else(|error| error.to_string(), |read| format!("read: {read}")))
}

pub async fn query_due(cashier: Cashier, most: usize) -> Done {
    let asked = cashier.query_due(most).await;
    Done::said(asked.map_or_else(|error| error.to_string(), |asked| format!("asked about {asked}")))
}

pub async fn advance_refunds(cashier: Cashier, most: usize) -> Done {
    let driven = cashier.advance_refunds(most).await;
    Done::said(driven.map_or_else(|error| error.to_string(), |driven| format!("drove {driven}")))
}

pub async fn reconcile(cashier: Cashier) -> Done {
    let done = cashier.reconcile_due().await;
    Done::said(match done {
        Ok(Some(day)) => format!("{} has {} matched and {} open", day.date, day.figures.matched, day.open),
        Ok(None) => "no day is due".to_owned(),
        Err(error) => error.to_string(),
    })
}

pub async fn refund(cashier: Cashier, wish: RefundRequest) -> Done {
    let refunded = cashier.refund(wish, by()).await;
    Done::said(refunded.map_or_else(|error| error.to_string(), |refund| refund.state.name().to_owned()))
}

pub async fn resolve_exception(cashier: Cashier, id: ExceptionId, decision: Decision) -> Done {
    match cashier.resolve_exception(&id, decision, None, by()).await {
        Ok(_) => Done::said("done"),
        // Nobody knows what became of it.
        Err(error @ ResolveError::Write(_)) => Done::said(error.to_string()),
        Err(error) => Done { text: error.to_string(), news: News::NotSettled(id.to_string()) },
    }
}

pub async fn withdraw(cashier: Cashier, number: OutRefundNo) -> Done {
    let withdrawn = cashier.withdraw_refund(&number, None, by()).await;
    let text = withdrawn.map(|refund| refund.state.name().to_owned());
    Done::said(text.unwrap_or_else(|error| error.to_string()))
}

pub fn by() -> Acting {
    Acting::operator("lin", "203.0.113.9")
}

pub fn refund_wish(number: &OutTradeNo, fen: i64) -> RefundRequest {
    RefundRequest {
        out_trade_no: number.clone(),
        out_refund_no: OutRefundNo::parse("RF0000000001").unwrap(),
        amount: Fen::new(fen),
        reason: "商品已售完".to_owned(),
        even_if_balance_low: false,
        reference: None,
        exception: None,
        seen_version: None,
    }
}

pub fn wish(user: &str, fee: i64, way: Way) -> PlaceRequest {
    let user = User::new(user, "小林").unwrap();
    PlaceRequest {
        user,
        total_fee: Fen::new(fee),
        bonus: Fen::new(fee / 10),
        ip: IP,
        way,
        terms: Terms::default(),
        by_key: None,
    }
}

pub fn number(text: &str) -> OutTradeNo {
    OutTradeNo::parse(text).unwrap()
}

fn shown(placed: Result<Order, PlaceError>) -> Done {
    match placed {
        Ok(order) => {
            let version = order.issued().map_or(0, |issued| issued.version);
            let text = format!("{} {} code {version}", order.out_trade_no, order.state.name());
            Done { text, news: News::Shown(Box::new(order)) }
        }
        Err(error) => Done::said(error.to_string()),
    }
}
