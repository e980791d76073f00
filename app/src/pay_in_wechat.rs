//! The order page's button inside WeChat: opens WeChat's payment window for the order of the page.

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api;
use crate::bridge::{self, Answer};
use crate::follow;
use crate::island_props::read_props;
use crate::protocol::Followed;
use crate::text::{Text, dialog};

/// The button, and what became of the last press. The page itself follows the order, because only WeChat's notice or a query
/// says that it was paid.
#[island]
pub fn PayInWechat() -> impl IntoView {
    let followed: Option<Followed> = read_props(follow::PROPS_ID);
    followed.map(|Followed { lang, out_trade_no, .. }| {
        let number = StoredValue::new(out_trade_no);
        let busy = RwSignal::new(false);
        let words: RwSignal<Option<Text>> = RwSignal::new(None);
        let press = move |_| {
            busy.set(true);
            spawn_local(async move {
                let answered = open(number.get_value()).await;
                words.set(Some(answered));
                busy.set(false);
            });
        };
        view! {
            <button
                class="button" data-kind="pay" type="button" disabled=move || busy.get()
                aria-busy=move || busy.get().then_some("true") on:click=press
            >{lang.t(dialog::SHEET_OPEN)}</button>
            <p class="label" role="status">{move || words.get().map(|words| lang.t(words))}</p>
        }
    })
}

/// Opens the window and says what became of it; after a claimed payment WeChat is asked at once.
async fn open(number: String) -> Text {
    let call = match api::pay_in_wechat(number.clone()).await {
        Ok(view) => view.jsapi,
        Err(_) => return dialog::BUSY_CODE_TEXT,
    };
    let Some(call) = call else { return dialog::SHEET_FAILED_TEXT };
    match bridge::pay(&call).await {
        Answer::Ok => {
            // The page polls: without this answer it only takes a little longer.
            let _ = api::check_again(number).await;
            dialog::CONFIRMING_TEXT
        }
        Answer::Cancel => dialog::SHEET_CLOSED_TEXT,
        Answer::Fail => dialog::SHEET_FAILED_TEXT,
    }
}
