//! Exceptions that a person settles: once, by one of the ways that fit.

use cashier::ResolveError;
use recharge::audit::Actor;
use recharge::exception::resolution::{ResolutionKind, ResolutionRefusal};
use recharge::refund::ActingOperator;
use recharge::{Decision, Exception, ExceptionId, ExceptionKind, LatePayment, RefundState, User};
use sandbox::{Faults, NotifyFaults, Pay, RefundFaults, RefundStatus};
use tokio::task::JoinSet;
use wxpay::{Fen, Merchant};

use super::common::{Desk, by, on_both, on_both_as, payment, settings, wish};
use super::{credit, dismiss, drive, give_back, only_open, paid_twice, settle, take_back, wrong_amount};

#[tokio::test]
async fn a_second_payment_can_be_credited_once_as_a_line_of_its_own() {
    on_both(|desk| async move {
        let (order, exception) = paid_twice(&desk).await;
        let ways = desk.cashier.open_resolutions(&exception).await.unwrap();
        assert_eq!(ways, [ResolutionKind::Credit, ResolutionKind::Refund, ResolutionKind::Dismiss]);
        let mut presses = JoinSet::new();
        for n in 0..10 {
            let (cashier, id) = (desk.cashier.clone(), exception.id());
            let by = ActingOperator { operator: format!("op{n}"), ..by() };
            presses.spawn(async move { cashier.resolve_exception(&id, credit(), None, by).await });
        }
        let answers = presses.join_all().await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        let settled = desk.cashier.exception(&exception.id()).await.unwrap().unwrap().resolution.unwrap();
        for refusal in answers.into_iter().filter_map(Result::err) {
            let ResolveError::Refused(ResolutionRefusal::AlreadyResolved(by)) = refusal else {
                panic!("{refusal:?}");
            };
            assert_eq!(by, settled);
        }
        assert_eq!(desk.balance().await, 2000);
        assert_eq!(desk.count("SELECT COUNT(*) FROM ledger WHERE entry LIKE 'credit %' AND amount = 1000 AND reason = '看过凭据' AND author LIKE 'op%'").await, 1);
        assert_eq!(desk.count("SELECT COUNT(*) FROM audit WHERE action = 'settle_exception'").await, 1);
        assert!(desk.line(&order).await.contains(&"settled"));
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_payment_that_was_credited_from_one_exception_is_not_given_back_from_another() {
    on_both(|desk| async move {
        let (order, _) = desk.paid_without_notice("u_1", 1000).await;
        let code = order.code_url().unwrap().as_str();
        desk.sandbox.pay(code, Pay { again: true, ..Pay::default() }).await.unwrap();
        desk.deliver().await;
        let body = desk.sandbox.notices().last().unwrap().body.clone();
        // The next notices of both payments state another amount.
        let wrong = NotifyFaults { total_fee: Some(999), ..NotifyFaults::default() };
        desk.sandbox.set_faults(Faults { notify: wrong, ..Faults::default() });
        desk.advance(60_000);
        desk.deliver().await;
        desk.cashier.query(&order.out_trade_no, "lin").await.unwrap();
        let first = only_open(&desk).await;
        assert_eq!(first.kind, ExceptionKind::AmountMismatch);
        settle(&desk, &first.id(), credit()).await.unwrap();
        assert_eq!(desk.balance().await, 1999);
        // The right one makes it a second payment.
        desk.cashier.credit_payment(payment(&body, &desk.merchant), "203.0.113.41").await.unwrap();
        let second = only_open(&desk).await;
        assert_eq!((second.kind, &second.transaction_id), (ExceptionKind::Duplicate, &first.transaction_id));
        assert_eq!(desk.cashier.open_resolutions(&second).await.unwrap(), [ResolutionKind::Dismiss]);
        for decision in [credit(), give_back(&desk)] {
            assert_eq!(settle(&desk, &second.id(), decision).await, Err(ResolutionRefusal::AlreadyCredited));
        }
        let offer = desk.cashier.refund_offer_by_hand(&exception(&desk, &first.id()).await).await.unwrap();
        assert_eq!(offer.map(|offer| offer.payment.left()), Some(Fen::new(999)));
        desk.check().await;
    })
    .await;
}

async fn exception(desk: &Desk, id: &ExceptionId) -> Exception {
    desk.cashier.exception(id).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_second_payment_goes_back_by_its_own_transaction_and_its_order_stays_as_it_is() {
    on_both(|desk| async move {
        let (order, exception) = paid_twice(&desk).await;
        let (settled, refund) =
            desk.cashier.resolve_exception(&exception.id(), give_back(&desk), None, by()).await.unwrap();
        let refund = refund.unwrap();
        assert_eq!(settled.resolution.unwrap().how, ResolutionKind::Refund);
        assert_eq!(Some(&refund.transaction_id), exception.transaction_id.as_ref());
        assert_eq!((refund.amount, refund.taken), (Fen::new(1000), Fen::ZERO));
        drive(&desk, 0).await;
        drive(&desk, 10_000).await;
        let refunds = desk.cashier.refunds(&order.out_trade_no).await.unwrap();
        assert_eq!(refunds[0].state, RefundState::Succeeded);
        assert_eq!(desk.balance().await, 1000);
        // What the order itself brought can still be refunded in full.
        let offer = desk.cashier.refund_offer(&order.out_trade_no).await.unwrap().unwrap();
        assert_eq!(offer.payment.left(), Fen::new(1000));
        // And WeChat's REFUND is explained.
        desk.cashier.query(&order.out_trade_no, "lin").await.unwrap();
        assert_eq!(desk.cashier.open_exceptions(10).await.unwrap(), []);
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn an_exception_is_open_again_when_its_refund_ends_without_money() {
    on_both(|desk| async move {
        let (order, exception) = paid_twice(&desk).await;
        let refund = RefundFaults { result: RefundStatus::Closed, ..RefundFaults::default() };
        desk.sandbox.set_faults(Faults { refund, ..Faults::default() });
        settle(&desk, &exception.id(), give_back(&desk)).await.unwrap();
        let busy = settle(&desk, &exception.id(), credit()).await.unwrap_err();
        assert!(matches!(busy, ResolutionRefusal::AlreadyResolved(_)), "{busy:?}");
        drive(&desk, 0).await;
        drive(&desk, 10_000).await;
        assert_eq!(only_open(&desk).await.id(), exception.id());
        assert!(desk.line(&order).await.contains(&"reopened"));
        settle(&desk, &exception.id(), credit()).await.unwrap();
        assert_eq!(desk.balance().await, 2000);
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_wrong_amount_is_credited_as_wechat_states_it_and_never_again_by_a_later_proof() {
    on_both(|desk| async move {
        let (order, exception) = wrong_amount(&desk).await;
        settle(&desk, &exception.id(), credit()).await.unwrap();
        assert_eq!(desk.balance().await, 999);
        assert_eq!(desk.state(&order).await, "closed");
        // The same payment, now with the amount of the order: it is the same money.
        desk.cashier.query(&order.out_trade_no, "lin").await.unwrap();
        desk.sandbox.set_faults(Faults::default());
        desk.deliver().await;
        assert_eq!(desk.balance().await, 999);
        assert_eq!(desk.cashier.open_exceptions(10).await.unwrap(), []);
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn money_without_an_order_is_credited_to_the_user_whom_the_operator_names() {
    on_both(|desk| async move {
        let order = desk.place(1000).await;
        desk.pay(&order).await;
        desk.execute("DELETE FROM orders").await;
        desk.deliver().await;
        let id = only_open(&desk).await.id();
        assert_eq!(settle(&desk, &id, credit()).await, Err(ResolutionRefusal::UserNeeded));
        let user = Some(User::new("u_1", "小林").unwrap());
        settle(&desk, &id, Decision::Credit { user, new_account: true, reason: "用户来电".to_owned() })
            .await
            .unwrap();
        assert_eq!(desk.balance().await, 1000);
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn money_without_an_order_goes_back_whole_and_only_once() {
    on_both(|desk| async move {
        let order = desk.place(1000).await;
        desk.pay(&order).await;
        desk.execute("DELETE FROM orders").await;
        desk.deliver().await;
        let id = only_open(&desk).await.id();
        let cashiers = [desk.cashier.clone(), desk.second("b").await];
        let mut presses = JoinSet::new();
        for n in 0..10 {
            let (cashier, id, way) = (cashiers[n % 2].clone(), id.clone(), give_back(&desk));
            presses.spawn(async move { cashier.resolve_exception(&id, way, None, by()).await.is_ok() });
        }
        assert_eq!(presses.join_all().await.into_iter().filter(|done| *done).count(), 1);
        drive(&desk, 0).await;
        drive(&desk, 10_000).await;
        let refunds = desk.cashier.refunds(&order.out_trade_no).await.unwrap();
        assert_eq!((refunds.len(), refunds[0].state), (1, RefundState::Succeeded));
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_settled_so_is_refused_with_the_reason() {
    on_both(|desk| async move {
        let (_, exception) = paid_twice(&desk).await;
        let id = exception.id();
        let empty = Decision::Dismiss { reason: String::new() };
        assert_eq!(settle(&desk, &id, empty).await, Err(ResolutionRefusal::Reason));
        let not_so = settle(&desk, &id, take_back(true)).await;
        assert_eq!(not_so, Err(ResolutionRefusal::NotThisWay("taken_back")));
        let unknown = ExceptionId { kind: ExceptionKind::Late, ..id.clone() };
        assert_eq!(settle(&desk, &unknown, dismiss()).await, Err(ResolutionRefusal::NotFound));
        desk.execute("UPDATE exceptions SET fee_type = 'USD'").await;
        let dollars = ResolutionRefusal::Currency("USD".to_owned());
        assert_eq!(settle(&desk, &id, credit()).await, Err(dollars.clone()));
        assert_eq!(settle(&desk, &id, give_back(&desk)).await, Err(dollars));
        assert_eq!(
            desk.cashier.open_resolutions(&only_open(&desk).await).await.unwrap(),
            [ResolutionKind::Dismiss]
        );
        assert_eq!((desk.balance().await, desk.count("SELECT COUNT(*) FROM audit").await), (1000, 0));

        settle(&desk, &id, dismiss()).await.unwrap();
        let again = settle(&desk, &id, dismiss()).await.unwrap_err();
        assert!(again.to_string().starts_with("lin has settled it"), "{again}");
        assert_eq!(desk.cashier.open_exceptions(10).await.unwrap(), []);
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_late_payment_whose_refund_fails_can_still_be_credited_once() {
    let settings = cashier::Settings { late_payment: LatePayment::Refund, ..settings() };
    on_both_as(settings, Merchant::sandbox(), |desk| async move {
        let refund = RefundFaults { result: RefundStatus::Closed, ..RefundFaults::default() };
        desk.sandbox.set_faults(Faults { refund, ..Faults::default() });
        let order = desk.place(1000).await;
        desk.advance(604_000);
        desk.cashier.query_due(20).await.unwrap();
        let code = order.code_url().unwrap().as_str();
        desk.sandbox.pay(code, Pay { force: true, ..Pay::default() }).await.unwrap();
        desk.deliver().await;
        let late = desk.cashier.exceptions(&order.out_trade_no).await.unwrap().remove(0);
        assert_eq!((late.kind, &late.resolution.as_ref().unwrap().by), (ExceptionKind::Late, &Actor::Rule));
        let busy = settle(&desk, &late.id(), credit()).await.unwrap_err();
        assert!(matches!(busy, ResolutionRefusal::AlreadyResolved(_)), "{busy:?}");
        drive(&desk, 0).await;
        drive(&desk, 10_000).await;
        assert_eq!(only_open(&desk).await.id(), late.id());
        settle(&desk, &late.id(), credit()).await.unwrap();
        assert_eq!(desk.balance().await, 1000);
        assert_eq!(desk.count("SELECT COUNT(*) FROM ledger WHERE entry = 'credit'").await, 1);
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn two_instances_that_settle_the_same_exception_at_once_settle_it_once() {
    on_both(|desk| async move {
        let other = desk.second("b").await;
        for n in 0..10 {
            let order = desk.cashier.place(wish(&format!("u_{n}"), 1000)).await.unwrap();
            desk.pay_and_notify(&order).await;
            let again = Pay { again: true, ..Pay::default() };
            desk.sandbox.pay(order.code_url().unwrap().as_str(), again).await.unwrap();
            desk.deliver().await;
            let id = only_open(&desk).await.id();
            let (one, two) = tokio::join!(
                desk.cashier.resolve_exception(&id, dismiss(), None, by()),
                other.resolve_exception(&id, dismiss(), None, by())
            );
            assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
            let refused = one.and(two).unwrap_err();
            let already = matches!(&refused, ResolveError::Refused(ResolutionRefusal::AlreadyResolved(_)));
            assert!(already, "{refused:?}");
        }
        assert_eq!(desk.count("SELECT COUNT(*) FROM audit").await, 10);
    })
    .await;
}
