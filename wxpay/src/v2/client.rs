//! The calls that we make to WeChat.

use std::time::Duration;

use axum::Router;
use rand::RngExt;
use rand::distr::Alphanumeric;
use reqwest::Url;

use super::merchant::Merchant;
use super::order_query::Trade;
use super::refund::{Refund, RefundAccepted};
use super::refund_query::{RefundQuery, Refunds};
use super::unified_order::{Prepay, TradeType, UnifiedOrder};
use super::xml::Fields;
use super::{close_order, order_query, reply, sign};
pub use crate::bill::download::Bill;
use crate::bill::{self, BillDate, BillError, BillType};
pub use crate::certificate::Certificate;
use crate::error::Error;
use crate::transport::{Budget, Transport};
use crate::types::{InvalidValue, OutTradeNo, TransactionId};
use crate::verified::Verified;

/// Where WeChat Pay is, or the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Such as `https://api.mch.weixin.qq.com`; a path is kept and put before `/pay/…`.
    pub base_url: String,
    /// Asked when the first one fails. `None` means WeChat's own second host where `base_url` is WeChat's own first
    /// one, else no second host.
    pub backup_url: Option<String>,
}

impl Endpoint {
    /// WeChat's own address. Source: protocol A1.
    pub const WECHAT: &str = "https://api.mch.weixin.qq.com";

    pub fn new(base_url: impl Into<String>) -> Self {
        Endpoint { base_url: base_url.into(), backup_url: None }
    }

    /// Whether real money moves there.
    pub fn is_wechat(&self) -> bool {
        [Some(&self.base_url), self.backup_url.as_ref()].into_iter().flatten().any(|url| {
            let host = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
            host.is_some_and(|host| host.ends_with(".weixin.qq.com") || host.ends_with(".wechatpay.cn"))
        })
    }
}

/// Asks WeChat, and believes only what is signed. Cheap to clone; all clones share their connections.
///
/// Every call ends within 7 s by default, both hosts together.
#[derive(Debug, Clone)]
pub struct Client {
    merchant: Merchant,
    transport: Transport,
    budget: Budget,
}

impl Client {
    /// # Errors
    /// [`Error::Invalid`] if an address is not one; [`Error::Transport`] if TLS cannot be set up on this machine.
    pub fn new(merchant: Merchant, endpoint: Endpoint) -> Result<Self, Error> {
        Ok(Self::over(merchant, Transport::http(&endpoint)?))
    }

    /// Speaks to `router` without sockets; all else is the same.
    pub fn in_process(merchant: Merchant, router: Router) -> Self {
        Self::over(merchant, Transport::InProcess(router))
    }

    fn over(merchant: Merchant, transport: Transport) -> Self {
        let budget = Budget { first: Duration::from_secs(4), total: Duration::from_secs(7) };
        Client { merchant, transport, budget }
    }

    /// The same client with other limits: at most `total_ms` a call, of which at most `first_ms` at the first host if
    /// there are two.
    #[must_use]
    pub fn with_budget(self, first_ms: u64, total_ms: u64) -> Self {
        let budget = Budget {
            first: Duration::from_millis(first_ms.min(total_ms)),
            total: Duration::from_millis(total_ms),
        };
        Client { budget, ..self }
    }

    /// The same client with the merchant's certificate, which refunds need. In process nobody asks for it.
    /// # Errors
    /// [`Error::Invalid`] if the key does not belong to the certificate.
    pub fn with_certificate(self, certificate: Certificate) -> Result<Self, Error> {
        let transport = self.transport.with_tls(|tls| tls.ours = Some(certificate))?;
        Ok(Client { transport, ..self })
    }

    /// The same client, which also believes hosts whose certificate one of these (PEM) has signed: for a sandbox or a
    /// gateway with a certificate of its own.
    /// # Errors
    /// [`Error::Invalid`] if `pem` has no certificate.
    pub fn with_root_certificates(self, pem: &[u8]) -> Result<Self, Error> {
        let must_be = "one or more certificates in PEM";
        let invalid = || Error::Invalid(InvalidValue { what: "the root certificates", must_be });
        let roots = reqwest::Certificate::from_pem_bundle(pem).map_err(|_| invalid())?;
        if roots.is_empty() {
            return Err(invalid());
        }
        let transport = self.transport.with_tls(|tls| tls.roots = roots)?;
        Ok(Client { transport, ..self })
    }

    /// Whether refunds can be asked for: WeChat wants to see a certificate. Where there is no TLS nobody can look at one.
    pub fn can_refund(&self) -> bool {
        self.transport.shows_certificate()
    }

    pub fn merchant(&self) -> &Merchant {
        &self.merchant
    }

    /// Asks for a QR code. For an order that WeChat knows already, with exactly the same fields, the answer is a fresh
    /// code, and the former one stops working.
    /// # Errors
    /// [`Error::Refused`] with `ORDERPAID`, `OUT_TRADE_NO_USED` or `INVALID_REQUEST`: query before deciding anything.
    /// [`Error::Invalid`] if a field cannot be sent, or the order is not for [`TradeType::Native`].
    /// Source: protocol A4.
    pub async fn unified_order(&self, order: &UnifiedOrder) -> Result<Prepay, Error> {
        order.check().map_err(Error::Invalid)?;
        if order.trade_type != TradeType::Native {
            let must_be = "NATIVE, the only one that is paid by a code";
            return Err(Error::Invalid(InvalidValue { what: "trade_type", must_be }));
        }
        let fields = self.call("/pay/unifiedorder", order.to_fields(&self.merchant)).await?;
        // The answer names neither the order nor the amount, so this is all that can be compared.
        reply::must_be(&fields, "trade_type", order.trade_type.as_str())?;
        Prepay::read(&fields).map_err(Error::BadField)
    }

