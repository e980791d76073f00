//! Errors of `/wxpay/*`, byte for byte: programs have read them since before `/api/v1`, and their form never changes.

use recharge::api_key::Scope;

use super::common::{on_both, on_both_with};

const BAD_TOKEN: &str = r#"{"code":"token","message":"the user token u is missing, expired or not signed for this site","sandbox":true}"#;

#[tokio::test]
async fn each_error_is_written_as_it_always_was() {
    on_both(async |site| {
        let recharge = |kind: &'static str, body: String| {
            site.http.post(format!("{}/wxpay/recharge", site.url)).header("content-type", kind).body(body)
        };
        let (form, u) = ("application/x-www-form-urlencoded", site.token("lin"));
        let key = site.key("program", &[Scope::StaticCodesWrite]).await;
        let codes = |body: &'static str| {
            site.http.post(format!("{}/wxpay/static-codes", site.url)).bearer_auth(&key).body(body)
        };
        let table = [
            (site.get("/wxpay/balance"), 401, BAD_TOKEN),
            (recharge(form, "quantity=10".to_owned()), 401, BAD_TOKEN),
            (
                recharge(form, format!("u={u}&quantity=0")),
                422,
                r#"{"code":"quantity","message":"quantity must be from 1 to 5000 units","sandbox":true}"#,
            ),
            (
                recharge(form, format!("u={u}")),
                422,
                r#"{"code":"quantity","message":"quantity is missing","sandbox":true}"#,
            ),
            (
                recharge(form, format!("u={u}&quantity=1&quantity=2")),
                400,
                r#"{"code":"bad_request","message":"duplicate field `quantity`","sandbox":true}"#,
            ),
            (
                recharge(form, format!("u={u}&quantity=10&type=CASH")),
                400,
                r#"{"code":"bad_type","message":"type must be NATIVE, JSAPI, MWEB (or H5) or APP","sandbox":true}"#,
            ),
            (
                recharge(form, format!("u={u}&quantity=10&openid=o")),
                400,
                r#"{"code":"openid","message":"openid goes with type JSAPI only","sandbox":true}"#,
            ),
            (
                recharge(form, format!("u={u}&quantity=10&type=MWEB")),
                400,
                r#"{"code":"client_ip","message":"type MWEB needs client_ip: the payer's own IPv4 or IPv6 address","sandbox":true}"#,
            ),
            (
                recharge("text/plain", String::new()),
                415,
                r#"{"code":"content_type","message":"send application/json or application/x-www-form-urlencoded","sandbox":true}"#,
            ),
            (
                recharge(form, "x".repeat(17_000)),
                413,
                r#"{"code":"too_large","message":"the body must have at most 16 KiB","sandbox":true}"#,
            ),
            (
                recharge(form, format!("u={u}&quantity=10")).header("idempotency-key", "a").header("idempotency-key", "b"),
                400,
                r#"{"code":"idempotency_key","message":"Idempotency-Key must be given once","sandbox":true}"#,
            ),
            (
                site.get("/wxpay/recharge/SM1").bearer_auth(&u),
                404,
                r#"{"code":"not_found","message":"there is no such order","sandbox":true}"#,
            ),
            (
                codes(r#"{"user":"","quantity":10}"#),
                422,
                r#"{"code":"user","message":"user id must be 1 to 64 bytes without control or invisible characters","sandbox":true}"#,
            ),
        ];
        for (request, status, wanted) in table {
            let response = request.send().await.unwrap();
            assert_eq!(response.headers()["content-type"], "application/json");
            let found = response.status().as_u16();
            assert_eq!((response.text().await.unwrap().as_str(), found), (wanted, status));
        }
    })
    .await;
}

#[tokio::test]
async fn an_error_that_has_an_order_names_it_at_the_end() {
    on_both_with("max_open_orders = 1\n", async |site| {
        site.placed("lin", "10").await;
        let response = site.order("lin", "20").await;
        assert_eq!(response.status(), 409);
        let body = response.text().await.unwrap();
        assert!(
            body.starts_with(r#"{"code":"too_many_open","message":""#)
                && body.ends_with(r#"","sandbox":true}"#),
            "{body}"
        );
        site.faults(serde_json::json!({"answer": "SYSTEMERROR"})).await;
        let response = site.order("chen", "30").await;
        let (status, later) = (response.status(), response.headers().contains_key("retry-after"));
        let body = response.text().await.unwrap();
        assert!(status == 503 && later, "{status} {body}");
        let error: serde_json::Value = serde_json::from_str(&body).unwrap();
        let keys: Vec<_> = error.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["code", "message", "out_trade_no", "sandbox"]);
    })
    .await;
}
