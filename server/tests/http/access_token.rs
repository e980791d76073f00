//! `GET /wxpay/access-token`: one token for all programs of the site, and for nobody else.

use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::common::{Site, on_both, on_both_with, text};

const TOKEN: &str = "service-token-of-more-than-32-characters";
const ON: &str = "service_token = \"service-token-of-more-than-32-characters\"\n";

fn get(site: &Site) -> RequestBuilder {
    site.get("/wxpay/access-token").bearer_auth(TOKEN)
}

fn post(site: &Site, body: &Value) -> RequestBuilder {
    site.http.post(format!("{}/wxpay/access-token", site.url)).bearer_auth(TOKEN).json(body)
}

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn programs_share_one_token_and_it_is_not_stored_on_the_way() {
    on_both_with(ON, async |site| {
        let response = get(&site).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["cache-control"], "no-store");
        let first: Value = response.json().await.unwrap();
        assert!((7100..=7200).contains(&first["expires_in"].as_i64().unwrap()), "{first}");
        let again: Value = get(&site).send().await.unwrap().json().await.unwrap();
        assert_eq!(again["access_token"], first["access_token"]);
        // A complaint about another token changes nothing; one about this token makes a new one, once.
        let other: Value = post(&site, &json!({"bad": "other"})).send().await.unwrap().json().await.unwrap();
        assert_eq!(other["access_token"], first["access_token"]);
        let bad = json!({"bad": text(&first, "access_token")});
        let new: Value = post(&site, &bad).send().await.unwrap().json().await.unwrap();
        assert_ne!(new["access_token"], first["access_token"]);
        let late: Value = post(&site, &bad).send().await.unwrap().json().await.unwrap();
        assert_eq!(late["access_token"], new["access_token"]);
        let counts = site.http.get(format!("{}/control/weixin", site.sandbox)).send().await.unwrap();
        let counts: Value = counts.json().await.unwrap();
        assert_eq!((&counts["stable_token"], &counts["force_refresh"]), (&json!(2), &json!(1)), "{counts}");
    })
    .await;
}

#[tokio::test]
async fn nobody_else_gets_it() {
    on_both_with(ON, async |site| {
        let bare = || site.get("/wxpay/access-token");
        assert_eq!(status(bare()).await, 401);
        assert_eq!(status(bare().bearer_auth(&TOKEN[1..])).await, 401);
        assert_eq!(status(bare().bearer_auth(site.token("lin"))).await, 401);
        assert_eq!(status(get(&site).header("origin", &site.url)).await, 403);
        assert_eq!(status(get(&site).header("x-forwarded-for", "127.0.0.1")).await, 403);
        assert_eq!(status(post(&site, &json!({"bad": "x"})).header("origin", &site.url)).await, 403);
        assert_eq!(status(post(&site, &json!({"good": "x"}))).await, 400);
        let none = site.http.get(format!("{}/control/weixin", site.sandbox)).send().await.unwrap();
        assert_eq!(none.json::<Value>().await.unwrap()["stable_token"], 0);
        assert_eq!(site.count("access_tokens").await, 0);
    })
    .await;
    on_both_with(&format!("{ON}service_networks = [\"10.0.0.0/8\"]\n"), async |site| {
        assert_eq!(status(get(&site)).await, 403);
    })
    .await;
}

#[tokio::test]
async fn without_the_setting_there_is_no_such_address() {
    on_both(async |site| {
        assert_eq!(status(get(&site)).await, 404);
        assert_eq!(status(post(&site, &json!({"bad": "x"}))).await, 404);
    })
    .await;
}

#[tokio::test]
async fn wechats_refusal_says_what_to_do_and_shows_no_secret() {
    on_both_with(ON, async |site| {
        site.faults(json!({"weixin": {"token": "45009"}})).await;
        let refused = get(&site).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(refused.headers().contains_key("retry-after"));
        let error = refused.text().await.unwrap();
        assert!(error.contains("45009") && !error.contains(sandbox::APP_SECRET), "{error}");
    })
    .await;
}
