//! What a merchant needs for API v3.

use super::keys::KeyRing;
use super::merchant::Merchant;

/// One merchant's credentials for API v3. `Debug` hides its keys.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Signs, and opens what is sealed.
    pub merchant: Merchant,
    /// WeChat's keys: its public keys, and the certificates that were known before.
    pub keys: KeyRing,
    /// Whether platform certificates are read from WeChat, into `keys`. Without it there must be a public key.
    pub has_certificates: bool,
}
