//! Every documented word of WeChat, and one that is not, in every state of an order: one outcome each.
//! Source: WeChat Pay v2, native.php?chapter=9_2

use std::collections::BTreeMap;

use cashier::{AskError, PlaceError, QueryError};
use recharge::{ExceptionKind, Order};
use sandbox::Faults;
use wxpay::{ErrCode, TradeState};

use crate::common::{Harness, on_both, wish};

fn refuses(call: &str, code: &ErrCode) -> Faults {
    Faults { refuse: BTreeMap::from([(call.to_owned(), code.to_string())]), ..Faults::default() }
}

fn codes() -> Vec<ErrCode> {
    [ErrCode::ALL, &[ErrCode::parse("BANKERROR"), ErrCode::parse("SOMETHING_NEW")]].concat()
}

/// Puts WeChat right and has it take an order and answer a query, so that one case leaves nothing to the next.
async fn heal(harness: &Harness) {
    harness.sandbox.set_faults(Faults::default());
    harness.advance(31_000);
    let order =
        harness.cashier.place(wish(&format!("h_{}", harness.cashier.now().get()), 100)).await.unwrap();
    harness.cashier.query(&order.out_trade_no, "test").await.unwrap();
    let health = harness.cashier.health();
    assert_eq!((health.stopped, health.outages), (vec![], vec![]));
}

/// What an order that was not taken means: a word for the error, and whether all new orders stop.
fn not_taken(code: &ErrCode) -> (&'static str, bool) {
    match code.as_str() {
        "NOAUTH"
        | "APPID_NOT_EXIST"
        | "MCHID_NOT_EXIST"
        | "MCH_NOT_EXISTS"
        | "APPID_MCHID_NOT_MATCH"
        | "SIGNERROR" => ("refused", true),
        // One payer, or one order.
        "RULE_LIMIT" | "OPENID_MISMATCH" | "REQUEST_BLOCKED" => ("refused", false),
        // A query decided nothing either: WeChat knows the number and does not want it.
        "ORDERPAID" | "OUT_TRADE_NO_USED" | "INVALID_REQUEST" => ("refused", false),
        "INVALID_TRANSACTIONID"
        | "PARAM_ERROR"
        | "LACK_PARAMS"
        | "XML_FORMAT_ERROR"
        | "REQUIRE_POST_METHOD"
        | "POST_DATA_EMPTY"
        | "NOT_UTF8" => ("refused", false),
        _ => ("try again", false),
    }
}

fn word(end: &Result<Order, PlaceError>) -> &'static str {
    match end {
        Ok(order) => order.state.name(),
        Err(PlaceError::Refused { .. }) => "refused",
        Err(PlaceError::TryAgain { .. }) => "try again",
        Err(_) => "something else",
    }
}

#[tokio::test]
async fn each_refusal_of_an_order_has_one_outcome() {
    on_both(|harness| async move {
        for (n, code) in codes().iter().enumerate() {
            let user = format!("u_{n}");
            harness.sandbox.set_faults(refuses("unifiedorder", code));
            harness.calls.taken("/pay/orderquery");
            let end = harness.cashier.place(wish(&user, 1000)).await;
            let (wanted, stops) = not_taken(code);
            // Where WeChat knows the number, what it knows of it decides.
            let known = ["ORDERPAID", "OUT_TRADE_NO_USED", "INVALID_REQUEST"].contains(&code.as_str());
            assert_eq!(harness.calls.taken("/pay/orderquery"), usize::from(known), "{code}");
            assert_eq!((word(&end), !harness.cashier.health().stopped.is_empty()), (wanted, stops), "{code}");
            let orders = harness.cashier.orders_of(&user, None, 10).await.unwrap().rows;
            let states: Vec<_> = orders.iter().map(|listed| listed.order.state.name()).collect();
            // A closed one ends, and a new one was tried with a number of its own.
            let closed = *code == ErrCode::OrderClosed;
            assert_eq!(states, if closed { vec!["closed", "closed"] } else { vec!["created"] }, "{code}");
            heal(&harness).await;
        }
    })
    .await;
}

#[tokio::test]
async fn each_refusal_of_a_fresh_code_has_one_outcome_and_keeps_the_order_and_its_code() {
    on_both(|harness| async move {
        for (n, code) in codes().iter().enumerate() {
            let order = harness.cashier.place(wish(&format!("u_{n}"), 1000)).await.unwrap();
            harness.advance(10_000);
            harness.sandbox.set_faults(refuses("unifiedorder", code));
            let end = harness.cashier.new_code(order.out_trade_no.clone(), 1).await;
            let closed = *code == ErrCode::OrderClosed;
            let (wanted, stops) = if closed { ("closed", false) } else { not_taken(code) };
            assert_eq!((word(&end), !harness.cashier.health().stopped.is_empty()), (wanted, stops), "{code}");
            let now = harness.order(&order).await;
            assert_eq!(now.issued(), order.issued().filter(|_| !closed), "{code}");
            heal(&harness).await;
        }
    })
    .await;
}

