//! The notices that WeChat posts to the merchant, of payments and refunds, and the answers to them.
//! Source: WeChat Pay, 支付成功回调通知 and 退款结果通知 (APIv3).

use super::json::{JsonError, Object};
use super::keys::KeyRing;
use super::merchant::Merchant;
use super::seal::{self, SealError};
use super::signed::{self, SignError, SignedHead};
use super::{NOTICE_LIMIT, payment, refund};
use crate::UnixMillis;
use crate::evidence::Evidence;
use crate::payment::Payment;
use crate::printable::printable;
use crate::refunding::RefundNotice;
use crate::trade::TradeState;
use crate::types::{AppId, InvalidValue, OutTradeNo};
use crate::verified::Verified;

/// The HTTP status, with no body, that acknowledges a notice and ends its redelivery.
pub const TAKEN: u16 = 204;

/// A notice that WeChat signed, and sealed with this merchant's APIv3 key. What was sealed is its evidence, with the
/// notice's own `notice.id` and `notice.event_type`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The order was paid.
    Paid(Verified<Payment>),
    /// A transaction that is not a payment: worth a line in the order's history, nothing more.
    NotPaid {
        /// The order.
        out_trade_no: OutTradeNo,
        /// What WeChat says of it.
        state: TradeState,
        /// What was sealed.
        evidence: Evidence,
    },
    /// A refund has come to an end. Unlike v2's it is signed.
    Refund(Verified<RefundNotice>),
    /// An event of another kind. Nothing of it was opened.
    Other {
        /// WeChat's number of the notice.
        id: String,
        /// WeChat's word.
        event: String,
    },
}

/// Why a notice is not taken. Nothing was read or written for any order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoticeError {
    /// Nothing of it was read.
    #[error("the notice is longer than {NOTICE_LIMIT} bytes")]
    TooLarge,
    /// Not WeChat's, not from now, or changed on the way.
    #[error("the notice is not signed by WeChat Pay")]
    BadSignature(#[source] SignError),
    /// Signed, but not a message.
    #[error("the notice is signed, but it is not JSON")]
    Malformed(#[source] JsonError),
    /// Signed, but sealed with another key than the merchant's.
    #[error("the notice is signed, but its resource cannot be decrypted with the APIv3 key")]
    Sealed(#[source] SealError),
    /// Signed, for somebody else's money.
    #[error("the notice is for another mchid, or for a sub-merchant")]
    OtherMerchant,
    /// Signed by WeChat, but not readable: needs a person, and a query decides.
    #[error("the notice is signed, but a field of it cannot be read")]
    BadField {
        /// The field and its rule.
        #[source]
        field: InvalidValue,
        /// The order, if the notice names one.
        out_trade_no: Option<OutTradeNo>,
    },
}

impl NoticeError {
    /// A fixed word, for the label of a counter.
    pub fn kind(&self) -> &'static str {
        match self {
            NoticeError::TooLarge => "too_large",
            NoticeError::BadSignature(error) => error.kind(),
            NoticeError::Malformed(_) => "malformed",
            NoticeError::Sealed(_) => "seal",
            NoticeError::OtherMerchant => "other_merchant",
            NoticeError::BadField { .. } => "bad_field",
        }
    }

    /// The HTTP status of the answer. WeChat sends the notice again after each of them.
    pub fn status(&self) -> u16 {
        match self {
            NoticeError::TooLarge => 413,
            NoticeError::BadSignature(_) => 401,
            _ => 500,
        }
    }

    /// The body of the answer: one text for everything that is not believed, so that a forger does not learn which check
    /// failed.
    pub fn body(&self) -> &'static str {
        match self {
            NoticeError::BadSignature(_) => r#"{"code":"FAIL","message":"签名失败"}"#,
            _ => FAIL,
        }
    }
}

/// The body, with HTTP 500, that makes WeChat send a notice again: one that was believed, but is not on disk.
pub const FAIL: &str = r#"{"code":"FAIL","message":"失败"}"#;

