//! The client for WeChat, and in sandbox mode what stands in for WeChat in this process.

use std::net::{Ipv4Addr, SocketAddr};

use cashier::{Cashier, Db};
use sandbox::{Deliver, Options, Registered, Sandbox};
use tokio::{sync::watch, task::JoinHandle};
use wxpay::{
    Merchant, Protocol, UnixMillis,
    client::{Certificate, Client, Endpoint},
};

use super::{error::StartError, stop::until};
use crate::{
    config::{CERTIFICATE_WARN_DAYS, Config, Credentials, Mode, PublicUrl},
    credentials, listener,
};

/// Where the sandbox of this process listens.
#[derive(Debug, Default)]
pub(super) struct Played {
    pub sandbox_addr: Option<SocketAddr>,
    pub browser_addr: Option<SocketAddr>,
}

/// The port for WeChat's browser beside a sandbox's. 0, any free one, stays 0.
pub fn next_port(port: u16) -> u16 {
    if port == 0 { 0 } else { port.checked_add(1).unwrap_or(0) }
}

/// The client for WeChat, or the sandbox in this process and a client for that.
pub(super) async fn played(
    config: &Config,
    db: &Db,
    (site, public_url): (SocketAddr, &PublicUrl),
    stopped: &watch::Receiver<bool>,
    tasks: &mut Vec<JoinHandle<()>>,
) -> Result<(Client, Played), StartError> {
    let address = match &config.mode {
        Mode::Merchant(merchant) => return Ok((of_merchant(merchant, config.first)?, Played::default())),
        Mode::Sandbox { addr } => *addr,
    };
    let failed = StartError::listen("SAOMA_SANDBOX_ADDR", address);
    let listener = listener::bind(address).map_err(&failed)?;
    let addr = listener.local_addr().map_err(&failed)?;
    let sandbox = Sandbox::open(Options {
        merchant: Merchant::sandbox(),
        store: Some(db.pool().clone()),
        clock: sandbox::Clock::real(),
        deliver: Deliver::ToThisMachine,
    })
    .await?;
    let credentials = credentials::of_sandbox(&sandbox, config.first)?;
    sandbox.register(Registered {
        domains: vec![public_url.host().to_owned()],
        callback_url: Some(format!("{public_url}/wxpay/callback")),
        // On one machine payers have no others.
        allow_private_ip: true,
    });
    let browser_addr = browser(&sandbox, site, address, stopped, tasks);
    let stopped = stopped.clone();
    tasks.push(tokio::spawn(async move {
        if let Err(error) = sandbox.serve(listener, until(stopped)).await {
            tracing::error!(%error, "sandbox server failed");
        }
    }));
    let client = Client::new(credentials, Endpoint::new(format!("http://{addr}")))?;
    Ok((client, Played { sandbox_addr: Some(addr), browser_addr }))
}

/// The client for WeChat beside a server that may run. In sandbox mode WeChat is the one within that server.
///
/// # Errors
/// [`StartError`].
pub(crate) fn beside(config: &Config) -> Result<Client, StartError> {
    match &config.mode {
        Mode::Merchant(merchant) => of_merchant(merchant, config.first),
        Mode::Sandbox { addr } if addr.port() == 0 => Err(StartError::SandboxPort),
        Mode::Sandbox { addr } => {
            Ok(Client::new(Merchant::sandbox(), Endpoint::new(format!("http://{addr}")))?)
        }
    }
}

pub(crate) fn of_merchant(merchant: &Credentials, first: Protocol) -> Result<Client, StartError> {
    let endpoint = merchant.base_url.as_deref().map_or_else(Endpoint::wechat, Endpoint::new);
    let client = Client::new(credentials::of_merchant(merchant, first)?, endpoint)?;
    let now = UnixMillis::now();
    let client = with_certificate(client, merchant.certificate.as_ref(), now)?;
    Ok(match merchant.v3.as_ref().is_some_and(|v3| v3.has_expired(now)) {
        true => client.with_ended_v3_certificate(),
        false => client,
    })
}

