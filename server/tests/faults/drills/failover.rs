//! The primary behind haproxy is lost again and again, every other time without a packet that says so, and its standby is promoted.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection as _, Row as _};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::super::load::Load;
use super::super::process::{Saoma, key, self_check};
use super::super::till::Due;
use super::super::{asked, came_to, client, till};
use super::hosts::{Host, PRIMARY};
use super::shop::Shop;

/// Notices of each failover: more than are posted before it.
const ORDERS_PER_FAILOVER: usize = 2000;
/// Connections that post notices.
const POSTING: usize = 16;
/// Sales at a time: of some of them something is always due.
const SALES: usize = 32;

/// After the promotion everything must be served again within this.
const BACK_WITHIN: Duration = Duration::from_secs(10);

/// What a program does for others, and by what it shows that it does it again.
#[derive(Debug, Clone, Copy)]
enum Service {
    /// A notice was acknowledged.
    Credits,
    /// A page was served that was asked for after the promotion.
    Pages,
    /// A payment is credited that only a query told of.
    Queries,
    /// A refund was sent to WeChat, or seen to have succeeded there.
    Refunds,
}

const SERVICES: [Service; 4] = [Service::Credits, Service::Pages, Service::Queries, Service::Refunds];

/// Readers of a page, and when the last one began that was answered.
#[derive(Clone, Default)]
struct Readers {
    served: Arc<Mutex<Option<Instant>>>,
    stopped: Arc<AtomicBool>,
}

impl Readers {
    fn run(&self, page: &str, count: usize) -> JoinSet<()> {
        let mut reading = JoinSet::new();
        for _ in 0..count {
            let (readers, page, http) = (self.clone(), page.to_owned(), client());
            reading.spawn(async move {
                while !readers.stopped.load(Ordering::SeqCst) {
                    let began = Instant::now();
                    let answer = http.get(&page).timeout(Duration::from_secs(8)).send().await;
                    if answer.is_ok_and(|answer| answer.status() == 200) {
                        let mut served = readers.served.lock().unwrap();
                        *served = Some(served.map_or(began, |last| last.max(began)));
                    }
                    sleep(Duration::from_millis(50)).await;
                }
            });
        }
        reading
    }
}

/// How many orders were paid on the answer of a query, and how many steps refunds have gone: sent, succeeded.
async fn done(connection: &mut AnyConnection) -> (i64, i64) {
    let sql = "SELECT (SELECT COUNT(*) FROM orders WHERE proof = 'query'), (SELECT CAST(COALESCE(SUM( \
        CASE state WHEN 'submitted' THEN 1 WHEN 'succeeded' THEN 2 ELSE 0 END), 0) AS BIGINT) FROM refunds)";
    let row = sqlx::query(sql).fetch_one(connection).await.unwrap();
    (row.get(0), row.get(1))
}

/// A certificate that refunds of API v2 are signed with.
fn certificate(folder: &Path) -> String {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["10000100".to_owned()]).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2036, 12, 31));
    let file = folder.join("certificate.pem");
    std::fs::write(&file, params.self_signed(&key).unwrap().pem() + &key.serialize_pem()).unwrap();
    file.to_str().unwrap().to_owned()
}

