//! Writes the documents of WeChat's own pages, and some bodies of integrators, as what fuzzing begins with: into `corpus/`
//! beside the targets.

use std::fs;
use std::io;
use std::path::Path;

#[allow(dead_code, reason = "the string that one is signed with is no document")]
#[path = "../wxpay/tests/published/documents.rs"]
mod documents;
#[path = "../wxpay/tests/published/refunds_and_bills.rs"]
mod refunds_and_bills;

use documents::*;
use refunds_and_bills::*;

fn main() -> io::Result<()> {
    let replies = [
        UNIFIED_ORDER_NATIVE_ANSWER,
        UNIFIED_ORDER_REFUSED,
        UNIFIED_ORDER_NOT_UNDERSTOOD,
        UNIFIED_ORDER_JSAPI_ANSWER,
        UNIFIED_ORDER_APP_ANSWER,
        UNIFIED_ORDER_MWEB_ANSWER,
        ORDER_QUERY_PAID,
        ORDER_QUERY_NOT_PAID,
        ORDER_QUERY_UNKNOWN,
        CLOSE_ORDER_ANSWER,
        CLOSE_ORDER_REFUSED,
        REFUND_ANSWER,
        REFUND_REFUSED,
        REFUND_QUERY_ANSWER,
    ];
    let requests = [
        UNIFIED_ORDER_NATIVE,
        UNIFIED_ORDER_JSAPI,
        UNIFIED_ORDER_APP,
        UNIFIED_ORDER_MWEB,
        ORDER_QUERY,
        CLOSE_ORDER,
        REFUND,
        REFUND_QUERY,
        DOWNLOAD_BILL,
        SUCCESS,
        FAIL,
    ];
    let notices = [NOTICE_MD5, NOTICE_HMAC_SHA256];
    write("notice", &notices)?;
    write("replies", &replies)?;
    write("fields", &[&replies[..], &requests, &notices, &[REFUND_NOTICE]].concat())?;
    write("refund_notice", &[REFUND_NOTICE, REFUND_NOTICE_OPENED])?;
    // The first byte says in how large pieces it comes.
    let old = format!("{OLD_HEADER}\n{OLD_SUMMARY_HEADER}\n`0,`0.00,`0.00,`0.00,`0.00000\n");
    let bills = [BILL, BILL_REFUSED, &old].map(|bill| format!("\u{7}{bill}"));
    write("bill", &bills.each_ref().map(String::as_str))?;
    let asked = [
        "u=a.b.c&quantity=10&type=NATIVE",
        "u=a.b.c&quantity=%31%30&openid=o",
        r#"{"u":"a.b.c","quantity":10}"#,
        r#"{"u":"a.b.c","quantity":"10","type":"NATIVE","openid":"o"}"#,
        r#"{"u":"a.b.c","quantity":1e9}"#,
    ];
    write("form", &asked)
}

fn write(target: &str, seeds: &[&str]) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder)?;
    for (number, seed) in seeds.iter().enumerate() {
        fs::write(folder.join(format!("published-{number:02}")), seed)?;
    }
    Ok(())
}
