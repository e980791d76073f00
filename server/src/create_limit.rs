//! How often orders may be asked for, per user and per address. Notices and polls are not limited here.

use std::net::IpAddr;

use cashier::rate::Quota;
use recharge::epay::Pid;
use wxpay::UnixMillis;

use crate::{client_addr::ClientAddr, keyed_limit::KeyedLimit, log_limit::LogLimit};

/// A button pressed again and again stays under this; a program does not.
const USER: Quota = Quota { at_once: 30, each_ms: 500 };
/// Many people behind one address (a school, a mobile network) stay under this.
const ADDRESS: Quota = Quota { at_once: 300, each_ms: 33 };
/// All addresses of one IPv6 /48 together: whoever has one could order from 65,536 addresses that count apart.
const SITE: Quota = Quota { at_once: 600, each_ms: 16 };

/// A payer opens a link a few times in a visit. Each makes a session, which is written.
const VISIT: Quota = Quota { at_once: 30, each_ms: 2_000 };

/// A program that reads a thousand users one by one is not slowed down; one in an endless loop is.
const KEY: Quota = Quota { at_once: 5_000, each_ms: 1 };

/// Nobody presses buttons faster than this.
const OPERATOR: Quota = Quota { at_once: 120, each_ms: 500 };

/// A shop that sells ten orders a second all day is not slowed down.
const MERCHANT: Quota = Quota { at_once: 600, each_ms: 50 };

/// The doctor asks once, and a person lets it ask again.
const PROBER: Quota = Quota { at_once: 30, each_ms: 1_000 };

#[derive(Debug)]
pub struct CreateLimit {
    by_merchant: KeyedLimit<Pid>,
    by_key: KeyedLimit<String>,
    by_operator: KeyedLimit<String>,
    by_user: KeyedLimit<String>,
    by_address: KeyedLimit<IpAddr>,
    by_site: KeyedLimit<IpAddr>,
    by_visitor: KeyedLimit<String>,
    by_prober: KeyedLimit<IpAddr>,
    refused: LogLimit,
}

/// Too many; how long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooOften {
    pub wait_s: u32,
}

impl Default for CreateLimit {
    fn default() -> Self {
        CreateLimit {
            by_merchant: KeyedLimit::new(MERCHANT),
            by_key: KeyedLimit::new(KEY),
            by_operator: KeyedLimit::new(OPERATOR),
            by_user: KeyedLimit::new(USER),
            by_address: KeyedLimit::new(ADDRESS),
            by_site: KeyedLimit::new(SITE),
            by_visitor: KeyedLimit::new(VISIT),
            by_prober: KeyedLimit::new(PROBER),
            refused: LogLimit::default(),
        }
    }
}

impl CreateLimit {
    /// # Errors
    /// [`TooOften`].
    pub fn user(&self, user_id: &str, now: UnixMillis) -> Result<(), TooOften> {
        self.by_user.take(user_id.to_owned(), now).map_err(|wait_ms| {
            if let Some(others) = self.refused.take(now) {
                tracing::warn!(others, "too many orders asked for by the user {user_id:?}");
            }
            TooOften::after(wait_ms)
        })
    }

    /// # Errors
    /// [`TooOften`].
    pub fn address(&self, from: ClientAddr, now: UnixMillis) -> Result<(), TooOften> {
        // The site first: what it refuses leaves no entry for the address.
        let site = from.site().map_or(Ok(()), |site| self.by_site.take(site, now));
        site.and_then(|()| self.by_address.take(from.block(), now)).map_err(|wait_ms| {
            if let Some(others) = self.refused.take(now) {
                tracing::warn!(others, "too many orders asked for from {}", from.0);
            }
            TooOften::after(wait_ms)
        })
    }

    /// What asks for a probe of the doctor's. Told to nobody, as it may be a guess.
    ///
    /// # Errors
    /// [`TooOften`].
    pub fn prober(&self, from: ClientAddr, now: UnixMillis) -> Result<(), TooOften> {
        self.by_prober.take(from.block(), now).map_err(TooOften::after)
    }

    /// A link that is opened, by the user it names.
    ///
    /// # Errors
    /// [`TooOften`].
    pub fn visit(&self, user_id: &str, now: UnixMillis) -> Result<(), TooOften> {
        self.by_visitor.take(user_id.to_owned(), now).map_err(|wait_ms| {
            if let Some(others) = self.refused.take(now) {
                tracing::warn!(others, "too many visits by links of the user {user_id:?}");
            }
            TooOften::after(wait_ms)
        })
    }

