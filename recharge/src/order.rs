//! An order, its states and transitions, and the judgement of a verified payment.

use std::net::IpAddr;

use wxpay::{
    AppId, Channel, CodeUrl, Fen, InvalidValue, OutTradeNo, Payment, Signed, Ticket, TradeType,
    TransactionId, UnixMillis,
};

use crate::audit::Actor;
use crate::exception::ExceptionKind;
use crate::names::names;
use crate::user::User;

mod manual;
pub mod query_schedule;

/// How long a ticket is shown, in milliseconds: WeChat honours it for two hours, and the payer still has to use it.
/// Source: WeChat Pay, native.php?chapter=9_1 (`prepay_id`, `code_url`).
const TICKET_LIFE_MS: i64 = 115 * 60 * 1000;

/// Age before which WeChat refuses to close an order, in milliseconds. Source: WeChat Pay, native.php?chapter=9_3
pub const CLOSE_NOT_BEFORE_MS: i64 = 5 * 60 * 1000;

/// How long the order link shows how the order ended, in milliseconds.
const LINK_AFTER_END_MS: i64 = 10 * 60 * 1000;

/// Length of the lease on asking WeChat for an order's ticket, in milliseconds; then another process may take it.
pub const ORDERING_LEASE_MS: i64 = 8_000;

/// One recharge with one `out_trade_no`. What was sent to WeChat is stored, so that a repeat sends the same fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Our number of it.
    pub out_trade_no: OutTradeNo,
    /// Whose balance it raises.
    pub user: User,
    /// What the payer pays, in fen.
    pub total_fee: Fen,
    /// What is added on top when it is credited, in fen; fixed when the order is made.
    pub bonus: Fen,
    /// What the payer reads in WeChat, at most 127 bytes.
    pub body: String,
    /// Sent as `product_id`, which a Native order must have.
    pub product_id: String,
    /// Where WeChat posts the notice.
    pub notify_url: String,
    /// The payer's address.
    pub spbill_create_ip: IpAddr,
    /// How its requests were signed when it was placed; weaker evidence decides nothing.
    pub signed: Signed,
    /// How the payer gets to it.
    pub trade_type: TradeType,
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
    /// When the balance rose; `None` where the rule for late payments is to refund.
    pub credited_at: Option<UnixMillis>,
    /// When it was closed before, if it was.
    pub closed_at: Option<UnixMillis>,
    /// Whether it was paid after the order was closed or had expired.
    pub late: bool,
    /// How it became known first.
    pub proof: Proof,
}

/// What becomes of a payment that arrives late (setting `late_payment`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LatePayment {
    /// It is credited like any other.
    Credit,
    /// It is refunded in the transaction that marks its order paid.
    Refund,
}

/// What the rules need to know besides the order and the payment.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The merchant's app; a payment of another one is never credited here.
    pub appid: AppId,
    /// The setting.
    pub late_payment: LatePayment,
    /// The address of this site, under which WeChat posts notices, without a slash at its end.
    pub notify_base: String,
    /// The most orders that one user may have open at the same time.
    pub max_open_orders: usize,
}

