//! A change of protocols, in either direction and back again, with an order and a refund in every state: what was begun by
//! one protocol ends by whatever credentials are left, and nothing is credited or given back twice.

use cashier::{Cashier, PlaceError, WithdrawError};
use recharge::Way;
use recharge::audit::Acting;
use recharge::order::{Order, OrderState};
use recharge::refund::{Refund, RefundState};
use sandbox::{AnswerFault, Faults, Kind, NotifyFaults, Pay, RefundFaults, RefundStatus, V3Faults};
use wxpay::Protocol;

use crate::protocols::site::{self, Site, Speaks, again, balance, check, on_both, place, wish};

const HOUR_MS: i64 = 3_600_000;

/// What a route begins with, in the states that it was left in by the first process.
struct Begun {
    /// WeChat's answer to it was lost.
    created: Order,
    /// Open: one whose notice arrives, one whose notice is lost, one that nobody pays.
    told: Order,
    asked: Order,
    unpaid: Order,
    /// Closed; its payment comes all the same.
    closed: Order,
    paid: Order,
    /// One in each state, each of 4 yuan of an order of 10 yuan; and one that WeChat took without our hearing of it.
    refunds: Vec<Refund>,
}

/// It is done, and no answer is believed, by either protocol.
fn unheard() -> Faults {
    let v3 = V3Faults { unsigned: true, ..V3Faults::default() };
    Faults { answer: AnswerFault::Unsigned, v3, ..Faults::default() }
}

async fn paid(site: &Site, cashier: &Cashier, fen: i64) -> Order {
    let order = place(cashier, Way::Native, fen).await;
    site.pay_and_notify(&order).await;
    let order = again(cashier, &order).await;
    assert_eq!(order.state.name(), "paid");
    order
}

/// A refund of 4 yuan of an order of 10, which is not sent yet.
async fn refund(site: &Site, cashier: &Cashier) -> Refund {
    site::refund(cashier, &paid(site, cashier, 1000).await, 400).await
}

/// The refund as it is in the database.
async fn same(cashier: &Cashier, refund: &Refund) -> Refund {
    let all = cashier.refunds(&refund.out_trade_no).await.unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    all.into_iter().next().unwrap()
}

/// A refund that has come as far as `state`. A new state does not compile until it is said here how it is reached.
async fn refund_in(site: &Site, cashier: &Cashier, state: RefundState) -> Refund {
    let ends = |result, after_ms| {
        let refund = RefundFaults { result, after_ms, ..RefundFaults::default() };
        site.sandbox.set_faults(Faults { refund, ..Faults::default() });
    };
    let is_sent = match state {
        RefundState::Requested => false,
        RefundState::Submitted => {
            ends(RefundStatus::Success, 600_000);
            true
        }
        RefundState::Abnormal => {
            ends(RefundStatus::Change, 1_000);
            true
        }
        RefundState::Succeeded => {
            ends(RefundStatus::Success, 1_000);
            true
        }
        RefundState::Closed => {
            ends(RefundStatus::Closed, 1_000);
            true
        }
    };
    let refund = refund(site, cashier).await;
    if is_sent {
        cashier.advance_refunds(8).await.unwrap();
        site.advance(10_000);
        site.deliver().await;
        cashier.hurry_refund(&refund.out_refund_no).await.unwrap();
        cashier.advance_refunds(8).await.unwrap();
    }
    site.sandbox.set_faults(Faults::default());
    let refund = same(cashier, &refund).await;
    assert_eq!(refund.state, state, "{refund:?}");
    refund
}

async fn begin(site: &Site, cashier: &Cashier) -> Begun {
    let closed = place(cashier, Way::Native, 1100).await;
    site.advance(400_000);
    cashier.close(&closed.out_trade_no, "lin").await.unwrap();
    let paid = paid(site, cashier, 1200).await;

    // From the end, since a step takes on every refund that is due.
    let mut refunds = Vec::new();
    for state in RefundState::ALL.into_iter().rev().filter(|state| *state != RefundState::Requested) {
        refunds.push(refund_in(site, cashier, state).await);
    }
    let unheard_of = refund(site, cashier).await;
    site.sandbox.set_faults(unheard());
    cashier.advance_refunds(8).await.unwrap();
    site.sandbox.set_faults(Faults::default());
    refunds.push(same(cashier, &unheard_of).await);
    refunds.push(refund_in(site, cashier, RefundState::Requested).await);

    site.sandbox.set_faults(unheard());
    let Err(PlaceError::TryAgain { out_trade_no }) = cashier.place(wish(Way::Native, 1300)).await else {
        panic!("WeChat's answer was believed")
    };
    site.sandbox.set_faults(Faults::default());
    let created = cashier.order(&out_trade_no).await.unwrap().unwrap();
    let [told, asked, unpaid] = [
        place(cashier, Way::Native, 1400).await,
        place(cashier, Way::Native, 1500).await,
        place(cashier, Way::Native, 1600).await,
    ];
    Begun { created, told, asked, unpaid, closed: again(cashier, &closed).await, paid, refunds }
}

