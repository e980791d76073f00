//! `/api/v1` for everybody but a program with a good key: each registered route, and each way to bring a key wrongly.

use std::time::Duration;

use app::access::Caller;
use recharge::{
    api_key::{NewKey, Scope},
    audit::Acting,
};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use wxpay::{Fen, UnixMillis};

use super::common::{Site, on_both, text};

fn me(site: &Site) -> RequestBuilder {
    site.get("/api/v1/me")
}

/// The status and what the problem says: each error of `/api/v1` is one.
async fn problem(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let body = response.text().await.unwrap();
    assert!(
        status >= 400 && headers["content-type"] == "application/problem+json",
        "{status} {headers:?} {body}"
    );
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers.contains_key("www-authenticate"), status == 401, "{body}");
    let problem: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(problem["status"], status);
    let code = text(&problem, "code");
    assert!(text(&problem, "type").ends_with(&format!("/api#{code}")), "{problem}");
    assert!(!text(&problem, "title").is_empty() && !text(&problem, "detail").is_empty(), "{problem}");
    (status, problem)
}

async fn refused(request: RequestBuilder) -> (u16, String) {
    let (status, problem) = problem(request).await;
    (status, text(&problem, "code"))
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn a_key_says_what_it_is() {
    on_both(async |site| {
        let new = NewKey {
            name: "forum".to_owned(),
            scopes: [Scope::SpendWrite, Scope::BalancesRead].into(),
            networks: vec!["127.0.0.0/8".parse().unwrap()],
            max_amount: Some(Fen::new(5000)),
            expires_at: Some(UnixMillis::now().plus_ms(3_600_000)),
        };
        let key = site.key_of(new).await;
        let response = me(&site).bearer_auth(&key).send().await.unwrap();
        assert_eq!(
            (response.status(), &response.headers()["cache-control"]),
            (StatusCode::OK, &"no-store".parse().unwrap())
        );
        let answer: Value = response.json().await.unwrap();
        let told = &answer["key"];
        assert_eq!((&answer["mode"], &told["name"]), (&json!("sandbox"), &json!("forum")), "{answer}");
        assert_eq!(told["scopes"], json!(["balances:read", "spend:write"]));
        assert_eq!((&told["networks"], &told["max_amount"]), (&json!(["127.0.0.0/8"]), &json!(5000)));
        assert!(text(told, "expires_at").ends_with("+08:00") && text(&answer, "now").ends_with("+08:00"));
        assert!(key.starts_with(&format!("saoma_test_{}_", text(told, "id"))));
        assert!(!answer.to_string().contains(key.rsplit_once('_').unwrap().1));
    })
    .await;
}

#[tokio::test]
async fn no_route_lets_anybody_in_without_a_key_that_allows_it_or_from_a_page() {
    on_both(async |site| {
        let every = site.key("every", &Scope::ALL).await;
        let mut walked = 0;
        for route in server::router::register() {
            let Caller::Key(scope) = route.caller else { continue };
            walked += 1;
            let path = route.path.replace('{', "x").replace('}', "");
            let call = || site.http.request(route.method.clone(), format!("{}{path}", site.url));
            let codes = match path.starts_with("/api/v1/") {
                true => ["api_key", "key_in_browser", "scope"],
                false => ["token", "origin", "scope"],
            };
            let lacks = Scope::ALL.into_iter().filter(|one| Some(*one) != scope).collect::<Vec<_>>();
            let lacks = site.key(&format!("lacks{walked}"), &lacks).await;
            let mut cases = vec![
                (call(), 401, codes[0]),
                (call().bearer_auth(site.token("lin")), 401, codes[0]),
                (call().header("cookie", "saoma_admin=00000000000000000000000000000000"), 401, codes[0]),
                (call().bearer_auth(&every).header("origin", &site.url), 403, codes[1]),
                (call().bearer_auth(&every).header("origin", "null"), 403, codes[1]),
            ];
            if scope.is_some() {
                cases.push((call().bearer_auth(&lacks), 403, codes[2]));
            }
            for (request, status, code) in cases {
                let response = request.send().await.unwrap();
                let found = response.status().as_u16();
                let body: Value = response.json().await.unwrap();
                assert_eq!(
                    (found, body["code"].as_str()),
                    (status, Some(code)),
                    "{} {path}: {body}",
                    route.method
                );
            }
        }
        assert!(walked > 5, "{walked}");
        for table in ["orders", "ledger", "static_codes", "access_tokens"] {
            assert_eq!(site.count(table).await, 0, "{table}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_key_counts_in_one_header_only_and_while_it_counts() {
    on_both(async |site| {
        let key = site.key("forum", &[Scope::BalancesRead]).await;
        for (name, value) in [
            ("authorization", key.clone()),
            ("authorization", format!("Basic {key}")),
            ("authorization", format!("Bearer {}", &key[..key.len() - 1])),
            ("authorization", format!("Bearer {key}x")),
            ("authorization", format!("Bearer {}", key.replace("test", "live"))),
            ("x-api-key", key.clone()),
            ("cookie", format!("saoma={key}")),
        ] {
            assert_eq!(refused(me(&site).header(name, value)).await, is(401, "api_key"), "{name}");
        }
        let twice = me(&site).bearer_auth(&key).bearer_auth(&key);
        assert_eq!(refused(twice).await, is(401, "api_key"));
        // In the address it is in logs: also where it is in the header as well.
        for query in ["key", "access_token", "api_key"] {
            let (status, problem) =
                problem(site.get(&format!("/api/v1/me?{query}={key}")).bearer_auth(&key)).await;
            assert!(status == 401 && text(&problem, "detail").contains("in the header"), "{problem}");
        }
        assert_eq!(me(&site).bearer_auth(&key).send().await.unwrap().status(), StatusCode::OK);
        let by = Acting::operator("console", "console");
        site.keys().await.revoke("forum", None, &by, UnixMillis::now()).await.unwrap();
        let mut left = 60;
        while me(&site).bearer_auth(&key).send().await.unwrap().status() == StatusCode::OK {
            left -= 1;
            assert!(left > 0, "a key that another process has revoked still counts after 6 s");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(refused(me(&site).bearer_auth(&key)).await, is(401, "api_key"));
    })
    .await;
}

#[tokio::test]
async fn a_key_with_networks_is_used_from_these_alone() {
    on_both(async |site| {
        let of = |name: &str, network: &str| NewKey {
            name: name.to_owned(),
            scopes: [Scope::BalancesRead].into(),
            networks: vec![network.parse().unwrap()],
            max_amount: None,
            expires_at: None,
        };
        let here = site.key_of(of("here", "127.0.0.0/8")).await;
        let there = site.key_of(of("there", "10.0.0.0/8")).await;
        assert_eq!(me(&site).bearer_auth(&here).send().await.unwrap().status(), StatusCode::OK);
        assert_eq!(refused(me(&site).bearer_auth(&there)).await, is(403, "network"));
        // A proxy that the settings do not name may stand before anybody.
        let behind = me(&site).bearer_auth(&here).header("x-forwarded-for", "127.0.0.1");
        assert_eq!(refused(behind).await, is(403, "network"));
    })
    .await;
}

#[tokio::test]
async fn an_address_or_method_that_there_is_not_is_a_problem_and_no_page() {
    on_both(async |site| {
        for path in ["/api/v1", "/api/v1/", "/api/v1/moon", "/api/v1/me/x"] {
            for method in [Method::GET, Method::POST, Method::DELETE] {
                let request = site.http.request(method, format!("{}{path}", site.url));
                assert_eq!(refused(request).await, is(404, "not_found"), "{path}");
            }
        }
        for method in [Method::POST, Method::OPTIONS, Method::DELETE] {
            let request = site.http.request(method, format!("{}/api/v1/me", site.url));
            let response = request.try_clone().unwrap().send().await.unwrap();
            assert_eq!(response.headers()["allow"], "GET,HEAD");
            assert!(!response.headers().contains_key("access-control-allow-origin"));
            assert_eq!(refused(request).await, is(405, "method_not_allowed"));
        }
    })
    .await;
}
