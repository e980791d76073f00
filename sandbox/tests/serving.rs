//! The whole sandbox on a port and the machine's clock, as `saoma sandbox` runs it.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{signed, world};
use sandbox::{Clock, Deliver, Options, Pay, Sandbox};
use tokio::net::TcpListener;
use wxpay::Merchant;
use wxpay::v2::Fields;

#[tokio::test]
async fn a_served_sandbox_notifies_by_itself_and_stops_when_told() {
    let world = world().await; // for its shop
    let options =
        Options { merchant: Merchant::sandbox(), store: None, clock: Clock::real(), deliver: Deliver::Http };
    let sandbox = Sandbox::open(options).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/pay/unifiedorder", listener.local_addr().unwrap());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let shutdown = async move { stopped.await.unwrap() };
    let serving = tokio::spawn(sandbox.clone().serve(listener, shutdown));
    let order = signed(world.order().with("time_start", "").with("time_expire", ""));
    let reply = world.http.post(&url).body(order.to_xml()).send().await.unwrap();
    let reply = Fields::read(reply.text().await.unwrap().as_bytes(), 65_536).unwrap();
    sandbox.pay(reply.get("code_url").unwrap(), Pay::default()).await.unwrap();
    let arrived = async {
        while world.shop.got().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), arrived).await.unwrap();
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(5), serving).await.unwrap().unwrap().unwrap();
    assert!(world.http.post(&url).send().await.is_err());
}
