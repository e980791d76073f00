//! Two servers on one PostgreSQL.

use std::time::{Duration, Instant};

use server::{
    config::{self, Config, Credentials, Mode, Secret},
    start,
};
use tempfile::TempDir;
use wxpay::Merchant;

use super::common::{PASSWORD, SECRET, SUCCESS, Site, at_once, on_postgres, paid, signed};

/// A second server on the site's database, with the first one's sandbox for WeChat. Answers its address.
pub async fn beside(site: &Site, merchant: Merchant) -> (String, start::Running) {
    let folder = tempfile::tempdir().unwrap();
    let running = with_wechat(&site.database, site.sandbox.clone(), merchant, &folder).await;
    (format!("http://{}", running.addr), running)
}

/// A server of a merchant's on `database`, for which WeChat is at the address `wechat`.
pub async fn with_wechat(
    database: &str,
    wechat: String,
    merchant: Merchant,
    folder: &TempDir,
) -> start::Running {
    let file = folder.path().join("saoma.toml");
    let text = format!(
        "addr = \"127.0.0.1:0\"\nuser_token_secret = \"{SECRET}\"\nadmin_password = \"{PASSWORD}\"\n"
    );
    std::fs::write(&file, text).unwrap();
    let mut config: Config = config::load(Some(&file)).unwrap();
    config.database_url = Secret::new(database);
    config.mode = Mode::Merchant(Box::new(Credentials::of_v2(merchant, Some(wechat))));
    start::start(config).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_spread_over_two_servers_credits_once() {
    on_postgres(async |site| {
        let (other, _running) = beside(&site, Merchant::sandbox()).await;
        let (number, _) = site.placed("lin", "10").await;
        let body = signed(paid(&number, "1000"));
        let to = |url: &str| site.http.post(format!("{url}/wxpay/notify")).body(body.clone());
        let (here, there) = tokio::join!(at_once(500, || to(&site.url)), at_once(500, || to(&other)));
        let answers = [here, there].concat().concat();
        assert_eq!(answers.iter().filter(|answer| **answer == (200, SUCCESS.to_owned())).count(), 1000);
        assert_eq!((site.balance("lin").await, site.count("ledger").await), (1000, 1));
    })
    .await;
}

/// Watched orders are read again every 5 s, which would hide a message between instances that does not arrive. So this
/// looks twice, within one such time: one of the two could not be hidden.
#[tokio::test]
async fn a_page_here_soon_shows_what_a_notice_said_there() {
    on_postgres(async |site| {
        let (other, _running) = beside(&site, Merchant::sandbox()).await;
        for (user, transaction) in
            [("lin", "4200000000000000000000000001"), ("wang", "4200000000000000000000000002")]
        {
            let (number, _) = site.placed(user, "10").await;
            assert_eq!(site.status(user, &number).await["state"], "pending");
            let notice = signed(paid(&number, "1000").with("transaction_id", transaction));
            let notice = site.http.post(format!("{other}/wxpay/notify")).body(notice);
            assert_eq!(notice.send().await.unwrap().text().await.unwrap(), SUCCESS);
            let said = Instant::now();
            while site.status(user, &number).await["state"] != "paid" {
                assert!(said.elapsed() < Duration::from_secs(2), "{user}'s order is still unpaid here");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            tokio::time::sleep(Duration::from_millis(2_200).saturating_sub(said.elapsed())).await;
        }
    })
    .await;
}
