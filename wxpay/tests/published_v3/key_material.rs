//! Keys and certificates of API v3: WeChat's, which prove themselves and end, and the merchant's own.

use wxpay::MchId;
use wxpay::v3::certificate::Certificate;
use wxpay::v3::certificates::{self, CertificatesError};
use wxpay::v3::keys::{Entry, KeyRing, PublicKey, PublicKeyId, Serial};
use wxpay::v3::merchant::Merchant;
use wxpay::v3::seal::{ApiV3Key, ApiV3Keys, SealError};
use wxpay::v3::sign::SigningKey;
use wxpay::v3::signed::{SignError, SignedHead};

use crate::published_v3::{CERTIFICATE_SERIAL, key};
use crate::wechat_v3::documents::*;
use crate::wechat_v3::keys::*;
use crate::wechat_v3::*;

fn listed() -> Head {
    Head::new(1_773_540_006, "respnonce00000000000000000000003", CERTIFICATE_SERIAL, CERTIFICATES_SIGNATURE)
}

#[test]
fn the_first_list_of_certificates_proves_itself() {
    let now = seconds(1_773_540_006);
    let head = SignedHead::read(listed().get()).unwrap();
    let read = |body: &str, keys: &KeyRing, apiv3: &ApiV3Keys| {
        certificates::read(&head, body.as_bytes(), apiv3, keys, now)
    };
    let empty = KeyRing::default();
    let found = read(CERTIFICATES, &empty, &apiv3()).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].pem, PLATFORM_CERTIFICATE);
    assert_eq!(found[0].not_before.to_beijing_rfc3339(), "2026-01-01T08:00:00+08:00");
    assert_eq!(found[0].not_after.to_beijing_rfc3339(), "2030-12-31T08:00:00+08:00");
    assert!(empty.list().is_empty(), "reading adds nothing");
    empty.add_certificates(found, now);
    assert_eq!(empty.newest_serial(now), Some(Serial::parse(CERTIFICATE_SERIAL).unwrap()));
    assert!(matches!(&empty.list()[..], [(_, Entry::Certificate(one))] if one.pem == PLATFORM_CERTIFICATE));
    assert_eq!(read(CERTIFICATES, &empty, &apiv3()).unwrap().len(), 1);

    let none = KeyRing::default();
    let other_key = ApiV3Key::parse(&"A".repeat(32)).unwrap().into();
    assert_eq!(read(CERTIFICATES, &none, &other_key), Err(CertificatesError::Sealed(SealError)));
    let spaced = CERTIFICATES.replace("\":", "\": ");
    assert_eq!(read(&spaced, &none, &apiv3()), Err(CertificatesError::BadSignature(SignError::Mismatch)));
    let renamed = CERTIFICATES.replace("\"3F0E", "\"3F0F");
    assert!(matches!(read(&renamed, &none, &apiv3()), Err(CertificatesError::BadField(_))));
    assert!(matches!(read("{\"data\":[]}", &none, &apiv3()), Err(CertificatesError::BadSignature(_))));
    assert!(matches!(read("[]", &none, &apiv3()), Err(CertificatesError::Malformed(_))));
    assert!(none.list().is_empty());
}

#[test]
fn a_certificate_counts_from_300_s_before_its_time_to_its_end_and_is_then_dropped() {
    let certificate = Certificate::from_pem(PLATFORM_CERTIFICATE).unwrap();
    let (from, to, serial) = (certificate.not_before, certificate.not_after, certificate.serial.clone());
    let keys = KeyRing::default();
    keys.add_certificates([certificate], from);
    for (now, counts) in [
        (from.plus_ms(-300_001), false),
        (from.plus_ms(-300_000), true),
        (from, true),
        (to, true),
        (to.plus_ms(1), false),
    ] {
        assert_eq!(keys.key(&serial, now).is_some(), counts, "{now:?}");
        assert_eq!(keys.newest_serial(now).is_some(), counts, "{now:?}");
    }
    let same_ring = keys.clone();
    keys.add_certificates([], to);
    assert_eq!(same_ring.list().len(), 1);
    keys.add_certificates([], to.plus_ms(1));
    assert!(same_ring.list().is_empty());
}

