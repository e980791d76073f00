//! What can be written, what it needs to know, and what it leads to. Everything that moves an order is one of these
//! commands; [`Apply`](crate::batch::Apply) says how.

use std::collections::{BTreeMap, BTreeSet};

use wxpay::{OutRefundNo, OutTradeNo, Payment, Ticket, TransactionId, UnixMillis};

use crate::audit::{Acting, Actor};
use crate::event::Event;
use crate::exception::resolution::{Decision, ResolutionRefusal};
use crate::exception::{Exception, ExceptionId, ExceptionKind};
use crate::order::{AbnormalPayments, Order, Rules, Source};
use crate::refund::{ExternalRefund, Refund, RefundRefusal, RefundRequest, RefundUpdate};
use crate::spend::{Reference, Shifts};

mod placing;
mod spending;
mod wishes;

pub use placing::{NotPlaced, PlaceNamed, PlaceOrder, PlaceRefusal};
pub use spending::{
    CaptureHold, DebitReply, ExpireHold, GrantReply, HoldReply, MakeDebit, MakeGrant, PlaceHold,
    ReversalReply, ReverseDebit, SpendReads, VoidHold,
};
pub use wishes::{AskRefund, DeclineRefund};

/// One thing to write.
pub trait Command {
    /// What it leads to, once it is on disk.
    type Reply;

    /// In which queue it waits.
    const LANE: Lane = Lane::Money;

    /// What has to be read before it can be decided.
    fn reads<'c>(&'c self, reads: &mut Reads<'c>);

    /// Puts what an account has in a reply right, where others moved it between reading and writing.
    fn shift(_reply: &mut Self::Reply, _shifts: &Shifts) {}
}

/// The queues in front of the writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Orders, payments, refunds, grants: first in every batch.
    Money,
    /// What a site spends: a flood of it never makes a notice wait.
    Spending,
}

impl Lane {
    /// The word in the metrics.
    pub fn name(self) -> &'static str {
        match self {
            Lane::Money => "money",
            Lane::Spending => "spending",
        }
    }
}

/// What a batch of commands has to read. A batch that only takes payments reads orders and nothing else.
#[derive(Debug, Default)]
pub struct Reads<'c> {
    /// Orders by number.
    pub orders: BTreeSet<&'c OutTradeNo>,
    /// Orders by their reference.
    pub references: BTreeSet<&'c Reference>,
    /// Open orders by [`Order::open_key`].
    pub open_keys: BTreeSet<String>,
    /// All orders of these users that can still be paid at `now`.
    pub open_of: BTreeSet<&'c str>,
    /// When the last of those is placed.
    pub now: UnixMillis,
    /// Users whose orders have terms, and when they order.
    pub placing: BTreeMap<&'c str, UnixMillis>,
    /// All refunds of these order numbers, and what operators credited of their payments.
    pub refunds_of: BTreeSet<&'c OutTradeNo>,
    /// Payers' wishes for refunds of these order numbers, which are among `refunds_of` too.
    pub wishes_of: BTreeSet<&'c OutTradeNo>,
    /// Refunds by number.
    pub refunds: BTreeSet<&'c OutRefundNo>,
    /// Refunds by number, with the orders that they are of and all refunds of those.
    pub refunds_with_orders: BTreeSet<&'c OutRefundNo>,
    /// Exceptions by id.
    pub exceptions: BTreeSet<&'c ExceptionId>,
    /// The payments that are to be credited.
    pub payments: Vec<&'c Payment>,
    /// Exceptions that payments may be, where a rule gives those back.
    pub abnormal: BTreeSet<ExceptionId>,
    /// Whether the accounts of the users whom the orders and those credits belong to are needed.
    pub owners: bool,
    /// Accounts by user id, with those of their holds whose time is up.
    pub accounts: BTreeSet<&'c str>,
    /// Debits, reversals, holds and grants.
    pub spending: SpendReads<'c>,
}

