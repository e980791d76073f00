//! Global middleware: client address, host and CSRF checks, security headers, size of bodies.

use std::net::{IpAddr, SocketAddr};

use app::auth::UndeclaredProxy;
use axum::{
    body::HttpBody as _,
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use ipnet::IpNet;

use crate::{client_addr::ClientAddr, state::Server};

/// Largest body of a page's form or a server function's call, in bytes.
pub const FORM_BYTES: usize = 16 * 1024;

/// Refuses a body larger than [`FORM_BYTES`], and reads the others into memory.
pub async fn small_body(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    if body.size_hint().lower() > FORM_BYTES as u64 {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    }
    let Ok(body) = axum::body::to_bytes(body, FORM_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    next.run(Request::from_parts(parts, body.into())).await
}

/// Wraps all routes: finds the client's address, refuses foreign hosts and cross-site changes, adds the headers.
pub async fn guard(State(server): State<Server>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0);
    let peer = peer.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
    let from = ClientAddr::of(peer, &parts.headers, &server.trusted_proxies);
    parts.extensions.insert(from);
    if let Some(proxy) = undeclared_proxy(peer, &parts.headers, &server.trusted_proxies) {
        server.refusals.undeclared_proxy(proxy);
        parts.extensions.insert(UndeclaredProxy(proxy));
    }
    let path = parts.uri.path();
    // WeChat, the site's programs, who is sent by a merchant of 易支付, and health checks bring no cookie that is read, so nothing can be done in somebody's name there; a
    // notice must not be lost because a proxy writes another host.
    let by_cookie = !path.starts_with("/wxpay/")
        && !path.starts_with("/epay/")
        && !is_for_programs(path)
        && !matches!(path, "/healthz" | "/livez" | "/readyz" | "/metrics");
    let is_part = path.starts_with("/pkg/");
    let mut response = if by_cookie && !server.hosts.serves(&parts) {
        server.refusals.other_host(from, parts.headers.get(header::HOST), server.now());
        (StatusCode::MISDIRECTED_REQUEST, "this host is not served here\n").into_response()
    } else if by_cookie && !server.hosts.may_change(&parts) {
        server.refusals.other_site(from, parts.headers.get(header::ORIGIN), server.now());
        (StatusCode::FORBIDDEN, "this must come from a page of this site\n").into_response()
    } else {
        next.run(Request::from_parts(parts, body)).await
    };
    let headers = if is_part { &EVERYWHERE[..FOR_PARTS] } else { &EVERYWHERE };
    add_headers(response.headers_mut(), headers, server.public_url.is_https());
    response
}

/// Whether the address is one of `/api/v1`. Server functions for browsers are elsewhere below `/api`.
pub(crate) fn is_for_programs(path: &str) -> bool {
    path.strip_prefix("/api/v1").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The peer, where it forwards for others and the settings do not name it as a proxy: all who come through it count as one
/// address then.
fn undeclared_proxy(peer: SocketAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let ip = peer.ip().to_canonical();
    let forwards = headers.contains_key("x-forwarded-for");
    (forwards && !trusted.iter().any(|net| net.contains(&ip))).then_some(ip)
}

/// Default response headers; an answer that sets one itself keeps its own.
const EVERYWHERE: [(HeaderName, &str); 7] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "same-origin"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

/// The parts of a page (style, script, module) are no documents: the rest of the list would only make them longer.
const FOR_PARTS: usize = 3;

fn add_headers(headers: &mut HeaderMap, wanted: &[(HeaderName, &'static str)], is_https: bool) {
    // A page with a policy of its own says itself who may frame it.
    if wanted.len() > FOR_PARTS && !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
    for (name, value) in wanted {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if is_https {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(year);
    }
}
