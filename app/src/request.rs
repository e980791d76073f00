//! Per-request page context: language, theme, session, query.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Request, header};
use leptos::prelude::use_context;
use wxpay::H5Kind;

use crate::auth::{
    ClientIp, Confirmed, CurrentUser, Draft, OauthFailures, Operator, OtherUser, PayerOpenId,
    UndeclaredProxy, Viewer, Visit,
};
use crate::lang::Lang;
use crate::protocol::error::{AppError, ErrorCode, refusal};
use crate::protocol::offer::Device;
use crate::site::SiteSettings;
use crate::url::address;

/// Holds the name of a failed sign-in until the form is shown again. The server sets it.
pub const LOGIN_NAME_COOKIE: &str = "saoma_login_name";

/// What a page needs to know of the request that it answers.
#[derive(Debug, Clone)]
pub struct PageRequest {
    pub lang: Lang,
    /// `?lang=` was given: it is remembered.
    pub lang_chosen: bool,
    pub theme: Option<Theme>,
    pub device: Device,
    /// What the page calls itself at WeChat's H5 payment.
    pub h5: H5Kind,
    pub openid: Option<PayerOpenId>,
    pub oauth_failures: u8,
    pub user: Option<CurrentUser>,
    pub operator: Option<Operator>,
    pub confirmed: Option<Confirmed>,
    pub other_user: Option<OtherUser>,
    /// How the payer came; `None` for the sandbox's demo user.
    pub visit: Option<Visit>,
    /// The origin of the site's page in whose frame this page stands. `None` for a tab of its own.
    pub parent: Option<String>,
    pub ip: ClientIp,
    pub undeclared_proxy: Option<UndeclaredProxy>,
    pub draft: Option<Draft>,
    /// The name of a sign-in that failed a moment ago.
    pub login_name: Option<String>,
    pub path: String,
    /// The query, decoded, in its order.
    pub query: Vec<(String, String)>,
}

/// A payer who is signed in, with what the ways to pay need to know.
#[derive(Debug, Clone)]
pub struct Payer {
    pub user: CurrentUser,
    pub ip: ClientIp,
    pub device: Device,
    pub h5: H5Kind,
    pub openid: Option<PayerOpenId>,
}

/// `h5_info.type` of an H5 order. Source: WeChat Pay, "H5下单".
fn h5_kind(agent: &str) -> H5Kind {
    if agent.contains("iPhone") || agent.contains("iPad") {
        H5Kind::Ios
    } else if agent.contains("Android") {
        H5Kind::Android
    } else {
        H5Kind::Wap
    }
}

/// A theme chosen by hand; without one the system's setting decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    Light,
    Dark,
}

impl Theme {
    pub fn name(self) -> &'static str {
        match self {
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }

    pub fn parse(name: &str) -> Option<Theme> {
        [Theme::Light, Theme::Dark].into_iter().find(|theme| theme.name() == name)
    }
}

impl PageRequest {
    /// The page request behind a call of a server function.
    pub async fn current() -> PageRequest {
        let mut parts = use_context::<Parts>().unwrap_or_else(|| Request::new(()).into_parts().0);
        let Ok(request) = PageRequest::from_request_parts(&mut parts, &()).await;
        request
    }

