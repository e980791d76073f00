//! The desk's first screen, its work list, and an order's page that is out of date.

use super::{
    common::{PASSWORD, Site, on_both, paid, signed},
    money::{led_to, seen, shown},
    operators::cookie,
};

/// Money that fits no order, under a number of its own.
async fn stray(site: &Site, letter: char) -> String {
    let number = format!("SM20260315100000{}", letter.to_string().repeat(16));
    let mut notice = paid(&number, "1234");
    notice.set("transaction_id", format!("42000012342026031512345678{:02}", letter as u32 % 100));
    site.notice(signed(notice)).await;
    number
}

#[tokio::test]
async fn the_first_screens_figures_lead_to_the_rows_that_they_count() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        let (number, code_url) = site.placed("lin", "10").await;
        site.pay(&code_url, &[]).await;
        site.until("lin", &number, "paid").await;
        let page = shown(&site, &cookie, "/admin").await;
        for (figure, href) in [
            ("今天", "/admin/orders?by=paid&amp;period=today"),
            ("近 7 天", "/admin/orders?by=paid&amp;period=7d"),
            ("近 30 天支付成功率", "/admin/orders?period=30d"),
            ("近 30 天由查询确认", "/admin/orders?proof=query&amp;by=paid&amp;period=30d"),
        ] {
            assert!(page.contains(figure) && page.contains(href), "{figure}: {page}");
        }
        assert!(page.contains("100.0%") && page.contains("¥10.00，1 笔"), "{page}");
        // Both charts have every bar's value for who cannot point at it.
        assert_eq!(page.matches("<title>").count() - 1, 30 + 24, "{page}");
        let list = shown(&site, &cookie, "/admin/orders?by=paid&period=today").await;
        assert!(list.contains(&number), "{list}");
    })
    .await;
}

#[tokio::test]
async fn a_page_that_is_out_of_date_closes_nothing() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        let (number, code_url) = site.placed("lin", "10").await;
        let order = format!("/admin/orders/{number}");
        let close = format!("{order}/close");
        let before = seen(&site, &cookie, &order).await;
        assert_eq!(led_to(&site, &cookie, &close, &[("seen", before)]).await, format!("{order}?said=wait"));
        site.pay(&code_url, &[]).await;
        site.until("lin", &number, "paid").await;
        for stale in [before, "", "abc"] {
            assert_eq!(
                led_to(&site, &cookie, &close, &[("seen", stale)]).await,
                format!("{order}?said=moved")
            );
        }
        let page = shown(&site, &cookie, &format!("{order}?said=moved")).await;
        assert!(page.contains("这一页打开之后订单有了变化"), "{page}");
        // When each message came, from where, and what it is; the payer stays hidden.
        let list = page.split("id=\"ev-t\"").nth(1).unwrap().split("</table>").next().unwrap();
        assert!(
            list.contains("href=\"#evidence-") && list.contains("127.0.0.1") && list.contains("¥"),
            "{list}"
        );
        assert!(page.contains("付款银行") && page.contains(">•••<"), "{page}");
        // The evidence stands beside what the order says.
        assert!(page.contains("逐项核对") && page.contains("一致") && !page.contains("不一致"), "{page}");
    })
    .await;
}

