//! Our own reading of API v3 (`wxpay::v3`) and the sandbox's agree, though neither knows the other's.

use sandbox::{Certificates, Faults, Rotation, V3Faults, WrongSerial, WrongTag};
use wxpay::v3::certificates::{self, PATH};
use wxpay::v3::keys::KeyRing;
use wxpay::v3::notice::{self, Notice, NoticeError};
use wxpay::v3::signed::SignedHead;

use crate::common::{NUMBER, World, world};
use crate::v3::credentials::{by_public_key, merchant};
use crate::v3::merchant::Merchant;

/// Downloads the certificates into a ring that is empty.
async fn by_certificates(world: &World) -> KeyRing {
    let reply = Merchant::new(world).get(PATH).await;
    let head = |name: &'static str| -> Vec<&[u8]> {
        reply.headers.get_all(name).iter().map(|value| value.as_bytes()).collect()
    };
    let ring = KeyRing::new([]);
    let now = world.clock.now();
    let list =
        certificates::read(&SignedHead::read(head).unwrap(), &reply.body, &merchant(world).apiv3, &ring, now);
    ring.add_certificates(list.unwrap(), now);
    ring
}

/// The newest notice as our side reads it.
async fn told(world: &World, ring: &KeyRing) -> Result<Notice, NoticeError> {
    world.step().await;
    let record = world.notices().await.pop().unwrap();
    let head = |name: &'static str| -> Vec<&[u8]> {
        let of_name = record.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        of_name.map(|(_, value)| value.as_bytes()).collect()
    };
    notice::read(head, record.body.as_bytes(), &merchant(world), ring, world.clock.now())
}

#[tokio::test]
async fn a_payment_and_a_refund_are_believed_by_the_public_key_and_by_certificates() {
    for mode in ["public key", "certificates"] {
        let world = world().await;
        world.shop.answers(204, "");
        let (ring, shop) = match mode {
            "public key" => (by_public_key(&world), Merchant::with_public_key(&world)),
            _ => (by_certificates(&world).await, Merchant::new(&world)),
        };
        let transaction_id = shop.place_and_pay().await;
        let Ok(Notice::Paid(payment)) = told(&world, &ring).await else { panic!("{mode}") };
        assert_eq!(payment.transaction_id.as_str(), transaction_id);
        assert_eq!((payment.out_trade_no.as_str(), payment.total_fee.get()), (NUMBER, 1990));
        shop.refund(&shop.refund_body()).await.ok();
        world.clock.advance(3_000);
        assert!(matches!(told(&world, &ring).await, Ok(Notice::Refund(_))), "{mode}");
    }
}

#[tokio::test]
async fn each_fault_of_a_notice_is_refused_by_its_own_word() {
    let v3 = V3Faults::default;
    for (faults, word) in [
        (V3Faults { notice_serial: Some(WrongSerial::Unknown), ..v3() }, "unknown_serial"),
        (V3Faults { notice_serial: Some(WrongSerial::Merchant), ..v3() }, "unknown_serial"),
        (V3Faults { timestamp_s: -301, ..v3() }, "stale"),
        (V3Faults { timestamp_s: 301, ..v3() }, "stale"),
        (V3Faults { probe_notices: 1.0, ..v3() }, "probe"),
        (V3Faults { drop_headers: vec!["Wechatpay-Nonce".into()], ..v3() }, "no_headers"),
        (V3Faults { tag: Some(WrongTag::Wrong), ..v3() }, "seal"),
        (V3Faults { tag: Some(WrongTag::NoAad), ..v3() }, "seal"),
        (V3Faults { tag: Some(WrongTag::OtherKey), ..v3() }, "seal"),
    ] {
        let world = world().await;
        let ring = by_certificates(&world).await;
        world.sandbox.set_faults(Faults { v3: faults.clone(), ..Faults::default() });
        Merchant::new(&world).place_and_pay().await;
        let refused = told(&world, &ring).await.unwrap_err();
        assert_eq!(refused.kind(), word, "{faults:?}");
    }
}

#[tokio::test]
async fn a_notice_by_a_new_certificate_is_believed_once_it_has_been_downloaded() {
    let world = world().await;
    world.shop.answers(500, "");
    let ring = by_certificates(&world).await;
    let shop = Merchant::new(&world);
    let code_url = shop.place().await;
    world.sandbox.rotate(Rotation::default()).await.unwrap();
    world.pay(&code_url).await;
    assert_eq!(told(&world, &ring).await.unwrap_err().kind(), "unknown_serial");
    let ring = by_certificates(&world).await;
    world.clock.set(world.sandbox.next_due().unwrap());
    assert!(matches!(told(&world, &ring).await, Ok(Notice::Paid(_))));
}

#[tokio::test]
async fn ended_certificates_prove_nothing() {
    let world = world().await;
    let v3 = V3Faults { certificates: Some(Certificates::Expired), ..V3Faults::default() };
    world.sandbox.set_faults(Faults { v3, ..Faults::default() });
    let reply = Merchant::new(&world).get(PATH).await;
    let head = |name: &'static str| -> Vec<&[u8]> {
        reply.headers.get_all(name).iter().map(|value| value.as_bytes()).collect()
    };
    let (apiv3, ring) = (merchant(&world).apiv3, KeyRing::new([]));
    let head = SignedHead::read(head).unwrap();
    assert!(certificates::read(&head, &reply.body, &apiv3, &ring, world.clock.now()).is_err());
}
