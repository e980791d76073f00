//! Debits a second through the writer, without HTTP: on many accounts, on one, and credits beside them.
//!
//! `cargo run --release -p cashier --example debits [DATABASE_URL]`; without an address on a fresh SQLite file.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::float_arithmetic, reason = "a measurement")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use cashier::Db;
use cashier::db::writer::{Committer, Writer};
use cashier::watched::Watched;
use recharge::User;
use recharge::audit::{Acting, Actor};
use recharge::command::{CreditPayment, MakeDebit, MakeGrant, PlaceOrder};
use recharge::order::{Order, Rules, Source};
use recharge::spend::{
    Amount, DebitId, DebitRequest, GrantId, GrantRequest, Metadata, OnShortfall, Reason, Reference,
};
use tokio::task::JoinSet;
use wxpay::{Fen, OutTradeNo, Payment, TransactionId, UnixMillis};

const ACCOUNTS: usize = 20_000;
const CALLS: usize = 60_000;
const CALLERS: usize = 256;
const NOW: UnixMillis = UnixMillis::new(1_773_540_000_000);

fn random(n: usize) -> [u8; 10] {
    let mut bytes = [0; 10];
    bytes[..8].copy_from_slice(&(n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
    bytes
}

fn debit(user: &str, n: usize) -> MakeDebit {
    let request = DebitRequest {
        user_id: user.to_owned(),
        amount: Amount::new(1).unwrap(),
        reference: Reference::parse(format!("job-{n}")).unwrap(),
        reason: Reason::parse("a call").unwrap(),
        metadata: Metadata::default(),
        on_shortfall: OnShortfall::Refuse,
    };
    let now = NOW.plus_ms((n / 10) as i64);
    MakeDebit { id: DebitId::new(now, random(n)), request, by: Actor::Key("bench".to_owned()), now }
}

/// CPU time of this process.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

async fn measure<F: Future<Output = ()> + Send + 'static>(
    name: &str,
    call: impl Fn(usize) -> F + Send + Sync + 'static,
) {
    let (call, began, cpu_before) = (Arc::new(call), Instant::now(), cpu());
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let call = Arc::clone(&call);
        callers.spawn(async move {
            for n in (caller..CALLS).step_by(CALLERS) {
                call(n).await;
            }
        });
    }
    callers.join_all().await;
    let (took, cpu) = (began.elapsed(), cpu() - cpu_before);
    let (calls, per_call) = (CALLS as f64, cpu.as_secs_f64() * 1e6 / CALLS as f64);
    println!(
        "{name}: {:.0}/s, {per_call:.1} us CPU each ({:.0}/s a core)",
        calls / took.as_secs_f64(),
        1e6 / per_call
    );
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let url = std::env::args().nth(1);
    let url = url.unwrap_or_else(|| format!("sqlite:{}", folder.path().join("debits.db").display()));
    let db = Db::open(&url).await.unwrap();
    let rules = Arc::new(Rules { max_open_orders: usize::MAX, ..recharge::fixtures::rules() });
    let writer = Writer::start(Committer::new(db.clone(), rules, Watched::default(), "a"));
    let by = Acting::operator("lin", "console");
    for from in (0..ACCOUNTS).step_by(1000) {
        let grants = (from..from + 1000).map(|n| {
            let (user, reason) = (User::new(format!("u_{n}"), "").unwrap(), Reason::parse("gift").unwrap());
            let reference = Reference::parse(format!("gift-{n}")).unwrap();
            let request = GrantRequest::new(user, 1_000_000, reference, reason).unwrap();
            MakeGrant { id: GrantId::new(NOW, random(n)), request, by: by.clone(), now: NOW }
        });
        for reply in writer.write_each(grants.collect()).await.unwrap() {
            reply.unwrap().unwrap();
        }
    }
    for round in 0..3 {
        let start = round * 10_000_000;
        let one = writer.clone();
        measure("debits on 20,000 accounts", move |n| {
            let (writer, user) = (one.clone(), format!("u_{}", n * 7919 % ACCOUNTS));
            async move { drop(writer.write(debit(&user, start + n)).await.unwrap().unwrap()) }
        })
        .await;
        let one = writer.clone();
        measure("debits on one account", move |n| {
            let writer = one.clone();
            async move { drop(writer.write(debit("u_7", start + CALLS + n)).await.unwrap().unwrap()) }
        })
        .await;
        let orders: Vec<_> = (0..CALLS)
            .map(|n| {
                let mut order: Order = recharge::fixtures::order();
                order.out_trade_no = OutTradeNo::parse(format!("SM{:030}", start + n)).unwrap();
                order.user.id = format!("u_{}", n * 7919 % ACCOUNTS);
                order.superseded().unwrap()
            })
            .collect();
        for orders in orders.chunks(1000) {
            for reply in
                writer.write_each(orders.iter().cloned().map(PlaceOrder::plain).collect()).await.unwrap()
            {
                reply.unwrap().unwrap();
            }
        }
        let one = writer.clone();
        let orders = Arc::new(orders);
        measure("credits on 20,000 accounts", move |n| {
            let payment = Payment {
                out_trade_no: orders[n].out_trade_no.clone(),
                transaction_id: TransactionId::parse(format!("42{}", start + n)).unwrap(),
                ..recharge::fixtures::payment()
            };
            let source = Source::Notice { from: "203.0.113.41".to_owned() };
            let (writer, now) = (one.clone(), NOW.plus_ms(61_000));
            async move { drop(writer.write(CreditPayment { payment, source, now }).await.unwrap()) }
        })
        .await;
    }
    let sums = "SELECT CAST(SUM(balance) AS BIGINT) FROM accounts";
    let balance: i64 = sqlx::query_scalar(sums).fetch_one(db.pool()).await.unwrap();
    let expected = (ACCOUNTS * 1_000_000 - 3 * 2 * CALLS) as i64 + (3 * CALLS) as i64 * 2090;
    assert_eq!(Fen::new(balance), Fen::new(expected));
    assert_eq!(cashier::db::check::whole(&db).await.unwrap().named, []);
}