/// What a verified payment means for an order. An exception is a verdict, not an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It fits: the order is paid and its credit due.
    Credit(Paid),
    /// It fits but came late, and the rule is to give it back: paid, not credited.
    KeepForRefund(Paid),
    /// The same payment is on record already.
    AlreadyPaid,
    /// Real money that does not fit.
    Exception(ExceptionKind),
    /// The proof is weaker than the order asked for; a query decides.
    AskWeChat,
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
    /// What the balance rises by: the payment and the bonus. `None` only if the sum overflows, which creation refuses.
    pub fn credit(&self) -> Option<Fen> {
        self.total_fee.checked_add(self.bonus)
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

    /// The code to scan, where the order is paid by one.
    pub fn code_url(&self) -> Option<&CodeUrl> {
        match &self.issued()?.ticket {
            Ticket::Code(code_url) => Some(code_url),
            Ticket::Prepay(_) | Ticket::Page(_) => None,
        }
    }

    /// Where it was placed, and stays.
    pub fn channel(&self) -> Channel {
        Channel { protocol: self.signed.protocol(), trade_type: self.trade_type }
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
        self.issued().is_some_and(|issued| now.minus(issued.issued_at) < TICKET_LIFE_MS)
    }

    /// Whether this is the secret of the order's link and the link still holds: while the order is open, and ten minutes
    /// after it ended, so that the other screen sees how it ended.
    pub fn link_opens(&self, token: &str, now: UnixMillis) -> bool {
        let ended_at = match &self.state {
            OrderState::Created | OrderState::Pending(_) => now,
            OrderState::Closed { closed_at } => *closed_at,
            OrderState::Paid(paid) => paid.credited_at.unwrap_or(paid.paid_at),
        };
        // Every byte is compared, so that the time it takes tells nothing.
        let same = token.len() == self.link_token.len()
            && token.bytes().zip(self.link_token.bytes()).fold(0, |difference, (a, b)| difference | (a ^ b))
                == 0;
        same && now.minus(ended_at) < LINK_AFTER_END_MS
    }

    /// Which of two presses for the same thing meet in one order.
    pub fn open_key(&self) -> Option<String> {
        (self.is_open() && self.reusable).then(|| open_key(&self.user.id, self.total_fee, self.bonus))
    }

    /// Judges a verified payment. Does not change the order: [`Order::paid`] does.
    ///
    /// The amount is `total_fee`, never `cash_fee`, which coupons make smaller.
    /// Source: WeChat Pay, native.php?chapter=9_7
    pub fn judge(&self, payment: &Payment, proof: Proof, rules: &Rules, now: UnixMillis) -> Verdict {
        if payment.appid != rules.appid {
            return Verdict::Exception(ExceptionKind::OtherApp);
        }
        if let OrderState::Paid(paid) = &self.state
            && paid.transaction_id == payment.transaction_id
        {
            return Verdict::AlreadyPaid;
        }
        if self.by_hand.as_ref() == Some(&payment.transaction_id) {
            return Verdict::AlreadyPaid;
        }
        // Only of notices: a query is signed as this process asks, whatever the order was placed with.
        let is_weaker = payment.signed < self.signed;
        if is_weaker && proof == Proof::Notice {
            return Verdict::AskWeChat;
        }
        if matches!(self.state, OrderState::Paid(_)) || self.by_hand.is_some() {
            return Verdict::Exception(ExceptionKind::Duplicate);
        }
        if self.refunded_outside {
            return Verdict::Exception(ExceptionKind::RefundedOutside);
        }
        if payment.fee_type != "CNY" {
            return Verdict::Exception(ExceptionKind::CurrencyMismatch);
        }
        if payment.total_fee != self.total_fee {
            return Verdict::Exception(ExceptionKind::AmountMismatch);
        }
        let closed_at = match self.state {
            OrderState::Closed { closed_at } => Some(closed_at),
            _ => None,
        };
        let late = closed_at.is_some() || payment.time_end > self.time_expire;
        let credited = !late || rules.late_payment == LatePayment::Credit;
        let paid = Paid {
            transaction_id: payment.transaction_id.clone(),
            paid_at: payment.time_end,
            credited_at: credited.then_some(now),
            closed_at,
            late,
            proof,
        };
        if credited { Verdict::Credit(paid) } else { Verdict::KeepForRefund(paid) }
    }

    /// The order after a payment. Requires: created, pending or closed; `None` if it is paid already.
    pub fn paid(&self, paid: Paid) -> Option<Order> {
        (!matches!(self.state, OrderState::Paid(_))).then(|| self.ended(OrderState::Paid(paid)))
    }

    /// The order after WeChat said that it cannot be paid any more. Requires: created or pending; else `None`.
    pub fn closed(&self, now: UnixMillis) -> Option<Order> {
        self.is_open().then(|| self.ended(OrderState::Closed { closed_at: now }))
    }

    /// The order after WeChat said that its payment was refunded in the merchant platform: it is closed, and no proof of that
    /// payment credits it. Requires: not paid and not marked so already; else `None`.
    pub fn refunded_outside(&self, now: UnixMillis) -> Option<Order> {
        let order = self.closed(now).unwrap_or_else(|| Order { version: self.version + 1, ..self.clone() });
        let is_new = !matches!(self.state, OrderState::Paid(_)) && !self.refunded_outside;
        is_new.then_some(Order { refunded_outside: true, ..order })
    }

    /// The order with the ticket that WeChat answered, and without its lease. Requires: created or pending; `None` if a notice
    /// was faster or it was closed meanwhile.
    pub fn prepaid(&self, ticket: Ticket, now: UnixMillis) -> Option<Order> {
        let version = match &self.state {
            OrderState::Created => 1,
            OrderState::Pending(issued) => issued.version + 1,
            OrderState::Closed { .. } | OrderState::Paid(_) => return None,
        };
        let issued = Issued { ticket, version, issued_at: now };
        Some(Order {
            state: OrderState::Pending(issued),
            ordering_until: UnixMillis::default(),
            version: self.version + 1,
            ..self.clone()
        })
    }

    /// The order with a lease on asking WeChat for its ticket. Requires: created or pending, and no lease that still holds;
    /// else `None`.
    pub fn ordering(&self, now: UnixMillis) -> Option<Order> {
        // A right that ends later than any that is given now was given by a clock that has been set back since.
        let is_free = self.ordering_until <= now || self.ordering_until > now.plus_ms(ORDERING_LEASE_MS);
        (self.is_open() && is_free).then(|| Order {
            ordering_until: now.plus_ms(ORDERING_LEASE_MS),
            version: self.version + 1,
            ..self.clone()
        })
    }

    /// The order without its lease, after an answer that brought no ticket: another press may try again at once. Requires: a
    /// lease; else `None`.
    pub fn not_ordering(&self) -> Option<Order> {
        (self.ordering_until != UnixMillis::default()).then(|| Order {
            ordering_until: UnixMillis::default(),
            version: self.version + 1,
            ..self.clone()
        })
    }

    /// The order after a newer one for the same amount took its place on the page. It can still be paid. Requires: reusable;
    /// else `None`.
    pub fn superseded(&self) -> Option<Order> {
        self.reusable.then(|| Order { reusable: false, version: self.version + 1, ..self.clone() })
    }

    fn ended(&self, state: OrderState) -> Order {
        Order { state, version: self.version + 1, ordering_until: UnixMillis::default(), ..self.clone() }
    }
}

