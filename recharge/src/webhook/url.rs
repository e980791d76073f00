//! The address of an endpoint, as far as it can be judged before anything is sent.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use url::{Host, Url};

use super::address::{is_named, may_reach};

/// Longest address, in bytes.
const MOST_BYTES: usize = 2_048;

/// An address that passed [`EndpointUrl::check`], as it is sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointUrl(Url);

/// Why deliveries cannot go to an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlRefusal {
    /// It cannot be read, or has no host.
    #[error("must be an address such as https://www.example.com/hooks/saoma")]
    Unreadable,
    /// Longer than 2 KiB.
    #[error("must have at most 2048 bytes")]
    TooLong,
    /// A secret in an address ends up in logs.
    #[error("must not have a user name or password in it: deliveries are signed instead")]
    UserInfo,
    /// It is never sent.
    #[error("must not have a fragment (#…)")]
    Fragment,
    /// Neither https nor http.
    #[error("must be https")]
    Scheme,
    /// Plain http reaches only networks of the setting `webhook_networks`.
    #[error("must be https: plain http goes only into networks that the setting webhook_networks names")]
    PlainHttp,
    /// A private or reserved address.
    #[error("{0} is no public address, and the setting webhook_networks does not name it")]
    Address(IpAddr),
    /// This server would tell itself.
    #[error("is the address of this server itself")]
    Own,
}

impl EndpointUrl {
    /// Judges an address. A name is not looked up: it may be another address by the time something is sent, when it is judged
    /// again.
    ///
    /// # Errors
    /// [`UrlRefusal`].
    pub fn check(text: &str, public_url: &str, networks: &[IpNet]) -> Result<EndpointUrl, UrlRefusal> {
        if text.len() > MOST_BYTES {
            return Err(UrlRefusal::TooLong);
        }
        // The parser would drop line breaks and blanks around it without a word.
        if text.bytes().any(|byte| byte.is_ascii_control() || byte == b' ') {
            return Err(UrlRefusal::Unreadable);
        }
        let url = Url::parse(text).map_err(|_| UrlRefusal::Unreadable)?;
        let is_tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(UrlRefusal::Scheme),
        };
        if !url.username().is_empty() || url.password().is_some() || text.contains('@') && has_user_info(text)
        {
            return Err(UrlRefusal::UserInfo);
        }
        if url.fragment().is_some() {
            return Err(UrlRefusal::Fragment);
        }
        if url.as_str().len() > MOST_BYTES {
            return Err(UrlRefusal::TooLong);
        }
        if Url::parse(public_url).is_ok_and(|own| same_place(&own, &url)) {
            return Err(UrlRefusal::Own);
        }
        if !url.has_host() {
            return Err(UrlRefusal::Unreadable);
        }
        match address(&url) {
            None if !is_tls && networks.is_empty() => Err(UrlRefusal::PlainHttp),
            Some(address) if !is_tls && !is_named(address, networks) => Err(UrlRefusal::PlainHttp),
            Some(address) if !may_reach(address, is_tls, networks) => Err(UrlRefusal::Address(address)),
            _ => Ok(EndpointUrl(url)),
        }
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Host and, if it is written, port.
    pub fn authority(&self) -> &str {
        self.0.authority()
    }

