//! Two servers on one PostgreSQL.

use std::time::{Duration, Instant};

use server::{
    config::{self, Config, Mode, Secret},
    start,
};
use wxpay::Merchant;

use super::common::{PASSWORD, SECRET, SUCCESS, Site, on_postgres, paid, signed};

/// A second server on the site's database, with the first one's sandbox for WeChat. Answers its address.
async fn second(site: &Site) -> (String, start::Running) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("saoma.toml");
    let text = format!(
        "addr = \"127.0.0.1:0\"\nuser_token_secret = \"{SECRET}\"\nadmin_password = \"{PASSWORD}\"\n"
    );
    std::fs::write(&file, text).unwrap();
    let mut config: Config = config::load(Some(&file)).unwrap();
    config.database_url = Secret::new(&site.database);
    let base_url = Some(site.sandbox.clone());
    config.mode = Mode::Merchant { merchant: Merchant::sandbox(), base_url, certificate: None };
    let running = start::start(config).await.unwrap();
    (format!("http://{}", running.addr), running)
}

#[tokio::test]
async fn a_storm_spread_over_two_servers_credits_once() {
    on_postgres(async |site| {
        let (other, _running) = second(&site).await;
        let (number, _) = site.placed("lin", "10").await;
        let body = signed(paid(&number, "1000"));
        let mut sending = tokio::task::JoinSet::new();
        for i in 0..1000 {
            let url = if i % 2 == 0 { &site.url } else { &other };
            let request = site.http.post(format!("{url}/wxpay/notify")).body(body.clone());
            sending.spawn(async move { request.send().await.unwrap().text().await.unwrap() });
        }
        let answers = sending.join_all().await;
        assert_eq!(answers.iter().filter(|answer| *answer == SUCCESS).count(), 1000);
        assert_eq!((site.balance("lin").await, site.count("ledger").await), (1000, 1));
    })
    .await;
}

#[tokio::test]
async fn a_page_here_soon_shows_what_a_notice_said_there() {
    on_postgres(async |site| {
        let (other, _running) = second(&site).await;
        let (number, _) = site.placed("lin", "10").await;
        assert_eq!(site.status("lin", &number).await["state"], "pending");
        let notice = site.http.post(format!("{other}/wxpay/notify")).body(signed(paid(&number, "1000")));
        assert_eq!(notice.send().await.unwrap().text().await.unwrap(), SUCCESS);
        let said = Instant::now();
        while site.status("lin", &number).await["state"] != "paid" {
            assert!(said.elapsed() < Duration::from_secs(2), "still unpaid here");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}
