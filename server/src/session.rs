//! Who asks: cookies and tokens become [`app::auth`]'s types in the request's extensions; signing in, switching and out.

use app::access::{Caller, Limit, Permission, Routes, Stranger};
use app::auth::{ClientIp, Confirmed, CurrentUser, Operator, OtherUser};
use axum::{
    Extension,
    body::Body,
    extract::{Form, FromRequest, Request, State},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use serde::Deserialize;

use crate::{
    client_addr::ClientAddr,
    cookies::{CookieStyle, Session},
    operators::LoginError,
    state::{Inner, Server},
    user_token::Known,
};

/// Who is signed in without a token in sandbox mode.
const DEMO: (&str, &str) = ("demo", "Demo");
/// The cookie lives as long as a session can; the session itself ends earlier when idle.
const OPERATOR_COOKIE_S: i64 = cashier::db::operators::LONGEST_MS / 1000;

const BROWSER: Caller = Caller::Stranger(Stranger::Browser);

pub(crate) fn routes() -> Routes<Server> {
    Routes::new()
        .post("/switch", BROWSER, Limit::OwnCookie, switch)
        .post("/admin/login", BROWSER, Limit::SignIn, login)
        .post("/admin/logout", Caller::Operator(Permission::View), Limit::OwnCookie, logout)
}

impl Inner {
    pub fn cookies(&self) -> CookieStyle {
        CookieStyle { is_https: self.public_url.is_https(), is_framed: self.is_framed }
    }

    /// The user whose valid token the cookie holds.
    pub fn user_of_cookie(&self, headers: &HeaderMap) -> Option<Known> {
        let token = self.cookies().read(Session::User, headers)?;
        self.tokens.read(&token).ok()
    }

    /// Who asks for a page, as their cookie says.
    pub fn payer(&self, headers: &HeaderMap) -> Option<CurrentUser> {
        let demo = || CurrentUser { id: DEMO.0.to_owned(), name: DEMO.1.to_owned() };
        let known = self.user_of_cookie(headers).map(|known| current(known.user));
        known.or_else(|| self.has_demo_user.then(demo))
    }

    /// The cookie that keeps `token` for as long as it is valid.
    fn user_cookie(&self, token: &str, known: &Known) -> String {
        let left_s = known.expires_at.minus(self.now()) / 1000;
        self.cookies().set(Session::User, token, left_s.max(0))
    }
}

/// Runs before every page and server function; polls ask for themselves.
pub async fn identify(State(server): State<Server>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if let Some(token) = token_in_address(&request) {
        let known = server.user_of_cookie(request.headers());
        match server.tokens.read(&token) {
            Ok(linked) if known.as_ref().is_none_or(|known| known.user.id == linked.user.id) => {
                let clean = clean_address(request.uri());
                return with_cookie(Redirect::to(&clean), &server.user_cookie(&token, &linked));
            }
            // Somebody else is signed in: nothing changes before the payer says so.
            Ok(linked) => {
                request.extensions_mut().insert(OtherUser { name: linked.user.name, token });
                sign_in(&mut request, known.map(|known| current(known.user)));
            }
            // A bad link shows nobody's account, not even the one of who was here before.
            Err(_) => {}
        }
    } else {
        let is_admin = path == "/admin" || path.starts_with("/admin/");
        if is_admin {
            if let Err(response) = sign_in_operator(&server, &mut request).await {
                return response;
            }
            request = match confirm(&server, request).await {
                Ok(request) => request,
                Err(response) => return response,
            };
        }
        let payer = server.payer(request.headers());
        sign_in(&mut request, payer);
    }
    if let Some(ClientAddr(ip)) = request.extensions().get().copied() {
        request.extensions_mut().insert(ClientIp(ip));
    }
    next.run(request).await
}

fn sign_in(request: &mut Request, user: Option<CurrentUser>) {
    if let Some(user) = user {
        request.extensions_mut().insert(user);
    }
}

fn current(user: recharge::User) -> CurrentUser {
    CurrentUser { id: user.id, name: user.name }
}

/// Operators are looked up for their own pages only, so that payers cost no query.
async fn sign_in_operator(server: &Server, request: &mut Request) -> Result<(), Response> {
    let Some(token) = server.cookies().read(Session::Operator, request.headers()) else { return Ok(()) };
    match server.operators.session(&token, server.now()).await {
        Ok(Some(name)) => {
            request.extensions_mut().insert(Operator { name, permissions: Permission::ALL });
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
    if request.method() != Method::POST || request.uri().path() == "/admin/login" {
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
            Err(LoginError::Mismatch) => Confirmed::Wrong,
            Err(LoginError::Slow { wait_s }) => Confirmed::Slow { wait_s },
            Err(LoginError::Database(error)) => return Err(unavailable(&error)),
        };
        parts.extensions.insert(confirmed);
    }
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// `u` of `/?u=…`.
fn token_in_address(request: &Request) -> Option<String> {
    if request.method() != Method::GET || request.uri().path() != "/" {
        return None;
    }
    let query = request.uri().query()?;
    query.split('&').find_map(|pair| pair.strip_prefix("u=")).map(str::to_owned)
}

/// The address without the token, which must not stay in histories and referrers.
fn clean_address(uri: &Uri) -> String {
    let query = uri.query().unwrap_or_default();
    let kept: Vec<_> = query.split('&').filter(|pair| !pair.starts_with("u=") && !pair.is_empty()).collect();
    if kept.is_empty() { "/".to_owned() } else { format!("/?{}", kept.join("&")) }
}

#[derive(Deserialize)]
struct SwitchForm {
    u: String,
}

async fn switch(State(server): State<Server>, Form(form): Form<SwitchForm>) -> Response {
    match server.tokens.read(&form.u) {
        Ok(known) => with_cookie(Redirect::to("/"), &server.user_cookie(&form.u, &known)),
        // It expired while the question stood there; who was signed in stays so.
        Err(_) => Redirect::to("/").into_response(),
    }
}

#[derive(Deserialize)]
struct LoginForm {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

async fn login(
    State(server): State<Server>,
    Extension(from): Extension<ClientAddr>,
    Form(form): Form<LoginForm>,
) -> Response {
    let next = admin_path(&form.next);
    match server.operators.login(&form.name, &form.password, from, server.now()).await {
        Ok(token) => {
            let cookie = server.cookies().set(Session::Operator, &token, OPERATOR_COOKIE_S);
            with_cookie(Redirect::to(next), &cookie)
        }
        Err(error) => {
            let query = match &error {
                LoginError::Mismatch => "error=mismatch".to_owned(),
                LoginError::Slow { wait_s } => format!("error=slow&n={wait_s}"),
                LoginError::Database(error) => return unavailable(error),
            };
            let next = app::site::percent_encode(next);
            Redirect::to(&format!("/admin/login?{query}&next={next}")).into_response()
        }
    }
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
    with_cookie(Redirect::to("/admin/login"), &server.cookies().clear(Session::Operator))
}

/// Where to go after signing in: an operator's page of ours, never another site.
fn admin_path(path: &str) -> &str {
    let is_admin = path == "/admin" || path.starts_with("/admin/") || path.starts_with("/admin?");
    let plain = path.chars().all(|letter| letter.is_ascii_graphic() && letter != '\\');
    if is_admin && plain && !path.starts_with("/admin/login") { path } else { "/admin" }
}

fn with_cookie(redirect: Redirect, cookie: &str) -> Response {
    let mut response = redirect.into_response();
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

fn unavailable(error: &(dyn std::error::Error + 'static)) -> Response {
    tracing::error!(error, "a session could not be looked up");
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "2")], "please try again\n").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clean_address_keeps_everything_but_the_token() {
        let table =
            [("/?u=a.b.c", "/"), ("/?lang=en&u=a.b.c", "/?lang=en"), ("/?u=a&lang=en&u=b", "/?lang=en")];
        for (given, clean) in table {
            assert_eq!(clean_address(&given.parse().unwrap()), clean);
        }
    }

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
