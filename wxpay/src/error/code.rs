//! WeChat's error codes, and what to do about each.

use std::fmt;

/// What to do about an [`ErrCode`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrClass {
    /// Repeat the same request with the same numbers.
    Same,
    /// The same, but later or slower, or after the payer or operator did something.
    Wait,
    /// A mistake of configuration or code: a repeat is useless.
    Fix,
    /// The order or refund is in an end state.
    Final,
    /// Says too little: query, then decide. Also every code that WeChat does not document.
    Query,
}

/// One table for the enum, its words and its classes.
macro_rules! err_codes {
    ($($variant:ident $word:literal $class:ident,)*) => {
        /// An `err_code` of any endpoint. Source: WeChat Pay v2, native.php?chapter=9_1 to 9_5 (错误码).
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum ErrCode {
            $(#[doc = concat!("`", $word, "`")] $variant,)*
            /// A code that is not in the table.
            Other(String),
        }

        impl ErrCode {
            /// Every code of the table.
            pub const ALL: &[ErrCode] = &[$(ErrCode::$variant,)*];

            /// Reads a code; one that is not in the table is kept as it is.
            pub fn parse(word: &str) -> Self {
                match word {
                    $($word => ErrCode::$variant,)*
                    _ => ErrCode::Other(word.to_owned()),
                }
            }

            /// WeChat's word.
            pub fn as_str(&self) -> &str {
                match self {
                    $(ErrCode::$variant => $word,)*
                    ErrCode::Other(word) => word,
                }
            }

            /// What to do about it.
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
