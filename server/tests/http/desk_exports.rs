//! Exports: exactly what a list shows, audited, and never cut silently.

use std::time::Duration;

use reqwest::StatusCode;
use sqlx::Connection as _;

use super::{
    common::{Site, on_both, paid as sent, signed},
    money::{led_to, shown},
    operators::cookie,
};

/// Asks for an export; its page.
async fn asked(site: &Site, cookie: &str, list: &str, filter: &str, format: &str) -> String {
    let form = [("list", list), ("filter", filter), ("format", format)];
    let page = led_to(site, cookie, "/admin/exports", &form).await;
    assert!(page.starts_with("/admin/exports/EX"), "{page}");
    page
}

async fn file(site: &Site, cookie: &str, page: &str) -> reqwest::Response {
    // Sixty thousand rows take an unoptimised build a while on a busy machine.
    let patience = Duration::from_secs(180);
    site.get(&format!("{page}/file")).header("cookie", cookie).timeout(patience).send().await.unwrap()
}

async fn paid(site: &Site, user: &str, quantity: &str) -> String {
    let (number, code_url) = site.placed(user, quantity).await;
    site.pay(&code_url, &[]).await;
    site.until(user, &number, "paid").await;
    number
}

/// Closed orders, written behind the server's back.
async fn fill(site: &Site, many: i64) {
    site.run(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {many}) \
         INSERT INTO orders (out_trade_no, user_id, user_name, total_fee, bonus, body, product_id, notify_url, spbill_create_ip, \
         sign_type, created_at, time_expire, state, version, ordering_until, link_token, reusable, closed_at, queries) \
         SELECT 'SM' || (10000000 + i), 'u_1', 'u_1', 1000, 0, 'b', 'p', 'n', '127.0.0.1', 'MD5', i * 1000, i * 1000, \
         'closed', 1, 0, '', 0, i * 1000, 0 FROM n"
    ))
    .await;
}

async fn until(site: &Site, table: &str) {
    for _ in 0..300 {
        if site.count(table).await > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("never: {table}");
}

#[tokio::test]
async fn a_csv_has_exactly_the_rows_of_the_filter_and_no_cell_is_a_formula() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        let number = paid(&site, "lin", "10").await;
        let (open, _) = site.placed("wang", "30").await;
        site.run(&format!(
            "UPDATE orders SET user_name = '=HYPERLINK(\"x\")' WHERE out_trade_no = '{number}'"
        ))
        .await;
        let page = asked(&site, &cookie, "orders", "state=paid", "csv").await;
        let got = file(&site, &cookie, &page).await;
        assert_eq!(got.headers()["content-type"], "text/csv; charset=utf-8");
        let name = got.headers()["content-disposition"].to_str().unwrap().to_owned();
        assert!(name.starts_with("attachment; filename=\"orders-") && name.ends_with(".csv\""), "{name}");
        let text = got.text().await.unwrap();
        assert!(text.starts_with("\u{FEFF}\"订单号\","), "{text}");
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains(&format!("\"\t{number}\"")) && !text.contains(&open), "{text}");
        assert!(text.contains("\"'=HYPERLINK(\"\"x\"\")\"") && text.contains(",10.00,"), "{text}");
        until(&site, "audit WHERE action = 'export_ended' AND subject = 'orders' AND operator = 'admin'")
            .await;
        assert_eq!(site.count("audit WHERE action = 'export' AND after LIKE '%state=paid%'").await, 1);
        assert_eq!(site.count("audit WHERE action = 'export_ended' AND after LIKE '%\"rows\":1%'").await, 1);
        assert_eq!(site.count("exports WHERE state = 'ended' AND done = 1 AND whole = 1").await, 1);
        assert!(shown(&site, &cookie, &page).await.contains("已完成"));
        for (list, filter, has) in [
            ("refunds", "", "\"退款单号\""),
            ("ledger", "", "\"变动（元）\""),
            ("ledger", "", ",\"充值\",10.00,10.00,"),
            ("ledger", "", ",\"按规则\",\"付款\",\"credit\""),
            ("bill", "day=20260315", "\"差异\""),
        ] {
            let page = asked(&site, &cookie, list, filter, "csv").await;
            let text = file(&site, &cookie, &page).await.text().await.unwrap();
            assert!(text.starts_with('\u{FEFF}') && text.contains(has), "{list}: {text}");
        }
        let page = asked(&site, &cookie, "orders", "", "xlsx").await;
        let bytes = file(&site, &cookie, &page).await.bytes().await.unwrap();
        assert!(bytes.starts_with(b"PK"), "a zip file");
    })
    .await;
}

