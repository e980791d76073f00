//! Installations with one thing broken: the doctor names it by the id of its check, and nothing else beside it.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Output};

use serde_json::Value;
use tempfile::TempDir;

use super::{
    common::Site,
    doctor::{doctor, texts, v3_files},
    doctor_proxy::{Proxy, Twist},
};

type Settings = Vec<(&'static str, String)>;

const KEY: &str = "192006250b4c09247ec02edce69f6a2d";

/// What is red of an output, by id.
fn red(output: &Output) -> Vec<String> {
    let findings: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let is_red = |entry: &&Value| ["bad", "warning"].contains(&entry["verdict"].as_str().unwrap());
    let red = findings.as_array().unwrap().iter().filter(is_red);
    red.map(|entry| {
        assert!(!entry["hint"].as_str().unwrap().is_empty(), "{entry}");
        entry["id"].as_str().unwrap().to_owned()
    })
    .collect()
}

fn private(path: &Path, content: &str) -> String {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A certificate of the merchant that ends in `days`, and its key.
fn certificate(folder: &Path, days: i64) -> Settings {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["10000100".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    let end = wxpay::UnixMillis::now().plus_ms(days * 24 * 3600 * 1000).to_beijing();
    let part = |from, to| end[from..to].parse::<u16>().unwrap();
    params.not_after = rcgen::date_time_ymd(i32::from(part(0, 4)), part(4, 6) as u8, part(6, 8) as u8);
    let pem = params.self_signed(&key).unwrap().pem();
    vec![
        ("SAOMA_WECHAT_CERT", private(&folder.join(format!("cert_{days}.pem")), &pem)),
        ("SAOMA_WECHAT_CERT_KEY", private(&folder.join(format!("key_{days}.pem")), &key.serialize_pem())),
    ]
}

/// The sandbox's merchant with everything that API v2 needs.
fn merchant(site: &Site, folder: &Path) -> Settings {
    let mut settings = vec![
        ("SAOMA_SANDBOX_ADDR", String::new()),
        ("SAOMA_WECHAT_APPID", "wxd930ea5d5a258f4f".to_owned()),
        ("SAOMA_WECHAT_MCH_ID", "10000100".to_owned()),
        ("SAOMA_WECHAT_API_KEY", KEY.to_owned()),
        ("SAOMA_WECHAT_BASE_URL", site.sandbox.clone()),
    ];
    settings.extend(certificate(folder, 1000));
    settings
}

async fn must_be(site: &Site, settings: &Settings, more: &[(&'static str, &str)], id: &str, what: &str) {
    let output = doctor(site, &["--json"], &texts(settings, more)).await;
    let wanted: Vec<_> = [id].into_iter().filter(|id| !id.is_empty()).collect();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(red(&output), wanted, "{what}: {said}");
    assert_eq!(output.status.code() == Some(0), id.is_empty(), "{what}");
    assert!(!said.contains(KEY) && !said.contains("0123456789abcdef"), "{said}");
}

async fn sqlite() -> (Site, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let database = testdb::sqlite(folder.path());
    (Site::start("", database, folder).await, tempfile::tempdir().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_settings_machine_and_credentials_is_named_by_its_check() {
    let (site, folder) = sqlite().await;
    let path = folder.path();
    let ours = merchant(&site, path);
    must_be(&site, &ours, &[], "", "nothing is broken").await;
    let is = async |id, what, more: &[(&'static str, &str)]| must_be(&site, &ours, more, id, what).await;

    is("settings", "a word that is none", &[("SAOMA_WECHAT_TOKEN_API", "both")]).await;
    is("settings", "a file of a secret that is missing", &[("SAOMA_SECRET_KEY_FILE", "/nonexistent/key")])
        .await;
    let fixture = |name: &str| format!("{}/src/config/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    let (theirs, key) = (fixture("other_cert.pem"), fixture("other_key.pem"));
    is(
        "settings",
        "another merchant's certificate",
        &[("SAOMA_WECHAT_CERT", &theirs), ("SAOMA_WECHAT_CERT_KEY", &key)],
    )
    .await;

    let wide = private(&path.join("wide.pem"), &fs::read_to_string(path.join("key_1000.pem")).unwrap());
    fs::set_permissions(&wide, fs::Permissions::from_mode(0o644)).unwrap();
    is("files", "a key that all can read", &[("SAOMA_WECHAT_CERT_KEY", &wide)]).await;
    for (days, what) in [(-3, "an expired certificate"), (10, "a certificate near its end")] {
        let settings = certificate(path, days);
        let more: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        is("certificate", what, &more).await;
    }
    is("signature_v2", "a wrong key", &[("SAOMA_WECHAT_API_KEY", "0123456789abcdef0123456789ABCDEF")]).await;
    is("signature_v2", "a foreign appid", &[("SAOMA_WECHAT_APPID", "wx2421b1c4370ec43b")]).await;
    is("wechat_hosts", "no way to WeChat", &[("SAOMA_WECHAT_BASE_URL", "http://127.0.0.1:1")]).await;
    let wrong = "0123456789abcdef0123456789abcdef";
    let account = [("SAOMA_WECHAT_APP_SECRET", wrong), ("SAOMA_WEIXIN_BASE_URL", site.sandbox.as_str())];
    is("app_secret", "a wrong AppSecret", &account).await;
    let old = [("SAOMA_USER_TOKEN_SECRET_OLD", "a secret that was to go long ago, and stayed")];
    is("old_keys", "an old key that was left", &old).await;

    let wechat = Proxy::start().await;
    for off_s in [-600, 600] {
        wechat.set(&site.sandbox, Twist::Clock(off_s));
        is("clock", "a wrong clock", &[("SAOMA_WECHAT_BASE_URL", &wechat.url)]).await;
    }

    let mut by_v3 = v3_files(&site, path).await;
    by_v3.retain(|(name, _)| !name.contains("PUBLIC_KEY"));
    by_v3.push(("SAOMA_WECHAT_PLATFORM_CERTS", "on".to_owned()));
    let key = path.join("apiclient_key.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(path.join("apiclient_cert.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    must_be(&site, &by_v3, &[], "", "nothing is broken by v3").await;
    let wrong = [("SAOMA_WECHAT_APIV3_KEY", "0123456789abcdef0123456789ABCDEF")];
    must_be(&site, &by_v3, &wrong, "signature_v3", "a wrong APIv3 key").await;
    site.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_on_the_way_through_the_public_name_is_named_by_its_check() {
    let proxy = Proxy::start().await;
    let behind = async |settings: &str| {
        let folder = tempfile::tempdir().unwrap();
        let database = testdb::sqlite(folder.path());
        Site::start(&format!("public_url = \"{}\"\n{settings}", proxy.url), database, folder).await
    };
    let site = behind("trusted_proxies = [\"127.0.0.1\"]\n").await;
    let ours: Settings =
        vec![("SAOMA_PUBLIC_URL", proxy.url.clone()), ("SAOMA_TRUSTED_PROXIES", "127.0.0.1".to_owned())];
    for (twist, id) in [
        (Twist::Nothing, ""),
        (Twist::Redirect, "notify_addresses"),
        (Twist::Wall, "notify_addresses"),
        (Twist::Firewall, "round_trip"),
        (Twist::Rewrite, "body"),
        (Twist::Host, "host_name"),
        (Twist::NoForwardedFor, "client_address"),
    ] {
        proxy.set(&site.url, twist);
        must_be(&site, &ours, &[], id, &format!("{twist:?}")).await;
    }
    must_be(
        &site,
        &ours,
        &[("SAOMA_PUBLIC_URL", "http://127.0.0.1:1")],
        "notify_addresses",
        "nobody listens",
    )
    .await;
    let no_tls = proxy.url.replace("http://", "https://");
    must_be(&site, &ours, &[("SAOMA_PUBLIC_URL", &no_tls)], "public_tls", "no TLS").await;
    let other = behind("").await;
    proxy.set(&other.url, Twist::Nothing);
    must_be(&site, &ours, &[], "round_trip", "a server of another database").await;
    let theirs: Settings = vec![("SAOMA_PUBLIC_URL", proxy.url.clone())];
    must_be(&other, &theirs, &[], "client_address", "a proxy that nobody declared").await;

    let folder = tempfile::tempdir().unwrap();
    let elsewhere = merchant(&site, folder.path());
    let name = [("SAOMA_PUBLIC_URL", "http://pay.invalid"), ("SAOMA_ALLOW_PUBLIC_SANDBOX", "true")];
    must_be(&site, &elsewhere, &name, "public_dns", "a name that leads nowhere").await;
    other.running.stop().await;
    site.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_sqlite_database_is_named_by_its_check() {
    let (site, folder) = sqlite().await;
    let none: Settings = Vec::new();
    let garbage =
        private(&folder.path().join("garbage.db"), &"no database at all, but long enough. ".repeat(100));
    let garbage = format!("sqlite://{garbage}");
    must_be(&site, &none, &[("DATABASE_URL", &garbage)], "database", "a file that is no database").await;
    site.set("UPDATE facts SET value = 'mch_id 1 appid wx1' WHERE name = 'identity'").await;
    must_be(&site, &none, &[], "database", "another merchant's").await;
    site.set("UPDATE facts SET value = 'sandbox' WHERE name = 'identity'").await;
    must_be(&site, &none, &[], "", "its own again").await;
    site.set("INSERT INTO facts (name, value) VALUES ('tables.runs_from', '9999')").await;
    site.set(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'of a newer program', TRUE, '', 0)",
    )
    .await;
    must_be(&site, &none, &[], "database", "tables of a newer program").await;
    site.set("DELETE FROM _sqlx_migrations WHERE version >= 37").await;
    must_be(&site, &none, &[], "database", "tables of an older program").await;

    let disk = tempfile::tempdir().unwrap();
    let mount = |program: &str, arguments: &[&str]| {
        let done = std::process::Command::new(program).args(arguments).arg(disk.path()).status().unwrap();
        assert!(done.success(), "{program} needs root");
    };
    mount("mount", &["-t", "tmpfs", "-o", "size=50m", "tmpfs"]);
    let small = testdb::sqlite(disk.path());
    let output = doctor(&site, &["--json"], &[("DATABASE_URL", &small)]).await;
    mount("umount", &["-l"]);
    assert_eq!(red(&output), ["disk"], "a small disk");
    site.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_postgresql_database_is_named_by_its_check() {
    let site = Site::start("", testdb::postgres().await, tempfile::tempdir().unwrap()).await;
    let none: Settings = Vec::new();
    let database = site.database.rsplit('/').next().unwrap().to_owned();
    must_be(&site, &none, &[], "", "nothing is broken").await;
    let proven = format!("{}?sslmode=verify-full", site.database);
    must_be(&site, &none, &[("DATABASE_URL", &proven)], "database_tls", "no TLS").await;

    // As on a standby every transaction is to read only.
    site.run(&format!("ALTER DATABASE {database} SET default_transaction_read_only = on")).await;
    must_be(&site, &none, &[], "database_writes", "a database that takes no writes").await;
    let (server, _) = site.database.rsplit_once('/').unwrap();
    let own = Site::start("", testdb::postgres().await, tempfile::tempdir().unwrap()).await;
    let clerk = format!("clerk_{database}");
    for sql in [
        format!("CREATE ROLE {clerk} LOGIN"),
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {clerk}"),
        format!("REVOKE INSERT ON orders FROM {clerk}"),
    ] {
        own.run(&sql).await;
    }
    let (_, host) = server.split_once('@').unwrap();
    let as_clerk = format!("postgres://{clerk}@{host}/{}", own.database.rsplit('/').next().unwrap());
    must_be(&own, &none, &[("DATABASE_URL", &as_clerk)], "database_rights", "a user without rights").await;
    own.running.stop().await;
    site.running.stop().await;
}
