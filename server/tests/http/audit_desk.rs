//! The audit at the desk: found by who, what, when and which order, page by page.

use recharge::role::Role;

use super::{
    common::{PASSWORD, Site, on_both},
    money::{led_to, seen, shown},
    operators,
    people::cookie_of,
};

/// Writes entries of the test's own, one a minute from this time of Beijing on.
async fn written(site: &Site, count: i64) {
    for n in 0..count {
        // 2026-03-15 00:00 in Beijing.
        let at = 1_773_504_000_000 + n * 60_000;
        site.run(&format!(
            "INSERT INTO audit (id, at, operator, action, subject, address, before, after) \
             VALUES ('{n:032x}', {at}, 'wang', 'note_{}', 'S{n}', '192.0.2.7', '{{}}', '{{}}')",
            n % 2
        ))
        .await;
    }
}

#[tokio::test]
async fn a_refund_is_found_by_operator_action_order_and_day() {
    on_both(async |site| {
        let cookie = operators::cookie(&site).await;
        let viewer = cookie_of(&site, Role::Viewer).await;
        let (number, code) = site.placed("lin", "10").await;
        site.pay(&code, &[]).await;
        site.until("lin", &number, "paid").await;
        let path = format!("/admin/orders/{number}/refund");
        let page = format!("{path}?amount=4&reason=changed%20mind");
        let version = seen(&site, &cookie, &page).await;
        let page = shown(&site, &cookie, &page).await;
        let no = page.split("name=\"no\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let form = [
            ("amount", "4"),
            ("reason", "changed mind"),
            ("no", no.as_str()),
            ("seen", version),
            ("password", PASSWORD),
        ];
        assert!(led_to(&site, &cookie, &path, &form).await.contains("said=refund"));
        let today = wxpay::UnixMillis::now().to_beijing_text()[..10].to_owned();
        for (query, listed) in [
            (format!("q={number}"), true),
            ("who=admin&what=refund".to_owned(), true),
            (format!("from={today}&to={today}&what=refund"), true),
            ("what=refund".to_owned(), true),
            ("who=wang".to_owned(), false),
            ("what=grant".to_owned(), false),
            ("to=2020-01-01".to_owned(), false),
            ("from=2100-01-01".to_owned(), false),
            ("q=%25".to_owned(), false),
            ("q=%3Cscript%3E".to_owned(), false),
        ] {
            let page = shown(&site, &viewer, &format!("/admin/audit?{query}")).await;
            assert_eq!(page.contains("changed mind"), listed, "{query}: {page}");
            assert!(!page.contains("<script>"), "{query}");
        }
        let page = shown(&site, &viewer, &format!("/admin/audit?q={number}")).await;
        assert!(page.contains("金额 ¥4.00") && page.contains(&format!("/admin/orders/{number}\"")), "{page}");
        let odd = shown(&site, &viewer, "/admin/audit?from=yesterday&before=moon").await;
        assert!(odd.contains("日期要写成") && odd.contains("changed mind"), "{odd}");
    })
    .await;
}

#[tokio::test]
async fn pages_are_whole_and_without_gaps_and_a_day_is_beijings() {
    on_both(async |site| {
        let viewer = cookie_of(&site, Role::Viewer).await;
        written(&site, 120).await;
        let mut found = Vec::new();
        let mut path = "/admin/audit?who=wang".to_owned();
        for _ in 0..3 {
            let page = shown(&site, &viewer, &path).await;
            found.extend(
                page.split("class=\"mono\">S")
                    .skip(1)
                    .map(|part| part.split('<').next().unwrap().parse::<i64>().unwrap()),
            );
            // The link to the other language has the present place in it.
            let places = page.split("href=\"/admin/audit?who=wang&amp;before=").skip(1);
            let mut places = places.map(|rest| rest.split('"').next().unwrap());
            let Some(older) = places.find(|place| !place.contains('&')) else { break };
            path = format!("/admin/audit?who=wang&before={older}");
        }
        assert_eq!(found, (0..120).rev().collect::<Vec<_>>());
        let day = |day: &str| format!("/admin/audit?who=wang&from={day}&to={day}");
        assert!(shown(&site, &viewer, &day("2026-03-15")).await.contains(">S119<"));
        assert!(!shown(&site, &viewer, &day("2026-03-14")).await.contains("class=\"mono\">S"));
        assert!(shown(&site, &viewer, "/admin/audit?what=note_1").await.contains(">S119<"));
        assert!(!shown(&site, &viewer, "/admin/audit?what=note_1").await.contains(">S118<"));
    })
    .await;
}

#[tokio::test]
async fn the_csv_has_what_the_filter_chooses_to_the_last_row_and_no_formula() {
    on_both(async |site| {
        let viewer = cookie_of(&site, Role::Viewer).await;
        written(&site, 60).await;
        let many: Vec<_> = (100..2_400)
            .map(|n| format!("('{n:032x}', {n}, 'wang', 'note_2', '=1+{n}', '192.0.2.7', '{{}}', '{{\"reason\":\"a \"\"b\"\"\"}}')"))
            .collect();
        let rows = many.join(", ").replace("\"\"b\"\"", "b");
        site.run(&format!("INSERT INTO audit (id, at, operator, action, subject, address, before, after) VALUES {rows}")).await;
        let get = async |query: &str| {
            let response = site.get(&format!("/admin/audit.csv?{query}")).header("cookie", &viewer).send().await.unwrap();
            let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
            let name = response.headers()["content-disposition"].to_str().unwrap().to_owned();
            assert_eq!((kind.as_str(), name.as_str()), ("text/csv; charset=utf-8", "attachment; filename=\"audit.csv\""));
            response.text().await.unwrap()
        };
        let all = get("who=wang").await;
        // The client takes the mark at the beginning for itself.
        assert_eq!(all.trim_end().lines().count(), 1 + 60 + 2_300, "{}", &all[..200]);
        let one = get("who=wang&what=note_1").await;
        assert_eq!(one.trim_end().lines().count(), 1 + 30);
        assert!(one.contains("2026-03-15 00:59:00,\"wang\",\"note_1\",\"S59\",,"), "{one}");
        assert!(get("what=note_2").await.contains(",\"'=1+100\","), "a formula is text");
        let heads = |all: &str| all.trim_start_matches('\u{FEFF}').lines().next().unwrap().to_owned();
        assert!(heads(&all).starts_with("\"时间\",\"操作人\",\"操作\",\"对象\",\"金额（元）\""), "{}", heads(&all));
        let english = get("who=wang&what=note_1&lang=en").await;
        assert!(heads(&english).starts_with("\"Time\",\"Who\",\"What\",\"Object\",\"Amount (yuan)\""), "{}", heads(&english));
        let stranger = site.get("/admin/audit.csv").send().await.unwrap();
        assert_eq!(stranger.status(), reqwest::StatusCode::SEE_OTHER);
        let page = shown(&site, &viewer, "/admin/audit?who=wang&before=1-x").await;
        assert!(page.contains("/admin/audit.csv?who=wang\""), "{page}");
    })
    .await;
}
