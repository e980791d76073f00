//! The clients of docs/clients, each in its language, against the real server: they sell, spend and are told, also where a proxy
//! loses the answers, and their receivers believe nothing that Saoma did not sign.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use recharge::api_key::Scope;
use serde_json::{Value, json};
use sha2::Sha256;
use wxpay::UnixMillis;

use super::{
    api_spend::answer,
    common::{Site, on_both, text},
    lossy::{DOWN, Lossy, WALL},
};

const LANGUAGES: [&str; 4] = ["php", "node", "python", "go"];

const SCOPES: [Scope; 7] = [
    Scope::SessionsWrite,
    Scope::RechargesWrite,
    Scope::RechargesRead,
    Scope::SpendWrite,
    Scope::BalancesRead,
    Scope::EventsRead,
    Scope::WebhooksWrite,
];

fn clients() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/clients")
}

fn command(language: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("bash");
    command.arg(clients().join("run.sh")).arg(language).args(arguments);
    command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
    command
}

/// Whether it went well, and what it said.
async fn run(mut command: Command) -> (bool, String, String) {
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (output.status.success(), out, err)
}

/// Sells and spends as the file itself shows it, while the first answer to whatever it asks for is lost.
async fn story(site: &Site, language: &str, key: &str) {
    let user = format!("of_{language}");
    let (number, code_url) = site.placed(&user, "10").await;
    site.pay(&code_url, &[]).await;
    site.until(&user, &number, "paid").await;
    let lossy = Lossy::start(&site.url).await;
    let mut command = command(language, &["story", &user]);
    command.env("SAOMA_URL", &lossy.url).env("SAOMA_KEY", key);
    let (is_well, said, errors) = run(command).await;
    assert!(is_well, "{language}: {said}{errors}");
    assert_eq!(lossy.lost(), 9, "{language}: a link, a recharge, two debits, four of holds, a reversal");
    let value = |step: &str| {
        let mut lines = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.find(|line| line["step"] == step).unwrap_or_else(|| panic!("{language}: no {step} in {said}"))
            ["value"]
            .clone()
    };
    let link = site.http.get(value("link").as_str().unwrap()).send().await.unwrap();
    assert!(link.status().is_redirection() || link.status().is_success(), "{language}: {}", link.status());
    assert!(value("code_url").as_str().unwrap().starts_with("weixin://"), "{language}");
    assert_eq!((&value("debit")["amount"], value("again")), (&json!(300), json!(true)), "{language}");
    assert_eq!((&value("captured")["amount"], value("too much")), (&json!(312), json!(402)), "{language}");
    assert_eq!((&value("reversed")["amount"], value("available")), (&json!(100), json!(488)), "{language}");
    assert_eq!(site.balance(&user).await, 1000 - 300 - 312 + 100, "{language}");
}

/// A site's own arguments are nothing to a client that it imports.
async fn imported(language: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (client, program) = (clients(), folder.path().join("site.mjs"));
    let text = match language {
        "node" => format!("import '{}/saoma.mjs';\nconsole.log('quiet');\n", client.display()),
        "php" => format!("<?php require '{}/saoma.php';\necho \"quiet\\n\";\n", client.display()),
        _ => return,
    };
    std::fs::write(&program, text).unwrap();
    let mut command = Command::new(language);
    command.arg(program).args(["story", "lin"]).env("SAOMA_URL", "http://127.0.0.1:9");
    let said = run(command).await;
    assert_eq!(said, (true, "quiet\n".to_owned(), String::new()), "{language}");
}

/// What each client says to one call, all at the same time.
async fn said_by_each(url: &str, key: &str, method: &str, path: &str) -> [(bool, String, String); 4] {
    let call = |language| {
        let mut command = command(language, &["call", method, path]);
        command.env("SAOMA_URL", url).env("SAOMA_KEY", key);
        run(command)
    };
    let [php, node, python, go] = LANGUAGES.map(call);
    tokio::join!(php, node, python, go).into()
}

