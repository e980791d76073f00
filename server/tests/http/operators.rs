//! Signing in at the desk, and what nobody else gets there.

use reqwest::StatusCode;

use super::common::{PASSWORD, Site, on_both, on_both_with, paid, signed};

async fn sign_in(site: &Site, name: &str, password: &str) -> reqwest::Response {
    site.post("/admin/login", &[("name", name), ("password", password), ("next", "/admin/orders")])
        .send()
        .await
        .unwrap()
}

pub async fn cookie(site: &Site) -> String {
    let response = sign_in(site, "admin", PASSWORD).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.headers()["location"], "/admin/orders");
    let cookie = response.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("saoma_admin=") && cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn an_operator_signs_in_finds_the_order_and_signs_out() {
    on_both(async |site| {
        let (number, _) = site.placed("lin", "10").await;
        let cookie = cookie(&site).await;
        let list = site.get("/admin/orders").header("cookie", &cookie).send().await.unwrap();
        assert_eq!(list.status(), StatusCode::OK);
        assert!(list.text().await.unwrap().contains(&number));
        let one =
            site.get(&format!("/admin/orders/{number}")).header("cookie", &cookie).send().await.unwrap();
        assert_eq!(one.status(), StatusCode::OK);
        let out = site.post("/admin/logout", &[]).header("cookie", &cookie).send().await.unwrap();
        assert_eq!(
            (out.status(), &out.headers()["location"]),
            (StatusCode::SEE_OTHER, &"/admin/login".parse().unwrap())
        );
        let after = site.get("/admin/orders").header("cookie", &cookie).send().await.unwrap();
        assert_ne!(after.status(), StatusCode::OK);
    })
    .await;
}

#[tokio::test]
async fn money_without_an_order_is_listed_and_shown_with_its_evidence() {
    on_both(async |site| {
        let number = "SM20260315100000AAAAAAAAAAAAAAAA";
        site.notice(signed(paid(number, "1234"))).await;
        let cookie = cookie(&site).await;
        let get = async |path: String| {
            let page = site.get(&path).header("cookie", &cookie).send().await.unwrap();
            (page.status(), page.text().await.unwrap())
        };
        for (query, listed) in [
            ("exception=unknown_order", true),
            ("exception=any", true),
            ("q=SM2026031510", true),
            ("exception=duplicate", false),
            ("", false),
        ] {
            let (status, page) = get(format!("/admin/orders?{query}")).await;
            assert_eq!((status, page.contains(number)), (StatusCode::OK, listed), "{query}");
        }
        let (status, page) = get(format!("/admin/orders/{number}")).await;
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains("12.34") && page.contains("time_end"), "{page}");
        assert!(!page.contains("oUpF8"), "the payer is not shown");
        let (status, _) = get("/admin/orders/SM20260315100000BBBBBBBBBBBBBBBB".to_owned()).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
    })
    .await;
}

#[tokio::test]
async fn nobody_else_sees_the_desk() {
    on_both(async |site| {
        let (number, _) = site.placed("lin", "10").await;
        let order = format!("/admin/orders/{number}");
        for path in [
            "/admin",
            "/admin/orders",
            "/admin/exceptions",
            &order,
            &format!("{order}/refund?amount=1&reason=x"),
        ] {
            for cookie in ["", "saoma_admin=00000000000000000000000000000000", "saoma_admin=admin"] {
                let response = site.get(path).header("cookie", cookie).send().await.unwrap();
                assert!(!response.status().is_success(), "{path} {cookie}: {}", response.status());
                assert!(!response.text().await.unwrap().contains("lin"), "{path}");
            }
        }
        let actions =
            ["ask", "close", "note", "refund", "settle", "refunds/RF1/hurry", "refunds/RF1/withdraw"];
        let form = [
            ("text", "x"),
            ("amount", "1"),
            ("reason", "x"),
            ("no", "RF1"),
            ("id", "x"),
            ("way", "refund"),
            ("password", PASSWORD),
        ];
        for action in actions {
            let path = format!("/admin/orders/{number}/{action}");
            let response = site.post(&path, &form).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::SEE_OTHER, "{path}");
            let led_to = response.headers()["location"].to_str().unwrap();
            assert!(led_to.starts_with("/admin/login"), "{path}: {led_to}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_wrong_password_leads_back_and_guessing_is_slowed_down() {
    on_both(async |site| {
        let wrong = sign_in(&site, "admin", "a wrong password").await;
        let back = wrong.headers()["location"].to_str().unwrap();
        assert_eq!(back, "/admin/login?error=mismatch&next=%2Fadmin%2Forders");
        // The name is in the form again, and in no address.
        let kept = wrong.headers()["set-cookie"].to_str().unwrap();
        assert!(
            kept.starts_with("saoma_login_name=admin; Path=/admin/login; Max-Age=60; HttpOnly"),
            "{kept}"
        );
        let form = site.get("/admin/login?error=mismatch").header("cookie", "saoma_login_name=admin");
        assert!(form.send().await.unwrap().text().await.unwrap().contains("value=\"admin\""));
        let odd = sign_in(&site, "a password, typed as a name", "x").await;
        assert!(!odd.headers().contains_key("set-cookie"));
        for _ in 0..8 {
            sign_in(&site, "admin", "a wrong password").await;
        }
        let slowed = sign_in(&site, "admin", PASSWORD).await;
        assert!(slowed.headers()["location"].to_str().unwrap().starts_with("/admin/login?error=slow&n="));
        assert_eq!(site.count("operator_sessions").await, 0);
    })
    .await;
}

#[tokio::test]
async fn signing_in_again_ends_the_session_of_the_browsers_cookie() {
    on_both(async |site| {
        let old = cookie(&site).await;
        let form = [("name", "admin"), ("password", PASSWORD), ("next", "/admin")];
        let again = site.post("/admin/login", &form).header("cookie", &old).send().await.unwrap();
        assert_eq!(again.status(), StatusCode::SEE_OTHER);
        let seen = site.get("/admin/orders").header("cookie", &old).send().await.unwrap();
        assert_ne!(seen.status(), StatusCode::OK);
        assert_eq!(site.count("operator_sessions").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_proxy_that_the_settings_do_not_name_is_named_to_the_operator_who_comes_through_it() {
    let overview = async |site: &Site| {
        let page = site.get("/admin").header("cookie", cookie(site).await);
        page.header("x-forwarded-for", "203.0.113.9").send().await.unwrap().text().await.unwrap()
    };
    on_both(async |site| {
        assert!(overview(&site).await.contains("SAOMA_TRUSTED_PROXIES"));
        let direct = site.get("/admin").header("cookie", cookie(&site).await).send().await.unwrap();
        assert!(!direct.text().await.unwrap().contains("SAOMA_TRUSTED_PROXIES"));
    })
    .await;
    on_both_with("trusted_proxies = [\"127.0.0.1\"]\n", async |site| {
        assert!(!overview(&site).await.contains("SAOMA_TRUSTED_PROXIES"));
    })
    .await;
}