/// How an order that is in this state at the change ends, if it is paid or not. A new state does not compile here.
fn end_of(state: &OrderState, is_paid: bool) -> &'static str {
    match state {
        OrderState::Paid(_) => "paid",
        OrderState::Created | OrderState::Pending(_) | OrderState::Closed { .. } if is_paid => "paid",
        OrderState::Created | OrderState::Pending(_) | OrderState::Closed { .. } => "closed",
    }
}

fn end_of_refund(state: RefundState) -> RefundState {
    match state {
        RefundState::Requested | RefundState::Submitted | RefundState::Succeeded => RefundState::Succeeded,
        // It waits for a person, who is told so by whichever protocol.
        RefundState::Abnormal => RefundState::Abnormal,
        RefundState::Closed => RefundState::Closed,
    }
}

/// What the background loops do, for so long.
async fn go_on(site: &Site, cashier: &Cashier, ms: i64, step: i64) {
    for _ in 0..ms / step {
        site.advance(step);
        site.deliver().await;
        cashier.query_due(16).await.unwrap();
        cashier.advance_refunds(16).await.unwrap();
    }
}

/// Everything is begun by the first process; each of the others takes over in turn, and the last one sees the end.
async fn travels(site: &Site, route: &[Speaks]) {
    let old = site.start(route[0], "a").await;
    let begun = begin(site, &old).await;
    let before = balance(&old).await;
    // 12 yuan, and six orders of 10 yuan, of which four gave 4 yuan back and one has them back.
    assert_eq!(before, 1200 + 6 * 1000 - 5 * 400, "{route:?}");
    let orders = [&begun.created, &begun.told, &begun.asked, &begun.unpaid, &begun.closed, &begun.paid];
    let states: Vec<_> = orders.iter().map(|order| order.state.name()).collect();
    assert_eq!(states, ["created", "pending", "pending", "pending", "closed", "paid"]);

    let mut cashier = old;
    for (n, speaks) in route.iter().enumerate().skip(1) {
        cashier = site.start(*speaks, &format!("p{n}")).await;
        cashier.query_due(16).await.unwrap();
        cashier.advance_refunds(16).await.unwrap();
    }
    for record in site.sandbox.notices().into_iter().filter(|record| record.kind == Kind::Payment) {
        site.bring_again(record).await;
    }
    assert_eq!(balance(&cashier).await, before, "what is known already changes nothing: {route:?}");
    assert_eq!(site.count(&cashier, "SELECT COUNT(*) FROM exceptions").await, 0, "{route:?}");

    site.pay_and_notify(&begun.told).await;
    let notify = NotifyFaults { lose: true, ..NotifyFaults::default() };
    site.sandbox.set_faults(Faults { notify, ..Faults::default() });
    for order in [&begun.created, &begun.asked] {
        site.pay_and_notify(order).await;
    }
    site.pay_as(&begun.closed, Pay { force: true, ..Pay::default() }).await;
    go_on(site, &cashier, 900_000, 10_000).await;
    go_on(site, &cashier, 48 * HOUR_MS, HOUR_MS / 2).await;

    for order in orders {
        let now = again(&cashier, order).await;
        let expected = end_of(&order.state, order.total_fee != begun.unpaid.total_fee);
        assert_eq!(now.state.name(), expected, "{} yuan by {route:?}", order.total_fee);
    }
    for refund in &begun.refunds {
        let now = same(&cashier, refund).await;
        assert_eq!(
            (now.state, now.blocked.filter(|_| now.state != RefundState::Abnormal)),
            (end_of_refund(refund.state), None),
            "{:?} by {route:?}",
            refund.state
        );
        let at_wechat = site.sandbox.order(refund.out_trade_no.as_str()).unwrap().refunds;
        assert_eq!(at_wechat.len(), 1, "{:?} by {route:?}: {at_wechat:?}", refund.state);
    }
    let credited = 1100 + 1200 + 1300 + 1400 + 1500;
    assert_eq!(balance(&cashier).await, credited + 6 * 1000 - 5 * 400, "{route:?}");
    let odd = "SELECT COUNT(*) FROM exceptions WHERE kind <> 'late'";
    assert_eq!(site.count(&cashier, odd).await, 0, "{route:?}");
    check(&cashier).await;
}

