//! H5 payment (MWEB) over a real socket: who is shown the sheet, and where the press leads.

use crate::common::{MINUTE, NUMBER, World, world};
use sandbox::{Faults, Registered};

const SCENE: &str = r#"{"h5_info":{"type":"Wap","wap_url":"https://m.example.com","wap_name":"x"}}"#;
const SAFARI: &str = "Mozilla/5.0 (iPhone) Safari/604.1";
const SHOP: &str = "http://127.0.0.1:3000/";

async fn mweb_url(world: &World) -> String {
    let order = world.order().with("trade_type", "MWEB").with("product_id", "").with("scene_info", SCENE);
    world.post("/pay/unifiedorder", order).await.get("mweb_url").unwrap().to_owned()
}

async fn open(world: &World, url: &str, referer: Option<&str>, agent: &str) -> String {
    let mut request = world.http.get(url).header("user-agent", agent);
    if let Some(referer) = referer {
        request = request.header("referer", referer);
    }
    request.send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn the_page_wants_a_registered_referer_and_a_browser_that_is_not_wechat() {
    let world = world().await;
    let url = mweb_url(&world).await;
    let open = |referer, agent| open(&world, &url, referer, agent);
    assert!(open(None, SAFARI).await.contains("商家参数格式有误"));
    assert!(open(Some("https://shop.example.com/"), SAFARI).await.contains("商家存在未配置的参数"));
    assert!(open(Some(SHOP), "Mozilla/5.0 MicroMessenger/8.0.50").await.contains("请在微信外打开订单"));
    assert!(open(Some(SHOP), SAFARI).await.contains("data-state=\"payable\""));
    let domains = vec!["shop.example.com".to_owned()];
    world.sandbox.register(Registered { domains, ..Registered::default() });
    assert!(open(Some("https://shop.example.com/"), SAFARI).await.contains("data-state=\"payable\""));
}

#[tokio::test]
async fn the_address_is_taken_as_it_was_given_for_five_minutes() {
    let world = world().await;
    let url = mweb_url(&world).await;
    let open = |url: String| {
        let world = &world;
        async move { open(world, &url, Some(SHOP), SAFARI).await }
    };
    assert!(open(url.replace("package=1405458241", "package=1")).await.contains("商家参数格式有误"));
    assert!(open(url.replace("prepay_id=wx", "prepay_id=wy")).await.contains("商家参数格式有误"));
    let foreign = format!("{url}&redirect_url=https%3A%2F%2Fevil.example.com%2F");
    assert!(open(foreign).await.contains("商家存在未配置的参数"));
    world.clock.advance(5 * MINUTE - 1);
    assert!(open(url.clone()).await.contains("data-state=\"payable\""));
    world.clock.advance(1);
    assert!(open(url.clone()).await.contains("支付已过期"));
    let again = mweb_url(&world).await;
    assert!(open(again).await.contains("data-state=\"payable\""), "placed again, it lives anew");
    assert!(open(url).await.contains("支付已过期"), "the address before is dead");
}

#[tokio::test]
async fn the_page_returns_by_itself_where_a_test_wants_it() {
    let world = world().await;
    let url = mweb_url(&world).await + "&redirect_url=http%3A%2F%2F127.0.0.1%3A3000%2Fpay%2F1";
    let refresh = async || {
        let request = world.http.get(&url).header("user-agent", SAFARI).header("referer", SHOP);
        request.send().await.unwrap().headers().get("refresh").cloned()
    };
    assert_eq!(refresh().await, None);
    world.sandbox.set_faults(Faults { h5_returns_after_s: Some(5), ..Faults::default() });
    assert_eq!(refresh().await.unwrap(), "5;url=http://127.0.0.1:3000/pay/1");
}

#[tokio::test]
async fn a_press_leads_back_to_the_shop_whether_it_paid_or_not() {
    let world = world().await;
    let prepay_id =
        mweb_url(&world).await.split("prepay_id=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    let back = "http://127.0.0.1:3000/pay/1?back=1";
    for (action, shown, payments) in
        [("refuse", "没有付款", 0), ("pay", "支付成功", 1), ("pay", "支付成功", 1)]
    {
        let form = format!(
            "prepay_id={prepay_id}&redirect_url=http%3A%2F%2F127.0.0.1%3A3000%2Fpay%2F1%3Fback%3D1&action={action}"
        );
        let request = world.http.post(format!("{}/cgi-bin/mmpayweb-bin/press", world.base)).body(form);
        let pressed =
            request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
        // A redirect of a form to another site would be stopped by form-action.
        let location = pressed.headers()["location"].to_str().unwrap();
        assert!(location.starts_with("/cgi-bin/mmpayweb-bin/press?"), "{location}");
        let page = world.http.get(format!("{}{location}", world.base)).send().await.unwrap();
        assert_eq!(page.headers()["refresh"], format!("2;url={back}").as_str());
        assert!(page.text().await.unwrap().contains(shown));
        assert_eq!(world.sandbox.order(NUMBER).unwrap().payments.len(), payments);
    }
    let foreign = format!(
        "/cgi-bin/mmpayweb-bin/press?prepay_id={prepay_id}&redirect_url=https%3A%2F%2Fevil.example.com%2F"
    );
    let page = world.http.get(format!("{}{foreign}", world.base)).send().await.unwrap();
    assert!(page.headers().get("refresh").is_none(), "it leads to no foreign site");
}
