//! API v3: JSON over HTTPS. The merchant signs requests with its RSA key; WeChat signs answers and notices with its own, and
//! seals what a notice says with the APIv3 key.
//!
//! What is believed goes one way: the headers ([`signed::SignedHead`]), the age, the key by its serial ([`keys::KeyRing`]),
//! the signature over the raw bytes ([`signed::verify`]), and only then the JSON ([`json::Object`]) and what is sealed in it
//! ([`seal::open`]). The version-neutral types of the crate say what a message means.
//! Source: WeChat Pay, 开发必要参数说明 and 签名与验签规则 (APIv3).

pub mod answer;
pub mod bill;
pub mod certificate;
pub mod certificates;
#[cfg(feature = "client")]
pub(crate) mod client;
mod credentials;
pub mod json;
pub mod keys;
pub mod merchant;
pub mod notice;
pub mod payment;
pub mod public_key;
pub mod query;
#[cfg(feature = "client")]
pub(crate) mod refresh;
pub mod refund;
pub mod refunds;
pub mod refusal;
pub mod seal;
pub mod serial;
pub mod sign;
pub mod signed;
pub mod signing_key;
pub mod transactions;

pub use credentials::Credentials;
pub use merchant::Merchant;

/// The longest notice that is read, in bytes.
pub const NOTICE_LIMIT: usize = 16 * 1024;

/// The longest answer that is read, in bytes.
pub const ANSWER_LIMIT: usize = 64 * 1024;
