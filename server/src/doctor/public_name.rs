//! The name under which payers and WeChat reach this site: where it leads, and the certificate that is shown there.

use std::{net::IpAddr, time::Duration};

use cashier::error_chain::error_chain;
use reqwest::tls::TlsInfo;
use tokio::{net::lookup_host, time::timeout};

use super::{Found, Patient, seen::Tls, wechat::DAY_MS};
use crate::{client_addr::is_public, config::is_loopback_name};

/// How long before its end the certificate of the site is warned about, in days. Those that renew themselves do so before.
const WARN_DAYS: i64 = 10;

/// What the resolver may take.
const WITHIN: Duration = Duration::from_secs(5);

/// Where the public name leads, looked up once.
///
/// # Errors
/// Why there is no address, in words.
pub(super) async fn addresses(patient: &Patient) -> &Result<Vec<IpAddr>, String> {
    patient.addresses.get_or_init(|| resolved(patient)).await
}

async fn resolved(patient: &Patient) -> Result<Vec<IpAddr>, String> {
    let host = patient.public_url.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    let looked = timeout(WITHIN, lookup_host((host.as_str(), 443))).await;
    let found = looked.map_err(|_| format!("no answer within {} s", WITHIN.as_secs()))?;
    let mut addresses: Vec<_> =
        found.map_err(|error| error.to_string())?.map(|address| address.ip()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    if addresses.is_empty() { Err("it has no address".to_owned()) } else { Ok(addresses) }
}

pub(super) async fn dns(patient: &Patient) -> Found {
    let host = patient.public_url.host();
    let addresses = match addresses(patient).await {
        Ok(addresses) => addresses,
        Err(why) => return Found::bad(format!("the name {host} leads nowhere: {why}")),
    };
    let text = addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ");
    if is_loopback_name(host) || patient.config.is_sandbox() || addresses.iter().any(|ip| is_public(*ip)) {
        return Found::good(format!("{host} is {text}"));
    }
    Found::warning(format!(
        "{host} is {text} as seen from here, where WeChat cannot post: another name server must tell it more"
    ))
}

/// What is shown at the public name, looked at once.
pub(super) async fn shown(patient: &Patient) -> &Tls {
    patient.tls.get_or_init(|| look(patient)).await
}

async fn look(patient: &Patient) -> Tls {
    if !patient.public_url.is_https() || addresses(patient).await.is_err() {
        return Tls::None;
    }
    match patient.http.get(format!("{}/healthz", patient.public_url)).send().await {
        Ok(answer) => {
            let certificate = answer.extensions().get::<TlsInfo>().and_then(TlsInfo::peer_certificate);
            Tls::Shown(certificate.and_then(end_of))
        }
        Err(error) => {
            let why = error_chain(&error);
            // A refused connection is not TLS' fault.
            let is_about_tls = ["certificate", "TLS", "tls", "handshake", "corrupt message"]
                .iter()
                .any(|word| why.contains(word));
            if is_about_tls { Tls::Failed(why) } else { Tls::None }
        }
    }
}

fn end_of(der: &[u8]) -> Option<i64> {
    let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    certificate.validity().not_after.timestamp().checked_mul(1000)
}

pub(super) async fn tls(patient: &Patient) -> Found {
    if !patient.public_url.is_https() {
        return Found::skipped("SAOMA_PUBLIC_URL is plain http");
    }
    match shown(patient).await {
        Tls::None => Found::skipped("see public_dns and notify_addresses"),
        Tls::Failed(why) => {
            Found::bad(format!("{} shows no certificate that is believed: {why}", patient.public_url))
        }
        Tls::Shown(None) => Found::good("the certificate of the site is believed"),
        Tls::Shown(Some(end_ms)) => {
            let days = (end_ms - patient.now.get()) / DAY_MS;
            let text = format!("the certificate of the site is believed and ends in {days} days");
            if days < WARN_DAYS { Found::warning(text) } else { Found::good(text) }
        }
    }
}
