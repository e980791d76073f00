//! A proxy in front of a server, or of the sandbox, that does one thing wrong.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::to_bytes,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use tokio::net::TcpListener;

use super::common::client;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twist {
    Nothing,
    /// All of it is elsewhere.
    Redirect,
    /// A sign-in page in front of everything.
    Wall,
    /// A firewall that does not like bodies with CDATA.
    Firewall,
    /// Bodies are read and written anew.
    Rewrite,
    Host,
    NoForwardedFor,
    /// The answers' `Date` is so many seconds off.
    Clock(i64),
}

#[derive(Clone)]
pub struct Proxy {
    pub url: String,
    state: Arc<Mutex<(String, Twist)>>,
}

impl Proxy {
    pub async fn start() -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let proxy = Proxy { url, state: Arc::new(Mutex::new((String::new(), Twist::Nothing))) };
        let shared = proxy.clone();
        let app = Router::new().fallback(move |request| async move { shared.pass(request).await });
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        proxy
    }

    /// From now on passes requests on to `target`, with this mistake.
    pub fn set(&self, target: &str, twist: Twist) {
        *self.state.lock().unwrap() = (target.to_owned(), twist);
    }

    async fn pass(&self, request: Request) -> Response {
        let (target, twist) = self.state.lock().unwrap().clone();
        let (head, body) = request.into_parts();
        let mut body = to_bytes(body, usize::MAX).await.unwrap();
        match twist {
            Twist::Redirect => {
                return (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, "https://elsewhere.example/")])
                    .into_response();
            }
            Twist::Wall => return "<html>Please sign in</html>".into_response(),
            Twist::Firewall if body.windows(7).any(|part| part == b"[CDATA[") => {
                return StatusCode::FORBIDDEN.into_response();
            }
            Twist::Rewrite => body = String::from_utf8_lossy(&body).replace("\r\n", "\n").into(),
            _ => {}
        }
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut asked = client().request(head.method.clone(), format!("{target}{path}"));
        for (name, value) in &head.headers {
            if *name != header::HOST && *name != header::CONTENT_LENGTH {
                asked = asked.header(name, value);
            }
        }
        let host = match twist {
            Twist::Host => HeaderValue::from_static("backend:3000"),
            _ => head.headers[header::HOST].clone(),
        };
        asked = asked.header(header::HOST, host);
        if twist != Twist::NoForwardedFor {
            asked = asked.header("x-forwarded-for", "127.0.0.1");
        }
        let answer = asked.body(body).send().await.unwrap();
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        headers.remove(header::TRANSFER_ENCODING);
        if let Twist::Clock(off_s) = twist {
            let then = std::time::UNIX_EPOCH
                + std::time::Duration::from_secs((wxpay::UnixMillis::now().get() / 1000 + off_s) as u64);
            headers.insert(header::DATE, httpdate::fmt_http_date(then).parse().unwrap());
        }
        (status, headers, answer.bytes().await.unwrap()).into_response()
    }
}
