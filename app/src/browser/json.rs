//! JSON in the browser, parsed and written by the browser's own `JSON` object.

use js_sys::{Array, JSON, Object, Reflect};
use wasm_bindgen::JsValue;

/// A document or a part of one.
#[derive(Debug, Clone)]
pub struct Json(JsValue);

impl Json {
    /// `None` if it is not JSON.
    pub fn parse(text: &str) -> Option<Json> {
        JSON::parse(text).ok().map(Json)
    }

    /// A member of an object; `undefined` if there is none.
    pub fn get(&self, name: &str) -> Json {
        Json(Reflect::get(&self.0, &name.into()).unwrap_or_default())
    }

    pub fn number(&self) -> Option<i64> {
        // Fen and seconds are far below 2^53.
        self.0.as_f64().map(|number| number as i64)
    }

    /// Whether it is `true`.
    pub fn truth(&self) -> bool {
        self.0.as_bool().unwrap_or_default()
    }

    pub fn text(&self) -> Option<String> {
        self.0.as_string()
    }

    pub fn list(&self) -> impl Iterator<Item = Json> + use<> {
        Array::from(&self.0).into_iter().map(Json)
    }

    pub fn object<const N: usize>(members: [(&str, JsValue); N]) -> Json {
        let object = Object::new();
        for (name, value) in members {
            // A plain object takes any member.
            let _ = Reflect::set(&object, &name.into(), &value);
        }
        Json(object.into())
    }

    pub fn into_value(self) -> JsValue {
        self.0
    }

    pub fn write(&self) -> String {
        JSON::stringify(&self.0).map(String::from).unwrap_or_default()
    }
}
