//! An order and its states.

use std::net::IpAddr;

use sha2::{Digest, Sha256};
use wxpay::{
    Channel, CodeUrl, Fen, H5Scene, OpenId, OutTradeNo, ProductId, Protocol, Signed, Ticket, TradeType,
    TransactionId, UnixMillis,
};

use crate::apps::App;
use crate::audit::Actor;
use crate::epay;
use crate::names::names;
use crate::user::User;

mod by_key;
mod cancel;
mod channel;
mod judge;
mod manual;
mod new;
pub mod query_schedule;
pub mod terms;
mod transitions;

pub use by_key::ByKey;
pub use channel::OrderChannel;
pub use judge::{Abnormal, AbnormalPayments, LatePayment, Rules, Verdict};
pub use new::{NewOrder, Way};
pub use transitions::ORDERING_LEASE_MS;

/// How long a ticket is shown, in milliseconds: WeChat honours it for two hours, and the payer still has to use it.
/// Source: WeChat Pay, native.php?chapter=9_1 (`prepay_id`, `code_url`).
const TICKET_LIFE_MS: i64 = 115 * 60 * 1000;

/// The same of WeChat's page for a phone's browser, which it honours for five minutes.
/// Source: WeChat Pay, H5.php?chapter=9_20 (`mweb_url`).
const PAGE_LIFE_MS: i64 = (4 * 60 + 30) * 1000;

/// Age before which WeChat refuses to close an order, in milliseconds. Source: WeChat Pay, native.php?chapter=9_3
pub const CLOSE_NOT_BEFORE_MS: i64 = 5 * 60 * 1000;

/// How long the order link shows how the order ended, in milliseconds.
const LINK_AFTER_END_MS: i64 = 10 * 60 * 1000;

/// One recharge with one `out_trade_no`. What was sent to WeChat is stored, so that a repeat sends the same fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Our number of it.
    pub out_trade_no: OutTradeNo,
    /// Whose balance it raises.
    pub user: User,
    /// What the payer pays, in fen.
    pub total_fee: Fen,
    /// What is added on top when it is credited, in fen; fixed when the order is made, but for `first_bonus`.
    pub bonus: Fen,
    /// How much of the bonus is for the first order of the account, in fen. An order that ends unpaid gives it up.
    pub first_bonus: Fen,
    /// What the payer reads in WeChat, at most 127 bytes.
    pub body: String,
    /// Sent as `product_id`, which a Native order must have; a static code's own number.
    pub product_id: String,
    /// Where WeChat posts the notice.
    pub notify_url: String,
    /// The payer's address.
    pub spbill_create_ip: IpAddr,
    /// How its requests were signed when it was placed; weaker evidence decides nothing.
    pub signed: Signed,
    /// In whose name it was placed; a payment in another's name is not its own.
    pub app: App,
    /// How the payer gets to it.
    pub trade_type: TradeType,
    /// Who is to pay it, where that is known (JSAPI, static codes); forgotten when the order ends.
    pub openid: Option<OpenId>,
    /// The page that the payer came from (H5).
    pub scene: Option<H5Scene>,
    /// The static code that was scanned for it. The ticket is then a `prepay_id`, which went back to WeChat.
    pub static_code: Option<ProductId>,
    /// When it was placed.
    pub created_at: UnixMillis,
    /// Until when it can be paid.
    pub time_expire: UnixMillis,
    /// How far it is.
    pub state: OrderState,
    /// Optimistic concurrency: rises with every change, and a change is written only over the version that was read.
    pub version: i64,
    /// When the lease on asking WeChat for this order's ticket ends; 0 without a lease.
    pub ordering_until: UnixMillis,
    /// The secret of the order link; see [`Order::link_opens`].
    pub link_token: String,
    /// Whether another press for the same amount may still get this order.
    pub reusable: bool,
    /// WeChat says that its payment was refunded in the merchant platform before it was credited here: it never is credited.
    pub refunded_outside: bool,
    /// What the program of the site that made it said of it; `None` of a payer's own.
    pub by_key: Option<Box<ByKey>>,
    /// From when on it is not offered any more; see [`Order::cancelled`].
    pub cancelled_at: Option<UnixMillis>,
    /// A payment that did not fit and that an operator credited or gave back: no payment moves the order any more.
    pub by_hand: Option<TransactionId>,
}

