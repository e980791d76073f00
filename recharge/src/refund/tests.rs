use proptest::prelude::*;
use wxpay::{ErrCode, Error, RefundStatus};

use super::*;
use crate::fixtures::refund;

const NOW: UnixMillis = UnixMillis::new(1_773_540_000_000);

fn status(status: RefundStatus) -> RefundUpdate {
    RefundUpdate::Status { status, refund_id: RefundId::parse("5030").unwrap() }
}

fn not_taken(blocked: &Blocked) -> RefundUpdate {
    RefundUpdate::NotTaken { blocked: blocked.clone(), tried_at: NOW }
}

fn payment(total_fee: i64, credit: i64, refunds: &[Refund]) -> Refundable {
    Refundable::new(Fen::new(total_fee), Fen::new(credit), refunds.iter())
}

#[test]
fn a_part_takes_back_its_share_of_the_bonus_rounded_up_and_the_last_one_the_rest() {
    // 19.90 brought 20.90: of 1.00 back, 100 · 2090 / 1990 = 105.03 fen go, which is 106.
    assert_eq!(payment(1990, 2090, &[]).share(Fen::new(100)), Fen::new(106));
    let rest = payment(1990, 2090, &[refund()]);
    assert_eq!((rest.left(), rest.share(Fen::new(1890))), (Fen::new(1890), Fen::new(1984)));
}

#[test]
fn a_share_that_is_whole_is_not_rounded() {
    assert_eq!(payment(1000, 2000, &[]).share(Fen::new(100)), Fen::new(200));
}

#[test]
fn a_bonus_that_rounding_has_used_up_is_not_taken_twice() {
    let part = |number: &str| {
        let out_refund_no = OutRefundNo::parse(number).unwrap();
        Refund { out_refund_no, amount: Fen::new(1), share: Fen::new(2), ..refund() }
    };
    // 3 fen brought 4; the first fen back takes 2, and then 2 are left for the two others.
    let once = payment(3, 4, &[part("a")]);
    assert_eq!(once.share(Fen::new(1)), Fen::new(2));
    let twice = payment(3, 4, &[part("a"), part("b")]);
    assert_eq!((twice.left(), twice.share(Fen::new(1))), (Fen::new(1), Fen::ZERO));
}

#[test]
fn a_payment_that_was_not_credited_takes_nothing_back() {
    assert_eq!(payment(1990, 0, &[]).share(Fen::new(1990)), Fen::ZERO);
}

#[test]
fn more_than_is_left_is_refused_and_closed_refunds_do_not_count() {
    let closed = Refund { state: RefundState::Closed, ..refund() };
    assert_eq!(payment(1990, 2090, &[closed]).left(), Fen::new(1990));
    for state in
        [RefundState::Requested, RefundState::Submitted, RefundState::Abnormal, RefundState::Succeeded]
    {
        let one = payment(1990, 2090, &[Refund { state, ..refund() }]);
        let over = RefundRefusal::OverRest { left: Fen::new(1890), asked: Fen::new(1891) };
        assert_eq!(one.check(Fen::new(1891)), Err(over), "{state:?}");
        assert_eq!(one.check(Fen::new(1890)), Ok(()));
    }
    assert_eq!(payment(1990, 2090, &[]).check(Fen::ZERO), Err(RefundRefusal::Nothing));
    assert_eq!(payment(1990, 2090, &[]).check(Fen::new(-1)), Err(RefundRefusal::Nothing));
}

#[test]
fn the_fifty_first_refund_is_refused_although_all_were_closed() {
    let closed = vec![Refund { state: RefundState::Closed, ..refund() }; MOST];
    assert_eq!(payment(1990, 2090, &closed).check(Fen::new(1)), Err(RefundRefusal::TooMany));
}

#[test]
fn what_wechat_has_taken_on_only_wechat_ends() {
    let blocked = Blocked { problem: Problem::Final, said: "TRADE_OVERDUE".to_owned() };
    let gone = refund().updated(&not_taken(&blocked), NOW).unwrap();
    assert_eq!((gone.state, gone.due_at, gone.ended_at), (RefundState::Closed, None, Some(NOW)));
    let taken_on = refund().updated(&status(RefundStatus::Processing), NOW).unwrap();
    assert_eq!(taken_on.state, RefundState::Submitted);
    assert_eq!(taken_on.updated(&not_taken(&blocked), NOW), None);
    // Somebody has sent it since: WeChat may have it.
    let sent = Refund { tried_at: NOW.plus_ms(1), ..refund() };
    assert_eq!(sent.updated(&not_taken(&blocked), NOW), None);
}

