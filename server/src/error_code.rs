//! The words by which programs tell errors apart, for `/api/v1` and `/wxpay/*` alike. A word is never given another meaning.

use http::StatusCode;

/// `Code = status "word" "title";`
macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $status:ident $word:literal $title:literal;)*) => {
        /// What went wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Code {
            $($(#[$doc])* $code,)*
        }

        impl Code {
            /// The word in an answer.
            pub(crate) fn word(self) -> &'static str {
                match self {
                    $(Code::$code => $word,)*
                }
            }

            /// The same for every answer with this word, in plain words.
            pub(crate) fn title(self) -> &'static str {
                match self {
                    $(Code::$code => $title,)*
                }
            }

            pub(crate) fn status(self) -> StatusCode {
                match self {
                    $(Code::$code => StatusCode::$status,)*
                }
            }
        }

        #[cfg(test)]
        const ALL: &[Code] = &[$(Code::$code),*];
    };
}

codes! {
    BadRequest = BAD_REQUEST "bad_request" "The request cannot be read";
    BadType = BAD_REQUEST "bad_type" "This way to pay is not offered";
    OpenId = BAD_REQUEST "openid" "The payer's openid is missing or out of place";
    ClientIp = BAD_REQUEST "client_ip" "The payer's address is missing or out of place";
    IdempotencyKey = BAD_REQUEST "idempotency_key" "The idempotency key cannot be read";
    /// A user token.
    Token = UNAUTHORIZED "token" "The token is not valid";
    /// In `/wxpay/*` another one says [`Code::Origin`].
    InsufficientBalance = PAYMENT_REQUIRED "insufficient_balance" "The balance does not suffice";
    KeyInBrowser = FORBIDDEN "key_in_browser" "A page in a browser called with a key";
    Origin = FORBIDDEN "origin" "A page in a browser called";
    ApiKey = UNAUTHORIZED "api_key" "The key is not valid";
    Scope = FORBIDDEN "scope" "The key does not allow this";
    Network = FORBIDDEN "network" "The call comes from elsewhere than its credentials allow";
    NotFound = NOT_FOUND "not_found" "There is nothing at this address";
    MethodNotAllowed = METHOD_NOT_ALLOWED "method_not_allowed" "The address does not take this method";
    MaxAmount = FORBIDDEN "max_amount" "The key may not move so much in one call";
    ReferenceReused = CONFLICT "reference_reused" "The reference was used for something else";
    NotPaid = CONFLICT "not_paid" "The recharge is not paid";
    BalanceLow = CONFLICT "balance_low" "The user has spent what would be taken back";
    TooManyRefunds = CONFLICT "too_many_refunds" "No more refunds of this payment are possible";
    BalanceKeptBySite = CONFLICT "balance_kept_by_site" "The site keeps the balances itself";
    HoldEnded = CONFLICT "hold_ended" "The hold has ended";
    HoldExpired = CONFLICT "hold_expired" "The hold has expired";
    TooManyOpen = CONFLICT "too_many_open" "Too many orders are open";
    IdempotencyKeyReused = CONFLICT "idempotency_key_reused" "The idempotency key was used for something else";
    RotationOpen = CONFLICT "rotation_open" "The secret before is still in use";
    EndpointDisabled = CONFLICT "endpoint_disabled" "The webhook endpoint is disabled";
    TooManyEndpoints = CONFLICT "too_many_endpoints" "There are too many webhook endpoints";
    Changed = CONFLICT "changed" "It was changed meanwhile";
    TooLarge = PAYLOAD_TOO_LARGE "too_large" "The body is too large";
    ContentType = UNSUPPORTED_MEDIA_TYPE "content_type" "The body is not of a kind that is read here";
    Invalid = UNPROCESSABLE_ENTITY "invalid" "A value is not right";
    Quantity = UNPROCESSABLE_ENTITY "quantity" "The quantity is not right";
    User = UNPROCESSABLE_ENTITY "user" "The user is not right";
    PayerMismatch = UNPROCESSABLE_ENTITY "payer_mismatch" "WeChat does not know the payer";
    TooOften = TOO_MANY_REQUESTS "too_often" "Too many calls at once";
    TooManyKeys = TOO_MANY_REQUESTS "too_many_keys" "Too many idempotency keys";
    Busy = SERVICE_UNAVAILABLE "busy" "Too busy, try again";
    Unconfirmed = SERVICE_UNAVAILABLE "unconfirmed" "It is not known whether it was done";
    TryAgain = SERVICE_UNAVAILABLE "try_again" "Another call works at the same, try again";
    WechatNotAnswering = SERVICE_UNAVAILABLE "wechat_not_answering" "WeChat does not answer";
    Crowded = SERVICE_UNAVAILABLE "crowded" "Too many orders at once, try again";
    Refused = SERVICE_UNAVAILABLE "refused" "WeChat did not accept it";
    Stopped = SERVICE_UNAVAILABLE "stopped" "Stopped until an operator acts";
    DailyLimit = SERVICE_UNAVAILABLE "daily_limit" "The limit of the day is reached";
    Wechat = SERVICE_UNAVAILABLE "wechat" "WeChat refused";
    Seal = SERVICE_UNAVAILABLE "seal" "It could not be sealed";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_word_is_of_one_error_and_is_spelt_for_programs() {
        let words: BTreeSet<_> = ALL.iter().map(|code| code.word()).collect();
        assert_eq!(words.len(), ALL.len());
        for code in ALL {
            let is_plain = code.word().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            let status = code.status();
            assert!(is_plain && (status.is_client_error() || status.is_server_error()), "{code:?}");
            assert!(!code.title().is_empty() && !code.title().ends_with('.'), "{code:?}");
        }
    }
}
