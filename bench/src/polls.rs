//! Status polls per second, as an open payment page asks: with the payer's cookie, for an order that is being watched.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::drive::{Good, Job};
use crate::http::{Wire, request};
use crate::numbers::{Spread, grouped, megabytes, percent, times};
use crate::report::{Rows, Share};
use crate::sites::{Kind, Site};
use crate::{Failure, Plan, orders, seed};

/// Payers with an open page, each with an order of their own.
const PAYERS: usize = 256;

/// How long a poll is held, by Saoma and by the peer.
pub const HOLD: Duration = Duration::from_secs(25);

pub async fn run(plan: &Plan) -> Result<Rows, Failure> {
    let mut rows = Rows::new("Status polls");
    let saoma = Site::start(plan, Kind::Saoma, b"").await?;
    let asked_saoma = saoma_polls(&saoma).await?;
    let body = Wire::open(saoma.addr, 1).await?.ask(&asked_saoma[0]).await?.body.to_vec();
    let koa2 = Site::start(plan, Kind::Koa2, b"").await?;
    let asked_koa2 = koa2_polls(&koa2).await?;
    let bare = Site::start(plan, Kind::Bare, &body).await?;
    let asked_bare = vec![poll(bare.addr, "user=nobody", "SM00000000000000000000000000000000")];
    let sites = [(saoma, asked_saoma), (bare, asked_bare), (koa2, asked_koa2)];
    let sites = sites.map(|(site, requests)| (job(plan, &site, requests), site));

    let mut rates = [const { Vec::new() }; 3];
    for round in 0..=plan.rounds {
        for ((job, site), rates) in sites.iter().zip(&mut rates) {
            let share = Share::begin(site)?;
            let driven = job.run().await?.checked()?;
            // The first one warms up.
            if round > 0 {
                rows.round(site.kind.name(), round, &driven, &share.end(site, &driven)?);
                rates.push(driven.per_second());
            }
        }
    }
    let [saoma, bare, koa2] = rates.map(Spread::of);
    rows.row("status polls/s", grouped(saoma.median), &format!("bare axum: {}", grouped(bare.median)))
        .ratio(percent(saoma.median, bare.median))
        .goal("≥ 50 %", 2 * saoma.median >= bare.median);
    rows.row("status polls/s", grouped(saoma.median), &format!("Koa 2: {}", grouped(koa2.median)))
        .ratio(times(saoma.median, koa2.median));
    for (name, spread) in [("Saoma", saoma), ("bare axum", bare), ("Koa 2", koa2)] {
        rows.spread(name, spread);
    }
    rows.note(format!("An answer of Saoma has {} bytes; the bare handler gives the same.", body.len()));
    for (_, site) in sites {
        rows.note(format!("{} holds {} after it.", site.kind.name(), megabytes(site.process.rss_kib()?)));
        site.process.stop().await?;
    }
    Ok(rows)
}

fn job(plan: &Plan, site: &Site, requests: Vec<Vec<u8>>) -> Job {
    Job {
        addr: site.addr,
        requests: Arc::new(requests),
        connections: plan.connections as usize,
        from: 0,
        to: plan.polls as usize,
        limit: Duration::from_secs(plan.seconds),
        good: Good::With("\"out_trade_no\""),
        awake: plan.core.is_some(),
        per_second: None,
    }
}

/// The orders are placed by the API, so that the sandbox knows them and the background queries have something to ask.
async fn saoma_polls(site: &Site) -> Result<Vec<Vec<u8>>, Failure> {
    let mut polls = Vec::with_capacity(PAYERS);
    for payer in 0..PAYERS {
        let user = format!("payer-{payer}");
        let mut wire = Wire::open(site.addr, payer).await?;
        let answer = wire.ask(&orders::recharge(site.addr, &user, 10)?).await?;
        let answer: serde_json::Value = serde_json::from_slice(answer.body)?;
        let number = answer["out_trade_no"].as_str().ok_or_else(|| format!("no order: {answer}"))?;
        polls.push(poll(site.addr, &site.sign_in(&user).await?, number));
    }
    Ok(polls)
}

/// What the page's server function `order_status` sends from Chromium, to be answered at once.
pub fn poll(addr: SocketAddr, cookie: &str, out_trade_no: &str) -> Vec<u8> {
    order_status(addr, cookie, &serde_json::json!({ "out_trade_no": out_trade_no, "t": null }))
}

/// The same, to be held until the order has another version than this.
pub fn held(addr: SocketAddr, cookie: &str, out_trade_no: &str, version: i64) -> Vec<u8> {
    let body = serde_json::json!({
        "out_trade_no": out_trade_no, "t": null, "version": version, "wait_s": HOLD.as_secs(),
    });
    order_status(addr, cookie, &body)
}

fn order_status(addr: SocketAddr, cookie: &str, body: &serde_json::Value) -> Vec<u8> {
    let mut headers = of_a_browser(addr, cookie);
    headers.push("Content-Type: application/json".to_owned());
    headers.push(format!("Origin: http://{addr}"));
    request("POST", "/api/order_status", addr, &headers, &body.to_string())
}

/// What the peer's page sends, to be held until the order is credited.
pub fn held_by_koa2(addr: SocketAddr, cookie: &str, out_trade_no: &str) -> Vec<u8> {
    let target = format!("/wxpay/wait?out_trade_no={out_trade_no}");
    request("GET", &target, addr, &of_a_browser(addr, cookie), "")
}

async fn koa2_polls(site: &Site) -> Result<Vec<Vec<u8>>, Failure> {
    let orders = seed::orders(PAYERS);
    seed::insert(&site.database, site.kind, &orders).await?;
    let mut polls = Vec::with_capacity(PAYERS);
    for order in &orders {
        let headers = of_a_browser(site.addr, &site.sign_in(&order.user).await?);
        let target = format!("/wxpay/status?out_trade_no={}", order.out_trade_no);
        polls.push(request("GET", &target, site.addr, &headers, ""));
    }
    Ok(polls)
}

fn of_a_browser(addr: SocketAddr, cookie: &str) -> Vec<String> {
    vec![
        "Connection: keep-alive".to_owned(),
        "sec-ch-ua-platform: \"Linux\"".to_owned(),
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36".to_owned(),
        "Accept: application/json".to_owned(),
        "Sec-Fetch-Site: same-origin".to_owned(),
        "Sec-Fetch-Mode: cors".to_owned(),
        "Sec-Fetch-Dest: empty".to_owned(),
        format!("Referer: http://{addr}/"),
        "Accept-Encoding: gzip, deflate, br, zstd".to_owned(),
        "Accept-Language: zh-CN,zh;q=0.9".to_owned(),
        format!("Cookie: {cookie}"),
    ]
}
