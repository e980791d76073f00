//! Applies a call of API v3 to the book, with the state locked, and sends what changed to the store.

use std::sync::atomic::Ordering;

use serde_json::{Map, Value};
use wxpay::{Signed, TradeType};

use crate::Sandbox;
use crate::clock::Now;
use crate::numbers;
use crate::orders::{Expiry, Fresh, Refusal, Signing};
use crate::store::{Change, Kept};
use crate::v3::answers::Answer;
use crate::v3::calls::Call;
use crate::v3::fields::{self, Shape};
use crate::v3::refused::Refused;
use crate::v3::{certificates, placing, refunds, replies};

/// The parameters of a call.
#[derive(Debug)]
pub struct Asked {
    pub body: Value,
    pub query: Map<String, Value>,
    /// The sandbox's address as the caller named it, without a path.
    pub own_address: String,
    /// The answer is signed with WeChat's public key.
    pub public_key: bool,
}

impl Sandbox {
    pub(crate) fn decide_v3(&self, call: &Call, asked: &Asked, now: Now) -> (Result<Answer, Refused>, Kept) {
        let read = |found: Result<Value, Refused>| (found.map(Answer::Json), Kept::nothing());
        match call {
            Call::Place(trade_type) => self.place(call, *trade_type, asked, now),
            Call::QueryByNumber(number) => read(self.query_v3(call, None, Some(number), asked, now)),
            Call::QueryById(id) => read(self.query_v3(call, Some(id), None, asked, now)),
            Call::Close(number) => self.close_v3(call, number, asked, now),
            Call::Refund => self.refund_v3(call, asked, now),
            Call::RefundQuery(number) => {
                let state = self.state();
                let of_number = |name: &str| (name == "out_refund_no").then(|| number.clone());
                let found = state.book.refunds(of_number);
                read(match found.as_ref().map(|(order, refunds)| (order, refunds.first())) {
                    Ok((order, Some(refund))) => Ok(replies::refund(order, refund, now)),
                    Ok((_, None)) => Err(Refused::of(Refusal::RefundNotExist, call)),
                    Err(why) => Err(Refused::of(*why, call)),
                })
            }
            Call::TradeBill | Call::FundFlowBill => {
                let mut state = self.state();
                let crate::State { book, random, bill_files, faults, .. } = &mut *state;
                let merchant = &*self.merchant();
                let (made, shown) = ((&*book, merchant), (random, asked.own_address.as_str()));
                let mut reply = bill_files.make(call, &asked.query, made, shown, now);
                if let (Ok(reply), true) = (&mut reply, faults.v3.bill_hash.is_some()) {
                    reply["hash_value"] = "0".repeat(40).into();
                }
                read(reply)
            }
            Call::BillFile => {
                let file = self.state().bill_files.file(&asked.query, now);
                (file.map(Answer::File), Kept::nothing())
            }
            Call::Certificates => {
                let algorithm = asked.query.get("algorithm_type").and_then(Value::as_str);
                if !["RSA", "ALL"].contains(&algorithm.unwrap_or("RSA")) {
                    return read(Err(Refused::no_certificates()));
                }
                let mut state = self.state();
                let crate::State { keys, faults, random, .. } = &mut *state;
                read(certificates::list(keys, &faults.v3, random, now))
            }
        }
    }

    fn place(
        &self,
        call: &Call,
        trade_type: TradeType,
        asked: &Asked,
        now: Now,
    ) -> (Result<Answer, Refused>, Kept) {
        let fields = match placing::read(&asked.body, trade_type, &self.merchant()) {
            Ok(fields) => fields,
            Err(refused) => return (Err(refused), Kept::nothing()),
        };
        let mut state = self.state();
        let crate::State { book, random, faults, registered, .. } = &mut *state;
        let fresh = Fresh {
            code_url: numbers::code_url(random),
            prepay_id: numbers::prepay_id(random, now.wall),
            expiry: faults.expiry.unwrap_or(Expiry::Stays),
            allow_private_ip: registered.allow_private_ip,
        };
        match book.unified_order(&fields, signing(asked), fresh, now) {
            Ok(order) => {
                let kept = self.keep(|| vec![Change::order(order)]);
                (Ok(Answer::Json(replies::placed(order, trade_type, &asked.own_address))), kept)
            }
            Err(why) => (Err(Refused::of(why, call)), Kept::nothing()),
        }
    }

    fn query_v3(
        &self,
        call: &Call,
        id: Option<&str>,
        number: Option<&str>,
        asked: &Asked,
        now: Now,
    ) -> Result<Value, Refused> {
        self.check_mchid("query", "mchid", asked.query.get("mchid"))?;
        if let Some(number) = number {
            check_number(number)?;
        }
        let state = self.state();
        let (order, payment) = state.book.query(id, number).map_err(|why| Refused::of(why, call))?;
        let mut reply = replies::transaction(&self.merchant(), order, payment, order.trade_state(now));
        if let Some(word) = &state.faults.trade_state {
            reply["trade_state"] = word.as_str().into();
        }
        if let Some(word) = state.faults.trade_type.as_ref().filter(|_| payment.is_some()) {
            reply["trade_type"] = word.as_str().into();
        }
        Ok(reply)
    }

    fn close_v3(
        &self,
        call: &Call,
        number: &str,
        asked: &Asked,
        now: Now,
    ) -> (Result<Answer, Refused>, Kept) {
        let checked = fields::check(&asked.body, &[("/mchid", Shape::Digits(32), true)])
            .and_then(|()| self.check_mchid("body", "/mchid", asked.body.get("mchid")))
            .and_then(|()| check_number(number));
        if let Err(refused) = checked {
            return (Err(refused), Kept::nothing());
        }
        let close_after_ms = self.0.close_after_ms.load(Ordering::Relaxed);
        let mut state = self.state();
        match state.book.close(number, close_after_ms, now) {
            Ok(order) => (Ok(Answer::Nothing), self.keep(|| vec![Change::order(order)])),
            // To be closed twice is no fault. Source: WeChat Pay, API v3 (关闭订单).
            Err(Refusal::OrderClosed) => (Ok(Answer::Nothing), Kept::nothing()),
            Err(why) => (Err(Refused::of(why, call)), Kept::nothing()),
        }
    }

    fn refund_v3(&self, call: &Call, asked: &Asked, now: Now) -> (Result<Answer, Refused>, Kept) {
        let fields = match refunds::read(&asked.body) {
            Ok(fields) => fields,
            Err(refused) => return (Err(refused), Kept::nothing()),
        };
        let reply = |order: &_, refund: &_| Answer::Json(replies::refund(order, refund, now));
        let (taken, kept) = self.accept_refund(&fields, signing(asked), now, reply);
        (taken.map_err(|why| Refused::of(why, call)), kept)
    }

    fn check_mchid(&self, location: &'static str, field: &str, mchid: Option<&Value>) -> Result<(), Refused> {
        match mchid.and_then(Value::as_str) {
            None => Err(Refused::parameter(location, field, &Value::Null, "此字段为必填项")),
            Some(mchid) if mchid != self.merchant().mch_id.as_str() => Err(Refused::other_mchid()),
            Some(_) => Ok(()),
        }
    }
}

fn signing(asked: &Asked) -> Signing {
    Signing { signed: Signed::Rsa, public_key: asked.public_key }
}

fn check_number(number: &str) -> Result<(), Refused> {
    let value = Value::from(number);
    Shape::OutTradeNo.check(&value).map_err(|issue| Refused::parameter("url", "out_trade_no", &value, issue))
}
