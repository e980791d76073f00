//! A merchant that changes its APIv2 key: what signs, what is believed, and a client whose keys are replaced.

use std::sync::{Arc, Mutex};

use axum::Router;
use wxpay::client::Client;
use wxpay::v2::notify::{self, Notice, NoticeError};
use wxpay::v2::sign::SignError;
use wxpay::v2::{Fields, refund_notice, req_info, sign};
use wxpay::{ApiKey, Error, MchId, Merchant, Protocol, SignType};

use crate::client::{number, trade};

fn key(letter: &str) -> ApiKey {
    ApiKey::parse(&letter.repeat(32)).unwrap()
}

fn merchant(key: ApiKey, old_key: Option<ApiKey>) -> Merchant {
    Merchant { key, old_key, ..Merchant::sandbox() }
}

/// WeChat, which takes one key; each request with whether it was understood.
#[derive(Clone)]
struct WeChat {
    key: Arc<Mutex<ApiKey>>,
    asked: Arc<Mutex<Vec<bool>>>,
}

impl WeChat {
    fn with(key: ApiKey) -> Self {
        WeChat { key: Arc::new(Mutex::new(key)), asked: Arc::default() }
    }

    fn router(&self) -> Router {
        let wechat = self.clone();
        Router::new().fallback(move |body: String| async move {
            let key = wechat.key.lock().unwrap().clone();
            let request = Fields::read(body.as_bytes(), 64 * 1024).unwrap();
            let is_right = sign::verify(&request, &key).is_ok();
            wechat.asked.lock().unwrap().push(is_right);
            match is_right {
                true => {
                    let reply = trade("NOTPAY");
                    let sign = sign::sign(&reply, &key, SignType::Md5);
                    reply.with("sign", sign).to_xml()
                }
                false => notify::fail("签名错误"),
            }
        })
    }

    fn asked(&self) -> Vec<bool> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

#[tokio::test]
async fn the_key_that_wechat_takes_is_found_and_used_before_and_after_the_change() {
    let wechat = WeChat::with(key("o"));
    let client = Client::in_process(merchant(key("n"), Some(key("o"))), wechat.router());
    let query = async || client.query(Protocol::V2, &number()).await.map(drop);
    query().await.unwrap();
    assert_eq!(wechat.asked(), [false, true], "the new one first, then the old one");
    query().await.unwrap();
    assert_eq!(wechat.asked(), [true]);
    *wechat.key.lock().unwrap() = key("n");
    query().await.unwrap();
    query().await.unwrap();
    assert_eq!(wechat.asked(), [false, true, true]);
    *wechat.key.lock().unwrap() = key("x");
    let error = query().await.unwrap_err();
    assert!(matches!(error, Error::NotUnderstood { .. }), "{error:?}");
    let single = Client::in_process(merchant(key("n"), None), wechat.router());
    wechat.asked();
    assert!(single.query(Protocol::V2, &number()).await.is_err());
    assert_eq!(wechat.asked(), [false], "there is no other key to try");
}

#[tokio::test]
async fn all_clones_of_a_client_have_the_keys_that_replace_its_own() {
    let wechat = WeChat::with(key("n"));
    let client = Client::in_process(merchant(key("o"), None), wechat.router());
    let clone = client.clone().with_budget(100, 1000);
    clone.query(Protocol::V2, &number()).await.unwrap_err();
    let new = Client::in_process(merchant(key("n"), Some(key("o"))), wechat.router());
    client.take_over(&new).unwrap();
    clone.query(Protocol::V2, &number()).await.unwrap();
    let other = Merchant { mch_id: MchId::parse("1900000109").unwrap(), ..merchant(key("n"), None) };
    client.take_over(&Client::in_process(other, wechat.router())).unwrap_err();
    clone.query(Protocol::V2, &number()).await.unwrap();
}

#[test]
fn notices_of_either_key_are_believed_and_of_no_other() {
    let ours = merchant(key("n"), Some(key("o")));
    let notice = Fields::from_iter([
        ("return_code", "SUCCESS"),
        ("result_code", "FAIL"),
        ("mch_id", "10000100"),
        ("err_code", "NOTENOUGH"),
    ]);
    let signed_by = |key: &ApiKey| {
        let sign = sign::sign(&notice, key, SignType::HmacSha256);
        notice.clone().with("sign", sign).to_xml()
    };
    for letter in ["n", "o"] {
        let read = notify::read(signed_by(&key(letter)).as_bytes(), &ours);
        assert!(matches!(read, Ok(Notice::NotPaid { .. })), "{letter}: {read:?}");
    }
    let read = notify::read(signed_by(&key("x")).as_bytes(), &ours);
    assert_eq!(read, Err(NoticeError::BadSignature(SignError::Mismatch)));
    let read = notify::read(signed_by(&key("o")).as_bytes(), &merchant(key("n"), None));
    assert_eq!(read, Err(NoticeError::BadSignature(SignError::Mismatch)));

    let refund = "<root><out_refund_no>R1</out_refund_no><refund_id>50000</refund_id>\
        <out_trade_no>BK20260315000002</out_trade_no><transaction_id>4200001235202603151234567891</transaction_id>\
        <total_fee>100</total_fee><refund_fee>100</refund_fee><refund_status>SUCCESS</refund_status></root>";
    let sealed_by = |key: &ApiKey| {
        let sealed = req_info::seal(refund.as_bytes(), key);
        Fields::from_iter([("return_code", "SUCCESS"), ("mch_id", "10000100")])
            .with("req_info", sealed)
            .to_xml()
    };
    for (letter, is_opened) in [("n", true), ("o", true), ("x", false)] {
        let read = refund_notice::read(sealed_by(&key(letter)).as_bytes(), &ours);
        assert_eq!(read.is_ok(), is_opened, "{letter}: {read:?}");
    }
}
