//! The calls that a merchant makes to WeChat, by whichever protocol the order has.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use tower::{BoxError, Service};

use crate::bill::{BillDate, BillError, BillType};
use crate::channel::{By, Protocol, Signed};
use crate::error::Error;
use crate::placing::{Placing, Prepay};
use crate::refunding::{Refund, RefundAccepted, RefundQuery, Refunds};
use crate::trade::Trade;
use crate::transport::{Budget, InProcess, Transport};
use crate::types::{AppId, InvalidValue, MchId, OutTradeNo, TransactionId};
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
    credentials: Credentials,
    transport: Transport,
    budget: Budget,
}

/// One merchant's credentials for API v2.
#[derive(Debug, Clone)]
pub struct Credentials {
    v2: Merchant,
}

impl From<Merchant> for Credentials {
    fn from(v2: Merchant) -> Self {
        Credentials { v2 }
    }
}

impl Client {
    /// A client that speaks HTTP to `endpoint`, by each protocol that there are credentials for.
    /// # Errors
    /// [`Error::Invalid`] if an address is not one; [`Error::Transport`] if TLS cannot be set up on this machine.
    pub fn new(credentials: impl Into<Credentials>, endpoint: Endpoint) -> Result<Self, Error> {
        Ok(Self::over(credentials.into(), Transport::http(&endpoint)?))
    }

