//! Writes the documents of WeChat's own pages, and some bodies of integrators, as what fuzzing begins with: into `corpus/`
//! beside the targets.

use std::fs;
use std::io;
use std::path::Path;

#[allow(dead_code, reason = "the string that one is signed with is no document")]
#[path = "../wxpay/tests/published/documents.rs"]
mod documents;
#[path = "../wxpay/tests/published/mode_one.rs"]
mod mode_one;
#[path = "../wxpay/tests/published/refunds_and_bills.rs"]
mod refunds_and_bills;

use documents::*;
use mode_one::*;
use refunds_and_bills::*;
use saoma_fuzz::documents as v3;

/// A refund and a refusal of v3.
const ANSWERS: [&str; 2] = [
    r#"{"refund_id":"50300001232026031612345678901","out_refund_no":"RF20260316000001","transaction_id":"4200001234202603151234567890","out_trade_no":"BK20260315000001","channel":"ORIGINAL","user_received_account":"支付用户零钱","status":"SUCCESS","amount":{"total":1990,"refund":500,"currency":"CNY"}}"#,
    r#"{"code":"PARAM_ERROR","message":"参数错误","detail":{"field":"/amount/currency","value":"XYZ","issue":"Currency code is invalid","location":"body"}}"#,
];

const OAUTH: [&str; 3] = [
    r#"{"access_token":"OAUTH","expires_in":7200,"refresh_token":"REFRESH","openid":"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o","scope":"snsapi_base"}"#,
    r#"{"errcode":40029,"errmsg":"invalid code"}"#,
    r#"{"access_token":"TOKEN","expires_in":7200}"#,
];

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
    v3_seeds()?;
    write("mode_one", &[CALLBACK, CALLBACK_REPLY, CALLBACK_REFUSAL, SHORT_URL, SHORT_URL_ANSWER])?;
    write(
        "v3_answer",
        &[v3::ORDER_NATIVE_ANSWER, v3::BILL_ANSWER, v3::NOTICE_PAID_OPENED, ANSWERS[0], ANSWERS[1]],
    )?;
    write("oauth", &OAUTH)?;
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

/// Headers as lines, then the body.
fn v3_seeds() -> io::Result<()> {
    const PUBLIC_KEY: &str = "PUB_KEY_ID_0119000072912026031500000000000001";
    const CERTIFICATE: &str = "3F0E6B5D2C1A4987A6B5C4D3E2F10F1E2D3C4B5A";
    let message =
        |time, nonce, serial, signature, body| format!("{time}\n{nonce}\n{serial}\n{signature}\n{body}");
    let paid = message(
        "1773540312",
        "notifynonce000000000000000000001",
        PUBLIC_KEY,
        v3::NOTICE_PAID_SIGNATURE,
        v3::NOTICE_PAID,
    );
    let refunded = message(
        "1773624615",
        "notifynonce000000000000000000002",
        PUBLIC_KEY,
        v3::NOTICE_REFUND_SIGNATURE,
        v3::NOTICE_REFUND,
    );
    let unsigned = |body| message("1773540312", "n", PUBLIC_KEY, "AAAA", body);
    let opened = [unsigned(v3::NOTICE_PAID_OPENED), unsigned(v3::NOTICE_REFUND_OPENED)];
    write("v3_notice", &[&paid, &refunded, &opened[0], &opened[1]])?;
    let list = message(
        "1773540006",
        "respnonce00000000000000000000003",
        CERTIFICATE,
        v3::CERTIFICATES_SIGNATURE,
        v3::CERTIFICATES,
    );
    write("v3_certificates", &[&list, &unsigned(v3::PLATFORM_CERTIFICATE)])
}

fn write(target: &str, seeds: &[&str]) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder)?;
    for (number, seed) in seeds.iter().enumerate() {
        fs::write(folder.join(format!("published-{number:02}")), seed)?;
    }
    Ok(())
}
