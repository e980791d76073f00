//! What `/epay` does not take, and says so without writing anything.

use recharge::epay::{EpayHost, Pid};
use reqwest::StatusCode;

use super::common::{on_both, on_both_with, text};
use super::epay::{Desk, console, sign, with_sign};

#[tokio::test]
async fn what_the_merchant_did_not_sign_is_not_believed() {
    on_both(async |site| {
        let desk = Desk::of(site).await;
        let good = desk.new_api("A1", "1.00");
        let changed = |name: &str, value: &str| {
            let mut params = good.clone();
            params.insert(name.to_owned(), value.to_owned());
            params
        };
        let mut foreign = good.clone();
        foreign.insert("sign".to_owned(), sign(&good, "another key"));
        let mut bare = good.clone();
        bare.remove("sign");
        for (params, said) in [
            (changed("money", "0.01"), "签名不对"),
            (changed("pid", "1002"), "商户不存在"),
            (changed("pid", "1001 "), "商户不存在"),
            (changed("unknown", "x"), "签名不对"),
            (changed("sign", ""), "签名不对"),
            (changed("sign_type", "RSA"), "只支持 sign_type=MD5"),
            (foreign, "签名不对"),
            (bare, "签名不对"),
        ] {
            let answer = desk.mapi(&params).await;
            assert!(answer["code"] == -1 && text(&answer, "msg").contains(said), "{said}: {answer}");
            let page = desk.submit(&params).await;
            assert_eq!(page.status(), StatusCode::BAD_REQUEST);
            assert!(page.text().await.unwrap().contains(said));
        }
        assert_eq!((desk.count("orders").await, desk.count("epay_orders").await), (0, 0));
        assert_eq!(desk.mapi(&good).await["code"], 1);
    })
    .await;
}

#[tokio::test]
async fn a_merchant_that_was_revoked_asks_for_nothing_and_one_with_a_new_key_only_by_that() {
    on_both(async |site| {
        let desk = Desk::of(site).await;
        let hosts = vec![EpayHost::parse(&desk.addr).unwrap()];
        let (other, key) = desk.epay.make("dujiao", hosts, &console()).await.unwrap();
        let theirs = |number: &str, key: &str| {
            let mut params = desk.new_api(number, "1.00");
            params.insert("pid".to_owned(), other.pid.to_string());
            params.insert("sign".to_owned(), sign(&params, key));
            params
        };
        assert_eq!(desk.mapi(&theirs("A1", key.expose())).await["code"], 1);
        let new = desk.epay.rotate(other.pid, &console()).await.unwrap();
        assert!(text(&desk.mapi(&theirs("A2", key.expose())).await, "msg").contains("签名不对"));
        assert_eq!(desk.mapi(&theirs("A2", new.expose())).await["code"], 1);
        desk.epay.revoke(other.pid, &console()).await.unwrap();
        assert!(text(&desk.mapi(&theirs("A3", new.expose())).await, "msg").contains("已停用"));
        assert_eq!(desk.mapi(&desk.new_api("A3", "1.00")).await["code"], 1, "others go on");
        assert_eq!(desk.count("orders").await, 3);
    })
    .await;
}

