//! Unit of work of the writer: decides a batch of commands in memory on what the writer read, and holds what it has to write.
//!
//! A second command for the same order is decided on the first one's result. Movements are summed per account, because an
//! `UPDATE … FROM` set that names an account twice would apply only one of the two.

use std::collections::{BTreeMap, HashMap, HashSet};

use wxpay::{Fen, OutTradeNo, Payment, TransactionId, UnixMillis};

use crate::audit::Actor;
use crate::command::{OrderReply, Outcome};
use crate::event::{Event, EventDetail};
use crate::exception::{Exception, ExceptionId, ExceptionKind, Resolution, ResolutionKind};
use crate::ledger::{DaySums, LedgerEntry, LedgerKey, Movement, Subject};
use crate::order::{Order, OrderState, Paid, Proof, Rules, Source, Verdict};
use crate::outbox::{Asked, NewEvent};
use crate::spend::Reference;

mod accounts;
mod apply;
mod by_rule;
mod context;
mod exceptions;
mod external_refunds;
mod named;
mod placing;
mod refund_updates;
mod refunds;
mod resolutions;
mod sales;
mod spending;
mod telling;
mod wishes;

pub use apply::Apply;
pub use context::{Context, RefundSlot, WishSlot};
pub use named::{NamedOrder, NamedOrders};
pub use placing::{DayLimit, Payer, Placing};
pub use spending::{DebitSlot, HoldSlot, SpendRead, Spending};
pub use telling::WrittenException;

/// An order in the batch, with the version that was read.
#[derive(Debug)]
pub struct Slot {
    /// The version in the database; `None` for an order that this batch inserts.
    pub read: Option<i64>,
    /// As it is by now.
    pub order: Order,
    /// Whether a command changed it.
    pub changed: bool,
    /// Whether it carried the bonus for the first order of its account when it was read.
    pub carried: bool,
}

/// What was read for some commands, and what they lead to.
#[derive(Debug)]
pub struct Batch<'a> {
    rules: &'a Rules,
    /// The orders, changed or not.
    pub orders: BTreeMap<OutTradeNo, Slot>,
    open: HashMap<String, OutTradeNo>,
    /// New rows of the ledger.
    pub ledger: Vec<LedgerEntry>,
    /// What is added to accounts, by user id.
    pub accounts: BTreeMap<String, Movement>,
    /// New rows of time lines.
    pub events: Vec<Event>,
    /// Exceptions that are kept if they are new.
    pub exceptions: BTreeMap<ExceptionId, Exception>,
    /// What is added to the sums of days, by `yyyyMMdd`.
    pub days: BTreeMap<String, DaySums>,
    /// The payments that were credited, which resolves their earlier exceptions.
    pub credited: Vec<(OutTradeNo, TransactionId, UnixMillis)>,
    /// Refunds and exceptions.
    pub context: Context,
    /// Accounts, debits, reversals, holds and grants.
    pub spending: Spending,
    /// Orders by their reference.
    pub named: NamedOrders,
    /// References of orders that were paid and raise no balance: from this moment on the site that sold them is owed a notice.
    pub sold: Vec<(Reference, UnixMillis)>,
    /// What the site is told, known once [`Batch::settle`] has said what the accounts came to.
    pub outbox: Vec<NewEvent>,
    /// What users may order in a day, for each order that was placed under such a limit.
    pub day_limits: Vec<DayLimit>,
    placing: Placing,
    drafts: Vec<telling::Draft>,
    moved_beside: BTreeMap<ExceptionId, telling::MovedBeside>,
    asked: Asked,
    repeated: HashSet<OutTradeNo>,
}

