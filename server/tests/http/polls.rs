//! How pages ask how their order stands.

use reqwest::StatusCode;
use serde_json::{Value, json};
use server::{config, start};

use crate::common::{SECRET, Site, client, on_both};

/// The answer to a poll whose body is `body`, from a page of the site and with a cookie.
async fn polled(site: &Site, cookie: &str, body: impl Into<reqwest::Body>) -> (StatusCode, Value) {
    let request = site.http.post(format!("{}/api/order_status", site.url)).header("origin", &site.url);
    let response = request.header("cookie", cookie).body(body).send().await.unwrap();
    (response.status(), response.json().await.unwrap_or_default())
}

fn about(number: &str, link_token: Option<&str>) -> String {
    json!({ "out_trade_no": number, "t": link_token }).to_string()
}

#[tokio::test]
async fn an_order_tells_its_owner_everything_and_the_holder_of_its_link_less() {
    on_both(async |site| {
        let (lin, wang) = (site.cookie("lin-7").await, site.cookie("wang-8").await);
        let (number, code_url) = site.placed("lin-7", "10").await;
        let (status, owners) = polled(&site, &lin, about(&number, None)).await;
        assert_eq!((status, &owners["code_url"]), (StatusCode::OK, &code_url.into()));
        let link_token = owners["link"].as_str().unwrap().rsplit_once("?t=").unwrap().1;
        let (status, holders) = polled(&site, &wang, about(&number, Some(link_token))).await;
        assert_eq!(
            (status, &holders["state"], &holders["link"]),
            (StatusCode::OK, &"pending".into(), &Value::Null)
        );
        assert_eq!(polled(&site, &wang, about(&number, Some("guessed"))).await.0, StatusCode::NOT_FOUND);
    })
    .await;
}

#[tokio::test]
async fn guessing_numbers_is_slowed_down_and_watching_ones_own_order_is_not() {
    on_both(async |site| {
        let (lin, wang) = (site.cookie("lin-7").await, site.cookie("wang-8").await);
        let (number, _) = site.placed("lin-7", "10").await;
        let mut refused = 0;
        for n in 0..70 {
            let guess = about(&format!("SM20260315100000AAAAAAAAAAAAAA{n:02}"), Some("x"));
            let status = polled(&site, &wang, guess).await.0;
            assert!(matches!(status, StatusCode::NOT_FOUND | StatusCode::TOO_MANY_REQUESTS), "{status}");
            refused += i32::from(status == StatusCode::TOO_MANY_REQUESTS);
        }
        assert!((1..=10).contains(&refused), "{refused}");
        let page = async |cookie: &str| {
            let page = site.get("/pay/SM20260315100000AAAAAAAAAAAAAA99?t=x").header("cookie", cookie);
            page.send().await.unwrap().status()
        };
        assert_eq!(page(&wang).await, StatusCode::TOO_MANY_REQUESTS);
        // Another user at the same address, as long as a page asks.
        for _ in 0..200 {
            assert_eq!(polled(&site, &lin, about(&number, None)).await.0, StatusCode::OK);
        }
    })
    .await;
}

#[tokio::test]
async fn a_poll_is_refused_by_its_cause() {
    on_both(async |site| {
        let (lin, wang) = (site.cookie("lin-7").await, site.cookie("wang-8").await);
        let (number, _) = site.placed("lin-7", "10").await;
        let foreign = polled(&site, &wang, about(&number, None)).await;
        assert_eq!((foreign.0, &foreign.1["code"]), (StatusCode::NOT_FOUND, &"not_found".into()));
        assert_eq!(polled(&site, &lin, about("SM20260315100000AAAAAAAAAAAAAAAA", None)).await, foreign);
        assert_eq!(polled(&site, &lin, about("'; DROP", None)).await, foreign);
        for unreadable in ["", "{}", "[]", "\u{feff}{}", "{\"out_trade_no\":7,\"t\":null}"] {
            let (status, error) = polled(&site, &lin, unreadable).await;
            assert_eq!(
                (status, &error["code"]),
                (StatusCode::BAD_REQUEST, &"bad_request".into()),
                "{unreadable}"
            );
        }
        let long = about(&"9".repeat(17 * 1024), None);
        assert_eq!(polled(&site, &lin, long).await.0, StatusCode::PAYLOAD_TOO_LARGE);
        let got = site.get("/api/order_status").send().await.unwrap();
        assert_eq!(got.status(), StatusCode::METHOD_NOT_ALLOWED);
        let from_elsewhere = site.http.post(format!("{}/api/order_status", site.url));
        let refused = from_elsewhere.header("origin", "https://evil.example").body(about(&number, None));
        assert_eq!(refused.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    })
    .await;
}

/// With a real merchant there is no demo user. Nothing is asked of WeChat here.
#[tokio::test]
async fn with_a_real_merchant_a_poll_without_a_session_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("saoma.toml");
    let database = testdb::sqlite(folder.path());
    let settings = format!(
        "addr = \"127.0.0.1:0\"\npublic_url = \"https://pay.example.com\"\ndatabase_url = \"{database}\"\n\
         user_token_secret = \"{SECRET}\"\nwechat_appid = \"wx2421b1c4370ec43b\"\nwechat_mch_id = \"1900009851\"\n\
         wechat_api_key = \"8b1c3b0a6e5d4f7c9a2e1d0f3b5c7a90\"\n"
    );
    std::fs::write(&file, settings).unwrap();
    let running = start::start(config::load(Some(&file)).unwrap()).await.unwrap();
    let request = client().post(format!("http://{}/api/order_status", running.addr));
    let request = request.header("host", "pay.example.com").header("origin", "https://pay.example.com");
    let answer = request.body(about("SM20260315100000AAAAAAAAAAAAAAAA", None)).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], "session");
    running.stop().await;
}