#[tokio::test]
async fn what_is_signed_and_cannot_be_right_is_refused_with_its_reason() {
    on_both(async |site| {
        let desk = Desk::of(site).await;
        let long = format!("https://shop.example.com/{}", "x".repeat(1_100));
        let own = format!("{}/epay/submit.php", desk.site.url);
        // As long as is allowed, until the parameters of the notice stand behind it.
        let wide = format!("https://shop.example.com/{}", "x".repeat(900));
        let name = "会".repeat(170);
        for (change, said) in [
            (vec![("type", "alipay")], "只支持微信支付"),
            (vec![("type", "qqpay")], "只支持微信支付"),
            (vec![("money", "1.005")], "最多两位小数"),
            (vec![("money", "-1.00")], "最多两位小数"),
            (vec![("money", "1e3")], "最多两位小数"),
            (vec![("money", "")], "最多两位小数"),
            (vec![("money", "0")], "金额须在"),
            (vec![("money", "10000000.01")], "金额须在"),
            (vec![("money", "999999999999.99")], "金额须在"),
            (vec![("money", "99999999999999999999999999")], "最多两位小数"),
            (vec![("out_trade_no", "")], "out_trade_no 须为"),
            (vec![("out_trade_no", "订单")], "out_trade_no 须为"),
            (vec![("notify_url", "https://evil.example/n")], "evil.example 不在此商户的名单里"),
            (vec![("notify_url", "http://127.0.0.1:1/n")], "不在此商户的名单里"),
            (vec![("notify_url", "https://shop.example.com:8443/n")], "不在此商户的名单里"),
            // These hosts are listed, and are no hosts that may be reached all the same.
            (vec![("notify_url", "https://10.0.0.1/n")], "10.0.0.1 is no public address"),
            (vec![("notify_url", "http://10.0.0.1/n")], "must be https"),
            (vec![("notify_url", "https://169.254.169.254/latest/meta-data")], "is no public address"),
            (vec![("notify_url", "http://8.8.8.8/n")], "must be https"),
            (vec![("notify_url", "https://a:b@shop.example.com/n")], "must not have a user name"),
            (vec![("notify_url", &own)], "不在此商户的名单里"),
            (vec![("notify_url", "")], "notify_url 不可用"),
            (vec![("notify_url", &long)], "notify_url 过长"),
            (vec![("notify_url", &wide), ("name", &name), ("param", &name)], "at most 2048 bytes"),
            (vec![("return_url", "javascript:alert(1)")], "return_url 须为"),
            (vec![("return_url", "//evil.example")], "return_url 须为"),
        ] {
            let answer = desk.mapi(&desk.asked(&change)).await;
            assert!(answer["code"] == -1 && text(&answer, "msg").contains(said), "{change:?}: {answer}");
        }
        let twice = "money=1.00&money=2.00&pid=1001";
        let twice = desk.site.get(&format!("/epay/submit.php?{twice}")).send().await.unwrap();
        assert!(twice.text().await.unwrap().contains("同名参数出现两次"));
        let large = vec![("name", "x".repeat(20_000))];
        let large = desk
            .site
            .http
            .post(format!("{}/epay/mapi.php", desk.site.url))
            .form(&large)
            .send()
            .await
            .unwrap();
        assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!((desk.count("orders").await, desk.count("epay_orders").await), (0, 0));
        // The list can be made longer, and shorter again.
        let pid = Pid::parse(&desk.pid).unwrap();
        desk.epay.set_hosts(pid, vec![EpayHost::parse("evil.example").unwrap()], &console()).await.unwrap();
        assert_eq!(desk.mapi(&desk.asked(&[("notify_url", "https://evil.example/n")])).await["code"], 1);
        assert_eq!(desk.mapi(&desk.new_api("A1", "1.00")).await["code"], -1);
    })
    .await;
}

#[tokio::test]
async fn who_asks_without_end_is_slowed_down_by_address_and_no_stranger_uses_up_a_merchants_share() {
    on_both(async |site| {
        let desk = Desk::of(site).await;
        let forged = with_sign(&[("pid", &desk.pid), ("money", "1.00")], "no key");
        let mut slowed = None;
        for _ in 0..600 {
            let request = desk.site.http.post(format!("{}/epay/mapi.php", desk.site.url)).form(&forged);
            let response = request.send().await.unwrap();
            if response.status() == StatusCode::TOO_MANY_REQUESTS {
                slowed = Some(response);
                break;
            }
        }
        let slowed = slowed.expect("six hundred forged requests were all looked at");
        assert!(slowed.headers().contains_key("retry-after"));
        assert_eq!(slowed.json::<serde_json::Value>().await.unwrap()["code"], -1);
        let unknown = desk.site.get("/epay/return?o=00000000000000000000000000000000").send().await.unwrap();
        assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    })
    .await;
}

#[tokio::test]
async fn where_codes_are_not_offered_there_is_nothing_to_order() {
    on_both_with("wechat_channels = [\"JSAPI\"]\n", async |site| {
        let desk = Desk::of(site).await;
        let answer = desk.mapi(&desk.new_api("A1", "1.00")).await;
        assert!(answer["code"] == -1 && text(&answer, "msg").contains("未开通扫码支付"), "{answer}");
        assert_eq!((desk.count("orders").await, desk.count("epay_orders").await), (0, 0));
    })
    .await;
}
