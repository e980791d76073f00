//! From settings to a running server, in the order in which things depend on each other.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use app::{service::Service, site::SiteSettings};
use cashier::db::{facts, sqlite_file};
use cashier::{Cashier, Clock, Db, DbError, Random, token::AccessTokens};
use sandbox::{Deliver, Options, Registered, Sandbox};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use wxpay::{
    AppId, Merchant, Protocol, UnixMillis,
    client::{Certificate, Client, Endpoint},
};

use crate::{
    background,
    config::{CERTIFICATE_WARN_DAYS, Config, Mode, PublicUrl, permissions},
    create_limit::CreateLimit,
    credentials,
    doctor::Patient,
    health, kept_secrets,
    listener::{self, Limits},
    log_limit::LogLimit,
    misses::Misses,
    official_account::OfficialAccount,
    operators::{self, OperatorError, Operators},
    readiness::Readiness,
    refusals::Refusals,
    router,
    same_site::Hosts,
    sealing::{Purpose, SecretKeys},
    sign_type::{self, SignTypeError},
    state::{Inner, Server},
    user_token::UserTokens,
};

/// Why the server did not start. Each has its cause as its source: print it with [`cashier::error_chain`].
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Database(cashier::db::OpenError),
    #[error("DATABASE_URL must name a database of {ours}; this one belongs to {theirs}")]
    OtherIdentity { ours: String, theirs: String },
    #[error("{setting} must be a free address of this machine, not {address}")]
    Listen { setting: &'static str, address: SocketAddr, source: io::Error },
    #[error("DATABASE_URL: database error")]
    Query(#[from] DbError),
    #[error(transparent)]
    SignType(#[from] SignTypeError),
    #[error("SAOMA_SANDBOX_ADDR must name the port on which the server's sandbox listens, not 0")]
    SandboxPort,
    #[error(transparent)]
    Client(#[from] wxpay::Error),
    #[error("the sandbox cannot start")]
    Sandbox(#[from] sandbox::OpenError),
    #[error("the operator admin could not be added")]
    Operator(#[from] OperatorError),
}

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
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
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
    // Rendering pages needs it; the second server of a test process finds it there.
    let _ = any_spawner::Executor::init_tokio();
    health::recorder();
    let db = Db::open(config.database_url.expose()).await.map_err(StartError::Database)?;
    claim(&db, &config.identity()).await?;
    let config = sign_type::decide(config, &db).await?;
    warn_of_exposed_files(&config);

    let listener = listen("SAOMA_ADDR", config.addr)?;
    let addr = listener.local_addr().map_err(|source| StartError::Listen {
        setting: "SAOMA_ADDR",
        address: config.addr,
        source,
    })?;
    let public_url = config.public_url.clone().unwrap_or_else(|| PublicUrl::local(addr));
    let (stop, stopped) = watch::channel(false);
    let mut tasks = Vec::new();

    let (client, played) = wechat(&config, &db, (addr, &public_url), &stopped, &mut tasks).await?;
    let Played { sandbox_addr, browser_addr } = played;
    let tokens = UserTokens::new(kept_secrets::user_token_secret(&config, &db).await?.as_bytes())
        .at(public_url.as_str());
    let (first_password, no_operator) = first_operator(&config, &db).await?;
    let cashier = cashier(&config, db.clone(), client.clone(), &public_url);
    let keys = kept_secrets::secret_keys(&config, &db).await?;
    let account = OfficialAccount::of(&config, sandbox_addr)?;
    cashier.load_wechat_keys().await?;
    stop_if_expired(&cashier, &config, UnixMillis::now());
    let server = Server::new(Inner {
        pages: Service { cashier: cashier.clone(), site: site_settings(&config, &public_url, sandbox_addr) },
        cashier,
        wechat: client,
        tokens,
        operators: Operators::new(db.clone()),
        create_limit: CreateLimit::default(),
        hosts: Hosts::new(public_url.clone(), matches!(config.mode, Mode::Sandbox { .. })),
        public_url: public_url.clone(),
        has_demo_user: matches!(config.mode, Mode::Sandbox { .. }),
        is_framed: !config.site.frame_ancestors.is_empty(),
        trusted_proxies: config.trusted_proxies.clone(),
        metrics_from: config.metrics_from.clone(),
        access_tokens: access_tokens(&config, &db, keys.as_ref(), account.as_ref()),
        service: config.service.clone(),
        channels: config.channels,
        verify: config.weixin.verify.clone(),
        secret_keys: keys,
        account,
        bad_notices: LogLimit::default(),
        refusals: Refusals::default(),
        readiness: Readiness::default(),
        misses: Misses::default(),
        certificate_ends: config.certificate().map(Certificate::expires_at),
    });

    let loops = background::start(&server, config.cashier.query_limit_per_s);
    let limits = Limits::new(config.max_connections as usize, &config.trusted_proxies);
    tasks.push(tokio::spawn(async move {
        listener::serve(listener, router::router(server), limits, until(stopped)).await;
        drop(loops);
    }));
    Ok(Running { addr, public_url, sandbox_addr, browser_addr, first_password, no_operator, stop, tasks })
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
    let db = Db::open(config.database_url.expose()).await.map_err(StartError::Database)?;
    claim(&db, &config.identity()).await?;
    let config = &sign_type::decide(config.clone(), &db).await?;
    let client = client_beside(config, &db).await?;
    let public_url = config.public_url.clone().unwrap_or_else(|| PublicUrl::local(config.addr));
    Ok(cashier(config, db, client, &public_url))
}

/// In sandbox mode WeChat is the one within the server that may run.
async fn client_beside(config: &Config, db: &Db) -> Result<Client, StartError> {
    Ok(match &config.mode {
        Mode::Merchant(_) => {
            let (_stop, stopped) = watch::channel(false);
            let local = PublicUrl::local(config.addr);
            wechat(config, db, (config.addr, &local), &stopped, &mut Vec::new()).await?.0
        }
        Mode::Sandbox { addr } if addr.port() == 0 => return Err(StartError::SandboxPort),
        Mode::Sandbox { addr } => Client::new(Merchant::sandbox(), Endpoint::new(format!("http://{addr}")))?,
    })
}

/// What `saoma doctor` looks at, beside a server that may run.
///
/// # Errors
/// [`StartError`].
pub async fn patient(config: Config) -> Result<Patient, StartError> {
    let db = Db::open(config.database_url.expose()).await.map_err(StartError::Database)?;
    claim(&db, &config.identity()).await?;
    let config = sign_type::decide(config, &db).await?;
    let client = client_beside(&config, &db).await?;
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
    let http = http.timeout(Duration::from_secs(5)).build();
    let http = http.map_err(|error| wxpay::Error::Transport(error.into()))?;
    let public_url = config.public_url.clone().unwrap_or_else(|| PublicUrl::local(config.addr));
    Ok(Patient { config, public_url, db, client, http, now: UnixMillis::now() })
}

/// Writes whose money this database holds at its first start; play money never meets real balances.
///
/// # Errors
/// [`StartError::OtherIdentity`] if it is somebody else's.
pub async fn claim(db: &Db, ours: &str) -> Result<(), StartError> {
    let theirs = facts::get_or_set(db, "identity", ours).await?;
    if theirs == ours { Ok(()) } else { Err(StartError::OtherIdentity { ours: ours.to_owned(), theirs }) }
}

fn listen(setting: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    listener::bind(address).map_err(|source| StartError::Listen { setting, address, source })
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // The sender lives as long as the server; without it there is nothing to wait for either.
    let _ = stopped.wait_for(|stop| *stop).await;
}

/// Where the sandbox of this process listens.
#[derive(Debug, Default)]
struct Played {
    sandbox_addr: Option<SocketAddr>,
    browser_addr: Option<SocketAddr>,
}

/// The port for WeChat's browser beside a sandbox's. 0, any free one, stays 0.
pub fn next_port(port: u16) -> u16 {
    if port == 0 { 0 } else { port.checked_add(1).unwrap_or(0) }
}

/// The client for WeChat, or the sandbox in this process and a client for that.
async fn wechat(
    config: &Config,
    db: &Db,
    (site, public_url): (SocketAddr, &PublicUrl),
    stopped: &watch::Receiver<bool>,
    tasks: &mut Vec<JoinHandle<()>>,
) -> Result<(Client, Played), StartError> {
    let address = match &config.mode {
        Mode::Merchant(merchant) => {
            let endpoint = merchant.base_url.as_deref().map_or_else(Endpoint::wechat, Endpoint::new);
            let client = Client::new(credentials::of_merchant(merchant, config.first)?, endpoint)?;
            let (certificate, now) = (merchant.certificate.as_ref(), UnixMillis::now());
            let mut client = with_certificate(client, certificate, now)?;
            if merchant.v3.as_ref().is_some_and(|v3| v3.has_expired(now)) {
                client = client.with_ended_v3_certificate();
            }
            return Ok((client, Played::default()));
        }
        Mode::Sandbox { addr } => *addr,
    };
    let setting = "SAOMA_SANDBOX_ADDR";
    let listener = listen(setting, address)?;
    let addr = listener.local_addr().map_err(|source| StartError::Listen { setting, address, source })?;
    let sandbox = Sandbox::open(Options {
        merchant: Merchant::sandbox(),
        store: Some(db.pool().clone()),
        clock: sandbox::Clock::real(),
        deliver: Deliver::ToThisMachine,
    })
    .await?;
    let credentials = credentials::of_sandbox(&sandbox, config.first)?;
    sandbox.register(Registered {
        domains: vec![public_url.host().to_owned()],
        callback_url: Some(format!("{public_url}/wxpay/callback")),
        // On one machine payers have no others.
        allow_private_ip: true,
    });
    let browser_addr = browser(&sandbox, site, address, stopped, tasks);
    let stopped = stopped.clone();
    tasks.push(tokio::spawn(async move {
        if let Err(error) = sandbox.serve(listener, until(stopped)).await {
            tracing::error!(%error, "sandbox server failed");
        }
    }));
    let client = Client::new(credentials, Endpoint::new(format!("http://{addr}")))?;
    Ok((client, Played { sandbox_addr: Some(addr), browser_addr }))
}

/// Shows this site, which listens on `site`, as WeChat's browser would, on the port after the sandbox's. Where that is taken
/// there is none: everything else works without it.
fn browser(
    sandbox: &Sandbox,
    site: SocketAddr,
    sandbox_addr: SocketAddr,
    stopped: &watch::Receiver<bool>,
    tasks: &mut Vec<JoinHandle<()>>,
) -> Option<SocketAddr> {
    let address = SocketAddr::new(sandbox_addr.ip(), next_port(sandbox_addr.port()));
    let bound = listener::bind(address).and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (addr, listener) = match bound {
        Ok(bound) => bound,
        Err(error) => {
            tracing::warn!(%error, "there is no WeChat browser: {address} is not free");
            return None;
        }
    };
    let (sandbox, stopped) = (sandbox.clone(), stopped.clone());
    let ip = if site.ip().is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { site.ip() };
    let site = format!("http://{}", SocketAddr::new(ip, site.port()));
    tasks.push(tokio::spawn(async move {
        if let Err(error) = sandbox.serve_browser(listener, &site, until(stopped)).await {
            tracing::error!(%error, "WeChat's browser failed");
        }
    }));
    Some(addr)
}

/// WeChat refuses each request that an expired certificate's key signs. Notices are believed all the same, so credits go on.
fn stop_if_expired(cashier: &Cashier, config: &Config, now: UnixMillis) {
    let Mode::Merchant(merchant) = &config.mode else { return };
    let Some(v3) = merchant.v3.as_ref().filter(|v3| v3.has_expired(now)) else { return };
    let day = v3.expires_at.map(UnixMillis::to_beijing_text).unwrap_or_default();
    tracing::error!("calls by API v3 are off: the certificate in SAOMA_WECHAT_CERT expired on {day}");
    if config.first == Protocol::V3 {
        cashier.stop_orders(&format!("the certificate in SAOMA_WECHAT_CERT expired on {day}"));
    }
}

/// The client with the certificate that refunds need. Without a valid one nothing is refunded and everything else works:
/// an expired certificate must not keep payments from being credited.
fn with_certificate(
    client: Client,
    certificate: Option<&Certificate>,
    now: UnixMillis,
) -> Result<Client, StartError> {
    let Some(certificate) = certificate else {
        if !client.can_refund(Protocol::V2) {
            tracing::warn!("refunds are off: SAOMA_WECHAT_CERT is not set");
        }
        return Ok(client);
    };
    let ends = certificate.expires_at();
    let day = ends.to_beijing_text();
    if ends <= now {
        tracing::error!("refunds are off: the certificate in SAOMA_WECHAT_CERT expired on {day}");
        return Ok(client);
    }
    if ends.minus(now) < CERTIFICATE_WARN_DAYS * 24 * 3600 * 1000 {
        tracing::warn!("the certificate in SAOMA_WECHAT_CERT expires on {day}; refunds end with it");
    }
    Ok(client.with_certificate(certificate.clone())?)
}

/// The account's access token for the site's programs; `None` without an AppSecret or a key to seal it with.
fn access_tokens(
    config: &Config,
    db: &Db,
    keys: Option<&SecretKeys>,
    account: Option<&OfficialAccount>,
) -> Option<AccessTokens> {
    let (weixin, key) = (account?.weixin.clone(), keys?.key(Purpose::AccessToken));
    let (api, daily) = (config.weixin.token_api, i64::from(config.weixin.token_daily));
    Some(AccessTokens::new(db.clone(), Clock::system(), Random::system(), weixin, api, daily, key))
}

/// The operator of the first start: the password that was made for it, and whether there is still none.
async fn first_operator(config: &Config, db: &Db) -> Result<(Option<String>, bool), StartError> {
    if cashier::db::operators::any(db).await? {
        return Ok((None, false));
    }
    let made = operators::new_password();
    let (password, shown) = match (&config.admin_password, &config.mode) {
        (Some(password), _) => (password.expose(), false),
        (None, Mode::Sandbox { .. }) => (made.as_str(), true),
        (None, Mode::Merchant(_)) => return Ok((None, true)),
    };
    match operators::add(db, operators::FIRST, password, wxpay::UnixMillis::now()).await {
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

#[cfg(test)]
mod tests {
    use super::*;
    use cashier::error_chain::error_chain;

    #[test]
    fn a_failed_start_names_each_cause_once() {
        let text = error_chain(&StartError::Query(DbError::TimedOut));
        let cause = DbError::TimedOut.to_string();
        assert_eq!(text.matches(&cause).count(), 1, "{text}");
        let text = error_chain(&StartError::Operator(OperatorError::Exists("admin".to_owned())));
        assert_eq!(text.matches("there is an operator").count(), 1, "{text}");
    }

    /// A certificate that ends with this year.
    fn certificate(last_year: i32) -> Certificate {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["10000100".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(last_year, 12, 31);
        let pem = params.self_signed(&key).unwrap().pem();
        Certificate::from_pem(pem.as_bytes(), key.serialize_pem().as_bytes()).unwrap()
    }

    #[test]
    fn nothing_is_refunded_with_an_expired_certificate() {
        let now = UnixMillis::new(1_773_540_000_000);
        let can_refund = |certificate: Option<Certificate>| {
            let client = Client::new(Merchant::sandbox(), Endpoint::wechat()).unwrap();
            with_certificate(client, certificate.as_ref(), now).unwrap().can_refund(Protocol::V2)
        };
        assert!(can_refund(Some(certificate(2036))));
        assert!(!can_refund(Some(certificate(2025))));
        assert!(!can_refund(None));
    }
}
