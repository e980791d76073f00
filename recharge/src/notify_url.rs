//! The addresses under which WeChat posts its notices. An order and a refund keep theirs, so these stay routed for ever.

use wxpay::Protocol;

/// Payments of orders placed by v2.
pub const PAYMENT_V2: &str = "/wxpay/notify";

/// Payments of orders placed by v3.
pub const PAYMENT_V3: &str = "/wxpay/v3/notify";

/// Refunds that were asked for by v2.
pub const REFUND_V2: &str = "/wxpay/refund-notify";

/// Refunds that were asked for by v3.
pub const REFUND_V3: &str = "/wxpay/v3/refund-notify";

/// What WeChat posts to: the four of them.
pub const ALL: [&str; 4] = [PAYMENT_V2, PAYMENT_V3, REFUND_V2, REFUND_V3];

/// Where WeChat posts that an order of this protocol was paid, below the site's address `base`.
pub fn of_payment(base: &str, protocol: Protocol) -> String {
    let path = match protocol {
        Protocol::V2 => PAYMENT_V2,
        Protocol::V3 => PAYMENT_V3,
    };
    format!("{base}{path}")
}

/// Where WeChat posts how a refund by this protocol ended; `None` if the address would be longer than WeChat allows.
/// Source: WeChat Pay, native.php?chapter=9_4 (`notify_url`)
pub fn of_refund(base: &str, protocol: Protocol) -> Option<String> {
    let path = match protocol {
        Protocol::V2 => REFUND_V2,
        Protocol::V3 => REFUND_V3,
    };
    Some(format!("{base}{path}")).filter(|url| url.len() <= 256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_protocol_has_an_address_for_payments_and_one_for_refunds() {
        let base = "https://pay.example.com";
        for (protocol, payment, refund) in [
            (
                Protocol::V2,
                "https://pay.example.com/wxpay/notify",
                "https://pay.example.com/wxpay/refund-notify",
            ),
            (
                Protocol::V3,
                "https://pay.example.com/wxpay/v3/notify",
                "https://pay.example.com/wxpay/v3/refund-notify",
            ),
        ] {
            assert_eq!(of_payment(base, protocol), payment);
            assert_eq!(of_refund(base, protocol).as_deref(), Some(refund));
            assert_eq!(of_refund(&"x".repeat(250), protocol), None);
        }
        let distinct: std::collections::BTreeSet<_> = ALL.into_iter().collect();
        assert_eq!(distinct.len(), 4);
    }
}
