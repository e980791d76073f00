//! What must hold of debits, reversals, holds and grants.

use std::collections::BTreeMap;

use wxpay::UnixMillis;

use super::{Broken, Oracle};
use crate::rows::{HoldRow, Rows};
use crate::spending::{SpendCall, Told, Wanted};

/// What the site asked for, and what it was told.
#[derive(Debug, Default)]
pub struct Spending {
    calls: Vec<SpendCall>,
    /// By kind and reference: the number, and how much.
    acknowledged: BTreeMap<(&'static str, String), (String, i64)>,
    /// References that were called another thing's: the number of that thing.
    reused: Vec<(SpendCall, String)>,
    /// Two answers that contradict each other.
    contradiction: Option<Broken>,
}

impl Wanted {
    fn kind(&self) -> &'static str {
        match self {
            Wanted::Debit { .. } => "debit",
            Wanted::Hold { .. } => "hold",
            Wanted::Reversal { .. } => "reversal",
            Wanted::Grant { .. } => "grant",
            Wanted::Capture { .. } => "capture",
            Wanted::Void { .. } => "void",
        }
    }
}

impl Oracle {
    /// Everything that the site ever asked for.
    pub fn spend_calls(&self) -> Vec<SpendCall> {
        self.spending.calls.clone()
    }

    /// Whether a debit took something, and whether one captured a hold.
    pub fn knows_a_debit(&self) -> (bool, bool) {
        let debits = &self.before.spending.debits;
        (!debits.is_empty(), debits.values().any(|debit| debit.hold_id.is_some()))
    }

    pub fn asked_to_spend(&mut self, call: &SpendCall) {
        self.spending.calls.push(call.clone());
    }

    /// The site hears an answer.
    pub fn told_of_spending(&mut self, call: &SpendCall, told: Told) {
        let key = (call.wanted.kind(), call.reference.clone());
        match told {
            Told::Done { id, fen } => {
                let first = self.spending.acknowledged.entry(key).or_insert_with(|| (id.clone(), fen));
                if *first != (id.clone(), fen) {
                    let why = format!("{call:?} was answered with {id} of {fen} after {first:?}");
                    self.spending.contradiction = Some(why);
                }
            }
            Told::Reused { id } => self.spending.reused.push((call.clone(), id)),
            Told::Refused | Told::Nothing => {}
        }
    }

    /// An answer while nothing else is under way: a repeat gets what there is, and nothing else.
    pub fn repeated(&self, call: &SpendCall, told: &Told) -> Result<(), Broken> {
        let there = thing(&self.before, call);
        let fits = match (&there, told) {
            (_, Told::Nothing) => false,
            (None, _) => true,
            (Some((id, true)), Told::Done { id: told, .. }) => id == told,
            (Some((id, false)), Told::Reused { id: told }) => id == told,
            _ => false,
        };
        hold!(fits, "{call:?} again: {told:?}, and there is {there:?}");
        Ok(())
    }

    pub(super) fn spending_fits(&self, rows: &Rows, latest: UnixMillis) -> Result<(), Broken> {
        if let Some(why) = &self.spending.contradiction {
            return Err(why.clone());
        }
        self.nothing_is_lost(rows)?;
        self.debits_fit(rows)?;
        self.grants_fit(rows)?;
        for (id, hold) in &rows.spending.holds {
            self.hold_fits(id, hold, rows, latest)?;
        }
        accounts_fit(rows)?;
        for (user, account) in &rows.accounts {
            let owes = account.balance >= account.held || self.may_owe.contains(user);
            hold!(owes, "{user} has {account:?}, and nobody wanted that");
        }
        Ok(())
    }

    /// What was acknowledged is there, and what was there still is.
    fn nothing_is_lost(&self, rows: &Rows) -> Result<(), Broken> {
        let (before, now) = (&self.before.spending, &rows.spending);
        for ((kind, reference), (id, fen)) in &self.spending.acknowledged {
            let there = match *kind {
                "debit" | "capture" => now.debits.get(id).map(|debit| debit.amount),
                "reversal" => now.reversals.get(id).map(|reversal| reversal.amount),
                "grant" => now.grants.get(id).map(|grant| grant.amount),
                _ => now.holds.get(id).map(|hold| hold.amount),
            };
            hold!(
                there == Some(*fen),
                "{kind} {reference} was answered with {id} of {fen}, there is {there:?}"
            );
            let void = *kind != "void" || now.holds.get(id).is_some_and(|hold| hold.state == "voided");
            hold!(void, "{reference} was voided and is {:?}", now.holds.get(id));
        }
        for (call, id) in &self.spending.reused {
            let is_there = now.debits.contains_key(id)
                || now.holds.contains_key(id)
                || now.reversals.contains_key(id)
                || now.grants.contains_key(id);
            hold!(is_there, "{call:?} was refused for {id}, which is not there");
        }
        let kept = before.debits.iter().all(|(id, was)| {
            now.debits.get(id).is_some_and(|is| is.reversed >= was.reversed && is.fixed() == was.fixed())
        });
        hold!(kept, "a debit is gone, has changed or has got back what was reversed");
        let kept = before.reversals.iter().all(|(id, was)| now.reversals.get(id) == Some(was));
        hold!(kept, "a reversal is gone or has changed");
        let kept = before.grants.iter().all(|(id, was)| now.grants.get(id) == Some(was));
        hold!(kept, "a grant is gone or has changed");
        for (id, was) in &before.holds {
            let Some(is) = now.holds.get(id) else { return Err(format!("hold {id} is gone")) };
            hold!(was.state == "open" || was == is, "hold {id} has ended and changes: {was:?}, {is:?}");
            hold!(was.fixed() == is.fixed(), "hold {id} has changed: {was:?}, {is:?}");
        }
        Ok(())
    }

