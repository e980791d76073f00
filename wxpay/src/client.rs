//! The calls that a merchant makes to WeChat, by whichever protocol the order has.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use tower::{BoxError, Service};

use crate::bill::{BillDate, BillError, BillType};
use crate::channel::{Protocol, TradeType};
use crate::error::Error;
use crate::placing::{Placing, Prepay};
use crate::refunding::{Refund, RefundAccepted, RefundQuery, Refunds};
use crate::trade::Trade;
use crate::transport::{Budget, InProcess, Transport};
use crate::types::{InvalidValue, OutTradeNo, TransactionId};
use crate::v2::client::V2;
use crate::v2::merchant::Merchant;
use crate::verified::Verified;

pub use crate::bill::download::Bill;
pub use crate::certificate::Certificate;
pub use crate::host::Endpoint;

/// Asks WeChat, and believes only what is signed. Cheap to clone; all clones share their connections.
///
/// Every call ends within 7 s by default, both hosts together. A call may be repeated with the same numbers: none orders,
/// closes or refunds twice.
#[derive(Debug, Clone)]
pub struct Client {
    merchant: Merchant,
    transport: Transport,
    budget: Budget,
}

impl Client {
    /// A client that speaks HTTP to `endpoint`.
    /// # Errors
    /// [`Error::Invalid`] if an address is not one; [`Error::Transport`] if TLS cannot be set up on this machine.
    pub fn new(merchant: Merchant, endpoint: Endpoint) -> Result<Self, Error> {
        Ok(Self::over(merchant, Transport::http(&endpoint)?))
    }

    /// A client that speaks to `service`, such as a router, without sockets; all else is the same.
    pub fn in_process<S, B>(merchant: Merchant, service: S) -> Self
    where
        S: Service<Request<String>, Response = Response<B>, Error = Infallible>,
        S: Clone + Send + Sync + 'static,
        S::Future: Send,
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        Self::over(merchant, Transport::InProcess(InProcess::new(service)))
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

    /// The same client with the merchant's TLS certificate, which v2 refunds need. In process none asks for it.
    /// # Errors
    /// [`Error::Invalid`] if the key does not belong to the certificate.
    pub fn with_certificate(self, certificate: Certificate) -> Result<Self, Error> {
        let transport = self.transport.with_tls(|tls| tls.ours = Some(certificate))?;
        Ok(Client { transport, ..self })
    }

    /// The same client, which also trusts hosts whose certificate one of these (PEM) has signed: for a sandbox or a
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

    /// Whether refunds can be asked for: there is a certificate to show, or no TLS at which one is asked for.
    pub fn can_refund(&self) -> bool {
        self.transport.shows_certificate()
    }

    /// The identity whose requests these are.
    pub fn merchant(&self) -> &Merchant {
        &self.merchant
    }

    fn v2(&self) -> V2<'_> {
        V2 { merchant: &self.merchant, transport: &self.transport, budget: self.budget }
    }

    /// Places an order, and gets what leads the payer to it. For an order that WeChat knows already, with exactly the same
    /// fields, the answer is a fresh ticket, and the former one stops working.
    /// # Errors
    /// [`Error::Refused`] with `ORDERPAID`, `OUT_TRADE_NO_USED` or `INVALID_REQUEST`: query before anything is decided.
    /// [`Error::Invalid`] if a field cannot be sent, the order is not for [`TradeType::Native`], or there are no
    /// credentials for its protocol.
    /// Source: WeChat Pay v2, native.php?chapter=9_1.
    pub async fn place(&self, placing: &Placing) -> Result<Prepay, Error> {
        placing.check().map_err(Error::Invalid)?;
        if placing.channel.trade_type != TradeType::Native {
            let must_be = "NATIVE, the only one that is paid by a code";
            return Err(Error::Invalid(InvalidValue { what: "trade_type", must_be }));
        }
        match placing.channel.protocol {
            Protocol::V2 => self.v2().unified_order(placing).await,
            Protocol::V3 => {
                let must_be = "v2, the only one that the merchant has credentials for";
                Err(Error::Invalid(InvalidValue { what: "the protocol", must_be }))
            }
        }
    }

    /// Queries an order.
    /// # Errors
    /// [`Error::Refused`] with `ORDERNOTEXIST` if WeChat has no such order.
    /// Source: WeChat Pay v2, native.php?chapter=9_2.
    pub async fn query(&self, out_trade_no: &OutTradeNo) -> Result<Trade, Error> {
        self.v2().order_query(out_trade_no).await
    }

    /// Queries one payment by WeChat's number of it: an order may have been paid twice, and only this tells the payments
    /// apart.
    /// # Errors
    /// As [`Client::query`]; [`Error::Foreign`] if the answer names another payment.
    /// Source: WeChat Pay v2, native.php?chapter=9_2.
    pub async fn query_transaction(&self, transaction_id: &TransactionId) -> Result<Trade, Error> {
        self.v2().transaction_query(transaction_id).await
    }

    /// Closes an unpaid order, so that it cannot be paid any more. WeChat refuses that in the first five minutes.
    /// # Errors
    /// [`Error::Refused`] with `ORDERPAID`: the payer was faster, query. With `ORDERCLOSED`: it is closed already.
    /// Source: WeChat Pay v2, native.php?chapter=9_3.
    pub async fn close(&self, out_trade_no: &OutTradeNo) -> Result<(), Error> {
        self.v2().close_order(out_trade_no).await
    }

    /// Asks for a refund. A success says that WeChat has accepted it, not that it is done. What is unclear is asked again
    /// with the very same [`Refund`].
    /// # Errors
    /// [`Error::NoCertificate`] without a certificate that WeChat accepts. [`Error::Refused`] with `NOTENOUGH` (the
    /// merchant's funds), `TRADE_OVERDUE`, `USER_ACCOUNT_ABNORMAL`, `FREQUENCY_LIMITED` and more.
    /// Source: WeChat Pay v2, native.php?chapter=9_4.
    pub async fn refund(&self, refund: &Refund) -> Result<Verified<RefundAccepted>, Error> {
        refund.check().map_err(Error::Invalid)?;
        self.v2().refund(refund).await
    }

    /// Queries one refund, or all refunds of a payment, [`Refunds::PAGE`] at a time.
    /// # Errors
    /// [`Error::Refused`] with `REFUNDNOTEXIST` if WeChat has accepted no such refund: that one may be sent again.
    /// Source: WeChat Pay v2, native.php?chapter=9_5.
    pub async fn query_refunds(&self, query: &RefundQuery) -> Result<Verified<Refunds>, Error> {
        self.v2().refund_query(query).await
    }

    /// Fetches the bill of a day that has passed, to be read row by row. WeChat makes it at 9:00 of the next day; ask
    /// after 10:00.
    /// # Errors
    /// [`BillError::Call`] here; what the answer says comes with the first [`Bill::next`].
    /// Source: WeChat Pay v2, native.php?chapter=9_6.
    pub async fn download_bill(
        &self,
        date: BillDate,
        bill_type: BillType,
        gzip: bool,
    ) -> Result<Bill, BillError> {
        self.v2().download_bill(date, bill_type, gzip).await
    }
}
