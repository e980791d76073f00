//! What a payer reads of an order that is over: receipts, expired codes, the own list by month.

use std::time::Duration;

use super::common::{Site, on_both_with};

async fn page(site: &Site, cookie: &str, path: &str) -> String {
    let request = site.get(path).header("cookie", cookie).header("accept-language", "zh-CN");
    request.send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn a_receipt_has_the_sites_name_and_tax_line_and_says_in_a_sandbox_that_it_is_play() {
    on_both_with("site_name = \"远山云\"\ntax_line = \"需要<发票>请联系我们\"\n", async |site| {
        let (lin, (number, code_url)) = (site.cookie("lin-7").await, site.placed("lin-7", "50").await);
        site.pay(&code_url, &[]).await;
        site.until("lin-7", &number, "paid").await;
        let receipt = page(&site, &lin, &format!("/pay/{number}/receipt")).await;
        for words in ["远山云", "需要&lt;发票&gt;请联系我们", "¥50.00", "¥52.00", "打印", "沙盒"]
        {
            assert!(receipt.contains(words), "{words}: {receipt}");
        }
        // Everything on it is the page's own.
        assert!(!receipt.contains("src=\"http"), "{receipt}");
    })
    .await;
}

/// Long enough to order on a busy machine, short enough to wait for.
#[tokio::test]
async fn an_order_whose_time_is_over_shows_no_code_while_wechat_cannot_be_asked() {
    on_both_with("time_expire_s = 6\n", async |site| {
        let (lin, (number, _)) = (site.cookie("lin-7").await, site.placed("lin-7", "10").await);
        site.faults(serde_json::json!({ "answer": "500" })).await;
        assert!(page(&site, &lin, &format!("/pay/{number}")).await.contains("class=\"qr\""));
        tokio::time::sleep(Duration::from_secs(7)).await;
        let shown = page(&site, &lin, &format!("/pay/{number}")).await;
        assert!(shown.contains("已超过支付时间") && !shown.contains("class=\"qr\""), "{shown}");
        let list = page(&site, &lin, "/").await;
        assert!(
            list.contains("已超过支付时间") && !list.contains("继续支付") && !list.contains("待支付"),
            "{list}"
        );
    })
    .await;
}

#[tokio::test]
async fn own_recharges_are_listed_by_month() {
    on_both_with("", async |site| {
        let (lin, (number, _)) = (site.cookie("lin-7").await, site.placed("lin-7", "10").await);
        let month = number[2..6].to_owned() + "-" + &number[6..8];
        assert!(page(&site, &lin, &format!("/?month={month}")).await.contains(&number));
        let other = page(&site, &lin, "/?month=2024-02").await;
        assert!(!other.contains(&number) && other.contains("这个月没有充值记录"), "{other}");
        // What is no month is all of them.
        assert!(page(&site, &lin, "/?month=2024-13").await.contains(&number));
    })
    .await;
}
