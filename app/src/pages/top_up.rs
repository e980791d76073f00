//! The top-up page: the balance, the amounts on offer, and the payer's own recharges.

use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use cashier::db::order_list::Page;
use leptos::prelude::*;
use serde::Deserialize;
use wxpay::Fen;

use super::refused::{refused, signed_out};
use crate::auth::{CurrentUser, OtherUser};
use crate::checkout::{ROOT_ID, pay_dialog};
use crate::components::{self, own_recharges};
use crate::icons::{self, Icon};
use crate::layout::{self, Frame};
use crate::links;
use crate::month::Month;
use crate::paging::order_cursor;
use crate::props::{self, write_props};
use crate::protocol::StatusView;
use crate::protocol::error::{AppError, ErrorCode};
use crate::protocol::offer::{Device, Offer, typed_number, whole_number};
use crate::protocol::way::Way;
use crate::request::PageRequest;
use crate::service::{Allowed, Service, ways};
use crate::site::SiteSettings;
use crate::text::{Text, dialog, error, pay, payer};
use crate::url::address;

mod form;

pub async fn show(State(service): State<Service>, request: PageRequest) -> Response {
    let Some(user) = request.user.clone() else {
        return signed_out(&service, &request).await;
    };
    if let Some(oauth) = ways::oauth_first(&service.site, &request) {
        return Redirect::to(&oauth).into_response();
    }
    match read(&service, &request, &user).await {
        Ok(read) => answer(&service, &request, &user, read).await,
        Err(error) => refused(&service, &request, &error).await,
    }
}

/// What the page shows of the payer.
struct Read {
    balance: Fen,
    page: Page,
    allowed: Allowed,
}

async fn read(service: &Service, request: &PageRequest, user: &CurrentUser) -> Result<Read, AppError> {
    Ok(Read {
        balance: service.balance(user).await?,
        page: service.own_recharges(user, month(request), order_cursor(request).cursor()).await?,
        allowed: service.allowed(user).await?,
    })
}

async fn answer(
    service: &Service,
    request: &PageRequest,
    user: &CurrentUser,
    Read { balance, page, allowed }: Read,
) -> Response {
    let (site, lang, view_request) = (service.site.clone(), request.lang, request.clone());
    let now = service.cashier.now();
    let (promotion, month) = (site.promotion(now).cloned(), month(request));
    let offer = Offer {
        lang,
        account: user.name.clone(),
        balance: site.keeps_balance.then(|| balance.get()),
        unit_price: site.unit_price.get(),
        min: site.min_quantity,
        max: site.max_quantity,
        presets: site.presets.clone(),
        unit: site.unit_name.clone(),
        percent: site.promotion(now).map_or(0, |promotion| promotion.percent),
        first_bonus: allowed.first_bonus.get(),
        left_today: allowed.left_today.map(Fen::get),
        device: request.device,
        ways: ways::offered(&site, request),
        proposed: proposed(&site, request),
        back: request.way_back(&site).filter(|_| request.parent.is_none()),
    };
    let is_embedded = request.parent.is_some();
    let failed = ways::oauth_failed(&site, request).then_some(payer::NO_OPENID);
    let problem = request.get("error").and_then(problem_text).or(failed);
    let frame = Frame { live: true, ..Frame::PAYER };
    layout::page(service, request, StatusCode::OK, lang.t(payer::TITLE).to_owned(), frame, move || {
        let is_full = problem == Some(dialog::TOOMANY_NOW);
        let problem = problem.map(|text| components::notice(Some("warn"), lang.t(text)));
        // Inside WeChat a code cannot be scanned from its own screen, which is better known before an order is made.
        let is_in_wechat = offer.device == Device::Wechat && offer.ways.first() == Some(&Way::Native);
        let advice = is_in_wechat.then(|| components::notice(None, lang.t(payer::IN_WECHAT)));
        let problem = (problem.is_some() || advice.is_some())
            .then(|| view! { <div class="stack before">{problem}{advice}</div> });
        // Inside the site's own page the list would only push the rest down.
        // Where too many orders are open, it is where one of them is cancelled.
        let rows = (!is_embedded || is_full)
            .then(|| view! { <div id="mine" tabindex="-1">{own_recharges::list(lang, page.clone(), month, now)}</div> });
        let (handed, head, form) =
            (write_props(props::OFFER, &offer), form::head(&offer), form::draw(&offer, promotion.as_ref()));
        let content = view! {
            {problem}
            {handed}
            <div id=ROOT_ID>
                {head}
                <div class="stack">
                    {form}
                    {rows}
                </div>
            </div>
            {pay_dialog(&offer)}
        };
        layout::payer(&site, &view_request, false, content)
    })
    .await
}

