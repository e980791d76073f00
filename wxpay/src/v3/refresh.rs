//! When WeChat's platform certificates are read anew: a successor appears some days before the old one ends, and WeChat asks
//! for a look at least every 12 hours. Source: WeChat Pay, 平台证书轮换 (APIv3).

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tokio::sync::Mutex;

use super::ANSWER_LIMIT;
use super::certificates;
use super::credentials::Credentials;
use super::refusal::Asked;
use super::serial::Serial;
use super::signed::SignedHead;
use crate::UnixMillis;
use crate::clock::Clock;
use crate::error::{ErrCode, Error};
use crate::transport::{Budget, Call, Transport};

/// How old the list may become, in ms.
const AGE_MS: i64 = 12 * 60 * 60 * 1000;

/// The least time between two tries, in ms: anybody can send a notice with a serial that nobody knows.
const TRIES_MS: i64 = 60 * 1000;

/// Why the list may have to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Why<'a> {
    /// It may have become too old.
    Age,
    /// There is no key at all, so that no answer could be believed.
    NoKey,
    /// A message names a certificate that is not known.
    Unknown(&'a Serial),
}

/// The last tries of this process. The lock is held while the list is read, so that it is read once for all who wait.
#[derive(Debug, Default)]
pub(crate) struct Refresh(Mutex<Last>);

#[derive(Debug, Default)]
struct Last {
    tried: Option<UnixMillis>,
    done: Option<UnixMillis>,
}

impl Refresh {
    /// Reads the list if it is due; whether it was read. For a certificate that is named also whether whoever held the lock
    /// before has read it meanwhile: what names it is worth another check.
    pub async fn refresh(
        &self,
        credentials: &Credentials,
        clock: &Clock,
        why: Why<'_>,
        transport: &Transport,
        headers: &(dyn Fn(&str) -> HeaderMap + Send + Sync),
        budget: Budget,
    ) -> Result<bool, Error> {
        if !credentials.has_certificates {
            return Ok(false);
        }
        let mut last = self.0.lock().await;
        let (now, keys) = (clock.now(), &credentials.keys);
        // Who held the lock before may have read it.
        let is_due = match why {
            Why::Age => last.done.is_none_or(|done| now.minus(done) >= AGE_MS),
            Why::NoKey => keys.newest_serial(now).is_none(),
            Why::Unknown(serial) if keys.key(serial, now).is_some() => return Ok(true),
            Why::Unknown(serial) => !serial.is_public_key(),
        };
        if !is_due {
            return Ok(false);
        }
        if last.tried.is_some_and(|tried| (0..TRIES_MS).contains(&now.minus(tried))) {
            return match why {
                Why::NoKey => Err(Error::NoKeys),
                Why::Age | Why::Unknown(_) => Ok(false),
            };
        }
        last.tried = Some(now);
        let (target, template) = (certificates::PATH, certificates::TEMPLATE);
        let call = Call { method: Method::GET, target, template, headers, body: "" };
        let reply = transport.exchange(&call, ANSWER_LIMIT, budget).await?;
        if reply.status != StatusCode::OK {
            let error = reply.refusal(Asked::Other);
            // A merchant that has only public keys has no certificates.
            let has_public_key = keys.newest_serial(now).is_some_and(|serial| serial.is_public_key());
            let none = ErrCode::Other("RESOURCE_NOT_EXISTS".to_owned());
            if has_public_key && error.code() == Some(&none) {
                last.done = Some(now);
                return Ok(false);
            }
            return Err(error);
        }
        let get = |name| reply.headers.get_all(name).iter().map(HeaderValue::as_bytes);
        let head = SignedHead::read(get).map_err(Error::Unverified)?;
        let found = certificates::read(&head, &reply.body, &credentials.merchant.apiv3, keys, now);
        keys.add_certificates(found.map_err(Error::Certificates)?, now);
        last.done = Some(now);
        Ok(true)
    }
}
