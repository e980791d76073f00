//! A reverse proxy in front: what it costs when the settings do not name it, and how long its connections are kept.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::common::{Site, on_both};
use super::operators::cookie;

#[tokio::test]
async fn the_desk_names_a_proxy_that_the_settings_do_not() {
    on_both(async |site| {
        let cookie = cookie(&site).await;
        let overview = async |forwards: bool| {
            let request = site.get("/admin").header("cookie", &cookie);
            let request = if forwards { request.header("x-forwarded-for", "203.0.113.9") } else { request };
            request.send().await.unwrap().text().await.unwrap()
        };
        let (through_it, direct) = (overview(true).await, overview(false).await);
        assert!(through_it.contains("SAOMA_TRUSTED_PROXIES") && through_it.contains("127.0.0.1"));
        assert!(!direct.contains("SAOMA_TRUSTED_PROXIES"), "{direct}");
    })
    .await;
}

/// The answers to two requests on one connection, `pause` apart; an empty one is a connection that was closed.
async fn two_answers(site: &Site, pause: Duration) -> [String; 2] {
    let mut stream = TcpStream::connect(site.running.addr).await.unwrap();
    let mut answers = [String::new(), String::new()];
    for (n, answer) in answers.iter_mut().enumerate() {
        if n > 0 {
            tokio::time::sleep(pause).await;
        }
        let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let mut bytes = [0; 4096];
        let read = stream.read(&mut bytes).await.unwrap_or(0);
        *answer = String::from_utf8_lossy(&bytes[..read]).into_owned();
    }
    answers
}

/// nginx keeps an idle connection for 60 s and longer, and WeChat's notice may be the next request on it.
#[tokio::test]
async fn the_idle_connection_of_a_named_proxy_outlives_the_ten_seconds_of_strangers() {
    for (settings, is_kept) in [("trusted_proxies = [\"127.0.0.1\"]\n", true), ("", false)] {
        let folder = tempfile::tempdir().unwrap();
        let database = testdb::sqlite(folder.path());
        let site = Site::start(settings, database, folder).await;
        let [first, second] = two_answers(&site, Duration::from_millis(10_500)).await;
        assert!(first.starts_with("HTTP/1.1 200"), "{first}");
        assert_eq!(second.starts_with("HTTP/1.1 200"), is_kept, "{settings}: {second}");
        site.running.stop().await;
    }
}