/// No export is under way, so that the same operator may have another.
const QUIET: &str =
    "(SELECT 1 AS n WHERE NOT EXISTS (SELECT 1 FROM exports WHERE state = 'running')) AS quiet";

#[tokio::test]
async fn payments_without_an_order_are_exported_from_the_pages_that_list_them() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        let (number, _) = site.placed("lin", "10").await;
        // What has an order stands in the list of orders.
        site.notice(signed(sent(&number, "1"))).await;
        let strays = ["SM20200101000000AAAAAAAAAAAAAAAA", "SM20200101000000BBBBBBBBBBBBBBBB"];
        for (stray, transaction) in strays.iter().zip(["4200001234202603151234567891", "4200001234202603151234567892"]) {
            let mut stray = sent(stray, "123456");
            stray.set("transaction_id", transaction);
            site.notice(signed(stray)).await;
        }
        assert_eq!(site.count("exceptions").await, 3);
        let listed = shown(&site, &cookie, "/admin/orders?exception=unknown_order").await;
        let link = "/admin/exports?list=unmatched&amp;filter=exception%3Dunknown_order\"";
        assert!(listed.contains(strays[0]) && listed.contains(link), "{listed}");
        let open = shown(&site, &cookie, "/admin/exceptions").await;
        assert!(open.contains("/admin/exports?list=unmatched\""), "{open}");
        let asking = shown(&site, &cookie, "/admin/exports?list=unmatched").await;
        assert!(asking.contains("没有对应订单的付款"), "{asking}");
        for (filter, rows) in
            [("", 2), (format!("q={}", strays[1]).as_str(), 1), ("exception=other_app", 0), ("to=2020-01-01", 0)]
        {
            let page = asked(&site, &cookie, "unmatched", filter, "csv").await;
            let text = file(&site, &cookie, &page).await.text().await.unwrap();
            assert!(text.starts_with("\u{FEFF}\"首次看到\",\"异常\",\"订单号\","), "{text}");
            assert_eq!(text.lines().count(), 1 + rows, "{filter}: {text}");
            assert!(!text.contains(&number), "{text}");
            assert_eq!(text.contains(&format!("\"\t{}\",\"\t4200001234202603151234567892\",1234.56,\"CNY\",2026-", strays[1])), rows > 0, "{text}");
            until(&site, QUIET).await;
            let ended = format!("audit WHERE action = 'export_ended' AND subject = 'unmatched' AND after LIKE '%\"rows\":{rows}%'");
            assert!(site.count(&ended).await > 0, "{ended}");
        }
        let first = format!("UPDATE exceptions SET settled_at = 1, settled_by = 'lin', settled_by_kind = 'operator', settled_how = 'dismissed', settled_reason = '=1+1' WHERE out_trade_no = '{}'", strays[0]);
        site.run(&first).await;
        let page = asked(&site, &cookie, "unmatched", "", "csv").await;
        let text = file(&site, &cookie, &page).await.text().await.unwrap();
        assert!(text.contains("\"已忽略\",\"lin\",1970-01-01 08:00:00,\"'=1+1\""), "{text}");
        until(&site, QUIET).await;
        let page = asked(&site, &cookie, "unmatched", "", "xlsx").await;
        assert!(file(&site, &cookie, &page).await.bytes().await.unwrap().starts_with(b"PK"), "a zip file");
        let wrong = led_to(&site, &cookie, "/admin/exports", &[("list", "unmatched"), ("filter", "state=paid"), ("format", "csv")]).await;
        assert!(wrong.starts_with("/admin/exports?list=unmatched"), "{wrong}");
    })
    .await;
}

