//! State shared by all request handlers.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use cashier::{Cashier, epay::Epay, sealing::SecretKeys, token::AccessTokens};
use ipnet::IpNet;
use wxpay::{
    UnixMillis,
    client::{Certificate, Client},
};

use crate::{
    config::{Channels, Config, PublicUrl, VerifyFile},
    create_limit::CreateLimit,
    heartbeats::Heartbeats,
    held_polls::HeldPolls,
    log_limit::LogLimit,
    misses::Misses,
    official_account::OfficialAccount,
    operators::Operators,
    payer_session::PayerSessions,
    readiness::Readiness,
    refusals::Refusals,
    same_site::Hosts,
    user_token::UserTokens,
    ways_back::WaysBack,
};

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Server(Arc<Inner>);

impl Server {
    pub fn new(inner: Inner) -> Self {
        Server(Arc::new(inner))
    }
}

impl std::ops::Deref for Server {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

#[derive(Debug)]
pub struct Inner {
    pub cashier: Cashier,
    /// What the server runs with: as it was started with, but for what `reload.rs` reads again.
    pub config: RwLock<Arc<Config>>,
    pub pages: app::service::Service,
    /// Whose signature a notice must have, by either protocol.
    pub wechat: Client,
    pub tokens: UserTokens,
    pub payer_sessions: PayerSessions,
    pub ways_back: WaysBack,
    pub operators: Operators,
    pub create_limit: CreateLimit,
    pub held_polls: Arc<HeldPolls>,
    pub hosts: Hosts,
    pub public_url: PublicUrl,
    /// Requests without a token act as the demo user. Only with the built-in sandbox, which only this machine reaches.
    pub has_demo_user: bool,
    pub is_framed: bool,
    pub trusted_proxies: Vec<IpNet>,
    pub metrics_from: Vec<IpNet>,
    /// `None` without an AppSecret, or a key to seal with.
    pub access_tokens: Option<AccessTokens>,
    pub channels: Channels,
    /// Served at the root.
    pub verify: Vec<VerifyFile>,
    pub epay: Epay,
    /// `None`: a merchant who has nothing to seal.
    pub secret_keys: Option<SecretKeys>,
    /// `None`: payers inside WeChat are not recognised.
    pub account: Option<OfficialAccount>,
    pub bad_notices: LogLimit,
    pub refusals: Refusals,
    pub readiness: Readiness,
    pub heartbeats: Heartbeats,
    pub misses: Misses,
}

impl Inner {
    pub fn now(&self) -> UnixMillis {
        self.cashier.now()
    }

    /// What the server runs with now.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_config(&self, config: Arc<Config>) {
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
    }

    /// When the certificate for refunds expires, if one is set; it may be over already.
    pub fn certificate_ends(&self) -> Option<UnixMillis> {
        self.config().certificate().map(Certificate::expires_at)
    }
}

/// How long a notice waits for its commit. WeChat waits 5 s for the answer and repeats what was not acknowledged.
pub const WRITE_WITHIN: Duration = Duration::from_secs(2);
