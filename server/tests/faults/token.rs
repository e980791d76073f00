//! The site's programs ask three servers for the access token at the same moment: WeChat is asked once.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::process::{Saoma, key, with_secret_key};
use super::{client, get};

const CALLS: usize = 1000;

#[tokio::test]
async fn a_thousand_calls_at_once_at_three_servers_ask_wechat_for_one_token() {
    let database = testdb::postgres().await;
    let first = Saoma::start_with(&database, with_secret_key);
    let sandbox = first.sandbox.clone().unwrap();
    let beside = || {
        Saoma::beside_with(&first, &database, |command| {
            with_secret_key(command);
            command
                .env("SAOMA_WECHAT_APP_SECRET", sandbox::APP_SECRET)
                .env("SAOMA_WEIXIN_BASE_URL", &sandbox)
                .env("SAOMA_WEIXIN_OPEN_URL", &sandbox);
        })
    };
    let (second, third) = (beside(), beside());
    let servers = [&first, &second, &third];
    let start = Arc::new(Barrier::new(CALLS));
    let client = client();
    let key = key(&database, "program", "wechat_token:read");
    let mut asking = JoinSet::new();
    for call in 0..CALLS {
        let (start, client, key) = (Arc::clone(&start), client.clone(), key.clone());
        let address = format!("http://{}/wxpay/access-token", servers[call % servers.len()].addr);
        asking.spawn(async move {
            start.wait().await;
            let answer = client.get(address).bearer_auth(key).send().await.unwrap();
            let (status, body) = (answer.status(), answer.text().await.unwrap());
            assert_eq!(status, 200, "{body}");
            serde_json::from_str::<Value>(&body).unwrap()["access_token"].as_str().unwrap().to_owned()
        });
    }
    let mut given = asking.join_all().await;
    assert_eq!(given.len(), CALLS);
    given.dedup();
    assert_eq!(given.len(), 1, "all have the same token");
    let counts: Value = serde_json::from_str(&get(format!("{sandbox}/control/weixin")).await).unwrap();
    assert_eq!(counts["stable_token"], 1, "{counts}");
}