    /// Asks what became of an order.
    /// # Errors
    /// [`Error::Refused`] with `ORDERNOTEXIST` if WeChat never heard of it.
    /// Source: protocol A5.
    pub async fn order_query(&self, out_trade_no: &OutTradeNo) -> Result<Trade, Error> {
        let request = order_query::request(&self.merchant, out_trade_no);
        let fields = self.call("/pay/orderquery", request).await?;
        reply::must_be(&fields, "out_trade_no", out_trade_no.as_str())?;
        Trade::read(&fields, self.merchant.sign_type).map_err(Error::BadField)
    }

    /// Asks about one payment by WeChat's number of it.
    /// # Errors
    /// As [`Client::order_query`]; [`Error::Foreign`] if the answer names another payment.
    /// Source: protocol A5.1.
    pub async fn transaction_query(&self, transaction_id: &TransactionId) -> Result<Trade, Error> {
        let request = order_query::request_by_transaction(&self.merchant, transaction_id);
        let fields = self.call("/pay/orderquery", request).await?;
        let trade = Trade::read(&fields, self.merchant.sign_type).map_err(Error::BadField)?;
        match &trade.payment {
            Some(payment) if payment.transaction_id != *transaction_id => {
                Err(Error::Foreign { field: "transaction_id" })
            }
            _ => Ok(trade),
        }
    }

    /// Ends an unpaid order. WeChat refuses that in the first five minutes.
    /// # Errors
    /// [`Error::Refused`] with `ORDERPAID`: the payer was faster, query. With `ORDERCLOSED`: it is closed already.
    /// Source: protocol A6.
    pub async fn close_order(&self, out_trade_no: &OutTradeNo) -> Result<(), Error> {
        let request = close_order::request(&self.merchant, out_trade_no);
        self.call("/pay/closeorder", request).await.map(drop)
    }

    /// Asks for money to go back to the payer. A success says that WeChat has taken it on, not that it is done. What
    /// is unclear is asked again with the very same [`Refund`].
    /// # Errors
    /// [`Error::NoCertificate`] without a certificate that WeChat takes. [`Error::Refused`] with `NOTENOUGH` (the
    /// merchant's funds), `TRADE_OVERDUE`, `USER_ACCOUNT_ABNORMAL`, `FREQUENCY_LIMITED` and more.
    /// Source: protocol A7.
    pub async fn refund(&self, refund: &Refund) -> Result<Verified<RefundAccepted>, Error> {
        refund.check().map_err(Error::Invalid)?;
        let fields = self.call("/secapi/pay/refund", refund.to_fields(&self.merchant)).await?;
        reply::must_be(&fields, "out_refund_no", refund.out_refund_no.as_str())?;
        reply::must_be(&fields, "transaction_id", refund.transaction_id.as_str())?;
        reply::must_be(&fields, "out_trade_no", refund.out_trade_no.as_str())?;
        let accepted = RefundAccepted::read(&fields).map_err(Error::BadField)?;
        if accepted.refund_fee != refund.refund_fee {
            return Err(Error::Foreign { field: "refund_fee" });
        }
        if accepted.total_fee != refund.total_fee {
            return Err(Error::Foreign { field: "total_fee" });
        }
        Ok(Verified::vouch(accepted))
    }

    /// Asks what became of a refund, or of all refunds of a payment, ten at a time.
    /// # Errors
    /// [`Error::Refused`] with `REFUNDNOTEXIST` if WeChat has taken on no such refund: that one may be sent again.
    /// Source: protocol A8.
    pub async fn refund_query(&self, query: &RefundQuery) -> Result<Verified<Refunds>, Error> {
        let fields = self.call("/pay/refundquery", query.to_fields(&self.merchant)).await?;
        let refunds = Refunds::read(&fields).map_err(Error::BadField)?;
        match query.mismatch(&refunds) {
            None => Ok(Verified::vouch(refunds)),
            Some(field) => Err(Error::Foreign { field }),
        }
    }

    /// Fetches the bill of a day that has passed, to be read row by row. WeChat makes it at 9:00 of the next day; ask
    /// after 10:00.
    /// # Errors
    /// [`BillError::Call`] here; what the answer says comes with the first [`Bill::next`].
    /// Source: protocol A10.
    pub async fn download_bill(
        &self,
        date: BillDate,
        bill_type: BillType,
        gzip: bool,
    ) -> Result<Bill, BillError> {
        let request = self.signed(bill::request(&self.merchant, date, bill_type, gzip));
        Bill::open(&self.transport, "/pay/downloadbill", request, self.budget).await
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

/// New for every request: 32 random letters and digits. Source: protocol A1.2.
fn nonce() -> String {
    rand::rng().sample_iter(Alphanumeric).take(32).map(char::from).collect()
}
