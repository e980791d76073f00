use wxpay::OutTradeNo;

use super::*;
use crate::fixtures::{exception, order, paid, refund};
use crate::refund::RefundState;

const NOW: UnixMillis = UnixMillis::new(1_773_540_100_000);

fn records<'k>(order: Option<&'k Order>, refunds: &'k [&'k Refund]) -> Records<'k> {
    Records { order, refunds, is_credited: false }
}

fn lin() -> Actor {
    Actor::Operator("lin".to_owned())
}

fn outside() -> Refund {
    Refund { by: Actor::WeChat, taken: Fen::ZERO, state: RefundState::Succeeded, ..refund() }
}

#[test]
fn each_kind_of_exception_has_its_ways() {
    use ExceptionKind::*;
    use ResolutionKind::{Credit, Dismiss, Refund, TakeBack};
    let (credited, kept) = (paid(false), paid(true));
    let outside = outside();
    for (kind, order, refunds, expected) in [
        (Late, Some(&kept), vec![], &[Credit, Refund, Dismiss][..]),
        (Late, Some(&credited), vec![], &[Dismiss]),
        (Late, None, vec![], &[Dismiss]),
        (Duplicate, Some(&credited), vec![], &[Credit, Refund, Dismiss]),
        (AmountMismatch, Some(&order()), vec![], &[Credit, Refund, Dismiss]),
        (CurrencyMismatch, Some(&order()), vec![], &[Dismiss]),
        (UnknownOrder, None, vec![], &[Credit, Refund, Dismiss]),
        // Its order has turned up, which a query credits.
        (UnknownOrder, Some(&order()), vec![], &[Dismiss]),
        (OtherApp, None, vec![], &[Credit, Refund, Dismiss]),
        (RefundedOutside, Some(&credited), vec![&outside], &[TakeBack, Dismiss]),
        (RefundedOutside, Some(&order()), vec![], &[Dismiss]),
        (RefundedOutside, None, vec![], &[Dismiss]),
    ] {
        assert_eq!(open_kinds(&exception(kind), records(order, &refunds)), expected, "{kind:?}");
    }
    let settled = resolve(&Decision::Dismiss { reason: "…".to_owned() }, lin(), NOW);
    let settled = Exception { resolution: Some(settled), ..exception(Duplicate) };
    assert_eq!(open_kinds(&settled, records(Some(&credited), &[])), []);
}

#[test]
fn a_payment_that_is_going_back_is_not_credited_as_well() {
    let kept = paid(true);
    for state in RefundState::ALL {
        let refund = Refund { state, ..refund() };
        let way = plan(
            ResolutionKind::Credit,
            None,
            &exception(ExceptionKind::Late),
            records(Some(&kept), &[&refund]),
        );
        assert_eq!(way.is_ok(), state == RefundState::Closed, "{state:?}");
    }
    // A refund of the order's other payment is no matter.
    let other = Refund { transaction_id: TransactionId::parse("other").unwrap(), ..refund() };
    assert!(
        plan(ResolutionKind::Credit, None, &exception(ExceptionKind::Late), records(Some(&kept), &[&other]))
            .is_ok()
    );
}

#[test]
fn a_payment_that_an_operator_credited_in_another_exception_is_neither_credited_nor_given_back_here() {
    let order = paid(false);
    for way in [ResolutionKind::Credit, ResolutionKind::Refund] {
        let once = Records { is_credited: true, ..records(Some(&order), &[]) };
        let refused = plan(way, None, &exception(ExceptionKind::Duplicate), once);
        assert_eq!(refused, Err(ResolutionRefusal::AlreadyCredited), "{way:?}");
    }
}

#[test]
fn what_was_taken_back_is_not_taken_back_again() {
    let taken = Refund { taken: Fen::new(106), ..outside() };
    let closed = Refund { state: RefundState::Closed, ..outside() };
    let found = exception(ExceptionKind::RefundedOutside);
    for refund in [taken, closed] {
        let way = plan(ResolutionKind::TakeBack, None, &found, records(Some(&paid(false)), &[&refund]));
        assert_eq!(way, Err(ResolutionRefusal::NothingToTakeBack));
    }
}

#[test]
fn an_amount_that_no_balance_should_hold_is_not_credited() {
    let much = Exception { total_fee: Fen::new(MOST_FEE.get() + 1), ..exception(ExceptionKind::Duplicate) };
    let way = plan(ResolutionKind::Credit, None, &much, records(Some(&paid(false)), &[]));
    assert_eq!(way, Err(ResolutionRefusal::TooMuch));
    let most = Exception { total_fee: MOST_FEE, ..exception(ExceptionKind::Duplicate) };
    assert!(plan(ResolutionKind::Credit, None, &most, records(Some(&paid(false)), &[])).is_ok());
}

#[test]
fn money_of_another_app_goes_to_the_user_who_is_named_and_to_nobody_else() {
    let found = Exception {
        out_trade_no: OutTradeNo::parse("THEIRS01").unwrap(),
        ..exception(ExceptionKind::OtherApp)
    };
    assert_eq!(
        plan(ResolutionKind::Credit, None, &found, records(None, &[])),
        Err(ResolutionRefusal::UserNeeded)
    );
    let user = User::new("u_2", "").unwrap();
    let Ok(Plan::CreditPayment { user: named, .. }) =
        plan(ResolutionKind::Credit, Some(user.clone()), &found, records(None, &[]))
    else {
        panic!("it is credited");
    };
    assert_eq!(named, user);
}

#[test]
fn a_reason_is_a_line_of_200_bytes_and_for_a_refund_one_that_wechat_takes() {
    let duplicate = exception(ExceptionKind::Duplicate);
    let dismiss = |reason: &str| {
        judge(&Decision::Dismiss { reason: reason.to_owned() }, &duplicate, records(Some(&paid(false)), &[]))
    };
    let refund = |reason: &str| {
        let out_refund_no = OutRefundNo::parse("RF1").unwrap();
        let refund = Decision::Refund { out_refund_no, reason: reason.to_owned() };
        judge(&refund, &duplicate, records(Some(&paid(false)), &[]))
    };
    for (reason, dismisses, refunds) in [
        ("", false, false),
        ("a\nb", false, false),
        (&"a".repeat(80), true, true),
        (&"a".repeat(81), true, false),
        (&"a".repeat(200), true, false),
        (&"a".repeat(201), false, false),
    ] {
        let fits = |judged: Result<Plan, ResolutionRefusal>| match judged {
            Ok(_) => true,
            Err(refusal) => {
                assert_eq!(refusal, ResolutionRefusal::Reason);
                false
            }
        };
        assert_eq!((fits(dismiss(reason)), fits(refund(reason))), (dismisses, refunds), "{reason:?}");
    }
}

#[test]
fn what_is_written_names_the_way_the_operator_and_the_reason() {
    for (decision, how) in [
        (Decision::Credit { user: None, new_account: false, reason: "r".to_owned() }, "credited"),
        (Decision::TakeBack { even_if_balance_low: false, reason: "r".to_owned() }, "taken_back"),
        (Decision::Dismiss { reason: "r".to_owned() }, "dismissed"),
    ] {
        let how = ResolutionKind::from_name(how).unwrap();
        let by = Resolution { at: NOW, by: lin(), how, reason: "r".to_owned() };
        assert_eq!(resolve(&decision, lin(), NOW), by);
    }
    assert_eq!(ResolutionKind::Refund.name(), "refund");
}
