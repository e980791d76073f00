//! The JSAPI bridge: WeChat's browser puts an object `WeixinJSBridge` into the page, whose `invoke` opens the payment window
//! over it and calls back when that has closed. Source: WeChat Pay, "JSAPI调起支付".

use gloo_timers::future::TimeoutFuture;
use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::dom::window;
use super::json::Json;
use crate::bridge::Answer;
use crate::protocol::way::JsapiCall;

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
    let parameters = Json::object([
        ("appId", (&call.app_id).into()),
        ("timeStamp", (&call.time_stamp).into()),
        ("nonceStr", (&call.nonce_str).into()),
        ("package", (&call.package).into()),
        ("signType", (&call.sign_type).into()),
        ("paySign", (&call.pay_sign).into()),
    ]);
    let parameters = parameters.into_value();
    let called = Promise::new(&mut |resolve, reject| {
        if invoke.call3(bridge, &"getBrandWCPayRequest".into(), &parameters, &resolve).is_err() {
            let _ = reject.call0(&JsValue::NULL);
        }
    });
    let Ok(answer) = JsFuture::from(called).await else { return Answer::Fail };
    let err_msg = Reflect::get(&answer, &"err_msg".into()).ok().and_then(|text| text.as_string());
    Answer::read(&err_msg.unwrap_or_default())
}
