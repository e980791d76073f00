//! Notices as no honest sender writes them onto the wire (scenario 8): nothing is acknowledged that was not read to its end.
//! What is slow or half open is in `src/listener/tests.rs`.

use std::{io::Write as _, time::Duration};

use flate2::{Compression, write::GzEncoder};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::common::{SUCCESS, Site, on_both, paid, signed};

/// Sends these bytes and reads until the server closes, or has no more to say for half a second. It begins to answer within
/// three: a body that is not there after two is given up.
async fn said(site: &Site, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(site.running.addr).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    let mut patience = Duration::from_secs(3);
    while let Ok(Ok(n @ 1..)) = tokio::time::timeout(patience, stream.read(&mut piece)).await {
        answer.extend_from_slice(&piece[..n]);
        patience = Duration::from_millis(500);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn request(length: usize, more: &str, body: &str) -> String {
    format!("POST /wxpay/notify HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n{more}\r\n{body}")
}

#[tokio::test]
async fn a_false_content_length_acknowledges_nothing() {
    on_both(async |site| {
        let (number, _) = site.placed("lin", "10").await;
        let body = signed(paid(&number, "1000"));
        for length in [body.len() + 1, body.len() - 1, 1, 0] {
            let answer = said(&site, request(length, "", &body).as_bytes()).await;
            assert!(!answer.contains("<![CDATA[SUCCESS]]></return_code>"), "{length}: {answer}");
        }
        let both = request(body.len(), "Transfer-Encoding: chunked\r\n", &body);
        assert!(!said(&site, both.as_bytes()).await.contains(SUCCESS));
        let two = request(body.len(), "Content-Length: 1\r\n", &body);
        assert!(!said(&site, two.as_bytes()).await.contains(SUCCESS));
        assert_eq!(site.count("ledger").await, 0);
        assert!(said(&site, request(body.len(), "", &body).as_bytes()).await.contains(SUCCESS));
    })
    .await;
}

#[tokio::test]
async fn a_body_that_says_it_is_compressed_is_taken_as_it_is() {
    on_both(async |site| {
        let (number, _) = site.placed("lin", "10").await;
        // What is in it would be believed, but nobody looks.
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(signed(paid(&number, "1000")).as_bytes()).unwrap();
        let request = site.http.post(format!("{}/wxpay/notify", site.url)).header("content-encoding", "gzip");
        let request = request.body(gzip.finish().unwrap());
        let answer = request.send().await.unwrap().text().await.unwrap();
        assert!(answer.contains("<![CDATA[FAIL]]>"), "{answer}");
        assert_eq!(site.status("lin", &number).await["state"], "pending");
    })
    .await;
}

#[tokio::test]
async fn notices_sent_one_behind_the_other_are_answered_one_by_one() {
    on_both(async |site| {
        let (first, _) = site.placed("lin", "10").await;
        let (second, _) = site.placed("wang", "10").await;
        let paid_with = |number: &str, transaction: &str| {
            let body = signed(paid(number, "1000").with("transaction_id", transaction));
            request(body.len(), "", &body)
        };
        let pipelined = paid_with(&first, "4200000000000000000000000001")
            + &paid_with(&second, "4200000000000000000000000002");
        let answer = said(&site, pipelined.as_bytes()).await;
        assert_eq!(answer.matches(SUCCESS).count(), 2, "{answer}");
        assert_eq!(site.count("ledger").await, 2);
    })
    .await;
}

#[tokio::test]
async fn http_2_is_not_spoken_so_its_floods_find_nobody() {
    on_both(async |site| {
        // The preface, an empty SETTINGS frame, and a hundred RST_STREAM frames.
        let mut flood = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
        for stream in 1..=100 {
            flood.extend_from_slice(&[0, 0, 4, 3, 0, 0, 0, 0, stream, 0, 0, 0, 8]);
        }
        let answer = said(&site, &flood).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 505"),
            "{answer}"
        );
        assert_eq!(site.get("/healthz").send().await.unwrap().status(), 200);
    })
    .await;
}
