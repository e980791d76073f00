//! Calls of the site's own programs: `Authorization: Bearer SAOMA_SERVICE_TOKEN`, from `SAOMA_SERVICE_NETWORKS` only, and
//! never from a page in a browser.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::request::Parts,
};
use http::{HeaderMap, StatusCode, header};
use recharge::audit::Acting;
use sha2::{Digest as _, Sha256};

use crate::{
    client_addr::ClientAddr,
    config::{Secret, Service},
    recharge_api::ApiError,
    state::Server,
};

/// A call that has shown the service token. Handlers take it as an argument, and are not reached without it.
#[derive(Debug)]
pub(crate) struct ServiceCall {
    from: IpAddr,
}

impl ServiceCall {
    /// Under which name it stands in the audit and on what it makes; no operator may have it.
    const NAME: &str = "service";

    /// Who acts, for the audit.
    pub(crate) fn by(&self) -> Acting {
        Acting::operator(Self::NAME, &self.from.to_string())
    }
}

impl FromRequestParts<Server> for ServiceCall {
    type Rejection = axum::response::Response;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
        let client = parts.extensions.get::<ClientAddr>().map(|client| client.0);
        let hides = peer.is_none_or(|peer| is_hidden(peer, &parts.headers, &server.trusted_proxies));
        let client = client.filter(|_| !hides);
        let from = check(server.service.as_ref(), client, &parts.headers)
            .map_err(|error| error.response(server.pages.site.sandbox))?;
        Ok(ServiceCall { from })
    }
}

/// Whether somebody else stands behind the peer, and the settings do not say that the peer may name him: a proxy on this
/// machine would make every stranger look local.
fn is_hidden(peer: IpAddr, headers: &HeaderMap, trusted: &[ipnet::IpNet]) -> bool {
    let forwards = ["x-forwarded-for", "x-real-ip", "via"].iter().any(|name| headers.contains_key(*name))
        || headers.contains_key(header::FORWARDED);
    forwards && !trusted.iter().any(|net| net.contains(&peer.to_canonical()))
}

/// Who calls. `client` is `None` where it is not known.
fn check(service: Option<&Service>, client: Option<IpAddr>, headers: &HeaderMap) -> Result<IpAddr, ApiError> {
    let Some(service) = service else {
        return Err(ApiError::new(StatusCode::NOT_FOUND, "not_found", "SAOMA_SERVICE_TOKEN is not set"));
    };
    if headers.contains_key(header::ORIGIN) {
        let text = "this address is for the site's own programs, and a page called it";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "origin", text));
    }
    let is_named = |client: &IpAddr| service.networks.iter().any(|net| net.contains(client));
    let Some(client) = client.filter(is_named) else {
        let text = "calls come from the networks in SAOMA_SERVICE_NETWORKS only; a proxy in between stands in \
                    SAOMA_TRUSTED_PROXIES";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "network", text));
    };
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let token = match (given.next(), given.next()) {
        (Some(value), None) => value.to_str().unwrap_or_default(),
        _ => "",
    };
    let token = token.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    match token {
        Some((_, token)) if is(&service.token, token.trim()) => Ok(client),
        _ => {
            let text = "send Authorization: Bearer and the token in SAOMA_SERVICE_TOKEN";
            Err(ApiError::new(StatusCode::UNAUTHORIZED, "token", text))
        }
    }
}

/// How long it takes says nothing about the token: what is compared are hashes.
fn is(token: &Secret, given: &str) -> bool {
    Sha256::digest(token.expose()) == Sha256::digest(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "a-service-token-of-more-than-32-characters";

    fn service() -> Service {
        Service {
            token: Secret::new(TOKEN),
            networks: vec!["127.0.0.0/8".parse().unwrap(), "10.1.0.0/16".parse().unwrap()],
        }
    }

    fn status(client: Option<&str>, headers: &[(&'static str, &str)]) -> u16 {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        match check(Some(&service()), client.map(|ip| ip.parse().unwrap()), &map) {
            Ok(_) => 200,
            Err(error) => error.response(false).status().as_u16(),
        }
    }

    #[test]
    fn only_the_token_from_a_named_network_and_no_page_is_let_in() {
        let good = format!("Bearer {TOKEN}");
        let lower = format!("bearer {TOKEN}");
        assert_eq!(status(Some("127.0.0.1"), &[("authorization", &good)]), 200);
        assert_eq!(status(Some("10.1.2.3"), &[("authorization", &lower)]), 200);
        assert_eq!(status(Some("10.2.0.1"), &[("authorization", &good)]), 403);
        assert_eq!(status(None, &[("authorization", &good)]), 403);
        assert_eq!(status(Some("127.0.0.1"), &[("authorization", &good), ("origin", "http://x")]), 403);
        assert_eq!(status(Some("127.0.0.1"), &[("authorization", &good), ("authorization", &good)]), 401);
        for bad in ["", TOKEN, "Bearer", "Bearer ", &good[..good.len() - 1], &format!("{good}x")] {
            assert_eq!(status(Some("127.0.0.1"), &[("authorization", bad)]), 401, "{bad}");
        }
        assert_eq!(status(Some("127.0.0.1"), &[]), 401);
    }

    #[test]
    fn without_the_setting_there_is_nothing() {
        let error = check(None, Some("127.0.0.1".parse().unwrap()), &HeaderMap::new()).unwrap_err();
        assert_eq!(error.response(false).status(), 404);
    }

    #[test]
    fn a_proxy_that_the_settings_do_not_name_hides_who_calls() {
        let forwarded = |name: &'static str| {
            HeaderMap::from_iter([(name.parse().unwrap(), "127.0.0.1".parse().unwrap())])
        };
        let (peer, trusted) = ("127.0.0.1".parse().unwrap(), ["127.0.0.1/32".parse().unwrap()]);
        for name in ["x-forwarded-for", "x-real-ip", "forwarded", "via"] {
            assert!(is_hidden(peer, &forwarded(name), &[]), "{name}");
            assert!(!is_hidden(peer, &forwarded(name), &trusted), "{name}");
        }
        assert!(!is_hidden(peer, &HeaderMap::new(), &[]));
    }
}
