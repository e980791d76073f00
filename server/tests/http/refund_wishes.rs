//! A payer asks for a refund on the order's page, an operator decides at the desk, and both see what became of it.

use reqwest::{Response, StatusCode};

use super::common::{PASSWORD, Site, on_both, on_both_with};
use super::operators;

async fn page(site: &Site, cookie: &str, path: &str) -> String {
    let request = site.get(path).header("cookie", cookie).header("accept-language", "zh-CN");
    request.send().await.unwrap().text().await.unwrap()
}

async fn post(site: &Site, cookie: &str, path: &str, form: &[(&str, &str)]) -> Response {
    site.post(path, form).header("cookie", cookie).send().await.unwrap()
}

fn led_to(response: &Response) -> String {
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    response.headers()["location"].to_str().unwrap().to_owned()
}

/// The value of the hidden field `seen` in the form that declines.
fn seen(page: &str) -> String {
    let form = page.split("/decline\"").nth(1).expect("a form that declines");
    form.split("name=\"seen\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

async fn paid(site: &Site) -> String {
    let (number, code_url) = site.placed("lin-7", "10").await;
    site.pay(&code_url, &[]).await;
    site.until("lin-7", &number, "paid").await;
    number
}

#[tokio::test]
async fn a_wish_is_declined_with_words_that_the_payer_reads_and_the_next_one_is_granted() {
    on_both(async |site| {
        let (lin, desk) = (site.cookie("lin-7").await, operators::cookie(&site).await);
        let number = paid(&site).await;
        let order = format!("/pay/{number}");
        assert!(page(&site, &lin, &order).await.contains("申请退款"));
        let empty = post(&site, &lin, &format!("{order}/refund"), &[("reason", " \n ")]).await;
        assert_eq!(led_to(&empty), format!("{order}?refund=reason"));
        assert!(page(&site, &lin, &led_to(&empty)).await.contains("请填写退款原因"));

        let reason = [("reason", "<b>买错了</b>")];
        for _ in 0..2 {
            // A second press changes nothing and says nothing bad.
            assert_eq!(led_to(&post(&site, &lin, &format!("{order}/refund"), &reason).await), order);
        }
        let shown = page(&site, &lin, &order).await;
        assert!(shown.contains("&lt;b&gt;买错了") && shown.contains("等待处理"), "{shown}");
        assert!(page(&site, &desk, "/admin").await.contains("/admin/work?kind=wish\">1<"));
        let list = page(&site, &desk, "/admin/refund-wishes").await;
        assert!(list.contains(&number) && list.contains("&lt;b&gt;买错了"), "{list}");

        let desk_order = format!("/admin/orders/{number}");
        let shown = page(&site, &desk, &desk_order).await;
        assert!(shown.contains("amount=10.00"), "accepting leads to the refund's form, filled in");
        let path = format!("{desk_order}/refund-wishes/1/decline");
        let seen = seen(&shown);
        let declined = post(&site, &desk, &path, &[("seen", &seen), ("words", "已经用完了")]).await;
        assert!(led_to(&declined).contains("wish_declined"));
        let again = post(&site, &desk, &path, &[("seen", &seen), ("words", "再说一次")]).await;
        assert!(led_to(&again).contains("wish_over"));
        let shown = page(&site, &lin, &order).await;
        assert!(
            shown.contains("未同意") && shown.contains("已经用完了") && !shown.contains("再说一次"),
            "{shown}"
        );
        assert!(page(&site, &desk, "/admin/refund-wishes").await.contains("没有待处理"));

        post(&site, &lin, &format!("{order}/refund"), &[("reason", "还是想退")]).await;
        let confirm = page(&site, &desk, &format!("{desk_order}/refund?amount=10.00&reason=refund")).await;
        let value = |name: &str| {
            let field = confirm.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
            field.split('"').next().unwrap().to_owned()
        };
        let (no, seen) = (value("no"), value("seen"));
        let form = [
            ("no", no.as_str()),
            ("amount", "10.00"),
            ("reason", "refund"),
            ("seen", seen.as_str()),
            ("password", PASSWORD),
        ];
        assert!(
            led_to(&post(&site, &desk, &format!("{desk_order}/refund"), &form).await).contains("said=refund")
        );
        let shown = page(&site, &lin, &order).await;
        assert!(shown.contains("已同意") && !shown.contains("等待处理"), "{shown}");
        assert!(!shown.contains("id=\"why\""), "nothing is left to ask for");
        assert!(!page(&site, &desk, "/admin").await.contains("kind=wish"), "it does not wait any more");
    })
    .await;
}

#[tokio::test]
async fn only_the_owner_asks_and_only_where_the_site_lets_payers_ask() {
    on_both(async |site| {
        let number = paid(&site).await;
        let wang = site.cookie("wang-8").await;
        let path = format!("/pay/{number}/refund");
        let asked = post(&site, &wang, &path, &[("reason", "不是我的")]).await;
        assert_eq!((asked.status(), site.count("refund_wishes").await), (StatusCode::NOT_FOUND, 0));
    })
    .await;
    on_both_with("refund_wishes = false\n", async |site| {
        let (number, lin) = (paid(&site).await, site.cookie("lin-7").await);
        assert!(!page(&site, &lin, &format!("/pay/{number}")).await.contains("申请退款"));
        let asked = post(&site, &lin, &format!("/pay/{number}/refund"), &[("reason", "买错了")]).await;
        assert_eq!((asked.status(), site.count("refund_wishes").await), (StatusCode::NOT_FOUND, 0));
    })
    .await;
}
