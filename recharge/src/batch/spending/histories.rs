//! Debits, holds, reversals and grants in every order, on two instances that read before they write: whatever comes when, the
//! money adds up and nobody spends what is not there.

use proptest::prelude::*;

use super::tests::{amount, capture, debit, grant, hold, reversal, take_rest};
use super::*;
use crate::batch::Apply;
use crate::command::{CaptureHold, ExpireHold, MakeDebit, MakeGrant, PlaceHold, VoidHold};
use crate::fixtures::{PLACED, rules};
use crate::spend::{DebitRequest, GrantId, OnShortfall, ReversalId};

/// One thing that happens, a second after the one before.
#[derive(Debug, Clone)]
enum Step {
    Grant { fen: i64, even_if_low: bool },
    Debit { name: usize, fen: i64, rest: bool },
    Reverse { name: usize, of: usize, fen: Option<i64> },
    Hold { name: usize, fen: i64 },
    Capture { of: usize, fen: i64, rest: bool },
    Void { of: usize },
    Expire { of: usize },
    Wait,
}

fn steps() -> impl Strategy<Value = Step> {
    let fen = || prop_oneof![1..=10_i64, 1..=1000_i64];
    prop_oneof![
        2 => (-300..=900_i64, any::<bool>())
            .prop_map(|(fen, even_if_low)| Step::Grant { fen: if fen == 0 { 1 } else { fen }, even_if_low }),
        4 => (0..4_usize, fen(), any::<bool>()).prop_map(|(name, fen, rest)| Step::Debit { name, fen, rest }),
        3 => (0..3_usize, 0..4_usize, prop::option::of(fen()))
            .prop_map(|(name, of, fen)| Step::Reverse { name, of, fen }),
        3 => (0..4_usize, fen()).prop_map(|(name, fen)| Step::Hold { name, fen }),
        3 => (0..4_usize, fen(), any::<bool>()).prop_map(|(of, fen, rest)| Step::Capture { of, fen, rest }),
        1 => (0..4_usize).prop_map(|of| Step::Void { of }),
        1 => (0..4_usize).prop_map(|of| Step::Expire { of }),
        1 => Just(Step::Wait),
    ]
}

/// The database between the batches.
#[derive(Debug, Default, Clone)]
struct Books {
    account: Account,
    ledger: Vec<LedgerEntry>,
    debits: BTreeMap<DebitId, Debit>,
    reversals: BTreeMap<ReversalId, Reversal>,
    holds: BTreeMap<HoldId, Hold>,
    grants: BTreeMap<GrantId, Grant>,
}

impl Books {
    fn read(&self) -> Spending {
        Spending::new(SpendRead {
            accounts: BTreeMap::from([("u_1".to_owned(), self.account)]),
            debits: self.debits.values().cloned().collect(),
            reversals: self.reversals.values().cloned().collect(),
            holds: self.holds.values().cloned().collect(),
            grants: self.grants.values().cloned().collect(),
        })
    }

    /// Writes what the batch decided on an older reading, as the tables would: `false` where a guard refuses it.
    fn write(&mut self, batch: &mut Batch<'_>) -> bool {
        let mut account = self.account;
        if let Some(moved) = batch.accounts.get("u_1") {
            account.balance = Fen::new(account.balance.get() + moved.amount.get());
            account.held = Fen::new(account.held.get() + moved.held.get());
            account.entries += moved.entries;
        }
        if batch.settle(&HashMap::from([("u_1".to_owned(), account)])).is_none() {
            return false;
        }
        let mut next = Books { account, ..self.clone() };
        for slot in batch.spending.debits.values().filter(|slot| slot.changed) {
            let known = next.debits.insert(slot.debit.id.clone(), slot.debit.clone());
            if known.map(|known| known.reversed) != slot.read {
                return false;
            }
        }
        for slot in batch.spending.holds.values().filter(|slot| slot.changed) {
            let known = next.holds.insert(slot.hold.id.clone(), slot.hold.clone());
            if known.map(|known| known.version) != slot.read {
                return false;
            }
        }
        for one in &batch.spending.new_reversals {
            if self.reversals.values().any(|known| known.reference == one.reference) {
                return false;
            }
            next.reversals.insert(one.id.clone(), one.clone());
        }
        for one in &batch.spending.new_grants {
            if self.grants.values().any(|known| known.reference == one.reference) {
                return false;
            }
            next.grants.insert(one.id.clone(), one.clone());
        }
        next.ledger.extend(batch.ledger.iter().cloned());
        *self = next;
        true
    }

