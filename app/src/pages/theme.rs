//! The choice between light and dark, which a cookie remembers.

use axum::extract::{Form, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use crate::layout;
use crate::links;
use crate::request::Theme;
use crate::service::Service;

#[derive(Debug, Deserialize)]
pub struct ThemeForm {
    theme: String,
    #[serde(default)]
    back: String,
}

/// Remembers the choice and leads back to the page on which it was made.
pub async fn set_theme(State(service): State<Service>, Form(form): Form<ThemeForm>) -> Response {
    let mut response = Redirect::to(own_path(&form.back)).into_response();
    let cookie =
        Theme::parse(&form.theme).map(|theme| layout::remember(&service.site, "theme", theme.name()));
    if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::try_from(cookie).ok()) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// The path to go back to: one of this site, never another site.
fn own_path(path: &str) -> &str {
    let is_own = path.starts_with('/') && !path.starts_with("//") && !path.contains('\\');
    if is_own && path.chars().all(|letter| letter.is_ascii_graphic()) { path } else { links::HOME }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn going_back_never_leaves_the_site() {
        let table = [
            ("/pay/SM1?t=2", "/pay/SM1?t=2"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
        ];
        for (given, used) in table {
            assert_eq!(own_path(given), used, "{given}");
        }
    }
}
