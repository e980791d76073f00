//! How often orders may be asked for, per user and per address. Notices and polls are not limited here.

use std::{net::IpAddr, num::NonZeroU32};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock as _};

use crate::client_addr::ClientAddr;

/// A button pressed again and again stays under this; a program does not.
const USER: (u32, u32) = (30, 2);
/// Many people behind one address (a school, a mobile network) stay under this.
const ADDRESS: (u32, u32) = (300, 30);

#[derive(Debug)]
pub struct CreateLimit {
    by_user: DefaultKeyedRateLimiter<String>,
    by_address: DefaultKeyedRateLimiter<IpAddr>,
}

/// Too many; how long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooOften {
    pub wait_s: u32,
}

impl Default for CreateLimit {
    fn default() -> Self {
        CreateLimit {
            by_user: RateLimiter::keyed(quota(USER)),
            by_address: RateLimiter::keyed(quota(ADDRESS)),
        }
    }
}

/// At once, and per second after that.
fn quota((at_once, per_second): (u32, u32)) -> Quota {
    let one = NonZeroU32::MIN;
    let at_once = NonZeroU32::new(at_once).unwrap_or(one);
    Quota::per_second(NonZeroU32::new(per_second).unwrap_or(one)).allow_burst(at_once)
}

impl CreateLimit {
    /// # Errors
    /// [`TooOften`].
    pub fn user(&self, user_id: &str) -> Result<(), TooOften> {
        take(&self.by_user, &user_id.to_owned())
    }

    /// # Errors
    /// [`TooOften`].
    pub fn address(&self, from: ClientAddr) -> Result<(), TooOften> {
        take(&self.by_address, &from.block())
    }

    /// Forgets those who may order freely again.
    pub fn forget(&self) {
        self.by_user.retain_recent();
        self.by_address.retain_recent();
    }
}

fn take<K: std::hash::Hash + Eq + Clone>(
    limit: &DefaultKeyedRateLimiter<K>,
    key: &K,
) -> Result<(), TooOften> {
    limit.check_key(key).map_err(|not_yet| {
        let wait = not_yet.wait_time_from(limit.clock().now()).as_secs();
        TooOften { wait_s: u32::try_from(wait).unwrap_or(u32::MAX).saturating_add(1) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_is_slowed_down_and_others_are_not() {
        let limit = CreateLimit::default();
        let refused = (0..40).filter(|_| limit.user("a").is_err()).count();
        assert!((9..=10).contains(&refused), "{refused}");
        assert_eq!(limit.user("b"), Ok(()));
    }

    #[test]
    fn one_address_is_slowed_down_and_others_are_not() {
        let limit = CreateLimit::default();
        let at = |ip: &str| ClientAddr(ip.parse().unwrap());
        assert!((0..400).any(|_| limit.address(at("198.51.100.1")).is_err()));
        assert_eq!(limit.address(at("198.51.100.2")), Ok(()));
    }
}
