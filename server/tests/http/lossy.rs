//! A proxy in front of a server whose answers it loses: every POST is done, and the first answer to it does not arrive.

use std::{
    collections::HashMap,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::Request,
    http::{Method, StatusCode, header},
    response::{Html, IntoResponse as _, Response},
};
use http_body::Frame;
use tokio::net::TcpListener;

use super::common::client;

/// A path that is answered with a page that forbids it.
pub const WALL: &str = "/wall";
/// A path that has no server behind it any more.
pub const DOWN: &str = "/down";

/// How often each call came: the same call has the same bytes.
type Seen = HashMap<(Method, String, Bytes), usize>;

#[derive(Clone)]
pub struct Lossy {
    pub url: String,
    target: String,
    seen: Arc<Mutex<Seen>>,
    lost: Arc<Mutex<usize>>,
}

impl Lossy {
    pub async fn start(target: &str) -> Lossy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let lossy = Lossy { url, target: target.to_owned(), seen: Arc::default(), lost: Arc::default() };
        let shared = lossy.clone();
        let app = Router::new().fallback(move |request| async move { shared.pass(request).await });
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        lossy
    }

    /// How many answers were lost.
    pub fn lost(&self) -> usize {
        *self.lost.lock().unwrap()
    }

    /// How often anything at this path of the API was asked for.
    pub fn times(&self, path: &str) -> usize {
        let path = format!("/api/v1{path}");
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|((_, asked, _), _)| *asked == path).map(|(_, times)| times).sum()
    }

    async fn pass(&self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let path = head.uri.path_and_query().unwrap().to_string();
        let times = {
            let mut seen = self.seen.lock().unwrap();
            let times = seen.entry((head.method.clone(), path.clone(), body.clone())).or_default();
            *times += 1;
            *times
        };
        match path.strip_prefix("/api/v1") {
            Some(WALL) => return (StatusCode::FORBIDDEN, Html("<html>No robots</html>")).into_response(),
            Some(DOWN) => {
                return (StatusCode::BAD_GATEWAY, Html("<html>Nobody is in</html>")).into_response();
            }
            _ => {}
        }
        let mut asked = client().request(head.method.clone(), format!("{}{path}", self.target));
        for name in [header::AUTHORIZATION, header::CONTENT_TYPE] {
            if let Some(value) = head.headers.get(&name) {
                asked = asked.header(name, value);
            }
        }
        let answer = asked.body(body).send().await.unwrap();
        let status = answer.status();
        let headers = answer.headers().clone();
        let text = answer.bytes().await.unwrap();
        if head.method == Method::POST && times == 1 {
            let mut lost = self.lost.lock().unwrap();
            *lost += 1;
            return instead(*lost);
        }
        let mut response = (status, text).into_response();
        for name in [header::CONTENT_TYPE, header::RETRY_AFTER] {
            if let Some(value) = headers.get(&name) {
                response.headers_mut().insert(name, value.clone());
            }
        }
        response
    }
}

/// What the client gets for the nth answer that is lost.
fn instead(n: usize) -> Response {
    let page = Html("<html><h1>Bad gateway</h1></html>");
    match n % 5 {
        0 => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        1 => (StatusCode::BAD_GATEWAY, page).into_response(),
        2 => (StatusCode::SERVICE_UNAVAILABLE, page).into_response(),
        3 => (StatusCode::GATEWAY_TIMEOUT, page).into_response(),
        _ => Body::new(Cut(0)).into_response(),
    }
}

/// The beginning of an answer, and then the connection breaks.
struct Cut(u8);

impl http_body::Body for Cut {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.0 += 1;
        match self.0 {
            1 => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"{\"id\":"))))),
            // Meanwhile the beginning is sent.
            2 => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            _ => Poll::Ready(Some(Err(io::Error::other("the connection breaks")))),
        }
    }
}
