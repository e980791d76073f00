//! Each call, by the order's protocol.

use super::{Bill, Client};
use crate::UnixMillis;
use crate::bill::{BillDate, BillError, BillType};
use crate::channel::{By, Protocol, Signed, TradeType};
use crate::error::Error;
use crate::invoke::{AppParams, JsapiParams};
use crate::observer::Api;
use crate::placing::{Placing, Prepay, Ticket};
use crate::refunding::{Refund, RefundAccepted, RefundQuery, Refunds};
use crate::trade::Trade;
use crate::types::{AppId, CodeUrl, InvalidValue, OutTradeNo, PrepayId, TransactionId};
use crate::v2::sign::SignType;
use crate::v3::sign::nonce;
use crate::verified::Verified;

impl Client {
    /// Places an order, and gets what leads the payer to it. For an order that WeChat knows already, with exactly the same
    /// fields, the answer is a fresh ticket, and the former one stops working.
    /// # Errors
    /// [`Error::Refused`] with `ORDERPAID`, `OUT_TRADE_NO_USED` or `INVALID_REQUEST`: query before anything is decided.
    /// [`Error::Invalid`] if a field cannot be sent, or there are no credentials for its protocol.
    /// Source: WeChat Pay v2, native.php?chapter=9_1, and v3, Native下单 and its sisters.
    pub async fn place(&self, placing: &Placing) -> Result<Prepay, Error> {
        placing.check().map_err(Error::Invalid)?;
        let is_page = placing.channel.trade_type == TradeType::Mweb;
        if is_page && self.present().transport.is_wechat() && !placing.has_public_ip() {
            let must_be = "the payer's public address: WeChat Pay refuses an H5 order from any other";
            return Err(Error::Invalid(InvalidValue { what: "payer_ip", must_be }));
        }
        let protocol = placing.channel.protocol;
        let place = async {
            match protocol {
                Protocol::V2 => self.v2(Some(&placing.appid))?.unified_order(placing).await,
                Protocol::V3 => self.v3()?.place(placing).await,
            }
        };
        let prepay = self.observed(Api::Place, protocol, place).await?;
        match &prepay.ticket {
            // The payer's browser goes there, so it must not be anybody's.
            Ticket::Page(page) if !self.present().transport.has_page(page.as_str()) => {
                let must_be = "a page at wx.tenpay.com";
                Err(Error::BadField(InvalidValue { what: "mweb_url", must_be }))
            }
            _ => Ok(prepay),
        }
    }

    /// Queries an order.
    /// # Errors
    /// [`Error::Refused`] with `ORDERNOTEXIST` if WeChat has no such order.
    /// Source: WeChat Pay v2, native.php?chapter=9_2, and v3, 商户订单号查询订单.
    pub async fn query(
        &self,
        by: impl Into<By<'_>> + Send,
        out_trade_no: &OutTradeNo,
    ) -> Result<Trade, Error> {
        let by = by.into();
        let call = async {
            match by.protocol {
                Protocol::V2 => self.v2(by.appid)?.order_query(out_trade_no).await,
                Protocol::V3 => self.v3()?.query(out_trade_no).await,
            }
        };
        self.observed(Api::Query, by.protocol, call).await
    }

    /// Queries one payment by WeChat's number of it: an order may have been paid twice, and only this tells the payments
    /// apart.
    /// # Errors
    /// As [`Client::query`]; [`Error::Foreign`] if the answer names another payment.
    /// Source: WeChat Pay v2, native.php?chapter=9_2, and v3, 微信支付订单号查询订单.
    pub async fn query_transaction(
        &self,
        by: impl Into<By<'_>> + Send,
        transaction_id: &TransactionId,
    ) -> Result<Trade, Error> {
        let by = by.into();
        let call = async {
            match by.protocol {
                Protocol::V2 => self.v2(by.appid)?.transaction_query(transaction_id).await,
                Protocol::V3 => self.v3()?.query_transaction(transaction_id).await,
            }
        };
        self.observed(Api::Query, by.protocol, call).await
    }

    /// Closes an unpaid order, so that it cannot be paid any more. WeChat refuses that in the first five minutes.
    /// # Errors
    /// [`Error::Refused`] with `ORDERPAID`: the payer was faster, query. With `ORDERCLOSED`: it is closed already.
    /// Source: WeChat Pay v2, native.php?chapter=9_3, and v3, 关闭订单.
    pub async fn close(&self, by: impl Into<By<'_>> + Send, out_trade_no: &OutTradeNo) -> Result<(), Error> {
        let by = by.into();
        let call = async {
            match by.protocol {
                Protocol::V2 => self.v2(by.appid)?.close_order(out_trade_no).await,
                Protocol::V3 => self.v3()?.close(out_trade_no).await,
            }
        };
        self.observed(Api::Close, by.protocol, call).await
    }

