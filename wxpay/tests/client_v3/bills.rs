//! Bills: where they are, and that the file is the one that WeChat announced.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde_json::json;
use wxpay::bill::{BillDate, BillError, BillType};
use wxpay::{Error, Protocol};

use crate::client_v3::wechat::{Answer, Signing, Wechat, answer};
use crate::published::refunds_and_bills::BILL;

/// As it is published for [`BILL`].
const BILL_SHA1: &str = "68c56d5da61b310d19b53ffb31f2243db2561e45";

const ASKED: &str = "GET /v3/bill/tradebill?bill_date=2026-03-15&bill_type=ALL&tar_type=GZIP";
const FETCHED: &str = "GET /v3/billdownload/file?token=6Xb2Test%2BToken";

fn gzip(text: &str) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

/// The answer that names a file; `HERE` is the host that gives it.
fn announced(sha1: &str, download_url: &str) -> Answer {
    answer(200, json!({ "hash_type": "SHA1", "hash_value": sha1, "download_url": download_url }).to_string())
}

fn here(sha1: &str) -> Answer {
    announced(sha1, "HERE/v3/billdownload/file?token=6Xb2Test%2BToken")
}

fn file(bytes: impl Into<Vec<u8>>) -> Answer {
    answer(200, bytes).signed(Signing::None)
}

/// The lines of all rows, if the bill comes to its end.
async fn read(wechat: &Wechat) -> Result<Vec<u64>, BillError> {
    let day = BillDate::parse("20260315").unwrap();
    let mut bill = wechat.client().download_bill(Protocol::V3, day, BillType::All, true).await?;
    let mut lines = Vec::new();
    while let Some(row) = bill.next().await? {
        lines.push(row.line);
    }
    Ok(lines)
}

#[tokio::test]
async fn a_bill_is_the_unpacked_file_with_the_announced_hash() {
    for packed in [gzip(BILL), BILL.as_bytes().to_vec()] {
        let wechat = Wechat::says([here(BILL_SHA1), file(packed)]).await;
        assert!(!read(&wechat).await.unwrap().is_empty());
        assert_eq!(wechat.lines(), [ASKED, FETCHED]);
    }
}

#[tokio::test]
async fn a_file_with_another_hash_never_comes_to_its_end() {
    // An amount that fits the column, so that every line can be read.
    let changed = BILL.replacen("`BK20260315000001", "`BK20260315000009", 1);
    assert_ne!(changed, BILL);
    for packed in [gzip(&changed), changed.into_bytes()] {
        let wechat = Wechat::says([here(BILL_SHA1), file(packed)]).await;
        assert!(matches!(read(&wechat).await, Err(BillError::OtherHash)));
    }
    let wechat = Wechat::says([here(&BILL_SHA1.replace('6', "7")), file(gzip(BILL))]).await;
    assert!(matches!(read(&wechat).await, Err(BillError::OtherHash)));
    // The hash is that of the whole, so one that was cut off is told by it even if it seems complete.
    let more = format!("{BILL}\r\n");
    let sha1 = hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, more.as_bytes()));
    let wechat = Wechat::says([here(&sha1), file(gzip(BILL))]).await;
    assert!(matches!(read(&wechat).await, Err(BillError::OtherHash)));
}

#[tokio::test]
async fn a_file_on_a_strangers_host_is_not_asked_for() {
    let stranger = Wechat::says([file(gzip(BILL))]).await;
    let port = stranger.base.rsplit(':').next().unwrap().to_owned();
    for url in [
        format!("{}/v3/billdownload/file?token=x", stranger.base),
        format!("http://localhost:{port}/v3/billdownload/file"),
        // WeChat's, but this client is not WeChat's, and its signature is not for there.
        "https://api.mch.weixin.qq.com/v3/billdownload/file?token=x".to_owned(),
        "/v3/billdownload/file".to_owned(),
        "file:///etc/passwd".to_owned(),
    ] {
        let wechat = Wechat::says([announced(BILL_SHA1, &url)]).await;
        let error = read(&wechat).await.unwrap_err();
        assert!(
            matches!(error, BillError::Call(Error::Foreign { field: "download_url" })),
            "{url}: {error:?}"
        );
        assert_eq!(wechat.lines(), [ASKED]);
    }
    assert!(stranger.lines().is_empty());
}

#[tokio::test]
async fn an_announcement_in_another_form_is_refused() {
    for (hash_type, hash, field) in [
        ("SHA256", BILL_SHA1, "hash_type"),
        ("SHA1", "68c56d5da61b310d19b53ffb31f2243db2561e4", "hash_value"),
        ("SHA1", "zzc56d5da61b310d19b53ffb31f2243db2561e45", "hash_value"),
        ("SHA1", "", "hash_value"),
    ] {
        let said =
            json!({ "hash_type": hash_type, "hash_value": hash, "download_url": "HERE/x" }).to_string();
        let error = read(&Wechat::says([answer(200, said)]).await).await.unwrap_err();
        assert!(matches!(&error, BillError::Call(Error::BadField(bad)) if bad.what == field), "{error:?}");
    }
}

#[tokio::test]
async fn a_day_without_a_bill_is_told_from_a_failure() {
    let refused = |code: &str| {
        let said = json!({ "code": code, "message": "…" }).to_string();
        answer(400, said).signed(Signing::None)
    };
    let said = |said: Answer| async move { read(&Wechat::says([said]).await).await.unwrap_err() };
    assert!(matches!(said(refused("NO_STATEMENT_EXIST")).await, BillError::NoBill));
    assert!(matches!(said(refused("STATEMENT_CREATING")).await, BillError::Creating));
    assert!(matches!(said(refused("PARAM_ERROR")).await, BillError::Call(Error::Refused { .. })));
    assert!(matches!(said(file(BILL_SHA1)).await, BillError::Call(Error::Unverified(_))));
    let wechat = Wechat::says([here(BILL_SHA1), refused("INVALID_REQUEST")]).await;
    assert!(matches!(read(&wechat).await, Err(BillError::Call(Error::Refused { .. }))));
    // Cut off.
    let packed = gzip(BILL);
    let wechat = Wechat::says([here(BILL_SHA1), file(&packed[..packed.len() / 2])]).await;
    assert!(matches!(read(&wechat).await, Err(BillError::Truncated { .. } | BillError::Gzip(_))));
}
