//! The calls of API v3: signs each attempt anew, and believes an answer only if WeChat signed it and it is about what was
//! asked. Source: WeChat Pay, 签名与验签规则 (APIv3).

use std::sync::Arc;
use std::time::Instant;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tokio::time::timeout;

use super::credentials::Credentials;
use super::json::Object;
use super::refresh::{Refresh, Why};
use super::refusal::Asked;
use super::{ANSWER_LIMIT, answer, bill, query, refunds, sign, transactions};
use crate::bill::download::Bill;
use crate::bill::{BillDate, BillError, BillType};
use crate::clock::Clock;
use crate::error::{ErrCode, Error};
use crate::placing::{Placing, Prepay};
use crate::refunding::{Refund, RefundAccepted, RefundQuery, Refunds};
use crate::trade::Trade;
use crate::transport::{Budget, Call, Reply, Transport};
use crate::types::{InvalidValue, OutTradeNo, TransactionId};
use crate::verified::Verified;

/// What every request says of itself; without it some addresses answer 400.
const AGENT: &str = concat!("saoma/", env!("CARGO_PKG_VERSION"));

/// Names the key with which WeChat signs the answer.
const SERIAL: HeaderName = HeaderName::from_static("wechatpay-serial");

/// What the calls need of a [`crate::client::Client`], whose methods document them.
pub(crate) struct V3<'a> {
    pub credentials: Credentials,
    pub refresh: &'a Refresh,
    pub transport: Arc<Transport>,
    pub budget: Budget,
    pub clock: &'a Clock,
}