    /// Whether it is https.
    pub fn is_tls(&self) -> bool {
        self.0.scheme() == "https"
    }
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An empty user name (`https://@host`), which the parser drops.
fn has_user_info(text: &str) -> bool {
    let authority = text.split_once("//").map_or("", |(_, rest)| rest);
    authority.split(['/', '?', '#', '\\']).next().unwrap_or_default().contains('@')
}

fn same_place(one: &Url, other: &Url) -> bool {
    let host = |url: &Url| url.host_str().map(|host| host.trim_end_matches('.').to_ascii_lowercase());
    let is_same_host = host(one) == host(other) || is_this_machine(one) && is_this_machine(other);
    is_same_host && one.port_or_known_default() == other.port_or_known_default()
}

/// Its names are many: `localhost`, all of 127.0.0.0/8, `::1`, and the address that stands for any.
fn is_this_machine(url: &Url) -> bool {
    if let Some(address) = address(url) {
        let address = address.to_canonical();
        return address.is_loopback() || address.is_unspecified();
    }
    let name = url.domain().unwrap_or_default().trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

/// The address that stands there in place of a name.
fn address(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some(IpAddr::V4(address)),
        Host::Ipv6(address) => Some(IpAddr::V6(address)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "https://pay.example.com";

    fn check(text: &str, networks: &[&str]) -> Result<String, UrlRefusal> {
        let networks: Vec<_> = networks.iter().map(|one| one.parse().unwrap()).collect();
        EndpointUrl::check(text, OWN, &networks).map(|url| url.to_string())
    }

    #[test]
    fn an_https_address_of_a_name_or_a_public_address_is_taken_as_it_is_written() {
        for text in [
            "https://shop.example.com/hooks/saoma?x=1",
            "https://8.8.8.8/h",
            "https://[2606:4700::1111]:8443/h",
            "https://nobody.invalid/",
            "https://pay.example.com:8443/hooks",
            "https://例子.中国/",
        ] {
            assert!(check(text, &[]).is_ok(), "{text}");
        }
    }

    #[test]
    fn each_address_that_must_not_be_reached_is_refused_with_its_reason() {
        let address = |text: &str| UrlRefusal::Address(text.parse().unwrap());
        let long = format!("https://a.example.com/{}", "x".repeat(2_048));
        for (text, wanted) in [
            ("http://shop.example.com/", UrlRefusal::PlainHttp),
            ("http://8.8.8.8/", UrlRefusal::PlainHttp),
            ("http://127.0.0.1/", UrlRefusal::PlainHttp),
            ("https://10.0.0.1/", address("10.0.0.1")),
            ("https://[::ffff:127.0.0.1]/", address("::ffff:127.0.0.1")),
            ("https://2130706433/", address("127.0.0.1")),
            ("https://0x7f.1/", address("127.0.0.1")),
            ("https://0177.0.0.1/", address("127.0.0.1")),
            ("https://169.254.169.254/latest/meta-data", address("169.254.169.254")),
            ("https://[::]/", address("::")),
            ("https://１２７.0.0.1/", address("127.0.0.1")),
            ("https://a:b@shop.example.com/", UrlRefusal::UserInfo),
            ("https://a@shop.example.com/", UrlRefusal::UserInfo),
            ("https://@shop.example.com/", UrlRefusal::UserInfo),
            ("https://shop.example.com/#x", UrlRefusal::Fragment),
            ("https://pay.example.com/hooks", UrlRefusal::Own),
            ("https://PAY.example.com.:443/hooks", UrlRefusal::Own),
            ("ftp://shop.example.com/", UrlRefusal::Scheme),
            ("file:///etc/passwd", UrlRefusal::Scheme),
            ("shop.example.com", UrlRefusal::Unreadable),
            ("https://", UrlRefusal::Unreadable),
            ("", UrlRefusal::Unreadable),
            (" https://shop.example.com/", UrlRefusal::Unreadable),
            ("https://shop.example.com/\nx", UrlRefusal::Unreadable),
            (&long, UrlRefusal::TooLong),
        ] {
            assert_eq!(check(text, &[]), Err(wanted), "{text}");
        }
    }

    #[test]
    fn this_server_is_known_under_each_name_of_the_machine() {
        let networks = ["127.0.0.0/8".parse().unwrap()];
        let check = |text: &str| EndpointUrl::check(text, "http://127.0.0.1:3000", &networks);
        for host in
            ["127.0.0.1", "localhost", "a.localhost.", "127.1.2.3", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"]
        {
            assert_eq!(check(&format!("http://{host}:3000/h")), Err(UrlRefusal::Own), "{host}");
            assert_ne!(check(&format!("http://{host}:3001/h")), Err(UrlRefusal::Own), "{host}");
        }
    }

    #[test]
    fn plain_http_and_private_addresses_are_for_networks_that_the_settings_name() {
        let networks = &["127.0.0.0/8", "10.1.0.0/16"];
        for text in ["http://127.0.0.1:8080/h", "https://10.1.2.3/", "http://localhost:8080/"] {
            assert!(check(text, networks).is_ok(), "{text}");
        }
        assert_eq!(check("http://10.2.0.1/", networks), Err(UrlRefusal::PlainHttp));
        assert!(matches!(check("https://10.2.0.1/", networks), Err(UrlRefusal::Address(_))));
    }
}
