//! Host allow-list and CSRF check (`Sec-Fetch-Site`, `Origin`).

use http::{HeaderMap, Method, header, request::Parts};

use crate::config::{PublicUrl, is_loopback_name};

/// The hosts of this server.
#[derive(Debug, Clone)]
pub struct Hosts {
    public: PublicUrl,
    /// In sandbox mode every loopback name is ours, whatever port was forwarded here.
    loopback: bool,
}

impl Hosts {
    pub fn new(public: PublicUrl, loopback: bool) -> Self {
        Hosts { public, loopback }
    }

    /// Whether `Host` names this server: a page under another name could be somebody else's (DNS rebinding).
    pub fn serves(&self, parts: &Parts) -> bool {
        self.host(parts).is_some_and(|host| self.is_ours(host))
    }

    fn host<'a>(&self, parts: &'a Parts) -> Option<&'a str> {
        let mut given = parts.headers.get_all(header::HOST).iter();
        match (given.next(), given.next()) {
            (Some(host), None) => host.to_str().ok(),
            _ => parts.uri.authority().map(http::uri::Authority::as_str),
        }
    }

    fn is_ours(&self, host: &str) -> bool {
        let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
        let (name, port) = name.unwrap_or((host, ""));
        if self.loopback && is_loopback_name(name) {
            return true;
        }
        let default_port = if self.public.is_https() { "443" } else { "80" };
        let ours = self.public.authority();
        host.eq_ignore_ascii_case(ours) || (port == default_port && name.eq_ignore_ascii_case(ours))
    }

    /// CSRF check for requests that a cookie authenticates: reads pass; a change passes where the browser's headers say
    /// that it comes from a page of this server. See `docs/faults.md`, 26.
    pub fn may_change(&self, parts: &Parts) -> bool {
        if matches!(parts.method, Method::GET | Method::HEAD) {
            return true;
        }
        let text = |name: &str| one(&parts.headers, name);
        match (text("sec-fetch-site"), text("origin")) {
            (Header::Broken, _) | (_, Header::Broken) | (Header::None, Header::None) => false,
            (Header::One(site), Header::None) => site == "same-origin",
            (Header::One(site), Header::One(origin)) => {
                site == "same-origin" && self.is_own_origin(origin, parts)
            }
            // Browsers leave it out where the page came over plain http from elsewhere than this machine.
            (Header::None, Header::One(origin)) => self.is_own_origin(origin, parts),
        }
    }

    /// The page's origin is the address that the request itself went to.
    fn is_own_origin(&self, origin: &str, parts: &Parts) -> bool {
        let Some((scheme, authority)) = origin.split_once("://") else { return false };
        if authority.eq_ignore_ascii_case(self.public.authority()) {
            return self.public.as_str().split_once("://").is_some_and(|(ours, _)| ours == scheme);
        }
        self.loopback && scheme == "http" && self.is_ours(authority) && self.host(parts) == Some(authority)
    }
}

enum Header<'a> {
    None,
    One(&'a str),
    /// Twice, or not text.
    Broken,
}

fn one<'a>(headers: &'a HeaderMap, name: &str) -> Header<'a> {
    let mut values = headers.get_all(name).iter();
    match (values.next().map(|v| v.to_str()), values.next()) {
        (None, _) => Header::None,
        (Some(Ok(text)), None) => Header::One(text),
        _ => Header::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn public() -> Hosts {
        Hosts::new(PublicUrl::parse("", "https://pay.example.com").unwrap(), false)
    }

    fn sandbox() -> Hosts {
        Hosts::new(PublicUrl::local("127.0.0.1:3000".parse().unwrap()), true)
    }

    fn parts(method: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri("/api/create_order");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn only_the_configured_host_is_served() {
        for (host, served) in [
            ("pay.example.com", true),
            ("PAY.example.com", true),
            ("pay.example.com:443", true),
            ("pay.example.com:80", false),
            ("evil.example", false),
            ("pay.example.com.evil.example", false),
            ("127.0.0.1:3000", false),
        ] {
            assert_eq!(public().serves(&parts("GET", &[("host", host)])), served, "{host}");
        }
        assert!(!public().serves(&parts("GET", &[])));
    }

    #[test]
    fn in_sandbox_mode_every_loopback_name_is_served() {
        for (host, served) in [
            ("127.0.0.1:3000", true),
            ("localhost:3000", true),
            ("localhost:4000", true),
            ("[::1]:3000", true),
            ("rebound.example:3000", false),
        ] {
            assert_eq!(sandbox().serves(&parts("GET", &[("host", host)])), served, "{host}");
        }
    }

    #[test]
    fn changes_come_only_from_our_own_pages() {
        let own = "https://pay.example.com";
        for (headers, allowed) in [
            (vec![("sec-fetch-site", "same-origin"), ("origin", own)], true),
            (vec![("origin", own)], true),
            (vec![("sec-fetch-site", "same-origin")], true),
            (vec![], false),
            (vec![("sec-fetch-site", "none")], false),
            (vec![("sec-fetch-site", "same-site"), ("origin", own)], false),
            (vec![("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")], false),
            (vec![("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")], false),
            (vec![("origin", "https://evil.example")], false),
            (vec![("origin", "http://pay.example.com")], false),
            (vec![("origin", "null")], false),
            (vec![("origin", own), ("origin", "https://evil.example")], false),
        ] {
            let mut all = vec![("host", "pay.example.com")];
            all.extend(headers.iter().copied());
            assert_eq!(public().may_change(&parts("POST", &all)), allowed, "{headers:?}");
            assert!(public().may_change(&parts("GET", &all)), "{headers:?}");
        }
    }

    #[test]
    fn in_sandbox_mode_the_origin_is_the_address_that_was_asked() {
        let allowed =
            |host, origin| sandbox().may_change(&parts("POST", &[("host", host), ("origin", origin)]));
        assert!(allowed("localhost:3000", "http://localhost:3000"));
        assert!(allowed("127.0.0.1:3000", "http://127.0.0.1:3000"));
        // Another program on this machine, the sandbox's own page among them.
        assert!(!allowed("127.0.0.1:3000", "http://127.0.0.1:3080"));
        assert!(!allowed("localhost:3000", "http://evil.example"));
    }
}
