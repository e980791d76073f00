//! Each message as the browser writes or reads it.

use crate::api::{
    AppError, CheckAgain, CreateOrder, ErrorCode, NewCode, OpenOrder, OrderStatus, OwnRecharges, StatusView,
    ViewState,
};
use crate::checkout::{Device, Offer, Preset};
use crate::follow::Followed;
use crate::json::Json;
use crate::text::Lang;

/// What the browser sends or reads. Each message goes one way there, so the other may stay undone.
pub trait Message: Sized {
    fn to_json(&self) -> Json {
        Json::Null
    }

    fn from_json(_: &Json) -> Option<Self> {
        None
    }
}

fn text(text: &str) -> Json {
    Json::Text(text.to_owned())
}

/// The members of an object, by name.
fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
    Json::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

impl Message for CreateOrder {
    fn to_json(&self) -> Json {
        object([("quantity", Json::Number(self.quantity.into()))])
    }
}

impl Message for OrderStatus {
    fn to_json(&self) -> Json {
        let t = self.t.as_deref().map_or(Json::Null, text);
        object([("out_trade_no", text(&self.out_trade_no)), ("t", t)])
    }
}

impl Message for CheckAgain {
    fn to_json(&self) -> Json {
        object([("out_trade_no", text(&self.out_trade_no))])
    }
}

impl Message for NewCode {
    fn to_json(&self) -> Json {
        let seen = Json::Number(self.seen_version);
        object([("out_trade_no", text(&self.out_trade_no)), ("seen_version", seen)])
    }
}

impl Message for OwnRecharges {
    fn to_json(&self) -> Json {
        object([])
    }
}

impl Message for String {
    fn from_json(json: &Json) -> Option<Self> {
        json.owned()
    }
}

impl Message for StatusView {
    fn from_json(json: &Json) -> Option<Self> {
        let number = |name| json.get(name).number();
        Some(StatusView {
            out_trade_no: json.get("out_trade_no").owned()?,
            state: view_state(json.get("state"))?,
            total_fee: number("total_fee")?,
            bonus: number("bonus")?,
            code_url: json.get("code_url").owned(),
            code_version: number("code_version")?,
            expires_in_s: number("expires_in_s")?,
            poll_for_s: number("poll_for_s")?,
            next_ms: number("next_ms").and_then(|ms| u32::try_from(ms).ok()),
            link: json.get("link").owned(),
            sandbox_scan: json.get("sandbox_scan").owned(),
            balance: number("balance"),
            placed: json.get("placed").owned()?,
        })
    }
}

