//! An endpoint: where deliveries go, of which events, signed with which secret.

use std::collections::BTreeSet;

use wxpay::{InvalidValue, UnixMillis};

use super::health::Health;
use super::id::EndpointId;
use super::interest::{Interest, is_known};

/// How many late deliveries a second an endpoint gets unless it says otherwise.
pub const PER_S: i64 = 50;
/// The most that it may ask for.
pub const MOST_PER_S: i64 = 10_000;
/// Bytes of a description at most.
const DESCRIPTION: usize = 200;

/// An endpoint as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Which one it is.
    pub id: EndpointId,
    /// Where deliveries go.
    pub url: String,
    /// Which events it is told of.
    pub interest: Interest,
    /// What a person wrote about it; may be empty.
    pub description: String,
    /// Deliveries a second of events that are late, from each instance.
    pub per_s: i64,
    /// The secret, sealed.
    pub secret: String,
    /// The one before, sealed, and until when it signs beside the present one.
    pub old: Option<(String, UnixMillis)>,
    /// The number of the last event that was looked at for it.
    pub position: i64,
    /// How it answers.
    pub health: Health,
    /// Who made it.
    pub made_by: String,
    /// When.
    pub created_at: UnixMillis,
    /// Counts what people and programs change of it.
    pub version: i64,
}

/// What of an endpoint can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Where deliveries go; judged apart, by [`super::EndpointUrl::check`].
    pub url: String,
    /// Types of events by name; none: all but those that are only for who asks by name.
    pub types: BTreeSet<String>,
    /// For people.
    pub description: String,
    /// Deliveries a second of events that are late.
    pub per_s: i64,
}

impl Choice {
    /// # Errors
    /// [`InvalidValue`] for what no endpoint can have.
    pub fn check(&self) -> Result<(), InvalidValue> {
        if !self.types.iter().all(|word| is_known(word)) {
            return Err(InvalidValue { what: "types", must_be: "words of events, such as recharge.paid" });
        }
        if !(1..=MOST_PER_S).contains(&self.per_s) {
            return Err(InvalidValue { what: "per_s", must_be: "from 1 to 10000" });
        }
        if self.description.len() > DESCRIPTION || self.description.chars().any(char::is_control) {
            let must_be = "at most 200 bytes without control characters";
            return Err(InvalidValue { what: "description", must_be });
        }
        Ok(())
    }
}

impl Endpoint {
    /// What was chosen of it.
    pub fn choice(&self) -> Choice {
        Choice {
            url: self.url.clone(),
            types: self.interest.types.clone(),
            description: self.description.clone(),
            per_s: self.per_s,
        }
    }

    /// With another choice. Where deliveries go somewhere else, how the place before answered is forgotten.
    #[must_use]
    pub fn changed(&self, choice: Choice) -> Endpoint {
        let health = match choice.url == self.url || self.health.disabled.is_some() {
            true => self.health,
            false => self.health.enabled(),
        };
        Endpoint {
            url: choice.url,
            interest: Interest { types: choice.types },
            description: choice.description,
            per_s: choice.per_s,
            health,
            version: self.version + 1,
            ..self.clone()
        }
    }

    /// With another secret, the present one signing beside it for this long.
    ///
    /// # Errors
    /// The end of the secret before, where that still signs: a third would make deliveries unverifiable for who has only that one.
    pub fn rotated(&self, secret: String, keep_old_ms: i64, now: UnixMillis) -> Result<Endpoint, UnixMillis> {
        if let Some((_, until)) = &self.old
            && *until > now
            && keep_old_ms > 0
        {
            return Err(*until);
        }
        let old = (keep_old_ms > 0).then(|| (self.secret.clone(), now.plus_ms(keep_old_ms)));
        Ok(Endpoint { secret, old, version: self.version + 1, ..self.clone() })
    }

    /// The sealed secrets that sign now.
    pub fn secrets(&self, now: UnixMillis) -> impl Iterator<Item = &str> {
        let old = self.old.iter().filter(move |(_, until)| *until > now).map(|(secret, _)| secret.as_str());
        std::iter::once(self.secret.as_str()).chain(old)
    }

    /// Going on where it stood.
    #[must_use]
    pub fn enabled(&self) -> Endpoint {
        Endpoint { health: self.health.enabled(), version: self.version + 1, ..self.clone() }
    }

    /// With nothing sent to it.
    #[must_use]
    pub fn disabled(&self, now: UnixMillis) -> Endpoint {
        Endpoint { health: self.health.disabled_by_hand(now), version: self.version + 1, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: UnixMillis = UnixMillis::new(1_773_540_000_000);

    fn endpoint() -> Endpoint {
        Endpoint {
            id: EndpointId::new([1; 10]),
            url: "https://shop.example.com/h".to_owned(),
            interest: Interest::default(),
            description: String::new(),
            per_s: PER_S,
            secret: "one".to_owned(),
            old: None,
            position: 7,
            health: Health::default(),
            made_by: "lin".to_owned(),
            created_at: T0,
            version: 1,
        }
    }

    fn signing(endpoint: &Endpoint, now: UnixMillis) -> Vec<&str> {
        endpoint.secrets(now).collect()
    }

    #[test]
    fn two_secrets_sign_until_the_old_one_ends_and_a_third_waits_for_that() {
        let hour = 3_600_000;
        let rotated = endpoint().rotated("two".to_owned(), hour, T0).unwrap();
        assert_eq!(signing(&rotated, T0.plus_ms(hour - 1)), ["two", "one"]);
        assert_eq!(signing(&rotated, T0.plus_ms(hour)), ["two"]);
        assert_eq!(rotated.rotated("three".to_owned(), hour, T0.plus_ms(1)), Err(T0.plus_ms(hour)));
        assert!(rotated.rotated("three".to_owned(), hour, T0.plus_ms(hour)).is_ok());
        // One that has leaked ends at once, whatever was before it.
        let alone = rotated.rotated("three".to_owned(), 0, T0.plus_ms(1)).unwrap();
        assert_eq!(signing(&alone, T0.plus_ms(1)), ["three"]);
    }

    #[test]
    fn another_address_begins_well_and_stays_disabled_if_it_was() {
        let ill = Health { failures: 9, failing_since: Some(T0), probe_at: Some(T0), ..Health::default() };
        let endpoint = Endpoint { health: ill, ..endpoint() };
        let choice = |url: &str| Choice { url: url.to_owned(), ..endpoint.choice() };
        assert_eq!(endpoint.changed(choice("https://shop.example.com/h")).health, ill);
        assert!(!endpoint.changed(choice("https://shop.example.com/2")).health.is_ill());
        let disabled = endpoint.disabled(T0);
        assert!(disabled.changed(choice("https://shop.example.com/2")).health.disabled.is_some());
        assert_eq!((disabled.enabled().health.disabled, disabled.enabled().position), (None, 7));
    }

    #[test]
    fn what_no_endpoint_can_have_is_refused() {
        let good = endpoint().choice();
        assert!(good.check().is_ok());
        for bad in [
            Choice { types: ["moon.full".to_owned()].into(), ..good.clone() },
            Choice { types: ["test.ping".to_owned()].into(), ..good.clone() },
            Choice { per_s: 0, ..good.clone() },
            Choice { per_s: 10_001, ..good.clone() },
            Choice { description: "x".repeat(201), ..good.clone() },
            Choice { description: "a\nb".to_owned(), ..good.clone() },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
