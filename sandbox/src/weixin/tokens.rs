//! The access_token of a 公众号, by both of WeChat's calls. Pure. Source: 公众号, 获取 Access token; 获取稳定版接口调用凭据.

use serde::Serialize;
use wxpay::UnixMillis;

use super::error::{DAILY_QUOTA, ErrCode, TOO_OFTEN};
use crate::clock::Now;
use crate::orders::{HOUR_MS, MINUTE_MS};

/// Life of a token.
const LIFE_MS: i64 = 2 * HOUR_MS;
/// How long before its end the stable call makes a new one, and how long a replaced token of the older call still works.
const OVERLAP_MS: i64 = 5 * MINUTE_MS;
/// Calls of `/cgi-bin/token` a day.
const TOKENS_A_DAY: u32 = 2_000;
/// Calls of `/cgi-bin/stable_token` a day.
const STABLE_A_DAY: u32 = 500_000;
/// Of them with `force_refresh`, and the least time between two.
const FORCED_A_DAY: u32 = 20;
const FORCED_APART_MS: i64 = 30_000;

/// Calls of the present day in Beijing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    token: u32,
    stable_token: u32,
    force_refresh: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    pub token: String,
    dies: UnixMillis,
    is_stable: bool,
}

impl Issued {
    pub fn expires_in_s(&self, now: Now) -> i64 {
        self.dies.minus(now.inner) / 1000
    }
}

#[derive(Debug, Default)]
pub struct Tokens {
    /// Those that live, oldest first.
    alive: Vec<Issued>,
    day: String,
    counts: Counts,
    forced_at: Option<UnixMillis>,
}

impl Tokens {
    pub fn counts(&mut self, now: Now) -> Counts {
        self.turn(now);
        self.counts
    }

    /// `/cgi-bin/token`: each call makes a new token, after which the one before works for five minutes.
    /// # Errors
    /// 45009 at the day's limit.
    pub fn token(&mut self, fresh: String, now: Now) -> Result<Issued, ErrCode> {
        self.turn(now);
        self.counts.token += 1;
        if self.counts.token > TOKENS_A_DAY {
            return Err(DAILY_QUOTA);
        }
        let soon = now.inner.plus_ms(OVERLAP_MS);
        self.alive.iter_mut().filter(|t| !t.is_stable).for_each(|t| t.dies = t.dies.min(soon));
        Ok(self.issue(fresh, false, now))
    }

    /// `/cgi-bin/stable_token`: the same token until five minutes before its end, unless `force` ends it at once.
    /// # Errors
    /// 45009 at the day's limit, 45011 for two forced calls within half a minute.
    pub fn stable_token(&mut self, force: bool, fresh: String, now: Now) -> Result<Issued, ErrCode> {
        self.turn(now);
        self.counts.stable_token += 1;
        if self.counts.stable_token > STABLE_A_DAY {
            return Err(DAILY_QUOTA);
        }
        if force {
            self.force(now)?;
        }
        let newest = self.alive.iter().rev().find(|t| t.is_stable);
        match newest {
            Some(known) if known.dies.minus(now.inner) > OVERLAP_MS => Ok(known.clone()),
            _ => Ok(self.issue(fresh, true, now)),
        }
    }

    fn force(&mut self, now: Now) -> Result<(), ErrCode> {
        if self.counts.force_refresh >= FORCED_A_DAY {
            return Err(DAILY_QUOTA);
        }
        if self.forced_at.is_some_and(|at| now.inner.minus(at) < FORCED_APART_MS) {
            return Err(TOO_OFTEN);
        }
        self.counts.force_refresh += 1;
        self.forced_at = Some(now.inner);
        self.alive.retain(|t| !t.is_stable);
        Ok(())
    }

    fn issue(&mut self, token: String, is_stable: bool, now: Now) -> Issued {
        let issued = Issued { token, dies: now.inner.plus_ms(LIFE_MS), is_stable };
        self.alive.push(issued.clone());
        issued
    }

    pub fn works(&self, token: &str, now: Now) -> bool {
        self.alive.iter().any(|t| t.token == token && t.dies > now.inner)
    }

    /// Forgets what is over, and begins to count again on a new day.
    fn turn(&mut self, now: Now) {
        self.alive.retain(|t| t.dies > now.inner);
        let day: String = now.wall.to_beijing().chars().take(8).collect();
        if self.day != day {
            (self.day, self.counts) = (day, Counts::default());
        }
    }
}
