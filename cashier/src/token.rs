//! The access token of an app, for the site's other services: one for all instances, fetched by one of them at a time and
//! only so often a day. No payment needs it.
//!
//! WeChat's older interface ends the token before each new one, and both count their calls, so several instances that each
//! fetch their own break each other. Here the row in the database decides: who claims its version fetches, and only the
//! newest claim's token is stored.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use wxpay::weixin::token::{AccessToken, Api};
use wxpay::weixin::{Weixin, WeixinError};
use wxpay::{AppId, UnixMillis};

use crate::clock::Clock;
use crate::db::access_tokens::{self, Kept, Reason};
use crate::db::{Db, DbError};
use crate::sealing::{Purpose, Sealer, SecretKeys};

/// How long before its end a token is replaced, in milliseconds: WeChat keeps the old one alive this long beside the new one.
const RENEWED_BEFORE_MS: i64 = 300_000;

/// How long an answer is given from memory, in milliseconds.
const REMEMBERED_MS: i64 = 5_000;

/// How long a caller waits for the instance that fetches.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often it looks meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Which of WeChat's two interfaces tokens come from. Their tokens are independent of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenApi {
    /// `stable_token`: the same token until five minutes before its end.
    Stable,
    /// `token`, the older one: each call ends the former token after five minutes.
    Token,
}

/// A token, and how long it lives from now on.
#[derive(Clone, PartialEq, Eq)]
pub struct GivenToken {
    /// Secret: never in a log, event or error.
    pub token: String,
    pub expires_in_s: i64,
}

