//! A server with its sandbox and a fresh database, and a client that shows every answer as it came.

use std::time::Duration;

use cashier::{Db, api_keys::ApiKeys};
use recharge::{
    User,
    api_key::{KeyMode, NewKey, Scope},
    audit::Acting,
};
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect::Policy};
use serde_json::{Value, json};
use server::{
    config::{self, Config, Secret},
    start::{self, Running},
    user_token::UserTokens,
};
use sqlx::{AssertSqlSafe, Connection as _, Row as _};
use tempfile::TempDir;
use wxpay::{
    Merchant, SignType, UnixMillis,
    v2::{Fields, sign},
};

pub const SECRET: &str = "a secret of more than 32 bytes, for tests";
pub const PASSWORD: &str = "correct horse battery";
pub const SUCCESS: &str =
    "<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>";

pub struct Site {
    pub url: String,
    pub sandbox: String,
    pub database: String,
    pub http: Client,
    pub running: Running,
    _folder: TempDir,
}

/// Runs `test` on a fresh SQLite file and on a fresh PostgreSQL database.
pub async fn on_both<F: Future<Output = ()>>(test: impl Fn(Site) -> F) {
    on_both_with("", test).await;
}

/// The same with lines of a settings file.
pub async fn on_both_with<F: Future<Output = ()>>(settings: &str, test: impl Fn(Site) -> F) {
    let folder = tempfile::tempdir().unwrap();
    let database = testdb::sqlite(folder.path());
    test(Site::start(settings, database, folder).await).await;
    on_postgres_with(settings, test).await;
}

/// For what only PostgreSQL can: several servers on one database.
pub async fn on_postgres<F: Future<Output = ()>>(test: impl Fn(Site) -> F) {
    on_postgres_with("", test).await;
}

async fn on_postgres_with<F: Future<Output = ()>>(settings: &str, test: impl Fn(Site) -> F) {
    let database = testdb::postgres().await;
    test(Site::start(settings, database, tempfile::tempdir().unwrap()).await).await;
}

pub fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().redirect(Policy::none()).no_proxy().timeout(Duration::from_secs(20)).build().unwrap()
}

impl Site {
    pub async fn start(settings: &str, database: String, folder: TempDir) -> Site {
        let file = folder.path().join("saoma.toml");
        let fixed = format!(
            "addr = \"127.0.0.1:0\"\nsandbox_addr = \"127.0.0.1:0\"\n\
             user_token_secret = \"{SECRET}\"\nadmin_password = \"{PASSWORD}\"\n"
        );
        std::fs::write(&file, fixed + settings).unwrap();
        let mut config: Config = config::load(Some(&file)).unwrap();
        config.database_url = Secret::new(&database);
        let running = start::start(config).await.unwrap();
        let sandbox = format!("http://{}", running.sandbox_addr.unwrap());
        Site::of(running, sandbox, database, folder)
    }

    /// A server that was started on `database`, with `sandbox` for WeChat; `folder` goes away with it.
    pub fn of(running: Running, sandbox: String, database: String, folder: TempDir) -> Site {
        Site {
            url: format!("http://{}", running.addr),
            sandbox,
            database,
            http: client(),
            running,
            _folder: folder,
        }
    }

