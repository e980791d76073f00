//! The cashier with a real database and the sandbox: one payment, repeats, races, lost notices, unclear answers.

mod common;

use std::time::Duration;

use common::{on_both, settings, wish};
use recharge::cashier::{AskError, CloseError, NoticeAnswer, PlaceError};
use recharge::{ExceptionKind, LatePayment, OrderState};
use sandbox::{AnswerFault, Faults, NotifyFaults, Pay};
use tokio::task::JoinSet;
use wxpay::v2::notify::{self, Notice};

fn answer(answer: AnswerFault) -> Faults {
    Faults { answer, ..Faults::default() }
}

fn notices(notify: NotifyFaults) -> Faults {
    Faults { notify, ..Faults::default() }
}

#[tokio::test]
async fn a_payment_raises_the_balance_once_and_stands_on_the_time_line() {
    on_both(|desk| async move {
        let order = desk.place(1000).await;
        assert!(order.code().unwrap().url.as_str().starts_with("weixin://wxpay/bizpayurl?pr="));
        desk.pay_and_notify(&order).await;
        assert_eq!(desk.state(&order).await, "paid");
        assert_eq!(desk.balance().await, 1000);
        assert_eq!(desk.line(&order).await, ["created", "prepaid", "notice", "credited"]);
        assert_eq!(desk.last_answer(), notify::success());
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_notice_repeated_a_thousand_times_at_once_credits_once_and_is_always_answered_success() {
    on_both(|desk| async move {
        desk.sandbox.set_faults(notices(NotifyFaults { lose: true, ..NotifyFaults::default() }));
        let order = desk.place(1000).await;
        desk.pay_and_notify(&order).await;
        let body = desk.sandbox.notices().last().unwrap().body.clone();
        let mut all = JoinSet::new();
        for _ in 0..1000 {
            let (cashier, merchant, body) = (desk.cashier.clone(), desk.merchant.clone(), body.clone());
            all.spawn(async move {
                let Ok(Notice::Paid(payment)) = notify::read(body.as_bytes(), &merchant) else {
                    panic!("the notice verifies");
                };
                cashier.settle(payment, "203.0.113.41").await
            });
        }
        let answers = all.join_all().await;
        let successes = answers.iter().filter(|a| matches!(a, Ok(NoticeAnswer::Success(_)))).count();
        assert_eq!(successes, 1000);
        assert_eq!(desk.balance().await, 1000);
        assert_eq!(desk.count("SELECT COUNT(*) FROM ledger").await, 1);
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn two_instances_that_get_the_same_notices_credit_each_order_once() {
    on_both(|desk| async move {
        desk.sandbox.set_faults(notices(NotifyFaults { lose: true, ..NotifyFaults::default() }));
        let mut bodies = Vec::new();
        for n in 0..20 {
            let order = desk.cashier.place(wish(&format!("u_{n}"), 1000)).await.unwrap();
            desk.pay_and_notify(&order).await;
            bodies.push(desk.sandbox.notices().last().unwrap().body.clone());
        }
        let cashiers = [desk.cashier.clone(), desk.second("b").await];
        let mut all = JoinSet::new();
        for round in 0..10 {
            for body in &bodies {
                let (cashier, merchant) = (cashiers[round % 2].clone(), desk.merchant.clone());
                let body = body.clone();
                all.spawn(async move {
                    let Ok(Notice::Paid(payment)) = notify::read(body.as_bytes(), &merchant) else {
                        panic!("the notice verifies");
                    };
                    cashier.settle(payment, "203.0.113.41").await
                });
            }
        }
        for answer in all.join_all().await {
            assert!(matches!(answer, Ok(NoticeAnswer::Success(_))), "{answer:?}");
        }
        assert_eq!(desk.count("SELECT COUNT(*) FROM ledger").await, 20);
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn fifty_presses_at_once_make_one_order_with_one_code() {
    on_both(|desk| async move {
        let mut presses = JoinSet::new();
        for _ in 0..50 {
            let cashier = desk.cashier.clone();
            presses.spawn(async move { cashier.place(wish("u_1", 3000)).await.unwrap() });
        }
        let orders = presses.join_all().await;
        let codes: std::collections::HashSet<_> =
            orders.iter().map(|o| (o.out_trade_no.clone(), o.code().unwrap().url.clone())).collect();
        assert_eq!(codes.len(), 1);
        assert_eq!(desk.count("SELECT COUNT(*) FROM orders").await, 1);
        desk.pay_and_notify(&orders[0]).await;
        assert_eq!(desk.balance().await, 3000);
    })
    .await;
}

#[tokio::test]
async fn a_lost_notice_is_made_up_for_by_a_query() {
    on_both(|desk| async move {
        desk.sandbox.set_faults(notices(NotifyFaults { lose: true, ..NotifyFaults::default() }));
        let order = desk.place(1000).await;
        desk.pay_and_notify(&order).await;
        assert_eq!(desk.state(&order).await, "pending");
        // Nobody looks: asked within 50 s of ordering.
        desk.advance(50_000);
        assert_eq!(desk.cashier.ask_due(20).await.unwrap(), 1);
        assert_eq!(desk.state(&order).await, "paid");
        assert_eq!(desk.balance().await, 1000);
        assert_eq!(desk.line(&order).await, ["created", "prepaid", "queried", "credited"]);
        assert_eq!(desk.cashier.ask_due(20).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_watched_order_is_asked_about_every_seven_seconds() {
    on_both(|desk| async move {
        desk.sandbox.set_faults(notices(NotifyFaults { lose: true, ..NotifyFaults::default() }));
        let order = desk.place(1000).await;
        desk.cashier.status(&order.out_trade_no).await.unwrap().unwrap();
        assert_eq!(desk.cashier.ask_due(20).await.unwrap(), 0);
        desk.advance(7_000);
        assert_eq!(desk.cashier.ask_due(20).await.unwrap(), 1);
        assert_eq!(desk.cashier.ask_due(20).await.unwrap(), 0);
        desk.pay(&order).await;
        desk.advance(7_000);
        assert_eq!(desk.cashier.ask_due(20).await.unwrap(), 1);
        let seen = desk.cashier.status(&order.out_trade_no).await.unwrap().unwrap();
        assert_eq!(seen.state.name(), "paid");
    })
    .await;
}

#[tokio::test]
async fn a_query_and_a_notice_at_the_same_time_credit_once() {
    on_both(|desk| async move {
        let order = desk.place(1000).await;
        desk.pay(&order).await;
        let (asked, ()) = tokio::join!(desk.cashier.ask(&order.out_trade_no, "chen"), desk.deliver());
        assert_eq!(asked.unwrap(), "SUCCESS");
        assert_eq!(desk.balance().await, 1000);
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn an_unpaid_order_is_closed_after_its_expiry_and_a_later_payment_is_credited_as_late() {
    on_both(|desk| async move {
        let order = desk.place(1000).await;
        desk.advance(604_000);
        desk.cashier.ask_due(20).await.unwrap();
        assert_eq!(desk.state(&order).await, "closed");
        let url = order.code().unwrap().url.as_str();
        desk.sandbox.pay(url, Pay { force: true, ..Pay::default() }).await.unwrap();
        desk.deliver().await;
        let order = desk.order(&order).await;
        let OrderState::Paid(paid) = &order.state else { panic!("{:?}", order.state) };
        assert!(paid.late && paid.closed_at.is_some() && paid.credited_at.is_some());
        assert_eq!(desk.balance().await, 1000);
        let exceptions = desk.cashier.exceptions(&order.out_trade_no).await.unwrap();
        assert_eq!(exceptions[0].kind, ExceptionKind::Late);
        assert_eq!(exceptions[0].settled.as_ref().unwrap().by, "rule");
        assert!(desk.cashier.open_exceptions(10).await.unwrap().is_empty());
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_late_payment_under_the_refund_rule_is_kept_open_and_not_credited() {
    for url in [None, Some(())] {
        let folder = tempfile::tempdir().unwrap();
        let url = match url {
            None => format!("sqlite://{}/saoma.db", folder.path().display()),
            Some(()) => common::fresh_postgres().await,
        };
        let settings = recharge::Settings { late_payment: LatePayment::Refund, ..settings() };
        let desk = common::Desk::open(&url, settings).await;
        let order = desk.place(1000).await;
        desk.advance(604_000);
        desk.cashier.ask_due(20).await.unwrap();
        let code = order.code().unwrap().url.as_str();
        desk.sandbox.pay(code, Pay { force: true, ..Pay::default() }).await.unwrap();
        desk.deliver().await;
        assert_eq!(desk.state(&order).await, "paid");
        assert_eq!(desk.balance().await, 0);
        assert_eq!(desk.cashier.open_exceptions(10).await.unwrap().len(), 1);
        assert_eq!(desk.last_answer(), notify::success());
        desk.check().await;
    }
}

#[tokio::test]
async fn a_wrong_amount_is_not_credited_but_kept_with_both_figures() {
    on_both(|desk| async move {
        let wrong = NotifyFaults { total_fee: Some(999), ..NotifyFaults::default() };
        desk.sandbox.set_faults(notices(wrong));
        let order = desk.place(1000).await;
        desk.pay_and_notify(&order).await;
        assert_eq!(desk.state(&order).await, "pending");
        assert_eq!(desk.balance().await, 0);
        let open = desk.cashier.open_exceptions(10).await.unwrap();
        assert_eq!(open[0].kind, ExceptionKind::AmountMismatch);
        assert_eq!((open[0].total_fee.get(), open[0].expected_fee.unwrap().get()), (999, 1000));
        assert!(!open[0].evidence.contains("oUpF8") && open[0].evidence.contains("999"));
        assert_eq!(desk.last_answer(), notify::success());
    })
    .await;
}

#[tokio::test]
async fn a_second_payment_of_one_order_is_an_exception_and_answered_success() {
    on_both(|desk| async move {
        let order = desk.place(1000).await;
        desk.pay_and_notify(&order).await;
        let code = order.code().unwrap().url.as_str();
        desk.sandbox.pay(code, Pay { again: true, ..Pay::default() }).await.unwrap();
        desk.deliver().await;
        assert_eq!(desk.balance().await, 1000);
        let open = desk.cashier.open_exceptions(10).await.unwrap();
        assert_eq!(open.len(), 1);
        assert_eq!(open[0].kind, ExceptionKind::Duplicate);
        assert_eq!(desk.last_answer(), notify::success());
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn an_unknown_order_is_kept_and_answered_fail_for_an_hour_then_success() {
    on_both(|desk| async move {
        let order = desk.place(1000).await;
        desk.pay(&order).await;
        // The database of another installation, or a backup that is older than the order.
        sqlx::query("DELETE FROM orders").execute(desk.cashier.db().pool()).await.unwrap();
        desk.deliver().await;
        let fail = notify::fail("稍后再试");
        assert_eq!(desk.last_answer(), fail);
        desk.advance(3_599_000);
        desk.deliver().await;
        assert_eq!(desk.last_answer(), fail);
        desk.advance(1_800_000);
        desk.deliver().await;
        assert_eq!(desk.last_answer(), notify::success());
        let open = desk.cashier.open_exceptions(10).await.unwrap();
        assert_eq!(open.len(), 1);
        assert_eq!(open[0].kind, ExceptionKind::UnknownOrder);
        let number = order.out_trade_no.as_str();
        let transaction = open[0].transaction_id.clone().unwrap();
        for (search, found) in [("", 1), (&number[..10], 1), (transaction.as_str(), 1), ("x", 0)] {
            let alone = desk.cashier.exceptions_without_order(search, 10).await.unwrap();
            assert_eq!(alone.len(), found, "{search}");
        }
        assert_eq!(desk.count("SELECT COUNT(*) FROM ledger").await, 0);
    })
    .await;
}

#[tokio::test]
async fn an_unclear_answer_keeps_the_order_and_the_next_press_goes_on_with_it() {
    on_both(|desk| async move {
        for fault in
            [AnswerFault::Http500, AnswerFault::Garbage, AnswerFault::Unsigned, AnswerFault::SystemError]
        {
            desk.sandbox.set_faults(answer(fault));
            let error = desk.cashier.place(wish("u_1", 1000)).await.unwrap_err();
            assert!(matches!(error, PlaceError::TryAgain { .. }), "{fault:?}: {error:?}");
        }
        assert_eq!(desk.count("SELECT COUNT(*) FROM orders").await, 1);
        desk.sandbox.set_faults(Faults::default());
        let order = desk.place(1000).await;
        desk.pay_and_notify(&order).await;
        assert_eq!(desk.balance().await, 1000);
        assert_eq!(desk.count("SELECT COUNT(*) FROM orders").await, 1);
    })
    .await;
}

#[tokio::test]
async fn presses_while_wechat_does_not_answer_are_told_to_try_again_and_keep_one_order() {
    on_both(|desk| async move {
        for fault in [AnswerFault::Timeout, AnswerFault::TimeoutAfter] {
            desk.sandbox.set_faults(answer(fault));
            let (one, two) =
                tokio::join!(desk.cashier.place(wish("u_1", 1000)), desk.cashier.place(wish("u_1", 1000)));
            for press in [one, two] {
                assert!(matches!(press, Err(PlaceError::TryAgain { .. })), "{fault:?}: {press:?}");
            }
            // The right to ask may still be held by the press before.
            desk.advance(8_000);
        }
        desk.sandbox.set_faults(Faults::default());
        let order = desk.place(1000).await;
        desk.pay_and_notify(&order).await;
        assert_eq!(desk.balance().await, 1000);
        assert_eq!(desk.count("SELECT COUNT(*) FROM orders").await, 1);
    })
    .await;
}

#[tokio::test]
async fn an_order_that_wechat_never_got_is_closed_after_its_expiry() {
    on_both(|desk| async move {
        desk.sandbox.set_faults(answer(AnswerFault::SystemError));
        desk.cashier.place(wish("u_1", 1000)).await.unwrap_err();
        desk.sandbox.set_faults(Faults::default());
        desk.advance(60_000);
        desk.cashier.ask_due(20).await.unwrap();
        assert_eq!(desk.count("SELECT COUNT(*) FROM orders WHERE state = 'created'").await, 1);
        desk.advance(545_000);
        desk.cashier.ask_due(20).await.unwrap();
        assert_eq!(desk.count("SELECT COUNT(*) FROM orders WHERE state = 'closed'").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_new_code_comes_under_the_same_number_and_the_old_one_dies() {
    on_both(|desk| async move {
        let first = desk.place(1000).await;
        let second = desk.cashier.new_code(first.out_trade_no.clone(), 1).await.unwrap();
        assert_eq!(second.out_trade_no, first.out_trade_no);
        assert_eq!(second.code().unwrap().version, 2);
        let old = first.code().unwrap().url.as_str();
        assert!(desk.sandbox.pay(old, Pay::default()).await.is_err());
        // A second tab that still shows version 1 gets version 2, not a third one.
        let third = desk.cashier.new_code(first.out_trade_no.clone(), 1).await.unwrap();
        assert_eq!(third.code(), second.code());
        desk.pay_and_notify(&second).await;
        assert_eq!(desk.balance().await, 1000);
    })
    .await;
}

#[tokio::test]
async fn asking_for_a_new_code_finds_a_payment_whose_notice_is_lost() {
    on_both(|desk| async move {
        desk.sandbox.set_faults(notices(NotifyFaults { lose: true, ..NotifyFaults::default() }));
        let order = desk.place(1000).await;
        desk.pay(&order).await;
        let order = desk.cashier.new_code(order.out_trade_no.clone(), 1).await.unwrap();
        assert_eq!(order.state.name(), "paid");
        assert_eq!(desk.balance().await, 1000);
    })
    .await;
}

#[tokio::test]
async fn the_cap_on_open_orders_names_those_that_are_open() {
    on_both(|desk| async move {
        for fen in 1..=5 {
            desk.place(fen * 100).await;
        }
        let error = desk.cashier.place(wish("u_1", 9900)).await.unwrap_err();
        let PlaceError::TooManyOpen(open) = error else { panic!("{error:?}") };
        assert_eq!(open.len(), 5);
        // One of the five is still to be had, and another user is not concerned.
        desk.place(300).await;
        desk.cashier.place(wish("u_2", 9900)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_operator_closes_after_five_minutes_and_not_before() {
    on_both(|desk| async move {
        let order = desk.place(1000).await;
        let error = desk.cashier.close(&order.out_trade_no, "chen").await.unwrap_err();
        assert!(matches!(error, CloseError::TooEarly { wait_s: 301 }), "{error:?}");
        desk.advance(301_000);
        let order = desk.cashier.close(&order.out_trade_no, "chen").await.unwrap();
        assert_eq!(order.state.name(), "closed");
        let nobody = desk.place(1000).await;
        assert_ne!(nobody.out_trade_no, order.out_trade_no);
    })
    .await;
}

#[tokio::test]
async fn closing_a_paid_order_whose_notice_is_lost_settles_it() {
    on_both(|desk| async move {
        desk.sandbox.set_faults(notices(NotifyFaults { lose: true, ..NotifyFaults::default() }));
        let order = desk.place(1000).await;
        desk.pay(&order).await;
        desk.advance(301_000);
        let order = desk.cashier.close(&order.out_trade_no, "chen").await.unwrap();
        assert_eq!(order.state.name(), "paid");
        assert_eq!(desk.balance().await, 1000);
    })
    .await;
}

#[tokio::test]
async fn a_dropped_caller_does_not_undo_a_credit() {
    on_both(|desk| async move {
        let order = desk.place(1000).await;
        desk.pay_and_notify(&order).await;
        let placing = desk.cashier.place(wish("u_1", 2000));
        // Dropped long before WeChat has answered and the code is stored.
        let _ = tokio::time::timeout(Duration::from_micros(1), placing).await;
        let order = desk.place(2000).await;
        desk.pay_and_notify(&order).await;
        assert_eq!(desk.balance().await, 3000);
        desk.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_key_that_wechat_refuses_stops_new_orders_and_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/saoma.db", folder.path().display());
    let mut merchant = wxpay::Merchant::sandbox();
    merchant.key = wxpay::ApiKey::parse("0123456789abcdef0123456789abcdef").unwrap();
    let desk = common::Desk::open_as(&url, settings(), merchant).await;
    let error = desk.cashier.place(wish("u_1", 1000)).await.unwrap_err();
    assert!(matches!(error, PlaceError::Refused { .. }), "{error:?}");
    let error = desk.cashier.place(wish("u_2", 1000)).await.unwrap_err();
    let PlaceError::Stopped(stopped) = error else { panic!("{error:?}") };
    assert!(stopped.reason.contains("签名错误"), "{}", stopped.reason);
    desk.advance(30_000);
    let error = desk.cashier.place(wish("u_3", 1000)).await.unwrap_err();
    assert!(matches!(error, PlaceError::Refused { .. }), "{error:?}");
}

#[tokio::test]
async fn asking_about_an_order_that_is_not_there_says_so() {
    on_both(|desk| async move {
        let number = wxpay::OutTradeNo::parse("SM20260315100000NOBODYNOBODYNOBO").unwrap();
        let error = desk.cashier.ask(&number, "chen").await.unwrap_err();
        assert!(matches!(error, AskError::NotFound), "{error:?}");
        assert!(desk.cashier.status(&number).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_page_on_another_instance_hears_of_the_payment() {
    on_both(|desk| async move {
        let elsewhere = desk.second("b").await;
        let order = desk.place(1000).await;
        assert_eq!(elsewhere.status(&order.out_trade_no).await.unwrap().unwrap().state.name(), "pending");
        let changes = elsewhere.db().changes();
        assert_eq!(changes.is_some(), desk.url.starts_with("postgres"), "SQLite has one process");
        if let Some(mut changes) = changes {
            // Listening begins in the background: pay until it is heard of.
            let heard = loop {
                // No code is newer than this one, so each call brings a fresh one.
                desk.cashier.new_code(order.out_trade_no.clone(), i64::MAX).await.unwrap();
                let wait = tokio::time::timeout(Duration::from_millis(200), changes.recv());
                if let Ok(Some(number)) = wait.await {
                    break number;
                }
            };
            assert_eq!(heard, order.out_trade_no.as_str());
        }
        let order = desk.order(&order).await;
        desk.pay_and_notify(&order).await;
        elsewhere.changed_elsewhere(std::slice::from_ref(&order.out_trade_no)).await;
        assert_eq!(elsewhere.status(&order.out_trade_no).await.unwrap().unwrap().state.name(), "paid");
    })
    .await;
}

#[tokio::test]
async fn many_watched_orders_leave_room_for_the_others() {
    on_both(|desk| async move {
        desk.sandbox.set_faults(notices(NotifyFaults { lose: true, ..NotifyFaults::default() }));
        let unwatched = desk.place(1000).await;
        desk.pay(&unwatched).await;
        desk.advance(46_000);
        for n in 0..20 {
            let order = desk.cashier.place(wish(&format!("u_{n}"), 2000)).await.unwrap();
            desk.cashier.status(&order.out_trade_no).await.unwrap().unwrap();
        }
        desk.advance(8_000);
        let mut asked = 0;
        // Twenty watched ones and the one that is due, ten at a time.
        for _ in 0..3 {
            asked += desk.cashier.ask_due(10).await.unwrap();
        }
        assert_eq!(asked, 21);
        assert_eq!(desk.state(&unwatched).await, "paid");
        assert_eq!(desk.cashier.ask_due(10).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn an_order_placed_with_hmac_is_settled_by_query_after_a_switch_to_md5() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite://{}/saoma.db", folder.path().display());
    for url in [sqlite, common::fresh_postgres().await] {
        let mut merchant = wxpay::Merchant::sandbox();
        merchant.sign_type = wxpay::SignType::HmacSha256;
        let desk = common::Desk::open_as(&url, settings(), merchant).await;
        desk.sandbox.set_faults(notices(NotifyFaults { lose: true, ..NotifyFaults::default() }));
        let order = desk.place(1000).await;
        desk.pay(&order).await;
        let switched = desk.second_as("b", wxpay::Merchant::sandbox()).await;
        assert_eq!(switched.ask(&order.out_trade_no, "chen").await.unwrap(), "SUCCESS");
        assert_eq!(desk.state(&order).await, "paid");
        assert_eq!(desk.balance().await, 1000);
    }
}

#[tokio::test]
async fn an_exception_is_settled_when_its_payment_is_credited_after_all() {
    on_both(|desk| async move {
        let wrong = NotifyFaults { total_fee: Some(999), ..NotifyFaults::default() };
        desk.sandbox.set_faults(notices(wrong));
        let order = desk.place(1000).await;
        desk.pay_and_notify(&order).await;
        assert_eq!(desk.cashier.open_exceptions(10).await.unwrap().len(), 1);
        // A query brings the same payment with the right amount.
        desk.cashier.ask(&order.out_trade_no, "chen").await.unwrap();
        assert_eq!(desk.balance().await, 1000);
        assert_eq!(desk.cashier.open_exceptions(10).await.unwrap(), []);
        let kept = desk.cashier.exceptions(&order.out_trade_no).await.unwrap();
        assert_eq!(kept[0].settled.as_ref().unwrap().how, "credited");
    })
    .await;
}
