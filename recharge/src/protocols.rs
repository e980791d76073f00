//! The protocols for which the merchant has credentials, and what follows for orders and refunds.

use wxpay::Protocol;

/// For which of WeChat's two protocols there are credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protocols {
    /// An APIv2 key.
    pub v2: bool,
    /// A TLS certificate for v2's refunds, or no TLS at which one is asked for. Says nothing without `v2`.
    pub v2_refunds: bool,
    /// The merchant's RSA key with a certificate that has not ended, an APIv3 key and a key of WeChat's.
    pub v3: bool,
}

impl Protocols {
    /// Whether requests that WeChat takes can be signed, and answers verified, by this one.
    pub fn speaks(self, protocol: Protocol) -> bool {
        match protocol {
            Protocol::V2 => self.v2,
            Protocol::V3 => self.v3,
        }
    }

    /// Whether refunds can be asked for by this one.
    pub fn refunds_by(self, protocol: Protocol) -> bool {
        match protocol {
            Protocol::V2 => self.v2 && self.v2_refunds,
            Protocol::V3 => self.v3,
        }
    }

    /// The protocol of a new refund, which it keeps: its order's own where refunds can be asked for by that one, else the
    /// other one where they can by that. WeChat takes either for an order of either. Money of no order goes by the newer
    /// one, which needs no TLS certificate and signs its notices.
    pub fn of_refund(self, order: Option<Protocol>) -> Protocol {
        let (own, other) = match order {
            Some(Protocol::V2) => (Protocol::V2, Protocol::V3),
            Some(Protocol::V3) | None => (Protocol::V3, Protocol::V2),
        };
        if !self.refunds_by(own) && self.refunds_by(other) { other } else { own }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refund_goes_by_its_orders_protocol_unless_only_the_other_one_can() {
        const V2: Protocol = Protocol::V2;
        const V3: Protocol = Protocol::V3;
        for (v2, v2_refunds, v3, of_v2, of_v3, of_none) in [
            (true, true, true, V2, V3, V3),
            // Without a certificate v2 makes no refunds.
            (true, false, true, V3, V3, V3),
            (true, true, false, V2, V2, V2),
            (false, false, true, V3, V3, V3),
            (false, true, true, V3, V3, V3),
            // Nothing can be done: it waits for the credentials of its own.
            (true, false, false, V2, V3, V3),
        ] {
            let protocols = Protocols { v2, v2_refunds, v3 };
            let chosen = [Some(V2), Some(V3), None].map(|order| protocols.of_refund(order));
            assert_eq!(chosen, [of_v2, of_v3, of_none], "{protocols:?}");
        }
    }
}
