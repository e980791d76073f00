//! What the log says about requests that were refused.

use std::time::Duration;

use crate::process::Saoma;

#[tokio::test]
async fn each_kind_of_refusal_leaves_one_line_that_names_the_address_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let saoma = Saoma::start(&format!("sqlite://{}/saoma.db", folder.path().display()));
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
    let url = format!("http://{}", saoma.addr);
    for _ in 0..12 {
        let login = http.post(format!("{url}/admin/login")).header("origin", &url);
        login.form(&[("name", "admin"), ("password", "a wrong password")]).send().await.unwrap();
        let elsewhere = http.post(format!("{url}/admin/login")).header("origin", "https://evil.example");
        assert_eq!(elsewhere.send().await.unwrap().status(), 403);
        let host = http.get(&url).header("host", "evil.example").header("x-forwarded-for", "1.2.3.4");
        assert_eq!(host.send().await.unwrap().status(), 421);
    }
    let log = saoma.log();
    for line in [
        "failed sign-in as admin from 127.0.0.1",
        "too many failed sign-ins from 127.0.0.1",
        "refused a request from 127.0.0.1 by a page of \"https://evil.example\"",
        "refused a request from 127.0.0.1 for the host \"evil.example\"",
        "127.0.0.1 sends X-Forwarded-For and SAOMA_TRUSTED_PROXIES does not name it",
    ] {
        assert_eq!(log.matches(line).count(), 1, "{line}: {log}");
    }
    assert!(!log.contains("a wrong password"), "{log}");
}
