//! Debits and reversals, one after the other.

use recharge::spend::{
    Amount, DebitId, DebitRefusal, DebitRequest, Metadata, OnShortfall, ReversalRefusal, ReversalRequest,
};
use wxpay::{Fen, OutRefundNo};

use super::*;
use crate::common::{debit, on_both, refund_wish, site};

fn reversal(debit_id: &DebitId, fen: Option<i64>, name: &str) -> ReversalRequest {
    ReversalRequest {
        debit_id: debit_id.clone(),
        amount: fen.map(|fen| Amount::new(fen).unwrap()),
        reference: reference(name),
        reason: reason(),
    }
}

#[tokio::test]
async fn a_recharge_is_spent_down_to_nothing_and_not_further() {
    on_both(|harness| async move {
        harness.paid(1000, 50).await;
        let first = harness.cashier.debit(debit("u_1", 300), site()).await.unwrap();
        assert_eq!(
            (first.debit.balance_after, first.available, first.changed),
            (Fen::new(750), Fen::new(750), true)
        );
        let low = DebitRefusal::Insufficient { available: Fen::new(750), needed: Fen::new(751) };
        assert_eq!(refused(harness.cashier.debit(debit("u_1", 751), site()).await), low);
        let nobody = DebitRefusal::Insufficient { available: Fen::ZERO, needed: Fen::new(1) };
        assert_eq!(refused(harness.cashier.debit(debit("u_9", 1), site()).await), nobody);
        harness.spend("u_1", 750).await;
        assert_eq!(harness.balance().await, 0);
        assert_eq!(harness.count("SELECT COUNT(*) FROM accounts").await, 1);
        let days = harness.cashier.days("20260315", "20260315").await.unwrap();
        assert_eq!((days[0].1.paid_fen, days[0].1.debited_fen), (1000, 1050));
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_repeat_gets_the_first_debit_also_from_another_process_and_years_later() {
    on_both(|harness| async move {
        harness.paid(1000, 0).await;
        let metadata = Metadata::parse(r#"{"thread":4711,"vip":true,"name":"小林"}"#).unwrap();
        let request = DebitRequest { metadata, ..debit("u_1", 300) };
        let first = harness.cashier.debit(request.clone(), site()).await.unwrap().debit;
        harness.advance(3 * 365 * 86_400_000);
        let other = harness.second("b").await;
        let again = other.debit(request.clone(), site()).await.unwrap();
        assert_eq!((&again.debit, again.changed, again.available), (&first, false, Fen::new(700)));
        for other in [
            DebitRequest { amount: Amount::new(301).unwrap(), ..request.clone() },
            DebitRequest { user_id: "u_2".to_owned(), ..request.clone() },
            DebitRequest { metadata: Metadata::default(), ..request.clone() },
        ] {
            let reused = DebitRefusal::ReferenceReused { by: first.id.clone() };
            assert_eq!(refused(harness.cashier.debit(other, site()).await), reused);
        }
        assert_eq!(
            harness.cashier.debit_by_reference(&request.reference).await.unwrap(),
            Some(first.clone())
        );
        assert_eq!(harness.cashier.find_debit(&first.id).await.unwrap(), Some(first));
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_refused_reference_works_once_there_is_money() {
    on_both(|harness| async move {
        let request = debit("u_1", 300);
        let low = DebitRefusal::Insufficient { available: Fen::ZERO, needed: Fen::new(300) };
        assert_eq!(refused(harness.cashier.debit(request.clone(), site()).await), low);
        harness.paid(1000, 0).await;
        assert!(harness.cashier.debit(request, site()).await.unwrap().changed);
        assert_eq!(harness.balance().await, 700);
    })
    .await;
}

#[tokio::test]
async fn one_that_takes_the_rest_says_what_it_lacked() {
    on_both(|harness| async move {
        harness.paid(100, 0).await;
        let request = DebitRequest { on_shortfall: OnShortfall::TakeRest, ..debit("u_1", 130) };
        let reply = harness.cashier.debit(request.clone(), site()).await.unwrap();
        let debit = &reply.debit;
        assert_eq!(
            (debit.amount, debit.shortfall, reply.available),
            (Fen::new(100), Fen::new(30), Fen::ZERO)
        );
        let again = harness.cashier.debit(request, site()).await.unwrap();
        assert_eq!((&again.debit, again.changed), (debit, false));
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn of_many_debits_in_one_call_each_stands_for_itself() {
    on_both(|harness| async move {
        harness.paid(1000, 0).await;
        // More than one transaction takes, and the first ones again at the end.
        let mut requests: Vec<_> = (0..400).map(|_| debit("u_1", 4)).collect();
        requests.extend_from_within(..100);
        let replies = harness.cashier.debit_each(requests, &site()).await.unwrap();
        let changed = replies.iter().filter(|reply| reply.as_ref().is_ok_and(|reply| reply.changed));
        assert_eq!(changed.count(), 250, "1000 fen are 250 debits of 4");
        let first: Vec<_> = replies[..100].iter().map(|reply| &reply.as_ref().unwrap().debit).collect();
        let again: Vec<_> = replies[400..].iter().map(|reply| &reply.as_ref().unwrap().debit).collect();
        assert_eq!(first, again);
        let after: Vec<_> = first.iter().map(|debit| debit.balance_after.get()).collect();
        assert_eq!(after, (0..100).map(|n| 996 - 4 * n).collect::<Vec<_>>(), "in their order");
        assert_eq!(harness.balance().await, 0);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_debit_is_given_back_in_parts_and_never_more_than_it_took() {
    on_both(|harness| async move {
        harness.paid(1000, 0).await;
        let id = harness.cashier.debit(debit("u_1", 500), site()).await.unwrap().debit.id;
        let part = harness.cashier.reverse_debit(reversal(&id, Some(200), "r1"), caller()).await.unwrap();
        assert_eq!((part.debit.reversed, part.available, part.changed), (Fen::new(200), Fen::new(700), true));
        let over = ReversalRefusal::OverRest { debit_id: id.clone(), left: Fen::new(300) };
        let request = reversal(&id, Some(301), "r2");
        assert_eq!(refused(harness.cashier.reverse_debit(request, caller()).await), over);
        let again = harness.cashier.reverse_debit(reversal(&id, Some(200), "r1"), caller()).await.unwrap();
        assert_eq!((again.reversal, again.changed), (part.reversal, false));
        harness.cashier.reverse_debit(reversal(&id, None, "r2"), caller()).await.unwrap();
        assert!(!harness.cashier.reverse_debit(reversal(&id, None, "r2"), caller()).await.unwrap().changed);
        let unknown = reversal(&DebitId::new(crate::common::PLACED, [1; 10]), None, "r3");
        assert_eq!(refused(harness.cashier.reverse_debit(unknown, caller()).await), ReversalRefusal::NoDebit);
        let amounts = harness.cashier.reversals_of(&id).await.unwrap();
        assert_eq!(amounts.iter().map(|one| one.amount.get()).sum::<i64>(), 500);
        assert_eq!(harness.balance().await, 1000);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_refund_looks_at_what_is_available_and_not_at_what_is_held() {
    on_both(|harness| async move {
        let order = harness.paid(1000, 0).await;
        hold(&harness, 400, "h").await;
        let wish = refund_wish(&harness, &order, 700);
        let low =
            recharge::refund::RefundRefusal::BalanceLow { available: Fen::new(600), taken: Fen::new(700) };
        match harness.cashier.refund(wish.clone(), by()).await.unwrap_err() {
            cashier::RefundError::Refused(refusal) => assert_eq!(refusal, low),
            other => panic!("{other:?}"),
        }
        let offer = harness.cashier.refund_offer(&order.out_trade_no).await.unwrap().unwrap();
        assert_eq!(offer.available, Fen::new(600));
        // Its time is up, and nobody has written that down yet.
        harness.advance(60_000);
        let out_refund_no = OutRefundNo::parse("RFlater").unwrap();
        let wish = recharge::refund::RefundRequest { out_refund_no, ..wish };
        harness.cashier.refund(wish, by()).await.unwrap();
        assert_eq!(available(&harness).await, Fen::new(300));
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_grant_is_made_once_and_may_open_an_account_or_overdraw_it_by_an_operators_word() {
    on_both(|harness| async move {
        let first = grant(&harness, "u_1", 500, "g1").await;
        assert_eq!((first.balance, first.changed), (Fen::new(500), true));
        assert!(!grant(&harness, "u_1", 500, "g1").await.changed);
        let user = User::new("u_1", "").unwrap();
        let mut request = GrantRequest::new(user, -600, reference("g2"), reason()).unwrap();
        let low =
            recharge::spend::GrantRefusal::BalanceLow { available: Fen::new(500), taken: Fen::new(600) };
        assert_eq!(refused(harness.cashier.grant(request.clone(), by()).await), low);
        request.even_if_balance_low = true;
        assert_eq!(harness.cashier.grant(request, by()).await.unwrap().balance, Fen::new(-100));
        let audited =
            "SELECT COUNT(*) FROM audit WHERE action = 'grant' AND operator = 'lin' AND subject = 'u_1'";
        assert_eq!(harness.count(audited).await, 2);
        assert_eq!(harness.cashier.find_grant(&first.grant.id).await.unwrap(), Some(first.grant));
        harness.check().await;
    })
    .await;
}
