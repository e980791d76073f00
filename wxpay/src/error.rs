//! Everything but success that a call to WeChat can end in.

mod code;

use std::error::Error as StdError;

pub use code::{ErrClass, ErrCode};

use crate::types::InvalidValue;
use crate::v2::sign::SignError;
use crate::v2::xml::XmlError;

/// Three kinds of failure: WeChat refused ([`Error::Refused`]); the request was wrong, so nothing happened
/// ([`Error::NotUnderstood`], [`Error::Invalid`], [`Error::NoCertificate`]); or the outcome is unknown
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
    /// Signed with the merchant's key, but with the other algorithm than the request.
    #[error("WeChat Pay's answer is signed with another algorithm than the request")]
    OtherSignType,
    /// Signed with the merchant's key, but about something else than was asked.
    #[error("WeChat Pay's answer is for another {field}")]
    Foreign {
        /// The field that differs.
        field: &'static str,
    },
    /// `return_code` is `FAIL`: a mistake in the request, such as a wrong key or a missing field. Unsigned, so it proves
    /// nothing; the order did not move, and a repeat will not help.
    #[error("WeChat Pay did not understand the request: {return_msg}")]
    NotUnderstood {
        /// WeChat's text, at most 128 characters of it.
        return_msg: String,
    },
    /// `result_code` is `FAIL`, in a signed answer.
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
            Error::Invalid(_) | Error::NotUnderstood { .. } | Error::NoCertificate => false,
            Error::Refused { code, .. } => match code.class() {
                ErrClass::Same | ErrClass::Wait | ErrClass::Query => true,
                ErrClass::Fix | ErrClass::Final => false,
            },
            _ => true,
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