#[tokio::test]
async fn a_filter_that_cannot_be_meant_exports_nothing() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        for filter in ["state=bogus", "min=abc", "period=7d&from=2026-03-01"] {
            let form = [("list", "orders"), ("filter", filter), ("format", "csv")];
            let back = led_to(&site, &cookie, "/admin/exports", &form).await;
            assert!(back.starts_with("/admin/exports?list=orders"), "{back}");
            assert!(shown(&site, &cookie, &back).await.contains("没有导出"), "{filter}");
        }
        assert_eq!(site.count("exports").await, 0);
        let stranger = site.get("/admin/exports/EX000000000000000000000000/file").header("cookie", &cookie);
        assert_eq!(stranger.send().await.unwrap().status(), StatusCode::NOT_FOUND);
    })
    .await;
}

#[tokio::test]
async fn a_reader_that_stops_ends_the_export_and_its_record_says_so() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        fill(&site, 60_000).await;
        let page = asked(&site, &cookie, "orders", "", "csv").await;
        let mut got = file(&site, &cookie, &page).await;
        assert!(got.chunk().await.unwrap().is_some());
        // Another of the same operator waits meanwhile.
        let second = asked(&site, &cookie, "orders", "", "csv").await;
        let refused = file(&site, &cookie, &second).await;
        assert_eq!(refused.status(), StatusCode::CONFLICT);
        assert!(refused.text().await.unwrap().contains("另一个导出还在进行"));
        drop(got);
        until(&site, "exports WHERE state = 'broken' AND problem = 'reader'").await;
        assert_eq!(site.count("audit WHERE action = 'export_broken' AND after LIKE '%reader%'").await, 1);
        assert_eq!(site.count("audit WHERE action = 'export_ended'").await, 0);
        let text = shown(&site, &cookie, &page).await;
        assert!(text.contains("已中断") && text.contains("重新下载"), "{text}");
        // And again, to the end.
        let text = file(&site, &cookie, &page).await.text().await.unwrap();
        assert_eq!(text.lines().count(), 60_001);
        let mut numbers: Vec<_> = text.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 60_000, "each order once");
    })
    .await;
}

#[tokio::test]
async fn what_the_database_breaks_off_does_not_look_whole() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        fill(&site, 60_000).await;
        let page = asked(&site, &cookie, "orders", "", "csv").await;
        let mut got = file(&site, &cookie, &page).await;
        let mut text = got.chunk().await.unwrap().unwrap().to_vec();
        site.run("ALTER TABLE exceptions RENAME TO away").await;
        let ended = loop {
            match got.chunk().await {
                Ok(Some(part)) => text.extend_from_slice(&part),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        assert!(ended.is_err(), "a client can tell that it is not whole");
        let text = String::from_utf8_lossy(&text);
        assert!(text.contains("导出中断"), "{}", text.lines().last().unwrap_or_default());
        until(&site, "exports WHERE state = 'broken' AND problem = 'database'").await;
        site.run("ALTER TABLE away RENAME TO exceptions").await;
    })
    .await;
}

#[tokio::test]
async fn a_busy_database_is_a_clear_answer() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        let page = asked(&site, &cookie, "orders", "", "csv").await;
        let mut other = sqlx::AnyConnection::connect(&site.database).await.unwrap();
        if !site.database.starts_with("sqlite") {
            return;
        }
        sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
        let refused = file(&site, &cookie, &page).await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(refused.text().await.unwrap().contains("数据库现在很忙"));
        sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
        assert_eq!(file(&site, &cookie, &page).await.status(), StatusCode::OK);
    })
    .await;
}

#[tokio::test]
async fn the_monthly_statement_adds_up_on_the_page_and_in_the_file() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        paid(&site, "lin", "10").await;
        let page = shown(&site, &cookie, "/admin/statement").await;
        assert!(page.contains("+¥10.00") && page.contains("<strong>¥10.00"), "{page}");
        let got = site.get("/admin/statement.csv").header("cookie", &cookie).send().await.unwrap();
        let text = got.text().await.unwrap();
        let total = text.lines().last().unwrap();
        assert_eq!(total, "\"合计\",1,10.00,0,0.00,0.00,10.00,0.00,0.00,0.00,10.00");
        assert_eq!(site.count("audit WHERE action = 'export' AND subject = 'statement'").await, 1);
        for month in ["2999-01", "2026-13", "yesterday"] {
            let page = shown(&site, &cookie, &format!("/admin/statement?month={month}")).await;
            assert!(page.contains("不是月份"), "{month}: {page}");
        }
    })
    .await;
}
