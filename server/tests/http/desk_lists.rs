//! The desk's lists: what is found by which number, what a senseless address is answered, and what an operator chose to see.

use std::time::Duration;

use sqlx::{Connection as _, Row as _};

use super::{
    common::{PASSWORD, Site, on_both},
    money::{led_to, seen, shown},
    operators::cookie,
};

const CLEAR: &str = "没有列出任何内容";

/// A paid order of which 4 yuan went back, and the number of that refund.
async fn refunded(site: &Site, cookie: &str) -> (String, String) {
    let (number, code_url) = site.placed("lin", "10").await;
    site.pay(&code_url, &[]).await;
    site.until("lin", &number, "paid").await;
    let order = format!("/admin/orders/{number}");
    let seen = seen(site, cookie, &format!("{order}/refund?amount=1&reason=x")).await;
    let form =
        [("no", "RF20260315A"), ("amount", "4.00"), ("reason", "x"), ("password", PASSWORD), ("seen", seen)];
    assert_eq!(led_to(site, cookie, &format!("{order}/refund"), &form).await, format!("{order}?said=refund"));
    (number, "RF20260315A".to_owned())
}

/// WeChat's number of the refund, once it has taken it on.
async fn refund_id(site: &Site) -> String {
    let mut connection = sqlx::AnyConnection::connect(&site.database).await.unwrap();
    for _ in 0..300 {
        let row = sqlx::query("SELECT refund_id FROM refunds").fetch_one(&mut connection).await.unwrap();
        if let Some(id) = row.get::<Option<String>, _>(0) {
            return id;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("WeChat did not take the refund on")
}

#[tokio::test]
async fn an_order_is_found_by_any_of_its_numbers_and_by_its_user() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        let (number, refund) = refunded(&site, &cookie).await;
        site.run(&format!("UPDATE orders SET user_name = '林小满' WHERE out_trade_no = '{number}'")).await;
        let of_wechat = refund_id(&site).await;
        let tail = &number[number.len() - 8..];
        let lower = number.to_lowercase();
        for typed in [&number, tail, &lower, &lower[..24], &refund, "rf20260315a", &of_wechat, "lin", "林小"]
        {
            let page = shown(&site, &cookie, &format!("/admin/orders?q={typed}")).await;
            assert!(page.contains(&number), "{typed}: {page}");
            let page = shown(&site, &cookie, &format!("/admin/refunds?q={typed}")).await;
            assert!(page.contains(&refund), "{typed}: {page}");
        }
        for typed in ["%25", "_", "SM9", "%3Cscript%3Ealert(1)%3C/script%3E", "'%20OR%201=1%20--"] {
            let page = shown(&site, &cookie, &format!("/admin/orders?q={typed}")).await;
            assert!(!page.contains(&number) && !page.contains("<script>alert"), "{typed}: {page}");
        }
    })
    .await;
}

#[tokio::test]
async fn each_filter_keeps_what_it_names_and_leaves_the_rest_out() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        let (paid, _) = refunded(&site, &cookie).await;
        let (open, _) = site.placed("wang", "30").await;
        for (query, has_paid, has_open) in [
            ("", true, true),
            ("state=paid", true, false),
            ("state=pending", false, true),
            ("state=pending,paid", true, true),
            ("refunded=yes", true, false),
            ("refunded=no", false, true),
            ("min=20", false, true),
            ("max=10", true, false),
            ("min=10&max=30", true, true),
            ("period=today", true, true),
            ("period=yesterday", false, false),
            ("period=7d", true, true),
            ("by=paid&period=today", true, false),
            ("by=paid&from=2020-01-01&to=2020-01-31", false, false),
            ("user=wang", false, true),
            ("channel=NATIVE", true, true),
            ("channel=APP", false, false),
            ("protocol=v3", false, false),
            ("exception=any", false, false),
            ("proof=notice", true, false),
        ] {
            let page = shown(&site, &cookie, &format!("/admin/orders?{query}")).await;
            let list = page.split("<tbody>").nth(1).unwrap_or_default();
            assert_eq!((list.contains(&paid), list.contains(&open)), (has_paid, has_open), "{query}: {page}");
        }
        let page = shown(&site, &cookie, "/admin/orders?state=paid").await;
        for figure in ["¥10.00", "¥4.00", "¥6.00"] {
            assert!(page.contains(&format!("<dd>{figure}")), "{figure}: {page}");
        }
        for (query, listed) in
            [("", true), ("state=closed", false), ("min=4&max=4", true), ("by=ended&period=yesterday", false)]
        {
            let page = shown(&site, &cookie, &format!("/admin/refunds?{query}")).await;
            assert_eq!(page.contains("RF20260315A"), listed, "{query}: {page}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_address_that_cannot_be_meant_says_so_and_lists_nothing() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        let (number, _) = site.placed("lin", "10").await;
        let long = format!("q={}", "x".repeat(10_000));
        for query in [
            "state=bogus",
            "stat=paid",
            "state=paid&state=closed",
            "from=2026-02-30",
            "from=2026-03-15&to=2026-03-01",
            "period=7d&from=2026-03-01",
            "min=abc",
            "min=20&max=10",
            "refunded=maybe",
            "by=paid&state=closed",
            "before=nowhere",
            "q=a%00b",
            &long,
        ] {
            for list in ["orders", "refunds"] {
                let page = shown(&site, &cookie, &format!("/admin/{list}?{query}")).await;
                assert!(page.contains(CLEAR) && !page.contains(&number), "{list}?{query}: {page}");
            }
        }
        let page = shown(&site, &cookie, "/admin/orders?state=%3Cscript%3Ealert(1)%3C/script%3E").await;
        assert!(page.contains(CLEAR) && !page.contains("<script>alert"), "{page}");
    })
    .await;
}

#[tokio::test]
async fn an_operator_keeps_filters_and_columns_for_the_next_time() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        site.placed("lin", "10").await;
        let filter = [("list", "orders"), ("query", "state=paid&min=10&before=1-SM1"), ("name", "大额")];
        let back = led_to(&site, &cookie, "/admin/filters", &filter).await;
        assert_eq!(back, "/admin/orders?state=paid&min=10&said=filter_saved");
        let page = shown(&site, &cookie, "/admin/orders").await;
        assert!(page.contains("大额") && page.contains("/admin/orders?state=paid&amp;min=10"), "{page}");
        for (name, query) in
            [("", "state=paid"), ("a name of more than twenty letters", "state=paid"), ("all", "")]
        {
            let filter = [("list", "orders"), ("query", query), ("name", name)];
            assert!(
                led_to(&site, &cookie, "/admin/filters", &filter).await.ends_with("said=filter_name"),
                "{name}"
            );
        }
        assert_eq!(site.count("saved_filters").await, 1);
        let forget = [("list", "orders"), ("query", ""), ("forget", "大额")];
        assert_eq!(
            led_to(&site, &cookie, "/admin/filters", &forget).await,
            "/admin/orders?said=filter_forgotten"
        );
        assert_eq!(site.count("saved_filters").await, 0);
        let columns = [
            ("list", "orders"),
            ("query", ""),
            ("column", "amount"),
            ("column", "reference"),
            ("column", "rumour"),
        ];
        assert_eq!(led_to(&site, &cookie, "/admin/columns", &columns).await, "/admin/orders");
        let page = shown(&site, &cookie, "/admin/orders").await;
        let head = page.split("<thead>").nth(1).unwrap().split("</thead>").next().unwrap();
        assert!(head.contains("网站单号") && !head.contains("微信单号"), "{head}");
    })
    .await;
}
