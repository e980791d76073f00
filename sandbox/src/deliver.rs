//! Posts a notice to the merchant: over HTTP, or to a router in the same process.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use tower::ServiceExt;

/// Limit of the merchant's answer. Source: WeChat Pay v2, native.php?chapter=9_7.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Limit of connecting to the merchant.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// Bytes of an answer that are read; it should be one line of XML.
const ANSWER_LIMIT: usize = 8 * 1024;
const CONTENT_TYPE: &str = "text/xml";
const USER_AGENT: &str = "Mozilla/4.0";

/// How notices reach the merchant.
#[derive(Debug, Clone)]
pub enum Deliver {
    /// Posted to the order's `notify_url`, wherever that is: whoever signs an order with the public key has this machine
    /// post to any address.
    Http,
    /// Posted to the order's `notify_url` where its host is this machine; other notices stay unanswered.
    ToThisMachine,
    /// Posted to the path of the order's `notify_url` on this router.
    InProcess(Router),
}

/// What is posted, beside `User-Agent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Post {
    /// A notice of API v2.
    pub fn xml(body: String) -> Post {
        Post { headers: vec![("Content-Type", CONTENT_TYPE.to_owned())], body }
    }
}

/// The merchant's answer: HTTP status and body.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

#[derive(Debug)]
pub struct Transport {
    way: Way,
}

#[derive(Debug)]
enum Way {
    Http { client: reqwest::Client, anywhere: bool },
    InProcess(Router),
}

impl Transport {
    /// # Errors
    /// If the HTTP client cannot be built.
    pub fn new(deliver: Deliver) -> Result<Self, reqwest::Error> {
        // `reqwest` is built without a cryptography provider; an error says that one is there already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let anywhere = matches!(deliver, Deliver::Http);
        let way = match deliver {
            Deliver::InProcess(router) => Way::InProcess(router),
            Deliver::Http | Deliver::ToThisMachine => Way::Http { client: client()?, anywhere },
        };
        Ok(Transport { way })
    }

    /// Posts one notice. `None`: no complete answer within 5 s; a router in this process may take its time.
    pub async fn post(&self, notify_url: &str, post: &Post) -> Option<Answer> {
        match &self.way {
            Way::Http { anywhere: false, .. } if !is_this_machine(notify_url) => {
                tracing::warn!("a notice was not sent: {notify_url} is another machine's");
                None
            }
            Way::Http { client, .. } => over_http(client, notify_url, post).await,
            Way::InProcess(router) => in_process(router, notify_url, post).await,
        }
    }
}

fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .connect_timeout(CONNECT_WITHIN)
        .timeout(ANSWER_WITHIN)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent(USER_AGENT)
        .build()
}

fn is_this_machine(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| url.host_str().is_some_and(is_loopback_name))
}

/// `localhost`, 127.0.0.0/8 or ::1, with or without brackets. Any other name may lead anywhere, and elsewhere tomorrow.
pub fn is_loopback_name(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

async fn over_http(client: &reqwest::Client, url: &str, post: &Post) -> Option<Answer> {
    let request = client.post(url).body(post.body.clone());
    let request = post.headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
    let mut response = match request.send().await {
        Ok(response) => response,
        Err(error) => {
            tracing::debug!(%error, "no answer to a notice: {error}");
            return None;
        }
    };
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.ok()? {
        body.extend_from_slice(&part);
        if body.len() > ANSWER_LIMIT {
            body.truncate(ANSWER_LIMIT);
            break;
        }
    }
    let status = response.status().as_u16();
    Some(Answer { status, body: String::from_utf8_lossy(&body).into_owned() })
}

async fn in_process(router: &Router, url: &str, post: &Post) -> Option<Answer> {
    let path = reqwest::Url::parse(url).ok()?.path().to_owned();
    let request = Request::post(path).header(header::USER_AGENT, USER_AGENT);
    let request = post.headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
    let request = request.body(Body::from(post.body.clone())).ok()?;
    let response = router.clone().oneshot(request).await.ok()?;
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), ANSWER_LIMIT).await.ok()?;
    Some(Answer { status, body: String::from_utf8_lossy(&body).into_owned() })
}
