//! A refund by an operator whose name the program uses for itself: it is one of ours by every rule.

use cashier::db::check::{self, Violation};
use recharge::audit::{Acting, Actor};
use recharge::refund::retry::APART_MS;
use recharge::{Decision, RefundState};
use sandbox::{Faults, RefundFaults, RefundStatus};

use super::*;
use crate::common::{Harness, by, on_both, refund_wish};

fn wechat() -> Acting {
    Acting { actor: Actor::Operator("wechat".to_owned()), ..by() }
}

async fn refund_by_wechat(harness: &Harness, order: &Order, fen: i64) -> Refund {
    harness.cashier.refund(refund_wish(harness, order, fen), wechat()).await.unwrap()
}

#[tokio::test]
async fn refunds_by_an_operator_named_wechat_are_spaced_and_checked_like_any_of_ours() {
    on_both(|harness| async move {
        let order = harness.paid(1000, 50).await;
        let first = refund_by_wechat(&harness, &order, 400).await;
        assert!(!first.is_external() && !now(&harness, &first).await.is_external());
        let second = refund_by_wechat(&harness, &order, 600).await;
        assert_eq!(second.due_at, Some(first.requested_at.plus_ms(APART_MS)));
        harness.check().await;
        harness.execute("UPDATE orders SET total_fee = 900, bonus = 150").await;
        let over = Violation::OverRefunded { out_trade_no: order.out_trade_no.to_string() };
        assert_eq!(check::whole(harness.cashier.db()).await.unwrap().named, [over]);
    })
    .await;
}

#[tokio::test]
async fn an_exception_opens_again_when_the_refund_of_an_operator_named_wechat_ends_without_money() {
    on_both(|harness| async move {
        let order = harness.place(1000).await;
        harness.pay_and_notify(&order).await;
        let code = order.code_url().unwrap().as_str();
        harness.sandbox.pay(code, sandbox::Pay { again: true, ..sandbox::Pay::default() }).await.unwrap();
        harness.deliver().await;
        let exception = harness.cashier.open_exceptions(10).await.unwrap().remove(0);
        let refund = RefundFaults { result: RefundStatus::Closed, ..RefundFaults::default() };
        harness.sandbox.set_faults(Faults { refund, ..Faults::default() });
        let out_refund_no = harness.cashier.new_out_refund_no().unwrap();
        let give_back = Decision::Refund { out_refund_no, reason: "重复付款退回".to_owned() };
        let settled =
            harness.cashier.resolve_exception(&exception.id(), give_back, None, wechat()).await.unwrap();
        drive(&harness).await;
        for _ in 0..5 {
            later(&harness, 60_000).await;
        }
        assert_eq!(now(&harness, &settled.1.unwrap()).await.state, RefundState::Closed);
        assert_eq!(harness.cashier.open_exceptions(10).await.unwrap().len(), 1);
    })
    .await;
}
