//! Sessions: cookies become [`app::auth`]'s types in the request's extensions before pages and server functions run;
//! signing operators in and out. What is only about payers stands in [`crate::payer_session`].

use app::access::{Caller, Limit, Permission, Routes, Stranger, permissions};
use app::auth::{ClientIp, Confirmed, Draft, Operator, Visit};
use app::{links, url::address};
use axum::{
    Extension,
    body::Body,
    extract::{Form, FromRequest, Request, State},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use cashier::operators::check_form;
use http::{HeaderMap, Method, StatusCode, header};
use serde::Deserialize;

use crate::{
    client_addr::ClientAddr,
    cookies::{CookieStyle, Session, append_cookie, with_cookie},
    draft,
    operators::{Browser, Entered, LoginError},
    payer_session::{self, unavailable},
    state::{Inner, Server},
    wx,
};

/// The cookie lives as long as a session can; the session itself ends earlier when idle.
const OPERATOR_COOKIE_S: i64 = cashier::db::operator_sessions::LONGEST_MS / 1000;

/// The time for the second step.
const SECOND_STEP_COOKIE_S: i64 = 5 * 60;

const BROWSER: Caller = Caller::Stranger(Stranger::Browser);

pub(crate) fn routes() -> Routes<Server> {
    Routes::new().post(links::LOGIN, BROWSER, Limit::SignIn, login).post(
        links::LOGOUT,
        Caller::Operator(Permission::View),
        Limit::OwnCookie,
        logout,
    )
}

impl Inner {
    pub fn cookies(&self) -> CookieStyle {
        CookieStyle { is_https: self.public_url.is_https(), is_framed: self.is_framed }
    }
}

/// Runs before every page and server function; polls ask for themselves.
pub async fn identify(State(server): State<Server>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if let Some(token) = payer_session::token_in_address(&request) {
        if let Some(response) = payer_session::arrive(&server, request.headers(), request.uri(), &token).await
        {
            return response;
        }
    } else {
        let is_admin = path == "/admin" || path.starts_with("/admin/");
        if is_admin {
            if let Err(response) = sign_in_operator(&server, &mut request).await {
                return response;
            }
            if request.extensions().get::<Operator>().is_some()
                && let Some(draft) = draft::of_page(server.cookies(), &request)
            {
                request.extensions_mut().insert(draft);
            }
            request = match confirm(&server, request).await {
                Ok(request) => request,
                Err(response) => return response,
            };
        }
        if let Err(response) = payer_session::sign_in(&server, &mut request).await {
            return response;
        }
        wx::recognise(&server, &mut request);
    }
    if let Some(ClientAddr(ip)) = request.extensions().get().copied() {
        request.extensions_mut().insert(ClientIp(ip));
    }
    let is_for_frame = request.extensions().get::<Visit>().is_some_and(|visit| visit.parent.is_some());
    let is_with_draft = request.extensions().get::<Draft>().is_some();
    let mut response = next.run(request).await;
    if is_with_draft {
        // It stands in the form now.
        append_cookie(&mut response, &server.cookies().clear(Session::Draft));
    }
    if is_for_frame {
        payer_session::let_frame(&mut response);
    }
    response
}

/// Operators are looked up for their own pages only, so that payers cost no query.
async fn sign_in_operator(server: &Server, request: &mut Request) -> Result<(), Response> {
    let Some(token) = server.cookies().read(Session::Operator, request.headers()) else { return Ok(()) };
    match server.operators.session(&token, server.now()).await {
        Ok(Some((signed_in, session))) => {
            request.extensions_mut().insert(Operator {
                name: signed_in.name,
                role: signed_in.role,
                permissions: permissions(signed_in.role),
                must_change: signed_in.must_change,
                session,
            });
            Ok(())
        }
        Ok(None) => Ok(()),
        Err(error) => Err(unavailable(&error)),
    }
}

/// The one field of a form that is read before its page gets it.
#[derive(Deserialize)]
struct Password {
    password: Option<String>,
}

/// Where a form of an operator who is signed in has a password, says whether it is right. The page decides what needs one.
async fn confirm(server: &Server, request: Request) -> Result<Request, Response> {
    let Some(Operator { name, .. }) = request.extensions().get().cloned() else { return Ok(request) };
    let Some(from) = request.extensions().get::<ClientAddr>().copied() else { return Ok(request) };
    if request.method() != Method::POST || request.uri().path() == links::LOGIN {
        return Ok(request);
    }
    // A form of a page, a few hundred bytes: it was read into memory when its size was checked.
    let (mut parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, crate::middleware::FORM_BYTES).await else {
        return Err(StatusCode::PAYLOAD_TOO_LARGE.into_response());
    };
    let copy = Request::from_parts(parts.clone(), Body::from(body.clone()));
    let password = Form::<Password>::from_request(copy, &()).await.ok().and_then(|form| form.0.password);
    if let Some(password) = password {
        let confirmed = match server.operators.confirm(&name, &password, from, server.now()).await {
            Ok(()) => Confirmed::Yes,
            Err(LoginError::Slow { wait_s }) => Confirmed::Slow { wait_s },
            Err(LoginError::Database(error)) => return Err(unavailable(&error)),
            Err(_) => Confirmed::Wrong,
        };
        parts.extensions.insert(confirmed);
    }
    Ok(Request::from_parts(parts, Body::from(body)))
}

#[derive(Deserialize)]
struct LoginForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
    /// Only in the form of the second step.
    code: Option<String>,
    #[serde(default)]
    next: String,
}

