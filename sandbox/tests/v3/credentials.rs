//! What our own side needs for API v3, read from the sandbox's files.

use wxpay::v3::keys::KeyRing;
use wxpay::v3::public_key::PublicKey;
use wxpay::v3::seal::ApiV3Key;
use wxpay::v3::serial::{PublicKeyId, Serial};
use wxpay::v3::signing_key::SigningKey;

use crate::common::World;

/// The sandbox's merchant with its files, as our side holds it.
pub fn merchant(world: &World) -> wxpay::v3::Merchant {
    let identity = world.sandbox.identity();
    wxpay::v3::Merchant {
        mch_id: wxpay::MchId::parse(identity.mch_id.as_str()).unwrap(),
        appid: wxpay::AppId::parse(identity.appid.as_str()).unwrap(),
        serial: Serial::parse(&identity.serial).unwrap(),
        key: SigningKey::from_pem(world.sandbox.key_file("apiclient_key.pem").unwrap().as_bytes()).unwrap(),
        apiv3: ApiV3Key::parse(&identity.apiv3_key).unwrap().into(),
    }
}

pub fn by_public_key(world: &World) -> KeyRing {
    let id = PublicKeyId::parse(&world.sandbox.identity().public_key_id).unwrap();
    let key = world.sandbox.key_file("pub_key.pem").unwrap();
    KeyRing::new([(id, PublicKey::from_pem(key.as_bytes()).unwrap())])
}
