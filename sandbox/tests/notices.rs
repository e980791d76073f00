//! Notices: WeChat's schedule until SUCCESS, and what a test can make of it. Source: WeChat Pay v2, native.php?chapter=9_7.

use crate::common::{MINUTE, NUMBER, PLACED, SUCCESS, World, notice, signed_with, world};
use sandbox::{Faults, NotifyFaults, Pay};
use wxpay::SignType;

fn faults(notify: NotifyFaults) -> Faults {
    Faults { notify, ..Faults::default() }
}

/// Steps from due time to due time until nothing is due; says when each was, in ms after `PLACED`.
async fn run_out(world: &World) -> Vec<i64> {
    let mut times = Vec::new();
    while let Some(due) = world.sandbox.next_due() {
        world.clock.set(due);
        times.push(due.minus(PLACED));
        world.step().await;
    }
    times
}

#[tokio::test]
async fn a_notice_says_what_was_paid_and_is_sent_once_when_it_is_acknowledged() {
    let world = world().await;
    let code_url = world.place(world.order()).await;
    let transaction_id = world.pay(&code_url).await;
    assert_eq!(run_out(&world).await, [0]);
    let got = world.shop.got();
    assert_eq!(got.len(), 1);
    let notice = notice(&got[0]);
    assert_eq!(signed_with(&notice), Some(SignType::Md5));
    let fields = [
        ("return_code", "SUCCESS"),
        ("result_code", "SUCCESS"),
        ("appid", "wxd930ea5d5a258f4f"),
        ("mch_id", "10000100"),
        ("device_info", "WEB"),
        ("openid", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"),
        ("is_subscribe", "N"),
        ("trade_type", "NATIVE"),
        ("bank_type", "OTHERS"),
        ("total_fee", "1990"),
        ("fee_type", "CNY"),
        ("cash_fee", "1990"),
        ("transaction_id", transaction_id.as_str()),
        ("out_trade_no", NUMBER),
        ("attach", "cart=42"),
        ("time_end", "20260315100000"),
    ];
    for (name, value) in fields {
        assert_eq!(notice.get(name), Some(value), "{name}");
    }
    let record = &world.notices().await[0];
    assert_eq!(record.out_trade_no, NUMBER);
    assert_eq!((record.status, record.answer.as_deref()), (Some(200), Some(SUCCESS)));
    assert_eq!((record.sent_at_ms, record.body.as_str()), (PLACED, got[0].as_str()));
}

#[tokio::test]
async fn the_notice_of_an_order_signed_with_hmac_is_signed_so_and_does_not_say_it() {
    let world = world().await;
    let code_url = world.place(world.order().with("sign_type", "HMAC-SHA256")).await;
    world.pay(&code_url).await;
    world.step().await;
    let notice = notice(&world.shop.got()[0]);
    assert_eq!(signed_with(&notice), Some(SignType::HmacSha256));
    assert_eq!(notice.get("sign_type"), None);
}

#[tokio::test]
async fn a_notice_that_is_never_acknowledged_is_sent_sixteen_times_in_a_day() {
    let world = world().await;
    world.shop.answers(500, SUCCESS);
    let code_url = world.place(world.order()).await;
    world.pay(&code_url).await;
    // 15 s / 15 s / 30 s / 3 m / 10 m / 20 m / 30 m / 30 m / 30 m / 60 m / 3 h / 3 h / 3 h / 6 h / 6 h
    let seconds =
        [0, 15, 30, 60, 240, 840, 2040, 3840, 5640, 7440, 11_040, 21_840, 32_640, 43_440, 65_040, 86_640];
    assert_eq!(run_out(&world).await, seconds.map(|s| s * 1000)); // 24 h 4 min in total
    let got = world.shop.got();
    assert!(got.iter().all(|body| *body == got[0]), "the same message each time");
}

#[tokio::test]
async fn only_http_200_and_the_bare_success_document_end_the_retries() {
    let fail = "<xml><return_code><![CDATA[FAIL]]></return_code></xml>";
    let declared = format!("<?xml version=\"1.0\"?>{SUCCESS}");
    let spaced = format!("\n{SUCCESS}");
    let wrong = [
        (201, SUCCESS),
        (302, SUCCESS),
        (503, SUCCESS),
        (200, ""),
        (200, "success"),
        (200, r#"{"code":"SUCCESS"}"#),
        (200, fail),
        (200, declared.as_str()),
        (200, spaced.as_str()),
    ];
    for (status, body) in wrong {
        let world = world().await;
        world.shop.answers(status, body);
        let code_url = world.place(world.order()).await;
        world.pay(&code_url).await;
        world.step().await;
        assert_eq!(world.sandbox.next_due(), Some(PLACED.plus_ms(15_000)), "{status} {body}");
        world.shop.answers(200, SUCCESS);
        world.clock.advance(15_000);
        world.step().await;
        assert_eq!(world.sandbox.next_due(), None);
        assert_eq!(world.shop.got().len(), 2);
    }
}

#[tokio::test]
async fn a_merchant_that_takes_longer_than_five_seconds_is_asked_again() {
    let world = world().await;
    world.shop.is_silent();
    let code_url = world.place(world.order()).await;
    world.pay(&code_url).await;
    world.step().await;
    assert_eq!(world.sandbox.next_due(), Some(PLACED.plus_ms(15_000)));
    let record = &world.notices().await[0];
    assert_eq!((record.status, record.answer.as_deref()), (None, None));
}

#[tokio::test]
async fn a_lost_notice_does_not_arrive_and_is_tried_again() {
    let world = world().await;
    world.sandbox.set_faults(faults(NotifyFaults { lose: true, ..NotifyFaults::default() }));
    let code_url = world.place(world.order()).await;
    world.pay(&code_url).await;
    world.step().await;
    assert!(world.shop.got().is_empty());
    assert_eq!(world.notices().await[0].status, None);
    assert_eq!(world.query().await.get("trade_state"), Some("SUCCESS"));
    world.sandbox.set_faults(Faults::default());
    world.clock.advance(15_000);
    world.step().await;
    assert_eq!(world.shop.got().len(), 1);
}

#[tokio::test]
async fn a_notice_can_be_repeated_a_thousand_times_and_delayed() {
    let world = world().await;
    let notify = NotifyFaults { repeat: 999, delay_ms: 2_500, ..NotifyFaults::default() };
    world.sandbox.set_faults(faults(notify));
    let code_url = world.place(world.order()).await;
    world.pay(&code_url).await;
    world.clock.advance(2_499);
    world.step().await;
    assert!(world.shop.got().is_empty());
    world.clock.advance(1);
    world.step().await;
    assert_eq!(world.shop.got().len(), 1_000);
    assert_eq!(world.notices().await.len(), 1_000);
    assert_eq!(world.sandbox.next_due(), None);
}

#[tokio::test]
async fn a_forged_notice_has_a_wrong_signature_and_a_changed_amount_a_right_one() {
    let world = world().await;
    let code_url = world.place(world.order()).await;
    world.pay(&code_url).await;
    world.shop.answers(500, "");
    world.sandbox.set_faults(faults(NotifyFaults { forge_sign: true, ..NotifyFaults::default() }));
    world.step().await;
    world.sandbox.set_faults(faults(NotifyFaults { total_fee: Some(1), ..NotifyFaults::default() }));
    world.clock.advance(15_000);
    world.step().await;
    let got: Vec<_> = world.shop.got().iter().map(|body| notice(body)).collect();
    assert_eq!(got[0].get("sign").unwrap().len(), 32);
    assert_eq!(signed_with(&got[0]), None);
    assert_eq!(got[0].get("total_fee"), Some("1990"));
    assert_eq!(signed_with(&got[1]), Some(SignType::Md5));
    assert_eq!(got[1].get("total_fee"), Some("1"));
}

#[tokio::test]
async fn a_paid_order_can_be_paid_again_and_a_closed_one_by_force() {
    let world = world().await;
    let code_url = world.place(world.order()).await;
    let first = world.pay(&code_url).await;
    assert_eq!(world.sandbox.pay(&code_url, Pay::default()).await, Err(sandbox::PayError::Paid));
    let again = Pay { again: true, ..Pay::default() };
    let second = world.sandbox.pay(&code_url, again).await.unwrap().transaction_id;
    assert_ne!(first, second);
    world.step().await;
    let ids: Vec<_> =
        world.shop.got().iter().map(|b| notice(b).get("transaction_id").unwrap().to_owned()).collect();
    assert!(ids.contains(&first) && ids.contains(&second) && ids.len() == 2);
    assert_eq!(world.query().await.get("transaction_id"), Some(first.as_str()));

    let late = world.order().with("out_trade_no", "BK20260315000002");
    let code_url = world.place(late).await;
    world.clock.advance(120 * MINUTE);
    let force = Pay { force: true, ..Pay::default() };
    world.sandbox.pay(&code_url, force).await.unwrap();
    world.step().await;
    let notice = notice(&world.shop.got()[2]);
    assert_eq!(notice.get("out_trade_no"), Some("BK20260315000002"));
    assert_eq!(notice.get("time_end"), Some("20260315120000"));
}

#[tokio::test]
async fn speed_shortens_wechats_waits_and_leaves_the_hour_of_the_day() {
    let world = world().await;
    world.shop.answers(500, "");
    world.sandbox.set_faults(Faults { speed: 60, ..Faults::default() });
    let code_url = world.place(world.order()).await;
    world.clock.advance(5_000); // five minutes of WeChat's
    world.pay(&code_url).await;
    world.step().await;
    assert_eq!(world.sandbox.next_due(), Some(PLACED.plus_ms(5_250))); // 15 s / 60
    assert_eq!(notice(&world.shop.got()[0]).get("time_end"), Some("20260315100005"));
    let other = world.order().with("out_trade_no", "BK20260315000002");
    world.place(other).await;
    world.clock.advance(5_000);
    let request = crate::common::base().with("out_trade_no", "BK20260315000002");
    assert_eq!(world.post("/pay/closeorder", request).await.get("result_code"), Some("SUCCESS"));
}

#[tokio::test]
async fn the_loop_sends_what_is_due_by_itself() {
    let world = world().await;
    let sandbox = world.sandbox.clone();
    let running = tokio::spawn(async move { sandbox.run_notices().await });
    world.shop.answers(500, "");
    let code_url = world.place(world.order()).await;
    world.pay(&code_url).await;
    for seconds in [0, 15, 15, 30] {
        let before = world.notices().await.len();
        world.clock.advance(seconds * 1000);
        for _ in 0..500 {
            if world.notices().await.len() > before {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        // The answer moves the next due time, which the next round waits for.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(world.shop.got().len(), 4);
    running.abort();
}
