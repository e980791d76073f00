//! What a batch of commands does, worked out in memory. Pure: the writer reads the orders, this decides, the writer writes.
//!
//! A second command for the same order is decided on the first one's result, and movements are summed per account:
//! an `UPDATE … FROM` set that names an account twice would apply only one of the two.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;
use serde_json::{Value, json};
use wxpay::{Fen, OutTradeNo, Payment, Signed, TransactionId, UnixMillis};

use crate::command::{Command, Outcome, Reply};
use crate::event::{Event, EventKind};
use crate::exception::{Exception, ExceptionKind, Settled};
use crate::order::{Order, Paid, Proof, Rules, Verdict};

mod context;
mod exceptions;
mod external_refunds;
mod refund_updates;
mod refunds;
mod resolutions;

pub use context::{Held, RefundSlot};

/// A movement of a balance. `entry` is `credit` for the one credit of an order, `credit <transaction_id>` for a payment
/// that an operator credited, `refund <out_refund_no>` and `refund-returned <out_refund_no>` for what a refund moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    pub out_trade_no: OutTradeNo,
    pub entry: Cow<'static, str>,
    pub user_id: String,
    pub amount: Fen,
    pub at: UnixMillis,
    pub author: String,
    pub reason: String,
}

/// What is added to an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Movement {
    pub user_name: String,
    pub amount: Fen,
    pub at: UnixMillis,
}

/// What is added to a day's sums (Beijing time).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DaySums {
    pub orders: i64,
    pub paid: i64,
    pub paid_fen: i64,
    pub by_query: i64,
    /// Refunds that arrived, by when we heard of it.
    pub refunds: i64,
    pub refunded_fen: i64,
}

/// An order in the batch: as read, and as it is by now.
#[derive(Debug)]
pub struct Slot {
    /// The version in the database; `None` for an order that this batch inserts.
    pub read: Option<i64>,
    pub order: Order,
    pub changed: bool,
}

