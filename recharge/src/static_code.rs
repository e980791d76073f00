//! Static codes (mode one): a code that does not expire, printed for one user and amount. Whoever scans it makes WeChat ask
//! for an order, and each scan that is paid is one recharge.

use wxpay::{Fen, InvalidValue, UnixMillis};

use crate::base32::base32;
use crate::user::User;

/// The number of a static code, which WeChat sends back as `product_id`: 26 letters and digits, 128 random bits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProductId(String);

impl ProductId {
    /// A new one.
    pub fn random(bytes: [u8; 16]) -> ProductId {
        ProductId(base32(&bytes))
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`InvalidValue`] unless it is 26 digits and capital letters.
    pub fn parse(text: impl Into<String>) -> Result<ProductId, InvalidValue> {
        let text = text.into();
        let is_letter = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
        if text.len() == 26 && text.bytes().all(is_letter) {
            Ok(ProductId(text))
        } else {
            Err(InvalidValue { what: "product_id", must_be: "26 digits and capital letters" })
        }
    }

    /// The text as it was parsed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ProductId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A static code. Nothing of it changes but when it is stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticCode {
    /// Its number.
    pub product_id: ProductId,
    /// Whose balance each payment raises.
    pub user: User,
    /// What a payer pays, in fen.
    pub total_fee: Fen,
    /// What is added when it is credited, in fen.
    pub bonus: Fen,
    /// The address that its picture holds, signed with the APIv2 key.
    pub url: String,
    /// WeChat's shorter address of the same, which makes a coarser picture.
    pub short_url: Option<String>,
    /// Who made it.
    pub made_by: String,
    /// When.
    pub made_at: UnixMillis,
    /// From when on it is not sold any more.
    pub stopped_at: Option<UnixMillis>,
}

impl StaticCode {
    /// What goes into the picture: the shorter address where there is one.
    pub fn shown(&self) -> &str {
        self.short_url.as_deref().unwrap_or(&self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_26_capital_letters_and_digits() {
        let number = ProductId::random([0xff; 16]);
        assert_eq!(number.as_str(), "ZZZZZZZZZZZZZZZZZZZZZZZZZW");
        assert_eq!(ProductId::parse(number.as_str()), Ok(number));
        for wrong in ["", "ZZZZZZZZZZZZZZZZZZZZZZZZZ", "zzzzzzzzzzzzzzzzzzzzzzzzzw", "recharge-1990"] {
            assert!(ProductId::parse(wrong).is_err(), "{wrong}");
        }
    }
}
