//! `GET /v3/bill/tradebill`: where the bill of a day is, and the hash by which it is known. The file itself is not signed;
//! [`crate::bill`] reads it. Source: WeChat Pay, 申请交易账单 and 下载账单 (APIv3).

use super::json::Object;
use crate::bill::{BillDate, BillType};
use crate::types::InvalidValue;
use crate::verified::Verified;

/// The path at which a bill is asked for.
pub const TEMPLATE: &str = "/v3/bill/tradebill";
/// Where the files are, as documented; WeChat's answer says it in full.
pub const FILES: &str = "/v3/billdownload/file";

/// Where a bill is asked for. With `gzip` the file takes a fifth of the bytes.
pub fn target(date: BillDate, bill_type: BillType, gzip: bool) -> String {
    let day = date.start().to_beijing_text();
    let (day, bill_type) = (day.get(..10).unwrap_or_default(), bill_type.as_str());
    let packed = if gzip { "&tar_type=GZIP" } else { "" };
    format!("{TEMPLATE}?bill_date={day}&bill_type={bill_type}{packed}")
}

/// Where a bill's file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillFile {
    /// SHA-1 of the file, unpacked.
    pub sha1: [u8; 20],
    /// Where it is for five minutes.
    pub download_url: String,
}

/// The answer.
/// # Errors
/// [`InvalidValue`] that names what is missing or wrong.
pub fn read(answer: &Verified<Object>) -> Result<BillFile, InvalidValue> {
    if answer.required("hash_type")? != "SHA1" {
        return Err(InvalidValue { what: "hash_type", must_be: "SHA1" });
    }
    let mut sha1 = [0; 20];
    hex::decode_to_slice(answer.required("hash_value")?, &mut sha1)
        .map_err(|_| InvalidValue { what: "hash_value", must_be: "40 hex digits" })?;
    Ok(BillFile { sha1, download_url: answer.required("download_url")?.to_owned() })
}
