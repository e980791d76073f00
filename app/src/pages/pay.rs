//! The payer's page of one order, for its user or the holder of its link, with the code rendered on the server. Without
//! script it refreshes itself; with script an island polls.

mod presses;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use leptos::prelude::*;
use recharge::Order;

pub use self::presses::{again, check, new_code};
use super::refused::refused;
use crate::checkout::{credit_words, other_way, qr_markup};
use crate::components::{self, Clock, big_money, money};
use crate::follow::{self, Follow};
use crate::icons::{self, Icon};
use crate::island_props::write_props;
use crate::layout::{self, Frame};
use crate::links;
use crate::pay_in_wechat::PayInWechat;
use crate::protocol::Followed;
use crate::protocol::error::{AppError, ErrorCode};
use crate::protocol::offer::Device;
use crate::protocol::way::Way;
use crate::protocol::{StatusView, ViewState};
use crate::refund_summary::RefundSummary;
use crate::request::PageRequest;
use crate::service::{self, Service, ways};
use crate::text::{Lang, Text, dialog, order as order_text, pay};

/// What the page shows.
#[derive(Debug, Clone)]
struct Shown {
    order: Order,
    view: StatusView,
    /// The viewer is the order's user, not only the holder of its link.
    is_owner: bool,
    /// The ways to pay that this viewer can choose from.
    ways: Vec<Way>,
    /// The page refreshes itself where there is no script.
    refresh: bool,
    returned: RefundSummary,
    /// A press for a new code found the present one too young to be replaced: seconds until it can be.
    code_kept_s: Option<u32>,
}

/// The value of `?code=` after a press for a new code that left the present one.
const KEPT: &str = "kept";

pub async fn show(
    State(service): State<Service>,
    Path(number): Path<String>,
    request: PageRequest,
) -> Response {
    if let Some(oauth) = ways::oauth_first(&service.site, &request) {
        return Redirect::to(&oauth).into_response();
    }
    let viewer = request.viewer();
    let (order, view) = match service.order_for(&viewer, &number).await {
        Ok(found) => found,
        Err(error) => return refused(&service, &request, &hide(error, &request)).await,
    };
    let returned = match service.refund_summary(&order).await {
        Ok(returned) => returned,
        Err(error) => return refused(&service, &request, &error).await,
    };
    let is_owner = service::is_owner(&viewer, &order);
    let refresh = order.is_offered() && request.get("refresh") != Some("0");
    let frame = Frame { live: order.is_offered(), refresh, ..Frame::PAYER };
    let (site, view_request, lang) = (service.site.clone(), request.clone(), request.lang);
    let ways = ways::offered(&service.site, &request);
    let code_kept_s =
        service.cashier.new_code_wait_s(&order).filter(|_| is_owner && request.get("code") == Some(KEPT));
    let shown = Shown { order, view, is_owner, ways, refresh, returned, code_kept_s };
    let title = lang.t(pay::TITLE).to_owned();
    layout::page(&service, &request, StatusCode::OK, title, frame, move || {
        layout::payer(&site, &view_request, true, card(lang, &view_request, &shown))
    })
    .await
}

/// A viewer without session and link gets "sign in first" for any number, so that the answer does not tell which exist.
fn hide(error: AppError, request: &PageRequest) -> AppError {
    let stranger = request.user.is_none() && request.get("t").is_none();
    if stranger { AppError::new(ErrorCode::Session, "sign in first") } else { error }
}