/// An order in this state, of a user of its own.
async fn in_state(harness: &Harness, state: &str, case: &str) -> Order {
    let user = format!("{state}_{case}");
    if state == "created" {
        harness.sandbox.set_faults(refuses("unifiedorder", &ErrCode::SystemError));
        let error = harness.cashier.place(wish(&user, 1000)).await.unwrap_err();
        let PlaceError::TryAgain { out_trade_no } = error else { panic!("{error:?}") };
        heal(harness).await;
        return harness.cashier.order(&out_trade_no).await.unwrap().unwrap();
    }
    let order = harness.cashier.place(wish(&user, 1000)).await.unwrap();
    match state {
        "closed" => {
            harness.advance(301_000);
            harness.cashier.close(&order.out_trade_no, "test").await.unwrap();
        }
        "paid" => harness.pay_and_notify(&order).await,
        _ => {}
    }
    let order = harness.order(&order).await;
    assert_eq!(order.state.name(), state);
    order
}

const STATES: [&str; 4] = ["created", "pending", "closed", "paid"];

#[tokio::test]
async fn each_refusal_of_a_query_leaves_an_order_as_it_is() {
    on_both(|harness| async move {
        for state in STATES {
            for code in codes() {
                let order = in_state(&harness, state, code.as_str()).await;
                harness.sandbox.set_faults(refuses("orderquery", &code));
                match harness.cashier.query(&order.out_trade_no, "test").await {
                    Ok(state) => assert_eq!((state, &code), (None, &ErrCode::OrderNotExist)),
                    Err(AskError::Query(QueryError::WeChat(error))) => assert_eq!(error.code(), Some(&code)),
                    Err(error) => panic!("{code}: {error}"),
                }
                assert_eq!(harness.order(&order).await, order, "{state}, {code}");
                heal(&harness).await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn each_trade_state_has_one_outcome_in_each_state_of_an_order() {
    on_both(|harness| async move {
        for state in STATES {
            for word in
                ["NOTPAY", "USERPAYING", "ACCEPT", "PAYERROR", "CLOSED", "REVOKED", "REFUND", "SOMETHING_NEW"]
            {
                let order = in_state(&harness, state, word).await;
                let knows = (state != "created").then(|| TradeState::from(word.to_owned()));
                harness
                    .sandbox
                    .set_faults(Faults { trade_state: Some(word.to_owned()), ..Faults::default() });
                assert_eq!(harness.cashier.query(&order.out_trade_no, "test").await.unwrap(), knows);
                let ends = matches!(word, "CLOSED" | "REVOKED" | "REFUND") && state == "pending";
                let wanted = if ends { "closed" } else { state };
                assert_eq!(harness.state(&order).await, wanted, "{state}, {word}");
                let exceptions = harness.cashier.exceptions(&order.out_trade_no).await.unwrap();
                let kinds: Vec<_> = exceptions.iter().map(|exception| exception.kind).collect();
                let given_back = word == "REFUND" && state != "created";
                let wanted = if given_back { vec![ExceptionKind::RefundedOutside] } else { vec![] };
                assert_eq!(kinds, wanted, "{state}, {word}");
                heal(&harness).await;
            }
        }
        assert_eq!(harness.count("SELECT COUNT(*) FROM ledger").await, 8, "only the paid ones are credited");
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn each_refusal_of_a_close_has_one_outcome() {
    on_both(|harness| async move {
        for code in codes() {
            let order = in_state(&harness, "pending", code.as_str()).await;
            harness.advance(301_000);
            harness.sandbox.set_faults(refuses("closeorder", &code));
            let end = harness.cashier.close(&order.out_trade_no, "test").await;
            let (wanted, clear) = match code {
                ErrCode::OrderClosed | ErrCode::OrderNotExist => ("closed", true),
                // The query that follows finds no payment yet; the next one decides.
                ErrCode::OrderPaid => ("pending", true),
                _ => ("pending", false),
            };
            assert_eq!((harness.state(&order).await, end.is_ok()), (wanted, clear), "{code}");
            heal(&harness).await;
        }
    })
    .await;
}
