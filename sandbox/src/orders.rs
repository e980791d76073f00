//! One order as WeChat keeps it, and its rules. Pure: no IO, `now` is a parameter.

mod channel;
pub mod refunds;
mod refusal;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wxpay::{Fen, Protocol, SignType, Signed, UnixMillis};

use self::refunds::Refund;
pub use self::refusal::{PayError, RefundRefusal, Refusal};
use crate::clock::Now;
use crate::people::Person;

pub const MINUTE_MS: i64 = 60_000;
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// How long a `code_url` or a `prepay_id` can be paid, whatever `time_expire` says.
/// Source: WeChat Pay v2, native.php?chapter=9_1 (`code_url`).
const SESSION_LIFE_MS: i64 = 2 * HOUR_MS;
/// How long an order without `time_expire` can be paid.
/// Source: WeChat Pay v2, native.php?chapter=9_1 (`time_expire`).
const ORDER_LIFE_MS: i64 = 7 * DAY_MS;
/// Prepay sessions of an order that are still recognised after a newer one replaced them.
const SESSIONS_KEPT: usize = 16;

/// What the passing of its `time_expire` does to an unpaid order. WeChat's pages call it the last moment of paying, and
/// say nothing of a close.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expiry {
    /// It is `CLOSED` from that second on.
    #[default]
    Closes,
    /// It cannot be paid any more, but stays `NOTPAY` until it is closed.
    Stays,
}

/// How a call of the merchant's was signed, and so how notices about it are.
/// Source: WeChat Pay v2, native.php?chapter=4_3 (签名算法).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Signing {
    /// The algorithm, which also says which protocol it was.
    #[serde(rename = "sign_type")]
    pub signed: Signed,
    /// API v3 only: the call asked for answers that are signed with WeChat's public key, not with a platform certificate.
    pub public_key: bool,
}

impl Default for Signing {
    fn default() -> Self {
        SignType::Md5.into()
    }
}

impl From<SignType> for Signing {
    fn from(sign_type: SignType) -> Self {
        Signing { signed: sign_type.into(), public_key: false }
    }
}

impl Signing {
    /// The algorithm of a v2 message about it.
    pub fn sign_type(self) -> SignType {
        match self.signed {
            Signed::HmacSha256 => SignType::HmacSha256,
            Signed::Md5 | Signed::Rsa => SignType::Md5,
        }
    }

    /// The protocol of the call.
    pub fn protocol(self) -> Protocol {
        self.signed.protocol()
    }
}

/// One order, from the first unified order on. It is kept as one JSON document.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// The merchant's number.
    pub out_trade_no: String,
    /// The business parameters of the first call, which every repeat must match.
    pub asked: BTreeMap<String, String>,
    /// What it costs.
    pub total_fee: Fen,
    /// How the first call was signed; notices are signed the same way.
    #[serde(flatten)]
    pub signing: Signing,
    /// Newest last; only the newest can be paid. Earlier versions kept those with a code only.
    #[serde(alias = "codes")]
    pub sessions: Vec<Session>,
    /// When it was placed first.
    pub created_at: UnixMillis,
    /// `created_at` on the clock's inner scale.
    pub created_inner: UnixMillis,
    /// The last moment of paying.
    pub time_expire: Option<UnixMillis>,
    /// What that moment does to it.
    #[serde(default)]
    pub expiry: Expiry,
    /// When the merchant closed it.
    pub closed_at: Option<UnixMillis>,
    /// The first is the order's payment; the sandbox makes further ones only on request.
    pub payments: Vec<Payment>,
    /// Oldest first. Absent in what earlier versions kept.
    #[serde(default)]
    pub refunds: Vec<Refund>,
}

/// One prepay session of an order, and what a payer can be shown of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Session {
    /// WeChat's number of it. Absent in what earlier versions kept.
    #[serde(default)]
    pub prepay_id: String,
    /// What the QR code says, of a NATIVE order.
    pub code_url: Option<String>,
    /// When it was made, on the clock's inner scale.
    pub made_inner: UnixMillis,
}

impl Session {
    /// What a payer may be shown: the code, and the `prepay_id`.
    pub fn tickets(&self) -> impl Iterator<Item = &str> {
        self.code_url.as_deref().into_iter().chain([self.prepay_id.as_str()])
    }
}

