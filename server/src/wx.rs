//! Silent OAuth inside WeChat: JSAPI orders need the openid under which WeChat knows the payer. `/wx/go` sends the browser to
//! WeChat, `/wx/back` gets it back with a code that WeChat changes into the openid, which is kept in a sealed cookie.

use app::{
    access::{Caller, Limit, Routes, Stranger},
    auth::{CurrentUser, OauthFailures, PayerOpenId},
    links,
    pages::start_again,
    request::PageRequest,
};
use axum::{
    Extension,
    extract::{Query, Request, State},
    response::{IntoResponse as _, Redirect, Response},
};
use cashier::sealing::Purpose;
use http::HeaderMap;
use serde::Deserialize;
use wxpay::{
    AppId, OpenId, OutTradeNo,
    v3::sign::nonce,
    weixin::{Weixin, oauth},
};

use crate::{
    cookies::{Session, with_cookie},
    payer_session::forget,
    state::{Inner, Server},
};

/// How long a payer may take to come back from WeChat, in seconds.
const STATE_S: i64 = 600;
/// How long an openid is kept, in seconds. It does not change; the cookie is bound to the user and to the app.
const OPENID_S: i64 = 24 * 3600;
/// How long failed tries are remembered, in seconds.
const FAILURES_S: i64 = 600;

pub(crate) fn routes() -> Routes<Server> {
    const BROWSER: Caller = Caller::Stranger(Stranger::Browser);
    Routes::new().get(links::WX_GO, BROWSER, Limit::OwnCookie, go).get(
        links::WX_BACK,
        BROWSER,
        Limit::Payer,
        back,
    )
}

/// The state that WeChat's redirect must bring back, and the page that the payer wanted.
struct Pending {
    state: String,
    to: String,
}

impl Inner {
    /// What the openid's cookie is sealed for: it is worth nothing to another user and after a change of the app.
    fn openid_context(appid: &AppId, user_id: &str) -> String {
        format!("{appid}\n{user_id}")
    }

    fn openid_of(&self, user_id: &str, headers: &HeaderMap) -> Option<OpenId> {
        let sealed = self.cookies().read(Session::OpenId, headers)?;
        let context = Self::openid_context(self.account.as_ref()?.appid(), user_id);
        let text = self.secret_keys.as_ref()?.sealer(Purpose::OpenId).open(&context, &sealed)?;
        OpenId::parse(text).ok()
    }

