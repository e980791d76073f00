//! When WeChat's platform certificates are read, and which are believed.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use wxpay::client::{Client, Endpoint};
use wxpay::v3::Credentials;
use wxpay::v3::certificate::Certificate;
use wxpay::v3::certificates::CertificatesError;
use wxpay::v3::serial::Serial;
use wxpay::{Error, UnixMillis};

use crate::client_v3::wechat::{
    Signing, Wechat, answer, certificates, certificates_sealed_with, credentials,
    credentials_for_certificates,
};
use crate::client_v3::{PAID, query};
use crate::wechat_v3::keys::WECHAT_CERTIFICATE;

const LIST: &str = "GET /v3/certificates?algorithm_type=RSA";
const QUERY: &str = "GET /v3/pay/transactions/out-trade-no/BK20260315000001?mchid=1900007291";

fn client(wechat: &Wechat, credentials: Credentials) -> Client {
    Client::new(credentials, Endpoint::new(&*wechat.base)).unwrap()
}

fn list() -> crate::client_v3::wechat::Answer {
    answer(200, certificates()).signed(Signing::Certificate)
}

fn paid() -> crate::client_v3::wechat::Answer {
    answer(200, PAID).signed(Signing::Certificate)
}

#[tokio::test]
async fn without_any_key_the_certificates_are_read_first_and_named_from_then_on() {
    let wechat = Wechat::says([list(), paid()]).await;
    let client = client(&wechat, credentials_for_certificates());
    query(&client).await.unwrap();
    query(&client).await.unwrap();
    assert_eq!(wechat.lines(), [LIST, QUERY, QUERY]);
    let asked = wechat.asked();
    assert!(asked[0].headers.get("wechatpay-serial").is_none());
    let serial = Certificate::from_pem(WECHAT_CERTIFICATE).unwrap().serial;
    assert_eq!(asked[1].headers["wechatpay-serial"], serial.as_str());
    assert_eq!(client.v3_credentials().unwrap().keys.list().len(), 1);
}

