//! Which pages of other sites a payer may be sent back to, and which may have our pages in a frame: the site's own, as the
//! settings name them. Anything else would make us an open redirect.

use reqwest::Url;

use crate::user_token::LONGEST_RETURN_URL;

/// The site's origins.
#[derive(Debug, Clone, Default)]
pub struct WaysBack {
    /// Those that may frame our pages, as browsers write an origin.
    parents: Vec<String>,
    /// The origin of `site_url`.
    site: Option<String>,
}

impl WaysBack {
    /// `parents` and `site_url` as the settings have checked them.
    pub fn new(parents: &[String], site_url: Option<&str>) -> WaysBack {
        WaysBack {
            parents: parents.iter().filter_map(|text| origin(text)).collect(),
            site: site_url.and_then(origin),
        }
    }

    /// A page of the site, as a browser reads the address; `None` for any other.
    pub fn page(&self, given: &str) -> Option<String> {
        if given.len() > LONGEST_RETURN_URL {
            return None;
        }
        let url = Url::parse(given).ok().filter(is_plain)?;
        let origin = url.origin().ascii_serialization();
        let is_ours = self.site.as_ref() == Some(&origin) || self.parents.contains(&origin);
        is_ours.then(|| url.into())
    }

    /// The origin of a page that may frame ours; `None` for any other.
    pub fn parent(&self, given: &str) -> Option<String> {
        origin(given).filter(|origin| self.parents.contains(origin))
    }

    /// Where a link that is to stand in a frame does not say in whose: the only site that may have one, or the site itself.
    pub fn only_parent(&self) -> Option<&str> {
        match self.parents.as_slice() {
            [one] => Some(one),
            several => several.iter().find(|one| Some(*one) == self.site.as_ref()).map(String::as_str),
        }
    }
}

/// Web addresses without a name or a password in them, which would show as another host.
fn is_plain(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none()
}

/// The origin of a web address, as browsers write it.
pub(crate) fn origin(text: &str) -> Option<String> {
    Url::parse(text).ok().filter(is_plain).map(|url| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ways() -> WaysBack {
        let parents = ["https://shop.example.com".to_owned(), "https://www.Example.com:443".to_owned()];
        WaysBack::new(&parents, Some("https://www.example.com/me"))
    }

    #[test]
    fn payers_go_back_to_the_sites_own_pages_only() {
        for (given, page) in [
            ("https://www.example.com/me?a=1#top", "https://www.example.com/me?a=1#top"),
            ("https://shop.example.com", "https://shop.example.com/"),
            ("https://WWW.example.com:443/a b", "https://www.example.com/a%20b"),
        ] {
            assert_eq!(ways().page(given).as_deref(), Some(page), "{given}");
        }
        for given in [
            "http://www.example.com/",
            "https://www.example.com:8443/",
            "https://example.com/",
            "https://www.example.com.evil.example/",
            "https://www.example.com@evil.example/",
            "https://www.example.com:pw@evil.example/",
            "https://lin@www.example.com/",
            "https:\\\\evil.example\\www.example.com",
            "//www.example.com/",
            "/me",
            "javascript:alert(1)//https://www.example.com",
            "",
            &format!("https://www.example.com/{}", "x".repeat(1024)),
        ] {
            assert_eq!(ways().page(given), None, "{given}");
        }
        assert_eq!(WaysBack::default().page("https://www.example.com/"), None);
    }

    #[test]
    fn a_frame_is_named_by_its_exact_origin() {
        assert_eq!(ways().parent("https://www.example.com").as_deref(), Some("https://www.example.com"));
        for given in ["https://evil.example", "http://www.example.com", "null", "*", "https://*.example.com"]
        {
            assert_eq!(ways().parent(given), None, "{given}");
        }
        assert_eq!(ways().only_parent(), Some("https://www.example.com"));
        let of = |parents: &[&str], site| {
            let parents: Vec<_> = parents.iter().map(|one| (*one).to_owned()).collect();
            WaysBack::new(&parents, site).only_parent().map(str::to_owned)
        };
        assert_eq!(of(&["https://a.example"], None).as_deref(), Some("https://a.example"));
        assert_eq!(of(&["https://a.example", "https://b.example"], None), None);
        assert_eq!(of(&[], Some("https://a.example")), None);
    }
}
