//! The markup of the payment dialog; what it shows comes from the model, what is pressed goes to the handle.

use leptos::prelude::*;

use super::Handle;
use super::look::{Action, Corner, Does, Stage};
use super::model::Model;
use super::stage::money_markup;
use crate::icons::{self, Icon};
use crate::protocol::offer::Offer;
use crate::text::{common, dialog};

pub fn pay_dialog(handle: Handle, offer: &Offer) -> impl IntoView + use<> {
    let (lang, model) = (handle.lang, handle.model);
    let title =
        format!("{} · {}", lang.t(dialog::TITLE), lang.fill(dialog::ACCOUNT, &[("user", &offer.account)]));
    let credit = move || model.with(|model| model.credit(lang));
    let corner = move || model.with(Model::corner);
    let left = move || model.with(|model| model.left_s.to_string());
    let warning = move || match corner() {
        Corner::Warn(d) => d,
        _ => "",
    };
    view! {
        <dialog
            class="pay" id="pay" aria-labelledby="pay-t" node_ref=handle.dialog
            data-state=move || model.with(|model| model.phase().name())
            data-order=move || model.with(|model| model.order.as_ref().map(|order| order.out_trade_no.clone()))
            data-fee=move || model.with(|model| model.total_fee.to_string())
            on:close=move |_| handle.closed()
            on:pointermove=move |_| handle.touched()
            on:keydown=move |_| handle.touched()
        >
            <div
                class="pay-stage"
                data-tone=move || model.with(|model| (model.stage() == Stage::Credited).then_some("paid"))
                inner_html=move || model.with(|model| model.stage_markup(lang))
                on:click=move |event| handle.pressed_in_stage(&event)
            ></div>
            <header class="pay-head">
                <div class="pay-title">
                    <h2 class="label" id="pay-t">{title}</h2>
                    <button class="tool" type="button" aria-label=lang.t(common::CLOSE) on:click=move |_| handle.close()>
                        <Icon d=icons::CLOSE/>
                    </button>
                </div>
                <div>
                    <p inner_html=move || model.with(|model| money_markup(model.total_fee, "l"))></p>
                    <p class="note">{credit}</p>
                </div>
                <div
                    class="ring" role="timer" hidden=move || corner() != Corner::Ring
                    aria-label=move || lang.fill(dialog::SECONDS, &[("n", &left())])
                >
                    <svg viewBox="0 0 60 60" aria-hidden="true">
                        <circle cx="30" cy="30" r="27"></circle>
                        <circle
                            cx="30" cy="30" r="27"
                            pathLength=move || model.with(|model| model.whole_s.max(1).to_string())
                            stroke-dasharray=move || model.with(|model| format!("{} {}", model.left_s, model.whole_s.max(1)))
                        ></circle>
                    </svg>
                    <span aria-hidden="true">{left}<small>{lang.t(dialog::SECOND_UNIT)}</small></span>
                </div>
                <span class="badge" data-tone="warn" aria-hidden="true" hidden=move || warning().is_empty()>
                    <svg class="icon" viewBox="0 0 24 24"><path d=warning></path></svg>
                </span>
            </header>
            <div class="pay-body">
                <div role="status">
                    <h3 tabindex="-1">{move || model.with(|model| model.words(lang).0)}</h3>
                    <p class="label">{move || model.with(|model| model.words(lang).1)}</p>
                </div>
            </div>
            <footer class="pay-foot">
                {move || {
                    let (actions, checking) = model.with(|model| (model.actions(lang), model.is_checking()));
                    actions.into_iter().map(|action| foot_action(handle, action, checking)).collect::<Vec<_>>()
                }}
            </footer>
        </dialog>
    }
}

/// One button or link of the dialog's foot.
fn foot_action(handle: Handle, action: Action, checking: bool) -> impl IntoView {
    let Action { label, kind, icon, does } = action;
    let face = (!icon.is_empty()).then(|| view! { <Icon d=icon/> });
    match does {
        Does::Open(href, new_tab) => leptos::either::Either::Left(view! {
            <a
                class="button" data-kind=kind href=href
                target=new_tab.then_some("_blank") rel=new_tab.then_some("noopener")
            >{face}{label}</a>
        }),
        does => {
            let busy = checking && does == Does::Check;
            leptos::either::Either::Right(view! {
                <button
                    class="button" data-kind=kind type="button" disabled=busy aria-busy=busy.then_some("true")
                    on:click=move |_| handle.act(&does)
                >
                    {busy.then(|| view! { <span class="spin" aria-hidden="true"></span> })}
                    {face}{label}
                </button>
            })
        }
    }
}