/// Shows this site, which listens on `site`, as WeChat's browser would, on the port after the sandbox's. Where that is taken
/// there is none: everything else works without it.
fn browser(
    sandbox: &Sandbox,
    site: SocketAddr,
    sandbox_addr: SocketAddr,
    stopped: &watch::Receiver<bool>,
    tasks: &mut Vec<JoinHandle<()>>,
) -> Option<SocketAddr> {
    let address = SocketAddr::new(sandbox_addr.ip(), next_port(sandbox_addr.port()));
    let bound = listener::bind(address).and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (addr, listener) = match bound {
        Ok(bound) => bound,
        Err(error) => {
            tracing::warn!(%error, "there is no WeChat browser: {address} is not free");
            return None;
        }
    };
    let (sandbox, stopped) = (sandbox.clone(), stopped.clone());
    let ip = if site.ip().is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { site.ip() };
    let site = format!("http://{}", SocketAddr::new(ip, site.port()));
    tasks.push(tokio::spawn(async move {
        if let Err(error) = sandbox.serve_browser(listener, &site, until(stopped)).await {
            tracing::error!(%error, "WeChat's browser failed");
        }
    }));
    Some(addr)
}

/// Tells the cashier when the merchant's certificate ends, and has it place no orders by API v3 where it has ended: WeChat refuses each
/// request that the key of an expired certificate signs. Notices are believed all the same, so credits go on.
pub(crate) fn heed_certificate(cashier: &Cashier, config: &Config, now: UnixMillis) {
    cashier.set_merchant_certificate_ends(config.certificate().map(Certificate::expires_at));
    let Mode::Merchant(merchant) = &config.mode else { return };
    let Some(v3) = merchant.v3.as_ref().filter(|v3| v3.has_expired(now)) else { return };
    let day = v3.expires_at.map(UnixMillis::to_beijing_text).unwrap_or_default();
    tracing::error!("calls by API v3 are off: the certificate in SAOMA_WECHAT_CERT expired on {day}");
    if config.first == Protocol::V3 {
        cashier.stop_orders(Protocol::V3, &format!("the certificate in SAOMA_WECHAT_CERT expired on {day}"));
    }
}

/// The client with the certificate that refunds need. Without a valid one nothing is refunded and everything else works:
/// an expired certificate must not keep payments from being credited.
fn with_certificate(
    client: Client,
    certificate: Option<&Certificate>,
    now: UnixMillis,
) -> Result<Client, StartError> {
    let Some(certificate) = certificate else {
        if !client.can_refund(Protocol::V2) {
            tracing::warn!("refunds are off: SAOMA_WECHAT_CERT is not set");
        }
        return Ok(client);
    };
    let ends = certificate.expires_at();
    let day = ends.to_beijing_text();
    if ends <= now {
        tracing::error!("refunds are off: the certificate in SAOMA_WECHAT_CERT expired on {day}");
        return Ok(client);
    }
    if ends.minus(now) < CERTIFICATE_WARN_DAYS * 24 * 3600 * 1000 {
        tracing::warn!("the certificate in SAOMA_WECHAT_CERT expires on {day}; refunds end with it");
    }
    Ok(client.with_certificate(certificate.clone())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate that ends with this year.
    fn certificate(last_year: i32) -> Certificate {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["10000100".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(last_year, 12, 31);
        let pem = params.self_signed(&key).unwrap().pem();
        Certificate::from_pem(pem.as_bytes(), key.serialize_pem().as_bytes()).unwrap()
    }

    #[test]
    fn nothing_is_refunded_with_an_expired_certificate() {
        let now = UnixMillis::new(1_773_540_000_000);
        let can_refund = |certificate: Option<Certificate>| {
            let client = Client::new(Merchant::sandbox(), Endpoint::wechat()).unwrap();
            with_certificate(client, certificate.as_ref(), now).unwrap().can_refund(Protocol::V2)
        };
        assert!(can_refund(Some(certificate(2036))));
        assert!(!can_refund(Some(certificate(2025))));
        assert!(!can_refund(None));
    }
}
