//! What a person reads about money is true at that instant: no word runs ahead of it, and no other currency is called yuan.

use serde_json::json;
use wxpay::v2::Fields;

use super::common::{PASSWORD, Site, on_both, paid, signed};
use super::money::{led_to, seen, shown};
use super::operators::cookie;

/// The cookie of a payer who came by the site's link.
async fn payer(site: &Site, user: &str) -> String {
    let response = site.get(&format!("/?u={}", site.token(user))).send().await.unwrap();
    let cookie = response.headers()["set-cookie"].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

async fn until(site: &Site, rows: &str) {
    for _ in 0..150 {
        if site.count(rows).await == 1 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("no {rows}");
}

fn in_dollars(mut fields: Fields) -> String {
    fields.set("fee_type", "USD");
    signed(fields)
}

#[tokio::test]
async fn another_currency_is_shown_by_its_code_in_all_places_and_never_as_yuan() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        let (number, _) = site.placed("lin", "50").await;
        let stray = "SM20200101000000AAAAAAAAAAAAAAAA";
        let mut unknown = paid(stray, "3000");
        unknown.set("transaction_id", "4200001234202603151234567891");
        site.notice(in_dollars(paid(&number, "3000"))).await;
        site.notice(in_dollars(unknown)).await;
        assert_eq!(site.count("exceptions WHERE fee_type = 'USD'").await, 2);
        for (number, kind) in [(number.as_str(), "currency_mismatch"), (stray, "unknown_order")] {
            let order = format!("/admin/orders/{number}");
            let page = shown(&site, &cookie, &order).await;
            let resolve =
                page.split('"').find(|part| part.contains("way=dismissed")).unwrap().replace("&amp;", "&");
            assert!(resolve.contains(kind), "{resolve}");
            for path in ["/admin", "/admin/exceptions", &order, &resolve] {
                for lang in ["zh", "en"] {
                    let sign = if path.contains('?') { '&' } else { '?' };
                    let page = shown(&site, &cookie, &format!("{path}{sign}lang={lang}")).await;
                    assert!(page.contains("USD 30.00"), "{path} {lang}");
                    assert!(!page.contains("¥30.00") && !page.contains("total_fee 3000"), "{path} {lang}");
                    // On the pages of money that is no order's there is no yuan at all.
                    assert!(number != stray || !path.contains(stray) || !page.contains('¥'), "{path} {lang}");
                }
            }
        }
    })
    .await;
}

/// Words that say that money has gone back, or all of it.
const AHEAD: [&str; 6] =
    ["已退款", "已退回", "已全部退款", "Everything has been", "was refunded", ">Refunded<"];

