//! The whole sandbox on a port and the machine's clock, as `saoma sandbox` runs it.

use std::time::Duration;

use crate::common::{signed, world};
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

/// A served sandbox, its address, and what ends it.
async fn served(deliver: Deliver) -> (Sandbox, String, tokio::sync::oneshot::Sender<()>) {
    let options = Options { merchant: Merchant::sandbox(), store: None, clock: Clock::real(), deliver };
    let sandbox = Sandbox::open(options).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    tokio::spawn(sandbox.clone().serve(listener, async move {
        let _ = stopped.await;
    }));
    (sandbox, url, stop)
}

#[tokio::test]
async fn a_page_under_another_name_reaches_no_sandbox_on_this_machine() {
    let world = world().await; // for its client
    let (_sandbox, url, _stop) = served(Deliver::ToThisMachine).await;
    for (host, status) in
        [("rebound.example:3080", 421), ("localhost:3080", 200), ("127.0.0.1", 200), ("[::1]:1", 200)]
    {
        let response =
            world.http.get(format!("{url}/control/notices")).header("host", host).send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{host}");
    }
}

#[tokio::test]
async fn a_notice_for_another_machine_is_not_sent_unless_told() {
    for (deliver, arrives) in [(Deliver::ToThisMachine, false), (Deliver::Http, true)] {
        let world = world().await; // for its shop
        let (sandbox, url, _stop) = served(deliver).await;
        // An address that leads to this machine, and does not say so.
        let order = world.order().with("time_start", "").with("time_expire", "");
        let notify_url = order.get("notify_url").unwrap().replace("127.0.0.1", "0.0.0.0");
        let order = signed(order.with("notify_url", &notify_url));
        let reply =
            world.http.post(format!("{url}/pay/unifiedorder")).body(order.to_xml()).send().await.unwrap();
        let reply = Fields::read(reply.text().await.unwrap().as_bytes(), 65_536).unwrap();
        sandbox.pay(reply.get("code_url").unwrap(), Pay::default()).await.unwrap();
        let tried = async {
            while sandbox.notices().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), tried).await.unwrap();
        assert_eq!(!world.shop.got().is_empty(), arrives);
    }
}