#[tokio::test]
async fn everything_begun_by_v2_ends_after_a_change_to_v3() {
    on_both(async |site| travels(&site, &[Speaks::V2, Speaks::Both(Protocol::V3)]).await).await;
}

#[tokio::test]
async fn everything_begun_by_v2_ends_without_v2s_credentials() {
    on_both(async |site| travels(&site, &[Speaks::V2, Speaks::Both(Protocol::V3), Speaks::V3]).await).await;
}

#[tokio::test]
async fn everything_begun_by_v3_ends_after_a_change_to_v2() {
    on_both(async |site| travels(&site, &[Speaks::V3, Speaks::Both(Protocol::V2)]).await).await;
}

#[tokio::test]
async fn everything_begun_by_v3_ends_without_v3s_credentials() {
    on_both(async |site| travels(&site, &[Speaks::V3, Speaks::V2]).await).await;
}

#[tokio::test]
async fn everything_begun_by_v3_ends_by_v2_when_v3s_certificate_has_ended() {
    on_both(async |site| travels(&site, &[Speaks::V3, Speaks::V3HasEnded]).await).await;
}

#[tokio::test]
async fn everything_begun_by_v2_ends_after_a_change_to_v3_and_back() {
    on_both(async |site| travels(&site, &[Speaks::V2, Speaks::V3, Speaks::V2]).await).await;
}

/// A refund of a v2 order that a process with v3's credentials alone has sent, and whose answer was lost.
async fn taken_by_the_other(site: &Site) -> Refund {
    let by_v2 = site.start(Speaks::V2, "v2").await;
    let asked = refund(site, &by_v2).await;
    let by_v3 = site.start(Speaks::V3, "v3").await;
    by_v3.refresh_wechat_keys().await.unwrap();
    site.sandbox.set_faults(unheard());
    by_v3.advance_refunds(8).await.unwrap();
    site.sandbox.set_faults(Faults::default());
    let refund = same(&by_v3, &asked).await;
    assert_eq!(refund.state, RefundState::Requested);
    assert_eq!(site.sandbox.order(refund.out_trade_no.as_str()).unwrap().refunds.len(), 1);
    refund
}

#[tokio::test]
async fn a_refund_that_the_other_protocol_brought_unheard_goes_on_when_its_own_is_refused() {
    on_both(async |site| {
        let refund = taken_by_the_other(&site).await;
        let cashier = site.start(Speaks::V2, "back").await;
        go_on(&site, &cashier, 60_000, 5_000).await;
        let now = same(&cashier, &refund).await;
        assert_eq!((now.state, now.blocked), (RefundState::Succeeded, None));
        assert_eq!(site.sandbox.order(refund.out_trade_no.as_str()).unwrap().refunds.len(), 1);
        check(&cashier).await;
    })
    .await;
}

#[tokio::test]
async fn a_refund_that_was_not_withdrawn_since_wechat_has_it_goes_on() {
    on_both(async |site| {
        let refund = taken_by_the_other(&site).await;
        let cashier = site.start(Speaks::V2, "back").await;
        // As earlier versions left it: WeChat's refusal was heard, and nobody asked what became of the request before it.
        let refused = "UPDATE refunds SET problem = 'refused', problem_said = 'INVALID_REQUEST'";
        sqlx::query(refused).execute(cashier.db().pool()).await.unwrap();
        site.advance(30_000);
        let by = Acting::operator("lin", "console");
        let withdrawn = cashier.withdraw_refund(&refund.out_refund_no, None, by).await;
        assert!(matches!(withdrawn, Err(WithdrawError::MayBeThere)), "{withdrawn:?}");
        let now = same(&cashier, &refund).await;
        assert_eq!((now.state, now.blocked), (RefundState::Succeeded, None));
        check(&cashier).await;
    })
    .await;
}
