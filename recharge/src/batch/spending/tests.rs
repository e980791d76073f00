//! What a batch decides about debits, reversals, holds and grants, without a database.

use super::*;
use crate::audit::{Acting, Actor};
use crate::batch::Apply;
use crate::command::{CaptureHold, ExpireHold, MakeDebit, MakeGrant, PlaceHold, ReverseDebit, VoidHold};
use crate::fixtures::{PLACED, rules};
use crate::spend::{
    Amount, CaptureRefusal, DebitRefusal, DebitRequest, GrantId, GrantRefusal, GrantRequest, HoldLife,
    HoldRefusal, HoldRequest, Metadata, OnShortfall, Reason, ReversalId, ReversalRefusal, ReversalRequest,
    VoidRefusal,
};
use crate::user::User;

pub(super) fn amount(fen: i64) -> Amount {
    Amount::new(fen).unwrap()
}

pub(super) fn reference(text: &str) -> Reference {
    Reference::parse(text).unwrap()
}

fn by() -> Actor {
    Actor::Key("forum".to_owned())
}

/// A debit of `u_1`; the number follows from the reference.
pub(super) fn debit(name: &str, fen: i64) -> MakeDebit {
    let request = DebitRequest {
        user_id: "u_1".to_owned(),
        amount: amount(fen),
        reference: reference(name),
        reason: Reason::parse("VIP 30 days").unwrap(),
        metadata: Metadata::default(),
        on_shortfall: OnShortfall::Refuse,
    };
    MakeDebit { id: DebitId::new(PLACED, random(name)), request, by: by(), now: PLACED }
}

pub(super) fn take_rest(debit: MakeDebit) -> MakeDebit {
    let request = DebitRequest { on_shortfall: OnShortfall::TakeRest, ..debit.request };
    MakeDebit { request, ..debit }
}

pub(super) fn random(name: &str) -> [u8; 10] {
    let mut bytes = [0; 10];
    for (byte, of_name) in bytes.iter_mut().zip(name.bytes()) {
        *byte = of_name;
    }
    bytes
}

pub(super) fn reversal(name: &str, debit_id: &DebitId, fen: Option<i64>) -> ReverseDebit {
    let request = ReversalRequest {
        debit_id: debit_id.clone(),
        amount: fen.map(amount),
        reference: reference(name),
        reason: Reason::parse("not delivered").unwrap(),
    };
    let by = Acting { actor: by(), address: String::new() };
    ReverseDebit { id: ReversalId::new(PLACED, random(name)), request, by, now: PLACED }
}

pub(super) fn hold(name: &str, fen: i64) -> PlaceHold {
    let request = HoldRequest {
        user_id: "u_1".to_owned(),
        amount: amount(fen),
        reference: reference(name),
        reason: Reason::parse("job").unwrap(),
        metadata: Metadata::default(),
        life: HoldLife::seconds(60).unwrap(),
    };
    PlaceHold { id: HoldId::new(PLACED, random(name)), request, by: by(), now: PLACED }
}

pub(super) fn capture(name: &str, hold_id: &HoldId, fen: i64) -> CaptureHold {
    CaptureHold {
        hold_id: hold_id.clone(),
        id: DebitId::new(PLACED, random(name)),
        amount: amount(fen),
        on_shortfall: OnShortfall::Refuse,
        by: by(),
        now: PLACED,
    }
}

pub(super) fn grant(name: &str, fen: i64) -> MakeGrant {
    let user = User::new("u_1", "").unwrap();
    let reason = Reason::parse("a gift").unwrap();
    MakeGrant {
        id: GrantId::new(PLACED, random(name)),
        request: GrantRequest::new(user, fen, reference(name), reason).unwrap(),
        by: Acting::operator("lin", "console"),
        now: PLACED,
    }
}

