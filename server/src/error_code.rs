//! The words by which programs tell errors apart, for `/api/v1` and `/wxpay/*` alike. A word is never given another meaning.

use http::StatusCode;

/// `Code = status "word" "title" "title in Chinese";`
macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $status:ident $word:literal $title:literal $title_zh:literal;)*) => {
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

            /// The same in Chinese, for the page about errors.
            pub(crate) fn title_zh(self) -> &'static str {
                match self {
                    $(Code::$code => $title_zh,)*
                }
            }

            /// All of them.
            pub(crate) fn all() -> &'static [Code] {
                &[$(Code::$code),*]
            }

            pub(crate) fn status(self) -> StatusCode {
                match self {
                    $(Code::$code => StatusCode::$status,)*
                }
            }
        }
    };
}

codes! {
    BadRequest = BAD_REQUEST "bad_request" "The request cannot be read" "请求无法解读";
    BadType = BAD_REQUEST "bad_type" "This way to pay is not offered" "没有提供这种支付方式";
    OpenId = BAD_REQUEST "openid" "The payer's openid is missing or out of place" "缺少付款人的 openid，或不该带";
    ClientIp = BAD_REQUEST "client_ip" "The payer's address is missing or out of place" "缺少付款人的地址，或不该带";
    IdempotencyKey = BAD_REQUEST "idempotency_key" "The idempotency key cannot be read" "Idempotency-Key 格式不对";
    /// A user token.
    Token = UNAUTHORIZED "token" "The token is not valid" "令牌无效";
    /// In `/wxpay/*` another one says [`Code::Origin`].
    InsufficientBalance = PAYMENT_REQUIRED "insufficient_balance" "The balance does not suffice" "余额不足";
    KeyInBrowser = FORBIDDEN "key_in_browser" "A page in a browser called with a key" "浏览器页面用密钥发起了调用";
    Origin = FORBIDDEN "origin" "A page in a browser called" "浏览器页面发起了调用";
    ApiKey = UNAUTHORIZED "api_key" "The key is not valid" "密钥无效";
    Scope = FORBIDDEN "scope" "The key does not allow this" "密钥没有这个权限";
    Network = FORBIDDEN "network" "The call comes from elsewhere than its credentials allow" "调用来自未允许的地址";
    NotFound = NOT_FOUND "not_found" "There is no such address or object" "没有这个地址或对象";
    MethodNotAllowed = METHOD_NOT_ALLOWED "method_not_allowed" "The address does not take this method" "这个地址不接受此方法";
    MaxAmount = FORBIDDEN "max_amount" "The key may not move so much in one call" "超过这个密钥的单次限额";
    ReferenceReused = CONFLICT "reference_reused" "The reference was used for something else" "这个 reference 已用于别的请求";
    NotPaid = CONFLICT "not_paid" "The recharge is not paid" "充值尚未支付";
    BalanceLow = CONFLICT "balance_low" "The user has spent what would be taken back" "用户已用掉要扣回的钱";
    TooManyRefunds = CONFLICT "too_many_refunds" "No more refunds of this payment are possible" "这笔支付不能再退款";
    BalanceKeptBySite = CONFLICT "balance_kept_by_site" "The site keeps the balances itself" "余额由网站自己管理";
    DebitReversed = CONFLICT "debit_reversed" "The debit has been given back in full" "这笔扣款已全部冲正";
    HoldEnded = CONFLICT "hold_ended" "The hold has ended" "冻结已结束";
    HoldExpired = CONFLICT "hold_expired" "The hold has expired" "冻结已到期";
    TooManyOpen = CONFLICT "too_many_open" "Too many orders are open" "未付的订单太多";
    UserDailyLimit = CONFLICT "user_daily_limit" "The user may not order so much today" "用户今天不能再充这么多";
    IdempotencyKeyReused = CONFLICT "idempotency_key_reused" "The idempotency key was used for something else" "Idempotency-Key 已用于别的请求";
    RotationOpen = CONFLICT "rotation_open" "The secret before is still in use" "旧签名密钥仍在使用";
    EndpointDisabled = CONFLICT "endpoint_disabled" "The webhook endpoint is disabled" "这个推送地址已停用";
    TooManyEndpoints = CONFLICT "too_many_endpoints" "There are too many webhook endpoints" "推送地址太多";
    Changed = CONFLICT "changed" "It was changed meanwhile" "期间已被改动";
    CursorLost = GONE "cursor_lost" "The cursor's event is not there any more" "游标所指的事件已不在";
    TooLarge = PAYLOAD_TOO_LARGE "too_large" "The body is too large" "请求体太大";
    ContentType = UNSUPPORTED_MEDIA_TYPE "content_type" "The body is not of a kind that is read here" "不接受这种请求体";
    Invalid = UNPROCESSABLE_ENTITY "invalid" "A value is not right" "参数不符合要求";
    Quantity = UNPROCESSABLE_ENTITY "quantity" "The quantity is not right" "数量不符合要求";
    User = UNPROCESSABLE_ENTITY "user" "The user is not right" "用户不符合要求";
    PayerMismatch = UNPROCESSABLE_ENTITY "payer_mismatch" "WeChat does not know the payer" "微信不认识这位付款人";
    TooOften = TOO_MANY_REQUESTS "too_often" "Too many calls at once" "调用太频繁";
    TooManyKeys = TOO_MANY_REQUESTS "too_many_keys" "Too many idempotency keys" "Idempotency-Key 太多";
    Busy = SERVICE_UNAVAILABLE "busy" "Too busy, try again" "繁忙，请重试";
    Unconfirmed = SERVICE_UNAVAILABLE "unconfirmed" "It is not known whether it was done" "尚不知道是否已完成";
    TryAgain = SERVICE_UNAVAILABLE "try_again" "Another call works at the same, try again" "另一个调用正在处理，请重试";
    WechatNotAnswering = SERVICE_UNAVAILABLE "wechat_not_answering" "WeChat does not answer" "微信没有应答";
    Crowded = SERVICE_UNAVAILABLE "crowded" "Too many orders at once, try again" "下单太多，请重试";
    Refused = SERVICE_UNAVAILABLE "refused" "WeChat did not accept it" "微信没有接受";
    Stopped = SERVICE_UNAVAILABLE "stopped" "Stopped until an operator acts" "已停止，等待操作员处理";
    DailyLimit = SERVICE_UNAVAILABLE "daily_limit" "The limit of the day is reached" "已达当日上限";
    Wechat = SERVICE_UNAVAILABLE "wechat" "WeChat refused" "微信拒绝了请求";
    Seal = SERVICE_UNAVAILABLE "seal" "It could not be sealed" "无法加密保存，请检查 secret_key";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_word_is_of_one_error_and_is_spelt_for_programs() {
        let words: BTreeSet<_> = Code::all().iter().map(|code| code.word()).collect();
        assert_eq!(words.len(), Code::all().len());
        for code in Code::all() {
            let is_plain = code.word().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            let status = code.status();
            assert!(is_plain && (status.is_client_error() || status.is_server_error()), "{code:?}");
            assert!(!code.title().is_empty() && !code.title().ends_with('.'), "{code:?}");
        }
    }
}
