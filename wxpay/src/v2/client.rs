//! The calls of API v2: signs the request, checks the answer's signature and that it is about what was asked.

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::key_in_use::KeyInUse;
use super::merchant::Merchant;
use super::xml::Fields;
use super::{
    REPLY_LIMIT, close_order, download_bill, order_query, refund, refund_query, reply, short_url, sign,
    unified_order,
};
use crate::bill::download::Bill;
use crate::bill::{BillDate, BillError, BillType};
use crate::error::{ErrCode, Error};
use crate::placing::{Placing, Prepay};
use crate::refunding::{Refund, RefundAccepted, RefundQuery, Refunds};
use crate::trade::Trade;
use crate::transport::{Budget, Call, Reply, Transport};
use crate::types::{CodeUrl, OutTradeNo, TransactionId};
use crate::v3::sign::nonce;
use crate::verified::Verified;

const XML: &str = "text/xml; charset=utf-8";

/// What the calls need of a [`crate::client::Client`], whose methods document them.
pub(crate) struct V2 {
    /// With the app in whose name the call is made, and with the key that WeChat takes in the first place.
    pub merchant: Merchant,
    pub key_in_use: Arc<KeyInUse>,
    pub transport: Arc<Transport>,
    pub budget: Budget,
}

impl V2 {
    pub async fn unified_order(&self, placing: &Placing) -> Result<Prepay, Error> {
        let fields = self.call("/pay/unifiedorder", unified_order::request(placing, &self.merchant)).await?;
        let trade_type = placing.channel.trade_type;
        // The answer names neither the order nor the amount, so this is all that can be compared.
        reply::must_be(&fields, "trade_type", trade_type.as_str())?;
        unified_order::read(&fields, trade_type).map_err(Error::BadField)
    }

    pub async fn order_query(&self, out_trade_no: &OutTradeNo) -> Result<Trade, Error> {
        let fields = self.call("/pay/orderquery", order_query::request(&self.merchant, out_trade_no)).await?;
        reply::must_be(&fields, "out_trade_no", out_trade_no.as_str())?;
        order_query::read(&fields, self.merchant.sign_type).map_err(Error::BadField)
    }

    pub async fn transaction_query(&self, transaction_id: &TransactionId) -> Result<Trade, Error> {
        let request = order_query::request_by_transaction(&self.merchant, transaction_id);
        let fields = self.call("/pay/orderquery", request).await?;
        let trade = order_query::read(&fields, self.merchant.sign_type).map_err(Error::BadField)?;
        match &trade.payment {
            Some(payment) if payment.transaction_id != *transaction_id => {
                Err(Error::Foreign { field: "transaction_id" })
            }
            _ => Ok(trade),
        }
    }

    pub async fn close_order(&self, out_trade_no: &OutTradeNo) -> Result<(), Error> {
        let request = close_order::request(&self.merchant, out_trade_no);
        self.call("/pay/closeorder", request).await.map(drop)
    }

    pub async fn refund(&self, refund: &Refund) -> Result<Verified<RefundAccepted>, Error> {
        let fields = self.call("/secapi/pay/refund", refund::request(refund, &self.merchant)).await?;
        reply::must_be(&fields, "out_refund_no", refund.out_refund_no.as_str())?;
        reply::must_be(&fields, "transaction_id", refund.transaction_id.as_str())?;
        reply::must_be(&fields, "out_trade_no", refund.out_trade_no.as_str())?;
        let accepted = refund::read(&fields).map_err(Error::BadField)?;
        if accepted.refund_fee != refund.refund_fee {
            return Err(Error::Foreign { field: "refund_fee" });
        }
        if accepted.total_fee != refund.total_fee {
            return Err(Error::Foreign { field: "total_fee" });
        }
        Ok(Verified::vouch(accepted))
    }

    pub async fn short_url(&self, long_url: &CodeUrl) -> Result<CodeUrl, Error> {
        let fields = self.call("/tools/shorturl", short_url::request(&self.merchant, long_url)).await?;
        short_url::read(&fields).map_err(Error::BadField)
    }

    pub async fn refund_query(&self, query: &RefundQuery) -> Result<Verified<Refunds>, Error> {
        let fields = self.call("/pay/refundquery", refund_query::request(query, &self.merchant)).await?;
        let refunds = refund_query::read(&fields).map_err(Error::BadField)?;
        match refund_query::mismatch(query, &refunds) {
            None => Ok(Verified::vouch(refunds)),
            Some(field) => Err(Error::Foreign { field }),
        }
    }

    pub async fn download_bill(
        &self,
        date: BillDate,
        bill_type: BillType,
        gzip: bool,
    ) -> Result<Bill, BillError> {
        let request = download_bill::request(&self.merchant, date, bill_type, gzip);
        let request = signed(request, &self.merchant);
        let call = call("/pay/downloadbill", &request);
        let Reply { status, body, .. } = self.transport.open(&call, Bill::begin(self.budget)).await?;
        match status {
            StatusCode::OK => Ok(Bill::new(body)),
            _ => Err(refusal(status, &body.whole(REPLY_LIMIT).await?).into()),
        }
    }

    /// While the key is being changed only WeChat knows which of the two it takes: a request that it refuses to understand is
    /// made once more with the other one, and the one that it took is the first to be used from then on.
    async fn call(&self, path: &str, request: Fields) -> Result<Verified<Fields>, Error> {
        let first = self.once(path, request.clone(), &self.merchant).await;
        if !is_about_the_key(&first) {
            return first;
        }
        let Some(other) = self.merchant.with_keys_swapped() else { return first };
        let second = self.once(path, request, &other).await;
        if is_about_the_key(&second) {
            return first;
        }
        if matches!(second, Ok(_) | Err(Error::Refused { .. })) {
            self.key_in_use.took(&other);
        }
        second
    }

    async fn once(
        &self,
        path: &str,
        request: Fields,
        merchant: &Merchant,
    ) -> Result<Verified<Fields>, Error> {
        let request = signed(request, merchant);
        let reply = self.transport.exchange(&call(path, &request), REPLY_LIMIT, self.budget).await?;
        match reply.status {
            StatusCode::OK => reply::read(&reply.body, merchant),
            status => Err(refusal(status, &reply.body)),
        }
    }
}

/// Whether it may have been signed with a key that WeChat does not take. WeChat did nothing then.
fn is_about_the_key<T>(answer: &Result<T, Error>) -> bool {
    matches!(answer, Err(Error::NotUnderstood { .. } | Error::Refused { code: ErrCode::SignError, .. }))
}

fn signed(mut request: Fields, merchant: &Merchant) -> String {
    request.set("nonce_str", nonce());
    let sign = sign::sign(&request, &merchant.key, merchant.sign_type);
    request.set("sign", sign);
    request.to_xml()
}

/// Every host gets the same bytes.
fn call<'a>(target: &'a str, body: &'a str) -> Call<'a> {
    let headers = &|_: &str| HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(XML))]);
    // All that WeChat has to know is in the body.
    Call { method: Method::POST, target, template: target, headers, body }
}

/// Any HTTP status but 200. WeChat's application answers 200 even to errors, so this comes from something on the way. For a
/// client without a certificate, or with a wrong one, it is nginx's page "No required SSL certificate was sent" or "The SSL
/// certificate error".
fn refusal(status: StatusCode, page: &[u8]) -> Error {
    let about_certificates = String::from_utf8_lossy(page).contains("SSL certificate");
    match status == StatusCode::BAD_REQUEST && about_certificates {
        true => Error::NoCertificate,
        false => Error::Status(status.as_u16()),
    }
}
