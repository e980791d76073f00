//! The client over real sockets: hosts that hang, break off, redirect or never stop talking.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wxpay::client::{Client, Endpoint};
use wxpay::observer::Api;
use wxpay::v2::{Fields, XmlError, sign};
use wxpay::{Error, Merchant, OutTradeNo, Protocol, SignType, TradeState, UnixMillis};

/// What a host does with each request that it has read in full.
#[derive(Clone)]
enum Does {
    Says(Vec<u8>),
    Hangs,
    NeverStops,
}

/// A host on a port of its own.
struct Host {
    base_url: String,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Host {
    async fn start(does: Does) -> Host {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&bodies);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(talk(stream, does.clone(), Arc::clone(&seen)));
            }
        });
        Host { base_url, bodies }
    }

    fn requests(&self) -> usize {
        self.bodies.lock().unwrap().len()
    }

    fn client(&self, backup: Option<&Host>) -> Client {
        let backup_url = backup.map(|host| host.base_url.clone());
        let endpoint = Endpoint { base_url: self.base_url.clone(), backup_url };
        Client::new(Merchant::sandbox(), endpoint).unwrap()
    }
}

async fn talk(mut stream: TcpStream, does: Does, seen: Arc<Mutex<Vec<Vec<u8>>>>) {
    let mut request = Vec::new();
    let body = loop {
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        // The whole document has come once its root is closed.
        if let (Some(head), true) = (text.find("\r\n\r\n"), text.ends_with("</xml>")) {
            assert!(text.starts_with("POST /pay/orderquery HTTP/1.1\r\n"), "{text}");
            break request.split_off(head + 4);
        }
    };
    seen.lock().unwrap().push(body);
    match does {
        Does::Says(bytes) => drop(stream.write_all(&bytes).await),
        Does::Hangs => std::future::pending().await,
        Does::NeverStops => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n<xml><a>").await;
            while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
        }
    }
}

fn http(status: &str, headers: &str, body: &str) -> Does {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n");
    Does::Says([head.as_bytes(), body.as_bytes()].concat())
}

fn not_paid_unsigned() -> Fields {
    Fields::from_iter([
        ("return_code", "SUCCESS"),
        ("appid", "wxd930ea5d5a258f4f"),
        ("mch_id", "10000100"),
        ("nonce_str", "nonceQUERYrsp00002"),
        ("result_code", "SUCCESS"),
        ("out_trade_no", "BK20260315000001"),
        ("trade_state", "NOTPAY"),
    ])
}

fn signed(fields: Fields, sign_type: SignType) -> String {
    let sign = sign::sign(&fields, &Merchant::sandbox().key, sign_type);
    fields.with("sign", sign).to_xml()
}

fn not_paid() -> String {
    signed(not_paid_unsigned(), SignType::Md5)
}

async fn query(client: &Client) -> Result<TradeState, Error> {
    let out_trade_no = OutTradeNo::parse("BK20260315000001").unwrap();
    client.query(Protocol::V2, &out_trade_no).await.map(|trade| trade.state)
}

/// A port on which nobody listens.
async fn nobody() -> Host {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    Host { base_url, bodies: Arc::default() }
}

#[tokio::test]
async fn an_answer_comes_back_over_a_socket() {
    let host = Host::start(http("200 OK", "Content-Type: text/plain\r\n", &not_paid())).await;
    assert_eq!(query(&host.client(None)).await.unwrap(), TradeState::NotPay);
    let sent = Fields::read(&host.bodies.lock().unwrap()[0], 64 * 1024).unwrap();
    assert_eq!(sign::verify(&sent, &Merchant::sandbox().key), Ok(SignType::Md5));
}

#[tokio::test]
async fn an_answer_that_cannot_be_believed_is_unknown_over_a_socket_too() {
    let other = not_paid_unsigned().with("out_trade_no", "BK20260315000002");
    let bodies = [
        not_paid_unsigned().to_xml(),
        signed(not_paid_unsigned(), SignType::HmacSha256),
        signed(other, SignType::Md5),
        "<html><body>maintenance</body></html>".into(),
    ];
    for body in bodies {
        let host = Host::start(http("200 OK", "", &body)).await;
        let error = query(&host.client(None)).await.unwrap_err();
        assert!(error.is_unknown(), "{error:?}");
    }
}

#[tokio::test]
async fn a_host_that_hangs_is_given_up_in_time() {
    let host = Host::start(Does::Hangs).await;
    let start = Instant::now();
    let error = query(&host.client(None).with_budget(100, 200)).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { budget_ms: 200 }) && error.is_unknown(), "{error:?}");
    let took = start.elapsed();
    assert!((200..1500).contains(&took.as_millis()), "{took:?}");
}

