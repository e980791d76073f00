//! Which events an endpoint is told of.

use std::collections::BTreeSet;

use super::id::EndpointId;
use crate::event_type::EventType;

/// All types that an endpoint may ask for. A test goes to the endpoint that it is made for, whatever that asks for.
pub fn known() -> impl Iterator<Item = EventType> {
    EventType::ALL.into_iter().filter(|kind| *kind != EventType::TestPing)
}

/// Whether an endpoint may ask for this type.
pub fn is_known(word: &str) -> bool {
    known().any(|kind| kind.name() == word)
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
        match EventType::from_name(event_type) {
            Some(EventType::TestPing) => is_of_itself,
            Some(EventType::WebhookDisabled) if is_of_itself => false,
            // A type that a later version of the program wrote is told to who takes all.
            kind if self.types.is_empty() => !kind.is_some_and(|kind| EventType::BY_NAME.contains(&kind)),
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
            assert!(interest.wants(&one, "test.ping", &test_subject(&one, "evt_1")));
            assert!(!interest.wants(&one, "test.ping", &subject(&other)));
        }
        let disabled = "webhook.disabled";
        assert!(all.wants(&one, disabled, &subject(&other)) && !all.wants(&one, disabled, &subject(&one)));
        assert!(!paid.wants(&one, disabled, &subject(&other)));
    }
}