    /// Another server on the same database, with the same sandbox for WeChat.
    pub fn as_seen_at(&self, running: Running, folder: TempDir) -> Site {
        Site::of(running, self.sandbox.clone(), self.database.clone(), folder)
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.url))
    }

    /// A form as a page of ours sends it.
    pub fn post(&self, path: &str, form: &[(&str, &str)]) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.url)).header("origin", &self.url).form(form)
    }

    /// The text of a new key, as the console makes it.
    pub async fn key(&self, name: &str, scopes: &[Scope]) -> String {
        let scopes = scopes.iter().copied().collect();
        let name = name.to_owned();
        self.key_of(NewKey { name, scopes, networks: Vec::new(), max_amount: None, expires_at: None }).await
    }

    pub async fn key_of(&self, new: NewKey) -> String {
        let by = Acting::operator("console", "console");
        let (_, text) = self.keys().await.make(new, &by, UnixMillis::now()).await.unwrap();
        // The server reads its keys again for a text that it does not know, but not more often than this.
        tokio::time::sleep(Duration::from_millis(220)).await;
        text.expose().to_owned()
    }

    /// The site's keys, as another process sees them.
    pub async fn keys(&self) -> ApiKeys {
        ApiKeys::new(Db::open(&self.database).await.unwrap(), KeyMode::Test)
    }

    pub fn token(&self, user: &str) -> String {
        token(user, 3600)
    }

    /// The cookie of the session that a link of the user begins.
    pub async fn cookie(&self, user: &str) -> String {
        let led = self.get(&format!("/?u={}", self.token(user))).send().await.unwrap();
        led.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned()
    }

    /// As the integrator orders.
    pub async fn order(&self, user: &str, quantity: &str) -> Response {
        let form = [("u", self.token(user)), ("quantity", quantity.to_owned())];
        self.http.post(format!("{}/wxpay/recharge", self.url)).form(&form).send().await.unwrap()
    }

    /// The number and the code of a new order.
    pub async fn placed(&self, user: &str, quantity: &str) -> (String, String) {
        let response = self.order(user, quantity).await;
        assert_eq!(response.status(), StatusCode::OK);
        let order: Value = response.json().await.unwrap();
        (text(&order, "out_trade_no"), text(&order, "code_url"))
    }

    pub async fn status(&self, user: &str, number: &str) -> Value {
        let response = self.get(&format!("/wxpay/recharge/{number}")).bearer_auth(self.token(user));
        response.send().await.unwrap().json().await.unwrap()
    }

    pub async fn balance(&self, user: &str) -> i64 {
        let response = self.get("/wxpay/balance").bearer_auth(self.token(user)).send().await.unwrap();
        response.json::<Value>().await.unwrap()["balance"].as_i64().unwrap()
    }

    /// Scans and pays, as a phone would.
    pub async fn pay(&self, code_url: &str, more: &[(&str, &str)]) -> Value {
        let form = [&[("code_url", code_url)], more].concat();
        let response =
            self.http.post(format!("{}/control/pay", self.sandbox)).form(&form).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response.json().await.unwrap()
    }

    pub async fn faults(&self, faults: Value) {
        let response =
            self.http.put(format!("{}/control/faults", self.sandbox)).json(&faults).send().await.unwrap();
        assert!(response.status().is_success(), "{}", response.text().await.unwrap());
    }

    pub async fn no_notices(&self) {
        self.faults(json!({"notify": {"lose": true}})).await;
    }

    /// Waits up to 15 s until the order is in this state.
    pub async fn until(&self, user: &str, number: &str, state: &str) -> Value {
        for _ in 0..150 {
            let order = self.status(user, number).await;
            if order["state"] == state {
                return order;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{number} did not become {state}: {}", self.status(user, number).await);
    }

    pub async fn notice(&self, body: impl Into<reqwest::Body>) -> (StatusCode, String) {
        let response = self.http.post(format!("{}/wxpay/notify", self.url)).body(body).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    /// Changes something behind the server's back.
    pub async fn set(&self, sql: &'static str) {
        sqlx::any::install_default_drivers();
        let mut connection = sqlx::AnyConnection::connect(&self.database).await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    }

    /// The same for a statement that the test puts together.
    pub async fn run(&self, sql: &str) {
        sqlx::any::install_default_drivers();
        let mut connection = sqlx::AnyConnection::connect(&self.database).await.unwrap();
        sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    }

    /// How many rows a table has.
    pub async fn count(&self, table: &str) -> i64 {
        sqlx::any::install_default_drivers();
        let mut connection = sqlx::AnyConnection::connect(&self.database).await.unwrap();
        let sql = AssertSqlSafe(format!("SELECT count(*) AS n FROM {table}"));
        sqlx::query(sql).fetch_one(&mut connection).await.unwrap().get("n")
    }
}

/// Posts `request` from `senders` tasks at the same time and returns the answers that each of them got. What is answered 5xx is posted again, as WeChat does, ten
/// times at most: on a machine that is busy with other things two seconds may pass before a commit is confirmed, above all
/// where one process plays all senders and the server.
pub async fn at_once(senders: usize, request: impl Fn() -> RequestBuilder) -> Vec<Vec<(u16, String)>> {
    let mut sending = tokio::task::JoinSet::new();
    for _ in 0..senders {
        let request = request();
        sending.spawn(async move {
            let mut answers = Vec::new();
            for _ in 0..10 {
                let answer = request.try_clone().unwrap().send().await.unwrap();
                answers.push((answer.status().as_u16(), answer.text().await.unwrap()));
                if answers.last().is_some_and(|(status, _)| *status < 500) {
                    break;
                }
            }
            answers
        });
    }
    sending.join_all().await
}

/// A token that ends in `seconds`.
pub fn token(user: &str, seconds: i64) -> String {
    let user = User::new(user, user).unwrap();
    UserTokens::new(SECRET.as_bytes()).issue(&user, UnixMillis::now(), seconds).unwrap()
}

pub fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}")).to_owned()
}

/// A notice as WeChat would send it for this order, unsigned yet. Fields: protocol A11.2.
pub fn paid(number: &str, total_fee: &str) -> Fields {
    let merchant = Merchant::sandbox();
    let mut fields = Fields::new();
    for (name, value) in [
        ("return_code", "SUCCESS"),
        ("result_code", "SUCCESS"),
        ("appid", merchant.appid.as_str()),
        ("mch_id", merchant.mch_id.as_str()),
        ("nonce_str", "nonceNOTIFY0000001"),
        ("openid", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"),
        ("is_subscribe", "N"),
        ("trade_type", "NATIVE"),
        ("bank_type", "OTHERS"),
        ("total_fee", total_fee),
        ("cash_fee", total_fee),
        ("transaction_id", "4200001234202603151234567890"),
        ("out_trade_no", number),
    ] {
        fields.set(name, value);
    }
    fields.set("time_end", UnixMillis::now().to_beijing());
    fields
}

pub fn signed(mut fields: Fields) -> String {
    let sign = sign::sign(&fields, &Merchant::sandbox().key, SignType::Md5);
    fields.set("sign", sign);
    fields.to_xml()
}
