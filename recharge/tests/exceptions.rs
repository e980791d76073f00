//! Exceptions that a person settles, refunds that were made outside, and the rule that gives late payments back.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod common;

use common::{Desk, by, on_both, on_both_as, settings};
use recharge::cashier::{RefundNoticeAnswer, SettleError};
use recharge::refund::{By, RefundRefusal, RefundWish};
use recharge::settlement::{SettleRefusal, Way};
use recharge::{Exception, ExceptionKind, LatePayment, Order, RefundState, Settlement, User};
use sandbox::{Faults, NotifyFaults, Pay, RefundFaults, RefundResult};
use tokio::task::JoinSet;
use wxpay::v2::{RefundNotice, RefundStatus};
use wxpay::{Fen, Merchant, OutRefundNo, OutTradeNo, RefundId, TransactionId};

fn credit() -> Settlement {
    Settlement::Credit { user: None, reason: "看过凭据".to_owned() }
}

fn give_back(desk: &Desk) -> Settlement {
    let out_refund_no = desk.cashier.new_out_refund_no().unwrap();
    Settlement::Refund { out_refund_no, reason: "重复付款退回".to_owned() }
}

fn take_back(even_if_balance_low: bool) -> Settlement {
    Settlement::TakeBack { even_if_balance_low, reason: "已在微信退款".to_owned() }
}

fn dismiss() -> Settlement {
    Settlement::Dismiss { reason: "已电话确认".to_owned() }
}

async fn settle(desk: &Desk, id: &str, settlement: Settlement) -> Result<Exception, SettleRefusal> {
    match desk.cashier.settle_exception(id, settlement, by()).await {
        Ok((exception, _)) => Ok(exception),
        Err(SettleError::Refused(refusal)) => Err(refusal),
        Err(other) => panic!("{other:?}"),
    }
}

async fn only_open(desk: &Desk) -> Exception {
    let mut open = desk.cashier.open_exceptions(10).await.unwrap();
    assert_eq!(open.len(), 1, "{open:?}");
    open.remove(0)
}

async fn drive(desk: &Desk, ms: i64) {
    desk.advance(ms);
    while desk.cashier.drive_refunds(20).await.unwrap() > 0 {}
}

/// A paid order whose payer paid a second time.
async fn paid_twice(desk: &Desk) -> (Order, Exception) {
    let order = desk.place(1000).await;
    desk.pay_and_notify(&order).await;
    let code = order.code().unwrap().url.as_str();
    desk.sandbox.pay(code, Pay { again: true, ..Pay::default() }).await.unwrap();
    desk.deliver().await;
    let exception = only_open(desk).await;
    assert_eq!(exception.kind, ExceptionKind::Duplicate);
    (order, exception)
}