fn card(lang: Lang, request: &PageRequest, shown: &Shown) -> impl IntoView + use<> {
    let (order, view) = (&shown.order, &shown.view);
    // An order that ended without a credit does not state what it would have credited.
    let ended = matches!(view.state, ViewState::Closed | ViewState::LateRefunded) || shown.returned.is_whole;
    let credited = matches!(view.state, ViewState::Paid | ViewState::Late);
    let credit = credit_words(lang, view.total_fee, view.bonus, credited);
    let followed = Followed {
        lang,
        out_trade_no: view.out_trade_no.clone(),
        token: request.get("t").map(str::to_owned),
        state: view.state,
        code_version: view.code_version,
        poll_for_s: view.poll_for_s,
    };
    let follow = order.is_offered().then(|| {
        provide_context(followed.clone());
        view! { {write_props(follow::PROPS_ID, &followed)}<Follow/> }
    });
    let stop = shown.refresh.then(|| {
        let stop = request.with(&[("refresh", "0")]);
        view! {
            <noscript>
                <p class="part note">{lang.t(pay::REFRESH_NOTE)}" · "<a href=stop>{lang.t(pay::REFRESH_STOP)}</a></p>
            </noscript>
        }
    });
    view! {
        <div class="card" data-state=state_name(view.state) data-order=view.out_trade_no.clone() data-fee=view.total_fee.to_string()>
            <div class="hero">
                <h1 class="label">{lang.t(title(order, view))}</h1>
                <p>{big_money(order.total_fee, "l")}</p>
                {(!ended && order.raises_balance()).then(|| view! { <p class="note">{credit}</p> })}
                {stage(lang, view, shown.returned)}
                <div class="stack" role="status">{words(lang, request, shown)}</div>
            </div>
            {steps(lang, request, shown)}
            {facts(lang, shown)}
            {stop}
            {actions(lang, request, shown)}
            {follow}
        </div>
    }
}

/// What can be done here: scan, pay, or look.
fn title(order: &Order, view: &StatusView) -> Text {
    match view.way {
        _ if !order.is_offered() => pay::DETAILS,
        Way::Native => pay::TITLE,
        Way::Jsapi | Way::Mweb => dialog::TITLE,
    }
}

/// The code, or an icon of the state in its place.
fn stage(lang: Lang, view: &StatusView, returned: RefundSummary) -> impl IntoView + use<> {
    if let (ViewState::Pending, Some(code_url)) = (view.state, &view.code_url) {
        let label = lang.fill(dialog::QR_LABEL, &[("amount", &crate::money::money(view.total_fee))]);
        return view! { <div inner_html=qr_markup(code_url, &label)></div> }.into_any();
    }
    let (icon, tone) = match view.state {
        _ if returned.is_any() => (icons::BACK_MONEY, None),
        ViewState::Pending if view.way != Way::Native => (icons::PHONE, None),
        ViewState::Created | ViewState::Pending => (icons::CLOCK, None),
        ViewState::Paid | ViewState::Late => (icons::CHECK, Some("paid")),
        ViewState::LateRefunded => (icons::BACK_MONEY, None),
        ViewState::Closed => (icons::SCAN, None),
    };
    view! { <span class="badge hero-badge" data-tone=tone aria-hidden="true"><Icon d=icon/></span> }
        .into_any()
}

fn words(lang: Lang, request: &PageRequest, shown: &Shown) -> impl IntoView + use<> {
    let order = &shown.order;
    let amount = money(match shown.view.state {
        _ if shown.returned.is_any() => shown.returned.amount,
        ViewState::LateRefunded => order.total_fee,
        _ if !order.raises_balance() => order.total_fee,
        _ => order.credit().unwrap_or(order.total_fee),
    });
    let (title, text): (Text, Option<Text>) = match shown.view.state {
        ViewState::Pending if is_back(request) => (pay::BACK_TITLE, Some(pay::BACK_TEXT)),
        ViewState::Pending => {
            let kept = shown.code_kept_s.map(|wait_s| {
                components::notice(None, lang.fill(pay::CODE_KEPT, &[("n", &wait_s.to_string())]))
            });
            return view! { {components::payer_pill(lang, order, shown.returned)}{kept} }.into_any();
        }
        _ if shown.returned.is_any() => returned_words(shown.view.state, shown.returned),
        ViewState::Created => (dialog::BUSY_TITLE, Some(dialog::BUSY_TEXT)),
        ViewState::Paid | ViewState::Late if !order.raises_balance() => {
            (pay::SOLD_TITLE, Some(pay::SOLD_TEXT))
        }
        ViewState::Paid => (dialog::PAID_TITLE, None),
        ViewState::Late => (dialog::LATE_TITLE, Some(dialog::LATE_TEXT)),
        ViewState::LateRefunded => (dialog::LATE_REFUNDED_TITLE, Some(dialog::LATE_REFUNDED_TEXT)),
        ViewState::Closed if shown.view.way != Way::Native => (dialog::ENDED_TITLE, Some(dialog::ENDED_TEXT)),
        ViewState::Closed => (dialog::CLOSED_TITLE, Some(dialog::CLOSED_TEXT)),
    };
    let text = text.map(|text| view! { <p class="label">{lang.fill(text, &[("amount", &amount)])}</p> });
    let balance = shown.view.balance.filter(|_| shown.is_owner && shown.view.state != ViewState::Closed).map(
        |balance| {
            view! {
                <p class="note">{lang.t(dialog::BALANCE)}" "{crate::money::money(balance)}</p>
            }
        },
    );
    view! { <h2>{lang.fill(title, &[("amount", &amount)])}</h2>{text}{balance} }.into_any()
}

