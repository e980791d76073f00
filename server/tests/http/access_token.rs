//! `GET /wxpay/access-token`: one token for all programs of the site, and for nobody else.

use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

use recharge::api_key::{NewKey, Scope};

use super::common::{Site, on_both, text};

/// A site and a key that gets the token there.
struct Program {
    site: Site,
    key: String,
}

impl Program {
    async fn of(site: Site) -> Program {
        let key = site.key("program", &[Scope::WechatTokenRead]).await;
        Program { site, key }
    }

    fn get(&self) -> RequestBuilder {
        self.site.get("/wxpay/access-token").bearer_auth(&self.key)
    }

    fn post(&self, body: &Value) -> RequestBuilder {
        self.site.http.post(format!("{}/wxpay/access-token", self.site.url)).bearer_auth(&self.key).json(body)
    }
}

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn programs_share_one_token_and_it_is_not_stored_on_the_way() {
    on_both(async |site| {
        let program = Program::of(site).await;
        let response = program.get().send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["cache-control"], "no-store");
        let first: Value = response.json().await.unwrap();
        assert!((7100..=7200).contains(&first["expires_in"].as_i64().unwrap()), "{first}");
        let again: Value = program.get().send().await.unwrap().json().await.unwrap();
        assert_eq!(again["access_token"], first["access_token"]);
        // A complaint about another token changes nothing; one about this token makes a new one, once.
        let other: Value = program.post(&json!({"bad": "other"})).send().await.unwrap().json().await.unwrap();
        assert_eq!(other["access_token"], first["access_token"]);
        let bad = json!({"bad": text(&first, "access_token")});
        let new: Value = program.post(&bad).send().await.unwrap().json().await.unwrap();
        assert_ne!(new["access_token"], first["access_token"]);
        let late: Value = program.post(&bad).send().await.unwrap().json().await.unwrap();
        assert_eq!(late["access_token"], new["access_token"]);
        let counts =
            program.site.http.get(format!("{}/control/weixin", program.site.sandbox)).send().await.unwrap();
        let counts: Value = counts.json().await.unwrap();
        assert_eq!((&counts["stable_token"], &counts["force_refresh"]), (&json!(2), &json!(1)), "{counts}");
    })
    .await;
}

#[tokio::test]
async fn nobody_else_gets_it() {
    on_both(async |site| {
        let program = Program::of(site).await;
        let site = &program.site;
        let bare = || site.get("/wxpay/access-token");
        assert_eq!(status(bare()).await, 401);
        assert_eq!(status(bare().bearer_auth(&program.key[1..])).await, 401);
        assert_eq!(status(bare().bearer_auth(site.token("lin"))).await, 401);
        assert_eq!(status(program.get().header("origin", &site.url)).await, 403);
        assert_eq!(status(program.post(&json!({"bad": "x"})).header("origin", &site.url)).await, 403);
        assert_eq!(status(program.post(&json!({"good": "x"}))).await, 400);
        let none = site.http.get(format!("{}/control/weixin", site.sandbox)).send().await.unwrap();
        assert_eq!(none.json::<Value>().await.unwrap()["stable_token"], 0);
        assert_eq!(site.count("access_tokens").await, 0);
    })
    .await;
    on_both(async |site| {
        let other = site.key("other", &[Scope::StaticCodesWrite]).await;
        let refused = site.get("/wxpay/access-token").bearer_auth(other).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
        let error: Value = refused.json().await.unwrap();
        let wanted =
            json!({"code": "scope", "message": "the key lacks the scope wechat_token:read", "sandbox": true});
        assert_eq!(error, wanted, "in the form of /wxpay/*");
        let of = |name: &str, network: &str| NewKey {
            name: name.to_owned(),
            scopes: [Scope::WechatTokenRead].into(),
            networks: vec![network.parse().unwrap()],
            max_amount: None,
            expires_at: None,
        };
        let (here, there) = (of("here", "127.0.0.0/8"), of("there", "10.0.0.0/8"));
        let (here, there) = (site.key_of(here).await, site.key_of(there).await);
        let with = |key: &str| site.get("/wxpay/access-token").bearer_auth(key);
        assert_eq!(status(with(&here)).await, 200);
        assert_eq!(status(with(&there)).await, 403);
        assert_eq!(status(with(&here).header("x-forwarded-for", "127.0.0.1")).await, 403);
    })
    .await;
}

#[tokio::test]
async fn wechats_refusal_says_what_to_do_and_shows_no_secret() {
    on_both(async |site| {
        let program = Program::of(site).await;
        program.site.faults(json!({"weixin": {"token": "45009"}})).await;
        let refused = program.get().send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(refused.headers().contains_key("retry-after"));
        let error = refused.text().await.unwrap();
        assert!(error.contains("45009") && !error.contains(sandbox::APP_SECRET), "{error}");
    })
    .await;
}
