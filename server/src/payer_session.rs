//! The payer's session: it begins with a link, whose token it takes the place of, ends by itself or by signing out, and
//! changes hands only when the payer says so.

mod kept;

use std::sync::Arc;

use app::{
    access::{Caller, Limit, Routes, Stranger},
    auth::{CurrentUser, OtherUser, Visit},
    links, pages,
    request::PageRequest,
};
use axum::{
    extract::{Form, Request, State},
    response::{IntoResponse as _, Redirect, Response},
};
use cashier::{DbError, db::payer_sessions::PayerSession};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use serde::Deserialize;
use wxpay::{Fen, UnixMillis};

pub use self::kept::PayerSessions;
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
    Routes::new()
        .get(links::FRAMED, BROWSER, Limit::Reads, framed)
        .post(links::SWITCH, BROWSER, Limit::Payer, switch)
        .post(links::PAYER_LOGOUT, BROWSER, Limit::Payer, sign_out)
}

impl Inner {
    /// The session of the request's cookie.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn payer_session(&self, headers: &HeaderMap) -> Result<Option<Arc<PayerSession>>, DbError> {
        match self.cookies().read(Session::User, headers) {
            Some(text) => self.payer_sessions.find(&text, self.now()).await,
            None => Ok(None),
        }
    }

    /// Who asks, as their cookie says.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn payer(&self, headers: &HeaderMap) -> Result<Option<CurrentUser>, DbError> {
        let session = self.payer_session(headers).await?;
        Ok(session.map(|session| current(&session.user)).or_else(|| self.demo_user()))
    }

    fn demo_user(&self) -> Option<CurrentUser> {
        self.has_demo_user.then(|| CurrentUser { id: DEMO.0.to_owned(), name: DEMO.1.to_owned() })
    }

    /// The token of a link that waits for the payer's answer, and its user.
    fn asked_to_switch(&self, headers: &HeaderMap) -> Option<VerifiedUser> {
        self.tokens.read(&self.cookies().read(Session::Switch, headers)?).ok()
    }

    /// The session that a link asks for. What names a page that is not the site's is left out.
    fn session_of(&self, linked: &VerifiedUser, now: UnixMillis) -> PayerSession {
        let asks = &linked.asks;
        let return_url = asks.return_url.as_deref().and_then(|given| self.ways_back.page(given));
        let parent = asks.embed.as_deref().and_then(|given| self.ways_back.parent(given));
        let is_odd =
            return_url.is_some() != asks.return_url.is_some() || parent.is_some() != asks.embed.is_some();
        if is_odd {
            self.refusals.other_way_back(now);
        }
        PayerSession {
            user: linked.user.clone(),
            return_url,
            parent,
            amount: asks.amount.filter(|fen| *fen > 0).map(Fen::new),
            seen_at: now,
            ends_at: asks.ses.map_or(linked.expires_at, |seconds| now.plus_ms(seconds * 1000)),
        }
    }

    /// Opens a session and answers with its cookie.
    async fn begin(
        &self,
        linked: &VerifiedUser,
        headers: &HeaderMap,
        to: Redirect,
    ) -> Result<Response, Response> {
        let now = self.now();
        if let Err(slow) = self.create_limit.visit(&linked.user.id, now) {
            let wait = [(header::RETRY_AFTER, slow.wait_s.to_string())];
            return Err(
                (StatusCode::TOO_MANY_REQUESTS, wait, "too many visits at once, try again\n").into_response()
            );
        }
        let session = self.session_of(linked, now);
        let left_s = session.ends_at.minus(now) / 1000;
        let replaces = self.cookies().read(Session::User, headers);
        let begun = self.payer_sessions.begin(session, replaces.as_deref()).await;
        let text = begun.map_err(|error| unavailable(&error))?;
        Ok(with_cookie(to, &self.cookies().set(Session::User, &text, left_s.max(0))))
    }
}

fn current(user: &recharge::User) -> CurrentUser {
    CurrentUser { id: user.id.clone(), name: user.name.clone() }
}

/// Puts the payer into the request's extensions, and on the page of the question the account that a link was for.
///
/// # Errors
/// The answer where the database does not tell.
pub(crate) async fn sign_in(server: &Server, request: &mut Request) -> Result<(), Response> {
    let session = server.payer_session(request.headers()).await.map_err(|error| unavailable(&error))?;
    match session {
        Some(session) => {
            request.extensions_mut().insert(current(&session.user));
            request.extensions_mut().insert(Visit {
                return_url: session.return_url.clone(),
                parent: session.parent.clone(),
                amount: session.amount,
            });
        }
        None => {
            if let Some(demo) = server.demo_user() {
                request.extensions_mut().insert(demo);
            }
        }
    }
    if request.uri().path() == links::SWITCH
        && let Some(other) = server.asked_to_switch(request.headers())
    {
        request.extensions_mut().insert(OtherUser { name: other.user.name });
    }
    Ok(())
}

