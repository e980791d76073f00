//! What the desk shows to each role: every page is walked by its links, and none leads to what the role would be refused.

use std::collections::{BTreeMap, BTreeSet};

use app::access::{Caller, Limit, Permission, Route, permissions};
use recharge::role::Role;
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{
    api_spend::Program,
    common::{PASSWORD, Site, on_both_with, paid, signed},
    money::{hidden, led_to, seen, shown},
    operators,
    people::cookie_of,
    webhooks::receiver,
};

/// The desk's addresses that a page's links and forms lead to, with the method that they use.
fn leads(page: &str) -> Vec<(Method, String)> {
    let mut found = Vec::new();
    for (mark, is_form) in [("href=\"/admin", false), ("action=\"/admin", true)] {
        for (at, _) in page.match_indices(mark) {
            let start = at + mark.len() - "/admin".len();
            let path = page[start..].split(['"', '#']).next().unwrap().replace("&amp;", "&");
            let tag = &page[page[..at].rfind('<').unwrap()..at];
            let is_post = is_form && (tag.contains("method=\"post\"") || tag.starts_with("<button"));
            found.push((if is_post { Method::POST } else { Method::GET }, path));
        }
    }
    found
}

/// Whether a registered path, with names in braces, is this address.
fn fits(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), path.split('/').collect());
    pattern.len() == path.len()
        && pattern.iter().zip(&path).all(|(wanted, part)| wanted.starts_with('{') || wanted == part)
}

fn route<'r>(register: &'r [Route], method: &Method, address: &str) -> Option<&'r Route> {
    let path = address.split('?').next().unwrap();
    let mut fitting = register.iter().filter(|route| route.method == method && fits(&route.path, path));
    // `/admin/account/grant` is not `/admin/account/{anything}`.
    let first = fitting.next();
    fitting.fold(first, |found, route| match found {
        Some(before) if before.path.contains('{') => Some(route),
        _ => found,
    })
}

/// Pages that differ only in the values of their query are walked once.
fn shape(address: &str) -> String {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let names: BTreeSet<_> = query.split('&').filter_map(|pair| pair.split('=').next()).collect();
    let names: Vec<_> = names.into_iter().filter(|name| *name != "lang").collect();
    format!("{path}?{}", names.join("&"))
}

