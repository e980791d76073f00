//! WeChat's browser: a reverse proxy in front of a merchant's site. What passes through it looks to the site as if it came
//! from WeChat (User-Agent, cookies of one WeChat user), and to the visitor as if WeChat showed it (the bridge that pays).

mod bridge;
mod rewrite;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use reqwest::Url;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use self::rewrite::BRIDGE;
use crate::deliver::is_loopback_name;
use crate::people::Person;
use crate::serving::{at_last, for_this_machine, told};
use crate::{Sandbox, weixin};

/// What WeChat 8.0.50 on an iPhone sends.
const USER_AGENT: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
    Mobile/15E148 MicroMessenger/8.0.50(0x18003237) NetType/WIFI Language/zh_CN";
/// The cookie that says which person's browser it is.
const PERSON: &str = "weixin-person";
/// The OAuth page, under the browser's own address.
const AUTHORIZE: &str = "/__weixin/oauth2/authorize";
/// Bytes of a request, and of a page, that are taken.
const BODY_LIMIT: usize = 16 * 1024 * 1024;
const CONNECT_WITHIN: Duration = Duration::from_secs(3);

/// Headers that concern one connection only (RFC 9110, 7.6.1).
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// A browser in front of one site.
#[derive(Debug, Clone)]
struct Browser {
    sandbox: Sandbox,
    site: Url,
    http: reqwest::Client,
}

