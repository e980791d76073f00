//! Which events an endpoint is told of.

use std::collections::BTreeSet;

use super::id::EndpointId;

/// A delivery that somebody asked for, to see whether they arrive.
pub const TEST: &str = "test.ping";
/// Told to the other endpoints.
pub const DISABLED: &str = "webhook.disabled";

/// Types that an endpoint may ask for by name.
const KNOWN: [&str; 16] = [
    "recharge.paid",
    "recharge.paid_late",
    "recharge.closed",
    "recharge.refund_requested",
    "recharge.refunded",
    "recharge.refund_failed",
    "exception.opened",
    "exception.settled",
    "balance.low",
    "balance.changed",
    "debit.created",
    "debit.reversed",
    "hold.captured",
    "hold.expired",
    "grant.created",
    DISABLED,
];
/// Those that only who asks by name is told of: whoever caused them knows already.
const BY_NAME: [&str; 3] = ["balance.changed", "debit.created", "hold.captured"];

/// Whether an endpoint may ask for this type.
pub fn is_known(word: &str) -> bool {
    KNOWN.contains(&word)
}

/// All types that an endpoint may ask for.
pub fn known() -> &'static [&'static str] {
    &KNOWN
}

/// What an endpoint asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interest {
    /// Types of events by name; none: all but those that are only for who asks by name.
    pub types: BTreeSet<String>,
}

impl Interest {
    /// Whether the endpoint is told of an event. Events about an endpoint itself have it as their subject: a test goes to it
    /// alone, whatever it asks for, and that it was disabled to all others.
    pub fn wants(&self, endpoint: &EndpointId, event_type: &str, subject: &str) -> bool {
        let about = subject.strip_prefix(SUBJECT).map(|rest| rest.split('/').next().unwrap_or_default());
        let is_of_itself = about == Some(endpoint.as_str());
        match event_type {
            TEST => is_of_itself,
            DISABLED if is_of_itself => false,
            _ if self.types.is_empty() => !BY_NAME.contains(&event_type),
            _ => self.types.contains(event_type),
        }
    }
}

/// What the subject of an event about an endpoint begins with.
const SUBJECT: &str = "webhook_endpoint/";

/// The subject of a test: each its own, so that one that fails does not hold up the next.
pub fn test_subject(endpoint: &EndpointId, event_id: &str) -> String {
    format!("{}/{event_id}", subject(endpoint))
}

/// The subject of events about an endpoint.
pub fn subject(endpoint: &EndpointId) -> String {
    format!("{SUBJECT}{endpoint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_gets_what_it_asks_for_its_own_tests_and_no_news_of_itself() {
        let id = |text: &str| EndpointId::parse(text).unwrap();
        let (one, other) = (id("we_AAAAAAAAAAAAAAAA"), id("we_BBBBBBBBBBBBBBBB"));
        let all = Interest::default();
        let paid = Interest { types: ["recharge.paid".to_owned()].into() };
        let order = "recharge/SM1";
        assert!(all.wants(&one, "recharge.paid", order) && paid.wants(&one, "recharge.paid", order));
        assert!(all.wants(&one, "recharge.closed", order) && !paid.wants(&one, "recharge.closed", order));
        assert!(!all.wants(&one, "debit.created", "debit/DB1"));
        let debits = Interest { types: ["debit.created".to_owned()].into() };
        assert!(debits.wants(&one, "debit.created", "debit/DB1"));
        for interest in [&all, &paid] {
            assert!(interest.wants(&one, TEST, &test_subject(&one, "evt_1")));
            assert!(!interest.wants(&one, TEST, &subject(&other)));
        }
        assert!(all.wants(&one, DISABLED, &subject(&other)) && !all.wants(&one, DISABLED, &subject(&one)));
        assert!(!paid.wants(&one, DISABLED, &subject(&other)));
    }
}
