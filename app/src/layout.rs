//! The layout of every page: head, content security policy, sandbox ribbon, bar, foot.

use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::Response;
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_axum::ResponseOptions;

use crate::access::Permission;
use crate::book::{self, Place};
use crate::components;
use crate::escape::escape;
use crate::icons::{self, Icon};
use crate::links;
use crate::request::{PageRequest, Theme};
use crate::service::Service;
use crate::site::{Site, SiteSettings};
use crate::text::{Lang, common, nav, payer, sandbox, site};

/// Keeps a submit of the top-up form until the script has started. If it has not within six seconds, the form is sent as it
/// would be without script. Marks the document first, so that what only a script keeps right is not shown without one.
const KEEP_EARLY_PRESS: &str = "document.documentElement.dataset.script='';addEventListener('submit',e=>{let f=e.target;if(f.id!='top-up'||'live'in f.dataset)return;\
    e.preventDefault();f.dataset.pressed='';setTimeout(()=>'live'in f.dataset||f.submit(),6e3)},true)";

/// Has a press of the print button print the page. Marks the document too, because the button needs a script.
const PRINT: &str = "document.documentElement.dataset.script='';\
    addEventListener('click',e=>e.target.closest('[data-print]')&&print())";

/// What a page needs of its layout.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    /// Loads the script and its module: where there is script, and from the first line on.
    pub live: bool,
    /// Without script the page refreshes itself.
    pub refresh: bool,
    /// The page can be printed by a button.
    pub print: bool,
    /// The origins of `frame_ancestors` may show the page in a frame. Without it nobody may.
    pub framable: bool,
}

impl Frame {
    /// A payer's page.
    pub const PAYER: Frame = Frame { live: false, refresh: false, print: false, framable: true };
    /// A page that acts with an operator's session, or asks for a password.
    pub const DESK: Frame = Frame { live: false, refresh: false, print: false, framable: false };
}