    /// A value of the query, or of a form that was typed before signing in; `None` if absent or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .chain(self.draft.iter().flat_map(|draft| &draft.0))
            .find(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// This address with some values of its query replaced; empty ones are left out.
    pub fn with(&self, changes: &[(&str, &str)]) -> String {
        let kept = self.query.iter().filter(|(key, _)| !changes.iter().any(|(name, _)| name == key));
        let kept = kept.map(|(key, value)| (key.as_str(), value.as_str()));
        address(&self.path, kept.chain(changes.iter().copied()))
    }

    /// The seconds of `?n=`, at most five digits.
    pub fn seconds(&self) -> Option<&str> {
        self.get("n").filter(|n| n.len() < 6 && n.bytes().all(|byte| byte.is_ascii_digit()))
    }

    /// Who pays.
    ///
    /// # Errors
    /// [`ErrorCode::Session`] if nobody is signed in.
    pub fn payer(&self) -> Result<Payer, AppError> {
        let user = self.user.clone().ok_or_else(|| refusal(ErrorCode::Session, "sign in first"))?;
        Ok(Payer { user, ip: self.ip, device: self.device, h5: self.h5, openid: self.openid.clone() })
    }

    /// The page of the site that the payer goes back to.
    pub fn way_back(&self, site: &SiteSettings) -> Option<String> {
        let asked = self.visit.as_ref().and_then(|visit| visit.return_url.clone());
        asked.or_else(|| site.site_url.clone())
    }

    pub fn viewer(&self) -> Viewer {
        Viewer { user: self.user.clone(), token: self.get("t").map(str::to_owned) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PageRequest {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let query = axum::extract::Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let query = query.map(|query| query.0).unwrap_or_default();
        let asked = query.iter().find(|(key, _)| key == "lang").and_then(|(_, value)| Lang::parse(value));
        let agent =
            parts.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        Ok(PageRequest {
            lang: asked.unwrap_or_else(|| language(&parts.headers)),
            lang_chosen: asked.is_some(),
            theme: cookie(&parts.headers, "theme").and_then(Theme::parse),
            device: Device::from_user_agent(agent),
            h5: h5_kind(agent),
            openid: parts.extensions.get().cloned(),
            oauth_failures: parts.extensions.get::<OauthFailures>().map_or(0, |failures| failures.0),
            user: parts.extensions.get().cloned(),
            operator: parts.extensions.get().cloned(),
            confirmed: parts.extensions.get().copied(),
            other_user: parts.extensions.get().cloned(),
            parent: parent(parts),
            visit: parts.extensions.get().cloned(),
            ip: parts.extensions.get().copied().unwrap_or_default(),
            undeclared_proxy: parts.extensions.get().copied(),
            draft: parts.extensions.get().cloned(),
            login_name: cookie(&parts.headers, LOGIN_NAME_COOKIE).map(str::to_owned),
            path: parts.uri.path().to_owned(),
            query,
        })
    }
}

/// A session for a frame can be in a tab of its own: on a phone, or where the browser keeps no cookies for frames. Browsers that
/// do not say where the page will stand count as a frame.
fn parent(parts: &Parts) -> Option<String> {
    let parent = parts.extensions.get::<Visit>()?.parent.clone()?;
    let is_tab = parts.headers.get("sec-fetch-dest").is_some_and(|place| place == "document");
    (!is_tab).then_some(parent)
}

fn language(headers: &HeaderMap) -> Lang {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    cookie(headers, "lang").and_then(Lang::parse).or_else(|| accepted.and_then(preferred)).unwrap_or_default()
}

/// The supported language with the highest weight in an `Accept-Language` header; the first of equals.
fn preferred(header: &str) -> Option<Lang> {
    let mut best: Option<(u32, Lang)> = None;
    for entry in header.split(',') {
        let mut parts = entry.trim().split(';');
        let Some(lang) = parts.next().and_then(Lang::parse) else { continue };
        let weight = parts.next().map_or(1000, weight);
        if weight > best.map_or(0, |(weight, _)| weight) {
            best = Some((weight, lang));
        }
    }
    best.map(|(_, lang)| lang)
}

/// `q=0.8` in thousandths; 0 if it cannot be read.
fn weight(text: &str) -> u32 {
    let Some((whole, rest)) = text.trim().strip_prefix("q=").map(|q| q.split_once('.').unwrap_or((q, "")))
    else {
        return 0;
    };
    let digits: String = rest.chars().chain("000".chars()).take(3).collect();
    let thousandths = digits.parse().unwrap_or(0);
    if whole == "1" { 1000 } else { thousandths }
}

/// A cookie's value. Language, theme and the name of a failed sign-in only: the server's middleware reads session cookies.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';')).find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_with_the_highest_weight_is_taken() {
        let table = [
            ("zh-CN,zh;q=0.9,en;q=0.8", Some(Lang::Zh)),
            ("en-US,en;q=0.9", Some(Lang::En)),
            ("fr-FR, en;q=0.5, zh;q=0.7", Some(Lang::Zh)),
            ("fr", None),
            ("en;q=0", None),
            ("en;q=x, zh;q=0.1", Some(Lang::Zh)),
        ];
        for (header, lang) in table {
            assert_eq!(preferred(header), lang, "{header}");
        }
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, header::HeaderValue::from_static("slang=no; lang=en; theme=dark"));
        assert_eq!(cookie(&headers, "lang"), Some("en"));
        assert_eq!(cookie(&headers, "theme"), Some("dark"));
        assert_eq!(cookie(&headers, "the"), None);
    }
}
