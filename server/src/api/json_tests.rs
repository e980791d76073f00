use axum::body::Body;
use recharge::spend::{Amount, Metadata, Reference};
use serde::Deserialize;

use super::*;
use crate::api::values::Given;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "the tests look only at whether the body is taken")]
struct Debit {
    amount: Given<Amount>,
    reference: Option<Given<Reference>>,
    metadata: Option<Given<Metadata>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "the tests look only at whether the body is taken")]
struct Batch {
    debits: Vec<Object<Debit>>,
}

async fn sent<T: DeserializeOwned>(headers: &[(&str, &str)], body: &str) -> Result<T, Problem> {
    let mut request = http::Request::post("/api/v1/debits");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    read(request.body(Body::from(body.to_owned())).unwrap(), BYTES).await
}

const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");

/// Status, pointer and what is said.
async fn refused<T: DeserializeOwned + std::fmt::Debug>(body: &str) -> (u16, String, String) {
    let problem = sent::<T>(&[JSON], body).await.expect_err(body);
    (problem.status().as_u16(), problem.pointer().to_owned(), problem.detail().to_owned())
}

#[tokio::test]
async fn an_amount_is_a_whole_number_of_fen_and_nothing_that_looks_like_one() {
    assert!(sent::<Debit>(&[JSON], r#"{"amount":1500}"#).await.is_ok());
    for amount in
        ["0", "-1", "1.0", "\"100\"", "1e3", "9007199254740992", "1e30", "null", "true", "[1]", "-0"]
    {
        let (status, pointer, said) = refused::<Debit>(&format!("{{\"amount\":{amount}}}")).await;
        assert_eq!((status, pointer.as_str()), (422, "/amount"), "{amount}: {said}");
        assert!(said.contains("such as 1500") && !said.contains(" at line "), "{amount}: {said}");
    }
}

#[tokio::test]
async fn what_is_missing_unknown_or_wrong_is_named_by_its_place() {
    for (body, pointer) in [
        ("{}", "/amount"),
        (r#"{"amount":1,"a/b~c":2}"#, "/a~1b~0c"),
        (r#"{"amount":1,"reference":""}"#, "/reference"),
        (r#"{"amount":1,"reference":"a b"}"#, "/reference"),
        (r#"{"amount":1,"reference":7}"#, "/reference"),
        (r#"{"amount":1,"metadata":{"a":{"b":1}}}"#, "/metadata"),
        (r#"{"amount":1,"metadata":[]}"#, "/metadata"),
    ] {
        let (status, found, said) = refused::<Debit>(body).await;
        assert_eq!((status, found.as_str()), (422, pointer), "{body}: {said}");
    }
    for (body, pointer) in [
        (r#"{"debits":[{"amount":1},{"amount":"1"}]}"#, "/debits/1/amount"),
        (r#"{"debits":[{}]}"#, "/debits/0/amount"),
        (r#"{"debits":[{"amount":1,"sum":1}]}"#, "/debits/0/sum"),
        ("[]", ""),
        (r#"[[]]"#, ""),
        (r#"{"debits":[[1,null,null]]}"#, "/debits/0"),
        (r#"{"debits":[{"amount":1},[]]}"#, "/debits/1"),
        ("\"debits\"", ""),
    ] {
        let (status, found, said) = refused::<Batch>(body).await;
        assert_eq!((status, found.as_str()), (422, pointer), "{body}: {said}");
    }
}

#[tokio::test]
async fn what_is_no_json_or_says_a_thing_twice_is_400() {
    for body in [
        "",
        "{",
        "{\"amount\":1}x",
        "amount=1",
        r#"{"amount":1,"amount":1}"#,
        r#"{"amount":1,"metadata":{"a":1,"a":1}}"#,
        "{\"amount\":01}",
        "{'amount':1}",
        "\u{feff}{\"amount\":1}",
    ] {
        let (status, _, said) = refused::<Debit>(body).await;
        assert_eq!(status, 400, "{body}: {said}");
    }
}

#[tokio::test]
async fn only_json_of_a_bounded_size_is_read() {
    let status = async |headers: &[(&str, &str)], body: &str| {
        sent::<Debit>(headers, body).await.map_or_else(|problem| problem.status().as_u16(), |_| 200)
    };
    let good = r#"{"amount":1}"#;
    assert_eq!(status(&[JSON], good).await, 200);
    assert_eq!(status(&[("content-type", "APPLICATION/JSON")], good).await, 200);
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        assert_eq!(status(&[("content-type", kind)], good).await, 415, "{kind}");
    }
    assert_eq!(status(&[], good).await, 415);
    assert_eq!(status(&[JSON, ("content-encoding", "gzip")], good).await, 415);
    let padded = |bytes: usize| format!("{}{}", " ".repeat(bytes - good.len()), good);
    assert_eq!(status(&[JSON], &padded(BYTES)).await, 200);
    assert_eq!(status(&[JSON], &padded(BYTES + 1)).await, 413);
}

#[tokio::test]
async fn a_long_value_is_not_said_back_in_full() {
    let (_, _, said) = refused::<Debit>(&format!("{{\"amount\":\"{}\"}}", "9".repeat(10_000))).await;
    assert!(said.len() < 400, "{said}");
}