/// The month of `?month=`; `None`, all of them, if it cannot be read.
fn month(request: &PageRequest) -> Option<Month> {
    request.get("month").and_then(Month::parse)
}

/// The units that the payer's link proposes; none that do not cost whole units or are outside the limits.
fn proposed(site: &SiteSettings, request: &PageRequest) -> Option<u32> {
    site.quantity(request.visit.as_ref()?.amount?)
}

/// The words of `?error=`, with which a form without script comes back.
fn problem_text(code: &str) -> Option<Text> {
    Some(match code {
        "quantity" => error::QUANTITY,
        "too_many_open" => dialog::TOOMANY_NOW,
        "over_day" => error::OVER_DAY,
        "too_often" => error::TOO_OFTEN,
        "refused" => dialog::REFUSED_TEXT,
        "busy" => dialog::BUSY_NONE_TEXT,
        "internal" => error::INTERNAL_TEXT,
        _ => return None,
    })
}

/// Asks which account to use: a link for one was opened where another is signed in.
pub async fn switch(State(service): State<Service>, request: PageRequest) -> Response {
    match (request.user.clone(), request.other_user.clone()) {
        (Some(user), Some(other)) => ask_which_user(&service, &request, user, other).await,
        _ => Redirect::to(links::HOME).into_response(),
    }
}

async fn ask_which_user(
    service: &Service,
    request: &PageRequest,
    user: CurrentUser,
    other: OtherUser,
) -> Response {
    let (site, lang, view_request) = (service.site.clone(), request.lang, request.clone());
    layout::page(service, request, StatusCode::OK, lang.t(pay::SWITCH_TITLE).to_owned(), Frame::PAYER, move || {
        let names = [("user", user.name.as_str()), ("other", other.name.as_str())];
        let card = view! {
            <form class="card stack" method="post" action=links::SWITCH>
                <h1>{lang.t(pay::SWITCH_TITLE)}</h1>
                <p class="notice"><Icon d=icons::NOTE/><span>{lang.fill(pay::SWITCH_TEXT, &names)}</span></p>
                <div class="actions">
                    <button class="button" data-kind="solid" type="submit">{lang.fill(pay::SWITCH_YES, &names)}</button>
                    <button class="button" type="submit" name="answer" value="no">
                        {lang.fill(pay::SWITCH_NO, &names)}
                    </button>
                </div>
            </form>
        };
        layout::payer(&site, &view_request, true, card)
    })
    .await
}

/// The form as it is sent without script. An own amount takes precedence over a chosen one.
#[derive(Debug, Deserialize)]
pub struct OrderForm {
    #[serde(default)]
    quantity: String,
    #[serde(default)]
    own: String,
}

/// Places an order and redirects to its page, or back with an error code.
pub async fn order(
    State(service): State<Service>,
    request: PageRequest,
    Form(form): Form<OrderForm>,
) -> Response {
    let payer = match request.payer() {
        Ok(payer) => payer,
        Err(error) => return refused(&service, &request, &error).await,
    };
    let own = form.own.trim();
    let quantity = if own.is_empty() { whole_number(&form.quantity) } else { typed_number(own) };
    let quantity = quantity.unwrap_or(0);
    // WeChat's payment window needs a script.
    let mut ways = ways::offered(&service.site, &request).into_iter().filter(|way| *way != Way::Jsapi);
    to_order(service.place(&payer, quantity, ways.next().unwrap_or(Way::Native)).await)
}

/// Redirects to the order's page, or to the top-up page with an error code.
pub fn to_order(placed: Result<StatusView, AppError>) -> Response {
    let code = match placed {
        Ok(view) => return Redirect::to(&links::pay(&view.out_trade_no)).into_response(),
        Err(AppError { out_trade_no: Some(number), .. }) => {
            return Redirect::to(&links::pay(number)).into_response();
        }
        Err(error) => error.code,
    };
    let code = match code {
        ErrorCode::Quantity | ErrorCode::BadRequest => "quantity",
        ErrorCode::OverDay => "over_day",
        ErrorCode::TooManyOpen => "too_many_open",
        ErrorCode::TooOften => "too_often",
        ErrorCode::Refused => "refused",
        ErrorCode::Busy => "busy",
        _ => "internal",
    };
    Redirect::to(&address(links::HOME, [("error", code)])).into_response()
}