/// Answers with a page. `view` is called once, in the request's context.
pub async fn page<V>(
    service: &Service,
    request: &PageRequest,
    status: StatusCode,
    title: String,
    frame: Frame,
    view: impl Fn() -> V + Clone + Send + Sync + 'static,
) -> Response
where
    V: IntoView + 'static,
{
    let (context, operator) = (service.clone(), request.operator.clone());
    let (site, view_request) = (service.site.clone(), request.clone());
    let app = move || shell(&site, &view_request, &title, frame, view());
    let provide = move || {
        provide_context(context.clone());
        if let Some(operator) = operator.clone() {
            provide_context(operator);
        }
    };
    let render = leptos_axum::render_app_async_with_context(provide, app);
    let mut response = render(Request::new(Body::empty())).await;
    *response.status_mut() = status;
    if request.lang_chosen
        && let Ok(cookie) = HeaderValue::try_from(remember(&service.site, "lang", request.lang.short()))
    {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// A cookie that holds a preference for a year.
pub fn remember(site: &SiteSettings, name: &str, value: &str) -> String {
    // Inside another site's page it is kept for that site alone.
    let kept = match (site.is_https(), site.frame_ancestors.is_empty()) {
        (true, true) => "SameSite=Lax; Secure",
        (true, false) => "SameSite=None; Partitioned; Secure",
        (false, _) => "SameSite=Lax",
    };
    format!("{name}={value}; Path=/; Max-Age=31536000; HttpOnly; {kept}")
}

/// Who may show the page in a frame.
fn frame_ancestors(site: &SiteSettings, frame: Frame) -> Option<String> {
    (frame.framable && !site.frame_ancestors.is_empty()).then(|| site.frame_ancestors.join(" "))
}

/// The content security policy. WeChat's JSAPI bridge speaks through hidden frames with `weixin://` addresses, which only
/// payer pages need.
fn policy(payer: bool, framed_by: Option<&str>, nonce: &str) -> String {
    let bridge = if payer { "frame-src weixin:; " } else { "" };
    let framed_by = framed_by.unwrap_or("'none'");
    format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; \
         connect-src 'self'; {bridge}form-action 'self'; base-uri 'none'; frame-ancestors {framed_by}"
    )
}

fn shell<V: IntoView + 'static>(
    site: &Site,
    request: &PageRequest,
    title: &str,
    frame: Frame,
    body: V,
) -> impl IntoView + use<V> {
    let nonce = use_nonce().map(|nonce| nonce.to_string()).unwrap_or_default();
    let framed_by = frame_ancestors(site, frame);
    if let (Some(options), Ok(policy)) = (
        use_context::<ResponseOptions>(),
        HeaderValue::try_from(policy(frame.framable, framed_by.as_deref(), &nonce)),
    ) {
        options.insert_header(header::CONTENT_SECURITY_POLICY, policy);
        // WeChat's H5 page refuses a visit that does not name the site it comes from; the address may hold the order link's
        // token, so it gets the origin only.
        if frame.framable {
            options.insert_header(header::REFERRER_POLICY, HeaderValue::from_static("strict-origin"));
        }
        // For browsers that do not know `frame-ancestors`; there is no such header for single origins.
        if framed_by.is_none() {
            options.insert_header(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        }
    }
    let lang = request.lang;
    let title = escape(&format!("{title} · {}", site.name));
    let name = format!("/{}/{}", links::PKG, site.files.output_name);
    let (bundle, module) = (format!("{name}.js"), format!("{name}_bg.wasm"));
    let parent = request.parent.clone().filter(|_| frame.framable);
    view! {
        <!DOCTYPE html>
        <html lang=lang.code() data-theme=request.theme.map(Theme::name)>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover"/>
                <meta name="color-scheme" content="light dark"/>
                // As markup: Leptos ends children with a comment, which a title and a text field show.
                <title inner_html=title></title>
                <link rel="stylesheet" href=format!("/{}/{}", links::PKG, site.files.css)/>
                <link rel="icon" href=links::FAVICON type="image/svg+xml"/>
                {parent.map(|parent| view! { <meta name="saoma-parent" content=parent/><script src=links::FRAMED_SCRIPT defer></script> })}
                {(!frame.framable).then(|| view! { <script src=links::DESK_SCRIPT defer></script> })}
                {frame.refresh.then(|| view! { <noscript><meta http-equiv="refresh" content="5"/></noscript> })}
                {frame.print.then(|| view! { <script nonce=nonce.clone()>{PRINT}</script> })}
                {frame.live.then(|| view! {
                    <script nonce=nonce.clone()>{format!("{KEEP_EARLY_PRESS};saoma=fetch('{module}')")}</script>
                    <link rel="modulepreload" href=bundle.clone() nonce=nonce.clone()/>
                    <script type="module" nonce=nonce>{format!("import start from'{bundle}';start({{module_or_path:saoma}})")}</script>
                })}
            </head>
            <body>
                <a class="skip" href="#main">{lang.t(common::SKIP)}</a>
                {body}
            </body>
        </html>
    }
}

/// The ribbon of sandbox mode: no real money moves.
pub fn ribbon(site: &SiteSettings, request: &PageRequest) -> impl IntoView + use<> {
    let lang = request.lang;
    site.sandbox.then(|| view! {
        <p class="ribbon"><strong>{lang.t(sandbox::LABEL)}</strong><span>{lang.t(sandbox::TEXT)}</span></p>
    })
}

/// Switches between light and dark; the style sheet shows only the button of the other theme.
pub fn theme_tool(request: &PageRequest) -> impl IntoView + use<> {
    let lang = request.lang;
    let button = |theme: Theme, label| {
        view! {
            <button class="tool" type="submit" name="theme" value=theme.name() aria-label=lang.t(label)>
                <Icon d=icons::THEME/>
            </button>
        }
    };
    view! {
        <form class="theme" method="post" action=links::THEME>
            <input type="hidden" name="back" value=request.with(&[])/>
            {button(Theme::Dark, common::THEME_DARK)}
            {button(Theme::Light, common::THEME_LIGHT)}
        </form>
    }
}

/// The language and theme switches at the end of the bar, and `more` after them.
pub fn lang_and_theme<E>(request: &PageRequest, more: E) -> impl IntoView + use<E>
where
    E: IntoView + 'static,
{
    let (lang, other) = (request.lang, request.lang.other());
    view! {
        <span class="topbar-end">
            <a class="tool" href=request.with(&[("lang", other.short())]) lang=other.code()>{lang.t(common::LANG)}</a>
            {theme_tool(request)}
            {more}
        </span>
    }
}

fn sign_out(lang: Lang, action: &'static str) -> impl IntoView {
    view! {
        <form method="post" action=action>
            <button class="tool" type="submit">{lang.t(nav::SIGNOUT)}</button>
        </form>
    }
}

/// A payer's page.
pub fn payer<V>(
    site: &SiteSettings,
    request: &PageRequest,
    narrow: bool,
    content: V,
) -> impl IntoView + use<V>
where
    V: IntoView + 'static,
{
    match request.parent {
        Some(_) => embedded(site, request, narrow, content).into_any(),
        None => in_a_tab(site, request, narrow, content).into_any(),
    }
}

/// A page inside the site's own page, which has its own bar.
fn embedded<V>(site: &SiteSettings, request: &PageRequest, narrow: bool, content: V) -> impl IntoView + use<V>
where
    V: IntoView + 'static,
{
    view! {
        <header>{ribbon(site, request)}</header>
        <main id="main" class="page" data-width=narrow.then_some("narrow") data-embedded="">{announcement(site, request)}{content.into_any()}</main>
        <footer class="foot note row" data-embedded="">
            <span>{request.lang.t(site::POWERED)}</span>
            {lang_and_theme(request, ())}
        </footer>
    }
}

/// What the site says to payers, above the amounts.
fn announcement(site: &SiteSettings, request: &PageRequest) -> Option<impl IntoView + use<>> {
    let words = site.announcement.clone().filter(|_| request.path == links::HOME);
    words.map(|words| components::notice(None, words))
}

fn in_a_tab<V>(site: &SiteSettings, request: &PageRequest, narrow: bool, content: V) -> impl IntoView + use<V>
where
    V: IntoView + 'static,
{
    let lang = request.lang;
    let back = request.way_back(site).map(|page| {
        view! {
            <p class="back no-print">
                <a class="button" data-kind="plain" href=page>
                    <Icon d=icons::NEWER/>{lang.fill(payer::RETURN, &[("site", &site.name)])}
                </a>
            </p>
        }
    });
    let mark: String =
        site.name.chars().next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    view! {
        <header class="topbar">
            {ribbon(site, request)}
            <div class="topbar-in">
                <a class="brand" href=links::HOME><span class="brand-mark" aria-hidden="true">{mark}</span>{site.name.clone()}</a>
                {lang_and_theme(request, request.visit.is_some().then(|| sign_out(lang, links::PAYER_LOGOUT)))}
            </div>
        </header>
        <main id="main" class="page" data-width=narrow.then_some("narrow")>{back}{announcement(site, request)}{content.into_any()}</main>
        <footer class="foot note">{lang.t(site::POWERED)}</footer>
    }
}

/// The operator's page that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    Overview,
    Orders,
    Work,
    Exceptions,
    Reconciliations,
    Users,
    Codes,
    Keys,
    Webhooks,
    Second,
    Audit,
    People,
    Settings,
    /// The operator's own account, which the bar names at its end.
    Me,
}