impl<'a> Batch<'a> {
    /// A batch over the orders that its commands name, as read from the database; for one that is placed, those that its
    /// user has open.
    pub fn new(rules: &'a Rules, read: Vec<Order>) -> Self {
        let mut batch = Batch {
            rules,
            orders: BTreeMap::new(),
            open: HashMap::new(),
            ledger: Vec::new(),
            accounts: BTreeMap::new(),
            events: Vec::new(),
            exceptions: BTreeMap::new(),
            days: BTreeMap::new(),
            credited: Vec::new(),
            context: Context::default(),
            spending: Spending::default(),
            named: NamedOrders::default(),
            sold: Vec::new(),
            outbox: Vec::new(),
            day_limits: Vec::new(),
            placing: Placing::default(),
            drafts: Vec::new(),
            moved_beside: BTreeMap::new(),
            asked: Asked::default(),
            repeated: HashSet::new(),
        };
        for order in read {
            batch.put(Some(order.version), order, false);
        }
        batch
    }

    /// The same with what commands about refunds and exceptions need besides.
    #[must_use]
    pub fn with_context(self, context: Context) -> Self {
        Batch { context, ..self }
    }

    /// The same with what commands about balances need besides.
    #[must_use]
    pub fn with_spending(self, spending: Spending) -> Self {
        Batch { spending, ..self }
    }

    /// The same with the orders that have the references of its commands.
    #[must_use]
    pub fn with_named(self, named: NamedOrders) -> Self {
        Batch { named, ..self }
    }

    /// The same with what is known of users whose orders have terms.
    #[must_use]
    pub fn with_placing(self, placing: Placing) -> Self {
        Batch { placing, ..self }
    }

    /// Whether there is anything to write.
    pub fn writes(&self) -> bool {
        !self.events.is_empty()
            || !self.exceptions.is_empty()
            || self.orders.values().any(|slot| slot.changed)
            || self.context.writes()
            || self.spending.writes()
    }

    fn credit_payment(&mut self, payment: &Payment, source: &Source, now: UnixMillis) -> Outcome {
        let Some(slot) = self.orders.get(&payment.out_trade_no) else {
            let kind = if self.rules.apps.contains(&payment.appid) {
                ExceptionKind::UnknownOrder
            } else {
                ExceptionKind::OtherApp
            };
            return self.keep(payment, kind, now);
        };
        let verdict = slot.order.judge(payment, source.proof(), self.rules, now);
        match verdict {
            Verdict::AlreadyPaid => {
                if let Source::Notice { from } = source
                    && self.repeated.insert(payment.out_trade_no.clone())
                {
                    let detail = EventDetail::Repeated { from: from.clone() };
                    // A recorded notice that is played again and again adds a row a minute at most.
                    let once = format!("repeated {}", now.get() / 60_000);
                    self.events.push(Event::new(&payment.out_trade_no, now, detail).once(once));
                }
                Outcome::AlreadyPaid
            }
            Verdict::AskWeChat => Outcome::AskWeChat,
            Verdict::Exception(kind) => self.keep_or_return(payment, kind, source.proof(), now),
            Verdict::Credit(paid) => {
                self.evidence(payment, source, now);
                self.note_trade_type(payment, now);
                let late = paid.late;
                self.pay(payment, paid, now);
                Outcome::Credited { late }
            }
            Verdict::KeepForRefund(paid) => {
                self.evidence(payment, source, now);
                self.note_trade_type(payment, now);
                self.pay(payment, paid, now);
                Outcome::KeptForRefund
            }
        }
    }

