//! `/control/*`, the phone page and the start page, over a real socket.

use crate::common::{HOUR, NUMBER, World, world};
use serde_json::json;

fn scan(code_url: &str) -> String {
    format!(
        "/scan?code_url={}",
        code_url.replace(':', "%3A").replace('/', "%2F").replace('?', "%3F").replace('=', "%3D")
    )
}

async fn press(world: &World, code_url: &str, action: &str) -> (u16, String) {
    let body = format!("{}&action={action}", scan(code_url).trim_start_matches("/scan?"));
    let request = world.http.post(format!("{}/scan", world.base)).body(body);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let response = request.send().await.unwrap();
    let location = response.headers().get("location").unwrap().to_str().unwrap().to_owned();
    (response.status().as_u16(), location)
}

#[tokio::test]
async fn all_switches_are_replaced_at_once_and_unknown_ones_refused_by_name() {
    let world = world().await;
    let all = json!({
        "notify": {"lose": true, "repeat": 2, "delay_ms": 3, "forge_sign": true, "total_fee": 4},
        "answer": "timeout_after", "answer_delay_ms": 5, "speed": 6,
        "refund": {"result": "REFUNDCLOSE", "after_ms": 7, "refuse": "NOTENOUGH"},
        "refuse": {"closeorder": "SYSTEMERROR"}, "expiry": "stays", "trade_state": "USERPAYING",
        "trade_type": "MICROPAY", "h5_returns_after_s": 5,
        "weixin": {"code": "snapshot", "token": "45009", "bridge": "ok_without_paying"},
        "v3": {
            "answer_serial": "unknown", "notice_serial": "other", "tag": "no_aad", "timestamp_s": -301, "replay": 3,
            "signtest": 0.25, "probe_notices": 0.5, "unsigned": true, "drop_headers": ["Wechatpay-Nonce"],
            "status": 429, "code": "SYSTEM_ERROR", "after_effect": true, "notify_key_percent": 20,
            "certificates": "one", "bill_hash": "wrong"
        }
    });
    assert_eq!(world.control("PUT", "/control/faults", all.clone()).await, (200, all.clone()));
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&world.get("/control/faults").await.1).unwrap(),
        all
    );
    for (wrong, named) in [
        (json!({"speeed": 1}), "speeed"),
        (json!({"notify": {"loose": true}}), "loose"),
        (json!({"answer": "maybe"}), "maybe"),
        (json!({"refund": {"result": "LOST"}}), "LOST"),
        (json!({"weixin": {"bridge": "sometimes"}}), "sometimes"),
        (json!({"weixin": {"tokens": "slow"}}), "tokens"),
        (json!({"speed": 0}), "speed"),
        (json!({"notify": {"repeat": 10_001}}), "repeat"),
    ] {
        let (status, answer) = world.control("PUT", "/control/faults", wrong).await;
        assert_eq!(status, 400);
        assert!(answer["message"].as_str().unwrap().contains(named), "{answer}");
    }
    assert_eq!(world.sandbox.faults().speed, 6, "what was refused changed nothing");
    let (_, reset) = world.control("PUT", "/control/faults", json!({})).await;
    assert_eq!((&reset["answer"], &reset["speed"]), (&json!("ok"), &json!(1)));
}

#[tokio::test]
async fn a_code_is_paid_by_json_or_form_and_what_stands_against_it_is_said() {
    let world = world().await;
    let code_url = world.place(world.order()).await;
    let unknown = json!({"code_url": "weixin://wxpay/bizpayurl?pr=nothing"});
    assert_eq!(world.control("POST", "/control/pay", unknown).await.0, 404);
    assert_eq!(world.control("POST", "/control/pay", json!({"code": 1})).await.0, 400);
    assert_eq!(world.control("POST", "/control/refuse", json!({"code_url": code_url})).await.0, 200);
    assert_eq!(world.query().await.get("trade_state"), Some("NOTPAY"));
    let (status, paid) = world.control("POST", "/control/pay", json!({"code_url": code_url})).await;
    assert_eq!((status, paid["transaction_id"].as_str().unwrap().len()), (200, 28));
    let (status, twice) = world.control("POST", "/control/pay", json!({"code_url": code_url})).await;
    assert_eq!((status, twice["code"].as_str()), (409, Some("paid")));
    let form = format!("{}&again=1", scan(&code_url).trim_start_matches("/scan?"));
    let request = world.http.post(format!("{}/control/pay", world.base)).body(form);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(request.send().await.unwrap().status(), 200);
    let orders: serde_json::Value = serde_json::from_str(&world.get("/control/orders").await.1).unwrap();
    assert_eq!(orders[0]["out_trade_no"], NUMBER);
    assert_eq!(orders[0]["trade_state"], "SUCCESS");
    assert_eq!(orders[0]["transaction_ids"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_phone_shows_amount_and_shop_and_pays_on_a_press() {
    let world = world().await;
    let code_url = world.place(world.order().with("body", "示例书店<b>\"图书\"")).await;
    let (status, page) = world.get(&scan(&code_url)).await;
    assert_eq!(status, 200);
    for part in [
        "data-state=\"payable\"",
        "示例书店&lt;b&gt;&quot;图书&quot;",
        NUMBER,
        "¥</small>19<small>.90",
        "不会扣真钱",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("style=") && !page.contains("<script"));
    let (status, refused) = press(&world, &code_url, "refuse").await;
    assert_eq!(status, 303);
    assert!(world.get(&refused).await.1.contains("没有付款"));
    let (_, paid) = press(&world, &code_url, "pay").await;
    assert!(world.get(&paid).await.1.contains("data-state=\"paid\""));
    let (_, again) = press(&world, &code_url, "pay").await;
    assert!(world.get(&again).await.1.contains("data-state=\"paid\""));
    assert_eq!(world.sandbox.order(NUMBER).unwrap().payments.len(), 1, "a second press pays nothing");
}

#[tokio::test]
async fn the_phone_tells_unknown_replaced_expired_and_closed_codes_apart() {
    let world = world().await;
    let order = world.order().with("time_expire", "");
    let first = world.place(order.clone()).await;
    let second = world.place(order).await;
    let english = |code: &str| format!("{}&lang=en", scan(code));
    assert!(world.get(&english("weixin://wxpay/bizpayurl?pr=x")).await.1.contains("Unknown code"));
    assert!(world.get(&english(&first)).await.1.contains("This code has been replaced"));
    assert!(world.get(&english(&second)).await.1.contains("Pay now"));
    world.clock.advance(2 * HOUR);
    assert!(world.get(&english(&second)).await.1.contains("This code has expired"));
    assert_eq!(world.close().await.get("result_code"), Some("SUCCESS"));
    assert!(world.get(&english(&second)).await.1.contains("The order is closed"));
    assert!(world.get("/scan").await.1.contains("<form"));
}

#[tokio::test]
async fn the_start_page_says_whose_it_is_and_pages_speak_the_browsers_language() {
    let world = world().await;
    let (_, page) = world.get("/").await;
    for part in [
        "微信支付沙盒",
        "wxd930ea5d5a258f4f",
        "10000100",
        "192006250b4c09247ec02edce69f6a2d",
        "/control/faults",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("{host}") && !page.contains("{key}") && !page.contains("{note}"));
    let english = world.http.get(&world.base).header("accept-language", "en-GB,en;q=0.9,zh;q=0.1");
    let response = english.send().await.unwrap();
    let csp = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(csp.starts_with("default-src 'none'"), "{csp}");
    assert!(response.text().await.unwrap().contains("No real money moves"));
    assert_eq!(world.get("/sandbox.css").await.0, 200);
}
