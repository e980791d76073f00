//! What the site is told of a batch: which event follows from what the batch decides, with what is known at that moment. Balances
//! are filled in once the accounts are written and locked, so that they are exact.

use std::collections::HashMap;

use wxpay::{Fen, OutTradeNo, UnixMillis};

use super::Batch;
use crate::event_type::EventType;
use crate::exception::{Exception, ExceptionId};
use crate::objects::{
    BalanceObject, DebitObject, ExceptionObject, GrantObject, HoldObject, RechargeObject, RefundObject,
    ReversalObject,
};
use crate::order::OrderState;
use crate::outbox::{Asked, EventData, MovedObject, NewEvent};
use crate::refund::{Refund, Refundable};
use crate::spend::{Account, Debit, DebitId, Grant, Hold, HoldState, Reversal};

/// An event whose balance is not known yet.
#[derive(Debug)]
pub(super) struct Draft {
    event: NewEvent,
    /// Whose balance is told with it.
    balance_of: Option<String>,
    /// The place in [`Batch::ledger`] of the row whose number is the event's version.
    row: Option<usize>,
}

/// What a resolution moved beside the order of its number.
#[derive(Debug, Default)]
pub(super) struct MovedBeside {
    pub credited: Option<MovedObject>,
    pub taken_back: Option<MovedObject>,
}

/// An exception that a transaction wrote, as it is then.
#[derive(Debug)]
pub struct WrittenException {
    /// As it is.
    pub exception: Exception,
    /// Which of its states that is.
    pub version: i64,
}

