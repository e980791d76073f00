//! [`SigningKey`]: the private key of the merchant's API certificate.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use x509_parser::pem::Pem;

use crate::types::InvalidValue;

/// The private key with which the merchant signs requests and what invokes a payment. Whoever has it can order and refund
/// in the merchant's name, so `Debug` hides it. A clone is the same key, not a copy.
#[derive(Clone)]
pub struct SigningKey(Arc<RsaKeyPair>);

impl SigningKey {
    /// Reads `apiclient_key.pem`: PKCS#8 (`BEGIN PRIVATE KEY`, as WeChat's tool writes it) or PKCS#1
    /// (`BEGIN RSA PRIVATE KEY`). Other blocks in the file, such as a certificate, are passed over.
    /// # Errors
    /// [`InvalidValue`] that says what is there instead: no private key, an encrypted one, none of RSA, or one that does
    /// not have exactly 2048 bits.
    pub fn from_pem(pem: &[u8]) -> Result<Self, InvalidValue> {
        let invalid = |must_be| InvalidValue { what: "the merchant's private key", must_be };
        let block = Pem::iter_from_buffer(pem).flatten().find(|block| block.label.ends_with("PRIVATE KEY"));
        let block =
            block.ok_or(invalid("PEM that begins with -----BEGIN PRIVATE KEY----- (apiclient_key.pem)"))?;
        let key = match block.label.as_str() {
            "PRIVATE KEY" => RsaKeyPair::from_pkcs8(&block.contents),
            "RSA PRIVATE KEY" => RsaKeyPair::from_der(&block.contents),
            "ENCRYPTED PRIVATE KEY" => return Err(invalid("without a password, as apiclient_key.pem is")),
            _ => return Err(invalid("an RSA key (apiclient_key.pem)")),
        };
        // ring takes 2048 to 4096 bits. WeChat's scheme is called RSA2048.
        let key = key.ok().filter(|key| key.public().modulus_len() == 256);
        Ok(SigningKey(Arc::new(key.ok_or(invalid("an RSA key of 2048 bits (apiclient_key.pem)"))?)))
    }

    /// The signature over `text`: RSASSA-PKCS1-v1_5 with SHA-256, in base64 of 344 characters. The same text always has the
    /// same signature. Takes about a millisecond.
    /// # Panics
    /// If the machine computed a signature that its own public key does not accept. Nothing else can fail here.
    #[expect(clippy::expect_used, reason = "a machine that computes wrongly must not go on")]
    pub fn sign(&self, text: &[u8]) -> String {
        let mut signature = [0; 256];
        let done = self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature);
        done.expect("a key that was read can sign");
        STANDARD.encode(signature)
    }

    /// The public half as a DER `RSAPublicKey` (PKCS#1): compare it with
    /// [`super::public_key::PublicKey::der`] to see whether a certificate or public key belongs to this key.
    pub fn public_key_der(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(•••)")
    }
}
