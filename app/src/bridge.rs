//! The JSAPI bridge: WeChat's browser puts an object `WeixinJSBridge` into the page, whose `invoke` opens the payment window
//! over it and calls back when that has closed. Source: WeChat Pay, "JSAPI调起支付".

use gloo_timers::future::TimeoutFuture;
use leptos::prelude::window;
use leptos::web_sys::js_sys::{Function, Object, Promise, Reflect};
use leptos::web_sys::wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::protocol::way::JsapiCall;

/// What the payer or WeChat's browser did. None of them is proof of anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The payer entered the password; the payment may still be on its way.
    Ok,
    /// The payer closed the window.
    Cancel,
    /// The window did not open: wrong parameters, or no bridge.
    Fail,
}

impl Answer {
    /// Reads `err_msg`, such as `get_brand_wcpay_request:ok`; a failure may have a reason behind the word.
    fn read(err_msg: &str) -> Answer {
        match err_msg.split_once(':').map(|(_, word)| word) {
            Some("ok") => Answer::Ok,
            Some("cancel") => Answer::Cancel,
            _ => Answer::Fail,
        }
    }
}

/// Milliseconds between two looks for the bridge, and for how many of them.
const LOOK_MS: u32 = 100;
const LOOKS: u32 = 50;

/// Opens the payment window and waits until it has closed. WeChat injects the bridge a moment after the page has loaded.
pub async fn pay(call: &JsapiCall) -> Answer {
    for _ in 0..LOOKS {
        if let Some(bridge) = bridge() {
            return invoke(&bridge, call).await;
        }
        TimeoutFuture::new(LOOK_MS).await;
    }
    Answer::Fail
}

fn bridge() -> Option<JsValue> {
    let bridge = Reflect::get(&window(), &"WeixinJSBridge".into()).ok()?;
    bridge.is_object().then_some(bridge)
}

async fn invoke(bridge: &JsValue, call: &JsapiCall) -> Answer {
    let invoke =
        Reflect::get(bridge, &"invoke".into()).ok().and_then(|found| found.dyn_into::<Function>().ok());
    let Some(invoke) = invoke else { return Answer::Fail };
    let parameters = Object::new();
    for (name, value) in [
        ("appId", &call.app_id),
        ("timeStamp", &call.time_stamp),
        ("nonceStr", &call.nonce_str),
        ("package", &call.package),
        ("signType", &call.sign_type),
        ("paySign", &call.pay_sign),
    ] {
        // A plain object takes any member.
        let _ = Reflect::set(&parameters, &name.into(), &value.into());
    }
    let called = Promise::new(&mut |resolve, reject| {
        if invoke.call3(bridge, &"getBrandWCPayRequest".into(), &parameters, &resolve).is_err() {
            let _ = reject.call0(&JsValue::NULL);
        }
    });
    let Ok(answer) = JsFuture::from(called).await else { return Answer::Fail };
    let err_msg = Reflect::get(&answer, &"err_msg".into()).ok().and_then(|text| text.as_string());
    Answer::read(&err_msg.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bridges_answer_is_one_of_three_words_after_the_colon() {
        let table = [
            ("get_brand_wcpay_request:ok", Answer::Ok),
            ("get_brand_wcpay_request:cancel", Answer::Cancel),
            ("get_brand_wcpay_request:fail", Answer::Fail),
            ("get_brand_wcpay_request:fail_missing parameter", Answer::Fail),
            ("ok", Answer::Fail),
            ("", Answer::Fail),
        ];
        for (err_msg, answer) in table {
            assert_eq!(Answer::read(err_msg), answer, "{err_msg}");
        }
    }
}
