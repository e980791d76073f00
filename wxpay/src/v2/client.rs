//! The calls of API v2: signs the request, checks the answer's signature and that it is about what was asked.

use rand::RngExt;
use rand::distr::Alphanumeric;

use super::merchant::Merchant;
use super::xml::Fields;
use super::{close_order, download_bill, order_query, refund, refund_query, reply, sign, unified_order};
use crate::bill::download::Bill;
use crate::bill::{BillDate, BillError, BillType};
use crate::error::Error;
use crate::placing::{Placing, Prepay};
use crate::refunding::{Refund, RefundAccepted, RefundQuery, Refunds};
use crate::trade::Trade;
use crate::transport::{Budget, Transport};
use crate::types::{OutTradeNo, TransactionId};
use crate::verified::Verified;

/// What the calls need of a [`crate::client::Client`], whose methods document them.
pub(crate) struct V2<'a> {
    /// With the app in whose name the call is made.
    pub merchant: Merchant,
    pub transport: &'a Transport,
    pub budget: Budget,
}

impl V2<'_> {
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
        let request = self.signed(download_bill::request(&self.merchant, date, bill_type, gzip));
        Bill::open(self.transport, "/pay/downloadbill", request, self.budget).await
    }

    async fn call(&self, path: &str, request: Fields) -> Result<Verified<Fields>, Error> {
        let body = self.transport.post(path, self.signed(request), self.budget).await?;
        reply::read(&body, &self.merchant)
    }

    fn signed(&self, mut request: Fields) -> String {
        request.set("nonce_str", nonce());
        let sign = sign::sign(&request, &self.merchant.key, self.merchant.sign_type);
        request.set("sign", sign);
        request.to_xml()
    }
}

/// New for every request: 32 random letters and digits. Source: WeChat Pay v2, native.php?chapter=4_3 (生成随机数算法).
fn nonce() -> String {
    rand::rng().sample_iter(Alphanumeric).take(32).map(char::from).collect()
}
