//! A rehearsal of the payment dialog while the page is idle. Chromium compiles each function of the module, and loads the shapes of each
//! letter, when they are first needed; without a rehearsal the payer's first press would wait for that.
//!
//! A copy of the dialog takes a sample answer of the server from its text to its layout. It enters the document and leaves it within
//! one task, so that no frame, no event and no assistive technology ever sees it, and the page's own dialog is not touched.

use js_sys::Promise;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{HtmlDialogElement, IdleRequestOptions, Response};

use super::calls;
use super::clock::now;
use super::dialog::Dialog;
use super::dom::{document, mark, window};
use crate::checkout::model::Model;
use crate::protocol::StatusView;
use crate::protocol::offer::Offer;

/// What the server answers to a placed order, with every field.
const ANSWER: &str = r#"{"out_trade_no":"SM20261203140500AAAAAAAA","state":"pending","total_fee":100,"bonus":0,"way":"native","code_url":"weixin://wxpay/bizpayurl?pr=AAAAAAAAA","pay_page":null,"jsapi":null,"code_version":1,"version":2,"cancelled":false,"expires_in_s":300,"poll_for_s":180,"next_ms":1000,"link":"https://localhost/pay/SM20261203140500AAAAAAAA?t=AAAAAAAAAAAAAAAAAAAAAA","sandbox_scan":null,"balance":null,"placed":"14:05:00","now":"14:05:00"}"#;

/// Milliseconds after which it is rehearsed on a page that is never idle.
const AT_THE_LATEST_MS: u32 = 1_000;

/// Milliseconds until the page counts as idle where the browser does not say so, as Safari.
const IDLE_AFTER_MS: i32 = 300;

/// Rehearses once, when the page is idle. Does nothing if the payer was faster.
pub fn begin(offer: &'static Offer, dialog: &'static Dialog) {
    spawn_local(async {
        idle().await;
        let Ok(response) = Response::new_with_opt_str(Some(ANSWER)) else { return };
        let answer = calls::read::<StatusView>(response).await;
        let Ok(view) = answer else { return };
        if !dialog.element.open() {
            // What cannot be drawn here is drawn at the press.
            let _ = draw(offer, dialog, view);
        }
    });
}

async fn idle() {
    let idle = Promise::new(&mut |resolve, _| {
        let (window, options) = (window(), IdleRequestOptions::new());
        options.set_timeout(AT_THE_LATEST_MS);
        if window.request_idle_callback_with_options(&resolve, &options).is_err() {
            // Fails only for what cannot be called.
            let _ = window.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, IDLE_AFTER_MS);
        }
    });
    // It never fails.
    let _ = JsFuture::from(idle).await;
}

/// Draws a copy as it is while the order is placed, and then with its code.
fn draw(offer: &Offer, dialog: &Dialog, view: StatusView) -> Option<()> {
    let copy: HtmlDialogElement = dialog.element.clone_node_with_deep(true).ok()?.dyn_into().ok()?;
    mark(&copy, "inert", true);
    mark(&copy, "open", true);
    let copy = Dialog::of(copy)?;
    document().body()?.append_child(&copy.element).ok()?;
    let mut model = Model::new(offer);
    // Its commands are not carried out: nothing is sent.
    let _ = model.pressed(now(), offer.min, view.total_fee, view.bonus);
    copy.show(&model, offer.lang);
    lay_out(&copy);
    let _ = model.placed(now(), Ok(view));
    copy.show(&model, offer.lang);
    lay_out(&copy);
    copy.element.remove();
    Some(())
}

/// Has the browser compute style and layout now: it needs both to answer.
fn lay_out(copy: &Dialog) {
    let _ = copy.element.client_height();
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_an_answer_of_the_server_with_every_field() {
        let view: StatusView = serde_json::from_str(ANSWER).expect("an answer");
        assert_eq!(serde_json::to_string(&view).expect("JSON"), ANSWER);
    }

    #[test]
    fn the_sample_shows_a_code() {
        let view: StatusView = serde_json::from_str(ANSWER).expect("an answer");
        assert!(crate::qr_code::draw(&view.code_url.expect("a code")).is_some());
    }
}
