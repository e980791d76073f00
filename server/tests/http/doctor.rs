//! `saoma doctor` beside a running server: what it finds, what it says, and its exit status.

use std::process::Output;

use cashier::{Db, db::facts};
use serde_json::Value;
use sqlx::Row;

use super::{
    common::{SECRET, Site, on_both},
    settings::run,
};

/// Runs the command for this site with more settings.
pub async fn doctor(site: &Site, arguments: &[&str], more: &[(&str, &str)]) -> Output {
    let fixed = [
        ("DATABASE_URL", site.database.clone()),
        ("SAOMA_PUBLIC_URL", site.url.clone()),
        ("SAOMA_SANDBOX_ADDR", site.sandbox.trim_start_matches("http://").to_owned()),
        ("SAOMA_USER_TOKEN_SECRET", SECRET.to_owned()),
    ];
    let mut variables: Vec<(String, String)> =
        fixed.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    for (name, value) in more {
        variables.retain(|(known, _)| known != name);
        if !value.is_empty() {
            variables.push(((*name).to_owned(), (*value).to_owned()));
        }
    }
    let arguments: Vec<String> = ["doctor"].iter().chain(arguments).map(|word| (*word).to_owned()).collect();
    // The server answers meanwhile.
    let running = tokio::task::spawn_blocking(move || {
        let folder = tempfile::tempdir().unwrap();
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        run(folder.path(), &arguments, &variables)
    });
    running.await.unwrap()
}

