//! Several at once, in one process and in two: whoever is first has it, and nobody spends what is not there.

use std::collections::BTreeSet;

use cashier::Cashier;
use cashier::db::writer::WriteError;
use recharge::spend::{Amount, HoldState, OnShortfall, ReversalRequest};
use tokio::task::JoinSet;
use wxpay::Fen;

use super::*;
use crate::common::{debit, on_both, site};

/// Two processes on one database.
async fn two(harness: &Harness) -> [Cashier; 2] {
    [harness.cashier.clone(), harness.second("b").await]
}

#[tokio::test]
async fn two_processes_that_debit_a_nearly_empty_account_never_take_more_than_is_there() {
    on_both(|harness| async move {
        let cashiers = two(&harness).await;
        let mut taken = 0;
        for round in 1..=10 {
            grant(&harness, "u_1", 101, &format!("g{round}")).await;
            let mut all = JoinSet::new();
            for n in 0..60 {
                let cashier = cashiers[n % 2].clone();
                all.spawn(async move { cashier.debit(debit("u_1", 10), site()).await });
            }
            for reply in all.join_all().await {
                match reply {
                    Ok(reply) => {
                        taken += reply.debit.amount.get();
                        assert!(reply.debit.balance_after >= Fen::ZERO && reply.available >= Fen::ZERO);
                    }
                    // Not done: its caller asks again.
                    Err(SpendError::Refused(_) | SpendError::Write(WriteError::Contended)) => {}
                    Err(other) => panic!("{other:?}"),
                }
            }
            let left = available(&harness).await.get();
            assert_eq!(left, 101 * round - taken);
            assert!((0..10).contains(&left), "{left} fen are left");
        }
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn one_reference_at_once_in_two_processes_is_one_debit() {
    on_both(|harness| async move {
        grant(&harness, "u_1", 100_000, "g").await;
        let cashiers = two(&harness).await;
        for _ in 0..20 {
            let request = debit("u_1", 10);
            let mut all = JoinSet::new();
            for n in 0..16 {
                let (cashier, request) = (cashiers[n % 2].clone(), request.clone());
                all.spawn(async move { cashier.debit(request, site()).await.unwrap() });
            }
            let replies = all.join_all().await;
            assert_eq!(replies.iter().filter(|reply| reply.changed).count(), 1);
            let debits: BTreeSet<_> = replies.into_iter().map(|reply| reply.debit.id).collect();
            assert_eq!(debits.len(), 1);
        }
        assert_eq!(harness.balance().await, 100_000 - 200);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_hold_ends_once_however_many_capture_void_and_expire_it() {
    on_both(|harness| async move {
        grant(&harness, "u_1", 10_000, "g").await;
        let cashiers = two(&harness).await;
        // Another one stays, so that ending one twice would free money that is held.
        let mut staying = hold_request(5_000, reference("stays"));
        staying.life = HoldLife::seconds(604_800).unwrap();
        harness.cashier.hold(staying, site()).await.unwrap();
        for round in 0..20 {
            let held = hold(&harness, 1000, &format!("h{round}")).await;
            if round % 2 == 0 {
                // Everybody agrees that it has expired; both background loops look.
                harness.advance(60_000);
            }
            let mut all = JoinSet::new();
            for n in 0..12 {
                let (cashier, id) = (cashiers[n % 2].clone(), held.id.clone());
                all.spawn(async move {
                    match n / 2 % 3 {
                        0 => {
                            let amount = Amount::new(1000).unwrap();
                            let reply = cashier.capture_hold(id, amount, OnShortfall::Refuse, site()).await;
                            usize::from(reply.is_ok_and(|reply| reply.changed))
                        }
                        1 => usize::from(cashier.void_hold(id).await.is_ok_and(|reply| reply.changed)),
                        _ => cashier.expire_holds().await.unwrap(),
                    }
                });
            }
            let ended: usize = all.join_all().await.into_iter().sum();
            let found = harness.cashier.find_hold(&held.id).await.unwrap().unwrap();
            assert_ne!(found.state, HoldState::Open);
            // A refused capture may have written it down.
            assert!(ended <= 1, "it ended {ended} times");
            assert_eq!(account(&harness).await.held, Fen::new(5_000));
            grant(&harness, "u_1", 1000, &format!("again-{round}")).await;
        }
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn reversals_at_once_never_give_back_more_than_was_taken() {
    on_both(|harness| async move {
        grant(&harness, "u_1", 1000, "g").await;
        let cashiers = two(&harness).await;
        let id = harness.cashier.debit(debit("u_1", 1000), site()).await.unwrap().debit.id;
        let mut all = JoinSet::new();
        for n in 0..30 {
            let request = ReversalRequest {
                debit_id: id.clone(),
                amount: Some(Amount::new(90).unwrap()),
                reference: reference(&format!("r{n}")),
                reason: reason(),
            };
            let cashier = cashiers[n % 2].clone();
            all.spawn(async move { cashier.reverse_debit(request, caller()).await.is_ok() });
        }
        let made = all.join_all().await.into_iter().filter(|made| *made).count();
        assert_eq!(made, 11, "11 × 90 are 990");
        assert_eq!(harness.balance().await, 990);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_hot_account_is_debited_by_two_processes_and_credited_beside_it() {
    on_both(|harness| async move {
        grant(&harness, "u_1", 1_000_000, "g").await;
        let cashiers = two(&harness).await;
        let mut all = JoinSet::new();
        for n in 0..600 {
            let cashier = cashiers[n % 2].clone();
            all.spawn(
                async move { cashier.debit(debit("u_1", 7), site()).await.unwrap().debit.balance_after },
            );
        }
        for fen in 1..=4 {
            harness.paid(fen * 100, 0).await;
        }
        let after: BTreeSet<_> = all.join_all().await.into_iter().collect();
        assert_eq!(after.len(), 600, "each has its own balance after it");
        assert_eq!(harness.balance().await, 1_000_000 - 600 * 7 + 1000);
        harness.check().await;
    })
    .await;
}
