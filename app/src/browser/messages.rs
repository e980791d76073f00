//! How the browser reads what the server sends: the field names and words that `serde` writes on the other side. The browser's
//! own JSON does it, because the module is smaller without `serde_json`.

use super::json::Json;
use crate::lang::Lang;
use crate::protocol::error::{AppError, ErrorCode};
use crate::protocol::offer::{Device, Offer, Preset};
use crate::protocol::way::{JsapiCall, Way};
use crate::protocol::{Followed, OpenOrder, StatusView, ViewState};

/// What the browser reads.
pub trait Message: Sized {
    /// `None` if something is missing or of another kind.
    fn from_json(json: &Json) -> Option<Self>;
}

impl Message for String {
    fn from_json(json: &Json) -> Option<Self> {
        json.text()
    }
}

impl Message for StatusView {
    fn from_json(json: &Json) -> Option<Self> {
        let number = |name| json.get(name).number();
        Some(StatusView {
            out_trade_no: json.get("out_trade_no").text()?,
            state: view_state(&json.get("state"))?,
            total_fee: number("total_fee")?,
            bonus: number("bonus")?,
            way: way(&json.get("way"))?,
            code_url: json.get("code_url").text(),
            pay_page: json.get("pay_page").text(),
            jsapi: jsapi(&json.get("jsapi")),
            code_version: number("code_version")?,
            version: number("version")?,
            cancelled: json.get("cancelled").truth(),
            expires_in_s: number("expires_in_s")?,
            poll_for_s: number("poll_for_s")?,
            next_ms: u32::try_from(number("next_ms")?).ok()?,
            link: json.get("link").text(),
            sandbox_scan: json.get("sandbox_scan").text(),
            balance: number("balance"),
            placed: json.get("placed").text()?,
            now: json.get("now").text().unwrap_or_default(),
        })
    }
}

fn way(json: &Json) -> Option<Way> {
    Way::parse(&json.text()?)
}

fn jsapi(json: &Json) -> Option<JsapiCall> {
    Some(JsapiCall {
        app_id: json.get("appId").text()?,
        time_stamp: json.get("timeStamp").text()?,
        nonce_str: json.get("nonceStr").text()?,
        package: json.get("package").text()?,
        sign_type: json.get("signType").text()?,
        pay_sign: json.get("paySign").text()?,
    })
}

fn view_state(json: &Json) -> Option<ViewState> {
    Some(match json.text()?.as_str() {
        "created" => ViewState::Created,
        "pending" => ViewState::Pending,
        "paid" => ViewState::Paid,
        "late" => ViewState::Late,
        "late_refunded" => ViewState::LateRefunded,
        "closed" => ViewState::Closed,
        _ => return None,
    })
}

impl Message for AppError {
    fn from_json(json: &Json) -> Option<Self> {
        let open = json.get("open").list().filter_map(|order| {
            Some(OpenOrder {
                out_trade_no: order.get("out_trade_no").text()?,
                total_fee: order.get("total_fee").number()?,
                closes_in_s: order.get("closes_in_s").number()?,
            })
        });
        Some(AppError {
            code: error_code(&json.get("code"))?,
            message: json.get("message").text()?,
            retry_after_s: json.get("retry_after_s").number().and_then(|seconds| u32::try_from(seconds).ok()),
            out_trade_no: json.get("out_trade_no").text(),
            left: json.get("left").number(),
            open: open.collect(),
        })
    }
}

fn error_code(json: &Json) -> Option<ErrorCode> {
    Some(match json.text()?.as_str() {
        "bad_request" => ErrorCode::BadRequest,
        "session" => ErrorCode::Session,
        "not_found" => ErrorCode::NotFound,
        "too_many_open" => ErrorCode::TooManyOpen,
        "quantity" => ErrorCode::Quantity,
        "over_day" => ErrorCode::OverDay,
        "too_often" => ErrorCode::TooOften,
        "busy" => ErrorCode::Busy,
        "refused" => ErrorCode::Refused,
        "offline" => ErrorCode::Offline,
        _ => ErrorCode::Internal,
    })
}

impl Message for Offer {
    fn from_json(json: &Json) -> Option<Self> {
        let number = |name| json.get(name).number();
        let presets = json.get("presets").list().filter_map(|preset| {
            Some(Preset {
                quantity: u32::try_from(preset.get("quantity").number()?).ok()?,
                bonus: preset.get("bonus").number()?,
            })
        });
        Some(Offer {
            lang: Lang::parse(&json.get("lang").text()?)?,
            account: json.get("account").text()?,
            balance: number("balance"),
            unit_price: number("unit_price")?,
            min: u32::try_from(number("min")?).ok()?,
            max: u32::try_from(number("max")?).ok()?,
            presets: presets.collect(),
            unit: json.get("unit").text(),
            percent: number("percent").and_then(|percent| u32::try_from(percent).ok()).unwrap_or(0),
            first_bonus: number("first_bonus").unwrap_or(0),
            left_today: number("left_today"),
            device: match json.get("device").text()?.as_str() {
                "phone" => Device::Phone,
                "wechat" => Device::Wechat,
                "web_view" => Device::WebView,
                _ => Device::Computer,
            },
            ways: json.get("ways").list().filter_map(|json| way(&json)).collect(),
            proposed: number("proposed").and_then(|units| u32::try_from(units).ok()),
            back: json.get("back").text(),
        })
    }
}

impl Message for Followed {
    fn from_json(json: &Json) -> Option<Self> {
        Some(Followed {
            lang: Lang::parse(&json.get("lang").text()?)?,
            out_trade_no: json.get("out_trade_no").text()?,
            token: json.get("token").text(),
            state: view_state(&json.get("state"))?,
            code_version: json.get("code_version").number()?,
            version: json.get("version").number()?,
            cancelled: json.get("cancelled").truth(),
            expires_in_s: json.get("expires_in_s").number()?,
            poll_for_s: json.get("poll_for_s").number()?,
        })
    }
}

/// What [`crate::props::write_props`] put beside the page's markup.
pub fn read_props<T: Message>(id: &str) -> Option<T> {
    let element = super::dom::document().get_element_by_id(id)?;
    T::from_json(&Json::parse(&element.get_attribute("data-props")?)?)
}