/// Why there is no browser for an address.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// Not `http(s)://host[:port]`.
    #[error("a site is named as http://host:port, without a path, and not as {0:?}")]
    Site(String),
    /// No TLS on this machine, or the like.
    #[error("the HTTP client of WeChat's browser could not be built")]
    Http(#[from] reqwest::Error),
    /// The listener.
    #[error("WeChat's browser cannot listen")]
    Listen(#[from] std::io::Error),
}

impl Sandbox {
    /// Shows `site` on `listener` as WeChat's browser would, until `shutdown` ends.
    /// # Errors
    /// [`BrowserError`].
    pub async fn serve_browser(
        self,
        listener: TcpListener,
        site: &str,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), BrowserError> {
        let wrong = || BrowserError::Site(site.to_owned());
        let url = Url::parse(site).map_err(|_| wrong())?;
        if !matches!(url.scheme(), "http" | "https")
            || !url.has_host()
            || url.path() != "/"
            || url.query().is_some()
        {
            return Err(wrong());
        }
        let address = listener.local_addr()?;
        self.state().browser_port = Some(address.port());
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        // The machine's authorities are a megabyte of memory, which a site without TLS does not need.
        let http = if url.scheme() == "https" { http } else { http.tls_certs_only([]) }.build()?;
        let router = router(Browser { sandbox: self, site: url, http });
        let router =
            if address.ip().is_loopback() { router.layer(from_fn(for_this_machine)) } else { router };
        let over = Arc::new(Notify::new());
        let serving = axum::serve(listener, router).with_graceful_shutdown(told(shutdown, over.clone()));
        tokio::select! {
            served = serving.into_future() => Ok(served?),
            () = at_last(over) => Ok(()),
        }
    }
}

fn router(browser: Browser) -> Router {
    let own = Router::new()
        .route("/__weixin/state", get(bridge::state))
        .route("/__weixin/pay", post(bridge::pay))
        .route("/__weixin/press", post(bridge::press))
        .with_state(browser.sandbox.clone());
    Router::new()
        .route(BRIDGE, get(script))
        .route(AUTHORIZE, get(authorize))
        .fallback(visit)
        .with_state(browser)
        .merge(own)
}

async fn script() -> Response {
    let headers =
        [(header::CONTENT_TYPE, "text/javascript; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")];
    (headers, rewrite::SCRIPT).into_response()
}

/// Whose browser the request comes from.
fn person(headers: &HeaderMap) -> Person {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let is_second = cookies.flat_map(|text| text.split(';')).any(|cookie| cookie.trim() == "weixin-person=2");
    if is_second { Person::Second } else { Person::First }
}

/// Where this browser is, as its visitor named it.
fn own_origin(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    format!("http://{}", host.unwrap_or("127.0.0.1:3081"))
}

/// The OAuth page. It leads back to the site, and so to its place in this browser.
async fn authorize(State(browser): State<Browser>, request: Request) -> Response {
    let mut headers = request.headers().clone();
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    let query = request.uri().query().unwrap_or_default();
    let mut response = weixin::authorize(&browser.sandbox, &headers, query, person(&headers));
    browser.lead(response.headers_mut());
    response
}

/// `?person=2` changes the person, and goes on without it; all else is asked of the site.
async fn visit(State(browser): State<Browser>, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let asked =
        query.split('&').find_map(|pair| pair.strip_prefix("person=")).filter(|n| ["1", "2"].contains(n));
    if let Some(number) = asked {
        let rest: Vec<_> = query.split('&').filter(|pair| !pair.starts_with("person=")).collect();
        let mut to = request.uri().path().to_owned();
        if !rest.is_empty() {
            to = format!("{to}?{}", rest.join("&"));
        }
        let cookie = format!("{PERSON}={number}; Path=/; HttpOnly; SameSite=Lax");
        return (StatusCode::FOUND, [(header::LOCATION, to), (header::SET_COOKIE, cookie)]).into_response();
    }
    match browser.forward(request).await {
        Ok(response) => response,
        Err(why) => {
            let text = format!("WeChat's browser got no answer from {}: {why}\n", browser.site);
            (StatusCode::BAD_GATEWAY, text).into_response()
        }
    }
}

impl Browser {
    fn site_origin(&self) -> String {
        self.site.origin().ascii_serialization()
    }

    async fn forward(&self, request: Request) -> Result<Response, String> {
        let (parts, body) = request.into_parts();
        let (person, own_origin) = (person(&parts.headers), own_origin(&parts.headers));
        let body = to_bytes(body, BODY_LIMIT).await.map_err(|error| error.to_string())?;
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let url = format!("{}{path}", self.site_origin());
        let headers = self.to_site(&parts.headers, &own_origin, person);
        let request = self.http.request(parts.method, url).headers(headers).body(body);
        let response = request.send().await.map_err(|error| error.to_string())?;
        self.to_browser(response, &own_origin, person).await
    }

    /// As WeChat would send them, and as if they were for the site itself.
    fn to_site(&self, given: &HeaderMap, own_origin: &str, person: Person) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            let is_own = [header::HOST, header::CONTENT_LENGTH, header::COOKIE, header::ACCEPT_ENCODING]
                .contains(name);
            if !is_own && !HOP_BY_HOP.contains(name) {
                headers.append(name, value.clone());
            }
        }
        for name in [header::ORIGIN, header::REFERER] {
            if let Some(text) = headers.get(&name).and_then(|value| value.to_str().ok())
                && let Some(rest) = text.strip_prefix(own_origin)
                && let Ok(value) = HeaderValue::try_from(format!("{}{rest}", self.site_origin()))
            {
                headers.insert(name, value);
            }
        }
        let cookies = given.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let cookies: Vec<_> = cookies.map(|text| rewrite::cookies_to_site(text, person)).collect();
        if let Ok(value) = HeaderValue::try_from(cookies.join("; "))
            && !value.is_empty()
        {
            headers.insert(header::COOKIE, value);
        }
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        headers
    }

    async fn to_browser(
        &self,
        response: reqwest::Response,
        own_origin: &str,
        person: Person,
    ) -> Result<Response, String> {
        let (mut parts, body) = axum::http::Response::from(response).into_parts();
        let given = std::mem::take(&mut parts.headers);
        for (name, value) in &given {
            let text = value.to_str().unwrap_or_default();
            let changed = match *name {
                header::SET_COOKIE => Some(rewrite::cookie_to_browser(text, person)),
                header::CONTENT_SECURITY_POLICY => Some(rewrite::policy(text, own_origin)),
                header::STRICT_TRANSPORT_SECURITY => continue,
                _ if HOP_BY_HOP.contains(name) => continue,
                _ => None,
            };
            let value =
                changed.and_then(|text| HeaderValue::try_from(text).ok()).unwrap_or_else(|| value.clone());
            parts.headers.append(name, value);
        }
        self.lead(&mut parts.headers);
        let kind = given.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let body = Body::new(body);
        if !kind.starts_with("text/html") {
            return Ok(Response::from_parts(parts, body));
        }
        let page = to_bytes(body, BODY_LIMIT).await.map_err(|error| error.to_string())?;
        parts.headers.remove(header::CONTENT_LENGTH);
        // The answer to HEAD has no body.
        let page = if page.is_empty() { Vec::new() } else { rewrite::with_bridge(&page) };
        Ok(Response::from_parts(parts, page.into()))
    }

    /// Leads `Location` back into this browser: the site's own addresses, and WeChat's OAuth page wherever that is.
    fn lead(&self, headers: &mut HeaderMap) {
        let Some(location) = headers.get(header::LOCATION).and_then(|value| value.to_str().ok()) else {
            return;
        };
        let Ok(url) = Url::parse(location) else { return };
        let fragment = url.fragment().map(|f| format!("#{f}")).unwrap_or_default();
        let query = url.query().map(|q| format!("?{q}")).unwrap_or_default();
        let host = url.host_str().unwrap_or_default();
        // Another port of this machine is another site, the sandbox's own pages above all.
        let is_sites = url.origin() == self.site.origin()
            || !is_loopback_name(host) && self.sandbox.state().registered.has_domain(host);
        let to = if url.path() == weixin::AUTHORIZE {
            format!("{AUTHORIZE}{query}{fragment}")
        } else if is_sites {
            format!("{}{query}{fragment}", url.path())
        } else {
            return;
        };
        if let Ok(value) = HeaderValue::try_from(to) {
            headers.insert(header::LOCATION, value);
        }
    }
}