    fn was_asked(&self, fits: impl Fn(&SpendCall) -> bool) -> bool {
        self.spending.calls.iter().any(fits)
    }

    fn debits_fit(&self, rows: &Rows) -> Result<(), Broken> {
        let mut back: BTreeMap<&str, i64> = BTreeMap::new();
        for (id, reversal) in &rows.spending.reversals {
            *back.entry(&reversal.debit_id).or_default() += reversal.amount;
            let entry = rows.ledger.get(&(reversal.debit_id.clone(), format!("reversal {id}")));
            hold!(
                entry.map(|row| row.amount) == Some(reversal.amount),
                "{id} is not in the ledger: {entry:?}"
            );
            let asked = self.was_asked(|call| match &call.wanted {
                Wanted::Reversal { debit, fen } => {
                    call.reference == reversal.reference
                        && *debit == reversal.debit_id
                        && fen.is_none_or(|fen| fen == reversal.amount)
                }
                _ => false,
            });
            hold!(asked, "nobody asked for reversal {id}: {reversal:?}");
        }
        for (id, debit) in &rows.spending.debits {
            let entry = rows.ledger.get(&(id.clone(), "debit".to_owned()));
            let moved = entry.map(|row| (row.user_id.as_str(), row.amount, row.balance_after));
            let wanted = (debit.user_id.as_str(), -debit.amount, Some(debit.balance_after));
            hold!(moved == Some(wanted), "debit {id} is {debit:?}, and in the ledger {entry:?}");
            let reversed = back.get(id.as_str()).copied().unwrap_or(0);
            hold!(debit.reversed == reversed, "{id} has {} reversed, its rows {reversed}", debit.reversed);
            hold!(reversed <= debit.amount, "{reversed} of {id} came back, which took {}", debit.amount);
            let asked = self.was_asked(|call| match &call.wanted {
                Wanted::Debit { user, fen, take_rest } => {
                    debit.reference.as_ref() == Some(&call.reference)
                        && *user == debit.user_id
                        && *fen == debit.amount + debit.shortfall
                        && (*take_rest || debit.shortfall == 0)
                }
                Wanted::Capture { hold, fen, take_rest } => {
                    debit.hold_id.as_ref() == Some(hold)
                        && *fen == debit.amount + debit.shortfall
                        && (*take_rest || debit.shortfall == 0)
                }
                _ => false,
            });
            hold!(asked, "nobody asked for debit {id}: {debit:?}");
        }
        let twice = |references: Vec<&String>| {
            let all = references.len();
            references.into_iter().collect::<std::collections::BTreeSet<_>>().len() < all
        };
        let spending = &rows.spending;
        let is_twice = twice(spending.debits.values().filter_map(|debit| debit.reference.as_ref()).collect())
            || twice(spending.debits.values().filter_map(|debit| debit.hold_id.as_ref()).collect())
            || twice(spending.reversals.values().map(|reversal| &reversal.reference).collect())
            || twice(spending.holds.values().map(|hold| &hold.reference).collect())
            || twice(spending.grants.values().map(|grant| &grant.reference).collect());
        hold!(!is_twice, "one reference did two things: {spending:?}");
        Ok(())
    }

    fn grants_fit(&self, rows: &Rows) -> Result<(), Broken> {
        for (id, grant) in &rows.spending.grants {
            let entry = rows.ledger.get(&(id.clone(), "grant".to_owned()));
            let moved = entry.map(|row| (row.user_id.as_str(), row.amount));
            let wanted = (grant.user_id.as_str(), grant.amount);
            hold!(moved == Some(wanted), "grant {id} is {grant:?}, and in the ledger {entry:?}");
            let asked = self.was_asked(|call| {
                matches!(&call.wanted, Wanted::Grant { user, fen, .. } if call.reference == grant.reference
                    && *user == grant.user_id && *fen == grant.amount)
            });
            hold!(asked, "nobody asked for grant {id}: {grant:?}");
        }
        Ok(())
    }