/// A program that is told by webhook.
struct Receiver {
    url: String,
    credited: PathBuf,
    secret: String,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Receiver {
    async fn start(site: &Site, language: &str, key: &str) -> Receiver {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("http://127.0.0.1:{port}/hooks/saoma");
        let endpoint = json!({ "url": url, "types": ["recharge.paid"] });
        let request = site.http.post(format!("{}/api/v1/webhook_endpoints", site.url)).bearer_auth(key);
        let (status, endpoint) = answer(request.json(&endpoint)).await;
        assert_eq!(status, 201, "{endpoint}");
        let (secret, folder) = (text(&endpoint, "secret"), tempfile::tempdir().unwrap());
        let credited = folder.path().join("credited");
        std::fs::create_dir(&credited).unwrap();
        let mut command = command(language, &["serve", &port.to_string()]);
        // In the middle of a rotation there are two.
        command.env("SAOMA_WEBHOOK_SECRETS", format!("whsec_AAAA {secret}")).env("CREDITED", &credited);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        for _ in 0..600 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Receiver { url, credited, secret, child, _folder: folder }
    }

    fn is_credited(&self, number: &str) -> bool {
        std::fs::read_to_string(self.credited.join(number))
            .is_ok_and(|text| text.trim_end().ends_with(" 1000"))
    }

    /// Posts what Saoma might, with these signatures.
    async fn told(&self, site: &Site, stamp: i64, body: &str, signatures: &str) -> (u16, String) {
        let request = site.http.post(&self.url).header("webhook-id", "evt_test");
        let request = request.header("webhook-timestamp", stamp.to_string());
        let request = request.header("webhook-signature", signatures).body(body.to_owned());
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // It may have ended already, which is all that is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn signature(secret: &str, stamp: i64, body: &str) -> String {
    let key = STANDARD.decode(secret.trim_start_matches("whsec_")).unwrap();
    let mac = Hmac::<Sha256>::new_from_slice(&key).unwrap().chain_update(format!("evt_test.{stamp}.{body}"));
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// Saoma's own delivery, and what others send.
async fn receiver(site: &Site, language: &str, key: &str) {
    let receiver = Receiver::start(site, language, key).await;
    let user = format!("told_{language}");
    let (number, code_url) = site.placed(&user, "10").await;
    site.pay(&code_url, &[]).await;
    for _ in 0..300 {
        if receiver.is_credited(&number) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(receiver.is_credited(&number), "{language} was not told of {number}");

    let now = UnixMillis::now().get() / 1000;
    let event = |number: &str| {
        let recharge = json!({ "out_trade_no": number, "user": user, "credited": 1000 });
        json!({ "id": "evt_test", "type": "recharge.paid", "data": { "recharge": recharge } }).to_string()
    };
    // The same payment in another delivery, as after a restore, is signed and no news.
    let known = event(&number);
    let signed = signature(&receiver.secret, now, &known);
    let told = receiver.told(site, now, &known, &signed).await;
    assert_eq!(told, (200, "nothing to do".to_owned()), "{language}");
    let body = event("SMnew");
    let other = signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", now, &body);
    let right = signature(&receiver.secret, now, &body);
    let old = signature(&receiver.secret, now - 310, &body);
    for (what, stamp, body, signatures) in [
        ("another secret", now, body.clone(), other.as_str()),
        ("a changed byte", now, body.replace("1000", "9000"), right.as_str()),
        ("an old stamp", now - 310, body.clone(), old.as_str()),
        ("another stamp than was signed", now + 1, body.clone(), right.as_str()),
        ("no signature", now, body.clone(), ""),
    ] {
        let (status, said) = receiver.told(site, stamp, &body, signatures).await;
        assert_eq!(status, 401, "{language} believes {what}: {said}");
        assert!(!receiver.is_credited("SMnew"), "{language} credits {what}");
    }
    // While a secret is rotated a delivery has two signatures, and either is enough.
    let told = receiver.told(site, now, &body, &format!("{other} {right}")).await;
    assert_eq!(told, (200, "credited".to_owned()), "{language}");
}

async fn sells_spends_and_is_told(language: &'static str) {
    on_both(async |site| {
        let key = site.key(language, &SCOPES).await;
        story(&site, language, &key).await;
        imported(language).await;
        receiver(&site, language, &key).await;
    })
    .await;
}

#[tokio::test]
async fn the_client_in_php_sells_spends_and_is_told() {
    sells_spends_and_is_told("php").await;
}

#[tokio::test]
async fn the_client_in_node_sells_spends_and_is_told() {
    sells_spends_and_is_told("node").await;
}

#[tokio::test]
async fn the_client_in_python_sells_spends_and_is_told() {
    sells_spends_and_is_told("python").await;
}

#[tokio::test]
async fn the_client_in_go_sells_spends_and_is_told() {
    sells_spends_and_is_told("go").await;
}

async fn on_sqlite() -> (Site, String, Lossy) {
    let folder = tempfile::tempdir().unwrap();
    let database = testdb::sqlite(folder.path());
    let site = Site::start("", database, folder).await;
    let key = site.key("reader", &SCOPES).await;
    let lossy = Lossy::start(&site.url).await;
    (site, key, lossy)
}

#[tokio::test]
async fn each_client_waits_for_events_as_long_as_it_asked_saoma_to() {
    let (_site, key, lossy) = on_sqlite().await;
    let path = "/events?after=latest&wait_s=16";
    for (is_well, said, errors) in said_by_each(&lossy.url, &key, "GET", path).await {
        assert!(is_well && said.contains("next"), "{said}{errors}");
    }
    assert_eq!(lossy.times(path), LANGUAGES.len(), "nobody had to ask again");
}

#[tokio::test]
async fn a_page_in_place_of_an_answer_is_told_with_its_status() {
    let (_site, key, lossy) = on_sqlite().await;
    // A 4xx stays what it is. A proxy without a server is asked six times.
    for (path, wanted, times) in [(WALL, "403 not_json", 1), (DOWN, "502 not_json", 6)] {
        for (is_well, said, errors) in said_by_each(&lossy.url, &key, "GET", path).await {
            assert!(!is_well && (said.contains(wanted) || errors.contains(wanted)), "{said}{errors}");
        }
        assert_eq!(lossy.times(path), times * LANGUAGES.len(), "{path}");
    }
}

#[tokio::test]
async fn each_client_takes_an_answer_without_a_body() {
    let (site, key, _lossy) = on_sqlite().await;
    for language in LANGUAGES {
        let endpoint = json!({ "url": format!("http://127.0.0.1:9/{language}"), "types": ["recharge.paid"] });
        let request = site.http.post(format!("{}/api/v1/webhook_endpoints", site.url)).bearer_auth(&key);
        let (status, endpoint) = answer(request.json(&endpoint)).await;
        assert_eq!(status, 201, "{endpoint}");
        let path = format!("/webhook_endpoints/{}", text(&endpoint, "id"));
        let mut command = command(language, &["call", "DELETE", &path]);
        command.env("SAOMA_URL", &site.url).env("SAOMA_KEY", &key);
        let (is_well, said, errors) = run(command).await;
        assert!(is_well, "{language}: {said}{errors}");
        let gone =
            site.http.get(format!("{}/api/v1{path}", site.url)).bearer_auth(&key).send().await.unwrap();
        assert_eq!(gone.status(), 404, "{language}");
    }
}
