//! The calls that a merchant makes to WeChat, by whichever protocol the order has.

mod calls;
mod credentials;
mod present;

use std::convert::Infallible;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use tower::{BoxError, Service};

use crate::UnixMillis;
use crate::channel::{Protocol, Signed};
use crate::clock::Clock;
use crate::error::Error;
use crate::observer::{Api, Ended, Observer};
use crate::transport::{Budget, InProcess, Tls, Trace, Transport};
use crate::types::{AppId, InvalidValue, MchId};
use crate::v2::client::V2;
use crate::v2::merchant::Merchant;
use crate::v3;
use crate::v3::client::V3;
use crate::v3::refresh::{Refresh, Why};
use present::Present;

pub use crate::bill::download::Bill;
pub use crate::certificate::{Certificate, PemPair};
pub use crate::host::Endpoint;
pub use credentials::Credentials;

/// Asks WeChat, and believes only what is signed. Cheap to clone; all clones share their connections and WeChat's keys.
///
/// Every call ends within 7 s by default, both hosts together. A call may be repeated with the same numbers: none orders,
/// closes or refunds twice.
#[derive(Debug, Clone)]
pub struct Client {
    mch_id: MchId,
    appid: AppId,
    /// Replaced as a whole: a call goes on with what it began with.
    present: Arc<RwLock<Arc<Present>>>,
    refresh: Arc<Refresh>,
    budget: Budget,
    clock: Clock,
    observer: Observer,
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
        let (refresh, clock) = (Arc::default(), Clock::new(UnixMillis::now));
        let (mch_id, appid) = (credentials.mch_id().clone(), credentials.appid().clone());
        let observer = Observer::default();
        let present = Arc::new(RwLock::new(Arc::new(Present::new(credentials, transport))));
        Client { mch_id, appid, present, refresh, budget, clock, observer }
    }

    fn present(&self) -> Arc<Present> {
        Arc::clone(&self.present.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A client that has something else from the beginning.
    fn with(self, present: Present) -> Self {
        Client { present: Arc::new(RwLock::new(Arc::new(present))), ..self }
    }

    /// For all clones.
    fn replace(&self, present: Present) {
        *self.present.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(present);
    }

    fn with_tls(self, change: impl FnOnce(&mut Tls)) -> Result<Self, Error> {
        let present = self.present().with_tls(change)?;
        Ok(self.with(present))
    }

    /// From now on this client and all its clones have the keys and the certificate of `other`. Calls that are under way end as
    /// they began. What was learnt of WeChat's platform certificates stays, and so do limits and clock.
    /// # Errors
    /// [`InvalidValue`] if `other` is another merchant's or app's, or does not speak the same protocols: then nothing changes.
    pub fn take_over(&self, other: &Client) -> Result<(), InvalidValue> {
        let (new, old) = (other.present(), self.present());
        let speaks = |present: &Present| [present.v2().is_some(), present.v3().is_some()];
        InvalidValue::check([
            (self.mch_id == other.mch_id, "mch_id", "the same as before"),
            (self.appid == other.appid, "appid", "the same as before"),
            (speaks(&new) == speaks(&old), "the protocols", "the same as before"),
        ])?;
        new.learn_from(&old, self.clock.now());
        self.replace(new.with_trace(old.transport.trace()));
        Ok(())
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

    /// The same client with another clock than the machine's. API v3 signs the time, and believes no answer that is more
    /// than 300 s off.
    #[must_use]
    pub fn with_clock(self, now: impl Fn() -> UnixMillis + Send + Sync + 'static) -> Self {
        Client { clock: Clock::new(now), ..self }
    }

    /// The same client, which tells `told` of each call that ended.
    #[must_use]
    pub fn with_observer(self, told: impl Fn(&Ended<'_>) + Send + Sync + 'static) -> Self {
        Client { observer: Observer::new(told), ..self }
    }

    /// The same client, which sends what `traceparent` says in the header of that name (W3C Trace Context) with each call over
    /// HTTP.
    #[must_use]
    pub fn with_trace(self, traceparent: impl Fn() -> Option<String> + Send + Sync + 'static) -> Self {
        // In place, so that it goes on having the same keys as its clones.
        self.replace(self.present().with_trace(Trace::new(traceparent)));
        self
    }

    /// The same client with the merchant's TLS certificate, which v2 refunds need. In process none asks for it.
    /// # Errors
    /// [`Error::Invalid`] if the key does not belong to the certificate.
    pub fn with_certificate(self, certificate: Certificate) -> Result<Self, Error> {
        self.with_tls(|tls| tls.ours = Some(certificate))
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
        self.with_tls(|tls| tls.roots = roots)
    }

    /// The same client, whose merchant certificate for v3 has ended: WeChat refuses each call that its key signs. Notices
    /// are believed all the same, and what v2 can be asked for goes by v2.
    #[must_use]
    pub fn with_ended_v3_certificate(self) -> Self {
        let present = self.present().with_ended_v3();
        self.with(present)
    }

    /// Whether WeChat can be asked by this protocol: there are credentials for it, and v3's certificate has not ended.
    pub fn can_call(&self, by: Protocol) -> bool {
        self.speaks(by) && !(by == Protocol::V3 && self.present().v3_has_ended)
    }

    /// Whether refunds can be asked for by this protocol: v2 needs a certificate to show, or no TLS at which one is asked
    /// for; v3 needs no more than to be callable.
    pub fn can_refund(&self, by: Protocol) -> bool {
        self.can_call(by) && (by == Protocol::V3 || self.present().transport.shows_certificate())
    }

    /// The merchant number.
    pub fn mch_id(&self) -> &MchId {
        &self.mch_id
    }

    /// The main app, in whose name a call goes that names no other.
    pub fn appid(&self) -> &AppId {
        &self.appid
    }

    /// How a new order is signed.
    pub fn signed(&self) -> Signed {
        self.present().signed()
    }

    /// The protocol of new orders.
    pub fn first(&self) -> Protocol {
        self.signed().protocol()
    }

    /// Whether there are credentials for `protocol`.
    pub fn speaks(&self, protocol: Protocol) -> bool {
        match protocol {
            Protocol::V2 => self.present().v2().is_some(),
            Protocol::V3 => self.present().v3().is_some(),
        }
    }

    /// `protocol` if WeChat can be asked by it, else the other one: WeChat answers to either about an order of either. Where
    /// it can be asked by neither, that of the two for which there are credentials.
    pub fn instead(&self, protocol: Protocol) -> Protocol {
        let can = |by| self.can_call(by) || (self.speaks(by) && !self.can_call(by.other()));
        if can(protocol) { protocol } else { protocol.other() }
    }

    /// The identity of API v2, which its notices are checked with. Of two keys its `key` is the one that WeChat took last.
    /// # Errors
    /// [`Error::Invalid`] if there is none.
    pub fn v2_merchant(&self) -> Result<Arc<Merchant>, Error> {
        let merchant = self.present().v2().map(|key_in_use| key_in_use.merchant());
        merchant.ok_or_else(|| no_credentials(Protocol::V2))
    }

    /// The identity of API v3 and WeChat's keys, which its notices are checked with.
    /// # Errors
    /// [`Error::Invalid`] if there are none.
    pub fn v3_credentials(&self) -> Result<v3::Credentials, Error> {
        self.present().v3().cloned().ok_or_else(|| no_credentials(Protocol::V3))
    }

    /// Reads WeChat's platform certificates if that is due, which it is every 12 hours: call it now and then, and store what
    /// `v3_credentials().keys` lists then. Whether they were read. Without API v3, or with public keys only, it does nothing.
    /// # Errors
    /// [`Error`] if WeChat cannot be reached, refuses, or answers what cannot be believed. What was known stays.
    pub async fn refresh_certificates(&self) -> Result<bool, Error> {
        match self.speaks(Protocol::V3) {
            true => self.refreshed(Why::Age).await,
            false => Ok(false),
        }
    }

    /// Reads them because a notice names the certificate `serial` ([`v3::signed::SignError::unknown_certificate`]): at once, but
    /// not within a minute of the last try. Whether they were read, by this call or by one at the same time, so that it is
    /// worth checking the notice again.
    /// # Errors
    /// As [`Client::refresh_certificates`].
    pub async fn learn_certificate(&self, serial: &v3::serial::Serial) -> Result<bool, Error> {
        self.refreshed(Why::Unknown(serial)).await
    }

    async fn refreshed(&self, why: Why<'_>) -> Result<bool, Error> {
        let refresh = async { self.v3()?.refresh(why).await };
        let (of, ahead) = ((Api::Certificates, Protocol::V3), || self.present().transport.clock_ahead_s());
        let read = self.observer.during(of, ahead, refresh, |read| match read {
            // It was not due.
            Ok(false) => None,
            read => Some(read.as_ref().err()),
        });
        read.await
    }

    /// Makes a call, of which the observer is told.
    async fn observed<T>(
        &self,
        api: Api,
        protocol: Protocol,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let ahead = || self.present().transport.clock_ahead_s();
        self.observer.during((api, protocol), ahead, call, |answer| Some(answer.as_ref().err())).await
    }

    fn v2(&self, appid: Option<&AppId>) -> Result<V2, Error> {
        let present = self.present();
        let key_in_use = Arc::clone(present.v2().ok_or_else(|| no_credentials(Protocol::V2))?);
        let mut merchant = Merchant::clone(&key_in_use.merchant());
        if let Some(appid) = appid {
            merchant.appid = appid.clone();
        }
        Ok(V2 { merchant, key_in_use, transport: Arc::clone(&present.transport), budget: self.budget })
    }

    fn v3(&self) -> Result<V3<'_>, Error> {
        let present = self.present();
        Ok(V3 {
            credentials: present.v3().cloned().ok_or_else(|| no_credentials(Protocol::V3))?,
            refresh: &self.refresh,
            transport: Arc::clone(&present.transport),
            budget: self.budget,
            clock: &self.clock,
        })
    }
}

fn no_credentials(protocol: Protocol) -> Error {
    let must_be = match protocol {
        Protocol::V2 => "v3: there are no credentials for API v2",
        Protocol::V3 => "v2: there are no credentials for API v3",
    };
    Error::Invalid(InvalidValue { what: "the protocol", must_be })
}
