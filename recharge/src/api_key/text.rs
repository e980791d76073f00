//! The text of a key, as a program sends it: `saoma_live_<id>_<secret>`, or `saoma_test_…` of a server with play money. The
//! beginning lets scanners of source code find a key that was committed.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use wxpay::InvalidValue;

use crate::base32::base32;

/// Length of an id: 80 bits in base32.
const ID_LETTERS: usize = 16;
/// Length of a secret: 256 bits in base64url.
const SECRET_LETTERS: usize = 43;

/// Whether a key is of a server that moves real money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyMode {
    /// Real money.
    Live,
    /// The sandbox.
    Test,
}

impl KeyMode {
    /// What a key's text begins with.
    pub fn prefix(self) -> &'static str {
        match self {
            KeyMode::Live => "saoma_live_",
            KeyMode::Test => "saoma_test_",
        }
    }
}

/// Which key it is; no secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

impl KeyId {
    /// Reads an id.
    ///
    /// # Errors
    /// [`InvalidValue`] for what cannot be one.
    pub fn parse(text: impl Into<String>) -> Result<KeyId, InvalidValue> {
        let text = text.into();
        let is_letter = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        match text.len() == ID_LETTERS && text.bytes().all(is_letter) {
            true => Ok(KeyId(text)),
            false => Err(InvalidValue { what: "the id of a key", must_be: "16 capital letters and digits" }),
        }
    }

    /// The letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// SHA-256 of a key's text. A text has 256 random bits, so that nothing slower is needed to keep it unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Reads 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`InvalidValue`] for anything else.
    pub fn parse(text: impl AsRef<str>) -> Result<KeyHash, InvalidValue> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.as_ref(), &mut bytes)
            .map_err(|_| InvalidValue { what: "the hash of a key", must_be: "64 hexadecimal digits" })?;
        Ok(KeyHash(bytes))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// The text of a key. It is shown once; what is kept is its [`KeyHash`].
#[derive(Clone, PartialEq, Eq)]
pub struct KeyText {
    id: KeyId,
    mode: KeyMode,
    whole: String,
}

impl KeyText {
    /// The text of a new key.
    pub fn new(mode: KeyMode, id: [u8; 10], secret: [u8; 32]) -> KeyText {
        KeyText::of(mode, KeyId(base32(&id)), secret)
    }

    /// Another text of the key with this id.
    pub fn of(mode: KeyMode, id: KeyId, secret: [u8; 32]) -> KeyText {
        let whole = format!("{}{id}_{}", mode.prefix(), URL_SAFE_NO_PAD.encode(secret));
        KeyText { id, mode, whole }
    }

    /// Reads what a program sent; `None` if no key looks like this.
    pub fn parse(text: &str) -> Option<KeyText> {
        let modes = [KeyMode::Live, KeyMode::Test];
        let (mode, rest) =
            modes.into_iter().find_map(|mode| Some((mode, text.strip_prefix(mode.prefix())?)))?;
        let (id, secret) = rest.split_once('_')?;
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_secret = secret.len() == SECRET_LETTERS && secret.bytes().all(is_letter);
        let id = KeyId::parse(id).ok().filter(|_| is_secret)?;
        Some(KeyText { id, mode, whole: text.to_owned() })
    }

    /// Whose text it is.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// Of which kind of server.
    pub fn mode(&self) -> KeyMode {
        self.mode
    }

    /// The text itself: a secret.
    pub fn expose(&self) -> &str {
        &self.whole
    }

    /// What is kept of it.
    pub fn hash(&self) -> KeyHash {
        KeyHash(Sha256::digest(&self.whole).into())
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}_…", self.mode.prefix(), self.id)
    }
}
