//! The markup of the payment dialog before anything was pressed. The script finds its parts by id or class.

use leptos::prelude::*;

use super::model::Model;
use crate::icons::{self, Icon};
use crate::protocol::offer::Offer;
use crate::text::{common, dialog};

pub fn pay_dialog(offer: &Offer) -> impl IntoView + use<> {
    let lang = offer.lang;
    let model = Model::new(offer);
    let title =
        format!("{} · {}", lang.t(dialog::TITLE), lang.fill(dialog::ACCOUNT, &[("user", &offer.account)]));
    view! {
        <dialog class="pay" id="pay" aria-labelledby="pay-t" data-state=model.phase().name()>
            <div class="pay-stage" inner_html=model.stage_markup(lang)></div>
            <header class="pay-head">
                <div class="pay-title">
                    <h2 class="label" id="pay-t">{title}</h2>
                    <button class="tool" type="button" id="pay-close" aria-label=lang.t(common::CLOSE)>
                        <Icon d=icons::CLOSE/>
                    </button>
                </div>
                <div>
                    <p id="pay-sum"></p>
                    <p class="note" id="pay-credit"></p>
                </div>
                <div class="ring" id="pay-ring" role="timer" hidden=true>
                    <svg viewBox="0 0 60 60" aria-hidden="true">
                        <circle cx="30" cy="30" r="27"></circle>
                        <circle cx="30" cy="30" r="27"></circle>
                    </svg>
                    <span aria-hidden="true"></span>
                </div>
                <span class="badge" id="pay-warning" data-tone="warn" aria-hidden="true" hidden=true></span>
            </header>
            <div class="pay-body">
                <div role="status">
                    <h3 tabindex="-1"></h3>
                    <p class="label"></p>
                </div>
            </div>
            <footer class="pay-foot"></footer>
        </dialog>
    }
}
