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
    /// Where the server listens: address and port.
    #[config(env = "SAOMA_ADDR", default = "127.0.0.1:3000")]
    pub addr: String,

    /// The address under which payers and WeChat reach this server, without a path.
    /// Notices go to {public_url}/wxpay/notify. Needed with a real merchant; in sandbox mode it is http://{addr}.
    /// Example: "https://pay.example.com"
    #[config(env = "SAOMA_PUBLIC_URL")]
    pub public_url: Option<String>,

    /// The database, SQLite or PostgreSQL. Without it: "sqlite://data/saoma.db", in sandbox mode "sqlite://data/sandbox.db".
    /// Example: "postgres://saoma:password@localhost/saoma"
    #[config(env = "DATABASE_URL")]
    pub database_url: Option<String>,

    /// The appid that the merchant number is bound to. appid, mch_id and key are all set, or none: then the built-in
    /// sandbox stands in for WeChat and no real money moves.
    /// Example: "wx2421b1c4370ec43b"
    #[config(env = "SAOMA_WECHAT_APPID")]
    pub wechat_appid: Option<String>,

    /// The merchant number.
    /// Example: "1900009851"
    #[config(env = "SAOMA_WECHAT_MCH_ID")]
    pub wechat_mch_id: Option<String>,

    /// The API key (APIv2 密钥) from the merchant platform: exactly 32 ASCII letters and digits. Better in the environment than here.
    #[config(env = "SAOMA_WECHAT_API_KEY")]
    pub wechat_api_key: Option<String>,

    /// How requests are signed: "HMAC-SHA256" (recommended) or "MD5". Without it HMAC-SHA256, and MD5 for a database that was
    /// in use before this was the default.
    #[config(env = "SAOMA_WECHAT_SIGN_TYPE")]
    pub wechat_sign_type: Option<String>,

    /// Another address in WeChat's place, for a proxy or a sandbox of your own. Without it: https://api.mch.weixin.qq.com
    /// and its backup host.
    #[config(env = "SAOMA_WECHAT_BASE_URL")]
    pub wechat_base_url: Option<String>,

    /// The merchant's certificate for refunds: a PEM file (apiclient_cert.pem), or a p12 file (apiclient_cert.p12) whose
    /// password is the merchant number. Without it nothing is refunded, and everything else works.
    #[config(env = "SAOMA_WECHAT_CERT")]
    pub wechat_cert: Option<String>,

    /// The certificate's private key, a PEM file (apiclient_key.pem). Not needed with a p12 file.
    #[config(env = "SAOMA_WECHAT_CERT_KEY")]
    pub wechat_cert_key: Option<String>,

    /// The secret that your site signs user tokens with (JWT, HS256): at least 32 bytes. Needed with a real merchant.
    #[config(env = "SAOMA_USER_TOKEN_SECRET")]
    pub user_token_secret: Option<String>,

    /// Password of the operator "admin", read at the first start only: at least 12 characters.
    #[config(env = "SAOMA_ADMIN_PASSWORD")]
    pub admin_password: Option<String>,

    /// The site's name as payers see it.
    #[config(env = "SAOMA_SITE_NAME", default = "Saoma")]
    pub site_name: String,

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

    /// How long an order can be paid, in seconds: 360 to 7200. In sandbox mode from 1.
    #[config(env = "SAOMA_TIME_EXPIRE_S", default = 600)]
    pub time_expire_s: u32,

    /// A payment that comes after its order was closed: "credit" credits and marks it, "refund" asks for a refund.
    #[config(env = "SAOMA_LATE_PAYMENT", default = "credit")]
    pub late_payment: String,

    /// The most orders that one user may have open at a time.
    #[config(env = "SAOMA_MAX_OPEN_ORDERS", default = 5)]
    pub max_open_orders: u32,

    /// Queries to WeChat per second, at most; all instances on one database together.
    #[config(env = "SAOMA_QUERY_LIMIT_PER_S", default = 20)]
    pub query_limit_per_s: u32,

    /// Orders per second that reach WeChat, at most; all instances on one database together. Excess requests
    /// get 503 with Retry-After.
    #[config(env = "SAOMA_ORDER_LIMIT_PER_S", default = 50)]
    pub order_limit_per_s: u32,

    /// Connections at a time, at most. Pages and status polls get 80 % of them, so that notices always find a place.
    #[config(env = "SAOMA_MAX_CONNECTIONS", default = 10000)]
    pub max_connections: u32,

    /// Networks of the proxies in front, whose X-Forwarded-For is believed.
    /// Example: ["10.0.0.0/8"]
    #[config(env = "SAOMA_TRUSTED_PROXIES", parse_env = confique::env::parse::list_by_comma, default = [])]
    pub trusted_proxies: Vec<String>,

    /// Networks that may read /metrics.
    #[config(env = "SAOMA_METRICS_FROM", parse_env = confique::env::parse::list_by_comma, default = ["127.0.0.0/8", "::1/128"])]
    pub metrics_from: Vec<String>,

    /// Sites that may show the recharge page in a frame. Needs an https public_url.
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
