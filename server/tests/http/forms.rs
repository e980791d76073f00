//! Operators' forms whose page is out of date or that were mistyped: nothing is done, and the page says why.

use serde_json::json;

use super::common::{PASSWORD, Site, on_both};
use super::money::{STRAY, led_to, seen, shown, stray};
use super::operators::cookie;

/// A paid order of 50 yuan; its page.
async fn paid_order(site: &Site) -> String {
    let (number, code_url) = site.placed("lin", "50").await;
    site.pay(&code_url, &[]).await;
    site.until("lin", &number, "paid").await;
    format!("/admin/orders/{number}")
}

/// What a notice on an operator's page says.
fn notice(page: &str) -> &str {
    page.split("class=\"notice\"").nth(1).and_then(|rest| rest.split("</p>").next()).unwrap_or_default()
}

#[tokio::test]
async fn two_tabs_with_the_same_part_refund_lead_to_one_and_the_second_says_what_changed() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        let order = paid_order(&site).await;
        // So that what WeChat says of the first refund is not what changed last.
        site.faults(json!({"answer": "timeout"})).await;
        let path = format!("{order}/refund");
        let tab = format!("{path}?amount=20&reason=x");
        let (one, two) = (seen(&site, &cookie, &tab).await, seen(&site, &cookie, &tab).await);
        let confirm = async |no: &str, seen: &str| {
            let form =
                [("no", no), ("amount", "20"), ("reason", "x"), ("seen", seen), ("password", PASSWORD)];
            led_to(&site, &cookie, &path, &form).await
        };
        assert_eq!(confirm("RF1", one).await, format!("{order}?said=refund"));
        let back = confirm("RF2", two).await;
        assert!(back.contains("error=stale"), "{back}");
        assert_eq!((site.count("refunds").await, site.balance("lin").await), (1, 3120));
        let page = shown(&site, &cookie, &back).await;
        let said = notice(&page);
        assert!(
            said.contains("什么都没有做") && said.contains("退款 ¥20.00") && said.contains("admin"),
            "{said}"
        );
        assert!(page.contains("¥31.20"), "the balance of now");
        // The same press again is the same refund; the page of now can be confirmed.
        assert_eq!(confirm("RF1", one).await, format!("{order}?said=refund"));
        assert_eq!(confirm("RF2", seen(&site, &cookie, &back).await).await, format!("{order}?said=refund"));
        assert_eq!((site.count("refunds").await, site.balance("lin").await), (2, 1040));
        // A form that carries nothing was not made by a page.
        let blind = [("no", "RF3"), ("amount", "1"), ("reason", "x"), ("password", PASSWORD)];
        assert!(led_to(&site, &cookie, &path, &blind).await.contains("error=stale"));
        assert_eq!(site.count("refunds").await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_withdrawal_of_a_refund_that_was_tried_again_since_does_nothing() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        let order = paid_order(&site).await;
        site.faults(json!({"refund": {"refuse": "NOTENOUGH"}})).await;
        let path = format!("{order}/refund");
        let first = seen(&site, &cookie, &format!("{path}?amount=20&reason=x")).await;
        let form =
            [("no", "RF1"), ("amount", "20"), ("reason", "x"), ("seen", first), ("password", PASSWORD)];
        assert_eq!(led_to(&site, &cookie, &path, &form).await, format!("{order}?said=refund"));
        for _ in 0..150 {
            if site.count("refunds WHERE problem = 'not_enough'").await == 1 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        let withdraw = format!("{order}/refunds/RF1/withdraw");
        let old = seen(&site, &cookie, &withdraw).await;
        // As the next try leaves it, long enough ago to be withdrawn. It is due again in ten minutes.
        site.set("UPDATE refunds SET version = version + 1, tried_at = 0").await;
        let form = |seen| [("seen", seen), ("password", PASSWORD)];
        let back = led_to(&site, &cookie, &withdraw, &form(old)).await;
        assert!(back.contains("/withdraw?error=stale"), "{back}");
        assert_eq!(site.count("refunds WHERE state = 'requested'").await, 1);
        assert!(notice(&shown(&site, &cookie, &back).await).contains("什么都没有做"));
        let now = seen(&site, &cookie, &withdraw).await;
        assert_eq!(led_to(&site, &cookie, &withdraw, &form(now)).await, format!("{order}?said=withdrawn"));
        assert_eq!(site.balance("lin").await, 5200);
    })
    .await;
}

