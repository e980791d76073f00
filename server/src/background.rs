//! Background tasks: the loops that run the cashier's steps.

use std::{future::Future, time::Duration};

use cashier::{
    Cashier,
    db::{changes::Change, self_checks::Scope},
    error_chain::error_chain,
    pulse::Pulse,
};
use tokio::{
    sync::{Semaphore, mpsc},
    task::{JoinHandle, JoinSet},
    time::{MissedTickBehavior, interval},
};

use app::service::Service;

use crate::state::Server;

/// Time between two rounds of queries; short, so that a watched order waits little.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// Rounds of queries under way at a time: an answer may take 7 s, and an outage would pile them up.
const ROUNDS: usize = 8;
const REFUNDS_EVERY: Duration = Duration::from_secs(1);
const REFUNDS_AT_ONCE: usize = 20;
/// Interval between two steps that end expired holds. A debit or capture counts a hold as expired from `expires_at` on, whether
/// this step has run or not.
const HOLDS_EVERY: Duration = Duration::from_secs(1);
const NUMBER_EVERY: Duration = Duration::from_secs(1);
/// Which events endpoints ask for by name is read once in this many of those.
const ASKED_ROUNDS: u64 = 3;
const TIDY_EVERY: Duration = Duration::from_secs(5);
/// Old deliveries are deleted once in this many rounds of tidying: once a minute.
const WEBHOOK_ROUNDS: u64 = 12;
/// Steps that delete old events in one round of tidying.
const EVENTS_STEPS: usize = 10;
/// Old failed sign-ins and sessions are deleted once in this many rounds of tidying: once an hour.
const PRUNE_ROUNDS: u64 = 720;
/// Time between two looks whether WeChat's platform certificates are due.
const KEYS_EVERY: Duration = Duration::from_secs(300);
/// Time between two readings of the desk's settings: what is changed at another instance counts within 5 s even if nobody tells of it.
const SETTINGS_EVERY: Duration = Duration::from_secs(4);
/// Time between two looks whether a self-check is due; the database's own rows say when.
const CHECK_EVERY: Duration = Duration::from_secs(30);
/// Time between two looks for a day that is due; the day's own row says when it is tried again.
const RECONCILE_EVERY: Duration = Duration::from_secs(60);
/// A step of most loops takes far less, a statement of the database some seconds at most.
const A_MINUTE: Duration = Duration::from_secs(60);
const AN_HOUR: Duration = Duration::from_secs(3600);

/// All background tasks; dropping it ends them.
#[derive(Debug)]
pub struct Background {
    _loops: JoinSet<()>,
}

pub fn start(server: &Server, query_limit_per_s: u32) -> Background {
    let mut loops = Loops { server: server.clone(), tasks: JoinSet::new() };
    loops.run("queries", A_MINUTE, move |server, pulse| {
        query_due(server.cashier.clone(), query_limit_per_s, pulse)
    });
    loops.run("changes of other instances", A_MINUTE, follow_changes);
    loops.run("numbering of events", A_MINUTE, |server, pulse| number_events(server.cashier.clone(), pulse));
    loops.run("refunds", A_MINUTE, |server, pulse| refunds(server.cashier.clone(), pulse));
    loops.run("expiry of holds", A_MINUTE, |server, pulse| expire_holds(server.cashier.clone(), pulse));
    loops.run("the self-check", AN_HOUR, |server, pulse| check(server.cashier.clone(), Scope::Moved, pulse));
    loops.run("the daily self-check", 12 * AN_HOUR, |server, pulse| {
        check(server.cashier.clone(), Scope::Whole, pulse)
    });
    loops.run("reconciling", 6 * AN_HOUR, |server, pulse| reconcile(server.cashier.clone(), pulse));
    loops.run("WeChat's certificates", A_MINUTE, |server, pulse| wechat_keys(server.cashier.clone(), pulse));
    loops.run("news for webhooks", A_MINUTE, |server, _| poke_webhooks(server));
    loops.run("settings of the desk", A_MINUTE, |server, pulse| reread_settings(server.pages.clone(), pulse));
    loops.run("webhooks", A_MINUTE, |server, pulse| async move { server.pages.webhooks.run(&pulse).await });
    loops.run("alerts", A_MINUTE, |server, pulse| async move {
        server.pages.alerts.run(&server.cashier, &pulse).await;
    });
    loops.run("notices of 易支付", A_MINUTE, |server, pulse| async move { server.epay.run(&pulse).await });
    loops.run("tidying", 5 * A_MINUTE, tidy);
    Background { _loops: loops.tasks }
}

/// The background tasks while they are started.
struct Loops {
    server: Server,
    tasks: JoinSet<()>,
}