#[derive(Debug)]
pub struct Batch<'a> {
    rules: &'a Rules,
    pub orders: BTreeMap<OutTradeNo, Slot>,
    open: HashMap<String, OutTradeNo>,
    pub ledger: Vec<LedgerEntry>,
    pub accounts: BTreeMap<String, Movement>,
    pub events: Vec<Event>,
    pub exceptions: BTreeMap<String, Exception>,
    pub days: BTreeMap<String, DaySums>,
    /// The payments that were credited, whose earlier exceptions are settled by that.
    pub credited: Vec<(OutTradeNo, TransactionId, UnixMillis)>,
    pub held: Held,
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
            held: Held::default(),
            repeated: HashSet::new(),
        };
        for order in read {
            batch.put(Some(order.version), order, false);
        }
        batch
    }

    /// The same with what commands about refunds and exceptions need besides.
    #[must_use]
    pub fn holding(self, held: Held) -> Self {
        Batch { held, ..self }
    }

    /// Whether there is anything to write.
    pub fn writes(&self) -> bool {
        !self.events.is_empty()
            || !self.exceptions.is_empty()
            || self.orders.values().any(|slot| slot.changed)
            || self.held.writes()
    }

    pub fn apply(&mut self, command: &Command) -> Reply {
        match command {
            Command::Place(order) => self.place(order),
            Command::Ordering { out_trade_no, now } => self.step(out_trade_no, |order| order.ordering(*now)),
            Command::Prepaid { out_trade_no, ticket, now } => {
                let reply = self.step(out_trade_no, |order| order.prepaid(ticket.clone(), *now));
                if let Reply::Order { order, changed: true } = &reply {
                    let version = order.issued().map_or(0, |issued| issued.version);
                    self.event(out_trade_no, *now, EventKind::Prepaid, json!({ "code_version": version }));
                }
                reply
            }
            Command::PrepayFailed { out_trade_no, result, now } => {
                self.event(out_trade_no, *now, EventKind::PrepayFailed, json!({ "result": result }));
                self.step(out_trade_no, Order::not_ordering)
            }
            Command::Settle { payment, proof, from, now } => {
                Reply::Settled(self.settle(payment, *proof, from, *now))
            }
            Command::RefundedOutside { out_trade_no, payment, refunds, now } => {
                let version = |batch: &Self| batch.orders.get(out_trade_no).map(|slot| slot.order.version);
                let before = version(self);
                self.given_back(out_trade_no, payment.as_deref(), refunds, *now);
                let changed = version(self) != before;
                match self.step(out_trade_no, |_| None) {
                    Reply::Order { order, .. } => Reply::Order { order, changed },
                    other => other,
                }
            }
            Command::Refund { wish, notify_url, by, now } => self.refund(wish, notify_url.clone(), by, *now),
            Command::Heard { out_refund_no, news, by, now } => {
                self.heard(out_refund_no, news, by.as_ref(), *now)
            }
            Command::SettleException { id, settlement, seen_version, notify_url, by, now, .. } => {
                self.settle_exception(id, settlement, *seen_version, notify_url.clone(), by, *now)
            }
            Command::Close { out_trade_no, by, now } => {
                let reply = self.step(out_trade_no, |order| order.closed(*now));
                if let Reply::Order { changed: true, .. } = reply {
                    self.event(out_trade_no, *now, EventKind::Closed, json!({ "by": by }));
                }
                reply
            }
            Command::Record(event) => {
                self.events.push(event.clone());
                Reply::Recorded
            }
        }
    }

    fn place(&mut self, new: &Order) -> Reply {
        let now = new.created_at;
        let key = new.open_key();
        let same = key.as_ref().and_then(|key| self.open.get(key)).cloned();
        if let Some(slot) = same.as_ref().and_then(|number| self.orders.get(number))
            && slot.order.can_be_reused(now)
        {
            return Reply::Order { order: Box::new(slot.order.clone()), changed: false };
        }
        if self.open_of(&new.user.id, now) >= self.rules.max_open_orders {
            return Reply::TooManyOpen;
        }
        if let Some(number) = same {
            // Its time is nearly up: it can still be paid, but the page goes on with a new one.
            self.step(&number, Order::superseded);
        }
        let detail = json!({ "total_fee": new.total_fee, "bonus": new.bonus, "from": new.spbill_create_ip });
        self.event(&new.out_trade_no, now, EventKind::Created, detail);
        self.day(now).orders += 1;
        self.put(None, new.clone(), true);
        Reply::Order { order: Box::new(new.clone()), changed: true }
    }

    fn settle(&mut self, payment: &Payment, proof: Proof, from: &str, now: UnixMillis) -> Outcome {
        let Some(slot) = self.orders.get(&payment.out_trade_no) else {
            let kind = if payment.appid == self.rules.appid {
                ExceptionKind::UnknownOrder
            } else {
                ExceptionKind::OtherApp
            };
            return self.keep(payment, kind, now);
        };
        let verdict = slot.order.settle(payment, proof, self.rules, now);
        match verdict {
            Verdict::AlreadyPaid => {
                if proof == Proof::Notice && self.repeated.insert(payment.out_trade_no.clone()) {
                    let detail = json!({ "from": from });
                    let mut event = Event::new(&payment.out_trade_no, now, EventKind::Repeated, &detail);
                    // A recorded notice that is played again and again adds a row a minute at most.
                    event.once = Some(format!("repeated {}", now.get() / 60_000));
                    self.events.push(event);
                }
                Outcome::AlreadyPaid
            }
            Verdict::AskWeChat => Outcome::AskWeChat,
            Verdict::Exception(kind) => self.keep(payment, kind, now),
            Verdict::Credit(paid) => {
                self.evidence(payment, proof, from, now);
                let late = paid.late;
                self.pay(payment, paid, now);
                Outcome::Credited { late }
            }
            Verdict::KeepForRefund(paid) => {
                self.evidence(payment, proof, from, now);
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
            (Some(at), Some(amount)) => {
                let entry = LedgerEntry {
                    out_trade_no: number.clone(),
                    entry: "credit".into(),
                    user_id: user.id,
                    amount,
                    at,
                    author: paid.proof.name().to_owned(),
                    reason: if paid.late { "late payment" } else { "payment" }.to_owned(),
                };
                self.enter(entry, &user.name);
                self.event(number, now, EventKind::Credited, json!({ "amount": amount }));
                self.credited.push((number.clone(), paid.transaction_id.clone(), now));
            }
            _ => {
                self.event(number, now, EventKind::KeptForRefund, json!({ "total_fee": total_fee }));
                self.refund_late(&order, &paid, now);
            }
        }
        if paid.late {
            let how = if paid.credited_at.is_some() { "credited" } else { "refund" };
            let settled = Settled::by_rule(how, now);
            self.except(payment, ExceptionKind::Late, Some(total_fee), Some(settled), now);
        }
    }

    /// A row of the ledger, and the balance with it.
    fn enter(&mut self, entry: LedgerEntry, user_name: &str) {
        let account = self.accounts.entry(entry.user_id.clone()).or_default();
        account.amount = account.amount.checked_add(entry.amount).unwrap_or(Fen::new(i64::MAX));
        user_name.clone_into(&mut account.user_name);
        account.at = entry.at;
        self.ledger.push(entry);
    }

    fn evidence(&mut self, payment: &Payment, proof: Proof, from: &str, now: UnixMillis) {
        let kind = match proof {
            Proof::Notice => EventKind::Notice,
            Proof::Query => EventKind::Queried,
        };
        let detail =
            Evidence { from, result: "SUCCESS", sign_type: payment.signed, fields: &payment.evidence };
        self.events.push(Event::new(&payment.out_trade_no, now, kind, &detail));
    }

    /// How many of a user's orders can be paid now: those that were read, and those of this batch.
    fn open_of(&self, user_id: &str, now: UnixMillis) -> usize {
        let orders = self.orders.values().map(|slot| &slot.order);
        orders.filter(|order| order.user.id == user_id && order.is_open() && order.time_expire > now).count()
    }

    /// Applies a rule that may move an order.
    fn step(&mut self, number: &OutTradeNo, rule: impl Fn(&Order) -> Option<Order>) -> Reply {
        let Some(slot) = self.orders.get_mut(number) else {
            return Reply::UnknownOrder;
        };
        let next = rule(&slot.order);
        let changed = next.is_some();
        if let Some(order) = next {
            slot.order = order;
            slot.changed = true;
        }
        Reply::Order { order: Box::new(slot.order.clone()), changed }
    }

    fn put(&mut self, read: Option<i64>, order: Order, changed: bool) {
        if let Some(key) = order.open_key() {
            self.open.insert(key, order.out_trade_no.clone());
        }
        self.orders.insert(order.out_trade_no.clone(), Slot { read, order, changed });
    }

    fn event(&mut self, number: &OutTradeNo, at: UnixMillis, kind: EventKind, detail: Value) {
        self.events.push(Event::new(number, at, kind, &detail));
    }

    fn day(&mut self, at: UnixMillis) -> &mut DaySums {
        let mut day = at.to_beijing();
        day.truncate(8);
        self.days.entry(day).or_default()
    }
}

/// A proof on the time line: written for every payment, so it borrows.
#[derive(Serialize)]
struct Evidence<'a> {
    from: &'a str,
    result: &'static str,
    sign_type: Signed,
    fields: &'a wxpay::Evidence,
}

#[cfg(test)]
mod histories;
#[cfg(test)]
mod permutations;
#[cfg(test)]
mod tests;
