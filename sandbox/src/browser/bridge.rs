//! What the bridge script asks the sandbox: how it should behave, whether there is a sheet for some parameters, and to pay.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::person;
use crate::Sandbox;
use crate::faults::BridgeFault;
use crate::invoke::{self, JSAPI, NoSheet};
use crate::orders::Pay;
use crate::people::Person;

pub async fn state(State(sandbox): State<Sandbox>) -> Json<Value> {
    Json(json!({ "bridge": sandbox.faults().weixin.bridge }))
}

/// The parameters of `getBrandWCPayRequest`. The answer is what the sheet shows, or why there is none.
pub async fn pay(
    State(sandbox): State<Sandbox>,
    headers: HeaderMap,
    Json(parameters): Json<Map<String, Value>>,
) -> Json<Value> {
    Json(sandbox.jsapi_sheet(&parameters, person(&headers)).unwrap_or_else(|why| json!({ "fail": why })))
}

#[derive(Deserialize)]
pub struct Press {
    prepay_id: String,
}

/// "Pay" was pressed on the sheet.
pub async fn press(
    State(sandbox): State<Sandbox>,
    headers: HeaderMap,
    Json(Press { prepay_id }): Json<Press>,
) -> Json<Value> {
    if sandbox.faults().weixin.bridge == Some(BridgeFault::OkWithoutPaying) {
        return Json(json!({ "result": "ok" }));
    }
    let pay = Pay { person: person(&headers), ..Pay::default() };
    Json(match sandbox.pay(&prepay_id, pay).await {
        Ok(_) => json!({ "result": "ok" }),
        Err(why) => json!({ "result": "fail", "fail": why.to_string() }),
    })
}

impl Sandbox {
    fn jsapi_sheet(&self, parameters: &Map<String, Value>, person: Person) -> Result<Value, NoSheet> {
        let parameters = invoke::read(parameters, JSAPI)?;
        let now = self.0.clock.read();
        let state = self.state();
        if state.faults.weixin.bridge == Some(BridgeFault::Fail) {
            return Err("系统繁忙，请稍后再试".to_owned());
        }
        let prepay_id = parameters.prepay_id()?;
        let order = state.book.by_ticket(prepay_id).ok_or("该笔订单不存在")?;
        parameters.check(order, &self.merchant(), person, now)?;
        Ok(json!({
            "prepay_id": prepay_id,
            "shop": order.asked("body").unwrap_or_default(),
            "amount": order.total_fee.to_string(),
        }))
    }
}