#[tokio::test]
async fn the_second_host_gets_the_same_bytes_when_the_first_one_fails() {
    let failing = [
        Does::Hangs,
        http("500 Internal Server Error", "", "<html>"),
        http("502 Bad Gateway", "", ""),
        Does::Says(Vec::new()),
        Does::Says(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n<xml>".to_vec()),
    ];
    for does in failing {
        let first = Host::start(does).await;
        let second = Host::start(http("200 OK", "", &not_paid())).await;
        let client = first.client(Some(&second)).with_budget(200, 5_000);
        assert_eq!(query(&client).await.unwrap(), TradeState::NotPay);
        assert_eq!(*first.bodies.lock().unwrap(), *second.bodies.lock().unwrap());
        assert_eq!(first.requests(), 1);
    }
    let second = Host::start(http("200 OK", "", &not_paid())).await;
    let client = nobody().await.client(Some(&second));
    assert_eq!(query(&client).await.unwrap(), TradeState::NotPay);
}

#[tokio::test]
async fn both_hosts_together_keep_to_the_budget() {
    let (first, second) = (Host::start(Does::Hangs).await, Host::start(Does::Hangs).await);
    let start = Instant::now();
    // So much at the first one that a whole budget for the second would be told from what is left.
    let error = query(&first.client(Some(&second)).with_budget(2_000, 2_500)).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    let took = start.elapsed();
    assert!((2_500..4_400).contains(&took.as_millis()), "{took:?}");
    assert_eq!((first.requests(), second.requests()), (1, 1));
}

#[tokio::test]
async fn the_second_host_is_not_asked_where_the_first_one_said_something() {
    let refused = Fields::from_iter([("return_code", "FAIL"), ("return_msg", "签名错误")]).to_xml();
    let saying =
        [http("200 OK", "", &refused), http("200 OK", "", "<html></html>"), http("400 Bad Request", "", "")];
    for does in saying {
        let first = Host::start(does).await;
        let second = Host::start(http("200 OK", "", &not_paid())).await;
        query(&first.client(Some(&second))).await.unwrap_err();
        assert_eq!((first.requests(), second.requests()), (1, 0));
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let target = Host::start(http("200 OK", "", &not_paid())).await;
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"] {
        let location = format!("Location: {}/pay/orderquery\r\n", target.base_url);
        let host = Host::start(http(status, &location, "")).await;
        let error = query(&host.client(None)).await.unwrap_err();
        assert!(matches!(error, Error::Status(301 | 302 | 307)) && error.is_unknown(), "{error:?}");
    }
    assert_eq!(target.requests(), 0);
}

#[tokio::test]
async fn an_answer_without_end_is_cut_at_64_kib() {
    let host = Host::start(Does::NeverStops).await;
    let error = tokio::time::timeout(Duration::from_secs(5), query(&host.client(None))).await;
    let error = error.unwrap().unwrap_err();
    assert!(matches!(error, Error::Malformed(XmlError::TooLarge { limit: 65_536 })), "{error:?}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_unknown() {
    let whole = not_paid();
    for keep in [0, 1, whole.len() / 2, whole.len() - 1] {
        let declared =
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", whole.len(), &whole[..keep]);
        let until_closed = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}", &whole[..keep]);
        for bytes in [declared, until_closed] {
            let host = Host::start(Does::Says(bytes.into_bytes())).await;
            let error = query(&host.client(None)).await.unwrap_err();
            assert!(error.is_unknown(), "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_compressed_answer_is_not_unpacked() {
    let host = Host::start(http("200 OK", "Content-Encoding: gzip\r\n", "\u{1f}\u{8b}")).await;
    assert!(matches!(query(&host.client(None)).await, Err(Error::Malformed(_))));
}

#[tokio::test]
async fn nobody_there_or_no_tls_there_is_a_broken_transport() {
    let error = query(&nobody().await.client(None)).await.unwrap_err();
    assert!(matches!(error, Error::Transport(_)) && error.is_unknown(), "{error:?}");
    let plain = Host::start(Does::Says(Vec::new())).await;
    let base_url = plain.base_url.replace("http://", "https://");
    let endpoint = Endpoint { base_url, backup_url: None };
    let client = Client::new(Merchant::sandbox(), endpoint).unwrap().with_budget(300, 300);
    assert!(query(&client).await.unwrap_err().is_unknown());
    assert_eq!(plain.requests(), 0);
}

#[tokio::test]
async fn an_observer_is_told_of_each_call_how_it_ended_and_how_late_it_is_there() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let observed = |client: Client| {
        let told = Arc::clone(&told);
        client.with_observer(move |ended| {
            assert!(ended.exchanges.iter().all(|exchange| exchange.took <= ended.took), "{ended:?}");
            let failed = ended.error.map(Error::is_unknown);
            told.lock().unwrap().push((ended.api, ended.protocol, failed, ended.clock_ahead_s, ended.took));
        })
    };
    let late = http("200 OK", "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", &not_paid());
    query(&observed(Host::start(late).await.client(None))).await.unwrap();
    query(&observed(Host::start(Does::Hangs).await.client(None).with_budget(50, 50))).await.unwrap_err();
    // Certificates of an API that is not spoken are never read.
    observed(nobody().await.client(None)).refresh_certificates().await.unwrap();
    let told = told.lock().unwrap();
    let [
        (Api::Query, Protocol::V2, None, Some(ahead_s), _),
        (Api::Query, Protocol::V2, Some(true), None, took),
    ] = told[..]
    else {
        panic!("{told:?}");
    };
    assert!(ahead_s + UnixMillis::now().get() / 1000 - 784_111_777 <= 1, "{ahead_s}");
    assert!(took >= Duration::from_millis(50), "{took:?}");
}

#[tokio::test]
async fn an_observer_is_told_of_each_request_that_a_call_made_and_of_its_path_without_numbers() {
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let (silent, well) = (Host::start(Does::Hangs).await, Host::start(http("200 OK", "", &not_paid())).await);
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let client = silent.client(Some(&well)).with_budget(50, 5_000).with_trace(|| Some(PARENT.to_owned()));
    let client = client.with_observer(move |ended| tell.lock().unwrap().push(ended.exchanges.clone()));
    query(&client).await.unwrap();
    let told = told.lock().unwrap();
    let [[first, second]] = [&told[0][..]] else { panic!("{told:?}") };
    assert_eq!((first.status, second.status), (None, Some(200)));
    assert!(first.took >= Duration::from_millis(50) && second.began >= first.began + first.took, "{told:?}");
    for (exchange, host) in [(first, &silent), (second, &well)] {
        assert_eq!((exchange.method, &*exchange.template), ("POST", "/pay/orderquery"));
        assert_eq!(exchange.traceparent.as_deref(), Some(PARENT));
        let port = exchange.port.unwrap();
        assert_eq!(format!("http://{}:{port}", exchange.host), host.base_url);
    }
    assert_eq!(told.len(), 1);
}

#[tokio::test]
async fn a_call_says_which_trace_it_is_part_of_and_nothing_without_one() {
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for traced in [true, false] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let client = Client::new(Merchant::sandbox(), Endpoint { base_url, backup_url: None }).unwrap();
        let client = client.with_budget(500, 500).with_trace(move || traced.then(|| PARENT.to_owned()));
        let asking = tokio::spawn(async move { query(&client).await.is_ok() });
        let (mut stream, mut head) = (listener.accept().await.unwrap().0, Vec::new());
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            stream.read_buf(&mut head).await.unwrap();
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        assert_eq!(head.contains(&format!("\r\ntraceparent: {PARENT}\r\n")), traced, "{head}");
        asking.abort();
    }
}

#[test]
fn an_address_that_is_not_one_is_refused_by_its_name() {
    let new = |base_url: &str, backup_url: Option<&str>| {
        let backup_url = backup_url.map(str::to_owned);
        Client::new(Merchant::sandbox(), Endpoint { base_url: base_url.into(), backup_url })
    };
    for bad in [
        "",
        "api.mch.weixin.qq.com",
        "ftp://a.example",
        "https://a.example?x=1",
        "https://a.example/#x",
        "https://user@a.example",
        "https://user:pass@a.example",
    ] {
        assert!(matches!(new(bad, None), Err(Error::Invalid(i)) if i.what == "base_url"), "{bad}");
        let backup = new("https://a.example", Some(bad));
        assert!(matches!(backup, Err(Error::Invalid(i)) if i.what == "backup_url"), "{bad}");
    }
    let wechat = format!("{:?}", new("https://api.mch.weixin.qq.com/", None).unwrap());
    assert!(wechat.contains("api2.mch.weixin.qq.com"), "{wechat}");
    let other = format!("{:?}", new("https://pay.example.com", None).unwrap());
    assert!(!other.contains("api2"), "{other}");
}

#[test]
fn an_address_of_wechats_is_known_as_one() {
    for real in [
        Endpoint::WECHAT,
        "https://API.mch.weixin.qq.com/",
        "https://apihk.mch.weixin.qq.com",
        "https://api2.wechatpay.cn",
    ] {
        assert!(Endpoint::new(real).is_wechat(), "{real}");
    }
    for other in ["http://127.0.0.1:3080", "https://weixin.qq.com.example", "api.mch.weixin.qq.com"] {
        assert!(!Endpoint::new(other).is_wechat(), "{other}");
    }
    let backup_url = Some(Endpoint::WECHAT.to_owned());
    assert!(Endpoint { backup_url, ..Endpoint::new("http://127.0.0.1:3080") }.is_wechat());
}
