//! A probe sent to this server by its public name: what becomes of body, host and client address on the way.

use cashier::db::doctor_probes;
use http::header::{CONTENT_TYPE, USER_AGENT};

use super::{Found, Patient, seen::Trip};
use crate::{
    config::is_loopback_name,
    doctor_probe::{self, PATH, Saw},
};

/// A body like a notice's, with what is written anew by whoever reads and writes it: CDATA, line ends, entities, Chinese.
fn body(nonce: &str) -> String {
    format!(
        "<xml>\r\n<nonce_str><![CDATA[{nonce}]]></nonce_str>\n<attach><![CDATA[1+2%20&3 微信支付]]></attach>\t<a>&amp;</a></xml> \n"
    )
}

/// What became of the probe, which is sent once.
async fn trip(patient: &Patient) -> &Trip {
    patient.trip.get_or_init(|| send(patient)).await
}

async fn send(patient: &Patient) -> Trip {
    let Some(reading) = patient.db() else { return Trip::NoDatabase };
    let nonce = match doctor_probe::issue(&patient.config).await {
        Ok(nonce) => nonce,
        Err(error) => return Trip::NotIssued(error),
    };
    let sent = body(&nonce);
    let request = patient.http.post(format!("{}{PATH}?n={nonce}", patient.public_url));
    // As WeChat's notices come.
    let request = request.header(CONTENT_TYPE, "text/xml").header(USER_AGENT, "Mozilla/4.0");
    let Ok(answer) = request.body(sent.clone()).send().await else { return Trip::Lost };
    let status = answer.status().as_u16();
    let echo = answer.bytes().await.unwrap_or_default();
    let saw = doctor_probes::saw(reading, &nonce).await.ok().flatten();
    match saw.and_then(|saw| serde_json::from_str::<Saw>(&saw).ok()) {
        Some(saw) => {
            let is_echoed = Saw::digest(&echo) == saw.body;
            let sent = (Saw::digest(sent.as_bytes()), sent.len());
            Trip::Arrived { saw: Box::new(saw), sent, is_echoed }
        }
        None if (300..400).contains(&status) || status == 200 => Trip::Lost,
        None => Trip::Status(status),
    }
}

pub(super) async fn arrived(patient: &Patient) -> Found {
    match trip(patient).await {
        Trip::NoDatabase => Found::skipped("see database"),
        Trip::NotIssued(error) => match patient.refuses_writes() {
            true => Found::skipped("nothing can be written: see database_writes and database_rights"),
            false => Found::bad(format!("a probe cannot be written to the database: {error}"))
                .hint("run the doctor as the user of the server, with its settings"),
        },
        Trip::Lost => Found::skipped("see notify_addresses"),
        Trip::Status(404) => Found::bad(format!(
            "{} does not lead to a server of this database: it does not know what was just issued there",
            patient.public_url
        ))
        .hint("let the public name lead to this server, and SAOMA_PUBLIC_URL and DATABASE_URL be those that it was started with"),
        Trip::Status(status) => Found::bad(format!(
            "a body like a notice's was answered with HTTP {status} before it arrived: a firewall or the proxy refuses it"
        ))
        .hint("let whatever stands in front pass /wxpay/ unseen: no rules of a firewall for web applications, no sign-in, no size limit below 16 KiB"),
        Trip::Arrived { .. } => Found::good(format!("what is posted to {} arrives here", patient.public_url)),
    }
}

pub(super) async fn body_arrived(patient: &Patient) -> Found {
    let Trip::Arrived { saw, sent: (digest, length), is_echoed } = trip(patient).await else {
        return Found::skipped("see round_trip");
    };
    if saw.body != *digest || saw.length != *length {
        return Found::bad(format!(
            "of {length} bytes {} arrived, and not the same: no signature fits any more",
            saw.length
        ));
    }
    if saw.content_type != "text/xml" {
        return Found::bad(format!("the content type text/xml arrived as {}", saw.content_type));
    }
    match is_echoed {
        true => Found::good(format!("{length} bytes arrived as they were sent, and so did the answer")),
        false => Found::bad("the body arrived as it was sent, and the answer came back changed"),
    }
}

pub(super) async fn host_name(patient: &Patient) -> Found {
    let Trip::Arrived { saw, .. } = trip(patient).await else { return Found::skipped("see round_trip") };
    let ours = patient.public_url.authority();
    let name = saw.host.strip_suffix(if patient.public_url.is_https() { ":443" } else { ":80" });
    if saw.host.eq_ignore_ascii_case(ours) || name.is_some_and(|name| name.eq_ignore_ascii_case(ours)) {
        return Found::good(format!("the host arrives as {}", saw.host));
    }
    Found::bad(format!("the host arrives as {}, not as {ours}: pages are refused with HTTP 421", saw.host))
}

pub(super) async fn client_address(patient: &Patient) -> Found {
    let Trip::Arrived { saw, .. } = trip(patient).await else { return Found::skipped("see round_trip") };
    let is_local = is_loopback_name(patient.public_url.host());
    judge_client(saw, patient.public_url.is_https(), is_local)
}

/// TLS never ends in this program, so that behind an https name there is always a proxy.
fn judge_client(saw: &Saw, is_https: bool, is_local: bool) -> Found {
    let Saw { peer, client, .. } = saw;
    let forwards = saw.by_proxies.iter().any(|(name, _)| name == "x-forwarded-for");
    match (forwards, saw.is_trusted) {
        // This machine may ask the proxy on it.
        (true, true) if client == peer && !is_loopback_name(peer) => Found::warning(format!(
            "the proxy {peer} sends an X-Forwarded-For that names nobody but proxies: all payers may have one address"
        )),
        (true, true) => Found::good(format!("the proxy {peer} says that {client} asks")),
        (true, false) => Found::bad(format!(
            "{peer} sends X-Forwarded-For, and SAOMA_TRUSTED_PROXIES does not name it: all payers have its address"
        ))
        .hint(format!("set SAOMA_TRUSTED_PROXIES={peer}")),
        (false, true) => Found::bad(format!(
            "the proxy {peer} sends no X-Forwarded-For: all payers have its address, and limits hold for all together"
        )),
        (false, false) if is_https && !is_local => Found::bad(format!(
            "{peer} ends TLS and sends no X-Forwarded-For: all payers have its address"
        ))
        .hint(format!("let the proxy send X-Forwarded-For, and set SAOMA_TRUSTED_PROXIES={peer}")),
        (false, false) => Found::good(format!("{peer} asks, without a proxy")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_proxy_must_say_for_whom_it_asks_and_be_believed() {
        let saw = |is_trusted: bool, client: &str, forwarded: Option<&str>| Saw {
            peer: "10.0.0.1".to_owned(),
            is_trusted,
            client: client.to_owned(),
            host: String::new(),
            content_type: String::new(),
            by_proxies: forwarded
                .map(|to| ("x-forwarded-for".to_owned(), to.to_owned()))
                .into_iter()
                .collect(),
            body: String::new(),
            length: 0,
        };
        let some = Some("198.51.100.7");
        for (saw, is_https, is_good) in [
            (saw(true, "198.51.100.7", some), true, true),
            (saw(true, "10.0.0.1", some), true, false),
            (saw(false, "10.0.0.1", some), true, false),
            (saw(true, "10.0.0.1", None), true, false),
            (saw(false, "10.0.0.1", None), true, false),
            (saw(false, "10.0.0.1", None), false, true),
        ] {
            let found = judge_client(&saw, is_https, false);
            assert_eq!(found.verdict == Verdict::Good, is_good, "{saw:?}: {found:?}");
        }
    }
}
