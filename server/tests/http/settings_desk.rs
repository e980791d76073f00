//! The settings page: changed with a preview, reset, guarded against pages that are out of date, and the same on every server.

use std::time::{Duration, Instant};

use recharge::role::Role;
use reqwest::StatusCode;
use wxpay::Merchant;

use super::{
    common::{PASSWORD, Site, on_both, on_both_with, on_postgres},
    instances,
    money::{led_to, seen, shown},
    operators,
    people::cookie_of,
};

const CHANGE: &str = "/admin/settings/change";

async fn payers_page(site: &Site) -> String {
    site.get("/").send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn a_setting_is_changed_with_a_preview_and_goes_back_to_the_files() {
    on_both(async |site| {
        let owner = operators::cookie(&site).await;
        let preview = format!("{CHANGE}?name=presets&q=8&b=0.5&q=&b=&q=20&b=");
        let page = shown(&site, &owner, &preview).await;
        assert!(page.contains("¥8 送 ¥0.50 · ¥20") && page.contains("¥50 送 ¥2"), "{page}");
        assert!(!payers_page(&site).await.contains("¥0.50"), "a preview changes nothing");
        let version = seen(&site, &owner, &preview).await;
        assert_eq!(version, "0");
        let form = |seen| {
            [
                ("name", "presets"),
                ("q", "8"),
                ("b", "0.5"),
                ("q", "20"),
                ("b", ""),
                ("seen", seen),
                ("password", PASSWORD),
            ]
        };
        assert_eq!(led_to(&site, &owner, CHANGE, &form("0")).await, "/admin/settings?said=setting");
        let page = shown(&site, &owner, "/admin/settings").await;
        assert!(
            page.contains("¥8 送 ¥0.50") && page.contains("文件里是：") && page.contains("¥50 送 ¥2"),
            "{page}"
        );
        assert!(payers_page(&site).await.contains("0.50"));
        // What is sold follows: the preset's bonus, and no bonus for the file's.
        let (number, code) = site.placed("lin", "8").await;
        site.pay(&code, &[]).await;
        site.until("lin", &number, "paid").await;
        assert_eq!(site.balance("lin").await, 850);
        // The same page once more is out of date.
        let stale = led_to(&site, &owner, CHANGE, &form("0")).await;
        assert_eq!(stale, "/admin/settings/change?name=presets&error=stale");
        assert!(shown(&site, &owner, &stale).await.contains("什么都没有改"));
        let reset = |seen| [("name", "presets"), ("seen", seen), ("password", PASSWORD)];
        let path = "/admin/settings/reset";
        assert_eq!(led_to(&site, &owner, path, &reset("1")).await, "/admin/settings?said=setting_reset");
        assert!(!payers_page(&site).await.contains("0.50"));
        assert!(led_to(&site, &owner, path, &reset("1")).await.contains("error=stale"));
        // A value after a reset goes on from its version.
        assert!(led_to(&site, &owner, CHANGE, &form("0")).await.contains("error=stale"));
        assert_eq!(led_to(&site, &owner, CHANGE, &form("2")).await, "/admin/settings?said=setting");
        for (action, times) in [("setting_changed", 2), ("setting_reset", 1)] {
            let told =
                format!("audit WHERE operator = 'admin' AND action = '{action}' AND subject = 'presets'");
            assert_eq!(site.count(&told).await, times, "{action}");
        }
        let audit = shown(&site, &owner, "/admin/audit?what=setting_changed").await;
        assert!(audit.contains("修改设置"), "{audit}");
    })
    .await;
}

#[tokio::test]
async fn what_no_file_may_have_is_refused_in_words_and_changes_nothing() {
    on_both(async |site| {
        let owner = operators::cookie(&site).await;
        for (fields, error, words) in [
            (&[("name", "presets"), ("q", "0"), ("b", "")][..], "zero", "金额不能是 0 元"),
            (&[("name", "presets"), ("q", "ten"), ("b", "")], "zero", "金额不能是 0 元"),
            (&[("name", "presets"), ("q", "10"), ("b", "-5")], "bonus", "赠送要写成元"),
            (&[("name", "presets"), ("q", "10"), ("b", ""), ("q", "10"), ("b", "")], "twice", "出现了两次"),
            (&[("name", "limits"), ("min", "9"), ("max", "5")], "limits", "不能多于最多"),
            (&[("name", "limits"), ("min", "1"), ("max", "2")], "too_much", "超出了自选金额的上限"),
            (&[("name", "site_name"), ("text", "")], "name", "1 到 64 个字"),
        ] {
            // By the preview, and by a form made by hand.
            let query: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let address = format!("{CHANGE}?{}", query.join("&"));
            let led = site.get(&address).header("cookie", &owner).send().await.unwrap();
            assert_eq!(led.status(), StatusCode::SEE_OTHER, "{address}");
            let back = led.headers()["location"].to_str().unwrap().to_owned();
            assert!(back.contains(&format!("error={error}")), "{address}: {back}");
            assert!(shown(&site, &owner, &back).await.contains(words), "{back}");
            let form = [fields, &[("seen", "0"), ("password", PASSWORD)]].concat();
            assert!(
                led_to(&site, &owner, CHANGE, &form).await.contains(&format!("error={error}")),
                "{address}"
            );
        }
        let form = [("name", "site_name"), ("text", "远山"), ("seen", "0"), ("password", "wrong")];
        assert!(led_to(&site, &owner, CHANGE, &form).await.contains("error=password"));
        assert_eq!(site.count("desk_settings").await, 0);
        let nothing = site.get(&format!("{CHANGE}?name=moon")).header("cookie", &owner).send().await.unwrap();
        assert_eq!(nothing.status(), StatusCode::NOT_FOUND);
    })
    .await;
}

#[tokio::test]
async fn the_page_says_where_each_setting_came_from_and_no_secret() {
    on_both_with("time_expire_s = 700\n", async |site| {
        let owner = operators::cookie(&site).await;
        let page = shown(&site, &owner, "/admin/settings").await;
        let line = |variable: &str| {
            let after =
                page.split(&format!(">{variable}<")).nth(1).unwrap_or_else(|| panic!("no {variable}"));
            after.split("</tr>").next().unwrap().to_owned()
        };
        assert!(
            line("SAOMA_TIME_EXPIRE_S").contains("文件") && line("SAOMA_TIME_EXPIRE_S").contains(">700<")
        );
        assert!(line("SAOMA_LATE_PAYMENT").contains("默认"));
        assert!(line("SAOMA_PUBLIC_URL").contains("未设置"));
        assert!(line("SAOMA_ADMIN_PASSWORD").contains("已设置（不显示）"));
        assert!(!page.contains(PASSWORD) && !page.contains(super::common::SECRET), "{page}");
        let checked = site.post("/admin/settings/check", &[]).header("cookie", &owner).send().await.unwrap();
        assert_eq!(checked.headers()["location"], "/admin/settings#do-t");
        let page = shown(&site, &owner, "/admin/settings").await;
        for check in server::doctor::CHECKS {
            assert!(page.contains(&format!(">{}<", check.id)), "{}: {page}", check.id);
        }
        // Our own certificate and WeChat's keys; its certificate has been read by now, or says so.
        let keys = page.split("id=\"en-t\"").nth(1).unwrap().split("</section>").next().unwrap();
        assert!(
            keys.contains("商户 API 证书") && keys.contains("PUB_KEY_ID_") && keys.contains("使用中"),
            "{keys}"
        );
        let finance = cookie_of(&site, Role::Finance).await;
        let refused = site.get("/admin/settings").header("cookie", &finance).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    })
    .await;
}

#[tokio::test]
async fn what_is_changed_here_counts_there_within_five_seconds() {
    on_postgres(async |site| {
        let (other, _running) = instances::beside(&site, Merchant::sandbox()).await;
        let owner = operators::cookie(&site).await;
        let there = async || {
            let page = site.http.get(format!("{other}/admin/login")).send().await.unwrap();
            page.text().await.unwrap().contains("远山小店")
        };
        let form = [("name", "site_name"), ("text", "远山小店"), ("seen", "0"), ("password", PASSWORD)];
        assert_eq!(led_to(&site, &owner, CHANGE, &form).await, "/admin/settings?said=setting");
        let changed = Instant::now();
        while !there().await {
            assert!(changed.elapsed() < Duration::from_secs(2), "nobody told the other server");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // Also where nobody tells: the row is read again.
        site.set("UPDATE desk_settings SET value = NULL, version = version + 1").await;
        let changed = Instant::now();
        while there().await {
            assert!(changed.elapsed() < Duration::from_secs(6), "the row was not read again");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}
