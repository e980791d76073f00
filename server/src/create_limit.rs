//! How often orders may be asked for, per user and per address. Notices and polls are not limited here.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock as _};

use crate::client_addr::ClientAddr;

/// A button pressed again and again stays under this; a program does not.
const USER: (u32, u32) = (30, 2);
/// Many people behind one address (a school, a mobile network) stay under this.
const ADDRESS: (u32, u32) = (300, 30);

/// All addresses of one IPv6 /48 together: whoever has one could order from 65,536 addresses that count apart.
const SITE: (u32, u32) = (600, 60);

/// More users or addresses than this are not told apart until some are forgotten: those that are new then share one limit,
/// so that memory has a bound.
const MOST: usize = 100_000;

/// Nobody presses buttons faster than this.
const OPERATOR: (u32, u32) = (120, 2);

#[derive(Debug)]
pub struct CreateLimit {
    by_operator: DefaultKeyedRateLimiter<String>,
    by_user: DefaultKeyedRateLimiter<String>,
    by_address: DefaultKeyedRateLimiter<IpAddr>,
    by_site: DefaultKeyedRateLimiter<IpAddr>,
}

/// Too many; how long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooOften {
    pub wait_s: u32,
}

impl Default for CreateLimit {
    fn default() -> Self {
        CreateLimit {
            by_operator: RateLimiter::keyed(quota(OPERATOR)),
            by_user: RateLimiter::keyed(quota(USER)),
            by_address: RateLimiter::keyed(quota(ADDRESS)),
            by_site: RateLimiter::keyed(quota(SITE)),
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
        take(&self.by_user, user_id.to_owned(), String::new())
    }

    /// # Errors
    /// [`TooOften`].
    pub fn address(&self, from: ClientAddr) -> Result<(), TooOften> {
        // The site first: what it refuses leaves no entry for the address.
        if let Some(site) = from.site() {
            take(&self.by_site, site, IpAddr::V6(Ipv6Addr::UNSPECIFIED))?;
        }
        take(&self.by_address, from.block(), IpAddr::V6(Ipv6Addr::UNSPECIFIED))
    }

    /// # Errors
    /// [`TooOften`].
    pub fn operator(&self, name: &str) -> Result<(), TooOften> {
        take(&self.by_operator, name.to_owned(), String::new())
    }

    /// Forgets those who may order freely again.
    pub fn forget(&self) {
        self.by_operator.retain_recent();
        self.by_user.retain_recent();
        self.by_address.retain_recent();
        self.by_site.retain_recent();
    }
}

fn take<K: std::hash::Hash + Eq + Clone>(
    limit: &DefaultKeyedRateLimiter<K>,
    key: K,
    strangers: K,
) -> Result<(), TooOften> {
    let key = if limit.len() < MOST { key } else { strangers };
    limit.check_key(&key).map_err(|not_yet| {
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

    #[test]
    fn many_addresses_of_one_ipv6_site_are_slowed_down_together() {
        let limit = CreateLimit::default();
        let at = |ip: [u16; 8]| ClientAddr(IpAddr::V6(ip.into()));
        // One /64 is one customer, whatever comes after it.
        let one = (0..400).filter(|n| limit.address(at([0x2001, 0xdb8, 1, 1, 0, 0, 0, *n])).is_ok()).count();
        assert!((300..=310).contains(&one), "{one}");
        let many =
            (0..2000).filter(|n| limit.address(at([0x2001, 0xdb8, 2, *n, 0, 0, 0, 1])).is_ok()).count();
        assert!((600..=620).contains(&many), "{many}");
        assert_eq!(limit.address(at([0x2001, 0xdb8, 3, 1, 0, 0, 0, 1])), Ok(()));
        assert!(limit.by_address.len() < 630, "what the site's limit refused left no entry");
    }

    #[test]
    fn addresses_without_end_take_no_memory_without_end() {
        let limit = CreateLimit::default();
        for n in 0..150_000_u32 {
            let _ = limit.address(ClientAddr(IpAddr::V4(n.into())));
        }
        assert_eq!(limit.by_address.len(), MOST + 1);
    }
}
