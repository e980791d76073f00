//! From settings to a running server, in the order in which things depend on each other.

use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::{Arc, LazyLock, RwLock},
};

use app::{
    Lang,
    alert_message::alert_message,
    service::{Service, contracts::Contracts, report::Report},
    site::{SiteSettings, desk::LiveSite},
};
use cashier::alerts::{Alerts, Message};
use cashier::db::{DbOptions, Migrate, facts, sqlite_file};
use cashier::desk_settings::DeskSettings;
use cashier::operators::{Accounts, Given, OperatorError};
use cashier::webhooks::{Names, Sender, WebhookSettings, Webhooks};
use cashier::{
    Cashier, Clock, Db, Random, api_keys::ApiKeys, epay::Epay, sealing::SecretKeys, token::AccessTokens,
};
use recharge::{api_key::KeyMode, audit::Acting, role::Role};
use tokio::{sync::watch, task::JoinHandle};
use wxpay::{AppId, UnixMillis, client::Client};

use crate::{
    background,
    config::{Config, ConfigError, Mode, PublicUrl, permissions},
    create_limit::CreateLimit,
    heartbeats::Heartbeats,
    held_polls::HeldPolls,
    kept_secrets,
    listener::{self, Limits},
    log_limit::LogLimit,
    misses::Misses,
    official_account::OfficialAccount,
    openapi,
    operators::{self, Operators},
    payer_session::PayerSessions,
    readiness::Readiness,
    refusals::Refusals,
    reload,
    requests::Requests,
    router,
    same_site::Hosts,
    sign_type,
    state::{Inner, Server},
    user_token::UserTokens,
    ways_back::WaysBack,
};

mod error;
mod listening;
mod stop;
mod wechat;

pub use error::StartError;
use stop::until;
use wechat::Played;
pub use wechat::next_port;
pub(crate) use wechat::{beside as client_beside, heed_certificate, of_merchant as client_of_merchant};

/// A server that answers.
#[derive(Debug)]
pub struct Running {
    pub addr: SocketAddr,
    pub public_url: PublicUrl,
    pub sandbox_addr: Option<SocketAddr>,
    /// Where this site is shown as WeChat's browser would, in sandbox mode.
    pub browser_addr: Option<SocketAddr>,
    /// Made at this start, and shown only now.
    pub first_password: Option<String>,
    /// There is nobody who could sign in at the desk.
    pub no_operator: bool,
    server: Server,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// Takes the secrets, keys and certificates of these settings into use, or keeps its own and says why in the log.
    pub async fn reload(&self, read: Result<Config, ConfigError>) {
        reload::reload(&self.server, read).await;
    }

    /// Takes no more connections, lets running requests end, and returns when they have.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        for task in self.tasks {
            let _ = task.await;
        }
    }
}

/// # Errors
/// [`StartError`]. Nothing is served then.
pub async fn start(config: Config) -> Result<Running, StartError> {
    start_on(None, config).await
}