impl Loops {
    /// Runs one for ever. A step of it that takes longer than `patience` is shown by `/livez`.
    fn run<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        name: &'static str,
        patience: Duration,
        run: impl Fn(Server, Pulse) -> F + Send + 'static,
    ) {
        let (server, pulse) = (self.server.clone(), self.server.heartbeats.pulse(name, patience));
        self.tasks.spawn(supervised(name, move || run(server.clone(), pulse.clone())));
    }
}

/// Runs a loop for ever and restarts it a second after a panic.
async fn supervised<F: Future<Output = ()> + Send + 'static>(name: &'static str, run: impl Fn() -> F) {
    loop {
        let Stops(task) = &mut Stops(tokio::spawn(run()));
        match task.await {
            Ok(()) => return,
            Err(error) => tracing::error!(%error, "background task {name} panicked, restarting"),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// A task that is aborted when this is dropped.
struct Stops(JoinHandle<()>);

impl Drop for Stops {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Starts at most `per_s` queries a second, spread over the second, and does not wait for the answers.
async fn query_due(cashier: Cashier, per_s: u32, pulse: Pulse) {
    let rounds = std::sync::Arc::new(Semaphore::new(ROUNDS));
    let mut ticks = interval(ASK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut even = false;
    loop {
        ticks.tick().await;
        even = !even;
        // 21 a second are 11 and 10.
        let limit = (per_s + u32::from(even)) / 2;
        let place = std::sync::Arc::clone(&rounds).acquire_owned();
        let Ok(round) = pulse.during(place).await else { return };
        if limit == 0 {
            continue;
        }
        let cashier = cashier.clone();
        tokio::spawn(async move {
            if let Err(error) = cashier.query_due(limit as usize).await {
                tracing::warn!(%error, "could not look which orders are due");
            }
            drop(round);
        });
    }
}

/// Follows the notifications of other instances' commits, so that a page that is answered here shows them at once.
async fn follow_changes(server: Server, pulse: Pulse) {
    let cashier = &server.cashier;
    let mut changes = cashier.db().changes();
    let mut reread = interval(TIDY_EVERY);
    reread.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut names = Vec::new();
    loop {
        tokio::select! {
            heard = heard(changes.as_mut(), &mut names) => {
                if heard == 0 {
                    return;
                }
                let mut changes: Vec<_> = names.drain(..).filter_map(|text| Change::parse(&text)).collect();
                let numbers = changes.extract_if(.., |change| matches!(change, Change::Order(_)));
                let numbers: Vec<_> = numbers.filter_map(Change::order).collect();
                pulse.during(cashier.changed_elsewhere(&numbers)).await;
                changes.dedup();
                for change in changes {
                    pulse.during(hear(&server, &change)).await;
                }
            }
            // A message may have been lost with its connection, or a commit's own answer.
            _ = reread.tick() => pulse.during(cashier.reread_watched()).await,
        }
    }
}

/// What another instance did that is not about an order.
async fn hear(server: &Server, change: &Change) {
    let cashier = &server.cashier;
    let heard = match change {
        Change::Order(_) => Ok(()),
        Change::Committed => {
            cashier.poke_numbering();
            Ok(())
        }
        Change::Numbered => cashier.hear_numbers().await,
        Change::Endpoints => cashier.refresh_asked().await,
        Change::Keys => {
            server.pages.keys.forget().await;
            Ok(())
        }
        Change::Settings => server.pages.reread_settings().await,
    };
    if let Err(error) = heard {
        tracing::warn!(%error, "a change of another instance could not be read");
    }
}

/// Settings that another instance's desk changed, where its message was lost.
async fn reread_settings(pages: Service, pulse: Pulse) {
    let mut ticks = interval(SETTINGS_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = pulse.during(pages.reread_settings()).await {
            tracing::warn!(%error, "the desk's settings could not be read");
        }
    }
}

/// Gives committed events their numbers: at once after this process's own commits, and each second those of others whose message was
/// lost.
async fn number_events(cashier: Cashier, pulse: Pulse) {
    let mut ticks = interval(NUMBER_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut rounds = 0_u64;
    loop {
        let poked = tokio::select! {
            () = cashier.events_committed() => true,
            _ = ticks.tick() => false,
        };
        if let Err(error) = pulse.during(cashier.number_events(poked)).await {
            tracing::warn!("events could not be numbered: {}", error_chain(&error));
            tokio::time::sleep(NUMBER_EVERY).await;
        }
        if !poked {
            if rounds.is_multiple_of(ASKED_ROUNDS)
                && let Err(error) = pulse.during(cashier.refresh_asked()).await
            {
                tracing::warn!(%error, "which events are asked for by name could not be read");
            }
            rounds += 1;
        }
    }
}

/// Has events delivered as soon as they have their numbers.
async fn poke_webhooks(server: Server) {
    let mut numbered = server.cashier.numbered();
    while numbered.changed().await.is_ok() {
        server.pages.webhooks.poke();
    }
}

/// What other instances named, as much as there is by now; waits for ever where there can be no others.
async fn heard(changes: Option<&mut mpsc::Receiver<String>>, names: &mut Vec<String>) -> usize {
    match changes {
        Some(changes) => changes.recv_many(names, 1024).await,
        None => std::future::pending().await,
    }
}

/// Sends due refunds and queries their status. WeChat takes 150 a second; a desk makes a few a day.
async fn refunds(cashier: Cashier, pulse: Pulse) {
    let mut ticks = interval(REFUNDS_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = pulse.during(cashier.advance_refunds(REFUNDS_AT_ONCE)).await {
            tracing::warn!(%error, "could not look which refunds are due");
        }
    }
}

/// Frees the money of holds whose time is up; at once again while there are more than one step ends.
async fn expire_holds(cashier: Cashier, pulse: Pulse) {
    let mut ticks = interval(HOLDS_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match pulse.during(cashier.expire_holds()).await {
            Ok(0) => {}
            Ok(_) => ticks.reset_immediately(),
            Err(error) => tracing::warn!("holds could not be expired: {}", error_chain(&error)),
        }
    }
}

/// Runs the self-checks that are due: of what moved every five minutes, of everything once a day.
async fn check(cashier: Cashier, scope: Scope, pulse: Pulse) {
    let mut ticks = interval(CHECK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match pulse.during(cashier.check_due(scope)).await {
            Ok(findings) => {
                for violation in findings.iter().flat_map(|findings| &findings.named) {
                    tracing::error!("self-check: {violation}");
                }
            }
            Err(error) => tracing::warn!(%error, "the self-check could not be made"),
        }
    }
}

/// Reads WeChat's platform certificates when that is due: every 12 hours, and after a failure at the next look.
async fn wechat_keys(cashier: Cashier, pulse: Pulse) {
    let mut ticks = interval(KEYS_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match pulse.during(cashier.refresh_wechat_keys()).await {
            Ok(true) => tracing::info!("WeChat's platform certificates were read"),
            Ok(false) => {}
            Err(error) => tracing::warn!("{}", error_chain(&error)),
        }
    }
}

/// Reconciles yesterday with WeChat's bill, and days that were missed, one after the other.
async fn reconcile(cashier: Cashier, pulse: Pulse) {
    let mut ticks = interval(RECONCILE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match pulse.during(cashier.reconcile_due()).await {
            Ok(None) => {}
            Ok(Some(result)) => {
                let (day, open) = (result.date, result.open);
                tracing::info!(%day, open, credited = result.figures.credited, "reconciled {day} with WeChat's bill");
                if open > 0 {
                    tracing::error!(%day, open, "{open} differences between our books and WeChat's bill of {day}");
                }
                // There may be another day.
                ticks.reset_immediately();
            }
            Err(error) => tracing::warn!("no comparison with WeChat's bill: {}", error_chain(&error)),
        }
    }
}

/// Deletes old events: some thousand in a round, each thousand in a transaction of its own, so that money waits for none of them long.
async fn forget_events(cashier: &Cashier) {
    for _ in 0..EVENTS_STEPS {
        match cashier.forget_events().await {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => return tracing::warn!("old events could not be deleted: {}", error_chain(&error)),
        }
    }
}

/// Drops what is over: in memory, and in the database.
async fn tidy(server: Server, pulse: Pulse) {
    let mut rounds = 0_u64;
    let mut ticks = interval(TIDY_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        rounds += 1;
        pulse.during(tidy_once(&server, rounds)).await;
    }
}

async fn tidy_once(server: &Server, round: u64) {
    let now = server.now();
    server.cashier.forget_unwatched();
    server.operators.forget_old_tries(now);
    server.create_limit.forget(now);
    server.misses.forget(now);
    server.cashier.forget_idempotency_keys().await;
    forget_events(&server.cashier).await;
    if round.is_multiple_of(WEBHOOK_ROUNDS)
        && let Err(error) = server.pages.webhooks.forget().await
    {
        tracing::warn!(error = &error as &dyn std::error::Error, "old deliveries could not be deleted");
    }
    if round % PRUNE_ROUNDS == 1 {
        if let Err(error) = server.operators.prune(now).await {
            tracing::warn!(%error, "could not delete old failed sign-ins");
        }
        if let Err(error) = server.payer_sessions.prune(now).await {
            tracing::warn!(%error, "could not delete sessions that have ended");
        }
    }
}
