//! Every setting once: its name, unit, default, meaning and variable. `saoma serve --help` and `saoma.example.toml` are
//! written from here, and [`super::Config`] is what comes out when they have been checked.

use std::str::FromStr;

use confique::Config;
use serde::Deserialize;

/// Settings of Saoma.
///
/// Each one can stand in this file or in the environment; the environment wins. In the file its name is the variable's
/// without SAOMA_, in lower case. Lists in a variable are separated by commas.
#[derive(Config)]
#[config(layer_attr(serde(deny_unknown_fields)))]
#[allow(missing_debug_implementations, reason = "it holds secrets")]
#[allow(rustdoc::bare_urls, reason = "the help and the example print these texts as they stand")]
pub struct Settings {
    /// Where the server listens: address and port. A socket that systemd hands over (saoma.socket) is used in its place.
    #[config(env = "SAOMA_ADDR", default = "127.0.0.1:3000")]
    pub addr: String,

    /// The address under which payers and WeChat reach this server, without a path.
    /// Notices go to {public_url}/wxpay/notify. Needed with a real merchant; in sandbox mode it is http://{addr}.
    /// Example: "https://pay.example.com"
    #[config(env = "SAOMA_PUBLIC_URL")]
    pub public_url: Option<String>,

    /// The database, SQLite or PostgreSQL. Without it: "sqlite://data/saoma.db", in sandbox mode "sqlite://data/sandbox.db".
    /// PostgreSQL on another machine must prove by TLS that it is the one of this name (sslmode=verify-full), unless the address says
    /// another sslmode; sslrootcert=FILE names an authority of your own.
    /// Example: "postgres://saoma:password@localhost/saoma"
    #[config(env = "DATABASE_URL")]
    pub database_url: Option<String>,

    /// A file with the database's address, in place of DATABASE_URL. Each name_file below is the same: the path of a file
    /// whose content, less the line end, is the secret. A credential of systemd (LoadCredential=) that is named as the variable, such
    /// as SAOMA_SECRET_KEY or SAOMA_WECHAT_CERT_KEY, is found without a setting. SIGHUP has all secrets, keys and certificates read
    /// again.
    #[config(env = "DATABASE_URL_FILE")]
    pub database_url_file: Option<String>,

    /// The address of PostgreSQL itself, where DATABASE_URL leads to a pooler in transaction mode (pgbouncer): for migrations, and
    /// to hear other instances.
    /// Example: "postgres://saoma:password@db.internal/saoma"
    #[config(env = "DATABASE_DIRECT_URL")]
    pub database_direct_url: Option<String>,

    /// A file with database_direct_url.
    #[config(env = "DATABASE_DIRECT_URL_FILE")]
    pub database_direct_url_file: Option<String>,

    /// Connections to PostgreSQL that read, at most. An instance holds these, those that write, and four more.
    #[config(env = "SAOMA_DB_READ_CONNECTIONS", default = 8)]
    pub db_read_connections: u32,

    /// Connections to PostgreSQL that write, at most, besides the one on which money is written.
    #[config(env = "SAOMA_DB_WRITE_CONNECTIONS", default = 4)]
    pub db_write_connections: u32,

    /// Whether a start brings the tables of an existing database up to date: "auto", or "manual", which leaves it to `saoma migrate`.
    /// Without it auto for SQLite and manual for PostgreSQL, where other instances may run. An empty database is always made ready.
    #[config(env = "SAOMA_MIGRATE")]
    pub migrate: Option<String>,

    /// Seconds after which a statement on PostgreSQL is given up. A server that vanished without a word is noticed so: it should be
    /// short.
    #[config(env = "SAOMA_DB_STATEMENT_TIMEOUT_S", default = 5)]
    pub db_statement_timeout_s: u32,

    /// The appid that the merchant number is bound to. A merchant is appid, mch_id and a complete set for API v2 (api_key),
    /// for API v3 (apiv3_key, cert, cert_key), or both. None of these: the built-in sandbox stands in for WeChat and no real
    /// money moves.
    /// Example: "wx2421b1c4370ec43b"
    #[config(env = "SAOMA_WECHAT_APPID")]
    pub wechat_appid: Option<String>,

