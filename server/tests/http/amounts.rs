//! Limits of a day, the bonus for an account's first order, promotions and units, from the page to the balance.

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use super::common::{Site, on_both_with};

async fn page(site: &Site, cookie: &str, path: &str) -> String {
    let request = site.get(path).header("cookie", cookie).header("accept-language", "zh-CN");
    request.send().await.unwrap().text().await.unwrap()
}

async fn press(site: &Site, cookie: &str, quantity: &str) -> Response {
    site.post("/recharge", &[("own", quantity)]).header("cookie", cookie).send().await.unwrap()
}

fn led_to(response: &Response) -> String {
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    response.headers()["location"].to_str().unwrap().to_owned()
}

/// As the dialog orders.
async fn create(site: &Site, cookie: &str, quantity: u32) -> (StatusCode, Value) {
    let request = site.http.post(format!("{}/api/create_order", site.url)).header("origin", &site.url);
    let response =
        request.header("cookie", cookie).json(&json!({ "quantity": quantity })).send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

#[tokio::test]
async fn a_day_has_its_limit_before_ordering_and_in_the_transaction() {
    on_both_with("max_per_day = 10000\n", async |site| {
        let lin = site.cookie("lin-7").await;
        assert!(page(&site, &lin, "/").await.contains("今天还可充值 ¥100.00"));
        let (status, order) = create(&site, &lin, 60).await;
        assert_eq!(status, StatusCode::OK, "{order}");
        assert!(page(&site, &lin, "/").await.contains("今天还可充值 ¥40.00"));
        let (status, error) = create(&site, &lin, 41).await;
        assert_eq!(
            (status, &error["code"], &error["left"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &"over_day".into(), &4000.into())
        );
        assert_eq!(led_to(&press(&site, &lin, "41").await), "/?error=over_day");
        assert!(page(&site, &lin, "/?error=over_day").await.contains("超过了今天的充值限额"));
        // The same again is the same order, another user has a limit of their own, and what is cancelled makes room.
        assert_eq!(create(&site, &lin, 60).await.1["out_trade_no"], order["out_trade_no"]);
        let wang = site.cookie("wang-8").await;
        assert_eq!(create(&site, &wang, 100).await.0, StatusCode::OK);
        let number = order["out_trade_no"].as_str().unwrap();
        let cancel = site.post(&format!("/pay/{number}/cancel"), &[]).header("cookie", &lin);
        assert_eq!(cancel.send().await.unwrap().status(), StatusCode::SEE_OTHER);
        let (status, order) = create(&site, &lin, 100).await;
        assert_eq!(status, StatusCode::OK, "{order}");
        // What is paid counts to the end of the day, by the site's own token too.
        site.pay(order["code_url"].as_str().unwrap(), &[]).await;
        site.until("lin-7", order["out_trade_no"].as_str().unwrap(), "paid").await;
        let refused = site.order("lin-7", "1").await;
        assert_eq!(refused.status(), StatusCode::CONFLICT);
        assert_eq!(refused.json::<Value>().await.unwrap()["code"], "user_daily_limit");
    })
    .await;
}

#[tokio::test]
async fn the_first_order_of_an_account_is_credited_with_its_bonus_and_no_other() {
    on_both_with("first_bonus = 300\n", async |site| {
        let lin = site.cookie("lin-7").await;
        assert!(page(&site, &lin, "/").await.contains("首次充值再送 ¥3"));
        let (_, first) = create(&site, &lin, 10).await;
        assert_eq!(first["bonus"], 300);
        assert_eq!(create(&site, &lin, 10).await.1["out_trade_no"], first["out_trade_no"], "a second press");
        let (_, second) = create(&site, &lin, 20).await;
        assert_eq!(second["bonus"], 0, "another order carries it");
        assert!(!page(&site, &lin, "/").await.contains("首次充值"));
        for order in [&first, &second] {
            site.pay(order["code_url"].as_str().unwrap(), &[]).await;
            site.until("lin-7", order["out_trade_no"].as_str().unwrap(), "paid").await;
        }
        assert_eq!((site.balance("lin-7").await, site.count("first_bonuses").await), (3300, 1));
        assert_eq!(create(&site, &lin, 30).await.1["bonus"], 0, "it was never the first again");
    })
    .await;
}

#[tokio::test]
async fn a_first_order_that_is_cancelled_leaves_its_bonus_to_the_next() {
    on_both_with("first_bonus = 300\n", async |site| {
        let lin = site.cookie("lin-7").await;
        let (_, first) = create(&site, &lin, 10).await;
        let number = first["out_trade_no"].as_str().unwrap();
        let cancel = site.post(&format!("/pay/{number}/cancel"), &[]).header("cookie", &lin);
        assert_eq!(cancel.send().await.unwrap().status(), StatusCode::SEE_OTHER);
        let (_, second) = create(&site, &lin, 20).await;
        assert_eq!(second["bonus"], 300);
        // Both are paid all the same: one bonus.
        for order in [&first, &second] {
            site.pay(order["code_url"].as_str().unwrap(), &[]).await;
            site.until("lin-7", order["out_trade_no"].as_str().unwrap(), "paid").await;
        }
        assert_eq!(site.balance("lin-7").await, 3300);
    })
    .await;
}

const PROMOTION: &str = "unit_price = 50\nunit_name = \"点\"\npromotion_percent = 10\npromotion_name = \"周年庆\"\n\
    promotion_from = \"2020-01-01 00:00\"\npromotion_until = \"2099-01-01 00:00\"\n";

#[tokio::test]
async fn a_promotion_is_announced_and_credited_and_a_unit_has_its_name() {
    on_both_with(PROMOTION, async |site| {
        let lin = site.cookie("lin-7").await;
        let shown = page(&site, &lin, "/").await;
        assert!(shown.contains("周年庆：每笔充值多送 10%，截至 2099-01-01 00:00"), "{shown}");
        assert!(shown.contains("100 点") && shown.contains("每点 ¥0.50"), "{shown}");
        let (_, order) = create(&site, &lin, 7).await;
        assert_eq!((&order["total_fee"], &order["bonus"]), (&350.into(), &35.into()));
        // The form without script takes what people type.
        assert!(led_to(&press(&site, &lin, " 1，000 ").await).starts_with("/pay/SM"));
        site.pay(order["code_url"].as_str().unwrap(), &[]).await;
        site.until("lin-7", order["out_trade_no"].as_str().unwrap(), "paid").await;
        assert_eq!(site.balance("lin-7").await, 385);
    })
    .await;
    let over = PROMOTION.replace("2099", "2021");
    on_both_with(&over, async |site| {
        let lin = site.cookie("lin-7").await;
        assert!(!page(&site, &lin, "/").await.contains("周年庆"));
        assert_eq!(create(&site, &lin, 7).await.1["bonus"], 0);
    })
    .await;
}
