//! Webhook endpoints at the desk: made, shown once, tested, rotated, disabled and deleted, each with the operator's password.

use reqwest::StatusCode;

use super::{
    common::{PASSWORD, Site, on_both},
    money::{led_to, seen, shown},
    operators::cookie,
    webhooks::receiver,
};

/// The secret that the answer to a form shows.
async fn secret_of(site: &Site, cookie: &str, path: &str, form: &[(&str, &str)]) -> String {
    let response = site.post(path, form).header("cookie", cookie).send().await.unwrap();
    let status = response.status();
    let page = response.text().await.unwrap();
    assert_eq!(status, StatusCode::OK, "{page}");
    let text = page.split("id=\"webhook-secret\"").nth(1).and_then(|rest| rest.split(['>', '<']).nth(1));
    let text = text.unwrap_or_else(|| panic!("{page}")).to_owned();
    assert!(text.starts_with("whsec_"), "{text}");
    text
}

#[tokio::test]
async fn a_webhook_is_made_tested_rotated_disabled_and_deleted_at_the_desk() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        let (url, _got) = receiver().await;
        let url: &'static str = Box::leak(url.into_boxed_str());
        let new =
            [("url", url), ("types", ""), ("description", "论坛"), ("per_s", "50"), ("password", PASSWORD)];
        for password in [&[][..], &[("password", "wrong")]] {
            let back = led_to(&site, &cookie, "/admin/webhooks", &[&new[..4], password].concat()).await;
            assert!(back.contains("error=password") && back.contains("per_s=50"), "{back}");
        }
        for (field, value, error) in
            [("url", "https://10.0.0.1/", "url"), ("types", "moon.full", "types"), ("per_s", "0", "per_s")]
        {
            let form: Vec<_> = new
                .into_iter()
                .map(|(name, typed)| (name, if name == field { value } else { typed }))
                .collect();
            let back = led_to(&site, &cookie, "/admin/webhooks", &form).await;
            assert!(back.contains(&format!("error={error}")), "{back}");
            assert!(shown(&site, &cookie, &back).await.contains("class=\"notice\""));
        }
        assert_eq!(site.count("webhook_endpoints").await, 0);
        let first = secret_of(&site, &cookie, "/admin/webhooks", &new).await;
        let list = shown(&site, &cookie, "/admin/webhooks").await;
        assert!(list.contains(url) && list.contains("论坛") && !list.contains(&first), "{list}");
        let page = list.split("/admin/webhooks/we_").nth(1).map(|rest| &rest[..16]).unwrap();
        let page: &'static str = format!("/admin/webhooks/we_{page}").leak();
        assert!(!shown(&site, &cookie, page).await.contains(&first));

        let back = led_to(&site, &cookie, &format!("{page}/test"), &[]).await;
        assert!(back.contains("said=hook_tested"), "{back}");
        let delivered = "webhook_deliveries WHERE state = 'delivered'";
        let until = async |count: i64| {
            for _ in 0..200 {
                if site.count(delivered).await == count && site.count("webhook_attempts").await == count {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            panic!("{} deliveries", site.count(delivered).await);
        };
        until(1).await;
        let shown_page = shown(&site, &cookie, page).await;
        let event = shown_page.split("/deliveries/").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        let delivery = format!("{page}/deliveries/{event}");
        let one = shown(&site, &cookie, &delivery).await;
        assert!(
            one.contains("test.ping") && one.contains("204") && one.contains("webhook_endpoint"),
            "{one}"
        );
        let back = led_to(&site, &cookie, &format!("{delivery}/again"), &[]).await;
        assert!(back.contains("said=hook_again"), "{back}");

        let version = seen(&site, &cookie, page).await;
        let rotate: &str = &format!("{page}/rotate");
        let second =
            secret_of(&site, &cookie, rotate, &[("seen", version), ("keep", "24"), ("password", PASSWORD)])
                .await;
        assert_ne!(first, second);
        let stale = [("seen", version), ("keep", "24"), ("password", PASSWORD)];
        assert!(led_to(&site, &cookie, rotate, &stale).await.contains("error=stale"));
        let version = seen(&site, &cookie, page).await;
        let open = [("seen", version), ("keep", "1"), ("password", PASSWORD)];
        assert!(led_to(&site, &cookie, rotate, &open).await.contains("error=open"));
        let change = [
            ("seen", version),
            ("url", url),
            ("types", "recharge.paid"),
            ("per_s", "9"),
            ("password", PASSWORD),
        ];
        assert!(
            led_to(&site, &cookie, &format!("{page}/change"), &change).await.contains("said=hook_changed")
        );
        for (to, said) in [("off", "hook_off"), ("on", "hook_on"), ("deleted", "hook_deleted")] {
            let version = seen(&site, &cookie, page).await;
            let switch: &str = &format!("{page}/switch");
            let wrong = [("seen", version), ("to", to), ("password", "wrong")];
            assert!(led_to(&site, &cookie, switch, &wrong).await.contains("error=password"));
            let right = [("seen", version), ("to", to), ("password", PASSWORD)];
            let back = led_to(&site, &cookie, switch, &right).await;
            assert!(back.contains(said), "{back}");
        }
        let none = site.get(page).header("cookie", &cookie).send().await.unwrap();
        assert_eq!(none.status(), StatusCode::NOT_FOUND);
        for action in
            ["made", "tested", "redelivered", "rotated", "changed", "disabled", "enabled", "deleted"]
        {
            let told = format!("audit WHERE operator = 'admin' AND action = 'webhook_{action}'");
            assert_eq!(site.count(&told).await, 1, "{action}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_overview_says_that_a_webhook_endpoint_does_not_answer() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        let new =
            [("url", "https://nobody.invalid/"), ("types", ""), ("per_s", "50"), ("password", PASSWORD)];
        secret_of(&site, &cookie, "/admin/webhooks", &new).await;
        assert!(!shown(&site, &cookie, "/admin").await.contains("收不到事件"));
        site.set("UPDATE webhook_endpoints SET failures = 5, failing_since = 1, probe_at = 1").await;
        assert!(shown(&site, &cookie, "/admin").await.contains("收不到事件"));
        site.set("UPDATE webhook_endpoints SET disabled_at = 1, disabled_why = 'failing'").await;
        let overview = shown(&site, &cookie, "/admin").await;
        assert!(overview.contains("而停用") && !overview.contains("收不到事件"), "{overview}");
    })
    .await;
}
