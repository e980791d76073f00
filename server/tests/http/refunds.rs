//! Refunds through the whole server: by the rule for late payments, over TLS with the merchant's certificate, and without
//! one that WeChat takes.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::StatusCode;
use sandbox::{Clock, Deliver, Options, Pay, Sandbox, Tls};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, Row as _};
use tokio::net::TcpListener;
use wxpay::{
    Merchant,
    v2::{Fields, req_info},
};

use super::common::{SECRET, SUCCESS, Site, client, on_both, on_both_with, token};

/// Long enough to order on a busy machine, short enough to wait for.
const LATE: &str = "late_payment = \"refund\"\ntime_expire_s = 8\n";
const EXPIRY: Duration = Duration::from_secs(9);

async fn text_of(database: &str, sql: &str) -> String {
    sqlx::any::install_default_drivers();
    let mut connection = sqlx::AnyConnection::connect(database).await.unwrap();
    let row = sqlx::query(AssertSqlSafe(sql)).fetch_optional(&mut connection).await.unwrap();
    row.and_then(|row| row.get::<Option<String>, _>(0)).unwrap_or_default()
}

/// Waits up to 40 s until the database says so.
async fn until(database: &str, sql: &str, said: &str) {
    for _ in 0..400 {
        if text_of(database, sql).await == said {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{sql}: {:?} and not {said:?}", text_of(database, sql).await);
}

#[tokio::test]
async fn a_late_payment_goes_back_by_itself_and_its_notice_is_acknowledged() {
    on_both_with(LATE, |site: Site| async move {
        let (number, code_url) = site.placed("u_1", "10").await;
        tokio::time::sleep(EXPIRY).await;
        site.pay(&code_url, &[("force", "1")]).await;
        until(&site.database, "SELECT state FROM refunds", "succeeded").await;
        assert_eq!(site.balance("u_1").await, 0);
        assert_eq!(site.status("u_1", &number).await["state"], "paid");
        let notices = site.http.get(format!("{}/control/notices", site.sandbox)).send().await.unwrap();
        let notices: Vec<Value> = notices.json().await.unwrap();
        let refund = notices.iter().find(|notice| notice["kind"] == "refund").unwrap();
        assert_eq!((refund["status"].as_i64(), refund["answer"].as_str()), (Some(200), Some(SUCCESS)));
        let how = text_of(&site.database, "SELECT settled_how FROM exceptions WHERE kind = 'late'").await;
        assert_eq!(how, "refund");
    })
    .await;
}

/// A refund notice as WeChat would send it, sealed with `key`.
fn sealed(key: &wxpay::ApiKey, number: &str) -> String {
    let merchant = Merchant::sandbox();
    let inside: String = [
        ("out_refund_no", "NOBODY"),
        ("out_trade_no", number),
        ("refund_id", "50300001232026031612345678901"),
        ("transaction_id", "4200001234202603151234567890"),
        ("total_fee", "1000"),
        ("refund_fee", "1000"),
        ("refund_status", "SUCCESS"),
    ]
    .into_iter()
    .map(|(name, value)| format!("<{name}>{value}</{name}>"))
    .collect();
    let root = format!("<root>{inside}</root>");
    Fields::new()
        .with("return_code", "SUCCESS")
        .with("appid", merchant.appid.as_str())
        .with("mch_id", merchant.mch_id.as_str())
        .with("nonce_str", "nonceRFNTF00000001")
        .with("req_info", req_info::seal(root.as_bytes(), key))
        .to_xml()
}

#[tokio::test]
async fn a_refund_notice_that_is_forged_or_not_confirmed_is_not_acknowledged_and_books_nothing() {
    on_both(|site: Site| async move {
        let (number, code_url) = site.placed("u_1", "10").await;
        site.pay(&code_url, &[]).await;
        site.until("u_1", &number, "paid").await;
        let other = wxpay::ApiKey::parse("00000000000000000000000000000000").unwrap();
        let bodies = [
            String::new(),
            "x".repeat(16 * 1024 + 1),
            "<xml><return_code>SUCCESS</return_code></xml>".to_owned(),
            sealed(&other, &number),
            // Sealed with our key, and yet WeChat knows of no such refund.
            sealed(&Merchant::sandbox().key, &number),
        ];
        for body in bodies {
            let response = site.http.post(format!("{}/wxpay/refund-notify", site.url)).body(body);
            let response = response.send().await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            let answer = response.text().await.unwrap();
            assert!(answer.contains("<return_code><![CDATA[FAIL]]></return_code>"), "{answer}");
        }
        assert_eq!(site.balance("u_1").await, 1000);
        assert_eq!((site.count("refunds").await, site.count("exceptions").await), (0, 0));
        let get = site.get("/wxpay/refund-notify").send().await.unwrap();
        assert_eq!(get.status(), StatusCode::METHOD_NOT_ALLOWED);
    })
    .await;
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn signed_by(authority: &CertifiedIssuer<'static, KeyPair>, name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    (params.signed_by(&key, authority).unwrap().pem(), key.serialize_pem())
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// The program itself, stopped when the test ends.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn over_tls_a_refund_needs_the_merchants_own_certificate_and_credits_need_none() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, others) = (authority(), authority());
    let (host, host_key) = signed_by(&ours, "localhost");
    let tls = Tls::new(host.as_bytes(), host_key.as_bytes(), ours.pem().as_bytes()).unwrap();
    let options =
        Options { merchant: Merchant::sandbox(), store: None, clock: Clock::real(), deliver: Deliver::Http };
    let wechat = Sandbox::open(options).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(wechat.clone().serve_tls(listener, tls, std::future::pending()));

    let roots = write(folder.path(), "roots.pem", &ours.pem());
    let files = |name: &str, (cert, key): (String, String)| {
        (
            write(folder.path(), &format!("{name}.pem"), &cert),
            write(folder.path(), &format!("{name}_key.pem"), &key),
        )
    };
    let right = files("right", signed_by(&ours, "10000100"));
    let wrong = files("wrong", signed_by(&others, "10000100"));
    for (certificate, state, problem) in [
        (Some(right), "succeeded", ""),
        (Some(wrong), "requested", "no_certificate"),
        (None, "requested", "no_certificate"),
    ] {
        let name = format!("{state}{}", certificate.is_some());
        let database = format!("sqlite://{}/{name}.db", folder.path().display());
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let url = format!("http://{free}");
        let merchant = Merchant::sandbox();
        let mut command = Command::new(env!("CARGO_BIN_EXE_saoma"));
        command.current_dir(folder.path()).env_clear().arg("serve").envs([
            ("SSL_CERT_FILE", roots.to_str().unwrap()),
            ("SAOMA_ADDR", &free.to_string()),
            ("SAOMA_PUBLIC_URL", &url),
            ("DATABASE_URL", &database),
            ("SAOMA_WECHAT_APPID", merchant.appid.as_str()),
            ("SAOMA_WECHAT_MCH_ID", merchant.mch_id.as_str()),
            ("SAOMA_WECHAT_API_KEY", "192006250b4c09247ec02edce69f6a2d"),
            ("SAOMA_WECHAT_BASE_URL", &base_url),
            ("SAOMA_USER_TOKEN_SECRET", SECRET),
            ("SAOMA_LATE_PAYMENT", "refund"),
            ("SAOMA_TIME_EXPIRE_S", "8"),
        ]);
        if let Some((cert, key)) = &certificate {
            command.env("SAOMA_WECHAT_CERT", cert).env("SAOMA_WECHAT_CERT_KEY", key);
        }
        let _program = Program(
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap(),
        );
        let order = |user: &'static str| order(url.clone(), user);
        let late = order("u_2").await;
        let in_time = order("u_1").await;
        wechat.pay(in_time["code_url"].as_str().unwrap(), Pay::default()).await.unwrap();
        until(&database, "SELECT CAST(balance AS TEXT) FROM accounts", "1000").await;
        tokio::time::sleep(EXPIRY).await;
        let pay = Pay { force: true, ..Pay::default() };
        wechat.pay(late["code_url"].as_str().unwrap(), pay).await.unwrap();
        until(&database, "SELECT state FROM refunds WHERE tries > 0", state).await;
        until(&database, "SELECT COALESCE(problem, '') FROM refunds", problem).await;
        let known = wechat.order(late["out_trade_no"].as_str().unwrap()).unwrap().refunds.len();
        assert_eq!(known, usize::from(state == "succeeded"));
    }
}

/// An order, as soon as the server answers.
async fn order(url: String, user: &'static str) -> Value {
    let form = json!({ "u": token(user, 3600), "quantity": 10 });
    for _ in 0..100 {
        if let Ok(response) = client().post(format!("{url}/wxpay/recharge")).json(&form).send().await
            && response.status() == StatusCode::OK
        {
            return response.json().await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{url} takes no orders");
}