#[tokio::test]
async fn many_calls_at_once_read_the_certificates_once() {
    let wechat = Wechat::says([list(), paid()]).await;
    let client = client(&wechat, credentials_for_certificates());
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { query(&client).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(wechat.lines().iter().filter(|line| *line == LIST).count(), 1);
}

#[tokio::test]
async fn notices_that_name_a_new_certificate_at_once_are_all_worth_another_check() {
    let wechat = Wechat::says([list()]).await;
    let client = client(&wechat, credentials_for_certificates());
    let serial = Certificate::from_pem(WECHAT_CERTIFICATE).unwrap().serial;
    let learn = || client.learn_certificate(&serial);
    let (first, second, third) = tokio::join!(learn(), learn(), learn());
    assert!(first.unwrap() && second.unwrap() && third.unwrap());
    assert_eq!(wechat.lines(), [LIST]);
    // Nobody has this one, and the last try was a moment ago.
    let nobodys = Serial::parse("3F0E6B5D2C1A4987A6B5C4D3E2F10F1E2D3C4B5A").unwrap();
    assert!(!client.learn_certificate(&nobodys).await.unwrap());
    assert_eq!(wechat.lines(), [LIST]);
}

#[tokio::test]
async fn an_answer_by_an_unknown_certificate_makes_the_list_be_read_but_not_twice_in_a_minute() {
    let both = Credentials { has_certificates: true, ..credentials() };
    let wechat = Wechat::says([paid(), list(), paid()]).await;
    query(&client(&wechat, both.clone())).await.unwrap();
    assert_eq!(wechat.lines(), [QUERY, LIST, QUERY]);

    // The list does not have it.
    let wechat = Wechat::says([paid(), answer(500, ""), paid()]).await;
    let both = Credentials { has_certificates: true, ..credentials() };
    let now = Arc::new(AtomicI64::new(UnixMillis::now().get()));
    let clock = Arc::clone(&now);
    let client = client(&wechat, both).with_clock(move || UnixMillis::new(clock.load(Ordering::Relaxed)));
    for _ in 0..3 {
        assert!(matches!(query(&client).await, Err(Error::Unverified(_))));
    }
    assert_eq!(wechat.lines().iter().filter(|line| *line == LIST).count(), 1);
    now.fetch_add(61_000, Ordering::Relaxed);
    assert!(query(&client).await.is_err());
    assert_eq!(wechat.lines().iter().filter(|line| *line == LIST).count(), 2);
}

#[tokio::test]
async fn an_unknown_public_key_never_makes_the_list_be_read() {
    let both = Credentials { has_certificates: true, ..credentials() };
    let wechat = Wechat::says([answer(200, PAID).signed(Signing::UnknownPublicKey)]).await;
    assert!(query(&client(&wechat, both)).await.is_err());
    assert_eq!(wechat.lines(), [QUERY, QUERY]);
    // Nor does an unknown certificate where none is to be used.
    let wechat = Wechat::says([paid()]).await;
    assert!(query(&client(&wechat, credentials())).await.is_err());
    assert_eq!(wechat.lines(), [QUERY, QUERY]);
}

#[tokio::test]
async fn the_list_is_read_every_12_hours() {
    let wechat = Wechat::says([list()]).await;
    let now = Arc::new(AtomicI64::new(UnixMillis::now().get()));
    let clock = Arc::clone(&now);
    let client = client(&wechat, credentials_for_certificates())
        .with_clock(move || UnixMillis::new(clock.load(Ordering::Relaxed)));
    assert!(client.refresh_certificates().await.unwrap());
    assert!(!client.refresh_certificates().await.unwrap());
    now.fetch_add(12 * 3_600_000 - 1, Ordering::Relaxed);
    assert!(!client.refresh_certificates().await.unwrap());
    assert_eq!(wechat.lines().len(), 1);
    now.fetch_add(1, Ordering::Relaxed);
    // Twelve hours later by our clock its answer is too old; that it was asked for is what counts here.
    let _ = client.refresh_certificates().await;
    assert_eq!(wechat.lines().len(), 2);
}

#[tokio::test]
async fn a_list_that_wechat_did_not_make_is_not_believed_and_nothing_is_asked_without_a_key() {
    let other_key = answer(200, certificates_sealed_with("AnotherApiV3Key0123456789abcdefg"))
        .signed(Signing::Certificate);
    for said in
        [other_key, list().signed(Signing::None), list().signed(Signing::OtherBody), answer(200, "{}")]
    {
        let wechat = Wechat::says([said]).await;
        let client = client(&wechat, credentials_for_certificates());
        let error = query(&client).await.unwrap_err();
        assert!(matches!(error, Error::Certificates(_) | Error::Unverified(_)), "{error:?}");
        // At once again: no key, and no try within a minute.
        let error = query(&client).await.unwrap_err();
        assert!(matches!(error, Error::NoKeys) && !error.is_unknown(), "{error:?}");
        assert_eq!(wechat.lines(), [LIST]);
        assert!(client.v3_credentials().unwrap().keys.list().is_empty());
    }
    let wrong = answer(200, certificates_sealed_with("AnotherApiV3Key0123456789abcdefg"))
        .signed(Signing::Certificate);
    let wechat = Wechat::says([wrong]).await;
    let error = client(&wechat, credentials_for_certificates()).refresh_certificates().await.unwrap_err();
    assert!(matches!(error, Error::Certificates(CertificatesError::Sealed(_))), "{error:?}");
}

#[tokio::test]
async fn a_merchant_with_public_keys_only_has_no_certificates_and_needs_none() {
    let none = || {
        answer(404, r#"{"code":"RESOURCE_NOT_EXISTS","message":"无可用的平台证书"}"#).signed(Signing::None)
    };
    let wechat = Wechat::says([none()]).await;
    let both = Credentials { has_certificates: true, ..credentials() };
    let with_key = client(&wechat, both);
    assert!(!with_key.refresh_certificates().await.unwrap());
    assert!(!with_key.refresh_certificates().await.unwrap());
    assert_eq!(wechat.lines(), [LIST]);
    let error = client(&wechat, credentials_for_certificates()).refresh_certificates().await.unwrap_err();
    assert!(
        matches!(&error, Error::Refused { err_code_des, .. } if err_code_des.contains("平台证书")),
        "{error:?}"
    );
}