    /// The merchant number.
    /// Example: "1900009851"
    #[config(env = "SAOMA_WECHAT_MCH_ID")]
    pub wechat_mch_id: Option<String>,

    /// By which API new orders are placed: "v2" or "v3". Orders under way keep theirs. Without it v3 if only v3 is complete,
    /// else v2. In sandbox mode both are complete.
    #[config(env = "SAOMA_WECHAT_PROTOCOL")]
    pub wechat_protocol: Option<String>,

    /// The API key (APIv2 密钥) from the merchant platform: exactly 32 ASCII letters and digits. Better in the environment than here.
    #[config(env = "SAOMA_WECHAT_API_KEY")]
    pub wechat_api_key: Option<String>,

    /// A file with wechat_api_key.
    #[config(env = "SAOMA_WECHAT_API_KEY_FILE")]
    pub wechat_api_key_file: Option<String>,

    /// The API key before it was changed: a notice that was made with it is believed too, and requests are signed with whichever of
    /// the two WeChat takes. Set it for the day of a change, and not at all where the old key got into wrong hands.
    #[config(env = "SAOMA_WECHAT_API_KEY_OLD")]
    pub wechat_api_key_old: Option<String>,

    /// A file with wechat_api_key_old.
    #[config(env = "SAOMA_WECHAT_API_KEY_OLD_FILE")]
    pub wechat_api_key_old_file: Option<String>,

    /// How requests are signed: "HMAC-SHA256" (recommended) or "MD5". Without it HMAC-SHA256, and MD5 for a database that was
    /// in use before this was the default.
    #[config(env = "SAOMA_WECHAT_SIGN_TYPE")]
    pub wechat_sign_type: Option<String>,

    /// Another address in WeChat's place, for a proxy or a sandbox of your own. Without it: https://api.mch.weixin.qq.com
    /// and its backup host.
    #[config(env = "SAOMA_WECHAT_BASE_URL")]
    pub wechat_base_url: Option<String>,

    /// The APIv3 key (APIv3 密钥) from the merchant platform, which is not the v2 key: exactly 32 ASCII letters and digits.
    #[config(env = "SAOMA_WECHAT_APIV3_KEY")]
    pub wechat_apiv3_key: Option<String>,

    /// A file with wechat_apiv3_key.
    #[config(env = "SAOMA_WECHAT_APIV3_KEY_FILE")]
    pub wechat_apiv3_key_file: Option<String>,

    /// The APIv3 key before it was changed: what WeChat still seals with it is opened too.
    #[config(env = "SAOMA_WECHAT_APIV3_KEY_OLD")]
    pub wechat_apiv3_key_old: Option<String>,

    /// A file with wechat_apiv3_key_old.
    #[config(env = "SAOMA_WECHAT_APIV3_KEY_OLD_FILE")]
    pub wechat_apiv3_key_old_file: Option<String>,

    /// The merchant's certificate (商户API证书): a PEM file (apiclient_cert.pem), or a p12 file (apiclient_cert.p12) whose
    /// password is the merchant number. API v2 shows it for refunds, and nothing is refunded by v2 without it; API v3 signs
    /// everything with its key.
    #[config(env = "SAOMA_WECHAT_CERT")]
    pub wechat_cert: Option<String>,

    /// The certificate's private key, a PEM file (apiclient_key.pem). Not needed with a p12 file.
    #[config(env = "SAOMA_WECHAT_CERT_KEY")]
    pub wechat_cert_key: Option<String>,

    /// The certificate's serial number, 40 hexadecimal digits. Needed only for API v3 with a key and no certificate.
    #[config(env = "SAOMA_WECHAT_CERT_SERIAL")]
    pub wechat_cert_serial: Option<String>,