/// One payment of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// WeChat's number.
    pub transaction_id: String,
    /// When it was paid.
    pub paid_at: UnixMillis,
    /// Who paid.
    pub openid: String,
}

/// The state that an order query reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TradeState {
    /// Not paid, not closed.
    NotPay,
    /// Paid, nothing refunded.
    Success,
    /// Paid, and a refund of at least a part was accepted.
    Refund,
    /// Closed by the merchant, or by its expiry.
    Closed,
}

/// What a new order gets from outside, so that the rules stay pure: random values, switches.
#[derive(Debug, Clone)]
pub struct Fresh {
    /// For a NATIVE order.
    pub code_url: String,
    /// For every order.
    pub prepay_id: String,
    /// For an order that is new.
    pub expiry: Expiry,
    /// Whether an H5 order's payer may have a private address.
    pub allow_private_ip: bool,
}

/// What a test may ask for when it pays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pay {
    /// Pay although the order is closed or the code too old.
    pub force: bool,
    /// Pay a paid order a second time, with another `transaction_id`.
    pub again: bool,
    /// Who pays. An order that names an openid is its owner's, whoever is named here.
    pub person: Person,
}

impl Order {
    /// A new order from a checked request.
    /// # Errors
    /// What its trade type lacks or does not allow, or a `time_expire` that has passed.
    pub fn new(
        fields: &BTreeMap<String, String>,
        signing: Signing,
        fresh: Fresh,
        now: Now,
    ) -> Result<Order, Refusal> {
        channel::check(fields, signing.protocol(), fresh.allow_private_ip)?;
        let mut time_expire = fields.get("time_expire").and_then(|t| UnixMillis::from_beijing(t));
        if signing.protocol() == Protocol::V3 {
            // What is too near or too far is moved, not refused. Source: WeChat Pay, API v3 (Native下单, `time_expire`).
            let (nearest, farthest) = (now.wall.plus_ms(MINUTE_MS), now.wall.plus_ms(ORDER_LIFE_MS));
            time_expire = time_expire.map(|at| at.clamp(nearest, farthest));
        }
        // WeChat itself demands more than a minute; short orders are what one tests with.
        if time_expire.is_some_and(|at| at <= now.wall) {
            return Err(Refusal::InvalidRequest("time_expire时间过短"));
        }
        let total_fee = fields.get("total_fee").and_then(|fee| fee.parse().ok());
        let mut order = Order {
            out_trade_no: fields.get("out_trade_no").cloned().unwrap_or_default(),
            asked: asked(fields),
            total_fee: Fen::new(total_fee.unwrap_or_default()),
            signing,
            sessions: Vec::new(),
            created_at: now.wall,
            created_inner: now.inner,
            time_expire,
            expiry: fresh.expiry,
            closed_at: None,
            payments: Vec::new(),
            refunds: Vec::new(),
        };
        order.renew(fresh, now);
        Ok(order)
    }

    /// The same number placed again: a fresh code, and the former one cannot be paid any more.
    /// Source: WeChat Pay v2, native.php?chapter=9_1.
    /// # Errors
    /// Paid, closed, or asked with other parameters than the first time.
    pub fn order_again(
        &mut self,
        fields: &BTreeMap<String, String>,
        signing: Signing,
        fresh: Fresh,
        now: Now,
    ) -> Result<(), Refusal> {
        let other_channel = signing.protocol() != self.signing.protocol()
            || signing.protocol() == Protocol::V3
                && self.asked("trade_type") != fields.get("trade_type").map(String::as_str);
        match self.trade_state(now) {
            TradeState::Success | TradeState::Refund => Err(Refusal::OrderPaid),
            TradeState::Closed => Err(Refusal::OrderClosed),
            TradeState::NotPay if other_channel => Err(Refusal::OutTradeNoUsed),
            TradeState::NotPay if self.asked != asked(fields) => {
                Err(Refusal::InvalidRequest("201 商户订单号重复"))
            }
            TradeState::NotPay if self.has_expired(now) => {
                Err(Refusal::InvalidRequest("time_expire时间过短"))
            }
            TradeState::NotPay => {
                self.renew(fresh, now);
                Ok(())
            }
        }
    }

