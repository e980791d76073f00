//! Checks the bytes of a reply before any of it is believed: `return_code`, then the signature, then whose it is, then
//! `result_code`. Source: WeChat Pay v2, native.php?chapter=4_1 (协议规则).

use super::REPLY_LIMIT;
use super::merchant::Merchant;
use super::xml::Fields;
use crate::error::{ErrCode, Error};
use crate::printable::printable;
use crate::types::InvalidValue;
use crate::verified::Verified;

/// The fields of a success: signed as the request was, and for this merchant.
/// # Errors
/// [`Error`]; of its variants `NotUnderstood` and `Refused` are WeChat's answers, the others say that there is none.
pub fn read(body: &[u8], merchant: &Merchant) -> Result<Verified<Fields>, Error> {
    let fields = Fields::read(body, REPLY_LIMIT).map_err(Error::Malformed)?;
    match fields.get("return_code") {
        Some("SUCCESS") => {}
        Some("FAIL") => {
            // Unsigned by the protocol, so it must be read before any signature is looked for.
            let return_msg = fields.get("return_msg").unwrap_or_default();
            return Err(Error::NotUnderstood { return_msg: short(return_msg) });
        }
        _ => return Err(wrong("return_code", "SUCCESS or FAIL")),
    }
    let sign_type = merchant.verify(&fields).map_err(Error::BadSignature)?;
    if sign_type != merchant.sign_type {
        return Err(Error::OtherSignType);
    }
    must_be(&fields, "appid", merchant.appid.as_str())?;
    must_be(&fields, "mch_id", merchant.mch_id.as_str())?;
    match fields.get("result_code") {
        Some("SUCCESS") => Ok(Verified::vouch(fields)),
        Some("FAIL") => Err(Error::Refused {
            code: ErrCode::parse(&short(fields.required("err_code").map_err(Error::BadField)?)),
            err_code_des: short(fields.get("err_code_des").unwrap_or_default()),
        }),
        _ => Err(wrong("result_code", "SUCCESS or FAIL")),
    }
}

/// Checks that the answer is about what was asked.
/// # Errors
/// [`Error::BadField`] if `field` is absent, [`Error::Foreign`] if it is not `ours`.
pub fn must_be(fields: &Fields, field: &'static str, ours: &str) -> Result<(), Error> {
    if fields.required(field).map_err(Error::BadField)? == ours {
        Ok(())
    } else {
        Err(Error::Foreign { field })
    }
}

fn wrong(what: &'static str, must_be: &'static str) -> Error {
    Error::BadField(InvalidValue { what, must_be })
}

/// At most 128 characters, which is what WeChat's texts have; a bound for anybody else's.
fn short(text: &str) -> String {
    printable(text, 128)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_of_several_lines_is_an_error_of_one() {
        let body =
            "<xml><return_code>FAIL</return_code><return_msg>no\n2026-03-15 INFO credited</return_msg></xml>";
        let error = read(body.as_bytes(), &Merchant::sandbox()).unwrap_err().to_string();
        assert!(error.ends_with("no\\n2026-03-15 INFO credited"), "{error}");
    }
}
