//! What a client for WeChat signs with and believes by.

use sandbox::Sandbox;
use wxpay::{
    Error, InvalidValue, Merchant, Protocol,
    client::Credentials,
    v3::{
        self,
        keys::{KeyRing, PublicKey, PublicKeyId, Serial},
        seal::ApiV3Key,
        sign::SigningKey,
    },
};

use crate::config::{self, V3};

/// A merchant's, for each protocol that is set.
///
/// # Errors
/// [`Error::Invalid`] if there are none; the settings are checked before.
pub(crate) fn of_merchant(merchant: &config::Credentials, first: Protocol) -> Result<Credentials, Error> {
    match (merchant.v2.clone(), merchant.v3.as_ref().map(V3::credentials)) {
        (Some(v2), Some(v3)) => Credentials::both(v2, v3, first).map_err(Error::Invalid),
        (Some(v2), None) => Ok(v2.into()),
        (None, Some(v3)) => Ok(v3.into()),
        (None, None) => Err(Error::Invalid(InvalidValue {
            what: "the merchant",
            must_be: "one with credentials for API v2 or v3",
        })),
    }
}

/// Those that the sandbox of this process has made for its merchant, for both protocols. Its public key and its platform
/// certificates are both believed, as in the days of a change.
///
/// # Errors
/// [`Error::Invalid`] if the sandbox has kept what cannot be read.
pub(crate) fn of_sandbox(sandbox: &Sandbox, first: Protocol) -> Result<Credentials, Error> {
    let (v2, identity) = (Merchant::clone(&sandbox.merchant()), sandbox.identity());
    let read = || -> Result<v3::Credentials, InvalidValue> {
        let file = |name| sandbox.key_file(name).unwrap_or_default();
        let merchant = v3::Merchant {
            mch_id: v2.mch_id.clone(),
            appid: v2.appid.clone(),
            serial: Serial::parse(&identity.serial)?,
            key: SigningKey::from_pem(file("apiclient_key.pem").as_bytes())?,
            apiv3: ApiV3Key::parse(&identity.apiv3_key)?.into(),
        };
        let public_key = PublicKey::from_pem(file("pub_key.pem").as_bytes())?;
        let keys = KeyRing::new([(PublicKeyId::parse(&identity.public_key_id)?, public_key)]);
        Ok(v3::Credentials { merchant, keys, has_certificates: true })
    };
    let v3 = read().map_err(Error::Invalid)?;
    Credentials::both(v2, v3, first).map_err(Error::Invalid)
}