/// On a socket that the service manager has handed over, if there is one.
///
/// # Errors
/// [`StartError`]. Nothing is served then.
pub async fn start_on(handed_over: Option<TcpListener>, config: Config) -> Result<Running, StartError> {
    // Rendering pages needs it; the second server of a test process finds it there.
    let _ = any_spawner::Executor::init_tokio();
    let migrate = config.db.migrate;
    let (config, db) = opened(config, migrate).await?;
    warn_of_exposed_files(&config);

    let (listener, addr) = listening::listen(&config, handed_over)?;
    let public_url = config.public_url.clone().unwrap_or_else(|| PublicUrl::local(addr));
    let (stop, stopped) = watch::channel(false);
    let mut tasks = Vec::new();

    let at = (addr, &public_url);
    let (client, played) = wechat::played(&config, &db, at, &stopped, &mut tasks).await?;
    let Played { sandbox_addr, browser_addr } = played;
    let (secret, old) = (kept_secrets::user_token_secret(&config, &db).await?, &config.user_token_secret_old);
    let tokens = UserTokens::new(secret.as_bytes()).at(public_url.as_str());
    tokens.take_over(secret.as_bytes(), old.as_ref().map(|old| old.expose().as_bytes()));
    let (first_password, no_operator) = first_operator(&config, &db).await?;
    let cashier = cashier(&config, db.clone(), client.clone(), &public_url);
    let secret_keys = kept_secrets::secret_keys(&config, &db).await?;
    kept_secrets::renew_sealed(&db, secret_keys.as_ref()).await;
    let account = OfficialAccount::of(&config, sandbox_addr)?;
    cashier.load_wechat_keys().await?;
    // Known before the first call, which may be one that an endpoint asks for by name.
    cashier.refresh_asked().await?;
    heed_certificate(&cashier, &config, UnixMillis::now());
    let site = site_settings(&config, &public_url, sandbox_addr);
    let live = LiveSite::new(Arc::clone(&site));
    let sender = sender(&config, &public_url)?;
    let server = Server::new(Inner {
        pages: Service {
            cashier: cashier.clone(),
            keys: ApiKeys::new(db.clone(), mode_of_keys(&config)),
            operators: Accounts::new(db.clone(), secret_keys.as_ref()),
            webhooks: Webhooks::new(
                db.clone(),
                Clock::system(),
                Random::system(),
                secret_keys.as_ref(),
                sender.clone(),
            ),
            alerts: alerts(&config, &db, secret_keys.as_ref(), sender.clone(), &public_url, live.clone()),
            site,
            live,
            desk: DeskSettings::new(db.clone()),
            report: Arc::new(Report::new(config.sources.clone())),
            contracts: Arc::new(Contracts {
                zh: LazyLock::new(|| openapi::contract(&router::register(), Lang::Zh)),
                en: LazyLock::new(|| openapi::contract(&router::register(), Lang::En)),
            }),
        },
        cashier,
        config: RwLock::new(Arc::new(as_served(&config, addr, &public_url, sandbox_addr))),
        wechat: client,
        tokens,
        payer_sessions: PayerSessions::new(db.clone()),
        ways_back: WaysBack::new(&config.site.frame_ancestors, config.site.site_url.as_deref()),
        operators: Operators::new(db.clone(), secret_keys.as_ref()),
        create_limit: CreateLimit::default(),
        held_polls: HeldPolls::new(config.max_connections as usize, stopped.clone()),
        hosts: Hosts::new(public_url.clone(), matches!(config.mode, Mode::Sandbox { .. })),
        public_url: public_url.clone(),
        has_demo_user: matches!(config.mode, Mode::Sandbox { .. }),
        is_framed: !config.site.frame_ancestors.is_empty(),
        trusted_proxies: config.trusted_proxies.clone(),
        metrics_from: config.metrics_from.clone(),
        access_tokens: access_tokens(&config, &db, secret_keys.as_ref(), account.as_ref()),
        channels: config.channels,
        verify: config.weixin.verify.clone(),
        epay: Epay::new(db.clone(), Clock::system(), Random::system(), secret_keys.as_ref(), sender),
        secret_keys,
        account,
        bad_notices: LogLimit::default(),
        refusals: Refusals::default(),
        readiness: Readiness::default(),
        heartbeats: Heartbeats::default(),
        misses: Misses::default(),
    });

    observe::RELOAD_FAILED.of([]).set(0.0);
    server.pages.reread_settings().await?;
    let loops = background::start(&server, config.cashier.query_limit_per_s);
    let routes = router::router(server.clone());
    let limits = Limits::new(config.max_connections as usize, &config.trusted_proxies);
    let reached_at = public_url.clone();
    tasks.push(tokio::spawn(async move {
        let requests = Requests::of(&router::register(), &reached_at);
        listener::serve(listener, routes, requests, limits, until(stopped)).await;
        drop(loops);
    }));
    Ok(Running {
        addr,
        public_url,
        sandbox_addr,
        browser_addr,
        first_password,
        no_operator,
        server,
        stop,
        tasks,
    })
}

/// The settings with the addresses that the system chose where they left it the choice.
fn as_served(
    config: &Config,
    addr: SocketAddr,
    public_url: &PublicUrl,
    sandbox_addr: Option<SocketAddr>,
) -> Config {
    let mode = match sandbox_addr {
        Some(addr) => Mode::Sandbox { addr },
        None => config.mode.clone(),
    };
    Config { addr, public_url: Some(public_url.clone()), mode, ..config.clone() }
}

/// One line for each file with secrets that every user of the machine can open.
fn warn_of_exposed_files(config: &Config) {
    let database = sqlite_file::all_paths(config.database_url.expose());
    let files = config.secret_files.iter().chain(&database).map(PathBuf::as_path);
    for exposed in permissions::exposed(files) {
        tracing::warn!("{exposed}");
    }
}

/// The cashier alone, for a command that runs beside a server. In sandbox mode its WeChat is the one within the server.
///
/// # Errors
/// [`StartError`].
pub async fn beside(config: &Config) -> Result<Cashier, StartError> {
    let (config, db) = opened(config.clone(), Migrate::OnlyEmpty).await?;
    let public_url = config.public_url.clone().unwrap_or_else(|| PublicUrl::local(config.addr));
    Ok(cashier(&config, db, client_beside(&config)?, &public_url))
}

/// The database of these settings, which belongs to them from now on, and the settings with what the database remembers.
async fn opened(config: Config, migrate: Migrate) -> Result<(Config, Db), StartError> {
    let options = DbOptions { migrate, ..config.db.clone() };
    let db = Db::open_with(config.database_url.expose(), &options).await.map_err(StartError::Database)?;
    claim(&db, &config.identity()).await?;
    Ok((sign_type::decide(config, &db).await?, db))
}