    /// WeChat's public key (微信支付公钥): a PEM file (pub_key.pem) from 账户中心 - API安全; two, separated by a comma, while it is
    /// being changed. Without it WeChat's platform certificates are fetched.
    #[config(env = "SAOMA_WECHAT_PUBLIC_KEY")]
    pub wechat_public_key: Option<String>,

    /// The id of WeChat's public key, as it stands beside it; two, separated by a comma, in the same order.
    /// Example: "PUB_KEY_ID_0119000098512026031500000000000001"
    #[config(env = "SAOMA_WECHAT_PUBLIC_KEY_ID")]
    pub wechat_public_key_id: Option<String>,

    /// Whether WeChat's platform certificates are fetched and believed: "on" or "off". Without it on if there is no public
    /// key, else off. Both at once are for the days of a change from certificates to the public key.
    #[config(env = "SAOMA_WECHAT_PLATFORM_CERTS")]
    pub wechat_platform_certs: Option<String>,

    /// How payers can pay: NATIVE (a code to scan), JSAPI (a page inside WeChat), MWEB (the phone's browser, H5), APP (another
    /// app), STATIC (codes of products, by API v2 only). Without it NATIVE with a merchant, and all in sandbox mode.
    /// Example: ["NATIVE", "JSAPI"]
    #[config(env = "SAOMA_WECHAT_CHANNELS", parse_env = confique::env::parse::list_by_comma)]
    pub wechat_channels: Option<Vec<String>>,

    /// The AppSecret of wechat_appid, 32 hexadecimal digits in lower case. For JSAPI and for /wxpay/access-token.
    #[config(env = "SAOMA_WECHAT_APP_SECRET")]
    pub wechat_app_secret: Option<String>,

    /// A file with wechat_app_secret.
    #[config(env = "SAOMA_WECHAT_APP_SECRET_FILE")]
    pub wechat_app_secret_file: Option<String>,

    /// The appid of the app on the payer's phone, from open.weixin.qq.com and bound to the same merchant number. For APP.
    #[config(env = "SAOMA_WECHAT_APP_APPID")]
    pub wechat_app_appid: Option<String>,

    /// Files that WeChat asks for to prove that this domain is yours, served at its root: name and content.
    /// Example: ["MP_verify_AbCdEf0123456789.txt=AbCdEf0123456789"]
    #[config(env = "SAOMA_WECHAT_VERIFY", parse_env = confique::env::parse::list_by_comma, default = [])]
    pub wechat_verify: Vec<String>,

    /// Another address in the place of https://api.weixin.qq.com, where openids and access tokens come from.
    #[config(env = "SAOMA_WEIXIN_BASE_URL")]
    pub weixin_base_url: Option<String>,

    /// Another address in the place of https://open.weixin.qq.com, where a page inside WeChat learns who reads it.
    #[config(env = "SAOMA_WEIXIN_OPEN_URL")]
    pub weixin_open_url: Option<String>,

    /// How access tokens are fetched: "stable" (stable_token: each call gets the same one while it lives) or "token" (the
    /// older kind: each call ends the one before).
    #[config(env = "SAOMA_WECHAT_TOKEN_API", default = "stable")]
    pub wechat_token_api: String,

    /// The most access tokens that are fetched in one day; all instances on one database together.
    #[config(env = "SAOMA_WECHAT_TOKEN_DAILY", default = 200)]
    pub wechat_token_daily: u32,

    /// The key that seals what is stored or handed out sealed, such as access tokens and payers' openids: at least 32 bytes,
    /// for example of "openssl rand -hex 32". Needed with a merchant for webhooks, alert channels, second factors, merchants of 易支付,
    /// JSAPI and /wxpay/access-token; sandbox mode makes its own.
    #[config(env = "SAOMA_SECRET_KEY")]
    pub secret_key: Option<String>,

    /// A file with secret_key.
    #[config(env = "SAOMA_SECRET_KEY_FILE")]
    pub secret_key_file: Option<String>,

