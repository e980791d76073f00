//! The merchant's certificate, by which v2 refunds and v3 signs, when it has expired.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
use reqwest::StatusCode;
use serde_json::{Value, json};
use server::{
    config::{self, Secret},
    start,
};
use wxpay::Merchant;

use super::{
    common::{SECRET, Site, on_both, on_both_with, text, token},
    money::{led_to, shown},
    operators::cookie,
    signed_v3::Message,
    wechat_v3::{envelope, now_s, paid, sandboxs},
};

#[tokio::test]
async fn an_expired_certificate_keeps_nobody_from_paying() {
    on_both(async |site| {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["10000100".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2025, 12, 31));
        let both = params.self_signed(&key).unwrap().pem() + &key.serialize_pem();
        let certificate = folder.path().join("expired.pem");
        std::fs::write(&certificate, both).unwrap();
        let merchant = Merchant::sandbox();
        let settings = format!(
            "addr = \"127.0.0.1:0\"\npublic_url = \"http://127.0.0.1:3000\"\nuser_token_secret = \"{SECRET}\"\n\
             wechat_appid = \"{}\"\nwechat_mch_id = \"{}\"\nwechat_api_key = \"192006250b4c09247ec02edce69f6a2d\"\n\
             wechat_base_url = \"{}\"\nwechat_cert = \"{}\"\n",
            merchant.appid.as_str(),
            merchant.mch_id.as_str(),
            site.sandbox,
            certificate.display()
        );
        let file = folder.path().join("saoma.toml");
        std::fs::write(&file, settings).unwrap();
        let mut config = config::load(Some(&file)).unwrap();
        config.database_url = Secret::new(testdb::sqlite(folder.path()));
        let running = start::start(config).await.unwrap();
        let url = format!("http://{}", running.addr);
        let form = [("u", token("lin", 3600)), ("quantity", "10".to_owned())];
        let order = site.http.post(format!("{url}/wxpay/recharge")).form(&form).send().await.unwrap();
        assert_eq!(order.status(), 200);
        let metrics = site.http.get(format!("{url}/metrics")).send().await.unwrap().text().await.unwrap();
        assert!(
            metrics.contains("saoma_certificate_expires_timestamp_seconds{certificate=\"merchant\"} 1767139200\n"),
            "{metrics}"
        );
        running.stop().await;
    })
    .await;
}

/// Settings of the sandbox's merchant for API v3 alone, with a certificate over its key that ended with this year.
async fn settings_of_v3(site: &Site, folder: &Path, last_year: i32) -> (PathBuf, Value) {
    let file = async |name: &str| {
        let text = site.http.get(format!("{}{name}", site.sandbox)).send().await.unwrap();
        text.text().await.unwrap()
    };
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let identity: Value = serde_json::from_str(&file("/control/identity").await).unwrap();
    let key = file("/keys/apiclient_key.pem").await;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, text(&identity, "mch_id"));
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(last_year, 12, 31));
    let certificate = params.self_signed(&KeyPair::from_pem(&key).unwrap()).unwrap().pem();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let settings = format!(
        "addr = \"{free}\"\npublic_url = \"http://{free}\"\nuser_token_secret = \"{SECRET}\"\n\
         wechat_appid = \"{}\"\nwechat_mch_id = \"{}\"\nwechat_base_url = \"{}\"\nwechat_apiv3_key = \"{}\"\n\
         wechat_cert = \"{}\"\nwechat_cert_key = \"{}\"\nwechat_public_key = \"{}\"\nwechat_public_key_id = \"{}\"\n",
        text(&identity, "appid"),
        text(&identity, "mch_id"),
        site.sandbox,
        text(&identity, "apiv3_key"),
        write("cert.pem", &certificate),
        write("key.pem", &key),
        write("pub_key.pem", &file("/keys/pub_key.pem").await),
        text(&identity, "public_key_id"),
    );
    let path = folder.join("saoma.toml");
    std::fs::write(&path, settings).unwrap();
    (path, identity)
}

/// Another server on the site's database with such a certificate, and what it logs as a program of its own.
async fn beside_with_certificate(site: &Site, last_year: i32) -> (Site, Value, String) {
    let folder = tempfile::tempdir().unwrap();
    let (settings, identity) = settings_of_v3(site, folder.path(), last_year).await;
    let said = logged_at_start(site, folder.path()).await;
    let mut config = config::load(Some(&settings)).unwrap();
    config.database_url = Secret::new(&site.database);
    let running = start::start(config).await.unwrap();
    (site.as_seen_at(running, folder), identity, said)
}