/// A batch on `u_1`'s account with this balance and nothing held.
fn with_balance<T>(fen: i64, test: impl FnOnce(&mut Batch<'_>) -> T) -> T {
    let rules = rules();
    let account = Account { balance: Fen::new(fen), held: Fen::ZERO, entries: 3 };
    let accounts = BTreeMap::from([("u_1".to_owned(), account)]);
    let read = Spending::new(SpendRead { accounts, ..SpendRead::default() });
    test(&mut Batch::new(&rules, Vec::new()).with_spending(read))
}

/// Writes the batch on an account that somebody else moved by this since it was read.
fn written(batch: &mut Batch<'_>, balance: i64, held: i64) -> Option<crate::spend::Shifts> {
    let mut account = batch.account("u_1");
    account.balance = Fen::new(account.balance.get() + balance);
    account.held = Fen::new(account.held.get() + held);
    batch.settle(&HashMap::from([("u_1".to_owned(), account)]))
}

#[test]
fn a_debit_takes_what_is_there_and_never_more() {
    with_balance(1000, |batch| {
        let first = debit("a", 700).apply(batch).unwrap();
        assert_eq!((first.debit.balance_after, first.available), (Fen::new(300), Fen::new(300)));
        let low = DebitRefusal::Insufficient { available: Fen::new(300), needed: Fen::new(301) };
        assert_eq!(debit("b", 301).apply(batch), Err(low));
        assert!(debit("c", 300).apply(batch).is_ok());
        assert!(debit("d", 1).apply(batch).is_err());
        assert_eq!(batch.accounts["u_1"].amount, Fen::new(-1000));
        assert_eq!(batch.days["20260315"].debited_fen, 1000);
        written(batch, 0, 0).unwrap();
        let places: Vec<_> = batch.ledger.iter().map(|row| row.place.unwrap()).collect();
        assert_eq!(places.iter().map(|place| place.seq).collect::<Vec<_>>(), [4, 5]);
        assert_eq!(places[1].balance_after, Fen::ZERO);
    });
}

#[test]
fn one_that_takes_the_rest_says_what_it_lacked_and_takes_no_nothing() {
    with_balance(312, |batch| {
        let reply = take_rest(debit("a", 500)).apply(batch).unwrap();
        let debit = &reply.debit;
        assert_eq!(
            (debit.amount, debit.shortfall, reply.available),
            (Fen::new(312), Fen::new(188), Fen::ZERO)
        );
        let again = take_rest(super::tests::debit("a", 500)).apply(batch).unwrap();
        assert_eq!((again.debit, again.changed), (debit.clone(), false));
        assert!(super::tests::debit("a", 500).apply(batch).is_err(), "the first one took less than all");
        let nothing = DebitRefusal::Insufficient { available: Fen::ZERO, needed: Fen::new(1) };
        assert_eq!(take_rest(super::tests::debit("b", 1)).apply(batch), Err(nothing));
    });
}

#[test]
fn the_same_reference_is_the_same_debit_and_with_other_content_none() {
    with_balance(1000, |batch| {
        let first = debit("a", 100).apply(batch).unwrap();
        let again = MakeDebit { id: DebitId::new(PLACED, [9; 10]), ..debit("a", 100) };
        let reply = again.apply(batch).unwrap();
        assert_eq!(
            (reply.debit, reply.changed, reply.available),
            (first.debit.clone(), false, Fen::new(900))
        );
        let mut other_user = debit("a", 100);
        other_user.request.user_id = "u_2".to_owned();
        let mut other_reason = debit("a", 100);
        other_reason.request.reason = Reason::parse("VIP 60 days").unwrap();
        let mut other_metadata = debit("a", 100);
        other_metadata.request.metadata = Metadata::parse(r#"{"a":1}"#).unwrap();
        for other in [debit("a", 101), other_user, other_reason, other_metadata] {
            let reused = DebitRefusal::ReferenceReused { by: first.debit.id.clone() };
            assert_eq!(other.apply(batch), Err(reused));
        }
        assert_eq!(batch.ledger.len(), 1);
    });
}

#[test]
fn a_refused_reference_can_be_used_again() {
    with_balance(100, |batch| {
        assert!(debit("a", 500).apply(batch).is_err() && hold("h", 500).apply(batch).is_err());
        assert!(!batch.writes());
        grant("g", 900).apply(batch).unwrap();
        assert!(debit("a", 500).apply(batch).is_ok() && hold("h", 500).apply(batch).is_ok());
    });
}

#[test]
fn what_others_took_meanwhile_is_noticed_and_what_they_added_is_told() {
    with_balance(1000, |batch| {
        debit("a", 1000).apply(batch).unwrap();
        assert_eq!(written(batch, -1, 0), None, "one fen is not there any more");
        assert_eq!(written(batch, 0, 1), None, "one fen is held by now");
        let shifts = written(batch, 5, 2).unwrap();
        assert_eq!(shifts.balance("u_1", Fen::ZERO), Fen::new(5));
        assert_eq!(shifts.available("u_1", Fen::ZERO), Fen::new(3));
        assert_eq!(batch.spending.debits.values().next().unwrap().debit.balance_after, Fen::new(5));
        assert_eq!(batch.ledger[0].place.unwrap().balance_after, Fen::new(5));
    });
}

#[test]
fn money_that_came_in_the_same_batch_after_a_debit_does_not_cover_it() {
    with_balance(100, |batch| {
        debit("a", 100).apply(batch).unwrap();
        grant("g", 500).apply(batch).unwrap();
        assert_eq!(written(batch, -1, 0), None);
        assert!(written(batch, 0, 0).is_some());
    });
    with_balance(100, |batch| {
        grant("g", 500).apply(batch).unwrap();
        debit("a", 600).apply(batch).unwrap();
        assert_eq!(written(batch, -1, 0), None);
        assert!(written(batch, 0, 0).is_some());
    });
}

#[test]
fn an_operator_who_takes_more_than_there_is_does_not_cover_a_debit_of_the_same_batch() {
    with_balance(100, |batch| {
        debit("a", 100).apply(batch).unwrap();
        let low = GrantRefusal::BalanceLow { available: Fen::ZERO, taken: Fen::new(50) };
        assert_eq!(grant("g", -50).apply(batch), Err(low));
        let mut meant = grant("g", -50);
        meant.request.even_if_balance_low = true;
        assert_eq!(meant.apply(batch).unwrap().balance, Fen::new(-50));
        assert!(written(batch, 0, 0).is_some());
        assert_eq!(written(batch, -1, 0), None);
    });
}

#[test]
fn an_adjustment_decided_on_an_account_that_has_moved_is_not_made() {
    let on = |seen: i64, name: &str, fen: i64| {
        let mut command = grant(name, fen);
        command.request.seen_entries = Some(seen);
        command
    };
    with_balance(100, |batch| {
        let seen = batch.account("u_1").entries;
        assert!(on(seen, "g", 800).apply(batch).unwrap().changed);
        assert!(!on(seen, "g", 800).apply(batch).unwrap().changed, "a second press of the same form");
        assert_eq!(on(seen, "h", 800).apply(batch), Err(GrantRefusal::Stale), "another tab");
        assert!(on(seen + 1, "h", 800).apply(batch).is_ok());
    });
    // Another instance adds to the ledger between the decision and the commit.
    with_balance(100, |batch| {
        let mut account = batch.account("u_1");
        on(account.entries, "g", 800).apply(batch).unwrap();
        account.balance = Fen::new(900);
        account.entries += 1;
        assert!(batch.settle(&HashMap::from([("u_1".to_owned(), account)])).is_some());
        account.entries += 1;
        assert_eq!(batch.settle(&HashMap::from([("u_1".to_owned(), account)])), None);
    });
}

#[test]
fn a_hold_keeps_its_money_from_others_until_it_ends() {
    with_balance(1000, |batch| {
        let held = hold("h", 700).apply(batch).unwrap();
        assert_eq!(held.available, Fen::new(300));
        assert!(debit("a", 301).apply(batch).is_err());
        let low = HoldRefusal::Insufficient { available: Fen::new(300), needed: Fen::new(301) };
        assert_eq!(hold("i", 301).apply(batch), Err(low));
        let again = hold("h", 700).apply(batch).unwrap();
        assert_eq!((again.hold.id, again.changed), (held.hold.id.clone(), false));
        assert!(matches!(hold("h", 701).apply(batch), Err(HoldRefusal::ReferenceReused { .. })));
        let captured = capture("c", &held.hold.id, 312).apply(batch).unwrap();
        assert_eq!((captured.debit.amount, captured.available), (Fen::new(312), Fen::new(688)));
        assert_eq!(captured.debit.cause, DebitCause::Hold(held.hold.id.clone()));
        // Again, also with another amount: what happened first.
        let again = capture("d", &held.hold.id, 700).apply(batch).unwrap();
        assert_eq!((again.debit, again.changed), (captured.debit.clone(), false));
        let void = VoidHold { hold_id: held.hold.id.clone(), now: PLACED };
        assert_eq!(void.apply(batch), Err(VoidRefusal::Captured { by: captured.debit.id }));
        assert_eq!(batch.account("u_1"), Account { balance: Fen::new(688), held: Fen::ZERO, entries: 4 });
    });
}

#[test]
fn a_capture_over_its_hold_takes_the_rest_from_what_is_available_or_is_refused() {
    with_balance(1000, |batch| {
        let id = hold("h", 700).apply(batch).unwrap().hold.id;
        let low = CaptureRefusal::Insufficient { available: Fen::new(300), needed: Fen::new(301) };
        assert_eq!(capture("c", &id, 1001).apply(batch), Err(low));
        let rest = CaptureHold { on_shortfall: OnShortfall::TakeRest, ..capture("c", &id, 1001) };
        let reply = rest.apply(batch).unwrap();
        assert_eq!((reply.debit.amount, reply.debit.shortfall), (Fen::new(1000), Fen::new(1)));
        assert_eq!(batch.account("u_1").available(), Fen::ZERO);
    });
}

#[test]
fn a_capture_within_its_hold_succeeds_even_where_an_operator_overdrew() {
    with_balance(1000, |batch| {
        let id = hold("h", 700).apply(batch).unwrap().hold.id;
        let mut taken = grant("g", -900);
        taken.request.even_if_balance_low = true;
        taken.apply(batch).unwrap();
        let reply = capture("c", &id, 700).apply(batch).unwrap();
        assert_eq!((reply.debit.balance_after, reply.available), (Fen::new(-600), Fen::new(-600)));
        assert!(debit("a", 1).apply(batch).is_err() && take_rest(debit("a", 1)).apply(batch).is_err());
    });
}

#[test]
fn a_hold_whose_time_is_up_counts_as_expired_before_anybody_wrote_it_down() {
    with_balance(1000, |batch| {
        let id = hold("h", 700).apply(batch).unwrap().hold.id;
        let (just, up) = (PLACED.plus_ms(59_999), PLACED.plus_ms(60_000));
        assert!(MakeDebit { now: just, ..debit("a", 301) }.apply(batch).is_err());
        assert!(!ExpireHold { hold_id: id.clone(), now: just }.apply(batch));
        let late = CaptureHold { now: up, ..capture("c", &id, 700) };
        assert_eq!(late.apply(batch), Err(CaptureRefusal::Expired));
        assert_eq!(VoidHold { hold_id: id.clone(), now: up }.apply(batch), Err(VoidRefusal::Expired));
        let reply = MakeDebit { now: up, ..debit("a", 1000) }.apply(batch).unwrap();
        assert_eq!(reply.available, Fen::ZERO);
        assert_eq!(batch.spending.holds[&id].hold.state, HoldState::Expired);
        assert!(!ExpireHold { hold_id: id, now: up }.apply(batch), "it has ended");
        assert_eq!(batch.account("u_1").held, Fen::ZERO);
    });
}

#[test]
fn a_hold_is_voided_once_and_expires_once() {
    with_balance(1000, |batch| {
        let id = hold("h", 700).apply(batch).unwrap().hold.id;
        let void = VoidHold { hold_id: id.clone(), now: PLACED };
        assert!(void.apply(batch).unwrap().changed);
        assert!(!void.apply(batch).unwrap().changed);
        assert_eq!(capture("c", &id, 1).apply(batch), Err(CaptureRefusal::Voided));
        assert_eq!(batch.account("u_1").held, Fen::ZERO);
        let unknown = HoldId::new(PLACED, [1; 10]);
        assert_eq!(VoidHold { hold_id: unknown.clone(), now: PLACED }.apply(batch), Err(VoidRefusal::NoHold));
        assert_eq!(capture("c", &unknown, 1).apply(batch), Err(CaptureRefusal::NoHold));
        let up = PLACED.plus_ms(60_000);
        let id = hold("i", 700).apply(batch).unwrap().hold.id;
        let expire = ExpireHold { hold_id: id, now: up };
        assert!(expire.apply(batch) && !expire.apply(batch));
        assert_eq!(batch.account("u_1").available(), Fen::new(1000));
    });
}

#[test]
fn parts_of_a_debit_are_given_back_up_to_all_of_it() {
    with_balance(1000, |batch| {
        let id = debit("a", 500).apply(batch).unwrap().debit.id;
        let part = reversal("r1", &id, Some(200)).apply(batch).unwrap();
        assert_eq!((part.debit.reversed, part.available), (Fen::new(200), Fen::new(700)));
        let over = ReversalRefusal::OverRest { debit_id: id.clone(), left: Fen::new(300) };
        assert_eq!(reversal("r2", &id, Some(301)).apply(batch), Err(over));
        let again = reversal("r1", &id, Some(200)).apply(batch).unwrap();
        assert_eq!((again.reversal, again.changed), (part.reversal, false));
        let reused = reversal("r1", &id, Some(100)).apply(batch);
        assert!(matches!(reused, Err(ReversalRefusal::ReferenceReused { .. })));
        let rest = reversal("r2", &id, None);
        assert_eq!(rest.apply(batch).unwrap().reversal.amount, Fen::new(300));
        assert!(!rest.apply(batch).unwrap().changed, "a repeat of all that was left");
        let nothing = ReversalRefusal::OverRest { debit_id: id.clone(), left: Fen::ZERO };
        assert_eq!(reversal("r3", &id, None).apply(batch), Err(nothing));
        let unknown = DebitId::new(PLACED, [1; 10]);
        assert_eq!(reversal("r4", &unknown, None).apply(batch), Err(ReversalRefusal::NoDebit));
        assert_eq!(batch.account("u_1").balance, Fen::new(1000));
        assert_eq!(batch.days["20260315"].reversed_fen, 500);
    });
}

#[test]
fn a_grant_is_made_once_and_written_into_the_audit() {
    with_balance(0, |batch| {
        let reply = grant("g", 500).apply(batch).unwrap();
        assert_eq!((reply.balance, reply.changed), (Fen::new(500), true));
        assert!(!grant("g", 500).apply(batch).unwrap().changed);
        assert!(matches!(grant("g", 501).apply(batch), Err(GrantRefusal::ReferenceReused { .. })));
        assert_eq!(grant("h", -100).apply(batch).unwrap().balance, Fen::new(400));
        assert_eq!(batch.context.audit.len(), 2);
        assert_eq!(batch.days["20260315"].granted_fen, 400);
        let user = User::new("u_1", "").unwrap();
        for fen in [0, i64::MIN, Amount::MOST + 1] {
            let reason = Reason::parse("x").unwrap();
            assert!(GrantRequest::new(user.clone(), fen, reference("x"), reason).is_err(), "{fen}");
        }
    });
}