    /// The secret_key before it was changed: what was sealed with it can still be opened.
    #[config(env = "SAOMA_SECRET_KEY_OLD")]
    pub secret_key_old: Option<String>,

    /// A file with secret_key_old.
    #[config(env = "SAOMA_SECRET_KEY_OLD_FILE")]
    pub secret_key_old_file: Option<String>,

    /// The secret that your site signs user tokens with (JWT, HS256): at least 32 bytes. Needed with a real merchant.
    #[config(env = "SAOMA_USER_TOKEN_SECRET")]
    pub user_token_secret: Option<String>,

    /// A file with user_token_secret.
    #[config(env = "SAOMA_USER_TOKEN_SECRET_FILE")]
    pub user_token_secret_file: Option<String>,

    /// The user_token_secret before it was changed: links that were signed with it are still taken. They live a day at most.
    #[config(env = "SAOMA_USER_TOKEN_SECRET_OLD")]
    pub user_token_secret_old: Option<String>,

    /// A file with user_token_secret_old.
    #[config(env = "SAOMA_USER_TOKEN_SECRET_OLD_FILE")]
    pub user_token_secret_old_file: Option<String>,

    /// Password of the operator "admin", read at the first start only: at least 12 characters.
    #[config(env = "SAOMA_ADMIN_PASSWORD")]
    pub admin_password: Option<String>,

    /// A file with admin_password.
    #[config(env = "SAOMA_ADMIN_PASSWORD_FILE")]
    pub admin_password_file: Option<String>,

    /// The site's name as payers see it.
    #[config(env = "SAOMA_SITE_NAME", default = "Saoma")]
    pub site_name: String,

    /// What payers read above the amounts, such as when the desk is closed. An owner can change it at the desk, as the site's name, the
    /// presets and the limits of an own amount.
    #[config(env = "SAOMA_ANNOUNCEMENT")]
    pub announcement: Option<String>,

    /// The page of your site that payers come from and go back to. Links may name another page of the same host (return_url).
    /// Example: "https://www.example.com/account"
    #[config(env = "SAOMA_SITE_URL")]
    pub site_url: Option<String>,

    /// Where you serve the book, which `make docs` builds into target/book. The desk's pages link to what it says of their notices.
    /// Example: "https://docs.example.com/saoma"
    #[config(env = "SAOMA_DOCS_URL")]
    pub docs_url: Option<String>,

    /// Price of one unit, in fen.
    #[config(env = "SAOMA_UNIT_PRICE", default = 100)]
    pub unit_price: u32,

    /// The fewest units of an own amount.
    #[config(env = "SAOMA_MIN_QUANTITY", default = 1)]
    pub min_quantity: u32,

    /// The most units of one order.
    #[config(env = "SAOMA_MAX_QUANTITY", default = 5000)]
    pub max_quantity: u32,