    fn oauth_failures(&self, headers: &HeaderMap) -> u8 {
        let kept = self.cookies().read(Session::OauthFailures, headers);
        kept.and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    fn pending(&self, user_id: &str, headers: &HeaderMap) -> Option<Pending> {
        let sealed = self.cookies().read(Session::OauthState, headers)?;
        let text = self.secret_keys.as_ref()?.sealer(Purpose::OauthState).open(user_id, &sealed)?;
        let (state, to) = text.split_once('\n')?;
        Some(Pending { state: state.to_owned(), to: to.to_owned() })
    }
}

/// Puts what is known of a payer inside WeChat into the request's extensions.
pub(crate) fn recognise(server: &Server, request: &mut Request) {
    if server.account.is_none() {
        return;
    }
    let Some(user) = request.extensions().get::<CurrentUser>().cloned() else { return };
    if let Some(openid) = server.openid_of(&user.id, request.headers()) {
        request.extensions_mut().insert(PayerOpenId(openid));
    }
    let failures = server.oauth_failures(request.headers());
    request.extensions_mut().insert(OauthFailures(failures));
}

#[derive(Deserialize)]
struct Go {
    #[serde(default)]
    to: String,
}

async fn go(
    State(server): State<Server>,
    Query(asked): Query<Go>,
    user: Option<Extension<CurrentUser>>,
) -> Response {
    let to = own_page(&asked.to);
    let (Some(account), Some(keys), Some(Extension(user))) = (&server.account, &server.secret_keys, user)
    else {
        return Redirect::to(links::HOME).into_response();
    };
    let state = nonce();
    let sealed = keys.sealer(Purpose::OauthState).seal(&user.id, &format!("{state}\n{to}"));
    let back = format!("{}{}", server.public_url, links::WX_BACK);
    let address = oauth::authorize_url(&account.open_url, account.appid(), &back, &state);
    match (sealed, address) {
        (Ok(sealed), Ok(address)) => {
            let cookie = server.cookies().set(Session::OauthState, &sealed, STATE_S);
            with_cookie(Redirect::to(&address), &cookie)
        }
        _ => Redirect::to(links::HOME).into_response(),
    }
}

/// One of the two kinds of pages that need an openid; anything else would make this an open redirect.
fn own_page(to: &str) -> &str {
    let path = to.split('?').next().unwrap_or_default();
    let number = path.strip_prefix("/pay/");
    let is_order = number.is_some_and(|number| OutTradeNo::parse(number).is_ok());
    let is_plain = to.bytes().all(|byte| byte.is_ascii_graphic());
    if (path == links::HOME || is_order) && is_plain { to } else { links::HOME }
}

#[derive(Deserialize)]
struct Back {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
}

async fn back(
    State(server): State<Server>,
    Query(back): Query<Back>,
    user: Option<Extension<CurrentUser>>,
    headers: HeaderMap,
    request: PageRequest,
) -> Response {
    let (Some(account), Some(Extension(user))) = (&server.account, user) else {
        return Redirect::to(links::HOME).into_response();
    };
    let pending = server.pending(&user.id, &headers).filter(|pending| pending.state == back.state);
    // WebViews ask for the same address twice, and a state and a code work once.
    let is_known = || server.openid_of(&user.id, &headers).is_some();
    let mut response = match pending {
        None if is_known() => Redirect::to(links::HOME).into_response(),
        None => start_again(&server.pages, &request).await,
        Some(Pending { to, .. }) => match openid(&account.weixin, &back.code).await {
            Some(openid) => keep(&server, account.appid(), &user.id, &openid, &to),
            None if is_known() => Redirect::to(&to).into_response(),
            None => {
                let failures = server.oauth_failures(&headers).saturating_add(1);
                let cookie = server.cookies().set(Session::OauthFailures, &failures.to_string(), FAILURES_S);
                with_cookie(Redirect::to(&to), &cookie)
            }
        },
    };
    // Each state is good for one return.
    forget(&server, Session::OauthState, &mut response);
    response
}

/// The payer's openid; `None` where WeChat refuses the code or does not answer. The reason is logged, without the code.
async fn openid(weixin: &Weixin, code: &str) -> Option<OpenId> {
    match weixin.openid(code).await {
        Ok(openid) => Some(openid),
        Err(error) => {
            tracing::warn!("WeChat's OAuth: {error}");
            None
        }
    }
}

fn keep(server: &Server, appid: &AppId, user_id: &str, openid: &OpenId, to: &str) -> Response {
    let sealer = server.secret_keys.as_ref().map(|keys| keys.sealer(Purpose::OpenId));
    let context = Inner::openid_context(appid, user_id);
    match sealer.and_then(|sealer| sealer.seal(&context, openid.as_str()).ok()) {
        Some(sealed) => {
            let cookie = server.cookies().set(Session::OpenId, &sealed, OPENID_S);
            with_cookie(Redirect::to(to), &cookie)
        }
        None => Redirect::to(to).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oauth_leads_back_to_two_kinds_of_own_pages_only() {
        for to in ["/", "/?lang=en", "/pay/SM20261121094731K8QF", "/pay/SM20261121094731K8QF?back=1"] {
            assert_eq!(own_page(to), to);
        }
        for to in [
            "//evil.example",
            "https://evil.example/",
            "/admin",
            "/pay/",
            "/pay/SM1/check",
            "/\\evil.example",
            "",
            "/?a=\r\nSet-Cookie: x",
            "/pay/../admin",
        ] {
            assert_eq!(own_page(to), "/", "{to}");
        }
    }
}