/// The payer comes back from WeChat's H5 page, which says nothing of the payment.
fn is_back(request: &PageRequest) -> bool {
    request.get("back") == Some("1")
}

/// Title and text about refunds, done or under way.
fn returned_words(state: ViewState, returned: RefundSummary) -> (Text, Option<Text>) {
    let title = match (state, returned.is_under_way(), returned.is_whole) {
        (ViewState::LateRefunded, ..) => dialog::LATE_REFUNDED_TITLE,
        (_, true, _) => pay::REFUNDING_TITLE,
        (_, _, true) => dialog::REFUNDED_TITLE,
        _ => dialog::PART_REFUNDED_TITLE,
    };
    (title, Some(if returned.is_under_way() { dialog::REFUNDED_TEXT } else { pay::REFUNDED_TEXT }))
}

fn steps(lang: Lang, request: &PageRequest, shown: &Shown) -> impl IntoView + use<> {
    let view = &shown.view;
    let then = if shown.order.raises_balance() { pay::STEP_3 } else { pay::SOLD_STEP_3 };
    let own_screen = match request.device {
        Device::Computer => None,
        Device::Phone | Device::WebView => Some(dialog::PHONE_TEXT),
        Device::Wechat => Some(dialog::WECHAT_TEXT),
    };
    let link = view.link.clone().map(|link| view! { <span class="mono order-link">{link}</span> });
    let own_screen = own_screen.map(|text| components::notice(None, view! { {lang.t(text)}{link} }));
    let has_code = view.state == ViewState::Pending && view.code_url.is_some();
    has_code.then(|| match own_screen {
        Some(notice) => notice.into_any(),
        None => view! {
            <ol class="steps">
                <li>{lang.t(pay::STEP_1)}</li>
                <li>{lang.t(pay::STEP_2)}</li>
                <li>{lang.t(then)}</li>
            </ol>
        }
        .into_any(),
    })
}

/// The holder of a link sees code, amount and state, nothing else.
fn facts(lang: Lang, shown: &Shown) -> impl IntoView + use<> {
    let order = &shown.order;
    shown.is_owner.then(|| {
        let until = order.is_offered().then(|| view! {
            <dt>{lang.t(dialog::EXPIRES)}</dt><dd>{components::time(order.time_expire, Clock::TimeOnly)}</dd>
        });
        let paid = match &order.state {
            recharge::OrderState::Paid(paid) => Some(view! {
                <dt>{lang.t(order_text::PAID_AT)}</dt><dd>{components::time(paid.paid_at, Clock::Full)}</dd>
            }),
            _ => None,
        };
        view! {
            <section class="part" aria-labelledby="det-t">
                <h2 class="unseen" id="det-t">{lang.t(pay::DETAILS)}</h2>
                <dl class="facts">
                    <dt>{lang.t(crate::text::receipt::USER)}</dt><dd>{order.user.name.clone()}</dd>
                    <dt>{lang.t(dialog::ORDER)}</dt><dd><span class="mono">{order.out_trade_no.to_string()}</span></dd>
                    <dt>{lang.t(dialog::PLACED)}</dt><dd>{components::time(order.created_at, Clock::Full)}</dd>
                    {until}
                    {paid}
                </dl>
            </section>
        }
    })
}

