//! Keys at the desk: made, shown once, rotated and revoked, each with the operator's password.

use recharge::api_key::KeyText;
use reqwest::StatusCode;

use super::{
    common::{PASSWORD, Site, on_both},
    money::{led_to, seen, shown},
    operators::cookie,
};

async fn status(site: &Site, key: &str) -> StatusCode {
    site.get("/api/v1/me").bearer_auth(key).send().await.unwrap().status()
}

/// The text that the answer to a form shows.
async fn text_of(site: &Site, cookie: &str, path: &str, form: &[(&str, &str)]) -> String {
    let response = site.post(path, form).header("cookie", cookie).send().await.unwrap();
    assert_eq!(
        (response.status(), &response.headers()["cache-control"]),
        (StatusCode::OK, &"no-store".parse().unwrap())
    );
    let page = response.text().await.unwrap();
    let text = page.split("id=\"key-text\"").nth(1).and_then(|rest| rest.split(['>', '<']).nth(1));
    let text = text.unwrap_or_else(|| panic!("{page}")).to_owned();
    assert!(KeyText::parse(&text).is_some(), "{text}");
    text
}

const NEW: [(&str, &str); 5] = [
    ("name", "forum"),
    ("scope", "balances:read"),
    ("scope", "spend:write"),
    ("networks", "127.0.0.0/8, ::1"),
    ("password", PASSWORD),
];

#[tokio::test]
async fn a_key_is_made_shown_once_rotated_and_revoked() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        let first = text_of(&site, &cookie, "/admin/keys", &NEW).await;
        assert_eq!(status(&site, &first).await, StatusCode::OK);
        for path in ["/admin/keys", "/admin/keys/forum"] {
            let page = shown(&site, &cookie, path).await;
            assert!(
                page.contains("forum") && page.contains("spend:write") && !page.contains(&first),
                "{page}"
            );
        }
        // The same form again, as a reload sends it, makes no second key.
        assert!(led_to(&site, &cookie, "/admin/keys", &NEW).await.contains("error=taken"));
        let form = |seen: &'static str, keep| [("seen", seen), ("keep", keep), ("password", PASSWORD)];
        let version = seen(&site, &cookie, "/admin/keys/forum").await;
        let rotate = "/admin/keys/forum/rotate";
        let second = text_of(&site, &cookie, rotate, &form(version, "24")).await;
        assert_eq!(
            (status(&site, &first).await, status(&site, &second).await),
            (StatusCode::OK, StatusCode::OK)
        );
        assert!(led_to(&site, &cookie, rotate, &form(version, "24")).await.contains("error=stale"));
        let version = seen(&site, &cookie, "/admin/keys/forum").await;
        assert!(led_to(&site, &cookie, rotate, &form(version, "1")).await.contains("error=open"));
        let third = text_of(&site, &cookie, rotate, &form(version, "0")).await;
        for (key, wanted) in [(&first, 401), (&second, 401), (&third, 200)] {
            assert_eq!(status(&site, key).await.as_u16(), wanted);
        }
        let version = seen(&site, &cookie, "/admin/keys/forum").await;
        let revoke = "/admin/keys/forum/revoke";
        let back = led_to(&site, &cookie, revoke, &[("seen", version), ("password", PASSWORD)]).await;
        assert_eq!(back, "/admin/keys?said=revoked");
        assert_eq!(status(&site, &third).await, StatusCode::UNAUTHORIZED);
        assert!(!shown(&site, &cookie, "/admin/keys/forum").await.contains("name=\"password\""));
        for (action, times) in [("api_key_made", 1), ("api_key_rotated", 2), ("api_key_revoked", 1)] {
            let told =
                format!("audit WHERE operator = 'admin' AND action = '{action}' AND subject = 'forum'");
            assert_eq!(site.count(&told).await, times, "{action}");
        }
    })
    .await;
}

#[tokio::test]
async fn without_the_password_nothing_is_done_and_what_was_typed_stays() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        for password in [&[][..], &[("password", "wrong")]] {
            let form = [&NEW[..4], password].concat();
            let back = led_to(&site, &cookie, "/admin/keys", &form).await;
            assert!(back.contains("error=password") && back.contains("name=forum"), "{back}");
        }
        assert_eq!(site.count("api_keys").await, 0);
        let first = text_of(&site, &cookie, "/admin/keys", &NEW).await;
        let version = seen(&site, &cookie, "/admin/keys/forum").await;
        for path in ["/admin/keys/forum/rotate", "/admin/keys/forum/revoke"] {
            let form = [("seen", version), ("keep", "0"), ("password", "wrong")];
            assert!(led_to(&site, &cookie, path, &form).await.contains("error=password"), "{path}");
        }
        assert_eq!(status(&site, &first).await, StatusCode::OK);
        let none = site.get("/admin/keys/moon").header("cookie", &cookie).send().await.unwrap();
        assert_eq!(none.status(), StatusCode::NOT_FOUND);
    })
    .await;
}

#[tokio::test]
async fn a_mistyped_form_makes_no_key_and_says_which_field() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        for (field, value, error) in [
            ("name", "a b", "name"),
            ("scope", "moon:write", "scopes"),
            ("networks", "localhost", "networks"),
            ("most", "0", "most"),
            ("days", "0", "days"),
        ] {
            let base = [("name", "forum"), ("scope", "spend:write"), ("password", PASSWORD)];
            let form: Vec<_> =
                base.into_iter().filter(|(name, _)| *name != field).chain([(field, value)]).collect();
            let back = led_to(&site, &cookie, "/admin/keys", &form).await;
            assert!(back.contains(&format!("error={error}")), "{field}: {back}");
            let page = shown(&site, &cookie, &back).await;
            assert!(page.contains("class=\"notice\""), "{page}");
        }
        assert_eq!(site.count("api_keys").await, 0);
    })
    .await;
}
