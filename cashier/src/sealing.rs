//! Seals what is stored or handed out sealed, with keys that are derived from `SAOMA_SECRET_KEY`: one for each purpose, so
//! that what was sealed for one is never opened for another.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::error::Unspecified;
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use ring::rand::{SecureRandom as _, SystemRandom};

/// What a key is for. Its text is the `info` of HKDF: a changed text is another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The cookie of a payer inside WeChat with the openid.
    OpenId,
    /// The cookie that an OAuth redirect must come back to.
    OauthState,
    /// The access token in the database.
    AccessToken,
    /// The secrets in the database that deliveries are signed with.
    WebhookSecret,
    /// The keys in the database of the merchants of 易支付.
    EpayKey,
    /// The secrets in the database of operators' second factors.
    SecondFactor,
    /// Addresses and secrets in the database of the channels by which people are told.
    AlertChannel,
}

impl Purpose {
    fn info(self) -> &'static str {
        match self {
            Purpose::OpenId => "saoma openid cookie",
            Purpose::OauthState => "saoma oauth state cookie",
            Purpose::AccessToken => "saoma access token",
            Purpose::WebhookSecret => "saoma webhook secret",
            Purpose::EpayKey => "saoma epay key",
            Purpose::SecondFactor => "saoma second factor",
            Purpose::AlertChannel => "saoma alert channel",
        }
    }
}

/// `SAOMA_SECRET_KEY`, and the one before it. All clones and sealers are the same keys, also after a replacement. `Debug` hides
/// both.
#[derive(Clone)]
pub struct SecretKeys(Arc<RwLock<Pair>>);

#[derive(Clone)]
struct Pair {
    present: Prk,
    old: Option<Prk>,
}

impl SecretKeys {
    pub fn new(present: &str, old: Option<&str>) -> Self {
        // HKDF-SHA256 with a fixed salt. Source: RFC 5869.
        let extracted =
            |secret: &str| Salt::new(HKDF_SHA256, b"saoma secret key 1").extract(secret.as_bytes());
        let pair = Pair { present: extracted(present), old: old.map(extracted) };
        SecretKeys(Arc::new(RwLock::new(pair)))
    }

    /// From now on all clones of this, and its sealers, use the keys of `other`.
    pub fn take_over(&self, other: &SecretKeys) {
        let theirs = other.pair();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = theirs;
    }

    /// Whether there is one before the present.
    pub fn has_old(&self) -> bool {
        self.pair().old.is_some()
    }

    fn without_old(&self) -> SecretKeys {
        SecretKeys(Arc::new(RwLock::new(Pair { old: None, ..self.pair() })))
    }

    fn pair(&self) -> Pair {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Seals and opens for one purpose.
    pub fn sealer(&self, purpose: Purpose) -> Sealer {
        Sealer { keys: self.clone(), purpose }
    }
}

impl fmt::Debug for SecretKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKeys(…)")
    }
}

/// AES-256-GCM under a derived key. The sealed text is base64url: 12 bytes of nonce, the ciphertext, 16 bytes of tag.
pub struct Sealer {
    keys: SecretKeys,
    purpose: Purpose,
}

impl Sealer {
    /// `context` is what the text is for, such as a user's id: it is not stored, and opening needs the same.
    /// # Errors
    /// [`Unspecified`] if the system has no random numbers.
    pub fn seal(&self, context: &str, text: &str) -> Result<String, Unspecified> {
        // Random nonces are unique enough for far more than the 2^32 texts that one key may seal.
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce)?;
        let mut sealed = text.as_bytes().to_vec();
        let aad = Aad::from(context.as_bytes());
        // Deriving a key takes a few microseconds.
        let key = self.key(&self.keys.pair().present);
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)?;
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// The text, whichever of the two keys sealed it. `None`: sealed by others, for another purpose or context, or changed.
    pub fn open(&self, context: &str, sealed: &str) -> Option<String> {
        let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let open = |key: &LessSafeKey| {
            let mut text = sealed.to_vec();
            let nonce = Nonce::assume_unique_for_key(*nonce);
            let text = key.open_in_place(nonce, Aad::from(context.as_bytes()), &mut text).ok()?;
            String::from_utf8(text.to_vec()).ok()
        };
        let Pair { present, old } = self.keys.pair();
        open(&self.key(&present)).or_else(|| open(&self.key(&old?)))
    }

    /// The same text sealed with the present key; `None` if that is what sealed it, or if neither opens it.
    pub(crate) fn renewed(&self, context: &str, sealed: &str) -> Option<String> {
        let present = Sealer { keys: self.keys.without_old(), purpose: self.purpose };
        match present.open(context, sealed) {
            Some(_) => None,
            None => self.seal(context, &self.open(context, sealed)?).ok(),
        }
    }

    fn key(&self, secret: &Prk) -> LessSafeKey {
        aead_key(&derived(secret, self.purpose))
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(…)")
    }
}

