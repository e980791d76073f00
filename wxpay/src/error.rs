//! Everything but success that a call to WeChat can end in.

mod code;

use std::error::Error as StdError;

pub use code::{ErrClass, ErrCode};

use crate::types::InvalidValue;
use crate::v2::sign::SignError;
use crate::v2::xml::XmlError;
use crate::v3::certificates::CertificatesError;
use crate::v3::json::JsonError;
use crate::v3::signed;

/// Three kinds of failure: WeChat refused ([`Error::Refused`]); the request was wrong, so nothing happened
/// ([`Error::NotUnderstood`], [`Error::Invalid`], [`Error::NoCertificate`]) or not sent ([`Error::NoKeys`]); or the outcome is unknown
/// ([`Error::is_unknown`]).
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Refused before anything was sent.
    #[error("the request cannot be sent to WeChat Pay")]
    Invalid(#[source] InvalidValue),
    /// No connection, a broken one, a failed name look-up or TLS handshake.
    #[error("WeChat Pay could not be reached, or its answer was cut off")]
    Transport(#[source] Box<dyn StdError + Send + Sync>),
    /// The answer did not come in time.
    #[error("WeChat Pay did not answer within {budget_ms} ms")]
    Timeout {
        /// The limit of the whole call.
        budget_ms: u64,
    },
    /// WeChat's application answers 200 even to errors, so this comes from something on the way.
    #[error("WeChat Pay's address answered with HTTP {0}")]
    Status(u16),
    /// HTTP 400 with nginx's page about client certificates. Nothing was refunded.
    /// Source: WeChat Pay v2, native.php?chapter=4_3 (商户证书).
    #[error(
        "WeChat Pay did not accept the merchant's TLS client certificate: none was shown, or not this mch_id's"
    )]
    NoCertificate,
    /// Not a message of the protocol.
    #[error("WeChat Pay's answer is not flat XML")]
    Malformed(#[source] XmlError),
    /// A message that lacks something.
    #[error("a field of WeChat Pay's answer is missing or wrong")]
    BadField(#[source] InvalidValue),
    /// Unsigned, or not signed with the merchant's key.
    #[error("WeChat Pay's answer is not signed by WeChat Pay")]
    BadSignature(#[source] SignError),
    /// v3: not a JSON message.
    #[error("WeChat Pay's answer is not JSON")]
    NotJson(#[source] JsonError),
    /// v3: unsigned, or not signed by a key of WeChat's.
    #[error("WeChat Pay's answer is not signed by WeChat Pay")]
    Unverified(#[source] signed::SignError),
    /// v3: signed by WeChat, but at another time than now: one of the two clocks is wrong.
    #[error("WeChat Pay's answer is signed by WeChat Pay, but its clock is {off_s} s ahead of ours")]
    Skewed {
        /// How far it is ahead of our clock, in seconds; negative if it is behind.
        off_s: i64,
    },
    /// v3: HTTP 202, to be asked for again with the same request.
    #[error("WeChat Pay has taken the request, but not finished it")]
    NotFinished,
    /// v3: refused before anything was sent. Without a key of WeChat's no answer can be believed, and the last try to read the
    /// platform certificates failed less than a minute ago.
    #[error("WeChat Pay's platform certificates could not be read a moment ago, and are needed first")]
    NoKeys,
    /// v3: WeChat's platform certificates, without which no answer can be believed.
    #[error("WeChat Pay's platform certificates cannot be read")]
    Certificates(#[source] CertificatesError),
    /// Signed with the merchant's key, but with the other algorithm than the request.
    #[error("WeChat Pay's answer is signed with another algorithm than the request")]
    OtherSignType,
    /// Signed with the merchant's key, but about something else than was asked.
    #[error("WeChat Pay's answer is for another {field}")]
    Foreign {
        /// The field that differs.
        field: &'static str,
    },
    /// `return_code` is `FAIL`, or in v3 HTTP 401 or an answer without a code: a mistake in the request, such as a wrong key or a missing field. Unsigned, so it proves
    /// nothing; the order did not move, and a repeat will not help.
    #[error("WeChat Pay did not understand the request: {return_msg}")]
    NotUnderstood {
        /// WeChat's text, at most 128 characters of it.
        return_msg: String,
    },
    /// `result_code` is `FAIL` in a signed answer; in v3 any other error with a code, which may be unsigned.
    #[error("WeChat Pay refused: {code}")]
    Refused {
        /// Why.
        code: ErrCode,
        /// WeChat's text, for people; it may change at any time.
        err_code_des: String,
    },
}

impl Error {
    /// Whether the order or refund may have moved although the answer does not say so: then keep it as it is, and query
    /// or repeat the same request with the same numbers. Never a reason to close, create anew or refund.
    pub fn is_unknown(&self) -> bool {
        match self {
            Error::Invalid(_) | Error::NotUnderstood { .. } | Error::NoCertificate | Error::NoKeys => false,
            Error::Refused { code, .. } => match code.class() {
                ErrClass::Same | ErrClass::Wait | ErrClass::Query => true,
                ErrClass::Fix | ErrClass::Final => false,
            },
            _ => true,
        }
    }

    /// Whether the cause is that this machine's clock and WeChat's differ, so that every call of v3 will fail.
    pub fn is_about_clocks(&self) -> bool {
        match self {
            Error::Skewed { .. } => true,
            Error::NotUnderstood { return_msg } => return_msg.contains("timestamp"),
            _ => false,
        }
    }

    /// WeChat's code, if it refused.
    pub fn code(&self) -> Option<&ErrCode> {
        match self {
            Error::Refused { code, .. } => Some(code),
            _ => None,
        }
    }
}
