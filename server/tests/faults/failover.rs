//! The primary is lost under load, with a reset or without a word, and a standby takes its place under the same name.
//! (Several threads: one that starts a program waits for it, while another forwards what that asks its database.)

use std::sync::Arc;
use std::time::{Duration, Instant};

use recharge::User;
use server::user_token::UserTokens;
use sqlx::{AnyConnection, Connection as _, Executor as _};
use tokio::time::sleep;
use wxpay::UnixMillis;

use super::cluster::Cluster;
use super::host_name::HostName;
use super::load::Load;
use super::process::{SECRET, Saoma, self_check};
use super::{asked, client, till};

const ORDERS_PER_FAILOVER: usize = 1500;

/// After the promotion everything must be served again within this. A busy machine needs longer.
const BACK_WITHIN: Duration = Duration::from_secs(60);

/// Whether the program says that it is ready and that its loops go round, and whether it reads a balance and places an order.
async fn serves(saoma: &Saoma) -> bool {
    let user = User::new("u_failover", "小林").unwrap();
    let token = UserTokens::new(SECRET.as_bytes()).issue(&user, UnixMillis::now(), 600).unwrap();
    let at = |path: &str| format!("http://{}{path}", saoma.addr);
    let bearer = format!("Bearer {token}");
    let calls = [
        client().get(at("/readyz")),
        client().get(at("/livez")),
        client().get(at("/wxpay/balance")).header("Authorization", &bearer),
        client().post(at("/wxpay/recharge")).form(&[("u", token.as_str()), ("quantity", "1")]),
    ];
    for call in calls {
        let answer = call.timeout(Duration::from_secs(8)).send().await;
        if !answer.is_ok_and(|answer| answer.status().is_success()) {
            return false;
        }
    }
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_primary_that_is_lost_under_load_costs_seconds_and_nothing_that_was_acknowledged() {
    let failovers = asked("FAILOVERS", 2);
    let folder = tempfile::tempdir().unwrap();
    let wechat = Saoma::start(&testdb::sqlite(folder.path()));
    let mut primary = Cluster::start();
    let name = HostName::of(primary.port()).await;
    let database = name.address(&testdb::empty_on(&primary.address()).await);
    let mut saoma = Saoma::beside(&wechat, &database);
    let orders = Arc::new(till::orders(&database, failovers * ORDERS_PER_FAILOVER).await);
    let load = Load::new(&orders);
    let mut posting = load.run(&saoma.addr, 16);
    for round in 0..failovers {
        let silently = round % 2 == 0;
        let standby = primary.standby().await;
        sleep(Duration::from_millis(rand::random_range(50..500))).await;
        name.take_away(silently);
        if !silently {
            primary.kill();
        }
        standby.promote();
        name.give_to(standby.port());
        let (promoted, waiting) = (Instant::now(), load.waiting());
        while load.waiting() == waiting && waiting > 0 {
            assert!(promoted.elapsed() < BACK_WITHIN, "no notice is acknowledged: {}", saoma.log());
            sleep(Duration::from_millis(20)).await;
        }
        let credits = promoted.elapsed();
        while !serves(&saoma).await {
            assert!(promoted.elapsed() < BACK_WITHIN, "it does not serve: {}", saoma.log());
            sleep(Duration::from_millis(20)).await;
        }
        let how = if silently { "without a word" } else { "with a reset" };
        println!("lost {how}: credits after {credits:?}, all after {:?}", promoted.elapsed());
        if silently {
            primary.kill();
        }
        primary = standby;
        till::hold(&database, &orders, &load.acknowledged()).await;
    }
    while let Some(posted) = posting.join_next().await {
        posted.unwrap();
    }
    till::hold(&database, &orders, &load.acknowledged()).await;
    self_check(&database);
    assert!(saoma.is_running());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_takes_no_writes_any_more_is_not_ready_and_is_left_for_the_one_that_does() {
    let folder = tempfile::tempdir().unwrap();
    let wechat = Saoma::start(&testdb::sqlite(folder.path()));
    let primary = Cluster::start();
    let name = HostName::of(primary.port()).await;
    let database = name.address(&testdb::empty_on(&primary.address()).await);
    let saoma = Saoma::beside(&wechat, &database);
    assert!(serves(&saoma).await, "{}", saoma.log());
    let standby = primary.standby().await;
    let ready = async || client().get(format!("http://{}/readyz", saoma.addr)).send().await.unwrap().status();
    // A standby behind the name, as of a load balancer that has it wrong.
    name.take_away(false);
    name.give_to(standby.port());
    sleep(Duration::from_secs(1)).await;
    assert_eq!(ready().await, 503);
    name.take_away(false);
    name.give_to(primary.port());
    let back = Instant::now();
    while ready().await != 200 {
        assert!(back.elapsed() < BACK_WITHIN, "{}", saoma.log());
        sleep(Duration::from_millis(50)).await;
    }
    // The very sessions that are open lose the right to write, as those of a primary that was demoted.
    let mut admin = AnyConnection::connect(&primary.address()).await.unwrap();
    for statement in ["ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"] {
        admin.execute(statement).await.unwrap();
    }
    sleep(Duration::from_secs(1)).await;
    assert_eq!(ready().await, 503);
}
