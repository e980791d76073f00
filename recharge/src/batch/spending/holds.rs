//! Sets money aside, and takes or frees it later.

use wxpay::Fen;

use super::{Batch, HoldSlot};
use crate::command::{CaptureHold, DebitReply, ExpireHold, HoldReply, PlaceHold, VoidHold};
use crate::spend::{
    CaptureRefusal, Debit, DebitCause, Hold, HoldId, HoldRefusal, HoldState, OnShortfall, VoidRefusal,
};

impl Batch<'_> {
    pub(in crate::batch) fn place_hold(&mut self, command: &PlaceHold) -> Result<HoldReply, HoldRefusal> {
        let (request, now) = (&command.request, command.now);
        if let Some(id) = self.spending.holds_by_reference.get(&request.reference)
            && let Some(slot) = self.spending.holds.get(id)
        {
            if !slot.hold.is_of(request) {
                return Err(HoldRefusal::ReferenceReused { by: slot.hold.id.clone() });
            }
            let id = slot.hold.id.clone();
            let available = self.available(&request.user_id, now);
            return self.held(&id, available).ok_or(HoldRefusal::ReferenceReused { by: id });
        }
        let needed = request.amount.fen();
        let available = self.available(&request.user_id, now);
        if available < needed {
            return Err(HoldRefusal::Insufficient { available, needed });
        }
        self.rely_on(&request.user_id, needed);
        let hold = Hold::new(command.id.clone(), request, &command.by, now);
        self.hold(&hold.user_id, needed.get(), now);
        let available = self.account(&hold.user_id).available();
        self.spending.put_hold(HoldSlot { read: None, hold: hold.clone(), changed: true });
        Ok(HoldReply { hold, available, changed: true })
    }

    /// The hold as it is by now, which this command did not change.
    fn held(&self, id: &HoldId, available: Fen) -> Option<HoldReply> {
        let hold = self.spending.holds.get(id)?.hold.clone();
        Some(HoldReply { hold, available, changed: false })
    }

    pub(in crate::batch) fn capture(&mut self, command: &CaptureHold) -> Result<DebitReply, CaptureRefusal> {
        let (id, now) = (&command.hold_id, command.now);
        let hold = self.spending.holds.get(id).map(|slot| slot.hold.clone()).ok_or(CaptureRefusal::NoHold)?;
        let beside = self.available(&hold.user_id, now);
        match hold.state {
            HoldState::Voided => return Err(CaptureRefusal::Voided),
            HoldState::Expired => return Err(CaptureRefusal::Expired),
            HoldState::Open if hold.is_due(now) => return Err(CaptureRefusal::Expired),
            HoldState::Open => {}
            // A repeat, whatever amount it names, hears what was taken.
            HoldState::Captured => {
                let made = self.spending.debits_by_hold.get(id).and_then(|id| self.spending.debits.get(id));
                let debit = made.map(|slot| slot.debit.clone()).ok_or(CaptureRefusal::NoHold)?;
                return Ok(DebitReply { debit, available: beside, changed: false });
            }
        }
        let asked = command.amount.fen();
        let over = Fen::new((asked.get() - hold.amount.get()).max(0));
        let there = Fen::new(over.get().min(beside.get().max(0)));
        if there < over && command.on_shortfall == OnShortfall::Refuse {
            return Err(CaptureRefusal::Insufficient { available: beside, needed: over });
        }
        if there > Fen::ZERO {
            self.rely_on(&hold.user_id, there);
        }
        let captured = self.end_hold(id, HoldState::Captured, now).ok_or(CaptureRefusal::Expired)?;
        let shortfall = Fen::new(over.get() - there.get());
        let debit = self.put_new_debit(Debit {
            id: command.id.clone(),
            cause: DebitCause::Hold(hold.id),
            user_id: hold.user_id,
            amount: Fen::new(asked.get() - shortfall.get()),
            reversed: Fen::ZERO,
            shortfall,
            reason: hold.reason,
            metadata: hold.metadata,
            by: command.by.clone(),
            balance_after: Fen::ZERO,
            created_at: now,
        });
        self.tell_hold(&captured, Some(&debit), now);
        let available = self.account(&debit.user_id).available();
        Ok(DebitReply { debit, available, changed: true })
    }

    pub(in crate::batch) fn void(&mut self, command: &VoidHold) -> Result<HoldReply, VoidRefusal> {
        let (id, now) = (&command.hold_id, command.now);
        let hold = self.spending.holds.get(id).map(|slot| slot.hold.clone()).ok_or(VoidRefusal::NoHold)?;
        match hold.state {
            HoldState::Expired => return Err(VoidRefusal::Expired),
            HoldState::Open if hold.is_due(now) => return Err(VoidRefusal::Expired),
            HoldState::Captured => {
                let by = self.spending.debits_by_hold.get(id).cloned().ok_or(VoidRefusal::NoHold)?;
                return Err(VoidRefusal::Captured { by });
            }
            HoldState::Voided => {
                let available = self.available(&hold.user_id, now);
                return Ok(HoldReply { hold, available, changed: false });
            }
            HoldState::Open => {}
        }
        let hold = self.end_hold(id, HoldState::Voided, now).ok_or(VoidRefusal::Expired)?;
        let available = self.available(&hold.user_id, now);
        Ok(HoldReply { hold, available, changed: true })
    }

    pub(in crate::batch) fn expire(&mut self, command: &ExpireHold) -> bool {
        let is_due =
            self.spending.holds.get(&command.hold_id).is_some_and(|slot| slot.hold.is_due(command.now));
        if !is_due {
            return false;
        }
        let expired = self.end_hold(&command.hold_id, HoldState::Expired, command.now);
        if let Some(hold) = &expired {
            self.tell_hold(hold, None, command.now);
        }
        expired.is_some()
    }
}
