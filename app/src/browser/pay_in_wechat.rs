//! The order page's button inside WeChat: opens WeChat's payment window for the order of the page.

use wasm_bindgen_futures::spawn_local;
use web_sys::Element;

use super::dom::{find, listen, mark, set_attribute};
use super::messages::read_props;
use super::{calls, sheet};
use crate::bridge::Answer;
use crate::props::{FOLLOWED, PAY_HERE, PAY_SAID};
use crate::protocol::Followed;
use crate::text::{Text, dialog};

/// Takes up the button if the page has one. The page itself follows the order, because only WeChat's notice or a query says
/// that it was paid.
pub fn start() {
    let found =
        (read_props::<Followed>(FOLLOWED), find(&format!("#{PAY_HERE}")), find(&format!("#{PAY_SAID}")));
    let (Some(followed), Some(button), Some(said)) = found else { return };
    let (followed, button, said): (&'static Followed, &'static Element, &'static Element) =
        (Box::leak(Box::new(followed)), Box::leak(Box::new(button)), Box::leak(Box::new(said)));
    listen(button, "click", move |_| {
        let busy = move |on: bool| {
            mark(button, "disabled", on);
            set_attribute(button, "aria-busy", on.then_some("true"));
        };
        busy(true);
        spawn_local(async move {
            let words = open(&followed.out_trade_no).await;
            said.set_text_content(Some(followed.lang.t(words)));
            busy(false);
        });
    });
}

/// Opens the window and says what became of it; after a claimed payment WeChat is asked at once.
async fn open(number: &str) -> Text {
    let call = match calls::pay_in_wechat(number).await {
        Ok(view) => view.jsapi,
        Err(_) => return dialog::BUSY_CODE_TEXT,
    };
    let Some(call) = call else { return dialog::SHEET_FAILED_TEXT };
    match sheet::pay(&call).await {
        Answer::Ok => {
            // The page polls: without this answer it only takes a little longer.
            let _ = calls::check_again(number).await;
            dialog::CONFIRMING_TEXT
        }
        Answer::Cancel => dialog::SHEET_CLOSED_TEXT,
        Answer::Fail => dialog::SHEET_FAILED_TEXT,
    }
}