/// A page of an order that waits to be paid, which the database has to be asked for.
async fn a_page(saoma: &Saoma, key: &str) -> String {
    let wish = json!({"user": "reader", "quantity": 5, "reference": "page"});
    let call = client().post(format!("http://{}/api/v1/recharges", saoma.addr)).bearer_auth(key).json(&wish);
    let placed: Value = call.send().await.unwrap().json().await.unwrap();
    placed["pay_url"].as_str().unwrap_or_else(|| panic!("{placed}")).to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_behind_haproxy_is_lost_again_and_again() {
    let failovers = asked("FAILOVERS", 40);
    let folder = tempfile::tempdir().unwrap();
    let wechat = Saoma::start(&testdb::sqlite(folder.path()));
    let sandbox = wechat.sandbox.clone().unwrap();
    let faults = json!({"notify": {"lose": true}});
    let set = client().put(format!("{sandbox}/control/faults")).json(&faults).send().await.unwrap();
    assert_eq!(set.status(), 200);
    sqlx::any::install_default_drivers();
    let (mut primary, mut standby) = (Host::new("a"), Host::new("b"));
    primary.make();
    standby.follow(&primary).await;
    while AnyConnection::connect(PRIMARY).await.is_err() {
        sleep(Duration::from_millis(100)).await;
    }
    let certificate = certificate(folder.path());
    let mut saoma = Saoma::beside_with(&wechat, PRIMARY, |command| {
        command.env("SAOMA_WECHAT_CERT", certificate);
    });
    let key = key(PRIMARY, "shop", "recharges:read,recharges:write,refunds:write");
    let readers = Readers::default();
    let reading = readers.run(&a_page(&saoma, &key).await, 4);
    let shop = Shop::new(&saoma.addr, &sandbox, &key);
    let mut telling = shop.run(SALES);
    let began = Instant::now();
    while shop.over() < SALES {
        assert!(began.elapsed() < Duration::from_secs(120), "no sale comes to its end: {}", saoma.log());
        sleep(Duration::from_millis(100)).await;
    }

    let (mut orders, mut acknowledged): (Vec<Due>, Vec<bool>) = (Vec::new(), Vec::new());
    let mut took: [Vec<Duration>; 4] = Default::default();
    for round in 0..failovers {
        let silently = round % 2 == 0;
        let due = Arc::new(till::orders(PRIMARY, ORDERS_PER_FAILOVER).await);
        let load = Load::new(&due);
        let mut posting = load.run(&saoma.addr, POSTING);
        sleep(Duration::from_millis(rand::random_range(500..2000))).await;
        match silently {
            true => primary.cut(),
            false => primary.kill(),
        }
        let lost = Instant::now();
        sleep(Duration::from_millis(rand::random_range(0..3000))).await;
        standby.promote();
        let promoted = Instant::now();
        let mut direct = AnyConnection::connect(&standby.address()).await.unwrap();
        let (waiting, before) = (load.waiting(), done(&mut direct).await);
        assert!(waiting > 0, "the load was over before the failover");
        let mut back: [Option<Duration>; 4] = [None; 4];
        while back.contains(&None) {
            let now = done(&mut direct).await;
            for service in SERVICES {
                let is_back = match service {
                    Service::Credits => load.waiting() < waiting,
                    Service::Pages => readers.served.lock().unwrap().is_some_and(|began| began > promoted),
                    Service::Queries => now.0 > before.0,
                    Service::Refunds => now.1 > before.1,
                };
                if is_back {
                    back[service as usize].get_or_insert(promoted.elapsed());
                }
            }
            let is_in_time = promoted.elapsed() < BACK_WITHIN;
            assert!(is_in_time, "{}round {round}, credits, pages, queries, refunds: {back:?}", saoma.log());
            sleep(Duration::from_millis(20)).await;
        }
        direct.close().await.unwrap();
        let back = back.map(Option::unwrap);
        let how = if silently { "without a packet" } else { "with a reset" };
        println!("{round}: lost {how}, promoted after {:?}: {back:?}", promoted - lost);
        took.iter_mut().zip(back).for_each(|(took, back)| took.push(back));
        load.stop();
        while let Some(posted) = posting.join_next().await {
            posted.unwrap();
        }
        acknowledged.extend(load.acknowledged());
        drop(load);
        orders.extend(Arc::into_inner(due).unwrap_or_else(|| panic!("somebody still posts")));
        till::hold(PRIMARY, &orders, &acknowledged).await;
        shop.hold(PRIMARY).await;
        assert!(saoma.is_running(), "it was not to be started again: {}", saoma.log());
        if silently {
            primary.kill();
            primary.mend();
        }
        (primary, standby) = (standby, primary);
        standby.follow(&primary).await;
    }
    readers.stopped.store(true, Ordering::SeqCst);
    reading.join_all().await;
    shop.stop();
    while let Some(told) = telling.join_next().await {
        told.unwrap();
    }
    // WeChat repeats a notice until it is acknowledged.
    let orders = Arc::new(orders);
    let load = Load::after(&orders, acknowledged);
    let mut posting = load.run(&saoma.addr, POSTING);
    while let Some(posted) = posting.join_next().await {
        posted.unwrap();
    }
    let acknowledged = load.acknowledged();
    till::hold(PRIMARY, &orders, &acknowledged).await;
    shop.hold(PRIMARY).await;
    self_check(PRIMARY);
    let longest = |took: &[Duration]| took.iter().max().map_or(0.0, Duration::as_secs_f64);
    let [credits, pages, queries, refunds] = took.map(|took| longest(&took));
    came_to(&format!(
        "{failovers} failovers, {} of them without a packet: {} notices acknowledged and stored once, {} sales paid, found by query and \
         given back once; after the promotion it took at most {credits:.1} s to the first credit, {pages:.1} s to the first page, \
         {queries:.1} s to the first query and {refunds:.1} s to the first refund; no restart",
        failovers.div_ceil(2),
        orders.len(),
        shop.over(),
    ));
}