#[tokio::test]
async fn a_mistyped_user_id_makes_no_account_and_a_known_one_is_shown_by_name_and_balance() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        let id = stray(&site).await;
        let path = format!("{STRAY}/settle");
        let asked = format!("{path}?id={id}&way=credited");
        // First whose money it is, and nothing to confirm yet.
        let first = shown(&site, &cookie, &asked).await;
        assert!(first.contains("name=\"user\"") && !first.contains("name=\"password\""), "{first}");
        // Ids as a site may have them: one with a name, one with blanks at its ends.
        site.set("INSERT INTO accounts (user_id, user_name, balance, updated_at) VALUES ('lin', '林小雨', 1234, 0)")
            .await;
        site.set("INSERT INTO accounts (user_id, user_name, balance, updated_at) VALUES (' bo ', '阿波', 500, 0)").await;
        for (typed, name, balance) in [("lin", "林小雨", "¥12.34"), ("%20lin", "林小雨", "¥12.34"), ("%20bo%20", "阿波", "¥5.00")] {
            let known = shown(&site, &cookie, &format!("{asked}&user={typed}")).await;
            assert!(known.contains(name) && known.contains(balance), "{typed}: {known}");
            assert!(!known.contains("name=\"new_account\""), "{typed}");
        }
        let typo = format!("{asked}&user=typo");
        let unknown = shown(&site, &cookie, &typo).await;
        assert!(unknown.contains("name=\"new_account\"") && notice(&unknown).contains("typo"), "{unknown}");
        let credit = async |user: &str, tick: &[(&str, &str)]| {
            let seen = seen(&site, &cookie, &format!("{asked}&user=typo")).await;
            let form = [("id", id.as_str()), ("way", "credited"), ("reason", "x"), ("user", user), ("seen", seen)];
            let form = [&form[..], &[("password", PASSWORD)], tick].concat();
            led_to(&site, &cookie, &path, &form).await
        };
        let back = credit("typo", &[]).await;
        assert!(back.contains("error=new_account"), "{back}");
        assert_eq!((site.count("accounts").await, site.count("ledger").await), (2, 0));
        assert!(notice(&shown(&site, &cookie, &back).await).contains("什么都没有做"));
        assert_eq!(credit(" bo ", &[]).await, format!("{STRAY}?said=settled"));
        assert_eq!((site.balance(" bo ").await, site.count("accounts").await), (1500, 2));
        assert_eq!(site.count("accounts WHERE user_name = '阿波'").await, 1, "the name stays");
    })
    .await;
}

#[tokio::test]
async fn with_the_operators_tick_a_new_user_is_credited() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        let id = stray(&site).await;
        let seen = seen(&site, &cookie, &format!("{STRAY}/settle?id={id}&way=credited&user=new")).await;
        let form =
            [("id", id.as_str()), ("way", "credited"), ("reason", "x"), ("user", "new"), ("seen", seen)];
        let form = [&form[..], &[("new_account", "1"), ("password", PASSWORD)]].concat();
        assert_eq!(
            led_to(&site, &cookie, &format!("{STRAY}/settle"), &form).await,
            format!("{STRAY}?said=settled")
        );
        assert_eq!(site.balance("new").await, 1000);
    })
    .await;
}

#[tokio::test]
async fn a_decision_on_a_page_that_showed_another_order_does_nothing() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        let (number, code_url) = site.placed("lin", "10").await;
        site.pay(&code_url, &[]).await;
        site.until("lin", &number, "paid").await;
        site.pay(&code_url, &[("again", "1")]).await;
        for _ in 0..150 {
            if site.count("exceptions WHERE kind = 'duplicate'").await == 1 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        let order = format!("/admin/orders/{number}");
        let page = shown(&site, &cookie, &order).await;
        let link = page.split('"').find(|part| part.contains("way=credited")).unwrap().replace("&amp;", "&");
        let id =
            link.split("id=").nth(1).and_then(|rest| rest.split('&').next()).unwrap().replace("%3A", ":");
        let old = seen(&site, &cookie, &link).await;
        // As above.
        site.faults(json!({"answer": "timeout"})).await;
        let refund = seen(&site, &cookie, &format!("{order}/refund?amount=4&reason=x")).await;
        let form =
            [("no", "RF1"), ("amount", "4"), ("reason", "x"), ("seen", refund), ("password", PASSWORD)];
        assert_eq!(
            led_to(&site, &cookie, &format!("{order}/refund"), &form).await,
            format!("{order}?said=refund")
        );
        let decide = async |seen: &str| {
            let form = [
                ("id", id.as_str()),
                ("way", "credited"),
                ("reason", "x"),
                ("seen", seen),
                ("password", PASSWORD),
            ];
            led_to(&site, &cookie, &format!("{order}/settle"), &form).await
        };
        let back = decide(old).await;
        assert!(back.contains("error=stale"), "{back}");
        assert_eq!(
            (site.balance("lin").await, site.count("exceptions WHERE settled_at IS NULL").await),
            (600, 1)
        );
        assert!(notice(&shown(&site, &cookie, &back).await).contains("退款 ¥4.00"));
        assert_eq!(decide(seen(&site, &cookie, &link).await).await, format!("{order}?said=settled"));
        assert_eq!(site.balance("lin").await, 1600);
    })
    .await;
}
