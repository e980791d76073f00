use std::collections::BTreeSet;

use http::Method;

use super::*;

fn changes(route: &Route) -> bool {
    route.method != Method::GET
}

#[test]
fn every_route_that_changes_something_states_a_limit() {
    // Both only read, and are no GET because a browser calls them with a body.
    let questions = ["/api/order_status", "/api/own_recharges"];
    // A browser is sent to these, so they are GET, and one sets a cookie and the others ask WeChat. (The protocol has GET for mapi.php.)
    let redirects = ["/wx/go", "/wx/back", "/epay/submit.php", "/epay/mapi.php"];
    // Files are fetched by a link: they are made for each download, which is recorded.
    let files = ["/admin/exports/{export}/file", "/admin/statement.csv"];
    let reads = |limit| matches!(limit, Limit::Reads | Limit::Misses);
    let mut changing = 0;
    for route in register() {
        let is_question = questions.contains(&&*route.path);
        let is_costly = redirects.contains(&&*route.path) || files.contains(&&*route.path);
        if (changes(&route) && !is_question) || is_costly {
            changing += 1;
            assert!(!reads(route.limit), "{route:?}");
        } else {
            assert!(reads(route.limit) || route.limit == Limit::Key, "{route:?}");
        }
    }
    assert!(changing > 15, "{changing}");
}

#[test]
fn a_limit_fits_who_may_call() {
    for route in register() {
        let fits = match (route.caller, route.limit) {
            (Caller::Key(_), limit) => matches!(limit, Limit::Key | Limit::Queue),
            (_, Limit::Reads) => true,
            (Caller::Stranger(_), Limit::Misses) => true,
            (Caller::Operator(_), limit) => matches!(limit, Limit::Operator | Limit::OwnCookie),
            (Caller::Stranger(Stranger::Browser), limit) => {
                matches!(limit, Limit::Payer | Limit::OwnCookie | Limit::SignIn)
            }
            (Caller::Stranger(Stranger::Program), limit) => {
                matches!(limit, Limit::Integrator | Limit::Notice | Limit::Merchant | Limit::Address)
            }
        };
        assert!(fits, "{route:?}");
    }
}

#[test]
fn every_address_for_notices_stands_in_the_listeners_reserve_and_no_page_does() {
    let mut notices = 0;
    for route in register() {
        let is_notice = route.limit == Limit::Notice;
        notices += usize::from(is_notice);
        let is_probe = matches!(&*route.path, "/healthz" | "/livez" | "/readyz" | "/metrics");
        assert_eq!(crate::listener::is_reserved(&route.path), is_notice || is_probe, "{route:?}");
    }
    assert_eq!(notices, 5);
}

#[test]
fn the_desk_is_what_is_under_admin_and_only_signing_in_is_for_strangers() {
    for route in register() {
        let is_operators = matches!(route.caller, Caller::Operator(_));
        assert_eq!(is_operators, is_under_admin(&route.path) && route.path != links::LOGIN, "{route:?}");
    }
    // What says otherwise counts as the desk all the same.
    let stray = |path: &'static str, caller| {
        is_desk(&Route { method: Method::GET, path: path.into(), caller, limit: Limit::Reads })
    };
    assert!(stray("/admin/new", Caller::Stranger(Stranger::Program)));
    assert!(stray("/elsewhere", Caller::Operator(Permission::View)));
    assert!(!stray("/administrator", Caller::Stranger(Stranger::Browser)));
}

#[test]
fn whatever_is_below_api_v1_asks_for_a_key() {
    let mut keyed = 0;
    for route in register() {
        let is_keyed = matches!(route.caller, Caller::Key(_));
        keyed += usize::from(is_keyed);
        assert!(is_keyed || !middleware::is_for_programs(&route.path), "{route:?}");
    }
    assert!(keyed > 5, "{keyed}");
    for path in ["/api/v1x", "/api/v2/me", "/api/create_order", "/v1/api/v1"] {
        assert!(!middleware::is_for_programs(path), "{path}");
    }
}

#[test]
fn every_server_function_is_registered() {
    let registered: BTreeSet<_> = register().iter().map(|route| route.path.to_string()).collect();
    let mut functions = 0;
    for (path, method) in leptos::server_fn::axum::server_fn_paths() {
        functions += 1;
        assert!(method == Method::POST && registered.contains(path), "{method} {path}");
    }
    assert!(functions >= 5, "{functions}");
}
