//! The circuit breaker during an outage of WeChat: new orders fail fast, one probe at a time goes through, queries wait,
//! and everything resumes without a person.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cashier::{CallKind, OpenBreaker, PlaceError, Settings};
use sandbox::{AnswerFault, Faults};
use tokio::task::JoinSet;
use wxpay::{Merchant, Protocol};

use crate::common::{Harness, on_both, on_both_as, settings, wish};

const ORDER: &str = "/pay/unifiedorder";
const QUERY: &str = "/pay/orderquery";

fn answers(answer: AnswerFault) -> Faults {
    Faults { answer, ..Faults::default() }
}

fn refuses(call: &str, err_code: &str) -> Faults {
    Faults { refuse: BTreeMap::from([(call.to_owned(), err_code.to_owned())]), ..Faults::default() }
}

/// Five failures in a row, from five payers.
async fn fall_ill(harness: &Harness, faults: Faults) {
    harness.sandbox.set_faults(faults);
    for n in 0..5 {
        let error = harness.cashier.place(wish(&format!("early_{n}"), 1000)).await.unwrap_err();
        assert!(matches!(error, PlaceError::TryAgain { .. }), "{error:?}");
    }
    assert_eq!(harness.calls.taken(ORDER), 5);
}

async fn presses(harness: &Harness, many: usize) -> Vec<Result<recharge::Order, PlaceError>> {
    let mut all = JoinSet::new();
    for n in 0..many {
        let cashier = harness.cashier.clone();
        all.spawn(async move { cashier.place(wish(&format!("late_{n}"), 1000)).await });
    }
    all.join_all().await
}

#[tokio::test]
async fn while_wechat_is_ill_orders_fail_fast_and_only_probes_reach_it() {
    on_both(|harness| async move {
        fall_ill(&harness, answers(AnswerFault::Http500)).await;
        let written = harness.count("SELECT COUNT(*) FROM orders").await;
        let mut probes = 0;
        // Five minutes with presses every second.
        for _ in 0..300 {
            harness.advance(1_000);
            for press in presses(&harness, 3).await {
                let error = press.unwrap_err();
                let (PlaceError::Unavailable { .. } | PlaceError::TryAgain { .. }) = &error else {
                    panic!("{error:?}")
                };
            }
            let now = harness.calls.taken(ORDER);
            assert!(now <= 1, "{now} probes at once");
            probes += now;
        }
        // One every 7.5 to 12.5 s.
        assert!((24..=45).contains(&probes), "{probes}");
        let more = harness.count("SELECT COUNT(*) FROM orders").await - written;
        assert!(more <= 3, "{more} orders of three users were written");
        let health = harness.cashier.health();
        let [OpenBreaker { calls: CallKind::Orders, by: Protocol::V2, outage: ill }] = &health.outages[..]
        else {
            panic!("{health:?}")
        };
        assert!(ill.reason.contains("500") && ill.since < ill.tried_at, "{ill:?}");
        assert_eq!(health.stopped, vec![]);
    })
    .await;
}

#[tokio::test]
async fn presses_at_once_while_a_probe_is_under_way_are_refused_in_a_moment() {
    on_both(|harness| async move {
        fall_ill(&harness, answers(AnswerFault::SystemError)).await;
        harness.sandbox.set_faults(answers(AnswerFault::Timeout));
        harness.advance(2_000);
        let mut all = JoinSet::new();
        for n in 0..200 {
            let cashier = harness.cashier.clone();
            all.spawn(async move {
                let began = Instant::now();
                let error = cashier.place(wish(&format!("late_{n}"), 1000)).await.unwrap_err();
                (error, began.elapsed())
            });
        }
        let ends = all.join_all().await;
        assert_eq!(harness.calls.taken(ORDER), 1);
        let slow: Vec<_> = ends.iter().filter(|(_, took)| *took >= Duration::from_secs(2)).collect();
        assert!(slow.len() == 1 && matches!(slow[0].0, PlaceError::TryAgain { .. }), "{slow:?}");
        let ill = ends
            .iter()
            .filter(|(error, _)| matches!(error, PlaceError::Unavailable { out_trade_no: None, wait_s: 2 }));
        assert_eq!(ill.count(), 199);
    })
    .await;
}

#[tokio::test]
async fn orders_go_on_within_thirty_seconds_of_recovery_and_after_one_answer_for_everybody() {
    on_both(|harness| async move {
        for fault in [AnswerFault::Timeout, AnswerFault::Garbage, AnswerFault::Unsigned] {
            fall_ill(&harness, answers(fault)).await;
            // Long enough for the longest pause.
            for _ in 0..20 {
                harness.advance(5_000);
                presses(&harness, 1).await;
            }
            harness.sandbox.set_faults(Faults::default());
            let mut waited = 0;
            while presses(&harness, 1).await[0].is_err() {
                harness.advance(1_000);
                waited += 1;
            }
            assert!(waited <= 13, "{fault:?}: {waited} s");
            assert_eq!(harness.cashier.health().outages, []);
            let many = presses(&harness, 50).await;
            assert!(many.iter().all(Result::is_ok), "{many:?}");
            // The next fault starts with payers who have no open order.
            harness.advance(604_000);
            while harness.cashier.query_due(100).await.unwrap() > 0 {}
            harness.calls.taken(ORDER);
        }
    })
    .await;
}

#[tokio::test]
async fn an_order_that_is_shown_stays_shown_and_payable_while_wechat_is_ill() {
    on_both(|harness| async move {
        let shown = harness.place(1000).await;
        harness.calls.taken(ORDER);
        fall_ill(&harness, answers(AnswerFault::Http500)).await;
        assert_eq!(harness.place(1000).await, shown, "the stored code needs no WeChat");
        harness.pay_and_notify(&shown).await;
        assert_eq!(harness.balance().await, 1000);
        // One that has no code yet is kept, and named.
        let error = harness.cashier.place(wish("early_0", 1000)).await.unwrap_err();
        assert!(matches!(error, PlaceError::Unavailable { out_trade_no: Some(_), .. }), "{error:?}");
        assert_eq!(harness.calls.taken(ORDER), 0);
    })
    .await;
}

