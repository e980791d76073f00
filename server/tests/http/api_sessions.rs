//! `POST /api/v1/sessions`: links for a site without a library for tokens.

use recharge::api_key::Scope;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::api_spend::answer;
use super::common::{Site, on_both, on_both_with};

const SETTINGS: &str = "site_url = \"https://www.example.com/me\"\npublic_url = \"https://localhost:3000\"\n\
     frame_ancestors = [\"https://shop.example.com\"]\n";

async fn asked(site: &Site, key: &str, body: &Value) -> (u16, Value) {
    answer(site.http.post(format!("{}/api/v1/sessions", site.url)).bearer_auth(key).json(body)).await
}

#[tokio::test]
async fn a_link_signs_its_user_in_for_as_long_as_was_asked() {
    on_both_with(SETTINGS, async |site| {
        let key = site.key("shop", &[Scope::SessionsWrite]).await;
        let body = json!({"user": "7", "name": "小林", "amount": 5000, "expires_in_s": 900,
            "return_url": "https://shop.example.com/cart"});
        let (status, made) = asked(&site, &key, &body).await;
        let url = made["url"].as_str().unwrap_or_else(|| panic!("{made}"));
        let path = url.strip_prefix("https://localhost:3000").unwrap();
        assert!(
            status == 201
                && path.starts_with("/?u=")
                && made["expires_at"].as_str().unwrap().ends_with("+08:00")
        );
        let led = site.get(path).send().await.unwrap();
        let cookie = led.headers()["set-cookie"].to_str().unwrap().to_owned();
        assert!(cookie.contains("; Max-Age=900;"), "{cookie}");
        let page = site.get("/").header("cookie", cookie.split(';').next().unwrap()).send().await.unwrap();
        let html = page.text().await.unwrap();
        assert!(html.contains("小林") && html.contains("https://shop.example.com/cart"), "{html}");
        // One origin may have frames, so a frame needs not say which.
        let (_, made) = asked(&site, &key, &json!({"user": "7", "embed": true})).await;
        let path = made["url"].as_str().unwrap().strip_prefix("https://localhost:3000").unwrap().to_owned();
        let led = site.get(&path).header("sec-fetch-dest", "iframe").send().await.unwrap();
        assert!(led.headers()["location"].to_str().unwrap().starts_with("/framed?u="));
    })
    .await;
}

#[tokio::test]
async fn what_is_not_right_is_named_with_an_example() {
    on_both_with(SETTINGS, async |site| {
        let key = site.key("shop", &[Scope::SessionsWrite]).await;
        for (more, pointer) in [
            (json!({"user": ""}), "/user"),
            (json!({"user": "u\u{200b}7"}), "/user"),
            (json!({"user": 7}), "/user"),
            (json!({"name": "x".repeat(129)}), "/name"),
            (json!({"amount": 0}), "/amount"),
            (json!({"amount": 150}), "/amount"),
            (json!({"amount": "5000"}), "/amount"),
            (json!({"amount": 100_000_000}), "/amount"),
            (json!({"return_url": "https://evil.example/"}), "/return_url"),
            (json!({"return_url": "/cart"}), "/return_url"),
            (json!({"embed": true, "origin": "https://evil.example"}), "/origin"),
            (json!({"origin": "https://shop.example.com"}), "/origin"),
            (json!({"expires_in_s": 59}), "/expires_in_s"),
            (json!({"expires_in_s": 86401}), "/expires_in_s"),
            (json!({"url": "x"}), "/url"),
        ] {
            let mut body = json!({"user": "7"});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let (status, problem) = asked(&site, &key, &body).await;
            assert_eq!(
                (status, &problem["errors"][0]["pointer"]),
                (422, &json!(pointer)),
                "{body} {problem}"
            );
        }
        let other = site.key("other", &[Scope::SpendWrite]).await;
        let (status, problem) = asked(&site, &other, &json!({"user": "7"})).await;
        assert_eq!((status, &problem["code"]), (403, &json!("scope")));
        assert_eq!(site.count("payer_sessions").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_site_that_is_not_named_can_neither_be_gone_back_to_nor_frame() {
    on_both(async |site| {
        let key = site.key("shop", &[Scope::SessionsWrite]).await;
        for (body, pointer) in [
            (json!({"user": "7", "return_url": "https://www.example.com/"}), "/return_url"),
            (json!({"user": "7", "embed": true}), "/embed"),
        ] {
            let (status, problem) = asked(&site, &key, &body).await;
            assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!(pointer)), "{problem}");
        }
        let (status, made) = asked(&site, &key, &json!({"user": "7"})).await;
        assert_eq!(status, 201, "{made}");
        let path = made["url"].as_str().unwrap().strip_prefix(&site.url).unwrap().to_owned();
        assert_eq!(site.get(&path).send().await.unwrap().status(), StatusCode::SEE_OTHER);
    })
    .await;
}
