//! How soon a payer who waits sees the payment: at the instance that took WeChat's notice, and at another one on the same
//! database.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::http::{Wire, find};
use crate::notices::TAKEN;
use crate::numbers::{grouped, millis, percentile};
use crate::polls::{self, HOLD};
use crate::report::Rows;
use crate::seed::{self, Order};
use crate::sites::{Kind, Site, sign_in};
use crate::{Failure, Plan, orders, postgres};

/// Payers who wait at the same time, one payment every so often.
const PAYERS: usize = 200;
const EVERY: Duration = Duration::from_millis(20);
/// From the last poll to the first notice.
const SETTLED: Duration = Duration::from_secs(1);

/// Microseconds to the end of the held answer, for each payment.
#[derive(Debug, Default)]
struct Waits {
    /// From when the notice was sent: a little more than the wait from the commit, which is what the goal means.
    from_sending: Vec<u64>,
    /// From when it was answered, after the commit. Zero where the payer heard first.
    from_answer: Vec<u64>,
}

pub async fn run(plan: &Plan) -> Result<Rows, Failure> {
    let mut rows = Rows::new("A payer who waits sees the payment");
    let site = Site::start(plan, Kind::Saoma, b"").await?;
    let waits = rounds(plan, site.addr, site.addr).await?;
    told(&mut rows, "notice → its waiting payer sees it, p50 / p99", waits);
    site.process.stop().await?;

    let url = postgres::database(&postgres::server()?, "bench_saoma").await?;
    let (first, notified) = postgres::start(plan, &url, 0).await?;
    let (second, asked) = postgres::start(plan, &url, 1).await?;
    let waits = rounds(plan, notified, asked).await?;
    told(&mut rows, "the same at another instance, on PostgreSQL", waits);
    first.stop().await?;
    second.stop().await?;
    Ok(rows)
}

fn told(rows: &mut Rows, measure: &str, waits: Waits) {
    let payments = waits.from_answer.len();
    let [[p50, p99], [after_p50, after_p99]] = [waits.from_sending, waits.from_answer].map(|mut waits| {
        waits.sort_unstable();
        [500, 990].map(|per_mille| percentile(&waits, per_mille))
    });
    rows.row(measure, format!("{} / {}", millis(p50), millis(p99)), "")
        .goal("≤ 50 / 300 ms", p50 <= 50_000 && p99 <= 300_000);
    rows.note(format!(
        "{measure}: {} payments; from the notice's answer, which comes after the commit, {} / {}.",
        grouped(payments as u64),
        millis(after_p50),
        millis(after_p99)
    ));
}

/// WeChat's notices go to the instance at `notified`, payers wait at the one at `asked`.
async fn rounds(plan: &Plan, notified: SocketAddr, asked: SocketAddr) -> Result<Waits, Failure> {
    let mut all = Waits::default();
    for round in 0..plan.rounds as usize {
        let mut orders = Vec::with_capacity(PAYERS);
        let mut payers = Vec::with_capacity(PAYERS);
        for payer in 0..PAYERS {
            let order = place(notified, round * PAYERS + payer).await?;
            payers.push(wait(asked, payer, &order).await?);
            orders.push(order);
        }
        sleep(SETTLED).await;
        if payers.iter().any(JoinHandle::is_finished) {
            return Err("a poll was answered before anything was paid".into());
        }
        let mut sent = Vec::with_capacity(PAYERS);
        let (mut wechat, began) = (Wire::open(notified, PAYERS).await?, Instant::now());
        for (notice, turn) in seed::notices(&orders, notified).iter().zip(0..) {
            sleep_until(began + EVERY * turn).await;
            let at = Instant::now();
            let answer = wechat.ask(notice).await?;
            if !TAKEN.is(&answer) {
                return Err(format!("a notice was answered with {}", answer.status).into());
            }
            sent.push((at, Instant::now()));
        }
        for (payer, (sent, answered)) in payers.into_iter().zip(sent) {
            let seen = timeout(HOLD, payer).await???;
            let wait = seen.checked_duration_since(sent).ok_or("a payer saw a payment before its notice")?;
            all.from_sending.push(u64::try_from(wait.as_micros())?);
            all.from_answer.push(u64::try_from(seen.saturating_duration_since(answered).as_micros())?);
        }
    }
    Ok(all)
}

/// An order as a site places it.
async fn place(addr: SocketAddr, number: usize) -> Result<Order, Failure> {
    let user = format!("payer-{number}");
    let mut wire = Wire::open(addr, number).await?;
    let answer = wire.ask(&orders::recharge(addr, &user, 10)?).await?;
    let answer: serde_json::Value = serde_json::from_slice(answer.body)?;
    let (out_trade_no, total_fee) = (answer["out_trade_no"].as_str(), answer["total_fee"].as_i64());
    let (Some(out_trade_no), Some(total_fee)) = (out_trade_no, total_fee) else {
        return Err(format!("no order: {answer}").into());
    };
    Ok(Order {
        out_trade_no: out_trade_no.to_owned(),
        user,
        total_fee,
        transaction_id: format!("42000012{number:020}"),
        at: i64::try_from(number)?,
    })
}

/// The order's page: looks once, then lets its poll be held. Ends when it hears that the order is paid.
async fn wait(
    addr: SocketAddr,
    payer: usize,
    order: &Order,
) -> Result<JoinHandle<Result<Instant, Failure>>, Failure> {
    let mut wire = Wire::open(addr, payer).await?;
    let cookie = sign_in(&mut wire, Kind::Saoma, addr, &order.user).await?;
    let answer = wire.ask(&polls::poll(addr, &cookie, &order.out_trade_no)).await?;
    let view: serde_json::Value = serde_json::from_slice(answer.body)?;
    let version = view["version"].as_i64().ok_or_else(|| format!("no version: {view}"))?;
    let asked = polls::held(addr, &cookie, &order.out_trade_no, version);
    Ok(tokio::spawn(async move {
        let answer = wire.ask(&asked).await?;
        let seen = Instant::now();
        match find(answer.body, br#""state":"paid""#) {
            Some(_) => Ok(seen),
            None => Err(format!("not paid: {}", String::from_utf8_lossy(answer.body)).into()),
        }
    }))
}
