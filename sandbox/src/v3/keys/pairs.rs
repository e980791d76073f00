//! The RSA key pairs of the sandbox. They are published with its source, like the v2 key of its merchant: `ring` makes no
//! RSA keys, and a crate that does would be there for nothing else. Certificates over them are made at the first start.

use std::sync::LazyLock;

use rcgen::KeyPair;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey};

/// Whose pair it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The merchant, who signs requests.
    Merchant,
    /// WeChat, whose public key (微信支付公钥) the merchant has by name.
    WeChat,
    /// WeChat, whose public keys are in platform certificates. A third certificate takes the first pair but two.
    Platform(usize),
    /// Nobody whom the merchant should believe.
    Stranger,
}

/// How many pairs platform certificates take turns with.
const PLATFORMS: usize = 3;

/// One pair of 2048 bits.
#[derive(Debug)]
pub struct Pair {
    /// For certificates and PEM.
    pub key: KeyPair,
    signer: RsaKeyPair,
}

static PAIRS: LazyLock<[Pair; 3 + PLATFORMS]> = LazyLock::new(|| {
    [
        Pair::read(include_str!("test_keys/merchant.pem")),
        Pair::read(include_str!("test_keys/wechat.pem")),
        Pair::read(include_str!("test_keys/stranger.pem")),
        Pair::read(include_str!("test_keys/platform_1.pem")),
        Pair::read(include_str!("test_keys/platform_2.pem")),
        Pair::read(include_str!("test_keys/platform_3.pem")),
    ]
});

impl Owner {
    pub fn pair(self) -> &'static Pair {
        &PAIRS[match self {
            Owner::Merchant => 0,
            Owner::WeChat => 1,
            Owner::Stranger => 2,
            Owner::Platform(nth) => 3 + nth % PLATFORMS,
        }]
    }
}

impl Pair {
    #[expect(clippy::expect_used, reason = "constants, which every test of API v3 reads")]
    fn read(pem: &str) -> Pair {
        let key = KeyPair::from_pem(pem).expect("a constant");
        let signer = RsaKeyPair::from_pkcs8(&key.serialize_der()).expect("a constant");
        Pair { key, signer }
    }

    /// SHA256 with RSA (PKCS #1 v1.5). Source: WeChat Pay, API v3 (签名生成).
    #[expect(clippy::expect_used, reason = "the buffer has the key's length, and nothing else can fail")]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.signer.public().modulus_len()];
        let signed = self.signer.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature);
        signed.expect("a signature");
        signature
    }

    /// Whether this pair made the signature.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.signer.public().as_ref())
            .verify(message, signature)
            .is_ok()
    }
}