async fn until(site: &Site, rows: &str) {
    for _ in 0..150 {
        if site.count(rows).await > 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("no {rows}");
}

/// Something of everything that the desk has a button for. Answers the page of a paid order, and pages to which no link leads.
async fn filled(site: Site) -> (Site, String, Vec<String>) {
    let owner = operators::cookie(&site).await;
    let (number, code) = site.placed("lin", "10").await;
    site.pay(&code, &[]).await;
    site.pay(&code, &[("force", "1"), ("again", "1")]).await;
    site.until("lin", &number, "paid").await;
    site.placed("lin", "20").await;
    let lin = site.cookie("lin").await;
    led_to(&site, &lin, &format!("/pay/{number}/refund"), &[("reason", "not used")]).await;
    for letter in ['A', 'B'] {
        let mut notice = paid(&format!("SM20260315100000{}", letter.to_string().repeat(16)), "1234");
        notice.set("transaction_id", format!("42000012342026031512345678{:02}", letter as u32 % 100));
        site.notice(signed(notice)).await;
    }
    // A refund that WeChat refuses, so that it can be hurried and withdrawn.
    let (returned, code) = site.placed("lin", "30").await;
    site.pay(&code, &[]).await;
    site.until("lin", &returned, "paid").await;
    site.faults(json!({"refund": {"refuse": "NOTENOUGH"}})).await;
    let path = format!("/admin/orders/{returned}/refund");
    let version = seen(&site, &owner, &format!("{path}?amount=1&reason=x")).await;
    let form =
        [("no", "RF20260315A"), ("amount", "1"), ("reason", "x"), ("seen", version), ("password", PASSWORD)];
    led_to(&site, &owner, &path, &form).await;
    until(&site, "refunds WHERE problem IS NOT NULL").await;
    let grant = shown(&site, &owner, "/admin/account/grant?user=lin&amount=200&reason=sorry").await;
    let (no, entries) = (hidden(&grant, "no"), hidden(&grant, "seen"));
    let form = [("user", "lin"), ("no", no), ("amount", "200"), ("reason", "sorry"), ("seen", entries)];
    let form = [&form[..], &[("password", PASSWORD)]].concat();
    assert!(led_to(&site, &owner, "/admin/account/grant", &form).await.contains("second_asked"));
    let form = [("user", "lin"), ("amount", "9"), ("name", "")];
    assert!(led_to(&site, &owner, "/admin/codes", &form).await.starts_with("/admin/codes/"));
    site.set(
        "INSERT INTO reconciliations (day, run, claimed_until, started_at, finished_at) \
         VALUES ('20260315', 'r', 0, 0, 1)",
    )
    .await;
    site.set(
        "INSERT INTO differences (day, kind, key, run, out_trade_no, transaction_id, out_refund_no, ours, done, reason, \
         first_seen_at) VALUES ('20260315', 'not_there', 'k', 'r', 'SM1', '', '', 100, 'listed', 'NOTPAY', 1)",
    )
    .await;
    let url = receiver().await.0;
    let form =
        [("url", url.as_str()), ("types", ""), ("description", ""), ("per_s", "50"), ("password", PASSWORD)];
    site.post("/admin/webhooks", &form).header("cookie", &owner).send().await.unwrap();
    let page = shown(&site, &owner, "/admin/webhooks").await;
    let hook = page.split("/admin/webhooks/we_").nth(1).map(|rest| &rest[..16]).unwrap();
    led_to(&site, &owner, &format!("/admin/webhooks/we_{hook}/test"), &[]).await;
    until(&site, "webhook_deliveries").await;
    let form = [
        ("kind", "feishu"),
        ("name", "x"),
        ("url", url.as_str()),
        ("lang", "zh"),
        ("k_exception", "1"),
        ("password", PASSWORD),
    ];
    assert!(led_to(&site, &owner, "/admin/alerts", &form).await.contains("said=channel_made"));
    let form = [("list", "orders"), ("name", "mine"), ("query", "state=paid")];
    led_to(&site, &owner, "/admin/filters", &form).await;
    let program = Program::of(site).await;
    program.post("/debits", json!({"user": "lin", "amount": 100, "reference": "d", "reason": "a job"})).await;
    // Forms lead here, with what was typed.
    let more =
        ["/admin/account/grant?user=lin&amount=1&reason=x", "/admin/exports?list=orders"].map(str::to_owned);
    let more = [&more[..], &[format!("{path}?amount=1&reason=x")]].concat();
    (program.site, format!("/admin/orders/{number}"), more)
}

/// Walks the desk as this role; the routes of the pages that it saw. Fails at the first lead to what would be refused.
async fn walked(
    site: &Site,
    register: &[Route],
    role: Role,
    cookie: &str,
    more: &[String],
) -> BTreeSet<String> {
    let may = |permission| permissions(role).contains(&permission);
    let of_role = more.iter().filter(|address| {
        let route = route(register, &Method::GET, address).unwrap();
        matches!(route.caller, Caller::Operator(permission) if may(permission))
    });
    let mut queue: Vec<_> = of_role.cloned().collect();
    queue.push("/admin".to_owned());
    let (mut known, mut seen) = (BTreeSet::new(), BTreeSet::new());
    while let Some(address) = queue.pop() {
        let own = &route(register, &Method::GET, &address).unwrap().path;
        // What does not exist any more, or lacks what its form asks for, is a page as well.
        let response = site.get(&address).header("cookie", cookie).send().await.unwrap();
        assert_ne!(response.status(), StatusCode::FORBIDDEN, "{role:?} {address}");
        if response.status() == StatusCode::OK {
            seen.insert(own.to_string());
        }
        for (method, led) in leads(&response.text().await.unwrap()) {
            let to =
                route(register, &method, &led).unwrap_or_else(|| panic!("{address} leads to {method} {led}"));
            let Caller::Operator(permission) = to.caller else { continue };
            assert!(may(permission), "{role:?}: {address} leads to {method} {led}");
            // Files are made and written into the audit; pages are only read.
            let is_page = method == Method::GET && to.limit == Limit::Reads && !led.contains(".csv");
            if is_page && known.insert(shape(&led)) {
                queue.push(led);
            }
        }
    }
    seen
}

#[tokio::test]
async fn no_page_leads_a_role_to_what_it_would_be_refused() {
    on_both_with("second_person_from = 10000\n", async |site| {
        let (site, paid, more) = filled(site).await;
        let register = server::router::register();
        let mut roles = BTreeMap::new();
        for role in Role::ALL {
            let cookie = cookie_of(&site, role).await;
            roles.insert(role, cookie);
        }
        for (role, cookie) in &roles {
            let mut more = more.clone();
            if permissions(*role).contains(&Permission::Finance) {
                let form = [("list", "orders"), ("filter", ""), ("format", "csv")];
                more.push(led_to(&site, cookie, "/admin/exports", &form).await);
            }
            let seen = walked(&site, &register, *role, cookie, &more).await;
            let order = shown(&site, cookie, &paid).await;
            assert_eq!(order.contains("/note\""), *role >= Role::Support, "{role:?}");
            assert_eq!(order.contains("/refund\""), *role >= Role::Finance, "{role:?}");
            assert_eq!(order.contains("/admin/operators\""), *role == Role::Owner, "{role:?}");
            let pages = register.iter().filter(|route| {
                let is_file = route.limit != Limit::Reads || route.path.contains(".csv");
                let may = |permission| permissions(*role).contains(&permission);
                route.method == Method::GET
                    && !is_file
                    && matches!(route.caller, Caller::Operator(of) if may(of))
            });
            let missed: Vec<_> =
                pages.map(|route| route.path.to_string()).filter(|path| !seen.contains(path)).collect();
            assert_eq!(missed, Vec::<String>::new(), "{role:?} does not find these pages by links");
        }
    })
    .await;
}
