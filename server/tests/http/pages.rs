//! What a browser gets, and what other sites' pages do not get.

use reqwest::{Response, StatusCode};
use serde_json::Value;

use super::common::{Site, on_both, token};
use super::operators;

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_payer_without_script_orders_scans_and_sees_it_paid() {
    on_both(async |site| {
        let page = site.get("/").send().await.unwrap();
        assert_eq!(page.status(), StatusCode::OK);
        let html = page.text().await.unwrap();
        assert!(html.contains("data-kind=\"pay\""), "{html}");
        let ordered = site.post("/recharge", &[("quantity", "10")]).send().await.unwrap();
        assert_eq!(ordered.status(), StatusCode::SEE_OTHER);
        let path = header(&ordered, "location").to_owned();
        assert!(path.starts_with("/pay/SM"), "{path}");
        let html = site.get(&path).send().await.unwrap().text().await.unwrap();
        assert!(html.contains("<svg class=\"qr\""), "{html}");
        let scan = html.split("/scan?code_url=").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let code_url = scan.replace("%3A", ":").replace("%2F", "/").replace("%3F", "?").replace("%3D", "=");
        site.pay(&code_url, &[]).await;
        let mut html = String::new();
        for _ in 0..50 {
            html = site.get(&path).send().await.unwrap().text().await.unwrap();
            if !html.contains("<svg class=\"qr\"") {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        assert!(html.contains("data-state=\"paid\""), "{html}");
    })
    .await;
}

#[tokio::test]
async fn a_title_and_a_text_field_show_their_text_and_nothing_else() {
    on_both(async |site| {
        let cookie = operators::cookie(&site).await;
        let (number, _) = site.placed("lin", "10").await;
        let typed = format!("/admin/orders/{number}?text=%3C%2Ftextarea%3E%26");
        for (path, shown) in
            [("/?lang=zh", "<title>充值 · Saoma</title>"), (&typed, ">&lt;/textarea&gt;&amp;</textarea>")]
        {
            let html = site.get(path).header("cookie", &cookie).send().await.unwrap().text().await.unwrap();
            assert!(html.contains(shown), "{path}: {html}");
        }
    })
    .await;
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_protect_it() {
    on_both(async |site| {
        let page = site.get("/").send().await.unwrap();
        let policy = header(&page, "content-security-policy");
        for part in [
            "default-src 'none'",
            "'nonce-",
            "'wasm-unsafe-eval'",
            "frame-ancestors 'none'",
            "form-action 'self'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        // WeChat's bridge for JSAPI payments speaks through frames; the desk has no need of any.
        assert!(policy.contains("frame-src weixin:;"), "{policy}");
        let desk = site.get("/admin/login").send().await.unwrap();
        let desk = header(&desk, "content-security-policy");
        assert!(desk.contains("default-src 'none'") && !desk.contains("frame-src"), "{desk}");
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"), "{policy}");
        for path in ["/", "/wxpay/balance", "/nothing", "/healthz"] {
            let response = site.get(path).send().await.unwrap();
            assert_eq!(header(&response, "x-content-type-options"), "nosniff", "{path}");
            // A page of a payer names its origin, because WeChat refuses H5 payments that come from nowhere.
            let referrer = if path == "/" { "strict-origin" } else { "same-origin" };
            assert_eq!(header(&response, "referrer-policy"), referrer, "{path}");
            assert_eq!(header(&response, "cache-control"), "no-store", "{path}");
            assert!(
                header(&response, "content-security-policy").contains("frame-ancestors 'none'"),
                "{path}"
            );
        }
        assert_eq!(site.get("/nothing").send().await.unwrap().status(), StatusCode::NOT_FOUND);
    })
    .await;
}

#[tokio::test]
async fn each_page_has_a_nonce_of_its_own() {
    on_both(async |site| {
        let policy =
            async || header(&site.get("/").send().await.unwrap(), "content-security-policy").to_owned();
        assert_ne!(policy().await, policy().await);
    })
    .await;
}

#[tokio::test]
async fn another_sites_page_changes_nothing() {
    on_both(async |site| {
        let body = serde_json::json!({"quantity": 10});
        for path in [
            "/recharge",
            "/api/create_order",
            "/switch",
            "/logout",
            "/admin/login",
            "/admin/logout",
            "/theme",
        ] {
            for (name, value) in [
                ("origin", "https://evil.example"),
                ("origin", "null"),
                ("origin", site.sandbox.as_str()),
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-site", "same-site"),
                ("x-nothing", "1"),
            ] {
                let request = site.http.post(format!("{}{path}", site.url)).header(name, value).json(&body);
                assert_eq!(
                    request.send().await.unwrap().status(),
                    StatusCode::FORBIDDEN,
                    "{path} {name}: {value}"
                );
            }
        }
        assert_eq!(site.count("orders").await, 0);
    })
    .await;
}

#[tokio::test]
async fn only_our_own_host_is_served() {
    on_both(async |site| {
        let response = site.get("/").header("host", "rebound.example").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::MISDIRECTED_REQUEST);
        // A notice comes through whatever name the proxy wrote.
        let request = site.http.post(format!("{}/wxpay/notify", site.url)).header("host", "inner").body("x");
        assert!(request.send().await.unwrap().text().await.unwrap().contains("FAIL"));
    })
    .await;
}

#[tokio::test]
async fn server_functions_are_posts_with_an_answer_for_everything() {
    on_both(async |site| {
        let call = async |name: &str, body: Value| {
            let request =
                site.http.post(format!("{}/api/{name}", site.url)).header("origin", &site.url).json(&body);
            let response = request.send().await.unwrap();
            (response.status().as_u16(), response.json::<Value>().await.unwrap_or_default())
        };
        let (status, order) = call("create_order", serde_json::json!({"quantity": 10})).await;
        assert_eq!(
            (status, &order["state"], &order["total_fee"]),
            (200, &"pending".into(), &1000.into()),
            "{order}"
        );
        let (status, polled) =
            call("order_status", serde_json::json!({"out_trade_no": order["out_trade_no"], "t": null})).await;
        assert_eq!((status, &polled["code_url"]), (200, &order["code_url"]), "{polled}");
        for quantity in [serde_json::json!(0), serde_json::json!(5001)] {
            assert_eq!(
                call("create_order", serde_json::json!({"quantity": quantity})).await.0,
                422,
                "{quantity}"
            );
        }
        for body in [
            serde_json::json!({"quantity": -1}),
            serde_json::json!({"quantity": 0.001}),
            serde_json::json!({}),
        ] {
            assert_eq!(call("create_order", body.clone()).await.0, 400, "{body}");
        }
        assert_eq!(
            site.get("/api/create_order").send().await.unwrap().status(),
            StatusCode::METHOD_NOT_ALLOWED
        );
        assert_eq!(site.count("orders").await, 1);
    })
    .await;
}

/// The cookie of a signed-in user, as the browser sends it back.
async fn signed_in(site: &Site, user: &str) -> String {
    let response = site.get(&format!("/?lang=en&u={}", token(user, 600))).send().await.unwrap();
    assert_eq!((response.status(), header(&response, "location")), (StatusCode::SEE_OTHER, "/?lang=en"));
    let cookie = header(&response, "set-cookie");
    assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_token_in_the_address_becomes_a_cookie() {
    on_both(async |site| {
        let cookie = signed_in(&site, "lin-7").await;
        let html = site.get("/").header("cookie", &cookie).send().await.unwrap().text().await.unwrap();
        assert!(html.contains("lin-7"), "{html}");
        let balance = site.get("/wxpay/balance").header("cookie", &cookie).send().await.unwrap();
        assert_eq!(balance.json::<Value>().await.unwrap()["user"], "lin-7");
    })
    .await;
}

#[tokio::test]
async fn where_somebody_else_is_signed_in_it_asks_first() {
    on_both(async |site| {
        let cookie = signed_in(&site, "lin-7").await;
        let other = token("wang-8", 600);
        let led = site.get(&format!("/?lang=en&u={other}")).header("cookie", &cookie).send().await.unwrap();
        assert_eq!((led.status(), header(&led, "location")), (StatusCode::SEE_OTHER, "/switch?lang=en"));
        let kept = header(&led, "set-cookie");
        assert!(kept.starts_with("saoma_switch=") && kept.contains("; HttpOnly;"), "{kept}");
        assert!(kept.contains("; Max-Age=300;"), "{kept}");
        let both = format!("{cookie}; {}", kept.split(';').next().unwrap());
        // Its address has no token, and neither has the page.
        let asked = site.get("/switch?lang=en").header("cookie", &both).send().await.unwrap();
        assert_eq!(asked.status(), StatusCode::OK);
        let html = asked.text().await.unwrap();
        assert!(
            html.contains("action=\"/switch\"") && html.contains("lin-7") && html.contains("wang-8"),
            "{html}"
        );
        assert!(!html.contains(&other), "{html}");
        let answered = async |answer: &str| {
            let form = site.post("/switch", &[("answer", answer)]).header("cookie", &both);
            let response = form.send().await.unwrap();
            assert_eq!((response.status(), header(&response, "location")), (StatusCode::SEE_OTHER, "/"));
            let cookies = response.headers().get_all("set-cookie").iter();
            cookies.map(|cookie| cookie.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let no = answered("no").await;
        assert!(no.len() == 1 && no[0].starts_with("saoma_switch=;"), "{no:?}");
        let yes = answered("").await;
        assert_eq!(yes.len(), 2, "{yes:?}");
        let cookie = yes[0].split(';').next().unwrap().to_owned();
        let balance = site.get("/wxpay/balance").header("cookie", &cookie).send().await.unwrap();
        assert_eq!(balance.json::<Value>().await.unwrap()["user"], "wang-8");
        // Without the question there is nothing to answer.
        let later = site.get("/switch").header("cookie", &cookie).send().await.unwrap();
        assert_eq!(header(&later, "location"), "/");
    })
    .await;
}

#[tokio::test]
async fn a_payer_signs_out() {
    on_both(async |site| {
        let cookie = signed_in(&site, "lin-7").await;
        let page = site.get("/").header("cookie", &cookie).send().await.unwrap().text().await.unwrap();
        assert!(page.contains("action=\"/logout\""), "{page}");
        let out = site.post("/logout", &[]).header("cookie", &cookie).send().await.unwrap();
        assert_eq!((out.status(), header(&out, "location")), (StatusCode::SEE_OTHER, "/"));
        assert!(header(&out, "set-cookie").starts_with("saoma_user=; Path=/; Max-Age=0;"));
        // The demo user has nothing to sign out of.
        assert!(!site.get("/").send().await.unwrap().text().await.unwrap().contains("action=\"/logout\""));
    })
    .await;
}

#[tokio::test]
async fn a_bad_link_signs_nobody_in_and_shows_nobody() {
    on_both(async |site| {
        let cookie = signed_in(&site, "lin-7").await;
        let response = site.get("/?u=rubbish").header("cookie", &cookie).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert!(!response.text().await.unwrap().contains("lin-7"));
    })
    .await;
}

#[tokio::test]
async fn somebody_elses_order_page_looks_like_an_unknown_one() {
    on_both(async |site| {
        let (number, _) = site.placed("lin-7", "10").await;
        let cookie = signed_in(&site, "wang-8").await;
        let page = async |number: &str| {
            let response =
                site.get(&format!("/pay/{number}")).header("cookie", &cookie).send().await.unwrap();
            (response.status(), response.text().await.unwrap().contains(number))
        };
        assert_eq!(page(&number).await, page("SM20260315100000AAAAAAAAAAAAAAAA").await);
        assert_eq!(page(&number).await.0, StatusCode::NOT_FOUND);
    })
    .await;
}

#[tokio::test]
async fn the_health_addresses_answer_and_metrics_hide_behind_proxies() {
    on_both(async |site| {
        for path in ["/healthz", "/readyz", "/metrics"] {
            assert_eq!(site.get(path).send().await.unwrap().status(), StatusCode::OK, "{path}");
        }
        let forwarded = site.get("/metrics").header("x-forwarded-for", "198.51.100.7").send().await.unwrap();
        assert_eq!(forwarded.status(), StatusCode::NOT_FOUND);
    })
    .await;
}

#[tokio::test]
async fn a_stop_ends_everything_in_time() {
    on_both(async |site| {
        site.get("/").send().await.unwrap();
        let (url, http) = (site.url.clone(), site.http.clone());
        tokio::time::timeout(std::time::Duration::from_secs(12), site.running.stop())
            .await
            .expect("it did not stop");
        assert!(http.get(format!("{url}/healthz")).send().await.is_err());
    })
    .await;
}
