//! What a message said, kept for people and never read by a rule.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What stands in place of a value that must not be kept.
pub(crate) const HIDDEN: &str = "•••";

/// Whether a field must not reach a log, a page or the database: the signature, who the payer is, and the encrypted
/// part of a refund notice. Of a dotted name the last part counts (`payer.openid`), and whatever ends as `openid` does is
/// somebody's (`sub_openid`, `sp_openid`), also in fields that WeChat may add.
pub(crate) fn is_private(name: &str) -> bool {
    let name = name.rsplit('.').next().unwrap_or(name);
    matches!(name, "sign" | "req_info") || name.ends_with("openid")
}

/// The fields of a message that WeChat sent, in the order of their names, without signature and payer: those are replaced
/// when it is made, so that it can be stored and shown as it is.
///
/// Names are those of the message. A nested one is flattened with dots, such as `amount.total`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, String>", into = "BTreeMap<String, String>")]
pub struct Evidence(BTreeMap<String, String>);

impl Evidence {
    /// The value of the field `name`; `None` if the message had no such field.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Names and values in the order of the names' bytes.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl From<BTreeMap<String, String>> for Evidence {
    fn from(mut fields: BTreeMap<String, String>) -> Self {
        for (_, value) in fields.iter_mut().filter(|(name, _)| is_private(name)) {
            HIDDEN.clone_into(value);
        }
        Evidence(fields)
    }
}

impl From<Evidence> for BTreeMap<String, String> {
    fn from(evidence: Evidence) -> Self {
        evidence.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signature_and_payer_are_hidden_in_both_protocols_and_the_rest_is_kept_exactly() {
        let fields = [
            ("sign", "9A0A"),
            ("openid", "oUpF"),
            ("payer.openid", "oUpF"),
            ("payer.other_openid", "oUpF"),
            ("req_info", "T87G"),
            ("body", " x "),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let evidence = Evidence::from(BTreeMap::from(fields));
        let json = r#"{"body":" x ","openid":"•••","payer.openid":"•••","payer.other_openid":"•••","req_info":"•••","sign":"•••"}"#;
        assert_eq!(serde_json::to_string(&evidence).unwrap(), json);
        assert_eq!(serde_json::from_str::<Evidence>(json).unwrap(), evidence);
    }
}