async fn login(
    State(server): State<Server>,
    Extension(from): Extension<ClientAddr>,
    headers: HeaderMap,
    Form(form): Form<LoginForm>,
) -> Response {
    let next = admin_path(&form.next);
    if let Some(code) = &form.code {
        return second_step(&server, code, from, next, &headers).await;
    }
    let (cookies, now) = (server.cookies(), server.now());
    let token = cookies.read(Session::Operator, &headers);
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let browser = Browser { token: token.as_deref(), agent };
    match server.operators.login(&form.name, &form.password, browser, from, now).await {
        Ok(Entered::Session(token)) => {
            let cookie = cookies.set(Session::Operator, &token, OPERATOR_COOKIE_S);
            with_cookie(Redirect::to(next), &cookie)
        }
        Ok(Entered::SecondStep(token)) => {
            let cookie = cookies.set(Session::SecondStep, &token, SECOND_STEP_COOKIE_S);
            with_cookie(Redirect::to(&address(links::LOGIN, [("step", "code"), ("next", next)])), &cookie)
        }
        Err(error) => {
            let query = match &error {
                LoginError::Slow { wait_s } => format!("error=slow&n={wait_s}"),
                LoginError::Database(error) => return unavailable(error),
                // The others are of the second step.
                _ => "error=mismatch".to_owned(),
            };
            let next = app::url::percent_encode(next);
            let back = Redirect::to(&format!("{}?{query}&next={next}", links::LOGIN));
            // In a cookie, because an address stays in histories and logs, and people type passwords as names.
            match check_form(&form.name) {
                Ok(()) => with_cookie(back, &cookies.keep_login_name(&form.name)),
                Err(_) => back.into_response(),
            }
        }
    }
}

/// The second step of signing in.
async fn second_step(
    server: &Server,
    code: &str,
    from: ClientAddr,
    next: &str,
    headers: &HeaderMap,
) -> Response {
    let (cookies, now) = (server.cookies(), server.now());
    let token = cookies.read(Session::SecondStep, headers).unwrap_or_default();
    let (step, error, seconds) = match server.operators.second_step(&token, code, from, now).await {
        Ok(token) => {
            let cookie = cookies.set(Session::Operator, &token, OPERATOR_COOKIE_S);
            let mut response = with_cookie(Redirect::to(next), &cookie);
            append_cookie(&mut response, &cookies.clear(Session::SecondStep));
            return response;
        }
        Err(LoginError::Mismatch) => ("code", "code", String::new()),
        Err(LoginError::Used) => ("code", "used", String::new()),
        Err(LoginError::NoKey) => ("code", "no_key", String::new()),
        Err(LoginError::Slow { wait_s }) => ("code", "slow", wait_s.to_string()),
        Err(LoginError::Over) => ("", "over", String::new()),
        Err(LoginError::Database(error)) => return unavailable(&error),
    };
    let query = [("step", step), ("error", error), ("n", seconds.as_str()), ("next", next)];
    Redirect::to(&address(links::LOGIN, query)).into_response()
}

async fn logout(
    State(server): State<Server>,
    Extension(from): Extension<ClientAddr>,
    operator: Option<Extension<Operator>>,
    headers: HeaderMap,
) -> Response {
    if let (Some(token), Some(Extension(operator))) =
        (server.cookies().read(Session::Operator, &headers), operator)
        && let Err(error) = server.operators.logout(&token, &operator.name, from, server.now()).await
    {
        return unavailable(&error);
    }
    with_cookie(Redirect::to(links::LOGIN), &server.cookies().clear(Session::Operator))
}

/// Where to go after signing in: an operator's page of ours, never another site.
fn admin_path(path: &str) -> &str {
    let is_admin = path == "/admin" || path.starts_with("/admin/") || path.starts_with("/admin?");
    let plain = path.chars().all(|letter| letter.is_ascii_graphic() && letter != '\\');
    if is_admin && plain && !path.starts_with("/admin/login") { path } else { "/admin" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_leads_to_the_operators_pages_only() {
        let table = [
            ("/admin/orders?state=paid", "/admin/orders?state=paid"),
            ("", "/admin"),
            ("/", "/admin"),
            ("//evil.example", "/admin"),
            ("/admin\\evil", "/admin"),
            ("/administrator", "/admin"),
            ("/admin/login?next=/admin/login", "/admin"),
            ("/admin/orders\r\nX: y", "/admin"),
        ];
        for (given, used) in table {
            assert_eq!(admin_path(given), used, "{given:?}");
        }
    }
}
