//! Static codes (mode one): a code that does not expire, printed for one user and amount. Whoever scans it makes WeChat ask
//! for an order, and each scan that is paid is one recharge.

use wxpay::{CodeUrl, Fen, InvalidValue, ProductId, UnixMillis};

use crate::base32::base32;
use crate::user::User;

/// A static code. Nothing of it changes but when it is stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticCode {
    /// Its number, which WeChat sends back when it is scanned.
    pub product_id: ProductId,
    /// Whose balance each payment raises.
    pub user: User,
    /// What a payer pays, in fen.
    pub total_fee: Fen,
    /// What is added when it is credited, in fen.
    pub bonus: Fen,
    /// The address that its picture holds, signed with the APIv2 key.
    pub url: CodeUrl,
    /// WeChat's shorter address of the same, which makes a coarser picture.
    pub short_url: Option<CodeUrl>,
    /// Who made it.
    pub made_by: String,
    /// When.
    pub made_at: UnixMillis,
    /// From when on it is not sold any more.
    pub stopped_at: Option<UnixMillis>,
}

impl StaticCode {
    /// What goes into the picture: the shorter address where there is one.
    pub fn shown(&self) -> &CodeUrl {
        self.short_url.as_ref().unwrap_or(&self.url)
    }
}

/// The number of a new code: 26 letters and digits of 128 random bits, which nobody guesses.
///
/// # Errors
/// Never in practice: WeChat takes these letters.
pub fn new_product_id(random: [u8; 16]) -> Result<ProductId, InvalidValue> {
    ProductId::parse(base32(&random))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_26_letters_and_digits() {
        assert_eq!(new_product_id([0xff; 16]).unwrap().as_str(), "ZZZZZZZZZZZZZZZZZZZZZZZZZW");
        assert_ne!(new_product_id([1; 16]), new_product_id([2; 16]));
    }
}
