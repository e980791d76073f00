//! Addresses that belong to one household or machine.

use std::net::IpAddr;

/// An IPv4 address as it is, or the /64 that one IPv6 customer has at least.
pub fn block(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6([a, b, c, d, 0, 0, 0, 0].into())
        }
    }
}
