//! The whole system without sockets: the real cashier, its writer and a real database, the sandbox as WeChat by API v2, v3
//! or both, on one virtual clock from one seed. Faults are on, every invariant is checked after every event by a model of
//! its own, and at the end of a seed nothing may be left over. `make test` runs 500 seeds, `make torture SEEDS=n` n of
//! them, `make torture SEED=k` one.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up has failed")]

/// Ends with a sentence that says what does not hold.
macro_rules! hold {
    ($what:expr, $($why:tt)+) => {
        if !$what {
            return Err(format!($($why)+));
        }
    };
}

mod crash;
mod databases;
mod drain;
mod events;
mod hooks;
mod idle;
mod merchant;
mod network;
mod notices;
mod operator;
mod oracle;
mod payers;
mod process;
mod races;
#[path = "../common/receiving.rs"]
mod receiving;
mod rows;
#[path = "../common/settings.rs"]
mod settings;
mod spending;
mod switching;
mod wire;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use databases::Databases;
use oracle::Broken;
use world::World;

/// How many events a seed has before its quiet end.
const EVENTS: usize = 60;

/// How many there are where nobody says it: in every `make test`.
const SEEDS: u64 = 500;

/// Of so many only one is run on PostgreSQL as well, where each takes longer.
const ON_POSTGRES: u64 = 20;

/// A seed that broke something: what, and the log up to there.
#[derive(Debug)]
struct Failure {
    seed: u64,
    why: Broken,
    log: Vec<String>,
}

impl Failure {
    fn tell(&self) -> String {
        let log = self.log.join("\n");
        format!(
            "\n{log}\n\nseed {}: {}\nreplay it with: make torture SEED={}\n",
            self.seed, self.why, self.seed
        )
    }
}

/// A seed that kept every invariant.
#[derive(Debug)]
struct Story {
    log: Vec<String>,
    /// Whether an order was paid before the quiet end, and one of API v3.
    paid: Paid,
}

/// In how many seeds an order was paid before the quiet end, and what else happened until then.
#[derive(Debug, Clone, Copy, Default)]
struct Paid {
    by_any: u64,
    by_v3: u64,
    /// In how many something was debited, and a hold captured.
    debited: u64,
    captured: u64,
    /// In how many an event came to the site.
    told: u64,
    /// In how many an order was taken back, a refund asked for, and a first order got its bonus.
    payers: [u64; 3],
}

/// Runs one seed to its end.
fn run(seed: u64, databases: &Databases) -> Result<Story, Failure> {
    let mut world = World::new(seed, databases);
    let mut paid = Paid::default();
    let all = catch_unwind(AssertUnwindSafe(|| {
        world.begin()?;
        for _ in 0..EVENTS {
            world.act()?;
        }
        paid.by_any = world.oracle.knows_a_payment(|_| true).into();
        paid.by_v3 = world.oracle.knows_a_payment(|order| order.is_v3()).into();
        let (debited, captured) = world.oracle.knows_a_debit();
        (paid.debited, paid.captured) = (debited.into(), captured.into());
        paid.told = (!world.inbox.came.is_empty()).into();
        paid.payers = world.oracle.knows_of_payers().map(u64::from);
        world.drain()
    }));
    let why = match all {
        Ok(Ok(())) => return Ok(Story { log: world.log, paid }),
        Ok(Err(why)) => why,
        Err(panic) => match panic.downcast::<String>() {
            Ok(text) => *text,
            Err(_) => "a panic, told above".to_owned(),
        },
    };
    Err(Failure { seed, why, log: world.log })
}