/// What the program says of its certificate, up to the line that it serves.
async fn logged_at_start(site: &Site, folder: &Path) -> String {
    let log = folder.join("log");
    let output = || Stdio::from(std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap());
    let mut command = Command::new(env!("CARGO_BIN_EXE_saoma"));
    command.current_dir(folder).env_clear().arg("serve");
    command.env("DATABASE_URL", &site.database).stdin(Stdio::null()).stdout(output()).stderr(output());
    let mut program = command.spawn().unwrap();
    let mut said = String::new();
    for _ in 0..300 {
        said = std::fs::read_to_string(&log).unwrap();
        if said.contains("Saoma serves") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    program.kill().unwrap();
    program.wait().unwrap();
    assert!(said.contains("Saoma serves"), "{said}");
    said
}

/// The genuine notice that an order of 10 yuan was paid.
fn notice(identity: &Value, number: &str, transaction_id: &str) -> Message {
    let mut message = paid(number);
    message["transaction_id"] = json!(transaction_id);
    let sealed = envelope(message.to_string().as_bytes(), &text(identity, "apiv3_key"), "transaction");
    let id = text(identity, "public_key_id");
    Message::signed(sealed.to_string().as_bytes(), &sandboxs(), &id, now_s())
}

const BY_V3: &str = "wechat_protocol = \"v3\"\n";
const TAKEN: (StatusCode, String) = (StatusCode::NO_CONTENT, String::new());

#[tokio::test]
async fn an_expired_certificate_of_v3_is_told_stops_orders_and_refunds_and_no_credit() {
    on_both_with(BY_V3, async |site| {
        let (number, _) = site.placed("lin", "10").await;
        let (over, identity, said) = beside_with_certificate(&site, 2025).await;
        assert!(said.contains("calls by API v3 are off") && said.contains("expired on 2025-12-31"), "{said}");
        let address = format!("{}/wxpay/v3/notify", over.url);
        assert_eq!(notice(&identity, &number, "42000001").send(&over, &address).await, TAKEN);
        assert_eq!((over.balance("lin").await, over.count("ledger").await), (1000, 1));

        let refused = over.order("wang", "10").await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.json::<Value>().await.unwrap()["code"], "stopped");
        let cookie = cookie(&over).await;
        let page = shown(&over, &cookie, &format!("/admin/orders/{number}")).await;
        assert!(!page.contains("name=\"amount\""), "a refund is offered: {page}");
        // A form that was open before the certificate ended.
        let seen =
            super::money::seen(&site, &cookie, &format!("/admin/orders/{number}/refund?amount=1&reason=x"))
                .await;
        let form = [
            ("no", "RF20260315A"),
            ("amount", "1"),
            ("reason", "x"),
            ("password", super::common::PASSWORD),
            ("seen", seen),
        ];
        let back = led_to(&over, &cookie, &format!("/admin/orders/{number}/refund"), &form).await;
        assert!(back.contains("error=certificate"), "{back}");
        assert_eq!((over.count("refunds").await, over.balance("lin").await), (0, 1000));
        over.running.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_valid_certificate_of_v3_stops_nothing() {
    on_both_with(BY_V3, async |site| {
        let (number, _) = site.placed("lin", "10").await;
        let (fine, identity, said) = beside_with_certificate(&site, 2049).await;
        assert!(!said.contains("are off"), "{said}");
        let address = format!("{}/wxpay/v3/notify", fine.url);
        assert_eq!(notice(&identity, &number, "42000001").send(&fine, &address).await, TAKEN);
        let cookie = cookie(&fine).await;
        let page = shown(&fine, &cookie, &format!("/admin/orders/{number}")).await;
        assert!(page.contains("name=\"amount\""), "no refund is offered: {page}");
        fine.running.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_certificate_that_is_replaced_counts_once_it_is_read_again_and_a_wrong_one_changes_nothing() {
    on_both_with(BY_V3, async |site| {
        let folder = tempfile::tempdir().unwrap();
        let (settings, identity) = settings_of_v3(&site, folder.path(), 2025).await;
        let mut config = config::load(Some(&settings)).unwrap();
        config.database_url = Secret::new(&site.database);
        let running = start::start(config).await.unwrap();
        let over = site.as_seen_at(running, tempfile::tempdir().unwrap());
        assert_eq!(over.order("lin", "10").await.status(), StatusCode::SERVICE_UNAVAILABLE);

        let genuine =
            site.http.get(format!("{}/keys/apiclient_cert.pem", site.sandbox)).send().await.unwrap();
        let genuine = genuine.text().await.unwrap();
        let (next, present) = (folder.path().join("cert.pem.new"), folder.path().join("cert.pem"));
        std::fs::write(&next, &genuine).unwrap();
        std::fs::rename(&next, &present).unwrap();
        over.running.reload(config::load(Some(&settings))).await;
        let order = over.order("lin", "10").await;
        assert_eq!(order.status(), 200, "orders go on at once: {}", order.text().await.unwrap());
        let ends = over.get("/metrics").send().await.unwrap().text().await.unwrap();
        assert!(!ends.contains("expires_timestamp_seconds 1767139200"), "{ends}");

        // Another's key, another merchant's number: nothing changes.
        let key = KeyPair::generate().unwrap();
        std::fs::write(folder.path().join("key.pem"), key.serialize_pem()).unwrap();
        over.running.reload(config::load(Some(&settings))).await;
        assert_eq!(over.order("wang", "10").await.status(), 200);
        let theirs = std::fs::read_to_string(&settings).unwrap();
        let genuine_key =
            site.http.get(format!("{}/keys/apiclient_key.pem", site.sandbox)).send().await.unwrap();
        std::fs::write(folder.path().join("key.pem"), genuine_key.text().await.unwrap()).unwrap();
        let theirs = theirs.replace(&text(&identity, "appid"), "wx2421b1c4370ec43b");
        std::fs::write(&settings, theirs).unwrap();
        over.running.reload(config::load(Some(&settings))).await;
        assert_eq!(over.order("chen", "10").await.status(), 200);
        over.running.stop().await;
    })
    .await;
}
