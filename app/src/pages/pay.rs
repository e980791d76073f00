//! The payer's page of one order, for its user or the holder of its link, with the code rendered on the server. Without
//! script it refreshes itself; with script it polls.

mod actions;
mod presses;
pub mod refund_wish;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use leptos::prelude::*;
use recharge::{Order, OrderState};
use wxpay::UnixMillis;

use self::actions::actions;
pub use self::presses::{again, cancel, check, new_code};
use self::refund_wish::Wishes;
use super::refused::refused;
use crate::checkout::{credit_words, qr_markup};
use crate::components::{self, Clock, big_money, money};
use crate::icons::{self, Icon};
use crate::layout::{self, Frame};
use crate::props::{self, write_props};
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
    now: UnixMillis,
    /// Refunds that the owner asked for, or may ask for.
    wishes: Option<Wishes>,
    /// A press for a new code found the present one too young to be replaced: seconds until it can be.
    code_kept_s: Option<u32>,
}

impl Shown {
    /// Its time is over, and WeChat has not said yet whether it was paid.
    fn is_expired(&self) -> bool {
        self.order.is_offered() && self.now >= self.order.time_expire
    }

    /// Taken back by its payer, and not closed at WeChat yet.
    fn is_cancelled(&self) -> bool {
        self.view.cancelled
    }

    /// It can be paid, and its payer is shown how.
    fn is_payable(&self) -> bool {
        self.view.state == ViewState::Pending && !self.is_expired()
    }
}

/// Time after an order's end in which its page still asks, in milliseconds: a payment may come late.
const FOLLOWED_MS: i64 = 10 * 60 * 1000;

