//! Payers who take their orders back.

use reqwest::{Response, StatusCode};
use serde_json::json;

use super::common::{Site, on_both};

async fn post(site: &Site, cookie: &str, path: &str, form: &[(&str, &str)]) -> Response {
    site.post(path, form).header("cookie", cookie).send().await.unwrap()
}

async fn page(site: &Site, cookie: &str, path: &str) -> String {
    let answer = site.get(path).header("cookie", cookie).header("accept-language", "zh-CN").send();
    answer.await.unwrap().text().await.unwrap()
}

fn led_to(response: &Response) -> &str {
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    response.headers()["location"].to_str().unwrap()
}

#[tokio::test]
async fn a_cancelled_order_shows_no_code_and_a_payment_of_it_is_still_credited() {
    on_both(async |site| {
        let lin = site.cookie("lin-7").await;
        let (number, code_url) = site.placed("lin-7", "10").await;
        let order = format!("/pay/{number}");
        assert!(page(&site, &lin, &order).await.contains("class=\"qr\""));
        let cancelled = post(&site, &lin, &format!("{order}/cancel"), &[]).await;
        assert_eq!(led_to(&cancelled), order);
        let shown = page(&site, &lin, &order).await;
        assert!(shown.contains("订单已取消") && shown.contains("仍会自动入账"), "{shown}");
        assert!(!shown.contains("class=\"qr\"") && !shown.contains("没有收到付款"), "{shown}");
        assert!(page(&site, &lin, "/").await.contains("已取消"));

        site.pay(&code_url, &[]).await;
        site.until("lin-7", &number, "paid").await;
        assert_eq!(site.balance("lin-7").await, 1000);
        // What is paid stays paid.
        assert_eq!(led_to(&post(&site, &lin, &format!("{order}/cancel"), &[]).await), order);
        assert!(page(&site, &lin, &order).await.contains("已到账"));
        assert_eq!((site.balance("lin-7").await, site.count("ledger").await), (1000, 1));
    })
    .await;
}

#[tokio::test]
async fn wechat_is_asked_about_a_cancelled_order_before_anything_else() {
    on_both(async |site| {
        site.no_notices().await;
        let lin = site.cookie("lin-7").await;
        let (number, code_url) = site.placed("lin-7", "10").await;
        site.pay(&code_url, &[]).await;
        post(&site, &lin, &format!("/pay/{number}/cancel"), &[]).await;
        // No notice comes, and no page watches: only the question of the cancelling itself can find it so soon.
        let asked = std::time::Instant::now();
        site.until("lin-7", &number, "paid").await;
        assert!(asked.elapsed() < std::time::Duration::from_secs(5), "{:?}", asked.elapsed());
        assert_eq!(site.balance("lin-7").await, 1000);
    })
    .await;
}

#[tokio::test]
async fn whoever_cancels_one_of_too_many_orders_has_room_for_another() {
    on_both(async |site| {
        let lin = site.cookie("lin-7").await;
        let mut first = String::new();
        for quantity in ["10", "20", "30", "40", "60"] {
            first = site.placed("lin-7", quantity).await.0;
        }
        let full = post(&site, &lin, "/recharge", &[("quantity", "50")]).await;
        assert_eq!(led_to(&full), "/?error=too_many_open");
        let shown = page(&site, &lin, "/?error=too_many_open").await;
        assert!(shown.contains("请先支付或取消其中一笔"), "{shown}");
        assert_eq!(shown.matches("/cancel\"").count(), 5);
        let cancelled = post(&site, &lin, &format!("/pay/{first}/cancel"), &[("from", "list")]).await;
        assert_eq!(led_to(&cancelled), "/");
        let placed = post(&site, &lin, "/recharge", &[("quantity", "50")]).await;
        assert!(led_to(&placed).starts_with("/pay/SM"));
    })
    .await;
}

#[tokio::test]
async fn nobody_cancels_somebody_elses_order() {
    on_both(async |site| {
        let wang = site.cookie("wang-8").await;
        let (number, _) = site.placed("lin-7", "10").await;
        let refused = post(&site, &wang, &format!("/pay/{number}/cancel"), &[]).await;
        assert_eq!(refused.status(), StatusCode::NOT_FOUND);
        let call = site.http.post(format!("{}/api/cancel_order", site.url)).header("origin", &site.url);
        let call = call.header("cookie", &wang).json(&json!({ "out_trade_no": number }));
        assert_eq!(call.send().await.unwrap().status(), StatusCode::NOT_FOUND);
        assert_eq!(site.status("lin-7", &number).await["state"], "pending");
        let lin = site.cookie("lin-7").await;
        assert!(page(&site, &lin, &format!("/pay/{number}")).await.contains("class=\"qr\""));
    })
    .await;
}