/// What becomes of a link with a token: its user is signed in where nobody else is, and the address loses the token either
/// way. `None` for a bad token: the page then shows nobody's account, not even the one of who was here before.
pub(crate) async fn arrive(server: &Server, headers: &HeaderMap, uri: &Uri, token: &str) -> Option<Response> {
    let linked = server.tokens.read(token).ok()?;
    let clean = clean_query(uri);
    let is_for_frame = server.session_of(&linked, server.now()).parent.is_some();
    let place = headers.get("sec-fetch-dest").and_then(|place| place.to_str().ok());
    let mut response = match server.payer_session(headers).await {
        Err(error) => unavailable(&error),
        // In a frame the site's page around it has signed the user in, and asks for this one.
        Ok(Some(session))
            if session.user.id != linked.user.id && !(is_for_frame && place == Some("iframe")) =>
        {
            let cookie = server.cookies().set(Session::Switch, token, SWITCH_S);
            with_cookie(Redirect::to(&format!("{}{clean}", links::SWITCH)), &cookie)
        }
        Ok(_) => {
            let to = match is_for_frame && place != Some("document") {
                true => format!("{}?{}", links::FRAMED, uri.query().unwrap_or_default()),
                false => format!("/{clean}"),
            };
            server.begin(&linked, headers, Redirect::to(&to)).await.unwrap_or_else(|refused| refused)
        }
    };
    if is_for_frame {
        let_frame(&mut response);
    }
    Some(response)
}

/// Lets pages of other origins frame this answer, those that isolate themselves (COEP) too.
pub(crate) fn let_frame(response: &mut Response) {
    const ANSWERS: [(&str, &str); 2] =
        [("cross-origin-resource-policy", "cross-origin"), ("cross-origin-embedder-policy", "require-corp")];
    for (name, value) in ANSWERS {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
}

/// `u` of `/?u=…`.
pub(crate) fn token_in_address(request: &Request) -> Option<String> {
    let is_link = request.method() == Method::GET && request.uri().path() == links::HOME;
    if is_link { token_in_query(request.uri()) } else { None }
}

fn token_in_query(uri: &Uri) -> Option<String> {
    uri.query()?.split('&').find_map(|pair| pair.strip_prefix("u=")).map(str::to_owned)
}

/// The query without the token, which must not stay in histories, logs and referrers; with its question mark, or empty.
fn clean_query(uri: &Uri) -> String {
    let query = uri.query().unwrap_or_default();
    let kept: Vec<_> = query.split('&').filter(|pair| !pair.starts_with("u=") && !pair.is_empty()).collect();
    if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) }
}

/// The second step of a link inside a frame: has the browser kept the cookie of the first? Where it has not, the page offers a
/// tab of its own, for which the token is needed once more.
async fn framed(
    State(server): State<Server>,
    uri: Uri,
    headers: HeaderMap,
    request: PageRequest,
) -> Response {
    let token = token_in_query(&uri).unwrap_or_default();
    let home = || Redirect::to(&format!("/{}", clean_query(&uri))).into_response();
    let Ok(linked) = server.tokens.read(&token) else { return home() };
    let Some(parent) = server.session_of(&linked, server.now()).parent else { return home() };
    let mut response = match server.payer_session(&headers).await {
        Err(error) => unavailable(&error),
        Ok(Some(session)) if session.user.id == linked.user.id => home(),
        Ok(_) => pages::no_cookies(&server.pages, &request, parent, &token).await,
    };
    let_frame(&mut response);
    response
}

#[derive(Deserialize)]
struct SwitchForm {
    /// `no` keeps the account that is signed in.
    #[serde(default)]
    answer: String,
}

async fn switch(State(server): State<Server>, headers: HeaderMap, Form(form): Form<SwitchForm>) -> Response {
    let home = Redirect::to(links::HOME);
    let mut response = match server.asked_to_switch(&headers) {
        Some(linked) if form.answer != "no" => match server.begin(&linked, &headers, home).await {
            Ok(response) => response,
            Err(refused) => return refused,
        },
        // It expired while the question stood there, or the answer was no; who was signed in stays so.
        _ => home.into_response(),
    };
    forget(&server, Session::Switch, &mut response);
    response
}

async fn sign_out(State(server): State<Server>, headers: HeaderMap) -> Response {
    if let Some(text) = server.cookies().read(Session::User, &headers)
        && let Err(error) = server.payer_sessions.end(&text).await
    {
        return unavailable(&error);
    }
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

/// The answer where the database does not tell whose session it is.
pub(crate) fn unavailable(error: &(dyn std::error::Error + 'static)) -> Response {
    tracing::error!(error, "a session could not be looked up");
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "2")], "please try again\n").into_response()
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
