//! `saoma doctor` beside a running server: what it finds, what it says, and its exit status.

use std::process::Output;

use serde_json::Value;

use super::{
    common::{SECRET, Site, on_both},
    settings::run,
};

/// Runs the command for this site with more settings.
async fn doctor(site: &Site, arguments: &[&str], more: &[(&str, &str)]) -> Output {
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
        let output = doctor(&site, &["--json"], &[]).await;
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        for id in ["settings", "clock", "wechat_hosts", "signature_v2", "notify_addresses", "open_work"] {
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
async fn v3_files(site: &Site, folder: &std::path::Path) -> Vec<(&'static str, String)> {
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

fn texts<'a>(
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
