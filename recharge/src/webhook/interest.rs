//! Which events an endpoint is told of.

use std::collections::BTreeSet;

use super::id::EndpointId;

/// A delivery that somebody asked for, to see whether they arrive.
pub const TEST: &str = "test.ping";
/// Told to the other endpoints.
pub const DISABLED: &str = "webhook.disabled";

/// What an endpoint asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interest {
    /// Types of events by name; none: all but those that are only for who asks by name.
    pub types: BTreeSet<String>,
}

impl Interest {
    /// Whether the endpoint is told of an event. Events about an endpoint itself have it as their subject: a test goes to it
    /// alone, whatever it asks for, and that it was disabled to all others.
    pub fn wants(&self, endpoint: &EndpointId, event_type: &str, subject: &str, is_opt_in: bool) -> bool {
        let is_of_itself = subject.strip_prefix(SUBJECT).is_some_and(|id| id == endpoint.as_str());
        match event_type {
            TEST => is_of_itself,
            DISABLED if is_of_itself => false,
            _ if self.types.is_empty() => !is_opt_in,
            _ => self.types.contains(event_type),
        }
    }
}

/// What the subject of an event about an endpoint begins with.
const SUBJECT: &str = "webhook_endpoint/";

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
        assert!(
            all.wants(&one, "recharge.paid", order, false) && paid.wants(&one, "recharge.paid", order, false)
        );
        assert!(
            all.wants(&one, "recharge.closed", order, false)
                && !paid.wants(&one, "recharge.closed", order, false)
        );
        assert!(!all.wants(&one, "debit.created", "debit/DB1", true));
        let debits = Interest { types: ["debit.created".to_owned()].into() };
        assert!(debits.wants(&one, "debit.created", "debit/DB1", true));
        for interest in [&all, &paid] {
            assert!(interest.wants(&one, TEST, &subject(&one), false));
            assert!(!interest.wants(&one, TEST, &subject(&other), false));
        }
        assert!(
            all.wants(&one, DISABLED, &subject(&other), false)
                && !all.wants(&one, DISABLED, &subject(&one), false)
        );
        assert!(!paid.wants(&one, DISABLED, &subject(&other), false));
    }
}
