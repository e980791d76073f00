//! The name of a key: a certificate's serial number, or the id of WeChat Pay's public key.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use crate::types::InvalidValue;

/// What every id of a public key of WeChat's begins with.
const PUBLIC_KEY: &str = "PUB_KEY_ID_";

/// Which key made a signature: a certificate's serial number in hex (`5157F09E…`), or the id of a public key of WeChat's
/// (`PUB_KEY_ID_…`), which is opaque. Hex is kept in upper case as it was given; leading zeros say nothing, so they do not
/// count when two are compared. Source: WeChat Pay, 微信支付公钥产品简介及使用说明 and 证书相关问题.
#[derive(Clone)]
pub struct Serial(String);

impl Serial {
    /// Reads either.
    /// # Errors
    /// [`InvalidValue`] for anything that is neither 1 to 40 hex digits (not only zeros) nor `PUB_KEY_ID_` with up to 64
    /// letters, digits and `_` after it.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let must_be = "40 hex digits, or an id that begins with PUB_KEY_ID_";
        let invalid = InvalidValue { what: "the serial number", must_be };
        let ok = match text.strip_prefix(PUBLIC_KEY) {
            Some(id) => {
                (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            }
            None => {
                (1..=40).contains(&text.len())
                    && text.bytes().all(|b| b.is_ascii_hexdigit())
                    && text.bytes().any(|b| b != b'0')
            }
        };
        match (ok, text.starts_with(PUBLIC_KEY)) {
            (false, _) => Err(invalid),
            (true, true) => Ok(Serial(text.to_owned())),
            (true, false) => Ok(Serial(text.to_ascii_uppercase())),
        }
    }

    /// Whether it names a public key of WeChat's. Such a key never checks what a certificate signed, nor the reverse.
    pub fn is_public_key(&self) -> bool {
        self.0.starts_with(PUBLIC_KEY)
    }

    /// As it is sent in `Wechatpay-Serial` and `serial_no`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What two are compared by.
    fn significant(&self) -> &str {
        match self.is_public_key() {
            true => &self.0,
            false => self.0.trim_start_matches('0'),
        }
    }
}

impl PartialEq for Serial {
    fn eq(&self, other: &Self) -> bool {
        self.significant() == other.significant()
    }
}

impl Eq for Serial {}

impl PartialOrd for Serial {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Serial {
    fn cmp(&self, other: &Self) -> Ordering {
        self.significant().cmp(other.significant())
    }
}

impl Hash for Serial {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.significant().hash(state);
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Serial").field(&self.0).finish()
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of a public key of WeChat's, and never a certificate's number: such a key is set by hand, and believed without an
/// end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKeyId(Serial);

impl PublicKeyId {
    /// Reads it.
    /// # Errors
    /// [`InvalidValue`] if it is a certificate's number, or nothing of the kind.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let invalid =
            InvalidValue { what: "the public key's id", must_be: "an id that begins with PUB_KEY_ID_" };
        Serial::parse(text).ok().filter(Serial::is_public_key).map(PublicKeyId).ok_or(invalid)
    }
}

impl From<PublicKeyId> for Serial {
    fn from(id: PublicKeyId) -> Self {
        id.0
    }
}

impl fmt::Display for PublicKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_leading_zeros_of_hex_do_not_count_and_it_is_sent_as_it_was_given() {
        let [short, long] = ["5f09e", "0005F09E"].map(|text| Serial::parse(text).unwrap());
        assert_eq!(short, long);
        assert_eq!((short.as_str(), long.as_str()), ("5F09E", "0005F09E"));
        assert_ne!(short, Serial::parse("5F09E0").unwrap());
    }

    #[test]
    fn a_public_keys_id_is_opaque_and_no_certificates_number() {
        let id = Serial::parse("PUB_KEY_ID_0119000072912026031500000000000001").unwrap();
        assert!(id.is_public_key());
        assert_ne!(id, Serial::parse("0119000072912026031500000000000001").unwrap());
        assert_ne!(id, Serial::parse("PUB_KEY_ID_119000072912026031500000000000001").unwrap());
        assert_eq!(PublicKeyId::parse(id.as_str()).map(Serial::from), Ok(id));
        for number in ["0119000072912026031500000000000001", "PUB_KEY_ID_", ""] {
            assert!(PublicKeyId::parse(number).is_err(), "{number}");
        }
    }

    #[test]
    fn what_is_neither_is_refused() {
        let too_long = "1".repeat(41);
        for text in
            ["", "0", "00", "xyz", " 5F", "5F\n", "PUB_KEY_ID_", "PUB_KEY_ID_ 1", "pub_key_id_1", &too_long]
        {
            assert!(Serial::parse(text).is_err(), "{text}");
        }
    }
}
