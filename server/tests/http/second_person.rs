//! Credits by hand above the bound: asked for by one operator, done when another confirms.

use recharge::role::Role;
use reqwest::StatusCode;

use super::{
    common::{PASSWORD, Site, on_both, on_both_with, paid, signed},
    money::{hidden, led_to, seen, shown},
    operators,
    people::cookie_of,
};

const BOUND: &str = "second_person_from = 10000\n";

/// The form that adds to lin's balance.
async fn grant(site: &Site, cookie: &str, amount: &str) -> String {
    let page = format!("/admin/account/grant?user=lin&amount={amount}&reason=sorry");
    let page = shown(site, cookie, &page).await;
    let form = [
        ("user", "lin"),
        ("no", hidden(&page, "no")),
        ("seen", hidden(&page, "seen")),
        ("amount", amount),
        ("reason", "sorry"),
        ("new_account", "1"),
        ("password", PASSWORD),
    ];
    led_to(site, cookie, "/admin/account/grant", &form).await
}

async fn waiting(site: &Site, cookie: &str) -> Option<String> {
    let page = shown(site, cookie, "/admin/second").await;
    let id = page.split("name=\"id\" value=\"").nth(1)?.split('"').next()?;
    Some(id.to_owned())
}

#[tokio::test]
async fn a_grant_above_the_bound_is_done_once_when_another_operator_confirms_it() {
    on_both_with(BOUND, async |site| {
        let owner = operators::cookie(&site).await;
        let finance = cookie_of(&site, Role::Finance).await;
        assert!(grant(&site, &finance, "99.99").await.contains("said=granted"));
        assert_eq!(grant(&site, &finance, "100").await, "/admin/second?said=second_asked");
        assert_eq!(site.balance("lin").await, 9999);
        assert!(shown(&site, &finance, "/admin/account?user=lin").await.contains("等待另一位同事复核"));
        let id = waiting(&site, &owner).await.unwrap();
        let form = [("id", id.as_str()), ("password", PASSWORD)];
        let own = led_to(&site, &finance, "/admin/second", &form).await;
        assert_eq!(own, "/admin/second?error=not_yours");
        assert!(shown(&site, &finance, &own).await.contains("什么都没有做"));
        assert!(shown(&site, &finance, "/admin/second").await.contains("您自己提请的"));
        let wrong = [("id", id.as_str()), ("password", "wrong")];
        assert!(led_to(&site, &owner, "/admin/second", &wrong).await.contains("error=password"));
        let viewer = cookie_of(&site, Role::Viewer).await;
        let refused = site.post("/admin/second", &form).header("cookie", &viewer).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
        assert_eq!(site.balance("lin").await, 9999);
        let (one, other) = tokio::join!(
            led_to(&site, &owner, "/admin/second", &form),
            led_to(&site, &owner, "/admin/second", &form)
        );
        assert!(one.contains("said=second_done") || other.contains("said=second_done"), "{one} {other}");
        assert_eq!((site.balance("lin").await, site.count("grants").await), (19_999, 2));
        assert!(led_to(&site, &owner, "/admin/second", &form).await.contains("error=not_yours"));
        assert_eq!(site.balance("lin").await, 19_999);
        assert_eq!(waiting(&site, &owner).await, None);
        assert_eq!(site.count("audit WHERE action = 'credit_asked' AND operator = 'finance'").await, 1);
        assert_eq!(site.count("audit WHERE action = 'grant' AND operator = 'admin'").await, 1);
    })
    .await;
}

#[tokio::test]
async fn what_is_withdrawn_is_not_credited_and_what_takes_needs_no_second_person() {
    on_both_with(BOUND, async |site| {
        let owner = operators::cookie(&site).await;
        let finance = cookie_of(&site, Role::Finance).await;
        grant(&site, &finance, "500").await;
        let id = waiting(&site, &owner).await.unwrap();
        let form = [("id", id.as_str()), ("password", PASSWORD)];
        let back = led_to(&site, &finance, "/admin/second/withdraw", &form).await;
        assert_eq!(back, "/admin/second?said=second_withdrawn");
        for path in ["/admin/second", "/admin/second/withdraw"] {
            assert!(led_to(&site, &owner, path, &form).await.contains("error=not_yours"), "{path}");
        }
        assert_eq!((site.balance("lin").await, site.count("ledger").await), (0, 0));
        grant(&site, &finance, "50").await;
        assert!(grant(&site, &finance, "-40").await.contains("said=granted"));
        assert_eq!(site.balance("lin").await, 1000);
    })
    .await;
}

#[tokio::test]
async fn a_confirmation_that_was_cut_off_is_confirmed_again_and_credits_once() {
    on_both_with(BOUND, async |site| {
        let owner = operators::cookie(&site).await;
        let finance = cookie_of(&site, Role::Finance).await;
        grant(&site, &finance, "100").await;
        let id = waiting(&site, &owner).await.unwrap();
        let form = [("id", id.as_str()), ("password", PASSWORD)];
        led_to(&site, &owner, "/admin/second", &form).await;
        // As if the process had died between the credit and its note.
        site.set("UPDATE asked_credits SET state = 'confirmed'").await;
        assert!(shown(&site, &owner, "/admin/second").await.contains("请再确认一次"));
        assert!(led_to(&site, &owner, "/admin/second", &form).await.contains("said=second_done"));
        assert_eq!((site.balance("lin").await, site.count("grants").await), (10_000, 1));
    })
    .await;
}

#[tokio::test]
async fn a_payment_that_does_not_fit_is_credited_by_two() {
    on_both_with(BOUND, async |site| {
        let owner = operators::cookie(&site).await;
        let finance = cookie_of(&site, Role::Finance).await;
        let (number, _) = site.placed("lin", "100").await;
        site.notice(signed(paid(&number, "20000"))).await;
        let order = shown(&site, &finance, &format!("/admin/orders/{number}")).await;
        let link =
            order.split("/settle?id=").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&");
        let id = link.split('&').next().unwrap().replace("%3A", ":");
        let page = format!("/admin/orders/{number}/settle?id={id}&way=credited&reason=seen");
        let version = seen(&site, &finance, &page).await;
        let path = format!("/admin/orders/{number}/settle");
        let form = [
            ("id", id.as_str()),
            ("way", "credited"),
            ("reason", "seen"),
            ("seen", version),
            ("password", PASSWORD),
        ];
        assert_eq!(led_to(&site, &finance, &path, &form).await, "/admin/second?said=second_asked");
        assert_eq!(
            (site.balance("lin").await, site.count("exceptions WHERE settled_at IS NULL").await),
            (0, 1)
        );
        assert!(
            shown(&site, &owner, &format!("/admin/orders/{number}")).await.contains("等待另一位同事复核")
        );
        let wish = waiting(&site, &owner).await.unwrap();
        let form = [("id", wish.as_str()), ("password", PASSWORD)];
        assert!(led_to(&site, &owner, "/admin/second", &form).await.contains("said=second_done"));
        assert_eq!(
            (site.balance("lin").await, site.count("exceptions WHERE settled_by = 'admin'").await),
            (20_000, 1)
        );
    })
    .await;
}

#[tokio::test]
async fn without_the_setting_one_operator_is_enough() {
    on_both(async |site| {
        let owner = operators::cookie(&site).await;
        assert!(grant(&site, &owner, "5000").await.contains("said=granted"));
        assert_eq!(site.balance("lin").await, 500_000);
    })
    .await;
}
