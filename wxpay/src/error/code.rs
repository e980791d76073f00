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
        /// An `err_code` of v2 or `code` of v3, of any endpoint. Source: WeChat Pay v2, native.php?chapter=9_1 to 9_5 (错误码),
        /// and the list of errors on each page of v3.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum ErrCode {
            $(#[doc = concat!("`", $word, "`")] $variant,)*
            /// A code that is not in the table.
            Other(String),
        }

        impl ErrCode {
            /// Every code of the table.
            pub const ALL: &[ErrCode] = &[$(ErrCode::$variant,)*];

            /// Reads a code; one that is not in the table is kept as it is. `_` does not count: API v3 and newer pages of v2
            /// have `ORDER_NOT_EXIST` where older ones have `ORDERNOTEXIST`.
            pub fn parse(word: &str) -> Self {
                let is = |known: &str| known.bytes().filter(|b| *b != b'_').eq(word.bytes().filter(|b| *b != b'_'));
                match word {
                    $(_ if is($word) => ErrCode::$variant,)*
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
    TradeError "TRADE_ERROR" Query,
    RuleLimit "RULE_LIMIT" Fix,
    OpenidMismatch "OPENID_MISMATCH" Fix,
    RequestBlocked "REQUEST_BLOCKED" Fix,
    MchNotExists "MCH_NOT_EXISTS" Fix,
    NoStatementExist "NO_STATEMENT_EXIST" Final,
    StatementCreating "STATEMENT_CREATING" Wait,
    RatelimitExceeded "RATELIMIT_EXCEEDED" Wait,
    FrequencyLimitExceed "FREQUENCY_LIMIT_EXCEED" Wait,
}

impl fmt::Display for ErrCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
