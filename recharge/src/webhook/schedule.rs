//! When a delivery that failed is tried again.

use wxpay::UnixMillis;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// The waits after the first failures, in milliseconds; after these it is the last one each time.
const WAITS_MS: [i64; 8] =
    [5_000, MINUTE_MS, 5 * MINUTE_MS, 30 * MINUTE_MS, 2 * HOUR_MS, 5 * HOUR_MS, 10 * HOUR_MS, 12 * HOUR_MS];
/// The longest wait that a receiver may ask for.
const RETRY_AFTER_MOST_MS: i64 = HOUR_MS;
/// Time after the first try when a delivery is given up, if others got through meanwhile.
pub const GIVE_UP_AFTER_MS: i64 = 72 * HOUR_MS;

/// What becomes of a delivery that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It is tried again.
    At(UnixMillis),
    /// It is not tried any more, unless somebody asks for it.
    GiveUp,
}

/// `failures` counts this one; `first_at` is when it was first tried. `others_at` is when the endpoint last took another one:
/// an endpoint that takes nothing is down, and what waits for it is kept. `retry_after_ms` is what the receiver asked for.
pub fn next_try(
    failures: i64,
    first_at: UnixMillis,
    others_at: Option<UnixMillis>,
    retry_after_ms: Option<i64>,
    now: UnixMillis,
    random: u32,
) -> Next {
    let others_got_through = others_at.is_some_and(|at| at > first_at);
    if now.minus(first_at) >= GIVE_UP_AFTER_MS && others_got_through {
        return Next::GiveUp;
    }
    let step = usize::try_from(failures.max(1) - 1).unwrap_or(usize::MAX);
    let wait = WAITS_MS[step.min(WAITS_MS.len() - 1)];
    let wait = about(wait, random);
    let asked = retry_after_ms.unwrap_or(0).clamp(0, RETRY_AFTER_MOST_MS);
    Next::At(now.plus_ms(wait.max(asked)))
}

/// This time, give or take a tenth, so that what failed together is not tried together.
fn about(ms: i64, random: u32) -> i64 {
    ms * (900 + i64::from(random % 201)) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: UnixMillis = UnixMillis::new(1_773_540_000_000);

    fn wait(failures: i64, retry_after_ms: Option<i64>, random: u32) -> i64 {
        match next_try(failures, T0, None, retry_after_ms, T0, random) {
            Next::At(at) => at.minus(T0),
            Next::GiveUp => panic!("given up"),
        }
    }

    #[test]
    fn the_waits_are_those_of_the_documentation_give_or_take_a_tenth() {
        let minutes = [1, 5, 30, 120, 300, 600, 720, 720, 720];
        assert_eq!((wait(1, None, 0), wait(1, None, 100), wait(1, None, 200)), (4_500, 5_000, 5_500));
        for (failures, minutes) in (2..).zip(minutes) {
            let ms = minutes * 60_000;
            assert_eq!(wait(failures, None, 100), ms, "{failures}");
            assert_eq!((wait(failures, None, 0), wait(failures, None, 200)), (ms * 9 / 10, ms * 11 / 10));
        }
        assert_eq!(wait(i64::MAX, None, 100), 720 * 60_000);
    }

    #[test]
    fn a_receiver_may_ask_for_an_hour_at_most_and_never_for_less_than_the_schedule() {
        assert_eq!(wait(1, Some(30_000), 100), 30_000);
        assert_eq!(wait(1, Some(99_999_000), 100), 3_600_000);
        assert_eq!(wait(4, Some(1_000), 100), 30 * 60_000);
        assert_eq!(wait(1, Some(-1), 100), 5_000);
        assert_eq!(wait(1, Some(i64::MIN), 100), 5_000);
    }

    #[test]
    fn it_is_given_up_after_72_hours_only_where_others_got_through() {
        let end = T0.plus_ms(GIVE_UP_AFTER_MS);
        let at = |now, others| next_try(9, T0, others, None, now, 100);
        assert_eq!(at(end, Some(T0.plus_ms(1))), Next::GiveUp);
        for (now, others) in [
            (end.plus_ms(-1), Some(T0.plus_ms(1))),
            (end, None),
            (end, Some(T0)),
            (end.plus_ms(GIVE_UP_AFTER_MS), None),
        ] {
            assert!(matches!(at(now, others), Next::At(_)), "{now:?} {others:?}");
        }
    }
}
