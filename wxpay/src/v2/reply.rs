//! From the bytes of a reply to something that may be believed. Source: protocol A1.1.

use super::REPLY_LIMIT;
use super::merchant::Merchant;
use super::sign;
use super::xml::Fields;
use crate::error::{ErrCode, Error};
use crate::types::InvalidValue;
use crate::verified::Verified;

/// The fields of a success: signed as the request was, and by name for this merchant.
/// # Errors
/// [`Error`]; only its `NotUnderstood` and `Refused` are answers.
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
    let sign_type = sign::verify(&fields, &merchant.key).map_err(Error::BadSignature)?;
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

/// An answer about another order or merchant says nothing about ours.
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

/// WeChat's texts have at most 128 characters; this bounds what somebody else might put there.
fn short(text: &str) -> String {
    text.chars().take(128).collect()
}
