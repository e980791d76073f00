//! What an operator had typed into a form when the session had ended: kept in the browser until the form is shown again.

use app::{
    auth::Draft,
    pages::{page_of_form, to_sign_in},
};
use axum::{
    body::to_bytes,
    extract::Request,
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Method, StatusCode};

use crate::cookies::{CookieStyle, Session, append_cookie};
use crate::middleware::FORM_BYTES;

/// Bytes of the cookie at most; browsers refuse one of more than 4,096.
const LONGEST: usize = 3_600;
/// How long it is kept, in seconds.
const KEPT_S: i64 = 30 * 60;
/// Fields that prove who sends the form, or when its page was shown: each is asked for again.
const LEFT_OUT: [&str; 6] = ["password", "new", "again", "code", "seen", "no"];

/// Leads to the sign-in page; what a form had goes along, but for what has to be typed again.
pub async fn to_sign_in_with(cookies: CookieStyle, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut response = to_sign_in(&parts.method, &parts.uri);
    if parts.method != Method::POST {
        return response;
    }
    // A form of a page, a few hundred bytes: it was read into memory when its size was checked.
    let Ok(body) = to_bytes(body, FORM_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let Ok(fields) = serde_urlencoded::from_bytes::<Vec<(String, String)>>(&body) else { return response };
    let is_kept = |(name, value): &(String, String)| !value.is_empty() && !LEFT_OUT.contains(&name.as_str());
    let fields: Vec<_> = fields.into_iter().filter(is_kept).collect();
    if fields.is_empty() {
        return response;
    }
    let Ok(json) = serde_json::to_vec(&(page_of_form(parts.uri.path()), fields)) else { return response };
    let kept = URL_SAFE_NO_PAD.encode(json);
    if kept.len() <= LONGEST {
        append_cookie(&mut response, &cookies.set(Session::Draft, &kept, KEPT_S));
    }
    response
}

/// The draft of the page that is asked for.
pub fn of_page(cookies: CookieStyle, request: &Request) -> Option<Draft> {
    let kept = cookies.read(Session::Draft, request.headers())?;
    let json = URL_SAFE_NO_PAD.decode(kept).ok()?;
    let (page, fields): (String, Vec<(String, String)>) = serde_json::from_slice(&json).ok()?;
    (request.method() == Method::GET && page == request.uri().path()).then_some(Draft(fields))
}
