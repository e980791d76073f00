//! Names and addresses that must not be reached: nothing is ever connected to them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cashier::Clock;
use cashier::webhooks::Names;

use super::world::{ATTEMPTS, Answer, DELIVERED, Process, Receiver, T0, on_both};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Counts who connects.
async fn trap(at: &str) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind(at).await.unwrap();
    let (addr, count) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        loop {
            listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (addr, count)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_becomes_a_private_address_is_never_connected_to() {
    on_both(async |url| {
        // Each event needs a connection of its own, so that the name is looked up again.
        let receiver = Receiver::start(|_| Answer::With(200, "connection", "close".to_owned())).await;
        // The port is that of the endpoint's address, whatever a look-up says.
        let (trap, connected) = trap(&format!("127.0.0.2:{}", receiver.addr.port())).await;
        let names = Names::table();
        // The settings let deliveries into 10.1.0.0/16 only; the receiver stands there.
        names.set("shop.test", &[(ip("10.1.0.7"), receiver.addr)]);
        let one = Process::with(&url, &Clock::manual(T0), names.clone(), &["10.1.0.0/16"]).await;
        let (endpoint, _) = one.endpoint(&format!("http://shop.test:{}/", receiver.addr.port())).await;
        one.events(&["recharge/A"]).await;
        one.until(DELIVERED, 1).await;
        for seen in ["127.0.0.1", "::ffff:127.0.0.1", "10.2.0.1", "169.254.169.254", "::1", "0.0.0.0"] {
            names.set("shop.test", &[(ip(seen), trap)]);
            let before = one.count(ATTEMPTS).await;
            one.events(&[&format!("recharge/{seen}")]).await;
            one.until(ATTEMPTS, before + 1).await;
            let blocked = one.count("webhook_attempts WHERE problem = 'blocked_address'").await;
            assert_eq!(blocked, before, "{seen}");
            // Each failure would make the endpoint ill.
            one.webhooks.set_enabled(endpoint.id.as_str(), None, false, &super::world::lin()).await.unwrap();
            one.webhooks.set_enabled(endpoint.id.as_str(), None, true, &super::world::lin()).await.unwrap();
        }
        assert_eq!(connected.load(Ordering::SeqCst), 0);
        // Of two addresses only the one that may be reached is.
        names.set("shop.test", &[(ip("127.0.0.1"), trap), (ip("10.1.0.7"), receiver.addr)]);
        one.events(&["recharge/Z"]).await;
        one.until("webhook_deliveries WHERE state = 'delivered' AND subject = 'recharge/Z'", 1).await;
        assert_eq!(connected.load(Ordering::SeqCst), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_settings_do_not_name_any_more_is_not_connected_to() {
    on_both(async |url| {
        let (trap, connected) = trap("127.0.0.1:0").await;
        let clock = Clock::manual(T0);
        let one = Process::start(&url, &clock).await;
        one.endpoint(&format!("http://{trap}/")).await;
        one.kill().await;
        let one = Process::with(&url, &clock, Names::system(), &[]).await;
        one.events(&["recharge/A"]).await;
        one.until("webhook_attempts WHERE problem = 'blocked_address'", 1).await;
        assert_eq!(connected.load(Ordering::SeqCst), 0);
    })
    .await;
}