#[tokio::test]
async fn no_word_says_that_money_went_back_before_it_did() {
    on_both(async |site| {
        let (desk, user) = (cookie(&site).await, payer(&site, "lin").await);
        site.faults(json!({"refund": {"refuse": "NOTENOUGH"}})).await;
        // One order is refunded as a whole, the second payment of another one goes back as an exception.
        let (whole, code_url) = site.placed("lin", "10").await;
        site.pay(&code_url, &[]).await;
        site.until("lin", &whole, "paid").await;
        let (twice, code_url) = site.placed("lin", "30").await;
        site.pay(&code_url, &[]).await;
        site.until("lin", &twice, "paid").await;
        site.pay(&code_url, &[("again", "1")]).await;
        until(&site, "exceptions WHERE kind = 'duplicate'").await;
        let path = format!("/admin/orders/{whole}/refund");
        let version = seen(&site, &desk, &format!("{path}?amount=10&reason=x")).await;
        let form =
            [("no", "RF1"), ("amount", "10"), ("reason", "x"), ("seen", version), ("password", PASSWORD)];
        assert!(led_to(&site, &desk, &path, &form).await.contains("said=refund"));
        let page = shown(&site, &desk, &format!("/admin/orders/{twice}")).await;
        let link = page.split('"').find(|part| part.contains("way=refund")).unwrap().replace("&amp;", "&");
        let id =
            link.split("id=").nth(1).and_then(|rest| rest.split('&').next()).unwrap().replace("%3A", ":");
        let version = seen(&site, &desk, &link).await;
        let form =
            [("id", id.as_str()), ("way", "refund"), ("no", "RF2"), ("reason", "x"), ("seen", version)];
        let form = [&form[..], &[("password", PASSWORD)]].concat();
        assert!(
            led_to(&site, &desk, &format!("/admin/orders/{twice}/settle"), &form)
                .await
                .contains("said=settled")
        );
        until(&site, "refunds WHERE out_refund_no = 'RF1' AND problem = 'not_enough'").await;
        until(&site, "refunds WHERE out_refund_no = 'RF2' AND problem = 'not_enough'").await;
        let orders = [&whole, &twice].map(|number| format!("/admin/orders/{number}"));
        let own = [format!("/pay/{whole}"), format!("/pay/{whole}/receipt"), "/".to_owned()];
        let desks = ["/admin", "/admin/orders", "/admin/exceptions?show=settled"].map(str::to_owned);
        let pages: Vec<_> = desks.iter().chain(&orders).map(|path| (path, &desk)).collect();
        let pages: Vec<_> = pages.into_iter().chain(own.iter().map(|path| (path, &user))).collect();
        // They are due again in ten minutes.
        let stuck = "UPDATE refunds SET problem = 'not_enough'";
        let recorded = "UPDATE refunds SET state = 'requested', problem = NULL, problem_said = NULL";
        let submitted = "UPDATE refunds SET state = 'submitted', refund_id = '5030000123202603161234567890' || substr(out_refund_no, 3)";
        let abnormal = "UPDATE refunds SET state = 'abnormal'";
        for (state, sql) in
            [("stuck", stuck), ("recorded", recorded), ("submitted", submitted), ("abnormal", abnormal)]
        {
            site.set(sql).await;
            for (path, cookie) in &pages {
                for lang in ["zh", "en"] {
                    let sign = if path.contains('?') { '&' } else { '?' };
                    let page = shown(&site, cookie, &format!("{path}{sign}lang={lang}")).await;
                    for word in AHEAD {
                        assert!(!page.contains(word), "{state} {path} {lang}: {word}");
                    }
                }
            }
            let left = shown(&site, &desk, &format!("{}?lang=zh", orders[0])).await;
            assert!(left.contains("没有可退余额（¥10.00 处理中）"), "{state}");
            let overview = shown(&site, &desk, "/admin?lang=zh").await;
            let waits = matches!(state, "stuck" | "abnormal");
            assert_eq!(overview.contains("需要处理的退款"), waits, "{state}");
            assert_eq!(overview.contains("进行中的退款"), !waits, "{state}");
        }
        site.set("UPDATE refunds SET state = 'succeeded', due_at = NULL, ended_at = 1").await;
        for path in [&orders[0], &desks[2]] {
            let page =
                shown(&site, &desk, &format!("{path}{}lang=zh", if path.contains('?') { '&' } else { '?' }))
                    .await;
            assert!(page.contains("已退款") || page.contains("已退回"), "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_query_that_failed_is_named_on_the_time_line_and_where_the_last_one_stands() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        let (number, _) = site.placed("lin", "10").await;
        let path = format!("/admin/orders/{number}");
        site.faults(json!({"answer": "500"})).await;
        let back = led_to(&site, &cookie, &format!("{path}/ask"), &[]).await;
        assert_eq!(back, format!("{path}?said=busy"));
        assert_eq!(site.count("events WHERE kind = 'query_failed' AND detail LIKE '%admin%'").await, 1);
        for (lang, event, last) in [
            ("zh", "向微信查询失败，订单未变", "结果：查询失败"),
            ("en", "The query of WeChat failed; the order is as it was", ": the query failed"),
        ] {
            let page = shown(&site, &cookie, &format!("{path}?lang={lang}")).await;
            assert!(page.contains(event) && page.contains(last), "{lang}: {page}");
        }
        site.faults(json!({})).await;
        led_to(&site, &cookie, &format!("{path}/ask"), &[]).await;
        let page = shown(&site, &cookie, &format!("{path}?lang=zh")).await;
        assert!(page.contains("向微信查询失败") && !page.contains("结果：查询失败"), "{page}");
    })
    .await;
}

#[tokio::test]
async fn a_wrong_amount_that_a_query_put_right_is_named_by_what_was_credited() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        site.faults(json!({"notify": {"total_fee": 1}})).await;
        let (number, code_url) = site.placed("lin", "50").await;
        site.pay(&code_url, &[]).await;
        until(&site, "exceptions WHERE kind = 'amount_mismatch'").await;
        led_to(&site, &cookie, &format!("/admin/orders/{number}/ask"), &[]).await;
        site.until("lin", &number, "paid").await;
        for path in ["/admin/exceptions?show=settled&lang=zh", &format!("/admin/orders/{number}?lang=zh")] {
            let page = shown(&site, &cookie, path).await;
            assert!(
                page.contains("已入账") && page.contains("¥50.00") && page.contains("微信通知金额 ¥0.01"),
                "{path}: {page}"
            );
            assert!(!page.contains("<strong class=\"money\">¥0.01"), "{path}");
        }
    })
    .await;
}