fn derived(secret: &Prk, purpose: Purpose) -> [u8; 32] {
    struct Bytes32;
    impl KeyType for Bytes32 {
        fn len(&self) -> usize {
            32
        }
    }
    let mut key = [0; 32];
    let info = [purpose.info().as_bytes()];
    // 32 bytes are one block of SHA-256, far below what HKDF can give: neither step can fail.
    #[expect(clippy::expect_used, reason = "constant lengths")]
    secret.expand(&info, Bytes32).and_then(|okm| okm.fill(&mut key)).expect("32 bytes of HKDF");
    key
}

fn aead_key(key: &[u8; 32]) -> LessSafeKey {
    #[expect(clippy::expect_used, reason = "the array's length is the algorithm's")]
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with Python's `hmac` and `hashlib` by RFC 5869: PRK = HMAC(salt, secret), OKM = HMAC(PRK, info ‖ 0x01).
    #[test]
    fn a_key_is_hkdf_sha256_of_the_secret_and_its_purpose() {
        let keys = SecretKeys::new("a secret of 32 bytes, for a test", None);
        let key = |purpose| hex::encode(derived(&keys.pair().present, purpose));
        assert_eq!(
            key(Purpose::AccessToken),
            "aa28158f6f7d21cdd24b3fd99e77903f29a08e3368cee75530f8997689123d89"
        );
        assert_eq!(key(Purpose::OpenId), "7294b9351b6fc9bb24d94446175c567d5418d8a3cc353c04010f3424b0743fa3");
    }

    #[test]
    fn what_was_sealed_is_opened_by_the_same_key_purpose_and_context_only() {
        let ours = SecretKeys::new("a secret of 32 bytes, for a test", None);
        let sealer = ours.sealer(Purpose::OpenId);
        let sealed = sealer.seal("lin wx1", "oUpF8uMuAJO").unwrap();
        assert_eq!(sealer.open("lin wx1", &sealed).as_deref(), Some("oUpF8uMuAJO"));
        assert_eq!(sealer.open("wang wx1", &sealed), None);
        assert_eq!(ours.sealer(Purpose::AccessToken).open("lin wx1", &sealed), None);
        assert_eq!(
            SecretKeys::new("another secret of 32 bytes, long", None)
                .sealer(Purpose::OpenId)
                .open("lin wx1", &sealed),
            None
        );
    }

    #[test]
    fn no_changed_character_is_accepted() {
        let sealer = SecretKeys::new("a secret of 32 bytes, for a test", None).sealer(Purpose::OpenId);
        let sealed = sealer.seal("c", "o1").unwrap();
        for at in 0..sealed.len() {
            let other = if sealed.as_bytes()[at] == b'A' { "B" } else { "A" };
            let changed = format!("{}{other}{}", &sealed[..at], &sealed[at + 1..]);
            assert_eq!(sealer.open("c", &changed), None, "{changed}");
        }
        for short in ["", "A", "AAAAAAAAAAAAAAAA", &sealed[..sealed.len() - 1], &format!("{sealed}A")] {
            assert_eq!(sealer.open("c", short), None, "{short}");
        }
    }

    #[test]
    fn the_old_key_opens_and_the_present_one_seals() {
        let (old, new) = ("an old secret of 32 bytes at least", "a new secret of 32 bytes at least");
        let before = SecretKeys::new(old, None).sealer(Purpose::OpenId).seal("c", "text").unwrap();
        let rotated = SecretKeys::new(new, Some(old)).sealer(Purpose::OpenId);
        assert_eq!(rotated.open("c", &before).as_deref(), Some("text"));
        let after = rotated.seal("c", "text").unwrap();
        assert_eq!(
            SecretKeys::new(new, None).sealer(Purpose::OpenId).open("c", &after).as_deref(),
            Some("text")
        );
        assert_eq!(SecretKeys::new(old, None).sealer(Purpose::OpenId).open("c", &after), None);
    }

    #[test]
    fn a_sealer_uses_the_keys_that_replaced_its_own() {
        let (old, new) = ("an old secret of 32 bytes at least", "a new secret of 32 bytes at least");
        let keys = SecretKeys::new(old, None);
        let sealer = keys.sealer(Purpose::OpenId);
        let before = sealer.seal("c", "text").unwrap();
        keys.take_over(&SecretKeys::new(new, Some(old)));
        assert_eq!(sealer.open("c", &before).as_deref(), Some("text"));
        let after = sealer.seal("c", "text").unwrap();
        keys.take_over(&SecretKeys::new(new, None));
        assert_eq!(sealer.open("c", &before), None);
        assert_eq!(sealer.open("c", &after).as_deref(), Some("text"));
    }

    #[test]
    fn equal_texts_are_sealed_differently_and_debug_shows_nothing() {
        let keys =
            SecretKeys::new("a secret of 32 bytes, for a test", Some("its forerunner of 32 bytes, old"));
        let sealer = keys.sealer(Purpose::OpenId);
        assert_ne!(sealer.seal("c", "text").unwrap(), sealer.seal("c", "text").unwrap());
        assert_eq!(format!("{keys:?} {sealer:?}"), "SecretKeys(…) Sealer(…)");
    }
}