    fn holds_true(&self) -> Result<(), TestCaseError> {
        let mut balance = 0;
        for (row, seq) in self.ledger.iter().zip(1..) {
            balance += row.amount.get();
            let place = row.place.unwrap();
            prop_assert_eq!((place.seq, place.balance_after.get()), (seq, balance));
        }
        prop_assert_eq!(self.account.balance.get(), balance);
        prop_assert_eq!(self.account.entries, self.ledger.len() as i64);
        let open = self.holds.values().filter(|hold| hold.state == HoldState::Open);
        prop_assert_eq!(self.account.held.get(), open.map(|hold| hold.amount.get()).sum::<i64>());
        for debit in self.debits.values() {
            let rows = self.ledger.iter().filter(|row| row.subject == Subject::Debit(debit.id.clone()));
            let taken: Vec<_> = rows.clone().filter(|row| row.key == LedgerKey::Debit).collect();
            prop_assert_eq!(taken.len(), 1);
            prop_assert_eq!(taken[0].amount.get(), -debit.amount.get());
            prop_assert_eq!(taken[0].place.unwrap().balance_after, debit.balance_after);
            let of_it = self.reversals.values().filter(|one| one.debit_id == debit.id);
            let reversed: i64 = of_it.map(|one| one.amount.get()).sum();
            prop_assert_eq!(debit.reversed.get(), reversed);
            prop_assert!(reversed <= debit.amount.get());
            prop_assert_eq!(
                rows.count(),
                1 + self.reversals.values().filter(|one| one.debit_id == debit.id).count()
            );
        }
        for hold in self.holds.values() {
            let of_it = |debit: &&Debit| debit.cause == DebitCause::Hold(hold.id.clone());
            let captured = usize::from(hold.state == HoldState::Captured);
            prop_assert_eq!(self.debits.values().filter(of_it).count(), captured);
        }
        Ok(())
    }
}

/// Decides a step; whether it is a call by key that moved something.
fn decide(step: &Step, batch: &mut Batch<'_>, now: UnixMillis) -> bool {
    let debit_id = |name: usize| DebitId::new(PLACED, super::tests::random(&format!("d{name}")));
    let hold_id = |name: usize| HoldId::new(PLACED, super::tests::random(&format!("h{name}")));
    let on_shortfall = |rest| if rest { OnShortfall::TakeRest } else { OnShortfall::Refuse };
    match step {
        Step::Grant { fen, even_if_low } => {
            let mut command = MakeGrant { now, ..grant(&format!("g{}", now.get()), *fen) };
            command.id = GrantId::new(now, [0; 10]);
            command.request.even_if_balance_low = *even_if_low;
            drop(command.apply(batch));
            false
        }
        Step::Debit { name, fen, rest } => {
            let command = debit(&format!("d{name}"), *fen);
            let command = if *rest { take_rest(command) } else { command };
            MakeDebit { now, ..command }.apply(batch).is_ok_and(|reply| reply.changed)
        }
        Step::Reverse { name, of, fen } => {
            let command = reversal(&format!("r{name}"), &debit_id(*of), *fen);
            command.apply(batch).is_ok_and(|reply| reply.changed)
        }
        Step::Hold { name, fen } => {
            let command = PlaceHold { now, ..hold(&format!("h{name}"), *fen) };
            command.apply(batch).is_ok_and(|reply| reply.changed)
        }
        Step::Capture { of, fen, rest } => {
            let command = capture(&format!("c{of}"), &hold_id(*of), *fen);
            let command = CaptureHold { on_shortfall: on_shortfall(*rest), now, ..command };
            command.apply(batch).is_ok_and(|reply| reply.changed)
        }
        Step::Void { of } => {
            VoidHold { hold_id: hold_id(*of), now }.apply(batch).is_ok_and(|reply| reply.changed)
        }
        Step::Expire { of } => ExpireHold { hold_id: hold_id(*of), now }.apply(batch),
        Step::Wait => false,
    }
}

/// Decides a batch on `read` and writes it to `books`, as often as it takes; checks that no call by key lets what is available
/// fall below zero, or lower than it found it.
fn happen(
    books: &mut Books,
    mut read: Spending,
    steps: &[Step],
    now: UnixMillis,
) -> Result<(), TestCaseError> {
    let rules = rules();
    loop {
        let mut batch = Batch::new(&rules, Vec::new()).with_spending(read);
        // Relative to the account as read.
        let mut lows = Vec::new();
        for step in steps {
            let before = batch.account("u_1").available().get();
            if decide(step, &mut batch, now) {
                lows.push((before, batch.account("u_1").available().get()));
            }
        }
        let decided = batch.spending.accounts["u_1"].available().get();
        let actual = books.account.available().get();
        if books.write(&mut batch) {
            for (before, after) in lows {
                let after_then = after - decided + actual;
                prop_assert!(
                    after_then >= 0 || after >= before,
                    "{after_then} is available after a call by key"
                );
            }
            return books.holds_true();
        }
        read = books.read();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(2_000)))]
    #[test]
    fn whatever_is_spent_held_and_given_back_in_every_order_adds_up(
        batches in prop::collection::vec((prop::collection::vec(steps(), 1..4), prop::collection::vec(steps(), 0..3)), 1..6)
    ) {
        let mut books = Books::default();
        let mut now = PLACED;
        for (one, other) in &batches {
            now = now.plus_ms(if one.iter().any(|step| matches!(step, Step::Wait)) { 61_000 } else { 1_000 });
            // The other instance writes between this one's reading and its writing.
            let read = books.read();
            if !other.is_empty() {
                let fresh = books.read();
                happen(&mut books, fresh, other, now.plus_ms(-500))?;
            }
            happen(&mut books, read, one, now)?;
        }
        let asked = DebitRequest { amount: amount(1_000_000), ..debit("last", 1).request };
        let read = books.read();
        let rules = rules();
        let mut batch = Batch::new(&rules, Vec::new()).with_spending(read);
        let last = MakeDebit { request: asked, ..debit("last", 1) };
        prop_assert!(last.apply(&mut batch).is_err());
    }
}
