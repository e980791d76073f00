//! WeChat changes its keys while payments come in (scenario 29): a new platform certificate signs from one moment to the next,
//! then the public key beside certificates, then the public key alone. No genuine notice is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use recharge::User;
use serde_json::{Value, json};
use server::user_token::UserTokens;
use tokio::task::JoinSet;
use tokio::time::sleep;
use wxpay::UnixMillis;

use super::process::{SECRET, Saoma, self_check};
use super::{client, get};

/// WeChat's certificates are read at the start, and for a notice that names another one once a minute at most.
const A_MINUTE: Duration = Duration::from_secs(61);

/// Payers who order and pay all the time, one order each.
async fn payers(server: &Saoma, stopped: &Arc<AtomicBool>, paid: &Arc<AtomicUsize>) -> JoinSet<()> {
    let mut payers = JoinSet::new();
    let sandbox = server.sandbox.clone().unwrap();
    for payer in 0..4 {
        let (stopped, paid, http) = (Arc::clone(stopped), Arc::clone(paid), client());
        let (recharge, pay) =
            (format!("http://{}/wxpay/recharge", server.addr), format!("{sandbox}/control/pay"));
        payers.spawn(async move {
            for n in 0.. {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                let user = User::new(format!("u_{payer}_{n}"), "小林").unwrap();
                let tokens = UserTokens::new(SECRET.as_bytes());
                let token = tokens.issue(&user, UnixMillis::now(), 3600).unwrap();
                let form = json!({"u": token, "quantity": 10});
                let placed = http.post(&recharge).json(&form).send().await.unwrap();
                if placed.status() == 200 {
                    let placed: Value = placed.json().await.unwrap();
                    let done =
                        http.post(&pay).json(&json!({"code_url": placed["code_url"]})).send().await.unwrap();
                    assert_eq!(done.status(), 200);
                    paid.fetch_add(1, Ordering::SeqCst);
                }
                sleep(Duration::from_millis(200)).await;
            }
        });
    }
    payers
}

async fn rotates(database: &str) {
    let server = Saoma::start_with(database, |command| {
        command.env("SAOMA_WECHAT_PROTOCOL", "v3");
    });
    let began = Instant::now();
    let sandbox = server.sandbox.clone().unwrap();
    let (stopped, paid) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
    let payers = payers(&server, &stopped, &paid).await;
    let http = client();
    let of_notices = async |percent: Option<u8>| {
        let faults = json!({"v3": {"notify_key_percent": percent}});
        let set = http.put(format!("{sandbox}/control/faults")).json(&faults).send().await.unwrap();
        assert_eq!(set.status(), 200);
    };
    of_notices(Some(0)).await;
    sleep(A_MINUTE.saturating_sub(began.elapsed())).await;
    let rotated = http.post(format!("{sandbox}/control/rotate")).send().await.unwrap();
    assert_eq!(rotated.status(), 200);
    sleep(Duration::from_secs(5)).await;
    for percent in [20, 50, 100] {
        of_notices(Some(percent)).await;
        sleep(Duration::from_secs(4)).await;
    }
    stopped.store(true, Ordering::SeqCst);
    payers.join_all().await;

    let paid = paid.load(Ordering::SeqCst);
    assert!(paid > 100, "only {paid} payments came in meanwhile");
    let told = async || -> Vec<Value> {
        serde_json::from_str(&get(format!("{sandbox}/control/notices")).await).unwrap()
    };
    let taken = async || -> Vec<Value> {
        told().await.into_iter().filter(|notice| notice["status"] == 204).collect()
    };
    for _ in 0..400 {
        if taken().await.len() >= paid {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    // A busy machine may need longer for a commit than a notice waits: that one is believed, answered 500 and told again. No other
    // answer is one of these.
    let answered: Vec<Value> = told().await.into_iter().filter(|notice| notice["status"] != 204).collect();
    assert!(answered.iter().all(|notice| notice["status"] == 500), "{answered:?}");
    let metrics = get(format!("http://{}/metrics", server.addr)).await;
    let of = "saoma_notices_total{protocol=\"v3\",verdict=\"not_written\"} ";
    let slow = metrics.lines().find_map(|line| line.strip_prefix(of)?.parse::<usize>().ok()).unwrap_or(0);
    let verdicts: Vec<_> = metrics.lines().filter(|line| line.starts_with("saoma_notices_total")).collect();
    println!("{} were answered 500 first; verdicts: {verdicts:?}", answered.len());
    assert_eq!(answered.len(), slow, "{verdicts:?}");
    let told = taken().await;
    assert_eq!(told.len(), paid, "each was taken once");
    let by = |serial: &str| told.iter().filter(|one| one["headers"]["Wechatpay-Serial"] == serial).count();
    let identity: Value = serde_json::from_str(&get(format!("{sandbox}/control/identity")).await).unwrap();
    let serials: Vec<&str> =
        identity["platform_serials"].as_array().unwrap().iter().flat_map(Value::as_str).collect();
    let signed = [by(serials[1]), by(serials[2]), by(identity["public_key_id"].as_str().unwrap())];
    println!("{paid} payments, told of with the old certificate, the new one and the public key: {signed:?}");
    assert!(signed.iter().all(|count| *count > 0) && signed.iter().sum::<usize>() == paid, "{signed:?}");
    drop(server);
    self_check(database);
}

#[tokio::test]
async fn wechats_keys_change_under_load_and_no_genuine_notice_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (sqlite, postgres) = (testdb::sqlite(folder.path()), testdb::postgres().await);
    tokio::join!(rotates(&sqlite), rotates(&postgres));
}
