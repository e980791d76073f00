//! The keys: made once, kept, shown, replaced.

use sandbox::{Rotation, RotationError};
use serde_json::{Value, json};
use sqlx::any::AnyPoolOptions;

use crate::common::{PLACED, World, world, world_with};
use crate::v3::merchant::{Merchant, der, open};

/// The certificates that `/v3/certificates` seals, by serial.
async fn downloaded(world: &World) -> Vec<(String, String)> {
    let list = Merchant::new(world).get("/v3/certificates").await.ok();
    let key = world.sandbox.identity().apiv3_key;
    let read = |one: &Value| {
        assert_eq!(one["encrypt_certificate"]["associated_data"], "certificate");
        (one["serial_no"].as_str().unwrap().to_owned(), open(&one["encrypt_certificate"], &key).unwrap())
    };
    list["data"].as_array().unwrap().iter().map(read).collect()
}

#[tokio::test]
async fn certificates_are_x509_with_the_serial_that_they_go_by() {
    let world = world().await;
    let identity = world.sandbox.identity();
    let listed = downloaded(&world).await;
    assert_eq!(
        listed.iter().map(|(serial, _)| serial).collect::<Vec<_>>(),
        identity.platform_serials.iter().collect::<Vec<_>>()
    );
    let merchant = (identity.serial.clone(), world.sandbox.key_file("apiclient_cert.pem").unwrap());
    for (serial, pem) in listed.into_iter().chain([merchant]) {
        let der = der(&pem);
        let (_, certificate) = x509_parser::parse_x509_certificate(&der).unwrap();
        assert_eq!(certificate.raw_serial().iter().map(|b| format!("{b:02X}")).collect::<String>(), serial);
        assert_eq!(serial.len(), 40);
        let (from, to) =
            (certificate.validity().not_before.timestamp(), certificate.validity().not_after.timestamp());
        assert!(from < PLACED.get() / 1000 && PLACED.get() / 1000 + 86_400 < to);
        assert_eq!(certificate.public_key().parsed().unwrap().key_size(), 2048);
    }
    assert!(identity.public_key_id.starts_with("PUB_KEY_ID_01") && identity.public_key_id.len() == 45);
}

#[tokio::test]
async fn the_files_are_served_and_written_and_the_identity_names_them() {
    let world = world().await;
    let (status, identity) = world.get("/control/identity").await;
    assert_eq!(status, 200);
    let identity: Value = serde_json::from_str(&identity).unwrap();
    assert_eq!(
        (identity["mch_id"].as_str(), identity["apiv3_key"].as_str()),
        (Some("10000100"), Some("TestOnlyApiV3Key0123456789abcdef"))
    );
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("keys");
    world.sandbox.write_keys(&folder).unwrap();
    let names: Vec<&str> = identity["keys"].as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "apiclient_key.pem",
            "apiclient_cert.pem",
            "pub_key.pem",
            "pub_key_id.txt",
            "apiv3_key.txt",
            "platform_1.pem",
            "platform_2.pem"
        ]
    );
    for name in names {
        let (status, text) = world.get(&format!("/keys/{name}")).await;
        assert_eq!((status, std::fs::read_to_string(folder.join(name)).unwrap()), (200, text), "{name}");
    }
    assert!(world.get("/keys/apiclient_key.pem").await.1.starts_with("-----BEGIN PRIVATE KEY-----"));
    assert!(world.get("/keys/pub_key.pem").await.1.starts_with("-----BEGIN PUBLIC KEY-----"));
    assert_eq!(world.get("/keys/stranger.pem").await.0, 404);
}

#[tokio::test]
async fn a_new_platform_certificate_signs_from_the_next_answer_on() {
    let world = world().await;
    let before = world.sandbox.identity().platform_serials;
    let merchant = Merchant::new(&world);
    assert_eq!(merchant.get("/v3/certificates").await.signed_by(&world).as_ref(), before.last());
    let (status, identity) = world.control("POST", "/control/rotate", json!({})).await;
    assert_eq!(status, 200);
    let newest = identity["platform_serials"][2].as_str().unwrap().to_owned();
    assert!(!before.contains(&newest));
    assert_eq!(merchant.get("/v3/certificates").await.signed_by(&world), Some(newest));
    assert_eq!(downloaded(&world).await.len(), 3);
    let older = Merchant { world: &world, named: Some(before[0].clone()) };
    assert_eq!(older.get("/v3/certificates").await.signed_by(&world).as_ref(), before.first());
}

#[tokio::test]
async fn a_new_apiv3_key_seals_from_the_next_notice_on() {
    let world = world().await;
    world.shop.answers(204, "");
    let key = "A".repeat(32);
    let (status, _) = world.control("POST", "/control/rotate", json!({ "apiv3": key })).await;
    assert_eq!(status, 200);
    Merchant::new(&world).place_and_pay().await;
    world.step().await;
    let notice: Value = serde_json::from_str(&world.shop.got()[0]).unwrap();
    assert!(open(&notice["resource"], &key).is_some());
    assert_eq!(open(&notice["resource"], "TestOnlyApiV3Key0123456789abcdef"), None);
    for bad in ["short".to_owned(), "-".repeat(32), "A".repeat(33)] {
        let refused = world.sandbox.rotate(Rotation { apiv3: Some(bad), ..Rotation::default() }).await;
        assert!(matches!(refused, Err(RotationError::BadKey)));
    }
    assert_eq!(world.control("POST", "/control/rotate", json!({ "apiv2": "x" })).await.0, 400);
}

#[tokio::test]
async fn a_restart_keeps_the_keys() {
    sqlx::any::install_default_drivers();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}?mode=rwc", folder.path().join("sandbox.db").display());
    let open = async || Some(AnyPoolOptions::new().max_connections(2).connect(&url).await.unwrap());
    let before = world_with(open().await).await;
    before.sandbox.rotate(Rotation::default()).await.unwrap();
    let kept = before.sandbox.identity();
    let after = world_with(open().await).await;
    assert_eq!(after.sandbox.identity(), kept);
    assert_eq!(after.sandbox.key_file("platform_3.pem"), before.sandbox.key_file("platform_3.pem"));
    assert_eq!(world().await.sandbox.identity().platform_serials.len(), 2);
}