impl std::fmt::Debug for GivenToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GivenToken(•••, {} s)", self.expires_in_s)
    }
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The calls of this day are used up, and the last token has ended.
    #[error("{fetched} access tokens were fetched today, which is the limit")]
    DailyLimit { fetched: i64 },
    /// Another caller or instance is fetching, or has just failed to.
    #[error("the access token is being fetched, try again in {wait_s} s")]
    Busy { wait_s: i64 },
    #[error("WeChat gave no access token")]
    WeChat(#[source] WeixinError),
    #[error("the access token cannot be sealed")]
    Seal,
    #[error("the database did not answer")]
    Db(#[from] DbError),
}

/// The tokens of one app.
#[derive(Debug)]
pub struct AccessTokens {
    db: Db,
    clock: Clock,
    weixin: Weixin,
    api: TokenApi,
    most_a_day: i64,
    sealer: Sealer,
    memory: Mutex<Option<Remembered>>,
    /// Single-flight: one caller of this process at a time looks into the database and claims, because each that does holds up
    /// the one that fetches.
    flight: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Remembered {
    token: Open,
    at: UnixMillis,
}

/// A token that this app's secret opened.
#[derive(Clone)]
struct Open {
    token: String,
    expires_at: UnixMillis,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Open(•••, until {:?})", self.expires_at)
    }
}

impl Open {
    fn lives(&self, now: UnixMillis) -> bool {
        now < self.expires_at
    }

    /// Whether there is no need for another one yet.
    fn is_fresh(&self, now: UnixMillis) -> bool {
        now < self.expires_at.plus_ms(-RENEWED_BEFORE_MS)
    }

    fn give(self, now: UnixMillis) -> GivenToken {
        GivenToken { expires_in_s: self.expires_at.minus(now) / 1000, token: self.token }
    }
}

impl AccessTokens {
    /// `keys` seal the token in the database: one that neither of them opens is no token. At most `most_a_day` are fetched in a Beijing day, by all instances together.
    pub fn new(
        db: Db,
        clock: Clock,
        weixin: Weixin,
        api: TokenApi,
        most_a_day: i64,
        keys: &SecretKeys,
    ) -> AccessTokens {
        let sealer = keys.sealer(Purpose::AccessToken);
        let (memory, flight) = (Mutex::default(), tokio::sync::Mutex::default());
        AccessTokens { db, clock, weixin, api, most_a_day, sealer, memory, flight }
    }

    /// The token, fetched where its end is near. While another instance fetches, the one before is given as long as it lives.
    ///
    /// # Errors
    /// [`TokenError`].
    pub async fn get(&self) -> Result<GivenToken, TokenError> {
        let now = self.clock.now();
        if let Some(token) = self.remembered(now) {
            return Ok(token.give(now));
        }
        let Ok(_turn) = self.flight.try_lock() else { return self.after_the_other(now).await };
        self.read_or_fetch().await
    }

    /// While another caller of this process looks for a fresh token: the present one as long as it lives, else what that caller
    /// found, else a look of one's own.
    async fn after_the_other(&self, now: UnixMillis) -> Result<GivenToken, TokenError> {
        let present = self.memory().as_ref().map(|remembered| remembered.token.clone());
        if let Some(token) = present.filter(|token| token.lives(now)) {
            return Ok(token.give(now));
        }
        let Some(_turn) = self.clock.timeout(PATIENCE, self.flight.lock()).await else {
            return Err(TokenError::Busy { wait_s: 1 });
        };
        let now = self.clock.now();
        match self.remembered(now) {
            Some(token) => Ok(token.give(now)),
            None => self.read_or_fetch().await,
        }
    }

    async fn read_or_fetch(&self) -> Result<GivenToken, TokenError> {
        let began = self.clock.steady();
        loop {
            let now = self.clock.now();
            let kept = self.read().await?;
            let present = self.open(&kept);
            if let Some(token) = present.clone().filter(|token| token.is_fresh(now)) {
                self.remember(&token, now);
                return Ok(token.give(now));
            }
            if let Some(claimed) = self.claim(&kept, Reason::Due, now).await? {
                return match self.fetch(claimed, Reason::Due, now).await {
                    Ok(token) => Ok(token.give(now)),
                    Err(error) => {
                        present.filter(|token| token.lives(now)).map(|token| token.give(now)).ok_or(error)
                    }
                };
            }
            if let Some(token) = present.filter(|token| token.lives(now)) {
                return Ok(token.give(now));
            }
            let is_fetching = kept.fetching_until >= now;
            if !is_fetching && kept.day == access_tokens::day(now) && kept.fetched >= self.most_a_day {
                tracing::error!("no access token: {} were fetched today, which is the limit", kept.fetched);
                return Err(TokenError::DailyLimit { fetched: kept.fetched });
            }
            if self.clock.steady().saturating_sub(began) >= PATIENCE {
                let wait = kept.fetching_until.minus(now).max(0);
                return Err(TokenError::Busy { wait_s: wait / 1000 + 1 });
            }
            self.clock.sleep(LOOK_EVERY).await;
        }
    }

    /// Replaces the token that a service found to be refused by WeChat (errcode 40001). Does nothing if it is not the present
    /// one, because then it was replaced already; nor if one was replaced so within 30 s, or ten times today.
    ///
    /// # Errors
    /// [`TokenError`].
    pub async fn replace(&self, bad: &str) -> Result<(), TokenError> {
        let now = self.clock.now();
        let kept = self.read().await?;
        if self.open(&kept).is_none_or(|present| present.token != bad) {
            return Ok(());
        }
        let Some(claimed) = self.claim(&kept, Reason::Forced, now).await? else { return Ok(()) };
        tracing::warn!("a service says that WeChat refuses the access token; another one is fetched");
        self.fetch(claimed, Reason::Forced, now).await.map(drop)
    }

    async fn read(&self) -> Result<Kept, DbError> {
        let (db, appid) = (self.db.clone(), self.appid().clone());
        self.db.run_to_completion(async move { access_tokens::get(&db, &appid).await }).await
    }

    async fn claim(&self, kept: &Kept, reason: Reason, now: UnixMillis) -> Result<Option<i64>, DbError> {
        let (db, appid, kept, most) = (self.db.clone(), self.appid().clone(), kept.clone(), self.most_a_day);
        let claim = async move { access_tokens::claim(&db, &appid, &kept, reason, most, now).await };
        self.db.run_to_completion(claim).await
    }

    async fn fetch(&self, claimed: i64, reason: Reason, now: UnixMillis) -> Result<Open, TokenError> {
        let api = match self.api {
            TokenApi::Stable => Api::Stable { force_refresh: reason == Reason::Forced },
            TokenApi::Token => Api::Token,
        };
        let answer = self.weixin.access_token(api).await;
        let AccessToken { token, expires_in_s } = answer.map_err(|error| {
            tracing::warn!("no access token: {error}");
            TokenError::WeChat(error)
        })?;
        let token = Open { token, expires_at: now.plus_ms(expires_in_s * 1000) };
        let sealed = self.sealer.seal(self.appid().as_str(), &token.token).map_err(|_| TokenError::Seal)?;
        let (db, appid) = (self.db.clone(), self.appid().clone());
        let expires_at = token.expires_at;
        let stored = async move { access_tokens::store(&db, &appid, &sealed, expires_at, claimed).await };
        match self.db.run_to_completion(stored).await? {
            true => self.remember(&token, now),
            // Whoever claimed since has a newer one, which may have ended this one.
            false => *self.memory() = None,
        }
        Ok(token)
    }

    fn appid(&self) -> &AppId {
        self.weixin.appid()
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Option<Remembered>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remembered(&self, now: UnixMillis) -> Option<Open> {
        let memory = self.memory();
        let remembered = memory.as_ref()?;
        let is_young = (0..REMEMBERED_MS).contains(&now.minus(remembered.at));
        (is_young && remembered.token.is_fresh(now)).then(|| remembered.token.clone())
    }

    fn remember(&self, token: &Open, at: UnixMillis) {
        *self.memory() = Some(Remembered { token: token.clone(), at });
    }

    /// `None` if there is no token, or it was sealed with another secret.
    fn open(&self, kept: &Kept) -> Option<Open> {
        let token = self.sealer.open(self.appid().as_str(), kept.sealed.as_ref()?)?;
        Some(Open { token, expires_at: kept.expires_at })
    }
}
