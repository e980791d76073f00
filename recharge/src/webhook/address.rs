//! Where deliveries may go: never into this machine's own network, whatever a name says. Source: IANA's registries of
//! special-purpose addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Networks of IPv4 that are not on the public Internet: network and length of its prefix.
const NOT_PUBLIC_V4: [([u8; 4], u8); 15] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    // Multicast, reserved, broadcast.
    ([224, 0, 0, 0], 3),
    ([255, 255, 255, 255], 32),
];

/// The same for IPv6, some of which carry an address of IPv4 in them: 64:ff9b::/96, 2002::/16, 2001::/23, ::/96.
const NOT_PUBLIC_V6: [([u16; 8], u8); 13] = [
    ([0, 0, 0, 0, 0, 0, 0, 0], 96),
    ([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96),
    ([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48),
    ([0x100, 0, 0, 0, 0, 0, 0, 0], 64),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
    ([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
    ([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8),
];

/// Whether it is an address of the public Internet. `::ffff:a.b.c.d` is a.b.c.d.
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let begins = |(network, length): ([u8; 4], u8)| {
                let differ = u32::from(address) ^ u32::from(Ipv4Addr::from(network));
                differ.checked_shr(32 - u32::from(length)).unwrap_or(0) == 0
            };
            !NOT_PUBLIC_V4.into_iter().any(begins)
        }
        IpAddr::V6(address) => {
            let begins = |(network, length): ([u16; 8], u8)| {
                let differ = u128::from(address) ^ u128::from(Ipv6Addr::from(network));
                differ.checked_shr(128 - u32::from(length)).unwrap_or(0) == 0
            };
            !NOT_PUBLIC_V6.into_iter().any(begins)
        }
    }
}

/// Whether it is in one of the networks that the settings name (`webhook_networks`).
pub fn is_named(address: IpAddr, networks: &[IpNet]) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

/// Whether a delivery may go there: over TLS to the public Internet, and in any way into a network that the settings name.
pub fn may_reach(address: IpAddr, is_tls: bool, networks: &[IpNet]) -> bool {
    (is_tls && is_public(address)) || is_named(address, networks)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First, last and neighbours of each network, worked out by hand.
    #[test]
    fn no_address_of_a_private_or_reserved_network_is_public() {
        for text in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.0.0",
            "169.254.169.254",
            "169.254.255.255",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.0",
            "192.0.0.255",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "192.168.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.1.2.3",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "64:ff9b:1:ffff::1",
            "100::1",
            "2001::1",
            "2001:1ff:ffff::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "2002:a00:1::1",
            "3fff::1",
            "3fff:fff::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
        ] {
            let address: IpAddr = text.parse().unwrap();
            assert!(!is_public(address), "{text}");
            assert!(!may_reach(address, true, &[]) && !may_reach(address, false, &[]), "{text}");
        }
    }

    #[test]
    fn their_neighbours_are_public_over_tls_only() {
        for text in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "191.255.255.255",
            "192.0.1.0",
            "192.0.3.0",
            "192.88.98.255",
            "192.88.100.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.99.255",
            "198.51.101.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
            "::1:0:0",
            "::ffff:8.8.8.8",
            "64:ff9c::1",
            "64:ff9b:2::1",
            "101::1",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2001:db7::1",
            "2001:db9::1",
            "2003::1",
            "2606:4700::1111",
            "3ffe::1",
            "3fff:1000::1",
            "5f01::1",
            "fbff::1",
        ] {
            let address: IpAddr = text.parse().unwrap();
            assert!(is_public(address), "{text}");
            assert!(may_reach(address, true, &[]) && !may_reach(address, false, &[]), "{text}");
        }
    }

    #[test]
    fn a_network_that_the_settings_name_is_reached_in_any_way() {
        let networks = ["10.1.0.0/16".parse().unwrap(), "::1/128".parse().unwrap()];
        for (text, may) in [("10.1.2.3", true), ("::ffff:10.1.2.3", true), ("10.2.0.1", false), ("::1", true)]
        {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(may_reach(address, true, &networks), may, "{text}");
            assert_eq!(may_reach(address, false, &networks), may, "{text}");
        }
    }
}