/// Whether the page asks for news.
fn is_followed(order: &Order, now: UnixMillis) -> bool {
    match &order.state {
        OrderState::Created | OrderState::Pending(_) => true,
        OrderState::Closed { closed_at } => now.minus(*closed_at) < FOLLOWED_MS,
        OrderState::Paid(_) => false,
    }
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
    let wishes = match is_owner {
        true => service.refund_wishes(&order).await,
        false => Ok(None),
    };
    let wishes = match wishes {
        Ok(wishes) => wishes.map(|(known, left)| Wishes { known, left }),
        Err(error) => return refused(&service, &request, &error).await,
    };
    let now = service.cashier.now();
    let refresh = is_followed(&order, now) && request.get("refresh") != Some("0");
    let frame = Frame { live: is_followed(&order, now), refresh, ..Frame::PAYER };
    let (site, view_request, lang) = (service.site.clone(), request.clone(), request.lang);
    let ways = ways::offered(&service.site, &request);
    let code_kept_s =
        service.cashier.new_code_wait_s(&order).filter(|_| is_owner && request.get("code") == Some(KEPT));
    let shown = Shown { order, view, is_owner, ways, refresh, returned, now, wishes, code_kept_s };
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
        version: view.version,
        cancelled: view.cancelled,
        expires_in_s: if order.is_offered() { view.expires_in_s } else { 0 },
        poll_for_s: view.poll_for_s,
    };
    let follow = is_followed(order, shown.now).then(|| write_props(props::FOLLOWED, &followed));
    let stop = shown.refresh.then(|| {
        let stop = request.with(&[("refresh", "0")]);
        view! {
            <noscript>
                <p class="part note">{lang.t(pay::REFRESH_NOTE)}" · "<a href=stop>{lang.t(pay::REFRESH_STOP)}</a></p>
            </noscript>
        }
    });
    view! {
        <div class="card" data-state=state_name(shown) data-order=view.out_trade_no.clone() data-fee=view.total_fee.to_string()>
            <div class="hero">
                <h1 class="label">{lang.t(title(order, view))}</h1>
                <p>{big_money(order.total_fee, "l")}</p>
                {(!ended && order.raises_balance()).then(|| view! { <p class="note">{credit}</p> })}
                {stage(lang, shown)}
                <div class="stack" role="status">{words(lang, request, shown)}</div>
            </div>
            {steps(lang, request, shown)}
            {facts(lang, shown)}
            {shown.wishes.as_ref().and_then(|wishes| refund_wish::section(lang, request, &order.out_trade_no, wishes))}
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
fn stage(lang: Lang, shown: &Shown) -> impl IntoView + use<> {
    let (view, returned) = (&shown.view, shown.returned);
    if let (true, Some(code_url)) = (shown.is_payable(), &view.code_url) {
        let label = lang.fill(dialog::QR_LABEL, &[("amount", &crate::money::money(view.total_fee))]);
        return view! { <div inner_html=qr_markup(code_url, &label)></div> }.into_any();
    }
    let (icon, tone) = match view.state {
        _ if returned.is_any() => (icons::BACK_MONEY, None),
        ViewState::Pending if shown.is_expired() => (icons::CLOCK, None),
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
        ViewState::Created | ViewState::Pending if shown.is_expired() => {
            (dialog::EXPIRED_TITLE, Some(dialog::EXPIRED_TEXT))
        }
        ViewState::Pending if is_back(request) => (pay::BACK_TITLE, Some(pay::BACK_TEXT)),
        ViewState::Pending => {
            let kept = shown.code_kept_s.map(|wait_s| {
                components::notice(None, lang.fill(pay::CODE_KEPT, &[("n", &wait_s.to_string())]))
            });
            let checked = (request.get("checked") == Some("1")).then(|| {
                let at = components::time_text(shown.now, Clock::TimeOnly);
                components::notice(None, lang.fill(pay::CHECKED, &[("time", &at)]))
            });
            return view! { {components::payer_pill(lang, order, shown.returned, shown.now)}{kept}{checked} }
                .into_any();
        }
        _ if shown.returned.is_any() => returned_words(shown.view.state, shown.returned),
        ViewState::Created => (dialog::BUSY_TITLE, Some(dialog::BUSY_TEXT)),
        ViewState::Paid | ViewState::Late if !order.raises_balance() => {
            (pay::SOLD_TITLE, Some(pay::SOLD_TEXT))
        }
        ViewState::Paid => (dialog::PAID_TITLE, None),
        ViewState::Late => (dialog::LATE_TITLE, Some(dialog::LATE_TEXT)),
        ViewState::LateRefunded => (dialog::LATE_REFUNDED_TITLE, Some(dialog::LATE_REFUNDED_TEXT)),
        ViewState::Closed if shown.is_cancelled() => (dialog::CANCELLED_TITLE, Some(dialog::CANCELLED_TEXT)),
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
    let has_code = shown.is_payable() && view.code_url.is_some();
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
            OrderState::Paid(paid) => Some(view! {
                <dt>{lang.t(order_text::PAID_AT)}</dt><dd>{components::time(paid.paid_at, Clock::Full)}</dd>
            }),
            _ => None,
        };
        view! {
            <section class="part" aria-labelledby="det-t">
                <h2 class="unseen" id="det-t">{lang.t(pay::DETAILS)}</h2>
                <dl class="facts">
                    <dt>{lang.t(crate::text::receipt::USER)}</dt><dd>{order.user.shown_name().to_owned()}</dd>
                    <dt>{lang.t(dialog::ORDER)}</dt><dd><span class="mono">{order.out_trade_no.to_string()}</span></dd>
                    <dt>{lang.t(dialog::PLACED)}</dt><dd>{components::time(order.created_at, Clock::Full)}</dd>
                    {until}
                    {paid}
                </dl>
            </section>
        }
    })
}

/// The same names as the dialog's `data-state`.
fn state_name(shown: &Shown) -> &'static str {
    match shown.view.state {
        _ if shown.is_expired() => "expired",
        _ if shown.is_cancelled() => "cancelled",
        ViewState::Created => "busy",
        ViewState::Pending => "waiting",
        ViewState::Paid => "paid",
        ViewState::Late => "late",
        ViewState::LateRefunded => "refunded",
        ViewState::Closed => "closed",
    }
}
