//! Secrets that are given in files stay where nobody else of the machine looks: not in what `ps` and `/proc` show of the process, not
//! in its log however much it says, not in a core dump.

use std::fs::{read, read_to_string, write};
use std::os::unix::ffi::OsStrExt as _;
use std::time::Duration;

use recharge::User;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use server::user_token::UserTokens;
use wxpay::UnixMillis;

use super::client;
use super::process::{Saoma, key, with_secret_key};

/// Settings, and what their files say. Two are the sandbox's, so that WeChat is asked with them.
const PLANTED: [(&str, &str); 5] = [
    ("SAOMA_WECHAT_API_KEY", "192006250b4c09247ec02edce69f6a2d"),
    ("SAOMA_WECHAT_APP_SECRET", sandbox::APP_SECRET),
    ("SAOMA_USER_TOKEN_SECRET", "planted: what the site signs its links with"),
    ("SAOMA_SECRET_KEY", "planted: what seals secrets in the database"),
    ("SAOMA_ADMIN_PASSWORD", "planted: the first operator's password"),
];

fn has(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|here| here == part)
}

#[tokio::test]
async fn secrets_in_files_are_in_no_place_where_others_can_look() {
    let database = testdb::postgres().await;
    // It plays WeChat, and has another secret key, which it needs for nothing.
    let first = Saoma::start_with(&database, with_secret_key);
    let sandbox = first.sandbox.clone().unwrap();
    let database = testdb::postgres().await;
    let folder = tempfile::tempdir().unwrap();
    let server = Saoma::beside_with(&first, &database, |command| {
        for (name, text) in PLANTED {
            let file = folder.path().join(name);
            write(&file, text).unwrap();
            command.env_remove(name).env(format!("{name}_FILE"), &file);
        }
        command
            .env("SAOMA_WEIXIN_BASE_URL", &sandbox)
            .env("SAOMA_WEIXIN_OPEN_URL", &sandbox)
            .env("RUST_LOG", "trace");
    });

    // All of them are used: an order by WeChat's key, a token by the app's secret, sealed by the secret key, a sign-in.
    let (http, base) = (client(), format!("http://{}", server.addr));
    let token = UserTokens::new(PLANTED[2].1.as_bytes())
        .issue(&User::new("u1", "小林").unwrap(), UnixMillis::now(), 3600)
        .unwrap();
    let placed = http.post(format!("{base}/wxpay/recharge")).json(&json!({"u": token, "quantity": 10}));
    let placed: Value = placed.send().await.unwrap().json().await.unwrap();
    let paying = http.post(format!("{sandbox}/control/pay")).json(&json!({"code_url": placed["code_url"]}));
    assert_eq!(paying.send().await.unwrap().status(), 200, "{placed}");
    let key = key(&database, "program", "wechat_token:read");
    let given = http.get(format!("{base}/wxpay/access-token")).bearer_auth(key).send().await.unwrap();
    assert_eq!(given.status(), 200);
    let signing_in = http.post(format!("{base}/admin/login")).header("Origin", &base);
    let signed_in = signing_in.form(&[("name", "admin"), ("password", PLANTED[4].1)]).send().await.unwrap();
    assert!(signed_in.status().is_success() || signed_in.status().is_redirection(), "{}", signed_in.status());
    // A file that cannot be used is spoken of.
    write(folder.path().join(PLANTED[0].0), format!("{} and more", PLANTED[0].1)).unwrap();
    kill_process(Pid::from_raw(server.id().cast_signed()).unwrap(), Signal::HUP).unwrap();
    for _ in 0..100 {
        if server.log().contains("SAOMA_WECHAT_API_KEY") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    let seen = |name: &str| read(format!("/proc/{}/{name}", server.id())).unwrap();
    let log = server.log();
    assert!(log.contains("SAOMA_WECHAT_API_KEY") && log.contains("TRACE"), "{}", log.len());
    let places = [("environ", seen("environ")), ("cmdline", seen("cmdline")), ("log", log.into_bytes())];
    for (place, text) in &places {
        for (name, secret) in PLANTED {
            assert!(!has(text, secret.as_bytes()), "{name} stands in {place}");
        }
    }
    let named = folder.path().join(PLANTED[0].0);
    assert!(has(&places[0].1, named.as_os_str().as_bytes()), "the environment is the one that was given");
    let limits = read_to_string(format!("/proc/{}/limits", server.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
}
