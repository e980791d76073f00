//! What a call to WeChat can end in, apart from success.

use std::error::Error as StdError;
use std::fmt;

use crate::types::InvalidValue;
use crate::v2::{XmlError, sign::SignError};

/// Three kinds of failure: WeChat refused the order ([`Error::Refused`]), WeChat did not understand us
/// ([`Error::NotUnderstood`], [`Error::Invalid`], [`Error::NoCertificate`]), or nobody knows what happened ([`Error::is_unknown`]).
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Refused before anything was sent.
    #[error("this cannot be sent to WeChat Pay")]
    Invalid(#[source] InvalidValue),
    /// No connection, a broken one, a failed name look-up or TLS handshake.
    #[error("WeChat Pay could not be reached, or its answer was cut off")]
    Transport(#[source] Box<dyn StdError + Send + Sync>),
    #[error("WeChat Pay did not answer within {budget_ms} ms")]
    Timeout { budget_ms: u64 },
    /// WeChat answers 200 even to errors, so this is something else on the way.
    #[error("WeChat Pay's address answered with HTTP {0}")]
    Status(u16),
    /// HTTP 400 with nginx's page about it. Nothing was refunded. Source: protocol A1, trap 73.
    #[error(
        "WeChat Pay got no merchant certificate that it takes: set SAOMA_WECHAT_CERT (and SAOMA_WECHAT_CERT_KEY) \
         to the certificate of this mch_id"
    )]
    NoCertificate,
    #[error("WeChat Pay's answer is not a message")]
    Malformed(#[source] XmlError),
    #[error("a field of WeChat Pay's answer is missing or wrong")]
    BadField(#[source] InvalidValue),
    #[error("WeChat Pay's answer has no signature that can be believed")]
    BadSignature(#[source] SignError),
    /// Signed with our key, but with the other algorithm than the request.
    #[error("WeChat Pay's answer is signed in another way than the request")]
    OtherSignType,
    /// Signed with our key, but about something else than was asked.
    #[error("WeChat Pay's answer is for another {field}")]
    Foreign { field: &'static str },
    /// `return_code` is `FAIL`: our mistake, such as a wrong key or a missing field. Unsigned, so it proves nothing;
    /// the order did not move, and the same again will not help.
    #[error("WeChat Pay did not understand the request: {return_msg}")]
    NotUnderstood { return_msg: String },
    /// `result_code` is `FAIL`, in a signed answer.
    #[error("WeChat Pay refused: {code}")]
    Refused { code: ErrCode, err_code_des: String },
}

impl Error {
    /// Whether the order may have moved although we do not know it: then keep it as it is, and query or repeat the
    /// same request with the same numbers. Never a reason to close, create anew or refund.
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

    /// The verdict, where WeChat gave one.
    pub fn code(&self) -> Option<&ErrCode> {
        match self {
            Error::Refused { code, .. } => Some(code),
            _ => None,
        }
    }
}

/// What to do about an [`ErrCode`]. Source: protocol A18.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrClass {
    /// Repeat the same request with the same numbers.
    Same,
    /// The same, but later or slower, or after the payer or operator did something.
    Wait,
    /// A mistake of configuration or code: repeating is useless.
    Fix,
    /// The order or refund has come to an end.
    Final,
    /// Says too little: query, then decide. A code that WeChat did not document is one of these.
    Query,
}

/// One table for the enum, its words and its classes.
macro_rules! err_codes {
    ($($variant:ident $word:literal $class:ident,)*) => {
        /// An `err_code` of any v2 endpoint. Source: protocol A18.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum ErrCode {
            $(#[doc = concat!("`", $word, "`")] $variant,)*
            /// A code that is not in the table.
            Other(String),
        }

        impl ErrCode {
            /// Every code of the table.
            pub const ALL: &[ErrCode] = &[$(ErrCode::$variant,)*];

            pub fn parse(word: &str) -> Self {
                match word {
                    $($word => ErrCode::$variant,)*
                    _ => ErrCode::Other(word.to_owned()),
                }
            }

            pub fn as_str(&self) -> &str {
                match self {
                    $(ErrCode::$variant => $word,)*
                    ErrCode::Other(word) => word,
                }
            }

            pub fn class(&self) -> ErrClass {
                match self {
                    $(ErrCode::$variant => ErrClass::$class,)*
                    ErrCode::Other(_) => ErrClass::Query,
                }
            }
        }
    };
}

err_codes! {
    SystemError "SYSTEMERROR" Same,
    BizerrNeedRetry "BIZERR_NEED_RETRY" Same,
    FrequencyLimited "FREQUENCY_LIMITED" Wait,
    InvalidReqTooMuch "INVALID_REQ_TOO_MUCH" Wait,
    NotEnough "NOTENOUGH" Wait,
    OrderPaid "ORDERPAID" Final,
    OrderClosed "ORDERCLOSED" Final,
    OrderNotExist "ORDERNOTEXIST" Final,
    RefundNotExist "REFUNDNOTEXIST" Final,
    TradeOverdue "TRADE_OVERDUE" Final,
    UserAccountAbnormal "USER_ACCOUNT_ABNORMAL" Final,
    Error "ERROR" Query,
    OutTradeNoUsed "OUT_TRADE_NO_USED" Fix,
    InvalidRequest "INVALID_REQUEST" Fix,
    InvalidTransactionId "INVALID_TRANSACTIONID" Fix,
    ParamError "PARAM_ERROR" Fix,
    LackParams "LACK_PARAMS" Fix,
    NoAuth "NOAUTH" Fix,
    AppidNotExist "APPID_NOT_EXIST" Fix,
    MchidNotExist "MCHID_NOT_EXIST" Fix,
    AppidMchidNotMatch "APPID_MCHID_NOT_MATCH" Fix,
    SignError "SIGNERROR" Fix,
    XmlFormatError "XML_FORMAT_ERROR" Fix,
    RequirePostMethod "REQUIRE_POST_METHOD" Fix,
    PostDataEmpty "POST_DATA_EMPTY" Fix,
    NotUtf8 "NOT_UTF8" Fix,
    TradeStateError "TRADE_STATE_ERROR" Query,
}

impl fmt::Display for ErrCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
