//! Gives back what a debit took.

use serde_json::json;
use wxpay::Fen;

use super::Batch;
use crate::audit::Actor;
use crate::command::{ReversalReply, ReverseDebit};
use crate::ledger::{LedgerEntry, LedgerKey, Subject};
use crate::spend::{Reversal, ReversalRefusal};

impl Batch<'_> {
    pub(in crate::batch) fn reverse(
        &mut self,
        command: &ReverseDebit,
    ) -> Result<ReversalReply, ReversalRefusal> {
        let (request, now) = (&command.request, command.now);
        if let Some(known) = self.spending.reversals.get(&request.reference) {
            let reused = ReversalRefusal::ReferenceReused { by: known.id.clone() };
            let slot = self.spending.debits.get(&request.debit_id);
            let Some(slot) = slot.filter(|_| known.is_of(request)) else { return Err(reused) };
            let (reversal, debit) = (known.clone(), slot.debit.clone());
            let available = self.available(&debit.user_id, now);
            return Ok(ReversalReply { reversal, debit, available, changed: false });
        }
        let slot = self.spending.debits.get_mut(&request.debit_id).ok_or(ReversalRefusal::NoDebit)?;
        let left = slot.debit.left();
        let amount = request.amount.map_or(left, |amount| amount.fen());
        if amount > left || amount <= Fen::ZERO {
            return Err(ReversalRefusal::OverRest { debit_id: request.debit_id.clone(), left });
        }
        slot.debit.reversed = Fen::new(slot.debit.reversed.get() + amount.get());
        slot.changed = true;
        let debit = slot.debit.clone();
        let reversal = Reversal {
            id: command.id.clone(),
            reference: request.reference.clone(),
            debit_id: debit.id.clone(),
            amount,
            reason: request.reason.clone(),
            by: command.by.actor.clone(),
            created_at: now,
        };
        let entry = LedgerEntry {
            subject: Subject::Debit(debit.id.clone()),
            key: LedgerKey::Reversal(reversal.id.clone()),
            user_id: debit.user_id.clone(),
            amount,
            at: now,
            author: reversal.by.clone(),
            reason: reversal.reason.to_string(),
            place: None,
        };
        self.enter(entry, "");
        self.day(now).reversed_fen += amount.get();
        // Programs give back often, and the reversal says which one; what a person does stands in the audit.
        if let Actor::Operator(_) = command.by.actor {
            let before = json!({ "left": left }).to_string();
            let after =
                json!({ "id": reversal.id.as_str(), "amount": amount, "reason": reversal.reason.as_str() });
            self.audit(&command.by, "debit_reversed", debit.id.as_str(), &before, &after.to_string(), now);
        }
        self.spending.reversals.insert(reversal.reference.clone(), reversal.clone());
        self.spending.new_reversals.push(reversal.clone());
        self.tell_reversal(&debit, &reversal);
        let available = self.available(&debit.user_id, now);
        Ok(ReversalReply { reversal, debit, available, changed: true })
    }
}