#[tokio::test]
async fn refusals_of_single_orders_never_stop_the_others() {
    on_both(|harness| async move {
        for code in ["NOTENOUGH", "ORDERCLOSED", "PARAM_ERROR", "SOMETHING_NEW"] {
            harness.sandbox.set_faults(refuses("unifiedorder", code));
            for n in 0..20 {
                harness.cashier.place(wish(&format!("{code}_{n}"), 1000)).await.unwrap_err();
            }
            assert_eq!(harness.cashier.health().outages, [], "{code}");
        }
        harness.sandbox.set_faults(Faults::default());
        harness.place(1000).await;
    })
    .await;
}

#[tokio::test]
async fn queries_wait_while_wechat_is_ill_but_for_probes_and_catch_up_after_it() {
    on_both(|harness| async move {
        harness.lose_notices();
        for n in 0..40 {
            let order = harness.cashier.place(wish(&format!("u_{n}"), 1000)).await.unwrap();
            harness.pay(&order).await;
        }
        harness.sandbox.set_faults(answers(AnswerFault::Http500));
        harness.advance(40_000);
        harness.calls.taken(QUERY);
        let mut asked = 0;
        // Five minutes, a round every half second.
        for _ in 0..600 {
            asked += harness.cashier.query_due(10).await.unwrap();
            harness.advance(500);
        }
        assert_eq!(harness.calls.taken(QUERY), asked);
        // The first round, and a probe every 7.5 to 12.5 s.
        assert!((32..=55).contains(&asked), "{asked}");
        let outages = harness.cashier.health().outages;
        assert!(matches!(&outages[..], [open] if open.calls == CallKind::Queries), "{outages:?}");
        let (waiting, oldest) = harness.cashier.backlog().await.unwrap();
        assert!(waiting >= 30 && harness.cashier.now().minus(oldest.unwrap()) > 200_000, "{waiting}");

        harness.sandbox.set_faults(Faults::default());
        harness.lose_notices();
        for _ in 0..120 {
            harness.cashier.query_due(10).await.unwrap();
            harness.advance(500);
        }
        assert_eq!(harness.count("SELECT COUNT(*) FROM ledger").await, 40, "within a minute of recovery");
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn a_payment_that_could_not_be_asked_about_for_an_hour_is_credited_within_half_a_minute_of_recovery() {
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        harness.lose_notices();
        harness.pay(&order).await;
        harness.sandbox.set_faults(answers(AnswerFault::Http500));
        harness.advance(36_000);
        harness.calls.taken(QUERY);
        for _ in 0..3600 {
            harness.cashier.query_due(10).await.unwrap();
            harness.advance(1_000);
        }
        let asked = harness.calls.taken(QUERY);
        assert!((150..=200).contains(&asked), "{asked} in an hour");
        harness.sandbox.set_faults(Faults::default());
        for _ in 0..30 {
            harness.cashier.query_due(10).await.unwrap();
            harness.advance(1_000);
        }
        assert_eq!(harness.balance().await, 1000);
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn too_many_queries_by_wechats_own_word_slow_them_down_at_once() {
    on_both(|harness| async move {
        for n in 0..20 {
            harness.cashier.place(wish(&format!("u_{n}"), 1000)).await.unwrap();
        }
        harness.sandbox.set_faults(refuses("orderquery", "FREQUENCY_LIMITED"));
        harness.advance(36_000);
        let mut asked = 0;
        for _ in 0..120 {
            asked += harness.cashier.query_due(1).await.unwrap();
            harness.advance(500);
        }
        assert!((6..=14).contains(&asked), "{asked} in a minute");
    })
    .await;
}

#[tokio::test]
async fn what_reaches_wechat_stays_under_the_rate_and_the_others_are_asked_to_wait() {
    let slow = Settings { order_limit_per_s: 4, ..settings() };
    on_both_as(slow, Merchant::sandbox(), |harness| async move {
        let (mut placed, mut crowded) = (0, 0);
        for second in 0..10 {
            for n in 0..20 {
                match harness.cashier.place(wish(&format!("u_{second}_{n}"), 1000)).await {
                    Ok(_) => placed += 1,
                    Err(PlaceError::RateLimited { out_trade_no: None, wait_s: 1 }) => crowded += 1,
                    other => panic!("{other:?}"),
                }
            }
            harness.advance(1_000);
        }
        assert_eq!((placed, crowded), (3 + 9 * 3, 200 - 30));
        assert_eq!(harness.count("SELECT COUNT(*) FROM orders").await, 30, "who has to wait leaves no order");
        assert_eq!(harness.calls.taken(ORDER), 30);
    })
    .await;
}

#[tokio::test]
async fn instances_on_one_postgresql_share_the_rate_of_orders() {
    let slow = Settings { order_limit_per_s: 4, ..settings() };
    let harness = Harness::open_as(&testdb::postgres().await, slow, Merchant::sandbox()).await;
    let other = harness.second("b").await;
    let (mut here, mut there) = (0, 0);
    for n in 0..20 {
        here += usize::from(harness.cashier.place(wish(&format!("a_{n}"), 1000)).await.is_ok());
    }
    // This one's own limit is far higher, but the row that they share is used up.
    for n in 0..20 {
        there += usize::from(other.place(wish(&format!("b_{n}"), 1000)).await.is_ok());
    }
    assert_eq!((here, there), (3, 0));
}