impl<'c> Reads<'c> {
    /// Adds what has to be known of payments that may not fit their orders, where a rule gives such payments back. A payment that fits
    /// costs nothing here.
    pub fn look_for_abnormal(&mut self, orders: &[Order], rules: &Rules) {
        if rules.abnormal == AbnormalPayments::default() || self.payments.is_empty() {
            return;
        }
        let orders: BTreeMap<_, _> = orders.iter().map(|order| (&order.out_trade_no, order)).collect();
        let mut first: BTreeMap<&OutTradeNo, &TransactionId> = BTreeMap::new();
        for payment in self.payments.clone() {
            let Some(order) = orders.get(&payment.out_trade_no) else { continue };
            let own = first.entry(&payment.out_trade_no).or_insert(&payment.transaction_id);
            let is_second = *own != &payment.transaction_id;
            let is_over = !order.is_open() || order.by_hand.is_some();
            if is_second || is_over || payment.total_fee != order.total_fee {
                self.refunds_of.insert(&payment.out_trade_no);
                let kinds = [ExceptionKind::Duplicate, ExceptionKind::AmountMismatch];
                self.abnormal.extend(kinds.map(|kind| ExceptionId {
                    kind,
                    out_trade_no: payment.out_trade_no.clone(),
                    transaction_id: Some(payment.transaction_id.clone()),
                }));
            }
        }
    }

    fn accounts_at(&mut self, user_id: &'c str, now: UnixMillis) {
        self.accounts.insert(user_id);
        self.spending.decided_at(now);
    }
}

/// Takes an order back that is not paid; see [`Order::cancelled`].
#[derive(Debug, Clone)]
pub struct CancelOrder {
    /// The order.
    pub out_trade_no: OutTradeNo,
    /// Who takes it back.
    pub by: Actor,
    /// When it is decided.
    pub now: UnixMillis,
}

/// Takes the lease on asking WeChat for this order's ticket; not changed if another process has it.
#[derive(Debug, Clone)]
pub struct TakeLease {
    /// The order.
    pub out_trade_no: OutTradeNo,
    /// When it is decided.
    pub now: UnixMillis,
}

/// Stores the ticket that unified order answered, and ends the lease.
#[derive(Debug, Clone)]
pub struct StoreTicket {
    /// The order.
    pub out_trade_no: OutTradeNo,
    /// What was answered.
    pub ticket: Ticket,
    /// When it is decided.
    pub now: UnixMillis,
}

/// Records that unified order brought no ticket, and ends the lease.
#[derive(Debug, Clone)]
pub struct RecordPrepayFailure {
    /// The order.
    pub out_trade_no: OutTradeNo,
    /// What it answered.
    pub result: String,
    /// When it is decided.
    pub now: UnixMillis,
}

/// Credits a verified payment, or keeps it as an exception.
#[derive(Debug, Clone)]
pub struct CreditPayment {
    /// As WeChat states it.
    pub payment: Payment,
    /// Where the proof came from.
    pub source: Source,
    /// When it is decided.
    pub now: UnixMillis,
}

/// Records which refunds of an order WeChat has, ours among them: ours move on, others were made in the merchant platform.
#[derive(Debug, Clone)]
pub struct RecordExternalRefunds {
    /// The order's number; there may be no such order.
    pub out_trade_no: OutTradeNo,
    /// The payment, where WeChat named it.
    pub payment: Option<Payment>,
    /// All refunds that WeChat has of it.
    pub refunds: Vec<ExternalRefund>,
    /// When it is decided.
    pub now: UnixMillis,
}

/// Takes on a refund of a payment, or of a part of it, as an operator asks.
#[derive(Debug, Clone)]
pub struct RequestRefund {
    /// What the operator asks for.
    pub request: RefundRequest,
    /// The operator.
    pub by: Acting,
    /// When it is decided.
    pub now: UnixMillis,
}

/// Moves a refund by what WeChat answered about it.
#[derive(Debug, Clone)]
pub struct UpdateRefund {
    /// The refund.
    pub out_refund_no: OutRefundNo,
    /// What was answered.
    pub update: RefundUpdate,
    /// The operator who withdraws it, if one does.
    pub by: Option<Acting>,
    /// When it is decided.
    pub now: UnixMillis,
}

/// Resolves an exception as an operator decides.
#[derive(Debug, Clone)]
pub struct ResolveException {
    /// The exception.
    pub id: ExceptionId,
    /// What the operator decides.
    pub decision: Decision,
    /// As [`RefundRequest::seen_version`].
    pub seen_version: Option<i64>,
    /// The operator.
    pub by: Acting,
    /// When it is decided.
    pub now: UnixMillis,
}

/// Closes an order of which WeChat says that it cannot be paid any more.
#[derive(Debug, Clone)]
pub struct CloseOrder {
    /// The order.
    pub out_trade_no: OutTradeNo,
    /// Who had it closed.
    pub by: Actor,
    /// When it is decided.
    pub now: UnixMillis,
}

