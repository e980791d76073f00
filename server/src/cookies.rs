//! Session cookies: names, attributes, reading.

use axum::response::{IntoResponse as _, Redirect, Response};
use http::{HeaderMap, HeaderValue, header};

/// Which session a cookie holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Session {
    User,
    /// The user whom a link is for while another one is signed in, until the payer has chosen.
    Switch,
    Operator,
    /// A sign-in at the desk whose second step is awaited.
    SecondStep,
    /// What was typed into a form of the desk after the session had ended.
    Draft,
    /// The openid of a payer inside WeChat, sealed.
    OpenId,
    /// A payer who is at WeChat's OAuth, sealed.
    OauthState,
    /// How often OAuth has failed lately.
    OauthFailures,
}

/// How this server's cookies are written: by https or not, inside other sites' frames or not.
#[derive(Debug, Clone, Copy)]
pub struct CookieStyle {
    pub is_https: bool,
    pub is_framed: bool,
}

impl CookieStyle {
    fn name(self, session: Session) -> &'static str {
        // A browser takes a `__Host-` cookie only over https and from this very host.
        match (session, self.is_https) {
            (Session::User, true) => "__Host-saoma_user",
            (Session::User, false) => "saoma_user",
            (Session::Switch, true) => "__Host-saoma_switch",
            (Session::Switch, false) => "saoma_switch",
            (Session::Operator, true) => "__Host-saoma_admin",
            (Session::Operator, false) => "saoma_admin",
            (Session::SecondStep, true) => "__Host-saoma_admin_step",
            (Session::SecondStep, false) => "saoma_admin_step",
            (Session::Draft, true) => "__Host-saoma_draft",
            (Session::Draft, false) => "saoma_draft",
            (Session::OpenId, true) => "__Host-saoma_openid",
            (Session::OpenId, false) => "saoma_openid",
            (Session::OauthState, true) => "__Host-saoma_oauth",
            (Session::OauthState, false) => "saoma_oauth",
            (Session::OauthFailures, true) => "__Host-saoma_oauth_failures",
            (Session::OauthFailures, false) => "saoma_oauth_failures",
        }
    }

    /// The `Set-Cookie` value that keeps `value` for `for_s` seconds.
    pub fn set(self, session: Session, value: &str, for_s: i64) -> String {
        let name = self.name(session);
        let secure = if self.is_https { "; Secure" } else { "" };
        // Only the payer's pages may stand in another site's frame.
        let site = match session {
            // A browser takes such a cookie only with `Secure`. On one machine host and frame are one site, whatever their ports.
            Session::User | Session::Switch if self.is_framed && self.is_https => {
                "SameSite=None; Partitioned"
            }
            _ => "SameSite=Lax",
        };
        format!("{name}={value}; Path=/; Max-Age={for_s}; HttpOnly; {site}{secure}")
    }

    /// The `Set-Cookie` value that keeps the name of a failed sign-in for the form that follows. It must be a well-formed name.
    pub fn keep_login_name(self, name: &str) -> String {
        let secure = if self.is_https { "; Secure" } else { "" };
        let cookie = app::request::LOGIN_NAME_COOKIE;
        format!("{cookie}={name}; Path=/admin/login; Max-Age=60; HttpOnly; SameSite=Lax{secure}")
    }

    pub fn clear(self, session: Session) -> String {
        self.set(session, "", 0)
    }

    /// The session's value in a request. Two of the same name are none: a sibling domain may have set one.
    pub fn read(self, session: Session, headers: &HeaderMap) -> Option<String> {
        let name = self.name(session);
        let mut values = headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(cookie::Cookie::split_parse)
            .filter_map(Result::ok)
            .filter(|cookie| cookie.name() == name);
        match (values.next(), values.next()) {
            (Some(cookie), None) if !cookie.value().is_empty() => Some(cookie.value().to_owned()),
            _ => None,
        }
    }
}

/// A redirect that sets a cookie.
pub(crate) fn with_cookie(redirect: Redirect, cookie: &str) -> Response {
    let mut response = redirect.into_response();
    append_cookie(&mut response, cookie);
    response
}

/// Sets one more cookie.
pub(crate) fn append_cookie(response: &mut Response, cookie: &str) {
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTTP: CookieStyle = CookieStyle { is_https: false, is_framed: false };
    const HTTPS: CookieStyle = CookieStyle { is_https: true, is_framed: false };
    const FRAMED: CookieStyle = CookieStyle { is_https: true, is_framed: true };

    #[test]
    fn cookies_are_as_strict_as_the_address_allows() {
        assert_eq!(
            HTTP.set(Session::User, "x", 60),
            "saoma_user=x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"
        );
        assert_eq!(
            HTTPS.set(Session::Operator, "x", 60),
            "__Host-saoma_admin=x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(
            FRAMED.set(Session::User, "x", 60),
            "__Host-saoma_user=x; Path=/; Max-Age=60; HttpOnly; SameSite=None; Partitioned; Secure"
        );
        assert!(FRAMED.set(Session::Operator, "x", 60).contains("SameSite=Lax"));
        let local = CookieStyle { is_https: false, is_framed: true };
        assert!(local.set(Session::User, "x", 60).contains("SameSite=Lax"));
    }

    #[test]
    fn a_cookie_is_read_by_its_exact_name_and_only_once() {
        let headers = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, text.parse().unwrap());
            headers
        };
        let read = |text| HTTP.read(Session::User, &headers(text));
        assert_eq!(read("lang=en; saoma_user=a.b.c"), Some("a.b.c".to_owned()));
        assert_eq!(read("saoma_user=a; saoma_user=b"), None);
        assert_eq!(read("saoma_user="), None);
        assert_eq!(HTTPS.read(Session::User, &headers("saoma_user=a")), None);
    }
}
