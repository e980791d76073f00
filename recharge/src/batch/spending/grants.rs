//! Adds to a balance or takes from it by an operator's word.

use serde_json::json;
use wxpay::Fen;

use super::Batch;
use crate::command::{GrantReply, MakeGrant};
use crate::ledger::{LedgerEntry, LedgerKey, Subject};
use crate::spend::{Grant, GrantRefusal};

impl Batch<'_> {
    pub(in crate::batch) fn grant(&mut self, command: &MakeGrant) -> Result<GrantReply, GrantRefusal> {
        let (request, now) = (&command.request, command.now);
        let user = &request.user;
        if let Some(known) = self.spending.grants.get(&request.reference) {
            if !known.is_of(request) {
                return Err(GrantRefusal::ReferenceReused { by: known.id.clone() });
            }
            let balance = self.account(&user.id).balance;
            return Ok(GrantReply { grant: known.clone(), balance, changed: false });
        }
        if let Some(seen) = request.seen_entries {
            if self.account(&user.id).entries != seen {
                return Err(GrantRefusal::Stale);
            }
            self.spending.unmoved.insert(user.id.clone());
        }
        let taken = Fen::new(-request.amount().get());
        let available = self.available(&user.id, now);
        let overdrawn = taken > Fen::ZERO && available < taken;
        if overdrawn && !request.even_if_balance_low {
            return Err(GrantRefusal::BalanceLow { available, taken });
        }
        if taken > Fen::ZERO && !overdrawn {
            self.rely_on(&user.id, taken);
        }
        let grant = Grant {
            id: command.id.clone(),
            reference: request.reference.clone(),
            user_id: user.id.clone(),
            amount: request.amount(),
            reason: request.reason.clone(),
            by: command.by.actor.clone(),
            created_at: now,
        };
        let entry = LedgerEntry {
            subject: Subject::Grant(grant.id.clone()),
            key: LedgerKey::Grant,
            user_id: user.id.clone(),
            amount: grant.amount,
            at: now,
            author: grant.by.clone(),
            reason: grant.reason.to_string(),
            place: None,
        };
        self.enter(entry, &user.name);
        self.day(now).granted_fen += grant.amount.get();
        let before = json!({ "available": available }).to_string();
        let after = json!({ "id": grant.id.as_str(), "amount": grant.amount, "reason": grant.reason.as_str(),
            "overdrawn": overdrawn });
        self.audit(&command.by, "grant", &user.id, &before, &after.to_string(), now);
        self.spending.grants.insert(grant.reference.clone(), grant.clone());
        self.spending.new_grants.push(grant.clone());
        self.tell_grant(&grant);
        let balance = self.account(&user.id).balance;
        Ok(GrantReply { grant, balance, changed: true })
    }
}