#[tokio::test]
async fn a_second_payment_can_be_credited_once_as_a_line_of_its_own() {
    on_both(|desk| async move {
        let (order, exception) = paid_twice(&desk).await;
        let ways = desk.cashier.ways(&exception).await.unwrap();
        assert_eq!(ways, [Way::Credit, Way::Refund, Way::Dismiss]);
        let mut presses = JoinSet::new();
        for n in 0..10 {
            let (cashier, id) = (desk.cashier.clone(), exception.id());
            let by = By { operator: format!("op{n}"), ..by() };
            presses.spawn(async move { cashier.settle_exception(&id, credit(), by).await });
        }
        let answers = presses.join_all().await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        let settled = desk.cashier.exception(&exception.id()).await.unwrap().unwrap().settled.unwrap();
        for refusal in answers.into_iter().filter_map(Result::err) {
            let SettleError::Refused(SettleRefusal::AlreadySettled(by)) = refusal else {
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
async fn a_second_payment_goes_back_by_its_own_transaction_and_its_order_stays_as_it_is() {
    on_both(|desk| async move {
        let (order, exception) = paid_twice(&desk).await;
        let (settled, refund) =
            desk.cashier.settle_exception(&exception.id(), give_back(&desk), by()).await.unwrap();
        let refund = refund.unwrap();
        assert_eq!(settled.settled.unwrap().how, "refund");
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
        desk.cashier.ask(&order.out_trade_no, "lin").await.unwrap();
        assert_eq!(desk.cashier.open_exceptions(10).await.unwrap(), []);
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn an_exception_is_open_again_when_its_refund_ends_without_money() {
    on_both(|desk| async move {
        let (order, exception) = paid_twice(&desk).await;
        let refund = RefundFaults { result: RefundResult::Closed, ..RefundFaults::default() };
        desk.sandbox.set_faults(Faults { refund, ..Faults::default() });
        settle(&desk, &exception.id(), give_back(&desk)).await.unwrap();
        let busy = settle(&desk, &exception.id(), credit()).await.unwrap_err();
        assert!(matches!(busy, SettleRefusal::AlreadySettled(_)), "{busy:?}");
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
        let wrong = NotifyFaults { total_fee: Some(999), ..NotifyFaults::default() };
        desk.sandbox.set_faults(Faults { notify: wrong, ..Faults::default() });
        let order = desk.place(1000).await;
        desk.pay_and_notify(&order).await;
        let exception = only_open(&desk).await;
        settle(&desk, &exception.id(), credit()).await.unwrap();
        assert_eq!(desk.balance().await, 999);
        assert_eq!(desk.state(&order).await, "closed");
        // The same payment, now with the amount of the order: it is the same money.
        desk.cashier.ask(&order.out_trade_no, "lin").await.unwrap();
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
        assert_eq!(settle(&desk, &id, credit()).await, Err(SettleRefusal::UserNeeded));
        let user = Some(User::new("u_1", "小林").unwrap());
        settle(&desk, &id, Settlement::Credit { user, reason: "用户来电".to_owned() }).await.unwrap();
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
            presses.spawn(async move { cashier.settle_exception(&id, way, by()).await.is_ok() });
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
        let empty = Settlement::Dismiss { reason: String::new() };
        assert_eq!(settle(&desk, &id, empty).await, Err(SettleRefusal::Reason));
        let not_so = settle(&desk, &id, take_back(true)).await;
        assert_eq!(not_so, Err(SettleRefusal::NotThisWay("taken_back")));
        assert_eq!(settle(&desk, "late:x:y", dismiss()).await, Err(SettleRefusal::NotFound));
        desk.execute("UPDATE exceptions SET fee_type = 'USD'").await;
        let dollars = SettleRefusal::Currency("USD".to_owned());
        assert_eq!(settle(&desk, &id, credit()).await, Err(dollars.clone()));
        assert_eq!(settle(&desk, &id, give_back(&desk)).await, Err(dollars));
        assert_eq!(desk.cashier.ways(&only_open(&desk).await).await.unwrap(), [Way::Dismiss]);
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
    let settings = recharge::Settings { late_payment: LatePayment::Refund, ..settings() };
    on_both_as(settings, Merchant::sandbox(), |desk| async move {
        let refund = RefundFaults { result: RefundResult::Closed, ..RefundFaults::default() };
        desk.sandbox.set_faults(Faults { refund, ..Faults::default() });
        let order = desk.place(1000).await;
        desk.advance(604_000);
        desk.cashier.ask_due(20).await.unwrap();
        let code = order.code().unwrap().url.as_str();
        desk.sandbox.pay(code, Pay { force: true, ..Pay::default() }).await.unwrap();
        desk.deliver().await;
        let late = desk.cashier.exceptions(&order.out_trade_no).await.unwrap().remove(0);
        assert_eq!((late.kind, late.settled.as_ref().unwrap().by.as_str()), (ExceptionKind::Late, "rule"));
        let busy = settle(&desk, &late.id(), credit()).await.unwrap_err();
        assert!(matches!(busy, SettleRefusal::AlreadySettled(_)), "{busy:?}");
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
async fn a_refund_made_at_wechat_is_kept_counted_and_taken_back_only_by_a_person() {
    on_both(|desk| async move {
        let order =
            desk.cashier.place(recharge::cashier::Wish { bonus: Fen::new(100), ..common::wish("u_1", 1000) });
        let order = order.await.unwrap();
        desk.pay_and_notify(&order).await;
        desk.refund_outside(&order, "DESK1", 400).await;
        // Its notice comes, and comes again.
        desk.advance(3_000);
        desk.deliver().await;
        let exception = only_open(&desk).await;
        assert_eq!(exception.kind, ExceptionKind::RefundedOutside);
        assert_eq!(desk.balance().await, 1100);
        assert_eq!(desk.cashier.ways(&exception).await.unwrap(), [Way::TakeBack, Way::Dismiss]);
        // It counts: 600 are left.
        let wish = RefundWish {
            out_trade_no: order.out_trade_no.clone(),
            out_refund_no: desk.cashier.new_out_refund_no().unwrap(),
            amount: Fen::new(601),
            reason: "退款".to_owned(),
            even_if_balance_low: false,
        };
        let over = desk.cashier.refund(wish.clone(), by()).await.unwrap_err();
        assert!(over.to_string().starts_with("6.00 yuan are left"), "{over}");
        settle(&desk, &exception.id(), take_back(false)).await.unwrap();
        assert_eq!(desk.balance().await, 1100 - 440);
        desk.cashier.refund(RefundWish { amount: Fen::new(600), ..wish }, by()).await.unwrap();
        assert_eq!(desk.balance().await, 0);
        drive(&desk, 60_000).await;
        drive(&desk, 40_000).await;
        let states: Vec<_> = desk.cashier.refunds(&order.out_trade_no).await.unwrap();
        assert!(states.iter().all(|refund| refund.state == RefundState::Succeeded), "{states:?}");
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_second_refund_outside_opens_the_exception_again() {
    on_both(|desk| async move {
        let order = desk.place(1000).await;
        desk.pay_and_notify(&order).await;
        desk.refund_outside(&order, "DESK1", 400).await;
        desk.cashier.ask(&order.out_trade_no, "lin").await.unwrap();
        let id = only_open(&desk).await.id();
        settle(&desk, &id, take_back(false)).await.unwrap();
        // Asking again brings nothing new.
        desk.cashier.ask(&order.out_trade_no, "lin").await.unwrap();
        assert_eq!(desk.cashier.open_exceptions(10).await.unwrap(), []);
        desk.refund_outside(&order, "DESK2", 600).await;
        desk.cashier.ask(&order.out_trade_no, "lin").await.unwrap();
        assert_eq!(only_open(&desk).await.id(), id);
        settle(&desk, &id, take_back(false)).await.unwrap();
        assert_eq!(desk.balance().await, 0);
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn taking_back_more_than_the_balance_holds_needs_the_operators_word() {
    on_both(|desk| async move {
        let order = desk.place(1000).await;
        desk.pay_and_notify(&order).await;
        desk.refund_outside(&order, "DESK1", 1000).await;
        desk.cashier.ask(&order.out_trade_no, "lin").await.unwrap();
        let id = only_open(&desk).await.id();
        desk.execute("INSERT INTO ledger SELECT out_trade_no, 'spent', 'u_1', -300, 0, 't', 't' FROM orders")
            .await;
        desk.execute("UPDATE accounts SET balance = balance - 300").await;
        let low = RefundRefusal::BalanceLow { balance: Fen::new(700), taken: Fen::new(1000) };
        assert_eq!(settle(&desk, &id, take_back(false)).await, Err(low.into()));
        assert_eq!(desk.balance().await, 700);
        settle(&desk, &id, take_back(true)).await.unwrap();
        assert_eq!(desk.balance().await, -300);
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn an_order_refunded_outside_before_we_knew_of_its_payment_is_never_credited() {
    on_both(|desk| async move {
        let (order, body) = desk.paid_without_notice("u_1", 1000).await;
        desk.refund_outside(&order, "DESK1", 1000).await;
        assert_eq!(desk.cashier.ask(&order.out_trade_no, "lin").await.unwrap(), "REFUND");
        assert_eq!(only_open(&desk).await.kind, ExceptionKind::RefundedOutside);
        desk.cashier.settle(common::payment(&body, &desk.merchant), "203.0.113.41").await.unwrap();
        assert_eq!((desk.balance().await, desk.state(&order).await), (0, "closed"));
        let id = only_open(&desk).await.id();
        assert_eq!(settle(&desk, &id, take_back(true)).await, Err(SettleRefusal::NothingToTakeBack));
        settle(&desk, &id, dismiss()).await.unwrap();
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_refund_notice_that_wechat_does_not_confirm_books_nothing_and_is_asked_for_again() {
    on_both(|desk| async move {
        let order = desk.place(1000).await;
        desk.pay_and_notify(&order).await;
        let transaction_id =
            desk.sandbox.order(order.out_trade_no.as_str()).unwrap().payments[0].transaction_id.clone();
        let invented = |number: &OutTradeNo| RefundNotice {
            out_refund_no: OutRefundNo::parse("NOBODY").unwrap(),
            refund_id: RefundId::parse("5030").unwrap(),
            out_trade_no: number.clone(),
            transaction_id: TransactionId::parse(&*transaction_id).unwrap(),
            total_fee: Fen::new(1000),
            // More than was ever paid.
            refund_fee: Fen::new(5000),
            status: RefundStatus::Success,
            success_time: None,
            recv_account: None,
            source: None,
            evidence: wxpay::v2::Fields::new(),
        };
        for number in [order.out_trade_no.clone(), OutTradeNo::parse("SM00000000").unwrap()] {
            let answer = desk.cashier.take_refund_notice(invented(&number), "203.0.113.41").await.unwrap();
            assert_eq!(answer, RefundNoticeAnswer::Fail);
        }
        assert_eq!(desk.balance().await, 1000);
        assert_eq!(desk.cashier.open_exceptions(10).await.unwrap(), []);
        assert_eq!(desk.count("SELECT COUNT(*) FROM refunds").await, 0);
        desk.check().await;
    })
    .await;
}
