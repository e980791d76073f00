//! The hosts that a merchant's notices may go to.

use std::fmt;

use url::Url;
use wxpay::InvalidValue;

/// A host, with a port where it is not the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpayHost {
    host: String,
    port: Option<u16>,
}

impl EpayHost {
    /// Reads `shop.example.com`, `shop.example.com:8443`, `127.0.0.1:3000` or `[::1]:3000`, as browsers read a host.
    ///
    /// # Errors
    /// [`InvalidValue`] for anything else, an address with a path or a scheme among it.
    pub fn parse(text: &str) -> Result<EpayHost, InvalidValue> {
        let must_be = "hosts such as shop.example.com or shop.example.com:8443, without https://";
        let invalid = || InvalidValue { what: "hosts", must_be };
        let is_strange = |c: char| c.is_whitespace() || c.is_control() || "/\\?#@*,".contains(c);
        if text.is_empty() || text.len() > 255 || text.contains(is_strange) {
            return Err(invalid());
        }
        // The scheme's own port would be dropped: only a port that is written counts.
        let port = text.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
        let port = port.map(|(_, port)| port.parse::<u16>()).transpose().map_err(|_| invalid())?;
        let url = Url::parse(&format!("https://{text}/")).map_err(|_| invalid())?;
        let host = url.host_str().ok_or_else(invalid)?.trim_end_matches('.').to_owned();
        Ok(EpayHost { host, port })
    }
}

impl fmt::Display for EpayHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

/// Whether one of these hosts is the address's. A host that is listed without a port is so on its scheme's own only.
///
/// # Errors
/// The host as it would be listed; empty where the address has none.
pub fn lists(hosts: &[EpayHost], address: &str) -> Result<(), String> {
    let Ok(url) = Url::parse(address) else { return Err(String::new()) };
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let is_listed = hosts.iter().any(|listed| {
        let port = match listed.port {
            None => url.port().is_none(),
            Some(port) => url.port_or_known_default() == Some(port),
        };
        listed.host == host && port
    });
    let seen = || url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    if is_listed { Ok(()) } else { Err(seen()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(texts: &[&str]) -> Vec<EpayHost> {
        texts.iter().map(|text| EpayHost::parse(text).unwrap()).collect()
    }

    #[test]
    fn a_notice_goes_to_a_listed_host_and_port_and_to_no_other() {
        let listed =
            hosts(&["shop.example.com", "API.example.com:8443", "127.0.0.1:3000", "[::1]:3000", "例子.中国"]);
        for address in [
            "https://shop.example.com/api/user/epay/notify",
            "https://SHOP.example.com.:443/n?a=1",
            "http://shop.example.com/n",
            "https://api.example.com:8443/n",
            "http://127.0.0.1:3000/n",
            "http://[::1]:3000/n",
            "https://xn--fsqu00a.xn--fiqs8s/n",
        ] {
            assert_eq!(lists(&listed, address), Ok(()), "{address}");
        }
        for (address, seen) in [
            ("https://evil.example/n", "evil.example"),
            ("https://shop.example.com.evil.example/n", "shop.example.com.evil.example"),
            ("https://evilshop.example.com/n", "evilshop.example.com"),
            ("https://shop.example.com:8443/n", "shop.example.com:8443"),
            ("http://shop.example.com:443/n", "shop.example.com:443"),
            ("https://api.example.com/n", "api.example.com"),
            ("http://127.0.0.1/n", "127.0.0.1"),
            ("http://127.0.0.1:3001/n", "127.0.0.1:3001"),
            ("https://shop.example.com@evil.example/n", "evil.example"),
            ("https://evil.example\\@shop.example.com/n", "evil.example"),
            ("notes", ""),
        ] {
            assert_eq!(lists(&listed, address), Err(seen.to_owned()), "{address}");
        }
    }

    #[test]
    fn what_is_no_host_cannot_be_listed() {
        for text in [
            "",
            "https://shop.example.com",
            "shop.example.com/n",
            "*.example.com",
            "a b",
            "a@b",
            "a:99999",
            "a,b",
        ] {
            assert!(EpayHost::parse(text).is_err(), "{text:?}");
        }
        for (text, said) in [
            ("Shop.Example.com", "shop.example.com"),
            ("a.example:8443", "a.example:8443"),
            ("a.example:443", "a.example:443"),
        ] {
            assert_eq!(EpayHost::parse(text).unwrap().to_string(), said);
        }
    }
}
