//! Endpoints that are changed while something is on its way to them.

use std::time::Duration;

use cashier::Clock;
use cashier::webhooks::{WebhookError, Webhooks};
use recharge::webhook::Choice;

use super::world::{ATTEMPTS, Answer, DELIVERED, Process, Receiver, T0, lin, on_both};

async fn first(receiver: &Receiver) {
    while receiver.got().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_while_its_endpoint_is_moved_and_rotated_comes_to_the_new_place_with_both_signatures() {
    on_both(async |url| {
        let one = Process::start(&url, &Clock::manual(T0)).await;
        let old = Receiver::start(|_| Answer::Late(Duration::from_millis(500), 500)).await;
        let new = Receiver::start(|_| Answer::Status(200)).await;
        let (endpoint, first_secret) = one.endpoint(&old.url()).await;
        let id = endpoint.id.as_str();
        one.events(&["recharge/A"]).await;
        first(&old).await;
        let there = new.url();
        one.webhooks.change(id, None, |choice| Choice { url: there, ..choice }, &lin()).await.unwrap();
        let (_, second_secret) = one.webhooks.rotate(id, None, Webhooks::KEEP_OLD_MS, &lin()).await.unwrap();
        one.until(ATTEMPTS, 1).await;
        one.later(6_000);
        one.until(DELIVERED, 1).await;
        let got = new.got().pop().unwrap();
        assert!(got.is_signed_by(&first_secret) && got.is_signed_by(&second_secret));
        assert!(old.got()[0].is_signed_by(&first_secret) && !old.got()[0].is_signed_by(&second_secret));
        let third = one.webhooks.rotate(id, None, Webhooks::KEEP_OLD_MS, &lin()).await;
        assert!(matches!(third, Err(WebhookError::RotationOpen { .. })), "{third:?}");
        one.later(Webhooks::KEEP_OLD_MS);
        one.events(&["recharge/B"]).await;
        one.until(DELIVERED, 2).await;
        let got = new.got().pop().unwrap();
        assert!(!got.is_signed_by(&first_secret) && got.is_signed_by(&second_secret));
        assert!(got.signatures.split(' ').count() == 1);
        // What is kept is sealed.
        let sealed = one.webhooks.find(id).await.unwrap().secret;
        assert!(!sealed.contains(&second_secret.expose()[6..]) && !sealed.contains("whsec_"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_or_disabled_endpoint_gets_nothing_more() {
    on_both(async |url| {
        let one = Process::start(&url, &Clock::manual(T0)).await;
        let [deleted, disabled] = [
            Receiver::start(|_| Answer::Late(Duration::from_millis(500), 500)).await,
            Receiver::start(|_| Answer::Late(Duration::from_millis(500), 500)).await,
        ];
        let (gone, _) = one.endpoint(&deleted.url()).await;
        let (off, _) = one.endpoint(&disabled.url()).await;
        one.events(&["recharge/A"]).await;
        first(&deleted).await;
        first(&disabled).await;
        one.webhooks.delete(gone.id.as_str(), &lin()).await.unwrap();
        one.webhooks.set_enabled(off.id.as_str(), None, false, &lin()).await.unwrap();
        one.until(ATTEMPTS, 1).await;
        one.events(&["recharge/B"]).await;
        one.later(60_000);
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!((deleted.got().len(), disabled.got().len()), (1, 1));
        one.webhooks.forget().await.unwrap();
        assert_eq!(one.count(&format!("webhook_deliveries WHERE endpoint = '{}'", gone.id)).await, 0);
        disabled.answers(|_| Answer::Status(200));
        one.webhooks.set_enabled(off.id.as_str(), None, true, &lin()).await.unwrap();
        one.until(DELIVERED, 2).await;
        let seqs: Vec<_> = disabled.got().iter().map(super::world::Got::seq).collect();
        assert_eq!(seqs.len(), 3, "{seqs:?}");
    })
    .await;
}