impl Batch<'_> {
    /// The same, telling of these types too that are written by name only.
    #[must_use]
    pub fn with_asked(self, asked: Asked) -> Self {
        Batch { asked, ..self }
    }

    fn draft(&mut self, kind: EventType, subject: String, version: i64, at: UnixMillis, data: EventData) {
        self.drafts.push(Draft {
            event: NewEvent { kind, subject, version, at, data },
            balance_of: None,
            row: None,
        });
    }

    /// The order as it is by now; `None` if there is no such order.
    fn recharge(&self, number: &OutTradeNo) -> Option<RechargeObject> {
        let order = &self.orders.get(number)?.order;
        Some(RechargeObject::new(order, self.context.of_order(number)))
    }

    fn tell_recharge(
        &mut self,
        kind: EventType,
        number: &OutTradeNo,
        at: UnixMillis,
        data: EventData,
        balance_of: Option<String>,
    ) {
        // A payment that no order here has is told as an exception.
        let Some(recharge) = self.recharge(number) else { return };
        let version = recharge.version;
        let data = EventData { recharge: Some(recharge), ..data };
        self.draft(kind, format!("recharge/{number}"), version, at, data);
        if let Some(draft) = self.drafts.last_mut() {
            draft.balance_of = balance_of;
        }
    }

    /// The order was paid, or its late payment credited after all.
    pub(super) fn tell_paid(&mut self, number: &OutTradeNo, now: UnixMillis) {
        let Some(order) = self.orders.get(number).map(|slot| &slot.order) else { return };
        let OrderState::Paid(paid) = &order.state else { return };
        let kind = if paid.late { EventType::RechargePaidLate } else { EventType::RechargePaid };
        let is_credited = paid.credited_at.is_some() && order.raises_balance();
        let user = is_credited.then(|| order.user.id.clone());
        self.tell_recharge(kind, number, now, EventData::default(), user);
    }

    pub(super) fn tell_closed(&mut self, number: &OutTradeNo, closed_at: UnixMillis) {
        self.tell_recharge(EventType::RechargeClosed, number, closed_at, EventData::default(), None);
    }

    pub(super) fn tell_refund_requested(&mut self, refund: &Refund, now: UnixMillis) {
        let data = EventData { refund: Some(RefundObject::new(refund)), ..EventData::default() };
        let user = refund.user.as_ref().map(|user| user.id.clone());
        self.tell_recharge(EventType::RefundRequested, &refund.out_trade_no, now, data, user);
    }

    pub(super) fn tell_refunded(&mut self, refund: &Refund, now: UnixMillis) {
        let number = &refund.out_trade_no;
        let order = self.orders.get(number).map(|slot| &slot.order);
        let payment = order.and_then(|order| Refundable::of_order(order, self.context.of_order(number)));
        let data = EventData {
            refund: Some(RefundObject::new(refund)),
            refunded_total: Some(payment.map_or(Fen::ZERO, |payment| payment.arrived)),
            ..EventData::default()
        };
        self.tell_recharge(EventType::Refunded, number, now, data, None);
    }

    pub(super) fn tell_refund_failed(&mut self, refund: &Refund, returned: Fen, now: UnixMillis) {
        let data = EventData {
            refund: Some(RefundObject::new(refund)),
            returned: Some(returned),
            ..EventData::default()
        };
        let user = refund.user.as_ref().filter(|_| returned > Fen::ZERO).map(|user| user.id.clone());
        self.tell_recharge(EventType::RefundFailed, &refund.out_trade_no, now, data, user);
    }

    /// A debit, whose row of the ledger was entered just now.
    pub(super) fn tell_debit(&mut self, debit: &Debit) {
        if self.asked.wants(EventType::DebitCreated) {
            let data = EventData { debit: Some(DebitObject::new(debit)), ..EventData::default() };
            let subject = format!("debit/{}", debit.id);
            self.draft_row(EventType::DebitCreated, subject, debit.created_at, data, &debit.user_id);
        }
    }

    /// A reversal, whose row of the ledger was entered just now.
    pub(super) fn tell_reversal(&mut self, debit: &Debit, reversal: &Reversal) {
        let data = EventData {
            debit: Some(DebitObject::new(debit)),
            reversal: Some(ReversalObject::new(reversal)),
            ..EventData::default()
        };
        let subject = format!("debit/{}", debit.id);
        self.draft_row(EventType::DebitReversed, subject, reversal.created_at, data, &debit.user_id);
    }

    /// A grant, whose row of the ledger was entered just now.
    pub(super) fn tell_grant(&mut self, grant: &Grant) {
        let data = EventData { grant: Some(GrantObject::new(grant)), ..EventData::default() };
        let subject = format!("grant/{}", grant.id);
        self.draft_row(EventType::GrantCreated, subject, grant.created_at, data, &grant.user_id);
    }

    fn draft_row(&mut self, kind: EventType, subject: String, at: UnixMillis, data: EventData, user: &str) {
        self.draft(kind, subject, 0, at, data);
        let row = self.ledger.len().checked_sub(1);
        if let Some(draft) = self.drafts.last_mut() {
            (draft.row, draft.balance_of) = (row, Some(user.to_owned()));
        }
    }

    /// A hold has ended, captured by `debit` or because its time was up.
    pub(super) fn tell_hold(&mut self, hold: &Hold, debit: Option<&Debit>, now: UnixMillis) {
        let kind = match hold.state {
            HoldState::Expired => EventType::HoldExpired,
            HoldState::Captured if self.asked.wants(EventType::HoldCaptured) => EventType::HoldCaptured,
            HoldState::Captured | HoldState::Voided | HoldState::Open => return,
        };
        let data = EventData {
            hold: Some(HoldObject::new(hold, now)),
            debit: debit.map(DebitObject::new),
            ..EventData::default()
        };
        self.draft(kind, format!("hold/{}", hold.id), hold.version, now, data);
        if let Some(draft) = self.drafts.last_mut() {
            draft.balance_of = Some(hold.user_id.clone());
        }
    }

    /// Fills in what is known only now: balances, numbers of rows, and whose balance moved or fell low. `before` and `written` are the
    /// accounts before and after this batch, by user id.
    pub(super) fn tell_balances(
        &mut self,
        before: &HashMap<String, Account>,
        written: &HashMap<String, Account>,
    ) {
        for mut draft in std::mem::take(&mut self.drafts) {
            let data = &mut draft.event.data;
            if let Some(user) = &draft.balance_of {
                data.balance = written.get(user).map(|account| BalanceObject::new(user, account));
            }
            if let Some(debit) = &mut data.debit
                && let Ok(id) = DebitId::parse(debit.id.as_str())
                && let Some(slot) = self.spending.debits.get(&id)
            {
                debit.balance_after = slot.debit.balance_after;
            }
            if let Some(place) = draft.row.and_then(|row| self.ledger.get(row)).and_then(|entry| entry.place)
            {
                draft.event.version = place.seq;
            }
            self.outbox.push(draft.event);
        }
        for (user_id, moved) in &self.accounts {
            let (Some(before), Some(after)) = (before.get(user_id), written.get(user_id)) else { continue };
            let event = |kind, low_balance| {
                let balance = Some(BalanceObject::new(user_id, after));
                let data = EventData { balance, low_balance, ..EventData::default() };
                NewEvent {
                    kind,
                    subject: format!("user/{user_id}"),
                    version: after.entries,
                    at: moved.at,
                    data,
                }
            };
            if moved.entries > 0 && self.asked.wants(EventType::BalanceChanged) {
                self.outbox.push(event(EventType::BalanceChanged, None));
            }
            if let Some(low) = self.rules.low_balance
                && before.balance >= low
                && after.balance < low
            {
                self.outbox.push(event(EventType::BalanceLow, Some(low)));
            }
        }
    }

    /// Exceptions that this batch's transaction really opened, settled or opened again: only the database knows which were there.
    pub fn tell_exceptions(&mut self, written: Vec<WrittenException>) {
        let latest = self.events.iter().map(|event| event.at).max();
        for WrittenException { exception, version } in written {
            let id = exception.id();
            // What a rule settled in the moment in which it came is told by the recharge.
            if version == 1 && exception.resolution.is_some() {
                continue;
            }
            let (kind, at) = match &exception.resolution {
                Some(settled) => (EventType::ExceptionSettled, settled.at),
                None if version == 1 => (EventType::ExceptionOpened, exception.first_seen_at),
                None => (EventType::ExceptionOpened, latest.unwrap_or(exception.first_seen_at)),
            };
            let moved = self.moved_beside.remove(&id).unwrap_or_default();
            let data = EventData {
                recharge: self.recharge(&exception.out_trade_no),
                exception: Some(ExceptionObject::new(&exception, version)),
                credited: moved.credited,
                taken_back: moved.taken_back,
                ..EventData::default()
            };
            self.outbox.push(NewEvent { kind, subject: format!("exception/{id}"), version, at, data });
        }
    }

    /// Notes what an operator's resolution moved beside the order.
    pub(super) fn moved_beside(&mut self, id: ExceptionId, moved: MovedBeside) {
        self.moved_beside.insert(id, moved);
    }
}

#[cfg(test)]
mod tests;
