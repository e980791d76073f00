//! The buttons and links below an order.

use leptos::prelude::*;

use super::{Shown, is_back, is_followed};
use crate::checkout::other_way;
use crate::icons::{self, Icon};
use crate::links;
use crate::props::{PAY_HERE, PAY_SAID};
use crate::protocol::way::Way;
use crate::protocol::{StatusView, ViewState};
use crate::request::PageRequest;
use crate::text::{Lang, Text, dialog, pay};

pub(super) fn actions(lang: Lang, request: &PageRequest, shown: &Shown) -> impl IntoView + use<> {
    let view = &shown.view;
    let scan = view.sandbox_scan.clone().filter(|_| shown.is_payable()).map(|href| view! {
        <a class="button" href=href target="_blank" rel="noopener"><Icon d=icons::PHONE/>{lang.t(dialog::SANDBOX_SCAN)}</a>
    });
    let refresh = is_followed(&shown.order, shown.now).then(|| {
        view! {
            <a class="button unscripted" href=request.with(&[])><Icon d=icons::RENEW/>{lang.t(pay::REFRESH)}</a>
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
    let may_pay = shown.is_owner && shown.is_payable();
    let pay = may_pay.then(|| ways_on(lang, request, view, &post));
    // The dialog offers these two after polling has ended; this page has no such moment and shows them always.
    let unsure = may_pay.then(|| {
        let label = if is_back(request) { pay::BACK_DONE } else { dialog::UNCONFIRMED_CHECK };
        let new_code = (view.way == Way::Native)
            .then(|| post(links::pay_code(&view.out_trade_no), "", view.way, dialog::UNCONFIRMED_NEW));
        view! { {post(links::pay_check(&view.out_trade_no), "", view.way, label)}{new_code} }
    });
    let check = (shown.is_owner && (shown.is_expired() || shown.is_cancelled()))
        .then(|| post(links::pay_check(&view.out_trade_no), "", view.way, dialog::UNCONFIRMED_CHECK));
    let cancel = (shown.is_owner && shown.order.is_offered() && !shown.is_expired())
        .then(|| post(links::pay_cancel(&view.out_trade_no), "plain", view.way, dialog::CANCEL));
    let again = (shown.is_owner
        && !shown.is_expired()
        && matches!(view.state, ViewState::Closed | ViewState::Created))
    .then(|| {
        let label = match view.state {
            ViewState::Closed if view.way == Way::Native && !shown.is_cancelled() => dialog::CLOSED_NEW,
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
    let receipt = matches!(view.state, ViewState::Paid | ViewState::Late).then(|| {
        view! {
            <a class="button" href=links::receipt(&view.out_trade_no)>{lang.t(dialog::PAID_RECEIPT)}</a>
        }
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
    view! { <div class="actions part">{receipt}{again}{pay}{scan}{refresh}{unsure}{check}{others}{cancel}{site}{back}</div> }
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
        (Way::Jsapi, _) => request.openid.is_some().then(|| {
            view! {
                <button class="button" data-kind="pay" type="button" id=PAY_HERE>{request.lang.t(dialog::SHEET_OPEN)}</button>
                <p class="label" role="status" id=PAY_SAID></p>
            }
            .into_any()
        }),
    }
}
