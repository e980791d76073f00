//! What the targets share: the sandbox's signature over whatever came in, so that they see past it.

#[path = "../wxpay/tests/published/v3.rs"]
pub mod documents;
pub mod v3;

use wxpay::v2::{Fields, sign};
use wxpay::{Merchant, SignType};

/// The document with the signature it should have, if it is one at all.
pub fn signed(document: &[u8], limit: usize) -> Option<(Fields, String)> {
    let mut fields = Fields::read(document, limit).ok()?;
    fields.set("return_code", "SUCCESS");
    fields.set("appid", "wxd930ea5d5a258f4f");
    fields.set("mch_id", "10000100");
    let xml = sign_as_it_is(&mut fields);
    Some((fields, xml))
}

/// The document of these fields, signed.
pub fn sign_as_it_is(fields: &mut Fields) -> String {
    let sign = sign::sign(fields, &Merchant::sandbox().key, SignType::Md5);
    fields.set("sign", sign);
    fields.to_xml()
}
