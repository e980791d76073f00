//! The routers, built from the register of routes: what callers' sessions, permissions and limits are checked, and in
//! which order.

use app::{
    access::{Caller, Limit, Permission, Route, Routes, Stranger},
    auth::Operator,
    links,
    pages::{not_permitted, to_sign_in},
    service::{Pages, Service},
};
use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Redirect, Response},
    routing::{MethodRouter, any},
};
use http::{Extensions, HeaderMap, StatusCode, Version, header};
use tower_http::compression::CompressionLayer;

use crate::{
    access_token, api, assets, audit_csv, doctor_probe, draft, epay,
    error_code::Code,
    health,
    key_call::{self, Gate},
    limits, metrics, middleware, notify, notify_v3, openapi, payer_session, polls,
    problem::{self, Problem},
    recharge_api, session, settings_desk,
    state::Server,
    static_codes, verify, wx,
};

/// Every route of the server, without the handlers.
pub fn register() -> Vec<Route> {
    [app::pages::routes().list(), own_routes().list(), assets::routes::<()>().list()].concat()
}

/// The routes that need more of the server than its pages do.
fn own_routes() -> Routes<Server> {
    notify::routes()
        .merge(notify_v3::routes())
        .merge(recharge_api::routes())
        .merge(api::routes())
        .merge(openapi::routes())
        .merge(access_token::routes())
        .merge(static_codes::routes())
        .merge(health::routes())
        .merge(metrics::routes())
        .merge(doctor_probe::routes())
        .merge(polls::routes())
        .merge(session::routes())
        .merge(settings_desk::routes())
        .merge(audit_csv::routes())
        .merge(payer_session::routes())
        .merge(wx::routes())
        .merge(epay::routes())
}

/// The whole server.
#[allow(clippy::disallowed_methods, reason = "the one place that builds routers, from the register")]
pub fn router(server: Server) -> Router {
    let routes = own_routes()
        .merge(verify::routes(&server.verify))
        .with_state(server.clone())
        .merge(app::pages::routes().with_state(Pages(server.pages.clone())))
        .merge(assets::routes());
    let (mut programs, mut api) = (Router::new(), Router::new());
    let (mut browsers, mut desk) = (Router::new(), Router::new());
    for (route, handler) in routes {
        let group = if is_desk(&route) {
            &mut desk
        } else if middleware::is_for_programs(&route.path) {
            &mut api
        } else if matches!(route.caller, Caller::Key(_) | Caller::Stranger(Stranger::Program)) {
            &mut programs
        } else {
            &mut browsers
        };
        *group = std::mem::take(group).route(&route.path, guarded(&server, &route, handler));
    }
    for path in ["/api/v1", "/api/v1/", "/api/v1/{*path}"] {
        api = api.route(path, any(problem::absent));
    }
    let programs = programs.merge(api.layer(from_fn_with_state(server.clone(), problem::render)));
    let absent = Router::new().fallback(app::pages::not_found).with_state(Pages(server.pages.clone()));
    let browsers = browsers
        .merge(desk.layer(from_fn_with_state(server.clone(), operators_only)))
        .fallback_service(absent.layer(from_fn_with_state(server.clone(), operators_under_admin)))
        .layer(from_fn_with_state(server.clone(), session::identify))
        .layer(from_fn(middleware::small_body))
        // Only pages are worth compressing: other files come compressed already.
        .layer(CompressionLayer::new().compress_when(is_page));
    programs.fallback_service(browsers).layer(from_fn_with_state(server, middleware::guard))
}

/// Decided by the address as well as by the entry: a route below `/admin` that says it is for strangers is not.
fn is_desk(route: &Route) -> bool {
    matches!(route.caller, Caller::Operator(_)) || (is_under_admin(&route.path) && route.path != links::LOGIN)
}

