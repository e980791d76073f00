//! `saoma sandbox`: the sandbox as a program of its own, which everybody who reaches it can pay with.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use tokio::{net::TcpListener, time::timeout};
use wxpay::{
    Merchant, SignType,
    v2::{Fields, sign},
};

use super::common::client;

struct Sandbox {
    child: Child,
    url: String,
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_saoma"));
    command.current_dir(folder).env_clear().arg("sandbox").args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn start(folder: &Path, arguments: &[&str]) -> Sandbox {
    let mut child = command(folder, arguments).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address =
        line.trim().strip_prefix("SANDBOX of WeChat Pay on http://").unwrap_or_else(|| panic!("{line}"));
    Sandbox { child, url: format!("http://{}", address.replace("0.0.0.0", "127.0.0.1")) }
}

#[test]
fn a_sandbox_that_others_could_reach_is_refused_unless_it_is_told_to_be_public() {
    let folder = tempfile::tempdir().unwrap();
    let mut refused = command(folder.path(), &["--addr", "0.0.0.0:0"]).spawn().unwrap();
    for _ in 0..1_000 {
        if refused.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = refused.kill();
    let output = refused.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.stdout.is_empty() && said.lines().count() == 1, "{said}");
    assert!(said.contains("--addr") && said.contains("--public"), "{said}");
    drop(start(folder.path(), &["--addr", "0.0.0.0:0", "--public"]));
}

fn order(notify_url: &str) -> Fields {
    let merchant = Merchant::sandbox();
    let mut fields = Fields::from_iter([
        ("appid", merchant.appid.as_str()),
        ("mch_id", merchant.mch_id.as_str()),
        ("nonce_str", "nonceORDER000001"),
        ("body", "充值"),
        ("out_trade_no", "BK20260315000001"),
        ("total_fee", "1000"),
        ("spbill_create_ip", "198.51.100.7"),
        ("trade_type", "NATIVE"),
        ("product_id", "10"),
        ("notify_url", notify_url),
    ]);
    let sign = sign::sign(&fields, &merchant.key, SignType::Md5);
    fields.set("sign", sign);
    fields
}

#[tokio::test]
async fn a_sandbox_posts_to_no_other_machine_unless_it_is_told_to() {
    for (arguments, arrives) in [(&[][..], false), (&["--notify-anywhere"][..], true)] {
        let folder = tempfile::tempdir().unwrap();
        let arguments = [&["--addr", "127.0.0.1:0"], arguments].concat();
        let sandbox = start(folder.path(), &arguments);
        let shop = TcpListener::bind("127.0.0.1:0").await.unwrap();
        // An address that leads to this machine, and does not say so.
        let notify_url = format!("http://0.0.0.0:{}/notify", shop.local_addr().unwrap().port());
        let http = client();
        let placed = http.post(format!("{}/pay/unifiedorder", sandbox.url)).body(order(&notify_url).to_xml());
        let placed = placed.send().await.unwrap().text().await.unwrap();
        let placed = Fields::read(placed.as_bytes(), 65_536).unwrap();
        let code_url = placed.get("code_url").unwrap_or_else(|| panic!("{placed:?}"));
        let pay = http.post(format!("{}/control/pay", sandbox.url)).form(&[("code_url", code_url)]);
        assert_eq!(pay.send().await.unwrap().status(), 200);
        if arrives {
            timeout(Duration::from_secs(10), shop.accept()).await.unwrap().unwrap();
            continue;
        }
        let tried = async || {
            let notices = http.get(format!("{}/control/notices", sandbox.url)).send().await.unwrap();
            notices.json::<Value>().await.unwrap().as_array().map_or(0, Vec::len)
        };
        for _ in 0..200 {
            if tried().await > 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(tried().await > 0, "the notice was never due");
        assert!(timeout(Duration::from_millis(100), shop.accept()).await.is_err());
    }
}