    fn renew(&mut self, fresh: Fresh, now: Now) {
        let code_url = (self.trade_type() == "NATIVE").then_some(fresh.code_url);
        self.sessions.push(Session { prepay_id: fresh.prepay_id, code_url, made_inner: now.inner });
        let too_many = self.sessions.len().saturating_sub(SESSIONS_KEPT);
        self.sessions.drain(..too_many);
    }

    /// Closes it.
    /// # Errors
    /// Paid, closed, or younger than `close_after_ms`. WeChat documents that rule and not its answer; `SYSTEMERROR` ("call
    /// again") says what a client has to do. Source: WeChat Pay v2, native.php?chapter=9_3.
    pub fn close(&mut self, close_after_ms: i64, now: Now) -> Result<(), Refusal> {
        match self.trade_state(now) {
            TradeState::Success | TradeState::Refund => Err(Refusal::OrderPaid),
            TradeState::Closed => Err(Refusal::OrderClosed),
            TradeState::NotPay if now.inner.minus(self.created_inner) < close_after_ms => {
                Err(Refusal::CloseTooEarly)
            }
            TradeState::NotPay => {
                self.closed_at = Some(now.wall);
                Ok(())
            }
        }
    }

    /// Whether a phone that shows `ticket`, a `code_url` or a `prepay_id`, is offered to pay.
    /// # Errors
    /// Why it is not.
    pub fn can_pay(&self, ticket: &str, pay: Pay, now: Now) -> Result<(), PayError> {
        match self.trade_state(now) {
            TradeState::Success | TradeState::Refund if !pay.again => return Err(PayError::Paid),
            TradeState::Closed if !pay.force => return Err(PayError::Closed),
            TradeState::NotPay if !pay.force && self.has_expired(now) => return Err(PayError::Closed),
            TradeState::NotPay if !pay.force => match self.sessions.last() {
                Some(newest) if newest.tickets().all(|known| known != ticket) => {
                    return Err(PayError::ReplacedCode);
                }
                Some(newest) if now.inner.minus(newest.made_inner) >= SESSION_LIFE_MS => {
                    return Err(PayError::ExpiredCode);
                }
                _ => (),
            },
            _ => (),
        }
        Ok(())
    }

    /// What an order query reports now.
    pub fn trade_state(&self, now: Now) -> TradeState {
        if !self.refunds.is_empty() {
            TradeState::Refund
        } else if !self.payments.is_empty() {
            TradeState::Success
        } else if self.closed_at.is_some() || self.is_closed_by_time(now) {
            TradeState::Closed
        } else {
            TradeState::NotPay
        }
    }

    fn is_closed_by_time(&self, now: Now) -> bool {
        self.has_expired(now) && (self.time_expire.is_none() || self.expiry == Expiry::Closes)
    }

    /// Whether the last moment of paying has passed.
    fn has_expired(&self, now: Now) -> bool {
        match self.time_expire {
            Some(at) => now.wall >= at,
            None => now.inner.minus(self.created_inner) >= ORDER_LIFE_MS,
        }
    }

    /// A parameter of the first call.
    pub fn asked(&self, name: &str) -> Option<&str> {
        self.asked.get(name).map(String::as_str)
    }

    /// `NATIVE`, `JSAPI`, `APP` or `MWEB`.
    pub fn trade_type(&self) -> &str {
        self.asked("trade_type").unwrap_or_default()
    }

    /// The appid that it was placed with.
    pub fn appid(&self) -> &str {
        self.asked("appid").unwrap_or_default()
    }

    /// The newest code.
    pub fn code_url(&self) -> Option<&str> {
        self.sessions.last().and_then(|newest| newest.code_url.as_deref())
    }

    /// The newest prepay session.
    pub fn prepay_id(&self) -> &str {
        self.sessions.last().map_or("", |newest| &newest.prepay_id)
    }

    /// What `person` is called in a payment of this order.
    pub fn payer(&self, person: Person) -> &str {
        self.asked("openid").unwrap_or_else(|| person.openid(self.appid()))
    }
}

/// The parameters that a repeat must have again: all but those of the one message.
pub fn asked(fields: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let wrapping = ["sign", "sign_type", "nonce_str"];
    let kept = fields.iter().filter(|(name, _)| !wrapping.contains(&name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}
