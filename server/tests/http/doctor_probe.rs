//! Where the doctor's probe arrives: who did not get it from this database learns nothing, and each is answered once.

use cashier::{Db, db::doctor_probes};
use reqwest::{Method, StatusCode};
use wxpay::UnixMillis;

use super::common::on_both;

const NONCE: &str = "0123456789abcdef0123456789abcdef";

#[tokio::test]
async fn a_probe_is_answered_once_within_a_minute_and_everything_else_is_absent() {
    on_both(async |site| {
        let db = Db::open(&site.database).await.unwrap();
        let post = async |query: &str| {
            let request = site.http.post(format!("{}/wxpay/doctor{query}", site.url));
            let answer =
                request.header("x-forwarded-for", "198.51.100.7").body("as\r\nit is").send().await.unwrap();
            (answer.status(), answer.text().await.unwrap())
        };
        let absent = (StatusCode::NOT_FOUND, String::new());
        let mine = format!("?n={NONCE}");
        for query in ["", "?n=", "?n=x", &mine, "?n=' OR ''='", &format!("?n={NONCE}{NONCE}")] {
            assert_eq!(post(query).await, absent, "{query}");
        }
        let get = site.http.request(Method::GET, format!("{}/wxpay/doctor{mine}", site.url));
        assert_eq!(get.send().await.unwrap().status(), StatusCode::NOT_FOUND);

        let now = UnixMillis::now();
        doctor_probes::issue(&db, NONCE, now.plus_ms(-60_001)).await.unwrap();
        assert_eq!(post(&mine).await, absent, "it is too old");
        let fresh = "00000000000000000000000000000001";
        doctor_probes::issue(&db, fresh, now).await.unwrap();
        let query = format!("?n={fresh}");
        assert_eq!(post(&query).await, (StatusCode::OK, "as\r\nit is".to_owned()));
        assert_eq!(post(&query).await, absent, "it was answered");
        let saw: serde_json::Value =
            serde_json::from_str(&doctor_probes::saw(&db, fresh).await.unwrap().unwrap()).unwrap();
        assert_eq!((saw["peer"].as_str(), saw["client"].as_str()), (Some("127.0.0.1"), Some("127.0.0.1")));
        assert_eq!(saw["by_proxies"], serde_json::json!([["x-forwarded-for", "198.51.100.7"]]));
        assert_eq!((&saw["length"], &saw["is_trusted"]), (&9.into(), &false.into()));
    })
    .await;
}

#[tokio::test]
async fn who_guesses_without_end_gets_nothing_even_if_he_guesses_right() {
    on_both(async |site| {
        let db = Db::open(&site.database).await.unwrap();
        let address = format!("{}/wxpay/doctor?n={NONCE}", site.url);
        for _ in 0..60 {
            assert_eq!(site.http.post(&address).send().await.unwrap().status(), StatusCode::NOT_FOUND);
        }
        doctor_probes::issue(&db, NONCE, UnixMillis::now()).await.unwrap();
        assert_eq!(site.http.post(&address).send().await.unwrap().status(), StatusCode::NOT_FOUND);
        assert_eq!(doctor_probes::saw(&db, NONCE).await.unwrap(), None);
    })
    .await;
}
