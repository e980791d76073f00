//! Exceptions that a person settles: once, by one of the ways that fit.

use cashier::ResolveError;
use recharge::audit::{Acting, Actor};
use recharge::exception::resolution::{ResolutionKind, ResolutionRefusal};
use recharge::{Decision, Exception, ExceptionId, ExceptionKind, LatePayment, RefundState, User};
use sandbox::{Faults, NotifyFaults, Pay, RefundFaults, RefundStatus};
use tokio::task::JoinSet;
use wxpay::{Fen, Merchant};

use super::{credit, dismiss, drive, give_back, only_open, paid_twice, settle, take_back, wrong_amount};
use crate::common::{Harness, by, on_both, on_both_as, payment, settings, wish};

#[tokio::test]
async fn a_second_payment_can_be_credited_once_as_a_line_of_its_own() {
    on_both(|harness| async move {
        let (order, exception) = paid_twice(&harness).await;
        let ways = harness.cashier.open_resolutions(&exception).await.unwrap();
        assert_eq!(ways, [ResolutionKind::Credit, ResolutionKind::Refund, ResolutionKind::Dismiss]);
        let mut presses = JoinSet::new();
        for n in 0..10 {
            let (cashier, id) = (harness.cashier.clone(), exception.id());
            let by = Acting { actor: Actor::Operator(format!("op{n}")), ..by() };
            presses.spawn(async move { cashier.resolve_exception(&id, credit(), None, by).await });
        }
        let answers = presses.join_all().await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        let settled = harness.cashier.exception(&exception.id()).await.unwrap().unwrap().resolution.unwrap();
        for refusal in answers.into_iter().filter_map(Result::err) {
            let ResolveError::Refused(ResolutionRefusal::AlreadyResolved(by)) = refusal else {
                panic!("{refusal:?}");
            };
            assert_eq!(by, settled);
        }
        assert_eq!(harness.balance().await, 2000);
        assert_eq!(harness.count("SELECT COUNT(*) FROM ledger WHERE entry LIKE 'credit %' AND amount = 1000 AND reason = '看过凭据' AND author LIKE 'op%'").await, 1);
        assert_eq!(harness.count("SELECT COUNT(*) FROM audit WHERE action = 'settle_exception'").await, 1);
        assert!(harness.line(&order).await.contains(&"settled"));
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_payment_that_was_credited_from_one_exception_is_not_given_back_from_another() {
    on_both(|harness| async move {
        let (order, _) = harness.paid_without_notice("u_1", 1000).await;
        let code = order.code_url().unwrap().as_str();
        harness.sandbox.pay(code, Pay { again: true, ..Pay::default() }).await.unwrap();
        harness.deliver().await;
        let body = harness.sandbox.notices().last().unwrap().body.clone();
        // The next notices of both payments state another amount.
        let wrong = NotifyFaults { total_fee: Some(999), ..NotifyFaults::default() };
        harness.sandbox.set_faults(Faults { notify: wrong, ..Faults::default() });
        harness.advance(60_000);
        harness.deliver().await;
        harness.cashier.query(&order.out_trade_no, "lin").await.unwrap();
        let first = only_open(&harness).await;
        assert_eq!(first.kind, ExceptionKind::AmountMismatch);
        settle(&harness, &first.id(), credit()).await.unwrap();
        assert_eq!(harness.balance().await, 1999);
        // The right one makes it a second payment.
        harness.cashier.credit_payment(payment(&body, &harness.merchant), "203.0.113.41").await.unwrap();
        let second = only_open(&harness).await;
        assert_eq!((second.kind, &second.transaction_id), (ExceptionKind::Duplicate, &first.transaction_id));
        assert_eq!(harness.cashier.open_resolutions(&second).await.unwrap(), [ResolutionKind::Dismiss]);
        for decision in [credit(), give_back(&harness)] {
            assert_eq!(
                settle(&harness, &second.id(), decision).await,
                Err(ResolutionRefusal::AlreadyCredited)
            );
        }
        let offer =
            harness.cashier.refund_offer_by_hand(&exception(&harness, &first.id()).await).await.unwrap();
        assert_eq!(offer.map(|offer| offer.payment.left()), Some(Fen::new(999)));
        harness.check().await;
    })
    .await;
}

async fn exception(harness: &Harness, id: &ExceptionId) -> Exception {
    harness.cashier.exception(id).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_second_payment_goes_back_by_its_own_transaction_and_its_order_stays_as_it_is() {
    on_both(|harness| async move {
        let (order, exception) = paid_twice(&harness).await;
        let (settled, refund) = harness
            .cashier
            .resolve_exception(&exception.id(), give_back(&harness), None, by())
            .await
            .unwrap();
        let refund = refund.unwrap();
        assert_eq!(settled.resolution.unwrap().how, ResolutionKind::Refund);
        assert_eq!(Some(&refund.transaction_id), exception.transaction_id.as_ref());
        assert_eq!((refund.amount, refund.taken), (Fen::new(1000), Fen::ZERO));
        drive(&harness, 0).await;
        drive(&harness, 10_000).await;
        let refunds = harness.cashier.refunds(&order.out_trade_no).await.unwrap();
        assert_eq!(refunds[0].state, RefundState::Succeeded);
        assert_eq!(harness.balance().await, 1000);
        // What the order itself brought can still be refunded in full.
        let offer = harness.cashier.refund_offer(&order.out_trade_no).await.unwrap().unwrap();
        assert_eq!(offer.payment.left(), Fen::new(1000));
        // And WeChat's REFUND is explained.
        harness.cashier.query(&order.out_trade_no, "lin").await.unwrap();
        assert_eq!(harness.cashier.open_exceptions(10).await.unwrap(), []);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn an_exception_is_open_again_when_its_refund_ends_without_money() {
    on_both(|harness| async move {
        let (order, exception) = paid_twice(&harness).await;
        let refund = RefundFaults { result: RefundStatus::Closed, ..RefundFaults::default() };
        harness.sandbox.set_faults(Faults { refund, ..Faults::default() });
        settle(&harness, &exception.id(), give_back(&harness)).await.unwrap();
        let busy = settle(&harness, &exception.id(), credit()).await.unwrap_err();
        assert!(matches!(busy, ResolutionRefusal::AlreadyResolved(_)), "{busy:?}");
        drive(&harness, 0).await;
        drive(&harness, 10_000).await;
        assert_eq!(only_open(&harness).await.id(), exception.id());
        assert!(harness.line(&order).await.contains(&"reopened"));
        settle(&harness, &exception.id(), credit()).await.unwrap();
        assert_eq!(harness.balance().await, 2000);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_wrong_amount_is_credited_as_wechat_states_it_and_never_again_by_a_later_proof() {
    on_both(|harness| async move {
        let (order, exception) = wrong_amount(&harness).await;
        settle(&harness, &exception.id(), credit()).await.unwrap();
        assert_eq!(harness.balance().await, 999);
        assert_eq!(harness.state(&order).await, "closed");
        // The same payment, now with the amount of the order: it is the same money.
        harness.cashier.query(&order.out_trade_no, "lin").await.unwrap();
        harness.sandbox.set_faults(Faults::default());
        harness.deliver().await;
        assert_eq!(harness.balance().await, 999);
        assert_eq!(harness.cashier.open_exceptions(10).await.unwrap(), []);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn money_without_an_order_is_credited_to_the_user_whom_the_operator_names() {
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        harness.pay(&order).await;
        harness.execute("DELETE FROM orders").await;
        harness.deliver().await;
        let id = only_open(&harness).await.id();
        assert_eq!(settle(&harness, &id, credit()).await, Err(ResolutionRefusal::UserNeeded));
        let user = Some(User::new("u_1", "小林").unwrap());
        settle(&harness, &id, Decision::Credit { user, new_account: true, reason: "用户来电".to_owned() })
            .await
            .unwrap();
        assert_eq!(harness.balance().await, 1000);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn money_without_an_order_goes_back_whole_and_only_once() {
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        harness.pay(&order).await;
        harness.execute("DELETE FROM orders").await;
        harness.deliver().await;
        let id = only_open(&harness).await.id();
        let cashiers = [harness.cashier.clone(), harness.second("b").await];
        let mut presses = JoinSet::new();
        for n in 0..10 {
            let (cashier, id, way) = (cashiers[n % 2].clone(), id.clone(), give_back(&harness));
            presses.spawn(async move { cashier.resolve_exception(&id, way, None, by()).await.is_ok() });
        }
        assert_eq!(presses.join_all().await.into_iter().filter(|done| *done).count(), 1);
        drive(&harness, 0).await;
        drive(&harness, 10_000).await;
        let refunds = harness.cashier.refunds(&order.out_trade_no).await.unwrap();
        assert_eq!((refunds.len(), refunds[0].state), (1, RefundState::Succeeded));
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_settled_so_is_refused_with_the_reason() {
    on_both(|harness| async move {
        let (_, exception) = paid_twice(&harness).await;
        let id = exception.id();
        let empty = Decision::Dismiss { reason: String::new() };
        assert_eq!(settle(&harness, &id, empty).await, Err(ResolutionRefusal::Reason));
        let not_so = settle(&harness, &id, take_back(true)).await;
        assert_eq!(not_so, Err(ResolutionRefusal::NotThisWay("taken_back")));
        let unknown = ExceptionId { kind: ExceptionKind::Late, ..id.clone() };
        assert_eq!(settle(&harness, &unknown, dismiss()).await, Err(ResolutionRefusal::NotFound));
        harness.execute("UPDATE exceptions SET fee_type = 'USD'").await;
        let dollars = ResolutionRefusal::Currency("USD".to_owned());
        assert_eq!(settle(&harness, &id, credit()).await, Err(dollars.clone()));
        assert_eq!(settle(&harness, &id, give_back(&harness)).await, Err(dollars));
        assert_eq!(
            harness.cashier.open_resolutions(&only_open(&harness).await).await.unwrap(),
            [ResolutionKind::Dismiss]
        );
        assert_eq!((harness.balance().await, harness.count("SELECT COUNT(*) FROM audit").await), (1000, 0));

        settle(&harness, &id, dismiss()).await.unwrap();
        let again = settle(&harness, &id, dismiss()).await.unwrap_err();
        assert!(again.to_string().starts_with("lin has settled it"), "{again}");
        assert_eq!(harness.cashier.open_exceptions(10).await.unwrap(), []);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_late_payment_whose_refund_fails_can_still_be_credited_once() {
    let settings = cashier::Settings { late_payment: LatePayment::Refund, ..settings() };
    on_both_as(settings, Merchant::sandbox(), |harness| async move {
        let refund = RefundFaults { result: RefundStatus::Closed, ..RefundFaults::default() };
        harness.sandbox.set_faults(Faults { refund, ..Faults::default() });
        let order = harness.place(1000).await;
        harness.advance(604_000);
        harness.cashier.query_due(20).await.unwrap();
        let code = order.code_url().unwrap().as_str();
        harness.sandbox.pay(code, Pay { force: true, ..Pay::default() }).await.unwrap();
        harness.deliver().await;
        let late = harness.cashier.exceptions(&order.out_trade_no).await.unwrap().remove(0);
        assert_eq!((late.kind, &late.resolution.as_ref().unwrap().by), (ExceptionKind::Late, &Actor::Rule));
        let busy = settle(&harness, &late.id(), credit()).await.unwrap_err();
        assert!(matches!(busy, ResolutionRefusal::AlreadyResolved(_)), "{busy:?}");
        drive(&harness, 0).await;
        drive(&harness, 10_000).await;
        assert_eq!(only_open(&harness).await.id(), late.id());
        settle(&harness, &late.id(), credit()).await.unwrap();
        assert_eq!(harness.balance().await, 1000);
        assert_eq!(harness.count("SELECT COUNT(*) FROM ledger WHERE entry = 'credit'").await, 1);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn two_instances_that_settle_the_same_exception_at_once_settle_it_once() {
    on_both(|harness| async move {
        let other = harness.second("b").await;
        for n in 0..10 {
            let order = harness.cashier.place(wish(&format!("u_{n}"), 1000)).await.unwrap();
            harness.pay_and_notify(&order).await;
            let again = Pay { again: true, ..Pay::default() };
            harness.sandbox.pay(order.code_url().unwrap().as_str(), again).await.unwrap();
            harness.deliver().await;
            let id = only_open(&harness).await.id();
            let (one, two) = tokio::join!(
                harness.cashier.resolve_exception(&id, dismiss(), None, by()),
                other.resolve_exception(&id, dismiss(), None, by())
            );
            assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
            let refused = one.and(two).unwrap_err();
            let already = matches!(&refused, ResolveError::Refused(ResolutionRefusal::AlreadyResolved(_)));
            assert!(already, "{refused:?}");
        }
        assert_eq!(harness.count("SELECT COUNT(*) FROM audit").await, 10);
    })
    .await;
}