/// An operator's page.
pub fn operator<V>(site: &SiteSettings, request: &PageRequest, tab: Tab, content: V) -> impl IntoView + use<V>
where
    V: IntoView + 'static,
{
    let lang = request.lang;
    let link = |of: Tab, href, label| {
        view! {
            <a href=href aria-current=(of == tab).then_some("page")>{lang.t(label)}</a>
        }
    };
    let other = lang.other();
    let book = book::address(site, lang, Place::Start).map(|href| {
        view! { <a class="tool" href=href target="_blank" rel="noreferrer">{lang.t(nav::BOOK)}</a> }
    });
    let is_owner = request.operator.as_ref().is_some_and(|operator| operator.may(Permission::Owner));
    let who = request.operator.as_ref().map(|operator| {
        let label = lang.fill(nav::ME, &[("name", &operator.name)]);
        view! {
            <a class="tool" href=links::ME aria-label=label aria-current=(tab == Tab::Me).then_some("page")>{operator.name.clone()}</a>
        }
    });
    view! {
        <header class="topbar" data-width="wide">
            {ribbon(site, request)}
            <div class="topbar-in">
                <a class="brand" href=links::ADMIN>
                    <span class="brand-mark" aria-hidden="true"><Icon d=icons::SCAN/></span>{site.name.clone()}
                </a>
                <nav class="nav" aria-label=lang.t(nav::LABEL)>
                    {link(Tab::Overview, links::ADMIN, nav::OVERVIEW)}
                    {link(Tab::Orders, links::ORDERS, nav::ORDERS)}
                    {link(Tab::Work, links::WORK, nav::WORK)}
                    {link(Tab::Exceptions, links::EXCEPTIONS, nav::EXCEPTIONS)}
                    {link(Tab::Reconciliations, links::RECONCILIATIONS, nav::BILLS)}
                    {link(Tab::Users, links::USERS, nav::USERS)}
                    {site.static_codes.then(|| link(Tab::Codes, links::CODES, nav::CODES))}
                    {site.second_person_from.map(|_| link(Tab::Second, links::SECOND, nav::SECOND))}
                    {link(Tab::Audit, links::AUDIT, nav::AUDIT)}
                    {is_owner.then(|| view! {
                        {link(Tab::Keys, links::KEYS, nav::KEYS)}
                        {link(Tab::Webhooks, links::WEBHOOKS, nav::WEBHOOKS)}
                        {link(Tab::People, links::OPERATORS, nav::PEOPLE)}
                        {link(Tab::Settings, links::SETTINGS, nav::SETTINGS)}
                    })}
                </nav>
                <div class="topbar-end">
                    {book}
                    <a class="tool" href=request.with(&[("lang", other.short())]) lang=other.code()>{lang.t(common::LANG)}</a>
                    {theme_tool(request)}
                    {who}
                    {sign_out(lang, links::LOGOUT)}
                </div>
            </div>
        </header>
        <main id="main" class="page" data-width="wide">
            {request.draft.is_some().then(|| components::notice(None, lang.t(nav::DRAFT)))}
            {content.into_any()}
        </main>
    }
}