    /// Asks for a refund. A success says that WeChat has accepted it, not that it is done. What is unclear is asked again
    /// with the very same [`Refund`] and by the same protocol.
    /// # Errors
    /// [`Error::NoCertificate`] without a certificate that WeChat accepts (v2). [`Error::Refused`] with `NOTENOUGH` (the
    /// merchant's funds), `TRADE_OVERDUE`, `USER_ACCOUNT_ABNORMAL`, `FREQUENCY_LIMITED` and more.
    /// Source: WeChat Pay v2, native.php?chapter=9_4, and v3, 申请退款.
    pub async fn refund(
        &self,
        by: impl Into<By<'_>> + Send,
        refund: &Refund,
    ) -> Result<Verified<RefundAccepted>, Error> {
        refund.check().map_err(Error::Invalid)?;
        let by = by.into();
        let call = async {
            match by.protocol {
                Protocol::V2 => self.v2(by.appid)?.refund(refund).await,
                Protocol::V3 => self.v3()?.refund(refund).await,
            }
        };
        self.observed(Api::Refund, by.protocol, call).await
    }

    /// Queries one refund, or all refunds of a payment, [`Refunds::PAGE`] at a time. v3 has no such list, and finds a refund
    /// by its `out_refund_no` only.
    /// # Errors
    /// [`Error::Refused`] with `REFUNDNOTEXIST` if WeChat has accepted no such refund: that one may be sent again.
    /// [`Error::Invalid`] if v3 is asked for anything but [`RefundQuery::OutRefundNo`].
    /// Source: WeChat Pay v2, native.php?chapter=9_5, and v3, 查询单笔退款.
    pub async fn query_refunds(
        &self,
        by: impl Into<By<'_>> + Send,
        query: &RefundQuery,
    ) -> Result<Verified<Refunds>, Error> {
        let by = by.into();
        let call = async {
            match by.protocol {
                Protocol::V2 => self.v2(by.appid)?.refund_query(query).await,
                Protocol::V3 => self.v3()?.query_refunds(query).await,
            }
        };
        self.observed(Api::QueryRefunds, by.protocol, call).await
    }

    /// Fetches the bill of a day that has passed, to be read row by row. WeChat makes it at 9:00 of the next day; ask
    /// after 10:00.
    /// # Errors
    /// [`BillError::Call`]. That there is no bill, or not yet, is said here by v3, and by the first [`Bill::next`] of v2.
    /// Source: WeChat Pay v2, native.php?chapter=9_6, and v3, 申请交易账单.
    pub async fn download_bill(
        &self,
        by: Protocol,
        date: BillDate,
        bill_type: BillType,
        gzip: bool,
    ) -> Result<Bill, BillError> {
        let call = async {
            match by {
                Protocol::V2 => self.v2(None)?.download_bill(date, bill_type, gzip).await,
                Protocol::V3 => self.v3()?.download_bill(date, bill_type, gzip).await,
            }
        };
        let ahead = || self.present().transport.clock_ahead_s();
        let opened = self.observer.during((Api::Bill, by), ahead, call, |bill| match bill {
            Err(BillError::Call(error)) => Some(Some(error)),
            // That there is no bill yet is an answer too.
            _ => Some(None),
        });
        opened.await
    }

    /// A shorter address for a printed code (mode one), which v2 alone has.
    /// # Errors
    /// [`Error`]; the long address works as well.
    /// Source: WeChat Pay v2, native.php?chapter=9_9.
    pub async fn short_url(&self, long_url: &CodeUrl) -> Result<CodeUrl, Error> {
        let call = async { self.v2(None)?.short_url(long_url).await };
        self.observed(Api::ShortUrl, Protocol::V2, call).await
    }

    /// What a page in WeChat's browser invokes a payment with, for an order that was placed by `appid` and `signed` so.
    /// # Errors
    /// [`Error::Invalid`] if there are no credentials for the order's protocol: then it cannot be paid any more.
    pub fn jsapi_params(
        &self,
        signed: Signed,
        appid: &AppId,
        prepay_id: &PrepayId,
        now: UnixMillis,
    ) -> Result<JsapiParams, Error> {
        match SignType::of(signed) {
            Some(sign_type) => {
                Ok(JsapiParams::v2(&self.v2(Some(appid))?.merchant, sign_type, prepay_id, now, &nonce()))
            }
            None => {
                let merchant = self.v3_credentials()?.merchant;
                Ok(JsapiParams::v3(&merchant, appid, prepay_id, now, &nonce()))
            }
        }
    }

    /// What an app invokes a payment with, for an order that was placed by `appid` and `signed` so.
    /// # Errors
    /// As [`Client::jsapi_params`].
    pub fn app_params(
        &self,
        signed: Signed,
        appid: &AppId,
        prepay_id: &PrepayId,
        now: UnixMillis,
    ) -> Result<AppParams, Error> {
        match SignType::of(signed) {
            Some(sign_type) => {
                Ok(AppParams::v2(&self.v2(Some(appid))?.merchant, sign_type, prepay_id, now, &nonce()))
            }
            None => {
                let merchant = self.v3_credentials()?.merchant;
                Ok(AppParams::v3(&merchant, appid, prepay_id, now, &nonce()))
            }
        }
    }
}
