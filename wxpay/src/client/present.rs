//! What a client has at present, and another one may replace: keys, and the certificate that it shows.

use std::sync::Arc;

use super::credentials::Credentials;
use crate::UnixMillis;
use crate::channel::Signed;
use crate::error::Error;
use crate::transport::{Tls, Trace, Transport};
use crate::v2::key_in_use::KeyInUse;
use crate::v3;
use crate::v3::keys::Entry;

#[derive(Debug, Clone)]
pub(super) struct Present {
    credentials: Credentials,
    /// `None` without credentials for API v2.
    key_in_use: Option<Arc<KeyInUse>>,
    pub transport: Arc<Transport>,
    pub v3_has_ended: bool,
}

impl Present {
    pub fn new(credentials: Credentials, transport: Transport) -> Self {
        let key_in_use = credentials.v2().cloned().map(|merchant| Arc::new(KeyInUse::new(merchant)));
        Present { credentials, key_in_use, transport: Arc::new(transport), v3_has_ended: false }
    }

    /// # Errors
    /// [`Error::Invalid`] if TLS cannot be set up so.
    pub fn with_tls(&self, change: impl FnOnce(&mut Tls)) -> Result<Self, Error> {
        let transport = Transport::clone(&self.transport).with_tls(change)?;
        Ok(Present { transport: Arc::new(transport), ..self.clone() })
    }

    pub fn with_trace(&self, trace: Trace) -> Self {
        let transport = Transport::clone(&self.transport).with_trace(trace);
        Present { transport: Arc::new(transport), ..self.clone() }
    }

    pub fn with_ended_v3(&self) -> Self {
        Present { v3_has_ended: true, ..self.clone() }
    }

    pub fn v2(&self) -> Option<&Arc<KeyInUse>> {
        self.key_in_use.as_ref()
    }

    pub fn v3(&self) -> Option<&v3::Credentials> {
        self.credentials.v3()
    }

    pub fn signed(&self) -> Signed {
        self.credentials.signed()
    }

    /// Takes the platform certificates that `before` knows: the next notice may be signed with one of them.
    pub fn learn_from(&self, before: &Present, now: UnixMillis) {
        let (Some(ours), Some(theirs)) = (self.v3(), before.v3()) else { return };
        if !ours.has_certificates {
            return;
        }
        let known = theirs.keys.list().into_iter().filter_map(|(_, entry)| match entry {
            Entry::Certificate(certificate) => Some(certificate),
            Entry::PublicKey(_) => None,
        });
        ours.keys.add_certificates(known, now);
    }
}