    fn hold_fits(&self, id: &str, hold: &HoldRow, rows: &Rows, latest: UnixMillis) -> Result<(), Broken> {
        let asked = self.was_asked(|call| match &call.wanted {
            Wanted::Hold { user, fen, life_s } => {
                call.reference == hold.reference
                    && *user == hold.user_id
                    && *fen == hold.amount
                    && hold.expires_at - hold.created_at == life_s * 1000
            }
            _ => false,
        });
        hold!(asked, "nobody asked for hold {id}: {hold:?}");
        let has_debit = rows.spending.debits.values().any(|debit| debit.hold_id.as_deref() == Some(id));
        hold!(
            has_debit == (hold.state == "captured"),
            "hold {id} is {} and its debit {has_debit}",
            hold.state
        );
        let why = match hold.state.as_str() {
            "open" | "captured" => true,
            "voided" => {
                self.was_asked(|call| matches!(&call.wanted, Wanted::Void { hold } if hold.as_str() == id))
            }
            "expired" => latest.get() >= hold.expires_at,
            other => return Err(format!("hold {id} is {other}")),
        };
        hold!(why, "hold {id} is {} without a reason", hold.state);
        Ok(())
    }

    /// Nothing is set aside for ever.
    pub(super) fn spending_ends(&self) -> Result<(), Broken> {
        let open = self.before.spending.holds.iter().find(|(_, hold)| hold.state == "open");
        hold!(open.is_none(), "{open:?} is still open long after its end");
        Ok(())
    }
}

/// `held` is the sum of the open holds, and the ledger's rows of an account are a chain from nothing to its balance.
fn accounts_fit(rows: &Rows) -> Result<(), Broken> {
    let mut held: BTreeMap<&str, i64> = BTreeMap::new();
    for hold in rows.spending.holds.values().filter(|hold| hold.state == "open") {
        *held.entry(&hold.user_id).or_default() += hold.amount;
    }
    for (user, account) in &rows.accounts {
        let sum = held.get(user.as_str()).copied().unwrap_or(0);
        hold!(account.held == sum, "{user} has {} held, its holds sum to {sum}", account.held);
        let mut chain: Vec<_> = rows.ledger.values().filter(|row| row.user_id == *user).collect();
        chain.sort_by_key(|row| row.seq);
        let mut balance = 0;
        for (row, seq) in chain.iter().zip(1..) {
            balance += row.amount;
            let fits = row.seq == Some(seq) && row.balance_after == Some(balance);
            hold!(fits, "row {seq} of {user}'s ledger leaves {balance} and is {row:?}");
        }
        let count = i64::try_from(chain.len()).unwrap_or(i64::MAX);
        hold!(account.entries == count, "{user} has {} numbered rows of {count}", account.entries);
    }
    Ok(())
}

/// What there is under the call's reference, and whether it is what the call asks for.
fn thing(rows: &Rows, call: &SpendCall) -> Option<(String, bool)> {
    let spending = &rows.spending;
    match &call.wanted {
        Wanted::Debit { user, fen, take_rest } => {
            let of = |(_, debit): &(&String, &crate::rows::DebitRow)| {
                debit.reference.as_ref() == Some(&call.reference)
            };
            let (id, debit) = spending.debits.iter().find(of)?;
            let same = debit.user_id == *user
                && debit.amount + debit.shortfall == *fen
                && (debit.shortfall == 0 || *take_rest);
            Some((id.clone(), same))
        }
        Wanted::Hold { user, fen, life_s } => {
            let (id, hold) = spending.holds.iter().find(|(_, hold)| hold.reference == call.reference)?;
            let life = hold.expires_at - hold.created_at == life_s * 1000;
            Some((id.clone(), hold.user_id == *user && hold.amount == *fen && life))
        }
        Wanted::Reversal { debit, fen } => {
            let mut all = spending.reversals.iter();
            let (id, reversal) = all.find(|(_, reversal)| reversal.reference == call.reference)?;
            let same = reversal.debit_id == *debit && fen.is_none_or(|fen| fen == reversal.amount);
            Some((id.clone(), same))
        }
        Wanted::Grant { user, fen, .. } => {
            let (id, grant) = spending.grants.iter().find(|(_, grant)| grant.reference == call.reference)?;
            Some((id.clone(), grant.user_id == *user && grant.amount == *fen))
        }
        // Whatever is asked for, it is answered what was captured.
        Wanted::Capture { hold, .. } => {
            let (id, _) = spending.debits.iter().find(|(_, debit)| debit.hold_id.as_ref() == Some(hold))?;
            Some((id.clone(), true))
        }
        Wanted::Void { hold } => {
            let is_void = spending.holds.get(hold).is_some_and(|hold| hold.state == "voided");
            is_void.then(|| (hold.clone(), true))
        }
    }
}