/// Runs so many seeds, from 1 on or from the one of `FROM`, on all processors. A seed that fails does not keep the others from being run.
fn run_all(seeds: u64, databases: &Databases) {
    let from = setting("FROM").unwrap_or(1);
    let [next, by_any, by_v3, debited, captured, told] = [from, 0, 0, 0, 0, 0].map(AtomicU64::new);
    let payers = [0; 3].map(AtomicU64::new);
    let began = Instant::now();
    let worker = || {
        let mut failures = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= from + seeds {
                return failures;
            }
            match run(seed, databases) {
                Ok(Story { paid, .. }) => {
                    by_any.fetch_add(paid.by_any, Ordering::Relaxed);
                    by_v3.fetch_add(paid.by_v3, Ordering::Relaxed);
                    debited.fetch_add(paid.debited, Ordering::Relaxed);
                    captured.fetch_add(paid.captured, Ordering::Relaxed);
                    told.fetch_add(paid.told, Ordering::Relaxed);
                    for (all, one) in payers.iter().zip(paid.payers) {
                        all.fetch_add(one, Ordering::Relaxed);
                    }
                }
                Err(failure) => failures.push(failure),
            }
            if seed.is_multiple_of(100) {
                println!("{seed} seeds in {} s", began.elapsed().as_secs());
            }
        }
    };
    let mut failures: Vec<_> = std::thread::scope(|scope| {
        // Each seed hands over between its thread and its databases' all the time, which is much faster on one processor.
        let pinned = |core| {
            move || {
                core_affinity::set_for_current(core);
                worker()
            }
        };
        let cores = core_affinity::get_core_ids().expect("processors");
        let workers: Vec<_> = cores.into_iter().map(|core| scope.spawn(pinned(core))).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker does not panic")).collect()
    });
    failures.sort_by_key(|failure: &Failure| failure.seed);
    let list: String =
        failures.iter().map(|failure| format!("seed {}: {}\n", failure.seed, failure.why)).collect();
    let first = failures.first().map(Failure::tell).unwrap_or_default();
    assert!(failures.is_empty(), "{first}\n{} of {seeds} seeds failed:\n{list}", failures.len());
    let [by_any, by_v3, debited, captured, told] =
        [by_any, by_v3, debited, captured, told].map(AtomicU64::into_inner);
    let [back, wished, first] = payers.map(AtomicU64::into_inner);
    let took = began.elapsed().as_secs();
    println!(
        "{seeds} seeds kept every invariant, {by_any} of them with a payment before their end, {by_v3} of an order of v3, \
         {debited} with a debit, {captured} with a captured hold, {told} with an event that had come to the site, \
         {back} with an order taken back, {wished} with a refund asked for, {first} with a first bonus, in {took} s"
    );
    let is_lively =
        by_any * 3 >= seeds * 2 && by_v3 * 5 >= seeds && debited * 2 >= seeds && captured * 8 >= seeds;
    // Half of the seeds have these.
    let is_lively =
        is_lively && told * 3 >= seeds && back * 8 >= seeds && wished * 12 >= seeds && first * 5 >= seeds;
    assert!(is_lively || seeds < 100, "seeds that break nothing because they do nothing");
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().filter(|text| !text.is_empty()).map(|text| text.parse().expect("a number"))
}

#[test]
fn no_seed_breaks_an_invariant() {
    let databases = if setting("POSTGRES").is_some() { Databases::postgres() } else { Databases::sqlite() };
    match setting("SEED") {
        Some(seed) => match run(seed, &databases) {
            Ok(story) => println!("{}\nseed {seed} keeps every invariant", story.log.join("\n")),
            Err(failure) => panic!("{}", failure.tell()),
        },
        None => run_all(setting("SEEDS").unwrap_or(SEEDS), &databases),
    }
}

#[test]
fn no_seed_breaks_an_invariant_on_postgres() {
    run_all((setting("SEEDS").unwrap_or(SEEDS) / ON_POSTGRES).max(1), &Databases::postgres());
}

#[test]
fn the_same_seed_tells_the_same_story_twice() {
    let databases = Databases::sqlite();
    for seed in 1..=setting("SEEDS").map_or(20, |seeds| seeds / 10) {
        let [first, second] =
            [(), ()].map(|()| run(seed, &databases).map_or_else(|failure| failure.log, |story| story.log));
        let same = first.iter().zip(&second).take_while(|(one, other)| one == other).count();
        assert_eq!(first.get(same), second.get(same), "seed {seed}: not the same after {same} events");
    }
}
