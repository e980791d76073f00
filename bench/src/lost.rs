//! From a payment whose notice is lost to its credit: with somebody looking at the order, and with nobody.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use sqlx::{ConnectOptions as _, Row as _, sqlite::SqliteConnectOptions};
use tokio::time::{Instant, sleep};

use crate::http::{Wire, request};
use crate::numbers::{millis, percentile};
use crate::report::Rows;
use crate::sites::{Kind, Site, token};
use crate::{Failure, Plan, orders};

/// Payments of each sort; all of them together are served by the query limit in a few seconds.
const PAYMENTS: usize = 40;
/// An open page asks at least this often.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const LIMIT: Duration = Duration::from_secs(90);

struct Paid {
    out_trade_no: String,
    user: String,
    is_watched: bool,
    at: Instant,
}

pub async fn run(plan: &Plan) -> Result<Rows, Failure> {
    let mut rows = Rows::new("Lost notice to credit");
    let site = Site::start(plan, Kind::Saoma, b"").await?;
    let sandbox = site.sandbox;
    let json = ["Content-Type: application/json".to_owned()];
    let faults = request("PUT", "/control/faults", sandbox, &json, LOSE);
    let mut wechat = Wire::open(sandbox, 1).await?;
    good(wechat.ask(&faults).await?.status)?;

    let mut paid = Vec::new();
    for index in 0..2 * PAYMENTS {
        let user = format!("lost-{index}");
        let mut wire = Wire::open(site.addr, index).await?;
        let answer = wire.ask(&orders::recharge(site.addr, &user, 10)?).await?;
        let order: serde_json::Value = serde_json::from_slice(answer.body)?;
        let text = |name: &str| order[name].as_str().map(str::to_owned).ok_or(format!("no order: {order}"));
        let body = serde_json::json!({ "code_url": text("code_url")? }).to_string();
        good(wechat.ask(&request("POST", "/control/pay", sandbox, &json, &body)).await?.status)?;
        let (out_trade_no, is_watched) = (text("out_trade_no")?, index < PAYMENTS);
        paid.push(Paid { out_trade_no, user, is_watched, at: Instant::now() });
    }

    let waits = wait_for_credits(&site, &paid).await?;
    for (is_watched, measure, goal_s) in
        [(true, "lost notice → credit, watched", 10), (false, "lost notice → credit, nobody looks", 60)]
    {
        let mut waits_us: Vec<u64> =
            waits.iter().filter(|(watched, _)| *watched == is_watched).map(|(_, wait)| *wait).collect();
        waits_us.sort_unstable();
        let most = percentile(&waits_us, 1000);
        rows.row(measure, format!("{} / {}", millis(percentile(&waits_us, 500)), millis(most)), "")
            .goal(&format!("most ≤ {goal_s} s"), most <= goal_s * 1_000_000);
    }
    rows.note(format!("Middle and longest of {PAYMENTS} payments each, read from the database."));
    site.process.stop().await?;
    Ok(rows)
}

const LOSE: &str = r#"{"notify":{"lose":true}}"#;

/// Looks at the watched orders as a page would, and into the database; for each payment its wait in microseconds.
async fn wait_for_credits(site: &Site, paid: &[Paid]) -> Result<Vec<(bool, u64)>, Failure> {
    let mut database = SqliteConnectOptions::new().filename(&site.database).read_only(true).connect().await?;
    let mut open: HashMap<&str, &Paid> = paid.iter().map(|paid| (paid.out_trade_no.as_str(), paid)).collect();
    let (mut waits, began, mut looked) = (Vec::new(), Instant::now(), None::<Instant>);
    let mut wire = Wire::open(site.addr, 1).await?;
    while !open.is_empty() {
        if began.elapsed() > LIMIT {
            return Err(format!("{} payments were not credited in {} s", open.len(), LIMIT.as_secs()).into());
        }
        if looked.is_none_or(|looked| looked.elapsed() >= LOOK_EVERY) {
            looked = Some(Instant::now());
            for paid in open.values().filter(|paid| paid.is_watched) {
                let bearer = [format!("Authorization: Bearer {}", token(&paid.user)?)];
                let path = format!("/wxpay/recharge/{}", paid.out_trade_no);
                good(wire.ask(&request("GET", &path, site.addr, &bearer, "")).await?.status)?;
            }
        }
        let credited: HashSet<String> = sqlx::query("SELECT out_trade_no FROM ledger WHERE entry = 'credit'")
            .fetch_all(&mut database)
            .await?
            .iter()
            .map(|row| row.get(0))
            .collect();
        for (_, paid) in open.extract_if(|number, _| credited.contains(*number)) {
            waits.push((paid.is_watched, u64::try_from(paid.at.elapsed().as_micros())?));
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(waits)
}

fn good(status: u16) -> Result<(), Failure> {
    if (200..300).contains(&status) { Ok(()) } else { Err(format!("answered {status}").into()) }
}
