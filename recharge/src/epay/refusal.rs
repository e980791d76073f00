//! Why a request is not taken, in words for who runs the site that sent it.

use wxpay::Fen;

/// Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EpayRefusal {
    /// It cannot be read, or a parameter stands there twice, so that two readers could read two things.
    #[error("参数无法识别：{0} (parameters cannot be read)")]
    Unreadable(&'static str),
    /// No such merchant, or one that was taken back.
    #[error("商户不存在或已停用，请核对 pid (no such merchant)")]
    NoMerchant,
    /// Made with another key, or something else than what was sent.
    #[error("签名不对，请核对商户密钥 (wrong sign)")]
    Sign,
    /// RSA is the protocol's second version.
    #[error("只支持 sign_type=MD5 (only MD5)")]
    SignType,
    /// Something else than `wxpay`.
    #[error("只支持微信支付 type=wxpay (only wxpay)")]
    Type,
    /// See [`super::Pid::reference`].
    #[error(
        "out_trade_no 须为 1 到 48 个可见 ASCII 字符 (out_trade_no must be 1 to 48 visible ASCII characters)"
    )]
    OutTradeNo,
    /// See [`super::fen_of_yuan`].
    #[error("money 须为元、最多两位小数，如 1.00 (money must be yuan with at most two decimals)")]
    Money,
    /// More than can be sold, or nothing.
    #[error("金额须在 0.01 到 {} 元之间 (amount out of range)", .0.get() / 100)]
    Amount(Fen),
    /// Too long, or with control characters.
    #[error("参数 {0} 过长或含有控制字符 ({0} is too long or has control characters)")]
    Text(&'static str),
    /// It cannot be read, or is not one that notices may go to.
    #[error("notify_url 不可用：{0} (notify_url cannot be used)")]
    NotifyUrl(String),
    /// Its host is not on the merchant's list.
    #[error(
        "notify_url 的主机 {0} 不在此商户的名单里，用 saoma epay hosts 添加 (host of notify_url is not listed)"
    )]
    NotListed(String),
    /// No web address.
    #[error("return_url 须为 http 或 https 地址 (return_url must be a web address)")]
    ReturnUrl,
    /// The number was used for something else.
    #[error(
        "out_trade_no 重复：同一订单号的金额、名称、回调地址或 param 与第一次不同 (out_trade_no was used with other figures)"
    )]
    Reused,
    /// It can be paid no more; the site makes another one.
    #[error("订单已关闭，请重新下单 (the order is closed)")]
    Closed,
}