    /// The amounts offered: quantity in units, bonus in fen. As a variable: "10,30,50+200".
    #[config(
        env = "SAOMA_PRESETS",
        parse_env = confique::env::parse::list_by_comma,
        default = [
            { "quantity": 10, "bonus": 0 }, { "quantity": 30, "bonus": 0 }, { "quantity": 50, "bonus": 200 },
            { "quantity": 100, "bonus": 500 }, { "quantity": 200, "bonus": 1500 }, { "quantity": 500, "bonus": 5000 }
        ]
    )]
    pub presets: Vec<Preset>,

    /// What a unit is called where it is not just an amount of yuan, such as "点" or "credits"; 1 to 16 characters.
    /// Example: "点"
    #[config(env = "SAOMA_UNIT_NAME")]
    pub unit_name: Option<String>,

    /// The most that one user may order in a Beijing day, in fen; 0: no limit. Orders of your programs by key are not limited.
    #[config(env = "SAOMA_MAX_PER_DAY", default = 0)]
    pub max_per_day: u64,

    /// Given on top of the first recharge of an account, in fen; 0: nothing. One open or paid order of an account carries it.
    #[config(env = "SAOMA_FIRST_BONUS", default = 0)]
    pub first_bonus: u32,

    /// A promotion gives this share of each amount on top, in percent: 1 to 100; 0: none.
    #[config(env = "SAOMA_PROMOTION_PERCENT", default = 0)]
    pub promotion_percent: u32,

    /// What the promotion is called, as payers read it.
    /// Example: "双十一活动"
    #[config(env = "SAOMA_PROMOTION_NAME")]
    pub promotion_name: Option<String>,

    /// The first minute of the promotion, Beijing time.
    /// Example: "2026-11-11 00:00"
    #[config(env = "SAOMA_PROMOTION_FROM")]
    pub promotion_from: Option<String>,

    /// The first minute after it, Beijing time.
    /// Example: "2026-11-12 00:00"
    #[config(env = "SAOMA_PROMOTION_UNTIL")]
    pub promotion_until: Option<String>,

    /// A line about tax on receipts, such as your taxpayer number or where a fapiao is had; at most 200 characters.
    /// Example: "需要发票请联系 billing@example.com"
    #[config(env = "SAOMA_TAX_LINE")]
    pub tax_line: Option<String>,

    /// How long an order can be paid, in seconds: 360 to 7200. In sandbox mode from 1.
    #[config(env = "SAOMA_TIME_EXPIRE_S", default = 600)]
    pub time_expire_s: u32,

    /// A payment that comes after its order was closed: "credit" credits and marks it, "refund" asks for a refund.
    #[config(env = "SAOMA_LATE_PAYMENT", default = "credit")]
    pub late_payment: String,

    /// A second payment of an order that is paid: "ask" leaves it to a person, "refund" asks for its refund at once.
    #[config(env = "SAOMA_DUPLICATE_PAYMENT", default = "ask")]
    pub duplicate_payment: String,

    /// A payment of another amount than its order's: "ask" leaves it to a person, "refund" asks for its refund as soon as WeChat
    /// confirms the amount.
    #[config(env = "SAOMA_MISMATCHED_PAYMENT", default = "ask")]
    pub mismatched_payment: String,

    /// Credits by hand of this much or more, in fen, are done only when a second operator confirms them: adjustments, and payments that
    /// do not fit and are credited. 0: none.
    #[config(env = "SAOMA_SECOND_PERSON_FROM", default = 0)]
    pub second_person_from: u64,

    /// Payers may ask for a refund of an own order, with a reason; an operator decides at the desk.
    #[config(env = "SAOMA_REFUND_WISHES", default = true)]
    pub refund_wishes: bool,

    /// Who keeps the balances that payers spend: "saoma", and your site spends by /api/v1; or "site": Saoma only sells. Then pages
    /// show no balance, and a refund is never refused for a low one.
    #[config(env = "SAOMA_BALANCE_KEPT_BY", default = "saoma")]
    pub balance_kept_by: String,

    /// The most orders that one user may have open at a time.
    #[config(env = "SAOMA_MAX_OPEN_ORDERS", default = 5)]
    pub max_open_orders: u32,

    /// Your programs are told (event balance.low) when a balance falls below this, in fen; 0: never.
    #[config(env = "SAOMA_LOW_BALANCE", default = 0)]
    pub low_balance: u64,

    /// How many days events are kept for GET /api/v1/events: 1 to 3650.
    #[config(env = "SAOMA_EVENTS_KEEP_DAYS", default = 90)]
    pub events_keep_days: u32,

    /// Queries to WeChat per second, at most; all instances on one database together.
    #[config(env = "SAOMA_QUERY_LIMIT_PER_S", default = 20)]
    pub query_limit_per_s: u32,

    /// Orders per second that reach WeChat, at most; all instances on one database together. Excess requests
    /// get 503 with Retry-After.
    #[config(env = "SAOMA_ORDER_LIMIT_PER_S", default = 50)]
    pub order_limit_per_s: u32,

    /// Connections at a time, at most. Pages and status polls get 80 % of them, so that notices always find a place; polls
    /// that wait for their order to change get half at most.
    #[config(env = "SAOMA_MAX_CONNECTIONS", default = 10000)]
    pub max_connections: u32,

    /// Networks of the proxies in front, whose X-Forwarded-For is believed.
    /// Example: ["10.0.0.0/8"]
    #[config(env = "SAOMA_TRUSTED_PROXIES", parse_env = confique::env::parse::list_by_comma, default = [])]
    pub trusted_proxies: Vec<String>,

    /// Networks that may read /metrics.
    #[config(env = "SAOMA_METRICS_FROM", parse_env = confique::env::parse::list_by_comma, default = ["127.0.0.0/8", "::1/128"])]
    pub metrics_from: Vec<String>,

    /// Private networks into which webhooks and notices of 易支付 may be delivered, and without TLS. Without it none, and in sandbox
    /// mode this machine.
    /// Example: ["10.1.0.0/16"]
    #[config(env = "SAOMA_WEBHOOK_NETWORKS", parse_env = confique::env::parse::list_by_comma)]
    pub webhook_networks: Option<Vec<String>>,

    /// The server that sends mail to the mailboxes among the alert channels, with user and password: smtps://, or smtp:// with
    /// ?tls=required for a server that begins without TLS.
    /// Example: "smtps://saoma%40example.com:password@smtp.example.com:465"
    #[config(env = "SAOMA_SMTP_URL")]
    pub smtp_url: Option<String>,

    /// A file with smtp_url.
    #[config(env = "SAOMA_SMTP_URL_FILE")]
    pub smtp_url_file: Option<String>,

    /// The sender of such mail.
    /// Example: "saoma@example.com"
    #[config(env = "SAOMA_MAIL_FROM")]
    pub mail_from: Option<String>,

    /// Sites that may show the recharge page in a frame: origins, without a path. Needs an https public_url; in sandbox mode
    /// pages of this machine need none, such as "http://localhost:8080".
    /// Example: ["https://www.example.com"]
    #[config(env = "SAOMA_FRAME_ANCESTORS", parse_env = confique::env::parse::list_by_comma, default = [])]
    pub frame_ancestors: Vec<String>,

    /// Lets public_url and wechat_base_url be plain http off this machine with a real merchant, for a network that encrypts
    /// by itself. Cookies, passwords and user tokens then travel as they are, and the desk says so.
    #[config(env = "SAOMA_ALLOW_PLAIN_HTTP", default = false)]
    pub allow_plain_http: bool,

    /// Lets a server with WeChat's public test identity be reached from other machines. Everybody knows its key and can
    /// report payments that nobody made: for trying out only.
    #[config(env = "SAOMA_ALLOW_PUBLIC_SANDBOX", default = false)]
    pub allow_public_sandbox: bool,

    /// Log lines for people ("human") or for machines ("json"). How much: RUST_LOG, default "info".
    #[config(env = "SAOMA_LOG_FORMAT", default = "human")]
    pub log_format: String,

    /// Where the built-in sandbox listens; only without a merchant. Without it: 127.0.0.1:3080.
    #[config(env = "SAOMA_SANDBOX_ADDR")]
    pub sandbox_addr: Option<String>,
}

/// An amount offered on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// Units.
    pub quantity: u32,
    /// Fen given on top.
    #[serde(default)]
    pub bonus: u32,
}

/// A list entry of `SAOMA_PRESETS` that is not `quantity` or `quantity+bonus`.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" should be a quantity, or quantity+bonus in fen")]
pub struct BadPreset(String);

impl FromStr for Preset {
    type Err = BadPreset;

    fn from_str(text: &str) -> Result<Self, BadPreset> {
        let (quantity, bonus) = text.split_once('+').unwrap_or((text, "0"));
        match (quantity.trim().parse(), bonus.trim().parse()) {
            (Ok(quantity), Ok(bonus)) => Ok(Preset { quantity, bonus }),
            _ => Err(BadPreset(text.to_owned())),
        }
    }
}
