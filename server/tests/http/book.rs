//! The desk's links into the book, where the site serves it.

use super::{
    common::{Site, on_both, on_both_with, paid, signed},
    money::shown,
    operators::cookie,
};

const DOCS: &str = "https://docs.example.com/saoma";

/// A payment that fits no order, and the desk's page about it.
async fn strange_payment(site: &Site, cookie: &str) -> String {
    site.notice(signed(paid("SM20260101000000NOSUCHORDER00001", "1000"))).await;
    shown(site, cookie, "/admin/orders/SM20260101000000NOSUCHORDER00001").await
}

#[tokio::test]
async fn where_the_book_is_served_the_desk_links_to_what_it_says() {
    on_both_with(&format!("docs_url = \"{DOCS}/\"\n"), async |site| {
        let cookie = cookie(&site).await;
        let overview = shown(&site, &cookie, "/admin").await;
        assert!(overview.contains(&format!("href=\"{DOCS}/zh/index.html\"")), "{overview}");
        let exception = strange_payment(&site, &cookie).await;
        let what_to_do = format!("href=\"{DOCS}/zh/runbooks/exceptions.html#unknown-order\"");
        assert!(exception.contains(&what_to_do), "{exception}");
    })
    .await;
}

#[tokio::test]
async fn without_it_nothing_leads_there() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        for page in [shown(&site, &cookie, "/admin").await, strange_payment(&site, &cookie).await] {
            assert!(!page.contains("runbooks/") && !page.contains("/zh/index.html"), "{page}");
        }
    })
    .await;
}