    /// What a merchant of 易支付 signed.
    ///
    /// # Errors
    /// [`TooOften`].
    pub fn merchant(&self, pid: Pid, now: UnixMillis) -> Result<(), TooOften> {
        self.by_merchant.take(pid, now).map_err(|wait_ms| {
            if let Some(others) = self.refused.take(now) {
                tracing::warn!(others, "too many orders asked for by the merchant {pid} of 易支付");
            }
            TooOften::after(wait_ms)
        })
    }

    /// A program's call, by the id of its key.
    ///
    /// # Errors
    /// [`TooOften`].
    pub fn key(&self, id: &str, name: &str, now: UnixMillis) -> Result<(), TooOften> {
        self.by_key.take(id.to_owned(), now).map_err(|wait_ms| {
            if let Some(others) = self.refused.take(now) {
                tracing::warn!(others, "too many calls at once with the key {name}");
            }
            TooOften::after(wait_ms)
        })
    }

    /// # Errors
    /// [`TooOften`].
    pub fn operator(&self, name: &str, now: UnixMillis) -> Result<(), TooOften> {
        self.by_operator.take(name.to_owned(), now).map_err(|wait_ms| {
            if let Some(others) = self.refused.take(now) {
                tracing::warn!(others, "too many actions at once by the operator {name:?}");
            }
            TooOften::after(wait_ms)
        })
    }

    /// Forgets those who may order freely again.
    pub fn forget(&self, now: UnixMillis) {
        self.by_merchant.forget(now);
        self.by_prober.forget(now);
        self.by_key.forget(now);
        self.by_operator.forget(now);
        self.by_user.forget(now);
        self.by_address.forget(now);
        self.by_site.forget(now);
        self.by_visitor.forget(now);
    }
}

impl TooOften {
    pub(crate) fn after(wait_ms: i64) -> TooOften {
        TooOften { wait_s: u32::try_from(wait_ms / 1000).unwrap_or(u32::MAX).saturating_add(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis::new(1_773_540_000_000);

    #[test]
    fn one_user_is_slowed_down_and_others_are_not() {
        let limit = CreateLimit::default();
        let refused = (0..40).filter(|_| limit.user("a", NOW).is_err()).count();
        assert_eq!(refused, 10);
        assert_eq!(limit.user("b", NOW), Ok(()));
    }

    #[test]
    fn a_key_in_an_endless_loop_is_slowed_down_and_others_are_not() {
        let limit = CreateLimit::default();
        let refused = (0..6_000).filter(|_| limit.key("A", "forum", NOW).is_err()).count();
        assert_eq!(refused, 1_000);
        assert_eq!(limit.key("B", "forum", NOW), Ok(()));
        assert_eq!(limit.key("A", "forum", NOW.plus_ms(1)), Ok(()));
    }

    #[test]
    fn a_merchant_of_epay_that_asks_without_end_is_slowed_down_and_others_are_not() {
        let limit = CreateLimit::default();
        let refused = (0..700).filter(|_| limit.merchant(Pid::FIRST, NOW).is_err()).count();
        assert_eq!(refused, 100);
        assert_eq!(limit.merchant(Pid::new(1002), NOW), Ok(()));
    }

    #[test]
    fn one_address_is_slowed_down_and_others_are_not() {
        let limit = CreateLimit::default();
        let at = |ip: &str| ClientAddr(ip.parse().unwrap());
        assert!((0..400).any(|_| limit.address(at("198.51.100.1"), NOW).is_err()));
        assert_eq!(limit.address(at("198.51.100.2"), NOW), Ok(()));
    }

    #[test]
    fn many_addresses_of_one_ipv6_site_are_slowed_down_together() {
        let limit = CreateLimit::default();
        let at = |ip: [u16; 8]| ClientAddr(IpAddr::V6(ip.into()));
        // One /64 is one customer, whatever comes after it.
        let one =
            (0..400).filter(|n| limit.address(at([0x2001, 0xdb8, 1, 1, 0, 0, 0, *n]), NOW).is_ok()).count();
        assert!((300..=310).contains(&one), "{one}");
        let many =
            (0..2000).filter(|n| limit.address(at([0x2001, 0xdb8, 2, *n, 0, 0, 0, 1]), NOW).is_ok()).count();
        assert!((600..=620).contains(&many), "{many}");
        assert_eq!(limit.address(at([0x2001, 0xdb8, 3, 1, 0, 0, 0, 1]), NOW), Ok(()));
        assert!(limit.by_address.len() < 630, "what the site's limit refused left no entry");
    }
}
