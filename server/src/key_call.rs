//! Calls of the site's own programs: `Authorization: Bearer` and a key, never from a page in a browser.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, Uri, header, request::Parts};
use recharge::{
    api_key::{ApiKey, KeyMode, Scope},
    audit::{Acting, Actor},
};

use wxpay::Fen;

use crate::{
    client_addr::ClientAddr, create_limit::TooOften, error_code::Code, problem::Problem,
    recharge_api::ApiError, state::Server,
};

/// A call that has shown a key which allows it. [`admit`] puts it into the request's extensions.
#[derive(Debug, Clone)]
pub(crate) struct KeyCall {
    pub key: Arc<ApiKey>,
    from: IpAddr,
}

impl KeyCall {
    /// # Errors
    /// 403 for an amount over what the key may move in one call.
    pub(crate) fn check_amount(&self, amount: Fen) -> Result<(), Problem> {
        let Some(most) = self.key.max_amount.filter(|most| amount > *most) else { return Ok(()) };
        let text = format!("the key {} may move at most {} fen in one call", self.key.name, most.get());
        Err(Problem::new(Code::MaxAmount, text))
    }

    /// Who acts, for the books.
    pub(crate) fn actor(&self) -> Actor {
        self.by().actor
    }

    /// Who acts, and from where, for the audit.
    pub(crate) fn by(&self) -> Acting {
        Acting::key(&self.key.name, &self.from.to_string())
    }
}

/// What a route asks of its callers.
#[derive(Clone)]
pub(crate) struct Gate {
    pub server: Server,
    /// `None`: any key will do.
    pub scope: Option<Scope>,
}

/// Why a call is not let in.
#[derive(Debug)]
enum Refusal {
    /// The key stands in the address, where logs and histories keep it.
    InAddress,
    /// A page in a browser has it: so everybody can.
    Browser,
    /// Missing, unknown, expired or revoked: nobody is told which.
    Key,
    Network,
    Scope(Scope),
    TooOften(TooOften),
    Busy,
}

/// The layer in front of every route for keys.
pub(crate) async fn admit(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match check(&gate, &parts).await {
        Ok(call) => {
            parts.extensions.insert(call);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(refusal) => refusal.response(&gate.server, &parts.uri),
    }
}

/// The limit of [`app::access::Limit::Key`].
pub(crate) async fn limit(State(server): State<Server>, request: Request, next: Next) -> Response {
    let slow = request.extensions().get::<KeyCall>().and_then(|call| {
        let id = call.key.id.as_str();
        server.create_limit.key(id, &call.key.name, server.now()).err()
    });
    match slow {
        Some(slow) => Refusal::TooOften(slow).response(&server, request.uri()),
        None => next.run(request).await,
    }
}

async fn check(gate: &Gate, parts: &Parts) -> Result<KeyCall, Refusal> {
    let (server, headers) = (&gate.server, &parts.headers);
    if has_key(&parts.uri) {
        return Err(Refusal::InAddress);
    }
    let found = match bearer(headers) {
        Some(text) => server.pages.keys.find(text, server.now()).await.map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "a key could not be looked up");
            Refusal::Busy
        })?,
        None => None,
    };
    if let Some(origin) = headers.get(header::ORIGIN) {
        if let Some(key) = &found {
            server.refusals.key_in_browser(&key.name, origin, server.now());
        }
        return Err(Refusal::Browser);
    }
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    let client = parts.extensions.get::<ClientAddr>().map(|client| client.0);
    let Some(key) = found else {
        if let Some(client) = client {
            server.refusals.unknown_key(client, server.now());
        }
        return Err(Refusal::Key);
    };
    let hides = peer.is_none_or(|peer| is_hidden(peer, headers, &server.trusted_proxies));
    if !key.comes_from(client.filter(|_| !hides)) {
        return Err(Refusal::Network);
    }
    match gate.scope {
        Some(scope) if !key.may(scope) => Err(Refusal::Scope(scope)),
        _ => Ok(KeyCall { key, from: client.ok_or(Refusal::Network)? }),
    }
}

/// The text of `Authorization: Bearer`, given once.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else { return None };
    let (scheme, text) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| text.trim())
}

/// Whether something in the query looks like a key.
fn has_key(uri: &Uri) -> bool {
    let prefixes = [KeyMode::Live, KeyMode::Test].map(KeyMode::prefix);
    let values = uri.query().unwrap_or_default().split(['&', '=']);
    values.into_iter().any(|value| prefixes.iter().any(|prefix| value.starts_with(prefix)))
}