fn actions(lang: Lang, request: &PageRequest, shown: &Shown) -> impl IntoView + use<> {
    let view = &shown.view;
    let scan = view.sandbox_scan.clone().map(|href| view! {
        <a class="button" href=href target="_blank" rel="noopener"><Icon d=icons::PHONE/>{lang.t(dialog::SANDBOX_SCAN)}</a>
    });
    let refresh = shown.order.is_offered().then(|| {
        view! {
            <a class="button" href=request.with(&[])><Icon d=icons::RENEW/>{lang.t(pay::REFRESH)}</a>
        }
    });
    let post = |action: String, kind: &'static str, way: Way, label: Text| {
        view! {
            <form class="actions" method="post" action=action>
                <input type="hidden" name="seen" value=view.code_version.to_string()/>
                <input type="hidden" name="way" value=way.name()/>
                <button class="button" data-kind=kind type="submit">{lang.t(label)}</button>
            </form>
        }
        .into_any()
    };
    let may_pay = shown.is_owner && view.state == ViewState::Pending;
    let pay = may_pay.then(|| ways_on(lang, request, view, &post));
    // The dialog offers these two after polling has ended; this page has no such moment and shows them always.
    let unsure = may_pay.then(|| {
        let label = if is_back(request) { pay::BACK_DONE } else { dialog::UNCONFIRMED_CHECK };
        let new_code = (view.way == Way::Native)
            .then(|| post(links::pay_code(&view.out_trade_no), "", view.way, dialog::UNCONFIRMED_NEW));
        view! { {post(links::pay_check(&view.out_trade_no), "", view.way, label)}{new_code} }
    });
    let again = (shown.is_owner && matches!(view.state, ViewState::Closed | ViewState::Created)).then(|| {
        let label = match view.state {
            ViewState::Closed if view.way == Way::Native => dialog::CLOSED_NEW,
            ViewState::Closed => dialog::ENDED_NEW,
            _ => crate::text::error::RETRY,
        };
        post(links::pay_again(&view.out_trade_no), "solid", view.way, label)
    });
    let others = (may_pay && !is_back(request)).then(|| {
        let others = shown.ways.iter().filter(|way| **way != view.way);
        let forms =
            others.map(|way| post(links::pay_again(&view.out_trade_no), "plain", *way, other_way(*way)));
        forms.collect::<Vec<_>>()
    });
    let receipt = matches!(view.state, ViewState::Paid | ViewState::Late).then(|| view! {
        <a class="button" data-kind="solid" href=links::receipt(&view.out_trade_no)>{lang.t(dialog::PAID_RECEIPT)}</a>
    });
    let receipt = receipt.filter(|_| shown.is_owner);
    let back = shown.is_owner.then(|| {
        view! {
            <a class="button" data-kind="plain" href=links::HOME>{lang.t(pay::BACK)}</a>
        }
    });
    let has_paid = matches!(view.state, ViewState::Paid | ViewState::Late);
    let site = shown.order.by_key.as_ref().and_then(|by_key| by_key.return_url.clone()).map(|page| {
        let kind = if has_paid { "solid" } else { "plain" };
        view! { <a class="button" data-kind=kind href=page>{lang.t(dialog::PAID_BACK)}</a> }
    });
    view! { <div class="actions part">{receipt}{again}{pay}{scan}{refresh}{unsure}{others}{site}{back}</div> }
}

/// What opens the payment where no code is scanned: the link to WeChat's page, or the button for WeChat's payment window.
fn ways_on(
    lang: Lang,
    request: &PageRequest,
    view: &StatusView,
    post: &impl Fn(String, &'static str, Way, Text) -> AnyView,
) -> Option<AnyView> {
    let again = || post(links::pay_again(&view.out_trade_no), "pay", view.way, dialog::LEAVING_OPEN);
    match (view.way, &view.pay_page) {
        (Way::Native, _) => None,
        (Way::Mweb, Some(page)) => {
            let page = page.clone();
            Some(view! {
                <a class="button" data-kind="pay" href=page><Icon d=icons::PHONE/>{lang.t(dialog::LEAVING_OPEN)}</a>
            }
            .into_any())
        }
        (Way::Mweb, None) => Some(again()),
        (Way::Jsapi, _) => request.openid.is_some().then(|| view! { <PayInWechat/> }.into_any()),
    }
}

/// The same names as the dialog's `data-state`.
fn state_name(state: ViewState) -> &'static str {
    match state {
        ViewState::Created => "busy",
        ViewState::Pending => "waiting",
        ViewState::Paid => "paid",
        ViewState::Late => "late",
        ViewState::LateRefunded => "refunded",
        ViewState::Closed => "closed",
    }
}