/// Writes whose money this database holds at its first start; play money never meets real balances.
///
/// # Errors
/// [`StartError::OtherIdentity`] if it is somebody else's.
pub async fn claim(db: &Db, ours: &str) -> Result<(), StartError> {
    let theirs = facts::get_or_set(db, "identity", ours).await?;
    if theirs == ours { Ok(()) } else { Err(StartError::OtherIdentity { ours: ours.to_owned(), theirs }) }
}

/// The account's access token for the site's programs; `None` without an AppSecret or a key to seal it with.
fn access_tokens(
    config: &Config,
    db: &Db,
    keys: Option<&SecretKeys>,
    account: Option<&OfficialAccount>,
) -> Option<AccessTokens> {
    let (weixin, keys) = (account?.weixin.clone(), keys?);
    let (api, daily) = (config.weixin.token_api, i64::from(config.weixin.token_daily));
    Some(AccessTokens::new(db.clone(), Clock::system(), weixin, api, daily, keys))
}

/// Alerts to people.
fn alerts(
    config: &Config,
    db: &Db,
    keys: Option<&SecretKeys>,
    sender: Sender,
    public_url: &PublicUrl,
    live: LiveSite,
) -> Alerts {
    let (mailer, desk) = (config.mailer.clone(), public_url.to_string());
    let words = move |message: Message<'_>| alert_message(&live.now().name, &desk, message);
    Alerts::new(db.clone(), Clock::system(), Random::system(), keys, sender, mailer, words)
}

/// What sends webhooks, alerts, and the notices of 易支付.
fn sender(config: &Config, public_url: &PublicUrl) -> Result<Sender, StartError> {
    let settings = WebhookSettings {
        public_url: public_url.to_string(),
        networks: config.webhook_networks.clone(),
        names: Names::system(),
    };
    Sender::new(settings, Clock::system()).map_err(StartError::Webhooks)
}

/// The merchants of 易支付 alone, for a command that runs beside a server.
///
/// # Errors
/// [`StartError`].
pub async fn epay_beside(config: &Config) -> Result<Epay, StartError> {
    let (config, db) = opened(config.clone(), Migrate::OnlyEmpty).await?;
    let keys = kept_secrets::secret_keys(&config, &db).await?;
    let public_url = config.public_url.clone().unwrap_or_else(|| PublicUrl::local(config.addr));
    let sender = sender(&config, &public_url)?;
    Ok(Epay::new(db, Clock::system(), Random::system(), keys.as_ref(), sender))
}

fn mode_of_keys(config: &Config) -> KeyMode {
    if config.is_sandbox() { KeyMode::Test } else { KeyMode::Live }
}

/// The operator of the first start: the password that was made for it, and whether there is still none.
async fn first_operator(config: &Config, db: &Db) -> Result<(Option<String>, bool), StartError> {
    if cashier::db::operators::any(db).await? {
        return Ok((None, false));
    }
    let accounts = Accounts::new(db.clone(), None);
    let made = accounts.made_password();
    let (password, shown) = match (&config.admin_password, &config.mode) {
        (Some(password), _) => (password.expose(), false),
        (None, Mode::Sandbox { .. }) => (made.as_str(), true),
        (None, Mode::Merchant(_)) => return Ok((None, true)),
    };
    // Where real money moves it stands in a file or a shell's history, so that it is only good for choosing another.
    let password = match config.is_sandbox() {
        true => Given::Chosen(password),
        false => Given::Made(password),
    };
    let (by, now) = (Acting::operator(operators::FIRST, "console"), UnixMillis::now());
    match accounts.add(operators::FIRST, Role::Owner, password, &by, now).await {
        Ok(()) => Ok((shown.then(|| made.clone()), false)),
        // Another instance that started at the same moment was faster.
        Err(OperatorError::Exists(_)) => Ok((None, false)),
        Err(error) => Err(error.into()),
    }
}

fn cashier(config: &Config, db: Db, client: Client, public_url: &PublicUrl) -> Cashier {
    let notify_base = public_url.to_string();
    let mobile_app = match &config.mode {
        Mode::Sandbox { .. } => AppId::parse(sandbox::APP_APPID).ok(),
        Mode::Merchant(_) => config.weixin.app_appid.clone(),
    };
    let settings = cashier::Settings { notify_base, mobile_app, ..config.cashier.clone() };
    Cashier::start(db, client, settings, Clock::system(), Random::system(), &operators::random_hex())
}

fn site_settings(
    config: &Config,
    public_url: &PublicUrl,
    sandbox_addr: Option<SocketAddr>,
) -> Arc<SiteSettings> {
    // A sandbox elsewhere has its phone page beside what stands in for WeChat.
    let elsewhere = match &config.mode {
        Mode::Merchant(merchant) if merchant.is_sandbox() => merchant.base_url.clone(),
        _ => None,
    };
    Arc::new(SiteSettings {
        sandbox_scan_base: sandbox_addr.map(|addr| format!("http://{addr}")).or(elsewhere),
        public_url: public_url.to_string(),
        ..config.site.clone()
    })
}