/// The entry of a check: verdict, text and hint.
fn found(output: &Output, id: &str) -> (String, String, String) {
    let findings: Value = serde_json::from_slice(&output.stdout).unwrap();
    let entry = findings.as_array().unwrap().iter().find(|entry| entry["id"] == id);
    let entry = entry.unwrap_or_else(|| panic!("no {id} in {findings}"));
    let word = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    (word("verdict"), word("text"), word("hint"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_a_healthy_server_all_is_well() {
    on_both(async |site| {
        site.placed("lin", "10").await;
        let began = std::time::Instant::now();
        let output = doctor(&site, &["--json"], &[]).await;
        assert!(began.elapsed() < std::time::Duration::from_secs(10), "{:?}", began.elapsed());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        for id in [
            "settings",
            "clock",
            "database",
            "wechat_hosts",
            "signature_v2",
            "notify_addresses",
            "public_dns",
            "round_trip",
            "body",
            "host_name",
            "client_address",
            "database_rights",
            "open_work",
            "last_notice",
        ] {
            assert_eq!(found(&output, id).0, "good", "{id}: {output:?}");
        }
        assert!(found(&output, "open_work").1.starts_with("v2: 1 orders"), "{output:?}");
        let text = String::from_utf8(doctor(&site, &[], &[]).await.stdout).unwrap();
        assert!(text.lines().all(|line| line.starts_with("✓ ") || line.starts_with("- ")), "{text}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_key_a_silent_site_and_an_unusable_setting_are_named_with_what_to_do() {
    on_both(async |site| {
        let wrong_key = [
            ("SAOMA_SANDBOX_ADDR", ""),
            ("SAOMA_WECHAT_APPID", "wxd930ea5d5a258f4f"),
            ("SAOMA_WECHAT_MCH_ID", "10000100"),
            ("SAOMA_WECHAT_API_KEY", "0123456789abcdef0123456789ABCDEF"),
            ("SAOMA_WECHAT_BASE_URL", site.sandbox.as_str()),
        ];
        let output = doctor(&site, &["--json"], &wrong_key).await;
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let (verdict, _, hint) = found(&output, "signature_v2");
        assert!(verdict == "bad" && hint.contains("SAOMA_WECHAT_MCH_ID"), "{output:?}");
        assert_eq!(found(&output, "certificate").0, "warning");
        assert!(!String::from_utf8_lossy(&output.stdout).contains("0123456789abcdef"), "{output:?}");
        // Nobody listens on port 1.
        let output = doctor(&site, &["--json"], &[("SAOMA_PUBLIC_URL", "http://127.0.0.1:1")]).await;
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert_eq!(found(&output, "notify_addresses").0, "bad");
        let output = doctor(&site, &["--json"], &[("SAOMA_WECHAT_TOKEN_API", "both")]).await;
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let (verdict, text, _) = found(&output, "settings");
        assert!(verdict == "bad" && text.starts_with("SAOMA_WECHAT_TOKEN_API must be"), "{output:?}");
    })
    .await;
}

/// The sandbox's merchant by API v3, in files as an operator has them.
pub async fn v3_files(site: &Site, folder: &std::path::Path) -> Vec<(&'static str, String)> {
    let read = async |name: &str| {
        let response = site.http.get(format!("{}/keys/{name}", site.sandbox)).send().await.unwrap();
        assert!(response.status().is_success(), "{name}");
        response.text().await.unwrap()
    };
    let mut settings = vec![
        ("SAOMA_SANDBOX_ADDR", String::new()),
        ("SAOMA_WECHAT_APPID", "wxd930ea5d5a258f4f".to_owned()),
        ("SAOMA_WECHAT_MCH_ID", "10000100".to_owned()),
        ("SAOMA_WECHAT_BASE_URL", site.sandbox.clone()),
        ("SAOMA_WECHAT_APIV3_KEY", read("apiv3_key.txt").await.trim().to_owned()),
        ("SAOMA_WECHAT_PUBLIC_KEY_ID", read("pub_key_id.txt").await.trim().to_owned()),
    ];
    for (setting, name) in [
        ("SAOMA_WECHAT_CERT", "apiclient_cert.pem"),
        ("SAOMA_WECHAT_CERT_KEY", "apiclient_key.pem"),
        ("SAOMA_WECHAT_PUBLIC_KEY", "pub_key.pem"),
    ] {
        let path = folder.join(name);
        std::fs::write(&path, read(name).await).unwrap();
        settings.push((setting, path.to_str().unwrap().to_owned()));
    }
    settings
}

pub fn texts<'a>(
    settings: &'a [(&'static str, String)],
    more: &[(&'static str, &'a str)],
) -> Vec<(&'static str, &'a str)> {
    let all = settings.iter().map(|(name, value)| (*name, value.as_str()));
    all.chain(more.iter().copied()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn api_v3_is_proven_by_a_real_call_with_either_kind_of_wechats_keys() {
    on_both(async |site| {
        let folder = tempfile::tempdir().unwrap();
        let settings = v3_files(&site, folder.path()).await;
        let certificates = [
            ("SAOMA_WECHAT_PUBLIC_KEY", ""),
            ("SAOMA_WECHAT_PUBLIC_KEY_ID", ""),
            ("SAOMA_WECHAT_PLATFORM_CERTS", "on"),
        ];
        for more in [&certificates[..0], &certificates[..]] {
            let output = doctor(&site, &["--json"], &texts(&settings, more)).await;
            let (verdict, text, _) = found(&output, "signature_v3");
            assert_eq!(verdict, "good", "{text} {output:?}");
            assert_eq!(found(&output, "signature_v2").0, "skipped");
            assert_eq!(found(&output, "certificate").0, "good");
            assert_eq!(found(&output, "wechat_keys").0, "good");
        }
        let key = format!("{}/src/config/fixtures/key.pem", env!("CARGO_MANIFEST_DIR"));
        let other_key = [
            ("SAOMA_WECHAT_CERT", ""),
            ("SAOMA_WECHAT_CERT_KEY", key.as_str()),
            ("SAOMA_WECHAT_CERT_SERIAL", "5157F09EFDC096DE15EBE81A47057A7232F1B8E1"),
        ];
        let output = doctor(&site, &["--json"], &texts(&settings, &other_key)).await;
        let (verdict, _, hint) = found(&output, "signature_v3");
        assert!(verdict == "bad" && hint.contains("SAOMA_WECHAT_CERT_SERIAL"), "{output:?}");
        assert_eq!(output.status.code(), Some(2));
    })
    .await;
}

/// A merchant of invented numbers, whose WeChat is out of reach.
const MERCHANT: [(&str, &str); 5] = [
    ("SAOMA_SANDBOX_ADDR", ""),
    ("SAOMA_WECHAT_APPID", "wx2421b1c4370ec43b"),
    ("SAOMA_WECHAT_MCH_ID", "1900009851"),
    ("SAOMA_WECHAT_API_KEY", "0123456789abcdef0123456789ABCDEF"),
    ("SAOMA_WECHAT_BASE_URL", "http://127.0.0.1:1"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_is_only_read_and_belongs_to_nobody_afterwards() {
    let site = Site::start("", testdb::postgres().await, tempfile::tempdir().unwrap()).await;
    let with = |database: &str| {
        let mut settings = vec![("DATABASE_URL", database.to_owned())];
        settings.extend(MERCHANT.map(|(name, value)| (name, value.to_owned())));
        settings
    };
    let look = async |database: &str| doctor(&site, &["--json"], &texts(&with(database), &[])).await;

    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("new/saoma.db");
    let (verdict, text, _) = found(&look(&format!("sqlite://{}", missing.display())).await, "database");
    assert!(verdict == "skipped" && text.contains("first start makes it"), "{text}");
    assert!(!missing.exists() && !missing.parent().unwrap().exists());

    let (_folder, databases) = testdb::both().await;
    for url in databases {
        let db = Db::open(&url).await.unwrap();
        let written = async || {
            let sql = "SELECT name || ' ' || value AS fact FROM facts ORDER BY name";
            let rows = sqlx::query(sql).fetch_all(db.pool()).await.unwrap();
            rows.iter().map(|row| row.get::<String, _>("fact")).collect::<Vec<_>>()
        };
        let before = written().await;
        let (verdict, text, _) = found(&look(&url).await, "database");
        assert!(verdict == "skipped" && text.contains("belongs to nobody yet"), "{text}");
        assert_eq!(written().await, before);

        facts::get_or_set(&db, "identity", "mch_id 1900009851 appid wx2421b1c4370ec43b").await.unwrap();
        assert_eq!(found(&look(&url).await, "database").0, "good");
        assert_eq!(found(&look(&url).await, "last_notice").0, "good");
        sqlx::query("UPDATE facts SET value = 'sandbox' WHERE name = 'identity'")
            .execute(db.pool())
            .await
            .unwrap();
        let output = look(&url).await;
        let (verdict, text, hint) = found(&output, "database");
        assert!(verdict == "bad" && text.contains("sandbox") && hint.contains("DATABASE_URL"), "{output:?}");
        assert_eq!(output.status.code(), Some(2));

        sqlx::query(
            "UPDATE facts SET value = 'mch_id 1900009851 appid wx2421b1c4370ec43b' WHERE name = 'identity'",
        )
        .execute(db.pool())
        .await
        .unwrap();
        sqlx::query("DELETE FROM _sqlx_migrations WHERE version >= 20").execute(db.pool()).await.unwrap();
        let output = look(&url).await;
        assert_eq!(found(&output, "database").0, "warning", "{output:?}");
        assert_eq!(found(&output, "last_notice").0, "skipped", "{output:?}");
        let newest: i64 = sqlx::query("SELECT MAX(version) AS version FROM _sqlx_migrations")
            .fetch_one(db.pool())
            .await
            .unwrap()
            .get("version");
        assert_eq!(newest, 19, "nothing was brought up to date");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_notice_of_each_protocol_is_told() {
    on_both(async |site| {
        let told = async || found(&doctor(&site, &["--json"], &[]).await, "last_notice").1;
        assert_eq!(told().await, "v2: none; v3: none");
        let (number, code_url) = site.placed("lin", "10").await;
        site.pay(&code_url, &[]).await;
        site.until("lin", &number, "paid").await;
        // It is written beside the answer to WeChat.
        let mut text = told().await;
        for _ in 0..50 {
            if !text.starts_with("v2: none") {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            text = told().await;
        }
        assert!(text.starts_with("v2: 20") && text.ends_with("; v3: none"), "{text}");
    })
    .await;
}
