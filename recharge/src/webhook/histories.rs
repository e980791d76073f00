//! Histories of one endpoint: whatever answers come in whatever order, these hold.

use proptest::prelude::*;
use wxpay::UnixMillis;

use super::*;

const T0: UnixMillis = UnixMillis::new(1_773_540_000_000);
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

#[derive(Debug, Clone, Copy)]
struct Step {
    outcome: Outcome,
    after_ms: i64,
    random: u32,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let outcome = prop_oneof![
        3 => Just(Outcome::Delivered),
        6 => Just(Outcome::Failed(Problem::Status)),
        2 => Just(Outcome::Failed(Problem::Timeout)),
        1 => Just(Outcome::Gone),
    ];
    let wait = prop_oneof![0..100_i64, 1_000..600_000_i64, DAY_MS..3 * DAY_MS, Just(-3_600_000_i64)];
    let step = (outcome, wait, any::<u32>());
    let step = step.prop_map(|(outcome, after_ms, random)| Step { outcome, after_ms, random });
    prop::collection::vec(step, 0..60)
}

proptest! {
    #[test]
    fn an_endpoint_is_ill_after_five_failures_in_a_row_and_never_after_a_success(steps in steps()) {
        let (mut health, mut now, mut in_a_row) = (Health::default(), T0, 0);
        for step in steps {
            now = now.plus_ms(step.after_ms);
            let before = health;
            let was_probe = health.is_probe_due(now);
            health = health.after(step.outcome, was_probe, now, step.random);
            in_a_row = if step.outcome == Outcome::Delivered { 0 } else { in_a_row + 1 };
            prop_assert_eq!(health.failures, in_a_row);
            prop_assert_eq!(health.is_ill(), in_a_row >= ILL_AFTER);
            prop_assert_eq!(health.failing_since.is_some(), in_a_row > 0);
            // Whatever it answers, an endpoint stays disabled until somebody enables it.
            prop_assert!(before.disabled.is_none() || health.disabled == before.disabled);
            prop_assert!(step.outcome != Outcome::Gone || health.disabled.is_some());
            // The next probe is never further than five minutes and a tenth from the answer that set it.
            if health.probe_at != before.probe_at && let Some(at) = health.probe_at {
                prop_assert!((10_000..=330_000).contains(&at.minus(now)));
            }
        }
    }

    #[test]
    fn the_next_try_is_between_4_seconds_and_14_hours_away_and_none_is_given_up_early(
        failures in 0..100_i64,
        since_ms in 0..10 * DAY_MS,
        others_ms in prop::option::of(-DAY_MS..10 * DAY_MS),
        retry_after_ms in prop::option::of(any::<i64>()),
        random in any::<u32>(),
    ) {
        let now = T0.plus_ms(since_ms);
        let others = others_ms.map(|ms| T0.plus_ms(ms));
        match next_try(failures, T0, others, retry_after_ms, now, random) {
            Next::At(at) => {
                let wait = at.minus(now);
                prop_assert!((4_500..=14 * 60 * 60 * 1000).contains(&wait), "{}", wait);
                let asked = retry_after_ms.unwrap_or(0).clamp(0, 60 * 60 * 1000);
                prop_assert!(wait >= asked);
                prop_assert!(since_ms < GIVE_UP_AFTER_MS || others.is_none_or(|at| at <= T0));
            }
            Next::GiveUp => prop_assert!(since_ms >= GIVE_UP_AFTER_MS && others.is_some_and(|at| at > T0)),
        }
    }

    #[test]
    fn no_address_is_reached_that_the_filter_refuses_however_it_is_written(bytes in any::<u32>()) {
        let address = std::net::Ipv4Addr::from(bytes);
        let is_public = address::is_public(address.into());
        prop_assert_eq!(address::is_public(address.to_ipv6_mapped().into()), is_public);
        let [a, b, c, d] = address.octets();
        for text in [
            format!("https://{address}/"),
            format!("https://{bytes}/"),
            format!("https://0x{bytes:x}/"),
            format!("https://{a}.{b}.{}/", u32::from(c) << 8 | u32::from(d)),
            format!("https://[::ffff:{address}]/"),
        ] {
            prop_assert_eq!(EndpointUrl::check(&text, "https://pay.example.com", &[]).is_ok(), is_public, "{}", text);
        }
    }

    #[test]
    fn any_text_is_judged_as_an_address_without_a_panic(text in "\\PC{0,80}") {
        let _ = EndpointUrl::check(&text, "https://pay.example.com", &[]);
        let _ = EndpointUrl::check(&format!("https://{text}"), "https://pay.example.com", &[]);
        let _ = retry_after_ms(&text, T0, |_| None);
    }
}