/// Reads a notice: its headers (`get`, as in [`SignedHead::read`]) and its raw body. Only what WeChat signed within 300 s of
/// `now` and sealed with `merchant`'s APIv3 key is believed.
/// # Errors
/// [`NoticeError`]; its variants stand in the order of the checks.
pub fn read<'a, I>(
    get: impl Fn(&'static str) -> I,
    body: &[u8],
    merchant: &Merchant,
    keys: &KeyRing,
    now: UnixMillis,
) -> Result<Notice, NoticeError>
where
    I: IntoIterator<Item = &'a [u8]>,
{
    if body.len() > NOTICE_LIMIT {
        return Err(NoticeError::TooLarge);
    }
    let head = SignedHead::read(get).map_err(NoticeError::BadSignature)?;
    signed::verify(&head, body, keys, now).map_err(NoticeError::BadSignature)?;
    let envelope = Object::read(body, NOTICE_LIMIT).map_err(NoticeError::Malformed)?;
    let bad = |field| NoticeError::BadField { field, out_trade_no: None };
    let event = envelope.required("event_type").map_err(bad)?;
    let id = envelope.required("id").map_err(bad)?;
    let (kind, result) = match event.split_once('.') {
        Some(("TRANSACTION", result)) => ("transaction", result),
        Some(("REFUND", result)) => ("refund", result),
        _ => return Ok(Notice::Other { id: printable(id, 64), event: printable(event, 64) }),
    };
    let sealed = |path| envelope.required(path).map_err(bad);
    if sealed("resource.algorithm")? != "AEAD_AES_256_GCM" {
        return Err(bad(InvalidValue { what: "resource.algorithm", must_be: "AEAD_AES_256_GCM" }));
    }
    if sealed("resource.original_type")? != kind {
        return Err(bad(InvalidValue { what: "resource.original_type", must_be: "what event_type says" }));
    }
    let aad = envelope.present("resource.associated_data").map_err(bad)?.unwrap_or_default();
    let (nonce, ciphertext) = (sealed("resource.nonce")?, sealed("resource.ciphertext")?);
    let plain = seal::open(&merchant.apiv3, nonce, aad, ciphertext).map_err(NoticeError::Sealed)?;
    let mut message = Object::read(&plain, NOTICE_LIMIT).map_err(NoticeError::Malformed)?;
    // A sub-merchant's money is not ours, though its provider's notices carry our number.
    let of_others = ["sub_mchid", "sp_mchid"].into_iter().any(|name| message.has(name));
    if message.present("mchid") != Ok(Some(merchant.mch_id.as_str())) || of_others {
        return Err(NoticeError::OtherMerchant);
    }
    let named = message.present("out_trade_no").ok().flatten().map(OutTradeNo::parse);
    let out_trade_no = named.and_then(Result::ok);
    message.add_object("notice", [("id", printable(id, 64)), ("event_type", printable(event, 64))]);
    let read = match kind {
        "transaction" => transaction(&Verified::vouch(message), result),
        _ => refunded(&Verified::vouch(message), result),
    };
    read.map_err(|field| NoticeError::BadField { field, out_trade_no })
}

fn transaction(message: &Verified<Object>, result: &str) -> Result<Notice, InvalidValue> {
    AppId::parse(message.required("appid")?)?;
    let state = message.required("trade_state")?;
    match (result, state) {
        ("SUCCESS", "SUCCESS") => payment::read(message).map(Notice::Paid),
        ("SUCCESS", _) | (_, "SUCCESS") => {
            Err(InvalidValue { what: "trade_state", must_be: "SUCCESS if event_type is TRANSACTION.SUCCESS" })
        }
        _ => Ok(Notice::NotPaid {
            out_trade_no: OutTradeNo::parse(message.required("out_trade_no")?)?,
            state: TradeState::from(printable(state, 32)),
            evidence: message.evidence(),
        }),
    }
}

fn refunded(message: &Verified<Object>, result: &str) -> Result<Notice, InvalidValue> {
    match message.required("refund_status")? == result {
        true => refund::read_notice(message).map(Notice::Refund),
        false => Err(InvalidValue { what: "refund_status", must_be: "what event_type says" }),
    }
}