/// The state of an order: created → pending → closed → paid. Steps may be skipped, nothing leaves paid, and a verified payment
/// wins even over closed. Data that exists only in one state is in that state.
///
/// | transition | from | to |
/// |---|---|---|
/// | [`Order::new`] | | created |
/// | [`Order::prepaid`] | created, pending | pending, with a newer ticket |
/// | [`Order::cancelled`] | created, pending | the same, and not offered any more |
/// | [`Order::closed`] | created, pending | closed |
/// | [`Order::refunded_outside`], [`Order::resolved_by_hand`] | created, pending, closed | closed |
/// | [`Order::paid`] | created, pending, closed | paid |
/// | [`Order::credited_by_hand`] | paid and not credited | paid and credited |
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderState {
    /// Written, WeChat's answer not stored.
    Created,
    /// Has a ticket that leads to the payment.
    Pending(Issued),
    /// Closed at WeChat without a payment.
    Closed {
        /// When.
        closed_at: UnixMillis,
    },
    /// Paid, by proof. Nothing leaves this state.
    Paid(Paid),
}

/// The newest ticket of an order. Its version tells pages apart that show an older one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// What the payer pays with.
    pub ticket: Ticket,
    /// Counts the order's tickets from 1.
    pub version: i64,
    /// When WeChat answered it.
    pub issued_at: UnixMillis,
}

/// Where a proof of payment came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A verified notice, posted from this address.
    Notice {
        /// The address.
        from: String,
    },
    /// The answer to a query.
    Query {
        /// Who asked.
        by: Actor,
    },
}

impl Source {
    /// The same without its details, as it is stored.
    pub fn proof(&self) -> Proof {
        match self {
            Source::Notice { .. } => Proof::Notice,
            Source::Query { .. } => Proof::Query,
        }
    }
}

/// How a payment became known first. Its words are in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// By a verified notice.
    Notice,
    /// By the answer to a query.
    Query,
}

/// What is known of the payment that paid an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paid {
    /// WeChat's number of it.
    pub transaction_id: TransactionId,
    /// When the payer paid, as WeChat states it.
    pub paid_at: UnixMillis,
    /// When the balance rose, or the site was owed its notice ([`Order::raises_balance`]); `None` where the rule for late payments is
    /// to refund.
    pub credited_at: Option<UnixMillis>,
    /// When it was closed before, if it was.
    pub closed_at: Option<UnixMillis>,
    /// Whether it was paid after the order was closed or had expired.
    pub late: bool,
    /// How it became known first.
    pub proof: Proof,
}

impl OrderState {
    /// The name in the database and in the integrator's API.
    pub fn name(&self) -> &'static str {
        match self {
            OrderState::Created => "created",
            OrderState::Pending(_) => "pending",
            OrderState::Closed { .. } => "closed",
            OrderState::Paid(_) => "paid",
        }
    }
}

names!(Proof {
    Notice = "notice",
    Query = "query",
});

impl Order {
    /// Whether its payment raises a balance. What a site sells by 易支付 is the site's own: it is paid, and told.
    pub fn raises_balance(&self) -> bool {
        self.by_key.as_ref().is_none_or(|by_key| !epay::is_maker(&by_key.key))
    }

    /// What the balance rises by: the payment and the bonus, or nothing where no balance does. `None` only if the sum overflows,
    /// which creation refuses.
    pub fn credit(&self) -> Option<Fen> {
        match self.raises_balance() {
            true => self.total_fee.checked_add(self.bonus),
            false => Some(Fen::ZERO),
        }
    }

    /// Whether it can still be paid, as far as is known here.
    pub fn is_open(&self) -> bool {
        matches!(self.state, OrderState::Created | OrderState::Pending(_))
    }

    /// The newest ticket, while it can be paid by one.
    pub fn issued(&self) -> Option<&Issued> {
        match &self.state {
            OrderState::Pending(issued) => Some(issued),
            _ => None,
        }
    }

    /// The code to scan, where the order is paid by one and offered.
    pub fn code_url(&self) -> Option<&CodeUrl> {
        match &self.issued().filter(|_| self.is_offered())?.ticket {
            Ticket::Code(code_url) => Some(code_url),
            Ticket::Prepay(_) | Ticket::Page(_) => None,
        }
    }

