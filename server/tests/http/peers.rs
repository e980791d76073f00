//! Other people's clients of WeChat Pay in WeChat's place: what they sign, and seal, by their own helpers is believed, and what
//! is changed afterwards is not. `sandbox/judges/README.md` names them.

use std::{collections::BTreeMap, path::Path, process::Command};

use super::common::{Site, on_both};

/// Who tells of payments by v3, and who by v2; each of an order of its own.
async fn told_by(site: &Site, judge: &str, by_v3: &[&str], by_v2: &[&str]) {
    let mut orders = BTreeMap::new();
    for name in by_v3 {
        orders.insert(*name, site.placed(&user(name), "10").await.0);
    }
    site.set("UPDATE orders SET sign_type = 'WECHATPAY2-SHA256-RSA2048'").await;
    for name in by_v2 {
        orders.insert(*name, site.placed(&user(name), "10").await.0);
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sandbox/judges/run.sh");
    let mut command = Command::new("bash");
    command.arg(script).arg(judge).env("SANDBOX", &site.sandbox).env("SERVER", &site.url);
    command.env("ORDERS", serde_json::to_string(&orders).unwrap());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let (said, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{judge} ended at: {:?}\n{errors}", said.lines().last());
    for (name, number) in &orders {
        for line in [format!("ok {name} changed"), format!("ok {name}")] {
            assert!(said.lines().any(|said| said == line), "{line} is missing in {said}");
        }
        assert_eq!(site.status(&user(name), number).await["state"], "paid", "{name}");
        assert_eq!(site.balance(&user(name)).await, 1000, "{name}");
    }
    let count = i64::try_from(orders.len()).unwrap();
    assert_eq!((site.count("ledger").await, site.count("exceptions").await), (count, 0));
}

fn user(name: &str) -> String {
    format!("of_{}", name.replace([' ', '-'], "_"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_wechatpayv3_and_wechatpy_sign_as_wechat_is_believed() {
    on_both(async |site| {
        let by_v2 = ["wechatpy MD5", "wechatpy HMAC-SHA256"];
        told_by(&site, "notices-python", &["wechatpayv3", "wechatpayv3 certificate"], &by_v2).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_axios_plugin_node_v3_and_tenpay_sign_as_wechat_is_believed() {
    on_both(async |site| {
        let by_v3 = ["axios-plugin", "axios-plugin certificate", "node-v3"];
        let by_v2 = ["axios-plugin MD5", "axios-plugin HMAC-SHA256", "tenpay MD5", "tenpay HMAC-SHA256"];
        told_by(&site, "notices-node", &by_v3, &by_v2).await;
    })
    .await;
}