/// Whether somebody else stands behind the peer, and the settings do not say that the peer may name him: a proxy on this
/// machine would make every stranger look local.
fn is_hidden(peer: IpAddr, headers: &HeaderMap, trusted: &[ipnet::IpNet]) -> bool {
    let forwards = ["x-forwarded-for", "x-real-ip", "via"].iter().any(|name| headers.contains_key(*name))
        || headers.contains_key(header::FORWARDED);
    forwards && !trusted.iter().any(|net| net.contains(&peer.to_canonical()))
}

impl Refusal {
    /// In the form of the address: `/wxpay/*` is older than problems.
    fn response(self, server: &Server, uri: &Uri) -> Response {
        if !uri.path().starts_with("/wxpay/") {
            return self.problem().into_response();
        }
        let (code, text) = self.said();
        let error = match (&self, code) {
            (_, Code::ApiKey) => ApiError::new(Code::Token, text),
            (_, Code::KeyInBrowser) => ApiError::new(Code::Origin, text),
            (Refusal::TooOften(slow), code) => ApiError::new(code, text).after(slow.wait_s),
            (Refusal::Busy, code) => ApiError::later(code, text, 2),
            _ => ApiError::new(code, text),
        };
        error.response(server.pages.site.sandbox)
    }

    fn problem(&self) -> Problem {
        let (code, text) = self.said();
        match self {
            Refusal::TooOften(slow) => Problem::new(code, text).after(slow.wait_s),
            Refusal::Busy => Problem::new(code, text).after(2),
            _ => Problem::new(code, text),
        }
    }

    fn said(&self) -> (Code, String) {
        match self {
            Refusal::InAddress => {
                let text = "send the key in the header: Authorization: Bearer saoma_…; this one was in the address, where \
                            logs keep it, so rotate it";
                (Code::ApiKey, text.to_owned())
            }
            Refusal::Browser => {
                let text = "a page in a browser called with a key that is for the site's own programs: whoever reads the \
                            page has it, so rotate it";
                (Code::KeyInBrowser, text.to_owned())
            }
            Refusal::Key => {
                let text = "send Authorization: Bearer and a key that counts: it is missing, unknown, expired or revoked";
                (Code::ApiKey, text.to_owned())
            }
            Refusal::Network => {
                let text = "the key may be used from its networks only; a proxy in between stands in SAOMA_TRUSTED_PROXIES";
                (Code::Network, text.to_owned())
            }
            Refusal::Scope(scope) => (Code::Scope, format!("the key lacks the scope {scope}")),
            Refusal::TooOften(_) => (Code::TooOften, "too many calls with this key at once".to_owned()),
            Refusal::Busy => (Code::Busy, "the database does not answer, try again".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in all {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    #[test]
    fn a_key_is_taken_from_one_header_of_one_kind() {
        for given in ["Bearer saoma_live_x", "bearer saoma_live_x", "BEARER  saoma_live_x "] {
            assert_eq!(bearer(&headers(&[("authorization", given)])), Some("saoma_live_x"), "{given:?}");
        }
        for given in ["", "saoma_live_x", "Basic saoma_live_x", "Bearer"] {
            assert_eq!(bearer(&headers(&[("authorization", given)])), None, "{given:?}");
        }
        let twice = [("authorization", "Bearer saoma_live_x"), ("authorization", "Bearer saoma_live_x")];
        assert_eq!(bearer(&headers(&twice)), None);
        assert_eq!(bearer(&headers(&[("x-api-key", "saoma_live_x")])), None);
    }

    #[test]
    fn a_key_in_an_address_is_seen_whatever_it_is_called() {
        let has = |uri: &'static str| has_key(&Uri::from_static(uri));
        assert!(has("/api/v1/me?key=saoma_live_A_b") && has("/api/v1/me?saoma_test_A_b"));
        assert!(has("/api/v1/users?after=x&access_token=saoma_test_A_b"));
        assert!(!has("/api/v1/users?id=saoma") && !has("/api/v1/me"));
    }

    #[test]
    fn a_proxy_that_the_settings_do_not_name_hides_who_calls() {
        let forwarded = |name: &'static str| headers(&[(name, "127.0.0.1")]);
        let (peer, trusted) = ("127.0.0.1".parse().unwrap(), ["127.0.0.1/32".parse().unwrap()]);
        for name in ["x-forwarded-for", "x-real-ip", "forwarded", "via"] {
            assert!(is_hidden(peer, &forwarded(name), &[]), "{name}");
            assert!(!is_hidden(peer, &forwarded(name), &trusted), "{name}");
        }
        assert!(!is_hidden(peer, &HeaderMap::new(), &[]));
    }
}
