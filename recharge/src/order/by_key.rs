//! What a program of the site says of an order that it makes with a key.

use sha2::{Digest, Sha256};

use super::Order;
use crate::spend::{Metadata, Reference};

/// Said once, when the order is made. What a payer makes on a page has none of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByKey {
    /// The name of the key, or of the merchant of 易支付 ([`crate::epay::Pid::maker`]).
    pub key: String,
    /// The program's own name of the order, unique for ever: the order is then its own, whatever else is open.
    pub reference: Option<Reference>,
    /// What the program wants to find again on it.
    pub metadata: Metadata,
    /// Where the order's pages lead back to.
    pub return_url: Option<String>,
}

impl ByKey {
    /// Which other orders for the same price it may be, where it has no reference: those of which the same is said.
    /// `None`: nothing is said, so a payer's own order will do.
    pub(super) fn digest(&self) -> Option<String> {
        let is_said = self.metadata != Metadata::default() || self.return_url.is_some();
        let text =
            || format!("{}\n{}", self.return_url.as_deref().unwrap_or_default(), self.metadata.as_json());
        is_said.then(|| hex::encode(Sha256::digest(text())))
    }
}

impl ByKey {
    /// A digest of what is asked for under the reference: of whom, for what price (as `quantity 50`), and what is said of it.
    pub fn digest_of(&self, user_id: &str, asked: &str) -> String {
        let return_url = self.return_url.as_deref().unwrap_or_default();
        let text = format!("{user_id}\n{asked}\n{return_url}\n{}", self.metadata.as_json());
        hex::encode(Sha256::digest(text))
    }
}

impl Order {
    /// The same order, made by a program.
    #[must_use]
    pub fn made_by_key(self, by_key: ByKey) -> Order {
        Order { by_key: Some(Box::new(by_key)), ..self }
    }

    /// The program's own name of it.
    pub fn reference(&self) -> Option<&Reference> {
        self.by_key.as_ref()?.reference.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::order;

    fn by_key(reference: Option<&str>, metadata: &str, return_url: Option<&str>) -> Order {
        order().made_by_key(ByKey {
            key: "forum".to_owned(),
            reference: reference.map(|text| Reference::parse(text).unwrap()),
            metadata: Metadata::parse(metadata).unwrap(),
            return_url: return_url.map(str::to_owned),
        })
    }

    #[test]
    fn an_order_with_a_reference_is_never_found_by_its_price() {
        assert_eq!(by_key(Some("r-1"), "{}", None).open_key(), None);
    }

    #[test]
    fn orders_of_one_price_meet_where_the_same_is_said_of_them() {
        assert_eq!(by_key(None, "{}", None).open_key(), order().open_key());
        let said = [
            order().open_key(),
            by_key(None, r#"{"a":1}"#, None).open_key(),
            by_key(None, r#"{"a":2}"#, None).open_key(),
            by_key(None, "{}", Some("https://shop.example.com/")).open_key(),
        ];
        assert_eq!(said.iter().collect::<std::collections::BTreeSet<_>>().len(), said.len());
        assert!(said.iter().all(Option::is_some));
    }
}
