//! Other people's clients of WeChat Pay make every call of the sandbox, and verify what it answers and posts: what the
//! sandbox says is judged by readings of the protocol that are not ours. `judges/README.md` names them.

use std::path::Path;
use std::process::Command;

use crate::common::{HOUR, world_at};
use sandbox::{APP_APPID, APP_SECRET, Faults, RefundFaults, Registered};
use tokio::net::TcpListener;
use wxpay::UnixMillis;

/// Runs a judge against a sandbox of its own, which has a payment two days old; the calls that went well, by name.
async fn judged_by(name: &'static str) -> Vec<String> {
    let now = UnixMillis::now();
    let world = world_at(now.plus_ms(-48 * HOUR)).await;
    world.shop.answers(204, "");
    let day = world.clock.now().to_beijing_text()[..10].to_owned();
    let order = world.order().with("time_start", "").with("time_expire", "");
    let code_url = world.place(order).await;
    world.pay(&code_url).await;
    // From here on the judge's clock and the sandbox's are the same to a minute or two.
    world.clock.set(now);
    world.sandbox.set_close_after_ms(0);
    let refund = RefundFaults { after_ms: 0, ..RefundFaults::default() };
    world.sandbox.set_faults(Faults { refund, ..Faults::default() });
    let sending = world.sandbox.clone();
    tokio::spawn(async move { sending.run_notices().await });
    let keys = tempfile::tempdir().unwrap();
    world.sandbox.write_keys(keys.path()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("judges/run.sh");
    let mut command = Command::new("bash");
    command.arg(script).arg(name).env("SANDBOX", &world.base).env("KEYS", keys.path());
    // WeChat's browser in front of the shop, and a port where a judge hears of scans.
    let browser = TcpListener::bind("127.0.0.1:0").await.unwrap();
    command.env("BROWSER", format!("http://{}", browser.local_addr().unwrap()));
    let shop = world.shop.url.lock().unwrap().replace("/wxpay/notify", "");
    let shown = world.sandbox.clone();
    tokio::spawn(async move { shown.serve_browser(browser, &shop, std::future::pending()).await });
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let callback_url = Some(format!("http://{free}/callback"));
    world.sandbox.register(Registered { callback_url, ..Registered::default() });
    command.env("CALLBACK_PORT", free.port().to_string());
    command.env("APP_APPID", APP_APPID).env("APP_SECRET", APP_SECRET);
    command.env("NOTIFY_URL", world.shop.url.lock().unwrap().as_str()).env("BILL_DATE", day);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let (said, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name} ended at: {:?}\n{errors}", said.lines().last());
    said.lines().filter_map(|line| line.strip_prefix("ok ")).map(str::to_owned).collect()
}

/// Checks that a judge made each of these calls in each mode.
fn assert_made(made: &[String], modes: &[&str], calls: &[&str]) {
    for mode in modes {
        for call in calls {
            let name = format!("{mode}{call}");
            assert!(made.contains(&name), "{name} is missing in {made:?}");
        }
    }
}

const CALLS: &[&str] = &[
    "native",
    "jsapi",
    "app",
    "h5",
    "query",
    "query by id",
    "unknown order",
    "close",
    "closed",
    "refund",
    "refund query",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wechatpayv3_agrees_on_every_call_with_the_public_key_and_with_certificates() {
    let made = judged_by("wechatpayv3").await;
    let modes = ["public_key ", "certificates "];
    assert_made(&made, &modes, CALLS);
    let more = ["callback", "callback changed", "refund callback", "refund callback changed"];
    assert_made(&made, &modes, &more);
    assert_made(&made, &modes, &["trade bill", "trade bill file", "fund flow bill", "fund flow bill file"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wechatpay_axios_plugin_agrees_on_every_call_with_the_public_key_and_with_certificates() {
    let made = judged_by("axios-plugin").await;
    let modes = ["public_key ", "certificates "];
    assert_made(&made, &modes, CALLS);
    let notices = [
        "TRANSACTION.SUCCESS signature",
        "TRANSACTION.SUCCESS inside",
        "REFUND.SUCCESS signature",
        "REFUND.SUCCESS inside",
    ];
    assert_made(&made, &modes, &notices);
    assert_made(&made, &modes, &["tradebill", "fundflowbill", "query by v2"]);
    assert_made(&made, &[""], &["certificate", "certificates verified"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wechatpay_node_v3_agrees_on_every_call_with_certificates() {
    let made = judged_by("node-v3").await;
    assert_made(&made, &[""], CALLS);
    let notices = [
        "TRANSACTION.SUCCESS signature",
        "TRANSACTION.SUCCESS inside",
        "REFUND.SUCCESS signature",
        "REFUND.SUCCESS inside",
    ];
    assert_made(&made, &[""], &notices);
    assert_made(&made, &[""], &["certificates", "answer verified", "tradebill file", "fundflowbill file"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wechatpay_axios_plugin_signs_what_a_page_and_an_app_pay() {
    let made = judged_by("invoke").await;
    let calls = ["jsapi changed", "jsapi sign type", "jsapi sheet", "jsapi paid", "app prefixed", "app paid"];
    assert_made(&made, &[""], &calls);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wechatpy_signs_a_visitor_in_asks_for_tokens_and_has_a_page_paid() {
    let made = judged_by("wechatpy").await;
    let oauth = ["authorize_url", "wrong secret", "fetch_access_token", "code used", "invalid code"];
    assert_made(&made, &[""], &oauth);
    assert_made(&made, &[""], &["access_token", "access_token kept", "access_token of a stranger"]);
    assert_made(&made, &[""], &["jsapi sheet", "jsapi paid", "jsapi query"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenpay_has_pages_and_apps_pay_and_answers_scans_of_static_codes() {
    let made = judged_by("tenpay").await;
    for sign_type in ["MD5", "HMAC-SHA256"] {
        for call in ["getPayParamsByPrepay", "jsapi paid", "jsapi query", "getAppParamsByPrepay"] {
            assert!(
                made.contains(&format!("{call} {sign_type}")),
                "{call} {sign_type} is missing in {made:?}"
            );
        }
    }
    assert_made(&made, &[""], &["mweb_url", "callback parsed", "getNativeUrl", "refused", "mode one paid"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lines_of_the_documentation_place_an_order() {
    for language in ["docs-python", "docs-node"] {
        assert_made(&judged_by(language).await, &[""], &["docs"]);
    }
}