#[tokio::test]
async fn what_waits_is_taken_and_left_by_operators_who_see_each_other() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        let number = stray(&site, 'A').await;
        let page = shown(&site, &cookie, "/admin/work").await;
        assert!(page.contains(&number) && page.contains("¥12.34") && page.contains("我来处理"), "{page}");
        let key = page.split("name=\"key\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let take = [("kind", "exception"), ("key", key.as_str()), ("owner", "")];
        assert_eq!(led_to(&site, &cookie, "/admin/work", &take).await, "/admin/work?said=work_taken");
        // Somebody else's page still shows nobody.
        assert_eq!(led_to(&site, &cookie, "/admin/work", &take).await, "/admin/work?said=work_moved");
        assert!(shown(&site, &cookie, "/admin/work?owner=me").await.contains(&number));
        assert!(!shown(&site, &cookie, "/admin/work?owner=none").await.contains(&number));
        let leave = [("kind", "exception"), ("key", key.as_str()), ("owner", "wang")];
        assert_eq!(led_to(&site, &cookie, "/admin/work", &leave).await, "/admin/work?said=work_moved");
        let leave = [("kind", "exception"), ("key", key.as_str()), ("owner", "admin")];
        assert_eq!(led_to(&site, &cookie, "/admin/work", &leave).await, "/admin/work?said=work_left");
        assert_eq!(site.count("work_owners").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_refund_wish_waits_in_the_same_list_with_what_is_left_of_its_payment() {
    on_both(async |site| {
        let (desk, lin) = (cookie(&site).await, site.cookie("lin").await);
        let (number, code_url) = site.placed("lin", "10").await;
        site.pay(&code_url, &[]).await;
        site.until("lin", &number, "paid").await;
        assert!(!shown(&site, &desk, "/admin").await.contains("kind=wish"));
        led_to(&site, &lin, &format!("/pay/{number}/refund"), &[("reason", "买<b>错了")]).await;
        stray(&site, 'A').await;
        let first = shown(&site, &desk, "/admin").await;
        for kind in ["wish", "exception"] {
            assert!(first.contains(&format!("/admin/work?kind={kind}\">1<")), "{first}");
        }
        let list = shown(&site, &desk, "/admin/work?by=money").await;
        let [stray, wish] = ["¥12.34", "¥10.00"].map(|amount| list.find(amount).unwrap());
        assert!(stray < wish, "the most money comes first: {list}");
        let list = shown(&site, &desk, "/admin/work?kind=wish").await;
        assert!(list.contains("买&lt;b&gt;错了") && !list.contains("¥12.34"), "{list}");
        assert!(list.contains(&format!("/admin/orders/{number}#wishes")), "{list}");
        let take = [("kind", "wish"), ("key", &*format!("{number}-1")), ("owner", "")];
        assert_eq!(led_to(&site, &desk, "/admin/work", &take).await, "/admin/work?said=work_taken");
        assert!(shown(&site, &desk, "/admin/work?owner=me").await.contains(&number));
        assert!(shown(&site, &desk, &format!("/admin/orders/{number}")).await.contains("id=\"wishes\""));
    })
    .await;
}

#[tokio::test]
async fn equals_are_dismissed_at_once_with_one_password_and_what_changed_stays() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        for letter in ['A', 'B', 'C'] {
            stray(&site, letter).await;
        }
        let path = "/admin/work/dismiss?of=exception%3Aunknown_order";
        let page = shown(&site, &cookie, path).await;
        let items: Vec<_> = page.split("name=\"item\" value=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert_eq!(items.len(), 3, "{page}");
        let form = |password: &'static str, reason: &'static str| {
            let items = items.iter().map(|item| ("item", *item));
            items.chain([("reason", reason), ("password", password)]).collect::<Vec<_>>()
        };
        for (password, reason, error) in [("wrong", "ours", "password"), ("", "ours", "password"), (PASSWORD, "", "reason")] {
            let back = led_to(&site, &cookie, path, &form(password, reason)).await;
            assert!(back.contains(&format!("error={error}")), "{back}");
        }
        assert_eq!(site.count("exceptions WHERE settled_at IS NULL").await, 3);
        // One of them was settled meanwhile.
        site.run("UPDATE exceptions SET settled_at = 1, settled_by = 'wang', settled_by_kind = 'operator', settled_how = 'dismissed' \
                  WHERE out_trade_no LIKE '%BBBB'").await;
        let back = led_to(&site, &cookie, path, &form(PASSWORD, "ours")).await;
        assert_eq!(back, "/admin/work?said=some_dismissed&n=2&m=1");
        assert_eq!(site.count("exceptions WHERE settled_at IS NULL").await, 0);
        assert_eq!(site.count("exceptions WHERE settled_by = 'wang'").await, 1);
        assert_eq!(site.count("exceptions WHERE settled_by = 'admin' AND settled_reason = 'ours'").await, 2);
        assert!(shown(&site, &cookie, &back).await.contains("已忽略 2 项；1 项已有变化"));
    })
    .await;
}
