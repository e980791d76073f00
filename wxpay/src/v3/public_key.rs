//! [`PublicKey`]: a key that checks signatures.

use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use x509_parser::oid_registry::OID_PKCS1_RSAENCRYPTION;
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey as Parsed;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::types::InvalidValue;

/// An RSA public key of at least 2048 bits, as a DER `RSAPublicKey`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(Vec<u8>);

impl PublicKey {
    /// Reads `pub_key.pem` (`BEGIN PUBLIC KEY`), as the merchant platform gives WeChat Pay's public key out.
    /// # Errors
    /// [`InvalidValue`] if there is no such block, or the key is none of RSA with at least 2048 bits.
    pub fn from_pem(pem: &[u8]) -> Result<Self, InvalidValue> {
        let invalid = |must_be| InvalidValue { what: "the public key", must_be };
        let block = Pem::iter_from_buffer(pem).flatten().find(|block| block.label == "PUBLIC KEY");
        let block = block.ok_or(invalid("PEM that begins with -----BEGIN PUBLIC KEY----- (pub_key.pem)"))?;
        let of_rsa = match SubjectPublicKeyInfo::from_der(&block.contents) {
            Ok(([], spki)) => Self::from_spki(&spki),
            _ => None,
        };
        of_rsa.ok_or(invalid("an RSA key of at least 2048 bits (pub_key.pem)"))
    }

    /// The key of a certificate; `None` if it is none of RSA with at least 2048 bits.
    pub(crate) fn from_spki(spki: &SubjectPublicKeyInfo<'_>) -> Option<Self> {
        let of_rsa = spki.algorithm.algorithm == OID_PKCS1_RSAENCRYPTION;
        let Ok(Parsed::RSA(key)) = spki.parsed() else { return None };
        let long_enough = (2048..=8192).contains(&key.key_size());
        (of_rsa && long_enough).then(|| PublicKey(spki.subject_public_key.data.to_vec()))
    }

    /// Whether this key's private half signed `message`: RSASSA-PKCS1-v1_5 with SHA-256.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.der()).verify(message, signature).is_ok()
    }

    /// The key as a DER `RSAPublicKey` (PKCS#1).
    pub fn der(&self) -> &[u8] {
        &self.0
    }
}