    /// A client that speaks to `service`, such as a router, without sockets; all else is the same.
    pub fn in_process<S, B>(credentials: impl Into<Credentials>, service: S) -> Self
    where
        S: Service<Request<String>, Response = Response<B>, Error = Infallible>,
        S: Clone + Send + Sync + 'static,
        S::Future: Send,
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        Self::over(credentials.into(), Transport::InProcess(InProcess::new(service)))
    }

    fn over(credentials: Credentials, transport: Transport) -> Self {
        let budget = Budget { first: Duration::from_secs(4), total: Duration::from_secs(7) };
        Client { credentials, transport, budget }
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

    /// Whether refunds can be asked for by this protocol: v2 needs a certificate to show, or no TLS at which one is asked
    /// for; v3 needs no more than its credentials.
    pub fn can_refund(&self, by: Protocol) -> bool {
        self.speaks(by) && (by == Protocol::V3 || self.transport.shows_certificate())
    }

    /// The merchant number.
    pub fn mch_id(&self) -> &MchId {
        &self.credentials.v2.mch_id
    }

    /// The main app, in whose name a call goes that names no other.
    pub fn appid(&self) -> &AppId {
        &self.credentials.v2.appid
    }

    /// How a new order is signed.
    pub fn signed(&self) -> Signed {
        self.credentials.v2.sign_type.into()
    }

    /// The protocol of new orders.
    pub fn first(&self) -> Protocol {
        self.signed().protocol()
    }

    /// Whether there are credentials for `protocol`.
    pub fn speaks(&self, protocol: Protocol) -> bool {
        protocol == Protocol::V2
    }

    /// `protocol` if there are credentials for it, else the other one: WeChat answers to either about an order of either.
    pub fn instead(&self, protocol: Protocol) -> Protocol {
        if self.speaks(protocol) { protocol } else { protocol.other() }
    }

    /// The identity of API v2, which its notices are checked with.
    /// # Errors
    /// [`Error::Invalid`] if there is none.
    pub fn v2_merchant(&self) -> Result<&Merchant, Error> {
        Ok(&self.credentials.v2)
    }

    fn v2(&self, appid: Option<&AppId>) -> Result<V2<'_>, Error> {
        let mut merchant = self.v2_merchant()?.clone();
        if let Some(appid) = appid {
            merchant.appid = appid.clone();
        }
        Ok(V2 { merchant, transport: &self.transport, budget: self.budget })
    }

    /// Places an order, and gets what leads the payer to it. For an order that WeChat knows already, with exactly the same
    /// fields, the answer is a fresh ticket, and the former one stops working.
    /// # Errors
    /// [`Error::Refused`] with `ORDERPAID`, `OUT_TRADE_NO_USED` or `INVALID_REQUEST`: query before anything is decided.
    /// [`Error::Invalid`] if a field cannot be sent, or there are no credentials for its protocol.
    /// Source: WeChat Pay v2, native.php?chapter=9_1.
    pub async fn place(&self, placing: &Placing) -> Result<Prepay, Error> {
        placing.check().map_err(Error::Invalid)?;
        match placing.channel.protocol {
            Protocol::V2 => self.v2(Some(&placing.appid))?.unified_order(placing).await,
            Protocol::V3 => Err(no_credentials(Protocol::V3)),
        }
    }

    /// Queries an order.
    /// # Errors
    /// [`Error::Refused`] with `ORDERNOTEXIST` if WeChat has no such order.
    /// Source: WeChat Pay v2, native.php?chapter=9_2.
    pub async fn query(
        &self,
        by: impl Into<By<'_>> + Send,
        out_trade_no: &OutTradeNo,
    ) -> Result<Trade, Error> {
        let by = by.into();
        match by.protocol {
            Protocol::V2 => self.v2(by.appid)?.order_query(out_trade_no).await,
            Protocol::V3 => Err(no_credentials(Protocol::V3)),
        }
    }

    /// Queries one payment by WeChat's number of it: an order may have been paid twice, and only this tells the payments
    /// apart.
    /// # Errors
    /// As [`Client::query`]; [`Error::Foreign`] if the answer names another payment.
    /// Source: WeChat Pay v2, native.php?chapter=9_2.
    pub async fn query_transaction(
        &self,
        by: impl Into<By<'_>> + Send,
        transaction_id: &TransactionId,
    ) -> Result<Trade, Error> {
        let by = by.into();
        match by.protocol {
            Protocol::V2 => self.v2(by.appid)?.transaction_query(transaction_id).await,
            Protocol::V3 => Err(no_credentials(Protocol::V3)),
        }
    }

    /// Closes an unpaid order, so that it cannot be paid any more. WeChat refuses that in the first five minutes.
    /// # Errors
    /// [`Error::Refused`] with `ORDERPAID`: the payer was faster, query. With `ORDERCLOSED`: it is closed already.
    /// Source: WeChat Pay v2, native.php?chapter=9_3.
    pub async fn close(&self, by: impl Into<By<'_>> + Send, out_trade_no: &OutTradeNo) -> Result<(), Error> {
        let by = by.into();
        match by.protocol {
            Protocol::V2 => self.v2(by.appid)?.close_order(out_trade_no).await,
            Protocol::V3 => Err(no_credentials(Protocol::V3)),
        }
    }

    /// Asks for a refund. A success says that WeChat has accepted it, not that it is done. What is unclear is asked again
    /// with the very same [`Refund`] and by the same protocol.
    /// # Errors
    /// [`Error::NoCertificate`] without a certificate that WeChat accepts (v2). [`Error::Refused`] with `NOTENOUGH` (the
    /// merchant's funds), `TRADE_OVERDUE`, `USER_ACCOUNT_ABNORMAL`, `FREQUENCY_LIMITED` and more.
    /// Source: WeChat Pay v2, native.php?chapter=9_4.
    pub async fn refund(
        &self,
        by: impl Into<By<'_>> + Send,
        refund: &Refund,
    ) -> Result<Verified<RefundAccepted>, Error> {
        refund.check().map_err(Error::Invalid)?;
        let by = by.into();
        match by.protocol {
            Protocol::V2 => self.v2(by.appid)?.refund(refund).await,
            Protocol::V3 => Err(no_credentials(Protocol::V3)),
        }
    }

    /// Queries one refund, or all refunds of a payment, [`Refunds::PAGE`] at a time. v3 has no such list, and finds a refund
    /// by its `out_refund_no` only.
    /// # Errors
    /// [`Error::Refused`] with `REFUNDNOTEXIST` if WeChat has accepted no such refund: that one may be sent again.
    /// [`Error::Invalid`] if v3 is asked for anything but [`RefundQuery::OutRefundNo`].
    /// Source: WeChat Pay v2, native.php?chapter=9_5.
    pub async fn query_refunds(
        &self,
        by: impl Into<By<'_>> + Send,
        query: &RefundQuery,
    ) -> Result<Verified<Refunds>, Error> {
        let by = by.into();
        match by.protocol {
            Protocol::V2 => self.v2(by.appid)?.refund_query(query).await,
            Protocol::V3 => Err(no_credentials(Protocol::V3)),
        }
    }

    /// Fetches the bill of a day that has passed, to be read row by row. WeChat makes it at 9:00 of the next day; ask
    /// after 10:00.
    /// # Errors
    /// [`BillError::Call`] here; what the answer says comes with the first [`Bill::next`].
    /// Source: WeChat Pay v2, native.php?chapter=9_6.
    pub async fn download_bill(
        &self,
        by: Protocol,
        date: BillDate,
        bill_type: BillType,
        gzip: bool,
    ) -> Result<Bill, BillError> {
        match by {
            Protocol::V2 => self.v2(None)?.download_bill(date, bill_type, gzip).await,
            Protocol::V3 => Err(no_credentials(Protocol::V3).into()),
        }
    }
}

fn no_credentials(protocol: Protocol) -> Error {
    let must_be = match protocol {
        Protocol::V2 => "v3: there are no credentials for API v2",
        Protocol::V3 => "v2: there are no credentials for API v3",
    };
    Error::Invalid(InvalidValue { what: "the protocol", must_be })
}
