//! Flat XML: one meaning or none. What is read is written and read again as the same, and two ways to put it into the order
//! of a signature agree.
#![no_main]

use std::collections::HashMap;

use libfuzzer_sys::fuzz_target;
use md5::{Digest, Md5};
use wxpay::v2::{Fields, sign};
use wxpay::{Merchant, SignType};

const KEY: &str = "192006250b4c09247ec02edce69f6a2d";

fuzz_target!(|body: &[u8]| {
    let Ok(fields) = Fields::read(body, 64 * 1024) else { return };
    let again = Fields::read(fields.to_xml().as_bytes(), 1024 * 1024).expect("what we write can be read");
    assert_eq!(again.iter().collect::<Vec<_>>(), fields.iter().collect::<Vec<_>>());

    let map: HashMap<&str, &str> = fields.iter().collect();
    assert_eq!(map.len(), fields.len(), "no field is there twice");
    let mut pairs: Vec<_> = map.into_iter().filter(|(n, v)| *n != "sign" && !v.is_empty()).collect();
    pairs.sort_unstable_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    let mut text: String = pairs.into_iter().map(|(name, value)| format!("{name}={value}&")).collect();
    text.push_str("key=");
    text.push_str(KEY);
    let digest: String = Md5::digest(text).iter().map(|byte| format!("{byte:02X}")).collect();
    assert_eq!(sign::sign(&fields, &Merchant::sandbox().key, SignType::Md5), digest);
});