impl V3<'_> {
    pub async fn place(&self, placing: &Placing) -> Result<Prepay, Error> {
        let trade_type = placing.channel.trade_type;
        let body = transactions::request(placing, &self.credentials.merchant);
        let target = transactions::target(trade_type);
        let answer = self.post(Asked::Other, (target, target), &body).await?;
        transactions::read(&answer::message(&answer)?, trade_type).map_err(Error::BadField)
    }

    pub async fn query(&self, out_trade_no: &OutTradeNo) -> Result<Trade, Error> {
        let target = query::target(&self.credentials.merchant, out_trade_no);
        let body = self.get(Asked::Other, (&target, query::BY_NUMBER)).await?;
        let answer = answer::message(&body)?;
        self.must_be_ours(&answer)?;
        must_be(&answer, "out_trade_no", out_trade_no.as_str())?;
        query::read(&answer).map_err(Error::BadField)
    }

    pub async fn query_transaction(&self, transaction_id: &TransactionId) -> Result<Trade, Error> {
        let target = query::target_of_transaction(&self.credentials.merchant, transaction_id);
        let body = self.get(Asked::Other, (&target, query::BY_TRANSACTION)).await?;
        let answer = answer::message(&body)?;
        self.must_be_ours(&answer)?;
        must_be(&answer, "transaction_id", transaction_id.as_str())?;
        query::read(&answer).map_err(Error::BadField)
    }

    pub async fn close(&self, out_trade_no: &OutTradeNo) -> Result<(), Error> {
        let (target, body) = query::close(&self.credentials.merchant, out_trade_no);
        self.post(Asked::Other, (&target, query::CLOSE), &body).await.map(drop)
    }

    pub async fn refund(&self, refund: &Refund) -> Result<Verified<RefundAccepted>, Error> {
        let body = refunds::request(refund);
        let body = self.post(Asked::Refund, (refunds::TARGET, refunds::TARGET), &body).await?;
        let answer = answer::message(&body)?;
        must_be(&answer, "out_refund_no", refund.out_refund_no.as_str())?;
        must_be(&answer, "transaction_id", refund.transaction_id.as_str())?;
        must_be(&answer, "out_trade_no", refund.out_trade_no.as_str())?;
        let accepted = refunds::read(&answer).map_err(Error::BadField)?;
        if accepted.refund_fee != refund.refund_fee {
            return Err(Error::Foreign { field: "amount.refund" });
        }
        if accepted.total_fee != refund.total_fee {
            return Err(Error::Foreign { field: "amount.total" });
        }
        Ok(Verified::vouch(accepted))
    }

    pub async fn query_refunds(&self, query: &RefundQuery) -> Result<Verified<Refunds>, Error> {
        let RefundQuery::OutRefundNo(number) = query else {
            let must_be = "by out_refund_no: API v3 has no list of the refunds of an order";
            return Err(Error::Invalid(InvalidValue { what: "the refund query", must_be }));
        };
        let body = self.get(Asked::RefundState, (&refunds::target(number), refunds::BY_NUMBER)).await?;
        let answer = answer::message(&body)?;
        must_be(&answer, "out_refund_no", number.as_str())?;
        refunds::read_state(&answer).map(Verified::vouch).map_err(Error::BadField)
    }

    pub async fn download_bill(
        &self,
        date: BillDate,
        bill_type: BillType,
        gzip: bool,
    ) -> Result<Bill, BillError> {
        let target = bill::target(date, bill_type, gzip);
        let answer = self.get(Asked::Other, (&target, bill::TEMPLATE)).await;
        let answer = answer.map_err(|error| match error.code() {
            Some(ErrCode::NoStatementExist) => BillError::NoBill,
            Some(ErrCode::StatementCreating) => BillError::Creating,
            _ => BillError::Call(error),
        })?;
        let file = bill::read(&answer::message(&answer)?).map_err(Error::BadField)?;
        // The request is signed, so it goes to nobody else.
        let at = self.transport.toward(&file.download_url);
        let (host, target) = at.ok_or(Error::Foreign { field: "download_url" })?;
        let headers = &|sent: &str| self.headers(&Method::GET, sent, "");
        let (target, template) = (&target, bill::FILES);
        let call = Call { method: Method::GET, target, template, headers, body: "" };
        let Reply { status, headers, body } = host.open(&call, Bill::begin(self.budget)).await?;
        match status {
            StatusCode::OK => Ok(Bill::new(body).with_sha1(file.sha1)),
            _ => {
                let reply = Reply { status, headers, body: body.whole(ANSWER_LIMIT).await? };
                Err(reply.refusal(Asked::Other).into())
            }
        }
    }

    /// Reads the list of platform certificates if `why` demands it now; whether it did.
    pub async fn refresh(&self, why: Why<'_>) -> Result<bool, Error> {
        let headers = &|sent: &str| self.headers(&Method::GET, sent, "");
        let (refresh, transport) = (self.refresh, &self.transport);
        refresh.refresh(&self.credentials, self.clock, why, transport, headers, self.budget).await
    }

    async fn get(&self, asked: Asked, to: (&str, &str)) -> Result<Verified<Vec<u8>>, Error> {
        self.ask(asked, Method::GET, to, "").await
    }

    async fn post(&self, asked: Asked, to: (&str, &str), body: &str) -> Result<Verified<Vec<u8>>, Error> {
        self.ask(asked, Method::POST, to, body).await
    }

    /// The body of an answer that WeChat signed. One that it did not sign is asked for once more while there is time: WeChat
    /// now and then signs wrongly on purpose, and a new certificate is read in between.
    async fn ask(
        &self,
        asked: Asked,
        method: Method,
        (target, template): (&str, &str),
        body: &str,
    ) -> Result<Verified<Vec<u8>>, Error> {
        let start = Instant::now();
        let left = || {
            let total = self.budget.total.saturating_sub(start.elapsed());
            Budget { first: self.budget.first.min(total), total }
        };
        if self.credentials.keys.newest_serial(self.clock.now()).is_none() {
            let read = timeout(self.budget.total, self.refresh(Why::NoKey)).await;
            let budget_ms = u64::try_from(self.budget.total.as_millis()).unwrap_or(u64::MAX);
            read.map_err(|_| Error::Timeout { budget_ms })??;
        }
        let headers = &|sent: &str| self.headers(&method, sent, body);
        let call = Call { method: method.clone(), target, template, headers, body };
        let first = self.once(asked, &call, left()).await;
        let Err(Error::Unverified(error)) = first else { return first };
        if let Some(serial) = error.unknown_certificate() {
            // If it fails, the second answer says so.
            let _ = timeout(left().total, self.refresh(Why::Unknown(&serial))).await;
        }
        match left() {
            Budget { total, .. } if total.is_zero() => Err(Error::Unverified(error)),
            rest => self.once(asked, &call, rest).await,
        }
    }

    async fn once(&self, asked: Asked, call: &Call<'_>, budget: Budget) -> Result<Verified<Vec<u8>>, Error> {
        let reply = self.transport.exchange(call, ANSWER_LIMIT, budget).await?;
        let is_success = matches!(reply.status, StatusCode::OK | StatusCode::NO_CONTENT);
        // Whether errors are signed is not said. If one is, then rightly.
        let says_signed = reply.headers.keys().any(|name| name.as_str().starts_with("wechatpay-sign"));
        let is_error = reply.status.is_client_error() && says_signed;
        if !is_success && !is_error {
            return Err(reply.refusal(asked));
        }
        let get = |name| reply.headers.get_all(name).iter().map(HeaderValue::as_bytes);
        let (keys, now) = (&self.credentials.keys, self.clock.now());
        let body = answer::verify(get, reply.body.clone(), keys, now)?;
        match is_success {
            true => Ok(body),
            false => Err(reply.refusal(asked)),
        }
    }

    /// The headers of one attempt, with a nonce and a time of its own.
    fn headers(&self, method: &Method, sent: &str, body: &str) -> HeaderMap {
        let (merchant, now) = (&self.credentials.merchant, self.clock.now());
        let (seconds, nonce) = (now.get().div_euclid(1000), sign::nonce());
        let authorization = sign::authorization(merchant, method.as_str(), sent, seconds, &nonce, body);
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        if method == Method::POST {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let serial = self.credentials.keys.newest_serial(now).map(|serial| serial.as_str().to_owned());
        for (name, value) in [(AUTHORIZATION, Some(authorization)), (SERIAL, serial)] {
            // All of it is visible ASCII.
            if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
                headers.insert(name, value);
            }
        }
        headers
    }

    /// Checks whose order it is: a provider's answers carry its sub-merchant's number.
    fn must_be_ours(&self, answer: &Object) -> Result<(), Error> {
        if ["sub_mchid", "sp_mchid"].into_iter().any(|name| answer.has(name)) {
            return Err(Error::Foreign { field: "sub_mchid" });
        }
        must_be(answer, "mchid", self.credentials.merchant.mch_id.as_str())
    }
}

/// Checks that the answer is about what was asked.
fn must_be(answer: &Object, field: &'static str, ours: &str) -> Result<(), Error> {
    match answer.required(field).map_err(Error::BadField)? == ours {
        true => Ok(()),
        false => Err(Error::Foreign { field }),
    }
}
