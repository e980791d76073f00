//! `/tools/shorturl`: a shorter address for the same printed code, which makes a coarser and so a safer QR code.
//! Source: WeChat Pay v2, native.php?chapter=9_9.

use super::merchant::Merchant;
use super::xml::Fields;
use crate::types::{CodeUrl, InvalidValue};
use crate::verified::Verified;

/// The request without `nonce_str` and `sign`. The address is signed and sent as it is.
pub fn request(merchant: &Merchant, long_url: &CodeUrl) -> Fields {
    merchant.fields().with("long_url", long_url.as_str())
}

/// The answer.
/// # Errors
/// [`InvalidValue`] that names what is missing or wrong.
pub fn read(fields: &Verified<Fields>) -> Result<CodeUrl, InvalidValue> {
    CodeUrl::parse(fields.required("short_url")?)
}
