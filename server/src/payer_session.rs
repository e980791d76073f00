//! The payer's session, a cookie that holds the site's user token: it begins with a link, ends with the token or by
//! signing out, and changes hands only when the payer says so.

use app::{
    access::{Caller, Limit, Routes, Stranger},
    auth::{CurrentUser, OtherUser, SignedIn},
    links,
};
use axum::{
    extract::{Form, Request, State},
    response::{IntoResponse as _, Redirect, Response},
};
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use serde::Deserialize;

use crate::{
    cookies::{Session, with_cookie},
    state::{Inner, Server},
    user_token::VerifiedUser,
};

/// Who is signed in without a token in sandbox mode.
const DEMO: (&str, &str) = ("demo", "Demo");
/// How long the question which account to use can be answered, in seconds.
const SWITCH_S: i64 = 300;

pub(crate) fn routes() -> Routes<Server> {
    const BROWSER: Caller = Caller::Stranger(Stranger::Browser);
    Routes::new().post(links::SWITCH, BROWSER, Limit::OwnCookie, switch).post(
        links::PAYER_LOGOUT,
        BROWSER,
        Limit::OwnCookie,
        sign_out,
    )
}

impl Inner {
    /// The user whose valid token the cookie holds.
    pub fn user_of_cookie(&self, headers: &HeaderMap) -> Option<VerifiedUser> {
        self.user_of(Session::User, headers).map(|(_, verified)| verified)
    }

    fn user_of(&self, session: Session, headers: &HeaderMap) -> Option<(String, VerifiedUser)> {
        let token = self.cookies().read(session, headers)?;
        let verified = self.tokens.read(&token).ok()?;
        Some((token, verified))
    }

    /// Who asks for a page, as their cookie says.
    pub fn payer(&self, headers: &HeaderMap) -> Option<CurrentUser> {
        let demo = || CurrentUser { id: DEMO.0.to_owned(), name: DEMO.1.to_owned() };
        let verified = self.user_of_cookie(headers).map(|verified| current(verified.user));
        verified.or_else(|| self.has_demo_user.then(demo))
    }

    /// The cookie that keeps `token` for as long as it is valid.
    fn user_cookie(&self, token: &str, verified: &VerifiedUser) -> String {
        let left_s = verified.expires_at.minus(self.now()) / 1000;
        self.cookies().set(Session::User, token, left_s.max(0))
    }
}

fn current(user: recharge::User) -> CurrentUser {
    CurrentUser { id: user.id, name: user.name }
}

/// Puts the payer into the request's extensions, and on the page of the question the account that a link was for.
pub(crate) fn sign_in(server: &Server, request: &mut Request) {
    let by_cookie = server.user_of_cookie(request.headers()).is_some();
    if let Some(user) = server.payer(request.headers()) {
        request.extensions_mut().insert(user);
    }
    if by_cookie {
        request.extensions_mut().insert(SignedIn);
    }
    if request.uri().path() == links::SWITCH
        && let Some((_, other)) = server.user_of(Session::Switch, request.headers())
    {
        request.extensions_mut().insert(OtherUser { name: other.user.name });
    }
}

/// What becomes of a link with a token: its user is signed in where nobody else is, and the address loses the token either
/// way. `None` for a bad token: the page then shows nobody's account, not even the one of who was here before.
pub(crate) fn arrive(server: &Server, request: &Request, token: &str) -> Option<Response> {
    let linked = server.tokens.read(token).ok()?;
    let signed_in = server.user_of_cookie(request.headers());
    let clean = clean_query(request.uri());
    Some(match signed_in {
        Some(verified) if verified.user.id != linked.user.id => {
            let cookie = server.cookies().set(Session::Switch, token, SWITCH_S);
            with_cookie(Redirect::to(&format!("{}{clean}", links::SWITCH)), &cookie)
        }
        _ => with_cookie(Redirect::to(&format!("/{clean}")), &server.user_cookie(token, &linked)),
    })
}

/// `u` of `/?u=…`.
pub(crate) fn token_in_address(request: &Request) -> Option<String> {
    if request.method() != Method::GET || request.uri().path() != links::HOME {
        return None;
    }
    let query = request.uri().query()?;
    query.split('&').find_map(|pair| pair.strip_prefix("u=")).map(str::to_owned)
}

/// The query without the token, which must not stay in histories, logs and referrers; with its question mark, or empty.
fn clean_query(uri: &Uri) -> String {
    let query = uri.query().unwrap_or_default();
    let kept: Vec<_> = query.split('&').filter(|pair| !pair.starts_with("u=") && !pair.is_empty()).collect();
    if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) }
}

#[derive(Deserialize)]
struct SwitchForm {
    /// `no` keeps the account that is signed in.
    #[serde(default)]
    answer: String,
}

async fn switch(State(server): State<Server>, headers: HeaderMap, Form(form): Form<SwitchForm>) -> Response {
    let mut response = match server.user_of(Session::Switch, &headers) {
        Some((token, verified)) if form.answer != "no" => {
            with_cookie(Redirect::to(links::HOME), &server.user_cookie(&token, &verified))
        }
        // It expired while the question stood there, or the answer was no; who was signed in stays so.
        _ => Redirect::to(links::HOME).into_response(),
    };
    forget(&server, Session::Switch, &mut response);
    response
}

async fn sign_out(State(server): State<Server>) -> Response {
    let mut response = with_cookie(Redirect::to(links::HOME), &server.cookies().clear(Session::User));
    forget(&server, Session::Switch, &mut response);
    response
}

/// Clears a session's cookie with this answer.
pub(crate) fn forget(server: &Server, session: Session, response: &mut Response) {
    if let Ok(cookie) = HeaderValue::try_from(server.cookies().clear(session)) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clean_address_keeps_everything_but_the_token() {
        let table = [("/?u=a.b.c", ""), ("/?lang=en&u=a.b.c", "?lang=en"), ("/?u=a&lang=en&u=b", "?lang=en")];
        for (given, clean) in table {
            assert_eq!(clean_query(&given.parse().unwrap()), clean);
        }
    }
}