#[test]
fn requests_name_the_first_public_key_else_a_certificate() {
    let now = seconds(PAID_AT);
    let [first, second] = ["PUB_KEY_ID_2", "PUB_KEY_ID_1"].map(|id| PublicKeyId::parse(id).unwrap());
    let key = PublicKey::from_pem(PLATFORM_KEY.as_bytes()).unwrap();
    let keys = KeyRing::new([(first.clone(), key.clone()), (second, key)]);
    keys.add_certificates([Certificate::from_pem(PLATFORM_CERTIFICATE).unwrap()], now);
    assert_eq!(keys.newest_serial(now), Some(first.into()));
    assert_eq!(keys.list().len(), 3);
    assert_eq!(KeyRing::default().newest_serial(now), None);
}

#[test]
fn the_public_test_identity_knows_that_it_is_one() {
    assert!(merchant().is_sandbox());
    let mch_id = MchId::parse("1600000001").unwrap();
    let apiv3: ApiV3Keys = ApiV3Key::parse(&"A".repeat(32)).unwrap().into();
    assert!(Merchant { mch_id: mch_id.clone(), ..merchant() }.is_sandbox(), "the keys are public");
    assert!(
        Merchant { mch_id: mch_id.clone(), apiv3: apiv3.clone(), ..merchant() }.is_sandbox(),
        "the RSA key is"
    );
    let key = SigningKey::from_pem(STRANGERS_KEY.as_bytes()).unwrap();
    let own = Merchant { mch_id, apiv3: apiv3.clone(), key: key.clone(), ..merchant() };
    assert!(!own.is_sandbox());
    assert!(
        Merchant { apiv3: ApiV3Keys { old: Some(self::apiv3().new), ..apiv3.clone() }, ..own }.is_sandbox()
    );
    assert!(Merchant { mch_id: MchId::parse("10000100").unwrap(), apiv3, key, ..merchant() }.is_sandbox());
}

#[test]
fn a_merchants_key_is_rsa_of_2048_bits_in_either_form_and_says_what_is_wrong() {
    let refused = |pem: &str| SigningKey::from_pem(pem.as_bytes()).unwrap_err().to_string();
    let rsa = SigningKey::from_pem(STRANGERS_KEY_PKCS1.as_bytes()).unwrap();
    let same = SigningKey::from_pem(STRANGERS_KEY.as_bytes()).unwrap();
    assert_eq!(rsa.public_key_der(), same.public_key_der());
    assert_eq!(key().public_key_der(), PublicKey::from_pem(MERCHANT_PUBLIC_KEY.as_bytes()).unwrap().der());
    assert_eq!(format!("{:?}", key()), "SigningKey(•••)");
    let both = format!("{PLATFORM_CERTIFICATE}{MERCHANT_KEY}");
    assert!(SigningKey::from_pem(both.as_bytes()).is_ok(), "a file with the certificate in it too");
    for not_one in ["", "x", PLATFORM_CERTIFICATE, MERCHANT_PUBLIC_KEY] {
        assert!(refused(not_one).contains("BEGIN PRIVATE KEY"), "{not_one}");
    }
    for (pem, says) in [
        (RSA_3072_KEY, "2048 bits"),
        (EC_KEY, "2048 bits"),
        (&EC_KEY.replace("PRIVATE", "EC PRIVATE"), "an RSA key"),
        (&MERCHANT_KEY.replace("PRIVATE", "ENCRYPTED PRIVATE"), "without a password"),
        (&MERCHANT_KEY.replacen("MIIEvAIB", "MIIEvAIC", 1), "2048 bits"),
    ] {
        assert!(refused(pem).contains(says), "{}", refused(pem));
    }
    for not_one in ["", PLATFORM_CERTIFICATE, MERCHANT_KEY, &MERCHANT_PUBLIC_KEY.replacen("MIIB", "MIIC", 1)]
    {
        assert!(PublicKey::from_pem(not_one.as_bytes()).is_err());
    }
}
