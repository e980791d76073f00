//! What can be written, and what it led to. Everything that moves an order is one of these commands.

use wxpay::{OutRefundNo, OutTradeNo, Payment, Ticket, UnixMillis};

use crate::event::Event;
use crate::exception::resolution::{SettleRefusal, Settlement};
use crate::exception::{Exception, ExceptionKind};
use crate::order::{Order, Proof};
use crate::refund::{By, News, Outside, Refund, RefundRefusal, RefundWish};

/// One thing to write. Everything that moves an order goes through here.
#[derive(Debug, Clone)]
pub enum Command {
    /// Write a new order, or find the open one of the same user and amount.
    Place(Box<Order>),
    /// Take the right to ask WeChat for this order's code.
    Ordering { out_trade_no: OutTradeNo, now: UnixMillis },
    /// Store the code that unified order answered.
    Prepaid { out_trade_no: OutTradeNo, ticket: Ticket, now: UnixMillis },
    /// Unified order brought no code: say why on the time line, and let the next press try.
    PrepayFailed { out_trade_no: OutTradeNo, result: String, now: UnixMillis },
    /// A proof of payment.
    Settle { payment: Box<Payment>, proof: Proof, from: String, now: UnixMillis },
    /// WeChat says that the order's payment was given back, and by which refunds, ours among them. It need not name the
    /// payment.
    RefundedOutside {
        out_trade_no: OutTradeNo,
        payment: Option<Box<Payment>>,
        refunds: Vec<Outside>,
        now: UnixMillis,
    },
    /// An operator gives a paid order back, or a part of it.
    Refund { wish: Box<RefundWish>, notify_url: Option<String>, by: By, now: UnixMillis },
    /// What WeChat said of a refund; `by` where an operator withdraws it.
    Heard { out_refund_no: OutRefundNo, news: News, by: Option<By>, now: UnixMillis },
    /// An operator settles an exception of this order number.
    SettleException {
        id: String,
        out_trade_no: OutTradeNo,
        settlement: Box<Settlement>,
        /// As [`RefundWish::seen_version`].
        seen_version: Option<i64>,
        notify_url: Option<String>,
        by: By,
        now: UnixMillis,
    },
    /// WeChat says that it cannot be paid any more.
    Close { out_trade_no: OutTradeNo, by: String, now: UnixMillis },
    /// A row for the time line, nothing else.
    Record(Event),
}

/// What a command led to, once it is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The order as it is now, and whether this command changed it.
    Order {
        order: Box<Order>,
        changed: bool,
    },
    /// There is no such order.
    UnknownOrder,
    /// The order was not written: its user has as many open orders as the rules allow.
    TooManyOpen,
    /// What a payment led to.
    Settled(Outcome),
    /// The refund as it is now, and whether this command changed it.
    Refund {
        refund: Box<Refund>,
        changed: bool,
    },
    RefundRefused(RefundRefusal),
    UnknownRefund,
    /// The exception, settled, and the refund that was asked for.
    ExceptionSettled {
        exception: Box<Exception>,
        refund: Option<Box<Refund>>,
    },
    SettleRefused(SettleRefusal),
    Recorded,
}

/// What a payment led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Credited {
        late: bool,
    },
    KeptForRefund,
    AlreadyPaid,
    /// Kept as an exception, seen first at this time.
    Exception {
        id: String,
        kind: ExceptionKind,
        first_seen_at: UnixMillis,
    },
    /// Nothing was done; a query decides.
    AskWeChat,
}