fn view_state(json: &Json) -> Option<ViewState> {
    Some(match json.text()? {
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
        let open = json.get("open").list().iter().filter_map(|order| {
            Some(OpenOrder {
                out_trade_no: order.get("out_trade_no").owned()?,
                total_fee: order.get("total_fee").number()?,
                closes_in_s: order.get("closes_in_s").number()?,
            })
        });
        Some(AppError {
            code: error_code(json.get("code"))?,
            message: json.get("message").owned()?,
            retry_after_s: json.get("retry_after_s").number().and_then(|seconds| u32::try_from(seconds).ok()),
            out_trade_no: json.get("out_trade_no").owned(),
            open: open.collect(),
        })
    }
}

fn error_code(json: &Json) -> Option<ErrorCode> {
    Some(match json.text()? {
        "bad_request" => ErrorCode::BadRequest,
        "session" => ErrorCode::Session,
        "not_found" => ErrorCode::NotFound,
        "too_many_open" => ErrorCode::TooManyOpen,
        "quantity" => ErrorCode::Quantity,
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
        let presets = json.get("presets").list().iter().filter_map(|preset| {
            Some(Preset {
                quantity: u32::try_from(preset.get("quantity").number()?).ok()?,
                bonus: preset.get("bonus").number()?,
            })
        });
        Some(Offer {
            lang: Lang::parse(json.get("lang").text()?)?,
            account: json.get("account").owned()?,
            balance: number("balance")?,
            unit_price: number("unit_price")?,
            min: u32::try_from(number("min")?).ok()?,
            max: u32::try_from(number("max")?).ok()?,
            presets: presets.collect(),
            device: match json.get("device").text()? {
                "phone" => Device::Phone,
                "wechat" => Device::Wechat,
                _ => Device::Computer,
            },
        })
    }
}

impl Message for Followed {
    fn from_json(json: &Json) -> Option<Self> {
        Some(Followed {
            out_trade_no: json.get("out_trade_no").owned()?,
            token: json.get("token").owned(),
            state: view_state(json.get("state"))?,
            code_version: json.get("code_version").number()?,
            poll_for_s: json.get("poll_for_s").number()?,
        })
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use serde::Serialize;

    fn read_back<T: Serialize + Message>(value: &T) -> Option<T> {
        T::from_json(&Json::parse(&serde_json::to_string(value).expect("serialises"))?)
    }

    #[test]
    fn the_browser_reads_every_status_that_the_server_writes() {
        let states = [
            ViewState::Created,
            ViewState::Pending,
            ViewState::Paid,
            ViewState::Late,
            ViewState::LateRefunded,
            ViewState::Closed,
        ];
        for state in states {
            let view = StatusView {
                out_trade_no: "SM1".to_owned(),
                state,
                total_fee: 1000,
                bonus: 0,
                code_url: Some("weixin://wxpay/bizpayurl?pr=a\"b".to_owned()),
                code_version: 2,
                expires_in_s: 600,
                poll_for_s: 200,
                next_ms: Some(1000),
                link: None,
                sandbox_scan: Some("http://127.0.0.1:3080/scan".to_owned()),
                balance: (state == ViewState::Paid).then_some(12_850),
                placed: "09:47:31".to_owned(),
            };
            assert_eq!(read_back(&view).as_ref(), Some(&view));
        }
    }

    #[test]
    fn the_browser_reads_every_refusal_that_the_server_writes() {
        let codes = [
            ErrorCode::BadRequest,
            ErrorCode::Session,
            ErrorCode::NotFound,
            ErrorCode::TooManyOpen,
            ErrorCode::Quantity,
            ErrorCode::TooOften,
            ErrorCode::Busy,
            ErrorCode::Refused,
            ErrorCode::Internal,
            ErrorCode::Offline,
        ];
        for code in codes {
            let open = vec![OpenOrder { out_trade_no: "SM2".to_owned(), total_fee: 5000, closes_in_s: 90 }];
            let error = AppError { retry_after_s: Some(3), open, ..AppError::new(code, "扫\n码") };
            assert_eq!(read_back(&error).as_ref(), Some(&error));
        }
    }

    #[test]
    fn the_browser_reads_the_offer_that_the_server_hands_over() {
        for (lang, device) in
            [(Lang::Zh, Device::Computer), (Lang::En, Device::Phone), (Lang::Zh, Device::Wechat)]
        {
            let offer = Offer {
                lang,
                account: "小林 <b>".to_owned(),
                balance: -1,
                unit_price: 100,
                min: 1,
                max: 5000,
                presets: vec![Preset { quantity: 50, bonus: 200 }],
                device,
            };
            assert_eq!(read_back(&offer).as_ref(), Some(&offer));
        }
    }

    #[test]
    fn the_server_reads_what_the_browser_sends() {
        let sent = |message: Json| {
            let mut out = String::new();
            message.write(&mut out);
            out
        };
        let status = OrderStatus { out_trade_no: "SM1".to_owned(), t: None };
        let read: OrderStatus = serde_json::from_str(&sent(status.to_json())).expect("readable");
        assert_eq!((read.out_trade_no, read.t), (status.out_trade_no, None));
        let order: CreateOrder =
            serde_json::from_str(&sent(CreateOrder { quantity: 10 }.to_json())).expect("readable");
        assert_eq!(order.quantity, 10);
        let code = NewCode { out_trade_no: "SM1".to_owned(), seen_version: 2 };
        let read: NewCode = serde_json::from_str(&sent(code.to_json())).expect("readable");
        assert_eq!((read.out_trade_no, read.seen_version), (code.out_trade_no, code.seen_version));
    }
}