#[test]
fn a_problem_keeps_the_state_and_the_same_refund_is_due_again() {
    for problem in Problem::ALL {
        let blocked = Blocked { problem, said: "…".to_owned() };
        let after = refund().updated(&RefundUpdate::Blocked(blocked), NOW).unwrap();
        assert_eq!(after.state, RefundState::Requested);
        let wait = after.due_at.unwrap().minus(NOW);
        assert!((5_000..retry::FURTHEST_MS).contains(&wait), "{problem:?} {wait}");
    }
}

#[test]
fn every_documented_error_code_of_a_refund_has_its_meaning() {
    let of =
        |code: &str| Problem::of(&Error::Refused { code: ErrCode::parse(code), err_code_des: String::new() });
    // Protocol A7.4.
    for (codes, problem) in [
        (&["SYSTEMERROR", "BIZERR_NEED_RETRY"][..], Problem::Unclear),
        (&["FREQUENCY_LIMITED", "INVALID_REQ_TOO_MUCH"], Problem::Limited),
        (&["NOTENOUGH"], Problem::NotEnough),
        (&["TRADE_OVERDUE", "USER_ACCOUNT_ABNORMAL", "ORDERNOTEXIST"], Problem::Final),
        (
            &[
                "ERROR",
                "INVALID_TRANSACTIONID",
                "PARAM_ERROR",
                "APPID_NOT_EXIST",
                "MCHID_NOT_EXIST",
                "APPID_MCHID_NOT_MATCH",
                "REQUIRE_POST_METHOD",
                "SIGNERROR",
                "XML_FORMAT_ERROR",
                "INVALID_REQUEST",
                "A_CODE_NEVER_SEEN",
            ],
            Problem::Refused,
        ),
    ] {
        for code in codes {
            assert_eq!(of(code), problem, "{code}");
        }
    }
    assert_eq!(Problem::of(&Error::NoCertificate), Problem::NoCertificate);
    assert_eq!(Problem::of(&Error::Timeout { budget_ms: 7_000 }), Problem::Unclear);
    assert_eq!(Problem::of(&Error::Status(502)), Problem::Unclear);
}

#[test]
fn a_second_refund_of_a_payment_waits_the_minute_that_wechat_wants() {
    let first = refund();
    assert_eq!(retry::first(std::iter::empty(), NOW), NOW);
    let soon = NOW.plus_ms(10_000);
    assert_eq!(retry::first([&first].into_iter(), soon), NOW.plus_ms(60_000));
    // A clock that was set back does not make it wait for hours.
    assert_eq!(retry::first([&first].into_iter(), NOW.plus_ms(-9_000_000)), NOW.plus_ms(-8_940_000));
}

/// The wait after an answer, without its eighth of jitter, in seconds.
fn waits(refund: &Refund, update: &RefundUpdate, age_s: i64) -> std::ops::RangeInclusive<i64> {
    let now = NOW.plus_ms(age_s * 1000);
    let due = refund.updated(update, now).unwrap().due_at.unwrap().minus(now);
    due * 8 / 9 / 1000..=due / 1000
}

#[test]
fn a_refund_under_way_is_asked_about_ever_more_seldom() {
    let processing = status(RefundStatus::Processing);
    for (age_s, wait_s) in [
        (0, 5),
        (59, 5),
        (60, 30),
        (599, 30),
        (600, 300),
        (3_599, 300),
        (3_600, 1_800),
        (86_399, 1_800),
        (86_400, 21_600),
    ] {
        assert!(waits(&refund(), &processing, age_s).contains(&wait_s), "after {age_s} s");
    }
    assert!(waits(&refund(), &status(RefundStatus::Change), 0).contains(&21_600));
}

#[test]
fn a_refund_that_does_not_move_is_tried_again_by_its_problem() {
    let blocked = |problem| RefundUpdate::Blocked(Blocked { problem, said: String::new() });
    for (problem, tries, wait_s) in [
        (Problem::Unclear, 0, 5),
        (Problem::Unclear, 1, 5),
        (Problem::Unclear, 3, 20),
        (Problem::Unclear, 20, 20),
        (Problem::Limited, 0, 60),
        (Problem::Limited, 2, 240),
        (Problem::Limited, 20, 1_800),
        (Problem::NoCertificate, 9, 600),
        (Problem::NotEnough, 9, 600),
        (Problem::Refused, 9, 3_600),
        (Problem::Mismatch, 9, 3_600),
    ] {
        let refund = Refund { tries, ..refund() };
        assert!(waits(&refund, &blocked(problem), 0).contains(&wait_s), "{problem:?} after {tries}");
    }
}

