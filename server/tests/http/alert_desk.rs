//! Alert channels at the desk: made with the operator's password, tested, and deleted; what is secret of them is never shown.

use reqwest::StatusCode;

use super::{
    common::{PASSWORD, on_both},
    money::{led_to, shown},
    operators::cookie,
    webhooks::receiver,
};

#[tokio::test]
async fn an_alert_channel_is_made_tested_and_deleted_at_the_desk_and_shows_no_secret() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        let (url, got) = receiver().await;
        let url: &'static str = Box::leak(format!("{url}?token=sesame").into_boxed_str());
        let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
        let new = [
            ("kind", "webhook"),
            ("name", "财务值班"),
            ("url", url),
            ("secret", secret),
            ("lang", "zh"),
            ("k_exception", "1"),
            ("password", PASSWORD),
        ];
        let with = |field: &str, value: &'static str| {
            let change = |(name, typed)| (name, if name == field { value } else { typed });
            new.into_iter().map(change).collect::<Vec<_>>()
        };
        for (field, value, error) in [
            ("password", "wrong", "password"),
            ("url", "https://10.0.0.1/", "url"),
            ("secret", "short", "secret"),
            ("kind", "fax", "kind"),
            ("lang", "fr", "kind"),
            ("name", " ", "name"),
        ] {
            let back = led_to(&site, &cookie, "/admin/alerts", &with(field, value)).await;
            assert!(back.contains(&format!("error={error}")), "{field}: {back}");
            assert!(!back.contains("sesame") && !back.contains("whsec"), "{back}");
            assert!(shown(&site, &cookie, &back).await.contains("class=\"notice\""), "{back}");
        }
        let nothing: Vec<_> = new.into_iter().filter(|(name, _)| *name != "k_exception").collect();
        assert!(led_to(&site, &cookie, "/admin/alerts", &nothing).await.contains("error=what"));
        assert_eq!(site.count("alert_channels").await, 0);

        let back = led_to(&site, &cookie, "/admin/alerts", &new).await;
        assert!(back.contains("said=channel_made"), "{back}");
        let page = shown(&site, &cookie, "/admin/alerts").await;
        assert!(
            page.contains("财务值班") && page.contains("127.0.0.1") && page.contains("异常付款"),
            "{page}"
        );
        assert!(!page.contains("sesame") && !page.contains("whsec_MDEy"), "{page}");
        let id = page.split("/admin/alerts/").nth(1).and_then(|rest| rest.split('/').next()).unwrap();
        let back = led_to(&site, &cookie, &format!("/admin/alerts/{id}/test"), &[]).await;
        assert!(back.contains("said=channel_tested"), "{back}");
        let (headers, body) = got.lock().unwrap().remove(0);
        assert!(headers.contains_key("webhook-signature") && body.contains("alert.test"), "{body}");

        let delete = format!("/admin/alerts/{id}/delete");
        assert!(led_to(&site, &cookie, &delete, &[("password", "wrong")]).await.contains("error=password"));
        let back = led_to(&site, &cookie, &delete, &[("password", PASSWORD)]).await;
        assert!(back.contains("said=channel_deleted"), "{back}");
        assert_eq!(site.count("alert_channels").await, 0);
        assert_eq!(site.count("audit WHERE action LIKE 'alert_channel_%'").await, 2);
        let gone =
            site.post(&delete, &[("password", PASSWORD)]).header("cookie", &cookie).send().await.unwrap();
        assert_eq!(gone.status(), StatusCode::NOT_FOUND);
    })
    .await;
}