    /// Marks the order paid and, where it is credited, moves the balance. Both or neither: they are one transaction.
    fn pay(&mut self, payment: &Payment, paid: Paid, now: UnixMillis) {
        let number = &payment.out_trade_no;
        let Some(slot) = self.orders.get_mut(number) else {
            return;
        };
        let Some(order) = slot.order.paid(paid.clone()) else {
            return;
        };
        let (user, total_fee, credit) = (order.user.clone(), order.total_fee, order.credit());
        slot.order = order.clone();
        slot.changed = true;

        let day = self.day(paid.paid_at);
        day.paid += 1;
        day.paid_fen += total_fee.get();
        day.by_query += i64::from(paid.proof == Proof::Query);

        match (paid.credited_at, credit) {
            (Some(_), _) if !order.raises_balance() => {
                self.sell(&order, now);
                self.credited.push((number.clone(), paid.transaction_id.clone(), now));
            }
            (Some(at), Some(amount)) => {
                let entry = LedgerEntry {
                    subject: Subject::Order(number.clone()),
                    key: LedgerKey::Credit,
                    user_id: user.id,
                    amount,
                    at,
                    author: Actor::Rule,
                    reason: if paid.late { "late payment" } else { "payment" }.to_owned(),
                    place: None,
                };
                self.enter(entry, &user.name);
                self.event(number, now, EventDetail::Credited { amount });
                self.credited.push((number.clone(), paid.transaction_id.clone(), now));
                self.tell_paid(number, now);
            }
            _ => {
                self.event(number, now, EventDetail::KeptForRefund { total_fee });
                self.tell_paid(number, now);
                self.refund_late(&order, &paid, now);
            }
        }
        if paid.late {
            let how =
                if paid.credited_at.is_some() { ResolutionKind::Credit } else { ResolutionKind::Refund };
            let settled = Resolution::by_rule(how, now);
            self.except(payment, ExceptionKind::Late, Some(total_fee), Some(settled), now);
        }
    }

    fn evidence(&mut self, payment: &Payment, source: &Source, now: UnixMillis) {
        let (sign_type, fields) = (Some(payment.signed), payment.evidence.clone());
        let detail = match source {
            Source::Notice { from } => EventDetail::Notice { from: from.clone(), sign_type, fields },
            Source::Query { by } => EventDetail::Queried {
                result: "SUCCESS".to_owned(),
                by: Some(by.clone()),
                sign_type,
                fields: Some(fields),
            },
        };
        self.event(&payment.out_trade_no, now, detail);
    }

    /// A payment fits although WeChat's word for how it was made is not its order's: worth a line.
    fn note_trade_type(&mut self, payment: &Payment, now: UnixMillis) {
        let number = &payment.out_trade_no;
        if let Some(text) = self.orders.get(number).and_then(|slot| slot.order.odd_trade_type(payment)) {
            self.event(number, now, EventDetail::Note { by: Actor::Rule, text });
        }
    }

    /// How many orders of the same user and kind can be paid now: those that were read, and those of this batch.
    fn open_beside(&self, new: &Order, now: UnixMillis) -> usize {
        let orders = self.orders.values().map(|slot| &slot.order);
        orders
            .filter(|order| order.counts_beside(new) && order.is_offered() && order.time_expire > now)
            .count()
    }

    /// Applies a rule that may move an order; `None` if there is no such order.
    fn step(&mut self, number: &OutTradeNo, rule: impl Fn(&Order) -> Option<Order>) -> Option<OrderReply> {
        let slot = self.orders.get_mut(number)?;
        let next = rule(&slot.order);
        let changed = next.is_some();
        let mut closed = None;
        if let Some(order) = next {
            closed = match order.state {
                OrderState::Closed { closed_at } if slot.order.is_open() => Some(closed_at),
                _ => None,
            };
            slot.order = order;
            slot.changed = true;
        }
        let order = slot.order.clone();
        if let Some(closed_at) = closed {
            self.tell_closed(number, closed_at);
        }
        Some(OrderReply { order, changed })
    }

    fn put(&mut self, read: Option<i64>, order: Order, changed: bool) {
        if let Some(key) = order.open_key() {
            self.open.insert(key, order.out_trade_no.clone());
        }
        let carried = read.is_some() && order.first_bonus > Fen::ZERO;
        self.orders.insert(order.out_trade_no.clone(), Slot { read, order, changed, carried });
    }

    fn event(&mut self, number: &OutTradeNo, at: UnixMillis, detail: EventDetail) {
        self.events.push(Event::new(number, at, detail));
    }

    fn day(&mut self, at: UnixMillis) -> &mut DaySums {
        let mut day = at.to_beijing();
        day.truncate(8);
        self.days.entry(day).or_default()
    }
}

#[cfg(test)]
mod channels;
#[cfg(test)]
mod histories;
#[cfg(test)]
mod permutations;
#[cfg(test)]
mod tests;