#[test]
fn refunds_that_failed_together_are_not_sent_again_together() {
    let unclear = RefundUpdate::Blocked(Blocked { problem: Problem::Unclear, said: String::new() });
    let due = |n: i64| {
        let out_refund_no = OutRefundNo::parse(format!("RF{n}")).unwrap();
        let refund = Refund { out_refund_no, tries: 20, ..refund() };
        refund.updated(&unclear, NOW).unwrap().due_at.unwrap().minus(NOW)
    };
    let all: Vec<_> = (0..100).map(due).collect();
    assert!(all.iter().all(|due| (20_000..=22_500).contains(due)), "{all:?}");
    let mut apart = all.clone();
    apart.sort_unstable();
    apart.dedup();
    assert!(apart.len() > 50, "{all:?}");
}

#[test]
fn only_what_wechat_clearly_did_not_take_on_may_be_withdrawn() {
    use Problem::{Limited, NoCertificate, NotEnough, Refused};
    for problem in Problem::ALL {
        let clear = matches!(problem, NoCertificate | NotEnough | Limited | Refused);
        assert_eq!(problem.is_clear(), clear, "{problem:?}");
    }
}

#[test]
fn names_are_read_back() {
    for state in RefundState::ALL {
        assert_eq!(RefundState::from_name(state.name()), Some(state));
    }
    for problem in Problem::ALL {
        assert_eq!(Problem::from_name(problem.name()), Some(problem));
    }
}

fn any_news() -> impl Strategy<Value = RefundUpdate> {
    let word = prop::sample::select(vec!["SUCCESS", "PROCESSING", "REFUNDCLOSE", "CHANGE", "NEW_WORD"]);
    let problem = prop::sample::select(Problem::ALL.to_vec());
    let blocked = |problem| Blocked { problem, said: String::new() };
    prop_oneof![
        word.prop_map(|word: &str| status(RefundStatus::from(word.to_owned()))),
        problem.clone().prop_map(move |problem| RefundUpdate::Blocked(blocked(problem))),
        problem.prop_map(move |problem| not_taken(&blocked(problem))),
    ]
}

proptest! {
    #[test]
    fn whatever_is_heard_in_whatever_order_a_refund_only_moves_forward(
        update in prop::collection::vec(any_news(), 0..12)
    ) {
        let mut now = refund();
        for update in update {
            let Some(next) = now.updated(&update, NOW) else {
                let may_be_ignored = matches!(update, RefundUpdate::NotTaken { .. });
                prop_assert!(now.state.is_over() || may_be_ignored);
                continue;
            };
            prop_assert!(next.state >= now.state);
            prop_assert!(!now.state.is_over());
            prop_assert_eq!(next.version, now.version + 1);
            prop_assert_eq!(next.state.is_over(), next.due_at.is_none());
            prop_assert_eq!(next.state.is_over(), next.ended_at.is_some());
            prop_assert!(matches!(next.state, RefundState::Requested | RefundState::Closed) || next.refund_id.is_some());
            prop_assert_eq!((next.amount, next.share, next.taken), (now.amount, now.share, now.taken));
            now = next;
        }
    }

    #[test]
    fn the_shares_of_a_payment_that_is_refunded_in_full_are_its_credit(
        total_fee in 1_i64..=1_000_000_000,
        bonus in 0_i64..=1_000_000_000,
        cuts in prop::collection::vec((1_i64..=1_000_000_000, prop::bool::ANY), 0..20),
    ) {
        let credit = total_fee + bonus;
        let mut all: Vec<Refund> = Vec::new();
        let cuts = cuts.into_iter().chain([(i64::MAX, false)]);
        for (index, (wanted, closes)) in cuts.enumerate() {
            let payment = Refundable::new(Fen::new(total_fee), Fen::new(credit), all.iter());
            let amount = Fen::new(wanted.min(payment.left().get()));
            if payment.check(amount).is_err() {
                continue;
            }
            let share = payment.share(amount);
            prop_assert!(share >= Fen::ZERO && share <= Fen::new(credit));
            let out_refund_no = OutRefundNo::parse(format!("RF{index}")).unwrap();
            let state = if closes { RefundState::Closed } else { RefundState::Succeeded };
            all.push(Refund { out_refund_no, amount, share, taken: share, state, ..refund() });
        }
        let sums = Refundable::new(Fen::new(total_fee), Fen::new(credit), all.iter());
        prop_assert_eq!((sums.left(), sums.shared), (Fen::ZERO, Fen::new(credit)));
    }
}