    /// Where it was placed, and stays.
    pub fn channel(&self) -> Channel {
        Channel { protocol: self.signed.protocol(), trade_type: self.trade_type }
    }

    /// Whether WeChat is queried about the order before it is placed again: v3 may answer 202 (taken, not finished), and an order
    /// for a page or an app is then not repeated blindly, because whoever has its first ticket may be paying by it. A code is:
    /// the newest one is the one that is shown.
    pub fn is_queried_before_repeat(&self) -> bool {
        self.signed.protocol() == Protocol::V3 && self.trade_type != TradeType::Native
    }

    /// Whole seconds until `time_expire`, never negative.
    pub fn expires_in_s(&self, now: UnixMillis) -> i64 {
        (self.time_expire.minus(now) / 1000).max(0)
    }

    /// Whether a payer who presses again gets this order: it is open and there is time left to scan and pay.
    pub fn can_be_reused(&self, now: UnixMillis) -> bool {
        let life = self.time_expire.minus(self.created_at);
        self.is_open() && self.reusable && self.time_expire.minus(now) > (life / 10).min(30_000)
    }

    /// Whether the stored ticket can still be shown.
    pub fn has_live_ticket(&self, now: UnixMillis) -> bool {
        let life_ms = match self.trade_type {
            TradeType::Native | TradeType::Jsapi | TradeType::App => TICKET_LIFE_MS,
            TradeType::Mweb => PAGE_LIFE_MS,
        };
        self.issued().is_some_and(|issued| now.minus(issued.issued_at) < life_ms)
    }

    /// Whether this is the secret of the order's link and the link still holds: while the order is open, and ten minutes
    /// after it ended, so that the other screen sees how it ended.
    pub fn link_opens(&self, token: &str, now: UnixMillis) -> bool {
        let ended_at = match &self.state {
            OrderState::Created | OrderState::Pending(_) => self.cancelled_at.unwrap_or(now),
            OrderState::Closed { closed_at } => *closed_at,
            OrderState::Paid(paid) => paid.credited_at.unwrap_or(paid.paid_at),
        };
        // Every byte is compared, so that the time it takes tells nothing.
        let same = token.len() == self.link_token.len()
            && token.bytes().zip(self.link_token.bytes()).fold(0, |difference, (a, b)| difference | (a ^ b))
                == 0;
        same && now.minus(ended_at) < LINK_AFTER_END_MS
    }

    /// Which of two presses for the same thing meet in one order: those of one user for one price in one way, whichever of
    /// the user's orders carries the bonus for the first. Two phones
    /// of one account do not meet, because an order of one payer cannot be paid by the other. An order with a reference is found by
    /// that alone.
    pub fn open_key(&self) -> Option<String> {
        // A user id has no control characters, so a line feed parts.
        let price =
            || format!("{}\n{}\n{}", self.user.id, self.total_fee.get(), self.bonus_of_amount().get());
        let is_found = self.is_offered() && self.reusable && self.reference().is_none();
        let said = || self.by_key.as_ref().and_then(|by_key| by_key.digest());
        is_found.then(|| match (self.trade_type, &self.static_code) {
            (TradeType::Native, None) => {
                said().map_or_else(price, |digest| format!("{}\nKEY {digest}", price()))
            }
            (TradeType::Native, Some(code)) => format!("{}\nSTATIC {code} {}", price(), self.payer_digest()),
            (TradeType::Jsapi, _) => format!("{}\nJSAPI {}", price(), self.payer_digest()),
            (TradeType::Mweb, _) => format!("{}\nMWEB", price()),
            (TradeType::App, _) => format!("{}\nAPP", price()),
        })
    }

    /// Whether both count to one limit of open orders: those that a user placed, or those of one static code. Strangers who
    /// scan a printed code do not use up what its user may have open.
    pub fn counts_beside(&self, other: &Order) -> bool {
        self.user.id == other.user.id && self.static_code == other.static_code
    }

    /// SHA-256 of the payer's openid, in hex: tells payers apart where the openid itself must not stand.
    fn payer_digest(&self) -> String {
        let openid = self.openid.as_ref().map_or("", OpenId::as_str);
        Sha256::digest(openid).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod channel_tests;
#[cfg(test)]
mod tests;