fn is_under_admin(path: &str) -> bool {
    path.strip_prefix(links::ADMIN).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The layer around all routes of the desk: who is not signed in is led to the sign-in page.
async fn operators_only(State(server): State<Server>, request: Request, next: Next) -> Response {
    match request.extensions().get::<Operator>() {
        Some(_) => next.run(request).await,
        None => draft::to_sign_in_with(server.cookies(), request).await,
    }
}

/// Which addresses the desk has is for operators to know.
async fn operators_under_admin(State(server): State<Server>, request: Request, next: Next) -> Response {
    if is_under_admin(request.uri().path()) {
        operators_only(State(server), request, next).await
    } else {
        next.run(request).await
    }
}

/// A handler behind its entry's permission and limit.
fn guarded(server: &Server, route: &Route, handler: MethodRouter) -> MethodRouter {
    let handler = match spends(&route.path) && !server.pages.site.keeps_balance {
        true => handler.route_layer(from_fn(kept_by_site)),
        false => handler,
    };
    let handler = match route.limit {
        Limit::Payer => handler.route_layer(from_fn_with_state(server.clone(), limits::payer)),
        Limit::Key => handler.route_layer(from_fn_with_state(server.clone(), key_call::limit)),
        Limit::Address => handler.route_layer(from_fn_with_state(server.clone(), limits::address)),
        Limit::Merchant => handler.route_layer(from_fn_with_state(server.clone(), limits::merchant)),
        Limit::Operator => handler.route_layer(from_fn_with_state(server.clone(), limits::operator)),
        Limit::Misses if route.caller == Caller::Stranger(Stranger::Browser) => {
            handler.route_layer(from_fn_with_state(server.clone(), limits::misses))
        }
        // The handler's own, or nothing to limit.
        Limit::Integrator
        | Limit::Queue
        | Limit::SignIn
        | Limit::Notice
        | Limit::OwnCookie
        | Limit::Misses
        | Limit::Reads => handler,
    };
    match route.caller {
        Caller::Operator(permission) => {
            let gate = Desk { pages: server.pages.clone(), permission };
            handler.route_layer(from_fn_with_state(gate, permitted))
        }
        Caller::Key(scope) => {
            let gate = Gate { server: server.clone(), scope };
            handler.route_layer(from_fn_with_state(gate, key_call::admit))
        }
        Caller::Stranger(_) => handler,
    }
}

/// Whether the route is about what is spent of balances.
fn spends(path: &str) -> bool {
    let is_below =
        |kind: &str| path.strip_prefix(kind).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    is_below("/api/v1/debits") || is_below("/api/v1/holds") || path == "/api/v1/users/{user}/holds"
}

/// In place of a handler that spends, where the site keeps the balances itself (setting `balance_kept_by`).
async fn kept_by_site(_: Request, _: Next) -> Response {
    let text = "this server only sells: the setting balance_kept_by says that the site keeps the balances";
    Problem::new(Code::BalanceKeptBySite, text).into_response()
}

/// A route of the desk: what it needs of an operator, and the pages that say so.
#[derive(Clone)]
struct Desk {
    pages: Service,
    permission: Permission,
}

/// Refuses an operator who lacks the route's permission, and leads one whose password somebody else has seen to choose another.
async fn permitted(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    let Some(operator) = request.extensions().get::<Operator>() else {
        return to_sign_in(request.method(), request.uri());
    };
    if operator.must_change && !is_open_before_the_change(request.uri().path()) {
        return Redirect::to(links::ME_FIRST).into_response();
    }
    if operator.may(desk.permission) {
        return next.run(request).await;
    }
    let (mut parts, _) = request.into_parts();
    not_permitted(&desk.pages.present(), &mut parts, desk.permission).await
}

/// What an operator may do who has to choose a password first.
fn is_open_before_the_change(path: &str) -> bool {
    [links::ME, links::ME_PASSWORD, links::LOGOUT].contains(&path)
}

fn is_page(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}

#[cfg(test)]
#[path = "router_tests.rs"]
mod tests;
