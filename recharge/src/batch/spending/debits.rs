//! Takes something from a balance.

use wxpay::Fen;

use super::Batch;
use crate::command::{DebitReply, MakeDebit};
use crate::spend::{Debit, DebitRefusal, OnShortfall};

impl Batch<'_> {
    pub(in crate::batch) fn debit(&mut self, command: &MakeDebit) -> Result<DebitReply, DebitRefusal> {
        let (request, now) = (&command.request, command.now);
        if let Some(id) = self.spending.debits_by_reference.get(&request.reference)
            && let Some(slot) = self.spending.debits.get(id)
        {
            let debit = slot.debit.clone();
            if !debit.is_of(request) {
                return Err(DebitRefusal::ReferenceReused { by: debit.id });
            }
            let available = self.available(&request.user_id, now);
            return Ok(DebitReply { debit, available, changed: false });
        }
        let needed = request.amount.fen();
        let available = self.available(&request.user_id, now);
        let taken = match request.on_shortfall {
            _ if available >= needed => needed,
            OnShortfall::TakeRest if available > Fen::ZERO => available,
            _ => return Err(DebitRefusal::Insufficient { available, needed }),
        };
        self.rely_on(&request.user_id, taken);
        let debit = Debit::new(command.id.clone(), request, taken, &command.by, now);
        let debit = self.put_new_debit(debit);
        let available = self.account(&debit.user_id).available();
        Ok(DebitReply { debit, available, changed: true })
    }
}