/// Where WeChat posts that an order was paid, below the site's address `base`.
pub fn notify_url(base: &str) -> String {
    format!("{base}/wxpay/notify")
}

/// The key under which presses of one user for one amount meet. A user id has no control characters, so a line feed parts.
pub fn open_key(user_id: &str, total_fee: Fen, bonus: Fen) -> String {
    format!("{user_id}\n{}\n{}", total_fee.get(), bonus.get())
}

/// What an order is made from; the rest follows from it.
#[derive(Debug, Clone)]
pub struct NewOrder {
    /// Whose balance it raises.
    pub user: User,
    /// What the payer pays, in fen.
    pub total_fee: Fen,
    /// What is added when it is credited, in fen.
    pub bonus: Fen,
    /// What the payer reads in WeChat, at most 127 bytes.
    pub body: String,
    /// Where WeChat posts the notice.
    pub notify_url: String,
    /// The payer's address.
    pub spbill_create_ip: IpAddr,
    /// How its requests are signed.
    pub signed: Signed,
    /// How the payer gets to it.
    pub trade_type: TradeType,
    /// How long it can be paid, in milliseconds.
    pub life_ms: i64,
}

impl Order {
    /// A new order with every field that will be sent, so that it can be stored before WeChat is called and a repeat
    /// sends the same. `random` makes its number and the secret of its link.
    ///
    /// # Errors
    /// [`InvalidValue`] if the amount is not positive or with its bonus larger than [`MOST_FEE`].
    pub fn new(new: NewOrder, now: UnixMillis, random: [u8; 26]) -> Result<Order, InvalidValue> {
        let sum = new.total_fee.checked_add(new.bonus);
        if new.total_fee < Fen::new(1) || new.bonus < Fen::ZERO || sum.is_none_or(|sum| sum > MOST_FEE) {
            return Err(InvalidValue { what: "amount", must_be: "1 fen to 10,000,000 yuan" });
        }
        let (number, secret) = random.split_at(10);
        Ok(Order {
            out_trade_no: OutTradeNo::parse(format!("SM{}{}", now.to_beijing(), base32(number)))?,
            product_id: format!("recharge-{}", new.total_fee.get()),
            user: new.user,
            total_fee: new.total_fee,
            bonus: new.bonus,
            body: new.body,
            notify_url: new.notify_url,
            spbill_create_ip: new.spbill_create_ip,
            signed: new.signed,
            trade_type: new.trade_type,
            created_at: now,
            // WeChat's times have whole seconds; the stored one is the one that is sent.
            time_expire: UnixMillis::new(now.plus_ms(new.life_ms).get() / 1000 * 1000),
            state: OrderState::Created,
            version: 1,
            ordering_until: now.plus_ms(ORDERING_LEASE_MS),
            link_token: base32(secret),
            reusable: true,
            refunded_outside: false,
            by_hand: None,
        })
    }
}

/// Maximum of one order, bonus included, in fen: sums of a million million of them fit in an `i64`.
pub const MOST_FEE: Fen = Fen::new(1_000_000_000);

/// Crockford's alphabet, which leaves out letters that are mistaken for digits; 5 bits a letter, the last one padded.
pub(crate) fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let (mut text, mut bits, mut held) = (String::new(), 0u32, 0u32);
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(LETTERS[(held >> bits) as usize & 31]));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(char::from(LETTERS[(held << (5 - bits)) as usize & 31]));
    }
    text
}

#[cfg(test)]
mod tests;
