//! The client's address. `X-Forwarded-For` is read only from the trusted proxies in the settings.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;
use recharge::address_block::block;

/// The client's address, as far as it can be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddr(pub IpAddr);

impl ClientAddr {
    /// The peer itself, or behind trusted proxies the rightmost address that is none of them.
    pub fn of(peer: SocketAddr, headers: &HeaderMap, trusted: &[IpNet]) -> ClientAddr {
        let is_trusted = |ip: &IpAddr| trusted.iter().any(|net| net.contains(ip));
        let mut client = normal(peer.ip());
        if !is_trusted(&client) {
            return ClientAddr(client);
        }
        // Several headers are one list, in their order. Source: RFC 9110, 5.3.
        let hops: Vec<&str> = headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .collect();
        for hop in hops.into_iter().rev() {
            // What a trusted proxy did not understand either ends the walk: further left anybody may have written it.
            let Some(ip) = address(hop) else { break };
            client = ip;
            if !is_trusted(&ip) {
                break;
            }
        }
        ClientAddr(client)
    }

    /// The IPv6 /48 around a [`ClientAddr::block`], the most that one site is given: it holds 65,536 blocks.
    pub fn site(self) -> Option<IpAddr> {
        match self.0 {
            IpAddr::V4(_) => None,
            IpAddr::V6(ip) => {
                let [a, b, c, ..] = ip.segments();
                Some(IpAddr::V6([a, b, c, 0, 0, 0, 0, 0].into()))
            }
        }
    }

    /// What limits count by: an IPv4 address, or the /64 that one IPv6 customer has at least.
    pub fn block(self) -> IpAddr {
        block(self.0)
    }
}

/// IPv4 that came in through an IPv6 socket is IPv4.
fn normal(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    }
}

/// An address as proxies write it, with or without port and brackets.
fn address(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let bare = hop.trim_start_matches('[').trim_end_matches(']');
    let ip = bare.parse::<IpAddr>().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|a| a.ip()))?;
    Some(normal(ip))
}

/// Whether it is an address of the Internet: not this machine's, not a private network's, and none of those that are kept for
/// other purposes. Source: IANA's registries of special-purpose addresses.
pub fn is_public(ip: IpAddr) -> bool {
    match normal(ip) {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            let shared = a == 100 && (64..128).contains(&b);
            let reserved = a == 0 || a >= 240;
            !(ip.is_loopback()
                || ip.is_private()
                || ip.is_link_local()
                || ip.is_multicast()
                || ip.is_unspecified()
                || shared
                || reserved)
        }
        // Global unicast is 2000::/3.
        IpAddr::V6(ip) => ip.segments()[0] & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        ClientAddr::of(peer.parse().unwrap(), &headers, &trusted).0.to_string()
    }

    #[test]
    fn a_stranger_cannot_choose_its_address() {
        assert_eq!(client("203.0.113.9:1", &["127.0.0.1"], &[]), "203.0.113.9");
        assert_eq!(client("203.0.113.9:1", &["127.0.0.1"], &["10.0.0.0/8"]), "203.0.113.9");
    }

    #[test]
    fn behind_proxies_the_rightmost_stranger_counts() {
        let trusted = &["10.0.0.0/8"];
        assert_eq!(client("10.0.0.1:1", &["1.2.3.4, 198.51.100.7, 10.0.0.2"], trusted), "198.51.100.7");
        assert_eq!(client("10.0.0.1:1", &["1.2.3.4", "198.51.100.7"], trusted), "198.51.100.7");
        assert_eq!(client("10.0.0.1:1", &["198.51.100.7:4711"], trusted), "198.51.100.7");
        assert_eq!(client("10.0.0.1:1", &["[2001:db8::1]:4711"], trusted), "2001:db8::1");
    }

    #[test]
    fn without_or_with_an_unreadable_list_the_last_proxy_counts() {
        assert_eq!(client("10.0.0.1:1", &[], &["10.0.0.0/8"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1:1", &["1.2.3.4, unknown"], &["10.0.0.0/8"]), "10.0.0.1");
    }

    #[test]
    fn mapped_ipv4_is_ipv4() {
        assert_eq!(client("[::ffff:10.0.0.1]:1", &["::ffff:198.51.100.7"], &["10.0.0.0/8"]), "198.51.100.7");
    }

    #[test]
    fn a_private_or_reserved_address_is_not_public() {
        let private =
            ["127.0.0.1", "10.1.2.3", "192.168.1.1", "172.31.0.1", "169.254.1.1", "100.64.0.1", "0.0.0.0"];
        let more = ["224.0.0.1", "255.255.255.255", "::1", "fe80::1", "fd00::1", "::", "::ffff:10.0.0.1"];
        for ip in private.into_iter().chain(more) {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["203.0.113.7", "100.128.0.1", "172.32.0.1", "2400:da00::1", "::ffff:203.0.113.7"] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn limits_count_an_ipv6_customer_once() {
        let block = ClientAddr("2001:db8:1:2:3:4:5:6".parse().unwrap()).block();
        assert_eq!(block.to_string(), "2001:db8:1:2::");
        let site = ClientAddr("2001:db8:1:2:3:4:5:6".parse().unwrap()).site();
        assert_eq!(site.unwrap().to_string(), "2001:db8:1::");
        assert_eq!(ClientAddr("198.51.100.1".parse().unwrap()).site(), None);
    }
}
