//! The sheet of a static code: one A6 page that is printed and put up.

use axum::extract::{Path, State};
use axum::response::Response;
use leptos::prelude::*;
use recharge::static_code::StaticCode;
use wxpay::{Fen, ProductId};

use super::extract::OperatorRequest;
use super::frame::{absent, failed, printed_page, way_back};
use crate::checkout::qr_markup;
use crate::components::{self, big_money, money};
use crate::layout::Tab;
use crate::links;
use crate::service::{Service, internal};
use crate::site::SiteSettings;
use crate::text::{Lang, codes as text};

pub async fn show(
    State(service): State<Service>,
    OperatorRequest { request, .. }: OperatorRequest,
    Path(number): Path<String>,
) -> Response {
    let Ok(number) = ProductId::parse(number) else { return absent(&service, &request).await };
    let code = match service.cashier.static_code(&number).await.map_err(internal) {
        Ok(Some(code)) => code,
        Ok(None) => return absent(&service, &request).await,
        Err(error) => return failed(&service, &request, Tab::Codes, &error).await,
    };
    let (lang, site) = (request.lang, service.site.clone());
    printed_page(&service, &request, Tab::Codes, lang.t(text::SHEET).to_owned(), move || {
        let stopped = code.stopped_at.map(|_| components::notice(Some("warn"), lang.t(text::STOPPED_NOTE)));
        let scan = site.scan_url(code.shown().as_str()).map(|href| view! {
            <a class="button" href=href target="_blank" rel="noopener">{lang.t(crate::text::dialog::SANDBOX_SCAN)}</a>
        });
        // A code that nobody may scan any more is not put up.
        let is_on = code.stopped_at.is_none();
        let print = is_on.then(|| view! {
            <button class="button scripted" data-kind="solid" type="button" data-print="">{lang.t(text::PRINT)}</button>
        });
        let hint = is_on.then(|| view! { <p class="note">{lang.t(text::PRINT_HINT)}</p> });
        view! {
            <div class="no-print">
                {way_back(lang.t(text::BACK), links::CODES.to_owned())}
                <div class="page-head">
                    <h1>{lang.t(text::SHEET)}</h1>
                    <div class="row">{scan}{print}</div>
                </div>
                {stopped}
                {hint}
            </div>
            {sheet(lang, &site, &code)}
        }
    })
    .await
}

/// What is printed: whom it tops up, the amount, the code, and what to do.
fn sheet(lang: Lang, site: &SiteSettings, code: &StaticCode) -> impl IntoView + use<> {
    let label = lang.fill(crate::text::dialog::QR_LABEL, &[("amount", &money(code.total_fee))]);
    let credit = code.total_fee.checked_add(code.bonus).filter(|_| code.bonus > Fen::ZERO).map(money);
    let bonus = credit.map(|credit| {
        lang.fill(crate::text::payer::BONUS, &[("credit", &credit), ("amount", &money(code.bonus))])
    });
    let words = match code.stopped_at {
        None => view! {
            <p><strong>{lang.t(text::SCAN)}</strong></p>
            <p class="note">{lang.t(text::SCAN_NOTE)}</p>
        }
        .into_any(),
        Some(_) => view! { <p><strong>{lang.t(text::STOPPED_SHEET)}</strong></p> }.into_any(),
    };
    view! {
        <article class="card sheet" data-width="narrow">
            <h2>{site.name.clone()}</h2>
            <p class="label">{lang.fill(crate::text::dialog::ACCOUNT, &[("user", code.user.shown_name())])}</p>
            <p>{big_money(code.total_fee, "l")}</p>
            {bonus.map(|bonus| view! { <p class="note">{bonus}</p> })}
            <div inner_html=qr_markup(code.shown().as_str(), &label)></div>
            {words}
            <p class="note mono">{code.product_id.to_string()}</p>
        </article>
    }
}
