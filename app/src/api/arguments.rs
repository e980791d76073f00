//! How the browser writes the arguments of each server function.

use super::{CancelOrder, CheckAgain, CreateOrder, NewCode, OrderStatus, OwnRecharges, PayInWechat};
use crate::protocol::codec::Message;
use crate::protocol::json::Json;
use crate::protocol::way::Way;

impl Message for CreateOrder {
    fn to_json(&self) -> Json {
        Json::object([("quantity", self.quantity.into()), ("way", self.way.map(Way::name).into())])
    }
}

impl Message for OrderStatus {
    fn to_json(&self) -> Json {
        let version = self.version.map(|version| version as f64);
        Json::object([
            ("out_trade_no", (&self.out_trade_no).into()),
            ("t", self.t.as_deref().into()),
            ("version", version.into()),
            ("wait_s", self.wait_s.into()),
        ])
    }
}

impl Message for CheckAgain {
    fn to_json(&self) -> Json {
        Json::object([("out_trade_no", (&self.out_trade_no).into())])
    }
}

impl Message for CancelOrder {
    fn to_json(&self) -> Json {
        Json::object([("out_trade_no", (&self.out_trade_no).into())])
    }
}

impl Message for PayInWechat {
    fn to_json(&self) -> Json {
        Json::object([("out_trade_no", (&self.out_trade_no).into())])
    }
}

impl Message for NewCode {
    fn to_json(&self) -> Json {
        let seen = self.seen_version as f64;
        Json::object([("out_trade_no", (&self.out_trade_no).into()), ("seen_version", seen.into())])
    }
}

impl Message for OwnRecharges {}