/// Adds a row to the time line, nothing else.
#[derive(Debug, Clone)]
pub struct RecordEvent(pub Event);

/// An order as it is now, and whether the command changed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderReply {
    /// As it is now.
    pub order: Order,
    /// Whether this command changed it.
    pub changed: bool,
}

/// A refund as it is now, and whether the command changed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundReply {
    /// As it is now.
    pub refund: Refund,
    /// Whether this command changed it.
    pub changed: bool,
}

/// An exception that was resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// As it is now.
    pub exception: Exception,
    /// The refund that was asked for, if one was.
    pub refund: Option<Refund>,
}

/// What a payment led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The balance rose.
    Credited {
        /// Whether it came after the order was closed or had expired.
        late: bool,
    },
    /// It came late and the rule is to refund: paid, not credited, its refund asked for.
    KeptForRefund,
    /// The same payment was on record.
    AlreadyPaid,
    /// It does not fit and was kept for a person.
    Exception {
        /// The exception.
        id: ExceptionId,
        /// When it was seen first; a repeated notice meets it again.
        first_seen_at: UnixMillis,
    },
    /// Nothing was done; a query decides.
    AskWeChat,
}

impl Command for CancelOrder {
    type Reply = Option<OrderReply>;

    fn reads<'c>(&'c self, reads: &mut Reads<'c>) {
        reads.orders.insert(&self.out_trade_no);
    }
}

impl Command for TakeLease {
    type Reply = Option<OrderReply>;

    fn reads<'c>(&'c self, reads: &mut Reads<'c>) {
        reads.orders.insert(&self.out_trade_no);
    }
}

impl Command for StoreTicket {
    type Reply = Option<OrderReply>;

    fn reads<'c>(&'c self, reads: &mut Reads<'c>) {
        reads.orders.insert(&self.out_trade_no);
    }
}

impl Command for RecordPrepayFailure {
    type Reply = Option<OrderReply>;

    fn reads<'c>(&'c self, reads: &mut Reads<'c>) {
        reads.orders.insert(&self.out_trade_no);
    }
}

impl Command for CreditPayment {
    type Reply = Outcome;

    fn reads<'c>(&'c self, reads: &mut Reads<'c>) {
        reads.orders.insert(&self.payment.out_trade_no);
        reads.payments.push(&self.payment);
    }
}

impl Command for RecordExternalRefunds {
    type Reply = Option<OrderReply>;

    fn reads<'c>(&'c self, reads: &mut Reads<'c>) {
        reads.orders.insert(&self.out_trade_no);
        reads.refunds_of.insert(&self.out_trade_no);
        reads.refunds.extend(self.refunds.iter().map(|seen| &seen.out_refund_no));
    }
}

impl Command for RequestRefund {
    type Reply = Result<RefundReply, RefundRefusal>;

    fn reads<'c>(&'c self, reads: &mut Reads<'c>) {
        reads.orders.insert(&self.request.out_trade_no);
        reads.refunds_of.insert(&self.request.out_trade_no);
        reads.wishes_of.insert(&self.request.out_trade_no);
        reads.refunds.insert(&self.request.out_refund_no);
        reads.exceptions.extend(&self.request.exception);
        reads.owners = true;
        reads.spending.decided_at(self.now);
    }
}

impl Command for UpdateRefund {
    type Reply = Option<RefundReply>;

    fn reads<'c>(&'c self, reads: &mut Reads<'c>) {
        reads.refunds_with_orders.insert(&self.out_refund_no);
    }
}

impl Command for ResolveException {
    type Reply = Result<Resolved, ResolutionRefusal>;

    fn reads<'c>(&'c self, reads: &mut Reads<'c>) {
        reads.orders.insert(&self.id.out_trade_no);
        reads.refunds_of.insert(&self.id.out_trade_no);
        reads.exceptions.insert(&self.id);
        reads.owners = true;
        reads.spending.decided_at(self.now);
        if let Decision::Credit { user: Some(user), .. } = &self.decision {
            reads.accounts.insert(&user.id);
        }
    }
}

impl Command for CloseOrder {
    type Reply = Option<OrderReply>;

    fn reads<'c>(&'c self, reads: &mut Reads<'c>) {
        reads.orders.insert(&self.out_trade_no);
    }
}

impl Command for RecordEvent {
    type Reply = ();

    fn reads<'c>(&'c self, _: &mut Reads<'c>) {}
}
