//! What the site's own program gets.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::common::{on_both, text, token};

#[tokio::test]
async fn an_order_is_answered_with_everything_a_page_needs() {
    on_both(async |site| {
        let order: Value = site.order("lin", "10").await.json().await.unwrap();
        let number = text(&order, "out_trade_no");
        assert_eq!((number.len(), &number[..2]), (32, "SM"));
        assert!(text(&order, "code_url").starts_with("weixin://"));
        assert_eq!(
            (&order["total_fee"], &order["state"], &order["poll_for_s"]),
            (&1000.into(), &"pending".into(), &200.into())
        );
        assert!((595..=600).contains(&order["expires_in_s"].as_i64().unwrap()), "{order}");
        // The same wish again is the same order with the same code.
        let again: Value = site.order("lin", "10").await.json().await.unwrap();
        assert_eq!(
            (&again["out_trade_no"], &again["code_url"]),
            (&order["out_trade_no"], &order["code_url"])
        );
        let shown = site.status("lin", &number).await;
        let wanted = json!({"out_trade_no": number, "state": "pending", "total_fee": 1000, "paid_at": null,
            "transaction_id": null, "exceptions": [], "sandbox": true});
        assert_eq!(shown, wanted);
    })
    .await;
}

#[tokio::test]
async fn every_answer_about_play_money_says_so() {
    on_both(async |site| {
        let order: Value = site.order("lin", "10").await.json().await.unwrap();
        let shown = site.status("lin", &text(&order, "out_trade_no")).await;
        let balance = site.get("/wxpay/balance").bearer_auth(site.token("lin")).send().await.unwrap();
        let refused = site.order("lin", "0").await;
        let stranger = site.get("/wxpay/balance").send().await.unwrap();
        let answers = [
            order,
            shown,
            balance.json().await.unwrap(),
            refused.json().await.unwrap(),
            stranger.json().await.unwrap(),
        ];
        for answer in answers {
            assert_eq!(answer["sandbox"], true, "{answer}");
        }
    })
    .await;
}

#[tokio::test]
async fn json_is_as_good_as_a_form() {
    on_both(async |site| {
        let body = json!({"u": site.token("lin"), "quantity": 10, "type": "NATIVE"});
        let response =
            site.http.post(format!("{}/wxpay/recharge", site.url)).json(&body).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_ordered_is_refused_and_leaves_no_order() {
    on_both(async |site| {
        for quantity in ["0", "-1", "0.001", "1e9", "１０", "5001", "1000000000", "", " 10", "10,0", "NaN"]
        {
            let response = site.order("lin", quantity).await;
            assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{quantity}");
            let error: Value = response.json().await.unwrap();
            assert_eq!(error["code"], "quantity", "{error}");
            assert!(!text(&error, "message").is_empty());
        }
        let good = site.token("lin");
        for (form, status) in [
            (vec![("u", good.as_str())], 422),
            (vec![("u", &good), ("quantity", "10"), ("type", "CASH")], 400),
            (vec![("u", &good), ("quantity", "10"), ("type", "JSAPI")], 400),
            (vec![("u", &good), ("quantity", "10"), ("total_fee", "1")], 400),
            (vec![("quantity", "10")], 401),
            (vec![("u", "rubbish"), ("quantity", "10")], 401),
        ] {
            let request = site.http.post(format!("{}/wxpay/recharge", site.url)).form(&form);
            let response = request.send().await.unwrap();
            assert_eq!(response.status().as_u16(), status, "{form:?}");
            let error: Value = response.json().await.unwrap();
            assert!(error["code"].is_string() && error["message"].is_string(), "{error}");
        }
        for (kind, body, status) in [
            ("text/plain", "x".to_owned(), 415),
            ("application/json", "{".to_owned(), 400),
            ("application/json", "x".repeat(20_000), 413),
        ] {
            let request = site
                .http
                .post(format!("{}/wxpay/recharge", site.url))
                .header("content-type", kind)
                .body(body);
            assert_eq!(request.send().await.unwrap().status().as_u16(), status, "{kind}");
        }
        assert_eq!(site.count("orders").await, 0);
    })
    .await;
}

#[tokio::test]
async fn an_expired_or_foreign_token_is_refused() {
    on_both(async |site| {
        let foreign = server::user_token::UserTokens::new(b"another secret of more than 32 bytes")
            .issue(&recharge::User::new("lin", "lin").unwrap(), wxpay::UnixMillis::now(), 60)
            .unwrap();
        for bad in [token("lin", -1), foreign] {
            let form = [("u", bad.as_str()), ("quantity", "10")];
            let order =
                site.http.post(format!("{}/wxpay/recharge", site.url)).form(&form).send().await.unwrap();
            let balance = site.get("/wxpay/balance").bearer_auth(&bad).send().await.unwrap();
            assert_eq!((order.status().as_u16(), balance.status().as_u16()), (401, 401));
        }
        assert_eq!(site.get("/wxpay/balance").send().await.unwrap().status(), 401);
        assert_eq!(site.count("orders").await, 0);
    })
    .await;
}

#[tokio::test]
async fn somebody_elses_order_looks_like_none() {
    on_both(async |site| {
        let (number, _) = site.placed("lin", "10").await;
        let answer = async |number: &str| {
            let request = site.get(&format!("/wxpay/recharge/{number}")).bearer_auth(site.token("wang"));
            let response = request.send().await.unwrap();
            (response.status().as_u16(), response.text().await.unwrap())
        };
        let unknown = answer("SM20260315100000AAAAAAAAAAAAAAAA").await;
        assert_eq!(unknown.0, 404);
        assert_eq!(answer(&number).await, unknown);
        assert_eq!(answer("x").await, unknown);
    })
    .await;
}

#[tokio::test]
async fn open_orders_are_capped() {
    on_both(async |site| {
        for quantity in ["1", "2", "3", "4", "5"] {
            site.placed("lin", quantity).await;
        }
        let sixth = site.order("lin", "6").await;
        assert_eq!(sixth.status(), StatusCode::CONFLICT);
        assert_eq!(sixth.json::<Value>().await.unwrap()["code"], "too_many_open");
        // The open ones are still answered.
        assert_eq!(site.order("lin", "5").await.status(), StatusCode::OK);
        assert_eq!(site.order("wang", "6").await.status(), StatusCode::OK);
    })
    .await;
}

#[tokio::test]
async fn a_program_that_orders_without_end_is_slowed_down() {
    on_both(async |site| {
        let mut slowed = None;
        for _ in 0..60 {
            let response = site.order("lin", "10").await;
            if response.status() == StatusCode::TOO_MANY_REQUESTS {
                slowed = Some(response);
                break;
            }
        }
        let slowed = slowed.expect("sixty orders in a moment were all taken");
        assert!(slowed.headers().contains_key("retry-after"));
        assert_eq!(site.count("orders").await, 1);
    })
    .await;
}
